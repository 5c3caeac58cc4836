#include "les/eth/u256.h"

#include "les/eth/u256_inline.h"

#define WIDE u256_wide

/* ---- comparing and measuring ---- */

int u256_compare(const struct u256 *a, const struct u256 *b)
{
    for (int i = 3; i >= 0; i--)
        if (a->words[i] != b->words[i])
            return a->words[i] < b->words[i] ? -1 : 1;
    return 0;
}

unsigned u256_bit_length(const struct u256 *a)
{
    for (int i = 3; i >= 0; i--)
        if (a->words[i] != 0)
            return (unsigned)i * 64 + 64 - (unsigned)__builtin_clzll(a->words[i]);
    return 0;
}

unsigned u256_byte_length(const struct u256 *a)
{
    return (u256_bit_length(a) + 7) / 8;
}

static bool is_negative(const struct u256 *a)
{
    return a->words[3] >> 63 != 0;
}

int u256_scompare(const struct u256 *a, const struct u256 *b)
{
    if (is_negative(a) != is_negative(b))
        return is_negative(a) ? -1 : 1;
    return u256_compare(a, b);
}

/* ---- sums and products ---- */

bool u256_add(struct u256 *out, const struct u256 *a, const struct u256 *b)
{
    return u256_add_inline(out, a, b);
}

bool u256_sub(struct u256 *out, const struct u256 *a, const struct u256 *b)
{
    return u256_sub_inline(out, a, b);
}

static void negate(struct u256 *out, const struct u256 *a)
{
    static const struct u256 zero = {{0, 0, 0, 0}};
    (void)u256_sub(out, &zero, a);
}

static void multiply_wide(uint64_t out[8], const struct u256 *a, const struct u256 *b)
{
    memset(out, 0, 8 * sizeof out[0]);
    for (int i = 0; i < 4; i++) {
        uint64_t carry = 0;
        for (int j = 0; j < 4; j++) {
            WIDE t = (WIDE)a->words[i] * b->words[j] + out[i + j] + carry;
            out[i + j] = (uint64_t)t;
            carry = (uint64_t)(t >> 64);
        }
        out[i + 4] = carry;
    }
}

bool u256_mul(struct u256 *out, const struct u256 *a, const struct u256 *b)
{
    uint64_t product[8];
    multiply_wide(product, a, b);
    memcpy(out->words, product, sizeof out->words);
    return (product[4] | product[5] | product[6] | product[7]) != 0;
}

/* ---- quotients: Knuth, The Art of Computer Programming 2, 4.3.1, algorithm D ---- */

static size_t words_used(const uint64_t *words, size_t count)
{
    while (count > 0 && words[count - 1] == 0)
        count--;
    return count;
}

/* Division by multiplication: Moeller and Granlund, Improved division by invariant integers (2011).
 * d is normalised: its highest bit is set. The result is floor((2^128 - 1) / d) - 2^64. */
static inline uint64_t reciprocal(uint64_t d)
{
#ifdef __x86_64__
    uint64_t quotient, rest; /* the compiler would call a function for 128 bits by 64 */
    __asm__("divq %4" : "=a"(quotient), "=d"(rest) : "a"(UINT64_MAX), "d"(~d), "r"(d) : "cc");
    return quotient;
#else
    return (uint64_t)(((WIDE)~d << 64 | UINT64_MAX) / d);
#endif
}

/* The same for d1:d0 with d1 normalised: floor((2^192 - 1) / d1:d0) - 2^64. */
static uint64_t reciprocal_of_two(uint64_t d1, uint64_t d0)
{
    uint64_t v = reciprocal(d1), p = d1 * v + d0;
    if (p < d0) {
        v--;
        if (p >= d1) {
            v--;
            p -= d1;
        }
        p -= d1;
    }
    WIDE t = (WIDE)v * d0;
    p += (uint64_t)(t >> 64);
    if (p < (uint64_t)(t >> 64)) {
        v--;
        if (((WIDE)p << 64 | (uint64_t)t) >= ((WIDE)d1 << 64 | d0))
            v--;
    }
    return v;
}

/* *rest:u0 by d, *rest < d: the quotient, and the new *rest. */
static inline uint64_t divide_by_one(uint64_t *rest, uint64_t u0, uint64_t d, uint64_t v)
{
    WIDE q = (WIDE)v * *rest + ((WIDE)*rest << 64 | u0);
    uint64_t digit = (uint64_t)(q >> 64) + 1, r = u0 - digit * d;
    if (r > (uint64_t)q) {
        digit--;
        r += d;
    }
    if (__builtin_expect(r >= d, 0)) {
        digit++;
        r -= d;
    }
    *rest = r;
    return digit;
}

