#include "gateway/rpc/rpc.h"

#include "gateway/rpc/params.h"
#include "gateway/rpc/rpc_call.h"
#include "gateway/rpc/rpc_message.h"

#include <stdio.h>
#include <stdlib.h>

struct rpc {
    struct rpc_options options;
    const struct rpc_method **sorted;
    struct rpc_method_counts *method_counts; /* in the order of options.methods */
    struct rpc_request *waiting;
    struct rpc_counts counts;
};

struct loop *rpc_loop(const struct rpc *rpc)
{
    return rpc->options.loop;
}

struct log *rpc_log(const struct rpc *rpc)
{
    return rpc->options.log;
}

const struct rpc_counts *rpc_counts(const struct rpc *rpc)
{
    return &rpc->counts;
}

const struct rpc_method_counts *rpc_method_counts(const struct rpc *rpc, size_t index,
                                                  const char **name)
{
    if (index >= rpc->options.methods_count)
        return NULL;
    if (name != NULL)
        *name = rpc->options.methods[index].name;
    return &rpc->method_counts[index];
}

/* ---- methods ---- */

static int compare_rows(const void *a, const void *b)
{
    const struct rpc_method *const *left = a, *const *right = b;
    return strcmp((*left)->name, (*right)->name);
}

struct rpc *rpc_new(const struct rpc_options *options)
{
    struct rpc *rpc = mem_alloc(sizeof *rpc);
    rpc->options = *options;
    rpc->sorted = mem_alloc((options->methods_count + 1) * sizeof *rpc->sorted);
    rpc->method_counts = mem_alloc((options->methods_count + 1) * sizeof *rpc->method_counts);
    for (size_t i = 0; i < options->methods_count; i++)
        rpc->sorted[i] = &options->methods[i];
    if (options->methods_count > 0)
        qsort(rpc->sorted, options->methods_count, sizeof *rpc->sorted, compare_rows);
    return rpc;
}

