// The programs of evm.mjs: a small assembler, hand-made loops of one kind of work each, and compiled Solidity.
// Each takes a number n in the first word of its input, runs its loop n times, and returns two words: a result that depends on all the
// work, and the gas that the loop took as the contract itself saw it (GAS before less GAS after).
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { here } from './lib.mjs'

const opcodes = new Map([...readFileSync(path.join(here, '../../les/evm/opcodes.def'), 'utf8')
  .matchAll(/X\(A, 0x([0-9a-f]{2}), (\w+),/g)].map(([, code, name]) => [name, code]))

// Instructions by name; a number becomes the shortest PUSH, 'label:' a JUMPDEST, '@label' a PUSH2 of its place.
export function assemble(text) {
  const labels = new Map(), parts = []
  let at = 0
  const emit = (part, size) => { parts.push(part); at += size }
  for (const word of text.split(/\s+/).filter(Boolean)) {
    if (word.endsWith(':')) {
      labels.set(word.slice(0, -1), at)
      emit(opcodes.get('JUMPDEST'), 1)
    } else if (word.startsWith('@')) {
      emit(() => opcodes.get('PUSH2') + labels.get(word.slice(1)).toString(16).padStart(4, '0'), 3)
    } else if (/^\d/.test(word)) {
      let hex = BigInt(word) === 0n ? '' : BigInt(word).toString(16)
      if (hex.length % 2) hex = `0${hex}`
      emit((0x5f + hex.length / 2).toString(16) + hex, 1 + hex.length / 2)
    } else if (opcodes.has(word)) {
      emit(opcodes.get(word), 1)
    } else {
      throw new Error(`no instruction ${word}`)
    }
  }
  return parts.map((part) => (typeof part === 'string' ? part : part())).join('')
}

const MAIN = '00000000000000000000000000000000000c0de0', CALLEE = '00000000000000000000000000000000000c0de1'
const times = (count, text) => Array(count).fill(text).join(' ')

// setup leaves the accumulator on the stack, with as many words below it as told; body finds it on top and leaves a new one there.
const loop = (setup, body, below) => assemble(`GAS ${setup} 0 CALLDATALOAD loop: SWAP1 ${body} SWAP1 1 SWAP1 SUB DUP1 @loop JUMPI POP
  0 MSTORE ${times(below, 'POP')} GAS SWAP1 SUB 32 MSTORE 64 0 RETURN`)
const program = (name, setup, body, more = [], below = 0) => ({ name, accounts: [[MAIN, loop(setup, body, below)], ...more], prefix: '' })

const SEED = '0x9e3779b97f4a7c15f39cc0605cedc8341082276bf3a27251f86c6a11d0c18e95'
const PRIME = '0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f'
const stir = 'DUP1 13 SHL XOR DUP1 7 SHR XOR DUP1 17 SHL XOR'

const word = times(4, `${stir} ${SEED} MUL 0x1234567890abcdef ADD DUP1 DUP1 MUL XOR DUP1 0xffff LT ADD DUP1 ${PRIME} GT ADD DUP1 ISZERO NOT XOR
  DUP1 9 SAR XOR DUP1 0 SLT ADD DUP1 31 BYTE ADD DUP1 3 SIGNEXTEND SUB DUP1 0xff00ff OR ${SEED} AND XOR DUP1 DUP1 EQ SUB`)
const division = times(2, `${stir}
  0xfedcba9876543210 DUP2 DIV XOR
  0x1234567 DUP2 DIV ADD
  0xfedcba98765432100123456789abcdef DUP2 DIV XOR
  DUP1 128 SHR ${SEED} DIV ADD
  ${PRIME} DUP2 MOD ADD
  0xf23456789abcdef0 DUP2 MOD XOR
  0xfedcba98765432100123456789abcdef0123456789abcdef DUP2 SMOD ADD
  1000000007 DUP2 SDIV XOR
  1000000 DUP2 192 SHR DIV ADD
  ${PRIME} DUP2 ${SEED} ADDMOD ADD
  ${PRIME} DUP2 DUP1 MULMOD ADD`)
const exponent = times(2, `${stir} 0xffffff DUP2 AND DUP2 EXP ADD 0xff DUP2 AND 3 EXP XOR ${SEED} DUP2 EXP ADD 200 2 EXP SUB`)

// Branches that are taken and not, jumps, and words moved about: the accumulator, n, and five words below them. n stays second.
const control = (id) => `DUP1 DUP4 XOR 1 AND @odd${id} JUMPI
  DUP3 SWAP4 ADD 5 ADD @join${id} JUMP
  odd${id}: DUP5 SWAP3 XOR 0 @odd${id} JUMPI 3 ADD @join${id} DUP1 JUMPI
  join${id}: SWAP2 SWAP4 SWAP3 SWAP5 DUP1 DUP3 DUP5 POP POP POP 0x0102030405060708090a 0xabcdef POP POP PC POP ADDRESS POP`
const controls = [1, 2, 3, 4].map(control).join(' ')

const memory = times(2, `DUP1 64 MSTORE 96 MLOAD ADD DUP1 0x1f8 AND 0x200 ADD DUP2 DUP2 MSTORE MLOAD 7 ADD XOR DUP1 0x401 MSTORE8 0x400 MLOAD ADD
  64 0x1000 0x40 MCOPY 256 0x200 0x900 MCOPY DUP1 0x3e0 AND MLOAD ADD 1024 0x11 0x2000 MCOPY 3 0x100 0x83 MCOPY`)
const hashShort = times(4, '0 MSTORE 64 0 KECCAK256 32 MSTORE 32 0 KECCAK256')
const hashLong = '0 MSTORE 4096 0 KECCAK256 DUP1 0x400 MSTORE 2000 7 KECCAK256 XOR'
const storage = times(2, `DUP1 15 AND SLOAD ADD DUP1 3 SSTORE 3 SLOAD ADD 1 ADD DUP1 DUP1 15 AND SSTORE DUP1 7 TSTORE 7 TLOAD ADD DUP1 15 AND TLOAD ADD
  DUP1 DUP1 15 AND TSTORE 5 ADD`)
const storageNew = '1 ADD DUP1 DUP1 SSTORE'
const identity = '0 MSTORE 32 0 32 0 4 GAS STATICCALL 0 MLOAD 1 ADD ADD 1024 0 1024 0 4 GAS CALLDATASIZE POP STATICCALL ADD'
const callee = assemble('0 CALLDATALOAD 3 ADD 0 MSTORE 32 0 RETURN')
const calls = `0 MSTORE 32 0 32 0 0 0x${CALLEE} GAS CALL 0 MLOAD ADD 0 MSTORE 32 0 32 0 0x${CALLEE} GAS STATICCALL 0 MLOAD ADD
  0 MSTORE 32 0 32 0 0x${CALLEE} GAS DELEGATECALL 0 MLOAD ADD RETURNDATASIZE ADD`

function solidity() {
  const solc = createRequire(path.join(here, '../e2e/package.json'))('solc')
  const input = { language: 'Solidity', sources: { 'evm_bench.sol': { content: readFileSync(path.join(here, 'evm_bench.sol'), 'utf8') } },
    settings: { optimizer: { enabled: true, runs: 200 }, evmVersion: 'cancun',
      outputSelection: { '*': { '*': ['evm.deployedBytecode.object', 'evm.methodIdentifiers'] } } } }
  const output = JSON.parse(solc.compile(JSON.stringify(input)))
  const error = (output.errors ?? []).find((entry) => entry.severity === 'error')
  if (error) throw new Error(error.formattedMessage)
  return Object.entries(output.contracts['evm_bench.sol']).map(([name, { evm }]) => ({ name: `solc: ${name}`,
    accounts: [[MAIN, evm.deployedBytecode.object]], prefix: evm.methodIdentifiers['run(uint256)'] }))
}

export const programs = () => [
  program('arithmetic', SEED, word),
  program('division', SEED, division),
  program('exponent', SEED, exponent),
  program('control', `1 2 3 4 5 ${SEED}`, controls, [], 5),
  program('memory', SEED, memory),
  program('keccak, 32 and 64 bytes', SEED, hashShort),
  program('keccak, 2 and 4 KiB', SEED, hashLong),
  program('storage, warm', SEED, storage),
  program('storage, new slots', '0', storageNew),
  program('calls', SEED, calls, [[CALLEE, callee]]),
  program('identity', SEED, identity),
  ...solidity()
].map((entry) => ({ ...entry, main: MAIN, input: (n) => entry.prefix + n.toString(16).padStart(64, '0') }))
