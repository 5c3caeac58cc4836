// Random EVM programs that get somewhere: stack-aware, jumps that land, loops that end, calls, creations, precompiles
// with plausible inputs; and byte soup.
import { bigToBytes, concat, word } from './hex.mjs'
import { precompileInput, PRECOMPILES } from './precompiles.mjs'

export const FORKS = ['Frontier', 'Homestead', 'EIP150', 'EIP158', 'Byzantium', 'Constantinople', 'ConstantinopleFix', 'Istanbul',
  'Berlin', 'London', 'Paris', 'Shanghai', 'Cancun', 'Prague', 'Osaka']
export const since = (fork, first) => FORKS.indexOf(fork) >= FORKS.indexOf(first)

// name: [code, operands, results, first fork]
const OPS = {
  ADD: [0x01, 2, 1], MUL: [0x02, 2, 1], SUB: [0x03, 2, 1], DIV: [0x04, 2, 1], SDIV: [0x05, 2, 1], MOD: [0x06, 2, 1], SMOD: [0x07, 2, 1],
  ADDMOD: [0x08, 3, 1], MULMOD: [0x09, 3, 1], EXP: [0x0a, 2, 1], SIGNEXTEND: [0x0b, 2, 1], LT: [0x10, 2, 1], GT: [0x11, 2, 1],
  SLT: [0x12, 2, 1], SGT: [0x13, 2, 1], EQ: [0x14, 2, 1], ISZERO: [0x15, 1, 1], AND: [0x16, 2, 1], OR: [0x17, 2, 1], XOR: [0x18, 2, 1],
  NOT: [0x19, 1, 1], BYTE: [0x1a, 2, 1], SHL: [0x1b, 2, 1, 'Constantinople'], SHR: [0x1c, 2, 1, 'Constantinople'],
  SAR: [0x1d, 2, 1, 'Constantinople'], CLZ: [0x1e, 1, 1, 'Osaka'],
}
const ENVIRONMENT = {
  ADDRESS: [0x30, 0, 1], ORIGIN: [0x32, 0, 1], CALLER: [0x33, 0, 1], CALLVALUE: [0x34, 0, 1], CALLDATALOAD: [0x35, 1, 1],
  CALLDATASIZE: [0x36, 0, 1], CODESIZE: [0x38, 0, 1], GASPRICE: [0x3a, 0, 1], RETURNDATASIZE: [0x3d, 0, 1, 'Byzantium'],
  BLOCKHASH: [0x40, 1, 1], COINBASE: [0x41, 0, 1], TIMESTAMP: [0x42, 0, 1], NUMBER: [0x43, 0, 1], DIFFICULTY: [0x44, 0, 1],
  GASLIMIT: [0x45, 0, 1], CHAINID: [0x46, 0, 1, 'Istanbul'], SELFBALANCE: [0x47, 0, 1, 'Istanbul'], BASEFEE: [0x48, 0, 1, 'London'],
  BLOBHASH: [0x49, 1, 1, 'Cancun'], BLOBBASEFEE: [0x4a, 0, 1, 'Cancun'], PC: [0x58, 0, 1], MSIZE: [0x59, 0, 1], GAS: [0x5a, 0, 1],
}
const ACCOUNT = { BALANCE: [0x31, 1, 1], EXTCODESIZE: [0x3b, 1, 1], EXTCODEHASH: [0x3f, 1, 1, 'Constantinople'] }
const CALLS = { CALL: [0xf1, true], CALLCODE: [0xf2, true], DELEGATECALL: [0xf4, false, 'Homestead'], STATICCALL: [0xfa, false, 'Byzantium'] }
const known = (table, fork) => Object.keys(table).filter(name => typeof table[name].at(-1) !== 'string' || since(fork, table[name].at(-1)))

const EDGES = [0n, 1n, 2n, 3n, 31n, 32n, 33n, 255n, 256n, 257n, (1n << 64n) - 1n, 1n << 64n, 1n << 128n, (1n << 255n) - 1n, 1n << 255n,
  (1n << 256n) - 1n, (1n << 256n) - 2n]

