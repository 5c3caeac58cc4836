/* Lists of EIP-2718 envelopes as block bodies and receipt lists carry them: an item is either a
 * list (legacy, the envelope is the whole item) or a string (the envelope is its payload, type ||
 * rlp). */
#ifndef LES_ETH_ENVELOPE_H
#define LES_ETH_ENVELOPE_H

#include "les/eth/types.h"

/* Splits the payload of such a list. Strict, so that one list of envelopes has one form: a string
 * shorter than two bytes or whose first byte is not a type (0 to 0x7f) is a fault. Envelopes are
 * borrowed from payload; their insides are not checked. False: malformed or more than max; count is
 * zero. out may be NULL, then envelopes are only counted and checked. */
bool envelope_split(struct span payload, struct span *out, size_t max, size_t *count) WARN_UNUSED;
/* The trie root over the envelopes (key rlp(index)). False as above. */
bool envelope_root(struct hash32 *root, struct span payload, size_t max) WARN_UNUSED;

#endif
