/* eth_feeHistory: headers alone, and bodies and receipts of every block when rewards are wanted. */
#include "gateway/eth/methods.h"
#include "gateway/light/fee_sample.h"
#include "gateway/light/query.h"
#include "les/base/limits.h"
#include "les/eth/u256.h"

struct history_args {
    uint64_t wanted; /* blocks */
    struct block_ref newest_ref;
    double *percentiles;
    size_t percentiles_count;
    /* progress */
    struct hash32 newest; /* the rows below belong to its branch */
    uint64_t from, to;    /* numbers; from > to: nothing */
    struct u256 *rewards; /* percentiles_count for each block */
    bool *done;
};

/* ---- what is asked ---- */

static bool check_percentiles(struct call *call, const struct history_args *args)
{
    const double *list = args->percentiles;
    if (args->percentiles_count > FEE_PERCENTILES_MAX)
        return param_note(call, RPC_SERVER_ERROR,
                          "invalid reward percentile: over the query limit %d",
                          FEE_PERCENTILES_MAX);
    for (size_t i = 0; i < args->percentiles_count; i++) {
        if (!(list[i] >= 0 && list[i] <= 100))
            return param_note(call, RPC_SERVER_ERROR, "invalid reward percentile: %f", list[i]);
        if (i > 0 && list[i] <= list[i - 1])
            return param_note(call, RPC_SERVER_ERROR,
                              "invalid reward percentile: #%zu:%f >= #%zu:%f", i - 1, list[i - 1],
                              i, list[i]);
    }
    return true;
}

static void begin(struct query *query, const struct block_header *newest)
{
    struct history_args *args = query_args(query);
    uint64_t count = args->wanted, to = newest->header.number;
    uint64_t most = args->percentiles_count > 0 ? FEE_REWARDS_MAX : FEE_HISTORY_MAX;
    if (count > most)
        count = most;
    if (args->newest_ref.tag == BLOCK_PENDING && count > 0)
        count--; /* the pending block itself is not known here */
    if (count > to + 1)
        count = to + 1;
    args->newest = newest->hash;
    args->to = to;
    args->from = to + 1 - count;
    if (args->rewards == NULL) {
        struct call *call = query_call(query);
        args->rewards =
            call_alloc(call, (size_t)most * args->percentiles_count * sizeof *args->rewards + 1);
        args->done = call_alloc(call, (size_t)most * sizeof *args->done);
    }
    memset(args->done, 0, (size_t)most * sizeof *args->done);
}

/* ---- rewards ---- */

/* HERE: the rewards of this block are in args. ABSENT: the block makes no sense. */
static enum query_got reward_block(struct query *query, struct block_header *block, size_t row)
{
    struct history_args *args = query_args(query);
    struct span raw, receipts;
    struct body body;
    enum query_got got = query_receipts(query, block, &receipts);
    if (query_body(query, block, &raw, &body) != QUERY_HERE || got != QUERY_HERE)
        return QUERY_LATER;
    /* Each is borrowed only until the other is asked for. */
    if (query_receipts(query, block, &receipts) != QUERY_HERE)
        return QUERY_LATER;
    receipts = SPAN(mem_copy(receipts), receipts.size);
    got = query_body(query, block, &raw, &body);
    if (got == QUERY_HERE)
        got = fee_rewards(&args->rewards[row * args->percentiles_count], args->percentiles,
                          args->percentiles_count, &block->header, &body, receipts)
                  ? QUERY_HERE
                  : QUERY_ABSENT;
    mem_free((void *)receipts.data);
    return got;
}

static enum query_got reward_all(struct query *query)
{
    struct history_args *args = query_args(query);
    size_t waiting = 0;
    for (uint64_t number = args->from; number <= args->to && waiting < FEE_WINDOW; number++) {
        struct block_header *block;
        size_t row = number - args->from;
        if (args->done[row])
            continue;
        if (query_number(query, number, &block) != QUERY_HERE) {
            waiting++;
            continue;
        }
        enum query_got got = reward_block(query, block, row);
        if (got == QUERY_ABSENT)
            return got;
        args->done[row] = got == QUERY_HERE;
        waiting += got == QUERY_LATER;
        if (got == QUERY_HERE)
            query_release_block(query, block);
    }
    return waiting == 0 ? QUERY_HERE : QUERY_LATER;
}

/* ---- the answer ---- */

static void put_rewards(struct buf *out, const struct history_args *args)
{
    json_put_key(out, "reward");
    json_put_array(out);
    for (uint64_t number = args->from; number <= args->to; number++) {
        json_put_array(out);
        for (size_t i = 0; i < args->percentiles_count; i++)
            json_put_quantity256(
                out, &args->rewards[(number - args->from) * args->percentiles_count + i]);
        json_put_array_end(out);
    }
    json_put_array_end(out);
}

