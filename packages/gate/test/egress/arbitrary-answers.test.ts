import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { EgressResult } from '../../src/egress/port.js'
import { withRawUpstream } from './egress-fixture.js'

const PIECES: readonly string[] = [
  'HTTP/1.1 200 OK\r\n',
  'HTTP/1.1 204 No Content\r\n',
  'HTTP/1.1 100 Continue\r\n',
  'HTTP/1.1 103 Hints\r\n',
  'HTTP/1.0 200 OK\r\n',
  'content-length: 5\r\n',
  'content-length: 99999999\r\n',
  'transfer-encoding: chunked\r\n',
  'content-encoding: gzip\r\n',
  'connection: close\r\n',
  'connection: upgrade\r\nupgrade: x\r\n',
  '\r\n',
  'hello',
  '5\r\nhello\r\n',
  '0\r\n\r\n',
  'fffffffff\r\n',
  'x'.repeat(3_000),
  '\x1f\x8b\x08\x00',
  '\x00',
]

function isConsistent({ outcome, status, response, error }: EgressResult): boolean {
  if ((response === null) === (error === null)) return false
  if (response !== null) return outcome === 'answered' && status === response.status
  return outcome === (status === null ? 'unknown' : 'answered')
}

test('whatever bytes an upstream sends, the call ends with one consistent result', async () => {
  let answer: readonly string[] = []
  const { ask } = await withRawUpstream('http', {
    onBytes: (_received, socket) => {
      for (const piece of answer) socket.write(piece, 'latin1')
      socket.end()
    },
  })
  const answers = fc.oneof(
    fc.array(fc.constantFrom(...PIECES), { maxLength: 12 }),
    // Most of the time the beginning is right, so that the rest is looked at.
    fc
      .array(fc.constantFrom(...PIECES), { maxLength: 10 })
      .map((pieces) => ['HTTP/1.1 200 OK\r\n', ...pieces]),
    fc.array(fc.string({ unit: 'binary-ascii', maxLength: 30 }), { maxLength: 5 }),
  )
  await fc.assert(
    fc.asyncProperty(answers, fc.boolean(), async (pieces, joined) => {
      answer = joined ? [pieces.join('')] : pieces
      const result = await ask('/', { maxResponseBytes: 2_000, timeoutMs: 2_000 })
      expect(isConsistent(result)).toBe(true)
      expect(result.error?.type).not.toBe('upstream_timeout')
    }),
    { numRuns: process.env['SLOW'] === '1' ? 5_000 : 300 },
  )
})

test('an answer over the cap that ends in the same packet does no more than fail', async () => {
  const body = `ffff\r\n${'x'.repeat(65_535)}\r\n0\r\n\r\n`
  for (const connection of ['close', 'keep-alive']) {
    const { ask } = await withRawUpstream('http', {
      onBytes: (_received, socket) => {
        const head = `HTTP/1.1 200 OK\r\nconnection: ${connection}\r\n`
        socket.end(`${head}transfer-encoding: chunked\r\n\r\n${body}`)
      },
    })
    const result = await ask('/', { maxResponseBytes: 1_000 })
    expect(result).toMatchObject({ outcome: 'answered', status: 200, response: null })
    expect(result.error?.type).toBe('response_too_large')
  }
})
