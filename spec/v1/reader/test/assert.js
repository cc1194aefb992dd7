/**
 * What the tests need of Node's `assert`, for browsers.
 *
 * @module
 */

/** A value as text in which different values differ. */
const told = (value) =>
  JSON.stringify(value, (_, member) => {
    if (member === undefined) return 'undefined!'
    return typeof member === 'number' && !Number.isFinite(member) ? `${member}!` : member
  })

/** @param {boolean} sound @param {string} message */
function demand(sound, message) {
  if (!sound) throw new Error(message)
}

const equal = (found, wanted, message = '') => {
  demand(Object.is(found, wanted), `${message} expected ${told(wanted)}, found ${told(found)}`)
}

/** Equal in content; members of objects may stand in any order. */
function deepEqual(found, wanted) {
  const [a, b] = [found, wanted].map((value) => told(sorted(value)))
  demand(a === b, `expected ${b}, found ${a}`)
}

function sorted(value) {
  if (Array.isArray(value)) return value.map(sorted)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((name) => [name, sorted(value[name])]),
  )
}

async function rejects(call, judge) {
  let error
  try {
    await (typeof call === 'function' ? call() : call)
  } catch (thrown) {
    error = thrown
  }
  demand(error !== undefined, 'expected an error, found none')
  judge(error)
}

export default { equal, deepEqual, rejects }