export class Program {
  // world: addresses (list of 20-byte arrays) to talk to. size: statements.
  constructor(random, fork, world, nesting = 0) {
    Object.assign(this, { random, fork, world, nesting, code: [], depth: 0, labels: [], patches: [], data: [] })
    this.quiet = random.chance(0.3) // writes nothing by itself, so that it gets somewhere in a static call
  }

  emit(...bytes) { this.code.push(...bytes) }
  push(value) {
    const bytes = typeof value === 'bigint' ? bigToBytes(value) : value
    if (bytes.length === 0 && since(this.fork, 'Shanghai') && this.random.chance(0.8)) this.emit(0x5f)
    else if (bytes.length === 0) this.emit(0x60, 0)
    else this.emit(0x5f + bytes.length, ...bytes)
    this.depth++
  }
  op(code, pops, pushes) {
    this.emit(code)
    this.depth += pushes - pops
  }
  label() { return this.labels.push(null) - 1 }
  place(label, jumpdest = true) {
    this.labels[label] = this.code.length
    if (jumpdest) this.emit(0x5b)
  }
  pushLabel(label) {
    this.emit(0x61, 0, 0)
    this.patches.push([this.code.length - 2, label])
    this.depth++
  }
  value() {
    const r = this.random
    return r.weighted([
      [5, () => BigInt(r.below(16))], [4, () => r.pick(EDGES)], [2, () => BigInt(r.below(1 << 16))],
      [2, () => BigInt('0x' + Buffer.from(r.bytes(r.between(1, 32))).toString('hex'))],
      [1, () => r.pick(EDGES) + BigInt(r.below(3))],
    ])() & ((1n << 256n) - 1n)
  }
  need(count) { while (this.depth < count) this.push(this.value()) }
  popTo(depth) { while (this.depth > depth) this.op(0x50, 1, 0) }

  offset() {
    const r = this.random
    return r.weighted([[12, () => BigInt(r.below(8) * 32)], [6, () => BigInt(r.below(300))], [1, () => BigInt(r.below(5000))],
      [0.04, () => r.pick(EDGES)]])()
  }
  size() {
    const r = this.random
    return r.weighted([[6, () => 32n], [3, () => 0n], [6, () => BigInt(r.below(130))], [1, () => BigInt(r.below(3000))],
      [0.04, () => r.pick(EDGES)]])()
  }
  address() {
    const r = this.random
    r.weighted([
      [12, () => this.push(r.pick(this.world.addresses))],
      [1, () => this.op(0x30, 0, 1)], [1, () => this.op(0x33, 0, 1)], [0.5, () => this.op(0x32, 0, 1)], [0.5, () => this.op(0x41, 0, 1)],
      [1, () => this.push(BigInt(r.between(1, 18)))],
      [0.5, () => this.push(concat(r.bytes(12), r.pick(this.world.addresses)))], // dirt above the address
      [0.5, () => this.push(r.bytes(20))],
    ])()
  }

