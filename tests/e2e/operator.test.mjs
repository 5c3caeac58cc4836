// lesserve as its operator sees it: the admin port, balances, the record and the node list, the lock, a signal during the import,
// and the server that only announces. Records and lists are read by @ethereumjs/devp2p, which nobody here wrote.
import { test } from 'node:test'
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import zlib from 'node:zlib'
import { ENR, DNS } from '@ethereumjs/devp2p'
import { root, build, startServe, startGate, scratch, run, until, rpc, call, post, vectors, needShared } from './harness.mjs'
import { needAnvil, startAnvil } from './anvil.mjs'
import { CODES, RLP, keccak256, bytes, hex, number, integer, utf8, connectLes } from './peer.mjs'

const genesis = path.join(root, 'conf/demo/genesis.json')
const CHAIN_ID = 20955
const ANYONE = '11'.repeat(32)
const adminOf = async (program) => (await program.wait(/^admin (http:\/\/\S+)/m))[1]
const idOf = (enode) => hex(keccak256(bytes(enode.match(/\/\/(\w{128})@/)[1]))).slice(2)
const get = (url) => post(url, '', { method: 'GET' })

async function metric(url, name) {
  const { status, text } = await get(`${url}/metrics`)
  assert.equal(status, 200)
  const line = text.split('\n').find((line) => line.startsWith(`lesserve_${name} `))
  assert.ok(line, name)
  return Number(line.split(' ')[1])
}

async function genesisOf(url) {
  const { protocols: { les } } = await rpc(url, 'admin_nodeInfo')
  const crc = zlib.crc32(Buffer.from(les.genesis.slice(2), 'hex')).toString(16).padStart(8, '0')
  return { genesisHash: les.genesis, forkId: [bytes(crc), new Uint8Array()] }
}

