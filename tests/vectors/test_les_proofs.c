/* Recorded GetProofsV2 exchanges with a go-ethereum server: every reply is verified, and proved
 * again byte for byte. */
#include "les/eth/keccak.h"
#include "les/eth/rlp.h"
#include "les/eth/trie_build.h"
#include "les/eth/u256.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>

#define GET_PROOFS_V2 15
#define PROOFS_V2     16
#define ITEMS_MAX     64

TestSuite(les_proofs, .fini = fixture_leak_gate);

struct ask {
    struct hash32 block_hash;
    struct span account; /* empty: in the account trie */
    struct hash32 key;
    unsigned from_level;
};

struct exchange {
    struct buf request, reply;
    const char *note;
    struct ask asks[ITEMS_MAX];
    size_t count;
    struct span nodes; /* payload of the reply's list */
};

struct recording {
    json_t *file, *chain;
    struct hash32 head_hash, head_root;
    struct node_store *store; /* the nodes of all replies */
};

static void open_recording(struct recording *recording, const char *path, const char *chain_path)
{
    recording->file = fixture_json(path);
    recording->chain = fixture_json(chain_path);
    fixture_hex_exact(recording->head_hash.bytes, 32,
                      json_string_value(json_object_get(recording->chain, "headHash")));
    fixture_hex_exact(recording->head_root.bytes, 32,
                      json_string_value(json_object_get(recording->chain, "headRoot")));
    recording->store = node_store_new();
}

static void close_recording(struct recording *recording)
{
    node_store_free(recording->store);
    json_decref(recording->file);
    json_decref(recording->chain);
}

static void read_request(struct exchange *exchange, uint64_t *id)
{
    struct rlp outer = rlp_reader(buf_span(&exchange->request)), list = rlp_list(&outer);
    *id = rlp_u64(&list);
    struct rlp items = rlp_list(&list);
    while (rlp_more(&items)) {
        cr_assert_lt(exchange->count, ITEMS_MAX);
        struct ask *ask = &exchange->asks[exchange->count++];
        struct rlp item = rlp_list(&items);
        rlp_fixed(&item, ask->block_hash.bytes, 32);
        ask->account = rlp_bytes(&item);
        rlp_fixed(&item, ask->key.bytes, 32);
        ask->from_level = (unsigned)rlp_u64(&item);
        cr_assert(rlp_end(&item));
    }
    cr_assert(rlp_end(&items) && rlp_end(&list) && rlp_end(&outer));
}

/* Takes the exchange that starts at a message; false: none does. */
static bool take_exchange(struct exchange *exchange, const json_t *messages, size_t index)
{
    const json_t *request = json_array_get(messages, index),
                 *reply = json_array_get(messages, index + 1);
    if (json_integer_value(json_object_get(request, "code")) != GET_PROOFS_V2)
        return false;
    cr_assert_eq(json_integer_value(json_object_get(reply, "code")), PROOFS_V2);
    *exchange = (struct exchange){.note = json_string_value(json_object_get(request, "note"))};
    exchange->request = fixture_hex(json_string_value(json_object_get(request, "payload")));
    exchange->reply = fixture_hex(json_string_value(json_object_get(reply, "payload")));
    uint64_t id;
    read_request(exchange, &id);
    struct rlp outer = rlp_reader(buf_span(&exchange->reply)), list = rlp_list(&outer);
    cr_assert_eq(rlp_u64(&list), id);
    rlp_u64(&list); /* buffer value */
    struct rlp nodes = rlp_list(&list);
    cr_assert(rlp_end(&list) && rlp_end(&outer));
    exchange->nodes = SPAN(nodes.data, nodes.size);
    return true;
}

static void drop_exchange(struct exchange *exchange)
{
    buf_free(&exchange->request);
    buf_free(&exchange->reply);
}

static void store_nodes(struct recording *recording, const struct exchange *exchange)
{
    struct trie_nodes *set = trie_nodes_new(exchange->nodes, SIZE_MAX);
    cr_assert_not_null(set, "%s", exchange->note);
    for (size_t i = 0; i < trie_nodes_count(set); i++) {
        struct hash32 hash;
        struct span node;
        bool used;
        trie_nodes_at(set, i, &hash, &node, &used);
        node_store_put(recording->store, &hash, node);
    }
    trie_nodes_free(set);
}

/* The first `skip` nodes come from the store, as a client that has them asks with fromLevel; the
 * rest from the reply. */
