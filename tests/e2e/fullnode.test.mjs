// What a go-ethereum full node answered over JSON-RPC for a chain (../shared/vectors/geth-rpc), asked of lesgate in front of
// lesserve with that chain. The node was go-ethereum 1.9.7; geth197.mjs has the rules of the comparison.
import { test } from 'node:test'
import assert from 'node:assert/strict'
import { needShared, startServe, startGate, vectors, readJson, call } from './harness.mjs'
import { NOW_ANSWERED, known, same, sameCall } from './geth197.mjs'

test('a full node of go-ethereum answers the same', needShared, async (t) => {
  const records = readJson(vectors('geth-rpc/small-rpc.json')).records
  const at = known(records)
  const genesis = vectors('geth-les/genesis-small.json')
  const chain = vectors('geth-les/chain-small.rlp')
  const serve = await startServe(t, { genesis, chain })
  const gate = await startGate(t, { genesis, trusted: [serve.enode], fraction: 100 })

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
  for (const [method, group] of byMethod) {
    await t.test(`${method}, ${group.length} records`, async () => {
      for (const { params, result, error, i } of group) {
        const where = `record ${i}, ${method}(${JSON.stringify(params)})`
        const answer = await call(gate.url, method, params)
        const complete = error && NOW_ANSWERED[`${method} ${error.message}`]
        if (complete) {
          assert.deepEqual(answer.result, (await call(gate.url, method, complete(params))).result, where)
        } else if (error) {
          assert.deepEqual(answer.error, error, where)
        } else if (sameCall[method]) {
          sameCall[method](answer, result, where)
        } else {
          assert.equal(answer.error, undefined, `${where}: ${JSON.stringify(answer.error)}`)
          same(answer.result, result, at, where)
        }
        run++
      }
    })
  }
  console.log(`# full node: ${run} of ${records.length} answers compared`)
  assert.equal(run, records.length)
  assert.equal((await gate.stop()).code, 0)
})
