#include "les/p2p/host_private.h"

enum { CANDIDATES_WAITING_ENOUGH = 32 };

static uint64_t now_ms(const struct host *host)
{
    return loop_now_ms(host->loop);
}

/* ---- the list ---- */

static struct dial *dial_find(const struct host *host, const struct hash32 *id, enum dial_kind kind)
{
    for (size_t i = 0; i < host->dials_count; i++)
        if (host->dials[i]->kind == kind && !host->dials[i]->removed &&
            hash32_equal(&host->dials[i]->id, id))
            return host->dials[i];
    return NULL;
}

static size_t dial_count(const struct host *host, enum dial_kind kind)
{
    size_t count = 0;
    for (size_t i = 0; i < host->dials_count; i++)
        count += host->dials[i]->kind == kind;
    return count;
}

static struct dial *dial_add(struct host *host, const struct enode *to, enum dial_kind kind)
{
    struct dial *dial = mem_alloc(sizeof(*dial));
    ASSERT(host->dials_count < HOST_DIALS_MAX);
    dial->to = *to;
    dial->kind = kind;
    dial->due_ms = now_ms(host);
    enode_id(&dial->id, &to->key);
    host->dials[host->dials_count++] = dial;
    return dial;
}

static void dial_drop(struct host *host, struct dial *dial)
{
    size_t i = 0;
    while (host->dials[i] != dial)
        i++;
    memmove(&host->dials[i], &host->dials[i + 1],
            (host->dials_count - i - 1) * sizeof(struct dial *));
    host->dials_count--;
    if (dial->conn)
        dial->conn->dial = NULL;
    mem_free(dial);
}

bool host_is_static(const struct host *host, const struct hash32 *id)
{
    return dial_find(host, id, DIAL_STATIC) != NULL;
}

/* ---- when ---- */

/* Up to an eighth more, so that two nodes that call each other do not collide for ever. */
static uint64_t with_jitter(struct host *host, uint64_t wait_ms)
{
    uint32_t random;
    loop_random(host->loop, &random, sizeof(random));
    return wait_ms + random % (wait_ms / 8 + 1);
}

static uint64_t series_ms(unsigned tries)
{
    uint64_t wait_ms = PEER_REDIAL_FAST_MS;
    while (tries-- > 0 && wait_ms < PEER_REDIAL_MS)
        wait_ms *= 2;
    return wait_ms < PEER_REDIAL_MS ? wait_ms : PEER_REDIAL_MS;
}

/* go-ethereum closes a second connection of one address within 30 s: whoever was let in or shut out
 * waits that out. */
static void dial_again(struct host *host, struct dial *dial, bool refused)
{
    uint64_t now = now_ms(host), wait_ms = with_jitter(host, series_ms(dial->tries++));
    if (!refused && dial->called && !endpoint_is_loopback(&dial->to.at) &&
        now - dial->called_ms + wait_ms < PEER_REDIAL_MS)
        wait_ms = with_jitter(host, PEER_REDIAL_MS) - (now - dial->called_ms);
    dial->due_ms = now + wait_ms;
    host_dial_soon(host);
}

static void dial_failed(struct host *host, struct dial *dial, const char *why)
{
    struct enode to = dial->to;
    host->stats.dials_failed++;
    if (dial->kind == DIAL_ONCE || dial->removed)
        dial_drop(host, dial);
    if (host->events.on_dial_failed)
        host->events.on_dial_failed(host->owner, &to, why);
}

void host_dial_ended(struct conn *conn, const struct peer_end *end)
{
    struct host *host = conn->host;
    struct dial *dial = conn->dial;
    dial->conn = NULL;
    conn->dial = NULL;
    switch (dial->kind) {
    case DIAL_STATIC:
        dial_again(host, dial, end->refused);
        break;
    case DIAL_ONCE:
        break;
    case DIAL_CANDIDATE:
        dial->resting = true;
        dial->due_ms = now_ms(host) + HOST_CANDIDATE_REST_MS;
        break;
    }
    dial_failed(host, dial, end->why ? end->why : peer_reason_text(end->reason));
}

void host_dial_became_peer(struct conn *conn)
{
    struct dial *dial = conn->dial;
    conn->dial = NULL;
    if (!dial)
        return;
    dial->conn = NULL;
    conn->candidate = dial->kind == DIAL_CANDIDATE;
    conn->to = dial->to;
    if (dial->kind != DIAL_STATIC || dial->removed)
        dial_drop(conn->host, dial);
}

