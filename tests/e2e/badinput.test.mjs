// Bad input over HTTP and WebSocket, against the real program: codes and texts as go-ethereum gives them, HTTP 200 for errors of
// the application, and a program that still answers afterwards and ends cleanly.
import { test } from 'node:test'
import assert from 'node:assert/strict'
import http from 'node:http'
import net from 'node:net'
import path from 'node:path'
import WebSocket from 'ws'
import { root, startServe, startGate, post, rpc } from './harness.mjs'

const genesis = path.join(root, 'conf/demo/genesis.json')
const A = '"0x962e5688b759063da8b12141272ecd1a123c518e"'
const UNKNOWN = '"0x' + '12'.repeat(32) + '"'

const error = (code, message, id = 1) => ({ jsonrpc: '2.0', id, error: { code, message } })
const parse = error(-32700, 'parse error', null)
const invalid = (id = null) => error(-32600, 'invalid request', id)
const params = (message) => error(-32602, message)
const ok = (result, id = 1) => ({ jsonrpc: '2.0', id, result })
const ask = (method, list, id = '1') => `{"jsonrpc":"2.0","id":${id},"method":"${method}","params":${list}}`
const CHAIN = ok('0x51db')

// Body sent, and the answer: a value, or null for an empty body.
const TABLE = {
  'malformed JSON': [
    ['{', parse], ['}', parse], ['{"jsonrpc":"2.0",}', parse], ['[1,]', parse], ["{'a':1}", parse], ['nul', parse], ['NaN', parse], ['{"a":01}', parse],
    ['{"jsonrpc":"2.0","id":1,"method":"eth_chainId"', parse], ['"unfinished', parse], ['{"a":"\n"}', parse], ['{"a":"\\x"}', parse], ['\u0000', parse],
    ['', null], ['  \n', null],
    [Buffer.from([0xff, 0xfe, 0x00, 0x41]), parse],
  ],
  'not a request': [
    ['1', invalid()], ['"eth_chainId"', invalid()], ['null', invalid()], ['true', invalid()], ['{}', invalid()],
    ['{"id":1,"method":"eth_chainId"}', invalid(1)],
    ['{"jsonrpc":"1.0","id":1,"method":"eth_chainId"}', invalid(1)],
    ['{"jsonrpc":2,"id":1,"method":"eth_chainId"}', invalid(1)],
    ['{"jsonrpc":"2.0","id":1}', invalid(1)],
    ['{"jsonrpc":"2.0","id":1,"method":""}', invalid(1)],
    ['{"jsonrpc":"2.0","id":1,"method":5}', invalid(1)],
    ['{"jsonrpc":"2.0","id":1,"method":null}', invalid(1)],
    ['{"jsonrpc":"2.0","id":{},"method":"eth_chainId"}', invalid()],
    ['{"jsonrpc":"2.0","id":[1],"method":"eth_chainId"}', invalid()],
  ],
  'ids of all kinds': [
    ...['0', '-1', '1.5', '1e3', '123456789012345678901234567890', '"a"', '""', '"\\u00e9\\n"', 'null', 'true', 'false'].map((id) =>
      [ask('eth_chainId', '[]', id), { text: `{"jsonrpc":"2.0","id":${id},"result":"0x51db"}\n` }]),
  ],
  'notifications': [
    ['{"jsonrpc":"2.0","method":"eth_chainId","params":[]}', null],
    ['{"jsonrpc":"2.0","method":"no_such"}', null],
    ['[{"jsonrpc":"2.0","method":"eth_chainId"},{"jsonrpc":"2.0","method":"eth_blockNumber"}]', null],
  ],
  'unknown methods': [
    [ask('eth_nothing', '[]'), error(-32601, 'the method eth_nothing does not exist/is not available')],
    [ask('nothing', '[]'), error(-32601, 'the method nothing does not exist/is not available')],
    [ask('eth_chainid', '[]'), error(-32601, 'the method eth_chainid does not exist/is not available')],
    [ask('admin_peers', '[]'), error(-32601, 'the method admin_peers does not exist/is not available')],
    [ask('eth_\\u0000', '[]'), { code: -32601 }],
    [ask('m'.repeat(2049), '[]'), { code: -32600, message: 'method name too long: 2049 > 2048' }],
  ],
  'parameters': [
    [ask('eth_chainId', '{}'), params('non-array args')],
    [ask('eth_getBalance', '"x"'), params('non-array args')],
    [ask('eth_getBalance', '5'), params('non-array args')],
    [ask('eth_chainId', 'null'), CHAIN],
    ['{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}', CHAIN],
    [ask('eth_chainId', '[1]'), params('too many arguments, want at most 0')],
    [ask('eth_getBalance', '[]'), params('missing value for required argument 0')],
    [ask('eth_getBalance', '[null]'), params('invalid argument 0: json: cannot unmarshal non-string into Go value of type common.Address')],
    [ask('eth_getBalance', `[${A},"latest",1]`), params('too many arguments, want at most 2')],
    [ask('eth_getStorageAt', `[${A}]`), params('missing value for required argument 1')],
    [ask('eth_getBlockByNumber', '["latest"]'), params('missing value for required argument 1')],
    [ask('eth_getBlockByNumber', '["latest",1]'), params('invalid argument 1: json: cannot unmarshal number into Go value of type bool')],
    [ask('eth_getBlockByNumber', '["latest","true"]'), params('invalid argument 1: json: cannot unmarshal string into Go value of type bool')],
    [ask('eth_getBalance', '[5]'), params('invalid argument 0: json: cannot unmarshal non-string into Go value of type common.Address')],
    [ask('eth_getBalance', '[{}]'), params('invalid argument 0: json: cannot unmarshal non-string into Go value of type common.Address')],
    [ask('eth_getBalance', '["0x12"]'), params('invalid argument 0: hex string has length 2, want 40 for common.Address')],
    [ask('eth_getBalance', '["962e5688b759063da8b12141272ecd1a123c518e"]'), params('invalid argument 0: json: cannot unmarshal hex string without 0x prefix into Go value of type common.Address')],
    [ask('eth_getBalance', '["0xzz2e5688b759063da8b12141272ecd1a123c518e"]'), params('invalid argument 0: json: cannot unmarshal invalid hex string into Go value of type common.Address')],
    [ask('eth_getBalance', '["0x962e5688b759063da8b12141272ecd1a123c518"]'), params('invalid argument 0: json: cannot unmarshal hex string of odd length into Go value of type common.Address')],
    [ask('eth_getBalance', `[${A},"newest"]`), params('invalid argument 1: hex string without 0x prefix')],
    [ask('eth_getBalance', `[${A},"0x"]`), params('invalid argument 1: hex string "0x"')],
    [ask('eth_getBalance', `[${A},"0x01"]`), params('invalid argument 1: hex number with leading zero digits')],
    [ask('eth_getBalance', `[${A},"0xfffffffffffffffff"]`), params('invalid argument 1: hex number > 64 bits')],
    [ask('eth_getBlockByNumber', '["0xffffffffffffffff",false]'), params('invalid argument 0: block number larger than int64')],
    [ask('eth_getBlockByHash', '["0x12",false]'), params('invalid argument 0: hex string has length 2, want 64 for common.Hash')],
    [ask('web3_sha3', '["0x0"]'), params('invalid argument 0: json: cannot unmarshal hex string of odd length into Go value of type hexutil.Bytes')],
    [ask('web3_sha3', '["68"]'), params('invalid argument 0: json: cannot unmarshal hex string without 0x prefix into Go value of type hexutil.Bytes')],
    [ask('eth_sendRawTransaction', '["0x"]'), { code: -32000 }],
    [ask('eth_sendRawTransaction', '["0x01"]'), { code: -32000 }],
    [ask('eth_sendRawTransaction', '["0xc0"]'), { code: -32000 }],
    [ask('eth_getLogs', '[{"fromBlock":"0x2","toBlock":"0x1"}]'), { code: -32602, message: 'invalid block range params' }],
    [ask('eth_getLogs', `[{"blockHash":${UNKNOWN},"fromBlock":"0x0"}]`), { code: -32602 }],
    [ask('eth_getLogs', '[{"topics":5}]'), { code: -32602 }],
    [ask('eth_getLogs', '[{"address":"0x1"}]'), { code: -32602 }],
  ],
  'what is not there': [
    [ask('eth_getBlockByNumber', '["0xffffff",false]'), ok(null)],
    [ask('eth_getBlockByHash', `[${UNKNOWN},false]`), ok(null)],
    [ask('eth_getTransactionByHash', `[${UNKNOWN}]`), ok(null)],
    [ask('eth_getTransactionReceipt', `[${UNKNOWN}]`), ok(null)],
    [ask('eth_getBalance', `[${A},"0xffffff"]`), error(-32000, 'header not found')],
    [ask('eth_getBalance', `[${A},{"blockHash":${UNKNOWN}}]`), error(-32000, 'header for hash not found')],
    [ask('eth_getBlockTransactionCountByNumber', '["0xffffff"]'), ok(null)],
    [ask('eth_getTransactionByBlockNumberAndIndex', '["0x0","0x99"]'), ok(null)],
    [ask('eth_getUncleByBlockNumberAndIndex', '["0x0","0x0"]'), ok(null)],
  ],
  'batches': [
    ['[]', error(-32600, 'empty batch', null)],
    ['[1]', [invalid()]],
    ['[1,2,{}]', [invalid(), invalid(), invalid()]],
    [`[${ask('eth_chainId', '[]', '7')},1,{"jsonrpc":"2.0","method":"eth_chainId"},${ask('eth_nothing', '[]', '"x"')},[]]`,
      [ok('0x51db', 7), invalid(), error(-32601, 'the method eth_nothing does not exist/is not available', 'x'), invalid()]],
    [`[${Array.from({ length: 1001 }, (_, i) => ask('eth_chainId', '[]', String(i + 5)))}]`, [error(-32600, 'batch too large', 5)]],
    [`[${Array.from({ length: 1000 }, (_, i) => ask('eth_chainId', '[]', String(i)))}]`, Array.from({ length: 1000 }, (_, i) => ok('0x51db', i))],
    [`[${ask('eth_chainId', '[]')}`, parse],
    ['[[[]]]', [invalid()]],
  ],
  'deep nesting': [
    ['['.repeat(100000), parse],
    ['{"a":'.repeat(100000), parse],
    ['['.repeat(5000) + ']'.repeat(5000), { code: -32700 }],
    [ask('eth_getBalance', '[' + '['.repeat(60) + ']'.repeat(60) + ']'), { code: -32602 }],
    [ask('eth_getLogs', `[{"topics":${'['.repeat(100)}${']'.repeat(100)}}]`), { code: -32602 }],
  ],
}

