/** The part of the WebAssembly JavaScript interface that is used: it is in no library but DOM's. */
declare global {
  namespace WebAssembly {
    type Exports = Readonly<Record<string, unknown>>
    type Imports = Readonly<Record<string, Readonly<Record<string, unknown>>>>

    class Module {
      private readonly brand
      constructor(bytes: Uint8Array<ArrayBuffer>)
    }

    class Instance {
      constructor(module: Module, imports?: Imports)
      readonly exports: Exports
    }

    class Memory {
      private readonly brand
      readonly buffer: ArrayBuffer
    }

    class RuntimeError extends Error {}

    class CompileError extends Error {}

    function validate(bytes: Uint8Array<ArrayBuffer>): boolean
    function compile(bytes: Uint8Array<ArrayBuffer>): Promise<Module>
  }
}

export {}
