#include "les/base/limits.h"
#include "les/base/loop.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

TestSuite(link, .fini = fixture_leak_gate, .timeout = 30);

enum act { ACT_NOTHING, ACT_CLOSE, ACT_ECHO, ACT_PAUSE, ACT_STOP, ACT_CLOSE_AND_STOP };

/* One side of a connection: what it saw, and what it does when. */
struct side {
    struct loop *loop;
    struct link *link;
    struct buf seen;
    size_t opens, closes, drains;
    enum status close_status;
    enum act on_open, on_data, on_close, on_drain;
    size_t stop_at; /* stop the loop when this much was seen */
};

static void act(struct side *side, enum act act, struct span bytes)
{
    switch (act) {
    case ACT_NOTHING:
        break;
    case ACT_CLOSE_AND_STOP:
    case ACT_CLOSE:
        link_close(side->link);
        side->link = NULL;
        if (act == ACT_CLOSE_AND_STOP)
            loop_stop(side->loop);
        break;
    case ACT_ECHO:
        cr_assert(link_send(side->link, bytes));
        break;
    case ACT_PAUSE:
        link_pause(side->link);
        break;
    case ACT_STOP:
        loop_stop(side->loop);
        break;
    }
}

static void on_open(void *owner)
{
    struct side *side = owner;
    cr_assert_eq(side->opens + side->closes, 0);
    side->opens++;
    act(side, side->on_open, SPAN_EMPTY);
}

static void on_data(void *owner, struct span bytes)
{
    struct side *side = owner;
    cr_assert_not_null(side->link, "data after link_close");
    cr_assert_eq(side->closes, 0, "data after on_close");
    cr_assert_gt(bytes.size, 0);
    buf_add_span(&side->seen, bytes);
    if (side->stop_at != 0 && side->seen.size >= side->stop_at)
        loop_stop(side->loop);
    act(side, side->on_data, bytes);
}

static void on_drain(void *owner)
{
    struct side *side = owner;
    cr_assert_eq(link_queue_size(side->link), 0);
    side->drains++;
    act(side, side->on_drain, SPAN_EMPTY);
}

static void on_close(void *owner, enum status status)
{
    struct side *side = owner;
    cr_assert_not_null(side->link, "on_close after link_close");
    side->closes++;
    cr_assert_eq(side->closes, 1);
    side->close_status = status;
    cr_assert(!link_send(side->link, SPAN_STR("late")));
    act(side, side->on_close, SPAN_EMPTY);
}

static const struct link_events events = {on_open, on_data, on_drain, on_close};

struct pair {
    struct loop *loop;
    struct listener *listener;
    struct side client, server;
    size_t accepts;
    bool refuse; /* close in on_accept */
};

static void on_accept(void *owner, struct link *link)
{
    struct pair *pair = owner;
    pair->accepts++;
    if (pair->refuse) {
        link_close(link);
        return;
    }
    pair->server.link = link;
    link_set_owner(link, &events, &pair->server);
}

static struct pair *pair_new(void)
{
    struct pair *pair = mem_alloc(sizeof(*pair));
    pair->loop = pair->client.loop = pair->server.loop = loop_uv_new();
    struct endpoint at;
    cr_assert(endpoint_parse(&at, "127.0.0.1:0"));
    cr_assert_eq(listener_open(&pair->listener, pair->loop, &at, on_accept, pair), STATUS_OK);
    return pair;
}

static void pair_connect(struct pair *pair)
{
    struct endpoint at;
    listener_endpoint(pair->listener, &at);
    cr_assert_neq(at.port, 0);
    cr_assert_eq(link_connect(&pair->client.link, pair->loop, &at, &events, &pair->client),
                 STATUS_OK);
    cr_assert_eq(pair->client.opens + pair->client.closes, 0);
}

static void pair_free(struct pair *pair)
{
    link_close(pair->client.link);
    link_close(pair->server.link);
    listener_close(pair->listener);
    loop_free(pair->loop);
    buf_free(&pair->client.seen);
    buf_free(&pair->server.seen);
    mem_free(pair);
}

/* Runs until a side stops the loop or the time is over. */
struct limit {
    struct timer timer;
    bool over;
};

static void on_limit(struct timer *timer)
{
    container_of(timer, struct limit, timer)->over = true;
    loop_stop(timer->loop);
}

static bool run(struct pair *pair, uint64_t ms)
{
    struct limit limit = {.over = false};
    timer_init(&limit.timer, pair->loop, on_limit);
    timer_start(&limit.timer, ms);
    loop_run(pair->loop);
    timer_stop(&limit.timer);
    return !limit.over;
}

