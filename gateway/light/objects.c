#include "gateway/light/objects.h"

#include "les/base/table.h"
#include "les/eth/keccak.h"
#include "les/eth/rlp.h"

/* One LES question and everybody who waits for its answer. Filed under the hash of what is missing.
 */
struct object_fetch {
    struct objects *objects;
    struct hash32 key;
    enum cache_kind kind;
    struct les_op op;
    struct block_header *block;
    struct object_wait *waits;
    struct hash32 *slot_keys; /* of LES_ASK_SLOTS: the hashes, then the slots */
    bool claimed;             /* a wait has been told what it cost */
};

struct objects {
    struct loop *loop;
    struct log *log;
    struct les_client *client;
    struct cache_tier *cache;
    struct trie_source nodes;
    struct table fetches;
    struct objects_stats stats;
};

static bool on_get_node(struct trie_source *source, const struct hash32 *hash, struct span *node)
{
    struct objects *objects = container_of(source, struct objects, nodes);
    return cache_get(objects->cache, CACHE_NODE, hash, node);
}

struct objects *objects_new(struct loop *loop, struct log *log, struct les_client *client,
                            struct cache_tier *cache)
{
    struct objects *objects = mem_alloc(sizeof *objects);
    uint64_t seed;
    loop_random(loop, &seed, sizeof seed);
    objects->loop = loop;
    objects->log = log;
    objects->client = client;
    objects->cache = cache;
    objects->nodes.get = on_get_node;
    table_init(&objects->fetches, seed);
    return objects;
}

void objects_free(struct objects *objects)
{
    if (objects == NULL)
        return;
    ASSERT(objects->fetches.count == 0);
    table_free(&objects->fetches);
    mem_free(objects);
}

struct trie_source *objects_nodes(struct objects *objects)
{
    return &objects->nodes;
}

struct cache_tier *objects_cache(struct objects *objects)
{
    return objects->cache;
}

void objects_stats(const struct objects *objects, struct objects_stats *out)
{
    *out = objects->stats;
    out->in_flight = objects->fetches.count;
}

/* ---- fetches ---- */

static void fetch_key(struct hash32 *out, enum cache_kind kind, const struct hash32 *hash)
{
    *out = *hash;
    out->bytes[0] ^= (uint8_t)(kind << 4);
}

void object_wait_cancel(struct object_wait *wait)
{
    struct object_fetch *fetch = wait->fetch;
    if (fetch == NULL)
        return;
    wait->fetch = NULL;
    for (struct object_wait **at = &fetch->waits; *at != NULL; at = &(*at)->next)
        if (*at == wait) {
            *at = wait->next;
            return;
        }
}

static void keep_used_nodes(struct cache_tier *cache, const struct trie_nodes *nodes)
{
    for (size_t i = 0; i < trie_nodes_count(nodes); i++) {
        struct hash32 hash;
        struct span node;
        bool used;
        trie_nodes_at(nodes, i, &hash, &node, &used);
        if (used)
            cache_put(cache, CACHE_NODE, &hash, node);
    }
}

static void keep_answer(struct object_fetch *fetch, struct span *value, bool *absent)
{
    struct objects *objects = fetch->objects;
    struct les_op *op = &fetch->op;
    *absent = false;
    if (op->kind == LES_ASK_SLOTS) {
        keep_used_nodes(objects->cache, op->answer.nodes);
        return;
    }
    switch (fetch->kind) {
    case CACHE_NODE:
        for (size_t i = 0; i < op->answer.proof.nodes_count; i++)
            cache_put(objects->cache, CACHE_NODE, &op->answer.proof.node_hashes[i],
                      op->answer.proof.nodes[i]);
        *absent = op->answer.proof.result == TRIE_ABSENT;
        *value = op->answer.proof.value;
        return;
    case CACHE_CODE:
        *value = op->answer.code;
        cache_put(objects->cache, CACHE_CODE, &op->ask.code.code_hash, *value);
        return;
    case CACHE_BODY:
        *value = op->answer.body;
        cache_put(objects->cache, CACHE_BODY, &fetch->block->hash, *value);
        return;
    case CACHE_RECEIPTS:
        *value = op->answer.receipts;
        cache_put(objects->cache, CACHE_RECEIPTS, &fetch->block->hash, *value);
        return;
    case CACHE_ANSWER:
    case CACHE_KIND_COUNT:
        break;
    }
    ASSERT(false);
}

