#include "gateway/http/http_request.h"

#include "gateway/http/http_rules.h"
#include "gateway/http/websocket.h"
#include "les/base/limits.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wundef"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wstrict-prototypes"
#include <h2o.h>
#pragma GCC diagnostic pop

#define COPY_MAX 4096 /* longer bodies are handed over, not copied */

/* The link between a request of h2o and its calls. It lives in the request's pool, so it ends with
 * the request; whichever side ends first cuts the link. Over HTTP/1 h2o learns only after the
 * answer that the client has gone: the deadline of the calls is what bounds a wait, this only saves
 * work. */
struct pending {
    struct http_front *front;
    h2o_req_t *req;
    struct rpc_request *calls; /* NULL: answered */
    struct pending *previous, *next;
};

static struct span span_of(h2o_iovec_t text)
{
    return SPAN(text.base, text.len);
}

static struct span header(h2o_req_t *req, const h2o_token_t *token)
{
    ssize_t index = h2o_find_header(&req->headers, token, -1);
    return index == -1 ? SPAN_EMPTY : span_of(req->headers.entries[index].value);
}

static struct span header_named(h2o_req_t *req, const char *name)
{
    ssize_t index = h2o_find_header_by_str(&req->headers, name, strlen(name), -1);
    return index == -1 ? SPAN_EMPTY : span_of(req->headers.entries[index].value);
}

static void add_header(h2o_req_t *req, const h2o_token_t *token, struct span value)
{
    h2o_iovec_t copy = h2o_strdup(&req->pool, (const char *)value.data, value.size);
    h2o_add_header(&req->pool, &req->res.headers, token, NULL, copy.base, copy.len);
}

static void add_header_named(h2o_req_t *req, const char *name, struct span value)
{
    h2o_iovec_t copy = h2o_strdup(&req->pool, (const char *)value.data, value.size);
    h2o_add_header_by_str(&req->pool, &req->res.headers, name, strlen(name), 0, NULL, copy.base,
                          copy.len);
}

/* ---- answers ---- */

/* A long body on its way out. */
struct body {
    h2o_generator_t generator; /* has nothing to add: all is sent at once */
    struct buf bytes;
};

static void on_body_dispose(void *memory)
{
    struct body *body = memory;
    buf_free(&body->bytes);
}

/* body: its memory may be taken over. */
static void send_body(h2o_req_t *req, int status, const char *reason, const char *type,
                      struct buf *body)
{
    req->res.status = status;
    req->res.reason = reason;
    req->res.content_length = body->size;
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL, type, strlen(type));
    if (body->size < HTTP_GZIP_MIN || body->size > HTTP_GZIP_MAX)
        req->compress_hint = H2O_COMPRESS_HINT_DISABLE;
    if (body->size <= COPY_MAX) {
        h2o_send_inline(req, (const char *)body->data, body->size);
        return;
    }
    struct body *kept = h2o_mem_alloc_shared(&req->pool, sizeof *kept, on_body_dispose);
    *kept = (struct body){{NULL, NULL}, *body};
    *body = (struct buf){0};
    h2o_iovec_t vector = h2o_iovec_init((char *)kept->bytes.data, kept->bytes.size);
    h2o_start_response(req, &kept->generator);
    h2o_send(req, &vector, 1, H2O_SEND_STATE_FINAL);
}

static void send_empty(h2o_req_t *req, int status, const char *reason)
{
    req->res.status = status;
    req->res.reason = reason;
    req->res.content_length = 0;
    h2o_send_inline(req, "", 0);
}

void http_request_refuse(struct http_front *front, h2o_req_t *req, int status, const char *reason,
                         const char *text)
{
    struct buf body = {0};
    front->counts.rejected++;
    buf_add_str(&body, text);
    buf_add_str(&body, "\n");
    send_body(req, status, reason, "text/plain; charset=utf-8", &body);
    buf_free(&body);
}

static void send_json(h2o_req_t *req, struct buf *body)
{
    if (body->size > 0)
        buf_add_u8(body, '\n');
    send_body(req, 200, "OK", "application/json", body);
}

/* ---- CORS ---- */

static void add_cors(const struct http_front *front, h2o_req_t *req)
{
    struct span origin = header_named(req, "origin");
    if (front->options.cors.count == 0)
        return;
    add_header(req, H2O_TOKEN_VARY, SPAN_STR("Origin"));
    if (!http_origin_allowed(origin, &front->options.cors))
        return;
    bool all = strcmp(front->options.cors.items[0], "*") == 0;
    add_header(req, H2O_TOKEN_ACCESS_CONTROL_ALLOW_ORIGIN, all ? SPAN_STR("*") : origin);
}

static void answer_options(const struct http_front *front, h2o_req_t *req)
{
    struct span origin = header_named(req, "origin"),
                method = header_named(req, "access-control-request-method");
    struct span headers = header_named(req, "access-control-request-headers");
    add_cors(front, req);
    if (method.size > 0 && http_origin_allowed(origin, &front->options.cors)) {
        add_header_named(req, "access-control-allow-methods", SPAN_STR("POST, GET"));
        if (headers.size > 0)
            add_header_named(req, "access-control-allow-headers", headers);
        add_header_named(req, "access-control-max-age", SPAN_STR("600"));
    }
    send_empty(req, 200, "OK");
}

/* ---- calls ---- */

static void unlink_pending(struct pending *pending)
{
    if (pending->previous != NULL)
        pending->previous->next = pending->next;
    else
        pending->front->pending = pending->next;
    if (pending->next != NULL)
        pending->next->previous = pending->previous;
}

static void on_request_dispose(void *memory)
{
    struct pending *pending = memory;
    if (pending->calls == NULL)
        return;
    unlink_pending(pending);
    rpc_abandon(pending->calls);
    pending->calls = NULL;
}

