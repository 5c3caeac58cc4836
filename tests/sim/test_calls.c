/* Calls through the whole light client: what they say when servers lie, when the head moves on
 * meanwhile, when state cannot be had; and which answers are kept. */
#include "les/proto/wire.h"
#include "tests/fixture/fixture.h"
#include "tests/sim/world_les.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define GENESIS "vectors/rpc-compat/genesis.json"
#define CHAIN   "vectors/rpc-compat/chain.rlp"
#define HEAD    54

TestSuite(calls, .fini = fixture_leak_gate, .timeout = 300);

#define CALL(method, params)                                                                       \
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"" method "\",\"params\":[" params "]}"

#define STRANGER "\"0x00000000000000000000000000000000000ca11e\""
#define TARGET   "0x7dcd17433742f4c0ca53122ab541d0ba67fc27df"
/* NUMBER, then BALANCE and EXTCODESIZE of TARGET and BLOCKHASH of block 40, all four returned. */
#define LOOK_CODE                                                                                  \
    "\"0x4360005273" TARGET_HEX "3160205273" TARGET_HEX "3b6040526028406060526080"                 \
    "6000f3\""
#define TARGET_HEX "7dcd17433742f4c0ca53122ab541d0ba67fc27df"
#define LOOK(block)                                                                                \
    CALL("eth_call", "{\"to\":" STRANGER "}," block ",{" STRANGER ":{\"code\":" LOOK_CODE "}}")

static const char *const REQUESTS[] = {
    LOOK("\"latest\""),
    CALL("eth_call",
         "{\"to\":\"0xeda8645ba6948855e3b3cd596bbb07596d59c603\",\"gas\":\"0x186a0\"},\"latest\""),
    CALL("eth_estimateGas",
         "{\"from\":\"0x0102030000000000000000000000000000000000\",\"input\":\"0xff01\","
         "\"to\":\"0x17e7eedce4ac02ef114a7ed9fe6e2f33feba1667\"}"),
    CALL("eth_createAccessList",
         "{\"from\":\"0x0c2c51a0990aee1d73c1228de158688341557508\",\"gas\":\"0xea60\","
         "\"gasPrice\":\"0x1a21397\",\"input\":\"0x010203040506\",\"to\":\"" TARGET
         "\"},\"latest\""),
};

static struct sim *start(uint64_t seed, size_t servers, uint64_t head)
{
    struct sim *sim = sim_new(seed, GENESIS, CHAIN, servers);
    for (size_t i = 0; head != HEAD && i < servers; i++)
        sim_start_at(sim, i, head);
    sim_start_light(sim, servers, 66);
    sim_wait_head(sim, head, 5000);
    return sim;
}

/* ---- lies ---- */

static bool on_lie(void *owner, unsigned code, struct buf *payload)
{
    if ((code != LES_PROOFS_V2 && code != LES_CODE) || payload->size < 40)
        return true;
    ++*(uint64_t *)owner;
    payload->data[payload->size - 1] ^= 1;
    return true;
}

Test(calls, are_right_when_two_of_three_servers_lie)
{
    uint64_t asked_in_all = 0;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct sim *sim = start(seed, 3, HEAD);
        char *truths[ARRAY_COUNT(REQUESTS)];
        uint64_t asked = 0;
        for (size_t i = 0; i < ARRAY_COUNT(REQUESTS); i++) {
            truths[i] = mem_strdup(sim_rpc(sim, REQUESTS[i]));
            cr_assert(strstr(truths[i], "\"result\"") != NULL, "%s", truths[i]);
        }
        sim_stop_light(sim);
        sim_start_light(sim, 3, 66);
        sim_wait_head(sim, HEAD, 5000);
        sim_set_tamper(sim, 0, on_lie, &asked);
        sim_set_tamper(sim, 1, on_lie, &asked);
        for (size_t i = 0; i < ARRAY_COUNT(REQUESTS); i++) {
            cr_assert_str_eq(sim_rpc(sim, REQUESTS[i]), truths[i], "%s", sim_log(sim));
            mem_free(truths[i]);
        }
        asked_in_all += asked;
        cr_assert_eq(sim_lies(sim) > 0, asked > 0, "%s", sim_log(sim));
        sim_free(sim);
    }
    cr_assert_gt(asked_in_all, 0, "no liar was asked");
}

/* ---- the head moves ---- */

struct mover {
    struct timer timer;
    struct sim *sim;
    size_t server;
    bool moved;
};

static void on_move(struct timer *timer)
{
    struct mover *mover = container_of(timer, struct mover, timer);
    mover->moved = true;
    sim_set_head(mover->sim, mover->server, HEAD);
}

static void expect_number(const char *answer, unsigned number)
{
    char want[90];
    snprintf(want, sizeof want, "\"result\":\"0x%064x", number);
    cr_assert(strstr(answer, want) != NULL, "%s instead of %s", answer, want);
}

