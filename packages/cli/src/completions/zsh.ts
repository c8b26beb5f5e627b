import { type CompletionNode, type CompletionOption, everyNode } from './model.js'

/** A `#compdef` file for zsh: one function a command. */
export function zshScript(program: CompletionNode): string {
  return `#compdef latchgate
# zsh completion of latchgate; made by \`latchgate completions zsh\`

${everyNode(program).map(functionOf).join('\n')}
if [ "$funcstack[1]" = "_latchgate" ]; then
  _latchgate "$@"
else
  compdef _latchgate latchgate
fi
`
}

function functionOf(node: CompletionNode): string {
  const specs = node.options.flatMap(specsOf)
  const lines = [...specs, ...argumentsOf(node)]
  const body = `${nameOf(node)}() {
  local context state state_descr line
  typeset -A opt_args
  _arguments -C \\
    ${lines.join(' \\\n    ')}
`
  if (node.commands.length === 0) return `${body}}\n`
  return `${body}  case "$state" in
    command)
      local -a subcommands
      subcommands=(
        ${node.commands
          .map(({ path, description }) => quoted(`${path.at(-1) ?? ''}:${escaped(description)}`))
          .join('\n        ')}
      )
      _describe 'command' subcommands ;;
    rest)
      case "$line[1]" in
        ${node.commands
          .map((one) => `${one.path.at(-1) ?? ''}) ${nameOf(one)} ;;`)
          .join('\n        ')}
      esac ;;
  esac
}
`
}

function argumentsOf({ commands, words }: CompletionNode): readonly string[] {
  if (commands.length > 0) return [quoted('1: :->command'), quoted('*:: :->rest')]
  return words.length > 0 ? [quoted(`1: :(${words.join(' ')})`)] : []
}

function specsOf({ short, long, description, value }: CompletionOption): readonly string[] {
  const text = `[${escaped(description)}]`
  const action = { none: '', file: ':file:_files', text: ':value: ' }[value]
  const names = short === null ? [long] : [short, long]
  const others = names.length > 1 ? `(${names.join(' ')})` : ''
  return names.map((name) => quoted(`${others}${name}${text}${action}`))
}

function nameOf({ path }: CompletionNode): string {
  return ['_latchgate', ...path].join('_').replaceAll('-', '_')
}

function escaped(text: string): string {
  return text.replaceAll(/[\\[\]:]/g, String.raw`\$&`)
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
