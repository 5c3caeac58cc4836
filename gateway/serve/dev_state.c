/* The state by hand. Each change is an empty block of its own, made at once
 * (les/node/devchain.h). */
#include "gateway/serve/dev.h"

#include "les/eth/u256.h"

struct change {
    enum { CHANGE_BALANCE, CHANGE_NONCE, CHANGE_CODE, CHANGE_SLOT } kind;
    struct address20 address;
    struct u256 value; /* of the balance or the slot */
    struct u256 slot;
    uint64_t nonce;
    struct span code;
};

static bool on_apply(void *owner, struct evm_state *state)
{
    const struct change *change = owner;
    struct evm_account *account;
    struct evm_slot *slot;
    if (!evm_state_account(state, &change->address, &account))
        return false;
    switch (change->kind) {
    case CHANGE_BALANCE:
        evm_state_set_balance(state, account, &change->value);
        return true;
    case CHANGE_NONCE:
        evm_state_set_nonce(state, account, change->nonce);
        return true;
    case CHANGE_CODE:
        evm_state_set_code(state, account, change->code);
        return true;
    case CHANGE_SLOT:
        break;
    }
    evm_state_touch(state, account); /* an account that is not there has no storage */
    slot = evm_state_slot(state, account, &change->slot);
    if (!evm_state_load_slot(state, slot))
        return false;
    evm_state_store(state, slot, &change->value);
    return true;
}

static struct call_done apply(struct call *call, struct dev *dev, struct change *change)
{
    if (devchain_is_busy(dev->devchain))
        return dev_fail_busy(call);
    if (!devchain_change(dev->devchain, on_apply, change))
        return call_fail(call, RPC_SERVER_ERROR, "no block could be made; the log says why",
                         SPAN_EMPTY);
    return dev_ok_nothing(dev, call);
}

struct call_done dev_set_balance(struct call *call, void *ctx)
{
    struct change change = {.kind = CHANGE_BALANCE};
    if (!param_address(call, 0, &change.address) || !dev_param_u256(call, 1, NULL, &change.value))
        return call_fail_param(call);
    return apply(call, ctx, &change);
}

struct call_done dev_set_nonce(struct call *call, void *ctx)
{
    struct change change = {.kind = CHANGE_NONCE};
    if (!param_address(call, 0, &change.address) || !dev_param_u64(call, 1, NULL, &change.nonce))
        return call_fail_param(call);
    return apply(call, ctx, &change);
}

struct call_done dev_set_code(struct call *call, void *ctx)
{
    struct change change = {.kind = CHANGE_CODE};
    if (!param_address(call, 0, &change.address) || !param_data(call, 1, &change.code))
        return call_fail_param(call);
    return apply(call, ctx, &change);
}

struct call_done dev_set_storage(struct call *call, void *ctx)
{
    struct change change = {.kind = CHANGE_SLOT};
    struct hash32 slot;
    if (!param_address(call, 0, &change.address) || !param_storage_key(call, 1, &slot) ||
        !dev_param_u256(call, 2, NULL, &change.value))
        return call_fail_param(call);
    u256_from_be(&change.slot, SPAN(slot.bytes, 32));
    return apply(call, ctx, &change);
}
