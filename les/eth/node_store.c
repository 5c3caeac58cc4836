#include "les/eth/trie_build.h"

#include "les/base/limits.h"

/* Entries lie one behind the other in chunks that never move or shrink; an index finds them by the
 * first bytes of the hash. Places are counted in units of 8 bytes, so 32 bits reach 32 GiB. */
#define UNIT        8
#define CHUNK_SIZE  KIB(256)
#define CHUNK_UNITS (CHUNK_SIZE / UNIT)
#define SLOTS_START 256

struct entry {
    uint8_t hash[32];
    uint32_t size;
    uint8_t bytes[];
};

/* tag is the first 4 bytes of the hash; place is 0 in a free slot, otherwise the entry's unit + 1.
 */
struct slot {
    uint32_t tag;
    uint32_t place;
};

struct node_store {
    struct trie_source source;
    uint8_t **chunks; /* an entry larger than a chunk takes a run of them: the first holds it, the
                         others are NULL */
    size_t chunks_count, chunks_capacity;
    size_t chunk_used; /* bytes of the last one */
    struct slot *slots;
    size_t slots_count; /* a power of two */
    size_t entries_count;
};

static bool on_get(struct trie_source *source, const struct hash32 *hash, struct span *node)
{
    return node_store_get(container_of(source, struct node_store, source), hash, node);
}

struct node_store *node_store_new(void)
{
    struct node_store *store = mem_alloc(sizeof(*store));
    store->source.get = on_get;
    store->slots_count = SLOTS_START;
    store->slots = mem_alloc(store->slots_count * sizeof(*store->slots));
    return store;
}

void node_store_free(struct node_store *store)
{
    if (!store)
        return;
    for (size_t i = 0; i < store->chunks_count; i++)
        mem_free(store->chunks[i]);
    mem_free(store->chunks);
    mem_free(store->slots);
    mem_free(store);
}

static struct entry *entry_at(const struct node_store *store, uint32_t place)
{
    size_t unit = place - 1u;
    return (struct entry *)(void *)(store->chunks[unit / CHUNK_UNITS] + unit % CHUNK_UNITS * UNIT);
}

static uint32_t tag_of(const struct hash32 *hash)
{
    return (uint32_t)be_read(hash->bytes, 4);
}

/* The slot that holds hash, or the free one where it belongs. */
static struct slot *find(const struct node_store *store, const struct hash32 *hash)
{
    uint32_t tag = tag_of(hash);
    size_t mask = store->slots_count - 1;
    for (size_t at = tag & mask;; at = (at + 1) & mask) {
        struct slot *slot = &store->slots[at];
        if (slot->place == 0)
            return slot;
        if (slot->tag == tag && memcmp(entry_at(store, slot->place)->hash, hash->bytes, 32) == 0)
            return slot;
    }
}

static void grow_slots(struct node_store *store)
{
    struct slot *old = store->slots;
    size_t old_count = store->slots_count;
    store->slots_count *= 2;
    store->slots = mem_alloc(store->slots_count * sizeof(*store->slots));
    size_t mask = store->slots_count - 1;
    for (size_t i = 0; i < old_count; i++) {
        if (old[i].place == 0)
            continue;
        size_t at = old[i].tag & mask;
        while (store->slots[at].place != 0)
            at = (at + 1) & mask;
        store->slots[at] = old[i];
    }
    mem_free(old);
}

static void add_chunk(struct node_store *store, uint8_t *chunk)
{
    if (store->chunks_count == store->chunks_capacity) {
        store->chunks_capacity = store->chunks_capacity ? store->chunks_capacity * 2 : 8;
        store->chunks = mem_realloc(store->chunks, store->chunks_capacity * sizeof(*store->chunks));
    }
    store->chunks[store->chunks_count++] = chunk;
}

/* Returns the place of size fresh bytes. */
static uint32_t reserve(struct node_store *store, size_t size)
{
    size = (size + UNIT - 1) / UNIT * UNIT;
    if (store->chunks_count == 0 || size > CHUNK_SIZE - store->chunk_used) {
        size_t run = (size + CHUNK_SIZE - 1) / CHUNK_SIZE;
        add_chunk(store, mem_alloc(run * CHUNK_SIZE));
        store->chunk_used = 0;
        if (run > 1) {
            size_t first = store->chunks_count - 1;
            for (size_t i = 1; i < run; i++)
                add_chunk(store, NULL);
            ASSERT(store->chunks_count < UINT32_MAX / CHUNK_UNITS);
            store->chunk_used = CHUNK_SIZE;
            return (uint32_t)(first * CHUNK_UNITS + 1);
        }
    }
    ASSERT(store->chunks_count < UINT32_MAX / CHUNK_UNITS);
    size_t unit = (store->chunks_count - 1) * CHUNK_UNITS + store->chunk_used / UNIT;
    store->chunk_used += size;
    return (uint32_t)(unit + 1);
}

void node_store_put(struct node_store *store, const struct hash32 *hash, struct span bytes)
{
    struct slot *slot = find(store, hash);
    if (slot->place != 0)
        return;
    ASSERT(bytes.size < UINT32_MAX - CHUNK_SIZE);
    slot->tag = tag_of(hash);
    slot->place = reserve(store, sizeof(struct entry) + bytes.size);
    struct entry *entry = entry_at(store, slot->place);
    memcpy(entry->hash, hash->bytes, 32);
    entry->size = (uint32_t)bytes.size;
    if (bytes.size)
        memcpy(entry->bytes, bytes.data, bytes.size);
    store->entries_count++;
    if (store->entries_count * 4 > store->slots_count * 3)
        grow_slots(store);
}

bool node_store_get(struct node_store *store, const struct hash32 *hash, struct span *bytes)
{
    const struct slot *slot = find(store, hash);
    if (slot->place == 0) {
        *bytes = SPAN_EMPTY;
        return false;
    }
    const struct entry *entry = entry_at(store, slot->place);
    *bytes = SPAN(entry->bytes, entry->size);
    return true;
}

struct trie_source *node_store_source(struct node_store *store)
{
    return &store->source;
}

size_t node_store_bytes(const struct node_store *store)
{
    return store->chunks_count * CHUNK_SIZE + store->slots_count * sizeof(*store->slots) +
           store->chunks_capacity * sizeof(*store->chunks) + sizeof(*store);
}
