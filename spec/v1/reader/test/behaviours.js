/**
 * What no fixture and no frozen store can show: quarantine, walks, limits, damage that is not needed,
 * servers that answer otherwise.
 *
 * `node behaviours.js SPEC` prints what failed, and a line with the numbers; it exits with 1 where
 * something did.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { mkdtemp, mkdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decodeChunk } from '../codecs.js'
import { crc32c } from '../crc32c.js'
import { httpStore, memoryStore, open } from '../index.js'
import { folderStore } from '../store-node.js'
import { parseManifest } from '../manifest.js'
import { encodeUtf8 } from '../text.js'
import { commitKey, quarantineKey } from '../keys.js'
import { readStore } from './files.js'

const spec = process.argv[2]
const frozen = (name) => readStore(join(spec, 'checkpoints', name, 'store'))
const empty = new Uint8Array(0)
const fails = (call, code) =>
  assert.rejects(call, (error) => {
    assert.equal(error.code, code, error.stack)
    return true
  })

/** Copy objects, changed: null takes one away. */
function changed(objects, changes) {
  const made = new Map(objects)
  for (const [key, bytes] of Object.entries(changes)) {
    if (bytes === null) made.delete(key)
    else made.set(key, bytes)
  }
  return made
}

/** Change a JSON object of a store. */
function edited(objects, key, edit) {
  const document = JSON.parse(new TextDecoder().decode(objects.get(key)))
  edit(document)
  return changed(objects, { [key]: encodeUtf8(JSON.stringify(document)) })
}

/** A server that answers as a test wants. */
const served = (objects, answer) =>
  httpStore('http://store.test/run?token=x', {
    fetch: async (url, request) => {
      const { pathname, search } = new URL(url)
      assert.equal(search, '?token=x')
      const key = pathname.slice('/run/'.length)
      return answer({ key, bytes: objects.get(key), request })
    },
  })

/** A chunk and the checksum behind it. */
function stored(packed) {
  const made = new Uint8Array(packed.length + 4)
  made.set(packed)
  new DataView(made.buffer).setUint32(packed.length, crc32c(packed), true)
  return [made, crc32c(packed)]
}

