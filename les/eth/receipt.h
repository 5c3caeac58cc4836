/* Receipts of all types and their bloom. Consensus form: [status or state root, cumulative gas,
 * bloom, logs], typed ones prefixed by their type byte. */
#ifndef LES_ETH_RECEIPT_H
#define LES_ETH_RECEIPT_H

#include "les/eth/types.h"

struct receipt {
    uint8_t type;
    bool has_state_root; /* before Byzantium */
    struct hash32 state_root;
    uint64_t status; /* 0 or 1 */
    uint64_t cumulative_gas;
    struct bloom256 bloom;
    struct span logs; /* payload of the RLP list; see log_next */
};
struct log_entry {
    struct address20 address;
    struct hash32 topics[4];
    size_t topics_count;
    struct span data;
};

/* envelope: RLP list (legacy) or type || rlp; borrowed. Strict, logs included; the bloom must fit
 * the logs. False: zeroed. */
bool receipt_decode(struct receipt *receipt, struct span envelope) WARN_UNUSED;
void receipt_encode(struct buf *out, const struct receipt *receipt);
bool log_next(struct span *rest, struct log_entry *out);
void log_encode(struct buf *out, const struct log_entry *log);

/* One block's receipts as in a LES reply: payload of the RLP list; items are lists or strings (type
 * || rlp). Splits them into envelopes; false: malformed or more than max. */
bool receipts_split(struct span payload, struct span *out, size_t max, size_t *count) WARN_UNUSED;
/* Does their root equal receipts_root? */
bool receipts_match(struct span payload, const struct hash32 *receipts_root) WARN_UNUSED;

void bloom_add(struct bloom256 *bloom, struct span item); /* an address or a topic */
bool bloom_may_contain(const struct bloom256 *bloom, struct span item);
/* The three bit indices (0..2047, from the least significant end) of an item. */
void bloom_bits(unsigned out3[3], struct span item);

#endif
