import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, lstatSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { buildPolicyData, loadPreset } from '@latchgate/catalogue'
import { loadBuiltinManifests } from '@latchgate/catalogue/node'
import { writeNewFile } from '@latchgate/gate'
import { DPoPKeyPair } from '@latchgate/protocol/node'
import { CommandFailure } from './command-failure.js'

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
 * that died half-way is simply begun again. Of two at once, one writes and the other uses that.
 */
export async function createProject(root: string): Promise<NewProject> {
  const user = userInfo()
  const directory = join(root, '.latchgate')
  assertUsable(directory, user.uid)
  for (const name of ['', 'manifests', 'policies', 'operators', 'keys', 'data', 'logs']) {
    mkdirSync(join(directory, name), { recursive: true, mode: 0o700 })
    chmodSync(join(directory, name), 0o700)
  }
  const principal = /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(user.username) ? user.username : 'agent'
  const operator = 'operator'
  const manifests = loadBuiltinManifests()
  const data = buildPolicyData(loadPreset(FIRST_PRESET), manifests, [principal])
  const dataFile = join(directory, 'policies', 'data.json')
  writeOnce(dataFile, `${JSON.stringify(data, null, 2)}\n`)
  const pemFile = join(directory, 'operators', `${operator}.pem`)
  writeOnce(pemFile, (await DPoPKeyPair.generate()).exportPem())
  const jkt = DPoPKeyPair.fromPem(readFileSync(pemFile, 'utf8')).thumbprint
  const configFile = join(directory, 'latchgate.toml')
  writeOnce(configFile, configText({ uid: user.uid, principal, operator, jkt }))
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

// A set-up by `sudo`, or one that somebody else put here to have his configuration used.
function assertUsable(directory: string, uid: number): void {
  const stats = lstatSync(directory, { throwIfNoEntry: false })
  if (stats === undefined || (stats.isDirectory() && stats.uid === uid)) return
  const why = stats.isDirectory()
    ? `belongs to uid ${stats.uid}, and this is uid ${uid}`
    : 'is not a directory'
  throw new CommandFailure('project_unusable', `${directory} ${why}`, {
    hints: ['remove it, or work in another directory'],
  })
}

// Two first runs may meet: whoever was first has written the file.
function writeOnce(file: string, text: string): void {
  try {
    writeNewFile(file, Buffer.from(text))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
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
  const gap = text === '' ? '' : text.endsWith('\n') ? '\n' : '\n\n'
  writeFileSync(file, `${text}${gap}# LatchGate: keys and evidence\n.latchgate/\n`)
}
