import type { InspectedActions, PolicyData } from '@latchgate/gate'

/**
 * The actions that the default policy lets a principal call (spec/pipeline 5.5, rows 2 and 5): those
 * in its entry, or in the wildcard's when it has none or inherits it, whose effects are all allowed.
 */
export function mayCall(
  { acl }: PolicyData,
  { actions }: InspectedActions['snapshot'],
  principal: string,
): readonly string[] {
  const own = Object.hasOwn(acl, principal) ? acl[principal] : undefined
  const everybody = acl['*']
  const sources = own === undefined ? [everybody] : own.inherits_wildcard ? [own, everybody] : [own]
  const granted = sources.flatMap((source) => source?.allowed_actions ?? [])
  const sinks = new Set(sources.flatMap((source) => source?.allowed_sinks ?? []))
  return [...new Set(granted)].filter((id) =>
    actions.get(id)?.manifest.declared_side_effects.every((sink) => sinks.has(sink)),
  )
}
