/**
 * Reading a checkpoint.
 *
 * @module
 */
import { refuse } from './errors.js'
import { partOf } from './grid.js'
import { ColumnReader } from './layers.js'
import { NamedReader } from './named.js'
import { withContents } from './pages.js'
import { Pool, all } from './reading.js'
import { compareBytes, decodeUtf8, encodeWord, prefixEnd } from './text.js'
import { verify } from './verify.js'
import { LayerWords } from './words.js'

/**
 * @typedef {import('./layers.js').Column} Column
 */

/** The state of a table, of tensors and of files at one step. */
export class Checkpoint {
  /**
   * @param {import('./store.js').Store} store
   * @param {import('./history.js').Found} found
   */
  constructor(store, { manifest, bytes }) {
    const [base] = manifest.layers
    const newest = manifest.layers[manifest.layers.length - 1]
    const appended = manifest.layers.slice(1).some((layer) => layer.words > 0)
    this.store = store
    this.manifest = manifest
    /** Layers as the manifest has them, without what pages hold. */
    this.committed = manifest.layers
    /** The manifest's bytes, whose SHA-256 is the identity of the commit. */
    this.bytes = bytes
    this.commit = manifest.commit
    this.step = manifest.step
    this.created = manifest.created
    this.writer = manifest.writer
    this.metadata = manifest.metadata
    /** What makes a model of tensors and files: any JSON; null where there is none. */
    this.model = manifest.model
    this.rows = newest.rows
    /** Numbers in a vector; 0 where there is no table. */
    this.dim = base.columns.length === 0 ? 0 : base.arrays.get('vectors').shape[1]
    /** @type {string[]} */
    this.columns = base.columns
    this.placement = appended ? { kind: 'given', groups: 0, starts: [] } : base.placement
    this.pool = new Pool()
    this.layerWords = manifest.layers
      .filter((layer) => layer.words > 0)
      .map((layer) => new LayerWords(store, this.pool, layer))
    this.namedReader = new NamedReader(store, this.pool, manifest.layers)
    /** What is known of each tensor before it is read, by name. */
    this.tensors = this.namedReader.tensorInfos()
    /** What is known of each file before it is read, by name. */
    this.files = this.namedReader.fileInfos()
    /** Why pages of tensors and files could not be read; null where they could. */
    this.unread = null
    /** @type {Map<string, ColumnReader>} */
    this.readers = new Map()
  }

  /**
   * Open a checkpoint, of whose tensors and files pages may tell (section 7.10).
   *
   * @param {import('./store.js').Store} store
   * @param {import('./history.js').Found} found
   * @returns {Promise<Checkpoint>}
   */
  static async open(store, { manifest, bytes }) {
    let [layers, unread] = [manifest.layers, null]
    try {
      layers = await withContents(store, layers)
    } catch (error) {
      unread = error // words and rows need no page
    }
    const checkpoint = new Checkpoint(store, { manifest: { ...manifest, layers }, bytes })
    return Object.assign(checkpoint, { unread, committed: manifest.layers })
  }

  /** Tensors and files. @throws what kept a page of them from being read */
  get named() {
    if (this.unread !== null) throw this.unread
    return this.namedReader
  }

  /**
   * Read one word's vector.
   *
   * @param {string} word
   * @returns {Promise<ArrayLike<number>>} `dim` numbers
   * @throws `word-missing`; `table-missing`, as all that reads words or rows
   */
  async get(word) {
    return (await this.load([word])).vectors.data
  }

  /**
   * Read rows of words.
   *
   * @param {string[]} words
   * @param {{columns?: string[]}} [options]
   * @returns {Promise<Record<string, Column>>} by column, in the order of `words`
   * @throws `word-missing` for a word that no row has
   */
  async load(words, { columns = ['vectors'] } = {}) {
    this.checkTable()
    const readers = this.columnReaders(columns)
    if (words.length > 0) for (const reader of readers) reader.warm()
    const rows = await this.rowsOf(words)
    const missing = rows.indexOf(null)
    if (missing !== -1) refuse('word-missing', 'a word that a row has', words[missing])
    return this.read(readers, /** @type {number[]} */ (rows))
  }

  /**
   * Read the rows `[start, stop)`.
   *
   * @param {number} start
   * @param {number} stop
   * @param {{columns?: string[]}} [options]
   * @returns {Promise<Record<string, Column>>}
   */
  async loadRows(start, stop, { columns = ['vectors'] } = {}) {
    this.checkTable()
    this.checkRange(start, stop, this.rows)
    return this.read(this.columnReaders(columns), range(start, stop))
  }

  /**
   * Find the rows of part `index` of `parts`, which several readers share out among them.
   *
   * @param {number} index from 0
   * @param {number} parts
   * @param {{by?: 'rows' | 'groups'}} [options] `groups`: so that no group of the placement is cut
   * @returns {[number, number]}
   */
  part(index, parts, { by = 'rows' } = {}) {
    const sound =
      Number.isSafeInteger(index) && Number.isSafeInteger(parts) && index >= 0 && index < parts
    if (!sound) refuse('input-argument', 'a part from 0 on, below `parts`', [index, parts], 'part')
    if (by === 'rows') return partOf(index, parts, { rows: this.rows })
    if (this.placement.groups === 0)
      refuse('input-argument', 'a placement with groups', this.placement.kind)
    return partOf(index, parts, this.placement)
  }

  async read(readers, rows) {
    const found = await all(readers.map((reader) => reader.read(rows)))
    return Object.fromEntries(readers.map((reader, i) => [reader.name, found[i]]))
  }