struct joined {
    struct trie_source source;
    struct trie_source *store, *reply;
    unsigned skip, taken;
};

static bool on_get(struct trie_source *source, const struct hash32 *hash, struct span *node)
{
    struct joined *joined = container_of(source, struct joined, source);
    struct trie_source *from = joined->taken++ < joined->skip ? joined->store : joined->reply;
    return from->get(from, hash, node);
}

static struct hash32 root_of(struct recording *recording, const struct ask *ask)
{
    cr_assert(hash32_equal(&ask->block_hash, &recording->head_hash));
    if (ask->account.size == 0)
        return recording->head_root;
    struct trie_walk walk;
    struct account account;
    cr_assert_eq(
        trie_walk(&walk, node_store_source(recording->store), &recording->head_root, ask->account),
        TRIE_FOUND);
    cr_assert(account_decode(&account, walk.value));
    return account.storage_root;
}

static bool on_seen(void *owner, const struct hash32 *hash)
{
    struct node_store *seen = owner;
    struct span bytes;
    if (node_store_get(seen, hash, &bytes))
        return true;
    node_store_put(seen, hash, SPAN_EMPTY);
    return false;
}

static void check_exchange(struct recording *recording, const struct exchange *exchange,
                           size_t *absent)
{
    struct trie_nodes *set = trie_nodes_new(exchange->nodes, SIZE_MAX);
    struct node_store *seen = node_store_new();
    struct buf proof = {0};
    for (size_t i = 0; i < exchange->count; i++) {
        const struct ask *ask = &exchange->asks[i];
        struct hash32 root = root_of(recording, ask);
        struct span key = SPAN(ask->key.bytes, 32);
        struct joined joined = {.source.get = on_get,
                                .store = node_store_source(recording->store),
                                .reply = trie_nodes_source(set),
                                .skip = ask->from_level};
        struct trie_walk walk;
        enum trie_result result = trie_walk(&walk, &joined.source, &root, key);
        cr_assert(result == TRIE_FOUND || result == TRIE_ABSENT, "%s", exchange->note);
        cr_assert_eq(walk.depth, joined.taken);
        *absent += result == TRIE_ABSENT;
        cr_assert_eq(
            trie_prove(recording->store, &root, key, ask->from_level, on_seen, seen, &proof),
            STATUS_OK);
    }
    cr_assert(trie_nodes_all_used(set), "%s", exchange->note);
    cr_assert(span_equal(buf_span(&proof), exchange->nodes), "%s: proved otherwise",
              exchange->note);
    buf_free(&proof);
    node_store_free(seen);
    trie_nodes_free(set);
}

/* The chain's own notes tell the balance and nonce of its users; some of them were asked for. */
static void check_users(struct recording *recording)
{
    size_t index, checked = 0;
    json_t *user;
    json_array_foreach(json_object_get(recording->chain, "users"), index, user)
    {
        struct address20 address;
        struct hash32 key;
        struct trie_walk walk;
        struct account account;
        struct u256 balance, nonce;
        fixture_hex_exact(address.bytes, 20, json_string_value(json_object_get(user, "address")));
        keccak256(&key, SPAN(address.bytes, 20));
        enum trie_result result = trie_walk(&walk, node_store_source(recording->store),
                                            &recording->head_root, SPAN(key.bytes, 32));
        if (result == TRIE_MISSING)
            continue;
        cr_assert_eq(result, TRIE_FOUND);
        cr_assert(account_decode(&account, walk.value));
        const char *text = json_string_value(json_object_get(user, "balanceAtHead"));
        cr_assert(u256_parse_decimal(&balance, SPAN_STR(text)));
        cr_assert(u256_equal(&balance, &account.balance));
        text = json_string_value(json_object_get(user, "nonceAtHead"));
        cr_assert(u256_parse_decimal(&nonce, SPAN_STR(text)));
        cr_assert_eq(nonce.words[0], account.nonce);
        checked++;
    }
    cr_assert_gt(checked, 0);
}

