#include "les/evm/bn254_field.h"

#include <gmp.h>

#define WIDE unsigned __int128

static const uint64_t modulus[4] = {0x3c208c16d87cfd47, 0x97816a916871ca8d, 0xb85045b68181585d,
                                    0x30644e72e131a029};
static const uint64_t modulus_inverse = 0x87d20782e4866389; /* -p^-1 mod 2^64 */
static const struct fp montgomery_square = {
    {0xf32cfc5b538afa89, 0xb5e71911d44501fb, 0x47ab1eff0a417ff6, 0x06d89f71cab8351f}};
const struct fp FP_ZERO = {{0, 0, 0, 0}};
const struct fp FP_ONE = {
    {0xd35d438dc58f0d9d, 0x0a78eb28f5c70b3d, 0x666ea36f7879462c, 0x0e0a77c19a07df2f}};
const struct fp2 FP2_ZERO = {{{0, 0, 0, 0}}, {{0, 0, 0, 0}}};
const struct fp2 FP2_ONE = {
    {{0xd35d438dc58f0d9d, 0x0a78eb28f5c70b3d, 0x666ea36f7879462c, 0x0e0a77c19a07df2f}},
    {{0, 0, 0, 0}}};

/* ---- Fp ---- */

static bool below_modulus(const uint64_t words[4])
{
    for (int i = 3; i >= 0; i--)
        if (words[i] != modulus[i])
            return words[i] < modulus[i];
    return false;
}

static void subtract_modulus(uint64_t words[4])
{
    uint64_t borrow = 0;
    for (int i = 0; i < 4; i++) {
        WIDE difference = (WIDE)words[i] - modulus[i] - borrow;
        words[i] = (uint64_t)difference;
        borrow = (uint64_t)(difference >> 64) & 1;
    }
}

bool fp_is_zero(const struct fp *a)
{
    return (a->words[0] | a->words[1] | a->words[2] | a->words[3]) == 0;
}

bool fp_equal(const struct fp *a, const struct fp *b)
{
    return memcmp(a->words, b->words, sizeof a->words) == 0;
}

/* p is below 2^254: a sum of two fits four words. */
void fp_add(struct fp *out, const struct fp *a, const struct fp *b)
{
    WIDE sum = 0;
    for (int i = 0; i < 4; i++) {
        sum += (WIDE)a->words[i] + b->words[i];
        out->words[i] = (uint64_t)sum;
        sum >>= 64;
    }
    if (!below_modulus(out->words))
        subtract_modulus(out->words);
}

void fp_sub(struct fp *out, const struct fp *a, const struct fp *b)
{
    uint64_t borrow = 0;
    for (int i = 0; i < 4; i++) {
        WIDE difference = (WIDE)a->words[i] - b->words[i] - borrow;
        out->words[i] = (uint64_t)difference;
        borrow = (uint64_t)(difference >> 64) & 1;
    }
    if (borrow == 0)
        return;
    WIDE sum = 0;
    for (int i = 0; i < 4; i++) {
        sum += (WIDE)out->words[i] + modulus[i];
        out->words[i] = (uint64_t)sum;
        sum >>= 64;
    }
}

void fp_neg(struct fp *out, const struct fp *a)
{
    fp_sub(out, &FP_ZERO, a);
}

/* Montgomery's product, one word of a at a time. */
void fp_mul(struct fp *out, const struct fp *a, const struct fp *b)
{
    uint64_t t[5] = {0};
    for (int i = 0; i < 4; i++) {
        WIDE carry = 0;
        for (int j = 0; j < 4; j++) {
            carry += (WIDE)a->words[i] * b->words[j] + t[j];
            t[j] = (uint64_t)carry;
            carry >>= 64;
        }
        t[4] += (uint64_t)carry;
        uint64_t m = t[0] * modulus_inverse;
        carry = ((WIDE)m * modulus[0] + t[0]) >> 64;
        for (int j = 1; j < 4; j++) {
            carry += (WIDE)m * modulus[j] + t[j];
            t[j - 1] = (uint64_t)carry;
            carry >>= 64;
        }
        carry += t[4];
        t[3] = (uint64_t)carry;
        t[4] = (uint64_t)(carry >> 64);
    }
    memcpy(out->words, t, sizeof out->words);
    if (!below_modulus(out->words))
        subtract_modulus(out->words);
}

