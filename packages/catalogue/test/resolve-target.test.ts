import type { Json, JsonObject } from '@latchgate/protocol'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Manifest, resolveTarget, type Target } from '../src/index.js'
import { manifest, PLAIN, templated } from './manifest-text.js'

const STRING = { type: 'string' }

const github = templated(
  {
    url_template: 'https://api.example.com/{{path}}',
    path_params: ['path'],
    query_params: 'query',
  },
  { path: STRING, query: { type: 'object' } },
  ['path'],
)

const owned = templated(
  { url_template: 'https://api.example.com/repos/{{owner}}/{{repo}}/issues' },
  { owner: STRING, repo: STRING },
)

const caller = templated({ url_template: '{{url}}' }, { url: STRING })

test('placeholders of a path are filled in', () => {
  expect(urlOf(owned, { owner: 'torvalds', repo: 'linux' })).toBe(
    'https://api.example.com/repos/torvalds/linux/issues',
  )
})

test('a path parameter keeps its slashes', () => {
  expect(urlOf(github, { path: 'repos/owner/repo' })).toBe(
    'https://api.example.com/repos/owner/repo',
  )
})

test('each segment of a path parameter is encoded once', () => {
  expect(urlOf(github, { path: "a b/ü/50%/x%20y/:@!'()*" })).toBe(
    'https://api.example.com/a%20b/%C3%BC/50%25/x%2520y/%3A%40%21%27%28%29%2A',
  )
})

const badPaths: readonly (readonly [string, string])[] = [
  ['', "must not begin or end with '/', contain '//' or be empty"],
  ['/repos', "must not begin or end with '/', contain '//' or be empty"],
  ['repos/', "must not begin or end with '/', contain '//' or be empty"],
  ['repos//x', "must not begin or end with '/', contain '//' or be empty"],
  ['.', "must not contain the segment '.' or '..'"],
  ['a/../b', "must not contain the segment '.' or '..'"],
  ['../../etc/passwd', "must not contain the segment '.' or '..'"],
  ['a/%2e%2E/b', "must not contain the segment '.' or '..'"],
  ['a/.%2e', "must not contain the segment '.' or '..'"],
  ['%2E', "must not contain the segment '.' or '..'"],
  ['issues?state=open', "must not contain '?': put the query into 'query'"],
  ['a#b', "must not contain '#'"],
  ['a\\b', 'must not contain a backslash'],
  ['a\nb', 'must not contain control characters'],
  ['a\u0000', 'must not contain control characters'],
  ['a\u007f', 'must not contain control characters'],
  ['a\u0085', 'must not contain control characters'],
]

for (const [path, message] of badPaths) {
  test(`the path ${JSON.stringify(path)} is refused: ${message}`, () => {
    expect(resolveTarget(github, { path })).toEqual({
      ok: false,
      error: { path: '/path', message },
    })
  })
}

test('three dots are a name, not a way up', () => {
  expect(urlOf(github, { path: 'compare/a...b' })).toBe('https://api.example.com/compare/a...b')
})

for (const repo of ['.', '..', '%2e', '.%2E', '%2e%2e']) {
  test(`'${repo}' as a whole segment is refused, it would change the endpoint`, () => {
    expect(resolveTarget(owned, { owner: 'o', repo })).toEqual({
      ok: false,
      error: { path: '/repo', message: "must not be '.' or '..'" },
    })
  })
}

test('two values cannot make a dot segment together', () => {
  const both = templated(
    { url_template: 'https://api.example.com/{{a}}{{b}}/c' },
    {
      a: STRING,
      b: STRING,
    },
  )
  expect(resolveTarget(both, { a: '.', b: '.' }).ok).toBe(false)
  expect(urlOf(both, { a: 'x', b: '..' })).toBe('https://api.example.com/x../c')
})

test('an empty value in a path is refused, it would change the endpoint', () => {
  expect(resolveTarget(owned, { owner: '', repo: 'r' })).toEqual({
    ok: false,
    error: { path: '/owner', message: 'must not be empty' },
  })
})

