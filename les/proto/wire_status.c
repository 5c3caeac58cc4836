/* Status and Announce: lists of [key, value] pairs (les.md 3.1, 3.3). */
#include "les/proto/wire.h"

#include "les/base/limits.h"
#include "les/eth/keccak.h"
#include "les/eth/rlp.h"

/* ---- keys ---- */

enum key {
    KEY_PROTOCOL_VERSION,
    KEY_NETWORK_ID,
    KEY_HEAD_TD,
    KEY_HEAD_HASH,
    KEY_HEAD_NUM,
    KEY_GENESIS_HASH,
    KEY_FORK_ID,
    KEY_SERVE_HEADERS,
    KEY_SERVE_CHAIN_SINCE,
    KEY_SERVE_STATE_SINCE,
    KEY_SERVE_RECENT_STATE,
    KEY_TX_RELAY,
    KEY_RECENT_TX_LOOKUP,
    KEY_BL,
    KEY_MRR,
    KEY_MRC,
    KEY_ANNOUNCE_TYPE,
    KEY_CHECKPOINT,
    KEY_SIGN,
    KEY_SAFE,
    KEY_FINALIZED,
    KEY_PLAIN_KEYS,
    KEY_ANY_HEAD,
    KEY_COUNT
};

static const char *const KEY_TEXT[KEY_COUNT] = {
    [KEY_PROTOCOL_VERSION] = "protocolVersion",
    [KEY_NETWORK_ID] = "networkId",
    [KEY_HEAD_TD] = "headTd",
    [KEY_HEAD_HASH] = "headHash",
    [KEY_HEAD_NUM] = "headNum",
    [KEY_GENESIS_HASH] = "genesisHash",
    [KEY_FORK_ID] = "forkID",
    [KEY_SERVE_HEADERS] = "serveHeaders",
    [KEY_SERVE_CHAIN_SINCE] = "serveChainSince",
    [KEY_SERVE_STATE_SINCE] = "serveStateSince",
    [KEY_SERVE_RECENT_STATE] = "serveRecentState",
    [KEY_TX_RELAY] = "txRelay",
    [KEY_RECENT_TX_LOOKUP] = "recentTxLookup",
    [KEY_BL] = "flowControl/BL",
    [KEY_MRR] = "flowControl/MRR",
    [KEY_MRC] = "flowControl/MRC",
    [KEY_ANNOUNCE_TYPE] = "announceType",
    [KEY_CHECKPOINT] = "checkpoint/value",
    [KEY_SIGN] = "sign",
    [KEY_SAFE] = "lesgate/safe",
    [KEY_FINALIZED] = "lesgate/finalized",
    [KEY_PLAIN_KEYS] = "lesgate/plainKeys",
    [KEY_ANY_HEAD] = "lesgate/anyHead",
};

/* The values of one key list, raw; data is NULL where a key is missing. */
struct pairs {
    struct span values[KEY_COUNT];
    size_t size; /* as go-ethereum counts it against the update budget */
};

/* Unknown keys are passed over; of a repeated one the last counts. */
static bool pairs_read(struct pairs *pairs, struct rlp list)
{
    *pairs = (struct pairs){0};
    while (rlp_more(&list)) {
        struct rlp entry = rlp_list(&list);
        struct span key = rlp_bytes(&entry), value = rlp_raw(&entry);
        if (!rlp_end(&entry))
            return false;
        pairs->size += key.size + value.size + LES_PAIR_OVERHEAD;
        for (unsigned i = 0; i < KEY_COUNT; i++) {
            if (span_equal(key, SPAN_STR(KEY_TEXT[i])))
                pairs->values[i] = value;
        }
    }
    return rlp_end(&list) && pairs->size <= LES_UPDATE_SIZE_MAX;
}

static bool has(const struct pairs *pairs, enum key key)
{
    return pairs->values[key].data != NULL;
}

