// Every recorded exchange with a go-ethereum 1.9.7 LES server (../shared/vectors/geth-les), both ways:
//  - lesserve, with the same chain, is asked what that server was asked, over RLPx by @ethereumjs/devp2p, and must answer the same;
//  - lesgate is put in front of a peer that answers with the recorded replies (replay.mjs), and its JSON-RPC answers must be those
//    of the full node that stood behind the recorded server, wherever the recording holds what is needed.
import { test } from 'node:test'
import assert from 'node:assert/strict'
import { Wallet } from 'ethers'
import { needShared, startServe, startGate, vectors, readJson, rpc, call, post, KEYS } from './harness.mjs'
import { CODES, RLP, bytes, hex, hexes, keccak256, number, connectLes, listen } from './peer.mjs'
import { Replay, keyOf } from './replay.mjs'
import { known, same } from './geth197.mjs'

const genesis = vectors('geth-les/genesis-small.json')
const CHAIN_ID = 20260
const hashOf = (item) => hex(keccak256(RLP.encode(item)))

// What may differ between two servers: nothing of the content; of a node set the order of the nodes.
function content(code, reply) {
  const value = hexes(reply)
  if (code === CODES.GET_PROOFS_V2) return reply.map(hashOf).sort()
  if (code === CODES.GET_HELPER_TRIE_PROOFS) return { nodes: reply[0].map(hashOf).sort(), aux: value[1] }
  return value
}

test('lesserve answers what go-ethereum answered', needShared, async (t) => {
  const serve = await startServe(t, { genesis, chain: vectors('geth-les/chain-small.rlp') })
  for (const version of [2, 3]) {
    await t.test(`small-les${version}`, async (t) => {
      const replay = new Replay(vectors(`geth-les/small-les${version}.json`))
      const genesisHash = replay.recording.genesis
      const session = await connectLes(t, serve.enode, { key: `c${version}`.repeat(32), chainId: CHAIN_ID, genesisHash, versions: [version] })
      const theirs = replay.status
      const ours = session.serverStatus
      for (const key of ['protocolVersion', 'networkId', 'headTd', 'headHash', 'headNum', 'genesisHash', 'serveHeaders', 'serveChainSince', 'serveStateSince', 'txRelay']) {
        assert.equal(hex(ours[key]), hex(theirs[key]), `Status ${key}`)
      }
      for (const key of Object.keys(theirs)) assert.ok(key in ours, `Status lacks ${key}`)
      const codes = (status) => status['flowControl/MRC'].map(([code]) => number(code)).filter((code) => [2n, 4n, 6n, 10n, 15n, 17n, 19n, 20n].includes(code)).sort()
      assert.deepEqual(codes(ours), codes(theirs))
      let compared = 0
      for (const { note, code, data, reply } of replay.exchanges) {
        const answer = await session.request(code, data).catch((error) => { throw new Error(`${note}: ${error.message}\n${serve.log.slice(-2000)}`) })
        assert.deepEqual(content(code, answer.data), content(code, reply), note)
        assert.ok(answer.bv <= number(ours['flowControl/BL']), note)
        compared++
      }
      console.log(`# small-les${version}: ${compared} exchanges equal`)
      assert.equal(compared, 68)
    })
  }
  assert.equal((await serve.stop()).code, 0)
})

// Whether the recording holds what an answer is made of.
function held(replay, { method, params }) {
  const isHead = (block) => ['latest', '0x' + replay.headNumber.toString(16)].includes(block)
  const account = (address) => replay.account(keyOf(address))
  const header = (block) => replay.headers.get(/^0x.{64}$/.test(block) ? block : replay.numbers.get(BigInt(block)))
  const body = (at) => at && (hexes(at[4]) === EMPTY_ROOT && hexes(at[1]) === EMPTY_UNCLES || replay.bodies.has(hashOf(at)))
  const inBlock = (txHash) => {
    const status = replay.txs.get(txHash)
    return status && number(status[0]) === 3n && replay.headers.get(hex(status[1][0]))
  }
  switch (method) {
    case 'eth_getBalance':
    case 'eth_getTransactionCount':
      return /^0x.{40}$/.test(params[0]) && isHead(params[1]) && account(params[0]) !== undefined
    case 'eth_getCode': {
      const found = isHead(params[1]) && account(params[0])
      return found && (!found.exists || replay.codes.has(found.code))
    }
    case 'eth_getStorageAt': {
      const found = isHead(params[2]) && account(params[0])
      return found && (!found.exists || replay.walk(found.storage, slotKey(params[1])) !== undefined)
    }
    case 'eth_getProof': {
      const found = isHead(params[2]) && account(params[0])
      return found && (!found.exists || found.storage === EMPTY_ROOT || params[1].every((slot) => replay.walk(found.storage, slotKey(slot)) !== undefined))
    }
    case 'eth_getBlockByNumber':
    case 'eth_getBlockByHash':
    case 'eth_getBlockTransactionCountByNumber':
    case 'eth_getTransactionByBlockNumberAndIndex': {
      if (/^0x.{1,16}$/.test(params[0]) && BigInt(params[0]) > replay.headNumber) return true
      const at = header(params[0])
      return at && body(at)
    }
    case 'eth_getTransactionByHash': return body(inBlock(params[0]) || undefined)
    case 'eth_getTransactionReceipt': {
      const at = inBlock(params[0])
      return at && body(at) && replay.receipts.has(hashOf(at))
    }
    case 'eth_chainId':
    case 'net_version':
    case 'eth_blockNumber':
    case 'eth_syncing':
      return true
  }
  return false
}
const EMPTY_ROOT = '0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421'
const EMPTY_UNCLES = '0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347'
const slotKey = (slot) => hex(keccak256(bytes(BigInt(slot).toString(16).padStart(64, '0'))))

