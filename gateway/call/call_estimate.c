#include "gateway/call/call_work.h"

#include "les/eth/u256.h"

#include <inttypes.h>

#define GAS_PLAIN 21000u

void call_outcome_free(struct call_outcome *outcome)
{
    call_error_free(&outcome->error);
    buf_free(&outcome->output);
    buf_free(&outcome->access_list);
    buf_free(&outcome->vm_error);
}

static void outcome_begin(struct call_outcome *outcome)
{
    outcome->error.code = 0;
    buf_clear(&outcome->error.text);
    buf_clear(&outcome->output);
    outcome->gas = 0;
}

/* ---- once ---- */

/* From how the message ended to an error, or none. */
static void take_end(struct call_outcome *outcome, struct call_run *run,
                     const struct tx_result *result)
{
    buf_clear(&outcome->output);
    if (result->end == EVM_END_SUCCESS || result->end == EVM_END_REVERT)
        buf_add_span(&outcome->output, result->output);
    if (result->end == EVM_END_SUCCESS)
        return;
    call_error_set(&outcome->error, RPC_SERVER_ERROR, "%s", "");
    if (result->end == EVM_END_REVERT) {
        outcome->error.code = RPC_REVERTED;
        call_revert_text(&outcome->error.text, buf_span(&outcome->output));
    } else {
        call_run_end_text(&outcome->error.text, run, result->end);
    }
}

/* What go-ethereum puts around a refusal. */
static void wrap_call(struct call_error *error, uint64_t gas)
{
    struct buf inner = error->text;
    error->text = (struct buf){0};
    buf_add_str(&error->text, "err: ");
    buf_add_span(&error->text, buf_span(&inner));
    buf_printf(&error->text, " (supplied gas %" PRIu64 ")", gas);
    buf_free(&inner);
}

static void wrap_try(struct call_error *error, uint64_t gas)
{
    struct buf inner = error->text;
    error->text = (struct buf){0};
    buf_printf(&error->text, "failed with %" PRIu64 " gas: ", gas);
    buf_add_span(&error->text, buf_span(&inner));
    buf_free(&inner);
}

enum call_got call_execute(struct call_outcome *outcome, const struct exec_world *world,
                           const struct call_order *order)
{
    struct call_block block;
    struct call_message message;
    struct tx_result result;
    outcome_begin(outcome);
    if (!call_block_of(&block, world, order->header, &order->block, &outcome->error))
        return CALL_DONE;
    struct call_run *run = call_run_open(world, &block, NULL);
    enum call_got got = call_run_override(run, &order->state, &outcome->error);
    if (got == CALL_DONE &&
        !call_message_of(&message, &order->args, &block, world->gas_cap, &outcome->error))
        got = CALL_FAILED;
    if (got == CALL_DONE) {
        call_run_lower_fees(run, &message);
        got = call_run_message(run, &message, &CALL_LENIENCY, &result, &outcome->error);
        if (got == CALL_DONE)
            take_end(outcome, run, &result);
        else if (got == CALL_FAILED && outcome->error.refusal != TX_REFUSAL_NONE)
            wrap_call(&outcome->error, message.tx.gas_limit);
    }
    call_run_close(run);
    return got == CALL_STOPPED ? CALL_STOPPED : CALL_DONE;
}

/* ---- the search ---- */

struct search {
    struct call_outcome *outcome;
    const struct exec_world *world;
    const struct call_order *order;
    struct call_block block;
    struct call_message message;
    uint64_t low, high; /* fails with low, succeeds with high */
};

/* How a try went. */
enum attempt {
    ATTEMPT_WORKS,
    ATTEMPT_TOO_LITTLE, /* more gas may help */
    ATTEMPT_FAILS,      /* outcome->error says why */
    ATTEMPT_STOPPED
};

