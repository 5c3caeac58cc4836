#include "gateway/http/http.h"

#include "gateway/http/http_request.h"
#include "gateway/http/websocket.h"
#include "les/base/limits.h"

#include <sys/socket.h>
#include <uv.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wundef"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wstrict-prototypes"
#include <h2o.h>
#include <h2o/http1.h>
#include <h2o/http2.h>
#pragma GCC diagnostic pop

#define BACKLOG     511
#define ABSENT_HOST "absent.invalid" /* what h2o puts for a request without Host */

/* An accepted connection. h2o owns it and closes it; the list is for shutting down and for readers
 * that stall. */
struct connection {
    uv_tcp_t tcp; /* first: h2o gives it back as a handle */
    struct http *http;
    struct connection *previous, *next;
    size_t unsent;    /* bytes, when last looked at */
    unsigned stalled; /* times in a row that nothing of them was sent */
};

struct handler {
    h2o_handler_t super;
    struct http_front *front;
};

struct http {
    struct http_front front;
    h2o_globalconf_t config;
    h2o_context_t context;
    h2o_accept_ctx_t accept;
    uv_tcp_t listener;
    bool listening, listener_closed;
    struct endpoint endpoint;
    struct connection *connections;
    struct timer stall_timer, linger_timer;
    struct task closed_task;
    void (*on_closed)(void *owner);
    void *closed_owner;
};

const struct http_counts *http_counts(const struct http *http)
{
    return &http->front.counts;
}

void http_endpoint(const struct http *http, struct endpoint *out)
{
    *out = http->endpoint;
}

/* ---- connections ---- */

static void check_closed(struct http *http)
{
    if (http->on_closed == NULL || !http->listener_closed || http->connections != NULL)
        return;
    timer_stop(&http->linger_timer);
    loop_defer(http->front.options.loop, &http->closed_task);
}

static void on_closed_task(struct task *task)
{
    struct http *http = container_of(task, struct http, closed_task);
    void (*on_closed)(void *owner) = http->on_closed;
    http->on_closed = NULL;
    if (on_closed != NULL)
        on_closed(http->closed_owner);
}

static void on_connection_closed(uv_handle_t *handle)
{
    struct connection *connection = container_of((uv_tcp_t *)handle, struct connection, tcp);
    struct http *http = connection->http;
    if (connection->previous != NULL)
        connection->previous->next = connection->next;
    else
        http->connections = connection->next;
    if (connection->next != NULL)
        connection->next->previous = connection->previous;
    http->front.counts.connections--;
    mem_free(connection);
    check_closed(http);
}

/* Both directions end at once; h2o sees it and closes the handle in its own way. */
static void hang_up(struct connection *connection)
{
    uv_os_fd_t fd;
    if (uv_fileno((const uv_handle_t *)&connection->tcp, &fd) == 0)
        shutdown(fd, SHUT_RDWR);
}

static void on_stall_check(struct timer *timer)
{
    struct http *http = container_of(timer, struct http, stall_timer);
    for (struct connection *at = http->connections; at != NULL; at = at->next) {
        size_t unsent = uv_stream_get_write_queue_size((const uv_stream_t *)&at->tcp);
        at->stalled = unsent > 0 && unsent == at->unsent ? at->stalled + 1 : 0;
        at->unsent = unsent;
        if (at->stalled >= HTTP_STALL_CHECKS)
            hang_up(at);
    }
    timer_start(timer, HTTP_STALL_INTERVAL_MS);
}

static void on_linger_over(struct timer *timer)
{
    struct http *http = container_of(timer, struct http, linger_timer);
    for (struct connection *at = http->connections; at != NULL; at = at->next)
        hang_up(at);
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct http *http = container_of((uv_tcp_t *)listener, struct http, listener);
    struct http_counts *counts = &http->front.counts;
    if (status != 0)
        return;
    struct connection *connection = mem_alloc(sizeof *connection);
    connection->http = http;
    connection->next = http->connections;
    if (connection->next != NULL)
        connection->next->previous = connection;
    http->connections = connection;
    counts->connections++;
    counts->connections_total++;
    uv_tcp_init(listener->loop, &connection->tcp);
    bool full = counts->connections > http->front.options.connections_max;
    counts->connections_refused += full;
    if (uv_accept(listener, (uv_stream_t *)&connection->tcp) != 0 || full) {
        uv_close((uv_handle_t *)&connection->tcp, on_connection_closed);
        return;
    }
    uv_tcp_nodelay(&connection->tcp, 1);
    h2o_accept(&http->accept,
               h2o_uv_socket_create((uv_stream_t *)&connection->tcp, on_connection_closed));
}