static void on_reply(void *owner, struct span reply)
{
    struct pending *pending = owner;
    struct buf body = {0};
    unlink_pending(pending);
    pending->calls = NULL;
    buf_reserve(&body, reply.size + 1);
    buf_add_span(&body, reply);
    send_json(pending->req, &body);
    buf_free(&body);
}

static void submit(struct http_front *front, h2o_req_t *req)
{
    struct pending *pending = h2o_mem_alloc_shared(&req->pool, sizeof *pending, on_request_dispose);
    struct buf reply = {0};
    *pending = (struct pending){.front = front, .req = req};
    switch (rpc_submit(front->options.rpc, span_of(req->entity), &reply, &pending->calls, on_reply,
                       pending)) {
    case RPC_ANSWERED:
    case RPC_UNPARSABLE:
        send_json(req, &reply);
        break;
    case RPC_REFUSED:
        front->counts.rejected++;
        add_header(req, H2O_TOKEN_RETRY_AFTER, SPAN_STR("1"));
        send_body(req, 429, "Too Many Requests", "application/json", &reply);
        break;
    case RPC_WAITING:
        pending->next = front->pending;
        if (pending->next != NULL)
            pending->next->previous = pending;
        front->pending = pending;
        break;
    }
    buf_free(&reply);
}

void http_request_end_all(struct http_front *front)
{
    while (front->pending != NULL) {
        struct pending *pending = front->pending;
        struct rpc_request *calls = pending->calls;
        unlink_pending(pending);
        pending->calls = NULL;
        rpc_abandon(calls);
        pending->req->http1_is_persistent = 0;
        http_request_refuse(front, pending->req, 503, "Service Unavailable", "shutting down");
    }
}

/* ---- the rest of HTTP ---- */

static void answer_metrics(struct http_front *front, h2o_req_t *req)
{
    struct buf text = {0};
    metrics_print(front->options.metrics, &text);
    send_body(req, 200, "OK", "text/plain; version=0.0.4", &text);
    buf_free(&text);
}

static void answer_health(struct http_front *front, h2o_req_t *req)
{
    struct buf json = {0};
    bool well =
        front->options.on_health == NULL || front->options.on_health(front->options.owner, &json);
    if (front->options.on_health == NULL)
        buf_add_str(&json, "{\"healthy\":true}");
    buf_add_u8(&json, '\n');
    send_body(req, well ? 200 : 503, well ? "OK" : "Service Unavailable", "application/json",
              &json);
    buf_free(&json);
}

static bool path_is(const h2o_req_t *req, const char *path)
{
    size_t size = req->query_at != SIZE_MAX ? req->query_at : req->path.len;
    return size == strlen(path) && memcmp(req->path.base, path, size) == 0;
}

static void refuse_content_type(struct http_front *front, h2o_req_t *req)
{
    http_request_refuse(front, req, 415, "Unsupported Media Type",
                        "invalid content type, only application/json is supported");
}

static void answer_get(struct http_front *front, h2o_req_t *req)
{
    add_cors(front, req);
    if (path_is(req, "/metrics") && front->options.metrics != NULL)
        answer_metrics(front, req);
    else if (path_is(req, "/health"))
        answer_health(front, req);
    else if (req->entity.len == 0 && req->query_at == SIZE_MAX)
        send_empty(req, 200, "OK");
    else
        refuse_content_type(front, req);
}

static bool method_is(const h2o_req_t *req, const char *method)
{
    return span_equal(span_of(req->method), SPAN_STR(method));
}

static bool wants_websocket(const h2o_req_t *req)
{
    return req->version < 0x200 && req->upgrade.base != NULL &&
           h2o_lcstris(req->upgrade.base, req->upgrade.len, H2O_STRLIT("websocket"));
}

static bool is_host_allowed(struct http_front *front, const h2o_req_t *req)
{
    struct span authority = span_of(req->authority);
    if (authority.size > 0 && span_equal(authority, SPAN(front->host, front->host_size)))
        return true;
    if (span_equal(authority, span_of(req->hostconf->authority.hostport))) /* there was none */
        return true;
    if (!http_host_allowed(authority, &front->options.vhosts))
        return false;
    front->host_size = authority.size <= sizeof front->host ? authority.size : 0;
    memcpy(front->host, authority.data, front->host_size);
    return true;
}

void http_request_handle(struct http_front *front, h2o_req_t *req)
{
    front->counts.requests++;
    if (!is_host_allowed(front, req)) {
        http_request_refuse(front, req, 403, "Forbidden", "invalid host specified");
    } else if (front->closing) {
        http_request_refuse(front, req, 503, "Service Unavailable", "shutting down");
    } else if (method_is(req, "POST")) {
        add_cors(front, req);
        if (http_content_type_allowed(header(req, H2O_TOKEN_CONTENT_TYPE)))
            submit(front, req);
        else
            refuse_content_type(front, req);
    } else if (method_is(req, "OPTIONS")) {
        answer_options(front, req);
    } else if (method_is(req, "GET") && front->options.websocket && wants_websocket(req)) {
        if (http_websocket_origin_allowed(header_named(req, "origin"), &front->options.cors))
            websocket_upgrade(front, req);
        else
            http_request_refuse(front, req, 403, "Forbidden", "origin not allowed");
    } else if (method_is(req, "GET") || method_is(req, "HEAD")) {
        answer_get(front, req);
    } else {
        add_header(req, H2O_TOKEN_ALLOW, SPAN_STR("POST, GET, HEAD, OPTIONS"));
        http_request_refuse(front, req, 405, "Method Not Allowed", "method not allowed");
    }
}
