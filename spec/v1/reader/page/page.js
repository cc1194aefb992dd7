/**
 * The page: opens a store by URL or from a folder, and shows its steps, words and health.
 *
 * @module
 */
import {
  Checkpoint,
  EmbzarrError,
  History,
  chosenStore,
  droppedStore,
  httpStore,
} from '../index.js'
import { bytesOf } from '../layer.js'
import { apart, button, element, find, row, say, visible } from './dom.js'
import { showContents } from './contents.js'
import { LOOKED_AT, neighbours } from './neighbours.js'

const MOST_STEPS = 500
const MOST_WORDS = 50
const NEAREST = 11

/** What was opened; what is begun for one store ends with the next. */
let current = { stop: new AbortController(), checkpoint: /** @type {Checkpoint | null} */ (null) }

/** Run what a user asked for, and say what went wrong. */
async function attempt(call, place = '#status') {
  try {
    await call()
  } catch (error) {
    if (error?.name === 'AbortError') return
    const told = error instanceof EmbzarrError ? error.message : `unexpected: ${error}`
    say(place, visible(told) + hint(error), 'error')
  }
}

/** What a user may do about an error. */
function hint(error) {
  if (error?.code === 'store-failed') {
    return (
      ' \u2014 If the address is right, the server may not let pages of other hosts read it: ' +
      'it must allow CORS with GET and HEAD and the header Range, from this page\u2019s origin. ' +
      'Or the browser does not trust the server\u2019s certificate: open the address by itself to ' +
      'see. A page that came by https reads no store by plain http.'
    )
  }
  if (error?.code === 'access-denied')
    return ' \u2014 The store asks for credentials, or the object is not public.'
  if (error?.code === 'checkpoint-missing')
    return ' \u2014 No store of embzarr is there, or it has no checkpoint.'
  return ''
}

/** @param {() => Promise<import('../store.js').Store> | import('../store.js').Store} make */
function openStore(make) {
  current.stop.abort()
  current = { stop: new AbortController(), checkpoint: null }
  for (const section of ['#checkpoint', '#contents', '#words', '#health'])
    find(section).hidden = true
  const { signal } = current.stop
  return attempt(async () => {
    say('#status', 'Reading the history\u2026')
    const store = await make()
    signal.throwIfAborted()
    find('main').hidden = false
    await showSteps(store, signal)
  })
}

/** Fill the table of steps, newest first, and open the newest. */
async function showSteps(store, signal) {
  const history = new History(store)
  const body = find('#steps tbody')
  body.replaceChildren()
  const tags = await tagsByCommit(history)
  let shown = 0
  for await (const { number, record, bytes, error, marked } of history.commits()) {
    signal.throwIfAborted()
    if (shown === MOST_STEPS) break
    if (record?.kind === 'collection') continue
    shown++
    const quarantined = await marked()
    if (record?.kind !== 'checkpoint') {
      const told = record === null ? (error?.message ?? 'cannot be read; in quarantine') : 'expired'
      body.append(row(number, record?.step ?? '', told))
      continue
    }
    const open = () => showCheckpoint(store, { manifest: record, bytes }, line, signal)
    const kind = record.layers.length === 1 ? 'full' : `delta, ${record.layers.length} layers`
    const line = row(
      number,
      record.step,
      kind + (quarantined ? ', in quarantine' : ''),
      record.layers.at(-1).rows,
      record.created,
      apart(record.writer),
      tags.get(number)?.join(', ') ?? '',
      button('open', () => attempt(open)),
    )
    body.append(line)
    if (current.checkpoint === null) await open()
  }
  if (shown === 0)
    throw new EmbzarrError('checkpoint-missing', { expected: 'a commit', where: store.name })
  say('#status', `${plural(shown, 'commit')} of ${visible(store.name)}`)
}

/** @param {History} history */
async function tagsByCommit(history) {
  const found = new Map()
  for (const [tag, commit] of (await history.tags()) ?? []) {
    found.set(commit, [...(found.get(commit) ?? []), tag])
  }
  return found
}

async function showCheckpoint(store, found, line, signal) {
  const checkpoint = await Checkpoint.open(store, found)
  current.checkpoint = checkpoint
  for (const other of find('#steps tbody').children)
    other.classList.toggle('chosen', other === line)
  const { commit, step, rows, dim, placement, manifest } = checkpoint
  const facts = {
    commit,
    step,
    rows,
    'numbers in a vector': dim,
    placement: placement.kind,
    'identity (SHA-256)': await identity(found.bytes),
    store: manifest.store,
    bytes: bytesOf(manifest.layers).toLocaleString('en'),
    layers: manifest.layers.map(({ path }) => path).join(', '),
  }
  const told = Object.entries(facts).flatMap(([name, value]) => [
    element('dt', name),
    element('dd', apart(value)),
  ])
  find('#checkpoint dl').replaceChildren(...told)
  find('#checkpoint tbody').replaceChildren(
    ...checkpoint.columns.map((name) => {
      const { dtype, shape, codec } = manifest.layers[0].arrays.get(name)
      return row(
        name,
        dtype.name,
        shape.slice(1).join(' \u00d7 ') || 'one',
        [codec.name, codec.cname, codec.shuffle].filter(Boolean).join(' '),
      )
    }),
  )
  find('#checkpoint pre').textContent = JSON.stringify(checkpoint.metadata, null, 1).slice(
    0,
    100000,
  )
  for (const section of ['#checkpoint', '#health']) find(section).hidden = false
  const table = checkpoint.columns.length > 0
  find('#words').hidden = !table
  find('#columns').hidden = !table
  showContents(checkpoint, attempt)
  find('#health table').hidden = true
  say('#verdict', '')
  find('#word').hidden = true
  signal.throwIfAborted()
  if (table) await attempt(showWords)
}

