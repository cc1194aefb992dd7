/**
 * Pages: what a manifest that is split leaves to objects of its layers (section 7.10).
 *
 * @module
 */
import { EmbzarrError, refuse } from './errors.js'
import { JSON_LIMITS, parseJson } from './json.js'
import { checkObjects, parseLayer } from './layer.js'
import { checkMembers, demand, isObject } from './members.js'
import { NAMED } from './named.js'
import { Pool } from './reading.js'
import { sha256 } from './sha256.js'

/**
 * @typedef {import('./layer.js').LayerInfo} LayerInfo
 * @typedef {LayerInfo['pages'][number]} Page
 */

const PARALLEL = 8
const MEMBERS = ['arrays', 'objects', 'tensors', 'files']
const OWN = /^(?:(?:tensors|files)\/|chunks\/(?:tensors|files)\.)/
/** What an object is told for that is not as it was recorded, whatever it holds. */
const SEEN_ANYWAY = ['object-missing', 'object-truncated', 'object-digest']

/** @param {Page} page */
const nameOf = ({ at }) => `pages/${at}.json`

/** What is told of pages as objects of their layer. @param {Page[]} pages */
const asObjects = (pages) =>
  pages.map((page) => [nameOf(page), { size: page.size, sha256: page.sha256 }])

/**
 * Return layers with what their pages of tensors and files hold.
 *
 * @param {import('./store.js').Store} store
 * @param {LayerInfo[]} layers
 * @returns {Promise<LayerInfo[]>}
 */
export async function withContents(store, layers) {
  const pool = new Pool(PARALLEL)
  return Promise.all(
    layers.map(async (layer) => {
      const wanted = layer.pages.filter(({ kind }) => kind === 'contents')
      const parts = wanted.map((page) => pool.run(() => readPage(store, layer, page)))
      return merge(layer, wanted, await Promise.all(parts))
    }),
  )
}

/**
 * Return a layer with what those of its pages hold that can be read; all of them are among its
 * objects.
 *
 * @param {import('./store.js').Store} store
 * @param {LayerInfo} layer
 * @param {(code: string, key: string, message: string) => void} report is told of pages that are
 *   as they were written, and break a rule
 * @returns {Promise<{layer: LayerInfo, whole: boolean}>} `whole` if nothing is wrong with any
 */
export async function withKnown(store, layer, report) {
  const pool = new Pool(PARALLEL)
  const read = []
  const parts = []
  let whole = true
  const tell = (error, page) => {
    whole = false
    if (!(error instanceof EmbzarrError)) throw error
    const key = `${layer.path}/${nameOf(page)}`
    if (!SEEN_ANYWAY.includes(error.code)) report(error.code, key, error.message)
  }
  const reading = layer.pages.map((page) => pool.run(() => readPage(store, layer, page)))
  for (const [i, found] of (await Promise.allSettled(reading)).entries()) {
    if (found.status === 'rejected') tell(found.reason, layer.pages[i])
    else {
      read.push(layer.pages[i])
      parts.push(found.value)
    }
  }
  let merged = layer
  try {
    merged = merge(layer, read, parts)
  } catch (error) {
    // Else what is wrong with it is what a lost page has not told.
    if (whole || !(error instanceof EmbzarrError)) tell(error, layer.pages[0])
  }
  const objects = new Map([...merged.objects, ...asObjects(layer.pages)])
  return { layer: { ...merged, objects }, whole }
}

/**
 * @param {import('./store.js').Store} store
 * @param {LayerInfo} layer
 * @param {Page} page
 */
async function readPage(store, layer, page) {
  const key = `${layer.path}/${nameOf(page)}`
  const bytes = await store.range(key, 0, page.size)
  if (bytes === null) refuse('object-missing', 'an object that the manifest lists', undefined, key)
  if (bytes.length < page.size) {
    refuse('object-truncated', `${page.size} bytes`, bytes.length, key)
  }
  const found = await sha256(bytes)
  if (found !== page.sha256) refuse('object-digest', `SHA-256 ${page.sha256}`, found, key)
  return parsePage(bytes, page, key)
}

/**
 * @param {Uint8Array} bytes
 * @param {Page} page
 * @param {string} where
 */
function parsePage(bytes, page, where) {
  const value = parseJson(bytes, JSON_LIMITS.page, where)
  const arrays = (given, at) => demand(isObject(given), 'an object', given, at)
  const optional = page.kind === 'objects' ? { objects: checkObjects } : { arrays, ...NAMED }
  checkMembers(value, { required: {}, optional }, where)
  const objects = Object.entries(value.objects ?? {})
  const named = [value.tensors, value.files].map((entries) => Object.keys(entries ?? {}).length)
  const count = objects.length + named[0] + named[1]
  demand(count === page.count, `${page.count} entries`, count, where)
  const size = objects.reduce((sum, [, entry]) => sum + entry.size, 0)
  demand(size === (page.bytes ?? 0), `objects of ${page.bytes ?? 0} bytes`, size, where)
  const listed = objects.some(([name]) => name === 'zarr.json')
  demand(!listed, "nothing of the layer's own zarr.json", 'zarr.json', where)
  for (const [name, array] of Object.entries(value.arrays ?? {})) {
    const sound = OWN.test(name) && !(isObject(array) && Object.hasOwn(array, 'data'))
    demand(sound, 'an array of a tensor or a file, without data', name, where)
  }
  return value
}

/**
 * @param {LayerInfo} layer
 * @param {Page[]} read
 * @param {any[]} parts what these hold
 * @returns {LayerInfo}
 */
function merge(layer, read, parts) {
  if (read.length === 0) return layer
  const left = layer.pages.filter((page) => !read.includes(page))
  const value = { ...layer.value, pages: left.map(({ at: _, ...page }) => page) }
  for (const member of MEMBERS) {
    const entries = [layer.value, ...parts].flatMap((part) => Object.entries(part[member] ?? {}))
    if (member === 'objects') entries.push(...asObjects(read))
    const held = new Map(entries)
    demand(held.size === entries.length, `every name of ${member} once`, undefined, layer.path)
    value[member] = Object.fromEntries(held)
  }
  return { ...parseLayer(value, layer.path), pages: left, alone: layer.alone }
}
