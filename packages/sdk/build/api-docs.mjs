// Writes the API documentation of the SDK as HTML: `node api-docs.mjs DIRECTORY`. What it uses,
// typedoc and the TypeScript whose compiler it calls, is installed below packages/sdk alone.
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Application } from 'typedoc'

const SDK = fileURLToPath(new URL('../', import.meta.url))

const app = await Application.bootstrap({
  name: 'latchgate',
  includeVersion: true,
  entryPoints: [`${SDK}src/index.ts`],
  tsconfig: `${SDK}tsconfig.json`,
  readme: `${SDK}README.md`,
  out: resolve(process.argv[2] ?? '.'),
  excludePrivate: true,
  // Where this clone comes from is no part of the documentation.
  disableSources: true,
  hideGenerator: true,
  githubPages: false,
  validation: {
    notExported: true,
    invalidLink: true,
    invalidPath: true,
    rewrittenLink: true,
    notDocumented: true,
    unusedMergeModuleWith: true,
  },
})
const project = await app.convert()
if (project !== undefined) {
  app.validate(project)
  if (!app.logger.hasErrors()) await app.generateOutputs(project)
}
// A warning is an export without words, or a link to nowhere.
const isClean = project !== undefined && !app.logger.hasErrors() && !app.logger.hasWarnings()
process.exitCode = isClean ? 0 : 1
