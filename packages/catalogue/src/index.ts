export { type Action, MAX_ARRAY_ITEMS, MAX_JSON_DEPTH } from './action.js'
export { ActionRegistry } from './action-registry.js'
export { closestName, didYouMean, editDistance } from './closest-name.js'
export { type AddressClass, classifyAddress } from './destination/address-class.js'
export {
  DOMAIN_FAULTS,
  type DomainFault,
  validateLearnedDomain,
  validateManifestDomain,
} from './destination/domain-entry.js'
export { hostMatches } from './destination/host-matches.js'
export {
  type Destination,
  isAddressLiteral,
  parseDestination,
} from './destination/parse-destination.js'
export { parseHost } from './destination/parse-host.js'
export { isHostOwned } from './manifest/header-names.js'
export type {
  BasicUser,
  BodyEncoding,
  Manifest,
  ManifestEgress,
  ManifestIo,
  SecretBinding,
  SecretInjection,
  Template,
  Verifier,
} from './manifest/manifest.js'
export { RISK_LEVELS } from './manifest/manifest.js'
export type { ManifestProblem } from './manifest/manifest-problem.js'
export { normalizedManifest } from './manifest/normalized-manifest.js'
export { type KnownNames, parseManifest } from './manifest/parse-manifest.js'
export { BUILTIN_PRESETS, loadPreset } from './presets/builtin-presets.js'
export { buildPolicyData, selectManifests } from './presets/policy-data.js'
export { GRANT_RULES, type GrantRule, type Preset, parsePreset } from './presets/preset.js'
export { PresetError } from './presets/preset-error.js'
export type { SchemaFault } from './schema/schema-fault.js'
export { providerInput } from './template/provider-input.js'
export { resolveTarget } from './template/resolve-target.js'
export type { Target } from './template/target.js'
export type { TargetFault } from './template/target-fault.js'
export { type HostObservation, verifyEffect } from './verify-effect.js'
