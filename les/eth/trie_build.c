#include "les/eth/trie_build.h"

#include "les/base/limits.h"
#include "les/eth/keccak.h"
#include "les/eth/trie_node.h"

/* In memory the trie has leaves and branches only: an extension is the distance between the place
 * where a branch hangs and the nibble at which it forks. Each item holds a whole key that leads to
 * it, so splitting and merging paths moves nothing.
 *
 * Items live in an arena that is released by commit: then the trie is its root's hash again. What
 * was read from the store is pointed at, not copied, since node_store never moves a byte. */
struct item {
    const uint8_t *hash; /* of the node as it is in the store, where it hangs now; NULL: changed, or
                            embedded */
    bool is_branch;
    uint8_t nibbles; /* leaf: of its key; branch: those all keys below share, then it forks */
    uint8_t key[TRIE_KEY_SIZE_MAX];
};

struct leaf {
    struct item item;
    const uint8_t *value;
    uint8_t *room; /* memory of its own for a value, in the arena */
    uint32_t size;
    uint32_t capacity;
};

#define SLOT_VALUE 16u /* the leaf whose key ends where the branch forks */
#define SLOTS      17u

struct branch {
    struct item item;
    uint32_t stored; /* a bit for each child that is still a hash */
    union {
        struct item *item;
        const uint8_t *hash;
    } children[SLOTS];
};

struct chunk {
    struct chunk *next;
    size_t size, used;
    _Alignas(16) uint8_t bytes[];
};

struct trie {
    struct node_store *store;
    struct chunk *chunks; /* the newest first */
    struct branch top;    /* its child 0 is the root */
    struct hash32 root;   /* at the last commit */
    struct trie_gap gap;  /* the node that was missing last */
    struct buf scratch;
};

#define CHUNK_START KIB(4)
#define CHUNK_MAX   MIB(1)

/* ---- memory ---- */

static void *take_memory(struct trie *trie, size_t size)
{
    size = (size + 15) & ~(size_t)15;
    struct chunk *chunk = trie->chunks;
    if (!chunk || size > chunk->size - chunk->used) {
        size_t chunk_size = chunk ? chunk->size * 2 : CHUNK_START;
        if (chunk_size > CHUNK_MAX)
            chunk_size = CHUNK_MAX;
        if (chunk_size < size)
            chunk_size = size;
        chunk = mem_alloc(sizeof(*chunk) + chunk_size);
        *chunk = (struct chunk){.next = trie->chunks, .size = chunk_size};
        trie->chunks = chunk;
    }
    void *memory = chunk->bytes + chunk->used;
    chunk->used += size;
    return memory;
}

static void release_memory(struct trie *trie)
{
    while (trie->chunks) {
        struct chunk *next = trie->chunks->next;
        mem_free(trie->chunks);
        trie->chunks = next;
    }
}

static struct branch *as_branch(struct item *item)
{
    return container_of(item, struct branch, item);
}

static struct leaf *as_leaf(struct item *item)
{
    return container_of(item, struct leaf, item);
}

static void set_child(struct branch *branch, unsigned slot, struct item *item)
{
    branch->stored &= ~(1u << slot);
    branch->children[slot].item = item;
}

static void set_stored(struct branch *branch, unsigned slot, const uint8_t *hash)
{
    branch->stored |= 1u << slot;
    branch->children[slot].hash = hash;
}

static bool is_stored(const struct branch *branch, unsigned slot)
{
    return branch->stored >> slot & 1;
}

static struct leaf *new_leaf(struct trie *trie, const uint8_t *key, unsigned nibbles)
{
    struct leaf *leaf = take_memory(trie, sizeof(*leaf));
    *leaf = (struct leaf){.item = {.nibbles = (uint8_t)nibbles}};
    memcpy(leaf->item.key, key, (nibbles + 1) / 2);
    return leaf;
}

