#include "les/proto/session.h"

#include "les/base/limits.h"
#include "les/eth/keccak.h"
#include "les/eth/rlp.h"

/* A reply can hold at most 2 MiB of nodes; the shortest proof node that is not embedded has 33
 * bytes. */
#define REPLY_NODES_MAX 65536
#define REPLY_ITEMS_MAX 512

static const struct {
    unsigned code;
    bool merges;
} KINDS[LES_ASK_COUNT] = {
    [LES_ASK_HEADERS] = {LES_GET_BLOCK_HEADERS, false},
    [LES_ASK_BODY] = {LES_GET_BLOCK_BODIES, true},
    [LES_ASK_RECEIPTS] = {LES_GET_RECEIPTS, true},
    [LES_ASK_CODE] = {LES_GET_CODE, true},
    [LES_ASK_PROOF] = {LES_GET_PROOFS_V2, true},
    [LES_ASK_SLOTS] = {LES_GET_PROOFS_V2, true},
    [LES_ASK_CHT] = {LES_GET_HELPER_TRIE_PROOFS, true},
    [LES_ASK_BLOOM] = {LES_GET_HELPER_TRIE_PROOFS, false},
    [LES_ASK_SEND_TX] = {LES_SEND_TX_V2, true},
    [LES_ASK_TX_STATUS] = {LES_GET_TX_STATUS, true},
};

unsigned ask_code(enum les_kind kind)
{
    return KINDS[kind].code;
}

bool ask_merges(enum les_kind kind)
{
    return KINDS[kind].merges;
}

uint64_t ask_items(const struct les_op *op)
{
    if (op->kind == LES_ASK_HEADERS)
        return op->ask.headers.amount;
    if (op->kind == LES_ASK_BLOOM)
        return op->ask.bloom.sections;
    if (op->kind == LES_ASK_SLOTS)
        return 1 + op->ask.slots.keys_count;
    /* les.md 3.8: a server that limits bandwidth counts a transaction by its size. */
    if (op->kind == LES_ASK_SEND_TX)
        return 1 + op->ask.send_tx.envelope.size / 16384;
    return 1;
}

/* ---- requests ---- */

static struct span account_field(const struct address20 *address, struct hash32 *scratch,
                                 enum les_account_form form)
{
    if (form != LES_ACCOUNT_HASH32)
        return SPAN(address->bytes, 20);
    keccak256(scratch, SPAN(address->bytes, 20));
    return SPAN(scratch->bytes, 32);
}

/* The plain slot behind its tag. */
static struct span plain_slot(uint8_t scratch33[LES_PLAIN_SLOT_KEY_SIZE], const struct hash32 *slot)
{
    scratch33[0] = 0;
    memcpy(scratch33 + 1, slot->bytes, 32);
    return SPAN(scratch33, LES_PLAIN_SLOT_KEY_SIZE);
}

static void encode_proof(struct buf *out, const struct les_op *op, enum les_account_form form)
{
    uint8_t scratch33[LES_PLAIN_SLOT_KEY_SIZE];
    struct hash32 scratch;
    bool plain = form == LES_ACCOUNT_PLAIN && op->ask.proof.plain;
    struct les_proof_item item = {.block_hash = op->ask.proof.block_hash,
                                  .key = SPAN(op->ask.proof.key.bytes, 32),
                                  .from_level = op->gone > 0 ? 0 : op->ask.proof.from_level};
    if (op->ask.proof.in_storage)
        item.account = account_field(&op->ask.proof.address, &scratch, form);
    if (plain)
        item.key = op->ask.proof.in_storage ? plain_slot(scratch33, &op->ask.proof.slot)
                                            : SPAN(op->ask.proof.address.bytes, 20);
    les_proof_item_encode(out, &item);
}

