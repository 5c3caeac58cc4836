/* The loop itself, included by interp.c twice: INTERPRET names the function, TRACED says whether a
 * tracer sees every step. */
enum evm_end INTERPRET(struct evm *evm, struct evm_frame *frame)
{
    enum { traced = TRACED };
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
    at_##name : CHECK(code, pops, pushes, EVM_##since, g0, g1, g2, g3);                            \
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
    goto jumped;
own_JUMPI:
    top -= 2;
    if (u256_is_zero(&top[1])) {
        pc++;
        NEXT();
    }
    pc = jump_target(code, &top[2]);
jumped:
    if (UNLIKELY(pc == NULL))
        goto bad_jump;
    if (UNLIKELY(evm_cancelled(evm)))
        FAIL(CANCELLED);
    if (traced)
        NEXT();
    goto at_JUMPDEST; /* nothing else can be there */
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
    if (traced)
        trace_step_end(evm, end, gas);
    return end;
}
