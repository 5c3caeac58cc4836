#include "les/eth/trie.h"

#include "les/eth/keccak.h"
#include "les/eth/rlp.h"
#include "les/eth/trie_node.h"

/* ---- walking ---- */

static bool path_matches(const struct trie_node *node, struct span key, unsigned at)
{
    if (node->path_count > key.size * 2 - at)
        return false;
    for (unsigned i = 0; i < node->path_count; i++) {
        if (trie_node_nibble(node, i) != trie_nibble(key.data, at + i))
            return false;
    }
    return true;
}

static enum trie_result found(struct trie_walk *walk, struct span value)
{
    walk->value = value;
    return value.size ? TRIE_FOUND : TRIE_ABSENT;
}

/* Keys are whole bytes, so a value at an odd nibble cannot be. */
static bool ends_between_bytes(const struct trie_node *node, unsigned at)
{
    return node->value.size != 0 && ((at + node->path_count) & 1) != 0;
}

/* Takes one step from the node at nibble *at. False: the walk goes on at *next; true: it ended with
 * *result. */
static bool ends_here(struct trie_walk *walk, const struct trie_node *node, struct span key,
                      unsigned *at, struct span *next, enum trie_result *result)
{
    *result = TRIE_ABSENT;
    if (ends_between_bytes(node, *at)) {
        *result = TRIE_INVALID;
        return true;
    }
    switch (node->kind) {
    case TRIE_NODE_LEAF:
        if (path_matches(node, key, *at) && *at + node->path_count == key.size * 2)
            *result = found(walk, node->value);
        return true;
    case TRIE_NODE_EXTENSION:
        if (!path_matches(node, key, *at))
            return true;
        *at += node->path_count;
        *next = node->children[0];
        return false;
    case TRIE_NODE_BRANCH:
        if (*at == key.size * 2) {
            *result = found(walk, node->value);
            return true;
        }
        *next = node->children[trie_nibble(key.data, *at)];
        *at += 1;
        return next->size == 0;
    }
    return true;
}

static bool take_node(struct trie_walk *walk, struct trie_source *source, const uint8_t hash32[32],
                      struct span *raw)
{
    memcpy(walk->missing.bytes, hash32, 32);
    if (!source->get(source, &walk->missing, raw))
        return false;
    walk->missing = HASH32_ZERO;
    walk->depth++;
    return true;
}

enum trie_result trie_node_walk(struct trie_walk *walk, struct trie_source *source,
                                const struct hash32 *hash, struct span key, unsigned at)
{
    *walk = (struct trie_walk){0};
    struct trie_node node;
    struct span next = SPAN(hash->bytes, 32);
    bool root = at == 0, after_extension = false;
    /* Each round but the last uses up at least one nibble of the key. */
    for (unsigned round = 0; round < TRIE_DEPTH_MAX; round++) {
        struct span raw = next;
        if (next.size == 32) {
            if (!take_node(walk, source, next.data, &raw))
                return TRIE_MISSING;
            if (raw.size < 32 && !root)
                return TRIE_INVALID; /* it should have been embedded */
        }
        if (!trie_node_parse(&node, raw))
            return TRIE_INVALID;
        if (after_extension && node.kind != TRIE_NODE_BRANCH)
            return TRIE_INVALID;
        enum trie_result result;
        if (ends_here(walk, &node, key, &at, &next, &result))
            return result;
        after_extension = node.kind == TRIE_NODE_EXTENSION;
        root = false;
    }
    return TRIE_INVALID;
}

enum trie_result trie_walk(struct trie_walk *walk, struct trie_source *source,
                           const struct hash32 *root, struct span key)
{
    ASSERT(key.size <= TRIE_KEY_SIZE_MAX);
    if (hash32_equal(root, &EMPTY_TRIE_ROOT)) {
        *walk = (struct trie_walk){0};
        return TRIE_ABSENT;
    }
    return trie_node_walk(walk, source, root, key, 0);
}

/* ---- the nodes of one reply ---- */

struct proof_node {
    struct hash32 hash;
    struct span raw;
    bool used;
};

struct trie_nodes {
    struct trie_source source;
    struct proof_node *nodes;
    size_t count;
    uint32_t *slots; /* index + 1; 0 is free; twice as many as nodes at least */
    size_t slots_mask;
};

static struct proof_node *find(const struct trie_nodes *set, const struct hash32 *hash,
                               size_t *slot)
{
    size_t at = (size_t)be_read(hash->bytes, 8) & set->slots_mask;
    for (; set->slots[at] != 0; at = (at + 1) & set->slots_mask) {
        struct proof_node *node = &set->nodes[set->slots[at] - 1];
        if (hash32_equal(&node->hash, hash))
            return node;
    }
    *slot = at;
    return NULL;
}

static bool on_get(struct trie_source *source, const struct hash32 *hash, struct span *node)
{
    struct trie_nodes *set = container_of(source, struct trie_nodes, source);
    size_t slot;
    struct proof_node *found_node = find(set, hash, &slot);
    if (!found_node)
        return false;
    found_node->used = true;
    *node = found_node->raw;
    return true;
}

static bool add_node(struct trie_nodes *set, struct span raw)
{
    struct proof_node *node = &set->nodes[set->count];
    *node = (struct proof_node){.raw = raw};
    keccak256(&node->hash, raw);
    size_t slot;
    if (find(set, &node->hash, &slot))
        return false;
    set->count++;
    set->slots[slot] = (uint32_t)set->count;
    return true;
}

struct trie_nodes *trie_nodes_new(struct span nodes, size_t nodes_max)
{
    struct rlp items = {.data = nodes.data, .size = nodes.size};
    size_t count = rlp_count(items);
    if ((count == 0 && nodes.size != 0) || count > nodes_max || count >= UINT32_MAX)
        return NULL;
    size_t slots_count = 4;
    while (slots_count < count * 2)
        slots_count *= 2;
    struct trie_nodes *set = mem_alloc(sizeof(*set));
    set->source.get = on_get;
    set->nodes = mem_alloc((count + 1) * sizeof(*set->nodes));
    set->slots = mem_alloc(slots_count * sizeof(*set->slots));
    set->slots_mask = slots_count - 1;
    bool good = true;
    while (good && rlp_more(&items)) {
        good = rlp_peek(&items) == RLP_LIST;
        struct span raw = rlp_raw(&items);
        good = good && raw.size <= TRIE_NODE_SIZE_MAX && add_node(set, raw);
    }
    if (!good || !rlp_end(&items)) {
        trie_nodes_free(set);
        return NULL;
    }
    return set;
}

struct trie_source *trie_nodes_source(struct trie_nodes *set)
{
    return &set->source;
}

size_t trie_nodes_count(const struct trie_nodes *set)
{
    return set->count;
}

void trie_nodes_at(const struct trie_nodes *set, size_t index, struct hash32 *hash,
                   struct span *node, bool *used)
{
    ASSERT(index < set->count);
    *hash = set->nodes[index].hash;
    *node = set->nodes[index].raw;
    *used = set->nodes[index].used;
}

bool trie_nodes_all_used(const struct trie_nodes *set)
{
    for (size_t i = 0; i < set->count; i++) {
        if (!set->nodes[i].used)
            return false;
    }
    return true;
}

void trie_nodes_free(struct trie_nodes *set)
{
    if (!set)
        return;
    mem_free(set->nodes);
    mem_free(set->slots);
    mem_free(set);
}
