#include "les/eth/receipt.h"
#include "les/eth/rlp.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>

TestSuite(receipt, .fini = fixture_leak_gate);

/* A receipt with count logs of up to four topics; logs borrows from payload. */
static struct receipt sample(struct buf *payload, uint8_t type, size_t count)
{
    struct receipt receipt = {.type = type, .status = 1, .cumulative_gas = 21000};
    for (size_t i = 0; i < count; i++) {
        struct log_entry log = {.topics_count = i % 5, .data = SPAN("data", 4)};
        log.address.bytes[0] = (uint8_t)i;
        bloom_add(&receipt.bloom, SPAN(log.address.bytes, 20));
        for (size_t j = 0; j < log.topics_count; j++) {
            log.topics[j].bytes[31] = (uint8_t)(i + j);
            bloom_add(&receipt.bloom, SPAN(log.topics[j].bytes, 32));
        }
        log_encode(payload, &log);
    }
    receipt.logs = buf_span(payload);
    return receipt;
}

Test(receipt, every_type_comes_back)
{
    for (uint8_t type = 0; type <= 4; type++) {
        struct buf logs = {0}, envelope = {0}, again = {0};
        struct receipt receipt = sample(&logs, type, 6), decoded;
        receipt_encode(&envelope, &receipt);
        cr_assert(receipt_decode(&decoded, buf_span(&envelope)));
        cr_assert_eq(decoded.type, type);
        receipt_encode(&again, &decoded);
        cr_assert(span_equal(buf_span(&envelope), buf_span(&again)));
        buf_free(&logs);
        buf_free(&envelope);
        buf_free(&again);
    }
}

Test(receipt, a_type_that_does_not_exist_is_refused)
{
    struct buf logs = {0}, envelope = {0};
    struct receipt receipt = sample(&logs, 4, 1), decoded;
    receipt_encode(&envelope, &receipt);
    static const uint8_t bad[] = {0, 5, 0x7f, 0x80, 0xbf};
    for (size_t i = 0; i < sizeof bad; i++) {
        envelope.data[0] = bad[i];
        cr_assert_not(receipt_decode(&decoded, buf_span(&envelope)));
    }
    buf_free(&logs);
    buf_free(&envelope);
}

Test(receipt, the_bloom_must_be_that_of_the_logs)
{
    struct buf logs = {0}, envelope = {0};
    struct receipt receipt = sample(&logs, 2, 3), decoded;
    receipt.bloom.bytes[7] ^= 1;
    receipt_encode(&envelope, &receipt);
    cr_assert_not(receipt_decode(&decoded, buf_span(&envelope)));
    cr_assert_eq(decoded.cumulative_gas, 0);
    buf_free(&logs);
    buf_free(&envelope);
}

Test(receipt, a_state_root_stands_only_in_legacy_ones)
{
    struct buf logs = {0}, legacy = {0}, typed = {0};
    struct receipt receipt = sample(&logs, 0, 1), decoded;
    receipt.has_state_root = true;
    receipt.state_root.bytes[0] = 9;
    receipt_encode(&legacy, &receipt);
    cr_assert(receipt_decode(&decoded, buf_span(&legacy)));
    cr_assert(decoded.has_state_root);
    cr_assert_eq(decoded.state_root.bytes[0], 9);
    receipt.type = 1;
    receipt_encode(&typed, &receipt);
    cr_assert_not(receipt_decode(&decoded, buf_span(&typed)));
    buf_free(&logs);
    buf_free(&legacy);
    buf_free(&typed);
}

Test(receipt, status_is_zero_or_one)
{
    struct buf logs = {0};
    for (uint64_t status = 0; status < 4; status++) {
        struct buf envelope = {0};
        struct receipt receipt = sample(&logs, 0, 0), decoded;
        receipt.status = status;
        receipt_encode(&envelope, &receipt);
        cr_assert_eq(receipt_decode(&decoded, buf_span(&envelope)), status <= 1);
        buf_free(&envelope);
    }
    buf_free(&logs);
}

Test(receipt, five_topics_are_too_many)
{
    struct buf payload = {0};
    struct log_entry log = {.topics_count = 4}, decoded;
    log_encode(&payload, &log);
    struct span rest = buf_span(&payload);
    cr_assert(log_next(&rest, &decoded));
    cr_assert_eq(rest.size, 0);
    cr_assert_not(log_next(&rest, &decoded));

    struct buf five = {0};
    size_t mark = rlp_list_begin(&five);
    rlp_add_bytes(&five, SPAN(log.address.bytes, 20));
    size_t topics = rlp_list_begin(&five);
    for (int i = 0; i < 5; i++)
        rlp_add_hash(&five, &HASH32_ZERO);
    rlp_list_end(&five, topics);
    rlp_add_bytes(&five, SPAN_EMPTY);
    rlp_list_end(&five, mark);
    rest = buf_span(&five);
    cr_assert_not(log_next(&rest, &decoded));
    cr_assert_eq(rest.size, five.size, "a malformed log stays where it is");
    buf_free(&payload);
    buf_free(&five);
}

Test(receipt, every_cut_is_refused)
{
    struct buf logs = {0}, envelope = {0};
    struct receipt receipt = sample(&logs, 3, 4), decoded;
    receipt_encode(&envelope, &receipt);
    for (size_t size = 0; size < envelope.size; size++)
        cr_assert_not(receipt_decode(&decoded, SPAN(envelope.data, size)));
    buf_add_u8(&envelope, 0);
    cr_assert_not(receipt_decode(&decoded, buf_span(&envelope)));
    buf_free(&logs);
    buf_free(&envelope);
}

Test(receipt, no_receipts_have_the_empty_root)
{
    struct hash32 other = EMPTY_TRIE_ROOT;
    cr_assert(receipts_match(SPAN_EMPTY, &EMPTY_TRIE_ROOT));
    other.bytes[0] ^= 1;
    cr_assert_not(receipts_match(SPAN_EMPTY, &other));
}
