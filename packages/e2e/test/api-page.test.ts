import { execFile } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ROOT } from '../src/harness/example-world.js'
import { readGuide } from '../src/harness/guide.js'
import { startWorld, type World } from '../src/harness/world.js'

const run = promisify(execFile)
const { text: PAGE, blocks } = readGuide('docs/api.md')
const [AGENT = '', OPERATOR = '', ...OTHERS] = blocks('js')

let world: World

beforeAll(async () => {
  world = await startWorld()
  world.upstream.on('GET', '/', () => ({ body: 'hello' }))
})

afterAll(() => world.close())

/** Runs a program of the page as it stands, below a package that has what it imports. */
async function runProgram(
  code: string,
  args: readonly string[],
): Promise<{ readonly stdout: string; readonly stderr: string }> {
  const file = `${ROOT}packages/e2e/dist/api-page-${process.pid}.mjs`
  writeFileSync(file, code)
  try {
    return await run(process.execPath, [file, ...args])
  } finally {
    rmSync(file)
  }
}

test("docs/api.md has two programs: the agent's executes an action", async () => {
  expect(OTHERS).toEqual([])
  const { stdout, stderr } = await runProgram(AGENT, [world.gate.project.socket])
  expect(stderr).toBe('')
  expect(stdout).toMatch(/^200 [0-9a-f-]{36} \{\n {2}ok: true,/)
})

test("the operator's program reads the status of the gate", async () => {
  const { adminSocket, operator, root } = world.gate.project
  const keyFile = join(root, 'operator.pem')
  writeFileSync(keyFile, operator.key.exportPem(), { mode: 0o600 })
  const { stdout, stderr } = await runProgram(OPERATOR, [adminSocket, keyFile, operator.apiKey])
  expect(stderr).toBe('')
  expect(stdout).toMatch(/^200 \{\n {2}status: 'ok',/)
})

test('every path that the page names is in the document', () => {
  const document = JSON.parse(readFileSync(`${ROOT}docs/openapi.json`, 'utf8')) as {
    readonly paths: Readonly<Record<string, unknown>>
  }
  const named = [...PAGE.matchAll(/`(?:GET|POST) (\/[^`]*)`/g)].map(([, path = '']) => path)
  expect(named.length).toBeGreaterThan(3)
  expect(named.filter((path) => document.paths[path] === undefined)).toEqual([])
})
