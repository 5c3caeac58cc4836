// Inputs for the precompiles: valid ones, and those at the edges of validity.
import { bls12_381 as bls } from '@noble/curves/bls12-381'
import { p256 } from '@noble/curves/p256'
import { secp256k1 } from '@noble/curves/secp256k1'
import { sha256 } from '@noble/hashes/sha256'

import { concat, fromHex, word } from './hex.mjs'

// [weight, id]; pairings and multi-scalar multiplications are slow on the other side.
export const PRECOMPILES = [[4, 1], [2, 2], [2, 3], [3, 4], [5, 5], [4, 6], [3, 7], [0.8, 8], [4, 9], [0.8, 10], [1.2, 11], [0.8, 12], [1, 13],
  [0.6, 14], [0.5, 15], [0.8, 16], [0.6, 17], [1.5, 256]]

const P = 21888242871839275222246405745257275088696311157297823662689037894645226208583n
const bnG1 = [0, 1, 2, 3, 7].map(k => {
  if (k === 0) return new Uint8Array(64)
  const { x, y } = bnMultiple(k)
  return concat(word(x), word(y))
})
// k times (1, 2) on y^2 = x^3 + 3
function bnMultiple(k) {
  const inverse = a => { let [r, s, t, u] = [P, ((a % P) + P) % P, 0n, 1n]; while (s > 0n) { const q = r / s; [r, s, t, u] = [s, r - q * s, u, t - q * u] } return ((t % P) + P) % P }
  let x = 1n, y = 2n
  for (let i = 1; i < k; i++) {
    const m = i === 1 ? 3n * x * x * inverse(2n * y) % P : (y - 2n) * inverse(x - 1n) % P
    const x3 = ((m * m - x - 1n) % P + P + P) % P
    y = ((m * (1n - x3) - 2n) % P + P) % P
    x = x3
  }
  return { x, y }
}
const bnG2 = [new Uint8Array(128), concat(...[
  11559732032986387107991004021392285783925812861821192530917403151452391805634n,
  10857046999023057135944570762232829481370756359578518086990519993285655852781n,
  4082367875863433681332203403145435568316851327593401208105741076214120093531n,
  8495653923123431417604973247489272438418190587263600148770280649306958101930n].map(word))]

const fp = value => fromHex('0x' + value.toString(16).padStart(128, '0'))
const blsG1 = [0n, 1n, 2n, 5n].map(k => {
  if (k === 0n) return new Uint8Array(128)
  const { x, y } = bls.G1.ProjectivePoint.BASE.multiply(k).toAffine()
  return concat(fp(x), fp(y))
})
const blsG2 = [0n, 1n, 3n].map(k => {
  if (k === 0n) return new Uint8Array(256)
  const { x, y } = bls.G2.ProjectivePoint.BASE.multiply(k).toAffine()
  return concat(fp(x.c0), fp(x.c1), fp(y.c0), fp(y.c1))
})

const digest = sha256('lesgate')
const recoverable = (() => {
  const sig = secp256k1.sign(digest, word(7n))
  return concat(digest, word(BigInt(27 + sig.recovery)), word(sig.r), word(sig.s))
})()
const p256Valid = (() => {
  const secret = word(11n), sig = p256.sign(digest, secret, { lowS: false })
  return concat(digest, word(sig.r), word(sig.s), p256.getPublicKey(secret, false).slice(1))
})()

// tau * G2 of the KZG ceremony (consensus-specs, trusted_setup_4096.json, the second point of G2)
const TAU_G2 = 'b5bfd7dd8cdeb128843bc287230af38926187075cbfbefa81009a2ce615ac53d2914e5870cb452d2afaaab24f3499f72185cbfee53492714734429b7b38608e23926c911cceceac9a36851477ba4c60b087041de621000edc98edada20c1def2'
// ethereumjs has no KZG of its own: verify_kzg_proof of the consensus specs by a pairing.
export const kzg = {
  verifyProof(commitment, z, y, proof) {
    const g1 = text => { const p = bls.G1.ProjectivePoint.fromHex(text.slice(2)); p.assertValidity(); return p }
    const scalar = text => { const v = BigInt(text); if (v >= bls.params.r) throw new Error('not a field element'); return v }
    const point = (base, k) => k === 0n ? base.constructor.ZERO : base.multiply(k)
    const c = g1(commitment), q = g1(proof), zs = scalar(z), ys = scalar(y)
    const left = c.subtract(point(bls.G1.ProjectivePoint.BASE, ys))
    const right = bls.G2.ProjectivePoint.fromHex(TAU_G2).subtract(point(bls.G2.ProjectivePoint.BASE, zs))
    const pair = (a, b) => a.equals(bls.G1.ProjectivePoint.ZERO) || b.equals(bls.G2.ProjectivePoint.ZERO) ? bls.fields.Fp12.ONE : bls.pairing(a, b)
    return bls.fields.Fp12.eql(pair(left, bls.G2.ProjectivePoint.BASE), pair(q, right))
  },
}
// The polynomial that is always y: its commitment is y * G, its proof nothing.
function kzgInput(random) {
  const y = BigInt(random.between(1, 9)), commitment = fromHex('0x' + bls.G1.ProjectivePoint.BASE.multiply(y).toHex(true))
  const hash = sha256(commitment)
  hash[0] = 1
  const proof = new Uint8Array(48)
  proof[0] = 0xc0
  return concat(hash, word(BigInt(random.below(1000))), word(random.chance(0.8) ? y : y + 1n), commitment, proof)
}

