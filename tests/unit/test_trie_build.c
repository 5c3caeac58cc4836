/* The store and the editing side; random sequences are in tests/prop/test_trie_prop.c. */
#include "les/base/limits.h"
#include "les/eth/keccak.h"
#include "les/eth/rlp.h"
#include "les/eth/trie_build.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>

TestSuite(trie_build, .fini = fixture_leak_gate);

/* ---- store ---- */

static struct hash32 put_bytes(struct node_store *store, struct span bytes)
{
    struct hash32 hash;
    keccak256(&hash, bytes);
    node_store_put(store, &hash, bytes);
    return hash;
}

Test(trie_build, store_gives_back_what_was_put)
{
    struct node_store *store = node_store_new();
    struct hash32 first = put_bytes(store, SPAN_STR("first")), nothing;
    struct span bytes = SPAN_STR("left over");
    memset(nothing.bytes, 0, 32);
    cr_assert(!node_store_get(store, &nothing, &bytes));
    cr_assert_eq(bytes.size, 0);
    cr_assert(node_store_get(store, &first, &bytes));
    cr_assert(span_equal(bytes, SPAN_STR("first")));
    struct trie_source *source = node_store_source(store);
    cr_assert(source->get(source, &first, &bytes));
    cr_assert(!source->get(source, &nothing, &bytes));
    node_store_free(store);
    node_store_free(NULL);
}

Test(trie_build, store_holds_any_size_and_never_moves_a_byte)
{
    enum { COUNT = 700 };
    struct node_store *store = node_store_new();
    struct hash32 hashes[COUNT];
    struct span places[COUNT];
    uint8_t *filling = mem_alloc(MIB(1));
    for (size_t i = 0; i < COUNT; i++) {
        size_t size = i % 100 == 99 ? KIB(200) + i * 997 : i * 13 % 4099;
        be_write(filling, 4, i);
        hashes[i] = put_bytes(store, SPAN(filling, size < 4 ? 4 : size));
        cr_assert(node_store_get(store, &hashes[i], &places[i]));
    }
    for (size_t i = 0; i < COUNT; i++) {
        struct span bytes;
        struct hash32 hash;
        cr_assert(node_store_get(store, &hashes[i], &bytes));
        cr_assert(bytes.data == places[i].data && bytes.size == places[i].size);
        keccak256(&hash, bytes);
        cr_assert(hash32_equal(&hash, &hashes[i]));
    }
    mem_free(filling);
    node_store_free(store);
}

Test(trie_build, store_counts_its_memory_and_repeats_are_free)
{
    struct node_store *store = node_store_new();
    uint8_t bytes[1000] = {0};
    size_t before = node_store_bytes(store);
    for (unsigned i = 0; i < 1000; i++) {
        be_write(bytes, 2, i);
        put_bytes(store, SPAN(bytes, sizeof(bytes)));
    }
    size_t after = node_store_bytes(store);
    cr_assert(after >= before + 1000 * sizeof(bytes) && after < before + 2 * 1000 * sizeof(bytes));
    for (unsigned i = 0; i < 1000; i++) {
        be_write(bytes, 2, i);
        put_bytes(store, SPAN(bytes, sizeof(bytes)));
    }
    cr_assert_eq(node_store_bytes(store), after);
    node_store_free(store);
}

/* ---- edits ---- */

static void put(struct trie *trie, const char *key, const char *value)
{
    cr_assert_eq(trie_put(trie, SPAN_STR(key), SPAN_STR(value)), STATUS_OK);
}

static void expect(struct trie *trie, const char *key, const char *value)
{
    struct span found;
    cr_assert_eq(trie_get(trie, SPAN_STR(key), &found), *value ? STATUS_OK : STATUS_NOT_FOUND);
    cr_assert(span_equal(found, SPAN_STR(value)), "%s", key);
}

static struct hash32 commit(struct trie *trie)
{
    struct hash32 root;
    trie_commit(trie, &root);
    return root;
}

Test(trie_build, nothing_put_is_the_empty_root)
{
    struct node_store *store = node_store_new();
    struct trie *trie = trie_new(store, &EMPTY_TRIE_ROOT);
    struct hash32 root = commit(trie);
    cr_assert(hash32_equal(&root, &EMPTY_TRIE_ROOT));
    expect(trie, "any", "");
    cr_assert_eq(trie_delete(trie, SPAN_STR("any")), STATUS_OK);
    put(trie, "any", "");
    root = commit(trie);
    cr_assert(hash32_equal(&root, &EMPTY_TRIE_ROOT));
    trie_free(trie);
    trie_free(NULL);
    node_store_free(store);
}

