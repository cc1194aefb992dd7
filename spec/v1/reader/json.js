/**
 * JSON as section 6 wants it read: no member twice, no lone surrogates, bounded depth and numbers.
 *
 * @module
 */
import { refuse } from './errors.js'
import { decodeUtf8, hasLoneSurrogate } from './text.js'

const MIB = 1024 * 1024

/** The most bytes of each kind of document (R-JSON-05). */
export const JSON_LIMITS = Object.freeze({
  manifest: 64 * MIB,
  tag: 64 * 1024,
  quarantine: MIB,
  page: 8 * MIB,
  zarr: 16 * MIB,
})
const MAX_DEPTH = 32
const MAX_INTEGER = Number.MAX_SAFE_INTEGER

/**
 * A number that was written with a fraction or an exponent, and so is no integer: `1.0` is not `1`.
 */
export class Real {
  /** @param {number} value */
  constructor(value) {
    this.value = value
  }
}

/**
 * Parse one JSON text. Objects have no prototype, so that no name is special; integers are numbers,
 * all other numbers are {@link Real}.
 *
 * @param {Uint8Array} bytes
 * @param {number} limit most bytes
 * @param {string} [where] key of the object, for messages
 * @returns {any}
 * @throws `json-invalid`, `json-duplicate-member`, `json-too-deep`, `json-number`, `json-too-large`
 */
export function parseJson(bytes, limit, where = '') {
  if (bytes.length > limit) refuse('json-too-large', `at most ${limit} bytes`, bytes.length, where)
  const text = decodeUtf8(bytes)
  if (text === null) refuse('json-invalid', 'UTF-8', undefined, where)
  return new Parser(text, where).whole()
}

/**
 * Turn what {@link parseJson} gives into ordinary values, for callers.
 *
 * @param {any} value
 * @returns {any}
 */
export function plain(value) {
  if (value instanceof Real) return value.value
  if (Array.isArray(value)) return value.map(plain)
  if (value === null || typeof value !== 'object') return value
  const copy = {}
  for (const [name, member] of Object.entries(value)) {
    Object.defineProperty(copy, name, {
      value: plain(member),
      enumerable: true,
      writable: true,
      configurable: true,
    })
  }
  return copy
}

/**
 * Tell whether two values are equal as JSON values (section 9); 1 and 1.0 are.
 *
 * @param {any} a
 * @param {any} b
 * @returns {boolean}
 */
export function equalJson(a, b) {
  if (a instanceof Real) return equalJson(a.value, b)
  if (b instanceof Real) return equalJson(a, b.value)
  if (a === b) return true
  if (a === null || b === null || typeof a !== 'object' || typeof b !== 'object') return false
  if (Array.isArray(a) !== Array.isArray(b)) return false
  const names = Object.keys(a)
  if (names.length !== Object.keys(b).length) return false
  return names.every((name) => Object.hasOwn(b, name) && equalJson(a[name], b[name]))
}

const SPACE = /[ \t\n\r]*/y
const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y
const PLAIN = /[^"\\\u0000-\u001f]*/y
const WORDS = [
  ['true', true],
  ['false', false],
  ['null', null],
]
const NOT_NUMBERS = ['NaN', 'Infinity', '-Infinity']
const ESCAPES = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
}

class Parser {
  /**
   * @param {string} text
   * @param {string} where
   */
  constructor(text, where) {
    this.text = text
    this.where = where
    this.at = 0
  }

  whole() {
    const value = this.value(0)
    this.skip()
    if (this.at < this.text.length) this.fail('one JSON text')
    return value
  }

  fail(expected) {
    const found = this.text.slice(this.at, this.at + 20)
    refuse('json-invalid', expected, found, `${this.where} at character ${this.at}`)
  }

  skip() {
    SPACE.lastIndex = this.at
    SPACE.test(this.text)
    this.at = SPACE.lastIndex
  }

  /** Take a character if it comes next. */
  take(character) {
    if (this.text[this.at] !== character) return false
    this.at++
    return true
  }

  value(depth) {
    this.skip()
    const first = this.text[this.at]
    if (first === '"') return this.string()
    if (first === '{' || first === '[') {
      if (depth >= MAX_DEPTH) {
        refuse(
          'json-too-deep',
          `at most ${MAX_DEPTH} arrays and objects, one in the other`,
          undefined,
          this.where,
        )
      }
      this.at++
      return first === '{' ? this.object(depth + 1) : this.array(depth + 1)
    }
    for (const [word, value] of WORDS) if (this.word(word)) return value
    for (const word of NOT_NUMBERS) {
      if (this.word(word)) refuse('json-number', 'a finite number', word, this.where)
    }
    return this.number()
  }

  word(word) {
    if (!this.text.startsWith(word, this.at)) return false
    this.at += word.length
    return true
  }

  array(depth) {
    const items = []
    this.skip()
    if (this.take(']')) return items
    for (;;) {
      items.push(this.value(depth))
      this.skip()
      if (this.take(']')) return items
      if (!this.take(',')) this.fail('"," or "]"')
    }
  }

  object(depth) {
    const members = Object.create(null)
    this.skip()
    if (this.take('}')) return members
    for (;;) {
      this.skip()
      if (this.text[this.at] !== '"') this.fail('a name in quotes')
      const name = this.string()
      if (name in members) refuse('json-duplicate-member', 'every name once', name, this.where)
      this.skip()
      if (!this.take(':')) this.fail('":"')
      members[name] = this.value(depth)
      this.skip()
      if (this.take('}')) return members
      if (!this.take(',')) this.fail('"," or "}"')
    }
  }

  string() {
    this.at++
    let text = ''
    let escaped = false
    for (;;) {
      PLAIN.lastIndex = this.at
      PLAIN.test(this.text)
      text += this.text.slice(this.at, PLAIN.lastIndex)
      this.at = PLAIN.lastIndex
      if (this.take('"')) break
      if (!this.take('\\')) this.fail('a character of a string')
      text += this.escape()
      escaped = true
    }
    if (escaped && hasLoneSurrogate(text)) refuse('json-invalid', 'Unicode text', text, this.where)
    return text
  }

  escape() {
    const letter = this.text[this.at]
    if (letter !== 'u') {
      if (!Object.hasOwn(ESCAPES, letter ?? '')) this.fail('an escape')
      this.at++
      return ESCAPES[letter]
    }
    const digits = this.text.slice(this.at + 1, this.at + 5)
    if (!/^[0-9a-fA-F]{4}$/.test(digits)) this.fail('four hexadecimal digits')
    this.at += 5
    return String.fromCharCode(parseInt(digits, 16))
  }

  number() {
    NUMBER.lastIndex = this.at
    const match = NUMBER.exec(this.text)
    if (match === null) this.fail('a JSON value')
    this.at = NUMBER.lastIndex
    const value = Number(match[0])
    const integer = match[1] === undefined && match[2] === undefined
    const sound = integer ? Math.abs(value) <= MAX_INTEGER : Number.isFinite(value)
    if (!sound) {
      refuse(
        'json-number',
        'an integer up to 2^53 - 1, or a double',
        match[0].slice(0, 40),
        this.where,
      )
    }
    return integer ? value : new Real(value)
  }
}
