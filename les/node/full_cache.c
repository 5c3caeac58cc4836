#include "les/node/full_cache.h"

#define ENTRY_OVERHEAD 160 /* the entry, its place in the table, what malloc adds */

struct entry {
    struct hash32 key;
    struct entry *newer, *older;
    size_t size;
    uint8_t bytes[];
};

struct full_cache {
    struct trie_source nodes;
    struct table table;
    struct entry *newest, *oldest;
    size_t bytes, bytes_max;
    uint64_t hits, misses;
};

static bool on_get_node(struct trie_source *source, const struct hash32 *hash, struct span *node)
{
    return full_cache_get(container_of(source, struct full_cache, nodes), FULL_CACHE_NODE, hash,
                          node);
}

struct full_cache *full_cache_new(size_t bytes_max, uint64_t seed)
{
    struct full_cache *cache = mem_alloc(sizeof(*cache));
    cache->nodes.get = on_get_node;
    cache->bytes_max = bytes_max;
    table_init(&cache->table, seed);
    return cache;
}

static void unlink_entry(struct full_cache *cache, struct entry *entry)
{
    if (entry->newer != NULL)
        entry->newer->older = entry->older;
    else
        cache->newest = entry->older;
    if (entry->older != NULL)
        entry->older->newer = entry->newer;
    else
        cache->oldest = entry->newer;
}

static void link_newest(struct full_cache *cache, struct entry *entry)
{
    entry->newer = NULL;
    entry->older = cache->newest;
    if (cache->newest != NULL)
        cache->newest->newer = entry;
    else
        cache->oldest = entry;
    cache->newest = entry;
}

static void drop(struct full_cache *cache, struct entry *entry)
{
    unlink_entry(cache, entry);
    table_remove(&cache->table, entry->key.bytes);
    cache->bytes -= entry->size + ENTRY_OVERHEAD;
    mem_free(entry);
}

void full_cache_free(struct full_cache *cache)
{
    if (cache == NULL)
        return;
    while (cache->oldest != NULL)
        drop(cache, cache->oldest);
    table_free(&cache->table);
    mem_free(cache);
}

/* Kinds have key spaces of their own: two objects under one hash are one object of one kind. */
static struct hash32 place_of(enum full_cache_kind kind, const struct hash32 *key)
{
    struct hash32 place = *key;
    place.bytes[31] ^= (uint8_t)kind;
    return place;
}

bool full_cache_get(struct full_cache *cache, enum full_cache_kind kind, const struct hash32 *key,
                    struct span *value)
{
    struct hash32 place = place_of(kind, key);
    struct entry *entry = table_get(&cache->table, place.bytes);
    if (entry == NULL) {
        cache->misses++;
        return false;
    }
    cache->hits++;
    unlink_entry(cache, entry);
    link_newest(cache, entry);
    *value = SPAN(entry->bytes, entry->size);
    return true;
}

void full_cache_put(struct full_cache *cache, enum full_cache_kind kind, const struct hash32 *key,
                    struct span value)
{
    struct hash32 place = place_of(kind, key);
    struct entry *old = table_get(&cache->table, place.bytes);
    if (old != NULL && span_equal(SPAN(old->bytes, old->size), value))
        return;
    if (value.size > cache->bytes_max / 8)
        return;
    struct entry *entry = mem_alloc(sizeof(*entry) + value.size);
    entry->key = place;
    entry->size = value.size;
    if (value.size > 0)
        memcpy(entry->bytes, value.data, value.size);
    if (old != NULL)
        drop(cache, old);
    (void)table_put(&cache->table, entry->key.bytes, entry);
    link_newest(cache, entry);
    cache->bytes += value.size + ENTRY_OVERHEAD;
    while (cache->bytes > cache->bytes_max)
        drop(cache, cache->oldest);
}

void full_cache_number_key(struct hash32 *out, uint64_t epoch, uint64_t number)
{
    *out = HASH32_ZERO;
    be_write(out->bytes, 8, number);
    be_write(out->bytes + 8, 8, epoch);
}

struct trie_source *full_cache_nodes(struct full_cache *cache)
{
    return &cache->nodes;
}

void full_cache_stats(const struct full_cache *cache, uint64_t *entries, uint64_t *bytes,
                      uint64_t *hits, uint64_t *misses)
{
    *entries = cache->table.count;
    *bytes = cache->bytes;
    *hits = cache->hits;
    *misses = cache->misses;
}
