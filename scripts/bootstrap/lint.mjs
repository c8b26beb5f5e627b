import { runNode } from './child.mjs'
import { say, sayFailure } from './say.mjs'

const BIOME = 'node_modules/@biomejs/biome/bin/biome'
const OXLINT = 'node_modules/oxlint/bin/oxlint'

/** Formatting and syntax by biome, types by oxlint; both run, so that both sets of faults show. */
export async function checkStyle() {
  say('checking the style')
  const biome = await runNode(BIOME, [
    'check',
    '--diagnostic-level=warn',
    '--error-on-warnings',
    '.',
  ])
  const oxlint = await runNode(OXLINT, [])
  if (biome !== 0) sayFailure('biome found faults; `npm run format` mends what a machine can mend')
  if (oxlint !== 0) sayFailure('oxlint found faults')
  return biome !== 0 ? biome : oxlint
}

/** Rewrites what biome can: layout, import order, safe fixes. */
export function mendStyle() {
  return runNode(BIOME, ['check', '--write', '.'])
}
