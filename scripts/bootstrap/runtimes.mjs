import { join } from 'node:path'
import { ensureNpmPackage } from './cached-install.mjs'
import { sayFailure } from './say.mjs'

/**
 * The runtimes besides Node that the SDK is tested in. Their npm packages are the binaries themselves:
 * no install script, nothing that is fetched from elsewhere.
 */
export const RUNTIMES = {
  bun: {
    version: '1.4.5',
    binary: 'bin/bun',
    packages: {
      'linux-x64': '@oven/bun-linux-x64',
      'linux-arm64': '@oven/bun-linux-aarch64',
      'darwin-x64': '@oven/bun-darwin-x64',
      'darwin-arm64': '@oven/bun-darwin-aarch64',
    },
  },
  deno: {
    version: '2.9.6',
    binary: 'deno',
    packages: {
      'linux-x64': '@deno/linux-x64-glibc',
      'linux-arm64': '@deno/linux-arm64-glibc',
      'darwin-x64': '@deno/darwin-x64',
      'darwin-arm64': '@deno/darwin-arm64',
    },
  },
}

/** Installs a runtime unless it is there; returns the path of its binary, null after telling why not. */
export async function ensureRuntime(name) {
  const { version, binary, packages } = RUNTIMES[name]
  const platform = `${process.platform}-${process.arch}`
  const wanted = packages[platform]
  if (wanted === undefined) {
    sayFailure(
      `there is no package of ${name} ${version} for ${platform} that test:runtimes knows; it knows\n` +
        `${Object.keys(packages).join(', ')}`,
    )
    return null
  }
  const place = `runtimes/${name}-${version}`
  const directory = await ensureNpmPackage(place, `${wanted}@${version}`)
  return directory === null ? null : join(directory, 'node_modules', wanted, binary)
}
