import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const SOURCE = new URL('../src/', import.meta.url)

/** Modules reachable from a file by import, as specifiers that are not relative. */
function foreignImports(file: URL, seen: Set<string>): readonly string[] {
  if (seen.has(file.href)) return []
  seen.add(file.href)
  const specifiers = [...readFileSync(file, 'utf8').matchAll(/from '([^']+)'/g)].map((m) => m[1]!)
  return specifiers.flatMap((specifier) =>
    specifier.startsWith('.') ? foreignImports(new URL(specifier, file), seen) : [specifier],
  )
}

test('the browser entry point reaches no module outside the package', () => {
  const seen = new Set<string>()
  expect(foreignImports(new URL('index.js', SOURCE), seen)).toEqual([])
  expect(seen.size).toBeGreaterThan(12)
})

test('the node entry point reaches node modules only', () => {
  const found = foreignImports(new URL('node/index.js', SOURCE), new Set())
  expect(new Set(found)).toEqual(new Set(['node:crypto', 'node:fs', 'node:path', 'node:util']))
})

test('the browser entry point uses no global of Node', () => {
  const seen = new Set<string>()
  foreignImports(new URL('index.js', SOURCE), seen)
  for (const href of seen) {
    const code = readFileSync(new URL(href), 'utf8').replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*/g, '')
    expect([href, /\b(?:Buffer|process|require|__dirname|globalThis)\b/.test(code)]).toEqual([
      href,
      false,
    ])
  }
})
