#include "les/base/limits.h"
#include "tests/fixture/fixture.h"
#include "tests/sim/world.h"

#include <criterion/criterion.h>
#include <signal.h>

TestSuite(simulation, .fini = fixture_leak_gate, .timeout = 60);

/* One side of a connection: remembers, and echoes when told. */
struct side {
    struct link *link;
    struct buf seen;
    size_t opens, closes, drains, pieces;
    enum status status;
    bool echoes, closes_on_data;
};

static void on_open(void *owner)
{
    struct side *side = owner;
    side->opens++;
}

static void on_data(void *owner, struct span bytes)
{
    struct side *side = owner;
    cr_assert_gt(bytes.size, 0);
    cr_assert_not_null(side->link);
    cr_assert_eq(side->closes, 0);
    side->pieces++;
    buf_add_span(&side->seen, bytes);
    if (side->echoes)
        cr_assert(link_send(side->link, bytes));
    if (side->closes_on_data) {
        link_close(side->link);
        side->link = NULL;
    }
}

static void on_drain(void *owner)
{
    struct side *side = owner;
    side->drains++;
}

static void on_close(void *owner, enum status status)
{
    struct side *side = owner;
    cr_assert_not_null(side->link);
    side->closes++;
    side->status = status;
}

static const struct link_events events = {on_open, on_data, on_drain, on_close};

/* Two hosts, a listener on the second, and a connection between them. */
struct pair {
    struct world *world;
    struct loop *a, *b;
    struct listener *listener;
    struct side client, server;
    bool refuse;
};

static void on_accept(void *owner, struct link *link)
{
    struct pair *pair = owner;
    if (pair->refuse) {
        link_close(link);
        return;
    }
    cr_assert_null(pair->server.link);
    pair->server.link = link;
    link_set_owner(link, &events, &pair->server);
}

static void pair_connect(struct pair *pair)
{
    struct endpoint to;
    cr_assert(endpoint_parse(&to, "10.0.0.2:30303"));
    cr_assert_eq(link_connect(&pair->client.link, pair->a, &to, &events, &pair->client), STATUS_OK);
    cr_assert_eq(pair->client.opens + pair->client.closes, 0);
}

static void pair_open(struct pair *pair, uint64_t seed)
{
    *pair = (struct pair){.world = world_new(seed)};
    pair->a = world_host_new(pair->world, "10.0.0.1");
    pair->b = world_host_new(pair->world, "10.0.0.2");
    struct endpoint at;
    cr_assert(endpoint_parse(&at, "0.0.0.0:30303"));
    cr_assert_eq(listener_open(&pair->listener, pair->b, &at, on_accept, pair), STATUS_OK);
}

static void side_free(struct side *side)
{
    link_close(side->link);
    buf_free(&side->seen);
}

static void pair_close(struct pair *pair)
{
    side_free(&pair->client);
    side_free(&pair->server);
    listener_close(pair->listener);
    world_free(pair->world);
}

static struct buf pattern(size_t size)
{
    struct buf bytes = {0};
    uint64_t state = size;
    buf_reserve(&bytes, size);
    for (size_t i = 0; i < size; i++)
        buf_add_u8(&bytes, (uint8_t)fixture_random(&state));
    return bytes;
}

