import type { Context } from '../context.js'
import { describeKeyFile, inspectKeyFile, keyFileOf } from '../operator-key-file.js'

/** `latchgate operator list`: the operators of the configuration; never an API key. */
export async function operatorListCommand(context: Context): Promise<number> {
  const { output } = context
  const loaded = context.load()
  const operators = Object.entries(loaded.config.operator_credentials).map(
    ([name, { dpop_jkt: jkt }]) => {
      const path = keyFileOf(loaded, name)
      const file = inspectKeyFile(path, jkt)
      return { name, jkt: jkt ?? null, path, file }
    },
  )
  output.document({
    operators: operators.map(({ name, jkt, path, file }) => ({
      name,
      dpop_jkt: jkt,
      private_key: file.state,
      private_key_path: path,
    })),
  })
  if (operators.length === 0) {
    if (loaded.file === null) {
      output.info('there is no project in or above this directory, and so no operator')
      output.line('  Set one up with: latchgate up -d; or name its file with --config PATH')
      return 0
    }
    output.info(`no operators in ${loaded.source}`)
    output.line('  Make one with: latchgate operator keygen --name NAME')
    return 0
  }
  output.table([
    ['name', 'dpop_jkt', 'private key here'],
    ...operators.map(({ name, jkt, path, file }) => [
      name,
      jkt ?? 'none: not bound to a key',
      file.state === 'absent' ? `no (${path})` : `${path} ${describeKeyFile(file)}`,
    ]),
  ])
  return 0
}
