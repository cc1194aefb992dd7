/**
 * SHA-256 (FIPS 180-4): by WebCrypto, or by own code where that is missing (a page over plain HTTP)
 * or where an object is read piece by piece, which WebCrypto cannot do.
 *
 * @module
 */

/**
 * Compute the SHA-256 of bytes.
 *
 * @param {Uint8Array} bytes
 * @returns {Promise<string>} 64 hexadecimal digits, lower-case
 */
export async function sha256(bytes) {
  const subtle = globalThis.crypto?.subtle
  if (subtle === undefined) return new Sha256().update(bytes).hex()
  return hexadecimal(new Uint8Array(await subtle.digest('SHA-256', /** @type {any} */ (bytes))))
}

/** @param {Uint8Array} bytes */
const hexadecimal = (bytes) => Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('')

/**
 * The first 32 bits of the fractional parts of the roots of the first primes, as the standard has
 * it.
 */
function fractions(count, root) {
  const found = []
  for (let n = 2; found.length < count; n++) {
    let prime = true
    for (let d = 2; d * d <= n; d++) if (n % d === 0) prime = false
    if (prime) found.push(Math.floor((root(n) % 1) * 2 ** 32))
  }
  return found
}
const K = Int32Array.from(fractions(64, Math.cbrt))
const START = fractions(8, Math.sqrt)

/** A SHA-256 that is fed piece by piece. */
export class Sha256 {
  constructor() {
    this.state = Int32Array.from(START)
    this.rest = new Uint8Array(64)
    this.held = 0
    this.length = 0
    this.schedule = new Int32Array(64)
  }

  /**
   * Take further bytes.
   *
   * @param {Uint8Array} bytes
   * @returns {this}
   */
  update(bytes) {
    this.length += bytes.length
    let at = 0
    if (this.held > 0) {
      at = Math.min(64 - this.held, bytes.length)
      this.rest.set(bytes.subarray(0, at), this.held)
      this.held += at
      if (this.held < 64) return this
      this.block(this.rest, 0)
    }
    for (; at + 64 <= bytes.length; at += 64) this.block(bytes, at)
    this.rest.set(bytes.subarray(at))
    this.held = bytes.length - at
    return this
  }

  /**
   * End, and give the digest.
   *
   * @returns {string}
   */
  hex() {
    const bits = this.length * 8
    const tail = new Uint8Array(this.held < 56 ? 64 - this.held : 128 - this.held)
    tail[0] = 0x80
    const view = new DataView(tail.buffer)
    view.setUint32(tail.length - 8, Math.floor(bits / 2 ** 32))
    view.setUint32(tail.length - 4, bits % 2 ** 32)
    this.update(tail)
    return Array.from(this.state, (word) => (word >>> 0).toString(16).padStart(8, '0')).join('')
  }

  /**
   * @param {Uint8Array} bytes
   * @param {number} at
   */
  block(bytes, at) {
    const w = this.schedule
    for (let i = 0; i < 16; i++, at += 4) {
      w[i] = (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]
    }
    for (let i = 16; i < 64; i++) {
      const x = w[i - 15]
      const y = w[i - 2]
      const s0 = turn(x, 7) ^ turn(x, 18) ^ (x >>> 3)
      const s1 = turn(y, 17) ^ turn(y, 19) ^ (y >>> 10)
      w[i] = w[i - 16] + s0 + w[i - 7] + s1
    }
    const s = this.state
    let a = s[0],
      b = s[1],
      c = s[2],
      d = s[3],
      e = s[4],
      f = s[5],
      g = s[6],
      h = s[7]
    for (let i = 0; i < 64; i++) {
      const s1 = turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)
      const t1 = (h + s1 + ((e & f) ^ (~e & g)) + K[i] + w[i]) | 0
      const s0 = turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)
      const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0
      h = g
      g = f
      f = e
      e = (d + t1) | 0
      d = c
      c = b
      b = a
      a = (t1 + t2) | 0
    }
    const sum = [a, b, c, d, e, f, g, h]
    for (let i = 0; i < 8; i++) this.state[i] += sum[i]
  }
}

/** @param {number} x @param {number} n */
const turn = (x, n) => (x >>> n) | (x << (32 - n))
