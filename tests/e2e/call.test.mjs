// Contracts through the whole path, with ethers as the wallet and solc as the compiler: what they return, how they revert, how much
// gas they need, what they touch; proxies, names (ENS) and look-ups off the chain (ERC-3668). A development chain grows meanwhile.
import { test } from 'node:test'
import assert from 'node:assert/strict'
import http from 'node:http'
import path from 'node:path'
import solc from 'solc'
import { AbiCoder, Contract, ContractFactory, EnsPlugin, JsonRpcProvider, Network, Wallet, getAddress, keccak256, namehash,
  solidityPackedKeccak256, zeroPadValue } from 'ethers'
import { root, startServe, startGate, rpc, call } from './harness.mjs'

const genesis = path.join(root, 'conf/demo/genesis.json')
const CHAIN_ID = 20955
// Funded in that genesis; the key is the one that development chains everywhere hand out first.
const RICH = '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80'

const hex = (number) => '0x' + number.toString(16)

const SOURCE = `
pragma solidity ^0.8.0;
contract Probe {
  error Short(uint256 have, uint256 want);
  error Empty();
  error OffchainLookup(address sender, string[] urls, bytes callData, bytes4 callbackFunction, bytes extraData);
  enum Kind { A, B }
  mapping(uint256 => uint256) public slots;
  uint256[] public list;
  constructor() payable { for (uint256 i = 0; i < 40; i++) slots[i] = i + 1; }
  function sum(uint256 n) external view returns (uint256 total) { for (uint256 i = 0; i < n; i++) total += slots[i]; }
  function short() external pure { revert Short(1, 2); }
  function empty() external pure { revert Empty(); }
  function say(string calldata text) external pure { require(false, text); }
  function silent() external pure { require(false); }
  function divide(uint256 by) external pure returns (uint256) { return 10 / by; }
  function index(uint256 at) external view returns (uint256) { return list[at]; }
  function kind(uint256 at) external pure returns (Kind) { return Kind(at); }
  function check() external pure { assert(1 + 1 == 3); }
  function bad() external pure { assembly { invalid() } }
  function spin() external pure { while (true) {} }
  function context() external view returns (uint256, uint256, address, uint256, uint256) {
    return (block.number, block.basefee, msg.sender, tx.gasprice, msg.sender.balance);
  }
  function set(uint256 at, uint256 value) external { slots[at] = value; }
  function clear(uint256 n) external { for (uint256 i = 0; i < n; i++) delete slots[i]; }
  function half(Probe deeper, uint256 depth) external returns (uint256) {
    if (depth == 0) { slots[99] = 1; slots[98] = 2; return 0; }
    (bool good, ) = address(deeper).call(abi.encodeCall(Probe.half, (deeper, depth - 1)));
    require(good, "deeper failed");
    return depth;
  }
  function look(string calldata url, bytes calldata data) external view returns (bytes memory) {
    string[] memory urls = new string[](1);
    urls[0] = url;
    revert OffchainLookup(address(this), urls, data, this.found.selector, abi.encode(uint256(7)));
  }
  function found(bytes calldata answer, bytes calldata extra) external pure returns (bytes memory) {
    return abi.encode(keccak256(answer), abi.decode(extra, (uint256)));
  }
}
contract Proxy { // EIP-1967
  bytes32 constant SLOT = bytes32(uint256(keccak256("eip1967.proxy.implementation")) - 1);
  constructor(address to) { bytes32 slot = SLOT; assembly { sstore(slot, to) } }
  fallback() external payable {
    bytes32 slot = SLOT;
    assembly {
      calldatacopy(0, 0, calldatasize())
      let good := delegatecall(gas(), sload(slot), 0, calldatasize(), 0, 0)
      returndatacopy(0, 0, returndatasize())
      if iszero(good) { revert(0, returndatasize()) }
      return(0, returndatasize())
    }
  }
}
contract Resolver {
  mapping(bytes32 => address) addresses;
  function setAddr(bytes32 node, address to) external { addresses[node] = to; }
  function addr(bytes32 node) external view returns (address) { return addresses[node]; }
  function supportsInterface(bytes4 which) external pure returns (bool) { return which == 0x01ffc9a7 || which == 0x3b3b57de; }
}
contract Registry {
  mapping(bytes32 => address) public resolver;
  function setResolver(bytes32 node, address to) external { resolver[node] = to; }
}`

