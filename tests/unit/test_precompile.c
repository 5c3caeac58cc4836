#include "les/evm/precompile.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>

TestSuite(precompile, .fini = fixture_leak_gate);

static enum evm_precompile_result run(enum evm_precompile id, enum evm_revision revision,
                                      const char *input_hex, struct buf *output)
{
    uint8_t seed[32] = {4};
    struct crypto *crypto = crypto_new(seed);
    struct buf input = fixture_hex(input_hex);
    enum evm_precompile_result result =
        evm_precompile_run(id, revision, crypto, NULL, buf_span(&input), output);
    buf_free(&input);
    crypto_free(crypto);
    return result;
}

static void expect(enum evm_precompile id, enum evm_revision revision, const char *input,
                   const char *wanted)
{
    struct buf output = {0};
    cr_assert_eq(run(id, revision, input, &output), EVM_PRECOMPILE_DONE, "%s", input);
    fixture_expect_hex(buf_span(&output), wanted);
    buf_free(&output);
}

static void expect_failure(enum evm_precompile id, enum evm_revision revision, const char *input)
{
    struct buf output = {0};
    cr_assert_eq(run(id, revision, input, &output), EVM_PRECOMPILE_FAILED, "%s", input);
    cr_assert_eq(output.size, 0);
    buf_free(&output);
}

static uint64_t gas(enum evm_precompile id, enum evm_revision revision, const char *input_hex)
{
    struct buf input = fixture_hex(input_hex);
    uint64_t out = evm_precompile_gas(id, revision, buf_span(&input));
    buf_free(&input);
    return out;
}

Test(precompile, addresses_belong_to_their_forks)
{
    static const struct {
        unsigned id;
        enum evm_revision since;
    } rows[] = {{1, EVM_FRONTIER},  {4, EVM_FRONTIER}, {5, EVM_BYZANTIUM},
                {8, EVM_BYZANTIUM}, {9, EVM_ISTANBUL}, {10, EVM_CANCUN},
                {11, EVM_PRAGUE},   {17, EVM_PRAGUE},  {256, EVM_OSAKA}};
    struct address20 address;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        evm_precompile_address(&address, (enum evm_precompile)rows[i].id);
        cr_assert_eq(evm_precompile_at(rows[i].since, &address), rows[i].id);
        if (rows[i].since > EVM_FRONTIER)
            cr_assert_eq(evm_precompile_at(rows[i].since - 1, &address), EVM_PRECOMPILE_NONE);
    }
    static const unsigned none[] = {0, 18, 255, 257, 0x0101, 0xff01};
    for (size_t i = 0; i < ARRAY_COUNT(none); i++) {
        memset(&address, 0, sizeof address);
        be_write(address.bytes + 18, 2, none[i]);
        cr_assert_eq(evm_precompile_at(EVM_OSAKA, &address), EVM_PRECOMPILE_NONE, "%u", none[i]);
    }
    memset(&address, 0, sizeof address);
    address.bytes[0] = 1;
    address.bytes[19] = 1;
    cr_assert_eq(evm_precompile_at(EVM_OSAKA, &address), EVM_PRECOMPILE_NONE);
}

#define ABC_BLOCK                                                                                  \
    "48c9bdf267e6096a3ba7ca8485ae67bb2bf894fe72f36e3cf1361d5f3af54fa5"                             \
    "d182e6ad7f520e511f6c3e2b8c68059b6bbd41fbabd9831f79217e1319cde05b"                             \
    "6162630000000000000000000000000000000000000000000000000000000000"                             \
    "0000000000000000000000000000000000000000000000000000000000000000"                             \
    "0000000000000000000000000000000000000000000000000000000000000000"                             \
    "0000000000000000000000000000000000000000000000000000000000000000"                             \
    "03000000000000000000000000000000"

