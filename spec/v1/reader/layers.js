/**
 * Columns through layers: each row from the newest layer that holds it (section 7.7).
 *
 * @module
 */
import { checkValues, fromHalf, toBfloat, toHalf, toValues, typed } from './dtypes.js'
import { allocate, refuse } from './errors.js'
import { readUint64 } from './grid.js'
import { ArrayReader, all } from './reading.js'

/**
 * Rows of a column.
 *
 * @typedef {object} Column
 * @property {import('./dtypes.js').DataType} dtype
 * @property {number[]} shape
 * @property {Uint8Array} bytes in C order, little-endian
 * @property {ArrayLike<any>} data what the bytes mean, see `toValues` of dtypes.js
 */

/**
 * Refuse row numbers of a delta that break R-DEL-09.
 *
 * @param {Float64Array} numbers
 * @param {{rows: number, words: number}} layer
 * @param {string} where
 * @throws `rows-invalid`
 */
export function checkRowNumbers(numbers, { rows, words }, where) {
  const first = rows - words
  for (let i = 0; i < numbers.length; i++) {
    const sound = numbers[i] < rows && (i === 0 || numbers[i] > numbers[i - 1])
    if (!sound) refuse('rows-invalid', `numbers that rise, below ${rows}`, numbers[i], where)
  }
  // They rise, so that the last ones are the words' if and only if the first of these is.
  const at = numbers.length - words
  const sound = (words === 0 || numbers[at] === first) && (at === 0 || numbers[at - 1] < first)
  if (!sound) refuse('rows-invalid', `the rows of its ${words} words last`, numbers[at], where)
}

/** One layer's part of a column. */
class LayerColumn {
  constructor(store, pool, layer, name) {
    this.layer = layer
    this.values = new ArrayReader(store, pool, layer, name)
    const delta = layer.kind === 'delta'
    this.numbers = delta ? new ArrayReader(store, pool, layer, `rows/${name}`) : null
    this.scales =
      delta && layer.arrays.has(`scales/${name}`)
        ? new ArrayReader(store, pool, layer, `scales/${name}`)
        : null
    /** @type {Promise<Float64Array> | null} */
    this.known = null
  }

  /** Read the row numbers of a delta, once. */
  rowNumbers() {
    this.known ??= this.readNumbers().catch((error) => {
      this.known = null
      throw error
    })
    return this.known
  }

  async readNumbers() {
    const reader = /** @type {ArrayReader} */ (this.numbers)
    const numbers = readUint64(await reader.rows(0, reader.info.shape[0]))
    checkRowNumbers(numbers, this.layer, `${this.layer.path}/${reader.info.name}`)
    return numbers
  }
}

/** One column of a checkpoint, through all of its layers. */
export class ColumnReader {
  /**
   * @param {import('./store.js').Store} store
   * @param {import('./reading.js').Pool} pool
   * @param {import('./layer.js').LayerInfo[]} layers base first
   * @param {string} name
   */
  constructor(store, pool, layers, name) {
    const holders = layers.filter((layer) => layer.columns.includes(name))
    const [base, ...deltas] = holders.map((layer) => new LayerColumn(store, pool, layer, name))
    this.name = name
    this.base = base
    this.deltas = deltas
    const { dtype, shape, rowBytes } = base.values.info
    this.dtype = dtype
    this.rowShape = shape.slice(1)
    this.rowBytes = rowBytes
  }

  /** Ask for what every read needs first. */
  warm() {
    for (const part of [this.base, ...this.deltas]) {
      part.values.warm()
      if (part.numbers !== null) part.rowNumbers().catch(() => {})
    }
  }

