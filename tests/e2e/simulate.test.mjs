// eth_simulateV1 against the chain itself: a block that is simulated with the transactions, the fee recipient, the time and so on
// of the block that follows must leave the state that this block left. And roots must not depend on the way that led to them:
// what is computed over proofs, with the neighbours of deleted slots fetched on demand, equals what is computed from nothing.
import { test } from 'node:test'
import assert from 'node:assert/strict'
import path from 'node:path'
import { needShared, startServe, startGate, vectors, rpc, call, readJson } from './harness.mjs'

const suite = vectors('rpc-compat')
const HEAD = 0x36
const hex = (number) => '0x' + number.toString(16)

async function start(t, args = []) {
  const genesis = path.join(suite, 'genesis.json')
  const serve = await startServe(t, { genesis, chain: path.join(suite, 'chain.rlp') })
  return startGate(t, { genesis, trusted: [serve.enode], fraction: 100, args })
}

function callOf(tx) {
  const fees = tx.maxFeePerGas
    ? { maxFeePerGas: tx.maxFeePerGas, maxPriorityFeePerGas: tx.maxPriorityFeePerGas }
    : { gasPrice: tx.gasPrice }
  return {
    from: tx.from, to: tx.to, gas: tx.gas, value: tx.value, nonce: tx.nonce, input: tx.input, ...fees,
    ...(tx.accessList && { accessList: tx.accessList }),
    ...(tx.blobVersionedHashes && { blobVersionedHashes: tx.blobVersionedHashes, maxFeePerBlobGas: tx.maxFeePerBlobGas }),
    ...(tx.authorizationList && { authorizationList: tx.authorizationList }),
  }
}

function likeBlock(block) {
  const merged = block.difficulty === '0x0'
  return {
    blockOverrides: {
      number: block.number, time: block.timestamp, gasLimit: block.gasLimit, feeRecipient: block.miner,
      ...(merged ? { prevRandao: block.mixHash } : { difficulty: block.difficulty }),
      ...(block.baseFeePerGas && { baseFeePerGas: block.baseFeePerGas }),
      ...(block.parentBeaconBlockRoot && { beaconRoot: block.parentBeaconBlockRoot }),
      ...(block.withdrawals && { withdrawals: block.withdrawals }),
    },
    calls: block.transactions.map(callOf),
  }
}

const SAME = ['number', 'timestamp', 'difficulty', 'gasLimit', 'gasUsed', 'logsBloom', 'miner', 'mixHash', 'baseFeePerGas', 'stateRoot',
  'blobGasUsed', 'excessBlobGas', 'requestsHash', 'withdrawalsRoot', 'withdrawals', 'parentBeaconBlockRoot', 'sha3Uncles']

function compare(simulated, block) {
  for (const field of SAME) assert.deepEqual(simulated[field], block[field], `block ${block.number}: ${field}`)
  // An access list with a gas price makes a legacy transaction here, as in go-ethereum: its receipt has another type.
  if (!block.transactions.some((tx) => tx.type === '0x1')) {
    assert.equal(simulated.receiptsRoot, block.receiptsRoot, `block ${block.number}: receiptsRoot`)
  }
  assert.deepEqual(simulated.calls.map(({ status }) => status).length, block.transactions.length)
}

test('every block of the chain, simulated on its parent, leaves the state that it left', needShared, async (t) => {
  const gate = await start(t, ['--call.gas-cap', '200000000'])
  let run = 0
  let uncles = 0
  let large = 0
  for (let number = 1; number <= HEAD; number++) {
    const block = await rpc(gate.url, 'eth_getBlockByNumber', [hex(number), true])
    if (block.uncles.length) {
      uncles++ // their miners are paid too, which a simulation cannot say
      continue
    }
    const answer = await call(gate.url, 'eth_simulateV1', [{ blockStateCalls: [likeBlock(block)], validation: true }, hex(number - 1)])
    if (answer.error?.message === 'the simulation returns too much') {
      large++ // logs of more than 24 MB
      continue
    }
    assert.ok(answer.result, JSON.stringify(answer.error))
    const [simulated] = answer.result
    compare(simulated, block)
    assert.equal(simulated.parentHash, block.parentHash)
    run++
  }
  console.log(`# blocks simulated: ${run} of ${HEAD}; left out: ${uncles} with uncles, ${large} with too many logs`)
  assert.ok(run > 30)
  assert.ok(large < 3)
})

test('a run of blocks in one request goes through the states of the chain', needShared, async (t) => {
  const gate = await start(t)
  // Before EIP-2935 the hashes of the simulated parents leave no trace in the state.
  const blocks = []
  for (let number = 0x21; blocks.length === 0 || blocks.at(-1).timestamp < 450; number++) {
    const block = await rpc(gate.url, 'eth_getBlockByNumber', [hex(number), true])
    if (block.uncles.length === 0) blocks.push(block)
    else if (blocks.length > 8) break
    else blocks.length = 0
    if (Number(block.timestamp) >= 450) break
  }
  const prague = blocks.findIndex((block) => Number(block.timestamp) >= 450)
  if (prague !== -1) blocks.length = prague
  assert.ok(blocks.length >= 3, `${blocks.length} blocks in a row`)
  const base = hex(Number(blocks[0].number) - 1)
  const simulated = await rpc(gate.url, 'eth_simulateV1', [{ blockStateCalls: blocks.map(likeBlock), validation: true }, base])
  assert.equal(simulated.length, blocks.length)
  simulated.forEach((block, i) => compare(block, blocks[i]))
  simulated.slice(1).forEach((block, i) => assert.equal(block.parentHash, simulated[i].hash))
})

