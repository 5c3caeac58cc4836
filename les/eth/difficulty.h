/* Proof-of-work difficulty of every fork from Frontier to Gray Glacier, with their bombs. */
#ifndef LES_ETH_DIFFICULTY_H
#define LES_ETH_DIFFICULTY_H

#include "les/eth/chainspec.h"

/* The difficulty that a block at timestamp after parent must have (Yellow Paper 4.3.4; EIP-2, 100,
 * 649, 1234, 2384, 3554, 4345, 5133). timestamp is above parent's in a valid chain; an earlier one
 * counts as the same second. What would pass 256 bits is held at the largest value. Says nothing
 * about clique or blocks after the merge. */
void difficulty_next(struct u256 *out, const struct chainspec *spec, const struct header *parent,
                     uint64_t timestamp);

#endif
