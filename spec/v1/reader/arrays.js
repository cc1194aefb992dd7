/**
 * Arrays of a manifest (tables 7.4 and 8, and the rules of section 12 on inline indexes).
 *
 * @module
 */
import { parseDtype } from './dtypes.js'
import { refuse } from './errors.js'
import { checkPlaces, gridOf } from './grid.js'
import { keyOfShard } from './keys.js'
import { checkMembers, demand, integer, isObject, list, number, object, string } from './members.js'

/**
 * An array as its manifest describes it.
 *
 * @typedef {object} ArrayInfo
 * @property {string} name path below the layer
 * @property {number[]} shape
 * @property {import('./dtypes.js').DataType} dtype
 * @property {number} split the dimension that is divided, along which rows are counted
 * @property {number} chunk rows in a chunk
 * @property {number} shard chunks in a shard
 * @property {{name: string}} codec
 * @property {import('./grid.js').Places | string} index places, or the name of the chunk table
 * @property {Uint8Array | null} data a copy of the only chunk, as it is stored
 * @property {number} rowBytes
 * @property {number} blockRows rows of one block, without its padding
 * @property {number} blockChunks chunks of one block, those of padding included
 * @property {number} chunkBytes
 * @property {number} chunks
 * @property {number} shards
 * @property {number} indexBytes bytes of the index at the end of a shard
 * @property {boolean} raw whether chunks are not compressed
 */

const MAX_CHUNK = 256 * 1024 * 1024
const MAX_DATA = 16384
const CNAMES = ['lz4', 'lz4hc', 'blosclz', 'zlib', 'zstd']
const SHUFFLES = ['noshuffle', 'shuffle', 'bitshuffle']

/** What a member of `codec` must be, and which codecs have it. */
const CODEC_MEMBERS = {
  level: integer(-131072, 22),
  cname: string,
  clevel: integer(0, 9),
  shuffle: string,
  typesize: integer(1, 255),
}
const CODECS = { none: [], zstd: ['level'], blosc: ['cname', 'clevel', 'shuffle', 'typesize'] }

/**
 * Check the compression of an array (R-ARR-02).
 *
 * @param {any} codec
 * @param {string} where
 * @throws `codec-unsupported`, or `manifest-invalid` for members of a wrong type
 */
export function checkCodec(codec, where) {
  demand(isObject(codec), 'an object', codec, where)
  demand(typeof codec.name === 'string', 'a name', codec.name, where)
  const members = Object.hasOwn(CODECS, codec.name) ? CODECS[codec.name] : null
  if (members === null) refuse('codec-unsupported', 'none, zstd or blosc', codec.name, where)
  checkMembers(codec, { required: { name: string }, optional: CODEC_MEMBERS }, where)
  const found = Object.keys(codec).filter((name) => name !== 'name')
  const same = found.length === members.length && members.every((name) => found.includes(name))
  if (!same) refuse('codec-unsupported', `the members ${members.join(', ')}`, found, where)
  if (codec.name !== 'blosc') return
  if (!CNAMES.includes(codec.cname)) {
    refuse('codec-unsupported', CNAMES.join(', '), codec.cname, `${where}.cname`)
  }
  if (!SHUFFLES.includes(codec.shuffle)) {
    refuse('codec-unsupported', SHUFFLES.join(', '), codec.shuffle, `${where}.shuffle`)
  }
}

const INDEX = {
  required: {
    offset: list(integer(), 0, 4096),
    nbytes: list(integer(), 0, 4096),
    crc32c: list(integer(), 0, 4096),
  },
}
const LOSSY = {
  required: {
    source_dtype: string,
    max_abs_error: number,
    rms_error: number,
    relative_error: number,
  },
}

/** @type {import('./members.js').Table} */
const ARRAY = {
  required: {
    shape: (shape, where) => {
      list(integer(), 1, 8)(shape, where)
      demand(!shape.includes(0, 1), 'no length of 0 after the first', shape, where)
    },
    dtype: string,
    chunk: (chunk, where) => {
      integer(1)(chunk, where)
      demand(Number.isInteger(Math.log2(chunk)), 'a power of two', chunk, where)
    },
    shard: integer(1, 1048576),
    codec: checkCodec,
    index: (index, where) => {
      if (typeof index !== 'string') checkMembers(index, INDEX, where)
    },
  },
  optional: { split: integer(0, 7), lossy: object(LOSSY), data: string },
  open: true,
}

/**
 * Read one array of a layer.
 *
 * @param {string} name
 * @param {any} value
 * @param {string} where
 * @returns {ArrayInfo}
 */