/* *rest:u0 by d, *rest < d, both of two words. */
static inline uint64_t divide_by_two(WIDE *rest, uint64_t u0, WIDE d, uint64_t v)
{
    uint64_t u2 = (uint64_t)(*rest >> 64), u1 = (uint64_t)*rest;
    WIDE q = (WIDE)v * u2 + *rest;
    uint64_t digit = (uint64_t)(q >> 64);
    WIDE r = ((WIDE)(u1 - digit * (uint64_t)(d >> 64)) << 64 | u0) - (WIDE)(uint64_t)d * digit - d;
    digit++;
    if ((uint64_t)(r >> 64) >= (uint64_t)q) {
        digit--;
        r += d;
    }
    if (__builtin_expect(r >= d, 0)) {
        digit++;
        r -= d;
    }
    *rest = r;
    return digit;
}

/* Division by one word: remainder returned. quotient may be NULL, or u itself. */
static uint64_t divide_by_word(uint64_t *quotient, const uint64_t *u, size_t count,
                               uint64_t divisor)
{
    unsigned shift = (unsigned)__builtin_clzll(divisor), back = 63 - shift;
    uint64_t d = divisor << shift, v = reciprocal(d), rest = u[count - 1] >> 1 >> back;
    for (size_t i = count; i-- > 0;) {
        uint64_t word = u[i] << shift | (i > 0 ? u[i - 1] >> 1 >> back : 0);
        uint64_t digit = divide_by_one(&rest, word, d, v);
        if (quotient != NULL)
            quotient[i] = digit;
    }
    return rest >> shift;
}

/* One digit of the quotient: subtracts digit * v from u[0..n] and returns the digit. v is
 * normalised, n >= 2, inverse that of its two highest words. */
static inline __attribute__((always_inline)) uint64_t divide_step(uint64_t *u, const uint64_t *v,
                                                                  size_t n, uint64_t inverse)
{
    WIDE top = (WIDE)u[n] << 64 | u[n - 1], most = (WIDE)v[n - 1] << 64 | v[n - 2];
    uint64_t digit = top >= most ? UINT64_MAX : divide_by_two(&top, u[n - 2], most, inverse);
    uint64_t carry = 0;
    unsigned char borrow = 0, over = 0;
    for (size_t i = 0; i < n; i++)
        u[i] = u256_word_sub(u[i], u256_word_mul(digit, v[i], 0, &carry), &borrow);
    u[n] = u256_word_sub(u[n], carry, &borrow);
    if (__builtin_expect(borrow == 0, 1))
        return digit;
    for (size_t i = 0; i < n; i++) /* one too many: add v back */
        u[i] = u256_word_add(u[i], v[i], &over);
    u[n] += over;
    return digit - 1;
}

/* u (m words and one more) by v, n words; both are shifted to the left and u keeps the remainder.
 */
static inline __attribute__((always_inline)) void divide_long(uint64_t *quotient, uint64_t *u,
                                                              size_t m, const uint64_t *v, size_t n)
{
    uint64_t inverse = reciprocal_of_two(v[n - 1], v[n - 2]);
    WIDE rest = (WIDE)u[m] << 64 | u[m - 1]; /* for two words */
    for (size_t j = m - n + 1; j-- > 0;) {
        uint64_t digit = n == 2 ? divide_by_two(&rest, u[j], (WIDE)v[1] << 64 | v[0], inverse)
                                : divide_step(u + j, v, n, inverse);
        if (quotient != NULL)
            quotient[j] = digit;
    }
    if (n == 2) {
        u[0] = (uint64_t)rest;
        u[1] = (uint64_t)(rest >> 64);
        u[2] = 0;
    }
}

/* u (count words, count <= 8) by d, which is not zero. quotient (count words) may be NULL. In line:
 * count and the presence of quotient are known to the caller. */
