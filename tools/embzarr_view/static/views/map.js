/**
 * The commonest words in the plane.
 *
 * @module
 */
import { ask } from '../ask.js'
import { card, empty, h, labelled, select, show, waiting } from '../dom.js'
import { colour, draw, literal } from '../plot.js'
import { plural, whole } from '../text.js'

export const title = 'Map'

const COUNTS = ['200', '500', '1000', '2000', '5000']
const LABELLED = 80
const LETTERS = 18
/** Pixels of a letter, and of a name's height and what is around it. */
const LETTER = 6.5
const HIGH = 24
const BESIDE = 10
const METHODS = { pca: 'PCA', umap: 'UMAP' }

/** @param {HTMLElement} main */
export async function render(main, page) {
  const about = page.history.steps.find((one) => one.commit === page.commit)
  if (about && about.rows === null) {
    show(main, empty('No words', 'This step holds tensors and files: see Model.'))
    return
  }
  const count = COUNTS.includes(page.given.get('count')) ? page.given.get('count') : '1000'
  const method = page.history.maps.includes(page.given.get('method'))
    ? page.given.get('method')
    : 'pca'
  const counts = select(
    COUNTS.map((one) => [one, whole(Number(one))]),
    count,
  )
  const methods = select(
    page.history.maps.map((one) => [one, METHODS[one]]),
    method,
  )
  const again = () => page.go('map', { count: counts.value, method: methods.value })
  counts.addEventListener('change', again)
  methods.addEventListener('change', again)
  const search = h('input', {
    type: 'search',
    placeholder: 'Find on the map',
    spellcheck: false,
    ariaLabel: 'Find on the map',
  })
  const note = h(
    'p.soft.small',
    'Drag to move, turn the wheel to zoom, click a word to look at it.',
  )
  const plot = h('div.plot.map', waiting(`Placing ${whole(Number(count))} words…`))
  const form = h('div.form', labelled('First', counts), labelled('words by', methods), search)
  show(main, card(form, note, plot))
  const found = await ask('map', { commit: page.commit, count, method }, page.signal)
  note.append(` ${told(found)}`)
  show(plot)
  const paint = () => drawn(plot, found, search.value, page)
  search.addEventListener('input', paint)
  await paint()
}

function told(found) {
  const left = found.left_out
    ? ` ${plural(found.left_out, 'word')} without a direction left out.`
    : ''
  if (found.shares === null || found.shares[0] === null) return left
  const [first, second] = found.shares.map((share) => `${((share ?? 0) * 100).toFixed(1)} %`)
  return `The axes hold ${first} and ${second} of the variance.${left}`
}

/** Draw all words as dots, and name as many as have room, or those that are sought. */
async function drawn(plot, found, sought, page) {
  const wanted = sought.toLowerCase()
  const hits = found.words.flatMap((one, at) =>
    wanted && one.word.toLowerCase().startsWith(wanted) ? [at] : [],
  )
  const all = dots(
    found,
    found.words.map((_, at) => at),
    {
      size: found.words.length <= 500 ? 7 : 5,
      opacity: hits.length ? 0.18 : 0.5,
      color: colour('c1'),
      line: { width: 0 },
    },
  )
  const named = (axes) => {
    const some = axes === null ? [] : apart(found, hits.length ? hits : all.at, axes)
    return {
      ...dots(found, some, { size: hits.length ? 9 : 6, color: colour(hits.length ? 'c2' : 'c1') }),
      mode: 'markers+text',
      text: some.map((at) => literal(found.words[at].word, LETTERS)),
      textposition: 'top center',
      textfont: { size: 11.5, color: colour('ink') },
    }
  }
  const plain = { showgrid: false, zeroline: false, showticklabels: false, showline: false }
  const layout = {
    showlegend: false,
    dragmode: 'pan',
    hovermode: 'closest',
    margin: { l: 10, r: 10, t: 24, b: 10 },
    xaxis: plain,
    yaxis: { ...plain, scaleanchor: 'x' },
  }
  await draw(plot, [all, named(null)], { layout, bar: true })
  if (plot.on === undefined) return
  plot.removeAllListeners('plotly_click')
  plot.removeAllListeners('plotly_relayout')
  plot.on('plotly_click', ({ points }) => page.go('words', { rows: String(points[0].customdata) }))
  // Which names have room is known once it is drawn.
  const name = () => {
    const { x, y, text, hovertext, customdata } = named([
      [...plot.layout.xaxis.range, plot.clientWidth],
      [...plot.layout.yaxis.range, plot.clientHeight],
    ])
    return globalThis.Plotly.restyle(
      plot,
      { x: [x], y: [y], text: [text], hovertext: [hovertext], customdata: [customdata] },
      [1],
    )
  }
  plot.on('plotly_relayout', name)
  await name()
}

const dots = (found, at, marker) => ({
  type: 'scatter',
  mode: 'markers',
  at,
  x: at.map((one) => found.x[one]),
  y: at.map((one) => found.y[one]),
  hovertext: at.map((one) => literal(found.words[one].word)),
  customdata: at.map((one) => found.words[one].row),
  hoverinfo: 'text',
  marker,
})

/**
 * Choose words whose names do not lie upon each other, the first ones first.
 *
 * @param {any} found
 * @param {number[]} places of words, the most important first
 * @param {[number, number, number][]} axes the first and last number that is seen, and its pixels
 */
function apart(found, places, axes) {
  const [across, up] = axes.map(([first, last, pixels]) => {
    return (value) => ((value - first) / (last - first)) * pixels
  })
  const chosen = []
  for (const at of places) {
    const one = {
      at,
      x: across(found.x[at]),
      y: up(found.y[at]),
      wide: Math.min([...found.words[at].word].length, LETTERS) * LETTER + BESIDE,
    }
    if (one.x < 0 || one.x > axes[0][2] || one.y < 0 || one.y > axes[1][2]) continue
    if (chosen.some((other) => isUpon(one, other))) continue
    chosen.push(one)
    if (chosen.length === LABELLED) break
  }
  return chosen.map(({ at }) => at)
}

const isUpon = (one, other) =>
  Math.abs(one.x - other.x) < (one.wide + other.wide) / 2 && Math.abs(one.y - other.y) < HIGH
