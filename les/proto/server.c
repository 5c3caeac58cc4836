#include "les/proto/server_internal.h"

#include "les/eth/rlp.h"

#include <inttypes.h>

#define SERVER_CAPACITY_TOTAL                                                                      \
    62 /* units in one processor's nanoseconds per millisecond: 1,000,000 / 16,000 */

static struct les_flow_params flow_params(const struct server_client *client)
{
    struct les_flow_params params = {.buffer_limit = SERVER_BUFFER_UNIT * client->capacity,
                                     .recharge = SERVER_RECHARGE_UNIT * client->capacity};
    for (size_t i = 0; i < LES_COST_CODES_COUNT; i++) {
        params.costs[i] = client->prices[i];
        params.has_cost[i] = true;
    }
    return params;
}

static void log_client(const struct server_client *client, enum log_level level, const char *what,
                       const char *why)
{
    if (!log_on(client->server->log, level))
        return;
    char id[17] = {0};
    hex_encode(id, SPAN(client->id.bytes, 8));
    log_write(client->server->log, level, "serve", what, "client", id, "why", why, NULL);
}

/* ---- life of a client ---- */

static void on_sweep(void *pointer)
{
    mem_free(pointer);
}

static void client_end(struct server_client *client)
{
    struct server *server = client->server;
    if (client->state != CLIENT_HANDSHAKE)
        server->stats.clients--;
    client->gone = true;
    server_drop_jobs(client);
    server_balance_close(client);
    timer_stop(&client->state_timer);
    timer_stop(&client->cut);
    if (client->previous != NULL)
        client->previous->next = client->next;
    else
        server->clients = client->next;
    if (client->next != NULL)
        client->next->previous = client->previous;
    loop_sweep(server->loop, client, on_sweep);
}

void server_detach(struct server_client *client)
{
    if (!client->gone)
        client_end(client);
}

void server_drop(struct server_client *client, enum peer_reason reason, const char *why)
{
    if (client->gone)
        return;
    log_client(client, LOG_INFO, "client dropped", why);
    if (client->state == CLIENT_HANDSHAKE)
        client->server->stats.refused++;
    else
        client->server->stats.dropped++;
    const struct server_line_ops *ops = client->ops;
    void *line = client->line;
    client_end(client);
    ops->close(line, reason);
}

bool server_send(struct server_client *client, unsigned code, struct span payload)
{
    if (client->ops->send(client->line, code, payload))
        return true;
    server_drop(client, PEER_TCP_ERROR, "it does not read what we send");
    return false;
}

bool server_count_unavailable(struct server_client *client)
{
    uint64_t now_ms = loop_now_ms(client->server->loop);
    uint64_t gone = (now_ms - client->invalid_ms) / SERVER_INVALID_DECAY_MS;
    client->invalid -= gone < client->invalid ? gone : client->invalid;
    client->invalid_ms =
        client->invalid == 0 ? now_ms : client->invalid_ms + gone * SERVER_INVALID_DECAY_MS;
    client->server->stats.unavailable++;
    if (++client->invalid <= SERVER_INVALID_MAX)
        return true;
    server_drop(client, PEER_SUBPROTOCOL, "it asked for too much that is not there");
    return false;
}

/* ---- Status ---- */

static void make_status(const struct server_client *client, struct les_status *status)
{
    const struct server *server = client->server;
    const struct chainspec *spec = server->config.spec;
    const struct les_serve_head *head = &client->told;
    bool serves = !server->config.announce_only;
    *status = (struct les_status){
        .version = client->version,
        .network_id = spec->network_id,
        .head_td = head->td,
        .head = head->block,
        .genesis = spec->genesis_hash,
        .serve_headers = serves,
        .has_serve_chain_since = serves,
        .has_serve_state_since = serves,
        .has_serve_recent_state = serves,
        .serve_recent_state = server->config.recent_state,
        .tx_relay = serves,
        .has_flow = true,
        .flow = flow_params(client),
        .has_checkpoint = serves && head->has_checkpoint,
        .checkpoint = head->checkpoint,
        .has_safe = head->has_safe,
        .safe = head->safe,
        .has_finalized = head->has_finalized,
        .finalized = head->finalized,
        .plain_keys = serves && server->config.plain_keys,
    };
    if (client->version >= 4) {
        status->has_fork_id = status->has_recent_tx_lookup = true;
        status->recent_tx_lookup = server->config.recent_tx_lookup;
        chainspec_fork_id(&status->fork_id, spec, head->block.number, head->time);
    }
}