function check(text, want, where) {
  if (want === null) return assert.equal(text, '', where)
  if (want.text !== undefined) return assert.equal(text, want.text, where)
  const got = JSON.parse(text)
  if (want.code !== undefined) {
    assert.equal(got.error?.code, want.code, `${where}: ${text.slice(0, 300)}`)
    if (want.message !== undefined) assert.equal(got.error.message, want.message, where)
    return
  }
  assert.deepEqual(got, want, where)
}

// Writes raw bytes on a connection of its own; resolves with all that came back when the other side closes or done(text) holds.
function raw(port, chunks, done = () => false) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1')
    let text = ''
    socket.on('connect', () => { for (const chunk of chunks) socket.write(chunk) })
    socket.on('data', (data) => { text += data; if (done(text)) socket.destroy() })
    socket.on('error', () => {})
    socket.on('close', () => resolve(text))
    socket.setTimeout(20000, () => { socket.destroy(); reject(new Error(`the connection stays open: ${text}`)) })
  })
}

// One WebSocket session; sends and collects messages until the count is there or the session ends.
function websocket(url, { send, count = 1, options = {} }) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url.replace('http', 'ws'), { maxPayload: 1 << 28, ...options })
    const messages = []
    const finish = (code) => { clearTimeout(timer); socket.terminate(); resolve({ messages, code }) }
    const timer = setTimeout(() => { socket.terminate(); reject(new Error(`only ${messages.length} messages`)) }, 20000)
    socket.on('open', () => send(socket))
    socket.on('message', (data) => { messages.push(data.toString()); if (messages.length >= count) finish(0) })
    socket.on('close', (code) => finish(code))
    socket.on('unexpected-response', (request, response) => { clearTimeout(timer); resolve({ status: response.statusCode }) })
    socket.on('error', () => {})
  })
}