static inline __attribute__((always_inline)) void divide(uint64_t *quotient, struct u256 *remainder,
                                                         const uint64_t *u_in, size_t count,
                                                         const struct u256 *d)
{
    uint64_t u[9], v[4];
    const size_t n = words_used(d->words, 4), m = words_used(u_in, count);
    for (size_t i = 0; i < count; i++)
        u[i] = u_in[i];
    u[count] = 0;
    for (size_t i = 0; quotient != NULL && i < count; i++)
        quotient[i] = 0;
    if (m < n) {
        u256_put(remainder, u[0], u[1], u[2], u[3]);
        return;
    }
    if (n == 1) {
        uint64_t rest = m == 1 ? u[0] % d->words[0] : divide_by_word(quotient, u, m, d->words[0]);
        if (m == 1 && quotient != NULL)
            quotient[0] = u[0] / d->words[0];
        *remainder = u256_from_u64(rest);
        return;
    }
    unsigned shift = (unsigned)__builtin_clzll(d->words[n - 1]), back = 63 - shift;
    v[0] = d->words[0] << shift;
    for (size_t i = 1; i < 4; i++)
        v[i] = d->words[i] << shift | d->words[i - 1] >> 1 >> back;
    for (size_t i = count; i > 0; i--)
        u[i] = u[i] << shift | u[i - 1] >> 1 >> back;
    u[0] <<= shift;
    if (n == 2)
        divide_long(quotient, u, m, v, 2);
    else if (n == 3)
        divide_long(quotient, u, m, v, 3);
    else
        divide_long(quotient, u, m, v, 4);
    for (size_t i = 0; i < 4; i++)
        remainder->words[i] = i < n ? u[i] >> shift | u[i + 1] << 1 << back : 0;
}

void u256_divmod(struct u256 *quotient, struct u256 *remainder, const struct u256 *a,
                 const struct u256 *b)
{
    if (u256_is_zero(b)) {
        *quotient = *remainder = u256_from_u64(0);
        return;
    }
    uint64_t digits[4];
    struct u256 rest;
    divide(digits, &rest, a->words, 4, b);
    u256_put(quotient, digits[0], digits[1], digits[2], digits[3]);
    u256_copy(remainder, &rest);
}

void u256_div(struct u256 *out, const struct u256 *a, const struct u256 *b)
{
    struct u256 rest;
    u256_divmod(out, &rest, a, b);
}

void u256_mod(struct u256 *out, const struct u256 *a, const struct u256 *b)
{
    struct u256 rest = u256_from_u64(0);
    if (!u256_is_zero(b))
        divide(NULL, &rest, a->words, 4, b);
    u256_copy(out, &rest);
}

/* Returns whether a is negative. */
static inline bool magnitude(struct u256 *out, const struct u256 *a)
{
    bool negative = is_negative(a);
    if (negative)
        negate(out, a);
    else
        u256_copy(out, a);
    return negative;
}

void u256_sdiv(struct u256 *out, const struct u256 *a, const struct u256 *b)
{
    struct u256 x, y;
    bool negative = magnitude(&x, a) != magnitude(&y, b);
    u256_div(out, &x, &y);
    if (negative)
        negate(out, out);
}

void u256_smod(struct u256 *out, const struct u256 *a, const struct u256 *b)
{
    struct u256 x, y;
    bool negative = magnitude(&x, a);
    (void)magnitude(&y, b);
    u256_mod(out, &x, &y);
    if (negative)
        negate(out, out);
}

void u256_addmod(struct u256 *out, const struct u256 *a, const struct u256 *b, const struct u256 *m)
{
    if (u256_is_zero(m)) {
        *out = u256_from_u64(0);
        return;
    }
    struct u256 low, rest;
    bool carry = u256_add_inline(&low, a, b);
    const uint64_t sum[5] = {low.words[0], low.words[1], low.words[2], low.words[3], carry};
    divide(NULL, &rest, sum, 5, m);
    u256_copy(out, &rest);
}

void u256_mulmod(struct u256 *out, const struct u256 *a, const struct u256 *b, const struct u256 *m)
{
    if (u256_is_zero(m)) {
        *out = u256_from_u64(0);
        return;
    }
    uint64_t product[8];
    struct u256 rest;
    multiply_wide(product, a, b);
    divide(NULL, &rest, product, 8, m);
    u256_copy(out, &rest);
}

/* bits: its bit length. */
static bool is_power_of_two(const struct u256 *a, unsigned bits)
{
    struct u256 less_one;
    static const struct u256 one = {{1, 0, 0, 0}};
    (void)u256_sub_inline(&less_one, a, &one);
    return u256_bit_length(&less_one) == bits - 1;
}

