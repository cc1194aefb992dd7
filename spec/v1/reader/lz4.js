/**
 * The LZ4 block format, and BloscLZ: what Blosc compresses its blocks with by default.
 *
 * Each decoder fills `out` whole and returns true, or returns false: it never writes beyond `out`,
 * and never reads beyond `bytes`.
 *
 * @module
 */

/**
 * Repeat what stands `distance` bytes back, which may run into itself.
 *
 * @param {Uint8Array} out
 * @param {number} at
 * @param {number} distance
 * @param {number} length
 */
function repeat(out, at, distance, length) {
  if (distance >= length && length > 32) {
    out.copyWithin(at, at - distance, at - distance + length)
    return
  }
  for (const end = at + length; at < end; at++) out[at] = out[at - distance]
}

/**
 * Copy bytes that stand in the input as they are.
 *
 * @param {Uint8Array} out
 * @param {number} at
 * @param {Uint8Array} bytes
 * @param {number} from
 * @param {number} length
 */
function literal(out, at, bytes, from, length) {
  if (length > 32) out.set(bytes.subarray(from, from + length), at)
  else for (let i = 0; i < length; i++) out[at + i] = bytes[from + i]
}

/**
 * Decode one LZ4 block.
 *
 * @param {Uint8Array} bytes
 * @param {Uint8Array} out
 * @returns {boolean} whether the block was sound and filled `out`
 */
export function decodeLz4(bytes, out) {
  const end = bytes.length
  const room = out.length
  let i = 0
  let o = 0
  while (i < end) {
    const token = bytes[i++]
    let length = token >> 4
    if (length === 15) {
      let more
      do {
        if (i >= end) return false
        more = bytes[i++]
        length += more
      } while (more === 255)
    }
    if (length > end - i || length > room - o) return false
    literal(out, o, bytes, i, length)
    i += length
    o += length
    if (i === end) return o === room
    if (end - i < 2) return false
    const distance = bytes[i] | (bytes[i + 1] << 8)
    i += 2
    let match = (token & 15) + 4
    if (match === 19) {
      let more
      do {
        if (i >= end) return false
        more = bytes[i++]
        match += more
      } while (more === 255)
    }
    if (distance === 0 || distance > o || match > room - o) return false
    repeat(out, o, distance, match)
    o += match
  }
  return false
}

const FAR = 8191

/**
 * Decode one BloscLZ block.
 *
 * @param {Uint8Array} bytes
 * @param {Uint8Array} out
 * @returns {boolean} whether the block was sound and filled `out`
 */
export function decodeBloscLz(bytes, out) {
  const end = bytes.length
  const room = out.length
  let i = 0
  let o = 0
  for (let first = true; i < end; first = false) {
    const control = first ? bytes[i++] & 31 : bytes[i++]
    if (control < 32) {
      const length = control + 1
      if (length > end - i || length > room - o) return false
      literal(out, o, bytes, i, length)
      i += length
      o += length
      continue
    }
    let length = (control >> 5) + 2
    let distance = (control & 31) << 8
    if (length === 9) {
      let more
      do {
        if (i >= end) return false
        more = bytes[i++]
        length += more
      } while (more === 255)
    }
    if (i >= end) return false
    const low = bytes[i++]
    if (low === 255 && distance === 31 << 8) {
      if (end - i < 2) return false
      distance = (bytes[i] << 8) + bytes[i + 1] + FAR + 1
      i += 2
    } else distance += low + 1
    if (distance > o || length > room - o) return false
    repeat(out, o, distance, length)
    o += length
  }
  return o === room
}
