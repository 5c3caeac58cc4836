#include "les/base/table.h"

#define CAPACITY_MIN 16

/* All of the key: addresses and numbers are alike in most of their bytes. */
static uint64_t hash_of(const struct table *table, const uint8_t *key32)
{
    uint64_t words[4], mixed = table->seed;
    memcpy(words, key32, 32);
    for (size_t i = 0; i < ARRAY_COUNT(words); i++) {
        mixed = (mixed ^ words[i]) * 0x9e3779b97f4a7c15ull;
        mixed ^= mixed >> 32;
    }
    return mixed * 0xd6e8feb86659fd93ull >> 16 ^ mixed;
}

void table_init(struct table *table, uint64_t seed)
{
    *table = (struct table){.seed = seed, .capacity = CAPACITY_MIN};
    table->slots = mem_alloc(CAPACITY_MIN * sizeof *table->slots);
}

void table_free(struct table *table)
{
    mem_free(table->slots);
    *table = (struct table){0};
}

static struct table_slot *find(const struct table *table, const uint8_t *key32, uint64_t hash)
{
    size_t mask = table->capacity - 1, i = (size_t)hash & mask;
    while (table->slots[i].value != NULL &&
           (table->slots[i].hash != hash || memcmp(table->slots[i].key32, key32, 32) != 0))
        i = (i + 1) & mask;
    return &table->slots[i];
}

void *table_get(const struct table *table, const uint8_t key32[32])
{
    return find(table, key32, hash_of(table, key32))->value;
}

static void grow(struct table *table)
{
    struct table old = *table;
    table->capacity *= 2;
    table->slots = mem_alloc(table->capacity * sizeof *table->slots);
    for (size_t i = 0; i < old.capacity; i++)
        if (old.slots[i].value != NULL)
            *find(table, old.slots[i].key32, old.slots[i].hash) = old.slots[i];
    mem_free(old.slots);
}

void *table_put(struct table *table, const uint8_t key32[32], void *value)
{
    ASSERT(value != NULL);
    if ((table->count + 1) * 4 > table->capacity * 3)
        grow(table);
    uint64_t hash = hash_of(table, key32);
    struct table_slot *slot = find(table, key32, hash);
    void *old = slot->value;
    table->count += old == NULL;
    *slot = (struct table_slot){key32, value, hash};
    return old;
}

void *table_remove(struct table *table, const uint8_t key32[32])
{
    struct table_slot *slot = find(table, key32, hash_of(table, key32));
    void *old = slot->value;
    if (old == NULL)
        return NULL;
    table->count--;
    /* Close the gap: entries behind it move up unless they stand at or after their own place. */
    size_t hole = (size_t)(slot - table->slots), mask = table->capacity - 1;
    for (size_t i = (hole + 1) & mask; table->slots[i].value != NULL; i = (i + 1) & mask) {
        size_t home = (size_t)table->slots[i].hash & mask;
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            table->slots[hole] = table->slots[i];
            hole = i;
        }
    }
    table->slots[hole] = (struct table_slot){NULL, NULL, 0};
    return old;
}

void *table_next(const struct table *table, size_t *cursor)
{
    while (*cursor < table->capacity) {
        void *value = table->slots[(*cursor)++].value;
        if (value != NULL)
            return value;
    }
    return NULL;
}
