/* ECIES as RLPx uses it (devp2p rlpx.md): secp256k1, concat-KDF over SHA-256, AES-128-CTR,
 * HMAC-SHA-256. Wire form: 0x04 || R 64 || iv 16 || c || tag 32. */
#ifndef LES_P2P_ECIES_H
#define LES_P2P_ECIES_H

#include "les/eth/crypto.h"

#define ECIES_OVERHEAD 113

/* Appends plain.size + ECIES_OVERHEAD bytes. ephemeral must be valid, it and iv16 used once only.
 * auth_data is authenticated, not sent. False: to is not on the curve; nothing was appended. */
bool ecies_encrypt(struct buf *out, const struct crypto *crypto, const struct pubkey64 *to,
                   struct span plain, struct span auth_data, const struct seckey32 *ephemeral,
                   const uint8_t iv16[16]) WARN_UNUSED;
/* Appends the plain text, only if the tag is right. False: it was not meant for this key or was
 * changed; nothing was appended. */
bool ecies_decrypt(struct buf *out, const struct crypto *crypto, const struct seckey32 *key,
                   struct span packet, struct span auth_data) WARN_UNUSED;

#endif
