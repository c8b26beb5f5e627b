/** A text with the secret in it, and what of it must not be there afterwards. */
export interface Encoded {
  readonly text: string
  readonly mustGo: readonly string[]
}

/** `next(max)` is a number below `max`, for encodings with a choice. */
type Encode = (
  secret: string,
  before: string,
  after: string,
  next: (max: number) => number,
) => Encoded

const ENTITY_NAMES: Readonly<Record<string, string>> = {
  '&': 'amp',
  '<': 'lt',
  '>': 'gt',
  '"': 'quot',
  "'": 'apos',
  '/': 'sol',
  '=': 'equals',
  '+': 'plus',
}

const wrapped = (encoded: string, before: string, after: string): Encoded => ({
  text: `${before}${encoded}${after}`,
  mustGo: [encoded],
})

const perCharacter =
  (one: (character: string, next: (max: number) => number) => string): Encode =>
  (secret, before, after, next) =>
    wrapped(Array.from(secret, (character) => one(character, next)).join(''), before, after)

const code = (character: string): number => character.codePointAt(0) ?? 0

const percent = (character: string, next: (max: number) => number): string => {
  const hex = code(character).toString(16).padStart(2, '0')
  const digits = Array.from(hex, (digit) => (next(2) === 0 ? digit : digit.toUpperCase()))
  return `%${digits.join('')}`
}

const unicodeEscape = (character: string, next: (max: number) => number): string => {
  const hex = code(character).toString(16).padStart(4, '0')
  return `\\u${next(2) === 0 ? hex : hex.toUpperCase()}`
}

const reference = (character: string, next: (max: number) => number): string => {
  const number = code(character)
  const named = ENTITY_NAMES[character]
  const forms = [
    `&#${number};`,
    `&#x${number.toString(16)};`,
    `&#X${number.toString(16).toUpperCase()};`,
    `&#00${number};`,
    named === undefined ? `&#${number};` : `&${named};`,
  ]
  return forms[next(forms.length)] ?? ''
}

// The part of a Base64 text that the secret alone decides.
function core(whole: string, bytesBefore: number, secretBytes: number): string {
  const from = Math.ceil((bytesBefore * 8) / 6)
  const to = Math.floor(((bytesBefore + secretBytes) * 8) / 6)
  return whole.slice(from, to)
}

const base64 =
  (alphabet: 'base64' | 'base64url', prefix: (before: string) => string): Encode =>
  (secret, before, after) => {
    const start = prefix(before)
    const whole = Buffer.from(`${start}${secret}${after}`).toString(alphabet)
    return { text: whole, mustGo: [core(whole, Buffer.byteLength(start), secret.length)] }
  }

/** The writings in which a secret must be found, by name. */
export const ENCODINGS: readonly (readonly [string, Encode])[] = [
  ['plain', (secret, before, after) => wrapped(secret, before, after)],
  ['Base64 at offset 0', base64('base64', () => '')],
  ['Base64 at offset 1', base64('base64', () => 'x')],
  ['Base64 at offset 2', base64('base64', () => 'xy')],
  ['Base64 at any offset', base64('base64', (before) => before)],
  ['Base64url at any offset', base64('base64url', (before) => before)],
  [
    'Base64 in lines of 76, as MIME has it',
    (secret, before, after) => {
      const whole = Buffer.from(`${before}${secret}${after}`).toString('base64')
      const text = whole.replace(/.{76}(?=.)/g, '$&\r\n')
      return { text, mustGo: [core(whole, Buffer.byteLength(before), secret.length)] }
    },
  ],
  [
    'a Basic blob that is encoded once more',
    (secret) => {
      const blob = Buffer.from(`user:${secret}`).toString('base64')
      return { text: `Basic ${blob}`, mustGo: [core(blob, 5, secret.length)] }
    },
  ],
  ['percent-encoded in full', perCharacter(percent)],
  [
    'percent-encoded in part',
    perCharacter((character, next) =>
      next(2) === 0 && character !== '%' ? character : percent(character, next),
    ),
  ],
  ['encodeURIComponent', perCharacter((character) => encodeURIComponent(character))],
  [
    'percent-encoded twice',
    perCharacter((character, next) => percent(character, next).replace('%', '%25')),
  ],
  [
    'a form',
    (secret, before, after) => {
      const encoded = new URLSearchParams({ k: secret }).toString().slice(2)
      return {
        text: `a=${encodeURIComponent(before)}&k=${encoded}&b=${encodeURIComponent(after)}`,
        mustGo: [`k=${encoded}`],
      }
    },
  ],
  [
    'JSON',
    (secret, before, after) => {
      const inner = JSON.stringify(secret).slice(1, -1)
      return { text: JSON.stringify({ a: `${before}${secret}${after}` }), mustGo: [inner] }
    },
  ],
  [
    'JSON within JSON within JSON',
    (secret, before, after) => {
      const twice = JSON.stringify(JSON.stringify({ a: `${before}${secret}${after}` }))
      return { text: JSON.stringify(twice), mustGo: [secret] }
    },
  ],
  ['\\uXXXX in full', perCharacter(unicodeEscape)],
  [
    '\\uXXXX in part',
    perCharacter((character, next) =>
      next(2) === 0 && character !== '\\' ? character : unicodeEscape(character, next),
    ),
  ],
  ['\\xXX of JavaScript', perCharacter((character) => `\\x${code(character).toString(16)}`)],
  ['JSON with escaped slashes', perCharacter((character) => character.replace(/["\\/]/, '\\$&'))],
  ['HTML references', perCharacter(reference)],
  [
    'HTML references in part',
    perCharacter((character, next) =>
      next(2) === 0 && character !== '&' ? character : reference(character, next),
    ),
  ],
  [
    'hexadecimal',
    (secret, before, after) => wrapped(Buffer.from(secret).toString('hex'), before, after),
  ],
  [
    'hexadecimal in upper case',
    (secret, before, after) =>
      wrapped(Buffer.from(secret).toString('hex').toUpperCase(), before, after),
  ],
  [
    'percent, JSON and HTML mixed',
    perCharacter((character, next) => {
      const forms = [percent, unicodeEscape, reference]
      return (forms[next(3)] ?? percent)(character, next)
    }),
  ],
]
