/**
 * Layers of a manifest (tables 7.2 and 7.3, rules 7.6 and 7.7).
 *
 * @module
 */
import { checkArrays, parseArray } from './arrays.js'
import { VECTOR_TYPES } from './dtypes.js'
import { refuse } from './errors.js'
import { checkKey, isColumnName } from './keys.js'
import { anything, checkMembers, demand, hex, integer, isObject, list, string } from './members.js'
import { NAMED, checkNamed } from './named.js'
import { compareBytes, encodeUtf8 } from './text.js'

/**
 * @typedef {import('./arrays.js').ArrayInfo} ArrayInfo
 */

/**
 * A layer as its manifest describes it.
 *
 * @typedef {object} LayerInfo
 * @property {'full' | 'delta'} kind
 * @property {string} path
 * @property {number} rows rows of the checkpoint, from this layer down
 * @property {number} words words that this layer holds, whose rows are the last ones
 * @property {{kind: string, groups: number, starts: number[]}} placement
 * @property {string[]} columns
 * @property {Map<string, ArrayInfo>} arrays
 * @property {Uint8Array[]} fences
 * @property {Map<string, {size: number, sha256: string}>} objects
 * @property {Record<string, import('./named.js').TensorEntry>} tensors as the manifest has them
 * @property {Record<string, import('./named.js').FileEntry>} files
 * @property {(Page & {at: number})[]} pages those that were not read, and their numbers
 * @property {boolean} alone whether pages hold tensors or files, or did before they were read
 * @property {any} value the JSON that it was made of
 */

/**
 * What a manifest says of a page (section 7.10).
 *
 * @typedef {object} Page
 * @property {'objects' | 'contents'} kind
 * @property {number} size
 * @property {string} sha256
 * @property {number} count
 * @property {number} [bytes]
 */

const MAX_FENCES = 1024 * 1024
const MAX_DELTA_ROWS = 16777216
const WORD_ARRAYS = ['words/data', 'words/offsets', 'lookup/blocks']
const GROUPED = ['hash', 'family']
const ENTRY = { required: { size: integer(), sha256: hex(64) } }
const MAX_OBJECTS = 4194304
const MAX_PAGES = 1024
const MAX_PAGES_SUM = 512 * 1024 * 1024
const PAGE = {
  required: {
    kind: string,
    size: integer(1, 8388608),
    sha256: hex(64),
    count: integer(1, MAX_OBJECTS),
  },
  optional: { bytes: integer() },
}

/** @param {any} objects @param {string} where */
export function checkObjects(objects, where) {
  demand(isObject(objects), 'an object', objects, where)
  for (const [key, entry] of Object.entries(objects)) {
    checkKey(key, where)
    checkMembers(entry, ENTRY, `${where}.${key}`)
  }
}

/** @param {any} page @param {string} where */
function checkPage(page, where) {
  demand(isObject(page), 'an object', page, where)
  if (typeof page.kind === 'string' && !['objects', 'contents'].includes(page.kind)) {
    refuse('feature-unsupported', 'a page of kind objects or contents', page.kind, where)
  }
  checkMembers(page, PAGE, where)
  const sound = page.kind === 'objects' || (page.bytes ?? 0) === 0
  demand(sound, 'no bytes where no objects are listed', page.bytes, where)
}

/** @type {import('./members.js').Table} */
const LAYER = {
  required: {
    kind: anything,
    path: (path, where) => {
      string(path, where)
      checkKey(path, where)
      demand(path.startsWith('steps/'), 'a key below steps/', path, where)
    },
    rows: integer(),
    placement: anything,
    columns: (columns, where) => {
      list(string, 0, 256)(columns, where)
      for (const name of columns) demand(isColumnName(name), 'a name of a column', name, where)
      demand(new Set(columns).size === columns.length, 'every column once', columns, where)
    },
    arrays: (arrays, where) => demand(isObject(arrays), 'an object', arrays, where),
    fences: list(string, 0, 4096),
    objects: checkObjects,
  },
  optional: { ...NAMED, pages: list(checkPage, 0, MAX_PAGES) },
  open: true,
}

/**
 * Read one layer by itself.
 *
 * @param {any} value
 * @param {string} where
 * @returns {LayerInfo}
 */
export function parseLayer(value, where) {
  demand(isObject(value), 'an object', value, where)
  if (typeof value.kind === 'string' && !['full', 'delta'].includes(value.kind)) {
    refuse('feature-unsupported', 'a layer of kind full or delta', value.kind, where)
  }
  checkMembers(value, LAYER, where)
  for (const key of Object.keys(value.objects)) checkKey(`${value.path}/${key}`, where)
  string(value.kind, `${where}.kind`)
  const arrays = new Map()
  for (const [name, array] of Object.entries(value.arrays)) {
    checkKey(name, `${where}.arrays`)
    arrays.set(name, parseArray(name, array, `${where}.arrays.${name}`))
  }
  const pages = (value.pages ?? []).map((page, at) => ({ ...page, at }))
  const layer = {
    kind: value.kind,
    path: value.path,
    rows: value.rows,
    words: 0,
    placement: parsePlacement(value.placement, value.rows, `${where}.placement`),
    columns: value.columns,
    arrays,
    fences: checkFences(value.fences, `${where}.fences`),
    objects: new Map(Object.entries(value.objects)),
    tensors: value.tensors ?? {},
    files: value.files ?? {},
    pages,
    alone: pages.some(({ kind }) => kind === 'contents'),
    value,
  }
  for (const name of layer.columns) demand(arrays.has(name), `an array ${name}`, undefined, where)
  checkWords(layer, where)
  if (layer.kind === 'full') checkFull(layer, where)
  checkNamed(layer, where)
  checkArrays(layer, countObjects(layer), where)
  return layer
}

