import { ByteWriter } from './byte-writer.js'
import {
  type Constant,
  type Data,
  type Element,
  EXPORT_KINDS,
  FUNCREF,
  type FunctionType,
  type Limits,
  type WasmModule,
} from './module.js'

/** The bytes of a module, without custom sections. */
export function writeModule(module: WasmModule): Uint8Array<ArrayBuffer> {
  const out = new ByteWriter().raw([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00])
  section(out, 1, module.types, writeType)
  section(out, 2, module.imports, (to, item) => {
    to.name(item.module).name(item.name).u8(0).u32(item.type)
  })
  section(out, 3, module.functions, (to, type) => to.u32(type))
  section(out, 4, module.table === null ? [] : [module.table], (to, table) => {
    writeLimits(to.u8(FUNCREF), table)
  })
  section(out, 5, [module.memory], writeLimits)
  section(out, 6, module.globals, (to, global) => {
    writeConstant(to.u8(global.type).u8(global.mutable ? 1 : 0), global.init)
  })
  section(out, 7, module.exports, (to, item) => {
    to.name(item.name).u8(EXPORT_KINDS.indexOf(item.kind)).u32(item.index)
  })
  if (module.start !== null) out.u8(8).sized(new ByteWriter().u32(module.start).toBytes())
  section(out, 9, module.elements, writeElement)
  if (module.hasDataCount) out.u8(12).sized(new ByteWriter().u32(module.data.length).toBytes())
  section(out, 10, module.code, (to, body) => to.sized(body))
  section(out, 11, module.data, writeData)
  return out.toBytes()
}

function section<T>(
  out: ByteWriter,
  id: number,
  items: readonly T[],
  write: (to: ByteWriter, item: T) => void,
): void {
  if (items.length === 0) return
  const content = new ByteWriter()
  content.vector(items, (item) => write(content, item))
  out.u8(id).sized(content.toBytes())
}

function writeType(to: ByteWriter, type: FunctionType): void {
  to.u8(0x60)
  to.vector(type.params, (param) => to.u8(param))
  to.vector(type.results, (result) => to.u8(result))
}

function writeLimits(to: ByteWriter, { min, max }: Limits): void {
  to.u8(max === null ? 0 : 1).u32(min)
  if (max !== null) to.u32(max)
}

function writeConstant(to: ByteWriter, constant: Constant): void {
  switch (constant.kind) {
    case 'i32':
      to.u8(0x41).signed(constant.value)
      break
    case 'i64':
      to.u8(0x42).signed(constant.value)
      break
    case 'null':
      to.u8(0xd0).u8(FUNCREF)
      break
    case 'function':
      to.u8(0xd2).u32(constant.index)
      break
  }
  to.u8(0x0b)
}

const ELEMENT_FLAGS = { active: 4, passive: 5, declarative: 7 } as const

// Always in the form with expressions, which can say everything.
function writeElement(to: ByteWriter, element: Element): void {
  to.u32(ELEMENT_FLAGS[element.mode])
  if (element.offset !== null) writeConstant(to, element.offset)
  if (element.mode !== 'active') to.u8(FUNCREF)
  to.vector(element.items, (item) => writeConstant(to, item))
}

function writeData(to: ByteWriter, data: Data): void {
  to.u32(data.offset === null ? 1 : 0)
  if (data.offset !== null) writeConstant(to, data.offset)
  to.sized(data.bytes)
}
