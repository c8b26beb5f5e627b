import { createHash } from 'node:crypto'
import { isOwnTool } from './own-tools.js'

/** Some clients refuse longer names of tools, and other characters. */
const PLAIN = /^[A-Za-z0-9_-]{1,64}$/
const MAX_NAME = 64
const DIGEST_LENGTH = 16
const MAPPED = new RegExp(`_[0-9a-f]{${DIGEST_LENGTH}}$`)

/**
 * The name of an action's tool: its id. An id that clients would refuse, or that is a tool of the
 * adapter, becomes its beginning and its digest. The name follows from the id alone, so it is the same
 * in every list; and no id that stays as it is ends like one with a digest, so no two are the same.
 */
export function toolName(actionId: string): string {
  if (isPlain(actionId)) return actionId
  const digest = createHash('sha256').update(actionId).digest('hex').slice(0, DIGEST_LENGTH)
  const start = actionId.replace(/[^A-Za-z0-9_-]/g, '_').slice(0, MAX_NAME - DIGEST_LENGTH - 1)
  return `${start}_${digest}`
}

function isPlain(actionId: string): boolean {
  return PLAIN.test(actionId) && !isOwnTool(actionId) && !MAPPED.test(actionId)
}
