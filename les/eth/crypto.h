/* The one home of libsecp256k1 and of OpenSSL's primitives. Keys are plain bytes; secrets are wiped
 * on free. Public keys are the 64 bytes x || y, without the 0x04 prefix, as on the devp2p wire. */
#ifndef LES_ETH_CRYPTO_H
#define LES_ETH_CRYPTO_H

#include "les/eth/types.h"

struct pubkey64 {
    uint8_t bytes[64];
};
struct seckey32 {
    uint8_t bytes[32];
};
/* r || s || v with v in {0, 1}. */
struct sig65 {
    uint8_t bytes[65];
};

/* One context per thread; holds secp256k1 precomputation, randomised with seed32. */
struct crypto;
struct crypto *crypto_new(const uint8_t seed32[32]);
void crypto_free(struct crypto *crypto);
/* For development chains alone, and before anything else uses crypto: tx_sender then takes the
 * senders that tx_sign_as has put in place of signatures. */
void crypto_impersonate(struct crypto *crypto);
bool crypto_impersonates(const struct crypto *crypto);

bool crypto_seckey_valid(const struct crypto *crypto, const struct seckey32 *secret) WARN_UNUSED;
void crypto_pubkey(const struct crypto *crypto, struct pubkey64 *out,
                   const struct seckey32 *secret);
/* Deterministic (RFC 6979), low s. */
void crypto_sign(const struct crypto *crypto, struct sig65 *out, const struct hash32 *digest,
                 const struct seckey32 *secret);
/* False: not a valid signature of anything; out is zeroed. High s is accepted (the caller checks
 * where a fork forbids it). */
bool crypto_recover(const struct crypto *crypto, struct pubkey64 *out, const struct hash32 *digest,
                    const struct sig65 *sig) WARN_UNUSED;
/* Verifies r || s against a known key; s must be low. */
bool crypto_verify(const struct crypto *crypto, const struct hash32 *digest,
                   const uint8_t sig64[64], const struct pubkey64 *key) WARN_UNUSED;
/* The x coordinate of secret * key, not hashed. False: key is not on the curve. */
bool crypto_ecdh(const struct crypto *crypto, struct hash32 *out, const struct seckey32 *secret,
                 const struct pubkey64 *key) WARN_UNUSED;
bool crypto_compress(const struct crypto *crypto, uint8_t out33[33],
                     const struct pubkey64 *key) WARN_UNUSED;
bool crypto_decompress(const struct crypto *crypto, struct pubkey64 *out,
                       const uint8_t in33[33]) WARN_UNUSED;
void crypto_address(struct address20 *out, const struct pubkey64 *key); /* keccak(key)[12..] */

void sha256(struct hash32 *out, struct span bytes);
void hmac_sha256(struct hash32 *out, struct span key, const struct span *parts, size_t parts_count);
void ripemd160(uint8_t out20[20], struct span bytes);
void sha1(uint8_t out20[20], struct span bytes); /* for the opening of a WebSocket only */

/* AES in counter mode; the stream goes on over calls. in and out may be the same memory. */
struct aes_ctr;
struct aes_ctr *aes_ctr_new(struct span key /* 16 or 32 */, const uint8_t iv16[16]);
void aes_ctr_xor(struct aes_ctr *aes, uint8_t *out, const uint8_t *in, size_t size);
void aes_ctr_free(struct aes_ctr *aes);
/* One block of AES-256 in ECB mode, for the RLPx MAC. */
struct aes_block;
struct aes_block *aes_block_new(const uint8_t key32[32]);
void aes_block_encrypt(struct aes_block *aes, uint8_t out16[16], const uint8_t in16[16]);
void aes_block_free(struct aes_block *aes);

bool crypto_equal(const void *a, const void *b, size_t size); /* constant time */

#endif