/* A busy hour in short: echo with pauses, a partition, a cut, a new connection. */
static uint64_t play(uint64_t seed, uint64_t *events_count)
{
    struct pair pair;
    pair_open(&pair, seed);
    pair.server.echoes = true;
    pair_connect(&pair);
    struct buf bytes = pattern(300000);
    cr_assert(link_send(pair.client.link, buf_span(&bytes)));
    world_run_for_ms(pair.world, 10);
    world_partition(pair.a, pair.b, true);
    world_run_for_ms(pair.world, 500);
    world_partition(pair.a, pair.b, false);
    world_run_for_ms(pair.world, 2000);
    cr_assert(span_equal(buf_span(&pair.client.seen), buf_span(&bytes)));
    uint8_t random[16];
    loop_random(pair.a, random, sizeof(random));
    cr_assert(link_send(pair.client.link, SPAN(random, sizeof(random))));
    world_run_for_ms(pair.world, 1);
    world_cut(pair.a, pair.b);
    world_run_for_ms(pair.world, 100);
    cr_assert_eq(pair.client.status, STATUS_IO);
    cr_assert_eq(pair.server.status, STATUS_IO);
    uint64_t trace = world_trace(pair.world);
    *events_count = world_counters(pair.world).events;
    buf_free(&bytes);
    pair_close(&pair);
    return trace;
}

Test(simulation, the_same_seed_is_the_same_trace_and_another_is_another)
{
    uint64_t events_a, events_b, events_c;
    uint64_t a = play(42, &events_a), b = play(42, &events_b), c = play(43, &events_c);
    cr_assert_eq(a, b);
    cr_assert_eq(events_a, events_b);
    cr_assert_neq(a, c);
    cr_assert_gt(events_a, 100);
}

Test(simulation, many_seeds_keep_the_stream_whole)
{
    uint64_t state = fixture_seed(), events_count;
    for (int i = 0; i < 50; i++)
        (void)play(fixture_random(&state), &events_count);
}

Test(simulation, pieces_differ_from_sends_and_bytes_do_not)
{
    struct pair pair;
    pair_open(&pair, 1);
    const struct world_net net = {1000, 9000, 0, 100, 0, 0};
    world_set_path(pair.a, pair.b, &net);
    pair_connect(&pair);
    struct buf bytes = pattern(10000);
    for (size_t i = 0; i < bytes.size; i += 1000)
        cr_assert(link_send(pair.client.link, SPAN(bytes.data + i, 1000)));
    world_run_for_ms(pair.world, 1000);
    cr_assert_gt(pair.server.pieces, 100);
    cr_assert(span_equal(buf_span(&pair.server.seen), buf_span(&bytes)));
    cr_assert_eq(pair.client.drains, 1);
    buf_free(&bytes);
    pair_close(&pair);
}

Test(simulation, latency_is_kept)
{
    struct pair pair;
    pair_open(&pair, 1);
    const struct world_net net = {40000, 40000, 0, 1000, 0, 0};
    world_set_net(pair.world, &net);
    pair_connect(&pair);
    world_run_for_ms(pair.world, 79);
    cr_assert_eq(pair.client.opens, 0);
    world_run_for_ms(pair.world, 1);
    cr_assert_eq(pair.client.opens, 1);
    cr_assert(link_send(pair.client.link, SPAN_STR("hello")));
    world_run_for_ms(pair.world, 39);
    cr_assert_eq(pair.server.seen.size, 0);
    world_run_for_ms(pair.world, 1);
    cr_assert_eq(pair.server.seen.size, 5);
    pair_close(&pair);
}

Test(simulation, bandwidth_is_kept)
{
    struct pair pair;
    pair_open(&pair, 1);
    const struct world_net net = {1000, 1000, 100000, 1000, 0, 0};
    world_set_net(pair.world, &net);
    pair_connect(&pair);
    struct buf bytes = pattern(200000);
    cr_assert(link_send(pair.client.link, buf_span(&bytes)));
    world_run_for_ms(pair.world, 1003);
    cr_assert_lt(pair.server.seen.size, 102000);
    cr_assert_gt(pair.server.seen.size, 98000);
    world_run_for_ms(pair.world, 1100);
    cr_assert_eq(pair.server.seen.size, bytes.size);
    buf_free(&bytes);
    pair_close(&pair);
}

