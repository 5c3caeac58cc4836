/* Base64 in the URL alphabet and base32, both without padding (RFC 4648), as node records and DNS
 * trees write them. */
#ifndef LES_P2P_BASETEXT_H
#define LES_P2P_BASETEXT_H

#include "les/base/bytes.h"

void base64url_encode(struct buf *out, struct span bytes);
void base32_encode(struct buf *out, struct span bytes); /* upper case */
/* Append what text stands for. False, and nothing appended: a character outside the alphabet,
 * padding, an impossible length, or left- over bits that are not zero. */
bool base64url_decode(struct buf *out, struct span text) WARN_UNUSED;
bool base32_decode(struct buf *out, struct span text) WARN_UNUSED; /* upper case only */

#endif
