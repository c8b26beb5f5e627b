import type { DPoPKeyPair } from '@latchgate/protocol/node'
import type { TestProject } from './gate.js'
import { PUBLIC_BASE, type RawAnswer, type RawClient, secondsOf } from './raw-client.js'

/** Credential headers of a project's operator for one request; another key makes them wrong. */
export function operatorHeaders(
  project: TestProject,
  method: string,
  path: string,
  key?: DPoPKeyPair,
  { as: name = 'operator', now }: { readonly as?: string; readonly now?: () => number } = {},
): Record<string, string> {
  const operator = name === 'operator' ? project.operator : project.operators[name]
  if (operator === undefined) throw new Error(`the project has no operator '${name}'`)
  const { apiKey } = operator
  const signer = key ?? operator.key
  const url = `${PUBLIC_BASE}${path}`
  const proof = signer.signProof({ method, url, accessToken: apiKey, ...secondsOf(now) })
  return { authorization: `DPoP ${apiKey}`, dpop: proof }
}

/** Sends a request of a project's operator, with a JSON body when there is one. */
export function operate(
  admin: RawClient,
  project: TestProject,
  method: string,
  path: string,
  body?: unknown,
): Promise<RawAnswer> {
  return admin.send({
    method,
    path,
    headers: {
      ...operatorHeaders(project, method, path),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
}