test('everything but unreserved characters is encoded once, in upper-case hex', () => {
  expect(urlOf(owned, { owner: '/ ? & space #', repo: 'hello-world_v2.0~test' })).toBe(
    'https://api.example.com/repos/%2F%20%3F%20%26%20space%20%23/hello-world_v2.0~test/issues',
  )
})

test('numbers and booleans are variables of a path', () => {
  const typed = templated(
    { url_template: 'https://api.example.com/{{n}}/{{b}}' },
    {
      n: { type: 'integer' },
      b: { type: 'boolean' },
    },
  )
  expect(urlOf(typed, { n: 42, b: true })).toBe('https://api.example.com/42/true')
})

for (const value of [null, [], {}] as const) {
  test(`${JSON.stringify(value)} is not a variable of a path`, () => {
    expect(resolveTarget(owned, { owner: value, repo: 'r' })).toEqual({
      ok: false,
      error: { path: '/owner', message: 'must be a string, number or boolean' },
    })
  })
}

test('a parameter that only exists on the prototype is absent', () => {
  const odd = templated(
    { url_template: 'https://api.example.com/{{constructor}}' },
    {
      constructor: STRING,
    },
  )
  expect(resolveTarget(odd, {})).toEqual({
    ok: false,
    error: { path: '/constructor', message: 'is required by the action' },
  })
})

test("the caller's URL is inserted as it is, normalised, without its fragment", () => {
  expect(urlOf(caller, { url: 'HTTPS://API.Example.COM:443/a/../b?x=1&y=%20#frag' })).toBe(
    'https://api.example.com/b?x=1&y=%20',
  )
  expect(urlOf(caller, { url: 'https://münchen.de/' })).toBe('https://xn--mnchen-3ya.de/')
})

const badUrls: readonly (readonly [string, string])[] = [
  ['', 'must be an absolute URL'],
  ['/relative', 'must be an absolute URL'],
  ['https://', 'must be an absolute URL'],
  ['file:///etc/passwd', 'must be an http or https URL'],
  ['javascript:alert(1)', 'must be an http or https URL'],
  ['https://evil.com@api.github.com/', 'must not contain user information (name:password@)'],
  ['https://:x@api.github.com/', 'must not contain user information (name:password@)'],
  ['https://a.com/\nb', 'must not contain white space or control characters'],
  [' https://a.com/', 'must not contain white space or control characters'],
  ['https://a.com/\u0000', 'must not contain white space or control characters'],
]

for (const [url, message] of badUrls) {
  test(`the URL ${JSON.stringify(url)} is refused: ${message}`, () => {
    expect(resolveTarget(caller, { url })).toEqual({ ok: false, error: { path: '/url', message } })
  })
}

test('a host made of a parameter takes host characters only', () => {
  const wiki = templated({ url_template: 'https://{{lang}}.example.com/x' }, { lang: STRING })
  expect(urlOf(wiki, { lang: 'en' })).toBe('https://en.example.com/x')
  for (const lang of [
    '',
    'evil.com/',
    'a@b',
    'a:1',
    'a#',
    'a%2e',
    '.',
    'a..b',
    'ü',
    'a b',
    'a\\',
  ]) {
    const resolved = resolveTarget(wiki, { lang })
    expect(resolved.ok ? resolved.value.url : resolved.error.path).toBe('/lang')
  }
})

test('query pairs are appended by name, encoded, and absent optionals drop theirs', () => {
  const search = templated(
    {
      url_template: 'https://api.example.com/search?fixed=a+b&inline={{inline}}&mixed=v{{q}}',
      query: { q: '{{q}}', 'per page': '{{per_page}}', both: '{{q}}:{{q}}', list: '{{list}}' },
    },
    { q: STRING, per_page: { type: 'integer' }, inline: STRING, list: { type: 'array' } },
    ['q'],
  )
  expect(urlOf(search, { q: 'a b&c=d' })).toBe(
    'https://api.example.com/search?fixed=a+b&mixed=va%20b%26c%3Dd&both=a%20b%26c%3Dd%3Aa%20b%26c%3Dd&q=a%20b%26c%3Dd',
  )
  expect(urlOf(search, { q: 'x', per_page: 5, inline: '/', list: ['a', 1, true] })).toBe(
    'https://api.example.com/search?fixed=a+b&inline=%2F&mixed=vx&both=x%3Ax&list=a&list=1&list=true&per%20page=5&q=x',
  )
})

