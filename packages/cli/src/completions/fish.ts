import { type CompletionNode, type CompletionOption, everyNode } from './model.js'

/** `complete` lines for fish, behind a function that knows which command is being typed. */
export function fishScript(program: CompletionNode): string {
  const nodes = everyNode(program)
  const withValue = nodes.flatMap(({ options }) => options.filter(({ value }) => value !== 'none'))
  const takesValue = [
    ...new Set(withValue.flatMap(({ short, long }) => (short === null ? [long] : [short, long]))),
  ]
  const known = nodes
    .filter(({ path }) => path.length > 0)
    .map(({ path }) => quoted(path.join(' ')))
  return `# fish completion of latchgate; made by \`latchgate completions fish\`
function __latchgate_at
    set -l path
    set -l skip 0
    for word in (commandline -opc)[2..-1]
        if test $skip = 1
            set skip 0
            continue
        end
        switch $word
            case ${takesValue.join(' ')}
                set skip 1
                continue
            case '-*'
                continue
        end
        set -l longer (string join ' ' -- $path $word)
        if contains -- $longer ${known.join(' ')}
            set path $path $word
        end
    end
    test "$path" = "$argv[1]"
end

complete -c latchgate -f
${nodes.flatMap(linesOf).join('\n')}
`
}

function linesOf(node: CompletionNode): readonly string[] {
  const at = `-n ${quoted(`__latchgate_at "${node.path.join(' ')}"`)}`
  const commands = node.commands.map(
    ({ path, description }) =>
      `complete -c latchgate ${at} -a ${path.at(-1) ?? ''} -d ${quoted(description)}`,
  )
  const words = node.words.map((word) => `complete -c latchgate ${at} -a ${word}`)
  const options = node.options.map((option) => `complete -c latchgate ${at} ${optionOf(option)}`)
  return [...commands, ...words, ...options]
}

function optionOf({ short, long, description, value }: CompletionOption): string {
  const names = `${short === null ? '' : `-s ${short.slice(1)} `}-l ${long.replace(/^--/, '')}`
  const argument = { none: '', file: ' -r -F', text: ' -x' }[value]
  return `${names}${argument} -d ${quoted(description)}`
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}