Test(simulation, a_paused_side_fills_the_window_then_the_queue_then_refuses)
{
    struct pair pair;
    pair_open(&pair, 1);
    pair_connect(&pair);
    world_run_for_ms(pair.world, 20);
    link_pause(pair.server.link);
    struct buf piece = pattern(MIB(1));
    size_t taken = 0;
    while (link_send(pair.client.link, buf_span(&piece))) {
        taken += piece.size;
        world_run_for_ms(pair.world, 50);
    }
    cr_assert_eq(pair.server.seen.size, 0);
    cr_assert_leq(link_queue_size(pair.client.link), LINK_QUEUE_BYTES_MAX);
    cr_assert_gt(taken, LINK_QUEUE_BYTES_MAX - MIB(1));
    cr_assert_eq(pair.client.drains, 0);
    link_resume(pair.server.link);
    world_run_for_ms(pair.world, 60000);
    cr_assert_eq(pair.server.seen.size, taken);
    cr_assert_eq(pair.client.drains, 1);
    buf_free(&piece);
    pair_close(&pair);
}

Test(simulation, connecting_to_a_closed_port_or_a_refusing_or_missing_host_is_unavailable)
{
    static const char *const targets[] = {"10.0.0.2:1", "10.0.0.2:30303", "10.9.9.9:30303"};
    for (size_t i = 0; i < ARRAY_COUNT(targets); i++) {
        struct pair pair;
        pair_open(&pair, i);
        world_refuse(pair.b, true);
        struct endpoint to;
        cr_assert(endpoint_parse(&to, targets[i]));
        cr_assert_eq(link_connect(&pair.client.link, pair.a, &to, &events, &pair.client),
                     STATUS_OK);
        world_run_for_ms(pair.world, 5000);
        cr_assert_eq(pair.client.opens, 0);
        cr_assert_eq(pair.client.closes, 1);
        cr_assert_eq(pair.client.status, STATUS_UNAVAILABLE);
        pair_close(&pair);
    }
}

Test(simulation, connecting_across_a_partition_waits_for_it_or_times_out)
{
    for (int heals = 0; heals < 2; heals++) {
        struct pair pair;
        pair_open(&pair, 5);
        world_partition(pair.a, pair.b, true);
        pair_connect(&pair);
        world_run_for_ms(pair.world, 20000);
        cr_assert_eq(pair.client.opens + pair.client.closes, 0);
        if (heals)
            world_partition(pair.a, pair.b, false);
        world_run_for_ms(pair.world, 110000);
        cr_assert_eq(pair.client.opens, heals ? 1 : 0);
        cr_assert_eq(pair.client.closes, heals ? 0 : 1);
        if (!heals)
            cr_assert_eq(pair.client.status, STATUS_TIMEOUT);
        pair_close(&pair);
    }
}

Test(simulation, an_accepted_link_that_is_closed_at_once_closes_in_order)
{
    struct pair pair;
    pair_open(&pair, 6);
    pair.refuse = true;
    pair_connect(&pair);
    world_run_for_ms(pair.world, 100);
    cr_assert_eq(pair.client.opens, 1);
    cr_assert_eq(pair.client.closes, 1);
    cr_assert_eq(pair.client.status, STATUS_OK);
    pair_close(&pair);
}

Test(simulation, the_last_message_before_a_close_arrives)
{
    struct pair pair;
    pair_open(&pair, 7);
    pair.server.closes_on_data = true;
    pair_connect(&pair);
    struct buf bytes = pattern(500000);
    cr_assert(link_send(pair.client.link, SPAN_STR("x")));
    world_run_for_ms(pair.world, 4);
    cr_assert(link_send(pair.client.link, SPAN_STR("y")));
    pair.server.closes_on_data = false;
    world_run_for_ms(pair.world, 100);
    cr_assert(link_send(pair.server.link, buf_span(&bytes)));
    link_close(pair.server.link);
    pair.server.link = NULL;
    world_run_for_ms(pair.world, 400);
    cr_assert(span_equal(buf_span(&pair.client.seen), buf_span(&bytes)));
    cr_assert_eq(pair.client.status, STATUS_OK);
    buf_free(&bytes);
    pair_close(&pair);
}

