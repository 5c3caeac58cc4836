/* ECDSA over NIST P-256 (secp256r1), for EIP-7951. */
#ifndef LES_ETH_CRYPTO_P256_H
#define LES_ETH_CRYPTO_P256_H

#include "les/eth/types.h"

/* Is sig64 (r || s) a signature of digest32 by key64 (x || y)? High s is accepted. r, s and the key
 * are checked. */
bool p256_verify(const uint8_t digest32[32], const uint8_t sig64[64],
                 const uint8_t key64[64]) WARN_UNUSED;

#endif
