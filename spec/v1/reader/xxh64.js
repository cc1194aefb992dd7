/**
 * XXH64 (seed 0), in pairs of 32-bit halves: BigInt would make a new object for every step.
 *
 * @module
 */
import { encodeWord } from './text.js'

/** @typedef {[number, number]} Pair upper and lower half, each from 0 to 2^32 - 1 */

/** @type {Pair[]} */
const [P1, P2, P3, P4, P5] = [
  [0x9e3779b1, 0x85ebca87],
  [0xc2b2ae3d, 0x27d4eb4f],
  [0x165667b1, 0x9e3779f9],
  [0x85ebca77, 0xc2b2ae63],
  [0x27d4eb2f, 0x165667c5],
]

/** @type {(a: Pair, b: Pair) => Pair} */
const add = (a, b) => {
  const low = a[1] + b[1]
  return [(a[0] + b[0] + (low > 0xffffffff ? 1 : 0)) >>> 0, low >>> 0]
}

/** @type {(a: Pair, b: Pair) => Pair} */
const xor = (a, b) => [(a[0] ^ b[0]) >>> 0, (a[1] ^ b[1]) >>> 0]

/** @type {(a: Pair, b: Pair) => Pair} */
const multiply = (a, b) => {
  const a0 = a[1] & 0xffff
  const a1 = a[1] >>> 16
  const b0 = b[1] & 0xffff
  const b1 = b[1] >>> 16
  const middle = a1 * b0 + ((a0 * b0) >>> 16)
  const cross = (middle & 0xffff) + a0 * b1
  const high = a1 * b1 + Math.floor(middle / 65536) + Math.floor(cross / 65536)
  const upper = (high + Math.imul(a[1], b[0]) + Math.imul(a[0], b[1])) >>> 0
  return [upper, Math.imul(a[1], b[1]) >>> 0]
}

/** @type {(a: Pair, n: number) => Pair} */
const turn = ([high, low], n) => {
  if (n >= 32) [high, low, n] = [low, high, n - 32]
  if (n === 0) return [high, low]
  return [((high << n) | (low >>> (32 - n))) >>> 0, ((low << n) | (high >>> (32 - n))) >>> 0]
}

/** @type {(a: Pair, n: number) => Pair} */
const shifted = ([high, low], n) => {
  if (n >= 32) return [0, high >>> (n - 32)]
  return [high >>> n, ((low >>> n) | (high << (32 - n))) >>> 0]
}

/** @type {(lane: Pair, input: Pair) => Pair} */
const round = (lane, input) => multiply(turn(add(lane, multiply(input, P2)), 31), P1)

/** @type {(hash: Pair, lane: Pair) => Pair} */
const merge = (hash, lane) => add(multiply(xor(hash, round([0, 0], lane)), P1), P4)

/**
 * Hash bytes.
 *
 * @param {Uint8Array} bytes
 * @returns {Pair}
 */
function hash(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  /** @type {(i: number) => Pair} */
  const eight = (i) => [view.getUint32(i + 4, true), view.getUint32(i, true)]
  const n = bytes.length
  let at = 0
  /** @type {Pair} */
  let h = P5
  if (n >= 32) {
    const minus = xor([0xffffffff, 0xffffffff], P1)
    const lanes = [add(P1, P2), P2, /** @type {Pair} */ ([0, 0]), add(minus, [0, 1])]
    for (; at + 32 <= n; at += 32) {
      for (let i = 0; i < 4; i++) lanes[i] = round(lanes[i], eight(at + 8 * i))
    }
    h = [1, 7, 12, 18].map((by, i) => turn(lanes[i], by)).reduce(add)
    h = lanes.reduce(merge, h)
  }
  h = add(h, [Math.floor(n / 2 ** 32), n >>> 0])
  for (; at + 8 <= n; at += 8) {
    h = add(multiply(turn(xor(h, round([0, 0], eight(at))), 27), P1), P4)
  }
  if (at + 4 <= n) {
    h = add(multiply(turn(xor(h, multiply([0, view.getUint32(at, true)], P1)), 23), P2), P3)
    at += 4
  }
  for (; at < n; at++) h = multiply(turn(xor(h, multiply([0, bytes[at]], P5)), 11), P1)
  h = multiply(xor(h, shifted(h, 33)), P2)
  h = multiply(xor(h, shifted(h, 29)), P3)
  return xor(h, shifted(h, 32))
}

/**
 * Hash bytes with XXH64 and seed 0.
 *
 * @param {Uint8Array} bytes
 * @returns {string} 16 hexadecimal digits
 */
export const xxh64 = (bytes) =>
  hash(bytes)
    .map((half) => half.toString(16).padStart(8, '0'))
    .join('')

/**
 * Find the group of a text among `groups` (R-PLC-01).
 *
 * @param {string} text
 * @param {number} groups from 1 to 65,536
 * @returns {number}
 */
export function groupOf(text, groups) {
  const [high, low] = hash(encodeWord(text))
  return ((high % groups) * (2 ** 32 % groups) + (low % groups)) % groups
}