function compile() {
  const output = JSON.parse(solc.compile(JSON.stringify({
    language: 'Solidity',
    sources: { 'probe.sol': { content: SOURCE } },
    settings: { evmVersion: 'cancun', optimizer: { enabled: true }, outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object'] } } },
  })))
  const faults = (output.errors ?? []).filter(({ severity }) => severity === 'error')
  assert.deepEqual(faults.map(({ formattedMessage }) => formattedMessage), [])
  return output.contracts['probe.sol']
}

test('contracts of wallets, through lesgate', async (t) => {
  const contracts = compile()
  const serve = await startServe(t, { genesis, args: ['--dev.period-ms', '200'] })
  const gate = await startGate(t, { genesis, trusted: [serve.enode], fraction: 100 })
  const network = new Network('demo', CHAIN_ID)
  const provider = new JsonRpcProvider(gate.url, network, { staticNetwork: true, cacheTimeout: -1, pollingInterval: 100, batchMaxCount: 1 })
  t.after(() => provider.destroy())
  const wallet = new Wallet(RICH, provider)
  let nonce = await provider.getTransactionCount(wallet.address)

  // ethers asks eth_estimateGas for each of these.
  async function deploy(name, ...args) {
    const { abi, evm } = contracts[name]
    const contract = await new ContractFactory(abi, evm.bytecode.object, wallet).deploy(...args, { nonce: nonce++ })
    await contract.waitForDeployment()
    return contract
  }
  async function send(sent) {
    const receipt = await (await sent).wait()
    assert.equal(receipt.status, 1)
    return receipt
  }
  const probe = await deploy('Probe')
  const proxy = await deploy('Proxy', await probe.getAddress())
  const registry = await deploy('Registry')
  const resolver = await deploy('Resolver')
  const at = await probe.getAddress()
  const abi = probe.interface
  const ask = (name, args = [], fields = {}, ...more) =>
    call(gate.url, 'eth_call', [{ to: at, data: abi.encodeFunctionData(name, args), ...fields }, 'latest', ...more])

  await t.test('a result', async () => {
    assert.equal(await probe.sum(40), 820n)
    assert.equal(await probe.sum(40), 820n)
    assert.equal(await probe.slots(7), 8n)
  })

  await t.test('custom errors, reasons and panics reach the wallet', async () => {
    await assert.rejects(probe.short(), ({ code, revert }) => code === 'CALL_EXCEPTION' && revert.name === 'Short' && revert.args.join() === '1,2')
    await assert.rejects(probe.empty(), ({ code, revert }) => code === 'CALL_EXCEPTION' && revert.name === 'Empty')
    await assert.rejects(probe.say('nicht genug: 5 €'), ({ reason }) => reason === 'nicht genug: 5 €')
    await assert.rejects(probe.divide(0), ({ revert }) => revert.name === 'Panic' && Number(revert.args[0]) === 0x12)
    const coder = AbiCoder.defaultAbiCoder()
    const reverts = [
      ['short', [], 'execution reverted', abi.encodeErrorResult('Short', [1, 2])],
      ['empty', [], 'execution reverted', abi.encodeErrorResult('Empty', [])],
      ['silent', [], 'execution reverted', '0x'],
      ['say', ['nicht genug: 5 €'], 'execution reverted: nicht genug: 5 €', '0x08c379a0' + coder.encode(['string'], ['nicht genug: 5 €']).slice(2)],
      ['divide', [0], 'execution reverted: division or modulo by zero', null],
      ['index', [3], 'execution reverted: out-of-bounds access of an array or bytesN', null],
      ['kind', [2], 'execution reverted: enum overflow', null],
      ['check', [], 'execution reverted: assert(false)', null],
    ]
    for (const [name, args, message, data] of reverts) {
      const { error } = await ask(name, args)
      assert.equal(error.code, 3, name)
      assert.equal(error.message, message)
      if (data !== null) assert.equal(error.data, data)
      const estimated = await call(gate.url, 'eth_estimateGas', [{ to: at, data: abi.encodeFunctionData(name, args) }])
      assert.deepEqual(estimated.error, error, `${name}: an estimate fails in the same way`)
    }
    assert.deepEqual((await ask('bad')).error, { code: -32000, message: 'invalid opcode: INVALID' })
    assert.deepEqual((await ask('spin', [], { gas: '0x30d40' })).error, { code: -32000, message: 'out of gas' })
    const spin = await call(gate.url, 'eth_estimateGas', [{ to: at, data: abi.encodeFunctionData('spin'), gas: '0x30d40' }])
    assert.deepEqual(spin.error, { code: -32000, message: 'gas required exceeds allowance (200000)' })
  })

  await t.test('the context is that of the block and of the caller', async () => {
    const head = await rpc(gate.url, 'eth_getBlockByNumber', ['latest', false])
    const block = { blockHash: head.hash }
    const data = abi.encodeFunctionData('context')
    const balance = await rpc(gate.url, 'eth_getBalance', [wallet.address, block])
    const free = abi.decodeFunctionResult('context', await rpc(gate.url, 'eth_call', [{ from: wallet.address, to: at, data }, block]))
    assert.deepEqual([...free], [BigInt(head.number), 0n, wallet.address, 0n, BigInt(balance)])
    const price = BigInt(head.baseFeePerGas) + 5n
    const paid = abi.decodeFunctionResult('context',
      await rpc(gate.url, 'eth_call', [{ from: wallet.address, to: at, data, gas: '0x186a0', gasPrice: hex(price) }, block]))
    assert.deepEqual([...paid], [BigInt(head.number), BigInt(head.baseFeePerGas), wallet.address, price, BigInt(balance) - price * 100000n])
  })

  await t.test('state and block overrides', async () => {
    const slot = solidityPackedKeccak256(['uint256', 'uint256'], [3, 0])
    const diff = { [at]: { stateDiff: { [slot]: zeroPadValue('0x0100', 32) } } }
    assert.equal(BigInt((await ask('sum', [40], {}, diff)).result), 820n - 4n + 256n)
    const only = { [at]: { state: { [slot]: zeroPadValue('0x0100', 32) } } }
    assert.equal(BigInt((await ask('sum', [40], {}, only)).result), 256n)
    const stranger = '0x00000000000000000000000000000000000ca11e'
    const moved = { [stranger]: { code: await provider.getCode(at) } }
    const answer = await call(gate.url, 'eth_call', [{ to: stranger, data: abi.encodeFunctionData('sum', [40]) }, 'latest', moved])
    assert.equal(BigInt(answer.result), 0n)
    const block = { number: '0x1000', baseFeePerGas: '0x7' }
    const context = abi.decodeFunctionResult('context', (await ask('context', [], { from: stranger, gasPrice: '0x8', gas: '0x186a0' },
      { [stranger]: { balance: '0x100000000' } }, block)).result)
    assert.deepEqual([...context].slice(0, 2), [0x1000n, 7n])
  })

  await t.test('estimates are enough, and close', async () => {
    for (const [name, args] of [['set', [500, 1]], ['set', [1, 9]], ['clear', [40]], ['half', [at, 6]]]) {
      const estimate = await probe[name].estimateGas(...args)
      const data = abi.encodeFunctionData(name, args)
      const runs = async (gas) => (await call(gate.url, 'eth_call', [{ from: wallet.address, to: at, data, gas: hex(gas) }, 'latest'])).error === undefined
      assert.ok(await runs(estimate), `${name}: ${estimate}`)
      assert.ok(!await runs(estimate - estimate * 16n / 1000n - 2n), `${name}: ${estimate} is not within 1.5 %`)
      await send(wallet.sendTransaction({ to: at, data, gasLimit: estimate, nonce: nonce++ }))
    }
  })

  await t.test('an access list holds what a transaction touches, and pays', async () => {
    const data = abi.encodeFunctionData('sum', [5])
    const list = await rpc(gate.url, 'eth_createAccessList', [{ from: wallet.address, to: proxy.target, data, gas: '0xf4240' }, 'latest'])
    assert.deepEqual(list.accessList.map(({ address }) => address).sort(), [at, proxy.target].map((address) => address.toLowerCase()).sort())
    const own = list.accessList.find(({ address }) => address === proxy.target.toLowerCase())
    assert.equal(own.storageKeys.length, 6, 'five slots and the one that names the implementation')
    assert.deepEqual(own.storageKeys, [...own.storageKeys].sort())
    assert.equal(list.error, undefined)
    const run = await rpc(gate.url, 'eth_createAccessList',
      [{ from: wallet.address, to: proxy.target, data, gas: '0xf4240', accessList: list.accessList }, 'latest'])
    assert.deepEqual(run, list, 'it is at rest')
    const failing = await rpc(gate.url, 'eth_createAccessList', [{ from: wallet.address, to: at, data: abi.encodeFunctionData('short'), gas: '0xf4240' }, 'latest'])
    assert.equal(failing.error, 'execution reverted')
  })

  await t.test('through a proxy', async () => {
    const behind = new Contract(proxy.target, abi, provider)
    assert.equal(await behind.sum(40), 0n, 'storage is the proxy\'s')
    await assert.rejects(behind.short(), ({ revert }) => revert.name === 'Short')
    await send(new Contract(proxy.target, abi, wallet).set(3, 77, { nonce: nonce++ }))
    assert.equal(await behind.sum(40), 77n)
  })

  await t.test('names', async () => {
    const name = 'alice.eth'
    await send(registry.setResolver(namehash(name), resolver.target, { nonce: nonce++ }))
    await send(resolver.setAddr(namehash(name), wallet.address, { nonce: nonce++ }))
    const named = new Network('demo', CHAIN_ID)
    named.attachPlugin(new EnsPlugin(registry.target, CHAIN_ID))
    const ens = new JsonRpcProvider(gate.url, named, { staticNetwork: true, batchMaxCount: 1 })
    t.after(() => ens.destroy())
    assert.equal(await ens.resolveName(name), wallet.address)
    assert.equal(await ens.resolveName('nobody.eth'), null)
  })

  await t.test('look-ups off the chain', async (t) => {
    const answers = http.createServer((request, response) => {
      assert.equal(request.url, `/${at.toLowerCase()}/0x1234`)
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ data: '0xabcd' }))
    }).listen(0, '127.0.0.1')
    t.after(() => answers.close())
    await new Promise((resolve) => answers.once('listening', resolve))
    const url = `http://127.0.0.1:${answers.address().port}/{sender}/{data}`
    const found = await probe.look(url, '0x1234', { enableCcipRead: true })
    assert.equal(found, AbiCoder.defaultAbiCoder().encode(['bytes32', 'uint256'], [keccak256('0xabcd'), 7]))
    await assert.rejects(probe.look(url, '0x1234'), ({ revert }) => revert?.name === 'OffchainLookup')
  })

  await t.test('a call at a block is the same for ever', async () => {
    const head = await rpc(gate.url, 'eth_getBlockByNumber', ['latest', false])
    const request = [{ to: at, data: abi.encodeFunctionData('slots', [500]) }]
    const before = await rpc(gate.url, 'eth_call', [...request, head.number])
    await send(probe.set(500, 12345, { nonce: nonce++ }))
    assert.equal(await rpc(gate.url, 'eth_call', [...request, head.number]), before)
    assert.equal(BigInt(await rpc(gate.url, 'eth_call', [...request, 'latest'])), 12345n)
    assert.equal(BigInt(await rpc(gate.url, 'eth_call', [...request, 'pending'])), 12345n)
    assert.equal((await call(gate.url, 'eth_call', [...request, '0xffffff'])).error.message, 'header not found')
  })

  await t.test('many at once', async () => {
    const number = await rpc(gate.url, 'eth_blockNumber')
    const asked = Array.from({ length: 150 }, (_, i) => i)
    const answers = await Promise.all(asked.map((i) => {
      const data = abi.encodeFunctionData(i % 3 === 2 ? 'divide' : 'slots', [i % 3 === 2 ? 0 : 600 + i])
      const field = { [at]: { stateDiff: { [solidityPackedKeccak256(['uint256', 'uint256'], [600 + i, 0])]: zeroPadValue(hex(0x1000 + i), 32) } } }
      return call(gate.url, i % 3 === 1 ? 'eth_estimateGas' : 'eth_call', [{ to: at, data }, number, field])
    }))
    for (const i of asked) {
      if (i % 3 === 0) assert.equal(BigInt(answers[i].result), BigInt(0x1000 + i))
      else if (i % 3 === 1) assert.ok(BigInt(answers[i].result) > 21000n && BigInt(answers[i].result) < 30000n)
      else assert.equal(answers[i].error.message, 'execution reverted: division or modulo by zero')
    }
  })

  await t.test('who has nothing cannot pay', async () => {
    const poor = '0x00000000000000000000000000000000000ca11f'
    const { error } = await call(gate.url, 'eth_call', [{ from: poor, to: at, value: '0x1', gas: '0x186a0' }, 'latest'])
    assert.deepEqual(error, { code: -32000, message: `err: insufficient funds for gas * price + value: address ${getAddress(poor)} have 0 want 1 (supplied gas 100000)` })
    const list = await call(gate.url, 'eth_createAccessList', [{ from: poor, to: at, gas: '0x186a0' }, 'latest'])
    assert.equal(list.error.code, -32000)
    assert.match(list.error.message, /^failed to apply transaction: 0x[0-9a-f]{64} err: insufficient funds for gas \* price \+ value: address /)
  })

  assert.doesNotMatch(gate.log, /gave a false answer/)
  assert.equal((await gate.stop()).code, 0)
})
