/**
 * Finding a commit (sections 15.1, 16, 17): the newest, one by number, by step or by tag.
 *
 * @module
 */
import { EmbzarrError, refuse } from './errors.js'
import { JSON_LIMITS } from './json.js'
import { commitKey, commitNumber, quarantineKey, tagKey, tagName } from './keys.js'
import { parseRecord, parseTag } from './manifest.js'
import { sha256 } from './sha256.js'

/**
 * A commit that was found, and the bytes that tell it.
 *
 * @typedef {object} Found
 * @property {import('./manifest.js').Checkpoint} manifest
 * @property {Uint8Array} bytes
 */

const WINDOW = 8
const LOOKS = 3
/** What is wrong with a manifest that does not hide the others where a step is looked for. */
const PASSED = new Set([
  'json-invalid',
  'json-duplicate-member',
  'json-number',
  'json-too-deep',
  'json-too-large',
  'manifest-invalid',
  'manifest-mismatch',
  'key-escapes-root',
  'chunk-range',
  'object-archived',
])

/**
 * The commits of a store, as they were when they were first asked for.
 */
export class History {
  /** @param {import('./store.js').Store} store */
  constructor(store) {
    this.store = store
    /** @type {{number: number, bytes: Uint8Array} | null} */
    this.hint = null
  }

  /**
   * Find the newest number, and read the hint on the way (R-HEAD-01 to R-HEAD-04, R-HEAD-08).
   *
   * @returns {Promise<{newest: number, numbers: number[] | null}>} `numbers`: those that are
   *   listed,
   *   falling; null on a store that cannot list. `newest` is 0 where there is no commit.
   */
  async look() {
    const [listed, hint] = await Promise.all([this.store.list('commits'), this.readHint()])
    this.hint = null
    if (listed === null) return { newest: await this.walk(hint), numbers: null }
    const sizes = new Map()
    for (const { key, size } of listed) {
      const number = commitNumber(key)
      if (number !== null) sizes.set(number, size)
    }
    const numbers = [...sizes.keys()].sort((a, b) => b - a)
    const newest = numbers[0] ?? 0
    if (hint === null || hint.number < newest) return { newest, numbers }
    // A listing may lag: what only the hint tells of counts where an object is found (section 16).
    const later = hint.number > newest
    const size = later ? await this.sizeOf(hint.number, true) : sizes.get(newest)
    if (later && size !== null) numbers.unshift(hint.number)
    if (size !== null && (Number.isNaN(size) || size === hint.bytes.length)) this.hint = hint
    return { newest: numbers[0] ?? 0, numbers }
  }

  /** Read `latest.json`; what is missing, damaged or refused is none (R-HEAD-03). */
  async readHint() {
    try {
      const bytes = await this.store.get('latest.json', JSON_LIMITS.manifest)
      if (bytes === null) return null
      const record = parseRecord(bytes, null, 'latest.json')
      return record.kind === 'tombstone' ? null : { number: record.commit, bytes }
    } catch (error) {
      if (error instanceof EmbzarrError && error.code !== 'store-failed') return null
      throw error
    }
  }

  /**
   * Walk a store that cannot list, to the number before the first that is missing (R-HEAD-04).
   *
   * @param {{number: number, bytes: Uint8Array} | null} hint
   */
  async walk(hint) {
    let last = hint?.number ?? 0
    // Whether the hint's own number is there is asked together with the numbers after it.
    let own = hint === null ? null : this.sizeOf(last, true)
    for (;;) {
      const ahead = Array.from({ length: last === 0 ? WINDOW : 2 }, (_, i) => last + 1 + i)
      const [size, ...sizes] = await Promise.all([
        own,
        ...ahead.map((number) => this.sizeOf(number, last > 0 || number > 1)),
      ])
      if (hint !== null && own !== null) {
        // A server that does not tell a size is believed: the number is there.
        const there = size !== null && (Number.isNaN(size) || size === hint.bytes.length)
        if (!there) return this.walk(null)
        this.hint = hint
        own = null
      }
      const gap = sizes.indexOf(null)
      last += gap === -1 ? sizes.length : gap
      if (gap !== -1) break
    }
    if (this.hint !== null && this.hint.number !== last) this.hint = null
    return last
  }

