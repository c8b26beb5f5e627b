import { defineConfig } from 'vitest/config'

const slow = process.env.SLOW === '1'
// Set by `npm run test:runtimes`: those tests need what only it installs.
const isForRuntimes = process.env.TEST_RUNTIMES !== undefined

// Vitest runs what tsc compiled and never sees TypeScript: worker threads need real files beside
// the module that starts them, and what is tested is what is published.
export default defineConfig({
  test: {
    include: [`packages/*/dist/test/**/*.${isForRuntimes ? 'runtime-test' : 'test'}.js`],
    exclude: ['**/node_modules/**'],
    pool: 'forks',
    // The default leaves a core idle; most tests wait for processes and sockets of their own.
    maxWorkers: '100%',
    testTimeout: slow ? 300_000 : 30_000,
    hookTimeout: 60_000,
    teardownTimeout: 15_000,
    passWithNoTests: false,
    reporters: ['default'],
    watch: false,
  },
})
