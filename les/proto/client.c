#include "les/proto/client_private.h"

#include <stdio.h>

#define SWEEP_INTERVAL_MS 1000
#define CAP_NAME          "les"

/* ---- small access ---- */

struct loop *client_loop(const struct les_client *client)
{
    return client->loop;
}

struct log *client_log(const struct les_client *client)
{
    return client->log;
}

struct crypto *client_crypto(const struct les_client *client)
{
    return client->crypto;
}

struct host *les_client_host(struct les_client *client)
{
    return client->host;
}

void client_count_unsolicited(struct les_client *client)
{
    client->stats.unsolicited++;
}

void client_count_lie(struct les_client *client)
{
    client->stats.lies++;
}

void les_client_stats(const struct les_client *client, struct les_client_stats *out)
{
    *out = client->stats;
}

void les_client_set_fork_head(struct les_client *client, const struct les_block_ref *head,
                              uint64_t time)
{
    client->fork_head = *head;
    client->fork_time = time;
}

static bool is_trusted(const struct les_client *client, const struct hash32 *id)
{
    for (size_t i = 0; i < client->trusted_count; i++)
        if (hash32_equal(&client->trusted[i], id))
            return true;
    return false;
}

/* ---- servers come and go ---- */

static void on_sweep_server(void *pointer)
{
    session_free(pointer);
}

/* Who leaves and comes back has not become another: what was held against it goes on. */
static void remember_server(struct les_client *client, const struct les_server *server)
{
    struct les_past *place = NULL;
    if (server->record.score == 0 && server->record.benched_times == 0)
        return;
    for (size_t i = 0; i < LES_PAST_SERVERS_MAX && place == NULL; i++)
        if (hash32_equal(&client->past[i].id, &server->id))
            place = &client->past[i];
    if (place == NULL)
        place = &client->past[client->past_next++ % LES_PAST_SERVERS_MAX];
    place->id = server->id;
    place->record = server->record;
}

static void recall_server(const struct les_client *client, struct les_server *server)
{
    for (size_t i = 0; i < LES_PAST_SERVERS_MAX; i++)
        if (hash32_equal(&client->past[i].id, &server->id))
            server->record = client->past[i].record;
}

static void remove_server(struct les_server *server)
{
    struct les_client *client = server->client;
    if (server->gone)
        return;
    server->gone = true;
    for (size_t i = 0; i < client->servers_count; i++)
        if (client->servers[i] == server) {
            client->servers[i] = client->servers[--client->servers_count];
            break;
        }
    remember_server(client, server);
    timer_stop(&server->resume);
    timer_stop(&server->status_timer);
    session_void_messages(server);
    if (server->ready && !client->closing)
        client->events.on_server_gone(client->owner, server);
    loop_sweep(client->loop, server, on_sweep_server);
    loop_defer(client->loop, &client->schedule);
}

void client_drop(struct les_server *server, enum peer_reason reason, const char *why)
{
    if (server->gone)
        return;
    struct enode enode;
    char url[ENODE_TEXT_SIZE];
    peer_enode(server->peer, &enode);
    enode_format(url, &enode);
    log_write(server->client->log, LOG_INFO, "les", "server let go", "why", why, "server", url,
              "client", peer_client_id(server->peer), NULL);
    peer_disconnect(server->peer, reason);
    remove_server(server);
}

static void on_peer(void *owner, struct peer *peer, const struct peer_cap *shared,
                    size_t shared_count)
{
    struct les_client *client = owner;
    for (size_t i = 0; i < shared_count; i++) {
        if (strcmp(shared[i].name, CAP_NAME) != 0)
            continue;
        if (client->servers_count == LES_SERVERS_MAX) {
            peer_disconnect(peer, PEER_TOO_MANY);
            return;
        }
        struct les_server *server =
            session_new(client, peer, shared[i].version, is_trusted(client, peer_id(peer)));
        recall_server(client, server);
        peer_set_owner(peer, server);
        client->servers[client->servers_count++] = server;
        return;
    }
    peer_disconnect(peer, PEER_USELESS);
}

static void on_message(void *owner, struct peer *peer, const char *cap, unsigned version,
                       unsigned code, struct span payload)
{
    (void)owner, (void)version, (void)cap;
    struct les_server *server = peer_owner(peer);
    if (server != NULL)
        session_message(server, code, payload);
}

