/**
 * JSON Patch (RFC 6902), as far as the fixtures use it.
 *
 * @module
 */

/** Names of a JSON pointer (RFC 6901). @param {string} pointer */
const namesOf = (pointer) => {
  return pointer
    .split('/')
    .slice(1)
    .map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'))
}

/**
 * A copy that shares nothing; numbers with a fraction are never changed, so that they may be
 * shared.
 */
function copy(value) {
  if (Array.isArray(value)) return value.map(copy)
  if (value === null || typeof value !== 'object' || Object.getPrototypeOf(value) !== null)
    return value
  const made = Object.create(null)
  for (const [name, member] of Object.entries(value)) made[name] = copy(member)
  return made
}

/**
 * Repeat texts and lists of a document, in place, too long to stand in a fixture.
 *
 * @param {any} document
 * @param {{path: string, times: number}[]} texts
 */
export function repeatTexts(document, texts) {
  for (const { path, times } of texts) {
    const names = namesOf(path)
    const last = names.pop()
    const parent = names.reduce((value, name) => value[name], document)
    const given = parent[last]
    parent[last] = Array.isArray(given) ? Array(times).fill(given).flat() : given.repeat(times)
  }
  return document
}

/**
 * Change a document.
 *
 * @param {any} base left as it is
 * @param {any[]} patch
 * @returns {any}
 */
export function applyPatch(base, patch) {
  const document = copy(base)
  const find = (names) => names.reduce((value, name) => value[name], document)
  for (const { op, path, from, value } of patch) {
    const names = namesOf(path)
    const last = names.pop()
    const parent = find(names)
    const inserted = op === 'copy' ? copy(find(namesOf(from))) : copy(value)
    const array = Array.isArray(parent)
    if (op === 'remove') array ? parent.splice(Number(last), 1) : delete parent[last]
    else if (op === 'replace') parent[last] = inserted
    else if (op !== 'add' && op !== 'copy') throw new Error(`no such operation: ${op}`)
    else if (array) parent.splice(last === '-' ? parent.length : Number(last), 0, inserted)
    else parent[last] = inserted
  }
  return document
}
