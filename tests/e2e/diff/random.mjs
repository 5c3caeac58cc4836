// Chance from a 32-bit seed (the sfc32 generator): the same seed gives the same cases on every machine.

export function makeRandom(seed) {
  let a = 0x9e3779b9 ^ seed, b = Math.imul(seed, 0x85ebca6b), c = 0x243f6a88, d = 1
  const next = () => {
    const t = (a + b + d) | 0
    d = (d + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = ((c << 21) | (c >>> 11)) + t | 0
    return t >>> 0
  }
  for (let i = 0; i < 16; i++) next()
  const below = bound => Math.floor(next() / 4294967296 * bound)
  return {
    below,
    between: (low, high) => low + below(high - low + 1),
    chance: p => next() / 4294967296 < p,
    pick: list => list[below(list.length)],
    bytes: size => Uint8Array.from({ length: size }, () => next() >>> 24),
    // table: [[weight, value], ...]
    weighted: table => {
      let at = below(table.reduce((sum, [weight]) => sum + weight, 0))
      for (const [weight, value] of table) if ((at -= weight) < 0) return value
    },
  }
}
