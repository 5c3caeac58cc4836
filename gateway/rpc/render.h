/* Chain objects as JSON, field by field and in the order of go-ethereum (its package ethapi): maps
 * are sorted by key, structs keep their own order. Everything given here was verified before. */
#ifndef GATEWAY_RENDER_H
#define GATEWAY_RENDER_H

#include "gateway/rpc/json.h"
#include "les/eth/receipt.h"
#include "les/eth/tx.h"
#include "les/proto/chain.h"

/* Where a transaction stands; header NULL: it is pending. */
struct tx_position {
    const struct block_header *block;
    uint64_t index;
};

/* False: the transaction's signature yields no sender (nothing was written). */
bool render_tx(struct buf *out, struct crypto *crypto, const struct tx *tx,
               const struct tx_position *place) WARN_UNUSED;

/* A header object. */
void render_header(struct buf *out, const struct block_header *block);
/* The whole block. full: transactions as objects. False: a transaction is malformed. */
bool render_block(struct buf *out, struct crypto *crypto, const struct block_header *block,
                  const struct body *body, bool full) WARN_UNUSED;
/* A block that was only simulated. Its transactions have no signatures: senders are told. calls:
 * a finished JSON value, what became of each. */
struct simulated_txs {
    const struct tx *txs;
    const struct address20 *senders;
    size_t count;
    bool full;
    struct span calls;
};
void render_simulated_block(struct buf *out, const struct block_header *block,
                            const struct body *body, const struct simulated_txs *simulated);
/* An uncle: a header with its size and an empty list of uncles. */
void render_uncle(struct buf *out, const struct block_header *uncle);
/* Size of the block's RLP. */
uint64_t block_rlp_size(const struct block_header *block, const struct body *body);

/* A log and where it stands. */
struct log_place {
    const struct block_header *block;
    const struct hash32 *tx_hash;
    uint64_t tx_index;
    uint64_t log_index; /* in the block */
};
void render_log(struct buf *out, const struct log_entry *log, const struct log_place *place);

/* What a receipt object needs beside the receipt. */
struct receipt_place {
    const struct block_header *block;
    uint64_t tx_index;
    uint64_t gas_before; /* cumulative gas of the transactions before it */
    uint64_t first_log_index;
    const struct chainspec *spec;
};
bool render_receipt(struct buf *out, struct crypto *crypto, const struct receipt *receipt,
                    const struct tx *tx, const struct receipt_place *place) WARN_UNUSED;

/* The address that a creation by sender with nonce gets. */
void contract_address(struct address20 *out, const struct address20 *sender, uint64_t nonce);

#endif
