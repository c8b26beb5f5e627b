import { ModuleRefused } from '../types.js'
import { ByteReader } from './byte-reader.js'
import {
  type Constant,
  type Data,
  type Element,
  EXPORT_KINDS,
  type Export,
  FUNCREF,
  type FunctionImport,
  type FunctionType,
  type Global,
  I32,
  I64,
  type Limits,
  type ValueType,
  type WasmModule,
} from './module.js'

const HEADER = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]
const SECTIONS = [
  'custom',
  'type',
  'import',
  'function',
  'table',
  'memory',
  'global',
  'export',
  'start',
  'element',
  'code',
  'data',
  'data count',
] as const
type SectionName = (typeof SECTIONS)[number]
type Sections = ReadonlyMap<SectionName, ByteReader>

/**
 * What an instance costs beside its memory is paid before any fuel is: each export becomes an object,
 * each global a slot, each import is looked up. A module of a few MiB could have a million of each.
 */
const MAX_ITEMS: Readonly<Partial<Record<SectionName, number>>> = {
  type: 10_000,
  import: 100,
  function: 20_000,
  global: 1_000,
  export: 100,
  element: 1_000,
  code: 20_000,
  data: 10_000,
}

/** Elements of the table, and of all element segments together. */
const MAX_TABLE_ELEMENTS = 10_000

/** Engines optimise a function as a whole, with time and memory that grow faster than its size. */
const MAX_BODY_BYTES = 131_072

/**
 * Reads a core module of the subset that the sandbox accepts. The bytes must have passed
 * `WebAssembly.validate`: this parser decides what is allowed, the engine what is well-typed.
 *
 * @throws ModuleRefused naming what is not allowed
 */
export function parseModule(bytes: Uint8Array): WasmModule {
  const sections = readSections(bytes)
  const imports = each(sections, 'import', readImport)
  const table = each(sections, 'table', readTable)
  if (table.length > 1) throw new ModuleRefused('the module has several tables')
  const memories = each(sections, 'memory', readMemory)
  const [memory] = memories
  if (memory === undefined) throw new ModuleRefused('the module defines no memory')
  if (memories.length > 1) throw new ModuleRefused('the module has several memories')
  const elements = each(sections, 'element', readElement)
  const elementItems = elements.reduce((sum, { items }) => sum + items.length, 0)
  if (elementItems > MAX_TABLE_ELEMENTS) {
    throw new ModuleRefused(
      `element segments have ${elementItems} items, at most ${MAX_TABLE_ELEMENTS}`,
    )
  }
  return {
    types: each(sections, 'type', readType),
    imports,
    functions: each(sections, 'function', (reader) => reader.u32()),
    table: table[0] ?? null,
    memory,
    globals: each(sections, 'global', readGlobal),
    exports: each(sections, 'export', readExport),
    start: sections.get('start')?.u32() ?? null,
    elements,
    code: each(sections, 'code', readBody),
    data: each(sections, 'data', readData),
    hasDataCount: sections.has('data count'),
  }
}

function readSections(bytes: Uint8Array): Sections {
  const reader = new ByteReader(bytes)
  if (HEADER.some((byte, index) => bytes[index] !== byte)) {
    throw new ModuleRefused('not a core module of version 1 (a component is another class)')
  }
  reader.take(HEADER.length)
  const sections = new Map<SectionName, ByteReader>()
  while (!reader.atEnd) {
    const id = reader.u8()
    const length = reader.count()
    const content = new ByteReader(bytes, reader.offset, reader.offset + length)
    reader.take(length)
    const name = SECTIONS[id]
    if (name === undefined) throw new ModuleRefused(`section ${id} is not allowed`)
    // Custom sections have no meaning for a program, and engines read hints out of them: dropped.
    if (name === 'custom') continue
    if (sections.has(name)) throw new ModuleRefused(`the ${name} section appears twice`)
    sections.set(name, content)
  }
  return sections
}

function each<T>(
  sections: Sections,
  name: SectionName,
  read: (reader: ByteReader) => T,
): readonly T[] {
  const reader = sections.get(name)
  if (reader === undefined) return []
  const items: T[] = []
  const count = reader.count()
  const most = MAX_ITEMS[name] ?? count
  if (count > most) {
    throw new ModuleRefused(`the ${name} section has ${count} items, at most ${most}`)
  }
  for (let rest = count; rest > 0; rest -= 1) items.push(read(reader))
  if (!reader.atEnd) throw new ModuleRefused(`the ${name} section has bytes left over`)
  return items
}

/** A value type, refused unless it is i32, i64 or funcref. */
export function readValueType(reader: ByteReader): ValueType {
  return valueType(reader.u8())
}

/** The value type of a code. Throws ModuleRefused unless it is i32, i64 or funcref. */
export function valueType(code: number): ValueType {
  if (code === I32 || code === I64 || code === FUNCREF) return code
  throw new ModuleRefused(`value type 0x${code.toString(16)} is not allowed`)
}

