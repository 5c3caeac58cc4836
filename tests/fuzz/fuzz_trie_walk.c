/* One byte for the size of the key, the key, then the nodes of a proof; the first of them is the
 * root. Where a node says "LINK" and a byte n in place of a hash, the hash of node n is put there,
 * so that the fuzzer can join nodes. The walk must agree with the editing side over the same nodes,
 * and putting and deleting an absent key must lead back to the root. */
#include "les/eth/keccak.h"
#include "les/eth/rlp.h"
#include "les/eth/trie_build.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NODES_MAX 256

/* From the last node to the first: a link leads to a later one, whose bytes are final by then. */
static void join(uint8_t *bytes, size_t size)
{
    struct span nodes[NODES_MAX];
    size_t count = 0;
    struct rlp items = rlp_reader(SPAN(bytes, size));
    while (rlp_more(&items) && count < NODES_MAX)
        nodes[count++] = rlp_raw(&items);
    if (!rlp_end(&items))
        return;
    for (size_t i = count; i-- > 0;) {
        size_t start = (size_t)(nodes[i].data - bytes), end = start + nodes[i].size;
        for (size_t at = start; at + 33 <= end; at++) {
            size_t to = bytes[at + 5];
            if (memcmp(bytes + at, "\xa0LINK", 5) != 0 || to <= i || to >= count)
                continue;
            struct hash32 hash;
            keccak256(&hash, nodes[to]);
            memcpy(bytes + at + 1, hash.bytes, 32);
        }
    }
}

static bool on_pair(void *owner, struct span key, struct span value)
{
    size_t *left = owner;
    ASSERT(key.size <= TRIE_KEY_SIZE_MAX && value.size != 0);
    return --*left > 0;
}

static struct node_store *store_of(const struct trie_nodes *set, struct hash32 *root)
{
    struct node_store *store = node_store_new();
    for (size_t i = trie_nodes_count(set); i-- > 0;) {
        struct span node;
        bool used;
        trie_nodes_at(set, i, root, &node, &used);
        node_store_put(store, root, node);
    }
    return store;
}

static void check_get(struct trie *trie, struct span key, enum trie_result result,
                      struct span expected)
{
    struct span value;
    enum status status = trie_get(trie, key, &value);
    ASSERT((status == STATUS_OK) == (result == TRIE_FOUND));
    ASSERT((status == STATUS_NOT_FOUND) == (result == TRIE_ABSENT));
    ASSERT((status == STATUS_UNAVAILABLE) == (result == TRIE_MISSING));
    ASSERT((status == STATUS_INVALID) == (result == TRIE_INVALID));
    ASSERT(span_equal(value, expected));
}

static void check_edits(struct trie *trie, const struct hash32 *root, struct span key,
                        enum trie_result result)
{
    struct span put = SPAN_STR("a value"), value;
    struct hash32 after;
    if (trie_put(trie, key, put) != STATUS_OK)
        return;
    ASSERT(result == TRIE_FOUND || result == TRIE_ABSENT);
    ASSERT(trie_get(trie, key, &value) == STATUS_OK && span_equal(value, put));
    trie_commit(trie, &after);
    ASSERT(trie_get(trie, key, &value) == STATUS_OK && span_equal(value, put));
    if (trie_delete(trie, key) != STATUS_OK)
        return;
    trie_commit(trie, &after);
    ASSERT(trie_get(trie, key, &value) == STATUS_NOT_FOUND);
    if (result == TRIE_ABSENT)
        ASSERT(hash32_equal(&after, root));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t key_size = size > 0 ? data[0] % (TRIE_KEY_SIZE_MAX + 1u) : 0;
    if (size < 1 + key_size)
        return 0;
    struct span key = SPAN(data + 1, key_size);
    size_t nodes_size = size - 1 - key_size;
    uint8_t *nodes = mem_copy(SPAN(data + 1 + key_size, nodes_size));
    join(nodes, nodes_size);
    struct trie_nodes *set = trie_nodes_new(SPAN(nodes, nodes_size), NODES_MAX);
    if (set && trie_nodes_count(set) > 0) {
        struct hash32 root;
        struct node_store *store = store_of(set, &root);
        struct trie *trie = trie_new(store, &root);
        struct trie_walk walk;
        struct buf proof = {0};
        size_t left = 1000;
        enum trie_result result = trie_walk(&walk, trie_nodes_source(set), &root, key);
        ASSERT(walk.depth <= TRIE_DEPTH_MAX && (result == TRIE_FOUND) == (walk.value.size != 0));
        check_get(trie, key, result, walk.value);
        enum status proved = trie_prove(store, &root, key, 0, NULL, NULL, &proof);
        ASSERT((proved == STATUS_OK) == (result == TRIE_FOUND || result == TRIE_ABSENT));
        enum status listed = trie_each(store, &root, on_pair, &left);
        ASSERT(listed == STATUS_OK || listed == STATUS_NOT_FOUND || listed == STATUS_INVALID);
        check_edits(trie, &root, key, result);
        buf_free(&proof);
        trie_free(trie);
        node_store_free(store);
    }
    trie_nodes_free(set);
    mem_free(nodes);
    return 0;
}
