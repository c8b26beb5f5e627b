import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { importsOf, readJson, readWorkspace, type WorkspacePackage } from './import-graph.js'
import {
  crossings,
  defaultExports,
  nodeInBrowserSources,
  strayIndexes,
  undeclared,
  unreferenced,
  unusedAtRunTime,
  wrongArrows,
} from './layering.js'

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url))
const WORKSPACE = readWorkspace(ROOT)
const TEST_TOOLS = new Set(
  Object.keys(readJson<{ devDependencies: object }>(`${ROOT}package.json`).devDependencies),
)

test('the workspace is really read', () => {
  expect(WORKSPACE.map((one) => one.folder)).toEqual(
    expect.arrayContaining(['protocol', 'evidence', 'gate', 'sdk', 'cli', 'e2e', 'examples']),
  )
  const sources = WORKSPACE.flatMap((one) => one.files)
  expect(sources.length).toBeGreaterThan(100)
  expect(sources.flatMap((file) => importsOf(file.text)).length).toBeGreaterThan(300)
})

test('imports between packages point downward only', () => {
  expect(wrongArrows(WORKSPACE)).toEqual([])
})

test('no import reaches into another package or out of the sources', () => {
  expect(crossings(WORKSPACE)).toEqual([])
})

test('every imported package is declared by its importer', () => {
  expect(undeclared(WORKSPACE, TEST_TOOLS)).toEqual([])
})

test('a published package brings no dependency that its sources do not use', () => {
  expect(unusedAtRunTime(WORKSPACE)).toEqual([])
})

test('every imported package of ours is built before its importer', () => {
  expect(unreferenced(WORKSPACE)).toEqual([])
})

test('protocol, evidence and catalogue need nothing of Node outside src/node', () => {
  expect(nodeInBrowserSources(WORKSPACE)).toEqual([])
})

test('nothing is exported by default', () => {
  expect(defaultExports(WORKSPACE)).toEqual([])
})

test('each package has one index.ts, and one for each subpath', () => {
  expect(strayIndexes(WORKSPACE)).toEqual([])
})

test('every form of import is seen', () => {
  const text = [
    "import 'side-effect'",
    "import one from 'default-name'",
    "import * as all from 'namespace'",
    'import {',
    '  type A,',
    '  b as c,',
    "} from 'many-lines'",
    "import type { T } from 'types'",
    "import one2, { two } from 'both'",
    "export { x } from 'again'",
    "export type { Y } from 'again-types'",
    "export * from 'star'",
    "export * as ns from 'star-as'",
    // Not written out, or this file would seem to import them.
    'const late = await import(~late~)'.replaceAll('~', "'"),
    'let t: import(~in-a-type~).T'.replaceAll('~', "'"),
    'createRequire(import.meta.url)(~required~)'.replaceAll('~', "'"),
    "const said = 'it is not from the world'",
    "// import 'a comment'",
  ].join('\n')
  expect(importsOf(text)).toEqual([
    'side-effect',
    'default-name',
    'namespace',
    'many-lines',
    'types',
    'both',
    'again',
    'again-types',
    'star',
    'star-as',
    'late',
    'in-a-type',
    'required',
  ])
})

test('an import that points upward is named with its file', () => {
  expect(
    wrongArrows([pkg('sdk', { 'src/a.ts': "import { x } from '@latchgate/gate'" }), pkg('gate')]),
  ).toEqual(['packages/sdk/src/a.ts: @latchgate/gate: sdk may not use gate'])
})

test('a subpath and a type-only import count as much as any other', () => {
  const text = "import type { X } from '@latchgate/sandbox/internals'"
  expect(wrongArrows([pkg('evidence', { 'src/a.ts': text }), pkg('sandbox')])).toHaveLength(1)
})

test('examples use what is published, and their files are really read', () => {
  const examples = WORKSPACE.find((one) => one.folder === 'examples')
  expect(examples?.files.map((file) => file.path)).toContain('agent-loop/agent-loop.ts')
  const text = "import { startGate } from '@latchgate/gate'"
  const upward = { ...pkg('examples', { 'a/a.ts': text }), place: 'examples' }
  expect(wrongArrows([upward, pkg('gate')])).toEqual([
    'examples/a/a.ts: @latchgate/gate: examples may not use gate',
  ])
})

test('a source may not use what only tests may', () => {
  const text = "import { RecordingUpstream } from '@latchgate/testkit'"
  const gate = pkg('gate', { 'src/a.ts': text, 'test/a.test.ts': text })
  expect(wrongArrows([gate, pkg('testkit')])).toEqual([
    'packages/gate/src/a.ts: @latchgate/testkit: gate may not use testkit',
  ])
})

test('a relative path into another package is found, however it is written', () => {
  const files = {
    'src/deep/a.ts': "import { x } from '../../../gate/src/gate.js'",
    'src/b.ts': "import { x } from './deep/../c.js'",
    'src/c.ts': "import { helper } from '../test/helper.js'",
  }
  expect(crossings([pkg('sdk', files)])).toEqual([
    'packages/sdk/src/deep/a.ts: ../../../gate/src/gate.js: a relative import leaves its package',
    'packages/sdk/src/c.ts: ../test/helper.js: a source imports what is not a source',
  ])
})

test('a test tool in a source is an undeclared dependency', () => {
  const text = "import { expect } from 'vitest'\nimport { join } from 'node:path'"
  const sdk = pkg('sdk', { 'src/a.ts': text, 'test/a.test.ts': text })
  expect(undeclared([sdk], new Set(['vitest']))).toEqual([
    'packages/sdk/src/a.ts: vitest: vitest is not declared by sdk/package.json',
  ])
})

test('Node in a browser-safe source is found as module, subpath, relative path and global', () => {
  const protocol = pkg('protocol', {
    'src/a.ts': "import { createHash } from 'node:crypto'",
    'src/b.ts': "import { sha256 } from './node/digest.js'",
    'src/c.ts': 'const bytes = Buffer.from(text)',
    'src/d.ts': '/** Like Buffer.from(x). */\nconst bufferOf = new Uint8Array(1)',
    'src/node/e.ts': "import { createHash } from 'node:crypto'",
  })
  const evidence = pkg('evidence', { 'src/f.ts': "import { x } from '@latchgate/protocol/node'" })
  expect(nodeInBrowserSources([protocol, evidence])).toEqual([
    'packages/protocol/src/a.ts: node:crypto: a module of Node',
    'packages/protocol/src/b.ts: ./node/digest.js: the half for Node',
    'packages/evidence/src/f.ts: @latchgate/protocol/node: a subpath for Node',
    'packages/protocol/src/c.ts: a global of Node',
  ])
})

test('a default export and a second index.ts are found', () => {
  const files = {
    'src/index.ts': "export { a } from './a.js'",
    'src/a.ts': 'export default 1',
    'src/inner/index.ts': 'export { b as default }',
  }
  expect(defaultExports([pkg('sdk', files)])).toEqual([
    'packages/sdk/src/a.ts',
    'packages/sdk/src/inner/index.ts',
  ])
  expect(strayIndexes([pkg('sdk', files)])).toEqual([
    'packages/sdk/src/inner/index.ts: not an entry of the package',
  ])
})

function pkg(folder: string, files: Readonly<Record<string, string>> = {}): WorkspacePackage {
  return {
    folder,
    place: `packages/${folder}`,
    manifest: { name: `@latchgate/${folder}`, version: '0.0.0', exports: { '.': {} } },
    references: [],
    files: Object.entries(files).map(([path, text]) => ({ path, text })),
  }
}
