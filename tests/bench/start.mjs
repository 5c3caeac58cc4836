// From the start of the process to the first verified balance: with nothing in the datadir, and with what the last run left there.
import { folder, makeGenesis, post, body, address, runs, say, sharedChains, show, startGate, startServe, table } from './lib.mjs'

const AIMS = { empty: 300, warm: 50 }

async function measure(genesis, enode, who, datadir) {
  const gate = await startGate(genesis, [enode], { datadir })
  const text = await post(gate.url, body('eth_getBalance', [who, 'latest']))
  const ms = Number(process.hrtime.bigint() - gate.started) / 1e6
  if (JSON.parse(text).result === undefined) throw new Error(text)
  await gate.stop()
  return ms
}

export default async function start() {
  const count = 2 * runs
  say(`## start: ms from exec to the first verified eth_getBalance, ${count} runs; median [min..max]`)
  const chains = sharedChains()
  if (chains.length === 0) say('left out: chains of 54, 600 and 45,000 blocks (the folder ../shared is absent)')
  chains.unshift({ blocks: 0, ...await makeGenesis('start', 100) })
  const rows = []
  for (const { blocks, genesis, chain } of chains) {
    const serve = await startServe(genesis, { chain })
    const empty = [], warm = [], datadir = folder('gate')
    for (let i = 0; i < count; i++) empty.push(await measure(genesis, serve.enode, address(1), folder('gate')))
    await measure(genesis, serve.enode, address(1), datadir)
    for (let i = 0; i < count; i++) warm.push(await measure(genesis, serve.enode, address(1), datadir))
    await serve.stop()
    rows.push([blocks, show(empty), AIMS.empty, show(warm), AIMS.warm])
  }
  table(['blocks', 'empty datadir, ms', 'aim', 'warm, ms', 'aim'], rows)
  say('go-ethereum 1.9.7 light client on such a machine: 600 blocks 3,318 / 86 ms, 45,000 blocks 16,460 / 84 ms')
  say()
}