/** Count the objects of a layer, pages and what they list included. @param {LayerInfo} layer */
function countObjects({ objects, pages }) {
  const listed = pages.filter(({ kind }) => kind === 'objects')
  return objects.size + pages.length + listed.reduce((sum, { count }) => sum + count, 0)
}

/**
 * Add up the bytes of all objects of layers, pages and what they list included.
 *
 * @param {LayerInfo[]} layers
 */
export function bytesOf(layers) {
  const listed = layers.flatMap(({ objects, pages }) => [...objects.values(), ...pages])
  return listed.reduce((sum, { size, bytes = 0 }) => sum + size + bytes, 0)
}

/**
 * Check how much the pages of all layers may hold (R-PAGE-02).
 *
 * @param {LayerInfo[]} layers
 */
export function checkPages(layers) {
  const pages = layers.flatMap((layer) => layer.pages)
  const bytes = pages.reduce((sum, { size }) => sum + size, 0)
  const objects = layers.reduce((sum, layer) => sum + countObjects(layer), 0)
  demand(pages.length <= MAX_PAGES, 'at most 1,024 pages', pages.length, 'layers')
  demand(bytes <= MAX_PAGES_SUM, 'at most 512 MiB of pages', bytes, 'layers')
  demand(objects <= MAX_OBJECTS, 'at most 4,194,304 objects', objects, 'layers')
}

/**
 * @param {any} value
 * @param {number} rows
 * @param {string} where
 */
function parsePlacement(value, rows, where) {
  demand(isObject(value), 'an object', value, where)
  string(value.kind, `${where}.kind`)
  if (!['given', 'lexical', ...GROUPED].includes(value.kind)) {
    refuse('feature-unsupported', 'given, lexical, hash or family', value.kind, where)
  }
  const table = { groups: integer(0, 65536), starts: list(integer(), 0, 65537) }
  checkMembers(value, { required: { kind: string }, optional: table }, where)
  const { kind, groups = 0, starts = [] } = value
  if (!GROUPED.includes(kind)) {
    demand(groups === 0 && starts.length === 0, 'no groups', groups, where)
    return { kind, groups, starts }
  }
  demand(
    groups >= 1 && starts.length === groups + 1,
    'groups, and one start more',
    starts.length,
    where,
  )
  demand(
    starts[0] === 0 && starts[groups] === rows,
    `starts from 0 to ${rows}`,
    starts[groups],
    where,
  )
  for (let g = 0; g < groups; g++)
    demand(starts[g] <= starts[g + 1], 'starts that do not fall', g, where)
  return { kind, groups, starts }
}

/**
 * @param {string[]} fences
 * @param {string} where
 * @returns {Uint8Array[]}
 */
function checkFences(fences, where) {
  const bytes = fences.map(encodeUtf8)
  const total = bytes.reduce((sum, fence) => sum + fence.length, 0)
  demand(total <= MAX_FENCES, 'at most 1 MiB of fences', total, where)
  if (bytes.length > 0)
    demand(bytes[0].length === 0, 'a first fence that is empty', fences[0], where)
  for (let i = 1; i < bytes.length; i++) {
    demand(
      compareBytes(bytes[i - 1], bytes[i]) < 0,
      'fences that rise',
      fences[i],
      `${where}[${i}]`,
    )
  }
  return bytes
}

/**
 * @param {LayerInfo} layer
 * @param {string} where
 */
