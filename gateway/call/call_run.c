#include "gateway/call/call_run.h"

#include "gateway/light/fee_sample.h"
#include "les/eth/u256.h"
#include "les/evm/fault.h"

#include <stdio.h>

const struct tx_leniency CALL_LENIENCY = {
    .any_nonce = true, .any_sender = true, .free_without_fee = true, .any_gas = true};

/* ---- the block ---- */

static bool number_fits(const struct block_override *override, struct call_error *error)
{
    if (u256_fits_u64(&override->number))
        return true;
    call_error_set(error, RPC_SERVER_ERROR, "block override \"number\" is beyond 64 bits");
    return false;
}

static bool is_for_calls(const struct block_override *override, struct call_error *error)
{
    const char *field = override->has_beacon_root   ? "beaconRoot"
                        : override->has_withdrawals ? "withdrawals"
                                                    : NULL;
    if (field == NULL)
        return number_fits(override, error);
    call_error_set(error, RPC_SERVER_ERROR,
                   "block override \"%s\" is not supported for this RPC method", field);
    return false;
}

static void put_over(struct call_block *block, const struct block_override *override,
                     struct u256 *difficulty)
{
    if (override->has_number)
        block->evm.number = override->number.words[0];
    if (override->has_difficulty)
        *difficulty = override->difficulty;
    if (override->has_time)
        block->evm.timestamp = override->time;
    if (override->has_gas_limit)
        block->evm.gas_limit = override->gas_limit;
    if (override->has_fee_recipient)
        block->evm.coinbase = override->fee_recipient;
    if (override->has_prev_randao)
        block->evm.prev_randao = override->prev_randao;
    if (override->has_base_fee) {
        block->evm.base_fee = override->base_fee;
        block->has_base_fee = true;
    }
    if (override->has_blob_base_fee)
        block->evm.blob_base_fee = override->blob_base_fee;
}

bool call_block_of(struct call_block *out, const struct exec_world *world,
                   const struct header *header, const struct block_override *override,
                   struct call_error *error)
{
    static const struct block_override none = {0};
    const struct block_override *over = override != NULL ? override : &none;
    struct u256 difficulty = header->difficulty;
    if (!is_for_calls(over, error))
        return false;
    *out = (struct call_block){.base_number = header->number};
    out->has_base_fee = HEADER_HAS_BASE_FEE(header);
    out->evm.number = header->number;
    out->evm.timestamp = header->timestamp;
    out->evm.gas_limit = header->gas_limit;
    out->evm.coinbase = header->coinbase;
    out->evm.prev_randao = header->mix_hash;
    out->evm.base_fee = header->base_fee;
    out->evm.chain_id = world->spec->chain_id;
    (void)fee_blob_price(&out->evm.blob_base_fee, world->spec, header);
    bool sealed = world->spec->clique && !u256_is_zero(&header->difficulty);
    if (sealed && !clique_signer(&out->evm.coinbase, header, world->crypto))
        memset(&out->evm.coinbase, 0, sizeof out->evm.coinbase); /* as in the genesis block */
    put_over(out, over, &difficulty);
    bool merged = chainspec_fork(world->spec, header) >= FORK_PARIS || over->has_prev_randao;
    if (!merged)
        u256_to_be32(out->evm.prev_randao.bytes, &difficulty);
    out->revision = evm_revision_of(
        chainspec_fork_at(world->spec, out->evm.number, out->evm.timestamp, merged));
    return true;
}

/* ---- the message ---- */

static bool takes_defaults(const struct call_args *args, const struct call_block *block,
                           struct call_error *error)
{
    struct u256 chain_id = u256_from_u64(block->evm.chain_id);
    if (args->has_gas_price && (args->has_max_fee || args->has_max_priority_fee)) {
        call_error_text(error,
                        "both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified");
        return false;
    }
    if (args->has_chain_id && !u256_equal(&args->chain_id, &chain_id)) {
        call_error_text(error, "chainId does not match node's (have=");
        buf_add_u256_decimal(&error->text, &args->chain_id);
        buf_add_str(&error->text, ", want=");
        buf_add_u256_decimal(&error->text, &chain_id);
        buf_add_str(&error->text, ")");
        return false;
    }
    return true;
}

static uint64_t capped_gas(const struct call_args *args, uint64_t gas_cap)
{
    uint64_t most = gas_cap == 0 ? INT64_MAX : gas_cap;
    return args->has_gas && (gas_cap == 0 || args->gas < gas_cap) ? args->gas : most;
}

