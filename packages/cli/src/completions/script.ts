import { bashScript } from './bash.js'
import { fishScript } from './fish.js'
import type { CompletionNode } from './model.js'
import { zshScript } from './zsh.js'

/** Shells that there are scripts for. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const

/** One of `SHELLS`. */
export type Shell = (typeof SHELLS)[number]

/** The script that makes a shell complete the program. */
export function completionScript(shell: Shell, program: CompletionNode): string {
  switch (shell) {
    case 'bash':
      return bashScript(program)
    case 'zsh':
      return zshScript(program)
    case 'fish':
      return fishScript(program)
  }
}