function readType(reader: ByteReader): FunctionType {
  const form = reader.u8()
  if (form !== 0x60) throw new ModuleRefused(`type form 0x${form.toString(16)} is not allowed`)
  return { params: readValueTypes(reader), results: readValueTypes(reader) }
}

function readValueTypes(reader: ByteReader): readonly ValueType[] {
  return Array.from({ length: reader.count() }, () => readValueType(reader))
}

function readImport(reader: ByteReader): FunctionImport {
  const module = reader.name()
  const name = reader.name()
  const kind = reader.u8()
  if (kind !== 0) {
    const what = ['function', 'table', 'memory', 'global'][kind] ?? `thing of kind ${kind}`
    throw new ModuleRefused(`${module}#${name}: a ${what} may not be imported`)
  }
  return { module, name, type: reader.u32() }
}

function readTable(reader: ByteReader): Limits {
  if (readValueType(reader) !== FUNCREF) throw new ModuleRefused('a table must be of funcref')
  const limits = readLimits(reader, 'table')
  if (limits.min > MAX_TABLE_ELEMENTS) {
    throw new ModuleRefused(`a table has ${limits.min} elements, at most ${MAX_TABLE_ELEMENTS}`)
  }
  return limits
}

function readMemory(reader: ByteReader): Limits {
  return readLimits(reader, 'memory')
}

function readLimits(reader: ByteReader, what: string): Limits {
  const flags = reader.u8()
  if (flags > 1) throw new ModuleRefused(`a shared or 64-bit ${what} is not allowed`)
  const min = reader.u32()
  return { min, max: flags === 1 ? reader.u32() : null }
}

function readGlobal(reader: ByteReader): Global {
  const type = readValueType(reader)
  const mutability = reader.u8()
  if (mutability > 1) throw new ModuleRefused('a shared global is not allowed')
  return { type, mutable: mutability === 1, init: readConstant(reader) }
}

function readConstant(reader: ByteReader): Constant {
  const constant = readConstantInstruction(reader)
  if (reader.u8() !== 0x0b)
    throw new ModuleRefused('a constant expression has several instructions')
  return constant
}

function readConstantInstruction(reader: ByteReader): Constant {
  const code = reader.u8()
  switch (code) {
    case 0x41:
      return { kind: 'i32', value: reader.signed(32) }
    case 0x42:
      return { kind: 'i64', value: reader.signed(64) }
    case 0xd0:
      if (reader.u8() !== FUNCREF) throw new ModuleRefused('a null that is not of funcref')
      return { kind: 'null' }
    case 0xd2:
      return { kind: 'function', index: reader.u32() }
    default:
      throw new ModuleRefused(`opcode 0x${code.toString(16)} is not allowed in a constant`)
  }
}

function readExport(reader: ByteReader): Export {
  const name = reader.name()
  const code = reader.u8()
  const kind = EXPORT_KINDS[code]
  if (kind === undefined) throw new ModuleRefused(`export ${name}: kind ${code} is not allowed`)
  return { name, kind, index: reader.u32() }
}

// WebAssembly 2.0, 5.5.12: bit 0 passive or declarative, bit 1 explicit table or declarative, bit 2
// expressions instead of indices.
function readElement(reader: ByteReader): Element {
  const flags = reader.u32()
  if (flags > 7) throw new ModuleRefused(`element segment of kind ${flags} is not allowed`)
  const active = (flags & 1) === 0
  if (active && (flags & 2) !== 0 && reader.u32() !== 0) {
    throw new ModuleRefused('an element segment of another table')
  }
  const offset = active ? readConstant(reader) : null
  const byExpression = (flags & 4) !== 0
  if ((flags & 3) !== 0) {
    const kind = reader.u8()
    if (kind !== (byExpression ? FUNCREF : 0)) {
      throw new ModuleRefused('an element segment must be of funcref')
    }
  }
  const mode = active ? 'active' : (flags & 2) === 0 ? 'passive' : 'declarative'
  const items = Array.from({ length: reader.count() }, () =>
    byExpression ? readConstant(reader) : functionConstant(reader.u32()),
  )
  return { mode, offset, items }
}

function functionConstant(index: number): Constant {
  return { kind: 'function', index }
}

function readBody(reader: ByteReader): Uint8Array {
  const length = reader.count()
  if (length > MAX_BODY_BYTES) {
    throw new ModuleRefused(`a function has ${length} bytes, at most ${MAX_BODY_BYTES}`)
  }
  return reader.take(length)
}

function readData(reader: ByteReader): Data {
  const flags = reader.u32()
  if (flags > 2) throw new ModuleRefused(`data segment of kind ${flags} is not allowed`)
  if (flags === 2 && reader.u32() !== 0) throw new ModuleRefused('a data segment of another memory')
  const offset = flags === 1 ? null : readConstant(reader)
  return { offset, bytes: reader.take(reader.count()) }
}
