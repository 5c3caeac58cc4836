/* The front door: HTTP/1.1, HTTP/2 without TLS (by prior knowledge or upgrade) and WebSocket on one
 * port, over the loop's own libuv loop. Knows nothing of methods: bodies go to rpc_submit.
 *
 * POST to any path is JSON-RPC (so /v3/KEY works as with Infura). GET / answers 200 with nothing,
 * GET /health 200 or 503 with JSON, GET /metrics Prometheus text. Status and texts are
 * go-ethereum's: 403 host, 405 method, 413 over HTTP_BODY_MAX, 415 content type; errors of calls
 * are 200. Calls beyond the limit of rpc are 429 with Retry-After. */
#ifndef GATEWAY_HTTP_H
#define GATEWAY_HTTP_H

#include "conf/conf.h"
#include "gateway/rpc/metrics.h"
#include "gateway/rpc/rpc.h"

struct http;

struct http_options {
    struct loop *loop; /* a real one: loop_uv_raw is not NULL */
    struct log *log;   /* may be NULL */
    struct rpc *rpc;
    struct endpoint listen;
    struct conf_list
        cors; /* borrowed while the server lives; Origin values or "*"; empty: no CORS */
    struct conf_list vhosts; /* borrowed; host names or "*" */
    bool websocket, gzip;
    size_t connections_max;
    struct metrics
        *metrics; /* may be NULL: no /metrics; gets the counts of http and of rpc's methods */
    /* Writes the JSON object of /health to out and says whether all is well. NULL: always well. */
    bool (*on_health)(void *owner, struct buf *out);
    void *owner;
};
/* Returns: STATUS_OK, or STATUS_IO with one line in error (the port is taken, ...). */
enum status http_open(struct http **out, const struct http_options *options,
                      struct buf *error) WARN_UNUSED;
void http_endpoint(const struct http *http,
                   struct endpoint *out); /* with the port that was given */

/* Stops listening, answers waiting requests with 503 and ends all connections; on_closed comes
 * once, later, when none is left. After it, and after loop_run has returned: http_free, then
 * rpc_free, then loop_free. */
void http_close(struct http *http, void (*on_closed)(void *owner), void *owner);
void http_free(struct http *http); /* not from a callback of the loop */

struct http_counts {
    uint64_t connections;       /* now */
    uint64_t connections_total; /* accepted */
    uint64_t connections_refused;
    uint64_t requests;
    uint64_t websockets; /* now */
    uint64_t rejected;   /* 4xx */
};
const struct http_counts *http_counts(const struct http *http);

#endif
