// Makes a failing case smaller while it still fails: fewer transactions, fewer accounts, less storage, less code.
const copy = value => JSON.parse(JSON.stringify(value))

function* smaller(test) {
  for (let i = test.txs.length - 1; i >= 0; i--) yield next => next.txs.splice(i, 1)
  for (const address of Object.keys(test.pre)) yield next => delete next.pre[address]
  for (const [address, account] of Object.entries(test.pre)) {
    if (Object.keys(account.storage).length > 0) yield next => { next.pre[address].storage = {} }
    for (const slot of Object.keys(account.storage)) yield next => delete next.pre[address].storage[slot]
    const size = (account.code.length - 2) / 2
    for (let part = size; part >= 1; part = Math.floor(part / 2))
      for (let at = 0; at + part <= size; at += part)
        for (const filler of ['', '5b'.repeat(part)])
          if (account.code.slice(2 + 2 * at, 2 + 2 * (at + part)) !== filler)
            yield next => { next.pre[address].code = '0x' + account.code.slice(2, 2 + 2 * at) + filler + account.code.slice(2 + 2 * (at + part)) }
  }
}

// fails: async (test) => bool
export async function shrink(test, fails, timeMs) {
  const end = Date.now() + timeMs
  let best = test, again = true
  while (again && Date.now() < end) {
    again = false
    for (const change of smaller(best)) {
      if (Date.now() > end) break
      const next = copy(best)
      change(next)
      if (JSON.stringify(next).length > JSON.stringify(best).length || JSON.stringify(next) === JSON.stringify(best)) continue
      if (!(await fails(next))) continue
      best = next
      again = true
      break
    }
  }
  return best
}
