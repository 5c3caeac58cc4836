#include "cache/cache.h"
#include "les/base/table.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>

TestSuite(cache, .fini = fixture_leak_gate);

static struct hash32 key_of(uint64_t n)
{
    struct hash32 key = {{0}};
    be_write(key.bytes, 8, n);
    return key;
}

Test(cache, finds_what_was_put_under_its_kind_only)
{
    struct cache_tier *cache = cache_memory_new(65536, 1);
    struct hash32 key = key_of(7);
    struct span value;
    cache_put(cache, CACHE_NODE, &key, SPAN_STR("node"));
    cr_assert(cache_get(cache, CACHE_NODE, &key, &value));
    cr_assert(span_equal(value, SPAN_STR("node")));
    cr_assert_not(cache_get(cache, CACHE_CODE, &key, &value));
    cache_put(cache, CACHE_CODE, &key, SPAN_EMPTY);
    cr_assert(cache_get(cache, CACHE_CODE, &key, &value));
    cr_assert_eq(value.size, 0);
    cache_free(cache);
}

Test(cache, never_passes_its_bytes_and_drops_the_oldest)
{
    struct cache_tier *cache = cache_memory_new(65536, 2);
    struct cache_stats stats;
    struct span value;
    uint8_t bytes[500] = {0};
    struct hash32 kept = key_of(0);
    for (uint64_t i = 0; i < 1000; i++) {
        struct hash32 key = key_of(i);
        cache_put(cache, CACHE_NODE, &key, SPAN(bytes, sizeof bytes));
        cr_assert(cache_get(cache, CACHE_NODE, &kept, &value)); /* in use, so it stays */
        cache->ops->stats(cache, &stats);
        cr_assert_leq(stats.bytes, stats.bytes_max);
    }
    struct hash32 old = key_of(1), young = key_of(999);
    cr_assert_not(cache_get(cache, CACHE_NODE, &old, &value));
    cr_assert(cache_get(cache, CACHE_NODE, &young, &value));
    cr_assert_gt(stats.evictions, 800);
    cache_free(cache);
}

Test(cache, one_value_cannot_take_the_whole)
{
    struct cache_tier *cache = cache_memory_new(65536, 3);
    uint8_t *bytes = mem_alloc(65536);
    struct hash32 key = key_of(1);
    struct span value;
    cache_put(cache, CACHE_BODY, &key, SPAN(bytes, 65536 / 8 + 1));
    cr_assert_not(cache_get(cache, CACHE_BODY, &key, &value));
    mem_free(bytes);
    cache_free(cache);
}

Test(cache, table_agrees_with_a_plain_array)
{
    enum { KEYS = 500 };
    struct table table;
    uint8_t keys[KEYS][32];
    bool there[KEYS] = {false};
    uint64_t seed = fixture_seed();
    size_t count = 0;
    table_init(&table, seed);
    for (size_t i = 0; i < KEYS; i++)
        fixture_random_bytes(&seed, keys[i], 32);
    for (unsigned round = 0; round < 50000; round++) {
        size_t i = fixture_random_below(&seed, KEYS);
        cr_assert_eq(table_get(&table, keys[i]), there[i] ? keys[i] : NULL);
        if (fixture_random_below(&seed, 2) == 0) {
            cr_assert_eq(table_put(&table, keys[i], keys[i]), there[i] ? keys[i] : NULL);
            count += !there[i];
            there[i] = true;
        } else {
            cr_assert_eq(table_remove(&table, keys[i]), there[i] ? keys[i] : NULL);
            count -= there[i];
            there[i] = false;
        }
        cr_assert_eq(table.count, count);
    }
    table_free(&table);
}

/* Addresses that somebody chose differ in few bytes, wherever these stand in the key. */
Test(cache, keys_that_are_alike_do_not_pile_up_in_a_table)
{
    enum { COUNT = 1024 };
    static uint8_t keys[COUNT][32];
    for (size_t at = 0; at < 31; at++) {
        struct table table;
        size_t moved = 0;
        table_init(&table, 7);
        memset(keys, 0, sizeof keys);
        for (size_t i = 0; i < COUNT; i++) {
            be_write(keys[i] + at, 2, i);
            cr_assert_eq(table_put(&table, keys[i], keys[i]), NULL);
        }
        for (size_t i = 0; i < table.capacity; i++)
            if (table.slots[i].value != NULL)
                moved += ((i - table.slots[i].hash) & (table.capacity - 1)) > 32;
        cr_assert_lt(moved, COUNT / 64, "byte %zu: %zu are far from their place", at, moved);
        table_free(&table);
    }
}
