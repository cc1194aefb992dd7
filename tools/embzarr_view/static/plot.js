/**
 * Plots by plotly, which is fetched from our own server when one is first drawn.
 *
 * plotly takes some markup in its texts, so that what a store says is handed to it by `literal`.
 *
 * @module
 */

let loading

// Who clicks on while boxes still move has plotly give that up, by a rejection of nothing.
addEventListener('unhandledrejection', (event) => {
  if (event.reason === undefined) event.preventDefault()
})

/** @returns {Promise<any>} */
function plotly() {
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement('script')
    script.src = 'plotly.js'
    script.onload = () => resolve(globalThis.Plotly)
    script.onerror = () => reject(new Error('the plots could not be loaded'))
    document.head.append(script)
  })
  return loading
}

/**
 * A text of a store as plotly shows it as it is.
 *
 * @param {string} text
 * @param {number} [most] letters; what is longer is cut
 */
export function literal(text, most = 60) {
  const letters = [...text]
  const cut = letters.length > most ? `${letters.slice(0, most).join('')}…` : text
  return cut.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;')
}

/** @param {string} name */
export const colour = (name) =>
  getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim()

/** Colours by number. @param {number} at */
export const colourOf = (at) => colour(`c${(at % 8) + 1}`)

const FONT = 'system-ui, -apple-system, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif'

function axis(title) {
  return {
    title: { text: title, standoff: 8, font: { size: 11.5 } },
    gridcolor: colour('line'),
    zerolinecolor: colour('line'),
    linecolor: colour('line'),
    tickfont: { size: 11 },
    automargin: true,
    exponentformat: 'SI',
  }
}

/**
 * Draw in a place, and again when that is drawn upon.
 *
 * @param {HTMLElement} place
 * @param {any[]} traces
 * @param {{x?: string, y?: string, layout?: any, bar?: boolean}} [how] titles of the axes; more of a layout; whether there is a bar of tools
 */
export async function draw(place, traces, { x = '', y = '', layout = {}, bar = false } = {}) {
  const { newPlot, Plots } = await plotly()
  if (!place.isConnected) return
  const whole = {
    font: { family: FONT, color: colour('soft'), size: 12 },
    paper_bgcolor: 'rgba(0,0,0,0)',
    plot_bgcolor: 'rgba(0,0,0,0)',
    margin: { l: 48, r: 14, t: 10, b: 36 },
    xaxis: axis(x),
    yaxis: axis(y),
    modebar: { bgcolor: 'rgba(0,0,0,0)', color: colour('soft'), activecolor: colour('accent') },
    showlegend: traces.length > 1,
    legend: { orientation: 'h', y: 1.02, yanchor: 'bottom', x: 0, font: { size: 11.5 } },
    hoverlabel: {
      bgcolor: colour('card'),
      bordercolor: colour('line'),
      font: { family: FONT, color: colour('ink'), size: 12 },
    },
    colorway: Array.from({ length: 8 }, (_, at) => colourOf(at)),
    ...layout,
    ...(layout.xaxis ? { xaxis: { ...axis(x), ...layout.xaxis } } : {}),
    ...(layout.yaxis ? { yaxis: { ...axis(y), ...layout.yaxis } } : {}),
  }
  await newPlot(place, traces, whole, {
    displaylogo: false,
    displayModeBar: bar,
    scrollZoom: bar,
    modeBarButtonsToRemove: ['select2d', 'lasso2d', 'toImage'],
  })
  fit(place, Plots)
}

const fitted = new WeakSet()

/** Keep a plot as large as its place, whatever makes that larger or smaller. */
function fit(place, plots) {
  if (fitted.has(place)) return
  fitted.add(place)
  new ResizeObserver(
    () => place.isConnected && place.offsetWidth > 0 && plots.resize(place),
  ).observe(place)
}

/** A line with points. */
export const line = (name, x, y, more = {}) => ({
  type: 'scatter',
  mode: x.length > 60 ? 'lines' : 'lines+markers',
  name,
  x,
  y,
  line: { width: 2 },
  marker: { size: 5 },
  ...more,
})
