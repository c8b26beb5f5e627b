import { resolve } from 'node:path'
import { DPoPKeyPair } from '@latchgate/protocol/node'
import { assertAgentName } from '../agent-file.js'
import type { Context } from '../context.js'
import { writeKeyFile } from '../new-key-file.js'

/** `latchgate agents keygen NAME`: a key pair for an agent; no configuration is needed or changed. */
export async function agentsKeygenCommand(
  context: Context,
  name: string,
  options: { readonly output?: string },
): Promise<number> {
  assertAgentName(name)
  const path = resolve(context.cwd, options.output ?? `${name}.pem`)
  const key = await DPoPKeyPair.generate()
  writeKeyFile(path, key.exportPem())
  const { output } = context
  output.document({ ok: true, private_key_path: path, dpop_jkt: key.thumbprint })
  output.success(`wrote the private key of agent '${name}' to ${path}`)
  output.field('thumbprint', key.thumbprint)
  output.line('  Register it where the gate is configured:')
  output.line(`  latchgate agents add ${name} --jkt ${key.thumbprint}`)
  return 0
}
