#include "les/evm/transition.h"

#include "les/eth/u256.h"

const char *tx_refusal_text(enum tx_refusal refusal)
{
    switch (refusal) {
#define X(name, text)                                                                              \
    case TX_REFUSAL_##name:                                                                        \
        return text;
        TX_REFUSAL_MAP(X)
#undef X
    }
    return "";
}

struct tx_run {
    struct tx_place *place;
    const struct tx *tx;
    const struct tx_leniency *leniency;
    struct tx_result *result;
    struct evm_account *sender;
    uint64_t intrinsic_gas, floor_gas;
    struct hash32 *blob_hashes;
};

/* ---- is it allowed ---- */

static enum tx_refusal check_type(const struct tx_run *run)
{
    static const enum evm_revision since[] = {[TX_LEGACY] = EVM_FRONTIER,
                                              [TX_ACCESS_LIST] = EVM_BERLIN,
                                              [TX_DYNAMIC_FEE] = EVM_LONDON,
                                              [TX_BLOB] = EVM_CANCUN,
                                              [TX_SET_CODE] = EVM_PRAGUE};
    const struct tx *tx = run->tx;
    if (run->place->revision < since[tx->type])
        return TX_REFUSAL_TYPE;
    if (run->leniency->any_nonce || !tx->has_chain_id)
        return TX_REFUSAL_NONE;
    /* EIP-155 began with Spurious Dragon. */
    if (tx->chain_id != run->place->block->chain_id || run->place->revision < EVM_SPURIOUS)
        return TX_REFUSAL_CHAIN_ID;
    return TX_REFUSAL_NONE;
}

static enum tx_refusal check_sender(const struct tx_run *run)
{
    const struct tx *tx = run->tx;
    if (!run->leniency->any_nonce) {
        if (tx->nonce < run->sender->nonce)
            return TX_REFUSAL_NONCE_LOW;
        if (tx->nonce > run->sender->nonce)
            return TX_REFUSAL_NONCE_HIGH;
        if (tx->nonce == UINT64_MAX) /* EIP-2681 */
            return TX_REFUSAL_NONCE_MAX;
    }
    if (run->place->revision >= EVM_OSAKA && !run->leniency->any_gas &&
        tx->gas_limit > EVM_TX_GAS_MAX)
        return TX_REFUSAL_TX_GAS; /* EIP-7825 */
    if (run->leniency->any_sender || hash32_equal(&run->sender->code_hash, &EMPTY_CODE_HASH))
        return TX_REFUSAL_NONE;
    /* EIP-3607, and EIP-7702's exception to it */
    struct evm_code *code;
    struct address20 target;
    if (!evm_state_code(run->place->state, run->sender, &code))
        return TX_REFUSAL_STOPPED;
    bool delegates = evm_code_delegate(SPAN(code->bytes, code->size), &target);
    return delegates ? TX_REFUSAL_NONE : TX_REFUSAL_SENDER_HAS_CODE;
}

static bool is_free(const struct tx_run *run)
{
    return run->leniency->free_without_fee && u256_is_zero(&run->tx->max_fee) &&
           u256_is_zero(&run->tx->max_priority_fee);
}

static enum tx_refusal check_fees(const struct tx_run *run)
{
    const struct tx *tx = run->tx;
    if (run->place->revision < EVM_LONDON || is_free(run))
        return TX_REFUSAL_NONE;
    if (tx->type >= TX_DYNAMIC_FEE && u256_compare(&tx->max_fee, &tx->max_priority_fee) < 0)
        return TX_REFUSAL_TIP_ABOVE_FEE;
    if (u256_compare(&tx->max_fee, &run->place->block->base_fee) < 0)
        return TX_REFUSAL_FEE_BELOW_BASE;
    return TX_REFUSAL_NONE;
}

static enum tx_refusal check_blobs(struct tx_run *run)
{
    const struct tx *tx = run->tx;
    if (tx->type != TX_BLOB && tx->blob_hashes_count == 0) /* calls may have them in any type */
        return TX_REFUSAL_NONE;
    if (!tx->has_to)
        return TX_REFUSAL_BLOB_CREATE;
    if (tx->blob_hashes_count == 0)
        return TX_REFUSAL_BLOB_NONE;
    run->result->blob_gas_used = tx->blob_hashes_count * EVM_BLOB_GAS;
    if (run->result->blob_gas_used > run->place->blob_gas_left ||
        (run->place->revision >= EVM_OSAKA && tx->blob_hashes_count > EVM_TX_BLOBS_MAX_OSAKA))
        return TX_REFUSAL_BLOB_COUNT;
    for (size_t i = 0; i < tx->blob_hashes_count; i++)
        if (run->blob_hashes[i].bytes[0] != 1)
            return TX_REFUSAL_BLOB_VERSION;
    bool free_blobs = run->leniency->free_without_fee && u256_is_zero(&tx->max_fee_per_blob_gas);
    if (!free_blobs &&
        u256_compare(&tx->max_fee_per_blob_gas, &run->place->block->blob_base_fee) < 0)
        return TX_REFUSAL_BLOB_FEE;
    return TX_REFUSAL_NONE;
}

