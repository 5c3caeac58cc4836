// Answers that must be fetched: eth_getBalance of one account after the other, none twice, every answer compared. A new lesgate with an
// empty datadir for each run; each run starts at other accounts.
import { readFileSync } from 'node:fs'
import { cpuUs, lesBytes, makeGenesis, runs, say, secondsEach, show, startGate, startServe, table, wrk } from './lib.mjs'

export const ACCOUNTS = 300000
const AIMS = { rate: 5500, bytes: 1300, us: 40 }
const GETH = { rate: '180-550 stock, 3,413 unlimited', bytes: 2654, us: 364 } // go-ethereum 1.9.7 light client behind its own server
const HEAD = ['client', 'server', 'conns', 'req/s', 'p50 us', 'p99 us', 'bytes/req', 'lesgate us CPU/req', 'server us CPU/req']

async function measure(files, enode, serverPid, connections, first) {
  const gate = await startGate(files.genesis, [enode])
  const before = { gate: cpuUs(gate.pid), server: serverPid ? cpuUs(serverPid) : 0, bytes: await lesBytes(gate.url) }
  const run = await wrk(gate.url, 'cold.lua', [files.accounts, first], { connections, seconds: 2 * secondsEach })
  const after = { gate: cpuUs(gate.pid), server: serverPid ? cpuUs(serverPid) : 0, bytes: await lesBytes(gate.url) }
  await gate.stop()
  const [at, bad] = run.more
  if (bad || run.errors) throw new Error(`${bad} wrong answers, ${run.errors} errors of ${run.requests}: ${run.example}`)
  const n = at - first
  return { ...run, at, bytes: (after.bytes.in - before.bytes.in + after.bytes.out - before.bytes.out) / n, us: (after.gate - before.gate) / n,
    serverUs: serverPid ? (after.server - before.server) / n : NaN }
}

async function series(name, files, enode, serverPid) {
  const count = readFileSync(files.accounts, 'utf8').trimEnd().split('\n').length
  const rows = []
  for (const connections of [1, 16, 64]) {
    const list = []
    let first = 0
    for (let i = 0; i < runs; i++) {
      const run = await measure(files, enode, serverPid, connections, first)
      if (run.at >= count) throw new Error(`only ${count} accounts: too few`)
      first = run.at + run.requests < count - 1000 ? run.at : 0
      list.push(run)
    }
    const pick = (key) => show(list.map((run) => run[key]))
    rows.push(['lesgate', name, connections, pick('rate'), pick('p50'), pick('p99'), pick('bytes'), pick('us'), serverPid ? pick('serverUs') : '-'])
  }
  return rows
}

export default async function cold() {
  say(`## cold: ${ACCOUNTS.toLocaleString('en-US')} accounts, ${runs} runs of ${2 * secondsEach} s each with a new lesgate, every answer checked; median [min..max]`)
  const files = await makeGenesis('cold', ACCOUNTS)
  const serve = await startServe(files.genesis, { args: (process.env.SERVE_ARGS ?? '').split(' ').filter(Boolean) })
  const rows = await series('lesserve', files, serve.enode, serve.pid)
  await serve.stop()
  const { GETH_ENODE, GETH_GENESIS, GETH_ACCOUNTS, GETH_PID } = process.env
  if (GETH_ENODE) rows.push(...await series('go-ethereum', { genesis: GETH_GENESIS, accounts: GETH_ACCOUNTS }, GETH_ENODE, Number(GETH_PID ?? 0)))
  rows.push(['aim', 'lesserve', 64, AIMS.rate, '-', '-', AIMS.bytes, AIMS.us, AIMS.us])
  rows.push(['go-ethereum 1.9.7', 'go-ethereum', 64, GETH.rate, '17,400', '48,000', GETH.bytes, GETH.us, 171])
  table(HEAD, rows)
}