Test(trie_build, values_are_seen_before_and_after_commit)
{
    struct node_store *store = node_store_new();
    struct trie *trie = trie_new(store, &EMPTY_TRIE_ROOT);
    put(trie, "doe", "reindeer");
    put(trie, "dog", "puppy");
    put(trie, "dogglesworth", "cat");
    for (int turn = 0; turn < 2; turn++) {
        expect(trie, "doe", "reindeer");
        expect(trie, "dog", "puppy");
        expect(trie, "dogglesworth", "cat");
        expect(trie, "do", "");
        expect(trie, "dogg", "");
        expect(trie, "cat", "");
        struct hash32 root = commit(trie);
        fixture_expect_hex(SPAN(root.bytes, 32),
                           "8aad789dff2f538bca5d8ea56e8abe10f4c7ba3a5dea95fea4cd6e7c3a1168d3");
    }
    put(trie, "dog", "");
    expect(trie, "dog", "");
    expect(trie, "dogglesworth", "cat");
    trie_free(trie);
    node_store_free(store);
}

Test(trie_build, putting_what_is_there_writes_nothing)
{
    struct node_store *store = node_store_new();
    struct trie *trie = trie_new(store, &EMPTY_TRIE_ROOT);
    char key[16];
    for (int i = 0; i < 200; i++) {
        snprintf(key, sizeof(key), "key %d", i);
        put(trie, key, "some value that is long enough to be hashed");
    }
    struct hash32 root = commit(trie);
    size_t size = node_store_bytes(store);
    for (int i = 0; i < 200; i++) {
        snprintf(key, sizeof(key), "key %d", i);
        put(trie, key, "some value that is long enough to be hashed");
    }
    struct hash32 again = commit(trie);
    cr_assert(hash32_equal(&root, &again));
    cr_assert_eq(node_store_bytes(store), size);
    trie_free(trie);
    node_store_free(store);
}

Test(trie_build, value_may_come_from_the_trie_itself)
{
    struct node_store *store = node_store_new();
    struct trie *trie = trie_new(store, &EMPTY_TRIE_ROOT);
    struct span value;
    put(trie, "a", "the value of a, and then of b as well");
    cr_assert_eq(trie_get(trie, SPAN_STR("a"), &value), STATUS_OK);
    cr_assert_eq(trie_put(trie, SPAN_STR("b"), value), STATUS_OK);
    expect(trie, "b", "the value of a, and then of b as well");
    cr_assert_eq(trie_get(trie, SPAN_STR("a"), &value), STATUS_OK);
    cr_assert_eq(trie_put(trie, SPAN_STR("a"), SPAN(value.data + 4, value.size - 4)), STATUS_OK);
    expect(trie, "a", "value of a, and then of b as well");
    trie_free(trie);
    node_store_free(store);
}

/* ---- a root that is not there, and a store that lies ---- */

Test(trie_build, unknown_root_is_told_apart_from_an_absent_key)
{
    struct node_store *store = node_store_new();
    struct hash32 root, after;
    memset(root.bytes, 9, 32);
    struct trie *trie = trie_new(store, &root);
    struct span value;
    struct buf proof = {0};
    cr_assert_eq(trie_get(trie, SPAN_STR("k"), &value), STATUS_UNAVAILABLE);
    cr_assert_eq(trie_put(trie, SPAN_STR("k"), SPAN_STR("v")), STATUS_NOT_FOUND);
    cr_assert_eq(trie_delete(trie, SPAN_STR("k")), STATUS_NOT_FOUND);
    cr_assert_eq(trie_prove(store, &root, SPAN_STR("k"), 0, NULL, NULL, &proof), STATUS_NOT_FOUND);
    cr_assert_eq(proof.size, 0);
    trie_commit(trie, &after);
    cr_assert(hash32_equal(&root, &after));
    trie_free(trie);
    node_store_free(store);
}

/* A store with the nodes on the path of one key. */
static struct node_store *store_of_proof(struct node_store *store, const struct hash32 *root,
                                         struct span key)
{
    struct node_store *part = node_store_new();
    struct buf proof = {0};
    cr_assert_eq(trie_prove(store, root, key, 0, NULL, NULL, &proof), STATUS_OK);
    struct rlp items = rlp_reader(buf_span(&proof));
    while (rlp_more(&items))
        put_bytes(part, rlp_raw(&items));
    buf_free(&proof);
    return part;
}

