/**
 * Run the corpus beside the specification with this reader: fixtures, frozen and broken stores.
 *
 * `node corpus.js [SPEC] [--first [REQUIREMENT]]` prints what failed, and a line with the numbers; it
 * exits with 1 where something did, with `--first` as soon as something has. What is said to be of
 * a requirement is run before all else: a reader that breaks it is told sooner.
 *
 * @module
 */
import { readFile, readdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { folderStore } from '../store-node.js'
import { takeFixtures } from './fixtures.js'
import { checkBroken, checkFrozen } from './stores.js'

const SPEC =
  process.argv[2] === undefined
    ? fileURLToPath(new URL('../../', import.meta.url))
    : `${process.argv[2]}/`
const onlyFirst = process.argv[3] === '--first'
const wanted = process.argv[4]

/** Read a JSON file of the corpus. @param {string} path */
const readJson = async (path) => JSON.parse(await readFile(`${SPEC}${path}`, 'utf8'))

const counts = { fixtures: 0, skipped: 0, checkpoints: 0, invalid: 0 }
/** @type {string[]} */
const failures = []
/** @type {{kind: string, name: string, test: () => Promise<void>, requirement: string[]}[]} */
const tests = []

/** Run one case and note how it failed. */
async function run({ kind, name, test }) {
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

await takeFixtures(
  (name) => readFile(`${SPEC}fixtures/${name}`),
  (name, test, requirement) => tests.push({ kind: 'fixtures', name, test, requirement }),
  () => counts.skipped++,
)
for (const [kind, check] of Object.entries({ checkpoints: checkFrozen, invalid: checkBroken })) {
  for (const name of await readdir(`${SPEC}${kind}`)) {
    const expected = await readJson(`${kind}/${name}/EXPECTED.json`)
    const { requirement } = expected
    const store = await folderStore(`${SPEC}${kind}/${name}/store`)
    tests.push({ kind, name, test: () => check(store, expected), requirement })
    if (kind === 'invalid') continue
    const test = () => check({ ...store, list: async () => null }, expected)
    tests.push({ kind, name: `${name} without a list`, test, requirement })
  }
}
const isWanted = ({ requirement }) => requirement.includes(wanted)
tests.sort((a, b) => Number(isWanted(b)) - Number(isWanted(a)))
for (const test of tests) await run(test)
for (const failure of failures) console.error(failure)
console.log(JSON.stringify({ ...counts, failed: failures.length }))
process.exitCode = failures.length === 0 ? 0 : 1
