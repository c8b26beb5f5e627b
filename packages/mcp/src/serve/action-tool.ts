import type { Tool, ToolAnnotations } from '@modelcontextprotocol/sdk/types.js'
import type { PermittedAction } from 'latchgate'
import { toolName } from './action-name.js'

/** An action of the gate; its side effects are null where the gate did not say them. */
export type ListedAction = Omit<PermittedAction, 'declaredSideEffects'> & {
  readonly declaredSideEffects: readonly string[] | null
}

/** An action as an MCP tool. */
export interface ActionTool {
  readonly actionId: string
  readonly tool: Tool
}

// Case counts: ids are lower case.
const DESTRUCTIVE = /delete|destroy|drop|purge|remove|revoke|terminate|truncate|wipe/

/** The tool of an action (spec/mcp-webhooks-sandbox 1.6). */
export function actionTool(action: ListedAction): ActionTool {
  const annotations = annotationsOf(action)
  return {
    actionId: action.actionId,
    tool: {
      name: toolName(action.actionId),
      description: descriptionOf(action),
      inputSchema: inputSchema(action.requestSchema),
      ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
    },
  }
}

/** The hints that can be derived; one that cannot is left out, and the client assumes the worst. */
export function annotationsOf(action: ListedAction): ToolAnnotations {
  const { declaredSideEffects: effects, riskLevel, actionId, egress } = action
  const isDestructive =
    riskLevel === 'critical' ||
    (effects ?? []).some((effect) => DESTRUCTIVE.test(effect)) ||
    (riskLevel === 'high' && DESTRUCTIVE.test(actionId))
  return {
    ...(effects === null ? {} : { readOnlyHint: effects.length === 0 }),
    ...(isDestructive || effects !== null ? { destructiveHint: isDestructive } : {}),
    openWorldHint: egress.hasEgress,
  }
}

function descriptionOf(action: ListedAction): string {
  const { actionId, description, version, riskLevel, approval } = action
  const held = approval === 'required' ? ' A call waits until a human operator approves it.' : ''
  const id = toolName(actionId) === actionId ? '' : ` Action id: ${actionId}.`
  const facts = `LatchGate action, version ${version}, risk ${riskLevel}: calls are authorised, recorded and verified by a gate.`
  return `${description === '' ? '' : `${description}\n\n`}${facts}${held}${id}`
}

// A client refuses the whole list for one schema that is not of an object.
function inputSchema(schema: PermittedAction['requestSchema']): Tool['inputSchema'] {
  if (schema === null || (schema['type'] !== undefined && schema['type'] !== 'object')) {
    return { type: 'object', additionalProperties: true }
  }
  return { ...schema, type: 'object' }
}
