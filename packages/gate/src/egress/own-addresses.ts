import { networkInterfaces } from 'node:os'

const REFRESH_MS = 1_000

/** The addresses of this host's interfaces, read again at most once a second. */
export function systemAddresses(): () => readonly string[] {
  let read: readonly string[] = []
  let readAt = Number.NEGATIVE_INFINITY
  return () => {
    const now = performance.now()
    if (now - readAt < REFRESH_MS) return read
    readAt = now
    read = Object.values(networkInterfaces()).flatMap((entries) =>
      (entries ?? []).map((entry) => entry.address),
    )
    return read
  }
}
