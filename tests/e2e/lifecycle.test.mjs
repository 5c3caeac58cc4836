// The two programs as programs: first lines, signals, restarts, files, refusals, the quorum with real processes; and a chain that
// grows, with ethers as the wallet.
import { test } from 'node:test'
import assert from 'node:assert/strict'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { JsonRpcProvider, WebSocketProvider, Wallet, keccak256, toUtf8Bytes, parseEther } from 'ethers'
import WebSocket from 'ws'
import { root, startServe, startGate, scratch, run, until, rpc, call, post, KEYS } from './harness.mjs'

const genesis = path.join(root, 'conf/demo/genesis.json')
const CHAIN_ID = 20955
// Funded in that genesis; the key is the one that development chains everywhere hand out first.
const RICH = '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80'
const PAYEE = '0x00000000000000000000000000000000000ca11e'
const inSanitizer = /san/.test(process.env.BUILD ?? 'san')
const STOP_MS = inSanitizer ? 4000 : 2000 // the search for leaks is not the program's
const nodeId = (enode) => enode.match(/\/\/(\w{128})@/)[1]
const portOf = (enode) => enode.match(/:(\d+)$/)[1]

async function stopsCleanly(program) {
  const { code, signal, ms } = await program.stop()
  assert.deepEqual({ code, signal }, { code: 0, signal: null }, `${program.name}:\n${program.log.slice(-2000)}`)
  assert.ok(ms < STOP_MS, `${program.name} took ${ms} ms to stop`)
}

test('the first lines, and SIGTERM', async (t) => {
  const serve = await startServe(t, { genesis })
  assert.match(serve.out, /^enode:\/\/[0-9a-f]{128}@127\.0\.0\.1:\d+\nenr:[\w-]+\n$/)
  const gate = await startGate(t, { genesis, trusted: [serve.enode], fraction: 100 })
  assert.match(gate.out, /^ready http:\/\/127\.0\.0\.1:\d+\n$/)
  assert.equal(await rpc(gate.url, 'eth_blockNumber'), '0x0')
  await stopsCleanly(gate)
  await stopsCleanly(serve)
  assert.equal(gate.out.split('\n').length, 2, 'logs go to standard error')
})

test('SIGTERM before anything was ready', async (t) => {
  const gate = await startGate(t, { genesis, trusted: [`enode://${'fda1cff674c90c9a197539fe3dfb53086ace64f83ed7c6eabec741f7f381cc803e52ab2cd55d5569bce4347107a310dfd5f88a010cd2ffd1005ca406f1842877'}@127.0.0.1:1`], fraction: 100, wait: false })
  await gate.wait(/server not reached/, { where: 'log' })
  await stopsCleanly(gate)
  assert.equal(gate.out, '', 'ready was not claimed')
})

test('SIGTERM under load, with WebSocket sessions open', async (t) => {
  const serve = await startServe(t, { genesis, args: ['--dev.period-ms', '200'] })
  const gate = await startGate(t, { genesis, trusted: [serve.enode], fraction: 100 })
  let answered = 0
  let going = true
  const load = Array.from({ length: 16 }, async (_, lane) => {
    for (let i = 0; going; i++) {
      const address = '0x' + (lane * 1e6 + i).toString(16).padStart(40, '0')
      const answer = await post(gate.url, { jsonrpc: '2.0', id: 1, method: 'eth_getBalance', params: [address, 'latest'] }).catch(() => null)
      if (answer === null) return
      answered++
    }
  })
  const closed = Array.from({ length: 8 }, () => new Promise((resolve) => {
    const socket = new WebSocket(gate.url.replace('http', 'ws'))
    socket.on('open', () => socket.send('{"jsonrpc":"2.0","id":1,"method":"eth_blockNumber","params":[]}'))
    socket.on('message', () => { socket.heard = true })
    socket.on('error', () => {})
    socket.on('close', (code) => resolve(socket.heard ? code : 'nothing heard'))
    t.after(() => socket.terminate())
  }))
  await until(() => answered > 100)
  const stopping = stopsCleanly(gate)
  assert.deepEqual(await Promise.all(closed), Array(8).fill(1001), 'sessions are told that the server goes away')
  await stopping
  going = false
  await Promise.all(load)
  await stopsCleanly(serve)
})

