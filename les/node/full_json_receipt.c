#include "les/eth/receipt.h"
#include "les/eth/rlp.h"
#include "les/node/full_read.h"

#define TYPE_MAX 4
#define LOGS_MAX 1048576 /* of one receipt; its bytes are bounded already */

/* The bloom is made of the logs: what the node says of it does not matter, the root tells. */
static void read_logs(struct buf *out, struct bloom256 *bloom, struct full_read *read)
{
    json_t *logs = full_read_get_array(read, "logs", LOGS_MAX), *item;
    struct buf data = {0};
    size_t i;
    json_array_foreach(logs, i, item)
    {
        struct log_entry log = {0};
        struct full_read one = full_read_of(item, read->index, read->fault);
        full_read_get_fixed(&one, "address", log.address.bytes, 20);
        json_t *topics = full_read_get_array(&one, "topics", ARRAY_COUNT(log.topics));
        log.topics_count = json_array_size(topics);
        for (size_t t = 0; t < log.topics_count; t++)
            if (!full_read_fixed(log.topics[t].bytes, 32, json_array_get(topics, t)))
                full_read_fail(&one, "not a hash", "topics");
        buf_clear(&data);
        full_read_get_bytes(&one, "data", &data, SIZE_MAX);
        log.data = buf_span(&data);
        read->bad = one.bad;
        if (one.bad)
            break;
        log_encode(out, &log);
        bloom_add(bloom, SPAN(log.address.bytes, 20));
        for (size_t t = 0; t < log.topics_count; t++)
            bloom_add(bloom, SPAN(log.topics[t].bytes, 32));
    }
    buf_free(&data);
}

/* status, or before Byzantium the state root. A node may write both; prefer_root says which of
 * them is taken. */
static void read_outcome(struct receipt *receipt, struct full_read *read, bool prefer_root,
                         bool *both)
{
    bool has_root =
        full_read_fixed(receipt->state_root.bytes, 32, json_object_get(read->object, "root"));
    bool has_status = full_read_has(read, "status");
    *both |= has_root && has_status;
    receipt->has_state_root = has_root && (prefer_root || !has_status);
    if (!receipt->has_state_root)
        receipt->status = full_read_get_u64(read, "status");
    if (receipt->status > 1)
        full_read_fail(read, "neither 0 nor 1", "status");
}

static bool add_receipt(struct buf *out, json_t *json, size_t index, bool prefer_root, bool *both,
                        struct full_fault *fault)
{
    struct receipt receipt = {0};
    struct buf logs = {0}, envelope = {0};
    struct full_read read = full_read_of(json, index, fault);
    uint64_t type = full_read_has(&read, "type") ? full_read_get_u64(&read, "type") : 0;
    if (type > TYPE_MAX)
        full_read_fail(&read, "is of a kind we do not know", "type");
    receipt.type = (uint8_t)type;
    if (full_read_has(&read, "transactionIndex") &&
        full_read_get_u64(&read, "transactionIndex") != index)
        full_read_fail(&read, "is not its place in the list", "transactionIndex");
    read_outcome(&receipt, &read, prefer_root, both);
    receipt.cumulative_gas = full_read_get_u64(&read, "cumulativeGasUsed");
    read_logs(&logs, &receipt.bloom, &read);
    receipt.logs = buf_span(&logs);
    if (!read.bad) {
        receipt_encode(&envelope, &receipt);
        full_add_envelope(out, buf_span(&envelope));
    }
    buf_free(&logs);
    buf_free(&envelope);
    return !read.bad;
}

static bool check_root(struct span rlp, const struct hash32 *root, struct full_fault *fault)
{
    struct rlp outer = rlp_reader(rlp), list = rlp_list(&outer);
    return receipts_match(SPAN(list.data, list.size), root) ||
           full_fail(fault, "differs", "receiptsRoot", 0);
}

static bool add_receipts(struct buf *out, json_t *receipts, const struct hash32 *root,
                         bool prefer_root, bool *both, struct full_fault *fault)
{
    size_t before = out->size, mark = rlp_list_begin(out);
    bool fine = true;
    for (size_t i = 0; fine && i < json_array_size(receipts); i++)
        fine = add_receipt(out, json_array_get(receipts, i), i, prefer_root, both, fault);
    rlp_list_end(out, mark);
    fine = fine && check_root(SPAN(out->data + before, out->size - before), root, fault);
    if (!fine)
        out->size = before;
    return fine;
}

bool full_receipts(struct buf *out, json_t *receipts, const struct hash32 *receipts_root,
                   struct full_fault *fault)
{
    bool both = false;
    if (!json_is_array(receipts) || json_array_size(receipts) > BLOCK_TRANSACTIONS_MAX)
        return full_fail(fault, json_is_null(receipts) ? "null" : "not an array, or too long", "",
                         0);
    return add_receipts(out, receipts, receipts_root, false, &both, fault) ||
           (both && add_receipts(out, receipts, receipts_root, true, &both, fault));
}

bool full_raw_receipts(struct buf *out, json_t *receipts, const struct hash32 *receipts_root,
                       struct full_fault *fault)
{
    if (!json_is_array(receipts) || json_array_size(receipts) > BLOCK_TRANSACTIONS_MAX)
        return full_fail(fault, json_is_null(receipts) ? "null" : "not an array, or too long", "",
                         0);
    struct buf envelope = {0};
    size_t before = out->size, mark = rlp_list_begin(out);
    bool fine = true;
    for (size_t i = 0; fine && i < json_array_size(receipts); i++) {
        buf_clear(&envelope);
        fine = (full_read_bytes(&envelope, SIZE_MAX, json_array_get(receipts, i)) &&
                envelope.size > 0) ||
               full_fail(fault, "not hex", "", i);
        if (fine)
            full_add_envelope(out, buf_span(&envelope));
    }
    rlp_list_end(out, mark);
    buf_free(&envelope);
    fine = fine && check_root(SPAN(out->data + before, out->size - before), receipts_root, fault);
    if (!fine)
        out->size = before;
    return fine;
}
