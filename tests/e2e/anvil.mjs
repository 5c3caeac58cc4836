// anvil as the full node behind lesserve: starting it, and what it answers otherwise than go-ethereum, in one place with reasons.
import { execFile, spawn } from 'node:child_process'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { createRequire } from 'node:module'
import net from 'node:net'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'

const here = path.dirname(fileURLToPath(import.meta.url))

function freePort() {
  return new Promise((resolve, reject) => {
    const server = net.createServer()
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => { const { port } = server.address(); server.close(() => resolve(port)) })
  })
}

function binary(name) {
  try {
    const require = createRequire(path.join(here, 'package.json'))
    return path.join(path.dirname(require.resolve(`@foundry-rs/${name}-linux-amd64/package.json`)), `bin/${name}`)
  } catch {
    return null
  }
}
// They come as programs for one kind of machine.
export const needAnvil = binary('anvil') ? {} : { skip: 'anvil is not there for this machine' }

export const needCast = binary('cast') ? {} : { skip: 'cast is not there for this machine' }

// Runs cast to its end; its output without the newline.
export function cast(...args) {
  return new Promise((resolve, reject) => {
    execFile(binary('cast'), args, { timeout: 60000 }, (error, out, log) => (error ? reject(new Error(`${error.message}\n${log}`)) : resolve(out.trim())))
  })
}

