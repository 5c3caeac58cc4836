#include "les/evm/frame.h"
#include "les/evm/quick.h"
#include "les/evm/words.h"

/* The table below names every code once and lets the rest fall to "undefined". */
#pragma GCC diagnostic ignored "-Woverride-init"
#ifdef __clang__
#pragma GCC diagnostic ignored "-Winitializer-overrides"
#pragma GCC diagnostic ignored "-Wgnu-label-as-value"
#endif

#define FLATTEN static inline __attribute__((always_inline))

/* The size bytes at data, which go on for at least as many as a word has (EVM_CODE_PADDING). */
FLATTEN void push_bytes(struct u256 *out, const uint8_t *data, unsigned size)
{
    uint64_t words[4] = {0};
    for (unsigned i = 0; 8 * i < size; i++) {
        unsigned end = size - 8 * i;
        words[i] = end >= 8 ? swap64(data + end - 8) : swap64(data) >> (64 - 8 * end);
    }
    u256_put(out, words[0], words[1], words[2], words[3]);
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

#define UNLIKELY(condition) __builtin_expect((condition), 0)
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
/* A price that no fork changed stands in the code, another is looked up. */
#define SAME_IN_ALL(since, g0, g1, g2, g3)                                                         \
    ((since) == EVM_FRONTIER && (g0) == (g1) && (g1) == (g2) && (g2) == (g3))
/* What every instruction is checked for before its body: defined, stack, static gas. */
#define CHECK(code, pops, pushes, since, g0, g1, g2, g3)                                           \
    do {                                                                                           \
        const int64_t cost = SAME_IN_ALL(since, g0, g1, g2, g3) ? (g0) : costs[code];              \
        if ((since) != EVM_FRONTIER && cost < 0)                                                   \
            FAIL(INVALID_OPCODE);                                                                  \
        if ((pops) > 0 && UNLIKELY(top < stack + (pops)))                                          \
            FAIL(STACK_UNDERFLOW);                                                                 \
        if ((pushes) > (pops) && UNLIKELY(top >= stack + EVM_STACK_MAX))                           \
            FAIL(STACK_OVERFLOW);                                                                  \
        gas -= cost;                                                                               \
        if (UNLIKELY(gas < 0))                                                                     \
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
    if (UNLIKELY(end != EVM_RUNNING)) {                                                            \
        if (end == EVM_CALLING) {                                                                  \
            top += (pushes) - (pops);                                                              \
            pc++;                                                                                  \
        }                                                                                          \
        goto stop;                                                                                 \
    }                                                                                              \
    top += (pushes) - (pops);                                                                      \
    pc++;                                                                                          \
    NEXT();
#define BODY_Q(code, name, pops, pushes)                                                           \
    if (quick_##name(frame, top)) {                                                                \
        top += (pushes) - (pops);                                                                  \
        pc++;                                                                                      \
        NEXT();                                                                                    \
    }                                                                                              \
    BODY_F(code, name, pops, pushes)
#define BODY_P(code, name, pops, pushes)                                                           \
    top++;                                                                                         \
    push_bytes(top, pc + 1, (code)-0x5f);                                                          \
    pc += (code)-0x5f + 1;                                                                         \
    NEXT();
#define BODY_D(code, name, pops, pushes)                                                           \
    u256_copy(&top[1], &top[1 - (pops)]);                                                          \
    top++;                                                                                         \
    pc++;                                                                                          \
    NEXT();
#define BODY_S(code, name, pops, pushes)                                                           \
    u256_swap(&top[0], &top[1 - (pops)]);                                                          \
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
