import {
  highWaterPathOf,
  inspectLedger,
  type LedgerFacts,
  type LoadedConfig,
  type ProcessFacts,
  readReceiptKeys,
  readSeed,
} from '@latchgate/gate'
import { type Check, Section } from './check.js'

/** The ledger as a start would find it, read-only, also beside a running gate; and the clock. */
export function checkLedger(
  loaded: LoadedConfig,
  { uid }: ProcessFacts,
  now: number,
): readonly Check[] {
  const { config } = loaded
  const section = new Section('ledger')
  const clock = new Section('clock')
  const seed = logSeed(loaded, uid)
  if (seed === null) {
    section.skip('ledger', 'it cannot be read without its key (see keys)')
    return section.checks
  }
  const path = config.ledger_db_path
  const highWaterPath = highWaterPathOf(path)
  const facts = section.attempt(
    'ledger',
    `put the newest copy of ${path} back; \`latchgate verify\` says where it is broken`,
    () =>
      inspectLedger(
        {
          path,
          origin: config.gate_name,
          highWaterPath,
          logKeySeed: seed,
          receiptKeys: receiptKeys(loaded),
        },
        now,
      ),
    (found) => (found === null ? `${path} will be made at the first start` : describe(path, found)),
  )
  if (facts === undefined || facts === null) return section.checks
  if (facts.highWater !== null) {
    section.ok('high_water', `${highWaterPath} remembers ${facts.highWater} records`)
  } else if (facts.size > 0) {
    section.warn(
      'high_water',
      `${highWaterPath} is missing: whether the ledger is an older copy cannot be known`,
      'compare with a checkpoint kept elsewhere: latchgate verify --checkpoint FILE',
    )
  }
  checkClock(clock, facts, now)
  return [...section.checks, ...clock.checks]
}

function checkClock(section: Section, facts: LedgerFacts, now: number): void {
  if (!facts.isClockBehind) {
    section.ok('time', `${new Date(now).toISOString()}, not behind the latest record`)
    return
  }
  const behind = Math.ceil((facts.highestTime - now) / 1000)
  section.error(
    'time',
    `the clock is ${behind} s behind the latest record: every call is denied`,
    'set the clock right (timedatectl set-ntp true)',
  )
}

function describe(path: string, { size, highestTime }: LedgerFacts): string {
  const latest = size === 0 ? '' : `, the latest of ${new Date(highestTime).toISOString()}`
  return `${path}, ${size} records${latest}`
}

// A key that cannot be used is reported with the keys. One that is yet to be made fits any new log,
// and no existing one.
function logSeed({ config }: LoadedConfig, uid: number): Uint8Array | null {
  const path = config.log_signing_key_path
  if (path === undefined) return new Uint8Array(32)
  try {
    return readSeed(path, uid) ?? new Uint8Array(32)
  } catch (error) {
    if (error instanceof Error && error.name === 'StartupError') return null
    throw error
  }
}

function receiptKeys({ config }: LoadedConfig): ReturnType<typeof readReceiptKeys> {
  const path = config.receipt_keys_jwks_path
  if (path === undefined) return []
  try {
    return readReceiptKeys(path)
  } catch (error) {
    if (error instanceof Error && error.name === 'StartupError') return []
    throw error
  }
}
