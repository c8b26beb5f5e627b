import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseManifest } from '@latchgate/catalogue'
import { digest } from '@latchgate/protocol/node'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ALL_ACTIONS, ALL_SINKS, createTestProject, startTestGate } from '../src/harness/gate.js'
import {
  credentials,
  executeRaw,
  type HeldLease,
  RawClient,
  takeLease,
} from '../src/harness/raw-client.js'
import { startWorld, type World } from '../src/harness/world.js'

const README = fileURLToPath(new URL('../../../catalogue/README.md', import.meta.url))
const TOKEN = 'tickets-0123456789abcdef'

/** The example of the catalogue's README, as its reader would copy it. */
const EXAMPLE = fenced('yaml')

let world: World
let lease: HeldLease

beforeAll(async () => {
  const allowed_actions = [...ALL_ACTIONS, 'ticket_create']
  const acl = { 'agent-test': { allowed_actions, allowed_sinks: ALL_SINKS } }
  world = await startWorld(
    { manifests: { 'ticket.yaml': EXAMPLE }, data: { policy_version: 't', acl } },
    { env: { LATCHGATE_SECRET_TICKETS_TOKEN: TOKEN } },
  )
  lease = await takeLease(world.client)
})

afterAll(async () => {
  await world?.close()
})

test('the action of the README is loaded, executed and verified', async () => {
  world.upstream.on('POST', '/v1/gate/tickets', () => ({ status: 201, body: { id: 'T-1' } }))
  const answer = await executeRaw(world.client, lease, 'ticket_create', {
    project: 'gate',
    title: 'The door is stuck',
    notify: false,
    labels: ['door'],
  })
  expect(answer.status, answer.text).toBe(200)
  expect(answer.json()).toMatchObject({
    output: { ok: true, data: { status_code: 201, body: '{"id":"T-1"}' } },
    verification: { outcome: 'verified', is_fully_successful: true },
  })
  const sent = world.upstream.requests.at(-1)
  expect(sent).toMatchObject({ method: 'POST', url: '/v1/gate/tickets?notify=false' })
  expect(sent?.headers).toMatchObject({
    accept: 'application/json',
    authorization: `Bearer ${TOKEN}`,
    'content-type': 'application/json',
  })
  expect(sent?.body.toString()).toBe('{"labels":["door"],"severity":3,"title":"The door is stuck"}')
})

test('what is optional and absent is not sent', async () => {
  world.upstream.on('POST', '/v1/a%2Fb/tickets', () => ({ status: 201, body: { id: 1 } }))
  const answer = await executeRaw(world.client, lease, 'ticket_create', {
    project: 'a/b',
    title: 'x',
  })
  expect(answer.status, answer.text).toBe(200)
  expect(world.upstream.requests.at(-1)).toMatchObject({ url: '/v1/a%2Fb/tickets' })
  expect(world.upstream.requests.at(-1)?.body.toString()).toBe('{"severity":3,"title":"x"}')
})

test('a null for an optional parameter is not sent either, and the receipt has the body as it came', async () => {
  world.upstream.on('POST', '/v1/null/tickets', () => ({ status: 201, body: { id: 2 } }))
  const body = { project: 'null', title: 'x', labels: null, notify: null, severity: null }
  const answer = await executeRaw(world.client, lease, 'ticket_create', body)
  expect(answer.status, answer.text).toBe(200)
  expect(world.upstream.requests.at(-1)).toMatchObject({ url: '/v1/null/tickets' })
  expect(world.upstream.requests.at(-1)?.body.toString()).toBe('{"severity":3,"title":"x"}')
  const path = `/v1/receipts/${String(answer.json()['receipt_id'])}`
  const headers = credentials(lease, 'GET', path)
  const receipt = await world.client.send({ method: 'GET', path, headers })
  expect(receipt.json()).toMatchObject({ request_hash: digest(body) })
})

test('a null for a required parameter is refused, and nothing is sent', async () => {
  const before = world.upstream.requests.length
  const answer = await executeRaw(world.client, lease, 'ticket_create', {
    project: 'a',
    title: null,
  })
  expect(answer.status).toBe(422)
  expect(answer.json()).toMatchObject({
    error: 'schema_violation',
    path: '/title',
    message: '/title must be string',
  })
  expect(world.upstream.requests.length).toBe(before)
})

test("the README's messages are the ones that an author gets", () => {
  const wrong = EXAMPLE.replace('"{{title}}"', '"{{titel}}"')
  const shown = [...messages(wrong), ...messages(EXAMPLE.replace('"Bearer {}"', 'Bearer'))]
  const documented = fenced('text').trimEnd().split('\n')
  expect(shown.filter((line) => documented.includes(line))).toEqual(documented)
})

test('a mistake in a manifest stops the start, and names file, key and fix', async () => {
  const text = EXAMPLE.replace('risk_level: medium', 'risk_level: medum')
  const project = await createTestProject({ manifests: { 'ticket.yaml': text } })
  try {
    await expect(startTestGate(project)).rejects.toMatchObject({
      code: 'registry_load_failed',
      message: expect.stringMatching(
        /\/manifests\/ticket\.yaml: risk_level: "medum" is not one of low, medium, high, critical \(did you mean 'medium'\?\)$/,
      ) as string,
    })
  } finally {
    project.remove()
  }
})

test('a fault of the whole file is told without an empty key', async () => {
  const project = await createTestProject({ manifests: { 'ticket.yaml': 'a: [' } })
  try {
    await expect(startTestGate(project)).rejects.toThrow(/ticket\.yaml: not readable as YAML: /)
  } finally {
    project.remove()
  }
})

test('what an editor leaves beside a manifest does not stop the start', async () => {
  const project = await createTestProject({ manifests: { 'ticket.yaml': EXAMPLE } })
  symlinkSync('nobody@nowhere.1', join(project.root, 'manifests', '.#ticket.yaml'))
  writeFileSync(join(project.root, 'manifests', '.ticket.yaml.swp'), 'b0VIM', { mode: 0o600 })
  const client = new RawClient({ socket: project.socket })
  try {
    const gate = await startTestGate(project)
    const ready = await client.send({ method: 'GET', path: '/readyz' })
    await client.close()
    await gate.close()
    expect(ready.status).toBe(200)
  } finally {
    project.remove()
  }
})

test('a schema that others can write stops the start, also in a directory below', async () => {
  const project = await createTestProject({ manifests: { 'ticket.yaml': EXAMPLE } })
  const directory = join(project.root, 'manifests', 'schemas')
  mkdirSync(directory, { mode: 0o700 })
  writeFileSync(join(directory, 'ticket.json'), '{}')
  chmodSync(join(directory, 'ticket.json'), 0o666)
  try {
    await expect(startTestGate(project)).rejects.toMatchObject({
      code: 'production_security_validation_failed',
      message: expect.stringContaining(
        `schemas/ticket.json has mode 0666 and can be written by others: run \`chmod go-w `,
      ) as string,
    })
  } finally {
    project.remove()
  }
})

function messages(text: string): readonly string[] {
  const parsed = parseManifest(text, 'ticket.yaml', { providers: ['builtin:http_api'] })
  if (parsed.ok) throw new Error('accepted')
  return parsed.error.map(({ file, key, problem, fix }) => `${file}: ${key}: ${problem} (${fix})`)
}

function fenced(language: string): string {
  const [, block] = new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``).exec(
    readFileSync(README, 'utf8'),
  ) ?? ['', undefined]
  if (block === undefined) throw new Error(`the README has no ${language}`)
  return block
}
