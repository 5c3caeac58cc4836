/* debug_traceTransaction, debug_traceBlockByNumber, debug_traceBlockByHash, debug_traceCall: what
 * to run, and over which state. */
#include "gateway/eth/methods.h"
#include "gateway/call/trace_run.h"
#include "gateway/light/tx_find.h"

struct trace_query {
    struct trace_args args;
    struct call_args call;
    struct hash32 tx_hash;
    struct block_ref block;
    struct trace_job job;
    bool ready; /* the job's inputs are there */
};

/* ---- the ways out ---- */

static struct call_done fail_not_found(struct query *query, const struct block_ref *ref)
{
    struct buf text = {0};
    if (ref->tag != BLOCK_HASH && ref->tag != BLOCK_NUMBER)
        return query_fail_block(query, ref);
    if (ref->tag == BLOCK_NUMBER)
        return query_failf(query, RPC_SERVER_ERROR, "block #%llu not found",
                           (unsigned long long)ref->number);
    buf_add_hex0x(&text, SPAN(ref->hash.bytes, 32));
    struct call_done done = query_failf(query, RPC_SERVER_ERROR, "block %.*s not found",
                                        (int)text.size, (const char *)text.data);
    buf_free(&text);
    return done;
}

static struct call_done put_answer(struct query *query)
{
    struct trace_job *job = &((struct trace_query *)query_args(query))->job;
    struct call_error *error = &job->error;
    if (error->code == 0) {
        buf_add_span(call_result(query_call(query)), buf_span(&job->out));
        buf_free(&job->out); /* it may be large */
        return query_ok(query);
    }
    return query_fail_text(query, error->code, buf_span(&error->text), SPAN_EMPTY);
}

static struct call_done fail_args(struct query *query)
{
    struct trace_query *trace = query_args(query);
    return query_failf(query, RPC_SERVER_ERROR, "%.*s", (int)trace->args.fault.size,
                       (const char *)trace->args.fault.data);
}

/* ---- what to run ---- */

static struct span keep(struct call *call, struct span bytes)
{
    uint8_t *copy = call_alloc(call, bytes.size + 1);
    if (bytes.size > 0)
        memcpy(copy, bytes.data, bytes.size);
    return SPAN(copy, bytes.size);
}

/* Keeps the block and its first `count` transactions for the worker. */
static void prepare(struct query *query, const struct block_header *block, const struct span *all,
                    size_t count)
{
    struct trace_query *trace = query_args(query);
    struct trace_job *job = &trace->job;
    struct call *call = query_call(query);
    struct span *envelopes = call_alloc(call, (count + 1) * sizeof *envelopes);
    for (size_t i = 0; i < count; i++)
        envelopes[i] = keep(call, all[i]);
    job->header = block->header;
    job->header.extra = keep(call, block->header.extra); /* the block may go before the run ends */
    job->envelopes = envelopes;
    job->envelopes_count = count;
    job->args = &trace->args;
    job->job.timeout_ms = trace->args.timeout_ms;
    job->job.timeout_text = "execution timeout";
    trace->ready = true;
}

static struct call_done run_on_parent(struct query *query)
{
    struct trace_query *trace = query_args(query);
    struct block_header *parent;
    enum query_got got = query_hash(query, &trace->job.header.parent_hash, &parent);
    if (got == QUERY_ABSENT)
        return fail_not_found(
            query, &(struct block_ref){.tag = BLOCK_HASH, .hash = trace->job.header.parent_hash});
    if (got == QUERY_LATER || query_execute(query, &trace->job.job, parent) != QUERY_HERE)
        return query_wait(query);
    return put_answer(query);
}

/* ---- debug_traceTransaction ---- */

static struct call_done on_trace_transaction(struct query *query)
{
    struct trace_query *trace = query_args(query);
    struct tx_found found;
    struct span raw;
    struct body body;
    if (trace->ready)
        return run_on_parent(query);
    enum query_got got = tx_find(query, &trace->tx_hash, &found);
    if (got == QUERY_ABSENT)
        return query_fail(query, RPC_SERVER_ERROR, "transaction not found");
    if (got == QUERY_LATER || query_body(query, found.block, &raw, &body) == QUERY_LATER)
        return query_wait(query);
    if (trace->args.fault.size > 0)
        return fail_args(query);
    size_t count;
    struct span *all = txs_of_body(&body, &count);
    ASSERT(found.index < count);
    prepare(query, found.block, all, (size_t)found.index + 1);
    mem_free(all);
    return run_on_parent(query);
}

static struct call_done start_trace(struct call *call, void *ctx, struct trace_query *trace,
                                    struct call_done (*step)(struct query *query))
{
    trace->job.job.run = trace_run_block;
    trace->job.job.free = trace_run_free;
    return query_start(call, ctx, step, trace);
}