static enum tx_refusal check_set_code(const struct tx_run *run)
{
    if (run->tx->type != TX_SET_CODE && run->tx->authorizations.size == 0)
        return TX_REFUSAL_NONE;
    if (!run->tx->has_to)
        return TX_REFUSAL_SET_CODE_CREATE;
    return run->tx->authorizations.size == 0 ? TX_REFUSAL_SET_CODE_NONE : TX_REFUSAL_NONE;
}

/* The sender must be able to pay for the worst case. */
static enum tx_refusal check_funds(const struct tx_run *run)
{
    const struct tx *tx = run->tx;
    struct u256 need, gas = u256_from_u64(tx->gas_limit), blob,
                      blob_gas = u256_from_u64(run->result->blob_gas_used);
    bool overflow = u256_mul(&need, &gas, &tx->max_fee);
    overflow |= u256_mul(&blob, &blob_gas, &tx->max_fee_per_blob_gas);
    overflow |= u256_add(&need, &need, &blob);
    overflow |= u256_add(&need, &need, &tx->value);
    if (overflow || u256_compare(&run->sender->balance, &need) < 0)
        return TX_REFUSAL_FUNDS;
    return tx->gas_limit > run->place->gas_left ? TX_REFUSAL_BLOCK_GAS : TX_REFUSAL_NONE;
}

static enum tx_refusal check_gas(struct tx_run *run)
{
    enum evm_revision revision = run->place->revision;
    struct tx_gas_rules rules = {revision >= EVM_HOMESTEAD, revision >= EVM_ISTANBUL,
                                 revision >= EVM_SHANGHAI, revision >= EVM_PRAGUE};
    if (!tx_intrinsic_gas(&run->intrinsic_gas, &run->floor_gas, run->tx, rules) ||
        run->tx->gas_limit > INT64_MAX)
        return TX_REFUSAL_GAS_OVERFLOW;
    if (run->tx->gas_limit < run->intrinsic_gas)
        return TX_REFUSAL_INTRINSIC_GAS;
    if (revision >= EVM_PRAGUE && run->tx->gas_limit < run->floor_gas)
        return TX_REFUSAL_FLOOR_GAS;
    return TX_REFUSAL_NONE;
}

static enum tx_refusal check_initcode(const struct tx_run *run)
{
    size_t most = evm_schedule(run->place->revision)->initcode_size_max; /* EIP-3860 */
    bool too_long = !run->tx->has_to && run->tx->data.size > most;
    return too_long ? TX_REFUSAL_INITCODE_SIZE : TX_REFUSAL_NONE;
}

static enum tx_refusal check(struct tx_run *run)
{
    enum tx_refusal refusal = check_type(run);
    if (refusal == TX_REFUSAL_NONE)
        refusal = check_sender(run);
    if (refusal == TX_REFUSAL_NONE)
        refusal = check_fees(run);
    if (refusal == TX_REFUSAL_NONE)
        refusal = check_blobs(run);
    if (refusal == TX_REFUSAL_NONE)
        refusal = check_set_code(run);
    if (refusal == TX_REFUSAL_NONE)
        refusal = check_initcode(run);
    if (refusal == TX_REFUSAL_NONE)
        refusal = check_funds(run);
    if (refusal == TX_REFUSAL_NONE)
        refusal = check_gas(run);
    return refusal;
}

/* ---- before it runs ---- */

static void effective_price(const struct tx_run *run, struct u256 *out)
{
    tx_effective_gas_price(out, run->tx, run->place->revision >= EVM_LONDON,
                           &run->place->block->base_fee);
}

static void buy_gas(struct tx_run *run)
{
    struct u256 cost, blob, gas = u256_from_u64(run->tx->gas_limit),
                            blob_gas = u256_from_u64(run->result->blob_gas_used);
    effective_price(run, &run->result->gas_price);
    (void)u256_mul(&cost, &gas, &run->result->gas_price);
    bool free_blobs =
        run->leniency->free_without_fee && u256_is_zero(&run->tx->max_fee_per_blob_gas);
    if (!free_blobs) {
        (void)u256_mul(&blob, &blob_gas, &run->place->block->blob_base_fee);
        (void)u256_add(&cost, &cost, &blob);
    }
    evm_state_sub_balance(run->place->state, run->sender, &cost);
}

