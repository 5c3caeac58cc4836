// One random case: a fork, a block, some accounts, and transactions on them, in the JSON that evm_driver reads.
import { secp256k1 } from '@noble/curves/secp256k1'
import { keccak_256 } from '@noble/hashes/sha3'
import { RLP } from '@ethereumjs/rlp'

import { bigHex, bigToBytes, concat, fromHex, toHex, word } from './hex.mjs'
import { FORKS, helper, initcode, program, since, soup } from './program.mjs'
import { precompileInput, PRECOMPILES } from './precompiles.mjs'
import { makeRandom } from './random.mjs'

const keyPair = i => {
  const secret = keccak_256(Uint8Array.of(i))
  return { secret, address: keccak_256(secp256k1.getPublicKey(secret, false).slice(1)).slice(12) }
}
export const SENDERS = [0, 1, 2].map(keyPair)
const AUTHORITIES = [10, 11, 12].map(keyPair)
const CONTRACTS = [0, 1, 2, 3, 4, 5, 6, 7].map(i => Uint8Array.of(...new Uint8Array(18).fill(0xc0), 0, i))
const HELPERS = CONTRACTS.slice(4)
const NOBODY = Uint8Array.of(...new Uint8Array(18).fill(0xab), 0, 1)
const COINBASE = Uint8Array.of(...new Uint8Array(18).fill(0xcb), 0, 2)

const delegation = target => concat(Uint8Array.of(0xef, 1, 0), target)

function signDigest(digest, secret) {
  const { r, s, recovery } = secp256k1.sign(digest, secret)
  return { r, s, recovery }
}

function makeWorld(r, fork) {
  const addresses = [...CONTRACTS, ...CONTRACTS, ...HELPERS, SENDERS[0].address, SENDERS[1].address, NOBODY, COINBASE]
  if (since(fork, 'Prague')) addresses.push(...AUTHORITIES.map(a => a.address))
  return { addresses, number: BigInt(r.between(0, 3) * 300 + r.below(10) + 1) }
}

function makeAccounts(r, fork, world) {
  const pre = {}
  for (const { address } of SENDERS)
    pre[toHex(address)] = { nonce: bigHex(BigInt(r.below(3))), balance: bigHex(r.chance(0.95) ? 10n ** 20n : BigInt(r.below(10000000))), code: '0x', storage: {} }
  for (const address of CONTRACTS) {
    if (r.chance(0.05)) continue
    const storage = {}
    for (let i = r.below(5); i > 0; i--) storage[toHex(word(BigInt(r.below(5))))] = toHex(word(r.chance(0.8) ? BigInt(r.between(1, 3)) : BigInt(toHex(r.bytes(32))) | 1n))
    pre[toHex(address)] = { nonce: r.chance(0.97) ? '0x1' : '0xfffffffffffffffe', balance: bigHex(BigInt(r.below(10))), code: toHex(HELPERS.includes(address) ? helper(r, fork, world) : program(r, fork, world)), storage }
  }
  if (r.chance(0.3)) pre[toHex(COINBASE)] = { nonce: '0x0', balance: '0x5', code: '0x', storage: {} }
  if (since(fork, 'Prague')) {
    for (const { address } of AUTHORITIES) {
      if (r.chance(0.4)) continue
      const target = r.pick([...CONTRACTS, r.pick(AUTHORITIES).address, word(BigInt(r.between(1, 17))).slice(12), NOBODY])
      pre[toHex(address)] = { nonce: bigHex(BigInt(r.below(2))), balance: bigHex(BigInt(r.between(1, 10))), code: r.chance(0.7) ? toHex(delegation(target)) : '0x', storage: {} }
    }
    if (r.chance(0.2)) pre[toHex(SENDERS[1].address)].code = toHex(delegation(r.pick(CONTRACTS)))
  }
  if (r.chance(0.02)) pre[toHex(SENDERS[2].address)].code = toHex(program(r, fork, world)) // EIP-3607
  return pre
}

