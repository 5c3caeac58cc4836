/* WebSocket as a client (RFC 6455): the opening handshake here, the frames by wslay. Messages are
 * gathered here: wslay's own gathering allocates for every fragment. */
#include "les/node/full_wire.h"

#include "les/base/limits.h"
#include "les/eth/crypto.h"
#include "les/node/full_http_parse.h"

#include <wslay/wslay.h>

#define KEY_TEXT_SIZE    24 /* base64 of 16 bytes */
#define ACCEPT_TEXT_SIZE 28 /* base64 of a SHA-1 */
#define ACCEPT_SUFFIX    "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

struct ws_wire {
    struct full_wire base;
    struct full_wire_target target;
    struct link *link;
    struct full_http handshake;
    char key[KEY_TEXT_SIZE + 1];
    wslay_event_context_ptr frames; /* NULL: the handshake is under way */
    struct span input;              /* what wslay has still to read */
    struct buf message;
    struct timer ping;
    unsigned silent; /* pings since something came */
    bool is_control; /* the frame that is being received */
    bool too_large;
};

static struct ws_wire *ws_of(struct full_wire *wire)
{
    return container_of(wire, struct ws_wire, base);
}

static void base64(char *out, struct span bytes)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < bytes.size; i += 3, out += 4) {
        size_t size = bytes.size - i < 3 ? bytes.size - i : 3;
        uint32_t group = (uint32_t)be_read(bytes.data + i, size) << (24 - 8 * size);
        for (size_t c = 0; c < 4; c++)
            out[c] = c <= size ? alphabet[group >> (18 - 6 * c) & 63] : '=';
    }
    *out = 0;
}

static void shut(struct ws_wire *self)
{
    timer_stop(&self->ping);
    link_close(self->link);
    self->link = NULL;
}

static void end(struct ws_wire *self, enum status status, const char *why)
{
    if (self->link == NULL)
        return;
    shut(self);
    self->base.events->on_end(self->base.owner, status, why);
}

/* ---- frames ---- */