static bool is_about_gas(const struct search *search)
{
    static const char TEXT[] = "out of gas";
    const struct buf *text = &search->outcome->error.text;
    return text->size >= sizeof TEXT - 1 && memcmp(text->data, TEXT, sizeof TEXT - 1) == 0;
}

/* final: the reason of a failure is wanted; otherwise any failure means too little. */
static enum attempt try_in(struct search *search, struct call_run *run, bool final,
                           struct tx_result *result)
{
    struct call_outcome *outcome = search->outcome;
    switch (call_run_message(run, &search->message, &CALL_LENIENCY, result, &outcome->error)) {
    case CALL_STOPPED:
        return ATTEMPT_STOPPED;
    case CALL_FAILED:
        if (outcome->error.refusal == TX_REFUSAL_INTRINSIC_GAS)
            return ATTEMPT_TOO_LITTLE;
        wrap_try(&outcome->error, search->message.tx.gas_limit);
        return ATTEMPT_FAILS;
    case CALL_DONE:
        break;
    }
    if (result->end == EVM_END_SUCCESS)
        return ATTEMPT_WORKS;
    if (!final)
        return ATTEMPT_TOO_LITTLE;
    take_end(outcome, run, result);
    return result->end != EVM_END_REVERT && is_about_gas(search) ? ATTEMPT_TOO_LITTLE
                                                                 : ATTEMPT_FAILS;
}

/* Each try has the state to itself. */
static enum attempt attempt(struct search *search, uint64_t gas, bool final,
                            struct tx_result *result)
{
    struct call_run *run = call_run_open(search->world, &search->block, NULL);
    enum attempt end = ATTEMPT_STOPPED;
    search->message.tx.gas_limit = gas;
    if (call_run_override(run, &search->order->state, &search->outcome->error) == CALL_DONE) {
        call_run_lower_fees(run, &search->message);
        end = try_in(search, run, final, result);
    }
    call_run_close(run);
    return end;
}

static void fail_plainly(struct search *search, enum tx_refusal refusal, const char *text)
{
    call_error_set(&search->outcome->error, RPC_SERVER_ERROR, "%s", text);
    search->outcome->error.refusal = refusal;
}

/* How much gas the sender can pay for; highest is lowered to it. */
static bool cap_by_funds(struct search *search, const struct u256 *balance)
{
    const struct tx *tx = &search->message.tx;
    struct u256 left, blobs = u256_from_u64(tx->blob_hashes_count * EVM_BLOB_GAS);
    if (u256_is_zero(&tx->max_fee))
        return true;
    if (u256_compare(&tx->value, balance) >= 0) {
        fail_plainly(search, TX_REFUSAL_FUNDS, "insufficient funds for transfer");
        return false;
    }
    (void)u256_sub(&left, balance, &tx->value);
    if (search->block.revision >= EVM_CANCUN && tx->blob_hashes_count > 0) {
        if (u256_mul(&blobs, &blobs, &tx->max_fee_per_blob_gas) ||
            u256_compare(&blobs, &left) >= 0) {
            fail_plainly(search, TX_REFUSAL_FUNDS, tx_refusal_text(TX_REFUSAL_FUNDS));
            return false;
        }
        (void)u256_sub(&left, &left, &blobs);
    }
    u256_div(&left, &left, &tx->max_fee);
    if (u256_fits_u64(&left) && search->high > left.words[0])
        search->high = left.words[0];
    return true;
}

/* What must be known of the state before the tries: the sender's funds, and whether anything but
 * the transfer would happen. */