static struct branch *new_branch(struct trie *trie, const uint8_t *key, unsigned nibbles)
{
    struct branch *branch = take_memory(trie, sizeof(*branch));
    *branch = (struct branch){.item = {.nibbles = (uint8_t)nibbles, .is_branch = true}};
    memcpy(branch->item.key, key, (nibbles + 1) / 2);
    return branch;
}

static void set_value(struct trie *trie, struct leaf *leaf, struct span value)
{
    if (!leaf->room || value.size > leaf->capacity) {
        leaf->capacity = (uint32_t)((value.size + 15) & ~(size_t)15);
        leaf->room = take_memory(trie, leaf->capacity);
    }
    memmove(leaf->room, value.data, value.size);
    leaf->value = leaf->room;
    leaf->size = (uint32_t)value.size;
}

/* ---- reading from the store ---- */

/* A key under construction while a raw node is read: its first `nibbles` nibbles are known. */
struct prefix {
    uint8_t key[TRIE_KEY_SIZE_MAX];
    unsigned nibbles;
};

static bool extend(struct prefix *prefix, const struct trie_node *node)
{
    if (node->path_count > TRIE_NIBBLES_MAX - prefix->nibbles)
        return false;
    for (unsigned i = 0; i < node->path_count; i++)
        trie_nibble_set(prefix->key, prefix->nibbles++, trie_node_nibble(node, i));
    return true;
}

static struct item *read_item(struct trie *trie, struct span raw, struct prefix prefix);

static struct item *read_branch(struct trie *trie, const struct trie_node *node,
                                const struct prefix *prefix)
{
    if (prefix->nibbles >= TRIE_NIBBLES_MAX || (node->value.size && (prefix->nibbles & 1)))
        return NULL;
    struct branch *branch = new_branch(trie, prefix->key, prefix->nibbles);
    for (unsigned i = 0; i < 16; i++) {
        struct span child = node->children[i];
        if (child.size == 32) {
            set_stored(branch, i, child.data);
        } else if (child.size != 0) {
            struct prefix below = *prefix;
            trie_nibble_set(below.key, below.nibbles++, i);
            struct item *item = read_item(trie, child, below);
            if (!item)
                return NULL;
            set_child(branch, i, item);
        }
    }
    if (node->value.size) {
        struct leaf *leaf = new_leaf(trie, prefix->key, prefix->nibbles);
        leaf->value = node->value.data;
        leaf->size = (uint32_t)node->value.size;
        set_child(branch, SLOT_VALUE, &leaf->item);
    }
    return &branch->item;
}

/* Reads a raw node and what is embedded in it; its bytes must stay. Recursion ends because embedded
 * nodes shrink. NULL: malformed; a missing node below an extension is reported by read_stored,
 * which looks first. */
static struct item *read_item(struct trie *trie, struct span raw, struct prefix prefix)
{
    struct trie_node node;
    if (!trie_node_parse(&node, raw))
        return NULL;
    if (node.kind == TRIE_NODE_BRANCH)
        return read_branch(trie, &node, &prefix);
    if (!extend(&prefix, &node))
        return NULL;
    if (node.kind == TRIE_NODE_LEAF) {
        if (prefix.nibbles & 1)
            return NULL;
        struct leaf *leaf = new_leaf(trie, prefix.key, prefix.nibbles);
        leaf->value = node.value.data;
        leaf->size = (uint32_t)node.value.size;
        return &leaf->item;
    }
    struct span child = node.children[0];
    if (child.size == 32) {
        struct hash32 hash;
        memcpy(hash.bytes, child.data, 32);
        if (!node_store_get(trie->store, &hash, &child) || child.size < 32)
            return NULL;
    }
    struct trie_node below;
    if (!trie_node_parse(&below, child) || below.kind != TRIE_NODE_BRANCH)
        return NULL;
    return read_branch(trie, &below, &prefix);
}

