/* Transactions that this gateway has sent and that are not seen in a block yet: so that their
 * sender sees them as pending and gets the next nonce. Servers' pools cannot be read by LES.
 *
 * Bounded by SENT_TXS_MAX, SENT_BYTES_MAX and SENT_KEEP_MS: the oldest goes first. Of two
 * transactions with the same sender and nonce the later one stays. */
#ifndef GATEWAY_SENT_H
#define GATEWAY_SENT_H

#include "les/eth/types.h"

struct sent;
/* seed: random, for the table. */
struct sent *sent_new(uint64_t seed);
void sent_free(struct sent *sent); /* NULL is legal */

/* envelope is copied. now_ms: loop_now_ms; it never goes back. */
void sent_add(struct sent *sent, const struct hash32 *hash, const struct address20 *sender,
              uint64_t nonce, struct span envelope, uint64_t now_ms);
/* envelope is borrowed until the next call that adds or drops. */
bool sent_find(const struct sent *sent, const struct hash32 *hash,
               struct span *envelope) WARN_UNUSED;
/* It was seen in a block, or it is not wanted any more. Legal for one that is not there. */
void sent_drop(struct sent *sent, const struct hash32 *hash);
/* The first nonce from `nonce` (the account's, by the state) on that no transaction of sender here
 * has. What is below it has been mined and is dropped. */
uint64_t sent_next_nonce(struct sent *sent, const struct address20 *sender, uint64_t nonce);
/* Drops what is older than SENT_KEEP_MS. */
void sent_expire(struct sent *sent, uint64_t now_ms);

size_t sent_count(const struct sent *sent);

#endif
