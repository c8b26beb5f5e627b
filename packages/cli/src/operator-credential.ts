/** What `[operator_credentials.NAME]` holds. */
export interface NewCredential {
  readonly name: string
  readonly apiKey: string
  /** RFC 7638 thumbprint of the operator's key. */
  readonly jkt: string
}

/** Names that need no quotes in TOML and that readers of the published examples find. */
export function isOperatorName(name: string): boolean {
  return /^[A-Za-z0-9_]{1,64}$/.test(name)
}

/** `key-<name>-<32 hex>` (spec/cli-and-config 6.1); `random` is 16 bytes. */
export function newApiKey(name: string, random: Uint8Array): string {
  return `key-${name}-${Buffer.from(random).toString('hex')}`
}

/** The block of the configuration; every value is one that TOML takes as it is. */
export function credentialBlock({ name, apiKey, jkt }: NewCredential): string {
  return `[operator_credentials.${name}]\napi_key = "${apiKey}"\ndpop_jkt = "${jkt}"\n`
}
