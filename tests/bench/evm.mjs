// The interpreter in gas per second, beside revm (in anvil, by eth_call) and @ethereumjs/evm: the same bytecode under the same rules
// (Prague). All three must return the same result and the same gas, or the benchmark ends. Each figure is work of 2n rounds less work
// of n, in CPU seconds of the process, so that what a call costs by itself cancels; n is chosen for each engine so that a
// measurement takes a while. Runs take turns. Instructions per unit of gas are counted by callgrind for ours.
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'
import { Program, build, here, post, runs, say, scheduledUs, scratch, show, table } from './lib.mjs'
import { programs } from './evm_loops.mjs'

const GAS = 1_000_000_000_000n, CHECK = 40n
const TARGET_US = Number(process.env.SECONDS_EACH ?? 0.15) * 1e6
const e2e = path.join(here, '../e2e')
const load = (name) => import(pathToFileURL(createRequire(path.join(e2e, 'package.json')).resolve(name)))
const only = process.env.EVM_ONLY

// Each engine: put(address, code), and run(program, n) with { output, us } or { failed }.

class Ours {
  constructor(name = 'lesgate', file = path.join(build, 'tests/bench/bench_evm')) {
    Object.assign(this, { name, file })
  }

  async start(under = []) {
    const command = [...under, this.file]
    this.child = spawn(command[0], command.slice(1), { stdio: ['pipe', 'pipe', 'inherit'] })
    this.exit = new Promise((resolve) => this.child.on('exit', resolve))
    this.lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]()
    return this
  }

  async put(address, code) {
    this.child.stdin.write(`code ${address} ${code}\n`)
  }

  async run(program, n) {
    this.child.stdin.write(`run ${program.main} ${program.input(n)} ${GAS}\n`)
    const { value, done } = await this.lines.next()
    if (done) throw new Error('bench_evm is gone')
    const [end, , ns, output] = value.split(' ')
    return { output: end === 'success' ? output : end, us: Number(ns) / 1000 }
  }

  async stop() {
    this.child?.stdin.end()
    await this.exit
  }
}

class Anvil {
  name = 'revm'

  async start() {
    const file = createRequire(path.join(e2e, 'package.json')).resolve('@foundry-rs/anvil-linux-amd64/bin/anvil')
    this.program = new Program(file, ['--port', '0', '--hardfork', 'prague', '--gas-limit', String(GAS * 4n), '--accounts', '1', '--no-mining'])
    this.url = `http://${await this.program.line(/^Listening on (\S+)/m)}`
    return this
  }

  async ask(method, params) {
    const answer = JSON.parse(await post(this.url, JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })))
    if (answer.error) throw new Error(JSON.stringify(answer.error))
    return answer.result
  }

  async put(address, code) {
    await this.ask('anvil_setCode', [`0x${address}`, `0x${code}`])
  }

  async run(program, n) {
    const call = { to: `0x${program.main}`, data: `0x${program.input(n)}`, gas: `0x${GAS.toString(16)}` }
    const before = scheduledUs(this.program.pid)
    const output = await this.ask('eth_call', [call, 'latest'])
    return { output, us: scheduledUs(this.program.pid) - before }
  }

  async stop() {
    await this.program?.stop()
  }
}

class Ethereumjs {
  name = 'ethereumjs'

  async start() {
    const [{ createEVM }, { Common, Hardfork, Mainnet }, util] = await Promise.all([load('@ethereumjs/evm'), load('common10'), load('util10')])
    this.util = util
    this.evm = await createEVM({ common: new Common({ chain: Mainnet, hardfork: Hardfork.Prague }) })
    return this
  }

  async put(address, code) {
    const to = this.util.createAddressFromString(`0x${address}`)
    await this.evm.stateManager.putAccount(to, new this.util.Account(1n))
    await this.evm.stateManager.putCode(to, this.util.hexToBytes(`0x${code}`))
  }

  async run(program, n) {
    const { util, evm } = this
    const message = { to: util.createAddressFromString(`0x${program.main}`), data: util.hexToBytes(`0x${program.input(n)}`), gasLimit: GAS }
    await evm.journal.checkpoint()
    for (let id = 1; id <= 17; id++) evm.journal.addWarmedAddress(util.setLengthLeft(Uint8Array.of(id), 20)) // as a transaction does
    const before = process.cpuUsage()
    const { execResult } = await evm.runCall(message)
    const used = process.cpuUsage(before)
    await evm.journal.revert()
    await evm.journal.cleanup()
    return { output: execResult.exceptionError ? execResult.exceptionError.error : util.bytesToHex(execResult.returnValue), us: used.user + used.system }
  }

