// `request: func(req: http-request) -> result<http-response, string>`, flattened by the canonical ABI.
@external('latchgate:provider/io-http@0.1.0', 'request')
export declare function request(
  method: usize,
  methodLength: usize,
  url: usize,
  urlLength: usize,
  headers: usize,
  headerCount: usize,
  hasBody: u32,
  body: usize,
  bodyLength: usize,
  timeoutMs: u32,
  result: usize,
): void

/** A `tuple<string, string>`: name, its length, value, its length; four bytes each. */
export const HEADER_SIZE: usize = 16

/** Size of `result<http-response, string>`. */
export const RESULT_SIZE: usize = 24

// Offsets in it: the case, then `http-response` or the message of the error.
export const RESULT_CASE: usize = 0
export const RESULT_STATUS: usize = 4
export const RESULT_HEADERS: usize = 8
export const RESULT_HEADER_COUNT: usize = 12
export const RESULT_BODY: usize = 16
export const RESULT_BODY_LENGTH: usize = 20
export const RESULT_MESSAGE: usize = 4
export const RESULT_MESSAGE_LENGTH: usize = 8