static ssize_t on_recv(wslay_event_context_ptr context, uint8_t *out, size_t size, int flags,
                       void *owner)
{
    (void)flags;
    struct ws_wire *self = owner;
    if (self->input.size == 0 || self->link == NULL) {
        wslay_event_set_error(context, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    if (size > self->input.size)
        size = self->input.size;
    memcpy(out, self->input.data, size);
    self->input = SPAN(self->input.data + size, self->input.size - size);
    return (ssize_t)size;
}

static ssize_t on_send(wslay_event_context_ptr context, const uint8_t *data, size_t size, int flags,
                       void *owner)
{
    (void)flags;
    struct ws_wire *self = owner;
    if (self->link != NULL && link_send(self->link, SPAN(data, size)))
        return (ssize_t)size;
    wslay_event_set_error(context, WSLAY_ERR_CALLBACK_FAILURE);
    return -1;
}

static int on_mask(wslay_event_context_ptr context, uint8_t *out, size_t size, void *owner)
{
    (void)context;
    struct ws_wire *self = owner;
    loop_random(self->target.loop, out, size);
    return 0;
}

static void on_frame(wslay_event_context_ptr context,
                     const struct wslay_event_on_frame_recv_start_arg *frame, void *owner)
{
    (void)context;
    struct ws_wire *self = owner;
    self->is_control = wslay_is_ctrl_frame(frame->opcode);
}

static void on_chunk(wslay_event_context_ptr context,
                     const struct wslay_event_on_frame_recv_chunk_arg *chunk, void *owner)
{
    (void)context;
    struct ws_wire *self = owner;
    if (self->is_control || self->too_large)
        return;
    self->too_large = chunk->data_length > FULL_RESPONSE_BYTES_MAX - self->message.size;
    if (!self->too_large)
        buf_add(&self->message, chunk->data, chunk->data_length);
}

static void on_message(wslay_event_context_ptr context,
                       const struct wslay_event_on_msg_recv_arg *arg, void *owner)
{
    (void)context;
    struct ws_wire *self = owner;
    if (wslay_is_ctrl_frame(arg->opcode) || self->link == NULL || self->too_large)
        return;
    struct buf message = self->message;
    self->message = (struct buf){0};
    self->base.events->on_message(self->base.owner, buf_span(&message), 200);
    buf_free(&message);
}

static bool flush(struct ws_wire *self)
{
    return wslay_event_send(self->frames) == 0;
}

static void on_ping(struct timer *timer)
{
    struct ws_wire *self = container_of(timer, struct ws_wire, ping);
    struct wslay_event_msg ping = {WSLAY_PING, NULL, 0};
    if (self->silent++ == 2) {
        end(self, STATUS_TIMEOUT, "the node is silent");
    } else if (wslay_event_queue_msg(self->frames, &ping) != 0 || !flush(self)) {
        end(self, STATUS_IO, "the connection does not take more");
    } else {
        timer_start(&self->ping, FULL_PING_MS);
    }
}

static void take_frames(struct ws_wire *self, struct span bytes)
{
    self->input = bytes;
    int error = wslay_event_recv(self->frames);
    if (self->link == NULL)
        return;
    bool flushed = flush(self);
    bool limit = wslay_event_get_status_code_sent(self->frames) == WSLAY_CODE_MESSAGE_TOO_BIG;
    if (self->too_large || limit)
        end(self, STATUS_LIMIT, "the node's answer is too large");
    else if (error != 0 || !wslay_event_get_read_enabled(self->frames))
        end(self, wslay_event_get_close_received(self->frames) ? STATUS_IO : STATUS_INVALID,
            wslay_event_get_close_received(self->frames) ? "the node closed the connection"
                                                         : "the node does not speak WebSocket");
    else if (!flushed)
        end(self, STATUS_IO, "the connection does not take more");
}

/* ---- the handshake ---- */

static bool is_accepted(struct ws_wire *self)
{
    struct span value;
    uint8_t digest[20];
    char expected[ACCEPT_TEXT_SIZE + 1], keyed[KEY_TEXT_SIZE + sizeof ACCEPT_SUFFIX];
    memcpy(keyed, self->key, KEY_TEXT_SIZE);
    memcpy(keyed + KEY_TEXT_SIZE, ACCEPT_SUFFIX, sizeof ACCEPT_SUFFIX);
    sha1(digest, SPAN_STR(keyed));
    base64(expected, SPAN(digest, sizeof digest));
    return self->handshake.status == 101 &&
           full_http_field(&self->handshake, "sec-websocket-accept", &value) &&
           span_equal(value, SPAN_STR(expected)) &&
           full_http_field(&self->handshake, "upgrade", &value) && value.size == 9 &&
           strncasecmp((const char *)value.data, "websocket", 9) == 0 &&
           !full_http_field(&self->handshake, "sec-websocket-extensions", &value);
}

static void upgrade(struct ws_wire *self)
{
    static const struct wslay_event_callbacks callbacks = {on_recv,  on_send, on_mask,   on_frame,
                                                           on_chunk, NULL,    on_message};
    if (!is_accepted(self)) {
        end(self, STATUS_INVALID, "the node does not take a WebSocket at this address");
        return;
    }
    ASSERT(wslay_event_context_client_init(&self->frames, &callbacks, self) == 0);
    wslay_event_config_set_no_buffering(self->frames, 1);
    wslay_event_config_set_max_recv_msg_length(self->frames, FULL_RESPONSE_BYTES_MAX);
    timer_start(&self->ping, FULL_PING_MS);
    self->base.events->on_open(self->base.owner);
}

static void on_data(void *owner, struct span bytes)
{
    struct ws_wire *self = owner;
    size_t used = 0;
    self->base.events->on_bytes(self->base.owner, bytes.size);
    self->silent = 0;
    if (self->link != NULL && self->frames == NULL) {
        enum full_http_state state = full_http_feed(&self->handshake, bytes, &used);
        if (state == FULL_HTTP_DONE)
            upgrade(self);
        else if (state != FULL_HTTP_MORE)
            end(self, STATUS_INVALID, "the node does not speak WebSocket");
    }
    if (self->link != NULL && self->frames != NULL && used < bytes.size)
        take_frames(self, SPAN(bytes.data + used, bytes.size - used));
}

static void on_open(void *owner)
{
    struct ws_wire *self = owner;
    const struct full_address *to = self->target.address;
    struct buf head = {0};
    uint8_t nonce[16];
    loop_random(self->target.loop, nonce, sizeof nonce);
    base64(self->key, SPAN(nonce, sizeof nonce));
    buf_printf(&head,
               "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n",
               to->path, to->host, self->key);
    if (self->target.authorization != NULL)
        buf_printf(&head, "Authorization: %s\r\n", self->target.authorization);
    buf_add_str(&head, "\r\n");
    bool sent = link_send(self->link, buf_span(&head));
    buf_free(&head);
    if (!sent)
        end(self, STATUS_IO, "the connection does not take more");
}

static void on_close(void *owner, enum status status)
{
    end(owner, status == STATUS_OK ? STATUS_IO : status, "the connection ended");
}

static const struct link_events link_events = {on_open, on_data, NULL, on_close};

static bool ws_send(struct full_wire *wire, struct span message)
{
    struct ws_wire *self = ws_of(wire);
    struct wslay_event_msg out = {WSLAY_TEXT_FRAME, message.data, message.size};
    return self->link != NULL && self->frames != NULL &&
           wslay_event_queue_msg(self->frames, &out) == 0 && flush(self);
}

static void release(void *pointer)
{
    struct ws_wire *self = pointer;
    if (self->frames != NULL)
        wslay_event_context_free(self->frames);
    full_http_free(&self->handshake);
    buf_free(&self->message);
    mem_free(self);
}

static void ws_close(struct full_wire *wire)
{
    struct ws_wire *self = ws_of(wire);
    if (self->link != NULL)
        shut(self);
    loop_sweep(self->target.loop, self, release);
}

static const struct full_wire_ops ws_ops = {ws_send, ws_close};

enum status full_ws_open(struct full_wire **out, const struct full_wire_target *target,
                         const struct full_wire_events *events, void *owner)
{
    struct ws_wire *self = mem_alloc(sizeof *self);
    const struct full_address *to = target->address;
    self->base = (struct full_wire){&ws_ops, events, owner};
    self->target = *target;
    timer_init(&self->ping, target->loop, on_ping);
    enum status status =
        link_connect(&self->link, target->loop,
                     &to->endpoints[target->attempt % to->endpoints_count], &link_events, self);
    if (status != STATUS_OK) {
        mem_free(self);
        return status;
    }
    *out = &self->base;
    return STATUS_OK;
}