test('the members of a query object become pairs, and its lists repeat them', () => {
  const query = { state: 'open', page: 2, all: false, labels: ['a&b', 'c'], none: [] }
  expect(urlOf(github, { path: 'x', query })).toBe(
    'https://api.example.com/x?state=open&page=2&all=false&labels=a%26b&labels=c',
  )
  expect(urlOf(github, { path: 'x', query: {} })).toBe('https://api.example.com/x')
})

test('a query value that is not scalar is refused and named', () => {
  for (const value of [null, {}, [[]], [null]] as Json[]) {
    expect(resolveTarget(github, { path: 'x', query: { 'a/b': value } })).toEqual({
      ok: false,
      error: {
        path: '/query/a~1b',
        message: 'must be a string, number or boolean, or an array of these',
      },
    })
  }
})

test('a query object cannot set again what the action or a secret sets', () => {
  const keyed = templated(
    {
      url_template: 'https://api.example.com/x?inline%20one=1',
      query: { per_page: '10' },
      query_params: 'query',
    },
    { query: { type: 'object' } },
    [],
    { secrets: [{ name: 'KEY', inject: { query: 'key' } }] },
  )
  for (const name of ['inline one', 'per_page', 'key']) {
    expect(resolveTarget(keyed, { query: { [name]: 'mine' } })).toEqual({
      ok: false,
      error: { path: `/query/${name}`, message: 'is set by the action itself' },
    })
  }
  expect(urlOf(keyed, { query: { keys: 1 } })).toBe(
    'https://api.example.com/x?inline%20one=1&per_page=10&keys=1',
  )
})

test("a caller's URL cannot carry the query parameter of a secret", () => {
  const keyed = templated({ url_template: '{{url}}' }, { url: STRING }, ['url'], {
    secrets: [{ name: 'KEY', inject: { query: 'key' } }],
  })
  expect(resolveTarget(keyed, { url: 'https://a.com/?a=1&k%65y=2' })).toEqual({
    ok: false,
    error: { path: '/url', message: "must not have the query parameter 'key': a secret sets it" },
  })
})

test("pairs are appended to a caller's URL whatever query it has", () => {
  const paged = templated(
    { url_template: '{{url}}', query: { page: '{{page}}' } },
    { url: STRING, page: { type: 'integer' } },
  )
  expect(urlOf(paged, { url: 'https://a.com/x', page: 2 })).toBe('https://a.com/x?page=2')
  expect(urlOf(paged, { url: 'https://a.com/x?', page: 2 })).toBe('https://a.com/x?page=2')
  expect(urlOf(paged, { url: 'https://a.com/x?q=%20#f', page: 2 })).toBe(
    'https://a.com/x?q=%20&page=2',
  )
})

test('a URL of more than 8192 characters is refused before it is sent', () => {
  expect(
    urlOf(github, { path: 'x'.repeat(8192 - 'https://api.example.com/'.length) }),
  ).toHaveLength(8192)
  expect(resolveTarget(github, { path: 'x'.repeat(8192) })).toEqual({
    ok: false,
    error: { path: '', message: 'the URL is longer than 8192 characters' },
  })
})

test('a lone surrogate is refused, not sent as something else', () => {
  expect(resolveTarget(owned, { owner: '\ud800', repo: 'r' })).toEqual({
    ok: false,
    error: { path: '/owner', message: 'must be well-formed Unicode' },
  })
  expect(resolveTarget(github, { path: 'x', query: { a: '\ud800' } }).ok).toBe(false)
  expect(resolveTarget(github, { path: 'x', query: { '\ud800': 'a' } }).ok).toBe(false)
})

