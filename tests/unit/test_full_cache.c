#include "les/eth/keccak.h"
#include "les/node/full_cache.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>

TestSuite(full_cache, .fini = fixture_leak_gate);

static struct hash32 hash_of(uint64_t number)
{
    struct hash32 hash;
    keccak256(&hash, SPAN(&number, sizeof(number)));
    return hash;
}

static bool has(struct full_cache *cache, enum full_cache_kind kind, uint64_t number)
{
    struct hash32 hash = hash_of(number);
    struct span value;
    return full_cache_get(cache, kind, &hash, &value);
}

static void put(struct full_cache *cache, enum full_cache_kind kind, uint64_t number, size_t size)
{
    struct hash32 hash = hash_of(number);
    uint8_t *bytes = mem_alloc(size + 1);
    memset(bytes, (int)number, size);
    full_cache_put(cache, kind, &hash, SPAN(bytes, size));
    mem_free(bytes);
}

Test(full_cache, what_is_put_is_got_by_kind_and_hash)
{
    struct full_cache *cache = full_cache_new(100000, 1);
    struct hash32 hash = hash_of(1);
    struct span value;
    put(cache, FULL_CACHE_BODY, 1, 10);
    put(cache, FULL_CACHE_CODE, 1, 0);
    cr_assert(full_cache_get(cache, FULL_CACHE_BODY, &hash, &value) && value.size == 10);
    cr_assert_eq(value.data[9], 1);
    cr_assert(full_cache_get(cache, FULL_CACHE_CODE, &hash, &value) && value.size == 0);
    cr_assert_not(has(cache, FULL_CACHE_HEADER, 1));
    cr_assert_not(has(cache, FULL_CACHE_BODY, 2));
    put(cache, FULL_CACHE_BODY, 1, 20); /* another value takes its place */
    cr_assert(full_cache_get(cache, FULL_CACHE_BODY, &hash, &value) && value.size == 20);
    full_cache_free(cache);
}

Test(full_cache, the_least_recently_used_go_and_the_size_is_kept)
{
    struct full_cache *cache = full_cache_new(10000, 1);
    uint64_t entries, bytes, hits, misses;
    for (uint64_t i = 0; i < 200; i++) {
        put(cache, FULL_CACHE_NODE, i, 300);
        cr_assert(has(cache, FULL_CACHE_NODE, i));
        cr_assert(has(cache, FULL_CACHE_NODE, 0)); /* in use all the time */
        full_cache_stats(cache, &entries, &bytes, &hits, &misses);
        cr_assert_leq(bytes, 10000u);
    }
    cr_assert_gt(entries, 10u);
    cr_assert_not(has(cache, FULL_CACHE_NODE, 1));
    cr_assert(has(cache, FULL_CACHE_NODE, 190));
    put(cache, FULL_CACHE_NODE, 1000, 5000); /* too large to be worth all others */
    cr_assert_not(has(cache, FULL_CACHE_NODE, 1000));
    cr_assert(has(cache, FULL_CACHE_NODE, 0));
    full_cache_free(cache);
}

Test(full_cache, numbers_of_another_epoch_are_unknown)
{
    struct full_cache *cache = full_cache_new(10000, 1);
    struct hash32 key, hash = hash_of(5);
    struct span value;
    full_cache_number_key(&key, 1, 77);
    full_cache_put(cache, FULL_CACHE_NUMBER, &key, SPAN(hash.bytes, 32));
    cr_assert(full_cache_get(cache, FULL_CACHE_NUMBER, &key, &value));
    full_cache_number_key(&key, 2, 77);
    cr_assert_not(full_cache_get(cache, FULL_CACHE_NUMBER, &key, &value));
    full_cache_number_key(&key, 1, 78);
    cr_assert_not(full_cache_get(cache, FULL_CACHE_NUMBER, &key, &value));
    full_cache_free(cache);
}
