#include "gateway/rpc/render.h"
#include "gateway/call/simulate.h"

#include "les/eth/keccak.h"
#include "les/eth/rlp.h"
#include "les/eth/u256.h"

#include <inttypes.h>
#include <stdatomic.h>

/* What go-ethereum derives from the v of a legacy transaction that nobody signed: (0 - 35) / 2 in
 * 64 bits. It prints it as the chain id, so others expect it. */
#define UNSIGNED_CHAIN_ID ((UINT64_MAX - 34) / 2)

/* What became of one call. Spans of bytes are places in sim.bytes. */
struct place_of {
    size_t at, size;
};
struct record {
    struct tx_result result; /* without its output */
    struct place_of output, text, envelope;
    size_t logs_count;
};

struct sim {
    struct simulate_job *job;
    const struct exec_world *world;
    struct call_error *error;
    struct call_run *run; /* NULL before the first block */
    struct simulate_logs logs;
    struct hash32 root;
    struct header parent;
    struct hash32 *hashes; /* of the base and of every block made since */
    size_t hashes_count;
    uint64_t gas_left; /* of the whole simulation */
    bool gaps;         /* nodes were missing: the roots are not true, but more may be learnt */
    /* the block being made */
    const struct simulate_step *step;
    struct header header;
    struct block_outcome outcome;
    struct record *records;
    struct tx *txs;
    struct address20 *senders;
    size_t count;
    struct buf bytes;
};

enum made { MADE, MADE_NOT /* stopped, or job->error says why */ };

/* ---- what the state lacks ---- */

/* A run over guesses is only made to find out what to fetch. */
static bool is_guess(const struct sim *sim)
{
    return witness_guessed(sim->world->witness);
}

static void on_gap(void *owner, const struct evm_gap *gap)
{
    struct sim *sim = owner;
    sim->gaps = true;
    witness_want_node(sim->world->witness, gap->in_storage ? &gap->address : NULL, &gap->key);
}

/* Guessed values have no nodes. After a gap it goes on, to find the gaps of all blocks in one run.
 */
