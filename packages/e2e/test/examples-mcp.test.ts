import { afterEach, expect, test } from 'vitest'
import { type ExampleWorld, ROOT, startExampleWorld } from '../src/harness/example-world.js'
import { readGuide, withoutIds } from '../src/harness/guide.js'

const AGENT = `${ROOT}examples/dist/mcp-agent/mcp-agent.js`
const UUID = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}'
const TOOLS = [
  'tool    github_comment_issue',
  'tool    github_create_issue',
  'tool    github_read',
  'tool    github_search',
  'tool    http_fetch',
  'tool    http_post',
  'tool    slack_post',
  'tool    wikipedia_read',
  'tool    latchgate_result (reads)',
  'tool    latchgate_my_pending (reads)',
]

const worlds: ExampleWorld[] = []

afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close()
})

async function world(): Promise<ExampleWorld> {
  const made = await startExampleWorld()
  worlds.push(made)
  made.upstream.on('GET', '/zen', () => ({ body: 'Keep it logically awesome.' }))
  made.upstream.on('GET', '/', () => ({ body: '<h1>Example Domain</h1>' }))
  return made
}

test('an MCP agent is told that its call is held, and has the result once it is approved', async () => {
  const at = await world()
  const agent = at.run([AGENT])
  const [, id = ''] = await agent.said(new RegExp(`waits for approval (${UUID})\\.\n`))
  expect(at.upstream.requests.map(({ url }) => url)).toEqual(['/zen'])
  await at.operate('approvals', 'approve', id, '-y')
  const { code, out, err } = await agent.done
  expect([code, err]).toEqual([0, ''])
  expect(withoutIds(out)).toBe(
    [
      ...TOOLS,
      'model   I ask GitHub for a thought.',
      'call    http_fetch {"url":"https://api.github.com/zen"}',
      'result  receipt ID',
      'model   And a page that nobody has listed.',
      'call    http_fetch {"url":"https://example.com/"}',
      "held    The call of 'http_fetch' waits for approval ID.",
      'result  receipt ID',
      'model   That is all.',
      '',
    ].join('\n'),
  )
  expect(at.upstream.requests.map(({ url, tlsServername }) => tlsServername + url)).toEqual([
    'api.github.com/zen',
    'example.com/',
  ])
})

test('a model that has waited in vain asks for the result by its handle; nothing is sent twice', async () => {
  const at = await world()
  const agent = at.run([AGENT], { LATCHGATE_APPROVAL_WAIT_SECONDS: '1' })
  const handle = new RegExp(`call {4}latchgate_result \\{"approval_id":"(${UUID})"\\}\n`)
  const [, id = ''] = await agent.said(handle)
  await at.operate('approvals', 'approve', id, '-y')
  const { code, out, err } = await agent.done
  expect([code, err]).toEqual([0, ''])
  expect(out).toContain('error   {"code":"pending_approval",')
  // Each whole line that the example's page shows of this story.
  const page = readGuide('examples/mcp-agent/README.md').blocks('text').join('').split('\n')
  const whole = page.map(withoutIds).filter((line) => !line.includes('…'))
  expect(whole.length).toBeGreaterThan(10)
  const printed = new Set(withoutIds(out).split('\n'))
  expect(whole.filter((line) => !printed.has(line))).toEqual([])
  expect(out).toMatch(
    /latchgate_result .*\n(?:held .*\n)?result {2}receipt .*\nmodel {3}That is all.\n$/,
  )
  expect(at.upstream.requests.map(({ url }) => url)).toEqual(['/zen', '/'])
})

test('a denial is an answer to the model, with the reason of the operator', async () => {
  const at = await world()
  const agent = at.run([AGENT])
  const [, id = ''] = await agent.said(new RegExp(`waits for approval (${UUID})\\.\n`))
  await at.operate('approvals', 'deny', id, '--reason', 'not this page')
  const { code, out } = await agent.done
  expect(code).toBe(0)
  expect(out).toMatch(
    /error {3}\{"code":"policy_denied",.*not this page.*\nmodel {3}That is all.\n$/,
  )
  expect(at.upstream.requests.map(({ url }) => url)).toEqual(['/zen'])
})
