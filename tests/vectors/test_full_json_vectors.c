/* From JSON back to consensus bytes: what nodes published and recorded, and whole chains written as
 * go-ethereum writes them, must give the bytes of the chain files. */
#include "conf/genesis.h"
#include "gateway/rpc/render.h"
#include "les/eth/rlp.h"
#include "les/eth/trie_build.h"
#include "les/node/full_json.h"
#include "les/node/ledger.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define COMPAT "vectors/rpc-compat/"

TestSuite(full_json_vectors, .fini = fixture_leak_gate, .timeout = 120);

struct place {
    struct crypto *crypto;
    struct node_store *store;
    struct genesis *genesis;
    struct ledger *ledger;
};

static struct place place_new(const char *genesis_path, const char *chain_path)
{
    struct place place = {0};
    struct buf error = {0}, bytes = fixture_file(genesis_path), chain = fixture_file(chain_path);
    uint8_t seed[32] = {1};
    cr_assert_eq(genesis_parse(&place.genesis, buf_span(&bytes), genesis_path, &error), STATUS_OK);
    place.store = node_store_new();
    genesis_build(place.genesis, place.store);
    place.crypto = crypto_new(seed);
    struct ledger_config config = {
        .spec = &place.genesis->spec, .crypto = place.crypto, .store = place.store};
    place.ledger = ledger_new(&config, &place.genesis->header);
    cr_assert_eq(ledger_import(place.ledger, buf_span(&chain), &error), STATUS_OK, "%.*s",
                 (int)error.size, (const char *)error.data);
    buf_free(&error);
    buf_free(&bytes);
    buf_free(&chain);
    return place;
}

static void place_free(struct place *place)
{
    ledger_free(place->ledger);
    genesis_free(place->genesis);
    node_store_free(place->store);
    crypto_free(place->crypto);
}

static struct place compat(void)
{
    return place_new(COMPAT "genesis.json", COMPAT "chain.rlp");
}

static const char *text_of(const struct full_fault *fault)
{
    static char text[256];
    struct buf out = {0};
    full_fault_print(&out, fault);
    snprintf(text, sizeof text, "%.*s", (int)out.size, (const char *)out.data);
    buf_free(&out);
    return text;
}

static void expect_same(const struct buf *made, struct span wanted, const char *what)
{
    cr_assert(span_equal(buf_span(made), wanted), "%s: %zu bytes, not the %zu of the chain", what,
              made->size, wanted.size);
}

/* ---- one block against the chain ---- */

static json_t *parse(struct buf *text)
{
    json_error_t error;
    json_t *json = json_loadb((const char *)text->data, text->size, 0, &error);
    cr_assert_not_null(json, "%s", error.text);
    buf_clear(text);
    return json;
}

/* The uncles of a body as eth_getUncleByBlockHashAndIndex gives them. */
static json_t *uncles_of(const struct ledger_block *block)
{
    json_t *uncles = json_array();
    struct buf text = {0};
    struct body body;
    cr_assert(body_decode(&body, block->body_rlp));
    struct rlp outer = rlp_reader(body.uncles), list = rlp_list(&outer);
    while (rlp_more(&list)) {
        struct block_header *uncle = block_header_new(rlp_raw(&list), HEADER_BY_NONE);
        cr_assert_not_null(uncle);
        render_uncle(&text, uncle);
        json_array_append_new(uncles, parse(&text));
        block_header_unref(uncle);
    }
    buf_free(&text);
    return uncles;
}

static void check_uncles(const struct ledger_block *block, json_t *json, json_t *uncles)
{
    struct buf out = {0};
    struct full_fault fault;
    size_t count;
    cr_assert(full_uncles_count(&count, json, &fault));
    cr_assert_eq(count, json_array_size(uncles));
    if (count == 0)
        return;
    cr_assert(!full_body(&out, json, NULL, &block->header, &fault));
    cr_assert_str_eq(fault.field, "uncles");
    json_t *wrong = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append(wrong, json);
    cr_assert(!full_body(&out, json, wrong, &block->header, &fault));
    cr_assert_eq(out.size, 0);
    json_decref(wrong);
    buf_free(&out);
}

