import { createRequire } from 'node:module'

/** A value that a row can hold here. Integers are safe integers. */
export type SqlValue = null | number | string | Uint8Array

/** A prepared statement of `node:sqlite` and of `@photostructure/sqlite`. */
export interface Statement {
  run(...values: readonly SqlValue[]): { readonly changes: number | bigint }
  get(...values: readonly SqlValue[]): unknown
  all(...values: readonly SqlValue[]): unknown[]
  iterate(...values: readonly SqlValue[]): IterableIterator<unknown>
}

/** A connection of `node:sqlite` and of `@photostructure/sqlite`, which has the same interface. */
export interface Database {
  exec(sql: string): void
  prepare(sql: string): Statement
  close(): void
}

interface SqliteModule {
  readonly DatabaseSync: new (path: string, options: { readonly readOnly: boolean }) => Database
}

/**
 * Opens a SQLite database: `node:sqlite` where Node has it without a flag, otherwise the same
 * interface from `@photostructure/sqlite` (design 5). Throws what SQLite says.
 */
export function openDatabase(
  path: string,
  options: { readonly readOnly?: boolean } = {},
): Database {
  const { DatabaseSync } = sqliteModule()
  return new DatabaseSync(path, { readOnly: options.readOnly ?? false })
}

let loaded: SqliteModule | undefined

function sqliteModule(): SqliteModule {
  loaded ??= builtinSqlite() ?? bundledSqlite()
  return loaded
}

function bundledSqlite(): SqliteModule {
  return createRequire(import.meta.url)('@photostructure/sqlite') as SqliteModule
}

function builtinSqlite(): SqliteModule | undefined {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  // Before 22.13 it is behind a flag, which a user should not need to know of; before 22.15 and 23.10
  // it takes no URI, which a look at an idle ledger needs (`inspect-ledger.ts`).
  if (major < 22 || (major === 22 && minor < 15) || (major === 23 && minor < 10)) return undefined
  return withoutSqliteWarning(() => process.getBuiltinModule('node:sqlite') as SqliteModule)
}

// Node announces its SQLite as experimental on standard error, once per thread. The versions that
// are used are tested here; an operator can do nothing about the line.
function withoutSqliteWarning<T>(load: () => T): T {
  const original = Reflect.get(process, 'emitWarning') as typeof process.emitWarning
  process.emitWarning = ((warning: string | Error, ...rest: unknown[]) => {
    if (!String(warning).includes('SQLite')) Reflect.apply(original, process, [warning, ...rest])
  }) as typeof process.emitWarning
  try {
    return load()
  } finally {
    process.emitWarning = original
  }
}
