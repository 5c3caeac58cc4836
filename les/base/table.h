/* A hash table from 32-byte keys to pointers. The order of entries depends on a seed, so that
 * nobody outside can aim at one bucket. Owns neither keys nor values: a key must live inside its
 * value. {0} is not a valid table: use table_init. */
#ifndef LES_BASE_TABLE_H
#define LES_BASE_TABLE_H

#include "les/base/bytes.h"

struct table {
    struct table_slot {
        const uint8_t *key32;
        void *value;   /* NULL: empty */
        uint64_t hash; /* of the key, so that other keys need not be fetched from memory */
    } * slots;
    size_t count;
    size_t capacity; /* a power of two */
    uint64_t seed;
};
void table_init(struct table *table, uint64_t seed);
void table_free(struct table *table); /* values stay with the caller */
void *table_get(const struct table *table, const uint8_t key32[32]);
/* Replaces what was there and returns it, or NULL. value is not NULL. */
void *table_put(struct table *table, const uint8_t key32[32], void *value);
void *table_remove(struct table *table,
                   const uint8_t key32[32]); /* returns what was there, or NULL */
/* Walks all values in slot order: *cursor starts at 0; NULL at the end. No put or remove in
 * between. */
void *table_next(const struct table *table, size_t *cursor);

#endif
