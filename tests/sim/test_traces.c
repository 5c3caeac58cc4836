/* debug_trace* through the whole light client: the same traces when servers lie, and how often they
 * must ask. That they are right is shown by test_methods.c, with the published ones. */
#include "les/proto/wire.h"
#include "tests/fixture/fixture.h"
#include "tests/sim/world_les.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define GENESIS "vectors/rpc-compat/genesis.json"
#define CHAIN   "vectors/rpc-compat/chain.rlp"
#define HEAD    54

TestSuite(traces, .fini = fixture_leak_gate, .timeout = 300);

#define CALL(method, params)                                                                       \
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"" method "\",\"params\":[" params "]}"

static struct sim *start(uint64_t seed, size_t servers)
{
    struct sim *sim = sim_new(seed, GENESIS, CHAIN, servers);
    sim_start_light(sim, servers, 66);
    sim_wait_head(sim, HEAD, 5000);
    return sim;
}

static const char *trace_block(struct sim *sim, unsigned number, const char *config)
{
    char request[200];
    snprintf(request, sizeof request, CALL("debug_traceBlockByNumber", "\"0x%x\",%s"), number,
             config);
    return sim_rpc(sim, request);
}

static const char *const CONFIGS[] = {
    "{}", "{\"tracer\":\"callTracer\",\"tracerConfig\":{\"withLog\":true}}",
    "{\"tracer\":\"prestateTracer\",\"tracerConfig\":{\"diffMode\":true}}",
    "{\"tracer\":\"4byteTracer\"}"};

/* ---- lies ---- */

static bool on_lie(void *owner, unsigned code, struct buf *payload)
{
    if ((code != LES_PROOFS_V2 && code != LES_CODE && code != LES_BLOCK_BODIES) ||
        payload->size < 40)
        return true;
    ++*(uint64_t *)owner;
    payload->data[payload->size - 1] ^= 1;
    return true;
}

Test(traces, are_right_when_two_of_three_servers_lie)
{
    static const unsigned blocks[] = {2, 14, 29, HEAD};
    uint64_t asked = 0, lies = 0;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        char *truths[ARRAY_COUNT(blocks)][2];
        struct sim *sim = start(seed, 3);
        for (size_t i = 0; i < 2 * ARRAY_COUNT(blocks); i++) {
            char **truth = &truths[i / 2][i % 2];
            *truth = mem_strdup(trace_block(sim, blocks[i / 2], CONFIGS[i % 2]));
            cr_assert(strstr(*truth, "\"result\":[") != NULL, "%s", *truth);
        }
        sim_stop_light(sim);
        sim_start_light(sim, 3, 66);
        sim_wait_head(sim, HEAD, 5000);
        sim_set_tamper(sim, 0, on_lie, &asked);
        sim_set_tamper(sim, 1, on_lie, &asked);
        for (size_t i = 0; i < 2 * ARRAY_COUNT(blocks); i++) {
            char *truth = truths[i / 2][i % 2];
            cr_assert_str_eq(trace_block(sim, blocks[i / 2], CONFIGS[i % 2]), truth, "%s",
                             sim_log(sim));
            mem_free(truth);
        }
        lies += sim_lies(sim);
        sim_free(sim);
    }
    cr_assert_gt(asked, 0, "no liar was asked");
    cr_assert_gt(lies, 0);
}

/* ---- a transaction by itself is what it is in its block ---- */

static size_t compare_transactions(struct sim *sim, unsigned number, const char *config)
{
    char request[300];
    json_t *answer = json_loads(trace_block(sim, number, config), 0, NULL), *entry;
    json_t *entries = json_object_get(answer, "result");
    size_t i;
    cr_assert(json_is_array(entries), "block %u", number);
    json_array_foreach(entries, i, entry)
    {
        snprintf(request, sizeof request, CALL("debug_traceTransaction", "\"%s\",%s"),
                 json_string_value(json_object_get(entry, "txHash")), config);
        json_t *single = json_loads(sim_rpc(sim, request), 0, NULL);
        cr_assert(json_equal(json_object_get(single, "result"), json_object_get(entry, "result")),
                  "%s", request);
        json_decref(single);
    }
    json_decref(answer);
    return i;
}

Test(traces, of_a_transaction_are_those_of_its_block)
{
    struct sim *sim = start(6, 1);
    size_t count = 0;
    for (unsigned number = 1; number <= HEAD; number += number < 20 ? 3 : 1)
        count += compare_transactions(sim, number, CONFIGS[1 + number % 3]);
    cr_assert_gt(count, 50);
    cr_assert_eq(sim_lies(sim), 0, "%s", sim_log(sim));
    sim_free(sim);
}

/* ---- how often it asks ---- */

/* From nothing: the receipt of a transaction needs its place and its body; a trace needs besides
 * the parent's state, in rounds. */
Test(traces, need_few_round_trips)
{
    enum { ONE_WAY_US = 25000 };
    for (size_t config = 0; config < 2; config++) {
        struct sim *sim = start(7, 1);
        world_set_net(sim_world(sim), &(struct world_net){.latency_us_min = ONE_WAY_US,
                                                          .latency_us_max = ONE_WAY_US,
                                                          .chunk_max = 65536});
        uint64_t before = loop_now_us(sim_light_loop(sim));
        const char *answer = trace_block(sim, HEAD, CONFIGS[config]);
        uint64_t trips = (loop_now_us(sim_light_loop(sim)) - before) / (2 * ONE_WAY_US);
        cr_assert(strstr(answer, "\"result\":[{") != NULL, "%s", answer);
        printf("# a block from nothing, %s: %llu round trips\n", CONFIGS[config],
               (unsigned long long)trips);
        cr_assert_leq(trips, 6);
        before = loop_now_us(sim_light_loop(sim));
        (void)trace_block(sim, HEAD, CONFIGS[1 - config]);
        trips = (loop_now_us(sim_light_loop(sim)) - before) / (2 * ONE_WAY_US);
        cr_assert_eq(trips, 0, "all of it was proved before: %llu", (unsigned long long)trips);
        sim_free(sim);
    }
}