static void put_base_fees(struct buf *out, const struct chainspec *spec,
                          struct block_header **blocks, size_t count)
{
    struct u256 fee;
    json_put_key(out, "baseFeePerGas");
    json_put_array(out);
    for (size_t i = 0; i < count; i++)
        json_put_quantity256(out, &blocks[i]->header.base_fee);
    fee_next_base(&fee, spec, &blocks[count - 1]->header);
    json_put_quantity256(out, &fee);
    json_put_array_end(out);
    json_put_key(out, "gasUsedRatio");
    json_put_array(out);
    for (size_t i = 0; i < count; i++)
        json_put_double(out, fee_gas_used_ratio(&blocks[i]->header));
    json_put_array_end(out);
}

static void put_blob_fees(struct buf *out, const struct chainspec *spec,
                          struct block_header **blocks, size_t count)
{
    struct u256 fee;
    json_put_key(out, "baseFeePerBlobGas");
    json_put_array(out);
    for (size_t i = 0; i < count; i++) {
        (void)fee_blob_price(&fee, spec, &blocks[i]->header);
        json_put_quantity256(out, &fee);
    }
    fee_next_blob_price(&fee, spec, &blocks[count - 1]->header);
    json_put_quantity256(out, &fee);
    json_put_array_end(out);
    json_put_key(out, "blobGasUsedRatio");
    json_put_array(out);
    for (size_t i = 0; i < count; i++)
        json_put_double(out, fee_blob_gas_used_ratio(spec, &blocks[i]->header));
    json_put_array_end(out);
}

static struct call_done put_history(struct query *query, struct block_header **blocks, size_t count)
{
    struct history_args *args = query_args(query);
    const struct chainspec *spec = query_light(query)->spec;
    struct buf *out = call_result(query_call(query));
    json_put_object(out);
    json_put_key(out, "oldestBlock");
    json_put_quantity(out, args->from);
    if (args->percentiles_count > 0)
        put_rewards(out, args);
    put_base_fees(out, spec, blocks, count);
    put_blob_fees(out, spec, blocks, count);
    json_put_object_end(out);
    return query_ok(query);
}

static struct call_done put_nothing(struct query *query)
{
    struct buf *out = call_result(query_call(query));
    json_put_object(out);
    json_put_key(out, "oldestBlock");
    json_put_quantity(out, 0);
    json_put_key(out, "gasUsedRatio");
    json_put_null(out);
    json_put_object_end(out);
    return query_ok(query);
}

static struct call_done on_history(struct query *query)
{
    struct history_args *args = query_args(query);
    struct block_header *newest, *blocks[FEE_HISTORY_MAX] = {NULL};
    if (args->wanted == 0)
        return put_nothing(query);
    enum query_got got = query_block(query, &args->newest_ref, &newest);
    if (got == QUERY_ABSENT && args->newest_ref.tag == BLOCK_NUMBER)
        return query_failf(
            query, RPC_SERVER_ERROR, "request beyond head block: requested %llu, head %llu",
            (unsigned long long)args->newest_ref.number,
            (unsigned long long)chain_head(query_light(query)->chain)->header.number);
    if (got == QUERY_ABSENT)
        return query_fail_block(query, &args->newest_ref);
    if (got == QUERY_LATER)
        return query_wait(query);
    if (args->rewards == NULL || !hash32_equal(&args->newest, &newest->hash))
        begin(query, newest);
    if (args->from > args->to)
        return put_nothing(query);
    if (query_range(query, args->from, args->to) != QUERY_HERE)
        return query_wait(query);
    if (args->percentiles_count > 0)
        got = reward_all(query);
    if (got == QUERY_ABSENT)
        return query_fail(query, RPC_INTERNAL, "a block's receipts do not fit its transactions");
    size_t count = args->to - args->from + 1;
    for (size_t i = 0; got == QUERY_HERE && i < count; i++)
        got = query_number(query, args->from + i, &blocks[i]);
    if (got != QUERY_HERE)
        return query_wait(query);
    return put_history(query, blocks, count);
}

struct call_done eth_fee_history(struct call *call, void *ctx)
{
    struct history_args *args = call_alloc(call, sizeof *args);
    if (!param_count(call, 0, &args->wanted) || !param_block(call, 1, &args->newest_ref) ||
        !param_percentiles(call, 2, &args->percentiles, &args->percentiles_count) ||
        !check_percentiles(call, args))
        return call_fail_param(call);
    return query_start(call, ctx, on_history, args);
}