static void encode_bloom(struct buf *out, const struct les_op *op)
{
    for (size_t i = 0; i < op->ask.bloom.sections; i++) {
        uint8_t key10[CHT_BLOOM_KEY_SIZE];
        cht_bloom_key(key10, op->ask.bloom.bit, op->ask.bloom.first_section + i);
        les_helper_item_encode(out,
                               &(struct les_helper_item){.type = LES_HELPER_BLOOM,
                                                         .section = op->ask.bloom.newest_section,
                                                         .key = SPAN(key10, 10),
                                                         .aux = LES_AUX_NONE});
    }
}

static void encode_slots(struct buf *out, const struct les_op *op, enum les_account_form form)
{
    uint8_t scratch33[LES_PLAIN_SLOT_KEY_SIZE];
    struct hash32 account_key, scratch;
    keccak256(&account_key, SPAN(op->ask.slots.address.bytes, 20));
    struct les_proof_item item = {.block_hash = op->ask.slots.block_hash,
                                  .key = SPAN(account_key.bytes, 32),
                                  .from_level = op->gone > 0 ? 0 : op->ask.slots.from_level};
    if (form == LES_ACCOUNT_PLAIN)
        item.key = SPAN(op->ask.slots.address.bytes, 20);
    les_proof_item_encode(out, &item);
    item.account = account_field(&op->ask.slots.address, &scratch, form);
    item.from_level = 0;
    for (size_t i = 0; i < op->ask.slots.keys_count; i++) {
        item.key = form == LES_ACCOUNT_PLAIN && op->ask.slots.slots != NULL
                       ? plain_slot(scratch33, &op->ask.slots.slots[i])
                       : SPAN(op->ask.slots.keys[i].bytes, 32);
        les_proof_item_encode(out, &item);
    }
}

static void encode_op(struct buf *out, const struct les_op *op, enum les_account_form form)
{
    struct hash32 scratch;
    uint8_t key8[8];
    switch (op->kind) {
    case LES_ASK_HEADERS:
        les_headers_query_encode(out, &op->ask.headers);
        return;
    case LES_ASK_BODY:
        rlp_add_hash(out, &op->ask.body.block_hash);
        return;
    case LES_ASK_RECEIPTS:
        rlp_add_hash(out, &op->ask.receipts.block_hash);
        return;
    case LES_ASK_CODE:
        les_code_item_encode(out,
                             &(struct les_code_item){
                                 .block_hash = op->ask.code.block_hash,
                                 .account = account_field(&op->ask.code.address, &scratch, form)});
        return;
    case LES_ASK_PROOF:
        encode_proof(out, op, form);
        return;
    case LES_ASK_SLOTS:
        encode_slots(out, op, form);
        return;
    case LES_ASK_CHT:
        cht_key(key8, op->ask.cht.number);
        les_helper_item_encode(out, &(struct les_helper_item){.type = LES_HELPER_CHT,
                                                              .section = op->ask.cht.section,
                                                              .key = SPAN(key8, 8),
                                                              .aux = LES_AUX_HEADER});
        return;
    case LES_ASK_BLOOM:
        encode_bloom(out, op);
        return;
    case LES_ASK_SEND_TX:
        /* A typed envelope travels as a string, a legacy one as the list it is. */
        if (op->ask.send_tx.envelope.data[0] >= 0xc0)
            buf_add_span(out, op->ask.send_tx.envelope);
        else
            rlp_add_bytes(out, op->ask.send_tx.envelope);
        return;
    case LES_ASK_TX_STATUS:
        rlp_add_hash(out, &op->ask.tx_hash);
        return;
    case LES_ASK_COUNT:
        break;
    }
    ASSERT(false);
}

void ask_encode(struct buf *out, const struct les_message *message, struct les_op *const *ops,
                size_t count, enum les_account_form form)
{
    struct les_writer writer = les_request_begin(out, message->id);
    for (size_t i = 0; i < count; i++)
        encode_op(out, ops[i], form);
    les_request_end(out, writer);
}

/* ---- replies ---- */

struct ask_reply {
    enum les_kind kind;
    size_t ops_count;
    struct span *items;    /* raw items, or strings for code and aux data */
    struct hash32 *hashes; /* of items, for code */
    bool *used;
    size_t items_count;
    size_t next;      /* first item that no op has taken: items come in the order of the ops */
    size_t cancelled; /* ops that are gone; their items may still be there */
    struct trie_nodes *nodes; /* proofs */
    struct les_tx_status *statuses;
    struct span data;
};

