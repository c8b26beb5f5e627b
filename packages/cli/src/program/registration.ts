import type { Command } from 'commander'
import type { Context } from '../context.js'

/** Makes a command below `parent` that has the settings of every command. */
export type MakeCommand = (parent: Command, name: string, description: string) => Command

/** Runs what a command does, once its arguments are known. */
export type Act = (action: (context: Context) => Promise<number>) => Promise<void>

/** Adds a group of commands to the program. */
export type Register = (command: MakeCommand, program: Command, act: Act) => void

/** The examples of a command's help, one a line. */
export function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}`
}
