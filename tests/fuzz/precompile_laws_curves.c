/* Precompiles over bn254 and BLS12-381: laws of the groups, and multiples of the generators, whose
 * sums and products are known from their scalars. */
#include "les/eth/u256.h"
#include "tests/fuzz/precompile_laws.h"

enum { POINT_MAX = 256, SCALAR = 32, TERMS_MAX = 6, PAIRS_MAX = 4 };

struct group {
    enum evm_precompile add, mul; /* mul: of one point and one scalar */
    size_t fp_size, point_size;
    const char *modulus, *order, *generator; /* hex */
};

#define BLS_MODULUS                                                                                \
    "000000000000000000000000000000001a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0"     \
    "f6b0f6241eabfffeb153ffffb9feffffffffaaab"
#define BLS_ORDER "73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001"
#define PADDING   "00000000000000000000000000000000"

/* EIP-196, EIP-2537. */
static const struct group bn254_g1 = {
    EVM_BN254_ADD,
    EVM_BN254_MUL,
    32,
    64,
    "30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47",
    "30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001",
    "0000000000000000000000000000000000000000000000000000000000000001"
    "0000000000000000000000000000000000000000000000000000000000000002"};
static const struct group bls_g1 = {
    EVM_BLS_G1_ADD,
    EVM_BLS_G1_MSM,
    64,
    128,
    BLS_MODULUS,
    BLS_ORDER,
    PADDING "17f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3a"
            "f00adb22c6bb" PADDING
            "08b3f481e3aaa0f1a09e30ed741d8ae4fcf5e095d5d00af600db18cb2c04b3edd03cc744a2888ae40caa"
            "232946c5e7e1"};
static const struct group bls_g2 = {
    EVM_BLS_G2_ADD,
    EVM_BLS_G2_MSM,
    64,
    256,
    BLS_MODULUS,
    BLS_ORDER,
    PADDING "024aa2b2f08f0a91260805272dc51051c6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd480"
            "56c8c121bdb8" PADDING
            "13e02b6052719f607dacd3a088274f65596bd0d09920b61ab5da61bbdc7f5049334cf11213945d57e5ac"
            "7d055d042b7e" PADDING
            "0ce5d527727d6e118cc9cdc6da2e351aadfd9baa8cbdd3a76d429a695160d12c923ac9cc3baca289e193"
            "548608b82801" PADDING
            "0606c4a02ea734cc32acd2b02bc28b99cb3e287e85a763af267492ab572e99ab3f370d275cec1da1aaa9"
            "075ff05f79be"};
/* EIP-197: imaginary parts first. */
static const char bn254_g2_generator[] =
    "198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2"
    "1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed"
    "090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b"
    "12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa";
/* The secret of the KZG ceremony times the generator. */
static const char kzg_secret_g1[] =
    PADDING "0d3eb50121139aa34db1d545093ac9374ab7bca2c0f3bf28e27c8dcd8fc7cb42d25926fc0c97b336e9f0"
            "fb35e5a04c81" PADDING
            "17de623f59a3043952d2f637a935fae14b6dee8b255e526304963d58ab6f1a827c7de623d34d394f8a3d"
            "0f57d6e972b9";

static const struct group *group_of(enum evm_precompile id)
{
    if (id == EVM_BN254_ADD || id == EVM_BN254_MUL || id == EVM_BN254_PAIRING)
        return &bn254_g1;
    return id == EVM_BLS_G2_ADD || id == EVM_BLS_G2_MSM || id == EVM_BLS_MAP_FP2 ? &bls_g2
                                                                                 : &bls_g1;
}

static void from_hex(uint8_t *out, size_t size, const char *hex)
{
    ASSERT(hex_decode_exact(out, size, hex, strlen(hex)));
}

static struct u256 order_of(const struct group *group)
{
    uint8_t bytes[32];
    struct u256 order;
    from_hex(bytes, sizeof bytes, group->order);
    u256_from_be(&order, SPAN(bytes, sizeof bytes));
    return order;
}

static bool all_zero(const uint8_t *data, size_t size)
{
    while (size > 0 && data[size - 1] == 0)
        size--;
    return size == 0;
}

/* The modulus less element, in place; zero stays. */
static void fp_negate(const struct group *group, uint8_t *element)
{
    uint8_t modulus[64];
    unsigned borrow = 0;
    from_hex(modulus, group->fp_size, group->modulus);
    if (all_zero(element, group->fp_size))
        return;
    for (size_t i = group->fp_size; i-- > 0;) {
        unsigned digit = 256u + modulus[i] - element[i] - borrow;
        element[i] = (uint8_t)digit;
        borrow = digit < 256;
    }
    ASSERT(borrow == 0);
}

