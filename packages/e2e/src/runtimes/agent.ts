import {
  type ClientOptions,
  LatchGateApprovalRequired,
  LatchGateClient,
  LatchGateError,
  type ReceiptKey,
} from 'latchgate'

/**
 * What the agent is told to do. `work`: the whole way of an agent; `call`: one call; `hangingToken`: a
 * token that never comes; `abandonedWait`: a wait that its caller gives up.
 */
export interface Task {
  readonly act: 'work' | 'call' | 'hangingToken' | 'abandonedWait'
  readonly options?: ClientOptions
  readonly trustedKeys?: readonly ReceiptKey[]
}

/** A line that the agent prints. The last one has a result or an error. */
export interface Said {
  /** A call of this id is held: the agent waits for somebody to approve it. */
  readonly held?: string
  readonly result?: unknown
  readonly error?: Failure
}

/** How the agent failed. */
export interface Failure {
  readonly isTyped: boolean
  readonly name: string
  readonly message: string
  readonly code: string | null
}

const ISSUE = { owner: 'acme', repo: 'rocket', title: 'Fins fall off' }
const DATA = { url: 'https://api.github.com/data' }

const ACTS: Readonly<
  Record<Task['act'], (client: LatchGateClient, task: Task) => Promise<unknown>>
> = { work, call, hangingToken, abandonedWait }

async function work(client: LatchGateClient, { trustedKeys }: Task): Promise<unknown> {
  await client.connect({ maxCalls: 5 })
  const session = client.sessionId
  const actions = await client.listActions()
  const permitted = await client.listPermittedActions()
  const first = await client.execute('http_fetch', DATA)
  const held = await holdOf(client, ISSUE)
  print({ held })
  const approved = await client.waitForApproval(held, { timeoutMs: 60_000 })
  const status = await client.getApprovalStatus(held)
  const listed = await client.listApprovals({ status: 'approved' })
  const reports = await Promise.all(
    [first, approved].map(({ receiptId }) =>
      client.verifyReceipt(receiptId, { keys: trustedKeys }),
    ),
  )
  const calls = await Promise.all(['a', 'b'].map(() => client.execute('http_fetch', DATA)))
  return {
    isSameSession: client.sessionId === session,
    knowsAction: actions.some((action) => action.actionId === 'http_fetch'),
    mayCall: permitted.some((action) => action.actionId === 'github_create_issue'),
    isDone: [first, approved].map((result) => result.isFullySuccessful),
    decision: status.decision,
    principal: listed.find((entry) => entry.approvalId === held)?.principal,
    reports: reports.map((one) => [one.signature, one.resultHash, one.call, one.keys]),
    sequence: [first, ...calls].map((result) => result.sessionSeq ?? 0).toSorted((a, b) => a - b),
    findings: client.sequenceFindings.length,
  }
}

async function call(client: LatchGateClient): Promise<unknown> {
  return (await client.execute('http_fetch', DATA)).receiptId
}

async function hangingToken(_: LatchGateClient, { options }: Task): Promise<unknown> {
  const identityToken = (): Promise<string> => new Promise(() => undefined)
  return call(new LatchGateClient({ agentId: 'runtime-agent', ...options, identityToken }))
}

async function abandonedWait(client: LatchGateClient): Promise<unknown> {
  // Another call than that of `work`, whose approval it would share.
  const other = { ...ISSUE, title: 'Nobody decides this' }
  const held = await holdOf(client, other)
  return client.waitForApproval(held, { signal: AbortSignal.timeout(300) })
}

async function holdOf(client: LatchGateClient, issue: typeof ISSUE): Promise<string> {
  const answer: unknown = await client
    .execute('github_create_issue', issue)
    .catch((error: unknown) => error)
  if (answer instanceof LatchGateApprovalRequired) return answer.approvalId
  throw answer instanceof Error ? answer : new Error('the call was not held')
}

function print(said: Said): void {
  process.stdout.write(`${JSON.stringify(said)}\n`)
}

function failureOf(error: unknown): Failure {
  if (!(error instanceof Error)) throw new TypeError(`not an error: ${String(error)}`)
  const { name, message } = error
  const isTyped = error instanceof LatchGateError
  return { isTyped, name, message, code: isTyped ? error.code : null }
}

/** Does what its argument, a `Task` as JSON, says; the runtime's own exit code is 0 all the same. */
async function main(argument: string | undefined): Promise<void> {
  const task = JSON.parse(argument ?? '') as Task
  try {
    await using client = new LatchGateClient({ agentId: 'runtime-agent', ...task.options })
    print({ result: (await ACTS[task.act](client, task)) ?? null })
  } catch (error) {
    print({ error: failureOf(error) })
  }
}

await main(process.argv[2])
