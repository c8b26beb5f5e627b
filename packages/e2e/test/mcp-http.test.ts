import { spawn } from 'node:child_process'
import { chmodSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { issue, startApprovalWorld } from '../src/harness/approval-world.js'
import { approveCall, denyCall } from '../src/harness/approvals.js'
import {
  initializeBody,
  MESSAGE_HEADERS,
  openHttpSession,
  sendHttp,
} from '../src/harness/mcp-http.js'
import { MCP_BIN } from '../src/harness/mcp-lines.js'
import {
  callTool,
  connectHttp,
  type HttpAdapter,
  MCP_TOKEN,
  oneHeld,
  pendingIds,
  startHttpAdapter,
  textOf,
} from '../src/harness/mcp-session.js'
import type { World } from '../src/harness/world.js'

const LARGEST = 16 * 1024 * 1024
const PING = { jsonrpc: '2.0', id: 1, method: 'ping' }

let at: World
let adapter: HttpAdapter

beforeAll(async () => {
  at = await startApprovalWorld()
  adapter = await startHttpAdapter(at.gate.project.socket, at.gate.project.root)
})

afterAll(async () => {
  await adapter.stop()
  await at.close()
})

async function openClient() {
  const opened = await connectHttp(adapter)
  onTestFinished(() => opened.client.close())
  return opened
}

function refusal(message: unknown, code = -32000): unknown {
  return { jsonrpc: '2.0', id: null, error: { code, message } }
}

test('over HTTP an agent lists, calls, is held, is approved and has the result', async () => {
  const { client } = await openClient()
  const { tools } = await client.listTools()
  expect(tools.map((tool) => tool.name)).toContain('github_create_issue')
  const messages: (string | undefined)[] = []
  const running = client.callTool({ name: 'github_create_issue', arguments: issue() }, undefined, {
    onprogress: ({ message }) => messages.push(message),
  })
  const id = await oneHeld(at)
  await client.ping()
  await approveCall(at, id)
  const result = (await running) as CallToolResult
  expect(textOf(result)).toContain('/acme/rocket/issues/7')
  expect(messages[0]).toContain(id)
})

describe('who may talk to it', () => {
  test('without the token, or with another: 401, and nothing is said of it', async () => {
    const body = initializeBody()
    const expected = refusal('Authorization: Bearer with the token of this adapter is needed')
    for (const token of [null, `${MCP_TOKEN}x`, MCP_TOKEN.slice(1), '']) {
      const answer = await sendHttp(adapter, { body, token })
      expect([answer.status, answer.messages]).toEqual([401, [expected]])
      expect(answer.headers['www-authenticate']).toBe('Bearer')
    }
    expect((await sendHttp(adapter, { body })).status).toBe(200)
  })

  test.each(['http://evil.example', 'null', 'https://127.0.0.1', 'http://127.0.0.1:1'])(
    'a page of the origin %s is refused, whatever it has found out',
    async (origin) => {
      const answer = await sendHttp(adapter, { body: initializeBody(), headers: { origin } })
      expect([answer.status, answer.messages]).toEqual([
        403,
        [refusal('requests of web pages of another origin are refused')],
      ])
    },
  )

  test('a page of its own origin is not: it could be no other', async () => {
    const { origin } = adapter.url
    expect((await sendHttp(adapter, { body: initializeBody(), headers: { origin } })).status).toBe(
      200,
    )
  })

  test.each(['evil.example', 'localhost.evil.example', '0.0.0.0', '[::1]', '127.0.0.1:1'])(
    'a name that leads here without being ours, %s, is refused before the token is looked at',
    async (name) => {
      const host =
        name.includes(':1') && !name.startsWith('[') ? name : `${name}:${adapter.url.port}`
      for (const token of [MCP_TOKEN, null]) {
        const answer = await sendHttp(adapter, { body: initializeBody(), headers: { host }, token })
        const { port } = adapter.url
        expect([answer.status, answer.messages]).toEqual([
          403,
          [refusal(`the Host must be one of 127.0.0.1:${port}, localhost:${port}`)],
        ])
      }
    },
  )

  test.each([
    ['HTTP/1.1', '400'],
    ['HTTP/1.0', '403'],
  ])('a request of %s without a Host is refused with %s', async (version, status) => {
    const socket = connect({ host: '127.0.0.1', port: Number(adapter.url.port) })
    socket.end(`POST /mcp ${version}\r\nAuthorization: Bearer ${MCP_TOKEN}\r\n\r\n`)
    let text = ''
    for await (const chunk of socket) text += String(chunk)
    expect(text.split(' ')[1]).toBe(status)
  })

  test('a token that others can read, one that is short, and none: no start', async () => {
    const run = (flags: readonly string[], token: string): Promise<readonly [unknown, string]> => {
      const env = { ...process.env, LATCHGATE_MCP_TOKEN: token }
      const child = spawn(process.execPath, [MCP_BIN, 'serve', '--http-port', '0', ...flags], {
        env,
      })
      let text = ''
      child.stderr.on('data', (chunk: Buffer) => {
        text += chunk.toString()
      })
      return new Promise((resolve) => child.once('close', (code) => resolve([code, text])))
    }
    const file = join(at.gate.project.root, 'open.token')
    writeFileSync(file, MCP_TOKEN)
    chmodSync(file, 0o644)
    expect(await run(['--http-token-file', file], '')).toEqual([
      1,
      `error: refusing the token file ${file}: others can read it (mode 0644): chmod 600 ${file}\n`,
    ])
    expect((await run([], ''))[0]).toBe(1)
    const [short, said] = await run([], 'tiny-secret')
    expect(short).toBe(1)
    expect(said).not.toContain('tiny-secret')
  })
})

describe('garbage', () => {
  test.each([
    ['not JSON', '{"jsonrpc"', 400, -32700],
    ['nothing', '', 400, -32700],
    ['a NUL', '{"jsonrpc":"2.0","id":1,"method":"pi\u0000ng"}', 400, -32700],
    ['a number', '7', 400, -32700],
    ['no version', '{"id":1,"method":"ping"}', 400, -32700],
    ['an id of another type', '{"jsonrpc":"2.0","id":{},"method":"ping"}', 400, -32700],
    ['a long batch', JSON.stringify(Array.from({ length: 101 }, () => PING)), 400, -32600],
    ['a deep one', `${'['.repeat(200_000)}${']'.repeat(200_000)}`, 400, -32700],
  ])('%s is an error of the request, and the session goes on', async (_, body, status, code) => {
    const headers = await openHttpSession(adapter)
    const answer = await sendHttp(adapter, { headers, body })
    expect(answer.status).toBe(status)
    expect(answer.messages).toEqual([refusal(expect.any(String), code)])
    const ping = await sendHttp(adapter, { headers, body: PING })
    expect(ping.messages).toEqual([{ jsonrpc: '2.0', id: 1, result: {} }])
  })

  test('a body beyond the limit is refused with 413', async () => {
    const headers = await openHttpSession(adapter)
    const body = `"${'x'.repeat(LARGEST)}"`
    expect((await sendHttp(adapter, { headers, body })).status).toBe(413)
  })

  test.each([
    ['another path', { path: '/', body: PING }, 404],
    ['a path below', { path: '/mcp/../secret', body: PING }, 404],
    ['another method', { method: 'PUT', body: PING }, 405],
    ['another type', { headers: { 'content-type': 'text/plain' }, body: PING }, 415],
    ['a client that takes no stream', { headers: { accept: 'application/json' }, body: PING }, 406],
  ])('%s', async (_, given, status) => {
    const session = await openHttpSession(adapter)
    const headers = { ...session, ...('headers' in given ? given.headers : {}) }
    expect((await sendHttp(adapter, { ...given, headers })).status).toBe(status)
  })

  test('a method that there is not, and parameters of another type, are errors of their request', async () => {
    const headers = await openHttpSession(adapter)
    const ask = async (message: object): Promise<unknown> => {
      const body = { jsonrpc: '2.0', id: 5, ...message }
      return (await sendHttp(adapter, { headers, body })).messages[0]?.['error']
    }
    expect(await ask({ method: 'no/such' })).toMatchObject({ code: -32601 })
    expect(await ask({ method: 'tools/call', params: { name: 7 } })).toMatchObject({ code: -32602 })
    const list = { name: 'http_fetch', arguments: [1] }
    expect(await ask({ method: 'tools/call', params: list })).toMatchObject({ code: -32602 })
    expect(await ask({ method: 'tools/call' })).toMatchObject({ code: -32602 })
    expect(await ask({ method: 'resources/read', params: { uri: 7 } })).toMatchObject({
      code: -32602,
    })
  })
})

describe('sessions', () => {
  test('a message of no session, and one of a session that there is not', async () => {
    const none = await sendHttp(adapter, { body: PING })
    expect([none.status, none.messages]).toEqual([400, [refusal(expect.any(String))]])
    const headers = { 'mcp-session-id': 'made-up' }
    const unknown = await sendHttp(adapter, { headers, body: PING })
    expect([unknown.status, unknown.messages]).toEqual([
      404,
      [refusal('there is no such session: initialize a new one')],
    ])
  })

  test('DELETE ends a session and no other', async () => {
    const [one, other] = [await openHttpSession(adapter), await openHttpSession(adapter)]
    expect((await sendHttp(adapter, { method: 'DELETE', headers: one })).status).toBe(200)
    expect((await sendHttp(adapter, { headers: one, body: PING })).status).toBe(404)
    expect((await sendHttp(adapter, { headers: other, body: PING })).status).toBe(200)
  })

  test('the session that was silent longest makes room for the 65th', async () => {
    const silent = await openHttpSession(adapter)
    const used = await openHttpSession(adapter)
    // At the limit with these two, whatever other tests have left.
    for (let open = 2; open < 64; open += 1) await openHttpSession(adapter)
    expect((await sendHttp(adapter, { headers: silent, body: PING })).status).toBe(200)
    expect((await sendHttp(adapter, { headers: used, body: PING })).status).toBe(200)
    expect((await sendHttp(adapter, { headers: silent, body: PING })).status).toBe(200)
    for (let open = 0; open < 63; open += 1) await openHttpSession(adapter)
    expect((await sendHttp(adapter, { headers: used, body: PING })).status).toBe(404)
    expect((await sendHttp(adapter, { headers: silent, body: PING })).status).toBe(200)
  })

  test('a version that there is not is refused in the header', async () => {
    const session = await openHttpSession(adapter)
    const headers = { ...session, 'mcp-protocol-version': '1999-01-01' }
    const answer = await sendHttp(adapter, { headers, body: PING })
    expect([answer.status, answer.messages]).toEqual([
      400,
      [refusal(expect.stringContaining('1999-01-01'))],
    ])
  })
})

describe('a client that gives up', () => {
  test('cancels its wait: the approval stays, the session lives, the handle gives the result', async () => {
    const { client } = await openClient()
    const abort = new AbortController()
    const call = { name: 'github_create_issue', arguments: issue() }
    const failure = client.callTool(call, undefined, { signal: abort.signal }).then(
      () => null,
      (error: unknown) => error,
    )
    const id = await oneHeld(at)
    abort.abort('enough')
    expect(await failure).toBeInstanceOf(Error)
    await client.ping()
    expect(await pendingIds(at)).toEqual([id])
    expect((await approveCall(at, id)).status).toBe(200)
    expect(textOf(await callTool(client, 'latchgate_result', { approval_id: id }))).toContain(
      '/acme/rocket/issues/7',
    )
  })

  test('is lost while its call waits: what was decided meanwhile is found and fetched by the next', async () => {
    const headers = await openHttpSession(adapter)
    const params = { name: 'github_create_issue', arguments: issue() }
    const body = { jsonrpc: '2.0', id: 9, method: 'tools/call', params }
    const { hostname, port, pathname } = adapter.url
    const lost = request({
      ...{ host: hostname, port, path: pathname, method: 'POST' },
      headers: { ...MESSAGE_HEADERS, ...headers, authorization: `Bearer ${MCP_TOKEN}` },
    })
    lost.on('error', () => undefined)
    lost.end(JSON.stringify(body))
    const id = await oneHeld(at)
    lost.destroy()
    expect((await approveCall(at, id)).status).toBe(200)
    const sent = at.upstream.requests.length
    const { client } = await openClient()
    expect(textOf(await callTool(client, 'latchgate_my_pending'))).not.toContain(id)
    const found = await callTool(client, 'latchgate_my_pending', { include_decided: true })
    const { calls } = JSON.parse(textOf(found)) as { calls: readonly Record<string, unknown>[] }
    expect(calls.find((one) => one['approval_id'] === id)).toMatchObject({
      action_id: 'github_create_issue',
      status: 'approved',
    })
    expect(textOf(await callTool(client, 'latchgate_result', { approval_id: id }))).toContain(
      '/acme/rocket/issues/7',
    )
    expect(at.upstream.requests).toHaveLength(sent)
  })

  test('ends its session while its call waits: the approval stays', async () => {
    const { client, transport } = await openClient()
    const running = callTool(client, 'github_create_issue', issue()).catch(() => null)
    const id = await oneHeld(at)
    await transport.terminateSession()
    await client.close()
    await running
    expect(await pendingIds(at)).toEqual([id])
    await denyCall(at, id)
  })
})

test('a signal ends it with exit code 0, also while a call waits', async () => {
  const own = await startHttpAdapter(at.gate.project.socket, at.gate.project.root)
  const { client } = await connectHttp(own)
  const running = callTool(client, 'github_create_issue', issue()).catch(() => null)
  const id = await oneHeld(at)
  expect(await own.stop()).toBe(0)
  await client.close()
  await running
  expect(await pendingIds(at)).toEqual([id])
  await denyCall(at, id)
})
