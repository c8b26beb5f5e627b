import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { startApprovalWorld } from '../src/harness/approval-world.js'
import { initializeBody, openHttpSession, sendHttp } from '../src/harness/mcp-http.js'
import { McpLines, type Message } from '../src/harness/mcp-lines.js'
import { type HttpAdapter, startHttpAdapter } from '../src/harness/mcp-session.js'
import type { World } from '../src/harness/world.js'

const LATEST = '2025-11-25'
const VERSIONS = [LATEST, '2025-06-18', '2025-03-26', '2024-11-05'] as const
const UNKNOWN = ['2099-01-01', '1999-01-01', '', 'latest'] as const
const FETCH = { url: 'https://api.github.com/data' }
const PARSE_ERROR = {
  jsonrpc: '2.0',
  id: null,
  error: { code: -32700, message: 'not a JSON-RPC message' },
}

let at: World
let adapter: HttpAdapter

beforeAll(async () => {
  at = await startApprovalWorld()
  const json = { 'content-type': 'application/json' }
  at.upstream.on('GET', '/data', () => ({ status: 200, headers: json, body: '{"answer":42}' }))
  adapter = await startHttpAdapter(at.gate.project.socket, at.gate.project.root)
})

afterAll(async () => {
  await adapter.stop()
  await at.close()
})

function start(...flags: readonly string[]): McpLines {
  const session = new McpLines(['--gate-socket', at.gate.project.socket, ...flags])
  onTestFinished(async () => {
    await session.end()
  })
  return session
}

function toolNames(answer: Message | undefined): readonly string[] {
  const result = answer?.['result'] as { tools: readonly { name: string }[] } | undefined
  return (result?.tools ?? []).map(({ name }) => name)
}

describe('versions of the protocol', () => {
  test.each(VERSIONS)('%s is spoken over stdio with who asks for it', async (version) => {
    const session = start()
    expect(await session.initialize(version)).toMatchObject({
      protocolVersion: version,
      capabilities: { tools: { listChanged: true } },
      serverInfo: { name: 'latchgate-mcp' },
    })
    expect(toolNames(await session.ask('tools/list'))).toContain('http_fetch')
    const called = await session.ask('tools/call', { name: 'http_fetch', arguments: FETCH })
    expect(JSON.stringify(called['result'])).toContain('42')
  })

  test.each(UNKNOWN)('who asks for %j over stdio is offered the latest', async (version) => {
    expect((await start().initialize(version))['protocolVersion']).toBe(LATEST)
  })

  test.each(VERSIONS)('%s is spoken over HTTP with who asks for it', async (version) => {
    const opened = await sendHttp(adapter, { body: initializeBody(version) })
    expect(opened.messages[0]?.['result']).toMatchObject({ protocolVersion: version })
    const headers = await openHttpSession(adapter, version)
    const list = { jsonrpc: '2.0', id: 1, method: 'tools/list' }
    const listed = await sendHttp(adapter, { headers, body: list })
    expect(toolNames(listed.messages[0])).toContain('http_fetch')
    const params = { name: 'http_fetch', arguments: FETCH }
    const call = { jsonrpc: '2.0', id: 2, method: 'tools/call', params }
    const called = await sendHttp(adapter, { headers, body: call })
    expect(called.text).toContain('42')
  })

  test.each(UNKNOWN)('who asks for %j over HTTP is offered the latest', async (version) => {
    const opened = await sendHttp(adapter, { body: initializeBody(version) })
    expect(opened.messages[0]?.['result']).toMatchObject({ protocolVersion: LATEST })
  })

  test('a client that names no version in its headers is served, as older ones do not', async () => {
    const { 'mcp-session-id': id } = await openHttpSession(adapter, '2025-03-26')
    const body = { jsonrpc: '2.0', id: 1, method: 'ping' }
    const answer = await sendHttp(adapter, { headers: { 'mcp-session-id': id }, body })
    expect(answer.messages).toEqual([{ jsonrpc: '2.0', id: 1, result: {} }])
  })
})

