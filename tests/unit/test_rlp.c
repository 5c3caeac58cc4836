#include "les/eth/rlp.h"
#include "les/eth/u256.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>

TestSuite(rlp, .fini = fixture_leak_gate);

#define READER(...)                                                                                \
    rlp_reader(SPAN(((const uint8_t[]){__VA_ARGS__}), sizeof((const uint8_t[]){__VA_ARGS__})))

Test(rlp, integers_are_minimal)
{
    struct rlp zero = READER(0x80), one = READER(0x01), big = READER(0x82, 0x04, 0x00);
    cr_assert_eq(rlp_u64(&zero), 0);
    cr_assert(rlp_end(&zero));
    cr_assert_eq(rlp_u64(&one), 1);
    cr_assert(rlp_end(&one));
    cr_assert_eq(rlp_u64(&big), 1024);
    cr_assert(rlp_end(&big));

    struct rlp bad[] = {
        READER(0x00),             /* zero written as a byte */
        READER(0x81, 0x7f),       /* a small byte with a header */
        READER(0x82, 0x00, 0x01), /* a leading zero */
        READER(0x89, 1, 2, 3, 4, 5, 6, 7, 8, 9),
        READER(0xc0), /* a list */
        READER(0x81), /* cut */
    };
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        cr_assert_eq(rlp_u64(&bad[i]), 0);
        cr_assert_not(rlp_end(&bad[i]), "case %zu", i);
        cr_assert_not(rlp_more(&bad[i]));
    }
}

Test(rlp, u256_takes_up_to_32_bytes)
{
    uint8_t bytes[34] = {0xa0};
    memset(bytes + 1, 0xff, 33);
    struct u256 value;
    struct rlp fits = rlp_reader(SPAN(bytes, 33));
    rlp_u256(&fits, &value);
    cr_assert(rlp_end(&fits));
    for (int i = 0; i < 4; i++)
        cr_assert_eq(value.words[i], UINT64_MAX);
    bytes[0] = 0xa1;
    struct rlp large = rlp_reader(SPAN(bytes, 34));
    rlp_u256(&large, &value);
    cr_assert_not(rlp_end(&large));
    cr_assert(u256_is_zero(&value));
    struct rlp odd = READER(0x8b, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11);
    rlp_u256(&odd, &value);
    cr_assert_eq(value.words[0], 0x0405060708090a0b);
    cr_assert_eq(value.words[1], 0x010203);
}

Test(rlp, a_bool_has_two_forms)
{
    struct rlp no = READER(0x80), yes = READER(0x01), two = READER(0x02), nul = READER(0x00);
    cr_assert_not(rlp_bool(&no));
    cr_assert(rlp_end(&no));
    cr_assert(rlp_bool(&yes));
    cr_assert(rlp_end(&yes));
    cr_assert_not(rlp_bool(&two));
    cr_assert_not(rlp_end(&two));
    cr_assert_not(rlp_bool(&nul));
    cr_assert_not(rlp_end(&nul));
}

Test(rlp, a_fault_is_sticky_and_zeroes)
{
    struct rlp rlp = READER(0xc1, 0x05, 0x83, 1, 2, 3);
    uint8_t four[4] = {9, 9, 9, 9};
    rlp_list(&rlp);
    rlp_fixed(&rlp, four, sizeof four);
    cr_assert_eq(be_read(four, 4), 0);
    cr_assert_eq(rlp_bytes(&rlp).size, 0);
    cr_assert(rlp_list(&rlp).bad);
    cr_assert_eq(rlp_raw(&rlp).size, 0);
    cr_assert_eq(rlp_peek(&rlp), RLP_NONE);
    cr_assert_not(rlp_end(&rlp));
}

Test(rlp, left_over_items_are_not_the_end)
{
    struct rlp outer = READER(0xc2, 0x01, 0x02), list = rlp_list(&outer);
    rlp_u64(&list);
    cr_assert(rlp_end(&outer));
    cr_assert_not(rlp_end(&list));
    cr_assert(rlp_more(&list));
    cr_assert_eq(rlp_count(list), 1);
}