Test(trie_build, the_missing_node_is_told_by_its_path)
{
    /* Two leaves under a branch at nibble 3: 11 1[2].. and 11 1[3].. */
    static const uint8_t left[4] = {0x11, 0x12, 0, 1}, right[4] = {0x11, 0x13, 0, 2};
    uint8_t value[40];
    struct hash32 root;
    struct node_store *store = node_store_new();
    memset(value, 7, sizeof(value));
    struct trie *trie = trie_new(store, &EMPTY_TRIE_ROOT);
    cr_assert_eq(trie_put(trie, SPAN(left, 4), SPAN(value, 40)), STATUS_OK);
    cr_assert_eq(trie_put(trie, SPAN(right, 4), SPAN(value, 40)), STATUS_OK);
    trie_commit(trie, &root);
    trie_free(trie);

    struct node_store *part = store_of_proof(store, &root, SPAN(left, 4));
    trie = trie_new(part, &root);
    cr_assert_eq(trie_put(trie, SPAN(left, 4), SPAN(value, 39)), STATUS_OK);
    cr_assert_eq(trie_delete(trie, SPAN(left, 4)), STATUS_NOT_FOUND);
    const struct trie_gap *gap = trie_missing(trie);
    static const uint8_t path[TRIE_KEY_SIZE_MAX] = {0x11, 0x13};
    cr_assert_eq(gap->nibbles, 4);
    cr_assert_eq(memcmp(gap->path, path, sizeof(path)), 0);
    struct span node;
    cr_assert(node_store_get(store, &gap->hash, &node));
    node_store_put(part, &gap->hash, node);
    cr_assert_eq(trie_delete(trie, SPAN(left, 4)), STATUS_OK);
    trie_free(trie);
    node_store_free(part);

    /* Nothing at all: the root, whose path is empty. */
    part = node_store_new();
    trie = trie_new(part, &root);
    cr_assert_eq(trie_delete(trie, SPAN(left, 4)), STATUS_NOT_FOUND);
    gap = trie_missing(trie);
    cr_assert_eq(gap->nibbles, 0);
    cr_assert(hash32_equal(&gap->hash, &root));
    /* The root is an extension: what it leads to is missing next. */
    cr_assert(node_store_get(store, &root, &node));
    node_store_put(part, &root, node);
    cr_assert_eq(trie_delete(trie, SPAN(left, 4)), STATUS_NOT_FOUND);
    static const uint8_t fork[TRIE_KEY_SIZE_MAX] = {0x11, 0x10};
    cr_assert_eq(gap->nibbles, 3);
    cr_assert_eq(memcmp(gap->path, fork, sizeof(fork)), 0);
    trie_free(trie);
    node_store_free(part);
    node_store_free(store);
}

static bool on_no_pair(void *owner, struct span key, struct span value)
{
    (void)owner;
    (void)key;
    (void)value;
    cr_assert_fail("nothing to see");
    return true;
}

Test(trie_build, malformed_nodes_are_invalid_everywhere)
{
    static const char *const bad[] = {
        "c3010203",   /* three items */
        "c23205",     /* a leaf at half a byte */
        "c482004105", /* an extension to a value */
    };
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        struct node_store *store = node_store_new();
        struct buf node = fixture_hex(bad[i]), proof = {0};
        struct hash32 root = put_bytes(store, buf_span(&node));
        struct trie *trie = trie_new(store, &root);
        struct span value;
        cr_assert_eq(trie_get(trie, SPAN_STR("A"), &value), STATUS_INVALID, "%s", bad[i]);
        cr_assert_eq(trie_put(trie, SPAN_STR("A"), SPAN_STR("v")), STATUS_INVALID, "%s", bad[i]);
        cr_assert_eq(trie_delete(trie, SPAN_STR("A")), STATUS_INVALID, "%s", bad[i]);
        cr_assert_eq(trie_prove(store, &root, SPAN_STR("A"), 0, NULL, NULL, &proof),
                     STATUS_INVALID);
        cr_assert_eq(trie_each(store, &root, on_no_pair, NULL), STATUS_INVALID, "%s", bad[i]);
        trie_free(trie);
        node_store_free(store);
        buf_free(&node);
    }
}

/* ---- listing ---- */

static bool on_first_two(void *owner, struct span key, struct span value)
{
    struct buf *seen = owner;
    buf_add_span(seen, key);
    buf_add_u8(seen, '=');
    buf_add_span(seen, value);
    buf_add_u8(seen, ' ');
    return seen->size < 12;
}

Test(trie_build, listing_is_in_order_and_stops_when_told)
{
    struct node_store *store = node_store_new();
    struct trie *trie = trie_new(store, &EMPTY_TRIE_ROOT);
    struct buf seen = {0};
    put(trie, "z", "26");
    put(trie, "b", "2");
    put(trie, "", "0");
    put(trie, "ba", "2.1");
    struct hash32 root = commit(trie);
    cr_assert_eq(trie_each(store, &root, on_first_two, &seen), STATUS_OK);
    cr_assert(span_equal(buf_span(&seen), SPAN_STR("=0 b=2 ba=2.1 ")));
    cr_assert_eq(trie_each(store, &EMPTY_TRIE_ROOT, on_no_pair, NULL), STATUS_OK);
    buf_free(&seen);
    trie_free(trie);
    node_store_free(store);
}

Test(trie_build, keys_beyond_the_limit_are_a_bug, .signal = SIGABRT)
{
    uint8_t key[TRIE_KEY_SIZE_MAX + 1] = {0};
    struct trie *trie = trie_new(node_store_new(), &EMPTY_TRIE_ROOT);
    enum status status = trie_put(trie, SPAN(key, sizeof(key)), SPAN_STR("v"));
    cr_assert_eq(status, STATUS_OK);
}