  /**
   * Read rows.
   *
   * @param {ArrayLike<number>} rows in any order
   * @returns {Promise<Column>}
   */
  async read(rows) {
    const bytes = allocate(rows.length * this.rowBytes)
    let left = { rows, places: /** @type {number[] | null} */ (null) }
    /** @type {[LayerColumn, {rows: number[], places: number[]}][]} */
    const held = []
    for (const delta of this.deltas) if (rows.length > 0) delta.rowNumbers().catch(() => {})
    for (const delta of [...this.deltas].reverse()) {
      if (left.rows.length === 0) break
      const parted = part(left, await delta.rowNumbers())
      left = parted.left
      if (parted.held.rows.length > 0) held.push([delta, parted.held])
    }
    const { rowBytes } = this
    const reads = held.map(([delta, own]) => this.overlay(delta, own, bytes))
    reads.push(
      this.base.values.take(left.rows, left.places, (stretch, place) => {
        bytes.set(stretch, place * rowBytes)
      }),
    )
    await all(reads)
    checkValues(this.dtype, bytes, this.name)
    return this.column(rows.length, bytes)
  }

  /**
   * @param {number} count
   * @param {Uint8Array} bytes
   * @returns {Column}
   */
  column(count, bytes) {
    const { dtype, rowShape } = this
    let data
    return {
      dtype,
      bytes,
      shape: [count, ...rowShape],
      get data() {
        data ??= toValues(dtype, bytes)
        return data
      },
    }
  }

  /**
   * Read rows of a delta to their places, in the data type of the base (R-DEL-12).
   *
   * @param {LayerColumn} delta
   * @param {{rows: number[], places: number[]}} held
   * @param {Uint8Array} bytes
   */
  async overlay(delta, { rows, places }, bytes) {
    const { rowBytes } = this
    const from = delta.values.info.dtype.name
    if (from === this.dtype.name && delta.scales === null) {
      await delta.values.take(rows, places, (part, place) => bytes.set(part, place * rowBytes))
      return
    }
    const width = delta.values.info.rowBytes
    const raw = new Uint8Array(rows.length * width)
    const scales = new Uint8Array(rows.length * 4)
    await all([
      delta.values.take(rows, null, (part, place) => raw.set(part, place * width)),
      delta.scales?.take(rows, null, (part, place) => scales.set(part, place * 4)),
    ])
    const factors = delta.scales === null ? null : typed(Float32Array, scales)
    for (let i = 0; i < rows.length; i++) {
      const row = raw.subarray(i * width, (i + 1) * width)
      const wide = factors === null ? halves(row) : scaled(row, factors[i])
      bytes.set(stored(this.dtype.name, wide), places[i] * rowBytes)
    }
  }
}

/** @param {Uint8Array} row @returns {ArrayLike<number>} */
const halves = (row) => Float32Array.from(typed(Uint16Array, row), fromHalf)

/** Multiply in float32, as R-DEL-12 has it. @returns {ArrayLike<number>} */
const scaled = (row, factor) => Float32Array.from(typed(Int8Array, row), (value) => value * factor)

/** Bytes of float32 numbers in another type, rounded to nearest. */
function stored(name, numbers) {
  const kinds = { float32: Float32Array, float64: Float64Array }
  const rounds = { float16: toHalf, bfloat16: toBfloat }
  const array = name in kinds ? kinds[name].from(numbers) : Uint16Array.from(numbers, rounds[name])
  const size = array.BYTES_PER_ELEMENT
  const bytes = new Uint8Array(array.buffer)
  // What `typed` turns on a machine of the other byte order is turned back by it.
  return new Uint8Array(typed(array.constructor, bytes).buffer, 0, numbers.length * size)
}

/**
 * Part rows into those that a delta holds and the others.
 *
 * @param {{rows: ArrayLike<number>, places: number[] | null}} asked
 * @param {Float64Array} numbers of the delta, rising
 */
function part({ rows, places }, numbers) {
  const held = { rows: [], places: [] }
  const left = { rows: [], places: [] }
  for (let i = 0; i < rows.length; i++) {
    const place = places === null ? i : places[i]
    const at = find(numbers, rows[i])
    const side = at === -1 ? left : held
    side.rows.push(at === -1 ? rows[i] : at)
    side.places.push(place)
  }
  return { held, left }
}

/** Find a number among rising ones; -1 where it is not there. */
function find(numbers, wanted) {
  let [low, high] = [0, numbers.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (numbers[middle] < wanted) low = middle + 1
    else high = middle
  }
  return numbers[low] === wanted ? low : -1
}
