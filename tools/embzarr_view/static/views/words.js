/**
 * Words: found as one types, side by side, with their neighbours and their drift.
 *
 * @module
 */
import { ask } from '../ask.js'
import { apart, bar, card, empty, facts, h, show, trouble, waiting } from '../dom.js'
import { colourOf, draw, line, literal } from '../plot.js'
import { searchBox } from '../search.js'
import { cosine, figure, plural, whole } from '../text.js'

export const title = 'Words'

const MOST_WORDS = 8
const MOST_STEPS = 40
/** Letters of a word beside a plot. */
const LEGEND = 24

/** @param {HTMLElement} main */
export async function render(main, page) {
  const about = page.history.steps.find((one) => one.commit === page.commit)
  if (about && about.rows === null) {
    show(main, empty('No words', 'This step holds tensors and files: see Model.'))
    return
  }
  const rows = (page.given.get('rows') ?? '').split(',').filter(Boolean).slice(0, MOST_WORDS)
  const add = ({ row }) =>
    page.go('words', { rows: [...new Set([...rows, String(row)])].slice(-MOST_WORDS).join(',') })
  const search = searchBox(page, add, 'A word, or how it begins')
  const beside = h('div.beside')
  const drift = h('div.stack')
  show(main, h('div.form', search.place), beside, drift)
  if (rows.length === 0) {
    await common(beside, page, add)
    return
  }
  const words = rows.map((row) => wordCard(row, rows, page, add))
  show(beside, ...words.map(({ place }) => place))
  await Promise.all([...words.map(({ begin }) => begin()), drifted(drift, rows, page)])
}

/** Where nothing is chosen yet: the words of the first rows. */
async function common(place, page, add) {
  const { words } = await ask('complete', { commit: page.commit, prefix: '' }, page.signal)
  const buttons = words.map((one) => h('button', { onclick: () => add(one) }, apart(one.word)))
  show(
    place,
    card(
      'Choose a word',
      h('p.soft', 'Type above, or take one of the first rows. Several are shown side by side.'),
      h('div.common', buttons),
    ),
  )
}

function wordCard(row, rows, page, add) {
  const place = h('section.card', waiting('Reading the word…'))
  const others = rows.filter((one) => one !== row).join(',')
  const remove = () => page.go('words', { rows: others })
  const begin = async () => {
    try {
      const word = await ask('word', { commit: page.commit, row }, page.signal)
      const near = h('div', waiting('Looking for neighbours…'))
      show(place, ...described(word, remove), near)
      await neighbours(near, row, page, add, false)
    } catch (error) {
      if (error.name !== 'AbortError')
        show(place, trouble(error), h('button', { onclick: remove }, 'Remove'))
    }
  }
  return { place, begin }
}

function described(word, remove) {
  const told = {
    row: whole(word.row),
    count: word.count === null ? null : whole(word.count),
    length: figure(word.length),
    letters: word.letters > 60 ? `${whole(word.letters)}, ${plural(word.bytes, 'byte')}` : null,
    ...Object.fromEntries(
      Object.entries(word.columns).map(([name, value]) => [name, apart(value)]),
    ),
  }
  const close = h(
    'button.link',
    { onclick: remove, title: 'Take it away', ariaLabel: 'Take it away' },
    '×',
  )
  return [
    h('div.head', h('h2', apart(word.word)), close),
    facts(told),
    bars(word.vector),
    h(
      'p.soft.small',
      `${word.vector.length} numbers, ${figure(least(word.vector))} to ${figure(most(word.vector))}`,
    ),
  ]
}

const known = (vector) => vector.filter((value) => value !== null)
const least = (vector) => known(vector).reduce((a, b) => Math.min(a, b), Infinity)
const most = (vector) => known(vector).reduce((a, b) => Math.max(a, b), -Infinity)
const SVG = 'http://www.w3.org/2000/svg'

