// lesserve under siege: clients that mean it ill in every layer, against the real program, while an honest client goes on asking.
// The program must live, its memory stay bounded, and every honest request be answered. SIEGE_PEERS=5000 makes the crowd of idle
// clients as large as the issue of it is; the default is what fits an ordinary run of the tests.
import { test } from 'node:test'
import assert from 'node:assert/strict'
import net from 'node:net'
import path from 'node:path'
import { spawn } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { ECIES, pk2id, genPrivateKey } from '@ethereumjs/devp2p'
import { Common } from '@ethereumjs/common'
import { secp256k1 } from 'ethereum-cryptography/secp256k1.js'
import { root, build, scratch, startServe, until } from './harness.mjs'
import { CODES, RLP, keccak256, bytes, hex, integer, parseEnode, connect, connectLes } from './peer.mjs'

const genesis = path.join(root, 'conf/demo/genesis.json')
const CHAIN_ID = 20955
const FUNDED = keccak256(bytes('0x962e5688b759063da8b12141272ecd1a123c518e'))
const tool = path.join(build, 'les_load')
const PEERS = Number(process.env.SIEGE_PEERS ?? 150)
const HELLO = 0x00, PING = 0x02, LES = 0x10
const common = Common.custom({ chainId: CHAIN_ID, networkId: CHAIN_ID })
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const utf8 = (text) => Uint8Array.from(Buffer.from(text))
const join = (...parts) => Uint8Array.from(Buffer.concat(parts))

// Snappy without compression; claim is the length that its header names.
function snappy(data, claim = data.length) {
  const out = []
  for (let left = claim; ; left = Math.floor(left / 128)) {
    if (left < 128) { out.push(Uint8Array.of(left)); break }
    out.push(Uint8Array.of(left % 128 | 0x80))
  }
  for (let at = 0; at < data.length; at += 65536) {
    const piece = data.subarray(at, at + 65536)
    out.push(Uint8Array.of(61 << 2, piece.length - 1 & 0xff, piece.length - 1 >> 8), piece)
  }
  return join(...out)
}
// size zero bytes in copies of 64, which is the most that snappy can do.
function snappyZeros(size) {
  const copies = Buffer.alloc(3 * Math.ceil((size - 1) / 64), Uint8Array.of(63 << 2 | 2, 1, 0))
  copies[copies.length - 3] = ((size - 1) % 64 || 64) - 1 << 2 | 2
  return join(snappy(new Uint8Array(), size), Uint8Array.of(0, 0), copies)
}
const nested = (depth) => {
  let data = Uint8Array.of(0xc0)
  for (let i = 0; i < depth; i++) {
    const size = data.length
    data = join(size < 56 ? Uint8Array.of(0xc0 + size) : size < 256 ? Uint8Array.of(0xf8, size) : Uint8Array.of(0xf9, size >> 8, size & 255), data)
  }
  return data
}

// One connection at the level of its bytes.
class Wire {
  constructor(enode) {
    this.to = parseEnode(enode)
    this.key = genPrivateKey()
    this.id = pk2id(secp256k1.getPublicKey(this.key, false))
    this.ecies = new ECIES(this.key, this.id, this.to.id, common)
    this.waiting = []
    this.received = 0
  }

  async connect() {
    this.socket = net.connect(this.to.tcpPort, this.to.address)
    this.socket.on('error', () => {})
    this.closed = new Promise((resolve) => this.socket.once('close', () => { this.gone = true; resolve(true) }))
    this.data = Buffer.alloc(0)
    this.socket.on('data', (chunk) => {
      this.received += chunk.length
      if (!this.deaf) this.data = Buffer.concat([this.data, chunk])
      this.wake?.()
    })
    await new Promise((resolve) => { this.socket.once('connect', resolve); this.socket.once('close', resolve) })
    return this
  }

  async take(size) {
    while (this.data.length < size && !this.gone) await Promise.race([this.closed, new Promise((resolve) => { this.wake = resolve })])
    if (this.data.length < size) throw new Error('the connection ended')
    const piece = Uint8Array.from(this.data.subarray(0, size))
    this.data = this.data.subarray(size)
    return piece
  }

  write(data) {
    if (!this.gone) this.socket.write(data)
  }

  auth() {
    return this.ecies.createAuthEIP8()
  }

