#include "les/evm/evm.h"

#include "les/evm/frame.h"

const char *evm_end_text(enum evm_end end)
{
    switch (end) {
    case EVM_RUNNING:
    case EVM_CALLING:
        break;
#define X(name, text)                                                                              \
    case EVM_END_##name:                                                                           \
        return text;
        EVM_END_MAP(X)
#undef X
    }
    return "running";
}

struct evm *evm_new(const struct evm_config *config)
{
    struct evm *evm = mem_alloc(sizeof *evm);
    evm->revision = config->revision;
    evm->schedule = evm_schedule(config->revision);
    evm->costs = evm_opcode_costs(config->revision);
    evm->state = config->state;
    evm->crypto = config->crypto;
    evm->precompiles = config->precompiles;
    evm->tracer = config->tracer;
    evm->cancel = config->cancel;
    return evm;
}

void evm_free(struct evm *evm)
{
    if (evm == NULL)
        return;
    for (size_t i = 0; i < ARRAY_COUNT(evm->frames) && evm->frames[i] != NULL; i++) {
        mem_free(evm->frames[i]->memory);
        mem_free(evm->frames[i]);
    }
    buf_free(&evm->output);
    mem_free(evm);
}

void evm_set_block(struct evm *evm, const struct evm_block *block)
{
    evm->block = *block;
}

void evm_set_tx(struct evm *evm, const struct evm_tx *tx)
{
    evm->tx = *tx;
}

void evm_set_tracer(struct evm *evm, struct evm_tracer *tracer)
{
    evm->tracer = tracer;
}

void evm_set_moves(struct evm *evm, const struct evm_precompile_moves *moves)
{
    evm->moves = moves;
}

enum evm_precompile evm_unsupported(const struct evm *evm)
{
    return evm->unsupported;
}

/* ---- entering ---- */

struct outcome {
    int64_t gas;
    struct span output;
};

static bool is_creation(enum evm_call_kind kind)
{
    return kind == EVM_CREATE || kind == EVM_CREATE2;
}

static struct evm_frame *frame_at(struct evm *evm, size_t depth)
{
    enum { FIRST_MEMORY = 4096 };
    if (evm->frames[depth] == NULL) {
        struct evm_frame *frame =
            mem_alloc(sizeof *frame + (EVM_STACK_MAX + 1) * sizeof(struct u256));
        frame->stack = (struct u256 *)(frame + 1);
        frame->memory = mem_alloc(FIRST_MEMORY);
        frame->memory_capacity = FIRST_MEMORY;
        evm->frames[depth] = frame;
    }
    return evm->frames[depth];
}

static void push_frame(struct evm *evm, size_t depth, const struct evm_call *call,
                       struct evm_account *account, struct evm_code *code,
                       struct evm_snapshot snapshot)
{
    struct evm_frame *frame = frame_at(evm, depth);
    frame->pc = code->bytes;
    frame->top = frame->stack;
    frame->gas = frame->gas_given = call->gas;
    frame->memory_size = 0;
    frame->memory_cost = 0;
    frame->return_data = frame->output = SPAN_EMPTY;
    frame->kind = call->kind;
    frame->is_static = call->is_static;
    frame->code = code;
    frame->self = call->self;
    frame->caller = call->caller;
    frame->account = account;
    frame->value = call->value;
    frame->input = is_creation(call->kind) ? SPAN_EMPTY : call->input;
    frame->snapshot = snapshot;
    frame->return_offset = call->return_offset;
    frame->return_size = call->return_size;
    evm->depth = depth;
}

static void move_value(struct evm *evm, struct evm_account *from, struct evm_account *to,
                       const struct u256 *value)
{
    if (u256_is_zero(value)) {
        evm_state_touch(evm->state, to);
        return;
    }
    evm_state_sub_balance(evm->state, from, value);
    evm_state_add_balance(evm->state, to, value);
}

static enum evm_end run_precompile(struct evm *evm, enum evm_precompile id,
                                   const struct evm_call *call, struct outcome *out)
{
    uint64_t gas = evm_precompile_gas(id, evm->revision, call->input);
    if (gas > (uint64_t)call->gas)
        return EVM_END_OUT_OF_GAS;
    buf_clear(&evm->output);
    switch (evm_precompile_run(id, evm->revision, evm->crypto, evm->precompiles, call->input,
                               &evm->output)) {
    case EVM_PRECOMPILE_DONE:
        out->gas = call->gas - (int64_t)gas;
        out->output = buf_span(&evm->output);
        return EVM_END_SUCCESS;
    case EVM_PRECOMPILE_FAILED:
        return EVM_END_PRECOMPILE;
    case EVM_PRECOMPILE_ABSENT:
        break;
    }
    evm->unsupported = id;
    return EVM_END_UNSUPPORTED;
}

/* The code that runs for an account: its own, or that of the account it delegates to (EIP-7702; one
 * step only). */
