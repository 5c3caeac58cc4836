// Starts and stops the real programs on loopback, and speaks JSON-RPC to them. Every process is killed when the test ends.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, existsSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import http from 'node:http'

const here = path.dirname(fileURLToPath(import.meta.url))
export const root = path.resolve(here, '../..')
export const shared = path.resolve(root, '../shared')
export const build = process.env.BUILD ?? path.join(root, 'build/san')
export const haveShared = existsSync(path.join(shared, 'vectors'))
export const vectors = (name) => path.join(shared, 'vectors', name)

// For vectors that are absent in a stranger's clone: the test is reported as skipped, with the reason.
export const needShared = haveShared ? {} : { skip: 'the folder ../shared with the vectors is absent' }

export function scratch(t) {
  const dir = mkdtempSync(path.join(tmpdir(), 'lesgate-e2e-'))
  t.after(() => rmSync(dir, { recursive: true, force: true, maxRetries: 10 }))
  return dir
}

// A program whose first lines on standard output are awaited. Its log is kept for failures and assertions.
class Program {
  constructor(t, name, args) {
    this.name = name
    this.log = ''
    this.out = ''
    this.exited = null
    this.child = spawn(path.join(build, name), args, { stdio: ['ignore', 'pipe', 'pipe'] })
    this.waiters = []
    this.child.stdout.on('data', (chunk) => { this.out += chunk; this.wake() })
    this.child.stderr.on('data', (chunk) => { this.log += chunk; this.wake() })
    this.exit = new Promise((resolve) => this.child.on('close', (code, signal) => {
      this.exited = { code, signal }
      this.wake()
      resolve(this.exited)
    }))
    t.after(async () => {
      if (this.exited === null) {
        this.child.kill('SIGKILL')
        await this.exit
      }
      if (/AddressSanitizer|LeakSanitizer|runtime error:|ASSERT/.test(this.log)) {
        throw new Error(`${name} was not clean:\n${this.log.slice(-6000)}`)
      }
    })
  }

  wake() {
    for (const waiter of this.waiters) waiter()
  }

  // Resolves with the match once `where` ('out' or 'log') matches; rejects when the program ends or time is up.
  async wait(pattern, { where = 'out', ms = 20000 } = {}) {
    const deadline = Date.now() + ms
    for (;;) {
      const match = this[where].match(pattern)
      if (match) return match
      if (this.exited) throw new Error(`${this.name} ended (${JSON.stringify(this.exited)}) before ${pattern}:\n${this.log.slice(-4000)}`)
      if (Date.now() > deadline) throw new Error(`${this.name}: no ${pattern} within ${ms} ms:\n${this.out}${this.log.slice(-4000)}`)
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, 200)
        this.waiters.push(() => { clearTimeout(timer); resolve() })
      })
    }
  }

  // SIGTERM; the issue allows 2 s (sanitizers get a little more to look for leaks).
  async stop() {
    const start = Date.now()
    if (this.exited === null) this.child.kill('SIGTERM')
    const exited = await this.exit
    return { ...exited, ms: Date.now() - start }
  }
}

export const KEYS = ['49a7b37aa6f6645917e7b807e9d1c00d4fa71f18343b0d4122a4d2df64dd6fee', 'b71c71a67e1177ad4e901695e1b4b9ee17ae16c6668d313eac2f96dbcda3f291', '869d6ecf5211f1cc60418a13b9d870b22959d0c16f02bec714c960dd2298a32d', 'e238eb8e04fee6511ab04c6dd3c89ce097b11f25d584863ac2b6d5b35b1847e4']

let instances = 0
export async function startServe(t, { genesis, chain, args = [], listen = '127.0.0.1:0', datadir, ms = 60000 }) {
  const program = new Program(t, 'lesserve', [...(genesis ? ['--genesis', genesis] : []), ...(chain ? ['--chain', chain] : []),
    '--listen', listen, '--datadir', datadir ?? path.join(scratch(t), `serve${instances++}`), ...args])
  program.enode = (await program.wait(/^(enode:\/\/\S+)/m, { ms }))[1]
  return program
}

export async function startGate(t, { genesis, trusted, fraction = 66, peers = [], args = [], wait = true, datadir }) {
  const dir = datadir ?? path.join(scratch(t), 'gate')
  const program = new Program(t, 'lesgate', ['--genesis', genesis, '--ulc.trusted', trusted.join(','), '--ulc.fraction', String(fraction),
    ...(peers.length ? ['--peers', peers.join(',')] : []), '--http', '127.0.0.1:0', '--datadir', dir, ...args])
  if (wait) program.url = (await program.wait(/^ready (http:\/\/\S+)/m))[1]
  return program
}

// Runs a program to its end, for what it refuses or prints. Resolves with { code, out, log }.
export async function run(t, name, args) {
  const program = new Program(t, name, args)
  const { code } = await program.exit
  return { code, out: program.out, log: program.log }
}

// Resolves once the condition holds; looks again every few milliseconds. Rejects when ms have passed.
export async function until(condition, { ms = 20000, what = String(condition) } = {}) {
  const deadline = Date.now() + ms
  for (;;) {
    const value = await condition()
    if (value) return value
    if (Date.now() > deadline) throw new Error(`not so within ${ms} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

const agent = new http.Agent({ keepAlive: true, maxSockets: 64 })

// One HTTP exchange; body is a string or a value.
export function post(url, body, { headers = {}, method = 'POST' } = {}) {
  const text = typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body)
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method, agent, headers: { 'content-type': 'application/json', ...headers } }, (response) => {
      const chunks = []
      response.on('data', (chunk) => chunks.push(chunk))
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, text: Buffer.concat(chunks).toString() }))
    })
    request.on('error', reject)
    request.setTimeout(30000, () => request.destroy(new Error('no answer in 30 s')))
    request.end(text)
  })
}

let ids = 0
// The whole answer object of one call.
export async function call(url, method, params = []) {
  const { status, text } = await post(url, { jsonrpc: '2.0', id: ++ids, method, params })
  if (status !== 200) throw new Error(`HTTP ${status}: ${text}`)
  return JSON.parse(text)
}

// The result; an error answer throws.
export async function rpc(url, method, params = []) {
  const answer = await call(url, method, params)
  if (answer.error) throw Object.assign(new Error(`${method}: ${answer.error.message}`), answer.error)
  return answer.result
}

export const readJson = (file) => JSON.parse(readFileSync(file, 'utf8'))
