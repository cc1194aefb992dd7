/**
 * Reading chunks of arrays: few requests, in parallel, of bounded size.
 *
 * @module
 */
import { sizeOfShards } from './arrays.js'
import { decodeChunk } from './codecs.js'
import { allocate, refuse } from './errors.js'
import { checkPlaces, planRows, readTable } from './grid.js'
import { keyOfShard } from './keys.js'

/** Requests at the same time. */
const PARALLEL = 8
/** Bytes between two chunks that are rather read along than asked for apart. */
const GAP = 64 * 1024
/** The most bytes of one request, unless one chunk has more. */
const MOST = 4 * 1024 * 1024
/** Chunk tables that are kept, counted in their chunks. */
const KEPT_TABLES = 64

/** Runs calls, a bounded number of them at a time. */
export class Pool {
  /** @param {number} [room] */
  constructor(room = PARALLEL) {
    this.room = room
    /** @type {(() => void)[]} */
    this.waiting = []
  }

  /**
   * Run a call as soon as there is room.
   *
   * @template T
   * @param {() => Promise<T>} call
   * @returns {Promise<T>}
   */
  async run(call) {
    if (this.room > 0) this.room--
    else await new Promise((go) => this.waiting.push(/** @type {() => void} */ (go)))
    try {
      return await call()
    } finally {
      const next = this.waiting.shift()
      if (next === undefined) this.room++
      else next()
    }
  }
}

/**
 * @typedef {object} Stretch of a shard's object, which holds some chunks
 * @property {string} key
 * @property {number} start
 * @property {number} end
 * @property {{number: number, offset: number, nbytes: number, crc32c: number}[]} chunks
 */

/** One array of a layer, to be read. */
export class ArrayReader {
  /**
   * @param {import('./store.js').Store} store
   * @param {Pool} pool
   * @param {import('./layer.js').LayerInfo} layer
   * @param {string} name
   */
  constructor(store, pool, layer, name) {
    this.store = store
    this.pool = pool
    this.layer = layer
    this.info = /** @type {import('./arrays.js').ArrayInfo} */ (layer.arrays.get(name))
    this.table =
      typeof this.info.index === 'string'
        ? new ArrayReader(store, pool, layer, this.info.index)
        : null
    /** @type {Map<number, Promise<import('./grid.js').Places>>} */
    this.tables = new Map()
  }

  /** Ask for the chunk table, if it is small, so that it is there when it is needed. */
  warm() {
    const chunks = this.table?.info.chunks ?? 0
    if (chunks <= 4) for (let t = 0; t < chunks; t++) this.tablePart(t).catch(() => {})
  }

  /**
   * Read and check one chunk of the chunk table.
   *
   * @param {number} part
   * @returns {Promise<import('./grid.js').Places>}
   */
  tablePart(part) {
    const held = this.tables.get(part)
    if (held !== undefined) return held
    const reading = this.readTablePart(part)
    this.tables.set(part, reading)
    reading.catch(() => this.tables.delete(part))
    if (this.tables.size > KEPT_TABLES) this.tables.delete(this.tables.keys().next().value)
    return reading
  }

  async readTablePart(part) {
    const { info } = /** @type {ArrayReader} */ (this.table)
    const first = part * info.chunk
    const count = Math.min(info.chunk, info.shape[0] - first)
    const bytes = await /** @type {ArrayReader} */ (this.table).rows(first, first + count)
    const places = readTable(bytes)
    const numbers = Array.from({ length: count }, (_, i) => first + i)
    this.check(numbers, places)
    return places
  }

  /**
   * Find where some chunks lie.
   *
   * @param {number[]} numbers
   * @returns {Promise<Stretch['chunks']>}
   */
  async places(numbers) {
    if (this.table === null) {
      const index = /** @type {import('./grid.js').Places} */ (this.info.index)
      return numbers.map((number) => entry(index, number, number))
    }
    const rows = this.table.info.chunk
    const parts = new Map()
    for (const number of numbers) parts.set(Math.floor(number / rows), null)
    await Promise.all(
      [...parts.keys()].map(async (part) => parts.set(part, await this.tablePart(part))),
    )
    const found = numbers.map((number) => {
      const part = Math.floor(number / rows)
      return entry(parts.get(part), number - part * rows, number)
    })
    // Parts were checked one by one; chunks of one shard may stand in two of them.
    if (parts.size > 1) this.check(numbers, columnsOf(found))
    return found
  }

