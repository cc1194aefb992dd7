/**
 * A folder that was dropped on a page, or chosen there: read by `File.slice`, so that nothing is
 * read
 * but what is asked for.
 *
 * @module
 */
import { EmbzarrError, refuse } from './errors.js'

/**
 * Make a store of files.
 *
 * @param {Map<string, Blob>} files by their path below the store's root
 * @param {string} [name]
 * @returns {import('./store.js').Store}
 */
export function fileStore(files, name = 'folder') {
  const slice = async (key, start, end) => {
    const file = files.get(key)
    if (file === undefined) return null
    try {
      return new Uint8Array(await file.slice(start, end).arrayBuffer())
    } catch (cause) {
      throw new EmbzarrError('store-failed', {
        expected: 'a file that can be read',
        where: key,
        cause,
      })
    }
  }
  return {
    name,
    get: (key, most) => slice(key, 0, most + 1),
    range: (key, start, length) => slice(key, start, start + length),
    size: async (key) => files.get(key)?.size ?? null,
    list: async (folder) =>
      [...files]
        .filter(([key]) => key.slice(0, key.lastIndexOf('/')) === folder)
        .map(([key, file]) => ({ key, size: file.size })),
  }
}

/**
 * Find the root of a store among paths: the shallowest folder that has `commits/` in it.
 *
 * @param {string[]} paths
 * @returns {string} with a `/` at its end, or empty
 */
function rootOf(paths) {
  const roots = paths
    .map((path) => /^((?:.*\/)?)commits\/[^/]+$/.exec(path)?.[1])
    .filter((root) => root !== undefined)
  if (roots.length === 0)
    refuse('checkpoint-missing', 'a folder with commits/ in it', paths.slice(0, 3))
  return roots.reduce((a, b) => (b.split('/').length < a.split('/').length ? b : a))
}

/**
 * Make a store of files with their paths, as `<input webkitdirectory>` gives them.
 *
 * @param {Iterable<File>} list
 * @returns {import('./store.js').Store}
 */
export function chosenStore(list) {
  return below([...list].map((file) => [file.webkitRelativePath || file.name, file]))
}

/** @param {[string, Blob][]} pairs */
function below(pairs) {
  const root = rootOf(pairs.map(([path]) => path))
  const files = pairs.filter(([path]) => path.startsWith(root))
  return fileStore(new Map(files.map(([path, file]) => [path.slice(root.length), file])), root)
}

/**
 * Make a store of what was dropped on a page.
 *
 * @param {DataTransfer} transfer
 * @returns {Promise<import('./store.js').Store>}
 */
export async function droppedStore(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry()).filter(Boolean)
  /** @type {[string, File][]} */
  const pairs = []
  const walk = async (entry, path) => {
    if (entry.isFile) {
      pairs.push([path, await new Promise((give, fail) => entry.file(give, fail))])
      return
    }
    const reader = entry.createReader()
    for (;;) {
      const found = await new Promise((give, fail) => reader.readEntries(give, fail))
      if (found.length === 0) return
      for (const child of found) await walk(child, path ? `${path}/${child.name}` : child.name)
    }
  }
  for (const entry of entries) await walk(entry, entry.name)
  return below(pairs)
}
