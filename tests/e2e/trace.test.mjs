// debug_trace* through lesgate, LES and lesserve. What go-ethereum recorded (rpc-compat) must come out to the byte. Programs made by
// chance are traced here and by anvil, whose tracers are revm's; where those are known to differ from go-ethereum's is listed below.
import { test } from 'node:test'
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { needShared, startServe, startGate, post, rpc, call, vectors } from './harness.mjs'

const suite = vectors('rpc-compat')
const hex = (number) => `0x${number.toString(16)}`
const A = `0x${'c0'.padStart(40, '0')}`
const B = `0x${'c1'.padStart(40, '0')}`
const FROM = `0x${'ee'.padStart(40, '0')}`

async function start(t) {
  const genesis = path.join(suite, 'genesis.json')
  const serve = await startServe(t, { genesis, chain: path.join(suite, 'chain.rlp') })
  return startGate(t, { genesis, trusted: [serve.enode], fraction: 100 })
}

function recorded() {
  const files = readdirSync(suite).filter((method) => method.startsWith('debug_trace'))
    .flatMap((method) => readdirSync(path.join(suite, method)).map((name) => path.join(method, name)))
  return files.map((name) => {
    const lines = readFileSync(path.join(suite, name), 'utf8').split('\n')
    const line = (mark) => lines.find((text) => text.startsWith(mark)).slice(3)
    return { name, request: line('>> '), response: line('<< ') }
  })
}

