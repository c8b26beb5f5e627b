import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type TempDir, tempDir } from '@latchgate/testkit'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CLIENT_NAMES } from '../src/install/clients.js'

const BIN = fileURLToPath(new URL('../../bin/latchgate-mcp.js', import.meta.url))
const OPERATOR_SECRET = 'key-alice-0123456789abcdef'

let home: TempDir
beforeEach(() => {
  home = tempDir()
})
afterEach(() => home.remove())

/** The settings file of each client in a fresh home (Linux). */
const FILES: Readonly<Record<string, string>> = {
  claude: '.config/Claude/claude_desktop_config.json',
  cursor: '.cursor/mcp.json',
  cline: '.config/Code/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json',
  windsurf: '.codeium/windsurf/mcp_config.json',
  codex: '.codex/config.toml',
  opencode: '.config/opencode/opencode.json',
  openclaw: '.openclaw/workspace/config/mcporter.json',
  copilot: '.config/Code/User/mcp.json',
  'hermes-agent': '.hermes/config.yaml',
  antigravity: '.gemini/config/mcp_config.json',
}

function run(args: readonly string[], more: Record<string, string> = {}) {
  const ended = spawnSync(process.execPath, [BIN, ...args], {
    encoding: 'utf8',
    cwd: home.path,
    env: {
      PATH: '/nowhere',
      HOME: home.path,
      LATCHGATE_OPERATOR_KEY: OPERATOR_SECRET,
      LATCHGATE_OPERATOR_TOKEN: OPERATOR_SECRET,
      ...more,
    },
  })
  return { code: ended.status, out: ended.stdout, err: ended.stderr }
}

function settings(path: string, text: string, mode = 0o644): string {
  const file = home.file(...path.split('/'))
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
  chmodSync(file, mode)
  return file
}

const CURSOR =
  '{\n  // mine\n  "z": 1,\n  "mcpServers": {\n    "a": { "command": "x" } // keep\n  }\n}\n'

describe('every client that has a file', () => {
  it('is one that the table of files knows', () => {
    expect(Object.keys(FILES).sort()).toEqual(
      CLIENT_NAMES.filter((one) => one !== 'claude-code').sort(),
    )
  })

  it.each(Object.entries(FILES))('%s: in, again, out', (client, path) => {
    const file = home.file(...path.split('/'))
    expect(run(['install', '--client', client]).code).toBe(0)
    expect(statSync(file).mode & 0o777).toBe(0o600)
    const text = readFileSync(file, 'utf8')
    expect(text).toContain('--gate-socket')
    expect(text).not.toContain(OPERATOR_SECRET)
    expect(text).not.toContain('latchgate-operator')

    const before = statSync(file, { bigint: true })
    const again = run(['install', '--ide', client])
    expect(again.out).toBe(`nothing to do: ${file} has this entry already\n`)
    const after = statSync(file, { bigint: true })
    expect([after.ino, after.mtimeNs]).toEqual([before.ino, before.mtimeNs])

    expect(run(['uninstall', '--client', client]).code).toBe(0)
    expect(readdirSync(dirname(file))).toEqual([])
  })
})

