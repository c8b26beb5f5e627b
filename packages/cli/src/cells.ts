import { printable } from '@latchgate/protocol'

const ASCII = /^[\x20-\x7e]*$/
const TOO_MANY_MARKS = /(?<=\p{M}{2})\p{M}+/gu
const CLUSTER = /[^\p{M}]\p{M}{0,2}|\p{M}{1,2}/gu

/**
 * Text of somebody else for one line of cells: `printable`, and no more than two marks on one
 * letter, since a pile of them would reach into the lines above and below.
 */
export function cellText(text: string): string {
  const safe = printable(text)
  if (ASCII.test(safe)) return safe
  return safe.replace(TOO_MANY_MARKS, (marks) =>
    Array.from(marks, (mark) => `\\u{${(mark.codePointAt(0) ?? 0).toString(16)}}`).join(''),
  )
}

/**
 * Columns that the text takes at most. Terminals disagree about scripts, emoji and marks; a line
 * that is taken for too wide only ends early, one taken for too narrow would lose its end.
 */
export function cellsOf(text: string): number {
  if (ASCII.test(text)) return text.length
  let cells = 0
  for (const character of text) cells += widthOf(character.codePointAt(0) ?? 0)
  return cells
}

/** Breaks text into lines of at most `width` columns, at least 2; nothing is left out. */
export function wrapCells(text: string, width: number): readonly string[] {
  const columns = Math.max(2, width)
  if (ASCII.test(text)) {
    const count = Math.max(1, Math.ceil(text.length / columns))
    return Array.from({ length: count }, (_, i) => text.slice(i * columns, (i + 1) * columns))
  }
  const lines: string[] = []
  let line = ''
  let used = 0
  for (const [cluster] of text.matchAll(CLUSTER)) {
    const cells = cellsOf(cluster)
    if (used + cells > columns && line !== '') {
      lines.push(line)
      line = ''
      used = 0
    }
    line += cluster
    used += cells
  }
  return [...lines, line]
}

/** The same, at spaces where there are some: for sentences. Only spaces at the breaks are left out. */
export function wrapWords(text: string, width: number): readonly string[] {
  const lines: string[] = []
  let line: string | null = null
  for (const word of text.split(' ')) {
    const longer: string = line === null ? word : `${line} ${word}`
    if (cellsOf(longer) <= width) {
      line = longer
      continue
    }
    if (line !== null) lines.push(line)
    const parts = wrapCells(word, width)
    lines.push(...parts.slice(0, -1))
    line = parts.at(-1) ?? ''
  }
  return [...lines, line ?? '']
}

/** The text in at most `width` columns; `…` at its end says that there is more. */
export function fitCells(text: string, width: number): string {
  if (cellsOf(text) <= width) return text
  if (width <= 0) return ''
  let fitting = ''
  let used = 0
  for (const [cluster] of text.matchAll(CLUSTER)) {
    const cells = cellsOf(cluster)
    if (used + cells > width - 1) break
    fitting += cluster
    used += cells
  }
  return `${fitting}…`
}

/** The text, filled with spaces up to `width` columns. */
export function padCells(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - cellsOf(text)))
}

// Signs that this program draws itself, and that are narrow everywhere.
const NARROW_SIGNS = new Set('–—…•│─┄↑↓←→▸●○✓✗⚠'.split('').map((sign) => sign.charCodeAt(0)))

function widthOf(codePoint: number): number {
  if (codePoint < 0x1100 || NARROW_SIGNS.has(codePoint)) return 1
  return 2
}
