/* The arithmetic of go-ethereum's fee oracle (its package gasprice). Pure. */
#ifndef GATEWAY_FEE_SAMPLE_H
#define GATEWAY_FEE_SAMPLE_H

#include "les/eth/chainspec.h"
#include "les/eth/crypto.h"

/* ---- the tip to suggest: the 60th percentile of the lowest tips of recent blocks ---- */

#define FEE_ORACLE_BLOCKS     20
#define FEE_ORACLE_BLOCKS_MAX (2ul * FEE_ORACLE_BLOCKS) /* when blocks have little to say */
#define FEE_ORACLE_PER_BLOCK  3

struct fee_oracle {
    struct u256 tips[FEE_ORACLE_BLOCKS_MAX * FEE_ORACLE_PER_BLOCK];
    size_t count;
    size_t blocks; /* that were added */
    size_t wanted; /* grows when blocks have little to say */
    struct u256 last;
};
/* last: what was suggested before; NULL: go-ethereum's default. A block without usable tips counts
 * as one with that. */
void fee_oracle_begin(struct fee_oracle *oracle, const struct u256 *last);
/* Is another block wanted? They are added from the head downwards. */
bool fee_oracle_wants(const struct fee_oracle *oracle);
void fee_oracle_add(struct fee_oracle *oracle, const struct crypto *crypto,
                    const struct header *header, const struct body *body);
void fee_oracle_tip(struct fee_oracle *oracle, struct u256 *out);

/* ---- fee history ---- */

/* What the transactions of a block paid to its producer at percentiles of gas used (ascending, 0
 * to 100). receipts: payload of the block's receipts. False: the block does not fit together. */
bool fee_rewards(struct u256 *out, const double *percentiles, size_t percentiles_count,
                 const struct header *header, const struct body *body,
                 struct span receipts) WARN_UNUSED;

/* The price of blob gas in this block; false, and zero: it has none. */
bool fee_blob_price(struct u256 *out, const struct chainspec *spec, const struct header *header);
/* In the next block, as if it came with the same timestamp. Zero: this one has none. */
void fee_next_blob_price(struct u256 *out, const struct chainspec *spec,
                         const struct header *header);
double fee_gas_used_ratio(const struct header *header);
double fee_blob_gas_used_ratio(const struct chainspec *spec, const struct header *header);

#endif
