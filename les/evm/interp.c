#include "les/evm/frame.h"
#include "les/evm/words.h"

/* The table below names every code once and lets the rest fall to "undefined". */
#pragma GCC diagnostic ignored "-Woverride-init"
#ifdef __clang__
#pragma GCC diagnostic ignored "-Winitializer-overrides"
#pragma GCC diagnostic ignored "-Wgnu-label-as-value"
#endif

#define FLATTEN static inline __attribute__((always_inline))

FLATTEN void push_bytes(struct u256 *out, const uint8_t *data, unsigned size)
{
    uint8_t padded[32] = {0};
    memcpy(padded + 32 - size, data, size);
    word_load(out, padded);
}

/* Small pushes are most of them. */
FLATTEN void push_small(struct u256 *out, const uint8_t *data, unsigned size)
{
    *out = u256_from_u64(be_read(data, size));
}

/* Where a jump to word leads; NULL: not a destination. */
FLATTEN const uint8_t *jump_target(const struct evm_code *code, const struct u256 *word)
{
    return u256_fits_u64(word) && evm_code_is_target(code, word->words[0])
               ? code->bytes + word->words[0]
               : NULL;
}

static void trace_step(struct evm *evm, const struct evm_frame *frame)
{
    if (evm->tracer->ops->on_step == NULL)
        return;
    struct evm_step step = {
        .code = frame->code->bytes,
        .pc = (size_t)(frame->pc - frame->code->bytes),
        .opcode = *frame->pc,
        .gas = frame->gas,
        .depth = (unsigned)evm->depth + 1,
        .stack = frame->stack + 1,
        .stack_size = (size_t)(frame->top - frame->stack),
        .memory = SPAN(frame->memory, frame->memory_size),
        .return_data = frame->return_data,
        .self = &frame->self,
    };
    evm->tracer->ops->on_step(evm->tracer, &step);
}

static void trace_step_end(struct evm *evm, enum evm_end end, int64_t gas)
{
    if (evm->tracer->ops->on_step_end != NULL)
        evm->tracer->ops->on_step_end(evm->tracer, end, gas);
}

#define SAVE()                                                                                     \
    do {                                                                                           \
        frame->pc = pc;                                                                            \
        frame->top = top;                                                                          \
        frame->gas = gas;                                                                          \
    } while (0)
#define FAIL(why)                                                                                  \
    do {                                                                                           \
        end = EVM_END_##why;                                                                       \
        goto stop;                                                                                 \
    } while (0)
#define NEXT()                                                                                     \
    do {                                                                                           \
        if (traced) {                                                                              \
            if (stepped)                                                                           \
                trace_step_end(evm, EVM_RUNNING, gas);                                             \
            stepped = true;                                                                        \
            SAVE();                                                                                \
            trace_step(evm, frame);                                                                \
        }                                                                                          \
        goto *labels[*pc];                                                                         \
    } while (0)
/* What every instruction is checked for before its body: defined, stack, static gas. */
#define CHECK(code, pops, pushes, since)                                                           \
    do {                                                                                           \
        int64_t cost = costs[code];                                                                \
        if ((since) != EVM_FRONTIER && cost < 0)                                                   \
            FAIL(INVALID_OPCODE);                                                                  \
        if ((pops) > 0 && top - stack < (pops))                                                    \
            FAIL(STACK_UNDERFLOW);                                                                 \
        if ((pushes) > (pops) && top - stack >= EVM_STACK_MAX)                                     \
            FAIL(STACK_OVERFLOW);                                                                  \
        gas -= cost;                                                                               \
        if (__builtin_expect(gas < 0, 0))                                                          \
            FAIL(OUT_OF_GAS);                                                                      \
    } while (0)

#define BODY_W(code, name, pops, pushes)                                                           \
    op_##name(top);                                                                                \
    top += (pushes) - (pops);                                                                      \
    pc++;                                                                                          \
    NEXT();
