/**
 * Judge manifests.
 *
 * `node judge.js FILE` reads a JSON array of texts and prints one of the code with which each is
 * refused, or null.
 *
 * @module
 */
import { readFile } from 'node:fs/promises'
import { EmbzarrError } from '../errors.js'
import { parseManifest } from '../manifest.js'
import { encodeUtf8 } from '../text.js'

/** @param {string} text */
function judge(text) {
  try {
    parseManifest(encodeUtf8(text))
    return null
  } catch (error) {
    if (error instanceof EmbzarrError) return error.code
    throw error
  }
}

const texts = JSON.parse(await readFile(process.argv[2], 'utf8'))
console.log(JSON.stringify(texts.map(judge)))
