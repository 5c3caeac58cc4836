// What a lesgate takes when it does nothing, what it holds after 100,000 balances, and how large the program is.
import { execFileSync } from 'node:child_process'
import { statSync } from 'node:fs'
import path from 'node:path'
import { build, lesBytes, makeGenesis, memoryMib, rpc, address, say, scheduledUs, scratch, sleep, startGate, startServe, table, wrk } from './lib.mjs'

const MAINNET_ACCOUNTS = 8893 // what a genesis file of Ethereum holds
const IDLE_S = Number(process.env.IDLE_S ?? 60)
const BLOCK_MS = 13000

async function idle(name, serveArgs, genesis) {
  const serve = await startServe(genesis, { args: serveArgs })
  const gate = await startGate(genesis, [serve.enode])
  await rpc(gate.url, 'eth_getBalance', [address(1), 'latest'])
  await sleep(2000)
  const first = { us: scheduledUs(gate.pid), bytes: await lesBytes(gate.url) }
  await sleep(IDLE_S * 1000)
  const last = { us: scheduledUs(gate.pid), bytes: await lesBytes(gate.url) }
  const row = [name, memoryMib(gate.pid).toFixed(1), memoryMib(gate.pid, 'VmHWM').toFixed(1), ((last.us - first.us) / IDLE_S / 1e4).toFixed(4),
    ((last.bytes.in - first.bytes.in) / IDLE_S).toFixed(1), ((last.bytes.out - first.bytes.out) / IDLE_S).toFixed(1)]
  await gate.stop()
  await serve.stop()
  return row
}

async function loaded() {
  const files = await makeGenesis('loaded', 300000)
  const serve = await startServe(files.genesis, { args: ['--capacity', '1000'] })
  const gate = await startGate(files.genesis, [serve.enode])
  const before = memoryMib(gate.pid)
  let at = 0
  while (at < 100000) {
    const run = await wrk(gate.url, 'cold.lua', [files.accounts, at], { connections: 64, seconds: 5 })
    if (run.more[1] || run.errors) throw new Error(`${run.more[1]} wrong answers: ${run.example}`)
    at = run.more[0]
  }
  const row = [`after ${at.toLocaleString('en-US')} distinct balances`, memoryMib(gate.pid).toFixed(1), memoryMib(gate.pid, 'VmHWM').toFixed(1), '-', '-', '-']
  await gate.stop()
  await serve.stop()
  return [['ready, genesis of 300,000 accounts read', before.toFixed(1), '-', '-', '-', '-'], row]
}

function strippedSize(name) {
  const file = path.join(scratch, name)
  execFileSync('strip', ['-o', file, path.join(build, name)])
  return statSync(file).size / 1048576
}

export default async function memory() {
  say(`## memory and idle: ${IDLE_S} s of nothing to do, one trusted server; one run each`)
  const { genesis } = await makeGenesis('memory', MAINNET_ACCOUNTS, { merged: true })
  const rows = [await idle('idle, head stands still', [], genesis), await idle(`idle, a block every ${BLOCK_MS / 1000} s`, ['--dev.period-ms', String(BLOCK_MS)], genesis), ...await loaded()]
  table(['state', 'RSS MiB', 'highest', 'CPU % of a core', 'LES bytes/s in', 'out'], rows)
  say('aims: 12 MiB idle, 24 MiB after 100,000 requests. go-ethereum 1.9.7 light client: 99 MB idle with blocks (44 static), 0.075 % CPU,')
  say('44-48 bytes/s in and 17-18 out; 264 MB after cold load.')
  say(`stripped: lesgate ${strippedSize('lesgate').toFixed(2)} MiB (aim 2), lesserve ${strippedSize('lesserve').toFixed(2)} MiB; go-ethereum 22.4 MB`)
  say()
}
