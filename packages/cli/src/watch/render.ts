import type { ApprovalSummary } from '@latchgate/protocol'
import { isHarmful, type ScreenLine, type Tone } from '../approvals/plan-lines.js'
import { remainingTime } from '../approvals/remaining-time.js'
import { cellsOf, cellText, fitCells, padCells, wrapWords } from '../cells.js'
import { isTooSmall, pageOf } from './layout.js'
import { type Intent, isPending, listedRows, shownPlan, type WatchState } from './state.js'

/**
 * The whole screen, one entry a row: no entry is wider than the terminal, none has a control
 * character. Nothing is read but the state.
 */
export function render(state: WatchState): readonly ScreenLine[] {
  const { columns, rows } = state.size
  if (isTooSmall(state.size)) return tooSmall(columns, rows)
  const page = pageOf(state)
  const shown = page.lines.slice(state.scroll, state.scroll + page.height)
  const lines = [
    title(state),
    ...filled(listLines(state, page.listHeight), page.listHeight),
    planHeading(state, shown.length, page.lines.length),
    ...filled(shown, page.height),
    ...filled(bottom(state, page.lines.length - state.scroll - shown.length), 2),
    keyLine(state),
  ]
  return lines.map(({ text, tone }) => ({ text: fitCells(text, columns), tone }))
}

function tooSmall(columns: number, rows: number): readonly ScreenLine[] {
  const width = Math.max(1, columns)
  const words = wrapWords('terminal too small: 40x12 needed; q quits', width)
  const lines = words.map((text) => ({ text: fitCells(text, width), tone: 'warn' }) as const)
  return filled(lines, Math.max(1, rows))
}

function title(state: WatchState): ScreenLine {
  const count = state.queue === null ? '' : `${state.queue.length} pending`
  const link = state.lost === null ? '' : '  ○ NO ANSWER FROM THE GATE, asking again'
  const deciding = state.deciding.size === 0 ? '' : `  ${state.deciding.size} being decided`
  return {
    text: `LatchGate approvals  ${count}${deciding}${link}`,
    tone: state.lost === null ? 'title' : 'bad',
  }
}

function listLines(state: WatchState, height: number): readonly ScreenLine[] {
  const rows = listedRows(state)
  const chosen = Math.max(
    0,
    rows.findIndex(({ approval_id }) => approval_id === state.selected?.approval_id),
  )
  const first = Math.max(0, Math.min(chosen - Math.floor(height / 2), rows.length - height))
  return rows.slice(first, first + height).map((row) => listLine(state, row))
}

function listLine(state: WatchState, row: ApprovalSummary): ScreenLine {
  const isChosen = row.approval_id === state.selected?.approval_id
  const cells: readonly (readonly [string, number])[] = [
    [rowState(state, row), 8],
    [row.risk_level, 8],
    [row.action_id, 20],
    [row.principal, 16],
  ]
  const columns = cells.map(([text, width]) => padCells(fitCells(cellText(text), width), width))
  const text = `${isChosen ? '▸' : ' '} ${columns.join(' ')} ${cellText(row.target)}`
  const tone = isHarmful(row.risk_level) ? 'warn' : 'plain'
  return { text: padCells(text, state.size.columns), tone: isChosen ? 'selected' : tone }
}

function rowState(state: WatchState, row: ApprovalSummary): string {
  if (state.deciding.has(row.approval_id)) return 'deciding'
  if (!isPending(state, row.approval_id)) return 'ended'
  return remainingTime(row.expires_at, state.now)
}

function planHeading(state: WatchState, shown: number, total: number): ScreenLine {
  const detail = shownPlan(state)
  const rows = listedRows(state)
  const place = rows.findIndex(({ approval_id }) => approval_id === state.selected?.approval_id) + 1
  const of = rows.length === 0 ? '' : ` ${place}/${rows.length}`
  const lines =
    detail === undefined ? '' : `, lines ${state.scroll + 1}–${state.scroll + shown} of ${total}`
  return { text: padRule(`──${of} plan${lines} `, state.size.columns), tone: 'dim' }
}

function bottom(state: WatchState, below: number): readonly ScreenLine[] {
  const { mode, notice, lost } = state
  if (mode.kind === 'confirm') {
    const unseen = below > 0 ? ` ${below} MORE LINES BELOW (↓).` : ''
    return [
      { text: `APPROVE ${subject(state, mode)}?${learnText(state, mode)}`, tone: 'warn' },
      {
        text: `${unseen === '' ? '' : `${unseen.trim()} `}y approves exactly this plan, any other key does not.`,
        tone: 'warn',
      },
    ]
  }
  if (mode.kind === 'reason') {
    const typed = cellText(mode.text)
    return [
      {
        text: `DENY ${subject(state, mode)}. Enter denies, Esc does not. Reason for the agent:`,
        tone: 'warn',
      },
      { text: tail(`> ${typed}_`, state.size.columns), tone: 'plain' },
    ]
  }
  const { columns } = state.size
  if (lost !== null && notice !== null) {
    return [
      { text: cellText(lost), tone: 'bad' },
      { text: cellText(notice.text), tone: notice.tone },
    ]
  }
  if (lost !== null) return twoLines(lost, 'bad', columns)
  return notice === null ? [] : twoLines(notice.text, notice.tone, columns)
}

// What does not fit in two lines ends with `…`.
function twoLines(text: string, tone: Tone, columns: number): readonly ScreenLine[] {
  const safe = cellText(text)
  const [first = '', ...others] = wrapWords(safe, columns)
  return [
    { text: first, tone },
    { text: others.join(' '), tone },
  ]
}

function subject(state: WatchState, { approvalId }: Intent): string {
  const detail = state.details.get(approvalId)
  if (detail === undefined) return approvalId
  return cellText(`${detail.action_id} of ${detail.principal}`)
}

function learnText(state: WatchState, { approvalId, learn }: Intent): string {
  if (learn === null) return ''
  const what = [learn.domain, learn.path].filter((one) => one !== undefined).join(', ')
  const whom = state.details.get(approvalId)?.principal ?? ''
  return cellText(` AND REMEMBER ${what} for ${whom}`)
}

function keyLine(state: WatchState): ScreenLine {
  const keys = state.isWhole
    ? '↑↓ scroll  space list  a approve  d deny  l learn  r refresh  q quit'
    : '↑↓ choose  PgUp/PgDn scroll  space whole  a approve  d deny  l learn  r  q quit'
  return { text: keys, tone: 'dim' }
}

// The end of what is being typed, however long it is.
function tail(text: string, width: number): string {
  let shown = text
  while (cellsOf(shown) > width) shown = Array.from(shown).slice(1).join('')
  return shown
}

function padRule(text: string, width: number): string {
  return text + '─'.repeat(Math.max(0, width - text.length))
}

function filled(lines: readonly ScreenLine[], height: number): readonly ScreenLine[] {
  const empty = { text: '', tone: 'plain' } as const
  return Array.from({ length: height }, (_, i) => lines[i] ?? empty)
}
