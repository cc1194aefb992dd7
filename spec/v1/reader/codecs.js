/**
 * Stored chunks: their checksum, and what they decode to (section 8).
 *
 * @module
 */
import { decodeBlosc } from './blosc.js'
import { crc32c, storedCrc32c } from './crc32c.js'
import { refuse } from './errors.js'
import { unzstd } from './packages.js'

/**
 * Compare the three checksums of a stored chunk (R-DIG-01).
 *
 * @param {Uint8Array} stored
 * @param {number} recorded CRC-32C in the chunk index
 * @param {string} [where]
 * @returns {Uint8Array} the compressed bytes, without the checksum
 * @throws `chunk-checksum`
 */
export function checkChunk(stored, recorded, where = '') {
  const packed = stored.subarray(0, Math.max(0, stored.length - 4))
  const written = storedCrc32c(stored.subarray(packed.length))
  const found = crc32c(packed)
  if (stored.length < 4 || written !== found || recorded !== found) {
    refuse(
      'chunk-checksum',
      `CRC-32C ${recorded}`,
      `${found}, and ${written} behind the chunk`,
      where,
    )
  }
  return packed
}

/**
 * Decode a stored chunk.
 *
 * @param {Uint8Array} stored
 * @param {{name: string}} codec as in a manifest
 * @param {number} recorded CRC-32C in the chunk index
 * @param {number} size bytes of a whole chunk
 * @param {string} [where]
 * @returns {Promise<Uint8Array>}
 * @throws `chunk-checksum`, `chunk-decode`; `codec-unsupported` where zstd is not installed
 */
export async function decodeChunk(stored, codec, recorded, size, where = '') {
  const packed = checkChunk(stored, recorded, where)
  const chunk = await unpack(packed, codec, size)
  if (chunk === null)
    refuse('chunk-decode', `a chunk of ${size} bytes by ${codec.name}`, undefined, where)
  return chunk
}

/**
 * @param {Uint8Array} packed
 * @param {{name: string}} codec
 * @param {number} size
 * @returns {Promise<Uint8Array | null>}
 */
async function unpack(packed, codec, size) {
  if (codec.name === 'none') return packed.length === size ? packed : null
  if (codec.name === 'blosc') return decodeBlosc(packed, size)
  const chunk = new Uint8Array(size)
  return (await unzstd(packed, chunk, true)) ? chunk : null
}
