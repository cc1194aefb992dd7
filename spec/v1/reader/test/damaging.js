/**
 * Random damage to frozen stores, and what must come of it: no wrong data, and nothing but typed
 * errors.
 *
 * @module
 */
import { EmbzarrError, memoryStore, open } from '../index.js'
import { sha256 } from '../sha256.js'
import { toHex } from './stores.js'

/** A small generator of numbers from 0 up to 1 (mulberry32). */
function randomFrom(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Damage of one object: its new bytes, or null where it is lost. */
const DAMAGES = {
  flip: (bytes, below) => change(bytes, below(bytes.length), (byte) => byte ^ (1 << below(8))),
  replace: (bytes, below) => change(bytes, below(bytes.length), () => below(256)),
  several: (bytes, below) => {
    const made = bytes.slice()
    for (let n = 2 + below(20); n > 0; n--) made[below(made.length)] = below(256)
    return made
  },
  zeros: (bytes, below) => {
    const made = bytes.slice()
    const from = below(made.length)
    return made.fill(0, from, from + 1 + below(64))
  },
  swap: (bytes, below) => {
    const made = bytes.slice()
    const [a, b] = [below(made.length), below(made.length)]
    const held = made[a]
    made[a] = made[b]
    made[b] = held
    return made
  },
  truncate: (bytes, below) => bytes.slice(0, below(bytes.length)),
  extend: (bytes, below) => Uint8Array.from([...bytes, ...bytes.slice(0, 1 + below(16))]),
  remove: () => null,
}

function change(bytes, at, how) {
  const made = bytes.slice()
  if (made.length > 0) made[at] = how(made[at])
  return made
}

/** What a checkpoint must give, and how to ask for it. */
function questions(told) {
  return [...questionsOfTable(told), ...questionsOfNames(told)]
}

/** Tensors and files, each by itself and in part, and all tensors together. */
function questionsOfNames({ tensors = {}, files = {} }) {
  const asked = []
  const give = async (bytes, { hex }) => (hex === undefined ? sha256(bytes) : toHex(bytes))
  const wanted = (told) => told.hex ?? told.sha256
  for (const [name, told] of Object.entries(tensors)) {
    const read = async (checkpoint) => give((await checkpoint.tensor(name)).bytes, told)
    asked.push([`tensor ${name}`, read, wanted(told)])
    if (told.hex === undefined || !(told.shape[0] > 0)) continue
    const part = async (checkpoint) => {
      return toHex((await checkpoint.tensor(name, { start: told.shape[0] - 1 })).bytes)
    }
    const row = told.hex.length / told.shape[0]
    asked.push([`last of ${name}`, part, told.hex.slice(told.hex.length - row)])
  }
  for (const [name, told] of Object.entries(files)) {
    const read = async (checkpoint) => give(await checkpoint.file(name), told)
    asked.push([`file ${name}`, read, wanted(told)])
    if (told.hex === undefined) continue
    const part = async (checkpoint) => toHex(await checkpoint.file(name, { start: 1 }))
    if (told.size > 0) asked.push([`end of file ${name}`, part, told.hex.slice(2)])
  }
  const together = async (checkpoint) => {
    const found = await checkpoint.loadTensors(Object.keys(tensors))
    return Promise.all([...found].map(([name, { bytes }]) => give(bytes, tensors[name])))
  }
  if (Object.keys(tensors).length > 0) {
    asked.push(['all tensors', together, Object.values(tensors).map(wanted)])
  }
  return asked
}

function questionsOfTable(told) {
  if (Object.keys(told.columns).length === 0) return []
  const asked = [
    ['words', (checkpoint) => checkpoint.words(), told.words],
    [
      'rowsOf',
      (checkpoint) => checkpoint.rowsOf([...told.words, ...told.missing]),
      [...told.words.keys(), ...told.missing.map(() => null)],
    ],
    [
      'prefixes',
      async (checkpoint) => {
        const found = {}
        for (const prefix of Object.keys(told.prefixes)) {
          found[prefix] = (await checkpoint.prefix(prefix)).map(({ word }) => word)
        }
        return found
      },
      told.prefixes,
    ],
  ]
  for (const [name, column] of Object.entries(told.columns)) {
    const give = async (read) => {
      const { bytes } = (await read)[name]
      return column.hex === undefined ? sha256(bytes) : toHex(bytes)
    }
    const columns = [name]
    const wanted = column.hex ?? column.sha256
    asked.push([
      `rows of ${name}`,
      (checkpoint) => give(checkpoint.loadRows(0, told.rows, { columns })),
      wanted,
    ])
    asked.push([
      `words of ${name}`,
      (checkpoint) => give(checkpoint.load(told.words, { columns })),
      wanted,
    ])
  }
  return asked
}

/** Damages stores and counts what comes of it. */
export class Damaging {
  /** @param {{name: string, expected: any, objects: Map<string, Uint8Array>}[]} stores */
  constructor(stores) {
    this.stores = stores
    this.counts = { damages: 0, answers: 0, errors: 0, unnoticed: 0, wrong: 0 }
    /** @type {Record<string, number>} */
    this.codes = {}
    /** @type {string[]} What is wrong, with all that is needed to see it again; the first of it. */
    this.told = []
  }

  wrong(told) {
    this.counts.wrong++
    if (this.told.length < 20) this.told.push(told)
  }

  /** Ask, and give what came: an answer, or the code of a typed error. */
  async ask(call, told) {
    try {
      const found = await call()
      this.counts.answers++
      return { found }
    } catch (error) {
      this.counts.errors++
      if (!(error instanceof EmbzarrError)) this.wrong(`${told}: ${error?.stack ?? error}`)
      else this.codes[error.code] = (this.codes[error.code] ?? 0) + 1
      return { code: error.code ?? 'untyped' }
    }
  }

  /**
   * Read all of a damaged store.
   *
   * @param {Map<string, Uint8Array>} objects
   * @param {any} expected
   * @param {string[]} keys of the damaged objects
   * @param {string} told
   */
  async examine(objects, expected, keys, told) {
    const store = memoryStore(objects, { lists: this.counts.damages % 2 === 0 })
    // A manifest is trusted only by whoever holds its digest (section 22), as a tag does.
    const trusted = keys.every((key) => !key.startsWith('commits/') && key !== 'latest.json')
    let noticed = false
    for (const commit of expected.commits) {
      const { found: checkpoint, code } = await this.ask(
        () => open(store, { commit: commit.commit }),
        told,
      )
      noticed ||= code !== undefined
      if (checkpoint === undefined) continue
      for (const [name, call, wanted] of questions(commit)) {
        const { found, code: failed } = await this.ask(() => call(checkpoint), `${told} ${name}`)
        noticed ||= failed !== undefined
        if (failed === undefined && trusted && JSON.stringify(found) !== JSON.stringify(wanted)) {
          this.wrong(`${told}: commit ${commit.commit}: wrong ${name}`)
        }
      }
      const { found: problems } = await this.ask(() => checkpoint.verify(), `${told} verify`)
      noticed ||= problems === undefined || problems.length > 0
    }
    await this.ask(() => open(store), told)
    await this.ask(() => open(store, { step: expected.commits[0].step }), told)
    for (const [tag, commit] of Object.entries(expected.tags)) {
      const { found } = await this.ask(() => open(store, { tag }), told)
      const same = found === undefined || found.commit === commit
      if (!same) this.wrong(`${told}: tag ${tag} gives commit ${found?.commit}`)
      const manifest = `commits/${String(commit).padStart(20, '0')}.json`
      if (found !== undefined && keys.includes(manifest)) {
        this.wrong(`${told}: tag ${tag} opens a damaged manifest`)
      }
    }
    // Every byte of a layer has a digest, receipts excepted: its loss must be told.
    if (!noticed && keys.some((key) => key.startsWith('steps/') && isListed(objects, key)))
      this.wrong(`${told}: not noticed`)
    if (!noticed) this.counts.unnoticed++
  }

  /**
   * Do so many damages; each depends on the seed and its number alone.
   *
   * @param {number} count
   * @param {number} seed
   */
  async run(count, seed) {
    for (let n = 0; this.counts.damages < count; n++) {
      const random = randomFrom(seed * 1000003 + n)
      const below = (limit) => Math.floor(random() * limit)
      const { name, expected, objects } = this.stores[below(this.stores.length)]
      const damaged = new Map(objects)
      const told = []
      // One damage in most cases, two in some: errors meet each other then.
      for (let left = below(4) === 0 ? 2 : 1; left > 0; left--) {
        const keys = [...objects.keys()]
        const key = keys[below(keys.length)]
        const kinds = Object.keys(DAMAGES)
        const kind = kinds[below(kinds.length)]
        const before = objects.get(key)
        const after = DAMAGES[kind](before, below)
        if (after !== null && isSame(after, before)) continue
        if (after === null) damaged.delete(key)
        else damaged.set(key, after)
        told.push({ kind, key })
      }
      if (told.length === 0) continue
      this.counts.damages++
      const shown = told.map(({ kind, key }) => `${kind} of ${key}`).join(', ')
      await this.examine(
        damaged,
        expected,
        told.map(({ key }) => key),
        `seed ${seed} number ${n}: ${shown} in ${name}`,
      )
    }
    return { ...this.counts, codes: this.codes, told: this.told }
  }
}

function isSame(a, b) {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}

function isListed(objects, key) {
  const decoder = new TextDecoder()
  const [, folder] = /^(steps\/[^/]+)\/(?!parts\/)/.exec(key) ?? []
  return [...objects].some(
    ([name, bytes]) =>
      name.startsWith('commits/') &&
      folder !== undefined &&
      decoder.decode(bytes).includes(`"${folder}"`),
  )
}
