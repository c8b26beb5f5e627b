import { closeSync, openSync, readFileSync, realpathSync, rmSync, statSync } from 'node:fs'
import { AgentEditRefused, type LoadedConfig, replaceFile } from '@latchgate/gate'
import { CommandFailure, usageFailure } from './command-failure.js'

/** Refuses a name that cannot be one of an agent. */
export function assertAgentName(name: string): void {
  if (/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/.test(name)) return
  throw usageFailure(`'${name}' cannot be the name of an agent`, [
    'use 1 to 64 letters, digits, `_` and `-`, beginning with a letter or digit',
  ])
}

/**
 * Edits the configuration file in one step: it is the old one or the new one, never half of it, and
 * private; of two edits at once each keeps what the other did, or is refused. Returns its path. Throws
 * `CommandFailure` `agent_refused` for an edit that cannot be made.
 */
export function editConfigFile(loaded: LoadedConfig, edit: (text: string) => string): string {
  if (loaded.file === null) {
    throw new CommandFailure('not_found', 'there is no configuration file to edit', {
      hints: ['set a project up with: latchgate up -d; or name its file with --config PATH'],
    })
  }
  // The file itself, not a link to it, is replaced.
  const path = realpathSync(loaded.file)
  const { uid } = statSync(path)
  if (uid !== process.getuid?.()) {
    // A file of ours in its place would be one that its gate cannot read.
    throw refused(`${path} belongs to uid ${uid}: run this as that user`)
  }
  alone(path, () => {
    const text = readFileSync(path, 'utf8')
    const edited = attempt(edit, text)
    // Editors know nothing of our lock.
    if (readFileSync(path, 'utf8') !== text) {
      throw refused(`${path} was changed meanwhile: nothing was written, try again`)
    }
    replaceFile(path, Buffer.from(edited))
  })
  return loaded.file
}

function alone(path: string, edit: () => void): void {
  const lock = `${path}.lock`
  try {
    closeSync(openSync(lock, 'wx', 0o600))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    throw refused(
      `${path} is being edited: try again; if nobody does, a stopped edit left ${lock} behind: remove it`,
    )
  }
  try {
    edit()
  } finally {
    rmSync(lock, { force: true })
  }
}

function attempt(edit: (text: string) => string, text: string): string {
  try {
    return edit(text)
  } catch (error) {
    if (error instanceof AgentEditRefused) throw refused(error.message)
    throw error
  }
}

function refused(message: string): CommandFailure {
  return new CommandFailure('agent_refused', message)
}
