/* One connection to another node: link + RLPx + the p2p base protocol, version 5 (devp2p rlpx.md;
 * EIP-706 for snappy). Peers are made, owned and freed by a host (les/p2p/host.h); everybody else
 * sees them after the Hello exchange.
 *
 * Lifetime: a struct peer handed to on_peer stays memory until the end of the turn in which on_gone
 * came for it or its owner called peer_disconnect. In between every function below is legal, from
 * any callback. */
#ifndef LES_P2P_PEER_H
#define LES_P2P_PEER_H

#include "les/base/log.h"
#include "les/p2p/enode.h"

/* A devp2p capability. length is the number of message codes it uses; it decides the offsets of
 * those sorted after it. */
struct peer_cap {
    char name[9]; /* 1 to 8 characters */
    unsigned version;
    unsigned length;
};

/* Disconnect reasons as on the wire (devp2p). Values that the table does not know arrive as they
 * are, up to 255. */
enum peer_reason {
    PEER_REQUESTED = 0,
    PEER_TCP_ERROR = 1,
    PEER_BREACH = 2,
    PEER_USELESS = 3,
    PEER_TOO_MANY = 4,
    PEER_ALREADY_CONNECTED = 5,
    PEER_INCOMPATIBLE = 6,
    PEER_NULL_IDENTITY = 7,
    PEER_QUITTING = 8,
    PEER_UNEXPECTED_IDENTITY = 9,
    PEER_SELF = 10,
    PEER_READ_TIMEOUT = 11,
    PEER_SUBPROTOCOL = 16
};
#define PEER_REASON_COUNT 17 /* for counters; higher ones are counted as PEER_SUBPROTOCOL */
/* Short text for logs, "unknown" for numbers outside the table. */
const char *peer_reason_text(enum peer_reason reason);

struct peer;

/* ---- who it is ---- */
const struct pubkey64 *peer_key(const struct peer *peer); /* authenticated by the handshake */
const struct hash32 *peer_id(const struct peer *peer);    /* keccak of the key */
/* The client id of its Hello; bytes outside printable ASCII are replaced by '?'. At most
 * PEER_CLIENT_ID_MAX characters. */
const char *peer_client_id(const struct peer *peer);
const struct endpoint *
peer_endpoint(const struct peer *peer); /* the other side of the connection */
bool peer_inbound(const struct peer *peer);
/* The capabilities both sides share: one version per name, sorted by name. */
const struct peer_cap *peer_shared(const struct peer *peer, size_t *count);
void peer_enode(
    const struct peer *peer,
    struct enode *out); /* with the port that it says it listens on, for logs and redial */
void peer_set_owner(struct peer *peer,
                    void *owner); /* one pointer for whoever speaks the shared protocols */
void *peer_owner(const struct peer *peer);

/* ---- traffic ---- */
/* Queues one message of a shared capability; code counts from 0 within it. Compresses; payload is
 * copied. False: the capability is not shared, the payload is larger than PEER_MESSAGE_MAX, the
 * queue is full or the peer is gone; nothing was queued. A caller that cannot live without the
 * message disconnects. code must be below the capability's length. */
bool peer_send(struct peer *peer, const char *cap, unsigned code, struct span payload) WARN_UNUSED;
size_t peer_queue_size(const struct peer *peer); /* bytes not yet taken by the network */
/* Backpressure: no on_message while paused; the network is not read beyond what was already
 * received, and the read timeout stands still. Resuming delivers in the same order, from the loop,
 * not from within peer_pause. */
void peer_pause(struct peer *peer, bool paused);
/* Sends Disconnect and closes. Idempotent; no event comes for this peer after it, on_gone neither.
 */
void peer_disconnect(struct peer *peer, enum peer_reason reason);
/* The largest message taken from now on (decompressed); starts at, and is at most,
 * PEER_MESSAGE_MAX. A server does well to allow its clients less: it is what each of them can make
 * us hold. */
void peer_limit(struct peer *peer, size_t message_max);
uint64_t peer_bytes_in(const struct peer *peer); /* on the wire, with frame overhead */
uint64_t peer_bytes_out(const struct peer *peer);
uint64_t peer_messages_out(const struct peer *peer); /* of capabilities */
/* Round trip of the newest answered Ping, 0 before the first. */
uint64_t peer_rtt_ms(const struct peer *peer);

/* ---- for les/p2p/host.c, and for tests that drive one connection ---- */
/* Buffers that all peers of a loop share, each only within one call. */
struct peer_scratch {
    struct buf out;    /* frames on their way to the link */
    struct buf packed; /* a compressed payload */
    struct buf plain;  /* the payload that on_message borrows */
    size_t held;       /* bytes that all peers hold of messages not yet complete */
};
struct peer_config {
    struct loop *loop;
    struct crypto *crypto;
    struct log *log; /* may be NULL */
    struct peer_scratch *scratch;
    struct seckey32 key;
    const char *client_id;
    const struct peer_cap *caps; /* at most PEER_CAPS_MAX, any order */
    size_t caps_count;
    uint16_t listen_port;
};
/* How a connection ended before or after Hello. */
struct peer_end {
    enum peer_reason reason;
    bool remote_said; /* the reason came in a Disconnect message */
    bool after_hello;
    bool refused;         /* the TCP connection was never open */
    bool before_any_byte; /* it was closed before the other side sent anything */
    const char *why;      /* static text for the log */
};
struct peer_events {
    /* The other side's key is known; false ends the connection with *reason. */
    bool (*on_identity)(void *owner, struct peer *peer, const struct pubkey64 *key,
                        enum peer_reason *reason);
    void (*on_ready)(
        void *owner,
        struct peer *peer); /* Hello was exchanged, at least one capability is shared */
    void (*on_message)(void *owner, struct peer *peer, const struct peer_cap *cap, unsigned code,
                       struct span payload);
    /* Once, last, unless peer_disconnect was called by the owner (on_closed below tells the host of
     * that). */
    void (*on_gone)(void *owner, struct peer *peer, const struct peer_end *end);
    /* The peer is closed for whatever reason and will be freed at the end of this turn; comes after
     * on_gone. */
    void (*on_closed)(void *owner, struct peer *peer, enum peer_reason reason);
};
/* config, its strings and caps, and events must outlive the peer. STATUS_OK: peer lives until
 * on_closed. */
enum status peer_dial(struct peer **out, const struct peer_config *config, const struct enode *to,
                      const struct peer_events *events, void *owner) WARN_UNUSED;
/* Takes the link over. */
struct peer *peer_accept(const struct peer_config *config, struct link *link,
                         const struct peer_events *events, void *owner);

/* The capabilities of both lists by name, highest common version each, sorted by name, offsets by
 * mine's lengths starting at 0x10. Returns the count; out has room for PEER_CAPS_MAX. */
size_t peer_caps_match(struct peer_cap *out, const struct peer_cap *mine, size_t mine_count,
                       const struct peer_cap *theirs, size_t theirs_count);

#endif