static void on_gone(void *owner, struct peer *peer, enum peer_reason reason, bool remote_said)
{
    struct les_client *client = owner;
    struct les_server *server = peer_owner(peer);
    log_write(client->log, LOG_INFO, "les", remote_said ? "server left" : "server lost", "reason",
              peer_reason_text(reason), "client", peer_client_id(peer), NULL);
    if (server != NULL)
        remove_server(server);
}

static void on_dial_failed(void *owner, const struct enode *to, const char *why)
{
    struct les_client *client = owner;
    struct hash32 id;
    char url[ENODE_TEXT_SIZE];
    enode_id(&id, &to->key);
    enode_format(url, to);
    log_write(client->log, is_trusted(client, &id) ? LOG_WARN : LOG_DEBUG, "les",
              "server not reached", "why", why, "server", url, NULL);
}

void client_on_ready(struct les_server *server)
{
    struct les_client *client = server->client;
    char version[24], number[24];
    log_write(client->log, LOG_INFO, "les", "server connected", "client",
              peer_client_id(server->peer), "les", log_u64(version, server->version), "head",
              log_u64(number, server->head.block.number), "trusted", server->trusted ? "yes" : "no",
              NULL);
    client->events.on_server(client->owner, server);
    if (!server->gone)
        client->events.on_head(client->owner, server, &server->head);
    loop_defer(client->loop, &client->schedule);
}

void client_on_head(struct les_server *server)
{
    struct les_client *client = server->client;
    client->events.on_head(client->owner, server, &server->head);
    loop_defer(client->loop, &client->schedule);
}

void client_make_status(const struct les_client *client, struct les_status *status,
                        unsigned version, bool trusted)
{
    *status =
        (struct les_status){.version = version,
                            .network_id = client->spec->network_id,
                            .genesis = client->spec->genesis_hash,
                            .has_announce_type = true,
                            .announce_type = trusted ? LES_ANNOUNCE_SIGNED : LES_ANNOUNCE_SIMPLE,
                            .any_head = true};
    if (version >= 4) {
        status->has_fork_id = true;
        chainspec_fork_id(&status->fork_id, client->spec, client->fork_head.number,
                          client->fork_time);
    }
}

const char *client_check_status(const struct les_client *client, const struct les_server *server)
{
    const struct les_status *status = &server->status;
    if (status->version != server->version)
        return "its Status names another protocol version";
    if (status->network_id != client->spec->network_id)
        return "it is on another network id";
    if (!hash32_equal(&status->genesis, &client->spec->genesis_hash))
        return "it has another genesis block";
    if (server->version >= 4 &&
        (!status->has_fork_id ||
         chainspec_fork_id_check(client->spec, client->fork_head.number, client->fork_time,
                                 &status->fork_id) != FORK_ID_COMPATIBLE))
        return "it follows other forks (fork id)";
    if (!status->has_flow)
        return "it is not a server (no flow control parameters)";
    bool serves = status->has_serve_chain_since;
    for (size_t i = 0; serves && i < LES_COST_CODES_COUNT; i++)
        if (!status->flow.has_cost[i])
            return "its cost table is incomplete";
    if (!serves && !server->trusted)
        return "it only announces and is not trusted";
    return NULL;
}

/* Messages that stayed without a reply: their server is given up. */
static void on_sweep(struct timer *timer)
{
    struct les_client *client = container_of(timer, struct les_client, sweep);
    uint64_t now = loop_now_ms(client->loop);
    for (size_t i = client->servers_count; i-- > 0;) {
        struct les_server *server = client->servers[i];
        struct les_message *oldest = server->messages;
        while (oldest != NULL && oldest->next != NULL)
            oldest = oldest->next;
        if (oldest == NULL || now - oldest->sent_ms < LES_REPLY_TIMEOUT_MS)
            continue;
        session_fault(server, LES_FAULT_TIMEOUT, les_code_name(oldest->code));
        client_drop(server, PEER_READ_TIMEOUT, "a request stayed without a reply");
    }
    timer_start(&client->sweep, SWEEP_INTERVAL_MS);
}

/* ---- life ---- */

static const struct host_protocol_events HOST_EVENTS = {
    .on_peer = on_peer,
    .on_message = on_message,
    .on_gone = on_gone,
    .on_dial_failed = on_dial_failed,
};

