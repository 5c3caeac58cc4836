/* Merkle Patricia trie, building side: persistent nodes in a store keyed by hash, so that every
 * block's state stays readable through its root (lesserve, the development chain). Values are
 * copied. */
#ifndef LES_ETH_TRIE_BUILD_H
#define LES_ETH_TRIE_BUILD_H

#include "les/eth/trie.h"

/* Content-addressed node storage in memory: entries are only ever added and never move, so what
 * node_store_get gives is borrowed as long as the store lives. About 48 bytes per entry beside its
 * own. Doubles as a trie_source. */
struct node_store;
struct node_store *node_store_new(void);
void node_store_free(struct node_store *store);
/* keccak(bytes) -> bytes, copied; putting the same twice is free. The caller answers for the hash.
 */
void node_store_put(struct node_store *store, const struct hash32 *hash, struct span bytes);
bool node_store_get(struct node_store *store, const struct hash32 *hash, struct span *bytes);
struct trie_source *node_store_source(struct node_store *store);
size_t node_store_bytes(const struct node_store *store);

/* A trie under edit: starts at root (EMPTY_TRIE_ROOT for none), reads nodes from store on demand,
 * keeps edits in memory until commit, which releases them. Keys are at most TRIE_KEY_SIZE_MAX
 * bytes. The store must outlive the trie. put and delete return STATUS_NOT_FOUND when a node on the
 * path is missing from the store and STATUS_INVALID when one is malformed; then nothing is changed.
 */
struct trie;
struct trie *trie_new(struct node_store *store, const struct hash32 *root);
void trie_free(struct trie *trie);
/* Returns: STATUS_NOT_FOUND: the key has no value; STATUS_UNAVAILABLE: a node is missing from the
 * store; STATUS_INVALID. value is borrowed until the next edit or commit. */
enum status trie_get(struct trie *trie, struct span key, struct span *value) WARN_UNUSED;
enum status trie_put(struct trie *trie, struct span key,
                     struct span value) WARN_UNUSED; /* an empty value deletes */
enum status trie_delete(struct trie *trie,
                        struct span key) WARN_UNUSED; /* of an absent key: STATUS_OK */
/* After put or delete said STATUS_NOT_FOUND: the node that was missing. A key that begins with path
 * passes through it; the rest of path is zero. */
struct trie_gap {
    struct hash32 hash;
    unsigned nibbles;
    uint8_t path[TRIE_KEY_SIZE_MAX];
};
const struct trie_gap *trie_missing(const struct trie *trie);
/* Hashes what changed, writes new nodes to the store, returns the root; the trie stays usable. */
void trie_commit(struct trie *trie, struct hash32 *root);

/* Proof of key under root: appends the raw nodes with hash, root first, leaving out the first
 * from_level ones (embedded nodes do not count, as in go-ethereum's fromLevel) and those for which
 * seen returns true (deduplication of one reply; may be NULL). An empty trie has an empty proof.
 * When this does not return STATUS_OK, out is as it was and seen was not called. Returns:
 * STATUS_NOT_FOUND: a node is not in the store; STATUS_INVALID: one is malformed. */
enum status trie_prove(struct node_store *store, const struct hash32 *root, struct span key,
                       unsigned from_level, bool (*seen)(void *owner, const struct hash32 *hash),
                       void *owner, struct buf *out) WARN_UNUSED;

/* Calls visit for every key and value under root in key order; stops when it returns false
 * (STATUS_OK). key is the full path in bytes; both are borrowed until visit returns (value as long
 * as the store lives). Returns: STATUS_NOT_FOUND: a node is not in the store; STATUS_INVALID: one
 * is malformed. */
enum status trie_each(struct node_store *store, const struct hash32 *root,
                      bool (*visit)(void *owner, struct span key, struct span value),
                      void *owner) WARN_UNUSED;

#endif