test('bad input', async (t) => {
  const serve = await startServe(t, { genesis })
  const gate = await startGate(t, { genesis, trusted: [serve.enode], fraction: 100 })
  const { port } = new URL(gate.url)
  const alive = async () => assert.equal(await rpc(gate.url, 'eth_chainId'), '0x51db')

  for (const [name, rows] of Object.entries(TABLE)) {
    await t.test(`HTTP: ${name}, ${rows.length} rows`, async () => {
      for (const [body, want] of rows) {
        const where = String(body).slice(0, 120)
        const { status, headers, text } = await post(gate.url, body)
        assert.equal(status, 200, where)
        if (want !== null) assert.equal(headers['content-type'], 'application/json', where)
        check(text, want, where)
      }
      await alive()
    })
  }

  await t.test('WebSocket: the same table', async () => {
    // What cannot be parsed ends a session of go-ethereum; here the error is the answer and what follows is still heard. Rows
    // without an answer are followed by a call that has one.
    let rows = 0
    for (const [name, list] of Object.entries(TABLE)) {
      for (const [body, want] of list) {
        const utf8 = !Buffer.isBuffer(body)
        const { messages, code } = await websocket(gate.url, {
          send: (socket) => { socket.send(body, { binary: !utf8 }); if (want === null) socket.send(ask('eth_chainId', '[]')) },
        })
        const where = `${name}: ${String(body).slice(0, 120)}`
        assert.ok(messages.length === 1, `${where}: ended with ${code}`)
        if (want === null) assert.deepEqual(JSON.parse(messages[0]), CHAIN, where)
        else if (want.text !== undefined) assert.equal(messages[0] + '\n', want.text, where)
        else check(messages[0], want, where)
        rows++
      }
    }
    assert.ok(rows > 100)
    await alive()
  })

  await t.test('HTTP: size', async () => {
    const large = ask('web3_sha3', `["0x${'00'.repeat(2_600_000)}"]`)
    assert.ok(large.length < 5 * 1024 * 1024 && large.length > 5_000_000)
    assert.equal(JSON.parse((await post(gate.url, large)).text).id, 1)
    const said = await raw(port, [`POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 5242881\r\n\r\n`], (text) => text.includes('\r\n\r\n'))
    assert.match(said, /^HTTP\/1.1 413 /)
    const chunk = Buffer.alloc(1 << 20, 0x20)
    const chunked = await raw(port, ['POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n',
      ...Array.from({ length: 8 }, () => Buffer.concat([Buffer.from('100000\r\n'), chunk, Buffer.from('\r\n')])), '0\r\n\r\n'], (text) => text.includes('\r\n\r\n'))
    assert.match(chunked, /^HTTP\/1.1 413 /)
    await alive()
  })

  await t.test('HTTP: methods, content types, broken requests', async () => {
    const body = ask('eth_chainId', '[]')
    for (const type of ['application/json', 'application/json; charset=utf-8', 'application/json-rpc', 'application/jsonrequest']) {
      assert.equal((await post(gate.url, body, { headers: { 'content-type': type } })).status, 200, type)
    }
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', '', 'json']) {
      const { status, text } = await post(gate.url, body, { headers: { 'content-type': type } })
      assert.equal(status, 415, type)
      assert.equal(text, 'invalid content type, only application/json is supported\n')
    }
    for (const method of ['PUT', 'DELETE', 'PATCH']) assert.equal((await post(gate.url, body, { method })).status, 405, method)
    assert.deepEqual(await post(gate.url, '', { method: 'GET' }).then(({ status, text }) => ({ status, text })), { status: 200, text: '' })
    assert.equal((await post(gate.url, '', { headers: { host: 'evil.example' } })).status, 403)
    for (const [bytes, status] of [
      ['nonsense\r\n\r\n', 400],
      ['POST / HTTP/9.9\r\n\r\n', 400],
      ['POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n', 400],
      ['POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999999\r\n\r\n', 400],
      ['POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n', 400],
      [`GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'a'.repeat(1 << 20)}\r\n\r\n`, 400],
      [Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00]), 400], // a TLS hello
    ]) {
      const text = await raw(port, [bytes], (said) => said.includes('\r\n\r\n'))
      assert.match(text, new RegExp(`^HTTP/1.1 ${status} `), String(bytes).slice(0, 80))
    }
    await alive()
  })

  await t.test('HTTP: half requests and clients that go away', async () => {
    const body = ask('eth_getBalance', `[${A},"latest"]`)
    const half = `POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`
    const slow = Array.from({ length: 64 }, (_, i) => {
      const socket = net.connect(port, '127.0.0.1')
      socket.on('error', () => {})
      socket.write((half + body).slice(0, 5 + i * 3))
      return socket
    })
    await alive() // while they hang
    for (let i = 0; i < 64; i++) {
      await new Promise((resolve) => {
        const socket = net.connect(port, '127.0.0.1', () => {
          socket.write(half + ask('eth_getTransactionReceipt', `["0x${i.toString(16).padStart(64, '0')}"]`).padEnd(body.length).slice(0, body.length), () => { socket.destroy(); resolve() })
        })
        socket.on('error', resolve)
      })
    }
    const agent = new http.Agent({ keepAlive: false })
    await Promise.all(Array.from({ length: 32 }, (_, i) => new Promise((resolve) => {
      const request = http.request(gate.url, { method: 'POST', agent, headers: { 'content-type': 'application/json' } })
      request.on('error', resolve)
      request.on('close', resolve)
      request.end(ask('eth_getTransactionByHash', `["0x${(i + 1000).toString(16).padStart(64, '0')}"]`), () => request.destroy())
    })))
    await alive()
    const pipelined = await raw(port, [(half + body).repeat(3)], (text) => (text.match(/"result"/g) ?? []).length === 3)
    assert.equal((pipelined.match(/HTTP\/1.1 200/g) ?? []).length, 3)
    // A request in single bytes is a request.
    const bytes = Buffer.from(half + body)
    assert.match(await raw(port, Array.from({ length: bytes.length }, (_, i) => bytes.subarray(i, i + 1)), (text) => text.includes('"result"')), /0x52b7d2dcc80cd2e4000000/)
    for (const socket of slow) socket.destroy()
    await alive()
  })

  await t.test('WebSocket: frames', async () => {
    const call = ask('eth_chainId', '[]')
    const binary = await websocket(gate.url, { send: (socket) => socket.send(Buffer.from(call)) })
    assert.deepEqual(JSON.parse(binary.messages[0]), CHAIN)
    const parts = await websocket(gate.url, { send: (socket) => {
      socket.send(call.slice(0, 10), { fin: false })
      socket.ping('x')
      socket.send(call.slice(10))
    } })
    assert.deepEqual(JSON.parse(parts.messages[0]), CHAIN)
    // Longer than go-ethereum reads (32 MiB): closed with 1009, "message too big", as soon as the frame begins; in
    // full it may be reset while it is still being sent.
    const header = Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5])
    header.writeBigUInt64BE(BigInt(33 << 20), 2)
    assert.equal((await websocket(gate.url, { send: (socket) => socket._socket.write(header) })).code, 1009)
    const large = await websocket(gate.url, { send: (socket) => socket.send(Buffer.alloc(33 << 20, 0x20)) })
    assert.ok([1009, 1006].includes(large.code) && large.messages.length === 0, `${large.code}`)
    // Invalid UTF-8 in a text frame: RFC 6455 wants 1007.
    const bad = await websocket(gate.url, { send: (socket) => socket._sender.sendFrame([Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28])]) })
    assert.equal(bad.code, 1007)
    // Not masked, reserved bits, an unknown opcode: protocol errors.
    for (const frame of [[0x81, 0x02, 0x5b, 0x5d], [0xf1, 0x80, 0, 0, 0, 0], [0x8b, 0x80, 0, 0, 0, 0]]) {
      const broken = await websocket(gate.url, { send: (socket) => socket._socket.write(Buffer.from(frame)) })
      assert.equal(broken.code, 1002)
    }
    assert.equal((await websocket(gate.url, { send: () => {}, options: { origin: 'http://evil.example' } })).status, 403)
    assert.match(await raw(port, ['GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 7\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n'],
      (text) => text.includes('\r\n\r\n')), /^HTTP\/1.1 400 /)
    await alive()
  })

  await t.test('WebSocket: many calls at once, and going away in the middle', async () => {
    const many = await websocket(gate.url, { count: 200, send: (socket) => { for (let i = 0; i < 200; i++) socket.send(ask('eth_chainId', '[]', String(i))) } })
    assert.equal(new Set(many.messages.map((text) => JSON.parse(text).id)).size, 200)
    for (let i = 0; i < 16; i++) {
      await new Promise((resolve) => {
        const socket = new WebSocket(gate.url.replace('http', 'ws'))
        socket.on('error', () => {})
        socket.on('open', () => { socket.send(ask('eth_getTransactionReceipt', `["0x${(i + 5000).toString(16).padStart(64, '0')}"]`), () => socket.terminate()) })
        socket.on('close', resolve)
      })
    }
    await alive()
  })

  const stopped = await gate.stop()
  assert.equal(stopped.code, 0)
  assert.ok(stopped.ms < 2000 + (/san/.test(process.env.BUILD ?? 'san') ? 2000 : 0), `SIGTERM took ${stopped.ms} ms`)
  assert.equal((await serve.stop()).code, 0)
})
