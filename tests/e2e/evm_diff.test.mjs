// Differential fuzzing: random programs and transactions on lesgate's EVM (tests/diff/evm_driver.c) and on ethereumjs, which
// nobody here wrote. Result, gas, refund, logs, output and state must agree.
//
// EVM_DIFF_SECONDS=600 runs longer, EVM_DIFF_SEED=n starts at that seed, EVM_DIFF_CASES=1 stops after so many cases,
// EVM_DIFF_FORK=Osaka keeps to one fork. A failure prints the seed and the smallest case that still fails. What a case
// is made of: diff/case.mjs; what ethereumjs has wrong: diff/known.mjs.
import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { test } from 'node:test'

import { makeCase } from './diff/case.mjs'
import { compare, Driver } from './diff/compare.mjs'
import { runReference } from './diff/reference.mjs'
import { shrink } from './diff/shrink.mjs'

const build = process.env.BUILD ?? new URL('../../build/dev', import.meta.url).pathname
const seconds = Number(process.env.EVM_DIFF_SECONDS ?? 25), wanted = Number(process.env.EVM_DIFF_CASES ?? Infinity)
const FIXED_SEED = 1, FIXED_CASES = 400

// A little less gas than a transaction needed, so that it ends in the middle of something; or exactly as much.
const scant = (tx, chance) => tx.refused !== undefined ? undefined : BigInt(tx.gas) + BigInt(tx.refund) - BigInt([0, 1, 2, 3, 30, 300, 3000][chance % 7])

async function campaign(first, most = wanted) {
  const driver = new Driver(`${build}/tests/diff/evm_driver`)
  const end = Date.now() + seconds * 1000, counts = { cases: 0, transactions: 0, refused: 0, success: 0, reverted: 0, halted: 0 }, known = {}
  const run = async (seed, made, tries) => {
    made.traced = seed % 2 === 0
    const { what, known: reason, ours } = await compare(driver, runReference, made, tries)
    if (reason !== undefined) known[reason] = (known[reason] ?? 0) + 1
    else if (what !== undefined) await fail(driver, made, seed, tries, what)
    counts.cases++
    for (const tx of ours.txs) {
      counts.transactions++
      counts[tx.refused !== undefined ? 'refused' : tx.end === 'success' ? 'success' : tx.end === 'execution reverted' ? 'reverted' : 'halted']++
    }
    return ours
  }
  for (let seed = first; seed - first < most && Date.now() < end; seed++) {
    const fork = process.env.EVM_DIFF_FORK, { txs } = await run(seed, makeCase(seed, fork), seed % 64 === 21) // tries are slow there
    if (seed % 3 === 0) await run(seed, makeCase(seed, fork, txs.map((tx, i) => scant(tx, seed + i))), false)
  }
  assert.equal(await driver.close(), 0, 'the driver ended badly')
  assert.ok(counts.success > 0 || most < 10, 'nothing came to a good end')
  console.log(`seeds from ${first}: ${Object.entries(counts).map(([name, count]) => `${count} ${name}`).join(', ')}`)
  for (const [reason, count] of Object.entries(known)) console.log(`${count} known to be wrong in ethereumjs: ${reason}`)
}

async function fail(driver, made, seed, tries, what) {
  const alive = driver.child.exitCode === null && driver.child.signalCode === null
  const fails = async test => { const r = await compare(driver, runReference, test, tries); return r.what !== undefined && r.known === undefined }
  const small = alive ? await shrink(made, fails, 20000) : made
  const { what: now } = alive ? await compare(driver, runReference, small, tries) : { what }
  driver.child.stdin.end()
  assert.fail(`seed ${seed} (EVM_DIFF_SEED=${seed} EVM_DIFF_CASES=1), ${made.fork}: ${what}\nsmallest: ${now}\n${JSON.stringify(small)}`)
}

if (process.env.EVM_DIFF_SEED !== undefined) {
  test('random transactions agree with ethereumjs', () => campaign(Number(process.env.EVM_DIFF_SEED)))
} else {
  test('the same random transactions as always agree with ethereumjs', () => campaign(FIXED_SEED, FIXED_CASES))
  test('new random transactions agree with ethereumjs', () => campaign(randomInt(1 << 30)))
}