struct call_done debug_trace_transaction(struct call *call, void *ctx)
{
    struct trace_query *trace = call_alloc(call, sizeof *trace);
    if (!param_hash(call, 0, &trace->tx_hash) || !param_trace(call, 1, false, &trace->args))
        return call_fail_param(call);
    return start_trace(call, ctx, trace, on_trace_transaction);
}

/* ---- debug_traceBlockBy* ---- */

static struct call_done on_trace_block(struct query *query)
{
    struct trace_query *trace = query_args(query);
    struct block_header *block;
    struct span raw;
    struct body body;
    if (trace->ready)
        return run_on_parent(query);
    enum query_got got = query_block(query, &trace->block, &block);
    if (got == QUERY_ABSENT)
        return fail_not_found(query, &trace->block);
    if (got == QUERY_LATER)
        return query_wait(query);
    if (block->header.number == 0)
        return query_fail(query, RPC_SERVER_ERROR, "genesis is not traceable");
    if (query_body(query, block, &raw, &body) == QUERY_LATER)
        return query_wait(query);
    size_t count;
    struct span *all = txs_of_body(&body, &count);
    prepare(query, block, all, count);
    mem_free(all);
    trace->job.whole_block = true;
    if (count > 0 && trace->args.fault.size > 0)
        return fail_args(query);
    return run_on_parent(query);
}

struct call_done debug_trace_block_by_number(struct call *call, void *ctx)
{
    struct trace_query *trace = call_alloc(call, sizeof *trace);
    if (!param_block(call, 0, &trace->block) || !param_trace(call, 1, false, &trace->args))
        return call_fail_param(call);
    return start_trace(call, ctx, trace, on_trace_block);
}

struct call_done debug_trace_block_by_hash(struct call *call, void *ctx)
{
    struct trace_query *trace = call_alloc(call, sizeof *trace);
    trace->block.tag = BLOCK_HASH;
    if (!param_hash(call, 0, &trace->block.hash) || !param_trace(call, 1, false, &trace->args))
        return call_fail_param(call);
    return start_trace(call, ctx, trace, on_trace_block);
}

/* ---- debug_traceCall ---- */

static struct call_done fail_tx_index(struct query *query, const struct block_header *block)
{
    struct trace_query *trace = query_args(query);
    struct buf text = {0};
    buf_add_hex0x(&text, SPAN(block->hash.bytes, 32));
    struct call_done done = query_failf(
        query, RPC_SERVER_ERROR, "transaction index %llu out of range for block %.*s",
        (unsigned long long)trace->args.tx_index, (int)text.size, (const char *)text.data);
    buf_free(&text);
    return done;
}

/* Before which transaction of the block. An empty block has a place before its first one all the
 * same. */
static struct call_done on_trace_call_at_index(struct query *query, struct block_header *block)
{
    struct trace_query *trace = query_args(query);
    uint64_t index = trace->args.tx_index;
    struct span raw;
    struct body body;
    size_t count;
    if (block->header.number == 0)
        return query_fail(query, RPC_SERVER_ERROR, "no transaction in genesis");
    if (query_body(query, block, &raw, &body) == QUERY_LATER)
        return query_wait(query);
    struct span *all = txs_of_body(&body, &count);
    bool there = index < count || (index == 0 && count == 0);
    if (there)
        prepare(query, block, all, (size_t)index);
    mem_free(all);
    if (!there)
        return fail_tx_index(query, block);
    return trace->args.fault.size > 0 ? fail_args(query) : run_on_parent(query);
}

static struct call_done on_trace_call(struct query *query)
{
    struct trace_query *trace = query_args(query);
    struct block_header *block;
    if (trace->ready && trace->args.has_tx_index)
        return run_on_parent(query);
    if (trace->block.tag == BLOCK_PENDING)
        return query_fail(query, RPC_SERVER_ERROR, "tracing on top of pending is not supported");
    enum query_got got = query_block(query, &trace->block, &block);
    if (got == QUERY_ABSENT)
        return fail_not_found(query, &trace->block);
    if (got == QUERY_LATER)
        return query_wait(query);
    if (trace->args.has_tx_index)
        return on_trace_call_at_index(query, block);
    if (trace->args.fault.size > 0)
        return fail_args(query);
    if (!trace->ready) {
        prepare(query, block, NULL, 0);
        /* latest may move on between two runs of this step. */
        trace->block = (struct block_ref){.tag = BLOCK_HASH, .hash = block->hash};
    }
    if (query_execute(query, &trace->job.job, block) != QUERY_HERE)
        return query_wait(query);
    return put_answer(query);
}

struct call_done debug_trace_call(struct call *call, void *ctx)
{
    struct trace_query *trace = call_alloc(call, sizeof *trace);
    if (!param_call_args(call, 0, &trace->call) || !param_block(call, 1, &trace->block) ||
        !param_trace(call, 2, true, &trace->args))
        return call_fail_param(call);
    trace->job.call = &trace->call;
    trace->job.job.run = trace_run_call;
    trace->job.job.free = trace_run_free;
    return query_start(call, ctx, on_trace_call, trace);
}