// A peer that is the recorded server: its Status as recorded (but for the version, which the session decides), its replies.
function listenAs(t, replay, { key, clientId = 'Geth/v1.9.7-stable/linux-amd64/go1.13.8' }) {
  const { protocolVersion, networkId, announceType, ...status } = replay.status
  return listen(t, { key, chainId: CHAIN_ID, versions: [replay.recording.les], clientId, status: () => ({ ...status }), answer: (code, data) => replay.answer(code, data) })
}

for (const version of [2, 3]) {
  test(`lesgate in front of the recorded les/${version} server`, needShared, async (t) => {
    const replay = new Replay(vectors(`geth-les/small-les${version}.json`))
    const server = await listenAs(t, replay, { key: KEYS[0] })
    const gate = await startGate(t, { genesis, trusted: [server.enode], fraction: 100 })
    const records = readJson(vectors('geth-rpc/small-rpc.json')).records
    const at = known(records)
    for (const [, hash] of replay.numbers) at.timestamps.set(hash, '0x' + number(replay.headers.get(hash)[11]).toString(16))
    const byMethod = {}
    for (const { method, params, result, error } of records.filter((record) => !record.error && held(replay, record))) {
      const where = `${method}(${JSON.stringify(params)})`
      const answer = await call(gate.url, method, params)
      assert.equal(error, undefined)
      assert.equal(answer.error, undefined, `${where}: ${JSON.stringify(answer.error)}\n${replay.misses}`)
      same(answer.result, result, at, where)
      byMethod[method] = (byMethod[method] ?? 0) + 1
    }
    console.log(`# small-les${version}: ${Object.values(byMethod).reduce((a, b) => a + b, 0)} JSON-RPC answers equal: ${JSON.stringify(byMethod)}`)
    for (const method of ['eth_getBalance', 'eth_getTransactionCount', 'eth_getCode', 'eth_getStorageAt', 'eth_getProof', 'eth_getBlockByNumber',
      'eth_getBlockByHash', 'eth_getTransactionByHash', 'eth_getTransactionReceipt']) assert.ok(byMethod[method] > 0, `nothing compared of ${method}`)

    // What the full node was not asked but the recorded server was: each exchange that is still unused, by what it is about.
    for (const [blockHash, items] of replay.receipts) {
      const receipts = await rpc(gate.url, 'eth_getBlockReceipts', [blockHash])
      assert.equal(receipts.length, items.length)
      receipts.forEach((receipt, i) => {
        assert.equal(receipt.logs.length, items[i][3].length)
        assert.equal(receipt.cumulativeGasUsed, '0x' + number(items[i][1]).toString(16))
        assert.equal(receipt.logsBloom, hex(items[i][2]))
      })
    }
    for (const [txHash, status] of replay.txs) {
      if (number(status[0]) === 3n && !held(replay, { method: 'eth_getTransactionByHash', params: [txHash] })) continue
      const found = await rpc(gate.url, 'eth_getTransactionByHash', [txHash])
      if (number(status[0]) === 3n) assert.equal(found?.blockHash, hex(status[1][0]))
      else assert.equal(found, null)
    }
    assert.equal(await rpc(gate.url, 'eth_getBlockByHash', ['0x' + '1234'.padStart(64, '0'), false]), null)
    // The recorded transaction itself is not replay-protected, which go-ethereum's RPC, and ours, does not let out; another one is
    // turned down with the server's recorded words.
    const sent = replay.exchanges.find(({ code }) => code === CODES.SEND_TX_V2)
    const loose = await call(gate.url, 'eth_sendRawTransaction', [hex(RLP.encode(sent.data[0]))])
    assert.deepEqual(loose.error, { code: -32000, message: 'only replay-protected (EIP-155) transactions allowed over RPC' })
    const wallet = new Wallet('0x' + KEYS[1])
    const raw = await wallet.signTransaction({ type: 0, chainId: CHAIN_ID, nonce: 0, to: wallet.address, value: 1, gasPrice: 1, gasLimit: 21000 })
    const refused = await call(gate.url, 'eth_sendRawTransaction', [raw])
    assert.deepEqual(refused.error, { code: -32000, message: Buffer.from(sent.reply[0][2]).toString() })
    // One batch: lesgate may join its questions into the recorded messages for several blocks.
    const several = [...replay.bodies.keys()]
    const batch = several.map((blockHash, id) => ({ jsonrpc: '2.0', id, method: 'debug_getRawBlock', params: [blockHash] }))
    const answers = JSON.parse((await post(gate.url, batch)).text)
    answers.forEach(({ result }, i) => {
      const [header, transactions] = RLP.decode(bytes(result))
      assert.equal(hashOf(header), several[i])
      assert.deepEqual(hexes(transactions), hexes(replay.bodies.get(several[i])[0]))
    })
    const unknownOnly = replay.misses.filter((miss) => !miss.includes('1234'))
    assert.deepEqual(unknownOnly, [], 'lesgate asked for what the recorded server was never asked')
    assert.deepEqual(server.errors, [])
    assert.doesNotMatch(gate.log, / lie|liar|malformed/i)
    console.log(`# small-les${version}: ${replay.used.size} of ${replay.exchanges.length} replies sent as recorded, ${replay.combined} joined from their parts`)
    assert.equal((await gate.stop()).code, 0)
  })
}

