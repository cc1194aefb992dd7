/**
 * What frozen and broken stores must give.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { History, open } from '../index.js'
import { sha256 } from '../sha256.js'

/** @param {Uint8Array} bytes */
export const toHex = (bytes) =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')

/**
 * Check a frozen store against what it is known to hold.
 *
 * @param {import('../store.js').Store} store
 * @param {any} expected of its EXPECTED.json
 */
export async function checkFrozen(store, expected) {
  for (const told of expected.commits) {
    const checkpoint = await open(store, { commit: told.commit })
    await checkCommit(checkpoint, told)
    await checkNamed(checkpoint, told)
    assert.deepEqual(await checkpoint.verify(), [])
  }
  const newest = Math.max(...expected.commits.map(({ commit }) => commit))
  assert.equal((await open(store)).commit, newest)
  for (const step of new Set(expected.commits.map((told) => told.step))) {
    const commits = expected.commits
      .filter((told) => told.step === step)
      .map(({ commit }) => commit)
    assert.equal((await open(store, { step })).commit, Math.max(...commits))
  }
  for (const [tag, commit] of Object.entries(expected.tags)) {
    assert.equal((await open(store, { tag })).commit, commit)
  }
  const tags = await new History(store).tags()
  if (tags !== null) assert.deepEqual(Object.fromEntries(tags), expected.tags)
}

async function checkCommit(checkpoint, told) {
  const { step, rows, metadata, words } = told
  const { kind, groups } = checkpoint.placement
  assert.equal(groups ? `${kind}:${groups}` : kind, told.placement)
  assert.deepEqual({ step: checkpoint.step, rows: checkpoint.rows }, { step, rows })
  assert.deepEqual(checkpoint.metadata, metadata)
  assert.deepEqual(checkpoint.model, told.model ?? null)
  assert.deepEqual(checkpoint.columns, Object.keys(told.columns))
  if (checkpoint.columns.length === 0) {
    await checkNoTable(checkpoint)
    return
  }
  assert.deepEqual(await checkpoint.words(), words)
  for (const [name, column] of Object.entries(told.columns)) {
    await checkColumn(checkpoint, name, column, words)
  }
  for (const range of told.ranges) {
    const found = await checkpoint.range(range.first, range.last)
    assert.deepEqual(
      found.map(({ word }) => word),
      range.words,
    )
  }
  for (const [prefix, wanted] of Object.entries(told.prefixes)) {
    const found = await checkpoint.prefix(prefix)
    assert.deepEqual(
      found,
      wanted.map((word) => ({ word, row: words.indexOf(word) })),
    )
  }
  assert.deepEqual(
    await checkpoint.rowsOf(told.missing),
    told.missing.map(() => null),
  )
}

/** Who asks for words or rows is told that there is no table (R-TEN-08). */
async function checkNoTable(checkpoint) {
  const asked = [
    () => checkpoint.get('the'),
    () => checkpoint.load([]),
    () => checkpoint.loadRows(0, 0),
    () => checkpoint.rowsOf(['the']),
    () => checkpoint.words(),
    () => checkpoint.prefix('t'),
    () => checkpoint.range('a', null),
  ]
  for (const call of asked) await refuses(call, 'table-missing')
}

const refuses = (call, code) =>
  assert.rejects(call, (error) => {
    assert.equal(error.code, code, error.stack)
    return true
  })

/** Tensors and files, whole and in part. */
async function checkNamed(checkpoint, { tensors = {}, files = {} }) {
  const names = Object.keys(tensors)
  assert.deepEqual([...checkpoint.tensors.keys()].sort(), [...names].sort())
  assert.deepEqual([...checkpoint.files.keys()].sort(), Object.keys(files).sort())
  const together = await checkpoint.loadTensors()
  for (const name of names) await checkTensor(checkpoint, name, tensors[name], together.get(name))
  const read = await checkpoint.loadFiles()
  for (const [name, told] of Object.entries(files)) {
    await checkFile(checkpoint, name, told, read.get(name))
  }
  await refuses(() => checkpoint.tensor('no such tensor'), 'tensor-missing')
  await refuses(() => checkpoint.tensor('no such tensor', { start: 0 }), 'tensor-missing')
  await refuses(() => checkpoint.file('no such file'), 'file-missing')
  await checkRequests(checkpoint)
}

async function checkTensor(checkpoint, name, told, together) {
  const { dtype, shape, hex, sha256: digest, type = null } = told
  const whole = await checkpoint.tensor(name)
  const info = checkpoint.tensors.get(name)
  for (const found of [whole, info, together]) {
    assert.deepEqual([found.dtype.name, found.shape, found.type], [dtype, shape, type])
  }
  const { bytes } = whole
  assert.equal(toHex(together.bytes), toHex(bytes))
  assert.equal(info.nbytes, bytes.length)
  if (hex === undefined) assert.equal(await sha256(bytes), digest)
  else assert.equal(toHex(bytes), hex)
  const numbers = shape.reduce((product, n) => product * n, 1)
  assert.equal(whole.data.length, dtype.startsWith('complex') ? 2 * numbers : numbers)
  if (shape.length === 0) {
    await refuses(() => checkpoint.tensor(name, { start: 0 }), 'input-argument')
    return
  }
  const [length] = shape
  const width = length === 0 ? 0 : bytes.length / length
  for (const [start, stop] of rangesOf(length)) {
    const part = await checkpoint.tensor(name, { start, stop })
    assert.deepEqual(part.shape, [stop - start, ...shape.slice(1)])
    assert.equal(toHex(part.bytes), toHex(bytes.subarray(start * width, stop * width)))
  }
  await refuses(() => checkpoint.tensor(name, { start: 0, stop: length + 1 }), 'input-argument')
}

