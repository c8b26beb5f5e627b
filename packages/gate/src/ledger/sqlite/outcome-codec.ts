import type { Outcome } from './commands.js'

/** Numbers a command; NaN stands for null. */
const WIDTH = 5

/** Outcomes as numbers, in the order of their commands: a buffer changes threads without a copy. */
export function encodeOutcomes(outcomes: readonly Outcome[]): Float64Array<ArrayBuffer> {
  const numbers = new Float64Array(outcomes.length * WIDTH)
  outcomes.forEach(({ status, index, sessionSeq, callsRemaining, extra }, at) => {
    const others = [sessionSeq, callsRemaining, extra].map((one) => one ?? Number.NaN)
    numbers.set([status, index, ...others], at * WIDTH)
  })
  return numbers
}

/** The outcomes that `encodeOutcomes` was given. */
export function decodeOutcomes(numbers: Float64Array): readonly Outcome[] {
  return Array.from({ length: numbers.length / WIDTH }, (_, command) => {
    const at = command * WIDTH
    return {
      status: numbers[at] ?? Number.NaN,
      index: numbers[at + 1] ?? Number.NaN,
      sessionSeq: numberOrNull(numbers[at + 2]),
      callsRemaining: numberOrNull(numbers[at + 3]),
      extra: numberOrNull(numbers[at + 4]),
    }
  })
}

function numberOrNull(value: number | undefined): number | null {
  return value === undefined || Number.isNaN(value) ? null : value
}
