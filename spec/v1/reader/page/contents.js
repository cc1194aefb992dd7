/**
 * Tensors and files of a checkpoint: what there is, and of one of them the beginning.
 *
 * @module
 */
import { apart, button, element, find, row, visible } from './dom.js'

const MOST = 1000
const FIRST_NUMBERS = 64
const FIRST_BYTES = 4096
const MOST_BYTES = 2 ** 24

/**
 * List tensors and files, each with a button that shows its beginning.
 *
 * @param {import('../checkpoint.js').Checkpoint} checkpoint
 * @param {(call: () => Promise<void>) => Promise<void>} attempt runs what a user asks for
 */
export function showContents(checkpoint, attempt) {
  const { tensors, files } = checkpoint
  find('#contents').hidden = tensors.size + files.size === 0
  find('#part').hidden = true
  find('#tensors').hidden = tensors.size === 0
  find('#files').hidden = files.size === 0
  const cut =
    Math.max(tensors.size, files.size) > MOST ? `; the first ${MOST} of each are listed` : ''
  find('#contents p').textContent = `${tensors.size} tensors, ${files.size} files${cut}.`
  const look = (call) => button('look', () => attempt(call))
  find('#tensors tbody').replaceChildren(
    ...[...tensors].slice(0, MOST).map(([name, one]) =>
      row(
        apart(name),
        apart(one.type ?? one.dtype.name),
        one.shape.join(' \u00d7 ') || 'one number',
        one.nbytes.toLocaleString('en'),
        look(() => showTensor(checkpoint, name)),
      ),
    ),
  )
  find('#files tbody').replaceChildren(
    ...[...files].slice(0, MOST).map(([name, one]) =>
      row(
        apart(name),
        apart(one.mediaType),
        one.size.toLocaleString('en'),
        element('code', one.sha256.slice(0, 16)),
        look(() => showFile(checkpoint, name)),
      ),
    ),
  )
}

/** Show a name, what is said of it, and text. */
function showPart(name, told, text) {
  const part = find('#part')
  part.hidden = false
  part.querySelector('h3').replaceChildren(apart(name))
  part.querySelector('p').textContent = told
  part.querySelector('pre').textContent = text
}

async function showTensor(checkpoint, name) {
  const { shape, nbytes } = checkpoint.tensors.get(name)
  const rows = shape.length === 1 ? Math.min(shape[0], FIRST_NUMBERS) : 1
  const first = shape.length === 0 || nbytes === 0 ? {} : { start: 0, stop: rows }
  if (shape.length > 0 && nbytes / Math.max(shape[0], 1) > MOST_BYTES) {
    showPart(name, 'A row of it is too large to be read for a look.', '')
    return
  }
  const { data } = await checkpoint.tensor(name, first)
  const numbers = Array.from({ length: Math.min(data.length, FIRST_NUMBERS) }, (_, at) => data[at])
  const text = numbers.map((value) => visible(plain(value))).join('  ')
  const more = data.length > numbers.length ? '  \u2026' : ''
  const told = ['', 'The first numbers.'][shape.length] ?? 'The first row.'
  showPart(name, told, text + more)
}

const plain = (value) => (typeof value === 'number' ? Number(value.toPrecision(7)) : value)

async function showFile(checkpoint, name) {
  const { size } = checkpoint.files.get(name)
  const stop = Math.min(size, FIRST_BYTES)
  const bytes = stop === 0 ? new Uint8Array() : await checkpoint.file(name, { start: 0, stop })
  const told = stop < size ? `The first ${stop} of ${size} bytes.` : `${size} bytes.`
  showPart(name, told, asText(bytes) ?? 'It is not text.')
}

/** Lines of text with what does not show spelled out; null of what is no text. */
function asText(bytes) {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true })
    return text.includes('\0') ? null : text.split('\n').map(visible).join('\n')
  } catch {
    return null
  }
}
