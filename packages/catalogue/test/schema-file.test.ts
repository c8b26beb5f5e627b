import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { schemaReader } from '../src/node/schema-file.js'

let base: string
let root: string

beforeEach(() => {
  base = realpathSync(mkdtempSync(join(tmpdir(), 'lg-s-')))
  root = join(base, 'manifests')
  mkdirSync(join(root, 'schemas'), { recursive: true })
  writeFileSync(join(base, 'outside.json'), '{"type":"object"}')
  writeFileSync(join(root, 'a.json'), '{"type": "object", "minProperties": 1}')
  writeFileSync(join(root, 'schemas', 'b.json'), '{"type":"array"}')
})

afterEach(() => {
  rmSync(base, { recursive: true })
})

test('a schema beside the manifest, or below it, is read', () => {
  const read = schemaReader(root)
  expect(read('a.json')).toEqual({ ok: true, value: { type: 'object', minProperties: 1 } })
  expect(read('schemas/b.json')).toEqual({ ok: true, value: { type: 'array' } })
})

for (const path of [
  '../outside.json',
  'schemas/../a.json',
  'schemas\\..\\a.json',
  '..',
  '/etc/passwd',
]) {
  test(`'${path}' is refused before the disk is touched`, () => {
    expect(schemaReader(root)(path)).toEqual({
      ok: false,
      error: `path traversal rejected: '${path}' must stay in the directory of the manifest`,
    })
  })
}

test('a link that leads out of the directory is refused, one inside it is followed', () => {
  symlinkSync('../outside.json', join(root, 'out.json'))
  symlinkSync('a.json', join(root, 'in.json'))
  expect(schemaReader(root)('out.json')).toEqual({
    ok: false,
    error:
      "'out.json': path traversal rejected: the file leads out of the directory, to " +
      join(base, 'outside.json'),
  })
  expect(schemaReader(root)('in.json').ok).toBe(true)
})

const bad: readonly (readonly [string, string, string])[] = [
  ['no object', '[]', "'x.json' does not hold a JSON object"],
  ['null', 'null', "'x.json' does not hold a JSON object"],
  ['no JSON', '{type: object}', "'x.json' is not JSON: "],
  ['a member twice', '{"type":"object","type":"array"}', "'x.json' is not JSON: "],
  ['nothing', '', "'x.json' is not JSON: "],
  ['a megabyte and more', `{}${' '.repeat(1_048_575)}`, "'x.json': larger than 1 MiB"],
]

for (const [title, text, error] of bad) {
  test(`a schema file that holds ${title} is refused`, () => {
    writeFileSync(join(root, 'x.json'), text)
    const read = schemaReader(root)('x.json')
    expect(read.ok ? 'accepted' : read.error).toContain(error)
  })
}

for (const [path, error] of [
  ['none.json', "'none.json': there is no such file"],
  ['schemas', "'schemas': not a regular file"],
  ['', "'': path traversal rejected"],
] as const) {
  test(`'${path}' is no schema file`, () => {
    const read = schemaReader(root)(path)
    expect(read.ok ? 'accepted' : read.error).toContain(error)
  })
}
