/**
 * The fixtures that concern readers and verifiers, and how each is run.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { checkChunkCase } from './fixture-chunks.js'
import { parseDtype } from '../dtypes.js'
import { arrayDocument, groupDocument, isRootDocument, layerDocuments } from '../documents.js'
import { partOf } from '../grid.js'
import { Real, equalJson, parseJson, plain } from '../json.js'
import {
  checkKey,
  commitKey,
  commitNumber,
  isColumnName,
  layerPath,
  shardKey,
  tableName,
  tagKey,
  tagName,
} from '../keys.js'
import { Block, blockOf, blocksOfRange } from '../lookup.js'
import { parseManifest, parseMark, parseRecord, parseTag } from '../manifest.js'
import { crc32c } from '../crc32c.js'
import { sha256 } from '../sha256.js'
import { compareBytes, encodeUtf8, encodeWord, prefixEnd } from '../text.js'
import { checkOffsets, cutWords } from '../words.js'
import { groupOf, xxh64 } from '../xxh64.js'
import { applyPatch, repeatTexts } from './patch.js'
import { toHex } from './stores.js'

/** @param {string} hex */
export const fromHex = (hex) => Uint8Array.from(Buffer.from(hex, 'hex'))

/** The bytes of a text or of hexadecimal digits. */
const bytesOf = ({ text, hex }) => (text === undefined ? fromHex(hex) : encodeUtf8(text))

/** Write what a patch made: numbers with a fraction stay such (1.0 is not 1). */
function write(value) {
  if (value instanceof Real) {
    const text = String(value.value)
    return /[.e]/.test(text) ? text : `${text}.0`
  }
  if (Array.isArray(value)) return `[${value.map(write).join(',')}]`
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  return `{${Object.entries(value)
    .map(([k, v]) => `${JSON.stringify(k)}:${write(v)}`)
    .join(',')}}`
}

const recordBytes = ({ patch, text, repeat = [] }, base) => {
  return encodeUtf8(text === undefined ? write(repeatTexts(applyPatch(base, patch), repeat)) : text)
}

/** The bytes of a text, or of one that blanks follow. */
const withBlanks = (input) => {
  return encodeUtf8(typeof input === 'string' ? input : input.text + ' '.repeat(input.blanks))
}

function manifest(input, base) {
  const { commit, step, layers } = parseManifest(recordBytes(input, base))
  const [first] = layers
  const vectors = first.arrays.get('vectors')
  const appended = layers.slice(1).some(({ words }) => words > 0)
  const { kind, groups } = appended ? { kind: 'given', groups: 0 } : first.placement
  return {
    commit,
    step,
    rows: layers.at(-1).rows,
    dim: vectors?.shape[1] ?? 0,
    dtype: vectors?.dtype.name ?? null,
    columns: first.columns,
    placement: groups ? `${kind}:${groups}` : kind,
  }
}

function record(input, base) {
  const found = parseRecord(recordBytes(input, base), null)
  if (found.kind === 'collection') {
    const { expires, revokes, newest } = found
    return {
      kind: 'collection',
      number: found.commit,
      expires,
      revokes,
      newest: newest?.commit ?? null,
    }
  }
  const kinds = { full: 'checkpoint', delta: 'checkpoint', collect: 'collection' }
  return {
    kind: kinds[found.was] ?? 'unknown',
    number: found.commit,
    step: found.step,
    by: found.by,
  }
}

const lookup = {
  decode: ({ hex, block_bytes: size, rows }) => {
    const bytes = new Uint8Array(size)
    bytes.set(fromHex(hex))
    const block = new Block(bytes, 0, rows)
    const words = Array.from({ length: block.count }, (_, i) =>
      Buffer.from(block.word(i)).toString(),
    )
    return { words, rows: [...block.rows] }
  },
  block_of: ({ fences, word }) => blockOf(fences.map(encodeUtf8), encodeUtf8(word)),
  blocks_of_range: ({ fences, first, last }) => {
    return blocksOfRange(
      fences.map(encodeUtf8),
      encodeUtf8(first),
      last === null ? null : encodeUtf8(last),
    )
  },
  prefix_end: (input) => {
    const end = prefixEnd(fromHex(input))
    return end === null ? null : toHex(end)
  },
}

