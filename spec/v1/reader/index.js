/**
 * A reader of embzarr version 1 in JavaScript, for Node and browsers.
 *
 * ```js
 * import { open } from './index.js'
 *
 * const checkpoint = await open('https://example.org/run')
 * const king = await checkpoint.get('king')
 * const { shape, data } = await checkpoint.tensor('dense/kernel:0')
 * const rows = await checkpoint.tensor('dense/kernel:0', { start: 10, stop: 20 })
 * const config = await checkpoint.file('config.json')
 * ```
 *
 * `checkpoint.tensors` and `checkpoint.files` tell of what there is by name, `checkpoint.model` is
 * what the manifest has under that name. Tensors are as their maker stored them; where the format
 * has no data type for theirs, they are bytes, and `type` says of what.
 *
 * @module
 */
import { Checkpoint } from './checkpoint.js'
import { refuse } from './errors.js'
import { History } from './history.js'
import { httpStore } from './store-http.js'

export { Checkpoint } from './checkpoint.js'
export { EmbzarrError } from './errors.js'
export { History } from './history.js'
export { httpStore } from './store-http.js'
export { chosenStore, droppedStore, fileStore } from './store-files.js'
export { memoryStore } from './store.js'
export { groupOf } from './xxh64.js'
export { toDate } from './dtypes.js'

/**
 * Make a store of a place: a URL, or under Node a folder.
 *
 * @param {string | URL | import('./store.js').Store} place
 * @param {import('./store-http.js').HttpOptions} [options]
 * @returns {Promise<import('./store.js').Store>}
 */
export async function storeOf(place, options) {
  if (typeof place === 'object' && !(place instanceof URL)) return place
  const text = String(place)
  if (/^https?:/i.test(text)) return httpStore(text, options)
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(text) && !/^file:/i.test(text)) {
    refuse('url-unsupported', 'http:, https: or a folder', text)
  }
  if (globalThis.process?.versions?.node === undefined) {
    refuse('url-unsupported', 'http: or https:, or a folder that was dropped', text)
  }
  const { folderStore } = await import('./store-node.js')
  const { fileURLToPath } = await import('node:url')
  return folderStore(/^file:/i.test(text) ? fileURLToPath(text) : text)
}

/**
 * Open a checkpoint: the newest one, or that of a `step`, a `tag` or a `commit` number.
 *
 * @param {string | URL | import('./store.js').Store} place URL, folder or store
 * @param {{step?: number, tag?: string, commit?: number}
 *   & import('./store-http.js').HttpOptions} [options]
 * @returns {Promise<Checkpoint>}
 */
export async function open(place, { step, tag, commit, ...options } = {}) {
  const named = [step, tag, commit].filter((name) => name !== undefined)
  if (named.length > 1) refuse('input-argument', 'one of step, tag and commit', named)
  const store = await storeOf(place, options)
  const history = new History(store)
  if (tag !== undefined) return Checkpoint.open(store, await history.tag(tag))
  if (commit !== undefined) return Checkpoint.open(store, await history.commit(commit))
  if (step !== undefined) return Checkpoint.open(store, await history.step(step))
  return Checkpoint.open(store, await history.newest())
}
