/* ethereum/tests RLPTests: what encodes to what, and what must be refused. */
#include "les/eth/rlp.h"
#include "les/eth/u256.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define FOLDER "vectors/ethereum-tests/RLPTests/"

TestSuite(rlp_vectors, .fini = fixture_leak_gate);

/* Strings of these files hold zero characters. */
static json_t *load(const char *path)
{
    struct buf text = fixture_file(path);
    json_error_t error;
    json_t *json = json_loadb((const char *)text.data, text.size, JSON_ALLOW_NUL, &error);
    buf_free(&text);
    cr_assert_not_null(json, "%s: %s", path, error.text);
    return json;
}

/* "#123": an integer of any length, as minimal big-endian bytes. */
static void add_decimal(struct buf *out, const char *digits)
{
    uint8_t bytes40[40] = {0};
    for (; *digits != 0; digits++) {
        unsigned carry = (unsigned)(*digits - '0');
        for (size_t i = sizeof bytes40; i-- > 0; carry >>= 8) {
            carry += bytes40[i] * 10u;
            bytes40[i] = (uint8_t)carry;
        }
        cr_assert_eq(carry, 0);
    }
    size_t zeros = 0;
    while (zeros < sizeof bytes40 && bytes40[zeros] == 0)
        zeros++;
    struct span minimal = SPAN(bytes40 + zeros, sizeof bytes40 - zeros);
    size_t mark = out->size;
    rlp_add_bytes(out, minimal);
    if (minimal.size <= 32) {
        struct u256 value;
        struct buf other = {0};
        u256_from_be(&value, minimal);
        rlp_add_u256(&other, &value);
        cr_assert(span_equal(buf_span(&other), SPAN(out->data + mark, out->size - mark)));
        buf_free(&other);
    }
}

static void encode(struct buf *out, const json_t *value)
{
    if (json_is_integer(value)) {
        rlp_add_u64(out, (uint64_t)json_integer_value(value));
    } else if (json_is_string(value)) {
        const char *text = json_string_value(value);
        if (text[0] == '#')
            add_decimal(out, text + 1);
        else
            rlp_add_bytes(out, SPAN(text, json_string_length(value)));
    } else {
        cr_assert(json_is_array(value));
        size_t mark = rlp_list_begin(out), index;
        const json_t *item;
        json_array_foreach(value, index, item) encode(out, item);
        rlp_list_end(out, mark);
    }
}

/* Reads bytes and writes them again, item by item. */
static void copy(struct buf *out, struct rlp *rlp)
{
    while (rlp_more(rlp)) {
        if (rlp_peek(rlp) == RLP_LIST) {
            size_t mark = rlp_list_begin(out);
            struct rlp inside = rlp_list(rlp);
            copy(out, &inside);
            rlp_list_end(out, mark);
        } else {
            rlp_add_bytes(out, rlp_bytes(rlp));
        }
    }
    cr_assert(rlp_end(rlp));
}

Test(rlp_vectors, every_value_encodes_as_published_and_reads_back)
{
    struct tally tally = {.name = FOLDER "rlptest.json"};
    json_t *file = load(tally.name);
    const char *name;
    json_t *test;
    json_object_foreach(file, name, test)
    {
        struct buf made = {0}, copied = {0};
        const char *expected = json_string_value(json_object_get(test, "out"));
        encode(&made, json_object_get(test, "in"));
        fixture_expect_hex(buf_span(&made), expected);
        cr_assert(rlp_valid(buf_span(&made)), "%s", name);
        struct rlp reader = rlp_reader(buf_span(&made));
        copy(&copied, &reader);
        fixture_expect_hex(buf_span(&copied), expected);
        buf_free(&made);
        buf_free(&copied);
        tally_run(&tally);
    }
    json_decref(file);
    tally_end(&tally);
}

static void check_published_verdicts(const char *path)
{
    struct tally tally = {.name = path};
    json_t *file = load(path);
    const char *name;
    json_t *test;
    json_object_foreach(file, name, test)
    {
        const char *verdict = json_string_value(json_object_get(test, "in"));
        struct buf bytes = fixture_hex(json_string_value(json_object_get(test, "out")));
        bool valid = strcmp(verdict, "VALID") == 0;
        cr_assert(valid || strcmp(verdict, "INVALID") == 0, "%s: %s", name, verdict);
        cr_expect_eq(rlp_valid(buf_span(&bytes)), valid, "%s", name);
        buf_free(&bytes);
        tally_run(&tally);
    }
    json_decref(file);
    tally_end(&tally);
}

Test(rlp_vectors, every_invalid_encoding_is_refused)
{
    check_published_verdicts(FOLDER "invalidRLPTest.json");
}

Test(rlp_vectors, random_encodings_are_judged_as_published)
{
    struct fixture_list files = fixture_list(FOLDER "RandomRLPTests", ".json");
    cr_assert_gt(files.count, 0);
    for (size_t i = 0; i < files.count; i++)
        check_published_verdicts(files.paths[i]);
    fixture_list_free(&files);
}
