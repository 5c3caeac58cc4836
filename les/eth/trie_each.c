/* Reading a stored trie: proofs for others, and every value in order. */
#include "les/eth/trie_build.h"
#include "les/eth/trie_node.h"

/* ---- proofs ---- */

/* Passes nodes on from a store and remembers them. */
struct recorder {
    struct trie_source source;
    struct node_store *store;
    unsigned count;
    struct hash32 hashes[TRIE_DEPTH_MAX];
    struct span nodes[TRIE_DEPTH_MAX];
};

static bool on_get(struct trie_source *source, const struct hash32 *hash, struct span *node)
{
    struct recorder *recorder = container_of(source, struct recorder, source);
    if (recorder->count == TRIE_DEPTH_MAX || !node_store_get(recorder->store, hash, node))
        return false;
    recorder->hashes[recorder->count] = *hash;
    recorder->nodes[recorder->count++] = *node;
    return true;
}

enum status trie_prove(struct node_store *store, const struct hash32 *root, struct span key,
                       unsigned from_level, bool (*seen)(void *owner, const struct hash32 *hash),
                       void *owner, struct buf *out)
{
    struct recorder recorder;
    recorder.source.get = on_get;
    recorder.store = store;
    recorder.count = 0;
    struct trie_walk walk;
    switch (trie_walk(&walk, &recorder.source, root, key)) {
    case TRIE_FOUND:
    case TRIE_ABSENT:
        break;
    case TRIE_MISSING:
        return STATUS_NOT_FOUND;
    case TRIE_INVALID:
        return STATUS_INVALID;
    }
    for (unsigned i = from_level; i < recorder.count; i++) {
        if (!seen || !seen(owner, &recorder.hashes[i]))
            buf_add_span(out, recorder.nodes[i]);
    }
    return STATUS_OK;
}

/* ---- every value ---- */

struct frame {
    struct trie_node node;
    unsigned at;   /* nibbles of the key above the node */
    unsigned next; /* the child to visit next */
};

struct tour {
    struct node_store *store;
    bool (*visit)(void *owner, struct span key, struct span value);
    void *owner;
    uint8_t key[TRIE_KEY_SIZE_MAX];
    struct frame frames[TRIE_DEPTH_MAX];
    unsigned depth;
    bool stopped;
};

static enum status show(struct tour *tour, unsigned nibbles, struct span value)
{
    if (nibbles & 1)
        return STATUS_INVALID;
    tour->stopped = !tour->visit(tour->owner, SPAN(tour->key, nibbles / 2), value);
    return STATUS_OK;
}

/* Opens the node that ref (a hash, or an embedded node) names. */
static enum status enter(struct tour *tour, struct span ref, unsigned at)
{
    struct span raw = ref;
    if (ref.size == 32) {
        struct hash32 hash;
        memcpy(hash.bytes, ref.data, 32);
        if (!node_store_get(tour->store, &hash, &raw))
            return STATUS_NOT_FOUND;
    }
    if (tour->depth == TRIE_DEPTH_MAX)
        return STATUS_INVALID;
    struct frame *frame = &tour->frames[tour->depth];
    struct trie_node *node = &frame->node;
    if (!trie_node_parse(node, raw) || node->path_count > TRIE_NIBBLES_MAX - at)
        return STATUS_INVALID;
    for (unsigned i = 0; i < node->path_count; i++)
        trie_nibble_set(tour->key, at + i, trie_node_nibble(node, i));
    at += node->path_count;
    if (node->kind == TRIE_NODE_LEAF)
        return show(tour, at, node->value);
    frame->at = at;
    frame->next = 0;
    tour->depth++;
    return node->value.size ? show(tour, at, node->value) : STATUS_OK;
}

/* Opens the next child of the innermost node, or leaves it. */
static enum status advance(struct tour *tour)
{
    struct frame *frame = &tour->frames[tour->depth - 1];
    if (frame->node.kind == TRIE_NODE_EXTENSION) {
        if (frame->next++ == 0)
            return enter(tour, frame->node.children[0], frame->at);
        tour->depth--;
        return STATUS_OK;
    }
    while (frame->next < 16 && frame->node.children[frame->next].size == 0)
        frame->next++;
    if (frame->next == 16) {
        tour->depth--;
        return STATUS_OK;
    }
    if (frame->at == TRIE_NIBBLES_MAX)
        return STATUS_INVALID;
    unsigned nibble = frame->next++;
    trie_nibble_set(tour->key, frame->at, nibble);
    return enter(tour, frame->node.children[nibble], frame->at + 1);
}

enum status trie_each(struct node_store *store, const struct hash32 *root,
                      bool (*visit)(void *owner, struct span key, struct span value), void *owner)
{
    if (hash32_equal(root, &EMPTY_TRIE_ROOT))
        return STATUS_OK;
    struct tour tour;
    tour.store = store;
    tour.visit = visit;
    tour.owner = owner;
    tour.depth = 0;
    tour.stopped = false;
    memset(tour.key, 0, sizeof(tour.key));
    enum status status = enter(&tour, SPAN(root->bytes, 32), 0);
    while (status == STATUS_OK && tour.depth > 0 && !tour.stopped)
        status = advance(&tour);
    return status;
}
