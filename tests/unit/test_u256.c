#include "les/eth/u256.h"
#include "les/evm/words.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>

TestSuite(u256, .fini = fixture_leak_gate);

static const struct u256 max = {{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}};
static const struct u256 min_signed = {{0, 0, 0, 1ull << 63}};
static const struct u256 zero = {{0, 0, 0, 0}};

static struct u256 small(uint64_t value)
{
    return u256_from_u64(value);
}

static struct u256 hex(const char *text)
{
    struct u256 value;
    cr_assert(u256_parse_hex(&value, SPAN_STR(text)), "%s", text);
    return value;
}

static struct u256 negative(uint64_t value)
{
    struct u256 out = small(value);
    (void)u256_sub(&out, &zero, &out);
    return out;
}

static void expect(const struct u256 *is, const struct u256 *wanted, const char *what)
{
    struct buf text = {0};
    buf_add_u256_hex(&text, is);
    buf_add_str(&text, " is not ");
    buf_add_u256_hex(&text, wanted);
    cr_assert(u256_equal(is, wanted), "%s: %.*s", what, (int)text.size, (const char *)text.data);
    buf_free(&text);
}

/* Words of few kinds meet the carries and the odd cases of division far more often than uniform
 * ones. */
static struct u256 random_word(uint64_t *seed)
{
    struct u256 out;
    for (int i = 0; i < 4; i++) {
        static const uint64_t edges[] = {0, UINT64_MAX, 1ull << 63, 1};
        uint64_t pick = fixture_random_below(seed, 6), value = fixture_random(seed);
        out.words[i] = pick < 4 ? edges[pick] : value >> fixture_random_below(seed, 64);
    }
    if (fixture_random_below(seed, 3) == 0)
        for (uint64_t i = fixture_random_below(seed, 4); i < 4; i++)
            out.words[i] = 0;
    return out;
}

enum { ROUNDS = 20000 };

Test(u256, sums_and_differences_undo_one_another_and_say_when_they_wrap)
{
    uint64_t seed = fixture_seed();
    for (int i = 0; i < ROUNDS; i++) {
        struct u256 a = random_word(&seed), b = random_word(&seed), sum, back, other;
        bool over = u256_add(&sum, &a, &b);
        bool under = u256_sub(&back, &sum, &b);
        expect(&back, &a, "a + b - b");
        cr_assert_eq(over, under, "a sum that wrapped wraps back");
        cr_assert_eq(over, u256_compare(&sum, &a) < 0);
        (void)u256_add(&other, &b, &a);
        expect(&other, &sum, "b + a");
    }
}

Test(u256, products_distribute_over_sums)
{
    uint64_t seed = fixture_seed();
    for (int i = 0; i < ROUNDS; i++) {
        struct u256 a = random_word(&seed), b = random_word(&seed), c = random_word(&seed), left,
                    right, part;
        (void)u256_add(&left, &b, &c);
        (void)u256_mul(&left, &a, &left);
        (void)u256_mul(&right, &a, &b);
        (void)u256_mul(&part, &a, &c);
        (void)u256_add(&right, &right, &part);
        expect(&left, &right, "a (b + c)");
    }
}

Test(u256, a_product_overflows_when_dividing_it_does_not_lead_back)
{
    uint64_t seed = fixture_seed();
    for (int i = 0; i < ROUNDS; i++) {
        struct u256 a = random_word(&seed), b = random_word(&seed), product, back;
        bool over = u256_mul(&product, &a, &b);
        u256_div(&back, &product, &b);
        if (!u256_is_zero(&b) && !u256_equal(&back, &a))
            cr_assert(over);
        if (!over && !u256_is_zero(&b))
            expect(&back, &a, "a b / b");
    }
}

Test(u256, quotient_times_divisor_and_remainder_are_the_dividend)
{
    uint64_t seed = fixture_seed();
    for (int i = 0; i < ROUNDS; i++) {
        struct u256 a = random_word(&seed), b = random_word(&seed), quotient, remainder, back;
        u256_divmod(&quotient, &remainder, &a, &b);
        if (u256_is_zero(&b)) {
            expect(&quotient, &zero, "a / 0");
            expect(&remainder, &zero, "a mod 0");
            continue;
        }
        cr_assert_lt(u256_compare(&remainder, &b), 0);
        cr_assert_not(u256_mul(&back, &quotient, &b));
        cr_assert_not(u256_add(&back, &back, &remainder));
        expect(&back, &a, "q b + r");
    }
}

