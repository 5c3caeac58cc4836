#include "les/eth/rlp.h"
#include "les/eth/u256.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>

TestSuite(rlp_prop, .fini = fixture_leak_gate);

#define ROUNDS 3000

/* Writes a random tree and notes how it was made, so that a reader can follow. */
static void write_tree(struct buf *out, struct buf *plan, uint64_t *random, unsigned depth)
{
    if (depth < 6 && fixture_random_below(random, 3) == 0) {
        size_t count = fixture_random_below(random, 6), mark = rlp_list_begin(out);
        buf_add_u8(plan, 'l');
        buf_add_u8(plan, (uint8_t)count);
        for (size_t i = 0; i < count; i++)
            write_tree(out, plan, random, depth + 1);
        rlp_list_end(out, mark);
        return;
    }
    uint8_t bytes[300];
    size_t size = fixture_random_below(random, fixture_random_below(random, 2) ? 4 : 300);
    fixture_random_bytes(random, bytes, size);
    buf_add_u8(plan, 's');
    buf_add(plan, &size, sizeof size);
    buf_add(plan, bytes, size);
    rlp_add_bytes(out, SPAN(bytes, size));
}

static void read_tree(struct rlp *rlp, const uint8_t **plan)
{
    uint8_t kind = *(*plan)++;
    if (kind == 'l') {
        size_t count = *(*plan)++;
        cr_assert_eq(rlp_peek(rlp), RLP_LIST);
        struct rlp inside = rlp_list(rlp);
        cr_assert_eq(rlp_count(inside), count);
        for (size_t i = 0; i < count; i++)
            read_tree(&inside, plan);
        cr_assert(rlp_end(&inside));
        return;
    }
    size_t size;
    memcpy(&size, *plan, sizeof size);
    *plan += sizeof size;
    cr_assert_eq(rlp_peek(rlp), RLP_STRING);
    struct span bytes = rlp_bytes(rlp);
    cr_assert(span_equal(bytes, SPAN(*plan, size)));
    *plan += size;
}

Test(rlp_prop, what_was_written_is_what_is_read)
{
    uint64_t random = fixture_seed();
    for (int round = 0; round < ROUNDS; round++) {
        struct buf out = {0}, plan = {0};
        write_tree(&out, &plan, &random, 0);
        cr_assert(rlp_valid(buf_span(&out)));
        struct rlp reader = rlp_reader(buf_span(&out));
        const uint8_t *next = plan.data;
        read_tree(&reader, &next);
        cr_assert(rlp_end(&reader));
        buf_free(&out);
        buf_free(&plan);
    }
}

Test(rlp_prop, integers_of_every_length_come_back)
{
    uint64_t random = fixture_seed();
    for (int round = 0; round < ROUNDS; round++) {
        struct buf out = {0};
        struct u256 value, back;
        for (int i = 0; i < 4; i++)
            value.words[i] = fixture_random(&random);
        u256_shr(&value, &value, (unsigned)fixture_random_below(&random, 257));
        uint64_t small = fixture_random(&random) >> fixture_random_below(&random, 64);
        rlp_add_u256(&out, &value);
        rlp_add_u64(&out, small);
        rlp_add_u64(&out, value.words[0]);
        struct rlp reader = rlp_reader(buf_span(&out));
        rlp_u256(&reader, &back);
        cr_assert(u256_equal(&value, &back));
        cr_assert_eq(rlp_u64(&reader), small);
        cr_assert_eq(rlp_u64(&reader), value.words[0]);
        cr_assert(rlp_end(&reader));
        buf_free(&out);
    }
}

/* Reads any bytes and writes them again; only the canonical form exists, so what is accepted comes
 * back. */
static bool copy_tree(struct buf *out, struct rlp *rlp, unsigned depth)
{
    while (rlp_more(rlp)) {
        if (rlp_peek(rlp) == RLP_LIST) {
            size_t mark = rlp_list_begin(out);
            struct rlp inside = rlp_list(rlp);
            if (depth > 64 || !copy_tree(out, &inside, depth + 1))
                return false;
            rlp_list_end(out, mark);
        } else {
            rlp_add_bytes(out, rlp_bytes(rlp));
        }
    }
    return rlp_end(rlp);
}

Test(rlp_prop, a_damaged_encoding_is_refused_or_still_canonical)
{
    uint64_t random = fixture_seed();
    size_t refused = 0, taken = 0;
    for (int round = 0; round < ROUNDS; round++) {
        struct buf out = {0}, plan = {0}, copy = {0};
        write_tree(&out, &plan, &random, 0);
        out.data[fixture_random_below(&random, out.size)] ^=
            (uint8_t)(1 + fixture_random_below(&random, 255));
        if (fixture_random_below(&random, 4) == 0)
            out.size = fixture_random_below(&random, out.size);
        bool valid = rlp_valid(buf_span(&out));
        struct rlp reader = rlp_reader(buf_span(&out));
        bool one = rlp_count(reader) == 1;
        bool copied = copy_tree(&copy, &reader, 0);
        cr_assert_eq(valid, copied && one);
        if (copied)
            cr_assert(span_equal(buf_span(&copy), buf_span(&out)));
        *(valid ? &taken : &refused) += 1;
        buf_free(&out);
        buf_free(&plan);
        buf_free(&copy);
    }
    cr_assert_gt(refused, ROUNDS / 20);
    cr_assert_gt(taken, ROUNDS / 20);
}
