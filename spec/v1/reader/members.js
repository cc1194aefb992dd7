/**
 * Checks of members of JSON objects: their presence, type and limits (section 7.5).
 *
 * @module
 */
import { refuse } from './errors.js'
import { Real } from './json.js'

/**
 * @callback Check
 * @param {any} value
 * @param {string} where
 * @returns {void}
 */

/**
 * A table of an object's members.
 *
 * @typedef {object} Table
 * @property {Record<string, Check>} required
 * @property {Record<string, Check>} [optional]
 * @property {boolean} [open] whether members that may be ignored may stand beside these (R-MAN-04)
 */

/** The code for what breaks a table. */
let code = 'manifest-invalid'

/**
 * Run checks under another code than `manifest-invalid`.
 *
 * @template T
 * @param {string} other
 * @param {() => T} check
 * @returns {T}
 */
export function underCode(other, check) {
  const before = code
  code = other
  try {
    return check()
  } finally {
    code = before
  }
}

/**
 * Refuse a value that breaks a rule.
 *
 * @param {boolean} sound
 * @param {string} expected
 * @param {unknown} found
 * @param {string} where
 */
export function demand(sound, expected, found, where) {
  if (!sound) refuse(code, expected, found, where)
}

/** @param {any} value */
export const isObject = (value) => {
  return (
    value !== null && typeof value === 'object' && !Array.isArray(value) && !(value instanceof Real)
  )
}

/**
 * Check an object against its table.
 *
 * @param {any} value
 * @param {Table} table
 * @param {string} where
 * @throws `manifest-invalid`, or `member-unknown` for a member that must be understood
 */
export function checkMembers(value, { required, optional = {}, open = false }, where) {
  demand(isObject(value), 'an object', value, where)
  for (const name of Object.keys(value)) {
    if (Object.hasOwn(required, name) || Object.hasOwn(optional, name)) continue
    if (!open) demand(false, 'no other members', name, where)
    if (!isObject(value[name]) || value[name].must_understand !== false) {
      refuse('member-unknown', 'members that are understood', name, where)
    }
  }
  for (const [name, check] of Object.entries(required)) {
    demand(Object.hasOwn(value, name), `the member ${name}`, undefined, where)
    check(value[name], `${where}.${name}`)
  }
  for (const [name, check] of Object.entries(optional)) {
    if (Object.hasOwn(value, name)) check(value[name], `${where}.${name}`)
  }
}

/** Nothing is asked here; what is, is asked elsewhere. @type {Check} */
export const anything = () => {}

/** @type {(least?: number, most?: number) => Check} */
export const integer =
  (least = 0, most = Number.MAX_SAFE_INTEGER) =>
  (value, where) => {
    const sound = typeof value === 'number' && value >= least && value <= most
    demand(
      sound,
      `an integer from ${least} to ${most}`,
      value instanceof Real ? 'a fraction' : value,
      where,
    )
  }

/** @type {Check} */
export const number = (value, where) => {
  demand(typeof value === 'number' || value instanceof Real, 'a number', value, where)
}

/** @type {Check} */
export const string = (value, where) => demand(typeof value === 'string', 'text', value, where)

/** @type {(most: number) => Check} */
export const characters = (most) => (value, where) => {
  string(value, where)
  const sound = value.length <= most || (value.length <= 2 * most && [...value].length <= most)
  demand(sound, `at most ${most} characters`, value.length, where)
}

/** @type {(digits: number) => Check} */
export const hex = (digits) => (value, where) => {
  const sound = typeof value === 'string' && value.length === digits && /^[0-9a-f]*$/.test(value)
  demand(sound, `${digits} lower-case hexadecimal digits`, value, where)
}

/** @type {(wanted: unknown) => Check} */
export const exactly = (wanted) => (value, where) => {
  demand(value === wanted, JSON.stringify(wanted), value, where)
}

const TIME = /^([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})Z$/

/** @type {Check} */
export const time = (value, where) => {
  const sound = typeof value === 'string' && value.length === 20 && TIME.test(value)
  demand(sound, 'YYYY-MM-DDThh:mm:ssZ', value, where)
}

/** @type {(item: Check, least?: number, most?: number) => Check} */
export const list =
  (item, least = 0, most = Infinity) =>
  (value, where) => {
    demand(Array.isArray(value), 'an array', value, where)
    demand(
      value.length >= least && value.length <= most,
      `${least} to ${most} entries`,
      value.length,
      where,
    )
    for (let i = 0; i < value.length; i++) item(value[i], `${where}[${i}]`)
  }

/** @type {(table: Table) => Check} */
export const object = (table) => (value, where) => checkMembers(value, table, where)

/** @type {(check: Check) => Check} */
export const orNull = (check) => (value, where) => {
  if (value !== null) check(value, where)
}

/** A commit's number and its identity. */
export const named = object({ required: { commit: integer(1), sha256: hex(64) } })
