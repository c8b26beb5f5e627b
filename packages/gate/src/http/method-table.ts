/** Which methods a path has, so that a wrong method is 405 with `Allow` and not 404. */
export class MethodTable {
  readonly #paths = new Map<
    string,
    { readonly parts: readonly string[]; readonly methods: Set<string> }
  >()

  constructor(routes: readonly { readonly method: string; readonly path: string }[]) {
    for (const { method, path } of routes) {
      const entry = this.#paths.get(path) ?? { parts: path.split('/'), methods: new Set<string>() }
      entry.methods.add(method)
      if (method === 'GET') entry.methods.add('HEAD')
      this.#paths.set(path, entry)
    }
  }

  /** Methods of the path of a request target, sorted; empty for an unknown path. */
  allowed(target: string): readonly string[] {
    const parts = pathOf(target).split('/')
    const methods = new Set<string>()
    for (const entry of this.#paths.values()) {
      if (!matches(entry.parts, parts)) continue
      for (const method of entry.methods) methods.add(method)
    }
    return [...methods].sort()
  }
}

function matches(pattern: readonly string[], parts: readonly string[]): boolean {
  if (pattern.length !== parts.length) return false
  return pattern.every((part, i) => (part.startsWith(':') ? parts[i] !== '' : part === parts[i]))
}

// Read as the router reads it: absolute form, query and percent-encoding make no difference.
function pathOf(target: string): string {
  const path = target.replace(/^https?:\/\/[^/]*\//i, '/').split(/[?#]/)[0] ?? ''
  try {
    return decodeURI(path)
  } catch {
    // The router has no route for it either.
    return ''
  }
}
