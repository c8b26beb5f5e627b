import type { JsonObject } from '@latchgate/protocol'
import { didYouMean } from '../closest-name.js'
import { isWrite } from '../manifest/check-risk.js'
import { type Manifest, RISK_LEVELS } from '../manifest/manifest.js'
import { type GrantRule, type Preset, parseSelector } from './preset.js'
import { PresetError } from './preset-error.js'

/**
 * The actions that a preset selects, sorted by id. Throws `PresetError` for an id or tag that no
 * manifest has: a misspelt one would silently grant less than the operator believes.
 */
export function selectManifests(
  preset: Preset,
  manifests: readonly Manifest[],
): readonly Manifest[] {
  const selector = parseSelector(preset.manifests)
  if (!selector.ok) throw new PresetError(`preset '${preset.name}': ${selector.error}`)
  const { kind, names } = selector.value
  const sorted = manifests.toSorted((a, b) => (a.action_id < b.action_id ? -1 : 1))
  switch (kind) {
    case 'all':
      return sorted
    case 'none':
      return []
    case 'reads':
      return sorted.filter((manifest) => !isWrite(manifest))
    case 'listed':
      requireKnown(
        preset,
        'action',
        names,
        sorted.map((manifest) => manifest.action_id),
      )
      return sorted.filter((manifest) => names.includes(manifest.action_id))
    case 'tagged':
      requireKnown(preset, 'tag', names, [...new Set(sorted.flatMap((manifest) => manifest.tags))])
      return sorted.filter((manifest) => manifest.tags.some((tag) => names.includes(tag)))
  }
}

/**
 * The policy data (`data.json`, pipeline spec 5.4) of a preset: one entry for everybody, one for each
 * named principal. Throws `PresetError`.
 */
export function buildPolicyData(
  preset: Preset,
  manifests: readonly Manifest[],
  principals: readonly string[],
): JsonObject {
  const selected = selectManifests(preset, manifests)
  const { wildcard_grant, named_grant } = preset.policy
  const named = principals.map((principal): readonly [string, JsonObject] => {
    checkPrincipal(principal)
    return [principal, { ...entry(selected, named_grant), inherits_wildcard: true }]
  })
  const warning = `everybody may call every action: written by preset '${preset.name}'`
  return {
    ...(wildcard_grant === 'all' ? { _WARNING: warning } : {}),
    policy_version: `${preset.name}-init`,
    acl: Object.fromEntries([['*', entry(selected, wildcard_grant)], ...named]),
    latchgate: {},
  }
}

function entry(selected: readonly Manifest[], rule: GrantRule): JsonObject {
  const granted = selected.filter((manifest) => isGranted(manifest, rule))
  const sinks = new Set(granted.flatMap((manifest) => manifest.declared_side_effects))
  return {
    allowed_actions: granted.map((manifest) => manifest.action_id),
    allowed_sinks: [...sinks].sort(),
  }
}

function isGranted({ risk_level }: Manifest, rule: GrantRule): boolean {
  const rank = RISK_LEVELS.indexOf(risk_level)
  switch (rule) {
    case 'all':
      return true
    case 'none':
      return false
    case 'risk_below:medium':
      return rank < RISK_LEVELS.indexOf('medium')
    case 'risk_below:high':
      return rank < RISK_LEVELS.indexOf('high')
    case 'risk_below:critical':
      return rank < RISK_LEVELS.indexOf('critical')
  }
}

// Keys that begin with `_` are comments in the policy data, and `*` is everybody.
function checkPrincipal(principal: string): void {
  const usable = principal.length > 0 && principal.length <= 253
  if (usable && principal !== '*' && !principal.startsWith('_')) return
  const shown = principal.slice(0, 80)
  throw new PresetError(
    `'${shown}' cannot be a principal: use 1–253 characters, not '*', not beginning with '_'`,
  )
}

function requireKnown(
  preset: Preset,
  what: string,
  names: readonly string[],
  known: readonly string[],
): void {
  const unknown = names.find((name) => !known.includes(name))
  if (unknown === undefined) return
  throw new PresetError(
    `preset '${preset.name}': there is no ${what} '${unknown}'${didYouMean(unknown, known)}`,
  )
}
