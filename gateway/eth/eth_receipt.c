/* Receipts: verified by the receipts root of their block. */
#include "gateway/eth/methods.h"
#include "gateway/rpc/render.h"
#include "gateway/light/tx_find.h"
#include "les/eth/receipt.h"

struct receipt_args {
    struct hash32 hash;
    struct block_ref block;
};

static struct call_done fail_unreadable(struct query *query)
{
    return query_fail(query, RPC_INTERNAL, "a receipt of the block cannot be read");
}

static size_t count_logs(const struct receipt *receipt)
{
    struct span rest = receipt->logs;
    struct log_entry log;
    size_t count = 0;
    while (log_next(&rest, &log))
        count++;
    return count;
}

/* The receipts of a block one after the other. */
struct receipt_walk {
    struct span *envelopes; /* owned */
    size_t count;
    struct receipt receipt;
    struct receipt_place place;
};

static bool walk_begin(struct receipt_walk *walk, struct query *query,
                       const struct block_header *block, struct span payload)
{
    memset(walk, 0, sizeof *walk);
    walk->place.block = block;
    walk->place.spec = query_light(query)->spec;
    if (!receipts_split(payload, NULL, BLOCK_TRANSACTIONS_MAX, &walk->count))
        return false;
    walk->envelopes = mem_alloc((walk->count + 1) * sizeof *walk->envelopes);
    return receipts_split(payload, walk->envelopes, walk->count, &walk->count);
}

/* Decodes the receipt at place.tx_index. */
static bool walk_read(struct receipt_walk *walk)
{
    return walk->place.tx_index < walk->count &&
           receipt_decode(&walk->receipt, walk->envelopes[walk->place.tx_index]);
}

static void walk_on(struct receipt_walk *walk)
{
    walk->place.tx_index++;
    walk->place.gas_before = walk->receipt.cumulative_gas;
    walk->place.first_log_index += count_logs(&walk->receipt);
}

/* ---- one ---- */

static bool put_receipt(struct query *query, const struct tx_found *found, struct span payload)
{
    struct buf *out = call_result(query_call(query));
    struct receipt_walk walk;
    struct tx tx;
    bool good = walk_begin(&walk, query, found->block, payload) &&
                tx_decode(&tx, found->envelope) == TX_VALID;
    while (good && walk.place.tx_index < found->index) {
        good = walk_read(&walk);
        if (good)
            walk_on(&walk);
    }
    good = good && walk_read(&walk) &&
           render_receipt(out, query_light(query)->crypto, &walk.receipt, &tx, &walk.place);
    mem_free(walk.envelopes);
    return good;
}

static struct call_done on_receipt(struct query *query)
{
    struct receipt_args *args = query_args(query);
    struct tx_found found;
    struct span payload;
    enum query_got got = tx_find(query, &args->hash, &found);
    if (got == QUERY_ABSENT)
        return query_null(query);
    /* Body and receipts travel at the same time. */
    if (found.block == NULL || query_receipts(query, found.block, &payload) == QUERY_LATER ||
        got == QUERY_LATER)
        return query_wait(query);
    if (!put_receipt(query, &found, payload))
        return fail_unreadable(query);
    return query_ok(query);
}

struct call_done eth_get_transaction_receipt(struct call *call, void *ctx)
{
    struct receipt_args *args = call_alloc(call, sizeof *args);
    if (!param_hash(call, 0, &args->hash))
        return call_fail_param(call);
    return query_start(call, ctx, on_receipt, args);
}

/* ---- all of a block ---- */

static bool put_receipts(struct query *query, const struct block_header *block,
                         const struct body *body, struct span payload)
{
    struct buf *out = call_result(query_call(query));
    struct receipt_walk walk;
    struct tx tx;
    size_t count;
    struct span *envelopes = txs_of_body(body, &count);
    bool good = walk_begin(&walk, query, block, payload) && walk.count == count;
    json_put_array(out);
    while (good && walk.place.tx_index < count) {
        good = walk_read(&walk) && tx_decode(&tx, envelopes[walk.place.tx_index]) == TX_VALID &&
               render_receipt(out, query_light(query)->crypto, &walk.receipt, &tx, &walk.place);
        if (good)
            walk_on(&walk);
    }
    json_put_array_end(out);
    mem_free(walk.envelopes);
    mem_free(envelopes);
    return good;
}

static struct call_done on_block_receipts(struct query *query)
{
    struct receipt_args *args = query_args(query);
    struct block_header *block;
    struct span payload, raw;
    struct body body;
    enum query_got got = query_block(query, &args->block, &block);
    if (got == QUERY_ABSENT)
        return query_null(query);
    if (got == QUERY_LATER)
        return query_wait(query);
    got = query_receipts(query, block, &payload);
    if (query_body(query, block, &raw, &body) == QUERY_LATER || got == QUERY_LATER)
        return query_wait(query);
    /* Each is borrowed only until the other is asked for. */
    if (query_receipts(query, block, &payload) != QUERY_HERE)
        return query_wait(query);
    payload = SPAN(mem_copy(payload), payload.size);
    got = query_body(query, block, &raw, &body);
    bool good = got == QUERY_HERE && put_receipts(query, block, &body, payload);
    mem_free((void *)payload.data);
    if (!good)
        return fail_unreadable(query);
    return query_ok(query);
}

struct call_done eth_get_block_receipts(struct call *call, void *ctx)
{
    struct receipt_args *args = call_alloc(call, sizeof *args);
    if (!param_block(call, 0, &args->block))
        return call_fail_param(call);
    return query_start(call, ctx, on_block_receipts, args);
}

static struct call_done on_raw_receipts(struct query *query)
{
    struct receipt_args *args = query_args(query);
    struct buf *out = call_result(query_call(query));
    struct block_header *block;
    struct span payload;
    struct receipt_walk walk;
    enum query_got got = query_block(query, &args->block, &block);
    if (got == QUERY_ABSENT)
        return query_fail_block(query, &args->block);
    if (got == QUERY_LATER || query_receipts(query, block, &payload) == QUERY_LATER)
        return query_wait(query);
    bool good = walk_begin(&walk, query, block, payload);
    json_put_array(out);
    for (size_t i = 0; good && i < walk.count; i++)
        json_put_data(out, walk.envelopes[i]);
    json_put_array_end(out);
    mem_free(walk.envelopes);
    if (!good)
        return fail_unreadable(query);
    return query_ok(query);
}

struct call_done debug_get_raw_receipts(struct call *call, void *ctx)
{
    struct receipt_args *args = call_alloc(call, sizeof *args);
    if (!param_block(call, 0, &args->block))
        return call_fail_param(call);
    return query_start(call, ctx, on_raw_receipts, args);
}
