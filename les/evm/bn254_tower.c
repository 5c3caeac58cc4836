#include "les/evm/bn254_field.h"

const struct fp12 FP12_ONE = {
    .a.c[0].a = {{0xd35d438dc58f0d9d, 0x0a78eb28f5c70b3d, 0x666ea36f7879462c, 0x0e0a77c19a07df2f}}};

static const struct fp2 twist_powers[5] = {
    {{{0xaf9ba69633144907, 0xca6b1d7387afb78a, 0x11bded5ef08a2087, 0x02f34d751a1f3a7c}},
     {{0xa222ae234c492d72, 0xd00f02a4565de15b, 0xdc2ff3a253dfc926, 0x10a75716b3899551}}},
    {{{0xb5773b104563ab30, 0x347f91c8a9aa6454, 0x7a007127242e0991, 0x1956bcd8118214ec}},
     {{0x6e849f1ea0aa4757, 0xaa1c7b6d89f89141, 0xb6e713cdfae0ca3a, 0x26694fbb4e82ebc3}}},
    {{{0xe4bbdd0c2936b629, 0xbb30f162e133bacb, 0x31a9d1b6f9645366, 0x253570bea500f8dd}},
     {{0xa1d77ce45ffe77c7, 0x07affd117826d1db, 0x6d16bd27bb7edc6b, 0x2c87200285defecc}}},
    {{{0x7361d77f843abe92, 0xa5bb2bd3273411fb, 0x9c941f314b3e2399, 0x15df9cddbb9fd3ec}},
     {{0x5dddfd154bd8c949, 0x62cb29a5a4445b60, 0x37bc870a0c7dd2b9, 0x24830a9d3171f0fd}}},
    {{{0xc970692f41690fe7, 0xe240342127694b0b, 0x32bee66b83c459e8, 0x12aabced0ab08841}},
     {{0x0d485d2340aebfa9, 0x05193418ab2fcc57, 0xd3b0a40b8a4910f5, 0x2f21ebb535d2925a}}},
};
static const struct fp twist_powers_square[5] = {
    {{0xca8d800500fa1bf2, 0xf0c5d61468b39769, 0x0e201271ad0d4418, 0x04290f65bad856e6}},
    {{0x3350c88e13e80b9c, 0x7dce557cdb5e56b9, 0x6001b4b8b615564a, 0x2682e617020217e0}},
    {{0x68c3488912edefaa, 0x8d087f6872aabf4f, 0x51e1a24709081231, 0x2259d6b14729c0fa}},
    {{0x71930c11d782e155, 0xa6bb947cffbe3323, 0xaa303344d4741444, 0x2c3b3f0d26594943}},
    {{0x08cfc388c494f1ab, 0x19b315148d1373d4, 0x584e90fdcb6c0213, 0x09e1685bdf2f8849}},
};

const struct fp2 *fp2_twist_power(unsigned k)
{
    return &twist_powers[k - 1];
}

const struct fp *fp_twist_power_square(unsigned k)
{
    return &twist_powers_square[k - 1];
}

/* ---- Fp6 ---- */

/* Times 9 + u: what v^3 is. */
static void times_xi(struct fp2 *out, const struct fp2 *a)
{
    struct fp2 nine;
    struct fp high = a->b, low = a->a;
    fp2_add(&nine, a, a);
    fp2_add(&nine, &nine, &nine);
    fp2_add(&nine, &nine, &nine);
    fp2_add(&nine, &nine, a);
    fp_sub(&out->a, &nine.a, &high);
    fp_add(&out->b, &nine.b, &low);
}

static void fp6_add(struct fp6 *out, const struct fp6 *a, const struct fp6 *b)
{
    for (int i = 0; i < 3; i++)
        fp2_add(&out->c[i], &a->c[i], &b->c[i]);
}

static void fp6_sub(struct fp6 *out, const struct fp6 *a, const struct fp6 *b)
{
    for (int i = 0; i < 3; i++)
        fp2_sub(&out->c[i], &a->c[i], &b->c[i]);
}

static void fp6_neg(struct fp6 *out, const struct fp6 *a)
{
    for (int i = 0; i < 3; i++)
        fp2_neg(&out->c[i], &a->c[i]);
}

static void fp6_times_v(struct fp6 *out, const struct fp6 *a)
{
    struct fp2 last = a->c[2];
    out->c[2] = a->c[1];
    out->c[1] = a->c[0];
    times_xi(&out->c[0], &last);
}

/* (a_i + a_j)(b_i + b_j) - p_i - p_j: the cross products of Karatsuba. */
static void cross(struct fp2 *out, const struct fp6 *a, const struct fp6 *b, int i, int j,
                  const struct fp2 *pi, const struct fp2 *pj)
{
    struct fp2 x, y;
    fp2_add(&x, &a->c[i], &a->c[j]);
    fp2_add(&y, &b->c[i], &b->c[j]);
    fp2_mul(&x, &x, &y);
    fp2_sub(&x, &x, pi);
    fp2_sub(out, &x, pj);
}

