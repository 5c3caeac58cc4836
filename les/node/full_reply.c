#include "les/node/full_frame.h"
#include "les/node/full_rpc_private.h"

#define CODE_METHOD_NOT_FOUND (-32601)
#define CODE_UNSUPPORTED      (-32004) /* EIP-1474 */
#define CODE_TOO_LARGE        (-32003) /* go-ethereum: the rest of a batch whose answer is too large */

static bool contains_any(const char *text, const char *const *parts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcasestr(text, parts[i]) != NULL)
            return true;
    return false;
}

bool full_reply_unsupported(const struct full_reply *reply)
{
    static const char *const texts[] = {"method not found",
                                        "does not exist/is not available",
                                        "not supported",
                                        "unsupported method",
                                        "method not enabled",
                                        "not implemented",
                                        "rpc endpoint is disabled",
                                        "method is not whitelisted"};
    return reply->outcome == FULL_ERROR &&
           (reply->code == CODE_METHOD_NOT_FOUND || reply->code == CODE_UNSUPPORTED ||
            contains_any(reply->message, texts, ARRAY_COUNT(texts)));
}

/* Is it about the batch and not about the call? */
static bool is_batch_error(int64_t code, const char *text)
{
    static const char *const texts[] = {"batch", "too large", "response size"};
    return code == CODE_TOO_LARGE || contains_any(text, texts, ARRAY_COUNT(texts));
}

static const char *status_why(unsigned http_status)
{
    switch (http_status) {
    case 401:
    case 403:
        return "the node refuses us: it wants another authorization or host name";
    case 404:
    case 405:
        return "no JSON-RPC at this address";
    case 413:
        return "the call is too large for the node";
    case 429:
        return "the node wants fewer calls";
    case 502:
    case 503:
    case 504:
        return "the node, or what stands before it, is not available";
    default:
        return http_status == 200 ? "the node's answer is not JSON, or too large"
                                  : "the node answers with an HTTP error";
    }
}

static void refuse_batches(struct full_rpc *rpc)
{
    if (full_rpc_batches(rpc))
        log_write(rpc->log, LOG_INFO, "node", "the full node takes no batches", NULL);
    rpc->batch_again_ms = loop_now_ms(rpc->loop) + FULL_BATCH_AGAIN_MS;
}

/* A message that answers no call answered all of them, or the batch as such. */
static void refused(struct full_line *line, const struct full_reply *reply)
{
    struct full_rpc *rpc = line->rpc;
    bool batch = false;
    for (const struct full_call *call = line->calls.first; call != NULL; call = call->next)
        batch = batch || call->batched;
    if (batch)
        refuse_batches(rpc);
    while (!rpc->dead && line->calls.last != NULL) {
        if (batch)
            full_rpc_again(line->calls.last, FULL_AGAIN_ALONE, reply->status, reply->message);
        else
            full_rpc_complete(line->calls.last, reply);
    }
}

static struct full_call *find_call(struct full_line *line, json_t *id)
{
    if (!json_is_integer(id))
        return NULL;
    for (struct full_call *call = line->calls.first; call != NULL; call = call->next)
        if (call->id == (uint64_t)json_integer_value(id))
            return call;
    return NULL;
}

static void take_error(struct full_call *call, json_t *error)
{
    struct full_reply reply = {.outcome = FULL_ERROR, .status = STATUS_INVALID};
    json_t *message = json_object_get(error, "message");
    reply.code = json_integer_value(json_object_get(error, "code"));
    reply.message = json_is_string(message) ? json_string_value(message) : "";
    if (call->batched && call->sends < 2 && is_batch_error(reply.code, reply.message))
        full_rpc_again(call, FULL_AGAIN_ALONE, STATUS_LIMIT, "the node's answer is too large");
    else
        full_rpc_complete(call, &reply);
}

