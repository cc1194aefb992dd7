/**
 * Arithmetic of chunks and shards, and the rules of a chunk index (sections 8, 12 and 18).
 *
 * @module
 */
import { crc32c, storedCrc32c } from './crc32c.js'
import { refuse } from './errors.js'
import { typed } from './dtypes.js'

/**
 * @typedef {object} Places of chunks, one entry each
 * @property {number[]} offset first byte within the shard
 * @property {number[]} nbytes stored length, checksum included
 * @property {number[]} crc32c
 */

/** A table's number that is beyond what an integer here may be; no place is so far away. */
const BEYOND = Infinity

/**
 * Compute the sizes of an array's grid.
 *
 * @param {{rows: number, rowBytes: number, chunk: number, shard: number}} array
 */
export function gridOf({ rows, rowBytes, chunk, shard }) {
  const chunks = Math.ceil(rows / chunk)
  return {
    chunks,
    shards: Math.ceil(chunks / shard),
    chunkBytes: rowBytes * chunk,
    shardRows: chunk * shard,
    indexBytes: 16 * shard + 4,
  }
}

/**
 * Refuse places that cannot be true (R-IDX-06 to R-IDX-11). Entries may be of some chunks only;
 * those
 * of one shard are compared with each other.
 *
 * @param {{chunkBytes: number, shard: number, raw: boolean}} array
 * @param {(shard: number) => number} sizeOf bytes of a shard's object
 * @param {number[]} numbers of the chunks, rising
 * @param {Places} places of these chunks
 * @param {string} [where]
 * @throws `chunk-range`
 */
export function checkPlaces({ chunkBytes, shard, raw }, sizeOf, numbers, places, where = '') {
  const whole = chunkBytes + 4
  /** @type {Map<number, [number, number][]>} */
  const taken = new Map()
  for (let i = 0; i < numbers.length; i++) {
    const [number, offset, nbytes] = [numbers[i], places.offset[i], places.nbytes[i]]
    const at = `${where} chunk ${number}`
    const fits = raw ? nbytes === whole : nbytes >= 5 && nbytes <= 2 * whole + 4096
    if (!fits) refuse('chunk-range', raw ? `${whole} bytes` : 'a length of a chunk', nbytes, at)
    if (!(places.crc32c[i] < 2 ** 32)) {
      refuse('chunk-range', 'a checksum of 32 bits', places.crc32c[i], at)
    }
    const s = Math.floor(number / shard)
    const room = sizeOf(s) - (16 * shard + 4)
    if (!(offset + nbytes <= room)) {
      refuse('chunk-range', `an end before the index at ${room}`, offset + nbytes, at)
    }
    const expected = (number % shard) * whole
    if (raw && offset !== expected) refuse('chunk-range', `offset ${expected}`, offset, at)
    if (!taken.has(s)) taken.set(s, [])
    taken.get(s).push([offset, offset + nbytes])
  }
  if (raw) return
  for (const [s, stretches] of taken) {
    stretches.sort((a, b) => a[0] - b[0])
    for (let i = 1; i < stretches.length; i++) {
      if (stretches[i][0] < stretches[i - 1][1]) {
        refuse('chunk-range', 'chunks that do not overlap', stretches[i][0], `${where} shard ${s}`)
      }
    }
  }
}

/**
 * Read uint64 as numbers; what is beyond 2^53 - 1 becomes Infinity, which no rule lets pass.
 *
 * @param {Uint8Array} bytes
 * @returns {Float64Array}
 */
export function readUint64(bytes) {
  const halves = typed(Uint32Array, bytes)
  const numbers = new Float64Array(halves.length / 2)
  for (let i = 0; i < numbers.length; i++) {
    const high = halves[2 * i + 1]
    numbers[i] = high > 0x1fffff ? BEYOND : high * 2 ** 32 + halves[2 * i]
  }
  return numbers
}

/**
 * Read rows of a chunk table: offset, nbytes and crc32c of each chunk.
 *
 * @param {Uint8Array} bytes
 * @returns {Places}
 */