static void set_prices(struct call_message *out, const struct call_args *args,
                       const struct call_block *block)
{
    struct tx *tx = &out->tx;
    struct u256 price;
    tx->type = TX_LEGACY;
    if (!block->has_base_fee || args->has_gas_price) {
        tx->gas_price = tx->max_fee = tx->max_priority_fee = args->gas_price;
    } else {
        /* An override of the number may lead to before London. */
        tx->type = block->revision >= EVM_LONDON ? TX_DYNAMIC_FEE : TX_LEGACY;
        tx->gas_price = tx->max_fee = args->max_fee;
        tx->max_priority_fee = args->max_priority_fee;
    }
    tx_effective_gas_price(&price, tx, block->has_base_fee, &block->evm.base_fee);
    out->is_free = u256_is_zero(&price);
    out->blobs_are_free = (args->has_max_fee_per_blob_gas || args->has_blob_hashes) &&
                          u256_is_zero(&args->max_fee_per_blob_gas);
    tx->max_fee_per_blob_gas = args->max_fee_per_blob_gas;
}

/* The type decides which rules of a fork are looked at; a call may have lists that its fork does
 * not know yet, and go-ethereum lets it. */
static void set_lists(struct tx *tx, const struct call_args *args, const struct call_block *block)
{
    tx->access_list = args->access_list;
    tx->blob_hashes = args->blob_hashes;
    tx->blob_hashes_count = args->blob_hashes_count;
    tx->authorizations = args->authorizations;
    if (args->has_blob_hashes && block->revision >= EVM_CANCUN)
        tx->type = TX_BLOB;
    if (args->has_authorizations && block->revision >= EVM_PRAGUE)
        tx->type = TX_SET_CODE;
}

bool call_message_of(struct call_message *out, const struct call_args *args,
                     const struct call_block *block, uint64_t gas_cap, struct call_error *error)
{
    *out = (struct call_message){.sender = args->from};
    if (!takes_defaults(args, block, error))
        return false;
    struct tx *tx = &out->tx;
    tx->has_chain_id = true;
    tx->chain_id = block->evm.chain_id;
    tx->nonce = args->nonce;
    tx->gas_limit = capped_gas(args, gas_cap);
    tx->has_to = args->has_to;
    tx->to = args->to;
    tx->value = args->value;
    tx->data = args->data;
    set_prices(out, args, block);
    set_lists(tx, args, block);
    return true;
}

/* ---- the run ---- */

struct call_run {
    const struct exec_world *world;
    struct call_block block;
    struct evm_state *state;
    struct evm *evm;
    struct evm_tracer *tracer;
    struct evm_precompile_moves moves;
    size_t moves_capacity;
    /* The last message, for call_run_end_text. */
    const struct call_message *message;
    const struct tx_leniency *leniency;
};

static enum evm_lookup on_block_hash(void *owner, uint64_t number, struct hash32 *out)
{
    struct call_run *run = owner;
    if (number >= run->block.base_number) /* only a caller's own number leads here */
        return EVM_LOOKUP_ABSENT;
    return witness_block_hash(run->world->witness, number, out);
}

static void enter_block(struct call_run *run, const struct call_block *block)
{
    run->block = *block;
    if (block->evm.block_hash == NULL) {
        run->block.evm.block_hash = on_block_hash;
        run->block.evm.owner = run;
    }
    run->moves.count = 0;
    evm_set_block(run->evm, &run->block.evm);
}

static void open_evm(struct call_run *run, enum evm_revision revision)
{
    run->evm = evm_new(&(struct evm_config){.revision = revision,
                                            .state = run->state,
                                            .crypto = run->world->crypto,
                                            .precompiles = run->world->precompiles,
                                            .tracer = run->tracer,
                                            .cancel = run->world->cancel});
    evm_set_moves(run->evm, &run->moves);
}

struct call_run *call_run_open(const struct exec_world *world, const struct call_block *block,
                               struct evm_tracer *tracer)
{
    struct call_run *run = mem_alloc(sizeof *run);
    run->world = world;
    run->tracer = tracer;
    run->state = evm_state_new(world->backend, world->codes);
    open_evm(run, block->revision);
    enter_block(run, block);
    return run;
}

void call_run_close(struct call_run *run)
{
    if (run == NULL)
        return;
    evm_free(run->evm);
    evm_state_free(run->state);
    mem_free((void *)run->moves.rows);
    mem_free(run);
}

struct evm_state *call_run_state(struct call_run *run)
{
    return run->state;
}

struct evm *call_run_evm(struct call_run *run)
{
    return run->evm;
}

const struct call_block *call_run_block(const struct call_run *run)
{
    return &run->block;
}

void call_run_set_block(struct call_run *run, const struct call_block *block)
{
    if (block->revision != run->block.revision) {
        evm_free(run->evm);
        open_evm(run, block->revision);
    }
    enter_block(run, block);
}

/* ---- overrides ---- */