test('the admin port', async (t) => {
  const datadir = path.join(scratch(t), 'serve')
  const args = ['--dev.period-ms', '300', '--admin', '127.0.0.1:0']
  const serve = await startServe(t, { genesis, datadir, args })
  const url = await adminOf(serve)
  assert.match(serve.out, /^enode:\/\/\S+\nenr:\S+\nadmin http:\/\/127\.0\.0\.1:\d+\n$/)

  await t.test('who it is', async () => {
    const info = await rpc(url, 'admin_nodeInfo')
    const port = Number(serve.enode.split(':').pop())
    assert.equal(info.enode, serve.enode)
    assert.equal(info.id, idOf(serve.enode))
    assert.equal(info.enr, serve.out.split('\n')[1])
    assert.deepEqual([info.ip, info.listenAddr, info.ports], ['127.0.0.1', `127.0.0.1:${port}`, { discovery: 0, listener: port }])
    assert.equal(info.protocols.les.network, CHAIN_ID)
    assert.equal(await rpc(url, 'web3_clientVersion'), info.name)
    assert.deepEqual(Object.keys(await rpc(url, 'rpc_modules')), ['admin', 'debug', 'les', 'rpc', 'web3'])
    const { error } = await call(url, 'les_latestCheckpoint')
    assert.deepEqual([error.code, error.message], [-32000, 'no local checkpoint provided'])
    assert.ok((await call(url, 'les_getCheckpoint', [0])).error)
    assert.equal((await call(url, 'eth_blockNumber')).error.code, -32601)
  })

  await t.test('a page of the web cannot reach it, nor a name that is not localhost', async () => {
    const body = { jsonrpc: '2.0', id: 1, method: 'rpc_modules' }
    const page = await post(url, body, { headers: { origin: 'https://evil.example' } })
    assert.equal(page.headers['access-control-allow-origin'], undefined)
    assert.equal((await post(url, body, { headers: { host: 'evil.example' } })).status, 403)
    const { code, log } = await run(t, 'lesserve', ['--genesis', genesis, '--listen', '127.0.0.1:0', '--datadir', path.join(scratch(t), 'x'), '--admin', '0.0.0.0:0'])
    assert.equal(code, 1)
    assert.match(log, /not a loopback address/)
  })

  await t.test('health and metrics', async () => {
    await until(async () => (await metric(url, 'head_number')) >= 2)
    const { status, text } = await get(`${url}/health`)
    const health = JSON.parse(text)
    assert.equal(status, 200)
    assert.equal(health.source, 'development chain')
    assert.ok(health.head >= 2 && health.clients === 0)
    assert.equal(await metric(url, 'serving'), 1)
    assert.equal(await metric(url, 'clients'), 0)
    assert.ok((await metric(url, 'memory_bytes')) > 1e6)
    const prices = (await get(`${url}/metrics`)).text.match(/^lesserve_price\{.*\} \d+$/gm)
    assert.equal(prices.length, 8)
    for (const price of prices) assert.ok(Number(price.split(' ')[1]) >= 256 && Number(price.split(' ')[1]) < 40000, price)
  })

  await t.test('a client, its balance and its capacity', async () => {
    const session = await connectLes(t, serve.enode, { chainId: CHAIN_ID, ...await genesisOf(url), key: '21'.repeat(32) })
    const [peer] = await until(async () => { const peers = await rpc(url, 'admin_peers'); return peers.length === 1 && peers })
    assert.deepEqual([peer.caps, peer.protocols.les.version, peer.network.inbound], [['les/4'], 4, true])
    const id = peer.id
    const change = (params) => call(url, 'les_setClientParams', [[id], params])
    assert.match((await change({ capacity: 32000 })).error.message, /priority too low/)
    assert.deepEqual(await rpc(url, 'les_addBalance', [id, 5e12]), [0, 5e12])
    assert.equal((await change({ capacity: 32000 })).result, null)
    const announce = await session.until(({ announces }) => announces.find((announce) => hex(announce[0]) === `0x${'00'.repeat(32)}`))
    const update = Object.fromEntries(announce[4].map(([key, value]) => [utf8(key), Number(number(value))]))
    assert.deepEqual(update, { 'flowControl/MRR': 32000, 'flowControl/BL': 192000000 })
    await session.request(CODES.GET_BLOCK_HEADERS, [integer(0), integer(1), integer(0), integer(0)])
    const client = (await rpc(url, 'les_clientInfo'))[id]
    assert.deepEqual(Object.keys(client), ['isConnected', 'pricing/balance', 'priority', 'connectionTime', 'capacity', 'pricing/negBalance'])
    assert.ok(client.isConnected && client.priority && client.capacity === 32000 && client['pricing/negBalance'] >= 0)
    assert.ok(client['pricing/balance'] < 5e12 && client['pricing/balance'] > 4e12)
    const info = await rpc(url, 'les_serverInfo')
    assert.deepEqual([info.minimumCapacity, info.totalConnectedCapacity, info.priorityConnectedCapacity], [16000, 32000, 32000])
    for (const [params, said] of [[{ capacity: 15999 }, /invalid value for parameter 'capacity'/], [{ capacity: 1e15 }, /invalid value/],
      [{ 'pricing/timeFactor': -1 }, /invalid value for parameter 'pricing\/timeFactor'/], [{ price: 1 }, /invalid client parameter 'price'/]]) {
      assert.match((await change(params)).error.message, said)
    }
    assert.match((await call(url, 'les_setDefaultParams', [{ capacity: 32000 }])).error.message, /invalid default parameter 'capacity'/)
    assert.match((await call(url, 'les_setDefaultParams', [{ 'pricing/requestCostFactor': 1e308 }])).error.message, /invalid value for parameter/)
    assert.equal(await rpc(url, 'les_setDefaultParams', [{ 'pricing/requestCostFactor': 1e9 }]), null)
    assert.equal(await rpc(url, 'debug_freezeClient', [id]), null)
    await session.until(({ messages }) => messages.some(({ code }) => code === CODES.STOP_MSG || code === 0x16))
    assert.equal(await rpc(url, 'admin_removePeer', [peer.enode]), true)
    assert.equal((await session.closed).reason, 0)
    await until(async () => (await rpc(url, 'admin_peers')).length === 0)
    assert.match((await change({ capacity: 32000 })).error.message, /is not connected/)
  })

  await t.test('what a node is called, and what is refused', async () => {
    assert.deepEqual(await rpc(url, 'les_addBalance', [serve.enode, 7]), [0, 7])
    assert.deepEqual(await rpc(url, 'les_addBalance', [serve.out.split('\n')[1], 1]), [7, 8])
    assert.deepEqual(await rpc(url, 'les_addBalance', [`0x${idOf(serve.enode)}`, -100]), [8, 0])
    for (const params of [['nonsense', 1], [7, 1], [ANYONE, 1.5], [ANYONE, 'x'], [ANYONE], [`${ANYONE}\u0000`, 1]]) {
      assert.ok((await call(url, 'les_addBalance', params)).error, JSON.stringify(params))
    }
    const MOST = 9223372036854775000
    assert.ok((await call(url, 'les_addBalance', [ANYONE, MOST])).result)
    assert.match((await call(url, 'les_addBalance', [ANYONE, MOST])).error.message, /overflow/)
    assert.equal((await rpc(url, 'les_addBalance', [ANYONE, -MOST]))[1], 0)
  })

  await t.test('balances survive a restart', async (t) => {
    await rpc(url, 'les_addBalance', [ANYONE, 12345])
    const before = await rpc(url, 'les_priorityClientInfo', ['00'.repeat(32), 'ff'.repeat(32), 10])
    assert.equal(before[ANYONE]['pricing/balance'], 12345)
    assert.equal(Object.keys(before).length, 2)
    const [first, next] = Object.entries(await rpc(url, 'les_priorityClientInfo', ['00'.repeat(32), 'ff'.repeat(32), 1]))
    assert.ok(first[1].priority && Object.keys(next[1]).length === 0)
    assert.equal((await serve.stop()).code, 0)
    const again = await startServe(t, { genesis, datadir, args })
    assert.deepEqual(await rpc(await adminOf(again), 'les_priorityClientInfo', ['00'.repeat(32), 'ff'.repeat(32), 10]), before)
  })
})

