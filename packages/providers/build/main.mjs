// Rebuilds assets/ from assembly/. `npm ci --ignore-scripts` in this folder first; nothing else needs it.
// With --check nothing is written: it fails when a build differs from what is committed.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { compileProvider } from './compile.mjs'

/** Every first-party provider and the imports at which it suspends. */
const PROVIDERS = [{ name: 'http_api', blocking: ['latchgate:provider/io-http@0.1.0.request'] }]

const tools = fileURLToPath(new URL('.', import.meta.url))
const asset = (name) => fileURLToPath(new URL(`../assets/${name}`, import.meta.url))
const check = process.argv.includes('--check')

if (!existsSync(new URL('node_modules', import.meta.url))) {
  console.error(`the build tools are not installed: npm ci --ignore-scripts --prefix ${tools}`)
  process.exit(2)
}

const digests = {}
let differs = false
for (const { name, blocking } of PROVIDERS) {
  const entry = fileURLToPath(new URL(`../assembly/${name}.ts`, import.meta.url))
  const bytes = await compileProvider({ tools, entry, blocking })
  const file = `${name}.wasm`
  digests[file] = `sha256:${createHash('sha256').update(bytes).digest('hex')}`
  console.log(`assets/${file}: ${bytes.length} bytes, ${digests[file]}`)
  if (check) differs ||= Buffer.compare(bytes, readFileSync(asset(file))) !== 0
  else write(file, bytes)
}
const document = `${JSON.stringify(digests, null, 2)}\n`
if (check) differs ||= document !== readFileSync(asset('digests.json'), 'utf8')
else write('digests.json', document)
if (differs) {
  console.error('the build differs from assets/: build without --check, and commit both')
  process.exit(1)
}

function write(name, contents) {
  mkdirSync(asset(''), { recursive: true })
  writeFileSync(asset(name), contents)
}
