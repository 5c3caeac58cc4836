/* Keccak-256 with the original padding (0x01), as Ethereum uses it. */
#ifndef LES_ETH_KECCAK_H
#define LES_ETH_KECCAK_H

#include "les/eth/types.h"

struct keccak {
    uint64_t state[25];
    size_t offset; /* bytes absorbed of the current block of 136 */
};
void keccak_init(struct keccak *keccak);
void keccak_update(struct keccak *keccak, struct span bytes);
/* The digest so far; the state goes on (RLPx MACs need that). */
void keccak_digest(const struct keccak *keccak, struct hash32 *out);

void keccak256(struct hash32 *out, struct span bytes);

#endif
