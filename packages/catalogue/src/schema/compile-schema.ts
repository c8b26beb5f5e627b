import { err, type Json, type JsonObject, ok, type Result } from '@latchgate/protocol'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import type { SchemaFault } from './schema-fault.js'
import { MAX_FAULTS, schemaFaults } from './schema-faults.js'
import { FORMATS } from './schema-keywords.js'
import { type SchemaDefect, schemaRuleBroken } from './schema-rules.js'

/**
 * Checks a value, and fills the schema's defaults into it: the value is changed. Every fault is found,
 * the first `limit` (five) are returned; of a schema with references the first fault alone.
 */
export type SchemaCheck = (value: unknown, limit?: number) => readonly SchemaFault[]

const compiled = new WeakMap<JsonObject, SchemaCheck>()

const compilers = new Map<boolean, Ajv2020>()

/**
 * Compiles a JSON Schema (2020-12, strict: unknown keywords and formats are errors; `default`s are
 * applied, types never coerced). The error says what is wrong with the schema. A schema is compiled
 * once; it must not be changed afterwards. `tested` schemas, the catalogue's own, are not compared
 * with the meta-schema again: compiling that one costs more than all of them together.
 */
export function compileSchema(
  schema: JsonObject,
  tested = false,
): Result<SchemaCheck, SchemaDefect> {
  const known = compiled.get(schema)
  if (known !== undefined) return ok(known)
  const broken = schemaRuleBroken(schema)
  if (broken !== null) return err(broken)
  const compiler = compilerFor(schema)
  if (!tested && compiler.validateSchema(schema) !== true) {
    const problem = compiler.errorsText(compiler.errors, { dataVar: 'schema' })
    return err({ problem, hint: '' })
  }
  try {
    const validate = compiler.compile<Json>(schema)
    const check: SchemaCheck = (value, limit = MAX_FAULTS) =>
      validate(value) ? [] : schemaFaults(schema, validate.errors ?? [], limit)
    compiled.set(schema, check)
    return ok(check)
  } catch (error) {
    // The compiler throws plain errors for every fault of a schema, bad patterns included.
    if (error instanceof Error) {
      return err({ problem: error.message.replace(/^strict mode: /, ''), hint: '' })
    }
    throw error
  } finally {
    // Kept by us, weakly: a reload must not make the compiler's own table grow.
    compiler.removeSchema(schema)
  }
}

// Looking for every fault goes into every alternative. Where those refer to themselves that multiplies
// the work with each level of a value, and the value is an agent's: six alternatives, nested nine deep,
// would stop the process for a minute.
function compilerFor(schema: JsonObject): Ajv2020 {
  const isFaultWise = !hasReference(schema)
  const compiler = compilers.get(isFaultWise) ?? createCompiler(isFaultWise)
  compilers.set(isFaultWise, compiler)
  return compiler
}

function hasReference(node: Json): boolean {
  if (typeof node !== 'object' || node === null) return false
  if (Object.hasOwn(node, '$ref') || Object.hasOwn(node, '$dynamicRef')) return true
  return (Object.values(node) as readonly Json[]).some(hasReference)
}

function createCompiler(allErrors: boolean): Ajv2020 {
  const ajv = new Ajv2020({
    strict: true,
    allowUnionTypes: true,
    strictRequired: false,
    allErrors,
    validateSchema: false,
    useDefaults: true,
    coerceTypes: false,
    // Or `required: ["constructor"]` would be met by every object.
    ownProperties: true,
    // It would print warnings past the gate's own log.
    logger: false,
  })
  // Not all of the library's: `url` is none of JSON Schema's and is written where `uri` is meant.
  addFormats.default(ajv, { mode: 'full', formats: [...FORMATS] })
  // What the gate itself can follow: the RFC 3986 pattern refuses `https://münchen.de/`, and it would
  // run over a value that is already known to be too long.
  ajv.addFormat('uri', { type: 'string', validate: (text: string) => URL.canParse(text) })
  // Members that approvals and logs must not show.
  ajv.addKeyword({ keyword: 'x-sensitive', schemaType: 'boolean' })
  return ajv
}
