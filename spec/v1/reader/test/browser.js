/**
 * The corpus in a browser: stores over HTTP, and stores of files as a dropped folder gives them.
 *
 * The specification's folder lies above this one's folder. A test calls `checkStores` and `damage`,
 * and
 * gives the paths of all files below `checkpoints/` and `invalid/`, which a server cannot list.
 *
 * @module
 */
import { chosenStore, httpStore } from '../index.js'
import { Damaging } from './damaging.js'
import { checkBroken, checkFrozen } from './stores.js'

const SPEC = new URL('../../', import.meta.url)

/** @param {string} path */
const read = async (path) => new Uint8Array(await (await fetch(new URL(path, SPEC))).arrayBuffer())
const readJson = async (path) => JSON.parse(new TextDecoder().decode(await read(path)))

/** Read the objects of a store, by key. */
async function readObjects(folder, paths) {
  const root = `${folder}/store/`
  const keys = paths.filter((path) => path.startsWith(root)).map((path) => path.slice(root.length))
  return new Map(await Promise.all(keys.map(async (key) => [key, await read(root + key)])))
}

/** A store as a chosen folder is: files that know their path. */
async function filesOf(folder, paths) {
  const files = [...(await readObjects(folder, paths))].map(([key, bytes]) => {
    const file = new File([bytes], key.split('/').at(-1))
    Object.defineProperty(file, 'webkitRelativePath', { value: `chosen/${key}` })
    return file
  })
  return chosenStore(files)
}

/** @param {string[]} paths */
const foldersOf = (paths) => [
  ...new Set(paths.map((path) => path.split('/').slice(0, 2).join('/'))),
]

/**
 * Check every store from files, and some over HTTP as well; gives what failed.
 *
 * @param {string[]} paths
 * @param {string[]} [overHttp] names of frozen stores
 */
globalThis.checkStores = async (paths, overHttp = []) => {
  const failures = []
  const counts = { checkpoints: 0, invalid: 0, http: 0 }
  const run = async (kind, check, folder, make, expected) => {
    counts[kind]++
    try {
      await check(await make(), expected)
    } catch (error) {
      failures.push(`${folder} (${kind}): ${error.stack}`)
    }
  }
  for (const folder of foldersOf(paths)) {
    const expected = await readJson(`${folder}/EXPECTED.json`)
    const [kind, name] = folder.split('/')
    const check = kind === 'checkpoints' ? checkFrozen : checkBroken
    const http = () => httpStore(new URL(`${folder}/store`, SPEC).href)
    // A folder without commits is no store, which is told when it is dropped.
    const some = paths.some((path) => path.startsWith(`${folder}/store/commits/`))
    await run(kind, check, folder, some ? () => filesOf(folder, paths) : http, expected)
    if (kind === 'checkpoints' && overHttp.includes(name))
      await run('http', check, folder, http, expected)
  }
  return { ...counts, failures }
}

/** Damage the frozen stores at random. */
globalThis.damage = async (paths, count, seed) => {
  const stores = []
  for (const folder of foldersOf(paths).filter((name) => name.startsWith('checkpoints/'))) {
    const expected = await readJson(`${folder}/EXPECTED.json`)
    stores.push({ name: folder, expected, objects: await readObjects(folder, paths) })
  }
  return new Damaging(stores).run(count, seed)
}