static void fp6_mul(struct fp6 *out, const struct fp6 *a, const struct fp6 *b)
{
    struct fp2 p0, p1, p2, x01, x02, x12;
    fp2_mul(&p0, &a->c[0], &b->c[0]);
    fp2_mul(&p1, &a->c[1], &b->c[1]);
    fp2_mul(&p2, &a->c[2], &b->c[2]);
    cross(&x01, a, b, 0, 1, &p0, &p1);
    cross(&x02, a, b, 0, 2, &p0, &p2);
    cross(&x12, a, b, 1, 2, &p1, &p2);
    times_xi(&x12, &x12);
    fp2_add(&out->c[0], &p0, &x12);
    fp2_add(&out->c[2], &x02, &p1);
    times_xi(&p2, &p2);
    fp2_add(&out->c[1], &x01, &p2);
}

/* Times s + t v. */
static void fp6_mul_pair(struct fp6 *out, const struct fp6 *a, const struct fp2 *s,
                         const struct fp2 *t)
{
    struct fp2 p0, p1, x, y, low, high;
    fp2_mul(&p0, &a->c[0], s);
    fp2_mul(&p1, &a->c[1], t);
    fp2_add(&x, &a->c[0], &a->c[1]);
    fp2_add(&y, s, t);
    fp2_mul(&x, &x, &y);
    fp2_sub(&x, &x, &p0);
    fp2_sub(&x, &x, &p1);
    fp2_mul(&high, &a->c[2], t);
    fp2_mul(&low, &a->c[2], s);
    times_xi(&high, &high);
    fp2_add(&out->c[0], &p0, &high);
    out->c[1] = x;
    fp2_add(&out->c[2], &low, &p1);
}

static void fp6_inverse(struct fp6 *out, const struct fp6 *a)
{
    struct fp2 t0, t1, t2, x, norm;
    fp2_square(&t0, &a->c[0]);
    fp2_mul(&x, &a->c[1], &a->c[2]);
    times_xi(&x, &x);
    fp2_sub(&t0, &t0, &x); /* c0^2 - xi c1 c2 */
    fp2_square(&t1, &a->c[2]);
    times_xi(&t1, &t1);
    fp2_mul(&x, &a->c[0], &a->c[1]);
    fp2_sub(&t1, &t1, &x); /* xi c2^2 - c0 c1 */
    fp2_square(&t2, &a->c[1]);
    fp2_mul(&x, &a->c[0], &a->c[2]);
    fp2_sub(&t2, &t2, &x); /* c1^2 - c0 c2 */
    fp2_mul(&norm, &a->c[2], &t1);
    fp2_mul(&x, &a->c[1], &t2);
    fp2_add(&norm, &norm, &x);
    times_xi(&norm, &norm);
    fp2_mul(&x, &a->c[0], &t0);
    fp2_add(&norm, &norm, &x);
    fp2_inverse(&norm, &norm);
    fp2_mul(&out->c[0], &t0, &norm);
    fp2_mul(&out->c[1], &t1, &norm);
    fp2_mul(&out->c[2], &t2, &norm);
}

/* ---- Fp12 ---- */

bool fp12_is_one(const struct fp12 *a)
{
    if (!fp2_equal(&a->a.c[0], &FP2_ONE))
        return false;
    return fp2_is_zero(&a->a.c[1]) && fp2_is_zero(&a->a.c[2]) && fp2_is_zero(&a->b.c[0]) &&
           fp2_is_zero(&a->b.c[1]) && fp2_is_zero(&a->b.c[2]);
}

void fp12_mul(struct fp12 *out, const struct fp12 *a, const struct fp12 *b)
{
    struct fp6 low, high, x, y;
    fp6_mul(&low, &a->a, &b->a);
    fp6_mul(&high, &a->b, &b->b);
    fp6_add(&x, &a->a, &a->b);
    fp6_add(&y, &b->a, &b->b);
    fp6_mul(&x, &x, &y);
    fp6_sub(&x, &x, &low);
    fp6_sub(&out->b, &x, &high);
    fp6_times_v(&high, &high);
    fp6_add(&out->a, &low, &high);
}

/* (a + b w)^2: with m = ab, (a + b)(a + v b) - m - v m + 2 m w. */
void fp12_square(struct fp12 *out, const struct fp12 *a)
{
    struct fp6 m, x, y;
    fp6_mul(&m, &a->a, &a->b);
    fp6_add(&x, &a->a, &a->b);
    fp6_times_v(&y, &a->b);
    fp6_add(&y, &y, &a->a);
    fp6_mul(&x, &x, &y);
    fp6_sub(&x, &x, &m);
    fp6_add(&out->b, &m, &m);
    fp6_times_v(&m, &m);
    fp6_sub(&out->a, &x, &m);
}

