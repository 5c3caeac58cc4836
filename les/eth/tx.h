/* Transactions of types 0 to 4 (legacy, EIP-2930, EIP-1559, EIP-4844, EIP-7702) with sender
 * recovery. */
#ifndef LES_ETH_TX_H
#define LES_ETH_TX_H

#include "les/eth/chainspec.h"
#include "les/eth/crypto.h"

enum tx_type {
    TX_LEGACY = 0,
    TX_ACCESS_LIST = 1,
    TX_DYNAMIC_FEE = 2,
    TX_BLOB = 3,
    TX_SET_CODE = 4
};

struct tx {
    enum tx_type type;
    bool has_chain_id; /* typed, or legacy with EIP-155 replay protection */
    uint64_t chain_id;
    uint64_t nonce;
    struct u256 gas_price; /* types 0, 1; for others equal to max_fee */
    struct u256 max_fee;   /* types 2-4; for others equal to gas_price */
    struct u256 max_priority_fee;
    uint64_t gas_limit;
    bool has_to;
    struct address20 to;
    struct u256 value;
    struct span data;
    struct span access_list; /* payload of the RLP list; see tx_access_next */
    struct u256 max_fee_per_blob_gas;
    struct span blob_hashes; /* payload of the RLP list of 32-byte strings */
    size_t blob_hashes_count;
    struct span authorizations; /* payload of the RLP list; see tx_authorization_next */
    struct u256 v, r, s;        /* as on the wire; v is yParity for typed ones */
    struct span raw;            /* the envelope, as hashed for the transaction hash */
};

/* Fault names follow go-ethereum's errors where it has them. */
enum tx_fault {
    TX_VALID,
    TX_MALFORMED, /* not canonical RLP, wrong field count or size */
    TX_TYPE_UNKNOWN,
    TX_SIGNATURE_INVALID, /* r, s out of range, high s (EIP-2), v impossible, not recoverable */
    TX_CHAIN_ID_TOO_LARGE
};

/* envelope: legacy RLP list, or type || rlp. Everything is borrowed from it. A blob transaction in
 * network form (with sidecar) is accepted by tx_decode_network only, which then points raw at a
 * rebuilt envelope appended to scratch. */
enum tx_fault tx_decode(struct tx *tx, struct span envelope) WARN_UNUSED;
enum tx_fault tx_decode_network(struct tx *tx, struct span envelope,
                                struct buf *scratch) WARN_UNUSED;
/* What a blob transaction in network form has beside its envelope: the payloads of three RLP lists
 * of strings, borrowed. */
struct tx_sidecar {
    unsigned version; /* 0: a proof a blob (EIP-4844); 1: 128 of them, one a cell (EIP-7594) */
    size_t count;     /* of blobs, each 131,072 bytes */
    struct span blobs, commitments, proofs; /* commitments and proofs: 48 bytes each */
};
/* envelope: one that tx_decode_network took. False: it came without a sidecar; out is zeroed. */
bool tx_sidecar_of(struct tx_sidecar *out, struct span envelope);
void tx_hash(struct hash32 *out, const struct tx *tx);
/* Checks r, s, v (low s from Homestead on: homestead) and recovers. */
enum tx_fault tx_sender(struct address20 *out, const struct tx *tx, const struct crypto *crypto,
                        bool homestead) WARN_UNUSED;
/* yParity for typed transactions and for legacy ones the recovery id 0/1; false if v is impossible.
 */
bool tx_y_parity(const struct tx *tx, unsigned *out) WARN_UNUSED;
/* The digest that the sender signed. */
void tx_signing_hash(struct hash32 *out, const struct tx *tx);

/* Appends the envelope of tx's fields as they are, with v, r and s: all zero when it is not signed.
 */
void tx_encode(struct buf *out, const struct tx *tx);
/* Appends the signed envelope of tx (its fields, v r s set by the secret): for tests, the demo and
 * later payments. */
void tx_sign(struct buf *out, const struct tx *tx, const struct crypto *crypto,
             const struct seckey32 *secret);

/* Development chains let a script send from an address whose key nobody has. Such a transaction has
 * the sender as its r, and as its s a number that no signature has (a hash). Only where crypto was
 * told so (crypto_impersonate) does tx_sender read it; everybody else sees a signature of somebody
 * unknown, or an invalid one. */
