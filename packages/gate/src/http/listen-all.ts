import { dirname } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { parseListenAddress, StartupError } from '../config/posture.js'
import type { GateConfig } from '../config/schema.js'
import type { Services } from '../services.js'
import { createListener, type Route } from './listener.js'
import type { RouteTables } from './route-tables.js'
import { prepareSocketDirectory, protectSocket, removeStaleSocket } from './sockets.js'

/** Where a running gate listens. */
export interface GateAddresses {
  readonly clientSocket: string
  readonly adminSocket: string
  readonly http: string | null
  readonly adminHttp: string | null
}

/**
 * Binds every configured address. Whatever was opened is in `listeners`, also when a later one cannot
 * be: then it throws `StartupError`.
 */
export async function listenAll(
  services: Services,
  config: GateConfig,
  uid: number,
  routes: RouteTables,
  listeners: FastifyInstance[],
): Promise<GateAddresses> {
  const tcp = async (
    address: string | undefined,
    set: readonly Route[],
  ): Promise<string | null> => {
    const parsed = address === undefined ? undefined : parseListenAddress(address)
    if (parsed === undefined) return null
    const listener = createListener(services, 'tcp', set)
    listeners.push(listener)
    try {
      return await listener.listen(parsed)
    } catch (cause) {
      throw new StartupError('tcp_bind_failed', `cannot listen on ${address}`, { cause })
    }
  }
  assertApart(config)
  const unix = async (
    path: string,
    group: string | undefined,
    set: readonly Route[],
  ): Promise<string> => {
    try {
      prepareSocketDirectory(path, uid, group)
      await removeStaleSocket(path)
      const listener = createListener(services, 'unix', set)
      listeners.push(listener)
      await listener.listen({ path })
      protectSocket(path, uid, group)
      return path
    } catch (cause) {
      if (cause instanceof StartupError) throw cause
      const why = cause instanceof Error ? cause.message : String(cause)
      throw new StartupError('client_uds_failed', `cannot listen on ${path}: ${why}`, { cause })
    }
  }
  return {
    http: await tcp(config.listen_http_addr, routes.client),
    adminHttp: await tcp(config.listen_admin_http_addr, routes.admin),
    adminSocket: await unix(
      config.listen_admin_uds_path,
      config.listen_admin_uds_group,
      routes.admin,
    ),
    clientSocket: await unix(config.listen_uds_path, config.listen_uds_group, routes.client),
  }
}

/** One directory cannot be open to a group and closed for everybody: the next start would refuse it. */
export function assertApart(config: GateConfig): void {
  const { listen_uds_path: client, listen_admin_uds_path: admin } = config
  if (config.listen_uds_group === config.listen_admin_uds_group) return
  if (dirname(client) !== dirname(admin)) return
  throw new StartupError(
    'client_uds_failed',
    `${client} and ${admin} are for different groups: put \`listen_admin_uds_path\` into a directory of its own`,
  )
}
