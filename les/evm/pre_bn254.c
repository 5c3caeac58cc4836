/* bn254: sums and multiples of points (EIP-196), and the pairing check (EIP-197): the optimal ate
 * pairing of the curve y^2 = x^3 + 3 with parameter t = 4965661367192848881. */
#include "les/eth/u256.h"
#include "les/evm/bn254_field.h"
#include "les/evm/precompile_internal.h"

static const struct fp three = {
    {0x7a17caa950ad28d7, 0x1f6ac17ae15521b9, 0x334bea4e696bd284, 0x2a1f6744ce179d8e}};
static const struct fp2 twist_b = {
    {{0x3bf938e377b802a8, 0x020b1b273633535d, 0x26b7edf049755260, 0x2514c6324384a86d}},
    {{0x38e7ecccd1dcff67, 0x65f0b37d93ce0d3e, 0xd749d0dd22ac00aa, 0x0141b9ce4a688d4d}}};
/* ---- points over Fp ---- */

struct g1 {
    struct fp x, y, z; /* Jacobian; z = 0 is infinity */
};

static bool g1_read(struct g1 *out, const uint8_t in64[64])
{
    struct fp left, right;
    if (!fp_from_be32(&out->x, in64) || !fp_from_be32(&out->y, in64 + 32))
        return false;
    if (fp_is_zero(&out->x) && fp_is_zero(&out->y)) {
        *out = (struct g1){FP_ONE, FP_ONE, FP_ZERO};
        return true;
    }
    out->z = FP_ONE;
    fp_mul(&left, &out->y, &out->y);
    fp_mul(&right, &out->x, &out->x);
    fp_mul(&right, &right, &out->x);
    fp_add(&right, &right, &three);
    return fp_equal(&left, &right);
}

static void g1_write(struct buf *output, const struct g1 *point)
{
    uint8_t bytes[64] = {0};
    struct fp inverse, square, x, y;
    if (!fp_is_zero(&point->z)) {
        fp_inverse(&inverse, &point->z);
        fp_mul(&square, &inverse, &inverse);
        fp_mul(&x, &point->x, &square);
        fp_mul(&square, &square, &inverse);
        fp_mul(&y, &point->y, &square);
        fp_to_be32(bytes, &x);
        fp_to_be32(bytes + 32, &y);
    }
    buf_add(output, bytes, sizeof bytes);
}

static void g1_double(struct g1 *out, const struct g1 *a)
{
    struct fp xx, yy, yyyy, s, m, t, z;
    fp_mul(&xx, &a->x, &a->x);
    fp_mul(&yy, &a->y, &a->y);
    fp_mul(&yyyy, &yy, &yy);
    fp_mul(&s, &a->x, &yy); /* s = 4 x y^2 */
    fp_add(&s, &s, &s);
    fp_add(&s, &s, &s);
    fp_add(&m, &xx, &xx); /* m = 3 x^2 */
    fp_add(&m, &m, &xx);
    fp_mul(&z, &a->y, &a->z);
    fp_add(&out->z, &z, &z);
    fp_mul(&t, &m, &m);
    fp_sub(&t, &t, &s);
    fp_sub(&out->x, &t, &s);
    fp_sub(&s, &s, &out->x);
    fp_mul(&m, &m, &s);
    for (int i = 0; i < 3; i++)
        fp_add(&yyyy, &yyyy, &yyyy);
    fp_sub(&out->y, &m, &yyyy);
}

