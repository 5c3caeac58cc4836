#include "les/eth/crypto.h"
#include "les/eth/keccak.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>

TestSuite(crypto, .fini = fixture_leak_gate);

static struct crypto *new_crypto(void)
{
    static const uint8_t seed[32] = {3, 1, 4};
    return crypto_new(seed);
}

static void secret_of(struct seckey32 *out, uint8_t byte)
{
    memset(out->bytes, byte, 32);
}

Test(crypto, what_was_signed_is_recovered_and_verified)
{
    struct crypto *crypto = new_crypto();
    for (uint8_t i = 1; i < 100; i++) {
        struct seckey32 secret;
        struct pubkey64 key, recovered;
        struct hash32 digest;
        struct sig65 sig, again;
        secret_of(&secret, i);
        keccak256(&digest, SPAN(&i, 1));
        crypto_pubkey(crypto, &key, &secret);
        crypto_sign(crypto, &sig, &digest, &secret);
        crypto_sign(crypto, &again, &digest, &secret);
        cr_assert_eq(memcmp(&sig, &again, sizeof sig), 0, "signatures are deterministic");
        cr_assert(crypto_recover(crypto, &recovered, &digest, &sig));
        cr_assert_eq(memcmp(&key, &recovered, sizeof key), 0);
        cr_assert(crypto_verify(crypto, &digest, sig.bytes, &key));
        digest.bytes[i % 32] ^= 1;
        cr_assert_not(crypto_verify(crypto, &digest, sig.bytes, &key));
        cr_assert(!crypto_recover(crypto, &recovered, &digest, &sig) ||
                  memcmp(&key, &recovered, sizeof key) != 0);
    }
    crypto_free(crypto);
}

Test(crypto, impossible_signatures_recover_nothing)
{
    struct crypto *crypto = new_crypto();
    struct seckey32 secret;
    struct hash32 digest = {{1}};
    struct sig65 good, bad;
    struct pubkey64 key, zero;
    memset(&zero, 0, sizeof zero);
    secret_of(&secret, 5);
    crypto_sign(crypto, &good, &digest, &secret);
    static const struct {
        size_t at, size;
        uint8_t byte;
    } damages[] = {{0, 32, 0}, {32, 32, 0}, {0, 32, 0xff}, {32, 32, 0xff}, {64, 1, 2}, {64, 1, 27}};
    for (size_t i = 0; i < ARRAY_COUNT(damages); i++) {
        bad = good;
        memset(bad.bytes + damages[i].at, damages[i].byte, damages[i].size);
        cr_assert_not(crypto_recover(crypto, &key, &digest, &bad), "case %zu", i);
        cr_assert_eq(memcmp(&key, &zero, sizeof zero), 0);
    }
    crypto_free(crypto);
}

/* n - s with the other recovery id signs the same: recovery takes it, verification wants it low. */
Test(crypto, high_s_is_recovered_but_not_verified)
{
    static const char *const order =
        "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
    struct crypto *crypto = new_crypto();
    struct seckey32 secret;
    struct hash32 digest = {{9}};
    struct sig65 sig;
    struct pubkey64 key, recovered;
    uint8_t n[32];
    fixture_hex_exact(n, sizeof n, order);
    secret_of(&secret, 6);
    crypto_pubkey(crypto, &key, &secret);
    crypto_sign(crypto, &sig, &digest, &secret);
    int borrow = 0;
    for (size_t i = 32; i-- > 0;) {
        int difference = n[i] - sig.bytes[32 + i] - borrow;
        borrow = difference < 0;
        sig.bytes[32 + i] = (uint8_t)difference;
    }
    sig.bytes[64] ^= 1;
    cr_assert(crypto_recover(crypto, &recovered, &digest, &sig));
    cr_assert_eq(memcmp(&key, &recovered, sizeof key), 0);
    cr_assert_not(crypto_verify(crypto, &digest, sig.bytes, &key));
    crypto_free(crypto);
}

Test(crypto, both_sides_of_a_key_exchange_agree)
{
    struct crypto *crypto = new_crypto();
    struct seckey32 a, b;
    struct pubkey64 key_a, key_b, off_curve = {{1}};
    struct hash32 shared_a, shared_b;
    secret_of(&a, 11);
    secret_of(&b, 12);
    crypto_pubkey(crypto, &key_a, &a);
    crypto_pubkey(crypto, &key_b, &b);
    cr_assert(crypto_ecdh(crypto, &shared_a, &a, &key_b));
    cr_assert(crypto_ecdh(crypto, &shared_b, &b, &key_a));
    cr_assert(hash32_equal(&shared_a, &shared_b));
    cr_assert_not(crypto_ecdh(crypto, &shared_a, &a, &off_curve));
    cr_assert(hash32_is_zero(&shared_a));
    crypto_free(crypto);
}

