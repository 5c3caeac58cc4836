// A trusted server that lies, made of @ethereumjs/devp2p: a relay in front of an honest lesserve that changes the meaning of
// replies and keeps their form. Each time: every caller gets what an honest gateway says, inside the same request, and the liar is
// counted and named in the log.
import { test } from 'node:test'
import assert from 'node:assert/strict'
import path from 'node:path'
import zlib from 'node:zlib'
import { root, startServe, startGate, rpc, call, post, until, KEYS } from './harness.mjs'
import { CODES, REPLY, RLP, bytes, hex, number, integer, keccak256, connectLes, listen, serverStatus, signedAnnounce } from './peer.mjs'

const genesis = path.join(root, 'conf/demo/genesis.json')
const CHAIN_ID = 20955
const FUNDED = '0x962e5688b759063da8b12141272ecd1a123c518e'
const copy = (item) => (Array.isArray(item) ? item.map(copy) : item)

// The account's leaf with one more wei; null if the reply holds no leaf.
function richer(nodes) {
  const out = copy(nodes)
  const leaf = out.find((node) => node.length === 2 && node[0][0] >> 4 >= 2 && node[1].length > 60)
  if (!leaf) return null
  const account = RLP.decode(leaf[1])
  account[1] = integer(number(account[1]) + 1n)
  leaf[1] = RLP.encode(account)
  return out
}

// name: the code of the reply, how it is changed (null: not this one), the calls that make lesgate ask.
const state = (n) => [['eth_getBalance', [FUNDED, n]], ['eth_getTransactionCount', [FUNDED, n]]]
const blocks = (n) => [['eth_getBlockByNumber', [n, true]]]
const receipts = (n) => [['eth_getBlockReceipts', [n]]]
const LIES = {
  'a wrong balance': { code: CODES.PROOFS_V2, change: richer, calls: state },
  'a wrong proof node': { code: CODES.PROOFS_V2, change: (nodes) => (nodes.length ? [...copy(nodes).slice(0, -1), [bytes('0x20'), new Uint8Array(40).fill(1)]] : null), calls: state },
  'no such account': { code: CODES.PROOFS_V2, change: (nodes) => (nodes[0]?.length === 17 ? [Array(17).fill(new Uint8Array())] : null), calls: state },
  'a body without its transactions': { code: CODES.BLOCK_BODIES, change: (bodies) => (bodies[0]?.[0].length ? bodies.map(([, ...rest]) => [[], ...rest]) : null), calls: blocks },
  'a body with a transaction twice': { code: CODES.BLOCK_BODIES, change: (bodies) => (bodies[0]?.[0].length ? bodies.map(([txs, ...rest]) => [[...txs, txs[0]], ...rest]) : null), calls: blocks },
  'a receipt too few': { code: CODES.RECEIPTS, change: (lists) => (lists[0]?.length ? lists.map((list) => list.slice(1)) : null), calls: receipts },
  'a receipt that says failed': {
    code: CODES.RECEIPTS, calls: receipts,
    change: (lists) => (lists[0]?.length ? lists.map((list) => list.map((item) => {
      const typed = item instanceof Uint8Array
      const receipt = typed ? RLP.decode(item.slice(1)) : copy(item)
      receipt[0] = receipt[0].length ? new Uint8Array() : integer(1)
      return typed ? Uint8Array.from([item[0], ...RLP.encode(receipt)]) : receipt
    })) : null),
  },
}

