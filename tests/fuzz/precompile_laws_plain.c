/* Precompiles over no pairing curve. Second ways: OpenSSL's numbers and digests, BLAKE2b as RFC
 * 7693 writes it. */
#include "les/eth/u256.h"
#include "tests/fuzz/precompile_laws.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>

static void take(uint8_t *out, size_t size, struct span from, size_t offset)
{
    for (size_t i = 0; i < size; i++)
        out[i] = offset + i < from.size ? from.data[offset + i] : 0;
}

/* ---- ecrecover ---- */

static void negated_s(uint8_t s[32])
{
    struct u256 order, number;
    ASSERT(u256_parse_hex(
        &order, SPAN_STR("0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141")));
    u256_from_be(&number, SPAN(s, 32));
    (void)u256_sub(&number, &order, &number);
    u256_to_be32(s, &number);
}

/* (r, s) and (r, -s) are signatures of the same key, with the other parity. */
void laws_check_ecrecover(const struct laws *laws, struct span input, struct span output)
{
    static const uint8_t zeros[12] = {0};
    uint8_t other[128];
    if (output.size == 0)
        return;
    ASSERT(output.size == 32 && memcmp(output.data, zeros, sizeof zeros) == 0);
    take(other, sizeof other, input, 0);
    other[63] ^= 27 ^ 28;
    negated_s(other + 96);
    laws_expect(laws, EVM_ECRECOVER, SPAN(other, sizeof other), output);
}

void laws_make_ecrecover(const struct laws *laws, struct span seed, struct buf *input,
                         struct buf *wanted)
{
    struct seckey32 secret;
    struct hash32 digest;
    struct pubkey64 key;
    struct address20 address;
    struct sig65 sig;
    uint8_t word[32] = {0};
    take(secret.bytes, 32, seed, 0);
    take(digest.bytes, 32, seed, 32);
    if (!crypto_seckey_valid(laws->crypto, &secret))
        return;
    crypto_pubkey(laws->crypto, &key, &secret);
    crypto_address(&address, &key);
    crypto_sign(laws->crypto, &sig, &digest, &secret);
    word[31] = (uint8_t)(27 + sig.bytes[64]);
    buf_add(input, digest.bytes, 32);
    buf_add(input, word, 32);
    buf_add(input, sig.bytes, 64);
    word[31] = 0;
    buf_add(wanted, word, 12);
    buf_add(wanted, address.bytes, 20);
}

/* ---- digests ---- */

void laws_check_hash(enum evm_precompile id, struct span input, struct span output)
{
    uint8_t digest[EVP_MAX_MD_SIZE], word[32] = {0};
    unsigned size;
    const EVP_MD *algorithm = id == EVM_SHA256 ? EVP_sha256() : EVP_ripemd160();
    ASSERT(EVP_Digest(input.data, input.size, digest, &size, algorithm, NULL) == 1);
    memcpy(word + 32 - size, digest, size);
    ASSERT(span_equal(output, SPAN(word, sizeof word)));
}

/* ---- modexp ---- */

enum { LENGTH_MAX = 512 };

static BIGNUM *number_at(struct span input, size_t offset, size_t size)
{
    uint8_t bytes[LENGTH_MAX];
    take(bytes, size, input, offset);
    return BN_bin2bn(bytes, (int)size, NULL);
}

static bool length_at(size_t *out, struct span input, size_t offset)
{
    uint8_t word[32];
    struct u256 length;
    take(word, sizeof word, input, offset);
    u256_from_be(&length, SPAN(word, sizeof word));
    *out = (size_t)length.words[0];
    return u256_fits_u64(&length) && length.words[0] <= LENGTH_MAX;
}

