import type { ApproveRequest, Result } from '@latchgate/protocol'
import { badLearning } from '../approvals/learning.js'
import type { Refusal } from '../refusal.js'

const MEMBERS = { learn_domain: 'domain', learn_path: 'path' } as const

/**
 * The request with what published clients ask to be learned in the query, `learn_domain` and
 * `learn_path` (spec/http-api 11.5): the same as `learn` of the body. Refuses with `bad_request` when
 * one of them is given twice, or body and query differ.
 */
export function withLearnQuery(
  request: ApproveRequest,
  query: Readonly<Record<string, unknown>>,
): Result<ApproveRequest, Refusal> {
  let { learn } = request
  for (const [name, member] of Object.entries(MEMBERS) as ['learn_domain', 'domain'][]) {
    const value = query[name]
    if (value === undefined) continue
    if (typeof value !== 'string') return badLearning(`${name} must be given once`)
    const inBody = request.learn?.[member]
    if (inBody !== undefined && inBody !== value) {
      return badLearning(
        `${name} is '${value}', and learn.${member} of the body is '${inBody}': give one`,
      )
    }
    learn = { ...learn, [member]: value }
  }
  return { ok: true, value: learn === undefined ? request : { ...request, learn } }
}