describe('a file that is there', () => {
  it('keeps its comments, order and mode; a backup holds what it was; uninstall brings it back', () => {
    const file = settings('.cursor/mcp.json', CURSOR, 0o640)
    run(['install', '--client', 'cursor', '--gate-url', 'https://gate.example/base'])
    expect(readFileSync(file, 'utf8')).toBe(
      `{
  // mine
  "z": 1,
  "mcpServers": {
    "a": { "command": "x" }, // keep
    "latchgate": {
      "command": ${JSON.stringify(process.execPath)},
      "args": [
        ${JSON.stringify(BIN)},
        "serve",
        "--gate-url",
        "https://gate.example/base"
      ],
      "env": {
        "LATCHGATE_AGENT_ID": "cursor",
        "RUST_LOG": "warn"
      },
      "cwd": "."
    }
  }
}
`,
    )
    expect(statSync(file).mode & 0o777).toBe(0o640)
    expect(readFileSync(`${file}.latchgate-backup`, 'utf8')).toBe(CURSOR)
    expect(readdirSync(dirname(file)).sort()).toEqual(['mcp.json', 'mcp.json.latchgate-backup'])
    run(['uninstall', '--client', 'cursor'])
    expect(readFileSync(file, 'utf8')).toBe(CURSOR)
    expect(statSync(file).mode & 0o777).toBe(0o640)
  })

  it('whose entry its user has laid out anew has nothing to be done', () => {
    const file = settings('.cursor/mcp.json', CURSOR)
    run(['install', '--client', 'cursor'])
    const inOneLine = (list: string): string => JSON.stringify(JSON.parse(list))
    const text = readFileSync(file, 'utf8').replace(/\[[^\]]*\]/, inOneLine)
    writeFileSync(file, text)
    expect(run(['install', '--client', 'cursor']).out).toMatch(/^nothing to do/)
    expect(readFileSync(file, 'utf8')).toBe(text)
  })

  it('keeps what its user changed after the installation', () => {
    const file = settings('.cursor/mcp.json', CURSOR)
    run(['install', '--client', 'cursor'])
    writeFileSync(file, readFileSync(file, 'utf8').replace('"z": 1', '"z": 2'))
    run(['uninstall', '--client', 'cursor'])
    expect(readFileSync(file, 'utf8')).toBe(CURSOR.replace('"z": 1', '"z": 2'))
  })

  it('is shown, not touched, by --dry-run, and no line of another server is shown', () => {
    const text = '{\n  "mcpServers": {\n    "a": {\n      "env": { "T": "secret" }\n    }\n  }\n}\n'
    const file = settings('.cursor/mcp.json', text)
    const shown = run(['install', '--client', 'cursor', '--dry-run'])
    expect(shown.out).toContain('+     "latchgate": {\n')
    expect(shown.out).not.toContain('secret')
    expect(readFileSync(file, 'utf8')).toBe(text)
    expect(readdirSync(dirname(file))).toEqual(['mcp.json'])
  })

  it('that cannot be read is named with its place, and left as it is', () => {
    const file = settings('.cursor/mcp.json', '{\n  "a": nope\n}\n')
    const refused = run(['install', '--client', 'cursor'])
    expect(refused).toEqual({
      code: 1,
      out: '',
      err: `error: ${file}: line 2, column 8: not JSON (InvalidSymbol); the file was left as it is\n`,
    })
    expect(readFileSync(file, 'utf8')).toBe('{\n  "a": nope\n}\n')
    expect(readdirSync(dirname(file))).toEqual(['mcp.json'])
  })

  it('that a link leads to is changed where it is, and the link stays', () => {
    const file = settings('dotfiles/cursor.json', '{}\n')
    mkdirSync(home.file('.cursor'))
    symlinkSync(file, home.file('.cursor', 'mcp.json'))
    expect(run(['install', '--client', 'cursor']).code).toBe(0)
    expect(lstatSync(home.file('.cursor', 'mcp.json')).isSymbolicLink()).toBe(true)
    expect(readFileSync(file, 'utf8')).toContain('"latchgate"')
    run(['uninstall', '--client', 'cursor'])
    expect(readFileSync(file, 'utf8')).toBe('{}\n')
  })

  it('that a link leads nowhere to is refused', () => {
    mkdirSync(home.file('.cursor'))
    symlinkSync(home.file('gone.json'), home.file('.cursor', 'mcp.json'))
    const link = home.file('.cursor', 'mcp.json')
    expect(run(['install', '--client', 'cursor']).err).toBe(
      `error: ${link} is a symbolic link to a file that does not exist\n`,
    )
  })

  it.runIf(process.getuid?.() === 0)('of another user is refused, also through a link', () => {
    const file = settings('theirs/cursor.json', '{}\n')
    chownSync(file, 12_345, 12_345)
    mkdirSync(home.file('.cursor'))
    symlinkSync(file, home.file('.cursor', 'mcp.json'))
    for (const command of ['install', 'uninstall']) {
      expect(run([command, '--client', 'cursor'])).toEqual({
        code: 1,
        out: '',
        err: `error: ${file} belongs to uid 12345, and this is uid 0: run the command as its owner\n`,
      })
    }
    expect(readFileSync(file, 'utf8')).toBe('{}\n')
    expect(readdirSync(dirname(file))).toEqual(['cursor.json'])
  })

  it.each([
    ['a directory', (path: string) => mkdirSync(path)],
    ['a device', (path: string) => symlinkSync('/dev/null', path)],
  ])('that is %s is refused', (_, make) => {
    mkdirSync(home.file('.cursor'))
    make(home.file('.cursor', 'mcp.json'))
    const refused = run(['install', '--client', 'cursor'])
    expect([refused.code, refused.out]).toEqual([1, ''])
    expect(refused.err).toContain('is not a file')
  })

  it('that holds two entries of one name is refused: which one counts nobody knows', () => {
    const text = '{"mcpServers":{"latchgate":{},"latchgate":{}}}'
    const file = settings('.cursor/mcp.json', text)
    expect(run(['install', '--client', 'cursor']).err).toContain("'latchgate' is there twice")
    expect(readFileSync(file, 'utf8')).toBe(text)
  })

  it('is whole at every moment: there is no instant at which it is missing or half written', () => {
    const file = settings('.cursor/mcp.json', CURSOR)
    const before = statSync(file).ino
    run(['install', '--client', 'cursor'])
    // Another file has taken its name: nobody has written into the old one.
    expect(statSync(file).ino).not.toBe(before)
    expect(readdirSync(dirname(file)).filter((name) => name.endsWith('.tmp'))).toEqual([])
  })

  it('keeps each state it was in: no backup is written over', () => {
    const file = settings('.cursor/mcp.json', '{"one":1}')
    run(['install', '--client', 'cursor'])
    writeFileSync(file, '{"two":2}')
    run(['install', '--client', 'cursor'])
    writeFileSync(file, '{"one":1}')
    run(['install', '--client', 'cursor'])
    const backups = readdirSync(dirname(file)).filter((name) => name !== 'mcp.json')
    expect(backups.map((name) => readFileSync(`${dirname(file)}/${name}`, 'utf8')).sort()).toEqual([
      '{"one":1}',
      '{"two":2}',
    ])
    run(['uninstall', '--client', 'cursor'])
    expect(readFileSync(file, 'utf8')).toBe('{"one":1}')
  })

  it('with an operator entry of an earlier version is warned of; uninstall takes both away', () => {
    const file = settings(
      '.cursor/mcp.json',
      `{"mcpServers":{"b":{"command":"x"},"latchgate-operator":{"env":{"T":"${OPERATOR_SECRET}"}}}}`,
    )
    const warned = run(['install', '--client', 'cursor'])
    expect(warned.err).toContain("also has the entry 'latchgate-operator'")
    expect(warned.out).not.toContain(OPERATOR_SECRET)
    run(['uninstall', '--client', 'cursor'])
    expect(readFileSync(file, 'utf8')).toBe('{"mcpServers":{"b":{"command":"x"}}}')
  })
})

