/**
 * Decode buffers that another implementation made.
 *
 * `node decode.js FILE` reads a JSON array of `{codec, size, packed}`, `packed` in hexadecimal, and
 * prints one of the SHA-256 of what each decodes to.
 *
 * @module
 */
import { readFile } from 'node:fs/promises'
import { decodeChunk } from '../codecs.js'
import { crc32c } from '../crc32c.js'
import { sha256 } from '../sha256.js'

const digests = []
for (const { codec, size, packed } of JSON.parse(await readFile(process.argv[2], 'utf8'))) {
  const bytes = Buffer.from(packed, 'hex')
  const recorded = crc32c(bytes)
  const stored = new Uint8Array(bytes.length + 4)
  stored.set(bytes)
  new DataView(stored.buffer).setUint32(bytes.length, recorded, true)
  digests.push(await sha256(await decodeChunk(stored, codec, recorded, size)))
}
console.log(JSON.stringify(digests))
