/* Instructions that are pure functions of the stack. top[0] is the first operand; the result goes
 * to the last operand's place. */
#ifndef LES_EVM_WORDS_H
#define LES_EVM_WORDS_H

#include "les/eth/u256.h"

#define WORD_OP(name) static inline __attribute__((always_inline)) void op_##name(struct u256 *top)
#define WORD_WIDE     unsigned __int128

WORD_OP(ADD)
{
    WORD_WIDE sum = 0;
    for (int i = 0; i < 4; i++) {
        sum += (WORD_WIDE)top[0].words[i] + top[-1].words[i];
        top[-1].words[i] = (uint64_t)sum;
        sum >>= 64;
    }
}

WORD_OP(SUB)
{
    uint64_t borrow = 0;
    for (int i = 0; i < 4; i++) {
        WORD_WIDE difference = (WORD_WIDE)top[0].words[i] - top[-1].words[i] - borrow;
        top[-1].words[i] = (uint64_t)difference;
        borrow = (uint64_t)(difference >> 64) & 1;
    }
}

/* The low half of the product: ten multiplications. */
WORD_OP(MUL)
{
    const uint64_t *a = top[0].words;
    uint64_t *b = top[-1].words, out[4] = {0};
    for (int i = 0; i < 4; i++) {
        uint64_t carry = 0;
        for (int j = 0; i + j < 3; j++) {
            WORD_WIDE t = (WORD_WIDE)a[i] * b[j] + out[i + j] + carry;
            out[i + j] = (uint64_t)t;
            carry = (uint64_t)(t >> 64);
        }
        out[3] += a[i] * b[3 - i] + carry;
    }
    memcpy(b, out, sizeof out);
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
    u256_signextend(&top[-1], &top[0], &top[-1]);
}

static inline bool word_less(const struct u256 *a, const struct u256 *b)
{
    uint64_t borrow = 0;
    for (int i = 0; i < 4; i++) {
        WORD_WIDE difference = (WORD_WIDE)a->words[i] - b->words[i] - borrow;
        borrow = (uint64_t)(difference >> 64) & 1;
    }
    return borrow != 0;
}

WORD_OP(LT)
{
    top[-1] = u256_from_u64(word_less(&top[0], &top[-1]));
}

WORD_OP(GT)
{
    top[-1] = u256_from_u64(word_less(&top[-1], &top[0]));
}

WORD_OP(SLT)
{
    top[-1] = u256_from_u64(u256_scompare(&top[0], &top[-1]) < 0);
}

WORD_OP(SGT)
{
    top[-1] = u256_from_u64(u256_scompare(&top[0], &top[-1]) > 0);
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
    for (int i = 0; i < 4; i++)
        top[-1].words[i] &= top[0].words[i];
}

WORD_OP(OR)
{
    for (int i = 0; i < 4; i++)
        top[-1].words[i] |= top[0].words[i];
}

WORD_OP(XOR)
{
    for (int i = 0; i < 4; i++)
        top[-1].words[i] ^= top[0].words[i];
}

WORD_OP(NOT)
{
    for (int i = 0; i < 4; i++)
        top[0].words[i] = ~top[0].words[i];
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

static inline unsigned word_shift(const struct u256 *count)
{
    return u256_fits_u64(count) && count->words[0] < 256 ? (unsigned)count->words[0] : 256;
}

WORD_OP(SHL)
{
    u256_shl(&top[-1], &top[-1], word_shift(&top[0]));
}

WORD_OP(SHR)
{
    u256_shr(&top[-1], &top[-1], word_shift(&top[0]));
}

WORD_OP(SAR)
{
    u256_sar(&top[-1], &top[-1], word_shift(&top[0]));
}

/* EIP-7939 */
WORD_OP(CLZ)
{
    top[0] = u256_from_u64(256 - u256_bit_length(&top[0]));
}

#endif
