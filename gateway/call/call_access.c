#include "gateway/call/call_work.h"

#include "les/base/limits.h"
#include "les/eth/keccak.h"
#include "les/eth/rlp.h"
#include "les/eth/u256.h"

#include <stdlib.h>

#define GAS_AUTHORIZATION 25000u

/* ---- what was touched ---- */

/* An address, or a slot of one: sorted, an address comes before its slots. */
struct touch {
    uint8_t address[20];
    uint8_t is_slot;
    uint8_t slot[32];
};

struct touches {
    struct touch *rows;
    size_t count, capacity;
};

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct touch));
}

static void touches_settle(struct touches *touches)
{
    size_t left = 0;
    if (touches->count > 0)
        qsort(touches->rows, touches->count, sizeof touches->rows[0], compare);
    for (size_t i = 0; i < touches->count; i++)
        if (left == 0 || compare(&touches->rows[left - 1], &touches->rows[i]) != 0)
            touches->rows[left++] = touches->rows[i];
    touches->count = left;
}

/* Loops touch the same again and again: before the memory grows, each is kept once. */
static void touches_add(struct touches *touches, const struct touch *touch)
{
    if (touches->count == touches->capacity) {
        touches_settle(touches);
        if (touches->count * 2 >= touches->capacity) {
            touches->capacity = touches->capacity == 0 ? 64 : 2 * touches->capacity;
            touches->rows = mem_realloc(touches->rows, touches->capacity * sizeof touches->rows[0]);
        }
    }
    touches->rows[touches->count++] = *touch;
}

static void add_address(struct touches *touches, const struct address20 *address)
{
    struct touch touch = {.is_slot = 0};
    memcpy(touch.address, address->bytes, 20);
    touches_add(touches, &touch);
}

static void add_slot(struct touches *touches, const struct address20 *address,
                     const struct hash32 *slot)
{
    struct touch touch = {.is_slot = 1};
    memcpy(touch.address, address->bytes, 20);
    memcpy(touch.slot, slot->bytes, 32);
    add_address(touches, address);
    touches_add(touches, &touch);
}

static bool touches_equal(const struct touches *a, const struct touches *b)
{
    return a->count == b->count &&
           (a->count == 0 || memcmp(a->rows, b->rows, a->count * sizeof a->rows[0]) == 0);
}

/* The payload of an access list. */
static void touches_encode(struct buf *out, const struct touches *touches)
{
    buf_clear(out);
    for (size_t i = 0; i < touches->count;) {
        size_t entry = rlp_list_begin(out);
        rlp_add_bytes(out, SPAN(touches->rows[i++].address, 20));
        size_t keys = rlp_list_begin(out);
        for (; i < touches->count && touches->rows[i].is_slot == 1; i++)
            rlp_add_bytes(out, SPAN(touches->rows[i].slot, 32));
        rlp_list_end(out, keys);
        rlp_list_end(out, entry);
    }
}

/* ---- what need not be in the list ---- */

static bool is_listed(const struct touches *sorted, const struct address20 *address)
{
    struct touch touch = {.is_slot = 0};
    memcpy(touch.address, address->bytes, 20);
    return sorted->count > 0 &&
           bsearch(&touch, sorted->rows, sorted->count, sizeof sorted->rows[0], compare) != NULL;
}

static void exclude_precompiles(struct touches *excluded, enum evm_revision revision)
{
    struct address20 address;
    for (uint32_t id = 1; id <= evm_schedule(revision)->precompile_last; id++) {
        evm_precompile_address(&address, (enum evm_precompile)id);
        add_address(excluded, &address);
    }
    if (revision >= EVM_OSAKA) {
        evm_precompile_address(&address, EVM_P256_VERIFY);
        add_address(excluded, &address);
    }
}

/* What a transaction has warm anyhow: sender, receiver, precompiles, and those who signed valid
 * authorizations. */
static void exclude(struct touches *excluded, const struct call_message *message,
                    const struct call_block *block, const struct crypto *crypto)
{
    const struct tx *tx = &message->tx;
    struct address20 to = tx->to, signer;
    struct tx_authorization authorization;
    struct span rest = tx->authorizations;
    struct u256 chain_id = u256_from_u64(block->evm.chain_id);
    if (!tx->has_to)
        evm_create_address(&to, &message->sender, tx->nonce);
    add_address(excluded, &message->sender);
    add_address(excluded, &to);
    exclude_precompiles(excluded, block->revision);
    while (tx_authorization_next(&rest, &authorization)) {
        bool ours =
            u256_is_zero(&authorization.chain_id) || u256_equal(&authorization.chain_id, &chain_id);
        if (ours && authorization.nonce != UINT64_MAX &&
            tx_authorization_signer(&signer, &authorization, crypto))
            add_address(excluded, &signer);
    }
    touches_settle(excluded);
}

static void add_list(struct touches *touches, const struct touches *excluded, struct span list)
{
    struct address20 address;
    struct hash32 slot;
    struct span keys;
    size_t count;
    while (tx_access_next(&list, &address, &keys, &count)) {
        if (is_listed(excluded, &address))
            continue;
        add_address(touches, &address);
        while (tx_hash_next(&keys, &slot))
            add_slot(touches, &address, &slot);
    }
    touches_settle(touches);
}

