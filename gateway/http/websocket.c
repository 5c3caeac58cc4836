#include "gateway/http/websocket.h"

#include "les/base/limits.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wundef"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wstrict-prototypes"
#include <h2o.h>
#include <h2o/websocket.h>
#pragma GCC diagnostic pop

/* A message whose calls are under way. */
struct ask {
    struct websocket *socket;
    struct rpc_request *calls;
    struct ask *previous, *next;
};

struct websocket {
    struct http_front *front;
    h2o_websocket_conn_t *conn; /* NULL: ended */
    struct websocket *previous, *next;
    struct ask *asks;
    size_t asks_count;
    struct timer ping;
    bool pinged;    /* and nothing has come since */
    bool closing;   /* a close frame is queued; what still comes is not heard */
    bool receiving; /* inside of wslay_event_recv: what is queued is sent when it returns */
};

static void free_socket(void *memory)
{
    mem_free(memory);
}

/* ---- the end ---- */

static void end(struct websocket *socket)
{
    h2o_websocket_conn_t *conn = socket->conn;
    if (conn == NULL)
        return;
    socket->conn = NULL;
    timer_stop(&socket->ping);
    while (socket->asks != NULL) {
        struct ask *ask = socket->asks;
        socket->asks = ask->next;
        rpc_abandon(ask->calls);
        mem_free(ask);
    }
    if (socket->previous != NULL)
        socket->previous->next = socket->next;
    else
        socket->front->sockets = socket->next;
    if (socket->next != NULL)
        socket->next->previous = socket->previous;
    socket->front->counts.websockets--;
    h2o_websocket_close(conn);
    loop_sweep(socket->front->options.loop, socket, free_socket);
}

/* Queued frames go out. May end the session. */
static void flush(struct websocket *socket)
{
    if (socket->conn != NULL && socket->conn->sock != NULL && !socket->receiving)
        h2o_websocket_proceed(socket->conn);
}

static void queue_close(struct websocket *socket, uint16_t code, const char *reason)
{
    socket->closing = true;
    wslay_event_queue_close(socket->conn->ws_ctx, code, (const uint8_t *)reason, strlen(reason));
}

/* ---- answers ---- */

static void send_reply(struct websocket *socket, struct span reply)
{
    struct wslay_event_msg message = {WSLAY_TEXT_FRAME, reply.data, reply.size};
    wslay_event_context_ptr context = socket->conn->ws_ctx;
    if (reply.size == 0)
        return;
    if (wslay_event_get_queued_msg_length(context) + reply.size > WS_QUEUE_MAX)
        queue_close(socket, WSLAY_CODE_POLICY_VIOLATION, "answers are not read");
    else
        wslay_event_queue_msg(context, &message);
}

static void on_reply(void *owner, struct span reply)
{
    struct ask *ask = owner;
    struct websocket *socket = ask->socket;
    if (ask->previous != NULL)
        ask->previous->next = ask->next;
    else
        socket->asks = ask->next;
    if (ask->next != NULL)
        ask->next->previous = ask->previous;
    socket->asks_count--;
    mem_free(ask);
    send_reply(socket, reply);
    flush(socket);
}

static void submit(struct websocket *socket, struct span text)
{
    struct rpc *rpc = socket->front->options.rpc;
    struct buf reply = {0};
    struct ask *ask = mem_alloc(sizeof *ask);
    enum rpc_outcome outcome = RPC_REFUSED;
    ask->socket = socket;
    if (socket->asks_count < WS_CALLS_MAX)
        outcome = rpc_submit(rpc, text, &reply, &ask->calls, on_reply, ask);
    else
        rpc_refuse(rpc, text, &reply);
    if (outcome == RPC_WAITING) {
        ask->next = socket->asks;
        if (ask->next != NULL)
            ask->next->previous = ask;
        socket->asks = ask;
        socket->asks_count++;
    } else {
        mem_free(ask);
        send_reply(socket, buf_span(&reply));
    }
    buf_free(&reply);
}

/* ---- events ---- */

static void on_message(h2o_websocket_conn_t *conn,
                       const struct wslay_event_on_msg_recv_arg *message)
{
    struct websocket *socket = conn->data;
    if (message == NULL) {
        end(socket);
        return;
    }
    if (socket->closing)
        return;
    socket->pinged = false;
    timer_start(&socket->ping, WS_PING_INTERVAL_MS);
    if (wslay_is_ctrl_frame(message->opcode))
        return;
    /* wslay is on the stack: a session must not end before it returns, h2o does that at the next
     * turn of its loop */
    socket->receiving = true;
    submit(socket, SPAN(message->msg, message->msg_length));
    socket->receiving = false;
}

static void on_ping_due(struct timer *timer)
{
    struct websocket *socket = container_of(timer, struct websocket, ping);
    struct wslay_event_msg ping = {WSLAY_PING, NULL, 0};
    if (socket->pinged) {
        end(socket);
        return;
    }
    socket->pinged = true;
    timer_start(&socket->ping, WS_PONG_TIMEOUT_MS);
    wslay_event_queue_msg(socket->conn->ws_ctx, &ping);
    flush(socket);
}

void websocket_upgrade(struct http_front *front, h2o_req_t *req)
{
    const char *key;
    ssize_t version =
        h2o_find_header_by_str(&req->headers, H2O_STRLIT("sec-websocket-version"), -1);
    bool version_13 =
        version != -1 && h2o_memis(req->headers.entries[version].value.base,
                                   req->headers.entries[version].value.len, H2O_STRLIT("13"));
    if (h2o_is_websocket_handshake(req, &key) != 0 || key == NULL || !version_13) {
        http_request_refuse(front, req, 400, "Bad Request", "broken WebSocket handshake");
        return;
    }
    struct websocket *socket = mem_alloc(sizeof *socket);
    socket->front = front;
    socket->next = front->sockets;
    if (socket->next != NULL)
        socket->next->previous = socket;
    front->sockets = socket;
    front->counts.websockets++;
    timer_init(&socket->ping, front->options.loop, on_ping_due);
    timer_start(&socket->ping, WS_PING_INTERVAL_MS);
    socket->conn = h2o_upgrade_to_websocket(req, key, socket, on_message);
    wslay_event_config_set_max_recv_msg_length(socket->conn->ws_ctx, WS_MESSAGE_MAX);
}

void websocket_end_all(struct http_front *front)
{
    struct websocket *next;
    for (struct websocket *socket = front->sockets; socket != NULL; socket = next) {
        next = socket->next;
        if (socket->conn->sock ==
            NULL) /* the handshake is still being written; the socket ends soon */
            continue;
        queue_close(socket, WSLAY_CODE_GOING_AWAY, "");
        flush(socket);
    }
}
