import { lookup as systemLookup } from 'node:dns/promises'
import { classifyAddress } from '@latchgate/catalogue'
import { err, ok, type Result } from '@latchgate/protocol'
import { canonicalAddress } from './canonical-address.js'
import { type EgressFailure, errorCode } from './egress-failure.js'

/** Resolves a name to addresses; rejects as `node:dns` does. */
export type Lookup = (host: string) => Promise<readonly string[]>

/** The system's resolver, all addresses in its own order. */
export const lookupSystem: Lookup = async (host) => {
  const found = await systemLookup(host, { all: true, verbatim: true })
  return found.map(({ address }) => address)
}

/** Turns a host into addresses that may be connected to. */
export class AddressVetting {
  readonly #lookup: Lookup
  readonly #ownAddresses: () => readonly string[]
  readonly #pending = new Map<string, Promise<readonly string[]>>()

  constructor(lookup: Lookup, ownAddresses: () => readonly string[]) {
    this.#lookup = lookup
    this.#ownAddresses = ownAddresses
  }

  /**
   * Resolves once and judges every address: one that is not public refuses the host, since whoever
   * controls its name chooses which of them comes first. A literal address is its own resolution.
   *
   * @param literal whether the host is an address itself
   * @returns canonical addresses, at least one, in the resolver's order without repetition
   */
  async vet(host: string, literal: boolean): Promise<Result<readonly string[], EgressFailure>> {
    const resolved = literal ? ok([host]) : await this.#resolve(host)
    if (!resolved.ok) return resolved
    const own = new Set(this.#ownAddresses().map(canonicalAddress))
    const vetted = new Set<string>()
    for (const address of resolved.value) {
      const canonical = canonicalAddress(address)
      const judged = classifyAddress(canonical ?? address)
      if (!judged.public) {
        return denied(`${host} resolves to an address that is not public (${judged.range})`)
      }
      if (canonical === null) return denied(`${host} resolves to something that is not an address`)
      // Services bound to the gate's public address trust it as local; nothing outside could ask.
      if (own.has(canonical))
        return denied(`${host} ${literal ? 'is' : 'resolves to'} an address of this host itself`)
      vetted.add(canonical)
    }
    return vetted.size === 0 ? unreachable(`${host} has no address`) : ok([...vetted])
  }

  async #resolve(host: string): Promise<Result<readonly string[], EgressFailure>> {
    try {
      return ok(await this.#shared(host))
    } catch (error) {
      return unreachable(`cannot resolve ${host} (${errorCode(error)})`)
    }
  }

  // Lookups occupy the few threads of the process: calls that wait for one name wait for one lookup.
  #shared(host: string): Promise<readonly string[]> {
    const pending = this.#pending.get(host)
    if (pending !== undefined) return pending
    const started = this.#lookup(host).finally(() => this.#pending.delete(host))
    this.#pending.set(host, started)
    return started
  }
}

function denied(message: string): Result<never, EgressFailure> {
  return err({ type: 'egress_denied', message })
}

function unreachable(message: string): Result<never, EgressFailure> {
  return err({ type: 'upstream_unreachable', message })
}
