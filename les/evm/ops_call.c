/* Calls and creations, up to the point where the loop takes over: they check, pay, and leave
 * evm->call. */
#include "les/eth/keccak.h"
#include "les/eth/rlp.h"
#include "les/evm/frame.h"

/* EIP-7702: calling an account that delegates also pays for the account it delegates to. */
static enum evm_end charge_delegate(struct evm *evm, struct evm_frame *frame,
                                    struct evm_account *account)
{
    struct evm_code *code;
    struct address20 target;
    if (evm->revision < EVM_PRAGUE)
        return EVM_RUNNING;
    if (!evm_state_load(evm->state, account) || !evm_state_code(evm->state, account, &code))
        return EVM_END_MISSING;
    if (!evm_code_delegate(SPAN(code->bytes, code->size), &target))
        return EVM_RUNNING;
    bool cold = evm_state_warm_account(evm->state, evm_state_entry(evm->state, &target));
    return frame_charge(frame, cold ? EVM_COLD_ACCOUNT : EVM_WARM_ACCESS) ? EVM_RUNNING
                                                                          : EVM_END_OUT_OF_GAS;
}

static enum evm_end charge_value(struct evm *evm, struct evm_frame *frame, enum evm_call_kind kind,
                                 struct evm_account *account, const struct u256 *value)
{
    bool moves = !u256_is_zero(value);
    if (moves && !frame_charge(frame, EVM_CALL_VALUE))
        return EVM_END_OUT_OF_GAS;
    if (kind != EVM_CALL || (evm->revision >= EVM_SPURIOUS && !moves))
        return EVM_RUNNING;
    if (!evm_state_load(evm->state, account))
        return EVM_END_MISSING;
    bool is_new = evm->revision >= EVM_SPURIOUS ? evm_account_is_empty(account) : !account->exists;
    return !is_new || frame_charge(frame, EVM_NEW_ACCOUNT) ? EVM_RUNNING : EVM_END_OUT_OF_GAS;
}

/* EIP-150: all but one 64th. Before, exactly what was asked for. */
static enum evm_end charge_passed(struct evm *evm, struct evm_frame *frame,
                                  const struct u256 *asked, int64_t *passed)
{
    int64_t most = frame->gas;
    bool fits = u256_fits_u64(asked) && asked->words[0] <= INT64_MAX;
    if (evm->revision >= EVM_TANGERINE)
        most -= most / 64;
    else if (!fits || (int64_t)asked->words[0] > most)
        return EVM_END_OUT_OF_GAS;
    *passed = fits && (int64_t)asked->words[0] < most ? (int64_t)asked->words[0] : most;
    frame->gas -= *passed;
    return EVM_RUNNING;
}

static void fill_call(struct evm_call *call, const struct evm_frame *frame, enum evm_call_kind kind,
                      const struct address20 *address, const struct u256 *value)
{
    call->kind = kind;
    call->is_static = frame->is_static || kind == EVM_STATICCALL;
    call->code_address = *address;
    call->self = kind == EVM_CALL || kind == EVM_STATICCALL ? *address : frame->self;
    call->caller = kind == EVM_DELEGATECALL ? frame->caller : frame->self;
    call->value = kind == EVM_DELEGATECALL ? frame->value : *value;
    call->transfers = kind == EVM_CALL;
}

static enum evm_end prepare_call(struct evm *evm, struct evm_frame *frame, const struct u256 *top,
                                 enum evm_call_kind kind)
{
    bool has_value = kind == EVM_CALL || kind == EVM_CALLCODE;
    const struct u256 value = has_value ? top[-2] : u256_from_u64(0);
    const struct u256 *ranges = has_value ? &top[-3] : &top[-2];
    if (kind == EVM_CALL && frame->is_static && !u256_is_zero(&value))
        return EVM_END_WRITE_PROTECTION;
    struct evm_call *call = &evm->call;
    size_t input, input_size;
    enum evm_end end = frame_range(frame, &ranges[0], &ranges[-1], &input, &input_size);
    if (end == EVM_RUNNING)
        end =
            frame_range(frame, &ranges[-2], &ranges[-3], &call->return_offset, &call->return_size);
    if (end != EVM_RUNNING)
        return end;
    struct address20 address;
    word_to_address(&address, &top[-1]);
    struct evm_account *account = evm_state_entry(evm->state, &address);
    if (evm->schedule->cold_account != 0 && evm_state_warm_account(evm->state, account) &&
        !frame_charge(frame, evm->schedule->cold_account))
        return EVM_END_OUT_OF_GAS;
    end = charge_value(evm, frame, kind, account, &value);
    if (end == EVM_RUNNING)
        end = charge_delegate(evm, frame, account);
    if (end == EVM_RUNNING)
        end = charge_passed(evm, frame, &top[0], &call->gas);
    if (end != EVM_RUNNING)
        return end;
    if (!u256_is_zero(&value))
        call->gas += EVM_CALL_STIPEND;
    fill_call(call, frame, kind, &address, &value);
    call->payer = frame->account;
    call->target = account;
    call->input = SPAN(frame->memory + input, input_size);
    return EVM_CALLING;
}