Test(u256, modular_sums_and_products_agree_with_each_other)
{
    uint64_t seed = fixture_seed();
    for (int i = 0; i < ROUNDS; i++) {
        struct u256 a = random_word(&seed), b = random_word(&seed), m = random_word(&seed), left,
                    right, part;
        u256_addmod(&left, &a, &b, &m); /* (a + b) a = a a + b a  (mod m) */
        u256_mulmod(&left, &left, &a, &m);
        u256_mulmod(&right, &a, &a, &m);
        u256_mulmod(&part, &b, &a, &m);
        u256_addmod(&right, &right, &part, &m);
        expect(&left, &right, "(a + b) a mod m");
        if (!u256_is_zero(&m))
            cr_assert_lt(u256_compare(&left, &m), 0);
    }
}

Test(u256, the_modular_operations_do_not_lose_the_carry)
{
    struct u256 out, ten = small(10), two = small(2), six = small(6);
    u256_addmod(&out, &max, &two, &ten); /* 2^256 + 1 ends in 7 */
    expect(&out, &(struct u256){{7, 0, 0, 0}}, "max + 2 mod 10");
    u256_mulmod(&out, &max, &max, &ten); /* 5 * 5 */
    expect(&out, &(struct u256){{5, 0, 0, 0}}, "max max mod 10");
    u256_mulmod(&out, &max, &six, &max);
    expect(&out, &zero, "max 6 mod max");
}

Test(u256, signed_division_rounds_towards_zero)
{
    struct u256 out, minus_seven = negative(7), two = small(2), seven = small(7),
                     minus_two = negative(2);
    struct u256 minus_three = negative(3), three = small(3), minus_one = negative(1),
                one = small(1);
    u256_sdiv(&out, &minus_seven, &two);
    expect(&out, &minus_three, "-7 / 2");
    u256_sdiv(&out, &seven, &minus_two);
    expect(&out, &minus_three, "7 / -2");
    u256_sdiv(&out, &minus_seven, &minus_two);
    expect(&out, &three, "-7 / -2");
    u256_smod(&out, &minus_seven, &two);
    expect(&out, &minus_one, "-7 mod 2");
    u256_smod(&out, &seven, &minus_two);
    expect(&out, &one, "7 mod -2");
    u256_sdiv(&out, &min_signed, &minus_one); /* overflows back to itself */
    expect(&out, &min_signed, "min / -1");
    u256_smod(&out, &min_signed, &zero);
    expect(&out, &zero, "min mod 0");
}

Test(u256, powers_add_in_the_exponent)
{
    uint64_t seed = fixture_seed();
    for (int i = 0; i < 500; i++) {
        struct u256 base = random_word(&seed), left, right, part;
        struct u256 m = small(fixture_random(&seed)), n = small(fixture_random(&seed) >> 1), sum;
        (void)u256_add(&sum, &m, &n);
        u256_exp(&left, &base, &sum);
        u256_exp(&right, &base, &m);
        u256_exp(&part, &base, &n);
        (void)u256_mul(&right, &right, &part);
        expect(&left, &right, "b^(m+n)");
    }
    struct u256 out, one = small(1);
    u256_exp(&out, &zero, &zero);
    expect(&out, &one, "0^0");
}

Test(u256, powers_of_powers_of_two_are_repeated_products)
{
    for (unsigned base_bits = 0; base_bits < 256; base_bits += 3) {
        struct u256 base, product = small(1), power, one = small(1);
        u256_shl(&base, &one, base_bits);
        for (unsigned e = 0; e < 260; e++) {
            struct u256 exponent = small(e);
            u256_exp(&power, &base, &exponent);
            expect(&power, &product, "(2^k)^e");
            (void)u256_mul(&product, &product, &base);
        }
        u256_exp(&power, &base, &max);
        expect(&power, base_bits == 0 ? &one : &zero, "an exponent of many words");
    }
}

