/** Prints the demo: headings, what the agent asks, what comes back. Colour only on a terminal. */
export class Story {
  readonly #colour: boolean
  readonly #width: number
  readonly #write: (text: string) => void
  #act = 0

  constructor(
    stream: { write(text: string): unknown; readonly isTTY?: boolean; readonly columns?: number },
    noColour: boolean,
  ) {
    this.#colour = stream.isTTY === true && !noColour
    this.#width = Math.min(100, Math.max(60, stream.columns ?? 80))
    this.#write = (text) => {
      stream.write(`${text}\n`)
    }
  }

  title(text: string): void {
    this.#write(`\n${this.#paint('1', text)}`)
  }

  act(text: string): void {
    this.#act += 1
    this.#write(`\n${this.#paint('1;36', `${this.#act}. ${text}`)}`)
  }

  agent(text: string): void {
    this.#said('33', 'agent', text)
  }

  gate(text: string): void {
    this.#said('32', 'gate', text)
  }

  /** A member of something that the gate has made, below what it said. */
  member(name: string, value: string): void {
    this.#rows(`${' '.repeat(MARGIN)}${this.#paint('2', name.padEnd(12))} `, MARGIN + 13, value)
  }

  operator(text: string): void {
    this.#said('36', 'operator', text)
  }

  /** A line of a program's output, as it was printed; cut only where the terminal would break it. */
  quote(text: string): void {
    const width = this.#width - MARGIN
    const shown = text.length > width ? `${text.slice(0, width - 1)}…` : text
    this.#write(`${' '.repeat(MARGIN)}${this.#paint('2', shown)}`)
  }

  upstream(text: string): void {
    this.#said('35', 'upstream', text)
  }

  auditor(text: string): void {
    this.#said('34', 'auditor', text)
  }

  plain(text: string): void {
    this.#rows('   ', 3, text)
  }

  /** Something to copy: one line, however long. */
  command(text: string): void {
    this.#write(`   ${this.#paint('36', text)}`)
  }

  #said(code: string, who: string, text: string): void {
    const label = who.padEnd(MARGIN - 4)
    this.#rows(`   ${this.#paint(code, label)} `, MARGIN, text)
  }

  #rows(first: string, margin: number, text: string): void {
    const [head = '', ...others] = wrap(text, this.#width - margin)
    this.#write(`${first}${head}`)
    for (const line of others) this.#write(`${' '.repeat(margin)}${line}`)
  }

  #paint(code: string, text: string): string {
    return this.#colour ? `\u001b[${code}m${text}\u001b[0m` : text
  }
}

/** Columns before what somebody says. */
const MARGIN = 13

function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = []
  let line = ''
  // A word longer than a line, such as a digest, is broken: a terminal would do it at the margin.
  const words = text.split(' ').flatMap((word) => pieces(word, width))
  for (const word of words) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else {
      line += line === '' ? word : ` ${word}`
    }
  }
  return [...lines, line]
}

function pieces(word: string, width: number): readonly string[] {
  return word.length <= width ? [word] : [word.slice(0, width), ...pieces(word.slice(width), width)]
}
