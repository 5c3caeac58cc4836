#include "les/eth/crypto.h"

#include "les/eth/keccak.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <secp256k1.h>
#include <secp256k1_ecdh.h>
#include <secp256k1_recovery.h>

struct crypto {
    secp256k1_context *secp;
    bool impersonates;
};

/* ---- secp256k1 ---- */

struct crypto *crypto_new(const uint8_t seed32[32])
{
    struct crypto *crypto = mem_alloc(sizeof *crypto);
    crypto->secp = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
    ASSERT(crypto->secp != NULL);
    bool randomized = secp256k1_context_randomize(crypto->secp, seed32) == 1;
    ASSERT(randomized);
    return crypto;
}

void crypto_free(struct crypto *crypto)
{
    if (crypto == NULL)
        return;
    secp256k1_context_destroy(crypto->secp);
    mem_free(crypto);
}

void crypto_impersonate(struct crypto *crypto)
{
    crypto->impersonates = true;
}

bool crypto_impersonates(const struct crypto *crypto)
{
    return crypto->impersonates;
}

static bool key_parse(const struct crypto *crypto, secp256k1_pubkey *out,
                      const struct pubkey64 *key)
{
    uint8_t bytes65[65];
    bytes65[0] = 0x04;
    memcpy(bytes65 + 1, key->bytes, 64);
    return secp256k1_ec_pubkey_parse(crypto->secp, out, bytes65, sizeof bytes65) == 1;
}

static void key_serialize(const struct crypto *crypto, struct pubkey64 *out,
                          const secp256k1_pubkey *key)
{
    uint8_t bytes65[65];
    size_t size = sizeof bytes65;
    (void)secp256k1_ec_pubkey_serialize(crypto->secp, bytes65, &size, key,
                                        SECP256K1_EC_UNCOMPRESSED); /* always succeeds */
    memcpy(out->bytes, bytes65 + 1, 64);
}

bool crypto_seckey_valid(const struct crypto *crypto, const struct seckey32 *secret)
{
    return secp256k1_ec_seckey_verify(crypto->secp, secret->bytes) == 1;
}

void crypto_pubkey(const struct crypto *crypto, struct pubkey64 *out, const struct seckey32 *secret)
{
    secp256k1_pubkey key;
    bool created = secp256k1_ec_pubkey_create(crypto->secp, &key, secret->bytes) == 1;
    ASSERT(created);
    key_serialize(crypto, out, &key);
}

void crypto_sign(const struct crypto *crypto, struct sig65 *out, const struct hash32 *digest,
                 const struct seckey32 *secret)
{
    secp256k1_ecdsa_recoverable_signature sig;
    bool signed_ok = secp256k1_ecdsa_sign_recoverable(crypto->secp, &sig, digest->bytes,
                                                      secret->bytes, NULL, NULL) == 1;
    ASSERT(signed_ok);
    int recovery_id = 0;
    (void)secp256k1_ecdsa_recoverable_signature_serialize_compact(crypto->secp, out->bytes,
                                                                  &recovery_id, &sig);
    ASSERT(recovery_id < 2); /* 2 and 3 need an r above the group order: one in 2^127 */
    out->bytes[64] = (uint8_t)recovery_id;
}

bool crypto_recover(const struct crypto *crypto, struct pubkey64 *out, const struct hash32 *digest,
                    const struct sig65 *sig)
{
    secp256k1_ecdsa_recoverable_signature parsed;
    secp256k1_pubkey key;
    memset(out, 0, sizeof *out);
    if (sig->bytes[64] > 1 ||
        secp256k1_ecdsa_recoverable_signature_parse_compact(crypto->secp, &parsed, sig->bytes,
                                                            sig->bytes[64]) != 1 ||
        secp256k1_ecdsa_recover(crypto->secp, &key, &parsed, digest->bytes) != 1)
        return false;
    key_serialize(crypto, out, &key);
    return true;
}

bool crypto_verify(const struct crypto *crypto, const struct hash32 *digest,
                   const uint8_t sig64[64], const struct pubkey64 *key)
{
    secp256k1_ecdsa_signature sig;
    secp256k1_pubkey parsed;
    return secp256k1_ecdsa_signature_parse_compact(crypto->secp, &sig, sig64) == 1 &&
           key_parse(crypto, &parsed, key) &&
           secp256k1_ecdsa_verify(crypto->secp, &sig, digest->bytes, &parsed) == 1;
}

static int on_ecdh_point(unsigned char *output, const unsigned char *x32, const unsigned char *y32,
                         void *data)
{
    (void)y32;
    (void)data;
    memcpy(output, x32, 32);
    return 1;
}

bool crypto_ecdh(const struct crypto *crypto, struct hash32 *out, const struct seckey32 *secret,
                 const struct pubkey64 *key)
{
    secp256k1_pubkey parsed;
    if (key_parse(crypto, &parsed, key) &&
        secp256k1_ecdh(crypto->secp, out->bytes, &parsed, secret->bytes, on_ecdh_point, NULL) == 1)
        return true;
    memset(out, 0, sizeof *out);
    return false;
}

bool crypto_compress(const struct crypto *crypto, uint8_t out33[33], const struct pubkey64 *key)
{
    secp256k1_pubkey parsed;
    memset(out33, 0, 33);
    if (!key_parse(crypto, &parsed, key))
        return false;
    size_t size = 33;
    (void)secp256k1_ec_pubkey_serialize(crypto->secp, out33, &size, &parsed,
                                        SECP256K1_EC_COMPRESSED); /* always succeeds */
    return true;
}

