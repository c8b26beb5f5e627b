import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { ManifestProblem } from '../src/index.js'
import { loadManifestDirectory } from '../src/node/index.js'
import { manifestText, PROVIDERS } from './manifest-text.js'

let root: string
let dir: string

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'lg-m-')))
  dir = join(root, 'manifests')
  mkdirSync(dir)
})

afterEach(() => {
  rmSync(root, { recursive: true })
})

test('the manifests of a directory are loaded, sorted by id and not by file', () => {
  put('a.yaml', manifestText({ action_id: 'zebra' }))
  put('z.yml', manifestText({ action_id: 'apple' }))
  expect(loadedIds()).toEqual(['apple', 'zebra'])
})

test('a directory that does not exist holds no manifests', () => {
  expect(loadManifestDirectory(join(root, 'nothing'), { providers: PROVIDERS })).toEqual({
    ok: true,
    value: [],
  })
})

test('a file in the place of the directory is a problem', () => {
  writeFileSync(join(root, 'file'), '')
  const loaded = loadManifestDirectory(join(root, 'file'), { providers: PROVIDERS })
  expect(loaded).toEqual({
    ok: false,
    error: [
      {
        file: join(root, 'file'),
        key: '',
        problem: 'not a directory',
        fix: 'set manifests_dir to a directory',
      },
    ],
  })
})

test('other endings, directories below, and hidden files are passed over', () => {
  put('a.yaml', manifestText({}))
  for (const name of ['b.YAML', 'c.yaml.bak', 'd.json', 'e.yaml~', 'yaml', '.f.yaml', '.yml']) {
    put(name, 'not: [a manifest')
  }
  // What an editor leaves while a file is open: a link to nowhere.
  symlinkSync('nobody@nowhere.1', join(dir, '.#a.yaml'))
  mkdirSync(join(dir, 'below'))
  put('below/g.yaml', 'not: [a manifest')
  expect(loadedIds()).toEqual(['ticket_read'])
})

test('two files of one id are refused, and the problem names both', () => {
  put('a.yaml', manifestText({}))
  put('b.yaml', manifestText({}))
  expect(problems()).toEqual([
    {
      file: join(dir, 'b.yaml'),
      key: 'action_id',
      problem: `duplicate action_id 'ticket_read': '${join(dir, 'a.yaml')}' declares it as well`,
      fix: 'remove or rename one of the two',
    },
  ])
})

test('one bad file refuses the whole set, and every problem of every file is told', () => {
  put('a.yaml', manifestText({ version: 1, risk_level: 'hihg' }))
  put('b.yaml', manifestText({ action_id: 'fine' }))
  put('c.yaml', manifestText({ actoin_id: 'x' }))
  expect(problems().map(({ file, key }) => [file, key])).toEqual([
    [join(dir, 'a.yaml'), 'version'],
    [join(dir, 'a.yaml'), 'risk_level'],
    [join(dir, 'c.yaml'), 'actoin_id'],
  ])
})

test('a link inside the directory is followed, as is a link to the directory itself', () => {
  mkdirSync(join(dir, 'versions'))
  put('versions/a-2', manifestText({}))
  symlinkSync('versions/a-2', join(dir, 'a.yaml'))
  expect(loadedIds()).toEqual(['ticket_read'])
  symlinkSync(dir, join(root, 'current'))
  const loaded = loadManifestDirectory(join(root, 'current'), { providers: PROVIDERS })
  expect(loaded.ok && loaded.value.length).toBe(1)
})

