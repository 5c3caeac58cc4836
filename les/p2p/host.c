#include "les/p2p/host_private.h"

/* ---- connections ---- */

struct conn *host_conn_add(struct host *host)
{
    struct conn *conn;
    if (host->conns_count == HOST_CONNS_MAX)
        return NULL;
    conn = mem_alloc(sizeof(*conn));
    conn->host = host;
    host->conns[host->conns_count++] = conn;
    return conn;
}

void host_conn_drop(struct conn *conn)
{
    struct host *host = conn->host;
    size_t i = 0;
    while (host->conns[i] != conn)
        i++;
    /* Keeps the order: host_peer_at promises it. */
    memmove(&host->conns[i], &host->conns[i + 1],
            (host->conns_count - i - 1) * sizeof(struct conn *));
    host->conns_count--;
    if (conn->dial)
        conn->dial->conn = NULL;
    mem_free(conn);
}

struct conn *host_conn_by_id(const struct host *host, const struct hash32 *id,
                             const struct conn *except)
{
    for (size_t i = 0; i < host->conns_count; i++) {
        struct conn *conn = host->conns[i];
        if (conn != except && (conn->identified || !conn->inbound) && hash32_equal(&conn->id, id))
            return conn;
    }
    return NULL;
}

size_t host_handshakes(const struct host *host, bool inbound)
{
    size_t count = 0;
    for (size_t i = 0; i < host->conns_count; i++)
        count += !host->conns[i]->ready && host->conns[i]->inbound == inbound;
    return count;
}

/* Counts those on their way through Hello too, so that a burst cannot pass the limit. */
bool host_has_room(const struct host *host, bool inbound)
{
    size_t all = 0, in = 0;
    for (size_t i = 0; i < host->conns_count; i++) {
        const struct conn *conn = host->conns[i];
        if (!conn->identified || conn->exempt)
            continue;
        all++;
        in += conn->inbound;
    }
    return all < host->config.peers_max && (!inbound || in < host->config.inbound_max);
}

static size_t count_from_ip(const struct host *host, const struct endpoint *from)
{
    size_t count = 0;
    for (size_t i = 0; i < host->conns_count; i++)
        count += host->conns[i]->inbound &&
                 memcmp(host->conns[i]->from.ip, from->ip, sizeof(from->ip)) == 0;
    return count;
}

/* ---- what a peer tells ---- */

/* Two connections to one node, neither through Hello yet: both sides keep the one that the smaller
 * id opened. */
static bool is_preferred(const struct conn *conn)
{
    int order = memcmp(conn->host->id.bytes, conn->id.bytes, sizeof(conn->id.bytes));
    return conn->inbound ? order > 0 : order < 0;
}

static bool settle_duplicate(struct conn *conn, enum peer_reason *reason)
{
    struct host *host = conn->host;
    for (size_t i = 0; i < host->conns_count; i++) {
        struct conn *other = host->conns[i];
        if (other == conn || !other->identified || !hash32_equal(&other->id, &conn->id))
            continue;
        if (other->ready || other->inbound == conn->inbound || !is_preferred(conn)) {
            *reason = PEER_ALREADY_CONNECTED;
            return false;
        }
        if (other->dial)
            other->dial->tries = 0;
        peer_disconnect(other->peer, PEER_ALREADY_CONNECTED);
        break;
    }
    return true;
}

static bool on_identity(void *owner, struct peer *peer, const struct pubkey64 *key,
                        enum peer_reason *reason)
{
    struct conn *conn = owner;
    struct host *host = conn->host;
    enode_id(&conn->id, key);
    (void)peer;
    if (hash32_equal(&conn->id, &host->id)) {
        *reason = PEER_SELF;
        return false;
    }
    if (!settle_duplicate(conn, reason))
        return false;
    if (host_is_static(host, &conn->id)) {
        conn->exempt = true;
    } else if (!host_has_room(host, conn->inbound)) {
        *reason = PEER_TOO_MANY;
        return false;
    }
    conn->identified = true;
    return true;
}

static void log_peer(const struct conn *conn, enum log_level level, const char *message,
                     const char *why)
{
    char at[ENDPOINT_TEXT_SIZE], id[17] = "";
    if (!log_on(conn->host->log, level))
        return;
    endpoint_format(at, peer_endpoint(conn->peer));
    hex_encode(id, SPAN(conn->id.bytes, 8));
    log_write(conn->host->log, level, "p2p", message, "id", id, "at", at, "inbound",
              conn->inbound ? "yes" : "no", "client", peer_client_id(conn->peer), "why", why, NULL);
}

static void on_ready(void *owner, struct peer *peer)
{
    struct conn *conn = owner;
    struct host *host = conn->host;
    size_t count;
    const struct peer_cap *shared = peer_shared(peer, &count);
    conn->ready = true;
    conn->ready_ms = loop_now_ms(host->loop);
    /* Newest last, for host_peer_at. */
    for (size_t i = 0; i + 1 < host->conns_count; i++)
        if (host->conns[i] == conn) {
            host->conns[i] = host->conns[i + 1];
            host->conns[i + 1] = conn;
        }
    host->stats.peers_total++;
    host_dial_became_peer(conn);
    host_dial_soon(host);
    log_peer(conn, LOG_DEBUG, "peer connected", "hello");
    host->events.on_peer(host->owner, peer, shared, count);
}

