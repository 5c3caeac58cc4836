/* BLS12-381 (EIP-2537), computed by blst. Points come as x || y, each coordinate of the field as 64
 * bytes big endian, the point at infinity as zeros. An addition takes any point of the curve;
 * multiplication and pairing want points of the subgroup. */
#include "les/evm/pre_curves.h"

#include <blst.h>

enum { FP = 64, FP_PADDING = 16, G1 = 2 * FP, G2 = 4 * FP, SCALAR = 32 };
/* The order of the subgroup has 255 bits. */
enum { SCALAR_BITS = 255 };
/* Pairs whose Miller loops share their squarings. */
enum { PAIRS_MAX = 16 };

/* ---- reading and writing ---- */

static bool fp_read(blst_fp *out, const uint8_t *in)
{
    static const uint8_t zeros[FP_PADDING] = {0};
    static const uint8_t modulus[FP - FP_PADDING] = {
        0x1a, 0x01, 0x11, 0xea, 0x39, 0x7f, 0xe6, 0x9a, 0x4b, 0x1b, 0xa7, 0xb6,
        0x43, 0x4b, 0xac, 0xd7, 0x64, 0x77, 0x4b, 0x84, 0xf3, 0x85, 0x12, 0xbf,
        0x67, 0x30, 0xd2, 0xa0, 0xf6, 0xb0, 0xf6, 0x24, 0x1e, 0xab, 0xff, 0xfe,
        0xb1, 0x53, 0xff, 0xff, 0xb9, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xaa, 0xab};
    if (memcmp(in, zeros, sizeof zeros) != 0 ||
        memcmp(in + FP_PADDING, modulus, sizeof modulus) >= 0)
        return false;
    blst_fp_from_bendian(out, in + FP_PADDING);
    return true;
}

static bool fp2_read(blst_fp2 *out, const uint8_t *in)
{
    return fp_read(&out->fp[0], in) && fp_read(&out->fp[1], in + FP);
}

static void fp_write(struct buf *output, const blst_fp *in)
{
    uint8_t bytes[FP] = {0};
    blst_bendian_from_fp(bytes + FP_PADDING, in);
    buf_add(output, bytes, sizeof bytes);
}

/* blst has infinity as (0, 0) too, and counts it as on the curve and in the group. */
static bool g1_read(blst_p1_affine *out, const uint8_t *in)
{
    return fp_read(&out->x, in) && fp_read(&out->y, in + FP) && blst_p1_affine_on_curve(out);
}

static bool g2_read(blst_p2_affine *out, const uint8_t *in)
{
    return fp2_read(&out->x, in) && fp2_read(&out->y, in + 2 * FP) && blst_p2_affine_on_curve(out);
}

static bool g1_read_in_group(blst_p1_affine *out, const uint8_t *in)
{
    return g1_read(out, in) && blst_p1_affine_in_g1(out);
}

static bool g2_read_in_group(blst_p2_affine *out, const uint8_t *in)
{
    return g2_read(out, in) && blst_p2_affine_in_g2(out);
}

static void g1_write(struct buf *output, const blst_p1 *in)
{
    blst_p1_affine point;
    blst_p1_to_affine(&point, in);
    fp_write(output, &point.x);
    fp_write(output, &point.y);
}

static void g2_write(struct buf *output, const blst_p2 *in)
{
    blst_p2_affine point;
    blst_p2_to_affine(&point, in);
    fp_write(output, &point.x.fp[0]);
    fp_write(output, &point.x.fp[1]);
    fp_write(output, &point.y.fp[0]);
    fp_write(output, &point.y.fp[1]);
}

/* Reduced modulo the order, which changes nothing for points of the subgroup. */
static void scalar_read(blst_scalar *out, const uint8_t *in)
{
    (void)blst_scalar_from_be_bytes(out, in, SCALAR); /* false only says that it is zero */
}

/* ---- addition ---- */

