/* Block headers of every fork up to Osaka. The RLP of what was decoded encodes back byte for byte.
 */
#ifndef LES_ETH_HEADER_H
#define LES_ETH_HEADER_H

#include "les/base/limits.h"
#include "les/eth/types.h"

struct header {
    struct hash32 parent_hash;
    struct hash32 uncles_hash;
    struct address20 coinbase;
    struct hash32 state_root;
    struct hash32 transactions_root;
    struct hash32 receipts_root;
    struct bloom256 bloom;
    struct u256 difficulty;
    uint64_t number;
    uint64_t gas_limit;
    uint64_t gas_used;
    uint64_t timestamp;
    struct span extra; /* borrowed from the RLP it was decoded from */
    struct hash32 mix_hash;
    uint64_t nonce;       /* 8 bytes big endian on the wire */
    unsigned fields;      /* how many of the optional ones below are present, in this order: 0..6 */
    struct u256 base_fee; /* 1: London, EIP-1559 */
    struct hash32 withdrawals_root; /* 2: Shanghai, EIP-4895 */
    uint64_t blob_gas_used;         /* 3 and 4: Cancun, EIP-4844 */
    uint64_t excess_blob_gas;
    struct hash32 parent_beacon_root; /* 5: EIP-4788 */
    struct hash32 requests_hash;      /* 6: Prague, EIP-7685 */
};
#define HEADER_HAS_BASE_FEE(header)    ((header)->fields >= 1)
#define HEADER_HAS_WITHDRAWALS(header) ((header)->fields >= 2)
#define HEADER_HAS_BLOB_GAS(header)    ((header)->fields >= 4)
#define HEADER_HAS_BEACON_ROOT(header) ((header)->fields >= 5)
#define HEADER_HAS_REQUESTS(header)    ((header)->fields >= 6)

/* Strict: exactly the known fields (the two of Cancun only together), no trailing bytes. rlp must
 * outlive header (extra). False: header is zeroed. */
bool header_decode(struct header *header, struct span rlp) WARN_UNUSED;
void header_encode(struct buf *out, const struct header *header);
void header_hash(struct hash32 *out, const struct header *header);

/* A block body: [transactions, uncles] or [transactions, uncles, withdrawals], as in LES
 * BlockBodies. All spans borrowed. */
struct body {
    struct span
        transactions;   /* payload of the list: items are lists (legacy) or strings (type || rlp) */
    struct span uncles; /* the whole RLP item, header included: its keccak is the uncles hash */
    struct span withdrawals; /* payload of the list; only if has_withdrawals */
    bool has_withdrawals;
};
/* Strict as far as it shows: lists where lists must be, transactions as les/eth/envelope.h has them
 * (at most BLOCK_TRANSACTIONS_MAX); their insides are not checked. False: body is zeroed. */
bool body_decode(struct body *body, struct span rlp) WARN_UNUSED;
/* Does body belong to header: transactions root, uncles hash, withdrawals root and presence? */
bool body_matches(const struct body *body, const struct header *header) WARN_UNUSED;
/* Splits a body's transactions into their envelopes (legacy: the raw list; typed: type || rlp).
 * Returns false when there are more than max. */
bool body_transactions(const struct body *body, struct span *out, size_t max,
                       size_t *count) WARN_UNUSED;

struct withdrawal { /* EIP-4895 */
    uint64_t index;
    uint64_t validator_index;
    struct address20 address;
    uint64_t amount_gwei;
};
bool withdrawal_decode(struct withdrawal *out, struct span rlp) WARN_UNUSED;

/* A whole block as in a chain RLP file: [header, transactions, uncles(, withdrawals)]. The header
 * is not decoded. */
bool block_split(struct span *header_rlp, struct body *body, struct span block_rlp) WARN_UNUSED;

#endif
