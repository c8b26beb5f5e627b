/** `[posture]`: each flag relaxes exactly what it names (design 14). */
export interface PostureConfig {
  readonly identity_insecure: boolean
  readonly signing_insecure: boolean
  readonly operator_auth_insecure: boolean
  readonly egress_insecure: boolean
  readonly acl_insecure: boolean
  readonly transport_insecure: boolean
}

/** Who a uid is: `[identity.peercred.principals.<uid>]`. */
export interface MappedPrincipal {
  readonly principal: string
  /** Absent: `["tools:call"]`. Empty: none. */
  readonly scopes: readonly string[]
  readonly owner?: string
}

/** Who holds a key: `[agents.<name>]`. */
export interface RegisteredAgent {
  readonly principal: string
  /** Thumbprint of the agent's P-256 key (RFC 7638). */
  readonly dpop_jkt: string
  /** Absent: `["tools:call"]`. Empty: none. */
  readonly scopes: readonly string[]
  readonly owner?: string
}

/** An issuer whose tokens name agents: `[[identity.jwt]]`. */
export interface JwtIssuer {
  /** The `iss` of its tokens, to the letter. */
  readonly issuer: string
  /** What their `aud` must name. */
  readonly audience: string
  /** Exactly one of the two: where its public keys are (RFC 7517). */
  readonly jwks_file?: string
  readonly jwks_url?: string
  /** JWS algorithms that it signs with; none of them is symmetric. */
  readonly algorithms: readonly string[]
  /** The claim that is the principal. */
  readonly principal_claim: string
  /** Absent: `["tools:call"]`. Empty: none. */
  readonly scopes: readonly string[]
  readonly owner?: string
}

/** An operator's key, and the thumbprint it is bound to: `[operator_credentials.<name>]`. */
export interface OperatorCredential {
  readonly api_key: string
  readonly dpop_jkt?: string
  /** Whose key it is: a call of an agent with this `owner` is not his to approve (design 9). */
  readonly owner?: string
}

/** The configuration after defaults, environment and path resolution: the names of the file. */
export interface GateConfig {
  readonly gate_name: string
  readonly log_level: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent'
  readonly log_format: 'auto' | 'json' | 'pretty'
  readonly listen_uds_path: string
  readonly listen_admin_uds_path: string
  readonly listen_uds_group?: string
  readonly listen_admin_uds_group?: string
  readonly listen_http_addr?: string
  readonly listen_admin_http_addr?: string
  readonly unsafe_expose_http: boolean
  readonly public_base_url: string
  readonly lease_ttl_seconds: number
  readonly manifests_dir: string
  readonly ledger_db_path: string
  readonly receipt_signing_key_path?: string
  readonly receipt_keys_jwks_path?: string
  readonly log_signing_key_path?: string
  readonly lease_signing_key_path?: string
  readonly grant_signing_key_path?: string
  readonly identity: {
    readonly provider: 'none' | 'peercred'
    readonly peercred: {
      readonly allow_unmapped: boolean
      readonly principals: Readonly<Record<string, MappedPrincipal>>
    }
    readonly jwt: readonly JwtIssuer[]
  }
  readonly agents: Readonly<Record<string, RegisteredAgent>>
  readonly operator_credentials: Readonly<Record<string, OperatorCredential>>
  readonly rate_limits: {
    readonly execute_rps_per_session: number
    readonly execute_rps_per_principal: number
    readonly execute_rps_anonymous: number
    readonly lease_rps: number
    readonly operator_read_rps: number
    readonly operator_write_rps: number
  }
  readonly limits: {
    readonly max_in_flight: number
    readonly max_in_flight_per_principal: number
    readonly queue_ms: number
  }
  readonly approvals: {
    /** How long a held call waits. */
    readonly ttl_seconds: number
    readonly max_pending_per_principal: number
  }
  readonly egress: {
    readonly extra_ca_file?: string
    readonly unsafe_resolve: Readonly<Record<string, string>>
  }
  readonly secrets: {
    readonly env_prefix: string
    readonly hosts: Readonly<Record<string, readonly string[]>>
  }
  readonly posture: PostureConfig
}