bool evm_bls_g1_add(struct span input, struct buf *output)
{
    blst_p1_affine a, b;
    blst_p1 sum;
    if (input.size != 2 * G1 || !g1_read(&a, input.data) || !g1_read(&b, input.data + G1))
        return false;
    blst_p1_from_affine(&sum, &a);
    blst_p1_add_or_double_affine(&sum, &sum, &b);
    g1_write(output, &sum);
    return true;
}

bool evm_bls_g2_add(struct span input, struct buf *output)
{
    blst_p2_affine a, b;
    blst_p2 sum;
    if (input.size != 2 * G2 || !g2_read(&a, input.data) || !g2_read(&b, input.data + G2))
        return false;
    blst_p2_from_affine(&sum, &a);
    blst_p2_add_or_double_affine(&sum, &sum, &b);
    g2_write(output, &sum);
    return true;
}

/* ---- sums of products ---- */

/* Scalars and the addresses of points and scalars, as Pippenger's algorithm takes them; points at
 * infinity are left out. */
struct terms {
    size_t count;
    blst_scalar *scalars;
    const byte **scalars_at;
    void *points;
    const void **points_at;
};

static void terms_init(struct terms *terms, size_t max, size_t point_size)
{
    terms->count = 0;
    terms->scalars = mem_alloc(max * sizeof(*terms->scalars));
    terms->scalars_at = mem_alloc(max * sizeof(*terms->scalars_at));
    terms->points = mem_alloc(max * point_size);
    terms->points_at = mem_alloc(max * sizeof(*terms->points_at));
}

static void terms_free(struct terms *terms)
{
    mem_free(terms->scalars);
    mem_free(terms->scalars_at);
    mem_free(terms->points);
    mem_free(terms->points_at);
}

static void terms_take(struct terms *terms, const void *point, const uint8_t *scalar)
{
    size_t at = terms->count++;
    scalar_read(&terms->scalars[at], scalar);
    terms->scalars_at[at] = terms->scalars[at].b;
    terms->points_at[at] = point;
}

static bool g1_terms(struct terms *terms, struct span input)
{
    blst_p1_affine *points = terms->points;
    for (size_t at = 0; at < input.size; at += G1 + SCALAR) {
        blst_p1_affine *point = &points[terms->count];
        if (!g1_read_in_group(point, input.data + at))
            return false;
        if (!blst_p1_affine_is_inf(point))
            terms_take(terms, point, input.data + at + G1);
    }
    return true;
}

static bool g2_terms(struct terms *terms, struct span input)
{
    blst_p2_affine *points = terms->points;
    for (size_t at = 0; at < input.size; at += G2 + SCALAR) {
        blst_p2_affine *point = &points[terms->count];
        if (!g2_read_in_group(point, input.data + at))
            return false;
        if (!blst_p2_affine_is_inf(point))
            terms_take(terms, point, input.data + at + G2);
    }
    return true;
}

static void g1_sum(blst_p1 *out, const struct terms *terms)
{
    memset(out, 0, sizeof *out);
    if (terms->count == 1) {
        blst_p1_from_affine(out, terms->points_at[0]);
        blst_p1_mult(out, out, terms->scalars_at[0], SCALAR_BITS);
    } else if (terms->count > 1) {
        limb_t *scratch = mem_alloc(blst_p1s_mult_pippenger_scratch_sizeof(terms->count));
        blst_p1s_mult_pippenger(out, (const blst_p1_affine *const *)terms->points_at, terms->count,
                                terms->scalars_at, SCALAR_BITS, scratch);
        mem_free(scratch);
    }
}

