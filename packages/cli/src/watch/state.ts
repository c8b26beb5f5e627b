import type { ApprovalDetail, ApprovalSummary, Learning } from '@latchgate/protocol'
import type { Key } from './keys.js'

/** Columns and rows of the terminal. */
export interface Size {
  readonly columns: number
  readonly rows: number
}

/** A decision that is about to be made: bound to what was on the screen when its key was pressed. */
export interface Intent {
  readonly approvalId: string
  readonly planHash: string
  readonly learn: Learning | null
}

/** What the keys are for at the moment. */
export type Mode =
  | { readonly kind: 'browse' }
  /** `y` approves, everything else does not. */
  | ({ readonly kind: 'confirm' } & Intent)
  /** A reason is being typed; Enter denies. */
  | ({ readonly kind: 'reason'; readonly text: string } & Intent)

/** A line at the bottom until the next key. */
export interface Notice {
  readonly text: string
  readonly tone: 'good' | 'warn' | 'bad'
}

/** Everything that the screen shows. */
export interface WatchState {
  readonly size: Size
  /** Unix milliseconds. */
  readonly now: number
  /** Pending approvals, those that end first at the top; null: not asked yet. */
  readonly queue: readonly ApprovalSummary[] | null
  /** Chosen by id, never by place: what arrives or ends does not move the choice. */
  readonly selected: ApprovalSummary | null
  readonly details: ReadonlyMap<string, ApprovalDetail>
  /** First line of the plan that is shown. */
  readonly scroll: number
  /** The plan has the whole screen. */
  readonly isWhole: boolean
  readonly mode: Mode
  /** Ids whose decision is on its way. */
  readonly deciding: ReadonlySet<string>
  readonly notice: Notice | null
  /** Why the gate's answers are missing; null while it answers. */
  readonly lost: string | null
  readonly hasBell: boolean
}

/** What happens to the state. */
export type WatchEvent =
  /** The keys of one read. */
  | { readonly kind: 'keys'; readonly keys: readonly Key[] }
  | { readonly kind: 'listed'; readonly approvals: readonly ApprovalSummary[] }
  | { readonly kind: 'detail'; readonly detail: ApprovalDetail }
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'decided'; readonly approvalId: string; readonly notice: Notice }
  | { readonly kind: 'resized'; readonly size: Size }
  | { readonly kind: 'tick'; readonly now: number }

/** What the loop has to do. */
export type WatchEffect =
  | { readonly kind: 'list' }
  | { readonly kind: 'detail'; readonly approvalId: string }
  | { readonly kind: 'approve'; readonly detail: ApprovalDetail; readonly learn: Learning | null }
  | { readonly kind: 'deny'; readonly detail: ApprovalDetail; readonly reason: string | null }
  | { readonly kind: 'bell' }
  | { readonly kind: 'quit' }

/** A state, and what to do. */
export interface Step {
  readonly state: WatchState
  readonly effects: readonly WatchEffect[]
}

/** The state before anything is known. */
export function initialState(size: Size, now: number, hasBell: boolean): WatchState {
  return {
    size,
    now,
    queue: null,
    selected: null,
    details: new Map(),
    scroll: 0,
    isWhole: false,
    mode: { kind: 'browse' },
    deciding: new Set(),
    notice: null,
    lost: null,
    hasBell,
  }
}

/** The plan that is on the screen: of the decision being made, else of the choice. */
export function shownPlan(state: WatchState): ApprovalDetail | undefined {
  const { mode, selected } = state
  const id = mode.kind === 'browse' ? selected?.approval_id : mode.approvalId
  return id === undefined ? undefined : state.details.get(id)
}

/** True while the choice can still be decided, as far as is known. */
export function isPending(state: WatchState, approvalId: string): boolean {
  return state.queue?.some(({ approval_id }) => approval_id === approvalId) === true
}

/**
 * The rows of the list: the queue, and in its place the choice that has ended meanwhile. Without it
 * the next call would slide under the finger.
 */
export function listedRows(state: WatchState): readonly ApprovalSummary[] {
  const queue = state.queue ?? []
  const { selected } = state
  if (selected === null || isPending(state, selected.approval_id)) return queue
  return [...queue, selected].toSorted(byExpiry)
}

/** Asks for the plan of the choice, unless it is there and as current as the list. */
export function detailOf(
  state: WatchState,
  selected: ApprovalSummary | null,
): readonly WatchEffect[] {
  if (selected === null) return []
  const known = state.details.get(selected.approval_id)
  const isCurrent =
    known !== undefined &&
    known.plan_hash === selected.plan_hash &&
    (isPending(state, selected.approval_id)
      ? known.approvals === selected.approvals
      : known.status !== 'pending')
  return isCurrent ? [] : [{ kind: 'detail', approvalId: selected.approval_id }]
}

/** Those that end first come first; equal ones in the order of their ids. */
export function byExpiry(a: ApprovalSummary, b: ApprovalSummary): number {
  const order = Date.parse(a.expires_at) - Date.parse(b.expires_at)
  if (order !== 0 && !Number.isNaN(order)) return order
  return a.approval_id < b.approval_id ? -1 : Number(a.approval_id > b.approval_id)
}
