// Both answers to one case, side by side.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

import { knownDifference } from './known.mjs'
import { since } from './program.mjs'

// The program under test: one line in, one line out.
export class Driver {
  constructor(path) {
    this.child = spawn(path, { stdio: ['pipe', 'pipe', 'inherit'] })
    this.child.stdin.on('error', () => {}) // told by run
    this.ended = new Promise(done => this.child.on('close', (status, signal) => { this.status = signal ?? status; done() }))
    this.lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]()
  }
  ask(test) { this.child.stdin.write(JSON.stringify(test) + '\n') }
  async answer() {
    const { value, done } = await this.lines.next()
    if (!done) return JSON.parse(value)
    await this.ended
    return { died: `the driver ended with ${this.status}` }
  }
  async close() {
    this.child.stdin.end()
    await this.ended
    return this.status
  }
}

// What an exception of ethereumjs is called here; where one name covers several, or the order of checks differs without
// any effect, all that it may be.
const CODE = ['contract creation code storage out of gas', 'max code size exceeded', 'out of gas']
const ENDS = [
  [/^success$/, ['success']],
  [/^revert$/, ['execution reverted', 'precompile failed']], // some contracts of theirs call it so
  [/^out of gas$/, [...CODE, 'stack underflow', 'stack limit reached 1024', 'return data out of bounds', 'max initcode size exceeded', 'precompile failed', 'write protection']],
  [/^code store out of gas$/, CODE], [/^code size to deposit exceeds/, CODE],
  [/^stack underflow$/, ['stack underflow']], [/^stack overflow$/, ['stack limit reached 1024']], [/^invalid JUMP/, ['invalid jump destination']],
  [/^invalid opcode$/, ['invalid opcode']], [/^static state change$/, ['write protection']],
  [/^create collision$/, ['contract address collision']], [/^invalid bytecode deployed$/, ['invalid code: must not begin with 0xef']],
  [/^initcode exceeds/, ['max initcode size exceeded']], [/^value out of range$/, ['return data out of bounds', 'out of gas', 'precompile failed']],
  [/./, ['precompile failed', 'out of gas']], // each contract has its own words, and may look at its input before the gas
]

function refundDiffers(fork, ours, theirs) {
  const mine = BigInt(ours.refund), counter = BigInt(theirs.refund), cap = (BigInt(ours.gas) + mine) / (since(fork, 'London') ? 5n : 2n)
  if (since(fork, 'Prague')) return mine > counter && counter !== 0n // the floor of EIP-7623 hides the cap; they say 0 then
  return mine !== (counter < cap ? counter : cap) // theirs is not capped
}

// The first difference in words, or undefined. State is compared by its root.
export function difference(test, ours, theirs) {
  if (ours.died) return ours.died
  for (const [i, mine] of ours.txs.entries()) {
    const other = theirs.txs[i], at = `transaction ${i}`
    if (mine.stopped) return `${at}: stopped: ${mine.stopped}`
    if ((mine.refused !== undefined) !== (other.refused !== undefined))
      return `${at}: ${mine.refused !== undefined ? `refused here (${mine.refused})` : 'allowed here'}, there ${other.refused ?? other.end}`
    if (mine.refused !== undefined) continue
    const allowed = ENDS.find(([pattern]) => pattern.test(other.end))[1]
    const codeless = test.fork === 'Frontier' && mine.end === 'success' && other.end === 'code store out of gas' // EIP-2 ended that
    if (!allowed.includes(mine.end) && !codeless) return `${at}: ends with ${mine.end}, there ${other.end}`
    if (mine.gas !== other.gas) return `${at}: gas ${mine.gas}, there ${other.gas}`
    if (refundDiffers(test.fork, mine, other)) return `${at}: refund ${mine.refund}, there ${other.refund} before the cap`
    if (mine.logs !== other.logs) return `${at}: logs differ`
    if (mine.created !== other.created && mine.end === 'success') return `${at}: created ${mine.created}, there ${other.created}`
    if (mine.created === undefined && mine.output !== other.output) return `${at}: output ${mine.output}, there ${other.output}`
  }
  if (ours.root !== theirs.root) return `state root ${ours.root}, there ${theirs.root}`
  return undefined
}

// Runs a case on both. { what, known }: the difference, and the reason if it is one that ethereumjs has wrong.
export async function compare(driver, runReference, test, tries) {
  driver.ask(test)
  const theirs = await runReference(test, tries), ours = await driver.answer()
  const what = difference(test, ours, theirs)
  return { what, known: what === undefined ? undefined : knownDifference(test, what, ours, theirs), ours, theirs }
}
