#include "gateway/rpc/json.h"
#include "les/base/limits.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

TestSuite(json, .fini = fixture_leak_gate);

static void expect_text(struct buf *out, const char *wanted)
{
    buf_add_u8(out, 0);
    cr_assert_str_eq((const char *)out->data, wanted);
    buf_free(out);
}

Test(json, the_writer_puts_commas_where_they_belong)
{
    struct buf out = {0};
    struct u256 big = {{0, 0, 0, 1ull << 63}};
    struct hash32 hash = {{0xab}};
    struct address20 address = {{0xcd}};
    json_put_object(&out);
    json_put_key(&out, "a");
    json_put_array(&out);
    json_put_quantity(&out, 0);
    json_put_quantity(&out, UINT64_MAX);
    json_put_quantity256(&out, &big);
    json_put_array_end(&out);
    json_put_key(&out, "b");
    json_put_null(&out);
    json_put_key(&out, "c");
    json_put_object(&out);
    json_put_object_end(&out);
    json_put_key(&out, "d");
    json_put_data(&out, SPAN_EMPTY);
    json_put_key(&out, "e");
    json_put_data(&out, SPAN("\x00\xff", 2));
    json_put_key(&out, "f");
    json_put_bool(&out, true);
    json_put_key(&out, "g");
    json_put_u64(&out, 12345678901234567890u);
    json_put_key(&out, "h");
    json_put_i64(&out, INT64_MIN);
    json_put_key(&out, "i");
    json_put_hash(&out, &hash);
    json_put_key(&out, "j");
    json_put_address(&out, &address);
    json_put_key(&out, "k");
    json_put_raw(&out, SPAN_STR("[1]"));
    json_put_object_end(&out);
    expect_text(
        &out,
        "{\"a\":[\"0x0\",\"0xffffffffffffffff\","
        "\"0x8000000000000000000000000000000000000000000000000000000000000000\"],"
        "\"b\":null,\"c\":{},\"d\":\"0x\",\"e\":\"0x00ff\",\"f\":true,\"g\":12345678901234567890,"
        "\"h\":-9223372036854775808,\"i\":"
        "\"0xab00000000000000000000000000000000000000000000000000000000000000\","
        "\"j\":\"0xcd00000000000000000000000000000000000000\",\"k\":[1]}");
}

/* As Go's encoding/json prints a float64. */
Test(json, numbers_are_short_and_read_back)
{
    static const struct {
        double value;
        const char *text;
    } rows[] = {{0, "0"},
                {1, "1"},
                {-1.5, "-1.5"},
                {0.1, "0.1"},
                {0.5288249, "0.5288249"},
                {1.0 / 3, "0.3333333333333333"},
                {2.0 / 3, "0.6666666666666666"},
                {123456789, "123456789"},
                {1e20, "100000000000000000000"},
                {1e21, "1e+21"},
                {0.000001, "0.000001"},
                {1e-7, "1e-7"},
                {1.5e-10, "1.5e-10"},
                {0.00070865625, "0.00070865625"},
                {5e-324, "5e-324"},
                {1.7976931348623157e308, "1.7976931348623157e+308"},
                {100, "100"},
                {99.99, "99.99"}};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct buf out = {0};
        json_put_double(&out, rows[i].value);
        expect_text(&out, rows[i].text);
    }
}

Test(json, any_number_reads_back)
{
    uint64_t state = fixture_seed();
    for (int i = 0; i < 20000; i++) {
        struct buf out = {0};
        uint64_t bits = fixture_random(&state);
        double value;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value))
            continue;
        json_put_double(&out, value);
        buf_add_u8(&out, 0);
        cr_assert_eq(strtod((const char *)out.data, NULL), value, "%s", (const char *)out.data);
        buf_free(&out);
    }
}

Test(json, strings_are_escaped_as_go_does)
{
    struct buf out = {0};
    json_put_string(
        &out,
        SPAN_STR(
            "a\"\\\b\f\n\r\t\x01<>&\x7f\xe2\x80\xa8\xe2\x80\xa9\xc3\xa9\xff\xc0\x80\xed\xa0\x80"));
    expect_text(&out, "\"a\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u003c\\u003e\\u0026\x7f\\u2028\\u2029\xc3"
                      "\xa9\\ufffd\\ufffd\\ufffd"
                      "\\ufffd\\ufffd\\ufffd\"");
}

Test(json, the_scanner_takes_the_first_value_only)
{
    static const struct {
        const char *text, *value, *rest;
    } rows[] = {{" 1 2", "1", " 2"},
                {"{\"a\":[1,{}]}x", "{\"a\":[1,{}]}", "x"},
                {"-0.5e+10,", "-0.5e+10", ","},
                {"\"\\\"\\u00e9\"", "\"\\\"\\u00e9\"", ""},
                {"nullx", "null", "x"},
                {"0123", "0", "123"}};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct span value, rest;
        cr_assert(json_scan(&value, &rest, SPAN_STR(rows[i].text)), "%s", rows[i].text);
        cr_assert(span_equal(value, SPAN_STR(rows[i].value)), "%s", rows[i].text);
        cr_assert(span_equal(rest, SPAN_STR(rows[i].rest)), "%s", rows[i].text);
    }
}

