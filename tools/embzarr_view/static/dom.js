/**
 * Making what is seen. Whatever comes from a store becomes text, never markup: the server has
 * spelled out what does not show, and nothing here parses HTML.
 *
 * @module
 */

/**
 * Make an element: `h('p.soft', 'text')`, `h('button', {onclick}, 'text', node)`.
 *
 * @param {string} kind a name, and classes after dots
 * @param {...(Record<string, unknown> | Node | string | number | null | undefined | unknown[])} rest
 *   properties first, if any, then children; lists are flattened, and what is null is left out
 * @returns {HTMLElement}
 */
export function h(kind, ...rest) {
  const [name, ...classes] = kind.split('.')
  const made = document.createElement(name)
  made.classList.add(...classes)
  const [first] = rest
  const given =
    first !== null && typeof first === 'object' && !Array.isArray(first) && !(first instanceof Node)
  if (given) Object.assign(made, rest.shift())
  made.append(...rest.flat(2).filter((child) => child !== null && child !== undefined))
  return made
}

/** A store's text by itself, so that its direction of writing does not reach what is around it. */
export const apart = (text) => h('bdi', text === '' ? '(empty)' : text)

/** @param {string} selector @returns {any} */
export const find = (selector) => document.querySelector(selector)

/**
 * A card with a title.
 *
 * @param {string | Node} title
 * @param {...unknown} children
 */
export const card = (title, ...children) =>
  h('section.card', title instanceof Node ? title : h('h2', title), ...children)

/** What says that there is nothing, and what to do about it. */
export const empty = (title, text) => h('div.card.empty', h('h2', title), h('p', text))

/** What says that an answer is waited for. */
export const waiting = (text) => h('p.waiting', text)

/** What says what went wrong. */
export const trouble = (error) => h('p.trouble', { role: 'alert' }, told(error))

/** @param {any} error */
export const told = (error) => `${error.message}${error.code ? ` [${error.code}]` : ''}`

/** A figure that stands out. */
export const tile = (label, value, note = null) =>
  h('div.tile', h('p.label', label), h('p.value', value), note === null ? null : h('p.note', note))

/**
 * A table; a column's name that begins with '>' is of numbers.
 *
 * @param {string[]} names
 * @param {(HTMLTableRowElement | unknown[])[]} rows cells of each, or a row
 */
export function table(names, rows) {
  const right = names.map((name) => name.startsWith('>'))
  const head = names.map((name, at) =>
    h(right[at] ? 'th.right' : 'th', { scope: 'col' }, name.replace(/^>/, '')),
  )
  const lines = rows.map((row) => (row instanceof Node ? row : h('tr', cells(names, row))))
  return h('div.scroll', h('table', h('thead', h('tr', head)), h('tbody', lines)))
}

/** @param {string[]} names @param {unknown[]} row */
export const cells = (names, row) =>
  row.map((cell, at) => h(names[at].startsWith('>') ? 'td.right' : 'td', cell))

/** Names with values. */
export const facts = (pairs) =>
  h(
    'dl.facts',
    Object.entries(pairs)
      .filter(([, value]) => value !== null && value !== undefined)
      .map(([name, value]) => [h('dt', name), h('dd', value)]),
  )

/** @param {string} label @param {HTMLElement} control */
export const labelled = (label, control) => h('label', label, control)

/** @param {[string, string][]} pairs of values and texts */
export function select(pairs, chosen, properties = {}) {
  const made = h(
    'select',
    properties,
    pairs.map(([value, text]) => h('option', { value }, text)),
  )
  made.value = chosen
  return made
}

/** A line that says how much of a whole something is. @param {number} share from 0 to 1 */
export function bar(share) {
  const filled = h('span.bar')
  filled.style.width = `${Math.max(0, Math.min(1, share)) * 100}%`
  return h('span.track', filled)
}

/** Show new children in place of all others. */
export const show = (place, ...children) => {
  place.replaceChildren(...children.flat().filter((child) => child !== null))
  return place
}
