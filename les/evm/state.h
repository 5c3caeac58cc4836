/* World state under execution: an overlay over a backend, with a journal. Knows transactions
 * (original values, warm sets, transient storage, accounts created and destroyed) and nothing of
 * opcodes.
 *
 * A function that may have to ask the backend returns false when the backend answers MISSING; the
 * state then remembers what (evm_state_missing) and the execution must stop: nothing read after
 * that may be trusted. Everything belongs to one thread. */
#ifndef LES_EVM_STATE_H
#define LES_EVM_STATE_H

#include "les/eth/trie_build.h"
#include "les/evm/code.h"

/* ---- what is below ---- */
enum evm_lookup { EVM_LOOKUP_FOUND, EVM_LOOKUP_ABSENT, EVM_LOOKUP_MISSING };

enum evm_missing_kind {
    EVM_MISSING_NOTHING,
    EVM_MISSING_ACCOUNT,
    EVM_MISSING_STORAGE,
    EVM_MISSING_CODE,
    EVM_MISSING_BLOCK_HASH
};
struct evm_missing {
    enum evm_missing_kind kind;
    struct address20 address;
    struct hash32 key; /* storage key, or the code's hash */
    uint64_t number;   /* of the block whose hash is wanted */
};

struct evm_backend;
struct evm_backend_ops {
    enum evm_lookup (*account)(struct evm_backend *backend, const struct address20 *address,
                               struct account *out);
    /* key is the slot, not hashed; root is the account's storage root in the backend and not the
     * empty one. ABSENT reads as zero. */
    enum evm_lookup (*storage)(struct evm_backend *backend, const struct address20 *address,
                               const struct hash32 *root, const struct hash32 *key,
                               struct u256 *out);
    /* out is borrowed until the next call. hash is not that of empty code. ABSENT: the backend
     * guesses, and the run goes on without code. */
    enum evm_lookup (*code)(struct evm_backend *backend, const struct address20 *address,
                            const struct hash32 *hash, struct span *out);
};
struct evm_backend {
    const struct evm_backend_ops *ops;
};

/* A backend over tries and code in a node_store at root (lesserve, tests). It must outlive the
 * state. */
struct evm_store_backend {
    struct evm_backend backend;
    struct node_store *store;
    struct hash32 root;
};
void evm_store_backend_init(struct evm_store_backend *backend, struct node_store *store,
                            const struct hash32 *root);

/* ---- the overlay ---- */
/* Read the fields, change them through the functions. Pointers stay valid as long as the state
 * lives. */
struct evm_account {
    struct address20 address;
    bool loaded; /* the fields below mean something */
    bool exists;
    bool destroyed;     /* SELFDESTRUCT in this transaction */
    bool stored_exists; /* as of the last commit */
    uint64_t nonce;
    struct u256 balance;
    struct hash32 code_hash;
    struct evm_code *code;      /* NULL until asked for */
    struct account stored;      /* as of the backend or the last commit */
    struct hash32 backend_root; /* of its storage, in the backend: a commit does not change that */
    uint64_t created_tx, touched_tx,
        warm_tx;         /* the transaction in which that happened last; 0 = never */
    uint32_t generation; /* counts how often its storage was wiped */
    uint32_t stored_generation;
    bool dirty; /* in the list for the next commit */
    struct evm_slot *slots;
};

struct evm_slot {
    struct u256 key;
    struct evm_account *account;
    struct evm_slot *next; /* of the account */
    bool loaded;
    uint32_t generation;
    struct u256 value;
    struct u256 original;  /* at the start of the transaction tx */
    struct u256 stored;    /* as of the backend or the last commit */
    struct u256 transient; /* of transaction transient_tx */
    uint64_t tx, warm_tx, transient_tx;
};

struct evm_log {
    struct address20 address;
    unsigned topics_count;
    struct hash32 topics[4];
    size_t data_offset, data_size; /* in evm_state_log_data */
};

struct evm_state;
/* cache may be NULL: the state keeps its own. Both are borrowed. */
struct evm_state *evm_state_new(struct evm_backend *backend, struct evm_code_cache *cache);
void evm_state_free(struct evm_state *state);
const struct evm_missing *evm_state_missing(const struct evm_state *state);
void evm_state_miss_block_hash(struct evm_state *state,
                               uint64_t number); /* the interpreter found one missing */

/* A transaction: begin forgets warm sets, transient storage, original values, logs, refunds and the
 * journal. end removes destroyed accounts, and with delete_empty (EIP-158) the touched empty ones.
 */
void evm_state_begin(struct evm_state *state);
void evm_state_end(struct evm_state *state, bool delete_empty);

/* The account's entry, without asking the backend. */
struct evm_account *evm_state_entry(struct evm_state *state, const struct address20 *address);
bool evm_state_load(struct evm_state *state, struct evm_account *account) WARN_UNUSED;
/* Both at once; false: missing. */
bool evm_state_account(struct evm_state *state, const struct address20 *address,
                       struct evm_account **out) WARN_UNUSED;