Test(json, walking_gives_keys_and_values)
{
    struct span cursor = SPAN_STR("{ \"a\" : 1 , \"b\":[2, [3]] ,\"\":{}}"), key, value;
    static const char *const wanted[][2] = {{"a", "1"}, {"b", "[2, [3]]"}, {"", "{}"}};
    for (size_t i = 0; i < 3; i++) {
        cr_assert(json_next(&cursor, &key, &value));
        cr_assert(span_equal(key, SPAN_STR(wanted[i][0])));
        cr_assert(span_equal(value, SPAN_STR(wanted[i][1])));
    }
    cr_assert(!json_next(&cursor, &key, &value));
    cursor = SPAN_STR("[ ]");
    cr_assert(!json_next(&cursor, &key, &value));
    cursor = SPAN_STR("[[[]],\"x\"]");
    cr_assert(json_next(&cursor, &key, &value));
    cr_assert(span_equal(value, SPAN_STR("[[]]")));
    cr_assert(json_next(&cursor, &key, &value));
    cr_assert(span_equal(value, SPAN_STR("\"x\"")));
    cr_assert(!json_next(&cursor, &key, &value));
}

Test(json, escapes_become_utf8)
{
    struct buf out = {0};
    json_unescape(&out, SPAN_STR("\"\\u0041\\n\\/\\ud83d\\ude00\\ud83dx\\udc00\\u20ac\xff\""));
    expect_text(&out, "A\n/\xf0\x9f\x98\x80\xef\xbf\xbdx\xef\xbf\xbd\xe2\x82\xac\xef\xbf\xbd");
}

Test(json, trees_are_read_through_small_doors)
{
    struct json_t *tree = json_parse(
        SPAN_STR("{\"s\":\"x\\u0000y\",\"i\":-5,\"r\":2.5,\"b\":true,\"a\":[1,null],\"n\":null}"));
    struct json_t *value;
    struct span key;
    size_t position = 0;
    cr_assert_not_null(tree);
    cr_assert_eq(json_kind(tree), JSON_KIND_OBJECT);
    cr_assert_eq(json_count(tree), 6);
    cr_assert(span_equal(json_text(json_member(tree, "s")), SPAN("x\0y", 3)));
    cr_assert_eq(json_integer_of(json_member(tree, "i")), -5);
    cr_assert_eq(json_real_of(json_member(tree, "i")), -5);
    cr_assert_eq(json_real_of(json_member(tree, "r")), 2.5);
    cr_assert(json_bool_of(json_member(tree, "b")));
    cr_assert_eq(json_kind(json_item(json_member(tree, "a"), 1)), JSON_KIND_NULL);
    cr_assert_null(json_item(json_member(tree, "a"), 2));
    cr_assert_null(json_member(tree, "z"));
    cr_assert_eq(json_kind(NULL), JSON_KIND_NULL);
    size_t count = 0;
    while (json_each(tree, &position, &key, &value))
        count++;
    cr_assert_eq(count, 6);
    json_free(tree);
    cr_assert_null(json_parse(SPAN_STR("[1")));
    cr_assert_null(json_parse(SPAN_STR("1 2")));
}

/* As in Go: broken UTF-8 becomes U+FFFD, the last of two members counts, a long integer is a
 * number. */
Test(json, odd_trees_are_read_as_go_does)
{
    struct json_t *tree =
        json_parse(SPAN_STR(" {\"a\" : \"\xff\\u0041\" ,\"a\":[ ] , "
                            "\"\\u0062\":123456789012345678901,\"c\":-9223372036854775807}\n"));
    cr_assert_not_null(tree);
    cr_assert_eq(json_kind(json_member(tree, "a")), JSON_KIND_ARRAY);
    cr_assert_eq(json_kind(json_member(tree, "b")), JSON_KIND_REAL);
    cr_assert_eq(json_real_of(json_member(tree, "b")), 123456789012345678901.0);
    cr_assert_eq(json_integer_of(json_member(tree, "c")), -9223372036854775807);
    size_t position = 0;
    struct span key;
    struct json_t *value;
    cr_assert(json_each(tree, &position, &key, &value));
    cr_assert(span_equal(json_text(value), SPAN_STR("\xef\xbf\xbd"
                                                    "A")));
    json_free(tree);
    char *five = (char *)mem_copy(SPAN("5", 1)); /* nothing is read past the end */
    tree = json_parse(SPAN(five, 1));
    cr_assert_eq(json_integer_of(tree), 5);
    json_free(tree);
    mem_free(five);
}

Test(json, trees_have_a_limit)
{
    struct buf text = {0};
    buf_add_u8(&text, '[');
    for (int i = 0; i < JSON_NODES_MAX - 1; i++)
        buf_add_str(&text, "0,");
    text.data[text.size - 1] = ']';
    struct json_t *tree = json_parse(buf_span(&text));
    cr_assert_eq(json_count(tree), JSON_NODES_MAX - 1);
    json_free(tree);
    text.data[text.size - 1] = ',';
    buf_add_str(&text, "0,0]");
    cr_assert_null(json_parse(buf_span(&text)));
    buf_free(&text);
}
