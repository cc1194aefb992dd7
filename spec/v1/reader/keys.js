/**
 * Object keys (section 5): making them, reading them, refusing those that could leave the root.
 *
 * @module
 */
import { refuse } from './errors.js'

const KEY = /^[A-Za-z0-9._-]+(?:\/[A-Za-z0-9._-]+)*$/
const TAG = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/
const COLUMN = /^(?!__|(?:tensors|files|small)\.)[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/
const RESERVED = new Set([
  'words',
  'lookup',
  'chunks',
  'rows',
  'scales',
  'parts',
  'tensors',
  'files',
  'small',
  'words.data',
  'words.offsets',
  'zarr.json',
])

/**
 * Refuse a key that is not a plain path (R-KEY-01 to R-KEY-04).
 *
 * @param {unknown} key
 * @param {string} [where]
 * @returns {string} the key
 * @throws `key-escapes-root`
 */
export function checkKey(key, where = '') {
  const sound =
    typeof key === 'string' &&
    key.length <= 512 &&
    KEY.test(key) &&
    !key.split('/').some((segment) => segment === '.' || segment === '..')
  if (!sound) refuse('key-escapes-root', 'a plain path below the root', key, where)
  return /** @type {string} */ (key)
}

/** @param {number} commit */
const padded = (commit) => String(commit).padStart(20, '0')

/**
 * Make the key of a commit's manifest (R-KEY-05).
 *
 * @param {number} commit
 * @returns {string}
 */
export const commitKey = (commit) => `commits/${padded(commit)}.json`

/**
 * Make the key of a commit's quarantine record (R-KEY-11).
 *
 * @param {number} commit
 * @returns {string}
 */
export const quarantineKey = (commit) => `quarantine/${padded(commit)}.json`

/**
 * Read a commit's number from a key.
 *
 * @param {string} key
 * @returns {number | null} null where the key is no commit's
 */
export function commitNumber(key) {
  const match = /^commits\/([0-9]{20})\.json$/.exec(key)
  const number = match === null || key.length !== 33 ? 0 : Number(match[1])
  return number >= 1 && number <= Number.MAX_SAFE_INTEGER ? number : null
}

/**
 * Make a tag's key (R-KEY-06).
 *
 * @param {unknown} name
 * @returns {string}
 * @throws `input-argument` for a name that no tag can have
 */
export function tagKey(name) {
  if (typeof name !== 'string' || !TAG.test(name) || name.endsWith('\n')) {
    refuse('input-argument', 'a letter or digit, then up to 127 of A-Z a-z 0-9 . _ -', name, 'tag')
  }
  return `tags/${name}.json`
}

/**
 * Read a tag's name from a key.
 *
 * @param {string} key
 * @returns {string | null} null where the key is no tag's
 */
export function tagName(key) {
  if (!key.startsWith('tags/') || !key.endsWith('.json')) return null
  const name = key.slice(5, -5)
  return TAG.test(name) ? name : null
}

/**
 * Make the key of a shard below its layer (R-KEY-08).
 *
 * @param {string} array
 * @param {number} shard
 * @param {number} rank
 * @returns {string}
 */
export const shardKey = (array, shard, rank) => `${array}/c/${shard}${'/0'.repeat(rank - 1)}`

/**
 * Make the key of a shard below its layer, whatever dimension its array is divided in (R-KEY-08).
 *
 * @param {{name: string, shape: number[], split: number, blockChunks: number, shard: number}} array
 * @param {number} number of the shard
 * @returns {string}
 */
export function keyOfShard({ name, shape, split, blockChunks, shard }, number) {
  if (split === 0) return shardKey(name, number, shape.length)
  const each = Math.ceil(blockChunks / shard)
  const place = [number % each]
  let block = Math.floor(number / each)
  for (const length of shape.slice(0, split).reverse()) {
    place.unshift(block % length)
    block = Math.floor(block / length)
  }
  return `${name}/c/${place.join('/')}${'/0'.repeat(shape.length - split - 1)}`
}

/**
 * Tell whether a column may have a name (R-KEY-09).
 *
 * @param {unknown} name
 * @returns {boolean}
 */
export const isColumnName = (name) => {
  return typeof name === 'string' && COLUMN.test(name) && !RESERVED.has(name)
}

/**
 * Make the path of a layer (R-KEY-07).
 *
 * @param {number} step
 * @param {string} writeId
 * @returns {string}
 */
export const layerPath = (step, writeId) => `steps/${step}-${writeId}`

/**
 * Read step and write id from the path of a layer; null where it is of another form.
 *
 * @param {string} path
 * @returns {{step: number, write_id: string} | null}
 */
export function readLayerPath(path) {
  const match = /^steps\/([0-9]+)-([0-9a-f]{32})$/.exec(path)
  return match === null ? null : { step: Number(match[1]), write_id: match[2] }
}

/**
 * Make the name of an array's chunk table (R-IDX-04).
 *
 * @param {string} array
 * @returns {string}
 */
export const tableName = (array) => `chunks/${array.replaceAll('/', '.')}`
