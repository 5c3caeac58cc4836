/* Servers that lie. In each case the caller gets the right answer inside the same request, the lie
 * is counted, and the liar is named in the log. Two of the three servers lie, so that one of them
 * is asked sooner or later. */
#include "gateway/light/objects.h"
#include "les/eth/receipt.h"
#include "les/eth/rlp.h"
#include "les/proto/wire.h"
#include "tests/fixture/fixture.h"
#include "tests/sim/world_les.h"

#include <criterion/criterion.h>

#define GENESIS "vectors/rpc-compat/genesis.json"
#define CHAIN   "vectors/rpc-compat/chain.rlp"
#define HEAD    54

TestSuite(lies, .fini = fixture_leak_gate, .timeout = 300);

#define CALL(method, params)                                                                       \
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"" method "\",\"params\":[" params "]}"

#define REQUESTS_MAX 8

/* Asks once while everybody is honest, then a new light client while two of the three lie, and
 * compares. */
static void expect_truth(bool (*tamper)(void *owner, unsigned code, struct buf *payload),
                         const char *const *requests, size_t count, const char *named)
{
    /* Which server is asked depends on the world: over a few of them a liar is. */
    uint64_t asked_in_all = 0;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct sim *sim = sim_new(seed, GENESIS, CHAIN, 3);
        char *truths[REQUESTS_MAX];
        uint64_t asked = 0;
        cr_assert_leq(count, REQUESTS_MAX);
        sim_start_light(sim, 3, 66);
        sim_wait_head(sim, HEAD, 5000);
        for (size_t i = 0; i < count; i++) {
            truths[i] = mem_strdup(sim_rpc(sim, requests[i]));
            cr_assert(strstr(truths[i], "\"result\"") != NULL, "%s", truths[i]);
        }
        sim_stop_light(sim);
        sim_start_light(sim, 3, 66);
        sim_wait_head(sim, HEAD, 5000);
        sim_set_tamper(sim, 0, tamper, &asked);
        sim_set_tamper(sim, 1, tamper, &asked);
        for (size_t i = 0; i < count; i++) {
            const char *answer = sim_rpc(sim, requests[i]);
            cr_assert_str_eq(answer, truths[i], "seed %llu: %.200s\nand not %.200s\n%s",
                             (unsigned long long)seed, answer, truths[i], sim_log(sim));
            mem_free(truths[i]);
        }
        asked_in_all += asked;
        cr_assert_eq(sim_lies(sim) > 0, asked > 0, "%s", sim_log(sim));
        cr_assert_eq(strstr(sim_log(sim), named) != NULL, asked > 0, "%s", sim_log(sim));
        cr_assert(asked == 0 || strstr(sim_log(sim), "server=enode://") != NULL, "%s",
                  sim_log(sim));
        sim_free(sim);
    }
    cr_assert_gt(asked_in_all, 0, "no liar was asked");
}

static const char *const STATE_REQUESTS[] = {
    CALL("eth_getBalance", "\"0x7dcd17433742f4c0ca53122ab541d0ba67fc27df\",\"latest\""),
    CALL("eth_getBalance", "\"0xc1cadaffffffffffffffffffffffffffffffffff\",\"latest\""),
    CALL("eth_getStorageAt", "\"0x7dcd17433742f4c0ca53122ab541d0ba67fc27df\",\"0x0\",\"latest\""),
    CALL("eth_getProof", "\"0x7dcd17433742f4c0ca53122ab541d0ba67fc27df\",[\"0x00\"],\"latest\""),
    CALL("eth_simulateV1",
         "{\"blockStateCalls\":[{\"stateOverrides\":{"
         "\"0x7dcd17433742f4c0ca53122ab541d0ba67fc27df\":{\"stateDiff\":{"
         "\"0x0000000000000000000000000000000000000000000000000000000000000000\":"
         "\"0x0000000000000000000000000000000000000000000000000000000000000000\"}}}},{}]}"),
};