static void point_negate(const struct group *group, uint8_t *point)
{
    for (size_t at = group->point_size / 2; at < group->point_size; at += group->fp_size)
        fp_negate(group, point + at);
}

static void add(const struct laws *laws, const struct group *group, const uint8_t *a,
                const uint8_t *b, struct buf *output)
{
    uint8_t input[2 * POINT_MAX];
    memcpy(input, a, group->point_size);
    memcpy(input + group->point_size, b, group->point_size);
    laws_run(laws, group->add, SPAN(input, 2 * group->point_size), output);
}

static void mul(const struct laws *laws, const struct group *group, const uint8_t *point,
                const struct u256 *scalar, struct buf *output)
{
    uint8_t input[POINT_MAX + SCALAR];
    memcpy(input, point, group->point_size);
    u256_to_be32(input + group->point_size, scalar);
    laws_run(laws, group->mul, SPAN(input, group->point_size + SCALAR), output);
}

static void generator_times(const struct laws *laws, const struct group *group,
                            const struct u256 *scalar, struct buf *output)
{
    uint8_t generator[POINT_MAX];
    from_hex(generator, group->point_size, group->generator);
    mul(laws, group, generator, scalar, output);
}

/* ---- laws ---- */

void laws_check_add(const struct laws *laws, enum evm_precompile id, struct span input,
                    struct span output)
{
    const struct group *group = group_of(id);
    uint8_t a[POINT_MAX] = {0}, b[POINT_MAX] = {0};
    static const uint8_t infinity[POINT_MAX] = {0};
    size_t size = group->point_size, first = input.size < size ? input.size : size,
           second = input.size - first < size ? input.size - first : size;
    struct buf again = {0};
    ASSERT(output.size == size);
    if (first > 0)
        memcpy(a, input.data, first);
    if (second > 0)
        memcpy(b, input.data + first, second);
    add(laws, group, b, a, &again);
    ASSERT(span_equal(output, buf_span(&again)));
    buf_clear(&again);
    add(laws, group, output.data, infinity, &again);
    ASSERT(span_equal(output, buf_span(&again)));
    buf_clear(&again);
    point_negate(group, b);
    add(laws, group, output.data, b, &again); /* (a + b) - b */
    ASSERT(memcmp(a, again.data, size) == 0);
    buf_free(&again);
}

/* k * P + P = (k + 1) * P */
void laws_check_mul(const struct laws *laws, struct span input, struct span output)
{
    static const struct u256 one = {{1}};
    uint8_t padded[64 + SCALAR] = {0};
    struct u256 scalar;
    struct buf sum = {0}, next = {0};
    if (input.size > 0)
        memcpy(padded, input.data, input.size < sizeof padded ? input.size : sizeof padded);
    u256_from_be(&scalar, SPAN(padded + 64, SCALAR));
    if (u256_add(&scalar, &scalar, &one))
        return;
    add(laws, &bn254_g1, output.data, padded, &sum);
    mul(laws, &bn254_g1, padded, &scalar, &next);
    ASSERT(span_equal(buf_span(&sum), buf_span(&next)));
    buf_free(&sum);
    buf_free(&next);
}

/* Backwards it is the same, and the same as adding up one by one. */
void laws_check_msm(const struct laws *laws, enum evm_precompile id, struct span input,
                    struct span output)
{
    const struct group *group = group_of(id);
    size_t item = group->point_size + SCALAR;
    uint8_t sum[POINT_MAX] = {0};
    struct buf back = {0}, term = {0};
    if (input.size > TERMS_MAX * item)
        return;
    for (size_t at = input.size; at > 0; at -= item)
        buf_add(&back, input.data + at - item, item);
    laws_expect(laws, id, buf_span(&back), output);
    for (size_t at = 0; at < input.size; at += item) {
        buf_clear(&term);
        laws_run(laws, id, SPAN(input.data + at, item), &term);
        add(laws, group, term.data, sum, &term);
        memcpy(sum, term.data + group->point_size, group->point_size);
    }
    ASSERT(span_equal(output, SPAN(sum, group->point_size)));
    buf_free(&back);
    buf_free(&term);
}

