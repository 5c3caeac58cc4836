#include "tests/sim/world_node.h"

#include "les/eth/crypto.h"
#include "tests/fixture/fixture.h"

#include <stdlib.h>

#define SUBSCRIPTION "0x9ce59a13059e417087c02d3236a0b1cc"
#define HUGE_PIECE   (256 * 1024)

enum speech { SPEECH_UNKNOWN, SPEECH_HTTP, SPEECH_WS, SPEECH_IPC };

/* One connection. */
struct caller {
    struct world_node *node;
    struct caller *next;
    struct link *link;
    enum speech speech;
    struct buf in;
    bool subscribed;
    struct timer endless; /* the next piece of an answer without end */
};

/* An answer on its way. */
struct delayed {
    struct timer timer;
    struct world_node *node;
    struct delayed *next;
    struct caller *caller; /* NULL: gone */
    struct buf message;
};

struct world_node {
    struct loop *loop;
    struct listener *tcp, *ipc;
    world_node_answer *answer;
    void *owner;
    enum world_node_way way;
    uint64_t delay_ms;
    struct caller *callers;
    struct delayed *delayed;
    struct world_node_counters counters;
};

static void free_caller(void *pointer)
{
    struct caller *caller = pointer;
    buf_free(&caller->in);
    mem_free(caller);
}

static void drop(struct caller *caller)
{
    struct caller **slot = &caller->node->callers;
    while (*slot != caller)
        slot = &(*slot)->next;
    *slot = caller->next;
    for (struct delayed *d = caller->node->delayed; d != NULL; d = d->next)
        if (d->caller == caller)
            d->caller = NULL;
    timer_stop(&caller->endless);
    link_close(caller->link);
    caller->link = NULL;
    caller->node->counters.open--;
    loop_sweep(caller->node->loop, caller, free_caller);
}

/* ---- writing ---- */

static void add_ws_head(struct buf *out, size_t size, bool fin)
{
    buf_add_u8(out, fin ? 0x81 : 0x01);
    if (size < 126) {
        buf_add_u8(out, (uint8_t)size);
        return;
    }
    uint8_t length[8];
    size_t bytes = size < 65536 ? 2 : 8;
    buf_add_u8(out, bytes == 2 ? 126 : 127);
    be_write(length, bytes, size);
    buf_add(out, length, bytes);
}

static void add_chunks(struct buf *out, struct span message)
{
    for (size_t at = 0; at < message.size; at += 7) {
        size_t size = message.size - at < 7 ? message.size - at : 7;
        buf_printf(out, "%zx;a=b\r\n", size);
        buf_add(out, message.data + at, size);
        buf_add_str(out, "\r\n");
    }
    buf_add_str(out, "0\r\nDigest: none\r\n\r\n");
}

static void add_http(struct buf *out, const struct world_node *node, struct span message)
{
    buf_printf(out, "HTTP/1.1 %s\r\nContent-Type: application/json\r\n",
               node->way == NODE_HTML ? "503 Service Unavailable" : "200 OK");
    if (node->way == NODE_CHUNKED) {
        buf_add_str(out, "Transfer-Encoding: chunked\r\n\r\n");
        add_chunks(out, message);
        return;
    }
    if (node->way == NODE_CLOSES)
        buf_add_str(out, "Connection: close\r\n\r\n");
    else
        buf_printf(out, "Content-Length: %zu\r\n\r\n", message.size);
    buf_add_span(out, message);
}

static void frame(struct buf *out, const struct caller *caller, struct span message)
{
    switch (caller->speech) {
    case SPEECH_HTTP:
        add_http(out, caller->node, message);
        break;
    case SPEECH_WS:
        add_ws_head(out, message.size, true);
        buf_add_span(out, message);
        break;
    case SPEECH_UNKNOWN:
    case SPEECH_IPC:
        buf_add_span(out, message);
        break;
    }
}

static void send_whole(struct caller *caller, struct span message)
{
    struct buf out = {0};
    frame(&out, caller, message);
    bool cuts = caller->node->way == NODE_CUTS;
    bool closes = caller->speech == SPEECH_HTTP && caller->node->way == NODE_CLOSES;
    bool sent = link_send(caller->link, SPAN(out.data, cuts ? out.size / 2 : out.size));
    buf_free(&out);
    if (!sent || cuts || closes)
        drop(caller);
}

static void send_garbage(struct caller *caller)
{
    uint8_t bytes[300];
    loop_random(caller->node->loop, bytes, sizeof bytes);
    if (bytes[299] % 2 == 0) /* sometimes it begins well */
        send_whole(caller, SPAN(bytes, sizeof bytes));
    else if (!link_send(caller->link, SPAN(bytes, sizeof bytes)))
        drop(caller);
}

