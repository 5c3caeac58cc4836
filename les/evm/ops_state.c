/* Instructions that read or change the state. */
#include "les/evm/frame.h"

/* EIP-2929: pays for a cold address. */
static bool charge_account(struct evm *evm, struct evm_frame *frame, struct evm_account *account)
{
    return evm->schedule->cold_account == 0 || !evm_state_warm_account(evm->state, account) ||
           frame_charge(frame, evm->schedule->cold_account);
}

/* The account that the word names, paid for and loaded. */
static enum evm_end account_of(struct evm *evm, struct evm_frame *frame, const struct u256 *word,
                               struct evm_account **out)
{
    struct address20 address;
    word_to_address(&address, word);
    *out = evm_state_entry(evm->state, &address);
    if (!charge_account(evm, frame, *out))
        return EVM_END_OUT_OF_GAS;
    return evm_state_load(evm->state, *out) ? EVM_RUNNING : EVM_END_MISSING;
}

EVM_OP(BALANCE)
{
    struct evm_account *account;
    enum evm_end end = account_of(evm, frame, top, &account);
    if (end == EVM_RUNNING)
        *top = account->balance;
    return end;
}

EVM_OP(SELFBALANCE)
{
    (void)evm;
    top[1] = frame->account->balance;
    return EVM_RUNNING;
}

EVM_OP(EXTCODESIZE)
{
    struct evm_account *account;
    struct evm_code *code;
    enum evm_end end = account_of(evm, frame, top, &account);
    if (end != EVM_RUNNING)
        return end;
    if (!evm_state_code(evm->state, account, &code))
        return EVM_END_MISSING;
    *top = u256_from_u64(code->size);
    return EVM_RUNNING;
}

/* EIP-1052 */
EVM_OP(EXTCODEHASH)
{
    struct evm_account *account;
    enum evm_end end = account_of(evm, frame, top, &account);
    if (end != EVM_RUNNING)
        return end;
    if (evm_account_is_empty(account))
        *top = u256_from_u64(0);
    else
        word_load(top, account->code_hash.bytes);
    return EVM_RUNNING;
}

EVM_OP(BLOCKHASH)
{
    (void)frame;
    uint64_t number = top->words[0];
    bool in_reach =
        u256_fits_u64(top) && number < evm->block.number && evm->block.number - number <= 256;
    *top = u256_from_u64(0);
    if (!in_reach)
        return EVM_RUNNING;
    struct hash32 hash;
    switch (evm->block.block_hash(evm->block.owner, number, &hash)) {
    case EVM_LOOKUP_FOUND:
        word_load(top, hash.bytes);
        break;
    case EVM_LOOKUP_ABSENT:
        break;
    case EVM_LOOKUP_MISSING:
        evm_state_miss_block_hash(evm->state, number);
        return EVM_END_MISSING;
    }
    return EVM_RUNNING;
}

/* ---- storage ---- */

EVM_OP(SLOAD)
{
    struct evm_slot *slot = evm_state_slot(evm->state, frame->account, top);
    if (evm->schedule->cold_slot != 0 && evm_state_warm_slot(evm->state, slot) &&
        !frame_charge(frame, evm->schedule->cold_slot))
        return EVM_END_OUT_OF_GAS;
    if (!evm_state_load_slot(evm->state, slot))
        return EVM_END_MISSING;
    *top = slot->value;
    return EVM_RUNNING;
}

/* Gas of a store, and what it changes in the refund. EIP-1283, EIP-2200, EIP-2929, EIP-3529. */
int64_t evm_store_gas(const struct evm_schedule *schedule, const struct evm_slot *slot,
                      const struct u256 *value, int64_t *refund)
{
    bool current_zero = u256_is_zero(&slot->value), value_zero = u256_is_zero(value);
    bool original_zero = u256_is_zero(&slot->original);
    *refund = 0;
    if (!schedule->net_metering) {
        *refund = !current_zero && value_zero ? schedule->sstore_clear : 0;
        return current_zero && !value_zero ? EVM_SSTORE_SET : schedule->sstore_reset;
    }
    if (u256_equal(&slot->value, value))
        return schedule->sstore_noop;
    if (u256_equal(&slot->original, &slot->value)) {
        if (original_zero)
            return EVM_SSTORE_SET;
        *refund = value_zero ? schedule->sstore_clear : 0;
        return schedule->sstore_reset;
    }
    if (!original_zero)
        *refund +=
            (value_zero ? schedule->sstore_clear : 0) - (current_zero ? schedule->sstore_clear : 0);
    if (u256_equal(&slot->original, value))
        *refund +=
            (original_zero ? EVM_SSTORE_SET : schedule->sstore_reset) - schedule->sstore_noop;
    return schedule->sstore_noop;
}

