// Called by run.sh: the named benchmarks, or all, one after the other.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { build, cleanUp, say } from './lib.mjs'

const BENCHMARKS = ['hot', 'cold', 'start', 'memory', 'instructions', 'trie', 'rounds', 'evm', 'precompile', 'trace', 'serve']
const names = process.argv.slice(2)
const unknown = names.filter((name) => !BENCHMARKS.includes(name))
if (unknown.length) {
  console.error(`bench: no ${unknown.join(', ')}; there are ${BENCHMARKS.join(', ')}`)
  process.exit(2)
}
say(`# ${new Date().toISOString().slice(0, 16)}, ${os.cpus().length} CPUs, load ${readFileSync('/proc/loadavg', 'utf8').split(' ').slice(0, 3).join(' ')}`)
say()
try {
  for (const name of names.length ? names : BENCHMARKS) {
    if (['trie', 'rounds', 'precompile'].includes(name)) say(execFileSync(path.join(build, `tests/bench/bench_${name}`)).toString())
    else await (await import(`./${name}.mjs`)).default()
  }
} catch (error) {
  console.error(`bench: ${error.stack}`)
  process.exitCode = 1
} finally {
  await cleanUp()
}