/** A loaded configuration and where it came from. */
export interface LoadedConfig {
  readonly config: GateConfig
  /** The file, or null for built-in defaults. */
  readonly file: string | null
  /** e.g. `project (/p/.latchgate/latchgate.toml)` (spec/cli-and-config 3.4). */
  readonly source: string
  /** Directory that relative paths and the policy data belong to. */
  readonly root: string
}

const PRINCIPAL_SAYS = 'at most 128 letters, digits, `.`, `_`, `:`, `@`, `-`'
const THUMBPRINT = {
  type: 'string',
  pattern: '^[A-Za-z0-9_-]{43}$',
  says: 'a SHA-256 thumbprint: 43 characters of base64url',
}
const SCOPES = { type: 'array', items: { type: 'string' }, default: ['tools:call'] }
const OWNER = { type: 'string', minLength: 1, maxLength: 256 }
const claimText = (longest: number): object => ({
  type: 'string',
  pattern: `^[\\x21-\\x7e]{1,${longest}}$`,
  says: `1 to ${longest} visible ASCII characters without spaces`,
})
// Never `none` and no HMAC: a public key would do as the secret of one.
const SIGNATURE_ALGORITHMS = [
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
]
const flag = { type: 'boolean', default: false }
const text = { type: 'string', minLength: 1 }
const rate = (value: number): object => ({
  type: 'integer',
  minimum: 0,
  maximum: 1_000_000,
  default: value,
})
const table = (properties: object, required: readonly string[] = []): object => ({
  type: 'object',
  additionalProperties: false,
  default: {},
  required,
  properties,
})
const mapOf = (value: object): object => ({
  type: 'object',
  default: {},
  required: [],
  additionalProperties: value,
})

/**
 * JSON Schema of the file (spec/cli-and-config 4 and design 14). A key is here only when its feature
 * exists; everything else is an unknown key and an error.
 */
