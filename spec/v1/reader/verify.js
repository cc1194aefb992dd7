/**
 * Verifying a checkpoint: every byte that its commit names (section 18).
 *
 * @module
 */
import { EmbzarrError, refuse } from './errors.js'
import { groupDocument, isRootDocument, layerDocuments } from './documents.js'
import { JSON_LIMITS, equalJson, parseJson } from './json.js'
import { commitKey, keyOfShard, readLayerPath } from './keys.js'
import { bytesOf } from './layer.js'
import { checkRowNumbers } from './layers.js'
import { parseRecord } from './manifest.js'
import { readUint64 } from './grid.js'
import { withKnown } from './pages.js'
import { ArrayReader, Pool, all } from './reading.js'
import { Sha256, sha256 } from './sha256.js'
import { verifyFiles } from './verify-files.js'
import { verifyShard } from './verify-shard.js'
import { verifyWords } from './verify-words.js'

/**
 * What is wrong with a checkpoint.
 *
 * @typedef {object} Problem
 * @property {string} code
 * @property {string} key of the object, or of the array below `steps/`
 * @property {number} [chunk] its number in the array
 * @property {[number, number]} [rows] the rows of a full layer's column that are lost
 * @property {string} message
 */

/**
 * @typedef {object} VerifyOptions
 * @property {(problem: Problem) => void} [onProblem] told as soon as it is found
 * @property {(progress: {bytes: number, total: number}) => void} [onProgress]
 * @property {AbortSignal} [signal]
 */

/** Objects that are read at the same time, and the most bytes of one that is held whole. */
const PARALLEL = 4
export const WHOLE = 32 * 1024 * 1024
const PIECE = 8 * 1024 * 1024

/** Collects problems, each once, and tells how far a verification is. */
export class Report {
  /**
   * @param {VerifyOptions} options
   * @param {number} total bytes to be read
   */
  constructor({ onProblem, onProgress, signal }, total) {
    this.onProblem = onProblem
    this.onProgress = onProgress
    this.signal = signal
    this.total = total
    this.bytes = 0
    /** @type {Map<string, Problem>} */
    this.found = new Map()
    /** Keys of arrays and documents of which something was told. */
    this.damaged = new Set()
  }

  /**
   * Tell a problem.
   *
   * @param {string} code
   * @param {string} key
   * @param {string} message
   * @param {{chunk?: number, rows?: [number, number]}} [where]
   */
  add(code, key, message, where = {}) {
    const name = `${code} ${key} ${where.chunk ?? ''}`
    if (this.found.has(name)) return
    const problem = { code, key, ...where, message }
    this.found.set(name, problem)
    this.onProblem?.(problem)
  }

  /**
   * Tell the problem that an error stands for; what is no problem of the checkpoint is thrown on,
   * as is
   * a chunk that cannot be decoded since nothing here can.
   *
   * @param {unknown} error
   * @param {string} key
   * @param {{chunk?: number, rows?: [number, number]}} [where]
   */
  addError(error, key, where) {
    const ours = error instanceof EmbzarrError && !FAILURES.has(error.code)
    if (!ours) throw error
    this.add(error.code, key, error.message, where)
  }

  /** @param {number} bytes */
  progress(bytes) {
    this.signal?.throwIfAborted()
    this.bytes += bytes
    this.onProgress?.({ bytes: this.bytes, total: this.total })
  }
}

const FAILURES = new Set([
  'access-denied',
  'codec-unsupported',
  'dtype-unsupported',
  'store-failed',
  'input-argument',
  'object-archived',
  'key-escapes-root',
])

/**
 * Verify a checkpoint.
 *
 * @param {import('./checkpoint.js').Checkpoint} checkpoint
 * @param {VerifyOptions} [options]
 * @returns {Promise<Problem[]>}
 */
export async function verify(checkpoint, options = {}) {
  const { committed, store } = checkpoint
  const report = new Report(options, bytesOf(committed))
  await verifyCommit(checkpoint, report)
  const pool = new Pool(PARALLEL)
  const layers = []
  for (const told of committed) {
    const { layer, whole } = await withKnown(store, told, (...problem) => report.add(...problem))
    await verifyObjects(store, layer, pool, report)
    await verifyRows(store, layer, report)
    // Of a page that is lost nobody knows which documents it listed.
    if (whole) await verifyDocuments(store, layer, layers[layers.length - 1], checkpoint, report)
    layers.push(layer)
  }
  await verifyRoot(checkpoint, report)
  await verifyWords(checkpoint, report)
  for (const layer of layers) await verifyFiles(store, layer, report)
  return [...report.found.values()]
}

/** The manifest is the one that was opened, and its parent the one that it names (R-VFY-07). */
async function verifyCommit({ store, manifest, bytes }, report) {
  const key = commitKey(manifest.commit)
  const there = await store.get(key, JSON_LIMITS.manifest)
  if (there === null) report.add('object-missing', key, 'the manifest is not there')
  else if ((await sha256(there)) !== (await sha256(bytes)))
    reportOther(there, manifest.commit, key, report)
  if (manifest.parent === null) return
  const before = commitKey(manifest.parent.commit)
  const parent = await store.get(before, JSON_LIMITS.manifest)
  if (parent === null || (await sha256(parent)) === manifest.parent.sha256) return
  if (identityInTombstone(parent, manifest.parent.commit) === manifest.parent.sha256) return
  report.add('manifest-mismatch', before, 'the parent has another identity than the commit names')
}