static bool on_wrong_leaf(void *owner, unsigned code, struct buf *payload)
{
    if (code != LES_PROOFS_V2 || payload->size < 60)
        return true;
    ++*(uint64_t *)owner;
    payload->data[payload->size - 1] ^= 1; /* inside the value of the last leaf, or of a branch */
    return true;
}

Test(lies, a_wrong_value)
{
    expect_truth(on_wrong_leaf, STATE_REQUESTS, ARRAY_COUNT(STATE_REQUESTS), "gave a false answer");
}

static bool on_wrong_node(void *owner, unsigned code, struct buf *payload)
{
    if (code != LES_PROOFS_V2 || payload->size < 60)
        return true;
    ++*(uint64_t *)owner;
    payload->data[payload->size / 2] ^= 0x10;
    return true;
}

Test(lies, a_wrong_proof_node)
{
    expect_truth(on_wrong_node, STATE_REQUESTS, ARRAY_COUNT(STATE_REQUESTS), "false answer");
}

/* Leaves the first log of the first receipt that has one out, everything else well formed. */
static void copy_without_a_log(struct buf *out, struct span list_payload, bool *done)
{
    struct span envelopes[256];
    size_t count;
    cr_assert(receipts_split(list_payload, envelopes, ARRAY_COUNT(envelopes), &count));
    for (size_t i = 0; i < count; i++) {
        struct receipt receipt;
        struct buf changed = {0};
        struct log_entry log;
        cr_assert(receipt_decode(&receipt, envelopes[i]));
        if (!*done && receipt.logs.size > 0) {
            cr_assert(log_next(&receipt.logs, &log)); /* what remains lacks it */
            *done = true;
        }
        receipt_encode(&changed, &receipt);
        if (changed.data[0] >= 0xc0)
            buf_add_span(out, buf_span(&changed));
        else
            rlp_add_bytes(out, buf_span(&changed));
        buf_free(&changed);
    }
}

static bool on_missing_log(void *owner, unsigned code, struct buf *payload)
{
    uint64_t id, buffer_value;
    struct span data;
    bool done = false;
    if (code != LES_RECEIPTS || !les_reply_decode(&id, &buffer_value, &data, buf_span(payload)))
        return true;
    struct buf changed = {0};
    struct les_writer writer = les_reply_begin(&changed, id, buffer_value);
    for (struct rlp blocks = rlp_reader(data); rlp_more(&blocks);) {
        struct rlp list = rlp_list(&blocks);
        size_t mark = rlp_list_begin(&changed);
        copy_without_a_log(&changed, SPAN(list.data, list.size), &done);
        rlp_list_end(&changed, mark);
    }
    les_reply_end(&changed, writer);
    *(uint64_t *)owner += done;
    buf_clear(payload);
    buf_add_span(payload, buf_span(&changed));
    buf_free(&changed);
    return true;
}

Test(lies, a_receipt_without_one_of_its_logs)
{
    static const char *const REQUESTS[] = {
        CALL("eth_getLogs", "{\"fromBlock\":\"0x3\",\"toBlock\":\"0x6\"}"),
        CALL("eth_getBlockReceipts", "\"0x18\""),
        CALL("eth_getBlockReceipts", "\"0x1b\""),
    };
    expect_truth(on_missing_log, REQUESTS, ARRAY_COUNT(REQUESTS),
                 "receipts that do not match the root");
}

static bool on_other_body(void *owner, unsigned code, struct buf *payload)
{
    static const uint8_t EMPTY_BODY[] = {0xc2, 0xc0, 0xc0};
    uint64_t id, buffer_value;
    struct span data;
    if (code != LES_BLOCK_BODIES || !les_reply_decode(&id, &buffer_value, &data, buf_span(payload)))
        return true;
    ++*(uint64_t *)owner;
    struct buf changed = {0};
    struct les_writer writer = les_reply_begin(&changed, id, buffer_value);
    for (struct rlp bodies = rlp_reader(data); rlp_more(&bodies);) {
        (void)rlp_raw(&bodies);
        buf_add_span(&changed, SPAN(EMPTY_BODY, 3));
    }
    les_reply_end(&changed, writer);
    buf_clear(payload);
    buf_add_span(payload, buf_span(&changed));
    buf_free(&changed);
    return true;
}