describe('a preview', () => {
  it.each(['cursor', 'codex', 'hermes-agent'])(
    'of %s writes nothing, not even a directory',
    (client) => {
      const shown = run(['install', '--client', client, '--dry-run'])
      expect([shown.code, shown.err]).toEqual([0, ''])
      expect(shown.out).toContain('would change')
      expect(shown.out).toContain('--gate-socket')
      expect(readdirSync(home.path)).toEqual([])
    },
  )

  it('of uninstalling writes nothing', () => {
    const file = settings('.cursor/mcp.json', CURSOR)
    run(['install', '--client', 'cursor'])
    const installed = readFileSync(file, 'utf8')
    const shown = run(['uninstall', '--client', 'cursor', '--dry-run'])
    expect(shown.out).toContain('-     "latchgate": {\n')
    expect(readFileSync(file, 'utf8')).toBe(installed)
  })
})

describe('a gate that is not there', () => {
  it('is said, and the entry is written: it may be started later', () => {
    const socket = home.file('gate.sock')
    const done = run(['install', '--client', 'cursor', '--gate-socket', socket])
    expect([done.code, done.err]).toEqual([
      0,
      `warning: there is no socket ${socket} yet: start the gate with 'latchgate up'\n`,
    ])
    const url = 'http://127.0.0.1:1'
    expect(run(['install', '--client', 'codex', '--gate-url', url]).err).toBe(
      `warning: nobody answers at ${url} now: the tools will be there once a gate does\n`,
    )
  })

  it('one that is there is not', async () => {
    const socket = home.file('gate.sock')
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(socket, resolve))
    const done = run(['install', '--client', 'cursor', '--gate-socket', socket])
    await new Promise((resolve) => server.close(resolve))
    expect([done.code, done.err]).toEqual([0, ''])
  })
})

