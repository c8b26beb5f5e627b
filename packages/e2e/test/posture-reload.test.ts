import { readFileSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { afterEach, expect, test } from 'vitest'
import { asOperator } from '../src/harness/approvals.js'
import { createTestProject, startTestGate } from '../src/harness/gate.js'
import { RawClient } from '../src/harness/raw-client.js'
import { TokenIssuer } from '../src/harness/token-issuer.js'

const cleanups: (() => Promise<void> | void)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

test('a reload relaxes no posture: keys without TLS need a start that says so', async () => {
  const project = await createTestProject()
  cleanups.push(() => project.remove())
  const edit = (change: (text: string) => string): void =>
    writeFileSync(project.configFile, change(readFileSync(project.configFile, 'utf8')))
  // Not the uid of the gate: such an agent would need the flag by itself.
  edit((text) =>
    text
      .replace(`principals.${userInfo().uid}]`, 'principals.4000000000]')
      .replace('identity_insecure = true', 'identity_insecure = false'),
  )
  const gate = await startTestGate(project)
  const admin = new RawClient({ socket: project.adminSocket })
  cleanups.push(async () => {
    await admin.close()
    await gate.close()
  })
  const table = new TokenIssuer().table('jwks_url = "http://127.0.0.1:9/keys"')
  edit(
    (text) => `${text.replace('identity_insecure = false', 'identity_insecure = true')}\n${table}`,
  )
  const refused = await asOperator({ admin, gate }, 'POST', '/v1/admin/reload')
  expect([refused.status, refused.json()['error']], refused.text).toEqual([500, 'reload_failed'])
  edit((text) => text.replace(table, ''))
  const reloaded = await asOperator({ admin, gate }, 'POST', '/v1/admin/reload')
  expect(reloaded.status, reloaded.text).toBe(200)
})