static bool add_item(struct ask_reply *reply, struct span item)
{
    if (reply->items_count == REPLY_ITEMS_MAX)
        return false;
    reply->items[reply->items_count++] = item;
    return true;
}

static bool split_raw(struct ask_reply *reply, struct span data)
{
    struct les_items items = {data, false};
    struct span raw;
    while (les_raw_next(&items, &raw))
        if (!add_item(reply, raw))
            return false;
    return !items.bad;
}

static bool split_strings(struct ask_reply *reply, struct span data)
{
    struct rlp rlp = rlp_reader(data);
    while (rlp_more(&rlp))
        if (!add_item(reply, rlp_bytes(&rlp)))
            return false;
    return rlp_end(&rlp);
}

static bool split_statuses(struct ask_reply *reply, struct span data)
{
    struct les_items items = {data, false};
    reply->statuses = mem_alloc(REPLY_ITEMS_MAX * sizeof *reply->statuses);
    while (reply->items_count < REPLY_ITEMS_MAX &&
           les_tx_status_next(&items, &reply->statuses[reply->items_count]))
        reply->items_count++;
    return !items.bad && items.rest.size == 0;
}

static bool split_helper(struct ask_reply *reply, struct span data)
{
    struct rlp outer = rlp_reader(data);
    struct rlp nodes = rlp_list(&outer);
    struct rlp aux = rlp_list(&outer);
    if (!rlp_end(&outer))
        return false;
    reply->nodes = trie_nodes_new(SPAN(nodes.data, nodes.size), REPLY_NODES_MAX);
    return reply->nodes != NULL && split_strings(reply, SPAN(aux.data, aux.size));
}

static bool split(struct ask_reply *reply, struct span data)
{
    switch (reply->kind) {
    case LES_ASK_HEADERS:
    case LES_ASK_BODY:
    case LES_ASK_RECEIPTS:
        return split_raw(reply, data);
    case LES_ASK_CODE:
        if (!split_strings(reply, data))
            return false;
        for (size_t i = 0; i < reply->items_count; i++)
            keccak256(&reply->hashes[i], reply->items[i]);
        return true;
    case LES_ASK_PROOF:
    case LES_ASK_SLOTS:
        reply->nodes = trie_nodes_new(data, REPLY_NODES_MAX);
        return reply->nodes != NULL;
    case LES_ASK_CHT:
    case LES_ASK_BLOOM:
        return split_helper(reply, data);
    case LES_ASK_SEND_TX:
    case LES_ASK_TX_STATUS:
        return split_statuses(reply, data) && reply->items_count == reply->ops_count;
    case LES_ASK_COUNT:
        break;
    }
    ASSERT(false);
}

struct ask_reply *ask_reply_new(const struct les_message *message, struct span data,
                                struct crypto *crypto)
{
    (void)crypto;
    struct ask_reply *reply = mem_alloc(sizeof *reply);
    reply->kind = message->kind;
    reply->ops_count = message->ops_count;
    for (size_t i = 0; i < message->ops_count; i++)
        reply->cancelled += message->ops[i] == NULL;
    reply->data = data;
    if (message->kind != LES_ASK_PROOF && message->kind != LES_ASK_SLOTS &&
        message->kind != LES_ASK_TX_STATUS && message->kind != LES_ASK_SEND_TX) {
        reply->items = mem_alloc(REPLY_ITEMS_MAX * sizeof *reply->items);
        reply->used = mem_alloc(REPLY_ITEMS_MAX * sizeof *reply->used);
    }
    if (message->kind == LES_ASK_CODE)
        reply->hashes = mem_alloc(REPLY_ITEMS_MAX * sizeof *reply->hashes);
    bool one_each = message->kind == LES_ASK_BODY || message->kind == LES_ASK_RECEIPTS ||
                    message->kind == LES_ASK_CODE;
    if (!split(reply, data) || (one_each && reply->items_count > reply->ops_count)) {
        ask_reply_free(reply);
        return NULL;
    }
    return reply;
}

