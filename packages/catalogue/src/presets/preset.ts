import { err, type Json, type JsonObject, ok, type Result } from '@latchgate/protocol'
import type { ManifestProblem } from '../manifest/manifest-problem.js'
import { Problems } from '../manifest/problems.js'
import { Section } from '../manifest/section.js'

/** Which of the selected actions somebody is granted. */
export type GrantRule =
  | 'all'
  | 'none'
  | 'risk_below:medium'
  | 'risk_below:high'
  | 'risk_below:critical'

/** Every grant rule, for messages that name them. */
export const GRANT_RULES: readonly GrantRule[] = [
  'all',
  'none',
  'risk_below:medium',
  'risk_below:high',
  'risk_below:critical',
]

/** A named starting point for the ACL (action-catalog 5). */
export interface Preset {
  readonly name: string
  readonly description: string
  /** Selector: `all`, `none`, `reads`, `tagged:a,b` (union) or `listed:id,id`. */
  readonly manifests: string
  readonly policy: {
    /** What everybody gets: the entry `*`. */
    readonly wildcard_grant: GrantRule
    /** What each named principal gets. */
    readonly named_grant: GrantRule
  }
}

/**
 * Reads a preset from its document, `{preset: {name, description, manifests, policy: {…}}}`, as a TOML
 * reader returns it. `named_grant` may be absent: then named principals get every selected action, or
 * nothing when `wildcard_grant` is `none`, as in 0.2.0.
 */
export function parsePreset(
  document: Json,
  file: string,
): Result<Preset, readonly ManifestProblem[]> {
  const problems = new Problems(file)
  const root = isObject(document) ? document : {}
  const top = new Section(root, '', problems, { known: ['preset'] })
  if (!top.has('preset')) {
    top.report('preset', 'the table is missing', 'begin with [preset]')
    return err(problems.list)
  }
  const section = top.section('preset', { known: ['name', 'description', 'manifests', 'policy'] })
  const policy = section.section('policy', { known: ['wildcard_grant', 'named_grant'] })
  if (policy.raw('wildcard_grant') === undefined) {
    policy.report('wildcard_grant', 'wildcard_grant is missing', `use ${GRANT_RULES.join(', ')}`)
  }
  const wildcard_grant = policy.choice('wildcard_grant', GRANT_RULES, 'none')
  const asBefore = wildcard_grant === 'none' ? 'none' : 'all'
  const preset: Preset = {
    name: section.requiredText('name', 'my-preset'),
    description: section.requiredText('description', 'what it is for'),
    manifests: section.requiredText('manifests', 'listed:http_fetch'),
    policy: { wildcard_grant, named_grant: policy.choice('named_grant', GRANT_RULES, asBefore) },
  }
  const selector = parseSelector(preset.manifests)
  if (preset.manifests !== '' && !selector.ok) {
    section.report('manifests', selector.error, 'use all, none, reads, tagged:a,b or listed:a,b')
  }
  return problems.list.length > 0 ? err(problems.list) : ok(preset)
}

/** A selector in its parts. */
export interface Selector {
  readonly kind: 'all' | 'none' | 'reads' | 'tagged' | 'listed'
  readonly names: readonly string[]
}

/** Parses the selector of a preset. */
export function parseSelector(text: string): Result<Selector, string> {
  if (text === 'all' || text === 'none' || text === 'reads') return ok({ kind: text, names: [] })
  const match = /^(tagged|listed):(.*)$/s.exec(text)
  const kind = match?.[1]
  if (kind !== 'tagged' && kind !== 'listed') return err(`'${text}' is not a selector`)
  const names = (match?.[2] ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
  if (names.length === 0) return err(`'${kind}:' names nothing`)
  return ok({ kind, names: [...new Set(names)] })
}

function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