static bool make_room_for_candidate(struct host *host);

static void candidate_gone(struct host *host, const struct conn *conn, uint64_t lived_ms,
                           bool sent_away)
{
    struct dial *dial;
    if (host_is_static(host, &conn->id) || dial_find(host, &conn->id, DIAL_CANDIDATE) ||
        !make_room_for_candidate(host))
        return;
    dial = dial_add(host, &conn->to, DIAL_CANDIDATE);
    dial->resting = sent_away || lived_ms < PEER_REDIAL_MS;
    dial->due_ms += dial->resting ? HOST_CANDIDATE_REST_MS : with_jitter(host, PEER_REDIAL_MS);
}

void host_dial_peer_gone(const struct conn *conn, const struct peer_end *end, bool sent_away)
{
    struct host *host = conn->host;
    uint64_t lived_ms = now_ms(host) - conn->ready_ms;
    struct dial *dial = dial_find(host, &conn->id, DIAL_STATIC);
    if (conn->candidate)
        candidate_gone(host, conn, lived_ms, sent_away);
    if (!dial || dial->conn)
        return;
    if (lived_ms >= PEER_REDIAL_MS || end->reason == PEER_QUITTING)
        dial->tries = 0;
    dial_again(host, dial, false);
}

/* ---- calling ---- */

static void dial_call(struct host *host, struct dial *dial)
{
    struct conn *conn = host_conn_add(host);
    enum status status = STATUS_LIMIT;
    dial->called = true;
    dial->called_ms = now_ms(host);
    host->stats.dials++;
    if (conn) {
        conn->id = dial->id;
        conn->dial = dial;
        conn->exempt = dial->kind == DIAL_STATIC;
        conn->from = dial->to.at;
        dial->conn = conn;
        status = peer_dial(&conn->peer, &host->peer_config, &dial->to, &HOST_PEER_EVENTS, conn);
        if (status == STATUS_OK)
            return;
        conn->dial = NULL;
        dial->conn = NULL;
        host_conn_drop(conn);
    }
    if (dial->kind == DIAL_STATIC)
        dial_again(host, dial, true);
    dial->resting = dial->kind == DIAL_CANDIDATE;
    if (dial->resting)
        dial->due_ms = now_ms(host) + HOST_CANDIDATE_REST_MS;
    dial_failed(host, dial, status_text(status));
}

static bool wants_candidates(const struct host *host)
{
    size_t occupied = 0;
    for (size_t i = 0; i < host->conns_count; i++)
        occupied += host->conns[i]->ready || !host->conns[i]->inbound;
    return occupied < host->config.candidates_target && host_has_room(host, false);
}

/* May it be called now? Otherwise it waits for its time or for a change. */
static bool is_callable(const struct host *host, const struct dial *dial, uint64_t now)
{
    if (dial->conn || dial->removed || dial->due_ms > now)
        return false;
    switch (dial->kind) {
    case DIAL_STATIC:
        return host_conn_by_id(host, &dial->id, NULL) == NULL;
    case DIAL_ONCE:
        return true;
    case DIAL_CANDIDATE:
        return !dial->resting && wants_candidates(host);
    }
    return false;
}

static void call_or_refuse(struct host *host, struct dial *dial)
{
    if (dial->kind != DIAL_STATIC && host_conn_by_id(host, &dial->id, NULL)) {
        dial->resting = dial->kind == DIAL_CANDIDATE;
        dial->due_ms = now_ms(host) + HOST_CANDIDATE_REST_MS;
        dial_failed(host, dial, "it is connected or being dialled already");
    } else if (dial->kind == DIAL_ONCE && !host_has_room(host, false)) {
        dial_failed(host, dial, "there are too many peers");
    } else {
        dial_call(host, dial);
    }
}

static void forget_rested(struct host *host, uint64_t now)
{
    for (size_t i = host->dials_count; i-- > 0;)
        if (host->dials[i]->resting && host->dials[i]->due_ms <= now)
            dial_drop(host, host->dials[i]);
}

