// Rebuilds the hostile modules of test/modules/ from assembly/, with the tools of the providers' build.
// With --check nothing is written: it fails when a build differs from what is committed.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { compileProvider } from '../../providers/build/compile.mjs'

const REQUEST = 'latchgate:provider/io-http@0.1.0.request'

/** Every module, and the imports at which it suspends. */
const MODULES = {
  trap: [],
  'endless-loop': [],
  'memory-hog': [],
  'deep-recursion': [],
  'bad-output': [],
  'huge-output': [],
  'second-request': [REQUEST],
  'different-request': [REQUEST],
  'different-method': [REQUEST],
  'different-header': [REQUEST],
  'different-body': [REQUEST],
}

const tools = fileURLToPath(new URL('../../providers/build/', import.meta.url))
const output = (name) => fileURLToPath(new URL(`../test/modules/${name}`, import.meta.url))
const check = process.argv.includes('--check')

if (!existsSync(`${tools}node_modules`)) {
  console.error(`the build tools are not installed: npm ci --ignore-scripts --prefix ${tools}`)
  process.exit(2)
}

const digests = {}
const differing = []
for (const [name, blocking] of Object.entries(MODULES)) {
  const entry = fileURLToPath(new URL(`../assembly/${name}.ts`, import.meta.url))
  const bytes = await compileProvider({ tools, entry, blocking })
  digests[`${name}.wasm`] = `sha256:${createHash('sha256').update(bytes).digest('hex')}`
  put(`${name}.wasm`, bytes)
}
put('digests.json', Buffer.from(`${JSON.stringify(digests, null, 2)}\n`))
if (differing.length > 0) {
  console.error(`the build differs from test/modules/: ${differing.join(', ')}`)
  process.exit(1)
}

function put(name, bytes) {
  if (!check) {
    mkdirSync(output(''), { recursive: true })
    writeFileSync(output(name), bytes)
  } else if (!existsSync(output(name)) || Buffer.compare(bytes, readFileSync(output(name))) !== 0) {
    differing.push(name)
  }
}