/** The numbers of a vector as bars up and down. @param {(number | null)[]} vector */
function bars(vector) {
  const made = document.createElementNS(SVG, 'svg')
  made.setAttribute('class', 'vector')
  made.setAttribute('viewBox', `0 0 ${vector.length} 100`)
  made.setAttribute('preserveAspectRatio', 'none')
  made.setAttribute('role', 'img')
  made.setAttribute('aria-label', 'the numbers of the vector')
  const highest = Math.max(...known(vector).map(Math.abs), 1e-30)
  vector.forEach((value, at) => {
    const height = (Math.abs(value ?? 0) / highest) * 50
    const one = document.createElementNS(SVG, 'rect')
    one.setAttribute('x', String(at + 0.1))
    one.setAttribute('width', '0.8')
    one.setAttribute('y', String(value > 0 ? 50 - height : 50))
    one.setAttribute('height', String(height))
    if (value < 0) one.setAttribute('class', 'minus')
    const hint = document.createElementNS(SVG, 'title')
    hint.textContent = `${at}: ${value}`
    one.append(hint)
    made.append(one)
  })
  return made
}

async function neighbours(place, row, page, add, all) {
  try {
    const found = await ask('neighbours', { commit: page.commit, row, all }, page.signal)
    const items = found.near.map((one) =>
      h(
        'li',
        h('button.link', { onclick: () => add(one) }, apart(one.word)),
        bar(one.cosine ?? 0),
        h('span.right', cosine(one.cosine)),
      ),
    )
    const again = h(
      'button.link',
      {
        onclick: () => {
          show(place, waiting('Reading all vectors…'))
          neighbours(place, row, page, add, true)
        },
      },
      `among all ${whole(found.rows)}`,
    )
    const among =
      found.among < found.rows
        ? [`among the first ${whole(found.among)} rows; `, again]
        : `among all ${plural(found.rows, 'row')}`
    show(place, h('h3', 'Neighbours'), h('p.soft.small', among), h('ol.near', items))
  } catch (error) {
    if (error.name !== 'AbortError') show(place, trouble(error))
  }
}

/** Commits spread evenly over the run, one of each step. */
function chosen(steps) {
  const seen = new Set()
  const distinct = steps.filter(
    (one) => !one.error && one.rows !== null && !seen.has(one.step) && seen.add(one.step),
  )
  const ordered = distinct.reverse()
  if (ordered.length <= MOST_STEPS) return ordered
  const far = (ordered.length - 1) / (MOST_STEPS - 1)
  return Array.from({ length: MOST_STEPS }, (_, at) => ordered[Math.round(at * far)])
}

async function drifted(place, rows, page) {
  const steps = chosen(page.history.steps)
  if (steps.length < 2) return
  show(place, waiting('Looking at other steps…'))
  const commits = steps.map((one) => one.commit).join(',')
  let found
  try {
    found = await ask('drift', { commit: page.commit, rows: rows.join(','), commits }, page.signal)
  } catch (error) {
    if (error.name !== 'AbortError') show(place, trouble(error))
    return
  }
  const [moved, long, pairs] = [h('div.plot.low'), h('div.plot.low'), h('div.plot.low')]
  const together = found.words.length > 1
  show(
    place,
    together ? key(found.words) : null,
    h(
      together ? 'div.cards.three' : 'div.cards',
      card(
        'Drift',
        h(
          'p.soft.small',
          'Cosine of a word’s vector at each step with its vector at the step that is looked at.',
        ),
        moved,
      ),
      card('Length', h('p.soft.small', 'Euclidean length of the vector at each step.'), long),
      together
        ? card(
            h('h2', 'With ', apart(found.words[0].word)),
            h('p.soft.small', 'Cosine with the first word, at each step.'),
            pairs,
          )
        : null,
    ),
  )
  const lines = (values, skip = 0) =>
    found.words.slice(skip).map((one, at) =>
      line(literal(one.word, LEGEND), found.steps, values[at + skip], {
        line: { width: 2, color: colourOf(at + skip) },
      }),
    )
  await Promise.all([
    draw(moved, lines(found.cosines), { x: 'step', layout: { showlegend: false } }),
    draw(long, lines(found.lengths), { x: 'step', layout: { showlegend: false } }),
    together
      ? draw(pairs, lines(found.to_first, 1), { x: 'step', layout: { showlegend: false } })
      : null,
  ])
}

/** Which colour is which word's, once for all plots: in each, many words would leave it no room. */
const key = (words) =>
  h(
    'p.key',
    words.map((one, at) => {
      const dot = h('i')
      dot.style.background = colourOf(at)
      return h('span', dot, apart(one.word))
    }),
  )
