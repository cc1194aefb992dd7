/**
 * Cases of grids, chunk indexes, plans and shards.
 *
 * @module
 */
import { decodeChunk } from '../codecs.js'
import { checkPlaces, chunksOfRange, gridOf, planRows, readShardIndex, readTable } from '../grid.js'
import { shardKey } from '../keys.js'
import { fromHex } from './fixtures.js'
import { toHex } from './stores.js'

function grid({ rows, row_bytes: rowBytes, chunk, shard }) {
  const found = gridOf({ rows, rowBytes, chunk, shard })
  return {
    chunks: found.chunks,
    shards: found.shards,
    chunk_bytes: found.chunkBytes,
    shard_rows: found.shardRows,
    shard_index_bytes: found.indexBytes,
  }
}

function check({ row_bytes: rowBytes, chunk, shard, index, sizes, raw }) {
  const numbers = index.offset.map((_, i) => i)
  checkPlaces({ chunkBytes: rowBytes * chunk, shard, raw }, (s) => sizes[s], numbers, index)
  return null
}

/** One plan for each chunk, with the rows that are taken from it. */
function rows({ rows: wanted, chunk, shard, array, rank, index }) {
  const found = new Map()
  for (const { chunk: number, row, place, count } of planRows(wanted, chunk)) {
    const taken = found.get(number) ?? []
    for (let i = 0; i < count; i++) taken.push([place + i, row + i])
    found.set(number, taken)
  }
  return [...found].map(([number, taken]) => ({
    chunk: number,
    key: shardKey(array, Math.floor(number / shard), rank),
    start: index.offset[number],
    length: index.nbytes[number],
    rows: taken,
  }))
}

function place({ row, chunk, shard, row_bytes: rowBytes }) {
  const [span] = planRows([row], chunk)
  const nbytes = rowBytes * chunk + 4
  const s = Math.floor(span.chunk / shard)
  return {
    chunk: span.chunk,
    shard: s,
    chunk_in_shard: span.chunk - s * shard,
    row_in_chunk: span.row,
    bytes: [span.row * rowBytes, (span.row + 1) * rowBytes],
    offset: (span.chunk - s * shard) * nbytes,
    nbytes,
  }
}

export const checkChunkCase = {
  grid,
  check,
  table: (input) => readTable(fromHex(input)),
  rows,
  place,
  range: ({ start, stop, chunk }) => chunksOfRange(start, stop, chunk),
  chunk: async ({ stored, codec, crc32c: recorded, size }) => {
    return toHex(await decodeChunk(fromHex(stored), codec, recorded, size))
  },
  index: (input) => readShardIndex(fromHex(input)),
}
