import { type RouteTables, type RouteUses, routeTables } from '../../src/http/route-tables.js'
import { Fault } from '../../src/refusal.js'
import type { ListenerName } from './route-documentation.js'

/** A route that the gate serves, and on which of its listeners. */
export interface ServedRoute {
  /** `METHOD /path`, with `:parameters`. */
  readonly name: string
  readonly listeners: readonly ListenerName[]
}

/** The routes of both listeners, without a gate. */
export function servedRoutes(): readonly ServedRoute[] {
  const tables = routeTables({
    services: untouched('services'),
    inFlight: untouched('inFlight'),
    verification: untouched('verification'),
  })
  const listeners: readonly ListenerName[] = ['client', 'admin']
  const names = listeners.flatMap((listener) => namesOf(tables[listener]))
  return [...new Set(names)].map((name) => ({
    name,
    listeners: listeners.filter((listener) => namesOf(tables[listener]).includes(name)),
  }))
}

function namesOf(routes: RouteTables[ListenerName]): readonly string[] {
  return routes.map(({ method, path }) => `${method} ${path}`)
}

// Routes use what they are given when a request comes, and none comes here.
function untouched<K extends keyof RouteUses>(what: K): RouteUses[K] {
  return new Proxy<Record<string, never>>(
    {},
    {
      get: (_target, name) => {
        throw new Fault('internal_error', `a route uses ${what}.${String(name)} before a request`)
      },
    },
  ) as unknown as RouteUses[K]
}
