import { readFileSync } from 'node:fs'
import { receiptLines } from '@latchgate/cli'
import type { Receipt } from '@latchgate/evidence'
import {
  type ActionResult,
  type ExecutionReceipt,
  LatchGateClient,
  LatchGateDenied,
  type ReceiptKey,
  verifyReceipt,
} from 'latchgate'
import { expect } from './expect.js'
import { humanDecides } from './human-act.js'
import type { Props } from './props.js'
import type { Story } from './story.js'
import { tamperedLedger } from './tampered-ledger.js'

/** What is there afterwards, for those who go on. */
export interface Traces {
  readonly receiptId: string
}

/** Plays the acts in order; throws when one does not go as told. */
export async function runActs(story: Story, props: Props): Promise<Traces> {
  const client = new LatchGateClient({ socket: props.socket, agentId: 'demo-agent' })
  let receiptId: string
  try {
    receiptId = await allowedRead(story, props, client)
    await injectedToken(story, props, client)
    await outsideItsRights(story, props, client)
    await humanDecides(story, props, client)
    await privateAddress(story, client)
  } finally {
    await client.close()
  }
  tamperedLedger(story, props)
  return { receiptId }
}

async function allowedRead(story: Story, props: Props, client: LatchGateClient): Promise<string> {
  story.act('An allowed read')
  props.upstream.on('GET', '/zen', () => ({ status: 200, body: 'Design for failure.' }))
  story.agent('execute("http_fetch", { url: "https://api.github.com/zen" })')
  const result = await client.execute('http_fetch', { url: 'https://api.github.com/zen' })
  story.agent(`gets ${JSON.stringify(bodyOf(result))} and the id of a receipt`)
  const receipt = await client.getReceipt(result.receiptId)
  story.gate(`receipt ${result.receiptId}: signed, and durable before the agent got its answer`)
  tellReceipt(story, receipt)
  const keys = JSON.parse(readFileSync(props.receiptKeys, 'utf8')) as { keys: ReceiptKey[] }
  const checked = verifyReceipt(receipt, keys.keys)
  story.auditor(
    `checks it offline, with the public key from the gate's key file: ` +
      `signature ${checked.signature}, result hash ${checked.resultHash}`,
  )
  expect(checked.findings.length === 0, 'the receipt must verify')
  return result.receiptId
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
  story.agent('execute("github_read", { path: "user" }): no token, it has none')
  const result = await client.execute('github_read', { path: 'user' })
  const sent = props.upstream.requests.at(-1)?.headers['authorization']
  expect(sent === `Bearer ${props.token}`, 'the upstream must get the token')
  story.upstream(`gets    Authorization: ${sent}`)
  story.upstream(`answers {"login":"demo","you_sent":"${sent}"}`)
  story.agent(`sees    ${bodyOf(result)}`)
  expect(!JSON.stringify(result).includes(props.token), 'the agent must not see the token')
  const [effect] = receiptOf(await client.getReceipt(result.receiptId)).effects
  const [secret] = effect?.secrets ?? []
  expect(effect?.scrubbed === true && secret !== undefined, 'the receipt must say so')
  story.gate(
    `receipt: secret ${secret?.name} went into ${secret?.into}; it came back and was removed`,
  )
}

async function outsideItsRights(
  story: Story,
  props: Props,
  client: LatchGateClient,
): Promise<void> {
  story.act('A call outside its rights')
  const url = 'https://api.github.com/repos/acme/prod'
  const before = props.upstream.requests.length
  story.agent(`execute("http_delete", { url: "${url}" })`)
  story.gate(`denied: ${await denialOf(client, 'http_delete', { url })}`)
  expect(props.upstream.requests.length === before, 'nothing may be sent')
  story.upstream('gets nothing')
}

async function privateAddress(story: Story, client: LatchGateClient): Promise<void> {
  story.act('An attempt to reach a private address')
  const url = 'http://169.254.169.254/latest/meta-data/'
  story.agent(`execute("http_fetch", { url: "${url}" })`)
  story.gate(`denied: ${await denialOf(client, 'http_fetch', { url })}`)
}

function tellReceipt(story: Story, receipt: ExecutionReceipt): void {
  for (const [label, value] of receiptLines(receiptOf(receipt))) {
    if (['action', 'principal', 'outcome', 'verification', 'effect'].includes(label)) {
      story.member(label, value)
    }
  }
  story.member('arguments', String(receipt.raw['arguments_hash']))
}

function receiptOf(receipt: ExecutionReceipt): Receipt {
  return receipt.raw as unknown as Receipt
}

async function denialOf(
  client: LatchGateClient,
  action: string,
  params: Readonly<Record<string, unknown>>,
): Promise<string> {
  try {
    await client.execute(action, params)
  } catch (error) {
    if (error instanceof LatchGateDenied) return error.denyReason ?? error.reason ?? ''
    throw error
  }
  throw new Error(`the demo did not go as told: ${action} must be denied`)
}

function bodyOf(result: ActionResult): string {
  const output = result.output as { data?: { body?: unknown } }
  return String(output.data?.body)
}