  /**
   * @param {number} number
   * @param {boolean} lenient whether an object that we may not see is missing (the note of section
   *   16)
   * @returns {Promise<number | null>}
   */
  async sizeOf(number, lenient) {
    try {
      return await this.store.size(commitKey(number))
    } catch (error) {
      if (lenient && error.code === 'access-denied') return null
      throw error
    }
  }

  /**
   * Read what stands at a number.
   *
   * @param {number} number
   * @returns {Promise<{record: ReturnType<typeof parseRecord>, bytes: Uint8Array} | null>}
   */
  async read(number) {
    const key = commitKey(number)
    const held = this.hint?.number === number ? this.hint.bytes : null
    const bytes = held ?? (await this.store.get(key, JSON_LIMITS.manifest))
    return bytes === null ? null : { record: parseRecord(bytes, number, key), bytes }
  }

  /**
   * Open the newest checkpoint.
   *
   * @returns {Promise<Found>}
   */
  async newest() {
    for (let look = 1; ; look++) {
      const { newest } = await this.look()
      if (newest === 0) refuse('checkpoint-missing', 'a commit', undefined, this.store.name)
      const found = await this.read(newest)
      if (found === null)
        refuse('object-missing', 'the newest commit', undefined, commitKey(newest))
      const { record, bytes } = found
      if (record.kind === 'checkpoint') return { manifest: record, bytes }
      if (record.kind === 'tombstone') {
        refuse('manifest-mismatch', 'a checkpoint or collection', 'a tombstone', commitKey(newest))
      }
      const { newest: named } = record
      if (named === null) refuse('checkpoint-missing', 'a checkpoint', undefined, this.store.name)
      const key = commitKey(named.commit)
      const there = await this.read(named.commit)
      if (there === null) refuse('commit-missing', 'the newest checkpoint', undefined, key)
      // A tombstone tells that there is a newer collection by now, so that we look anew (R-GC-15).
      if (there.record.kind === 'tombstone' && look < LOOKS) continue
      const same =
        there.record.kind === 'checkpoint' && (await sha256(there.bytes)) === named.sha256
      if (!same) refuse('manifest-mismatch', `identity ${named.sha256}`, there.record.kind, key)
      return { manifest: /** @type {any} */ (there.record), bytes: there.bytes }
    }
  }

  /**
   * Open a commit by its number (R-HEAD-06, R-GC-14).
   *
   * @param {number} number
   * @returns {Promise<Found>}
   */
  async commit(number) {
    if (!Number.isSafeInteger(number) || number < 1) {
      refuse('input-argument', 'a number from 1 on', number, 'commit')
    }
    const found = await this.read(number)
    if (found === null || found.record.kind === 'collection') {
      refuse(
        'commit-missing',
        `a checkpoint at number ${number}`,
        found?.record.kind,
        this.store.name,
      )
    }
    if (found.record.kind === 'tombstone') {
      refuse('commit-expired', 'a checkpoint', `expired by ${found.record.by}`, commitKey(number))
    }
    return { manifest: found.record, bytes: found.bytes }
  }