/* EIP-2929, EIP-2930, EIP-3651 */
static void warm_up(const struct tx_run *run)
{
    struct evm_state *state = run->place->state;
    enum evm_revision revision = run->place->revision;
    struct address20 address;
    if (revision < EVM_BERLIN)
        return;
    (void)evm_state_warm_account(state, run->sender);
    if (run->tx->has_to)
        (void)evm_state_warm_account(state, evm_state_entry(state, &run->tx->to));
    for (uint32_t id = 1; id <= evm_schedule(revision)->precompile_last; id++) {
        evm_precompile_address(&address, (enum evm_precompile)id);
        (void)evm_state_warm_account(state, evm_state_entry(state, &address));
    }
    if (revision >= EVM_OSAKA) {
        evm_precompile_address(&address, EVM_P256_VERIFY);
        (void)evm_state_warm_account(state, evm_state_entry(state, &address));
    }
    if (revision >= EVM_SHANGHAI)
        (void)evm_state_warm_account(state, evm_state_entry(state, &run->place->block->coinbase));
    struct span rest = run->tx->access_list, keys;
    size_t keys_count;
    while (tx_access_next(&rest, &address, &keys, &keys_count)) {
        struct evm_account *account = evm_state_entry(state, &address);
        struct hash32 key;
        (void)evm_state_warm_account(state, account);
        while (tx_hash_next(&keys, &key)) {
            struct u256 word;
            u256_from_be(&word, SPAN(key.bytes, 32));
            (void)evm_state_warm_slot(state, evm_state_slot(state, account, &word));
        }
    }
}

/* EIP-7702: one authorization; an invalid one is skipped. False: state is missing. */
static bool apply_authorization(const struct tx_run *run,
                                const struct tx_authorization *authorization)
{
    enum { REFUND = 25000 - 12500 };
    static const struct address20 nobody = {{0}};
    struct evm_state *state = run->place->state;
    struct u256 chain_id = u256_from_u64(run->place->block->chain_id);
    struct address20 signer, target;
    struct evm_account *account;
    struct evm_code *code;
    if (!u256_is_zero(&authorization->chain_id) && !u256_equal(&authorization->chain_id, &chain_id))
        return true;
    if (authorization->nonce == UINT64_MAX ||
        !tx_authorization_signer(&signer, authorization, run->place->crypto))
        return true;
    account = evm_state_entry(state, &signer);
    (void)evm_state_warm_account(state, account);
    if (!evm_state_load(state, account) || !evm_state_code(state, account, &code))
        return false;
    if (code->size > 0 && !evm_code_delegate(SPAN(code->bytes, code->size), &target))
        return true;
    if (account->nonce != authorization->nonce)
        return true;
    if (account->exists)
        evm_state_refund(state, REFUND);
    uint8_t designator[EVM_DELEGATION_SIZE] = {0xef, 0x01, 0x00};
    memcpy(designator + 3, authorization->address.bytes, 20);
    bool clears = address20_equal(&authorization->address, &nobody);
    evm_state_set_code(state, account, clears ? SPAN_EMPTY : SPAN(designator, sizeof designator));
    evm_state_set_nonce(state, account, account->nonce + 1);
    return true;
}

static bool apply_authorizations(const struct tx_run *run)
{
    struct span rest = run->tx->authorizations;
    struct tx_authorization authorization;
    struct evm_account *to;
    struct evm_code *code;
    struct address20 target;
    while (tx_authorization_next(&rest, &authorization))
        if (!apply_authorization(run, &authorization))
            return false;
    if (run->place->revision < EVM_PRAGUE || !run->tx->has_to)
        return true;
    struct evm_state *state = run->place->state;
    if (!evm_state_account(state, &run->tx->to, &to) || !evm_state_code(state, to, &code))
        return false;
    if (evm_code_delegate(SPAN(code->bytes, code->size), &target))
        (void)evm_state_warm_account(state, evm_state_entry(state, &target));
    return true;
}

/* ---- the run and the bill ---- */

