import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { openDatabase, verifyLedgerFile } from '@latchgate/gate'
import type { Upstream } from '@latchgate/testkit'
import { type ActionResult, LatchGateClient, LatchGateDenied } from 'latchgate'
import type { Story } from './story.js'

/** What the acts play with. */
export interface Props {
  readonly socket: string
  readonly ledger: string
  readonly scratch: string
  readonly upstream: Upstream
  readonly token: string
}

/** Plays the acts in order; throws when one does not go as told. */
export async function runActs(story: Story, props: Props): Promise<void> {
  const client = new LatchGateClient({ socket: props.socket, agentId: 'demo-agent' })
  try {
    await allowedRead(story, props, client)
    await injectedToken(story, props, client)
    await outsideItsRights(story, client)
    await privateAddress(story, client)
  } finally {
    await client.close()
  }
  await tamperedLedger(story, props)
}

async function allowedRead(story: Story, props: Props, client: LatchGateClient): Promise<void> {
  story.act('An allowed read')
  props.upstream.on('GET', '/zen', () => ({ status: 200, body: 'Design for failure.' }))
  story.agent('execute("http_fetch", { url: "https://api.github.com/zen" })')
  const result = await client.execute('http_fetch', { url: 'https://api.github.com/zen' })
  story.agent(`got ${JSON.stringify(bodyOf(result))}`)
  const receipt = await client.getReceipt(result.receiptId)
  story.gate(`receipt ${result.receiptId}`)
  story.gate(
    `outcome: ${String(receipt.normalizedResult['kind'])}, fully successful: ${receipt.isFullySuccessful}`,
  )
  const checked = await client.verifyReceipt(result.receiptId)
  story.auditor(
    `checked offline: signature ${checked.signature}, result hash ${checked.resultHash}`,
  )
  expect(checked.signature === 'valid', 'the receipt must verify')
}

async function injectedToken(story: Story, props: Props, client: LatchGateClient): Promise<void> {
  story.act('A call with a token that the agent never sees')
  props.upstream.on('GET', '/user', (request) => ({
    status: 200,
    headers: {
      'content-type': 'application/json',
      'x-echo': String(request.headers['authorization']),
    },
    body: JSON.stringify({ login: 'demo', you_sent: request.headers['authorization'] }),
  }))
  story.agent('execute("github_read", { path: "user" })')
  const result = await client.execute('github_read', { path: 'user' })
  const sent = props.upstream.requests.at(-1)?.headers['authorization']
  expect(sent === `Bearer ${props.token}`, 'the upstream must get the token')
  story.upstream(`received  Authorization: Bearer ${props.token.slice(0, 12)}… and echoed it`)
  story.agent(`sees      ${bodyOf(result)}`)
  expect(!JSON.stringify(result).includes(props.token), 'the agent must not see the token')
  story.gate('the response was searched for the token and scrubbed; the receipt says so')
}

async function outsideItsRights(story: Story, client: LatchGateClient): Promise<void> {
  story.act('A call outside its rights')
  story.agent('execute("http_delete", { url: "https://api.github.com/repos/acme/prod" })')
  story.gate(
    await denialOf(client, 'http_delete', { url: 'https://api.github.com/repos/acme/prod' }),
  )
}

async function privateAddress(story: Story, client: LatchGateClient): Promise<void> {
  story.act('An attempt to reach a private address')
  const url = 'http://169.254.169.254/latest/meta-data/'
  story.agent(`execute("http_fetch", { url: "${url}" })`)
  story.gate(await denialOf(client, 'http_fetch', { url }))
}

async function tamperedLedger(story: Story, props: Props): Promise<void> {
  story.act('A copy of the ledger is tampered with')
  const copy = join(props.scratch, 'tampered.db')
  const whole = verifyLedgerFile({ path: props.ledger })
  story.auditor(`the original: ${whole.leavesChecked} leaves, ${whole.findings.length} findings`)
  expect(whole.findings.length === 0, 'the original must be whole')
  copyFileSync(props.ledger, copy)
  copyFileSync(`${props.ledger}-wal`, `${copy}-wal`)
  const database = openDatabase(copy)
  database.exec(
    "UPDATE leaves SET bytes = CAST(replace(CAST(bytes AS TEXT), 'api.github.com/zen', 'api.github.com/xen') AS BLOB) WHERE type = 'receipt'",
  )
  database.close()
  story.plain('one letter of a URL in a receipt is changed: zen → xen')
  const broken = verifyLedgerFile({ path: copy })
  for (const finding of broken.findings.slice(0, 3)) {
    story.auditor(`leaf #${finding.index ?? '?'}: ${finding.problem}`)
  }
  expect(broken.findings.length > 0, 'the verifier must find it')
}

async function denialOf(
  client: LatchGateClient,
  action: string,
  params: Readonly<Record<string, unknown>>,
): Promise<string> {
  try {
    await client.execute(action, params)
  } catch (error) {
    if (error instanceof LatchGateDenied) return `denied: ${error.reason ?? ''}`
    throw error
  }
  throw new Error(`${action} was expected to be denied`)
}

function bodyOf(result: ActionResult): string {
  const output = result.output as { data?: { body?: unknown } }
  return String(output.data?.body)
}

function expect(condition: boolean, claim: string): void {
  if (!condition) throw new Error(`the demo did not go as told: ${claim}`)
}
