import { closestName } from '../closest-name.js'
import { compileSchema } from '../schema/compile-schema.js'
import { wholePlaceholder } from '../template/placeholder-text.js'
import { placeholderUses } from '../template/placeholder-uses.js'
import { parseUrlTemplate } from '../template/url-template.js'
import type { Manifest, Template } from './manifest.js'
import type { Problems } from './problems.js'
import { type Parameter, requestParameters, requiredNames } from './request-parameters.js'

/** Rules between a template and the rest of its manifest. */
export function checkTemplate(manifest: Manifest, problems: Problems): void {
  const { template, provider } = manifest
  if (template === null) {
    if (provider === 'builtin:http_api') {
      const fix = 'add template: { method: …, url_template: … }'
      problems.report('template', 'an action of builtin:http_api needs a template', fix)
    }
    return
  }
  const parameters = requestParameters(manifest.io.request_schema)
  checkRequired(manifest, [...parameters.keys()], problems)
  checkUses(template, parameters, problems)
  checkPathParams(template, problems)
  checkQuery(template, parameters, problems)
  checkBody(template, problems)
  checkDefaults(manifest, parameters, problems)
}

// Every call would fail on a parameter that its caller cannot give, or that goes nowhere.
function checkRequired({ io }: Manifest, names: readonly string[], problems: Problems): void {
  for (const name of requiredNames(io.request_schema).filter((one) => !names.includes(one))) {
    const near = closestName(name, names)
    const fix =
      near === undefined ? `declare '${name}' under properties` : `did you mean '${near}'?`
    problems.report('io.request_schema.required', `'${name}' is not declared`, fix)
  }
}

function checkUses(
  template: Template,
  parameters: ReadonlyMap<string, Parameter>,
  problems: Problems,
): void {
  const names = [...parameters.keys()]
  const uses = placeholderUses(template)
  for (const { name, key, mayBeAbsent } of uses) {
    const parameter = parameters.get(name)
    if (parameter === undefined) {
      const near = closestName(name, names)
      const problem = `'{{${name}}}' is not a parameter of io.request_schema`
      const fix = near === undefined ? `declare '${name}' there` : `did you mean '${near}'?`
      problems.report(key, problem, fix)
    } else if (!mayBeAbsent && !parameter.required && parameter.fallback === undefined) {
      const problem = `'${name}' is optional, but this text cannot do without it`
      problems.report(key, problem, `make '${name}' required, or give it a default`)
    }
  }
  // A parameter that goes nowhere makes an agent believe that it asked for something.
  for (const name of names.filter((one) => !uses.some((use) => use.name === one))) {
    const key = `io.request_schema.properties.${name}`
    problems.report(
      key,
      `'${name}' is never sent`,
      `use '{{${name}}}' in the template, or remove it`,
    )
  }
}

function checkPathParams(template: Template, problems: Problems): void {
  const url = parseUrlTemplate(template.url_template)
  const segments = url.ok && url.value.kind === 'parts' ? url.value.segments : []
  for (const [index, name] of template.path_params.entries()) {
    const alone = segments.some(
      ([first, ...rest]) =>
        rest.length === 0 && first !== undefined && 'name' in first && first.name === name,
    )
    if (alone) continue
    const problem = `'{{${name}}}' is not a segment of its own in the path of url_template`
    problems.report(
      `template.path_params[${index}]`,
      problem,
      `write …/{{${name}}}/…, or remove it`,
    )
  }
}

function checkQuery(
  template: Template,
  parameters: ReadonlyMap<string, Parameter>,
  problems: Problems,
): void {
  const url = parseUrlTemplate(template.url_template)
  const inline = url.ok && url.value.kind === 'parts' ? url.value.query.map(({ name }) => name) : []
  for (const name of Object.keys(template.query).filter((one) => inline.includes(one))) {
    const key = `template.query.${name}`
    problems.report(key, `'${name}' stands in url_template as well`, 'remove one of them')
  }
  const free = template.query_params
  if (free === null) return
  const types = parameters.get(free)?.types ?? ['object']
  if (types.length === 1 && types[0] === 'object') return
  const problem = `'${free}' must be declared with type: object`
  problems.report('template.query_params', problem, `correct io.request_schema.properties.${free}`)
}

function checkBody(template: Template, problems: Problems): void {
  const { method, body_template, body_encoding, headers } = template
  const key = 'template.body_template'
  if (body_template === undefined) {
    if (Object.hasOwn(headers, 'content-type')) {
      const problem = 'a content type is declared, but there is no body'
      problems.report('template.headers.content-type', problem, 'add body_template, or remove it')
    }
    return
  }
  if (method === 'GET' || method === 'HEAD') {
    problems.report(key, `a ${method} request has no body`, 'use query, or another method')
  }
  const whole = typeof body_template === 'string' && wholePlaceholder(body_template) !== null
  const isObject = typeof body_template === 'object' && !Array.isArray(body_template)
  if (body_encoding === 'json' && typeof body_template === 'string' && !whole) {
    problems.report(key, 'this is text, not JSON', 'set template.body_encoding: text')
  }
  if (body_encoding === 'text' && typeof body_template !== 'string') {
    problems.report(
      key,
      'a text body must be a string',
      'write one string, or use body_encoding: json',
    )
  }
  if (body_encoding === 'form' && !whole && !isObject) {
    problems.report(key, 'a form body must be a mapping', 'write { field: "{{field}}", … }')
  }
  checkContentType(template, problems)
}

// A header that says another thing than the bytes are makes a server misread them.
function checkContentType({ headers, body_encoding }: Template, problems: Problems): void {
  const type = headers['content-type']
  if (type === undefined) return
  const isForm = /^application\/x-www-form-urlencoded\s*(?:;|$)/i.test(type)
  const isJson = /^application\/(?:[a-z0-9.+-]+\+)?json\s*(?:;|$)/i.test(type)
  const agrees = body_encoding === 'form' ? isForm : body_encoding === 'json' ? isJson : !isForm
  if (agrees) return
  const problem = `'${type}' does not fit body_encoding: ${body_encoding}`
  const fix = 'correct one of them; without the header the right one is sent'
  problems.report('template.headers.content-type', problem, fix)
}

// A default that its own schema refuses would make every call without the parameter fail.
function checkDefaults(
  { io }: Manifest,
  parameters: ReadonlyMap<string, Parameter>,
  problems: Problems,
): void {
  const check = io.request_schema === undefined ? null : compileSchema(io.request_schema)
  if (check === null || !check.ok) return
  for (const [name, { fallback }] of parameters) {
    if (fallback === undefined) continue
    const faults = check.value({ [name]: structuredClone(fallback) }, Number.POSITIVE_INFINITY)
    const own = faults.find(({ path }) => path === `/${name}` || path.startsWith(`/${name}/`))
    if (own === undefined) continue
    const key = `io.request_schema.properties.${name}.default`
    problems.report(key, `the default ${own.message}`, 'give a default that the schema allows')
  }
}
