/* Receipts, bodies and transactions as go-ethereum servers gave them for the two recorded chains.
 */
#include "les/eth/keccak.h"
#include "les/eth/receipt.h"
#include "les/eth/rlp.h"
#include "les/eth/tx.h"
#include "tests/fixture/chain.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define COMPAT "vectors/rpc-compat/"
#define CLIQUE "vectors/geth-les/chain-small.rlp"

TestSuite(eth_recorded, .fini = fixture_leak_gate, .timeout = 120);

static const struct chain_block *block_of(const struct chain_file *chain, const uint8_t hash32[32])
{
    for (size_t i = 0; i < chain->count; i++)
        if (memcmp(chain->blocks[i].hash.bytes, hash32, 32) == 0)
            return &chain->blocks[i];
    return NULL;
}

/* One block's receipts: the root, each envelope there and back, the header's bloom. Returns how
 * many. */
static size_t check_receipts(struct span payload, const struct header *header)
{
    struct span *list = mem_alloc(BLOCK_TRANSACTIONS_MAX * sizeof *list);
    struct bloom256 bloom = {{0}};
    size_t count;
    cr_assert(receipts_match(payload, &header->receipts_root));
    cr_assert(receipts_split(payload, list, BLOCK_TRANSACTIONS_MAX, &count));
    for (size_t i = 0; i < count; i++) {
        struct receipt receipt;
        struct buf again = {0};
        cr_assert(receipt_decode(&receipt, list[i]));
        receipt_encode(&again, &receipt);
        cr_assert(span_equal(buf_span(&again), list[i]));
        for (size_t j = 0; j < sizeof bloom.bytes; j++)
            bloom.bytes[j] |= receipt.bloom.bytes[j];
        buf_free(&again);
    }
    cr_assert_eq(memcmp(bloom.bytes, header->bloom.bytes, sizeof bloom.bytes), 0);
    mem_free(list);
    return count;
}

/* ---- LES replies ---- */

static struct rlp reply_items(struct buf *bytes, const json_t *record)
{
    *bytes = fixture_hex(json_string_value(json_object_get(record, "payload")));
    struct rlp outer = rlp_reader(buf_span(bytes)), message = rlp_list(&outer);
    rlp_u64(&message); /* request id */
    if (strcmp(json_string_value(json_object_get(record, "from")), "server") == 0)
        rlp_u64(&message); /* buffer value */
    return rlp_list(&message);
}

/* The request's hashes and the reply's items, side by side; the server leaves out what it does not
 * have. */
static size_t check_exchange(const struct chain_file *chain, const json_t *request,
                             const json_t *reply, bool receipts)
{
    struct buf asked_bytes, given_bytes;
    struct rlp asked = reply_items(&asked_bytes, request), given = reply_items(&given_bytes, reply);
    size_t checked = 0;
    while (rlp_more(&asked)) {
        uint8_t hash[32];
        struct body body;
        rlp_fixed(&asked, hash, sizeof hash);
        const struct chain_block *block = block_of(chain, hash);
        if (block == NULL)
            continue;
        if (receipts) {
            struct rlp list = rlp_list(&given);
            check_receipts(SPAN(list.data, list.size), &block->header);
        } else {
            cr_assert(body_decode(&body, rlp_raw(&given)));
            cr_assert(body_matches(&body, &block->header));
        }
        checked++;
    }
    cr_assert(rlp_end(&asked) && rlp_end(&given));
    buf_free(&asked_bytes);
    buf_free(&given_bytes);
    return checked;
}

static size_t check_code(unsigned request_code, bool receipts)
{
    struct chain_file chain = chain_file_read(CLIQUE);
    json_t *file = fixture_json("vectors/geth-les/small-les3.json"), *record;
    const json_t *request = NULL;
    size_t index, checked = 0;
    json_array_foreach(json_object_get(file, "messages"), index, record)
    {
        json_int_t code = json_integer_value(json_object_get(record, "code"));
        if (code == request_code)
            request = record;
        else if (code == request_code + 1 && request != NULL)
            checked += check_exchange(&chain, request, record, receipts);
    }
    json_decref(file);
    chain_file_free(&chain);
    return checked;
}

Test(eth_recorded, bodies_of_a_les_server_match_their_headers)
{
    cr_assert_geq(check_code(4, false), 16);
}

Test(eth_recorded, receipts_of_a_les_server_match_their_headers)
{
    cr_assert_geq(check_code(6, true), 16);
}

/* ---- JSON-RPC answers ---- */

