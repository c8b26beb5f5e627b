import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { compileRego, opaVersion, testRego } from './compile.js'

const root = new URL('../../', import.meta.url)
const path = (name: string): string => fileURLToPath(new URL(name, root))
const digest = (bytes: Uint8Array): string =>
  `sha256:${createHash('sha256').update(bytes).digest('hex')}`

const version = opaVersion()
if (version === null) throw new Error('opa is not on the path: it compiles the policy')
process.stdout.write(testRego(path('rego')))
const wasm = compileRego(path('rego/latchgate.rego'))
const digests = {
  opa: version,
  'policy.wasm': digest(wasm),
  'latchgate.rego': digest(readFileSync(path('rego/latchgate.rego'))),
}
mkdirSync(path('assets'), { recursive: true })
writeFileSync(path('assets/policy.wasm'), wasm)
writeFileSync(path('assets/digests.json'), `${JSON.stringify(digests, null, 2)}\n`)
process.stdout.write(`assets/policy.wasm: ${wasm.length} bytes, ${digests['policy.wasm']}\n`)
