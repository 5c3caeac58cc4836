/* Single nodes, well formed and not. The whole machinery is in tests/prop and tests/vectors. */
#include "les/eth/keccak.h"
#include "les/eth/rlp.h"
#include "les/eth/trie.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>
#include <stdlib.h>

TestSuite(trie, .fini = fixture_leak_gate);

/* The RLP of the words of a text: hex, `A` and `B` for the RLP of two hashes, `-n` for n empty
 * strings. */
static void add_words(struct buf *out, const char *text)
{
    while (*text != 0) {
        size_t size = strcspn(text, " ");
        if (*text == 'A' || *text == 'B') {
            struct hash32 hash;
            memset(hash.bytes, *text, 32);
            rlp_add_hash(out, &hash);
        } else if (*text == '-') {
            for (unsigned long left = strtoul(text + 1, NULL, 10); left > 0; left--)
                buf_add_u8(out, 0x80);
        } else {
            cr_assert(hex_decode(out, text, size), "%s", text);
        }
        text += size;
        text += strspn(text, " ");
    }
}

/* A source of one node under one hash. */
struct lone {
    struct trie_source source;
    struct hash32 hash;
    struct span node;
};

static bool on_get(struct trie_source *source, const struct hash32 *hash, struct span *node)
{
    struct lone *lone = container_of(source, struct lone, source);
    *node = lone->node;
    return hash32_equal(hash, &lone->hash);
}

static enum trie_result walk_raw(struct span node, const char *key_hex)
{
    struct lone lone = {.source.get = on_get, .node = node};
    struct buf key = fixture_hex(key_hex);
    struct trie_walk walk;
    keccak256(&lone.hash, node);
    enum trie_result result = trie_walk(&walk, &lone.source, &lone.hash, buf_span(&key));
    cr_assert_eq(walk.depth, 1);
    cr_assert_eq(result == TRIE_FOUND, walk.value.size != 0);
    cr_assert_eq(result == TRIE_MISSING, !hash32_is_zero(&walk.missing));
    buf_free(&key);
    return result;
}

/* What the walk makes of a root node with these items. */
static enum trie_result walk_one(const char *items, const char *key_hex)
{
    struct buf payload = {0}, node = {0};
    add_words(&payload, items);
    rlp_add_list_header(&node, payload.size);
    buf_add_span(&node, buf_span(&payload));
    enum trie_result result = walk_raw(buf_span(&node), key_hex);
    buf_free(&payload);
    buf_free(&node);
    return result;
}

Test(trie, empty_root_has_nothing_and_needs_no_node)
{
    struct lone lone = {.source.get = on_get};
    struct trie_walk walk;
    enum trie_result result = trie_walk(&walk, &lone.source, &EMPTY_TRIE_ROOT, SPAN_STR("key"));
    cr_assert_eq(result, TRIE_ABSENT);
    cr_assert_eq(walk.depth, 0);
}

Test(trie, missing_root_is_named)
{
    struct lone lone = {.source.get = on_get};
    struct hash32 root;
    struct trie_walk walk;
    memset(root.bytes, 7, 32);
    cr_assert_eq(trie_walk(&walk, &lone.source, &root, SPAN_STR("key")), TRIE_MISSING);
    cr_assert(hash32_equal(&walk.missing, &root));
    cr_assert_eq(walk.depth, 0);
}

Test(trie, leaf_is_found_by_its_whole_path_only)
{
    cr_assert_eq(walk_one("83201234 05", "1234"), TRIE_FOUND);
    cr_assert_eq(walk_one("83201234 05", "1235"), TRIE_ABSENT);
    cr_assert_eq(walk_one("83201234 05", "12"), TRIE_ABSENT);
    cr_assert_eq(walk_one("83201234 05", "123456"), TRIE_ABSENT);
    cr_assert_eq(walk_one("20 05", ""), TRIE_FOUND);
    cr_assert_eq(walk_one("20 05", "20"), TRIE_ABSENT);
}

Test(trie, path_flags_are_canonical)
{
    cr_assert_eq(walk_one("83211234 05", "1234"), TRIE_INVALID, "a nibble in the pad");
    cr_assert_eq(walk_one("83401234 05", "1234"), TRIE_INVALID, "flags beyond 3");
    cr_assert_eq(walk_one("83f01234 05", "1234"), TRIE_INVALID, "flags beyond 3");
    cr_assert_eq(walk_one("80 05", ""), TRIE_INVALID, "no flags");
    cr_assert_eq(walk_one("c0 05", ""), TRIE_INVALID, "a list");
    cr_assert_eq(walk_one("8120 05", ""), TRIE_INVALID, "not canonical RLP");
}

Test(trie, path_has_at_most_64_nibbles)
{
    struct buf items = {0};
    for (unsigned bytes = 32; bytes <= 33; bytes++) {
        buf_clear(&items);
        buf_printf(&items, "%x20", 0x80 + bytes + 1);
        for (unsigned i = 0; i < bytes; i++)
            buf_add_str(&items, "77");
        buf_add_str(&items, " 05");
        buf_add_u8(&items, 0);
        cr_assert_eq(walk_one((char *)items.data, "77"), bytes == 32 ? TRIE_ABSENT : TRIE_INVALID);
    }
    buf_free(&items);
}

