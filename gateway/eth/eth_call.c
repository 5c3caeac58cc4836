/* Calls over proved state: eth_call, eth_estimateGas, eth_createAccessList. */
#include "gateway/eth/methods.h"
#include "gateway/call/call_work.h"
#include "gateway/eth/fee_tip.h"
#include "les/eth/tx.h"

struct call_job {
    struct exec_job job;
    enum call_got (*work)(struct call_outcome *outcome, const struct exec_world *world,
                          const struct call_order *order);
    void (*put)(struct buf *out, const struct call_outcome *outcome);
    struct block_ref block;
    bool wants_tip;
    struct block_header *pinned; /* the block that `block` named first; exec holds it */
    struct call_order order;
    struct call_outcome outcome;
};

/* ---- on a worker ---- */

static void on_run(struct exec_job *base, const struct exec_world *world)
{
    struct call_job *job = container_of(base, struct call_job, job);
    (void)job->work(&job->outcome, world, &job->order); /* stopped or not, exec knows */
}

static void on_free(struct exec_job *base)
{
    struct call_job *job = container_of(base, struct call_job, job);
    call_outcome_free(&job->outcome);
}

/* ---- answers ---- */

static void put_output(struct buf *out, const struct call_outcome *outcome)
{
    json_put_data(out, buf_span(&outcome->output));
}

static void put_gas(struct buf *out, const struct call_outcome *outcome)
{
    json_put_quantity(out, outcome->gas);
}

static void put_access_list(struct buf *out, const struct call_outcome *outcome)
{
    struct span rest = buf_span(&outcome->access_list), keys;
    struct address20 address;
    struct hash32 key;
    size_t count;
    json_put_object(out);
    json_put_key(out, "accessList");
    json_put_array(out);
    while (tx_access_next(&rest, &address, &keys, &count)) {
        json_put_object(out);
        json_put_key(out, "address");
        json_put_address(out, &address);
        json_put_key(out, "storageKeys");
        json_put_array(out);
        while (tx_hash_next(&keys, &key))
            json_put_hash(out, &key);
        json_put_array_end(out);
        json_put_object_end(out);
    }
    json_put_array_end(out);
    if (outcome->vm_error.size > 0) {
        json_put_key(out, "error");
        json_put_string(out, buf_span(&outcome->vm_error));
    }
    json_put_key(out, "gasUsed");
    json_put_quantity(out, outcome->gas);
    json_put_object_end(out);
}

static struct call_done fail(struct query *query, const struct call_outcome *outcome)
{
    const struct call_error *error = &outcome->error;
    struct buf data = {0};
    if (error->code == RPC_REVERTED)
        json_put_data(&data, buf_span(&outcome->output));
    struct call_done done =
        query_fail_text(query, error->code, buf_span(&error->text), buf_span(&data));
    buf_free(&data);
    return done;
}

/* ---- the step ---- */

/* The block is looked up once: the head may move while the call runs. */
static enum query_got pin(struct query *query, struct call_job *job)
{
    if (job->pinned != NULL)
        return QUERY_HERE;
    struct block_ref latest = {.tag = BLOCK_LATEST};
    struct block_header *block, *head;
    enum query_got got = query_block(query, &job->block, &block);
    if (got != QUERY_HERE)
        return got;
    if (job->wants_tip && (query_block(query, &latest, &head) != QUERY_HERE ||
                           fee_tip(query, head, &job->order.tip) != QUERY_HERE))
        return QUERY_LATER;
    job->pinned = block;
    job->order.header = &block->header;
    call_note_block(query_call(query), &block->hash);
    return QUERY_HERE;
}

static struct call_done on_step(struct query *query)
{
    struct call_job *job = query_args(query);
    enum query_got got = pin(query, job);
    if (got == QUERY_ABSENT)
        return query_fail_block(query, &job->block);
    if (got == QUERY_LATER || query_execute(query, &job->job, job->pinned) != QUERY_HERE)
        return query_wait(query);
    if (job->outcome.error.code != 0)
        return fail(query, &job->outcome);
    job->put(call_result(query_call(query)), &job->outcome);
    return query_ok(query);
}

static struct call_job *new_job(struct call *call)
{
    struct call_job *job = call_alloc(call, sizeof *job);
    job->job.run = on_run;
    job->job.free = on_free;
    bool good = param_call_args(call, 0, &job->order.args) && param_block(call, 1, &job->block) &&
                param_state_override(call, 2, &job->order.state);
    return good ? job : NULL;
}

struct call_done eth_call(struct call *call, void *ctx)
{
    struct call_job *job = new_job(call);
    if (job == NULL || !param_block_override(call, 3, &job->order.block))
        return call_fail_param(call);
    job->work = call_execute;
    job->put = put_output;
    return query_start(call, ctx, on_step, job);
}

struct call_done eth_estimate_gas(struct call *call, void *ctx)
{
    struct call_job *job = new_job(call);
    if (job == NULL || !param_block_override(call, 3, &job->order.block))
        return call_fail_param(call);
    job->work = call_estimate;
    job->put = put_gas;
    return query_start(call, ctx, on_step, job);
}

struct call_done eth_create_access_list(struct call *call, void *ctx)
{
    struct call_job *job = new_job(call);
    if (job == NULL)
        return call_fail_param(call);
    const struct call_args *args = &job->order.args;
    job->work = call_access_list;
    job->put = put_access_list;
    job->wants_tip = !args->has_gas_price && !(args->has_max_fee && args->has_max_priority_fee);
    return query_start(call, ctx, on_step, job);
}
