#!/usr/bin/env node
// Nothing of the program is imported before this check: an old Node would end in its stack trace.
import { existsSync } from 'node:fs'

const compiled = new URL('../dist/src/index.js', import.meta.url)

if (Number(process.versions.node.split('.')[0]) < 20) {
  process.stderr.write(
    `latchgate-mcp needs Node 20 or newer; this is Node ${process.versions.node}.\n`,
  )
  process.exitCode = 1
} else if (!existsSync(compiled)) {
  process.stderr.write(
    "latchgate-mcp is not compiled yet: run 'npm run build' in its repository.\n",
  )
  process.exitCode = 1
} else {
  // Whoever reads no further changes nothing of what was asked for.
  process.stdout.on('error', (error) => {
    if (error.code !== 'EPIPE') throw error
  })
  const { main } = await import(compiled.href)
  process.exitCode = await main(process.argv.slice(2))
}
