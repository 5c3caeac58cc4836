// lesserve by itself: proofs a second and bytes of each, what an idle client costs it, import of a chain, start. The clients are
// les_load.c: another process, so what it takes is not counted.
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { address, balance, build, cpuUs, makeGenesis, memoryMib, Program, rpc, runs, say, scratch, secondsEach, sharedChains, show, sleep, startGate, startServe, table } from './lib.mjs'

const ACCOUNTS = 300000
const SLOTS = 100000
const STORE = '0x' + 'c0'.repeat(20)
const PEERS = (process.env.IDLE_PEERS ?? '1000,5000').split(',').map(Number)
// go-ethereum 1.9.7 gives a free client ten times its MinRecharge of 16,000,000 units a second, whatever its server can do, and
// counts a proof at 600,000 before it knows better; it promises 16,000,000 units and takes a proof for 1,200,000 at most.
const GETH_RATE = 160e6 / 600e3
const GETH_PROMISED = 16e6 / 1.2e6

const slot = (i) => '0x' + BigInt(i).toString(16).padStart(64, '0')

// A genesis with accounts and one contract of many slots; the keys for les_load come with the roots that prove them.
async function world() {
  const files = await makeGenesis('serve', ACCOUNTS)
  const storage = Array.from({ length: SLOTS }, (_, i) => `"${slot(i)}":"${slot(i + 1)}"`).join(',')
  const text = readFileSync(files.genesis, 'utf8')
  writeFileSync(files.genesis, text.replace(/\}\}\n$/, `,\n"${STORE}":{"balance":"0x1","code":"0x00","storage":{${storage}}}}}\n`))
  const serve = await startServe(files.genesis)
  const gate = await startGate(files.genesis, [serve.enode])
  const head = await rpc(gate.url, 'eth_getBlockByNumber', ['latest', false])
  const proof = await rpc(gate.url, 'eth_getProof', [STORE, [slot(0)], 'latest'])
  if (await rpc(gate.url, 'eth_getBalance', [address(7), 'latest']) !== balance(7)) throw new Error('a wrong balance')
  await gate.stop()
  await serve.stop()
  // In an order that is not that of the trie, as clients ask.
  const keys = { account: path.join(scratch, 'account.keys'), storage: path.join(scratch, 'storage.keys') }
  writeFileSync(keys.account, Array.from({ length: ACCOUNTS }, (_, i) => `${head.stateRoot} ${address(i)}`).join('\n') + '\n')
  writeFileSync(keys.storage, Array.from({ length: SLOTS }, (_, i) => `${proof.storageHash} ${STORE} ${slot(i)}`).join('\n') + '\n')
  return { genesis: files.genesis, hash: head.hash, network: 20261, keys }
}

async function load(serve, at, { clients, seconds = secondsEach, batch = 1, window = 1, keys, during }) {
  const program = new Program(path.join(build, 'les_load'), [serve.enode, at.network, at.hash, clients, seconds, batch, window, ...(keys ? [keys] : [])].map(String))
  await program.line(/^ready (\d+)/m)
  const startUs = cpuUs(serve.pid)
  await during?.()
  const fields = (await program.line(/^result (.*)$/m)).split(' ').map(Number)
  const cpu = cpuUs(serve.pid) - startUs
  await program.exit
  const [replies, proofs, us, bytes, wire, p50, p99, bad, stops, lost] = fields
  if (bad || lost) throw new Error(`les_load: ${bad} bad replies, ${lost} clients lost: ${program.log}`)
  return { replies, rate: proofs / us * 1e6, bytes: bytes / proofs, wire: wire / proofs, cpu: cpu / proofs, p50, p99, stops }
}

