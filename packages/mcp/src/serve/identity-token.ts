import { readPrivateFile } from '@latchgate/protocol/node'
import type { ServeOptions } from './serve-options.js'

/**
 * Gives the JWT by which the gate is to know this agent; null when none is configured. A file is read
 * for each use, so that whoever renews tokens only has to replace it; a token of the environment opens
 * one session, since a gate takes each token once. Neither is ever in a message.
 */
export function identityTokenSource({
  identityTokenFile: file,
  identityToken: token,
}: Pick<ServeOptions, 'identityToken' | 'identityTokenFile'>): string | (() => string) | null {
  if (file === null) return token
  return () => readPrivateFile('the identity token file', file).trim()
}