export function parseArray(name, value, where) {
  checkMembers(value, ARRAY, where)
  const { shape, split = 0, chunk, shard, codec, index } = value
  demand(split < shape.length, `a dimension below ${shape.length}`, split, `${where}.split`)
  const dtype = parseDtype(value.dtype, where)
  const grid = gridOfBlocks({ shape, split, dtype, chunk, shard })
  demand(
    grid.chunkBytes >= 1 && grid.chunkBytes <= MAX_CHUNK,
    'chunks of 1 byte to 256 MiB',
    grid.chunkBytes,
    where,
  )
  const info = {
    ...grid,
    name,
    shape,
    dtype,
    split,
    chunk,
    shard,
    codec,
    index,
    data: null,
    raw: codec.name === 'none',
  }
  if (typeof index !== 'string') {
    for (const [part, entries] of Object.entries(index)) {
      demand(
        entries.length === grid.chunks,
        `${grid.chunks} entries`,
        entries.length,
        `${where}.${part}`,
      )
    }
  }
  if (Object.hasOwn(value, 'data')) info.data = readData(value.data, info, `${where}.data`)
  return info
}

/**
 * Compute the sizes of a grid that divides the dimension `split`. Where there are several blocks,
 * each is padded to whole shards, and its padding is counted.
 *
 * @param {Pick<ArrayInfo, 'shape' | 'split' | 'dtype' | 'chunk' | 'shard'>} array
 */
function gridOfBlocks({ shape, split, dtype, chunk, shard }) {
  const rowBytes = shape.slice(split + 1).reduce((product, n) => product * n, dtype.itemsize)
  const blocks = shape.slice(0, split).reduce((product, n) => product * n, 1)
  const blockRows = shape[split]
  const shardRows = chunk * shard
  const padded = blocks > 1 ? Math.ceil(blockRows / shardRows) * shardRows : blockRows
  const blockChunks = Math.ceil(padded / chunk)
  return {
    ...gridOf({ rows: blocks * padded, rowBytes, chunk, shard }),
    rowBytes,
    blockRows,
    blockChunks,
  }
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

/**
 * @param {string} text
 * @param {{index: any, chunks: number}} info
 * @param {string} where
 */
function readData(text, { index, chunks }, where) {
  demand(typeof index !== 'string' && chunks === 1, 'an inline index of one entry', chunks, where)
  const sound =
    text.length <= 4 * Math.ceil(MAX_DATA / 3) && text.length % 4 === 0 && BASE64.test(text)
  demand(sound, 'Base64 of at most 16,384 bytes', text.length, where)
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0))
  demand(bytes.length <= MAX_DATA, 'at most 16,384 bytes', bytes.length, where)
  demand(bytes.length === index.nbytes[0], `${index.nbytes[0]} bytes`, bytes.length, where)
  return bytes
}

/**
 * Check what arrays need of their layer: shards that are listed, chunk tables, places that can be
 * true
 * (R-LAY-08, R-IDX-03, R-IDX-09).
 *
 * @param {Sizes & {arrays: Map<string, ArrayInfo>}} layer
 * @param {number} count objects that it has, those that pages list included
 * @param {string} where
 */
export function checkArrays(layer, count, where) {
  const { arrays, objects, pages } = layer
  let shards = 0
  for (const info of arrays.values()) {
    const at = `${where}.${info.name}`
    shards += pages.length > 0 ? info.shards : 0
    demand(info.shards <= count && shards <= count, 'an object for every shard', info.shards, at)
    for (let s = 0; s < info.shards && !hasUnlisted(layer); s++) {
      const key = keyOfShard(info, s)
      demand(objects.has(key), `an object ${key}`, undefined, at)
    }
    if (typeof info.index === 'string') checkTable(arrays.get(info.index), info, at)
  }
  for (const info of arrays.values()) {
    if (typeof info.index === 'string') continue
    const numbers = info.index.offset.map((_, i) => i)
    checkPlaces(info, sizeOfShards(info, layer), numbers, info.index, `${where}.${info.name}`)
  }
}

/**
 * What tells how large objects of a layer are.
 *
 * @typedef {object} Sizes
 * @property {Map<string, {size: number}>} objects
 * @property {{kind: string}[]} pages that were not read
 */

/** Tell whether pages that were not read list objects. @param {Sizes} layer */
export const hasUnlisted = ({ pages }) => pages.some(({ kind }) => kind === 'objects')

/**
 * Make what tells the size of an array's shards: where a page does, the most that they can have
 * (R-PAGE-09).
 *
 * @param {ArrayInfo} info
 * @param {Sizes} layer
 * @returns {(shard: number) => number}
 */
export const sizeOfShards = (info, layer) => (shard) => {
  if (!hasUnlisted(layer)) return layer.objects.get(keyOfShard(info, shard)).size
  const whole = info.chunkBytes + 4
  const chunks = Math.min(info.shard, info.chunks - shard * info.shard)
  return chunks * (info.raw ? whole : 2 * whole + 4096) + 16 * info.shard + 4
}

/**
 * @param {ArrayInfo | undefined} table
 * @param {ArrayInfo} info
 * @param {string} where
 */
function checkTable(table, info, where) {
  demand(table !== undefined, 'a chunk table that is there', info.index, where)
  const { shape, dtype, index } = /** @type {ArrayInfo} */ (table)
  const sound =
    shape.length === 2 &&
    shape[0] === info.chunks &&
    shape[1] === 3 &&
    dtype.name === 'uint64' &&
    typeof index !== 'string'
  demand(
    sound,
    `a chunk table of uint64 and shape [${info.chunks}, 3], with an inline index`,
    shape,
    where,
  )
}
