/* A client that keeps the rules, against a server with the same parameters, over a line that
 * delays: whatever the sizes, the order and the real costs, the server's buffer never runs dry and
 * both estimates stay within their limits. */
#include "les/proto/flow.h"

#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>

TestSuite(flow_prop, .fini = fixture_leak_gate);

#define LINE_MAX 64

struct wire {
    uint64_t at_ms[LINE_MAX]; /* arrival; the line keeps order */
    uint64_t id[LINE_MAX];
    uint64_t number[LINE_MAX]; /* cost of a request, buffer value of a reply */
    size_t count;
    uint64_t last_ms;
};

static void wire_put(struct wire *wire, uint64_t at_ms, uint64_t id, uint64_t number)
{
    cr_assert(wire->count < LINE_MAX);
    if (at_ms < wire->last_ms)
        at_ms = wire->last_ms;
    wire->last_ms = at_ms;
    wire->at_ms[wire->count] = at_ms;
    wire->id[wire->count] = id;
    wire->number[wire->count++] = number;
}

static bool wire_take(struct wire *wire, uint64_t now_ms, uint64_t *id, uint64_t *number)
{
    if (wire->count == 0 || wire->at_ms[0] > now_ms)
        return false;
    *id = wire->id[0];
    *number = wire->number[0];
    wire->count--;
    memmove(wire->at_ms, wire->at_ms + 1, wire->count * sizeof(uint64_t));
    memmove(wire->id, wire->id + 1, wire->count * sizeof(uint64_t));
    memmove(wire->number, wire->number + 1, wire->count * sizeof(uint64_t));
    return true;
}

struct served {
    uint64_t id, ticket, cost, done_ms;
};

struct line {
    struct flow_client client;
    struct flow_server server;
    struct wire up, down;
    struct served open[LINE_MAX]; /* accepted and not yet answered, answered in any order */
    size_t open_count;
    uint64_t seed, next_id;
};

static void client_turn(struct line *line, uint64_t now_ms)
{
    uint64_t id, value, limit = line->client.params.buffer_limit;
    while (wire_take(&line->down, now_ms, &id, &value))
        cr_assert(flow_client_reply(&line->client, id, value, now_ms));
    while (line->client.pending_count < LINE_MAX / 2 && fixture_random_below(&line->seed, 4) != 0) {
        uint64_t cost = fixture_random_below(&line->seed, limit / 3 + 2);
        if (flow_client_wait_ms(&line->client, cost, now_ms) != 0)
            break;
        flow_client_sent(&line->client, line->next_id, cost, now_ms);
        wire_put(&line->up, now_ms + fixture_random_below(&line->seed, 40), line->next_id++, cost);
    }
    cr_assert(flow_client_value(&line->client, now_ms) <= limit);
}

static void server_turn(struct line *line, uint64_t now_ms)
{
    uint64_t id, cost;
    while (wire_take(&line->up, now_ms, &id, &cost)) {
        struct served *served = &line->open[line->open_count++];
        *served = (struct served){.id = id, .cost = cost};
        served->done_ms = now_ms + fixture_random_below(&line->seed, 30);
        cr_assert(flow_server_accept(&line->server, cost, &served->ticket, now_ms),
                  "a client that kept the rules was refused");
    }
    for (size_t i = 0; i < line->open_count;) {
        struct served served = line->open[i];
        if (served.done_ms > now_ms) {
            i++;
            continue;
        }
        line->open[i] = line->open[--line->open_count];
        uint64_t real = fixture_random_below(&line->seed, served.cost + 1);
        uint64_t value =
            flow_server_served(&line->server, served.ticket, served.cost, real, now_ms);
        wire_put(&line->down, now_ms + fixture_random_below(&line->seed, 40), served.id, value);
    }
    cr_assert(flow_server_value(&line->server, now_ms) <= line->server.limit);
}

Test(flow_prop, client_that_keeps_the_rules_is_never_refused)
{
    uint64_t seed = fixture_seed();
    uint64_t sent = 0;
    for (int round = 0; round < 300; round++) {
        struct line line = {.seed = fixture_random(&seed)};
        struct les_flow_params params = {.recharge = 1 + fixture_random_below(&line.seed, 40000)};
        params.buffer_limit = params.recharge * (1 + fixture_random_below(&line.seed, 6000));
        flow_client_init(&line.client, &params, 0);
        flow_server_init(&line.server, params.buffer_limit, params.recharge, 0);
        for (uint64_t now_ms = 0; now_ms < 3000; now_ms += fixture_random_below(&line.seed, 9)) {
            client_turn(&line, now_ms);
            server_turn(&line, now_ms);
        }
        sent += line.next_id;
    }
    cr_assert(sent > 300 * 10, "only %zu requests", (size_t)sent);
}

Test(flow_prop, estimates_survive_any_series_of_calls)
{
    uint64_t seed = fixture_seed();
    for (int round = 0; round < 2000; round++) {
        struct flow_client flow;
        struct les_flow_params params = {.buffer_limit = fixture_random(&seed) >> (round % 64),
                                         .recharge = fixture_random(&seed) >> (round % 61)};
        uint64_t now_ms = fixture_random_below(&seed, 1000);
        flow_client_init(&flow, &params, now_ms);
        for (uint64_t step = 0; step < 100; step++) {
            uint64_t number = fixture_random(&seed) >> fixture_random_below(&seed, 64);
            switch (fixture_random_below(&seed, 6)) {
            case 0:
                flow_client_sent(&flow, step, number, now_ms);
                break;
            case 1:
                (void)!flow_client_reply(&flow, fixture_random_below(&seed, 100), number, now_ms);
                break;
            case 2:
                flow_client_resume(&flow, number, now_ms);
                break;
            case 3:
                flow_client_update(&flow, number, fixture_random(&seed) >> 20, now_ms);
                break;
            case 4:
                (void)flow_client_wait_ms(&flow, number, now_ms);
                break;
            default:
                now_ms += number >> 30;
            }
            cr_assert(flow_client_value(&flow, now_ms) <= flow.params.buffer_limit);
        }
    }
}