  async handshake() {
    await this.connect()
    this.write(this.auth())
    const size = await this.take(2)
    this.ecies._gotEIP8Ack = true
    this.ecies.parseAckEIP8(join(size, await this.take(size[0] << 8 | size[1])))
    return this
  }

  frame(code, payload) {
    const body = join(Uint8Array.of(code === 0 ? 0x80 : code), payload)
    return join(this.ecies.createHeader(body.length), this.ecies.createBody(body))
  }

  helloPayload({ caps = [[utf8('les'), Uint8Array.of(3)]], id = this.id } = {}) {
    return RLP.encode([Uint8Array.of(5), utf8('siege'), caps, new Uint8Array(), id])
  }

  async hello(options) {
    await this.handshake()
    this.write(this.frame(HELLO, this.helloPayload(options)))
    return this
  }

  message(code, payload) {
    this.write(this.frame(LES + code, snappy(payload)))
  }

  status(genesisHash, more = []) {
    const pairs = [['protocolVersion', integer(3)], ['networkId', integer(CHAIN_ID)], ['headTd', new Uint8Array()], ['headHash', bytes(genesisHash)],
      ['headNum', new Uint8Array()], ['genesisHash', bytes(genesisHash)], ['announceType', integer(0)], ...more]
    this.message(0, RLP.encode(pairs.map(([name, value]) => [utf8(name), value])))
  }

  // Hello and Status are done, as far as this side goes.
  async ready(genesisHash) {
    await this.hello()
    this.status(genesisHash)
    return this
  }

  end() {
    this.socket?.destroy()
  }
}

const memoryMib = (serve, key = 'VmRSS') => Math.round(Number(readFileSync(`/proc/${serve.child.pid}/status`, 'utf8').match(new RegExp(`^${key}:\\s+(\\d+)`, 'm'))[1]) / 1024)