/* Backwards it is the same; with the inverse of every pair it is one. */
void laws_check_pairing(const struct laws *laws, enum evm_precompile id, struct span input,
                        struct span output)
{
    static const uint8_t one[32] = {[31] = 1};
    const struct group *group = group_of(id);
    size_t item = 3 * group->point_size;
    struct buf back = {0};
    ASSERT(output.size == 32 && all_zero(output.data, 31) && output.data[31] <= 1);
    if (input.size > PAIRS_MAX * item)
        return;
    for (size_t at = input.size; at > 0; at -= item)
        buf_add(&back, input.data + at - item, item);
    laws_expect(laws, id, buf_span(&back), output);
    for (size_t at = 0; at < input.size; at += item)
        point_negate(group, back.data + at);
    buf_add_span(&back, input);
    if (back.size > 0)
        laws_expect(laws, id, buf_span(&back), SPAN(one, 32));
    buf_free(&back);
}

/* The point is in the subgroup, which only a multiplication asks for; and -u goes to its inverse.
 */
void laws_check_map(const struct laws *laws, enum evm_precompile id, struct span input,
                    struct span output)
{
    static const struct u256 one = {{1}};
    const struct group *group = group_of(id);
    uint8_t element[128], wanted[POINT_MAX];
    struct buf same = {0};
    ASSERT(output.size == group->point_size && input.size <= sizeof element);
    mul(laws, group, output.data, &one, &same);
    ASSERT(span_equal(output, buf_span(&same)));
    buf_free(&same);
    if (all_zero(input.data, input.size))
        return;
    memcpy(element, input.data, input.size);
    memcpy(wanted, output.data, output.size);
    for (size_t at = 0; at < input.size; at += group->fp_size)
        fp_negate(group, element + at);
    point_negate(group, wanted);
    laws_expect(laws, id, SPAN(element, input.size), SPAN(wanted, output.size));
}

/* ---- KZG ---- */

static void versioned_hash(uint8_t *input)
{
    struct hash32 hash;
    sha256(&hash, SPAN(input + 96, 48));
    hash.bytes[0] = 1;
    memcpy(input, hash.bytes, 32);
}

/* One value belongs to a point: -p has -y there, and p has no other. */
void laws_check_kzg(const struct laws *laws, struct span input)
{
    static const struct u256 one = {{1}}, zero = {{0}};
    uint8_t other[193] = {0};
    struct u256 order = order_of(&bls_g1), y;
    struct buf output = {0};
    ASSERT(input.size == 192);
    memcpy(other, input.data, 192);
    laws_expect_failure(laws, EVM_KZG_POINT, SPAN(other, 193));
    laws_expect_failure(laws, EVM_KZG_POINT, SPAN(other, 191));
    u256_from_be(&y, SPAN(other + 64, 32));
    u256_addmod(&y, &y, &one, &order);
    u256_to_be32(other + 64, &y);
    laws_expect_failure(laws, EVM_KZG_POINT, SPAN(other, 192));
    u256_from_be(&y, SPAN(input.data + 64, 32));
    (void)u256_sub(&y, &order, &y);
    u256_addmod(&y, &y, &zero, &order);
    u256_to_be32(other + 64, &y);
    for (size_t at = 96; at < 192; at += 48)
        if ((other[at] & 0x40) == 0) /* not infinity */
            other[at] ^= 0x20;
    versioned_hash(other);
    laws_run(laws, EVM_KZG_POINT, SPAN(other, 192), &output);
    buf_free(&output);
}

static struct u256 scalar_from(struct span seed, size_t index, const struct u256 *order)
{
    uint8_t bytes[SCALAR] = {0};
    struct u256 scalar;
    size_t at = index * SCALAR;
    if (at < seed.size)
        memcpy(bytes, seed.data + at, seed.size - at < SCALAR ? seed.size - at : SCALAR);
    u256_from_be(&scalar, SPAN(bytes, SCALAR));
    u256_mod(&scalar, &scalar, order);
    return scalar;
}

static void compress(uint8_t out[48], const uint8_t point[128])
{
    uint8_t y[64];
    memcpy(y, point + 64, 64);
    fp_negate(&bls_g1, y);
    memcpy(out, point + 16, 48);
    if (all_zero(point, 128))
        out[0] = 0xc0;
    else
        out[0] |= memcmp(point + 64, y, 64) > 0 ? 0xa0 : 0x80;
}

