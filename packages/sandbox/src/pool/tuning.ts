/** Limits of the pool that no caller chooses; tests of the last resort do. */
export interface PoolTuning {
  /** A call may have no more, whatever its manifest says: 0.2 to 0.5 s of ordinary computation. */
  readonly maxFuel: number
  /** Longest computation without a break, in milliseconds. */
  readonly maxStretchMs: number
  /** How long a worker may take to confirm that it has dropped a call. */
  readonly graceMs: number
  /** The program of a worker thread. */
  readonly program: URL
}

/** What everybody but those tests runs with. */
export const DEFAULT_TUNING: PoolTuning = {
  maxFuel: 2_000_000_000,
  maxStretchMs: 1_000,
  graceMs: 5_000,
  program: new URL('../worker/worker.js', import.meta.url),
}
