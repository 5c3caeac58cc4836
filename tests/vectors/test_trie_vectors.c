/* ethereum/tests TrieTests, and the state dump of the rpc-compat chain. */
#include "les/eth/header.h"
#include "les/eth/keccak.h"
#include "les/eth/rlp.h"
#include "les/eth/trie_build.h"
#include "les/eth/u256.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>

#define FOLDER "vectors/ethereum-tests/TrieTests/"
#define EXTRA  "vectors/rpc-compat/chain-extra/"

TestSuite(trie_vectors, .fini = fixture_leak_gate);

/* ---- TrieTests: {name: {in: {key: value} or [[key, value or null]], root}} ---- */

enum key_form { KEY_PLAIN, KEY_HASHED };

static struct buf bytes_of(const char *text)
{
    struct buf bytes = {0};
    if (strncmp(text, "0x", 2) == 0)
        return fixture_hex(text);
    buf_add_str(&bytes, text);
    return bytes;
}

static void apply(struct trie *trie, enum key_form form, const char *key_text,
                  const json_t *value_json)
{
    struct buf key = bytes_of(key_text), value = {0};
    if (!json_is_null(value_json))
        value = bytes_of(json_string_value(value_json));
    struct hash32 hash;
    struct span span = buf_span(&key);
    if (form == KEY_HASHED) {
        keccak256(&hash, span);
        span = SPAN(hash.bytes, 32);
    }
    cr_assert_eq(trie_put(trie, span, buf_span(&value)), STATUS_OK);
    buf_free(&key);
    buf_free(&value);
}

static void expect_root(struct trie *trie, const json_t *test, const char *name)
{
    struct hash32 root, expected;
    fixture_hex_exact(expected.bytes, 32, json_string_value(json_object_get(test, "root")));
    trie_commit(trie, &root);
    cr_assert(hash32_equal(&root, &expected), "%s: wrong root", name);
}

/* commit_each: after every step, so that each goes through the store. */
static void run_ordered(const json_t *test, const char *name, enum key_form form, bool commit_each)
{
    struct node_store *store = node_store_new();
    struct trie *trie = trie_new(store, &EMPTY_TRIE_ROOT);
    size_t index;
    json_t *step;
    json_array_foreach(json_object_get(test, "in"), index, step)
    {
        apply(trie, form, json_string_value(json_array_get(step, 0)), json_array_get(step, 1));
        struct hash32 root;
        if (commit_each)
            trie_commit(trie, &root);
    }
    expect_root(trie, test, name);
    trie_free(trie);
    node_store_free(store);
}

/* The pairs of an object, started at another place for each turn and read forwards or backwards. */
static void run_any_order(const json_t *test, const char *name, enum key_form form)
{
    json_t *in = json_object_get(test, "in");
    size_t count = json_object_size(in), fill = 0;
    const char **keys = mem_alloc(count * sizeof(*keys));
    const char *key;
    json_t *value;
    json_object_foreach(in, key, value) keys[fill++] = key;
    for (size_t turn = 0; turn < count * 2; turn++) {
        struct node_store *store = node_store_new();
        struct trie *trie = trie_new(store, &EMPTY_TRIE_ROOT);
        for (size_t i = 0; i < count; i++) {
            size_t at = (turn / 2 + (turn & 1 ? count - i : i)) % count;
            apply(trie, form, keys[at], json_object_get(in, keys[at]));
        }
        expect_root(trie, test, name);
        trie_free(trie);
        node_store_free(store);
    }
    mem_free(keys);
}

static void run_file(const char *path, enum key_form form)
{
    struct tally tally = {.name = path};
    json_t *file = fixture_json(path);
    const char *name;
    json_t *test;
    json_object_foreach(file, name, test)
    {
        if (json_is_array(json_object_get(test, "in"))) {
            run_ordered(test, name, form, false);
            run_ordered(test, name, form, true);
        } else {
            run_any_order(test, name, form);
        }
        tally_run(&tally);
    }
    tally_end(&tally);
    json_decref(file);
}

Test(trie_vectors, any_order)
{
    run_file(FOLDER "trieanyorder.json", KEY_PLAIN);
}

Test(trie_vectors, any_order_with_hashed_keys)
{
    run_file(FOLDER "trieanyorder_secureTrie.json", KEY_HASHED);
}

Test(trie_vectors, hex_values_with_hashed_keys)
{
    run_file(FOLDER "hex_encoded_securetrie_test.json", KEY_HASHED);
}

Test(trie_vectors, steps)
{
    run_file(FOLDER "trietest.json", KEY_PLAIN);
}

Test(trie_vectors, steps_with_hashed_keys)
{
    run_file(FOLDER "trietest_secureTrie.json", KEY_HASHED);
}

/* ---- trietestnextprev: {in: [key], tests: [[key, the key before it, the key after it]]} ---- */

struct neighbours {
    struct span key;
    struct buf before, after;
};

static int compare(struct span a, struct span b)
{
    size_t size = a.size < b.size ? a.size : b.size;
    int order = size ? memcmp(a.data, b.data, size) : 0;
    return order ? order : (a.size > b.size) - (a.size < b.size);
}