test('one with a balance gets a place where there is none', async (t) => {
  const serve = await startServe(t, { genesis, args: ['--admin', '127.0.0.1:0', '--max-peers', '1'] })
  const url = await adminOf(serve)
  const options = { chainId: CHAIN_ID, ...await genesisOf(url) }
  const first = await connectLes(t, serve.enode, { ...options, key: '31'.repeat(32) })
  await until(async () => Object.keys(await rpc(url, 'les_clientInfo')).length === 1)
  const second = await connectLes(t, serve.enode, { ...options, key: '32'.repeat(32) })
  assert.equal((await second.closed).reason, 4)
  const [firstId] = Object.keys(await rpc(url, 'les_clientInfo'))
  const paying = '33'.repeat(32)
  const probe = await connectLes(t, serve.enode, { ...options, key: paying }) // to learn its id
  const log = await until(() => serve.log.match(/client dropped.*no place/g)?.length === 2 && serve.log)
  assert.equal((await probe.closed).reason, 4)
  const { secp256k1 } = await import('ethereum-cryptography/secp256k1.js')
  const id = hex(keccak256(secp256k1.getPublicKey(bytes(paying), false).slice(1))).slice(2)
  assert.ok(log.includes(id.slice(0, 16)))
  await rpc(url, 'les_addBalance', [id, 1e12])
  await connectLes(t, serve.enode, { ...options, key: paying })
  assert.equal((await first.closed).reason, 4)
  await until(async () => { const clients = Object.keys(await rpc(url, 'les_clientInfo')); return clients.length === 1 && clients[0] === id && id !== firstId })
})