static enum status miss(struct trie *trie, const struct hash32 *hash, const struct prefix *prefix)
{
    trie->gap = (struct trie_gap){.hash = *hash, .nibbles = prefix->nibbles};
    memcpy(trie->gap.path, prefix->key, (prefix->nibbles + 1) / 2);
    if (prefix->nibbles & 1)
        trie->gap.path[prefix->nibbles / 2] &= 0xf0;
    return STATUS_NOT_FOUND;
}

/* Why a stored node could not be read. */
static enum status blame(struct trie *trie, struct span raw, struct prefix prefix)
{
    struct trie_node node;
    if (!trie_node_parse(&node, raw) || node.kind != TRIE_NODE_EXTENSION ||
        node.children[0].size != 32 || !extend(&prefix, &node))
        return STATUS_INVALID;
    struct hash32 hash;
    struct span below;
    memcpy(hash.bytes, node.children[0].data, 32);
    return node_store_get(trie->store, &hash, &below) ? STATUS_INVALID : miss(trie, &hash, &prefix);
}

/* Makes sure that a child is an item or NULL, not a hash. Child 0 of the top hangs at nibble 0. */
static enum status load(struct trie *trie, struct branch *branch, unsigned slot)
{
    if (!is_stored(branch, slot))
        return STATUS_OK;
    const uint8_t *stored = branch->children[slot].hash;
    struct hash32 hash;
    struct span raw;
    struct prefix prefix = {.nibbles = 0};
    if (branch != &trie->top) {
        memcpy(prefix.key, branch->item.key, sizeof(prefix.key));
        prefix.nibbles = branch->item.nibbles;
        trie_nibble_set(prefix.key, prefix.nibbles++, slot);
    }
    memcpy(hash.bytes, stored, 32);
    if (!node_store_get(trie->store, &hash, &raw))
        return miss(trie, &hash, &prefix);
    if (branch != &trie->top && raw.size < 32)
        return STATUS_INVALID;
    struct item *item = read_item(trie, raw, prefix);
    if (!item)
        return blame(trie, raw, prefix);
    item->hash = stored;
    set_child(branch, slot, item);
    return STATUS_OK;
}

/* ---- finding ---- */

/* Where a descent ended: the branches passed, the top first, and the slot of the last one that key
 * leads to. */
struct route {
    struct branch *branches[TRIE_DEPTH_MAX + 1];
    unsigned count;
    unsigned slot;
    unsigned same; /* nibbles that the item in the slot, if any, shares with the key */
};

static unsigned slot_of(const uint8_t *key, unsigned nibbles, unsigned at)
{
    return at == nibbles ? SLOT_VALUE : trie_nibble(key, at);
}

static bool holds_key(const struct item *item, const struct route *route, unsigned nibbles)
{
    return item && !item->is_branch && item->nibbles == nibbles && route->same == nibbles;
}

static struct item *child_of(const struct route *route)
{
    return route->branches[route->count - 1]->children[route->slot].item;
}

static enum status descend(struct trie *trie, struct route *route, struct span key)
{
    unsigned nibbles = (unsigned)key.size * 2, at = 0;
    route->branches[0] = &trie->top;
    route->count = 1;
    route->slot = 0;
    route->same = 0;
    for (;;) {
        enum status status = load(trie, route->branches[route->count - 1], route->slot);
        struct item *item = child_of(route);
        if (status != STATUS_OK || !item)
            return status;
        unsigned limit = item->nibbles < nibbles ? item->nibbles : nibbles;
        route->same = at >= limit ? limit : trie_nibble_difference(item->key, key.data, at, limit);
        if (!item->is_branch || route->same < item->nibbles)
            return STATUS_OK;
        ASSERT(route->count < ARRAY_COUNT(route->branches));
        route->branches[route->count++] = as_branch(item);
        route->slot = slot_of(key.data, nibbles, item->nibbles);
        at = item->nibbles + 1u;
    }
}

static void mark_changed(struct route *route)
{
    for (unsigned i = 0; i < route->count; i++)
        route->branches[i]->item.hash = NULL;
}

/* ---- the public side ---- */