/* EIP-152's test vectors */
Test(precompile, blake2f_answers_as_eip_152_says)
{
    expect(EVM_BLAKE2F, EVM_ISTANBUL, "0000000c" ABC_BLOCK "01",
           "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
           "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923");
    expect(EVM_BLAKE2F, EVM_ISTANBUL, "00000000" ABC_BLOCK "01",
           "08c9bcf367e6096a3ba7ca8485ae67bb2bf894fe72f36e3cf1361d5f3af54fa5"
           "d282e6ad7f520e511f6c3e2b8c68059b9442be0454267ce079217e1319cde05b");
    expect(EVM_BLAKE2F, EVM_ISTANBUL, "0000000c" ABC_BLOCK "00",
           "75ab69d3190a562c51aef8d88f1c2775876944407270c42c9844252c26d28752"
           "98743e7f6d5ea2f2d3e8d226039cd31b4e426ac4f2d3d666a610c2116fde4735");
    expect(EVM_BLAKE2F, EVM_ISTANBUL, "00000001" ABC_BLOCK "01",
           "b63a380cb2897d521994a85234ee2c181b5f844d2c624c002677e9703449d2fb"
           "a551b3a8333bcdf5f2f7e08993d53923de3d64fcc68c034e717b9293fed7a421");
    expect_failure(EVM_BLAKE2F, EVM_ISTANBUL, "");
    expect_failure(EVM_BLAKE2F, EVM_ISTANBUL, "0000000c" ABC_BLOCK "02");
    expect_failure(EVM_BLAKE2F, EVM_ISTANBUL, "0000000c" ABC_BLOCK "0100");
    cr_assert_eq(gas(EVM_BLAKE2F, EVM_ISTANBUL, "0000000c" ABC_BLOCK "01"), 12);
}

#define LENGTHS(base, exponent, modulus)                                                           \
    "00000000000000000000000000000000000000000000000000000000000000" base                          \
    "00000000000000000000000000000000000000000000000000000000000000" exponent                      \
    "00000000000000000000000000000000000000000000000000000000000000" modulus
#define FERMAT                                                                                     \
    LENGTHS("01", "20", "20")                                                                      \
    "03fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2e"                           \
    "fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f"

/* EIP-198's first example: 3 to the p - 1 is 1 modulo p. */
Test(precompile, modexp_answers_as_eip_198_says)
{
    expect(EVM_MODEXP, EVM_BYZANTIUM, FERMAT,
           "0000000000000000000000000000000000000000000000000000000000000001");
    expect(EVM_MODEXP, EVM_BYZANTIUM,
           LENGTHS("01", "01", "02") "0302"
                                     "0005",
           "0004");
    expect(EVM_MODEXP, EVM_BYZANTIUM, LENGTHS("01", "01", "02") "0302", "0000"); /* modulus 0 */
    expect(EVM_MODEXP, EVM_BYZANTIUM,
           LENGTHS("01", "01", "01") "0302"
                                     "01",
           "00");
    expect(EVM_MODEXP, EVM_BYZANTIUM, LENGTHS("00", "00", "01") "07", "01"); /* 0^0 */
    expect(EVM_MODEXP, EVM_BYZANTIUM, "", "");
}

Test(precompile, modexp_costs_what_the_fork_says)
{
    cr_assert_eq(gas(EVM_MODEXP, EVM_BYZANTIUM, FERMAT), 13056);
    cr_assert_eq(gas(EVM_MODEXP, EVM_BERLIN, FERMAT), 1360);
    cr_assert_eq(gas(EVM_MODEXP, EVM_OSAKA, FERMAT), 4080);
    cr_assert_eq(gas(EVM_MODEXP, EVM_BYZANTIUM, ""), 0);
    cr_assert_eq(gas(EVM_MODEXP, EVM_BERLIN, ""), 200);
    cr_assert_eq(gas(EVM_MODEXP, EVM_OSAKA, ""), 500);
    cr_assert_eq(gas(EVM_MODEXP, EVM_BERLIN,
                     "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"),
                 UINT64_MAX);
}

/* EIP-7823: nothing longer than 1,024 bytes */
Test(precompile, modexp_bounds_its_lengths_from_osaka_on)
{
    const char *longer = "0000000000000000000000000000000000000000000000000000000000000401"
                         "0000000000000000000000000000000000000000000000000000000000000001"
                         "0000000000000000000000000000000000000000000000000000000000000001";
    struct buf output = {0};
    expect_failure(EVM_MODEXP, EVM_OSAKA, longer);
    cr_assert_eq(run(EVM_MODEXP, EVM_PRAGUE, longer, &output), EVM_PRECOMPILE_DONE);
    buf_free(&output);
}

#define G1                                                                                         \
    "0000000000000000000000000000000000000000000000000000000000000001"                             \
    "0000000000000000000000000000000000000000000000000000000000000002"