static void g1_add(struct g1 *out, const struct g1 *a, const struct g1 *b)
{
    struct fp aa, bb, u1, u2, s1, s2, h, r, hh, hhh, v, t;
    if (fp_is_zero(&a->z)) {
        *out = *b;
        return;
    }
    if (fp_is_zero(&b->z)) {
        *out = *a;
        return;
    }
    fp_mul(&aa, &a->z, &a->z);
    fp_mul(&bb, &b->z, &b->z);
    fp_mul(&u1, &a->x, &bb);
    fp_mul(&u2, &b->x, &aa);
    fp_mul(&s1, &a->y, &b->z);
    fp_mul(&s1, &s1, &bb);
    fp_mul(&s2, &b->y, &a->z);
    fp_mul(&s2, &s2, &aa);
    fp_sub(&h, &u2, &u1);
    fp_sub(&r, &s2, &s1);
    if (fp_is_zero(&h)) {
        if (fp_is_zero(&r))
            g1_double(out, a);
        else
            *out = (struct g1){FP_ONE, FP_ONE, FP_ZERO};
        return;
    }
    fp_mul(&hh, &h, &h);
    fp_mul(&hhh, &hh, &h);
    fp_mul(&v, &u1, &hh);
    fp_mul(&t, &a->z, &b->z);
    fp_mul(&out->z, &t, &h);
    fp_mul(&t, &r, &r);
    fp_sub(&t, &t, &hhh);
    fp_sub(&t, &t, &v);
    fp_sub(&out->x, &t, &v);
    fp_sub(&v, &v, &out->x);
    fp_mul(&v, &v, &r);
    fp_mul(&s1, &s1, &hhh);
    fp_sub(&out->y, &v, &s1);
}

bool evm_bn254_add(struct span input, struct buf *output)
{
    uint8_t padded[128];
    struct g1 a, b;
    (void)evm_input_part(input, 0, sizeof padded, padded);
    if (!g1_read(&a, padded) || !g1_read(&b, padded + 64))
        return false;
    g1_add(&a, &a, &b);
    g1_write(output, &a);
    return true;
}

bool evm_bn254_mul(struct span input, struct buf *output)
{
    uint8_t padded[96];
    struct g1 point, sum = {FP_ONE, FP_ONE, FP_ZERO};
    struct u256 k;
    (void)evm_input_part(input, 0, sizeof padded, padded);
    if (!g1_read(&point, padded))
        return false;
    u256_from_be(&k, SPAN(padded + 64, 32));
    for (unsigned i = u256_bit_length(&k); i-- > 0;) {
        g1_double(&sum, &sum);
        if (k.words[i / 64] >> (i % 64) & 1)
            g1_add(&sum, &sum, &point);
    }
    g1_write(output, &sum);
    return true;
}

/* ---- points over Fp2, affine ---- */

struct g2 {
    struct fp2 x, y;
};

/* The slope's denominator is not zero: a and b differ in x (or, with b NULL, a is doubled and has
 * no order two). inverse is of that denominator. */
static void g2_slope(struct fp2 *slope, const struct g2 *a, const struct g2 *b,
                     const struct fp2 *inverse)
{
    struct fp2 top;
    if (b == NULL) {
        struct fp2 square;
        fp2_square(&square, &a->x);
        fp2_add(&top, &square, &square);
        fp2_add(&top, &top, &square);
    } else {
        fp2_sub(&top, &b->y, &a->y);
    }
    fp2_mul(slope, &top, inverse);
}

static void g2_denominator(struct fp2 *out, const struct g2 *a, const struct g2 *b)
{
    if (b == NULL)
        fp2_add(out, &a->y, &a->y);
    else
        fp2_sub(out, &b->x, &a->x);
}

static void g2_chord(struct g2 *a, const struct fp2 *other_x, const struct fp2 *slope)
{
    struct fp2 x, y;
    fp2_square(&x, slope);
    fp2_sub(&x, &x, &a->x);
    fp2_sub(&x, &x, other_x);
    fp2_sub(&y, &a->x, &x);
    fp2_mul(&y, &y, slope);
    fp2_sub(&a->y, &y, &a->y);
    a->x = x;
}

/* Jacobian over Fp2, only for the order check. */
struct g2_jacobian {
    struct fp2 x, y, z;
};

static void g2j_double(struct g2_jacobian *a)
{
    struct fp2 xx, yy, yyyy, s, m, t;
    fp2_square(&xx, &a->x);
    fp2_square(&yy, &a->y);
    fp2_square(&yyyy, &yy);
    fp2_mul(&s, &a->x, &yy);
    fp2_add(&s, &s, &s);
    fp2_add(&s, &s, &s);
    fp2_add(&m, &xx, &xx);
    fp2_add(&m, &m, &xx);
    fp2_mul(&a->z, &a->y, &a->z);
    fp2_add(&a->z, &a->z, &a->z);
    fp2_square(&t, &m);
    fp2_sub(&t, &t, &s);
    fp2_sub(&a->x, &t, &s);
    fp2_sub(&s, &s, &a->x);
    fp2_mul(&m, &m, &s);
    for (int i = 0; i < 3; i++)
        fp2_add(&yyyy, &yyyy, &yyyy);
    fp2_sub(&a->y, &m, &yyyy);
}