Test(crypto, the_secret_one_shares_the_bare_x_coordinate)
{
    struct crypto *crypto = new_crypto();
    struct seckey32 one = {{0}}, b;
    struct pubkey64 key;
    struct hash32 shared;
    one.bytes[31] = 1;
    secret_of(&b, 13);
    crypto_pubkey(crypto, &key, &b);
    cr_assert(crypto_ecdh(crypto, &shared, &one, &key));
    cr_assert_eq(memcmp(shared.bytes, key.bytes, 32), 0);
    crypto_free(crypto);
}

Test(crypto, keys_compress_and_come_back)
{
    struct crypto *crypto = new_crypto();
    uint8_t small[33];
    struct pubkey64 key, back, off_curve = {{1}};
    for (uint8_t i = 1; i < 20; i++) {
        struct seckey32 secret;
        secret_of(&secret, i);
        crypto_pubkey(crypto, &key, &secret);
        cr_assert(crypto_compress(crypto, small, &key));
        cr_assert_eq(small[0], 2 + (key.bytes[63] & 1));
        cr_assert(crypto_decompress(crypto, &back, small));
        cr_assert_eq(memcmp(&key, &back, sizeof key), 0);
    }
    cr_assert_not(crypto_compress(crypto, small, &off_curve));
    small[0] = 4;
    cr_assert_not(crypto_decompress(crypto, &back, small));
    crypto_free(crypto);
}

Test(crypto, secrets_outside_the_group_are_invalid)
{
    struct crypto *crypto = new_crypto();
    struct seckey32 zero = {{0}}, high, good;
    secret_of(&high, 0xff);
    secret_of(&good, 1);
    cr_assert_not(crypto_seckey_valid(crypto, &zero));
    cr_assert_not(crypto_seckey_valid(crypto, &high));
    cr_assert(crypto_seckey_valid(crypto, &good));
    crypto_free(crypto);
}

/* FIPS 180-2, RFC 4231 cases 1 and 2, the RIPEMD-160 authors' page. */
Test(crypto, known_digests)
{
    struct hash32 digest;
    uint8_t short_digest[20];
    sha256(&digest, SPAN_STR("abc"));
    fixture_expect_hex(SPAN(digest.bytes, 32),
                       "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    sha256(&digest, SPAN_EMPTY);
    fixture_expect_hex(SPAN(digest.bytes, 32),
                       "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    ripemd160(short_digest, SPAN_STR("abc"));
    fixture_expect_hex(SPAN(short_digest, 20), "8eb208f7e05d987a9b044a8e98c6b087f15a0bfc");
    ripemd160(short_digest, SPAN_EMPTY);
    fixture_expect_hex(SPAN(short_digest, 20), "9c1185a5c5e9fc54612808977ee8f548b2258d31");

    struct buf key = fixture_hex("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b");
    struct span parts[] = {SPAN_STR("Hi "), SPAN_EMPTY, SPAN_STR("There")};
    hmac_sha256(&digest, buf_span(&key), parts, ARRAY_COUNT(parts));
    fixture_expect_hex(SPAN(digest.bytes, 32),
                       "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    struct span question = SPAN_STR("what do ya want for nothing?");
    hmac_sha256(&digest, SPAN_STR("Jefe"), &question, 1);
    fixture_expect_hex(SPAN(digest.bytes, 32),
                       "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    hmac_sha256(&digest, SPAN_EMPTY, NULL, 0);
    fixture_expect_hex(SPAN(digest.bytes, 32),
                       "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
    buf_free(&key);
}

/* NIST SP 800-38A, F.5.1 and F.5.5; FIPS 197, C.3. */
Test(crypto, aes_as_published)
{
    static const char *const plain =
        "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51";
    static const struct {
        const char *key, *cipher;
    } cases[] = {
        {"2b7e151628aed2a6abf7158809cf4f3c",
         "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff"},
        {"603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
         "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct buf key = fixture_hex(cases[i].key);
        uint8_t iv[16], bytes[32];
        fixture_hex_exact(iv, 16, "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff");
        fixture_hex_exact(bytes, 32, plain);
        struct aes_ctr *aes = aes_ctr_new(buf_span(&key), iv);
        aes_ctr_xor(aes, bytes, bytes, 5); /* the stream goes on over calls */
        aes_ctr_xor(aes, bytes + 5, bytes + 5, 0);
        aes_ctr_xor(aes, bytes + 5, bytes + 5, 27);
        fixture_expect_hex(SPAN(bytes, 32), cases[i].cipher);
        aes_ctr_free(aes);
        buf_free(&key);
    }
    uint8_t key[32], block[16];
    fixture_hex_exact(key, 32, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
    struct aes_block *aes = aes_block_new(key);
    for (int twice = 0; twice < 2; twice++) { /* a block leaves nothing behind */
        fixture_hex_exact(block, 16, "00112233445566778899aabbccddeeff");
        aes_block_encrypt(aes, block, block);
        fixture_expect_hex(SPAN(block, 16), "8ea2b7ca516745bfeafc49904b496089");
    }
    aes_block_free(aes);
}

Test(crypto, equal_compares_all_bytes)
{
    cr_assert(crypto_equal("abcd", "abcd", 4));
    cr_assert_not(crypto_equal("abcd", "abce", 4));
    cr_assert(crypto_equal("abcd", "abce", 3));
}