bool fp_from_be32(struct fp *out, const uint8_t in32[32])
{
    for (size_t i = 0; i < 4; i++)
        out->words[i] = be_read(in32 + 24 - 8 * i, 8);
    if (!below_modulus(out->words)) {
        *out = FP_ZERO;
        return false;
    }
    fp_mul(out, out, &montgomery_square);
    return true;
}

void fp_to_be32(uint8_t out32[32], const struct fp *a)
{
    static const struct fp plain_one = {{1, 0, 0, 0}};
    struct fp plain;
    fp_mul(&plain, a, &plain_one);
    for (size_t i = 0; i < 4; i++)
        be_write(out32 + 24 - 8 * i, 8, plain.words[i]);
}

void fp_inverse(struct fp *out, const struct fp *a)
{
    mpz_t value, p;
    struct fp inverse = FP_ZERO;
    if (fp_is_zero(a)) {
        *out = FP_ZERO;
        return;
    }
    mpz_inits(value, p, NULL);
    mpz_import(value, 4, -1, 8, 0, 0, a->words);
    mpz_import(p, 4, -1, 8, 0, 0, modulus);
    (void)mpz_invert(value, value, p);
    mpz_export(inverse.words, NULL, -1, 8, 0, 0, value);
    mpz_clears(value, p, NULL);
    /* (xR)^-1 times R^3 over R twice is x^-1 R. */
    fp_mul(&inverse, &inverse, &montgomery_square);
    fp_mul(out, &inverse, &montgomery_square);
}

/* ---- Fp2 ---- */

bool fp2_is_zero(const struct fp2 *a)
{
    return fp_is_zero(&a->a) && fp_is_zero(&a->b);
}

bool fp2_equal(const struct fp2 *a, const struct fp2 *b)
{
    return fp_equal(&a->a, &b->a) && fp_equal(&a->b, &b->b);
}

void fp2_add(struct fp2 *out, const struct fp2 *a, const struct fp2 *b)
{
    fp_add(&out->a, &a->a, &b->a);
    fp_add(&out->b, &a->b, &b->b);
}

void fp2_sub(struct fp2 *out, const struct fp2 *a, const struct fp2 *b)
{
    fp_sub(&out->a, &a->a, &b->a);
    fp_sub(&out->b, &a->b, &b->b);
}

void fp2_neg(struct fp2 *out, const struct fp2 *a)
{
    fp_neg(&out->a, &a->a);
    fp_neg(&out->b, &a->b);
}

void fp2_conjugate(struct fp2 *out, const struct fp2 *a)
{
    out->a = a->a;
    fp_neg(&out->b, &a->b);
}

void fp2_mul(struct fp2 *out, const struct fp2 *a, const struct fp2 *b)
{
    struct fp low, high, cross, sum;
    fp_mul(&low, &a->a, &b->a);
    fp_mul(&high, &a->b, &b->b);
    fp_add(&cross, &a->a, &a->b);
    fp_add(&sum, &b->a, &b->b);
    fp_mul(&cross, &cross, &sum);
    fp_sub(&cross, &cross, &low);
    fp_sub(&out->b, &cross, &high);
    fp_sub(&out->a, &low, &high);
}

void fp2_square(struct fp2 *out, const struct fp2 *a)
{
    struct fp sum, difference, product;
    fp_add(&sum, &a->a, &a->b);
    fp_sub(&difference, &a->a, &a->b);
    fp_mul(&product, &a->a, &a->b);
    fp_mul(&out->a, &sum, &difference);
    fp_add(&out->b, &product, &product);
}

void fp2_scale(struct fp2 *out, const struct fp2 *a, const struct fp *k)
{
    fp_mul(&out->a, &a->a, k);
    fp_mul(&out->b, &a->b, k);
}

void fp2_inverse(struct fp2 *out, const struct fp2 *a)
{
    struct fp norm, square;
    fp_mul(&norm, &a->a, &a->a);
    fp_mul(&square, &a->b, &a->b);
    fp_add(&norm, &norm, &square);
    fp_inverse(&norm, &norm);
    fp_mul(&out->a, &a->a, &norm);
    fp_mul(&out->b, &a->b, &norm);
    fp_neg(&out->b, &out->b);
}
