import { randomUUID } from 'node:crypto'
import { writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import koffi from 'koffi'
import pino from 'pino'
import { openLedger, type SqliteLedgerHandle } from '../../src/ledger/sqlite/open-ledger.js'
import { RecoveringLedger } from '../../src/ledger-recovery.js'
import { ACTS, type CrashAct, prepareActs } from './crash-acts.js'
import { call, denial, intent, LOG_SEED, note, ORIGIN, RECEIPT_KEY, seal } from './entries.js'

// A process of its own: it is killed, its database fails, or its disk is full.
const [mode = '', path = '', highWaterPath = '', act = ''] = process.argv.slice(2)
const gateId = `gate-${randomUUID()}`

const open = (): Promise<SqliteLedgerHandle> =>
  openLedger({
    path,
    origin: ORIGIN,
    gateId,
    logKeySeed: LOG_SEED,
    receiptKeys: [RECEIPT_KEY],
    highWaterPath,
  })

const say = (text: string): void => {
  writeSync(1, `${text}\n`)
}

/** What became of a write: its value, or the code of the fault. */
async function outcome(write: Promise<unknown>): Promise<unknown> {
  try {
    return await write
  } catch (error) {
    return (error as { code?: unknown }).code
  }
}

async function writeForEver(): Promise<void> {
  const ledger = await open()
  const writer = async (): Promise<void> => {
    for (;;) {
      const one = call(`s-${randomUUID()}`)
      const begun = await ledger.intend(intent(one))
      if (!begun.ok) throw new Error(begun.error.code)
      say(`intent ${one.grantId}`)
      const entry = seal(one, 1)
      await ledger.seal(entry)
      say(`receipt ${entry.receipt.receipt_id}`)
    }
  }
  await Promise.all([writer(), writer(), writer(), writer()])
}

async function recover(): Promise<void> {
  const lines: string[] = []
  const log = pino({ level: 'info' }, { write: (line: string) => lines.push(line) })
  const ledger = new RecoveringLedger(await open(), open, log)
  const [running, failing] = [call('s-1'), call('s-1')]
  const report: Record<string, unknown> = {}
  report['running'] = await outcome(ledger.intend(intent(running)))
  // Of one commit: they share its fate.
  const together = [ledger.intend(intent(failing)), ledger.record(denial('s-1'))]
  report['together'] = await Promise.all(together.map(outcome))
  report['meanwhile'] = await outcome(ledger.record(note()))
  for (let tries = 0; tries < 400 && !(await ledger.healthy()); tries += 1) await sleep(10)
  report['open'] = (await ledger.openIntents()).map((one) => [one.grantId, one.outcome])
  report['grants'] = { running: running.grantId, failing: failing.grantId }
  report['again'] = await outcome(ledger.intend(intent(failing)))
  report['sealed'] = await outcome(ledger.seal(seal(running, 1)))
  await ledger.close()
  report['on_disk'] = lines
    .map((line) => (JSON.parse(line) as { is_on_disk?: unknown }).is_on_disk)
    .filter((value) => value !== undefined)
  say(JSON.stringify(report))
}

async function sealTwice(): Promise<void> {
  const ledger = new RecoveringLedger(await open(), open, pino({ level: 'silent' }))
  const one = call('s-1')
  await ledger.intend(intent(one))
  const entry = seal(one, 1)
  const first = await outcome(ledger.seal(entry))
  for (let tries = 0; tries < 400 && !(await ledger.healthy()); tries += 1) await sleep(10)
  const second = await outcome(ledger.seal(entry))
  const stored = await ledger.receipt(entry.receipt.receipt_id)
  await ledger.close()
  say(JSON.stringify({ first, second, stored: stored?.index }))
}

koffi.struct('rlimit', { current: 'uint64', maximum: 'uint64' })
const setrlimit = koffi.load(null).func('int setrlimit(int, rlimit *)')

// RLIMIT_FSIZE: every write beyond this size of a file fails, as on a disk without room.
function limitFileSize(bytes: number): void {
  const unlimited = 0xffff_ffff_ffff_ffffn
  const current = bytes === 0 ? unlimited : BigInt(bytes)
  const result = setrlimit(1, [{ current, maximum: unlimited }]) as number
  if (result !== 0) throw new Error('setrlimit failed')
}

async function fillDisk(): Promise<void> {
  const log = pino({ level: 'silent' })
  const ledger = new RecoveringLedger(await open(), open, log)
  const confirmed: string[] = []
  limitFileSize(400_000)
  let code: unknown = null
  while (code === null && confirmed.length < 5000) {
    const entry = note({ filler: 'x'.repeat(2000) })
    const result = await outcome(ledger.record(entry))
    if (typeof result === 'string') code = result
    else confirmed.push(entry.leaf.id)
  }
  const whileFull = await outcome(ledger.record(note()))
  const healthyWhileFull = await ledger.healthy()
  limitFileSize(0)
  for (let tries = 0; tries < 1000 && !(await ledger.healthy()); tries += 1) await sleep(10)
  const afterwards = await outcome(ledger.record(note()))
  await ledger.close()
  say(JSON.stringify({ code, whileFull, healthyWhileFull, afterwards, confirmed }))
}

async function openOnce(): Promise<void> {
  await (await open()).close()
  say('{}')
}

// Dies in the commit of the act, if its parent has planned it.
async function doOneAct(): Promise<void> {
  const ledger = await open()
  await prepareActs(ledger)
  await ACTS[act as CrashAct].run(ledger)
  await ledger.close()
  say('{}')
}

const modes: Readonly<Record<string, () => Promise<void>>> = {
  write: writeForEver,
  recover,
  'seal-twice': sealTwice,
  'fill-disk': fillDisk,
  'open-once': openOnce,
  act: doOneAct,
}
const run = modes[mode]
if (run === undefined) throw new Error(`unknown mode '${mode}'`)
await run()
