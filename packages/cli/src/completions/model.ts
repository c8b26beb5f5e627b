import type { Argument, Command, Option } from 'commander'

/** A command as a shell completes it. */
export interface CompletionNode {
  /** Words after `latchgate`; empty for the program itself. */
  readonly path: readonly string[]
  readonly description: string
  readonly options: readonly CompletionOption[]
  readonly commands: readonly CompletionNode[]
  /** Words that its argument can be; empty when it takes none, or anything. */
  readonly words: readonly string[]
}

/** An option, with what follows it. */
export interface CompletionOption {
  readonly long: string
  /** `-o`, or null. */
  readonly short: string | null
  readonly description: string
  readonly value: 'none' | 'file' | 'text'
}

/** Reads the commands, options and arguments of the program, its global options at every command. */
export function completionModel(program: Command): CompletionNode {
  return nodeOf(program, [], program.options.map(optionOf))
}

function nodeOf(
  command: Command,
  path: readonly string[],
  global: readonly CompletionOption[],
): CompletionNode {
  const help = command.createHelp()
  const own = help.visibleOptions(command).map(optionOf)
  const names = new Set(own.map(({ long }) => long))
  const below = help.visibleCommands(command)
  // `help` is made by commander; what it explains stands beside it.
  const helped = below.map((one) => one.name()).filter((name) => name !== 'help')
  const commands = below.map((one) => {
    const node = nodeOf(one, [...path, one.name()], global)
    return one.name() === 'help' ? { ...node, words: helped } : node
  })
  return {
    path,
    description: command.description(),
    options: [...own, ...global.filter(({ long }) => !names.has(long))],
    commands,
    words: command.registeredArguments.flatMap(choicesOf),
  }
}

function optionOf(option: Option): CompletionOption {
  const takesValue = option.required || option.optional
  const isFile = /<(?:path|file|vkey)>/.test(option.flags)
  return {
    long: option.long ?? option.flags,
    short: option.short ?? null,
    description: option.description,
    value: takesValue ? (isFile ? 'file' : 'text') : 'none',
  }
}

function choicesOf(argument: Argument): readonly string[] {
  return argument.argChoices ?? []
}

/** A command and every one below it, the program first. */
export function everyNode(node: CompletionNode): readonly CompletionNode[] {
  return [node, ...node.commands.flatMap(everyNode)]
}