EVM_OP(SSTORE)
{
    if (frame->is_static)
        return EVM_END_WRITE_PROTECTION;
    if (evm->revision >= EVM_ISTANBUL && frame->gas <= EVM_SSTORE_SENTRY)
        return EVM_END_OUT_OF_GAS;
    struct evm_slot *slot = evm_state_slot(evm->state, frame->account, &top[0]);
    if (evm->schedule->cold_slot != 0 && evm_state_warm_slot(evm->state, slot) &&
        !frame_charge(frame, EVM_COLD_SLOAD))
        return EVM_END_OUT_OF_GAS;
    if (!evm_state_load_slot(evm->state, slot))
        return EVM_END_MISSING;
    int64_t refund;
    if (!frame_charge(frame, evm_store_gas(evm->schedule, slot, &top[-1], &refund)))
        return EVM_END_OUT_OF_GAS;
    evm_state_refund(evm->state, refund);
    if (!u256_equal(&slot->value, &top[-1]))
        evm_state_store(evm->state, slot, &top[-1]);
    return EVM_RUNNING;
}

/* EIP-1153 */
EVM_OP(TLOAD)
{
    evm_state_transient_load(evm->state, evm_state_slot(evm->state, frame->account, top), top);
    return EVM_RUNNING;
}

EVM_OP(TSTORE)
{
    if (frame->is_static)
        return EVM_END_WRITE_PROTECTION;
    evm_state_transient_store(evm->state, evm_state_slot(evm->state, frame->account, &top[0]),
                              &top[-1]);
    return EVM_RUNNING;
}

/* ---- logs ---- */

static enum evm_end add_log(struct evm *evm, struct evm_frame *frame, const struct u256 *top,
                            unsigned topics_count)
{
    struct hash32 topics[4];
    size_t at, size;
    if (frame->is_static)
        return EVM_END_WRITE_PROTECTION;
    enum evm_end end = frame_range(frame, &top[0], &top[-1], &at, &size);
    if (end != EVM_RUNNING)
        return end;
    if (!frame_charge(frame, (int64_t)size * EVM_LOG_BYTE))
        return EVM_END_OUT_OF_GAS;
    for (unsigned i = 0; i < topics_count; i++)
        word_save(topics[i].bytes, &top[-2 - (int)i]);
    evm_state_log(evm->state, &frame->self, topics, topics_count, SPAN(frame->memory + at, size));
    if (evm->tracer != NULL && evm->tracer->ops->on_log != NULL) {
        size_t count;
        const struct evm_log *logs = evm_state_logs(evm->state, &count);
        evm->tracer->ops->on_log(evm->tracer, &logs[count - 1], SPAN(frame->memory + at, size),
                                 count - 1);
    }
    return EVM_RUNNING;
}

EVM_OP(LOG0)
{
    return add_log(evm, frame, top, 0);
}

EVM_OP(LOG1)
{
    return add_log(evm, frame, top, 1);
}

EVM_OP(LOG2)
{
    return add_log(evm, frame, top, 2);
}

EVM_OP(LOG3)
{
    return add_log(evm, frame, top, 3);
}

EVM_OP(LOG4)
{
    return add_log(evm, frame, top, 4);
}

/* ---- the end of a contract ---- */

static bool heir_costs(const struct evm *evm, const struct evm_account *heir,
                       const struct u256 *balance)
{
    if (evm->revision >= EVM_SPURIOUS)
        return evm_account_is_empty(heir) && !u256_is_zero(balance);
    return evm->revision >= EVM_TANGERINE && !heir->exists;
}

EVM_OP(SELFDESTRUCT)
{
    if (frame->is_static)
        return EVM_END_WRITE_PROTECTION;
    struct evm_account *self = frame->account, *heir;
    struct address20 address;
    word_to_address(&address, top);
    heir = evm_state_entry(evm->state, &address);
    if (evm->schedule->cold_account != 0 && evm_state_warm_account(evm->state, heir) &&
        !frame_charge(frame, EVM_COLD_ACCOUNT))
        return EVM_END_OUT_OF_GAS;
    if (!evm_state_load(evm->state, heir))
        return EVM_END_MISSING;
    const struct u256 balance = self->balance, zero = {{0, 0, 0, 0}};
    if (heir_costs(evm, heir, &balance) && !frame_charge(frame, EVM_NEW_ACCOUNT))
        return EVM_END_OUT_OF_GAS;
    if (!self->destroyed)
        evm_state_refund(evm->state, evm->schedule->selfdestruct_refund);
    frame->output = SPAN_EMPTY;
    /* EIP-6780: only what this transaction made goes away. */
    bool goes = evm->revision < EVM_CANCUN || evm_state_created_now(evm->state, self);
    if (evm->tracer != NULL && evm->tracer->ops->on_enter != NULL)
        evm->tracer->ops->on_enter(evm->tracer, EVM_SELFDESTRUCT, (unsigned)evm->depth + 1,
                                   &frame->self, &address, &balance, SPAN_EMPTY, 0);
    if (goes || heir != self) {
        evm_state_set_balance(evm->state, self, &zero);
        if (heir != self)
            evm_state_add_balance(evm->state, heir, &balance);
    }
    if (goes)
        evm_state_destroy(evm->state, self);
    if (evm->tracer != NULL && evm->tracer->ops->on_exit != NULL)
        evm->tracer->ops->on_exit(evm->tracer, (unsigned)evm->depth + 1, EVM_END_SUCCESS, 0,
                                  SPAN_EMPTY);
    return EVM_END_SUCCESS;
}