test('what go-ethereum recorded comes out to the byte', needShared, async (t) => {
  const gate = await start(t)
  const exchanges = recorded()
  assert.ok(exchanges.length >= 7)
  for (const { name, request, response } of exchanges) {
    await t.test(name, async () => assert.equal((await post(gate.url, request)).text.trim(), response))
  }

  await t.test('each transaction of a block by itself, and the block as a whole', async () => {
    for (const number of ['0x2', '0x1b']) {
      for (const config of [{}, { tracer: 'callTracer', tracerConfig: { withLog: true } }]) {
        const whole = await rpc(gate.url, 'debug_traceBlockByNumber', [number, config])
        assert.ok(whole.length > 0)
        for (const { txHash, result } of whole.slice(-4)) {
          assert.deepEqual(await rpc(gate.url, 'debug_traceTransaction', [txHash, config]), result)
        }
      }
    }
  })

  await t.test('frames of every block have the gas, the end and the logs of the receipts', async () => {
    const head = Number(await rpc(gate.url, 'eth_blockNumber', []))
    const logsOf = (frame) => [...(frame.calls ?? []).flatMap(logsOf), ...(frame.logs ?? [])]
    let count = 0
    for (let number = 1; number <= head; number++) {
      const config = { tracer: 'callTracer', tracerConfig: { withLog: true } }
      const traces = await rpc(gate.url, 'debug_traceBlockByNumber', [hex(number), config])
      const receipts = await rpc(gate.url, 'eth_getBlockReceipts', [hex(number)])
      assert.equal(traces.length, receipts.length)
      for (const [i, { txHash, result }] of traces.entries()) {
        const { transactionHash, gasUsed, status, logs } = receipts[i]
        const seen = logsOf(result).sort((a, b) => Number(a.index) - Number(b.index)).map(({ address, topics, data, index }) => ({ address, topics, data, logIndex: index }))
        assert.deepEqual({ txHash, gasUsed: result.gasUsed, logs: seen },
          { txHash: transactionHash, gasUsed, logs: logs.map(({ address, topics, data, logIndex }) => ({ address, topics, data, logIndex })) })
        if (status) assert.equal(result.error === undefined, status === '0x1', txHash) // there was none before Byzantium
        count++
      }
    }
    assert.ok(count > 100)
  })

  await t.test('a call sees the state that it is given', async () => {
    const overrides = { [A]: { code: '0x5f545f5260205ff3', stateDiff: { [`0x${'0'.repeat(64)}`]: `0x${'7'.padStart(64, '0')}` } } }
    const traced = await rpc(gate.url, 'debug_traceCall', [{ from: FROM, to: A }, 'latest', { stateOverrides: overrides }])
    assert.equal(traced.returnValue, `0x${'7'.padStart(64, '0')}`)
    assert.deepEqual(traced.structLogs[1].storage, { [`0x${'0'.repeat(64)}`]: `0x${'7'.padStart(64, '0')}` })
    const number = await rpc(gate.url, 'debug_traceCall', [{ from: FROM, to: A }, 'latest',
      { stateOverrides: { [A]: { code: '0x435f5260205ff3' } }, blockOverrides: { number: '0x1234' } }])
    assert.equal(BigInt(number.returnValue), 0x1234n)
  })

  await t.test('a call before a transaction of a block', async () => {
    const block = await rpc(gate.url, 'eth_getBlockByNumber', ['0x2', true])
    const [first] = block.transactions
    const balance = { stateOverrides: { [A]: { code: `0x73${first.from.slice(2)}3160005260206000f3` } } }
    const at = async (config) => BigInt((await rpc(gate.url, 'debug_traceCall', [{ to: A }, '0x2', { ...balance, ...config }])).returnValue)
    assert.equal(await at({ txIndex: '0x0' }), BigInt(await rpc(gate.url, 'eth_getBalance', [first.from, '0x1'])))
    assert.equal(await at({}), BigInt(await rpc(gate.url, 'eth_getBalance', [first.from, '0x2'])))
    assert.notEqual(await at({ txIndex: '0x1' }), await at({ txIndex: '0x0' }))
  })

  await t.test('prestateTracer shows the state before the first transaction, and after the last one', async () => {
    const stateOf = async (address, slots, block) => {
      const get = (method, ...params) => rpc(gate.url, method, [address, ...params, block])
      const [balance, nonce, code] = await Promise.all([get('eth_getBalance'), get('eth_getTransactionCount'), get('eth_getCode')])
      const storage = await Promise.all(slots.map(async (slot) => [slot, await get('eth_getStorageAt', slot)]))
      return { balance, nonce: Number(nonce), code, storage: Object.fromEntries(storage) }
    }
    const head = Number(await rpc(gate.url, 'eth_blockNumber', []))
    let accounts = 0
    for (let number = 1; number <= head; number++) {
      const block = await rpc(gate.url, 'eth_getBlockByNumber', [hex(number), false])
      if (block.transactions.length === 0) continue
      const before = await rpc(gate.url, 'debug_traceTransaction', [block.transactions[0], { tracer: 'prestateTracer' }])
      for (const [address, seen] of Object.entries(before)) {
        if (/^0x0000/.test(address)) continue // the contracts of system calls, which run before it
        const { codeHash, ...shown } = { nonce: 0, code: '0x', storage: {}, ...seen }
        assert.deepEqual(shown, await stateOf(address, Object.keys(shown.storage), hex(number - 1)), `${number} ${address}`)
        accounts++
      }
      const { post } = await rpc(gate.url, 'debug_traceTransaction', [block.transactions.at(-1), { tracer: 'prestateTracer', tracerConfig: { diffMode: true } }])
      const paid = [block.miner, ...(block.withdrawals ?? []).map((one) => one.address)] // after the last transaction
      for (const [address, { codeHash, ...changed }] of Object.entries(post)) {
        if (paid.includes(address)) delete changed.balance
        const now = await stateOf(address, Object.keys(changed.storage ?? {}), hex(number))
        assert.deepEqual({ ...now, ...changed }, now, `${number} ${address}`)
        accounts++
      }
    }
    assert.ok(accounts > 100)
  })

  await t.test('what cannot be traced is refused in the words of go-ethereum', async () => {
    const refused = async (method, params, code, message) =>
      assert.deepEqual((await call(gate.url, method, params)).error, { code, message }, `${method} ${JSON.stringify(params)}`)
    const known = JSON.parse(recorded().find(({ name }) => name.includes('with-transactions')).response).result[0].txHash
    const head = BigInt(await rpc(gate.url, 'eth_blockNumber', []))
    await refused('debug_traceTransaction', [known, { tracer: 'noSuchTracer' }], -32000, 'tracer not found: noSuchTracer')
    await refused('debug_traceTransaction', [known, { timeout: '5 s' }], -32000, 'time: invalid duration "5 s"')
    await refused('debug_traceTransaction', [known, { timeout: '0' }], -32000, 'execution timeout')
    await refused('debug_traceTransaction', [known, { enableMemory: 'yes' }], -32602,
      'invalid argument 1: json: cannot unmarshal string into Go struct field TraceConfig.EnableMemory of type bool')
    await refused('debug_traceTransaction', [known, { tracer: 'callTracer', tracerConfig: { withLog: 1 } }], -32000,
      'json: cannot unmarshal number into Go struct field callTracerConfig.withLog of type bool')
    await refused('debug_traceTransaction', [known, 1], -32602,
      'invalid argument 1: json: cannot unmarshal number into Go value of type tracers.TraceConfig')
    await refused('debug_traceTransaction', [], -32602, 'missing value for required argument 0')
    await refused('debug_traceBlockByNumber', [hex(head + 5n)], -32000, `block #${head + 5n} not found`)
    await refused('debug_traceCall', [{ to: A }], -32602, 'missing value for required argument 1')
    await refused('debug_traceCall', [{ to: A }, 'pending'], -32000, 'tracing on top of pending is not supported')
    await refused('debug_traceCall', [{ to: A }, '0x0', { txIndex: '0x0' }], -32000, 'no transaction in genesis')
    const { hash } = await rpc(gate.url, 'eth_getBlockByNumber', ['0x2', false])
    await refused('debug_traceCall', [{ to: A }, '0x2', { txIndex: '0xffff' }], -32000, `transaction index 65535 out of range for block ${hash}`)
    await refused('debug_traceCall', [{ from: FROM, to: A, value: '0x1' }, 'latest'], -32000,
      `tracing failed: insufficient funds for gas * price + value: address ${FROM.slice(0, -2)}eE have 0 want 1`)
  })

  await t.test('a trace that would be too large, or takes too long, is refused', async () => {
    const config = (code, more) => ({ stateOverrides: { [A]: { code } }, ...more })
    const endless = { to: A, gas: hex(40_000_000) }
    const large = await call(gate.url, 'debug_traceCall', [endless, 'latest', config('0x5b5f5f52600056', { enableMemory: true, timeout: '60s' })])
    assert.deepEqual(large.error, { code: -32003, message: 'trace larger than 62914560 bytes' })
    const slow = await call(gate.url, 'debug_traceCall', [endless, 'latest', config('0x5b5f56', { limit: 1, timeout: '1ms' })])
    assert.deepEqual(slow.error, { code: -32000, message: 'execution timeout' })
  })
})