const badFiles: readonly (readonly [string, (file: string) => void, string, string])[] = [
  [
    'a link out of the directory',
    (file) => {
      writeFileSync(join(root, 'outside.yaml'), manifestText({}))
      symlinkSync(join(root, 'outside.yaml'), file)
    },
    'path traversal rejected: the file leads out of the directory, to ROOT/outside.yaml',
    'copy the file instead',
  ],
  [
    'a link to a sibling whose name begins as the directory does',
    (file) => {
      mkdirSync(`${dir}-evil`)
      writeFileSync(join(`${dir}-evil`, 'x.yaml'), manifestText({}))
      symlinkSync(join(`${dir}-evil`, 'x.yaml'), file)
    },
    'path traversal rejected: the file leads out of the directory, to ROOT/manifests-evil/x.yaml',
    'copy the file instead',
  ],
  [
    'a link to a device',
    (file) => symlinkSync('/dev/zero', file),
    'path traversal rejected: the file leads out of the directory, to /dev/zero',
    'copy the file instead',
  ],
  [
    'a link that leads nowhere',
    (file) => symlinkSync('missing', file),
    'a link that leads nowhere',
    'remove it',
  ],
  [
    'a link to itself',
    (file) => symlinkSync(file, file),
    'cannot be read: ELOOP',
    "make it a readable file of the gate's own user, or remove it",
  ],
  ['a directory', (file) => mkdirSync(file), 'not a regular file', 'remove it, or rename it'],
  [
    'a file of more than 1 MiB',
    (file) => writeFileSync(file, `# ${'x'.repeat(1_048_575)}`),
    'larger than 1 MiB (1048577 bytes)',
    'a manifest or schema is one short document',
  ],
  [
    'bytes that are not UTF-8',
    (file) => writeFileSync(file, Uint8Array.from([0x61, 0xff])),
    'not UTF-8',
    'save the file as UTF-8',
  ],
]

for (const [title, make, problem, fix] of badFiles) {
  test(`${title} is a problem of that file`, () => {
    const file = join(dir, 'a.yaml')
    make(file)
    expect(problems()).toEqual([{ file, key: '', problem: problem.replace('ROOT', root), fix }])
  })
}

test('a pipe is a problem, and nobody waits for somebody to write into it', () => {
  execFileSync('mkfifo', [join(dir, 'a.yaml')])
  const module = new URL('../src/node/index.js', import.meta.url).href
  const program = `import { loadManifestDirectory } from '${module}'
    console.log(JSON.stringify(loadManifestDirectory(process.argv[1], { providers: [] })))`
  // In a process of its own: to open a pipe would stop this one, and no time-out could end it.
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', program, dir], {
    timeout: 20_000,
    killSignal: 'SIGKILL',
  })
  expect(JSON.parse(output.toString())).toMatchObject({
    ok: false,
    error: [{ file: join(dir, 'a.yaml'), problem: 'not a regular file' }],
  })
})

test('a byte order mark is no part of a manifest', () => {
  put('a.yaml', `\ufeff${manifestText({})}`)
  expect(loadedIds()).toEqual(['ticket_read'])
})

test('a schema file is read from beside the manifest', () => {
  const request_schema = { type: 'object', required: ['id'], properties: { id: {} } }
  put('ticket.json', JSON.stringify(request_schema))
  put('a.yaml', manifestText({ io: { request_schema: 'ticket.json' } }))
  const loaded = loadManifestDirectory(dir, { providers: PROVIDERS })
  expect(loaded.ok && loaded.value[0]?.io.request_schema).toEqual(request_schema)
})

test('a problem of a schema file names manifest, key and file', () => {
  put('a.yaml', manifestText({ io: { request_schema: 'ticket.json' } }))
  expect(problems()).toEqual([
    {
      file: join(dir, 'a.yaml'),
      key: 'io.request_schema',
      problem: "'ticket.json': there is no such file",
      fix: 'write the schema inline, or name a JSON file beside the manifest',
    },
  ])
})

function put(name: string, text: string): void {
  writeFileSync(join(dir, name), text)
}

function loadedIds(): readonly string[] {
  const loaded = loadManifestDirectory(dir, { providers: PROVIDERS })
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.error))
  return loaded.value.map((one) => one.action_id)
}

function problems(): readonly ManifestProblem[] {
  const loaded = loadManifestDirectory(dir, { providers: PROVIDERS })
  return loaded.ok ? [] : loaded.error
}
