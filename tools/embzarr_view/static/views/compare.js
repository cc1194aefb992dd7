/**
 * Two steps side by side.
 *
 * @module
 */
import { ask, follow, order, WAITING } from '../ask.js'
import { apart, card, empty, h, labelled, select, show, table, tile } from '../dom.js'
import { colour, draw } from '../plot.js'
import { cosine, figure, plural, whole } from '../text.js'

export const title = 'Compare'
export const stepless = true

const STOPS = [
  ['50000', 'the first 50,000 rows'],
  ['', 'all rows'],
]

/** @param {HTMLElement} main */
export async function render(main, page) {
  const steps = page.history.steps.filter((one) => !one.error)
  if (steps.length < 2) {
    show(main, empty('One step only', 'There is nothing to compare it with yet.'))
    return
  }
  const pairs = steps.map((one) => [
    String(one.commit),
    `step ${whole(one.step)} · commit ${one.commit}`,
  ])
  const before = select(pairs, page.given.get('before') ?? pairs[1][0])
  const after = select(pairs, page.given.get('after') ?? pairs[0][0])
  const stop = select(STOPS, '50000')
  const button = h('button.main', 'Compare')
  const place = h('div.stack')
  const watch = () => follow('compare', (job) => tell(place, job, button), page.signal)
  button.addEventListener('click', async () => {
    const what = { before: before.value, after: after.value, stop: stop.value || null }
    await order('compare', what).catch(() => null) // whoever follows it is told, too
    await watch()
  })
  show(
    main,
    card(
      h(
        'div.form',
        labelled('From', before),
        labelled('to', after),
        labelled('over', stop),
        button,
      ),
    ),
    place,
  )
  if ((await ask('job', { kind: 'compare' }, page.signal)) === null) {
    show(
      place,
      empty('Choose two steps', 'Words are matched by their text, wherever their rows lie.'),
    )
    return
  }
  await watch()
}

function tell(place, job, button) {
  const running = job.state === 'running'
  button.disabled = running
  if (running) {
    const stop = h('button', { onclick: () => order('stop', { kind: 'compare' }) }, 'Stop')
    show(
      place,
      card(
        h('div.head', h('h2', job.waits ? WAITING : `Comparing ${job.what || 'words'}`), stop),
        h('progress', { max: job.total || 1, value: job.done }),
      ),
    )
  } else if (job.state === 'done') result(place, job.result)
  else
    show(
      place,
      card(
        job.state === 'stopped' ? 'Stopped' : 'Could not compare',
        h('p', job.error ?? 'The comparison was stopped.'),
      ),
    )
}

function result(place, found) {
  const plot = h('div.plot')
  const few =
    found.looked_at < found.from.rows
      ? `of the first ${whole(found.looked_at)} rows`
      : 'of all rows'
  show(
    place,
    h(
      'div.tiles',
      tile('Compared', `${whole(found.from.step)} → ${whole(found.to.step)}`, 'steps'),
      tile('In both', whole(found.common), 'words'),
      tile('Added', whole(found.added), 'words'),
      tile('Lost', whole(found.lost), 'words'),
      tile('Changed', whole(found.changed), few),
    ),
    h(
      'div.cards',
      card(
        'How far words turned',
        h('p.soft.small', 'Cosine of a word’s vector before and after.'),
        found.histogram
          ? plot
          : h('p.soft', 'No word can be compared: vectors differ in length, or are zero.'),
        percentiles(found.cosine),
      ),
      card(
        'Words that moved most',
        found.moved.length ? moved(found.moved) : h('p.soft', 'None did.'),
      ),
    ),
    h(
      'div.cards',
      list('Added words', found.first_added, found.added),
      list('Lost words', found.first_lost, found.lost),
    ),
    members('Tensors', found.tensors),
    members('Files', found.files),
    found.metadata.length
      ? card(
          'Metadata',
          table(
            ['Member', 'From', 'To'],
            found.metadata.map((one) => [apart(one.name), apart(one.from), apart(one.to)]),
          ),
        )
      : null,
  )
  if (!found.histogram) return
  const { edges, counts } = found.histogram
  const middle = counts.map((_, at) => (edges[at] + edges[at + 1]) / 2)
  draw(
    plot,
    [
      {
        type: 'bar',
        x: middle,
        y: counts,
        marker: { color: colour('c1') },
        hovertemplate: '%{x:.4f}: %{y} words<extra></extra>',
      },
    ],
    { x: 'cosine', y: 'words', layout: { bargap: 0.04 } },
  )
}

function percentiles(found) {
  if (!found) return null
  const names = Object.keys(found)
  const shown = table(
    names.map((name) => `>${name}`),
    [names.map((name) => cosine(found[name]))],
  )
  shown.classList.add('close')
  return shown
}

const moved = (list) =>
  h(
    'div.long',
    table(
      ['Word', '>Cosine'],
      list.map((one) => [apart(one.word), cosine(one.cosine)]),
    ),
  )

const list = (heading, words, all) =>
  card(
    heading,
    words.length === 0
      ? h('p.soft', 'None.')
      : h(
          'p',
          words.flatMap((word, at) => [at ? ', ' : null, apart(word)]),
          all > words.length ? ` and ${whole(all - words.length)} more` : null,
        ),
  )

function members(heading, found) {
  const named = [
    ...found.added.map((name) => [name, 'added', null]),
    ...found.lost.map((name) => [name, 'lost', null]),
    ...found.changed.map((one) => [one.name, 'changed', one.relative]),
  ]
  if (named.length === 0 && found.same === 0) return null
  const rows = named.map(([name, what, relative]) => [
    apart(name),
    h('span.tag.plain', what),
    figure(relative),
  ])
  return card(
    heading,
    h('p.soft.small', `${plural(found.same, 'is', 'are')} the same.`),
    rows.length ? table(['Name', 'What', '>Relative change'], rows) : null,
  )
}