/* The readers fail only on a value that is there and malformed. */
static bool get_u64(const struct pairs *pairs, enum key key, uint64_t *out)
{
    *out = 0;
    if (!has(pairs, key))
        return true;
    struct rlp value = rlp_reader(pairs->values[key]);
    *out = rlp_u64(&value);
    return rlp_end(&value);
}

static bool get_fixed(const struct pairs *pairs, enum key key, void *out, size_t size)
{
    memset(out, 0, size);
    if (!has(pairs, key))
        return true;
    struct rlp value = rlp_reader(pairs->values[key]);
    rlp_fixed(&value, out, size);
    return rlp_end(&value);
}

static bool get_td(const struct pairs *pairs, struct u256 *out)
{
    *out = (struct u256){{0}};
    struct rlp value = rlp_reader(pairs->values[KEY_HEAD_TD]);
    rlp_u256(&value, out);
    return rlp_end(&value);
}

static bool get_block_ref(const struct pairs *pairs, enum key key, bool *present,
                          struct les_block_ref *out)
{
    *out = (struct les_block_ref){0};
    *present = has(pairs, key);
    if (!*present)
        return true;
    struct rlp value = rlp_reader(pairs->values[key]), list = rlp_list(&value);
    rlp_fixed(&list, out->hash.bytes, 32);
    out->number = rlp_u64(&list);
    return rlp_end(&list) && rlp_end(&value);
}

static bool get_fork_id(const struct pairs *pairs, struct les_status *status)
{
    status->has_fork_id = has(pairs, KEY_FORK_ID);
    if (!status->has_fork_id)
        return true;
    struct rlp value = rlp_reader(pairs->values[KEY_FORK_ID]), list = rlp_list(&value);
    rlp_fixed(&list, status->fork_id.hash4, 4);
    status->fork_id.next = rlp_u64(&list);
    return rlp_end(&list) && rlp_end(&value);
}

static bool get_costs(const struct pairs *pairs, struct les_flow_params *flow)
{
    if (!has(pairs, KEY_MRC))
        return true;
    struct rlp value = rlp_reader(pairs->values[KEY_MRC]), table = rlp_list(&value);
    while (rlp_more(&table)) {
        struct rlp row = rlp_list(&table);
        uint64_t code = rlp_u64(&row);
        struct les_cost cost = {.base = rlp_u64(&row)};
        cost.per_item = rlp_u64(&row);
        if (!rlp_end(&row))
            return false;
        size_t index = code > LES_RESUME ? LES_COST_CODES_COUNT : les_cost_index((unsigned)code);
        if (index < LES_COST_CODES_COUNT) {
            flow->costs[index] = cost;
            flow->has_cost[index] = true;
        }
    }
    return rlp_end(&table) && rlp_end(&value);
}

static bool get_flow(const struct pairs *pairs, struct les_flow_params *flow, bool *present)
{
    *present = has(pairs, KEY_BL) && has(pairs, KEY_MRR);
    if (!get_u64(pairs, KEY_BL, &flow->buffer_limit) || !get_u64(pairs, KEY_MRR, &flow->recharge))
        return false;
    if (!*present)
        flow->buffer_limit = flow->recharge = 0;
    return get_costs(pairs, flow);
}

static bool get_checkpoint(const struct pairs *pairs, struct les_status *status)
{
    status->has_checkpoint = has(pairs, KEY_CHECKPOINT);
    if (!status->has_checkpoint)
        return true;
    struct rlp value = rlp_reader(pairs->values[KEY_CHECKPOINT]), list = rlp_list(&value);
    status->checkpoint.section = rlp_u64(&list);
    rlp_fixed(&list, status->checkpoint.head.bytes, 32);
    rlp_fixed(&list, status->checkpoint.cht_root.bytes, 32);
    rlp_fixed(&list, status->checkpoint.bloom_root.bytes, 32);
    return rlp_end(&list) && rlp_end(&value);
}

/* ---- writing ---- */

