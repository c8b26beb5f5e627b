const PROTECTED = [
  '.env',
  '.ssh',
  '.git',
  '.latchgate',
  '.aws',
  '.gnupg',
  '.pgpass',
  '.netrc',
  '.docker',
  '.kube',
] as const

/** Characters of a pattern, at most (spec/http-api 12.6). */
const MAX_LENGTH = 1024

/**
 * Why a text is no path pattern that can be learned (spec/pipeline 9.3); null when it is one. Patterns
 * are relative to the root of a session, and none may reach what holds credentials.
 */
export function pathGlobProblem(text: string): string | null {
  if (text.length === 0 || text.length > MAX_LENGTH) {
    return `path_glob must be 1-${MAX_LENGTH} characters`
  }
  if (text.trim() === '') return 'it is blank'
  if (text.startsWith('/')) return 'it must be relative to the root of the session'
  if (['*', '**', '**/*'].includes(text)) return 'it would cover everything'
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for.
  if (/[\u0000-\u0008\u000a-\u001f\u007f]/.test(text)) return 'it has a control character'
  const segments = text.split('/')
  if (segments.includes('..')) return "it has a '..' segment"
  if (text.toLowerCase().startsWith('.config/latchgate')) return 'it reaches credentials'
  const guarded = segments.find((segment) => isProtected(segment.toLowerCase()))
  return guarded === undefined ? null : `it reaches credentials ('${guarded}')`
}

// In any segment and in any case: a file system may ignore it, and `a/.ssh/**` is no better.
function isProtected(segment: string): boolean {
  return PROTECTED.some(
    (name) => segment === name || segment.startsWith(`${name}.`) || segment.startsWith(`${name}*`),
  )
}
