/* What the LES server charges: prices that follow the work, balances, places; and the server that
 * only announces. */
#include "les/eth/rlp.h"
#include "payment/balances.h"
#include "tests/fixture/fixture.h"
#include "tests/fixture/serve.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

TestSuite(server_pay, .fini = fixture_leak_gate, .timeout = 120);

#define GENESIS "vectors/geth-les/genesis-small.json"
#define UNIT    SERVER_RECHARGE_UNIT

/* ---- helpers ---- */

static struct les_status status_of(struct line *line)
{
    struct line_message *message = line_take(line);
    struct les_status status;
    cr_assert_not_null(message);
    cr_assert_eq(message->code, LES_STATUS);
    cr_assert(les_status_decode(&status, buf_span(&message->payload)));
    line_message_free(message);
    return status;
}

static struct line *greeted(struct serve *serve, unsigned version, uint8_t id)
{
    struct line *line = line_open(serve, version, id);
    line_greet(serve, line, version, LES_ANNOUNCE_SIMPLE);
    struct line_message *status = line_take(line);
    line_message_free(status);
    return line;
}

static void ask_receipts(struct line *line, uint64_t id, const struct hash32 *hash, size_t count)
{
    struct buf payload = {0};
    struct les_writer writer = les_request_begin(&payload, id);
    for (size_t i = 0; i < count; i++)
        rlp_add_hash(&payload, hash);
    les_request_end(&payload, writer);
    line_send(line, LES_GET_RECEIPTS, buf_span(&payload));
    buf_free(&payload);
}

static unsigned next_code(struct line *line)
{
    struct line_message *message = line_take(line);
    unsigned code = message != NULL ? message->code : 0xff;
    if (message != NULL)
        line_message_free(message);
    return code;
}

/* Balances in memory. */
struct purse {
    struct server_balances seam;
    uint64_t amounts[256]; /* by the first byte of the id */
    unsigned saves;
};

static uint64_t purse_load(struct server_balances *seam, const struct hash32 *id)
{
    return container_of(seam, struct purse, seam)->amounts[id->bytes[0]];
}

static void purse_save(struct server_balances *seam, const struct hash32 *id, uint64_t amount)
{
    struct purse *purse = container_of(seam, struct purse, seam);
    purse->amounts[id->bytes[0]] = amount;
    purse->saves++;
}

/* ---- a backend that takes its time ---- */

struct worker {
    struct les_backend base;
    struct serve *serve;
    uint64_t ask_us;
    struct world *world;
};

static void worker_ask(struct les_backend *base, struct les_question *question)
{
    struct worker *worker = container_of(base, struct worker, base);
    world_spend_us(worker->world, worker->ask_us);
    les_answer(question, LES_ANSWER_GIVEN);
}

static void worker_forget(struct les_backend *base, struct les_question *question)
{
    (void)base, (void)question;
    cr_assert_fail("everything is answered at once");
}

static void worker_head(struct les_backend *base, struct les_serve_head *out)
{
    struct les_backend *inner = &container_of(base, struct worker, base)->serve->backend.base;
    inner->ops->head(inner, out);
}

static bool worker_ancestor(struct les_backend *base, const struct hash32 *a,
                            const struct hash32 *b, uint64_t *number)
{
    struct les_backend *inner = &container_of(base, struct worker, base)->serve->backend.base;
    return inner->ops->ancestor(inner, a, b, number);
}

static const struct les_backend_ops WORKER_OPS = {worker_ask, worker_forget, worker_head,
                                                  worker_ancestor};

/* The table that a client gets from a server whose questions take ask_us each. */
static struct les_flow_params measured(struct serve *serve, uint64_t ask_us)
{
    struct worker worker = {
        .base = {&WORKER_OPS}, .serve = serve, .ask_us = ask_us, .world = serve->world};
    struct server_config config = {.spec = &serve->genesis->spec, .key = {{1, 2, 3}}};
    struct server *own = server_new(serve->loop, serve->crypto, NULL, &config, &worker.base);
    server_measure(own);
    struct server *other = serve->server;
    serve->server = own;
    struct line *line = line_open(serve, 4, 1);
    struct les_status status = status_of(line);
    line_free(line);
    serve->server = other;
    server_free(own);
    return status.flow;
}

