import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, lstatSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { buildPolicyData, loadPreset } from '@latchgate/catalogue'
import { loadBuiltinManifests } from '@latchgate/catalogue/node'
import { writeNewFile } from '@latchgate/gate'
import { DPoPKeyPair } from '@latchgate/protocol/node'
import { CommandFailure } from './command-failure.js'
import { credentialBlock, newApiKey } from './operator-credential.js'

/** What is chosen for a new project. */
export interface ProjectChoices {
  readonly preset: string
  /** Name of the agent that this uid stands for. */
  readonly principal: string
  readonly operator: string
}

/** What a first run made, for the words it prints. */
export interface NewProject extends ProjectChoices {
  readonly directory: string
  readonly configFile: string
  readonly dataFile: string
  readonly actions: readonly string[]
}

/** The preset of a first run. */
export const FIRST_PRESET = 'quickstart'

/** What a first run chooses when nobody is asked. */
export function defaultChoices(): ProjectChoices {
  const { username } = userInfo()
  const principal = isPrincipalName(username) ? username : 'agent'
  return { preset: FIRST_PRESET, principal, operator: 'operator' }
}

/** Names that a new project gives to an agent; they need no quoting anywhere. */
export function isPrincipalName(name: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(name)
}

/**
 * Sets a project up: keys 0600, this uid as an agent, the policy data of a preset, an operator.
 * Nothing that exists is touched; the configuration is written last, so that a first run
 * that died half-way is simply begun again. Of two at once, one writes and the other uses that.
 */
export async function createProject(
  root: string,
  choices: ProjectChoices = defaultChoices(),
): Promise<NewProject> {
  const { uid } = userInfo()
  const { preset, principal, operator } = choices
  const directory = join(root, '.latchgate')
  const data = buildPolicyData(loadPreset(preset), loadBuiltinManifests(), [principal])
  assertUsable(directory, uid)
  for (const name of ['', 'manifests', 'policies', 'operators', 'keys', 'data', 'logs']) {
    mkdirSync(join(directory, name), { recursive: true, mode: 0o700 })
    chmodSync(join(directory, name), 0o700)
  }
  const dataFile = join(directory, 'policies', 'data.json')
  writeOnce(dataFile, `${JSON.stringify(data, null, 2)}\n`)
  const pemFile = join(directory, 'operators', `${operator}.pem`)
  writeOnce(pemFile, (await DPoPKeyPair.generate()).exportPem())
  const jkt = DPoPKeyPair.fromPem(readFileSync(pemFile, 'utf8')).thumbprint
  const configFile = join(directory, 'latchgate.toml')
  writeOnce(configFile, configText({ ...choices, uid, jkt, isAclRelaxed: needsRelaxedAcl(preset) }))
  ignoreInGit(root)
  const acl = data['acl'] as Record<string, { allowed_actions?: readonly string[] }>
  return {
    ...choices,
    directory,
    configFile,
    dataFile,
    actions: acl[principal]?.allowed_actions ?? [],
  }
}

/** Whether a start refuses the preset's data without `[posture] acl_insecure`. */
export function needsRelaxedAcl(preset: string): boolean {
  return ['all', 'risk_below:critical'].includes(loadPreset(preset).policy.wildcard_grant)
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

function configText(
  given: ProjectChoices & {
    readonly uid: number
    readonly jkt: string
    readonly isAclRelaxed: boolean
  },
): string {
  const { operator: name, jkt } = given
  const apiKey = newApiKey(name, randomBytes(16))
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

${credentialBlock({ name, apiKey, jkt })}
[posture]
# The gate and the agent above run as the same user: such an agent could read the gate's files.
# Run the gate as a user of its own, map the agent's uid, and remove this line.
identity_insecure = true
${given.isAclRelaxed ? RELAXED_ACL : ''}`
}

const RELAXED_ACL = `# The policy data gives everybody actions of high risk. Grant them by name, and remove this line.
acl_insecure = true
`

function ignoreInGit(root: string): void {
  const file = join(root, '.gitignore')
  if (!existsSync(join(root, '.git'))) return
  const text = existsSync(file) ? readFileSync(file, 'utf8') : ''
  const lines = new Set(text.split('\n').map((line) => line.trim()))
  if (lines.has('.latchgate/')) return
  const gap = text === '' ? '' : text.endsWith('\n') ? '\n' : '\n\n'
  writeFileSync(file, `${text}${gap}# LatchGate: keys and evidence\n.latchgate/\n`)
}