test('a record and a node list that others can read', async (t) => {
  const dir = scratch(t)
  const serves = []
  for (let i = 0; i < 3; i++) serves.push(await startServe(t, { genesis, args: ['--discovery.v4'] }))
  const records = serves.map((serve) => serve.out.split('\n')[1])
  const ports = serves.map((serve) => Number(serve.enode.split(':').pop()))
  for (const [i, record] of records.entries()) {
    assert.deepEqual(ENR.parseAndVerifyRecord(record), { address: '127.0.0.1', tcpPort: ports[i], udpPort: ports[i] })
    const [, seq, ...pairs] = RLP.decode(Buffer.from(record.slice(4), 'base64url'))
    const entries = {}
    for (let at = 0; at < pairs.length; at += 2) entries[utf8(pairs[at])] = pairs[at + 1]
    assert.ok(number(seq) > 0n)
    assert.equal(hex(RLP.encode(entries.les)), '0xc101')
    assert.equal(entries.eth[0][0].length, 4)
  }
  const key = path.join(dir, 'key'), nodes = path.join(dir, 'nodes')
  const LINK = 'enrtree://AM5FCQLWIZX2QFPNJAP7VUERCCRNGRHWZG3YYHIUV7BVDQ5FDPRT2@morenodes.example.org'
  writeFileSync(key, `${'45'.repeat(32)}\n`)
  writeFileSync(nodes, `# ours\n${records.join('\n')}\n\n`)
  const make = (args, input) => spawnSync(path.join(build, 'lesserve'), ['enrtree', ...args], { input, encoding: 'utf8', timeout: 20000 })
  const basic = ['--domain', 'les.example.org', '--key', key, '--seq', '5']

  await t.test('devp2p finds every node in it', async () => {
    const { status, stdout, stderr } = make([...basic, '--nodes', nodes, '--link', LINK, '--json'])
    assert.equal(status, 0, stderr)
    const tree = JSON.parse(stdout), url = stderr.trim()
    assert.deepEqual(Object.values(tree).filter((text) => text.startsWith('enr:')).sort(), [...records].sort())
    assert.ok(Object.values(tree).includes(LINK))
    assert.match(tree['les.example.org'], /^enrtree-root:v1 e=\w+ l=\w+ seq=5 sig=/)
    const dns = new DNS()
    for (const [name, text] of Object.entries(tree)) dns._DNSTreeCache[name === 'les.example.org' ? name : name.replace('.les.example.org', '')] = text
    const found = new Set()
    for (let i = 0; i < 200 && found.size < 3; i++) for (const peer of await dns.getPeers(1, [url])) if (peer) found.add(peer.tcpPort)
    assert.deepEqual([...found].sort(), [...ports].sort())
  })

  await t.test('as a zone file, from standard input, the same list', async () => {
    const zone = make([...basic, '--link', LINK], readFileSync(nodes))
    assert.equal(zone.status, 0, zone.stderr)
    const tree = JSON.parse(make([...basic, '--nodes', nodes, '--link', LINK, '--json']).stdout)
    const lines = zone.stdout.trim().split('\n').map((line) => line.match(/^(\S+)\. \d+ IN TXT (.*)$/))
    assert.deepEqual(Object.fromEntries(lines.map(([, name, text]) => [name, text.replaceAll(/" "|"/g, '')])), tree)
  })

  await t.test('what it refuses', async () => {
    const rows = [[['--domain', 'x.org'], 2, /--key: is missing/], [['--key', key], 2, /--domain: is missing/], [[...basic, '--bogus', '1'], 2, /unknown option/],
      [[...basic, '--link', 'enrtree://x@y'], 2, /not the URL/], [['--domain', 'a..b', '--key', key], 2, /not a domain name/], [[...basic, '--seq', '-1'], 2, /not a number/],
      [['--domain', 'x.org', '--key', nodes], 1, /secret key/], [[...basic, '--nodes', key], 1, /not a signed node record/], [[...basic, '--nodes', path.join(dir, 'no')], 1, /No such file/]]
    for (const [args, code, said] of rows) {
      const { status, stdout, stderr } = make(args, '')
      assert.deepEqual([status, stdout], [code, ''], stderr)
      assert.match(stderr, said)
    }
    const { status, stderr } = make(basic, `${serves[0].enode}\n`)
    assert.equal(status, 1)
    assert.match(stderr, /not signed/)
    assert.match(make(['--help']).stdout, /--domain NAME/)
  })
})

test('a data directory is for one process', async (t) => {
  const datadir = path.join(scratch(t), 'both')
  const serve = await startServe(t, { genesis, datadir })
  const said = new RegExp(`is in use by process ${serve.child.pid};`)
  for (const [name, args] of [['lesserve', ['--listen', '127.0.0.1:0']], ['lesgate', ['--ulc.trusted', serve.enode, '--http', '127.0.0.1:0']]]) {
    const { code, log, out } = await run(t, name, ['--genesis', genesis, '--datadir', datadir, ...args])
    assert.deepEqual([code, out], [1, ''], log)
    assert.match(log, said)
  }
  serve.child.kill('SIGKILL')
  await serve.exit
  await startServe(t, { genesis, datadir })
})

test('SIGTERM during a long import', needShared, async (t) => {
  const dir = scratch(t)
  const chain = path.join(dir, 'chain.rlp'), out = openSync(chain, 'w')
  const { status } = spawnSync('xz', ['-dc', vectors('geth-les/chain-big.rlp.xz')], { stdio: ['ignore', out, 'inherit'] })
  closeSync(out)
  assert.equal(status, 0)
  const child = spawn(path.join(build, 'lesserve'), ['--genesis', vectors('geth-les/genesis-small.json'), '--chain', chain,
    '--listen', '127.0.0.1:0', '--datadir', path.join(dir, 'serve')], { stdio: ['ignore', 'ignore', 'pipe'] })
  t.after(() => child.kill('SIGKILL'))
  let log = ''
  child.stderr.on('data', (chunk) => { log += chunk })
  const ended = new Promise((resolve) => child.once('close', (code, signal) => resolve({ code, signal })))
  await until(() => /chain: importing/.test(log))
  await new Promise((resolve) => setTimeout(resolve, 1000))
  child.kill('SIGTERM')
  assert.deepEqual(await ended, { code: 0, signal: null }, log)
  assert.match(log, /chain: stopped importing head=\d+.*\n$/)
})

test('the health of a development chain that makes blocks on demand', async (t) => {
  const serve = await startServe(t, { args: ['--dev', '--dev.rpc', '127.0.0.1:0', '--admin', '127.0.0.1:0'] })
  const { status, text } = await get(`${await adminOf(serve)}/health`)
  assert.deepEqual([status, JSON.parse(text).source], [200, 'development chain'])
})

test('a server that only announces', async (t) => {
  const full = await startServe(t, { genesis, args: ['--dev.period-ms', '400', '--admin', '127.0.0.1:0'] })
  const announcing = await startServe(t, { genesis, args: ['--follow', full.enode, '--announce-only', '--admin', '127.0.0.1:0'] })
  const url = await adminOf(announcing)
  const options = { chainId: CHAIN_ID, ...await genesisOf(url) }

  await t.test('devp2p gets its heads, and nothing else', async () => {
    const session = await connectLes(t, announcing.enode, { ...options, key: '41'.repeat(32), announceType: 2 })
    for (const key of ['serveHeaders', 'serveChainSince', 'serveStateSince', 'serveRecentState', 'txRelay']) assert.equal(session.serverStatus[key], undefined, key)
    const announces = await session.until(({ announces }) => announces.length >= 2 && announces)
    assert.ok(number(announces[1][1]) > number(announces[0][1]))
    await assert.rejects(session.request(CODES.GET_BLOCK_BODIES, [announces[0][0]], { ms: 1000 }), /no reply/)
    const { data } = await session.request(CODES.GET_BLOCK_HEADERS, [announces[1][0], integer(1), integer(0), integer(0)])
    assert.equal(hex(keccak256(RLP.encode(data[0]))), hex(announces[1][0]))
    assert.equal(await metric(url, 'ignored_total'), 1)
  })

  await t.test('lesgate trusts it for heads and takes the rest from others', async (t) => {
    const gate = await startGate(t, { genesis, trusted: [announcing.enode], peers: [full.enode], fraction: 100 })
    await until(async () => BigInt(await rpc(gate.url, 'eth_blockNumber')) >= 3n)
    assert.ok(BigInt(await rpc(gate.url, 'eth_getBalance', ['0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266', 'latest'])) > 0n)
    assert.ok((await rpc(gate.url, 'eth_getBlockByNumber', ['0x2', true])).hash)
  })
})

test('over a full node that comes and goes', needAnvil, async (t) => {
  const socket = net.createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => socket.once('listening', resolve))
  const url = `http://127.0.0.1:${socket.address().port}`
  await new Promise((resolve) => socket.close(resolve))
  const anvil = await startAnvil(t)
  await anvil.stop()
  const serving = startServe(t, { args: ['--node', anvil.url, '--node.poll-ms', '50', '--admin', url.slice(7)] })
  const health = async () => { const { status, text } = await get(`${url}/health`); return { status, ...JSON.parse(text) } }
  const before = await until(() => health().catch(() => null))
  assert.deepEqual([before.status, before.source, before.node, before.head], [503, 'full node', 'down', null])
  assert.match((await call(url, 'les_serverInfo')).error.message, /not serving yet/)
  assert.equal(await metric(url, 'serving'), 0)
  await anvil.start()
  const serve = await serving
  assert.equal(await adminOf(serve), url)
  const after = await until(async () => { const now = await health(); return now.status === 200 && now })
  assert.deepEqual([after.node, after.head], ['up', 0])
  await rpc(anvil.url, 'anvil_mine', ['0x3'])
  await until(async () => (await metric(url, 'node_head_number')) === 3)
  assert.equal(await metric(url, 'head_number'), 3)
  assert.equal(await metric(url, 'node_up{what="connection"}'), 1)
  assert.equal(await metric(url, 'node_unverified_total{kind="header"}'), 0)
  assert.ok((await metric(url, 'node_calls_total')) > 3)
  await anvil.stop()
  await until(async () => (await health()).status === 503)
  await anvil.start() // with another genesis: it has the time of its start in it
  const other = await until(async () => { const now = await health(); return now.trouble && now })
  assert.deepEqual([other.status, other.node, other.head], [503, 'up', 3])
  assert.match(other.trouble, /cannot be linked/)
  assert.ok((await metric(url, 'node_head_failures')) > 2)
  assert.equal((await serve.stop()).code, 0)
})