struct trie *trie_new(struct node_store *store, const struct hash32 *root)
{
    struct trie *trie = mem_alloc(sizeof(*trie));
    trie->store = store;
    trie->root = *root;
    trie->top.item.is_branch = true;
    if (!hash32_equal(root, &EMPTY_TRIE_ROOT))
        set_stored(&trie->top, 0, trie->root.bytes);
    return trie;
}

void trie_free(struct trie *trie)
{
    if (!trie)
        return;
    release_memory(trie);
    buf_free(&trie->scratch);
    mem_free(trie);
}

/* What was edited is followed in memory; below the first unread node the walk reads the store and
 * keeps nothing. */
enum status trie_get(struct trie *trie, struct span key, struct span *value)
{
    ASSERT(key.size <= TRIE_KEY_SIZE_MAX);
    *value = SPAN_EMPTY;
    const struct branch *branch = &trie->top;
    unsigned nibbles = (unsigned)key.size * 2, slot = 0, at = 0;
    while (!is_stored(branch, slot)) {
        struct item *item = branch->children[slot].item;
        if (!item || item->nibbles > nibbles ||
            (at < item->nibbles &&
             trie_nibble_difference(item->key, key.data, at, item->nibbles) < item->nibbles))
            return STATUS_NOT_FOUND;
        if (!item->is_branch) {
            if (item->nibbles != nibbles)
                return STATUS_NOT_FOUND;
            *value = SPAN(as_leaf(item)->value, as_leaf(item)->size);
            return STATUS_OK;
        }
        branch = as_branch(item);
        slot = slot_of(key.data, nibbles, item->nibbles);
        at = item->nibbles + 1u;
    }
    struct hash32 hash;
    struct trie_walk walk;
    memcpy(hash.bytes, branch->children[slot].hash, 32);
    enum trie_result result = trie_node_walk(&walk, node_store_source(trie->store), &hash, key, at);
    *value = walk.value;
    switch (result) {
    case TRIE_FOUND:
        return STATUS_OK;
    case TRIE_ABSENT:
        return STATUS_NOT_FOUND;
    case TRIE_MISSING:
        return STATUS_UNAVAILABLE;
    case TRIE_INVALID:
        break;
    }
    return STATUS_INVALID;
}

enum status trie_put(struct trie *trie, struct span key, struct span value)
{
    ASSERT(key.size <= TRIE_KEY_SIZE_MAX && value.size < UINT32_MAX - 16);
    if (value.size == 0)
        return trie_delete(trie, key);
    struct route route;
    enum status status = descend(trie, &route, key);
    if (status != STATUS_OK)
        return status;
    unsigned nibbles = (unsigned)key.size * 2;
    struct item *item = child_of(&route);
    struct leaf *leaf;
    if (holds_key(item, &route, nibbles)) {
        leaf = as_leaf(item);
        if (span_equal(SPAN(leaf->value, leaf->size), value))
            return STATUS_OK;
        leaf->item.hash = NULL;
    } else {
        struct branch *parent = route.branches[route.count - 1];
        leaf = new_leaf(trie, key.data, nibbles);
        if (item) {
            struct branch *fork = new_branch(trie, key.data, route.same);
            set_child(fork, slot_of(item->key, item->nibbles, route.same), item);
            set_child(fork, slot_of(key.data, nibbles, route.same), &leaf->item);
            set_child(parent, route.slot, &fork->item);
            item->hash = NULL; /* it hangs deeper now */
        } else {
            set_child(parent, route.slot, &leaf->item);
        }
    }
    set_value(trie, leaf, value);
    mark_changed(&route);
    return STATUS_OK;
}