static bool resolve_code(struct evm *evm, struct evm_account *account, struct evm_code **out)
{
    struct address20 target;
    if (!evm_state_load(evm->state, account) || !evm_state_code(evm->state, account, out))
        return false;
    if (evm->revision < EVM_PRAGUE ||
        !evm_code_delegate(SPAN((*out)->bytes, (*out)->size), &target))
        return true;
    return evm_state_account(evm->state, &target, &account) &&
           evm_state_code(evm->state, account, out);
}

/* EVM_RUNNING: there is a new frame. Otherwise the call is over and out says how. */
static enum evm_end enter_call(struct evm *evm, const struct evm_call *call,
                               struct evm_account *caller, size_t depth, struct outcome *out)
{
    bool lends = call->kind == EVM_CALLCODE || call->kind == EVM_DELEGATECALL; /* its code only */
    struct evm_account *self = lends ? call->payer : call->target;
    struct evm_code *code;
    enum evm_precompile precompile =
        evm_precompile_find(evm->revision, evm->moves, &call->code_address);
    if (!evm_state_load(evm->state, self))
        return EVM_END_MISSING;
    out->gas = call->gas;
    bool is_void = call->kind == EVM_CALL && !self->exists && precompile == EVM_PRECOMPILE_NONE &&
                   evm->revision >= EVM_SPURIOUS && u256_is_zero(&call->value);
    if (is_void)
        return EVM_END_SUCCESS;
    struct evm_snapshot snapshot = evm_state_snapshot(evm->state);
    if (call->transfers)
        move_value(evm, caller, self, &call->value);
    else if (call->kind == EVM_STATICCALL)
        evm_state_touch(evm->state, self);
    if (precompile != EVM_PRECOMPILE_NONE) {
        out->gas = 0;
        enum evm_end end = run_precompile(evm, precompile, call, out);
        if (end != EVM_END_SUCCESS)
            evm_state_revert(evm->state, snapshot);
        return end;
    }
    if (!resolve_code(evm, call->target, &code))
        return EVM_END_MISSING;
    if (code->size == 0)
        return EVM_END_SUCCESS;
    push_frame(evm, depth, call, self, evm_code_hold(code), snapshot);
    return EVM_RUNNING;
}

static enum evm_end enter_create(struct evm *evm, const struct evm_call *call,
                                 struct evm_account *caller, size_t depth, struct outcome *out)
{
    struct evm_account *self = evm_state_entry(evm->state, &call->self);
    if (depth > 0) {
        if (caller->nonce == UINT64_MAX) {
            out->gas = call->gas;
            return EVM_END_NONCE;
        }
        evm_state_set_nonce(evm->state, caller, caller->nonce + 1);
    }
    if (evm->revision >= EVM_BERLIN)
        (void)evm_state_warm_account(evm->state, self);
    if (!evm_state_load(evm->state, self))
        return EVM_END_MISSING;
    if (evm_account_is_taken(self))
        return EVM_END_COLLISION;
    struct evm_snapshot snapshot = evm_state_snapshot(evm->state);
    evm_state_create(evm->state, self, evm->revision >= EVM_SPURIOUS ? 1 : 0);
    move_value(evm, caller, self, &call->value);
    push_frame(evm, depth, call, self, evm_code_new(call->input, NULL), snapshot);
    return EVM_RUNNING;
}

static void trace_enter(struct evm *evm, const struct evm_call *call, size_t depth)
{
    if (evm->tracer != NULL && evm->tracer->ops->on_enter != NULL)
        evm->tracer->ops->on_enter(evm->tracer, call->kind, (unsigned)depth,
                                   call->kind == EVM_DELEGATECALL ? &call->self : &call->caller,
                                   &call->code_address, &call->value, call->input,
                                   (uint64_t)call->gas);
}

static void trace_exit(struct evm *evm, size_t depth, enum evm_end end, int64_t gas_given,
                       const struct outcome *out)
{
    if (evm->tracer != NULL && evm->tracer->ops->on_exit != NULL)
        evm->tracer->ops->on_exit(evm->tracer, (unsigned)depth, end,
                                  (uint64_t)(gas_given - out->gas), out->output);
}

static enum evm_end enter(struct evm *evm, const struct evm_call *call, size_t depth,
                          struct outcome *out)
{
    struct evm_account *caller = call->payer;
    *out = (struct outcome){0, SPAN_EMPTY};
    if (evm_cancelled(evm))
        return EVM_END_CANCELLED;
    trace_enter(evm, call, depth);
    enum evm_end end;
    if (!evm_state_load(evm->state, caller))
        return EVM_END_MISSING;
    bool pays = call->kind != EVM_DELEGATECALL && !u256_is_zero(&call->value);
    if (depth > EVM_CALL_DEPTH_MAX || (pays && u256_compare(&caller->balance, &call->value) < 0)) {
        out->gas = call->gas;
        end = depth > EVM_CALL_DEPTH_MAX ? EVM_END_DEPTH : EVM_END_BALANCE;
    } else {
        end = is_creation(call->kind) ? enter_create(evm, call, caller, depth, out)
                                      : enter_call(evm, call, caller, depth, out);
    }
    if (end != EVM_RUNNING)
        trace_exit(evm, depth, end, call->gas, out);
    return end;
}

