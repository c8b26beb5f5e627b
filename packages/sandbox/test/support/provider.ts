import { assemble, type Code, I32, type ModuleSource, op } from './assemble.js'

export const HTTP = 'latchgate:provider/io-http@0.1.0'
export const LOG = 'latchgate:provider/io-log@0.1.0'

/** Addresses that the hand-built providers use; the first 16 KiB are the host's. */
export const AT = { result: 17_000, reply: 17_100, output: 17_200, url: 18_000, heap: 20_000 }

/** Types that every hand-built provider has; a test's own come after them. */
export const TYPE = { execute: 0, realloc: 1, unary: 2, none: 3, state: 4, request: 5, log: 6 }

/** Functions of every hand-built provider, in this order; a test's own come after them. */
export const CALL = { request: 0, log: 1, execute: 2, realloc: 3, post: 4 }
export const OWN = 10

/** Globals: asyncify's state, the next free address, and one for the test. */
export const GLOBAL = { state: 0, heap: 1, own: 2 }

/** `execute` ends with this: the ok variant with the JSON text `{}`. */
export const RETURN_OK: Code = [op.i32(AT.result)]

/** Calls `io-http#request` with a GET of `https://a.example/` and no body. */
export const REQUEST: Code = [
  op.i32(AT.url),
  op.i32(3),
  op.i32(AT.url + 3),
  op.i32(18),
  op.i32(AT.url),
  op.i32(0),
  op.i32(0),
  op.i32(0),
  op.i32(0),
  op.i32(1000),
  op.i32(AT.reply),
  op.call(CALL.request),
]

/** Leaves `execute` while the frames are being unwound, as asyncify's code does. */
export const LEAVE_IF_UNWINDING: Code = [
  op.globalGet(GLOBAL.state),
  op.i32(1),
  op.eq,
  op.if(),
  op.i32(0),
  op.return,
  op.end,
]

export interface ProviderSource {
  readonly execute: Code
  readonly locals?: readonly (readonly [count: number, type: number])[]
  readonly realloc?: Code
  readonly post?: Code
  /** What the exports of asyncify do, where a test wants another thing. */
  readonly startUnwind?: Code
  readonly stopUnwind?: Code
  readonly startRewind?: Code
  readonly stopRewind?: Code
  readonly functions?: ModuleSource['functions']
  readonly change?: (source: ModuleSource) => ModuleSource
}

const bytes = (text: string): number[] => [...new TextEncoder().encode(text)]
const setState = (state: number): Code => [op.i32(state), op.globalSet(GLOBAL.state)]

/**
 * A provider with the asyncify protocol written by hand: `execute` has no frames to save, so that a
 * rewind is a second run up to the request. It can break any rule of the protocol.
 */
export function provider(source: ProviderSource): Uint8Array<ArrayBuffer> {
  const module: ModuleSource = {
    types: [
      [[I32, I32], [I32]],
      [[I32, I32, I32, I32], [I32]],
      [[I32], []],
      [[], []],
      [[], [I32]],
      [new Array<number>(11).fill(I32), []],
      [[I32, I32], []],
    ],
    imports: [
      [HTTP, 'request', TYPE.request],
      [LOG, 'log-info', TYPE.log],
    ],
    functions: [
      { type: TYPE.execute, locals: source.locals ?? [], code: source.execute },
      { type: TYPE.realloc, code: source.realloc ?? BUMP },
      { type: TYPE.unary, code: source.post ?? [] },
      { type: TYPE.unary, code: source.startUnwind ?? setState(1) },
      { type: TYPE.none, code: source.stopUnwind ?? setState(0) },
      { type: TYPE.unary, code: source.startRewind ?? setState(2) },
      { type: TYPE.none, code: source.stopRewind ?? setState(0) },
      { type: TYPE.state, code: [op.globalGet(GLOBAL.state)] },
      ...(source.functions ?? []),
    ],
    memory: [1, 1, 0x80, 0x20],
    globals: [
      [I32, 1, op.i32(0)],
      [I32, 1, op.i32(AT.heap)],
      [I32, 1, op.i32(0)],
    ],
    exports: [
      ['memory', 2, 0],
      ['execute', 0, 2],
      ['cabi_realloc', 0, 3],
      ['cabi_post_execute', 0, 4],
      ['asyncify_start_unwind', 0, 5],
      ['asyncify_stop_unwind', 0, 6],
      ['asyncify_start_rewind', 0, 7],
      ['asyncify_stop_rewind', 0, 8],
      ['asyncify_get_state', 0, 9],
    ],
    data: [
      segment(AT.result, [0, 0, 0, 0, ...word(AT.output), ...word(2)]),
      segment(AT.output, bytes('{}')),
      segment(AT.url, bytes('GEThttps://a.example/')),
    ],
  }
  return assemble(source.change?.(module) ?? module)
}

/** Hands out memory and never takes it back: (old, oldSize, align, size) → address. */
const BUMP: Code = [
  op.globalGet(GLOBAL.heap),
  op.i32(7),
  op.add,
  op.i32(-8),
  [0x71],
  op.tee(0),
  op.get(3),
  op.add,
  op.globalSet(GLOBAL.heap),
  op.get(0),
]

/** An active data segment. */
export function segment(address: number, content: readonly number[]): number[] {
  return [0, ...op.i32(address), 0x0b, content.length, ...content]
}

function word(value: number): number[] {
  return [value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, value >>> 24]
}