test('the node key and the data directory', async (t) => {
  const dir = scratch(t)
  const datadir = path.join(dir, 'serve')
  const first = await startServe(t, { genesis, datadir })
  const key = path.join(datadir, 'nodekey')
  assert.equal(statSync(key).mode & 0o777, 0o600)
  assert.equal(statSync(datadir).mode & 0o777, 0o700)
  assert.match(readFileSync(key, 'utf8'), /^[0-9a-f]{64}\n$/)
  await stopsCleanly(first)
  const second = await startServe(t, { genesis, datadir })
  assert.equal(nodeId(second.enode), nodeId(first.enode), 'the same key again')

  const given = await startServe(t, { genesis, args: ['--nodekey', KEYS[0]] })
  assert.equal(nodeId(given.enode), 'fda1cff674c90c9a197539fe3dfb53086ace64f83ed7c6eabec741f7f381cc803e52ab2cd55d5569bce4347107a310dfd5f88a010cd2ffd1005ca406f1842877')

  const gateDir = path.join(dir, 'gate')
  const gate = await startGate(t, { genesis, trusted: [second.enode], fraction: 100, datadir: gateDir })
  assert.equal(statSync(path.join(gateDir, 'nodekey')).mode & 0o777, 0o600)
  await stopsCleanly(gate)

  await t.test('of another chain is refused, and left as it is', async (t) => {
    const other = path.join(dir, 'other.json')
    writeFileSync(other, JSON.stringify({ ...JSON.parse(readFileSync(genesis)), timestamp: '0x67000001' }))
    const { code, log, out } = await run(t, 'lesgate', ['--genesis', other, '--ulc.trusted', second.enode, '--http', '127.0.0.1:0', '--datadir', gateDir])
    assert.equal(code, 1)
    assert.equal(out, '')
    assert.match(log, /^lesgate: .*(chain|genesis)/m)
    const again = await startGate(t, { genesis, trusted: [second.enode], fraction: 100, datadir: gateDir })
    assert.equal(await rpc(again.url, 'eth_chainId'), '0x51db')
  })

  await t.test('a broken node key is not replaced', async (t) => {
    await stopsCleanly(second)
    const broken = path.join(dir, 'serve', 'nodekey')
    writeFileSync(broken, 'not a key\n')
    const { code, log } = await run(t, 'lesserve', ['--genesis', genesis, '--listen', '127.0.0.1:0', '--datadir', path.join(dir, 'serve')])
    assert.equal(code, 1)
    assert.match(log, /nodekey does not hold a secret key/)
    assert.equal(readFileSync(broken, 'utf8'), 'not a key\n')
  })
})

