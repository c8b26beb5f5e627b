import { commit } from '@latchgate/evidence'
import { expect, test } from 'vitest'
import { evidenceCrypto } from '../../src/evidence-crypto.js'
import { commitPayload, PAYLOAD_RETENTION_MS } from '../../src/pipeline/payload.js'

const BYTES = new TextEncoder().encode('{"a":1}')

test('no salt is given out twice, is empty, or changes later', () => {
  const drafts = Array.from({ length: 400 }, () => commitPayload('arguments', BYTES, 0).draft)
  const salts = drafts.map(({ salt }) => Buffer.from(salt).toString('hex'))
  expect(new Set(salts).size).toBe(400)
  expect(salts.filter((salt) => !/^[0-9a-f]{64}$/.test(salt) || /^0+$/.test(salt))).toEqual([])
  const opened = drafts.map(({ salt, bytes }) => commit(evidenceCrypto, salt, bytes).hash)
  expect(opened).toEqual(drafts.map(({ hash }) => hash))
})

test('a payload is kept for a day', () => {
  expect(commitPayload('output', BYTES, 1000).draft.eraseAfter).toBe(1000 + PAYLOAD_RETENTION_MS)
  expect(PAYLOAD_RETENTION_MS).toBe(86_400_000)
})