export function readTable(bytes) {
  const numbers = readUint64(bytes)
  const places = { offset: [], nbytes: [], crc32c: [] }
  for (let i = 0; i < numbers.length; i += 3) {
    places.offset.push(numbers[i])
    places.nbytes.push(numbers[i + 1])
    places.crc32c.push(numbers[i + 2])
  }
  return places
}

/**
 * A stretch of rows of one chunk that go side by side into an answer.
 *
 * @typedef {object} Span
 * @property {number} chunk number of the chunk
 * @property {number} row first row, counted in the chunk
 * @property {number} place of that row in the answer
 * @property {number} count
 */

/**
 * Plan which stretches of which chunks hold some rows.
 *
 * @param {ArrayLike<number>} rows in any order, some perhaps twice
 * @param {number} chunk rows in a chunk
 * @param {ArrayLike<number> | null} [places] of each row in the answer; its own place if null
 * @returns {Span[]} by rising row
 */
export function planRows(rows, chunk, places = null) {
  const order = inOrder(rows)
  /** @type {Span[]} */
  const spans = []
  /** @type {Span | undefined} */
  let last
  for (let i = 0; i < rows.length; i++) {
    const at = order === null ? i : order[i]
    const place = places === null ? at : places[at]
    const number = Math.floor(rows[at] / chunk)
    const row = rows[at] - number * chunk
    if (
      last?.chunk === number &&
      last.row + last.count === row &&
      last.place + last.count === place
    ) {
      last.count++
    } else {
      last = { chunk: number, row, place, count: 1 }
      spans.push(last)
    }
  }
  return spans
}

/** The places of rows by rising row; null where they rise already. */
function inOrder(rows) {
  let rising = true
  for (let i = 1; i < rows.length && rising; i++) rising = rows[i - 1] <= rows[i]
  if (rising) return null
  return Uint32Array.from(rows, (_, i) => i).sort((a, b) => rows[a] - rows[b] || a - b)
}

/**
 * Find the chunks of a range of rows.
 *
 * @param {number} start
 * @param {number} stop
 * @param {number} chunk
 * @returns {[number, number]} first chunk, and the one after the last; 0, 0 for no rows
 */
export function chunksOfRange(start, stop, chunk) {
  if (stop <= start) return [0, 0]
  return [Math.floor(start / chunk), Math.floor((stop - 1) / chunk) + 1]
}

/**
 * Read the index at the end of a shard (R-ARR-11).
 *
 * @param {Uint8Array} bytes the index and its CRC-32C
 * @returns {([number, number] | null)[]} offset and length of each place; null for one beyond the
 *   array
 * @throws `shard-index`
 */
export function readShardIndex(bytes) {
  const body = bytes.subarray(0, -4)
  if (crc32c(body) !== storedCrc32c(bytes.subarray(-4)))
    refuse('shard-index', 'an index with its CRC-32C')
  const numbers = readUint64(body)
  const empty = (/** @type {number} */ i) => {
    return body.subarray(16 * i, 16 * i + 16).every((byte) => byte === 0xff)
  }
  return Array.from({ length: numbers.length / 2 }, (_, i) => {
    return empty(i) ? null : /** @type {[number, number]} */ ([numbers[2 * i], numbers[2 * i + 1]])
  })
}

/**
 * Find the rows of part `index` of `parts`, by rows (R-PLC-05) or by groups (R-PLC-06).
 *
 * @param {number} index
 * @param {number} parts
 * @param {{rows: number} | {groups: number, starts: number[]}} whole
 * @returns {[number, number]}
 */
export function partOf(index, parts, whole) {
  if ('starts' in whole) {
    const [first, last] = partOf(index, parts, { rows: whole.groups })
    return [whole.starts[first], whole.starts[last]]
  }
  const cut = (/** @type {number} */ i) => {
    const each = Math.floor(whole.rows / parts)
    return each * i + Math.floor(((whole.rows % parts) * i) / parts)
  }
  return [cut(index), cut(index + 1)]
}
