#include "les/proto/wire.h"

#include "les/eth/rlp.h"

const unsigned LES_COST_CODES[LES_COST_CODES_COUNT] = {
    LES_GET_BLOCK_HEADERS, LES_GET_BLOCK_BODIES,       LES_GET_RECEIPTS, LES_GET_CODE,
    LES_GET_PROOFS_V2,     LES_GET_HELPER_TRIE_PROOFS, LES_SEND_TX_V2,   LES_GET_TX_STATUS};

const char *les_code_name(unsigned code)
{
    switch ((enum les_code)code) {
    case LES_STATUS:
        return "status";
    case LES_ANNOUNCE:
        return "announce";
    case LES_GET_BLOCK_HEADERS:
        return "get_block_headers";
    case LES_BLOCK_HEADERS:
        return "block_headers";
    case LES_GET_BLOCK_BODIES:
        return "get_block_bodies";
    case LES_BLOCK_BODIES:
        return "block_bodies";
    case LES_GET_RECEIPTS:
        return "get_receipts";
    case LES_RECEIPTS:
        return "receipts";
    case LES_GET_CODE:
        return "get_code";
    case LES_CODE:
        return "code";
    case LES_GET_PROOFS_V2:
        return "get_proofs_v2";
    case LES_PROOFS_V2:
        return "proofs_v2";
    case LES_GET_HELPER_TRIE_PROOFS:
        return "get_helper_trie_proofs";
    case LES_HELPER_TRIE_PROOFS:
        return "helper_trie_proofs";
    case LES_SEND_TX_V2:
        return "send_tx_v2";
    case LES_GET_TX_STATUS:
        return "get_tx_status";
    case LES_TX_STATUS:
        return "tx_status";
    case LES_STOP:
        return "stop";
    case LES_RESUME:
        return "resume";
    }
    return "unknown";
}

unsigned les_reply_code(unsigned request_code)
{
#define X(name, code, reply, items_max)                                                            \
    if (request_code == (code))                                                                    \
        return (reply);
#include "les/proto/messages.def"
#undef X
    return 0;
}

unsigned les_items_max(unsigned request_code)
{
#define X(name, code, reply, items_max)                                                            \
    if (request_code == (code))                                                                    \
        return (items_max);
#include "les/proto/messages.def"
#undef X
    return 0;
}

unsigned les_version_length(unsigned version)
{
    return version <= 2 ? LES_STOP : LES_RESUME + 1;
}

size_t les_cost_index(unsigned code)
{
    size_t index = 0;
    while (index < LES_COST_CODES_COUNT && LES_COST_CODES[index] != code)
        index++;
    return index;
}

/* ---- envelopes ---- */

struct les_writer les_request_begin(struct buf *out, uint64_t request_id)
{
    struct les_writer writer = {.outer = rlp_list_begin(out)};
    rlp_add_u64(out, request_id);
    writer.inner = rlp_list_begin(out);
    return writer;
}

void les_request_end(struct buf *out, struct les_writer writer)
{
    rlp_list_end(out, writer.inner);
    rlp_list_end(out, writer.outer);
}

struct les_writer les_reply_begin(struct buf *out, uint64_t request_id, uint64_t buffer_value)
{
    struct les_writer writer = {.outer = rlp_list_begin(out)};
    rlp_add_u64(out, request_id);
    rlp_add_u64(out, buffer_value);
    writer.inner = rlp_list_begin(out);
    return writer;
}

void les_reply_end(struct buf *out, struct les_writer writer)
{
    les_request_end(out, writer);
}

bool les_request_decode(uint64_t *id, struct span *data, struct span payload)
{
    struct rlp outer = rlp_reader(payload), list = rlp_list(&outer);
    *id = rlp_u64(&list);
    struct rlp items = rlp_list(&list);
    *data = SPAN(items.data, items.size);
    return !items.bad && rlp_end(&list) && rlp_end(&outer);
}

bool les_reply_decode(uint64_t *id, uint64_t *buffer_value, struct span *data, struct span payload)
{
    struct rlp outer = rlp_reader(payload), list = rlp_list(&outer);
    *id = rlp_u64(&list);
    *buffer_value = rlp_u64(&list);
    struct rlp items = rlp_list(&list);
    *data = SPAN(items.data, items.size);
    return !items.bad && rlp_end(&list) && rlp_end(&outer);
}

/* ---- requests ---- */

void les_headers_query_encode(struct buf *out, const struct les_headers_query *query)
{
    if (query->by_hash)
        rlp_add_hash(out, &query->hash);
    else
        rlp_add_u64(out, query->number);
    rlp_add_u64(out, query->amount);
    rlp_add_u64(out, query->skip);
    rlp_add_u64(out, query->reverse ? 1 : 0);
}

bool les_headers_query_decode(struct les_headers_query *query, struct span data)
{
    *query = (struct les_headers_query){0};
    struct rlp list = rlp_reader(data), origin = list;
    query->by_hash = rlp_bytes(&origin).size == 32;
    if (query->by_hash)
        rlp_fixed(&list, query->hash.bytes, 32);
    else
        query->number = rlp_u64(&list);
    query->amount = rlp_u64(&list);
    query->skip = rlp_u64(&list);
    query->reverse = rlp_bool(&list);
    if (rlp_end(&list))
        return true;
    *query = (struct les_headers_query){0};
    return false;
}

