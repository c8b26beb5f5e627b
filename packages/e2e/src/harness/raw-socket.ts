import { connect } from 'node:net'

/** An answer on the wire, one of several on its connection. */
export interface WireAnswer {
  readonly status: number
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** Milliseconds after which an exchange is given up. */
const LIMIT_MS = 10_000

/**
 * Sends exactly these bytes over a Unix socket, reads until the gate closes the connection, and
 * returns the answers in their order. Fails when the gate keeps the connection open. With `hangUp`
 * nothing more is sent afterwards, and the gate is told so.
 */
export async function exchange(
  socketPath: string,
  bytes: string,
  hangUp = false,
): Promise<readonly WireAnswer[]> {
  const text = await new Promise<string>((resolve, reject) => {
    const socket = connect(socketPath)
    const chunks: Buffer[] = []
    const timer = setTimeout(() => {
      socket.destroy()
      reject(new Error(`no end of the connection; so far: ${Buffer.concat(chunks).toString()}`))
    }, LIMIT_MS)
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    // A gate that has answered need not read the rest of what is sent.
    socket.on('error', () => undefined)
    socket.on('close', () => {
      clearTimeout(timer)
      resolve(Buffer.concat(chunks).toString('latin1'))
    })
    socket.write(bytes, 'latin1')
    if (hangUp) socket.end()
  })
  return readAnswers(text)
}

function readAnswers(text: string): readonly WireAnswer[] {
  const answers: WireAnswer[] = []
  let rest = text
  while (rest !== '') {
    const end = rest.indexOf('\r\n\r\n')
    if (end < 0) throw new Error(`not an answer: ${rest}`)
    const [first, ...lines] = rest.slice(0, end).split('\r\n')
    const headers = Object.fromEntries(
      lines.map((line) => {
        const colon = line.indexOf(':')
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
      }),
    )
    const length = Number(headers['content-length'] ?? 0)
    const body = rest.slice(end + 4, end + 4 + length)
    answers.push({ status: Number(first?.split(' ')[1]), headers, body })
    rest = rest.slice(end + 4 + length)
  }
  return answers
}