void ask_reply_free(struct ask_reply *reply)
{
    mem_free(reply->items);
    mem_free(reply->hashes);
    mem_free(reply->used);
    mem_free(reply->statuses);
    trie_nodes_free(reply->nodes);
    mem_free(reply);
}

bool ask_reply_padded(const struct ask_reply *reply)
{
    if (reply->nodes != NULL && !trie_nodes_all_used(reply->nodes))
        return true;
    if (reply->used != NULL && reply->kind != LES_ASK_HEADERS)
        for (size_t i = 0; i < reply->items_count; i++)
            if (!reply->used[i])
                return true;
    return false;
}

/* What was left out cannot be told from what was replaced, unless nothing was left out. */
static enum ask_verdict not_there(const struct ask_reply *reply, const char **why, const char *text)
{
    if (reply->items_count < reply->ops_count)
        return ASK_EMPTY;
    *why = text;
    return ASK_LIE;
}

static enum ask_verdict check_headers(struct ask_reply *reply, struct les_op *op, const char **why)
{
    const struct les_headers_query *query = &op->ask.headers;
    struct hash32 expected_hash = query->hash;
    bool know_hash = query->by_hash;
    uint64_t number = query->number;

    if (reply->items_count == 0)
        return ASK_EMPTY;
    *why = "headers that are not the ones asked for";
    if (reply->items_count > query->amount)
        return ASK_LIE;
    for (size_t i = 0; i < reply->items_count; i++) {
        struct header header;
        struct hash32 hash;
        if (!header_decode(&header, reply->items[i]))
            return ASK_LIE;
        keccak256(&hash, reply->items[i]);
        if (know_hash && !hash32_equal(&hash, &expected_hash)) {
            *why = "a header whose hash does not match";
            return ASK_LIE;
        }
        if (i == 0 && query->by_hash)
            number = header.number;
        if (header.number != number)
            return ASK_LIE;
        number = query->reverse ? number - (query->skip + 1) : number + (query->skip + 1);
        know_hash = query->reverse && query->skip == 0;
        expected_hash = header.parent_hash;
        if (!query->reverse && query->skip == 0 && i > 0) {
            struct hash32 previous;
            keccak256(&previous, reply->items[i - 1]);
            if (!hash32_equal(&previous, &header.parent_hash))
                return ASK_LIE;
        }
    }
    op->answer.headers.items = reply->data;
    op->answer.headers.count = reply->items_count;
    return ASK_GOOD;
}

static bool item_answers(const struct ask_reply *reply, size_t index, const struct les_op *op)
{
    struct span item = reply->items[index];
    if (op->kind == LES_ASK_CODE)
        return hash32_equal(&reply->hashes[index], &op->ask.code.code_hash);
    if (op->kind == LES_ASK_BODY) {
        struct body body;
        return body_decode(&body, item) && body_matches(&body, op->ask.body.header);
    }
    struct rlp outer = rlp_reader(item);
    struct rlp list = rlp_list(&outer);
    return rlp_end(&outer) &&
           receipts_match(SPAN(list.data, list.size), &op->ask.receipts.receipts_root);
}

static void set_item_answer(struct les_op *op, struct span item)
{
    if (op->kind == LES_ASK_CODE)
        op->answer.code = item;
    else if (op->kind == LES_ASK_BODY)
        op->answer.body = item;
    else {
        struct rlp outer = rlp_reader(item);
        struct rlp list = rlp_list(&outer);
        op->answer.receipts = SPAN(list.data, list.size);
    }
}

/* Servers leave unknown items out, so positions shift (les.md 8, trap 20): match by content, in
 * order first. */
