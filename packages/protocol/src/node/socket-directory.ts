import { join } from 'node:path'

/**
 * The directory of a user's sockets when nobody names them: where a gate of his listens and where clients
 * look, published ones too (spec/http-api 2.2). `fallback` is used where there is no login session.
 */
export function socketDirectory(
  env: Readonly<Record<string, string | undefined>>,
  uid: number,
  fallback = '/tmp',
): string {
  const runtime = env['XDG_RUNTIME_DIR'] ?? ''
  return runtime === '' ? join(fallback, `latchgate-${uid}`) : join(runtime, 'latchgate')
}
