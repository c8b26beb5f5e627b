import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { runNode } from './child.mjs'
import { ROOT } from './root.mjs'
import { say, sayFailure } from './say.mjs'

const OUT = '.cache/docs-api'

/** Writes the API documentation of the TypeScript SDK as HTML; returns an exit code. */
export async function docsApi() {
  rmSync(join(ROOT, OUT), { recursive: true, force: true })
  mkdirSync(join(ROOT, OUT), { recursive: true })
  const code = await runNode('packages/sdk/build/api-docs.mjs', [OUT])
  if (code === 0) say(`open ${OUT}/index.html`)
  else sayFailure('the documentation has faults: see above. A warning is one, too')
  return code
}