static enum ask_verdict check_item(struct ask_reply *reply, struct les_op *op, size_t position,
                                   const char **why)
{
    (void)position;
    for (size_t skip = 0; skip <= reply->cancelled; skip++) {
        size_t index = reply->next + skip;
        if (index >= reply->items_count)
            break;
        if (!item_answers(reply, index, op))
            continue;
        reply->used[index] = true;
        reply->next = index + 1;
        set_item_answer(op, reply->items[index]);
        return ASK_GOOD;
    }
    return not_there(reply, why,
                     op->kind == LES_ASK_BODY       ? "a body of another block"
                     : op->kind == LES_ASK_RECEIPTS ? "receipts that do not match the root"
                                                    : "code with another hash");
}

/* Nodes of the reply first, so that each of them is seen to be needed; then those the caller has.
 */
struct joined_source {
    struct trie_source source;
    struct trie_source *reply;
    struct trie_source *known;
    struct les_op *op;
    bool last_known; /* the last node was the caller's */
};

static bool on_get_node(struct trie_source *source, const struct hash32 *hash, struct span *node)
{
    struct joined_source *joined = container_of(source, struct joined_source, source);
    joined->last_known = false;
    if (joined->reply->get(joined->reply, hash, node)) {
        struct les_op *op = joined->op;
        if (op != NULL && op->answer.proof.nodes_count < TRIE_DEPTH_MAX) {
            op->answer.proof.node_hashes[op->answer.proof.nodes_count] = *hash;
            op->answer.proof.nodes[op->answer.proof.nodes_count++] = *node;
        }
        return true;
    }
    joined->last_known = true;
    return joined->known != NULL && joined->known->get(joined->known, hash, node);
}

/* A node above the level that was asked for is one that we had. Asked again, the server gives all;
 * replies that were under way before that may have the same gap, but not without end. */
static enum ask_verdict gap(struct les_op *op, const struct trie_walk *walk, uint64_t from_level)
{
    enum { GONE_MAX = 4 };
    if (walk->depth >= from_level || op->gone == GONE_MAX)
        return ASK_EMPTY;
    op->gone++;
    return ASK_GONE;
}

static enum ask_verdict check_proof(struct ask_reply *reply, struct les_op *op, const char **why)
{
    struct joined_source joined = {
        {on_get_node}, trie_nodes_source(reply->nodes), op->ask.proof.known, op, false};
    struct trie_walk walk;
    op->answer.proof.nodes_count = 0;
    enum trie_result result =
        trie_walk(&walk, &joined.source, &op->ask.proof.root, SPAN(op->ask.proof.key.bytes, 32));
    switch (result) {
    case TRIE_FOUND:
    case TRIE_ABSENT:
        op->answer.proof.result = result;
        op->answer.proof.value = walk.value;
        if (!joined.last_known || result == TRIE_ABSENT)
            return ASK_GOOD;
        /* The caller's node may be gone from its cache when this op's turn comes. */
        if (walk.value.size > LES_LEAF_SIZE_MAX)
            return ASK_EMPTY;
        memcpy(op->answer.proof.value_copy, walk.value.data, walk.value.size);
        op->answer.proof.value = SPAN(op->answer.proof.value_copy, walk.value.size);
        return ASK_GOOD;
    case TRIE_MISSING:
        return gap(op, &walk, op->ask.proof.from_level);
    case TRIE_INVALID:
        break;
    }
    *why = "a proof that does not hold";
    return ASK_LIE;
}

static enum ask_verdict verdict_of(enum trie_result result, const char **why)
{
    if (result == TRIE_FOUND || result == TRIE_ABSENT)
        return ASK_GOOD;
    *why = "a proof that does not hold";
    return result == TRIE_MISSING ? ASK_EMPTY : ASK_LIE;
}

