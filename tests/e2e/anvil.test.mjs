// The full way over a node that nobody here wrote: wallet -> lesgate -> LES -> lesserve -> anvil. Whatever lesgate answers must be
// what anvil answers itself, for every method that both have, while blocks arrive, and after a reorganisation.
import { test } from 'node:test'
import assert from 'node:assert/strict'
import path from 'node:path'
import { readFileSync, writeFileSync } from 'node:fs'
import solc from 'solc'
import { Contract, ContractFactory, JsonRpcProvider, Network, Wallet, keccak256, toBeHex } from 'ethers'
import { root, scratch, run, startServe, startGate, rpc, call, until } from './harness.mjs'
import { needAnvil, needCast, startAnvil, cast, differs } from './anvil.mjs'

const QUERIES = Number(process.env.QUERIES ?? 10000)
const SEED = Number(process.env.SEED ?? Date.now() % 1000000)
const CHAIN_ID = 31337
// The first keys that development chains hand out.
const KEYS = ['0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80',
  '0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d',
  '0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a']

const hex = (number) => '0x' + number.toString(16)

const SOURCE = `
pragma solidity ^0.8.0;
contract Shop {
  event Sold(address indexed who, uint256 indexed what, uint256 much);
  error Short(uint256 have, uint256 want);
  uint256 public count;
  mapping(address => uint256) public bought;
  mapping(uint256 => uint256) public stock;
  Small[] public made;
  function buy(uint256 what, uint256 much) external payable {
    if (much > 1000) revert Short(1000, much);
    count += much; bought[msg.sender] += much; stock[what] = much;
    emit Sold(msg.sender, what, much);
  }
  function clear(uint256 what) external { delete stock[what]; }
  function make() external { made.push(new Small(count)); }
  function total(uint256 n) external view returns (uint256 sum) { for (uint256 i = 0; i < n; i++) sum += stock[i]; }
  function fail(string calldata text) external pure { require(false, text); }
  receive() external payable {}
}
contract Small { uint256 public number; constructor(uint256 n) { number = n; } }`

