#include "gateway/call/trace_run.h"

#include "gateway/call/trace.h"
#include "les/base/limits.h"
#include "les/eth/keccak.h"

/* A replay: the block from its beginning. */
struct replay {
    struct trace_job *job;
    const struct exec_world *world;
    struct block_place place;
    struct block_run *run;
    struct block_outcome outcome;
    struct trace *trace;
    uint64_t logs_before;
};

static struct trace_job *job_of(struct exec_job *job)
{
    return container_of(job, struct trace_job, job);
}

void trace_run_free(struct exec_job *job)
{
    struct trace_job *own = job_of(job);
    buf_free(&own->out);
    call_error_free(&own->error);
}

static void start(struct trace_job *job)
{
    buf_clear(&job->out);
    job->error.code = 0;
}

/* ---- looking ahead ---- */

static void look_up(struct evm_backend *backend, const struct address20 *address)
{
    struct account account;
    struct span code;
    if (backend->ops->account(backend, address, &account) == EVM_LOOKUP_FOUND &&
        !hash32_equal(&account.code_hash, &EMPTY_CODE_HASH))
        (void)backend->ops->code(backend, address, &account.code_hash, &code);
}

/* A transaction whose sender is only guessed would be refused, and the rest of the block with it.
 * So whoever takes part in them is looked up before anything runs: then the first fetch brings them
 * all. */
static void look_ahead(struct trace_job *job, const struct exec_world *world)
{
    enum evm_revision revision = evm_revision_of(chainspec_fork(world->spec, &job->header));
    if (job->looked_ahead)
        return;
    job->looked_ahead = true;
    look_up(world->backend, &job->header.coinbase);
    for (size_t i = 0; i < job->envelopes_count; i++) {
        struct tx tx;
        struct address20 sender;
        if (tx_decode(&tx, job->envelopes[i]) != TX_VALID ||
            tx_sender(&sender, &tx, world->crypto, revision >= EVM_HOMESTEAD) != TX_VALID)
            return;
        look_up(world->backend, &sender);
        if (tx.has_to)
            look_up(world->backend, &tx.to);
    }
}

/* ---- replays ---- */

static bool open_replay(struct replay *replay, struct trace_job *job,
                        const struct exec_world *world, struct evm_state *state)
{
    *replay = (struct replay){.job = job,
                              .world = world,
                              .place = {.spec = world->spec,
                                        .crypto = world->crypto,
                                        .state = state,
                                        .codes = world->codes,
                                        .precompiles = world->precompiles,
                                        .cancel = world->cancel,
                                        .block_hash = witness_block_hash,
                                        .owner = world->witness}};
    replay->run = block_run_open(&replay->place, NULL, &job->header, &replay->outcome);
    if (replay->outcome.fault == BLOCK_FAULT_NONE)
        return true;
    call_error_set(&job->error, RPC_SERVER_ERROR, "%s", block_fault_text(replay->outcome.fault));
    return false;
}

static void close_replay(struct replay *replay)
{
    block_run_free(replay->run);
    block_outcome_free(&replay->outcome);
}

static void note_fault(struct replay *replay, size_t index)
{
    struct trace_job *job = replay->job;
    const struct block_outcome *outcome = &replay->outcome;
    const char *why = outcome->fault == BLOCK_FAULT_STOPPED      ? evm_end_text(outcome->end)
                      : outcome->fault == BLOCK_FAULT_TX_REFUSED ? tx_refusal_text(outcome->refusal)
                                                                 : block_fault_text(outcome->fault);
    struct hash32 hash;
    struct buf text = {0};
    if (replay->trace == NULL) {
        keccak256(&hash, job->envelopes[index]);
        buf_add_str(&text, "transaction ");
        buf_add_hex0x(&text, SPAN(hash.bytes, 32));
        buf_printf(&text, " failed: %s", why);
    } else {
        buf_printf(&text, "tracing failed: %s", why);
    }
    call_error_set(&job->error, RPC_SERVER_ERROR, "%.*s", (int)text.size, (const char *)text.data);
    buf_free(&text);
}

static void note_too_large(struct trace_job *job)
{
    call_error_set(&job->error, RPC_RESPONSE_TOO_LARGE, "trace larger than %lu bytes",
                   TRACE_BYTES_MAX);
}

/* tx and sender live as long as the trace. A transaction that cannot be read will not run either.
 */
static void begin_trace(struct replay *replay, struct span envelope, struct tx *tx,
                        struct address20 *sender)
{
    const struct exec_world *world = replay->world;
    enum evm_revision revision = evm_revision_of(chainspec_fork(world->spec, &replay->job->header));
    if (tx_decode(tx, envelope) != TX_VALID ||
        tx_sender(sender, tx, world->crypto, revision >= EVM_HOMESTEAD) != TX_VALID)
        return;
    trace_begin(replay->trace,
                &(struct trace_subject){.tx = tx,
                                        .sender = sender,
                                        .coinbase = &block_run_block(replay->run)->coinbase,
                                        .state = replay->place.state,
                                        .revision = revision,
                                        .crypto = world->crypto,
                                        .logs_before = replay->logs_before});
}

/* Adds a transaction, traced by replay->trace if that is not NULL. False: the block ends here. */
static bool replay_one(struct replay *replay, size_t index)
{
    struct trace_job *job = replay->job;
    struct span envelope = job->envelopes[index];
    struct trace *trace = replay->trace;
    struct tx tx;
    struct address20 sender;
    size_t logs;
    if (trace != NULL)
        begin_trace(replay, envelope, &tx, &sender);
    block_run_trace(replay->run, trace != NULL ? &trace->evm : NULL);
    enum block_fault fault = block_run_add(replay->run, envelope);
    if (fault != BLOCK_FAULT_NONE) {
        note_fault(replay, index);
        /* A guess made it so: the others still say what they read. */
        return fault == BLOCK_FAULT_TX_REFUSED && witness_guessed(replay->world->witness);
    }
    (void)evm_state_logs(replay->place.state, &logs);
    replay->logs_before += logs;
    return true;
}

