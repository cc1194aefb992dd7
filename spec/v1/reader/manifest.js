/**
 * What stands at `commits/<n>.json`: manifests, collections and tombstones (sections 7 and 15); and
 * tags and quarantine records (sections 17 and 18.1).
 *
 * @module
 */
import { refuse } from './errors.js'
import { JSON_LIMITS, parseJson, plain } from './json.js'
import { checkKey } from './keys.js'
import { checkChain, checkPages, parseLayer } from './layer.js'
import {
  anything,
  characters,
  checkMembers,
  demand,
  exactly,
  hex,
  integer,
  isObject,
  list,
  named,
  object,
  orNull,
  string,
  time,
  underCode,
} from './members.js'
import { compareBytes, encodeUtf8 } from './text.js'

/**
 * @typedef {object} Checkpoint
 * @property {'checkpoint'} kind
 * @property {string} store
 * @property {number} commit
 * @property {string} write_id
 * @property {{commit: number, sha256: string} | null} parent
 * @property {number} step
 * @property {string} created
 * @property {string} writer
 * @property {import('./layer.js').LayerInfo[]} layers
 * @property {any} metadata
 * @property {any} model null where there is none
 */

/**
 * @typedef {object} Collection
 * @property {'collection'} kind
 * @property {string} store
 * @property {number} commit
 * @property {{commit: number, sha256: string} | null} newest
 * @property {string[]} revokes
 * @property {number[]} expires
 */

/**
 * @typedef {object} Tombstone
 * @property {'tombstone'} kind
 * @property {number} commit
 * @property {string} was
 * @property {number | null} step
 * @property {string} sha256
 * @property {number} by
 */

const MAX_METADATA = 16 * 1024 * 1024

/** Members that all three kinds of record have. */
const COMMON = {
  format: exactly('embzarr'),
  version: integer(1, 1),
  store: hex(32),
  commit: integer(1),
  write_id: hex(32),
  kind: string,
}

/** @type {import('./members.js').Table} */
const MANIFEST = {
  required: {
    ...COMMON,
    parent: orNull(named),
    step: integer(),
    created: time,
    writer: characters(256),
    layers: list(anything, 1, 64),
    metadata: (value, where) => demand(isObject(value), 'an object', value, where),
  },
  optional: { model: (value, where) => demand(isObject(value), 'an object', value, where) },
  open: true,
}

const COLLECTION = {
  required: {
    ...COMMON,
    commit: integer(2),
    parent: named,
    created: time,
    writer: characters(256),
    newest: orNull(named),
    revokes: list(string),
    expires: list(integer(1)),
    expired: list(list(integer(1), 2, 2)),
  },
  open: true,
}

const TOMBSTONE = {
  required: {
    ...COMMON,
    was: characters(64),
    step: orNull(integer()),
    sha256: hex(64),
    by: integer(1),
  },
  open: true,
}

/**
 * Read what stands at a commit's key.
 *
 * @param {Uint8Array} bytes
 * @param {number | null} number the one in the key; null where there is none to compare with
 * @param {string} [where]
 * @returns {Checkpoint | Collection | Tombstone}
 */
export function parseRecord(bytes, number, where = 'manifest') {
  const value = parseJson(bytes, JSON_LIMITS.manifest, where)
  demand(isObject(value) && value.format === 'embzarr', 'an object of format embzarr', value, where)
  if (typeof value.version === 'number' && value.version > 1) {
    refuse('version-unsupported', 'version 1', value.version, where)
  }
  const { kind } = value
  const parse = { full: manifest, delta: manifest, collect: collection, expired: tombstone }
  const known = typeof kind === 'string' && Object.hasOwn(parse, kind)
  if (typeof kind === 'string' && !known) {
    refuse('feature-unsupported', Object.keys(parse).join(', '), kind, where)
  }
  const record = (known ? parse[kind] : manifest)(value, bytes.length, where)
  if (number !== null && record.commit !== number) {
    refuse('manifest-mismatch', `commit ${number}`, record.commit, where)
  }
  return record
}

/**
 * Read a manifest, and nothing else that may stand at a commit's key.
 *
 * @param {Uint8Array} bytes
 * @param {string} [where]
 * @returns {Checkpoint}
 */
export function parseManifest(bytes, where = 'manifest') {
  const record = parseRecordOfKind(bytes, where)
  return /** @type {Checkpoint} */ (record)
}

function parseRecordOfKind(bytes, where) {
  const value = parseJson(bytes, JSON_LIMITS.manifest, where)
  if (
    isObject(value) &&
    value.format === 'embzarr' &&
    value.version === 1 &&
    ['collect', 'expired'].includes(value.kind)
  ) {
    refuse('feature-unsupported', 'a manifest', value.kind, where)
  }
  return parseRecord(bytes, null, where)
}

