import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import {
  createTestProject,
  type ProjectSettings,
  startTestGate,
  type TestProject,
} from '../src/harness/gate.js'

const projects: TestProject[] = []

afterEach(() => {
  for (const project of projects.splice(0)) project.remove()
})

async function made(settings: ProjectSettings = {}): Promise<TestProject> {
  const project = await createTestProject(settings)
  projects.push(project)
  return project
}

test('trust roots that are no certificates refuse the start, naming the key', async () => {
  const project = await made({ caPem: 'not a certificate' })
  await expect(startTestGate(project)).rejects.toMatchObject({
    name: 'StartupError',
    code: 'config_validation_failed',
    message: 'egress.extra_ca_file holds no PEM certificate',
  })
  expect(existsSync(project.socket)).toBe(false)
})

test('a directory of the socket that cannot be made refuses the start with its code, and starts once that is put right', async () => {
  const project = await made({ socketDirectory: 'file/s' })
  const inTheWay = join(project.root, 'file')
  writeFileSync(inTheWay, '', { mode: 0o600 })
  await expect(startTestGate(project)).rejects.toMatchObject({
    name: 'StartupError',
    code: 'client_uds_failed',
    message: expect.stringMatching(/^the socket's directory .*\/file\/s cannot be made \(/),
  })
  rmSync(inTheWay)
  const gate = await startTestGate(project)
  await gate.close()
})
