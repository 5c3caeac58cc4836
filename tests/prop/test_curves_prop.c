/* EIP-2537's sums over many points, where blst goes other ways than for a few: among them equal
 * points, inverse ones, infinity, scalars of zero, one, the order and above it. Each must be what
 * its terms add up to one by one. */
#include "les/evm/precompile.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>

TestSuite(curves_prop, .fini = fixture_leak_gate, .timeout = 300);

enum { POINT_MAX = 256, SCALAR = 32, TERMS_MAX = 300 };

struct group {
    enum evm_precompile add, msm, map;
    size_t point_size;
};
static const struct group g1 = {EVM_BLS_G1_ADD, EVM_BLS_G1_MSM, EVM_BLS_MAP_FP, 128},
                          g2 = {EVM_BLS_G2_ADD, EVM_BLS_G2_MSM, EVM_BLS_MAP_FP2, 256};

static void run(enum evm_precompile id, struct span input, struct buf *output)
{
    const struct evm_precompile_ops *ops = evm_precompile_curves();
    cr_assert_eq(ops->run(ops, id, input, output), EVM_PRECOMPILE_DONE);
}

/* A point of the subgroup. */
static void add_point(const struct group *group, uint64_t *seed, struct buf *out)
{
    uint8_t element[128] = {0};
    for (size_t i = 0; i < 16; i++)
        element[48 + i] = (uint8_t)fixture_random(seed);
    run(group->map, SPAN(element, group->point_size / 2), out);
}

static void add_scalar(uint64_t *seed, struct buf *out)
{
    static const char *const special[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000001",
        "73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000000", /* -1 */
        "73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001",
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"};
    uint8_t scalar[SCALAR];
    size_t which = fixture_random_below(seed, 2 * ARRAY_COUNT(special));
    if (which < ARRAY_COUNT(special))
        fixture_hex_exact(scalar, SCALAR, special[which]);
    else
        for (size_t i = 0; i < SCALAR; i++)
            scalar[i] = (uint8_t)fixture_random(seed);
    buf_add(out, scalar, SCALAR);
}

static void add_term(const struct group *group, uint64_t *seed, struct buf *out)
{
    static const uint8_t infinity[POINT_MAX] = {0};
    size_t item = group->point_size + SCALAR, before = out->size / item;
    switch (fixture_random_below(seed, 8)) {
    case 0:
        buf_add(out, infinity, group->point_size);
        break;
    case 1:
    case 2:
        if (before > 0) {
            size_t at = fixture_random_below(seed, before) * item;
            buf_reserve(out, item);
            buf_add(out, out->data + at, group->point_size);
            break;
        }
        add_point(group, seed, out);
        break;
    default:
        add_point(group, seed, out);
    }
    add_scalar(seed, out);
}

static void check(const struct group *group, size_t terms, uint64_t *seed)
{
    struct buf input = {0}, sum = {0}, pair = {0}, next = {0};
    size_t item = group->point_size + SCALAR;
    for (size_t i = 0; i < terms; i++)
        add_term(group, seed, &input);
    run(group->msm, SPAN(input.data, item), &sum);
    for (size_t i = 1; i < terms; i++) {
        buf_clear(&pair);
        buf_clear(&next);
        buf_add_span(&pair, buf_span(&sum));
        run(group->msm, SPAN(input.data + i * item, item), &pair);
        run(group->add, buf_span(&pair), &next);
        buf_clear(&sum);
        buf_add_span(&sum, buf_span(&next));
    }
    buf_clear(&next);
    run(group->msm, buf_span(&input), &next);
    cr_assert(span_equal(buf_span(&next), buf_span(&sum)), "%zu terms", terms);
    buf_free(&input);
    buf_free(&sum);
    buf_free(&pair);
    buf_free(&next);
}

static void check_sizes(const struct group *group)
{
    if (evm_precompile_curves() == NULL)
        cr_skip_test("this build has no c-kzg");
    uint64_t seed = fixture_seed();
    for (size_t terms = 1; terms <= 40; terms++)
        check(group, terms, &seed);
    check(group, 128, &seed);
    check(group, TERMS_MAX, &seed);
}

Test(curves_prop, a_sum_in_g1_is_the_sum_of_its_terms)
{
    check_sizes(&g1);
}

Test(curves_prop, a_sum_in_g2_is_the_sum_of_its_terms)
{
    check_sizes(&g2);
}
