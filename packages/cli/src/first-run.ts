import { userInfo } from 'node:os'
import type { Readable } from 'node:stream'
import * as util from 'node:util'
import { BUILTIN_PRESETS } from '@latchgate/catalogue'
import { printable } from '@latchgate/protocol'
import type { Context } from './context.js'
import { isOperatorName } from './operator-credential.js'
import type { Streams } from './output.js'
import { isPrincipalName, needsRelaxedAcl, type ProjectChoices } from './project.js'

/** Whether a person can be asked for the choices; otherwise a first run takes the defaults. */
export function canChoose(context: Context): boolean {
  // The prompts need Node 20.12.
  return context.streams.terminal !== undefined && !context.output.json && 'styleText' in util
}

/**
 * Asks for the three choices of a new project, Enter taking each default (spec/cli-and-config 13.8).
 * Null after Esc or Ctrl-C. Nothing is written here.
 */
export async function askChoices(
  { streams, cwd }: Context,
  defaults: ProjectChoices,
): Promise<ProjectChoices | null> {
  const { terminal } = streams
  if (terminal === undefined) return defaults
  // Loaded for this alone: every other command starts without it.
  const prompts = await import('@clack/prompts')
  const leaving = new AbortController()
  const stop = watchForEnd(terminal.input, leaving)
  try {
    return await ask(prompts, { ...terminal, signal: leaving.signal }, { cwd, defaults })
  } finally {
    stop()
  }
}

type Prompts = typeof import('@clack/prompts')

type Terminal = NonNullable<Streams['terminal']> & { readonly signal: AbortSignal }

async function ask(
  prompts: Prompts,
  terminal: Terminal,
  { cwd, defaults }: { readonly cwd: string; readonly defaults: ProjectChoices },
): Promise<ProjectChoices | null> {
  const { username, uid } = userInfo()
  prompts.intro('LatchGate: first run in this directory', terminal)
  prompts.note(
    [
      `Gate and agent will both run as ${printable(username)} (uid ${uid}): they are not separated.`,
      'Such an agent could read the keys of the gate. That is fine for a try; for',
      'real, run the gate as a user of its own. `latchgate doctor` reminds you.',
    ].join('\n'),
    'Not separated',
    terminal,
  )
  const preset = await prompts.select({
    ...terminal,
    message: 'What may agents do? (the preset of the policy; change it later at any time)',
    initialValue: defaults.preset,
    // A preset that needs a relaxed posture is not one to be offered in passing.
    options: BUILTIN_PRESETS.filter(({ name }) => !needsRelaxedAcl(name)).map(
      ({ name, description }) => ({ value: name, label: name, hint: firstSentence(description) }),
    ),
  })
  if (prompts.isCancel(preset)) return cancelled(prompts, terminal)
  const principal = await prompts.text({
    ...terminal,
    message: `What is the agent called? (every process of uid ${uid} that connects)`,
    placeholder: defaults.principal,
    defaultValue: defaults.principal,
    validate: (name) =>
      isEmpty(name) || isPrincipalName(name)
        ? undefined
        : 'begin with a letter or digit; then letters, digits, `.`, `_`, `-`',
  })
  if (prompts.isCancel(principal)) return cancelled(prompts, terminal)
  const operator = await prompts.text({
    ...terminal,
    message: 'What is the operator called? (you: who approves and revokes)',
    placeholder: defaults.operator,
    defaultValue: defaults.operator,
    validate: (name) =>
      isEmpty(name) || isOperatorName(name) ? undefined : '1 to 64 letters, digits and `_`',
  })
  if (prompts.isCancel(operator)) return cancelled(prompts, terminal)
  prompts.outro(`Setting up ${printable(cwd)}/.latchgate`, terminal)
  return { preset, principal, operator }
}

function isEmpty(text: string | undefined): text is undefined | '' {
  return text === undefined || text === ''
}

// Ctrl-D, or a terminal that was closed: no answer will ever come, and a prompt would wait for it.
function watchForEnd(input: Readable, leaving: AbortController): () => void {
  const leave = (): void => leaving.abort()
  const onKey = (
    _text: unknown,
    key: { readonly ctrl?: boolean; readonly name?: string },
  ): void => {
    if (key.ctrl === true && key.name === 'd') leave()
  }
  input.on('keypress', onKey).once('end', leave).once('close', leave)
  return () => {
    input.off('keypress', onKey).off('end', leave).off('close', leave)
  }
}

function cancelled(prompts: Prompts, terminal: Terminal): null {
  prompts.cancel('Cancelled: nothing was written.', terminal)
  return null
}

function firstSentence(text: string): string {
  return /^.*?[.](?=\s|$)/s.exec(text)?.[0] ?? text
}
