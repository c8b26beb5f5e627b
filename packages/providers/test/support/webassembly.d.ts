/** The part of the WebAssembly JavaScript interface that these tests use. */
declare global {
  namespace WebAssembly {
    class Module {
      constructor(bytes: Uint8Array<ArrayBuffer>)
      static imports(module: Module): readonly { module: string; name: string }[]
      static exports(module: Module): readonly { name: string }[]
    }
    class Instance {
      constructor(
        module: Module,
        imports: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
      )
      readonly exports: Readonly<Record<string, unknown>>
    }
  }
}

export {}