/* The `result` of the first exchange in a .io file. */
static json_t *io_result(const char *path)
{
    struct buf file = fixture_file(path);
    buf_add_u8(&file, 0);
    const char *line = strstr((const char *)file.data, "\n<< ");
    cr_assert_not_null(line, "%s", path);
    json_error_t error;
    json_t *answer = json_loads(line + 4, JSON_DISABLE_EOF_CHECK, &error);
    cr_assert_not_null(answer, "%s: %s", path, error.text);
    json_t *result = json_incref(json_object_get(answer, "result"));
    json_decref(answer);
    buf_free(&file);
    return result;
}

static const char *text(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static uint64_t quantity(const json_t *object, const char *key)
{
    const char *digits = text(object, key);
    cr_assert_not_null(digits, "%s", key);
    return strtoull(digits, NULL, 16);
}

static void add_log(struct buf *logs, const json_t *json)
{
    struct log_entry log = {0};
    struct buf data = fixture_hex(text(json, "data"));
    const json_t *topic;
    size_t index;
    fixture_hex_exact(log.address.bytes, 20, text(json, "address"));
    json_array_foreach(json_object_get(json, "topics"), index, topic)
        fixture_hex_exact(log.topics[log.topics_count++].bytes, 32, json_string_value(topic));
    log.data = buf_span(&data);
    log_encode(logs, &log);
    buf_free(&data);
}

/* Makes the consensus form out of what JSON-RPC shows of a receipt; the bloom is computed. */
static void add_receipt(struct buf *payload, const json_t *json)
{
    struct receipt receipt = {.type = (uint8_t)quantity(json, "type")};
    struct buf logs = {0}, envelope = {0};
    const json_t *log;
    size_t index;
    receipt.cumulative_gas = quantity(json, "cumulativeGasUsed");
    receipt.has_state_root = text(json, "root") != NULL;
    if (receipt.has_state_root)
        fixture_hex_exact(receipt.state_root.bytes, 32, text(json, "root"));
    else
        receipt.status = quantity(json, "status");
    json_array_foreach(json_object_get(json, "logs"), index, log) add_log(&logs, log);
    receipt.logs = buf_span(&logs);
    struct log_entry entry;
    for (struct span rest = receipt.logs; log_next(&rest, &entry);) {
        bloom_add(&receipt.bloom, SPAN(entry.address.bytes, 20));
        for (size_t i = 0; i < entry.topics_count; i++)
            bloom_add(&receipt.bloom, SPAN(entry.topics[i].bytes, 32));
    }
    fixture_expect_hex(SPAN(receipt.bloom.bytes, 256), text(json, "logsBloom"));
    receipt_encode(&envelope, &receipt);
    if (receipt.type == 0)
        buf_add_span(payload, buf_span(&envelope));
    else
        rlp_add_bytes(payload, buf_span(&envelope));
    buf_free(&logs);
    buf_free(&envelope);
}

Test(eth_recorded, receipts_made_from_json_have_the_root_of_the_header)
{
    static const char *const names[] = {"get-block-receipts-n", "get-block-receipts-by-hash",
                                        "get-block-receipts-latest"};
    struct chain_file chain = chain_file_read(COMPAT "chain.rlp");
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        struct buf path = {0}, payload = {0};
        uint8_t hash[32];
        buf_printf(&path, COMPAT "eth_getBlockReceipts/%s.io", names[i]);
        buf_add_u8(&path, 0);
        json_t *result = io_result((const char *)path.data), *receipt;
        size_t index;
        json_array_foreach(result, index, receipt) add_receipt(&payload, receipt);
        cr_assert_gt(index, 0, "%s", names[i]);
        fixture_hex_exact(hash, 32, text(json_array_get(result, 0), "blockHash"));
        const struct chain_block *block = block_of(&chain, hash);
        cr_assert_not_null(block);
        cr_assert_eq(check_receipts(buf_span(&payload), &block->header), json_array_size(result));
        json_decref(result);
        buf_free(&path);
        buf_free(&payload);
    }
    chain_file_free(&chain);
}

Test(eth_recorded, raw_receipts_have_the_root_of_the_header)
{
    struct chain_file chain = chain_file_read(COMPAT "chain.rlp");
    struct buf payload = {0};
    json_t *result = io_result(COMPAT "debug_getRawReceipts/get-block-n.io"), *receipt;
    size_t index;
    json_array_foreach(result, index, receipt)
    {
        struct buf envelope = fixture_hex(json_string_value(receipt));
        buf_add_span(&payload, buf_span(&envelope));
        buf_free(&envelope);
    }
    cr_assert_gt(check_receipts(buf_span(&payload), &chain.blocks[2].header), 0);
    json_decref(result);
    buf_free(&payload);
    chain_file_free(&chain);
}

