/**
 * Verifying the files of a layer: their bytes have the SHA-256 that was recorded (R-VFY-12).
 *
 * @module
 */
import { EmbzarrError } from './errors.js'
import { ArrayReader, Pool } from './reading.js'
import { Sha256 } from './sha256.js'

/** The most bytes of files that are held at the same time, unless one chunk has more. */
const PIECE = 8 * 1024 * 1024

/**
 * @param {import('./store.js').Store} store
 * @param {import('./layer.js').LayerInfo} layer
 * @param {import('./verify.js').Report} report
 */
export async function verifyFiles(store, layer, report) {
  for (const [array, files] of byArray(layer.files)) {
    const key = `${layer.path}/${array}`
    const reader = new ArrayReader(store, new Pool(), layer, array)
    if (report.damaged.has(key)) continue
    if (reader.table !== null && report.damaged.has(`${layer.path}/${reader.info.index}`)) continue
    try {
      await verifyArray(reader, files, () => {
        report.add('file-digest', key, 'a file has another SHA-256')
      })
    } catch (error) {
      // Shards were sound a moment ago, unless something was told of them under another key.
      if (!(error instanceof EmbzarrError) || report.found.size === 0) report.addError(error, key)
    }
    report.progress(0)
  }
}

/** @param {Record<string, import('./named.js').FileEntry>} files */
function byArray(files) {
  /** @type {Map<string, {from: number, to: number, sha256: string}[]>} */
  const found = new Map()
  for (const { array, start = 0, size, sha256 } of Object.values(files)) {
    if (!found.has(array)) found.set(array, [])
    found.get(array).push({ from: start, to: start + size, sha256 })
  }
  return found
}

/**
 * Read the files of an array piece by piece, in the order in which they lie, each byte once.
 *
 * @param {ArrayReader} reader
 * @param {{from: number, to: number, sha256: string}[]} files
 * @param {() => void} differs called for each that has another SHA-256
 */
async function verifyArray(reader, files, differs) {
  const { chunkBytes } = reader.info
  const piece = chunkBytes * Math.max(1, Math.floor(PIECE / chunkBytes))
  /** @type {{from: number, bytes: Uint8Array}} */
  let held = { from: 0, bytes: new Uint8Array(0) }
  files.sort((a, b) => a.from - b.from || a.to - b.to)
  const length = reader.info.shape[0]
  for (const { from, to, sha256 } of files) {
    const hash = new Sha256()
    for (let at = from; at < to;) {
      if (at >= held.from + held.bytes.length) {
        const begin = at - (at % piece)
        const [bytes] = await reader.contents([[begin, Math.min(length, begin + piece)]])
        held = { from: begin, bytes }
      }
      const end = Math.min(to, held.from + held.bytes.length)
      hash.update(held.bytes.subarray(at - held.from, end - held.from))
      at = end
    }
    if (hash.hex() !== sha256) differs()
  }
}