void les_code_item_encode(struct buf *out, const struct les_code_item *item)
{
    size_t mark = rlp_list_begin(out);
    rlp_add_hash(out, &item->block_hash);
    rlp_add_bytes(out, item->account);
    rlp_list_end(out, mark);
}

void les_proof_item_encode(struct buf *out, const struct les_proof_item *item)
{
    size_t mark = rlp_list_begin(out);
    rlp_add_hash(out, &item->block_hash);
    rlp_add_bytes(out, item->account);
    rlp_add_bytes(out, item->key);
    rlp_add_u64(out, item->from_level);
    rlp_list_end(out, mark);
}

void les_helper_item_encode(struct buf *out, const struct les_helper_item *item)
{
    size_t mark = rlp_list_begin(out);
    rlp_add_u64(out, item->type);
    rlp_add_u64(out, item->section);
    rlp_add_bytes(out, item->key);
    rlp_add_u64(out, item->from_level);
    rlp_add_u64(out, item->aux);
    rlp_list_end(out, mark);
}

/* ---- items ---- */

/* The cursor over what is left; items_done writes back where it got to. */
static struct rlp items_open(const struct les_items *items)
{
    struct rlp rest = rlp_reader(items->rest);
    rest.bad = items->bad;
    return rest;
}

static bool items_done(struct les_items *items, const struct rlp *rest, bool good)
{
    items->bad = !good || rest->bad;
    items->rest = items->bad ? SPAN_EMPTY : SPAN(rest->data, rest->size);
    return !items->bad;
}

bool les_code_item_next(struct les_items *items, struct les_code_item *out)
{
    *out = (struct les_code_item){0};
    struct rlp rest = items_open(items);
    if (!rlp_more(&rest))
        return false;
    struct rlp item = rlp_list(&rest);
    rlp_fixed(&item, out->block_hash.bytes, 32);
    out->account = rlp_bytes(&item);
    return items_done(items, &rest, rlp_end(&item));
}

bool les_proof_item_next(struct les_items *items, struct les_proof_item *out)
{
    *out = (struct les_proof_item){0};
    struct rlp rest = items_open(items);
    if (!rlp_more(&rest))
        return false;
    struct rlp item = rlp_list(&rest);
    rlp_fixed(&item, out->block_hash.bytes, 32);
    out->account = rlp_bytes(&item);
    out->key = rlp_bytes(&item);
    out->from_level = rlp_u64(&item);
    return items_done(items, &rest, rlp_end(&item));
}

bool les_helper_item_next(struct les_items *items, struct les_helper_item *out)
{
    *out = (struct les_helper_item){0};
    struct rlp rest = items_open(items);
    if (!rlp_more(&rest))
        return false;
    struct rlp item = rlp_list(&rest);
    out->type = rlp_u64(&item);
    out->section = rlp_u64(&item);
    out->key = rlp_bytes(&item);
    out->from_level = rlp_u64(&item);
    out->aux = rlp_u64(&item);
    return items_done(items, &rest, rlp_end(&item));
}

bool les_hash_next(struct les_items *items, struct hash32 *out)
{
    *out = HASH32_ZERO;
    struct rlp rest = items_open(items);
    if (!rlp_more(&rest))
        return false;
    rlp_fixed(&rest, out->bytes, 32);
    return items_done(items, &rest, true);
}

bool les_raw_next(struct les_items *items, struct span *out)
{
    *out = SPAN_EMPTY;
    struct rlp rest = items_open(items);
    if (!rlp_more(&rest))
        return false;
    *out = rlp_raw(&rest);
    return items_done(items, &rest, true);
}

/* ---- transaction states ---- */

void les_tx_status_encode(struct buf *out, const struct les_tx_status *status)
{
    size_t mark = rlp_list_begin(out);
    rlp_add_u64(out, status->state);
    size_t lookup = rlp_list_begin(out);
    if (status->has_lookup) {
        rlp_add_hash(out, &status->block.hash);
        rlp_add_u64(out, status->block.number);
        rlp_add_u64(out, status->index);
    }
    rlp_list_end(out, lookup);
    rlp_add_bytes(out, status->error);
    rlp_list_end(out, mark);
}

bool les_tx_status_next(struct les_items *items, struct les_tx_status *out)
{
    *out = (struct les_tx_status){0};
    struct rlp rest = items_open(items);
    if (!rlp_more(&rest))
        return false;
    struct rlp item = rlp_list(&rest);
    uint64_t state = rlp_u64(&item);
    struct rlp lookup = rlp_list(&item);
    if (rlp_more(&lookup)) {
        out->has_lookup = true;
        rlp_fixed(&lookup, out->block.hash.bytes, 32);
        out->block.number = rlp_u64(&lookup);
        out->index = rlp_u64(&lookup);
    }
    out->error = rlp_bytes(&item);
    bool good = rlp_end(&lookup) && rlp_end(&item) && state <= LES_TX_INCLUDED;
    if (good)
        out->state = (enum les_tx_state)state;
    else
        *out = (struct les_tx_status){0};
    return items_done(items, &rest, good);
}

/* ---- flow control ---- */

void les_resume_encode(struct buf *out, uint64_t buffer_value)
{
    rlp_add_u64(out, buffer_value);
}

bool les_resume_decode(uint64_t *buffer_value, struct span payload)
{
    struct rlp reader = rlp_reader(payload);
    *buffer_value = rlp_u64(&reader);
    return rlp_end(&reader);
}
