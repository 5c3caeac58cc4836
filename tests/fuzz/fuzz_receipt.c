/* Any bytes as a receipt, as a block's list of receipts and as an account: what decodes encodes
 * back. */
#include "les/eth/receipt.h"
#include "les/eth/types.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_receipt(struct span envelope)
{
    struct receipt receipt;
    struct log_entry log;
    struct buf again = {0}, logs = {0};
    if (!receipt_decode(&receipt, envelope))
        return;
    receipt_encode(&again, &receipt);
    ASSERT(span_equal(buf_span(&again), envelope));
    for (struct span rest = receipt.logs; log_next(&rest, &log);) {
        log_encode(&logs, &log);
        ASSERT(bloom_may_contain(&receipt.bloom, SPAN(log.address.bytes, 20)));
    }
    ASSERT(span_equal(buf_span(&logs), receipt.logs));
    buf_free(&again);
    buf_free(&logs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span bytes = SPAN(data, size), list[64];
    struct account account;
    size_t count;
    check_receipt(bytes);
    if (receipts_split(bytes, list, 64, &count))
        for (size_t i = 0; i < count; i++)
            check_receipt(list[i]);
    ASSERT(!receipts_match(bytes, &HASH32_ZERO));
    if (account_decode(&account, bytes)) {
        struct buf again = {0};
        account_encode(&again, &account);
        ASSERT(span_equal(buf_span(&again), bytes));
        buf_free(&again);
    }
    return 0;
}