function compile() {
  const output = JSON.parse(solc.compile(JSON.stringify({
    language: 'Solidity', sources: { 'shop.sol': { content: SOURCE } },
    settings: { evmVersion: 'cancun', outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object'] } } },
  })))
  assert.deepEqual((output.errors ?? []).filter(({ severity }) => severity === 'error'), [])
  return output.contracts['shop.sol'].Shop
}

// xorshift: the same seed asks the same questions.
function dice(seed) {
  let state = BigInt(seed) * 2654435761n + 88172645463325252n
  const next = () => {
    state ^= (state << 13n) & 0xffffffffffffffffn
    state ^= state >> 7n
    state ^= (state << 17n) & 0xffffffffffffffffn
    return state
  }
  const below = (bound) => Number(next() % BigInt(bound))
  return { below, pick: (list) => list[below(list.length)], word: () => toBeHex(next(), 32) }
}

// Methods of the gateway that are not asked here: their answers are about the one who answers. What a transaction should pay
// (eth_gasPrice, eth_maxPriorityFeePerGas) is advice: go-ethereum's from past blocks, anvil's a constant. eth_accounts: anvil
// holds keys. web3_clientVersion, net_peerCount: names and numbers of their own. eth_sendRawTransaction is what all blocks
// are made by here.
const OWN = ['eth_gasPrice', 'eth_maxPriorityFeePerGas', 'eth_accounts', 'web3_clientVersion', 'net_peerCount', 'eth_sendRawTransaction']

// What can be asked about: grows with the chain.
async function look(anvil, known) {
  const head = Number(await rpc(anvil.url, 'eth_blockNumber'))
  for (let number = known.blocks.length; number <= head; number++) {
    const block = await rpc(anvil.url, 'eth_getBlockByNumber', [hex(number), true])
    known.blocks.push(block)
    for (const tx of block.transactions) {
      known.txs.push(tx)
      known.addresses.add(tx.from)
      if (tx.to) known.addresses.add(tx.to)
      const { contractAddress } = await rpc(anvil.url, 'eth_getTransactionReceipt', [tx.hash])
      if (contractAddress) known.addresses.add(contractAddress)
    }
  }
}

function questions(known, shop, { below, pick, word }) {
  const addresses = [...known.addresses]
  const head = known.blocks.length - 1
  // The state of block 0 is not under its header at anvil (see anvil.mjs), so state is asked from block 1 on.
  const block = () => pick(known.blocks)
  const at = (from = 1) => {
    const one = known.blocks[from + below(head - from + 1)]
    return pick([one.number, one.number, { blockHash: one.hash }, { blockNumber: one.number }])
  }
  const address = () => below(8) ? pick(addresses) : '0x' + word().slice(-40)
  const slot = () => below(4) ? hex(below(6)) : below(2) ? word() :
    keccak256('0x' + toBeHex(below(40), 32).slice(2) + toBeHex(3, 32).slice(2))
  const tx = () => below(10) ? pick(known.txs).hash : word()
  const encode = (name, ...args) => shop.interface.encodeFunctionData(name, args)
  const data = () => pick([encode('count'), encode('bought', pick(known.wallets)), encode('stock', below(40)), encode('total', below(30)),
    encode('buy', below(40), below(1200)), encode('fail', 'no'), encode('made', below(5)), encode('make'), '0x12345678'])
  const message = () => ({ from: pick(known.wallets), to: shop.target, data: data(), ...(below(3) ? {} : { value: hex(below(1000)) }) })
  const range = () => { const from = below(head + 1); return { fromBlock: hex(from), toBlock: hex(Math.min(head, from + below(30))) } }
  const topics = () => pick([undefined, [shop.interface.getEvent('Sold').topicHash],
    [null, '0x' + pick(known.wallets).slice(2).toLowerCase().padStart(64, '0')], [[word(), shop.interface.getEvent('Sold').topicHash], null, toBeHex(below(40), 32)]])
  return {
    eth_chainId: () => [], net_version: () => [], net_listening: () => [], web3_sha3: () => [word()], eth_syncing: () => [],
    eth_blockNumber: () => [],
    eth_getBalance: () => [address(), at()], eth_getTransactionCount: () => [address(), at()],
    eth_getCode: () => [address(), at()], eth_getStorageAt: () => [address(), slot(), at()],
    eth_getProof: () => [address(), Array.from({ length: below(6) }, () => toBeHex(BigInt(slot()), 32)), at()],
    eth_getHeaderByNumber: () => [block().number], eth_getHeaderByHash: () => [block().hash],
    eth_getBlockByNumber: () => [below(20) ? block().number : hex(head + 1000), !below(2)],
    eth_getBlockByHash: () => [below(20) ? block().hash : word(), !below(2)],
    eth_getBlockTransactionCountByNumber: () => [block().number], eth_getBlockTransactionCountByHash: () => [block().hash],
    eth_getUncleCountByBlockNumber: () => [block().number], eth_getUncleCountByBlockHash: () => [block().hash],
    eth_getUncleByBlockNumberAndIndex: () => [block().number, '0x0'], eth_getUncleByBlockHashAndIndex: () => [block().hash, '0x0'],
    eth_getTransactionByHash: () => [tx()],
    eth_getTransactionByBlockNumberAndIndex: () => [block().number, hex(below(3))],
    eth_getTransactionByBlockHashAndIndex: () => [block().hash, hex(below(3))],
    eth_getTransactionReceipt: () => [tx()], eth_getBlockReceipts: () => [block().number],
    eth_getLogs: () => [{ ...(below(4) ? range() : { blockHash: block().hash }), ...(below(2) ? { address: pick([shop.target, [shop.target, address()]]) } : {}), topics: topics() }],
    eth_call: () => [message(), at()],
    eth_estimateGas: () => [message(), at()],
    eth_createAccessList: () => [message(), at()],
    eth_feeHistory: () => [hex(1 + below(5)), hex(below(head + 1)), pick([[], [50], [10, 90]])],
    debug_getRawHeader: () => [block().number], debug_getRawBlock: () => [block().number],
    debug_getRawReceipts: () => [block().number], debug_getRawTransaction: () => [tx()],
    debug_traceTransaction: () => [pick(known.txs).hash, pick([{ tracer: 'callTracer' }, {}])],
    debug_traceCall: () => [message(), hex(1 + below(head)), { tracer: 'callTracer' }],
    debug_traceBlockByHash: () => [known.blocks[1 + below(head)].hash, { tracer: 'callTracer' }],
    eth_simulateV1: () => [{ blockStateCalls: Array.from({ length: 1 + below(2) }, () => ({ calls: Array.from({ length: 1 + below(3) }, message) })) },
      known.blocks[1 + below(head)].number],
    eth_getStorageValues: () => [{ [pick(addresses)]: [toBeHex(below(6), 32)], [shop.target]: [toBeHex(0, 32), word()] }, at()],
    eth_baseFee: () => [], eth_blobBaseFee: () => [],
    debug_traceBlockByNumber: () => [hex(1 + below(head)), { tracer: 'callTracer' }],
  }
}

// Those that both have; anvil answers -32601 to the others.
async function methodsOfBoth(anvil, ask) {
  const have = []
  for (const method of Object.keys(ask)) {
    if ((await call(anvil.url, method, ask[method]())).error?.code !== -32601) have.push(method)
  }
  return have
}

async function compareRandom(t, { gate, anvil, known, shop, count, seed }) {
  const random = dice(seed)
  const ask = questions(known, shop, random)
  const methods = await methodsOfBoth(anvil, ask)
  const counts = {}
  const faults = []
  let asked = 0
  const worker = async () => {
    while (asked < count && faults.length < 10) {
      asked++
      const method = random.pick(methods)
      const params = ask[method]()
      const [ours, theirs] = await Promise.all([call(gate.url, method, params), call(anvil.url, method, params)])
      const verdict = differs(method, params, ours, theirs)
      counts[method] ??= { asked: 0, refused: 0 }
      counts[method].asked++
      if (ours.error) counts[method].refused++
      if (verdict) faults.push(`${method}(${JSON.stringify(params)}): ${verdict}\n  lesgate ${JSON.stringify(ours)}\n  anvil   ${JSON.stringify(theirs)}`)
    }
  }
  await Promise.all(Array.from({ length: 12 }, worker))
  assert.equal(faults.length, 0, `SEED=${SEED}: ${faults.join('\n')}`)
  // Errors on both sides are the same answer only where a question may be wrong: calls that revert, blocks that are not there.
  for (const [method, { asked: all, refused }] of Object.entries(counts)) {
    if (all >= 20 && !/^(eth_call|eth_estimateGas|eth_simulateV1)$/.test(method)) assert.ok(refused * 4 < all, `${method}: ${refused} of ${all} are errors`)
  }
  if (process.env.SHOW) console.log(JSON.stringify(counts))
  return asked
}

// anvil, lesserve over it, lesgate over that; and a wallet.
async function startAll(t, anvilArgs = []) {
  const anvil = await startAnvil(t, ['--steps-tracing', ...anvilArgs])
  const datadir = path.join(scratch(t), 'serve')
  const serve = await startServe(t, { args: ['--node', anvil.url, '--node.poll-ms', '50'], datadir })
  const gate = await startGate(t, { genesis: path.join(datadir, 'genesis.json'), trusted: [serve.enode], fraction: 100 })
  if (process.env.LOGS) t.after(() => writeFileSync(process.env.LOGS, `${serve.log}\n=====\n${gate.log}`))
  await rpc(anvil.url, 'anvil_mine', ['0x1']) // so that every transaction has a block before it whose state is under its header
  const provider = new JsonRpcProvider(gate.url, new Network('anvil', CHAIN_ID), { staticNetwork: true, cacheTimeout: -1, pollingInterval: 50 })
  t.after(() => provider.destroy())
  const wallets = KEYS.map((key) => new Wallet(key, provider))
  const known = { blocks: [], txs: [], addresses: new Set(), wallets: wallets.map(({ address }) => address) }
  const caughtUp = async () => {
    const head = await rpc(anvil.url, 'eth_getBlockByNumber', ['latest', false])
    await until(async () => (await rpc(gate.url, 'eth_getBlockByNumber', ['latest', false]))?.hash === head.hash, { what: `head ${head.number} ${head.hash}` })
  }
  return { anvil, serve, gate, wallets, known, caughtUp, random: dice(SEED), nonces: wallets.map(() => 0) }
}

// A contract, and transactions of several kinds.
async function makeChain({ wallets, nonces, random }) {
  const { abi, evm } = compile()
  const deployed = await new ContractFactory(abi, evm.bytecode.object, wallets[0]).deploy({ nonce: nonces[0]++ })
  await deployed.waitForDeployment()
  const shop = new Contract(deployed.target, abi, wallets[0])
  for (let i = 0; i < 20; i++) {
    const who = random.below(wallets.length)
    const overrides = { nonce: nonces[who]++, ...(random.below(2) ? {} : { value: random.below(1000) }) }
    const sent = random.below(6) ? await shop.connect(wallets[who]).buy(random.below(40), random.below(1000), overrides)
      : await shop.connect(wallets[who]).make({ nonce: overrides.nonce })
    const receipt = await sent.wait()
    assert.equal(receipt.status, 1)
  }
  // One that fails on the chain, one old-fashioned one, one with an access list.
  const failing = await shop.buy(1, 5000, { nonce: nonces[0]++, gasLimit: 200000 })
  await assert.rejects(failing.wait())
  await (await wallets[1].sendTransaction({ to: wallets[2].address, value: 12345, nonce: nonces[1]++, type: 0, gasPrice: 3000000000 })).wait()
  await (await wallets[2].sendTransaction({ to: '0x' + '12'.repeat(20), value: 1, nonce: nonces[2]++, type: 1, gasPrice: 3000000000,
    accessList: [{ address: shop.target, storageKeys: [toBeHex(0, 32)] }] })).wait()
  assert.ok((await shop.count()) > 0n)
  return shop
}

test('lesgate over lesserve over anvil answers what anvil answers', needAnvil, async (t) => {
  const all = await startAll(t)
  const { anvil, serve, gate, wallets, known, caughtUp, random, nonces } = all
  let shop

  await t.test('ethers deploys a contract and transacts, through lesgate', async () => { shop = await makeChain(all) })

  await t.test('cast sends and calls, through lesgate', needCast, async () => {
    const args = ['--rpc-url', gate.url]
    await cast('send', ...args, '--private-key', KEYS[1], shop.target, 'buy(uint256,uint256)', '77', '7')
    nonces[1]++
    assert.equal(await cast('call', ...args, shop.target, 'stock(uint256)(uint256)', '77'), '7')
    assert.equal(await cast('chain-id', ...args), String(CHAIN_ID))
    assert.equal(await cast('balance', ...args, wallets[1].address), await cast('balance', '--rpc-url', anvil.url, wallets[1].address))
    assert.equal(await cast('storage', ...args, shop.target, '0'), await cast('storage', '--rpc-url', anvil.url, shop.target, '0'))
  })

  await t.test('what the node refuses comes back in the words of go-ethereum', async () => {
    const raw = await wallets[0].signTransaction({ to: wallets[1].address, value: 1, nonce: 0, gasLimit: 21000, gasPrice: 3000000000, chainId: CHAIN_ID, type: 0 })
    const { error } = await call(gate.url, 'eth_sendRawTransaction', [raw])
    assert.match(error.message, /^nonce too low/)
  })

  await t.test(`random questions while blocks arrive`, async () => {
    let done = 0, round = 0
    while (done < QUERIES / 2) {
      const data = random.below(4) ? shop.interface.encodeFunctionData('buy', [random.below(40), random.below(900)])
        : shop.interface.encodeFunctionData('clear', [random.below(40)])
      await rpc(anvil.url, 'eth_sendTransaction', [{ from: wallets[2].address, to: shop.target, data }])
      await rpc(anvil.url, 'anvil_mine', [hex(1 + random.below(3))])
      await look(anvil, known)
      await caughtUp()
      done += await compareRandom(t, { gate, anvil, known, shop, count: Math.min(500, Math.ceil(QUERIES / 2)), seed: SEED + ++round })
    }
    console.log(`# anvil: ${done} random questions answered the same, ${known.blocks.length} blocks, ${known.txs.length} transactions`)
  })

  // lesgate hears of heads that are not ahead as well: the same height by another way, and fewer blocks.
  await t.test('and after reorganisations', async () => {
    let done = 0
    for (const depth of [1, 4, 9]) {
      const before = await rpc(anvil.url, 'eth_getBlockByNumber', ['latest', false])
      await rpc(anvil.url, 'anvil_reorg', [depth, []])
      await caughtUp()
      await rpc(anvil.url, 'anvil_rollback', [1])
      await caughtUp()
      await rpc(anvil.url, 'anvil_mine', ['0x2'])
      await caughtUp()
      assert.equal(await rpc(gate.url, 'eth_getBlockByHash', [before.hash, false]), null, 'the old branch is not the chain any more')
      Object.assign(known, { blocks: [], txs: [], addresses: new Set() })
      await look(anvil, known)
      done += await compareRandom(t, { gate, anvil, known, shop, count: Math.ceil(QUERIES / 6), seed: SEED + 1000 + depth })
    }
    assert.match(serve.log, /new head on another branch .*reorg_depth=9/)
    console.log(`# anvil: ${done} random questions answered the same after reorganisations`)
  })

  for (const [name, at] of [['WebSocket', anvil.ws], ['the IPC socket', anvil.ipc]]) {
    await t.test(`the head is announced over ${name}, and the same is served`, async () => {
      const datadir2 = path.join(scratch(t), 'serve2')
      const serve2 = await startServe(t, { args: ['--node', at], datadir: datadir2 })
      const gate2 = await startGate(t, { genesis: path.join(datadir2, 'genesis.json'), trusted: [serve2.enode], fraction: 100 })
      await rpc(anvil.url, 'anvil_mine', ['0x2'])
      const head = await rpc(anvil.url, 'eth_getBlockByNumber', ['latest', false])
      await until(async () => (await rpc(gate2.url, 'eth_getBlockByNumber', ['latest', false]))?.hash === head.hash, { what: `head over ${name}` })
      await caughtUp()
      await look(anvil, known)
      const done = await compareRandom(t, { gate: gate2, anvil, known, shop, count: Math.ceil(QUERIES / 20), seed: SEED + 3000 })
      console.log(`# anvil: ${done} random questions answered the same over ${name}`)
      assert.equal((await gate2.stop()).code, 0)
      assert.equal((await serve2.stop()).code, 0)
    })
  }

  await t.test('nothing that anvil said was refused', async () => {
    assert.doesNotMatch(serve.log, /does not hold/)
    assert.equal((await gate.stop()).code, 0)
    assert.equal((await serve.stop()).code, 0)
  })
})

// Of the rules before: there anvil's blocks are whole, so that blocks on top of them can be simulated. (Of older ones still, anvil's
// block 0 has a blobGasUsed alone in its hash, which is no header of Ethereum.)
test('the same over anvil with the rules of Cancun', needAnvil, async (t) => {
  const all = await startAll(t, ['--hardfork', 'cancun'])
  const shop = await makeChain(all)
  await look(all.anvil, all.known)
  await all.caughtUp()
  const done = await compareRandom(t, { ...all, shop, count: Math.ceil(QUERIES / 10), seed: SEED + 5000 })
  console.log(`# anvil: ${done} random questions answered the same with the rules of Cancun`)
  assert.doesNotMatch(all.serve.log, /does not hold/)
})

test('every method of the gateway is asked, or is one that each answers in its own way', () => {
  const table = readFileSync(path.join(root, 'gateway/eth/methods.def'), 'utf8')
  const known = { blocks: [{ number: '0x0' }], txs: [], addresses: new Set(), wallets: [] }
  const asked = Object.keys(questions(known, {}, dice(1)))
  const all = [...table.matchAll(/^RPC_METHOD\("(\w+)"/gm)].map(([, name]) => name)
  assert.deepEqual(all.filter((name) => !asked.includes(name) && !OWN.includes(name)), [])
})

test('a genesis of another chain ends lesserve with the reason', needAnvil, async (t) => {
  const anvil = await startAnvil(t)
  const datadir = path.join(scratch(t), 'serve')
  const start = (...args) => run(t, 'lesserve', ['--node', anvil.url, '--listen', '127.0.0.1:0', '--datadir', datadir, ...args])
  const other = await start('--genesis', path.join(root, 'conf/demo/genesis.json'))
  assert.equal(other.code, 1)
  assert.match(other.log, /anvil\/v[0-9.]+\) is on chain 31337, the genesis is of chain 20955/)

  const serve = await startServe(t, { args: ['--node', anvil.url], datadir })
  assert.equal((await serve.stop()).code, 0)
  const genesis = JSON.parse(readFileSync(path.join(datadir, 'genesis.json')))
  genesis.timestamp = '0x1'
  const file = path.join(datadir, 'other.json')
  writeFileSync(file, JSON.stringify(genesis))
  const wrong = await start('--genesis', file)
  assert.equal(wrong.code, 1)
  assert.match(wrong.log, /has the genesis 0x[0-9a-f]{64}, ours is 0x[0-9a-f]{64}: another chain/)

  for (const [args, text] of [[['--node', 'https://x'], /--node https:\/\/x/], [['--node', anvil.url, '--dev.period-ms', '5'], /--node excludes/]]) {
    const refused = await run(t, 'lesserve', [...args, '--datadir', datadir])
    assert.equal(refused.code, 1)
    assert.match(refused.log, text)
  }
})

test('lesserve waits for a node that is not there yet, and serves again when it is back', needAnvil, async (t) => {
  const anvil = await startAnvil(t, ['--timestamp', '1700000000'])
  await anvil.stop()
  const datadir = path.join(scratch(t), 'serve')
  const serving = startServe(t, { args: ['--node', anvil.url, '--node.poll-ms', '50'], datadir })
  await new Promise((resolve) => setTimeout(resolve, 500))
  await anvil.start()
  const serve = await serving
  const gate = await startGate(t, { genesis: path.join(datadir, 'genesis.json'), trusted: [serve.enode], fraction: 100 })
  const at = async (number) => {
    await rpc(anvil.url, 'anvil_mine', [hex(number)])
    const head = await rpc(anvil.url, 'eth_getBlockByNumber', ['latest', false])
    await until(async () => (await rpc(gate.url, 'eth_getBlockByNumber', ['latest', false]))?.hash === head.hash, { what: `head ${head.number}` })
    assert.equal(await rpc(gate.url, 'eth_getBalance', [new Wallet(KEYS[0]).address, 'latest']), '0x21e19e0c9bab2400000')
  }
  await at(3)
  await anvil.stop()
  await serve.wait(/the node is lost/, { where: 'log' })
  assert.equal(await rpc(gate.url, 'eth_blockNumber'), '0x3') // what was verified is still served
  await anvil.start() // the same genesis, and then other blocks
  await rpc(anvil.url, 'evm_increaseTime', [1000])
  await at(7)
  assert.match(serve.log, /new head on another branch/)
  assert.equal((await gate.stop()).code, 0)
  assert.equal((await serve.stop()).code, 0)
})