/* ---- leaving ---- */

/* The new contract's code is on probation: its size, its first byte, its price. */
static enum evm_end settle_creation(struct evm *evm, struct evm_frame *frame)
{
    struct span code = frame->output;
    if (evm->revision >= EVM_LONDON && code.size > 0 && code.data[0] == 0xef)
        return EVM_END_CODE_PREFIX;
    int64_t cost = (int64_t)code.size * EVM_CODE_BYTE;
    if (cost > frame->gas) {
        if (evm->revision >= EVM_HOMESTEAD)
            return EVM_END_CODE_GAS;
        frame->output = SPAN_EMPTY; /* EIP-2: before it, the contract stays without code */
        return EVM_END_SUCCESS;
    }
    if (code.size >
        evm->schedule->code_size_max) /* after the price: the order shows in the error */
        return EVM_END_CODE_SIZE;
    frame->gas -= cost;
    if (code.size > 0)
        evm_state_set_code(evm->state, frame->account, code);
    return EVM_END_SUCCESS;
}

/* Ends the running frame; the caller lowers evm->depth. */
static enum evm_end leave(struct evm *evm, struct evm_frame *frame, enum evm_end end,
                          struct outcome *out)
{
    const struct span returned = frame->output;
    if (end == EVM_END_SUCCESS && is_creation(frame->kind))
        end = settle_creation(evm, frame);
    if (end != EVM_END_SUCCESS)
        evm_state_revert(evm->state, frame->snapshot);
    bool keeps_gas = end == EVM_END_SUCCESS || end == EVM_END_REVERT;
    out->gas = keeps_gas ? frame->gas : 0;
    out->output = keeps_gas ? frame->output : SPAN_EMPTY;
    evm_code_release(frame->code);
    frame->code = NULL;
    struct outcome seen = {out->gas, returned};
    trace_exit(evm, evm->depth, end, frame->gas_given, &seen);
    return end;
}

/* Gives the result of a call to the frame that made it; its stack already has the place for it. */
static void resume(struct evm_frame *frame, enum evm_call_kind kind,
                   const struct address20 *created, size_t return_offset, size_t return_size,
                   enum evm_end end, const struct outcome *out)
{
    frame->gas += out->gas;
    frame->return_data = out->output;
    *frame->top = u256_from_u64(end == EVM_END_SUCCESS);
    if (is_creation(kind)) {
        if (end != EVM_END_SUCCESS)
            return;
        word_from_address(frame->top, created);
        frame->return_data = SPAN_EMPTY;
        return;
    }
    size_t size = out->output.size < return_size ? out->output.size : return_size;
    if (size > 0)
        memcpy(frame->memory + return_offset, out->output.data, size);
}

static enum evm_end run_frames(struct evm *evm, struct outcome *out)
{
    for (;;) {
        struct evm_frame *frame = evm->frames[evm->depth];
        enum evm_end end =
            evm->tracer != NULL ? evm_interpret_traced(evm, frame) : evm_interpret(evm, frame);
        if (end == EVM_CALLING) {
            const struct evm_call *call = &evm->call;
            end = enter(evm, call, evm->depth + 1, out);
            if (evm_end_is_engine(end))
                return end;
            if (end != EVM_RUNNING)
                resume(frame, call->kind, &call->self, call->return_offset, call->return_size, end,
                       out);
            continue;
        }
        if (evm_end_is_engine(end))
            return end;
        end = leave(evm, frame, end, out);
        if (evm->depth == 0)
            return end;
        evm->depth--;
        resume(evm->frames[evm->depth], frame->kind, &frame->self, frame->return_offset,
               frame->return_size, end, out);
    }
}

void evm_run(struct evm *evm, const struct evm_message *message, struct evm_result *result)
{
    struct outcome out = {0, SPAN_EMPTY};
    ASSERT(message->gas <= INT64_MAX);
    evm->depth = 0;
    evm->call = (struct evm_call){
        .kind = message->create ? EVM_CREATE : EVM_CALL,
        .is_static = message->is_static,
        .gas = (int64_t)message->gas,
        .self = message->to,
        .code_address = message->to,
        .caller = message->sender,
        .value = message->value,
        .transfers = true,
        .payer = evm_state_entry(evm->state, &message->sender),
        .target = message->create ? NULL : evm_state_entry(evm->state, &message->to),
        .input = message->input,
    };
    enum evm_end end = enter(evm, &evm->call, 0, &out);
    if (end == EVM_RUNNING)
        end = run_frames(evm, &out);
    for (size_t i = 0; i < ARRAY_COUNT(evm->frames) && evm->frames[i] != NULL; i++) {
        evm_code_release(evm->frames[i]->code);
        evm->frames[i]->code = NULL;
    }
    *result = (struct evm_result){end, (uint64_t)out.gas, out.output};
}
