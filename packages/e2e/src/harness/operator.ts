import type { DPoPKeyPair } from '@latchgate/protocol/node'
import type { TestProject } from './gate.js'
import { PUBLIC_BASE, secondsOf } from './raw-client.js'

/** Credential headers of a project's operator for one request; another key makes them wrong. */
export function operatorHeaders(
  project: TestProject,
  method: string,
  path: string,
  key?: DPoPKeyPair,
  {
    as: name = 'operator',
    base = PUBLIC_BASE,
    now,
  }: { readonly as?: string; readonly base?: string; readonly now?: () => number } = {},
): Record<string, string> {
  const operator = name === 'operator' ? project.operator : project.operators[name]
  if (operator === undefined) throw new Error(`the project has no operator '${name}'`)
  const { apiKey } = operator
  const signer = key ?? operator.key
  const url = `${base}${path}`
  const proof = signer.signProof({ method, url, accessToken: apiKey, ...secondsOf(now) })
  return { authorization: `DPoP ${apiKey}`, dpop: proof }
}