async function checkFile(checkpoint, name, { size, sha256: digest, hex }, together) {
  const whole = await checkpoint.file(name)
  const info = checkpoint.files.get(name)
  assert.deepEqual([info.size, info.sha256], [size, digest])
  assert.equal(await sha256(whole), digest)
  assert.equal(toHex(together), toHex(whole))
  if (hex !== undefined) assert.equal(toHex(whole), hex)
  for (const [start, stop] of rangesOf(size)) {
    const part = await checkpoint.file(name, { start, stop })
    assert.equal(toHex(part), toHex(whole.subarray(start, stop)))
  }
  await refuses(() => checkpoint.file(name, { start: 1, stop: 0 }), 'input-argument')
}

/** Ranges of a length: none, all, the ends, and some within. @param {number} length */
function rangesOf(length) {
  const [third, half] = [Math.floor(length / 3), Math.ceil(length / 2)]
  return [
    [0, 0],
    [length, length],
    [0, length],
    [0, half],
    [third, half],
    [half, length],
  ]
}

/** Small tensors of one array, which here lie near each other, take one request together. */
async function checkRequests({ store, commit, named }) {
  const small = [...named.tensors].filter(([, { entry }]) => entry.start !== undefined)
  const arrays = new Set(small.map(([, { layer, entry }]) => `${layer.path}/${entry.array}`))
  let requests = 0
  const range = (key, start, length) => {
    requests++
    return store.range(key, start, length)
  }
  const counting = await open({ ...store, range }, { commit })
  requests = 0
  await counting.loadTensors(small.map(([name]) => name))
  assert.equal(requests <= arrays.size, true, `${requests} requests for ${arrays.size} arrays`)
}

async function checkColumn(checkpoint, name, { dtype, shape, hex, sha256: digest }, words) {
  const columns = [name]
  const whole = (await checkpoint.loadRows(0, checkpoint.rows, { columns }))[name]
  assert.equal(whole.dtype.name, dtype)
  assert.deepEqual(whole.shape, shape)
  if (hex === undefined) assert.equal(await sha256(whole.bytes), digest)
  else assert.equal(toHex(whole.bytes), hex)
  const width = words.length === 0 ? 0 : whole.bytes.length / words.length
  const backwards = [...words].reverse()
  const byWord = (await checkpoint.load(backwards, { columns }))[name]
  for (let i = 0; i < words.length; i++) {
    const at = words.length - 1 - i
    const row = byWord.bytes.subarray(at * width, (at + 1) * width)
    assert.equal(toHex(row), toHex(whole.bytes.subarray(i * width, (i + 1) * width)))
  }
  assert.equal(byWord.data.length, whole.data.length)
  const [from, to] = [Math.floor(words.length / 3), Math.ceil(words.length / 2)]
  const part = (await checkpoint.loadRows(from, to, { columns }))[name]
  assert.equal(toHex(part.bytes), toHex(whole.bytes.subarray(from * width, to * width)))
}

/**
 * Check that a broken store ends as it must.
 *
 * @param {import('../store.js').Store} store
 * @param {any} expected of its EXPECTED.json
 */
export async function checkBroken(store, expected) {
  const { operation, code, key, chunk, output } = expected
  if (output !== undefined) {
    await checkBorne(store, expected)
    return
  }
  if (operation === 'verify') {
    const found = await (await open(store)).verify()
    const wanted = chunk === undefined ? { code, key } : { code, key, chunk }
    const told = found.map((problem) =>
      Object.fromEntries(Object.keys(wanted).map((name) => [name, problem[name]])),
    )
    assert.deepEqual(told, [wanted])
    return
  }
  await assert.rejects(
    operation === 'open' ? openNamed(store, expected) : load(store, expected),
    (error) => {
      assert.equal(error.code, code, error.stack)
      return true
    },
  )
}

/** Check that a store is read all the same, by listing or without. */
async function checkBorne(store, expected) {
  if (expected.operation === 'load') {
    const { vectors } = await load(store, expected)
    assert.equal(toHex(vectors.bytes), expected.output)
    return
  }
  for (const one of [store, { ...store, list: async () => null }]) {
    const { commit, step } = await openNamed(one, expected)
    assert.deepEqual({ commit, step }, expected.output)
  }
}

const openNamed = (store, { tag, commit, step }) => open(store, { tag, commit, step })

async function load(store, { words, rows, vocabulary, columns, tensors, files }) {
  let checkpoint
  try {
    checkpoint = await open(store)
  } catch (error) {
    throw new Error('the store must open', { cause: error })
  }
  if (tensors) return checkpoint.loadTensors(tensors)
  if (files) return checkpoint.loadFiles(files)
  if (vocabulary) return checkpoint.words()
  if (words) return checkpoint.load(words, { columns })
  return checkpoint.loadRows(rows[0], rows[1], { columns })
}
