#include "gateway/rpc/params_hex.h"
#include "les/base/limits.h"

#include <stdio.h>

/* ---- storage keys ---- */

enum key_fault { KEY_OK, KEY_TOO_LONG, KEY_SYNTAX };

/* go-ethereum's decodeStorageKey: lenient for old clients. *full: all 32 bytes were written. */
static enum key_fault storage_key(struct span text, struct hash32 *out, bool *full)
{
    char padded[64];
    *out = HASH32_ZERO;
    if (text.size >= 2 && text.data[0] == '0' && (text.data[1] | 0x20) == 'x')
        text = SPAN(text.data + 2, text.size - 2);
    *full = text.size >= 63;
    if (text.size > 64)
        return KEY_TOO_LONG;
    memset(padded, '0', sizeof padded);
    if (text.size > 0)
        memcpy(padded + 64 - text.size, text.data, text.size);
    bool prefixed = text.size == 64 && text.data[0] == '0' && (text.data[1] | 0x20) == 'x';
    return !prefixed && hex_decode_exact(out->bytes, 32, padded, 64) ? KEY_OK : KEY_SYNTAX;
}

static bool note_key(struct call *call, enum key_fault fault, struct span text)
{
    struct buf quoted = {0};
    json_put_string(&quoted, text);
    param_note(call, RPC_INVALID_PARAMS, "%s: %.*s",
               fault == KEY_SYNTAX ? "invalid hex in storage key"
                                   : "storage key too long (want at most 32 bytes)",
               (int)quoted.size, (const char *)quoted.data);
    buf_free(&quoted);
    return false;
}

bool param_storage_key(struct call *call, size_t index, struct hash32 *out)
{
    struct span text;
    bool full;
    if (!param_string(call, index, &text))
        return false;
    enum key_fault fault = storage_key(text, out, &full);
    return fault == KEY_OK || note_key(call, fault, text);
}

bool param_storage_keys(struct call *call, size_t index, struct hash32 **keys, bool **was_hash,
                        size_t *count)
{
    const struct json_t *list = call_param(call, index);
    *count = json_count(list);
    *keys = NULL;
    *was_hash = NULL;
    if (*count > PARAM_PROOF_KEYS_MAX)
        return param_note(call, RPC_INVALID_PARAMS,
                          "too many storage keys requested (max %d, got %zu)", PARAM_PROOF_KEYS_MAX,
                          *count);
    *keys = call_alloc(call, (*count + 1) * sizeof **keys);
    *was_hash = call_alloc(call, (*count + 1) * sizeof **was_hash);
    for (size_t i = 0; i < *count; i++) {
        struct span text = json_text(json_item(list, i));
        enum key_fault fault = storage_key(text, &(*keys)[i], &(*was_hash)[i]);
        if (fault != KEY_OK)
            return note_key(call, fault, text);
    }
    return true;
}

static bool read_request_keys(const struct place *at, const struct json_t *list,
                              struct storage_request *out)
{
    struct hash32 *keys;
    if (json_kind(list) == JSON_KIND_NULL)
        return true;
    if (json_kind(list) != JSON_KIND_ARRAY)
        return place_type_fault(at, go_kind(list), "[]common.Hash");
    out->keys_count = json_count(list);
    keys = call_alloc(at->call, (out->keys_count + 1) * sizeof *keys);
    out->keys = keys;
    for (size_t i = 0; i < out->keys_count; i++)
        if (!place_hash(at, json_item(list, i), &keys[i]))
            return false;
    return true;
}

