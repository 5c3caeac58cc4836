/* Headers, blocks, counts and uncles. A header is verified by the chain; a body by its roots in the
 * header. */
#include "gateway/eth/methods.h"
#include "gateway/light/query.h"
#include "gateway/rpc/render.h"
#include "les/eth/rlp.h"

enum block_want {
    WANT_HEADER,
    WANT_BLOCK,
    WANT_TX_COUNT,
    WANT_UNCLE_COUNT,
    WANT_UNCLE,
    WANT_RAW_HEADER,
    WANT_RAW_BLOCK
};

struct block_args {
    struct block_ref block;
    enum block_want want;
    bool full;
    uint64_t index;
};

/* The uncle at index, as a header that the body's uncles hash vouches for; NULL: there is none. */
static struct block_header *uncle_at(const struct body *body, uint64_t index, size_t *count)
{
    struct rlp outer = rlp_reader(body->uncles);
    struct rlp list = rlp_list(&outer);
    struct block_header *uncle = NULL;
    for (*count = 0; rlp_more(&list); ++*count) {
        struct span raw = rlp_raw(&list);
        if (*count == index)
            uncle = block_header_new(raw, HEADER_BY_NONE);
    }
    return uncle;
}

static void put_raw_block(struct buf *out, const struct block_header *block,
                          const struct body *body)
{
    struct buf rlp = {0};
    size_t mark = rlp_list_begin(&rlp);
    buf_add_span(&rlp, block->rlp);
    rlp_add_list_header(&rlp, body->transactions.size);
    buf_add_span(&rlp, body->transactions);
    buf_add_span(&rlp, body->uncles);
    if (body->has_withdrawals) {
        rlp_add_list_header(&rlp, body->withdrawals.size);
        buf_add_span(&rlp, body->withdrawals);
    }
    rlp_list_end(&rlp, mark);
    json_put_data(out, buf_span(&rlp));
    buf_free(&rlp);
}

static struct call_done put_with_body(struct query *query, const struct block_header *block,
                                      const struct body *body)
{
    struct block_args *args = query_args(query);
    struct buf *out = call_result(query_call(query));
    struct block_header *uncle;
    size_t count;
    switch (args->want) {
    case WANT_BLOCK:
        if (!render_block(out, query_light(query)->crypto, block, body, args->full))
            return query_fail(query, RPC_INTERNAL,
                              "the block holds a transaction that cannot be read");
        return query_ok(query);
    case WANT_TX_COUNT:
        if (!body_transactions(body, NULL, BLOCK_TRANSACTIONS_MAX, &count))
            return query_fail(query, RPC_INTERNAL,
                              "the block holds a transaction that cannot be read");
        json_put_quantity(out, count);
        return query_ok(query);
    case WANT_UNCLE_COUNT:
        (void)uncle_at(body, UINT64_MAX, &count);
        json_put_quantity(out, count);
        return query_ok(query);
    case WANT_UNCLE:
        uncle = uncle_at(body, args->index, &count);
        if (uncle == NULL)
            return query_null(query);
        render_uncle(out, uncle);
        block_header_unref(uncle);
        return query_ok(query);
    case WANT_RAW_BLOCK:
        put_raw_block(out, block, body);
        return query_ok(query);
    case WANT_HEADER:
    case WANT_RAW_HEADER:
        break;
    }
    ASSERT(false);
}

static struct call_done on_block(struct query *query)
{
    struct block_args *args = query_args(query);
    struct block_header *block;
    struct span raw;
    struct body body;
    struct buf *out = call_result(query_call(query));
    bool debug = args->want == WANT_RAW_HEADER || args->want == WANT_RAW_BLOCK;
    enum query_got got = query_block(query, &args->block, &block);
    if (got == QUERY_ABSENT &&
        (debug || args->block.tag == BLOCK_SAFE || args->block.tag == BLOCK_FINALIZED))
        return query_fail_block(query, &args->block);
    if (got == QUERY_ABSENT)
        return query_null(query);
    if (got == QUERY_LATER)
        return query_wait(query);
    if (args->want == WANT_HEADER) {
        render_header(out, block);
        return query_ok(query);
    }
    if (args->want == WANT_RAW_HEADER) {
        json_put_data(out, block->rlp);
        return query_ok(query);
    }
    if (query_body(query, block, &raw, &body) == QUERY_LATER)
        return query_wait(query);
    return put_with_body(query, block, &body);
}

static struct call_done start_block(struct call *call, void *ctx, enum block_want want,
                                    bool by_hash)
{
    struct block_args *args = call_alloc(call, sizeof *args);
    args->want = want;
    if (by_hash) {
        args->block.tag = BLOCK_HASH;
        if (!param_hash(call, 0, &args->block.hash))
            return call_fail_param(call);
    } else if (!param_block(call, 0, &args->block)) {
        return call_fail_param(call);
    }
    if ((want == WANT_BLOCK && !param_bool(call, 1, &args->full)) ||
        (want == WANT_UNCLE && !param_index(call, 1, &args->index)))
        return call_fail_param(call);
    return query_start(call, ctx, on_block, args);
}

struct call_done eth_get_header_by_number(struct call *call, void *ctx)
{
    return start_block(call, ctx, WANT_HEADER, false);
}

struct call_done eth_get_header_by_hash(struct call *call, void *ctx)
{
    return start_block(call, ctx, WANT_HEADER, true);
}

struct call_done eth_get_block_by_number(struct call *call, void *ctx)
{
    return start_block(call, ctx, WANT_BLOCK, false);
}

struct call_done eth_get_block_by_hash(struct call *call, void *ctx)
{
    return start_block(call, ctx, WANT_BLOCK, true);
}

struct call_done eth_get_block_transaction_count_by_number(struct call *call, void *ctx)
{
    return start_block(call, ctx, WANT_TX_COUNT, false);
}

struct call_done eth_get_block_transaction_count_by_hash(struct call *call, void *ctx)
{
    return start_block(call, ctx, WANT_TX_COUNT, true);
}

struct call_done eth_get_uncle_count_by_block_number(struct call *call, void *ctx)
{
    return start_block(call, ctx, WANT_UNCLE_COUNT, false);
}

struct call_done eth_get_uncle_count_by_block_hash(struct call *call, void *ctx)
{
    return start_block(call, ctx, WANT_UNCLE_COUNT, true);
}

struct call_done eth_get_uncle_by_block_number_and_index(struct call *call, void *ctx)
{
    return start_block(call, ctx, WANT_UNCLE, false);
}

struct call_done eth_get_uncle_by_block_hash_and_index(struct call *call, void *ctx)
{
    return start_block(call, ctx, WANT_UNCLE, true);
}

struct call_done debug_get_raw_header(struct call *call, void *ctx)
{
    return start_block(call, ctx, WANT_RAW_HEADER, false);
}

struct call_done debug_get_raw_block(struct call *call, void *ctx)
{
    return start_block(call, ctx, WANT_RAW_BLOCK, false);
}
