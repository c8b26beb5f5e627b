import fc from 'fast-check'
import { expect, test } from 'vitest'
import { pathGlobProblem } from '../../src/approvals/path-glob.js'

test.each(['docs/*.md', 'a', 'src/**/*.ts', 'a\tb', 'environment/x'])(
  '%j can be learned',
  (glob) => {
    expect(pathGlobProblem(glob)).toBeNull()
  },
)

test('nothing that can be learned is absolute, climbs, or reaches credentials, in whatever case', () => {
  const part = fc.constantFrom('a', '..', '.ENV', '.ssh', '.Git', '*', '**', '.aws*', '.kube.d', '')
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 5 }), (parts) => {
      const glob = parts.join('/')
      if (pathGlobProblem(glob) !== null) return
      expect(glob.startsWith('/')).toBe(false)
      expect(parts).not.toContain('..')
      expect(glob.toLowerCase()).not.toMatch(/(^|\/)\.(env|ssh|git|aws|kube)/)
    }),
  )
})