/* Finds the transaction by its hash; tx borrows from the chain. */
static bool find_transaction(struct tx *tx, const struct chain_file *chain, const char *hash_text)
{
    struct span *list = mem_alloc(BLOCK_TRANSACTIONS_MAX * sizeof *list);
    struct hash32 wanted, hash;
    bool found = false;
    fixture_hex_exact(wanted.bytes, 32, hash_text);
    for (size_t i = 0; i < chain->count && !found; i++) {
        size_t count;
        cr_assert(body_transactions(&chain->blocks[i].body, list, BLOCK_TRANSACTIONS_MAX, &count));
        for (size_t j = 0; j < count && !found; j++) {
            cr_assert_eq(tx_decode(tx, list[j]), TX_VALID);
            tx_hash(&hash, tx);
            found = hash32_equal(&hash, &wanted);
        }
    }
    mem_free(list);
    return found;
}

static void check_transaction(const struct chain_file *chain, const json_t *json)
{
    static const uint8_t seed[32] = {9};
    struct crypto *crypto = crypto_new(seed);
    struct tx tx;
    struct address20 sender;
    cr_assert(find_transaction(&tx, chain, text(json, "hash")), "%s", text(json, "hash"));
    cr_assert_eq(tx_sender(&sender, &tx, crypto, true), TX_VALID);
    fixture_expect_hex(SPAN(sender.bytes, 20), text(json, "from"));
    cr_assert_eq(tx.nonce, quantity(json, "nonce"));
    cr_assert_eq(tx.gas_limit, quantity(json, "gas"));
    cr_assert_eq(tx.v.words[0], quantity(json, "v"));
    cr_assert_eq(tx.has_to, text(json, "to") != NULL);
    if (tx.has_to)
        fixture_expect_hex(SPAN(tx.to.bytes, 20), text(json, "to"));
    fixture_expect_hex(tx.data, text(json, "input"));
    if (text(json, "type") != NULL)
        cr_assert_eq((uint64_t)tx.type, quantity(json, "type"));
    if (tx.type != TX_LEGACY)
        cr_assert_eq(tx.chain_id, quantity(json, "chainId"));
    const json_t *authorizations = json_object_get(json, "authorizationList");
    size_t count = 0;
    struct tx_authorization authorization;
    for (struct span rest = tx.authorizations; tx_authorization_next(&rest, &authorization);) {
        const json_t *item = json_array_get(authorizations, count++);
        struct address20 signer;
        fixture_expect_hex(SPAN(authorization.address.bytes, 20), text(item, "address"));
        cr_assert_eq(authorization.nonce, quantity(item, "nonce"));
        cr_assert(tx_authorization_signer(&signer, &authorization, crypto));
    }
    cr_assert_eq(count, json_array_size(authorizations));
    cr_assert_eq(tx.blob_hashes_count,
                 json_array_size(json_object_get(json, "blobVersionedHashes")));
    crypto_free(crypto);
}

Test(eth_recorded, transactions_of_all_kinds_are_as_the_full_node_shows_them)
{
    static const char *const names[] = {"get-access-list",  "get-blob-tx",   "get-legacy-create",
                                        "get-legacy-input", "get-legacy-tx", "get-setcode-tx"};
    struct chain_file chain = chain_file_read(COMPAT "chain.rlp");
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        struct buf path = {0};
        buf_printf(&path, COMPAT "eth_getTransactionByHash/%s.io", names[i]);
        buf_add_u8(&path, 0);
        json_t *result = io_result((const char *)path.data);
        check_transaction(&chain, result);
        json_decref(result);
        buf_free(&path);
    }
    chain_file_free(&chain);
}

Test(eth_recorded, clique_transactions_are_as_the_full_node_shows_them)
{
    struct chain_file chain = chain_file_read(CLIQUE);
    json_t *file = fixture_json("vectors/geth-rpc/small-rpc.json"), *record;
    size_t index, checked = 0;
    json_array_foreach(json_object_get(file, "records"), index, record)
    {
        const json_t *result = json_object_get(record, "result");
        if (strcmp(text(record, "method"), "eth_getTransactionByHash") != 0 ||
            !json_is_object(result))
            continue;
        check_transaction(&chain, result);
        checked++;
    }
    cr_assert_geq(checked, 50);
    json_decref(file);
    chain_file_free(&chain);
}