  /**
   * Refuse places that cannot be true.
   *
   * @param {number[]} numbers
   * @param {import('./grid.js').Places} places
   * @throws `chunk-range`
   */
  check(numbers, places) {
    const where = `${this.layer.path}/${this.info.name}`
    checkPlaces(this.info, sizeOfShards(this.info, this.layer), numbers, places, where)
  }

  /**
   * Read chunks, check and decode them.
   *
   * @param {number[]} numbers rising, each once
   * @param {(number: number, chunk: Uint8Array) => void} take is given each chunk, in any order
   */
  async chunks(numbers, take) {
    if (numbers.length === 0) return
    if (this.info.data !== null) {
      const { crc32c } = /** @type {import('./grid.js').Places} */ (this.info.index)
      take(0, await this.decode(this.info.data, 0, crc32c[0]))
      return
    }
    const stretches = merge(await this.places(numbers), (number) => this.keyOf(number))
    await all(stretches.map((stretch) => this.pool.run(() => this.stretch(stretch, take))))
  }

  /** @param {number} number */
  keyOf(number) {
    const shard = Math.floor(number / this.info.shard)
    return `${this.layer.path}/${keyOfShard(this.info, shard)}`
  }

  /**
   * @param {Stretch} stretch
   * @param {(number: number, chunk: Uint8Array) => void} take
   */
  async stretch({ key, start, end, chunks }, take) {
    const bytes = await this.store.range(key, start, end - start)
    if (bytes === null)
      refuse('object-missing', 'an object that the manifest lists', undefined, key)
    if (bytes.length < end - start) {
      refuse('object-truncated', `${end} bytes`, start + bytes.length, key)
    }
    for (const { number, offset, nbytes, crc32c } of chunks) {
      const stored = bytes.subarray(offset - start, offset - start + nbytes)
      take(number, await this.decode(stored, number, crc32c))
    }
  }

  /**
   * Check and decode one stored chunk of this array.
   *
   * @param {Uint8Array} stored
   * @param {number} number
   * @param {number} crc32c
   */
  decode(stored, number, crc32c) {
    const { codec, chunkBytes } = this.info
    return decodeChunk(stored, codec, crc32c, chunkBytes, `${this.keyOf(number)} chunk ${number}`)
  }

  /**
   * Read rows, and hand on their bytes stretch by stretch.
   *
   * @param {ArrayLike<number>} rows
   * @param {ArrayLike<number> | null} places of the rows in the answer
   * @param {(bytes: Uint8Array, place: number, count: number) => void} take
   */
  async take(rows, places, take) {
    const { chunk, rowBytes } = this.info
    /** @type {Map<number, import('./grid.js').Span[]>} */
    const spans = new Map()
    for (const span of planRows(rows, chunk, places)) {
      if (!spans.has(span.chunk)) spans.set(span.chunk, [])
      spans.get(span.chunk).push(span)
    }
    await this.chunks([...spans.keys()], (number, bytes) => {
      for (const { row, place, count } of spans.get(number)) {
        take(bytes.subarray(row * rowBytes, (row + count) * rowBytes), place, count)
      }
    })
  }

  /**
   * Read a range of rows.
   *
   * @param {number} start
   * @param {number} stop
   * @returns {Promise<Uint8Array>}
   */
  async rows(start, stop) {
    const { chunk, rowBytes } = this.info
    const out = allocate((stop - start) * rowBytes)
    const numbers = []
    for (let n = Math.floor(start / chunk); n * chunk < stop; n++) numbers.push(n)
    await this.chunks(start < stop ? numbers : [], (number, bytes) => {
      const from = Math.max(start, number * chunk)
      const to = Math.min(stop, (number + 1) * chunk)
      const first = (from - number * chunk) * rowBytes
      out.set(bytes.subarray(first, first + (to - from) * rowBytes), (from - start) * rowBytes)
    })
    return out
  }

