// A go-ethereum server out of its recorded messages (../shared/vectors/geth-les): a question is answered with what that server
// answered to it. A message with the same content as a recorded one gets the recorded reply, byte for byte; another one (lesgate
// joins questions, and orders them in its own way) is answered from the parts of the replies: headers, bodies, receipts, trie
// nodes, codes. What no reply holds is counted in misses.
import { CODES, REPLY, RLP, bytes, hex, hexes, keccak256, number } from './peer.mjs'
import { readJson } from './harness.mjs'

const hash = (data) => hex(keccak256(data))
const hashOf = (item) => hash(RLP.encode(item))
export const keyOf = (address) => hash(bytes(address))

function nibbles(data) {
  const out = []
  for (const byte of data) out.push(byte >> 4, byte & 15)
  return out
}

export class Replay {
  constructor(file) {
    const recording = readJson(file)
    this.recording = recording
    this.exchanges = []
    this.headers = new Map() // by hash
    this.numbers = new Map()
    this.bodies = new Map()
    this.receipts = new Map()
    this.nodes = new Map()
    this.codes = new Map()
    this.sections = new Map() // content of one helper trie question -> { nodes, aux }
    this.txs = new Map()
    this.sent = new Map()
    this.exact = new Map()
    this.misses = []
    this.used = new Set()
    this.combined = 0
    let asked = null
    for (const { from, code, payload, note } of recording.messages) {
      const content = RLP.decode(bytes(payload))
      if (from === 'client') asked = { code, note, content }
      else if (code === CODES.STATUS) this.status = Object.fromEntries(content.map(([key, value]) => [Buffer.from(key).toString(), value]))
      else if (REPLY[asked?.code] === code) {
        const exchange = { note: asked.note, code: asked.code, data: asked.content[1], reply: content[2] }
        this.exchanges.push(exchange)
        this.exact.set(`${asked.code} ${JSON.stringify(hexes(asked.content[1]))}`, exchange)
      }
    }
    for (const exchange of this.exchanges) this.learn(exchange)
    this.headHash = hex(this.status.headHash)
    this.headNumber = number(this.status.headNum)
    this.stateRoot = hex(this.headers.get(this.headHash)[3])
  }

  learnHeader(header) {
    const at = hashOf(header)
    this.headers.set(at, header)
    this.numbers.set(number(header[8]), at)
  }

  learn({ code, data, reply }) {
    switch (code) {
      case CODES.GET_BLOCK_HEADERS: return reply.forEach((header) => this.learnHeader(header))
      case CODES.GET_BLOCK_BODIES: return data.length === 1 && reply.length === 1 && this.bodies.set(hex(data[0]), reply[0])
      case CODES.GET_RECEIPTS: return data.length === 1 && reply.length === 1 && this.receipts.set(hex(data[0]), reply[0])
      case CODES.GET_PROOFS_V2: return reply.forEach((node) => this.nodes.set(hashOf(node), node))
      case CODES.GET_CONTRACT_CODES: return reply.forEach((item) => this.codes.set(hash(item), item))
      case CODES.GET_HELPER_TRIE_PROOFS:
        if (data.length === 1) this.sections.set(JSON.stringify(hexes(data[0])), { nodes: reply[0], aux: reply[1] })
        return
      case CODES.GET_TX_STATUS: return data.forEach((txHash, i) => this.txs.set(hex(txHash), reply[i]))
      case CODES.SEND_TX_V2: return data.forEach((tx, i) => this.sent.set(hashOf(tx), reply[i]))
    }
  }

