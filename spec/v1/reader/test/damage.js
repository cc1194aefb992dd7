/**
 * Damage frozen stores at random, and see that no wrong data comes out and nothing but typed
 * errors.
 *
 * `node damage.js SPEC COUNT SEED` prints a line with the numbers; it exits with 1 where something
 * was wrong.
 *
 * @module
 */
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Damaging } from './damaging.js'
import { readStore } from './files.js'

const [spec, count, seed] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4] ?? 1)]
const stores = []
for (const name of (await readdir(join(spec, 'checkpoints'))).sort()) {
  const expected = JSON.parse(
    await readFile(join(spec, 'checkpoints', name, 'EXPECTED.json'), 'utf8'),
  )
  stores.push({
    name,
    expected,
    objects: await readStore(join(spec, 'checkpoints', name, 'store')),
  })
}
const { told, ...counts } = await new Damaging(stores).run(count, seed)
for (const line of told) console.error(line)
console.log(JSON.stringify(counts))
process.exitCode = counts.wrong === 0 ? 0 : 1
