import {
  RESULT_BODY,
  RESULT_BODY_LENGTH,
  RESULT_CASE,
  RESULT_HEADER_COUNT,
  RESULT_HEADERS,
  RESULT_MESSAGE,
  RESULT_MESSAGE_LENGTH,
  RESULT_SIZE,
  RESULT_STATUS,
  request,
} from './io-http'
import { problem } from './json-reader'
import { escapedSize, NOT_TEXT } from './json-text'
import { WRITER_SLACK, writeDecimal, writeEscaped, writeText } from './json-writer'
import { allocate, reallocate } from './memory'
import { headersSize, writeHeaders } from './response-headers'
import {
  body,
  bodyLength,
  hasBody,
  headerCount,
  headers,
  method,
  methodLength,
  readTask,
  timeoutMs,
  url,
  urlLength,
} from './task'
import { constantError, errorResult, okResult } from './task-result'

/** `execute: func(task-json: string) -> result<string, string>`: one request, one document. */
export function execute(task: usize, length: usize): usize {
  if (!readTask(task, length)) return constantError('invalid request JSON: ', problem)
  const result = allocate(RESULT_SIZE, 4)
  request(
    method,
    methodLength,
    url,
    urlLength,
    headers,
    headerCount,
    hasBody ? 1 : 0,
    body,
    hasBody ? bodyLength : 0,
    timeoutMs,
    result,
  )
  if (load<u8>(result + RESULT_CASE) != 0) {
    const message = load<usize>(result + RESULT_MESSAGE)
    return errorResult('', message, load<usize>(result + RESULT_MESSAGE_LENGTH))
  }
  return describe(result)
}

// {"ok":true,"data":{"status_code":…,"headers":{…},"body":"…","url":"…"}}
function describe(result: usize): usize {
  const fields = load<usize>(result + RESULT_HEADERS)
  const fieldCount = load<usize>(result + RESULT_HEADER_COUNT)
  const content = load<usize>(result + RESULT_BODY)
  const contentLength = load<usize>(result + RESULT_BODY_LENGTH)
  const bodySize = escapedSize(content, contentLength)
  const size =
    96 +
    headersSize(fields, fieldCount) +
    escapedSize(url, urlLength) +
    (bodySize == NOT_TEXT ? 0 : bodySize)
  if (size > <u64>i32.MAX_VALUE) return constantError('', 'the response is too large to describe')
  const text = allocate((size as usize) + WRITER_SLACK, 1)
  let to = writeText(text, '{"ok":true,"data":{"status_code":')
  to = writeDecimal(to, load<u16>(result + RESULT_STATUS))
  to = writeText(to, ',"headers":')
  to = writeHeaders(to, fields, fieldCount)
  to = writeText(to, ',"body":"')
  if (bodySize == NOT_TEXT) to = writeText(to, '<binary>')
  else to = writeEscaped(to, content, contentLength)
  to = writeText(to, '","url":"')
  to = writeEscaped(to, url, urlLength)
  to = writeText(to, '"}}')
  return okResult(text, to - text)
}

export function cabi_realloc(old: usize, oldSize: usize, align: usize, newSize: usize): usize {
  return reallocate(old, oldSize, align, newSize)
}

/** Nothing to free: an instance serves one call. */
export function cabi_post_execute(_result: usize): void {}
