import type { Json, JsonObject, ResourceLimits, RiskLevel } from '@latchgate/protocol'

/** Risk levels in rising order (actions spec 2.9). `high` and `critical` are held for a human. */
export const RISK_LEVELS: readonly RiskLevel[] = ['low', 'medium', 'high', 'critical']

/** Where the value of a secret goes (design 8). Exactly one place for each secret. */
export type SecretInjection =
  | { readonly kind: 'header'; readonly header: string; readonly format: string }
  | { readonly kind: 'query'; readonly name: string }
  | { readonly kind: 'body'; readonly pointer: string }
  | { readonly kind: 'basic'; readonly user: BasicUser }
  | {
      readonly kind: 'sigv4'
      readonly service: string
      readonly region: string
      readonly access_key_id: string
      readonly session_token?: string
    }
  | { readonly kind: 'url'; readonly prefix: string }
  | { readonly kind: 'part_of'; readonly of: string }

/** User of HTTP Basic: fixed text, or another secret of the manifest that is `part_of` this one. */
export type BasicUser = { readonly text: string } | { readonly secret: string }

/** A declared secret. The catalogue knows names and places only; it never sees a value. */
export interface SecretBinding {
  readonly name: string
  /** Without its value the call is refused; an optional one is left out. */
  readonly required: boolean
  readonly inject: SecretInjection
  /**
   * Exact origins (`https://api.github.com`) that the value may be sent to. `null`: the host comes
   * from the caller, so the operator binds it (`[secrets.hosts]`) or the call is refused.
   */
  readonly to: readonly string[] | null
}

/** How the values of a body template are written. */
export type BodyEncoding = 'json' | 'form' | 'text'

/** How arguments become the one request of an action (design 8, Templates). */
export interface Template {
  /** Upper case. */
  readonly method: string
  readonly url_template: string
  /** Parameters that keep their slashes; each segment is encoded once. */
  readonly path_params: readonly string[]
  /** By name: in this order the pairs are sent. */
  readonly query: Readonly<Record<string, string>>
  /** Parameter object whose members become query pairs. */
  readonly query_params: string | null
  /** Static; lower-case names. */
  readonly headers: Readonly<Record<string, string>>
  /** `undefined`: no body. */
  readonly body_template: Json | undefined
  readonly body_encoding: BodyEncoding
}

/** How the effect of a call is verified (design 8, Verifier). */
export interface Verifier {
  readonly kind: 'http_status' | 'fs_hash' | 'none'
  /** Empty: 200–299. */
  readonly expected_status: readonly number[]
  /** Dotted paths of the parsed upstream body. */
  readonly required_fields: readonly string[]
}

/** Schemas of parameters and of the provider's document, and how large both may be. */
export interface ManifestIo {
  readonly request_schema: JsonObject | undefined
  readonly response_schema: JsonObject | undefined
  /** Bytes of the compact JSON of the parameters. */
  readonly max_request_bytes: number
  /** Bytes of the document that the provider returns. */
  readonly max_response_bytes: number
}

/** What an action may reach. */
export interface ManifestEgress {
  readonly profile: 'none' | 'proxy_allowlist'
  /** Normalised entries for `hostMatches`. */
  readonly allowed_domains: readonly string[]
}

/** An action as validated: every default filled in, nothing unknown in it (actions spec 2). */
export interface Manifest {
  readonly action_id: string
  readonly version: string
  /** Teaches a model what the action does. */
  readonly description: string
  /** `builtin:http_api` or `sha256:<hex>`; the YAML key is `provider_module_digest`. */
  readonly provider: string
  readonly required_imports: readonly string[]
  readonly limits: ResourceLimits
  readonly verifier: Verifier
  readonly io: ManifestIo
  readonly egress: ManifestEgress
  readonly secrets: readonly SecretBinding[]
  readonly risk_level: RiskLevel
  readonly declared_side_effects: readonly string[]
  readonly required_scopes: readonly string[]
  readonly template: Template | null
  /** What one call is reckoned to cost, in US cents, for the quotas of policy; 0 when not given. */
  readonly cost_usd_cents: number
  readonly tags: readonly string[]
}