static const struct rpc_method *find_row(const struct rpc *rpc, struct span name)
{
    size_t low = 0, high = rpc->options.methods_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        const struct rpc_method *row = rpc->sorted[middle];
        size_t size = strlen(row->name), common = size < name.size ? size : name.size;
        int order = memcmp(name.data, row->name, common);
        if (order == 0)
            order = (name.size > size) - (name.size < size);
        if (order == 0)
            return row;
        if (order > 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* Subscriptions end with the connection that asked; none is offered, so none can be found. */
static struct call_done on_subscribe(struct call *call, void *ctx)
{
    (void)ctx;
    return call_fail(call, RPC_METHOD_NOT_FOUND, "notifications not supported", SPAN_EMPTY);
}

static struct call_done on_unsubscribe(struct call *call, void *ctx)
{
    (void)ctx;
    return call_fail(call, RPC_SERVER_ERROR, "subscription not found", SPAN_EMPTY);
}

static const struct rpc_method SUBSCRIBE = {"*_subscribe", on_subscribe, NULL, CALL_CACHE_NEVER};
static const struct rpc_method UNSUBSCRIBE = {"*_unsubscribe", on_unsubscribe, "S",
                                              CALL_CACHE_NEVER};

static bool ends_with(struct span name, const char *suffix)
{
    size_t size = strlen(suffix);
    return name.size >= size && memcmp(name.data + name.size - size, suffix, size) == 0;
}

/* ---- the end of a call ---- */

static void log_call(const struct rpc *rpc, const struct call *call, uint64_t us)
{
    static const char *const from[] = {"local", "cache", "proved", "relayed"};
    struct buf servers = {0};
    char bytes[24], ms[32], code[12];
    if (rpc->options.log == NULL || !log_on(rpc->options.log, LOG_INFO))
        return;
    for (size_t i = 0; i < call->servers_count; i++) {
        buf_add_str(&servers, i == 0 ? "" : ",");
        buf_add_str(&servers, call->servers[i]);
    }
    buf_add_u8(&servers, 0);
    snprintf(ms, sizeof ms, "%llu.%03u", (unsigned long long)(us / 1000), (unsigned)(us % 1000));
    snprintf(code, sizeof code, "%d", call->code);
    log_write(rpc->options.log, LOG_INFO, "rpc", call->failed ? "failed" : "answered", "method",
              call->row->name, "servers", servers.size > 1 ? (const char *)servers.data : "-",
              "bytes", log_u64(bytes, call->bytes_in), "ms", ms, "from", from[call->source],
              call->failed ? "code" : NULL, code, NULL);
    buf_free(&servers);
}

static void count_call(struct rpc *rpc, const struct call *call, uint64_t us)
{
    const struct rpc_method *first = rpc->options.methods;
    rpc->counts.failed += call->failed;
    rpc->counts.timed_out += call->timed_out;
    if (call->row < first || call->row >= first + rpc->options.methods_count)
        return;
    struct rpc_method_counts *counts = &rpc->method_counts[call->row - first];
    counts->calls++;
    counts->failed += call->failed;
    counts->cached += call->source == CALL_SOURCE_CACHE;
    counts->us += us;
}

static void count_down(struct rpc *rpc, struct call *call)
{
    if (call->stage != CALL_PENDING)
        return;
    timer_stop(&call->timer);
    rpc->counts.in_flight--;
}

static void request_finish(struct rpc_request *request);

static struct call_done fail_too_large(struct call *call)
{
    return call_fail(call, RPC_RESPONSE_TOO_LARGE, "response too large", SPAN_EMPTY);
}

/* Calls of a batch run side by side, so its limit has to stop those under way. */
static void end_rest(struct rpc_request *request)
{
    request->too_large = true;
    for (size_t i = 0; i < request->calls_count; i++) {
        struct call *call = &request->calls[i];
        if (call->stage != CALL_PENDING)
            continue;
        call->on_cancel(call);
        fail_too_large(call);
    }
}

void rpc_call_ended(struct call *call)
{
    struct rpc_request *request = call->request;
    struct rpc *rpc = request->rpc;
    struct rpc_answers *answers = rpc->options.answers;
    uint64_t us = call->row == NULL ? 0 : loop_now_us(rpc->options.loop) - call->born_us;
    count_down(rpc, call);
    call->stage = CALL_ENDED;
    count_call(rpc, call, us);
    if (call->row != NULL) {
        if (answers != NULL && !call->failed && call->source != CALL_SOURCE_CACHE &&
            call->row->cache != CALL_CACHE_NEVER)
            answers->keep(answers, call, SPAN(call->out.data + call->result_at, call->answer_size));
        log_call(rpc, call, us);
    }
    if (call->silent)
        buf_clear(&call->out);
    request->left--;
    request->results_size += call->answer_size;
    if (request->batch && request->results_size > RPC_BATCH_RESULTS_MAX && !request->too_large)
        end_rest(request);
    if (request->left == 0 && !request->submitting && !request->finished)
        request_finish(request);
}

/* ---- requests ---- */

static void free_request(void *pointer)
{
    struct rpc_request *request = pointer;
    request->released = true;
    if (request->holds > 0)
        return;
    for (size_t i = 0; i < request->calls_count; i++) {
        json_free(request->calls[i].params);
        buf_free(&request->calls[i].out);
        buf_free(&request->calls[i].noted);
    }
    request_free_chunks(request);
    mem_free(request);
}

struct rpc_request *call_hold(struct call *call)
{
    call->request->holds++;
    return call->request;
}

void call_unhold(struct rpc_request *held)
{
    ASSERT(held->holds > 0);
    if (--held->holds == 0 && held->released)
        free_request(held);
}

static bool reply_due(const struct call *call)
{
    return call->out.size > 0;
}

static void add_batch(struct rpc_request *request, struct buf *reply)
{
    size_t total = 0;
    bool first = true;
    for (size_t i = 0; i < request->calls_count; i++) {
        struct call *call = &request->calls[i];
        if (!reply_due(call))
            continue;
        buf_add_u8(reply, first ? '[' : ',');
        first = false;
        if (total > RPC_BATCH_RESULTS_MAX) {
            buf_add_str(reply, "{\"jsonrpc\":\"2.0\",\"id\":");
            buf_add_span(reply, call->id.size > 0 ? call->id : SPAN_STR("null"));
            buf_printf(reply, ",\"error\":{\"code\":%d,\"message\":\"response too large\"}}",
                       RPC_RESPONSE_TOO_LARGE);
            continue;
        }
        total += call->answer_size;
        buf_add_span(reply, buf_span(&call->out));
    }
    if (!first)
        buf_add_u8(reply, ']');
}

/* Appends the reply, if one is due. */
static void render(struct rpc_request *request, struct buf *reply)
{
    size_t before = reply->size;
    if (request->batch) {
        add_batch(request, reply);
    } else if (before == 0) {
        struct buf swap = *reply;
        *reply = request->calls[0].out;
        request->calls[0].out = swap;
    } else {
        buf_add_span(reply, buf_span(&request->calls[0].out));
    }
    request->rpc->counts.bytes_out += reply->size - before;
}

static void unlink_request(struct rpc_request *request)
{
    if (request->previous != NULL)
        request->previous->next = request->next;
    else
        request->rpc->waiting = request->next;
    if (request->next != NULL)
        request->next->previous = request->previous;
}

static void request_finish(struct rpc_request *request)
{
    struct buf reply = {0};
    request->finished = true;
    unlink_request(request);
    render(request, &reply);
    loop_sweep(request->rpc->options.loop, request, free_request);
    request->on_reply(request->owner, buf_span(&reply));
    buf_free(&reply);
}

void rpc_abandon(struct rpc_request *request)
{
    struct rpc *rpc = request->rpc;
    unlink_request(request);
    for (size_t i = 0; i < request->calls_count; i++) {
        struct call *call = &request->calls[i];
        if (call->stage != CALL_PENDING)
            continue;
        count_down(rpc, call);
        call->stage = CALL_ENDED;
        rpc->counts.cancelled++;
        call->on_cancel(call);
    }
    loop_sweep(rpc->options.loop, request, free_request);
}

void rpc_free(struct rpc *rpc)
{
    if (rpc == NULL)
        return;
    while (rpc->waiting != NULL)
        rpc_abandon(rpc->waiting);
    mem_free(rpc->sorted);
    mem_free(rpc->method_counts);
    mem_free(rpc);
}

/* ---- from a message to its calls ---- */

/* The name without quotes, decoded if it has escapes. */
static struct span method_name(struct rpc_request *request, struct span string)
{
    if (memchr(string.data, '\\', string.size) == NULL)
        return SPAN(string.data + 1, string.size - 2);
    struct buf plain = {0};
    json_unescape(&plain, string);
    struct span name = request_copy(request, buf_span(&plain));
    buf_free(&plain);
    return name;
}

static void fail_unknown(struct call *call, struct span name)
{
    struct buf text = {0};
    if (name.size > RPC_METHOD_NAME_MAX) {
        buf_printf(&text, "method name too long: %zu > %d", name.size, RPC_METHOD_NAME_MAX);
    } else {
        buf_add_str(&text, "the method ");
        buf_add_span(&text, name);
        buf_add_str(&text, " does not exist/is not available");
    }
    call_fail_text(call,
                   name.size > RPC_METHOD_NAME_MAX ? RPC_INVALID_REQUEST : RPC_METHOD_NOT_FOUND,
                   buf_span(&text), SPAN_EMPTY);
    buf_free(&text);
}

static bool read_params(struct call *call, struct span params)
{
    bool none = params.size == 0 || params.data[0] == 'n';
    call->params_text = none ? SPAN_STR("[]") : params;
    if (none || span_equal(params, SPAN_STR("[]")))
        return true;
    if (params.data[0] != '[')
        return param_note(call, RPC_INVALID_PARAMS, "non-array args");
    call->params = json_tree(params);
    if (call->params == NULL)
        return param_note(call, RPC_INVALID_PARAMS, "too many values in the parameters");
    return true;
}

/* The hot path: the very text of a call that was answered before. */
static bool is_answered_again(struct rpc_answers *answers, struct call *call, struct span params)
{
    if (answers == NULL || answers->find_again == NULL || call->row->cache == CALL_CACHE_NEVER ||
        params.size == 0 || params.data[0] != '[')
        return false;
    call->params_text = params;
    return answers->find_again(answers, call);
}

static void run_call(struct rpc *rpc, struct call *call, struct span name, struct span params)
{
    struct rpc_answers *answers = rpc->options.answers;
    const struct rpc_method *row = name.size > RPC_METHOD_NAME_MAX ? NULL : find_row(rpc, name);
    if (row == NULL && name.size <= RPC_METHOD_NAME_MAX)
        row = ends_with(name, "_subscribe")     ? &SUBSCRIBE
              : ends_with(name, "_unsubscribe") ? &UNSUBSCRIBE
                                                : NULL;
    rpc->counts.calls++;
    if (row == NULL) {
        fail_unknown(call, name);
        return;
    }
    call->row = row;
    call->born_us = loop_now_us(rpc->options.loop);
    call->due_ms = loop_now_ms(rpc->options.loop) + rpc->options.timeout_ms;
    if (is_answered_again(answers, call, params)) {
        call_note_source(call, CALL_SOURCE_CACHE);
        call_ok(call);
        return;
    }
    if (row->params != NULL && (!read_params(call, params) || !params_check(call, row->params))) {
        call_fail_param(call);
        return;
    }
    if (answers != NULL && row->cache != CALL_CACHE_NEVER && answers->find(answers, call)) {
        call_note_source(call, CALL_SOURCE_CACHE);
        call_ok(call);
        return;
    }
    row->handler(call, rpc->options.ctx);
    if (call->stage == CALL_PENDING)
        rpc->counts.in_flight++;
}

static void run_message(struct rpc_request *request, struct call *call,
                        const struct rpc_message *message)
{
    struct span name = SPAN_EMPTY;
    call->request = request;
    switch (rpc_message_kind(message)) {
    case RPC_MESSAGE_RESPONSE:
        call->stage = CALL_ENDED;
        request->left--;
        return;
    case RPC_MESSAGE_INVALID:
        call->id = rpc_message_id_valid(message) ? message->id : SPAN_EMPTY;
        call_fail(call, RPC_INVALID_REQUEST, "invalid request", SPAN_EMPTY);
        return;
    case RPC_MESSAGE_CALL:
    case RPC_MESSAGE_NOTIFICATION:
        call->id = message->id;
        name = method_name(request, message->method);
        break;
    }
    call->silent = call->id.size == 0;
    if (call->silent && ends_with(name, "_subscription")) {
        call->stage = CALL_ENDED;
        request->left--;
        return;
    }
    if (request->too_large)
        fail_too_large(call);
    else
        run_call(request->rpc, call, name, message->params);
}

static size_t count_items(struct span array)
{
    struct span key, item;
    size_t count = 0;
    while (json_next(&array, &key, &item))
        count++;
    return count;
}

/* The id of the first call in a message: all that can be told about one that is turned away as a
 * whole. */
static struct span first_id(struct span value)
{
    struct rpc_message message = {0};
    struct span key, item;
    if (value.data[0] != '[') {
        rpc_message_read(&message, value);
        return rpc_message_id_valid(&message) ? message.id : SPAN_EMPTY;
    }
    while (json_next(&value, &key, &item)) {
        rpc_message_read(&message, item);
        if (rpc_message_kind(&message) == RPC_MESSAGE_CALL)
            return message.id;
    }
    return SPAN_EMPTY;
}

static void add_error(struct rpc *rpc, struct buf *reply, bool in_array, struct span id, int code,
                      const char *text)
{
    size_t before = reply->size;
    buf_add_str(reply, in_array ? "[" : "");
    buf_add_str(reply, "{\"jsonrpc\":\"2.0\",\"id\":");
    buf_add_span(reply, id.size > 0 ? id : SPAN_STR("null"));
    buf_printf(reply, ",\"error\":{\"code\":%d,\"message\":\"%s\"}}", code, text);
    buf_add_str(reply, in_array ? "]" : "");
    rpc->counts.failed++;
    rpc->counts.bytes_out += reply->size - before;
}

static bool is_blank(struct span text)
{
    for (size_t i = 0; i < text.size; i++)
        if (memchr(" \t\r\n", text.data[i], 4) == NULL)
            return false;
    return true;
}

/* One allocation for all that every message needs; the text is copied because calls outlive it. */
static struct rpc_request *new_request(struct rpc *rpc, struct span value, struct span *text)
{
    bool batch = value.data[0] == '[';
    size_t count = batch ? count_items(value) : 1;
    size_t head = sizeof(struct rpc_request) + count * sizeof(struct call);
    struct rpc_request *request = mem_realloc(NULL, head + value.size);
    memset(request, 0, head);
    *text = SPAN((uint8_t *)request + head, value.size);
    memcpy((uint8_t *)request + head, value.data, value.size);
    request->rpc = rpc;
    request->batch = batch;
    request->calls_count = request->left = count;
    return request;
}

static struct rpc_request *start(struct rpc *rpc, struct span value)
{
    struct rpc_message message;
    struct span text, key, item;
    struct rpc_request *request = new_request(rpc, value, &text);
    request->submitting = true;
    for (size_t i = 0; request->batch && json_next(&text, &key, &item); i++) {
        rpc_message_read(&message, item);
        run_message(request, &request->calls[i], &message);
    }
    if (!request->batch) {
        rpc_message_read(&message, text);
        run_message(request, &request->calls[0], &message);
    }
    request->submitting = false;
    return request;
}

static void refuse(struct rpc *rpc, struct span value, struct buf *reply)
{
    rpc->counts.refused++;
    add_error(rpc, reply, value.data[0] == '[', first_id(value), RPC_LIMIT_EXCEEDED,
              "too many requests under way, try again");
}

void rpc_refuse(struct rpc *rpc, struct span text, struct buf *reply)
{
    struct span value, rest;
    rpc->counts.requests++;
    refuse(rpc, json_scan(&value, &rest, text) ? value : SPAN_STR("null"), reply);
}

enum rpc_outcome rpc_submit(struct rpc *rpc, struct span text, struct buf *reply,
                            struct rpc_request **request,
                            void (*on_reply)(void *owner, struct span reply), void *owner)
{
    struct span value, rest;
    *request = NULL;
    rpc->counts.requests++;
    rpc->counts.bytes_in += text.size;
    if (!json_scan(&value, &rest, text)) {
        if (is_blank(text))
            return RPC_ANSWERED;
        rpc->counts.parse_errors++;
        add_error(rpc, reply, false, SPAN_EMPTY, RPC_PARSE_ERROR, "parse error");
        return RPC_UNPARSABLE;
    }
    if (value.data[0] == '[') {
        size_t count = count_items(value);
        rpc->counts.batches++;
        if (count == 0) {
            add_error(rpc, reply, false, SPAN_EMPTY, RPC_INVALID_REQUEST, "empty batch");
            return RPC_ANSWERED;
        }
        if (count > RPC_BATCH_ITEMS_MAX) {
            add_error(rpc, reply, true, first_id(value), RPC_INVALID_REQUEST, "batch too large");
            return RPC_ANSWERED;
        }
    }
    if (rpc->counts.in_flight >= rpc->options.calls_max) {
        refuse(rpc, value, reply);
        return RPC_REFUSED;
    }
    struct rpc_request *started = start(rpc, value);
    if (started->left == 0) {
        render(started, reply);
        free_request(started);
        return RPC_ANSWERED;
    }
    started->on_reply = on_reply;
    started->owner = owner;
    started->next = rpc->waiting;
    if (started->next != NULL)
        started->next->previous = started;
    rpc->waiting = started;
    *request = started;
    return RPC_WAITING;
}
