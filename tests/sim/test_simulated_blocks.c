/* eth_simulateV1 where proofs come from far: few trips, and the same roots on any network. (The
 * published answers are in test_methods.c, the states of the chain in
 * tests/e2e/simulate.test.mjs.) */
#include "les/base/limits.h"
#include "tests/fixture/fixture.h"
#include "tests/sim/world_les.h"

#include <criterion/criterion.h>
#include <jansson.h>

#define GENESIS    "vectors/rpc-compat/genesis.json"
#define CHAIN      "vectors/rpc-compat/chain.rlp"
#define STATE      "vectors/rpc-compat/chain-extra/headstate.json"
#define HEAD       54
#define ONE_WAY_US 25000
#define HOLDER     "0x7Dcd17433742F4c0Ca53122aB541D0Ba67fC27Df" /* has the most slots */

TestSuite(simulated_blocks, .fini = fixture_leak_gate, .timeout = 300);

static struct sim *far_world(uint64_t seed)
{
    struct sim *sim = sim_new(seed, GENESIS, CHAIN, 1);
    struct world_net net = {
        .latency_us_min = ONE_WAY_US, .latency_us_max = ONE_WAY_US, .chunk_max = 65536};
    world_set_net(sim_world(sim), &net);
    sim_start_light(sim, 1, 100);
    sim_wait_head(sim, HEAD, 20000);
    return sim;
}

/* How many times it waited for the server, and the state root of the last block. */
static uint64_t ask(struct sim *sim, const char *options, char root[67])
{
    struct buf request = {0};
    buf_printf(&request,
               "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"eth_simulateV1\",\"params\":[%s,"
               "\"latest\"]}",
               options);
    buf_add_u8(&request, 0);
    uint64_t before_us = loop_now_us(sim_light_loop(sim));
    const char *text = sim_rpc(sim, (const char *)request.data);
    uint64_t us = loop_now_us(sim_light_loop(sim)) - before_us;
    json_t *answer = json_loads(text, 0, NULL), *blocks = json_object_get(answer, "result");
    cr_assert(json_array_size(blocks) > 0, "%.300s\n%s", text, sim_log(sim));
    json_t *last = json_array_get(blocks, json_array_size(blocks) - 1);
    snprintf(root, 67, "%s", json_string_value(json_object_get(last, "stateRoot")));
    json_decref(answer);
    buf_free(&request);
    return (us + ONE_WAY_US) / (2 * ONE_WAY_US);
}

static void pad_word(char out[67], const char *digits)
{
    if (strncmp(digits, "0x", 2) == 0)
        digits += 2;
    snprintf(out, 67, "0x%0*d%s", (int)(64 - strlen(digits)), 0, digits);
    if (strlen(digits) == 64)
        snprintf(out, 67, "0x%s", digits);
}

/* Options for one block: all slots of HOLDER after the first `kept` are zero, either by clearing
 * them or by naming the others. */
static char *holder_keeps(size_t kept, bool by_clearing)
{
    json_t *state = fixture_json(STATE);
    json_t *slots =
        json_object_get(json_object_get(json_object_get(state, "accounts"), HOLDER), "storage");
    json_t *wanted = json_object();
    size_t index = 0;
    const char *key;
    json_t *value;
    json_object_foreach(slots, key, value)
    {
        char slot[67], word[67];
        pad_word(slot, key);
        pad_word(word, by_clearing ? "0" : json_string_value(value));
        if ((index++ < kept) != by_clearing)
            json_object_set_new(wanted, slot, json_string(word));
    }
    json_t *options = json_pack("{s:[{s:{s:{s:o}}}]}", "blockStateCalls", "stateOverrides", HOLDER,
                                by_clearing ? "stateDiff" : "state", wanted);
    char *text = json_dumps(options, JSON_COMPACT);
    json_decref(options);
    json_decref(state);
    return text;
}

Test(simulated_blocks, take_few_trips)
{
    char root[67];
    struct sim *sim = far_world(1);
    uint64_t trips = ask(sim, "{\"blockStateCalls\":[{},{},{}]}", root);
    cr_log_info("three empty blocks: %llu trips", (unsigned long long)trips);
    cr_assert_leq(trips, 4);
    cr_assert_eq(ask(sim, "{\"blockStateCalls\":[{},{},{}],\"traceTransfers\":true}", root), 0,
                 "all of it is known");
    sim_free(sim);
}

Test(simulated_blocks, neighbours_of_what_is_cleared_take_one_trip_more)
{
    uint64_t most = 0, wants = 0;
    for (size_t kept = 0; kept < 56; kept += 1 + kept / 4) {
        struct sim *sim = far_world(2 + kept);
        char *clearing = holder_keeps(kept, true), *naming = holder_keeps(kept, false);
        char cleared[67], named[67];
        uint64_t trips = ask(sim, clearing, cleared);
        wants += trips > 4;
        most = trips > most ? trips : most;
        (void)ask(sim, naming, named);
        cr_assert_str_eq(cleared, named, "%zu slots kept", kept);
        cr_assert_eq(sim_lies(sim), 0, "%s", sim_log(sim));
        free(clearing);
        free(naming);
        sim_free(sim);
    }
    cr_log_info("at most %llu trips, %llu times more than 4", (unsigned long long)most,
                (unsigned long long)wants);
    cr_assert_leq(most, 6);
}

Test(simulated_blocks, have_the_same_roots_on_any_network)
{
    uint64_t seed = fixture_seed();
    char *clearing = holder_keeps(3, true), *naming = holder_keeps(3, false);
    for (unsigned round = 0; round < 6; round++) {
        struct sim *sim = sim_new(seed + round, GENESIS, CHAIN, 3);
        struct world *world = sim_world(sim);
        struct world_net net = {.latency_us_min = 100,
                                .latency_us_max = 1000 + 1000 * world_dice(world, 300),
                                .bytes_per_s =
                                    world_dice(world, 2) ? 0 : 20000 + world_dice(world, 1000000),
                                .chunk_max = 1 + world_dice(world, 2000)};
        char cleared[67], named[67];
        world_set_net(world, &net);
        sim_start_light(sim, 3, 66);
        sim_wait_head(sim, HEAD, 60000);
        (void)ask(sim, clearing, cleared);
        (void)ask(sim, naming, named);
        cr_assert_str_eq(cleared, named, "seed %llu", (unsigned long long)(seed + round));
        cr_assert_eq(sim_lies(sim), 0, "%s", sim_log(sim));
        sim_free(sim);
    }
    free(clearing);
    free(naming);
}
