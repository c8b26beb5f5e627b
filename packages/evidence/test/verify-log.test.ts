import type { Json, JsonObject } from '@latchgate/protocol'
import { describe, expect, test } from 'vitest'
import {
  encodeLeaf,
  Findings,
  type LogReport,
  type LogRow,
  NoteError,
  parseLeaf,
  verifyLog,
} from '../src/index.js'
import { crypto, hex, treeHash, utf8 } from './fixtures.js'
import {
  logSigner,
  newerSigner,
  ORIGIN,
  receiptSigner,
  rowOf,
  SampleLog,
  sampleLog,
  VKEY,
} from './sample-log.js'

const log = sampleLog()
const { rows } = log
const root = hex(treeHash(rows.map((row) => row.bytes)))
const STEP = process.env['SLOW'] === '1' ? 1 : 7

const verify = (
  leaves: Iterable<LogRow>,
  more: { readonly vkey?: string; readonly checkpoint?: string } = {},
): LogReport => verifyLog({ crypto, leaves, ...more })

const indexes = (report: LogReport): readonly (number | null)[] =>
  report.findings.map((finding) => finding.index)

// What somebody writes who also mends the hash and the columns.
function rewritten(index: number, change: (body: JsonObject) => JsonObject): readonly LogRow[] {
  const leaf = parseLeaf(rows[index]!.bytes)
  return rows.with(index, rowOf(index, encodeLeaf({ ...leaf, body: change(leaf.body) })))
}

describe('a log as a gate writes it', () => {
  test('has no findings, and every question is answered on its own', () => {
    const report = verify(rows, { vkey: VKEY, checkpoint: log.checkpoint() })
    expect(report).toEqual({
      origin: ORIGIN,
      leavesChecked: rows.length,
      size: rows.length,
      root,
      storedHashesRoot: null,
      checkpoint: { size: rows.length, root, signature: 'valid', consistency: 'matches' },
      trust: 'key_given',
      receipts: { checked: 3, signatureValid: 3 },
      findings: [],
      findingsOmitted: 0,
    })
  })

  test('agrees with the checkpoint of every size it has had', () => {
    for (let size = 0; size <= rows.length; size += 1) {
      const report = verify(rows, { vkey: VKEY, checkpoint: log.checkpoint(size) })
      expect(report.findings, String(size)).toEqual([])
      expect(report.checkpoint?.consistency).toBe('matches')
    }
  })

  test('without a key says that its trust is in the log itself', () => {
    const report = verify(rows, { checkpoint: log.checkpoint() })
    expect(report.trust).toBe('log_itself')
    expect(report.checkpoint?.signature).toBe('valid_by_log_key')
    expect(verify(rows).checkpoint).toBeNull()
  })

  test('that is empty is a log of nobody', () => {
    expect(verify([]).findings).toEqual([])
    expect(verify([]).origin).toBeNull()
    expect(verify([], { vkey: VKEY }).findings).toHaveLength(1)
  })
})