Test(server_pay, prices_follow_what_the_work_takes_within_their_limits)
{
    struct serve *serve = serve_new(GENESIS, NULL);
    struct les_flow_params usual = measured(serve, 0);
    size_t proofs = les_cost_index(LES_GET_PROOFS_V2), headers = 0;
    cr_assert_eq(usual.costs[proofs].per_item, 1200000u, "nothing was measured");
    cr_assert_eq(usual.costs[headers].base, 300000u);

    struct les_flow_params fast = measured(serve, 5);
    cr_assert_eq(fast.costs[proofs].per_item, 1200000u / SERVER_PRICE_CUT);
    cr_assert_eq(fast.costs[headers].base, 300000u / SERVER_PRICE_CUT);
    size_t code = les_cost_index(LES_GET_CODE);
    cr_assert_eq(fast.costs[code].per_item, 900000u, "nobody asked for code yet");

    struct les_flow_params slow = measured(serve, 2000);
    cr_assert_gt(slow.costs[proofs].per_item, 1200000u);
    struct les_flow_params slowest = measured(serve, 1000000);
    size_t states = les_cost_index(LES_GET_TX_STATUS);
    cr_assert_leq(slowest.costs[proofs].per_item, SERVER_BUFFER_UNIT / 3);
    cr_assert_leq(slowest.costs[headers].base + 192 * slowest.costs[headers].per_item,
                  SERVER_BUFFER_UNIT / 3);
    cr_assert_leq(64 * slowest.costs[states].per_item, SERVER_BUFFER_UNIT / 3);
    serve_free(serve);
}

Test(server_pay, a_client_keeps_the_table_of_its_status)
{
    struct serve *serve = serve_new(GENESIS, NULL);
    struct worker worker = {
        .base = {&WORKER_OPS}, .serve = serve, .ask_us = 10, .world = serve->world};
    struct server_config config = {.spec = &serve->genesis->spec, .key = {{1, 2, 3}}};
    struct server *own = server_new(serve->loop, serve->crypto, NULL, &config, &worker.base);
    struct server *other = serve->server;
    serve->server = own;
    struct hash32 hash = serve->genesis->spec.genesis_hash;
    struct line *line = greeted(serve, 4, 1);
    for (uint64_t id = 1; id <= 40; id++) { /* cheap work: the price falls */
        ask_receipts(line, id, &hash, 40);
        world_run_for_ms(serve->world, 10);
        cr_assert_eq(next_code(line), (unsigned)LES_RECEIPTS);
    }
    size_t receipts = les_cost_index(LES_GET_RECEIPTS);
    struct line *later = line_open(serve, 4, 2);
    struct les_status status = status_of(later);
    cr_assert_eq(status.flow.costs[receipts].per_item, 2000000u / SERVER_PRICE_CUT);
    struct server_stats stats;
    server_stats(own, &stats);
    cr_assert_eq(stats.price_1024[receipts], 1024u / SERVER_PRICE_CUT);
    line_greet(serve, later, 4, LES_ANNOUNCE_SIMPLE);
    world_run_for_ms(serve->world, 10000);
    ask_receipts(line, 50, &hash, 45); /* 90 of 96 million still, for the first one */
    ask_receipts(line, 51, &hash, 45);
    cr_assert_eq(next_code(line), (unsigned)LES_STOP);
    ask_receipts(later, 1, &hash, 45);
    ask_receipts(later, 2, &hash, 45);
    world_run_for_ms(serve->world, 50);
    cr_assert_eq(next_code(later), (unsigned)LES_RECEIPTS);
    cr_assert_eq(next_code(later), (unsigned)LES_RECEIPTS);
    line_free(line);
    line_free(later);
    serve->server = other;
    server_free(own);
    serve_free(serve);
}

/* ---- balances ---- */

Test(server_pay, balance_is_drawn_down_by_time_and_its_capacity_ends_with_it)
{
    struct serve *serve = serve_new(GENESIS, NULL);
    struct purse purse = {.seam = {purse_load, purse_save}};
    serve_restart_with(serve, &(struct server_config){.balances = &purse.seam});
    struct hash32 id = {{7}};
    uint64_t before, after;
    cr_assert(server_add_balance(serve->server, &id, 100000000, &before, &after));
    cr_assert(before == 0 && after == 100000000u && purse.amounts[7] == after);
    struct line *line = greeted(serve, 4, 7);
    cr_assert(server_set_capacity(serve->server, &id, 2));
    line_clear(line);
    world_run_for_ms(serve->world, 1500); /* 32,000 units a ms: 32,000 of the balance */
    struct server_client_info info;
    cr_assert(server_client_info(serve->server, &id, &info));
    cr_assert_leq(info.balance - (100000000u - 1500 * 32000u), 2u); /* parts of units */
    cr_assert_eq(info.capacity, 2 * UNIT);
    cr_assert(info.connected_ms == 1500 && info.debt == 0);
    cr_assert_null(line->first);
    world_run_for_ms(serve->world, 3000);
    cr_assert_eq(server_balance(serve->server, &id), 0u);
    cr_assert_eq(purse.amounts[7], 0u);
    struct line_message *message = line_take(line);
    struct les_announce announce;
    cr_assert_not_null(message);
    cr_assert(les_announce_decode(&announce, buf_span(&message->payload)));
    cr_assert(announce.has_flow && announce.recharge == UNIT);
    line_message_free(message);
    world_run_for_ms(serve->world, SERVER_CUT_DELAY_MS);
    cr_assert(server_client_info(serve->server, &id, &info));
    cr_assert_eq(info.capacity, UNIT);
    cr_assert_gt(info.debt, 0u);
    line_free(line);
    serve_free(serve);
}