static size_t pair_begin(struct buf *out, enum key key)
{
    size_t mark = rlp_list_begin(out);
    rlp_add_bytes(out, SPAN_STR(KEY_TEXT[key]));
    return mark;
}

static void put_u64(struct buf *out, enum key key, uint64_t value)
{
    size_t mark = pair_begin(out, key);
    rlp_add_u64(out, value);
    rlp_list_end(out, mark);
}

static void put_bytes(struct buf *out, enum key key, struct span value)
{
    size_t mark = pair_begin(out, key);
    rlp_add_bytes(out, value);
    rlp_list_end(out, mark);
}

static void put_td(struct buf *out, const struct u256 *td)
{
    size_t mark = pair_begin(out, KEY_HEAD_TD);
    rlp_add_u256(out, td);
    rlp_list_end(out, mark);
}

static void put_block_ref(struct buf *out, enum key key, const struct les_block_ref *ref)
{
    size_t mark = pair_begin(out, key), list = rlp_list_begin(out);
    rlp_add_hash(out, &ref->hash);
    rlp_add_u64(out, ref->number);
    rlp_list_end(out, list);
    rlp_list_end(out, mark);
}

static void put_fork_id(struct buf *out, const struct fork_id *fork_id)
{
    size_t mark = pair_begin(out, KEY_FORK_ID), list = rlp_list_begin(out);
    rlp_add_bytes(out, SPAN(fork_id->hash4, 4));
    rlp_add_u64(out, fork_id->next);
    rlp_list_end(out, list);
    rlp_list_end(out, mark);
}

/* Nothing when no code has a price. */
static void put_costs(struct buf *out, const struct les_flow_params *flow)
{
    size_t start = out->size, mark = pair_begin(out, KEY_MRC), table = rlp_list_begin(out);
    bool any = false;
    for (size_t i = 0; i < LES_COST_CODES_COUNT; i++) {
        if (!flow->has_cost[i])
            continue;
        any = true;
        size_t row = rlp_list_begin(out);
        rlp_add_u64(out, LES_COST_CODES[i]);
        rlp_add_u64(out, flow->costs[i].base);
        rlp_add_u64(out, flow->costs[i].per_item);
        rlp_list_end(out, row);
    }
    rlp_list_end(out, table);
    rlp_list_end(out, mark);
    if (!any)
        out->size = start;
}

static void put_checkpoint(struct buf *out, const struct les_checkpoint *checkpoint)
{
    size_t mark = pair_begin(out, KEY_CHECKPOINT), list = rlp_list_begin(out);
    rlp_add_u64(out, checkpoint->section);
    rlp_add_hash(out, &checkpoint->head);
    rlp_add_hash(out, &checkpoint->cht_root);
    rlp_add_hash(out, &checkpoint->bloom_root);
    rlp_list_end(out, list);
    rlp_list_end(out, mark);
}

/* ---- Status ---- */

static void put_served(struct buf *out, const struct les_status *status)
{
    if (status->serve_headers)
        put_u64(out, KEY_SERVE_HEADERS, 0);
    if (status->has_serve_chain_since)
        put_u64(out, KEY_SERVE_CHAIN_SINCE, status->serve_chain_since);
    if (status->has_serve_state_since)
        put_u64(out, KEY_SERVE_STATE_SINCE, status->serve_state_since);
    if (status->has_serve_recent_state)
        put_u64(out, KEY_SERVE_RECENT_STATE, status->serve_recent_state);
    if (status->tx_relay)
        put_u64(out, KEY_TX_RELAY, 0);
    if (status->has_recent_tx_lookup)
        put_u64(out, KEY_RECENT_TX_LOOKUP, status->recent_tx_lookup);
    if (status->has_flow) {
        put_u64(out, KEY_BL, status->flow.buffer_limit);
        put_u64(out, KEY_MRR, status->flow.recharge);
    }
    put_costs(out, &status->flow);
}

