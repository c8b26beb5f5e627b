import { defineConfig } from 'vitest/config'

const slow = process.env.SLOW === '1'
// Set by `npm run test:runtimes` and `npm run test:inspector`: those tests need what only they install.
const { TEST_RUNTIMES, TEST_INSPECTOR_SCRIPT } = process.env
const suffixes = [
  ...(TEST_RUNTIMES === undefined ? [] : ['runtime-test']),
  ...(TEST_INSPECTOR_SCRIPT === undefined ? [] : ['inspector-test']),
]
const suffix = suffixes[0] ?? 'test'

// Vitest runs what tsc compiled and never sees TypeScript: worker threads need real files beside
// the module that starts them, and what is tested is what is published.
export default defineConfig({
  test: {
    include: [`packages/*/dist/test/**/*.${suffix}.js`],
    exclude: ['**/node_modules/**'],
    pool: 'forks',
    // The default leaves a core idle; most tests wait for processes and sockets of their own.
    maxWorkers: '100%',
    testTimeout: slow ? 300_000 : 60_000,
    hookTimeout: 60_000,
    teardownTimeout: 15_000,
    passWithNoTests: false,
    reporters: ['default'],
    watch: false,
  },
})
