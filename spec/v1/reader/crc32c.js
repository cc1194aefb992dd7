/**
 * CRC-32C (RFC 3720 appendix B.4), eight bytes at a time.
 *
 * @module
 */
const POLYNOMIAL = 0x82f63b78

/** Table t holds what a byte does to the checksum when t further bytes follow it. */
const TABLES = Array.from({ length: 8 }, () => new Uint32Array(256))
for (let byte = 0; byte < 256; byte++) {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1
  TABLES[0][byte] = crc
}
for (let t = 1; t < 8; t++) {
  for (let byte = 0; byte < 256; byte++) {
    const before = TABLES[t - 1][byte]
    TABLES[t][byte] = (before >>> 8) ^ TABLES[0][before & 0xff]
  }
}
const [T0, T1, T2, T3, T4, T5, T6, T7] = TABLES

/**
 * Compute the CRC-32C of bytes.
 *
 * @param {Uint8Array} bytes
 * @returns {number} from 0 to 2^32 - 1
 */
export function crc32c(bytes) {
  const n = bytes.length
  let crc = -1
  let i = 0
  for (; i + 8 <= n; i += 8) {
    const low = crc ^ (bytes[i] | (bytes[i + 1] << 8) | (bytes[i + 2] << 16) | (bytes[i + 3] << 24))
    crc =
      T7[low & 0xff] ^
      T6[(low >>> 8) & 0xff] ^
      T5[(low >>> 16) & 0xff] ^
      T4[low >>> 24] ^
      T3[bytes[i + 4]] ^
      T2[bytes[i + 5]] ^
      T1[bytes[i + 6]] ^
      T0[bytes[i + 7]]
  }
  for (; i < n; i++) crc = (crc >>> 8) ^ T0[(crc ^ bytes[i]) & 0xff]
  return ~crc >>> 0
}

/**
 * Read the four bytes of a stored CRC-32C.
 *
 * @param {Uint8Array} bytes four of them
 * @returns {number}
 */
export const storedCrc32c = ([a, b, c, d]) => (a | (b << 8) | (c << 16) | (d << 24)) >>> 0
