import { LedgerDamaged } from '../faults.js'

/** A row as SQLite returns it. */
export type Row = Readonly<Record<string, unknown>>

/** The row, which must be there. */
export function requireRow(row: unknown, what: string): Row {
  if (row === undefined || row === null) throw new LedgerDamaged(`${what} is missing`)
  return row as Row
}

/** An integer column. */
export function integer(row: Row, column: string): number {
  const value = row[column]
  if (typeof value === 'number') return value
  throw new LedgerDamaged(`column ${column} holds no integer`)
}

/** An integer column that may be null. */
export function integerOrNull(row: Row, column: string): number | null {
  return row[column] === null ? null : integer(row, column)
}

/** A text column. */
export function text(row: Row, column: string): string {
  const value = row[column]
  if (typeof value === 'string') return value
  throw new LedgerDamaged(`column ${column} holds no text`)
}

/** A blob column. */
export function blob(row: Row, column: string): Uint8Array {
  const value = row[column]
  if (value instanceof Uint8Array) return value
  throw new LedgerDamaged(`column ${column} holds no bytes`)
}
