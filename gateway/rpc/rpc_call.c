#include "gateway/rpc/rpc_call.h"

#include <stdarg.h>
#include <stdio.h>

#define CHUNK_SIZE 2048

struct chunk {
    struct chunk *next;
    size_t used, size;
    max_align_t data[];
};

void *request_alloc(struct rpc_request *request, size_t size)
{
    struct chunk *chunk = request->chunks;
    size = (size + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
    if (chunk == NULL || chunk->size - chunk->used < size) {
        size_t capacity = size > CHUNK_SIZE ? size : CHUNK_SIZE;
        chunk = mem_realloc(NULL, sizeof *chunk + capacity); /* only what is given out is zeroed */
        chunk->next = request->chunks;
        chunk->used = 0;
        chunk->size = capacity;
        request->chunks = chunk;
    }
    void *memory = (uint8_t *)chunk->data + chunk->used;
    chunk->used += size;
    memset(memory, 0, size);
    return memory;
}

struct span request_copy(struct rpc_request *request, struct span bytes)
{
    uint8_t *copy = request_alloc(request, bytes.size + 1);
    if (bytes.size > 0)
        memcpy(copy, bytes.data, bytes.size);
    return SPAN(copy, bytes.size);
}

void request_free_chunks(struct rpc_request *request)
{
    while (request->chunks != NULL) {
        struct chunk *chunk = request->chunks;
        request->chunks = chunk->next;
        mem_free(chunk);
    }
}

/* ---- what handlers read ---- */

size_t call_params_count(const struct call *call)
{
    return json_count(call->params);
}

const struct json_t *call_param(const struct call *call, size_t index)
{
    const struct json_t *value = json_item(call->params, index);
    return json_kind(value) == JSON_KIND_NULL ? NULL : value;
}

struct span call_params_text(const struct call *call)
{
    return call->params_text;
}

const char *call_method(const struct call *call)
{
    return call->row->name;
}

const struct rpc_method *call_row(const struct call *call)
{
    return call->row;
}

struct rpc_answer_key *call_answer_key(struct call *call)
{
    return &call->answer_key;
}

void call_note_block(struct call *call, const struct hash32 *hash)
{
    call->answer_key.has_block = true;
    call->answer_key.block = *hash;
}

struct loop *call_loop(const struct call *call)
{
    return rpc_loop(call->request->rpc);
}

struct log *call_log(const struct call *call)
{
    return rpc_log(call->request->rpc);
}

uint64_t call_due_ms(const struct call *call)
{
    return call->due_ms;
}

void *call_alloc(struct call *call, size_t size)
{
    return request_alloc(call->request, size);
}

void call_set_state(struct call *call, void *state)
{
    call->state = state;
}

void *call_state(const struct call *call)
{
    return call->state;
}

void call_note_source(struct call *call, enum call_source source)
{
    if (source > call->source)
        call->source = source;
}

void call_note_bytes(struct call *call, uint64_t bytes_in)
{
    call->bytes_in += bytes_in;
}

void call_note_server(struct call *call, const char *server)
{
    for (size_t i = 0; i < call->servers_count; i++)
        if (strcmp(call->servers[i], server) == 0)
            return;
    if (call->servers_count < RPC_CALL_SERVERS_MAX) {
        struct span name = request_copy(call->request, SPAN_STR(server));
        call->servers[call->servers_count++] = (const char *)name.data;
    }
}

/* ---- the ways out ---- */

static void add_head(struct call *call, const char *what)
{
    buf_add_str(&call->out, "{\"jsonrpc\":\"2.0\",\"id\":");
    if (call->id.size == 0)
        buf_add_str(&call->out, "null");
    buf_add_span(&call->out, call->id);
    buf_add_str(&call->out, what);
}

struct buf *call_result(struct call *call)
{
    if (call->result_at == 0) {
        buf_reserve(&call->out, 128);
        add_head(call, ",\"result\":");
        call->result_at = call->out.size;
    }
    return &call->out;
}

struct call_done call_ok(struct call *call)
{
    ASSERT(call->stage != CALL_ENDED);
    ASSERT(call->result_at != 0 && call->out.size > call->result_at);
    call->answer_size = call->out.size - call->result_at;
    buf_add_u8(&call->out, '}');
    rpc_call_ended(call);
    return (struct call_done){0};
}

struct call_done call_fail_text(struct call *call, int code, struct span message, struct span data)
{
    ASSERT(call->stage != CALL_ENDED);
    buf_clear(&call->out);
    add_head(call, ",\"error\":{\"code\":");
    size_t start = call->out.size;
    buf_printf(&call->out, "%d,\"message\":", code);
    json_put_string(&call->out, message);
    if (data.size > 0) {
        json_put_key(&call->out, "data");
        json_put_raw(&call->out, data);
    }
    call->answer_size = call->out.size - start + strlen("{\"code\":}");
    buf_add_str(&call->out, "}}");
    call->failed = true;
    call->code = code;
    rpc_call_ended(call);
    return (struct call_done){0};
}

struct call_done call_fail(struct call *call, int code, const char *message, struct span data)
{
    return call_fail_text(call, code, SPAN_STR(message), data);
}

struct call_done call_failf(struct call *call, int code, const char *format, ...)
{
    char message[512];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    return call_fail(call, code, message, SPAN_EMPTY);
}

static void on_deadline(struct timer *timer)
{
    struct call *call = container_of(timer, struct call, timer);
    call->timed_out = true;
    call->on_cancel(call);
    call_fail(call, RPC_TIMEOUT, "request timed out", SPAN_EMPTY);
}

/* The timer runs from here, not from birth: calls that end at once, the hot ones, pay nothing. */
struct call_done call_pending(struct call *call, void (*on_cancel)(struct call *call))
{
    struct loop *loop = call_loop(call);
    uint64_t now_ms = loop_now_ms(loop);
    ASSERT(call->stage != CALL_ENDED && on_cancel != NULL);
    if (call->stage == CALL_PENDING) {
        call->on_cancel = on_cancel;
        return (struct call_done){0};
    }
    call->stage = CALL_PENDING;
    call->on_cancel = on_cancel;
    timer_init(&call->timer, loop, on_deadline);
    timer_start(&call->timer, call->due_ms > now_ms ? call->due_ms - now_ms : 0);
    return (struct call_done){0};
}
