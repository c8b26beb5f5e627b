import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { alone, canWriteHere } from './alone.mjs'
import { runNode } from './child.mjs'
import { docsApi } from './docs-api.mjs'
import { ensureInstalled, reasonToInstall } from './install.mjs'
import { checkStyle, mendStyle } from './lint.mjs'
import { toolsAdviceFor } from './node-version.mjs'
import { ROOT } from './root.mjs'
import { say, sayFailure } from './say.mjs'
import { removeStaleOutputs } from './stale-outputs.mjs'
import { testInspector } from './test-inspector.mjs'
import { testPython } from './test-python.mjs'
import { testRuntimes } from './test-runtimes.mjs'

const USAGE = `usage: node scripts/bootstrap.mjs COMMAND [ARGUMENT...]

  demo    the story in the terminal; --keep leaves its gate running
  test    style, types and tests; with arguments only the tests they name
  test:python
          the Python tests; with arguments: a suite (sdk, examples, published, crewai), and pytest's own
  test:runtimes
          the TypeScript SDK in other runtimes; with an argument: one of them (bun, deno)
  test:inspector
          the MCP inspector's command line against the adapter and a gate
  docs:api
          the TypeScript SDK's API documentation, into .cache/docs-api
  build   compile
  bench   measure
  lint    style and types
  format  rewrite what a machine can mend of the style`

const DEMO = 'packages/e2e/dist/src/demo/main.js'
const COMPILED_DEMO = join(ROOT, DEMO)

/** Each command: what it needs before it runs, and what it runs. */
const COMMANDS = {
  demo: { build: true, run: (args) => runCompiled(DEMO, args) },
  bench: { build: true, run: (args) => runCompiled('packages/e2e/dist/src/bench/main.js', args) },
  build: { build: true, writes: true, run: () => 0 },
  test: { tools: true, build: true, run: (args) => runTests(args) },
  'test:python': { build: true, writes: true, run: (args) => testPython(args) },
  'test:runtimes': { build: true, writes: true, run: (args) => testRuntimes(args) },
  'docs:api': { build: true, writes: true, run: () => docsApi() },
  'test:inspector': { tools: true, build: true, writes: true, run: (args) => testInspector(args) },
  lint: { tools: true, build: true, run: () => checkStyle() },
  format: { tools: true, writes: true, run: () => mendStyle() },
}

/** Checks, installs, builds and runs one command; returns the exit code. */
export async function main([name, ...args]) {
  if (!Object.hasOwn(COMMANDS, name ?? '')) {
    console.error(USAGE)
    return 2
  }
  const command = COMMANDS[name]
  const advice = command.tools ? toolsAdviceFor(process.versions.node) : null
  if (advice !== null) {
    console.error(advice)
    return 1
  }
  if (!canWriteHere()) return runAsItIs(command, args)
  const ready = await alone(async () => {
    const installed = await ensureInstalled(name)
    return installed === 0 && command.build ? build() : installed
  })
  return ready === 0 ? command.run(args) : ready
}

/**
 * In a directory that belongs to somebody else, or on a read-only disk: what is there can run, and
 * nothing can be made.
 */
function runAsItIs(command, args) {
  const reason = reasonToInstall() ?? (existsSync(COMPILED_DEMO) ? null : 'nothing is compiled')
  if (reason !== null || command.writes) {
    sayFailure(
      `${ROOT} cannot be written by this user${reason === null ? '' : `, and ${reason}`}.\n` +
        'Clone the repository into a directory of your own and run the command again there.',
    )
    return 1
  }
  say('this directory cannot be written by this user: running what was compiled here before')
  return command.run(args)
}

async function build() {
  removeStaleOutputs()
  const begun = Date.now()
  const code = await runNode('node_modules/typescript/bin/tsc', ['-b'], {
    waiting: () => 'still compiling',
  })
  if (code !== 0) {
    sayFailure(
      `the build failed: tsc -b ended with ${code}; the reasons are above. If they name no file of\n` +
        'packages/, what is installed is damaged: remove node_modules and run the command again.',
    )
    return code
  }
  const seconds = (Date.now() - begun) / 1000
  if (seconds >= 1) say(`compiled in ${seconds.toFixed(1)} s`)
  return 0
}

async function runTests(args) {
  const style = args.length > 0 ? 0 : await checkStyle()
  const tests = await runNode('node_modules/vitest/vitest.mjs', ['run', ...args.map(compiledTest)])
  if (style !== 0) sayFailure('the style check before the tests failed: see above')
  return tests !== 0 ? tests : style
}

/** Lets a test be named by its source: vitest only knows what tsc made of it. */
function compiledTest(arg) {
  return arg.replace(/^(packages\/[^/]+)\/test\b/, '$1/dist/test').replace(/\.ts$/, '.js')
}

function runCompiled(file, args) {
  if (existsSync(join(ROOT, file))) return runNode(file, args, { endsItself: true })
  sayFailure(`${file} is missing although the build succeeded: its source is not in this tree`)
  return 1
}
