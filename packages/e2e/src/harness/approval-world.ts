import type { GateOptions } from '@latchgate/gate'
import { openDatabase, verifyLedgerFile } from '@latchgate/gate'
import type { JsonObject } from '@latchgate/protocol'
import type { ProjectSettings } from './gate.js'
import { startWorld, type World } from './world.js'

/** What GitHub answers when an issue is made. */
export const CREATED = '{"id":1,"number":7,"html_url":"https://github.com/acme/rocket/issues/7"}'

/** The environment of a gate that makes issues. */
export const GITHUB_ENV = { LATCHGATE_SECRET_GITHUB_TOKEN: 'ghp_test_0123456789' } as const

/** Rates that no test of something else runs into. */
export const NO_RATES = `[rate_limits]
execute_rps_per_session = 10000
execute_rps_per_principal = 10000
execute_rps_anonymous = 10000
lease_rps = 10000
operator_read_rps = 10000
operator_write_rps = 10000`

let made = 0

/** A call of `github_create_issue` that no other one is the same as; identical ones share an approval. */
export function issue(repo = 'rocket'): {
  readonly owner: string
  readonly repo: string
  readonly title: string
} {
  made += 1
  return { owner: 'acme', repo, title: `Fins fall off, ${made}` }
}

/** A world in which calls are held, and whose upstream makes issues. */
export async function startApprovalWorld(
  settings: ProjectSettings = {},
  options: Partial<Omit<GateOptions, 'loaded' | 'log'>> = {},
): Promise<World> {
  const { tables = '' } = settings
  const approvals = tables.includes('[approvals]')
    ? ''
    : '[approvals]\nmax_pending_per_principal = 1000'
  const world = await startWorld(
    { ...settings, tables: `${NO_RATES}\n${approvals}\n${tables}` },
    { env: GITHUB_ENV, ...options },
  )
  world.upstream.on('POST', '/repos/acme/rocket/issues', () => ({
    status: 201,
    headers: { 'content-type': 'application/json' },
    body: CREATED,
  }))
  return world
}

/** Every leaf of the ledger file that names an approval, or is of its call, in the order of the log. */
export function approvalLeaves(
  ledger: string,
  approvalId: string,
): readonly { readonly type: string; readonly body: JsonObject }[] {
  const db = openDatabase(ledger, { readOnly: true })
  try {
    const hold = db
      .prepare("SELECT trace_id FROM leaves WHERE type = 'hold' AND id = ?")
      .get(approvalId) as { trace_id: string } | undefined
    const rows = db
      .prepare('SELECT type, bytes FROM leaves WHERE trace_id = ? ORDER BY leaf')
      .all(hold?.trace_id ?? '') as { type: string; bytes: Uint8Array }[]
    return rows.map(({ type, bytes }) => {
      const text = Buffer.from(bytes).toString('utf8')
      const { body } = JSON.parse(text.slice(text.indexOf('{'))) as { body: JsonObject }
      return { type, body }
    })
  } finally {
    db.close()
  }
}

/** Type and decision of the records of an approval: `hold`, `approval granted`, `intent`, … */
export function recordsOf(ledger: string, approvalId: string): readonly string[] {
  return approvalLeaves(ledger, approvalId).map(({ type, body }) =>
    typeof body['decision'] === 'string' ? `${type} ${body['decision']}` : type,
  )
}

/** The records of a call that was approved and executed. */
export const EXECUTED: readonly string[] = [
  'hold pending_approval',
  'approval granted',
  'intent',
  'receipt',
  'decision allow',
]

/** What the offline verifier finds wrong with the ledger of a world. */
export function findingsOf(world: Pick<World, 'gate'>): readonly unknown[] {
  return verifyLedgerFile({ path: world.gate.project.ledger }).findings
}

/** Throws when the offline verifier finds anything wrong with the ledger of a world. */
export function assertSound(world: Pick<World, 'gate'>): void {
  const findings = findingsOf(world)
  if (findings.length > 0) throw new Error(`findings: ${JSON.stringify(findings)}`)
}

/** Waits until something holds that the test cannot be told of. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5))
}
