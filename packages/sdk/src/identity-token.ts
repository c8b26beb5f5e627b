import { LatchGateAuthError } from './errors.js'

/**
 * A JWT of an issuer that the gate trusts, as a text, or a function that gives a fresh one. A gate
 * takes each token once (its `jti`), so a text is enough for one session only.
 */
export type IdentityToken = string | (() => string | Promise<string>)

/** Code of the error when there is no token to send: nothing was sent. */
const UNUSABLE = 'identity_token_unusable'

/** Throws a `TypeError` for an option that can never give a token; it never shows a token. */
export function checkIdentityToken(option: unknown): void {
  if (typeof option === 'function') return
  if (typeof option !== 'string') {
    throw new TypeError('identityToken must be a text or a function that gives one')
  }
  const fault = tokenFault(option)
  if (fault !== null) throw new TypeError(`identityToken ${fault}`)
}

/** Gives the tokens of one client, and knows which of them was sent last. */
export class IdentityTokens {
  readonly #option: IdentityToken | undefined
  #presented: string | null = null

  constructor(option: IdentityToken | undefined) {
    if (option !== undefined) checkIdentityToken(option)
    this.#option = option
  }

  /** A token for a new session; null: this client has none. Throws `LatchGateAuthError`. */
  async forSession(timeoutMs: number): Promise<string | null> {
    const token = await this.#ask(timeoutMs)
    this.#presented = token
    return token
  }

  /**
   * A token for a renewal; null also for one that was sent before: a gate takes each token once, and
   * until the first one expires the key alone renews the session. Throws `LatchGateAuthError`.
   */
  async forRenewal(timeoutMs: number): Promise<string | null> {
    const token = await this.#ask(timeoutMs)
    if (token === this.#presented) return null
    this.#presented = token
    return token
  }

  async #ask(timeoutMs: number): Promise<string | null> {
    if (this.#option === undefined || typeof this.#option === 'string') return this.#option ?? null
    const token: unknown = await within(timeoutMs, this.#option)
    const fault = typeof token === 'string' ? tokenFault(token) : `is no text but ${kindOf(token)}`
    if (fault !== null) {
      throw unusable(`what the function identityToken gave ${fault}; let it return a fresh JWT`)
    }
    return token as string
  }
}

async function within(
  timeoutMs: number,
  provider: () => string | Promise<string>,
): Promise<unknown> {
  const clock: { timer?: NodeJS.Timeout } = {}
  const late = new Promise<never>((_, reject) => {
    clock.timer = setTimeout(() => {
      const why = `the function identityToken gave no token within ${timeoutMs} ms`
      reject(unusable(`${why}; see that its issuer answers, or raise timeoutMs`))
    }, timeoutMs)
  })
  try {
    return await Promise.race([asked(provider), late])
  } finally {
    clearTimeout(clock.timer)
  }
}

async function asked(provider: () => string | Promise<string>): Promise<unknown> {
  try {
    return await provider()
  } catch (cause) {
    const kind = cause instanceof Error ? cause.name : kindOf(cause)
    // Its own words are for `cause` alone: they may quote the token.
    throw unusable(`the function identityToken threw ${kind}; its reason is in \`cause\``, cause)
  }
}

// Looked at before it becomes a header: a transport's complaint about it would quote the token.
function tokenFault(token: string): string | null {
  if (token === '') return 'is empty'
  return /^[\x21-\x7e]+$/.test(token) ? null : 'holds characters that no JWT has (not shown here)'
}

function kindOf(value: unknown): string {
  return value === null ? 'null' : typeof value
}

function unusable(why: string, cause?: unknown): LatchGateAuthError {
  const options = cause === undefined ? undefined : { cause }
  return new LatchGateAuthError(
    UNUSABLE,
    {},
    { explanation: `${why}; nothing was sent`, ...options },
  )
}
