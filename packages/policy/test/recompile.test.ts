import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadPolicy } from '@open-policy-agent/opa-wasm'
import { expect, test } from 'vitest'
import { compileRego, opaVersion, testRego } from '../build/compile.js'
import { defaultPolicy } from '../src/index.js'
import { documents, requests } from './cases.js'

const root = new URL('../../', import.meta.url)
const rego = fileURLToPath(new URL('rego', root))
const source = join(rego, 'latchgate.rego')

async function decisionsOf(wasm: Uint8Array): Promise<unknown[]> {
  const loaded = await loadPolicy(wasm.slice().buffer)
  return documents.flatMap((document) => {
    loaded.setData(document)
    return requests.map((input) => (loaded.evaluate(input) as { result: unknown }[])[0]?.result)
  })
}

test('the table of cases has allowed, held and denied calls in it', async () => {
  const decisions = (await decisionsOf(defaultPolicy().wasm)) as {
    allow: boolean
    requires_approval?: boolean
  }[]
  expect(decisions.filter((one) => !one.allow).length).toBeGreaterThan(50)
  expect(decisions.filter((one) => one.allow && one.requires_approval).length).toBeGreaterThan(20)
  expect(decisions.filter((one) => one.allow && !one.requires_approval).length).toBeGreaterThan(20)
})

// The module is committed so that nobody needs OPA; who has it checks the module against the rules.
const version = opaVersion()
if (version !== null) {
  test('the Rego tests pass', () => {
    expect(testRego(rego)).toMatch(/^PASS: (\d+)\/\1$/m)
  })

  test('a new build decides as the committed module does', async () => {
    const wasm = compileRego(source)
    expect(await decisionsOf(wasm)).toEqual(await decisionsOf(defaultPolicy().wasm))
    const committed = JSON.parse(readFileSync(new URL('assets/digests.json', root), 'utf8')) as {
      opa: string
    }
    if (committed.opa === version) {
      expect(Buffer.compare(wasm, defaultPolicy().wasm), 'the same OPA, other bytes').toBe(0)
    }
  }, 60_000)

  test('OPA itself decides as the committed module does', async () => {
    const scratch = mkdtempSync(join(tmpdir(), 'latchgate-policy-'))
    try {
      const decisions = documents.flatMap((document) => {
        const file = join(scratch, 'data.json')
        writeFileSync(file, JSON.stringify({ ...document, requests }))
        const query = '[d | some r in data.requests; d := data.latchgate.decision with input as r]'
        const args = ['eval', '-d', source, '-d', file, '-f', 'json', query]
        const answer = JSON.parse(execFileSync('opa', args, { encoding: 'utf8' })) as {
          result: { expressions: { value: unknown[] }[] }[]
        }
        return answer.result[0]?.expressions[0]?.value ?? []
      })
      expect(decisions).toEqual(await decisionsOf(defaultPolicy().wasm))
    } finally {
      rmSync(scratch, { recursive: true })
    }
  }, 60_000)
}