/* ---- opening ---- */

static int on_request(h2o_handler_t *handler, h2o_req_t *req)
{
    http_request_handle(((struct handler *)handler)->front, req);
    return 0;
}

static void configure(struct http *http)
{
    h2o_globalconf_t *config = &http->config;
    h2o_config_init(config);
    config->server_name = h2o_iovec_init(H2O_STRLIT("lesgate/" LESGATE_VERSION));
    config->max_request_entity_size = HTTP_BODY_MAX;
    config->http1.req_timeout = HTTP_REQUEST_TIMEOUT_MS;
    config->http2.idle_timeout = HTTP_REQUEST_TIMEOUT_MS;
    config->http2.max_concurrent_requests_per_connection = HTTP2_STREAMS_MAX;
    h2o_hostconf_t *host =
        h2o_config_register_host(config, h2o_iovec_init(H2O_STRLIT(ABSENT_HOST)), 65535);
    h2o_pathconf_t *path = h2o_config_register_path(host, "/", 0);
    if (http->front.options.gzip) {
        h2o_compress_args_t gzip = {
            .min_size = HTTP_GZIP_MIN, .gzip = {.quality = 1}, .brotli = {.quality = -1}};
        h2o_compress_register(path, &gzip);
    }
    struct handler *handler = (struct handler *)h2o_create_handler(path, sizeof *handler);
    handler->super.on_req = on_request;
    handler->front = &http->front;
    h2o_context_init(&http->context, loop_uv_raw(http->front.options.loop), config);
    http->accept.ctx = &http->context;
    http->accept.hosts = config->hosts;
}

static void to_sockaddr(struct sockaddr_storage *out, const struct endpoint *endpoint)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    memset(out, 0, sizeof *out);
    if (memcmp(endpoint->ip, mapped, 12) == 0) {
        struct sockaddr_in *v4 = (struct sockaddr_in *)out;
        v4->sin_family = AF_INET;
        v4->sin_port = htons(endpoint->port);
        memcpy(&v4->sin_addr, endpoint->ip + 12, 4);
    } else {
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(endpoint->port);
        memcpy(&v6->sin6_addr, endpoint->ip, 16);
    }
}

static int bind_and_listen(struct http *http)
{
    struct sockaddr_storage address;
    int size = sizeof address, status;
    to_sockaddr(&address, &http->front.options.listen);
    status = uv_tcp_bind(&http->listener, (const struct sockaddr *)&address, 0);
    if (status == 0)
        status = uv_listen((uv_stream_t *)&http->listener, BACKLOG, on_connection);
    if (status == 0)
        status = uv_tcp_getsockname(&http->listener, (struct sockaddr *)&address, &size);
    http->endpoint = http->front.options.listen;
    http->endpoint.port =
        ntohs(address.ss_family == AF_INET ? ((struct sockaddr_in *)&address)->sin_port
                                           : ((struct sockaddr_in6 *)&address)->sin6_port);
    return status;
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct http *http = container_of((uv_tcp_t *)handle, struct http, listener);
    http->listener_closed = true;
    check_closed(http);
}

static void on_listener_failed(uv_handle_t *handle)
{
    mem_free(container_of((uv_tcp_t *)handle, struct http, listener));
}

