/* Bytes of go-ethereum that touch keys, RLP and fork ids: the golden and captured values of a LES
 * session. */
#include "les/eth/crypto.h"
#include "les/eth/keccak.h"
#include "les/eth/rlp.h"
#include "les/eth/u256.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>

TestSuite(eth_golden, .fini = fixture_leak_gate);

#define KEY_A       "49a7b37aa6f6645917e7b807e9d1c00d4fa71f18343b0d4122a4d2df64dd6fee"
#define KEY_B       "b71c71a67e1177ad4e901695e1b4b9ee17ae16c6668d313eac2f96dbcda3f291"
#define EPHEMERAL_A "869d6ecf5211f1cc60418a13b9d870b22959d0c16f02bec714c960dd2298a32d"
#define NONCE_A     "7e968bba13b6c50e2c4cd7f241cc0d64d1ac25c7f5952df231ac6a2bda8ee5d6"

static struct crypto *new_crypto(void)
{
    static const uint8_t seed[32] = {8};
    return crypto_new(seed);
}

static struct seckey32 secret_of(const char *hex)
{
    struct seckey32 secret;
    fixture_hex_exact(secret.bytes, 32, hex);
    return secret;
}

/* [hash, number, td], as a LES server signs its announcements. */
static void add_head(struct buf *out, const char *hash_hex, uint64_t number, const char *td_hex)
{
    struct hash32 hash;
    struct buf td_bytes = fixture_hex(td_hex);
    struct u256 td;
    fixture_hex_exact(hash.bytes, 32, hash_hex);
    u256_from_be(&td, buf_span(&td_bytes));
    size_t mark = rlp_list_begin(out);
    rlp_add_hash(out, &hash);
    rlp_add_u64(out, number);
    rlp_add_u256(out, &td);
    rlp_list_end(out, mark);
    buf_free(&td_bytes);
}

Test(eth_golden, an_announcement_is_signed_byte_for_byte)
{
    struct crypto *crypto = new_crypto();
    struct seckey32 secret = secret_of(KEY_B);
    struct pubkey64 key;
    struct hash32 digest, id;
    struct sig65 sig;
    struct buf payload = {0};
    crypto_pubkey(crypto, &key, &secret);
    keccak256(&id, SPAN(key.bytes, 64));
    fixture_expect_hex(SPAN(id.bytes, 32),
                       "a448f24c6d18e575453db13171562b71999873db5b286df957af199ec94617f7");
    add_head(&payload, "94365e3a8c0b35089c1d1195081fe7489b528a84b22199c916180db8b28ade7f", 1920000,
             "02240c16eb8a228d18");
    fixture_expect_hex(buf_span(&payload),
                       "efa094365e3a8c0b35089c1d1195081fe7489b528a84b22199c916180db8b28ade7f"
                       "831d4c008902240c16eb8a228d18");
    keccak256(&digest, buf_span(&payload));
    fixture_expect_hex(SPAN(digest.bytes, 32),
                       "b89774494a74935eb87ff854d2cd38c0edd4bd95d1ece7718f5644966900302f");
    crypto_sign(crypto, &sig, &digest, &secret);
    fixture_expect_hex(SPAN(sig.bytes, 65),
                       "7ac387a29f8a4dbb1b3cc0043c063fb3ccc32ad9440a8e3d18dc7f661cc1ea0b"
                       "5bf64712c1aad7f83f4b44e24f0d61cb80d6760c5197fc33f0396cd2a400cd8401");
    buf_free(&payload);
    crypto_free(crypto);
}