  /**
   * Read stretches of the array's bytes in C order, without padding. What lies near each other is
   * asked for together, and a chunk that several need once.
   *
   * @param {[number, number][]} stretches each from its first byte to its end
   * @returns {Promise<Uint8Array[]>}
   */
  async contents(stretches) {
    const { chunkBytes, rowBytes, blockRows, blockChunks } = this.info
    const blockBytes = blockRows * rowBytes
    const parts = stretches.map(([from, to]) => ({ from, to, bytes: allocate(to - from) }))
    /** @type {Map<number, typeof parts>} */
    const wanted = new Map()
    for (const part of parts) {
      for (let at = part.from; at < part.to;) {
        const block = Math.floor(at / blockBytes)
        const chunk = Math.floor((at - block * blockBytes) / chunkBytes)
        const number = block * blockChunks + chunk
        if (!wanted.has(number)) wanted.set(number, [])
        wanted.get(number).push(part)
        at = block * blockBytes + Math.min(blockBytes, (chunk + 1) * chunkBytes)
      }
    }
    const numbers = [...wanted.keys()].sort((a, b) => a - b)
    await this.chunks(numbers, (number, chunk) => {
      const block = Math.floor(number / blockChunks)
      const begin = block * blockBytes + (number - block * blockChunks) * chunkBytes
      const end = Math.min(begin + chunkBytes, (block + 1) * blockBytes)
      for (const { from, to, bytes } of wanted.get(number)) {
        const first = Math.max(from, begin)
        bytes.set(chunk.subarray(first - begin, Math.min(to, end) - begin), first - from)
      }
    })
    return parts.map(({ bytes }) => bytes)
  }
}

/**
 * @type {(places: import('./grid.js').Places, i: number, number: number) => Stretch['chunks'][0]}
 */
const entry = (places, i, number) => ({
  number,
  offset: places.offset[i],
  nbytes: places.nbytes[i],
  crc32c: places.crc32c[i],
})

/** @param {Stretch['chunks']} entries @returns {import('./grid.js').Places} */
const columnsOf = (entries) => ({
  offset: entries.map(({ offset }) => offset),
  nbytes: entries.map(({ nbytes }) => nbytes),
  crc32c: entries.map(({ crc32c }) => crc32c),
})

/**
 * Join places that lie near each other into stretches to be read.
 *
 * @param {Stretch['chunks']} places
 * @param {(number: number) => string} keyOf
 * @returns {Stretch[]}
 */
function merge(places, keyOf) {
  /** @type {Map<string, Stretch['chunks']>} */
  const byKey = new Map()
  for (const place of places) {
    const key = keyOf(place.number)
    if (!byKey.has(key)) byKey.set(key, [])
    byKey.get(key).push(place)
  }
  /** @type {Stretch[]} */
  const found = []
  for (const [key, chunks] of byKey) {
    chunks.sort((a, b) => a.offset - b.offset)
    /** @type {Stretch | undefined} */
    let last
    for (const place of chunks) {
      const end = place.offset + place.nbytes
      if (last !== undefined && place.offset - last.end <= GAP && end - last.start <= MOST) {
        last.end = end
        last.chunks.push(place)
      } else {
        last = { key, start: place.offset, end, chunks: [place] }
        found.push(last)
      }
    }
  }
  return found
}

/**
 * Await all calls, also after one has failed, so that none is left running behind an error.
 *
 * @template T
 * @param {Promise<T>[]} calls
 * @returns {Promise<T[]>}
 */
export async function all(calls) {
  const done = await Promise.allSettled(calls)
  const failed = done.find((result) => result.status === 'rejected')
  if (failed !== undefined) throw /** @type {PromiseRejectedResult} */ (failed).reason
  return done.map((result) => /** @type {PromiseFulfilledResult<T>} */ (result).value)
}