bool evm_state_code(struct evm_state *state, struct evm_account *account,
                    struct evm_code **out) WARN_UNUSED; /* borrowed */
/* EIP-161: no code, no nonce, no balance. */
bool evm_account_is_empty(const struct evm_account *account);
/* Code, nonce or storage: nothing can be created there (EIP-684, EIP-7610). */
bool evm_account_is_taken(const struct evm_account *account);

/* Changes; accounts must be loaded. Each can be undone by a revert. A change of an absent account
 * makes it. */
void evm_state_touch(struct evm_state *state, struct evm_account *account);
void evm_state_set_balance(struct evm_state *state, struct evm_account *account,
                           const struct u256 *balance);
void evm_state_add_balance(struct evm_state *state, struct evm_account *account,
                           const struct u256 *amount);
void evm_state_sub_balance(struct evm_state *state, struct evm_account *account,
                           const struct u256 *amount); /* must suffice */
void evm_state_set_nonce(struct evm_state *state, struct evm_account *account, uint64_t nonce);
void evm_state_set_code(struct evm_state *state, struct evm_account *account,
                        struct span code); /* copied */
void evm_state_create(struct evm_state *state, struct evm_account *account,
                      uint64_t nonce); /* keeps the balance */
void evm_state_destroy(struct evm_state *state, struct evm_account *account);
bool evm_state_created_now(const struct evm_state *state, const struct evm_account *account);

/* Storage. The slot's entry without the backend, then its value. */
struct evm_slot *evm_state_slot(struct evm_state *state, struct evm_account *account,
                                const struct u256 *key);
bool evm_state_load_slot(struct evm_state *state, struct evm_slot *slot) WARN_UNUSED;
void evm_state_store(struct evm_state *state, struct evm_slot *slot,
                     const struct u256 *value); /* slot is loaded */
void evm_state_transient_load(const struct evm_state *state, const struct evm_slot *slot,
                              struct u256 *out);
void evm_state_transient_store(struct evm_state *state, struct evm_slot *slot,
                               const struct u256 *value);
/* For overrides and tests: the account's storage becomes empty, not undone by a revert. */
void evm_state_wipe(struct evm_state *state, struct evm_account *account);

/* EIP-2929. True: it was cold, and is warm from now on. */
bool evm_state_warm_account(struct evm_state *state, struct evm_account *account);
bool evm_state_warm_slot(struct evm_state *state, struct evm_slot *slot);
bool evm_state_is_warm_account(const struct evm_state *state, const struct evm_account *account);
bool evm_state_is_warm_slot(const struct evm_state *state, const struct evm_slot *slot);

void evm_state_refund(struct evm_state *state, int64_t gas); /* may be negative */
int64_t evm_state_refunded(const struct evm_state *state);
void evm_state_log(struct evm_state *state, const struct address20 *address,
                   const struct hash32 *topics, unsigned topics_count, struct span data);
const struct evm_log *evm_state_logs(const struct evm_state *state, size_t *count);
struct span evm_state_log_data(const struct evm_state *state, const struct evm_log *log);

struct evm_snapshot {
    size_t journal, logs, log_bytes;
    int64_t refund;
};
struct evm_snapshot evm_state_snapshot(const struct evm_state *state);
void evm_state_revert(struct evm_state *state, struct evm_snapshot snapshot);

/* Every account that the state has an entry for, in no order that means anything; slots hang on it.
 * With evm_state_is_warm_* that is what the last transaction touched (eth_createAccessList, learned
 * access lists). */
void evm_state_each_account(struct evm_state *state,
                            void (*visit)(void *owner, const struct evm_account *account),
                            void *owner);

/* Between transactions: writes what changed since the last commit into the tries of store at *root
 * and code under its hash, and sets *root. STATUS_NOT_FOUND: the store lacks a node on the way. */
enum status evm_state_commit(struct evm_state *state, struct node_store *store,
                             struct hash32 *root) WARN_UNUSED;

/* A trie node that a commit lacked: it lies on the path of key, in the trie of accounts or in the
 * storage trie of address. */
struct evm_gap {
    bool in_storage;
    struct address20 address;
    struct hash32 key; /* hashed, as the trie has it */
};
/* evm_state_commit over a store that holds only the nodes of some proofs. Says each node that is
 * missing and goes on without the change that needed it, to find what else is missing. When it
 * returns STATUS_NOT_FOUND, *root is worth nothing but as the start of a next such commit. Values
 * are written before others are deleted: a branch then collapses, and asks for its last child, only
 * if it must. */
enum status evm_state_commit_partial(struct evm_state *state, struct node_store *store,
                                     struct hash32 *root,
                                     void (*on_gap)(void *owner, const struct evm_gap *gap),
                                     void *owner) WARN_UNUSED;

#endif
