/* Inside the operator's view: serve_admin.c (port, health), serve_metrics.c, serve_rpc.c. */
#ifndef GATEWAY_SERVE_ADMIN_INSIDE_H
#define GATEWAY_SERVE_ADMIN_INSIDE_H

#include "gateway/http/http.h"
#include "gateway/serve/serve_admin.h"

struct serve_admin {
    struct serve_admin_config config;
    bool serving;
    struct serve_parts parts;
    struct rpc *rpc;
    struct metrics *metrics;
    struct http *http;
    struct conf_list vhosts;
    /* As of the last look at /metrics. */
    struct serve_snapshot {
        struct server_stats server;
        struct host_stats host;
        struct discovery_stats discovery;
        struct full_stats full;
        struct full_rpc_stats full_rpc;
        struct les_serve_head head;
        uint64_t head_age_s, capacity_total, capacity_connected, memory_bytes;
        uint64_t node_up, node_rpc_up;
    } seen;
};

extern const struct rpc_method SERVE_METHODS[];
extern const size_t SERVE_METHODS_COUNT;

const char *serve_admin_source(const struct serve_admin *admin); /* where the chain comes from */
void serve_metrics_add(struct serve_admin *admin); /* what is there before the server is open */
void serve_metrics_add_server(struct serve_admin *admin);

#endif
