// What the benchmarks share: processes and what the kernel counted for them, wrk, numbers over several runs.
import { spawn, execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync, createWriteStream } from 'node:fs'
import { once } from 'node:events'
import http from 'node:http'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

export const here = path.dirname(fileURLToPath(import.meta.url))
export const build = process.env.BUILD
export const runs = Number(process.env.RUNS ?? 5)
export const secondsEach = Number(process.env.SECONDS_EACH ?? 4)
export const shared = path.resolve(here, '../../../shared')
export const scratch = mkdtempSync(path.join(os.tmpdir(), 'lesgate-bench-'))
const pages = Number(execFileSync('getconf', ['CLK_TCK']).toString())

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
export const say = (text = '') => console.log(text)

// ---- processes ----

const alive = new Set()
let folders = 0
export const folder = (name) => path.join(scratch, `${name}${folders++}`)

export class Program {
  // options.cpu pins it; options.under is a command that runs it (valgrind and its arguments).
  constructor(file, args, options = {}) {
    const command = [...(options.cpu === undefined ? [] : ['taskset', '-c', String(options.cpu)]), ...(options.under ?? []), file, ...args]
    this.name = path.basename(file)
    this.started = process.hrtime.bigint()
    this.child = spawn(command[0], command.slice(1), { stdio: ['ignore', 'pipe', 'pipe'] })
    this.out = ''
    this.log = ''
    this.child.stdout.on('data', (chunk) => { this.out += chunk; this.wake?.() })
    this.child.stderr.on('data', (chunk) => { this.log = (this.log + chunk).slice(-20000); this.wake?.() })
    this.exit = once(this.child, 'exit').then(() => { this.ended = true; alive.delete(this); this.wake?.() })
    alive.add(this)
  }

  get pid() {
    return this.child.pid
  }

  async line(pattern, ms = 600000) {
    const timer = setTimeout(() => { this.late = true; this.wake?.() }, ms)
    try {
      for (;;) {
        const match = this.out.match(pattern)
        if (match) return match[1]
        if (this.ended || this.late) throw new Error(`${this.name}: no ${pattern}:\n${this.out}${this.log}`)
        await new Promise((resolve) => { this.wake = resolve })
      }
    } finally {
      clearTimeout(timer)
    }
  }

  async stop() {
    if (!this.ended) this.child.kill('SIGTERM')
    const timer = setTimeout(() => this.child.kill('SIGKILL'), 5000)
    await this.exit
    clearTimeout(timer)
  }
}

export async function cleanUp() {
  await Promise.all([...alive].map((program) => program.stop()))
  rmSync(scratch, { recursive: true, force: true })
}

export async function startServe(genesis, { chain, args = [], ...options } = {}) {
  const program = new Program(path.join(build, 'lesserve'), ['--genesis', genesis, ...(chain ? ['--chain', chain] : []),
    '--listen', '127.0.0.1:0', '--datadir', folder('serve'), '--log', 'warn', ...args], options)
  program.enode = await program.line(/^(enode:\/\/\S+)/m)
  return program
}

export async function startGate(genesis, trusted, { datadir = folder('gate'), args = [], ...options } = {}) {
  const program = new Program(path.join(build, 'lesgate'), ['--genesis', genesis, '--ulc.trusted', trusted.join(','), '--ulc.fraction', '100',
    '--http', '127.0.0.1:0', '--datadir', datadir, '--log', 'warn', ...args], options)
  program.datadir = datadir
  program.url = await program.line(/^ready (http:\/\/\S+)/m)
  return program
}

// What the kernel has counted for a process until now.
export function cpuUs(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').pop().split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 1e6 / pages
}
// The same to the nanosecond, for processes that do next to nothing.
export function scheduledUs(pid) {
  return readdirSync(`/proc/${pid}/task`).reduce((sum, task) => sum + Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]), 0) / 1000
}
export function memoryMib(pid, key = 'VmRSS') {
  return Number(readFileSync(`/proc/${pid}/status`, 'utf8').match(new RegExp(`^${key}:\\s+(\\d+) kB`, 'm'))[1]) / 1024
}

// ---- JSON-RPC ----

const agent = new http.Agent({ keepAlive: true })
export function post(url, body) {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method: 'POST', agent, headers: { 'content-type': 'application/json' } }, (response) => {
      let text = ''
      response.on('data', (chunk) => { text += chunk })
      response.on('end', () => resolve(text))
    })
    request.on('error', reject)
    request.end(body)
  })
}
export const body = (method, params = [], id = 1) => JSON.stringify({ jsonrpc: '2.0', id, method, params })
export async function rpc(url, method, params) {
  const text = await post(url, body(method, params))
  const answer = JSON.parse(text)
  if (answer.result === undefined) throw new Error(text)
  return answer.result
}

// Bytes on the LES links of a lesgate, from its /metrics.
export async function lesBytes(url) {
  const text = await (await fetch(`${url}/metrics`)).text()
  const value = (direction) => Number(text.match(new RegExp(`^lesgate_les_bytes_total\\{direction="${direction}"\\} (\\S+)$`, 'm'))[1])
  return { in: value('in'), out: value('out') }
}