static bool on_key(void *owner, struct span key, struct span value)
{
    struct neighbours *near = owner;
    cr_assert(span_equal(key, value));
    int order = compare(key, near->key);
    struct buf *to = order < 0 ? &near->before : order > 0 ? &near->after : NULL;
    if (to) {
        buf_clear(to);
        buf_add_span(to, key);
    }
    return order <= 0; /* the first one after it ends the search */
}

Test(trie_vectors, next_and_previous_by_listing_in_order)
{
    const char *path = FOLDER "trietestnextprev.json";
    struct tally tally = {.name = path};
    json_t *file = fixture_json(path);
    const char *name;
    json_t *test, *item;
    json_object_foreach(file, name, test)
    {
        struct node_store *store = node_store_new();
        struct trie *trie = trie_new(store, &EMPTY_TRIE_ROOT);
        struct hash32 root;
        size_t index;
        json_array_foreach(json_object_get(test, "in"), index, item)
        {
            struct span key = SPAN_STR(json_string_value(item));
            cr_assert_eq(trie_put(trie, key, key), STATUS_OK);
        }
        trie_commit(trie, &root);
        json_array_foreach(json_object_get(test, "tests"), index, item)
        {
            struct neighbours near = {.key = SPAN_STR(json_string_value(json_array_get(item, 0)))};
            cr_assert_eq(trie_each(store, &root, on_key, &near), STATUS_OK);
            struct span before = SPAN_STR(json_string_value(json_array_get(item, 1)));
            struct span after = SPAN_STR(json_string_value(json_array_get(item, 2)));
            cr_assert(span_equal(buf_span(&near.before), before), "%s, test %zu", name, index);
            cr_assert(span_equal(buf_span(&near.after), after), "%s, test %zu", name, index);
            buf_free(&near.before);
            buf_free(&near.after);
            tally_run(&tally);
        }
        trie_free(trie);
        node_store_free(store);
    }
    tally_end(&tally);
    json_decref(file);
}

/* ---- headstate.json: the whole state at the head of chain.rlp ---- */

static void storage_root(struct hash32 *root, struct node_store *store, json_t *storage)
{
    struct trie *trie = trie_new(store, &EMPTY_TRIE_ROOT);
    const char *slot_text;
    json_t *value_json;
    json_object_foreach(storage, slot_text, value_json)
    {
        struct hash32 slot, key;
        struct u256 number;
        struct buf bytes = fixture_hex(json_string_value(value_json)), value = {0};
        fixture_hex_exact(slot.bytes, 32, slot_text);
        keccak256(&key, SPAN(slot.bytes, 32));
        u256_from_be(&number, buf_span(&bytes));
        rlp_add_u256(&value, &number);
        cr_assert_eq(trie_put(trie, SPAN(key.bytes, 32), buf_span(&value)), STATUS_OK);
        buf_free(&bytes);
        buf_free(&value);
    }
    trie_commit(trie, root);
    trie_free(trie);
}

static void put_account(struct trie *state, struct node_store *store, const json_t *json)
{
    struct account account = ACCOUNT_EMPTY;
    struct hash32 key, expected;
    account.nonce = (uint64_t)json_integer_value(json_object_get(json, "nonce"));
    cr_assert(u256_parse_decimal(&account.balance,
                                 SPAN_STR(json_string_value(json_object_get(json, "balance")))));
    fixture_hex_exact(account.code_hash.bytes, 32,
                      json_string_value(json_object_get(json, "codeHash")));
    fixture_hex_exact(expected.bytes, 32, json_string_value(json_object_get(json, "root")));
    fixture_hex_exact(key.bytes, 32, json_string_value(json_object_get(json, "key")));
    storage_root(&account.storage_root, store, json_object_get(json, "storage"));
    cr_assert(hash32_equal(&account.storage_root, &expected));
    struct buf value = {0};
    account_encode(&value, &account);
    cr_assert_eq(trie_put(state, SPAN(key.bytes, 32), buf_span(&value)), STATUS_OK);
    buf_free(&value);
}

static void head_state_root(struct hash32 *root)
{
    struct buf chain = fixture_file("vectors/rpc-compat/chain.rlp");
    struct rlp blocks = rlp_reader(buf_span(&chain));
    struct span header_rlp;
    struct body body;
    struct header header = {0};
    while (rlp_more(&blocks)) {
        cr_assert(block_split(&header_rlp, &body, rlp_raw(&blocks)));
        cr_assert(header_decode(&header, header_rlp));
    }
    cr_assert(rlp_end(&blocks));
    *root = header.state_root;
    buf_free(&chain);
}

Test(trie_vectors, state_dump_hashes_to_the_head)
{
    const char *path = EXTRA "headstate.json";
    struct tally tally = {.name = path};
    json_t *file = fixture_json(path);
    struct node_store *store = node_store_new();
    struct trie *state = trie_new(store, &EMPTY_TRIE_ROOT);
    const char *name;
    json_t *account;
    json_object_foreach(json_object_get(file, "accounts"), name, account)
    {
        put_account(state, store, account);
        tally_run(&tally);
    }
    struct hash32 root, expected;
    trie_commit(state, &root);
    fixture_hex_exact(expected.bytes, 32, json_string_value(json_object_get(file, "root")));
    cr_assert(hash32_equal(&root, &expected));
    head_state_root(&expected);
    cr_assert(hash32_equal(&root, &expected));
    tally_end(&tally);
    trie_free(state);
    node_store_free(store);
    json_decref(file);
}
