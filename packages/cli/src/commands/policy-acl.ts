import { didYouMean } from '@latchgate/catalogue'
import { grantEdit, revokeEdit } from '@latchgate/gate'
import type { GrantBody, RevokeBody } from '@latchgate/protocol'
import { usageFailure } from '../command-failure.js'
import type { Context } from '../context.js'
import { openPolicy, sayUnrecorded } from '../policy-access.js'
import { entryOf } from './policy-show.js'

/** `latchgate policy grant PRINCIPAL ACTIONS`. */
export async function policyGrantCommand(
  context: Context,
  principal: string,
  given: readonly string[],
): Promise<number> {
  const actions = actionsOf(given)
  const access = await openPolicy(context)
  const names = Object.keys((await access.show()).acl)
  const body = { principal, actions }
  const answer = (await access.change({
    method: 'POST',
    endpoint: 'grant',
    body,
    edit: grantEdit(body),
  })) as unknown as GrantBody
  const { output } = context
  output.document({ ok: true, ...answer, recorded: access.live })
  output.success(`'${principal}' may call ${actions.join(', ')}`)
  output.field('actions', String(answer.total_actions))
  output.field('effects', answer.allowed_sinks.join(', '))
  if (!names.includes(principal)) {
    output.warn(`'${principal}' had no entry before${didYouMean(principal, names)}`)
  }
  if (answer.no_longer_allowed !== undefined) {
    output.warn(
      `its own entry shadows '*': no longer allowed are ${answer.no_longer_allowed.join(', ')}`,
    )
    output.hint(
      `grant them too, or set "inherits_wildcard": true in policies/data.json and run: latchgate policy reload`,
    )
  }
  sayUnrecorded(context, access)
  return 0
}

/** `latchgate policy revoke PRINCIPAL [ACTIONS] [--remove-principal]`. */
export async function policyRevokeCommand(
  context: Context,
  principal: string,
  given: readonly string[],
  options: { readonly removePrincipal?: boolean },
): Promise<number> {
  const actions = actionsOf(given)
  const remove = options.removePrincipal === true
  if (actions.length === 0 && !remove) {
    throw usageFailure('name the actions to revoke, or pass --remove-principal')
  }
  const access = await openPolicy(context)
  // To take rights from a name that nobody has, and be told that it is done, would be a trap.
  entryOf(await access.show(), principal)
  const answer = (await access.change({
    method: 'POST',
    endpoint: 'revoke',
    body: { principal, actions, remove_principal: remove },
    edit: revokeEdit({ principal, actions, removePrincipal: remove }),
  })) as unknown as RevokeBody
  const { output } = context
  const { remaining_actions, ...rest } = answer
  output.document({ ok: true, ...rest, remaining: remaining_actions, recorded: access.live })
  if (answer.principal_removed) output.success(`the entry of '${principal}' is removed`)
  else output.success(`'${principal}' no longer has ${actions.join(', ')}`)
  output.field('actions left', String(remaining_actions))
  if (answer.still_allowed !== undefined) {
    output.warn(`still allowed, by the rights of '*': ${answer.still_allowed.join(', ')}`)
    output.hint('take them from `*` as well, or end the inheritance in policies/data.json')
  }
  sayUnrecorded(context, access)
  return 0
}

/** The actions of an argument: several, each of them one or a list with commas. */
function actionsOf(given: readonly string[]): readonly string[] {
  const names = given.flatMap((one) => one.split(',')).map((one) => one.trim())
  return [...new Set(names.filter((one) => one !== ''))]
}