async function identity(bytes) {
  const { sha256 } = await import('../sha256.js')
  return sha256(bytes)
}

/** @param {string} word */
const nameOf = (word) => (word === '' ? '(the empty word)' : word)

/** @param {number} count @param {string} one */
const plural = (count, one) => `${count} ${one}${count === 1 ? '' : 's'}`

/** Show the words that begin with what was typed; only the newest question is answered. */
let asked = 0
async function showWords() {
  const mine = ++asked
  const { checkpoint } = current
  if (checkpoint === null) return
  const found = await checkpoint.prefix(find('#prefix').value, { limit: MOST_WORDS })
  if (mine !== asked || checkpoint !== current.checkpoint) return
  find('#found').replaceChildren(
    ...found.map(({ word, row: number }) => {
      const show = () => attempt(() => showWord(checkpoint, word, number))
      return element('li', button(nameOf(word), show), `, row ${number}`)
    }),
  )
}

/** Show one word: the beginning of its vector, and its neighbours. */
async function showWord(checkpoint, word, number) {
  const { signal } = current.stop
  const place = find('#word')
  place.hidden = false
  place.querySelector('h3').replaceChildren(apart(nameOf(word)))
  place.querySelector('ol').replaceChildren()
  const vector = (await checkpoint.loadRows(number, number + 1)).vectors.data
  const begin = Array.from(vector)
    .slice(0, 8)
    .map((value) => value.toPrecision(4))
    .join(', ')
  place.querySelector('p').textContent =
    `${begin}${vector.length > 8 ? ', \u2026' : ''} \u2014 ` +
    `looking for neighbours among the first ${Math.min(checkpoint.rows, LOOKED_AT)} rows`
  const near = (await neighbours(checkpoint, vector, NEAREST, signal)).filter(
    (other) => other.row !== number,
  )
  const names = await Promise.all(near.map((other) => checkpoint.words(other.row, other.row + 1)))
  place.querySelector('p').textContent = `${begin}${vector.length > 8 ? ', \u2026' : ''}`
  place.querySelector('ol').replaceChildren(
    ...near.map(({ cosine }, i) => {
      return element('li', apart(nameOf(names[i][0])), `, ${cosine.toFixed(3)}`)
    }),
  )
}

/** Verify what is open, and show every problem as it is found. */
async function validate() {
  const { checkpoint } = current
  if (checkpoint === null) return
  const stop = new AbortController()
  const signal = AbortSignal.any([stop.signal, current.stop.signal])
  const [bar, table, stopping] = [find('progress'), find('#health table'), find('#stop')]
  const body = table.querySelector('tbody')
  body.replaceChildren()
  table.hidden = true
  bar.hidden = stopping.hidden = false
  stopping.onclick = () => stop.abort()
  say('#verdict', 'Reading\u2026')
  const onProgress = ({ bytes, total }) => {
    bar.value = total === 0 ? 1 : bytes / total
  }
  const onProblem = ({ code, key, chunk, rows, message }) => {
    table.hidden = false
    body.append(row(code, apart(key), chunk ?? '', rows?.join(' to ') ?? '', apart(message)))
  }
  try {
    const problems = await checkpoint.verify({ onProblem, onProgress, signal })
    const good = problems.length === 0
    say(
      '#verdict',
      good ? 'Sound: no problem was found.' : `${plural(problems.length, 'problem')}.`,
      good ? 'good' : 'error',
    )
  } catch (error) {
    if (error?.name !== 'AbortError') throw error
    say('#verdict', 'Stopped.')
  } finally {
    bar.hidden = stopping.hidden = true
  }
}

/** @param {string} url */
const openUrl = (url) => openStore(() => httpStore(url, { signal: current.stop.signal }))

find('#open').addEventListener('submit', (event) => {
  event.preventDefault()
  openUrl(find('#url').value)
})
find('#folder').addEventListener('change', (event) =>
  openStore(() => chosenStore(event.target.files)),
)
find('#prefix').addEventListener('input', () => attempt(showWords))
find('#verify').addEventListener('click', () => attempt(validate, '#verdict'))
document.addEventListener('dragover', (event) => {
  event.preventDefault()
  document.body.classList.add('dropping')
})
document.addEventListener('dragleave', () => document.body.classList.remove('dropping'))
document.addEventListener('drop', (event) => {
  event.preventDefault()
  document.body.classList.remove('dropping')
  openStore(() => droppedStore(event.dataTransfer))
})
say('#status', 'No store is open.')
const named = new URLSearchParams(location.hash.slice(1)).get('url')
if (named !== null) {
  find('#url').value = named
  openUrl(named)
}
