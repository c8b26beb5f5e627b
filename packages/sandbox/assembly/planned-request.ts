import { request, RESULT_SIZE } from '../../providers/assembly/io-http'
import { allocate } from '../../providers/assembly/memory'
import {
  body,
  bodyLength,
  hasBody,
  headerCount,
  headers,
  method,
  methodLength,
  timeoutMs,
  url,
  urlLength,
} from '../../providers/assembly/task'
import { constantError, okResult } from '../../providers/assembly/task-result'

export { readTask } from '../../providers/assembly/task'
export { url, urlLength } from '../../providers/assembly/task'

/** Makes the request of the task, with another method, URL or list of headers when they are given. */
export function ask(
  otherMethod: string = '',
  urlAt: usize = url,
  urlSize: usize = urlLength,
  headersAt: usize = headers,
  headersCount: usize = headerCount,
  extraBody: bool = false,
): void {
  let methodAt = method
  let methodSize = methodLength
  if (otherMethod.length > 0) {
    methodAt = ascii(otherMethod)
    methodSize = otherMethod.length as usize
  }
  request(
    methodAt,
    methodSize,
    urlAt,
    urlSize,
    headersAt,
    headersCount,
    hasBody || extraBody ? 1 : 0,
    hasBody ? body : methodAt,
    hasBody ? bodyLength : extraBody ? methodSize : 0,
    timeoutMs,
    allocate(RESULT_SIZE, 4),
  )
}

/** The bytes of a constant, which is ASCII. */
export function ascii(text: string): usize {
  const length = text.length as usize
  const to = allocate(length, 1)
  for (let index: usize = 0; index < length; index++) {
    store<u8>(to + index, load<u16>(changetype<usize>(text) + (index << 1)) as u8)
  }
  return to
}

/** The ok variant with a constant as its text. */
export function ok(text: string): usize {
  return okResult(ascii(text), text.length as usize)
}

/** The error variant: a hostile module that could not do what it is for. */
export function err(text: string): usize {
  return constantError(text, '')
}