bool crypto_decompress(const struct crypto *crypto, struct pubkey64 *out, const uint8_t in33[33])
{
    secp256k1_pubkey parsed;
    memset(out, 0, sizeof *out);
    if (secp256k1_ec_pubkey_parse(crypto->secp, &parsed, in33, 33) != 1)
        return false;
    key_serialize(crypto, out, &parsed);
    return true;
}

void crypto_address(struct address20 *out, const struct pubkey64 *key)
{
    struct hash32 hash;
    keccak256(&hash, SPAN(key->bytes, 64));
    memcpy(out->bytes, hash.bytes + 12, 20);
}

/* ---- OpenSSL: digests ----
 * A failing call here means that the library is missing an algorithm it always ships: no caller
 * could go on. */

void sha256(struct hash32 *out, struct span bytes)
{
    bool done = EVP_Digest(bytes.data, bytes.size, out->bytes, NULL, EVP_sha256(), NULL) == 1;
    ASSERT(done);
}

void ripemd160(uint8_t out20[20], struct span bytes)
{
    bool done = EVP_Digest(bytes.data, bytes.size, out20, NULL, EVP_ripemd160(), NULL) == 1;
    ASSERT(done);
}

void sha1(uint8_t out20[20], struct span bytes)
{
    bool done = EVP_Digest(bytes.data, bytes.size, out20, NULL, EVP_sha1(), NULL) == 1;
    ASSERT(done);
}

void hmac_sha256(struct hash32 *out, struct span key, const struct span *parts, size_t parts_count)
{
    char digest_name[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string("digest", digest_name, 0),
        OSSL_PARAM_construct_end(),
    };
    EVP_MAC *algorithm = EVP_MAC_fetch(NULL, "HMAC", NULL);
    ASSERT(algorithm != NULL);
    EVP_MAC_CTX *mac = EVP_MAC_CTX_new(algorithm);
    ASSERT(mac != NULL);
    static const uint8_t no_key[1];
    const uint8_t *key_data = key.size > 0 ? key.data : no_key;
    bool done = EVP_MAC_init(mac, key_data, key.size, params) == 1;
    for (size_t i = 0; i < parts_count; i++)
        done = done && EVP_MAC_update(mac, parts[i].data, parts[i].size) == 1;
    size_t size = 0;
    done = done && EVP_MAC_final(mac, out->bytes, &size, sizeof out->bytes) == 1;
    ASSERT(done && size == 32);
    EVP_MAC_CTX_free(mac);
    EVP_MAC_free(algorithm);
}

/* ---- OpenSSL: AES ---- */

#define CHUNK_SIZE_MAX (1u << 30) /* EVP counts in int */

/* A started cipher; EVP_CIPHER_CTX wipes its key when it is freed. */
static EVP_CIPHER_CTX *cipher_new(const EVP_CIPHER *cipher, const uint8_t *key, const uint8_t *iv)
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    ASSERT(context != NULL);
    bool started = EVP_EncryptInit_ex2(context, cipher, key, iv, NULL) == 1;
    ASSERT(started);
    EVP_CIPHER_CTX_set_padding(context, 0);
    return context;
}

static void cipher_run(EVP_CIPHER_CTX *context, uint8_t *out, const uint8_t *in, size_t size)
{
    while (size > 0) {
        size_t part = size < CHUNK_SIZE_MAX ? size : CHUNK_SIZE_MAX;
        int written = 0;
        bool done = EVP_EncryptUpdate(context, out, &written, in, (int)part) == 1;
        ASSERT(done && written == (int)part);
        out += part;
        in += part;
        size -= part;
    }
}

struct aes_ctr {
    EVP_CIPHER_CTX *context;
};

struct aes_ctr *aes_ctr_new(struct span key, const uint8_t iv16[16])
{
    ASSERT(key.size == 16 || key.size == 32);
    struct aes_ctr *aes = mem_alloc(sizeof *aes);
    aes->context =
        cipher_new(key.size == 16 ? EVP_aes_128_ctr() : EVP_aes_256_ctr(), key.data, iv16);
    return aes;
}

void aes_ctr_xor(struct aes_ctr *aes, uint8_t *out, const uint8_t *in, size_t size)
{
    cipher_run(aes->context, out, in, size);
}

void aes_ctr_free(struct aes_ctr *aes)
{
    if (aes == NULL)
        return;
    EVP_CIPHER_CTX_free(aes->context);
    mem_free(aes);
}

struct aes_block {
    EVP_CIPHER_CTX *context;
};

struct aes_block *aes_block_new(const uint8_t key32[32])
{
    struct aes_block *aes = mem_alloc(sizeof *aes);
    aes->context = cipher_new(EVP_aes_256_ecb(), key32, NULL);
    return aes;
}

void aes_block_encrypt(struct aes_block *aes, uint8_t out16[16], const uint8_t in16[16])
{
    cipher_run(aes->context, out16, in16, 16);
}

void aes_block_free(struct aes_block *aes)
{
    if (aes == NULL)
        return;
    EVP_CIPHER_CTX_free(aes->context);
    mem_free(aes);
}

bool crypto_equal(const void *a, const void *b, size_t size)
{
    return CRYPTO_memcmp(a, b, size) == 0;
}
