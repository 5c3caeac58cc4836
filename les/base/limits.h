/* Every limit of the house: lengths, counts, depths, queues, ranges, waits. Relations between them are asserted here.
 * Rooms add their own block; a number that bounds something an outsider controls must stand in this file. */
#ifndef LES_BASE_LIMITS_H
#define LES_BASE_LIMITS_H

#define KIB(n) ((n)*1024ul)
#define MIB(n) ((n)*1024ul * 1024ul)

/* ---- les/base ---- */
#define LINK_QUEUE_BYTES_MAX MIB(32)  /* bytes waiting to be written on one connection */
#define LINK_LINGER_MS       500      /* time for queued bytes after link_close (a Disconnect message) */
#define UDP_DATAGRAM_MAX     1280     /* discv4 */
#define RESOLVE_TXT_MAX      KIB(64)
#define RESOLVE_TIMEOUT_MS   5000

/* ---- les/p2p ---- */
#define RLPX_FRAME_MAX          (MIB(16) - 1) /* devp2p: size field of 24 bits */
#define RLPX_HANDSHAKE_MAX      2048          /* auth and ack packets */
#define RLPX_HANDSHAKE_TIMEOUT_MS 5000        /* crypto and Hello together, as geth */
#define PEER_HELLO_MAX          2048
#define PEER_CAPS_MAX           32
#define PEER_PING_INTERVAL_MS   15000
#define PEER_READ_TIMEOUT_MS    30000
#define PEER_MESSAGE_MAX        MIB(10)       /* after snappy; LES messages above it drop the peer */
#define PEER_REDIAL_MS          35000         /* geth closes a second connection of one address within 30 s */
_Static_assert(PEER_READ_TIMEOUT_MS >= 2 * PEER_PING_INTERVAL_MS, "one lost ping is not a dead peer");
_Static_assert(PEER_MESSAGE_MAX <= RLPX_FRAME_MAX, "a message fits a frame");
_Static_assert(LINK_QUEUE_BYTES_MAX >= 2 * PEER_MESSAGE_MAX, "two full messages can wait");

#endif
