import { patternsOf } from './secret-pattern.js'
import { PatternIndex, SecretSearch, SLICE_BYTES } from './secret-search.js'

/** What stands where a secret was (spec/actions-and-providers 17.3). */
export const REDACTION_MARKER = '***REDACTED***'

const MARKER = Buffer.from(REDACTION_MARKER, 'latin1')

const LATIN1_BEYOND_ASCII = /^[\0-\xff]*[\x80-\xff][\0-\xff]*$/

/** Bytes as they may be shown. */
export interface Scrubbed {
  /** The same bytes when nothing was found, a changed copy otherwise. */
  readonly bytes: Uint8Array
  readonly found: boolean
}

/**
 * Finds secrets in what comes back from an upstream and replaces them, before a provider or an agent
 * sees it (design 8, Scrubbing): as they are, in Base64 (both alphabets, at any position within a
 * larger text, wrapped or not), in hexadecimal, in UTF-16, percent-encoded, JSON- and HTML-escaped,
 * fully, in part or repeatedly, and, for a secret that is a URL, by its path.
 *
 * It is a net and no proof: an upstream that wants to pass a secret on can encrypt it. A text that
 * takes more work than `SearchWork` allows is not shown: every method then throws `SearchExhausted`.
 */
export class Scrubber {
  readonly #index: PatternIndex
  #steps = 0

  constructor(values: readonly string[]) {
    this.#index = new PatternIndex([...new Set(values)].flatMap(patternsOf))
  }

  /** False without a secret: then nothing is searched. */
  get looksForAny(): boolean {
    return this.#index.size > 0
  }

  /** Work of all finished searches. */
  get steps(): number {
    return this.#steps
  }

  /** Searches at once: for texts whose size the gate itself bounds. */
  bytes(bytes: Uint8Array): Scrubbed {
    const search = new SecretSearch(this.#index, bytes)
    while (!search.advance());
    this.#steps += search.steps
    return replaced(bytes, search)
  }

  /**
   * As `bytes`, in slices: a small body that is no work is done with the first, at once; before each
   * other one it waits for `pause`, which ends the search by rejecting.
   */
  async search(bytes: Uint8Array, pause: () => Promise<void>): Promise<Scrubbed> {
    const search = new SecretSearch(this.#index, bytes)
    if (this.#index.size > 0 && bytes.length > SLICE_BYTES) await pause()
    while (!search.advance()) await pause()
    this.#steps += search.steps
    return replaced(bytes, search)
  }

  /** As `bytes`, for header values, error texts and log messages. */
  text(text: string): { readonly text: string; readonly found: boolean } {
    const first = this.#textAs('utf8', text)
    // A header is decoded as Latin-1, so a secret in UTF-8 is in it as other characters.
    if (!LATIN1_BEYOND_ASCII.test(first.text)) return first
    const second = this.#textAs('latin1', first.text)
    return { text: second.text, found: first.found || second.found }
  }

  #textAs(encoding: 'utf8' | 'latin1', text: string): ReturnType<Scrubber['text']> {
    if (this.#index.size === 0) return { text, found: false }
    const { bytes, found } = this.bytes(Buffer.from(text, encoding))
    return { text: found ? Buffer.from(bytes).toString(encoding) : text, found }
  }
}

function replaced(bytes: Uint8Array, { ranges }: SecretSearch): Scrubbed {
  if (ranges.length === 0) return { bytes, found: false }
  // Copied into one piece of memory: there may be a hundred thousand findings.
  const from = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const gone = ranges.reduce((sum, [start, end]) => sum + end - start, 0)
  const shown = Buffer.allocUnsafeSlow(bytes.length - gone + ranges.length * MARKER.length)
  let read = 0
  let written = 0
  for (const [start, end] of ranges) {
    written += from.copy(shown, written, read, start)
    written += MARKER.copy(shown, written)
    read = end
  }
  from.copy(shown, written, read)
  return { bytes: new Uint8Array(shown.buffer), found: true }
}
