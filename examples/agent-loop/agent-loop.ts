// An agent in one loop: the model proposes calls, the gate decides, the model hears what came of it.
import { LatchGateApprovalRequired, LatchGateClient, LatchGateError } from 'latchgate'
import { type Message, type Model, scriptedModel, type ToolCall } from './scripted-model.ts'

const MAX_TURNS = 20

const client = new LatchGateClient({ agentId: 'example-agent-loop' })
try {
  await run(scriptedModel(), 'Find a thought and a page; tidy up.')
} catch (error) {
  if (!(error instanceof LatchGateError)) throw error
  console.error(error.gateMessage ?? error.message)
  process.exitCode = 1
} finally {
  await client.close()
}

async function run(model: Model, task: string): Promise<void> {
  // What policy would not refuse outright, with descriptions and schemas: a model's list of tools.
  const tools = await client.listPermittedActions()
  const conversation: Message[] = [{ role: 'user', text: task }]
  for (let turns = 0; turns < MAX_TURNS; turns += 1) {
    const turn = await model.next(tools, conversation)
    conversation.push({ role: 'model', turn })
    console.log(`model   ${turn.say}`)
    if (turn.calls.length === 0) return
    for (const call of turn.calls) {
      const outcome = await perform(call)
      conversation.push({ role: 'tool', call, outcome })
    }
  }
  console.log(`stopped after ${MAX_TURNS} turns`)
}

/** Makes one call; what the model is to be told, be it a result or a refusal. */
async function perform({ action, params }: ToolCall): Promise<string> {
  console.log(`call    ${action} ${JSON.stringify(params)}`)
  try {
    const result = await client.execute(action, params).catch(untilDecided)
    const verified = result.isFullySuccessful ? 'verified' : 'not verified'
    console.log(`result  ${verified}, receipt ${result.receiptId}`)
    return `${verified}: ${JSON.stringify(result.output)}`
  } catch (error) {
    // No answer from the gate is nothing that a model could mend.
    if (!(error instanceof LatchGateError) || error.status === null) throw error
    const refusal = `refused: ${error.gateMessage ?? error.message}${doubtOf(error)}`
    console.log(`result  ${refusal}`)
    return refusal
  }
}

/** A held call is not repeated: the gate makes it once an operator has approved, and has its result. */
function untilDecided(error: unknown): ReturnType<LatchGateClient['waitForApproval']> {
  if (!(error instanceof LatchGateApprovalRequired)) throw error
  console.log(`held    for an operator: latchgate approvals approve ${error.approvalId}`)
  return client.waitForApproval(error.approvalId)
}

function doubtOf({ outcome }: LatchGateError): string {
  return outcome === 'unknown' ? ' (it may have happened: do not repeat it)' : ''
}
