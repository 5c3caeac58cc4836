#include "les/proto/server_host.h"

#include "les/base/limits.h"

#define CAP "les"

struct server_host {
    struct host *host;
    struct server *server;
};

static bool line_send(void *line, unsigned code, struct span payload)
{
    return peer_send(line, CAP, code, payload);
}

static void line_close(void *line, enum peer_reason reason)
{
    struct peer *peer = line;
    peer_set_owner(peer, NULL);
    peer_disconnect(peer, reason);
}

static size_t line_queue_size(void *line)
{
    return peer_queue_size(line);
}

static void line_pause(void *line, bool paused)
{
    peer_pause(line, paused);
}

static const struct server_line_ops LINE_OPS = {
    .send = line_send, .close = line_close, .queue_size = line_queue_size, .pause = line_pause};

static void on_peer(void *owner, struct peer *peer, const struct peer_cap *shared,
                    size_t shared_count)
{
    struct server_host *host = owner;
    ASSERT(shared_count == 1); /* we offer one name */
    peer_limit(peer, SERVER_STATUS_SIZE_MAX);
    struct server_client *client =
        server_attach(host->server, &LINE_OPS, peer, shared[0].version, peer_id(peer));
    peer_set_owner(peer, client);
    if (client == NULL)
        peer_disconnect(peer, PEER_TCP_ERROR);
}

static void on_message(void *owner, struct peer *peer, const char *cap, unsigned version,
                       unsigned code, struct span payload)
{
    (void)owner;
    (void)cap;
    (void)version;
    struct server_client *client = peer_owner(peer);
    if (client == NULL)
        return;
    server_message(client, code, payload);
    if (code == LES_STATUS)
        peer_limit(peer, SERVER_MESSAGE_MAX); /* no effect if the client was refused */
}

static void on_gone(void *owner, struct peer *peer, enum peer_reason reason, bool remote_said)
{
    (void)owner;
    (void)reason;
    (void)remote_said;
    struct server_client *client = peer_owner(peer);
    if (client != NULL)
        server_detach(client);
}

static const struct host_protocol_events HOST_EVENTS = {
    .on_peer = on_peer, .on_message = on_message, .on_gone = on_gone};

enum status server_host_new(struct server_host **out, struct loop *loop, struct crypto *crypto,
                            struct log *log, const struct server_host_config *config,
                            struct server *server)
{
    struct host_config host_config = {.key = config->key,
                                      .client_id = config->client_id,
                                      .do_listen = true,
                                      .listen = config->listen,
                                      .peers_max = config->clients_max,
                                      .handshakes_max = HOST_HANDSHAKES_MAX,
                                      .inbound_max = config->clients_max};
    for (unsigned version = LES_VERSION_MIN; version <= LES_VERSION_MAX; version++)
        host_config.caps[host_config.caps_count++] = (struct peer_cap){
            .name = CAP, .version = version, .length = les_version_length(version)};
    struct server_host *host = mem_alloc(sizeof(*host));
    host->server = server;
    *out = NULL;
    enum status status = host_new(&host->host, loop, crypto, log, &host_config, &HOST_EVENTS, host);
    mem_wipe(&host_config.key, sizeof(host_config.key));
    if (status != STATUS_OK) {
        mem_free(host);
        return status;
    }
    *out = host;
    return STATUS_OK;
}

void server_host_free(struct server_host *host)
{
    if (host == NULL)
        return;
    host_free(host->host);
    mem_free(host);
}

struct host *server_host_inside(struct server_host *host)
{
    return host->host;
}