/* Both are on a stack of two words: stack[1] is the top. */
static void expect_on_stack(void (*op)(struct u256 *top), const struct u256 *top,
                            const struct u256 *below, const struct u256 *wanted, const char *what)
{
    struct u256 stack[2] = {*below, *top};
    op(&stack[1]);
    expect(&stack[0], wanted, what);
}

static void on_byte(struct u256 *out, const struct u256 *index, const struct u256 *a)
{
    uint8_t bytes[32];
    u256_to_be32(bytes, a);
    *out = small(u256_fits_u64(index) && index->words[0] < 32 ? bytes[index->words[0]] : 0);
}

Test(u256, the_instructions_in_line_agree_with_the_functions)
{
    uint64_t seed = fixture_seed();
    for (int i = 0; i < ROUNDS; i++) {
        struct u256 a = random_word(&seed), b = random_word(&seed), out, flag;
        struct u256 count = small(fixture_random_below(&seed, 300));
        unsigned bits = (unsigned)count.words[0];
        if (fixture_random_below(&seed, 4) == 0)
            b = a;
        (void)u256_mul(&out, &a, &b);
        expect_on_stack(op_MUL, &a, &b, &out, "MUL");
        flag = small(u256_compare(&a, &b) < 0);
        expect_on_stack(op_LT, &a, &b, &flag, "LT");
        flag = small(u256_compare(&a, &b) > 0);
        expect_on_stack(op_GT, &a, &b, &flag, "GT");
        flag = small(u256_scompare(&a, &b) < 0);
        expect_on_stack(op_SLT, &a, &b, &flag, "SLT");
        flag = small(u256_scompare(&a, &b) > 0);
        expect_on_stack(op_SGT, &a, &b, &flag, "SGT");
        u256_shl(&out, &a, bits);
        expect_on_stack(op_SHL, &count, &a, &out, "SHL");
        u256_shr(&out, &a, bits);
        expect_on_stack(op_SHR, &count, &a, &out, "SHR");
        u256_sar(&out, &a, bits);
        expect_on_stack(op_SAR, &count, &a, &out, "SAR");
        count = small(fixture_random_below(&seed, 34));
        u256_signextend(&out, &count, &a);
        expect_on_stack(op_SIGNEXTEND, &count, &a, &out, "SIGNEXTEND");
        on_byte(&out, &count, &a);
        expect_on_stack(op_BYTE, &count, &a, &out, "BYTE");
        u256_signextend(&out, &b, &a);
        expect_on_stack(op_SIGNEXTEND, &b, &a, &out, "SIGNEXTEND by any word");
    }
}

Test(u256, shifts_are_products_and_quotients_by_powers_of_two)
{
    uint64_t seed = fixture_seed();
    for (int i = 0; i < ROUNDS; i++) {
        struct u256 a = random_word(&seed), two = small(2), count, power, left, right;
        unsigned bits = (unsigned)fixture_random_below(&seed, 256);
        count = small(bits);
        u256_exp(&power, &two, &count);
        u256_shl(&left, &a, bits);
        (void)u256_mul(&right, &a, &power);
        expect(&left, &right, "a << n");
        u256_shr(&left, &a, bits);
        u256_div(&right, &a, &power);
        expect(&left, &right, "a >> n");
    }
}

Test(u256, shifts_by_the_whole_width_leave_nothing_but_the_sign)
{
    struct u256 out;
    u256_shl(&out, &max, 256);
    expect(&out, &zero, "shl 256");
    u256_shr(&out, &max, 300);
    expect(&out, &zero, "shr 300");
    u256_sar(&out, &min_signed, 256);
    expect(&out, &max, "sar 256 of a negative number");
    u256_sar(&out, &min_signed, 255);
    expect(&out, &max, "sar 255");
    u256_sar(&out, &min_signed, 0);
    expect(&out, &min_signed, "sar 0");
    struct u256 positive = small(5);
    u256_sar(&out, &positive, 256);
    expect(&out, &zero, "sar 256 of a positive number");
}

Test(u256, signextend_copies_the_sign_bit_of_the_byte_named)
{
    struct u256 out, value = small(0x80ff), index = small(0);
    u256_signextend(&out, &index, &value);
    expect(&out, &max, "byte 0 is 0xff");
    index = small(1);
    u256_signextend(&out, &index, &value);
    struct u256 wanted = hex("0xffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff80ff");
    expect(&out, &wanted, "byte 1 is 0x80");
    index = small(2);
    u256_signextend(&out, &index, &value);
    expect(&out, &value, "byte 2 is zero");
    index = small(31);
    u256_signextend(&out, &index, &value);
    expect(&out, &value, "31: nothing to extend");
    u256_signextend(&out, &max, &value);
    expect(&out, &value, "far beyond");
}

