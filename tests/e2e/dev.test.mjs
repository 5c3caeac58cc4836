// The development chain as scripts use it: ethers and viem drive it as they drive anvil or hardhat, cast too; then a chain of
// 10,000 blocks is served to lesgate and to the LES client of @ethereumjs/devp2p, and all say the same.
import { test } from 'node:test'
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import zlib from 'node:zlib'
import solc from 'solc'
import { Contract, ContractFactory, HDNodeWallet, JsonRpcProvider, Mnemonic, Network, Wallet, parseEther, verifyMessage, toUtf8Bytes, hexlify } from 'ethers'
import { createPublicClient, createTestClient, createWalletClient, defineChain, http, parseEther as ether } from 'viem'
import { mnemonicToAccount } from 'viem/accounts'
import { root, scratch, startServe, startGate, rpc, call, run, until, readJson } from './harness.mjs'
import { needCast, cast } from './anvil.mjs'
import { CODES, RLP, keccak256, bytes, hex, number, integer, connectLes } from './peer.mjs'

const MNEMONIC = 'test test test test test test test test test test test junk'
const CHAIN_ID = 31337
const NOBODY = '0x00000000000000000000000000000000deadbeef'
const q = (value) => '0x' + BigInt(value).toString(16)

const SOURCE = `
pragma solidity ^0.8.0;
contract Counter {
  event Counted(address indexed by, uint256 indexed value, uint256 time);
  error TooHigh(uint256 have, uint256 most);
  uint256 public value;
  address public owner;
  constructor(uint256 first) payable { value = first; owner = msg.sender; }
  function count() external { value += 1; emit Counted(msg.sender, value, block.timestamp); }
  function limit(uint256 most) external { if (value > most) revert TooHigh(value, most); value = most; }
  function say(string calldata text) external pure { require(false, text); }
  function own() external { require(msg.sender == owner, "not the owner"); value = 1000; }
  function context() external view returns (uint256, uint256, uint256, address) { return (block.number, block.timestamp, block.basefee, block.coinbase); }
  receive() external payable {}
}`
function compile() {
  const output = JSON.parse(solc.compile(JSON.stringify({ language: 'Solidity', sources: { 'a.sol': { content: SOURCE } },
    settings: { evmVersion: 'cancun', optimizer: { enabled: true }, outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object'] } } } })))
  const { abi, evm } = output.contracts['a.sol'].Counter
  return { abi, bytecode: '0x' + evm.bytecode.object }
}
const counter = compile()

async function startDev(t, { args = [], genesis, datadir } = {}) {
  const dir = datadir ?? path.join(scratch(t), 'dev')
  const serve = await startServe(t, { genesis, args: ['--dev', '--dev.rpc', '127.0.0.1:0', ...args], datadir: dir })
  serve.url = (await serve.wait(/^ready (http:\/\/\S+)/m))[1]
  serve.genesis = path.join(dir, 'genesis.json')
  return serve
}

function ethersOf(t, url) {
  const provider = new JsonRpcProvider(url, Network.from(CHAIN_ID), { staticNetwork: true, cacheTimeout: -1, pollingInterval: 20 })
  t.after(() => provider.destroy())
  return provider
}

test('ethers on a development chain', async (t) => {
  const serve = await startDev(t)
  const provider = ethersOf(t, serve.url)
  const wallet = HDNodeWallet.fromMnemonic(Mnemonic.fromPhrase(MNEMONIC), "m/44'/60'/0'/0/0").connect(provider)
  const send = (method, ...params) => provider.send(method, params)

  await t.test('ten accounts of the mnemonic, unlocked and funded', async () => {
    const accounts = await send('eth_accounts')
    assert.equal(accounts.length, 10)
    for (let i = 0; i < 10; i++) {
      const derived = HDNodeWallet.fromMnemonic(Mnemonic.fromPhrase(MNEMONIC), `m/44'/60'/0'/0/${i}`)
      assert.equal(accounts[i], derived.address.toLowerCase())
      assert.equal(await provider.getBalance(derived.address), parseEther('10000'))
      assert.ok(serve.out.includes(`account ${derived.address.toLowerCase()} key ${derived.privateKey}`))
    }
    assert.ok(serve.out.includes(`mnemonic ${MNEMONIC}`))
    assert.equal(await send('eth_blockNumber'), '0x0')
  })

  await t.test('what it is', async () => {
    const head = await send('eth_getBlockByNumber', 'latest', false)
    for (const method of ['hardhat_metadata', 'anvil_metadata']) {
      const told = await send(method)
      assert.equal(told.chainId, CHAIN_ID)
      assert.equal(told.latestBlockHash, head.hash)
      assert.match(told.clientVersion, /^lesserve\//)
    }
    const info = await send('anvil_nodeInfo')
    assert.equal(info.currentBlockHash, head.hash)
    assert.equal(BigInt(info.environment.gasLimit), BigInt(head.gasLimit))
  })

  await t.test('forks to Osaka, with the contracts of EIP-2935, 4788, 7002 and 7251', async () => {
    await send('evm_mine')
    for (const address of ['0x0000F90827F1C53a10cb7A02335B175320002935', '0x000F3df6D732807Ef1319fB7B8bB8522d0Beac02',
      '0x00000961Ef480Eb55e80D19ad83579A64c007002', '0x0000BBdDc7CE488642fb579F8B00f3a590007251',
      '0x4e59b44847b379578588920cA78FbF26c0B4956C']) assert.ok((await provider.getCode(address)).length > 2, address)
    const block = await send('eth_getBlockByNumber', 'latest', false)
    assert.match(block.requestsHash, /^0x/)
    assert.equal(await send('eth_getStorageAt', '0x0000F90827F1C53a10cb7A02335B175320002935', '0x0', 'latest'), block.parentHash)
    // CLZ came with Osaka: PUSH1 1 CLZ PUSH0 MSTORE PUSH1 32 PUSH0 RETURN
    assert.equal(BigInt(await send('eth_call', { data: '0x60011e5f5260205ff3' }, 'latest')), 255n)
  })

  let contract
  await t.test('deploys, transacts, and reads what it wrote at once', async () => {
    const factory = new ContractFactory(counter.abi, counter.bytecode, wallet)
    contract = await factory.deploy(5, { value: parseEther('1') })
    const receipt = await provider.getTransactionReceipt(contract.deploymentTransaction().hash)
    assert.equal(receipt.status, 1) // no waiting: the answer to the sending came after the block
    assert.equal(await contract.value(), 5n)
    const before = BigInt(await send('eth_blockNumber'))
    for (let i = 0; i < 20; i++) {
      const sent = await contract.count()
      assert.equal(await contract.value(), BigInt(6 + i))
      const mined = await provider.getTransactionReceipt(sent.hash)
      assert.equal(mined.status, 1)
      assert.equal(BigInt(mined.blockNumber), before + BigInt(i + 1))
    }
    assert.equal(BigInt(await send('eth_blockNumber')), before + 20n)
  })

  await t.test('reasons of reverts', async () => {
    await assert.rejects(contract.say.staticCall('so it is'), (error) => error.reason === 'so it is')
    await assert.rejects(contract.limit.staticCall(3), (error) => error.revert.name === 'TooHigh' && error.revert.args[0] === 25n && error.revert.args[1] === 3n)
    const data = contract.interface.encodeFunctionData('limit', [3])
    const [from] = await send('eth_accounts')
    const { error } = await call(serve.url, 'eth_sendTransaction', [{ from, to: await contract.getAddress(), data }])
    assert.equal(error.code, 3)
    assert.equal(contract.interface.parseError(error.data).name, 'TooHigh')
    // With a limit of gas of its own it is mined, and fails.
    const hash = await send('eth_sendTransaction', { from, to: await contract.getAddress(), data, gas: q(100000) })
    assert.equal((await provider.getTransactionReceipt(hash)).status, 0)
    const trace = await send('debug_traceTransaction', hash, { tracer: 'callTracer' })
    assert.equal(trace.error, 'execution reverted')
  })

  await t.test('events by eth_getLogs', async () => {
    const [from] = await send('eth_accounts')
    const all = await contract.queryFilter(contract.filters.Counted())
    assert.deepEqual(all.map((log) => log.args.value), Array.from({ length: 20 }, (_, i) => BigInt(6 + i)))
    const one = await contract.queryFilter(contract.filters.Counted(from, 9))
    assert.equal(one.length, 1)
    const times = await Promise.all(all.map(async (log) => (await log.getBlock()).timestamp))
    assert.deepEqual(all.map((log) => Number(log.args.time)), times)
  })

  await t.test('snapshots bring back state, time and nonces', async () => {
    const id = await send('evm_snapshot')
    const before = await send('eth_getBlockByNumber', 'latest', false)
    const nonce = await provider.getTransactionCount(wallet.address)
    await contract.count()
    await send('evm_increaseTime', 5000)
    await send('hardhat_mine', '0x5')
    assert.equal(await contract.value(), 26n)
    const later = await send('evm_snapshot')
    assert.equal(await send('evm_revert', id), true)
    assert.equal((await send('eth_getBlockByNumber', 'latest', false)).hash, before.hash)
    assert.equal(await contract.value(), 25n)
    assert.equal(await provider.getTransactionCount(wallet.address), nonce)
    assert.equal(await send('evm_revert', later), false)
    assert.equal(await send('evm_revert', id), false)
    await contract.count()
    assert.equal(await contract.value(), 26n)
  })

  await t.test('time that no sum could hold is refused', async () => {
    const id = await send('evm_snapshot')
    for (const far of ['0x7fffffffffffffff', '0xffffffffffffffff']) {
      await assert.rejects(send('evm_setNextBlockTimestamp', far), /too far ahead/)
      await assert.rejects(send('evm_mine', far), /too far ahead/)
      await assert.rejects(send('evm_setTime', far), /too far ahead/)
    }
    await send('evm_setNextBlockTimestamp', '0x3fffffffffffffff')
    await send('evm_mine')
    await assert.rejects(send('evm_increaseTime', 4294967295), /too far ahead/)
    assert.equal(await send('evm_revert', id), true)
  })

  await t.test('a sender can be anybody, and a contract', async () => {
    const at = await contract.getAddress()
    await assert.rejects(send('eth_sendTransaction', { from: NOBODY, to: at, value: '0x1' }), /unknown account/)
    await send('hardhat_impersonateAccount', NOBODY)
    await send('hardhat_setBalance', NOBODY, q(parseEther('2')))
    const nobody = await provider.getSigner(NOBODY)
    const sent = await nobody.sendTransaction({ to: at, value: 7n })
    const receipt = await provider.getTransactionReceipt(sent.hash)
    assert.equal(receipt.from.toLowerCase(), NOBODY)
    assert.equal((await provider.getTransaction(sent.hash)).from.toLowerCase(), NOBODY)
    const block = await send('eth_getBlockByNumber', q(receipt.blockNumber), true)
    assert.equal(block.transactions[0].from, NOBODY)
    await send('anvil_impersonateAccount', at) // has code: EIP-3607 would not let it send
    const own = await (await provider.getSigner(at)).sendTransaction({ to: NOBODY, value: 11n })
    assert.equal((await provider.getTransactionReceipt(own.hash)).status, 1)
    await send('hardhat_stopImpersonatingAccount', NOBODY)
    await assert.rejects(send('eth_sendTransaction', { from: NOBODY, to: at, value: '0x1' }), /unknown account/)
    // What such a transaction looks like cannot be sent by those who only have its bytes.
    const raw = await send('debug_getRawTransaction', sent.hash)
    await assert.rejects(send('eth_sendRawTransaction', raw), /invalid sender/)
  })

  await t.test('state by hand, each change a block of its own', async () => {
    const at = '0x1111111111111111111111111111111111111111'
    const before = Number(await send('eth_blockNumber'))
    await send('anvil_setBalance', at, '0x1234')
    assert.equal(await provider.getBalance(at), 0x1234n)
    await send('anvil_setNonce', at, 77)
    assert.equal(await provider.getTransactionCount(at), 77)
    await send('hardhat_setCode', at, '0x5f545f5260205ff3')
    assert.equal(await provider.getCode(at), '0x5f545f5260205ff3')
    await send('hardhat_setStorageAt', at, '0x0', '0x' + '42'.padStart(64, '0'))
    assert.equal(BigInt(await send('eth_call', { to: at }, 'latest')), 0x42n)
    assert.equal(Number(await send('eth_blockNumber')), before + 4)
    for (let i = 1; i <= 4; i++) {
      const block = await send('eth_getBlockByNumber', q(before + i), true)
      assert.equal(Buffer.from(block.extraData.slice(2), 'hex').toString(), 'irregular state')
      assert.equal(block.transactions.length, 0)
    }
    assert.equal(await provider.getBalance(at, before), 0n)
    const proof = await send('eth_getProof', at, ['0x0'], 'latest') // lesserve proves it, the light client checked it
    assert.equal(proof.storageProof[0].value, '0x42')
    await contract.count() // and the chain goes on
    assert.equal(await provider.getBalance(at), 0x1234n)
  })

  await t.test('messages are signed', async () => {
    const signer = await provider.getSigner(1)
    assert.equal(verifyMessage('hello', await signer.signMessage('hello')), signer.address)
    const signature = await send('eth_sign', signer.address, hexlify(toUtf8Bytes('hello')))
    assert.equal(verifyMessage('hello', signature), signer.address)
    const { types: { EIP712Domain, ...types }, primaryType, domain, message } = readJson(path.join(root, 'tests/fuzz/corpus/fuzz_typed_data/mail.json'))
    const typed = await signer.signTypedData(domain, types, message)
    assert.equal(typed, await HDNodeWallet.fromMnemonic(Mnemonic.fromPhrase(MNEMONIC), "m/44'/60'/0'/0/1").signTypedData(domain, types, message))
    const viemTyped = { domain, types: { EIP712Domain, ...types }, primaryType, message: { ...message, age: -32768 } }
    assert.equal(await send('eth_signTypedData_v4', signer.address, viemTyped), await mnemonicToAccount(MNEMONIC, { addressIndex: 1 }).signTypedData(viemTyped))
    await assert.rejects(send('eth_signTypedData_v4', signer.address, { ...viemTyped, message: { ...message, age: 32768 } }), /too large for its type/)
    await assert.rejects(send('eth_signTypedData_v4', signer.address, { ...viemTyped, message: { ...message, tag: undefined } }), /has no value/)
    await assert.rejects(send('eth_signTypedData_v4', signer.address, { ...viemTyped, primaryType: 'Nail' }), /not among the types/)
  })

  await t.test('many calls at once see the block that the last answer was about', async () => {
    for (let i = 0; i < 5; i++) {
      const head = Number(await send('evm_mine').then(() => send('eth_blockNumber')))
      const answers = await Promise.all(Array.from({ length: 50 }, () => send('eth_blockNumber')))
      for (const answer of answers) assert.ok(Number(answer) >= head)
    }
  })

  await t.test('back to the genesis', async () => {
    await send('hardhat_reset')
    assert.equal(await send('eth_blockNumber'), '0x0')
    assert.equal(await provider.getTransactionCount(wallet.address), 0)
    await assert.rejects(send('anvil_reset', { forking: { jsonRpcUrl: 'http://127.0.0.1:1' } }), /cannot fork/)
    const again = await new ContractFactory(counter.abi, counter.bytecode, wallet).deploy(1)
    assert.equal(await again.value(), 1n)
  })
})

test('viem on a development chain', async (t) => {
  const serve = await startDev(t)
  const chain = defineChain({ id: CHAIN_ID, name: 'dev', nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 }, rpcUrls: { default: { http: [serve.url] } } })
  const transport = http(serve.url)
  const reader = createPublicClient({ chain, transport, pollingInterval: 20, cacheTime: 0 })
  const tool = createTestClient({ chain, transport, mode: 'anvil' })
  const hardhat = createTestClient({ chain, transport, mode: 'hardhat' })
  const account = mnemonicToAccount(MNEMONIC, { addressIndex: 2 })
  const wallet = createWalletClient({ account, chain, transport })
  const [unlocked] = await rpc(serve.url, 'eth_accounts')
  let address

  await t.test('a key of its own, and an unlocked account', async () => {
    const hash = await wallet.deployContract({ abi: counter.abi, bytecode: counter.bytecode, args: [1n] })
    const receipt = await reader.getTransactionReceipt({ hash })
    assert.equal(receipt.status, 'success')
    address = receipt.contractAddress
    const sent = await wallet.sendTransaction({ account: unlocked, to: NOBODY, value: ether('3') })
    assert.equal((await reader.getTransactionReceipt({ hash: sent })).status, 'success')
    assert.equal(await reader.getBalance({ address: NOBODY }), ether('3'))
    await wallet.writeContract({ account: unlocked, address, abi: counter.abi, functionName: 'count' })
    assert.equal(await reader.readContract({ address, abi: counter.abi, functionName: 'value' }), 2n)
    await assert.rejects(wallet.writeContract({ account: unlocked, address, abi: counter.abi, functionName: 'own' }), /not the owner/)
    await assert.rejects(reader.simulateContract({ account: unlocked, address, abi: counter.abi, functionName: 'limit', args: [1n] }), /TooHigh/)
  })

  await t.test('time travel', async () => {
    const { timestamp, number: at } = await reader.getBlock()
    await tool.increaseTime({ seconds: 100000 })
    await tool.mine({ blocks: 1 })
    let block = await reader.getBlock()
    assert.equal(block.number, at + 1n)
    assert.ok(block.timestamp >= timestamp + 100000n && block.timestamp <= timestamp + 100060n, String(block.timestamp - timestamp))
    await tool.setNextBlockTimestamp({ timestamp: block.timestamp + 777n })
    await tool.mine({ blocks: 3, interval: 60 })
    const times = await Promise.all([2n, 3n, 4n].map(async (i) => (await reader.getBlock({ blockNumber: at + i })).timestamp))
    assert.deepEqual(times, [777n, 837n, 897n].map((more) => block.timestamp + more))
    await assert.rejects(tool.setNextBlockTimestamp({ timestamp }), /lower than or equal to previous/)
    const context = await reader.readContract({ address, abi: counter.abi, functionName: 'context' })
    assert.equal(context[0], at + 4n)
    block = await reader.getBlock()
    await rpc(serve.url, 'evm_setTime', [Number(block.timestamp) + 5000])
    await rpc(serve.url, 'evm_mine', [])
    const late = (await reader.getBlock()).timestamp - block.timestamp
    assert.ok(late >= 5000n && late <= 5060n, String(late))
    await rpc(serve.url, 'evm_mine', [{ blocks: 4 }])
    assert.equal(await reader.getBlockNumber(), at + 9n)
  })

  await t.test('mining by hand; the pool is what waits', async () => {
    await tool.setAutomine(false)
    assert.equal(await tool.getAutomine(), false)
    const before = await reader.getBlockNumber()
    const hashes = []
    for (let i = 0; i < 3; i++) hashes.push(await wallet.sendTransaction({ to: NOBODY, value: BigInt(i + 1) }))
    assert.equal(await reader.getBlockNumber(), before)
    const [mined, pending] = await Promise.all(['latest', 'pending'].map((blockTag) => reader.getTransactionCount({ address: account.address, blockTag })))
    assert.equal(pending, mined + 3)
    assert.deepEqual(await tool.getTxpoolStatus(), { pending: 3, queued: 0 })
    const content = await tool.getTxpoolContent()
    assert.deepEqual(Object.keys(content.pending[account.address.toLowerCase()]), [mined, mined + 1, mined + 2].map(String))
    assert.match((await tool.inspectTxpool()).pending[account.address.toLowerCase()][mined], /: 1 wei \+ 21000 gas × \d+ wei$/)
    assert.equal((await reader.getTransaction({ hash: hashes[0] })).blockNumber, null)
    await tool.dropTransaction({ hash: hashes[2] })
    assert.deepEqual(await tool.getTxpoolStatus(), { pending: 2, queued: 0 })
    await tool.mine({ blocks: 1 })
    assert.equal((await reader.getTransactionReceipt({ hash: hashes[1] })).blockNumber, before + 1n)
    await assert.rejects(reader.getTransactionReceipt({ hash: hashes[2] }))
    const raw = await wallet.signTransaction(await wallet.prepareTransactionRequest({ to: NOBODY, value: 9n }))
    const late = await reader.sendRawTransaction({ serializedTransaction: raw })
    await tool.setAutomine(true) // what waited is mined
    assert.equal((await reader.getTransactionReceipt({ hash: late })).status, 'success')
  })

  await t.test('interval', async () => {
    await tool.setIntervalMining({ interval: 1 })
    const before = await reader.getBlockNumber()
    await until(async () => (await reader.getBlockNumber()) >= before + 2n)
    await tool.setIntervalMining({ interval: 0 })
    const stopped = await reader.getBlockNumber()
    await new Promise((resolve) => setTimeout(resolve, 1300))
    assert.equal(await reader.getBlockNumber(), stopped)
    await tool.setAutomine(true)
  })

  await t.test('fees, gas and coinbase of blocks to come', async () => {
    await tool.setNextBlockBaseFeePerGas({ baseFeePerGas: 123456789n })
    await tool.setCoinbase({ address: NOBODY })
    await tool.setBlockGasLimit({ gasLimit: 12_000_000n })
    await tool.mine({ blocks: 2 })
    const [latest, before] = [await reader.getBlock(), await reader.getBlock({ blockNumber: (await reader.getBlockNumber()) - 1n })]
    assert.equal(before.baseFeePerGas, 123456789n)
    assert.ok(latest.baseFeePerGas < 123456789n)
    assert.equal(before.miner, NOBODY)
    assert.equal(latest.gasLimit, 12_000_000n)
    await assert.rejects(wallet.sendTransaction({ to: NOBODY, gas: 21000n, maxFeePerGas: 1n, maxPriorityFeePerGas: 1n }), /less than block base fee|lower than the block base fee|max fee/i)
  })

  await t.test('snapshot, impersonation and state in viem\'s words', async () => {
    const id = await tool.snapshot()
    await tool.setBalance({ address: NOBODY, value: ether('50') })
    await hardhat.setNonce({ address: NOBODY, nonce: 7 })
    await tool.impersonateAccount({ address: NOBODY })
    const hash = await wallet.sendTransaction({ account: NOBODY, to: account.address, value: ether('1') })
    const transaction = await reader.getTransaction({ hash })
    assert.equal(transaction.from, NOBODY)
    assert.equal(transaction.nonce, 7)
    await tool.stopImpersonatingAccount({ address: NOBODY })
    await tool.setStorageAt({ address, index: 0, value: '0x' + '99'.padStart(64, '0') })
    assert.equal(await reader.readContract({ address, abi: counter.abi, functionName: 'value' }), 0x99n)
    await tool.setCode({ address: NOBODY, bytecode: '0x00' })
    assert.equal(await reader.getCode({ address: NOBODY }), '0x00')
    await tool.revert({ id })
    assert.equal(await reader.readContract({ address, abi: counter.abi, functionName: 'value' }), 2n)
    assert.equal(await reader.getCode({ address: NOBODY }), undefined)
  })

  await t.test('a reorganisation and a way back are followed by a lesgate beside it', async () => {
    const gate = await startGate(t, { genesis: serve.genesis, trusted: [serve.enode], fraction: 100 })
    await tool.mine({ blocks: 5 })
    const head = async () => (await rpc(serve.url, 'eth_getBlockByNumber', ['latest', false])).hash
    const same = async () => (await rpc(gate.url, 'eth_getBlockByNumber', ['latest', false])).hash === await head()
    await until(same)
    const left = await head()
    await rpc(serve.url, 'anvil_reorg', [3])
    assert.notEqual(await head(), left)
    await until(same)
    const id = await tool.snapshot()
    await tool.mine({ blocks: 4 })
    await until(same)
    await tool.revert({ id })
    await until(same)
    const raw = await wallet.signTransaction(await wallet.prepareTransactionRequest({ to: NOBODY, value: 3n }))
    const hash = await rpc(gate.url, 'eth_sendRawTransaction', [raw]) // over LES, and mined at once
    const receipt = await until(() => rpc(gate.url, 'eth_getTransactionReceipt', [hash]))
    assert.deepEqual(await rpc(serve.url, 'eth_getTransactionReceipt', [hash]), receipt)
    await rpc(serve.url, 'anvil_rollback', [2])
    await until(same)
    await tool.mine({ blocks: 1 })
    await until(same)
  })
})

test('cast on a development chain', needCast, async (t) => {
  const serve = await startDev(t)
  const [from, to] = await rpc(serve.url, 'eth_accounts')
  const at = ['--rpc-url', serve.url]
  const receipt = JSON.parse(await cast('send', ...at, '--unlocked', '--from', from, to, '--value', '5', '--json'))
  assert.equal(receipt.status, '0x1')
  assert.equal(await cast('balance', ...at, to), '10000000000000000000005')
  const signed = JSON.parse(await cast('send', ...at, '--private-key', '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80', '--create', counter.bytecode + '3'.padStart(64, '0'), '--json'))
  assert.equal(await cast('call', ...at, signed.contractAddress, 'value()(uint256)'), '3')
  assert.equal(await cast('rpc', ...at, 'evm_mine'), '"0x0"')
  assert.equal(await cast('block-number', ...at), '3')
})

test('a genesis file of before the merge needs no trick, neither here nor at lesgate', async (t) => {
  const genesis = path.join(scratch(t), 'genesis.json')
  const json = readJson(path.join(root, 'conf/demo/genesis.json'))
  delete json.config.terminalTotalDifficulty
  delete json.config.mergeNetsplitBlock
  writeFileSync(genesis, JSON.stringify({ ...json, difficulty: '0x20000' }))
  const serve = await startDev(t, { genesis })
  assert.ok(!serve.out.includes('mnemonic'), 'whom this genesis funds is not ours to say')
  await rpc(serve.url, 'evm_mine', [])
  assert.equal(await rpc(serve.url, 'eth_chainId'), q(20955))
  const [from, to] = await rpc(serve.url, 'eth_accounts')
  const hash = await rpc(serve.url, 'eth_sendTransaction', [{ from, to, value: '0x1' }])
  const receipt = await rpc(serve.url, 'eth_getTransactionReceipt', [hash])
  assert.equal(receipt.status, '0x1')
  assert.equal((await rpc(serve.url, 'eth_getBlockByNumber', ['0x0', false])).difficulty, '0x20000')
  assert.equal((await rpc(serve.url, 'eth_getBlockByNumber', ['latest', false])).difficulty, '0x0')
  const gate = await startGate(t, { genesis, trusted: [serve.enode], fraction: 100 })
  await until(async () => (await rpc(gate.url, 'eth_blockNumber')) === '0x2')
  assert.deepEqual(await rpc(gate.url, 'eth_getTransactionReceipt', [hash]), receipt)
})

test('what excludes each other', async (t) => {
  const dir = scratch(t)
  const refused = async (...args) => {
    const { code, log } = await run(t, 'lesserve', ['--dev', '--dev.rpc', '127.0.0.1:0', '--listen', '127.0.0.1:0', '--datadir', path.join(dir, 'd'), ...args])
    assert.equal(code, 1)
    return log
  }
  assert.match(await refused('--node', 'http://127.0.0.1:1'), /--node excludes/)
  assert.match(await refused('--follow', `enode://${'ab'.repeat(64)}@127.0.0.1:1`), /--follow excludes --dev/)
  const serve = await startDev(t)
  assert.match(await refused('--dev.rpc', new URL(serve.url).host), /127\.0\.0\.1/)
  const { code, ms } = await serve.stop()
  assert.equal(code, 0)
  assert.ok(ms < 4000, `${ms} ms`)
})

// ---- 10,000 blocks ----

const forkIdOf = (genesisHash) => [bytes(zlib.crc32(Buffer.from(genesisHash.slice(2), 'hex')).toString(16).padStart(8, '0')), new Uint8Array()]
const memoryKib = (pid) => Number(readFileSync(`/proc/${pid}/status`, 'utf8').match(/VmHWM:\s+(\d+)/)[1])

test('a chain of 10,000 blocks of its own, served to lesgate and to devp2p', async (t) => {
  const serve = await startDev(t, { args: ['--log', 'warn'] })
  const provider = ethersOf(t, serve.url)
  const wallet = new Wallet('0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80', provider)
  const contract = await new ContractFactory(counter.abi, counter.bytecode, wallet).deploy(0)
  const at = (await contract.getAddress()).toLowerCase()
  const sent = [] // what the test itself knows: { number, hash, receipt, balance }
  const start = Date.now()
  let mining = 0
  for (let round = 0; round < 8; round++) {
    for (let i = 0; i < 5; i++) {
      const { hash } = await contract.count()
      const receipt = await rpc(serve.url, 'eth_getTransactionReceipt', [hash])
      sent.push({ number: Number(receipt.blockNumber), hash, receipt, balance: await rpc(serve.url, 'eth_getBalance', [wallet.address, receipt.blockNumber]) })
    }
    const from = Date.now()
    await rpc(serve.url, 'hardhat_mine', [q(round < 7 ? 1250 : 10000 - Number(await rpc(serve.url, 'eth_blockNumber')))])
    mining += Date.now() - from
  }
  assert.equal(await rpc(serve.url, 'eth_blockNumber'), q(10000))
  t.diagnostic(`10,000 blocks in ${Date.now() - start} ms, ${mining} of them in hardhat_mine; ${memoryKib(serve.child.pid)} KiB at most`)

  const asked = Date.now()
  const gate = await startGate(t, { genesis: serve.genesis, trusted: [serve.enode], fraction: 100 })
  await until(async () => (await rpc(gate.url, 'eth_blockNumber')) === q(10000))
  t.diagnostic(`lesgate had the head after ${Date.now() - asked} ms`)

  await t.test('lesgate says what the chain said when it was made', async () => {
    for (const { number: height, hash, receipt, balance } of sent) {
      assert.deepEqual(await rpc(gate.url, 'eth_getTransactionReceipt', [hash]), receipt)
      assert.equal(await rpc(gate.url, 'eth_getBalance', [wallet.address, q(height)]), balance)
    }
    const filter = { address: at, fromBlock: q(1), toBlock: q(10000) }
    const logs = await rpc(gate.url, 'eth_getLogs', [filter])
    assert.deepEqual(logs, sent.flatMap(({ receipt }) => receipt.logs))
    assert.deepEqual(await rpc(serve.url, 'eth_getLogs', [filter]), logs)
  })

  await t.test('old headers, by the history in the state and by the quorum', async () => {
    for (const height of [0, 1, 2, 500, 1808, 1809, 1810, 5000, 8191, 8192, 9000, 9744, 9999, 10000]) {
      const block = await rpc(gate.url, 'eth_getBlockByNumber', [q(height), true])
      assert.deepEqual(await rpc(serve.url, 'eth_getBlockByNumber', [q(height), true]), block)
      assert.equal(Number(block.number), height)
    }
  })

  await t.test('devp2p reads the same over LES', async () => {
    const genesisHash = (await rpc(serve.url, 'eth_getBlockByNumber', ['0x0', false])).hash
    const session = await connectLes(t, serve.enode, { chainId: CHAIN_ID, genesisHash, forkId: forkIdOf(genesisHash), key: '5a'.repeat(32), versions: [4] })
    const hash = (item) => hex(keccak256(RLP.encode(item)))
    for (const height of [1, 777, 4321, 10000]) {
      const { data } = await session.request(CODES.GET_BLOCK_HEADERS, [integer(height), integer(1), integer(0), integer(0)])
      assert.equal(hash(data[0]), (await rpc(gate.url, 'eth_getBlockByNumber', [q(height), false])).hash)
    }
    for (const { number: height, hash: txHash, receipt, balance } of sent.filter((_, i) => i % 8 === 0)) {
      const [header] = (await session.request(CODES.GET_BLOCK_HEADERS, [integer(height), integer(1), integer(0), integer(0)])).data
      assert.equal(hash(header), receipt.blockHash)
      const [body] = (await session.request(CODES.GET_BLOCK_BODIES, [bytes(receipt.blockHash)])).data
      assert.equal(hex(keccak256(body[0][0])), txHash)
      const [receipts] = (await session.request(CODES.GET_RECEIPTS, [bytes(receipt.blockHash)])).data
      const [status, gas, , logs] = RLP.decode(receipts[0].slice(1))
      assert.equal(number(status), 1n)
      assert.equal(q(number(gas)), receipt.cumulativeGasUsed)
      assert.equal(hex(logs[0][0]), at)
      assert.equal(hex(logs[0][2]), receipt.logs[0].data)
      const key = keccak256(bytes(wallet.address))
      const { data: nodes } = await session.request(CODES.GET_PROOFS_V2, [[bytes(receipt.blockHash), new Uint8Array(), key, new Uint8Array()]])
      const leaf = walk(nodes, header[3], hex(key).slice(2))
      assert.equal(q(number(RLP.decode(leaf)[1])), balance)
    }
  })
})

// The value under key in a Merkle proof whose nodes come in any order; each is looked up by its hash.
function walk(nodes, rootHash, nibbles) {
  const byHash = new Map(nodes.map((node) => [hex(keccak256(RLP.encode(node))), node]))
  let node = byHash.get(hex(rootHash))
  for (;;) {
    assert.ok(node, 'a node of the proof is missing')
    let next
    if (node.length === 17) {
      next = node[parseInt(nibbles[0], 16)]
      nibbles = nibbles.slice(1)
    } else {
      const path = hex(node[0]).slice(2)
      const rest = path.slice(path[0] === '1' || path[0] === '3' ? 1 : 2)
      assert.ok(nibbles.startsWith(rest), 'the proof leaves the path')
      nibbles = nibbles.slice(rest.length)
      if (parseInt(path[0], 16) >= 2) return node[1]
      next = node[1]
    }
    node = Array.isArray(next) ? next : byHash.get(hex(next))
  }
}
