/**
 * Verifying a shard: its chunks, its index, its digest (R-VFY-01 to R-VFY-04, R-VFY-10).
 *
 * @module
 */
import { checkValues } from './dtypes.js'
import { EmbzarrError } from './errors.js'
import { readShardIndex } from './grid.js'
import { keyOfShard } from './keys.js'
import { sha256 } from './sha256.js'
import { WHOLE, digest, sizeOf } from './verify.js'

/**
 * @typedef {import('./reading.js').ArrayReader} ArrayReader
 * @typedef {import('./verify.js').Report} Report
 */

/**
 * Verify one shard of an array.
 *
 * @param {import('./store.js').Store} store
 * @param {ArrayReader} reader of the array
 * @param {number} s number of the shard
 * @param {Report} report
 */
export async function verifyShard(store, reader, s, report) {
  const { info, layer } = reader
  const name = keyOfShard(info, s)
  const key = `${layer.path}/${name}`
  const { size, sha256: recorded } = layer.objects.get(name)
  const before = report.found.size
  const found = await sizeOf(store, key, size)
  report.progress(size)
  if (found === null) {
    report.add('object-missing', key, 'the object is not there')
  } else {
    if (found !== size) report.add('object-size', key, `the object has ${found} bytes, not ${size}`)
    const whole = size <= WHOLE ? ((await store.get(key, size)) ?? new Uint8Array(0)) : null
    const read = (start, length) => {
      return whole === null
        ? store.range(key, start, length)
        : whole.subarray(start, start + length)
    }
    const sound = await verifyChunks(reader, s, { key, end: Math.min(size, found), read }, report)
    const indexed = await verifyIndex(reader, s, { key, size, found, read }, report)
    if (sound && indexed && found === size) {
      const digested = whole === null ? await digest(store, key, size) : await sha256(whole)
      if (digested !== recorded) report.add('object-digest', key, 'the object has another SHA-256')
    }
  }
  if (report.found.size > before) report.damaged.add(`${layer.path}/${info.name}`)
}

/** Numbers of the chunks of a shard. */
function numbersOf({ chunks, shard }, s) {
  const first = s * shard
  return Array.from({ length: Math.min(shard, chunks - first) }, (_, i) => first + i)
}

/**
 * Find the places of a shard's chunks; null where their table is damaged, which is told of the
 * table.
 *
 * @param {ArrayReader} reader
 * @param {number} s
 * @param {string} key
 * @param {Report} report
 */
async function placesOf(reader, s, key, report) {
  try {
    return await reader.places(numbersOf(reader.info, s))
  } catch (error) {
    if (error instanceof EmbzarrError && error.code === 'chunk-range') {
      report.addError(error, key)
      return null
    }
    if (error instanceof EmbzarrError && reader.table !== null) return null
    throw error
  }
}

async function verifyChunks(reader, s, { key, end, read }, report) {
  const { info, layer } = reader
  const places = await placesOf(reader, s, key, report)
  let sound = true
  for (const { number, offset, nbytes, crc32c: recorded } of places ?? []) {
    if (offset + nbytes > end) continue
    const where = { chunk: number, ...rowsOf(layer, info, number) }
    try {
      const stored = await read(offset, nbytes)
      const chunk = await reader.decode(stored, number, recorded)
      if (layer.columns.includes(info.name))
        checkValues(info.dtype, ownRows(info, number, chunk), key)
      compareCopy(layer, info, stored, report)
    } catch (error) {
      sound = false
      report.addError(error, key, where)
    }
  }
  return sound
}

/** The bytes of a chunk of a column that are rows, without those past the end of the array. */
function ownRows({ chunk: rows, shape, rowBytes }, number, chunk) {
  return chunk.subarray(0, (shape[0] - number * rows) * rowBytes)
}

/** The rows of a chunk of a column, where they are the checkpoint's own. */
function rowsOf({ kind, columns }, { name, chunk, shape }, number) {
  if (kind !== 'full' || !columns.includes(name)) return {}
  const rows = /** @type {[number, number]} */ ([
    number * chunk,
    Math.min(shape[0], (number + 1) * chunk),
  ])
  return { rows }
}

/** The copy in the manifest is the chunk that its shard holds (R-VFY-10). */
function compareCopy(layer, info, stored, report) {
  if (info.data === null) return
  const same =
    info.data.length === stored.length && info.data.every((byte, i) => byte === stored[i])
  if (same) return
  report.add('manifest-invalid', `${layer.path}/${info.name}`, 'data is not the chunk of the shard')
}

async function verifyIndex(reader, s, { key, size, found, read }, report) {
  const { info } = reader
  if (found < size) return true
  const fail = (message) => {
    report.add('shard-index', key, message)
    return false
  }
  let index
  try {
    index = readShardIndex(await read(size - info.indexBytes, info.indexBytes))
  } catch (error) {
    if (!(error instanceof EmbzarrError) || error.code !== 'shard-index') throw error
    return fail('the index of the shard has a wrong CRC-32C')
  }
  const count = numbersOf(info, s).length
  if (index.slice(count).some((place) => place !== null))
    return fail('a place beyond the array is not empty')
  const places = await placesOf(reader, s, key, report)
  const same =
    places === null ||
    places.every(({ offset, nbytes }, i) => {
      return index[i] !== null && index[i][0] === offset && index[i][1] === nbytes
    })
  return same || fail('the index of the shard has other places than the manifest')
}