describe('what is no message', () => {
  test.each([
    ['half a JSON text', '{"jsonrpc"\n'],
    ['bytes that are no text', Buffer.from([0xff, 0xfe, 0x0a])],
    ['a NUL in a name', '{"jsonrpc":"2.0","id":1,"method":"pi\u0000ng"}\n'],
    ['a NUL alone', '\u0000\n'],
    ['words', 'GET / HTTP/1.1\n'],
  ])('%s is a parse error, and the next line is read', async (_, bytes) => {
    const session = start()
    session.write(bytes)
    expect(await session.find((one) => one['id'] === null)).toEqual(PARSE_ERROR)
    expect(await session.ask('ping')).toMatchObject({ result: {} })
  })

  test.each([
    ['null', 'null', null],
    ['a number', '7', null],
    ['a text', '"ping"', null],
    ['an empty list', '[]', null],
    ['no version', '{"id":7,"method":"ping"}', 7],
    ['another version', '{"jsonrpc":"1.0","id":"x","method":"ping"}', 'x'],
    ['a method that is no text', '{"jsonrpc":"2.0","id":7,"method":7}', 7],
    ['parameters that are no object', '{"jsonrpc":"2.0","id":7,"method":"ping","params":7}', 7],
    ['an id that is an object', '{"jsonrpc":"2.0","id":{},"method":"ping"}', null],
    ['an id that is a fraction', '{"jsonrpc":"2.0","id":1.5,"method":"ping"}', null],
  ])('%s is an invalid request, and the next line is read', async (_, line, id) => {
    const session = start()
    session.write(`${line}\n`)
    const answer = await session.find((one) => 'error' in one)
    expect(answer).toMatchObject({ id, error: { code: -32600 } })
    expect(await session.ask('ping')).toMatchObject({ result: {} })
  })

  test('a batch is refused with what to do instead, and none of it is done', async () => {
    const session = start()
    session.write('[{"jsonrpc":"2.0","id":1,"method":"ping"}]\n')
    expect(await session.find((one) => 'error' in one)).toEqual({
      jsonrpc: '2.0',
      id: null,
      error: {
        code: -32600,
        message: 'not a JSON-RPC 2.0 request: batches are not taken, send a message a line',
      },
    })
    await session.ask('ping')
    expect(session.received.filter((one) => one['id'] === 1)).toEqual([])
  })

  test('a line of 16 MiB and a byte is refused, one of 16 MiB is read', async () => {
    const session = start()
    const limit = 16 * 1024 * 1024
    session.write(`"${'x'.repeat(limit - 2)}"\n`)
    expect(await session.find((one) => 'error' in one)).toMatchObject({
      id: null,
      error: { code: -32700, message: `a line is longer than ${limit} bytes` },
    })
    session.write(`"${'x'.repeat(limit - 3)}"\n`)
    expect(
      await session.find((one) => (one['error'] as { code?: number } | undefined)?.code === -32600),
    ).toMatchObject({ id: null })
    expect(await session.ask('ping')).toMatchObject({ result: {} })
  })

  test('calls with arguments that no gate takes are answered, and the session goes on', async () => {
    const session = start()
    await session.initialize()
    const deep = `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`
    const line = (id: number, args: string): string =>
      `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"http_fetch","arguments":${args}}}\n`
    session.write(line(1, `{"url":${deep}}`))
    session.write(line(2, '{"url":"https://api.github.com/\\ud800"}'))
    session.write(line(3, '{"url":"a","__proto__":{"url":"b"}}'))
    session.write(line(4, '7'))
    for (const id of [1, 2, 3]) {
      const { result, error } = await session.find((one) => one['id'] === id)
      expect(result === undefined ? error : result).toMatchObject(
        result === undefined ? { code: -32603 } : { isError: true },
      )
    }
    expect(await session.find((one) => one['id'] === 4)).toMatchObject({ error: { code: -32602 } })
    expect(await session.ask('ping')).toMatchObject({ result: {} })
  })

  test.each([
    ['tools/call', {}],
    ['tools/call', { name: 7 }],
    ['tools/call', { name: 'http_fetch', arguments: [] }],
    ['resources/read', {}],
    ['resources/read', { uri: ['latchgate://status'] }],
    ['resources/read', { uri: 'latchgate://approvals/pending' }],
  ])('%s with %j is an error of the request', async (method, params) => {
    const session = start()
    expect(await session.ask(method, params)).toMatchObject({ error: { code: -32602 } })
  })

  test('a method that there is not is named, and notifications that there are not are passed over', async () => {
    const session = start()
    session.send({ method: 'notifications/of/nothing', params: { a: 1 } })
    session.send({ method: 'notifications/cancelled', params: { requestId: 'never-sent' } })
    session.send({ method: 'notifications/cancelled', params: { requestId: {} } })
    expect(await session.ask('no/such')).toMatchObject({ error: { code: -32601 } })
    session.send({ id: 'stray', result: {} })
    expect(await session.ask('ping')).toMatchObject({ result: {} })
  })
})

describe('the end of the input', () => {
  test('is exit code 0, after the answer to a last line without a line feed', async () => {
    const session = start()
    session.write('{"jsonrpc":"2.0","id":9,"method":"ping"}')
    expect(await session.end()).toBe(0)
    expect(session.received).toEqual([{ jsonrpc: '2.0', id: 9, result: {} }])
  })

  test('comes after the answers under way', async () => {
    const session = start()
    session.send({ id: 1, method: 'tools/call', params: { name: 'http_fetch', arguments: FETCH } })
    expect(await session.end()).toBe(0)
    expect(JSON.stringify(session.received)).toContain('42')
  })
})

test.each(['SIGTERM', 'SIGINT'] as const)('%s ends a session with exit code 0', async (signal) => {
  const session = start()
  await session.initialize()
  session.kill(signal)
  expect(await session.exit).toBe(0)
})

test('what a client writes never reaches its own terminal as it is', async () => {
  const session = start('--log-level', 'trace')
  await session.initialize()
  await session.ask('tools/call', { name: '\u001b[2J', arguments: {} })
  session.write('\u001b]0;title\u0007\n')
  await session.find((one) => one['id'] === null)
  // An answer to nothing, which is logged: JSON leaves this control character as it is.
  session.send({ id: 'stray', result: { text: '\u009b2J' } })
  await session.ask('ping')
  await session.end()
  expect(session.stderr).toContain('\\u009b2J')
  expect(session.stderr).toContain('protocol: not a JSON-RPC message')
  expect(session.stderr).not.toMatch(/(?!\n)\p{Cc}/u)
})
