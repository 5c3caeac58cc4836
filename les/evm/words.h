/* Instructions that are pure functions of the stack. top[0] is the first operand; the result goes
 * to the last operand's place. */
#ifndef LES_EVM_WORDS_H
#define LES_EVM_WORDS_H

#include "les/eth/u256.h"
#include "les/eth/u256_inline.h"

#define WORD_OP(name) static inline __attribute__((always_inline)) void op_##name(struct u256 *top)

WORD_OP(ADD)
{
    (void)u256_add_inline(&top[-1], &top[0], &top[-1]);
}

WORD_OP(SUB)
{
    (void)u256_sub_inline(&top[-1], &top[0], &top[-1]);
}

WORD_OP(MUL)
{
    u256_mul_low(&top[-1], &top[0], &top[-1]);
}

WORD_OP(DIV)
{
    u256_div(&top[-1], &top[0], &top[-1]);
}

WORD_OP(SDIV)
{
    u256_sdiv(&top[-1], &top[0], &top[-1]);
}

WORD_OP(MOD)
{
    u256_mod(&top[-1], &top[0], &top[-1]);
}

WORD_OP(SMOD)
{
    u256_smod(&top[-1], &top[0], &top[-1]);
}

WORD_OP(ADDMOD)
{
    u256_addmod(&top[-2], &top[0], &top[-1], &top[-2]);
}

WORD_OP(MULMOD)
{
    u256_mulmod(&top[-2], &top[0], &top[-1], &top[-2]);
}

WORD_OP(SIGNEXTEND)
{
    if (!u256_fits_u64(&top[0]) || top[0].words[0] >= 31)
        return;
    uint64_t *words = top[-1].words;
    unsigned place = (unsigned)top[0].words[0] / 8,
             spare = 56 - 8 * ((unsigned)top[0].words[0] % 8);
    int64_t last = (int64_t)(words[place] << spare) >> spare;
    words[place] = (uint64_t)last;
    while (++place < 4)
        words[place] = (uint64_t)(last >> 63);
}

#define SIGN_BIT (1ull << 63)

WORD_OP(LT)
{
    top[-1] = u256_from_u64(u256_less_inline(&top[0], &top[-1], 0));
}

WORD_OP(GT)
{
    top[-1] = u256_from_u64(u256_less_inline(&top[-1], &top[0], 0));
}

WORD_OP(SLT)
{
    top[-1] = u256_from_u64(u256_less_inline(&top[0], &top[-1], SIGN_BIT));
}

WORD_OP(SGT)
{
    top[-1] = u256_from_u64(u256_less_inline(&top[-1], &top[0], SIGN_BIT));
}

WORD_OP(EQ)
{
    top[-1] = u256_from_u64(u256_equal(&top[0], &top[-1]));
}

WORD_OP(ISZERO)
{
    top[0] = u256_from_u64(u256_is_zero(&top[0]));
}

WORD_OP(AND)
{
    const struct u256 *a = &top[0];
    struct u256 *b = &top[-1];
    u256_put(b, a->words[0] & b->words[0], a->words[1] & b->words[1], a->words[2] & b->words[2],
             a->words[3] & b->words[3]);
}

WORD_OP(OR)
{
    const struct u256 *a = &top[0];
    struct u256 *b = &top[-1];
    u256_put(b, a->words[0] | b->words[0], a->words[1] | b->words[1], a->words[2] | b->words[2],
             a->words[3] | b->words[3]);
}

WORD_OP(XOR)
{
    const struct u256 *a = &top[0];
    struct u256 *b = &top[-1];
    u256_put(b, a->words[0] ^ b->words[0], a->words[1] ^ b->words[1], a->words[2] ^ b->words[2],
             a->words[3] ^ b->words[3]);
}

WORD_OP(NOT)
{
    u256_put(top, ~top->words[0], ~top->words[1], ~top->words[2], ~top->words[3]);
}

WORD_OP(BYTE)
{
    uint64_t byte = 0;
    if (u256_fits_u64(&top[0]) && top[0].words[0] < 32) {
        unsigned place = 31 - (unsigned)top[0].words[0];
        byte = top[-1].words[place / 8] >> (8 * (place % 8)) & 0xff;
    }
    top[-1] = u256_from_u64(byte);
}

WORD_OP(SHL)
{
    if (u256_fits_u64(&top[0]) && top[0].words[0] < 256)
        u256_shl_inline(&top[-1], &top[-1], (unsigned)top[0].words[0]);
    else
        top[-1] = u256_from_u64(0);
}

WORD_OP(SHR)
{
    if (u256_fits_u64(&top[0]) && top[0].words[0] < 256)
        u256_shr_inline(&top[-1], &top[-1], (unsigned)top[0].words[0], 0);
    else
        top[-1] = u256_from_u64(0);
}

WORD_OP(SAR)
{
    uint64_t fill = (uint64_t)((int64_t)top[-1].words[3] >> 63);
    if (u256_fits_u64(&top[0]) && top[0].words[0] < 256)
        u256_shr_inline(&top[-1], &top[-1], (unsigned)top[0].words[0], fill);
    else
        u256_put(&top[-1], fill, fill, fill, fill);
}

/* EIP-7939 */
WORD_OP(CLZ)
{
    top[0] = u256_from_u64(256 - u256_bit_length(&top[0]));
}

#endif