  /**
   * Find the rows of words.
   *
   * @param {string[]} words
   * @returns {Promise<(number | null)[]>} null for a word that no row has
   */
  async rowsOf(words) {
    this.checkTable()
    const wanted = words.map(encodeWord)
    const answers = this.layerWords.map((layer) => layer.rowsOf(wanted))
    for (const answer of answers.flat()) answer.catch(() => {})
    return Promise.all(
      wanted.map(async (_, i) => {
        let failed
        for (const answer of answers) {
          try {
            const row = await answer[i]
            if (row !== null) return row
          } catch (error) {
            failed ??= error
          }
        }
        // A word is missing only if no layer has it, so that each must have been asked.
        if (failed !== undefined) throw failed
        return null
      }),
    )
  }

  /**
   * Read the words of the rows `[start, stop)`, in row order.
   *
   * @param {number} [start]
   * @param {number} [stop]
   * @returns {Promise<string[]>}
   */
  async words(start = 0, stop = this.rows) {
    this.checkTable()
    this.checkRange(start, stop, this.rows)
    const parts = this.layerWords.map(async (layer) => {
      const from = Math.max(start, layer.first) - layer.first
      const to = Math.min(stop, layer.first + layer.layer.words) - layer.first
      return from < to ? layer.read(from, to) : []
    })
    return (await all(parts)).flat()
  }

  /**
   * Find words that begin with a text, in byte order.
   *
   * @param {string} prefix
   * @param {{limit?: number}} [options]
   * @returns {Promise<{word: string, row: number}[]>}
   */
  async prefix(prefix, { limit = Infinity } = {}) {
    const first = encodeWord(prefix)
    return this.between(first, prefixEnd(first), limit)
  }

  /**
   * Find the words of a range `[first, last)`, in byte order.
   *
   * @param {string} first
   * @param {string | null} [last] null for no end
   * @param {{limit?: number}} [options]
   * @returns {Promise<{word: string, row: number}[]>}
   */
  async range(first, last = null, { limit = Infinity } = {}) {
    return this.between(encodeWord(first), last === null ? null : encodeWord(last), limit)
  }

  async between(first, last, limit) {
    this.checkTable()
    const found = await all(
      this.layerWords.map(async (layer) => {
        const words = []
        for await (const entry of layer.range(first, last)) {
          if (words.length >= limit) break
          words.push(entry)
        }
        return words
      }),
    )
    return found
      .flat()
      .sort((a, b) => compareBytes(a.word, b.word))
      .slice(0, limit)
      .map(({ word, row }) => ({ word: /** @type {string} */ (decodeUtf8(word)), row }))
  }

  /**
   * Read a tensor, or the range `[start, stop)` of its first dimension.
   *
   * @param {string} name
   * @param {{start?: number, stop?: number}} [range] all of it, if nothing is told
   * @returns {Promise<import('./named.js').Tensor>}
   * @throws `tensor-missing`
   */
  async tensor(name, range) {
    if (range !== undefined) return this.named.tensorRange(name, range)
    return (await this.named.loadTensors([name]))[0]
  }

  /**
   * Read several tensors; small ones that lie near each other with one request.
   *
   * @param {string[]} [names] all, if none are told
   * @returns {Promise<Map<string, import('./named.js').Tensor>>} by name
   * @throws `tensor-missing`
   */
  async loadTensors(names = [...this.tensors.keys()]) {
    const found = await this.named.loadTensors(names)
    return new Map(names.map((name, i) => [name, found[i]]))
  }

  /**
   * Read a file, or the range `[start, stop)` of its bytes. All of them have the SHA-256 that was
   * recorded; of a range that cannot be told.
   *
   * @param {string} name
   * @param {{start?: number, stop?: number}} [range]
   * @returns {Promise<Uint8Array>}
   * @throws `file-missing`, `file-digest`
   */
  async file(name, range = {}) {
    return this.named.fileRange(name, range)
  }

  /**
   * Read several files whole; small ones that lie near each other with one request.
   *
   * @param {string[]} [names] all, if none are told
   * @returns {Promise<Map<string, Uint8Array>>} by name
   * @throws `file-missing`, `file-digest`
   */
  async loadFiles(names = [...this.files.keys()]) {
    const found = await this.named.loadFiles(names)
    return new Map(names.map((name, i) => [name, found[i]]))
  }

  /**
   * Read all that the commit names, and tell every problem (section 18).
   *
   * @param {import('./verify.js').VerifyOptions} [options]
   * @returns {Promise<import('./verify.js').Problem[]>} none for a sound checkpoint
   */
  verify(options) {
    return verify(this, options)
  }

  /** @param {string[]} names @returns {ColumnReader[]} */
  columnReaders(names) {
    return names.map((name) => {
      if (!this.columns.includes(name))
        refuse('input-argument', this.columns.join(', '), name, 'column')
      let reader = this.readers.get(name)
      if (reader === undefined) {
        reader = new ColumnReader(this.store, this.pool, this.manifest.layers, name)
        this.readers.set(name, reader)
      }
      return reader
    })
  }

  /** Refuse what needs words or rows where there are none (R-TEN-08). */
  checkTable() {
    if (this.columns.length === 0) refuse('table-missing', 'a checkpoint with a table')
  }

  checkRange(start, stop, most) {
    const sound =
      Number.isSafeInteger(start) &&
      Number.isSafeInteger(stop) &&
      start >= 0 &&
      start <= stop &&
      stop <= most
    if (!sound) refuse('input-argument', `a range from 0 to ${most}`, [start, stop], 'rows')
  }
}

/** @param {number} start @param {number} stop @returns {Float64Array} */
function range(start, stop) {
  try {
    return Float64Array.from({ length: stop - start }, (_, i) => start + i)
  } catch {
    return refuse('input-argument', 'a range that fits into memory', stop - start, 'rows')
  }
}
