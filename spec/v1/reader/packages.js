/**
 * Compressors that are not ours: zlib of the platform, and zstd by the package `fzstd`, which is
 * loaded when a chunk needs it.
 *
 * @module
 */
import { EmbzarrError } from './errors.js'

/** @type {Promise<any> | null} */
let loading = null

/** @returns {Promise<{Decompress: any}>} */
async function fzstd() {
  // A page that lets no inline script in has no import map: there the file lies beside this one.
  loading ??= import('fzstd').catch(() => import('./fzstd.mjs'))
  try {
    return await loading
  } catch (cause) {
    loading = null
    throw new EmbzarrError('codec-unsupported', {
      expected:
        'the package fzstd, since this needs zstd (npm install fzstd, or its esm/index.mjs as fzstd.mjs beside the reader)',
      cause,
    })
  }
}

const MAGIC = 0xfd2fb528

/**
 * Find the blocks of the only Zstandard frame (RFC 8878) in some bytes.
 *
 * @param {Uint8Array} bytes
 * @returns {{size: number | null, blocks: Uint8Array} | null} the content size that the frame
 *   states,
 *   and its blocks; null where the bytes are not one frame without dictionary
 */
function readFrame(bytes) {
  if (bytes.length < 6) return null
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const descriptor = bytes[4]
  if (view.getUint32(0, true) !== MAGIC || descriptor & 8 || descriptor & 3) return null
  const single = (descriptor >> 5) & 1
  const flag = descriptor >> 6
  const width = flag === 0 ? single : 1 << flag
  let at = 6 - single
  if (at + width > bytes.length) return null
  let size = width === 0 ? null : width === 2 ? 256 : 0
  for (let i = 0; i < width; i++) size += bytes[at + i] * 2 ** (8 * i)
  at += width
  const first = at
  for (let last = false; !last;) {
    if (at + 3 > bytes.length) return null
    const header = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16)
    last = (header & 1) === 1
    at += 3 + (((header >> 1) & 3) === 1 ? 1 : header >> 3)
  }
  const end = at + (descriptor & 4 ? 4 : 0)
  return end === bytes.length ? { size, blocks: bytes.subarray(first, at) } : null
}

/**
 * Decode one Zstandard frame.
 *
 * @param {Uint8Array} bytes
 * @param {Uint8Array} place filled whole
 * @param {boolean} [stated] whether the frame must state its content size
 * @returns {Promise<boolean>} whether the bytes were one frame of exactly so many bytes
 */
export async function unzstd(bytes, place, stated = false) {
  const frame = readFrame(bytes)
  if (frame === null) return false
  if (frame.size === null ? stated : frame.size !== place.length) return false
  const { Decompress } = await fzstd()
  // The frame is given a header of our own, whose window is the chunk and nothing larger.
  const header = new Uint8Array(13)
  const view = new DataView(header.buffer)
  view.setUint32(0, MAGIC, true)
  header[4] = 0xe0
  view.setUint32(5, place.length, true)
  let at = 0
  let sound = true
  const decoder = new Decompress((/** @type {Uint8Array} */ part) => {
    if (part.length > place.length - at) throw new Error('more bytes than the frame states')
    place.set(part, at)
    at += part.length
  })
  const whole = new Uint8Array(header.length + frame.blocks.length)
  whole.set(header)
  whole.set(frame.blocks, header.length)
  try {
    decoder.push(whole, true)
  } catch {
    sound = false
  }
  return sound && at === place.length
}

/**
 * Decode one zlib stream (RFC 1950).
 *
 * @param {Uint8Array} bytes
 * @param {Uint8Array} place filled whole
 * @returns {Promise<boolean>} whether the bytes were a stream of exactly so many bytes
 */
export async function inflate(bytes, place) {
  const reader = new Blob([/** @type {any} */ (bytes)])
    .stream()
    .pipeThrough(new DecompressionStream('deflate'))
    .getReader()
  let at = 0
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return at === place.length
      if (value.length > place.length - at) {
        await reader.cancel()
        return false
      }
      place.set(value, at)
      at += value.length
    }
  } catch {
    return false
  }
}