static void run_recording(const char *path, const char *chain_path)
{
    struct tally tally = {.name = path};
    struct recording recording;
    open_recording(&recording, path, chain_path);
    const json_t *messages = json_object_get(recording.file, "messages");
    struct exchange exchange;
    size_t absent = 0;
    for (size_t i = 0; i + 1 < json_array_size(messages); i++) {
        if (take_exchange(&exchange, messages, i)) {
            store_nodes(&recording, &exchange);
            drop_exchange(&exchange);
        }
    }
    for (size_t i = 0; i + 1 < json_array_size(messages); i++) {
        if (take_exchange(&exchange, messages, i)) {
            check_exchange(&recording, &exchange, &absent);
            tally_run(&tally);
            drop_exchange(&exchange);
        }
    }
    cr_assert_gt(absent, 0, "no proof of absence among them");
    check_users(&recording);
    tally_end(&tally);
    close_recording(&recording);
}

Test(les_proofs, les2_replies_hold_and_are_proved_again)
{
    run_recording("vectors/geth-les/small-les2.json", "vectors/geth-les/chain-small.json");
}

Test(les_proofs, les3_replies_hold_and_are_proved_again)
{
    run_recording("vectors/geth-les/small-les3.json", "vectors/geth-les/chain-small.json");
}

Test(les_proofs, replies_from_a_large_state_hold_and_are_proved_again)
{
    run_recording("vectors/geth-les/big-les3.json", "vectors/geth-les/chain-big.json");
}

/* ---- lies: any byte changed ---- */

static struct span nth_node(struct span nodes, size_t index)
{
    struct rlp items = rlp_reader(nodes);
    struct span node = SPAN_EMPTY;
    for (size_t i = 0; i <= index; i++)
        node = rlp_raw(&items);
    return node;
}

Test(les_proofs, no_changed_byte_passes)
{
    struct recording recording;
    open_recording(&recording, "vectors/geth-les/small-les3.json",
                   "vectors/geth-les/chain-small.json");
    const json_t *messages = json_object_get(recording.file, "messages");
    struct exchange exchange = {0};
    size_t at = 0;
    while (!take_exchange(&exchange, messages, at))
        at++;
    struct span key = SPAN(exchange.asks[0].key.bytes, 32);
    uint8_t *bytes = mem_copy(exchange.nodes);
    size_t size = exchange.nodes.size, caught = 0;
    for (size_t i = 0; i < size * 8; i++) {
        bytes[i / 8] ^= (uint8_t)(1u << (i % 8));
        struct trie_nodes *set = trie_nodes_new(SPAN(bytes, size), 100);
        struct trie_walk walk;
        if (set) {
            enum trie_result result =
                trie_walk(&walk, trie_nodes_source(set), &recording.head_root, key);
            cr_assert(result == TRIE_MISSING || result == TRIE_INVALID, "bit %zu", i);
        }
        caught++;
        trie_nodes_free(set);
        bytes[i / 8] ^= (uint8_t)(1u << (i % 8));
    }
    cr_assert_eq(caught, size * 8);
    mem_free(bytes);
    drop_exchange(&exchange);
    close_recording(&recording);
}

Test(les_proofs, padding_and_repeats_are_noticed)
{
    struct recording recording;
    open_recording(&recording, "vectors/geth-les/small-les3.json",
                   "vectors/geth-les/chain-small.json");
    const json_t *messages = json_object_get(recording.file, "messages");
    struct exchange first = {0}, second = {0};
    size_t at = 0;
    while (!take_exchange(&first, messages, at))
        at++;
    for (at++; !take_exchange(&second, messages, at);)
        at++;
    struct buf padded = {0};
    buf_add_span(&padded, first.nodes);
    struct rlp rest = rlp_reader(second.nodes);
    struct span last = SPAN_EMPTY;
    while (rlp_more(&rest))
        last = rlp_raw(&rest);
    buf_add_span(&padded, last); /* the other account's leaf */
    struct trie_nodes *set = trie_nodes_new(buf_span(&padded), 100);
    struct trie_walk walk;
    cr_assert_not_null(set);
    cr_assert_eq(trie_walk(&walk, trie_nodes_source(set), &recording.head_root,
                           SPAN(first.asks[0].key.bytes, 32)),
                 TRIE_FOUND);
    cr_assert(!trie_nodes_all_used(set));
    size_t count = trie_nodes_count(set);
    trie_nodes_free(set);
    cr_assert_null(trie_nodes_new(buf_span(&padded), count - 1), "more nodes than allowed");
    buf_add_span(&padded, nth_node(first.nodes, 0));
    cr_assert_null(trie_nodes_new(buf_span(&padded), 100), "the root twice");
    buf_free(&padded);
    drop_exchange(&first);
    drop_exchange(&second);
    close_recording(&recording);
}
