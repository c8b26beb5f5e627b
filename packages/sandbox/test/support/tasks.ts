import type {
  HostHttpRequest,
  HostHttpResponse,
  HostReply,
  SandboxHost,
  SandboxTask,
} from '../../src/types.js'

export const LIMITS = {
  fuel: 100_000_000,
  memoryMb: 16,
  timeoutMs: 20_000,
  maxIoCalls: 3,
  maxOutputBytes: 65_536,
} as const

export const ALL_IMPORTS: readonly string[] = ['latchgate:io/http', 'latchgate:io/log']

export const ANSWER: HostReply<HostHttpResponse> = {
  ok: true,
  value: { status: 200, headers: [['content-type', 'text/plain']], body: Buffer.from('hello') },
}

/** A host that records what it was asked and answers through `answer`. */
export class RecordingHost implements SandboxHost {
  readonly requests: HostHttpRequest[] = []
  readonly signals: AbortSignal[] = []
  readonly logs: (readonly [level: string, message: string])[] = []
  readonly #answer: SandboxHost['httpRequest']

  constructor(answer: SandboxHost['httpRequest'] = () => Promise.resolve(ANSWER)) {
    this.#answer = answer
  }

  httpRequest(request: HostHttpRequest, signal: AbortSignal): Promise<HostReply<HostHttpResponse>> {
    this.requests.push(request)
    this.signals.push(signal)
    return this.#answer(request, signal)
  }

  log(level: 'debug' | 'info' | 'warn', message: string): void {
    this.logs.push([level, message])
  }
}

type Changes = Partial<Omit<SandboxTask, 'limits'>> & {
  readonly limits?: Partial<SandboxTask['limits']>
}

/** A task for `module`, with what a test wants different. */
export function taskFor(module: string, changes: Changes = {}): SandboxTask {
  return {
    module,
    input: '{}',
    imports: ALL_IMPORTS,
    host: new RecordingHost(),
    ...changes,
    limits: { ...LIMITS, ...changes.limits },
  }
}