static bool put_result(struct replay *replay, size_t index)
{
    struct trace_job *job = replay->job;
    struct buf *out = &job->out;
    struct hash32 hash;
    uint64_t gas_used = replay->outcome.txs[replay->outcome.txs_count - 1].gas_used;
    if (job->whole_block) {
        keccak256(&hash, job->envelopes[index]);
        json_put_object(out);
        json_put_key(out, "txHash");
        json_put_hash(out, &hash);
        json_put_key(out, "result");
    }
    bool fits = trace_finish(replay->trace, gas_used, out);
    if (job->whole_block)
        json_put_object_end(out);
    if (!fits)
        note_too_large(job);
    return fits;
}

static void replay_block(struct replay *replay, struct trace *trace)
{
    struct trace_job *job = replay->job;
    if (job->whole_block)
        json_put_array(&job->out);
    for (size_t i = 0; i < job->envelopes_count; i++) {
        bool traced = job->whole_block || i + 1 == job->envelopes_count;
        /* What guesses lead to is not worth writing. */
        bool guessed = witness_guessed(replay->world->witness);
        replay->trace = traced && !guessed ? trace : NULL;
        if (!replay_one(replay, i))
            return;
        if (replay->trace != NULL && job->error.code == 0 && !put_result(replay, i))
            return;
    }
    if (!job->whole_block)
        return;
    json_put_array_end(&job->out);
    if (replay->outcome.gas_used != job->header.gas_used && job->error.code == 0)
        call_error_set(
            &job->error, RPC_INTERNAL, "tracing failed: the block used %llu gas here and not %llu",
            (unsigned long long)replay->outcome.gas_used, (unsigned long long)job->header.gas_used);
}

void trace_run_block(struct exec_job *exec_job, const struct exec_world *world)
{
    struct trace_job *job = job_of(exec_job);
    struct replay replay;
    start(job);
    look_ahead(job, world);
    struct evm_state *state = evm_state_new(world->backend, world->codes);
    struct trace *trace = trace_new(&job->args->options);
    if (open_replay(&replay, job, world, state))
        replay_block(&replay, trace);
    close_replay(&replay);
    trace_free(trace);
    evm_state_free(state);
}

/* ---- calls ---- */

static bool replay_before_call(struct trace_job *job, const struct exec_world *world,
                               struct evm_state *state, uint64_t *logs_before)
{
    struct replay replay;
    bool good = open_replay(&replay, job, world, state);
    for (size_t i = 0; good && i < job->envelopes_count; i++)
        good = replay_one(&replay, i);
    *logs_before = replay.logs_before;
    close_replay(&replay);
    return good;
}

static void fail_tracing(struct trace_job *job)
{
    struct buf text = {0};
    buf_add_str(&text, "tracing failed: ");
    buf_add_span(&text, buf_span(&job->error.text));
    call_error_set(&job->error, job->error.code, "%.*s", (int)text.size, (const char *)text.data);
    buf_free(&text);
}

static bool override_state(struct trace_job *job, struct call_run *run)
{
    enum call_got got = call_run_override(run, &job->args->state_override, &job->error);
    if (got == CALL_STOPPED)
        call_error_set(&job->error, RPC_SERVER_ERROR, "%s", evm_end_text(EVM_END_MISSING));
    return got == CALL_DONE;
}

static void trace_message(struct trace_job *job, const struct exec_world *world,
                          struct call_run *run, const struct call_message *message,
                          uint64_t logs_before)
{
    struct trace *trace = trace_new(&job->args->options);
    struct tx_result result;
    bool guessed = witness_guessed(world->witness);
    trace_begin(trace, &(struct trace_subject){.tx = &message->tx,
                                               .sender = &message->sender,
                                               .coinbase = &call_run_block(run)->evm.coinbase,
                                               .state = call_run_state(run),
                                               .revision = call_run_block(run)->revision,
                                               .crypto = world->crypto,
                                               .logs_before = logs_before});
    evm_set_tracer(call_run_evm(run), guessed ? NULL : &trace->evm);
    enum call_got got = call_run_message(run, message, &CALL_LENIENCY, &result, &job->error);
    if (got == CALL_FAILED)
        fail_tracing(job);
    else if (got == CALL_STOPPED)
        call_error_set(&job->error, RPC_SERVER_ERROR, "tracing failed: %s",
                       evm_end_text(result.end));
    else if (!guessed && !trace_finish(trace, result.gas_used, &job->out))
        note_too_large(job);
    trace_free(trace);
}

void trace_run_call(struct exec_job *exec_job, const struct exec_world *world)
{
    struct trace_job *job = job_of(exec_job);
    struct call_block block;
    struct call_message message;
    uint64_t logs_before = 0;
    start(job);
    if (!call_block_of(&block, world, &job->header, &job->args->block_override, &job->error))
        return;
    look_ahead(job, world);
    struct call_run *run = call_run_open(world, &block, NULL);
    bool good = !job->args->has_tx_index ||
                replay_before_call(job, world, call_run_state(run), &logs_before);
    if (good && override_state(job, run) &&
        call_message_of(&message, job->call, &block, world->gas_cap, &job->error)) {
        call_run_lower_fees(run, &message);
        trace_message(job, world, run, &message, logs_before);
    }
    call_run_close(run);
}