/* Captured from a live server with node key A: block 201. */
Test(eth_golden, a_live_announcement_recovers_its_server)
{
    struct crypto *crypto = new_crypto();
    struct seckey32 secret = secret_of(KEY_A);
    struct pubkey64 key, recovered;
    struct hash32 digest;
    struct sig65 sig;
    struct buf payload = {0};
    add_head(&payload, "db9ec9a0d1d0cc41389b03ce52ebc183ddcaf0afb22982d40fad19c57548bf6d", 201,
             "01940000");
    keccak256(&digest, buf_span(&payload));
    fixture_hex_exact(sig.bytes, 65,
                      "5ef429d650f965f10a968826c1531a473502ca61b64fb77c78846e324f75cee5"
                      "59e5a43d88f18f668cd25b5cfd62398b6d27082e42f35df38d8f50966eb79aa700");
    crypto_pubkey(crypto, &key, &secret);
    cr_assert(crypto_recover(crypto, &recovered, &digest, &sig));
    cr_assert_eq(memcmp(&key, &recovered, sizeof key), 0);
    crypto_sign(crypto, &sig, &digest, &secret);
    cr_assert_eq(sig.bytes[0], 0x5e, "the server signed deterministically too");
    buf_free(&payload);
    crypto_free(crypto);
}

/* The signature of the EIP-8 auth packet: the ephemeral key signs static-shared XOR nonce. */
Test(eth_golden, the_handshake_signature_of_eip8)
{
    struct crypto *crypto = new_crypto();
    struct seckey32 a = secret_of(KEY_A), b = secret_of(KEY_B), ephemeral = secret_of(EPHEMERAL_A);
    struct pubkey64 key_b, key_ephemeral, recovered;
    struct hash32 shared, nonce;
    struct sig65 sig;
    crypto_pubkey(crypto, &key_b, &b);
    crypto_pubkey(crypto, &key_ephemeral, &ephemeral);
    cr_assert(crypto_ecdh(crypto, &shared, &a, &key_b));
    fixture_hex_exact(nonce.bytes, 32, NONCE_A);
    for (int i = 0; i < 32; i++)
        shared.bytes[i] ^= nonce.bytes[i];
    fixture_hex_exact(sig.bytes, 65,
                      "299ca6acfd35e3d72d8ba3d1e2b60b5561d5af5218eb5bc182045769eb422691"
                      "0a301acae3b369fffc4a4899d6b02531e89fd4fe36a2cf0d93607ba470b50f7800");
    cr_assert(crypto_recover(crypto, &recovered, &shared, &sig));
    cr_assert_eq(memcmp(&recovered, &key_ephemeral, sizeof recovered), 0);
    crypto_free(crypto);
}

/* The node record of the ENR specification: node key B, v4 identity over [1, "id", "v4", "ip",
 * ...]. */
Test(eth_golden, a_node_record_verifies_with_its_compressed_key)
{
    struct crypto *crypto = new_crypto();
    struct seckey32 secret = secret_of(KEY_B);
    struct pubkey64 key;
    struct hash32 digest;
    uint8_t key33[33];
    struct buf content = {0};
    crypto_pubkey(crypto, &key, &secret);
    cr_assert(crypto_compress(crypto, key33, &key));
    fixture_expect_hex(SPAN(key33, 33),
                       "03ca634cae0d49acb401d8a4c6b6fe8c55b70d115bf400769cc1400f3258cd3138");
    size_t mark = rlp_list_begin(&content);
    rlp_add_u64(&content, 1);
    rlp_add_bytes(&content, SPAN_STR("id"));
    rlp_add_bytes(&content, SPAN_STR("v4"));
    rlp_add_bytes(&content, SPAN_STR("ip"));
    rlp_add_bytes(&content, SPAN("\x7f\0\0\1", 4));
    rlp_add_bytes(&content, SPAN_STR("secp256k1"));
    rlp_add_bytes(&content, SPAN(key33, 33));
    rlp_add_bytes(&content, SPAN_STR("udp"));
    rlp_add_u64(&content, 30303);
    rlp_list_end(&content, mark);
    keccak256(&digest, buf_span(&content));
    uint8_t sig64[64];
    fixture_hex_exact(sig64, 64,
                      "7098ad865b00a582051940cb9cf36836572411a47278783077011599ed5cd16b"
                      "76f2635f4e234738f30813a89eb9137e3e3df5266e3a1f11df72ecf1145ccb9c");
    cr_assert(crypto_verify(crypto, &digest, sig64, &key));
    sig64[5] ^= 1;
    cr_assert_not(crypto_verify(crypto, &digest, sig64, &key));
    buf_free(&content);
    crypto_free(crypto);
}
