import type { PinnedConnection } from './pinned-connection.js'
import type { KeepAliveLimits } from './port.js'

/** Connections that wait for another request of their pool key, bounded and least recently used. */
export class ConnectionPool {
  readonly #limits: Pick<KeepAliveLimits, 'maxIdle' | 'maxIdlePerPool'>
  readonly #idleByKey = new Map<string, Set<PinnedConnection>>()
  // Insertion order is the order of their last use.
  readonly #idle = new Set<PinnedConnection>()
  readonly #open = new Set<PinnedConnection>()

  constructor(limits: Pick<KeepAliveLimits, 'maxIdle' | 'maxIdlePerPool'>) {
    this.#limits = limits
  }

  /** How many wait. */
  get idle(): number {
    return this.#idle.size
  }

  /** Takes charge of a new connection until it ends. */
  adopt(connection: PinnedConnection): void {
    this.#open.add(connection)
    connection.onEnd(() => {
      this.#forget(connection)
      this.#open.delete(connection)
    })
  }

  /** The one used last: the others may then reach their idle time. */
  take(key: string): PinnedConnection | null {
    const [connection] = [...(this.#idleByKey.get(key) ?? [])].reverse()
    if (connection === undefined) return null
    this.#forget(connection)
    return connection.usable ? connection : this.take(key)
  }

  /** Keeps a connection whose answer was read completely. */
  keep(connection: PinnedConnection): void {
    if (!connection.usable) return
    const pool = this.#idleByKey.get(connection.poolKey) ?? new Set()
    this.#idleByKey.set(connection.poolKey, pool.add(connection))
    this.#idle.add(connection)
    const [oldestOfPool] = pool
    const [oldest] = this.#idle
    if (pool.size > this.#limits.maxIdlePerPool) this.#evict(oldestOfPool)
    if (this.#idle.size > this.#limits.maxIdle) this.#evict(oldest)
  }

  /** Closes every connection, also those in use. */
  async destroy(): Promise<void> {
    await Promise.all([...this.#open].map((connection) => connection.destroy()))
  }

  #evict(connection: PinnedConnection | undefined): void {
    if (connection === undefined) return
    this.#forget(connection)
    void connection.destroy()
  }

  #forget(connection: PinnedConnection): void {
    this.#idle.delete(connection)
    const pool = this.#idleByKey.get(connection.poolKey)
    pool?.delete(connection)
    if (pool?.size === 0) this.#idleByKey.delete(connection.poolKey)
  }
}
