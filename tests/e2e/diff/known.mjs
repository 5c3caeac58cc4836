// Where ethereumjs 10.1.3 itself is not what the EIPs and go-ethereum say. A difference that is on this list is counted and
// printed with its reason, and does not fail the test. Each entry: what it is, why we are sure, and how it is recognised.
export const KNOWN = []

export function knownDifference(test, what, ours, theirs) {
  return KNOWN.find(entry => entry.matches(test, what, ours, theirs))?.reason
}