void laws_check_modexp(struct span input, struct span output)
{
    size_t base_size, exponent_size, size;
    uint8_t wanted[LENGTH_MAX];
    if (!length_at(&base_size, input, 0) || !length_at(&exponent_size, input, 32) ||
        !length_at(&size, input, 64))
        return;
    BN_CTX *context = BN_CTX_new();
    BIGNUM *base = number_at(input, 96, base_size),
           *exponent = number_at(input, 96 + base_size, exponent_size),
           *modulus = number_at(input, 96 + base_size + exponent_size, size), *result = BN_new();
    if (BN_is_zero(modulus))
        BN_zero(result);
    else
        ASSERT(BN_mod_exp(result, base, exponent, modulus, context) == 1);
    ASSERT(BN_bn2binpad(result, wanted, (int)size) == (int)size);
    ASSERT(span_equal(output, SPAN(wanted, size)));
    BN_free(base);
    BN_free(exponent);
    BN_free(modulus);
    BN_free(result);
    BN_CTX_free(context);
}

/* Lengths of one byte each, then the numbers. */
void laws_make_modexp(struct span seed, struct buf *input)
{
    uint8_t lengths[3], word[32] = {0};
    take(lengths, sizeof lengths, seed, 0);
    for (size_t i = 0; i < 3; i++) {
        word[31] = lengths[i] % 65;
        buf_add(input, word, sizeof word);
    }
    if (seed.size > 3)
        buf_add(input, seed.data + 3, seed.size - 3);
}

/* ---- blake2f ---- */

static uint64_t little_endian(const uint8_t *data)
{
    uint64_t value = 0;
    for (unsigned i = 8; i-- > 0;)
        value = value << 8 | data[i];
    return value;
}

static uint64_t rotated(uint64_t value, unsigned bits)
{
    return value >> bits | value << (64 - bits);
}

/* RFC 7693, 3.1. */
static void mix(uint64_t v[16], size_t a, size_t b, size_t c, size_t d, uint64_t x, uint64_t y)
{
    v[a] = v[a] + v[b] + x;
    v[d] = rotated(v[d] ^ v[a], 32);
    v[c] = v[c] + v[d];
    v[b] = rotated(v[b] ^ v[c], 24);
    v[a] = v[a] + v[b] + y;
    v[d] = rotated(v[d] ^ v[a], 16);
    v[c] = v[c] + v[d];
    v[b] = rotated(v[b] ^ v[c], 63);
}

static void rounds_of(uint64_t v[16], const uint64_t m[16], uint64_t rounds)
{
    static const char sigma[10][17] = {"0123456789abcdef", "ea489fd61c02b753", "b8c052fdae367194",
                                       "7931dcbe265a40f8", "905724afe1bc683d", "2c6a0b834d75fe19",
                                       "c51fed4a0763928b", "db7ec13950f4862a", "6fe9b308c2d714a5",
                                       "a2847615fb9e3cd0"};
    static const uint8_t columns[8][4] = {{0, 4, 8, 12},  {1, 5, 9, 13},  {2, 6, 10, 14},
                                          {3, 7, 11, 15}, {0, 5, 10, 15}, {1, 6, 11, 12},
                                          {2, 7, 8, 13},  {3, 4, 9, 14}};
    for (uint64_t round = 0; round < rounds; round++)
        for (unsigned i = 0; i < 8; i++) {
            uint64_t words[2];
            for (unsigned j = 0; j < 2; j++) {
                char digit = sigma[round % 10][2 * i + j];
                words[j] = m[digit <= '9' ? digit - '0' : digit - 'a' + 10];
            }
            mix(v, columns[i][0], columns[i][1], columns[i][2], columns[i][3], words[0], words[1]);
        }
}

void laws_check_blake2f(struct span input, struct span output)
{
    static const uint64_t iv[8] = {0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b,
                                   0xa54ff53a5f1d36f1, 0x510e527fade682d1, 0x9b05688c2b3e6c1f,
                                   0x1f83d9abfb41bd6b, 0x5be0cd19137e2179};
    uint64_t h[8], m[16], v[16];
    ASSERT(input.size == 213 && output.size == 64);
    for (unsigned i = 0; i < 8; i++)
        h[i] = little_endian(input.data + 4 + 8 * i);
    for (unsigned i = 0; i < 16; i++)
        m[i] = little_endian(input.data + 68 + 8 * i);
    for (unsigned i = 0; i < 8; i++) {
        v[i] = h[i];
        v[i + 8] = iv[i];
    }
    v[12] ^= little_endian(input.data + 196);
    v[13] ^= little_endian(input.data + 204);
    v[14] ^= input.data[212] == 1 ? UINT64_MAX : 0;
    rounds_of(v, m, be_read(input.data, 4));
    for (unsigned i = 0; i < 8; i++)
        ASSERT(little_endian(output.data + 8 * i) == (h[i] ^ v[i] ^ v[i + 8]));
}

