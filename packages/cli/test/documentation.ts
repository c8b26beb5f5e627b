import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** docs/cli.md. */
export const CLI_PAGE: string = readFileSync(
  fileURLToPath(new URL('../../../../docs/cli.md', import.meta.url)),
  'utf8',
)

/** The section under a heading, without the heading. */
export function sectionOf(heading: string): string {
  const section = CLI_PAGE.split(/^## /m).find((one) => one.startsWith(`${heading}\n`))
  if (section === undefined) throw new Error(`docs/cli.md has no section '${heading}'`)
  return section.slice(heading.length)
}

/** The first JSON document in a section. */
export function documentedJson(heading: string): Record<string, unknown> {
  const block = /```json\n(.*?)\n```/s.exec(sectionOf(heading))?.[1]
  if (block === undefined) throw new Error(`docs/cli.md shows no JSON for '${heading}'`)
  return JSON.parse(block) as Record<string, unknown>
}

/** Names and kinds of everything in a value; of a list, of its items. */
export function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shapeOf)
  if (typeof value !== 'object' || value === null) return typeof value
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, shapeOf(one)]))
}