Test(simulation, a_lingering_link_that_cannot_drain_resets_the_other_side)
{
    struct pair pair;
    pair_open(&pair, 8);
    pair_connect(&pair);
    world_run_for_ms(pair.world, 20);
    link_pause(pair.server.link);
    struct buf bytes = pattern(MIB(2));
    cr_assert(link_send(pair.client.link, buf_span(&bytes)));
    link_close(pair.client.link);
    pair.client.link = NULL;
    world_run_for_ms(pair.world, LINK_LINGER_MS - 1);
    cr_assert_eq(pair.server.closes, 0);
    world_run_for_ms(pair.world, 10);
    cr_assert_eq(pair.server.closes, 1);
    cr_assert_eq(pair.server.status, STATUS_IO);
    cr_assert_not(link_send(pair.server.link, SPAN_STR("late")));
    buf_free(&bytes);
    pair_close(&pair);
}

Test(simulation, an_ordered_cut_comes_at_its_byte)
{
    for (uint64_t bytes = 1; bytes < 3000; bytes += 333) {
        struct pair pair;
        pair_open(&pair, bytes);
        const struct world_net net = {1000, 5000, 0, 700, 0, 0};
        world_set_net(pair.world, &net);
        world_cut_after(pair.a, pair.b, bytes);
        pair_connect(&pair);
        struct buf sent = pattern(5000);
        cr_assert(link_send(pair.client.link, buf_span(&sent)));
        world_run_for_ms(pair.world, 500);
        cr_assert_eq(pair.server.seen.size, bytes);
        cr_assert_eq(pair.server.status, STATUS_IO);
        cr_assert_eq(pair.client.status, STATUS_IO);
        link_close(pair.client.link);
        link_close(pair.server.link);
        buf_free(&pair.server.seen);
        pair.client = pair.server = (struct side){0};
        pair_connect(&pair);
        cr_assert(link_send(pair.client.link, buf_span(&sent)));
        world_run_for_ms(pair.world, 500);
        cr_assert_eq(pair.server.seen.size, sent.size);
        buf_free(&sent);
        pair_close(&pair);
    }
}

static void flip(void *owner, struct loop *from, struct loop *to, uint8_t *bytes, size_t size)
{
    (void)to;
    if (from == owner && size > 0)
        bytes[size - 1] ^= 1;
}

Test(simulation, transit_may_change_a_byte)
{
    struct pair pair;
    pair_open(&pair, 9);
    pair.server.echoes = true;
    world_on_transit(pair.world, flip, pair.a);
    pair_connect(&pair);
    cr_assert(link_send(pair.client.link, SPAN_STR("a")));
    world_run_for_ms(pair.world, 100);
    cr_assert(span_equal(buf_span(&pair.client.seen), SPAN_STR("`")));
    pair_close(&pair);
}

Test(simulation, closing_while_connecting_is_silent)
{
    for (uint64_t ms = 0; ms < 12; ms++) {
        struct pair pair;
        pair_open(&pair, 10);
        pair_connect(&pair);
        cr_assert(link_send(pair.client.link, SPAN_STR("never")));
        world_run_for_ms(pair.world, ms);
        size_t opens = pair.client.opens;
        link_close(pair.client.link);
        pair.client.link = NULL;
        world_run_for_ms(pair.world, 100);
        cr_assert_eq(pair.client.opens, opens);
        cr_assert_eq(pair.client.closes, 0);
        if (pair.server.link != NULL)
            cr_assert_eq(pair.server.status, STATUS_OK);
        pair_close(&pair);
    }
}