Test(lies, the_body_of_another_block)
{
    static const char *const REQUESTS[] = {
        CALL("eth_getBlockByNumber", "\"0x1\",true"),
        CALL("eth_getBlockByNumber", "\"latest\",false"),
        CALL("eth_getBlockTransactionCountByNumber", "\"0x2\""),
    };
    expect_truth(on_other_body, REQUESTS, ARRAY_COUNT(REQUESTS), "a body of another block");
}

static bool on_wrong_header(void *owner, unsigned code, struct buf *payload)
{
    if (code != LES_BLOCK_HEADERS || payload->size < 400)
        return true;
    /* Inside the parent hash of the first header, each time another lie: if two of three trusted
     * servers told the same one, it would be the truth by definition. */
    payload->data[60] ^= (uint8_t)++ * (uint64_t *)owner;
    return true;
}

Test(lies, a_header_whose_hash_does_not_match)
{
    static const char *const REQUESTS[] = {
        CALL("debug_getRawHeader", "\"0x35\""),
        CALL("debug_getRawHeader", "\"0x34\""),
        CALL("debug_getRawHeader", "\"0x33\""),
        CALL("eth_getBlockByHash",
             "\"0xd26a1e23d9d002e78866b369def0241d073eb0642c3dca25ef2f2417242ac9d3\",false"),
    };
    expect_truth(on_wrong_header, REQUESTS, ARRAY_COUNT(REQUESTS),
                 "a header whose hash does not match");
}

static bool on_wrong_place(void *owner, unsigned code, struct buf *payload)
{
    uint64_t id, buffer_value;
    struct span data;
    struct les_tx_status status;
    if (code != LES_TX_STATUS || !les_reply_decode(&id, &buffer_value, &data, buf_span(payload)))
        return true;
    struct buf changed = {0};
    struct les_items items = {data, false};
    struct les_writer writer = les_reply_begin(&changed, id, buffer_value);
    while (les_tx_status_next(&items, &status)) {
        status.index += 1;
        les_tx_status_encode(&changed, &status);
    }
    les_reply_end(&changed, writer);
    ++*(uint64_t *)owner;
    buf_clear(payload);
    buf_add_span(payload, buf_span(&changed));
    buf_free(&changed);
    return true;
}

Test(lies, a_transaction_at_a_place_where_it_is_not)
{
    static const char *const REQUESTS[] = {
        CALL("eth_getTransactionByHash",
             "\"0x3fbac8b19b59077cd29bbacc3815d73577b45a4d976cae80b04c98c793684c07\""),
        CALL("eth_getTransactionReceipt",
             "\"0x695ad02907c9e13ab7c69963f723fa46ac13cd5e2314f61eab2cb2f07b946faa\""),
    };
    expect_truth(on_wrong_place, REQUESTS, ARRAY_COUNT(REQUESTS), "false answer");
}

Test(lies, a_head_without_a_quorum_is_not_a_head)
{
    struct sim *sim = sim_new(7, GENESIS, CHAIN, 3);
    for (size_t i = 0; i < 3; i++)
        sim_start_at(sim, i, HEAD - 2);
    sim_start_light(sim, 3, 66);
    sim_wait_head(sim, HEAD - 2, 5000);
    sim_set_head(sim, 0, HEAD);
    world_run_for_ms(sim_world(sim), 5000);
    sim_wait_head(sim, HEAD - 2, 1);
    sim_free(sim);
}

static bool on_forged_head(void *owner, unsigned code, struct buf *payload)
{
    struct les_announce announce;
    if (code != LES_ANNOUNCE || !les_announce_decode(&announce, buf_span(payload)))
        return true;
    ++*(uint64_t *)owner;
    announce.head.hash.bytes[5] ^= 1; /* the signature is of the true hash */
    buf_clear(payload);
    les_announce_encode(payload, &announce);
    return true;
}

