import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { tempDir } from '@latchgate/testkit'
import { expect, test } from 'vitest'
import * as sdk from '../src/index.js'
import { afterThisTest } from './setup.js'

const run = promisify(execFile)
const GENERATE = fileURLToPath(new URL('../../build/api-docs.mjs', import.meta.url))

test('every export is documented, every link in it leads somewhere, and a page comes of it', {
  timeout: 120_000,
}, async () => {
  const directory = tempDir()
  afterThisTest(() => directory.remove())
  const { stdout, stderr } = await run(process.execPath, [GENERATE, directory.path])
  expect(stdout + stderr).not.toMatch(/warning|error/)
  const pages = ['classes', 'functions'].flatMap((kind) => readdirSync(directory.file(kind)))
  expect(pages.toSorted()).toEqual(
    Object.keys(sdk)
      .map((name) => `${name}.html`)
      .toSorted(),
  )
  const page = readFileSync(directory.file('classes', 'LatchGateClient.html'), 'utf8')
  expect(page).toContain('href="LatchGateApprovalTimeout.html"')
})