// ---- wrk ----

// One run. The fields that the script's done() prints: requests, us, errors, p50, p99, then its own.
export async function wrk(url, script, args, { connections, seconds = secondsEach, cpu } = {}) {
  const child = new Program('wrk', ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '10s', '-s', path.join(here, script), url, '--', ...args.map(String)], { cpu })
  const fields = (await child.line(/^result (.*)$/m)).split(' ').map(Number)
  await child.exit
  const [requests, us, errors, p50, p99, ...more] = fields
  const example = child.out.match(/^example (.*)$/m)?.[1]
  return { requests, seconds: us / 1e6, rate: requests / (us / 1e6), errors, p50, p99, more, example }
}

// ---- numbers ----

export function spread(values) {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length / 2
  const median = sorted.length % 2 ? sorted[Math.floor(middle)] : (sorted[middle - 1] + sorted[middle]) / 2
  return { min: sorted[0], median, max: sorted[sorted.length - 1], n: sorted.length }
}
export function format(value) {
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en-US')
  return Math.abs(value) >= 100 ? value.toFixed(0) : Math.abs(value) >= 10 ? value.toFixed(1) : value.toFixed(2)
}
export function show(values) {
  const s = spread(values)
  return `${format(s.median)} [${format(s.min)}..${format(s.max)}]`
}
export function table(head, rows) {
  const all = [head, ...rows]
  const width = head.map((_, i) => Math.max(...all.map((row) => String(row[i]).length)))
  const line = (row) => `| ${row.map((cell, i) => String(cell).padEnd(width[i])).join(' | ')} |`
  say(line(head))
  say(`|${width.map((w) => '-'.repeat(w + 2)).join('|')}|`)
  rows.forEach((row) => say(line(row)))
  say()
}

// ---- chains ----

export const address = (index) => `0x${(0xb0n << 152n | BigInt(index)).toString(16).padStart(40, '0')}`
export const balance = (index) => `0x${(BigInt(index) * 1000003n + 7n).toString(16)}`

// A genesis of proof of authority with `count` accounts whose balances follow from their index, and the list of them for cold.lua.
// merged: past the merge instead, so that a lesserve can make blocks.
export async function makeGenesis(name, count, { merged = false } = {}) {
  const files = { genesis: path.join(scratch, `${name}.json`), accounts: path.join(scratch, `${name}.txt`) }
  const genesis = createWriteStream(files.genesis), accounts = createWriteStream(files.accounts)
  const zero = '0x' + '00'.repeat(32)
  const config = { chainId: 20261, homesteadBlock: 0, eip150Block: 0, eip150Hash: zero, eip155Block: 0, eip158Block: 0, byzantiumBlock: 0,
    constantinopleBlock: 0, petersburgBlock: 0, istanbulBlock: 0,
    ...(merged ? { berlinBlock: 0, londonBlock: 0, terminalTotalDifficulty: 0, shanghaiTime: 0 } : { clique: { period: 0, epoch: 30000 } }) }
  const head = { config, nonce: '0x0', timestamp: '0x5e0be100', extraData: merged ? '0x' : zero + '11'.repeat(20) + '00'.repeat(65), gasLimit: '0x1c9c380',
    difficulty: merged ? '0x0' : '0x1', mixHash: zero, coinbase: '0x' + '00'.repeat(20) }
  genesis.write(JSON.stringify(head).slice(0, -1) + ',"alloc":{')
  for (let i = 0; i < count; i++) {
    genesis.write(`${i ? ',' : ''}\n"${address(i)}":{"balance":"${balance(i)}"}`)
    if (!accounts.write(`${address(i)} ${balance(i)}\n`)) await once(accounts, 'drain')
  }
  genesis.end('}}\n')
  accounts.end()
  await Promise.all([once(genesis, 'finish'), once(accounts, 'finish')])
  return files
}

// Chains of the shared vectors, by their length; empty in a stranger's clone.
export function sharedChains() {
  const vectors = path.join(shared, 'vectors')
  if (!existsSync(vectors)) return []
  const geth = (file) => path.join(vectors, 'geth-les', file)
  const chains = [
    { blocks: 54, genesis: path.join(vectors, 'rpc-compat/genesis.json'), chain: path.join(vectors, 'rpc-compat/chain.rlp') },
    { blocks: 600, genesis: geth('genesis-small.json'), chain: geth('chain-small.rlp') }
  ]
  if (process.env.BENCH_LONG_CHAIN !== '0') {
    const long = path.join(scratch, 'long.rlp')
    if (!existsSync(long)) writeFileSync(long, execFileSync('xz', ['-dc', geth('chain-big.rlp.xz')], { maxBuffer: 1 << 30 }))
    chains.push({ blocks: 45000, genesis: geth('genesis-small.json'), chain: long })
  }
  return chains
}
