#include "les/eth/u256.h"

#define WIDE unsigned __int128

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
    WIDE carry = 0;
    for (int i = 0; i < 4; i++) {
        carry += (WIDE)a->words[i] + b->words[i];
        out->words[i] = (uint64_t)carry;
        carry >>= 64;
    }
    return carry != 0;
}

bool u256_sub(struct u256 *out, const struct u256 *a, const struct u256 *b)
{
    uint64_t borrow = 0;
    for (int i = 0; i < 4; i++) {
        WIDE difference = (WIDE)a->words[i] - b->words[i] - borrow;
        out->words[i] = (uint64_t)difference;
        borrow = (uint64_t)(difference >> 64) & 1;
    }
    return borrow != 0;
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

/* Division by one word: remainder returned, quotient in place. */
static uint64_t divide_by_word(uint64_t *u, size_t count, uint64_t divisor)
{
    WIDE rest = 0;
    for (size_t i = count; i-- > 0;) {
        rest = rest << 64 | u[i];
        u[i] = (uint64_t)(rest / divisor);
        rest %= divisor;
    }
    return (uint64_t)rest;
}

/* One digit of the quotient: subtracts digit * v from u[0..n] and returns the digit. v is
 * normalised, n >= 2. */
static uint64_t divide_step(uint64_t *u, const uint64_t *v, size_t n)
{
    WIDE top = (WIDE)u[n] << 64 | u[n - 1];
    WIDE digit, rest;
    if (u[n] >= v[n - 1]) {
        digit = UINT64_MAX;
        rest = top - digit * v[n - 1];
    } else {
        digit = top / v[n - 1];
        rest = top % v[n - 1];
    }
    while (rest >> 64 == 0 && digit * v[n - 2] > (rest << 64 | u[n - 2])) {
        digit--;
        rest += v[n - 1];
    }
    uint64_t borrow = 0, carry = 0;
    for (size_t i = 0; i < n; i++) {
        WIDE product = digit * v[i] + carry;
        carry = (uint64_t)(product >> 64);
        WIDE difference = (WIDE)u[i] - (uint64_t)product - borrow;
        u[i] = (uint64_t)difference;
        borrow = (uint64_t)(difference >> 64) & 1;
    }
    WIDE difference = (WIDE)u[n] - carry - borrow;
    u[n] = (uint64_t)difference;
    if ((uint64_t)(difference >> 64) == 0)
        return (uint64_t)digit;
    WIDE sum = 0; /* one too many: add v back */
    for (size_t i = 0; i < n; i++) {
        sum += (WIDE)u[i] + v[i];
        u[i] = (uint64_t)sum;
        sum >>= 64;
    }
    u[n] += (uint64_t)sum;
    return (uint64_t)digit - 1;
}

/* u (count words, count <= 8) by d, which is not zero. quotient (count words) may be NULL. */
static void divide(uint64_t *quotient, struct u256 *remainder, const uint64_t *u_in, size_t count,
                   const struct u256 *d)
{
    uint64_t u[9] = {0}, v[4] = {0};
    size_t n = words_used(d->words, 4), m = words_used(u_in, count);
    if (quotient != NULL)
        memset(quotient, 0, count * sizeof quotient[0]);
    memcpy(u, u_in, m * sizeof u[0]);
    if (m < n) {
        memcpy(remainder->words, u, sizeof remainder->words);
        return;
    }
    if (n == 1) {
        uint64_t rest = divide_by_word(u, m, d->words[0]);
        if (quotient != NULL)
            memcpy(quotient, u, m * sizeof u[0]);
        *remainder = u256_from_u64(rest);
        return;
    }
    unsigned shift = (unsigned)__builtin_clzll(d->words[n - 1]);
    for (size_t i = n; i-- > 0;)
        v[i] = d->words[i] << shift | (shift != 0 && i > 0 ? d->words[i - 1] >> (64 - shift) : 0);
    for (size_t i = m + 1; i-- > 0;)
        u[i] = u[i] << shift | (shift != 0 && i > 0 ? u[i - 1] >> (64 - shift) : 0);
    for (size_t j = m - n + 1; j-- > 0;) {
        uint64_t digit = divide_step(u + j, v, n);
        if (quotient != NULL)
            quotient[j] = digit;
    }
    *remainder = u256_from_u64(0);
    for (size_t i = 0; i < n; i++)
        remainder->words[i] = u[i] >> shift | (shift != 0 ? u[i + 1] << (64 - shift) : 0);
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
    memcpy(quotient->words, digits, sizeof digits);
    *remainder = rest;
}

void u256_div(struct u256 *out, const struct u256 *a, const struct u256 *b)
{
    struct u256 rest;
    u256_divmod(out, &rest, a, b);
}

void u256_mod(struct u256 *out, const struct u256 *a, const struct u256 *b)
{
    struct u256 quotient;
    u256_divmod(&quotient, out, a, b);
}

static struct u256 magnitude(const struct u256 *a)
{
    struct u256 out = *a;
    if (is_negative(a))
        negate(&out, a);
    return out;
}

void u256_sdiv(struct u256 *out, const struct u256 *a, const struct u256 *b)
{
    bool negative = is_negative(a) != is_negative(b);
    struct u256 x = magnitude(a), y = magnitude(b);
    u256_div(out, &x, &y);
    if (negative)
        negate(out, out);
}

void u256_smod(struct u256 *out, const struct u256 *a, const struct u256 *b)
{
    bool negative = is_negative(a);
    struct u256 x = magnitude(a), y = magnitude(b);
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
    uint64_t sum[5];
    sum[4] = u256_add(&low, a, b);
    memcpy(sum, low.words, sizeof low.words);
    divide(NULL, &rest, sum, 5, m);
    *out = rest;
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
    *out = rest;
}

void u256_exp(struct u256 *out, const struct u256 *base, const struct u256 *exponent)
{
    struct u256 result = u256_from_u64(1), b = *base, e = *exponent;
    for (unsigned i = u256_bit_length(&e); i-- > 0;) {
        (void)u256_mul(&result, &result, &result);
        if (e.words[i / 64] >> (i % 64) & 1)
            (void)u256_mul(&result, &result, &b);
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
    struct u256 value = *a, result = u256_from_u64(0);
    if (bits < 256) {
        unsigned skip = bits / 64, shift = bits % 64;
        for (unsigned i = skip; i < 4; i++) {
            result.words[i] = value.words[i - skip] << shift;
            if (shift != 0 && i > skip)
                result.words[i] |= value.words[i - skip - 1] >> (64 - shift);
        }
    }
    *out = result;
}

void u256_shr(struct u256 *out, const struct u256 *a, unsigned bits)
{
    struct u256 value = *a, result = u256_from_u64(0);
    if (bits < 256) {
        unsigned skip = bits / 64, shift = bits % 64;
        for (unsigned i = 0; i + skip < 4; i++) {
            result.words[i] = value.words[i + skip] >> shift;
            if (shift != 0 && i + skip + 1 < 4)
                result.words[i] |= value.words[i + skip + 1] << (64 - shift);
        }
    }
    *out = result;
}

void u256_sar(struct u256 *out, const struct u256 *a, unsigned bits)
{
    bool negative = is_negative(a);
    static const struct u256 ones = {{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}};
    u256_shr(out, a, bits);
    if (!negative || bits == 0)
        return;
    struct u256 fill = ones;
    u256_shl(&fill, &ones, bits >= 256 ? 0 : 256 - bits);
    for (int i = 0; i < 4; i++)
        out->words[i] |= fill.words[i];
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
        uint64_t digit = divide_by_word(rest.words, 4, 10);
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