  // ---- statements ----
  arithmetic() {
    const [code, pops, pushes] = OPS[this.random.pick(known(OPS, this.fork))]
    this.need(pops)
    if (this.random.chance(0.5)) for (let i = this.random.below(pops + 1); i > 0; i--) this.push(this.value())
    this.op(code, pops, pushes)
  }
  environment() {
    const [code, pops, pushes] = ENVIRONMENT[this.random.pick(known(ENVIRONMENT, this.fork))]
    if (pops > 0 && code === 0x49 && this.random.chance(0.8)) this.push(BigInt(this.random.below(4)))
    else if (pops > 0) this.push(code === 0x40 ? this.world.number - BigInt(this.random.below(260)) + 2n : this.random.chance(0.9) ? BigInt(this.random.below(70)) : this.value())
    this.op(code, pops, pushes)
  }
  account() {
    const [code] = ACCOUNT[this.random.pick(known(ACCOUNT, this.fork))]
    this.address()
    this.op(code, 1, 1)
  }
  stack() {
    const r = this.random
    this.need(1)
    r.weighted([
      [4, () => { const n = r.between(1, Math.min(16, this.depth)); this.op(0x7f + n, 0, 1) }],
      [3, () => { this.need(2); const n = r.between(1, Math.min(16, this.depth - 1)); this.op(0x8f + n, 0, 0) }],
      [1, () => this.op(0x50, 1, 0)],
      [2, () => this.push(this.value())],
    ])()
  }
  memory() {
    const r = this.random
    r.weighted([
      [5, () => { this.need(1); this.push(this.offset()); this.op(0x52, 2, 0) }],
      [2, () => { this.need(1); this.push(this.offset()); this.op(0x53, 2, 0) }],
      [4, () => { this.push(this.offset()); this.op(0x51, 1, 1) }],
      [3, () => { this.push(this.size()); this.push(this.offset()); this.op(0x20, 2, 1) }],
      [2, () => this.copy(0x37)], [2, () => this.copy(0x39)],
      [since(this.fork, 'Cancun') ? 3 : 0, () => this.copy(0x5e)],
      [2, () => { this.push(this.size()); this.push(this.offset()); this.push(this.offset()); this.address(); this.op(0x3c, 4, 0) }],
      [since(this.fork, 'Byzantium') ? 2 : 0, () => this.returnData()],
    ])()
  }
  copy(code) {
    this.push(this.size())
    this.push(this.offset())
    this.push(this.offset())
    this.op(code, 3, 0)
  }
  returnData() {
    if (this.random.chance(0.96)) {
      this.op(0x3d, 0, 1)
      this.push(0n)
    } else {
      this.push(BigInt(this.random.below(40)))
      this.push(BigInt(this.random.below(8)))
    }
    this.push(this.offset())
    this.op(0x3e, 3, 0)
  }
  storage() {
    const r = this.random, key = () => this.push(r.chance(0.9) ? BigInt(r.below(5)) : this.value())
    const transient = since(this.fork, 'Cancun') && r.chance(0.3)
    if (!this.quiet && r.chance(0.6)) {
      if (r.chance(0.6)) this.push(BigInt(r.below(3)))
      else this.need(1)
      key()
      this.op(transient ? 0x5d : 0x55, 2, 0)
    } else {
      key()
      this.op(transient ? 0x5c : 0x54, 1, 1)
    }
  }
  // Many slots: one for each turn of a loop.
  sweep() {
    const start = this.label(), r = this.random, transient = since(this.fork, 'Cancun') && r.chance(0.5)
    this.push(BigInt(r.between(30, 90)))
    this.place(start)
    this.op(0x80, 0, 1)
    if (r.chance(transient ? 0.7 : 0.2)) {
      this.op(0x80, 0, 1)
      this.op(transient ? 0x5d : 0x55, 2, 0)
    } else {
      this.op(transient ? 0x5c : 0x54, 1, 1)
      this.op(0x50, 1, 0)
    }
    this.push(1n)
    this.op(0x90, 0, 0)
    this.op(0x03, 2, 1)
    this.op(0x80, 0, 1)
    this.pushLabel(start)
    this.op(0x57, 2, 0)
  }
  log() {
    const topics = this.random.below(5)
    for (let i = 0; i < topics; i++) this.push(this.value())
    this.push(this.size())
    this.push(this.offset())
    this.op(0xa0 + topics, 2 + topics, 0)
  }
  gas() {
    const r = this.random
    r.weighted([[10, () => this.op(0x5a, 0, 1)], [6, () => this.push(BigInt(r.below(60000)))], [2, () => this.push(BigInt(r.below(3000)))],
      [0.5, () => this.push(this.value())]])()
  }
  // After a call or creation: what came back.
  aftermath() {
    const r = this.random
    if (since(this.fork, 'Byzantium') && r.chance(0.5)) this.returnData()
    if (!this.quiet && r.chance(0.4)) {
      this.push(BigInt(r.below(5)))
      this.op(0x55, 2, 0)
    }
  }
  call(target = () => this.address(), input = null) {
    const r = this.random
    const [code, hasValue] = CALLS[r.pick(known(CALLS, this.fork))]
    this.push(this.size())
    this.push(this.offset())
    if (input !== null) {
      this.push(BigInt(input))
      this.push(0n)
    } else {
      this.push(this.size())
      this.push(this.offset())
    }
    if (hasValue) this.push(r.chance(0.7) ? 0n : r.chance(0.9) ? BigInt(r.below(4)) : this.value())
    target()
    this.gas()
    this.op(code, hasValue ? 7 : 6, 1)
    this.aftermath()
  }
  // Copies bytes that stand behind the code to memory at 0.
  loadData(bytes) {
    const label = this.label()
    this.data.push([label, bytes])
    this.push(BigInt(bytes.length))
    this.pushLabel(label)
    this.push(0n)
    this.op(0x39, 3, 0)
  }
  precompile() {
    const r = this.random, id = r.weighted(PRECOMPILES), bytes = precompileInput(r, id)
    this.loadData(bytes)
    const length = r.chance(0.9) ? bytes.length : Math.max(0, bytes.length + r.between(-33, 33))
    this.call(() => this.push(BigInt(id)), length)
  }
  create() {
    const r = this.random, two = since(this.fork, 'Constantinople') && r.chance(0.5)
    const bytes = r.chance(0.05) ? r.bytes(r.below(60)) : initcode(r, this.fork, this.world, this.nesting + 1)
    this.loadData(bytes)
    if (two) this.push(r.chance(0.9) ? BigInt(r.below(2)) : this.value())
    this.push(r.chance(0.97) ? BigInt(bytes.length) : BigInt(r.below(60000)))
    this.push(0n)
    this.push(r.chance(0.7) ? 0n : BigInt(r.below(3)))
    this.op(two ? 0xf5 : 0xf0, two ? 4 : 3, 1)
    if (r.chance(0.6)) {
      this.op(0x80, 0, 1) // call what was made
      const at = this.depth
      this.call(() => this.op(0x80 + (this.depth - at), 0, 1))
    } else {
      this.aftermath()
    }
  }
  branch(budget) {
    const end = this.label(), depth = this.depth
    this.push(this.random.chance(0.5) ? BigInt(this.random.below(2)) : this.value())
    this.pushLabel(end)
    this.op(0x57, 2, 0)
    this.block(budget)
    this.level(depth)
    this.place(end)
  }
  loop(budget) {
    const start = this.label()
    this.push(BigInt(this.random.between(1, this.random.chance(0.9) ? 5 : 40)))
    this.place(start)
    const depth = this.depth
    this.block(budget)
    this.level(depth)
    this.push(1n)
    this.op(0x90, 0, 0)
    this.op(0x03, 2, 1)
    this.op(0x80, 0, 1)
    this.pushLabel(start)
    this.op(0x57, 2, 0)
    this.op(0x50, 1, 0)
  }
  level(depth) {
    this.popTo(depth)
    this.need(depth)
  }
  end() {
    const r = this.random
    r.weighted([
      [5, () => { this.push(this.size()); this.push(this.offset()); this.op(0xf3, 2, 0) }],
      [since(this.fork, 'Byzantium') ? 3 : 0, () => { this.push(this.size()); this.push(this.offset()); this.op(0xfd, 2, 0) }],
      [2, () => this.emit(0x00)],
      [1.5, () => { this.address(); this.op(0xff, 1, 0) }],
      [0.5, () => this.emit(0xfe)],
      [0.3, () => { this.push(this.value()); this.op(0x56, 1, 0) }], // most likely no destination
    ])()
  }
  surprise() {
    const r = this.random
    r.weighted([
      [3, () => this.emit(r.below(256))],
      [2, () => this.emit(r.pick([0x0c, 0x1e, 0x21, 0x4b, 0x5c, 0x5d, 0x5e, 0x5f, 0xd0, 0xe0, 0xef, 0xf5, 0xfa, 0xfd]))],
      [1, () => { this.need(1); this.op(0x56, 1, 0) }],
      [1, () => { this.depth -= 1; this.emit(0x50) }],
      [1, () => { for (let i = 0; i < 1030; i++) this.push(1n) }],
    ])()
    this.depth = Math.max(0, this.depth)
  }
  block(budget) {
    const r = this.random, inner = Math.floor(budget / 3), writes = this.quiet ? 0 : 1, deep = this.nesting < 2 ? writes : 0
    for (let i = 0; i < budget; i++)
      r.weighted([
        [8, () => this.arithmetic()], [4, () => this.stack()], [7, () => this.memory()], [7, () => this.storage()], [4, () => this.environment()],
        [3, () => this.account()], [1.5 * writes, () => this.log()], [4, () => this.call()], [3, () => this.precompile()], [0.2 * writes, () => this.sweep()], [1.5 * deep, () => this.create()],
        [inner > 0 ? 1.5 : 0, () => this.branch(inner)], [inner > 0 ? 1 : 0, () => this.loop(inner)], [0.2, () => this.surprise()],
        [0.2, () => this.end()],
      ])()
  }
  finish() {
    for (const [label, bytes] of this.data) {
      this.place(label, false)
      this.emit(...bytes)
    }
    for (const [at, label] of this.patches) {
      this.code[at] = this.labels[label] >> 8
      this.code[at + 1] = this.labels[label] & 255
    }
    return Uint8Array.from(this.code)
  }
}