/* p(x) = slope * x + constant; the proof is the quotient (p(x) - p(z)) / (x - z) = slope. */
void laws_make_kzg(const struct laws *laws, struct span seed, struct buf *input, struct buf *wanted)
{
    struct u256 order = order_of(&bls_g1), slope = scalar_from(seed, 0, &order),
                constant = scalar_from(seed, 1, &order), z = scalar_from(seed, 2, &order), y;
    uint8_t secret[128], bytes[192] = {0};
    struct buf points = {0};
    from_hex(secret, sizeof secret, kzg_secret_g1);
    mul(laws, &bls_g1, secret, &slope, &points);
    generator_times(laws, &bls_g1, &constant, &points);
    generator_times(laws, &bls_g1, &slope, &points);
    add(laws, &bls_g1, points.data, points.data + 128, &points);
    u256_mulmod(&y, &slope, &z, &order);
    u256_addmod(&y, &y, &constant, &order);
    u256_to_be32(bytes + 32, &z);
    u256_to_be32(bytes + 64, &y);
    compress(bytes + 96, points.data + 384);
    compress(bytes + 144, points.data + 256);
    versioned_hash(bytes);
    buf_add(input, bytes, sizeof bytes);
    u256_to_be32(bytes, &(struct u256){{4096}});
    buf_add(wanted, bytes, 32);
    u256_to_be32(bytes, &order);
    buf_add(wanted, bytes, 32);
    buf_free(&points);
}

/* ---- multiples of the generators ---- */

static void make_sum(const struct laws *laws, const struct group *group, struct span seed,
                     struct buf *input, struct buf *wanted)
{
    struct u256 order = order_of(group), a = scalar_from(seed, 0, &order),
                b = scalar_from(seed, 1, &order);
    generator_times(laws, group, &a, input);
    generator_times(laws, group, &b, input);
    u256_addmod(&a, &a, &b, &order);
    generator_times(laws, group, &a, wanted);
}

static void make_product(const struct laws *laws, const struct group *group, size_t terms,
                         struct span seed, struct buf *input, struct buf *wanted)
{
    struct u256 order = order_of(group), total = {{0}};
    for (size_t i = 0; i < terms; i++) {
        struct u256 a = scalar_from(seed, 2 * i, &order), b = scalar_from(seed, 2 * i + 1, &order);
        uint8_t scalar[SCALAR];
        generator_times(laws, group, &a, input);
        u256_to_be32(scalar, &b);
        buf_add(input, scalar, SCALAR);
        u256_mulmod(&a, &a, &b, &order);
        u256_addmod(&total, &total, &a, &order);
    }
    generator_times(laws, group, &total, wanted);
}

/* e(a G1, b G2) * e(-ab G1, G2) = 1. On bn254 nothing multiplies in G2: e(a G1, G2) * e(b G1, G2) *
 * e(-(a + b) G1, G2). */
static void make_pairs(const struct laws *laws, const struct group *group, struct span seed,
                       struct buf *input, struct buf *wanted)
{
    static const uint8_t one[32] = {[31] = 1};
    uint8_t g2[POINT_MAX];
    struct u256 order = order_of(group), a = scalar_from(seed, 0, &order),
                b = scalar_from(seed, 1, &order);
    bool bls = group == &bls_g1;
    size_t g2_size = 2 * group->point_size;
    from_hex(g2, g2_size, bls ? bls_g2.generator : bn254_g2_generator);
    generator_times(laws, group, &a, input);
    if (bls) {
        generator_times(laws, &bls_g2, &b, input);
        u256_mulmod(&a, &a, &b, &order);
    } else {
        buf_add(input, g2, g2_size);
        generator_times(laws, group, &b, input);
        buf_add(input, g2, g2_size);
        u256_addmod(&a, &a, &b, &order);
    }
    size_t at = input->size;
    generator_times(laws, group, &a, input);
    point_negate(group, input->data + at);
    buf_add(input, g2, g2_size);
    buf_add(wanted, one, sizeof one);
}

void laws_make_points(const struct laws *laws, enum evm_precompile id, struct span seed,
                      struct buf *input, struct buf *wanted)
{
    const struct group *group = group_of(id);
    size_t terms = 1 + seed.size / (2 * SCALAR);
    if (id == group->add)
        make_sum(laws, group, seed, input, wanted);
    else if (id == EVM_BN254_MUL)
        make_product(laws, group, 1, seed, input, wanted);
    else if (id == group->mul)
        make_product(laws, group, terms < TERMS_MAX ? terms : TERMS_MAX, seed, input, wanted);
    else
        make_pairs(laws, group, seed, input, wanted);
}
