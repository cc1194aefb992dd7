/**
 * Read stores that somebody wrote, and compare them with what is known of them.
 *
 * `node frozen.js FOLDER...` reads in each folder `store/` and `EXPECTED.json`, and prints a line with
 * the numbers; it exits with 1 where something was wrong.
 *
 * @module
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { folderStore } from '../store-node.js'
import { checkFrozen } from './stores.js'

const counts = { stores: 0, failed: 0 }
for (const folder of process.argv.slice(2)) {
  const expected = JSON.parse(await readFile(join(folder, 'EXPECTED.json'), 'utf8'))
  counts.stores++
  try {
    await checkFrozen(await folderStore(join(folder, 'store')), expected)
  } catch (error) {
    counts.failed++
    console.error(`${folder}: ${error.stack}`)
  }
}
console.log(JSON.stringify(counts))
process.exitCode = counts.failed === 0 ? 0 : 1