// An honest client in a process of its own, so that its rate is not that of the attackers' process. Four requests at once.
async function load(t, serve, genesisHash) {
  const keys = path.join(scratch(t), 'keys')
  writeFileSync(keys, '- 0x962e5688b759063da8b12141272ecd1a123c518e\n')
  const child = spawn(tool, [serve.enode, CHAIN_ID, genesisHash, 1, 1000, 1, 4, keys].map(String), { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  const measured = { child, replies: 0 }
  child.stdout.on('data', (chunk) => { for (const [, count] of String(chunk).matchAll(/so_far (\d+)/g)) measured.replies = Number(count) })
  await until(() => measured.replies > 0, { what: 'the measured client is answered' })
  return measured
}

// Asks one thing after the other until it is told to end; each must be answered. Counts.
function askOn(session) {
  const honest = { count: 0, slowest: 0, head: hex(session.serverStatus.headHash) }
  let ended = false
  const work = (async () => {
    const headers = [integer(0), integer(1), integer(0), integer(0)]
    while (!ended) {
      const start = performance.now()
      const proof = honest.count % 2 === 0
      const { data } = proof ? await session.request(CODES.GET_PROOFS_V2, [[bytes(honest.head), new Uint8Array(), FUNDED, new Uint8Array()]], { ms: 30000 })
        : await session.request(CODES.GET_BLOCK_HEADERS, headers, { ms: 30000 })
      assert.ok(data.length > 0)
      honest.slowest = Math.max(honest.slowest, performance.now() - start)
      honest.count++
    }
  })()
  honest.failed = work.then(() => null, (error) => error)
  honest.end = async () => { ended = true; const error = await honest.failed; if (error) throw error }
  honest.during = async (ms, action) => {
    const start = performance.now()
    honest.slowest = 0
    await action()
    if (performance.now() - start < ms) await sleep(ms - (performance.now() - start))
    const error = await Promise.race([honest.failed, Promise.resolve(null)])
    if (error) throw error
    return { slowest: Math.round(honest.slowest) }
  }
  return honest
}

// From the Status of a session that needs no fork id; that it is refused afterwards does not matter.
async function learnGenesis(t, enode) {
  const probe = await connect(t, enode, { key: '0a'.repeat(32), chainId: CHAIN_ID, versions: [2] })
  const pairs = await new Promise((resolve) => {
    const handle = probe.les._handleMessage.bind(probe.les)
    probe.les._handleMessage = (code, data) => { if (code === 0) resolve(RLP.decode(data)); return handle(code, data) }
  })
  probe.peer._socket.destroy()
  return hex(pairs.find(([name]) => Buffer.from(name).toString() === 'genesisHash')[1])
}

test('lesserve under siege', async (t) => {
  const serve = await startServe(t, { genesis, args: ['--max-peers', String(PEERS + 400), '--log', 'warn', '--dev.period-ms', '25', '--capacity', '20'] })
  const wires = []
  t.after(() => wires.forEach((wire) => wire.end()))
  const make = () => { const wire = new Wire(serve.enode); wires.push(wire); return wire }
  const all = (count, action) => Promise.all(Array.from({ length: count }, (_, i) => action(make(), i)))
  // Not more at once than the server lets in: 100 connections a second.
  const inTurn = async (count, action) => { for (let i = 0; i < count; i++) { await action(make(), i).catch(() => {}); await sleep(12) } }
  const allClosed = (what, list) => until(() => list.every((wire) => wire.gone), { ms: 15000, what: `${what} are sent away` })
  const dismiss = () => wires.splice(0).forEach((wire) => wire.end())

  const genesisHash = await learnGenesis(t, serve.enode)

  const session = await connectLes(t, serve.enode, { key: '77'.repeat(32), chainId: CHAIN_ID, versions: [3], genesisHash })
  session.peer._socket.setNoDelay(true) // it writes the head of a frame by itself
  const honest = askOn(session)
  const report = []
  const measured = existsSync(tool) && await load(t, serve, genesisHash)
  const record = async (name, ms, action) => {
    const before = measured?.replies, start = performance.now()
    const { slowest } = await honest.during(ms, action)
    assert.equal(serve.exited, null)
    const rate = measured ? Math.round((measured.replies - before) / (performance.now() - start) * 1000) : '-'
    report.push([name, { rate, slowest }, memoryMib(serve)])
  }
  await record('alone', 4000, async () => {})
  const siege = (name, ms, action) => t.test(name, async () => {
    await record(name, ms, action)
    dismiss()
  })

  await siege('handshakes that stop at every step', 1500, async () => {
    const auth = (wire) => wire.auth()
    await inTurn(70, async (wire, i) => {
      if (i % 7 === 5) { await wire.handshake(); return }
      if (i % 7 === 6) { await wire.handshake(); wire.write(wire.frame(HELLO, wire.helloPayload()).subarray(0, 40)); return }
      await wire.connect()
      wire.write(auth(wire).subarray(0, [0, 1, 2, 60, 400][i % 7]))
    })
    await allClosed('half-open connections', wires)
  })

  await siege('garbage instead of handshakes and frames', 1500, async () => {
    await inTurn(60, async (wire, i) => {
      const kind = i % 6
      if (kind === 0) { await wire.connect(); wire.write(randomBytes(1 + i * 40)); return }
      if (kind === 1) { await wire.connect(); const auth = wire.auth(); auth[50 + i] ^= 1; wire.write(auth); return }
      if (kind === 2) { await wire.connect(); wire.write(Uint8Array.of(0xff, 0xff)); wire.write(randomBytes(3000)); return }
      await wire.handshake()
      const frame = wire.frame(HELLO, wire.helloPayload())
      if (kind === 3) frame[20] ^= 1 // the header's MAC
      if (kind === 4) frame[frame.length - 1] ^= 1 // the body's
      if (kind === 5) { wire.write(randomBytes(5000)); return }
      wire.write(frame)
    })
    await allClosed('garbage', wires)
  })

  await siege('Hellos that are none', 1500, async () => {
    const caps = Array.from({ length: 300 }, (_, i) => [utf8(`c${i}`), Uint8Array.of(1 + i % 200)])
    const many = [...caps.slice(0, 150), [utf8('les'), Uint8Array.of(3)]]
    await inTurn(56, async (wire, i) => {
      const kind = i % 7
      if (kind === 0) return wire.hello({ caps })
      if (kind === 1) return wire.hello({ id: new Uint8Array(64) })
      if (kind === 2) return wire.hello({ id: new Uint8Array(64).fill(3) })
      if (kind === 3) return wire.hello({ caps: [] })
      await wire.handshake()
      if (kind === 4) wire.write(wire.frame(HELLO, nested(600)))
      if (kind === 5) wire.write(wire.frame(HELLO, randomBytes(200)))
      if (kind === 6) wire.write(wire.frame(LES, snappy(randomBytes(20))))
    })
    await allClosed('those without a Hello', wires)
    const wire = await make().hello({ caps: many.slice(100) }) // many, but they fit and ours is among them
    await until(() => wire.received > 500, { what: 'a Status comes' })
  })

  await siege('messages that are too large, or say so', 1500, async () => {
    await all(30, async (wire, i) => {
      await sleep(12 * i)
      const kind = i % 6
      if (kind === 5) { // before the Status the limit is lower
        await wire.hello()
        wire.write(wire.frame(LES, snappyZeros(200000)))
        return
      }
      await wire.ready(genesisHash)
      if (kind === 0) wire.write(wire.frame(LES + 2, snappy(randomBytes(50), 16 << 20)))
      if (kind === 1) wire.write(wire.frame(LES + 2, snappyZeros(16 << 20)))
      if (kind === 2) wire.write(wire.frame(LES + 0x13, snappyZeros(3 << 20)))
      if (kind === 3) wire.message(2, randomBytes(40000))
      if (kind === 4) wire.write(join(wire.ecies.createHeader((1 << 24) - 1), randomBytes(100)))
    })
    await allClosed('too large messages', wires)
  })

  await siege('requests before the Status, Statuses that are none', 1000, async () => {
    await all(40, async (wire, i) => {
      await sleep(12 * i)
      await wire.hello()
      if (i % 5 === 0) wire.message(2, RLP.encode([integer(1), [integer(0), integer(1), integer(0), integer(0)]]))
      if (i % 5 === 1) wire.message(0, randomBytes(300))
      if (i % 5 === 2) wire.message(0, nested(1000))
      if (i % 5 === 3) wire.status('0x' + '11'.repeat(32))
      if (i % 5 === 4) wire.status(genesisHash, [['flowControl/BL', integer(1)], ['flowControl/MRR', integer(1)]])
    })
    await allClosed('those without a Status', wires)
  })

  await siege('random bytes in every message', 2000, async () => {
    await inTurn(96, async (wire, i) => {
      await wire.ready(genesisHash)
      const code = i % 24
      if (code === 0) return wire.status(genesisHash) // a second one
      wire.message(code, i < 48 ? randomBytes(i * 7) : RLP.encode([integer(i), Array.from({ length: i }, () => randomBytes(i % 40))]))
    })
  })

  await siege('ids used again, requests of nothing and of too much', 1500, async () => {
    const wire = await make().ready(genesisHash)
    const header = [integer(0), integer(1), integer(0), integer(0)]
    for (let i = 0; i < 20; i++) wire.message(2, RLP.encode([integer(5), header]))
    await until(() => wire.received > 4000, { what: 'each of the same id is answered' })
    const before = wire.received
    wire.message(2, RLP.encode([integer(6), [integer(0), integer(0), integer(0), integer(0)]]))
    wire.message(2, RLP.encode([integer(6), [integer(0), integer(193), integer(0), integer(0)]]))
    wire.message(0x0f, RLP.encode([integer(6), []]))
    wire.message(0x0f, RLP.encode([integer(6), Array.from({ length: 65 }, () => [new Uint8Array(32), new Uint8Array(), FUNDED, new Uint8Array()])]))
    await sleep(500)
    assert.equal(wire.received, before, 'they are passed over')
    assert.ok(!wire.gone)
    wire.message(2, RLP.encode([new Uint8Array(9).fill(1), header])) // an id of more than 64 bits
    await allClosed('an id too long', [wire])
  })

  await siege('floods past the buffer', 5000, async () => {
    const floods = await all(6, (wire) => wire.ready(genesisHash))
    const request = RLP.encode([integer(7), Array.from({ length: 60 }, (_, i) => [randomBytes(32), new Uint8Array(), FUNDED, integer(i % 3)])])
    const until_ = Date.now() + 4000
    while (Date.now() < until_) {
      for (const wire of floods) {
        for (let i = 0; i < 20 && !wire.gone && wire.socket.writableLength < 1 << 20; i++) wire.message(0x0f, request)
      }
      await sleep(5)
    }
    // One that stops is served again after Resume: its requests were for a block that is not there, so it may also be sent away.
    assert.ok(floods.every((wire) => wire.gone || wire.received > 300))
  })

  // 192 headers are 100 KB: each could have 20 MB on its way.
  await siege('those who ask for much and read nothing', 4000, async () => {
    await all(48, async (wire) => {
      await wire.ready(genesisHash)
      wire.deaf = true
      await sleep(300)
      wire.socket.pause()
      for (let i = 0; i < 200 && !wire.gone; i++) wire.message(2, RLP.encode([integer(i), [integer(0), integer(192), integer(0), integer(0)]]))
    })
  })

  await siege('those who read a byte now and then', 4000, async () => {
    const list = await all(10, (wire) => wire.ready(genesisHash))
    for (const wire of list) {
      wire.deaf = true
      wire.socket.pause()
      for (let i = 0; i < 100; i++) wire.message(2, RLP.encode([integer(i), [integer(0), integer(192), integer(0), integer(0)]]))
    }
    for (let i = 0; i < 30; i++) {
      for (const wire of list) wire.socket.read(1)
      await sleep(100)
    }
  })

  await siege('large messages that are never finished', 3000, async () => {
    const part = randomBytes(1900000)
    await all(90, async (wire, i) => {
      await sleep(15 * i)
      await wire.ready(genesisHash)
      await sleep(500)
      wire.write(wire.ecies.createHeader(2000000))
      wire.write(part)
      await sleep(1000)
    })
    console.log(`# ${wires.filter((wire) => wire.gone).length} of 90 with 1.9 MB each were sent away`)
  })

  await siege('one address that comes and goes', 3000, async () => {
    for (let i = 0; i < 400; i++) {
      const wire = make()
      await wire.connect()
      if (i % 2 === 0) wire.write(wire.auth())
      wire.end()
    }
    await inTurn(20, async (wire) => { await wire.ready(genesisHash); wire.end() })
  })

  await siege('floods of Pings', 1500, async () => {
    const list = await all(5, (wire) => wire.ready(genesisHash))
    for (const wire of list) for (let i = 0; i < 200; i++) wire.write(wire.frame(PING, snappy(Uint8Array.of(0xc0))))
    await allClosed('those who flood with Pings', list)
  })

  await t.test(`${PEERS} idle clients`, existsSync(tool) ? {} : { skip: 'les_load is not built' }, async (t) => {
    const crowd = spawn(tool, [serve.enode, CHAIN_ID, genesisHash, PEERS, 6, 1, 1].map(String), { stdio: ['ignore', 'pipe', 'inherit'] })
    t.after(() => crowd.kill('SIGKILL'))
    let out = ''
    crowd.stdout.on('data', (chunk) => { out += chunk })
    const before = memoryMib(serve)
    await until(() => /^ready/m.test(out) || crowd.exitCode !== null, { ms: 30000 + PEERS * 40, what: 'all are connected' })
    assert.equal(out.match(/^ready (\d+)/m)?.[1], String(PEERS), out)
    await record(`${PEERS} idle clients`, 4000, async () => {})
    console.log(`# ${((memoryMib(serve) - before) * 1000 / PEERS).toFixed(1)} MiB for 1,000 idle clients`)
    await until(() => crowd.exitCode !== null, { ms: 20000 })
    assert.match(out, /^result 0 0 \d+ 0 \d+ 0 0 0 0 0$/m, 'none was lost')
  })

  await record('alone again', 4000, async () => {})
  await honest.end()
  if (measured) assert.equal(measured.child.exitCode, null, 'the measured client is served to the end')
  for (const [name, { rate, slowest }, mib] of report) console.log(`# ${name}: ${rate} proofs/s of an honest client by itself, slowest answer to one in this process ${slowest} ms; resident ${mib} MiB`)
  const peak = memoryMib(serve, 'VmHWM')
  console.log(`# ${honest.count} honest requests, all answered; most resident ${peak} MiB`)
  assert.ok(peak < 1024, `${peak} MiB`)
  session.peer._socket.destroy()
  assert.equal((await serve.stop()).code, 0)
})

test('lesserve asks for as many open files as its clients need', async (t) => {
  const dir = scratch(t)
  const child = spawn('sh', ['-c', 'ulimit -S -n 128; exec "$0" "$@"', path.join(build, 'lesserve'), '--genesis', genesis, '--listen', '127.0.0.1:0', '--datadir', dir,
    '--max-peers', '700'], { stdio: ['ignore', 'pipe', 'ignore'] })
  t.after(() => child.kill('SIGKILL'))
  let out = ''
  child.stdout.on('data', (chunk) => { out += chunk })
  await until(() => out.includes('enode://'), { what: 'it listens' })
  const [, soft, hard] = readFileSync(`/proc/${child.pid}/limits`, 'utf8').match(/^Max open files\s+(\d+)\s+(\d+)/m)
  assert.ok(Number(soft) >= Math.min(1000, Number(hard)), `${soft} of ${hard}`)
})