#define BODY_F(code, name, pops, pushes)                                                           \
    frame->gas = gas;                                                                              \
    frame->pc = pc;                                                                                \
    end = evm_op_##name(evm, frame, top);                                                          \
    gas = frame->gas;                                                                              \
    if (__builtin_expect(end != EVM_RUNNING, 0)) {                                                 \
        if (end == EVM_CALLING) {                                                                  \
            top += (pushes) - (pops);                                                              \
            pc++;                                                                                  \
        }                                                                                          \
        goto stop;                                                                                 \
    }                                                                                              \
    top += (pushes) - (pops);                                                                      \
    pc++;                                                                                          \
    NEXT();
#define BODY_P(code, name, pops, pushes)                                                           \
    top++;                                                                                         \
    if ((code)-0x5f <= 8)                                                                          \
        push_small(top, pc + 1, (code)-0x5f);                                                      \
    else                                                                                           \
        push_bytes(top, pc + 1, (code)-0x5f);                                                      \
    pc += (code)-0x5f + 1;                                                                         \
    NEXT();
#define BODY_D(code, name, pops, pushes)                                                           \
    top[1] = top[1 - (pops)];                                                                      \
    top++;                                                                                         \
    pc++;                                                                                          \
    NEXT();
#define BODY_S(code, name, pops, pushes)                                                           \
    {                                                                                              \
        struct u256 other = top[1 - (pops)];                                                       \
        top[1 - (pops)] = top[0];                                                                  \
        top[0] = other;                                                                            \
    }                                                                                              \
    pc++;                                                                                          \
    NEXT();
#define BODY_O(code, name, pops, pushes) goto own_##name;

FLATTEN enum evm_end run_frame(struct evm *evm, struct evm_frame *frame, bool traced)
{
#define X(A, code, name, kind, pops, pushes, since, g0, g1, g2, g3) [code] = &&at_##name,
    static const void *const labels[256] = {[0 ... 255] = &&undefined, EVM_OPCODES(X, )};
#undef X
    const int16_t *const costs = evm->costs;
    const struct evm_code *const code = frame->code;
    struct u256 *const stack = frame->stack;
    const uint8_t *pc = frame->pc;
    struct u256 *top = frame->top;
    int64_t gas = frame->gas;
    enum evm_end end = EVM_RUNNING;
    bool stepped = false;
    NEXT();

#define X(A, code, name, kind, pops, pushes, since, g0, g1, g2, g3)                                \
    at_##name : CHECK(code, pops, pushes, EVM_##since);                                            \
    BODY_##kind(code, name, pops, pushes)
    EVM_OPCODES(X, )
#undef X

own_STOP:
    frame->output = SPAN_EMPTY;
    FAIL(SUCCESS);
own_POP:
    top--;
    pc++;
    NEXT();
own_JUMP:
    pc = jump_target(code, top--);
    if (__builtin_expect(pc == NULL, 0))
        goto bad_jump;
    if (__builtin_expect(evm_cancelled(evm), 0))
        FAIL(CANCELLED);
    NEXT();
own_JUMPI:
    top -= 2;
    if (u256_is_zero(&top[1])) {
        pc++;
        NEXT();
    }
    pc = jump_target(code, &top[2]);
    if (__builtin_expect(pc == NULL, 0))
        goto bad_jump;
    if (__builtin_expect(evm_cancelled(evm), 0))
        FAIL(CANCELLED);
    NEXT();
own_PC:
    *++top = u256_from_u64((uint64_t)(pc - code->bytes));
    pc++;
    NEXT();
own_GAS:
    *++top = u256_from_u64((uint64_t)gas);
    pc++;
    NEXT();
own_JUMPDEST:
    pc++;
    NEXT();
own_PUSH0:
    *++top = u256_from_u64(0);
    pc++;
    NEXT();
own_INVALID:
undefined:
    FAIL(INVALID_OPCODE);
bad_jump:
    pc = frame->pc; /* only its address was lost: the frame is over */
    FAIL(BAD_JUMP);
stop:
    SAVE();
    if (traced && end != EVM_CALLING)
        trace_step_end(evm, end, gas);
    return end;
}

enum evm_end evm_interpret(struct evm *evm, struct evm_frame *frame)
{
    return run_frame(evm, frame, false);
}

enum evm_end evm_interpret_traced(struct evm *evm, struct evm_frame *frame)
{
    return run_frame(evm, frame, true);
}
