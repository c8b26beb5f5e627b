import { isEscapeLead, readAt } from './encoded-character.js'
import { matchFrom, matchPlain } from './pattern-match.js'
import { Readings } from './readings.js'
import { SearchWork, STEPS_PER_FINDING } from './search-work.js'
import { beginnings, firstCharacters, type SecretPattern } from './secret-pattern.js'

/** Bytes passed over in one slice, at most. */
export const SLICE_BYTES = 262_144

/** Work after which a slice ends: about a millisecond. */
const SLICE_STEPS = 100_000

/** Patterns, and where in a text one of them can begin. */
export class PatternIndex {
  readonly size: number
  /** Patterns by their first character, in both cases where the case does not matter. */
  readonly #byFirst: ReadonlyMap<number, readonly SecretPattern[]>
  /** 1 at `first byte * 256 + second byte` where a match can begin. */
  readonly beginnings: Uint8Array

  constructor(patterns: readonly SecretPattern[]) {
    this.size = patterns.length
    this.beginnings = new Uint8Array(patterns.length === 0 ? 0 : 1 << 16)
    const byFirst = new Map<number, SecretPattern[]>()
    for (const one of patterns) {
      for (const [first, second] of beginnings(one)) this.beginnings[first * 256 + second] = 1
      for (const code of firstCharacters(one)) {
        const others = byFirst.get(code)
        if (others === undefined) byFirst.set(code, [one])
        else others.push(one)
      }
    }
    this.#byFirst = byFirst
  }

  startingWith(code: number): readonly SecretPattern[] | undefined {
    return this.#byFirst.get(code)
  }
}

/** One search through one text, which can be interrupted. */
export class SecretSearch {
  readonly #index: PatternIndex
  readonly #bytes: Uint8Array
  readonly #work: SearchWork
  #starts: Readings | null = null
  readonly #ranges: [number, number][] = []
  #at = 0

  constructor(index: PatternIndex, bytes: Uint8Array) {
    this.#index = index
    this.#bytes = bytes
    this.#work = new SearchWork(bytes.length)
  }

  /** Ranges to replace, in order and apart from each other; complete after the last slice. */
  get ranges(): readonly (readonly [number, number])[] {
    return this.#ranges
  }

  /** Steps so far. */
  get steps(): number {
    return this.#work.done
  }

  /**
   * Does one slice; true when the text is searched to its end.
   *
   * @throws {SearchExhausted}
   */
  advance(): boolean {
    const bytes = this.#bytes
    const table = this.#index.beginnings
    const last = bytes.length - 1
    const end = this.#index.size === 0 ? 0 : Math.min(last, this.#at + SLICE_BYTES)
    const enough = this.#work.done + SLICE_STEPS
    let at = this.#at
    let first = bytes[at] ?? 0
    for (; at < end; at += 1) {
      const second = bytes[at + 1] ?? 0
      if (table[first * 256 + second] === 1) {
        this.#tryAt(at, first)
        if (this.#work.done > enough) {
          at += 1
          break
        }
      }
      first = second
    }
    this.#at = at
    return this.#index.size === 0 || at >= last
  }

  #tryAt(at: number, byte: number): void {
    const work = this.#work
    work.begin()
    work.steps += 1
    if (byte < 0x80 && byte !== 0x2b && !isEscapeLead(byte)) {
      for (const one of this.#index.startingWith(byte) ?? []) {
        this.#found(at, matchPlain(this.#bytes, at, one, work), one)
      }
    } else this.#tryReadings(at)
    work.check()
  }

  #tryReadings(at: number): void {
    this.#starts ??= new Readings()
    const starts = this.#starts
    starts.steps = 0
    readAt(this.#bytes, at, starts)
    this.#work.steps += starts.steps
    const { codes, ends, count } = starts
    for (let index = 0; index < count; index += 1) {
      const code = codes[index] ?? 0
      const patterns = this.#index.startingWith(code)
      // A character that can be read in two ways here is looked for once, from both ends.
      if (patterns === undefined || codes.indexOf(code) < index) continue
      const positions: number[] = []
      for (let other = index; other < count; other += 1) {
        if (codes[other] === code) positions.push(ends[other] ?? 0)
      }
      for (const one of patterns) {
        this.#found(at, matchFrom(this.#bytes, positions, 1, one, this.#work), one)
      }
    }
  }

  #found(at: number, end: number, pattern: SecretPattern): void {
    if (end < 0) return
    this.#work.steps += STEPS_PER_FINDING
    const floor = this.#ranges.at(-1)?.[1] ?? 0
    addRange(this.#ranges, widened(this.#bytes, at, end, pattern, floor))
  }
}

function addRange(ranges: [number, number][], [start, end]: readonly [number, number]): void {
  let from = start
  let to = end
  let previous = ranges.at(-1)
  while (previous !== undefined && previous[1] >= from) {
    ranges.pop()
    from = Math.min(from, previous[0])
    to = Math.max(to, previous[1])
    previous = ranges.at(-1)
  }
  ranges.push([from, to])
}

function widened(
  bytes: Uint8Array,
  at: number,
  end: number,
  { partialBefore, partialAfter }: SecretPattern,
  floor: number,
): readonly [number, number] {
  let start = at
  let stop = end
  if (partialBefore && isBase64(bytes[start - 1])) start -= 1
  if (partialAfter && isBase64(bytes[stop])) stop += 1
  if (partialAfter) while (bytes[stop] === 0x3d && stop - end < 3) stop += 1
  // Half an escape would be left, and with it JSON that no longer parses. Behind the finding before
  // nothing is looked at twice: a run of backslashes may hold as many findings as bytes.
  while (start > floor && bytes[start - 1] === 0x5c) start -= 1
  return [start, stop]
}

function isBase64(byte: number | undefined): boolean {
  return byte !== undefined && /[A-Za-z0-9+/_-]/.test(String.fromCharCode(byte))
}
