import type { DPoPKeyPair } from '@latchgate/protocol/node'
import type { TestProject } from './gate.js'
import { operatorHeaders } from './operator.js'
import { credentials, executeRaw, type HeldLease, type RawAnswer, secondsOf } from './raw-client.js'
import type { World } from './world.js'

/** Where operators of a project are served. */
export interface OperatorDesk extends Pick<World, 'admin' | 'now'> {
  readonly gate: { readonly project: TestProject }
}

/** Whose request it is, and what it carries. */
export interface OperatorCall {
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  readonly key?: DPoPKeyPair
  /** Which of the project's operators; default `operator`. */
  readonly as?: string
  /** The gate's `public_base_url` where it is not the default. */
  readonly base?: string
}

/** One request of the project's operator on the admin socket; the proof leaves the query out. */
export function asOperator(
  world: OperatorDesk,
  method: string,
  path: string,
  { body, headers = {}, key, as, base }: OperatorCall = {},
): Promise<RawAnswer> {
  const bound = path.split('?')[0] ?? path
  const proof = operatorHeaders(world.gate.project, method, bound, key, {
    ...(as === undefined ? {} : { as }),
    ...(base === undefined ? {} : { base }),
    ...(world.now === undefined ? {} : { now: world.now }),
  })
  const json = body === undefined ? {} : { 'content-type': 'application/json' }
  return world.admin.send({
    method,
    path,
    headers: { ...proof, ...json, ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
}

/** A GET of an agent with its lease, on the client socket. */
export function asAgent(
  world: Pick<World, 'client' | 'now'>,
  lease: HeldLease,
  path: string,
): Promise<RawAnswer> {
  const bound = path.split('?')[0] ?? path
  return world.client.send({
    method: 'GET',
    path,
    headers: credentials(lease, 'GET', bound, secondsOf(world.now)),
  })
}

/** Makes a call that policy holds; the id of its approval, and the answer. */
export async function holdCall(
  world: Pick<World, 'client' | 'now'>,
  lease: HeldLease,
  action: string,
  params: unknown,
): Promise<{ readonly id: string; readonly answer: RawAnswer }> {
  const answer = await executeRaw(world.client, lease, action, params, secondsOf(world.now))
  if (answer.status !== 202) throw new Error(`not held: ${answer.status} ${answer.text}`)
  return { id: String(answer.json()['approval_id']), answer }
}

/** Approves as the operator. */
export function approveCall(
  world: OperatorDesk,
  id: string,
  call: OperatorCall = {},
): Promise<RawAnswer> {
  return asOperator(world, 'POST', `/v1/approvals/${id}/approve`, call)
}

/** Denies as the operator. */
export function denyCall(
  world: OperatorDesk,
  id: string,
  call: OperatorCall = {},
): Promise<RawAnswer> {
  return asOperator(world, 'POST', `/v1/approvals/${id}/deny`, call)
}
