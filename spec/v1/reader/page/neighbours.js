/**
 * Neighbours of a word among the first rows, by the cosine of the angle between vectors.
 *
 * @module
 */

/** Rows that are looked at, and how many of them are read at a time. */
export const LOOKED_AT = 50000
const PIECE = 5000

/**
 * Find the rows whose vectors point most nearly where one does.
 *
 * @param {import('../checkpoint.js').Checkpoint} checkpoint
 * @param {ArrayLike<number>} vector
 * @param {number} count
 * @param {AbortSignal} signal
 * @returns {Promise<{row: number, cosine: number}[]>} the nearest first
 */
export async function neighbours(checkpoint, vector, count, signal) {
  const own = length(vector, 0, vector.length)
  const rows = Math.min(checkpoint.rows, LOOKED_AT)
  /** @type {{row: number, cosine: number}[]} */
  let best = []
  for (let start = 0; start < rows; start += PIECE) {
    const stop = Math.min(rows, start + PIECE)
    const { data } = (await checkpoint.loadRows(start, stop)).vectors
    signal.throwIfAborted()
    for (let row = start; row < stop; row++) {
      const at = (row - start) * vector.length
      let sum = 0
      for (let i = 0; i < vector.length; i++) sum += vector[i] * data[at + i]
      const cosine = sum / (own * length(data, at, vector.length))
      if (best.length < count || cosine > best[best.length - 1].cosine) {
        if (!Number.isFinite(cosine)) continue
        best.push({ row, cosine })
        best.sort((a, b) => b.cosine - a.cosine)
        best = best.slice(0, count)
      }
    }
  }
  return best
}

function length(numbers, from, count) {
  let sum = 0
  for (let i = from; i < from + count; i++) sum += numbers[i] * numbers[i]
  return Math.sqrt(sum)
}