static void on_message(void *owner, struct peer *peer, const struct peer_cap *cap, unsigned code,
                       struct span payload)
{
    struct conn *conn = owner;
    conn->host->stats.messages_in++;
    conn->host->events.on_message(conn->host->owner, peer, cap->name, cap->version, code, payload);
}

static void on_gone(void *owner, struct peer *peer, const struct peer_end *end)
{
    struct conn *conn = owner;
    struct host *host = conn->host;
    log_peer(conn, LOG_DEBUG, conn->ready ? "peer gone" : "connection failed", end->why);
    if (conn->ready) {
        conn->ready = false;
        host_dial_peer_gone(conn, end, false);
        host->stats.ended[end->reason < PEER_REASON_COUNT ? end->reason : PEER_SUBPROTOCOL]++;
        host->events.on_gone(host->owner, peer, end->reason, end->remote_said);
        return;
    }
    host->stats.handshakes_failed += conn->inbound;
    if (conn->dial)
        host_dial_ended(conn, end);
}

static void on_closed(void *owner, struct peer *peer, enum peer_reason reason)
{
    struct conn *conn = owner;
    struct host *host = conn->host;
    bool changes_dials;
    host->stats.bytes_in += peer_bytes_in(peer);
    host->stats.bytes_out += peer_bytes_out(peer);
    host->stats.messages_out += peer_messages_out(peer);
    if (conn->ready) { /* the owner, or host_free, ended it */
        struct peer_end end = {.reason = reason, .after_hello = true};
        conn->ready = false;
        host->stats.ended[reason < PEER_REASON_COUNT ? reason : PEER_SUBPROTOCOL]++;
        if (!host->freeing)
            host_dial_peer_gone(conn, &end, true);
    } else if (conn->dial && !host->freeing) {
        /* A duplicate that settle_duplicate took away: its entry waits for the other one. */
        struct peer_end end = {.reason = reason, .why = "already connected"};
        host_dial_ended(conn, &end);
    }
    changes_dials = !conn->inbound || conn->identified;
    host_conn_drop(conn);
    if (!host->freeing && changes_dials)
        host_dial_soon(host);
}

const struct peer_events HOST_PEER_EVENTS = {.on_identity = on_identity,
                                             .on_ready = on_ready,
                                             .on_message = on_message,
                                             .on_gone = on_gone,
                                             .on_closed = on_closed};

/* ---- listening ---- */

/* Whoever comes in needs a place while it says who it is. When all are taken, the one that has
 * taken longest makes room: silent connections do not shut out others. */
static bool has_handshake_place(struct host *host)
{
    if (host_handshakes(host, true) < host->config.handshakes_max)
        return true;
    struct conn *oldest = NULL;
    for (size_t i = 0; i < host->conns_count; i++) {
        struct conn *conn = host->conns[i];
        if (conn->inbound && !conn->ready && (!oldest || conn->since_ms < oldest->since_ms))
            oldest = conn;
    }
    if (!oldest || loop_now_ms(host->loop) - oldest->since_ms < HOST_HANDSHAKE_SURE_MS)
        return false;
    host->stats.handshakes_failed++;
    peer_disconnect(oldest->peer, PEER_READ_TIMEOUT);
    return true;
}

static void on_accept(void *owner, struct link *link)
{
    struct host *host = owner;
    struct endpoint from;
    struct conn *conn = NULL;
    link_endpoint(link, &from);
    host->stats.accepts++;
    if (rate_take(&host->accept_rate, loop_now_ms(host->loop), &from) &&
        (endpoint_is_loopback(&from) || count_from_ip(host, &from) < host->config.per_ip_max) &&
        (!host->events.may_accept || host->events.may_accept(host->owner, &from)) &&
        has_handshake_place(host))
        conn = host_conn_add(host);
    if (!conn) {
        host->stats.accepts_refused++;
        link_close(link);
        return;
    }
    conn->inbound = true;
    conn->from = from;
    conn->since_ms = loop_now_ms(host->loop);
    conn->peer = peer_accept(&host->peer_config, link, &HOST_PEER_EVENTS, conn);
}

/* ---- the host ---- */

static bool caps_are_valid(const struct host_config *config)
{
    if (config->caps_count == 0 || config->caps_count > HOST_CAPS_MAX)
        return false;
    for (size_t i = 0; i < config->caps_count; i++) {
        const struct peer_cap *cap = &config->caps[i];
        if (cap->name[0] == '\0' || !memchr(cap->name, '\0', sizeof(cap->name)) || cap->length == 0)
            return false;
    }
    return true;
}

static size_t with_limit(size_t value, size_t fallback, size_t max)
{
    if (value == 0)
        value = fallback;
    return value < max ? value : max;
}