describe('one mutation', () => {
  test('of any byte of any leaf is found, at that leaf', () => {
    rows.forEach((row, index) => {
      for (let at = index % STEP; at < row.bytes.length; at += STEP) {
        const bytes = row.bytes.with(at, row.bytes[at]! ^ (1 << (at % 8)))
        const report = verify(rows.with(index, { ...row, bytes }))
        const [finding] = report.findings
        expect(finding, `leaf ${index}, byte ${at}`).toMatchObject({ index, column: 'hash' })
        expect(report.storedHashesRoot, 'the stored hashes still give the root').toBe(root)
        expect(report.root).not.toBe(root)
      }
    })
  })

  test('of any byte is found without stored hashes, against a checkpoint', () => {
    const bare = rows.map(({ index, bytes }) => ({ index, bytes }))
    const checkpoint = log.checkpoint()
    rows.forEach((row, index) => {
      for (let at = index % 31; at < row.bytes.length; at += 31) {
        const bytes = row.bytes.with(at, row.bytes[at]! ^ 1)
        const report = verify(bare.with(index, { index, bytes }), { vkey: VKEY, checkpoint })
        expect(report.checkpoint?.consistency, `leaf ${index}, byte ${at}`).toBe('differs')
        expect(report.findings.length).toBeGreaterThan(0)
      }
    })
  })

  test('of any bit of a stored hash is found, at that leaf', () => {
    rows.forEach((row, index) => {
      for (let bit = 0; bit < 256; bit += STEP) {
        const hash = row.hash!.with(bit >> 3, row.hash![bit >> 3]! ^ (1 << (bit & 7)))
        const report = verify(rows.with(index, { ...row, hash }))
        expect(indexes(report)).toEqual([index])
        expect(report.root).toBe(root)
      }
    })
  })

  test('of any column of any row is found, with its name', () => {
    rows.forEach((row, index) => {
      for (const [column, value] of Object.entries(row.columns!)) {
        const others: readonly Json[] =
          value === null
            ? ['x', 1, '']
            : [null, typeof value === 'number' ? value + 1 : `${String(value)}x`]
        for (const other of others) {
          const columns = { ...row.columns, [column]: other }
          const report = verify(rows.with(index, { ...row, columns }))
          expect(report.findings, `${column} of ${index}`).toMatchObject([{ index, column }])
        }
      }
    })
  })

  test('dropping any leaf but the last is found, at its place', () => {
    for (let index = 0; index < rows.length - 1; index += 1) {
      const report = verify(rows.toSpliced(index, 1))
      expect(report.findings[0]).toMatchObject({ index, problem: `leaf ${index} is missing` })
      expect(report.root).toBeNull()
    }
    expect(verify(rows.toSpliced(3, 4)).findings[0]?.problem).toBe('leaves 3–6 are missing')
  })

  test('dropping any leaf and closing the gap is found against a checkpoint', () => {
    for (let index = 0; index < rows.length; index += 1) {
      const closed = rows.toSpliced(index, 1).map((row, at) => ({ ...row, index: at }))
      const report = verify(closed, { vkey: VKEY, checkpoint: log.checkpoint() })
      expect(report.checkpoint?.consistency).toBe('log_is_shorter')
      expect(report.root).not.toBe(root)
      const earlier = verify(closed, { checkpoint: log.checkpoint(rows.length - 1) })
      const isLast = index === rows.length - 1
      expect(earlier.checkpoint?.consistency).toBe(isLast ? 'matches' : 'differs')
    }
  })

  test('reading any two neighbours in the other order is found, at the first of them', () => {
    for (let index = 0; index + 1 < rows.length; index += 1) {
      const swapped = rows.with(index, rows[index + 1]!).with(index + 1, rows[index]!)
      expect(verify(swapped).findings[0]?.index).toBe(index)
    }
  })

  test('exchanging the contents of any two rows changes the root, and is found by a checkpoint', () => {
    for (let index = 0; index + 1 < rows.length; index += 1) {
      const [a, b] = [rows[index]!, rows[index + 1]!]
      const swapped = rows.with(index, { ...b, index }).with(index + 1, { ...a, index: index + 1 })
      const report = verify(swapped, { vkey: VKEY, checkpoint: log.checkpoint() })
      expect(report.root).not.toBe(root)
      expect(report.checkpoint?.consistency).toBe('differs')
    }
  })

  test('repeating any row is found, at its index', () => {
    for (let index = 0; index < rows.length; index += 1) {
      const report = verify(rows.toSpliced(index, 0, rows[index]!))
      expect(report.findings).toMatchObject([{ index, problem: 'this index was read before' }])
    }
  })

  test('a cut-off tail is found against a checkpoint, at the place where the log ends', () => {
    for (let size = 0; size < rows.length; size += 1) {
      const report = verify(rows.slice(0, size), { checkpoint: log.checkpoint() })
      expect(report.checkpoint?.consistency).toBe('log_is_shorter')
      expect(
        report.findings.some((one) => one.index === size && /tail is gone/.test(one.problem)),
      ).toBe(true)
    }
  })

  // notes/evidence 8: a truncated tail shows against a checkpoint held elsewhere, and only there.
  test('a cut-off tail alone is a shorter log, and its report says the size', () => {
    const report = verify(rows.slice(0, 10))
    expect(report.findings).toEqual([])
    expect(report.size).toBe(10)
    expect(report.root).not.toBe(root)
  })
})