test('headers are lower case, sorted, static, with a user agent and a content type by encoding', () => {
  const post = templated(
    {
      method: 'POST',
      url_template: 'https://api.example.com/',
      headers: { 'X-B': '1', Accept: 'a/b' },
      body_template: '{{body}}',
    },
    { body: {} },
    [],
  )
  expect(targetOf(post, { body: {} }).headers).toEqual([
    ['accept', 'a/b'],
    ['content-type', 'application/json'],
    ['user-agent', 'latchgate/0.3'],
    ['x-b', '1'],
  ])
  // Without a body there is nothing to describe.
  expect(targetOf(post, {}).headers.map(([name]) => name)).toEqual(['accept', 'user-agent', 'x-b'])
})

test('an action without a template has no target', () => {
  const free = manifest({
    provider_module_digest: `sha256:${'a'.repeat(64)}`,
    template: null,
    io: {},
  })
  expect(resolveTarget(free, {})).toEqual({
    ok: false,
    error: { path: '', message: 'the action has no template' },
  })
})

test('the method is upper case however the manifest writes it', () => {
  const lower = manifest({ template: { ...(PLAIN['template'] as JsonObject), method: 'get' } })
  expect(targetOf(lower, { id: '1' }).method).toBe('GET')
})

const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('.', '..', '%2e', '/', '\\', '?', '#', '@', '//evil.com', '\r\n', '%00', 'a/b'),
  fc
    .array(fc.constantFrom('.', '/', '%', '2', 'e', '@', ':', '\\', '?', '#', 'x', '\u0000'), {
      maxLength: 8,
    })
    .map((parts) => parts.join('')),
)

test('no value moves a templated request to another host, endpoint or parameter', () => {
  const both = templated(
    { url_template: 'https://api.example.com/a/{{x}}/b', query: { y: '{{y}}' } },
    { x: STRING, y: STRING },
  )
  let resolved = 0
  fc.assert(
    fc.property(anyText, anyText, (x, y) => {
      const target = resolveTarget(both, { x, y })
      if (!target.ok) return
      resolved += 1
      const url = new URL(target.value.url)
      expect(url.href).toBe(target.value.url)
      expect(url.origin).toBe('https://api.example.com')
      const segments = url.pathname.split('/')
      expect(segments).toHaveLength(4)
      expect([segments[1], segments[3]]).toEqual(['a', 'b'])
      expect(decodeURIComponent(segments[2] ?? '')).toBe(x)
      expect([...url.searchParams]).toEqual([['y', y]])
    }),
    { numRuns: 3000 },
  )
  expect(resolved).toBeGreaterThan(1000)
})

test('a path parameter reads back segment by segment, or is refused', () => {
  let resolved = 0
  fc.assert(
    fc.property(anyText, (path) => {
      const target = resolveTarget(github, { path })
      if (!target.ok) return
      resolved += 1
      const url = new URL(target.value.url)
      expect(url.href).toBe(target.value.url)
      expect(url.origin).toBe('https://api.example.com')
      expect(url.search + url.hash).toBe('')
      expect(url.pathname.slice(1).split('/').map(decodeURIComponent).join('/')).toBe(path)
    }),
    { numRuns: 3000 },
  )
  expect(resolved).toBeGreaterThan(500)
})

test('a query object reads back as the same pairs', () => {
  const names = fc.string({ unit: 'grapheme', minLength: 1 })
  fc.assert(
    fc.property(fc.dictionary(names, fc.string({ unit: 'grapheme' }), { maxKeys: 5 }), (query) => {
      const url = new URL(urlOf(github, { path: 'x', query }))
      expect([...url.searchParams]).toEqual(Object.entries(query))
    }),
  )
})

function targetOf(of: Manifest, args: JsonObject): Target {
  const target = resolveTarget(of, args)
  if (target.ok) return target.value
  throw new Error(`${target.error.path} ${target.error.message}`)
}

function urlOf(of: Manifest, args: JsonObject): string {
  return targetOf(of, args).url
}
