#include "les/base/bytes.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>
#include <signal.h>

TestSuite(bytes, .fini = fixture_leak_gate);

Test(bytes, empty_spans_are_equal_whatever_they_point_to)
{
    cr_assert(span_equal(SPAN_EMPTY, SPAN("x", 0)));
    cr_assert(!span_equal(SPAN_STR("a"), SPAN_EMPTY));
    cr_assert(!span_equal(SPAN_STR("ab"), SPAN_STR("ac")));
    cr_assert(span_equal(SPAN_STR("ab"), SPAN_STR("ab")));
}

Test(bytes, memory_comes_zeroed_and_is_never_null)
{
    uint8_t *block = mem_alloc(100);
    for (size_t i = 0; i < 100; i++)
        cr_assert_eq(block[i], 0);
    mem_free(block);
    void *nothing = mem_alloc(0);
    cr_assert_not_null(nothing);
    nothing = mem_realloc(nothing, 0);
    cr_assert_not_null(nothing);
    mem_free(nothing);
    uint8_t *copy = mem_copy(SPAN_EMPTY);
    cr_assert_not_null(copy);
    mem_free(copy);
    mem_free(NULL);
}

Test(bytes, copies_do_not_share_memory)
{
    char text[] = "hello";
    char *twin = mem_strdup(text);
    uint8_t *bytes = mem_copy(SPAN(text, 5));
    text[0] = 'j';
    cr_assert_str_eq(twin, "hello");
    cr_assert_eq(bytes[0], 'h');
    mem_free(twin);
    mem_free(bytes);
}

Test(bytes, buffer_keeps_what_was_added_while_it_grows)
{
    struct buf buf = {0};
    for (uint32_t i = 0; i < 100000; i++)
        buf_add_u8(&buf, (uint8_t)(i * 7));
    cr_assert_eq(buf.size, 100000);
    cr_assert_geq(buf.capacity, buf.size);
    for (uint32_t i = 0; i < 100000; i++)
        cr_assert_eq(buf.data[i], (uint8_t)(i * 7));
    buf_free(&buf);
    cr_assert_null(buf.data);
    cr_assert_eq(buf.capacity, 0);
}

Test(bytes, buffer_drops_its_front)
{
    struct buf buf = {0};
    buf_drop_front(&buf, 0);
    buf_add_str(&buf, "header:body");
    buf_drop_front(&buf, 7);
    cr_assert(span_equal(buf_span(&buf), SPAN_STR("body")));
    buf_drop_front(&buf, 4);
    cr_assert_eq(buf.size, 0);
    buf_clear(&buf);
    buf_free(&buf);
}

Test(bytes, dropping_more_than_there_is_is_a_bug, .signal = SIGABRT)
{
    struct buf buf = {0};
    buf_add_u8(&buf, 1);
    buf_drop_front(&buf, 2);
}

Test(bytes, reserving_an_absurd_size_is_a_bug, .signal = SIGABRT)
{
    struct buf buf = {0};
    buf_reserve(&buf, SIZE_MAX);
}

Test(bytes, printf_appends_without_a_terminator_in_the_size)
{
    struct buf buf = {0};
    buf_add_str(&buf, "n=");
    buf_printf(&buf, "%d,%s", 42, "x");
    buf_printf(&buf, "%s", "");
    cr_assert(span_equal(buf_span(&buf), SPAN_STR("n=42,x")));
    char long_text[501];
    memset(long_text, 'y', 500);
    long_text[500] = 0;
    buf_clear(&buf);
    buf_printf(&buf, "%s", long_text);
    cr_assert(span_equal(buf_span(&buf), SPAN_STR(long_text)));
    buf_free(&buf);
}

Test(bytes, adding_nothing_to_an_empty_buffer_touches_no_memory)
{
    struct buf buf = {0};
    buf_add(&buf, NULL, 0);
    buf_add_span(&buf, SPAN_EMPTY);
    buf_add_hex(&buf, SPAN_EMPTY);
    cr_assert_eq(buf.size, 0);
    buf_free(&buf);
}