void les_status_encode(struct buf *out, const struct les_status *status)
{
    size_t mark = rlp_list_begin(out);
    put_u64(out, KEY_PROTOCOL_VERSION, status->version);
    put_u64(out, KEY_NETWORK_ID, status->network_id);
    put_td(out, &status->head_td);
    put_bytes(out, KEY_HEAD_HASH, SPAN(status->head.hash.bytes, 32));
    put_u64(out, KEY_HEAD_NUM, status->head.number);
    put_bytes(out, KEY_GENESIS_HASH, SPAN(status->genesis.bytes, 32));
    if (status->has_fork_id)
        put_fork_id(out, &status->fork_id);
    put_served(out, status);
    if (status->has_announce_type)
        put_u64(out, KEY_ANNOUNCE_TYPE, status->announce_type);
    if (status->has_checkpoint)
        put_checkpoint(out, &status->checkpoint);
    if (status->has_safe)
        put_block_ref(out, KEY_SAFE, &status->safe);
    if (status->has_finalized)
        put_block_ref(out, KEY_FINALIZED, &status->finalized);
    if (status->plain_keys)
        put_u64(out, KEY_PLAIN_KEYS, 0);
    if (status->any_head)
        put_u64(out, KEY_ANY_HEAD, 0);
    rlp_list_end(out, mark);
}

static bool get_served(const struct pairs *pairs, struct les_status *status)
{
    status->serve_headers = has(pairs, KEY_SERVE_HEADERS);
    status->has_serve_chain_since = has(pairs, KEY_SERVE_CHAIN_SINCE);
    status->has_serve_state_since = has(pairs, KEY_SERVE_STATE_SINCE);
    status->has_serve_recent_state = has(pairs, KEY_SERVE_RECENT_STATE);
    status->tx_relay = has(pairs, KEY_TX_RELAY);
    status->plain_keys = has(pairs, KEY_PLAIN_KEYS);
    status->any_head = has(pairs, KEY_ANY_HEAD);
    status->has_recent_tx_lookup = has(pairs, KEY_RECENT_TX_LOOKUP);
    return get_u64(pairs, KEY_SERVE_CHAIN_SINCE, &status->serve_chain_since) &&
           get_u64(pairs, KEY_SERVE_STATE_SINCE, &status->serve_state_since) &&
           get_u64(pairs, KEY_SERVE_RECENT_STATE, &status->serve_recent_state) &&
           get_u64(pairs, KEY_RECENT_TX_LOOKUP, &status->recent_tx_lookup) &&
           get_flow(pairs, &status->flow, &status->has_flow);
}

static bool get_announce_type(const struct pairs *pairs, struct les_status *status)
{
    uint64_t type = LES_ANNOUNCE_SIMPLE;
    status->has_announce_type = has(pairs, KEY_ANNOUNCE_TYPE);
    if (status->has_announce_type && !get_u64(pairs, KEY_ANNOUNCE_TYPE, &type))
        return false;
    if (type > LES_ANNOUNCE_SIGNED)
        return false;
    status->announce_type = (enum les_announce_type)type;
    return true;
}

static bool status_read(struct les_status *status, struct span payload)
{
    static const enum key REQUIRED[] = {KEY_PROTOCOL_VERSION, KEY_NETWORK_ID, KEY_HEAD_TD,
                                        KEY_HEAD_HASH,        KEY_HEAD_NUM,   KEY_GENESIS_HASH};
    struct rlp outer = rlp_reader(payload), list = rlp_list(&outer);
    struct pairs pairs;
    if (!pairs_read(&pairs, list) || !rlp_end(&outer))
        return false;
    for (size_t i = 0; i < ARRAY_COUNT(REQUIRED); i++) {
        if (!has(&pairs, REQUIRED[i]))
            return false;
    }
    return get_u64(&pairs, KEY_PROTOCOL_VERSION, &status->version) &&
           get_u64(&pairs, KEY_NETWORK_ID, &status->network_id) &&
           get_td(&pairs, &status->head_td) &&
           get_fixed(&pairs, KEY_HEAD_HASH, status->head.hash.bytes, 32) &&
           get_u64(&pairs, KEY_HEAD_NUM, &status->head.number) &&
           get_fixed(&pairs, KEY_GENESIS_HASH, status->genesis.bytes, 32) &&
           get_fork_id(&pairs, status) && get_served(&pairs, status) &&
           get_announce_type(&pairs, status) && get_checkpoint(&pairs, status) &&
           get_block_ref(&pairs, KEY_SAFE, &status->has_safe, &status->safe) &&
           get_block_ref(&pairs, KEY_FINALIZED, &status->has_finalized, &status->finalized);
}

