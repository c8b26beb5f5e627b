import { readFileSync } from 'node:fs'
import { ROOT } from './example-world.js'

/** A document whose snippets are run. */
export interface Guide {
  readonly text: string
  /** All blocks of a language, without the indentation of lists. */
  blocks(language: string): readonly string[]
  /** The one block of a language that contains a text; throws when there is none, or another. */
  block(language: string, containing: string): string
  /** The rows of the table whose head begins with this cell; marks of code are taken off. */
  table(head: string): readonly (readonly string[])[]
}

/** Ids in what a program printed, or a page shows (`01a21203-…`), as `ID`. */
export function withoutIds(text: string): string {
  return text.replaceAll(
    /[0-9a-f]{8}-(?:…|[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})/g,
    'ID',
  )
}

/** Reads a document of the repository, by its path from the root. */
export function readGuide(path: string): Guide {
  const text = readFileSync(`${ROOT}${path}`, 'utf8')
  const blocks = (language: string): readonly string[] => {
    const fence = new RegExp(`^( *)\`\`\`${language}\n(.*?)^ *\`\`\`$`, 'gms')
    return [...text.matchAll(fence)].map(([, indent = '', code = '']) =>
      code.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
    )
  }
  return {
    text,
    blocks,
    block: (language, containing) => {
      const [found, ...more] = blocks(language).filter((code) => code.includes(containing))
      if (found !== undefined && more.length === 0) return found
      throw new Error(`not one block of ${language} contains ${containing}`)
    },
    table: (head) => {
      const [, rest] = text.split(`\n| ${head} |`)
      if (rest === undefined) throw new Error(`no table begins with ${head}`)
      const lines = rest.split('\n\n')[0]?.split('\n').slice(2) ?? []
      return lines.map((line) => {
        const cells = line.split('|').slice(1, -1)
        return cells.map((cell) => cell.trim().replaceAll('`', ''))
      })
    },
  }
}