static void move_precompile(struct call_run *run, const struct address20 *to,
                            enum evm_precompile id)
{
    struct evm_precompile_moves *moves = &run->moves;
    struct evm_precompile_move *rows = (struct evm_precompile_move *)moves->rows;
    if (moves->count == run->moves_capacity) {
        run->moves_capacity = run->moves_capacity == 0 ? 8 : 2 * run->moves_capacity;
        moves->rows = rows = mem_realloc(rows, run->moves_capacity * sizeof *rows);
    }
    rows[moves->count++] = (struct evm_precompile_move){*to, id};
}

static bool fails(struct call_error *error, const struct address20 *address, const char *what)
{
    call_error_text(error, "account ");
    buf_add_address(&error->text, address);
    buf_add_str(&error->text, what);
    return false;
}

static bool has_account(const struct state_override *override, const struct address20 *address)
{
    for (size_t i = 0; i < override->count; i++)
        if (address20_equal(&override->accounts[i].address, address))
            return true;
    return false;
}

/* Accounts come in the order of their addresses, so an account may have got a precompile from one
 * before it. */
static bool override_precompile(struct call_run *run, const struct state_override *override,
                                const struct account_override *account, size_t moves_before,
                                struct call_error *error)
{
    const struct address20 *address = &account->address;
    for (size_t i = moves_before; i < run->moves.count; i++)
        if (address20_equal(&run->moves.rows[i].address, address))
            return fails(error, address, " has already been overridden by a precompile");
    enum evm_precompile id = evm_precompile_find(run->block.revision, &run->moves, address);
    if (account->has_move_to) {
        if (id == EVM_PRECOMPILE_NONE)
            return fails(error, address, " is not a precompile");
        if (has_account(override, &account->move_to))
            return fails(error, &account->move_to, " is already overridden");
        move_precompile(run, &account->move_to, id);
    }
    if (id != EVM_PRECOMPILE_NONE)
        move_precompile(run, address, EVM_PRECOMPILE_NONE);
    return true;
}

static bool store_slots(struct evm_state *state, struct evm_account *account,
                        const struct slot_override *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct u256 key, value;
        u256_from_be(&key, SPAN(rows[i].slot.bytes, 32));
        u256_from_be(&value, SPAN(rows[i].value.bytes, 32));
        struct evm_slot *slot = evm_state_slot(state, account, &key);
        if (!evm_state_load_slot(state, slot))
            return false;
        evm_state_store(state, slot, &value);
    }
    return true;
}

static enum call_got override_account(struct call_run *run, const struct account_override *from,
                                      struct call_error *error)
{
    struct evm_state *state = run->state;
    struct evm_account *account;
    if (!evm_state_account(state, &from->address, &account))
        return CALL_STOPPED;
    if (from->has_nonce)
        evm_state_set_nonce(state, account, from->nonce);
    if (from->has_code)
        evm_state_set_code(state, account, from->code);
    if (from->has_balance)
        evm_state_set_balance(state, account, &from->balance);
    if (from->has_state && from->has_state_diff) {
        (void)fails(error, &from->address, " has both 'state' and 'stateDiff'");
        return CALL_FAILED;
    }
    if (from->has_state || from->state_diff_count > 0)
        evm_state_touch(state, account);
    if (from->has_state)
        evm_state_wipe(state, account);
    return store_slots(state, account, from->state, from->state_count) &&
                   store_slots(state, account, from->state_diff, from->state_diff_count)
               ? CALL_DONE
               : CALL_STOPPED;
}

enum call_got call_run_override(struct call_run *run, const struct state_override *override,
                                struct call_error *error)
{
    enum call_got got = CALL_DONE;
    size_t moves_before = run->moves.count;
    if (override->count == 0)
        return CALL_DONE;
    evm_state_begin(run->state);
    for (size_t i = 0; got == CALL_DONE && i < override->count; i++) {
        const struct account_override *account = &override->accounts[i];
        got = override_precompile(run, override, account, moves_before, error)
                  ? override_account(run, account, error)
                  : CALL_FAILED;
    }
    evm_state_end(run->state, false);
    return got;
}

/* ---- messages ---- */

void call_run_lower_fees(struct call_run *run, const struct call_message *message)
{
    if (message->is_free)
        run->block.evm.base_fee = u256_from_u64(0);
    if (message->blobs_are_free)
        run->block.evm.blob_base_fee = u256_from_u64(0);
    evm_set_block(run->evm, &run->block.evm);
}

static enum tx_refusal execute(struct call_run *run, struct tx_result *out)
{
    struct tx_place place = {.evm = run->evm,
                             .state = run->state,
                             .revision = run->block.revision,
                             .block = &run->block.evm,
                             .crypto = run->world->crypto,
                             .gas_left = UINT64_MAX,
                             .blob_gas_left = UINT64_MAX};
    return tx_execute(&place, &run->message->tx, &run->message->sender, run->leniency, out);
}

