import { alone } from './alone.mjs'
import { runNode } from './child.mjs'
import { ensureInspector } from './inspector-env.mjs'
import { environmentWithout } from './test-environment.mjs'

/** A run of the inspector starts Node twice, on a machine that does other things as well. */
const TIMEOUT_MS = 120_000

/**
 * Runs the command line of the MCP inspector against our adapter and a real gate, over both
 * transports; arguments are vitest's own. Returns the exit code.
 */
export async function testInspector(args) {
  const inspector = await alone(() => ensureInspector())
  if (inspector === null) return 1
  const { node, script } = inspector
  const env = {
    ...environmentWithout('LATCHGATE_', 'MCP_'),
    TEST_INSPECTOR_NODE: node,
    TEST_INSPECTOR_SCRIPT: script,
  }
  const vitest = ['run', `--testTimeout=${TIMEOUT_MS}`, ...args]
  return runNode('node_modules/vitest/vitest.mjs', vitest, { env })
}
