/* Kept answers in the simulated world: the same text asked again and again, while the head moves
 * on. */
#include "tests/fixture/fixture.h"
#include "tests/sim/world_les.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define GENESIS "vectors/rpc-compat/genesis.json"
#define CHAIN   "vectors/rpc-compat/chain.rlp"
#define HEAD    54

TestSuite(answers, .fini = fixture_leak_gate, .timeout = 120);

#define CALL(method, params)                                                                       \
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"" method "\",\"params\":" params "}"

static uint64_t hits(struct sim *sim)
{
    struct cache_stats stats;
    sim_light(sim)->cache->ops->stats(sim_light(sim)->cache, &stats);
    return stats.hits[CACHE_ANSWER];
}

/* Asks three times: a handler answers, then what was kept is found by the call's meaning, then by
 * its text. All answers are the same. (What a handler makes without fetching is not kept.) */
static void ask(struct sim *sim, struct buf *answer, const char *request)
{
    uint64_t before = hits(sim);
    buf_clear(answer);
    buf_add_str(answer, sim_rpc(sim, request));
    buf_add_u8(answer, 0);
    cr_assert_neq(strstr((const char *)answer->data, "\"result\""), NULL, "%s", answer->data);
    for (uint64_t again = 1; again <= 2; again++) {
        cr_assert_str_eq(sim_rpc(sim, request), (const char *)answer->data);
        cr_assert_eq(hits(sim), before + again, "%s", request);
    }
}

Test(answers, of_the_latest_block_change_with_the_head)
{
    static const char *const requests[] = {
        CALL("eth_getBlockByNumber", "[\"latest\",false]"),
        CALL("eth_getBalance", "[\"0x0000000000000000000000000000000000000000\", \"latest\"]"),
        CALL("eth_getTransactionCount", "[\"0x00000000000000000000000000000000000000f5\"]"),
    };
    struct sim *sim = sim_new(1, GENESIS, CHAIN, 2);
    struct buf new = {0};
    for (size_t i = 0; i < 2; i++)
        sim_start_at(sim, i, HEAD - 20);
    sim_start_light(sim, 2, 100);
    sim_wait_head(sim, HEAD - 20, 5000);
    struct buf olds[ARRAY_COUNT(requests)] = {0};
    for (size_t i = 0; i < ARRAY_COUNT(requests); i++)
        ask(sim, &olds[i], requests[i]);
    for (size_t i = 0; i < 2; i++)
        sim_set_head(sim, i, HEAD);
    sim_wait_head(sim, HEAD, 5000);
    ask(sim, &new, requests[0]);
    cr_assert_neq(strstr((const char *)new.data, "\"number\":\"0x36\""), NULL, "%s", new.data);
    cr_assert_eq(strstr((const char *)olds[0].data, "\"number\":\"0x36\""), NULL);
    for (size_t i = 1; i < ARRAY_COUNT(requests); i++)
        ask(sim, &new, requests[i]);
    for (size_t i = 0; i < ARRAY_COUNT(requests); i++)
        buf_free(&olds[i]);
    buf_free(&new);
    sim_free(sim);
}

Test(answers, belong_to_one_text_only)
{
    struct sim *sim = sim_new(2, GENESIS, CHAIN, 2);
    struct buf answer = {0};
    char request[160], want[40];
    sim_start_light(sim, 2, 100);
    sim_wait_head(sim, HEAD, 5000);
    for (int round = 0; round < 3; round++)
        for (unsigned number = 0; number <= HEAD; number++) {
            snprintf(request, sizeof request, CALL("eth_getBlockByNumber", "[\"0x%x\",false]"),
                     number);
            snprintf(want, sizeof want, "\"number\":\"0x%x\"", number);
            cr_assert_neq(strstr(sim_rpc(sim, request), want), NULL, "%s", request);
        }
    ask(sim, &answer, CALL("eth_getBalance", "[\"0x0000000000000000000000000000000000000001\"]"));
    ask(sim, &answer, CALL("eth_getCode", "[\"0x0000000000000000000000000000000000000002\"]"));
    cr_assert_neq(strstr((const char *)answer.data, "\"0x\""), NULL, "%s", answer.data);
    ask(sim, &answer, CALL("eth_getBalance", "[\"0x00000000000000000000000000000000000000f3\"]"));
    buf_free(&answer);
    sim_free(sim);
}