Test(simulation, a_host_reaches_itself_by_loopback)
{
    struct pair pair;
    pair_open(&pair, 11);
    struct endpoint to;
    cr_assert(endpoint_parse(&to, "127.0.0.1:30303"));
    cr_assert_eq(link_connect(&pair.client.link, pair.b, &to, &events, &pair.client), STATUS_OK);
    world_run_for_ms(pair.world, 100);
    cr_assert_eq(pair.client.opens, 1);
    struct endpoint remote;
    link_endpoint(pair.server.link, &remote);
    cr_assert(endpoint_is_loopback(&remote));
    pair_close(&pair);
}

Test(simulation, a_taken_port_or_a_foreign_address_is_unavailable)
{
    struct pair pair;
    pair_open(&pair, 12);
    struct endpoint at;
    struct listener *listener = NULL;
    cr_assert(endpoint_parse(&at, "10.0.0.2:30303"));
    cr_assert_eq(listener_open(&listener, pair.b, &at, on_accept, &pair), STATUS_UNAVAILABLE);
    cr_assert_eq(listener_open(&listener, pair.a, &at, on_accept, &pair), STATUS_UNAVAILABLE);
    cr_assert_null(listener);
    pair_close(&pair);
}

/* ---- time ---- */

struct ticker {
    struct timer timer;
    uint64_t count, last_ms, interval_ms;
};

static void on_tick(struct timer *timer)
{
    struct ticker *ticker = container_of(timer, struct ticker, timer);
    ticker->count++;
    ticker->last_ms = loop_now_ms(timer->loop);
    timer_start(timer, ticker->interval_ms);
}

Test(simulation, an_hour_of_timers_takes_no_time_and_is_exact)
{
    struct world *world = world_new(1);
    struct loop *host = world_host_new(world, "10.0.0.1");
    struct ticker ticker = {.interval_ms = 250};
    timer_init(&ticker.timer, host, on_tick);
    uint64_t start_ms = loop_now_ms(host);
    int64_t start_s = loop_wall_s(host);
    timer_start(&ticker.timer, 250);
    world_run_for_ms(world, 3600000);
    cr_assert_eq(ticker.count, 14400);
    cr_assert_eq(ticker.last_ms, start_ms + 3600000);
    cr_assert_eq(loop_now_us(host), (start_ms + 3600000) * 1000);
    cr_assert_eq(loop_wall_s(host), start_s + 3600);
    timer_stop(&ticker.timer);
    world_free(world);
}

Test(simulation, wall_clocks_jump_and_differ_and_the_monotonic_one_does_not)
{
    struct world *world = world_new(1);
    struct loop *a = world_host_new(world, "10.0.0.1"), *b = world_host_new(world, "2001:db8::1");
    uint64_t now_ms = loop_now_ms(a);
    world_set_wall_s(world, 1500000000);
    world_skew_s(b, -30);
    cr_assert_eq(loop_wall_s(a), 1500000000);
    cr_assert_eq(loop_wall_s(b), 1499999970);
    cr_assert_eq(loop_now_ms(b), now_ms);
    world_free(world);
}

static bool never(void *owner)
{
    (void)owner;
    return false;
}

static bool ticked_three(void *owner)
{
    return ((struct ticker *)owner)->count == 3;
}

Test(simulation, run_until_stops_at_the_claim_the_limit_or_the_end)
{
    struct world *world = world_new(1);
    struct loop *host = world_host_new(world, "10.0.0.1");
    struct ticker ticker = {.interval_ms = 10};
    cr_assert_not(world_run_until(world, never, NULL, 1000));
    timer_init(&ticker.timer, host, on_tick);
    uint64_t start_ms = world_now_ms(world);
    timer_start(&ticker.timer, 10);
    cr_assert(world_run_until(world, ticked_three, &ticker, 1000));
    cr_assert_eq(world_now_ms(world) - start_ms, 30);
    cr_assert_not(world_run_until(world, never, NULL, 100));
    cr_assert_eq(ticker.count, 13);
    timer_stop(&ticker.timer);
    cr_assert_not(world_step(world));
    world_free(world);
}

