/* The fields of the curve bn254 (EIP-196, EIP-197): Fp in Montgomery form, Fp2 = Fp[u]/(u^2+1), Fp6
 * = Fp2[v]/(v^3-9-u), Fp12 = Fp6[w]/(w^2-v). Out parameters may alias inputs. Time depends on the
 * values: nothing here is secret. */
#ifndef LES_EVM_BN254_FIELD_H
#define LES_EVM_BN254_FIELD_H

#include "les/eth/types.h"

struct fp {
    uint64_t words[4]; /* value * 2^256 mod p, below p, least significant word first */
};
struct fp2 {
    struct fp a, b; /* a + b u */
};
struct fp6 {
    struct fp2 c[3];
};
struct fp12 {
    struct fp6 a, b; /* a + b w */
};

extern const struct fp FP_ZERO, FP_ONE;
extern const struct fp2 FP2_ZERO, FP2_ONE;
extern const struct fp12 FP12_ONE;

bool fp_from_be32(struct fp *out, const uint8_t in32[32]) WARN_UNUSED; /* false: not below p */
void fp_to_be32(uint8_t out32[32], const struct fp *a);
bool fp_is_zero(const struct fp *a);
bool fp_equal(const struct fp *a, const struct fp *b);
void fp_add(struct fp *out, const struct fp *a, const struct fp *b);
void fp_sub(struct fp *out, const struct fp *a, const struct fp *b);
void fp_neg(struct fp *out, const struct fp *a);
void fp_mul(struct fp *out, const struct fp *a, const struct fp *b);
void fp_inverse(struct fp *out, const struct fp *a); /* of zero: zero */

bool fp2_is_zero(const struct fp2 *a);
bool fp2_equal(const struct fp2 *a, const struct fp2 *b);
void fp2_add(struct fp2 *out, const struct fp2 *a, const struct fp2 *b);
void fp2_sub(struct fp2 *out, const struct fp2 *a, const struct fp2 *b);
void fp2_neg(struct fp2 *out, const struct fp2 *a);
void fp2_conjugate(struct fp2 *out, const struct fp2 *a);
void fp2_mul(struct fp2 *out, const struct fp2 *a, const struct fp2 *b);
void fp2_square(struct fp2 *out, const struct fp2 *a);
void fp2_scale(struct fp2 *out, const struct fp2 *a, const struct fp *k);
void fp2_inverse(struct fp2 *out, const struct fp2 *a);

bool fp12_is_one(const struct fp12 *a);
void fp12_mul(struct fp12 *out, const struct fp12 *a, const struct fp12 *b);
void fp12_square(struct fp12 *out, const struct fp12 *a);
/* The same where a^(p^4-p^2+1) = 1, by Granger and Scott (2010): half the work. */
void fp12_square_unitary(struct fp12 *out, const struct fp12 *a);
/* Times (y, 0, 0) + (s, t, 0) w: the lines of the pairing. */
void fp12_mul_line(struct fp12 *out, const struct fp12 *a, const struct fp *y, const struct fp2 *s,
                   const struct fp2 *t);
void fp12_conjugate(struct fp12 *out, const struct fp12 *a); /* the inverse, where a^(p^6+1) = 1 */
void fp12_inverse(struct fp12 *out, const struct fp12 *a);
void fp12_frobenius(struct fp12 *out, const struct fp12 *a);        /* a^p */
void fp12_frobenius_square(struct fp12 *out, const struct fp12 *a); /* a^(p^2) */
/* ((9+u)^(k(p-1)/6)) for k = 1..5 and ((9+u)^(k(p^2-1)/6)), which is in Fp. */
const struct fp2 *fp2_twist_power(unsigned k);
const struct fp *fp_twist_power_square(unsigned k);

#endif
