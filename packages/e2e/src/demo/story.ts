/** Prints the demo: headings, what the agent asks, what comes back. Colour only on a terminal. */
export class Story {
  readonly #colour: boolean
  readonly #write: (text: string) => void
  #act = 0

  constructor(
    stream: { write(text: string): unknown; readonly isTTY?: boolean },
    noColour: boolean,
  ) {
    this.#colour = stream.isTTY === true && !noColour
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
    this.#write(`   ${this.#paint('33', 'agent')}     ${text}`)
  }

  gate(text: string): void {
    this.#write(`   ${this.#paint('32', 'gate')}      ${text}`)
  }

  upstream(text: string): void {
    this.#write(`   ${this.#paint('35', 'upstream')}  ${text}`)
  }

  auditor(text: string): void {
    this.#write(`   ${this.#paint('34', 'auditor')}   ${text}`)
  }

  plain(text: string): void {
    this.#write(`   ${text}`)
  }

  #paint(code: string, text: string): string {
    return this.#colour ? `\u001b[${code}m${text}\u001b[0m` : text
  }
}
