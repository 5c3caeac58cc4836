/* What a full node gave and was verified, by hash; the least recently used go first when it gets
 * too large. Values are copied. One thread. */
#ifndef LES_NODE_FULL_CACHE_H
#define LES_NODE_FULL_CACHE_H

#include "les/base/table.h"
#include "les/eth/trie.h"

enum full_cache_kind {
    FULL_CACHE_HEADER = 1, /* block hash: raw header */
    FULL_CACHE_NUMBER,     /* full_cache_number_key: block hash, of blocks below the window */
    FULL_CACHE_BODY,       /* block hash: raw body */
    FULL_CACHE_RECEIPTS,   /* block hash: raw receipt list */
    FULL_CACHE_NODE,       /* hash of a trie node */
    FULL_CACHE_CODE,       /* code hash */
    FULL_CACHE_NAME        /* keccak of an address (20 bytes) or of a slot (32 bytes) */
};
struct full_cache;
struct full_cache *full_cache_new(size_t bytes_max, uint64_t seed);
void full_cache_free(struct full_cache *cache); /* NULL is legal */
/* value is borrowed until the next put. */
bool full_cache_get(struct full_cache *cache, enum full_cache_kind kind, const struct hash32 *key,
                    struct span *value);
/* Replaces. Larger than an eighth of the cache: not kept. */
void full_cache_put(struct full_cache *cache, enum full_cache_kind kind, const struct hash32 *key,
                    struct span value);
/* epoch: another one makes all numbers unknown. */
void full_cache_number_key(struct hash32 *out, uint64_t epoch, uint64_t number);
struct trie_source *full_cache_nodes(struct full_cache *cache);
void full_cache_stats(const struct full_cache *cache, uint64_t *entries, uint64_t *bytes,
                      uint64_t *hits, uint64_t *misses);

#endif