/**
 * By file and operation: what gives the output; operations that are not here are not a reader's.
 */
const OPERATIONS = {
  'keys.json': {
    commit_key: commitKey,
    commit_number: commitNumber,
    tag_key: tagKey,
    tag_name: tagName,
    layer_path: ({ step, write_id: id }) => layerPath(step, id),
    table_array: tableName,
    shard_key: ({ array, shard, rank }) => shardKey(array, shard, rank),
    is_column_name: isColumnName,
    check_key: (key) => checkKey(key),
  },
  'json.json': {
    parse: (input) => parseJson(bytesOf(input), plain(input.max_bytes)),
  },
  'digest.json': {
    crc32c: (input) => crc32c(fromHex(input)),
    crc32c_bytes: (input) => toHex(new Uint8Array(Uint32Array.of(crc32c(fromHex(input))).buffer)),
    sha256: (input) => sha256(fromHex(input)),
  },
  'placement.json': {
    xxh64: (input) => xxh64(typeof input === 'string' ? encodeUtf8(input) : bytesOf(input)),
    group: ({ text, groups }) => groupOf(text, groups),
    part_by_rows: ({ rows, index, parts }) => partOf(index, parts, { rows }),
    part_by_groups: ({ groups, starts, index, parts }) => partOf(index, parts, { groups, starts }),
  },
  'words.json': {
    decode: ({ data, offsets }) => {
      const bytes = fromHex(data)
      checkOffsets(offsets, { length: bytes.length, first: true, last: true }, 'offsets')
      return { words: cutWords(bytes, offsets, 0) }
    },
    sort: ({ words }) => {
      const bytes = words.map(encodeWord)
      return bytes.map((_, i) => i).sort((a, b) => compareBytes(bytes[a], bytes[b]))
    },
  },
  'lookup.json': lookup,
  'chunk-index.json': checkChunkCase,
  'plan.json': checkChunkCase,
  'shards.json': checkChunkCase,
  'zarr.json': {
    array: (input) => arrayDocument({ ...input, dtype: parseDtype(input.dtype) }),
    group: groupDocument,
    root: ({ store }, output) => (isRootDocument(output, store) ? output : null),
    layer: (input) => {
      const arrays = Object.entries(input.arrays).map(([name, array]) => {
        return [name, { ...array, dtype: parseDtype(array.dtype) }]
      })
      return Object.fromEntries(
        layerDocuments({ ...input, arrays: new Map(arrays) }, { below: null, ...input }),
      )
    },
  },
  'tags.json': { tag: (input) => parseTag(withBlanks(input)) },
  'quarantine.json': {
    mark: (input) => {
      const { commit, sha256: digest, faults } = parseMark(withBlanks(input))
      return { commit, sha256: digest, faults: faults.length }
    },
  },
  'manifest.json': { manifest },
  'manifest-errors.json': { manifest },
  'collections.json': { record },
}

/**
 * Give all cases that concern readers and verifiers.
 *
 * @param {(name: string) => Promise<Uint8Array>} read a file of the fixtures
 * @param {(name: string, test: () => Promise<void>, requirement: string[]) => void} take a case
 * @param {() => void} skip a case that is not a reader's
 */
export async function takeFixtures(read, take, skip) {
  for (const [file, operations] of Object.entries(OPERATIONS)) {
    const bytes = await read(file)
    // Fixtures are nested deeper than a document of a store may be, so that they are read by the
    // platform
    // where no number with a fraction matters.
    const exact =
      file === 'json.json'
        ? JSON.parse(Buffer.from(bytes).toString())
        : parseJson(bytes, 2 ** 30, file)
    for (const test of exact.cases) {
      const operation = operations[test.operation]
      if (operation === undefined) skip()
      else {
        const call = () => check(operation, test, exact.base)
        take(`${file} ${test.name}`, call, plain(test.requirement))
      }
    }
  }
}

async function check(operation, test, base) {
  const input = base === undefined ? plain(test.input) : test.input
  const call = async () => operation(input, base ?? test.output)
  if (test.error !== undefined) {
    await assert.rejects(call, (error) => {
      assert.equal(error.code, test.error, error.stack)
      return true
    })
    return
  }
  const found = await call()
  const same = equalJson(found ?? null, test.output)
  if (!same) assert.deepEqual(plain(found), plain(test.output))
}
