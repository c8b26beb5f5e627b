import type { TerminalSize } from './pseudo-terminal.js'

const ESC = '\u001b'
// What follows the Escape.
const SEQUENCE = /^\[([?]?)([0-9;]*)([A-Za-z])/

/** A terminal's two screens, as far as programs under test draw on them; the rest is in `unknown`. */
export class TerminalScreen {
  /** Sequences that no program of ours should send. */
  readonly unknown: string[] = []
  bells = 0
  isCursorShown = true
  isWrapping = true
  isPasteMarked = false
  isOther = false
  #columns: number
  #rows: number
  #cells: string[][]
  #kept: { readonly cells: string[][]; readonly row: number; readonly column: number } | null = null
  #row = 0
  #column = 0
  #rest = ''

  constructor({ columns, rows }: TerminalSize) {
    this.#columns = columns
    this.#rows = rows
    this.#cells = blank(columns, rows)
  }

  /** The rows, without the spaces at their ends. */
  get lines(): readonly string[] {
    return this.#cells.map((row) => row.join('').trimEnd())
  }

  get text(): string {
    return this.lines.join('\n')
  }

  resize({ columns, rows }: TerminalSize): void {
    this.#columns = columns
    this.#rows = rows
    const before = this.#cells
    this.#cells = blank(columns, rows).map((row, y) => row.map((cell, x) => before[y]?.[x] ?? cell))
    this.#row = Math.min(this.#row, rows - 1)
    this.#column = Math.min(this.#column, columns - 1)
  }

  write(text: string): void {
    let rest = this.#rest + text
    this.#rest = ''
    while (rest !== '') {
      if (rest.startsWith(ESC)) {
        const after = rest.slice(1)
        const [whole, isPrivate = '', numbers = '', letter = ''] = SEQUENCE.exec(after) ?? []
        if (whole === undefined) {
          if (after.length < 16 && /^(\[[?]?[0-9;]*)?$/.test(after)) {
            this.#rest = rest
            return
          }
          this.unknown.push(rest.slice(0, 8))
          rest = rest.slice(1)
          continue
        }
        this.#sequence(isPrivate, numbers, letter, whole)
        rest = after.slice(whole.length)
      } else {
        const one = String.fromCodePoint(rest.codePointAt(0) ?? 0)
        this.#character(one)
        rest = rest.slice(one.length)
      }
    }
  }

  #sequence(isPrivate: string, numbers: string, letter: string, whole: string): void {
    const [first = 0, second = 0] = numbers.split(';').map(Number)
    if (isPrivate !== '') this.#mode(first, letter === 'h', whole)
    else if (letter === 'H') {
      this.#row = Math.min(this.#rows, Math.max(1, first)) - 1
      this.#column = Math.min(this.#columns, Math.max(1, second)) - 1
    } else if (letter === 'K') this.#eraseLine(first)
    else if (letter === 'J') this.#eraseScreen(first)
    else if (letter === 'G') this.#column = Math.min(this.#columns, Math.max(1, first)) - 1
    else if (letter === 'C') this.#column = Math.min(this.#columns - 1, this.#column + (first || 1))
    else if (letter === 'D') this.#column = Math.max(0, this.#column - (first || 1))
    else if (letter === 'A') this.#row = Math.max(0, this.#row - (first || 1))
    else if (letter === 'B') this.#row = Math.min(this.#rows - 1, this.#row + (first || 1))
    // Colours are not kept.
    else if (letter !== 'm') this.unknown.push(whole)
  }

  #mode(mode: number, isOn: boolean, whole: string): void {
    if (mode === 25) this.isCursorShown = isOn
    else if (mode === 7) this.isWrapping = isOn
    else if (mode === 2004) this.isPasteMarked = isOn
    else if (mode === 1049) this.#other(isOn)
    else this.unknown.push(whole)
  }

  #other(isOn: boolean): void {
    this.isOther = isOn
    if (isOn) {
      this.#kept = { cells: this.#cells, row: this.#row, column: this.#column }
      this.#cells = blank(this.#columns, this.#rows)
    } else if (this.#kept !== null) {
      this.#cells = this.#kept.cells
      this.#row = this.#kept.row
      this.#column = this.#kept.column
    }
  }

  #eraseLine(kind: number): void {
    const row = this.#cells[this.#row] ?? []
    const from = kind === 0 ? this.#column : 0
    const to = kind === 1 ? this.#column + 1 : this.#columns
    row.fill(' ', from, to)
  }

  #eraseScreen(kind: number): void {
    if (kind === 0) {
      this.#eraseLine(0)
      for (const row of this.#cells.slice(this.#row + 1)) row.fill(' ')
    } else for (const row of this.#cells) row.fill(' ')
  }

  #character(one: string): void {
    if (one === '\r') this.#column = 0
    else if (one === '\n') this.#lineFeed()
    else if (one === '\u0007') this.bells += 1
    else if (one === '\b') this.#column = Math.max(0, this.#column - 1)
    else if (one < ' ' || one === '\u007f') this.unknown.push(one)
    else this.#print(one)
  }

  #print(one: string): void {
    if (this.#column >= this.#columns) {
      if (this.isWrapping) {
        this.#column = 0
        this.#lineFeed()
      } else this.#column = this.#columns - 1
    }
    const row = this.#cells[this.#row]
    if (row !== undefined) row[this.#column] = one
    this.#column += 1
  }

  #lineFeed(): void {
    if (this.#row < this.#rows - 1) {
      this.#row += 1
      return
    }
    this.#cells.shift()
    this.#cells.push(Array.from({ length: this.#columns }, () => ' '))
  }
}

function blank(columns: number, rows: number): string[][] {
  return Array.from({ length: rows }, () => Array.from({ length: columns }, () => ' '))
}
