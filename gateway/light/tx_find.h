/* Finding a transaction by its hash. LES servers only hint at where it is; what comes out of here
 * was proved: the block is canonical and its body, which matches its header, has the transaction.
 */
#ifndef GATEWAY_TX_FIND_H
#define GATEWAY_TX_FIND_H

#include "gateway/light/query.h"

struct tx_found {
    struct block_header *block; /* borrowed until step returns; also set with LATER once it is known
                                   where to look, so that more of the block can be asked for */
    uint64_t index;
    struct span envelope; /* in the call's memory */
};
/* ABSENT: the servers that were asked know no block with it, or none that is canonical as far as
 * this gateway's head reaches. A place that was proved once is remembered in the cache. */
enum query_got tx_find(struct query *query, const struct hash32 *hash,
                       struct tx_found *out) WARN_UNUSED;

/* The envelope at index of a body; false: there are not so many. */
bool tx_of_body(const struct body *body, uint64_t index, struct span *envelope) WARN_UNUSED;
/* All of them; the caller frees with mem_free. Never NULL: a body that matched its header splits.
 */
struct span *txs_of_body(const struct body *body, size_t *count);

#endif
