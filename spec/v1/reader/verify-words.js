/**
 * Verifying words and lookup of all layers (R-VFY-06, R-VFY-08). The text of one layer's words and
 * their offsets are held, and nothing else that grows with the vocabulary but a bit for each row.
 *
 * @module
 */
import { readUint64 } from './grid.js'
import { compareBytes, decodeUtf8, isBoundary } from './text.js'
import { checkOffsets } from './words.js'

/** Blocks that are asked for together. */
const WINDOW = 16

/**
 * @param {import('./checkpoint.js').Checkpoint} checkpoint
 * @param {import('./verify.js').Report} report
 */
export async function verifyWords(checkpoint, report) {
  for (const [i, words] of checkpoint.layerWords.entries()) {
    const path = words.layer.path
    const parts = ['words/data', 'words/offsets', 'lookup/blocks'].map((name) => `${path}/${name}`)
    if (parts.some((key) => report.damaged.has(key))) continue
    const text = await readText(words, report)
    if (text === null) continue
    await verifyLookup(words, checkpoint.layerWords.slice(0, i), text, report)
  }
}

/**
 * Read all words of a layer, and check them (R-WORD-01, R-WORD-04).
 *
 * @param {import('./words.js').LayerWords} words
 * @param {import('./verify.js').Report} report
 */
async function readText({ layer, offsets: reader, data: text }, report) {
  const key = `${layer.path}/words`
  const length = text.info.shape[0]
  const offsets = readUint64(await reader.rows(0, layer.words + 1))
  try {
    checkOffsets(offsets, { length, first: true, last: true }, `${key}/offsets`)
  } catch (error) {
    report.addError(error, `${key}/offsets`)
    return null
  }
  const data = await text.rows(0, length)
  if (decodeUtf8(data) === null || !offsets.every((offset) => isBoundary(data, offset))) {
    report.add('words-invalid', `${key}/data`, 'words that are not UTF-8')
    return null
  }
  return { offsets, data }
}

/**
 * Check the lookup of a layer block by block; of each block the first problem is told.
 *
 * @param {import('./words.js').LayerWords} words
 * @param {import('./words.js').LayerWords[]} below layers below that have words
 * @param {{offsets: Float64Array, data: Uint8Array}} text
 * @param {import('./verify.js').Report} report
 */
async function verifyLookup(words, below, text, report) {
  const { layer, lookup } = words
  const key = `${layer.path}/lookup/blocks`
  const seen = new Uint8Array(Math.ceil(layer.words / 8))
  const before = report.found.size
  let count = 0
  /** @type {Uint8Array | null} */
  let last = null
  for (let b = 0; b < lookup.info.chunks; b += WINDOW) {
    const numbers = Array.from(
      { length: Math.min(WINDOW, lookup.info.chunks - b) },
      (_, i) => b + i,
    )
    const blocks = words.readBlocks(numbers)
    for (const block of blocks) block.catch(() => {})
    for (const [i, number] of numbers.entries()) {
      try {
        const block = await blocks[i]
        const message =
          problemOf(words, number, block, last, text, seen) ?? (await again(block, below))
        if (message !== null) report.add('lookup-invalid', key, message, { chunk: number })
        const next = layer.fences[number + 1]
        last = block.word(block.count - 1)
        count += block.count
        if (next !== undefined && compareBytes(next, last) <= 0) {
          report.add('lookup-invalid', key, 'a word that belongs to the next fence', {
            chunk: number,
          })
        }
      } catch (error) {
        report.addError(error, key, { chunk: number })
        last = null
      }
    }
  }
  if (report.found.size === before && count !== layer.words) {
    report.add('lookup-invalid', key, `${layer.words - count} rows are not in the lookup`)
  }
}

/**
 * Find the first problem of a block; null where there is none.
 *
 * @param {import('./words.js').LayerWords} words
 * @param {number} number
 * @param {import('./lookup.js').Block} block
 * @param {Uint8Array | null} last word of the block before
 * @param {{offsets: Float64Array, data: Uint8Array}} text
 * @param {Uint8Array} seen a bit for each row
 */
function problemOf({ layer, first }, number, block, last, { offsets, data }, seen) {
  if (compareBytes(layer.fences[number], block.word(0)) > 0)
    return 'a word before the fence of its block'
  for (let i = 0; i < block.count; i++) {
    const word = block.word(i)
    if (last !== null && compareBytes(last, word) >= 0) return 'words that do not rise'
    last = word
    const row = block.rows[i] - first
    const own = data.subarray(offsets[row], offsets[row + 1])
    if (compareBytes(own, word) !== 0) return 'a row beside another word than its own'
    if (seen[row >> 3] & (1 << (row & 7))) return 'a row that stands twice'
    seen[row >> 3] |= 1 << (row & 7)
  }
  return null
}

/** Tell whether a layer below has a word of a block as well. */
async function again(block, below) {
  const list = Array.from({ length: block.count }, (_, i) => block.word(i))
  for (const words of below) {
    const rows = await Promise.all(words.rowsOf(list).map((row) => row.catch(() => null)))
    if (rows.some((row) => row !== null)) return 'a word that a layer below has as well'
  }
  return null
}