static void check_block(const struct ledger_block *block, json_t *json, const char *what)
{
    json_t *uncles = uncles_of(block);
    struct buf out = {0};
    struct full_fault fault;
    struct hash32 hash;
    cr_assert(full_header(&out, &hash, json, &block->hash, &fault), "%s: %s", what,
              text_of(&fault));
    expect_same(&out, block->header_rlp, what);
    cr_assert(hash32_equal(&hash, &block->hash));
    buf_clear(&out);
    cr_assert(full_header(&out, NULL, json, NULL, &fault));
    buf_clear(&out);
    if (json_is_object(json_array_get(json_object_get(json, "transactions"), 0)) ||
        json_array_size(json_object_get(json, "transactions")) == 0) {
        check_uncles(block, json, uncles);
        cr_assert(full_body(&out, json, uncles, &block->header, &fault), "%s: %s", what,
                  text_of(&fault));
        expect_same(&out, block->body_rlp, what);
    } else {
        cr_assert(!full_body(&out, json, NULL, &block->header, &fault));
        cr_assert_str_eq(fault.what, "are hashes, not objects");
        cr_assert_eq(out.size, 0);
    }
    json_decref(uncles);
    buf_free(&out);
}

static void check_receipts(const struct ledger_block *block, json_t *json, const char *what)
{
    struct buf out = {0};
    struct full_fault fault;
    cr_assert(full_receipts(&out, json, &block->header.receipts_root, &fault), "%s: %s", what,
              text_of(&fault));
    expect_same(&out, block->receipts_rlp, what);
    buf_free(&out);
}

static void render_receipts(struct buf *out, const struct place *place,
                            const struct ledger_block *block, struct block_header *header)
{
    struct span txs[1024], receipts[1024];
    size_t txs_count, receipts_count;
    struct body body;
    struct rlp reader = rlp_reader(block->receipts_rlp), list = rlp_list(&reader);
    cr_assert(body_decode(&body, block->body_rlp));
    cr_assert(body_transactions(&body, txs, ARRAY_COUNT(txs), &txs_count));
    cr_assert(receipts_split(SPAN(list.data, list.size), receipts, ARRAY_COUNT(receipts),
                             &receipts_count));
    cr_assert_eq(txs_count, receipts_count);
    struct receipt_place at = {.block = header, .spec = &place->genesis->spec};
    buf_add_u8(out, '[');
    for (size_t i = 0; i < receipts_count; i++) {
        struct receipt receipt;
        struct tx tx;
        struct log_entry log;
        cr_assert(receipt_decode(&receipt, receipts[i]));
        cr_assert_eq(tx_decode(&tx, txs[i]), TX_VALID);
        at.tx_index = i;
        if (i > 0)
            buf_add_u8(out, ',');
        cr_assert(render_receipt(out, place->crypto, &receipt, &tx, &at));
        at.gas_before = receipt.cumulative_gas;
        for (struct span logs = receipt.logs; log_next(&logs, &log);)
            at.first_log_index++;
    }
    buf_add_u8(out, ']');
}

static void check_chain(struct place place, const char *name)
{
    struct tally tally = {.name = name};
    struct buf text = {0};
    for (uint64_t i = 1; i <= ledger_head(place.ledger)->header.number; i++) {
        struct ledger_block *block = ledger_by_number(place.ledger, i);
        struct block_header *header = block_header_new(block->header_rlp, HEADER_BY_NONE);
        struct body body;
        cr_assert(body_decode(&body, block->body_rlp));
        cr_assert(render_block(&text, place.crypto, header, &body, true));
        json_t *json = parse(&text);
        check_block(block, json, name);
        json_decref(json);
        render_receipts(&text, &place, block, header);
        json = parse(&text);
        check_receipts(block, json, name);
        json_decref(json);
        block_header_unref(header);
        tally_run(&tally);
    }
    buf_free(&text);
    place_free(&place);
    tally_end(&tally);
}

Test(full_json_vectors, every_block_of_all_forks)
{
    check_chain(compat(), COMPAT "chain.rlp");
}

Test(full_json_vectors, every_block_of_the_recorded_chain)
{
    check_chain(
        place_new("vectors/geth-les/genesis-small.json", "vectors/geth-les/chain-small.rlp"),
        "geth-les/chain-small.rlp");
}

/* ---- what was published ---- */

struct published {
    json_t *params, *result;
};

static struct published published_read(const char *path)
{
    struct buf file = fixture_file(path);
    buf_add_u8(&file, 0);
    struct published out = {NULL, NULL};
    char *ask = strstr((char *)file.data, ">> "), *reply = strstr((char *)file.data, "<< ");
    cr_assert(ask != NULL && reply != NULL);
    json_t *request = json_loads(ask + 3, JSON_DISABLE_EOF_CHECK, NULL);
    json_t *answer = json_loads(reply + 3, JSON_DISABLE_EOF_CHECK, NULL);
    out.params = json_incref(json_object_get(request, "params"));
    out.result = json_incref(json_object_get(answer, "result"));
    json_decref(request);
    json_decref(answer);
    buf_free(&file);
    return out;
}

