import { existsSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { SqliteFault } from './sqlite-fault.js'

type Values = readonly unknown[]

interface Statement {
  run(...values: Values): unknown
  get(...values: Values): unknown
  all(...values: Values): unknown
  iterate(...values: Values): unknown
}

interface Database {
  exec(sql: string): void
  prepare(sql: string): Statement
  close(): void
}

type DatabaseConstructor = new (...given: Values) => Database

// Runs before everything else, in every thread of a process that was started with `sqliteFaultAt`: the
// database fails as a disk, or the end of the process, would make it. The product knows nothing of it.
let hits = 0
const planned = process.env['TESTKIT_SQLITE_FAULT']
if (planned !== undefined) replaceDatabase(JSON.parse(planned) as SqliteFault)

function replaceDatabase(fault: SqliteFault): void {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  // The one that the gate uses on this version of Node.
  if (major > 22 || (major === 22 && minor >= 13)) {
    const builtIn = process.getBuiltinModule('node:sqlite') as unknown as Record<string, unknown>
    builtIn['DatabaseSync'] = faulty(builtIn['DatabaseSync'] as DatabaseConstructor, fault)
    return
  }
  const require = createRequire(import.meta.url)
  const bundled = require('@photostructure/sqlite') as Record<string, unknown>
  const cached = require.cache[require.resolve('@photostructure/sqlite')]
  if (cached === undefined) throw new Error('@photostructure/sqlite is not in the cache of modules')
  const DatabaseSync = faulty(bundled['DatabaseSync'] as DatabaseConstructor, fault)
  cached.exports = { ...bundled, DatabaseSync }
}

function faulty(Real: DatabaseConstructor, fault: SqliteFault): unknown {
  return function open(...given: Values): Database {
    return faultyDatabase(new Real(...given), fault)
  }
}

function faultyDatabase(db: Database, fault: SqliteFault): Database {
  let isMarked = false
  const fail = (): void => {
    if (fault.action === 'kill') process.kill(process.pid, 'SIGKILL')
    throw new Error(`disk I/O error ${fault.when} the commit (injected)`)
  }
  const through = <T>(sql: string, run: () => T): T => {
    if (sql.includes(fault.statement)) isMarked = true
    if (sql !== 'COMMIT' || !isMarked) return run()
    isMarked = false
    hits += 1
    if (hits !== (fault.onHit ?? 1) || hasStruck(fault)) return run()
    if (fault.when === 'before') fail()
    const result = run()
    fail()
    return result
  }
  return {
    exec: (sql) => through(sql, () => db.exec(sql)),
    close: () => db.close(),
    prepare: (sql) => {
      const statement = db.prepare(sql)
      return {
        run: (...values) => through(sql, () => statement.run(...values)),
        get: (...values) => through(sql, () => statement.get(...values)),
        all: (...values) => through(sql, () => statement.all(...values)),
        iterate: (...values) => through(sql, () => statement.iterate(...values)),
      }
    },
  }
}

function hasStruck({ marker }: SqliteFault): boolean {
  if (marker === undefined) return false
  if (existsSync(marker)) return true
  writeFileSync(marker, '')
  return false
}
