/**
 * The Zarr documents that follow from a manifest (section 9).
 *
 * @module
 */

/** Compression as Zarr has it. */
const COMPRESSION = {
  none: () => [],
  zstd: ({ level }) => [{ name: 'zstd', configuration: { level, checksum: false } }],
  blosc: ({ cname, clevel, shuffle, typesize }) => [
    { name: 'blosc', configuration: { cname, clevel, shuffle, typesize, blocksize: 0 } },
  ],
}

const little = { name: 'bytes', configuration: { endian: 'little' } }

/** Data types whose elements are single bytes have no order of bytes (R-ZARR-03). */
const isBytewise = ({ kind, itemsize }) => kind === 'bytes' || (itemsize === 1 && kind !== 'text')

/** `data_type` of a document (R-ZARR-10). @param {import('./dtypes.js').DataType} dtype */
function dataType({ name, kind, itemsize, unit, step }) {
  if (kind === 'text')
    return { name: 'fixed_length_utf32', configuration: { length_bytes: itemsize } }
  if (kind === 'bytes')
    return { name: 'null_terminated_bytes', configuration: { length_bytes: itemsize } }
  if (kind !== 'datetime' && kind !== 'timedelta') return name
  return { name: `numpy.${kind}64`, configuration: { unit, scale_factor: step } }
}

/** `fill_value` of a document (R-ZARR-04). */
function zero({ kind }) {
  if (kind === 'bool') return false
  if (kind === 'complex') return [0, 0]
  return kind === 'text' || kind === 'bytes' ? '' : 0
}

/**
 * Make the document of an array (R-ZARR-01).
 *
 * @param {{shape: number[], dtype: import('./dtypes.js').DataType, split?: number, chunk: number,
 *   shard: number, codec: any}} array
 */
export function arrayDocument({ shape, dtype, split = 0, chunk, shard, codec }) {
  const grid = (rows) => shape.map((n, i) => (i < split ? 1 : i === split ? rows : n))
  const bytes = isBytewise(dtype) ? { name: 'bytes' } : little
  return {
    zarr_format: 3,
    node_type: 'array',
    shape,
    data_type: dataType(dtype),
    chunk_grid: { name: 'regular', configuration: { chunk_shape: grid(chunk * shard) } },
    chunk_key_encoding: { name: 'default', configuration: { separator: '/' } },
    fill_value: zero(dtype),
    codecs: [
      {
        name: 'sharding_indexed',
        configuration: {
          chunk_shape: grid(chunk),
          codecs: [bytes, ...COMPRESSION[codec.name](codec), { name: 'crc32c' }],
          index_codecs: [little, { name: 'crc32c' }],
          index_location: 'end',
        },
      },
    ],
    attributes: {},
  }
}

/** Make the document of a plain group (R-ZARR-05). */
export const groupDocument = () => ({ zarr_format: 3, node_type: 'group', attributes: {} })

/**
 * Make all documents of a layer, by their keys below it (R-ZARR-05, R-ZARR-06).
 *
 * @param {{kind: string, rows: number, columns: string[], arrays: Map<string, any>,
 *   tensors?: Record<string, any>, files?: Record<string, any>, alone?: boolean}} layer
 * @param {{step: number, write_id: string, below: string | null}} told `below`: path of the layer
 *   below
 * @returns {Map<string, any>}
 */
export function layerDocuments(layer, { step, write_id, below }) {
  /** @type {Record<string, any>} */
  const nodes = {}
  for (const [name, array] of layer.arrays) {
    nodes[name] = arrayDocument(array)
    const segments = name.split('/')
    for (let n = 1; n < segments.length; n++)
      nodes[segments.slice(0, n).join('/')] ??= groupDocument()
  }
  /** @type {Record<string, any>} */
  const attributes = { format: 'embzarr', version: 1, step, write_id, columns: layer.columns }
  for (const kind of layer.alone ? [] : ['tensors', 'files']) {
    if (Object.keys(layer[kind] ?? {}).length > 0) attributes[kind] = layer[kind]
  }
  if (layer.kind === 'delta') Object.assign(attributes, { kind: 'delta', rows: layer.rows, below })
  const documents = new Map(
    Object.entries(nodes).map(([path, node]) => [`${path}/zarr.json`, node]),
  )
  documents.set('zarr.json', {
    ...groupDocument(),
    attributes: { embzarr: attributes },
    ...(layer.alone
      ? {}
      : { consolidated_metadata: { kind: 'inline', must_understand: false, metadata: nodes } }),
  })
  return documents
}

const CONVENTION = '6d1c5fd6-6c0b-4c1e-9a5e-0d5a2e7b9c41'

/**
 * Tell whether a document may stand at the root of a store (R-ZARR-07).
 *
 * @param {any} document
 * @param {string} store
 * @returns {boolean}
 */
export function isRootDocument(document, store) {
  const { zarr_format: format, node_type: type, attributes } = document ?? {}
  const told = attributes?.embzarr
  const conventions = attributes?.zarr_conventions
  return (
    format === 3 &&
    type === 'group' &&
    told?.format === 'embzarr' &&
    told.version === 1 &&
    told.store === store &&
    Array.isArray(conventions) &&
    conventions.some((convention) => convention?.uuid === CONVENTION)
  )
}