describe('the entries', () => {
  it("no client's holds an operator's credential, whatever this environment knows", () => {
    for (const [client, path] of Object.entries(FILES)) {
      run(['install', '--client', client])
      const text = readFileSync(home.file(...path.split('/')), 'utf8')
      expect(text).not.toMatch(/operator|OPERATOR|api_key|admin/)
      expect(text).not.toContain(OPERATOR_SECRET)
    }
  })

  it('opencode and open-code are one client, and its entry is of the documented form', () => {
    run(['install', '--client', 'open-code', '--binary-path', BIN])
    const file = home.file('.config', 'opencode', 'opencode.json')
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({
      mcp: {
        latchgate: {
          type: 'local',
          command: [
            BIN,
            'serve',
            '--gate-socket',
            `/tmp/latchgate-${process.getuid?.()}/gate.sock`,
          ],
          environment: { LATCHGATE_AGENT_ID: 'opencode', RUST_LOG: 'warn' },
          enabled: true,
        },
      },
    })
    expect(run(['install', '--client', 'opencode', '--binary-path', BIN]).out).toContain(
      'nothing to do',
    )
    expect(run(['install', '--client', 'open-claw', '--dry-run']).out).toContain('.openclaw')
  })

  it('a public base URL is kept over TCP too', () => {
    const shown = run([
      ...['install', '--client', 'codex', '--binary-path', BIN, '--dry-run'],
      ...['--gate-url', 'http://127.0.0.1:3000', '--public-base-url', 'https://gate.example'],
    ])
    expect(shown.out).toContain(
      '+ args = ["serve", "--gate-url", "http://127.0.0.1:3000", "--public-base-url", "https://gate.example"]\n',
    )
  })

  it('the path of a registered key is kept, its content is not', () => {
    const key = settings('agent.pem', 'PRIVATE', 0o600)
    run(['install', '--client', 'codex', '--binary-path', BIN, '--key-file', 'agent.pem'])
    const text = readFileSync(home.file('.codex', 'config.toml'), 'utf8')
    expect(text).toContain(`"--key-file", ${JSON.stringify(key)}]`)
    const token = settings('agent.jwt', 'a.b.c', 0o600)
    run(['install', '--client', 'codex', '--identity-token-file', 'agent.jwt'])
    const renewed = readFileSync(home.file('.codex', 'config.toml'), 'utf8')
    expect(renewed).toContain(`"--identity-token-file", ${JSON.stringify(token)}]`)
    expect(renewed).not.toContain('a.b.c')
    expect(text).not.toContain('PRIVATE')
  })

  it.each([
    [['--gate-url', 'ftp://x'], "--gate-url must be an http:// or https:// URL, got 'ftp://x'"],
    [
      ['--gate-url', 'http://u:p@x'],
      "--gate-url must not hold user, query or fragment: 'http://x…'",
    ],
    [
      ['--gate-url', 'http://x', '--gate-socket', '/s'],
      '--gate-socket and --gate-url exclude each other: give one of them',
    ],
    [['--client', 'emacs'], `unknown client 'emacs': choose one of ${CLIENT_NAMES.join(', ')}`],
  ])('%j is refused', (args, message) => {
    expect(run(['install', '--client', 'cursor', ...args])).toEqual({
      code: 1,
      out: '',
      err: `error: ${message}\n`,
    })
    expect(existsSync(home.file('.cursor'))).toBe(false)
  })
})

