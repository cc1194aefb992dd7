/**
 * Text and its UTF-8: strict decoding, encoding, and the order of bytes (section 2).
 *
 * @module
 */
import { refuse } from './errors.js'

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const encoder = new TextEncoder()

/** The most bytes that a word may have. */
export const MAX_WORD_BYTES = 16 * 1024 * 1024

/**
 * Decode UTF-8 (RFC 3629) and nothing else; a byte order mark is kept as a character.
 *
 * @param {Uint8Array} bytes
 * @returns {string | null} null where the bytes are not UTF-8
 */
export function decodeUtf8(bytes) {
  try {
    return strict.decode(bytes)
  } catch {
    return null
  }
}

/**
 * Tell whether a text holds half of a surrogate pair, which has no UTF-8.
 *
 * @param {string} text
 * @returns {boolean}
 */
export const hasLoneSurrogate = (text) => /\p{Cs}/u.test(text)

/**
 * Encode text as UTF-8.
 *
 * @param {string} text Unicode text
 * @returns {Uint8Array}
 */
export const encodeUtf8 = (text) => encoder.encode(text)

/**
 * Encode a word that a caller asks for.
 *
 * @param {unknown} word
 * @returns {Uint8Array}
 * @throws `input-word` for what is no Unicode text of at most 16 MiB
 */
export function encodeWord(word) {
  if (typeof word !== 'string') refuse('input-word', 'a word, which is a string', word)
  if (hasLoneSurrogate(word)) refuse('input-word', 'Unicode text', word)
  const bytes = encoder.encode(word)
  if (bytes.length > MAX_WORD_BYTES) refuse('input-word', 'at most 16 MiB of UTF-8', bytes.length)
  return bytes
}

/**
 * Compare bytes as unsigned numbers; what begins another comes before it.
 *
 * @param {Uint8Array} a
 * @param {Uint8Array} b
 * @returns {number} less than, equal to or greater than 0
 */
export function compareBytes(a, b) {
  const n = Math.min(a.length, b.length)
  for (let i = 0; i < n; i++) if (a[i] !== b[i]) return a[i] - b[i]
  return a.length - b.length
}

/**
 * Tell whether a piece of text begins with a whole character, so that it may be cut there.
 *
 * @param {Uint8Array} bytes UTF-8
 * @param {number} at a place from 0 to the end
 * @returns {boolean}
 */
export const isBoundary = (bytes, at) => at >= bytes.length || (bytes[at] & 0xc0) !== 0x80

/**
 * Find the least bytes that are greater than all that begin with a prefix (R-LOOK-12).
 *
 * @param {Uint8Array} prefix
 * @returns {Uint8Array | null} null where there is no end
 */
export function prefixEnd(prefix) {
  let n = prefix.length
  while (n > 0 && prefix[n - 1] === 0xff) n--
  if (n === 0) return null
  const end = prefix.slice(0, n)
  end[n - 1]++
  return end
}
