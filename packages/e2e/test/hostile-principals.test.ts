import { execFileSync } from 'node:child_process'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { executeRaw } from '../src/harness/raw-client.js'
import { TokenScene } from '../src/harness/token-scene.js'

let scene: TokenScene

beforeAll(async () => {
  scene = await TokenScene.start()
})

afterAll(() => scene.close())

/** The words that a shell makes of a command, which it does not run. */
function words(command: string): readonly string[] {
  const script = `set -- ${command}; for word; do printf '%s\\n' "$word"; done`
  return execFileSync('/bin/sh', ['-c', script], { encoding: 'utf8' }).trimEnd().split('\n')
}

test.each([
  ['agent-9', []],
  ['$(echo$IFS"taken")', []],
  ["';true;'", []],
  ['a;true&true|true`true`', []],
  ['~root', []],
  ['--config=/tmp/hostile.toml', ['--']],
] as const)(
  'the command that would grant a right to %s is that command to a shell, and no other',
  async (principal, options) => {
    const lease = await scene.open(scene.issuer.token({ claims: { sub: principal } }))
    const params = { url: 'https://example.com/' }
    const answer = await executeRaw(scene.client('tcp'), lease, 'http_fetch', params)
    expect(answer.json()).toMatchObject({ error: 'policy_denied', principal })
    const [run, command] = String(answer.json()['remediation']).split(/(?<=^Run: )/)
    expect(run).toBe('Run: ')
    expect(words(command ?? '')).toEqual([
      'latchgate',
      'policy',
      'grant',
      ...options,
      principal,
      'http_fetch',
    ])
  },
)

test.each(['constructor', 'toString', 'hasOwnProperty', 'valueOf', 'a/b', '"', '\\', '{{x}}'])(
  'a principal that is called %s has what its own entry says, and there is none',
  async (principal) => {
    const lease = await scene.open(scene.issuer.token({ claims: { sub: principal } }))
    const params = { url: 'https://example.com/' }
    const answer = await executeRaw(scene.client('tcp'), lease, 'http_fetch', params)
    expect(answer.json(), answer.text).toMatchObject({ error: 'policy_denied', principal })
    expect((await scene.renew(lease)).status).toBe(200)
  },
)
