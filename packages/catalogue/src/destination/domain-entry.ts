import { err, ok, type Result } from '@latchgate/protocol'
import { classifyAddress } from './address-class.js'
import { asciiLowerCase } from './ascii.js'
import { isAddressLiteral } from './parse-destination.js'

/** Why an allow-list entry is refused (actions spec 11.3). */
export type DomainFault =
  | 'Empty'
  | 'ContainsWhitespace'
  | 'WildcardInvalid'
  | 'WildcardSuffixTooShort'
  | 'WildcardSuffixUnsafe'
  | 'TooLong'
  | 'EmptyLabel'
  | 'LabelTooLong'
  | 'InvalidCharacter'
  | 'Localhost'
  | 'PrivateIp'
  | 'NoDot'

/** What each fault means, for messages. */
export const DOMAIN_FAULTS: Readonly<Record<DomainFault, string>> = {
  Empty: 'it is empty',
  ContainsWhitespace: 'it contains white space',
  WildcardInvalid: "'*' may only stand at the front, as in '*.example.com'",
  WildcardSuffixTooShort: 'the wildcard would cover a whole top-level domain',
  WildcardSuffixUnsafe: 'the wildcard would cover a whole registered domain',
  TooLong: 'it is longer than 253 characters',
  EmptyLabel: 'it has an empty label',
  LabelTooLong: 'it has a label longer than 63 characters',
  InvalidCharacter: 'only letters, digits, hyphens and dots are allowed; write Unicode as xn--…',
  Localhost: 'localhost is not a public destination',
  PrivateIp: 'the address is not public',
  NoDot: 'it has no dot',
}

interface Entry {
  /** `=`, `*.` or nothing. */
  readonly form: '' | '=' | '*.'
  readonly name: string
  readonly literal: boolean
}

/** Checks an entry of a manifest; the value is its normalised form, which is what gets matched. */
export function validateManifestDomain(text: string): Result<string, DomainFault> {
  const entry = parseEntry(text)
  return entry.ok ? ok(entry.value.form + entry.value.name) : entry
}

/**
 * Checks an entry that somebody wants to add at run time: nothing local, nothing without a dot, and
 * no wildcard over a whole registered domain unless forced.
 */
export function validateLearnedDomain(
  text: string,
  options: { readonly force?: boolean } = {},
): Result<string, DomainFault> {
  const entry = parseEntry(text)
  if (!entry.ok) return entry
  const { form, name, literal } = entry.value
  if (form === '*.' && name.split('.').length < 3 && options.force !== true) {
    return err('WildcardSuffixUnsafe')
  }
  if (name === 'localhost') return err('Localhost')
  if (literal && !classifyAddress(name.replace(/^\[|\]$/g, '')).public) return err('PrivateIp')
  if (!literal && !name.includes('.')) return err('NoDot')
  return ok(form + name)
}

function parseEntry(text: string): Result<Entry, DomainFault> {
  const trimmed = text.trim()
  if (trimmed === '') return err('Empty')
  if (/\s/.test(trimmed)) return err('ContainsWhitespace')
  const lower = asciiLowerCase(trimmed)
  const form = lower.startsWith('*.') ? '*.' : lower.startsWith('=') ? '=' : ''
  const name = lower.slice(form.length).replace(/\.$/, '')
  if (form === '*.') return parseWildcard(name)
  if (name === '') return err('Empty')
  if (name.includes('*')) return err('WildcardInvalid')
  const address = addressOf(name)
  if (address !== null) return ok({ form, name: address, literal: true })
  return labelled(form, name)
}

function parseWildcard(suffix: string): Result<Entry, DomainFault> {
  if (suffix === '' || suffix.includes('*')) return err('WildcardInvalid')
  if (!suffix.includes('.')) return err('WildcardSuffixTooShort')
  // Below an address there is nothing, and `*.3.4` would read as if it covered 1.2.3.4.
  if (addressOf(`1.${suffix}`) !== null || addressOf(suffix) !== null) return err('WildcardInvalid')
  return labelled('*.', suffix)
}

function labelled(form: Entry['form'], name: string): Result<Entry, DomainFault> {
  if (name.length > 253) return err('TooLong')
  for (const label of name.split('.')) {
    if (label === '') return err('EmptyLabel')
    if (label.length > 63) return err('LabelTooLong')
    if (!/^[a-z0-9-]+$/.test(label)) return err('InvalidCharacter')
  }
  return ok({ form, name, literal: false })
}

// In the one form that a URL's host will have: `2130706433` and `0x7f.1` are 127.0.0.1.
function addressOf(name: string): string | null {
  const bracketed = name.includes(':') && !name.startsWith('[') ? `[${name}]` : name
  if (!/^(?:\[[0-9a-f:.]+\]|[0-9a-fx.]+)$/.test(bracketed)) return null
  if (!URL.canParse(`http://${bracketed}/`)) return null
  const host = new URL(`http://${bracketed}/`).hostname
  return isAddressLiteral(host) ? host : null
}
