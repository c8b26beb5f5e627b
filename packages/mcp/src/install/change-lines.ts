import { printable } from '@latchgate/protocol'

const WIDEST = 160

/**
 * The lines that a change takes away (`-`) and puts in (`+`), and no others: what is beside them
 * may be a secret of another server. Long lines show where they differ.
 */
export function changeLines(before: string, after: string): readonly string[] {
  const old = before.split('\n')
  const now = after.split('\n')
  let head = 0
  while (head < old.length && head < now.length && old[head] === now[head]) head += 1
  let tail = 0
  while (
    tail < old.length - head &&
    tail < now.length - head &&
    old[old.length - 1 - tail] === now[now.length - 1 - tail]
  )
    tail += 1
  const gone = old.slice(head, old.length - tail)
  const come = now.slice(head, now.length - tail)
  const [oldLine, nowLine] = [gone[0], come[0]]
  const isOneLine = gone.length === 1 && come.length === 1
  const shown =
    isOneLine && oldLine !== undefined && nowLine !== undefined
      ? trimmed(oldLine, nowLine)
      : { gone, come }
  return [
    `@@ line ${head + 1} @@`,
    ...shown.gone.map((line) => `- ${printable(line.replace(/\r$/, ''))}`),
    ...shown.come.map((line) => `+ ${printable(line.replace(/\r$/, ''))}`),
  ]
}

interface Lines {
  readonly gone: readonly string[]
  readonly come: readonly string[]
}

function trimmed(old: string, now: string): Lines {
  if (old.length <= WIDEST && now.length <= WIDEST) return { gone: [old], come: [now] }
  let head = 0
  while (head < old.length && old[head] === now[head]) head += 1
  let tail = 0
  while (
    tail < Math.min(old.length, now.length) - head &&
    old[old.length - 1 - tail] === now[now.length - 1 - tail]
  )
    tail += 1
  const differing = (line: string): string => `… ${line.slice(head, line.length - tail)} …`
  return { gone: [differing(old)], come: [differing(now)] }
}
