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
        .is_static = frame->is_static,
        .revision = evm->revision,
        .state = evm->state,
        .account = frame->account,
    };
    evm->tracer->ops->on_step(evm->tracer, &step);
}

static void trace_step_end(struct evm *evm, enum evm_end end, int64_t gas)
{
    if (evm->tracer->ops->on_step_end == NULL)
        return;
    if (end == EVM_CALLING) {
        bool creates = evm->call.kind == EVM_CREATE || evm->call.kind == EVM_CREATE2;
        gas += creates ? evm->call.gas : 0;
        end = EVM_RUNNING;
    }
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

#define INTERPRET evm_interpret
#define TRACED    0
#include "les/evm/interp_loop.c.h"
#undef INTERPRET
#undef TRACED

#define INTERPRET evm_interpret_traced
#define TRACED    1
#include "les/evm/interp_loop.c.h"
