/**
 * Stores: what a reader asks of them, and one that holds its objects in memory.
 *
 * @module
 */

/**
 * Where objects lie (section 4). Keys are relative to the root.
 *
 * @typedef {object} Store
 * @property {string} name for messages
 * @property {(key: string, most: number) => Promise<Uint8Array | null>} get all bytes of an object,
 *   or
 *   its first `most` + 1; null where it is missing
 * @property {(key: string, start: number, length: number) => Promise<Uint8Array | null>} range a
 *   stretch, shorter where the object ends; null where it is missing
 * @property {(key: string) => Promise<number | null>} size
 * @property {(folder: string) => Promise<{key: string, size: number}[] | null>} list objects
 *   directly
 *   in a folder; null where the store cannot list
 */

/**
 * Make a store of objects that are held in memory.
 *
 * @param {Map<string, Uint8Array>} objects by key
 * @param {{lists?: boolean}} [options] `lists`: whether it can list
 * @returns {Store}
 */
export function memoryStore(objects, { lists = true } = {}) {
  return {
    name: 'memory',
    get: async (key, most) => objects.get(key)?.subarray(0, most + 1) ?? null,
    range: async (key, start, length) => objects.get(key)?.subarray(start, start + length) ?? null,
    size: async (key) => objects.get(key)?.length ?? null,
    list: async (folder) => {
      if (!lists) return null
      return [...objects]
        .filter(([key]) => key.slice(0, key.lastIndexOf('/')) === folder)
        .map(([key, bytes]) => ({ key, size: bytes.length }))
    },
  }
}
