/**
 * Storage: what the step takes, how well it compresses, and what it costs.
 *
 * @module
 */
import { ask } from '../ask.js'
import { apart, bar, card, h, show, table, tile, trouble } from '../dom.js'
import { colour, colourOf, draw, literal } from '../plot.js'
import { plural, size, whole } from '../text.js'

export const title = 'Storage'

/** To begin with; the user sets them. US dollars for a GB (10^9 bytes) and month. */
const PRICES = [
  ['S3 Standard', 0.023],
  ['S3 Infrequent Access', 0.0125],
  ['Own disks', 0.005],
]
const KEPT = 'embzarr-prices'

/** @param {HTMLElement} main */
export async function render(main, page) {
  const found = await ask('storage', { commit: page.commit }, page.signal)
  const plot = h('div.plot.tall')
  const chunks = h('div')
  const stored = found.bytes_stored
  show(
    main,
    h(
      'div.tiles',
      tile('Stored', size(stored), `step ${whole(found.step)}`),
      tile('Raw', size(found.bytes_raw), 'its rows, tensors and files'),
      tile('Ratio', stored ? (found.bytes_raw / stored).toFixed(2) : '–', 'raw over stored'),
      tile(
        'Objects',
        whole(found.layers.reduce((sum, one) => sum + one.objects, 0)),
        `in ${plural(found.layers.length, 'layer')}`,
      ),
    ),
    card(
      'Shards',
      h(
        'p.soft.small',
        'Area is bytes stored. Click a layer or an array to look into it, a shard to see its chunks.',
      ),
      plot,
      chunks,
    ),
    h(
      'div.cards.uneven',
      card(
        'Cost a month',
        h('p.soft.small', 'US dollars for 10⁹ bytes and month; set what you pay.'),
        cost(page.history, stored),
      ),
      card('Layers', layers(found.layers)),
    ),
    card('Compression by array', arrays(found.arrays)),
  )
  await treemap(plot, found, (array, shard) => intoShard(chunks, array, shard, page))
}

function treemap(plot, found, choose) {
  const nodes = [
    {
      id: 'all',
      label: `step ${found.step}`,
      parent: '',
      value: found.bytes_stored,
      colour: colour('tint'),
    },
  ]
  found.layers.forEach((layer, at) => {
    nodes.push({
      id: `l${at}`,
      label: `${layer.kind} ${at}`,
      parent: 'all',
      value: layer.bytes_stored,
      colour: colour('line'),
    })
    const own = found.arrays.filter((one) => one.layer === at)
    const rest = layer.bytes_stored - own.reduce((sum, one) => sum + one.bytes_stored, 0)
    if (rest > 0)
      nodes.push({
        id: `l${at}r`,
        label: 'documents',
        parent: `l${at}`,
        value: rest,
        colour: colour('soft'),
      })
  })
  const names = [...new Set(found.arrays.map((one) => one.name))]
  const paint = (name) => colourOf(names.indexOf(name))
  found.arrays.forEach((one, at) => {
    nodes.push({
      id: `a${at}`,
      label: literal(one.name),
      parent: `l${one.layer}`,
      value: one.bytes_stored,
      colour: paint(one.name),
    })
    if (one.boxes.length < 2) {
      nodes.at(-1).array = one
      nodes.at(-1).shard = 0
      return
    }
    for (const box of one.boxes) {
      const single = box.first === box.last
      const label = single ? `shard ${box.first}` : `shards ${box.first} to ${box.last}`
      nodes.push({
        id: `a${at}s${box.first}`,
        label,
        parent: `a${at}`,
        value: box.bytes,
        colour: paint(one.name),
        array: one,
        shard: box.first,
      })
    }
  })
  const some = nodes.filter((one) => one.value > 0)
  const trace = {
    type: 'treemap',
    ids: some.map((one) => one.id),
    labels: some.map((one) => one.label),
    parents: some.map((one) => one.parent),
    values: some.map((one) => one.value),
    text: some.map((one) => size(one.value)),
    branchvalues: 'total',
    textinfo: 'label+text',
    hoverinfo: 'label+text+percent root',
    marker: { colors: some.map((one) => one.colour), line: { width: 1, color: colour('card') } },
    pathbar: { visible: true, thickness: 22 },
    tiling: { pad: 2 },
  }
  const layout = {
    margin: { l: 4, r: 4, t: 26, b: 4 },
    uniformtext: { minsize: 9, mode: 'hide' },
  }
  const ready = draw(plot, [trace], { layout })
  return ready.then(() =>
    plot.on?.('plotly_treemapclick', ({ points }) => {
      const node = some.find((one) => one.id === points[0].id)
      if (node?.array !== undefined) choose(node.array, node.shard)
    }),
  )
}

