#include "gateway/serve/serve_admin_inside.h"

#include "gateway/light/light_metrics.h"

#include <stdio.h>

#define TIMEOUT_MS      10000
#define CALLS_MAX       256
#define CONNECTIONS_MAX 64
/* One or two are a reorganisation that is still under way at the node. */
#define HEAD_FAILURES_MAX 2

const char *serve_admin_source(const struct serve_admin *admin)
{
    const struct conf_serve *conf = admin->config.conf;
    if (conf->node_url != NULL)
        return "full node";
    if (conf->follow != NULL)
        return "another lesserve";
    if (conf->dev_chain || conf->dev_period_ms > 0)
        return "development chain";
    return conf->chain != NULL ? "chain file" : "genesis";
}

/* 200 while clients are served the truth: over a full node it must answer, and be followed. */
static bool on_health(void *owner, struct buf *out)
{
    struct serve_admin *admin = owner;
    bool good = admin->serving;
    json_put_object(out);
    json_put_key(out, "source");
    json_put_string(out, SPAN_STR(serve_admin_source(admin)));
    if (admin->config.node != NULL) {
        struct full_stats full;
        struct full_rpc_stats rpc;
        serve_node_stats(admin->config.node, &full, &rpc);
        bool lost = full.head_failures > HEAD_FAILURES_MAX;
        good = good && full.up && !lost;
        json_put_key(out, "node");
        json_put_string(out, SPAN_STR(rpc.up ? "up" : "down"));
        if (lost) {
            json_put_key(out, "trouble");
            json_put_string(out, SPAN_STR("the full node's head cannot be linked to the chain that "
                                          "is served; the log says why"));
        }
    }
    json_put_key(out, "head");
    if (admin->serving) {
        struct les_serve_head head;
        struct server_stats stats;
        admin->parts.backend->ops->head(admin->parts.backend, &head);
        server_stats(admin->parts.server, &stats);
        json_put_u64(out, head.block.number);
        json_put_key(out, "age");
        json_put_i64(out, loop_wall_s(admin->config.loop) - (int64_t)head.time);
        json_put_key(out, "clients");
        json_put_u64(out, stats.clients);
    } else {
        json_put_null(out);
        json_put_key(out, "trouble");
        json_put_string(out, SPAN_STR("the full node's head is not verified yet"));
    }
    json_put_object_end(out);
    return good;
}

static void format_address(const struct serve_admin *admin, char text[ENDPOINT_TEXT_SIZE])
{
    struct endpoint at;
    http_endpoint(admin->http, &at);
    endpoint_format(text, &at);
}

enum status serve_admin_open(struct serve_admin **out, const struct serve_admin_config *config,
                             struct buf *error)
{
    static const char *const VHOSTS[] = {"localhost"};
    struct http_options options = {.loop = config->loop,
                                   .log = config->log,
                                   .gzip = true,
                                   .connections_max = CONNECTIONS_MAX,
                                   .vhosts = {VHOSTS, 1},
                                   .on_health = on_health};
    *out = NULL;
    ASSERT(conf_endpoint(&options.listen, config->conf->admin_listen));
    if (!endpoint_is_loopback(&options.listen)) {
        buf_printf(error,
                   "--admin.listen %s is not a loopback address: whoever reaches that port may "
                   "change balances; listen on 127.0.0.1 and forward what you need",
                   config->conf->admin_listen);
        return STATUS_INVALID;
    }
    struct serve_admin *admin = mem_alloc(sizeof(*admin));
    admin->config = *config;
    admin->rpc = rpc_new(&(struct rpc_options){.loop = config->loop,
                                               .log = config->log,
                                               .methods = SERVE_METHODS,
                                               .methods_count = SERVE_METHODS_COUNT,
                                               .ctx = admin,
                                               .timeout_ms = TIMEOUT_MS,
                                               .calls_max = CALLS_MAX});
    admin->metrics = metrics_new();
    metrics_set_prefix(admin->metrics, "lesserve");
    serve_metrics_add(admin);
    light_metrics_add_rpc(admin->metrics, rpc_counts(admin->rpc));
    options.rpc = admin->rpc;
    options.metrics = admin->metrics;
    options.owner = admin;
    enum status status = http_open(&admin->http, &options, error);
    if (status != STATUS_OK) {
        serve_admin_free(admin);
        return status;
    }
    char text[ENDPOINT_TEXT_SIZE];
    format_address(admin, text);
    log_write(config->log, LOG_INFO, "admin", "listening", "at", text, NULL);
    *out = admin;
    return STATUS_OK;
}

void serve_admin_serving(struct serve_admin *admin, const struct serve_parts *parts)
{
    char text[ENDPOINT_TEXT_SIZE];
    admin->parts = *parts;
    admin->serving = true;
    serve_metrics_add_server(admin);
    format_address(admin, text);
    printf("admin http://%s\n", text);
    fflush(stdout);
}

void serve_admin_close(struct serve_admin *admin, void (*on_closed)(void *owner), void *owner)
{
    http_close(admin->http, on_closed, owner);
}

void serve_admin_free(struct serve_admin *admin)
{
    if (admin == NULL)
        return;
    http_free(admin->http);
    rpc_free(admin->rpc);
    metrics_free(admin->metrics);
    mem_free(admin);
}