test('slots that are cleared one by one leave the root of a storage that never had them', needShared, async (t) => {
  const gate = await start(t)
  const { accounts } = readJson(path.join(vectors('rpc-compat'), 'chain-extra/headstate.json'))
  const pad = (word) => '0x' + word.replace(/^0x/, '').padStart(64, '0')
  const zero = pad('0')
  let tries = 0
  for (const [address, account] of Object.entries(accounts)) {
    const slots = Object.entries(account.storage ?? {}).map(([key, value]) => [pad(key), pad(value)])
    if (slots.length < 3) continue
    for (let kept = 0; kept < slots.length; kept += 1 + (kept >> 1)) {
      const stateDiff = Object.fromEntries(slots.slice(kept).map(([key]) => [key, zero]))
      const state = Object.fromEntries(slots.slice(0, kept))
      const over = (change) => rpc(gate.url, 'eth_simulateV1', [{ blockStateCalls: [{ stateOverrides: { [address]: change } }] }, 'latest'])
      const [byDeleting] = await over({ stateDiff })
      const [fromNothing] = await over({ state })
      assert.equal(byDeleting.stateRoot, fromNothing.stateRoot, `${address}, ${kept} of ${slots.length} slots kept`)
      tries++
    }
  }
  assert.ok(tries > 20, `${tries}`)
})

test('limits and orders have the errors of go-ethereum', needShared, async (t) => {
  const gate = await start(t, ['--call.gas-cap', '2000000'])
  const error = async (options, block = 'latest') => {
    const answer = await call(gate.url, 'eth_simulateV1', [options, block])
    assert.ok(answer.error, JSON.stringify(answer).slice(0, 300))
    return [answer.error.code, answer.error.message]
  }
  const from = '0xc000000000000000000000000000000000000000'
  assert.deepEqual(await error({}), [-32602, 'empty input'])
  assert.deepEqual(await error({ blockStateCalls: [] }), [-32602, 'empty input'])
  assert.deepEqual(await error({ blockStateCalls: 5 }), [-32602, 'invalid argument 0: json: cannot unmarshal number into Go struct field simOpts.BlockStateCalls of type []ethapi.simBlock'])
  assert.deepEqual(await error({ blockStateCalls: [{}], validation: 1 }), [-32602, 'invalid argument 0: json: cannot unmarshal number into Go struct field simOpts.Validation of type bool'])
  assert.deepEqual(await error({ blockStateCalls: [{ calls: Array(5001).fill({}) }] }), [-38026, 'too many calls in block: 5001 > 5000'])
  assert.deepEqual(await error({ blockStateCalls: Array(3).fill({ calls: Array(4000).fill({}) }) }), [-38026, 'too many calls: 12000 > 10000'])
  assert.deepEqual(await error({ blockStateCalls: [{ blockOverrides: { number: hex(HEAD + 257) } }] }), [-38026, 'too many blocks'])
  assert.deepEqual(await error({ blockStateCalls: [{ blockOverrides: { number: '0x' + 'f'.repeat(40) } }] }), [-38026, 'too many blocks'])
  assert.deepEqual(await error({ blockStateCalls: [{ blockOverrides: { number: '0x36' } }] }), [-38020, 'block numbers must be in order: 54 <= 54'])
  assert.deepEqual(await error({ blockStateCalls: [{ blockOverrides: { gasLimit: '0xa410' }, calls: [{ from, to: from, gas: '0x5208' }, { from, to: from, gas: '0x5209' }] }] }),
    [-38015, 'block gas limit reached: remaining: 21000, required: 21001'])
  assert.deepEqual(await error({ blockStateCalls: [{ calls: [{ from, nonce: '0x5' }] }], validation: true }),
    [-38011, 'err: nonce too high: address 0xC000000000000000000000000000000000000000, tx: 5 state: 0 (supplied gas 2000000)'])
  assert.deepEqual(await error({ blockStateCalls: [{ stateOverrides: { [from]: { nonce: '0x6' } }, calls: [{ from, nonce: '0x5' }] }], validation: true }),
    [-38010, 'err: nonce too low: address 0xC000000000000000000000000000000000000000, tx: 5 state: 6 (supplied gas 2000000)'])
  assert.deepEqual(await error({ blockStateCalls: [{ calls: [{ from, to: from, gasPrice: '0x1', maxFeePerGas: '0x1' }] }] }),
    [-32000, 'both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified'])
  assert.deepEqual(await error({ blockStateCalls: [{ calls: [{ from, to: from, maxFeePerGas: '0x1', maxPriorityFeePerGas: '0x2' }] }] }),
    [-32602, 'err: max priority fee per gas higher than max fee per gas: address 0xC000000000000000000000000000000000000000, maxPriorityFeePerGas: 2, maxFeePerGas: 1 (supplied gas 2000000)'])
  // All blocks together have the gas cap of one call.
  const spin = '0x5b600056'
  const [first, second] = await rpc(gate.url, 'eth_simulateV1', [{ blockStateCalls: [
    { stateOverrides: { [from]: { code: spin } }, calls: [{ to: from, gas: '0x180000' }] },
    { calls: [{ to: from }] }] }, 'latest'])
  assert.equal(first.calls[0].error.message, 'out of gas')
  assert.deepEqual(second.calls[0].error, { message: 'out of gas (gas limit was capped by the RPC server\'s global gas cap)', code: -32015 })
  assert.equal(Number(first.gasUsed) + Number(second.gasUsed), 2000000)
})