/* ---- watching ---- */

struct watcher {
    struct evm_tracer tracer;
    const struct touches *excluded;
    struct touches touches;
};

static void watch_address(struct watcher *watcher, const struct evm_step *step, size_t from_top)
{
    struct address20 address;
    uint8_t word[32];
    u256_to_be32(word, &step->stack[step->stack_size - 1 - from_top]);
    memcpy(address.bytes, word + 12, 20);
    if (!is_listed(watcher->excluded, &address))
        add_address(&watcher->touches, &address);
}

static void on_step(struct evm_tracer *tracer, const struct evm_step *step)
{
    struct watcher *watcher = container_of(tracer, struct watcher, tracer);
    struct hash32 slot;
    if (step->revision < evm_opcode_info(step->opcode)->since)
        return;
    switch (step->opcode) {
    case OP_SLOAD:
    case OP_SSTORE:
        if (step->stack_size < 1)
            return;
        u256_to_be32(slot.bytes, &step->stack[step->stack_size - 1]);
        add_slot(&watcher->touches, step->self, &slot);
        return;
    case OP_BALANCE:
    case OP_EXTCODESIZE:
    case OP_EXTCODECOPY:
    case OP_EXTCODEHASH:
    case OP_SELFDESTRUCT:
        if (step->stack_size >= 1)
            watch_address(watcher, step, 0);
        return;
    case OP_CALL:
    case OP_CALLCODE:
    case OP_DELEGATECALL:
    case OP_STATICCALL:
        if (step->stack_size >= 5)
            watch_address(watcher, step, 1);
        return;
    default:
        return;
    }
}

/* ---- what a transaction would pay ---- */

static bool fail(struct call_error *error, const char *text)
{
    call_error_set(error, RPC_SERVER_ERROR, "%s", text);
    return false;
}

static bool tip_fits(struct call_error *error, const struct call_args *args)
{
    if (u256_compare(&args->max_fee, &args->max_priority_fee) >= 0)
        return true;
    (void)fail(error, "maxFeePerGas (");
    buf_add_u256_hex(&error->text, &args->max_fee);
    buf_add_str(&error->text, ") < maxPriorityFeePerGas (");
    buf_add_u256_hex(&error->text, &args->max_priority_fee);
    buf_add_str(&error->text, ")");
    return false;
}

static bool set_london_fees(struct call_args *args, const struct call_order *order,
                            struct call_error *error)
{
    if (!args->has_max_priority_fee)
        args->max_priority_fee = order->tip;
    if (!args->has_max_fee) {
        struct u256 twice;
        (void)u256_add(&twice, &order->header->base_fee, &order->header->base_fee);
        (void)u256_add(&args->max_fee, &twice, &args->max_priority_fee);
    }
    args->has_max_fee = args->has_max_priority_fee = true;
    return tip_fits(error, args);
}

/* go-ethereum's setFeeDefaults: unlike eth_call, an access list is for a transaction that pays. */
static bool set_fees(struct call_args *args, const struct call_order *order,
                     const struct call_block *block, struct call_error *error)
{
    bool london = block->revision >= EVM_LONDON;
    if (args->has_max_fee_per_blob_gas && u256_is_zero(&args->max_fee_per_blob_gas))
        return fail(error, "maxFeePerBlobGas, if specified, must be non-zero");
    if (block->revision >= EVM_CANCUN && args->has_blob_hashes && !args->has_max_fee_per_blob_gas) {
        (void)u256_add(&args->max_fee_per_blob_gas, &block->evm.blob_base_fee,
                       &block->evm.blob_base_fee);
        args->has_max_fee_per_blob_gas = true;
    }
    if (args->has_gas_price && (args->has_max_fee || args->has_max_priority_fee))
        return fail(error, "both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified");
    if (args->has_gas_price && args->has_authorizations)
        return fail(error, "both gasPrice and authorizationList specified");
    if (args->has_gas_price)
        return !london || !u256_is_zero(&args->gas_price) ||
               fail(error, "gasPrice must be non-zero after london fork");
    if (args->has_max_fee && args->has_max_priority_fee) {
        if (u256_is_zero(&args->max_fee))
            return fail(error, "maxFeePerGas must be non-zero");
        return tip_fits(error, args);
    }
    if (london)
        return set_london_fees(args, order, error);
    if (args->has_max_fee || args->has_max_priority_fee)
        return fail(error,
                    "maxFeePerGas and maxPriorityFeePerGas are not valid before London is active");
    args->gas_price = order->tip;
    args->has_gas_price = true;
    return true;
}

/* ---- the rounds ---- */

struct list_run {
    struct call_outcome *outcome;
    const struct exec_world *world;
    const struct call_order *order;
    struct call_args args; /* with what was left to default */
    struct call_block block;
    struct call_message message;
    struct touches excluded;
};

