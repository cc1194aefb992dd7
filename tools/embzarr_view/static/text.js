/**
 * Numbers as people say them.
 *
 * @module
 */

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']

/** @param {number | null} count of bytes: 5.28 MB */
export function size(count) {
  if (count === null) return '–'
  let amount = count
  let unit = 0
  while (amount >= 999.5) {
    amount /= 1000
    unit++
  }
  return `${unit === 0 ? amount : Number(amount.toPrecision(3))} ${UNITS[unit]}`
}

/** @param {number | null | undefined} value a whole number with separators */
export const whole = (value) =>
  value === null || value === undefined ? '–' : value.toLocaleString('en')

/** @param {number | null} value in four figures */
export function figure(value) {
  if (value === null || value === undefined) return '–'
  if (value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e7))
    return value.toExponential(2)
  return Number(value.toPrecision(4)).toLocaleString('en', { maximumFractionDigits: 6 })
}

/** @param {number | null} value a cosine */
export const cosine = (value) => (value === null ? '–' : value.toFixed(4))

/** @param {string} created as the manifest tells it */
export function age(created) {
  const seconds = Math.max(0, (Date.now() - Date.parse(created)) / 1000)
  if (!Number.isFinite(seconds)) return '–'
  const units = [
    [86400 * 365, 'y'],
    [86400, 'd'],
    [3600, 'h'],
    [60, 'min'],
  ]
  const [unit, name] = units.find(([one]) => seconds >= one) ?? [1, 's']
  return `${Math.floor(seconds / unit)} ${name}`
}

/** @param {string} created */
export const moment = (created) => created.replace('T', ' ').replace(/(\.\d+)?(Z|\+00:00)$/, '')

/** @param {number} count @param {string} one @param {string} [many] */
export const plural = (count, one, many = `${one}s`) =>
  `${whole(count)} ${count === 1 ? one : many}`