async function proofs(at) {
  const rows = []
  for (const [kind, clients, batch, window] of [['account', 1, 1, 1], ['account', 1, 1, 16], ['account', 1, 32, 4], ['account', 16, 1, 4], ['account', 16, 32, 2],
    ['storage', 1, 1, 16], ['storage', 16, 1, 4], ['storage', 16, 32, 2]]) {
    const results = []
    for (let i = 0; i < runs; i++) {
      const serve = await startServe(at.genesis, { args: ['--capacity', '100000'] })
      results.push(await load(serve, at, { clients, batch, window, keys: at.keys[kind] }))
      await serve.stop()
    }
    const of = (name) => results.map((result) => result[name])
    const rates = of('rate')
    rows.push([kind, clients, batch, window, show(rates), show(of('bytes')), show(of('wire')), show(of('cpu')), `${show(of('p50'))}, ${show(of('p99'))}`, show(rates.map((rate) => rate / GETH_RATE))])
  }
  say(`proofs by lesserve, ${ACCOUNTS} accounts and ${SLOTS} slots, ${runs} runs of ${secondsEach} s`)
  table(['proof', 'clients', 'in a request', 'requests at once', 'proofs/s', 'bytes each', 'on the wire', 'us CPU each', 'us to a reply: median, p99', 'of a go-ethereum server'], rows)
  const serve = await startServe(at.genesis)
  const one = await load(serve, at, { clients: 1, window: 16, keys: at.keys.account, seconds: 2 * secondsEach })
  await serve.stop()
  say(`capacity 1, the smallest: ${Math.round(one.rate)} proofs/s for a client alone; go-ethereum 1.9.7 ${Math.round(GETH_RATE)} for a free client, and promises ${GETH_PROMISED.toFixed(1)}`)
  say()
}

async function idle(at) {
  const rows = []
  for (const clients of PEERS) {
    const serve = await startServe(at.genesis, { args: ['--max-peers', String(clients)] })
    const before = memoryMib(serve.pid)
    let ready, seconds = 40, cpu
    await load(serve, at, { clients, seconds, during: async () => {
      ready = memoryMib(serve.pid)
      const start = cpuUs(serve.pid)
      await sleep(30000) // two Pings of each
      cpu = (cpuUs(serve.pid) - start) / 30e4
    } }).catch((error) => { throw new Error(`${clients} clients: ${error.message}`) })
    rows.push([clients, before.toFixed(1), ready.toFixed(1), memoryMib(serve.pid).toFixed(1), ((ready - before) / clients * 1000).toFixed(1), cpu.toFixed(2)])
    await serve.stop()
  }
  say('idle clients; MiB resident')
  table(['clients', 'before', 'connected', 'after they left', 'for 1,000', 'CPU % of a core'], rows)
}

async function imports() {
  const rows = []
  for (const { blocks, genesis, chain } of sharedChains()) {
    const serve = await startServe(genesis, { chain, args: ['--log', 'info'] })
    const found = serve.log.match(/imported.*?ms=(\d+) blocks_per_s=(\d+) gas_per_s=(\d+)/)
    rows.push([blocks, Number(found[1]), Number(found[2]), (Number(found[3]) / 1e6).toFixed(1), memoryMib(serve.pid).toFixed(1)])
    await serve.stop()
  }
  if (rows.length === 0) return say('import: left out (the folder ../shared is absent)')
  say('import by execution, one run each')
  table(['blocks', 'ms', 'blocks/s', 'Mgas/s', 'MiB resident'], rows)
}

// From exec to the first reply to a client that waits for the port: its own start is within.
async function start(at) {
  const small = await makeGenesis('small', 100)
  const ms = { listens: [], first: [], many: [] }
  const since = (program) => Number(process.hrtime.bigint() - program.started) / 1e6
  const gate = await startServe(small.genesis)
  const probe = await startGate(small.genesis, [gate.enode])
  const head = await rpc(probe.url, 'eth_getBlockByNumber', ['latest', false])
  await probe.stop()
  await gate.stop()
  const keys = path.join(scratch, 'small.keys')
  writeFileSync(keys, `${head.stateRoot} ${address(1)}\n`)
  for (let i = 0; i < 2 * runs; i++) {
    const serve = await startServe(small.genesis)
    ms.listens.push(since(serve))
    const client = new Program(path.join(build, 'les_load'), [serve.enode, '20261', head.hash, '1', '1', '1', '1', keys])
    await client.line(/^(first)/m)
    ms.first.push(since(serve))
    await client.exit
    await serve.stop()
  }
  for (let i = 0; i < runs; i++) {
    const serve = await startServe(at.genesis)
    ms.many.push(since(serve))
    await serve.stop()
  }
  say(`exec to listening: ${show(ms.listens)} ms; to the first proof served: ${show(ms.first)} ms (100 accounts, ${2 * runs} runs)`)
  say(`exec to listening with ${ACCOUNTS} accounts and ${SLOTS} slots, read and built each time: ${show(ms.many)} ms`)
  say()
}

export default async function serve() {
  say('## serve: lesserve alone')
  const only = (process.env.SERVE_ONLY ?? 'proofs,idle,imports,start').split(',')
  const at = await world()
  if (only.includes('proofs')) await proofs(at)
  if (only.includes('idle')) await idle(at)
  if (only.includes('imports')) await imports()
  if (only.includes('start')) await start(at)
}
