#include "les/eth/receipt.h"

#include "les/eth/envelope.h"
#include "les/eth/header.h"
#include "les/eth/rlp.h"

#define TYPE_MAX 4 /* EIP-7702 */

/* Reads one log and leaves the cursor behind it. */
static bool read_log(struct rlp *rlp, struct log_entry *out)
{
    struct rlp list = rlp_list(rlp);
    rlp_fixed(&list, out->address.bytes, 20);
    struct rlp topics = rlp_list(&list);
    for (out->topics_count = 0; rlp_more(&topics) && out->topics_count < 4; out->topics_count++)
        rlp_fixed(&topics, out->topics[out->topics_count].bytes, 32);
    out->data = rlp_bytes(&list);
    return rlp_end(&topics) && rlp_end(&list) && !rlp->bad;
}

bool log_next(struct span *rest, struct log_entry *out)
{
    struct rlp items = rlp_reader(*rest);
    memset(out, 0, sizeof *out);
    if (!rlp_more(&items))
        return false;
    if (!read_log(&items, out)) {
        memset(out, 0, sizeof *out);
        return false;
    }
    *rest = SPAN(items.data, items.size);
    return true;
}

void log_encode(struct buf *out, const struct log_entry *log)
{
    ASSERT(log->topics_count <= 4);
    size_t mark = rlp_list_begin(out);
    rlp_add_bytes(out, SPAN(log->address.bytes, 20));
    size_t topics = rlp_list_begin(out);
    for (size_t i = 0; i < log->topics_count; i++)
        rlp_add_hash(out, &log->topics[i]);
    rlp_list_end(out, topics);
    rlp_add_bytes(out, log->data);
    rlp_list_end(out, mark);
}

/* Before Byzantium the state root after the transaction, from it on 0 or 1 (EIP-658). */
static void read_outcome(struct rlp *list, struct receipt *receipt)
{
    struct rlp ahead = *list;
    receipt->has_state_root = rlp_bytes(&ahead).size == 32;
    receipt->status = 0;
    memset(&receipt->state_root, 0, sizeof receipt->state_root);
    if (receipt->has_state_root)
        rlp_fixed(list, receipt->state_root.bytes, 32);
    else
        receipt->status = rlp_bool(list) ? 1 : 0;
}

/* Are the logs well-formed, and is the bloom exactly theirs? */
static bool logs_valid(struct span logs, const struct bloom256 *bloom)
{
    struct log_entry log;
    struct bloom256 made = {{0}};
    while (log_next(&logs, &log)) {
        bloom_add(&made, SPAN(log.address.bytes, 20));
        for (size_t i = 0; i < log.topics_count; i++)
            bloom_add(&made, SPAN(log.topics[i].bytes, 32));
    }
    return logs.size == 0 && memcmp(made.bytes, bloom->bytes, sizeof made.bytes) == 0;
}

bool receipt_decode(struct receipt *receipt, struct span envelope)
{
    memset(receipt, 0, sizeof *receipt);
    if (envelope.size > 0 && envelope.data[0] <= TYPE_MAX) {
        receipt->type = envelope.data[0];
        envelope = SPAN(envelope.data + 1, envelope.size - 1);
        if (receipt->type == 0)
            return false; /* legacy receipts have no type byte */
    }
    struct rlp outer = rlp_reader(envelope), list = rlp_list(&outer);
    read_outcome(&list, receipt);
    receipt->cumulative_gas = rlp_u64(&list);
    rlp_fixed(&list, receipt->bloom.bytes, 256);
    struct rlp logs = rlp_list(&list);
    receipt->logs = SPAN(logs.data, logs.size);
    bool typed_with_root = receipt->type != 0 && receipt->has_state_root;
    if (rlp_end(&list) && rlp_end(&outer) && !typed_with_root &&
        logs_valid(receipt->logs, &receipt->bloom))
        return true;
    memset(receipt, 0, sizeof *receipt);
    return false;
}

void receipt_encode(struct buf *out, const struct receipt *receipt)
{
    if (receipt->type != 0)
        buf_add_u8(out, receipt->type);
    size_t mark = rlp_list_begin(out);
    if (receipt->has_state_root)
        rlp_add_hash(out, &receipt->state_root);
    else
        rlp_add_u64(out, receipt->status);
    rlp_add_u64(out, receipt->cumulative_gas);
    rlp_add_bytes(out, SPAN(receipt->bloom.bytes, 256));
    rlp_add_list_header(out, receipt->logs.size);
    buf_add_span(out, receipt->logs);
    rlp_list_end(out, mark);
}

bool receipts_split(struct span payload, struct span *out, size_t max, size_t *count)
{
    return envelope_split(payload, out, max, count);
}

bool receipts_match(struct span payload, const struct hash32 *receipts_root)
{
    struct hash32 root;
    return envelope_root(&root, payload, BLOCK_TRANSACTIONS_MAX) &&
           hash32_equal(&root, receipts_root);
}
