/**
 * Data types of columns (section 8), and what they are in JavaScript.
 *
 * @module
 */
import { refuse } from './errors.js'

/**
 * @typedef {object} DataType
 * @property {string} name as in a manifest
 * @property {number} itemsize bytes of one element
 * @property {string} kind `bool`, `int`, `uint`, `float`, `bfloat`, `complex`, `text`, `bytes`,
 *   `datetime` or `timedelta`
 * @property {string} [unit] of a time
 * @property {number} [step] how many of its unit one step of a time takes
 */

const NUMBERS =
  /^(bool|int8|int16|int32|int64|uint8|uint16|uint32|uint64|float16|float32|float64|bfloat16|complex64|complex128)$/
const TEXTS = /^([US])([1-9][0-9]{0,8})$/
const TIMES =
  /^(datetime64|timedelta64)\[([2-9]|[1-9][0-9]{1,8})?(Y|M|W|D|h|m|s|ms|us|ns|ps|fs|as)\]$/

/**
 * Read the name of a data type.
 *
 * @param {string} name
 * @param {string} [where]
 * @returns {DataType}
 * @throws `dtype-unsupported`
 */
export function parseDtype(name, where = '') {
  if (NUMBERS.test(name)) {
    const kind = name.replace(/[0-9]+$/, '')
    return { name, kind, itemsize: kind === 'bool' ? 1 : Number(name.slice(kind.length)) / 8 }
  }
  const text = TEXTS.exec(name)
  if (text !== null && name.length === text[0].length) {
    const n = Number(text[2])
    return text[1] === 'U'
      ? { name, kind: 'text', itemsize: 4 * n }
      : { name, kind: 'bytes', itemsize: n }
  }
  const time = TIMES.exec(name)
  if (time !== null) {
    const kind = time[1].slice(0, -2)
    return { name, kind, itemsize: 8, unit: time[3], step: Number(time[2] ?? 1) }
  }
  return refuse('dtype-unsupported', 'a data type of section 8', name, where)
}

/** Data types that `vectors` may have (R-LAY-05). */
export const VECTOR_TYPES = new Set(['float32', 'float16', 'bfloat16', 'float64'])

const ARRAYS = {
  bool: Uint8Array,
  int8: Int8Array,
  int16: Int16Array,
  int32: Int32Array,
  int64: BigInt64Array,
  uint8: Uint8Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
  uint64: BigUint64Array,
  float32: Float32Array,
  float64: Float64Array,
  complex64: Float32Array,
  complex128: Float64Array,
}

/**
 * Turn stored elements into JavaScript's.
 *
 * Numbers become the typed array of their kind; float16 and bfloat16 a Float32Array, which holds
 * all
 * of theirs; complex numbers pairs of real and imaginary part; bool the numbers 0 and 1; texts an
 * array of strings; bytes an array of Uint8Array without the zeros at the end; times a
 * BigInt64Array
 * of steps (see {@link toDate}).
 *
 * @param {DataType} dtype
 * @param {Uint8Array} bytes little-endian
 * @returns {ArrayLike<any>}
 * @throws `chunk-decode` for a character that is none (R-ARR-16)
 */
export function toValues(dtype, bytes) {
  const count = bytes.length / dtype.itemsize
  if (dtype.kind === 'text') return Array.from({ length: count }, (_, i) => textAt(dtype, bytes, i))
  if (dtype.kind === 'bytes')
    return Array.from({ length: count }, (_, i) => bytesAt(dtype, bytes, i))
  if (dtype.kind === 'datetime' || dtype.kind === 'timedelta') return typed(BigInt64Array, bytes)
  if (dtype.name === 'float16') return Float32Array.from(typed(Uint16Array, bytes), fromHalf)
  if (dtype.name === 'bfloat16') {
    const words = Uint32Array.from(typed(Uint16Array, bytes), (half) => half << 16)
    return new Float32Array(words.buffer)
  }
  return typed(ARRAYS[dtype.name], bytes)
}

const LITTLE = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1

/** A typed array over bytes, copied where they do not lie where it needs them. */
export function typed(Kind, bytes) {
  const size = Kind.BYTES_PER_ELEMENT
  if (!LITTLE && size > 1) {
    const turned = bytes.slice()
    for (let i = 0; i < turned.length; i += size) turned.subarray(i, i + size).reverse()
    return new Kind(turned.buffer)
  }
  const aligned = bytes.byteOffset % size === 0 ? bytes : bytes.slice()
  return new Kind(aligned.buffer, aligned.byteOffset, aligned.length / size)
}