function makeEnv(r, fork, world) {
  const env = {
    currentNumber: bigHex(world.number), currentTimestamp: bigHex(BigInt(r.between(1, 1 << 30))), currentGasLimit: '0x1c9c380',
    currentCoinbase: toHex(r.weighted([[8, COINBASE], [1, CONTRACTS[0]], [1, SENDERS[0].address], [0.3, word(4n).slice(12)]])),
    currentDifficulty: bigHex(BigInt(r.below(1 << 30))), currentRandom: toHex(r.bytes(32)),
  }
  if (since(fork, 'London')) env.currentBaseFee = bigHex(BigInt(r.pick([7, 10, 1000])))
  if (since(fork, 'Cancun')) env.currentExcessBlobGas = bigHex(BigInt(r.pick([0, 131072, 10000000, 40000000])))
  return env
}

function makeAuthorization(r, nonces) {
  const by = r.chance(0.85) ? r.pick(AUTHORITIES) : r.pick(SENDERS), key = toHex(by.address)
  const chainId = r.weighted([[5, 1n], [3, 0n], [0.5, 2n]])
  const address = r.weighted([[8, r.pick(CONTRACTS)], [1, new Uint8Array(20)], [1, r.pick(AUTHORITIES).address], [1, word(BigInt(r.between(1, 17))).slice(12)]])
  const nonce = (nonces[key] ?? 0n) + (r.chance(0.85) ? 0n : BigInt(r.between(-1, 1)))
  const fields = [bigToBytes(chainId), address, bigToBytes(nonce < 0n ? 0n : r.chance(0.99) ? nonce : (1n << 64n) - 1n)]
  const sig = signDigest(keccak_256(concat(Uint8Array.of(5), RLP.encode(fields))), by.secret)
  if (fields[2].length < 8 && chainId < 2n && nonce === (nonces[key] ?? 0n)) nonces[key] = nonce + 1n // a guess
  if (r.chance(0.05)) sig.s = secp256k1.CURVE.n - sig.s
  if (r.chance(0.02)) sig.r = sig.r + 1n
  return [...fields, bigToBytes(BigInt(r.chance(0.98) ? sig.recovery : 1 - sig.recovery)), bigToBytes(sig.r), bigToBytes(sig.s)]
}

function makeAccessList(r, world) {
  return Array.from({ length: r.below(4) }, () => [
    r.chance(0.8) ? r.pick(world.addresses) : word(BigInt(r.between(1, 19))).slice(12), Array.from({ length: r.below(4) }, () => word(BigInt(r.below(6))))])
}

function makeFees(r, baseFee) {
  const tip = BigInt(r.below(4)), max = baseFee + BigInt(r.below(6)) - (r.chance(0.02) ? 1n : 0n)
  return { tip: tip > max && r.chance(0.95) ? max : tip, max, price: baseFee + BigInt(r.below(5)) - (r.chance(0.02) && baseFee > 0n ? 1n : 0n) }
}

function makeTarget(r, fork, world) {
  return r.weighted([
    [14, () => ({ to: r.pick(CONTRACTS), data: r.bytes(r.below(80)) })],
    [1, () => ({ to: r.pick(CONTRACTS), data: r.chance(0.5) ? new Uint8Array(r.below(3000)) : r.bytes(r.below(3000)) })],
    [2, () => ({ to: r.pick(world.addresses), data: r.bytes(r.below(40)) })],
    [1.5, () => { const id = r.weighted(PRECOMPILES); return { to: word(BigInt(id)).slice(12), data: precompileInput(r, id) } }],
    [4, () => ({ to: new Uint8Array(), data: r.chance(0.1) ? soup(r, world) : initcode(r, fork, world) })],
    [0.2, () => ({ to: new Uint8Array(), data: new Uint8Array(r.pick([49152, 49153])), gas: 4000000n })],
  ])()
}

const TYPE_SINCE = [[0, 'Frontier'], [1, 'Berlin'], [2, 'London'], [3, 'Cancun'], [4, 'Prague']]