function checkWords(layer, where) {
  const [data, offsets, blocks] = WORD_ARRAYS.map((name) => layer.arrays.get(name))
  const mayLack = layer.kind === 'delta' || layer.columns.length === 0
  if (mayLack && !data && !offsets && !blocks) {
    demand(layer.fences.length === 0, 'no fences without words', layer.fences.length, where)
    return
  }
  demand(Boolean(data && offsets && blocks), WORD_ARRAYS.join(', '), undefined, where)
  demand(
    data.shape.length === 1 && data.dtype.name === 'uint8',
    'uint8 of rank 1',
    data.shape,
    'words/data',
  )
  const sound =
    offsets.shape.length === 1 && offsets.dtype.name === 'uint64' && offsets.shape[0] >= 1
  demand(sound, 'uint64 of rank 1', offsets.shape, 'words/offsets')
  layer.words = offsets.shape[0] - 1
  const least = layer.kind === 'full' ? layer.rows : Math.max(1, layer.words)
  demand(layer.words === least, `${least} words`, layer.words, `${where}.words/offsets`)
  const lookup =
    blocks.shape.length === 2 &&
    blocks.dtype.name === 'uint8' &&
    blocks.chunk === 1 &&
    typeof blocks.index !== 'string' &&
    blocks.rowBytes >= 20 &&
    blocks.rowBytes <= 67108864
  demand(
    lookup,
    'blocks of uint8, one a chunk, with an inline index',
    blocks.shape,
    'lookup/blocks',
  )
  const fences = layer.fences.length
  demand(fences === blocks.shape[0], `${blocks.shape[0]} fences`, fences, `${where}.fences`)
  demand(fences > 0 === layer.words > 0, 'fences where there are words', fences, `${where}.fences`)
}

/**
 * @param {LayerInfo} layer
 * @param {string} where
 */
function checkFull({ columns, arrays, rows, tensors, files, alone }, where) {
  if (columns.length === 0) {
    const named = Object.keys(tensors).length + Object.keys(files).length
    demand(named > 0 || alone, 'columns, tensors or files', undefined, where)
    demand(rows === 0, 'no rows without columns', rows, `${where}.rows`)
    return
  }
  demand(columns[0] === 'vectors', 'vectors first', columns[0], `${where}.columns`)
  for (const name of columns) {
    const { shape } = arrays.get(name)
    demand(shape[0] === rows, `${rows} rows`, shape[0], `${where}.arrays.${name}`)
  }
  const { shape, dtype } = arrays.get('vectors')
  demand(shape.length === 2, 'vectors of rank 2', shape, where)
  demand(
    VECTOR_TYPES.has(dtype.name),
    [...VECTOR_TYPES].join(', '),
    dtype.name,
    `${where}.arrays.vectors`,
  )
}

/**
 * Check layers with each other: the base, and deltas upon it (R-LAY-10, R-LAY-11, R-DEL-01 to
 * R-DEL-08).
 *
 * @param {LayerInfo[]} layers
 */
export function checkChain(layers) {
  const [base, ...deltas] = layers
  demand(base.kind === 'full', 'a full layer first', base.kind, 'layers[0]')
  const paths = new Set(layers.map((layer) => layer.path))
  demand(paths.size === layers.length, 'every folder once', undefined, 'layers')
  /** @type {Map<string, number>} */
  const total = new Map()
  deltas.forEach((layer, i) => {
    const where = `layers[${i + 1}]`
    demand(layer.kind === 'delta', 'a delta', layer.kind, where)
    const { rows, words, columns, placement } = layer
    demand(rows === layers[i].rows + words, `${layers[i].rows} rows and ${words} more`, rows, where)
    demand(placement.kind === 'given', 'given', placement.kind, `${where}.placement`)
    if (words > 0) {
      demand(base.columns.length > 0, 'no words upon a base without a table', words, where)
      demand(columns.length === base.columns.length, 'every column, with its words', columns, where)
    }
    for (const name of columns) {
      demand(base.columns.includes(name), 'columns of the base', name, where)
      checkDeltaColumn(layer, name, base.arrays.get(name), `${where}.${name}`)
      total.set(name, (total.get(name) ?? 0) + layer.arrays.get(name).shape[0])
    }
  })
  for (const [name, sum] of total) {
    demand(sum <= MAX_DELTA_ROWS, 'at most 16,777,216 rows in deltas', sum, name)
  }
}

/**
 * @param {LayerInfo} layer
 * @param {string} name
 * @param {ArrayInfo} base
 * @param {string} where
 */
function checkDeltaColumn(layer, name, base, where) {
  const { shape, dtype } = layer.arrays.get(name)
  const same =
    shape.length === base.shape.length && shape.every((n, i) => i === 0 || n === base.shape[i])
  demand(same, `rows like ${base.shape}`, shape, where)
  demand(shape[0] >= layer.words && shape[0] <= layer.rows, 'rows that there are', shape[0], where)
  const beside = (path, type, told) => {
    const array = layer.arrays.get(path)
    const sound =
      array !== undefined &&
      array.dtype.name === type &&
      array.shape.length === 1 &&
      array.shape[0] === shape[0] &&
      typeof array.index !== 'string'
    demand(sound, told, array?.shape, where)
  }
  beside(`rows/${name}`, 'uint64', 'a row number for each row, with an inline index')
  const scaled = dtype.name === 'int8' && VECTOR_TYPES.has(base.dtype.name) && shape.length >= 2
  if (scaled) beside(`scales/${name}`, 'float32', 'a scale for each row, with an inline index')
  else demand(!layer.arrays.has(`scales/${name}`), 'no scales', undefined, where)
  const halved = dtype.name === 'float16' && ['float32', 'float64'].includes(base.dtype.name)
  demand(scaled || halved || dtype.name === base.dtype.name, base.dtype.name, dtype.name, where)
}