Test(rlp, count_is_zero_when_an_item_is_cut)
{
    struct rlp three = READER(0x01, 0xc1, 0x02, 0x82, 1, 2);
    cr_assert_eq(rlp_count(three), 3);
    struct rlp cut = READER(0x01, 0xc1, 0x02, 0x82, 1);
    cr_assert_eq(rlp_count(cut), 0);
    cr_assert_eq(rlp_count(rlp_reader(SPAN_EMPTY)), 0);
}

Test(rlp, sizes_that_wrap_around_are_refused)
{
    for (unsigned first = 0xb8; first <= 0xff; first = first == 0xbf ? 0xf8 : first + 1) {
        uint8_t bytes[16];
        memset(bytes, 0xff, sizeof bytes);
        bytes[0] = (uint8_t)first;
        cr_assert_not(rlp_valid(SPAN(bytes, sizeof bytes)));
        struct rlp rlp = rlp_reader(SPAN(bytes, sizeof bytes));
        cr_assert_eq(rlp_raw(&rlp).size, 0);
        cr_assert_not(rlp_end(&rlp));
    }
}

Test(rlp, valid_means_one_item_all_the_way_down)
{
    cr_assert(rlp_valid(SPAN("\xc4\xc2\x01\x02\x80", 5)));
    cr_assert_not(rlp_valid(SPAN("\xc4\xc2\x01\x02\x80\x80", 6)), "a second item");
    cr_assert_not(rlp_valid(SPAN("\xc3\xc3\x01\x02", 4)), "an inner list longer than the outer");
    cr_assert_not(rlp_valid(SPAN("\xc3\xc2\x81\x01", 4)), "a bad string inside");
    cr_assert_not(rlp_valid(SPAN_EMPTY));
}

Test(rlp, depth_is_bounded)
{
    struct buf nested = {0};
    for (size_t depth = 0; depth < RLP_DEPTH_MAX; depth++) {
        size_t mark = 0;
        rlp_list_end(&nested, mark);
    }
    cr_assert(rlp_valid(buf_span(&nested)));
    rlp_list_end(&nested, 0);
    cr_assert_not(rlp_valid(buf_span(&nested)));
    buf_free(&nested);
}

Test(rlp, list_headers_grow_with_the_payload)
{
    static const size_t sizes[] = {0, 1, 55, 56, 255, 256, 65535, 65536, 1 << 24};
    for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        struct buf out = {0}, other = {0};
        uint8_t *zeros = mem_alloc(sizes[i] + 1);
        buf_add_u8(&out, 0x42); /* what stands before the list stays */
        size_t mark = rlp_list_begin(&out);
        buf_add(&out, zeros, sizes[i]);
        rlp_list_end(&out, mark);
        cr_assert_eq(out.data[0], 0x42);
        cr_assert_eq(out.size, 1 + rlp_header_size(sizes[i]) + sizes[i]);
        rlp_add_list_header(&other, sizes[i]);
        cr_assert_eq(memcmp(out.data + 1, other.data, other.size), 0);
        struct rlp reader = rlp_reader(SPAN(out.data + 1, out.size - 1));
        cr_assert_eq(rlp_list(&reader).size, sizes[i]);
        cr_assert(rlp_end(&reader));
        mem_free(zeros);
        buf_free(&out);
        buf_free(&other);
    }
}

Test(rlp, raw_keeps_the_header)
{
    struct rlp rlp = READER(0x05, 0x82, 1, 2, 0xc1, 0x80);
    cr_assert_eq(rlp_raw(&rlp).size, 1);
    cr_assert_eq(rlp_raw(&rlp).size, 3);
    cr_assert_eq(rlp_raw(&rlp).size, 2);
    cr_assert(rlp_end(&rlp));
}
