import { didYouMean } from '../closest-name.js'
import type { Preset } from './preset.js'
import { PresetError } from './preset-error.js'

/** The presets that come with the catalogue. `quickstart` is what a first `latchgate up` uses. */
export const BUILTIN_PRESETS: readonly Preset[] = [
  {
    name: 'quickstart',
    description:
      'For a first try: public reads, GitHub issues and Slack messages for the named principal, ' +
      'nothing for anybody else. High risk is held for a human; what needs a secret is refused ' +
      'until the secret is configured.',
    manifests:
      'listed:http_fetch,http_post,github_read,github_search,github_comment_issue,' +
      'github_create_issue,slack_post,wikipedia_read',
    policy: { wildcard_grant: 'none', named_grant: 'all' },
  },
  {
    name: 'read-only',
    description:
      'Every action that only reads. Those of low risk for everybody, those with credentials for ' +
      'named principals.',
    manifests: 'reads',
    policy: { wildcard_grant: 'risk_below:medium', named_grant: 'all' },
  },
  {
    name: 'agent',
    description:
      'A general-purpose agent: everybody up to medium risk, named principals all of it.',
    manifests: 'tagged:agent',
    policy: { wildcard_grant: 'risk_below:high', named_grant: 'all' },
  },
  {
    name: 'coding',
    description: 'A coding agent: reads and GitHub issues.',
    manifests: 'tagged:coding',
    policy: { wildcard_grant: 'risk_below:high', named_grant: 'all' },
  },
  {
    name: 'data',
    description: 'A data pipeline: reads and notifications.',
    manifests: 'tagged:data-pipeline',
    policy: { wildcard_grant: 'risk_below:high', named_grant: 'all' },
  },
  {
    name: 'team',
    description: 'A team: everything tagged for shared work.',
    manifests: 'tagged:team',
    policy: { wildcard_grant: 'risk_below:high', named_grant: 'all' },
  },
  {
    name: 'lockdown',
    description: 'Nobody may do anything until an operator grants it.',
    manifests: 'all',
    policy: { wildcard_grant: 'none', named_grant: 'none' },
  },
  {
    name: 'blank',
    description: 'An empty ACL. The catalogue is loaded, but nobody may call any of it.',
    manifests: 'none',
    policy: { wildcard_grant: 'none', named_grant: 'none' },
  },
  {
    name: 'permissive',
    description: 'Everybody may call everything. For experiments on a machine of your own.',
    manifests: 'all',
    policy: { wildcard_grant: 'all', named_grant: 'all' },
  },
]

/** The built-in preset of this name; throws `PresetError` naming the nearest when there is none. */
export function loadPreset(name: string): Preset {
  const preset = BUILTIN_PRESETS.find((one) => one.name === name)
  if (preset !== undefined) return preset
  const names = BUILTIN_PRESETS.map((one) => one.name)
  const hint = didYouMean(name, names)
  throw new PresetError(`preset '${name}' not found${hint}: there are ${names.join(', ')}`)
}