/* NULL: it may stay. */
static const char *refusal(const struct server_client *client, const struct les_status *status)
{
    const struct chainspec *spec = client->server->config.spec;
    if (status->version != client->version)
        return "its Status names another version than was agreed";
    if (status->network_id != spec->network_id)
        return "another network";
    if (!hash32_equal(&status->genesis, &spec->genesis_hash))
        return "another genesis";
    if (client->version < 4)
        return NULL;
    if (!status->has_fork_id)
        return "no fork id";
    const struct les_serve_head *head = &client->told;
    if (chainspec_fork_id_check(spec, head->block.number, head->time, &status->fork_id) !=
        FORK_ID_COMPATIBLE)
        return "its fork id is of another chain";
    return NULL;
}

static void on_status(struct server_client *client, struct span payload)
{
    struct les_status status;
    if (!les_status_decode(&status, payload)) {
        server_drop(client, PEER_SUBPROTOCOL, "malformed Status");
        return;
    }
    const char *why = refusal(client, &status);
    if (why != NULL) {
        server_drop(client, PEER_SUBPROTOCOL, why);
        return;
    }
    if (status.has_flow) {
        server_drop(client, PEER_USELESS, "it is a server too");
        return;
    }
    if (!server_make_place(client)) {
        client->server->stats.turned_away++;
        server_drop(client, PEER_TOO_MANY, "no place");
        return;
    }
    timer_stop(&client->state_timer);
    client->state = CLIENT_READY;
    client->connected_ms = loop_now_ms(client->server->loop);
    client->announce_type = status.announce_type;
    client->any_head = status.any_head;
    client->server->stats.clients++;
    client->server->stats.clients_total++;
    server_balance_open(client);
    log_client(client, LOG_INFO, "client accepted", "");
    server_tell_newcomer(client);
}

/* ---- freezing (les.md 3.8) ---- */

void server_freeze(struct server_client *client, const char *why)
{
    if (client->version < 3) {
        server_drop(client, PEER_USELESS, why);
        return;
    }
    static const uint8_t STOP[] = {0xc0};
    struct server *server = client->server;
    log_client(client, LOG_DEBUG, "client stopped", why);
    server->stats.stops++;
    client->state = CLIENT_FROZEN;
    client->frozen_bytes = 0;
    server_drop_jobs(client);
    server_read_again(client);
    if (!server_send(client, LES_STOP, SPAN(STOP, sizeof(STOP))))
        return;
    uint16_t chance;
    loop_random(server->loop, &chance, sizeof(chance));
    timer_start(&client->state_timer, SERVER_FREEZE_MIN_MS + chance % SERVER_FREEZE_SPREAD_MS);
}

static void try_resume(struct server_client *client)
{
    struct server *server = client->server;
    uint64_t value = flow_server_value(&client->flow, loop_now_ms(server->loop));
    if (value <= client->flow.limit / 8) {
        timer_start(&client->state_timer, SERVER_FREEZE_POLL_MS);
        return;
    }
    client->state = CLIENT_READY;
    server_read_again(client);
    server->stats.resumes++;
    struct buf payload = {0};
    les_resume_encode(&payload, value);
    server_send(client, LES_RESUME, buf_span(&payload));
    buf_free(&payload);
}

static void on_state_timer(struct timer *timer)
{
    struct server_client *client = container_of(timer, struct server_client, state_timer);
    if (client->state == CLIENT_HANDSHAKE)
        server_drop(client, PEER_READ_TIMEOUT, "no Status in time");
    else
        try_resume(client);
}

/* ---- capacity ---- */

static void set_capacity_now(struct server_client *client, uint64_t capacity)
{
    client->capacity = capacity;
    flow_server_update(&client->flow, SERVER_BUFFER_UNIT * capacity,
                       SERVER_RECHARGE_UNIT * capacity, loop_now_ms(client->server->loop));
}

static void on_cut(struct timer *timer)
{
    struct server_client *client = container_of(timer, struct server_client, cut);
    set_capacity_now(client, client->capacity_next);
}

struct server_client *server_find(struct server *server, const struct hash32 *id)
{
    struct server_client *client = server->clients;
    while (client != NULL && !hash32_equal(&client->id, id))
        client = client->next;
    return client != NULL && client->state != CLIENT_HANDSHAKE ? client : NULL;
}

bool server_freeze_client(struct server *server, const struct hash32 *id)
{
    struct server_client *client = server_find(server, id);
    if (client != NULL && client->state == CLIENT_READY)
        server_freeze(client, "the operator wants it");
    return client != NULL;
}

bool server_drop_client(struct server *server, const struct hash32 *id)
{
    struct server_client *client = server_find(server, id);
    if (client != NULL)
        server_drop(client, PEER_REQUESTED, "the operator wants it");
    return client != NULL;
}

void server_capacities(const struct server *server, uint64_t *total, uint64_t *connected)
{
    *total = SERVER_RECHARGE_UNIT * server->config.capacity_total;
    *connected = 0;
    for (const struct server_client *client = server->clients; client != NULL;
         client = client->next) {
        if (client->state != CLIENT_HANDSHAKE)
            *connected += SERVER_RECHARGE_UNIT * client->capacity;
    }
}

