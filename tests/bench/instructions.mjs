// Instructions per hot request, counted by callgrind: the same on a busy machine.
import { execFileSync } from 'node:child_process'
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { Program, address, body, build, folder, makeGenesis, post, say, scratch, startGate, startServe, table } from './lib.mjs'

const WARM = 200, COUNTED = 2000

// Runs a program under callgrind, sends the same request again and again, and counts between two dumps.
async function count(start, name, text) {
  const file = path.join(scratch, `callgrind.${name}`)
  const under = ['valgrind', '--tool=callgrind', `--callgrind-out-file=${file}`, '--dump-line=no', '-q']
  const program = await start(under)
  for (let i = 0; i < WARM; i++) await post(program.url, text)
  execFileSync('callgrind_control', ['-z', String(program.pid)])
  for (let i = 0; i < COUNTED; i++) await post(program.url, text)
  execFileSync('callgrind_control', ['-d', String(program.pid)])
  await program.stop()
  const dump = readdirSync(scratch).find((entry) => entry.startsWith(`callgrind.${name}.1`))
  const total = Number(readFileSync(path.join(scratch, dump), 'utf8').match(/^(?:totals|summary): (\d+)/m)[1])
  if (process.env.CALLGRIND_KEEP) writeFileSync(path.join(process.env.CALLGRIND_KEEP, name), readFileSync(path.join(scratch, dump)))
  return total / COUNTED
}

export default async function instructions() {
  say(`## instructions: callgrind, user space only, ${COUNTED} requests one after the other, system calls not counted`)
  const { genesis } = await makeGenesis('instructions', 1000)
  const serve = await startServe(genesis)
  const rows = []
  for (const [method, params] of [['eth_blockNumber', []], ['eth_getBalance', [address(7), 'latest']]]) {
    const text = body(method, params)
    let answer
    const gate = await count(async (under) => {
      const program = await startGate(genesis, [serve.enode], { under })
      answer = await post(program.url, text)
      return program
    }, `lesgate-${method}`, text)
    const bare = await count(async (under) => {
      const file = folder('bare')
      writeFileSync(file, answer)
      const program = new Program(path.join(build, 'bare_h2o'), [file], { under })
      program.url = await program.line(/^ready (http:\/\/\S+)/m)
      return program
    }, `bare-${method}`, text)
    rows.push([method, Math.round(gate), Math.round(bare), (gate / bare).toFixed(2), Math.round(gate - bare)])
  }
  await serve.stop()
  table(['method', 'lesgate', 'bare h2o', 'ratio', 'ours'], rows)
}
