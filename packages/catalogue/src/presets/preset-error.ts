/** A preset cannot be had or applied; the message says what to do. */
export class PresetError extends Error {
  override readonly name = 'PresetError'
}
