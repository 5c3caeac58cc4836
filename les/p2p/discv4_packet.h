/* Packets of node discovery version 4 (devp2p discv4.md) with EIP-868's record requests. Pure.
 *
 * Packet: hash 32 || signature 65 || type 1 || RLP list. EIP-8: further list elements and bytes
 * after the list are ignored. */
#ifndef LES_P2P_DISCV4_PACKET_H
#define LES_P2P_DISCV4_PACKET_H

#include "les/base/limits.h"
#include "les/p2p/enode.h"

enum discv4_type {
    DISCV4_PING = 1,
    DISCV4_PONG = 2,
    DISCV4_FINDNODE = 3,
    DISCV4_NEIGHBORS = 4,
    DISCV4_ENR_REQUEST = 5,
    DISCV4_ENR_RESPONSE = 6
};

struct discv4_packet {
    enum discv4_type type;
    struct hash32 hash;   /* of the whole packet; filled by both directions */
    struct pubkey64 from; /* who signed it; filled by both */
    int64_t expiry_s; /* all but ENR_RESPONSE; values beyond 63 bits read as 0, that is long ago */
    struct endpoint
        source; /* PING: ip and UDP port as it sees itself; an ip of another size reads as zero */
    uint16_t source_tcp; /* PING */
    struct endpoint to;  /* PING, PONG: ip and UDP port of the receiver */
    uint16_t to_tcp;
    struct hash32 reply_to; /* PONG: hash of the Ping; ENR_RESPONSE: of the request */
    bool has_enr_seq;       /* PING, PONG (EIP-868) */
    uint64_t enr_seq;
    struct pubkey64 target;                  /* FINDNODE */
    struct enode nodes[DISCV4_BUCKET_NODES]; /* NEIGHBORS: at.port is TCP; entries with an
                                                impossible ip are left out */
    size_t nodes_count;
    struct span record; /* ENR_RESPONSE: raw, not verified; borrowed */
};

enum discv4_result {
    DISCV4_VALID,
    DISCV4_UNKNOWN_TYPE, /* correctly signed; silently ignored (EIP-8) */
    DISCV4_INVALID       /* hash, signature or content is wrong */
};
enum discv4_result discv4_packet_decode(struct discv4_packet *out, const struct crypto *crypto,
                                        struct span datagram) WARN_UNUSED;
/* Appends at most UDP_DATAGRAM_MAX bytes; nodes_count at most DISCV4_NEIGHBORS_MAX. Fills hash and
 * from. */
void discv4_packet_encode(struct buf *out, struct discv4_packet *packet,
                          const struct crypto *crypto, const struct seckey32 *key);

#endif
