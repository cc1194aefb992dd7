/**
 * What the step says of itself, and its tensors and files.
 *
 * @module
 */
import { ask } from '../ask.js'
import { apart, card, cells, facts, h, show, table, trouble, waiting } from '../dom.js'
import { figure, moment, plural, size, whole } from '../text.js'

export const title = 'Model'

const TENSORS = ['Tensor', '>Shape', 'Type', '>Raw', '>Stored', '>Layer']
const FILES = ['File', 'Type', '>Size', 'SHA-256', '>Layer']

/** @param {HTMLElement} main */
export async function render(main, page) {
  const asked = { commit: page.commit }
  const [about, found] = await Promise.all([
    ask('about', asked, page.signal),
    ask('contents', asked, page.signal),
  ])
  const part = h('div')
  show(
    main,
    h(
      'div.cards',
      card(`Step ${whole(about.step)}`, described(about)),
      about.metadata
        ? card('Metadata', h('pre', about.metadata))
        : card('Metadata', h('p.soft', 'The writer left none.')),
    ),
    about.model ? card('Model', h('pre', about.model)) : null,
    part,
    members(
      'tensor',
      found.tensors,
      found.tensors_in_all,
      found.tensor_bytes,
      TENSORS,
      tensorCells,
      page,
      part,
    ),
    members(
      'file',
      found.files,
      found.files_in_all,
      found.file_bytes,
      FILES,
      fileCells,
      page,
      part,
    ),
  )
}

const described = (about) =>
  facts({
    commit: about.commit,
    kind: about.kind,
    'created (UTC)': moment(about.created),
    'written by': apart(about.writer),
    words: about.dim ? whole(about.rows) : null,
    vectors: about.dim ? `${about.dim} × ${about.dtype}` : null,
    columns: about.columns.length
      ? about.columns.flatMap((name, at) => [at ? ', ' : null, apart(name)])
      : null,
    placement: about.dim ? about.placement : null,
  })

const tensorCells = (one) => [
  apart(one.name),
  one.shape.map(whole).join(' × ') || 'one number',
  one.dtype,
  size(one.bytes_raw),
  one.bytes_stored === null ? 'with others' : size(one.bytes_stored),
  one.layer,
]

const fileCells = (one) => [
  apart(one.name),
  one.type || '–',
  size(one.size),
  h('span.mono', one.sha256.slice(0, 16)),
  one.layer,
]

/** A list that can be filtered, of which each line can be looked into. */
function members(kind, list, all, bytes, columns, toCells, page, part) {
  if (all === 0)
    return card(
      `${kind === 'file' ? 'Files' : 'Tensors'}`,
      h('p.soft', `This step holds no ${kind}s.`),
    )
  const filter = h('input', {
    type: 'search',
    placeholder: 'Filter by name',
    ariaLabel: `Filter ${kind}s by name`,
  })
  const place = h('div')
  const fill = () => {
    const some = list.filter((one) => one.name.toLowerCase().includes(filter.value.toLowerCase()))
    show(
      place,
      table(
        columns,
        some.map((one) => {
          const row = h('tr.pick', { tabIndex: 0 }, cells(columns, toCells(one)))
          const open = () => look(part, kind, one, page)
          row.addEventListener('click', open)
          row.addEventListener('keydown', (event) => event.key === 'Enter' && open())
          return row
        }),
      ),
    )
  }
  filter.addEventListener('input', fill)
  fill()
  const cut = all > list.length ? `, the first ${whole(list.length)} are listed` : ''
  return card(
    h('div.head', h('h2', `${kind === 'file' ? 'Files' : 'Tensors'}`), filter),
    h('p.soft.small', `${plural(all, kind)}, ${size(bytes)}${cut}`),
    place,
  )
}

async function look(part, kind, one, page) {
  show(part, card(apart(one.name), waiting('Reading its beginning…')))
  part.scrollIntoView({ block: 'nearest' })
  try {
    const found = await ask(kind, { commit: page.commit, at: one.at }, page.signal)
    show(
      part,
      card(h('h2', apart(found.name)), ...(kind === 'file' ? beginning(found) : numbers(found))),
    )
  } catch (error) {
    if (error.name !== 'AbortError') show(part, card(h('h2', apart(one.name)), trouble(error)))
  }
}

function beginning(found) {
  const cut =
    found.seen < found.size
      ? `The first ${size(found.seen)} of ${size(found.size)}.`
      : size(found.size)
  return [
    h('p.soft.small', cut),
    found.text === null ? h('p', 'It is not text.') : h('pre', found.text),
  ]
}

function numbers(found) {
  const spread =
    found.mean === null
      ? ''
      : `: ${figure(found.least)} to ${figure(found.most)}, ${figure(found.mean)} on average`
  return [
    h('p.soft.small', `The first ${plural(found.seen, 'number')}${spread}.`),
    h(
      'pre',
      found.numbers
        .map((value) => (typeof value === 'number' ? figure(value) : (value ?? 'not finite')))
        .join('  ') + (found.seen > found.numbers.length ? '  …' : ''),
    ),
  ]
}