/* Adds the affine point b. */
static void g2j_add(struct g2_jacobian *a, const struct g2 *b)
{
    struct fp2 zz, u, s, h, r, hh, hhh, v, t;
    if (fp2_is_zero(&a->z)) {
        *a = (struct g2_jacobian){b->x, b->y, FP2_ONE};
        return;
    }
    fp2_square(&zz, &a->z);
    fp2_mul(&u, &b->x, &zz);
    fp2_mul(&s, &b->y, &a->z);
    fp2_mul(&s, &s, &zz);
    fp2_sub(&h, &u, &a->x);
    fp2_sub(&r, &s, &a->y);
    if (fp2_is_zero(&h)) {
        if (fp2_is_zero(&r))
            g2j_double(a);
        else
            a->z = FP2_ZERO;
        return;
    }
    fp2_square(&hh, &h);
    fp2_mul(&hhh, &hh, &h);
    fp2_mul(&v, &a->x, &hh);
    fp2_mul(&a->z, &a->z, &h);
    fp2_square(&t, &r);
    fp2_sub(&t, &t, &hhh);
    fp2_sub(&t, &t, &v);
    fp2_sub(&a->x, &t, &v);
    fp2_sub(&v, &v, &a->x);
    fp2_mul(&v, &v, &r);
    fp2_mul(&hhh, &hhh, &a->y);
    fp2_sub(&a->y, &v, &hhh);
}

static void g2j_sum(struct g2_jacobian *a, const struct g2_jacobian *b)
{
    struct fp2 aa, bb, u, s, h, r, hh, hhh, v, t, y;
    if (fp2_is_zero(&b->z))
        return;
    if (fp2_is_zero(&a->z)) {
        *a = *b;
        return;
    }
    fp2_square(&aa, &a->z);
    fp2_square(&bb, &b->z);
    fp2_mul(&v, &a->x, &bb); /* both x over the same denominator */
    fp2_mul(&u, &b->x, &aa);
    fp2_mul(&y, &a->y, &b->z);
    fp2_mul(&y, &y, &bb);
    fp2_mul(&s, &b->y, &a->z);
    fp2_mul(&s, &s, &aa);
    fp2_sub(&h, &u, &v);
    fp2_sub(&r, &s, &y);
    if (fp2_is_zero(&h)) {
        if (fp2_is_zero(&r))
            g2j_double(a);
        else
            a->z = FP2_ZERO;
        return;
    }
    fp2_square(&hh, &h);
    fp2_mul(&hhh, &hh, &h);
    fp2_mul(&v, &v, &hh);
    fp2_mul(&a->z, &a->z, &b->z);
    fp2_mul(&a->z, &a->z, &h);
    fp2_square(&t, &r);
    fp2_sub(&t, &t, &hhh);
    fp2_sub(&t, &t, &v);
    fp2_sub(&a->x, &t, &v);
    fp2_sub(&v, &v, &a->x);
    fp2_mul(&v, &v, &r);
    fp2_mul(&hhh, &hhh, &y);
    fp2_sub(&a->y, &v, &hhh);
}

/* psi: to the sextic twist's other side, the p-th power, and back. */
static void g2j_frobenius(struct g2_jacobian *out, const struct g2_jacobian *a)
{
    fp2_conjugate(&out->x, &a->x);
    fp2_conjugate(&out->y, &a->y);
    fp2_conjugate(&out->z, &a->z);
    fp2_mul(&out->x, &out->x, fp2_twist_power(2));
    fp2_mul(&out->y, &out->y, fp2_twist_power(3));
}

static const uint64_t parameter_t = 4965661367192848881;

