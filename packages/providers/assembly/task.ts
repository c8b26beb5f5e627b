import { decodeBase64, NOT_BASE64 } from './base64'
import { HEADER_SIZE } from './io-http'
import {
  accept,
  expect,
  fail,
  integer,
  isString,
  open,
  peek,
  readEnd,
  readInteger,
  readNull,
  readString,
  skipValue,
  stringLength,
  stringPointer,
} from './json-reader'
import { allocate } from './memory'

const DEFAULT_METHOD: usize = memory.data<u8>([0x47, 0x45, 0x54])

export let method: usize = 0
export let methodLength: usize = 0
export let url: usize = 0
export let urlLength: usize = 0
export let headers: usize = 4
export let headerCount: usize = 0
export let hasBody: bool = false
export let body: usize = 0
export let bodyLength: usize = 0
export let timeoutMs: u32 = 30000

/** Reads the task: `{"url", "method", "headers", "body_base64", "timeout_ms"}`; others are ignored. */
export function readTask(source: usize, length: usize): bool {
  open(source, length)
  if (!expect(0x7b, 'expected an object')) return false
  if (!accept(0x7d)) {
    do {
      if (!readMember()) return false
    } while (accept(0x2c))
    if (!expect(0x7d, 'expected a comma or the end of the object')) return false
  }
  if (!readEnd()) return false
  if (method == 0) {
    method = DEFAULT_METHOD
    methodLength = 3
  }
  return url != 0 || fail('url is missing')
}

function readMember(): bool {
  if (!readString()) return false
  if (isString('url')) return colon() && readUrl()
  if (isString('method')) return colon() && readMethod()
  if (isString('headers')) return colon() && readHeaders()
  if (isString('body_base64')) return colon() && readBody()
  if (isString('timeout_ms')) return colon() && readTimeout()
  return colon() && skipValue()
}

function colon(): bool {
  return expect(0x3a, 'expected a colon')
}

function readUrl(): bool {
  if (!readString()) return false
  url = stringPointer
  urlLength = stringLength
  return true
}

function readMethod(): bool {
  if (!readString()) return false
  method = stringPointer
  methodLength = stringLength
  return true
}

function readHeaders(): bool {
  if (!expect(0x7b, 'headers: expected an object')) return false
  headerCount = 0
  if (accept(0x7d)) return true
  do {
    if (!readHeader()) return false
  } while (accept(0x2c))
  return expect(0x7d, 'headers: expected a comma or the end of the object')
}

// Nothing else allocates while the task is read, so the entries lie one behind the other.
function readHeader(): bool {
  const entry = allocate(HEADER_SIZE, 4)
  if (headerCount == 0) headers = entry
  if (!readString()) return false
  store<usize>(entry, stringPointer)
  store<usize>(entry + 4, stringLength)
  if (!colon() || !readString()) return false
  store<usize>(entry + 8, stringPointer)
  store<usize>(entry + 12, stringLength)
  headerCount += 1
  return true
}

function readBody(): bool {
  hasBody = false
  if (peek() == 0x6e) return readNull()
  if (!readString()) return false
  bodyLength = decodeBase64(stringPointer, stringLength)
  body = stringPointer
  hasBody = bodyLength != NOT_BASE64
  return hasBody || fail('body_base64 is not base64')
}

function readTimeout(): bool {
  if (!readInteger()) return false
  timeoutMs = integer
  return true
}