static enum call_got look(struct search *search, bool *plain)
{
    const struct tx *tx = &search->message.tx;
    struct call_run *run = call_run_open(search->world, &search->block, NULL);
    struct evm_state *state = call_run_state(run);
    struct evm_account *sender, *to;
    enum call_got got = call_run_override(run, &search->order->state, &search->outcome->error);
    *plain = false;
    if (got == CALL_DONE && !call_message_of(&search->message, &search->order->args, &search->block,
                                             search->world->gas_cap, &search->outcome->error))
        got = CALL_FAILED;
    if (got == CALL_DONE) {
        search->high = search->block.evm.gas_limit;
        if (search->order->args.has_gas && tx->gas_limit >= GAS_PLAIN)
            search->high = tx->gas_limit;
        if (search->block.revision >= EVM_OSAKA && search->high > EVM_TX_GAS_MAX)
            search->high = EVM_TX_GAS_MAX; /* EIP-7825 */
        if (!evm_state_account(state, &search->message.sender, &sender))
            got = CALL_STOPPED;
        else if (!cap_by_funds(search, &sender->balance))
            got = CALL_FAILED;
    }
    if (got == CALL_DONE && search->world->gas_cap != 0 && search->high > search->world->gas_cap)
        search->high = search->world->gas_cap;
    if (got == CALL_DONE && tx->data.size == 0 && tx->has_to) {
        if (!evm_state_account(state, &tx->to, &to))
            got = CALL_STOPPED;
        else
            *plain = hash32_equal(&to->code_hash, &EMPTY_CODE_HASH);
    }
    call_run_close(run);
    return got;
}

static enum attempt note(struct search *search, uint64_t gas, enum attempt end)
{
    if (end == ATTEMPT_WORKS)
        search->high = gas;
    else if (end == ATTEMPT_TOO_LITTLE)
        search->low = gas;
    return end;
}

/* go-ethereum's search: first where the answer most likely is, then halves, skewed to the low side,
 * until what is left is 1.5 %. */
static enum attempt narrow(struct search *search, const struct tx_result *highest)
{
    struct tx_result result;
    enum attempt end = ATTEMPT_WORKS;
    search->low = highest->gas_used - 1;
    uint64_t likely = (highest->gas_peak + EVM_CALL_STIPEND) * 64 / 63;
    if (likely < search->high)
        end = note(search, likely, attempt(search, likely, false, &result));
    while (end <= ATTEMPT_TOO_LITTLE && search->low + 1 < search->high) {
        if ((double)(search->high - search->low) / (double)search->high < 0.015)
            break;
        uint64_t middle = search->low + (search->high - search->low) / 2;
        if (middle > search->low * 2)
            middle = search->low * 2;
        end = note(search, middle, attempt(search, middle, false, &result));
    }
    return end > ATTEMPT_TOO_LITTLE ? end : ATTEMPT_WORKS;
}

static enum attempt search_gas(struct search *search, bool plain)
{
    struct tx_result result;
    enum attempt end;
    if (plain) {
        end = attempt(search, GAS_PLAIN, false, &result);
        if (end == ATTEMPT_WORKS)
            search->high = GAS_PLAIN;
        if (end == ATTEMPT_WORKS || end == ATTEMPT_STOPPED)
            return end;
    }
    end = attempt(search, search->high, true, &result);
    if (end == ATTEMPT_TOO_LITTLE)
        call_error_set(&search->outcome->error, RPC_SERVER_ERROR,
                       "gas required exceeds allowance (%" PRIu64 ")", search->high);
    return end == ATTEMPT_WORKS ? narrow(search, &result) : end;
}

enum call_got call_estimate(struct call_outcome *outcome, const struct exec_world *world,
                            const struct call_order *order)
{
    struct search search = {.outcome = outcome, .world = world, .order = order};
    bool plain;
    outcome_begin(outcome);
    if (!call_block_of(&search.block, world, order->header, &order->block, &outcome->error))
        return CALL_DONE;
    enum call_got got = look(&search, &plain);
    if (got != CALL_DONE)
        return got == CALL_STOPPED ? CALL_STOPPED : CALL_DONE;
    enum attempt end = search_gas(&search, plain);
    if (end == ATTEMPT_STOPPED)
        return CALL_STOPPED;
    if (end == ATTEMPT_WORKS)
        outcome->error.code = 0; /* what a try on the way said does not count */
    outcome->gas = search.high;
    return CALL_DONE;
}