/* 2 a b by squares alone: (a + b)^2 - a^2 - b^2. */
static void twice_product(struct fp2 *out, const struct fp2 *a, const struct fp2 *b,
                          const struct fp2 *aa, const struct fp2 *bb)
{
    struct fp2 sum;
    fp2_add(&sum, a, b);
    fp2_square(&sum, &sum);
    fp2_sub(&sum, &sum, aa);
    fp2_sub(out, &sum, bb);
}

/* 3 x - 2 y and 3 x + 2 y */
static void three_less_two(struct fp2 *out, const struct fp2 *x, const struct fp2 *y)
{
    struct fp2 t;
    fp2_sub(&t, x, y);
    fp2_add(&t, &t, &t);
    fp2_add(out, &t, x);
}

static void three_and_two(struct fp2 *out, const struct fp2 *x, const struct fp2 *y)
{
    struct fp2 t;
    fp2_add(&t, x, y);
    fp2_add(&t, &t, &t);
    fp2_add(out, &t, x);
}

void fp12_square_unitary(struct fp12 *out, const struct fp12 *a)
{
    const struct fp2 *x = a->a.c, *y = a->b.c;
    struct fp2 x0, x1, x2, y0, y1, y2, xy01, xy12, xy20, t;
    fp2_square(&x0, &x[0]);
    fp2_square(&x1, &x[1]);
    fp2_square(&x2, &x[2]);
    fp2_square(&y0, &y[0]);
    fp2_square(&y1, &y[1]);
    fp2_square(&y2, &y[2]);
    twice_product(&xy01, &x[0], &y[1], &x0, &y1);
    twice_product(&xy12, &x[1], &y[2], &x1, &y2);
    twice_product(&xy20, &x[2], &y[0], &x2, &y0);
    times_xi(&xy12, &xy12);
    times_xi(&t, &y1);
    fp2_add(&t, &t, &x0);
    three_less_two(&out->a.c[0], &t, &x[0]);
    times_xi(&t, &x2);
    fp2_add(&t, &t, &y0);
    three_less_two(&out->a.c[1], &t, &x[1]);
    times_xi(&t, &y2);
    fp2_add(&t, &t, &x1);
    three_less_two(&out->a.c[2], &t, &x[2]);
    three_and_two(&out->b.c[0], &xy12, &y[0]);
    three_and_two(&out->b.c[1], &xy01, &y[1]);
    three_and_two(&out->b.c[2], &xy20, &y[2]);
}

void fp12_mul_line(struct fp12 *out, const struct fp12 *a, const struct fp *y, const struct fp2 *s,
                   const struct fp2 *t)
{
    struct fp6 low, high, x;
    struct fp2 sum = *s;
    fp_add(&sum.a, &sum.a, y);
    fp6_add(&x, &a->a, &a->b);
    fp6_mul_pair(&x, &x, &sum, t);
    fp6_mul_pair(&high, &a->b, s, t);
    for (int i = 0; i < 3; i++)
        fp2_scale(&low.c[i], &a->a.c[i], y);
    fp6_sub(&x, &x, &low);
    fp6_sub(&out->b, &x, &high);
    fp6_times_v(&high, &high);
    fp6_add(&out->a, &low, &high);
}

void fp12_conjugate(struct fp12 *out, const struct fp12 *a)
{
    out->a = a->a;
    fp6_neg(&out->b, &a->b);
}

void fp12_inverse(struct fp12 *out, const struct fp12 *a)
{
    struct fp6 norm, x;
    fp6_mul(&norm, &a->a, &a->a);
    fp6_mul(&x, &a->b, &a->b);
    fp6_times_v(&x, &x);
    fp6_sub(&norm, &norm, &x);
    fp6_inverse(&norm, &norm);
    fp6_mul(&out->a, &a->a, &norm);
    fp6_mul(&out->b, &a->b, &norm);
    fp6_neg(&out->b, &out->b);
}

/* The coefficient of w^k, where v = w^2. */
static struct fp2 *coefficient(struct fp12 *a, unsigned k)
{
    return k % 2 == 0 ? &a->a.c[k / 2] : &a->b.c[k / 2];
}

void fp12_frobenius(struct fp12 *out, const struct fp12 *a)
{
    *out = *a;
    for (unsigned k = 0; k < 6; k++) {
        struct fp2 *c = coefficient(out, k);
        fp2_conjugate(c, c);
        if (k > 0)
            fp2_mul(c, c, &twist_powers[k - 1]);
    }
}

void fp12_frobenius_square(struct fp12 *out, const struct fp12 *a)
{
    *out = *a;
    for (unsigned k = 1; k < 6; k++) {
        struct fp2 *c = coefficient(out, k);
        fp2_scale(c, c, &twist_powers_square[k - 1]);
    }
}
