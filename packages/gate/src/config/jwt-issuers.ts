import { isLoopback } from './loopback.js'
import type { GateConfig, JwtIssuer } from './schema.js'

/**
 * What contradicts itself in `[[identity.jwt]]`, and where keys would come over a connection that others
 * can speak on; empty when nothing does.
 */
export function jwtIssuerProblems(
  config: Pick<GateConfig, 'identity' | 'posture'>,
): readonly string[] {
  const entries = new Map<string, number>()
  return config.identity.jwt.flatMap((table, at) => {
    const name = `\`identity.jwt.${at}\``
    const problems = [...keyProblems(table, name, config.posture.identity_insecure)]
    const entry = JSON.stringify([table.issuer, table.audience])
    const other = entries.get(entry)
    if (other === undefined) entries.set(entry, at)
    else {
      // Which keys and which rights would a token have?
      problems.push(
        `${name} and \`identity.jwt.${other}\` have the same issuer and audience: ` +
          'give one of them another audience or remove it',
      )
    }
    return problems
  })
}

function keyProblems(
  { jwks_file, jwks_url }: JwtIssuer,
  name: string,
  isRelaxed: boolean,
): readonly string[] {
  if ((jwks_file === undefined) === (jwks_url === undefined)) {
    const found = jwks_file === undefined ? 'has neither' : 'has both'
    return [`${name} ${found} of \`jwks_file\` and \`jwks_url\`: give it one of them`]
  }
  return jwks_url === undefined ? [] : urlProblems(jwks_url, name, isRelaxed)
}

function urlProblems(url: string, name: string, isRelaxed: boolean): readonly string[] {
  const key = `${name}: the \`jwks_url\` '${url}'`
  if (!URL.canParse(url)) return [`${key} is no URL: write https://…`]
  const { protocol, hostname, username, password, hash } = new URL(url)
  if (username !== '' || password !== '' || hash !== '') {
    return [`${name}: the \`jwks_url\` has a user, password or fragment: write it without`]
  }
  if (protocol === 'https:') return []
  if (protocol !== 'http:') return [`${key} is no web address: write https://…`]
  // Who answers for the issuer names every agent.
  if (hostname !== 'localhost' && !isLoopback(hostname.replace(/^\[|\]$/g, ''))) {
    return [`${key} has no TLS, so that anybody on the way could be the issuer: write https://…`]
  }
  if (isRelaxed) return []
  return [
    `${key} has no TLS, so that any process here could be the issuer: write https://… or set ` +
      '`[posture] identity_insecure = true`',
  ]
}
