// What each byte up to the backslash becomes in a JSON string: the text from the lowest byte up, its
// length in the highest.
const ESCAPES: usize = memory.data<u64>([
  0x060030303030755c, 0x060031303030755c, 0x060032303030755c, 0x060033303030755c,
  0x060034303030755c, 0x060035303030755c, 0x060036303030755c, 0x060037303030755c,
  0x020000000000625c, 0x020000000000745c, 0x0200000000006e5c, 0x060062303030755c,
  0x020000000000665c, 0x020000000000725c, 0x060065303030755c, 0x060066303030755c,
  0x060030313030755c, 0x060031313030755c, 0x060032313030755c, 0x060033313030755c,
  0x060034313030755c, 0x060035313030755c, 0x060036313030755c, 0x060037313030755c,
  0x060038313030755c, 0x060039313030755c, 0x060061313030755c, 0x060062313030755c,
  0x060063313030755c, 0x060064313030755c, 0x060065313030755c, 0x060066313030755c,
  0x0100000000000020, 0x0100000000000021, 0x020000000000225c, 0x0100000000000023,
  0x0100000000000024, 0x0100000000000025, 0x0100000000000026, 0x0100000000000027,
  0x0100000000000028, 0x0100000000000029, 0x010000000000002a, 0x010000000000002b,
  0x010000000000002c, 0x010000000000002d, 0x010000000000002e, 0x010000000000002f,
  0x0100000000000030, 0x0100000000000031, 0x0100000000000032, 0x0100000000000033,
  0x0100000000000034, 0x0100000000000035, 0x0100000000000036, 0x0100000000000037,
  0x0100000000000038, 0x0100000000000039, 0x010000000000003a, 0x010000000000003b,
  0x010000000000003c, 0x010000000000003d, 0x010000000000003e, 0x010000000000003f,
  0x0100000000000040, 0x0100000000000041, 0x0100000000000042, 0x0100000000000043,
  0x0100000000000044, 0x0100000000000045, 0x0100000000000046, 0x0100000000000047,
  0x0100000000000048, 0x0100000000000049, 0x010000000000004a, 0x010000000000004b,
  0x010000000000004c, 0x010000000000004d, 0x010000000000004e, 0x010000000000004f,
  0x0100000000000050, 0x0100000000000051, 0x0100000000000052, 0x0100000000000053,
  0x0100000000000054, 0x0100000000000055, 0x0100000000000056, 0x0100000000000057,
  0x0100000000000058, 0x0100000000000059, 0x010000000000005a, 0x010000000000005b,
  0x0200000000005c5c,
])

/** Bytes behind its end that `writeEscaped` may write to. */
export const WRITER_SLACK: usize = 8

/** Writes the inside of a JSON string and returns the address after it. */
export function writeEscaped(to: usize, source: usize, length: usize): usize {
  const end = source + length
  while (end - source >= 8) {
    const word = load<u64>(source)
    // All eight bytes are written; from the first special one on they are then overwritten.
    store<u64>(to, word)
    const specials = findSpecials(word)
    const plain = (ctz(specials) >> 3) as usize
    to += plain
    source += plain
    if (specials != 0) {
      const escape = load<u64>(ESCAPES + (<usize>load<u8>(source) << 3))
      store<u64>(to, escape)
      to += (escape >> 56) as usize
      source += 1
    }
  }
  return writeTail(to, source, end)
}

/** What escaping adds to the size of a byte. */
export function escapeGrowth(byte: u8): u64 {
  return byte > 0x5c ? 0 : (load<u8>(ESCAPES + (<usize>byte << 3) + 7) - 1) as u64
}

/**
 * Marks control characters, quotes and backslashes among eight bytes in their highest bits. A borrow
 * can mark a byte above one of those by mistake, but the lowest mark is always true.
 */
// @ts-ignore: decorator
@inline
export function findSpecials(word: u64): u64 {
  // Exchanging 0x20 and 0x22 brings the quote below all that is plain.
  const swapped = word ^ 0x0202020202020202
  const backslashes = word ^ 0x5c5c5c5c5c5c5c5c
  const found =
    ((swapped - 0x2121212121212121) & ~swapped) |
    ((backslashes - 0x0101010101010101) & ~backslashes)
  return found & 0x8080808080808080
}

function writeTail(to: usize, source: usize, end: usize): usize {
  for (; source < end; source++) {
    const byte = load<u8>(source)
    const escape = byte > 0x5c ? (byte as u64) | (1 << 56) : load<u64>(ESCAPES + (<usize>byte << 3))
    store<u64>(to, escape)
    to += (escape >> 56) as usize
  }
  return to
}

export function writeBytes(to: usize, source: usize, length: usize): usize {
  memory.copy(to, source, length)
  return to + length
}

/** Writes a constant of the program, which is ASCII. */
export function writeText(to: usize, text: string): usize {
  const length = text.length as usize
  const source = changetype<usize>(text)
  for (let index: usize = 0; index < length; index++) {
    store<u8>(to + index, load<u16>(source + (index << 1)) as u8)
  }
  return to + length
}

/** Writes an unsigned integer in decimal. */
export function writeDecimal(to: usize, value: u32): usize {
  let divisor: u32 = 1
  while (value / divisor >= 10) divisor *= 10
  while (divisor > 0) {
    store<u8>(to, (0x30 + ((value / divisor) % 10)) as u8)
    divisor /= 10
    to += 1
  }
  return to
}