Test(bytes, hex_is_lower_case_and_in_order)
{
    struct buf buf = {0};
    const uint8_t bytes[] = {0x00, 0x0f, 0xf0, 0xab, 0xff};
    buf_add_hex(&buf, SPAN(bytes, 5));
    cr_assert(span_equal(buf_span(&buf), SPAN_STR("000ff0abff")));
    buf_clear(&buf);
    buf_add_hex0x(&buf, SPAN(bytes, 2));
    cr_assert(span_equal(buf_span(&buf), SPAN_STR("0x000f")));
    buf_free(&buf);
}

Test(bytes, hex_decodes_both_cases_with_and_without_prefix)
{
    uint8_t out[3];
    const uint8_t expected[] = {0xab, 0xcd, 0x09};
    cr_assert(hex_decode_exact(out, 3, "aBCd09", 6));
    cr_assert_arr_eq(out, expected, 3);
    cr_assert(hex_decode_exact(out, 3, "0xabcD09", 8));
    cr_assert_arr_eq(out, expected, 3);
    cr_assert(hex_decode_exact(out, 0, "0x", 2));
    cr_assert(hex_decode_exact(out, 0, "", 0));
}

Test(bytes, every_byte_survives_the_way_through_hex)
{
    for (unsigned value = 0; value < 256; value++) {
        uint8_t byte = (uint8_t)value, back = (uint8_t)~value;
        char text[2];
        hex_encode(text, SPAN(&byte, 1));
        cr_assert(hex_decode_exact(&back, 1, text, 2));
        cr_assert_eq(back, byte);
    }
}

Test(bytes, only_the_22_digits_are_digits)
{
    for (unsigned value = 0; value < 256; value++) {
        char text[2] = {'0', (char)value};
        uint8_t out = 1;
        bool digit = value != 0 && strchr("0123456789abcdefABCDEF", (int)value) != NULL;
        cr_assert_eq(hex_decode_exact(&out, 1, text, 2), digit, "byte %u", value);
    }
}

Test(bytes, bad_hex_zeroes_the_output)
{
    static const char *const bad[] = {"",       "0x",      "0xab",     "abcde",  "abcdeg",
                                      "0xabcd", "abcdef0", "0x0xabcd", "0Xabcd", "0xabcdef01",
                                      " abcde", "+abcde",  "x0abcdef"};
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        uint8_t out[3] = {1, 2, 3};
        cr_assert(!hex_decode_exact(out, 3, bad[i], strlen(bad[i])), "%s", bad[i]);
        cr_assert_arr_eq(out, ((uint8_t[]){0, 0, 0}), 3, "%s", bad[i]);
    }
}

Test(bytes, bad_hex_appends_nothing)
{
    struct buf buf = {0};
    buf_add_str(&buf, "kept");
    cr_assert(!hex_decode(&buf, "abc", 3));
    cr_assert(!hex_decode(&buf, "abxd", 4));
    cr_assert(!hex_decode(&buf, "0xa", 3));
    cr_assert(span_equal(buf_span(&buf), SPAN_STR("kept")));
    cr_assert(hex_decode(&buf, "0x2121", 6));
    cr_assert(hex_decode(&buf, "0x", 2));
    cr_assert(span_equal(buf_span(&buf), SPAN_STR("kept!!")));
    buf_free(&buf);
}

Test(bytes, big_endian_goes_both_ways_at_every_size)
{
    uint8_t bytes[9];
    for (size_t size = 1; size <= 8; size++) {
        uint64_t value = UINT64_C(0xf1e2d3c4b5a69788) >> (64 - 8 * size);
        memset(bytes, 0xee, sizeof(bytes));
        be_write(bytes, size, value);
        cr_assert_eq(bytes[0], 0xf1);
        cr_assert_eq(bytes[size], 0xee);
        cr_assert_eq(be_read(bytes, size), value);
    }
    cr_assert_eq(be_read(bytes, 0), 0);
}

Test(bytes, wiping_leaves_zeroes)
{
    uint8_t secret[32];
    memset(secret, 0x5a, sizeof(secret));
    mem_wipe(secret, sizeof(secret));
    for (size_t i = 0; i < sizeof(secret); i++)
        cr_assert_eq(secret[i], 0);
}
