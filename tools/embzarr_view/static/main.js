/**
 * The page: which view of which step is shown, by what stands behind the `#` of the address.
 *
 * @module
 */
import { ask } from './ask.js'
import { find, h, select, show, told, waiting } from './dom.js'
import * as compare from './views/compare.js'
import * as health from './views/health.js'
import * as map from './views/map.js'
import * as model from './views/model.js'
import * as runs from './views/runs.js'
import * as storage from './views/storage.js'
import * as words from './views/words.js'

const VIEWS = { runs, words, map, compare, storage, model, health }
const LOOK_AGAIN = 15000

/** What is known of the run; views read it. */
const state = { history: null, commit: null }
let leaving = new AbortController()

/** What the address says: a view, and its parameters. */
function here() {
  const [path, query] = location.hash.replace(/^#\/?/, '').split('?')
  const name = Object.hasOwn(VIEWS, path) ? path : 'runs'
  return { name, given: new URLSearchParams(query ?? '') }
}

/**
 * Go to a view.
 *
 * @param {string} name
 * @param {Record<string, string | number | null>} [given] further parameters; the step stays
 */
export function go(name, given = {}) {
  const all = { commit: state.commit, ...given }
  const pairs = Object.entries(all).filter(([, value]) => value !== null && value !== '')
  const query = new URLSearchParams(pairs.map(([key, value]) => [key, String(value)]))
  location.hash = `#/${name}${pairs.length ? `?${query}` : ''}`
}

/** Draw what the address names. */
async function render() {
  leaving.abort()
  leaving = new AbortController()
  const { signal } = leaving
  const { name, given } = here()
  const asked = Number(given.get('commit'))
  state.commit = Number.isSafeInteger(asked) && asked > 0 ? asked : null
  const view = VIEWS[name]
  find('h1').textContent = view.title
  frame(name)
  const main = find('main')
  main.dataset.view = name
  trouble(null)
  show(main, waiting('Reading…'))
  try {
    state.history ??= await ask('history', {}, signal)
    chooser(view.stepless === true)
    const commit = state.commit ?? state.history.steps.find((one) => !one.error)?.commit ?? null
    await view.render(main, { ...state, commit, given, signal, go, more })
  } catch (error) {
    if (error.name === 'AbortError' || signal.aborted) return
    show(main)
    trouble(error)
  }
}

/** Say what went wrong, or that nothing did. */
function trouble(error) {
  const place = find('#trouble')
  place.hidden = error === null
  place.textContent = error === null ? '' : told(error)
}

function frame(name) {
  const suffix = state.commit === null ? '' : `?commit=${state.commit}`
  show(
    find('nav'),
    ...Object.entries(VIEWS).map(([key, view]) => {
      const link = h('a', { href: `#/${key}${suffix}` }, view.title)
      if (key === name) link.setAttribute('aria-current', 'page')
      return link
    }),
  )
}

/** Fill the list of steps. */
function chooser(hidden) {
  find('.choice').hidden = hidden
  const { steps, url } = state.history
  document.title = `embzarr: ${url}`
  find('#store').textContent = url
  const pairs = steps
    .filter((one) => !one.error)
    .map((one) => [
      String(one.commit),
      `${one.step.toLocaleString('en')} · commit ${one.commit}${one.tags.length ? ` · ${one.tags[0].slice(0, 30)}` : ''}`,
    ])
  if (state.commit !== null && !pairs.some(([value]) => value === String(state.commit))) {
    pairs.push([String(state.commit), `commit ${state.commit}`])
  }
  const fresh = select(pairs, String(state.commit ?? pairs[0]?.[0] ?? ''), { id: 'commit' })
  fresh.addEventListener('change', () => {
    const { name, given } = here()
    const newest = fresh.value === pairs[0][0]
    go(name, { ...Object.fromEntries(given), commit: newest ? null : fresh.value })
  })
  find('#commit').replaceWith(fresh)
}

/** Read older commits, too. */
async function more() {
  const { history } = state
  const older = await ask('history', { before: history.older }, leaving.signal)
  const steps = [...history.steps, ...older.steps]
  const lines = new Map(history.series.map((one) => [one.path, one.points]))
  for (const one of older.series)
    lines.set(one.path, [...one.points, ...(lines.get(one.path) ?? [])])
  const series = [...lines].map(([path, points]) => ({ path, points }))
  state.history = { ...history, steps, series, older: older.older }
  await render()
}

/** Look now and then whether the run went on. */
async function lookAgain() {
  if (document.hidden || state.history === null) return
  try {
    const { newest } = await ask('newest')
    find('#newer').hidden = newest <= state.history.newest
  } catch {
    // Whoever asks for something next is told.
  }
}

find('#newer').addEventListener('click', () => {
  state.history = null
  find('#newer').hidden = true
  render()
})
addEventListener('hashchange', render)
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', render)
setInterval(lookAgain, LOOK_AGAIN)
render()
