/* hash32 -> pointer, open addressing. The key is inside the entry's value: the map keeps both. One
 * thread. */
#ifndef LES_NODE_HASH_MAP_H
#define LES_NODE_HASH_MAP_H

#include "les/eth/types.h"

struct hash_map_slot {
    struct hash32 key;
    void *value; /* NULL: free */
};
/* {0} is an empty map. */
struct hash_map {
    struct hash_map_slot *slots;
    size_t slots_count; /* a power of two, or 0 */
    size_t used;
};
void hash_map_free(struct hash_map *map);                                 /* not the values */
void *hash_map_get(const struct hash_map *map, const struct hash32 *key); /* NULL: not there */
/* Adds or replaces; value is not NULL. */
void hash_map_put(struct hash_map *map, const struct hash32 *key, void *value);
void hash_map_remove(struct hash_map *map, const struct hash32 *key); /* absent keys are fine */
/* Walks the values in no order that means anything: *at starts at 0. NULL at the end. The map must
 * not change meanwhile. */
void *hash_map_next(const struct hash_map *map, size_t *at);

#endif
