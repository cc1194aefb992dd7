/**
 * Errors that carry a code of the specification (section 19).
 *
 * @module
 */

/**
 * What went wrong, in the specification's words: `code`, and what was expected, found and where.
 */
export class EmbzarrError extends Error {
  /**
   * @param {string} code a code of section 19
   * @param {{expected?: string, found?: unknown, where?: string, cause?: unknown}} told
   */
  constructor(code, { expected = '', found, where = '', cause } = {}) {
    const parts = [
      expected && `expected ${expected}`,
      found !== undefined && `found ${show(found)}`,
    ]
    const told = parts.filter(Boolean).join(', ')
    super(`${code}: ${told}${where && ` (${where})`}`, cause === undefined ? undefined : { cause })
    this.name = 'EmbzarrError'
    this.code = code
    this.expected = expected
    this.found = found
    this.where = where
  }
}

/**
 * Throw an {@link EmbzarrError}.
 *
 * @param {string} code
 * @param {string} expected
 * @param {unknown} [found]
 * @param {string} [where]
 * @returns {never}
 */
export function refuse(code, expected, found, where = '') {
  throw new EmbzarrError(code, { expected, found, where })
}

/**
 * Make room for what a caller asked for.
 *
 * @param {number} bytes
 * @returns {Uint8Array}
 * @throws `input-argument` where there is no such room
 */
export function allocate(bytes) {
  try {
    return new Uint8Array(bytes)
  } catch {
    return refuse('input-argument', 'a part that fits into memory', `${bytes} bytes`)
  }
}

/**
 * Write a value for a message: short, and with nothing in it that a terminal or a page acts upon.
 *
 * @param {unknown} value
 * @returns {string}
 */
export function show(value) {
  let text
  try {
    text = JSON.stringify(value) ?? String(value)
  } catch {
    text = String(value)
  }
  const plain = text.replace(/[^\x20-\x7e\xa1-\u1fff\u2c00-\ud7ff]/g, (c) => {
    return `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
  return plain.length > 80 ? `${plain.slice(0, 77)}...` : plain
}