void laws_make_blake2f(struct span seed, struct buf *input)
{
    uint8_t bytes[213] = {0};
    take(bytes + 3, sizeof bytes - 3, seed, 0); /* up to 255 rounds */
    bytes[212] &= 1;
    buf_add(input, bytes, sizeof bytes);
}

/* ---- P-256 ---- */

static const char p256_order[] =
    "0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

/* (r, -s) is a signature too. */
void laws_check_p256(const struct laws *laws, struct span input, struct span output)
{
    uint8_t other[160];
    struct u256 order, s;
    if (output.size == 0)
        return;
    ASSERT(input.size == sizeof other && output.size == 32 && output.data[31] == 1);
    memcpy(other, input.data, sizeof other);
    ASSERT(u256_parse_hex(&order, SPAN_STR(p256_order)));
    u256_from_be(&s, SPAN(other + 64, 32));
    (void)u256_sub(&s, &order, &s);
    u256_to_be32(other + 64, &s);
    laws_expect(laws, EVM_P256_VERIFY, SPAN(other, sizeof other), output);
}

static BIGNUM *scalar_from(struct span seed, size_t offset, const BIGNUM *order, BN_CTX *context)
{
    uint8_t bytes[32];
    take(bytes, sizeof bytes, seed, offset);
    BIGNUM *scalar = BN_bin2bn(bytes, sizeof bytes, NULL);
    ASSERT(BN_nnmod(scalar, scalar, order, context) == 1);
    if (BN_is_zero(scalar))
        ASSERT(BN_one(scalar) == 1);
    return scalar;
}

/* A signature without a nonce: for any a and b, with R = a * G + b * Q, is r = x(R), s = r / b one
 * of the digest a * s under Q. */
void laws_make_p256(struct span seed, struct buf *input, struct buf *wanted)
{
    uint8_t bytes[160] = {0}, word[32] = {[31] = 1}, point[65];
    BN_CTX *context = BN_CTX_new();
    EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    const BIGNUM *order = EC_GROUP_get0_order(group);
    BIGNUM *d = scalar_from(seed, 0, order, context), *a = scalar_from(seed, 32, order, context),
           *b = scalar_from(seed, 64, order, context), *r = BN_new(), *s = BN_new();
    EC_POINT *key = EC_POINT_new(group), *sum = EC_POINT_new(group);
    ASSERT(EC_POINT_mul(group, key, d, NULL, NULL, context) == 1);
    ASSERT(EC_POINT_mul(group, sum, a, key, b, context) == 1);
    if (EC_POINT_is_at_infinity(group, sum) == 0) {
        ASSERT(EC_POINT_get_affine_coordinates(group, sum, r, NULL, context) == 1);
        ASSERT(BN_nnmod(r, r, order, context) == 1);
        ASSERT(BN_mod_inverse(s, b, order, context) != NULL);
        ASSERT(BN_mod_mul(s, r, s, order, context) == 1);
        ASSERT(BN_mod_mul(a, a, s, order, context) == 1);
        ASSERT(EC_POINT_point2oct(group, key, POINT_CONVERSION_UNCOMPRESSED, point, 65, context) ==
               65);
        ASSERT(BN_bn2binpad(a, bytes, 32) == 32 && BN_bn2binpad(r, bytes + 32, 32) == 32 &&
               BN_bn2binpad(s, bytes + 64, 32) == 32);
        memcpy(bytes + 96, point + 1, 64);
        buf_add(input, bytes, sizeof bytes);
        if (!BN_is_zero(r))
            buf_add(wanted, word, sizeof word);
    }
    EC_POINT_free(key);
    EC_POINT_free(sum);
    BN_free(d);
    BN_free(a);
    BN_free(b);
    BN_free(r);
    BN_free(s);
    EC_GROUP_free(group);
    BN_CTX_free(context);
}