static struct buf pattern(size_t size)
{
    struct buf bytes = {0};
    uint64_t state = size;
    buf_reserve(&bytes, size);
    for (size_t i = 0; i < size; i++)
        buf_add_u8(&bytes, (uint8_t)(fixture_random(&state)));
    return bytes;
}

Test(link, a_megabyte_comes_back_from_an_echo)
{
    struct pair *pair = pair_new();
    struct buf sent = pattern(1 << 20);
    pair->server.on_data = ACT_ECHO;
    pair->client.stop_at = sent.size;
    pair_connect(pair);
    for (size_t i = 0; i < sent.size; i += 4096)
        cr_assert(link_send(pair->client.link, SPAN(sent.data + i, 4096)));
    cr_assert_eq(link_queue_size(pair->client.link), sent.size);
    cr_assert(run(pair, 10000));
    cr_assert(span_equal(buf_span(&pair->client.seen), buf_span(&sent)));
    cr_assert_eq(pair->client.opens, 1);
    cr_assert_eq(pair->server.opens, 0);
    cr_assert_geq(pair->client.drains, 1);
    buf_free(&sent);
    pair_free(pair);
}

Test(link, both_sides_know_the_other)
{
    struct pair *pair = pair_new();
    pair->client.on_open = ACT_STOP;
    pair_connect(pair);
    cr_assert(run(pair, 5000));
    run(pair, 20);
    struct endpoint listening, remote;
    listener_endpoint(pair->listener, &listening);
    link_endpoint(pair->client.link, &remote);
    cr_assert_eq(remote.port, listening.port);
    link_endpoint(pair->server.link, &remote);
    cr_assert(endpoint_is_loopback(&remote));
    cr_assert_neq(remote.port, 0);
    pair_free(pair);
}

Test(link, a_refused_connection_closes_as_unavailable_and_never_opens)
{
    struct pair *pair = pair_new();
    struct endpoint at;
    listener_endpoint(pair->listener, &at);
    listener_close(pair->listener);
    pair->listener = NULL;
    run(pair, 5);
    pair->client.on_close = ACT_STOP;
    cr_assert_eq(link_connect(&pair->client.link, pair->loop, &at, &events, &pair->client),
                 STATUS_OK);
    cr_assert_eq(pair->client.closes, 0);
    cr_assert(link_send(pair->client.link, SPAN_STR("early")));
    cr_assert(run(pair, 5000));
    cr_assert_eq(pair->client.opens, 0);
    cr_assert_eq(pair->client.closes, 1);
    cr_assert_eq(pair->client.close_status, STATUS_UNAVAILABLE);
    cr_assert_eq(link_queue_size(pair->client.link), 0);
    pair_free(pair);
}

Test(link, a_port_in_use_is_unavailable)
{
    struct pair *pair = pair_new();
    struct endpoint at;
    listener_endpoint(pair->listener, &at);
    struct listener *second = pair->listener;
    cr_assert_eq(listener_open(&second, pair->loop, &at, on_accept, pair), STATUS_UNAVAILABLE);
    cr_assert_null(second);
    pair_free(pair);
}

Test(link, an_orderly_close_of_the_other_side_is_ok)
{
    struct pair *pair = pair_new();
    pair->server.on_data = ACT_CLOSE;
    pair->client.on_close = ACT_STOP;
    pair_connect(pair);
    cr_assert(link_send(pair->client.link, SPAN_STR("bye")));
    cr_assert(run(pair, 5000));
    cr_assert_eq(pair->client.close_status, STATUS_OK);
    pair_free(pair);
}

Test(link, closing_is_legal_in_every_callback)
{
    static const size_t places = 6;
    for (size_t place = 0; place < places; place++) {
        struct pair *pair = pair_new();
        pair->client.on_open = place == 0 ? ACT_CLOSE_AND_STOP : ACT_NOTHING;
        pair->client.on_drain = place == 1 ? ACT_CLOSE_AND_STOP : ACT_NOTHING;
        pair->server.on_data = place == 2 ? ACT_CLOSE_AND_STOP : ACT_ECHO;
        pair->client.on_data = place == 3 ? ACT_CLOSE_AND_STOP : ACT_CLOSE;
        pair->server.on_close = place == 4 ? ACT_CLOSE_AND_STOP : ACT_CLOSE;
        pair->client.on_close = place == 5 ? ACT_CLOSE_AND_STOP : ACT_CLOSE;
        pair->refuse = place == 5;
        pair_connect(pair);
        cr_assert(link_send(pair->client.link, SPAN_STR("ping")));
        cr_assert(run(pair, 5000), "place %zu", place);
        run(pair, 10);
        pair_free(pair);
    }
}

