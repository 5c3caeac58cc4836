#include "gateway/serve/serve_les.h"

#include "conf/nodekey.h"
#include "les/base/limits.h"

#include <sys/resource.h>

#define FILES_BESIDE (HOST_HANDSHAKES_MAX + SERVER_ROOM + 64) /* beside the clients */

/* A connection is an open file; many systems allow 1,024 until a program asks for more. */
static void allow_files(const struct serve_les_config *config)
{
    struct rlimit limit;
    rlim_t wanted = config->conf->max_peers + FILES_BESIDE;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur >= wanted)
        return;
    char count[24];
    log_write(config->log, LOG_WARN, "main", "fewer open files are allowed than max-peers needs",
              "allowed", log_u64(count, limit.rlim_cur), NULL);
}

static bool open_host(struct serve_les *les, const struct serve_les_config *config,
                      const struct seckey32 *key, struct buf *error)
{
    const struct conf_serve *conf = config->conf;
    struct server_host_config host = {
        .key = *key, .client_id = config->client_id, .clients_max = conf->max_peers + SERVER_ROOM};
    if (host.clients_max > HOST_PEERS_MAX)
        host.clients_max = HOST_PEERS_MAX;
    ASSERT(conf_endpoint(&host.listen, conf->listen));
    enum status status =
        server_host_new(&les->host, config->loop, config->crypto, config->log, &host, les->server);
    mem_wipe(&host.key, sizeof(host.key));
    if (status != STATUS_OK)
        buf_printf(error, "--listen %s cannot be had (%s): is another program using it?",
                   conf->listen, status_text(status));
    return status == STATUS_OK;
}

static bool open_find(struct serve_les *les, const struct serve_les_config *config,
                      const struct seckey32 *key, struct buf *error)
{
    struct les_serve_head head;
    config->backend->ops->head(config->backend, &head);
    struct serve_find_config find = {.loop = config->loop,
                                     .crypto = config->crypto,
                                     .log = config->log,
                                     .conf = config->conf,
                                     .host = server_host_inside(les->host),
                                     .spec = config->spec,
                                     .head_number = head.block.number,
                                     .head_time = head.time,
                                     .key = *key};
    les->find = serve_find_new(&find, error);
    mem_wipe(&find.key, sizeof(find.key));
    return les->find != NULL;
}

bool serve_les_open(struct serve_les *out, const struct serve_les_config *config, struct buf *error)
{
    const struct conf_serve *conf = config->conf;
    struct server_config server = {.spec = config->spec,
                                   .recent_state = config->recent_state,
                                   .plain_keys = config->plain_keys,
                                   .capacity = conf->capacity,
                                   .announce_only = conf->announce_only,
                                   .clients_max = conf->max_peers,
                                   .balances = config->balances};
    *out = (struct serve_les){.server = NULL};
    if (nodekey_load(&server.key, config->loop, config->crypto, conf->nodekey, conf->datadir,
                     error) != STATUS_OK)
        return false;
    allow_files(config);
    out->server = server_new(config->loop, config->crypto, config->log, &server, config->backend);
    server_measure(out->server);
    bool good =
        open_host(out, config, &server.key, error) && open_find(out, config, &server.key, error);
    mem_wipe(&server.key, sizeof(server.key));
    if (!good)
        serve_les_close(out);
    return good;
}

void serve_les_close(struct serve_les *les)
{
    serve_find_free(les->find);
    server_free(les->server);
    server_host_free(les->host);
    *les = (struct serve_les){.server = NULL};
}

void serve_les_log(const struct serve_les *les, struct log *log)
{
    struct server_stats stats;
    char clients[24], replies[24], bytes[24], stops[24], dropped[24];
    if (les->server == NULL)
        return;
    server_stats(les->server, &stats);
    log_write(log, LOG_INFO, "main", "stopping", "clients", log_u64(clients, stats.clients_total),
              "replies", log_u64(replies, stats.replies), "bytes",
              log_u64(bytes, stats.reply_bytes), "stops", log_u64(stops, stats.stops), "dropped",
              log_u64(dropped, stats.dropped), NULL);
}