void tx_sign_as(struct buf *out, const struct tx *tx, const struct address20 *sender);
bool tx_is_impersonated(const struct tx *tx);

/* Iterate an access list: rest starts as tx->access_list. keys is the payload of a list of 32-byte
 * strings. False at the end or on malformed input; tx_decode has checked the whole list, so after
 * it false is the end. */
bool tx_access_next(struct span *rest, struct address20 *address, struct span *keys,
                    size_t *keys_count);
bool tx_hash_next(struct span *rest, struct hash32 *out); /* storage keys, blob hashes */

struct tx_authorization { /* EIP-7702 */
    struct u256 chain_id;
    struct address20 address;
    uint64_t nonce;
    uint64_t y_parity;
    struct u256 r, s;
};
bool tx_authorization_next(struct span *rest, struct tx_authorization *out);
bool tx_authorization_signer(struct address20 *out, const struct tx_authorization *authorization,
                             const struct crypto *crypto) WARN_UNUSED;

/* min(max_fee, base_fee + max_priority_fee), or gas_price for types 0 and 1. has_base_fee false:
 * gas_price. */
void tx_effective_gas_price(struct u256 *out, const struct tx *tx, bool has_base_fee,
                            const struct u256 *base_fee);

/* Gas that every transaction pays before it runs, and EIP-7623's floor. The rules are those of the
 * fork flags. */
struct tx_gas_rules {
    bool homestead; /* creation costs 32000 more */
    bool istanbul;  /* EIP-2028: 16 a non-zero byte */
    bool shanghai;  /* EIP-3860: 2 a word of initcode */
    bool prague;    /* EIP-7623 floor */
};
/* floor_gas is 0 before Prague. False: it does not fit 64 bits. */
bool tx_intrinsic_gas(uint64_t *gas, uint64_t *floor_gas, const struct tx *tx,
                      struct tx_gas_rules rules) WARN_UNUSED;

struct tx_gas_rules tx_gas_rules_of(enum fork fork);

/* What the rules of a fork say about a transaction on its own, before any state or block is looked
 * at. */
#define TX_RULE_MAP(X)                                                                             \
    X(KEPT, "valid")                                                                               \
    X(TYPE, "transaction type not supported")                                                      \
    X(CHAIN_ID, "invalid chain id for signer")                                                     \
    X(SIGNATURE, "invalid transaction v, r, s values")                                             \
    X(NONCE_MAX, "nonce has max value")            /* EIP-2681: 2^64 - 1 */                        \
    X(INITCODE_SIZE, "max initcode size exceeded") /* EIP-3860, from Shanghai */                   \
    X(INTRINSIC_GAS, "intrinsic gas too low")                                                      \
    X(FLOOR_GAS, "insufficient gas for floor data gas cost") /* EIP-7623, from Prague */           \
    X(GAS_LIMIT, "transaction gas limit too high")           /* EIP-7825: 2^24, from Osaka */      \
    X(TIP_ABOVE_FEE, "max priority fee per gas higher than max fee per gas")                       \
    X(COST_OVERFLOW, "gas times price does not fit 256 bits")                                      \
    X(BLOBS_NONE, "blob transaction missing blob hashes")                                          \
    X(BLOBS_MANY, "blob transaction has too many blobs") /* EIP-7594: 6, from Osaka */             \
    X(BLOB_VERSION, "blob hash has an unknown version")                                            \
    X(AUTHORIZATIONS_NONE, "EIP-7702 transaction with empty auth list")
enum tx_rule {
#define X(name, text) TX_RULE_##name,
    TX_RULE_MAP(X)
#undef X
};
const char *tx_rule_text(enum tx_rule rule); /* static storage */

struct tx_check {
    struct address20 sender;
    uint64_t intrinsic_gas;
    uint64_t floor_gas;
};
/* May a block of fork on the chain with chain_id hold tx? out is set as far as the check got, zero
 * otherwise. How many blobs a block takes is the blob schedule's business. */
enum tx_rule tx_check_for_fork(struct tx_check *out, const struct tx *tx,
                               const struct crypto *crypto, enum fork fork,
                               uint64_t chain_id) WARN_UNUSED;

#endif