bool param_storage_requests(struct call *call, size_t index, struct storage_request **out,
                            size_t *count)
{
    const struct place at = {.call = call, .index = index};
    const struct json_t *object = call_param(call, index);
    struct json_t *list;
    struct span key;
    size_t position = 0;
    size_t total = 0;
    *count = 0;
    if (object != NULL && json_kind(object) != JSON_KIND_OBJECT)
        return place_type_fault(&at, go_kind(object), "map[common.Address][]common.Hash");
    *out = call_alloc(call, (json_count(object) + 1) * sizeof **out);
    while (object != NULL && json_each(object, &position, &key, &list)) {
        struct storage_request *request = &(*out)[*count];
        if (!place_key(&at, key, request->address.bytes, 20, "Address") ||
            !read_request_keys(&at, list, request))
            return false;
        total += request->keys_count;
        ++*count;
    }
    if (total > PARAM_STORAGE_VALUES_MAX)
        return param_note(call, -38026, "too many slots (max %d)", PARAM_STORAGE_VALUES_MAX);
    return total > 0 || param_note(call, RPC_INVALID_PARAMS, "empty request");
}

/* ---- percentiles ---- */

bool param_percentiles(struct call *call, size_t index, double **out, size_t *count)
{
    const struct place at = {.call = call, .index = index};
    const struct json_t *list = call_param(call, index);
    *out = NULL;
    *count = 0;
    if (list == NULL)
        return true;
    if (json_kind(list) != JSON_KIND_ARRAY)
        return place_type_fault(&at, go_kind(list), "[]float64");
    *out = call_alloc(call, (json_count(list) + 1) * sizeof **out);
    for (size_t i = 0; i < json_count(list); i++) {
        const struct json_t *value = json_item(list, i);
        enum json_kind kind = json_kind(value);
        if (kind != JSON_KIND_INTEGER && kind != JSON_KIND_REAL && kind != JSON_KIND_NULL)
            return place_type_fault(&at, go_kind(value), "float64");
        (*out)[(*count)++] = json_real_of(value);
    }
    return true;
}

/* ---- log filters ---- */

/* go-ethereum's hexutil.Decode, then the length. */
static bool filter_bytes(const struct place *at, const char *before, struct span text, void *out,
                         size_t size, const char *what)
{
    struct buf bytes = {0};
    size_t digits = text.size < 2 ? 0 : text.size - 2;
    bool prefixed = text.size >= 2 && text.data[0] == '0' && (text.data[1] | 0x20) == 'x';
    const char *fault = NULL;
    if (text.size == 0)
        fault = hex_text(HEX_EMPTY);
    else if (!prefixed)
        fault = hex_text(HEX_PREFIX);
    else if (digits % 2 != 0)
        fault = hex_text(HEX_ODD);
    else if (digits == size * 2 && hex_decode_exact(out, size, (const char *)text.data + 2, digits))
        return true;
    else if (!hex_decode(&bytes, (const char *)text.data, text.size))
        fault = hex_text(HEX_SYNTAX);
    buf_free(&bytes);
    if (fault != NULL)
        return param_note(at->call, RPC_INVALID_PARAMS, "invalid argument %zu: %s%s", at->index,
                          before, fault);
    return param_note(
        at->call, RPC_INVALID_PARAMS,
        "invalid argument %zu: %shex has invalid length %zu after decoding; expected %zu for %s",
        at->index, before, digits / 2, size, what);
}

static bool read_addresses(const struct place *at, const struct json_t *value,
                           struct log_filter *out)
{
    char before[64];
    if (value == NULL)
        return true;
    if (json_kind(value) != JSON_KIND_STRING && json_kind(value) != JSON_KIND_ARRAY)
        return place_fault(at, "invalid addresses in query");
    out->addresses_count = json_kind(value) == JSON_KIND_STRING ? 1 : json_count(value);
    out->addresses = call_alloc(at->call, (out->addresses_count + 1) * sizeof *out->addresses);
    if (json_kind(value) == JSON_KIND_STRING)
        return filter_bytes(at, "invalid address: ", json_text(value), out->addresses[0].bytes, 20,
                            "address");
    for (size_t i = 0; i < out->addresses_count; i++) {
        const struct json_t *item = json_item(value, i);
        if (json_kind(item) != JSON_KIND_STRING)
            return param_note(at->call, RPC_INVALID_PARAMS,
                              "invalid argument %zu: non-string address at index %zu", at->index,
                              i);
        snprintf(before, sizeof before, "invalid address at index %zu: ", i);
        if (!filter_bytes(at, before, json_text(item), out->addresses[i].bytes, 20, "address"))
            return false;
    }
    return true;
}

