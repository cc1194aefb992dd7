/**
 * Blosc 1 buffers: header, blocks, splits, and the two shuffles.
 *
 * @module
 */
import { decodeBloscLz, decodeLz4 } from './lz4.js'
import { inflate, unzstd } from './packages.js'

const HEADER = 16
const FORMAT = 2
const SHUFFLE = 1
const STORED = 2
const BITSHUFFLE = 4
const RESERVED = 8
const WHOLE = 16
const MAX_SPLITS = 16
const LEAST_SPLIT = 128

/**
 * Decode one Blosc 1 buffer.
 *
 * @param {Uint8Array} bytes
 * @param {number} size bytes that it must decode to; no more are allocated, but for one block
 * @returns {Promise<Uint8Array | null>} null where it is no such buffer
 */
export async function decodeBlosc(bytes, size) {
  if (bytes.length < HEADER) return null
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const [flags, typesize] = [bytes[2], bytes[3]]
  const blocksize = view.getUint32(8, true)
  if (bytes[0] !== FORMAT || flags & RESERVED || typesize === 0) return null
  if (view.getUint32(4, true) !== size || view.getUint32(12, true) !== bytes.length) return null
  if (flags & STORED) return bytes.length === HEADER + size ? bytes.slice(HEADER) : null
  if (blocksize === 0 || blocksize > size) return null
  const blocks = Math.ceil(size / blocksize)
  if (blocks > (bytes.length - HEADER) / 4) return null
  const out = new Uint8Array(size)
  const buffer = { bytes, view, flags, typesize, blocksize, whole: (flags & WHOLE) !== 0 }
  const scratch = new Uint8Array(flags & (SHUFFLE | BITSHUFFLE) ? blocksize : 0)
  for (let b = 0; b < blocks; b++) {
    const target = out.subarray(b * blocksize, Math.min(size, (b + 1) * blocksize))
    const start = view.getUint32(HEADER + 4 * b, true)
    if (!(await decodeBlock(buffer, start, target, scratch))) return null
  }
  return out
}

/**
 * Decode one block of a buffer into its place.
 *
 * @param {{bytes: Uint8Array, view: DataView, flags: number, typesize: number, blocksize: number,
 *   whole: boolean}} buffer
 * @param {number} start place of the block in the buffer
 * @param {Uint8Array} target
 * @param {Uint8Array} scratch room for a block before it is unshuffled
 * @returns {Promise<boolean>}
 */
async function decodeBlock(
  { bytes, view, flags, typesize, blocksize, whole },
  start,
  target,
  scratch,
) {
  const n = target.length
  const shuffled = (flags & SHUFFLE) !== 0 && typesize > 1
  const bitshuffled = !shuffled && (flags & BITSHUFFLE) !== 0 && n >= typesize
  const raw = shuffled || bitshuffled ? scratch.subarray(0, n) : target
  const split =
    !whole &&
    n === blocksize &&
    typesize <= MAX_SPLITS &&
    Math.floor(blocksize / typesize) >= LEAST_SPLIT
  const splits = split ? typesize : 1
  const length = Math.floor(n / splits)
  if (length * splits !== n) return false
  for (let s = 0; s < splits; s++) {
    if (start > bytes.length - 4) return false
    const packed = view.getUint32(start, true)
    start += 4
    if (packed > bytes.length - start) return false
    const part = bytes.subarray(start, start + packed)
    const place = raw.subarray(s * length, (s + 1) * length)
    if (packed === length) place.set(part)
    else if (!(await decompress(flags >> 5, part, place))) return false
    start += packed
  }
  if (shuffled) unshuffle(raw, target, typesize)
  else if (bitshuffled) unbitshuffle(raw, target, typesize)
  return true
}

/**
 * @param {number} compressor
 * @param {Uint8Array} part
 * @param {Uint8Array} place
 * @returns {Promise<boolean> | boolean}
 */
function decompress(compressor, part, place) {
  if (compressor === 0) return decodeBloscLz(part, place)
  if (compressor === 1) return decodeLz4(part, place)
  if (compressor === 3) return inflate(part, place)
  if (compressor === 4) return unzstd(part, place)
  return false
}

/**
 * Undo the byte shuffle: byte j of all elements stands together.
 *
 * @param {Uint8Array} from
 * @param {Uint8Array} to
 * @param {number} typesize
 */
function unshuffle(from, to, typesize) {
  const count = Math.floor(from.length / typesize)
  for (let j = 0; j < typesize; j++) {
    let source = j * count
    for (let o = j; o < count * typesize; o += typesize) to[o] = from[source++]
  }
  to.set(from.subarray(count * typesize), count * typesize)
}

/**
 * Undo the bit shuffle: bit k of byte j of all elements stands together, least bit first. Blocks of
 * elements that are no multiple of eight were left as they are.
 *
 * @param {Uint8Array} from
 * @param {Uint8Array} to
 * @param {number} typesize
 */
function unbitshuffle(from, to, typesize) {
  const count = Math.floor(from.length / typesize)
  if (count % 8 !== 0) {
    to.set(from)
    return
  }
  const row = count / 8
  for (let j = 0; j < typesize; j++) {
    const plane = j * 8 * row
    for (let g = 0; g < row; g++) {
      let low = 0
      let high = 0
      for (let k = 3; k >= 0; k--) {
        low = (low << 8) | from[plane + k * row + g]
        high = (high << 8) | from[plane + (k + 4) * row + g]
      }
      // Transpose eight by eight bits: swap within pairs, then pairs, then halves.
      let t = (low ^ (low >>> 7)) & 0x00aa00aa
      low ^= t ^ (t << 7)
      t = (high ^ (high >>> 7)) & 0x00aa00aa
      high ^= t ^ (t << 7)
      t = (low ^ (low >>> 14)) & 0x0000cccc
      low ^= t ^ (t << 14)
      t = (high ^ (high >>> 14)) & 0x0000cccc
      high ^= t ^ (t << 14)
      t = ((low >>> 4) ^ high) & 0x0f0f0f0f
      high ^= t
      low ^= t << 4
      let o = g * 8 * typesize + j
      for (let k = 0; k < 32; k += 8, o += typesize) to[o] = low >>> k
      for (let k = 0; k < 32; k += 8, o += typesize) to[o] = high >>> k
    }
  }
  to.set(from.subarray(count * typesize), count * typesize)
}