test('lesgate proves old headers of the big chain from the recorded CHT', needShared, async (t) => {
  const replay = new Replay(vectors('geth-les/big-les3.json'))
  const byType = (type) => replay.exchanges.filter(({ code, data }) => code === CODES.GET_HELPER_TRIE_PROOFS && number(data[0][0]) === BigInt(type))
  const cht = byType(0)
  const last = cht.find(({ data }) => number(data[0][2]) === 32767n)
  const checkpoint = `0:${hashOf(RLP.decode(last.reply[1][0]))}:${hashOf(last.reply[0][0])}:${hashOf(byType(1)[0].reply[0][0])}`
  // With several servers to agree, the proof is the cheaper way.
  const servers = await Promise.all([...KEYS, 'e1'.repeat(32), 'e2'.repeat(32)].map((key) => listenAs(t, replay, { key })))
  const gate = await startGate(t, { genesis, trusted: servers.map(({ enode }) => enode), fraction: 100, args: ['--checkpoint', checkpoint] })
  assert.equal(await rpc(gate.url, 'eth_blockNumber'), '0x' + replay.headNumber.toString(16))
  let proved = 0
  for (const { data, reply } of cht) {
    const at = number(bytes(hex(data[0][2])))
    const header = await rpc(gate.url, 'eth_getHeaderByNumber', ['0x' + at.toString(16)])
    assert.equal(header.hash, hashOf(RLP.decode(reply[1][0])))
    proved++
  }
  assert.equal(proved, 5)
  const used = cht.filter((exchange) => replay.used.has(exchange)).length
  assert.ok(used >= 4, `${used} of 5 came from the CHT`) // block 0 is known anyway

  // Accounts of a state of 312,000 holders.
  let accounts = 0
  for (const { note, code, reply } of replay.exchanges) {
    const address = note.match(/^account proof (0x\w{40})$/)?.[1]
    if (code !== CODES.GET_PROOFS_V2 || !address) continue
    const account = replay.account(keyOf(address))
    assert.ok(reply.length > 0)
    assert.equal(await rpc(gate.url, 'eth_getBalance', [address, 'latest']), account.exists ? '0x' + number(account.balance).toString(16) : '0x0')
    accounts++
  }
  assert.ok(accounts > 0)
  console.log(`# big-les3: ${used} CHT proofs, ${accounts} accounts; ${replay.used.size} of ${replay.exchanges.length} replies sent as recorded`)
  assert.deepEqual(replay.misses, [])
  assert.doesNotMatch(gate.log, / lie|liar|malformed/i)
  assert.equal((await gate.stop()).code, 0)
})
