/* RLPx frames (devp2p rlpx.md, "Framing"): both directions of one connection after the handshake.
 * Pure.
 *
 * Frame: encrypted header 16 || MAC 16 || encrypted data padded to 16 || MAC 16. */
#ifndef LES_P2P_FRAMES_H
#define LES_P2P_FRAMES_H

#include "les/eth/crypto.h"
#include "les/eth/keccak.h"

struct frames; /* two ciphers and two running MACs */

/* The handshake's result. Each seed is hashed into a MAC state as it is: (mac XOR nonce) || packet.
 */
struct frames_secrets {
    struct hash32 aes, mac;
    struct span out_seed32, out_packet; /* our packet */
    struct span in_seed32, in_packet;   /* theirs */
};
struct frames *frames_new(const struct frames_secrets *secrets);
void frames_free(struct frames *frames); /* NULL is legal; wipes secrets */

#define FRAME_HEADER_SIZE 32
/* Appends one frame; parts are joined. Together 1 to RLPX_FRAME_MAX bytes. */
void frames_seal(struct frames *frames, struct buf *out, struct span first, struct span second);
/* Checks and decrypts a header in place. False: the MAC is wrong. Out: data_size unpadded;
 * wire_size what follows the header. */
bool frames_open_header(struct frames *frames, uint8_t header32[FRAME_HEADER_SIZE],
                        size_t *data_size, size_t *wire_size) WARN_UNUSED;
/* Checks and decrypts the wire_size bytes after the header in place; the first data_size of them
 * are the data. */
bool frames_open_data(struct frames *frames, uint8_t *data, size_t wire_size) WARN_UNUSED;
size_t frames_wire_size(size_t data_size); /* of a whole frame */

#endif