test('refusals and printouts', async (t) => {
  const dir = scratch(t)
  const enode = `enode://${'fda1cff674c90c9a197539fe3dfb53086ace64f83ed7c6eabec741f7f381cc803e52ab2cd55d5569bce4347107a310dfd5f88a010cd2ffd1005ca406f1842877'}@127.0.0.1:1`
  const busy = net.createServer().listen(0, '127.0.0.1')
  t.after(() => busy.close())
  await new Promise((resolve) => busy.once('listening', resolve))
  const at = `127.0.0.1:${busy.address().port}`
  const gate = ['--genesis', genesis, '--ulc.trusted', enode, '--datadir', path.join(dir, 'gate')]
  const serve = ['--genesis', genesis, '--datadir', path.join(dir, 'serve')]
  const junk = path.join(dir, 'junk')
  writeFileSync(junk, 'junk')
  const rows = [ // program, arguments, exit code, what standard error says
    ['lesgate', [], 2, /^genesis is missing/],
    ['lesgate', ['--genesis', genesis], 2, /^ulc\.trusted is missing/],
    ['lesgate', ['--bogus'], 2, /^--bogus is unknown/],
    ['lesgate', [...gate, '--ulc.fraction', '0'], 2, /--ulc\.fraction: 0 is out of bounds/],
    ['lesgate', [...gate, '--ulc.fraction', '101'], 2, /--ulc\.fraction: 101 is out of bounds/],
    ['lesgate', [...gate, '--ulc.trusted', 'nonsense', '--http', '127.0.0.1:0'], 1, /nonsense: an enode URL begins with/],
    ['lesgate', [...gate, '--ulc.trusted', `${enode},${enode}`, '--http', '127.0.0.1:0'], 1, /in the list already/],
    ['lesgate', [...gate, '--http', 'nowhere'], 2, /nowhere/],
    ['lesgate', [...gate, '--http', at], 1, new RegExp(at.replaceAll('.', '\\.'))],
    ['lesgate', [...gate, '--genesis', junk, '--http', '127.0.0.1:0'], 1, /junk/],
    ['lesgate', [...gate, '--genesis', path.join(dir, 'absent'), '--http', '127.0.0.1:0'], 1, /absent/],
    ['lesgate', ['--config', path.join(dir, 'absent.yaml')], 2, /absent\.yaml/],
    ['lesgate', [...gate, '--datadir', path.join(junk, 'below'), '--http', '127.0.0.1:0'], 1, /data directory|cannot/],
    ['lesserve', [], 2, /^genesis is missing/],
    ['lesserve', [...serve, '--listen', at], 1, new RegExp(`--listen ${at.replaceAll('.', '\\.')} .*using it`)],
    ['lesserve', [...serve, '--chain', junk, '--listen', '127.0.0.1:0'], 1, /--chain: .*junk/],
    ['lesserve', [...serve, '--follow', enode, '--dev.period-ms', '500', '--listen', '127.0.0.1:0'], 1, /--follow excludes --dev/],
    ['lesserve', [...serve, '--nodekey', '12'], 2, /secret key/],
  ]
  for (const [name, args, code, said] of rows) {
    await t.test(`${name} ${args.slice(-2).join(' ')}`.replaceAll(dir, 'DIR').replace(at, 'BUSY'), async (t) => {
      const ended = await run(t, name, args)
      assert.equal(ended.code, code, ended.log)
      assert.match(ended.log, said)
      assert.equal(ended.out, '')
      assert.doesNotMatch(ended.log, /12$/m, 'a secret is not repeated')
    })
  }
  for (const name of ['lesgate', 'lesserve']) {
    for (const [option, said] of [['--help', /^Usage: \w+ /m], ['--version', /^\w+ v?\d+\.\d+/], ['--sample-config', /^#?genesis:/m]]) {
      await t.test(`${name} ${option}`, async (t) => {
        const { code, out, log } = await run(t, name, [option])
        assert.equal(code, 0)
        assert.match(out, said)
        assert.equal(log, '')
      })
    }
  }
  await t.test('the sample configuration can be used', async (t) => {
    const server = await startServe(t, { genesis })
    const { out } = await run(t, 'lesgate', ['--sample-config'])
    const file = path.join(dir, 'lesgate.yaml')
    writeFileSync(file, out)
    const started = await startGate(t, { genesis, trusted: [server.enode], fraction: 100, args: ['--config', file] })
    assert.equal(await rpc(started.url, 'eth_blockNumber'), '0x0')
  })
})

test('a restart with the same data directory answers at once', async (t) => {
  const dir = scratch(t)
  const leader = await startServe(t, { genesis, args: ['--dev.period-ms', '100'] })
  const follower = await startServe(t, { genesis, args: ['--follow', leader.enode] })
  const start = async (datadir) => {
    const from = Date.now()
    const gate = await startGate(t, { genesis, trusted: [follower.enode], fraction: 100, datadir: path.join(dir, datadir) })
    const head = Number(await rpc(gate.url, 'eth_blockNumber'))
    return { gate, head, ms: Date.now() - from }
  }
  const headers = async ({ gate }, head) => {
    const got = await Promise.all(Array.from({ length: 10 }, (_, i) => rpc(gate.url, 'eth_getHeaderByNumber', ['0x' + (head - i).toString(16)])))
    got.forEach((header, i) => assert.equal(Number(header.number), head - i))
    return got
  }
  const asked = async ({ gate }) => Number((await post(`${gate.url}/metrics`, '', { method: 'GET' })).text.match(/^lesgate_les_messages_total (\d+)/m)[1])

  const cold = await start('gate')
  await until(async () => Number(await rpc(cold.gate.url, 'eth_blockNumber')) >= cold.head + 12)
  await stopsCleanly(leader) // the chain stands still now
  const head = Number(await rpc(cold.gate.url, 'eth_blockNumber'))
  const known = await headers(cold, head)
  await stopsCleanly(cold.gate)
  assert.ok(existsSync(path.join(dir, 'gate', 'headers.sqlite')))

  const warm = await start('gate')
  assert.ok(warm.head >= head)
  assert.deepEqual(await headers(warm, head), known)
  assert.ok(await asked(warm) <= warm.head - head, 'only what came after the stop is asked for')
  t.diagnostic(`first answer after ${cold.ms} ms with an empty data directory, ${warm.ms} ms with a used one`)

  // Cut off without warning: what was written is still good.
  warm.gate.child.kill('SIGKILL')
  await warm.gate.exit
  const third = await start('gate')
  assert.deepEqual(await headers(third, head), known)
  assert.ok(await asked(third) <= warm.head - head)
  await stopsCleanly(third.gate)

  const fresh = await start('fresh')
  assert.deepEqual(await headers(fresh, head), known)
  assert.ok(await asked(fresh) > warm.head - head, 'while an empty one has to ask')
  await stopsCleanly(fresh.gate)
  await stopsCleanly(follower)
})

test('the quorum is lost and comes back', async (t) => {
  const dir = scratch(t)
  const open = (i, listen) => startServe(t, { genesis, datadir: path.join(dir, `serve${i}`), ...(listen ? { listen } : {}) })
  const serves = await Promise.all([0, 1, 2].map((i) => open(i)))
  const gate = await startGate(t, { genesis, trusted: serves.map(({ enode }) => enode), fraction: 66 })
  const balance = () => call(gate.url, 'eth_getBalance', ['0x962e5688b759063da8b12141272ecd1a123c518e', 'latest'])
  await until(async () => (await post(gate.url, '', { method: 'GET' })).status === 200)
  const health = async () => JSON.parse((await post(`${gate.url}/health`, '', { method: 'GET' })).text)
  await until(async () => (await health()).agreeing === 3)
  assert.equal((await balance()).result, '0x52b7d2dcc80cd2e4000000')

  await stopsCleanly(serves[0])
  await until(async () => (await health()).connected === 2)
  assert.equal((await balance()).result, '0x52b7d2dcc80cd2e4000000', 'two of three are enough')

  await stopsCleanly(serves[1])
  await until(async () => (await health()).head === null)
  assert.equal((await post(`${gate.url}/health`, '', { method: 'GET' })).status, 503)
  for (const [method, params] of [['eth_blockNumber', []], ['eth_getBalance', ['0x962e5688b759063da8b12141272ecd1a123c518e', 'latest']],
    ['eth_getBlockByNumber', ['latest', false]], ['eth_gasPrice', []]]) {
    const { result, error } = await call(gate.url, method, params)
    assert.equal(result, undefined, `${method} gave something stale`)
    assert.match(error.message, /1 of 3 trusted servers .*2 must agree/, method)
  }
  assert.equal(await rpc(gate.url, 'eth_chainId'), '0x51db', 'what needs no head is still answered')

  const back = await open(1, `127.0.0.1:${portOf(serves[1].enode)}`)
  assert.equal(back.enode, serves[1].enode)
  await until(async () => (await health()).head === 0, { ms: 30000 })
  assert.equal((await balance()).result, '0x52b7d2dcc80cd2e4000000')
  await stopsCleanly(gate)
})

test('a transaction that waits for its block is pending', async (t) => {
  const serve = await startServe(t, { genesis, args: ['--dev.period-ms', '3600000'] }) // no block will come
  const gate = await startGate(t, { genesis, trusted: [serve.enode], fraction: 100 })
  const wallet = new Wallet(RICH)
  const sign = (nonce, more = {}) => wallet.signTransaction({ chainId: CHAIN_ID, nonce, to: PAYEE, value: 5, type: 2, gasLimit: 21000,
    maxFeePerGas: 10n ** 10n, maxPriorityFeePerGas: 10n ** 9n, ...more })
  const count = (block) => rpc(gate.url, 'eth_getTransactionCount', [wallet.address, block])
  assert.equal(await count('pending'), '0x0')
  const raw = await sign(0)
  const hash = await rpc(gate.url, 'eth_sendRawTransaction', [raw])
  assert.equal(hash, keccak256(raw))
  const tx = await rpc(gate.url, 'eth_getTransactionByHash', [hash])
  assert.deepEqual({ hash: tx.hash, from: tx.from, to: tx.to, value: tx.value, blockHash: tx.blockHash, blockNumber: tx.blockNumber, transactionIndex: tx.transactionIndex },
    { hash, from: wallet.address.toLowerCase(), to: PAYEE, value: '0x5', blockHash: null, blockNumber: null, transactionIndex: null })
  assert.equal(await rpc(gate.url, 'eth_getTransactionReceipt', [hash]), null)
  assert.equal(await count('pending'), '0x1')
  assert.equal(await count('latest'), '0x0')
  assert.equal(await rpc(gate.url, 'eth_sendRawTransaction', [await sign(1)]), keccak256(await sign(1)))
  assert.equal(await count('pending'), '0x2')

  const refused = async (raw) => (await call(gate.url, 'eth_sendRawTransaction', [raw])).error
  assert.equal(await rpc(gate.url, 'eth_sendRawTransaction', [raw]), hash, 'sent again is no error here (go-ethereum: "already known")')
  assert.deepEqual(await refused(await sign(0, { value: 6 })), { code: -32000, message: 'replacement transaction underpriced' })
  assert.match((await refused(await sign(2, { value: parseEther('1000000') }))).message, /^insufficient funds for gas \* price \+ value/)
  assert.match((await refused(await sign(2, { chainId: 1 }))).message, /invalid chain id for signer/)
  assert.match((await refused(await sign(2, { gasLimit: 20000 }))).message, /intrinsic gas too low/)
  assert.equal(await count('pending'), '0x2')
  await stopsCleanly(gate)
  await stopsCleanly(serve)
})

test('a growing chain, three servers, and ethers', async (t) => {
  const leader = await startServe(t, { genesis, args: ['--dev.period-ms', '500'] })
  const followers = await Promise.all([0, 1].map(() => startServe(t, { genesis, args: ['--follow', leader.enode] })))
  const trusted = [leader, ...followers].map(({ enode }) => enode)
  const gate = await startGate(t, { genesis, trusted, fraction: 66 })
  const provider = new JsonRpcProvider(gate.url, undefined, { batchMaxCount: 10, pollingInterval: 100, cacheTimeout: -1 })
  provider.pollingInterval = 100
  const socket = new WebSocketProvider(gate.url.replace('http', 'ws'))
  t.after(() => { provider.destroy(); return socket.destroy().catch(() => {}) })
  const wallet = new Wallet(RICH, provider)

  await t.test('heads follow', async () => {
    const seen = await provider.getBlockNumber()
    await until(async () => (await provider.getBlockNumber()) >= seen + 3)
    const health = JSON.parse((await post(`${gate.url}/health`, '', { method: 'GET' })).text)
    assert.equal(health.connected, 3)
    assert.ok(health.agreeing >= 2)
    const block = await provider.getBlock('latest')
    const parent = await provider.getBlock(block.parentHash)
    assert.equal(parent.number, block.number - 1)
    const safe = await provider.getBlock('safe')
    const finalized = await provider.getBlock('finalized')
    assert.ok(finalized.number <= safe.number && safe.number <= block.number)
  })

  let sent
  await t.test('a transaction through lesgate is mined, and its receipt comes back', async () => {
    assert.equal((await provider.getNetwork()).chainId, BigInt(CHAIN_ID))
    const before = await provider.getBalance(PAYEE)
    const fees = await provider.getFeeData()
    assert.ok(fees.maxFeePerGas > 0n)
    sent = await wallet.sendTransaction({ to: PAYEE, value: 12345n, gasLimit: 21000n, maxFeePerGas: fees.maxFeePerGas, maxPriorityFeePerGas: fees.maxPriorityFeePerGas, type: 2 })
    const receipt = await provider.waitForTransaction(sent.hash, 1, 20000)
    assert.equal(receipt.status, 1)
    assert.equal(receipt.gasUsed, 21000n)
    const mined = await provider.getTransaction(sent.hash)
    assert.equal(mined.blockNumber, receipt.blockNumber)
    assert.equal(await provider.getBalance(PAYEE, receipt.blockNumber), before + 12345n)
    assert.equal(await provider.getBalance(PAYEE, receipt.blockNumber - 1), before, 'and not before that block')
    assert.equal(await provider.getTransactionCount(wallet.address), 1)
    const block = await provider.getBlock(receipt.blockNumber, true)
    assert.ok(block.prefetchedTransactions.some(({ hash }) => hash === sent.hash))
  })

  await t.test('nonces follow without waiting', async () => {
    const fees = { maxFeePerGas: 10n ** 10n, maxPriorityFeePerGas: 10n ** 9n, gasLimit: 21000n, type: 2 }
    const nonces = []
    const hashes = []
    for (let i = 0; i < 4; i++) {
      const nonce = await wallet.getNonce('pending')
      nonces.push(nonce)
      hashes.push((await wallet.sendTransaction({ to: PAYEE, value: 1n, nonce, ...fees })).hash)
    }
    assert.deepEqual(nonces, [1, 2, 3, 4])
    for (const hash of hashes) assert.equal((await provider.waitForTransaction(hash, 1, 20000)).status, 1)
    assert.equal(await wallet.getNonce('latest'), 5)
  })

  await t.test('a contract: code, storage, logs', async () => {
    // Init code that returns 13 bytes: SSTORE(0, 42), LOG1 of topic 7 without data, STOP.
    const runtime = '602a60005560076000' + '80a100'
    const size = runtime.length / 2
    const init = '0x60' + size.toString(16).padStart(2, '0') + '600c60003960' + size.toString(16).padStart(2, '0') + '6000f3' + runtime
    const fees = { maxFeePerGas: 10n ** 10n, maxPriorityFeePerGas: 10n ** 9n, gasLimit: 200000n, type: 2 }
    const created = await provider.waitForTransaction((await wallet.sendTransaction({ data: init, ...fees })).hash, 1, 20000)
    assert.equal(created.status, 1)
    assert.equal(await provider.getCode(created.contractAddress), '0x' + runtime)
    const called = await provider.waitForTransaction((await wallet.sendTransaction({ to: created.contractAddress, ...fees })).hash, 1, 20000)
    assert.equal(called.status, 1)
    assert.equal(called.logs.length, 1)
    assert.equal(BigInt(await provider.getStorage(created.contractAddress, 0)), 42n)
    const logs = await provider.getLogs({ address: created.contractAddress, fromBlock: created.blockNumber, toBlock: 'latest' })
    assert.deepEqual(logs.map(({ transactionHash, topics }) => ({ transactionHash, topics })), [{ transactionHash: called.hash, topics: ['0x' + '7'.padStart(64, '0')] }])
    assert.deepEqual(await provider.getLogs({ address: created.contractAddress, topics: [keccak256(toUtf8Bytes('no'))], fromBlock: 0 }), [])
  })

  await t.test('the WebSocket provider', async () => {
    assert.equal((await socket.getNetwork()).chainId, BigInt(CHAIN_ID))
    const receipt = await socket.getTransactionReceipt(sent.hash)
    assert.equal(receipt.status, 1)
    assert.equal(await socket.getBalance(PAYEE, receipt.blockNumber), await provider.getBalance(PAYEE, receipt.blockNumber))
    assert.equal((await socket.getBlock(receipt.blockNumber)).hash, receipt.blockHash)
    assert.deepEqual((await socket.getTransaction(sent.hash)).toJSON(), (await provider.getTransaction(sent.hash)).toJSON())
    const raw = await wallet.signTransaction({ chainId: CHAIN_ID, nonce: await wallet.getNonce('pending'), to: PAYEE, value: 1n, gasLimit: 21000n, maxFeePerGas: 10n ** 10n, maxPriorityFeePerGas: 10n ** 9n, type: 2 })
    const { hash } = await socket.broadcastTransaction(raw)
    assert.equal((await until(() => socket.getTransactionReceipt(hash))).status, 1)
  })

  await t.test('the producer goes: the last head stays, two of three agree', async () => {
    await stopsCleanly(leader)
    const head = await until(async () => {
      const health = JSON.parse((await post(`${gate.url}/health`, '', { method: 'GET' })).text)
      return health.connected === 2 && health.agreeing === 2 ? health.head : 0
    })
    assert.equal(await provider.getBlockNumber(), head)
    assert.equal(await provider.getTransactionCount(wallet.address), 8)
  })
  await stopsCleanly(gate)
  for (const follower of followers) await stopsCleanly(follower)
})
