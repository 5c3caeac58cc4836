// RLPx and LES by @ethereumjs/devp2p, for the tests that talk LES to the programs: a client and a server side. What goes over
// them is plain RLP, nested arrays of Uint8Array.
import { RLPx, LES } from '@ethereumjs/devp2p'
import { Common } from '@ethereumjs/common'
import { RLP } from '@ethereumjs/rlp'
import { keccak256 } from 'ethereum-cryptography/keccak.js'
import { secp256k1 } from 'ethereum-cryptography/secp256k1.js'

export { RLP, keccak256 }
export const CODES = LES.MESSAGE_CODES
// devp2p 6.1.3 counts one message code too few in each version and would refuse TxStatus in les/2 and Resume in les/3 and 4.
export const VERSIONS = { 2: { ...LES.les2, length: 22 }, 3: { ...LES.les3, length: 24 }, 4: { ...LES.les4, length: 24 } }
// The reply to each request, as they stand in the protocol.
export const REPLY = { 0x02: 0x03, 0x04: 0x05, 0x06: 0x07, 0x0a: 0x0b, 0x0f: 0x10, 0x11: 0x12, 0x13: 0x15, 0x14: 0x15 }

export const bytes = (hex) => Uint8Array.from(Buffer.from(hex.replace(/^0x/, ''), 'hex'))
export const hex = (data) => '0x' + Buffer.from(data).toString('hex')
export const hexes = (value) => (value instanceof Uint8Array ? hex(value) : value.map(hexes))
export const number = (data) => (data.length ? BigInt(hex(data)) : 0n)
export const integer = (value) => {
  const text = BigInt(value).toString(16)
  return BigInt(value) === 0n ? new Uint8Array() : bytes(text.length % 2 ? '0' + text : text)
}
export const utf8 = (data) => Buffer.from(data).toString()

const sharedCommons = new Map()
// devp2p sends the chain id as the network id, so chains whose two ids agree are needed.
function common(chainId) {
  if (!sharedCommons.has(chainId)) sharedCommons.set(chainId, Common.custom({ chainId, networkId: chainId }))
  return sharedCommons.get(chainId)
}

// The Protocol class under LES starts a Status timer of its own that LES never stops: each session of devp2p 6.1.3 would end
// with "timeout" after 5 s. Once the Status is there, that reason is not let through.
function ignoreLeakedTimer(peer) {
  const disconnect = peer.disconnect.bind(peer)
  peer.disconnect = (reason) => (reason === 0x0b ? undefined : disconnect(reason))
}

function makeRlpx(t, { key, chainId, versions, clientId, listenPort = null }) {
  const rlpx = new RLPx(bytes(key), {
    common: common(chainId), capabilities: versions.map((version) => VERSIONS[version]), listenPort, maxPeers: 32,
    ...(clientId ? { clientId: Uint8Array.from(Buffer.from(clientId)) } : {}),
  })
  const peers = new Set()
  rlpx.events.on('error', () => {})
  rlpx.events.on('peer:error', () => {})
  rlpx.events.on('peer:added', (peer) => peers.add(peer))
  t.after(() => {
    rlpx.destroy()
    for (const peer of peers) {
      clearTimeout(peer.getProtocols()[0]?._statusTimeoutId)
      peer._socket.destroy()
    }
  })
  return rlpx
}

// One session, on either side. Resolves closed with { reason, byUs }.
class Session {
  constructor(rlpx, peer) {
    this.peer = peer
    this.les = peer.getProtocols()[0]
    this.version = this.les.getVersion()
    this.hello = peer.getHelloMessage()
    this.announces = []
    this.messages = []
    this.waiting = new Map()
    this.nextId = 1
    this.closed = new Promise((resolve) => peer.events.once('close', (reason, byUs) => resolve({ reason, byUs })))
    this.status = new Promise((resolve, reject) => {
      this.les.events.once('status', (status) => { ignoreLeakedTimer(peer); resolve(status) })
      this.closed.then(({ reason }) => reject(new Error(`closed before the Status, reason ${reason}`)))
    })
    this.status.catch(() => {})
    this.watchers = new Set()
    this.les.events.on('message', (code, payload) => this.take(code, payload))
  }

  take(code, payload) {
    this.messages.push({ code, payload })
    if (code === CODES.ANNOUNCE) this.announces.push(payload)
    const id = Array.isArray(payload) && payload.length === 3 ? hex(payload[0]) : null
    const waiter = id && this.waiting.get(id)
    if (waiter && waiter.code === code) {
      this.waiting.delete(id)
      waiter.resolve({ bv: number(payload[1]), data: payload[2] })
    }
    for (const watcher of [...this.watchers]) watcher()
    this.onMessage?.(code, payload)
  }

