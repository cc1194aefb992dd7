/**
 * Tensors and files of a layer (tables 7.8 and 7.9), and reading them.
 *
 * @module
 */
import { toValues } from './dtypes.js'
import { refuse } from './errors.js'
import {
  characters,
  checkMembers,
  demand,
  hex,
  integer,
  isObject,
  list,
  string,
} from './members.js'
import { ArrayReader, all } from './reading.js'
import { sha256 } from './sha256.js'
import { encodeUtf8 } from './text.js'

/**
 * @typedef {{array: string, shape: number[], start?: number, type?: string}} TensorEntry
 * @typedef {{array: string, size: number, sha256: string, start?: number, media_type?: string}}
 *   FileEntry
 * @typedef {import('./layer.js').LayerInfo} LayerInfo
 */

/**
 * What a checkpoint tells of a tensor.
 *
 * @typedef {object} TensorInfo
 * @property {import('./dtypes.js').DataType} dtype
 * @property {number[]} shape
 * @property {string | null} type what its maker calls numbers of one byte that have no data type
 *   here, which are given as bytes
 * @property {number} nbytes
 */

/**
 * A tensor, or a range of its first dimension.
 *
 * @typedef {object} Tensor
 * @property {import('./dtypes.js').DataType} dtype
 * @property {number[]} shape
 * @property {string | null} type
 * @property {Uint8Array} bytes in C order, little-endian
 * @property {ArrayLike<any>} data what the bytes mean, see `toValues` of dtypes.js
 */

/**
 * What a checkpoint tells of a file.
 *
 * @typedef {object} FileInfo
 * @property {number} size bytes
 * @property {string} sha256
 * @property {string} mediaType empty where none was told
 */

const TENSOR = {
  required: { array: string, shape: list(integer(), 0, 8) },
  optional: {
    start: integer(),
    type: (value, where) => {
      characters(64)(value, where)
      demand(value !== '', 'at least 1 character', value, where)
    },
  },
}
const FILE = {
  required: { array: string, size: integer(), sha256: hex(64) },
  optional: { start: integer(), media_type: characters(256) },
}

/** Check entries by their names (R-TEN-01). */
const entries = (table) => (value, where) => {
  demand(isObject(value), 'an object', value, where)
  for (const [name, entry] of Object.entries(value)) {
    const bytes = encodeUtf8(name).length
    demand(bytes >= 1 && bytes <= 1024, 'a name of 1 to 1,024 bytes', bytes, where)
    checkMembers(entry, table, `${where}.${name.slice(0, 64)}`)
  }
}

/** Members of a layer that name tensors and files. */
export const NAMED = { tensors: entries(TENSOR), files: entries(FILE) }

/** Count numbers; what is beyond 2^53 is none that an array could have. */
const count = (shape) => (shape.includes(0) ? 0 : shape.reduce((product, n) => product * n, 1))

/**
 * Check tensors and files with the arrays of their layer (R-TEN-02 to R-TEN-06, R-TEN-12).
 *
 * @param {LayerInfo} layer
 * @param {string} where
 */
export function checkNamed({ arrays, tensors, files }, where) {
  for (const { name, shape, split } of arrays.values()) {
    const divisible = isOwn(name) && !shape.includes(0)
    demand(split === 0 || divisible, 'arrays divided in their first dimension', split, name)
  }
  /** @type {Map<string, [number, number][]>} */
  const taken = new Map()
  for (const [name, entry] of Object.entries(tensors)) {
    const at = `${where}.tensors.${name.slice(0, 64)}`
    take(arrays, { ...entry, bytes: entry.type !== undefined }, taken, at)
  }
  for (const [name, { size, ...entry }] of Object.entries(files)) {
    const at = `${where}.files.${name.slice(0, 64)}`
    take(arrays, { ...entry, shape: [size], bytes: true }, taken, at)
  }
  for (const [name, stretches] of taken) {
    stretches.sort((a, b) => a[0] - b[0])
    for (let i = 1; i < stretches.length; i++) {
      const sound = stretches[i][0] >= stretches[i - 1][1]
      demand(sound, 'no number of two tensors or files', stretches[i][0], name)
    }
  }
}

const isOwn = (name) => /^(?:tensors|files)\//.test(name)

/**
 * Check one entry, and note what it takes of its array.
 *
 * @param {LayerInfo['arrays']} arrays
 * @param {{array: string, shape: number[], start?: number, bytes: boolean}} entry
 * @param {Map<string, [number, number][]>} taken by array, where the numbers begin and end
 * @param {string} where
 */