static bool read_alternatives(const struct place *at, const struct json_t *list,
                              struct topic_set *out)
{
    if (json_count(list) > FILTER_ALTERNATIVES_MAX)
        return place_fault(at, "exceed max topics");
    out->hashes = call_alloc(at->call, (json_count(list) + 1) * sizeof *out->hashes);
    for (size_t i = 0; i < json_count(list); i++) {
        const struct json_t *item = json_item(list, i);
        if (json_kind(item) == JSON_KIND_NULL) { /* one that matches all */
            out->count = 0;
            return true;
        }
        if (json_kind(item) != JSON_KIND_STRING)
            return place_fault(at, "invalid topic(s)");
        if (!filter_bytes(at, "", json_text(item), out->hashes[out->count].bytes, 32, "topic"))
            return false;
        out->count++;
    }
    return true;
}

static bool read_topics(const struct place *at, const struct json_t *value, struct log_filter *out)
{
    const struct place field = {.call = at->call, .index = at->index, .field = "input.topics"};
    if (value == NULL)
        return true;
    if (json_kind(value) != JSON_KIND_ARRAY)
        return place_type_fault(&field, go_kind(value), "[]interface {}");
    if (json_count(value) > FILTER_TOPICS_MAX)
        return place_fault(at, "exceed max topics");
    out->topics_count = json_count(value);
    for (size_t i = 0; i < out->topics_count; i++) {
        const struct json_t *item = json_item(value, i);
        struct topic_set *set = &out->topics[i];
        switch (json_kind(item)) {
        case JSON_KIND_NULL:
            break;
        case JSON_KIND_STRING:
            set->hashes = call_alloc(at->call, sizeof *set->hashes);
            set->count = 1;
            if (!filter_bytes(at, "", json_text(item), set->hashes[0].bytes, 32, "topic"))
                return false;
            break;
        case JSON_KIND_ARRAY:
            if (!read_alternatives(at, item, set))
                return false;
            break;
        case JSON_KIND_BOOL:
        case JSON_KIND_INTEGER:
        case JSON_KIND_REAL:
        case JSON_KIND_OBJECT:
            return place_fault(at, "invalid topic(s)");
        }
    }
    return true;
}

bool param_filter(struct call *call, size_t index, struct log_filter *out)
{
    const struct place at = {.call = call, .index = index},
                       hash_at = {.call = call, .index = index, .field = "input.blockHash"};
    const struct json_t *object = call_param(call, index);
    *out = (struct log_filter){.from = {.tag = BLOCK_LATEST}, .to = {.tag = BLOCK_LATEST}};
    if (object == NULL)
        return true;
    if (json_kind(object) != JSON_KIND_OBJECT)
        return place_type_fault(&at, go_kind(object), "filters.input");
    const struct json_t *hash = member_fold(object, "blockHash");
    const struct json_t *from = member_fold(object, "fromBlock"),
                        *to = member_fold(object, "toBlock");
    out->has_block_hash = hash != NULL;
    out->has_from = from != NULL;
    out->has_to = to != NULL;
    if ((hash != NULL && !place_hash(&hash_at, hash, &out->block_hash)) ||
        (from != NULL && !place_block_number(&at, from, &out->from)) ||
        (to != NULL && !place_block_number(&at, to, &out->to)))
        return false;
    if (hash != NULL && (from != NULL || to != NULL))
        return place_fault(
            &at, "cannot specify both BlockHash and FromBlock/ToBlock, choose one or the other");
    if (!read_addresses(&at, member_fold(object, "address"), out) ||
        !read_topics(&at, member_fold(object, "topics"), out))
        return false;
    return out->addresses_count <= FILTER_ALTERNATIVES_MAX ||
           param_note(call, RPC_SERVER_ERROR, "exceed max addresses or topics per search position");
}
