// eth_getLogs over a chain that is longer than a section of BloomBits: 45,000 blocks, section 0 proved from the checkpoint that the
// trusted server names. What comes out is held against the receipts of every block. Importing the chain takes a minute with the
// release preset, so this runs only when asked: BIG=1 BUILD=build/release npm test
import { test } from 'node:test'
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { openSync, closeSync } from 'node:fs'
import path from 'node:path'
import { haveShared, scratch, startServe, startGate, vectors, rpc, call, readJson } from './harness.mjs'

const SECTION = 32768
const HEAD = 45000
const TRANSFER = '0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef'
const hex = (number) => `0x${number.toString(16)}`

const need = !haveShared ? { skip: 'the folder ../shared with the vectors is absent' }
  : process.env.BIG ? {} : { skip: 'imports 45,000 blocks: set BIG=1' }

function unpack(t) {
  const file = path.join(scratch(t), 'chain.rlp')
  const out = openSync(file, 'w')
  execFileSync('xz', ['-dc', path.join(vectors('geth-les'), 'chain-big.rlp.xz')], { stdio: ['ignore', out, 'inherit'] })
  closeSync(out)
  return file
}

async function fromReceipts(url, from, to, wanted) {
  const logs = []
  for (let number = from; number <= to; number++) {
    for (const receipt of await rpc(url, 'eth_getBlockReceipts', [hex(number)])) logs.push(...receipt.logs.filter(wanted))
  }
  return logs
}

test('logs of a long chain are complete', need, async (t) => {
  const { contracts } = readJson(path.join(vectors('geth-les'), 'chain-big.json'))
  const genesis = path.join(vectors('geth-les'), 'genesis-small.json')
  const serve = await startServe(t, { genesis, chain: unpack(t), ms: 600000 })
  const gate = await startGate(t, { genesis, trusted: [serve.enode] })
  const logs = (from, to, filter = {}) => rpc(gate.url, 'eth_getLogs', [{ fromBlock: hex(from), toBlock: hex(to), ...filter }])
  const token = contracts.Token.toLowerCase()

  await t.test('an address, across the end of the section', async () => {
    const found = await logs(SECTION - 3000, SECTION + 500, { address: token })
    assert.deepEqual(found, await fromReceipts(gate.url, SECTION - 3000, SECTION + 500, (log) => log.address === token))
    assert.ok(found.length > 0)
  })
  await t.test('a topic, inside the section', async () => {
    const found = await logs(SECTION - 2000, SECTION - 1, { topics: [TRANSFER] })
    assert.deepEqual(found, await fromReceipts(gate.url, SECTION - 2000, SECTION - 1, (log) => log.topics[0] === TRANSFER))
    assert.ok(found.length > 0)
  })
  await t.test('everything, by headers', async () => {
    const found = await logs(HEAD - 1500, HEAD)
    assert.deepEqual(found, await fromReceipts(gate.url, HEAD - 1500, HEAD, () => true))
    assert.ok(found.length > 0)
  })
  await t.test('a wide range is the sum of its parts', async () => {
    const whole = await logs(0, 42000, { address: token })
    const parts = []
    for (let from = 0; from <= 42000; from += 6000) parts.push(...await logs(from, Math.min(from + 5999, 42000), { address: token }))
    assert.deepEqual(whole, parts)
    assert.ok(whole.length > 3000)
  })
  await t.test('nobody there', async () => {
    assert.deepEqual(await logs(0, 42000, { address: '0x1212121212121212121212121212121212121212' }), [])
  })
  await t.test('too wide a range is refused with one that works', async () => {
    const { error } = await call(gate.url, 'eth_getLogs', [{ fromBlock: '0x0', toBlock: hex(HEAD) }])
    assert.equal(error.code, -32005)
    assert.equal(error.message, 'query covers more than 10000 blocks. Try with this block range [0x0, 0x270f].')
    assert.deepEqual(error.data, { from: '0x0', limit: 10000, to: '0x270f' })
    assert.ok((await logs(0, 0x270f)).length > 0)
  })
  assert.doesNotMatch(gate.log, /gave a false answer/)
  assert.equal((await gate.stop()).code, 0)
})