function take(arrays, { array: name, shape, start, bytes }, taken, where) {
  const array = arrays.get(name)
  const span = count(shape.map((n) => Math.max(n, 1)))
  demand(span <= Number.MAX_SAFE_INTEGER, 'dimensions that an array can have', shape, where)
  if (array === undefined) return demand(false, 'an array of the layer', name, where)
  demand(!bytes || array.dtype.name === 'uint8', 'an array of uint8', array.dtype.name, where)
  if (start === undefined) {
    demand(isOwn(name), 'an array below tensors/ or files/', name, where)
    const same = shape.length === array.shape.length && shape.every((n, i) => n === array.shape[i])
    demand(same, `the shape ${array.shape}`, shape, where)
    demand(!taken.has(name), 'an array of its own', name, where)
    taken.set(name, [])
    return
  }
  const small = name.startsWith('small/') && array.shape.length === 1
  demand(small, 'an array of rank 1 below small/', name, where)
  const numbers = count(shape)
  const fits = start <= array.shape[0] && numbers <= array.shape[0] - start
  demand(fits, `an end within ${array.shape[0]} numbers`, numbers, where)
  if (numbers === 0) return
  if (!taken.has(name)) taken.set(name, [])
  taken.get(name).push([start, start + numbers])
}

/**
 * Find the bytes of an entry within its array, in C order.
 *
 * @param {import('./arrays.js').ArrayInfo} array
 * @param {{start?: number, shape: number[]}} entry
 * @returns {[number, number]} the first, and the end
 */
function stretchOf({ dtype }, { start = 0, shape }) {
  return [start * dtype.itemsize, (start + count(shape)) * dtype.itemsize]
}

/** Check a range of `length`, all of it where no end is told. @returns {[number, number]} */
function rangeOf(length, { start = 0, stop = length }) {
  const whole = Number.isSafeInteger(start) && Number.isSafeInteger(stop)
  const sound = whole && start >= 0 && start <= stop && stop <= length
  if (!sound) refuse('input-argument', `a range from 0 to ${length}`, [start, stop], 'range')
  return [start, stop]
}

/** Tensors and files of a checkpoint, each from the newest layer that names it (R-TEN-07). */
export class NamedReader {
  /**
   * @param {import('./store.js').Store} store
   * @param {import('./reading.js').Pool} pool
   * @param {LayerInfo[]} layers base first
   */
  constructor(store, pool, layers) {
    this.store = store
    this.pool = pool
    /** @type {Map<string, {layer: LayerInfo, entry: TensorEntry}>} */
    this.tensors = new Map()
    /** @type {Map<string, {layer: LayerInfo, entry: FileEntry}>} */
    this.files = new Map()
    for (const layer of layers) {
      for (const [name, entry] of Object.entries(layer.tensors))
        this.tensors.set(name, { layer, entry })
      for (const [name, entry] of Object.entries(layer.files))
        this.files.set(name, { layer, entry })
    }
    /** @type {Map<LayerInfo, Map<string, ArrayReader>>} */
    this.readers = new Map(layers.map((layer) => [layer, new Map()]))
  }

  /** @returns {Map<string, TensorInfo>} by name */
  tensorInfos() {
    const told = [...this.tensors].map(([name, { layer, entry }]) => {
      const array = layer.arrays.get(entry.array)
      const [begin, end] = stretchOf(array, entry)
      const { shape, type = null } = entry
      const info = { dtype: array.dtype, shape: [...shape], type, nbytes: end - begin }
      return /** @type {const} */ ([name, info])
    })
    return new Map(told)
  }

  /** @returns {Map<string, FileInfo>} by name */
  fileInfos() {
    const told = [...this.files].map(([name, { entry }]) => {
      const { size, sha256: digest, media_type: mediaType = '' } = entry
      return /** @type {const} */ ([name, { size, sha256: digest, mediaType }])
    })
    return new Map(told)
  }

  /**
   * Read whole tensors; small ones that lie near each other together.
   *
   * @param {string[]} names
   * @returns {Promise<Tensor[]>}
   * @throws `tensor-missing`
   */
  async loadTensors(names) {
    const found = names.map((name) => find(this.tensors, name, 'tensor-missing'))
    const read = await this.contents(
      found.map(({ layer, entry }) => {
        return {
          layer,
          name: entry.array,
          stretch: stretchOf(layer.arrays.get(entry.array), entry),
        }
      }),
    )
    return found.map(({ layer, entry }, i) => {
      return tensorOf(layer.arrays.get(entry.array).dtype, entry, entry.shape, read[i])
    })
  }

