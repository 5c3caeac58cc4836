/* What host.c (connections) and host_dial.c (whom to call, and when) share. Nobody else includes
 * it. */
#ifndef LES_P2P_HOST_PRIVATE_H
#define LES_P2P_HOST_PRIVATE_H

#include "les/base/limits.h"
#include "les/p2p/host.h"
#include "les/p2p/rate.h"

enum dial_kind { DIAL_STATIC, DIAL_ONCE, DIAL_CANDIDATE };

/* A node we mean to call, or rest from calling. */
struct dial {
    struct enode to;
    struct hash32 id;
    enum dial_kind kind;
    bool resting;      /* DIAL_CANDIDATE: it failed; kept so that it is not taken again soon */
    bool removed;      /* DIAL_STATIC: taken off the list while it was being dialled */
    struct conn *conn; /* being dialled right now */
    unsigned tries;    /* in a row */
    uint64_t due_ms;
    bool called;
    uint64_t called_ms; /* the last try */
};

/* A connection, from the first packet to the end. */
struct conn {
    struct host *host;
    struct peer *peer;
    struct dial *dial; /* NULL: inbound, or its entry is gone */
    struct hash32 id;  /* expected when we dialled, proved once identified */
    bool inbound, identified, ready;
    bool exempt; /* static: does not count against the limits */
    struct endpoint from;
    uint64_t since_ms; /* inbound: when it came */
    bool candidate;    /* it was one, at to */
    struct enode to;
    uint64_t ready_ms;
};

enum {
    HOST_CAPS_MAX = 8,
    HOST_DIALS_MAX = HOST_STATICS_MAX + HOST_CANDIDATES_MAX + HOST_HANDSHAKES_MAX,
    HOST_CONNS_MAX = HOST_PEERS_MAX + 2 * HOST_HANDSHAKES_MAX + HOST_STATICS_MAX
};

struct host {
    struct loop *loop;
    struct crypto *crypto;
    struct log *log;
    struct host_config config;
    char client_id[PEER_CLIENT_ID_MAX + 1];
    struct host_protocol_events events;
    void *owner;
    struct peer_config peer_config;
    struct peer_scratch scratch;
    struct pubkey64 key;
    struct hash32 id;
    struct listener *listener;
    struct endpoint at;
    struct conn **conns;
    size_t conns_count;
    struct dial **dials;
    size_t dials_count;
    struct timer dial_timer;
    struct rate accept_rate;
    struct host_stats stats;
    bool freeing;
};

/* ---- host.c ---- */
extern const struct peer_events HOST_PEER_EVENTS;
struct conn *host_conn_add(struct host *host);
void host_conn_drop(struct conn *conn); /* out of the list; frees it */
struct conn *host_conn_by_id(const struct host *host, const struct hash32 *id,
                             const struct conn *except);
size_t host_handshakes(const struct host *host, bool inbound);
bool host_has_room(const struct host *host, bool inbound);

/* ---- host_dial.c ---- */
void host_dial_start(struct host *host);
void host_dial_stop(struct host *host);
void host_dial_soon(struct host *host); /* something changed: look at the list from the loop */
bool host_is_static(const struct host *host, const struct hash32 *id);
/* conn, which had dial, ended before it became a peer. */
void host_dial_ended(struct conn *conn, const struct peer_end *end);
void host_dial_became_peer(struct conn *conn);
/* conn was a peer and ended. A static one is called again; a candidate that lasted as well, unless
 * it was our owner who sent it away. */
void host_dial_peer_gone(const struct conn *conn, const struct peer_end *end, bool sent_away);

#endif
