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
  assert.deepEqual(await checkpoint.words(), words)
  assert.deepEqual(checkpoint.columns, Object.keys(told.columns))
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
  const { operation, code, key, chunk } = expected
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

const openNamed = (store, { tag, commit, step }) => open(store, { tag, commit, step })

async function load(store, { words, rows, vocabulary, columns }) {
  let checkpoint
  try {
    checkpoint = await open(store)
  } catch (error) {
    throw new Error('the store must open', { cause: error })
  }
  if (vocabulary) return checkpoint.words()
  if (words) return checkpoint.load(words, { columns })
  return checkpoint.loadRows(rows[0], rows[1], { columns })
}