async function intoShard(place, array, shard, page) {
  try {
    const found = await ask(
      'chunks',
      { commit: page.commit, layer: array.layer, array: array.name, shard },
      page.signal,
    )
    const plot = h('div.plot.low')
    show(place, h('h3', 'Chunks of ', apart(array.name), `, shard ${shard}`), plot)
    const first = shard * array.shard_chunks
    const x = found.boxes.map((box) => first + box.first)
    await draw(
      plot,
      [{ type: 'bar', x, y: found.boxes.map((box) => box.bytes), marker: { color: colour('c1') } }],
      {
        x: `chunk, of ${plural(array.chunk_rows, 'row')} each`,
        layout: { yaxis: { ticksuffix: 'B' }, bargap: 0.05 },
      },
    )
  } catch (error) {
    if (error.name !== 'AbortError') show(place, trouble(error))
  }
}

function arrays(list) {
  const rows = list.map((one) => [
    apart(one.name),
    one.layer,
    one.shape.map(whole).join(' × '),
    one.lossy ? `${one.dtype}, from ${one.lossy}` : one.dtype,
    h('span.mono', one.codec),
    whole(one.chunks),
    size(one.bytes_raw),
    size(one.bytes_stored),
    one.bytes_stored ? (one.bytes_raw / one.bytes_stored).toFixed(2) : '–',
    bar(one.bytes_raw ? one.bytes_stored / one.bytes_raw : 0),
  ])
  return table(
    [
      'Array',
      '>Layer',
      '>Shape',
      'Type',
      'Codec',
      '>Chunks',
      '>Raw',
      '>Stored',
      '>Ratio',
      'Stored of raw',
    ],
    rows,
  )
}

const layers = (list) =>
  table(
    ['Layer', '>Rows', '>Objects', '>Stored'],
    list.map((one, at) => [
      `${one.kind} ${at}`,
      whole(one.rows),
      whole(one.objects),
      size(one.bytes_stored),
    ]),
  )

function prices() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEPT))
    const sound =
      Array.isArray(kept) &&
      kept.every(([name, price]) => typeof name === 'string' && Number.isFinite(price))
    return sound && kept.length ? kept : PRICES
  } catch {
    return PRICES
  }
}

/** A table of prices that the user sets, and what the step and the run cost by each. */
function cost(history, step) {
  const run = history.steps.reduce((sum, one) => sum + (one.bytes_written ?? 0), 0)
  let list = prices().map(([name, price]) => [name, price])
  const place = h('div')
  const keep = () => localStorage.setItem(KEPT, JSON.stringify(list))
  const fill = () => {
    const rows = list.map((one, at) => {
      const sums = [step, run].map((bytes) => h('td.right', dollars((bytes / 1e9) * one[1])))
      const tell = () =>
        sums.forEach((cell, i) => {
          cell.textContent = dollars(([step, run][i] / 1e9) * one[1])
        })
      const name = h('input', { value: one[0], maxLength: 60, ariaLabel: 'Name of the price' })
      const price = h('input', {
        type: 'number',
        min: '0',
        step: 'any',
        value: String(one[1]),
        ariaLabel: 'Price of a GB and month',
      })
      name.addEventListener('input', () => {
        one[0] = name.value
        keep()
      })
      price.addEventListener('input', () => {
        one[1] = Math.max(0, Number(price.value) || 0)
        tell()
        keep()
      })
      const drop = () => {
        list = list.filter((_, i) => i !== at)
        keep()
        fill()
      }
      return h(
        'tr',
        h('td', name),
        h('td.right', price),
        sums,
        h('td', h('button.link', { onclick: drop, ariaLabel: 'Take it away' }, '×')),
      )
    })
    const add = () => {
      list.push(['Another', 0.02])
      keep()
      fill()
    }
    show(
      place,
      table(['Price', '>per GB', '>Step', '>Run', ''], rows),
      h('p.more', h('button', { onclick: add }, 'Add a price')),
    )
  }
  fill()
  return place
}

function dollars(value) {
  if (value > 0 && value < 1e-4) return 'under $0.0001'
  return `$${value >= 0.01 || value === 0 ? value.toFixed(2) : Number(value.toPrecision(2))}`
}