function textAt(dtype, bytes, i) {
  const codes = typed(Uint32Array, bytes.subarray(i * dtype.itemsize, (i + 1) * dtype.itemsize))
  let n = codes.length
  while (n > 0 && codes[n - 1] === 0) n--
  let text = ''
  for (let k = 0; k < n; k++) {
    if (!isCharacter(codes[k])) refuse('chunk-decode', 'a Unicode character', codes[k], dtype.name)
    text += String.fromCodePoint(codes[k])
  }
  return text
}

function bytesAt(dtype, bytes, i) {
  let end = (i + 1) * dtype.itemsize
  while (end > i * dtype.itemsize && bytes[end - 1] === 0) end--
  return bytes.slice(i * dtype.itemsize, end)
}

/** @param {number} code */
const isCharacter = (code) => code <= 0x10ffff && (code < 0xd800 || code > 0xdfff)

/**
 * Refuse characters that are none (R-ARR-16); other data types have no wrong values.
 *
 * @param {DataType} dtype
 * @param {Uint8Array} bytes whole elements
 * @param {string} where
 * @throws `chunk-decode`
 */
export function checkValues(dtype, bytes, where) {
  if (dtype.kind !== 'text') return
  for (const code of typed(Uint32Array, bytes)) {
    if (!isCharacter(code)) refuse('chunk-decode', 'a Unicode character', code, where)
  }
}

const bits = new DataView(new ArrayBuffer(4))

/**
 * Widen a float16, given as its sixteen bits.
 *
 * @param {number} half
 * @returns {number}
 */
export function fromHalf(half) {
  const exponent = (half >> 10) & 31
  const fraction = half & 1023
  const sign = half & 0x8000 ? -1 : 1
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent < 31) return sign * (1024 + fraction) * 2 ** (exponent - 25)
  bits.setUint32(0, ((half & 0x8000) << 16) | 0x7f800000 | (fraction << 13))
  return bits.getFloat32(0)
}

/**
 * Round a float32 to float16, to nearest and ties to even.
 *
 * @param {number} value
 * @returns {number} sixteen bits
 */
export function toHalf(value) {
  bits.setFloat32(0, value)
  const word = bits.getUint32(0)
  const sign = (word >>> 16) & 0x8000
  const size = Math.abs(value)
  if (Number.isNaN(value)) return sign | 0x7e00 | ((word >>> 13) & 0x1ff)
  if (size >= 65520) return sign | 0x7c00
  if (size < 2 ** -14) return sign | evenly(size * 2 ** 24)
  const exponent = ((word >>> 23) & 255) - 127
  return sign | (((exponent + 14) << 10) + evenly(size * 2 ** (10 - exponent)))
}

/** Round to the nearest integer, ties to even. */
function evenly(value) {
  const floor = Math.floor(value)
  const rest = value - floor
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor
}

/**
 * Round a float32 to bfloat16, to nearest and ties to even.
 *
 * @param {number} value
 * @returns {number} sixteen bits
 */
export function toBfloat(value) {
  bits.setFloat32(0, value)
  const word = bits.getUint32(0)
  if (Number.isNaN(value)) return (word >>> 16) | 0x40
  return ((word + 0x7fff + ((word >>> 16) & 1)) >>> 16) & 0xffff
}

const MILLISECONDS = { W: 604800000, D: 86400000, h: 3600000, m: 60000, s: 1000, ms: 1 }
const FINER = { us: 3, ns: 6, ps: 9, fs: 12, as: 15 }

/**
 * Turn a `datetime64` into a Date, which knows milliseconds and no more.
 *
 * @param {DataType} dtype
 * @param {bigint} count steps since 1970
 * @returns {Date | null} null for no time at all (NaT); an invalid Date beyond what Date holds
 */
export function toDate(dtype, count) {
  if (count === -(2n ** 63n)) return null
  const steps = count * BigInt(dtype.step)
  if (dtype.unit === 'Y' || dtype.unit === 'M') {
    const months = Number(steps) * (dtype.unit === 'Y' ? 12 : 1)
    const date = new Date(0)
    date.setUTCFullYear(1970, months)
    return date
  }
  if (dtype.unit in MILLISECONDS) return new Date(Number(steps * BigInt(MILLISECONDS[dtype.unit])))
  const divisor = 10n ** BigInt(FINER[dtype.unit])
  const down = steps < 0n && steps % divisor !== 0n ? 1n : 0n
  return new Date(Number(steps / divisor - down))
}