  async stop() {}
}

const gasOf = (output) => BigInt(`0x${output.slice(66)}`)

// Rounds that take about the time aimed at, by an engine that is warm (JavaScript is compiled as it runs).
async function calibrate(engine, program) {
  let n = 4n
  for (let total = 0; ;) {
    const { us } = await engine.run(program, n)
    total += us
    if (us >= TARGET_US / 8 && total >= TARGET_US * 2) return BigInt(Math.max(1, Math.round(Number(n) * TARGET_US / us)))
    if (us < TARGET_US) n *= 2n
  }
}

async function gasPerSecond(engine, program, n) {
  const one = await engine.run(program, n), two = await engine.run(program, 2n * n)
  return Number(gasOf(two.output) - gasOf(one.output)) / ((two.us - one.us) / 1e6)
}

async function check(engines, program) {
  for (const [address, code] of program.accounts) for (const engine of engines) await engine.put(address, code)
  let expected
  for (const engine of engines) {
    const { output } = await engine.run(program, CHECK)
    if (!/^0x[0-9a-f]{128}$/.test(output)) throw new Error(`${program.name}: ${engine.name} says ${output}`)
    if (output !== (expected ??= output)) throw new Error(`${program.name}: ${engine.name} says ${output}, ${engines[0].name} ${expected}`)
  }
}

// Instructions per unit of gas, counted inside evm_run.
async function instructions(program) {
  const counted = async (n) => {
    const file = path.join(scratch, 'callgrind.evm')
    const ours = await new Ours().start(['valgrind', '--tool=callgrind', `--callgrind-out-file=${file}`, '--collect-atstart=no', '--toggle-collect=evm_run', '-q'])
    for (const [address, code] of program.accounts) await ours.put(address, code)
    const { output } = await ours.run(program, n)
    await ours.stop()
    return { gas: gasOf(output), count: Number(readFileSync(file, 'utf8').match(/^(?:totals|summary): (\d+)/m)[1]) }
  }
  const one = await counted(CHECK), two = await counted(2n * CHECK)
  return (two.count - one.count) / Number(two.gas - one.gas)
}

async function measure(engines) {
  const rows = []
  for (const program of programs().filter((entry) => !only || entry.name.includes(only))) {
    await check(engines, program)
    const rounds = new Map(), rates = new Map(engines.map((engine) => [engine, []]))
    for (const engine of engines) rounds.set(engine, await calibrate(engine, program))
    for (let i = 0; i < runs; i++)
      for (const engine of engines) rates.get(engine).push(await gasPerSecond(engine, program, rounds.get(engine)) / 1e6)
    if (process.env.EVM_PROGRESS) console.error(`${program.name}: ${engines.map((engine) => show(rates.get(engine))).join('  ')}`)
    const ratio = (other) => show(rates.get(engines[0]).map((rate, i) => rate / rates.get(other)[i]))
    rows.push([program.name, ...engines.map((engine) => show(rates.get(engine))), ...engines.slice(1).map(ratio),
      process.env.EVM_COUNT === '0' ? '' : (await instructions(program)).toFixed(2)])
  }
  table(['loop', ...engines.map((engine) => engine.name), ...engines.slice(1).map((engine) => `ours / ${engine.name}`), 'instructions per gas'], rows)
}

export default async function evm() {
  const names = (process.env.EVM_ENGINES ?? 'lesgate,revm,ethereumjs').split(',')
  const engines = [new Ours(), new Anvil(), new Ethereumjs()].filter((engine) => names.includes(engine.name))
  if (process.env.EVM_BEFORE) engines.push(new Ours('before', process.env.EVM_BEFORE))
  say(`## evm: Mgas per CPU second, ${runs} runs in turns, of ${engines.map((engine) => engine.name).join(', ')}`)
  try {
    for (const engine of engines) await engine.start()
    await measure(engines)
  } finally {
    for (const engine of engines) await engine.stop()
  }
}
