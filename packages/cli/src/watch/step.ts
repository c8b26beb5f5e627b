import type { ApprovalDetail, ApprovalSummary } from '@latchgate/protocol'
import type { Key } from './keys.js'
import { isTooSmall, pageOf } from './layout.js'
import { browseKey, confirmKey, reasonKey } from './press.js'
import {
  byExpiry,
  detailOf,
  isPending,
  type Step,
  type WatchEffect,
  type WatchEvent,
  type WatchState,
} from './state.js'

/** The next state, and what to do. Nothing else happens here. */
export function step(state: WatchState, event: WatchEvent): Step {
  switch (event.kind) {
    case 'keys':
      return press(state, event.keys)
    case 'listed':
      return listed(state, event.approvals)
    case 'detail':
      return { state: clampScroll(withDetail(state, event.detail)), effects: [] }
    case 'failed':
      return { state: { ...state, lost: event.message }, effects: [] }
    case 'decided':
      return decided(state, event)
    case 'resized':
      return { state: clampScroll({ ...state, size: event.size }), effects: [] }
    case 'tick':
      return { state: { ...state, now: event.now }, effects: [] }
  }
}

function press(state: WatchState, keys: readonly Key[]): Step {
  let now = state
  const effects: WatchEffect[] = []
  for (const key of keys) {
    const before = now
    const taken = pressOne(now, key)
    now = clampScroll(taken.state)
    effects.push(...taken.effects)
    // What was typed, or sent, ahead of a question is no answer to it.
    if (now.mode.kind !== before.mode.kind) break
  }
  return { state: now, effects }
}

function pressOne(state: WatchState, key: Key): Step {
  if (key.kind === 'interrupt') return { state, effects: [{ kind: 'quit' }] }
  if (key.kind === 'redraw') return { state, effects: [{ kind: 'list' }] }
  const quiet = { ...state, notice: null }
  // A plan that cannot be seen is not decided.
  if (isTooSmall(state.size)) {
    const isQuit = key.kind === 'character' && key.text === 'q'
    return {
      state: { ...quiet, mode: { kind: 'browse' } },
      effects: isQuit ? [{ kind: 'quit' }] : [],
    }
  }
  switch (quiet.mode.kind) {
    case 'browse':
      return browseKey(quiet, key)
    case 'confirm':
      return confirmKey(quiet, quiet.mode, key)
    case 'reason':
      return reasonKey(quiet, quiet.mode, key)
  }
}

function listed(state: WatchState, approvals: readonly ApprovalSummary[]): Step {
  const queue = approvals.filter(({ status }) => status === 'pending').toSorted(byExpiry)
  const known = new Set(state.queue?.map(({ approval_id }) => approval_id))
  const hasNew = state.queue !== null && queue.some(({ approval_id }) => !known.has(approval_id))
  const fresh = queue.find(({ approval_id }) => approval_id === state.selected?.approval_id)
  const selected = fresh ?? state.selected ?? queue[0] ?? null
  const next: WatchState = {
    ...state,
    queue,
    selected,
    lost: null,
    details: keptDetails(state, queue, selected),
  }
  return {
    state: endedUnderQuestion(next),
    effects: [
      ...(hasNew && state.hasBell ? [{ kind: 'bell' } as const] : []),
      ...detailOf(next, selected),
    ],
  }
}

// Who is asked about a call that has ended is told so, instead of answering in vain.
function endedUnderQuestion(state: WatchState): WatchState {
  const { mode } = state
  if (mode.kind === 'browse' || isPending(state, mode.approvalId)) return state
  return {
    ...state,
    mode: { kind: 'browse' },
    notice: { text: `${mode.approvalId} is not pending any more: nothing was sent`, tone: 'warn' },
  }
}

function withDetail(state: WatchState, detail: ApprovalDetail): WatchState {
  const { mode } = state
  const details = new Map(state.details).set(detail.approval_id, detail)
  const next = { ...state, details }
  if (mode.kind === 'browse' || mode.approvalId !== detail.approval_id) return next
  if (mode.planHash === detail.plan_hash) return next
  return {
    ...next,
    mode: { kind: 'browse' },
    notice: { text: 'the plan has changed: look at it again', tone: 'bad' },
  }
}

function decided(state: WatchState, event: WatchEvent & { readonly kind: 'decided' }): Step {
  const deciding = new Set(state.deciding)
  deciding.delete(event.approvalId)
  return { state: { ...state, deciding, notice: event.notice }, effects: [{ kind: 'list' }] }
}

function keptDetails(
  state: WatchState,
  queue: readonly ApprovalSummary[],
  selected: ApprovalSummary | null,
): ReadonlyMap<string, ApprovalDetail> {
  const kept = new Set([...queue.map(({ approval_id }) => approval_id), selected?.approval_id])
  return new Map([...state.details].filter(([id]) => kept.has(id)))
}

function clampScroll(state: WatchState): WatchState {
  const { last } = pageOf(state)
  return state.scroll <= last ? state : { ...state, scroll: last }
}