/** Tell what stands in the place of the manifest that was opened. */
function reportOther(bytes, number, key, report) {
  try {
    const { kind } = parseRecord(bytes, number, key)
    if (kind === 'tombstone') report.add('commit-expired', key, 'the commit was given up')
    else report.add('manifest-mismatch', key, 'the manifest is not the one that was opened')
  } catch (error) {
    if (!(error instanceof EmbzarrError)) throw error
    report.add(error.code, key, error.message)
  }
}

function identityInTombstone(bytes, number) {
  try {
    const record = parseRecord(bytes, number)
    return record.kind === 'tombstone' ? record.sha256 : null
  } catch (error) {
    if (error instanceof EmbzarrError) return null
    throw error
  }
}

/** Every object of a layer is there, whole and as recorded (R-VFY-01 to R-VFY-04, R-VFY-10). */
async function verifyObjects(store, layer, pool, report) {
  const rest = new Set(layer.objects.keys())
  const tasks = []
  for (const name of layer.arrays.keys()) {
    const reader = new ArrayReader(store, new Pool(), layer, name)
    for (let s = 0; s < reader.info.shards; s++) {
      if (!rest.delete(keyOfShard(reader.info, s))) continue // a page that is lost tells of it
      tasks.push(() => verifyShard(store, reader, s, report))
    }
  }
  for (const key of rest) {
    tasks.push(async () => {
      const { size, sha256: recorded } = layer.objects.get(key)
      const sound = await verifyObject(store, `${layer.path}/${key}`, size, recorded, report)
      if (!sound) report.damaged.add(`${layer.path}/${key}`)
    })
  }
  await all(tasks.map((task) => pool.run(task)))
}

/**
 * Check size and digest of an object.
 *
 * @param {import('./store.js').Store} store
 * @param {string} key
 * @param {number} size
 * @param {string} recorded SHA-256
 * @param {Report} report
 * @returns {Promise<boolean>}
 */
async function verifyObject(store, key, size, recorded, report) {
  const found = await sizeOf(store, key, size)
  report.progress(size)
  if (found === null) report.add('object-missing', key, 'the object is not there')
  else if (found !== size)
    report.add('object-size', key, `the object has ${found} bytes, not ${size}`)
  else if ((await digest(store, key, size)) === recorded) return true
  else report.add('object-digest', key, 'the object has another SHA-256')
  return false
}

/**
 * Find the size of an object; one byte more is asked for where a store does not tell sizes.
 *
 * @param {import('./store.js').Store} store
 * @param {string} key
 * @param {number} expected
 */
export async function sizeOf(store, key, expected) {
  const size = await store.size(key)
  if (size === null || !Number.isNaN(size)) return size
  const end = await store.range(key, Math.max(0, expected - 1), 2)
  return end === null ? null : Math.max(0, expected - 1) + end.length
}

/**
 * Compute the SHA-256 of an object, piece by piece where it is large.
 *
 * @param {import('./store.js').Store} store
 * @param {string} key
 * @param {number} size
 * @returns {Promise<string>}
 */
export async function digest(store, key, size) {
  if (size <= WHOLE) return sha256((await store.get(key, size)) ?? new Uint8Array(0))
  const hash = new Sha256()
  for (let at = 0; at < size; at += PIECE) {
    const piece = await store.range(key, at, Math.min(PIECE, size - at))
    if (piece === null) refuse('object-missing', 'an object that was there', undefined, key)
    hash.update(piece)
  }
  return hash.hex()
}

/** Row numbers of deltas rise and end with those of its words (R-VFY-08). */
async function verifyRows(store, layer, report) {
  if (layer.kind !== 'delta') return
  for (const name of layer.columns) {
    const key = `${layer.path}/rows/${name}`
    if (report.damaged.has(key)) continue
    const reader = new ArrayReader(store, new Pool(), layer, `rows/${name}`)
    try {
      const numbers = readUint64(await reader.rows(0, reader.info.shape[0]))
      checkRowNumbers(numbers, layer, key)
    } catch (error) {
      // What the copy in the manifest breaks was told by R-VFY-10, or of its shard.
      report.addError(error, key)
    }
  }
}

/** Documents say what the manifest says (R-VFY-05). */
async function verifyDocuments(store, layer, lower, { manifest }, report) {
  const told = { ...(readLayerPath(layer.path) ?? manifest), below: lower?.path ?? null }
  for (const [name, expected] of layerDocuments(layer, told)) {
    const key = `${layer.path}/${name}`
    if (report.damaged.has(key)) continue
    const listed = layer.objects.has(name)
    if (!listed) report.add('zarr-metadata', key, 'the manifest does not list this document')
    else if (!(await isDocument(store, key, (found) => equalJson(found, expected), report))) {
      report.add('zarr-metadata', key, 'the document does not say what the manifest says')
    }
  }
}

/** Documents of the root and of `steps` (R-VFY-09). */
async function verifyRoot({ store, manifest }, report) {
  const isRoot = (found) => isRootDocument(found, manifest.store)
  if (!(await isDocument(store, 'zarr.json', isRoot, report))) {
    report.add('zarr-metadata', 'zarr.json', 'no document of the root of this store')
  }
  const isPlain = (found) => equalJson(found, groupDocument())
  if (!(await isDocument(store, 'steps/zarr.json', isPlain, report))) {
    report.add('zarr-metadata', 'steps/zarr.json', 'no document of a plain group')
  }
}

/**
 * Tell whether a document says what it should. What is no JSON of section 6 is told with its own
 * code, and that is all.
 */
async function isDocument(store, key, isSound, report) {
  const bytes = await store.get(key, JSON_LIMITS.zarr)
  if (bytes === null) return false
  let found
  try {
    found = parseJson(bytes, JSON_LIMITS.zarr, key)
  } catch (error) {
    report.addError(error, key)
    return true
  }
  return isSound(found)
}