function manifest(value, size, where) {
  checkMembers(value, MANIFEST, where)
  checkParent(value, where)
  checkMetadata(value.metadata, size, `${where}.metadata`)
  if (Object.hasOwn(value, 'model')) checkMetadata(value.model, size, `${where}.model`)
  const layers = value.layers.map((layer, i) => parseLayer(layer, `layers[${i}]`))
  const kind = layers.length === 1 ? 'full' : 'delta'
  demand(value.kind === kind, `kind ${kind}`, value.kind, where)
  checkChain(layers)
  checkPages(layers)
  const copies = layers.flatMap((layer) => [...layer.arrays.values()])
  const copied = copies.reduce((sum, { data }) => sum + (data === null ? 0 : data.length), 0)
  demand(copied <= 512 * 1024, 'at most 512 KiB of data', copied, where)
  const { store, commit, write_id, parent, step, created, writer } = value
  return {
    kind: 'checkpoint',
    store,
    commit,
    write_id,
    parent,
    step,
    created,
    writer,
    layers,
    metadata: plain(value.metadata),
    model: Object.hasOwn(value, 'model') ? plain(value.model) : null,
  }
}

function checkParent({ commit, parent }, where) {
  if (commit === 1) demand(parent === null, 'no parent of commit 1', parent, where)
  else
    demand(parent !== null && parent.commit === commit - 1, `parent ${commit - 1}`, parent, where)
}

function checkMetadata(metadata, size, where) {
  if (size <= MAX_METADATA) return
  const bytes = encodeUtf8(JSON.stringify(plain(metadata))).length
  demand(bytes <= MAX_METADATA, 'at most 16 MiB of JSON', bytes, where)
}

function collection(value, size, where) {
  checkMembers(value, COLLECTION, where)
  checkParent(value, where)
  const { store, commit, newest, revokes, expires, expired } = value
  for (const path of revokes) {
    checkKey(path, `${where}.revokes`)
    demand(path.startsWith('steps/'), 'a key below steps/', path, `${where}.revokes`)
  }
  const names = revokes.map(encodeUtf8)
  names.forEach((name, i) => {
    demand(i === 0 || compareBytes(names[i - 1], name) < 0, 'folders that rise', revokes[i], where)
  })
  expires.forEach((n, i) => {
    demand(
      n < commit && (i === 0 || n > expires[i - 1]),
      'numbers that rise',
      n,
      `${where}.expires`,
    )
  })
  let last = 0
  for (const [from, to] of expired) {
    demand(
      from > last && to >= from && to < commit,
      'runs that rise',
      [from, to],
      `${where}.expired`,
    )
    last = to
  }
  for (const n of expires) {
    const again = expired.some(([from, to]) => n >= from && n <= to)
    demand(!again, 'numbers that had not expired', n, `${where}.expires`)
  }
  return { kind: 'collection', store, commit, newest, revokes, expires }
}

function tombstone(value, size, where) {
  checkMembers(value, TOMBSTONE, where)
  const { commit, was, step, sha256, by } = value
  demand(by > commit, `a number after ${commit}`, by, `${where}.by`)
  return { kind: 'tombstone', commit, was, step, sha256, by }
}

const TAG = { required: { format: exactly('embzarr'), version: integer(1, 1), target: named } }

/**
 * Read a tag.
 *
 * @param {Uint8Array} bytes
 * @param {string} [where]
 * @returns {{commit: number, sha256: string}} the commit that it names, and its identity
 * @throws `tag-invalid`
 */
export function parseTag(bytes, where = 'tag') {
  const value = parseJson(bytes, JSON_LIMITS.tag, where)
  underCode('tag-invalid', () => checkMembers(value, TAG, where))
  return { commit: value.target.commit, sha256: value.target.sha256 }
}

const MARK = {
  required: {
    format: exactly('embzarr'),
    version: integer(1, 1),
    commit: integer(1),
    sha256: hex(64),
    created: time,
    writer: characters(256),
    faults: list(object({ required: { code: string, key: string } }), 0, 1000),
  },
}

/**
 * Read a quarantine record.
 *
 * @param {Uint8Array} bytes
 * @param {string} [where]
 * @returns {{commit: number, sha256: string, faults: {code: string, key: string}[]}}
 * @throws `quarantine-invalid`
 */
export function parseMark(bytes, where = 'quarantine record') {
  const value = parseJson(bytes, JSON_LIMITS.quarantine, where)
  underCode('quarantine-invalid', () => checkMembers(value, MARK, where))
  return plain({ commit: value.commit, sha256: value.sha256, faults: value.faults })
}
