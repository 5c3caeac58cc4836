// What a go-ethereum full node answered over JSON-RPC for a chain (../shared/vectors/geth-rpc), asked of lesgate in front of two
// lesserve with that chain. The node was go-ethereum 1.9.7; RULES lists each field whose presence depends on the release and
// nothing else is forgiven: every other field, and every field that both sides have, must be equal.
import { test } from 'node:test'
import assert from 'node:assert/strict'
import { needShared, startServe, startGate, vectors, readJson, call } from './harness.mjs'

const LEFT_OUT = {
  eth_call: 'comes with the EVM',
  eth_estimateGas: 'comes with the EVM',
}

// Fields that releases after 1.9.7 print and it did not, by the kind of object, with what they must hold here (a function of the
// object and of the recorded one). A legacy chain before London: the values are known.
const ADDED = {
  transaction: {
    type: () => '0x0', // EIP-2718
    chainId: (tx) => (BigInt(tx.v) >= 35n ? '0x' + ((BigInt(tx.v) - 35n) / 2n).toString(16) : undefined), // not for unprotected ones
    blockTimestamp: (tx, _, at) => at.timestamps.get(tx.blockHash), // go-ethereum 1.17
  },
  receipt: {
    type: () => '0x0',
    effectiveGasPrice: (receipt, _, at) => at.gasPrices.get(receipt.transactionHash), // EIP-1559; before it the price paid
  },
  log: { blockTimestamp: (log, _, at) => at.timestamps.get(log.blockHash) }, // go-ethereum 1.16
  block: {},
}
// Fields that 1.9.7 printed and later releases do not.
const REMOVED = {
  block: ['totalDifficulty'], // 1.14
  transaction: [],
  receipt: [],
  log: [],
}

// Calls that 1.9.7 refused and later releases answer: the block may be left out, and is the latest one then.
const NOW_ANSWERED = { 'eth_getBalance missing value for required argument 1': (params) => [...params, 'latest'] }

const kindOf = (value) =>
  'parentHash' in value ? 'block' : 'transactionIndex' in value && 'nonce' in value ? 'transaction'
    : 'cumulativeGasUsed' in value ? 'receipt' : 'topics' in value ? 'log' : null

// Compares one value; at holds what is known of the chain from the recording.
function same(got, want, at, where) {
  if (want === null || typeof want !== 'object' || got === null || typeof got !== 'object') return assert.deepEqual(got, want, where)
  if (Array.isArray(want)) {
    assert.ok(Array.isArray(got), where)
    assert.equal(got.length, want.length, `${where}: length`)
    want.forEach((item, i) => same(got[i], item, at, `${where}[${i}]`))
    return
  }
  const kind = kindOf(want)
  const added = kind ? ADDED[kind] : {}
  const removed = kind ? REMOVED[kind] : []
  for (const key of Object.keys(want)) {
    if (removed.includes(key) && !(key in got)) continue
    assert.ok(key in got, `${where}.${key} is missing`)
    same(got[key], want[key], at, `${where}.${key}`)
  }
  for (const key of Object.keys(got)) {
    if (key in want) continue
    assert.ok(key in added, `${where}.${key} is not a field of go-ethereum 1.9.7, nor one that came later`)
    const expected = added[key](got, want, at)
    assert.notEqual(expected, undefined, `${where}.${key} = ${got[key]} should not be there`)
    assert.equal(got[key], expected, `${where}.${key}`)
  }
}

test('a full node of go-ethereum answers the same', needShared, async (t) => {
  const records = readJson(vectors('geth-rpc/small-rpc.json')).records
  const at = { timestamps: new Map(), gasPrices: new Map() }
  for (const { method, result } of records) {
    if (/^eth_getBlockBy/.test(method) && result) at.timestamps.set(result.hash, result.timestamp)
    if (/^eth_getTransactionBy/.test(method) && result) at.gasPrices.set(result.hash, result.gasPrice)
  }
  const genesis = vectors('geth-les/genesis-small.json')
  const chain = vectors('geth-les/chain-small.rlp')
  const [first, second] = await Promise.all([startServe(t, { genesis, chain }), startServe(t, { genesis, chain })])
  const gate = await startGate(t, { genesis, trusted: [first.enode, second.enode], fraction: 100 })

  // What the recording does not hold is asked for: the times of some blocks, the gas prices of some transactions.
  const items = records.flatMap(({ result }) => [].concat(result ?? []))
  for (const hash of new Set(items.map((item) => item.blockHash).filter(Boolean))) {
    if (!at.timestamps.has(hash)) at.timestamps.set(hash, (await call(gate.url, 'eth_getHeaderByHash', [hash])).result.timestamp)
  }
  for (const hash of new Set(items.map((item) => item.transactionHash).filter(Boolean))) {
    if (!at.gasPrices.has(hash)) at.gasPrices.set(hash, (await call(gate.url, 'eth_getTransactionByHash', [hash])).result.gasPrice)
  }

  const byMethod = new Map()
  records.forEach((record, i) => byMethod.set(record.method, [...(byMethod.get(record.method) ?? []), { ...record, i }]))
  let run = 0
  let leftOut = 0
  for (const [method, group] of byMethod) {
    const why = LEFT_OUT[method]
    if (why) leftOut += group.length
    await t.test(`${method}, ${group.length} records`, why ? { skip: why } : {}, async () => {
      for (const { params, result, error, i } of group) {
        const where = `record ${i}, ${method}(${JSON.stringify(params)})`
        const answer = await call(gate.url, method, params)
        const complete = error && NOW_ANSWERED[`${method} ${error.message}`]
        if (complete) {
          assert.deepEqual(answer.result, (await call(gate.url, method, complete(params))).result, where)
        } else if (error) {
          assert.deepEqual(answer.error, error, where)
        } else {
          assert.equal(answer.error, undefined, `${where}: ${JSON.stringify(answer.error)}`)
          same(answer.result, result, at, where)
        }
        run++
      }
    })
  }
  console.log(`# full node: ${run} of ${records.length} answers compared, ${leftOut} left out`)
  assert.equal(run + leftOut, records.length)
  assert.equal((await gate.stop()).code, 0)
})