describe('Claude Code', () => {
  // Stands for the command of that name: writes down what it was called with.
  function claude(): Record<string, string> {
    const file = settings('bin/claude', '#!/bin/sh\nprintf "%s\\n" "$*" >> "$HOME/calls"\n', 0o755)
    return { PATH: `${dirname(file)}:/usr/bin:/bin` }
  }

  it('is set up through its own command, and only when it is not yet', () => {
    const env = claude()
    expect(run(['install', '--client', 'claude-code', '--binary-path', BIN], env).code).toBe(0)
    const socket = `/tmp/latchgate-${process.getuid?.()}/gate.sock`
    expect(readFileSync(home.file('calls'), 'utf8')).toBe(
      `mcp add latchgate -s user -e LATCHGATE_AGENT_ID=claude-code -e RUST_LOG=warn -- ${BIN} serve --gate-socket ${socket}\n`,
    )
    const entry = {
      type: 'stdio',
      command: BIN,
      args: ['serve', '--gate-socket', socket],
      env: { LATCHGATE_AGENT_ID: 'claude-code', RUST_LOG: 'warn' },
    }
    settings('.claude.json', JSON.stringify({ mcpServers: { latchgate: entry } }))
    expect(run(['install', '--client', 'claude-code', '--binary-path', BIN], env).out).toBe(
      'nothing to do: Claude Code is that way already\n',
    )
    run(['uninstall', '--client', 'claude-code'], env)
    expect(readFileSync(home.file('calls'), 'utf8').split('\n')[1]).toBe(
      'mcp remove latchgate -s user',
    )
  })

  it('whose command fails is told what it said, in one safe line', () => {
    const file = settings('bin/claude', '#!/bin/sh\nprintf "no\\033[2J way" >&2\nexit 3\n', 0o755)
    const failed = run(['install', '--client', 'claude-code'], {
      PATH: `${dirname(file)}:/usr/bin:/bin`,
    })
    expect([failed.code, failed.err]).toEqual([
      1,
      "error: 'claude mcp add latchgate' failed (exit 3): no\\u001b[2J way\n",
    ])
  })

  it('without its command is told so', () => {
    expect(run(['install', '--client', 'claude-code']).err).toBe(
      "error: there is no 'claude' command on PATH: install Claude Code first\n",
    )
  })
})

describe('help', () => {
  it.each([
    [[], 'latchgate-mcp install --client claude-code'],
    [['serve'], 'latchgate-mcp serve --http-port 8808'],
    [['install'], 'latchgate-mcp install --client cursor --dry-run'],
    [['uninstall'], 'latchgate-mcp uninstall --client cursor'],
    [['operator'], 'latchgate-mcp operator --admin-socket'],
  ])('of %j has an example', (command, example) => {
    const help = execFileSync(process.execPath, [BIN, ...command, '--help'], { encoding: 'utf8' })
    expect(help).toContain(example)
  })

  it('a wrong option is a usage error, named', () => {
    const wrong = run(['serve', '--approve-everything'])
    expect([wrong.code, wrong.err]).toEqual([2, "error: unknown option '--approve-everything'\n"])
  })
})