  /**
   * Read a range of the first dimension of a tensor.
   *
   * @param {string} name
   * @param {{start?: number, stop?: number}} range
   * @returns {Promise<Tensor>}
   * @throws `tensor-missing`
   */
  async tensorRange(name, range) {
    const { layer, entry } = find(this.tensors, name, 'tensor-missing')
    if (entry.shape.length === 0)
      refuse('input-argument', 'a tensor with dimensions', name, 'range')
    const [length, ...rest] = entry.shape
    const [start, stop] = rangeOf(length, range)
    const array = layer.arrays.get(entry.array)
    const shape = [stop - start, ...rest]
    const width = count(rest) * array.dtype.itemsize
    const [begin] = stretchOf(array, entry)
    // Of a tensor without numbers the other dimensions may have any length, so that only what is
    // there is counted.
    const at = count(entry.shape) === 0 ? 0 : start * width
    const end = count(shape) === 0 ? at : stop * width
    const [bytes] = await this.contents([
      { layer, name: entry.array, stretch: [begin + at, begin + end] },
    ])
    return tensorOf(array.dtype, entry, shape, bytes)
  }

  /**
   * Read whole files, and compare their SHA-256 (R-TEN-09).
   *
   * @param {string[]} names
   * @returns {Promise<Uint8Array[]>}
   * @throws `file-missing`, `file-digest`
   */
  async loadFiles(names) {
    const found = names.map((name) => find(this.files, name, 'file-missing'))
    const read = await this.contents(
      found.map(({ layer, entry: { array: name, start = 0, size } }) => {
        return { layer, name, stretch: [start, start + size] }
      }),
    )
    for (const [i, { entry }] of found.entries()) await checkDigest(read[i], entry, names[i])
    return read
  }

  /**
   * Read a range of the bytes of a file; its SHA-256 is compared where that is all of them.
   *
   * @param {string} name
   * @param {{start?: number, stop?: number}} range
   * @returns {Promise<Uint8Array>}
   * @throws `file-missing`, `file-digest`
   */
  async fileRange(name, range) {
    const { layer, entry } = find(this.files, name, 'file-missing')
    const [start, stop] = rangeOf(entry.size, range)
    const { array, start: begin = 0, size } = entry
    const [bytes] = await this.contents([
      { layer, name: array, stretch: [begin + start, begin + stop] },
    ])
    if (stop - start === size) await checkDigest(bytes, entry, name)
    return bytes
  }

  /**
   * Read stretches of arrays, those of one array together.
   *
   * @param {{layer: LayerInfo, name: string, stretch: [number, number]}[]} wanted
   * @returns {Promise<Uint8Array[]>}
   */
  async contents(wanted) {
    /** @type {Map<ArrayReader, number[]>} */
    const byReader = new Map()
    for (const [i, { layer, name }] of wanted.entries()) {
      const reader = this.reader(layer, name)
      if (!byReader.has(reader)) byReader.set(reader, [])
      byReader.get(reader).push(i)
    }
    /** @type {Uint8Array[]} */
    const found = new Array(wanted.length)
    await all(
      [...byReader].map(async ([reader, places]) => {
        const read = await reader.contents(places.map((i) => wanted[i].stretch))
        for (const [k, i] of places.entries()) found[i] = read[k]
      }),
    )
    return found
  }

  /** @param {LayerInfo} layer @param {string} name @returns {ArrayReader} */
  reader(layer, name) {
    const readers = this.readers.get(layer)
    let reader = readers.get(name)
    if (reader === undefined) {
      reader = new ArrayReader(this.store, this.pool, layer, name)
      readers.set(name, reader)
    }
    return reader
  }
}

/**
 * @template T
 * @param {Map<string, T>} named
 * @param {string} name
 * @param {string} code
 * @returns {T}
 */
function find(named, name, code) {
  const found = named.get(name)
  return found ?? refuse(code, 'a name that a layer has', name)
}

/** @returns {Tensor} */
function tensorOf(dtype, { type = null }, shape, bytes) {
  let data
  return {
    dtype,
    type,
    shape: [...shape],
    bytes,
    get data() {
      data ??= toValues(dtype, bytes)
      return data
    },
  }
}

async function checkDigest(bytes, { sha256: recorded }, name) {
  const found = await sha256(bytes)
  if (found !== recorded) refuse('file-digest', `SHA-256 ${recorded}`, found, name)
}
