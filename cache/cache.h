/* What was proved or rendered before, by key. Tiers stand one behind the other behind a vtable: the
 * memory tier answers at once; a tier that has to be asked over a network comes later, behind the
 * same shape.
 *
 * Objects are stored under the hash that proves them (trie nodes, code) or under the block hash
 * whose roots they were checked against (bodies, receipts); rendered answers under a key that
 * includes the block hash. So a reorg makes nothing stale. */
#ifndef CACHE_CACHE_H
#define CACHE_CACHE_H

#include "les/eth/types.h"

enum cache_kind {
    CACHE_NODE,     /* trie node by its keccak */
    CACHE_CODE,     /* code by its keccak */
    CACHE_BODY,     /* raw body by block hash */
    CACHE_RECEIPTS, /* payload of the receipt list by block hash */
    CACHE_ANSWER,   /* rendered JSON by what it answers */
    CACHE_KIND_COUNT
};

struct cache_stats {
    uint64_t hits[CACHE_KIND_COUNT], misses[CACHE_KIND_COUNT];
    uint64_t evictions;
    uint64_t entries, bytes, bytes_max;
};

struct cache_tier {
    const struct cache_tier_ops {
        /* True: *value is borrowed until the next call into the tier. */
        bool (*get)(struct cache_tier *tier, enum cache_kind kind, const struct hash32 *key,
                    struct span *value);
        void (*put)(struct cache_tier *tier, enum cache_kind kind, const struct hash32 *key,
                    struct span value); /* copies */
        void (*stats)(const struct cache_tier *tier, struct cache_stats *out);
        void (*free)(struct cache_tier *tier);
    } * ops;
};

static inline bool cache_get(struct cache_tier *tier, enum cache_kind kind,
                             const struct hash32 *key, struct span *value)
{
    return tier->ops->get(tier, kind, key, value);
}
static inline void cache_put(struct cache_tier *tier, enum cache_kind kind,
                             const struct hash32 *key, struct span value)
{
    tier->ops->put(tier, kind, key, value);
}

/* The embedded tier: least recently used goes first. bytes_max bounds keys, values and bookkeeping
 * together; a value larger than an eighth of it is not kept. seed: random, for the table. */
struct cache_tier *cache_memory_new(size_t bytes_max, uint64_t seed);
void cache_free(struct cache_tier *tier);

#endif
