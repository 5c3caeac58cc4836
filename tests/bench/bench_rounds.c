/* How often a call has to ask, at 50 ms from the client to a server and back: fifty slots of one
 * contract, the same behind a proxy, ten contracts in a row. Beside each the same client fetching
 * one value at a time, which is how go-ethereum's light client executes. Virtual time: no spread.
 */
#include "tests/sim/world_calls.h"

#include <stdio.h>

#define ONE_WAY_US 25000

static const struct {
    const char *name, *address;
} CALLS[] = {{"50 slots of one contract", CALLS_READER},
             {"50 slots behind a proxy", CALLS_PROXY},
             {"10 contracts in a row", CALLS_FIRST}};

struct times {
    double first_ms, again_ms, after_head_ms;
};

static double call_ms(struct calls *calls, const char *address)
{
    uint64_t us = 0;
    (void)calls_sum(calls, address, &us);
    return (double)us / 1000;
}

static struct times measure(const char *address, bool one_at_a_time)
{
    struct times times;
    struct calls *calls = calls_new(1, one_at_a_time, ONE_WAY_US);
    times.first_ms = call_ms(calls, address);
    times.again_ms = call_ms(calls, address);
    calls_next_block(calls);
    times.after_head_ms = call_ms(calls, address);
    calls_free(calls);
    return times;
}

static void print_row(const char *when, double ours_ms, double theirs_ms)
{
    const double trip_ms = 2.0 * ONE_WAY_US / 1000;
    printf("  %-18s %3.0f trips %6.0f ms   one value a trip: %3.0f trips %6.0f ms", when,
           ours_ms / trip_ms, ours_ms, theirs_ms / trip_ms, theirs_ms);
    if (theirs_ms > 0)
        printf("   ratio %.2f", ours_ms / theirs_ms);
    printf("\n");
}

int main(void)
{
    printf("rounds: eth_call over LES, 50 ms there and back, virtual time\n");
    for (size_t i = 0; i < ARRAY_COUNT(CALLS); i++) {
        struct times ours = measure(CALLS[i].address, false);
        struct times theirs = measure(CALLS[i].address, true);
        printf("%s\n", CALLS[i].name);
        print_row("first", ours.first_ms, theirs.first_ms);
        print_row("again", ours.again_ms, theirs.again_ms);
        print_row("after a new head", ours.after_head_ms, theirs.after_head_ms);
    }
    return 0;
}
