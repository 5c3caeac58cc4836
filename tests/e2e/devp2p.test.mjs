// @ethereumjs/devp2p, which nobody here wrote, on both sides: its RLPx and LES class as a client of lesserve, and as a server in
// front of lesgate. That server is a relay: what it answers it asks from lesserve over a session of its own, so the whole path
// is crossed in both directions.
import { test } from 'node:test'
import assert from 'node:assert/strict'
import path from 'node:path'
import zlib from 'node:zlib'
import { root, startServe, startGate, rpc, until, KEYS } from './harness.mjs'
import { CODES, RLP, keccak256, bytes, hex, hexes, number, integer, utf8, connect, connectLes, listen, serverStatus, signedAnnounce, announceSigner } from './peer.mjs'

const genesis = path.join(root, 'conf/demo/genesis.json')
const CHAIN_ID = 20955
const FUNDED = '0x962e5688b759063da8b12141272ecd1a123c518e'
const hash = (item) => hex(keccak256(RLP.encode(item)))
const keyOf = (text) => keccak256(bytes(text))

// The genesis header is asked from a session that needs no fork id, so that what the others must say is known.
async function learnGenesis(t, enode) {
  const probe = await connect(t, enode, { key: '0a'.repeat(32), chainId: CHAIN_ID, versions: [2] })
  const pairs = new Promise((resolve) => { const handle = probe.les._handleMessage.bind(probe.les)
    probe.les._handleMessage = (code, data) => { if (code === 0) resolve(RLP.decode(data)); return handle(code, data) } })
  const status = Object.fromEntries((await pairs).map(([name, value]) => [utf8(name), value]))
  probe.peer._socket.destroy()
  return hex(status.genesisHash)
}

// EIP-2124 with every fork at block or time 0.
const forkIdOf = (genesisHash) => [bytes(zlib.crc32(Buffer.from(genesisHash.slice(2), 'hex')).toString(16).padStart(8, '0')), new Uint8Array()]

