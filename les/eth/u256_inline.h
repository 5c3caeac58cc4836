/* The part of u256.h that the interpreter does by the hundred million, in line. Words are read one
 * by one and not as vectors: a vector read of words that were just written one by one waits until
 * they have left the store buffer. Out parameters may alias inputs. */
#ifndef LES_ETH_U256_INLINE_H
#define LES_ETH_U256_INLINE_H

#include "les/eth/types.h"

#define U256_INLINE static inline __attribute__((always_inline))

typedef unsigned __int128 u256_wide;

/* a + b + *carry; *carry, 0 or 1, is what goes to the next word. Compilers make one instruction of
 * it only when they are asked by name. */
U256_INLINE uint64_t u256_word_add(uint64_t a, uint64_t b, unsigned char *carry)
{
#ifdef __x86_64__
    unsigned long long sum;
    *carry = __builtin_ia32_addcarryx_u64(*carry, a, b, &sum);
    return sum;
#else
    u256_wide sum = (u256_wide)a + b + *carry;
    *carry = (unsigned char)(sum >> 64);
    return (uint64_t)sum;
#endif
}

/* a - b - *borrow. */
U256_INLINE uint64_t u256_word_sub(uint64_t a, uint64_t b, unsigned char *borrow)
{
#if defined __x86_64__ && !defined __clang__
    unsigned long long difference;
    *borrow = __builtin_ia32_sbb_u64(*borrow, a, b, &difference);
    return difference;
#else
    u256_wide difference = (u256_wide)a - b - *borrow;
    *borrow = (unsigned char)(difference >> 64 & 1);
    return (uint64_t)difference;
#endif
}

U256_INLINE void u256_put(struct u256 *out, uint64_t w0, uint64_t w1, uint64_t w2, uint64_t w3)
{
    out->words[0] = w0;
    out->words[1] = w1;
    out->words[2] = w2;
    out->words[3] = w3;
}

U256_INLINE void u256_copy(struct u256 *out, const struct u256 *a)
{
    u256_put(out, a->words[0], a->words[1], a->words[2], a->words[3]);
}

U256_INLINE void u256_swap(struct u256 *a, struct u256 *b)
{
    for (int i = 0; i < 4; i++) {
        uint64_t word = a->words[i];
        a->words[i] = b->words[i];
        b->words[i] = word;
    }
}

/* True: it overflowed. */
U256_INLINE bool u256_add_inline(struct u256 *out, const struct u256 *a, const struct u256 *b)
{
    unsigned char carry = 0;
    uint64_t w0 = u256_word_add(a->words[0], b->words[0], &carry);
    uint64_t w1 = u256_word_add(a->words[1], b->words[1], &carry);
    uint64_t w2 = u256_word_add(a->words[2], b->words[2], &carry);
    uint64_t w3 = u256_word_add(a->words[3], b->words[3], &carry);
    u256_put(out, w0, w1, w2, w3);
    return carry != 0;
}

/* True: it went below zero. */
U256_INLINE bool u256_sub_inline(struct u256 *out, const struct u256 *a, const struct u256 *b)
{
    unsigned char borrow = 0;
    uint64_t w0 = u256_word_sub(a->words[0], b->words[0], &borrow);
    uint64_t w1 = u256_word_sub(a->words[1], b->words[1], &borrow);
    uint64_t w2 = u256_word_sub(a->words[2], b->words[2], &borrow);
    uint64_t w3 = u256_word_sub(a->words[3], b->words[3], &borrow);
    u256_put(out, w0, w1, w2, w3);
    return borrow != 0;
}

/* The borrow that a - b leaves; flip is XORed to the highest words (1 << 63: compare as signed). */
U256_INLINE bool u256_less_inline(const struct u256 *a, const struct u256 *b, uint64_t flip)
{
    unsigned char borrow = 0;
    (void)u256_word_sub(a->words[0], b->words[0], &borrow);
    (void)u256_word_sub(a->words[1], b->words[1], &borrow);
    (void)u256_word_sub(a->words[2], b->words[2], &borrow);
    (void)u256_word_sub(a->words[3] ^ flip, b->words[3] ^ flip, &borrow);
    return borrow != 0;
}

/* a * b + add + *carry, which fits two words. */
U256_INLINE uint64_t u256_word_mul(uint64_t a, uint64_t b, uint64_t add, uint64_t *carry)
{
    u256_wide t = (u256_wide)a * b + add + *carry;
    *carry = (uint64_t)(t >> 64);
    return (uint64_t)t;
}

/* The low half of the product: ten multiplications. */
U256_INLINE void u256_mul_low(struct u256 *out, const struct u256 *a, const struct u256 *b)
{
    const uint64_t a0 = a->words[0], a1 = a->words[1], a2 = a->words[2], a3 = a->words[3];
    const uint64_t b0 = b->words[0], b1 = b->words[1], b2 = b->words[2], b3 = b->words[3];
    uint64_t w0, w1, w2, w3, carry = 0;
    w0 = u256_word_mul(a0, b0, 0, &carry);
    w1 = u256_word_mul(a0, b1, 0, &carry);
    w2 = u256_word_mul(a0, b2, 0, &carry);
    w3 = a0 * b3 + carry;
    carry = 0;
    w1 = u256_word_mul(a1, b0, w1, &carry);
    w2 = u256_word_mul(a1, b1, w2, &carry);
    w3 += a1 * b2 + carry;
    carry = 0;
    w2 = u256_word_mul(a2, b0, w2, &carry);
    w3 += a2 * b1 + carry;
    w3 += a3 * b0;
    u256_put(out, w0, w1, w2, w3);
}

/* Shifts of less than 256 bits: whole words by where reading begins, the rest by two words at a
 * time. */
U256_INLINE void u256_shl_inline(struct u256 *out, const struct u256 *a, unsigned bits)
{
    const uint64_t padded[8] = {0, 0, 0, 0, a->words[0], a->words[1], a->words[2], a->words[3]};
    const uint64_t *from = padded + 4 - bits / 64;
    unsigned shift = bits % 64, back = 63 - shift;
    u256_put(out, from[0] << shift | from[-1] >> 1 >> back, from[1] << shift | from[0] >> 1 >> back,
             from[2] << shift | from[1] >> 1 >> back, from[3] << shift | from[2] >> 1 >> back);
}

/* fill: what comes in at the top, 0 or all ones. */
U256_INLINE void u256_shr_inline(struct u256 *out, const struct u256 *a, unsigned bits,
                                 uint64_t fill)
{
    const uint64_t padded[8] = {a->words[0], a->words[1], a->words[2], a->words[3],
                                fill,        fill,        fill,        fill};
    const uint64_t *from = padded + bits / 64;
    unsigned shift = bits % 64, back = 63 - shift;
    u256_put(out, from[0] >> shift | from[1] << 1 << back, from[1] >> shift | from[2] << 1 << back,
             from[2] >> shift | from[3] << 1 << back, from[3] >> shift | from[4] << 1 << back);
}

#endif