Test(server_pay, requests_cost_what_the_factors_say)
{
    struct serve *serve = serve_new(GENESIS, NULL);
    struct purse purse = {.seam = {purse_load, purse_save}, .amounts = {[9] = 1000000000}};
    struct worker worker = {
        .base = {&WORKER_OPS}, .serve = serve, .ask_us = 1000, .world = serve->world};
    struct server_config config = {.spec = &serve->genesis->spec,
                                   .key = {{1, 2, 3}},
                                   .capacity_total = 1, /* so the full price is due */
                                   .balances = &purse.seam};
    struct server *own = server_new(serve->loop, serve->crypto, NULL, &config, &worker.base);
    struct server *other = serve->server;
    serve->server = own;
    struct server_pricing pricing;
    struct hash32 id = {{9}}, hash = serve->genesis->spec.genesis_hash;
    cr_assert(server_pricing_get(own, NULL, &pricing));
    cr_assert(pricing.positive.request == 1 && pricing.positive.capacity == 1);
    pricing.positive = (struct server_factors){.request = 3};
    cr_assert(server_pricing_set(own, NULL, &pricing));
    struct line *line = greeted(serve, 4, 9);
    ask_receipts(line, 1, &hash, 1);
    world_run_for_ms(serve->world, 50);
    cr_assert_eq(next_code(line), (unsigned)LES_RECEIPTS);
    cr_assert_eq(server_balance(own, &id), 1000000000u - 3 * 1000000u);
    pricing.positive = (struct server_factors){.time = 2};
    cr_assert(server_pricing_set(own, &id, &pricing));
    world_run_for_ms(serve->world, 100);
    cr_assert_eq(server_balance(own, &id), 1000000000u - 3 * 1000000u - 2 * 100000000u);
    id.bytes[0]++;
    cr_assert_not(server_pricing_set(own, &id, &pricing));
    cr_assert_not(server_pricing_get(own, &id, &pricing));
    line_free(line);
    serve->server = other;
    server_free(own);
    cr_assert_eq(purse.amounts[9], 1000000000u - 3 * 1000000u - 2 * 100000000u);
    serve_free(serve);
}

Test(server_pay, amounts_stay_between_nothing_and_the_most)
{
    struct serve *serve = serve_new(GENESIS, NULL);
    struct purse purse = {.seam = {purse_load, purse_save}};
    serve_restart_with(serve, &(struct server_config){.balances = &purse.seam});
    struct hash32 id = {{3}};
    uint64_t before, after;
    cr_assert(server_add_balance(serve->server, &id, INT64_MAX, &before, &after));
    cr_assert_not(server_add_balance(serve->server, &id, 1, &before, &after));
    cr_assert_eq(server_balance(serve->server, &id), (uint64_t)INT64_MAX);
    cr_assert(server_add_balance(serve->server, &id, INT64_MIN, &before, &after));
    cr_assert(before == INT64_MAX && after == 0);
    serve_free(serve);
}

Test(server_pay, one_with_a_balance_gets_the_place_of_who_used_most)
{
    struct serve *serve = serve_new(GENESIS, NULL);
    struct purse purse = {.seam = {purse_load, purse_save}, .amounts = {[40] = 1, [41] = 1000000}};
    serve_restart_with(serve, &(struct server_config){.balances = &purse.seam, .clients_max = 2});
    struct line *first = greeted(serve, 4, 1);
    world_run_for_ms(serve->world, 1000);
    struct line *second = greeted(serve, 4, 2);
    struct line *third = greeted(serve, 4, 3);
    cr_assert(third->closed && third->reason == PEER_TOO_MANY);
    struct line *paying = greeted(serve, 4, 40);
    cr_assert(first->closed && first->reason == PEER_TOO_MANY, "it was there longest");
    cr_assert_not(second->closed || paying->closed);
    struct line *next = greeted(serve, 4, 41);
    cr_assert(second->closed);
    cr_assert_not(paying->closed || next->closed);
    struct server_stats stats;
    server_stats(serve->server, &stats);
    cr_assert(stats.clients == 2 && stats.displaced == 2 && stats.turned_away == 1);
    uint64_t total, connected;
    server_capacities(serve->server, &total, &connected);
    cr_assert(total == 62 * UNIT && connected == 2 * UNIT);
    line_free(first);
    line_free(second);
    line_free(third);
    line_free(paying);
    line_free(next);
    serve_free(serve);
}