  /**
   * Open the commit that a tag names (section 17).
   *
   * @param {string} name
   * @returns {Promise<Found>}
   */
  async tag(name) {
    const key = tagKey(name)
    const bytes = await this.store.get(key, JSON_LIMITS.tag)
    if (bytes === null) refuse('tag-missing', `a tag ${name}`, undefined, this.store.name)
    const target = parseTag(bytes, key)
    const commit = await this.store.get(commitKey(target.commit), JSON_LIMITS.manifest)
    if (commit === null)
      refuse('commit-missing', `commit ${target.commit} of ${key}`, undefined, key)
    const identity = await sha256(commit)
    const { record, error } = attempt(() =>
      parseRecord(commit, target.commit, commitKey(target.commit)),
    )
    if (record?.kind === 'tombstone') {
      refuse('commit-expired', `commit ${target.commit}`, `expired by ${record.by}`, key)
    }
    if (identity !== target.sha256)
      refuse('tag-invalid', `identity ${target.sha256}`, identity, key)
    if (error) throw error
    if (record.kind !== 'checkpoint') refuse('commit-missing', 'a checkpoint', record.kind, key)
    return { manifest: record, bytes: commit }
  }

  /**
   * Open the checkpoint of a step (R-HEAD-07, R-QUA-04).
   *
   * @param {number} step
   * @returns {Promise<Found>}
   */
  async step(step) {
    if (!Number.isSafeInteger(step) || step < 0)
      refuse('input-argument', 'a number from 0 on', step, 'step')
    let marked = null
    let expired = null
    let unread = null
    for await (const commit of this.commits()) {
      unread ??= commit.error
      if (commit.record?.step !== step) continue
      if (commit.record.kind === 'tombstone') expired ??= commit
      if (commit.record.kind !== 'checkpoint') continue
      if (!(await commit.marked())) return { manifest: commit.record, bytes: commit.bytes }
      marked ??= commit
    }
    if (marked !== null) return { manifest: marked.record, bytes: marked.bytes }
    if (unread !== null) throw unread
    if (expired !== null)
      refuse('commit-expired', `step ${step}`, `expired by ${expired.record.by}`)
    return refuse('step-missing', `step ${step}`, undefined, this.store.name)
  }

  /**
   * Go through all commits, the newest first. Of one that is damaged or archived the record is
   * null;
   * so is its error if it is in quarantine. What a later version may have stored is thrown.
   *
   * @returns {AsyncGenerator<{number: number, record: any, bytes: Uint8Array, error: Error | null,
   *   marked: () => Promise<boolean>}>}
   */
  async *commits() {
    const { newest, numbers } = await this.look()
    const all = numbers ?? Array.from({ length: newest }, (_, i) => newest - i)
    for (let i = 0; i < all.length; i += WINDOW) {
      const window = all.slice(i, i + WINDOW)
      const reads = window.map((number) =>
        this.read(number).then(
          (found) => ({ found }),
          (error) => ({ error }),
        ),
      )
      for (let k = 0; k < window.length; k++) {
        const number = window[k]
        const { found, error = null } = /** @type {any} */ (await reads[k])
        const marked = () => this.marked(number)
        if (error === null && found !== null) yield { number, ...found, error, marked }
        if (error === null) continue
        if (!PASSED.has(error.code)) throw error
        const told = (await marked()) ? null : error
        yield { number, record: null, bytes: new Uint8Array(0), error: told, marked }
      }
    }
  }

  /** Tell whether a commit is in quarantine, whatever its record says (R-QUA-01). */
  async marked(number) {
    try {
      return (await this.store.size(quarantineKey(number))) !== null
    } catch (error) {
      if (error.code === 'access-denied') return false
      throw error
    }
  }

  /**
   * Read all tags; null on a store that cannot list.
   *
   * @returns {Promise<Map<string, number> | null>} commit numbers by name
   */
  async tags() {
    const listed = await this.store.list('tags')
    if (listed === null) return null
    const found = new Map()
    for (const { key } of listed) {
      const name = tagName(key)
      if (name === null) continue
      const bytes = await this.store.get(key, JSON_LIMITS.tag)
      if (bytes !== null) found.set(name, parseTag(bytes, key).commit)
    }
    return found
  }
}

/** @param {() => any} call */
function attempt(call) {
  try {
    return { record: call() }
  } catch (error) {
    if (error instanceof EmbzarrError) return { error }
    throw error
  }
}
