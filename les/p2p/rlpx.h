/* The RLPx transport (devp2p rlpx.md, EIP-8): ECIES handshake, then encrypted and authenticated
 * frames. A pure machine: bytes go in, events and bytes come out; no I/O, no clock, chance is an
 * argument.
 *
 *     rlpx_feed(rlpx, bytes)              whatever the network brought
 *     while (event = rlpx_next(...)) ...  until RLPX_MORE
 *     bytes to send are appended to the buf that the caller gives
 *
 * The initiator speaks EIP-8. The recipient accepts EIP-8 and the plain form of before and answers
 * in kind. */
#ifndef LES_P2P_RLPX_H
#define LES_P2P_RLPX_H

#include "les/eth/crypto.h"

/* What one handshake needs of chance; from loop_random, fixed in vectors. Wiped by the machine
 * after use. */
struct rlpx_chance {
    struct seckey32 ephemeral; /* must be valid: crypto_seckey_valid */
    struct hash32 nonce;
    struct seckey32 ecies; /* R = ecies * G; must be valid */
    uint8_t iv16[16];
    uint8_t padding; /* EIP-8: 100 + padding % 100 random-length zero bytes after the body */
};

struct rlpx;
/* Appends the auth packet to out. NULL: remote is not a point of the curve. crypto must outlive the
 * machine. */
struct rlpx *rlpx_new_initiator(struct crypto *crypto, const struct seckey32 *key,
                                const struct pubkey64 *remote, const struct rlpx_chance *chance,
                                struct buf *out) WARN_UNUSED;
struct rlpx *rlpx_new_recipient(struct crypto *crypto, const struct seckey32 *key,
                                const struct rlpx_chance *chance) WARN_UNUSED;
void rlpx_free(struct rlpx *rlpx); /* NULL is legal; wipes secrets */

enum rlpx_event {
    RLPX_MORE,  /* nothing until more bytes come */
    RLPX_READY, /* once: the handshake is done, the other side's key is known, frames may be sent */
    RLPX_FRAME, /* code and payload are set; payload is borrowed until the next rlpx_next or
                   rlpx_feed */
    RLPX_FAULT  /* from now on always; the connection is worthless */
};
/* Copies bytes; they wait until rlpx_next takes them. */
void rlpx_feed(struct rlpx *rlpx, struct span bytes);
/* out: where a recipient's ack is appended. code and payload: only with RLPX_FRAME. */
enum rlpx_event rlpx_next(struct rlpx *rlpx, struct buf *out, uint64_t *code,
                          struct span *payload) WARN_UNUSED;
/* Why RLPX_FAULT; static text. */
const char *rlpx_fault_text(const struct rlpx *rlpx);
/* The key of the other side; for a recipient known from RLPX_READY on. */
const struct pubkey64 *rlpx_remote(const struct rlpx *rlpx);
/* The largest frame taken from now on (code and payload); at most RLPX_FRAME_MAX, which is also
 * where it starts. */
void rlpx_limit(struct rlpx *rlpx, size_t frame_max);
size_t rlpx_waiting(const struct rlpx *rlpx); /* bytes fed and not yet taken */
/* Memory for them. What is kept for the next ones is at most RLPX_KEPT_BYTES once all were taken
 * and rlpx_next said RLPX_MORE. */
size_t rlpx_held(const struct rlpx *rlpx);

/* Appends one encrypted frame of code and payload to out. After RLPX_READY only; code and payload
 * together at most RLPX_FRAME_MAX. */
void rlpx_send(struct rlpx *rlpx, struct buf *out, uint64_t code, struct span payload);

#endif
