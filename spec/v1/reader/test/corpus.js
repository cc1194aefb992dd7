/**
 * Run the corpus beside the specification with this reader: fixtures, frozen and broken stores.
 *
 * `node corpus.js [SPEC] [--first]` prints what failed, and a line with the numbers; it exits with 1
 * where something did, with `--first` as soon as something has.
 *
 * @module
 */
import { readFile, readdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { folderStore } from '../store-node.js'
import { runFixtures } from './fixtures.js'
import { checkBroken, checkFrozen } from './stores.js'

const SPEC =
  process.argv[2] === undefined
    ? fileURLToPath(new URL('../../', import.meta.url))
    : `${process.argv[2]}/`
const onlyFirst = process.argv[3] === '--first'

/** Read a JSON file of the corpus. @param {string} path */
const readJson = async (path) => JSON.parse(await readFile(`${SPEC}${path}`, 'utf8'))

const counts = { fixtures: 0, skipped: 0, checkpoints: 0, invalid: 0 }
/** @type {string[]} */
const failures = []

/** Run one case and note how it failed. */
async function run(kind, name, test) {
  counts[kind]++
  try {
    await test()
  } catch (error) {
    failures.push(`${kind} ${name}: ${error.stack}`)
    if (onlyFirst) {
      console.error(failures[0])
      process.exit(1)
    }
  }
}

await runFixtures(
  (name) => readFile(`${SPEC}fixtures/${name}`),
  (name, test) => run('fixtures', name, test),
  () => counts.skipped++,
)
for (const name of await readdir(`${SPEC}checkpoints`)) {
  const expected = await readJson(`checkpoints/${name}/EXPECTED.json`)
  const store = await folderStore(`${SPEC}checkpoints/${name}/store`)
  await run('checkpoints', name, () => checkFrozen(store, expected))
  await run('checkpoints', `${name} without a list`, () => {
    return checkFrozen({ ...store, list: async () => null }, expected)
  })
}
for (const name of await readdir(`${SPEC}invalid`)) {
  const expected = await readJson(`invalid/${name}/EXPECTED.json`)
  const store = await folderStore(`${SPEC}invalid/${name}/store`)
  await run('invalid', name, () => checkBroken(store, expected))
}
for (const failure of failures) console.error(failure)
console.log(JSON.stringify({ ...counts, failed: failures.length }))
process.exitCode = failures.length === 0 ? 0 : 1
