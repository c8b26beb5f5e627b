import { type ApprovalDetail, type Learning, MAX_REASON_BYTES } from '@latchgate/protocol'
import type { Key } from './keys.js'
import { pageOf } from './layout.js'
import {
  detailOf,
  type Intent,
  isPending,
  listedRows,
  type Notice,
  type Step,
  shownPlan,
  type WatchState,
} from './state.js'

/** A key while nothing is being asked. */
export function browseKey(state: WatchState, key: Key): Step {
  switch (key.kind) {
    case 'up':
      return state.isWhole ? scroll(state, -1) : choose(state, -1)
    case 'down':
      return state.isWhole ? scroll(state, 1) : choose(state, 1)
    case 'page_up':
      return scroll(state, -pageOf(state).height)
    case 'page_down':
      return scroll(state, pageOf(state).height)
    case 'home':
      return stay({ ...state, scroll: 0 })
    case 'end':
      return stay({ ...state, scroll: pageOf(state).last })
    case 'enter':
      return stay({ ...state, isWhole: !state.isWhole })
    case 'escape':
      return stay({ ...state, isWhole: false })
    case 'character':
      return browseCharacter(state, key.text)
    default:
      return stay(state)
  }
}

/** A key while an approval is asked about: `y` and nothing else approves. */
export function confirmKey(state: WatchState, intent: Intent, key: Key): Step {
  switch (key.kind) {
    case 'up':
      return scroll(state, -1)
    case 'down':
      return scroll(state, 1)
    case 'page_up':
      return scroll(state, -pageOf(state).height)
    case 'page_down':
      return scroll(state, pageOf(state).height)
    default:
  }
  if (key.kind !== 'character' || key.text !== 'y') {
    return tell({ ...state, mode: { kind: 'browse' } }, 'not approved', 'warn')
  }
  const detail = planOf(state, intent)
  if (detail === undefined) return lostPlan(state)
  return {
    state: deciding(state, intent.approvalId),
    effects: [{ kind: 'approve', detail, learn: intent.learn }],
  }
}

/** A key while the reason of a denial is typed. */
export function reasonKey(
  state: WatchState,
  mode: Intent & { readonly kind: 'reason'; readonly text: string },
  key: Key,
): Step {
  switch (key.kind) {
    case 'escape':
      return tell({ ...state, mode: { kind: 'browse' } }, 'not denied', 'warn')
    case 'backspace':
      return stay({
        ...state,
        mode: { ...mode, text: Array.from(mode.text).slice(0, -1).join('') },
      })
    case 'clear_line':
      return stay({ ...state, mode: { ...mode, text: '' } })
    case 'enter': {
      const detail = planOf(state, mode)
      if (detail === undefined) return lostPlan(state)
      const reason = mode.text === '' ? null : mode.text
      return {
        state: deciding(state, mode.approvalId),
        effects: [{ kind: 'deny', detail, reason }],
      }
    }
    case 'character':
    case 'paste': {
      const text = mode.text + key.text.replaceAll(/[\p{Cc}\p{Cs}]+/gu, ' ')
      if (Buffer.byteLength(text) <= MAX_REASON_BYTES)
        return stay({ ...state, mode: { ...mode, text } })
      return tell(state, `a reason has at most ${MAX_REASON_BYTES} bytes`, 'warn')
    }
    default:
      return stay(state)
  }
}

function browseCharacter(state: WatchState, text: string): Step {
  switch (text) {
    case 'q':
      return { state, effects: [{ kind: 'quit' }] }
    case 'k':
      return browseKey(state, { kind: 'up' })
    case 'j':
      return browseKey(state, { kind: 'down' })
    case ' ':
      return browseKey(state, { kind: 'enter' })
    case 'b':
      return browseKey(state, { kind: 'page_up' })
    case 'f':
      return browseKey(state, { kind: 'page_down' })
    case 'r':
      return { state, effects: [{ kind: 'list' }] }
    case 'a':
      return begin(state, (detail) =>
        stay({ ...state, mode: { kind: 'confirm', ...intentOf(detail, null) } }),
      )
    case 'd':
      return begin(state, (detail) =>
        stay({ ...state, mode: { kind: 'reason', text: '', ...intentOf(detail, null) } }),
      )
    case 'l':
      return begin(state, (detail) => {
        const learn = learnable(detail)
        if (learn === null) {
          return tell(state, 'there is nothing to remember: a approves', 'warn')
        }
        return stay({ ...state, mode: { kind: 'confirm', ...intentOf(detail, learn) } })
      })
    default:
      return stay(state)
  }
}

// Binds the decision to the approval and the plan on the screen, not to a place in a list.
function begin(state: WatchState, then: (detail: ApprovalDetail) => Step): Step {
  const { selected } = state
  if (selected === null) return tell(state, 'nothing is held', 'warn')
  const id = selected.approval_id
  if (state.lost !== null) return tell(state, 'the gate does not answer: wait', 'bad')
  if (state.deciding.has(id)) return tell(state, 'its decision is on its way', 'warn')
  if (!isPending(state, id)) return tell(state, 'it has ended: choose another', 'warn')
  const detail = shownPlan(state)
  if (detail === undefined) return tell(state, 'its plan is not here yet: wait', 'warn')
  return then(detail)
}

function intentOf({ approval_id, plan_hash }: ApprovalDetail, learn: Learning | null): Intent {
  return { approvalId: approval_id, planHash: plan_hash, learn }
}

function planOf(state: WatchState, intent: Intent): ApprovalDetail | undefined {
  const detail = state.details.get(intent.approvalId)
  return detail?.plan_hash === intent.planHash ? detail : undefined
}

function learnable(detail: ApprovalDetail): Learning | null {
  const [domain] = detail.unresolved_domains ?? []
  const [path] = detail.unresolved_paths ?? []
  if (domain === undefined && path === undefined) return null
  return { ...(domain === undefined ? {} : { domain }), ...(path === undefined ? {} : { path }) }
}

function choose(state: WatchState, by: number): Step {
  const rows = listedRows(state)
  const place = rows.findIndex(({ approval_id }) => approval_id === state.selected?.approval_id)
  const selected = rows[Math.min(rows.length - 1, Math.max(0, place + by))] ?? null
  if (selected?.approval_id === state.selected?.approval_id) return stay(state)
  const next = { ...state, selected, scroll: 0 }
  return { state: next, effects: detailOf(next, selected) }
}

function scroll(state: WatchState, by: number): Step {
  const { last } = pageOf(state)
  return stay({ ...state, scroll: Math.min(last, Math.max(0, state.scroll + by)) })
}

function deciding(state: WatchState, approvalId: string): WatchState {
  return { ...state, mode: { kind: 'browse' }, deciding: new Set([...state.deciding, approvalId]) }
}

function lostPlan(state: WatchState): Step {
  return tell({ ...state, mode: { kind: 'browse' } }, 'its plan is gone: nothing was sent', 'bad')
}

function tell(state: WatchState, text: string, tone: Notice['tone']): Step {
  return stay({ ...state, notice: { text, tone } })
}

function stay(state: WatchState): Step {
  return { state, effects: [] }
}