static void take_reply(struct full_line *line, json_t *object)
{
    struct full_rpc *rpc = line->rpc;
    json_t *id = json_object_get(object, "id"), *error = json_object_get(object, "error");
    json_t *result = json_object_get(object, "result");
    struct full_call *call = find_call(line, id);
    if (call == NULL) {
        /* The answer to one that was cancelled or timed out is no fault. */
        bool late = json_is_integer(id) && json_integer_value(id) > 0 &&
                    (uint64_t)json_integer_value(id) <= rpc->next_id;
        rpc->stats.faults += !late;
        return;
    }
    if (json_is_object(error)) {
        take_error(call, error);
    } else if (result != NULL) {
        struct full_reply reply = {
            .outcome = FULL_RESULT, .result = result, .message = "", .status = STATUS_OK};
        full_rpc_complete(call, &reply);
    } else {
        rpc->stats.faults++;
        full_rpc_fail(call, STATUS_INVALID, "the node's answer has neither result nor error");
    }
}

/* An error without id: the node could not read our message, or takes no batches. */
static void take_nameless(struct full_line *line, json_t *object)
{
    json_t *error = json_object_get(object, "error"), *text = json_object_get(error, "message");
    bool http = line->rpc->address.scheme == FULL_HTTP;
    if (!json_is_object(error) || line->calls.count == 0) {
        line->rpc->stats.faults++;
        return;
    }
    struct full_reply reply = {.outcome = FULL_ERROR,
                               .code = json_integer_value(json_object_get(error, "code")),
                               .message = json_is_string(text) ? json_string_value(text) : "",
                               .status = STATUS_INVALID};
    bool batch = line->calls.first->batched;
    if (http || batch)
        refused(line, &reply);
    else
        line->rpc->stats.faults++; /* whose it is nobody knows: deadlines will tell */
}

static void take_object(struct full_line *line, json_t *object)
{
    json_t *id = json_object_get(object, "id");
    json_t *method = json_object_get(object, "method");
    if (json_is_string(method) && id == NULL) {
        if (strcmp(json_string_value(method), "eth_subscription") == 0)
            full_watch_notify(line->rpc, json_object_get(object, "params"));
    } else if (id == NULL || json_is_null(id)) {
        take_nameless(line, object);
    } else {
        take_reply(line, object);
    }
}

static void take_all(struct full_line *line, json_t *root)
{
    size_t i;
    json_t *item;
    if (json_is_object(root)) {
        take_object(line, root);
        return;
    }
    json_array_foreach(root, i, item)
    {
        if (line->rpc->dead)
            return;
        if (json_is_object(item))
            take_object(line, item);
        else
            line->rpc->stats.faults++;
    }
}

/* An HTTP response answers all calls of its request, or it is wrong. */
static void take_rest(struct full_line *line)
{
    struct full_rpc *rpc = line->rpc;
    while (!rpc->dead && line->calls.last != NULL) {
        struct full_call *call = line->calls.last;
        rpc->stats.faults++;
        if (call->batched)
            full_rpc_again(call, FULL_AGAIN_ALONE, STATUS_INVALID,
                           "the node answered another call");
        else
            full_rpc_fail(call, STATUS_INVALID, "the node answered another call");
    }
}

static void take_garbage(struct full_line *line, unsigned http_status)
{
    struct full_rpc *rpc = line->rpc;
    const char *why = status_why(http_status);
    rpc->stats.faults++;
    if (rpc->address.scheme != FULL_HTTP) {
        full_rpc_line_end(line, STATUS_INVALID, why);
        return;
    }
    bool busy = http_status == 429 || http_status >= 500;
    full_rpc_set_up(rpc, false, why);
    struct full_reply reply = {.outcome = FULL_FAILED,
                               .message = why,
                               .status = busy ? STATUS_UNAVAILABLE : STATUS_INVALID};
    refused(line, &reply);
}

void full_reply_message(struct full_line *line, struct span message, unsigned http_status)
{
    struct full_rpc *rpc = line->rpc;
    json_error_t error;
    json_t *root = NULL;
    full_rpc_flush_later(rpc);
    if (full_frame_whole(message))
        root = json_loadb((const char *)message.data, message.size, JSON_ALLOW_NUL, &error);
    if (root == NULL) {
        take_garbage(line, http_status);
        return;
    }
    line->answered = true;
    line->understood_ms = loop_now_ms(rpc->loop);
    rpc->failures = 0;
    full_rpc_set_up(rpc, true, NULL);
    take_all(line, root);
    if (!rpc->dead && rpc->address.scheme == FULL_HTTP)
        take_rest(line);
    json_decref(root);
}
