#include "les/p2p/hello.h"

#include "les/eth/rlp.h"

#include <stdlib.h>

void hello_encode(struct buf *out, const struct hello *hello)
{
    size_t mark = rlp_list_begin(out);
    rlp_add_u64(out, hello->version);
    rlp_add_bytes(out, SPAN_STR(hello->client_id));
    size_t caps = rlp_list_begin(out);
    for (size_t i = 0; i < hello->caps_count; i++) {
        size_t cap = rlp_list_begin(out);
        rlp_add_bytes(out, SPAN_STR(hello->caps[i].name));
        rlp_add_u64(out, hello->caps[i].version);
        rlp_list_end(out, cap);
    }
    rlp_list_end(out, caps);
    rlp_add_u64(out, hello->listen_port);
    rlp_add_bytes(out, SPAN(hello->key.bytes, sizeof(hello->key.bytes)));
    rlp_list_end(out, mark);
}

static void client_id_copy(char out[PEER_CLIENT_ID_MAX + 1], struct span id)
{
    size_t size = id.size < PEER_CLIENT_ID_MAX ? id.size : PEER_CLIENT_ID_MAX;
    for (size_t i = 0; i < size; i++)
        out[i] = id.data[i] >= 0x20 && id.data[i] < 0x7f ? (char)id.data[i] : '?';
    out[size] = '\0';
}

static void cap_decode(struct hello *out, struct rlp *caps)
{
    struct rlp cap = rlp_list(caps);
    struct span name = rlp_bytes(&cap);
    uint64_t version = rlp_u64(&cap);
    struct peer_cap *place = &out->caps[out->caps_count];
    if (cap.bad) {
        rlp_fail(caps);
        return;
    }
    if (name.size == 0 || name.size >= sizeof(place->name) || memchr(name.data, 0, name.size) ||
        version > UINT32_MAX || out->caps_count == PEER_CAPS_MAX)
        return;
    memset(place, 0, sizeof(*place));
    memcpy(place->name, name.data, name.size);
    place->version = (unsigned)version;
    out->caps_count++;
}

enum hello_result hello_decode(struct hello *out, struct span payload)
{
    static const struct pubkey64 null_key;
    struct rlp outer = rlp_reader(payload), list = rlp_list(&outer), caps;
    struct span key;
    uint64_t port;
    memset(out, 0, sizeof(*out));
    out->version = rlp_u64(&list);
    client_id_copy(out->client_id, rlp_bytes(&list));
    caps = rlp_list(&list);
    while (rlp_more(&caps))
        cap_decode(out, &caps);
    port = rlp_u64(&list);
    out->listen_port = port <= UINT16_MAX ? (uint16_t)port : 0;
    key = rlp_bytes(&list);
    if (list.bad || caps.bad || !rlp_end(&outer)) {
        memset(out, 0, sizeof(*out));
        return HELLO_MALFORMED;
    }
    if (key.size != sizeof(out->key.bytes) || memcmp(key.data, null_key.bytes, key.size) == 0) {
        memset(out, 0, sizeof(*out));
        return HELLO_NULL_IDENTITY;
    }
    memcpy(out->key.bytes, key.data, key.size);
    return HELLO_OK;
}

void disconnect_encode(struct buf *out, enum peer_reason reason)
{
    size_t mark = rlp_list_begin(out);
    rlp_add_u64(out, reason);
    rlp_list_end(out, mark);
}

bool disconnect_decode(enum peer_reason *out, struct span payload)
{
    struct rlp outer = rlp_reader(payload), list;
    uint64_t reason = 0;
    *out = PEER_REQUESTED;
    if (payload.size == 0)
        return true;
    if (payload.size == 1 && payload.data[0] < 0x80) {
        *out = (enum peer_reason)payload.data[0];
        return true;
    }
    if (rlp_peek(&outer) == RLP_LIST) {
        list = rlp_list(&outer);
        if (rlp_more(&list))
            reason = list.size == 1 && list.data[0] == 0 ? 0 : rlp_u64(&list);
        if (list.bad || outer.bad)
            return false;
    } else {
        reason = rlp_u64(&outer);
        if (outer.bad)
            return false;
    }
    *out = (enum peer_reason)(reason <= UINT8_MAX ? reason : UINT8_MAX);
    return true;
}

const char *peer_reason_text(enum peer_reason reason)
{
    switch (reason) {
    case PEER_REQUESTED:
        return "disconnect requested";
    case PEER_TCP_ERROR:
        return "network error";
    case PEER_BREACH:
        return "breach of protocol";
    case PEER_USELESS:
        return "useless peer";
    case PEER_TOO_MANY:
        return "too many peers";
    case PEER_ALREADY_CONNECTED:
        return "already connected";
    case PEER_INCOMPATIBLE:
        return "incompatible p2p version";
    case PEER_NULL_IDENTITY:
        return "null identity";
    case PEER_QUITTING:
        return "client quitting";
    case PEER_UNEXPECTED_IDENTITY:
        return "unexpected identity";
    case PEER_SELF:
        return "connected to self";
    case PEER_READ_TIMEOUT:
        return "read timeout";
    case PEER_SUBPROTOCOL:
        return "subprotocol error";
    }
    return "unknown";
}

static int compare_caps(const void *a, const void *b)
{
    const struct peer_cap *left = a, *right = b;
    int order = strcmp(left->name, right->name);
    if (order)
        return order;
    return (left->version > right->version) - (left->version < right->version);
}

size_t peer_caps_match(struct peer_cap *out, const struct peer_cap *mine, size_t mine_count,
                       const struct peer_cap *theirs, size_t theirs_count)
{
    size_t count = 0, kept = 0;
    for (size_t i = 0; i < mine_count; i++)
        for (size_t j = 0; j < theirs_count && count < PEER_CAPS_MAX; j++)
            if (mine[i].version == theirs[j].version && strcmp(mine[i].name, theirs[j].name) == 0) {
                out[count++] = mine[i];
                break;
            }
    if (count > 1)
        qsort(out, count, sizeof(*out), compare_caps);
    for (size_t i = 0; i < count; i++)
        if (i + 1 == count || strcmp(out[i].name, out[i + 1].name) != 0)
            out[kept++] = out[i];
    return kept;
}
