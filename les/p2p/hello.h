/* Messages of the p2p base protocol, version 5, as plain data (devp2p rlpx.md, "p2p Capability").
 * Pure. */
#ifndef LES_P2P_HELLO_H
#define LES_P2P_HELLO_H

#include "les/base/limits.h"
#include "les/p2p/peer.h"

enum base_code { BASE_HELLO = 0, BASE_DISCONNECT = 1, BASE_PING = 2, BASE_PONG = 3 };
#define BASE_CODES        16 /* capabilities start behind them */
#define BASE_VERSION      5
#define BASE_SNAPPY_SINCE 5

struct hello {
    uint64_t version;
    char client_id[PEER_CLIENT_ID_MAX + 1]; /* made printable, cut */
    struct peer_cap caps[PEER_CAPS_MAX];    /* length is 0: a Hello does not say it */
    size_t caps_count;
    uint16_t listen_port;
    struct pubkey64 key;
};
enum hello_result { HELLO_OK, HELLO_MALFORMED, HELLO_NULL_IDENTITY };

void hello_encode(struct buf *out, const struct hello *hello);
/* EIP-8: further list elements are ignored. So are capabilities whose name is empty or too long for
 * us, and those beyond PEER_CAPS_MAX. */
enum hello_result hello_decode(struct hello *out, struct span payload) WARN_UNUSED;

void disconnect_encode(struct buf *out, enum peer_reason reason); /* C1 xx; 0 is C1 80 */
/* Every form seen: [reason], a bare byte (go-ethereum since 1.10.17, 00 included), nothing. False:
 * none of them. */
bool disconnect_decode(enum peer_reason *out, struct span payload) WARN_UNUSED;

#endif
