import type { Json } from '@latchgate/protocol'
import type { Quota } from '../policy/data-document.js'
import { isList, isObject } from '../policy/document-reader.js'
import type { MemberKind } from './request-members.js'

/** A list of `{calls?, cost_usd_cents?, window_seconds}`. */
export const quotas: MemberKind<readonly Quota[]> = {
  says: 'an array of {calls?, cost_usd_cents?, window_seconds}, all numbers',
  read: (value) => {
    if (!isList(value)) return undefined
    const list = value.map(readQuota)
    return list.every((one) => one !== undefined) ? list : undefined
  },
}

function readQuota(value: Json): Quota | undefined {
  if (!isObject(value)) return undefined
  const known = ['calls', 'cost_usd_cents', 'window_seconds']
  const members = Object.entries(value)
  if (members.some(([name, one]) => !known.includes(name) || typeof one !== 'number')) {
    return undefined
  }
  return Object.hasOwn(value, 'window_seconds') ? (value as unknown as Quota) : undefined
}