static void on_spin(struct timer *timer)
{
    timer_start(timer, 0);
}

Test(simulation, spinning_without_time_passing_is_a_bug, .signal = SIGABRT)
{
    struct world *world = world_new(1);
    struct timer timer;
    timer_init(&timer, world_host_new(world, "10.0.0.1"), on_spin);
    timer_start(&timer, 0);
    world_run_for_ms(world, 1);
}

Test(simulation, random_bytes_of_a_host_depend_on_the_seed_and_the_host_alone)
{
    uint8_t bytes[3][2][8];
    static const uint64_t seeds[] = {1, 1, 2};
    for (int i = 0; i < 3; i++) {
        struct world *world = world_new(seeds[i]);
        struct loop *a = world_host_new(world, "10.0.0.1"), *b = world_host_new(world, "10.0.0.2");
        if (i == 1) {
            uint8_t more[100];
            loop_random(a, bytes[i][0], 8);
            loop_random(a, more, sizeof(more));
            loop_random(b, bytes[i][1], 8);
        } else {
            loop_random(b, bytes[i][1], 8);
            loop_random(a, bytes[i][0], 8);
        }
        world_free(world);
    }
    cr_assert_arr_eq(bytes[0], bytes[1], sizeof(bytes[0]));
    cr_assert_neq(memcmp(bytes[0], bytes[2], sizeof(bytes[0])), 0);
    cr_assert_neq(memcmp(bytes[0][0], bytes[0][1], 8), 0);
}

/* ---- datagrams ---- */

struct box {
    struct udp *udp;
    size_t count, size;
    struct endpoint from;
};

static void on_datagram(void *owner, const struct endpoint *from, struct span bytes)
{
    struct box *box = owner;
    box->count++;
    box->size = bytes.size;
    box->from = *from;
}

Test(simulation, datagrams_arrive_get_lost_and_come_twice_as_the_dice_say)
{
    struct world *world = world_new(3);
    struct loop *a = world_host_new(world, "10.0.0.1"), *b = world_host_new(world, "10.0.0.2");
    struct box box_a = {0}, box_b = {0};
    struct endpoint at, to;
    cr_assert(endpoint_parse(&at, "0.0.0.0:30303"));
    cr_assert(endpoint_parse(&to, "10.0.0.2:30303"));
    cr_assert_eq(udp_open(&box_a.udp, a, &at, on_datagram, &box_a), STATUS_OK);
    cr_assert_eq(udp_open(&box_b.udp, b, &at, on_datagram, &box_b), STATUS_OK);
    udp_send(box_a.udp, &to, SPAN_STR("ping"));
    cr_assert_eq(box_b.count, 0);
    world_run_for_ms(world, 10);
    cr_assert_eq(box_b.count, 1);
    cr_assert_eq(box_b.size, 4);
    char text[ENDPOINT_TEXT_SIZE];
    endpoint_format(text, &box_b.from);
    cr_assert_str_eq(text, "10.0.0.1:30303");
    const struct world_net net = {1000, 5000, 0, 1000, 300, 100};
    world_set_net(world, &net);
    for (int i = 0; i < 10000; i++)
        udp_send(box_a.udp, &to, SPAN_STR("ping"));
    world_run_for_ms(world, 10);
    cr_assert_gt(box_b.count, 7400);
    cr_assert_lt(box_b.count, 8000);
    size_t count = box_b.count;
    world_partition(a, b, true);
    udp_send(box_a.udp, &to, SPAN_STR("ping"));
    world_run_for_ms(world, 10);
    cr_assert_eq(box_b.count, count);
    world_partition(a, b, false);
    for (int i = 0; i < 10; i++)
        udp_send(box_a.udp, &to, SPAN_STR("ping"));
    udp_close(box_a.udp);
    udp_close(box_b.udp);
    world_run_for_ms(world, 3);
    world_free(world);
}