static void add_method_metrics(struct metrics *metrics, const struct rpc *rpc)
{
    static const struct {
        const char *name, *help;
        size_t offset;
    } rows[] = {
        {"rpc_method_calls_total", "Calls ended, by method.",
         offsetof(struct rpc_method_counts, calls)},
        {"rpc_method_failed_total", "Calls ended with an error, by method.",
         offsetof(struct rpc_method_counts, failed)},
        {"rpc_method_cached_total", "Calls answered from what was kept, by method.",
         offsetof(struct rpc_method_counts, cached)},
        {"rpc_method_microseconds_total", "Time from a call's start to its end, by method.",
         offsetof(struct rpc_method_counts, us)},
    };
    const struct rpc_method_counts *counts;
    const char *method;
    for (size_t row = 0; row < ARRAY_COUNT(rows); row++) {
        for (size_t i = 0; (counts = rpc_method_counts(rpc, i, &method)) != NULL; i++) {
            struct buf labels = {0};
            buf_printf(&labels, "method=\"%s\"", method);
            buf_add_u8(&labels, 0);
            metrics_add(
                metrics, METRIC_COUNTER, rows[row].name, (const char *)labels.data, rows[row].help,
                (const uint64_t *)(const void *)((const uint8_t *)counts + rows[row].offset));
            buf_free(&labels);
        }
    }
}

static void add_metrics(const struct http *http)
{
    struct metrics *metrics = http->front.options.metrics;
    const struct http_counts *counts = &http->front.counts;
    if (metrics == NULL)
        return;
    metrics_add(metrics, METRIC_GAUGE, "http_connections", NULL, "Connections open.",
                &counts->connections);
    metrics_add(metrics, METRIC_COUNTER, "http_connections_total", NULL, "Connections accepted.",
                &counts->connections_total);
    metrics_add(metrics, METRIC_COUNTER, "http_connections_refused_total", NULL,
                "Connections closed at once, over the limit.", &counts->connections_refused);
    metrics_add(metrics, METRIC_COUNTER, "http_requests_total", NULL, "HTTP requests.",
                &counts->requests);
    metrics_add(metrics, METRIC_COUNTER, "http_rejected_total", NULL,
                "HTTP requests answered with 4xx or 5xx.", &counts->rejected);
    metrics_add(metrics, METRIC_GAUGE, "http_websockets", NULL, "WebSocket sessions open.",
                &counts->websockets);
    add_method_metrics(metrics, http->front.options.rpc);
}

enum status http_open(struct http **out, const struct http_options *options, struct buf *error)
{
    struct http *http = mem_alloc(sizeof *http);
    char text[ENDPOINT_TEXT_SIZE];
    *out = NULL;
    http->front.options = *options;
    ASSERT(loop_uv_raw(options->loop) != NULL);
    uv_tcp_init(loop_uv_raw(options->loop), &http->listener);
    int status = bind_and_listen(http);
    if (status != 0) {
        endpoint_format(text, &options->listen);
        buf_printf(error, "cannot listen on %s: %s", text, uv_strerror(status));
        uv_close((uv_handle_t *)&http->listener, on_listener_failed);
        return STATUS_IO;
    }
    configure(http);
    add_metrics(http);
    http->closed_task.on_run = on_closed_task;
    timer_init(&http->stall_timer, options->loop, on_stall_check);
    timer_start(&http->stall_timer, HTTP_STALL_INTERVAL_MS);
    timer_init(&http->linger_timer, options->loop, on_linger_over);
    *out = http;
    return STATUS_OK;
}

/* ---- closing ---- */

void http_close(struct http *http, void (*on_closed)(void *owner), void *owner)
{
    ASSERT(!http->front.closing);
    http->front.closing = true;
    http->on_closed = on_closed;
    http->closed_owner = owner;
    timer_stop(&http->stall_timer);
    uv_close((uv_handle_t *)&http->listener, on_listener_closed);
    http_request_end_all(&http->front);
    websocket_end_all(&http->front);
    if (http->connections != NULL)
        timer_start(&http->linger_timer, HTTP_LINGER_MS);
}

/* h2o turns the loop inside of its dispose, hence not from a callback. */
void http_free(struct http *http)
{
    if (http == NULL)
        return;
    ASSERT(http->front.closing && http->listener_closed && http->connections == NULL);
    h2o_context_dispose(&http->context);
    h2o_config_dispose(&http->config);
    mem_free(http);
}