  // Sends one request; resolves with { bv, data } of its reply, rejects when the session ends or ms pass without one.
  request(code, data, { ms = 10000 } = {}) {
    const id = integer(this.nextId++)
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no reply to ${CODES[code]} within ${ms} ms`)), ms)
      this.waiting.set(hex(id), { code: REPLY[code], resolve: (reply) => { clearTimeout(timer); resolve(reply) } })
      this.closed.then(({ reason }) => { clearTimeout(timer); reject(new Error(`closed with reason ${reason}`)) })
      this.les.sendMessage(code, [id, data])
    })
  }

  // Resolves with what found() gives, once it gives something; looked at after each message.
  until(found, { ms = 15000 } = {}) {
    return new Promise((resolve, reject) => {
      const look = () => {
        const value = found(this)
        if (value === undefined || value === null || value === false) return
        this.watchers.delete(look)
        clearTimeout(timer)
        resolve(value)
      }
      const timer = setTimeout(() => { this.watchers.delete(look); reject(new Error(`nothing within ${ms} ms`)) }, ms)
      this.watchers.add(look)
      look()
    })
  }
}

export function parseEnode(enode) {
  const [, id, address, port] = enode.match(/^enode:\/\/([0-9a-f]{128})@([^:]+):(\d+)/)
  return { id: bytes(id), address, tcpPort: Number(port) }
}

// Connects to a server; the Hello is done when this resolves. The caller sends its Status.
export function connect(t, enode, { key = '01'.repeat(32), chainId, versions = [2, 3, 4], clientId }) {
  const rlpx = makeRlpx(t, { key, chainId, versions, clientId })
  return new Promise((resolve, reject) => {
    rlpx.events.once('peer:added', (peer) => resolve(new Session(rlpx, peer)))
    rlpx.events.once('peer:removed', (peer, reason) => reject(new Error(`closed in the handshake, reason ${reason}`)))
    rlpx.events.once('peer:error', (peer, error) => reject(error))
    rlpx.connect(parseEnode(enode)).catch(reject)
  })
}

// A client session with its Status exchanged. announceType: 0 none, 1 plain, 2 signed.
export async function connectLes(t, enode, { genesisHash, forkId, announceType = 1, ...options }) {
  const session = await connect(t, enode, options)
  session.les.sendStatus({
    headTd: new Uint8Array(), headHash: new Uint8Array(32), headNum: new Uint8Array(), genesisHash: bytes(genesisHash),
    announceType: integer(announceType), ...(session.version >= 4 ? { forkID: forkId } : {}),
  })
  session.serverStatus = await session.status
  return session
}

const COSTS = Object.keys(REPLY).map((code) => [integer(code), integer(300000), integer(60000)])

// What a server says of itself; the head may be changed before a client comes.
export function serverStatus({ genesisHash, headHash, headNumber, headTd, forkId, version, costs = COSTS }) {
  return {
    headTd: integer(headTd), headHash: bytes(headHash), headNum: integer(headNumber), genesisHash: bytes(genesisHash),
    serveHeaders: new Uint8Array(), serveChainSince: new Uint8Array(), serveStateSince: new Uint8Array(), serveRecentState: integer(124),
    txRelay: new Uint8Array(), 'flowControl/BL': integer(96000000), 'flowControl/MRR': integer(16000), 'flowControl/MRC': costs,
    ...(version >= 4 ? { forkID: forkId, recentTxLookup: new Uint8Array() } : {}),
  }
}

// Listens as a LES server. status(session) gives the pairs to send; answer(code, data, session) the reply's data (or a promise
// of it), undefined for no reply. Resolves with { enode, sessions, key, announce }.
export function listen(t, { key, chainId, versions = [2, 3, 4], clientId, status, answer, bv = 96000000 }) {
  const rlpx = makeRlpx(t, { key, chainId, versions, clientId })
  const server = { sessions: [], rlpx, key, errors: [] }
  rlpx.events.on('peer:error', (peer, error) => server.errors.push(error))
  rlpx.events.on('peer:added', (peer) => {
    const session = new Session(rlpx, peer)
    server.sessions.push(session)
    session.onMessage = async (code, payload) => {
      if (REPLY[code] === undefined) return
      try {
        const data = await answer(code, payload[1], session)
        if (data !== undefined) session.les.sendMessage(REPLY[code], [payload[0], integer(bv), data])
      } catch (error) {
        server.errors.push(error)
      }
    }
    session.les.sendStatus(status(session))
    server.onSession?.(session)
  })
  return new Promise((resolve) => {
    rlpx.events.once('listening', () => {
      server.enode = `enode://${hex(rlpx.id).slice(2)}@127.0.0.1:${rlpx._server.address().port}`
      resolve(server)
    })
    rlpx.listen(0, '127.0.0.1')
  })
}

// An announcement signed with the server's node key.
export function signedAnnounce(key, { hash, number: at, td, reorg = 0 }) {
  const head = [bytes(hash), integer(at), integer(td)]
  const signature = secp256k1.sign(keccak256(RLP.encode(head)), bytes(key))
  const sign = Uint8Array.from([...signature.toCompactRawBytes(), signature.recovery])
  return [...head, integer(reorg), [[Uint8Array.from(Buffer.from('sign')), sign]]]
}

// The node id (64-byte public key) that signed an announcement, or null.
export function announceSigner(announce) {
  const pair = announce[4].find(([name]) => utf8(name) === 'sign')
  if (!pair) return null
  const signature = secp256k1.Signature.fromCompact(pair[1].slice(0, 64)).addRecoveryBit(pair[1][64])
  return hex(signature.recoverPublicKey(keccak256(RLP.encode(announce.slice(0, 3)))).toRawBytes(false).slice(1)).slice(2)
}
