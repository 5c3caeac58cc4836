/* Transactions waiting for a block: checked against the state of the head as go-ethereum's pool
 * checks them, with its texts. */
#ifndef LES_NODE_POOL_H
#define LES_NODE_POOL_H

#include "les/node/ledger.h"

struct pool;
/* ledger and crypto must outlive the pool. price_min: what a transaction must at least offer (its
 * tip where there is one). */
struct pool *pool_new(struct ledger *ledger, const struct crypto *crypto,
                      const struct u256 *price_min);
void pool_free(struct pool *pool);

/* Takes a transaction in; envelope is copied, without the blobs. Blobs that come with it must be
 * proved; in a build without c-kzg they are refused. NULL: it is in the pool (also
 * when it was before). Otherwise why not, static text. */
const char *pool_add(struct pool *pool, struct span envelope) WARN_UNUSED;
/* The same for a transaction of tx_sign_as, which pool_add refuses: only who runs a development
 * chain may send as anybody. */
const char *pool_add_impersonated(struct pool *pool, struct span envelope) WARN_UNUSED;
enum pool_state { POOL_UNKNOWN, POOL_QUEUED /* a nonce before it is missing */, POOL_PENDING };
enum pool_state pool_state(const struct pool *pool, const struct hash32 *hash);
size_t pool_count(const struct pool *pool);
/* The ledger has a new head: what cannot be in a block any more goes. */
void pool_head_changed(struct pool *pool);

/* The first nonce of sender that neither the state of the head nor a transaction here has used. */
uint64_t pool_next_nonce(const struct pool *pool, const struct address20 *sender);
/* Every transaction, oldest first. tx is borrowed until the pool changes. */
void pool_each(const struct pool *pool,
               void (*visit)(void *owner, const struct address20 *sender, const struct tx *tx,
                             enum pool_state state),
               void *owner);
void pool_clear(struct pool *pool);

/* The transactions that a block with this base fee can take, best tip first, each sender's in nonce
 * order; at most max. Spans are borrowed until the pool changes. Returns the count. */
size_t pool_pick(const struct pool *pool, const struct u256 *base_fee, struct span *envelopes,
                 size_t max);
/* A transaction turned out to be unfit when it was executed. */
void pool_remove(struct pool *pool, const struct hash32 *hash);

#endif
