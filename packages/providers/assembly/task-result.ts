import { writeBytes, writeText } from './json-writer'
import { allocate } from './memory'

// `result<string, string>` as the canonical ABI returns it: the case, the text, its length.
const RESULT_SIZE: usize = 12

/** The error variant: `prefix`, a constant, and the message. */
export function errorResult(prefix: string, message: usize, length: usize): usize {
  const text = allocate((prefix.length as usize) + length, 1)
  const end = writeBytes(writeText(text, prefix), message, length)
  return taskResult(1, text, end - text)
}

/** The error variant with a message of constants. */
export function constantError(prefix: string, message: string): usize {
  const text = allocate((prefix.length + message.length) as usize, 1)
  const end = writeText(writeText(text, prefix), message)
  return taskResult(1, text, end - text)
}

export function okResult(text: usize, length: usize): usize {
  return taskResult(0, text, length)
}

function taskResult(variant: u8, text: usize, length: usize): usize {
  const area = allocate(RESULT_SIZE, 4)
  store<u8>(area, variant)
  store<usize>(area + 4, text)
  store<usize>(area + 8, length)
  return area
}
