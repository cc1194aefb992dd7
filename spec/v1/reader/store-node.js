/**
 * A folder under Node. No link is followed to anything outside of it (R-LIM-02).
 *
 * @module
 */
import { open, readdir, realpath, stat } from 'node:fs/promises'
import { dirname, join, sep } from 'node:path'
import { EmbzarrError, refuse } from './errors.js'
import { checkKey } from './keys.js'

const ABSENT = new Set(['ENOENT', 'ENOTDIR'])

/**
 * Make a store of a folder.
 *
 * @param {string} folder
 * @returns {Promise<import('./store.js').Store>}
 */
export async function folderStore(folder) {
  const root = await absent(realpath(folder), folder)
  if (root === null) refuse('checkpoint-missing', 'a folder that is there', folder)
  return {
    name: folder,
    get: (key, most) => read(root, key, 0, most + 1),
    range: (key, start, length) => read(root, key, start, length),
    size: async (key) => {
      const path = await inside(root, key)
      const found = path === null ? null : await absent(stat(path), key)
      return found?.isFile() ? found.size : null
    },
    list: (below) => list(root, below),
  }
}

/**
 * Await a call of the file system; what is not there is null, what fails a typed error.
 *
 * @template T
 * @param {Promise<T>} call
 * @param {string} where
 * @returns {Promise<T | null>}
 */
async function absent(call, where) {
  try {
    return await call
  } catch (cause) {
    if (ABSENT.has(cause.code)) return null
    const denied = cause.code === 'EACCES' || cause.code === 'EPERM'
    throw new EmbzarrError(denied ? 'access-denied' : 'store-failed', {
      expected: 'a file that can be read',
      found: cause.code,
      where,
      cause,
    })
  }
}

/**
 * Find the file of a key, behind all links.
 *
 * @param {string} root
 * @param {string} key
 * @returns {Promise<string | null>}
 * @throws `key-escapes-root` where a link leads outside
 */
async function inside(root, key) {
  const path = await absent(realpath(join(root, checkKey(key))), key)
  if (path !== null && !path.startsWith(root.endsWith(sep) ? root : root + sep)) {
    refuse('key-escapes-root', 'a file below the root', dirname(path), key)
  }
  return path
}

async function read(root, key, start, length) {
  const path = await inside(root, key)
  if (path === null) return null
  const file = await absent(open(path), key)
  if (file === null) return null
  try {
    const found = await absent(file.stat(), key)
    if (!found?.isFile()) return null
    const bytes = new Uint8Array(Math.max(0, Math.min(length, found.size - start)))
    let held = 0
    while (held < bytes.length) {
      const got = await absent(file.read(bytes, held, bytes.length - held, start + held), key)
      if (!got || got.bytesRead === 0) break
      held += got.bytesRead
    }
    return bytes.subarray(0, held)
  } finally {
    await file.close()
  }
}

async function list(root, below) {
  const path = await inside(root, below)
  const names =
    path === null ? [] : ((await absent(readdir(path, { withFileTypes: true }), below)) ?? [])
  const found = []
  for (const name of names.filter((entry) => !entry.isDirectory()).map((entry) => entry.name)) {
    const at = join(/** @type {string} */ (path), name)
    const size = (await absent(stat(at), name))?.size
    if (size !== undefined) found.push({ key: `${below}/${name}`, size })
  }
  return found
}