Test(u256, comparison_orders_by_sign_where_asked)
{
    struct u256 minus_one = negative(1), one = small(1);
    cr_assert_lt(u256_scompare(&minus_one, &one), 0);
    cr_assert_gt(u256_compare(&minus_one, &one), 0);
    cr_assert_lt(u256_scompare(&min_signed, &minus_one), 0);
    cr_assert_eq(u256_scompare(&one, &one), 0);
}

Test(u256, lengths_count_bits_and_bytes)
{
    struct u256 one = small(1), byte = small(255), more = small(256);
    cr_assert_eq(u256_bit_length(&zero), 0);
    cr_assert_eq(u256_byte_length(&zero), 0);
    cr_assert_eq(u256_bit_length(&one), 1);
    cr_assert_eq(u256_byte_length(&byte), 1);
    cr_assert_eq(u256_byte_length(&more), 2);
    cr_assert_eq(u256_bit_length(&max), 256);
    cr_assert_eq(u256_byte_length(&max), 32);
}

Test(u256, bytes_and_texts_lead_back)
{
    uint64_t seed = fixture_seed();
    for (int i = 0; i < 2000; i++) {
        struct u256 a = random_word(&seed), back;
        struct buf text = {0};
        uint8_t bytes[32];
        u256_to_be32(bytes, &a);
        u256_from_be(&back, SPAN(bytes, 32));
        expect(&back, &a, "bytes");
        buf_add_u256_decimal(&text, &a);
        cr_assert(u256_parse_decimal(&back, buf_span(&text)));
        expect(&back, &a, "decimal");
        buf_clear(&text);
        buf_add_u256_hex(&text, &a);
        cr_assert(u256_parse_hex(&back, buf_span(&text)));
        expect(&back, &a, "hex");
        buf_free(&text);
    }
}

Test(u256, parsers_refuse_what_is_not_wholly_a_number_in_range)
{
    static const char *const bad_hex[] = {
        "",     "0x",   "0",
        "12",   "0xg",  "0x1 ",
        " 0x1", "-0x1", "0x10000000000000000000000000000000000000000000000000000000000000000"};
    static const char *const bad_decimal[] = {
        "",
        "-1",
        "+1",
        "1 ",
        "0x1",
        "1e3",
        "115792089237316195423570985008687907853269984665640564039457584007913129639936"};
    struct u256 out;
    for (size_t i = 0; i < ARRAY_COUNT(bad_hex); i++) {
        out = max;
        cr_assert_not(u256_parse_hex(&out, SPAN_STR(bad_hex[i])), "%s", bad_hex[i]);
        expect(&out, &zero, "a failed parse");
    }
    for (size_t i = 0; i < ARRAY_COUNT(bad_decimal); i++) {
        out = max;
        cr_assert_not(u256_parse_decimal(&out, SPAN_STR(bad_decimal[i])), "%s", bad_decimal[i]);
        expect(&out, &zero, "a failed parse");
    }
    const char *largest =
        "115792089237316195423570985008687907853269984665640564039457584007913129639935";
    cr_assert(u256_parse_decimal(&out, SPAN_STR(largest)));
    expect(&out, &max, "2^256 - 1");
}

Test(u256, results_may_overwrite_operands)
{
    uint64_t seed = fixture_seed();
    for (int i = 0; i < 2000; i++) {
        struct u256 a = random_word(&seed), b = random_word(&seed), m = random_word(&seed), out,
                    same;
        u256_div(&out, &a, &b);
        same = b;
        u256_div(&same, &a, &same);
        expect(&same, &out, "div over its divisor");
        u256_mulmod(&out, &a, &b, &m);
        same = m;
        u256_mulmod(&same, &a, &b, &same);
        expect(&same, &out, "mulmod over its modulus");
        (void)u256_mul(&out, &a, &a);
        same = a;
        (void)u256_mul(&same, &same, &same);
        expect(&same, &out, "square in place");
    }
}
