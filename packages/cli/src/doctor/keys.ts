import {
  isRegistered,
  type LoadedConfig,
  type ProcessFacts,
  readIssuerKeys,
  readLeaseSigningKey,
  readReceiptKeys,
  readSeed,
} from '@latchgate/gate'
import { shellWord } from '@latchgate/protocol'
import { Ed25519Signer } from '@latchgate/protocol/node'
import { describeKeyFile, inspectKeyFile, keyFileOf } from '../operator-key-file.js'
import { type Check, Section } from './check.js'

/** Signing keys and operators' keys: what is there, what will be made, what a start would refuse. */
export function checkKeys(loaded: LoadedConfig, { uid }: ProcessFacts): readonly Check[] {
  const { config } = loaded
  const section = new Section('keys')
  const seed = (key: 'receipt_signing_key_path' | 'log_signing_key_path'): Uint8Array | null => {
    const path = config[key]
    if (path === undefined) return ephemeral(section, key)
    const found = section.attempt(
      key,
      `name another file with \`${key}\``,
      () => readSeed(path, uid),
      (bytes) => (bytes === null ? willBeMade(path) : path),
    )
    return found ?? null
  }
  const receiptSeed = seed('receipt_signing_key_path')
  seed('log_signing_key_path')
  const lease = config.lease_signing_key_path
  if (lease === undefined) ephemeral(section, 'lease_signing_key_path')
  else {
    section.attempt(
      'lease_signing_key_path',
      'name another file with `lease_signing_key_path`',
      () => readLeaseSigningKey(lease, uid),
      (key) => (key === null ? willBeMade(lease) : lease),
    )
  }
  checkRegistry(section, loaded, receiptSeed)
  checkIssuers(section, loaded)
  checkOperators(section, loaded)
  return section.checks
}

function checkRegistry(section: Section, { config }: LoadedConfig, seed: Uint8Array | null): void {
  const path = config.receipt_keys_jwks_path
  if (path === undefined) {
    ephemeral(section, 'receipt_keys_jwks_path')
    return
  }
  section.attempt(
    'receipt_keys_jwks_path',
    `put the last good copy of ${path} back`,
    () => {
      const known = readReceiptKeys(path)
      if (seed !== null) isRegistered(path, known, Ed25519Signer.fromSeed(seed))
      return known
    },
    (known) => (known.length === 0 ? willBeMade(path) : `${path}, ${known.length} key(s)`),
  )
}

// Behind a URL they are fetched when a token first needs them: a look at the network is no part of this.
function checkIssuers(section: Section, { config }: LoadedConfig): void {
  for (const [at, { issuer, jwks_file: file, jwks_url: url }] of config.identity.jwt.entries()) {
    const check = `issuer ${issuer}`
    if (file !== undefined) {
      section.attempt(
        check,
        'name another file with `jwks_file`',
        () => readIssuerKeys(file, at),
        () => file,
      )
    } else if (url !== undefined) section.skip(check, `${url}: fetched when a token needs it`)
  }
}

function checkOperators(section: Section, loaded: LoadedConfig): void {
  for (const [name, { dpop_jkt: jkt }] of Object.entries(loaded.config.operator_credentials)) {
    const path = keyFileOf(loaded, name)
    const file = inspectKeyFile(path, jkt)
    const check = `operator ${name}`
    const message = `${path} ${describeKeyFile(file)}`
    if (file.state === 'fits' || file.state === 'unbound') section.ok(check, message)
    // Where it belongs: with the operator, who need not be on this machine.
    else if (file.state === 'absent') section.skip(check, message)
    else if (file.state === 'exposed') section.warn(check, message, `chmod 600 ${shellWord(path)}`)
    else {
      section.warn(
        check,
        message,
        `put the right key there, or \`latchgate operator keygen --name ${name}\` and its block`,
      )
    }
  }
}

function ephemeral(section: Section, key: string): null {
  section.skip(key, 'not configured: the key lives and dies with the process')
  return null
}

function willBeMade(path: string): string {
  return `${path} will be made at the first start`
}
