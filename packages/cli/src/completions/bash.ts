import { type CompletionNode, type CompletionOption, everyNode } from './model.js'

/** A completion function for bash 3.2 and newer; it needs no bash-completion package. */
export function bashScript(program: CompletionNode): string {
  const nodes = everyNode(program)
  const withValue = nodes.flatMap(({ options }) => options.filter(({ value }) => value !== 'none'))
  const files = namesOf(withValue.filter(({ value }) => value === 'file'))
  const texts = namesOf(withValue.filter(({ value }) => value === 'text'))
  return `# bash completion of latchgate; made by \`latchgate completions bash\`
_latchgate() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}"
  local path='' word skip=0 i
  COMPREPLY=()
  case "$previous" in
    ${files.join('|')}) compopt -o filenames 2>/dev/null
      local IFS=$'\\n'; COMPREPLY=($(compgen -f -- "$current")); return ;;
    ${texts.join('|')}) return ;;
  esac
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    if ((skip)); then skip=0; continue; fi
    case "$word" in
      ${[...files, ...texts].join('|')}) skip=1; continue ;;
      -*) continue ;;
    esac
    case "$path $word" in
      ${nodes
        .filter(({ path }) => path.length > 0)
        .map(({ path }) => `' ${path.join(' ')}'`)
        .join('|')}) path="$path $word" ;;
    esac
  done
  case "$path" in
${nodes.map(branch).join('\n')}
  esac
}
complete -F _latchgate latchgate
`
}

function branch({ path, options, commands, words }: CompletionNode): string {
  const names = [...commands.map((one) => one.path.at(-1) ?? ''), ...words]
  return `    '${path.map((word) => ` ${word}`).join('')}')
      if [[ "$current" == -* ]]; then COMPREPLY=($(compgen -W '${namesOf(options).join(' ')}' -- "$current"))
      else COMPREPLY=($(compgen -W '${names.join(' ')}' -- "$current")); fi ;;`
}

function namesOf(options: readonly CompletionOption[]): readonly string[] {
  const names = options.flatMap(({ short, long }) => (short === null ? [long] : [short, long]))
  return [...new Set(names)]
}