static void on_fetched(struct les_op *op, enum status status)
{
    struct object_fetch *fetch = container_of(op, struct object_fetch, op);
    struct span value = SPAN_EMPTY;
    bool absent = false;
    table_remove(&fetch->objects->fetches, fetch->key.bytes);
    if (status == STATUS_OK)
        keep_answer(fetch, &value, &absent);
    while (fetch->waits != NULL) {
        struct object_wait *wait = fetch->waits;
        fetch->waits = wait->next;
        wait->fetch = NULL;
        if (!fetch->claimed) {
            wait->note = op->note;
            wait->server = op->answered_by;
            fetch->claimed = true;
        }
        wait->value = value;
        wait->absent = absent;
        wait->on_done(wait, status);
    }
    block_header_unref(fetch->block);
    mem_free(fetch->slot_keys);
    mem_free(fetch);
}

static void wait_for(struct object_fetch *fetch, struct object_wait *wait)
{
    memset(&wait->note, 0, sizeof wait->note);
    memset(&wait->server, 0, sizeof wait->server);
    wait->value = SPAN_EMPTY;
    wait->absent = wait->joined = false;
    wait->fetch = fetch;
    wait->next = NULL;
    struct object_wait **at = &fetch->waits; /* in the order they came */
    while (*at != NULL)
        at = &(*at)->next;
    *at = wait;
}

/* The fetch of this object if one is under way (then wait joined it), or a new one that is not
 * started yet. */
static struct object_fetch *join_or_new(struct objects *objects, struct object_wait *wait,
                                        enum cache_kind kind, const struct hash32 *hash,
                                        const struct block_header *block)
{
    struct hash32 key;
    fetch_key(&key, kind, hash);
    struct object_fetch *fetch = table_get(&objects->fetches, key.bytes);
    if (fetch != NULL) {
        objects->stats.joined++;
        wait_for(fetch, wait);
        wait->joined = true;
        return NULL;
    }
    fetch = mem_alloc(sizeof *fetch);
    fetch->objects = objects;
    fetch->key = key;
    fetch->kind = kind;
    fetch->block = block_header_ref((struct block_header *)block);
    fetch->op.on_done = on_fetched;
    fetch->op.block_number = block->header.number;
    (void)table_put(&objects->fetches, fetch->key.bytes, fetch);
    objects->stats.fetches++;
    wait_for(fetch, wait);
    return fetch;
}

/* ---- the objects ---- */

enum object_result objects_leaf(struct objects *objects, struct object_wait *wait,
                                const struct trie_walk *walk, enum trie_result walked,
                                const struct block_header *block, const struct hash32 *root,
                                const struct object_key *key)
{
    /* INVALID: the hash held when it was put; only a root that is no trie root gets here. */
    bool missing = walked == TRIE_MISSING;
    ASSERT(missing || walked == TRIE_INVALID);
    /* Who misses the same node for the same key waits for one fetch. Different keys are asked for
     * side by side: in one message the nodes that they share come once. */
    struct hash32 id = missing ? walk->missing : *root;
    for (size_t i = 0; i < sizeof id.bytes; i++)
        id.bytes[i] ^= key->key32.bytes[i];
    struct object_fetch *fetch = join_or_new(objects, wait, CACHE_NODE, &id, block);
    if (fetch == NULL)
        return OBJECT_LATER;
    struct les_op *op = &fetch->op;
    op->kind = LES_ASK_PROOF;
    op->needs_state = true;
    op->ask.proof.block_hash = block->hash;
    op->ask.proof.root = *root;
    op->ask.proof.in_storage = key->in_storage;
    op->ask.proof.address = key->address;
    op->ask.proof.key = key->key32;
    op->ask.proof.plain = key->plain;
    op->ask.proof.slot = key->slot;
    op->ask.proof.from_level = missing ? walk->depth : 0;
    op->ask.proof.known = &objects->nodes;
    les_start(objects->client, op);
    return OBJECT_LATER;
}

