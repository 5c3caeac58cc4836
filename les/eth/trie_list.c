/* The root of a list (transactions, receipts, withdrawals), bottom up from the sorted keys, without
 * a stored trie. */
#include "les/eth/keccak.h"
#include "les/eth/trie.h"
#include "les/eth/trie_node.h"

struct list {
    const struct span *items;
    size_t count;
    struct buf scratch;
};

struct list_key {
    uint8_t bytes[8];
    unsigned nibbles;
};

/* In the order of the keys rlp(index), 1 .. 127 come first, then 0 (0x80), then 128 and up. */
static size_t index_at(const struct list *list, size_t position)
{
    size_t zero_at = list->count < 128 ? list->count - 1 : 127;
    if (position < zero_at)
        return position + 1;
    return position == zero_at ? 0 : position;
}

static struct list_key key_at(const struct list *list, size_t position)
{
    size_t index = index_at(list, position);
    struct list_key key = {.nibbles = 2};
    if (index == 0) {
        key.bytes[0] = 0x80;
    } else if (index < 128) {
        key.bytes[0] = (uint8_t)index;
    } else {
        unsigned size = index < 1u << 8 ? 1 : index < 1u << 16 ? 2 : index < 1u << 24 ? 3 : 4;
        key.bytes[0] = (uint8_t)(0x80 + size);
        be_write(key.bytes + 1, size, index);
        key.nibbles += size * 2;
    }
    return key;
}

/* Leaves the node over the positions first .. end - 1, whose keys agree before nibble `at`, at the
 * end of scratch. */
static void add_node(struct list *list, size_t first, size_t end, unsigned at)
{
    struct list_key key = key_at(list, first);
    if (end - first == 1) {
        trie_node_add_leaf(&list->scratch, key.bytes, at, key.nibbles,
                           list->items[index_at(list, first)]);
        return;
    }
    struct list_key last = key_at(list, end - 1);
    /* RLP strings are never prefixes of one another: the keys differ before either ends, and no
     * branch has a value. */
    unsigned fork = trie_nibble_difference(key.bytes, last.bytes, at, key.nibbles);
    struct trie_ref children[16] = {{0}};
    size_t mark = list->scratch.size;
    while (first < end) {
        struct list_key group = key_at(list, first);
        unsigned nibble = trie_nibble(group.bytes, fork);
        size_t next = first + 1;
        for (; next < end; next++) {
            struct list_key other = key_at(list, next);
            if (trie_nibble(other.bytes, fork) != nibble)
                break;
        }
        add_node(list, first, next, fork + 1);
        trie_ref_node(&children[nibble],
                      SPAN(list->scratch.data + mark, list->scratch.size - mark));
        list->scratch.size = mark;
        first = next;
    }
    trie_node_add_branch(&list->scratch, children, SPAN_EMPTY);
    if (fork > at) {
        struct trie_ref branch;
        trie_ref_node(&branch, SPAN(list->scratch.data + mark, list->scratch.size - mark));
        list->scratch.size = mark;
        trie_node_add_extension(&list->scratch, key.bytes, at, fork, &branch);
    }
}

void trie_list_root(struct hash32 *root, const struct span *items, size_t count)
{
    ASSERT(count <= UINT32_MAX);
    if (count == 0) {
        *root = EMPTY_TRIE_ROOT;
        return;
    }
    struct list list = {.items = items, .count = count};
    add_node(&list, 0, count, 0);
    keccak256(root, buf_span(&list.scratch));
    buf_free(&list.scratch);
}