export function program(random, fork, world, nesting = 0) {
  if (random.chance(0.06)) return soup(random, world)
  const made = new Program(random, fork, world, nesting)
  made.block(random.between(2, nesting > 0 ? 6 : 22))
  made.end()
  const code = made.finish()
  if (random.chance(0.05)) for (let i = random.between(1, 4); i > 0; i--) code[random.below(code.length)] = random.below(256)
  return code
}

// Short code for others to call: it changes or reads something, calls on or not, and comes to its end or not.
export function helper(random, fork, world) {
  const made = new Program(random, fork, world, 2)
  made.quiet = random.chance(0.25)
  for (let i = random.between(1, 3); i > 0; i--)
    random.weighted([[5, () => made.storage()], [1, () => made.log()], [4, () => made.call()], [0.5, () => made.account()]])()
  if (random.chance(0.3)) {
    made.need(1) // tells what it saw
    made.push(0n)
    made.op(0x52, 2, 0)
    made.push(32n)
    made.push(0n)
    made.op(since(fork, 'Byzantium') && random.chance(0.5) ? 0xfd : 0xf3, 2, 0)
  } else {
    random.weighted([[4, () => made.emit(0x00)], [4, () => made.emit(0x60, 0, 0x60, 0, 0xfd)], [1, () => made.emit(0xfe)], [1, () => made.end()]])()
  }
  return made.finish()
}

