import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ROOT } from './root.mjs'
import { say } from './say.mjs'

const LOCK = join(ROOT, '.cache/bootstrap.lock')
const LOOK_EVERY_MS = 200

const MAY_NOT_WRITE = ['EACCES', 'EPERM', 'EROFS']

/** Whether this user may write what installing and building write; leaves nothing behind. */
export function canWriteHere() {
  try {
    mkdirSync(dirname(LOCK), { recursive: true })
    const probe = `${LOCK}.${process.pid}.probe`
    writeFileSync(probe, '')
    rmSync(probe)
    return true
  } catch (error) {
    if (MAY_NOT_WRITE.includes(error.code)) return false
    throw error
  }
}

/**
 * Does the work while no other command installs or builds in this directory: npm empties
 * node_modules while it installs, and a compiler's half-written file is run by nobody.
 */
export async function alone(work) {
  await acquire()
  process.once('exit', release)
  try {
    return await work()
  } finally {
    process.off('exit', release)
    release()
  }
}

async function acquire() {
  mkdirSync(dirname(LOCK), { recursive: true })
  let told = false
  while (!take()) {
    const holder = readHolder()
    if (holder === null) continue
    if (!isAlive(holder)) {
      removeStale(holder)
      continue
    }
    if (!told) say(`waiting for another command that installs or builds here (pid ${holder})`)
    told = true
    await sleep(LOOK_EVERY_MS)
  }
}

function take() {
  // Linked into place with its contents: a lock without a holder would be nobody's to remove.
  const mine = `${LOCK}.${process.pid}`
  writeFileSync(mine, `${process.pid}\n`)
  try {
    linkSync(mine, LOCK)
    return true
  } catch (error) {
    if (error.code !== 'EEXIST') throw error
    return false
  } finally {
    rmSync(mine, { force: true })
  }
}

/** The pid in the lock, null when the lock has just gone. */
function readHolder() {
  try {
    return Number(readFileSync(LOCK, 'utf8'))
  } catch (error) {
    if (error.code === 'ENOENT') return null
    throw error
  }
}

// Moved away first: of two that find the same stale lock, only one removes it, and neither the new
// lock of the other.
function removeStale(holder) {
  const away = `${LOCK}.${process.pid}.stale`
  try {
    renameSync(LOCK, away)
  } catch (error) {
    if (error.code === 'ENOENT') return
    throw error
  }
  if (Object.is(Number(readFileSync(away, 'utf8')), holder)) rmSync(away)
  else renameSync(away, LOCK)
}

function release() {
  if (readHolder() === process.pid) rmSync(LOCK, { force: true })
}

function isAlive(pid) {
  if (!Number.isInteger(pid) || pid <= 0) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}
