/**
 * Asking the server.
 *
 * @module
 */

/** What the server says of something that went wrong, with its code from the specification. */
export class AnswerError extends Error {
  /** @param {string} code @param {string} message */
  constructor(code, message) {
    super(message)
    this.code = code
  }
}

/**
 * Ask a question.
 *
 * @param {string} name
 * @param {Record<string, string | number | boolean | null | undefined>} [given] what is null is left out
 * @param {AbortSignal} [signal]
 */
export const ask = (name, given, signal) => send('GET', name, given, signal)

/** Begin or end a job. */
export const order = (name, given) => send('POST', name, given)

async function send(method, name, given = {}, signal = undefined) {
  const pairs = Object.entries(given).filter(([, value]) => value !== null && value !== undefined)
  const query = new URLSearchParams(pairs.map(([key, value]) => [key, plain(value)]))
  let response
  try {
    response = await fetch(`api/${name}?${query}`, { method, signal })
  } catch (error) {
    if (error.name === 'AbortError') throw error
    throw new AnswerError('', 'embzarr view does not answer: was it ended?')
  }
  if (response.headers.get('Content-Type') !== 'application/json') {
    throw new AnswerError('', (await response.text()).slice(0, 300))
  }
  const found = await response.json()
  if (!response.ok) throw new AnswerError(found.error.code, found.error.message)
  return found
}

const plain = (value) => (typeof value === 'boolean' ? String(Number(value)) : String(value))

/** What is shown of a job for as long as it `waits`. */
export const WAITING = 'Waiting for another job to end'

/**
 * Look after a job until it has ended.
 *
 * @param {string} kind
 * @param {(job: any) => void} tell is given how far it is, and at last how it ended
 * @param {AbortSignal} signal
 */
export async function follow(kind, tell, signal) {
  for (let wait = 100; !signal.aborted; wait = Math.min(wait * 1.3, 1000)) {
    const job = await ask('job', { kind }, signal).catch((error) => {
      return { state: 'failed', error: error.message }
    })
    if (job === null || signal.aborted) return
    tell(job)
    if (job.state !== 'running') return
    await new Promise((done) => setTimeout(done, wait))
  }
}
