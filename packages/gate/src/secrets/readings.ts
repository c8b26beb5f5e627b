/** More than any place in a text can be read as. */
const MAX_READINGS = 32

/**
 * What stands at a place of a text: which characters, and where the writing of each ends. There can
 * be several: `%25` is a percent sign encoded, and also a percent sign before `25`. One object serves
 * a whole search, so that nothing is allocated for a place.
 */
export class Readings {
  readonly codes: Int32Array = new Int32Array(MAX_READINGS)
  readonly ends: Int32Array = new Int32Array(MAX_READINGS)
  count = 0
  /** About how many bytes were looked at, ever. */
  steps = 0

  add(code: number, end: number): void {
    this.codes[this.count] = code
    this.ends[this.count] = end
    this.count += 1
  }
}
