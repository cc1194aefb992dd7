/**
 * The run: its steps, what they take, and how training went.
 *
 * @module
 */
import { follow, order, WAITING } from '../ask.js'
import { apart, card, cells, empty, h, show, table, tile } from '../dom.js'
import { colourOf, draw, line, literal } from '../plot.js'
import { age, moment, plural, size, whole } from '../text.js'

export const title = 'Run'

const NAMES = { loss: 'Loss', alpha: 'Learning rate', words_per_second: 'Words a second' }
const MOST_PLOTS = 12
const COLUMNS = [
  'Step',
  'Commit',
  'Kind',
  '>Rows',
  '>Written',
  '>In all layers',
  '>Age',
  'Written by',
  'Tags',
]

/** @param {HTMLElement} main */
export async function render(main, page) {
  const { history } = page
  const sound = history.steps.filter((one) => !one.error)
  if (history.steps.length === 0) {
    show(main, empty('No steps', 'All commits of this run were given up.'))
    return
  }
  const plots = h('div.cards')
  const steps = card(
    `Steps`,
    history.listed
      ? null
      : h('p.soft.small', 'The store cannot list: tags and marks are not known.'),
    rows(history, page),
  )
  show(main, tiles(sound, history), plots, steps)
  const places = [
    ...history.series.slice(0, MOST_PLOTS).map(seriesPlot),
    ...(sound.length ? [storagePlot(sound)] : []),
  ]
  if (history.may_score) places.unshift(scores(page))
  show(plots, ...places.map(({ place }) => place))
  await Promise.all(places.map(({ begin }) => begin()))
}

function tiles(sound, history) {
  const newest = sound[0]
  const written = sound.reduce((sum, one) => sum + one.bytes_written, 0)
  const full = sound.filter((one) => one.kind === 'full').length
  const held =
    newest === undefined
      ? '–'
      : newest.rows === null
        ? plural(newest.tensors, 'tensor')
        : `${whole(newest.rows)}`
  const note = newest?.rows
    ? `words of ${newest.dim} × ${newest.dtype}`
    : newest?.files
      ? plural(newest.files, 'file')
      : ''
  const more = history.older === null ? '' : ', and older ones'
  return h(
    'div.tiles',
    tile('Newest step', whole(newest?.step), newest ? `${age(newest.created)} ago` : null),
    tile('Holds', held, note),
    tile('Steps', whole(sound.length), `${full} full, ${sound.length - full} deltas${more}`),
    tile('Written', size(written), 'by all steps shown'),
    tile(
      'Newest in all',
      size(newest?.bytes_read_through ?? null),
      newest ? `in ${plural(newest.layers, 'layer')}` : null,
    ),
  )
}

function rows(history, page) {
  const lines = history.steps.map((one) => (one.error ? broken(one) : stepRow(one, page)))
  const shown = table(COLUMNS, lines)
  if (history.older === null) return shown
  return h('div', shown, h('p', h('button', { onclick: page.more }, 'Show older steps')))
}

function broken(one) {
  const row = h(
    'tr',
    h('td', h('span.tag.bad', 'damaged')),
    h('td', one.commit),
    h('td', { colSpan: 7 }, one.error),
  )
  return row
}

function stepRow(one, page) {
  const marks = one.tags.map((tag) => h('span.tag', apart(tag)))
  if (one.quarantined) marks.push(h('span.tag.bad', 'quarantined'))
  const made = h(
    'tr.pick',
    { tabIndex: 0, title: 'Look at this step' },
    cells(COLUMNS, [
      h('strong', whole(one.step)),
      one.commit,
      h('span.tag.plain', one.kind === 'delta' ? `delta, layer ${one.layers}` : one.kind),
      one.rows === null ? '–' : whole(one.rows),
      size(one.bytes_written),
      size(one.bytes_read_through),
      h('time', { title: moment(one.created) }, age(one.created)),
      apart(one.writer),
      marks,
    ]),
  )
  const pick = () => page.go('runs', { commit: one.commit })
  made.addEventListener('click', pick)
  made.addEventListener('keydown', (event) => event.key === 'Enter' && pick())
  made.classList.toggle('picked', one.commit === page.commit)
  return made
}

function seriesPlot({ path, points }, at) {
  const name = path.split('.').at(-1)
  const place = h('div.plot.low')
  const marks = line(
    literal(name),
    points.map(([step]) => step),
    points.map(([, value]) => value),
    {
      line: { width: 2, color: colourOf(at) },
    },
  )
  const begin = () => draw(place, [marks], { x: 'step' })
  return {
    place: card(
      h('h2', NAMES[name] ?? apart(name)),
      NAMES[name] ? null : h('p.soft.small', apart(path)),
      place,
    ),
    begin,
  }
}

/** What was written by each step, and by all until then. */
function storagePlot(sound) {
  const place = h('div.plot.low')
  const ordered = [...sound].sort((a, b) => a.commit - b.commit)
  let sum = 0
  const all = ordered.map((one) => (sum += one.bytes_written))
  const kinds = [...new Set(ordered.map((one) => one.kind))]
  const bars = kinds.map((kind, at) => {
    const some = ordered.filter((one) => one.kind === kind)
    return {
      type: 'bar',
      name: kind,
      x: some.map((one) => one.commit),
      y: some.map((one) => one.bytes_written),
      marker: { color: colourOf(at === 0 ? 0 : 6) },
    }
  })
  const traces = [
    ...bars,
    line(
      'in all',
      ordered.map((one) => one.commit),
      all,
      { line: { width: 2, color: colourOf(1) } },
    ),
  ]
  const begin = () => draw(place, traces, { x: 'commit', layout: { yaxis: { ticksuffix: 'B' } } })
  return { place: card('Storage over time', place), begin }
}

/** Scores of the files that `--eval` named, computed when asked for. */
function scores(page) {
  const place = h('div')
  const button = h('button.main', 'Score every step')
  button.addEventListener('click', async () => {
    await order('scores').catch(() => null)
    begin()
  })
  const tell = (job) => {
    if (job.state === 'running')
      show(
        place,
        job.waits ? h('p.soft', WAITING) : null,
        h('progress', { max: job.total || 1, value: job.done }),
      )
    else if (job.error) show(place, h('p.trouble', job.error))
    else if (job.result) plotScores(place, job.result)
  }
  const begin = () => follow('scores', tell, page.signal)
  return { place: card(h('div.head', h('h2', 'Scores'), button), place), begin }
}

function plotScores(place, found) {
  const plot = h('div.plot.low')
  show(place, plot)
  const traces = found.map(({ path, points }) =>
    line(
      literal(path),
      points.map(([step]) => step),
      points.map(([, value]) => value),
    ),
  )
  return draw(plot, traces, { x: 'step' })
}