static void published_free(struct published *published)
{
    json_decref(published->params);
    json_decref(published->result);
}

static const struct ledger_block *block_of(const struct place *place, json_t *object,
                                           const char *field)
{
    struct hash32 hash;
    return full_read_fixed(hash.bytes, 32, json_object_get(object, field))
               ? ledger_by_hash(place->ledger, &hash)
               : NULL;
}

static void check_folder(const char *folder, void (*check)(struct place *place, json_t *result,
                                                           const char *path, struct tally *tally))
{
    struct tally tally = {.name = folder};
    struct place place = compat();
    struct fixture_list files = fixture_list(folder, ".io");
    for (size_t i = 0; i < files.count; i++) {
        struct published published = published_read(files.paths[i]);
        if (json_is_object(published.result) || json_array_size(published.result) > 0)
            check(&place, published.result, files.paths[i], &tally);
        else
            tally_skip(&tally, files.paths[i], "nothing there");
        published_free(&published);
    }
    fixture_list_free(&files);
    place_free(&place);
    tally_end(&tally);
}

static void on_block(struct place *place, json_t *result, const char *path, struct tally *tally)
{
    const struct ledger_block *block = block_of(place, result, "hash");
    cr_assert_not_null(block, "%s", path);
    check_block(block, result, path);
    tally_run(tally);
}

static void on_receipts(struct place *place, json_t *result, const char *path, struct tally *tally)
{
    const struct ledger_block *block = block_of(place, json_array_get(result, 0), "blockHash");
    cr_assert_not_null(block, "%s", path);
    check_receipts(block, result, path);
    tally_run(tally);
}

static void on_tx(struct place *place, json_t *result, const char *path, struct tally *tally)
{
    struct hash32 hash;
    struct full_fault fault;
    struct buf out = {0};
    struct body body;
    struct span txs[1024];
    size_t count;
    cr_assert(full_read_fixed(hash.bytes, 32, json_object_get(result, "hash")));
    const struct ledger_tx *tx = ledger_tx(place->ledger, &hash);
    cr_assert_not_null(tx, "%s", path);
    cr_assert(body_decode(&body, tx->block->body_rlp));
    cr_assert(body_transactions(&body, txs, ARRAY_COUNT(txs), &count));
    cr_assert(full_tx(&out, result, &fault), "%s: %s", path, text_of(&fault));
    expect_same(&out, txs[tx->index], path);
    buf_free(&out);
    tally_run(tally);
}

Test(full_json_vectors, published_blocks)
{
    check_folder(COMPAT "eth_getBlockByNumber", on_block);
}

Test(full_json_vectors, published_receipts)
{
    check_folder(COMPAT "eth_getBlockReceipts", on_receipts);
}

Test(full_json_vectors, published_transactions_of_every_type)
{
    check_folder(COMPAT "eth_getTransactionByHash", on_tx);
}

Test(full_json_vectors, published_raw_forms)
{
    struct place place = compat();
    struct full_fault fault;
    struct buf out = {0};
    struct published published = published_read(COMPAT "debug_getRawReceipts/get-block-n.io");
    uint64_t number;
    cr_assert(full_read_u64(&number, json_array_get(published.params, 0)));
    const struct ledger_block *block = ledger_by_number(place.ledger, number);
    cr_assert(full_raw_receipts(&out, published.result, &block->header.receipts_root, &fault), "%s",
              text_of(&fault));
    expect_same(&out, block->receipts_rlp, "raw receipts");
    published_free(&published);
    buf_clear(&out);
    published = published_read(COMPAT "debug_getRawBlock/get-block-n.io");
    cr_assert(full_read_u64(&number, json_array_get(published.params, 0)));
    block = ledger_by_number(place.ledger, number);
    cr_assert(full_raw_body(&out, published.result, &block->header, &fault), "%s", text_of(&fault));
    expect_same(&out, block->body_rlp, "raw block");
    buf_clear(&out);
    block = ledger_by_number(place.ledger, number + 1);
    cr_assert(!full_raw_body(&out, published.result, &block->header, &fault));
    cr_assert_eq(out.size, 0);
    published_free(&published);
    published = published_read(COMPAT "debug_getRawHeader/get-block-n.io");
    cr_assert(full_read_u64(&number, json_array_get(published.params, 0)));
    block = ledger_by_number(place.ledger, number);
    cr_assert(full_raw(&out, published.result, &block->hash, &fault));
    expect_same(&out, block->header_rlp, "raw header");
    published_free(&published);
    buf_free(&out);
    place_free(&place);
}