EVM_OP(CALL)
{
    return prepare_call(evm, frame, top, EVM_CALL);
}

EVM_OP(CALLCODE)
{
    return prepare_call(evm, frame, top, EVM_CALLCODE);
}

EVM_OP(DELEGATECALL)
{
    return prepare_call(evm, frame, top, EVM_DELEGATECALL);
}

EVM_OP(STATICCALL)
{
    return prepare_call(evm, frame, top, EVM_STATICCALL);
}

/* ---- creation ---- */

void evm_create_address(struct address20 *out, const struct address20 *sender, uint64_t nonce)
{
    struct buf rlp = {0};
    struct hash32 hash;
    size_t mark = rlp_list_begin(&rlp);
    rlp_add_bytes(&rlp, SPAN(sender->bytes, 20));
    rlp_add_u64(&rlp, nonce);
    rlp_list_end(&rlp, mark);
    keccak256(&hash, buf_span(&rlp));
    buf_free(&rlp);
    memcpy(out->bytes, hash.bytes + 12, 20);
}

void evm_create2_address(struct address20 *out, const struct address20 *sender,
                         const struct u256 *salt, struct span initcode)
{
    uint8_t bytes[85] = {0xff};
    struct hash32 hash;
    memcpy(bytes + 1, sender->bytes, 20);
    u256_to_be32(bytes + 21, salt);
    keccak256(&hash, initcode);
    memcpy(bytes + 53, hash.bytes, 32);
    keccak256(&hash, SPAN(bytes, sizeof bytes));
    memcpy(out->bytes, hash.bytes + 12, 20);
}

static enum evm_end prepare_create(struct evm *evm, struct evm_frame *frame, const struct u256 *top,
                                   enum evm_call_kind kind)
{
    if (frame->is_static)
        return EVM_END_WRITE_PROTECTION;
    size_t at, size;
    enum evm_end end = frame_range(frame, &top[-1], &top[-2], &at, &size);
    if (end != EVM_RUNNING)
        return end;
    if (size > evm->schedule->initcode_size_max)
        return EVM_END_INITCODE_SIZE;
    int64_t per_word = (evm->revision >= EVM_SHANGHAI ? EVM_INITCODE_WORD : 0) +
                       (kind == EVM_CREATE2 ? EVM_KECCAK_WORD : 0);
    if (!frame_charge(frame, (int64_t)words_of(size) * per_word))
        return EVM_END_OUT_OF_GAS;
    struct evm_call *call = &evm->call;
    call->gas = evm->revision >= EVM_TANGERINE ? frame->gas - frame->gas / 64 : frame->gas;
    frame->gas -= call->gas;
    call->kind = kind;
    call->is_static = false;
    call->caller = frame->self;
    call->value = top[0];
    call->transfers = true;
    call->payer = frame->account;
    call->input = SPAN(frame->memory + at, size);
    call->return_offset = call->return_size = 0;
    if (kind == EVM_CREATE2)
        evm_create2_address(&call->self, &frame->self, &top[-3], call->input);
    else
        evm_create_address(&call->self, &frame->self, frame->account->nonce);
    call->code_address = call->self;
    return EVM_CALLING;
}

EVM_OP(CREATE)
{
    return prepare_create(evm, frame, top, EVM_CREATE);
}

EVM_OP(CREATE2)
{
    return prepare_create(evm, frame, top, EVM_CREATE2);
}
