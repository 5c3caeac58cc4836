/* Short cuts for instructions of kind Q: the common case in line, no gas but the static one. False:
 * nothing was done, and evm_op_<name> does all of it. */
#ifndef LES_EVM_QUICK_H
#define LES_EVM_QUICK_H

#include "les/evm/frame.h"

#define QUICK_OP(name)                                                                             \
    static inline __attribute__((always_inline)) bool quick_##name(struct evm_frame *frame,        \
                                                                   struct u256 *top)

QUICK_OP(ADDRESS)
{
    word_from_address(&top[1], &frame->self);
    return true;
}

QUICK_OP(CALLER)
{
    word_from_address(&top[1], &frame->caller);
    return true;
}

QUICK_OP(CALLVALUE)
{
    top[1] = frame->value;
    return true;
}

QUICK_OP(CALLDATASIZE)
{
    top[1] = u256_from_u64(frame->input.size);
    return true;
}

QUICK_OP(RETURNDATASIZE)
{
    top[1] = u256_from_u64(frame->return_data.size);
    return true;
}

/* Whether size bytes at the offset that the word says lie inside of a run of `have` bytes. */
static inline bool quick_inside(const struct u256 *offset, size_t size, size_t have)
{
    return __builtin_expect(
        u256_fits_u64(offset) && size <= have && offset->words[0] <= have - size, 1);
}

QUICK_OP(CALLDATALOAD)
{
    if (!quick_inside(top, 32, frame->input.size))
        return false;
    word_load(top, frame->input.data + top->words[0]);
    return true;
}

QUICK_OP(MLOAD)
{
    if (!quick_inside(top, 32, frame->memory_size))
        return false;
    word_load(top, frame->memory + top->words[0]);
    return true;
}

QUICK_OP(MSTORE)
{
    if (!quick_inside(top, 32, frame->memory_size))
        return false;
    word_save(frame->memory + top->words[0], &top[-1]);
    return true;
}

QUICK_OP(MSTORE8)
{
    if (!quick_inside(top, 1, frame->memory_size))
        return false;
    frame->memory[top->words[0]] = (uint8_t)top[-1].words[0];
    return true;
}

#endif