#define G1_MINUS                                                                                   \
    "0000000000000000000000000000000000000000000000000000000000000001"                             \
    "30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd45"
#define G1_TWICE                                                                                   \
    "030644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd3"                             \
    "15ed738c0e0a7c92e7845f96b2ae9c0a68a6a449e3538fc7ff3ebf7a5a18a2c4"
#define NOWHERE                                                                                    \
    "0000000000000000000000000000000000000000000000000000000000000000"                             \
    "0000000000000000000000000000000000000000000000000000000000000000"
#define G2                                                                                         \
    "198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2"                             \
    "1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed"                             \
    "090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b"                             \
    "12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa"
#define ONE  "0000000000000000000000000000000000000000000000000000000000000001"
#define ZERO "0000000000000000000000000000000000000000000000000000000000000000"

Test(precompile, points_add_and_multiply)
{
    expect(EVM_BN254_ADD, EVM_BYZANTIUM, G1 G1, G1_TWICE);
    expect(EVM_BN254_ADD, EVM_BYZANTIUM, G1 G1_MINUS, NOWHERE);
    expect(EVM_BN254_ADD, EVM_BYZANTIUM, G1, G1); /* the other one is missing: zeros, infinity */
    expect(EVM_BN254_ADD, EVM_BYZANTIUM, "", NOWHERE);
    expect(EVM_BN254_MUL, EVM_BYZANTIUM,
           G1 "0000000000000000000000000000000000000000000000000000000000000002", G1_TWICE);
    expect(EVM_BN254_MUL, EVM_BYZANTIUM, G1 ZERO, NOWHERE);
    expect(EVM_BN254_MUL, EVM_BYZANTIUM, /* the group's order */
           G1 "30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001", NOWHERE);
    expect(EVM_BN254_MUL, EVM_BYZANTIUM, /* the order less one */
           G1 "30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000000", G1_MINUS);
}

Test(precompile, points_off_the_curve_or_beyond_the_field_fail)
{
    expect_failure(EVM_BN254_ADD, EVM_BYZANTIUM, ONE ONE);
    expect_failure(EVM_BN254_MUL, EVM_BYZANTIUM, /* x = p + 1 */
                   "30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd48"
                   "0000000000000000000000000000000000000000000000000000000000000002");
}

Test(precompile, pairings_cancel)
{
    expect(EVM_BN254_PAIRING, EVM_BYZANTIUM, "", ONE);
    expect(EVM_BN254_PAIRING, EVM_BYZANTIUM, G1 G2, ZERO);
    expect(EVM_BN254_PAIRING, EVM_BYZANTIUM, G1 G2 G1_MINUS G2, ONE);
    expect(EVM_BN254_PAIRING, EVM_BYZANTIUM,
           G1 G2 G1 G2 "030644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd3"
                       "1a76dae6d3272396d0cbe61fced2bc532edac647851e3ac53ce1cc9c7e645a83" G2,
           ONE); /* -2 G1 */
    expect(EVM_BN254_PAIRING, EVM_BYZANTIUM, NOWHERE G2, ONE);
    expect(EVM_BN254_PAIRING, EVM_BYZANTIUM, G1 NOWHERE NOWHERE, ONE);
    expect_failure(EVM_BN254_PAIRING, EVM_BYZANTIUM, G1 G2 "00");
    expect_failure(EVM_BN254_PAIRING, EVM_BYZANTIUM, ONE ONE G2);
}

Test(precompile, more_pairs_than_one_batch_cancel_too)
{
    struct buf input = {0};
    for (int i = 0; i < 20; i++)
        buf_add_str(&input, i % 2 == 0 ? G1 G2 : G1_MINUS G2);
    buf_add_u8(&input, 0);
    expect(EVM_BN254_PAIRING, EVM_BYZANTIUM, (const char *)input.data, ONE);
    buf_free(&input);
}

