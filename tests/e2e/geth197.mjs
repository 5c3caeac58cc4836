// How an answer of lesgate is compared with one of go-ethereum 1.9.7 (../shared/vectors/geth-rpc). The rules list each field whose
// presence depends on the release, and nothing else is forgiven: every other field, and every field that both have, must be equal.
import assert from 'node:assert/strict'

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
export const NOW_ANSWERED = { 'eth_getBalance missing value for required argument 1': (params) => [...params, 'latest'] }

// Calls: 1.9.7 gave the data of a revert as if it were a result, and searched gas to the last unit; later releases stop within 1.5 %.
export const sameCall = {
  eth_call: (answer, want, where) => assert.equal(answer.error?.code === 3 ? answer.error.data : answer.result, want, where),
  eth_estimateGas: (answer, want, where) => {
    assert.ok(BigInt(answer.result) >= BigInt(want), where)
    assert.ok(Number(BigInt(answer.result) - BigInt(want)) <= 0.015 * Number(BigInt(answer.result)), where)
  },
}

const kindOf = (value) =>
  'parentHash' in value ? 'block' : 'transactionIndex' in value && 'nonce' in value ? 'transaction'
    : 'cumulativeGasUsed' in value ? 'receipt' : 'topics' in value ? 'log' : null

// Compares one value; at holds what is known of the chain from the recording.
export function same(got, want, at, where) {
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

// What the recording says of the chain: the times of blocks, the gas prices of transactions.
export function known(records) {
  const at = { timestamps: new Map(), gasPrices: new Map() }
  for (const { method, result } of records) {
    if (/^eth_getBlockBy/.test(method) && result) at.timestamps.set(result.hash, result.timestamp)
    if (/^eth_getTransactionBy/.test(method) && result) at.gasPrices.set(result.hash, result.gasPrice)
  }
  return at
}
