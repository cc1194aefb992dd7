/**
 * Stores of files, held in memory.
 *
 * @module
 */
import { readFile, readdir } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'

/**
 * Read all files below a folder.
 *
 * @param {string} folder
 * @returns {Promise<Map<string, Uint8Array>>} by their paths below it
 */
export async function readStore(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
  const pairs = files.map(async (path) => {
    return /** @type {const} */ ([
      relative(folder, path).split(sep).join('/'),
      new Uint8Array(await readFile(path)),
    ])
  })
  return new Map(await Promise.all(pairs))
}