void objects_slots(struct objects *objects, struct object_wait *wait, const struct hash32 *key,
                   const struct block_header *block, const struct address20 *address,
                   const struct hash32 *slots, size_t count)
{
    struct trie_walk walk;
    struct hash32 account_key;
    ASSERT(count > 0 && count <= LES_SLOTS_KEYS_MAX);
    struct object_fetch *fetch = join_or_new(objects, wait, CACHE_NODE, key, block);
    if (fetch == NULL)
        return;
    keccak256(&account_key, SPAN(address->bytes, 20));
    bool missing = trie_walk(&walk, &objects->nodes, &block->header.state_root,
                             SPAN(account_key.bytes, 32)) == TRIE_MISSING;
    fetch->slot_keys = mem_alloc(2 * count * sizeof *fetch->slot_keys);
    for (size_t i = 0; i < count; i++) {
        keccak256(&fetch->slot_keys[i], SPAN(slots[i].bytes, 32));
        fetch->slot_keys[count + i] = slots[i];
    }
    struct les_op *op = &fetch->op;
    op->kind = LES_ASK_SLOTS;
    op->needs_state = true;
    op->ask.slots.block_hash = block->hash;
    op->ask.slots.state_root = block->header.state_root;
    op->ask.slots.address = *address;
    op->ask.slots.from_level = missing ? walk.depth : 0;
    op->ask.slots.keys = fetch->slot_keys;
    op->ask.slots.slots = fetch->slot_keys + count;
    op->ask.slots.keys_count = count;
    op->ask.slots.known = &objects->nodes;
    les_start(objects->client, op);
}

enum object_result objects_code(struct objects *objects, struct object_wait *wait,
                                struct span *value, const struct block_header *block,
                                const struct address20 *address, const struct hash32 *code_hash)
{
    *value = SPAN_EMPTY;
    if (hash32_equal(code_hash, &EMPTY_CODE_HASH) || hash32_is_zero(code_hash))
        return OBJECT_ABSENT;
    if (cache_get(objects->cache, CACHE_CODE, code_hash, value))
        return OBJECT_HERE;
    struct object_fetch *fetch = join_or_new(objects, wait, CACHE_CODE, code_hash, block);
    if (fetch == NULL)
        return OBJECT_LATER;
    fetch->op.kind = LES_ASK_CODE;
    fetch->op.needs_state = true;
    fetch->op.ask.code.block_hash = block->hash;
    fetch->op.ask.code.address = *address;
    fetch->op.ask.code.code_hash = *code_hash;
    les_start(objects->client, &fetch->op);
    return OBJECT_LATER;
}

/* [[], []] and [[], [], []]: nothing to fetch where the header says that there is nothing. */
static bool empty_body(const struct header *header, struct span *value)
{
    static const uint8_t WITHOUT[] = {0xc2, 0xc0, 0xc0}, WITH[] = {0xc3, 0xc0, 0xc0, 0xc0};
    if (!hash32_equal(&header->transactions_root, &EMPTY_TRIE_ROOT) ||
        !hash32_equal(&header->uncles_hash, &EMPTY_UNCLES_HASH))
        return false;
    if (HEADER_HAS_WITHDRAWALS(header)) {
        *value = SPAN(WITH, sizeof WITH);
        return hash32_equal(&header->withdrawals_root, &EMPTY_TRIE_ROOT);
    }
    *value = SPAN(WITHOUT, sizeof WITHOUT);
    return true;
}

enum object_result objects_body(struct objects *objects, struct object_wait *wait,
                                struct span *value, struct block_header *block)
{
    if (empty_body(&block->header, value) ||
        cache_get(objects->cache, CACHE_BODY, &block->hash, value))
        return OBJECT_HERE;
    struct object_fetch *fetch = join_or_new(objects, wait, CACHE_BODY, &block->hash, block);
    if (fetch == NULL)
        return OBJECT_LATER;
    fetch->op.kind = LES_ASK_BODY;
    fetch->op.ask.body.block_hash = block->hash;
    fetch->op.ask.body.header = &block->header;
    les_start(objects->client, &fetch->op);
    return OBJECT_LATER;
}

enum object_result objects_receipts(struct objects *objects, struct object_wait *wait,
                                    struct span *value, struct block_header *block)
{
    *value = SPAN_EMPTY;
    if (hash32_equal(&block->header.receipts_root, &EMPTY_TRIE_ROOT) ||
        cache_get(objects->cache, CACHE_RECEIPTS, &block->hash, value))
        return OBJECT_HERE;
    struct object_fetch *fetch = join_or_new(objects, wait, CACHE_RECEIPTS, &block->hash, block);
    if (fetch == NULL)
        return OBJECT_LATER;
    fetch->op.kind = LES_ASK_RECEIPTS;
    fetch->op.ask.receipts.block_hash = block->hash;
    fetch->op.ask.receipts.receipts_root = block->header.receipts_root;
    les_start(objects->client, &fetch->op);
    return OBJECT_LATER;
}