/* More state or time would not help against these two. */
static enum call_got stopped(const struct call_run *run, enum evm_end end, struct call_error *error)
{
    if (end == EVM_END_UNSUPPORTED)
        call_error_set(error, RPC_SERVER_ERROR, "precompiled contract %s is not in this build",
                       evm_precompile_name(evm_unsupported(run->evm)));
    else if (end == EVM_END_MEMORY)
        call_error_text(error, evm_end_text(end));
    else
        return CALL_STOPPED;
    return CALL_FAILED;
}

enum call_got call_run_message(struct call_run *run, const struct call_message *message,
                               const struct tx_leniency *leniency, struct tx_result *out,
                               struct call_error *error)
{
    run->message = message;
    run->leniency = leniency;
    enum tx_refusal refusal = execute(run, out);
    if (refusal == TX_REFUSAL_NONE)
        return CALL_DONE;
    if (refusal == TX_REFUSAL_STOPPED)
        return stopped(run, out->end, error);
    call_error_text(error, "");
    error->refusal = refusal;
    call_refusal_text(&error->text, message, &run->block,
                      evm_state_entry(run->state, &message->sender), refusal);
    return CALL_FAILED;
}

/* ---- how it ended ---- */

struct watcher {
    struct evm_tracer tracer;
    struct evm_fault_watch watch;
    bool outermost; /* the last step was in the first frame */
    char text[EVM_FAULT_TEXT_MAX];
    size_t output_size;
};

static void on_step(struct evm_tracer *tracer, const struct evm_step *step)
{
    struct watcher *watcher = container_of(tracer, struct watcher, tracer);
    watcher->outermost = step->depth == 1;
    if (watcher->outermost)
        evm_fault_watch(&watcher->watch, step);
}

static void on_step_end(struct evm_tracer *tracer, enum evm_end end, int64_t gas_left)
{
    struct watcher *watcher = container_of(tracer, struct watcher, tracer);
    struct evm_fault fault;
    (void)gas_left;
    if (!watcher->outermost || end == EVM_RUNNING || end == EVM_END_SUCCESS ||
        evm_end_is_engine(end))
        return;
    evm_fault_of(&fault, &watcher->watch, end);
    snprintf(watcher->text, sizeof watcher->text, "%s", fault.text);
}

static void on_exit(struct evm_tracer *tracer, unsigned depth, enum evm_end end, uint64_t gas_used,
                    struct span output)
{
    struct watcher *watcher = container_of(tracer, struct watcher, tracer);
    (void)end;
    (void)gas_used;
    if (depth == 0)
        watcher->output_size = output.size;
}

/* Runs the last message again, from the state that it found: it failed, so nothing but the bill is
 * to be undone. The end is the same, and seen from near. */
static void watch_again(struct call_run *run, struct watcher *watcher)
{
    static const struct evm_tracer_ops ops = {
        .on_step = on_step, .on_step_end = on_step_end, .on_exit = on_exit};
    static const struct evm_snapshot start = {0};
    struct tx_result again;
    watcher->tracer.ops = &ops;
    evm_state_revert(run->state, start);
    evm_set_tracer(run->evm, &watcher->tracer);
    (void)execute(run, &again);
    evm_set_tracer(run->evm, run->tracer);
}

/* The message itself went to one. */
static void add_precompile_fault(struct buf *out, const struct call_run *run)
{
    const struct tx *tx = &run->message->tx;
    const char *fault = evm_precompile_fault(
        evm_precompile_find(run->block.revision, &run->moves, &tx->to), tx->data);
    if (fault == NULL)
        return;
    buf_clear(out);
    buf_add_str(out, fault);
}

void call_run_end_text(struct buf *out, struct call_run *run, enum evm_end end)
{
    struct watcher watcher = {0};
    buf_add_str(out, evm_end_text(end));
    if (end == EVM_END_SUCCESS || end == EVM_END_REVERT || evm_end_is_engine(end))
        return;
    if (end == EVM_END_PRECOMPILE) {
        add_precompile_fault(out, run);
        return;
    }
    watch_again(run, &watcher);
    if (end == EVM_END_CODE_SIZE) {
        buf_printf(out, ": code size %zu limit %zu", watcher.output_size,
                   evm_schedule(run->block.revision)->code_size_max);
    } else if (watcher.text[0] != '\0' && end != EVM_END_CODE_GAS && end != EVM_END_CODE_PREFIX) {
        buf_clear(out);
        buf_add_str(out, watcher.text);
    }
}
