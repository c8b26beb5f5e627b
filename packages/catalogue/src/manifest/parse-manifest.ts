import { err, ok, type Result } from '@latchgate/protocol'
import { closestName } from '../closest-name.js'
import { checkDestination, literalOrigin } from './check-destination.js'
import { checkRisk } from './check-risk.js'
import { checkSecrets } from './check-secrets.js'
import { checkTemplate } from './check-template.js'
import { type Manifest, RISK_LEVELS, type Verifier } from './manifest.js'
import type { ManifestProblem } from './manifest-problem.js'
import { Problems } from './problems.js'
import { readEgress } from './read-egress.js'
import { type ReadSchema, readIo } from './read-io.js'
import { readLimits } from './read-limits.js'
import { readSecrets } from './read-secrets.js'
import { readTemplate } from './read-template.js'
import { readYaml } from './read-yaml.js'
import { Section, type SectionKeys } from './section.js'

/** What a manifest may refer to. */
export interface KnownNames {
  /** Providers that can run: `builtin:http_api`, `sha256:<hex>`. */
  readonly providers: readonly string[]
  /** Reads a schema file that a manifest names. Without it schemas are inline only. */
  readonly readSchema?: ReadSchema
  /** True for the catalogue's own manifests: tests compare their schemas with the meta-schema. */
  readonly schemasTested?: boolean
}

/** Host interfaces that exist. */
const IMPORTS: readonly string[] = ['latchgate:io/http', 'latchgate:io/log']

/** A million dollars a call. */
const MAX_COST = 100_000_000

const TOP: SectionKeys = {
  known: [
    'action_id',
    'version',
    'description',
    'provider_module_digest',
    'required_imports',
    'resource_limits',
    'verifier_kind',
    'verification_config',
    'io',
    'egress',
    'secrets',
    'risk_level',
    'declared_side_effects',
    'required_scopes',
    'template',
    'cost_usd_cents',
    'tags',
  ],
  unavailable: {
    provider_source: 'remove it: the digest alone names the module',
    database_config: 'remove the action: there is no database provider yet',
    fs: 'remove the action: there is no filesystem provider yet',
  },
}

/**
 * Parses and validates a manifest (actions spec 2.5, design 8). `file` is only named in problems. All
 * problems of a document are found at once; rules between its sections are checked when each section
 * is right by itself.
 */
export function parseManifest(
  yamlText: string,
  file: string,
  known: KnownNames,
): Result<Manifest, readonly ManifestProblem[]> {
  const problems = new Problems(file)
  const document = readYaml(yamlText, problems)
  if (document === undefined) return err(problems.list)
  const top = new Section(document, '', problems, TOP)
  const template = readTemplate(top)
  const origin = literalOrigin(template)
  const limits = readLimits(top)
  const manifest: Manifest = {
    action_id: readActionId(top),
    version: top.requiredText('version', '1.0.0'),
    description: readDescription(top),
    provider: readProvider(top, known.providers),
    required_imports: readImports(top),
    limits,
    verifier: readVerifier(top),
    io: readIo(top, limits, { readSchema: noSchemaFiles, schemasTested: false, ...known }),
    egress: readEgress(top),
    secrets: readSecrets(top, origin, problems),
    risk_level: top.choice('risk_level', RISK_LEVELS, 'low'),
    declared_side_effects: readLabels(top, 'declared_side_effects', 'http_read'),
    required_scopes: readScopes(top),
    template,
    cost_usd_cents: top.integer('cost_usd_cents', { min: 0, max: MAX_COST, fallback: 0 }),
    tags: readLabels(top, 'tags', 'research'),
  }
  if (problems.list.length > 0) return err(problems.list)
  checkTemplate(manifest, problems)
  checkDestination(manifest, problems)
  checkSecrets(manifest, origin, problems)
  checkRisk(manifest, problems)
  return problems.list.length > 0 ? err(problems.list) : ok(manifest)
}

function noSchemaFiles(): Result<never, string> {
  return err('schema files cannot be read here')
}

function readActionId(top: Section): string {
  const id = top.requiredText('action_id', 'tickets_read')
  if (id !== '' && !/^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/.test(id)) {
    const fix = 'use 1–128 letters, digits, _ and -, beginning with a letter or digit'
    top.report('action_id', `'${id.slice(0, 140)}' is not an action id`, fix)
  }
  return id
}

