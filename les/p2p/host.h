/* One node on the network: its key, a listener, a dialler and all peers. Needs a loop and nothing
 * else, so that it also runs in a simulated world. Everything an outsider can cause is bounded
 * (les/base/limits.h) and counted (struct host_stats). */
#ifndef LES_P2P_HOST_H
#define LES_P2P_HOST_H

#include "les/p2p/peer.h"

struct host;

/* All callbacks come from the loop, never from within a host_ or peer_ function, except that
 * peer_disconnect and host_free end them. host_free is not legal from inside one of them. */
struct host_protocol_events {
    /* After Hello. shared is what both speak (borrowed, lives as long as the peer), at least one.
     * Messages follow. */
    void (*on_peer)(void *owner, struct peer *peer, const struct peer_cap *shared,
                    size_t shared_count);
    /* cap and payload are borrowed until it returns; code counts from 0 within the capability and
     * is below its length. */
    void (*on_message)(void *owner, struct peer *peer, const char *cap, unsigned version,
                       unsigned code, struct span payload);
    /* Exactly once for each on_peer, unless the owner itself called peer_disconnect. remote_said:
     * reason is what the other side wrote, which is not a diagnosis (les servers answer 0 to most
     * faults); otherwise it is ours. */
    void (*on_gone)(void *owner, struct peer *peer, enum peer_reason reason, bool remote_said);
    /* A dial of host_add_static (each try), host_dial_once or a candidate did not become a peer;
     * why is static text. May be NULL. */
    void (*on_dial_failed)(void *owner, const struct enode *to, const char *why);
    /* May this address connect? NULL: all up to the limits. */
    bool (*may_accept)(void *owner, const struct endpoint *from);
};

struct host_config {
    struct seckey32 key;
    const char *client_id; /* copied; as "lesgate/v0.1.0/linux-amd64/c17" */
    bool do_listen;
    struct endpoint listen; /* port 0: any free one */
    struct peer_cap caps[8];
    size_t caps_count;
    /* After Hello, at most HOST_PEERS_MAX; 0 = statics only, which never count. */
    size_t peers_max;
    /* Of these, how many may come to us; the others get "too many peers". 0 = none but statics. */
    size_t inbound_max;
    /* Connections before Hello, each direction; 0 = HOST_HANDSHAKES_DEFAULT. */
    size_t handshakes_max;
    /* Inbound connections of one IP, loopback exempt; 0 = HOST_PER_IP_DEFAULT. */
    size_t per_ip_max;
    /* Candidates are dialled while fewer peers than this are there; 0 = never. */
    size_t candidates_target;
};

struct host_stats {
    uint64_t dials, dials_failed; /* a dial fails when no on_peer follows */
    uint64_t accepts;
    uint64_t accepts_refused;   /* over a limit, or may_accept said no; closed before any byte */
    uint64_t handshakes_failed; /* inbound ones that did not become a peer */
    uint64_t peers_total;       /* on_peer calls so far */
    uint64_t peers, peers_inbound, handshakes; /* now */
    uint64_t messages_in, messages_out, bytes_in, bytes_out;
    /* Peers after Hello that ended, by reason, whoever gave it. */
    uint64_t ended[PEER_REASON_COUNT];
    uint64_t statics, statics_connected, candidates; /* now */
};

/* config is copied. STATUS_IO: the listening address cannot be had. STATUS_INVALID: the key or a
 * capability is not valid. */
enum status host_new(struct host **out, struct loop *loop, struct crypto *crypto, struct log *log,
                     const struct host_config *config, const struct host_protocol_events *events,
                     void *owner) WARN_UNUSED;
/* Says "quitting" to every peer and closes; no callback comes any more, on_gone neither. NULL is
 * legal. */
void host_free(struct host *host);

/* Keeps a connection to this node: dialled at once and again whenever it is lost. Waits between
 * tries: 0.5 s, 1 s, 2 s ... up to PEER_REDIAL_MS while the TCP connection is refused;
 * PEER_REDIAL_MS when the node let us in or closed on us without a word (go-ethereum shuts out an
 * address for 30 s), except on loopback, where the short series goes on. Adding it again is a
 * no-op, except that it dials now if it is not connected. False: HOST_STATICS_MAX are there or it
 * is ourselves. */
bool host_add_static(struct host *host, const struct enode *to);
/* Stops keeping it; a connection that is there stays. */
void host_remove_static(struct host *host, const struct enode *to);
/* One try: on_peer or on_dial_failed follows, later. A node that is connected or being dialled
 * already fails with a text that says so. Beyond HOST_HANDSHAKES_MAX of these on_dial_failed comes
 * at once. */
void host_dial_once(struct host *host, const struct enode *to);
/* A node that discovery found: dialled when peers are fewer than candidates_target and its turn
 * comes; left alone for HOST_CANDIDATE_REST_MS when that fails, when it does not last or when the
 * owner disconnects it, dialled again when it lasted and was lost. Duplicates and nodes beyond
 * HOST_CANDIDATES_MAX are dropped: false. */
bool host_add_candidate(struct host *host, const struct enode *to);
/* How many more candidates would be welcome: discovery looks for nodes while it is not 0. */
size_t host_candidates_wanted(const struct host *host);

/* Our key and the address we listen on (the configured IP with the real port; port 0 when not
 * listening). */
void host_self(const struct host *host, struct enode *out);
size_t host_peers_count(const struct host *host);
/* The peers after Hello, newest last; NULL past the end. Changes whenever one comes or goes. */
struct peer *host_peer_at(const struct host *host, size_t index);
struct peer *host_find_peer(const struct host *host, const struct hash32 *id);
void host_stats(const struct host *host, struct host_stats *out);

#endif
