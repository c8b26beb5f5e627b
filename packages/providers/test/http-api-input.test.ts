import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Asked, runHttpApi } from './support/http-host.js'

const URL_ = 'https://a.example/x'

/** The one request that a task leads to. */
function requestOf(task: unknown): Asked {
  const { asked } = runHttpApi(typeof task === 'string' ? task : JSON.stringify(task))
  expect(asked.length).toBe(1)
  return asked[0]!
}

describe('the task becomes the request', () => {
  test('with nothing but a URL: GET, no headers, no body, thirty seconds', () => {
    expect(requestOf({ url: URL_ })).toEqual({
      method: 'GET',
      url: URL_,
      headers: [],
      body: null,
      timeoutMs: 30_000,
    })
  })

  test('with every member given, in any order and with any white space', () => {
    const text = `\t{ "timeout_ms" :0 ,\n"body_base64":"AP8=", "headers":\r{"B" : "2","a":"1"},
      "method":"m-SEARCH","url":"${URL_}" } \n`
    expect(requestOf(text)).toEqual({
      method: 'm-SEARCH',
      url: URL_,
      headers: [
        ['B', '2'],
        ['a', '1'],
      ],
      body: Uint8Array.from([0, 255]),
      timeoutMs: 0,
    })
  })

  test('a null body is none, an empty one is an empty one', () => {
    expect(requestOf({ url: URL_, body_base64: null }).body).toBeNull()
    expect(requestOf({ url: URL_, body_base64: '' }).body).toEqual(new Uint8Array())
  })

  test('unknown members are ignored, whatever they are', () => {
    fc.assert(
      fc.property(
        fc.jsonValue({ maxDepth: 20 }),
        fc.string({ unit: 'grapheme' }),
        (value, name) => {
          fc.pre(!['url', 'method', 'headers', 'body_base64', 'timeout_ms'].includes(name))
          const task = { [name]: value, url: URL_, [`${name}.`]: [value] }
          expect(requestOf(task)).toEqual(requestOf({ url: URL_ }))
        },
      ),
    )
  })

  test('of a member given twice the last one counts', () => {
    const text = `{"url":"https://b/","headers":{"x":"1","y":"2"},"url":"${URL_}","headers":{"z":"3"}}`
    expect(requestOf(text)).toMatchObject({ url: URL_, headers: [['z', '3']] })
  })

  test('any text in any way to write it arrives as it was meant', () => {
    const text = fc.string({ unit: 'binary', maxLength: 40 })
    fc.assert(
      fc.property(text, text, text, fc.boolean(), (url, name, value, escaped) => {
        const plain = JSON.stringify({ url, headers: { [`n${name}`]: value } })
        const task = escaped
          ? plain.replace(/[^\u0020-\u007e]/g, (one) => {
              return `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`
            })
          : plain
        const asked = requestOf(task)
        expect([asked.url, asked.headers]).toEqual([url, [[`n${name}`, value]]])
      }),
    )
  })

  test('every escape means what it means in JSON', () => {
    const text = '\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\u00e9\\u20AC\\ud83d\\uDE00'
    expect(requestOf(`{"\\u0075rl":"${text}"}`).url).toBe(JSON.parse(`"${text}"`))
  })

  test('any body arrives byte by byte', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const task = { url: URL_, body_base64: Buffer.from(bytes).toString('base64') }
        expect([...requestOf(task).body!]).toEqual([...bytes])
      }),
    )
  })

  test('a body of two MiB arrives', () => {
    const body = Buffer.alloc(2_097_152, 'abc')
    const asked = requestOf({ url: URL_, body_base64: body.toString('base64') })
    expect(Buffer.compare(asked.body!, body)).toBe(0)
  })

  test.each([0, 1, 30_000, 4_294_967_295])('a time-out of %d ms', (timeout_ms) => {
    expect(requestOf({ url: URL_, timeout_ms }).timeoutMs).toBe(timeout_ms)
  })
})