static bool run_message(struct tx_run *run, struct evm_result *out)
{
    const struct tx *tx = run->tx;
    struct evm_message message = {
        .create = !tx->has_to,
        .sender = run->sender->address,
        .to = tx->to,
        .value = tx->value,
        .input = tx->data,
        .gas = tx->gas_limit - run->intrinsic_gas,
    };
    struct evm_tx context = {
        .origin = run->sender->address,
        .gas_price = run->result->gas_price,
        .blob_hashes = run->blob_hashes,
        .blob_hashes_count = tx->blob_hashes_count,
    };
    uint64_t nonce = run->sender->nonce;
    evm_state_set_nonce(run->place->state, run->sender, nonce + 1);
    if (!tx->has_to) {
        evm_create_address(&message.to, &run->sender->address, nonce);
        run->result->created = true;
        run->result->contract = message.to;
    }
    if (!apply_authorizations(run))
        return false;
    evm_set_tx(run->place->evm, &context);
    evm_run(run->place->evm, &message, out);
    return !evm_end_is_engine(out->end);
}

static bool pay_coinbase(const struct tx_run *run)
{
    const struct evm_block *block = run->place->block;
    struct evm_account *coinbase;
    struct u256 tip = run->result->gas_price, used = u256_from_u64(run->result->gas_used);
    if (is_free(run))
        return true;
    if (run->place->revision >= EVM_LONDON)
        (void)u256_sub(&tip, &tip, &block->base_fee);
    if (!evm_state_account(run->place->state, &block->coinbase, &coinbase))
        return false;
    (void)u256_mul(&tip, &tip, &used);
    evm_state_add_balance(run->place->state, coinbase, &tip);
    return true;
}

static bool settle(struct tx_run *run, const struct evm_result *out)
{
    struct tx_result *result = run->result;
    const struct evm_schedule *schedule = evm_schedule(run->place->revision);
    uint64_t used = run->tx->gas_limit - out->gas_left;
    int64_t refunded = evm_state_refunded(run->place->state);
    uint64_t refund = refunded > 0 ? (uint64_t)refunded : 0;
    if (refund > used / schedule->refund_divisor)
        refund = used / schedule->refund_divisor;
    result->gas_peak = used;
    used -= refund;
    if (run->place->revision >= EVM_PRAGUE) { /* EIP-7623 */
        if (used < run->floor_gas)
            used = run->floor_gas;
        if (result->gas_peak < run->floor_gas)
            result->gas_peak = run->floor_gas;
    }
    result->gas_used = used;
    result->gas_refunded = refund;
    struct u256 back = u256_from_u64(run->tx->gas_limit - used);
    (void)u256_mul(&back, &back, &result->gas_price);
    evm_state_add_balance(run->place->state, run->sender, &back);
    return pay_coinbase(run);
}

static enum tx_refusal execute(struct tx_run *run)
{
    struct evm_result out = {.end = EVM_END_MISSING};
    enum tx_refusal refusal = check(run);
    if (refusal != TX_REFUSAL_NONE)
        return refusal;
    warm_up(run);
    buy_gas(run);
    if (!run_message(run, &out)) {
        run->result->end = out.end;
        return TX_REFUSAL_STOPPED;
    }
    run->result->end = out.end;
    run->result->output = out.output;
    if (!settle(run, &out)) {
        run->result->end = EVM_END_MISSING;
        return TX_REFUSAL_STOPPED;
    }
    evm_state_end(run->place->state, run->place->revision >= EVM_SPURIOUS);
    run->place->gas_left -= run->result->gas_used;
    run->place->blob_gas_left -= run->result->blob_gas_used;
    return TX_REFUSAL_NONE;
}

static struct hash32 *copy_blob_hashes(const struct tx *tx)
{
    struct hash32 *hashes = mem_alloc((tx->blob_hashes_count + 1) * sizeof hashes[0]);
    struct span rest = tx->blob_hashes;
    for (size_t i = 0; i < tx->blob_hashes_count; i++)
        if (!tx_hash_next(&rest, &hashes[i]))
            break;
    return hashes;
}

enum tx_refusal tx_execute(struct tx_place *place, const struct tx *tx,
                           const struct address20 *sender, const struct tx_leniency *leniency,
                           struct tx_result *result)
{
    static const struct tx_leniency strict = {0};
    struct tx_run run = {.place = place,
                         .tx = tx,
                         .leniency = leniency != NULL ? leniency : &strict,
                         .result = result};
    *result = (struct tx_result){.end = EVM_END_MISSING};
    evm_state_begin(place->state);
    if (!evm_state_account(place->state, sender, &run.sender))
        return TX_REFUSAL_STOPPED;
    run.blob_hashes = copy_blob_hashes(tx);
    enum tx_refusal refusal = execute(&run);
    mem_free(run.blob_hashes);
    return refusal;
}
