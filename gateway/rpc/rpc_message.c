#include "gateway/rpc/rpc_message.h"

#include <strings.h>

static inline bool key_is(struct span key, const char *name)
{
    size_t size = strlen(name);
    return key.size == size && (memcmp(key.data, name, size) == 0 ||
                                strncasecmp((const char *)key.data, name, size) == 0);
}

static bool is_string(struct span value)
{
    return value.data[0] == '"';
}

static bool string_is(struct span value, const char *text)
{
    struct buf plain = {0};
    json_unescape(&plain, value);
    bool same = span_equal(buf_span(&plain), SPAN_STR(text));
    buf_free(&plain);
    return same;
}

void rpc_message_read(struct rpc_message *out, struct span value)
{
    struct span cursor = value, key, item;
    *out = (struct rpc_message){0};
    if (value.data[0] != '{')
        return;
    while (json_next(&cursor, &key, &item)) {
        if (key_is(key, "jsonrpc")) {
            if (is_string(item))
                out->version_2 = span_equal(item, SPAN_STR("\"2.0\"")) || string_is(item, "2.0");
        } else if (key_is(key, "id")) {
            out->id = item;
        } else if (key_is(key, "method")) {
            if (is_string(item))
                out->method = item.size > 2 ? item : SPAN_EMPTY;
        } else if (key_is(key, "params")) {
            out->params = item;
        } else if (key_is(key, "result") || key_is(key, "error")) {
            out->answers = true;
        }
    }
}

bool rpc_message_id_valid(const struct rpc_message *message)
{
    return message->id.size > 0 && message->id.data[0] != '{' && message->id.data[0] != '[';
}

enum rpc_message_kind rpc_message_kind(const struct rpc_message *message)
{
    if (message->version_2 && message->method.size > 0) {
        if (message->id.size == 0)
            return RPC_MESSAGE_NOTIFICATION;
        if (rpc_message_id_valid(message))
            return RPC_MESSAGE_CALL;
    }
    if (message->version_2 && message->method.size == 0 && message->params.size == 0 &&
        message->answers && rpc_message_id_valid(message))
        return RPC_MESSAGE_RESPONSE;
    return RPC_MESSAGE_INVALID;
}
