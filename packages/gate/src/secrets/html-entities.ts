const ENTITIES: Readonly<Record<string, string>> = {
  '!': 'excl',
  '"': 'quot',
  '#': 'num',
  $: 'dollar',
  '%': 'percnt',
  '&': 'amp',
  "'": 'apos',
  '(': 'lpar',
  ')': 'rpar',
  '*': 'ast',
  '+': 'plus',
  ',': 'comma',
  '.': 'period',
  '/': 'sol',
  ':': 'colon',
  ';': 'semi',
  '<': 'lt',
  '=': 'equals',
  '>': 'gt',
  '?': 'quest',
  '@': 'commat',
  '[': 'lsqb',
  '\\': 'bsol',
  ']': 'rsqb',
  '^': 'Hat',
  _: 'lowbar',
  '`': 'grave',
  '{': 'lcub',
  '|': 'verbar',
  '}': 'rcub',
}

/** Longest name of an entity in the table. */
export const MAX_ENTITY_NAME = 6

/** Characters by the name of their entity, the name read as a number to the base 128. */
export const ENTITY_CODES: ReadonlyMap<number, number> = new Map(
  Object.entries(ENTITIES).map(([character, name]) => [
    Array.from(name).reduce((key, letter) => key * 128 + letter.charCodeAt(0), 0),
    character.charCodeAt(0),
  ]),
)

/** The name of the entity for a character of the table. */
export function entityOf(code: number): string | undefined {
  return ENTITIES[String.fromCodePoint(code)]
}
