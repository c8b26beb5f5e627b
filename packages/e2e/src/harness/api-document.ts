import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import type { RawAnswer, RawRequest } from './raw-client.js'

/** Who a listener answers on an operation (`x-listeners`). */
export type Credential = 'none' | 'renewal' | 'lease' | 'operator'

/** One of the two listeners. */
export type ListenerName = 'client' | 'admin'

interface Content {
  readonly content: { readonly 'application/json': { readonly schema: object } }
}

interface Response extends Content {
  readonly headers?: Readonly<Record<string, unknown>>
}

/** An operation as docs/openapi.json describes it. */
export interface Operation {
  readonly method: string
  /** With `{parameters}`. */
  readonly path: string
  readonly listeners: Readonly<Partial<Record<ListenerName, Credential>>>
  readonly requestBody?: Content & { readonly required: boolean }
  readonly responses: Readonly<Record<string, Response>>
}

interface Document {
  readonly components: { readonly schemas: Readonly<Record<string, object>> }
  readonly paths: Readonly<
    Record<string, Readonly<Record<string, Operation & { 'x-listeners': Operation['listeners'] }>>>
  >
}

const FILE = fileURLToPath(new URL('../../../../../docs/openapi.json', import.meta.url))

/** docs/openapi.json, held against what a gate really answers. */
export class ApiDocument {
  readonly operations: readonly Operation[]
  readonly #components: Document['components']
  readonly #ajv: Ajv2020
  readonly #validators = new Map<object, ValidateFunction>()
  readonly #seen = new Set<string>()

  constructor() {
    const document = JSON.parse(readFileSync(FILE, 'utf8')) as Document
    this.operations = Object.entries(document.paths).flatMap(([path, item]) =>
      Object.entries(item).map(([method, operation]) => ({
        ...operation,
        method: method.toUpperCase(),
        path,
        listeners: operation['x-listeners'],
      })),
    )
    this.#components = document.components
    this.#ajv = new Ajv2020({ strict: true, allowUnionTypes: true, allErrors: true })
    this.#ajv.addKeyword('components')
    addFormats.default(this.#ajv, { mode: 'full' })
  }

  /** Throws with everything in which an answer departs from the document. */
  check(listener: ListenerName, request: RawRequest, answer: RawAnswer): void {
    const operation = this.#operationOf(request)
    const name = `${operation.method} ${operation.path} on the ${listener} listener`
    const said = `${name} answered ${answer.status} ${answer.text}`
    if (operation.listeners[listener] === undefined) throw new Error(`${said}: it is not there`)
    const response = operation.responses[answer.status]
    if (response === undefined) throw new Error(`${said}: the status is not documented`)
    if (answer.headers['content-type'] !== 'application/json') throw new Error(`${said}: no JSON`)
    if (answer.headers['retry-after'] !== undefined && response.headers === undefined) {
      throw new Error(`${said}: its Retry-After is not documented`)
    }
    this.#validate(response, answer.json(), said)
    const { requestBody } = operation
    const isGood = answer.status < 300 && requestBody !== undefined
    const isJson = request.headers?.['content-type'] === 'application/json'
    if (isGood && isJson && typeof request.body === 'string') {
      this.#validate(requestBody, JSON.parse(request.body), `${name} accepted ${request.body}`)
    }
    if (isGood && request.body === undefined && requestBody.required) {
      throw new Error(`${said}: without the body that it requires`)
    }
    this.#seen.add(`${operation.method} ${operation.path} ${answer.status}`)
  }

  /** Whether an answer with a status of that kind has been checked. */
  hasSeen({ method, path, responses }: Operation, kind: 'success' | 'error'): boolean {
    return Object.keys(responses)
      .filter((status) => Number(status) < 300 === (kind === 'success'))
      .some((status) => this.#seen.has(`${method} ${path} ${status}`))
  }

  /** Statuses of successes that no checked answer had. */
  unseenSuccesses(): readonly string[] {
    return this.operations.flatMap(({ method, path, responses }) =>
      Object.keys(responses)
        .filter((status) => Number(status) < 300)
        .map((status) => `${method} ${path} ${status}`)
        .filter((name) => !this.#seen.has(name)),
    )
  }

  #operationOf({ method, path }: RawRequest): Operation {
    const parts = (path.split('?')[0] ?? '').split('/')
    const found = this.operations
      .filter((one) => one.method === method && fits(one.path.split('/'), parts))
      .toSorted((a, b) => a.path.split('{').length - b.path.split('{').length)[0]
    if (found === undefined) throw new Error(`${method} ${path} is not documented`)
    return found
  }

  #validate({ content }: Content, body: unknown, said: string): void {
    const { schema } = content['application/json']
    const known = this.#validators.get(schema)
    const validate = known ?? this.#ajv.compile({ ...schema, components: this.#components })
    this.#validators.set(schema, validate)
    if (!validate(body)) throw new Error(`${said}: ${this.#ajv.errorsText(validate.errors)}`)
  }
}

function fits(template: readonly string[], parts: readonly string[]): boolean {
  if (template.length !== parts.length) return false
  return template.every((part, i) => (part.startsWith('{') ? parts[i] !== '' : part === parts[i]))
}