function modexpInput(random) {
  const size = () => random.weighted([[3, () => 0], [2, () => 1], [6, () => random.below(40)], [1, () => random.between(60, 70)]])()
  const b = size(), e = size(), m = size()
  const lengths = [b, e, m].map(n => word(random.chance(0.985) ? BigInt(n) : random.pick([1n << 32n, (1n << 64n) - 1n, 1n << 255n, 1025n, 1024n])))
  const body = [random.bytes(b), random.chance(0.2) ? new Uint8Array(e) : random.bytes(e), random.chance(0.1) ? new Uint8Array(m) : random.bytes(m)]
  return concat(...lengths, ...body)
}
function blakeInput(random) {
  const rounds = new Uint8Array(4)
  rounds[3] = random.below(20)
  rounds[2] = random.chance(0.1) ? 1 : 0
  return concat(rounds, random.bytes(208), Uint8Array.of(random.weighted([[4, 0], [4, 1], [1, 2]])))
}
const bnScalar = random => random.pick([0n, 1n, 2n, BigInt(random.below(1 << 30)), (1n << 256n) - 1n,
  21888242871839275222246405745257275088548364400416034343698204186575808495617n])
const pairs = (random, g1, g2, most) => concat(...Array.from({ length: random.below(most + 1) }, () => [random.pick(g1), random.pick(g2)]).flat())
const blsScalar = random => random.pick([0n, 1n, 2n, BigInt(random.below(1 << 20)), bls.params.r, bls.params.r - 1n, (1n << 256n) - 1n])

const MAKERS = {
  1: r => recoverable, 2: r => r.bytes(r.below(200)), 3: r => r.bytes(r.below(200)), 4: r => r.bytes(r.below(200)), 5: modexpInput,
  6: r => concat(r.pick(bnG1), r.pick(bnG1)), 7: r => concat(r.pick(bnG1), word(bnScalar(r))), 8: r => pairs(r, bnG1, bnG2, 2), 9: blakeInput,
  10: kzgInput, 11: r => concat(r.pick(blsG1), r.pick(blsG1)),
  12: r => concat(...Array.from({ length: r.below(4) }, () => [r.pick(blsG1), word(blsScalar(r))]).flat()),
  13: r => concat(r.pick(blsG2), r.pick(blsG2)),
  14: r => concat(...Array.from({ length: r.below(3) }, () => [r.pick(blsG2), word(blsScalar(r))]).flat()), 15: r => pairs(r, blsG1, blsG2, 2),
  16: r => fp(r.chance(0.8) ? BigInt(r.below(1 << 30)) : bls.fields.Fp.ORDER - 1n + BigInt(r.below(3))),
  17: r => concat(fp(BigInt(r.below(1 << 30))), fp(r.chance(0.8) ? BigInt(r.below(1 << 30)) : bls.fields.Fp.ORDER - 1n + BigInt(r.below(3)))), 256: r => p256Valid,
}
export function precompileInput(random, id) {
  let bytes = Uint8Array.from(MAKERS[id](random))
  if (bytes.length > 0 && random.chance(0.2)) bytes[random.below(bytes.length)] ^= 1 << random.below(8)
  if (random.chance(0.08)) bytes = bytes.slice(0, random.below(bytes.length + 1))
  if (random.chance(0.04)) bytes = concat(bytes, random.bytes(random.between(1, 40)))
  if (random.chance(0.02)) bytes = random.bytes(random.below(300))
  return bytes
}