function readDescription(top: Section): string {
  const text = top.text('description', '').trim()
  if (text.length > 4096) {
    top.report('description', 'longer than 4096 characters', 'say it in fewer words')
  }
  return text
}

function readProvider(top: Section, providers: readonly string[]): string {
  const key = 'provider_module_digest'
  const provider = top.requiredText(key, 'builtin:http_api')
  if (provider === '' || providers.includes(provider)) return provider
  const available = `use one of ${providers.join(', ')}`
  if (/^sha256:[0-9a-f]{64}$/.test(provider)) {
    const fix = 'put the module into the providers directory, or correct the digest'
    top.report(key, `no module has the digest '${provider}'`, fix)
  } else if (provider.startsWith('sha256:')) {
    const fix = 'write sha256: and 64 lower-case hex digits'
    top.report(key, `${key} must be sha256:<64 hex>, is '${provider.slice(0, 80)}'`, fix)
  } else if (provider.startsWith('builtin:')) {
    const near = closestName(provider, providers)
    const fix = near === undefined ? available : `did you mean '${near}'?`
    top.report(key, `unknown builtin provider '${provider.slice(8, 80)}'`, fix)
  } else {
    const problem = `${key} must start with 'builtin:' or 'sha256:', is '${provider.slice(0, 80)}'`
    top.report(key, problem, available)
  }
  return provider
}

function readImports(top: Section): readonly string[] {
  const imports = top.texts('required_imports', [])
  for (const [index, name] of imports.entries()) {
    if (IMPORTS.includes(name)) continue
    const near = closestName(name, IMPORTS)
    const fix = near === undefined ? `use ${IMPORTS.join(', ')}` : `did you mean '${near}'?`
    top.report(`required_imports[${index}]`, `'${name}' is not a host interface`, fix)
  }
  return imports
}

function readVerifier(top: Section): Verifier {
  const kind = top.choice('verifier_kind', ['http_status', 'none'], 'none')
  const config = top.section('verification_config', {
    known: ['expected_status', 'required_fields'],
    unavailable: { read_back: 'name expected_status or required_fields instead' },
  })
  const expected_status: number[] = []
  for (const [index, status] of config.list('expected_status').entries()) {
    const valid =
      typeof status === 'number' && Number.isInteger(status) && status >= 100 && status <= 599
    if (valid) expected_status.push(status)
    else {
      const problem = `${JSON.stringify(status)} is not an HTTP status`
      config.report(`expected_status[${index}]`, problem, 'write a number from 100 to 599')
    }
  }
  const required_fields = config.texts('required_fields', [])
  for (const [index, path] of required_fields.entries()) {
    if (!path.split('.').includes('')) continue
    const fix = "write the members of the upstream's JSON, joined by dots: 'data.id'"
    config.report(`required_fields[${index}]`, `'${path}' is not a dotted path`, fix)
  }
  if (kind === 'none' && expected_status.length + required_fields.length > 0) {
    const problem = 'a configuration without a verifier is never looked at'
    top.report('verification_config', problem, 'set verifier_kind: http_status')
  }
  return { kind, expected_status, required_fields }
}

function readScopes(top: Section): readonly string[] {
  const scopes = top.texts('required_scopes', ['tools:call'])
  if (!scopes.includes('tools:call')) {
    const empty = scopes.length === 0 ? 'must not be empty' : "must contain 'tools:call'"
    top.report('required_scopes', `required_scopes ${empty}`, "add 'tools:call'")
  }
  for (const [index, scope] of scopes.entries()) {
    if (isScope(scope)) continue
    const fix = 'write 4–64 of a–z, 0–9, : _ -, e.g. tools:call'
    top.report(`required_scopes[${index}]`, `'${scope.slice(0, 80)}' is not a scope`, fix)
  }
  return scopes
}

function isScope(scope: string): boolean {
  return /^[a-z][a-z0-9:_-]{3,63}$/.test(scope) && scope.includes(':') && !scope.endsWith(':')
}

function readLabels(top: Section, key: string, example: string): readonly string[] {
  const labels = top.texts(key, [])
  for (const [index, label] of labels.entries()) {
    if (/^[a-z][a-z0-9_-]{0,63}$/.test(label)) continue
    const fix = `use lower-case letters, digits, _ and -, e.g. ${example}`
    top.report(`${key}[${index}]`, `'${label.slice(0, 80)}' is not a label`, fix)
  }
  return labels
}
