import { escapedBeginnings, isEscapeLead, utf8 } from './encoded-character.js'

/** A text to be found in a response, in every writing that `readAt` knows. */
export interface SecretPattern {
  /** Characters, as code points. */
  readonly codes: readonly number[]
  /** Letters match in both cases: hexadecimal. */
  readonly anyCase: boolean
  /** Line breaks between characters are passed over: Base64. */
  readonly wraps: boolean
  /** Characters around it that hold some of its bits: Base64 that is not aligned to the value. */
  readonly partialBefore: boolean
  readonly partialAfter: boolean
  /** A character of the text can begin a writing of another: the first mismatch is not the end. */
  readonly ambiguous: boolean
}

/** Shortest text that is looked for in another form than its own. */
const MIN_DERIVED_BYTES = 6

/** Shortest segment of a secret URL's path that is a secret by itself. */
const MIN_SEGMENT = 16

/** Everything by which a value could be recognised in a response. */
export function patternsOf(value: string): readonly SecretPattern[] {
  const url = urlParts(value)
  const texts = new Set([value, value.trim(), ...url.paths, ...url.segments])
  texts.delete('')
  // Whatever encodes a longer part of a URL encodes its long segments too: each further pattern is
  // work at every place where an escape could begin.
  const encoded = url.segments.length > 0 ? url.segments : [value, ...url.paths.slice(0, 1)]
  return [...[...texts].map((text) => pattern(text)), ...encoded.flatMap(encodedPatterns)]
}

function encodedPatterns(text: string): readonly SecretPattern[] {
  const bytes = Buffer.from(text, 'utf8')
  if (bytes.length < MIN_DERIVED_BYTES) return []
  const patterns = [pattern(bytes.toString('hex'), { anyCase: true, wraps: true })]
  for (let offset = 0; offset < 3; offset += 1) patterns.push(...base64Patterns(bytes, offset))
  // UTF-16, of either byte order: what both have in common.
  if (bytes.length === text.length) patterns.push(pattern(Array.from(text).join('\0')))
  return patterns
}

/** Characters with which a pattern can begin, each as itself. */
export function firstCharacters({ codes, anyCase }: SecretPattern): readonly number[] {
  return cases(codes[0] ?? 0, anyCase)
}

/** First two bytes of the writings of a pattern, plain ones and encoded ones. */
export function beginnings({
  codes,
  anyCase,
  wraps,
}: SecretPattern): readonly (readonly [number, number])[] {
  const [first = 0, second = first] = codes
  const pairs: (readonly [number, number])[] = [...escapedBeginnings(first)]
  for (const code of cases(first, anyCase)) {
    const [lead = 0, next] = utf8(code)
    if (next !== undefined) {
      pairs.push([lead, next])
      continue
    }
    const seconds = [0x25, 0x26, 0x5c, ...(wraps ? [10, 13] : []), ...(second === 32 ? [43] : [])]
    for (const one of cases(second, anyCase)) seconds.push(utf8(one)[0] ?? 0)
    for (const one of seconds) pairs.push([lead, one])
    if (code === 0x20) for (const one of seconds) pairs.push([0x2b, one])
  }
  return pairs
}

function cases(code: number, anyCase: boolean): readonly number[] {
  return anyCase && code >= 0x61 && code <= 0x66 ? [code, code - 0x20] : [code]
}

// The characters of Base64 that depend on the value alone, when `offset` bytes stand before it in
// its group of three.
function base64Patterns(bytes: Uint8Array, offset: number): readonly SecretPattern[] {
  const padded = Buffer.concat([Buffer.alloc(offset), bytes, Buffer.alloc(2)])
  const from = Math.ceil((offset * 8) / 6)
  const to = Math.floor(((offset + bytes.length) * 8) / 6)
  const partial = {
    wraps: true,
    partialBefore: offset > 0,
    partialAfter: ((offset + bytes.length) * 8) % 6 !== 0,
  }
  const standard = padded.toString('base64').slice(from, to)
  const urlSafe = padded.toString('base64url').slice(from, to)
  return [...new Set([standard, urlSafe])].map((text) => pattern(text, partial))
}

// A secret URL is recognised by what is behind its host, and by a long segment alone: services
// quote both.
function urlParts(value: string): {
  readonly paths: readonly string[]
  readonly segments: readonly string[]
} {
  if (!/^https?:\/\//i.test(value) || !URL.canParse(value)) return { paths: [], segments: [] }
  const { href, pathname, search } = new URL(value)
  const path = pathname === '/' ? [] : [pathname, pathname.slice(1)]
  const parts = [...pathname.split('/'), ...search.slice(1).split(/[&=]/)]
  return {
    paths: [`${pathname}${search}`, ...path, href].filter((one) => one.length >= MIN_DERIVED_BYTES),
    segments: parts.filter((part) => part.length >= MIN_SEGMENT),
  }
}

function pattern(
  text: string,
  options: Partial<Omit<SecretPattern, 'codes' | 'ambiguous'>> = {},
): SecretPattern {
  const codes = Array.from(text, (character) => character.codePointAt(0) ?? 0)
  return {
    codes,
    anyCase: false,
    wraps: false,
    partialBefore: false,
    partialAfter: false,
    ...options,
    ambiguous: codes.some((code) => code >= 0x80 || isEscapeLead(code)),
  }
}
