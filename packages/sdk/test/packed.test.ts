import { execFile } from 'node:child_process'
import { readdirSync, realpathSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core'
import { publint } from 'publint'
import { rolldown } from 'rolldown'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type PackedProject, packedProject } from './packed-project.js'

const run = promisify(execFile)
const SOURCES = new URL('../../src', import.meta.url)
// The one that typedoc needs lies below this package; the one that compiles it, where all find it.
const COMPILERS = {
  'TypeScript 6': compilerFoundFrom('../../package.json'),
  'TypeScript 7': compilerFoundFrom('../../../../package.json'),
}

let project: PackedProject

beforeAll(async () => {
  project = await packedProject()
})

afterAll(() => project.directory.remove())

test('the package holds the code, its types, the README and the licence, and nothing else', () => {
  const sources = readdirSync(SOURCES).map((name) => name.replace(/\.ts$/, ''))
  expect(filesBelow(project.installed).toSorted()).toEqual(
    [
      'LICENSE',
      'README.md',
      'package.json',
      ...sources.flatMap((name) => [`dist/src/${name}.js`, `dist/src/${name}.d.ts`]),
    ].toSorted(),
  )
})

test('publint has nothing to say about the package, not even a suggestion', async () => {
  const { messages } = await publint({
    level: 'suggestion',
    strict: true,
    pack: { tarball: new Uint8Array(project.tarball).buffer },
  })
  expect(messages).toEqual([])
})

test('its types resolve as they should wherever modules of this kind can be imported', async () => {
  const result = await checkPackage(createPackageFromTarballData(new Uint8Array(project.tarball)))
  if (result.types === false) throw new Error('the package has no types')
  // The profile "esm-only": `require` and resolution without `exports` are not promised.
  const foreign = ['node10', 'node16-cjs']
  const promised = result.problems.filter(
    (problem) => !('resolutionKind' in problem && foreign.includes(problem.resolutionKind)),
  )
  expect(promised).toEqual([])
  expect(Object.keys(result.entrypoints)).toEqual(['.'])
})

// Not written out, or this package would seem to import itself.
const FROM = "from 'latchgate'"

const CONSUMER = `
import { type ActionResult, type ClientOptions, LatchGateApprovalRequired, LatchGateClient } ${FROM}

const options: ClientOptions = { agentId: 'a', identityToken: async () => 'a.b.c' }
await using client = new LatchGateClient(options)
const result: ActionResult = await client.execute('http_fetch', { url: 'https://a.example' })
export const number: number | null = result.sessionSeq
export const held = (error: unknown): string | null =>
  error instanceof LatchGateApprovalRequired ? error.approvalId : null
`

const STRICT = [
  '--noEmit',
  '--strict',
  '--exactOptionalPropertyTypes',
  '--noUncheckedIndexedAccess',
  '--isolatedModules',
  '--verbatimModuleSyntax',
  ...['--skipLibCheck', 'false'],
  ...['--target', 'es2022', '--lib', 'es2024,esnext.disposable', '--types', 'node'],
]

test.each([
  ['TypeScript 6', 'nodenext', 'nodenext'],
  ['TypeScript 6', 'esnext', 'bundler'],
  ['TypeScript 7', 'nodenext', 'nodenext'],
  ['TypeScript 7', 'esnext', 'bundler'],
] as const)(
  'a strict project compiles against it and all its types: %s, %s, %s',
  { timeout: 120_000 },
  async (compiler, module, moduleResolution) => {
    writeFileSync(project.directory.file('consumer.ts'), CONSUMER)
    const resolution = ['--module', module, '--moduleResolution', moduleResolution]
    const compiled = await run(
      process.execPath,
      [COMPILERS[compiler], ...STRICT, ...resolution, 'consumer.ts'],
      { cwd: project.directory.path },
    ).catch((failure: unknown) => failure as { readonly stdout: string })
    expect(compiled.stdout).toBe('')
    const { stdout: version } = await run(process.execPath, [COMPILERS[compiler], '--version'])
    expect(version).toMatch(compiler.replace('TypeScript', 'Version'))
  },
)

/** The modules of a bundle of this program, by their path below node_modules. */
async function bundled(program: string): Promise<readonly string[]> {
  const file = project.directory.file('program.js')
  writeFileSync(file, program)
  const build = await rolldown({ input: file, platform: 'node', logLevel: 'silent' })
  const { output } = await build.generate()
  await build.close()
  // What a bundler has looked at but left nothing of is not part of the program.
  const modules = output.flatMap((chunk) =>
    chunk.type === 'chunk' ? Object.entries(chunk.modules) : [],
  )
  const kept = modules.filter(([, { code }]) => code !== null && code !== '')
  return kept
    .map(([name]) => name.replace(/^.*\/node_modules\//, ''))
    .filter((name) => name !== realpathSync(file))
}

test('a program that only reads receipts is not made to carry the client or undici', async () => {
  const reader = `import { isFullySuccessful } ${FROM}
console.log(isFullySuccessful(JSON.parse(process.argv[2])))`
  expect(await bundled(reader)).toEqual(['latchgate/dist/src/execution-receipt.js'])
})

test('a program that checks receipts carries the evidence, and still no client', async () => {
  const checker = `import { executionReceiptFromJson, verifyReceipt } ${FROM}
console.log(verifyReceipt(executionReceiptFromJson(JSON.parse(process.argv[2])), []))`
  const modules = await bundled(checker)
  expect(modules).toContain('latchgate/dist/src/receipt-report.js')
  expect(modules).toContain('@latchgate/evidence/dist/src/receipt-signature.js')
  expect(modules.filter((name) => /undici|client|channel|lease/.test(name))).toEqual([])
})

test('a program with a client carries both: the bundles above are not empty for another reason', async () => {
  const modules = await bundled(`import { LatchGateClient } ${FROM}
new LatchGateClient()`)
  expect(modules).toContain('latchgate/dist/src/client.js')
  expect(modules.some((name) => name.startsWith('undici/'))).toBe(true)
})

function compilerFoundFrom(manifest: string): string {
  const { resolve } = createRequire(new URL(manifest, import.meta.url))
  return join(dirname(resolve('typescript/package.json')), 'bin/tsc')
}

function filesBelow(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => `${entry.parentPath}/${entry.name}`.slice(directory.length + 1))
}