/* Promises far more than comes. */
static void send_swallow(struct caller *caller)
{
    struct buf out = {0};
    if (caller->speech == SPEECH_HTTP)
        buf_add_str(&out, "HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n");
    if (caller->speech == SPEECH_WS)
        add_ws_head(&out, 10000000, true);
    buf_add_str(&out, "{\"result\":[");
    if (!link_send(caller->link, buf_span(&out)))
        drop(caller);
    buf_free(&out);
}

/* The next piece of an answer without end. */
static void send_more(struct caller *caller)
{
    struct buf piece = {.data = mem_alloc(HUGE_PIECE), .size = HUGE_PIECE, .capacity = HUGE_PIECE};
    for (size_t i = 0; i < HUGE_PIECE; i++)
        piece.data[i] = caller->node->way == NODE_HUGE ? 'a' : (uint8_t) "[],"[i % 3];
    if (caller->speech == SPEECH_WS) {
        uint8_t head[10] = {0x00, 127};
        be_write(head + 2, 8, HUGE_PIECE);
        if (!link_send(caller->link, SPAN(head, 10)))
            return;
    }
    if (link_send(caller->link, buf_span(&piece)))
        timer_start(&caller->endless, 1);
    buf_free(&piece);
}

static void send_endless(struct caller *caller)
{
    struct buf out = {0};
    const char *begin = caller->node->way == NODE_HUGE ? "[{\"id\":1,\"result\":\"" : "[";
    if (caller->speech == SPEECH_HTTP)
        buf_add_str(&out, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
    if (caller->speech == SPEECH_WS)
        add_ws_head(&out, strlen(begin), false);
    buf_add_str(&out, begin);
    bool sent = link_send(caller->link, buf_span(&out));
    buf_free(&out);
    if (sent)
        send_more(caller);
}

static void forget(struct delayed *delayed)
{
    struct delayed **slot = &delayed->node->delayed;
    while (*slot != delayed)
        slot = &(*slot)->next;
    *slot = delayed->next;
    timer_stop(&delayed->timer);
    buf_free(&delayed->message);
    mem_free(delayed);
}

static void speak(struct caller *caller, struct span message)
{
    switch (caller->node->way) {
    case NODE_SILENT:
        break;
    case NODE_GARBAGE:
        send_garbage(caller);
        break;
    case NODE_SWALLOWS:
        send_swallow(caller);
        break;
    case NODE_HUGE:
    case NODE_DEEP:
        send_endless(caller);
        break;
    case NODE_HANGS_UP:
        drop(caller);
        break;
    case NODE_HTML:
        send_whole(caller, SPAN_STR("<html><body>try again later</body></html>"));
        break;
    case NODE_FINE:
    case NODE_CHUNKED:
    case NODE_CLOSES:
    case NODE_NO_BATCHES:
    case NODE_WRONG_IDS:
    case NODE_SHUFFLED:
    case NODE_LAST_MISSING:
    case NODE_CUTS:
    case NODE_NO_ERRORS:
        send_whole(caller, message);
        break;
    }
}

static void on_delay(struct timer *timer)
{
    struct delayed *delayed = container_of(timer, struct delayed, timer);
    if (delayed->caller != NULL)
        speak(delayed->caller, buf_span(&delayed->message));
    forget(delayed);
}

static void speak_later(struct caller *caller, struct span message)
{
    struct world_node *node = caller->node;
    if (node->delay_ms == 0) {
        speak(caller, message);
        return;
    }
    struct delayed *delayed = mem_alloc(sizeof *delayed);
    delayed->node = node;
    delayed->caller = caller;
    buf_add_span(&delayed->message, message);
    delayed->next = node->delayed;
    node->delayed = delayed;
    timer_init(&delayed->timer, node->loop, on_delay);
    timer_start(&delayed->timer, node->delay_ms);
}

/* ---- answering ---- */

static json_t *result_of(struct caller *caller, const char *method, json_t *params, int *code,
                         const char **text)
{
    struct world_node *node = caller->node;
    if (strcmp(method, "eth_subscribe") != 0)
        return node->answer(node->owner, method, params, code, text);
    if (caller->speech == SPEECH_HTTP) {
        *code = -32601;
        *text = "notifications not supported";
        return NULL;
    }
    node->counters.subscribes++;
    caller->subscribed = true;
    return json_string(SUBSCRIPTION);
}

static json_t *answer_one(struct caller *caller, json_t *request)
{
    struct world_node *node = caller->node;
    int code = -32601;
    const char *text = "the method is not known here";
    json_int_t id = json_integer_value(json_object_get(request, "id"));
    const char *method = json_string_value(json_object_get(request, "method"));
    ASSERT(method != NULL && json_is_array(json_object_get(request, "params")));
    node->counters.calls++;
    if (node->way == NODE_WRONG_IDS)
        id += 1000000;
    json_t *result = result_of(caller, method, json_object_get(request, "params"), &code, &text);
    if (node->way == NODE_NO_ERRORS) {
        json_decref(result);
        return json_pack("{s:s, s:I}", "jsonrpc", "2.0", "id", id);
    }
    if (result != NULL)
        return json_pack("{s:s, s:I, s:o}", "jsonrpc", "2.0", "id", id, "result", result);
    return json_pack("{s:s, s:I, s:{s:i, s:s}}", "jsonrpc", "2.0", "id", id, "error", "code", code,
                     "message", text);
}

static json_t *answer_batch(struct caller *caller, json_t *batch)
{
    struct world_node *node = caller->node;
    node->counters.batches++;
    if (json_array_size(batch) > node->counters.batch_max)
        node->counters.batch_max = json_array_size(batch);
    if (node->way == NODE_NO_BATCHES)
        return json_pack("{s:s, s:n, s:{s:i, s:s}}", "jsonrpc", "2.0", "id", "error", "code",
                         -32600, "message", "Batch requests are disabled");
    json_t *out = json_array(), *request;
    size_t i;
    json_array_foreach(batch, i, request)
    {
        if (node->way == NODE_LAST_MISSING && i + 1 == json_array_size(batch))
            break;
        json_t *reply = answer_one(caller, request);
        if (node->way == NODE_SHUFFLED)
            json_array_insert_new(out, 0, reply);
        else
            json_array_append_new(out, reply);
    }
    return out;
}

static void take_message(struct caller *caller, struct span message)
{
    json_error_t error;
    json_t *request = json_loadb((const char *)message.data, message.size, 0, &error);
    ASSERT(request != NULL); /* our client writes JSON */
    caller->node->counters.messages++;
    json_t *reply =
        json_is_array(request) ? answer_batch(caller, request) : answer_one(caller, request);
    char *text = json_dumps(reply, JSON_COMPACT);
    json_decref(request);
    json_decref(reply);
    speak_later(caller, SPAN_STR(text));
    free(text);
}

/* ---- reading ---- */

static void accept_ws(struct caller *caller, const char *head)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint8_t digest[21] = {0};
    const char *key = strstr(head, "Sec-WebSocket-Key: ") + strlen("Sec-WebSocket-Key: ");
    struct buf text = {0}, out = {0};
    buf_add(&text, key, 24);
    buf_add_str(&text, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    sha1(digest, buf_span(&text));
    buf_add_str(&out, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                      "Connection: Upgrade\r\nSec-WebSocket-Accept: ");
    for (size_t i = 0; i < 27; i++) {
        size_t bit = 6 * i, byte = bit / 8;
        unsigned pair = (unsigned)(digest[byte] << 8 | (byte + 1 < 21 ? digest[byte + 1] : 0));
        buf_add_u8(&out, (uint8_t)alphabet[pair >> (10 - bit % 8) & 63]);
    }
    buf_add_str(&out, "=\r\n\r\n");
    caller->speech = SPEECH_WS;
    ASSERT(link_send(caller->link, buf_span(&out)));
    buf_free(&text);
    buf_free(&out);
}

/* Takes one request from the front of caller->in. False: it is not whole. */
static bool take_http(struct caller *caller)
{
    char *end = memmem(caller->in.data, caller->in.size, "\r\n\r\n", 4);
    if (end == NULL)
        return false;
    size_t head = (size_t)(end - (char *)caller->in.data) + 4, size = 0;
    end[3] = 0;
    const char *length = strstr((char *)caller->in.data, "Content-Length: ");
    if (length != NULL)
        size = strtoul(length + 16, NULL, 10);
    bool upgrade = strstr((char *)caller->in.data, "Upgrade: websocket") != NULL;
    if (upgrade)
        accept_ws(caller, (char *)caller->in.data);
    end[3] = '\n';
    if (caller->in.size < head + size)
        return false;
    struct buf body = {0};
    buf_add(&body, caller->in.data + head, size);
    buf_drop_front(&caller->in, head + size);
    if (!upgrade) {
        caller->speech = SPEECH_HTTP;
        take_message(caller, buf_span(&body));
    }
    buf_free(&body);
    return true;
}

static bool take_ws(struct caller *caller)
{
    uint8_t *data = caller->in.data;
    size_t head = 2;
    if (caller->in.size < 2)
        return false;
    ASSERT((data[0] & 0x80) != 0 && (data[1] & 0x80) != 0); /* whole and masked */
    size_t size = data[1] & 0x7f;
    if (size >= 126) {
        size_t bytes = size == 126 ? 2 : 8;
        if (caller->in.size < 2 + bytes)
            return false;
        size = be_read(data + 2, bytes);
        head += bytes;
    }
    if (caller->in.size < head + 4 + size)
        return false;
    unsigned opcode = data[0] & 15u;
    struct buf payload = {0};
    for (size_t i = 0; i < size; i++)
        buf_add_u8(&payload, data[head + 4 + i] ^ data[head + i % 4]);
    buf_drop_front(&caller->in, head + 4 + size);
    if (opcode == 1)
        take_message(caller, buf_span(&payload));
    else if (opcode == 9 && caller->node->way != NODE_SILENT)
        ASSERT(link_send(caller->link, SPAN("\x8a\x00", 2)));
    buf_free(&payload);
    return true;
}

static bool take_line(struct caller *caller)
{
    uint8_t *end = memchr(caller->in.data, '\n', caller->in.size);
    if (end == NULL)
        return false;
    struct buf line = {0};
    buf_add(&line, caller->in.data, (size_t)(end - caller->in.data));
    buf_drop_front(&caller->in, line.size + 1);
    take_message(caller, buf_span(&line));
    buf_free(&line);
    return true;
}

static void on_data(void *owner, struct span bytes)
{
    struct caller *caller = owner;
    bool more = true;
    buf_add_span(&caller->in, bytes);
    while (more && caller->link != NULL && caller->in.size > 0)
        more = caller->speech == SPEECH_IPC  ? take_line(caller)
               : caller->speech == SPEECH_WS ? take_ws(caller)
                                             : take_http(caller);
}

static void on_endless(struct timer *timer)
{
    struct caller *caller = container_of(timer, struct caller, endless);
    if (link_queue_size(caller->link) == 0)
        send_more(caller);
    else
        timer_start(timer, 1);
}

static void on_close(void *owner, enum status status)
{
    (void)status;
    drop(owner);
}

static const struct link_events caller_events = {NULL, on_data, NULL, on_close};

static void accept_caller(struct world_node *node, struct link *link, enum speech speech)
{
    struct caller *caller = mem_alloc(sizeof *caller);
    caller->node = node;
    caller->link = link;
    caller->speech = speech;
    timer_init(&caller->endless, node->loop, on_endless);
    caller->next = node->callers;
    node->callers = caller;
    node->counters.connections++;
    node->counters.open++;
    link_set_owner(link, &caller_events, caller);
}

static void on_tcp(void *owner, struct link *link)
{
    accept_caller(owner, link, SPEECH_UNKNOWN);
}

static void on_ipc(void *owner, struct link *link)
{
    accept_caller(owner, link, SPEECH_IPC);
}

/* ---- the test's side ---- */

void world_node_listen(struct world_node *node, bool listens)
{
    struct endpoint at;
    if (!listens) {
        listener_close(node->tcp);
        listener_close(node->ipc);
        node->tcp = node->ipc = NULL;
        while (node->callers != NULL)
            drop(node->callers);
    } else if (node->tcp == NULL) {
        ASSERT(endpoint_parse(&at, "0.0.0.0:8545") && at.port == WORLD_NODE_PORT);
        ASSERT(listener_open(&node->tcp, node->loop, &at, on_tcp, node) == STATUS_OK);
        ASSERT(listener_open_unix(&node->ipc, node->loop, WORLD_NODE_PATH, on_ipc, node) ==
               STATUS_OK);
    }
}

struct world_node *world_node_new(struct loop *loop, world_node_answer *answer, void *owner)
{
    struct world_node *node = mem_alloc(sizeof *node);
    node->loop = loop;
    node->answer = answer;
    node->owner = owner;
    world_node_listen(node, true);
    return node;
}

void world_node_free(struct world_node *node)
{
    world_node_listen(node, false);
    while (node->delayed != NULL)
        forget(node->delayed);
    mem_free(node);
}

void world_node_set(struct world_node *node, enum world_node_way way, uint64_t delay_ms)
{
    node->way = way;
    node->delay_ms = delay_ms;
}

void world_node_announce(struct world_node *node, json_t *header)
{
    json_t *note =
        json_pack("{s:s, s:s, s:{s:s, s:O}}", "jsonrpc", "2.0", "method", "eth_subscription",
                  "params", "subscription", SUBSCRIPTION, "result", header);
    char *text = json_dumps(note, JSON_COMPACT);
    struct caller *next;
    for (struct caller *caller = node->callers; caller != NULL; caller = next) {
        next = caller->next;
        if (caller->subscribed)
            send_whole(caller, SPAN_STR(text));
    }
    json_decref(note);
    free(text);
}

struct world_node_counters world_node_counters(const struct world_node *node)
{
    return node->counters;
}
