import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { openApiDocument, ROUTES } from './document.js'

const path = fileURLToPath(new URL('../../../../../docs/openapi.json', import.meta.url))
const text = await openApiDocument()
writeFileSync(path, text)
process.stdout.write(`docs/openapi.json: ${ROUTES.length} routes, ${text.length} bytes\n`)
