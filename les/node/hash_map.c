#include "les/node/hash_map.h"

#define SLOTS_MIN 64

void hash_map_free(struct hash_map *map)
{
    mem_free(map->slots);
    *map = (struct hash_map){0};
}

static size_t home(const struct hash_map *map, const struct hash32 *key)
{
    return (size_t)be_read(key->bytes, 8) & (map->slots_count - 1);
}

/* The key's slot, or the free one where it would go. */
static size_t find(const struct hash_map *map, const struct hash32 *key)
{
    size_t at = home(map, key);
    while (map->slots[at].value != NULL && !hash32_equal(&map->slots[at].key, key))
        at = (at + 1) & (map->slots_count - 1);
    return at;
}

static void grow(struct hash_map *map)
{
    struct hash_map bigger = {
        .slots_count = map->slots_count == 0 ? SLOTS_MIN : 2 * map->slots_count, .used = map->used};
    bigger.slots = mem_alloc(bigger.slots_count * sizeof(bigger.slots[0]));
    for (size_t i = 0; i < map->slots_count; i++) {
        if (map->slots[i].value != NULL)
            bigger.slots[find(&bigger, &map->slots[i].key)] = map->slots[i];
    }
    mem_free(map->slots);
    *map = bigger;
}

void *hash_map_get(const struct hash_map *map, const struct hash32 *key)
{
    return map->slots_count == 0 ? NULL : map->slots[find(map, key)].value;
}

void hash_map_put(struct hash_map *map, const struct hash32 *key, void *value)
{
    ASSERT(value != NULL);
    if (4 * (map->used + 1) > 3 * map->slots_count)
        grow(map);
    struct hash_map_slot *slot = &map->slots[find(map, key)];
    if (slot->value == NULL)
        map->used++;
    *slot = (struct hash_map_slot){.key = *key, .value = value};
}

void hash_map_remove(struct hash_map *map, const struct hash32 *key)
{
    if (map->slots_count == 0)
        return;
    size_t mask = map->slots_count - 1, hole = find(map, key);
    if (map->slots[hole].value == NULL)
        return;
    map->used--;
    /* What probed past the hole moves back into it. */
    for (size_t at = (hole + 1) & mask; map->slots[at].value != NULL; at = (at + 1) & mask) {
        size_t from_home = (at - home(map, &map->slots[at].key)) & mask;
        if (from_home < ((at - hole) & mask))
            continue;
        map->slots[hole] = map->slots[at];
        hole = at;
    }
    map->slots[hole] = (struct hash_map_slot){0};
}

void *hash_map_next(const struct hash_map *map, size_t *at)
{
    while (*at < map->slots_count) {
        void *value = map->slots[(*at)++].value;
        if (value != NULL)
            return value;
    }
    return NULL;
}
