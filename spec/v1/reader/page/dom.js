/**
 * Putting things on the page. Whatever comes from a store becomes text, never markup.
 *
 * @module
 */

const LONGEST = 200

/**
 * Make a store's text fit to be seen: what is invisible, turns the direction of writing or acts
 * upon a
 * terminal is spelled out, and what is long is cut.
 *
 * @param {unknown} value
 * @returns {string}
 */
export function visible(value) {
  const characters = [...String(value).slice(0, 2 * LONGEST)]
  const cut = characters.length > LONGEST || String(value).length > 2 * LONGEST
  const shown = characters.slice(0, LONGEST).map((character) => {
    if (!/[\p{C}\p{Zl}\p{Zp}]/u.test(character)) return character
    return `\u27e8U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')}\u27e9`
  })
  return shown.join('') + (cut ? '\u2026' : '')
}

/** @param {string} selector @returns {any} */
export const find = (selector) => document.querySelector(selector)

/**
 * Make an element with text and children.
 *
 * @param {string} name
 * @param {...(Node | unknown)} children nodes, or what is shown as text
 * @returns {HTMLElement}
 */
export function element(name, ...children) {
  const made = document.createElement(name)
  made.append(...children.map((child) => (child instanceof Node ? child : visible(child))))
  return made
}

/**
 * A store's text by itself, so that its direction of writing does not reach what stands around it.
 *
 * @param {unknown} text
 */
export const apart = (text) => element('bdi', text)

/**
 * Make a row of a table.
 *
 * @param {...(Node | unknown)} cells
 */
export const row = (...cells) => element('tr', ...cells.map((cell) => element('td', cell)))

/**
 * Make a button that calls something.
 *
 * @param {unknown} text
 * @param {() => void} call
 */
export function button(text, call) {
  const made = /** @type {HTMLButtonElement} */ (element('button', apart(text)))
  made.type = 'button'
  made.addEventListener('click', call)
  return made
}

/**
 * Say how it stands.
 *
 * @param {string} selector
 * @param {string} text
 * @param {'' | 'error' | 'good'} [kind]
 */
export function say(selector, text, kind = '') {
  const place = find(selector)
  place.textContent = text
  place.className = kind
}
