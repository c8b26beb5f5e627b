import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { tempDir } from '@latchgate/testkit'
import { expect, test } from 'vitest'
import * as sdk from '../src/index.js'
import { executed, GateDouble } from './gate-double.js'
import { afterThisTest } from './setup.js'

const run = promisify(execFile)
const PACKAGE = new URL('../../', import.meta.url)
const README = readFileSync(new URL('README.md', PACKAGE), 'utf8')
const FRONT_PAGE = readFileSync(new URL('../../README.md', PACKAGE), 'utf8')
const SNIPPETS = [...`${FRONT_PAGE}\n${README}`.matchAll(/```[jt]s\n(.*?)```/gs)].map(
  (match) => match[1]!,
)

test('the front page has one snippet, the README five', () => {
  expect(SNIPPETS).toHaveLength(6)
})

test.each(SNIPPETS.map((code, i) => [i + 1, code] as const))(
  'snippet %i of the two runs as it stands, on a gate at the default socket',
  async (number, code) => {
    const directory = tempDir()
    afterThisTest(() => directory.remove())
    mkdirSync(directory.file('latchgate'), { mode: 0o700 })
    const gate = await GateDouble.onSocket(directory.file('latchgate', 'gate.sock'))
    afterThisTest(() => gate.stop())
    gate.onExecute(executed())
    gate.onGet('/v1/actions', { status: 200, json: { actions: [{ action_id: 'http_fetch' }] } })
    gate.onGet('/v1/permitted-actions', { status: 200, json: { actions: [] } })
    gate.onGet('/v1/receipt-keys', { status: 200, json: { keys: [] } })
    gate.onGet('/v1/receipts/receipt-1', { status: 200, json: RECEIPT })
    // Below the package, so that `latchgate` is found as an installed package is.
    const file = fileURLToPath(new URL(`dist/readme-${process.pid}-${number}.mjs`, PACKAGE))
    writeFileSync(file, code)
    afterThisTest(() => rmSync(file, { force: true }))
    const key = await sdk.DPoPKeyPair.generate()
    const credentials = {
      AGENT_KEY_FILE: directory.file('agent.pem'),
      AGENT_TOKEN_FILE: directory.file('token'),
    }
    writeFileSync(credentials.AGENT_KEY_FILE, key.exportPem(), { mode: 0o600 })
    writeFileSync(credentials.AGENT_TOKEN_FILE, 'aaa.bbb.ccc\n')
    const env = { PATH: process.env['PATH'], XDG_RUNTIME_DIR: directory.path, ...credentials }
    const { stdout, stderr } = await run(process.execPath, [file], { env })
    expect(stderr).toBe('')
    expect(stdout).not.toBe('')
    expect(gate.requests('/v1/actions/http_fetch/execute')).toHaveLength(1)
  },
)

test('everything that the specification names is exported', () => {
  expect(Object.keys(sdk).sort()).toEqual([
    'DPoPKeyPair',
    'LatchGateApprovalDenied',
    'LatchGateApprovalExpired',
    'LatchGateApprovalRequired',
    'LatchGateApprovalTimeout',
    'LatchGateAuthError',
    'LatchGateBudgetExhausted',
    'LatchGateClient',
    'LatchGateDenied',
    'LatchGateError',
    'LatchGateLeaseExpired',
    'LatchGateNotConnected',
    'LatchGateReplayDetected',
    'LatchGateTransportError',
    'LatchGateUnavailable',
    'computeAth',
    'egressProfileFromJson',
    'executionReceiptFromJson',
    'isFullySuccessful',
    'verifyReceipt',
  ])
})

const RECEIPT = {
  receipt_id: 'receipt-1',
  grant_id: 'grant-1',
  provider_module_digest: 'builtin:http_api',
  provider_receipt: { ok: true },
  normalized_result: { kind: 'success' },
  verification_outcome: { status: 'verified' },
  result_hash: '00',
  started_at: '2026-03-01T10:00:00Z',
  finished_at: '2026-03-01T10:00:01Z',
}
