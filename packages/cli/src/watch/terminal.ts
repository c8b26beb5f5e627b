import type { ScreenLine, Tone } from '../approvals/plan-lines.js'
import type { TextStream } from '../output.js'
import type { Size } from './state.js'

const ESC = '\u001b['
// Another screen; no automatic wrapping: a line that a terminal takes for wider than we do must not
// push those below it down; pasted text marked as such; no cursor.
const ENTER = `${ESC}?1049h${ESC}?7l${ESC}?2004h${ESC}?25l${ESC}2J`
const LEAVE = `${ESC}0m${ESC}?25h${ESC}?2004l${ESC}?7h${ESC}?1049l`
const BELL = '\u0007'

const SGR: Readonly<Record<Tone, string>> = {
  plain: '',
  title: '1',
  dim: '2',
  good: '32',
  warn: '33',
  bad: '1;31',
  selected: '7',
}
// Without colours what is chosen or dangerous must still differ.
const SGR_WITHOUT_COLOUR: Readonly<Record<Tone, string>> = {
  ...SGR,
  good: '',
  warn: '1',
  bad: '1',
}

/** Draws on a terminal's other screen, and gives the terminal back. */
export class Terminal {
  readonly #input: NodeJS.ReadStream
  readonly #output: TextStream
  readonly #sgr: Readonly<Record<Tone, string>>
  #drawn: readonly string[] = []
  #isOpen = false

  constructor(input: NodeJS.ReadStream, output: TextStream, hasColour: boolean) {
    this.#input = input
    this.#output = output
    this.#sgr = hasColour ? SGR : SGR_WITHOUT_COLOUR
  }

  get size(): Size {
    return { columns: this.#output.columns ?? 80, rows: this.#output.rows ?? 24 }
  }

  /** Takes the terminal. */
  open(): void {
    if (this.#isOpen) return
    this.#isOpen = true
    this.#input.setRawMode(true)
    this.#output.write(ENTER)
    this.#drawn = []
  }

  /** Gives the terminal back as it was; does nothing the second time. */
  close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    try {
      this.#output.write(LEAVE)
      this.#input.setRawMode(false)
    } catch (error) {
      // A terminal that was closed has nothing to be given back.
      if (!(error instanceof Error && 'code' in error)) throw error
    }
  }

  /** Draws the rows that differ from what is there; `isAll` draws every row. */
  draw(lines: readonly ScreenLine[], isAll = false): void {
    if (!this.#isOpen) return
    const rows = lines.map(({ text, tone }) => {
      const sgr = this.#sgr[tone]
      return sgr === '' ? text : `${ESC}${sgr}m${text}${ESC}0m`
    })
    const changed = rows.flatMap((row, i) =>
      // Each row at its own place: nothing in one can move another.
      isAll || row !== this.#drawn[i] ? [`${ESC}${i + 1};1H${ESC}2K${row}`] : [],
    )
    this.#drawn = rows
    if (isAll) changed.unshift(`${ESC}2J`)
    if (changed.length > 0) this.#output.write(changed.join(''))
  }

  ring(): void {
    if (this.#isOpen) this.#output.write(BELL)
  }
}
