/**
 * The words of a layer: by row, and by lookup (sections 10 and 11).
 *
 * @module
 */
import { refuse } from './errors.js'
import { readUint64 } from './grid.js'
import { Block, blockOf, blocksOfRange } from './lookup.js'
import { ArrayReader } from './reading.js'
import { MAX_WORD_BYTES, compareBytes, decodeUtf8 } from './text.js'

/** Bytes of lookup blocks that are kept. */
const KEPT = 32 * 1024 * 1024

/**
 * Cut a text into words (R-WORD-01, R-WORD-04).
 *
 * @param {Uint8Array} data
 * @param {ArrayLike<number>} offsets where each word begins, and the end of the last
 * @param {number} begin offset of `data` in the whole text
 * @param {string} [where]
 * @returns {string[]}
 * @throws `words-invalid`
 */
export function cutWords(data, offsets, begin, where = '') {
  const words = []
  for (let i = 0; i + 1 < offsets.length; i++) {
    const word = decodeUtf8(data.subarray(offsets[i] - begin, offsets[i + 1] - begin))
    if (word === null)
      refuse('words-invalid', 'a word that is UTF-8', undefined, `${where} word ${i}`)
    words.push(word)
  }
  return words
}

/**
 * Check offsets of words (R-WORD-04).
 *
 * @param {ArrayLike<number>} offsets
 * @param {{length: number, first: boolean, last: boolean}} part `length` of the whole text, and
 *   whether
 *   the first and the last offset of all are among these
 * @param {string} where
 */
export function checkOffsets(offsets, { length, first, last }, where) {
  if (first && offsets[0] !== 0) refuse('words-invalid', 'a first offset of 0', offsets[0], where)
  for (let i = 1; i < offsets.length; i++) {
    const bytes = offsets[i] - offsets[i - 1]
    const sound = bytes >= 0 && bytes <= MAX_WORD_BYTES
    if (!sound) refuse('words-invalid', 'offsets that rise by 0 to 16 MiB', offsets[i], where)
  }
  const end = offsets[offsets.length - 1]
  const sound = last ? end === length : end <= length
  if (!sound) refuse('words-invalid', `an end of the text at ${length}`, end, where)
}

/** The words of one layer. */
export class LayerWords {
  /**
   * @param {import('./store.js').Store} store
   * @param {import('./reading.js').Pool} pool
   * @param {import('./layer.js').LayerInfo} layer one that has words
   */
  constructor(store, pool, layer) {
    const reader = (name) => new ArrayReader(store, pool, layer, name)
    this.layer = layer
    this.first = layer.rows - layer.words
    this.data = reader('words/data')
    this.offsets = reader('words/offsets')
    this.lookup = reader('lookup/blocks')
    /** @type {Map<number, Promise<Block>>} */
    this.blocks = new Map()
  }

  /**
   * Read words in row order.
   *
   * @param {number} start from 0 to the number of words of the layer
   * @param {number} stop
   * @returns {Promise<string[]>}
   */
  async read(start, stop) {
    const where = `${this.layer.path}/words`
    const offsets = readUint64(await this.offsets.rows(start, stop + 1))
    const length = this.data.info.shape[0]
    checkOffsets(offsets, { length, first: start === 0, last: stop === this.layer.words }, where)
    const data = await this.data.rows(offsets[0], offsets[stop - start])
    return cutWords(data, offsets, offsets[0], where)
  }

  /**
   * Read blocks of the lookup; what is read is kept for a while.
   *
   * @param {number[]} numbers rising
   * @returns {Promise<Block>[]}
   */
  readBlocks(numbers) {
    const wanted = numbers.filter((number) => !this.blocks.has(number))
    /** @type {Map<number, (block: Promise<Block>) => void>} */
    const give = new Map()
    const reading = new Map(
      wanted.map((number) => {
        return [number, new Promise((done) => give.set(number, done))]
      }),
    )
    const read = this.lookup.chunks(wanted, (number, bytes) =>
      give.get(number)(this.parse(number, bytes)),
    )
    for (const number of wanted) {
      // A block comes when it is decoded, or fails with the read that it was part of.
      const block = Promise.race([reading.get(number), read.then(() => reading.get(number))])
      this.blocks.set(number, block)
      block.catch(() => this.blocks.delete(number))
    }
    read.catch(() => {})
    const found = numbers.map((number) => /** @type {Promise<Block>} */ (this.blocks.get(number)))
    const most = Math.max(2, Math.floor(KEPT / this.lookup.info.chunkBytes))
    for (const number of this.blocks.keys()) {
      if (this.blocks.size <= most) break
      this.blocks.delete(number)
    }
    return found
  }

  /** Parse a block; a failure is kept, to be thrown where the block is awaited. */
  async parse(number, bytes) {
    const where = `${this.layer.path}/lookup/blocks block ${number}`
    return new Block(bytes, this.first, this.layer.rows, where)
  }

  /**
   * Find the rows of words.
   *
   * @param {Uint8Array[]} words
   * @returns {Promise<number | null>[]} null for a word that this layer has not
   */
  rowsOf(words) {
    const numbers = words.map((word) => blockOf(this.layer.fences, word))
    const distinct = [...new Set(numbers)].sort((a, b) => a - b)
    const blocks = new Map()
    this.readBlocks(distinct).forEach((block, i) => blocks.set(distinct[i], block))
    return words.map(async (word, i) => (await blocks.get(numbers[i])).rowOf(word))
  }

  /**
   * Go through the words of a range in byte order, a few blocks at a time.
   *
   * @param {Uint8Array} first
   * @param {Uint8Array | null} last
   * @returns {AsyncGenerator<{word: Uint8Array, row: number}>}
   */
  async *range(first, last) {
    const numbers = blocksOfRange(this.layer.fences, first, last)
    for (let i = 0, step = 1; i < numbers.length; i += step, step = 8) {
      for (const block of await Promise.all(this.readBlocks(numbers.slice(i, i + step)))) {
        for (let k = block.from(first); k < block.count; k++) {
          const word = block.word(k)
          if (last !== null && compareBytes(word, last) >= 0) break
          yield { word, row: block.rows[k] }
        }
      }
    }
  }
}
