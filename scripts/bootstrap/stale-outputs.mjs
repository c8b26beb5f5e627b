import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from './root.mjs'
import { say } from './say.mjs'

const COMPILED = /\.(?:js|js\.map|d\.ts|d\.ts\.map)$/

/**
 * Removes what tsc made of sources that are gone: tsc never does, and a deleted test would go on
 * running (and passing) for ever.
 */
export function removeStaleOutputs() {
  const packages = join(ROOT, 'packages')
  for (const name of readdirSync(packages)) {
    for (const half of ['src', 'test']) {
      sweep(join(packages, name, 'dist', half), join(packages, name, half))
    }
  }
  sweep(join(ROOT, 'examples/dist'), join(ROOT, 'examples'))
}

function sweep(outputs, sources) {
  if (!existsSync(outputs)) return
  for (const entry of readdirSync(outputs, { withFileTypes: true })) {
    const output = join(outputs, entry.name)
    if (entry.isDirectory()) {
      sweep(output, join(sources, entry.name))
      continue
    }
    if (!COMPILED.test(entry.name)) continue
    if (existsSync(join(sources, entry.name.replace(COMPILED, '.ts')))) continue
    rmSync(output)
    if (entry.name.endsWith('.js')) say(`removed ${output}: its source is gone`)
  }
}
