/* What state.c and state_commit.c share. */
#ifndef LES_EVM_STATE_INTERNAL_H
#define LES_EVM_STATE_INTERNAL_H

#include "les/eth/u256.h"
#include "les/evm/state.h"

enum journal_kind {
    JOURNAL_ACCOUNT,
    JOURNAL_SLOT,
    JOURNAL_TRANSIENT,
    JOURNAL_WARM_ACCOUNT,
    JOURNAL_WARM_SLOT
};

struct account_before {
    bool exists, destroyed;
    uint64_t nonce;
    struct u256 balance;
    struct hash32 code_hash;
    struct evm_code *code; /* held */
    uint64_t created_tx, touched_tx;
};

/* Small, because a long run makes many: accounts, which are large, lie in a list of their own, in
 * the same order. */
struct journal {
    enum journal_kind kind;
    union {
        struct evm_account *account;
        struct evm_slot *slot;
    };
    struct u256 value; /* of a slot */
};

/* Places of the tables, open addressing. The hash is kept so that neither a look-up nor growing has
 * to touch entries of other keys. */
struct account_place {
    uint64_t hash;
    struct evm_account *account; /* NULL: free */
};
struct slot_place {
    uint64_t hash;
    struct evm_slot *slot;
};

struct block;
struct evm_state {
    struct evm_backend *backend;
    struct evm_code_cache *cache;
    uint64_t seed;
    uint64_t tx; /* counts transactions; entries remember in which one something happened */
    struct account_place *accounts;
    size_t accounts_count, accounts_capacity;
    struct slot_place *slots;
    size_t slots_count, slots_capacity;
    struct block *blocks;
    struct journal *journal;
    size_t journal_count, journal_capacity;
    struct account_before *befores; /* one for each JOURNAL_ACCOUNT */
    size_t befores_count, befores_capacity;
    struct evm_log *logs;
    size_t logs_count, logs_capacity;
    struct buf log_data;
    int64_t refund;
    struct evm_account **touched; /* in this transaction; may repeat */
    size_t touched_count, touched_capacity;
    struct evm_account **dirty; /* since the last commit */
    size_t dirty_count, dirty_capacity;
    struct evm_missing missing;
};

#endif
