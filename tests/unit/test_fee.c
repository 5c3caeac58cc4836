#include "les/eth/chainspec.h"
#include "les/eth/u256.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>

TestSuite(fee, .fini = fixture_leak_gate);

static struct chainspec rules(void)
{
    struct chainspec spec;
    memset(&spec, 0, sizeof spec);
    for (enum fork fork = FORK_LONDON; fork < FORK_COUNT; fork++)
        spec.activation[fork] = FORK_NEVER;
    return spec;
}

static struct header parent_of(uint64_t gas_limit, uint64_t gas_used, uint64_t base_fee)
{
    struct header parent;
    memset(&parent, 0, sizeof parent);
    parent.number = 100;
    parent.gas_limit = gas_limit;
    parent.gas_used = gas_used;
    parent.base_fee = u256_from_u64(base_fee);
    parent.fields = 6;
    return parent;
}

/* Worked by hand from the formula of EIP-1559. */
Test(fee, base_fee_moves_by_an_eighth_at_most)
{
    static const struct {
        uint64_t limit, used, fee, next;
    } cases[] = {
        {20000000, 10000000, 1000000000, 1000000000},
        {20000000, 9000000, 1000000000, 987500000},
        {20000000, 11000000, 1000000000, 1012500000},
        {20000000, 20000000, 1000000000, 1125000000},
        {20000000, 0, 1000000000, 875000000},
        {20000000, 10000001, 7, 8}, /* up by at least one */
        {20000000, 9999999, 7, 7},
        {20000000, 0, 0, 0},
        {1, 1, 5, 5}, /* no target, no change */
    };
    struct chainspec spec = rules();
    spec.activation[FORK_LONDON] = 0;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct header parent = parent_of(cases[i].limit, cases[i].used, cases[i].fee);
        struct u256 fee;
        fee_next_base(&fee, &spec, &parent);
        cr_assert_eq(fee.words[0], cases[i].next, "case %zu", i);
        cr_assert(u256_fits_u64(&fee));
    }
}

Test(fee, base_fee_begins_with_london)
{
    struct chainspec spec = rules();
    struct header parent = parent_of(20000000, 20000000, 0);
    struct u256 fee;
    fee_next_base(&fee, &spec, &parent);
    cr_assert(u256_is_zero(&fee));
    spec.activation[FORK_LONDON] = 102;
    fee_next_base(&fee, &spec, &parent);
    cr_assert(u256_is_zero(&fee));
    spec.activation[FORK_LONDON] = 101;
    fee_next_base(&fee, &spec, &parent);
    cr_assert_eq(fee.words[0], 1000000000);
}

/* The blob fee is e to the power excess / fraction, rounded down; values from the definition with
 * exact integers. */
Test(fee, blob_base_fee_grows_exponentially)
{
    static const struct {
        uint64_t excess, fraction, fee;
    } cases[] = {
        {0, 3338477, 1},
        {2314057, 3338477, 1},
        {2314058, 3338477, 2},
        {10485760, 3338477, 23},
        {148099578, 3338477, 18446739238971471609u},
        {0, 1, 1},
        {1, 1, 2},
        {4, 1, 49},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct u256 fee;
        fee_blob_base(&fee, cases[i].excess, cases[i].fraction);
        cr_assert_eq(fee.words[0], cases[i].fee, "case %zu: %llu", i,
                     (unsigned long long)fee.words[0]);
        cr_assert(u256_fits_u64(&fee));
    }
}

Test(fee, an_absurd_excess_ends_at_the_largest_price)
{
    static const uint64_t fractions[] = {0, 1, 3338477};
    for (size_t i = 0; i < ARRAY_COUNT(fractions); i++) {
        struct u256 fee;
        fee_blob_base(&fee, UINT64_MAX, fractions[i]);
        for (int word = 0; word < 4; word++)
            cr_assert_eq(fee.words[word], UINT64_MAX);
    }
}

Test(fee, excess_blob_gas_keeps_what_is_above_the_target)
{
    static const struct {
        uint64_t excess, blobs, next_blobs;
    } cases[] = {{0, 0, 0}, {0, 3, 0}, {0, 4, 1}, {5, 6, 8}, {1, 1, 0}, {10, 0, 7}};
    struct chainspec spec = rules();
    spec.activation[FORK_LONDON] = 0;
    spec.activation[FORK_CANCUN] = 1000;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct header parent = parent_of(30000000, 0, 1000000000);
        parent.excess_blob_gas = cases[i].excess * 131072;
        parent.blob_gas_used = cases[i].blobs * 131072;
        cr_assert_eq(fee_next_excess_blob_gas(&spec, &parent, 1000), cases[i].next_blobs * 131072);
        cr_assert_eq(fee_next_excess_blob_gas(&spec, &parent, 999), 0, "not before Cancun");
    }
}

/* EIP-7918: while blobs cost less than their share of ordinary gas, the excess grows by a third of
 * what was used even at or below the target. */
Test(fee, osaka_puts_a_floor_under_the_blob_fee)
{
    struct chainspec spec = rules();
    spec.activation[FORK_LONDON] = 0;
    spec.activation[FORK_CANCUN] = spec.activation[FORK_PRAGUE] = 0;
    struct header parent = parent_of(30000000, 0, 1000000000);
    parent.excess_blob_gas = 10 * 131072;
    parent.blob_gas_used = 6 * 131072;
    cr_assert_eq(fee_next_excess_blob_gas(&spec, &parent, 50), 10 * 131072);
    spec.activation[FORK_OSAKA] = 50;
    cr_assert_eq(fee_next_excess_blob_gas(&spec, &parent, 50), 12 * 131072);
    parent.base_fee = u256_from_u64(16); /* 8192 * 16 = 131072 * 1: not above */
    cr_assert_eq(fee_next_excess_blob_gas(&spec, &parent, 50), 10 * 131072);
    parent.base_fee = u256_from_u64(17);
    cr_assert_eq(fee_next_excess_blob_gas(&spec, &parent, 50), 12 * 131072);
}

Test(fee, excess_blob_gas_does_not_wrap_around)
{
    struct chainspec spec = rules();
    spec.activation[FORK_LONDON] = spec.activation[FORK_CANCUN] = 0;
    struct header parent = parent_of(30000000, 0, 1);
    parent.excess_blob_gas = parent.blob_gas_used = UINT64_MAX;
    cr_assert_eq(fee_next_excess_blob_gas(&spec, &parent, 1), UINT64_MAX);
}
