/* How calls find their state: few rounds, the right sum, whatever the guesses were. */
#include "gateway/light/exec.h"
#include "tests/fixture/fixture.h"
#include "tests/sim/world_calls.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define ONE_WAY_US 25000
#define TRIP_US    (2 * ONE_WAY_US)

TestSuite(exec, .fini = fixture_leak_gate, .timeout = 120);

static uint64_t trips(struct calls *calls, const char *address, uint64_t expected_sum)
{
    uint64_t us = 0, sum = calls_sum(calls, address, &us);
    cr_assert_eq(sum, expected_sum, "%llu", (unsigned long long)sum);
    return (us + TRIP_US / 2) / TRIP_US;
}

/* Slot 7 held 8; since a block with data it holds the block's number. */
static uint64_t sum_at(uint64_t number)
{
    return number == 0 ? 1275 : 1275 - 8 + number;
}

Test(exec, fifty_slots_take_three_trips_and_one_after_a_new_head)
{
    struct calls *calls = calls_new(1, false, ONE_WAY_US);
    cr_assert_leq(trips(calls, CALLS_READER, sum_at(0)), 3);
    cr_assert_eq(trips(calls, CALLS_READER, sum_at(0)), 0, "all of it is known");
    for (uint64_t number = 1; number < 4; number++) {
        calls_next_block(calls);
        cr_assert_eq(trips(calls, CALLS_READER, sum_at(number)), 1);
    }
    cr_assert_eq(sim_lies(calls_sim(calls)), 0, "%s", sim_log(calls_sim(calls)));
    calls_free(calls);
}

Test(exec, a_proxy_takes_one_trip_after_a_new_head)
{
    struct calls *calls = calls_new(2, false, ONE_WAY_US);
    cr_assert_leq(trips(calls, CALLS_PROXY, sum_at(0)), 6);
    for (uint64_t number = 1; number < 4; number++) {
        calls_next_block(calls);
        cr_assert_eq(trips(calls, CALLS_PROXY, sum_at(number)), 1);
    }
    cr_assert_eq(sim_lies(calls_sim(calls)), 0, "%s", sim_log(calls_sim(calls)));
    calls_free(calls);
}

Test(exec, ten_contracts_in_a_row_take_one_trip_after_a_new_head)
{
    struct calls *calls = calls_new(3, false, ONE_WAY_US);
    (void)trips(calls, CALLS_FIRST, 10);
    for (uint64_t number = 1; number < 3; number++) {
        calls_next_block(calls);
        cr_assert_leq(trips(calls, CALLS_FIRST, 10), 1);
    }
    calls_free(calls);
}

Test(exec, without_guesses_every_value_is_a_trip)
{
    struct calls *calls = calls_new(4, true, ONE_WAY_US);
    cr_assert_geq(trips(calls, CALLS_READER, sum_at(0)), 52);
    calls_free(calls);
}

/* The call is gone while its run is on a worker or its state is being fetched. */
Test(exec, abandoned_calls_leave_nothing_behind)
{
    for (uint64_t wait_ms = 0; wait_ms < 400; wait_ms += 20) {
        struct calls *calls = calls_new(5 + wait_ms, false, ONE_WAY_US);
        struct sim *sim = calls_sim(calls);
        sim_drop_rpc(sim,
                     "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"eth_call\",\"params\":[{\"to\":"
                     "\"" CALLS_PROXY "\"},\"latest\"]}",
                     wait_ms);
        cr_assert_eq(trips(calls, CALLS_PROXY, sum_at(0)) > 6, false);
        calls_free(calls);
    }
}

#define SUM                                                                                        \
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"eth_call\",\"params\":[{\"to\":\"" CALLS_READER    \
    "\"},\"latest\"]}"

static unsigned occurrences(const char *text, const char *part)
{
    unsigned count = 0;
    for (const char *at = text; (at = strstr(at, part)) != NULL; at += strlen(part))
        count++;
    return count;
}

Test(exec, all_calls_together_hold_so_much_state_and_no_more)
{
    enum { ENOUGH_FOR_TWO = 20000 };
    struct calls *calls = calls_new(6, false, ONE_WAY_US);
    struct sim *sim = calls_sim(calls);
    struct exec_stats stats;
    sim_stop_light(sim);
    sim_set_state_bytes(sim, ENOUGH_FOR_TWO);
    sim_start_light(sim, 1, 100);
    sim_wait_head(sim, 0, 5000);
    const char *answer = sim_rpc(sim, "[" SUM "," SUM "," SUM "," SUM "," SUM "," SUM "]");
    cr_assert_eq(occurrences(answer, "\"result\""), 2, "%s", answer);
    cr_assert_eq(occurrences(answer, "hold too much state"), 4, "%s", answer);
    exec_stats(sim_light(sim)->exec, &stats);
    cr_assert_eq(stats.bytes, 0, "%llu", (unsigned long long)stats.bytes);
    answer = sim_rpc(sim, SUM);
    cr_assert_eq(occurrences(answer, "\"result\""), 1, "%s", answer);
    calls_free(calls);
}
