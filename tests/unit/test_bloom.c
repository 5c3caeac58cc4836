#include "les/eth/receipt.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>

TestSuite(bloom, .fini = fixture_leak_gate);

/* Yellow Paper 4.3.1, by its words: the low 11 bits of the first three pairs of bytes of the hash.
 * keccak("testing") starts with 5f16 f4c7 f149. */
Test(bloom, the_bits_of_a_known_item)
{
    unsigned bits[3];
    bloom_bits(bits, SPAN_STR("testing"));
    cr_assert_eq(bits[0], 0x716);
    cr_assert_eq(bits[1], 0x4c7);
    cr_assert_eq(bits[2], 0x149);
    struct bloom256 bloom = {{0}};
    bloom_add(&bloom, SPAN_STR("testing"));
    cr_assert_eq(bloom.bytes[255 - 0x716 / 8], 1u << (0x716 % 8));
    cr_assert_eq(bloom.bytes[255 - 0x4c7 / 8], 1u << (0x4c7 % 8));
    cr_assert_eq(bloom.bytes[255 - 0x149 / 8], 1u << (0x149 % 8));
}

Test(bloom, what_was_added_may_be_contained)
{
    struct bloom256 bloom = {{0}};
    uint64_t random = fixture_seed();
    uint8_t items[50][20];
    fixture_random_bytes(&random, items, sizeof items);
    for (size_t i = 0; i < 50; i++)
        bloom_add(&bloom, SPAN(items[i], 20));
    for (size_t i = 0; i < 50; i++)
        cr_assert(bloom_may_contain(&bloom, SPAN(items[i], 20)));
    size_t hits = 0;
    for (size_t i = 0; i < 1000; i++) {
        uint8_t other[20];
        fixture_random_bytes(&random, other, sizeof other);
        hits += bloom_may_contain(&bloom, SPAN(other, 20));
    }
    cr_assert_lt(hits, 20, "50 items set 7 in 100 bits: a false hit is one in 3000");
}

Test(bloom, an_empty_bloom_contains_nothing)
{
    struct bloom256 bloom = {{0}};
    cr_assert_not(bloom_may_contain(&bloom, SPAN_STR("x")));
}