describe('a task that is none is an error, and nothing is asked for', () => {
  const cases: readonly (readonly [string, string, string])[] = [
    ['nothing', '', 'expected an object'],
    ['an array', '[]', 'expected an object'],
    ['no URL', '{}', 'url is missing'],
    ['a URL that is null', '{"url":null}', 'expected a string'],
    ['a URL that is a number', '{"url":1}', 'expected a string'],
    ['headers that are null', '{"url":"u","headers":null}', 'headers: expected an object'],
    ['a header that is a number', '{"url":"u","headers":{"a":1}}', 'expected a string'],
    ['a header without a value', '{"url":"u","headers":{"a"}}', 'expected a colon'],
    [
      'headers that do not end',
      '{"url":"u","headers":{"a":"b"',
      'headers: expected a comma or the end of the object',
    ],
    ['text behind the document', '{"url":"u"}x', 'unexpected text after the document'],
    ['a NUL behind the document', '{"url":"u"}\0', 'unexpected text after the document'],
    ['a comma too many', '{"url":"u",}', 'expected a string'],
    ['a missing comma', '{"url":"u" "a":1}', 'expected a comma or the end of the object'],
    ['a string that does not end', '{"url":"u', 'unterminated string'],
    ['an escape that does not end', '{"url":"u\\', 'unterminated string'],
    ['an unknown escape', '{"url":"\\x"}', 'unknown escape'],
    ['a short \\u escape', '{"url":"\\u12', 'malformed \\u escape'],
    ['a \\u escape that is not hex', '{"url":"\\u12g4"}', 'malformed \\u escape'],
    ['a lone high surrogate', '{"url":"\\ud800"}', 'lone surrogate'],
    ['a lone low surrogate', '{"url":"\\udc00"}', 'lone surrogate'],
    ['two high surrogates', '{"url":"\\ud800\\ud800"}', 'lone surrogate'],
    ['a line break in a string', '{"url":"a\nb"}', 'control character in a string'],
    ['a time-out of 2^32', '{"url":"u","timeout_ms":4294967296}', 'expected an integer below 2^32'],
    [
      'a time-out of many digits',
      `{"url":"u","timeout_ms":${'9'.repeat(40)}}`,
      'expected an integer below 2^32',
    ],
    ['a negative time-out', '{"url":"u","timeout_ms":-1}', 'expected an integer below 2^32'],
    [
      'a time-out with a fraction',
      '{"url":"u","timeout_ms":1.0}',
      'expected an integer below 2^32',
    ],
    [
      'a time-out with an exponent',
      '{"url":"u","timeout_ms":1e3}',
      'expected an integer below 2^32',
    ],
    [
      'a time-out with a leading zero',
      '{"url":"u","timeout_ms":01}',
      'expected an integer below 2^32',
    ],
    ['a body that is a number', '{"url":"u","body_base64":1}', 'expected a string'],
    ['a number that begins with zero', '{"a":01,"url":"u"}', 'a number begins with zero'],
    ['a number without digits', '{"a":-,"url":"u"}', 'expected a value'],
    ['a word that is none', '{"a":nul,"url":"u"}', 'expected a value'],
    ['65 levels', `{"a":${'['.repeat(65)}${']'.repeat(65)},"url":"u"}`, 'nested too deeply'],
    ['a million levels', `{"a":${'['.repeat(1_000_000)}`, 'nested too deeply'],
    ...[
      'A',
      'AA',
      'AAA',
      '=',
      '====',
      'A===',
      'AB==',
      'AAB=',
      'A-__',
      'AA A',
      'AA=A',
      'AAAA=',
      'é===',
    ].map((text): [string, string, string] => [
      `the base64 ${text}`,
      `{"url":"u","body_base64":"${text}"}`,
      'body_base64 is not base64',
    ]),
  ]
  test.each(cases)('%s', (_name, task, message) => {
    expect(runHttpApi(task)).toEqual({
      asked: [],
      variant: 'err',
      text: `invalid request JSON: ${message}`,
    })
  })

  test('64 levels are not too many', () => {
    expect(requestOf(`{"a":${'['.repeat(64)}${']'.repeat(64)},"url":"u"}`).url).toBe('u')
  })

  test('what the module takes is what JSON allows, and the other way round', () => {
    const document = fc
      .record({ url: fc.string(), headers: fc.dictionary(fc.string(), fc.string()), x: fc.json() })
      .map((one) => JSON.stringify({ ...one, x: JSON.parse(one.x) as unknown }))
    const edit = fc.tuple(
      fc.nat(200),
      fc.nat(2),
      fc.constantFrom(...'{}[]",:\\u0e-.1 tn\n'.split('')),
    )
    fc.assert(
      fc.property(document, fc.array(edit, { maxLength: 2 }), (text, edits) => {
        let task = text
        for (const [at, cut, put] of edits) task = task.slice(0, at) + put + task.slice(at + cut)
        const { variant, text: message } = runHttpApi(task)
        const taken = variant === 'ok'
        // JavaScript takes half a character for a character.
        if (!message.endsWith('lone surrogate'))
          expect([taken, message]).toEqual([isTask(task), message])
      }),
      { numRuns: 2000 },
    )
  })
})

/** Whether JavaScript reads the text as a task. */
function isTask(text: string): boolean {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return false
    throw error
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const { url, method, headers = {}, timeout_ms: ms = 0 } = value as Record<string, unknown>
  if (typeof url !== 'string' || (method !== undefined && typeof method !== 'string')) return false
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers)) return false
  return Object.values(headers).every((one) => typeof one === 'string') && Number.isInteger(ms)
}