/* On the twist, but of another order (or of the cofactor's): EIP-197 refuses them. */
Test(precompile, points_of_the_wrong_order_fail)
{
    static const char *const wrong[] = {
        G1 "0000000000000000000000000000000000000000000000000000000000000001"
           "0000000000000000000000000000000000000000000000000000000000000002"
           "2b76c179599bb92a963dac85546a005a777f7c13f6a7b75d5918b6b5808f5fde"
           "101f7278419308b95099eca02dcee0c5381f4d26d1d62313f057167f064101ce",
        G1 "0000000000000000000000000000000000000000000000000000000000000001"
           "0000000000000000000000000000000000000000000000000000000000000003"
           "16f36623ff7c6a394eb9190bb391072c1e41899e5fd5bf84d7132ea39ab5ab0c"
           "18317863a822ced60b87aca78e89515cb87f54f50c1600e4512dc35743fa5543",
        G1 "0df07790e16e5e7aa7001ab738c21f9084bf5c693085e47f942fa0aad2a83207"
           "26ef37aea86e322b6c5d69c5e85fa82af327f489db750f2b017bf7592324f244"
           "1ce612c9d3ff4338c62b348c64d533e732615683faea8e6e9ce648f03b04ffc2"
           "1e573608f009c378624806e5ce79142df1652823838b3ffd58fb15f9444d8157",
        NOWHERE "0a16c93bbadba1b15366fc1858d2a6c37f5062377112dc6eebe8517310476601"
                "1eb96882ef34357cbe47f67adc45165b461e20900adac5b577e3be6a97bee0e1"
                "090166155b9a637e2a860b299bdd6a8f3d46495ea875937382821ac7a63ffd1d"
                "0a2365322c675106d81420549c8e58aa8fae42d7a804f67d12a2a69995918775",
    };
    static const char *const right[] = {
        "0cc52155d015f5bfe14a977f613d2d1fc2dd71966abf025a3dea3444afb7eeed"
        "27d409ede13256511fb71acc9b73965ec3ee0cf9768aa74bfdaa33a3d1af123c"
        "0c4e19e7e4f2445558334ade78c9e7a25e33d14a264c6e7764ca0d7899a981df"
        "190aaa70c451efd5ff89aa542eedd6c7e897ab8af6cddfa401f3441593f8ec08",
        "0b2fedbf9b0f57b8e34fd40cb56f28a9f733f43ce1c1ff7f9bc798fa4d358d82"
        "078f84f7117de8b03de129eca17dc6ab6e482823bd475b5658f02bd14edf70d7"
        "11e85b806d84c95231e4007b3c3d31697668f8a4bdf482516481420253862830"
        "224d27f668965bff22f1416e0220ef7c0f8eaf1406b5ca06a03d31e579877cde",
    };
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++)
        expect_failure(EVM_BN254_PAIRING, EVM_BYZANTIUM, wrong[i]);
    for (size_t i = 0; i < ARRAY_COUNT(right); i++) {
        struct buf input = {0};
        buf_printf(&input, "%s%s%s%s", G1, right[i], G1_MINUS, right[i]);
        buf_add_u8(&input, 0);
        expect(EVM_BN254_PAIRING, EVM_BYZANTIUM, (const char *)input.data, ONE);
        buf_free(&input);
    }
}

/* RFC 6979, A.2.5: SHA-256 of "sample" */
#define P256_DIGEST "af2bdbe1aa9b6ec1e2ade1d694f41fc71a831d0268e9891562113d8a62add1bf"
#define P256_R      "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
#define P256_S      "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
#define P256_KEY                                                                                   \
    "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"                             \
    "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"

Test(precompile, p256_says_one_for_a_signature_and_nothing_otherwise)
{
    expect(EVM_P256_VERIFY, EVM_OSAKA, P256_DIGEST P256_R P256_S P256_KEY, ONE);
    expect(EVM_P256_VERIFY, EVM_OSAKA, /* n - s is as good: EIP-7951 does not ask for low s */
           P256_DIGEST P256_R
           "0834e36ad29a83bf2bc9385e491d6099c8fdf9d1ed67aa7ea5f51f93782857a9" P256_KEY,
           ONE);
    expect(EVM_P256_VERIFY, EVM_OSAKA, P256_DIGEST P256_S P256_R P256_KEY, "");
    expect(EVM_P256_VERIFY, EVM_OSAKA, P256_DIGEST ZERO P256_S P256_KEY, "");
    expect(EVM_P256_VERIFY, EVM_OSAKA, P256_DIGEST P256_R ZERO P256_KEY, "");
    expect(EVM_P256_VERIFY, EVM_OSAKA, P256_DIGEST P256_R P256_S ONE ONE, "");
    expect(EVM_P256_VERIFY, EVM_OSAKA, P256_DIGEST P256_R P256_S ZERO ZERO, "");
    expect(EVM_P256_VERIFY, EVM_OSAKA, P256_DIGEST P256_R P256_S P256_KEY "00", "");
    expect(EVM_P256_VERIFY, EVM_OSAKA, "", "");
    cr_assert_eq(gas(EVM_P256_VERIFY, EVM_OSAKA, ""), 6900);
}