describe('whoever mends hash and columns as well', () => {
  test('is found by the signature of a receipt, at that leaf', () => {
    const index = rows.findIndex((row) => parseLeaf(row.bytes).type === 'receipt')
    const report = verify(rewritten(index, (body) => ({ ...body, principal: 'agent-b' })))
    expect(report.findings).toMatchObject([
      { index, column: 'receipt_signature', problem: "the receipt's signature is invalid" },
    ])
    expect(report.receipts).toEqual({ checked: 3, signatureValid: 2 })
  })

  test('is found by the hash of a receipt, whatever its signature', () => {
    const index = rows.findIndex((row) => parseLeaf(row.bytes).type === 'receipt')
    const report = verify(
      rewritten(index, (body) => ({ ...body, provider_receipt: { ok: false } })),
    )
    expect(report.findings.map((one) => one.column)).toEqual(['receipt_signature', 'result_hash'])
  })

  test('is bracketed between two checkpoints', () => {
    const changed = rewritten(7, (body) => ({ ...body, code: 'allowed' }))
    const before = verify(changed, { checkpoint: log.checkpoint(7) })
    const after = verify(changed, { checkpoint: log.checkpoint(8) })
    expect([before.checkpoint?.consistency, after.checkpoint?.consistency]).toEqual([
      'matches',
      'differs',
    ])
  })

  test('leaves a gap in the numbers of a session', () => {
    const denial = rows.findIndex((row) => row.columns!['decision'] === 'deny')
    const closed = rows.toSpliced(denial, 1).map((row, at) => rowOf(at, row.bytes))
    const finding = verify(closed).findings[0]
    expect(finding).toMatchObject({
      index: denial,
      column: 'session_seq',
      problem: 'session s-1 goes from call 1 to call 3',
    })
  })
})

test('a number given to two calls of a session is found at the second', () => {
  const twice = new SampleLog()
  twice.addKey('log', logSigner)
  const numbered = (grant: string, session_seq: number): number =>
    twice.add('intent', { grant_id: grant, session_id: 's-1', session_seq })
  numbered('grant-1', 1)
  twice.add('unknown', { grant_id: 'grant-1', session_id: 's-1', session_seq: 1 })
  const second = numbered('grant-2', 1)
  expect(verify(twice.rows).findings).toMatchObject([
    { index: second, problem: 'session s-1 goes from call 1 to call 1' },
  ])
})