Test(lies, an_announcement_whose_signature_does_not_fit)
{
    struct sim *sim = sim_new(8, GENESIS, CHAIN, 3);
    uint64_t forged = 0;
    for (size_t i = 0; i < 3; i++)
        sim_start_at(sim, i, HEAD - 2);
    sim_start_light(sim, 3, 66);
    sim_wait_head(sim, HEAD - 2, 5000);
    for (size_t i = 0; i < 2; i++)
        sim_set_tamper(sim, i, on_forged_head, &forged);
    sim_set_head(sim, 0, HEAD - 1);
    world_run_for_ms(sim_world(sim), 300);
    cr_assert_eq(forged, 1);
    cr_assert(strstr(sim_log(sim), "head without a valid signature") != NULL);
    sim_free(sim);
}

static bool on_record(void *owner, unsigned code, struct buf *payload)
{
    if (code == LES_PROOFS_V2 && ((struct buf *)owner)->size == 0)
        buf_add_span(owner, buf_span(payload));
    return true;
}

Test(lies, replies_that_nobody_asked_for)
{
    struct sim *sim = sim_new(9, GENESIS, CHAIN, 3);
    struct buf recorded = {0}, invented = {0};
    struct les_client_stats stats;
    sim_start_light(sim, 3, 66);
    sim_wait_head(sim, HEAD, 5000);
    for (size_t i = 0; i < 3; i++)
        sim_set_tamper(sim, i, on_record, &recorded);
    (void)sim_rpc(sim, STATE_REQUESTS[0]);
    cr_assert_gt(recorded.size, 0);
    sim_send(sim, 1, LES_PROOFS_V2, buf_span(&recorded)); /* an old id, or another server's */
    world_run_for_ms(sim_world(sim), 1000);
    les_client_stats(sim_light(sim)->client, &stats);
    cr_assert_eq(stats.unsolicited, 1);
    struct les_writer writer = les_reply_begin(&invented, 12345, 1000);
    les_reply_end(&invented, writer);
    sim_send(sim, 1, LES_CODE, buf_span(&invented));
    world_run_for_ms(sim_world(sim), 1000);
    les_client_stats(sim_light(sim)->client, &stats);
    cr_assert_eq(stats.unsolicited, 2);
    cr_assert(strstr(sim_log(sim), "sent a reply that nobody asked for") != NULL);
    cr_assert(strstr(sim_rpc(sim, STATE_REQUESTS[1]), "\"0x0\"") != NULL);
    buf_free(&recorded);
    buf_free(&invented);
    sim_free(sim);
}

static bool on_resume_first(void *owner, unsigned code, struct buf *payload)
{
    (void)payload;
    struct buf resume = {0};
    if (code != LES_PROOFS_V2)
        return true;
    les_resume_encode(&resume, 1000000);
    for (size_t i = 0; i < 3; i++)
        sim_send(owner, i, LES_RESUME, buf_span(&resume));
    buf_free(&resume);
    return true;
}

Test(lies, resume_without_stop_forgets_nothing)
{
    struct sim *sim = sim_new(10, GENESIS, CHAIN, 3);
    sim_start_light(sim, 3, 66);
    sim_wait_head(sim, HEAD, 5000);
    for (size_t i = 0; i < 3; i++)
        sim_set_tamper(sim, i, on_resume_first, sim);
    cr_assert(strstr(sim_rpc(sim, STATE_REQUESTS[1]), "\"0x0\"") != NULL);
    cr_assert(strstr(sim_log(sim), "Resume without Stop") != NULL);
    sim_free(sim);
}

static bool on_swallow(void *owner, unsigned code, struct buf *payload)
{
    (void)owner, (void)payload;
    return code != LES_PROOFS_V2;
}

