// Answers that lesgate has: eth_blockNumber, and one eth_getBalance again and again, against h2o alone sending the same bytes.
import path from 'node:path'
import { writeFileSync } from 'node:fs'
import { Program, address, balance, body, build, cpuUs, folder, makeGenesis, post, runs, say, scratch, secondsEach, show, startGate, startServe, table, wrk } from './lib.mjs'

const AIM = 0.7
const GETH_US = { eth_blockNumber: 34, eth_getBalance: 81 } // go-ethereum 1.9.7 light client, 64 connections, on such a machine

async function startBare(bytes) {
  const file = path.join(scratch, `bare${bytes.length}.json`)
  writeFileSync(file, bytes)
  const program = new Program(path.join(build, 'bare_h2o'), [file], { cpu: 0 })
  program.url = await program.line(/^ready (http:\/\/\S+)/m)
  return program
}

async function measure(program, text, connections) {
  const before = cpuUs(program.pid)
  const run = await wrk(program.url, 'hot.lua', [text], { connections, cpu: 1 })
  if (run.errors) throw new Error(`${program.name}: ${run.errors} errors`)
  return { ...run, us: (cpuUs(program.pid) - before) / run.requests }
}

export default async function hot() {
  say(`## hot: lesgate (one loop, CPU 0) against bare h2o (CPU 0), wrk on CPU 1; ${runs} pairs of ${secondsEach} s, interleaved; median [min..max]`)
  const { genesis } = await makeGenesis('hot', 1000)
  const serve = await startServe(genesis, { cpu: 1 })
  const gate = await startGate(genesis, [serve.enode], { cpu: 0 })
  const rows = []
  for (const [method, params, want] of [['eth_blockNumber', [], '0x0'], ['eth_getBalance', [address(7), 'latest'], balance(7)]]) {
    const text = body(method, params)
    const answer = await post(gate.url, text)
    if (JSON.parse(answer).result !== want) throw new Error(`${method}: ${answer}`)
    const bare = await startBare(answer)
    if (await post(bare.url, text) !== answer) throw new Error('the bound answers other bytes')
    for (const connections of [1, 16, 64]) {
      const gates = [], bares = []
      for (let i = 0; i < runs; i++) {
        bares.push(await measure(bare, text, connections))
        gates.push(await measure(gate, text, connections))
      }
      const pick = (list, key) => list.map((run) => run[key])
      rows.push([method, connections, show(pick(gates, 'rate')), show(pick(bares, 'rate')), show(gates.map((run, i) => run.rate / bares[i].rate)), show(gates.map((run, i) => bares[i].us / run.us)),
        show(pick(gates, 'p99')), show(pick(gates, 'us')), show(pick(bares, 'us')), GETH_US[method]])
    }
    if (await post(gate.url, text) !== answer) throw new Error('the answer changed')
    await bare.stop()
  }
  await gate.stop()
  await serve.stop()
  table(['method', 'conns', 'lesgate req/s', 'bare req/s', `ratio (aim ${AIM})`, 'ratio by CPU', 'p99 us', 'lesgate us CPU/req', 'bare us CPU/req', 'geth us CPU/req'], rows)
}
