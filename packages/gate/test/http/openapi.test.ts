import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { ERROR_CODES, type ErrorCode } from '@latchgate/protocol'
import { Validator } from '@seriousme/openapi-schema-validator'
import { expect, test } from 'vitest'
import { openApiDocument, ROUTES } from '../../build/openapi/document.js'
import { errorsOf } from '../../build/openapi/errors.js'
import type { ErrorDocumentation } from '../../build/openapi/route-documentation.js'
import { servedRoutes } from '../../build/openapi/served-routes.js'

const FILE = fileURLToPath(new URL('../../../../../docs/openapi.json', import.meta.url))
const TEXT = readFileSync(FILE, 'utf8')
const DOCUMENT = JSON.parse(TEXT) as {
  readonly components: { readonly schemas: Readonly<Record<string, unknown>> }
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>
}

test('docs/openapi.json is what `npm run openapi -w @latchgate/gate` writes', async () => {
  expect(await openApiDocument()).toBe(TEXT)
})

test('the document is valid OpenAPI 3.1', async () => {
  const validator = new Validator()
  const { valid, errors } = await validator.validate(JSON.parse(TEXT) as Record<string, unknown>)
  expect(errors ?? []).toEqual([])
  expect([valid, validator.version]).toEqual([true, '3.1'])
})

// A new route fails here, by name, until `build/openapi/routes` documents it.
test('each route that a listener serves is documented for that listener, and no other', () => {
  const served = servedRoutes().map(({ name, listeners }) => `${name}: ${listeners.join(', ')}`)
  const documented = ROUTES.map(
    ({ method, path, access }) => `${method} ${path}: ${Object.keys(access).join(', ')}`,
  )
  expect(documented.toSorted()).toEqual(served.toSorted())
  expect(served.length).toBeGreaterThan(30)
})

test('each documented route is one operation of the document', () => {
  const operations = Object.entries(DOCUMENT.paths).flatMap(([path, item]) =>
    Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`),
  )
  const documented = ROUTES.map(
    ({ method, path }) => `${method} ${path.replace(/:(\w+)/g, '{$1}')}`,
  )
  expect(operations.toSorted()).toEqual(documented.toSorted())
})

test('an operation has a name of its own, and a path the parameters that it names', () => {
  const names = ROUTES.map((route) => route.operationId)
  expect(new Set(names).size).toBe(names.length)
  for (const { path, pathParameters } of ROUTES) {
    const named = [...path.matchAll(/:(\w+)/g)].map(([, name]) => name)
    expect(Object.keys(pathParameters ?? {}), path).toEqual(named)
  }
})

test('no answer is documented as a success and as an error of the same status', () => {
  const statuses = ROUTES.flatMap((route) => Object.keys(route.success))
  expect(new Set(statuses)).toEqual(new Set(['200', '202', '304', '503']))
  const unready = ROUTES.filter((route) => route.success[503] !== undefined)
  expect(unready.map((route) => route.path)).toEqual(['/readyz'])
  expect(DOCUMENT.paths['/readyz']).toMatchObject({
    get: {
      responses: {
        503: {
          content: { 'application/json': { schema: { $ref: '#/components/schemas/Ready' } } },
        },
      },
    },
  })
})

test('every component is used, and every reference leads to one', () => {
  const found = TEXT.matchAll(/"\$ref": "([^"]+)"/g)
  const references = new Set([...found].map(([, reference]) => String(reference)))
  const components = Object.keys(DOCUMENT.components.schemas).map(
    (name) => `#/components/schemas/${name}`,
  )
  expect([...references].toSorted()).toEqual(components.toSorted())
})

test('every error code stands beside an endpoint that answers it', () => {
  const documented = new Set(ROUTES.flatMap(errorsOf).map(codeOf))
  const others = Object.keys(ERROR_CODES).filter((code) => !documented.has(code as ErrorCode))
  // The first is of a path without that method. The rest is of what is not served yet: whoever begins
  // to answer one documents it.
  expect(new Set(others)).toEqual(
    new Set([
      'method_not_allowed',
      'action_not_registered',
      'budget_already_initialised',
      'budget_store_unavailable',
      'idempotency_conflict',
      'serialization_error',
    ]),
  )
})

function codeOf(error: ErrorDocumentation): ErrorCode {
  return typeof error === 'string' ? error : error.code
}