Test(link, closing_before_the_connection_opens_is_silent)
{
    struct pair *pair = pair_new();
    pair_connect(pair);
    cr_assert(link_send(pair->client.link, SPAN_STR("never")));
    link_close(pair->client.link);
    pair->client.link = NULL;
    run(pair, 20);
    cr_assert_eq(pair->client.opens + pair->client.closes, 0);
    pair_free(pair);
}

/* The server has unread input when it says goodbye: a plain close would reset the connection and
 * lose the message. */
Test(link, the_last_message_before_a_close_arrives)
{
    struct pair *pair = pair_new();
    pair->server.on_data = ACT_PAUSE;
    pair->client.on_close = ACT_STOP;
    pair_connect(pair);
    struct buf flood = pattern(1 << 20), goodbye = pattern(100000);
    cr_assert(link_send(pair->client.link, buf_span(&flood)));
    run(pair, 50);
    cr_assert_gt(pair->server.seen.size, 0);
    cr_assert_lt(pair->server.seen.size, flood.size);
    cr_assert(link_send(pair->server.link, buf_span(&goodbye)));
    link_close(pair->server.link);
    pair->server.link = NULL;
    cr_assert(run(pair, 5000));
    cr_assert_eq(pair->client.close_status, STATUS_OK);
    cr_assert(span_equal(buf_span(&pair->client.seen), buf_span(&goodbye)));
    buf_free(&flood);
    buf_free(&goodbye);
    pair_free(pair);
}

Test(link, a_link_whose_other_side_never_reads_lingers_no_longer_than_the_limit)
{
    struct pair *pair = pair_new();
    pair->server.on_data = ACT_PAUSE;
    pair_connect(pair);
    struct buf flood = pattern(MIB(16));
    cr_assert(link_send(pair->client.link, buf_span(&flood)));
    buf_free(&flood);
    run(pair, 50);
    uint64_t start_us = loop_now_us(pair->loop);
    link_close(pair->client.link);
    pair->client.link = NULL;
    run(pair, LINK_LINGER_MS + 100);
    link_resume(pair->server.link);
    pair->server.on_data = ACT_NOTHING;
    pair->server.on_close = ACT_STOP;
    cr_assert(run(pair, 5000));
    cr_assert_eq(pair->server.closes, 1);
    cr_assert_lt(pair->server.seen.size, MIB(16));
    cr_assert_lt(loop_now_us(pair->loop) - start_us, 3000000);
    pair_free(pair);
}

Test(link, the_send_queue_has_a_limit_and_what_it_took_arrives)
{
    struct pair *pair = pair_new();
    pair->server.on_data = ACT_PAUSE;
    pair->client.on_open = ACT_STOP;
    pair_connect(pair);
    cr_assert(run(pair, 5000));
    struct buf piece = pattern(MIB(1));
    size_t taken = 0;
    while (link_send(pair->client.link, buf_span(&piece)))
        taken += piece.size;
    cr_assert_eq(taken, LINK_QUEUE_BYTES_MAX);
    cr_assert_eq(link_queue_size(pair->client.link), taken);
    cr_assert(!link_send(pair->client.link, SPAN_STR("x")));
    cr_assert(link_send(pair->client.link, SPAN_EMPTY));
    run(pair, 50);
    cr_assert_lt(pair->server.seen.size, taken);
    cr_assert_gt(link_queue_size(pair->client.link), 0);
    size_t seen = pair->server.seen.size;
    run(pair, 50);
    cr_assert_eq(pair->server.seen.size, seen, "a paused link got data");
    pair->server.on_data = ACT_NOTHING;
    pair->server.stop_at = taken;
    link_resume(pair->server.link);
    cr_assert(run(pair, 20000));
    cr_assert_eq(pair->server.seen.size, taken);
    for (size_t i = 0; i < taken; i += piece.size)
        cr_assert(span_equal(SPAN(pair->server.seen.data + i, piece.size), buf_span(&piece)));
    run(pair, 10);
    cr_assert_eq(link_queue_size(pair->client.link), 0);
    cr_assert_eq(pair->client.drains, 1);
    buf_free(&piece);
    pair_free(pair);
}

Test(link, pausing_before_the_connection_opens_holds_the_data)
{
    struct pair *pair = pair_new();
    pair_connect(pair);
    link_pause(pair->client.link);
    run(pair, 20);
    cr_assert(link_send(pair->server.link, SPAN_STR("hello")));
    run(pair, 20);
    cr_assert_eq(pair->client.seen.size, 0);
    pair->client.stop_at = 5;
    link_resume(pair->client.link);
    link_resume(pair->client.link);
    cr_assert(run(pair, 5000));
    cr_assert(span_equal(buf_span(&pair->client.seen), SPAN_STR("hello")));
    pair_free(pair);
}

