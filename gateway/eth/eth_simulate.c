/* eth_simulateV1: its parameters and its answer. The rest is in gateway/simulate.h. */
#include "gateway/eth/methods.h"
#include "gateway/rpc/params_hex.h"
#include "gateway/call/simulate.h"
#include "les/base/limits.h"

/* ---- parameters ---- */

static struct place place_of(struct call *call, const char *field)
{
    return (struct place){.call = call, .index = 0, .field = field};
}

static bool read_flag(struct call *call, const struct json_t *options, const char *field, bool *out)
{
    const struct json_t *value = member_fold(options, strrchr(field, '.') + 1);
    const struct place at = place_of(call, field);
    *out = json_bool_of(value);
    return value == NULL || json_kind(value) == JSON_KIND_BOOL ||
           place_type_fault(&at, go_kind(value), "bool");
}

static bool read_list(struct call *call, const struct json_t *object, const char *field,
                      const char *type, const struct json_t **out)
{
    const struct place at = place_of(call, field);
    *out = member_fold(object, strrchr(field, '.') + 1);
    return *out == NULL || json_kind(*out) == JSON_KIND_ARRAY ||
           place_type_fault(&at, go_kind(*out), type);
}

static bool read_calls(struct call *call, const struct json_t *list, struct simulate_block *out,
                       size_t *total)
{
    out->calls_count = json_count(list);
    *total += out->calls_count;
    if (out->calls_count > SIMULATE_BLOCK_CALLS_MAX)
        return param_note(call, SIMULATE_LIMIT, "too many calls in block: %zu > %d",
                          out->calls_count, SIMULATE_BLOCK_CALLS_MAX);
    if (*total > SIMULATE_CALLS_MAX)
        return param_note(call, SIMULATE_LIMIT, "too many calls: %zu > %d", *total,
                          SIMULATE_CALLS_MAX);
    struct call_args *calls = call_alloc(call, (out->calls_count + 1) * sizeof *calls);
    out->calls = calls;
    for (size_t i = 0; i < out->calls_count; i++)
        if (!field_call_args(call, 0, "BlockStateCalls.Calls.", json_item(list, i), &calls[i]))
            return false;
    return true;
}

static bool read_block(struct call *call, const struct json_t *value, struct simulate_block *out,
                       size_t *total)
{
    const struct place at = place_of(call, "simOpts.BlockStateCalls");
    const struct json_t *calls;
    enum json_kind kind = json_kind(value);
    if (kind != JSON_KIND_OBJECT && kind != JSON_KIND_NULL)
        return place_type_fault(&at, go_kind(value), "ethapi.simBlock");
    return field_block_override(call, 0, "BlockStateCalls.BlockOverrides.",
                                member_fold(value, "BlockOverrides"), &out->block) &&
           field_state_override(call, 0, "BlockStateCalls.StateOverrides.",
                                member_fold(value, "StateOverrides"), &out->state) &&
           read_list(call, value, "simOpts.BlockStateCalls.Calls", "[]ethapi.TransactionArgs",
                     &calls) &&
           read_calls(call, calls, out, total);
}

bool simulate_options(struct call *call, struct simulate_job *job)
{
    const struct json_t *options = call_param(call, 0), *list;
    const struct place at = place_of(call, NULL);
    enum json_kind kind = json_kind(options);
    size_t total = 0;
    if (kind != JSON_KIND_OBJECT && kind != JSON_KIND_NULL)
        return place_type_fault(&at, go_kind(options), "ethapi.simOpts");
    if (!read_list(call, options, "simOpts.BlockStateCalls", "[]ethapi.simBlock", &list) ||
        !read_flag(call, options, "simOpts.TraceTransfers", &job->trace_transfers) ||
        !read_flag(call, options, "simOpts.Validation", &job->validation) ||
        !read_flag(call, options, "simOpts.ReturnFullTransactions", &job->full_transactions))
        return false;
    job->blocks_count = json_count(list);
    if (job->blocks_count == 0)
        return param_note(call, RPC_INVALID_PARAMS, "empty input");
    if (job->blocks_count > SIMULATE_BLOCKS_MAX)
        return param_note(call, SIMULATE_LIMIT, "too many blocks");
    struct simulate_block *blocks = call_alloc(call, job->blocks_count * sizeof *blocks);
    job->blocks = blocks;
    for (size_t i = 0; i < job->blocks_count; i++)
        if (!read_block(call, json_item(list, i), &blocks[i], &total))
            return false;
    return true;
}

/* ---- the method ---- */

static void on_free(struct exec_job *exec_job)
{
    struct simulate_job *job = container_of(exec_job, struct simulate_job, job);
    call_error_free(&job->error);
    buf_free(&job->answer);
}

static struct call_done on_step(struct query *query)
{
    struct simulate_job *job = query_args(query);
    struct block_header *block;
    enum query_got got = query_block(query, &job->base_ref, &block);
    if (got == QUERY_ABSENT)
        return query_fail_block(query, &job->base_ref);
    if (got == QUERY_LATER)
        return query_wait(query);
    if (!job->has_base) {
        job->base = block->header;
        job->base.extra = SPAN_EMPTY;
        job->base_hash = block->hash;
        job->has_base = true;
        call_note_block(query_call(query), &block->hash);
    }
    if (query_execute(query, &job->job, block) != QUERY_HERE)
        return query_wait(query);
    if (job->error.code != 0)
        return query_fail_text(query, job->error.code, buf_span(&job->error.text), SPAN_EMPTY);
    json_put_raw(call_result(query_call(query)), buf_span(&job->answer));
    return query_ok(query);
}

struct call_done eth_simulate_v1(struct call *call, void *ctx)
{
    struct simulate_job *job = call_alloc(call, sizeof *job);
    job->job = (struct exec_job){.run = simulate_run, .free = on_free, .keep_nodes = true};
    if (!simulate_options(call, job) || !param_block(call, 1, &job->base_ref))
        return call_fail_param(call);
    return query_start(call, ctx, on_step, job);
}