/* ---- names and work ---- */

struct answer {
    size_t calls, count;
    enum status status;
    char first[64];
};

static void on_answer(void *owner, enum status status, const struct span *records, size_t count)
{
    struct answer *answer = owner;
    answer->calls++;
    answer->status = status;
    answer->count = count;
    if (count != 0)
        memcpy(answer->first, records[0].data, records[0].size);
}

Test(simulation, names_resolve_to_what_the_script_says)
{
    struct world *world = world_new(4);
    struct loop *host = world_host_new(world, "10.0.0.1");
    static const char *const texts[] = {"enrtree-root:v1", "second"};
    world_set_txt(world, "tree.example.org", texts, 2);
    world_fail_txt(world, "slow.example.org", STATUS_TIMEOUT);
    struct answer found = {0}, missing = {0}, failed = {0}, cancelled = {0};
    (void)loop_resolve_txt(host, "tree.example.org", on_answer, &found);
    (void)loop_resolve_txt(host, "none.example.org", on_answer, &missing);
    (void)loop_resolve_txt(host, "slow.example.org", on_answer, &failed);
    struct resolve *resolve = loop_resolve_txt(host, "tree.example.org", on_answer, &cancelled);
    resolve_cancel(resolve);
    resolve_cancel(resolve);
    cr_assert_eq(found.calls + cancelled.calls, 0);
    world_run_for_ms(world, 60);
    cr_assert_eq(found.status, STATUS_OK);
    cr_assert_eq(found.count, 2);
    cr_assert_str_eq(found.first, "enrtree-root:v1");
    cr_assert_eq(missing.status, STATUS_NOT_FOUND);
    cr_assert_eq(failed.status, STATUS_TIMEOUT);
    cr_assert_eq(cancelled.status, STATUS_CANCELLED);
    cr_assert_eq(found.calls + missing.calls + failed.calls + cancelled.calls, 4);
    struct answer last = {0};
    (void)loop_resolve_txt(host, "tree.example.org", on_answer, &last);
    world_free(world);
    cr_assert_eq(last.calls, 1);
}

struct job {
    struct work work;
    struct loop *host;
    int steps;
    uint64_t done_us;
};

static void on_work(struct work *work)
{
    struct job *job = container_of(work, struct job, work);
    cr_assert_eq(job->steps++, 0);
}

static void on_done(struct work *work)
{
    struct job *job = container_of(work, struct job, work);
    cr_assert_eq(job->steps++, 1);
    job->done_us = loop_now_us(job->host);
}

Test(simulation, work_is_done_later_in_the_same_millisecond)
{
    struct world *world = world_new(4);
    struct loop *host = world_host_new(world, "10.0.0.1");
    struct job job = {.work = {on_work, on_done, NULL}, .host = host};
    uint64_t now_us = loop_now_us(host);
    loop_work(host, &job.work);
    cr_assert_eq(job.steps, 0);
    world_run_for_ms(world, 0);
    cr_assert_eq(job.steps, 2);
    cr_assert_eq(job.done_us, now_us);
    world_free(world);
}

/* ---- leaks ---- */

Test(simulation, a_link_left_open_is_a_bug, .signal = SIGABRT)
{
    struct pair pair;
    pair_open(&pair, 1);
    pair_connect(&pair);
    listener_close(pair.listener);
    world_free(pair.world);
}

Test(simulation, a_listener_left_open_is_a_bug, .signal = SIGABRT)
{
    struct pair pair;
    pair_open(&pair, 1);
    world_free(pair.world);
}

Test(simulation, a_timer_left_running_is_a_bug, .signal = SIGABRT)
{
    struct world *world = world_new(1);
    struct ticker ticker = {.interval_ms = 10};
    timer_init(&ticker.timer, world_host_new(world, "10.0.0.1"), on_tick);
    timer_start(&ticker.timer, 10);
    world_free(world);
}