Test(calls, are_of_one_block_though_the_head_moves_meanwhile)
{
    for (uint64_t after_ms = 5; after_ms <= 245; after_ms += 20) {
        struct sim *sim = start(after_ms, 2, HEAD - 5);
        struct mover movers[2] = {{.sim = sim}, {.sim = sim, .server = 1}};
        world_set_net(sim_world(sim), &(struct world_net){.latency_us_min = 40000,
                                                          .latency_us_max = 40000,
                                                          .chunk_max = 65536});
        for (size_t i = 0; i < 2; i++) {
            timer_init(&movers[i].timer, sim_server_loop(sim, i), on_move);
            timer_start(&movers[i].timer, after_ms);
        }
        char *during = mem_strdup(sim_rpc(sim, LOOK("\"latest\"")));
        expect_number(during, HEAD - 5);
        for (size_t i = 0; i < 2; i++) {
            timer_stop(&movers[i].timer);
            if (!movers[i].moved)
                sim_set_head(sim, i, HEAD);
        }
        sim_wait_head(sim, HEAD, 5000);
        expect_number(sim_rpc(sim, LOOK("\"latest\"")), HEAD);
        expect_number(sim_rpc(sim, LOOK("\"latest\"")), HEAD);
        cr_assert_str_eq(sim_rpc(sim, LOOK("\"0x31\"")), during);
        expect_number(sim_rpc(sim, LOOK("\"pending\"")), HEAD);
        mem_free(during);
        cr_assert_eq(sim_lies(sim), 0, "%s", sim_log(sim));
        sim_free(sim);
    }
}

/* ---- no state ---- */

static bool on_silence(void *owner, unsigned code, struct buf *payload)
{
    (void)payload;
    return code != LES_PROOFS_V2 || !*(bool *)owner;
}

Test(calls, fail_with_a_text_when_state_cannot_be_had)
{
    struct sim *sim = start(1, 2, HEAD);
    bool silent = true;
    for (size_t i = 0; i < 2; i++)
        sim_set_tamper(sim, i, on_silence, &silent);
    for (size_t i = 0; i < ARRAY_COUNT(REQUESTS); i++) {
        const char *answer = sim_rpc(sim, REQUESTS[i]);
        cr_assert(strstr(answer, "\"error\":{\"code\":-320") != NULL, "%s", answer);
        cr_assert(strstr(answer, "\"result\"") == NULL, "%s", answer);
    }
    silent = false;
    sim_stop_light(sim);
    sim_start_light(sim, 2, 66);
    sim_wait_head(sim, HEAD, 5000);
    for (size_t i = 0; i < ARRAY_COUNT(REQUESTS); i++)
        cr_assert(strstr(sim_rpc(sim, REQUESTS[i]), "\"result\"") != NULL);
    sim_free(sim);
}

Test(calls, say_which_block_is_not_there)
{
    struct sim *sim = start(1, 2, HEAD);
    cr_assert(strstr(sim_rpc(sim, LOOK("\"0x3000\"")), "\"header not found\"") != NULL);
    cr_assert(
        strstr(sim_rpc(sim, LOOK("\"0x01000000000000000000000000000000000000000000000000000000"
                                 "00000000\"")),
               "\"header for hash not found\"") != NULL);
    sim_free(sim);
}

/* ---- kept answers ---- */

static uint64_t hits(struct sim *sim)
{
    struct cache_stats stats;
    sim_light(sim)->cache->ops->stats(sim_light(sim)->cache, &stats);
    return stats.hits[CACHE_ANSWER];
}

static void expect_kept(struct sim *sim, const char *request, bool kept)
{
    char *first = mem_strdup(sim_rpc(sim, request));
    uint64_t before = hits(sim);
    cr_assert_str_eq(sim_rpc(sim, request), first);
    cr_assert_eq(hits(sim), before + (kept ? 1 : 0), "%s", request);
    mem_free(first);
}

#define WITH_CODE(code)                                                                            \
    CALL("eth_call", "{\"to\":" STRANGER "},\"latest\",{" STRANGER ":{\"code\":\"0x60" code        \
                     "60005260206000f3\"}}")
#define WITH_TIME(time)                                                                            \
    CALL("eth_call", "{\"to\":" STRANGER "},\"latest\",{" STRANGER                                 \
                     ":{\"code\":\"0x4260005260206000f3\"}},{\"time\":\"0x" time "\"}")

Test(calls, are_kept_with_all_that_they_hang_on)
{
    struct sim *sim = start(1, 2, HEAD);
    expect_kept(sim, LOOK("\"latest\""), true);
    expect_kept(sim, LOOK("\"0x20\""), true);
    expect_kept(sim, LOOK("\"pending\""), false);
    expect_kept(sim, REQUESTS[2], true);
    expect_kept(sim, REQUESTS[3], false); /* it may hang on what others offer now */
    expect_kept(sim, WITH_CODE("11"), true);
    expect_number(sim_rpc(sim, WITH_CODE("11")), 0x11);
    expect_kept(sim, WITH_CODE("12"), true);
    expect_number(sim_rpc(sim, WITH_CODE("12")), 0x12);
    expect_kept(sim, WITH_TIME("ffff1"), true);
    expect_number(sim_rpc(sim, WITH_TIME("ffff1")), 0xffff1);
    expect_number(sim_rpc(sim, WITH_TIME("ffff2")), 0xffff2);
    cr_assert_eq(sim_lies(sim), 0);
    sim_free(sim);
}

/* Block 30 has a base fee, block 1 knew neither that nor types of transactions. */
Test(calls, may_say_that_they_are_before_london)
{
    struct sim *sim = start(9, 1, HEAD);
    const char *answer = sim_rpc(
        sim, CALL("eth_call", "{\"to\":" STRANGER "},\"0x1e\",{" STRANGER
                              ":{\"code\":\"0x4360005260206000f3\"}},{\"number\":\"0x1\"}"));
    cr_assert(strstr(answer, "0000000000000001\"") != NULL, "%s", answer);
    sim_free(sim);
}
