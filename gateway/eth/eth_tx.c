/* Transactions out of blocks, and those that this gateway has sent. */
#include "gateway/eth/methods.h"
#include "gateway/rpc/render.h"
#include "gateway/light/tx_find.h"

enum tx_want { WANT_TX, WANT_RAW_TX };

struct tx_args {
    enum tx_want want;
    struct hash32 hash;
    struct block_ref block;
    uint64_t index;
};

static struct call_done put_tx(struct query *query, struct span envelope,
                               const struct tx_position *place)
{
    struct tx_args *args = query_args(query);
    struct buf *out = call_result(query_call(query));
    struct tx tx;
    if (args->want == WANT_RAW_TX)
        json_put_data(out, envelope);
    else if (tx_decode(&tx, envelope) != TX_VALID ||
             !render_tx(out, query_light(query)->crypto, &tx, place))
        return query_fail(query, RPC_INTERNAL, "the transaction cannot be read");
    return query_ok(query);
}

/* ---- by hash ---- */

static struct call_done put_unmined(struct query *query)
{
    struct tx_args *args = query_args(query);
    struct tx_position pending = {NULL, 0};
    struct span envelope;
    if (sent_find(query_light(query)->sent, &args->hash, &envelope)) {
        call_note_source(query_call(query), CALL_SOURCE_RELAYED);
        return put_tx(query, envelope, &pending);
    }
    if (args->want == WANT_RAW_TX)
        return put_tx(query, SPAN_EMPTY, &pending);
    return query_null(query);
}

static struct call_done on_tx_by_hash(struct query *query)
{
    struct tx_args *args = query_args(query);
    struct tx_found found;
    enum query_got got = tx_find(query, &args->hash, &found);
    if (got == QUERY_LATER)
        return query_wait(query);
    if (got == QUERY_ABSENT)
        return put_unmined(query);
    return put_tx(query, found.envelope, &(struct tx_position){found.block, found.index});
}

static struct call_done start_by_hash(struct call *call, void *ctx, enum tx_want want)
{
    struct tx_args *args = call_alloc(call, sizeof *args);
    args->want = want;
    if (!param_hash(call, 0, &args->hash))
        return call_fail_param(call);
    return query_start(call, ctx, on_tx_by_hash, args);
}

struct call_done eth_get_transaction_by_hash(struct call *call, void *ctx)
{
    return start_by_hash(call, ctx, WANT_TX);
}

struct call_done debug_get_raw_transaction(struct call *call, void *ctx)
{
    return start_by_hash(call, ctx, WANT_RAW_TX);
}

/* ---- by block and index ---- */

static struct call_done on_tx_by_index(struct query *query)
{
    struct tx_args *args = query_args(query);
    struct block_header *block;
    struct span raw, envelope;
    struct body body;
    enum query_got got = query_block(query, &args->block, &block);
    if (got == QUERY_ABSENT)
        return query_null(query);
    if (got == QUERY_LATER || query_body(query, block, &raw, &body) == QUERY_LATER)
        return query_wait(query);
    if (!tx_of_body(&body, args->index, &envelope))
        return query_null(query);
    return put_tx(query, envelope, &(struct tx_position){block, args->index});
}

struct call_done eth_get_transaction_by_block_number_and_index(struct call *call, void *ctx)
{
    struct tx_args *args = call_alloc(call, sizeof *args);
    if (!param_block(call, 0, &args->block) || !param_index(call, 1, &args->index))
        return call_fail_param(call);
    return query_start(call, ctx, on_tx_by_index, args);
}

struct call_done eth_get_transaction_by_block_hash_and_index(struct call *call, void *ctx)
{
    struct tx_args *args = call_alloc(call, sizeof *args);
    args->block.tag = BLOCK_HASH;
    if (!param_hash(call, 0, &args->block.hash) || !param_index(call, 1, &args->index))
        return call_fail_param(call);
    return query_start(call, ctx, on_tx_by_index, args);
}
