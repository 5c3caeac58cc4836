/* Helper tries of a 45,000-block chain: section 0 built from its headers, against what a
 * go-ethereum server replied. */
#include "les/eth/cht.h"
#include "les/eth/header.h"
#include "les/eth/keccak.h"
#include "les/eth/rlp.h"
#include "les/eth/u256.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define RECORDING "vectors/geth-les/big-les3.json"
#define CHAIN     "vectors/geth-les/chain-big.rlp.xz"

#define GET_HELPER_TRIE_PROOFS 17
#define HELPER_TRIE_PROOFS     18

TestSuite(cht_vectors, .fini = fixture_leak_gate);

Test(cht_vectors, checkpoint_hash_of_mainnet_451)
{
    struct cht_checkpoint checkpoint = {.section = 451};
    fixture_hex_exact(checkpoint.head.bytes, 32,
                      "e47f84b9967eb2ad2afff74d59901b63134660011822fdababaf8fdd18a75aa6");
    fixture_hex_exact(checkpoint.cht_root.bytes, 32,
                      "c31e0462ca3d39a46111bb6b63ac4e1cac84089472b7474a319d582f72b3f0c0");
    fixture_hex_exact(checkpoint.bloom_root.bytes, 32,
                      "7c9f25ce3577a3ab330d52a7343f801899cf9d4980c69f81de31ccc1a055c809");
    struct hash32 hash;
    cht_checkpoint_hash(&hash, &checkpoint);
    fixture_expect_hex(SPAN(hash.bytes, 32),
                       "65d65a440f3ee56bfc10aff5323802f8bd727f32c128578fed2ef3b3ef1613ee");
}

/* ---- the chain ---- */

struct tries {
    struct node_store *store;
    struct cht_bloom *bloom;
    struct hash32 cht_root, bloom_root;
};

static struct buf unpack(const char *path)
{
    fixture_need(path);
    struct buf command = {0}, bytes = {0};
    buf_printf(&command, "xz -dc '%s/%s'", SHARED_DIR, path);
    buf_add_u8(&command, 0);
    FILE *pipe = popen((const char *)command.data, "r");
    cr_assert_not_null(pipe);
    buf_reserve(&bytes, 32u << 20);
    char chunk[65536];
    for (size_t size; (size = fread(chunk, 1, sizeof(chunk), pipe)) != 0;)
        buf_add(&bytes, chunk, size);
    cr_assert_eq(pclose(pipe), 0, "xz failed");
    buf_free(&command);
    return bytes;
}

static void build(struct tries *tries, struct span blocks_rlp)
{
    tries->store = node_store_new();
    tries->bloom = cht_bloom_new(CHT_SECTION_SIZE);
    struct trie *cht = trie_new(tries->store, &EMPTY_TRIE_ROOT);
    struct trie *bloom = trie_new(tries->store, &EMPTY_TRIE_ROOT);
    struct rlp blocks = rlp_reader(blocks_rlp);
    struct cht_entry entry = {0};
    for (uint64_t number = 0; number < CHT_SECTION_SIZE; number++) {
        struct span header_rlp;
        struct body body;
        struct header header;
        cr_assert(block_split(&header_rlp, &body, rlp_raw(&blocks)));
        cr_assert(header_decode(&header, header_rlp));
        cr_assert_eq(header.number, number);
        cr_assert(!u256_add(&entry.td, &entry.td, &header.difficulty));
        keccak256(&entry.hash, header_rlp);
        cr_assert_eq(cht_put(cht, number, &entry), STATUS_OK);
        cht_bloom_add(tries->bloom, number, &header.bloom);
    }
    cr_assert_eq(cht_bloom_put(bloom, 0, tries->bloom), STATUS_OK);
    trie_commit(cht, &tries->cht_root);
    trie_commit(bloom, &tries->bloom_root);
    trie_free(cht);
    trie_free(bloom);
}

/* ---- the recorded exchanges ---- */

struct ask {
    uint64_t type, section;
    struct span key;
};

static struct ask read_request(struct span payload)
{
    struct ask ask;
    struct rlp outer = rlp_reader(payload), list = rlp_list(&outer);
    rlp_u64(&list);
    struct rlp items = rlp_list(&list), item = rlp_list(&items);
    ask.type = rlp_u64(&item);
    ask.section = rlp_u64(&item);
    ask.key = rlp_bytes(&item);
    cr_assert_eq(rlp_u64(&item), 0, "fromLevel");
    rlp_u64(&item); /* auxReq */
    cr_assert(rlp_end(&item) && rlp_end(&items) && rlp_end(&list) && rlp_end(&outer));
    return ask;
}

