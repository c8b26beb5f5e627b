import swagger from '@fastify/swagger'
import type { JsonObject } from '@latchgate/protocol'
import Fastify, { type FastifyInstance } from 'fastify'
import { VERSION } from '../../src/version.js'
import { SECURITY_SCHEMES, securityOf } from './credentials.js'
import { errorResponses, errorsOf } from './errors.js'
import type { ParameterDocumentation, RouteDocumentation } from './route-documentation.js'
import { TAGS } from './route-documentation.js'
import { ACTION_ROUTES } from './routes/action-routes.js'
import { ADMIN_ROUTES } from './routes/admin-routes.js'
import { APPROVAL_ROUTES } from './routes/approval-routes.js'
import { AUDIT_ROUTES } from './routes/audit-routes.js'
import { GATE_ROUTES } from './routes/gate-routes.js'
import { POLICY_ROUTES } from './routes/policy-routes.js'
import type { Schema } from './schema.js'
import { ADMIN_SCHEMAS } from './schemas/admin-schemas.js'
import { APPROVAL_SCHEMAS } from './schemas/approval-schemas.js'
import { AUDIT_SCHEMAS } from './schemas/audit-schemas.js'
import { ERROR_SCHEMAS } from './schemas/error-schemas.js'
import { EXECUTION_SCHEMAS } from './schemas/execution-schemas.js'
import { GATE_SCHEMAS } from './schemas/gate-schemas.js'
import { POLICY_SCHEMAS } from './schemas/policy-schemas.js'

/** Every documented route. */
export const ROUTES: readonly RouteDocumentation[] = [
  ...GATE_ROUTES,
  ...ACTION_ROUTES,
  ...APPROVAL_ROUTES,
  ...ADMIN_ROUTES,
  ...AUDIT_ROUTES,
  ...POLICY_ROUTES,
]

const SCHEMAS: Readonly<Record<string, Schema>> = {
  ...ADMIN_SCHEMAS,
  ...APPROVAL_SCHEMAS,
  ...AUDIT_SCHEMAS,
  ...ERROR_SCHEMAS,
  ...EXECUTION_SCHEMAS,
  ...GATE_SCHEMAS,
  ...POLICY_SCHEMAS,
}

const INTRODUCTION = [
  'The gate that agents act through: docs/api.md tells how to use this interface.',
  '`x-listeners` of an operation names the listeners that serve it, and the credential that each of them asks for: the same path may answer an agent on the one, and an operator on the other.',
  'Every error has the body `Error`. Beyond what stands beside an operation, a path that does not exist is 404 `not_found`, a method that does not exist there 405 `method_not_allowed` with `Allow`, and what is not HTTP/1.1 is 400 `bad_request`, 408 or 431 with the same body.',
  'HEAD is answered where GET is.',
].join('\n\n')

/** The OpenAPI 3.1 document of the gate's HTTP interface: the same text for the same sources. */
export async function openApiDocument(): Promise<string> {
  const app = Fastify({ exposeHeadRoutes: false })
  // Nothing is served from here: schemas are there to be described.
  app.setValidatorCompiler(() => () => true)
  app.setSerializerCompiler(() => (data) => JSON.stringify(data))
  await app.register(swagger, {
    convertConstToEnum: false,
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'LatchGate',
        version: VERSION,
        description: INTRODUCTION,
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      servers: [
        {
          url: 'http://localhost',
          description:
            'Over the Unix sockets `listen_uds_path` (client) and `listen_admin_uds_path` (admin); over TCP the base is `public_base_url`.',
        },
      ],
      tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
      components: { securitySchemes: SECURITY_SCHEMES as never },
    },
    refResolver: { buildLocalReference: (schema) => String(schema['$id']) },
  })
  for (const [name, schema] of sorted(Object.entries(SCHEMAS))) {
    app.addSchema({ $id: name, ...schema })
  }
  for (const route of sorted(ROUTES.map((one) => [one.path, one] as const))) addRoute(app, route[1])
  await app.ready()
  const document = app.swagger() as unknown as JsonObject
  await app.close()
  return `${JSON.stringify(withOptionalBodies(document), null, 1)}\n`
}

function addRoute(app: FastifyInstance, route: RouteDocumentation): void {
  const { method, path, operationId, summary, description, tag, access } = route
  const { pathParameters, query, headers, body } = route
  const responses = { ...route.success, ...errorResponses(errorsOf(route)) }
  app.route({
    method,
    url: path,
    handler: async () => undefined,
    schema: {
      operationId,
      summary,
      description,
      tags: [tag],
      ...(route.deprecated === true ? { deprecated: true } : {}),
      security: securityOf(route) as never,
      'x-listeners': access,
      ...(pathParameters === undefined ? {} : { params: parameters(required(pathParameters)) }),
      ...(query === undefined ? {} : { querystring: parameters(query) }),
      ...(headers === undefined ? {} : { headers: parameters(headers) }),
      ...(body === undefined
        ? {}
        : { body: { content: { 'application/json': { schema: body.schema } } } }),
      response: Object.fromEntries(
        Object.entries(responses).map(([status, { description: said, schema, ...rest }]) => [
          status,
          schema === undefined
            ? { description: said, type: 'null' }
            : { description: said, ...rest, content: { 'application/json': { schema } } },
        ]),
      ),
    } as never,
  })
}

function required(
  schemas: Readonly<Record<string, Schema>>,
): Readonly<Record<string, ParameterDocumentation>> {
  return Object.fromEntries(
    Object.entries(schemas).map(([name, schema]) => [name, { schema, required: true }]),
  )
}

function parameters(documented: Readonly<Record<string, ParameterDocumentation>>): Schema {
  const entries = Object.entries(documented)
  return {
    type: 'object',
    properties: Object.fromEntries(entries.map(([name, { schema }]) => [name, schema])),
    required: entries.filter(([, one]) => one.required === true).map(([name]) => name),
  }
}

function sorted<T>(entries: readonly (readonly [string, T])[]): readonly (readonly [string, T])[] {
  return entries.toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
}

// The plugin takes every body for required, and has no place for its description.
function withOptionalBodies(document: JsonObject): JsonObject {
  const paths = document['paths'] as Record<string, Record<string, { requestBody?: JsonObject }>>
  for (const { method, path, body } of ROUTES) {
    if (body === undefined) continue
    const operation = paths[path.replace(/:(\w+)/g, '{$1}')]?.[method.toLowerCase()]
    if (operation === undefined) throw new Error(`${method} ${path} is not in the document`)
    const { description, required: isRequired } = body
    operation.requestBody = { description, ...operation.requestBody, required: isRequired }
  }
  return document
}
