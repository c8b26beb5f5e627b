import { createInterface } from 'node:readline'
import {
  type DriverCommand,
  type DriverOptions,
  type GateDriver,
  startGateDriver,
} from './gate-driver.js'

/**
 * A gate for tests in other languages. The first argument is `DriverOptions` as JSON; the first line
 * printed is the `DriverGreeting`. Then each line of standard input is a command, answered in order by
 * one line: `{"result":…}` or `{"error":"…"}`. The end of the input, or `{"command":"stop"}`, ends it.
 */
async function main(argument: string | undefined): Promise<void> {
  const options = JSON.parse(argument ?? '{}') as DriverOptions
  const driver = await startGateDriver(options)
  const lines = createInterface({ input: process.stdin })
  // Interrupted together with the tests, it must leave neither sockets nor directories behind.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => lines.close())
  try {
    print(driver.greeting)
    for await (const line of lines) {
      const command = parse(line)
      if (command?.['command'] === 'stop') break
      print(await answer(driver, command, line))
    }
  } finally {
    lines.close()
    await driver.close()
  }
  print({ result: 'stopped' })
  process.exitCode = 0
}

function parse(line: string): DriverCommand | null {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? (value as DriverCommand) : null
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}

async function answer(
  driver: GateDriver,
  command: DriverCommand | null,
  line: string,
): Promise<{ readonly result: unknown } | { readonly error: string }> {
  if (command === null) return { error: `not a JSON object: ${line}` }
  try {
    return { result: (await driver.run(command)) ?? null }
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) }
  }
}

function print(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`)
}

await main(process.argv[2])