static void read_reply(struct span payload, struct span *nodes, struct span *aux)
{
    struct rlp outer = rlp_reader(payload), list = rlp_list(&outer);
    rlp_u64(&list);
    rlp_u64(&list);
    struct rlp data = rlp_list(&list), node_list = rlp_list(&data), aux_list = rlp_list(&data);
    *nodes = SPAN(node_list.data, node_list.size);
    *aux = rlp_more(&aux_list) ? rlp_bytes(&aux_list) : SPAN_EMPTY;
    cr_assert(rlp_end(&aux_list) && rlp_end(&data) && rlp_end(&list) && rlp_end(&outer));
}

static void check_cht(const struct tries *tries, const struct ask *ask, struct trie_nodes *set,
                      struct span aux)
{
    struct cht_entry entry;
    uint64_t number = be_read(ask->key.data, ask->key.size);
    cr_assert_eq(cht_walk(&entry, trie_nodes_source(set), &tries->cht_root, number), TRIE_FOUND);
    cr_assert(cht_entry_matches(&entry, aux, number));
    cr_assert(!cht_entry_matches(&entry, aux, number + 1));
    cr_assert(!cht_entry_matches(&entry, SPAN(aux.data, aux.size - 1), number));
    /* The genesis has difficulty 1, every other block 2. */
    struct u256 td = u256_from_u64(number * 2 + 1);
    cr_assert(u256_equal(&entry.td, &td));
}

static void check_bloom(const struct tries *tries, const struct ask *ask, struct trie_nodes *set)
{
    uint8_t vector[CHT_BLOOM_VECTOR_SIZE_MAX];
    unsigned bit = (unsigned)be_read(ask->key.data, 2);
    cr_assert_eq(ask->key.size, CHT_BLOOM_KEY_SIZE);
    enum trie_result result =
        cht_bloom_walk(vector, sizeof(vector), trie_nodes_source(set), &tries->bloom_root, bit,
                       be_read(ask->key.data + 2, 8));
    struct span built = cht_bloom_vector(tries->bloom, bit);
    struct buf packed = {0};
    cht_bloom_compress(&packed, built);
    cr_assert_eq(result, packed.size ? TRIE_FOUND : TRIE_ABSENT, "bit %u", bit);
    buf_free(&packed);
    cr_assert(span_equal(SPAN(vector, sizeof(vector)), built));
}

static void check_exchange(const struct tries *tries, const json_t *request, const json_t *reply)
{
    const char *note = json_string_value(json_object_get(request, "note"));
    struct buf request_bytes = fixture_hex(json_string_value(json_object_get(request, "payload")));
    struct buf reply_bytes = fixture_hex(json_string_value(json_object_get(reply, "payload")));
    struct ask ask = read_request(buf_span(&request_bytes));
    struct span nodes, aux;
    read_reply(buf_span(&reply_bytes), &nodes, &aux);
    struct trie_nodes *set = trie_nodes_new(nodes, TRIE_DEPTH_MAX);
    cr_assert_not_null(set, "%s", note);
    cr_assert_eq(ask.section, 0);
    if (ask.type == 0)
        check_cht(tries, &ask, set, aux);
    else
        check_bloom(tries, &ask, set);
    cr_assert(trie_nodes_all_used(set), "%s", note);
    struct buf proof = {0};
    const struct hash32 *root = ask.type == 0 ? &tries->cht_root : &tries->bloom_root;
    cr_assert_eq(trie_prove(tries->store, root, ask.key, 0, NULL, NULL, &proof), STATUS_OK);
    cr_assert(span_equal(buf_span(&proof), nodes), "%s: proved otherwise", note);
    buf_free(&proof);
    trie_nodes_free(set);
    buf_free(&request_bytes);
    buf_free(&reply_bytes);
}

Test(cht_vectors, section_built_from_headers_is_the_one_a_server_proved)
{
    struct tally tally = {.name = RECORDING};
    json_t *file = fixture_json(RECORDING);
    struct buf chain = unpack(CHAIN);
    struct tries tries;
    build(&tries, buf_span(&chain));
    json_t *messages = json_object_get(file, "messages"), *message;
    size_t index;
    json_array_foreach(messages, index, message)
    {
        if (json_integer_value(json_object_get(message, "code")) != GET_HELPER_TRIE_PROOFS)
            continue;
        const json_t *reply = json_array_get(messages, index + 1);
        cr_assert_eq(json_integer_value(json_object_get(reply, "code")), HELPER_TRIE_PROOFS);
        check_exchange(&tries, message, reply);
        tally_run(&tally);
    }
    tally_end(&tally);
    cht_bloom_free(tries.bloom);
    node_store_free(tries.store);
    buf_free(&chain);
    json_decref(file);
}