function makeTx(r, fork, world, pre, env, nonces, gasLimit) {
  const types = TYPE_SINCE.filter(([, first]) => r.chance(0.004) || since(fork, first)).map(([type]) => type)
  const type = r.weighted(types.map(t => [t === 0 ? 2 : t === 4 ? 3 : 1, t]))
  const sender = r.weighted([[6, SENDERS[0]], [2, SENDERS[1]], [1, SENDERS[2]], [0.3, AUTHORITIES[0]]]), key = toHex(sender.address)
  const nonce = (nonces[key] ?? 0n) + (r.chance(0.985) ? 0n : BigInt(r.between(0, 1)))
  const fees = makeFees(r, BigInt(env.currentBaseFee ?? 0)), target = makeTarget(r, fork, world)
  if (type >= 3 && target.to.length === 0 && r.chance(0.98)) Object.assign(target, { to: r.pick(CONTRACTS), data: r.bytes(r.below(50)) })
  const gas = BigInt(r.weighted([[1, () => r.between(20000, 60000)], [4, () => r.between(60000, 200000)], [6, () => r.between(200000, 900000)],
    [1.5, () => r.between(1000000, 4000000)], [0.05, () => r.pick([16777216, 16777217, 30000001])]])())
  const value = r.weighted([[6, 0n], [3, BigInt(r.below(5))], [0.1, 10n ** 21n]])
  const body = [bigToBytes(gasLimit ?? target.gas ?? gas), target.to, bigToBytes(value), target.data]
  const accessList = makeAccessList(r, world), chainId = r.chance(0.995) ? 1n : 2n
  if (target.to.length === 0 && r.chance(0.1)) { // somebody is there already
    const there = keccak_256(RLP.encode([sender.address, bigToBytes(nonce)])).slice(12)
    pre[toHex(there)] = { nonce: r.chance(0.3) ? '0x1' : '0x0', balance: '0x3', code: r.chance(0.3) ? '0x00' : '0x', storage: {} }
  }
  if (nonce === (nonces[key] ?? 0n)) nonces[key] = nonce + 1n // before the authorizations, which see it raised
  let fields, v
  if (type === 0) {
    const replay = since(fork, 'EIP158') && r.chance(0.7)
    fields = [bigToBytes(nonce), bigToBytes(fees.price), ...body]
    const sig = signDigest(keccak_256(RLP.encode(replay ? [...fields, bigToBytes(chainId), new Uint8Array(), new Uint8Array()] : fields)), sender.secret)
    v = BigInt(sig.recovery + (replay ? 35 + 2 * Number(chainId) : 27))
    return toHex(RLP.encode([...fields, bigToBytes(v), bigToBytes(sig.r), bigToBytes(sig.s)]))
  }
  if (type === 1) fields = [bigToBytes(chainId), bigToBytes(nonce), bigToBytes(fees.price), ...body, accessList]
  else fields = [bigToBytes(chainId), bigToBytes(nonce), bigToBytes(fees.tip), bigToBytes(fees.max), ...body, accessList]
  if (type === 3) {
    const hashes = Array.from({ length: r.chance(0.97) ? r.between(1, 3) : r.between(0, 9) }, () => concat(Uint8Array.of(r.chance(0.99) ? 1 : 2), r.bytes(31)))
    fields.push(bigToBytes(BigInt(r.chance(0.97) ? 1 << 30 : r.below(3))), hashes)
  }
  if (type === 4) fields.push(Array.from({ length: r.chance(0.97) ? r.between(1, 4) : 0 }, () => makeAuthorization(r, nonces)))
  const head = Uint8Array.of(type), sig = signDigest(keccak_256(concat(head, RLP.encode(fields))), sender.secret)
  return toHex(concat(head, RLP.encode([...fields, bigToBytes(BigInt(sig.recovery)), bigToBytes(sig.r), bigToBytes(sig.s)])))
}

// gasLimits: instead of the ones made up, by transaction; nothing else changes.
export function makeCase(seed, onlyFork, gasLimits = []) {
  const r = makeRandom(seed)
  const fork = onlyFork ?? r.weighted(FORKS.map((name, i) => [i < 12 ? 1 : 4, name]))
  const world = makeWorld(r, fork), pre = makeAccounts(r, fork, world), env = makeEnv(r, fork, world)
  const nonces = Object.fromEntries(Object.entries(pre).map(([address, account]) => [address, BigInt(account.nonce)]))
  const txs = Array.from({ length: r.between(1, 3) }, (_, i) => makeTx(r, fork, world, pre, env, nonces, gasLimits[i]))
  return { fork, env, pre, txs }
}
