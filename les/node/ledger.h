/* A chain to serve, whole and in memory: headers, bodies, receipts, every state, transactions by
 * hash, total difficulty, helper tries. Blocks enter by execution on their parent's state; what
 * they claim is compared with what they did. One thread.
 *
 * What is not checked: seals (ethash, who may sign a clique block, consensus layer). Whoever feeds
 * a ledger vouches for the order of blocks; everything else in them is verified, difficulty and
 * uncles too. Nothing is pruned and nothing is kept on disk. */
#ifndef LES_NODE_LEDGER_H
#define LES_NODE_LEDGER_H

#include "les/base/log.h"
#include "les/eth/chainspec.h"
#include "les/eth/cht.h"
#include "les/evm/transition.h"
#include "les/node/hash_map.h"

/* One block; lives as long as the ledger. */
struct ledger_tx {
    struct hash32 hash;
    struct ledger_block *block;
    size_t index;
};
struct ledger_block {
    struct hash32 hash;
    struct ledger_block *parent; /* NULL: genesis */
    struct header header;
    struct u256 td; /* with its own difficulty */
    struct span header_rlp;
    struct span body_rlp;     /* [transactions, uncles(, withdrawals)] */
    struct span receipts_rlp; /* the whole list; only if has_receipts */
    bool has_state, has_receipts;
    struct ledger_tx *txs;
    size_t txs_count;
    uint8_t *memory; /* holds the three */
};

struct ledger;
struct ledger_config {
    const struct chainspec *spec; /* must outlive the ledger */
    const struct crypto *crypto;  /* likewise */
    struct log *log;              /* may be NULL */
    struct node_store *store;     /* holds state and code of the genesis; must outlive the ledger */
    uint64_t section_size;        /* of helper tries; 0: CHT_SECTION_SIZE */
    uint64_t section_confirmations; /* 0: CHT_SERVER_CONFIRMATIONS */
    /* How many blocks behind a merged head are called safe and finalized. */
    uint64_t safe_distance, finalized_distance;
    /* The head moved; from == to only for the first one. May be NULL. */
    void (*on_head)(void *owner, struct ledger_block *from, struct ledger_block *to);
    bool (*stopped)(void *owner); /* asked between the blocks of an import; may be NULL */
    void *owner;
};
/* genesis: with its state root; copied. */
struct ledger *ledger_new(const struct ledger_config *config, const struct header *genesis);
void ledger_free(struct ledger *ledger);

/* Adds [header, transactions, uncles(, withdrawals)]; bytes are copied. Moves the head if this one
 * is better: more total difficulty; after the merge, a higher number. STATUS_OK         added, or
 * it was there already STATUS_NOT_FOUND  the parent is not known STATUS_INVALID    error has got a
 * line that says which block and what is wrong with it */
enum status ledger_add(struct ledger *ledger, struct span block_rlp, struct buf *error) WARN_UNUSED;
/* A block of a development chain that rules forbid (its state was changed by hand, its base fee or
 * gas limit was set): not executed and its header not compared with its parent's but for number and
 * time. The caller ran it on ledger_place(parent), so that its state is in the store. receipts:
 * payload of their list. Who only executes blocks refuses it. */
enum status ledger_add_made(struct ledger *ledger, struct span block_rlp,
                            const struct buf *receipts, struct buf *error) WARN_UNUSED;
/* Blocks one after the other, as a chain file has them (a genesis at the start must be ours). Stops
 * at the first bad one. STATUS_CANCELLED: config.stopped said so; what was added stays. */
enum status ledger_import(struct ledger *ledger, struct span chain_rlp,
                          struct buf *error) WARN_UNUSED;
/* The same without executing: blocks have no state and no receipts, except empty ones; bodies are
 * compared with their headers. For a chain whose head state comes from elsewhere: afterwards the
 * head has its state if the store holds its root, and blocks on top of it can be executed. */
enum status ledger_import_unexecuted(struct ledger *ledger, struct span chain_rlp,
                                     struct buf *error) WARN_UNUSED;
/* Makes any known block the head, forward or back. */
void ledger_set_head(struct ledger *ledger, struct ledger_block *head);
/* For a chain that makes its own blocks: what executing needs to know. Borrowed; valid while the
 * ledger lives. */
const struct block_place *ledger_place(struct ledger *ledger, struct ledger_block *parent);

struct ledger_block *ledger_head(const struct ledger *ledger);
struct ledger_block *ledger_genesis(const struct ledger *ledger);
struct ledger_block *ledger_by_hash(const struct ledger *ledger,
                                    const struct hash32 *hash); /* NULL: unknown */
struct ledger_block *ledger_by_number(const struct ledger *ledger,
                                      uint64_t number); /* canonical; NULL: beyond the head */
bool ledger_is_canonical(const struct ledger *ledger, const struct ledger_block *block);
/* NULL: in no canonical block. */
const struct ledger_tx *ledger_tx(const struct ledger *ledger, const struct hash32 *hash);
struct ledger_block *ledger_ancestor(struct ledger_block *a,
                                     struct ledger_block *b); /* the newest common one */
/* Blocks behind the head; NULL before the merge. */
struct ledger_block *ledger_safe(const struct ledger *ledger);
struct ledger_block *ledger_finalized(const struct ledger *ledger);
const struct chainspec *ledger_spec(const struct ledger *ledger);
struct node_store *ledger_store(const struct ledger *ledger);

/* The account under a block's state root. key: keccak(address). False: absent or no such state. */
bool ledger_account(const struct ledger *ledger, const struct ledger_block *block,
                    const struct hash32 *key, struct account *out) WARN_UNUSED;

/* Helper tries. */
struct ledger_section {
    struct hash32 head, cht_root, bloom_root;
};
size_t ledger_sections_count(const struct ledger *ledger);
const struct ledger_section *ledger_section(const struct ledger *ledger,
                                            uint64_t index); /* NULL: not built */

#endif