export const CONFIG_SCHEMA: object = {
  ...table({
    gate_name: {
      type: 'string',
      pattern: '^[a-zA-Z0-9][a-zA-Z0-9._/-]{0,127}$',
      says: 'at most 128 letters, digits, `.`, `_`, `/`, `-`, and begin with a letter or digit',
    },
    log_level: {
      enum: ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'],
      default: 'info',
    },
    log_format: { enum: ['auto', 'json', 'pretty'], default: 'auto' },
    listen_uds_path: text,
    listen_admin_uds_path: text,
    listen_uds_group: text,
    listen_admin_uds_group: text,
    listen_http_addr: text,
    listen_admin_http_addr: text,
    unsafe_expose_http: flag,
    public_base_url: { type: 'string', minLength: 1, default: 'http://localhost:3000' },
    lease_ttl_seconds: { type: 'integer', minimum: 1, maximum: 3600, default: 300 },
    manifests_dir: text,
    ledger_db_path: text,
    receipt_signing_key_path: text,
    receipt_keys_jwks_path: text,
    log_signing_key_path: text,
    lease_signing_key_path: text,
    grant_signing_key_path: text,
    identity: table({
      provider: { enum: ['none', 'peercred'], default: 'none' },
      peercred: table({
        allow_unmapped: flag,
        principals: {
          type: 'object',
          default: {},
          required: [],
          propertyNames: { pattern: '^(0|[1-9][0-9]{0,9})$', says: 'a uid in digits' },
          additionalProperties: table(
            {
              principal: {
                type: 'string',
                pattern: '^[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}$',
                says: PRINCIPAL_SAYS,
              },
              scopes: SCOPES,
              owner: OWNER,
            },
            ['principal'],
          ),
        },
      }),
      jwt: {
        type: 'array',
        default: [],
        maxItems: 64,
        items: table(
          {
            issuer: claimText(512),
            audience: claimText(512),
            jwks_file: text,
            jwks_url: { ...text, maxLength: 2048 },
            algorithms: {
              type: 'array',
              minItems: 1,
              says: 'a list of at least one algorithm',
              items: { enum: SIGNATURE_ALGORITHMS },
            },
            principal_claim: { ...claimText(128), default: 'sub' },
            scopes: SCOPES,
            owner: OWNER,
          },
          ['issuer', 'audience', 'algorithms'],
        ),
      },
    }),
    agents: {
      ...mapOf(
        table(
          {
            principal: {
              type: 'string',
              // What the gate itself calls a peer cannot be taken by the holder of a key.
              pattern: '^(?!uid:|dev:)[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}$',
              says: `${PRINCIPAL_SAYS}, and not begin with \`uid:\` or \`dev:\``,
            },
            dpop_jkt: THUMBPRINT,
            scopes: SCOPES,
            owner: OWNER,
          },
          ['principal', 'dpop_jkt'],
        ),
      ),
      propertyNames: {
        pattern: '^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$',
        says: 'at most 64 letters, digits, `_`, `-`',
      },
    },
    operator_credentials: mapOf(
      table(
        {
          api_key: {
            type: 'string',
            minLength: 16,
            pattern: '^[\\x21-\\x7e]+$',
            says: 'visible ASCII characters without spaces',
          },
          owner: OWNER,
          dpop_jkt: THUMBPRINT,
        },
        ['api_key'],
      ),
    ),
    rate_limits: table({
      execute_rps_per_session: rate(20),
      execute_rps_per_principal: rate(100),
      execute_rps_anonymous: rate(5),
      lease_rps: rate(50),
      operator_read_rps: rate(100),
      operator_write_rps: rate(20),
    }),
    limits: table({
      max_in_flight: { type: 'integer', minimum: 1, maximum: 4096, default: 256 },
      max_in_flight_per_principal: { type: 'integer', minimum: 1, maximum: 4096, default: 64 },
      queue_ms: { type: 'integer', minimum: 0, maximum: 60_000, default: 2000 },
    }),
    approvals: table({
      ttl_seconds: { type: 'integer', minimum: 10, maximum: 86_400, default: 300 },
      max_pending_per_principal: { type: 'integer', minimum: 1, maximum: 1000, default: 32 },
    }),
    egress: table({ extra_ca_file: text, unsafe_resolve: mapOf(text) }),
    secrets: table({
      env_prefix: {
        type: 'string',
        pattern: '^[A-Z][A-Z0-9_]{3,63}$',
        says: '4 to 64 capital letters, digits and `_`',
        default: 'LATCHGATE_SECRET_',
      },
      hosts: mapOf({ type: 'array', items: text }),
    }),
    posture: table({
      identity_insecure: flag,
      signing_insecure: flag,
      operator_auth_insecure: flag,
      egress_insecure: flag,
      acl_insecure: flag,
      transport_insecure: flag,
    }),
  }),
}

/** Environment variable → key, for the keys that can be overridden (spec/cli-and-config 4.2). */
export const ENVIRONMENT_KEYS: Readonly<Record<string, string>> = {
  LATCHGATE_GATE_NAME: 'gate_name',
  LATCHGATE_LOG_LEVEL: 'log_level',
  LATCHGATE_LOG_FORMAT: 'log_format',
  LATCHGATE_LISTEN_UDS_PATH: 'listen_uds_path',
  LATCHGATE_LISTEN_ADMIN_UDS_PATH: 'listen_admin_uds_path',
  LATCHGATE_LISTEN_HTTP_ADDR: 'listen_http_addr',
  LATCHGATE_LISTEN_ADMIN_HTTP_ADDR: 'listen_admin_http_addr',
  LATCHGATE_UNSAFE_EXPOSE_HTTP: 'unsafe_expose_http',
  LATCHGATE_PUBLIC_BASE_URL: 'public_base_url',
  LATCHGATE_LEASE_TTL_SECONDS: 'lease_ttl_seconds',
  LATCHGATE_MANIFESTS_DIR: 'manifests_dir',
  LATCHGATE_LEDGER_DB_PATH: 'ledger_db_path',
  LATCHGATE_RECEIPT_SIGNING_KEY_PATH: 'receipt_signing_key_path',
  LATCHGATE_RECEIPT_KEYS_JWKS_PATH: 'receipt_keys_jwks_path',
  LATCHGATE_LOG_SIGNING_KEY_PATH: 'log_signing_key_path',
  LATCHGATE_LEASE_SIGNING_KEY_PATH: 'lease_signing_key_path',
  LATCHGATE_GRANT_SIGNING_KEY_PATH: 'grant_signing_key_path',
}
