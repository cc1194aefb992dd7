/**
 * A field that finds words as one types.
 *
 * @module
 */
import { ask } from './ask.js'
import { apart, h, show, told } from './dom.js'
import { whole } from './text.js'

/**
 * Make a field with a list below it.
 *
 * @param {any} page
 * @param {(word: {word: string, row: number}) => void} choose
 * @param {string} hint
 */
export function searchBox(page, choose, hint) {
  const input = h('input', {
    type: 'search',
    placeholder: hint,
    spellcheck: false,
    autocomplete: 'off',
    ariaLabel: hint,
    role: 'combobox',
  })
  const list = h('ul', { role: 'listbox', hidden: true })
  let found = []
  let at = 0
  let asking = new AbortController()

  const close = () => {
    list.hidden = true
  }
  const take = (one) => {
    close()
    input.value = ''
    choose(one)
  }
  const mark = (next) => {
    at = (next + found.length) % Math.max(found.length, 1)
    ;[...list.children].forEach((child, i) => child.setAttribute('aria-selected', String(i === at)))
  }
  const fill = (words) => {
    found = words
    const items = words.map((one) => {
      const item = h('li', { role: 'option' }, apart(one.word), h('span', `row ${whole(one.row)}`))
      item.addEventListener('mousedown', (event) => {
        event.preventDefault()
        take(one)
      })
      return item
    })
    show(list, ...(items.length ? items : [h('li.soft', 'No word begins so.')]))
    list.hidden = false
    mark(0)
  }
  const look = async () => {
    asking.abort()
    asking = new AbortController()
    const { signal } = asking
    if (input.value === '') {
      close()
      return
    }
    try {
      const { words } = await ask('complete', { commit: page.commit, prefix: input.value }, signal)
      if (!signal.aborted) fill(words)
    } catch (error) {
      if (error.name !== 'AbortError') show(list, h('li', told(error)))
    }
  }
  input.addEventListener('input', look)
  input.addEventListener('blur', close)
  input.addEventListener('keydown', (event) => {
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault()
      mark(at + (event.key === 'ArrowDown' ? 1 : -1))
    } else if (event.key === 'Enter' && !list.hidden && found.length) take(found[at])
    else if (event.key === 'Escape') close()
  })
  page.signal.addEventListener('abort', () => asking.abort())
  return { place: h('div.search', input, list), input }
}
