/* JSON-RPC through the whole light client in the simulated world: published answers byte for byte,
 * answers of a real go-ethereum field by field, and what no vector shows: hints that do not hold,
 * transactions under way, kept answers when the head moves. */
#include "gateway/eth/methods.h"
#include "les/eth/keccak.h"
#include "les/eth/tx.h"
#include "les/eth/u256.h"
#include "les/proto/wire.h"
#include "tests/fixture/fixture.h"
#include "tests/sim/world_les.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>

#define GENESIS "vectors/rpc-compat/genesis.json"
#define CHAIN   "vectors/rpc-compat/chain.rlp"
#define HEAD    54

TestSuite(methods, .fini = fixture_leak_gate, .timeout = 300);

#define CALL(method, params)                                                                       \
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"" method "\",\"params\":[" params "]}"
#define RESULT(json) "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":" json "}"

static bool is_offered(const char *method, size_t size)
{
    for (size_t i = 0; i < METHODS_COUNT; i++)
        if (strlen(METHODS[i].name) == size && strncmp(METHODS[i].name, method, size) == 0)
            return true;
    return false;
}

/* ---- execution-apis: every file, twice (the second answer is a kept one) ---- */

static void run_file(struct sim *sim, const char *path, struct tally *tally)
{
    struct buf file = fixture_file(path);
    buf_add_u8(&file, 0);
    const char *request = NULL;
    for (char *line = strtok((char *)file.data, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        if (strncmp(line, ">> ", 3) == 0)
            request = line + 3;
        if (strncmp(line, "<< ", 3) != 0)
            continue;
        cr_assert_neq(request, NULL, "%s", path);
        cr_assert_str_eq(sim_rpc(sim, request), line + 3, "%s\n%.600s\nand not\n%.600s", path,
                         sim_rpc(sim, request), line + 3);
        cr_assert_str_eq(sim_rpc(sim, request), line + 3, "%s: asked again", path);
        tally_run(tally);
    }
    buf_free(&file);
}

Test(methods, answer_as_published_byte_for_byte)
{
    struct tally tally = {.name = "rpc-compat"};
    struct fixture_list files = fixture_list("vectors/rpc-compat", ".io");
    struct sim *sim = sim_new(1, GENESIS, CHAIN, 2);
    sim_start_light(sim, 2, 100);
    sim_wait_head(sim, HEAD, 5000);
    for (size_t i = 0; i < files.count; i++) {
        const char *method = strstr(files.paths[i], "rpc-compat/") + strlen("rpc-compat/");
        if (is_offered(method, (size_t)(strchr(method, '/') - method)))
            run_file(sim, files.paths[i], &tally);
        else
            tally_skip(&tally, method, "the method is not offered");
    }
    cr_assert_eq(sim_lies(sim), 0, "%s", sim_log(sim));
    sim_free(sim);
    fixture_list_free(&files);
    tally_end(&tally);
}

/* ---- a real go-ethereum 1.9.7: it had fewer fields ---- */

/* Everything that geth said is said here too, and the same. */
static void expect_covers(const json_t *ours, const json_t *theirs, const char *where)
{
    const char *key;
    json_t *item;
    size_t i;
    cr_assert_neq(ours, NULL, "%s is missing", where);
    cr_assert_eq(json_typeof(ours), json_typeof(theirs), "%s", where);
    if (json_is_array(theirs)) {
        cr_assert_eq(json_array_size(ours), json_array_size(theirs), "%s", where);
        json_array_foreach(theirs, i, item) expect_covers(json_array_get(ours, i), item, where);
        return;
    }
    if (!json_is_object(theirs)) {
        cr_assert(json_equal(ours, theirs), "%s: %s and not %s", where, json_string_value(ours),
                  json_string_value(theirs));
        return;
    }
    json_object_foreach((json_t *)theirs, key, item)
    {
        if (strcmp(key, "totalDifficulty") != 0) /* newer go-ethereum has dropped it */
            expect_covers(json_object_get(ours, key), item, key);
    }
}

/* That version searched to the last unit; newer ones stop 1.5 % above it. */
static void expect_estimate(const json_t *ours, const json_t *theirs)
{
    uint64_t estimate = strtoull(json_string_value(ours), NULL, 16),
             exact = strtoull(json_string_value(theirs), NULL, 16);
    cr_assert(estimate >= exact && (double)estimate <= (double)exact * 1.016,
              "%" PRIu64 " %" PRIu64, estimate, exact);
}

static void run_record(struct sim *sim, const json_t *record, struct tally *tally)
{
    const char *method = json_string_value(json_object_get(record, "method"));
    json_t *theirs = json_object_get(record, "result");
    if (!is_offered(method, strlen(method)) || theirs == NULL) {
        tally_skip(tally, method,
                   theirs == NULL ? "an error of that version" : "the method is not offered");
        return;
    }
    json_t *request = json_pack("{s:s, s:i, s:s, s:O}", "jsonrpc", "2.0", "id", 1, "method", method,
                                "params", json_object_get(record, "params"));
    char *text = json_dumps(request, JSON_COMPACT);
    json_t *answer = json_loads(sim_rpc(sim, text), JSON_DECODE_ANY, NULL);
    const json_t *error = json_object_get(answer, "error");
    if (error != NULL && json_integer_value(json_object_get(error, "code")) == RPC_REVERTED)
        expect_covers(json_object_get(error, "data"), theirs, text); /* then it was a result */
    else if (strcmp(method, "eth_estimateGas") == 0)
        expect_estimate(json_object_get(answer, "result"), theirs);
    else
        expect_covers(json_object_get(answer, "result"), theirs, text);
    tally_run(tally);
    json_decref(answer);
    json_decref(request);
    free(text);
}

Test(methods, answer_as_a_real_node_did)
{
    struct tally tally = {.name = "geth-rpc/small-rpc.json"};
    json_t *file = fixture_json("vectors/geth-rpc/small-rpc.json"), *record;
    struct sim *sim =
        sim_new(2, "vectors/geth-les/genesis-small.json", "vectors/geth-les/chain-small.rlp", 1);
    size_t i;
    sim_start_light(sim, 1, 100);
    sim_wait_head(sim, 600, 5000);
    json_array_foreach(json_object_get(file, "records"), i, record) run_record(sim, record, &tally);
    cr_assert_eq(sim_lies(sim), 0, "%s", sim_log(sim));
    sim_free(sim);
    json_decref(file);
    tally_end(&tally);
}

/* ---- hints about transactions that do not hold ---- */

struct liar {
    void (*lie)(struct les_tx_status *status);
    uint64_t told;
};

static bool on_tx_status(void *owner, unsigned code, struct buf *payload)
{
    struct liar *liar = owner;
    uint64_t id, buffer_value;
    struct span data;
    struct les_tx_status status;
    struct buf changed = {0};
    if (code != LES_TX_STATUS || !les_reply_decode(&id, &buffer_value, &data, buf_span(payload)))
        return true;
    struct les_items items = {data, false};
    struct les_writer writer = les_reply_begin(&changed, id, buffer_value);
    while (les_tx_status_next(&items, &status)) {
        liar->lie(&status);
        les_tx_status_encode(&changed, &status);
    }
    les_reply_end(&changed, writer);
    liar->told++;
    buf_free(payload);
    *payload = changed;
    return true;
}

static void lie_other_block(struct les_tx_status *status)
{
    status->block.hash.bytes[5] ^= 1;
}

static void lie_other_number(struct les_tx_status *status)
{
    status->block.number--;
}

static void lie_index_too_high(struct les_tx_status *status)
{
    status->index += 100000;
}

static void lie_ahead(struct les_tx_status *status)
{
    status->block.number += 1000;
}

/* Hashes of the transactions of the newest blocks, by an honest light client. */
static size_t newest_hashes(struct sim *sim, char (*hashes)[67], size_t max)
{
    size_t count = 0;
    for (unsigned number = HEAD; count < max; number--) {
        char request[160];
        snprintf(request, sizeof request, CALL("eth_getBlockByNumber", "\"0x%x\",false"), number);
        json_t *answer = json_loads(sim_rpc(sim, request), 0, NULL), *item;
        json_t *list = json_object_get(json_object_get(answer, "result"), "transactions");
        size_t i;
        json_array_foreach(list, i, item) if (count < max)
            snprintf(hashes[count++], 67, "%s", json_string_value(item));
        json_decref(answer);
    }
    return count;
}

static void expect_truth(void (*lie)(struct les_tx_status *status), bool is_lie)
{
    struct sim *honest = sim_new(1, GENESIS, CHAIN, 3), *lying = sim_new(1, GENESIS, CHAIN, 3);
    struct liar liar = {.lie = lie};
    char hashes[12][67], request[200];
    sim_start_light(honest, 3, 66);
    sim_start_light(lying, 3, 66);
    sim_wait_head(honest, HEAD, 5000);
    sim_wait_head(lying, HEAD, 5000);
    sim_set_tamper(lying, 0, on_tx_status, &liar);
    sim_set_tamper(lying, 1, on_tx_status, &liar);
    size_t count = newest_hashes(honest, hashes, ARRAY_COUNT(hashes));
    for (size_t i = 0; i < count; i++) {
        snprintf(request, sizeof request, CALL("%s", "\"%s\""),
                 i % 2 == 0 ? "eth_getTransactionByHash" : "eth_getTransactionReceipt", hashes[i]);
        const char *truth = sim_rpc(honest, request);
        cr_assert(strstr(truth, "\"blockHash\":\"0x") != NULL, "%s", truth);
        cr_assert_str_eq(sim_rpc(lying, request), truth, "%s\n%s", request, sim_log(lying));
    }
    cr_assert_gt(liar.told, 0, "no liar was asked");
    if (is_lie)
        cr_assert_gt(sim_lies(lying), 0, "%s", sim_log(lying));
    else
        cr_assert_eq(sim_lies(lying), 0, "%s", sim_log(lying));
    sim_free(honest);
    sim_free(lying);
}

Test(methods, a_transaction_in_a_block_that_is_not_canonical)
{
    expect_truth(lie_other_block, true);
}

Test(methods, a_transaction_under_the_number_of_another_block)
{
    expect_truth(lie_other_number, true);
}

Test(methods, a_transaction_behind_the_end_of_its_block)
{
    expect_truth(lie_index_too_high, true);
}

Test(methods, a_transaction_above_the_head_is_looked_for_elsewhere)
{
    expect_truth(lie_ahead, false);
}

Test(methods, when_all_lie_the_answer_is_an_error_and_not_null)
{
    struct sim *sim = sim_new(1, GENESIS, CHAIN, 2);
    struct liar liar = {.lie = lie_index_too_high};
    char hashes[1][67], request[200];
    sim_start_light(sim, 2, 100);
    sim_wait_head(sim, HEAD, 5000);
    newest_hashes(sim, hashes, 1);
    sim_set_tamper(sim, 0, on_tx_status, &liar);
    sim_set_tamper(sim, 1, on_tx_status, &liar);
    snprintf(request, sizeof request, CALL("eth_getTransactionReceipt", "\"%s\""), hashes[0]);
    const char *answer = sim_rpc(sim, request);
    cr_assert(strstr(answer, "\"error\":{\"code\":-32002") != NULL, "%s\n%s", answer, sim_log(sim));
    sim_free(sim);
}

/* ---- sending ---- */

static void expect(struct sim *sim, const char *request, const char *answer)
{
    cr_assert_str_eq(sim_rpc(sim, request), answer, "%s\n%s\nand not\n%s", request,
                     sim_rpc(sim, request), answer);
}

static void expect_error(struct sim *sim, const char *raw, const char *text)
{
    char request[1200], answer[400];
    snprintf(request, sizeof request, CALL("eth_sendRawTransaction", "\"%s\""), raw);
    snprintf(answer, sizeof answer,
             "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32000,\"message\":\"%s\"}}", text);
    expect(sim, request, answer);
}

/* An account of the suite's genesis; the suite publishes its key. */
#define SENDER     "0x0c2c51a0990aee1d73c1228de158688341557508"
#define SENDER_KEY "bfcd0e032489319f4e5ca03e643b2025db624be6cf99cbfed90c4502e3754850"

/* The raw text of a transfer by the sender, as 0x hex in raw and hash. */
static void sign_transfer(char *raw, size_t raw_size, char hash[67], uint64_t nonce)
{
    static const uint8_t seed[32] = {3};
    struct crypto *crypto = crypto_new(seed);
    struct seckey32 secret;
    struct hash32 digest;
    struct buf envelope = {0}, text = {0};
    struct tx tx = {.type = TX_DYNAMIC_FEE,
                    .has_chain_id = true,
                    .chain_id = 3503995874084926,
                    .nonce = nonce,
                    .gas_limit = 21000,
                    .has_to = true};
    fixture_hex_exact(secret.bytes, 32, SENDER_KEY);
    tx.max_fee = u256_from_u64(100000000000);
    tx.max_priority_fee = u256_from_u64(1000000000);
    tx_sign(&envelope, &tx, crypto, &secret);
    keccak256(&digest, buf_span(&envelope));
    buf_add_hex0x(&text, buf_span(&envelope));
    snprintf(raw, raw_size, "%.*s", (int)text.size, (const char *)text.data);
    buf_clear(&text);
    buf_add_hex0x(&text, SPAN(digest.bytes, 32));
    snprintf(hash, 67, "%.*s", (int)text.size, (const char *)text.data);
    buf_free(&text);
    buf_free(&envelope);
    crypto_free(crypto);
}

static void send_one(struct sim *sim, const char *raw, const char *hash)
{
    char request[800], answer[200];
    snprintf(request, sizeof request, CALL("eth_sendRawTransaction", "\"%s\""), raw);
    snprintf(answer, sizeof answer, RESULT("\"%s\""), hash);
    expect(sim, request, answer);
}

Test(methods, what_was_sent_is_pending_and_counts)
{
    struct sim *sim = sim_new(1, GENESIS, CHAIN, 2);
    char raw[3][600], hash[3][67], request[200], answer[800];
    sim_start_light(sim, 2, 100);
    sim_wait_head(sim, HEAD, 5000);
    for (unsigned i = 0; i < 3; i++)
        sign_transfer(raw[i], sizeof raw[i], hash[i], i);
    snprintf(request, sizeof request, CALL("eth_getTransactionByHash", "\"%s\""), hash[0]);
    expect(sim, request, RESULT("null"));
    send_one(sim, raw[0], hash[0]);
    const char *found = sim_rpc(sim, request);
    cr_assert(strstr(found, "{\"blockHash\":null,\"blockNumber\":null,\"blockTimestamp\":null,"
                            "\"from\":\"" SENDER "\"") != NULL,
              "%s", found);
    cr_assert(strstr(found, "\"transactionIndex\":null") != NULL, "%s", found);
    snprintf(request, sizeof request, CALL("eth_getTransactionReceipt", "\"%s\""), hash[0]);
    expect(sim, request, RESULT("null"));
    snprintf(request, sizeof request, CALL("debug_getRawTransaction", "\"%s\""), hash[0]);
    snprintf(answer, sizeof answer, RESULT("\"%s\""), raw[0]);
    expect(sim, request, answer);
    send_one(sim, raw[0], hash[0]); /* again is no error */
    expect(sim, CALL("eth_getTransactionCount", "\"" SENDER "\",\"pending\""), RESULT("\"0x1\""));
    send_one(sim, raw[2], hash[2]);
    expect(sim, CALL("eth_getTransactionCount", "\"" SENDER "\",\"pending\""), RESULT("\"0x1\""));
    send_one(sim, raw[1], hash[1]);
    expect(sim, CALL("eth_getTransactionCount", "\"" SENDER "\",\"pending\""), RESULT("\"0x3\""));
    expect(sim, CALL("eth_getTransactionCount", "\"" SENDER "\",\"latest\""), RESULT("\"0x0\""));
    sim_free(sim);
}

Test(methods, transactions_that_no_pool_would_take)
{
    struct sim *sim = sim_new(1, GENESIS, CHAIN, 1);
    sim_start_light(sim, 1, 100);
    sim_wait_head(sim, HEAD, 5000);
    expect_error(sim, "0x", "typed transaction too short");
    expect_error(sim, "0x02", "typed transaction too short");
    expect_error(sim, "0x05c0", "transaction type not supported");
    expect_error(sim, "0x80", "rlp: expected input list for types.LegacyTx");
    expect_error(sim, "0x0280", "rlp: expected input list for types.DynamicFeeTx");
    expect_error(sim, "0xc0", "rlp: too few elements for types.LegacyTx");
    expect_error(sim, "0x02c101", "rlp: too few elements for types.DynamicFeeTx");
    expect_error(sim, "0xc20101c0", "rlp: input contains more than one value");
    expect_error(sim, "0xc501", "rlp: value size exceeds available input length");
    expect_error(sim, "0xf8", "rlp: value size exceeds available input length");
    expect_error(sim, "0xca01010101010101010101",
                 "rlp: input list has too many elements for types.LegacyTx");
    /* The example of EIP-155, for chain 1; then the same without replay protection. */
    expect_error(
        sim,
        "0xf86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a764"
        "00008025a028ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276a067cbe9"
        "d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83",
        "invalid sender: invalid chain id for signer: have 1 want 3503995874084926");
    expect_error(
        sim,
        "0xf86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a764"
        "0000801ba028ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276a067cbe9"
        "d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83",
        "only replay-protected (EIP-155) transactions allowed over RPC");
    sim_free(sim);
}

/* ---- kept answers ---- */

#define LOGS_TO_LATEST                                                                             \
    CALL("eth_getLogs",                                                                            \
         "{\"fromBlock\":\"0x28\",\"address\":\"0x7dcd17433742f4c0ca53122ab541d0ba67fc27df\"}")

/* Whatever was kept under the head before: a client that starts at the new one says the same. */
Test(methods, kept_answers_change_with_the_head)
{
    static const char *const REQUESTS[] = {
        CALL("eth_getBlockByNumber", "\"latest\",false"),
        CALL("eth_getBlockByNumber", "\"0x30\",false"),
        CALL("eth_getBlockReceipts", "\"0x34\""),
        CALL("eth_getBlockReceipts", "\"latest\""),
        CALL("eth_getBalance", "\"0x7435ed30a8b4aeb0877cef0c6e8cffe834eb865f\""),
        CALL("eth_getTransactionCount", "\"0x7435ed30a8b4aeb0877cef0c6e8cffe834eb865f\",null"),
        CALL("eth_gasPrice", ""),
        CALL("eth_maxPriorityFeePerGas", ""),
        CALL("eth_baseFee", ""),
        CALL("eth_feeHistory", "\"0x10\",\"latest\",[10,50.5]"),
        CALL("eth_feeHistory", "5,\"0x20\",[]"),
        LOGS_TO_LATEST,
    };
    struct sim *moving = sim_new(1, GENESIS, CHAIN, 2);
    sim_start_at(moving, 0, HEAD - 4);
    sim_start_at(moving, 1, HEAD - 4);
    sim_start_light(moving, 2, 100);
    for (uint64_t number = HEAD - 4; number <= HEAD; number++) {
        struct sim *fresh = sim_new(number, GENESIS, CHAIN, 1);
        sim_start_at(fresh, 0, number);
        sim_start_light(fresh, 1, 100);
        sim_set_head(moving, 0, number);
        sim_set_head(moving, 1, number);
        sim_wait_head(fresh, number, 5000);
        sim_wait_head(moving, number, 5000);
        for (size_t i = 0; i < 2 * ARRAY_COUNT(REQUESTS); i++) {
            const char *request = REQUESTS[i % ARRAY_COUNT(REQUESTS)];
            expect(moving, request, sim_rpc(fresh, request));
        }
        sim_free(fresh);
    }
    sim_free(moving);
}