bool server_set_capacity(struct server *server, const struct hash32 *id, uint64_t capacity)
{
    ASSERT(capacity <= UINT64_MAX / SERVER_BUFFER_UNIT);
    struct server_client *client = server_find(server, id);
    if (client == NULL)
        return false;
    server_balance_charge(client, 0); /* the time so far was at the old one */
    client->raised = client->balance > 0 && capacity > server->config.capacity;
    timer_stop(&client->cut);
    client->capacity_next = capacity;
    if (capacity >= client->capacity)
        set_capacity_now(client, capacity);
    else
        timer_start(&client->cut, SERVER_CUT_DELAY_MS);
    server_tell_capacity(client, capacity);
    return true;
}

/* ---- clients and their messages ---- */

struct server_client *server_attach(struct server *server, const struct server_line_ops *ops,
                                    void *line, unsigned version, const struct hash32 *id)
{
    ASSERT(version >= LES_VERSION_MIN && version <= LES_VERSION_MAX);
    struct server_client *client = mem_alloc(sizeof(*client));
    uint64_t now_ms = loop_now_ms(server->loop), capacity = server->config.capacity;
    *client = (struct server_client){.server = server,
                                     .ops = ops,
                                     .line = line,
                                     .version = version,
                                     .id = *id,
                                     .capacity = capacity,
                                     .capacity_next = capacity,
                                     .invalid_ms = now_ms,
                                     .active_ms = now_ms,
                                     .next = server->clients};
    client->jobs_tail = &client->jobs;
    timer_init(&client->state_timer, server->loop, on_state_timer);
    timer_init(&client->cut, server->loop, on_cut);
    flow_server_init(&client->flow, SERVER_BUFFER_UNIT * capacity, SERVER_RECHARGE_UNIT * capacity,
                     now_ms);
    server->backend->ops->head(server->backend, &client->told);
    server_price_table(server, client->prices);
    struct les_status status;
    make_status(client, &status);
    struct buf payload = {0};
    les_status_encode(&payload, &status);
    bool sent = ops->send(line, LES_STATUS, buf_span(&payload));
    buf_free(&payload);
    if (!sent) {
        mem_free(client);
        return NULL;
    }
    if (client->next != NULL)
        client->next->previous = client;
    server->clients = client;
    timer_start(&client->state_timer, SERVER_STATUS_TIMEOUT_MS);
    return client;
}

void server_message(struct server_client *client, unsigned code, struct span payload)
{
    if (client->gone)
        return;
    if (client->state == CLIENT_HANDSHAKE) {
        if (code == LES_STATUS)
            on_status(client, payload);
        else
            server_drop(client, PEER_SUBPROTOCOL, "its first message is not a Status");
        return;
    }
    if (les_cost_index(code) == LES_COST_CODES_COUNT) {
        server_drop(client, PEER_SUBPROTOCOL, "a message that is no request");
        return;
    }
    if (client->server->config.announce_only && code != LES_GET_BLOCK_HEADERS) {
        client->server->stats.ignored++;
        return;
    }
    server_request(client, code, payload);
}

/* ---- the server ---- */

struct server *server_new(struct loop *loop, struct crypto *crypto, struct log *log,
                          const struct server_config *config, struct les_backend *backend)
{
    struct server *server = mem_alloc(sizeof(*server));
    *server = (struct server){
        .loop = loop, .crypto = crypto, .log = log, .config = *config, .backend = backend};
    if (server->config.capacity == 0)
        server->config.capacity = 1;
    if (server->config.capacity_total == 0)
        server->config.capacity_total = SERVER_CAPACITY_TOTAL;
    server->ready_tail = &server->ready;
    timer_init(&server->run, loop, server_on_run);
    timer_init(&server->watch, loop, server_on_watch);
    server_price_init(server);
    server_balance_init(server);
    backend->ops->head(backend, &server->broadcast);
    return server;
}

void server_free(struct server *server)
{
    if (server == NULL)
        return;
    while (server->clients != NULL) {
        struct server_client *client = server->clients;
        const struct server_line_ops *ops = client->ops;
        void *line = client->line;
        client_end(client);
        ops->close(line, PEER_QUITTING);
    }
    timer_stop(&server->run);
    timer_stop(&server->watch);
    timer_stop(&server->settle);
    mem_wipe(&server->config.key, sizeof(server->config.key));
    mem_free(server);
}

void server_stats(const struct server *server, struct server_stats *out)
{
    *out = server->stats;
    for (const struct server_client *client = server->clients; client != NULL;
         client = client->next)
        out->queued += client->jobs_count;
    for (size_t i = 0; i < LES_COST_CODES_COUNT; i++)
        out->price_1024[i] = server_price_1024(server, i);
}
