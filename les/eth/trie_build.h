/* Merkle Patricia trie, building side: persistent nodes in a store keyed by hash, so that every block's state stays readable
 * through its root (lesserve, the development chain). Values are copied. */
#ifndef LES_ETH_TRIE_BUILD_H
#define LES_ETH_TRIE_BUILD_H

#include "les/eth/trie.h"

/* Content-addressed node storage in memory. Doubles as a trie_source. */
struct node_store;
struct node_store *node_store_new(void);
void node_store_free(struct node_store *store);
/* keccak(bytes) -> bytes, copied; putting the same twice is free. */
void node_store_put(struct node_store *store, const struct hash32 *hash, struct span bytes);
bool node_store_get(struct node_store *store, const struct hash32 *hash, struct span *bytes);
struct trie_source *node_store_source(struct node_store *store);
size_t node_store_bytes(const struct node_store *store);

/* A trie under edit: starts at root (EMPTY_TRIE_ROOT for none), reads nodes from store on demand, keeps edits in memory until
 * commit. A node missing from the store on the path makes put and delete return STATUS_NOT_FOUND and change nothing. */
struct trie;
struct trie *trie_new(struct node_store *store, const struct hash32 *root);
void trie_free(struct trie *trie);
enum status trie_get(struct trie *trie, struct span key, struct span *value) WARN_UNUSED; /* NOT_FOUND: no value; borrowed until the next edit */
enum status trie_put(struct trie *trie, struct span key, struct span value) WARN_UNUSED;  /* an empty value deletes */
enum status trie_delete(struct trie *trie, struct span key) WARN_UNUSED;
/* Hashes what changed, writes new nodes to the store, returns the root; the trie stays usable. */
void trie_commit(struct trie *trie, struct hash32 *root);

/* Proof of key under root: appends the raw nodes with hash, root first, leaving out the first from_level ones and those
 * for which seen returns true (deduplication of one reply; may be NULL). STATUS_NOT_FOUND: a node is not in the store. */
enum status trie_prove(struct node_store *store, const struct hash32 *root, struct span key, unsigned from_level,
                       bool (*seen)(void *owner, const struct hash32 *hash), void *owner, struct buf *out) WARN_UNUSED;

/* Calls visit for every key and value under root in key order; stops when it returns false. key is the full path in bytes. */
enum status trie_each(struct node_store *store, const struct hash32 *root,
                      bool (*visit)(void *owner, struct span key, struct span value), void *owner) WARN_UNUSED;

#endif