static enum status on_commit(void *owner, struct evm_state *state, struct hash32 *root)
{
    struct sim *sim = owner;
    if (is_guess(sim) && !sim->gaps)
        return STATUS_OK;
    enum status status = evm_state_commit_partial(state, sim->world->nodes, root, on_gap, sim);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum evm_lookup on_block_hash(void *owner, uint64_t number, struct hash32 *out)
{
    struct sim *sim = owner;
    uint64_t base = sim->job->base.number;
    *out = HASH32_ZERO;
    if (number < base)
        return witness_block_hash(sim->world->witness, number, out);
    if (number - base >= sim->hashes_count)
        return EVM_LOOKUP_ABSENT;
    *out = sim->hashes[number - base];
    return EVM_LOOKUP_FOUND;
}

/* ---- calls ---- */

static struct place_of keep(struct sim *sim, struct span bytes)
{
    struct place_of place = {sim->bytes.size, bytes.size};
    buf_add_span(&sim->bytes, bytes);
    return place;
}

static struct span part(const struct buf *bytes, size_t at, size_t size)
{
    return size == 0 ? SPAN_EMPTY : SPAN(bytes->data + at, size);
}

static struct span kept(const struct sim *sim, struct place_of place)
{
    return part(&sim->bytes, place.at, place.size);
}

static int code_of(enum tx_refusal refusal)
{
    switch (refusal) {
    case TX_REFUSAL_NONCE_LOW:
        return SIMULATE_NONCE_LOW;
    case TX_REFUSAL_NONCE_HIGH:
        return SIMULATE_NONCE_HIGH;
    case TX_REFUSAL_SENDER_HAS_CODE:
        return SIMULATE_SENDER_HAS_CODE;
    case TX_REFUSAL_TIP_ABOVE_FEE:
        return RPC_INVALID_PARAMS;
    case TX_REFUSAL_FEE_BELOW_BASE:
        return SIMULATE_BASE_FEE_LOW;
    case TX_REFUSAL_FUNDS:
        return SIMULATE_FUNDS;
    case TX_REFUSAL_INTRINSIC_GAS:
        return SIMULATE_INTRINSIC_GAS;
    case TX_REFUSAL_INITCODE_SIZE:
        return SIMULATE_INITCODE_SIZE;
    default:
        return RPC_INTERNAL;
    }
}

/* go-ethereum's texts around the reason. */
static void dress_refusal(struct call_error *error, uint64_t gas)
{
    struct buf text = {0};
    buf_add_str(&text, "err: ");
    buf_add_span(&text, buf_span(&error->text));
    buf_printf(&text, " (supplied gas %" PRIu64 ")", gas);
    buf_free(&error->text);
    error->text = text;
    error->code = code_of(error->refusal);
}

/* Nonce and gas that were not given; gas within what is left. */
static bool complete_args(struct sim *sim, struct call_args *args, bool *gas_capped)
{
    struct evm_account *sender;
    uint64_t remaining = sim->header.gas_limit - sim->outcome.gas_used;
    if (!evm_state_account(call_run_state(sim->run), &args->from, &sender))
        return false;
    if (!args->has_nonce)
        args->nonce = sender->nonce;
    if (!args->has_gas)
        args->gas = remaining;
    args->has_nonce = args->has_gas = true;
    if (args->gas > remaining) {
        call_error_set(sim->error, SIMULATE_BLOCK_GAS,
                       "block gas limit reached: remaining: %" PRIu64 ", required: %" PRIu64,
                       remaining, args->gas);
        return false;
    }
    *gas_capped = args->gas > sim->gas_left;
    if (*gas_capped)
        args->gas = sim->gas_left;
    return true;
}

/* The transaction as it stands in the block. Which type that is depends on what was given, not on
 * what the fork knows. */
static void show_tx(struct tx *out, const struct call_message *message,
                    const struct call_args *args, bool has_base_fee)
{
    *out = message->tx;
    if (args->has_gas_price || !has_base_fee)
        out->type = TX_LEGACY;
    else if (args->has_authorizations)
        out->type = TX_SET_CODE;
    else if (args->has_blob_hashes)
        out->type = TX_BLOB;
    else
        out->type = TX_DYNAMIC_FEE;
    out->v = out->r = out->s = u256_from_u64(0);
    if (out->type == TX_LEGACY)
        out->chain_id = UNSIGNED_CHAIN_ID;
}

/* Why a call failed, as its error says it. */
static void keep_end(struct sim *sim, struct record *record, bool gas_capped)
{
    struct buf text = {0};
    enum evm_end end = record->result.end;
    if (end == EVM_END_REVERT)
        call_revert_text(&text, record->result.output);
    record->output = keep(sim, record->result.output);
    if (end != EVM_END_SUCCESS && end != EVM_END_REVERT) {
        record->output.size = 0;
        call_run_end_text(&text, sim->run, end);
        if (gas_capped)
            buf_add_str(&text, " (gas limit was capped by the RPC server's global gas cap)");
    }
    record->result.output = SPAN_EMPTY;
    record->text = keep(sim, buf_span(&text));
    buf_free(&text);
}

static enum made take_result(struct sim *sim, struct block_run *block, const struct tx *tx,
                             struct record *record)
{
    struct tx_result result = record->result;
    if (tx->type != TX_BLOB)
        result.blob_gas_used = 0;
    if (block_run_took(block, tx->type, &result) != BLOCK_FAULT_NONE) {
        if (sim->outcome.fault != BLOCK_FAULT_STOPPED)
            call_error_set(sim->error, RPC_SERVER_ERROR, "%s",
                           block_fault_text(sim->outcome.fault));
        return MADE_NOT;
    }
    sim->gas_left -= result.gas_used;
    sim->count++;
    return MADE;
}

/* What is rendered already, and at least what the block's calls will come to. */
static bool fits(struct sim *sim)
{
    enum { LOG_JSON = 350 }; /* of a log without topics and data */
    size_t logs = sim->logs.count * LOG_JSON + sim->logs.data.size;
    if (sim->bytes.size + logs + sim->job->answer.size <= SIMULATE_BYTES_MAX)
        return true;
    call_error_set(sim->error, SIMULATE_LIMIT, "the simulation returns too much");
    return false;
}

static enum made run_call(struct sim *sim, struct block_run *block, const struct call_args *given)
{
    const struct call_block *context = call_run_block(sim->run);
    struct tx_leniency leniency = {.any_nonce = !sim->job->validation,
                                   .any_sender = true,
                                   .free_without_fee = !sim->job->validation,
                                   .any_gas = true};
    struct call_args args = *given;
    struct call_message message;
    bool gas_capped = false;
    if (!complete_args(sim, &args, &gas_capped) ||
        !call_message_of(&message, &args, context, 0, sim->error))
        return MADE_NOT;
    struct record *record = &sim->records[sim->count];
    struct tx *tx = &sim->txs[sim->count];
    *record = (struct record){.result = {.end = EVM_END_MISSING}};
    sim->senders[sim->count] = message.sender;
    show_tx(tx, &message, &args, context->has_base_fee);
    message.tx.has_chain_id = false; /* it was looked at, and early forks know none */
    simulate_logs_begin_call(&sim->logs);
    switch (call_run_message(sim->run, &message, &leniency, &record->result, sim->error)) {
    case CALL_STOPPED:
        return MADE_NOT;
    case CALL_FAILED:
        if (sim->error->refusal == TX_REFUSAL_NONE) /* it needs what this build lacks */
            return MADE_NOT;
        dress_refusal(sim->error, args.gas);
        if (!is_guess(sim))
            return MADE_NOT;
        call_error_free(sim->error); /* a guess may have refused it */
        return MADE;
    case CALL_DONE:
        break;
    }
    record->logs_count = simulate_logs_end_call(&sim->logs);
    keep_end(sim, record, gas_capped);
    record->envelope.at = sim->bytes.size;
    tx_encode(&sim->bytes, tx);
    record->envelope.size = sim->bytes.size - record->envelope.at;
    return fits(sim) ? take_result(sim, block, tx, record) : MADE_NOT;
}

/* ---- one block ---- */

/* Clique's blocks pay their signer, whom nobody knows yet. */
static void set_context(struct sim *sim, struct call_block *out)
{
    const struct header *header = &sim->header;
    const struct chainspec *spec = sim->world->spec;
    const struct blob_params *blobs = chainspec_blobs(spec, header->number, header->timestamp);
    *out = (struct call_block){.revision = evm_revision_of(chainspec_fork(spec, header)),
                               .has_base_fee = HEADER_HAS_BASE_FEE(header),
                               .base_number = sim->job->base.number};
    struct evm_block *evm = &out->evm;
    evm->number = header->number;
    evm->timestamp = header->timestamp;
    evm->gas_limit = header->gas_limit;
    evm->chain_id = spec->chain_id;
    evm->base_fee = header->base_fee;
    evm->block_hash = on_block_hash;
    evm->owner = sim;
    if (!spec->clique || out->revision >= EVM_PARIS)
        evm->coinbase = header->coinbase;
    if (out->revision >= EVM_PARIS)
        evm->prev_randao = header->mix_hash;
    else
        u256_to_be32(evm->prev_randao.bytes, &header->difficulty);
    if (HEADER_HAS_BLOB_GAS(header) && blobs != NULL)
        fee_blob_base(&evm->blob_base_fee, header->excess_blob_gas, blobs->update_fraction);
    if (sim->step->block != NULL && sim->step->block->block.has_blob_base_fee)
        evm->blob_base_fee = sim->step->block->block.blob_base_fee;
}

static void add_withdrawals(struct buf *out, const struct block_override *over)
{
    for (size_t i = 0; i < over->withdrawals_count; i++) {
        const struct withdrawal *one = &over->withdrawals[i];
        size_t mark = rlp_list_begin(out);
        rlp_add_u64(out, one->index);
        rlp_add_u64(out, one->validator_index);
        rlp_add_bytes(out, SPAN(one->address.bytes, 20));
        rlp_add_u64(out, one->amount_gwei);
        rlp_list_end(out, mark);
    }
}

static void list_root(struct hash32 *out, struct span payload)
{
    size_t count = rlp_count(rlp_reader(payload));
    struct span *items = mem_alloc((count + 1) * sizeof *items);
    struct rlp list = rlp_reader(payload);
    for (size_t i = 0; i < count; i++)
        items[i] = rlp_raw(&list);
    trie_list_root(out, items, count);
    mem_free(items);
}

static void transactions_root(struct sim *sim, struct buf *payload)
{
    struct span *items = mem_alloc((sim->count + 1) * sizeof *items);
    for (size_t i = 0; i < sim->count; i++) {
        items[i] = kept(sim, sim->records[i].envelope);
        sim->txs[i].raw = items[i];
        if (sim->txs[i].type == TX_LEGACY)
            buf_add_span(payload, items[i]);
        else
            rlp_add_bytes(payload, items[i]);
    }
    trie_list_root(&sim->header.transactions_root, items, sim->count);
    mem_free(items);
}

static void finish_header(struct sim *sim)
{
    const struct block_outcome *outcome = &sim->outcome;
    struct header *header = &sim->header;
    header->state_root = sim->root = outcome->state_root;
    header->receipts_root = outcome->receipts_root;
    header->bloom = outcome->bloom;
    header->gas_used = outcome->gas_used;
    if (HEADER_HAS_BLOB_GAS(header))
        header->blob_gas_used = outcome->blob_gas_used;
    if (HEADER_HAS_REQUESTS(header))
        header->requests_hash = outcome->requests_hash;
}

/* ---- the answer ---- */

static void put_error(struct buf *out, const struct sim *sim, const struct record *record)
{
    bool reverted = record->result.end == EVM_END_REVERT;
    json_put_key(out, "error");
    json_put_object(out);
    json_put_key(out, "message");
    json_put_string(out, kept(sim, record->text));
    json_put_key(out, "code");
    json_put_i64(out, reverted ? RPC_REVERTED : SIMULATE_VM_ERROR);
    if (reverted) {
        json_put_key(out, "data");
        json_put_data(out, kept(sim, record->output));
    }
    json_put_object_end(out);
}

static void put_logs(struct buf *out, const struct sim *sim, size_t first, size_t count,
                     const struct log_place *place)
{
    json_put_key(out, "logs");
    json_put_array(out);
    for (size_t i = first; i < first + count; i++) {
        const struct simulate_log *row = &sim->logs.rows[i];
        struct log_place at = *place;
        struct log_entry entry = {.address = row->address,
                                  .topics_count = row->topics_count,
                                  .data = part(&sim->logs.data, row->data_at, row->data_size)};
        memcpy(entry.topics, row->topics, sizeof entry.topics);
        at.log_index = row->index;
        render_log(out, &entry, &at);
    }
    json_put_array_end(out);
}

static void put_calls(struct buf *out, const struct sim *sim, const struct block_header *block)
{
    size_t logs_at = 0;
    json_put_array(out);
    for (size_t i = 0; i < sim->count; i++) {
        const struct record *record = &sim->records[i];
        bool good = record->result.end == EVM_END_SUCCESS;
        struct hash32 hash;
        struct log_place place = {.block = block, .tx_hash = &hash, .tx_index = i};
        tx_hash(&hash, &sim->txs[i]);
        json_put_object(out);
        json_put_key(out, "returnData");
        json_put_data(out, good ? kept(sim, record->output) : SPAN_EMPTY);
        put_logs(out, sim, logs_at, record->logs_count, &place);
        logs_at += record->logs_count;
        json_put_key(out, "gasUsed");
        json_put_quantity(out, record->result.gas_used);
        json_put_key(out, "maxUsedGas");
        json_put_quantity(out, record->result.gas_peak);
        json_put_key(out, "status");
        json_put_quantity(out, good);
        if (!good)
            put_error(out, sim, record);
        json_put_object_end(out);
    }
    json_put_array_end(out);
}

static void put_block(struct sim *sim, struct buf *rlp, const struct body *body)
{
    struct buf calls = {0};
    struct block_header block = {
        .header = sim->header, .hash = sim->hashes[sim->hashes_count - 1], .rlp = buf_span(rlp)};
    put_calls(&calls, sim, &block);
    struct simulated_txs txs = {.txs = sim->txs,
                                .senders = sim->senders,
                                .count = sim->count,
                                .full = sim->job->full_transactions,
                                .calls = buf_span(&calls)};
    render_simulated_block(&sim->job->answer, &block, body, &txs);
    buf_free(&calls);
}

/* Header, hash and JSON of the block that was run. */
static void seal_block(struct sim *sim, struct span withdrawals)
{
    static const uint8_t no_uncles[1] = {0xc0};
    struct buf transactions = {0}, rlp = {0};
    finish_header(sim);
    transactions_root(sim, &transactions);
    if (HEADER_HAS_WITHDRAWALS(&sim->header))
        list_root(&sim->header.withdrawals_root, withdrawals);
    struct body body = {.transactions = buf_span(&transactions),
                        .uncles = SPAN(no_uncles, 1),
                        .withdrawals = withdrawals,
                        .has_withdrawals = HEADER_HAS_WITHDRAWALS(&sim->header)};
    header_encode(&rlp, &sim->header);
    keccak256(&sim->hashes[sim->hashes_count++], buf_span(&rlp));
    if (!is_guess(sim))
        put_block(sim, &rlp, &body);
    buf_free(&transactions);
    buf_free(&rlp);
    sim->parent = sim->header;
}

/* ---- running one ---- */

static enum made open_context(struct sim *sim)
{
    static const struct state_override none = {0};
    struct call_block context;
    set_context(sim, &context);
    simulate_logs_begin_block(&sim->logs);
    if (sim->run == NULL)
        sim->run = call_run_open(sim->world, &context, &sim->logs.tracer);
    else
        call_run_set_block(sim->run, &context);
    const struct state_override *state =
        sim->step->block != NULL ? &sim->step->block->state : &none;
    return call_run_override(sim->run, state, sim->error) == CALL_DONE ? MADE : MADE_NOT;
}

static enum made fault_of_block(struct sim *sim)
{
    enum block_fault fault = sim->outcome.fault;
    if (fault != BLOCK_FAULT_STOPPED && !is_guess(sim))
        call_error_set(sim->error, RPC_SERVER_ERROR, "%s", block_fault_text(fault));
    /* A guess may have broken the protocol's own calls: what comes after is still worth a look. */
    return fault != BLOCK_FAULT_STOPPED && is_guess(sim) ? MADE : MADE_NOT;
}

static enum made run_calls(struct sim *sim, struct block_run *block)
{
    const struct simulate_block *wanted = sim->step->block;
    size_t count = wanted != NULL ? wanted->calls_count : 0;
    sim->count = 0;
    buf_clear(&sim->bytes);
    mem_free(sim->records);
    mem_free(sim->txs);
    mem_free(sim->senders);
    sim->records = mem_alloc((count + 1) * sizeof *sim->records);
    sim->txs = mem_alloc((count + 1) * sizeof *sim->txs);
    sim->senders = mem_alloc((count + 1) * sizeof *sim->senders);
    for (size_t i = 0; i < count; i++)
        if (run_call(sim, block, &wanted->calls[i]) != MADE)
            return MADE_NOT;
    return MADE;
}

static enum made run_block(struct sim *sim, struct block_run *block)
{
    struct buf withdrawals = {0};
    if (sim->outcome.fault != BLOCK_FAULT_NONE && fault_of_block(sim) != MADE)
        return MADE_NOT;
    if (run_calls(sim, block) != MADE)
        return MADE_NOT;
    if (sim->step->block != NULL && HEADER_HAS_WITHDRAWALS(&sim->header))
        add_withdrawals(&withdrawals, &sim->step->block->block);
    enum made made = MADE;
    if (block_run_close(block, SPAN_EMPTY, buf_span(&withdrawals)) != BLOCK_FAULT_NONE)
        made = fault_of_block(sim);
    if (made == MADE)
        seal_block(sim, buf_span(&withdrawals));
    buf_free(&withdrawals);
    return made == MADE && fits(sim) ? MADE : MADE_NOT;
}

static enum made make_block(struct sim *sim, const struct simulate_step *step)
{
    const struct exec_world *world = sim->world;
    sim->step = step;
    simulate_header(&sim->header, step, &sim->parent, &sim->hashes[sim->hashes_count - 1],
                    world->spec, sim->job->validation);
    if (open_context(sim) != MADE)
        return MADE_NOT;
    struct block_place place = {.spec = world->spec,
                                .crypto = world->crypto,
                                .store = world->nodes,
                                .state = call_run_state(sim->run),
                                .evm = call_run_evm(sim->run),
                                .commit = on_commit,
                                .owner = sim};
    struct block_run *block = block_run_open(&place, &sim->root, &sim->header, &sim->outcome);
    enum made made = run_block(sim, block);
    block_run_free(block);
    return made;
}

/* ---- all of them ---- */

static void run_steps(struct sim *sim, const struct simulate_step *steps, size_t count)
{
    enum made made = MADE;
    json_put_array(&sim->job->answer);
    for (size_t i = 0; i < count && made == MADE; i++)
        made = atomic_load(sim->world->cancel) ? MADE_NOT : make_block(sim, &steps[i]);
    json_put_array_end(&sim->job->answer);
    /* Unless state or time was lacking, which exec knows, this is the reason. */
    if (made != MADE && sim->error->code == 0)
        call_error_set(sim->error, RPC_INTERNAL, "the execution stopped");
}

void simulate_run(struct exec_job *exec_job, const struct exec_world *world)
{
    struct simulate_job *job = container_of(exec_job, struct simulate_job, job);
    struct sim sim = {.job = job,
                      .world = world,
                      .error = &job->error,
                      .root = job->base.state_root,
                      .parent = job->base,
                      .gas_left = world->gas_cap};
    struct simulate_step *steps = mem_alloc(SIMULATE_BLOCKS_MAX * sizeof *steps);
    size_t count;
    call_error_free(&job->error);
    buf_clear(&job->answer);
    simulate_logs_init(&sim.logs, job->trace_transfers);
    sim.hashes = mem_alloc((SIMULATE_BLOCKS_MAX + 1) * sizeof *sim.hashes);
    sim.hashes[sim.hashes_count++] = job->base_hash;
    if (simulate_plan(steps, &count, job, &job->error))
        run_steps(&sim, steps, count);
    call_run_close(sim.run);
    block_outcome_free(&sim.outcome);
    simulate_logs_free(&sim.logs);
    buf_free(&sim.bytes);
    mem_free(sim.records);
    mem_free(sim.txs);
    mem_free(sim.senders);
    mem_free(sim.hashes);
    mem_free(steps);
}
