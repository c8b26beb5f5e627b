/** A key, by name; a character by itself. */
export type Key =
  | { readonly kind: 'character'; readonly text: string }
  | {
      readonly kind:
        | 'up'
        | 'down'
        | 'page_up'
        | 'page_down'
        | 'home'
        | 'end'
        | 'enter'
        | 'backspace'
        | 'clear_line'
        | 'escape'
        | 'interrupt'
        | 'redraw'
    }
  /** Text that was pasted: never a command. */
  | { readonly kind: 'paste'; readonly text: string }

type NamedKey = Exclude<Key['kind'], 'character' | 'paste'>

const CONTROLS: Readonly<Record<string, NamedKey>> = {
  '\u0003': 'interrupt',
  '\u0004': 'interrupt',
  '\b': 'backspace',
  '\u007f': 'backspace',
  '\r': 'enter',
  '\n': 'enter',
  '\u000c': 'redraw',
  '\u0015': 'clear_line',
}

const SEQUENCES: Readonly<Record<string, NamedKey>> = {
  A: 'up',
  B: 'down',
  H: 'home',
  F: 'end',
  '1~': 'home',
  '4~': 'end',
  '5~': 'page_up',
  '6~': 'page_down',
  '7~': 'home',
  '8~': 'end',
}

const PASTE_START = '\u001b[200~'
const PASTE_END = '\u001b[201~'
/** Characters of a paste that are kept. */
const MAX_PASTE = 4096

/** Turns what a terminal sends into keys; what comes in pieces is put together. */
export class KeyReader {
  #rest = ''
  // Between the marks, in however many pieces and however late: what is pasted is never a command.
  #pasted: string | null = null

  /** True while a lone Escape, or the beginning of a sequence, waits for what follows. */
  get isWaiting(): boolean {
    return this.#pasted === null && this.#rest !== ''
  }

  /** Keys of the next piece of input. */
  read(input: string): readonly Key[] {
    let text = this.#rest + input
    this.#rest = ''
    const keys: Key[] = []
    while (text !== '') {
      const taken = this.#take(text)
      if (taken === null) {
        this.#rest = text
        break
      }
      if (taken.key !== null) keys.push(taken.key)
      text = text.slice(taken.length)
    }
    return keys
  }

  /** Nothing followed for a while: what waited was the Escape key, or nothing that we know. */
  flush(): readonly Key[] {
    if (this.#pasted !== null) return []
    const waited = this.#rest
    this.#rest = ''
    return waited === '\u001b' ? [{ kind: 'escape' }] : []
  }

  #take(text: string): Taken | null {
    if (this.#pasted !== null) return this.#takePasted(text, this.#pasted)
    if (!text.startsWith('\u001b')) return character(text)
    if (text.startsWith(PASTE_START)) {
      this.#pasted = ''
      return { key: null, length: PASTE_START.length }
    }
    const after = text.slice(1)
    if (/^([[O][0-9;]*)?$/.test(after)) return null
    const [whole, sequence] = /^[[O]([0-9;]*[A-Za-z~])/.exec(after) ?? []
    // Escape and another key at once is neither of our keys.
    if (whole === undefined || sequence === undefined) return { key: null, length: 2 }
    const kind = SEQUENCES[sequence]
    return { key: kind === undefined ? null : { kind }, length: 1 + whole.length }
  }

  #takePasted(text: string, before: string): Taken | null {
    const end = text.indexOf(PASTE_END)
    if (end >= 0) {
      this.#pasted = null
      const pasted = (before + text.slice(0, end)).slice(0, MAX_PASTE)
      return { key: { kind: 'paste', text: pasted }, length: end + PASTE_END.length }
    }
    // The mark of the end may come in pieces.
    const length = text.length - (PASTE_END.length - 1)
    if (length <= 0) return null
    this.#pasted = (before + text.slice(0, length)).slice(0, MAX_PASTE)
    return { key: null, length }
  }
}

interface Taken {
  readonly key: Key | null
  readonly length: number
}

function character(text: string): Taken {
  const one = String.fromCodePoint(text.codePointAt(0) ?? 0)
  const kind = CONTROLS[one]
  if (kind !== undefined) return { key: { kind }, length: one.length }
  const isControl = /[\p{Cc}\p{Cs}]/u.test(one)
  return { key: isControl ? null : { kind: 'character', text: one }, length: one.length }
}
