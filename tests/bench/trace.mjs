// debug_traceCall of one program by each tracer, beside anvil: CPU of the process per 1,000 steps and the size of the answer. Runs take
// turns. The code and its loop are given with the call, so both trace the same; all that is fetched is one account, once.
import { createRequire } from 'node:module'
import path from 'node:path'
import { Program, body, here, makeGenesis, post, runs, say, scheduledUs, show, startGate, startServe, table } from './lib.mjs'

const ROUNDS = 20000
const A = `0x${'c0'.padStart(40, '0')}`
// counts down; each round stores a word, hashes it and drops the hash: 14 steps
const CODE = `0x61${ROUNDS.toString(16).padStart(4, '0')}5b60019003805f5260205f20508060035700`
const STEPS = 1 + 14 * ROUNDS
const TRACERS = [['struct logger', {}], ['struct logger, no stack', { disableStack: true }], ['callTracer', { tracer: 'callTracer' }], ['prestateTracer', { tracer: 'prestateTracer' }]]

async function startAnvil() {
  const file = createRequire(path.join(here, '../e2e/package.json')).resolve('@foundry-rs/anvil-linux-amd64/bin/anvil')
  const program = new Program(file, ['--port', '0', '--hardfork', 'prague', '--gas-limit', '60000000', '--accounts', '1', '--no-mining'])
  return { name: 'anvil', pid: program.pid, url: `http://${await program.line(/^Listening on (\S+)/m)}`, stop: () => program.stop() }
}

async function measure(engine, config) {
  const request = body('debug_traceCall', [{ to: A, gas: '0x2faf080' }, 'latest', { ...config, stateOverrides: { [A]: { code: CODE } } }])
  const before = scheduledUs(engine.pid)
  const answer = await post(engine.url, request)
  const us = scheduledUs(engine.pid) - before
  const error = answer.slice(0, 300).match(/"error":\{[^}]*\}/)
  if (error) throw new Error(`${engine.name}: ${error[0]}`)
  if (!config.tracer && answer.split('"pc":').length - 1 !== STEPS + 1) throw new Error(`${engine.name}: not ${STEPS + 1} steps`)
  return { us: (us * 1000) / STEPS, bytes: answer.length }
}

export default async function trace() {
  say(`## trace: debug_traceCall, ${STEPS.toLocaleString('en-US')} steps, ${runs} runs in turns; CPU us per 1,000 steps, median [min..max]`)
  const { genesis } = await makeGenesis('trace', 10, { merged: true })
  const serve = await startServe(genesis)
  const gate = Object.assign(await startGate(genesis, [serve.enode]), { name: 'lesgate' })
  const anvil = await startAnvil()
  const rows = []
  for (const [name, config] of TRACERS) {
    const lists = { lesgate: [], anvil: [] }
    const engines = config.tracer === 'prestateTracer' ? [gate] : [gate, anvil] // anvil has it for transactions only
    for (let i = 0; i < runs; i++) for (const engine of engines) lists[engine.name].push(await measure(engine, config))
    const pick = (list, key) => (list.length ? show(list.map((run) => run[key])) : '-')
    rows.push([name, pick(lists.lesgate, 'us'), pick(lists.anvil, 'us'), pick(lists.lesgate, 'bytes'), pick(lists.anvil, 'bytes')])
  }
  table(['tracer', 'lesgate', 'anvil', 'bytes, lesgate', 'bytes, anvil'], rows)
  await Promise.all([gate.stop(), anvil.stop(), serve.stop()])
}