/* The account first; its storage root is what the slots hang on. */
static enum ask_verdict check_slots(struct ask_reply *reply, struct les_op *op, const char **why)
{
    struct joined_source joined = {
        {on_get_node}, trie_nodes_source(reply->nodes), op->ask.slots.known, NULL, false};
    struct trie_walk walk;
    struct hash32 account_key;
    struct account account;
    keccak256(&account_key, SPAN(op->ask.slots.address.bytes, 20));
    op->answer.nodes = reply->nodes;
    enum trie_result result =
        trie_walk(&walk, &joined.source, &op->ask.slots.state_root, SPAN(account_key.bytes, 32));
    if (result == TRIE_MISSING)
        return gap(op, &walk, op->ask.slots.from_level);
    if (result != TRIE_FOUND)
        return verdict_of(result, why);
    *why = "a malformed account";
    if (!account_decode(&account, walk.value))
        return ASK_LIE;
    for (size_t i = 0; i < op->ask.slots.keys_count; i++) {
        result = trie_walk(&walk, &joined.source, &account.storage_root,
                           SPAN(op->ask.slots.keys[i].bytes, 32));
        enum ask_verdict verdict = verdict_of(result, why);
        if (verdict != ASK_GOOD)
            return verdict;
    }
    return ASK_GOOD;
}

static enum ask_verdict check_cht(struct ask_reply *reply, struct les_op *op, const char **why)
{
    struct cht_entry entry;
    uint64_t number = op->ask.cht.number;
    enum trie_result result =
        cht_walk(&entry, trie_nodes_source(reply->nodes), &op->ask.cht.cht_root, number);
    if (result == TRIE_MISSING)
        return ASK_EMPTY;
    *why = "a CHT proof that does not hold";
    if (result != TRIE_FOUND)
        return ASK_LIE;
    for (size_t i = 0; i < reply->items_count; i++) {
        if (!cht_entry_matches(&entry, reply->items[i], number))
            continue;
        reply->used[i] = true;
        op->answer.cht.header = reply->items[i];
        op->answer.cht.td = entry.td;
        return ASK_GOOD;
    }
    return not_there(reply, why, "a header that is not the one in the CHT");
}

static enum ask_verdict check_bloom(struct ask_reply *reply, struct les_op *op, const char **why)
{
    uint8_t vector[CHT_BLOOM_VECTOR_SIZE_MAX];
    for (size_t i = 0; i < op->ask.bloom.sections; i++) {
        struct trie_walk walk;
        uint8_t key10[CHT_BLOOM_KEY_SIZE];
        cht_bloom_key(key10, op->ask.bloom.bit, op->ask.bloom.first_section + i);
        enum trie_result result = trie_walk(&walk, trie_nodes_source(reply->nodes),
                                            &op->ask.bloom.bloom_root, SPAN(key10, sizeof key10));
        if (result == TRIE_MISSING)
            return ASK_EMPTY;
        op->answer.bloom[i] = result == TRIE_FOUND ? walk.value : SPAN_EMPTY;
        if (result == TRIE_INVALID ||
            !cht_bloom_decompress(vector, sizeof vector, op->answer.bloom[i])) {
            *why = "a BloomTrie proof that does not hold";
            return ASK_LIE;
        }
    }
    return ASK_GOOD;
}

static enum ask_verdict check_status(struct ask_reply *reply, struct les_op *op, size_t position)
{
    op->answer.status = reply->statuses[position];
    if (op->kind == LES_ASK_SEND_TX)
        return ASK_GOOD;
    return op->answer.status.state == LES_TX_UNKNOWN ? ASK_EMPTY : ASK_GOOD;
}

enum ask_verdict ask_check(struct ask_reply *reply, struct les_op *op, size_t position,
                           const char **why)
{
    switch (op->kind) {
    case LES_ASK_HEADERS:
        return check_headers(reply, op, why);
    case LES_ASK_BODY:
    case LES_ASK_RECEIPTS:
    case LES_ASK_CODE:
        return check_item(reply, op, position, why);
    case LES_ASK_PROOF:
        return check_proof(reply, op, why);
    case LES_ASK_SLOTS:
        return check_slots(reply, op, why);
    case LES_ASK_CHT:
        return check_cht(reply, op, why);
    case LES_ASK_BLOOM:
        return check_bloom(reply, op, why);
    case LES_ASK_SEND_TX:
    case LES_ASK_TX_STATUS:
        return check_status(reply, op, position);
    case LES_ASK_COUNT:
        break;
    }
    ASSERT(false);
}
