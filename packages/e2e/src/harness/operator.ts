import type { DPoPKeyPair } from '@latchgate/protocol/node'
import type { TestProject } from './gate.js'
import { PUBLIC_BASE, type RawAnswer, type RawClient } from './raw-client.js'

/** Credential headers of a project's operator for one request; another key makes them wrong. */
export function operatorHeaders(
  project: TestProject,
  method: string,
  path: string,
  key: DPoPKeyPair = project.operator.key,
): Record<string, string> {
  const { apiKey } = project.operator
  const proof = key.signProof({ method, url: `${PUBLIC_BASE}${path}`, accessToken: apiKey })
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
