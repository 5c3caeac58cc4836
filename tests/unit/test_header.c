#include "les/eth/header.h"
#include "les/eth/rlp.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>

TestSuite(header, .fini = fixture_leak_gate);

static const uint8_t EXTRA[HEADER_EXTRA_MAX + 1] = "extra";

static struct header sample(unsigned fields)
{
    struct header header;
    memset(&header, 0, sizeof header);
    header.uncles_hash = EMPTY_UNCLES_HASH;
    header.difficulty.words[1] = 7;
    header.number = 1234567;
    header.gas_limit = 30000000;
    header.timestamp = 1700000000;
    header.extra = SPAN(EXTRA, 5);
    header.nonce = 0x42;
    header.fields = fields;
    header.base_fee.words[0] = 1000000000;
    header.blob_gas_used = 131072;
    return header;
}

Test(header, every_count_of_optional_fields_comes_back)
{
    static const unsigned counts[] = {0, 1, 2, 4, 5, 6};
    for (size_t i = 0; i < ARRAY_COUNT(counts); i++) {
        struct header header = sample(counts[i]), decoded;
        struct buf rlp = {0}, again = {0};
        header_encode(&rlp, &header);
        cr_assert(header_decode(&decoded, buf_span(&rlp)));
        cr_assert_eq(decoded.fields, counts[i]);
        cr_assert_eq(decoded.nonce, 0x42);
        cr_assert_eq(HEADER_HAS_BASE_FEE(&decoded) ? decoded.base_fee.words[0] : 0,
                     counts[i] >= 1 ? 1000000000 : 0);
        header_encode(&again, &decoded);
        cr_assert(span_equal(buf_span(&rlp), buf_span(&again)));
        buf_free(&rlp);
        buf_free(&again);
    }
}

/* The list of a header, its items as they are, up to count of them. */
static void keep_items(struct buf *out, struct span rlp, size_t count)
{
    struct rlp outer = rlp_reader(rlp), list = rlp_list(&outer);
    size_t mark = rlp_list_begin(out);
    for (size_t i = 0; i < count; i++)
        buf_add_span(out, rlp_raw(&list));
    rlp_list_end(out, mark);
}

Test(header, half_of_the_blob_fields_is_no_header)
{
    struct header header = sample(6), decoded;
    struct buf rlp = {0};
    header_encode(&rlp, &header);
    for (size_t count = 0; count <= 21; count++) {
        struct buf cut = {0};
        keep_items(&cut, buf_span(&rlp), count);
        bool known = count >= 15 && count != 18;
        cr_assert_eq(header_decode(&decoded, buf_span(&cut)), known, "%zu items", count);
        if (!known)
            cr_assert_eq(decoded.extra.size + decoded.number, 0, "zeroed");
        buf_free(&cut);
    }
    buf_free(&rlp);
}

Test(header, an_unknown_field_is_refused)
{
    struct header header = sample(6), decoded;
    struct buf rlp = {0}, longer = {0};
    header_encode(&rlp, &header);
    struct rlp outer = rlp_reader(buf_span(&rlp)), list = rlp_list(&outer);
    size_t mark = rlp_list_begin(&longer);
    buf_add(&longer, list.data, list.size);
    rlp_add_u64(&longer, 1);
    rlp_list_end(&longer, mark);
    cr_assert_not(header_decode(&decoded, buf_span(&longer)));
    buf_add_u8(&rlp, 0x80);
    cr_assert_not(header_decode(&decoded, buf_span(&rlp)), "bytes behind the list");
    buf_free(&rlp);
    buf_free(&longer);
}

Test(header, extra_data_is_bounded)
{
    struct header header = sample(0), decoded;
    struct buf rlp = {0};
    header.extra = SPAN(EXTRA, HEADER_EXTRA_MAX);
    header_encode(&rlp, &header);
    cr_assert(header_decode(&decoded, buf_span(&rlp)));
    cr_assert_leq(rlp.size, HEADER_RLP_MAX);
    buf_clear(&rlp);
    header.extra = SPAN(EXTRA, HEADER_EXTRA_MAX + 1);
    header_encode(&rlp, &header);
    cr_assert_not(header_decode(&decoded, buf_span(&rlp)));
    buf_free(&rlp);
}

Test(header, every_cut_is_refused)
{
    struct header header = sample(6), decoded;
    struct buf rlp = {0};
    header_encode(&rlp, &header);
    for (size_t size = 0; size < rlp.size; size++)
        cr_assert_not(header_decode(&decoded, SPAN(rlp.data, size)));
    buf_free(&rlp);
}
