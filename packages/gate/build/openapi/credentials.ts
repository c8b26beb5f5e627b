import type { JsonObject } from '@latchgate/protocol'
import { PROOF_MAX_AGE_SECONDS } from '@latchgate/protocol/node'
import type { Credential, RouteDocumentation } from './route-documentation.js'

/** The credential headers, as OpenAPI tells them. A proof goes with a lease or an operator's key, and may go
 * with a token; alone it is that of a registered key. */
export const SECURITY_SCHEMES: JsonObject = {
  lease: {
    type: 'http',
    scheme: 'DPoP',
    description:
      'An agent: `Authorization: DPoP <lease>`, with the lease that `POST /v1/leases` answered.',
  },
  identityToken: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description:
      'An agent that asks for a lease: a token of an issuer in `[[identity.jwt]]` (RFC 7519), which works once. A proof goes with it where the token is bound to a key (`cnf.jkt`); it names no token (`ath`).',
  },
  operator: {
    type: 'http',
    scheme: 'DPoP',
    description:
      "An operator: `Authorization: DPoP <api key>`, with the key of `[operator_credentials.<name>]` in the gate's configuration.",
  },
  proof: {
    type: 'apiKey',
    in: 'header',
    name: 'DPoP',
    description: `A proof of possession (RFC 9449) made for this one request: by the key that the lease or the operator is bound to, over the method, the URL without its query, and the token of the Authorization header (\`ath\`). It is at most ${PROOF_MAX_AGE_SECONDS} s old and works once. The URL begins with the gate's \`public_base_url\`; on a Unix socket \`http://localhost\` will do as well.`,
  },
}

const SECURITY: Readonly<Record<Credential, readonly JsonObject[]>> = {
  none: [{}],
  renewal: [
    {},
    { proof: [] },
    { identityToken: [] },
    { identityToken: [], proof: [] },
    { lease: [], proof: [] },
  ],
  lease: [{ lease: [], proof: [] }],
  operator: [{ operator: [], proof: [] }],
}

/** `security` of an operation: what either listener asks for. */
export function securityOf({ access }: RouteDocumentation): readonly JsonObject[] {
  const credentials = new Set(Object.values(access))
  return [...credentials].flatMap((one) => SECURITY[one])
}
