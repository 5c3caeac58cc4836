#include "les/node/hash_map.h"

#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>

TestSuite(hash_map, .fini = fixture_leak_gate);

#define KEYS_COUNT 3000

/* Few distinct homes, so that runs are long. */
static struct hash32 key_of(uint32_t number)
{
    struct hash32 key = {{0}};
    be_write(key.bytes, 8, number % 50);
    be_write(key.bytes + 8, 4, number + 1);
    return key;
}

Test(hash_map, keeps_what_is_put_and_forgets_what_is_removed)
{
    struct hash_map map = {0};
    static bool there[KEYS_COUNT];
    static int values[KEYS_COUNT];
    uint64_t seed = fixture_seed();
    size_t count = 0;
    cr_assert_null(hash_map_get(&map, &HASH32_ZERO));
    hash_map_remove(&map, &HASH32_ZERO);
    for (int step = 0; step < 60000; step++) {
        uint32_t number = (uint32_t)fixture_random_below(&seed, KEYS_COUNT);
        struct hash32 key = key_of(number);
        cr_assert_eq(hash_map_get(&map, &key) == &values[number], there[number]);
        if (fixture_random_below(&seed, 3) > 0) {
            hash_map_put(&map, &key, &values[number]);
            count += !there[number];
            there[number] = true;
        } else {
            hash_map_remove(&map, &key);
            count -= there[number];
            there[number] = false;
        }
        cr_assert_eq(map.used, count);
    }
    size_t at = 0, walked = 0;
    for (int *value; (value = hash_map_next(&map, &at)) != NULL; walked++)
        cr_assert(there[value - values]);
    cr_assert_eq(walked, count);
    hash_map_free(&map);
}
