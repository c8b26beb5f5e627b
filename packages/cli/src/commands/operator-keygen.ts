import { randomBytes } from 'node:crypto'
import { basename, resolve } from 'node:path'
import { DPoPKeyPair } from '@latchgate/protocol/node'
import { usageFailure } from '../command-failure.js'
import type { Context } from '../context.js'
import { writeKeyFile } from '../new-key-file.js'
import { credentialBlock, isOperatorName, newApiKey } from '../operator-credential.js'

/**
 * `latchgate operator keygen`: a key pair for an operator, and the block for the gate's
 * configuration, which it neither needs nor changes.
 */
export async function operatorKeygenCommand(
  context: Context,
  options: { readonly output?: string; readonly name?: string },
): Promise<number> {
  const name = options.name ?? nameOf(options.output) ?? 'operator'
  if (!isOperatorName(name)) {
    throw usageFailure(`'${name}' cannot be the name of an operator`, [
      'pass --name NAME: 1 to 64 letters, digits and `_`',
    ])
  }
  const path = resolve(context.cwd, options.output ?? `${name}.pem`)
  const key = await DPoPKeyPair.generate()
  writeKeyFile(path, key.exportPem())
  const apiKey = newApiKey(name, randomBytes(16))
  const { output } = context
  output.document({
    ok: true,
    private_key_path: path,
    dpop_jkt: key.thumbprint,
    operator: name,
    api_key: apiKey,
  })
  output.success(`wrote the private key of operator '${name}' to ${path}`)
  output.field('thumbprint', key.thumbprint)
  output.line()
  output.line(
    '  Put this into the configuration of the gate (latchgate.toml), then restart the gate:',
  )
  output.line()
  output.line(credentialBlock({ name, apiKey, jkt: key.thumbprint }))
  output.line('  Only the thumbprint and the API key belong there. The private key stays with the')
  output.line(`  operator: in operators/ beside his own copy of the configuration as ${name}.pem,`)
  output.line('  or anywhere, named with --operator-private-key.')
  return 0
}

function nameOf(output: string | undefined): string | undefined {
  if (output === undefined) return undefined
  return basename(output)
    .replace(/\.[^.]*$/, '')
    .replace(/^operator[-_]/, '')
}