const TESTS = {
  'a commit in quarantine is taken only where its step has no other': async () => {
    const objects = await frozen('history')
    const newest = (await open(memoryStore(objects), { step: 20 })).commit
    const marked = changed(objects, { [quarantineKey(newest)]: encodeUtf8('not even JSON') })
    const other = (await open(memoryStore(marked), { step: 20 })).commit
    assert.ok(other < newest)
    assert.equal((await open(memoryStore(marked), { commit: newest })).commit, newest)
    const both = changed(marked, { [quarantineKey(other)]: empty })
    assert.equal((await open(memoryStore(both), { step: 20 })).commit, newest)
  },
  'a damaged manifest does not hide the others': async () => {
    const objects = changed(await frozen('history'), { [commitKey(3)]: empty })
    assert.equal((await open(memoryStore(objects), { step: 10 })).commit, 1)
    await fails(() => open(memoryStore(objects), { step: 77 }), 'json-invalid')
    const marked = changed(objects, { [quarantineKey(3)]: empty })
    await fails(() => open(memoryStore(marked), { step: 77 }), 'step-missing')
    await fails(() => open(memoryStore(objects)), 'json-invalid')
  },
  'a store that cannot list is walked': async () => {
    const objects = await frozen('history')
    const old = objects.get(commitKey(1))
    for (const hint of [null, empty, old, encodeUtf8('{"format":"embzarr","version":9}')]) {
      const store = memoryStore(changed(objects, { 'latest.json': hint }), { lists: false })
      assert.equal((await open(store)).commit, 3)
    }
    const gone = memoryStore(changed(objects, { [commitKey(3)]: null }), { lists: false })
    assert.equal((await open(gone)).commit, 2)
  },
  'a listing that lags is made up for by the hint': async () => {
    const objects = await frozen('history')
    const store = memoryStore(objects)
    const lagging = {
      ...store,
      list: async (folder) => (await store.list(folder)).filter(({ key }) => key !== commitKey(3)),
    }
    assert.equal((await open(lagging)).commit, 3)
  },
  'a tombstone in the place of the parent must have its identity': async () => {
    // Commit 1 has expired, and commit 2 names it.
    const objects = await frozen('collected')
    const child = await open(memoryStore(objects), { commit: 2 })
    assert.deepEqual(await child.verify(), [])
    const other = edited(objects, commitKey(1), (document) => {
      document.sha256 = '0'.repeat(64)
    })
    const problems = await (await open(memoryStore(other), { commit: 2 })).verify()
    assert.deepEqual(
      problems.map(({ code, key }) => [code, key]),
      [['manifest-mismatch', commitKey(1)]],
    )
  },
  'a row is given unless it needs what is damaged': async () => {
    const objects = await frozen('delta-chunks')
    const checkpoint = await open(memoryStore(objects))
    const [, older, newer] = checkpoint.manifest.layers
    const broken = edited(objects, commitKey(checkpoint.commit), (document) => {
      for (const layer of document.layers)
        for (const array of Object.values(layer.arrays)) delete array.data
    })
    const key = [...broken.keys()].find((name) => name.startsWith(`${older.path}/rows/vectors/c/`))
    const lost = await open(memoryStore(changed(broken, { [key]: null })), {
      commit: checkpoint.commit,
    })
    assert.ok(newer.path !== older.path)
    // Every seventh row is the newest layer's; the others ask the one below.
    await lost.loadRows(7, 8)
    await fails(() => lost.loadRows(8, 9), 'object-missing')
    // What fails while something else has failed already is not left to end the program.
    const gone = [...broken.keys()].filter((name) => name.startsWith(`${newer.path}/vectors/c/`))
    const less = changed(broken, Object.fromEntries([key, ...gone].map((name) => [name, null])))
    const both = await open(memoryStore(less), { commit: checkpoint.commit })
    await fails(() => both.loadRows(0, 15), 'object-missing')
    await new Promise((wake) => setTimeout(wake, 20))
  },
  'limits of JSON hold for stores': async () => {
    const objects = await frozen('history')
    const large = changed(objects, { [commitKey(3)]: new Uint8Array(64 * 2 ** 20 + 1).fill(32) })
    await fails(() => open(memoryStore(large)), 'json-too-large')
    const tag = changed(objects, { 'tags/best.json': new Uint8Array(65537).fill(32) })
    await fails(() => open(memoryStore(tag), { tag: 'best' }), 'json-too-large')
  },
  'characters are counted, and metadata weighed': async () => {
    const [bytes] = [(await frozen('minimal')).get(commitKey(1))]
    const manifest = JSON.parse(new TextDecoder().decode(bytes))
    const parse = (members) =>
      parseManifest(encodeUtf8(JSON.stringify({ ...manifest, ...members })))
    parse({ writer: '\u{1f418}'.repeat(256) })
    assert.throws(() => parse({ writer: '\u{1f418}'.repeat(257) }), { code: 'manifest-invalid' })
    parse({ metadata: { x: 'x'.repeat(2 ** 24 - 8) } })
    assert.throws(() => parse({ metadata: { x: 'x'.repeat(2 ** 24 - 7) } }), {
      code: 'manifest-invalid',
    })
  },
  'a link that leads out of the store is not followed': async () => {
    const folder = await mkdtemp(join(tmpdir(), 'embzarr-'))
    try {
      await mkdir(join(folder, 'store'))
      await writeFile(join(folder, 'secret'), 'x')
      await symlink(join(folder, 'secret'), join(folder, 'store', 'latest.json'))
      await symlink(folder, join(folder, 'store', 'steps'))
      const store = await folderStore(join(folder, 'store'))
      await fails(() => store.get('latest.json', 9), 'key-escapes-root')
      await fails(() => store.range('steps/secret', 0, 1), 'key-escapes-root')
      await fails(() => store.get('../secret', 9), 'key-escapes-root')
      await fails(() => folderStore(join(folder, 'nothing')), 'checkpoint-missing')
    } finally {
      await rm(folder, { recursive: true })
    }
  },
  'a frame is alone, and a buffer of the only format': async () => {
    const codec = { name: 'zstd' }
    const frame = Buffer.from('28b52ffd2010830000' + '07', 'hex')
    const decode = (bytes) =>
      decodeChunk(...[stored(bytes)].flatMap(([made, crc]) => [made, codec, crc, 16]))
    assert.deepEqual(await decode(frame), new Uint8Array(16).fill(7))
    await fails(() => decode(Buffer.concat([frame, frame])), 'chunk-decode')
    await fails(
      () => decode(Buffer.concat([frame, Buffer.from('502a4d1800000000', 'hex')])),
      'chunk-decode',
    )
    await fails(() => decode(Buffer.concat([frame, Buffer.from([0])])), 'chunk-decode')
    const blosc = Buffer.from(
      '02010204100000001000000020000000000102030405060708090a0b0c0d0e0f',
      'hex',
    )
    const unpack = (bytes) => {
      const [made, crc] = stored(bytes)
      return decodeChunk(made, { name: 'blosc' }, crc, 16)
    }
    assert.equal((await unpack(blosc)).length, 16)
    for (const version of [0, 1, 3, 5]) {
      const other = Buffer.from(blosc)
      other[0] = version
      await fails(() => unpack(other), 'chunk-decode')
    }
  },
  'a server that knows no ranges is read all the same': async () => {
    const objects = await frozen('chunk-table')
    const store = served(objects, ({ bytes, request }) => {
      if (bytes === undefined) return new Response(null, { status: 404 })
      return new Response(request.method === 'HEAD' ? null : bytes, {
        headers: { 'Content-Length': String(bytes.length) },
      })
    })
    const checkpoint = await open(store)
    assert.equal((await checkpoint.words(0, 10)).length, 10)
    assert.deepEqual(await checkpoint.verify(), [])
  },
  'a server that knows no HEAD is asked for a byte': async () => {
    const objects = await frozen('history')
    for (const told of [true, false]) {
      const store = served(objects, ({ bytes, request }) => {
        if (request.method === 'HEAD') return new Response(null, { status: 405 })
        if (bytes === undefined) return new Response(null, { status: 404 })
        const [, from, to] = /^bytes=([0-9]+)-([0-9]+)$/.exec(request.headers.Range) ?? []
        if (from === undefined) return new Response(bytes)
        const part = bytes.slice(Number(from), Number(to) + 1)
        const headers = told ? { 'Content-Range': `bytes ${from}-${to}/${bytes.length}` } : {}
        return new Response(part, { status: 206, headers })
      })
      const checkpoint = await open(store)
      assert.equal(checkpoint.commit, 3)
      assert.deepEqual(await checkpoint.verify(), [])
    }
  },
  'a server that denies what is missing ends the walk': async () => {
    const objects = await frozen('history')
    const answer =
      (status) =>
      ({ bytes, request }) => {
        if (bytes === undefined) return new Response(null, { status })
        return new Response(request.method === 'HEAD' ? null : bytes, {
          headers: { 'Content-Length': String(bytes.length) },
        })
      }
    assert.equal((await open(served(objects, answer(403)))).commit, 3)
    assert.equal((await open(served(objects, answer(403)), { step: 10 })).commit, 1)
    await fails(() => open(served(new Map(), answer(403))), 'access-denied')
    await fails(() => open(served(new Map(), answer(404))), 'checkpoint-missing')
  },
  'a server that fails is asked again, and then told of': async () => {
    const objects = await frozen('minimal')
    let left = 2
    const store = served(objects, ({ bytes, request }) => {
      if (left-- > 0) return new Response(null, { status: 503 })
      if (bytes === undefined) return new Response(null, { status: 404 })
      return new Response(request.method === 'HEAD' ? null : bytes, {
        headers: { 'Content-Length': String(bytes.length) },
      })
    })
    assert.equal((await open(store)).commit, 1)
    await fails(
      () => open(served(objects, () => new Response(null, { status: 500 }))),
      'store-failed',
    )
    await fails(
      () =>
        open(
          served(objects, () => {
            throw new TypeError('no route')
          }),
        ),
      'store-failed',
    )
  },
  'a redirect is not followed with a secret, and methods are signed apart': async () => {
    const objects = await frozen('minimal')
    /** @type {Set<string>} */
    const seen = new Set()
    const store = (options) =>
      httpStore('http://store.test/run', {
        ...options,
        fetch: async (url, request) => {
          const { pathname, search } = new URL(url)
          seen.add(`${request.redirect} ${request.method ?? 'GET'}${search}`)
          const bytes = objects.get(pathname.slice('/run/'.length))
          if (bytes === undefined) return new Response(null, { status: 404 })
          return new Response(request.method === 'HEAD' ? null : bytes, {
            headers: { 'Content-Length': String(bytes.length) },
          })
        },
      })
    await open(store({ headers: { 'X-Key': 'secret' } }))
    await open(store({ sign: (url, key, method) => `${url}?for=${method}` }))
    assert.deepEqual([...seen].sort(), [
      'error GET',
      'error HEAD',
      'follow GET?for=GET',
      'follow HEAD?for=HEAD',
    ])
  },
  'arguments are checked at the door': async () => {
    const store = memoryStore(await frozen('minimal'))
    const checkpoint = await open(store)
    await fails(() => open(store, { step: 1, tag: 'x' }), 'input-argument')
    await fails(() => open(store, { step: -1 }), 'input-argument')
    await fails(() => open(store, { commit: 0 }), 'input-argument')
    await fails(() => open(store, { tag: '../x' }), 'input-argument')
    await fails(() => open('s3://bucket/run'), 'url-unsupported')
    await fails(() => open('http://'), 'url-unsupported')
    await fails(() => open('https://user:secret@host/run'), 'url-unsupported')
    await fails(() => checkpoint.load(['\ud800']), 'input-word')
    await fails(() => checkpoint.load([7]), 'input-word')
    await fails(() => checkpoint.load(['king'], { columns: ['x'] }), 'input-argument')
    await fails(() => checkpoint.loadRows(0, 4), 'input-argument')
    await fails(() => checkpoint.loadRows(2, 1), 'input-argument')
    await fails(() => checkpoint.words(0.5, 1), 'input-argument')
    await fails(() => checkpoint.get('emperor'), 'word-missing')
    assert.equal((await checkpoint.load([])).vectors.data.length, 0)
  },
}

let failed = 0
for (const [name, test] of Object.entries(TESTS)) {
  try {
    await test()
  } catch (error) {
    failed++
    console.error(`${name}: ${error.stack}`)
  }
}
console.log(JSON.stringify({ behaviours: Object.keys(TESTS).length, failed }))
process.exitCode = failed === 0 ? 0 : 1