/* Of order r just when [t+1]Q + psi([t]Q) + psi^2([t]Q) = psi^3([2t]Q): El Housni, Guillevic and
 * Piellard (2022), section 5. */
static bool g2_in_group(const struct g2 *point)
{
    struct g2_jacobian tq = {FP2_ONE, FP2_ONE, FP2_ZERO}, power, left, right;
    for (unsigned i = 63; i-- > 0;) {
        g2j_double(&tq);
        if (parameter_t >> i & 1)
            g2j_add(&tq, point);
    }
    left = tq;
    g2j_add(&left, point);
    g2j_frobenius(&power, &tq);
    g2j_sum(&left, &power);
    g2j_frobenius(&power, &power);
    g2j_sum(&left, &power);
    g2j_frobenius(&right, &power);
    g2j_double(&right);
    fp2_neg(&right.y, &right.y);
    g2j_sum(&left, &right);
    return fp2_is_zero(&left.z);
}

/* Imaginary parts come first. Infinity is all zeros. */
static bool g2_read(struct g2 *out, bool *infinite, const uint8_t in128[128])
{
    struct fp2 left, right;
    if (!fp_from_be32(&out->x.b, in128) || !fp_from_be32(&out->x.a, in128 + 32) ||
        !fp_from_be32(&out->y.b, in128 + 64) || !fp_from_be32(&out->y.a, in128 + 96))
        return false;
    *infinite = fp2_is_zero(&out->x) && fp2_is_zero(&out->y);
    if (*infinite)
        return true;
    fp2_square(&left, &out->y);
    fp2_square(&right, &out->x);
    fp2_mul(&right, &right, &out->x);
    fp2_add(&right, &right, &twist_b);
    return fp2_equal(&left, &right) && g2_in_group(out);
}

/* ---- the pairing ---- */

enum { BATCH = 16 }; /* pairs that share squarings and inversions */

struct pair {
    struct fp x, y; /* of the point over Fp, affine */
    struct g2 q, sum;
};

/* Multiplies f by the lines through each sum and its other point (NULL: tangents) and moves the
 * sums on. */
static void step(struct fp12 *f, struct pair *pairs, size_t count, const struct g2 *others)
{
    struct fp2 denominators[BATCH], prefix[BATCH + 1], inverse, one, slope, s, t;
    prefix[0] = FP2_ONE;
    for (size_t i = 0; i < count; i++) {
        g2_denominator(&denominators[i], &pairs[i].sum, others == NULL ? NULL : &others[i]);
        fp2_mul(&prefix[i + 1], &prefix[i], &denominators[i]);
    }
    fp2_inverse(&inverse, &prefix[count]);
    for (size_t i = count; i-- > 0;) {
        struct pair *pair = &pairs[i];
        const struct g2 *other = others == NULL ? NULL : &others[i];
        fp2_mul(&one, &inverse, &prefix[i]);
        fp2_mul(&inverse, &inverse, &denominators[i]);
        g2_slope(&slope, &pair->sum, other, &one);
        fp2_scale(&s, &slope, &pair->x); /* y - slope x w + (slope X - Y) w^3 */
        fp2_neg(&s, &s);
        fp2_mul(&t, &slope, &pair->sum.x);
        fp2_sub(&t, &t, &pair->sum.y);
        fp12_mul_line(f, f, &pair->y, &s, &t);
        struct fp2 other_x = other == NULL ? pair->sum.x : other->x;
        g2_chord(&pair->sum, &other_x, &slope);
    }
}

static void miller_loop(struct fp12 *f, struct pair *pairs, size_t count)
{
    static const uint64_t loop_low = 0x9d797039be763ba8; /* 6t+2 is 2^64 and this */
    struct g2 others[BATCH];
    struct fp12 product = FP12_ONE;
    for (size_t i = 0; i < count; i++) {
        pairs[i].sum = pairs[i].q;
        others[i] = pairs[i].q;
    }
    for (unsigned i = 64; i-- > 0;) {
        fp12_square(&product, &product);
        step(&product, pairs, count, NULL);
        if (loop_low >> i & 1)
            step(&product, pairs, count, others);
    }
    for (size_t i = 0; i < count; i++) { /* Q^p */
        fp2_conjugate(&others[i].x, &pairs[i].q.x);
        fp2_mul(&others[i].x, &others[i].x, fp2_twist_power(2));
        fp2_conjugate(&others[i].y, &pairs[i].q.y);
        fp2_mul(&others[i].y, &others[i].y, fp2_twist_power(3));
    }
    step(&product, pairs, count, others);
    for (size_t i = 0; i < count; i++) { /* -Q^(p^2) */
        fp2_scale(&others[i].x, &pairs[i].q.x, fp_twist_power_square(2));
        others[i].y = pairs[i].q.y;
    }
    step(&product, pairs, count, others);
    fp12_mul(f, f, &product);
}