enum status trie_delete(struct trie *trie, struct span key)
{
    ASSERT(key.size <= TRIE_KEY_SIZE_MAX);
    struct route route;
    enum status status = descend(trie, &route, key);
    if (status != STATUS_OK || !holds_key(child_of(&route), &route, (unsigned)key.size * 2))
        return status;
    struct branch *branch = route.branches[route.count - 1];
    unsigned others = 0, other = 0;
    for (unsigned i = 0; i < SLOTS; i++) {
        if (i != route.slot && (is_stored(branch, i) || branch->children[i].item)) {
            others++;
            other = i;
        }
    }
    if (branch != &trie->top && others == 1) {
        /* The branch dissolves and its last child hangs in its place. */
        status = load(trie, branch, other);
        if (status != STATUS_OK)
            return status;
        struct item *last = branch->children[other].item;
        struct branch *parent = route.branches[route.count - 2];
        unsigned slot = 0;
        if (parent != &trie->top)
            slot = slot_of(key.data, (unsigned)key.size * 2, parent->item.nibbles);
        set_child(parent, slot, last);
        last->hash = NULL;
    } else {
        set_child(branch, route.slot, NULL);
    }
    mark_changed(&route);
    return STATUS_OK;
}

const struct trie_gap *trie_missing(const struct trie *trie)
{
    return &trie->gap;
}

/* ---- commit ---- */

/* Takes the node at the end of scratch from mark on off it, stores it, and leaves its reference. */
static void seal(struct trie *trie, size_t mark, struct trie_ref *ref)
{
    struct span raw = SPAN(trie->scratch.data + mark, trie->scratch.size - mark);
    if (trie_ref_node(ref, raw)) {
        struct hash32 hash;
        memcpy(hash.bytes, ref->bytes + 1, 32);
        node_store_put(trie->store, &hash, raw);
    }
    trie->scratch.size = mark;
}

/* Appends the node of item, which hangs at nibble `at`, to scratch; what is changed below it is
 * stored on the way. Recursion: each level is at least one nibble deeper. */
static void render(struct trie *trie, struct item *item, unsigned at)
{
    if (!item->is_branch) {
        struct leaf *leaf = as_leaf(item);
        trie_node_add_leaf(&trie->scratch, item->key, at, item->nibbles,
                           SPAN(leaf->value, leaf->size));
        return;
    }
    struct branch *branch = as_branch(item);
    struct trie_ref children[16];
    size_t mark = trie->scratch.size;
    for (unsigned i = 0; i < 16; i++) {
        struct item *child = is_stored(branch, i) ? NULL : branch->children[i].item;
        children[i].size = 0;
        if (is_stored(branch, i)) {
            trie_ref_hash(&children[i], branch->children[i].hash);
        } else if (child && child->hash) {
            trie_ref_hash(&children[i], child->hash);
        } else if (child) {
            render(trie, child, item->nibbles + 1u);
            seal(trie, mark, &children[i]);
        }
    }
    struct span value = SPAN_EMPTY;
    if (branch->children[SLOT_VALUE].item) {
        struct leaf *leaf = as_leaf(branch->children[SLOT_VALUE].item);
        value = SPAN(leaf->value, leaf->size);
    }
    trie_node_add_branch(&trie->scratch, children, value);
    if (item->nibbles > at) {
        struct trie_ref below;
        seal(trie, mark, &below);
        trie_node_add_extension(&trie->scratch, item->key, at, item->nibbles, &below);
    }
}

void trie_commit(struct trie *trie, struct hash32 *root)
{
    struct item *item = is_stored(&trie->top, 0) ? NULL : trie->top.children[0].item;
    if (item && !item->hash) {
        trie->scratch.size = 0;
        render(trie, item, 0);
        keccak256(&trie->root, buf_span(&trie->scratch));
        node_store_put(trie->store, &trie->root, buf_span(&trie->scratch));
    } else if (!item && !is_stored(&trie->top, 0)) {
        trie->root = EMPTY_TRIE_ROOT;
    }
    if (hash32_equal(&trie->root, &EMPTY_TRIE_ROOT))
        set_child(&trie->top, 0, NULL);
    else
        set_stored(&trie->top, 0, trie->root.bytes);
    release_memory(trie);
    *root = trie->root;
}