Test(trie, value_is_neither_empty_nor_a_list)
{
    cr_assert_eq(walk_one("83201234 80", "1234"), TRIE_INVALID);
    cr_assert_eq(walk_one("83201234 c0", "1234"), TRIE_INVALID);
    cr_assert_eq(walk_one("83201234 c3010203", "1234"), TRIE_INVALID);
    cr_assert_eq(walk_one("A B -14 c0", "12"), TRIE_INVALID);
}

Test(trie, value_stands_at_a_whole_byte)
{
    cr_assert_eq(walk_one("3a 05", ""), TRIE_INVALID);
    cr_assert_eq(walk_one("8200a0 d3 c23005 -15 07", "a0"), TRIE_FOUND);
    cr_assert_eq(walk_one("1a d3 c22005 -15 07", "a0"), TRIE_INVALID);
}

Test(trie, extension_has_a_path_and_leads_to_a_branch)
{
    cr_assert_eq(walk_one("8200ab A", "ab12"), TRIE_MISSING);
    cr_assert_eq(walk_one("8200ab A", "ac12"), TRIE_ABSENT);
    cr_assert_eq(walk_one("8200ab A", "a0"), TRIE_ABSENT);
    cr_assert_eq(walk_one("8200ab A", "ab"), TRIE_MISSING);
    cr_assert_eq(walk_one("00 A", "1234"), TRIE_INVALID, "empty path");
    cr_assert_eq(walk_one("8200ab 80", "ab12"), TRIE_INVALID, "no child");
    cr_assert_eq(walk_one("8200ab c482201205", "ab12"), TRIE_INVALID, "a leaf below");
    cr_assert_eq(walk_one("8200ab d6 11 d4 c23005 c23106 -14 80", "ab12"), TRIE_INVALID,
                 "an extension below");
}

Test(trie, branch_has_17_items)
{
    cr_assert_eq(walk_one("A B -14 05", "12"), TRIE_MISSING);
    cr_assert_eq(walk_one("A B -14 05", "32"), TRIE_ABSENT);
    cr_assert_eq(walk_one("A B -14 05", ""), TRIE_FOUND);
    cr_assert_eq(walk_one("A B -14 80", ""), TRIE_ABSENT);
    cr_assert_eq(walk_one("A B -14", "32"), TRIE_INVALID);
    cr_assert_eq(walk_one("A B -16", "32"), TRIE_INVALID);
    cr_assert_eq(walk_one("8200ab A 80", "ab"), TRIE_INVALID);
    cr_assert_eq(walk_one("8200ab", "ab"), TRIE_INVALID);
    cr_assert_eq(walk_one("", "ab"), TRIE_INVALID);
}

Test(trie, branch_has_at_least_two_items_in_use)
{
    cr_assert_eq(walk_one("A -15 80", "32"), TRIE_INVALID);
    cr_assert_eq(walk_one("-16 05", "32"), TRIE_INVALID);
    cr_assert_eq(walk_one("-17", "32"), TRIE_INVALID);
    cr_assert_eq(walk_one("A -15 05", "32"), TRIE_ABSENT);
}

Test(trie, child_is_a_hash_or_a_node_shorter_than_one)
{
    static const char *const bad[] = {
        "9faaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",     /* 31 bytes */
        "a1aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", /* 33 bytes */
        "05",                                                                   /* one byte */
        "c0",                                                                   /* an empty list */
        /* a leaf of 32 bytes */
        "df 8320ffff 9aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    };
    struct buf items = {0};
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        buf_clear(&items);
        buf_printf(&items, "%s B -15", bad[i]);
        buf_add_u8(&items, 0);
        cr_assert_eq(walk_one((char *)items.data, "05"), TRIE_INVALID, "%s", bad[i]);
        cr_assert_eq(walk_one((char *)items.data, "25"), TRIE_INVALID, "%s, off the path", bad[i]);
    }
    buf_free(&items);
}

Test(trie, embedded_node_is_walked_inline)
{
    const char *root = "80 c23205 c23409 -13 80";
    cr_assert_eq(walk_one(root, "12"), TRIE_FOUND);
    cr_assert_eq(walk_one(root, "24"), TRIE_FOUND);
    cr_assert_eq(walk_one(root, "13"), TRIE_ABSENT);
    cr_assert_eq(walk_one(root, "32"), TRIE_ABSENT);
    cr_assert_eq(walk_one("80 c28205 c23409 -13 80", "12"), TRIE_INVALID);
}

/* A branch whose child 1 is named by the hash of a node, with only that node at hand. */
struct two {
    struct trie_source source;
    struct buf root, child;
    struct hash32 root_hash, child_hash;
};

static bool on_get_two(struct trie_source *source, const struct hash32 *hash, struct span *node)
{
    struct two *two = container_of(source, struct two, source);
    bool root = hash32_equal(hash, &two->root_hash);
    *node = buf_span(root ? &two->root : &two->child);
    return root || hash32_equal(hash, &two->child_hash);
}

