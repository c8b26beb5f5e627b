import { setTimeout as sleep } from 'node:timers/promises'
import { type ApprovalDesk, MAX_LISTED } from '../approvals/approval-desk.js'
import { decidedReport } from '../approvals/decided-lines.js'
import { CommandFailure } from '../command-failure.js'
import { ENDING_SIGNALS } from '../ending-signals.js'
import { pause } from '../pause.js'
import { KeyReader } from './keys.js'
import { listen, type WatchScreen } from './listen.js'
import { noticeOf } from './notice.js'
import { render } from './render.js'
import {
  initialState,
  type Notice,
  type WatchEffect,
  type WatchEvent,
  type WatchState,
} from './state.js'
import { step } from './step.js'
import { Terminal } from './terminal.js'

const REFRESH_MS = 1000
/** A lone Escape is the key when nothing follows for so long. */
const ESCAPE_MS = 50

/** Shows the queue until it is left; resolves to the exit code. The terminal is always given back. */
export async function runWatch(desk: ApprovalDesk, screen: WatchScreen): Promise<number> {
  const watch = new Watch(desk, screen)
  let code: number
  try {
    code = await watch.run()
  } finally {
    watch.close()
  }
  // As the signal itself ends a process: on its way out Node insists on a terminal that is gone.
  if (code === ENDING_SIGNALS.SIGHUP) process.kill(process.pid, 'SIGHUP')
  return code
}

class Watch {
  readonly #desk: ApprovalDesk
  readonly #screen: WatchScreen
  readonly #terminal: Terminal
  readonly #keys = new KeyReader()
  readonly #ended = new AbortController()
  #stopListening: () => void = () => undefined
  #state: WatchState
  #escape: NodeJS.Timeout | undefined
  #isListing = false
  #listAgain = false
  readonly #asked = new Set<string>()
  readonly #decisions = new Set<Promise<void>>()
  #finish: (code: number) => void = () => undefined
  #fail: (error: unknown) => void = () => undefined

  constructor(desk: ApprovalDesk, screen: WatchScreen) {
    this.#desk = desk
    this.#screen = screen
    this.#terminal = new Terminal(screen.input, screen.output, screen.hasColour)
    this.#state = initialState(this.#terminal.size, Date.now(), screen.hasBell)
  }

  run(): Promise<number> {
    const ended = new Promise<number>((resolve, reject) => {
      this.#finish = resolve
      this.#fail = reject
    })
    this.#stopListening = listen(this.#screen, this.#terminal, {
      read: (text) => this.#read(text),
      resized: () => {
        this.#apply({ kind: 'resized', size: this.#terminal.size })
        this.#draw(true)
      },
      returned: () => this.#draw(true),
      ended: (code) => this.#finish(code),
    })
    this.#terminal.open()
    this.#draw()
    this.#refreshForEver().catch(this.#fail)
    return ended
  }

  close(): void {
    this.#ended.abort()
    clearTimeout(this.#escape)
    this.#stopListening()
    this.#terminal.close()
    this.#screen.input.pause()
  }

  #read(text: string): void {
    clearTimeout(this.#escape)
    this.#press(this.#keys.read(text))
    if (!this.#keys.isWaiting) return
    this.#escape = setTimeout(() => this.#press(this.#keys.flush()), ESCAPE_MS)
  }

  #press(keys: ReturnType<KeyReader['read']>): void {
    if (keys.length > 0) this.#apply({ kind: 'keys', keys })
    if (keys.some(({ kind }) => kind === 'redraw')) this.#draw(true)
  }

  #apply(event: WatchEvent): void {
    const { state, effects } = step(this.#state, event)
    this.#state = state
    this.#draw()
    for (const effect of effects) this.#carryOut(effect)
  }

  #draw(isAll = false): void {
    this.#terminal.draw(render(this.#state), isAll)
  }

  #carryOut(effect: WatchEffect): void {
    switch (effect.kind) {
      case 'list':
        this.#list().catch(this.#fail)
        break
      case 'detail':
        this.#detail(effect.approvalId).catch(this.#fail)
        break
      case 'approve':
      case 'deny':
        this.#decide(effect)
        break
      case 'bell':
        this.#terminal.ring()
        break
      case 'quit':
        this.#leave().catch(this.#fail)
        break
    }
  }

  // The gate finishes what it was told either way; who waits here also learns how it ended.
  async #leave(): Promise<void> {
    if (this.#decisions.size > 0) {
      this.#apply({ kind: 'tick', now: Date.now() })
      await Promise.race([Promise.all(this.#decisions), sleep(REFRESH_MS)])
    }
    this.#finish(0)
  }

  async #refreshForEver(): Promise<void> {
    const { signal } = this.#ended
    while (!signal.aborted) {
      this.#apply({ kind: 'tick', now: Date.now() })
      await this.#list()
      await pause(REFRESH_MS, signal)
    }
  }

  async #list(): Promise<void> {
    if (this.#isListing) {
      this.#listAgain = true
      return
    }
    this.#isListing = true
    try {
      const { signal } = this.#ended
      const query = { status: 'pending', limit: MAX_LISTED, signal }
      await this.#tolerant(async () => {
        const { approvals } = await this.#desk.list(query)
        this.#apply({ kind: 'listed', approvals })
      })
    } finally {
      this.#isListing = false
    }
    if (!this.#listAgain) return
    this.#listAgain = false
    await this.#list()
  }

  async #detail(approvalId: string): Promise<void> {
    if (this.#asked.has(approvalId)) return
    this.#asked.add(approvalId)
    await this.#tolerant(async () => {
      const detail = await this.#desk.detail(approvalId, this.#ended.signal)
      this.#apply({ kind: 'detail', detail })
    })
    this.#asked.delete(approvalId)
  }

  #decide(effect: WatchEffect & { readonly kind: 'approve' | 'deny' }): void {
    const { detail, kind } = effect
    const decided =
      effect.kind === 'approve'
        ? this.#desk.approve(detail, effect.learn)
        : this.#desk.deny(detail, effect.reason)
    const told = decided
      .then(
        (one) => noticeOf(decidedReport(one, kind)),
        (error: unknown): Notice => {
          if (!(error instanceof CommandFailure)) throw error
          return { text: [error.message, ...error.hints].join('; '), tone: 'bad' }
        },
      )
      .then((notice) => this.#apply({ kind: 'decided', approvalId: detail.approval_id, notice }))
      .catch(this.#fail)
      .finally(() => this.#decisions.delete(told))
    this.#decisions.add(told)
  }

  // What the gate says, or does not say, is shown and asked again; a defect of ours ends the command.
  async #tolerant(ask: () => Promise<void>): Promise<void> {
    try {
      await ask()
    } catch (error) {
      if (this.#ended.signal.aborted) return
      if (!(error instanceof CommandFailure)) throw error
      // An approval that is gone is no gate that is away; the list shows it.
      if (error.code === 'not_found') return
      this.#apply({ kind: 'failed', message: [error.message, ...error.hints].join('; ') })
    }
  }
}