// Resolves when it answers. stop and start keep the port; a started one begins a chain of its own unless --state says otherwise.
export async function startAnvil(t, args = []) {
  const port = await freePort()
  const dir = mkdtempSync(path.join(tmpdir(), 'lesgate-anvil-'))
  const anvil = { url: `http://127.0.0.1:${port}`, ws: `ws://127.0.0.1:${port}`, ipc: path.join(dir, 'anvil.ipc'), child: null, log: '' }
  anvil.start = () => new Promise((resolve, reject) => {
    const child = spawn(binary('anvil'), ['--port', String(port), '--host', '127.0.0.1', '--ipc', anvil.ipc, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    anvil.child = child
    anvil.ended = new Promise((done) => child.on('close', done))
    let out = ''
    const take = (chunk) => { out = (out + chunk).slice(-4000); anvil.log = out; if (/Listening on/.test(out)) resolve() }
    child.stdout.on('data', take)
    child.stderr.on('data', take)
    child.on('error', reject)
    anvil.ended.then(() => reject(new Error(`anvil ended: ${out}`)))
  })
  anvil.stop = async () => { anvil.child.kill('SIGTERM'); await anvil.ended }
  t.after(async () => {
    anvil.child.kill('SIGKILL')
    await anvil.ended
    rmSync(dir, { recursive: true, force: true })
  })
  await anvil.start()
  return anvil
}

// ---- what anvil answers otherwise ----
// Each row: methods, and what is done to both answers before they are compared. What is not named here must be the same.

const isObject = (value) => value !== null && typeof value === 'object' && !Array.isArray(value)
const without = (object, keys) => isObject(object) ? Object.fromEntries(Object.entries(object).filter(([key]) => !keys.includes(key))) : object
// Wherever it stands, at any depth.
const deepWithout = (value, keys) => Array.isArray(value) ? value.map((item) => deepWithout(item, keys))
  : isObject(value) ? Object.fromEntries(Object.entries(without(value, keys)).map(([key, item]) => [key, deepWithout(item, keys)])) : value

export const DIFFERENCES = [
  // go-ethereum gives the price of blob gas only for transactions with blobs; anvil gives blockTimestamp, which is not in the
  // specification of receipts.
  { methods: /Receipt/, change: (value) => Array.isArray(value) ? value.map((one) => without(one, ['blobGasPrice', 'blockTimestamp'])) : without(value, ['blobGasPrice', 'blockTimestamp']) },
  // size is the length of the block's RLP. anvil leaves the empty list of withdrawals out of it, one byte. totalDifficulty is gone
  // from the specification and from go-ethereum.
  { methods: /^eth_get(Block|Header)By/, change: (value) => without(value, ['size', 'totalDifficulty']) },
  // The proof of an empty storage trie: go-ethereum has no nodes, anvil one empty node.
  { methods: /^eth_getProof$/, change: (value) => isObject(value) ? { ...value, storageProof: value.storageProof.map((one) => ({ ...one, proof: one.proof.filter((node) => node !== '0x80') })) } : value },
  // reward is left out when no percentiles are asked for. The last entry is the base fee of the block after the newest asked for; anvil has that of its next block there.
  { methods: /^eth_feeHistory$/, change: (value) => isObject(value) ? { ...value, reward: value.reward?.length ? value.reward : undefined, baseFeePerGas: value.baseFeePerGas.slice(0, -1), baseFeePerBlobGas: value.baseFeePerBlobGas?.slice(0, -1) } : value },
  // gas of a call frame: go-ethereum has the limit of the transaction in the outermost, anvil what is left of it after the intrinsic cost.
  { methods: /^debug_trace/, change: (value) => isObject(value) && value.structLogs ? value : deepWithout(value, ['gas']) },
  // Steps: refund is left out by go-ethereum while it is zero, and anvil tells it a step later;
  // gasCost of a creation is what the operation itself costs at go-ethereum, at anvil with all that the created contract used.
  { methods: /^debug_trace/, change: (value) => isObject(value) && value.structLogs
      ? { ...value, structLogs: value.structLogs.map((step) => without(step, ['refund', ...(/^CREATE/.test(step.op) ? ['gasCost'] : [])])) } : value },
  // The order of an access list means nothing.
  { methods: /^eth_createAccessList$/, change: (value) => isObject(value) && value.accessList ? { ...value, accessList: value.accessList
      .map((one) => ({ ...one, storageKeys: [...one.storageKeys].sort() })).sort((a, b) => (a.address < b.address ? -1 : 1)) } : value },
  // A simulated block of anvil has no roots, the number of its base, and hashes that follow from that; what the calls did is compared.
  // What a reverting call gives back is in its error at go-ethereum, in returnData at anvil, which has codes of its own.
  { methods: /^eth_simulateV1$/, change: (value) => value?.map?.(({ gasUsed, calls }) => ({ gasUsed, calls: deepWithout(calls.map(({ error, ...one }) => ({ ...one, returnData: error?.data ?? one.returnData })), ['blockHash', 'blockNumber', 'transactionHash', 'blockTimestamp', 'message', 'maxUsedGas']) })) },
  // An unknown transaction is empty bytes at go-ethereum.
  { methods: /^debug_getRawTransaction$/, change: (value) => value ?? '0x' },
]

const normal = (method, value) => DIFFERENCES.reduce((changed, { methods, change }) => methods.test(method) ? change(changed) : changed, value)

// go-ethereum's estimate stops when it is within 1.5 percent of what is needed, anvil's goes on.
function estimatesDiffer(ours, theirs) {
  const [a, b] = [Number(ours), Number(theirs)]
  return a >= b && a <= b * 1.016 + 64 ? '' : `${a} is not within go-ethereum's tolerance above ${b}`
}

// '' when ours is what anvil says, as far as anvil says what go-ethereum would; else where they differ.
export function differs(method, params, ours, theirs) {
  // From Prague on a block needs contracts (EIP-7002, EIP-7251) that anvil's chain does not have: a block that lacks them is invalid.
  if (method === 'eth_simulateV1' && ours.error?.message === 'a system call failed') return ''
  // An access list of a call that fails: go-ethereum gives the list with the error beside it, anvil the error alone.
  if (method === 'eth_createAccessList' && theirs.error?.code === 3) return ours.result?.error ? '' : 'anvil: reverted'
  if (theirs.error || ours.error) {
    if (!theirs.error || !ours.error) return `${ours.error ? 'lesgate' : 'anvil'} has an error, the other has not`
    return ours.error.data === undefined || theirs.error.data === undefined || ours.error.data === theirs.error.data ? '' : 'data of the errors'
  }
  if (method === 'eth_estimateGas') return estimatesDiffer(ours.result, theirs.result)
  return compare(normal(method, ours.result), normal(method, theirs.result), 'result')
}

function compare(ours, theirs, where) {
  if (Array.isArray(ours) && Array.isArray(theirs)) {
    if (ours.length !== theirs.length) return `${where}: ${ours.length} and ${theirs.length} items`
    for (let i = 0; i < ours.length; i++) {
      const difference = compare(ours[i], theirs[i], `${where}[${i}]`)
      if (difference) return difference
    }
    return ''
  }
  if (isObject(ours) && isObject(theirs)) {
    for (const key of new Set([...Object.keys(ours), ...Object.keys(theirs)])) {
      const difference = compare(ours[key], theirs[key], `${where}.${key}`)
      if (difference) return difference
    }
    return ''
  }
  return ours === theirs ? '' : `${where}: ${JSON.stringify(ours)} and ${JSON.stringify(theirs)}`
}