test('devp2p as a client of lesserve', async (t) => {
  const serve = await startServe(t, { genesis, args: ['--dev.period-ms', '300'] })
  const genesisHash = await learnGenesis(t, serve.enode)
  const forkId = forkIdOf(genesisHash)
  const options = { chainId: CHAIN_ID, genesisHash, forkId }
  let keys = 16
  const open = (more) => connectLes(t, serve.enode, { ...options, key: (keys++).toString(16).repeat(32), ...more })

  for (const version of [2, 3, 4]) {
    await t.test(`les/${version}: Hello and Status`, async () => {
      const session = await open({ versions: [version] })
      const status = session.serverStatus
      assert.equal(session.hello.protocolVersion, 5)
      assert.match(session.hello.clientId, /^lesserve\//)
      assert.equal(session.version, version)
      assert.equal(number(status.protocolVersion), BigInt(version))
      assert.equal(number(status.networkId), BigInt(CHAIN_ID))
      assert.equal(hex(status.genesisHash), genesisHash)
      for (const flag of ['serveHeaders', 'txRelay']) assert.equal(status[flag].length, 0)
      for (const key of ['serveChainSince', 'serveStateSince']) assert.equal(number(status[key]), 0n)
      assert.ok(number(status['flowControl/BL']) > 0n && number(status['flowControl/MRR']) > 0n)
      const costs = new Set(status['flowControl/MRC'].map(([code]) => Number(number(code))))
      for (const code of [0x02, 0x04, 0x06, 0x0a, 0x0f, 0x11, 0x13, 0x14]) assert.ok(costs.has(code), `cost of ${code}`)
      if (version === 4) {
        assert.deepEqual(hexes(status.forkID), hexes(forkId))
        assert.equal(number(status.recentTxLookup), 0n)
      } else {
        assert.equal(status.forkID, undefined)
      }
      const { data } = await session.request(CODES.GET_BLOCK_HEADERS, [integer(0), integer(1), integer(0), integer(0)])
      assert.equal(hash(data[0]), genesisHash)
    })
  }

  await t.test('of several versions the highest is taken', async () => {
    assert.equal((await open({ versions: [2, 3, 4] })).version, 4)
    assert.equal((await open({ versions: [2, 3] })).version, 3)
  })

  await t.test('another genesis is refused with subprotocol error', async () => {
    const session = await connect(t, serve.enode, { key: 'a1'.repeat(32), chainId: CHAIN_ID, versions: [3] })
    session.les.sendStatus({ headTd: new Uint8Array(), headHash: new Uint8Array(32), headNum: new Uint8Array(), genesisHash: new Uint8Array(32).fill(7) })
    await assert.rejects(session.status)
    assert.ok([0x10, 0x03].includes((await session.closed).reason))
  })

  await t.test('les/4 with another fork id is refused', async () => {
    const session = await connect(t, serve.enode, { key: 'a2'.repeat(32), chainId: CHAIN_ID, versions: [4] })
    session.les.sendStatus({ headTd: new Uint8Array(), headHash: new Uint8Array(32), headNum: new Uint8Array(), genesisHash: bytes(genesisHash),
      forkID: [bytes('deadbeef'), new Uint8Array()] })
    assert.equal((await session.closed).byUs, false)
  })

  await t.test('announcements: plain, signed by the node key, or none', async () => {
    const plain = await open({ announceType: 1 })
    const signed = await open({ announceType: 2 })
    const none = await open({ announceType: 0 })
    const [first, second] = await signed.until(({ announces }) => announces.length >= 2 && announces)
    await plain.until(({ announces }) => announces.length >= 2)
    for (const announce of [first, second]) assert.equal(announceSigner(announce), serve.enode.match(/\/\/(\w+)@/)[1])
    assert.ok(number(second[1]) > number(first[1]))
    assert.ok(number(first[1]) > number(signed.serverStatus.headNum))
    assert.equal(announceSigner(plain.announces[0]), null)
    const { data } = await signed.request(CODES.GET_BLOCK_HEADERS, [second[0], integer(1), integer(0), integer(0)])
    assert.equal(hash(data[0]), hex(second[0]), 'an announced head can be had')
    assert.equal(number(data[0][8]), number(second[1]))
    assert.equal(none.announces.length, 0)
  })

  await t.test('every request', async () => {
    const session = await open({})
    const { data: [head, parent] } = await session.request(CODES.GET_BLOCK_HEADERS, [session.serverStatus.headHash, integer(2), integer(0), integer(1)])
    const headHash = session.serverStatus.headHash
    assert.equal(hash(head), hex(headHash))
    if (parent) assert.equal(hex(head[0]), hash(parent))

    const bodies = await session.request(CODES.GET_BLOCK_BODIES, [headHash])
    assert.equal(bodies.data.length, 1)
    const receipts = await session.request(CODES.GET_RECEIPTS, [headHash])
    assert.equal(receipts.data.length, 1)

    const proof = await session.request(CODES.GET_PROOFS_V2, [[headHash, new Uint8Array(), keyOf(FUNDED), integer(0)]])
    assert.equal(hash(proof.data[0]), hex(head[3]), 'the first node hashes to the state root')
    const code = await session.request(CODES.GET_CONTRACT_CODES, [[headHash, keyOf(FUNDED)]])
    assert.ok(code.data.length <= 1)
    const status = await session.request(CODES.GET_TX_STATUS, [new Uint8Array(32).fill(9)])
    assert.deepEqual(hexes(status.data), [['0x', [], '0x']])
    for (const { bv } of [bodies, receipts, proof, code, status]) assert.ok(bv > 0n && bv <= number(session.serverStatus['flowControl/BL']))
    const unknown = await session.request(CODES.GET_BLOCK_BODIES, [new Uint8Array(32).fill(1), headHash])
    assert.equal(unknown.data.length, 1, 'what is not there is skipped')
  })

  await t.test('more than the buffer holds: Stop and Resume in les/3, an end in les/2', async () => {
    const hashes = Array.from({ length: 40 }, (_, i) => new Uint8Array(32).fill(i + 1))
    const overload = (session) => { for (let i = 0; i < 30; i++) session.les.sendMessage(CODES.GET_TX_STATUS, [integer(100 + i), Array(3).fill(hashes).flat()]) }
    const modern = await open({ versions: [3] })
    overload(modern)
    await modern.until(({ messages }) => messages.some(({ code }) => code === CODES.STOP_MSG))
    const resume = await modern.until(({ messages }) => messages.find(({ code }) => code === CODES.RESUME_MSG))
    assert.ok(resume.payload instanceof Uint8Array, 'a bare integer')
    assert.ok(number(resume.payload) > 0n && number(resume.payload) <= number(modern.serverStatus['flowControl/BL']))
    assert.equal((await modern.request(CODES.GET_TX_STATUS, [hashes[0]])).data.length, 1)
    const old = await open({ versions: [2] })
    overload(old)
    const end = await old.closed
    assert.equal(end.byUs, false)
  })

  await t.test('a message that no client may send ends the session', async () => {
    const session = await open({})
    session.les.sendMessage(CODES.BLOCK_HEADERS, [integer(1), integer(1), []])
    assert.equal((await session.closed).byUs, false)
  })
  assert.equal((await serve.stop()).code, 0)
})

test('devp2p as a server in front of lesgate', async (t) => {
  const serve = await startServe(t, { genesis, args: ['--dev.period-ms', '300'] })
  const genesisHash = await learnGenesis(t, serve.enode)
  const forkId = forkIdOf(genesisHash)

  for (const version of [2, 3, 4]) {
    await t.test(`les/${version}: verified answers, heads by signed announcements`, async (t) => {
      const upstream = await connectLes(t, serve.enode, { key: `b${version}`.repeat(32), chainId: CHAIN_ID, genesisHash, forkId, versions: [version] })
      const asked = new Map()
      const status = upstream.serverStatus
      const server = await listen(t, {
        key: KEYS[version % KEYS.length], chainId: CHAIN_ID, versions: [version],
        status: () => serverStatus({ genesisHash, headHash: hex(status.headHash), headNumber: number(status.headNum), headTd: number(status.headTd), forkId, version }),
        answer: async (code, data) => {
          asked.set(code, (asked.get(code) ?? 0) + 1)
          return (await upstream.request(code, data)).data
        },
      })
      upstream.onMessage = (code, payload) => {
        if (code !== CODES.ANNOUNCE) return
        const announce = signedAnnounce(server.key, { hash: hex(payload[0]), number: number(payload[1]), td: number(payload[2]) })
        for (const session of server.sessions) session.les.sendMessage(CODES.ANNOUNCE, announce)
      }
      const gate = await startGate(t, { genesis, trusted: [server.enode], fraction: 100 })

      const [session] = server.sessions
      const hello = await session.status
      assert.equal(session.version, version)
      assert.match(session.hello.clientId, /^lesgate\//)
      assert.equal(number(hello.networkId), BigInt(CHAIN_ID))
      assert.equal(number(hello.announceType), 2n, 'a trusted server is asked for signed announcements')
      assert.equal(hello['flowControl/MRR'], undefined, 'by which a server would be recognised')
      if (version === 4) assert.deepEqual(hexes(hello.forkID), hexes(forkId))
      else assert.equal(hello.forkID, undefined)

      const balance = await rpc(gate.url, 'eth_getBalance', [FUNDED, '0x0'])
      assert.equal(balance, '0x52b7d2dcc80cd2e4000000')
      assert.ok(asked.get(CODES.GET_PROOFS_V2) >= 1)
      const first = await rpc(gate.url, 'eth_getBlockByNumber', ['latest', true])
      const { data } = await upstream.request(CODES.GET_BLOCK_HEADERS, [bytes(first.hash), integer(1), integer(0), integer(0)])
      assert.equal(hash(data[0]), first.hash)
      const receipts = await rpc(gate.url, 'eth_getBlockReceipts', [first.hash])
      assert.equal(receipts.length, first.transactions.length)

      const later = Number(first.number) + 2
      await upstream.until(({ announces }) => announces.some((announce) => number(announce[1]) >= BigInt(later)))
      await until(async () => Number(await rpc(gate.url, 'eth_blockNumber')) >= later)
      assert.deepEqual(server.errors, [])
      assert.equal((await gate.stop()).code, 0)
    })
  }

  await t.test('Stop and Resume: what was under way is asked again', async (t) => {
    const upstream = await connectLes(t, serve.enode, { key: 'bb'.repeat(32), chainId: CHAIN_ID, genesisHash, forkId, versions: [3] })
    const status = upstream.serverStatus
    let proofs = 0
    let stopped = 0
    const server = await listen(t, {
      key: KEYS[0], chainId: CHAIN_ID, versions: [3],
      status: () => serverStatus({ genesisHash, headHash: hex(status.headHash), headNumber: number(status.headNum), headTd: number(status.headTd), version: 3 }),
      answer: async (code, data, session) => {
        if (code === CODES.GET_PROOFS_V2 && ++proofs === 1) {
          session.les.sendMessage(CODES.STOP_MSG, [])
          stopped = Date.now()
          setTimeout(() => session.les.sendMessage(CODES.RESUME_MSG, integer(96000000)), 300)
          return undefined
        }
        assert.ok(stopped === 0 || Date.now() - stopped >= 250, 'asked while it was stopped')
        return (await upstream.request(code, data)).data
      },
    })
    const gate = await startGate(t, { genesis, trusted: [server.enode], fraction: 100 })
    assert.equal(await rpc(gate.url, 'eth_getBalance', [FUNDED, '0x0']), '0x52b7d2dcc80cd2e4000000')
    assert.ok(proofs >= 2 && stopped > 0)
    assert.deepEqual(server.errors, [])
    assert.equal(server.sessions.length, 1, 'the session goes on')
  })

  await t.test('a server of another chain is not used', async (t) => {
    const server = await listen(t, { key: KEYS[0], chainId: 1, versions: [3],
      status: () => serverStatus({ genesisHash: '0x' + '22'.repeat(32), headHash: '0x' + '33'.repeat(32), headNumber: 5, headTd: 6, version: 3 }),
      answer: () => undefined })
    const gate = await startGate(t, { genesis, trusted: [server.enode], fraction: 100, wait: false })
    await gate.wait(/genesis|network/, { where: 'log' })
    assert.equal(gate.out, '')
    assert.equal((await gate.stop()).code, 0)
  })
})