static void power_t(struct fp12 *out, const struct fp12 *a)
{
    struct fp12 result = *a;
    for (unsigned i = 62; i-- > 0;) {
        fp12_square_unitary(&result, &result);
        if (parameter_t >> i & 1)
            fp12_mul(&result, &result, a);
    }
    *out = result;
}

/* f^((p^6-1)(p^2+1)), after which conjugation is inversion. */
static void easy_part(struct fp12 *f)
{
    struct fp12 inverse, t;
    fp12_inverse(&inverse, f);
    fp12_conjugate(f, f);
    fp12_mul(f, f, &inverse);
    fp12_frobenius_square(&t, f);
    fp12_mul(f, f, &t);
}

/* f^((p^4-p^2+1)/r) by the addition chain of Scott, Benger, Charlemagne, Dominguez Perez and
 * Kachisa (2009). */
static void hard_part(struct fp12 *f)
{
    struct fp12 ft, ft2, ft3, y0, y1, y2, y3, y4, y5, y6, a, b;
    power_t(&ft, f);
    power_t(&ft2, &ft);
    power_t(&ft3, &ft2);
    fp12_frobenius(&a, f);
    fp12_frobenius_square(&b, f);
    fp12_mul(&y0, &a, &b);
    fp12_frobenius(&b, &b);
    fp12_mul(&y0, &y0, &b);
    fp12_conjugate(&y1, f);
    fp12_frobenius_square(&y2, &ft2);
    fp12_frobenius(&y3, &ft);
    fp12_conjugate(&y3, &y3);
    fp12_frobenius(&y4, &ft2);
    fp12_mul(&y4, &y4, &ft);
    fp12_conjugate(&y4, &y4);
    fp12_conjugate(&y5, &ft2);
    fp12_frobenius(&y6, &ft3);
    fp12_mul(&y6, &y6, &ft3);
    fp12_conjugate(&y6, &y6);
    fp12_square_unitary(&a, &y6);
    fp12_mul(&a, &a, &y4);
    fp12_mul(&a, &a, &y5);
    fp12_mul(&b, &y3, &y5);
    fp12_mul(&b, &b, &a);
    fp12_mul(&a, &a, &y2);
    fp12_square_unitary(&b, &b);
    fp12_mul(&b, &b, &a);
    fp12_square_unitary(&b, &b);
    fp12_mul(&a, &b, &y1);
    fp12_mul(&b, &b, &y0);
    fp12_square_unitary(&a, &a);
    fp12_mul(f, &a, &b);
}

bool evm_bn254_pairing(struct span input, struct buf *output)
{
    struct pair pairs[BATCH];
    struct fp12 f = FP12_ONE;
    size_t count = 0;
    if (input.size % 192 != 0)
        return false;
    for (size_t at = 0; at < input.size; at += 192) {
        struct g1 point;
        bool infinite;
        if (!g1_read(&point, input.data + at) ||
            !g2_read(&pairs[count].q, &infinite, input.data + at + 64))
            return false;
        if (infinite || fp_is_zero(&point.z))
            continue;
        pairs[count].x = point.x;
        pairs[count].y = point.y;
        if (++count == BATCH) {
            miller_loop(&f, pairs, count);
            count = 0;
        }
    }
    if (count > 0)
        miller_loop(&f, pairs, count);
    easy_part(&f);
    hard_part(&f);
    uint8_t word[32] = {0};
    word[31] = fp12_is_one(&f);
    buf_add(output, word, sizeof word);
    return true;
}
