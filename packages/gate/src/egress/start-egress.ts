import { readFileSync } from 'node:fs'
import { StartupError } from '../config/posture.js'
import type { GateConfig } from '../config/schema.js'
import { createEgress } from './pinned-client.js'
import type { Egress, EgressOptions } from './port.js'

/** The pinned client of a configuration. Throws `StartupError` for what `[egress]` gets wrong. */
export function startEgress(
  config: GateConfig,
  further: Pick<EgressOptions, 'lookup' | 'route'> = {},
): Egress {
  const extraCaPem = readExtraCa(config)
  try {
    return createEgress({
      unsafeResolve: new Map(Object.entries(config.egress.unsafe_resolve)),
      extraCaPem,
      ...further,
    })
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause)
    throw new StartupError('config_validation_failed', message, { cause })
  }
}

/** The operator's additional trust roots, PEM; null without. Throws `StartupError`. */
export function readExtraCa({ egress }: GateConfig): string | null {
  const path = egress.extra_ca_file
  if (path === undefined) return null
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    const message = `\`egress.extra_ca_file\`: cannot read ${path}`
    throw new StartupError('config_validation_failed', message, { cause })
  }
}
