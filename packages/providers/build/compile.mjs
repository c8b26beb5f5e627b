import { readFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'

/** Bytes below this address belong to the host: it keeps a suspended call's frames there. */
export const SUSPENSION_BYTES = 16_384

const ONE_CALLER_INLINE_SIZE = 0

const PAGES = { initial: 1, maximum: 4096 }

/**
 * Compiles one AssemblyScript entry file to a provider: a core module with the canonical ABI of
 * wit/provider.wit that can be suspended at each import named in `blocking`.
 *
 * @param {{ tools: string, entry: string, blocking: readonly string[], maximumPages?: number }} options
 * @returns {Promise<Uint8Array>}
 */
export async function compileProvider({ tools, entry, blocking, maximumPages }) {
  const plain = await compile(tools, entry, maximumPages ?? PAGES.maximum)
  return makeSuspendable(tools, plain, blocking)
}

async function compile(tools, entry, maximumPages) {
  const asc = await load(tools, 'assemblyscript/dist/asc.js')
  const directory = dirname(entry)
  const messages = []
  let binary
  const flags = ['-O1', '--noAssert', '--use', 'abort=', '--runtime', 'stub']
  const { error } = await asc.main(
    [
      basename(entry),
      ...flags,
      ...['--memoryBase', String(SUSPENSION_BYTES)],
      ...['--initialMemory', String(PAGES.initial), '--maximumMemory', String(maximumPages)],
      ...['--outFile', 'provider.wasm'],
    ],
    {
      readFile: (name, base) => readFile(join(directory, base, name), 'utf8').catch(() => null),
      writeFile: (name, contents) => {
        if (name.endsWith('.wasm')) binary = contents
      },
      listFiles: () => [],
      stderr: { write: (text) => messages.push(text) },
      stdout: { write: (text) => messages.push(text) },
    },
  )
  if (error || binary === undefined) throw new Error(`${entry}: ${messages.join('')}${error ?? ''}`)
  return binary
}

async function makeSuspendable(tools, bytes, blocking) {
  const { default: binaryen } = await load(tools, 'binaryen/index.js')
  const { MutableGlobals, SignExt, BulkMemory, BulkMemoryOpt } = binaryen.Features
  const wasm = binaryen.readBinary(bytes)
  wasm.setFeatures(MutableGlobals | SignExt | BulkMemory | BulkMemoryOpt)
  binaryen.setOptimizeLevel(3)
  binaryen.setShrinkLevel(0)
  binaryen.setDebugInfo(false)
  // A function that can be suspended pays for it everywhere: what it calls stays out of it.
  binaryen.setOneCallerInlineMaxSize(ONE_CALLER_INLINE_SIZE)
  wasm.optimize()
  if (blocking.length > 0) {
    binaryen.setPassArgument('asyncify-imports', blocking.join(','))
    wasm.runPasses(['asyncify'])
    binaryen.setPassArgument('asyncify-imports', null)
  }
  wasm.optimize()
  if (!wasm.validate()) throw new Error('the module is not valid after asyncify')
  const built = wasm.emitBinary()
  wasm.dispose()
  return built
}

function load(tools, file) {
  return import(pathToFileURL(join(tools, 'node_modules', file)).href)
}
