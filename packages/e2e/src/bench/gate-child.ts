import { createLogger, loadConfig, startGate } from '@latchgate/gate'

// A gate in a process of its own, so that its CPU time can be told from the load generator's.
const configFile = process.argv[2] ?? ''
const synchronous = process.argv[3] === 'OFF' ? 'OFF' : 'FULL'
const loaded = loadConfig(configFile, { env: {}, cwd: process.cwd() })
const gate = await startGate({
  loaded,
  env: {},
  log: createLogger({ log_level: 'error', log_format: 'json' }),
  synchronous,
})
process.send?.('ready')
process.once('message', () => {
  gate.close().then(
    () => process.exit(0),
    (error: unknown) => {
      process.stderr.write(`${String(error)}\n`)
      process.exit(1)
    },
  )
})
