import { fileURLToPath } from 'node:url'

/** The repository's directory; every path and child process starts there. */
export const ROOT = fileURLToPath(new URL('../../', import.meta.url))