static void fill_host_config(struct host_config *host, const struct les_client_config *config)
{
    *host = (struct host_config){.key = config->key,
                                 .client_id = config->client_id,
                                 .peers_max = LES_SERVERS_MAX,
                                 .candidates_target = config->servers_target};
    for (unsigned version = LES_VERSION_MIN; version <= LES_VERSION_MAX; version++) {
        struct peer_cap *cap = &host->caps[host->caps_count++];
        snprintf(cap->name, sizeof cap->name, CAP_NAME);
        cap->version = version;
        cap->length = les_version_length(version);
    }
}

struct les_client *les_client_new(struct loop *loop, struct crypto *crypto, struct log *log,
                                  const struct les_client_config *config,
                                  const struct les_client_events *events, void *owner,
                                  enum status *status)
{
    struct les_client *client = mem_alloc(sizeof *client);
    struct host_config host;
    client->loop = loop;
    client->crypto = crypto;
    client->log = log;
    client->spec = config->spec;
    client->events = *events;
    client->owner = owner;
    client->fork_head = config->fork_head;
    client->fork_time = config->fork_time;
    loop_random(loop, &client->next_id, sizeof client->next_id);
    client->next_id >>= 16; /* ids never wrap, and a restarted client does not repeat them */
    client_ops_init(client);
    timer_init(&client->sweep, loop, on_sweep);

    fill_host_config(&host, config);
    *status = host_new(&client->host, loop, crypto, log, &host, &HOST_EVENTS, client);
    mem_wipe(&host.key, sizeof host.key);
    if (*status != STATUS_OK) {
        mem_free(client);
        return NULL;
    }
    client->trusted_count = config->trusted_count;
    client->trusted = mem_alloc((config->trusted_count + 1) * sizeof *client->trusted);
    for (size_t i = 0; i < config->trusted_count; i++) {
        enode_id(&client->trusted[i], &config->trusted[i].key);
        host_add_static(client->host, &config->trusted[i]);
    }
    for (size_t i = 0; i < config->peers_count; i++)
        host_add_static(client->host, &config->peers[i]);
    timer_start(&client->sweep, SWEEP_INTERVAL_MS);
    return client;
}

void les_client_free(struct les_client *client)
{
    if (client == NULL)
        return;
    client->closing = true;
    timer_stop(&client->sweep);
    while (client->servers_count > 0) {
        struct les_server *server = client->servers[client->servers_count - 1];
        peer_disconnect(server->peer, PEER_QUITTING);
        remove_server(server);
    }
    client_ops_end(client);
    host_free(client->host);
    mem_free(client->trusted);
    /* The schedule task may still be in this turn's list. */
    loop_sweep(client->loop, client, mem_free);
}

/* ---- looking at servers ---- */

size_t les_server_count(const struct les_client *client)
{
    size_t count = 0;
    for (size_t i = 0; i < client->servers_count; i++)
        count += client->servers[i]->ready;
    return count;
}

struct les_server *les_server_at(const struct les_client *client, size_t index)
{
    for (size_t i = 0; i < client->servers_count; i++)
        if (client->servers[i]->ready && index-- == 0)
            return client->servers[i];
    return NULL;
}

const struct hash32 *les_server_id(const struct les_server *server)
{
    return &server->id;
}

bool les_server_trusted(const struct les_server *server)
{
    return server->trusted;
}

const struct les_status *les_server_status(const struct les_server *server)
{
    return &server->status;
}

const struct les_head *les_server_head(const struct les_server *server)
{
    return &server->head;
}

void les_server_describe(const struct les_server *server, struct les_server_info *out)
{
    uint64_t now = loop_now_ms(server->client->loop);
    *out = (struct les_server_info){.version = server->version,
                                    .trusted = server->trusted,
                                    .frozen = server->frozen,
                                    .benched = session_benched(server, now),
                                    .requests = server->requests,
                                    .items = server->items,
                                    .lies = server->lies,
                                    .timeouts = server->timeouts,
                                    .empties = server->empties,
                                    .latency_us = server->latency_us,
                                    .buffer = flow_client_value(&server->flow, now),
                                    .buffer_limit = server->flow.params.buffer_limit,
                                    .recharge = server->flow.params.recharge,
                                    .bytes_in = peer_bytes_in(server->peer),
                                    .bytes_out = peer_bytes_out(server->peer),
                                    .score = server->record.score};
    peer_enode(server->peer, &out->enode);
    snprintf(out->client_id, sizeof out->client_id, "%s", peer_client_id(server->peer));
}
