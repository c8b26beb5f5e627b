import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { openDatabase } from '@latchgate/gate'
import type { JsonObject } from '@latchgate/protocol'
import type { TestGate } from './gate.js'
import type { RawAnswer } from './raw-client.js'
import type { World } from './world.js'

/** A leaf of the ledger file, as stored. */
export interface StoredLeaf {
  readonly index: number
  readonly type: string
  readonly body: JsonObject
}

/** The leaves of one trace, read from the file beside the running gate. */
export function leavesOf(world: Pick<World, 'gate'>, traceId: unknown): readonly StoredLeaf[] {
  return leavesWhere(world, 'trace_id', traceId)
}

/** The leaves of one session. */
export function leavesOfSession(
  world: Pick<World, 'gate'>,
  sessionId: string,
): readonly StoredLeaf[] {
  return leavesWhere(world, 'session_id', sessionId)
}

function leavesWhere(
  world: Pick<World, 'gate'>,
  column: 'trace_id' | 'session_id',
  value: unknown,
): readonly StoredLeaf[] {
  const db = openDatabase(world.gate.project.ledger, { readOnly: true })
  try {
    const rows = db
      .prepare(`SELECT leaf, type, bytes FROM leaves WHERE ${column} = ? ORDER BY leaf`)
      .all(String(value)) as { leaf: number; type: string; bytes: Uint8Array }[]
    return rows.map(({ leaf, type, bytes }) => {
      const text = Buffer.from(bytes).toString('utf8')
      const { body } = JSON.parse(text.slice(text.indexOf('{'))) as { body: JsonObject }
      return { index: Number(leaf), type, body }
    })
  } finally {
    db.close()
  }
}

/** The one decision of an answer's trace; an error when there is none, or another. */
export function decisionOf(world: Pick<World, 'gate'>, answer: RawAnswer): JsonObject {
  const leaves = leavesOf(world, answer.json()['trace_id'])
  const decisions = leaves.filter(({ type }) => type === 'decision')
  const [decision] = decisions
  if (decisions.length !== 1 || decision === undefined) {
    throw new Error(`${decisions.length} decisions for ${answer.text}`)
  }
  return decision.body
}

/** The receipt of an answer's trace, or undefined. */
export function receiptOf(world: Pick<World, 'gate'>, answer: RawAnswer): JsonObject | undefined {
  return leavesOf(world, answer.json()['trace_id']).find(({ type }) => type === 'receipt')?.body
}

/**
 * Where a secret can be found after a test: in answers, the log, and every byte of the files beside
 * the ledger (its payloads and WAL included). Knows nothing of the gate's own search.
 */
export function leaksOf(
  world: {
    readonly gate: Pick<TestGate, 'logs'> & { readonly project: { readonly ledger: string } }
  },
  secrets: readonly string[],
  answers: readonly RawAnswer[],
): readonly string[] {
  const places = new Map<string, Buffer>([
    ['the log', Buffer.from(JSON.stringify(world.gate.logs))],
  ])
  for (const [at, { headers, text }] of answers.entries()) {
    places.set(`answer ${at}`, Buffer.from(`${JSON.stringify(headers)}\n${text}`))
  }
  const directory = dirname(world.gate.project.ledger)
  for (const name of readdirSync(directory)) places.set(name, readFileSync(join(directory, name)))
  const found: string[] = []
  for (const secret of secrets) {
    for (const [form, needle] of writingsOf(secret)) {
      for (const [place, bytes] of places) {
        if (bytes.includes(needle)) found.push(`${form} in ${place}`)
      }
    }
  }
  return found
}

function writingsOf(secret: string): readonly (readonly [string, Buffer])[] {
  const bytes = Buffer.from(secret)
  const hex = bytes.toString('hex')
  const percent = hex.replace(/../g, '%$&')
  const unicode = Array.from(secret, (character) => {
    const code = character.charCodeAt(0).toString(16).padStart(4, '0')
    return `\\u${code}`
  }).join('')
  const texts: (readonly [string, string])[] = [
    ['plain', secret],
    ['hex', hex],
    ['HEX', hex.toUpperCase()],
    ['percent-encoded', percent],
    ['PERCENT-encoded', percent.toUpperCase()],
    ['encodeURIComponent', encodeURIComponent(secret)],
    ['\\u escapes', unicode],
    ['\\u escapes in JSON', JSON.stringify(unicode).slice(1, -1)],
  ]
  for (const alphabet of ['base64', 'base64url'] as const) {
    for (const offset of [0, 1, 2]) {
      const whole = Buffer.concat([Buffer.alloc(offset), bytes]).toString(alphabet)
      const from = Math.ceil((offset * 8) / 6)
      const to = Math.floor(((offset + bytes.length) * 8) / 6)
      texts.push([`${alphabet} at ${offset}`, whole.slice(from, to)])
    }
  }
  return texts.map(([form, text]) => [form, Buffer.from(text)] as const)
}
