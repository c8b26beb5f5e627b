import { spawn } from 'node:child_process'
import { existsSync, statSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { FaultPoints, InjectedFault, killAt, ManualClock, tempDir } from '../src/index.js'

test('the clock moves only when told, and wakes sleepers in the order of their times', async () => {
  const clock = new ManualClock(1_000)
  const woken: string[] = []
  const late = clock.sleep(20).then(() => woken.push('late'))
  const early = clock.sleep(10).then(() => woken.push('early'))
  expect(clock.now()).toBe(1_000)
  clock.advance(5)
  expect(clock.sleeping).toBe(2)
  clock.advance(15)
  await Promise.all([late, early])
  expect(woken).toEqual(['early', 'late'])
  clock.advance(-500)
  expect(clock.now()).toBe(520)
})

test('a fault point fires once, at the passage it was armed for', async () => {
  const faults = new FaultPoints()
  await faults.reach('commit')
  faults.arm('commit', 'throw', 2)
  await faults.reach('commit')
  await expect(faults.reach('commit')).rejects.toThrow(InjectedFault)
  await faults.reach('commit')
  expect(faults.hits('commit')).toBe(4)
})

test('a hanging fault point holds until it is released', async () => {
  const faults = new FaultPoints()
  faults.arm('answer', 'hang')
  const arrived = faults.reached('answer')
  let over = false
  const run = faults.reach('answer').then(() => {
    over = true
  })
  await arrived
  expect(over).toBe(false)
  faults.release('answer')
  await run
  expect(over).toBe(true)
})

test('a process is killed at its marker without running its clean-up', async () => {
  const script = `process.on('exit', () => console.log('cleaned'));
    console.log('intent committed'); setInterval(() => {}, 1000)`
  const killed = await killAt(spawn(process.execPath, ['-e', script]), 'intent committed')
  expect(killed).toMatchObject({ signal: 'SIGKILL', code: null })
  expect(killed.output).not.toContain('cleaned')
  const ended = killAt(spawn(process.execPath, ['-e', '']), 'never printed')
  await expect(ended).rejects.toThrow('ended (0) before it printed never printed')
})

test('a temporary directory is private, short enough for sockets, and goes away', () => {
  const dir = tempDir()
  expect(Buffer.byteLength(dir.path)).toBeLessThanOrEqual(32)
  expect(statSync(dir.path).mode & 0o777).toBe(0o700)
  writeFileSync(dir.file('a.txt'), 'x')
  dir.remove()
  expect(existsSync(dir.path)).toBe(false)
})
