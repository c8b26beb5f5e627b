import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadConfig } from '@latchgate/gate'
import { DPoPKeyPair } from '@latchgate/protocol/node'
import { type TempDir, tempDir } from '@latchgate/testkit'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { observe } from '../src/harness/observed-program.js'

const MCP = fileURLToPath(new URL('../../../mcp/bin/latchgate-mcp.js', import.meta.url))

let temp: TempDir

beforeEach(() => {
  temp = tempDir()
  mkdirSync(temp.file('rt'), { mode: 0o700 })
})

afterEach(() => {
  vi.unstubAllEnvs()
  temp.remove()
})

/** A configuration with one operator, whose key is where the adapter looks for it. */
async function configure(file: string, lines = ''): Promise<void> {
  const key = await DPoPKeyPair.generate()
  mkdirSync(temp.file(dirname(file), 'operators'), { recursive: true, mode: 0o700 })
  writeFileSync(temp.file(dirname(file), 'operators', 'alice.pem'), key.exportPem(), {
    mode: 0o600,
  })
  const credential = `api_key = "key-alice-0123456789"\ndpop_jkt = "${key.thumbprint}"`
  const text = `${lines}\n[operator_credentials.alice]\n${credential}\n`
  writeFileSync(temp.file(file), text, { mode: 0o600 })
}

const CONFIG = '.latchgate/latchgate.toml'

test.each<readonly [string, string, string, string, Record<string, string>]>([
  ['the directory itself', CONFIG, 'listen_admin_uds_path = "own.sock"', '.', {}],
  ['a directory above', CONFIG, 'listen_admin_uds_path = "../own.sock"', 'a/b', {}],
  ['a directory whose file names no socket', CONFIG, '', '.', {}],
  ['LATCHGATE_CONFIG', 'x/other.toml', '', 'a', { LATCHGATE_CONFIG: '../x/other.toml' }],
  ["the user's own directory", '.config/latchgate/latchgate.toml', '', 'a', {}],
  [
    'a variable that goes before the file',
    CONFIG,
    'listen_admin_uds_path = "own.sock"',
    '.',
    { LATCHGATE_LISTEN_ADMIN_UDS_PATH: 'elsewhere.sock' },
  ],
  [
    'an empty variable, which unsets what the file says',
    CONFIG,
    'listen_admin_uds_path = "own.sock"',
    '.',
    { LATCHGATE_LISTEN_ADMIN_UDS_PATH: '' },
  ],
])('an operator session finds the gate where the gate itself would be, by %s', async (...scene) => {
  const [, file, lines, from, more] = scene
  await configure(file, lines)
  const cwd = temp.file(from)
  mkdirSync(cwd, { recursive: true })
  const env = { HOME: temp.path, XDG_RUNTIME_DIR: temp.file('rt'), ...more }
  const socket = loadedBy(cwd, env)
  const child = spawn(process.execPath, [MCP, 'operator'], { cwd, env })
  child.stdin.end()
  const { code, err } = await observe(child).done
  expect([code, err]).toEqual([
    1,
    `error: no use of the gate at ${socket} (ENOENT): see with 'latchgate status' whether it runs, ` +
      'and whether this is its admin socket\n',
  ])
})

/** The admin socket by the gate's own reading. */
function loadedBy(cwd: string, env: Record<string, string>): string {
  vi.stubEnv('HOME', env['HOME'])
  const { config, file } = loadConfig(undefined, { env, cwd })
  expect(readFileSync(file ?? '', 'utf8')).toContain('[operator_credentials.alice]')
  return config.listen_admin_uds_path
}
