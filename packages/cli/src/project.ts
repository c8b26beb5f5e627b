import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { buildPolicyData, loadPreset } from '@latchgate/catalogue'
import { loadBuiltinManifests } from '@latchgate/catalogue/node'
import { writeNewFile } from '@latchgate/gate'
import { DPoPKeyPair } from '@latchgate/protocol/node'

/** What a first run made, for the words it prints. */
export interface NewProject {
  readonly directory: string
  readonly configFile: string
  readonly principal: string
  readonly operator: string
  readonly actions: readonly string[]
}

/** The preset of a first run. */
const FIRST_PRESET = 'quickstart'

/**
 * Sets a project up without questions: keys 0600, this uid as an agent, the built-in preset, an
 * operator. Nothing that exists is touched; the configuration is written last, so that a first run
 * that died half-way is simply begun again.
 */
export async function createProject(root: string): Promise<NewProject> {
  const directory = join(root, '.latchgate')
  for (const name of ['', 'manifests', 'policies', 'operators', 'keys', 'data', 'logs']) {
    mkdirSync(join(directory, name), { recursive: true, mode: 0o700 })
    chmodSync(join(directory, name), 0o700)
  }
  const user = userInfo()
  const principal = /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(user.username) ? user.username : 'agent'
  const operator = 'operator'
  const manifests = loadBuiltinManifests()
  const data = buildPolicyData(loadPreset(FIRST_PRESET), manifests, [principal])
  const dataFile = join(directory, 'policies', 'data.json')
  if (!existsSync(dataFile)) {
    writeNewFile(dataFile, Buffer.from(`${JSON.stringify(data, null, 2)}\n`))
  }
  const pemFile = join(directory, 'operators', `${operator}.pem`)
  if (!existsSync(pemFile)) {
    writeNewFile(pemFile, Buffer.from((await DPoPKeyPair.generate()).exportPem()))
  }
  const jkt = DPoPKeyPair.fromPem(readFileSync(pemFile, 'utf8')).thumbprint
  const configFile = join(directory, 'latchgate.toml')
  const text = configText({ uid: user.uid, principal, operator, jkt })
  writeNewFile(configFile, Buffer.from(text))
  ignoreInGit(root)
  const acl = data['acl'] as Record<string, { allowed_actions?: readonly string[] }>
  return {
    directory,
    configFile,
    principal,
    operator,
    actions: acl[principal]?.allowed_actions ?? [],
  }
}

function configText(given: {
  readonly uid: number
  readonly principal: string
  readonly operator: string
  readonly jkt: string
}): string {
  const apiKey = `key-${given.operator}-${randomBytes(16).toString('hex')}`
  return `# LatchGate configuration. Paths are relative to this file. See docs/configuration.md.
gate_name = "latchgate-${randomBytes(4).toString('hex')}"
receipt_signing_key_path = "keys/receipt.key"
receipt_keys_jwks_path = "keys/receipt-keys.jwks"
log_signing_key_path = "keys/log.key"
lease_signing_key_path = "keys/lease.pem"
ledger_db_path = "data/audit.db"
manifests_dir = "manifests"

[identity]
provider = "peercred"

# Agents are known by the uid of their Unix socket connection.
[identity.peercred.principals.${given.uid}]
principal = "${given.principal}"

[operator_credentials.${given.operator}]
api_key = "${apiKey}"
dpop_jkt = "${given.jkt}"

[posture]
# The gate and the agent above run as the same user: such an agent could read the gate's files.
# Run the gate as a user of its own, map the agent's uid, and remove this line.
identity_insecure = true
`
}

function ignoreInGit(root: string): void {
  const file = join(root, '.gitignore')
  if (!existsSync(join(root, '.git'))) return
  const text = existsSync(file) ? readFileSync(file, 'utf8') : ''
  const lines = new Set(text.split('\n').map((line) => line.trim()))
  if (lines.has('.latchgate/')) return
  const gap = text === '' || text.endsWith('\n') ? '' : '\n'
  writeFileSync(file, `${text}${gap}\n# LatchGate: keys and evidence\n.latchgate/\n`)
}