Test(link, a_listener_that_closed_accepts_no_more)
{
    struct pair *pair = pair_new();
    pair_connect(pair);
    listener_close(pair->listener);
    pair->listener = NULL;
    run(pair, 30);
    cr_assert_eq(pair->accepts, 0);
    pair_free(pair);
}

Test(link, a_link_left_open_is_a_bug, .signal = SIGABRT)
{
    struct pair *pair = pair_new();
    pair_connect(pair);
    listener_close(pair->listener);
    loop_free(pair->loop);
}

Test(link, ipv6_works_alike)
{
    struct pair *pair = pair_new();
    struct endpoint at;
    cr_assert(endpoint_parse(&at, "[::1]:0"));
    listener_close(pair->listener);
    enum status status = listener_open(&pair->listener, pair->loop, &at, on_accept, pair);
    if (status != STATUS_OK) {
        pair_free(pair);
        cr_skip_test("this machine has no IPv6 loopback");
    }
    pair->server.on_data = ACT_ECHO;
    pair->client.stop_at = 4;
    pair_connect(pair);
    cr_assert(link_send(pair->client.link, SPAN_STR("ping")));
    cr_assert(run(pair, 5000));
    struct endpoint remote;
    link_endpoint(pair->server.link, &remote);
    cr_assert(endpoint_is_loopback(&remote));
    pair_free(pair);
}

Test(link, closing_nothing_is_legal)
{
    link_close(NULL);
    listener_close(NULL);
    udp_close(NULL);
}

/* ---- Unix sockets ---- */

static struct pair *pair_of_socket(char path[64])
{
    struct pair *pair = mem_alloc(sizeof(*pair));
    strcpy(path, "/tmp/lesgate-test-XXXXXX");
    cr_assert_not_null(mkdtemp(path));
    strcat(path, "/socket");
    pair->loop = pair->client.loop = pair->server.loop = loop_uv_new();
    cr_assert_eq(listener_open_unix(&pair->listener, pair->loop, path, on_accept, pair), STATUS_OK);
    return pair;
}

static void remove_folder(char path[64])
{
    *strrchr(path, '/') = 0;
    cr_assert_eq(rmdir(path), 0, "the socket file stayed");
}

Test(link, a_megabyte_comes_back_over_a_unix_socket)
{
    char path[64];
    struct pair *pair = pair_of_socket(path);
    struct buf sent = pattern(1 << 20);
    struct endpoint remote;
    pair->server.on_data = ACT_ECHO;
    pair->client.stop_at = sent.size;
    cr_assert_eq(link_connect_unix(&pair->client.link, pair->loop, path, &events, &pair->client),
                 STATUS_OK);
    cr_assert_eq(pair->client.opens + pair->client.closes, 0);
    cr_assert(link_send(pair->client.link, buf_span(&sent)));
    cr_assert(run(pair, 10000));
    cr_assert(span_equal(buf_span(&pair->client.seen), buf_span(&sent)));
    link_endpoint(pair->server.link, &remote);
    cr_assert_eq(remote.port, 0);
    buf_free(&sent);
    pair_free(pair);
    remove_folder(path);
}

Test(link, a_unix_socket_that_is_not_there_is_unavailable)
{
    char path[64], other[80];
    struct pair *pair = pair_of_socket(path);
    snprintf(other, sizeof other, "%s2", path);
    pair->client.on_close = ACT_STOP;
    cr_assert_eq(link_connect_unix(&pair->client.link, pair->loop, other, &events, &pair->client),
                 STATUS_OK);
    cr_assert(run(pair, 5000));
    cr_assert_eq(pair->client.opens, 0);
    cr_assert_eq(pair->client.close_status, STATUS_UNAVAILABLE);
    struct listener *second;
    cr_assert_eq(listener_open_unix(&second, pair->loop, path, on_accept, pair),
                 STATUS_UNAVAILABLE);
    pair_free(pair);
    remove_folder(path);
}

Test(link, a_unix_path_has_a_length)
{
    char path[64], longer[UNIX_PATH_SIZE_MAX + 2];
    struct pair *pair = pair_of_socket(path);
    struct link *link;
    memset(longer, 'a', sizeof longer - 1);
    longer[sizeof longer - 1] = 0;
    cr_assert_eq(link_connect_unix(&link, pair->loop, longer, &events, &pair->client),
                 STATUS_INVALID);
    cr_assert_eq(link_connect_unix(&link, pair->loop, "", &events, &pair->client), STATUS_INVALID);
    pair_free(pair);
    remove_folder(path);
}
