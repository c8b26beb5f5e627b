/** When and how the database of a child process fails. */
export interface SqliteFault {
  /** The commit of a transaction in which a statement with this text ran. */
  readonly statement: string
  /** `after`: the commit is on the disk, and nobody is told. */
  readonly when: 'before' | 'after'
  /** `kill`: SIGKILL. `throw`: SQLite reports an error. */
  readonly action: 'kill' | 'throw'
  /** The how many-th such commit; default the first. */
  readonly onHit?: number
  /** File that is made when it strikes; once it is there it does not strike again, in any thread. */
  readonly marker?: string
}

/** Arguments of Node and variables that make the database of a child process fail as planned. */
export function sqliteFaultAt(fault: SqliteFault): {
  readonly execArgv: readonly string[]
  readonly env: Readonly<Record<string, string>>
} {
  const preload = new URL('./sqlite-fault-preload.js', import.meta.url).href
  return {
    execArgv: ['--import', preload],
    env: { TESTKIT_SQLITE_FAULT: JSON.stringify(fault) },
  }
}