static enum trie_result walk_below(const char *child_items, const char *key_hex)
{
    struct two two = {.source.get = on_get_two};
    struct buf payload = {0}, key = fixture_hex(key_hex);
    struct trie_walk walk;
    add_words(&payload, child_items);
    rlp_add_list_header(&two.child, payload.size);
    buf_add_span(&two.child, buf_span(&payload));
    keccak256(&two.child_hash, buf_span(&two.child));
    buf_clear(&payload);
    add_words(&payload, "A");
    rlp_add_hash(&payload, &two.child_hash);
    add_words(&payload, "-15");
    rlp_add_list_header(&two.root, payload.size);
    buf_add_span(&two.root, buf_span(&payload));
    keccak256(&two.root_hash, buf_span(&two.root));
    enum trie_result result = trie_walk(&walk, &two.source, &two.root_hash, buf_span(&key));
    cr_assert_eq(walk.depth, 2);
    buf_free(&payload);
    buf_free(&key);
    buf_free(&two.root);
    buf_free(&two.child);
    return result;
}

Test(trie, node_under_32_bytes_is_not_named_by_hash)
{
    cr_assert_eq(walk_below("32 05", "12"), TRIE_INVALID);
    cr_assert_eq(walk_below("32 9caaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "12"),
                 TRIE_INVALID);
    cr_assert_eq(
        walk_below("32 9daaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "12"),
        TRIE_FOUND);
}

Test(trie, node_is_exactly_one_list)
{
    static const char *const bad[] = {
        "",            /* nothing */
        "83616263",    /* a string */
        "c2200505",    /* a byte too many */
        "c320",        /* cut off */
        "f8022005",    /* a long form that is not needed */
        "c22005c22005" /* two nodes */
    };
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        struct buf node = fixture_hex(bad[i]);
        cr_assert_eq(walk_raw(buf_span(&node), ""), TRIE_INVALID, "%s", bad[i]);
        buf_free(&node);
    }
}

/* ---- sets ---- */

Test(trie, set_refuses_what_is_no_list_of_nodes)
{
    static const char *const bad[] = {
        "05", "8405060708", "c22005 80", "c320", "c22005 c22005",
    };
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        struct buf nodes = {0};
        add_words(&nodes, bad[i]);
        cr_assert_null(trie_nodes_new(buf_span(&nodes), 10), "%s", bad[i]);
        buf_free(&nodes);
    }
}

Test(trie, set_of_no_nodes_is_used_up)
{
    struct trie_nodes *set = trie_nodes_new(SPAN_EMPTY, 0);
    cr_assert_not_null(set);
    cr_assert_eq(trie_nodes_count(set), 0);
    cr_assert(trie_nodes_all_used(set));
    trie_nodes_free(set);
    trie_nodes_free(NULL);
}

Test(trie, set_refuses_a_node_beyond_the_size_limit)
{
    for (size_t size = TRIE_NODE_SIZE_MAX - 1; size <= TRIE_NODE_SIZE_MAX + 1; size++) {
        struct buf node = {0};
        uint8_t *filling = mem_alloc(size);
        rlp_add_list_header(&node, size - 3);
        rlp_add_bytes(&node, SPAN(filling, size - 6));
        cr_assert_eq(node.size, size);
        struct trie_nodes *set = trie_nodes_new(buf_span(&node), 10);
        cr_assert_eq(set != NULL, size <= TRIE_NODE_SIZE_MAX);
        trie_nodes_free(set);
        mem_free(filling);
        buf_free(&node);
    }
}

Test(trie, set_tells_which_nodes_were_used)
{
    struct buf nodes = {0};
    add_words(&nodes, "c22005 c22006");
    struct trie_nodes *set = trie_nodes_new(buf_span(&nodes), 2);
    struct hash32 hash;
    struct span node;
    struct trie_walk walk;
    bool used;
    cr_assert_not_null(set);
    trie_nodes_at(set, 1, &hash, &node, &used);
    cr_assert(!used);
    cr_assert_eq(trie_walk(&walk, trie_nodes_source(set), &hash, SPAN_EMPTY), TRIE_FOUND);
    cr_assert_eq(walk.value.data[0], 6);
    trie_nodes_at(set, 1, &hash, &node, &used);
    cr_assert(used);
    trie_nodes_at(set, 0, &hash, &node, &used);
    cr_assert(!used && !trie_nodes_all_used(set));
    trie_nodes_free(set);
    buf_free(&nodes);
}

/* ---- lists ---- */

Test(trie, list_of_nothing_has_the_empty_root)
{
    struct hash32 root;
    trie_list_root(&root, NULL, 0);
    cr_assert(hash32_equal(&root, &EMPTY_TRIE_ROOT));
}

Test(trie, list_of_one_is_a_leaf)
{
    struct hash32 root, expected;
    struct span item = SPAN_STR("only");
    trie_list_root(&root, &item, 1);
    struct buf leaf = {0};
    add_words(&leaf, "c8 822080 846f6e6c79"); /* the key of 0 is 0x80 */
    keccak256(&expected, buf_span(&leaf));
    cr_assert(hash32_equal(&root, &expected));
    buf_free(&leaf);
}
