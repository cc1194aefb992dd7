/**
 * Judge manifests, records of any kind, tags and quarantine records.
 *
 * `node judge.js KIND FILE` reads a JSON array of texts and prints one of the code with which each is
 * refused, or null.
 *
 * @module
 */
import { readFile } from 'node:fs/promises'
import { EmbzarrError } from '../errors.js'
import { parseManifest, parseMark, parseRecord, parseTag } from '../manifest.js'
import { encodeUtf8 } from '../text.js'

const KINDS = {
  manifest: (bytes) => parseManifest(bytes),
  record: (bytes) => parseRecord(bytes, null),
  tag: (bytes) => parseTag(bytes),
  mark: (bytes) => parseMark(bytes),
}
const [kind, file] = process.argv.slice(2)

/** @param {string} text */
function judge(text) {
  try {
    KINDS[kind](encodeUtf8(text))
    return null
  } catch (error) {
    if (error instanceof EmbzarrError) return error.code
    throw error
  }
}

const texts = JSON.parse(await readFile(file, 'utf8'))
console.log(JSON.stringify(texts.map(judge)))