Test(precompile, hashes_and_identity)
{
    expect(EVM_SHA256, EVM_FRONTIER, "616263",
           "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    expect(EVM_RIPEMD160, EVM_FRONTIER, "616263",
           "0000000000000000000000008eb208f7e05d987a9b044a8e98c6b087f15a0bfc");
    expect(EVM_IDENTITY, EVM_FRONTIER, "616263", "616263");
    cr_assert_eq(gas(EVM_SHA256, EVM_FRONTIER, "616263"), 72);
    cr_assert_eq(gas(EVM_RIPEMD160, EVM_FRONTIER, "616263"), 720);
    cr_assert_eq(gas(EVM_IDENTITY, EVM_FRONTIER, "616263"), 18);
}

Test(precompile, ecrecover_is_silent_about_what_it_cannot_recover)
{
    expect(EVM_ECRECOVER, EVM_FRONTIER, "", "");
    expect(EVM_ECRECOVER, EVM_FRONTIER,
           ONE "000000000000000000000000000000000000000000000000000000000000001b" ONE ZERO, "");
    expect(EVM_ECRECOVER, EVM_FRONTIER,
           ONE "000000000000000000000000000000000000000000000000000000000000001d" ONE ONE, "");
}

static enum evm_precompile_result on_run(const struct evm_precompile_ops *ops,
                                         enum evm_precompile id, struct span input,
                                         struct buf *output)
{
    (void)ops;
    buf_add_u8(output, (uint8_t)id);
    return input.size == 0 ? EVM_PRECOMPILE_DONE : EVM_PRECOMPILE_FAILED;
}

Test(precompile, other_curves_come_through_the_table_or_are_absent)
{
    static const struct evm_precompile_ops ops = {on_run};
    struct buf output = {0};
    for (unsigned id = EVM_KZG_POINT; id <= EVM_BLS_MAP_FP2; id++) {
        buf_clear(&output);
        cr_assert_eq(
            evm_precompile_run((enum evm_precompile)id, EVM_OSAKA, NULL, NULL, SPAN_EMPTY, &output),
            EVM_PRECOMPILE_ABSENT);
        cr_assert_eq(
            evm_precompile_run((enum evm_precompile)id, EVM_OSAKA, NULL, &ops, SPAN_EMPTY, &output),
            EVM_PRECOMPILE_DONE);
        cr_assert_eq(output.data[0], id);
    }
    buf_free(&output);
}

/* EIP-2537's table of discounts: its first, last and an odd entry. */
Test(precompile, bls_costs_follow_eip_2537)
{
    static uint8_t zeros[200 * 288];
    cr_assert_eq(evm_precompile_gas(EVM_BLS_G1_ADD, EVM_PRAGUE, SPAN(zeros, 256)), 375);
    cr_assert_eq(evm_precompile_gas(EVM_BLS_G1_MSM, EVM_PRAGUE, SPAN(zeros, 160)), 12000);
    cr_assert_eq(evm_precompile_gas(EVM_BLS_G1_MSM, EVM_PRAGUE, SPAN(zeros, 160 * 2)), 22776);
    cr_assert_eq(evm_precompile_gas(EVM_BLS_G1_MSM, EVM_PRAGUE, SPAN(zeros, 160 * 128)), 797184);
    cr_assert_eq(evm_precompile_gas(EVM_BLS_G1_MSM, EVM_PRAGUE, SPAN(zeros, 160 * 129)), 803412);
    cr_assert_eq(evm_precompile_gas(EVM_BLS_G2_MSM, EVM_PRAGUE, SPAN(zeros, 288 * 3)), 62302);
    cr_assert_eq(evm_precompile_gas(EVM_BLS_PAIRING, EVM_PRAGUE, SPAN(zeros, 384 * 2)), 102900);
}
