/**
 * Read stores over HTTP, as a browser would.
 *
 * `node http.js URL SPEC [NAME...]` reads the frozen stores, which lie below the URL by their
 * names, and
 * prints a line with the numbers; it exits with 1 where something was wrong.
 *
 * @module
 */
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { httpStore } from '../index.js'
import { checkFrozen } from './stores.js'

const [url, spec, ...names] = process.argv.slice(2)
const counts = { stores: 0, requests: 0, failed: 0 }
/** @type {typeof fetch} */
const counting = (target, request) => {
  counts.requests++
  return fetch(target, request)
}
for (const name of names.length > 0 ? names : await readdir(join(spec, 'checkpoints'))) {
  const expected = JSON.parse(
    await readFile(join(spec, 'checkpoints', name, 'EXPECTED.json'), 'utf8'),
  )
  counts.stores++
  try {
    await checkFrozen(httpStore(`${url}/${name}/store`, { fetch: counting }), expected)
  } catch (error) {
    counts.failed++
    console.error(`${name}: ${error.stack}`)
  }
}
console.log(JSON.stringify(counts))
process.exitCode = counts.failed === 0 ? 0 : 1