// ---- anvil ----

async function startAnvil(t) {
  const file = createRequire(import.meta.url).resolve('@foundry-rs/anvil-linux-amd64/bin/anvil')
  const child = spawn(file, ['--port', '0', '--hardfork', 'osaka', '--gas-limit', '60000000', '--accounts', '1', '--no-mining'],
    { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise((resolve) => child.on('close', resolve))
  t.after(async () => { child.kill(); await ended })
  let out = ''
  for await (const chunk of child.stdout) {
    out += chunk
    const match = out.match(/^Listening on (\S+)/m)
    if (match) {
      child.stdout.resume()
      return `http://${match[1]}`
    }
  }
  throw new Error(`anvil did not start: ${out}`)
}

// xorshift64: the same programs for the same seed.
function chance(seed) {
  let state = BigInt(seed) | 1n
  return (below) => {
    state ^= (state << 13n) & 0xffffffffffffffffn
    state ^= state >> 7n
    state ^= (state << 17n) & 0xffffffffffffffffn
    return Number(state % BigInt(below))
  }
}

const byte = (number) => number.toString(16).padStart(2, '0')
const PLAIN = ['01', '02', '03', '04', '06', '0a', '0b', '10', '11', '14', '15', '16', '19', '1a', '1b', '1d', '1e', '30', '33', '34', '35', '36', '38', '3d', '47', '50', '58', '59', '5a', '5b', '80', '81', '82', '90', '91']
function program(pick, other) {
  const small = () => `60${byte(pick(80))}`
  const put = [
    () => small() + small(), () => small(), () => `61${byte(pick(4))}${byte(pick(256))}`, () => '5f',
    () => PLAIN[pick(PLAIN.length)], () => PLAIN[pick(PLAIN.length)], () => PLAIN[pick(PLAIN.length)],
    () => `${small()}${small()}52`, () => `${small()}51`, () => `${small()}${small()}20`, () => `${small()}${small()}${small()}37`,
    () => `60${byte(pick(3))}60${byte(pick(3))}55`, () => `60${byte(pick(3))}54`, () => `60${byte(pick(3))}60${byte(pick(3))}5d`, () => `60${byte(pick(3))}5c`,
    () => `${small()}${small()}a0`, () => `${small()}${small()}${small()}a1`, () => `60${byte(pick(4))}${small()}60${byte(pick(9))}3e`,
    () => `${small()}5f${small()}5f60${byte(pick(3))}73${other.slice(2)}61${byte(pick(120))}00f1`,
    () => `${small()}5f${small()}5f73${other.slice(2)}61${byte(pick(120))}00${['f4', 'fa'][pick(2)]}`,
    () => `${small()}5f${small()}5f600${1 + pick(4)}61${byte(pick(20))}00fa`,
    () => `6${byte(0x40 + pick(4)).slice(1)}${['5f5ff300ff', '5f5ffd00ff', '60015f55ff', '60ff5f53ff', '5f5460fe5f'][pick(5)]}5f5260055f5ff0`,
  ]
  let code = ''
  for (let i = 0; i < 12 + pick(30); i++) code += put[pick(put.length)]()
  return `0x${code}${['00', '60205ff3', '5f5ffd', 'fe', `73${'77'.repeat(20)}ff`, '5f56', ''][pick(7)]}`
}

// What revm's tracers say otherwise is taken out of both. Of frames: the gas of the top one, for revm without the intrinsic part; the
// words of errors; the logs of a top one that failed; SELFDESTRUCT with itself as heir, of which revm knows no addresses. Of steps:
// the refund, which go-ethereum shows with what the step itself adds; empty arrays; the price of a step that failed, of which revm shows
// another part, and of a creation, to which revm adds what is passed on; the slot that a failed step named, which go-ethereum goes on
// to show; a slot after its store was undone, of which revm goes on to show what was stored.
function withoutWords({ error, revertReason, logs, calls, gas, ...frame }, depth = 0) {
  return {
    ...frame,
    ...(depth > 0 ? { gas } : {}),
    failed: error !== undefined,
    logs: (error ? [] : logs ?? []).map(({ address, topics, data }) => ({ address, topics, data })),
    calls: (calls ?? []).filter(({ type, from, to }) => !(type === 'SELFDESTRUCT' && (from === to || to === undefined)))
      .map((inner) => withoutWords(inner, depth + 1)),
  }
}

function withoutPrices(trace, other) {
  let seen = true
  const undone = (last, step) => last?.depth > step.depth && (last.error || !['STOP', 'RETURN', 'SELFDESTRUCT'].includes(last.op))
  const steps = trace.structLogs.map(({ refund, error, gasCost, storage, ...step }, i) => {
    const failed = error !== undefined || other.structLogs[i]?.error !== undefined
    seen &&= !(failed && ['SLOAD', 'SSTORE'].includes(step.op)) && !undone(trace.structLogs[i - 1], step)
    return { memory: [], returnData: '0x', ...step, gasCost: failed || step.op.startsWith('CREATE') ? 0 : gasCost, storage: seen ? storage : undefined }
  })
  return { ...trace, structLogs: steps }
}

test('programs made by chance are traced as revm traces them', needShared, async (t) => {
  const gate = await start(t)
  const anvil = await startAnvil(t)
  const seed = Number(process.env.SEED ?? 1)
  const count = Number(process.env.PROGRAMS ?? 60)
  let steps = 0
  let frames = 0
  for (let i = 0; i < count; i++) {
    const pick = chance(seed * 1000003 + i)
    const stateOverrides = { [`0x${'0'.repeat(40)}`]: { balance: '0x1' }, [A]: { code: program(pick, B), balance: '0x1000' }, [B]: { code: program(pick, FROM) } }
    const message = { from: FROM, to: A, gas: hex(25_000 + pick(150_000)), input: `0x${'ab'.repeat(pick(70))}` }
    for (const config of [{ enableMemory: true, enableReturnData: true }, { tracer: 'callTracer', tracerConfig: { withLog: true } }]) {
      const params = [message, 'latest', { ...config, stateOverrides }]
      const [ours, theirs] = await Promise.all([gate.url, anvil].map((url) => rpc(url, 'debug_traceCall', params)))
      const what = `program ${i} of seed ${seed}: ${JSON.stringify(params)}`
      if (config.tracer) {
        assert.deepEqual(withoutWords(ours), withoutWords(theirs), what)
        frames += JSON.stringify(ours).split('"type"').length - 1
      } else {
        assert.deepEqual(withoutPrices(ours, theirs), withoutPrices(theirs, ours), what)
        steps += ours.structLogs.length
      }
    }
  }
  console.log(`# ${count} programs, ${steps} steps, ${frames} frames: equal`)
  assert.ok(steps > 10 * count && frames > count)
})