// Bytes with a taste for instructions that do something.
export function soup(random, world) {
  const parts = []
  for (let i = random.between(1, 120); i > 0; i--)
    parts.push(random.weighted([
      [4, () => random.bytes(1)], [3, () => Uint8Array.of(0x60, random.below(70))], [3, () => Uint8Array.of(random.pick([0x51, 0x52, 0x53, 0x54, 0x55, 0x20, 0x5a, 0x58, 0x5b, 0x80, 0x81, 0x90]))],
      [2, () => Uint8Array.of(random.between(1, 0x1e))], [1, () => concat(Uint8Array.of(0x73), random.pick(world.addresses))],
      [1, () => Uint8Array.of(random.pick([0xf0, 0xf1, 0xf2, 0xf4, 0xf5, 0xfa, 0xf3, 0xfd, 0xff]))],
    ])())
  return concat(...parts)
}

// Code that returns code.
export function initcode(random, fork, world, nesting = 0) {
  const made = new Program(random, fork, world, nesting)
  if (random.chance(0.6)) made.block(random.between(0, 4))
  random.weighted([
    [12, () => {
      const runtime = program(random, fork, world, nesting + 1)
      made.loadData(runtime)
      made.push(BigInt(runtime.length))
      made.push(0n)
      made.op(0xf3, 2, 0)
    }],
    [1, () => { made.loadData(concat(Uint8Array.of(0xef), random.bytes(random.below(30)))); made.push(BigInt(random.between(1, 25))); made.push(0n); made.op(0xf3, 2, 0) }],
    [0.4, () => { made.push(BigInt(random.between(24570, 24580))); made.push(0n); made.op(0xf3, 2, 0) }],
    [3, () => made.end()],
  ])()
  return made.finish()
}