/* ---- proofs ---- */

static bool read_key(struct hash32 *slot, json_t *json)
{
    struct u256 value;
    if (!full_read_u256(&value, json))
        return false;
    for (size_t i = 0; i < 4; i++)
        be_write(slot->bytes + 24 - 8 * i, 8, value.words[i]);
    return true;
}

/* Every value that the node says beside its proof is what the proof proves. */
static size_t check_proof(json_t *proof, const struct hash32 *state_root, const char *what)
{
    struct full_fault fault;
    struct buf out = {0}, hashes = {0};
    struct account account;
    struct address20 address;
    struct u256 balance, said;
    size_t i, checked = 1;
    json_t *entry;
    bool exists;
    cr_assert(full_read_fixed(address.bytes, 20, json_object_get(proof, "address")));
    cr_assert(
        full_account_proof(&out, &hashes, &account, &exists, proof, state_root, &address, &fault),
        "%s: %s", what, text_of(&fault));
    cr_assert_eq(hashes.size % 32, 0);
    cr_assert_eq(hashes.size / 32, json_array_size(json_object_get(proof, "accountProof")));
    cr_assert(full_read_u256(&balance, json_object_get(proof, "balance")));
    cr_assert_eq(memcmp(&balance, &account.balance, sizeof balance), 0, "%s", what);
    json_array_foreach(json_object_get(proof, "storageProof"), i, entry)
    {
        struct hash32 slot, value;
        struct u256 proved = {{0}};
        cr_assert(read_key(&slot, json_object_get(entry, "key")));
        cr_assert(
            full_storage_proof(&out, &hashes, &value, proof, &account.storage_root, &slot, &fault),
            "%s: %s", what, text_of(&fault));
        for (size_t w = 0; w < 4; w++)
            proved.words[w] = be_read(value.bytes + 24 - 8 * w, 8);
        cr_assert(full_read_u256(&said, json_object_get(entry, "value")));
        cr_assert_eq(memcmp(&said, &proved, sizeof said), 0, "%s", what);
        checked++;
    }
    address.bytes[7] ^= 1; /* of another account it proves nothing, or its absence */
    bool proves =
        full_account_proof(&out, &hashes, &account, &exists, proof, state_root, &address, &fault);
    cr_assert(!proves || !exists);
    buf_free(&out);
    buf_free(&hashes);
    return checked;
}

Test(full_json_vectors, published_proofs)
{
    struct tally tally = {.name = "eth_getProof"};
    struct place place = compat();
    struct fixture_list files = fixture_list(COMPAT "eth_getProof", ".io");
    for (size_t i = 0; i < files.count; i++) {
        struct published published = published_read(files.paths[i]);
        check_proof(published.result, &ledger_head(place.ledger)->header.state_root,
                    files.paths[i]);
        tally_run(&tally);
        published_free(&published);
    }
    fixture_list_free(&files);
    place_free(&place);
    tally_end(&tally);
}

/* ---- what go-ethereum 1.9.7 said ---- */

Test(full_json_vectors, an_old_nodes_answers)
{
    struct tally tally = {.name = "geth-rpc/small-rpc.json"};
    json_t *file = fixture_json("vectors/geth-rpc/small-rpc.json"), *record;
    struct place place =
        place_new("vectors/geth-les/genesis-small.json", "vectors/geth-les/chain-small.rlp");
    size_t i;
    json_array_foreach(json_object_get(file, "records"), i, record)
    {
        const char *method = json_string_value(json_object_get(record, "method"));
        json_t *result = json_object_get(record, "result");
        if (!json_is_object(result))
            continue;
        if (strncmp(method, "eth_getBlockBy", 14) == 0)
            on_block(&place, result, method, &tally);
        else if (strncmp(method, "eth_getTransactionBy", 20) == 0)
            on_tx(&place, result, method, &tally);
        else if (strcmp(method, "eth_getProof") == 0 &&
                 check_proof(result, &ledger_head(place.ledger)->header.state_root, method) > 0)
            tally_run(&tally);
    }
    json_decref(file);
    place_free(&place);
    tally_end(&tally);
}
