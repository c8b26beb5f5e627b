import {
  editProjectPolicy,
  type LoadedConfig,
  type PolicyEdit,
  PolicyFileError,
  policyDataPath,
  readProjectPolicy,
} from '@latchgate/gate'
import type { PolicyBody } from '@latchgate/protocol'
import { CommandFailure } from './command-failure.js'
import type { Context } from './context.js'
import { askGate, bodyOf, type GateAnswer, type GateRequest } from './gate-connection.js'
import { findListener } from './listener.js'
import { findOperator } from './operator-key.js'

/** An edit in both its forms: as the gate is asked for it, and as a change of the file. */
export interface PolicyChange {
  readonly method: 'POST' | 'DELETE'
  /** Below `/v1/admin/policy/`. */
  readonly endpoint: string
  readonly body: Readonly<Record<string, unknown>>
  readonly edit: PolicyEdit
}

/** The policy data of a project: of its running gate, or of the file while none runs. */
export interface PolicyAccess {
  /** True when the gate runs, which records what is done. */
  readonly live: boolean
  show(): Promise<PolicyBody>
  /** Returns the body of the gate's answer. Throws `CommandFailure` `policy_refused`. */
  change(change: PolicyChange): Promise<Readonly<Record<string, unknown>>>
}

/** What brings policy data back that somebody has removed. */
export const RENEW_DATA =
  'write policies/data.json anew from a preset: latchgate init --force, then latchgate policy reload'

/** Opens the policy data of the project; with a gate it needs an operator's key. */
export async function openPolicy(context: Context): Promise<PolicyAccess> {
  const loaded = context.load()
  const listener = await findListener(loaded)
  return listener.kind === 'this_gate' ? ofGate(context, loaded) : ofFile(loaded)
}

/** Asks the running gate of the project as an operator; refusals of policy are `policy_refused`. */
export async function askAsOperator(
  context: Context,
  loaded: LoadedConfig,
  request: GateRequest,
): Promise<Readonly<Record<string, unknown>>> {
  const operator = findOperator(loaded, context.options)
  const answer = await askGate(loaded, request, operator)
  if (isPolicyRefusal(answer)) {
    const { error, message, detail } = answer.body
    // A failed reload says in its detail what is wrong.
    // What is shown is what is in force: the only thing that can be wrong is that there is nothing.
    if (error === 'policy_read_error' && request.method === 'GET') {
      throw new CommandFailure(
        'policy_refused',
        'no policy data is in force: every call is denied',
        {
          hints: [RENEW_DATA],
          fields: { refusal: error, status: answer.status },
        },
      )
    }
    const said = error === 'reload_failed' ? `${String(message)} ${String(detail)}` : message
    throw refusedBy(String(error), String(said), answer.status)
  }
  return bodyOf(answer)
}

/** Prints that an edit is in the file only. */
export function sayUnrecorded(context: Context, access: PolicyAccess): void {
  if (access.live) return
  context.output.warn('no gate is running: the file was edited')
  context.output.hint('not recorded in the ledger until the gate starts, which loads it')
}

function ofGate(context: Context, loaded: LoadedConfig): PolicyAccess {
  return {
    live: true,
    show: async () => {
      const request = { method: 'GET', path: '/v1/admin/policy' } as const
      return (await askAsOperator(context, loaded, request)) as unknown as PolicyBody
    },
    change: ({ method, endpoint, body }) =>
      askAsOperator(context, loaded, { method, path: `/v1/admin/policy/${endpoint}`, body }),
  }
}

function ofFile(loaded: LoadedConfig): PolicyAccess {
  if (loaded.file === null) {
    throw new CommandFailure('not_found', 'there is no project here, and so no policy data', {
      hints: ['set one up with: latchgate up -d'],
    })
  }
  return {
    live: false,
    show: async () => {
      const data = readFile(loaded)
      return { policy_version: data.policy_version, acl: data.acl, ...data.latchgate }
    },
    change: async ({ edit }) => {
      const edited = editProjectPolicy(loaded, edit, process.getuid?.() ?? -1)
      if (edited.ok) return edited.value
      const { code, message, status } = edited.error
      throw refusedBy(code, message, status)
    },
  }
}

function readFile(loaded: LoadedConfig): NonNullable<ReturnType<typeof readProjectPolicy>> {
  try {
    const data = readProjectPolicy(loaded)
    if (data !== null) return data
  } catch (error) {
    if (!(error instanceof PolicyFileError)) throw error
    throw refusedBy('policy_read_error', error.message, 500)
  }
  throw new CommandFailure('not_found', `there is no ${policyDataPath(loaded.root)}`, {
    hints: ['write one, e.g. {"policy_version": "v1", "acl": {}}: it denies everything'],
  })
}

function isPolicyRefusal({ status, body }: GateAnswer): boolean {
  const { error } = body
  if (typeof error !== 'string' || status < 400) return false
  return status < 500
    ? ![401, 403, 429].includes(status)
    : ['policy_read_error', 'policy_write_error', 'reload_failed'].includes(error)
}

function refusedBy(refusal: string, message: string, status: number): CommandFailure {
  const isAction = refusal === 'unknown_action' || refusal === 'action_not_found'
  return new CommandFailure('policy_refused', message, {
    hints: isAction ? ['list them with: latchgate actions'] : [],
    fields: { refusal, status },
  })
}
