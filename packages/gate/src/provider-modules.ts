import { httpApiModule } from '@latchgate/providers'
import { ModuleRefused, type RegisteredModule, type Sandbox } from '@latchgate/sandbox'
import type { ModulesByName } from './action-snapshot.js'
import { StartupError } from './config/posture.js'

/**
 * Registers the built-in modules, and `further` ones by their digest. Throws `StartupError` for a
 * module that the sandbox refuses.
 */
export async function registerModules(
  sandbox: Sandbox,
  further: readonly Uint8Array[],
): Promise<ModulesByName> {
  const modules = new Map<string, RegisteredModule>()
  const builtin = httpApiModule()
  modules.set(`builtin:${builtin.name}`, await registerModule(sandbox, builtin.bytes))
  for (const bytes of further) {
    const registered = await registerModule(sandbox, bytes)
    modules.set(registered.digest, registered)
  }
  return modules
}

async function registerModule(sandbox: Sandbox, bytes: Uint8Array): Promise<RegisteredModule> {
  try {
    return await sandbox.register(bytes)
  } catch (cause) {
    if (!(cause instanceof ModuleRefused)) throw cause
    throw new StartupError('wasm_modules_load_failed', cause.message, { cause })
  }
}
