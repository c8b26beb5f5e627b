import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run, runNode } from './child.mjs'
import { toolsAdviceFor } from './node-version.mjs'
import { explainNpmFailure } from './npm-failure.mjs'
import { NpmProgress } from './npm-progress.mjs'
import { ROOT } from './root.mjs'
import { say, sayFailure } from './say.mjs'

const INSTALLED_BY = join(ROOT, 'node_modules/.latchgate-installed-by')

/**
 * No dependency needs its install script (the native ones ship their binaries), so none is run.
 * Short retries: a machine without a network should hear it in seconds, not minutes.
 */
const NPM_CI = [
  'ci',
  '--ignore-scripts',
  '--prefer-offline',
  '--no-audit',
  '--no-fund',
  '--loglevel=http',
  '--fetch-retries=3',
  '--fetch-retry-mintimeout=1000',
  '--fetch-retry-maxtimeout=5000',
]

/** Installs what package-lock.json says unless it is there already; returns an exit code. */
export async function ensureInstalled(command) {
  const reason = reasonToInstall()
  if (reason === null) return 0
  say(`installing the dependencies with npm ci: ${reason}`)
  const begun = Date.now()
  const progress = new NpmProgress(say)
  const code = await npm(NPM_CI, {
    waiting: () => `still installing, ${progress.words}`,
    readStderr: (text) => progress.read(text),
    isHopeless: () => progress.hopeless,
  })
  if (code !== 0) {
    sayFailure(explainNpmFailure(progress.complaint, command))
    return code
  }
  writeFileSync(INSTALLED_BY, `${process.versions.node}\n`)
  say(`installed in ${((Date.now() - begun) / 1000).toFixed(1)} s`)
  return 0
}

/**
 * Compares package-lock.json with the record that npm keeps of what it installed, so that an
 * `npm install` by hand counts, and an interrupted one (which leaves no record) does not.
 */
export function reasonToInstall() {
  const record = join(ROOT, 'node_modules/.package-lock.json')
  if (!existsSync(record)) return 'nothing is installed yet (this needs the network, once)'
  const wanted = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')).packages
  const present = readRecord(record)
  if (present === null) return 'the record of what is installed is damaged'
  for (const [path, entry] of Object.entries(wanted)) {
    if (!path.startsWith('node_modules/')) continue
    const found = present[path]
    if (found === undefined && entry.optional === true) continue
    if (found === undefined || !sameRelease(found, entry)) return 'package-lock.json has changed'
    // A link to a package of this repository has no file of its own to look at.
    const proof = found.link === true ? path : `${path}/package.json`
    if (!existsSync(join(ROOT, proof))) return `${path} is damaged or gone`
    if (!fitsThisMachine(found)) return `what is installed is not for ${process.platform}`
  }
  // An npm under a Node that the test tools do not support leaves their binaries out.
  const by = existsSync(INSTALLED_BY) ? readFileSync(INSTALLED_BY, 'utf8').trim() : null
  if (
    by !== null &&
    toolsAdviceFor(by) !== null &&
    toolsAdviceFor(process.versions.node) === null
  ) {
    return `Node ${by} installed them without the test tools`
  }
  return null
}

function readRecord(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages ?? null
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}

function sameRelease(found, wanted) {
  return found.version === wanted.version && found.integrity === wanted.integrity
}

function fitsThisMachine({ os, cpu }) {
  return (os?.includes(process.platform) ?? true) && (cpu?.includes(process.arch) ?? true)
}

/** Runs npm: the one that started us, or the one on the path. */
export async function npm(args, options) {
  const started = process.env.npm_execpath
  if (started !== undefined && /npm-cli\.[cm]?js$/.test(started)) {
    return runNode(started, args, options)
  }
  try {
    return await run('npm', args, { ...options, shell: process.platform === 'win32' })
  } catch (error) {
    if (error.code !== 'ENOENT') throw error
    process.stderr.write((options.readStderr ?? String)('npm is not on the path\n'))
    return 127
  }
}
