import { LatchGateApprovalDenied, LatchGateApprovalRequired, type LatchGateClient } from 'latchgate'
import { expect } from './expect.js'
import { changeStoredPlan, latchgate } from './operator-desk.js'
import type { Props } from './props.js'
import type { Story } from './story.js'

/** Lines of the plan that the story shows; the operator sees all of them. */
const SHOWN = ['held because', 'request', 'secrets']

/** Calls that wait for a human: one is approved, one denied, and one is not what was shown any more. */
export async function humanDecides(
  story: Story,
  props: Props,
  client: LatchGateClient,
): Promise<void> {
  story.act('A call that waits for a human')
  props.upstream.on('POST', '/repos/acme/rocket/issues', () => ({
    status: 201,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ id: 1, number: 7, html_url: 'https://github.com/acme/rocket/issues/7' }),
  }))
  await approved(story, props, client)
  await denied(story, props, client)
  await changed(story, props, client)
}

async function approved(story: Story, props: Props, client: LatchGateClient): Promise<void> {
  const id = await held(story, props, client, 'Fins fall off')
  story.operator('latchgate approvals show: what exactly would leave the gate')
  for (const line of (await latchgate(props, 'approvals', 'show', id)).lines) {
    const label = line.slice(2, 15).trim()
    const value = line.slice(15)
    if (SHOWN.includes(label)) story.member(label, value)
    if (line.startsWith('  │')) story.quote(line.trim())
  }
  const result = client.waitForApproval(id)
  const { exitCode } = await latchgate(props, 'approvals', 'approve', id, '--yes')
  expect(exitCode === 0, 'the approval must be accepted')
  story.operator('approves, signing the plan with his own key')
  const { output, receiptId } = await result
  const { data } = output as { data: { body: string } }
  const { number } = JSON.parse(data.body) as { number: number }
  story.agent(`has waited, and gets the result of that very call: issue #${number}`)
  const { raw } = await client.getReceipt(receiptId)
  const { decisions } = raw['approval'] as {
    decisions: { operator: string; attestation: string }[]
  }
  const [decision] = decisions
  expect(decision?.attestation !== undefined, 'the receipt must carry the decision')
  story.gate(`receipt: approved by ${decision?.operator}, with his signature over the plan`)
}

async function denied(story: Story, props: Props, client: LatchGateClient): Promise<void> {
  const id = await held(story, props, client, 'Paint it pink')
  const before = props.upstream.requests.length
  const result = client.waitForApproval(id).catch((error: unknown) => error)
  await latchgate(props, 'approvals', 'deny', id, '--reason', 'not during the freeze')
  story.operator('denies it: "not during the freeze"')
  const error = await result
  expect(error instanceof LatchGateApprovalDenied, 'the agent must be told')
  story.agent(`is told: ${(error as LatchGateApprovalDenied).denyReason}`)
  expect(props.upstream.requests.length === before, 'nothing may be sent')
}

async function changed(story: Story, props: Props, client: LatchGateClient): Promise<void> {
  const id = await held(story, props, client, 'Move the launch to 9:00')
  const before = props.upstream.requests.length
  const restore = changeStoredPlan(props, 'launch to 9:00', 'launch to 8:00')
  story.plain('Somebody with access to the file changes one byte of the stored plan: 9:00 to 8:00.')
  const { exitCode, lines } = await latchgate(props, 'approvals', 'approve', id, '--yes')
  restore()
  expect(exitCode !== 0, 'the changed plan must be refused')
  const said = lines.map((line) => line.trim()).find((line) => line.includes('plan_hash_mismatch'))
  story.gate(`refuses: ${(said ?? '').replace(/^✗\s*/, '')}`)
  expect(props.upstream.requests.length === before, 'nothing may be sent')
  story.upstream('gets nothing')
}

async function held(
  story: Story,
  props: Props,
  client: LatchGateClient,
  title: string,
): Promise<string> {
  const before = props.upstream.requests.length
  story.agent(`execute("github_create_issue", { …, title: "${title}" })`)
  try {
    await client.execute('github_create_issue', { owner: 'acme', repo: 'rocket', title })
  } catch (error) {
    if (!(error instanceof LatchGateApprovalRequired)) throw error
    expect(props.upstream.requests.length === before, 'nothing may be sent')
    story.gate('held: the call waits for an operator, nothing is sent')
    return error.approvalId
  }
  throw new Error('the demo did not go as told: the call must be held')
}
