// The conformance files of execution-apis (../shared/vectors/rpc-compat), through the whole path: lesgate -> LES -> lesserve over
// that chain. Compared as the suite's own runner does: whole answers, numbers as numbers; of errors code and data, not the text;
// where a file is marked speconly and the answer is a result, only its shape.
import { test } from 'node:test'
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, existsSync } from 'node:fs'
import path from 'node:path'
import { needShared, startServe, startGate, vectors, post } from './harness.mjs'

const suite = vectors('rpc-compat')

// Methods that lesgate does not have, and why.
const LEFT_OUT = {
  testing_buildBlockV1: 'builds blocks in a full node',
  txpool_content: 'a light client has no pool of others\' transactions',
  txpool_contentFrom: 'a light client has no pool of others\' transactions',
  txpool_status: 'a light client has no pool of others\' transactions',
  eth_config: 'comes with the full method surface',
  eth_capabilities: 'comes with the full method surface',
}

function parse(file) {
  const exchanges = []
  let speconly = false
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    if (line.startsWith('// speconly')) speconly = true
    else if (line.startsWith('>> ')) exchanges.push({ request: line.slice(3) })
    else if (line.startsWith('<< ')) exchanges.at(-1).response = JSON.parse(line.slice(3))
  }
  return { exchanges, speconly }
}

function shape(value) {
  if (value === null) return 'null'
  if (Array.isArray(value)) return value.length ? [shape(value[0])] : []
  if (typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, shape(item)]).sort())
  return typeof value
}

const files = needShared.skip ? [] : Object.keys(LEFT_OUT).length && readdirSync(suite).filter((name) => existsSync(path.join(suite, name)) && /_/.test(name))
  .flatMap((method) => readdirSync(path.join(suite, method)).filter((name) => name.endsWith('.io')).map((name) => ({ method, file: path.join(suite, method, name) })))

test('rpc-compat through lesgate, LES and lesserve', needShared, async (t) => {
  const genesis = path.join(suite, 'genesis.json')
  const serve = await startServe(t, { genesis, chain: path.join(suite, 'chain.rlp') })
  const second = await startServe(t, { genesis, chain: path.join(suite, 'chain.rlp') })
  const gate = await startGate(t, { genesis, trusted: [serve.enode, second.enode], fraction: 100 })
  let run = 0
  let leftOut = 0
  for (const { method, file } of files) {
    const name = `${method}/${path.basename(file, '.io')}`
    const why = LEFT_OUT[method]
    if (why) leftOut++
    await t.test(name, why ? { skip: why } : {}, async () => {
      const { exchanges, speconly } = parse(file)
      assert.ok(exchanges.length > 0, 'the file holds no exchange')
      for (const { request, response } of exchanges) {
        const { status, text } = await post(gate.url, request)
        assert.equal(status, 200)
        const answer = JSON.parse(text)
        if (answer.error && response.error) {
          delete answer.error.message
          delete response.error.message
        }
        if (speconly && !answer.error && !response.error) {
          answer.result = shape(answer.result)
          response.result = shape(response.result)
        }
        assert.deepEqual(answer, response)
      }
      run++
    })
  }
  console.log(`# rpc-compat: ${run} passed of ${files.length - leftOut} run, ${leftOut} left out`)
  assert.ok(files.length > 0)
  const stopped = await gate.stop()
  assert.equal(stopped.code, 0)
})
