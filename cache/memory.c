#include "cache/cache.h"

#include "les/base/table.h"

struct entry {
    struct entry *newer, *older;
    struct hash32 slot_key; /* key with the kind mixed in */
    uint32_t size;
    uint8_t data[];
};

struct memory {
    struct cache_tier tier;
    struct table table;
    struct entry *newest, *oldest;
    size_t bytes, bytes_max;
    struct cache_stats stats;
};

/* malloc's own header, and the table slot at its load factor. */
#define ENTRY_OVERHEAD (sizeof(struct entry) + 16 + 2 * sizeof(struct table_slot))

static void slot_key(struct hash32 *out, enum cache_kind kind, const struct hash32 *key)
{
    *out = *key;
    out->bytes[31] ^= (uint8_t)(kind + 1);
}

static void unlink_entry(struct memory *memory, struct entry *entry)
{
    if (entry->newer != NULL)
        entry->newer->older = entry->older;
    else
        memory->newest = entry->older;
    if (entry->older != NULL)
        entry->older->newer = entry->newer;
    else
        memory->oldest = entry->newer;
}

static void link_newest(struct memory *memory, struct entry *entry)
{
    entry->newer = NULL;
    entry->older = memory->newest;
    if (memory->newest != NULL)
        memory->newest->newer = entry;
    else
        memory->oldest = entry;
    memory->newest = entry;
}

static void drop(struct memory *memory, struct entry *entry)
{
    unlink_entry(memory, entry);
    table_remove(&memory->table, entry->slot_key.bytes);
    memory->bytes -= entry->size + ENTRY_OVERHEAD;
    mem_free(entry);
}

static bool on_get(struct cache_tier *tier, enum cache_kind kind, const struct hash32 *key,
                   struct span *value)
{
    struct memory *memory = container_of(tier, struct memory, tier);
    struct hash32 slot;
    slot_key(&slot, kind, key);
    struct entry *entry = table_get(&memory->table, slot.bytes);
    if (entry == NULL) {
        memory->stats.misses[kind]++;
        *value = SPAN_EMPTY;
        return false;
    }
    if (entry != memory->newest) {
        unlink_entry(memory, entry);
        link_newest(memory, entry);
    }
    memory->stats.hits[kind]++;
    *value = SPAN(entry->data, entry->size);
    return true;
}

static void on_put(struct cache_tier *tier, enum cache_kind kind, const struct hash32 *key,
                   struct span value)
{
    struct memory *memory = container_of(tier, struct memory, tier);
    struct hash32 slot;
    if (value.size > memory->bytes_max / 8)
        return;
    slot_key(&slot, kind, key);
    if (table_get(&memory->table, slot.bytes) != NULL)
        return; /* what is kept under a key never changes */
    size_t needed = value.size + ENTRY_OVERHEAD;
    while (memory->bytes + needed > memory->bytes_max) {
        drop(memory, memory->oldest);
        memory->stats.evictions++;
    }
    struct entry *entry = mem_alloc(sizeof *entry + value.size);
    entry->slot_key = slot;
    entry->size = (uint32_t)value.size;
    if (value.size > 0)
        memcpy(entry->data, value.data, value.size);
    link_newest(memory, entry);
    (void)table_put(&memory->table, entry->slot_key.bytes, entry);
    memory->bytes += needed;
}

static void on_stats(const struct cache_tier *tier, struct cache_stats *out)
{
    const struct memory *memory = container_of(tier, const struct memory, tier);
    *out = memory->stats;
    out->entries = memory->table.count;
    out->bytes = memory->bytes;
    out->bytes_max = memory->bytes_max;
}

static void on_free(struct cache_tier *tier)
{
    struct memory *memory = container_of(tier, struct memory, tier);
    while (memory->oldest != NULL)
        drop(memory, memory->oldest);
    table_free(&memory->table);
    mem_free(memory);
}

static const struct cache_tier_ops MEMORY_OPS = {on_get, on_put, on_stats, on_free};

struct cache_tier *cache_memory_new(size_t bytes_max, uint64_t seed)
{
    struct memory *memory = mem_alloc(sizeof *memory);
    ASSERT(bytes_max >= 8 * ENTRY_OVERHEAD);
    memory->tier.ops = &MEMORY_OPS;
    memory->bytes_max = bytes_max;
    table_init(&memory->table, seed);
    return &memory->tier;
}

void cache_free(struct cache_tier *tier)
{
    if (tier != NULL)
        tier->ops->free(tier);
}
