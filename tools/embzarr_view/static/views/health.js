/**
 * Health: whether a step is as it was written.
 *
 * @module
 */
import { ask, follow, order, WAITING } from '../ask.js'
import { apart, card, h, show, table, tile } from '../dom.js'
import { plural, size, whole } from '../text.js'

export const title = 'Health'

/** @param {HTMLElement} main */
export async function render(main, page) {
  const outcome = h('div.stack')
  const about = page.history.steps.find((one) => one.commit === page.commit)
  const full = h('button.main', 'Verify')
  const quick = h('button', 'Quick look')
  const begin = async (isQuick) => {
    await order('verify', { commit: page.commit, quick: isQuick }).catch(() => null)
    await watch()
  }
  full.addEventListener('click', () => begin(false))
  quick.addEventListener('click', () => begin(true))
  const watch = () => follow('verify', (job) => tell(outcome, job, [full, quick]), page.signal)
  const mark = about?.quarantined
    ? h('p', h('span.tag.bad', 'quarantined'), ' A repair has marked this step as damaged.')
    : null
  show(
    main,
    card(
      `Step ${whole(about?.step)}`,
      h(
        'p.soft',
        'Verify reads every object of the step and compares SHA-256, CRC-32C, Zarr metadata and words with the manifest. A quick look asks only whether each object is there and has its size.',
      ),
      mark,
      h('div.form', full, quick),
    ),
    outcome,
  )
  if ((await ask('job', { kind: 'verify' }, page.signal)) === null) {
    show(
      outcome,
      h(
        'div.card.empty',
        h('h2', 'Not verified yet'),
        h('p', 'Nothing was verified since this page was started.'),
      ),
    )
    return
  }
  await watch()
}

function tell(place, job, buttons) {
  const running = job.state === 'running'
  for (const button of buttons) button.disabled = running
  if (running) {
    const stop = h('button', { onclick: () => order('stop', { kind: 'verify' }) }, 'Stop')
    show(
      place,
      card(
        h('div.head', h('h2', job.waits ? WAITING : `Reading commit ${job.about.commit}`), stop),
        h('progress', { max: job.total || 1, value: job.done }),
        h(
          'p.soft.small',
          job.total ? `${size(job.done)} of ${size(job.total)}` : 'Reading the manifest…',
        ),
      ),
    )
  } else if (job.state === 'done') show(place, ...verdict(job.result, job.seconds))
  else
    show(
      place,
      card(
        job.state === 'stopped' ? 'Stopped' : 'Could not look',
        h('p', job.error ?? 'The last verification was stopped.'),
      ),
    )
}

function verdict(found, seconds) {
  const words = found.sound
    ? found.quick
      ? 'All is there; none of it was read'
      : 'Sound: all is as it was written'
    : `Damaged: ${plural(found.found, 'problem')}`
  const head = h('p.verdict', { role: 'status' }, words)
  head.classList.add(found.sound ? 'good' : 'bad')
  const read = h(
    'div.tiles',
    tile('Step', whole(found.step), `commit ${found.commit}`),
    tile('Objects', whole(found.objects)),
    tile('Chunks', found.quick ? '–' : whole(found.chunks)),
    tile('Read', size(found.bytes), `in ${seconds.toFixed(1)} s`),
  )
  const lists = [
    problems('Problems', found.problems, found.found),
    problems('Warnings', found.warnings, found.warnings.length),
  ]
  return [h('section.card', head), read, ...lists.filter(Boolean)]
}

function problems(heading, list, all) {
  if (list.length === 0) return null
  const rows = list.map((one) => [
    h('span.tag.bad', one.code),
    h('span.mono', apart(one.key)),
    one.chunk === null ? '–' : whole(one.chunk),
    one.rows === null ? '–' : `${whole(one.rows[0])} to ${whole(one.rows[1] - 1)}`,
    one.words.length ? one.words.flatMap((word, at) => [at ? ', ' : null, apart(word)]) : '–',
    apart(one.message),
  ])
  const more =
    all > list.length
      ? h('p.soft.small', `The first ${whole(list.length)} of ${whole(all)}.`)
      : null
  return card(
    heading,
    more,
    table(['Code', 'Object', '>Chunk', 'Rows', 'First words', 'What was found'], rows),
  )
}