  // Walks a trie through the recorded nodes: the nodes of the path, and the value (null: proved absent); undefined when a
  // node is not recorded.
  walk(root, key) {
    let path = nibbles(bytes(key))
    let node = this.nodes.get(root)
    if (!node) return undefined
    const passed = [node]
    for (;;) {
      let next
      if (node.length === 17) {
        if (path.length === 0) return { passed, value: node[16] }
        next = node[path[0]]
        path = path.slice(1)
      } else {
        const encoded = nibbles(node[0])
        const rest = encoded.slice(encoded[0] & 1 ? 1 : 2)
        if (!rest.every((nibble, i) => path[i] === nibble)) return { passed, value: null }
        path = path.slice(rest.length)
        if (encoded[0] & 2) return { passed, value: path.length === 0 ? node[1] : null }
        next = node[1]
      }
      if (Array.isArray(next)) { node = next; continue } // shorter than a hash: inside its parent
      if (next.length === 0) return { passed, value: null }
      node = this.nodes.get(hex(next))
      if (!node) return undefined
      passed.push(node)
    }
  }

  account(addressKey) {
    const found = this.walk(this.stateRoot, addressKey)
    if (!found) return undefined
    if (!found.value?.length) return { exists: false }
    const [nonce, balance, storage, code] = RLP.decode(found.value)
    return { exists: true, nonce, balance, storage: hex(storage), code: hex(code) }
  }

  miss(code, data) {
    this.misses.push(`${CODES[code]} ${JSON.stringify(hexes(data)).slice(0, 200)}`)
  }

  headerRun(data) {
    const [origin, amount, skip, reverse] = data
    let at = origin.length === 32 ? this.headers.get(hex(origin))?.[8] : origin
    const out = []
    if (at === undefined) return out
    const step = (number(skip) + 1n) * (number(reverse) ? -1n : 1n)
    for (let i = 0n, n = number(at); i < number(amount) && n >= 0n && n <= this.headNumber; i++, n += step) {
      const header = this.headers.get(this.numbers.get(n))
      if (!header) { this.miss(CODES.GET_BLOCK_HEADERS, data); break }
      out.push(header)
    }
    if (out.length === 0 && origin.length === 32) this.miss(CODES.GET_BLOCK_HEADERS, data)
    return out
  }

  proofs(data) {
    const out = new Map()
    for (const [blockHash, account, key, fromLevel] of data) {
      let root = this.stateRoot
      if (account.length) root = this.account(hex(account))?.storage
      const found = hex(blockHash) === this.headHash && root && this.walk(root, hex(key))
      if (found) for (const node of found.passed.slice(Number(number(fromLevel)))) out.set(hashOf(node), node)
      else this.miss(CODES.GET_PROOFS_V2, data)
    }
    return [...out.values()]
  }

  each(code, data, map, keyOfItem) {
    return data.map((item) => map.get(keyOfItem(item)) ?? this.miss(code, item)).filter((item) => item !== undefined)
  }

  // The reply's content to a request's content.
  answer(code, data) {
    const exact = this.exact.get(`${code} ${JSON.stringify(hexes(data))}`)
    if (exact) {
      this.used.add(exact)
      return exact.reply
    }
    this.combined++
    switch (code) {
      case CODES.GET_BLOCK_HEADERS: return this.headerRun(data)
      case CODES.GET_BLOCK_BODIES: return this.each(code, data, this.bodies, hex)
      case CODES.GET_RECEIPTS: return this.each(code, data, this.receipts, hex)
      case CODES.GET_PROOFS_V2: return this.proofs(data)
      case CODES.GET_CONTRACT_CODES: return this.each(code, data, this.codes, ([, account]) => this.account(hex(account))?.code)
      case CODES.GET_HELPER_TRIE_PROOFS: {
        const found = this.each(code, data, this.sections, (item) => JSON.stringify(hexes(item)))
        return [[...new Map(found.flatMap(({ nodes }) => nodes).map((node) => [hashOf(node), node])).values()], found.flatMap(({ aux }) => aux)]
      }
      case CODES.GET_TX_STATUS: {
        const unknown = [new Uint8Array(), [], new Uint8Array()]
        return data.map((txHash) => this.txs.get(hex(txHash)) ?? (this.miss(code, txHash), unknown))
      }
      case CODES.SEND_TX_V2: return data.map(() => [...this.sent.values()][0]) // what it said to the one it was sent
    }
  }
}