static void on_dial_timer(struct timer *timer)
{
    struct host *host = container_of(timer, struct host, dial_timer);
    uint64_t now = now_ms(host), next = UINT64_MAX;
    forget_rested(host, now);
    /* A callback may change the list: after each call the search starts over. Each entry is called
     * once, its due time moves on. */
    for (size_t i = 0, under_way = host_handshakes(host, false);
         i < host->dials_count && under_way < host->config.handshakes_max;) {
        if (!is_callable(host, host->dials[i], now)) {
            i++;
            continue;
        }
        call_or_refuse(host, host->dials[i]);
        under_way = host_handshakes(host, false);
        i = 0;
    }
    for (size_t i = 0; i < host->dials_count; i++) {
        const struct dial *dial = host->dials[i];
        if (!dial->conn && dial->due_ms > now && dial->due_ms < next)
            next = dial->due_ms;
    }
    if (next != UINT64_MAX && !timer_running(timer))
        timer_start(timer, next - now);
}

void host_dial_soon(struct host *host)
{
    if (!host->freeing)
        timer_start(&host->dial_timer, 0);
}

void host_dial_start(struct host *host)
{
    host->dials = mem_alloc(HOST_DIALS_MAX * sizeof(struct dial *));
    timer_init(&host->dial_timer, host->loop, on_dial_timer);
}

void host_dial_stop(struct host *host)
{
    timer_stop(&host->dial_timer);
    while (host->dials_count > 0)
        dial_drop(host, host->dials[host->dials_count - 1]);
    mem_free(host->dials);
}

/* ---- asked from outside ---- */

bool host_add_static(struct host *host, const struct enode *to)
{
    struct hash32 id;
    struct dial *dial;
    enode_id(&id, &to->key);
    if (hash32_equal(&id, &host->id) || to->at.port == 0)
        return false;
    dial = dial_find(host, &id, DIAL_STATIC);
    if (dial) {
        dial->to = *to;
        dial->tries = 0;
        dial->due_ms = now_ms(host);
    } else {
        struct dial *candidate = dial_find(host, &id, DIAL_CANDIDATE);
        if (dial_count(host, DIAL_STATIC) >= HOST_STATICS_MAX)
            return false;
        if (candidate && !candidate->conn)
            dial_drop(host, candidate);
        dial_add(host, to, DIAL_STATIC);
    }
    host_dial_soon(host);
    return true;
}

void host_remove_static(struct host *host, const struct enode *to)
{
    struct hash32 id;
    struct dial *dial;
    enode_id(&id, &to->key);
    dial = dial_find(host, &id, DIAL_STATIC);
    if (!dial)
        return;
    if (dial->conn)
        dial->removed = true;
    else
        dial_drop(host, dial);
}

void host_dial_once(struct host *host, const struct enode *to)
{
    struct dial *dial;
    if (dial_count(host, DIAL_ONCE) >= HOST_HANDSHAKES_MAX) {
        /* No entry can be kept for it, so the answer cannot come later; it is the one callback that
         * comes at once. */
        if (host->events.on_dial_failed)
            host->events.on_dial_failed(host->owner, to, "too many dials are under way");
        return;
    }
    dial = dial_add(host, to, DIAL_ONCE);
    dial->due_ms = now_ms(host);
    host_dial_soon(host);
}

static bool make_room_for_candidate(struct host *host)
{
    struct dial *oldest = NULL;
    if (dial_count(host, DIAL_CANDIDATE) < HOST_CANDIDATES_MAX)
        return true;
    for (size_t i = 0; i < host->dials_count; i++) {
        struct dial *dial = host->dials[i];
        if (dial->resting && !dial->conn && (!oldest || dial->due_ms < oldest->due_ms))
            oldest = dial;
    }
    if (oldest)
        dial_drop(host, oldest);
    return oldest != NULL;
}

bool host_add_candidate(struct host *host, const struct enode *to)
{
    struct hash32 id;
    enode_id(&id, &to->key);
    if (to->at.port == 0 || hash32_equal(&id, &host->id) || dial_find(host, &id, DIAL_STATIC) ||
        dial_find(host, &id, DIAL_CANDIDATE) || host_conn_by_id(host, &id, NULL) ||
        !make_room_for_candidate(host))
        return false;
    dial_add(host, to, DIAL_CANDIDATE);
    host_dial_soon(host);
    return true;
}

size_t host_candidates_wanted(const struct host *host)
{
    size_t waiting = 0;
    if (host_peers_count(host) >= host->config.candidates_target)
        return 0;
    for (size_t i = 0; i < host->dials_count; i++)
        waiting += host->dials[i]->kind == DIAL_CANDIDATE && !host->dials[i]->resting;
    return waiting < CANDIDATES_WAITING_ENOUGH ? CANDIDATES_WAITING_ENOUGH - waiting : 0;
}
