/**
 * Damage compressed chunks behind their checksum, as an enemy may: a decoder gives a whole chunk or
 * `chunk-decode`, and nothing else.
 *
 * `node decoders.js SPEC COUNT SEED` prints a line with the numbers; it exits with 1 where
 * something
 * was wrong.
 *
 * @module
 */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { EmbzarrError, open } from '../index.js'
import { decodeChunk } from '../codecs.js'
import { crc32c } from '../crc32c.js'
import { ArrayReader, Pool } from '../reading.js'

const [spec, count, seed] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4] ?? 1)]
/** @type {{stored: Uint8Array, info: any}[]} */
const chunks = []
for (const name of (await readdir(join(spec, 'checkpoints'))).sort()) {
  const { store, manifest } = await open(join(spec, 'checkpoints', name, 'store'))
  for (const layer of manifest.layers) {
    for (const array of layer.arrays.keys()) {
      const reader = new ArrayReader(store, new Pool(), layer, array)
      if (reader.info.raw || reader.info.chunks === 0) continue
      const [{ offset, nbytes }] = await reader.places([0])
      chunks.push({ stored: await store.range(reader.keyOf(0), offset, nbytes), info: reader.info })
    }
  }
}

let state = seed
const below = (limit) => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0
  return Math.floor((state / 2 ** 32) * limit)
}
const counts = { damages: 0, decoded: 0, refused: 0, wrong: 0 }
for (let n = 0; n < count; n++) {
  const { stored, info } = chunks[below(chunks.length)]
  let packed = stored.slice(0, -4)
  // The header and what follows it decide most; half of the damages go there.
  for (let k = 1 + below(3); k > 0; k--)
    packed[below(below(2) ? packed.length : Math.min(40, packed.length))] = below(256)
  if (below(10) === 0) packed = packed.slice(0, below(packed.length))
  const recorded = crc32c(packed)
  const made = new Uint8Array(packed.length + 4)
  made.set(packed)
  new DataView(made.buffer).setUint32(packed.length, recorded, true)
  counts.damages++
  try {
    const chunk = await decodeChunk(made, info.codec, recorded, info.chunkBytes)
    counts.decoded++
    if (chunk.length !== info.chunkBytes)
      throw new Error(`${chunk.length} bytes of ${info.chunkBytes}`)
  } catch (error) {
    counts.refused++
    if (error instanceof EmbzarrError && error.code === 'chunk-decode') continue
    counts.wrong++
    console.error(`seed ${seed} number ${n}: ${error.stack}`)
  }
}
console.log(JSON.stringify({ chunks: chunks.length, ...counts }))
process.exitCode = counts.wrong === 0 ? 0 : 1