test('a server that lies', async (t) => {
  const serve = await startServe(t, { genesis, args: ['--dev.period-ms', '400'] })
  const honest = await startGate(t, { genesis, trusted: [serve.enode], fraction: 100 })
  const { hash: genesisHash } = await rpc(honest.url, 'eth_getBlockByNumber', ['0x0', false])
  const forkId = [bytes(zlib.crc32(Buffer.from(genesisHash.slice(2), 'hex')).toString(16).padStart(8, '0')), new Uint8Array()]
  let relays = 0

  // A relay with a key of its own; change(code, data) gives a false reply or null.
  async function relay(t, { change = () => null, announce = signedAnnounce, before = () => {}, delay = 0 }) {
    const key = keccak256(bytes((++relays).toString(16).padStart(4, '0')))
    const upstream = await connectLes(t, serve.enode, { key: hex(key).slice(2), chainId: CHAIN_ID, genesisHash, forkId, versions: [4] })
    let head = { hash: hex(upstream.serverStatus.headHash), number: number(upstream.serverStatus.headNum), td: number(upstream.serverStatus.headTd) }
    const server = await listen(t, {
      key: hex(keccak256(key)).slice(2), chainId: CHAIN_ID, versions: [4],
      status: () => serverStatus({ genesisHash, headHash: head.hash, headNumber: head.number, headTd: head.td, forkId, version: 4 }),
      answer: async (code, data, session) => {
        before(session, code)
        const reply = (await upstream.request(code, data)).data
        if (delay) await new Promise((resolve) => setTimeout(resolve, delay))
        return change(code, reply) ?? reply
      },
    })
    upstream.onMessage = (code, payload) => {
      if (code !== CODES.ANNOUNCE) return
      head = { hash: hex(payload[0]), number: number(payload[1]), td: number(payload[2]) }
      for (const session of server.sessions) session.les.sendMessage(CODES.ANNOUNCE, announce(server.key, head))
    }
    return server
  }

  // A gateway that trusts a liar and, farther away, an honest server: one of the two is enough for a head, so that only proofs
  // stand between the liar and the caller.
  async function open(t, lie, { fraction = 50 } = {}) {
    const [liar, slow] = await Promise.all([relay(t, lie), relay(t, { delay: 60 })])
    const gate = await startGate(t, { genesis, trusted: [liar.enode, slow.enode], fraction })
    const metric = async (name) => Number((await post(`${gate.url}/metrics`, '', { method: 'GET' })).text.match(new RegExp(`^lesgate_${name} (\\d+)`, 'm'))[1])
    await until(async () => await metric('ulc_servers\\{state="connected"\\}') === 2) // one is enough for a head, not for the truth
    return { liar, gate, metric, named: new RegExp(`warn (les|ulc): .*${liar.enode.slice(8, 40)}`) }
  }

  // Asks both gateways about block after block until enough() holds.
  async function compare(gate, calls, enough) {
    for (let i = 0; !(await enough()); i++) {
      assert.ok(i < 100, `nothing came of it:\n${gate.log.slice(-2000)}`)
      const at = Number(await rpc(gate.url, 'eth_blockNumber'))
      await until(async () => Number(await rpc(honest.url, 'eth_blockNumber')) >= at)
      for (const [method, params] of calls('0x' + at.toString(16))) {
        const want = await rpc(honest.url, method, params)
        const got = await call(gate.url, method, params)
        assert.deepEqual(got.result, want, `${method} ${JSON.stringify(params)}: ${JSON.stringify(got.error)}`)
      }
      await until(async () => Number(await rpc(gate.url, 'eth_blockNumber')) > at)
    }
  }

  for (const [name, { code, change, calls }] of Object.entries(LIES)) {
    await t.test(name, async (t) => {
      const { gate, metric, named } = await open(t, { change: (request, data) => (code === REPLY[request] ? change(data) : null) })
      await compare(gate, calls, async () => await metric('les_lies_total') >= 1)
      assert.match(gate.log, named)
      assert.equal((await gate.stop()).code, 0)
    })
  }

  await t.test('replies that nobody asked for, and to an old request', async (t) => {
    const { gate, metric, named } = await open(t, { before: (session, code) => {
      session.les.sendMessage(CODES.PROOFS_V2, [integer(0xdeadbeef), integer(1), []])
      session.les.sendMessage(REPLY[code], [integer(0), integer(1), []])
    } })
    await compare(gate, state, async () => await metric('les_unsolicited_total') >= 2)
    assert.match(gate.log, named)
    assert.equal((await gate.stop()).code, 0)
  })

  await t.test('a head that another key has signed', async (t) => {
    const { gate, named } = await open(t, { announce: (_, head) => signedAnnounce(KEYS[0], head) })
    await gate.wait(named, { where: 'log' })
    await until(async () => (await call(gate.url, 'eth_blockNumber')).result) // the other one's head
    let looks = 0
    await compare(gate, state, () => ++looks > 3)
    assert.equal((await gate.stop()).code, 0)
  })

  await t.test('heads that do not exist', async (t) => {
    for (const fraction of [50, 100]) {
      let lying = false
      const { gate } = await open(t, { announce: (key, { hash, number: at, td }) =>
        signedAnnounce(key, lying ? { hash: '0x' + '66'.repeat(32), number: at + 1000n, td: td + 1000n } : { hash, number: at, td }) }, { fraction })
      lying = true
      const from = Number(await rpc(honest.url, 'eth_blockNumber'))
      if (fraction === 50) await until(async () => Number(await rpc(gate.url, 'eth_blockNumber')) > from + 3) // the honest one's
      else await until(async () => Number(await rpc(honest.url, 'eth_blockNumber')) > from + 3) // only what both have stood behind
      const head = await rpc(gate.url, 'eth_getBlockByNumber', ['latest', true])
      assert.deepEqual(await rpc(honest.url, 'eth_getBlockByNumber', [head.number, true]), head)
      if (fraction === 100) assert.ok(Number(head.number) <= from + 1, 'one of two is no quorum')
      assert.equal(await rpc(gate.url, 'eth_getBlockByHash', ['0x' + '66'.repeat(32), false]), null)
      assert.equal((await gate.stop()).code, 0)
    }
  })

  await t.test('a server that is slower than its chain holds nothing up', async (t) => {
    const slow = await relay(t, { delay: 900 })
    const gate = await startGate(t, { genesis, trusted: [slow.enode], fraction: 100 })
    const from = Number(await rpc(gate.url, 'eth_blockNumber'))
    await until(async () => Number(await rpc(gate.url, 'eth_blockNumber')) > from + 4)
    assert.equal((await gate.stop()).code, 0)
  })
})
