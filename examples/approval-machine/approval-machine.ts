// A state machine whose one step needs a human: kill it while it waits, start it again, it goes on.
import {
  type ActionResult,
  LatchGateApprovalDenied,
  LatchGateApprovalExpired,
  LatchGateApprovalRequired,
  LatchGateApprovalTimeout,
  LatchGateClient,
  LatchGateDenied,
  LatchGateError,
  LatchGateUnavailable,
} from 'latchgate'
import { loadState, type Note, type State, saveState } from './state-file.ts'

const [file = 'approval-machine.json'] = process.argv.slice(2)
const client = new LatchGateClient({ agentId: 'example-approval-machine' })
try {
  let state = loadState(file)
  for (;;) {
    // Saved before the next step is taken: what is in the file is never ahead of what happened.
    saveState(file, state)
    console.log(describe(state))
    const next = await step(state)
    if (next === null) break
    state = next
  }
} catch (error) {
  if (!(error instanceof LatchGateError)) throw error
  console.error(`${error.gateMessage ?? error.message}\nstart again to go on from ${file}`)
  process.exitCode = 1
} finally {
  await client.close()
}

/** The state that follows; null: the end. Throws when the gate cannot be asked: start again later. */
async function step(state: State): Promise<State | null> {
  switch (state.at) {
    case 'drafting':
      return publish(state.note)
    case 'waiting':
      return waitForOperator(state)
    default:
      return null
  }
}

// When the program dies between the gate's answer and the file, it comes here again: while that call is
// held, the gate answers the same call with the same approval.
async function publish(note: Note): Promise<State> {
  try {
    const body = { id: note.id, text: note.text }
    return done(await client.execute('http_post', { url: 'https://httpbin.org/post', body }))
  } catch (error) {
    if (error instanceof LatchGateApprovalRequired) {
      return { at: 'waiting', note, approvalId: error.approvalId }
    }
    return ended(error)
  }
}

// Only asks, and needs nothing but the id: it makes no difference which process made the call.
async function waitForOperator(state: State & { readonly at: 'waiting' }): Promise<State> {
  try {
    return done(await client.waitForApproval(state.approvalId))
  } catch (error) {
    return error instanceof LatchGateApprovalTimeout ? state : ended(error)
  }
}

function done({ receiptId, isFullySuccessful }: ActionResult): State {
  return { at: 'done', receiptId, verified: isFullySuccessful }
}

function ended(error: unknown): State {
  if (error instanceof LatchGateApprovalExpired) {
    return { at: 'expired', approvalId: error.approvalId }
  }
  if (error instanceof LatchGateApprovalDenied) {
    return { at: 'denied', reason: error.reason ?? 'an operator said no' }
  }
  if (error instanceof LatchGateDenied) {
    return { at: 'denied', reason: error.gateMessage ?? error.message }
  }
  // Dispatched, and it did not end well. Whether it had its effect is in the receipt.
  if (error instanceof LatchGateUnavailable && error.outcome !== null) {
    const { outcome, receiptId } = error
    return { at: 'failed', reason: `${error.gateMessage ?? error.message} (${outcome})`, receiptId }
  }
  throw error
}

function describe(state: State): string {
  switch (state.at) {
    case 'drafting':
      return `drafting  ${JSON.stringify(state.note.text)}`
    case 'waiting':
      return `waiting   latchgate approvals approve ${state.approvalId}`
    case 'done':
      return `done      ${state.verified ? 'verified' : 'not verified'}, receipt ${state.receiptId}`
    case 'denied':
      return `denied    ${state.reason}`
    case 'expired':
      return `expired   nobody decided on ${state.approvalId}; remove ${file} to begin again`
    case 'failed':
      return `failed    ${state.reason}, receipt ${state.receiptId}`
  }
}