Test(lies, more_silent_servers_than_one_question_remembers)
{
    enum { SERVERS = 11 };
    struct sim *sim = sim_new(11, SOURCE_DIR "/conf/demo/genesis.json", NULL, SERVERS);
    sim_start_light(sim, 3, 66);
    sim_wait_head(sim, 0, 5000);
    world_run_for_ms(sim_world(sim), 1000);
    for (size_t i = 0; i < SERVERS; i++)
        sim_set_tamper(sim, i, on_swallow, NULL);
    const char *answer = sim_rpc(sim, STATE_REQUESTS[0]);
    cr_assert(strstr(answer, "-32002") != NULL, "%s", answer);
    sim_free(sim);
}

static size_t benched_count(struct sim *sim)
{
    struct les_client *client = sim_light(sim)->client;
    size_t benched = 0;
    for (size_t i = 0; i < les_server_count(client); i++) {
        struct les_server_info info;
        les_server_describe(les_server_at(client, i), &info);
        benched += info.benched;
    }
    return benched;
}

/* Hanging up and dialling again does not wash a liar clean. */
Test(lies, are_remembered_over_a_reconnect)
{
    struct sim *sim = sim_new(1, GENESIS, CHAIN, 3);
    uint64_t asked = 0;
    sim_start_light(sim, 3, 66);
    sim_wait_head(sim, HEAD, 5000);
    for (size_t i = 0; i < 3; i++)
        sim_set_tamper(sim, i, on_wrong_leaf, &asked);
    (void)sim_rpc(sim, STATE_REQUESTS[0]); /* all three lie: each is caught once */
    cr_assert_eq(benched_count(sim), 3, "%s", sim_log(sim));
    sim_set_tamper(sim, 0, NULL, NULL);
    sim_stop_server(sim, 0, true);
    world_run_for_ms(sim_world(sim), 1000);
    cr_assert_eq(les_server_count(sim_light(sim)->client), 2);
    sim_stop_server(sim, 0, false);
    world_run_for_ms(sim_world(sim), 40000);
    cr_assert_eq(les_server_count(sim_light(sim)->client), 3, "%s", sim_log(sim));
    cr_assert_eq(benched_count(sim), 3, "the bench ends when its time has come, not before");
    world_run_for_ms(sim_world(sim), 60000);
    cr_assert_eq(benched_count(sim), 0);
    sim_free(sim);
}

/* ---- servers that do not ---- */

/* A reply is on its way, and the nodes that it is to be joined to leave the cache. */
static bool on_crowded_cache(void *owner, unsigned code, struct buf *payload)
{
    struct sim *sim = owner;
    struct cache_tier *cache = objects_cache(sim_light(sim)->objects);
    uint8_t junk[4096] = {0};
    struct hash32 key = {{0}};
    (void)payload;
    for (uint64_t i = 0; code == LES_PROOFS_V2 && i < 2000; i++) {
        be_write(key.bytes, 8, i);
        cache_put(cache, CACHE_NODE, &key, SPAN(junk, sizeof junk));
    }
    return true;
}

Test(lies, are_not_what_an_honest_server_tells_whose_reply_meets_a_crowded_cache)
{
    static const char *const requests[] = {
        CALL("eth_getBalance", "\"0x000f3df6d732807ef1319fb7b8bb8522d0beac02\",\"latest\""),
        CALL("eth_getBalance", "\"0x7dcd17433742f4c0ca53122ab541d0ba67fc27df\",\"latest\""),
        CALL("eth_call", "{\"to\":\"0x7dcd17433742f4c0ca53122ab541d0ba67fc27df\"},\"latest\"")};
    struct sim *sim = sim_new(4, GENESIS, CHAIN, 1);
    sim_start_light(sim, 1, 100);
    sim_wait_head(sim, HEAD, 5000);
    for (size_t i = 0; i < ARRAY_COUNT(requests); i++) {
        const char *answer = sim_rpc(sim, requests[i]);
        cr_assert(strstr(answer, "\"result\"") != NULL, "%s\n%s", answer, sim_log(sim));
        sim_set_tamper(sim, 0, on_crowded_cache, sim);
    }
    cr_assert_eq(sim_lies(sim), 0, "%s", sim_log(sim));
    cr_assert(strstr(sim_log(sim), "score=") == NULL, "%s", sim_log(sim));
    sim_free(sim);
}