describe('keys', () => {
  const wrongKey = (write: (written: SampleLog) => void): LogReport => {
    const written = new SampleLog()
    written.addKey('log', logSigner)
    write(written)
    const report = verify(written.rows)
    // Receipts without their intents: what is said of the numbers of the session is left out.
    const findings = report.findings.filter((one) => one.column !== 'session_seq')
    return { ...report, findings }
  }

  test('a receipt by a key that the log never announced is found', () => {
    const report = wrongKey((written) => written.addReceipt(1, receiptSigner))
    expect(report.findings).toMatchObject([
      { index: 1, problem: "the receipt's signature is unknown_key_id" },
    ])
  })

  test('a receipt before its key, and after the key was retired, is found by its index', () => {
    const report = wrongKey((written) => {
      written.addReceipt(1, receiptSigner)
      written.addKey('receipt', receiptSigner)
      written.addReceipt(2, receiptSigner)
      written.add('key_retired', { purpose: 'receipt', kid: receiptSigner.kid })
      written.addReceipt(3, receiptSigner)
    })
    expect(indexes(report)).toEqual([1, 5])
    expect(report.findings[1]?.problem).toMatch(/may not sign at this index/)
  })

  test('a key revoked from an index at which it had signed is found at the revocation', () => {
    const report = wrongKey((written) => {
      written.addKey('receipt', receiptSigner)
      written.addReceipt(1, receiptSigner)
      written.addReceipt(2, receiptSigner)
      const body = { purpose: 'receipt', kid: receiptSigner.kid, from_index: 3 }
      written.add('key_revoked', body)
      written.addReceipt(3, receiptSigner)
    })
    expect(indexes(report)).toEqual([4, 5])
    expect(report.findings[0]).toMatchObject({ column: 'from_index' })
  })

  test('a second key under one kid is found', () => {
    const twin = Object.create(receiptSigner, {
      publicKey: { value: newerSigner.publicKey },
    }) as typeof receiptSigner
    const report = wrongKey((written) => {
      written.addKey('receipt', receiptSigner)
      written.addKey('receipt', twin)
    })
    expect(report.findings).toMatchObject([{ index: 2, problem: /was added before/ }])
  })

  test('a log rewritten under a key of its own is not the log of the key that was handed in', () => {
    const forged = new SampleLog()
    forged.addKey('log', newerSigner)
    forged.addCall(1, receiptSigner)
    const checkpoint = forged.checkpoint(forged.rows.length, newerSigner)
    const report = verify(forged.rows, { vkey: VKEY, checkpoint })
    expect(report.checkpoint?.signature).toBe('invalid')
    expect(report.findings.map((one) => one.column)).toContain('key_added')
    // Without the key it can only be called consistent with itself, and that is what it says.
    expect(verify(forged.rows, { checkpoint }).checkpoint?.signature).toBe('valid_by_log_key')
  })
})

describe('a checkpoint', () => {
  test('that cannot be read, or is of another key, is a finding', () => {
    expect(verify(rows, { checkpoint: 'nothing' }).findings).toMatchObject([
      { column: 'checkpoint', problem: /cannot be read/ },
    ])
    const other = log.checkpoint(5, newerSigner)
    const report = verify(rows, { vkey: VKEY, checkpoint: other })
    expect(report.checkpoint).toMatchObject({ signature: 'invalid', consistency: 'matches' })
    expect(report.findings).toHaveLength(1)
    expect(verify(rows, { checkpoint: other }).checkpoint?.signature).toBe('invalid')
  })

  test('tells a changed leaf whose hash was left alone from one whose hash was mended', () => {
    const bytes = rows[7]!.bytes.with(20, 0x20)
    const report = verify(rows.with(7, { ...rows[7]!, bytes }), { checkpoint: log.checkpoint() })
    expect(report.findings.at(-1)?.problem).toMatch(/only the leaves named here were changed/)
    const mended = rewritten(7, (body) => ({ ...body, code: 'x' }))
    const worse = verify(mended, { checkpoint: log.checkpoint() })
    expect(worse.findings.at(-1)?.problem).toMatch(/something in leaves 0–\d+ was changed/)
  })
})

test('bytes that are no leaf, and a leaf of another log, are named and the walk goes on', () => {
  const foreign = new SampleLog()
  foreign.addKey('log', logSigner)
  foreign.add('summary', {}, 'elsewhere.example.com')
  foreign.rows.push({ index: 2, bytes: utf8('{"a": 1}') }, { index: 3, bytes: new Uint8Array() })
  foreign.add('summary', {})
  const report = verify(foreign.rows)
  expect(indexes(report)).toEqual([1, 2, 3])
  expect(report.leavesChecked).toBe(5)
})

test('a key that is none is an error of the caller, not a finding', () => {
  expect(() => verify(rows, { vkey: 'none' })).toThrow(NoteError)
})

test('findings beyond the limit are counted and not kept', () => {
  const findings = new Findings(3)
  const broken = rows.map((row) => ({ ...row, hash: new Uint8Array(32) }))
  const report = verifyLog({ crypto, leaves: broken, findings })
  expect(report.findings).toHaveLength(3)
  expect(report.findingsOmitted).toBe(rows.length - 3)
})
