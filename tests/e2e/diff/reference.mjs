// Runs a case on ethereumjs and answers in the form of evm_driver.
import { createBlock } from '@ethereumjs/block'
import { createEVM } from '@ethereumjs/evm'
import { RLP } from '@ethereumjs/rlp'
import { MerkleStateManager, SimpleStateManager } from '@ethereumjs/statemanager'
import { createTxFromRLP } from '@ethereumjs/tx'
import { createVM, runTx } from '@ethereumjs/vm'
import { keccak_256 } from '@noble/hashes/sha3'
import { Common, Mainnet } from 'common10'
import { Account, Address, bytesToHex } from 'util10'

import { bigHex, fromHex, toHex, word } from './hex.mjs'
import { kzg } from './precompiles.mjs'

const HARDFORKS = {
  Frontier: 'chainstart', Homestead: 'homestead', EIP150: 'tangerineWhistle', EIP158: 'spuriousDragon', Byzantium: 'byzantium',
  Constantinople: 'constantinople', ConstantinopleFix: 'petersburg', Istanbul: 'istanbul', Berlin: 'berlin', London: 'london', Paris: 'paris',
  Shanghai: 'shanghai', Cancun: 'cancun', Prague: 'prague', Osaka: 'osaka',
}
const strip = bytes => { let i = 0; while (i < bytes.length && bytes[i] === 0) i++; return bytes.slice(i) }
// As in the published state tests, the hash of a block is the hash of its number as text.
const blockchain = {
  getBlock: async number => ({ hash: () => keccak_256(new TextEncoder().encode(String(number))) }),
  shallowCopy() { return this },
}

// The state in plain maps: an order of magnitude faster than tries. What is gone is gone with its code and storage.
class PlainState extends SimpleStateManager {
  async deleteAccount(address) {
    await super.deleteAccount(address)
    this.topCodeStack().delete(address.toString())
    await this.clearStorage(address)
  }
  async getStateRoot() { return new Uint8Array(32) } // only for receipts before Byzantium, which nobody looks at
}

async function loadState(state, pre) {
  for (const [key, { nonce, balance, code, storage }] of Object.entries(pre)) {
    const address = new Address(fromHex(key))
    await state.putAccount(address, new Account(BigInt(nonce), BigInt(balance)))
    if (code !== '0x') await state.putCode(address, fromHex(code))
    for (const [slot, value] of Object.entries(storage)) await state.putStorage(address, fromHex(slot), strip(fromHex(value)))
  }
  return state
}

// { address: { nonce, balance, code, storage } } of what is there, without zeros.
export function dump(state) {
  const accounts = {}
  for (const [address, account] of state.topAccountStack())
    if (account !== undefined)
      accounts[address] = { nonce: bigHex(account.nonce), balance: bigHex(account.balance), code: toHex(state.topCodeStack().get(address) ?? new Uint8Array()), storage: {} }
  for (const [key, value] of state.topStorageStack()) {
    const [address, slot] = key.split('_')
    if (accounts[address] !== undefined && value.some(byte => byte !== 0)) accounts[address].storage[slot] = toHex(word(BigInt(toHex(value))))
  }
  return accounts
}

async function merkle(common, accounts) {
  const state = new MerkleStateManager({ common })
  await state.checkpoint()
  await loadState(state, accounts)
  await state.commit()
  await state.flush()
  return state
}

function makeBlock(common, env, fork) {
  const merged = ['Paris', 'Shanghai', 'Cancun', 'Prague', 'Osaka'].includes(fork)
  const header = { number: BigInt(env.currentNumber), timestamp: BigInt(env.currentTimestamp), gasLimit: BigInt(env.currentGasLimit), coinbase: new Address(fromHex(env.currentCoinbase)) }
  if (merged) header.mixHash = fromHex(env.currentRandom)
  else header.difficulty = BigInt(env.currentDifficulty)
  if (env.currentBaseFee !== undefined) header.baseFeePerGas = BigInt(env.currentBaseFee)
  if (env.currentExcessBlobGas !== undefined) header.excessBlobGas = BigInt(env.currentExcessBlobGas)
  return createBlock({ header }, { common, skipConsensusFormatValidation: true })
}

async function runOne(vm, block, common, hex) {
  let result
  try {
    result = await runTx(vm, { tx: createTxFromRLP(fromHex(hex), { common }), block })
  } catch (error) {
    return { refused: error.message }
  }
  const { execResult } = result
  return {
    end: execResult.exceptionError?.error ?? 'success',
    gas: String(result.totalGasSpent), refund: String(result.gasRefund ?? 0n),
    output: toHex(execResult.returnValue), logs: toHex(keccak_256(RLP.encode(execResult.logs ?? []))),
    ...(result.createdAddress === undefined ? {} : { created: result.createdAddress.toString() }),
  }
}

// tries: keep the state in tries, as a node would.
export async function runReference(test, tries = false) {
  const common = new Common({ chain: Mainnet, hardfork: HARDFORKS[test.fork], customCrypto: { kzg } })
  const stateManager = tries ? await merkle(common, test.pre) : await loadState(new PlainState({ common }), test.pre)
  const evm = await createEVM({ common, stateManager, blockchain })
  const vm = await createVM({ common, stateManager, evm, blockchain })
  const block = makeBlock(common, test.env, test.fork)
  const txs = []
  for (const hex of test.txs) txs.push(await runOne(vm, block, common, hex))
  await stateManager.flush()
  const state = tries ? undefined : dump(stateManager)
  const root = bytesToHex(await (tries ? stateManager : await merkle(common, state)).getStateRoot())
  return { txs, root, state }
}