/* The transaction that it would be, without a signature. */
static void add_hash(struct buf *out, const struct list_run *run)
{
    struct tx tx = run->message.tx;
    struct buf envelope = {0};
    struct hash32 hash;
    if (run->args.has_gas_price)
        tx.type = TX_LEGACY;
    tx_encode(&envelope, &tx);
    keccak256(&hash, buf_span(&envelope));
    buf_add_hex0x(out, SPAN(hash.bytes, 32));
    buf_free(&envelope);
}

static void wrap_refusal(struct list_run *run)
{
    struct call_error *error = &run->outcome->error;
    struct buf inner = error->text;
    error->text = (struct buf){0};
    buf_add_str(&error->text, "failed to apply transaction: ");
    add_hash(&error->text, run);
    buf_add_str(&error->text, " err: ");
    buf_add_span(&error->text, buf_span(&inner));
    buf_free(&inner);
}

static bool moves_precompiles(const struct state_override *override, struct call_error *error)
{
    for (size_t i = 0; i < override->count; i++) {
        if (!override->accounts[i].has_move_to)
            continue;
        (void)fail(error, "account ");
        buf_add_address(&error->text, &override->accounts[i].address);
        buf_add_str(&error->text, " is not a precompile"); /* to this method none is */
        return true;
    }
    return false;
}

static enum call_got prepare(struct list_run *run)
{
    const struct state_override *state = &run->order->state;
    struct call_error *error = &run->outcome->error;
    struct call_run *scratch;
    struct evm_account *sender;
    if (!call_block_of(&run->block, run->world, run->order->header, NULL, error) ||
        moves_precompiles(state, error))
        return CALL_FAILED;
    scratch = call_run_open(run->world, &run->block, NULL);
    enum call_got got = call_run_override(scratch, state, error);
    if (got == CALL_DONE && !set_fees(&run->args, run->order, &run->block, error))
        got = CALL_FAILED;
    if (got == CALL_DONE && !run->args.has_nonce) {
        if (!evm_state_account(call_run_state(scratch), &run->args.from, &sender))
            got = CALL_STOPPED;
        else
            run->args.nonce = sender->nonce;
    }
    call_run_close(scratch);
    if (got != CALL_DONE)
        return got;
    if (!call_message_of(&run->message, &run->args, &run->block, run->world->gas_cap, error))
        return CALL_FAILED;
    if (run->args.authorizations_count > run->message.tx.gas_limit / GAS_AUTHORIZATION) {
        (void)fail(error, "insufficient gas to process all authorizations");
        return CALL_FAILED;
    }
    exclude(&run->excluded, &run->message, &run->block, run->world->crypto);
    return CALL_DONE;
}

/* Once with list; what it touched goes to found. */
static enum call_got run_once(struct list_run *run, const struct touches *list,
                              struct touches *found)
{
    static const struct evm_tracer_ops ops = {.on_step = on_step};
    struct call_outcome *outcome = run->outcome;
    struct watcher watcher = {.tracer = {&ops}, .excluded = &run->excluded};
    struct tx_result result;
    touches_encode(&outcome->access_list, list);
    run->message.tx.access_list = buf_span(&outcome->access_list);
    add_list(&watcher.touches, &run->excluded, run->message.tx.access_list);
    struct call_run *once = call_run_open(run->world, &run->block, &watcher.tracer);
    enum call_got got = call_run_override(once, &run->order->state, &outcome->error);
    if (got == CALL_DONE) {
        call_run_lower_fees(once, &run->message);
        got = call_run_message(once, &run->message, &CALL_LENIENCY, &result, &outcome->error);
        if (got == CALL_FAILED)
            wrap_refusal(run);
    }
    if (got == CALL_DONE) {
        outcome->gas = result.gas_used;
        buf_clear(&outcome->vm_error);
        if (result.end != EVM_END_SUCCESS)
            call_run_end_text(&outcome->vm_error, once, result.end);
    }
    call_run_close(once);
    touches_settle(&watcher.touches);
    *found = watcher.touches;
    return got;
}

static enum call_got run_rounds(struct list_run *run)
{
    struct touches list = {0}, found = {0};
    enum call_got got = CALL_DONE;
    bool stable = false;
    add_list(&list, &run->excluded, run->args.access_list);
    for (unsigned round = 0; got == CALL_DONE && !stable; round++) {
        if (round == ACCESS_LIST_ROUNDS_MAX) {
            (void)fail(&run->outcome->error, "the access list does not come to rest");
            got = CALL_FAILED;
            break;
        }
        got = run_once(run, &list, &found);
        stable = touches_equal(&list, &found);
        mem_free(list.rows);
        list = found;
    }
    mem_free(list.rows);
    return got;
}

enum call_got call_access_list(struct call_outcome *outcome, const struct exec_world *world,
                               const struct call_order *order)
{
    struct list_run run = {.outcome = outcome, .world = world, .order = order, .args = order->args};
    outcome->error.code = 0;
    enum call_got got = prepare(&run);
    if (got == CALL_DONE)
        got = run_rounds(&run);
    mem_free(run.excluded.rows);
    return got == CALL_STOPPED ? CALL_STOPPED : CALL_DONE;
}
