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

#define INLINE static inline __attribute__((always_inline))

/* a + b + carry; the carry out replaces the one in. */
INLINE uint64_t add_carry(uint64_t a, uint64_t b, uint64_t *carry)
{
    WIDE sum = (WIDE)a + b + *carry;
    *carry = (uint64_t)(sum >> 64);
    return (uint64_t)sum;
}

INLINE uint64_t sub_borrow(uint64_t a, uint64_t b, uint64_t *borrow)
{
    WIDE difference = (WIDE)a - b - *borrow;
    *borrow = (uint64_t)(difference >> 64) & 1;
    return (uint64_t)difference;
}

/* a * b + c + carry fits two words. */
INLINE uint64_t mul_add(uint64_t a, uint64_t b, uint64_t c, uint64_t *carry)
{
    WIDE sum = (WIDE)a * b + c + *carry;
    *carry = (uint64_t)(sum >> 64);
    return (uint64_t)sum;
}

/* Below 2p becomes below p, without a branch: the digits are not predictable. */
INLINE void reduce_once(uint64_t out[4], uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3)
{
    uint64_t borrow = 0;
    uint64_t b0 = sub_borrow(a0, modulus[0], &borrow), b1 = sub_borrow(a1, modulus[1], &borrow);
    uint64_t b2 = sub_borrow(a2, modulus[2], &borrow), b3 = sub_borrow(a3, modulus[3], &borrow);
    uint64_t keep = 0 - borrow;
    out[0] = (a0 & keep) | (b0 & ~keep);
    out[1] = (a1 & keep) | (b1 & ~keep);
    out[2] = (a2 & keep) | (b2 & ~keep);
    out[3] = (a3 & keep) | (b3 & ~keep);
}

static bool below_modulus(const uint64_t words[4])
{
    uint64_t borrow = 0;
    for (int i = 0; i < 4; i++)
        (void)sub_borrow(words[i], modulus[i], &borrow);
    return borrow != 0;
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
INLINE void add(uint64_t out[4], const uint64_t a[4], const uint64_t b[4])
{
    uint64_t carry = 0;
    uint64_t s0 = add_carry(a[0], b[0], &carry), s1 = add_carry(a[1], b[1], &carry);
    uint64_t s2 = add_carry(a[2], b[2], &carry), s3 = add_carry(a[3], b[3], &carry);
    reduce_once(out, s0, s1, s2, s3);
}

INLINE void subtract(uint64_t out[4], const uint64_t a[4], const uint64_t b[4])
{
    uint64_t borrow = 0, carry = 0;
    uint64_t d0 = sub_borrow(a[0], b[0], &borrow), d1 = sub_borrow(a[1], b[1], &borrow);
    uint64_t d2 = sub_borrow(a[2], b[2], &borrow), d3 = sub_borrow(a[3], b[3], &borrow);
    uint64_t wrapped = 0 - borrow;
    out[0] = add_carry(d0, modulus[0] & wrapped, &carry);
    out[1] = add_carry(d1, modulus[1] & wrapped, &carry);
    out[2] = add_carry(d2, modulus[2] & wrapped, &carry);
    out[3] = add_carry(d3, modulus[3] & wrapped, &carry);
}

/* One row of Montgomery's product: t = (t + x b + m p) / 2^64. t stays below 2p, five words are not
 * needed. */
INLINE void row(uint64_t t[4], uint64_t x, const uint64_t b[4])
{
    uint64_t high = 0, fold = 0;
    uint64_t t0 = mul_add(x, b[0], t[0], &high);
    uint64_t m = t0 * modulus_inverse;
    (void)mul_add(m, modulus[0], t0, &fold);
    uint64_t t1 = mul_add(x, b[1], t[1], &high);
    t[0] = mul_add(m, modulus[1], t1, &fold);
    uint64_t t2 = mul_add(x, b[2], t[2], &high);
    t[1] = mul_add(m, modulus[2], t2, &fold);
    uint64_t t3 = mul_add(x, b[3], t[3], &high);
    t[2] = mul_add(m, modulus[3], t3, &fold);
    t[3] = high + fold;
}

INLINE void multiply(uint64_t out[4], const uint64_t a[4], const uint64_t b[4])
{
    uint64_t t[4] = {0, 0, 0, 0};
    row(t, a[0], b);
    row(t, a[1], b);
    row(t, a[2], b);
    row(t, a[3], b);
    reduce_once(out, t[0], t[1], t[2], t[3]);
}

void fp_add(struct fp *out, const struct fp *a, const struct fp *b)
{
    add(out->words, a->words, b->words);
}

void fp_sub(struct fp *out, const struct fp *a, const struct fp *b)
{
    subtract(out->words, a->words, b->words);
}

void fp_neg(struct fp *out, const struct fp *a)
{
    subtract(out->words, FP_ZERO.words, a->words);
}

void fp_mul(struct fp *out, const struct fp *a, const struct fp *b)
{
    multiply(out->words, a->words, b->words);
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
    add(out->a.words, a->a.words, b->a.words);
    add(out->b.words, a->b.words, b->b.words);
}

void fp2_sub(struct fp2 *out, const struct fp2 *a, const struct fp2 *b)
{
    subtract(out->a.words, a->a.words, b->a.words);
    subtract(out->b.words, a->b.words, b->b.words);
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
    uint64_t low[4], high[4], cross[4], sum[4];
    multiply(low, a->a.words, b->a.words);
    multiply(high, a->b.words, b->b.words);
    add(cross, a->a.words, a->b.words);
    add(sum, b->a.words, b->b.words);
    multiply(cross, cross, sum);
    subtract(cross, cross, low);
    subtract(out->b.words, cross, high);
    subtract(out->a.words, low, high);
}

void fp2_square(struct fp2 *out, const struct fp2 *a)
{
    uint64_t sum[4], difference[4], product[4];
    add(sum, a->a.words, a->b.words);
    subtract(difference, a->a.words, a->b.words);
    multiply(product, a->a.words, a->b.words);
    multiply(out->a.words, sum, difference);
    add(out->b.words, product, product);
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
