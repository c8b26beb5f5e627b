import { existsSync, statSync } from 'node:fs'
import {
  assertPeerCredentials,
  assertPrivate,
  assertProtected,
  type LoadedConfig,
  type ProcessFacts,
  privatePaths,
  protectedPaths,
} from '@latchgate/gate'
import { type Check, Section } from './check.js'

/** Who could write what decides what the gate does, by the gate's own rules (design 8). */
export function checkPermissions(loaded: LoadedConfig, { uid }: ProcessFacts): readonly Check[] {
  const section = new Section('permissions')
  checkUser(section, loaded, uid)
  section.attempt(
    'peer_credentials',
    'set `identity.provider`',
    () => assertPeerCredentials(loaded.config),
    () => 'can be read here, where they are needed',
  )
  const mend = "give it to the gate's user: chown and chmod"
  for (const path of privatePaths(loaded)) {
    section.attempt(
      'private',
      mend,
      () => assertPrivate(path, uid),
      () => `${path} is its owner's`,
    )
  }
  for (const path of protectedPaths(loaded)) {
    if (!existsSync(path)) {
      section.attempt(
        'writable',
        mend,
        () => assertProtected([path], uid),
        () => null,
      )
      continue
    }
    section.attempt(
      'writable',
      mend,
      () => assertProtected([path], uid),
      () => `${path} by its owner only`,
    )
  }
  return section.checks
}

// All rules are about the user whose gate it is: seen by another, they are about somebody else.
function checkUser(section: Section, { file }: LoadedConfig, uid: number): void {
  if (file === null) return
  const owner = statSync(file).uid
  if (owner === uid || owner === 0) section.ok('user', `uid ${uid}`)
  else {
    section.warn(
      'user',
      `this is uid ${uid}, and the configuration belongs to uid ${owner}`,
      `run it as the gate's user: sudo -u '#${owner}' latchgate doctor`,
    )
  }
}
