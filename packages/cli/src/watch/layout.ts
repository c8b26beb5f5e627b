import { planLines, type ScreenLine } from '../approvals/plan-lines.js'
import { listedRows, type Size, shownPlan, type WatchState } from './state.js'

/** Bytes of arguments and of a body that the screen lays out. */
const LIMIT_BYTES = 65_536
const MIN_COLUMNS = 40
const MIN_ROWS = 12
/** Title, line above the plan, notice or question (two), keys. */
const FIXED_ROWS = 5

/** Which lines of the plan are on the screen. */
export interface PlanPage {
  /** Rows of the list. */
  readonly listHeight: number
  /** Rows of the plan. */
  readonly height: number
  readonly lines: readonly ScreenLine[]
  /** The largest first line. */
  readonly last: number
}

/** True for a terminal in which a plan could not be read. */
export function isTooSmall({ columns, rows }: Size): boolean {
  return !(columns >= MIN_COLUMNS && rows >= MIN_ROWS)
}

/** Divides the screen: the list has up to a third of it, the plan the rest. */
export function pageOf(state: WatchState): PlanPage {
  const { rows } = state.size
  const free = Math.max(2, rows - FIXED_ROWS)
  const third = Math.max(1, Math.floor(free / 3))
  const listHeight = state.isWhole ? 1 : Math.max(1, Math.min(third, listedRows(state).length))
  const height = free - listHeight
  const lines = linesOf(state)
  return { listHeight, height, lines, last: Math.max(0, lines.length - height) }
}

function linesOf(state: WatchState): readonly ScreenLine[] {
  const detail = shownPlan(state)
  if (detail === undefined) {
    if (state.queue === null) return [{ text: 'asking the gate …', tone: 'dim' }]
    if (state.selected === null) return [{ text: 'No call is held.', tone: 'dim' }]
    return [{ text: 'asking for its plan …', tone: 'dim' }]
  }
  const layout = { width: Math.max(MIN_COLUMNS, state.size.columns), now: state.now }
  return planLines(detail, { ...layout, limitBytes: LIMIT_BYTES })
}