static void g2_sum(blst_p2 *out, const struct terms *terms)
{
    memset(out, 0, sizeof *out);
    if (terms->count == 1) {
        blst_p2_from_affine(out, terms->points_at[0]);
        blst_p2_mult(out, out, terms->scalars_at[0], SCALAR_BITS);
    } else if (terms->count > 1) {
        limb_t *scratch = mem_alloc(blst_p2s_mult_pippenger_scratch_sizeof(terms->count));
        blst_p2s_mult_pippenger(out, (const blst_p2_affine *const *)terms->points_at, terms->count,
                                terms->scalars_at, SCALAR_BITS, scratch);
        mem_free(scratch);
    }
}

bool evm_bls_g1_msm(struct span input, struct buf *output)
{
    if (input.size == 0 || input.size % (G1 + SCALAR) != 0)
        return false;
    struct terms terms;
    blst_p1 sum;
    terms_init(&terms, input.size / (G1 + SCALAR), sizeof(blst_p1_affine));
    bool good = g1_terms(&terms, input);
    if (good) {
        g1_sum(&sum, &terms);
        g1_write(output, &sum);
    }
    terms_free(&terms);
    return good;
}

bool evm_bls_g2_msm(struct span input, struct buf *output)
{
    if (input.size == 0 || input.size % (G2 + SCALAR) != 0)
        return false;
    struct terms terms;
    blst_p2 sum;
    terms_init(&terms, input.size / (G2 + SCALAR), sizeof(blst_p2_affine));
    bool good = g2_terms(&terms, input);
    if (good) {
        g2_sum(&sum, &terms);
        g2_write(output, &sum);
    }
    terms_free(&terms);
    return good;
}

/* ---- pairing ---- */

struct pairs {
    size_t count;
    blst_p1_affine p[PAIRS_MAX];
    blst_p2_affine q[PAIRS_MAX];
    blst_fp12 product;
};

static void pairs_multiply(struct pairs *pairs)
{
    const blst_p1_affine *ps[PAIRS_MAX];
    const blst_p2_affine *qs[PAIRS_MAX];
    blst_fp12 factor;
    if (pairs->count == 0)
        return;
    for (size_t i = 0; i < pairs->count; i++) {
        ps[i] = &pairs->p[i];
        qs[i] = &pairs->q[i];
    }
    blst_miller_loop_n(&factor, qs, ps, pairs->count);
    blst_fp12_mul(&pairs->product, &pairs->product, &factor);
    pairs->count = 0;
}

/* A pair with infinity in it is a factor of one; its other half is checked all the same. */
bool evm_bls_pairing(struct span input, struct buf *output)
{
    uint8_t word[32] = {0};
    struct pairs pairs = {.product = *blst_fp12_one()};
    if (input.size == 0 || input.size % (G1 + G2) != 0)
        return false;
    for (size_t at = 0; at < input.size; at += G1 + G2) {
        blst_p1_affine *p = &pairs.p[pairs.count];
        blst_p2_affine *q = &pairs.q[pairs.count];
        if (!g1_read_in_group(p, input.data + at) || !g2_read_in_group(q, input.data + at + G1))
            return false;
        if (blst_p1_affine_is_inf(p) || blst_p2_affine_is_inf(q))
            continue;
        if (++pairs.count == PAIRS_MAX)
            pairs_multiply(&pairs);
    }
    pairs_multiply(&pairs);
    blst_final_exp(&pairs.product, &pairs.product);
    word[31] = blst_fp12_is_one(&pairs.product);
    buf_add(output, word, sizeof word);
    return true;
}

/* ---- from the field to the curve ---- */

bool evm_bls_map_fp(struct span input, struct buf *output)
{
    blst_fp element;
    blst_p1 point;
    if (input.size != FP || !fp_read(&element, input.data))
        return false;
    blst_map_to_g1(&point, &element, NULL);
    g1_write(output, &point);
    return true;
}

bool evm_bls_map_fp2(struct span input, struct buf *output)
{
    blst_fp2 element;
    blst_p2 point;
    if (input.size != 2 * FP || !fp2_read(&element, input.data))
        return false;
    blst_map_to_g2(&point, &element, NULL);
    g2_write(output, &point);
    return true;
}