Test(server_pay, operator_stops_and_ends_clients)
{
    struct serve *serve = serve_new(GENESIS, NULL);
    struct hash32 id = {{5}};
    struct line *line = greeted(serve, 4, 5);
    cr_assert(server_freeze_client(serve->server, &id));
    cr_assert_eq(next_code(line), (unsigned)LES_STOP);
    cr_assert(server_freeze_client(serve->server, &id));
    cr_assert_null(line->first, "it is stopped already");
    cr_assert(server_drop_client(serve->server, &id));
    cr_assert(line->closed && line->reason == PEER_REQUESTED);
    cr_assert_not(server_drop_client(serve->server, &id));
    cr_assert_not(server_freeze_client(serve->server, &id));
    line_free(line);
    serve_free(serve);
}

/* ---- the file ---- */

static void collect(void *owner, const struct hash32 *id, uint64_t amount)
{
    struct buf *out = owner;
    buf_printf(out, "%u=%llu ", id->bytes[0], (unsigned long long)amount);
}

Test(server_pay, balances_survive_in_their_file_and_a_broken_one_is_an_error)
{
    char directory[] = "/tmp/test_balances_XXXXXX", path[64];
    struct buf error = {0}, list = {0};
    struct balances *balances;
    cr_assert_not_null(mkdtemp(directory));
    for (int round = 0; round < 2; round++) {
        cr_assert_eq(balances_open(&balances, NULL, directory, &error), STATUS_OK);
        struct server_balances *seam = balances_seam(balances);
        struct hash32 ids[3] = {{{1}}, {{2}}, {{9}}};
        if (round == 0) {
            seam->save(seam, &ids[2], INT64_MAX);
            seam->save(seam, &ids[0], 5);
            seam->save(seam, &ids[1], 6);
            seam->save(seam, &ids[0], 7);
        }
        cr_assert_eq(seam->load(seam, &ids[0]), 7u);
        cr_assert_eq(seam->load(seam, &ids[2]), (uint64_t)INT64_MAX);
        cr_assert_eq(seam->load(seam, &(struct hash32){{4}}), 0u);
        buf_clear(&list);
        balances_each(balances, &ids[0], &ids[2], 2, collect, &list);
        cr_assert(span_equal(buf_span(&list), SPAN_STR("1=7 2=6 ")));
        if (round == 1) {
            seam->save(seam, &ids[0], 0);
            cr_assert_eq(seam->load(seam, &ids[0]), 0u);
        }
        balances_close(balances);
    }
    snprintf(path, sizeof path, "%s/balances.sqlite", directory);
    FILE *file = fopen(path, "wb");
    cr_assert_geq(fprintf(file, "this is no database, and long enough to be looked at twice"), 1);
    fclose(file);
    cr_assert_eq(balances_open(&balances, NULL, directory, &error), STATUS_IO);
    cr_assert_null(balances);
    cr_assert_gt(error.size, 0u);
    unlink(path);
    rmdir(directory);
    buf_free(&error);
    buf_free(&list);
}

/* ---- announce only ---- */

Test(server_pay, announcing_server_says_so_answers_headers_and_passes_over_the_rest)
{
    struct serve *serve = serve_new(GENESIS, NULL);
    serve_restart_with(serve, &(struct server_config){.announce_only = true});
    struct line *line = line_open(serve, 4, 1);
    struct les_status status = status_of(line);
    cr_assert_not(status.serve_headers || status.has_serve_chain_since ||
                  status.has_serve_state_since || status.has_serve_recent_state ||
                  status.tx_relay || status.has_checkpoint);
    cr_assert(status.has_flow && status.has_recent_tx_lookup);
    line_greet(serve, line, 4, LES_ANNOUNCE_SIMPLE);
    struct hash32 hash = serve->genesis->spec.genesis_hash;
    ask_receipts(line, 1, &hash, 1);
    world_run_for_ms(serve->world, 50);
    cr_assert_null(line->first);
    cr_assert_not(line->closed);
    struct buf payload = {0};
    struct les_writer writer = les_request_begin(&payload, 2);
    les_headers_query_encode(&payload, &(struct les_headers_query){.amount = 1});
    les_request_end(&payload, writer);
    line_send(line, LES_GET_BLOCK_HEADERS, buf_span(&payload));
    buf_free(&payload);
    world_run_for_ms(serve->world, 50);
    cr_assert_eq(next_code(line), (unsigned)LES_BLOCK_HEADERS);
    struct server_stats stats;
    server_stats(serve->server, &stats);
    cr_assert_eq(stats.ignored, 1u);
    line_free(line);
    serve_free(serve);
}