static void config_copy(struct host *host, const struct host_config *config)
{
    struct host_config *own = &host->config;
    size_t id_size = strlen(config->client_id);
    *own = *config;
    memcpy(host->client_id, config->client_id,
           id_size < PEER_CLIENT_ID_MAX ? id_size : PEER_CLIENT_ID_MAX);
    own->client_id = host->client_id;
    own->peers_max = with_limit(own->peers_max, 0, HOST_PEERS_MAX);
    own->handshakes_max =
        with_limit(own->handshakes_max, HOST_HANDSHAKES_DEFAULT, HOST_HANDSHAKES_MAX);
    own->per_ip_max = with_limit(own->per_ip_max, HOST_PER_IP_DEFAULT, HOST_PEERS_MAX);
}

enum status host_new(struct host **out, struct loop *loop, struct crypto *crypto, struct log *log,
                     const struct host_config *config, const struct host_protocol_events *events,
                     void *owner)
{
    struct host *host;
    *out = NULL;
    if (!crypto_seckey_valid(crypto, &config->key) || !caps_are_valid(config))
        return STATUS_INVALID;
    host = mem_alloc(sizeof(*host));
    host->loop = loop;
    host->crypto = crypto;
    host->log = log;
    config_copy(host, config);
    host->events = *events;
    host->owner = owner;
    crypto_pubkey(crypto, &host->key, &config->key);
    enode_id(&host->id, &host->key);
    host->at = config->listen;
    if (config->do_listen) {
        enum status status = listener_open(&host->listener, loop, &config->listen, on_accept, host);
        if (status != STATUS_OK) {
            mem_wipe(host, sizeof(*host));
            mem_free(host);
            return status;
        }
        listener_endpoint(host->listener, &host->at);
    } else {
        host->at.port = 0;
    }
    host->peer_config = (struct peer_config){.loop = loop,
                                             .crypto = crypto,
                                             .log = log,
                                             .scratch = &host->scratch,
                                             .key = config->key,
                                             .client_id = host->client_id,
                                             .caps = host->config.caps,
                                             .caps_count = host->config.caps_count,
                                             .listen_port = host->at.port};
    host->accept_rate = (struct rate){.per_second_max = HOST_ACCEPTS_PER_SECOND_MAX,
                                      .per_ip_max = HOST_ACCEPTS_PER_IP_MAX};
    loop_random(loop, &host->accept_rate.secret, sizeof(host->accept_rate.secret));
    host->conns = mem_alloc(HOST_CONNS_MAX * sizeof(struct conn *));
    host_dial_start(host);
    *out = host;
    return STATUS_OK;
}

void host_free(struct host *host)
{
    if (!host)
        return;
    host->freeing = true;
    if (host->listener)
        listener_close(host->listener);
    while (host->conns_count > 0)
        peer_disconnect(host->conns[host->conns_count - 1]->peer, PEER_QUITTING);
    host_dial_stop(host);
    mem_free(host->conns);
    buf_free(&host->scratch.out);
    buf_free(&host->scratch.packed);
    buf_free(&host->scratch.plain);
    mem_wipe(host, sizeof(*host));
    mem_free(host);
}

/* ---- what it is ---- */

void host_self(const struct host *host, struct enode *out)
{
    *out = (struct enode){.key = host->key, .at = host->at, .udp_port = host->at.port};
}

size_t host_peers_count(const struct host *host)
{
    size_t count = 0;
    for (size_t i = 0; i < host->conns_count; i++)
        count += host->conns[i]->ready;
    return count;
}

struct peer *host_peer_at(const struct host *host, size_t index)
{
    for (size_t i = 0; i < host->conns_count; i++)
        if (host->conns[i]->ready && index-- == 0)
            return host->conns[i]->peer;
    return NULL;
}

struct peer *host_find_peer(const struct host *host, const struct hash32 *id)
{
    for (size_t i = 0; i < host->conns_count; i++)
        if (host->conns[i]->ready && hash32_equal(&host->conns[i]->id, id))
            return host->conns[i]->peer;
    return NULL;
}

void host_stats(const struct host *host, struct host_stats *out)
{
    *out = host->stats;
    for (size_t i = 0; i < host->conns_count; i++) {
        const struct conn *conn = host->conns[i];
        out->peers += conn->ready;
        out->peers_inbound += conn->ready && conn->inbound;
        out->handshakes += !conn->ready;
        out->bytes_in += peer_bytes_in(conn->peer);
        out->bytes_out += peer_bytes_out(conn->peer);
        out->messages_out += peer_messages_out(conn->peer);
    }
    for (size_t i = 0; i < host->dials_count; i++) {
        const struct dial *dial = host->dials[i];
        bool is_static = dial->kind == DIAL_STATIC && !dial->removed;
        out->statics += is_static;
        out->statics_connected += is_static && host_find_peer(host, &dial->id) != NULL;
        out->candidates += dial->kind == DIAL_CANDIDATE && !dial->resting;
    }
}
