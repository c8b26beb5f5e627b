export { main } from './main.js'
export { createProject, type NewProject } from './project.js'
