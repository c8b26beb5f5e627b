import type { Command } from 'commander'
import type { Context } from '../context.js'
import { policyGrantCommand, policyRevokeCommand } from './policy-acl.js'
import {
  policyAllowlistCommand,
  policyQuotaCommand,
  policyReloadCommand,
  policyRequireApprovalCommand,
} from './policy-rules.js'
import { policyListCommand, policyShowCommand } from './policy-show.js'

type Act = (action: (context: Context) => Promise<number>) => Promise<void>
type MakeCommand = (parent: Command, name: string, description: string) => Command

/** `latchgate policy …`: reading and changing what principals may do (spec/cli-and-config 8.13). */
export function registerPolicyCommands(program: Command, command: MakeCommand, act: Act): void {
  const policy = command(
    program,
    'policy',
    'what principals may do: show it, change it',
  ).addHelpText('after', EDITS)
  const principal = ['<principal>', 'as the configuration names it; * is everybody'] as const
  const action = ['<action>', 'see `latchgate actions`'] as const
  command(policy, 'show', 'show the rights of all principals, or of one')
    .argument('[principal]', principal[1])
    .action((name: string | undefined) => act((context) => policyShowCommand(context, name)))
  command(policy, 'list', 'list the principals').action(() => act(policyListCommand))
  command(policy, 'grant', 'let a principal call actions')
    .argument(...principal)
    .argument('<actions...>', 'one or more, also with commas between them')
    .addHelpText(
      'after',
      examples(
        'latchgate policy grant billing-agent http_post',
        'latchgate policy grant billing-agent http_fetch,github_read',
      ),
    )
    .action((name: string, actions: readonly string[]) =>
      act((context) => policyGrantCommand(context, name, actions)),
    )
  command(policy, 'revoke', 'take actions from a principal')
    .argument(...principal)
    .argument('[actions...]', 'one or more, also with commas between them')
    .option('--remove-principal', 'remove the entry as well')
    .addHelpText(
      'after',
      examples(
        'latchgate policy revoke billing-agent http_post',
        'latchgate policy revoke former-agent --remove-principal',
      ),
    )
    .action(
      (name: string, actions: readonly string[], options: { readonly removePrincipal?: boolean }) =>
        act((context) => policyRevokeCommand(context, name, actions, options)),
    )
  command(policy, 'require-approval', 'hold an action for a human, whatever its risk')
    .argument(...action)
    .option('--principal <name>', 'for this principal alone; otherwise for everybody')
    .option('--approvals <n>', 'how many operators must approve, 1 to 5')
    .option('--remove', 'take the rule back, and the number of approvals')
    .addHelpText(
      'after',
      examples(
        'latchgate policy require-approval http_post',
        'latchgate policy require-approval http_delete --approvals 2',
        'latchgate policy require-approval http_post --principal billing-agent --remove',
      ),
    )
    .action(
      (
        name: string,
        options: {
          readonly principal?: string
          readonly approvals?: string
          readonly remove?: boolean
        },
      ) => act((context) => policyRequireApprovalCommand(context, name, options)),
    )
  command(policy, 'allowlist', 'waive the approval that the risk of an action needs')
    .argument(...action)
    .argument('<principal>', 'as the configuration names it')
    .option('--remove', 'need the approval again')
    .addHelpText('after', examples('latchgate policy allowlist http_delete cleanup-agent'))
    .action((name: string, who: string, options: { readonly remove?: boolean }) =>
      act((context) => policyAllowlistCommand(context, name, who, options)),
    )
  command(policy, 'quota', 'limit what a principal may do in a time')
    .argument(...principal)
    .option('--calls <n>', 'calls in the window')
    .option('--cost-cents <n>', 'US cents in the window, by `cost_usd_cents` of the manifests')
    .option('--window <time>', 'length of the window: 90s, 15m, 1h, 7d')
    .option('--clear', 'remove all quotas, or with --window that one')
    .addHelpText(
      'after',
      examples(
        'latchgate policy quota billing-agent --calls 100 --window 1h',
        'latchgate policy quota billing-agent --clear',
      ),
    )
    .action(
      (
        name: string,
        options: {
          readonly calls?: string
          readonly costCents?: string
          readonly window?: string
          readonly clear?: boolean
        },
      ) => act((context) => policyQuotaCommand(context, name, options)),
    )
  command(
    policy,
    'reload',
    'load manifests, policy data, agents and issuers again, without a restart',
  ).action(() => act(policyReloadCommand))
}

const EDITS = `
A running gate makes the edit and records it. Without one the file policies/data.json is
edited, and the next start records what it finds.`

function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}`
}