bool les_status_decode(struct les_status *status, struct span payload)
{
    *status = (struct les_status){0};
    if (status_read(status, payload))
        return true;
    *status = (struct les_status){0};
    return false;
}

/* ---- Announce ---- */

void les_announce_encode(struct buf *out, const struct les_announce *announce)
{
    size_t mark = rlp_list_begin(out);
    rlp_add_hash(out, &announce->head.hash);
    rlp_add_u64(out, announce->head.number);
    rlp_add_u256(out, &announce->td);
    rlp_add_u64(out, announce->reorg_depth);
    size_t list = rlp_list_begin(out);
    if (announce->has_sign)
        put_bytes(out, KEY_SIGN, SPAN(announce->sign.bytes, 65));
    if (announce->has_flow) {
        put_u64(out, KEY_MRR, announce->recharge);
        put_u64(out, KEY_BL, announce->buffer_limit);
    }
    put_costs(out, &announce->costs);
    if (announce->has_safe)
        put_block_ref(out, KEY_SAFE, &announce->safe);
    if (announce->has_finalized)
        put_block_ref(out, KEY_FINALIZED, &announce->finalized);
    rlp_list_end(out, list);
    rlp_list_end(out, mark);
}

static bool announce_read(struct les_announce *announce, struct span payload)
{
    struct rlp outer = rlp_reader(payload), list = rlp_list(&outer);
    rlp_fixed(&list, announce->head.hash.bytes, 32);
    announce->head.number = rlp_u64(&list);
    rlp_u256(&list, &announce->td);
    announce->reorg_depth = rlp_u64(&list);
    struct rlp update = rlp_list(&list);
    struct pairs pairs;
    if (!rlp_end(&list) || !rlp_end(&outer) || !pairs_read(&pairs, update))
        return false;
    if (announce->td.words[1] >> (LES_TD_BITS_MAX - 64) || announce->td.words[2] ||
        announce->td.words[3])
        return false;
    announce->update_size = pairs.size;
    announce->has_sign = has(&pairs, KEY_SIGN);
    struct les_flow_params flow = {0};
    if (!get_fixed(&pairs, KEY_SIGN, announce->sign.bytes, 65) ||
        !get_flow(&pairs, &flow, &announce->has_flow) ||
        !get_block_ref(&pairs, KEY_SAFE, &announce->has_safe, &announce->safe) ||
        !get_block_ref(&pairs, KEY_FINALIZED, &announce->has_finalized, &announce->finalized))
        return false;
    announce->buffer_limit = flow.buffer_limit;
    announce->recharge = flow.recharge;
    flow.buffer_limit = flow.recharge = 0;
    announce->costs = flow;
    return true;
}

bool les_announce_decode(struct les_announce *announce, struct span payload)
{
    *announce = (struct les_announce){0};
    if (announce_read(announce, payload))
        return true;
    *announce = (struct les_announce){0};
    return false;
}

void les_announce_digest(struct hash32 *out, const struct les_announce *announce)
{
    struct buf text = {0};
    size_t mark = rlp_list_begin(&text);
    rlp_add_hash(&text, &announce->head.hash);
    rlp_add_u64(&text, announce->head.number);
    rlp_add_u256(&text, &announce->td);
    rlp_list_end(&text, mark);
    keccak256(out, buf_span(&text));
    buf_free(&text);
}