void u256_exp(struct u256 *out, const struct u256 *base, const struct u256 *exponent)
{
    struct u256 result = u256_from_u64(1), square = *base;
    unsigned bits = u256_bit_length(exponent), base_bits = u256_bit_length(base);
    if (base_bits > 0 && is_power_of_two(base, base_bits)) {
        uint64_t most = 255 / (base_bits > 1 ? base_bits - 1 : 1);
        bool fits = u256_fits_u64(exponent) && exponent->words[0] <= most;
        if (base_bits == 1)
            *out = result;
        else
            u256_shl(out, &result, fits ? (base_bits - 1) * (unsigned)exponent->words[0] : 256);
        return;
    }
    const struct u256 e = *exponent;
    for (unsigned i = 0; i < bits; i++) { /* from below: the two products do not wait for another */
        if (e.words[i / 64] >> (i % 64) & 1)
            u256_mul_low(&result, &result, &square);
        u256_mul_low(&square, &square, &square);
    }
    *out = result;
}

/* ---- bits ---- */

void u256_signextend(struct u256 *out, const struct u256 *byte_index, const struct u256 *a)
{
    struct u256 value = *a;
    if (u256_fits_u64(byte_index) && byte_index->words[0] < 31) {
        unsigned spare = 8 * (31 - (unsigned)byte_index->words[0]);
        u256_shl(&value, &value, spare);
        u256_sar(&value, &value, spare);
    }
    *out = value;
}

void u256_shl(struct u256 *out, const struct u256 *a, unsigned bits)
{
    if (bits < 256)
        u256_shl_inline(out, a, bits);
    else
        *out = u256_from_u64(0);
}

void u256_shr(struct u256 *out, const struct u256 *a, unsigned bits)
{
    if (bits < 256)
        u256_shr_inline(out, a, bits, 0);
    else
        *out = u256_from_u64(0);
}

void u256_sar(struct u256 *out, const struct u256 *a, unsigned bits)
{
    uint64_t fill = is_negative(a) ? UINT64_MAX : 0;
    if (bits < 256)
        u256_shr_inline(out, a, bits, fill);
    else
        u256_put(out, fill, fill, fill, fill);
}

/* ---- bytes and text ---- */

void u256_from_be(struct u256 *out, struct span bytes)
{
    ASSERT(bytes.size <= 32);
    *out = u256_from_u64(0);
    for (size_t i = 0; i < bytes.size; i++) {
        size_t place = bytes.size - 1 - i;
        out->words[place / 8] |= (uint64_t)bytes.data[i] << (8 * (place % 8));
    }
}

void u256_to_be32(uint8_t out32[32], const struct u256 *a)
{
    for (size_t i = 0; i < 4; i++)
        be_write(out32 + 24 - 8 * i, 8, a->words[i]);
}

bool u256_parse_decimal(struct u256 *out, struct span text)
{
    static const struct u256 ten = {{10, 0, 0, 0}};
    struct u256 value = u256_from_u64(0);
    *out = value;
    if (text.size == 0)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        struct u256 digit = u256_from_u64((uint64_t)(text.data[i] - '0'));
        if (u256_mul(&value, &value, &ten) || u256_add(&value, &value, &digit))
            return false;
    }
    *out = value;
    return true;
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool u256_parse_hex(struct u256 *out, struct span text)
{
    struct u256 value = u256_from_u64(0);
    *out = value;
    if (text.size < 3 || text.size > 66 || text.data[0] != '0' || (text.data[1] | 0x20) != 'x')
        return false;
    for (size_t i = 2; i < text.size; i++) {
        int digit = hex_digit(text.data[i]);
        if (digit < 0)
            return false;
        u256_shl(&value, &value, 4);
        value.words[0] |= (uint64_t)digit;
    }
    *out = value;
    return true;
}

void buf_add_u256_decimal(struct buf *buf, const struct u256 *a)
{
    char text[80];
    size_t at = sizeof text;
    struct u256 rest = *a;
    do {
        uint64_t digit = divide_by_word(rest.words, rest.words, 4, 10);
        text[--at] = (char)('0' + digit);
    } while (!u256_is_zero(&rest));
    buf_add(buf, text + at, sizeof text - at);
}

void buf_add_u256_hex(struct buf *buf, const struct u256 *a)
{
    static const char digits[] = "0123456789abcdef";
    char text[66] = "0x";
    size_t size = 2;
    unsigned count = (u256_bit_length(a) + 3) / 4;
    if (count == 0)
        count = 1;
    for (unsigned i = count; i-- > 0;)
        text[size++] = digits[a->words[i / 16] >> (4 * (i % 16)) & 15];
    buf_add(buf, text, size);
}
