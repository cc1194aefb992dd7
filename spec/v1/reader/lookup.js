/**
 * The lookup: words in byte order, with their rows (section 11).
 *
 * @module
 */
import { typed } from './dtypes.js'
import { refuse } from './errors.js'
import { readUint64 } from './grid.js'
import { compareBytes, decodeUtf8, isBoundary } from './text.js'

const HEADER = 8
const ENTRY = 12

/** One block of a lookup. */
export class Block {
  /**
   * Read a block (R-LOOK-01 to R-LOOK-03).
   *
   * @param {Uint8Array} bytes
   * @param {number} first least row that a word of the layer names
   * @param {number} stop the row after the last
   * @param {string} [where]
   * @throws `lookup-invalid`, `words-invalid`
   */
  constructor(bytes, first, stop, where = '') {
    const count = typed(Uint32Array, bytes.subarray(0, 4))[0]
    const text = HEADER + ENTRY * count
    const fits = count >= 1 && text <= bytes.length
    if (!fits) refuse('lookup-invalid', 'a count of words that fit the block', count, where)
    this.count = count
    this.rows = readUint64(bytes.subarray(HEADER, HEADER + 8 * count))
    this.ends = typed(Uint32Array, bytes.subarray(HEADER + 8 * count, text))
    let before = 0
    for (let i = 0; i < count; i++) {
      const [row, end] = [this.rows[i], this.ends[i]]
      if (end < before) refuse('lookup-invalid', 'ends that do not fall', end, where)
      if (!(row >= first && row < stop)) {
        refuse('lookup-invalid', `a row from ${first} to ${stop - 1}`, row, where)
      }
      before = end
    }
    if (before > bytes.length - text)
      refuse('lookup-invalid', 'text that fits the block', before, where)
    // A copy, so that the block's zeros are not kept.
    this.text = bytes.slice(text, text + before)
    const sound =
      decodeUtf8(this.text) !== null && this.ends.every((end) => isBoundary(this.text, end))
    if (!sound) refuse('words-invalid', 'words that are UTF-8', undefined, where)
    if (this.ends.byteOffset !== 0 || this.ends.buffer === bytes.buffer)
      this.ends = this.ends.slice()
  }

  /** Bytes of one word. @param {number} i */
  word(i) {
    return this.text.subarray(i === 0 ? 0 : this.ends[i - 1], this.ends[i])
  }

  /**
   * Find the first word that is not less than one that is given.
   *
   * @param {Uint8Array} word
   * @returns {number} its place, or `count`
   */
  from(word) {
    let [low, high] = [0, this.count]
    while (low < high) {
      const middle = (low + high) >> 1
      if (compareBytes(this.word(middle), word) < 0) low = middle + 1
      else high = middle
    }
    return low
  }

  /**
   * Find the row of a word.
   *
   * @param {Uint8Array} word
   * @returns {number | null}
   */
  rowOf(word) {
    const i = this.from(word)
    return i < this.count && compareBytes(this.word(i), word) === 0 ? this.rows[i] : null
  }
}

/**
 * Find the only block that can hold a word (R-LOOK-10).
 *
 * @param {Uint8Array[]} fences at least one
 * @param {Uint8Array} word
 * @returns {number}
 */
export function blockOf(fences, word) {
  let [low, high] = [0, fences.length]
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if (compareBytes(fences[middle], word) <= 0) low = middle
    else high = middle
  }
  return low
}

/**
 * Find the blocks that can hold words of a range (R-LOOK-11).
 *
 * @param {Uint8Array[]} fences
 * @param {Uint8Array} first
 * @param {Uint8Array | null} last null for no end
 * @returns {number[]}
 */
export function blocksOfRange(fences, first, last) {
  if (fences.length === 0 || (last !== null && compareBytes(first, last) >= 0)) return []
  const found = []
  for (let b = blockOf(fences, first); b < fences.length; b++) {
    if (last !== null && compareBytes(fences[b], last) >= 0) break
    found.push(b)
  }
  return found
}
