import { type InspectedActions, inspectActions, type LoadedConfig } from '@latchgate/gate'
import { type Check, Section } from './check.js'

/** Manifests and modules, loaded as a start loads them; null when it would refuse them. */
export async function checkActions({ config }: LoadedConfig): Promise<{
  readonly checks: readonly Check[]
  readonly actions: InspectedActions | null
}> {
  const section = new Section('actions')
  try {
    const actions = await inspectActions(config.manifests_dir)
    const all = [...actions.snapshot.actions.values()]
    const own = all.filter(({ source }) => source !== 'embedded')
    section.ok(
      'manifests',
      `${all.length} actions, ${own.length} of them in ${config.manifests_dir}`,
    )
    for (const [name, digest] of actions.modules) section.ok(`module ${name}`, digest)
    return { checks: section.checks, actions }
  } catch (error) {
    section.failed('manifests', error, `mend or remove the file in ${config.manifests_dir}`)
    return { checks: section.checks, actions: null }
  }
}
