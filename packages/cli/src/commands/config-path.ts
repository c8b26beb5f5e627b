import type { Context } from '../context.js'

/** `latchgate config path`: the file, or that there is none; the rest on standard error. */
export async function configPathCommand(context: Context): Promise<number> {
  const { output } = context
  const { file, source } = context.find()
  output.document({ source, config_file: file })
  if (file === null) {
    output.hint('no configuration file: built-in defaults; `latchgate up` sets a project up')
    return 0
  }
  output.line(file)
  return 0
}
