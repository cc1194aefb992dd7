/**
 * A store over HTTP: whole objects, and ranges of them. It cannot list, so that commits are walked
 * (R-HEAD-04).
 *
 * @module
 */
import { EmbzarrError, refuse } from './errors.js'

const TRIES = 3
const PAUSE = 250
/** Answers of servers that do not know HEAD. */
const NO_HEAD = new Set([405, 501])

/**
 * @typedef {object} HttpOptions
 * @property {Record<string, string>} [headers] sent with every request; then no redirect is followed
 * @property {(url: string, key: string, method: 'GET' | 'HEAD') => string | Promise<string>} [sign]
 *   makes the URL of an object from its plain one, where each needs a signature of its own
 * @property {AbortSignal} [signal] stops all requests
 * @property {typeof fetch} [fetch]
 */

/**
 * Make a store of a URL. A query is sent with every object's request, as a shared access token is.
 *
 * @param {string} url of the store's root, `http:` or `https:`
 * @param {HttpOptions} [options]
 * @returns {import('./store.js').Store}
 */
export function httpStore(
  url,
  { headers = {}, sign, signal, fetch: call = globalThis.fetch } = {},
) {
  let root
  try {
    root = new URL(url)
  } catch {
    return refuse('url-unsupported', 'an absolute URL')
  }
  if (!['http:', 'https:'].includes(root.protocol))
    refuse('url-unsupported', 'http: or https:', root.protocol)
  if (root.username || root.password) refuse('url-unsupported', 'a URL without user and password')
  // What lets a reader in is told to no other host.
  const redirect = Object.keys(headers).length > 0 ? 'error' : 'follow'
  const query = root.search
  root.search = ''
  root.hash = ''
  const base = root.href.endsWith('/') ? root.href : `${root.href}/`

  /**
   * Ask for an object.
   *
   * @param {string} key
   * @param {RequestInit} request
   * @param {(answer: Response) => Promise<any>} take
   */
  const ask = async (key, request, take) => {
    const plain = `${base}${key}${query}`
    for (let n = 1; ; n++) {
      try {
        const target =
          sign === undefined
            ? plain
            : await sign(plain, key, /** @type {'GET' | 'HEAD'} */ (request.method ?? 'GET'))
        const told = { ...request, headers: { ...headers, ...request.headers }, signal, redirect }
        return await take(await call(target, /** @type {RequestInit} */ (told)))
      } catch (cause) {
        const final = cause instanceof EmbzarrError && cause.code !== 'store-failed'
        if (final || n === TRIES || signal?.aborted) throw failure(cause, key)
        await new Promise((wake) => setTimeout(wake, PAUSE * n * (0.5 + Math.random())))
      }
    }
  }

  return {
    name: base,
    get: (key, most) =>
      ask(key, { cache: 'no-cache' }, async (answer) => {
        return missing(answer, key) ? null : body(answer, 0, most + 1)
      }),
    range: (key, start, length) => {
      if (length === 0) return Promise.resolve(new Uint8Array(0))
      const range = `bytes=${start}-${start + length - 1}`
      return ask(key, { headers: { Range: range } }, async (answer) => {
        if (answer.status === 416) return new Uint8Array(0)
        if (missing(answer, key)) return null
        // A server that knows no ranges sends all, of which no more is taken than what was asked
        // for.
        return body(answer, answer.status === 206 ? 0 : start, length)
      })
    },
    size: async (key) => {
      const size = await ask(key, { method: 'HEAD', cache: 'no-cache' }, async (answer) => {
        if (NO_HEAD.has(answer.status)) return undefined
        return missing(answer, key) ? null : lengthOf(answer)
      })
      if (size !== undefined) return size
      const headers = { Range: 'bytes=0-0' }
      return ask(key, { headers, cache: 'no-cache' }, async (answer) => {
        if (answer.status !== 416 && missing(answer, key)) return null
        answer.body?.cancel().catch(() => {})
        const [, total] = /\/([0-9]+)$/.exec(answer.headers.get('Content-Range') ?? '') ?? []
        return total === undefined
          ? answer.status === 200
            ? lengthOf(answer)
            : NaN
          : Number(total)
      })
    },
    list: async () => null,
  }
}

/**
 * Read how long a whole object is; NaN where a server does not tell, or tells what it has packed.
 *
 * @param {Response} answer
 */
function lengthOf(answer) {
  const length = answer.headers.get('Content-Length')
  return length === null || answer.headers.has('Content-Encoding') ? NaN : Number(length)
}

/**
 * Judge the status of an answer.
 *
 * @param {Response} answer
 * @param {string} key
 * @returns {boolean} whether the object is missing
 */
function missing(answer, key) {
  if (answer.ok) return false
  answer.body?.cancel().catch(() => {})
  if (answer.status === 404 || answer.status === 410) return true
  const denied = answer.status === 401 || answer.status === 403
  return refuse(
    denied ? 'access-denied' : 'store-failed',
    'an answer of 200 or 206',
    answer.status,
    key,
  )
}

/**
 * Read a stretch of an answer's body, and no more of it.
 *
 * @param {Response} answer
 * @param {number} skip
 * @param {number} most
 * @returns {Promise<Uint8Array>}
 */
async function body(answer, skip, most) {
  if (answer.body === null) return new Uint8Array(0)
  const reader = answer.body.getReader()
  const parts = []
  let [held, left] = [0, skip]
  while (held < most) {
    const { done, value } = await reader.read()
    if (done) break
    const part = value.subarray(
      Math.min(left, value.length),
      Math.min(value.length, left + most - held),
    )
    left -= Math.min(left, value.length)
    held += part.length
    parts.push(part)
  }
  if (held >= most) await reader.cancel().catch(() => {})
  if (parts.length === 1) return parts[0]
  const whole = new Uint8Array(held)
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

function failure(cause, key) {
  if (cause instanceof EmbzarrError) return cause
  return new EmbzarrError('store-failed', {
    expected: 'an answer; in a browser, the server must allow this page (CORS)',
    found: cause?.cause?.code ?? cause?.message,
    where: key,
    cause,
  })
}
