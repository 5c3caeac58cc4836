#include "les/base/limits.h"
#include "les/base/loop.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>

TestSuite(net, .fini = fixture_leak_gate, .timeout = 30);

struct limit {
    struct timer timer;
    bool over;
};

static void on_limit(struct timer *timer)
{
    container_of(timer, struct limit, timer)->over = true;
    loop_stop(timer->loop);
}

static bool run(struct loop *loop, uint64_t ms)
{
    struct limit limit = {.over = false};
    timer_init(&limit.timer, loop, on_limit);
    timer_start(&limit.timer, ms);
    loop_run(loop);
    timer_stop(&limit.timer);
    return !limit.over;
}

/* ---- datagrams ---- */

struct box {
    struct loop *loop;
    struct udp *udp;
    struct endpoint from;
    struct buf seen;
    size_t count;
    bool echoes;
};

static void on_datagram(void *owner, const struct endpoint *from, struct span bytes)
{
    struct box *box = owner;
    box->count++;
    box->from = *from;
    buf_clear(&box->seen);
    buf_add_span(&box->seen, bytes);
    if (box->echoes)
        udp_send(box->udp, from, bytes);
    else
        loop_stop(box->loop);
}

static void box_open(struct box *box, struct loop *loop, const char *at)
{
    struct endpoint endpoint;
    *box = (struct box){.loop = loop};
    cr_assert(endpoint_parse(&endpoint, at));
    cr_assert_eq(udp_open(&box->udp, loop, &endpoint, on_datagram, box), STATUS_OK);
}

static void box_close(struct box *box)
{
    udp_close(box->udp);
    buf_free(&box->seen);
}

Test(net, a_datagram_comes_back_whole_and_from_its_sender)
{
    struct loop *loop = loop_uv_new();
    struct box a, b;
    box_open(&a, loop, "127.0.0.1:0");
    box_open(&b, loop, "127.0.0.1:0");
    b.echoes = true;
    struct endpoint to;
    udp_endpoint(b.udp, &to);
    static const size_t sizes[] = {0, 1, 100, UDP_DATAGRAM_MAX};
    for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        uint8_t bytes[UDP_DATAGRAM_MAX];
        memset(bytes, (int)i + 1, sizeof(bytes));
        udp_send(a.udp, &to, SPAN(bytes, sizes[i]));
        cr_assert(run(loop, 5000));
        cr_assert(span_equal(buf_span(&a.seen), SPAN(bytes, sizes[i])));
        cr_assert_eq(a.from.port, to.port);
        cr_assert_eq(memcmp(a.from.ip, to.ip, 16), 0);
    }
    box_close(&a);
    box_close(&b);
    loop_free(loop);
}

Test(net, a_datagram_to_nowhere_is_no_error)
{
    struct loop *loop = loop_uv_new();
    struct box a;
    box_open(&a, loop, "127.0.0.1:0");
    struct endpoint to;
    cr_assert(endpoint_parse(&to, "127.0.0.1:9"));
    for (int i = 0; i < 10; i++) {
        udp_send(a.udp, &to, SPAN_STR("hello"));
        run(loop, 2);
    }
    cr_assert(endpoint_parse(&to, "[2001:db8::1]:9"));
    udp_send(a.udp, &to, SPAN_STR("hello"));
    run(loop, 2);
    cr_assert_eq(a.count, 0);
    box_close(&a);
    loop_free(loop);
}

Test(net, a_bound_udp_port_is_unavailable)
{
    struct loop *loop = loop_uv_new();
    struct box a;
    box_open(&a, loop, "127.0.0.1:0");
    struct endpoint at;
    udp_endpoint(a.udp, &at);
    struct udp *second = a.udp;
    cr_assert_eq(udp_open(&second, loop, &at, on_datagram, &a), STATUS_UNAVAILABLE);
    cr_assert_null(second);
    box_close(&a);
    loop_free(loop);
}

/* ---- names: a name server on loopback that answers what the test says ---- */

struct answer {
    struct loop *loop;
    size_t count, calls;
    enum status status;
    struct buf texts; /* records joined by '|' */
};

static void on_answer(void *owner, enum status status, const struct span *records, size_t count)
{
    struct answer *answer = owner;
    answer->calls++;
    answer->status = status;
    answer->count = count;
    for (size_t i = 0; i < count; i++) {
        buf_add_span(&answer->texts, records[i]);
        buf_add_u8(&answer->texts, '|');
    }
    loop_stop(answer->loop);
}

struct dns {
    struct loop *loop;
    struct udp *udp;
    struct buf records; /* answer section, ready made */
    uint16_t record_count;
    uint8_t rcode;
    bool silent;
    size_t query_count;
};

static void on_query(void *owner, const struct endpoint *from, struct span query)
{
    struct dns *dns = owner;
    dns->query_count++;
    if (dns->silent || query.size < 12)
        return;
    size_t end = 12;
    while (end < query.size && query.data[end] != 0)
        end += query.data[end] + 1u;
    end += 5;
    cr_assert_leq(end, query.size);
    struct buf reply = {0};
    buf_add(&reply, query.data, end);
    be_write(reply.data + 2, 2, 0x8180u | dns->rcode);
    be_write(reply.data + 6, 2, dns->record_count);
    be_write(reply.data + 8, 4, 0);
    buf_add_span(&reply, buf_span(&dns->records));
    udp_send(dns->udp, from, buf_span(&reply));
    buf_free(&reply);
}

/* Name is a pointer to the question (RFC 1035 4.1.4); strings holds length-prefixed strings. */
static void dns_add(struct dns *dns, uint16_t type, struct span strings)
{
    uint8_t head[12] = {0xc0, 12};
    be_write(head + 2, 2, type);
    be_write(head + 4, 2, 1);
    be_write(head + 6, 4, 60);
    be_write(head + 10, 2, strings.size);
    buf_add(&dns->records, head, sizeof(head));
    buf_add_span(&dns->records, strings);
    dns->record_count++;
}

struct name_test {
    struct loop *loop;
    struct dns dns;
    struct answer answer;
};

static struct name_test *name_test_new(void)
{
    struct name_test *test = mem_alloc(sizeof(*test));
    test->loop = test->dns.loop = test->answer.loop = loop_uv_new();
    struct endpoint at;
    cr_assert(endpoint_parse(&at, "127.0.0.1:0"));
    cr_assert_eq(udp_open(&test->dns.udp, test->loop, &at, on_query, &test->dns), STATUS_OK);
    udp_endpoint(test->dns.udp, &at);
    cr_assert_eq(loop_uv_set_nameserver(test->loop, &at), STATUS_OK);
    return test;
}

static void name_test_free(struct name_test *test)
{
    udp_close(test->dns.udp);
    loop_free(test->loop);
    buf_free(&test->dns.records);
    buf_free(&test->answer.texts);
    mem_free(test);
}

static void ask(struct name_test *test)
{
    cr_assert_not_null(loop_resolve_txt(test->loop, "tree.example.org", on_answer, &test->answer));
    cr_assert_eq(test->answer.calls, 0);
    cr_assert(run(test->loop, 10000));
    cr_assert_eq(test->answer.calls, 1);
}

Test(net, txt_records_come_with_their_strings_joined)
{
    struct name_test *test = name_test_new();
    dns_add(&test->dns, 16, SPAN("\x05hello\x06 world", 13));
    dns_add(&test->dns, 1, SPAN("\x7f\x00\x00\x01", 4));
    dns_add(&test->dns, 16, SPAN("\x00", 1));
    dns_add(&test->dns, 16, SPAN("\x03two", 4));
    ask(test);
    cr_assert_eq(test->answer.status, STATUS_OK);
    cr_assert_eq(test->answer.count, 3);
    cr_assert(span_equal(buf_span(&test->answer.texts), SPAN_STR("hello world||two|")));
    name_test_free(test);
}

Test(net, a_name_without_txt_records_is_not_found)
{
    struct name_test *test = name_test_new();
    dns_add(&test->dns, 1, SPAN("\x7f\x00\x00\x01", 4));
    ask(test);
    cr_assert_eq(test->answer.status, STATUS_NOT_FOUND);
    cr_assert_eq(test->answer.count, 0);
    name_test_free(test);
}

Test(net, an_unknown_name_is_not_found)
{
    struct name_test *test = name_test_new();
    test->dns.rcode = 3;
    ask(test);
    cr_assert_eq(test->answer.status, STATUS_NOT_FOUND);
    name_test_free(test);
}

Test(net, a_record_whose_string_passes_its_end_is_invalid)
{
    struct name_test *test = name_test_new();
    dns_add(&test->dns, 16, SPAN("\x03two", 4));
    dns_add(&test->dns, 16, SPAN("\x09two", 4));
    ask(test);
    cr_assert_eq(test->answer.status, STATUS_INVALID);
    cr_assert_eq(test->answer.count, 0);
    name_test_free(test);
}

Test(net, more_records_than_the_limit_are_invalid)
{
    struct name_test *test = name_test_new();
    for (size_t i = 0; i < RESOLVE_RECORDS_MAX + 1; i++)
        dns_add(&test->dns, 16, SPAN("\x01x", 2));
    ask(test);
    cr_assert_eq(test->answer.status, STATUS_INVALID);
    name_test_free(test);
}

Test(net, a_silent_name_server_times_out)
{
    struct name_test *test = name_test_new();
    test->dns.silent = true;
    uint64_t start_us = loop_now_us(test->loop);
    ask(test);
    cr_assert_eq(test->answer.status, STATUS_TIMEOUT);
    cr_assert_geq(test->dns.query_count, 2);
    cr_assert_leq(loop_now_us(test->loop) - start_us, (RESOLVE_TIMEOUT_MS + 1500) * 1000ul);
    name_test_free(test);
}

Test(net, cancelled_queries_answer_at_once_and_once)
{
    enum { COUNT = 6 };
    struct name_test *test = name_test_new();
    struct answer answers[COUNT] = {0};
    struct resolve *resolves[COUNT];
    test->dns.silent = true;
    for (size_t i = 0; i < COUNT; i++) {
        answers[i].loop = test->loop;
        resolves[i] = loop_resolve_txt(test->loop, "tree.example.org", on_answer, &answers[i]);
    }
    uint64_t start_us = loop_now_us(test->loop);
    static const size_t order[] = {5, 2, 0, 3, 1, 4};
    for (size_t i = 0; i < COUNT; i++) {
        resolve_cancel(resolves[order[i]]);
        resolve_cancel(resolves[order[i]]);
        cr_assert_eq(answers[order[i]].calls, 0);
    }
    run(test->loop, 100);
    for (size_t i = 0; i < COUNT; i++) {
        cr_assert_eq(answers[i].calls, 1);
        cr_assert_eq(answers[i].status, STATUS_CANCELLED);
    }
    struct loop *loop = test->loop;
    uint64_t cancelled_us = loop_now_us(loop);
    cr_assert_lt(cancelled_us - start_us, 900000);
    name_test_free(test);
}

Test(net, queries_wait_their_turn_and_all_are_answered)
{
    enum { COUNT = 3 * RESOLVE_PARALLEL_MAX };
    struct name_test *test = name_test_new();
    struct answer answers[COUNT] = {0};
    dns_add(&test->dns, 16, SPAN("\x03one", 4));
    for (size_t i = 0; i < COUNT; i++) {
        answers[i].loop = test->loop;
        (void)loop_resolve_txt(test->loop, "tree.example.org", on_answer, &answers[i]);
    }
    for (size_t done = 0; done < COUNT;) {
        cr_assert(run(test->loop, 10000));
        done = 0;
        for (size_t i = 0; i < COUNT; i++)
            done += answers[i].calls;
    }
    for (size_t i = 0; i < COUNT; i++) {
        cr_assert_eq(answers[i].calls, 1);
        cr_assert_eq(answers[i].status, STATUS_OK);
        buf_free(&answers[i].texts);
    }
    name_test_free(test);
}

Test(net, a_name_too_long_or_empty_is_invalid)
{
    struct name_test *test = name_test_new();
    char *name = mem_alloc(2000);
    memset(name, 'a', 1999);
    (void)loop_resolve_txt(test->loop, name, on_answer, &test->answer);
    cr_assert_eq(test->answer.calls, 0);
    cr_assert(run(test->loop, 1000));
    cr_assert_eq(test->answer.status, STATUS_INVALID);
    resolve_cancel(loop_resolve_txt(test->loop, "", on_answer, &test->answer));
    cr_assert(run(test->loop, 1000));
    cr_assert_eq(test->answer.status, STATUS_CANCELLED);
    cr_assert_eq(test->answer.calls, 2);
    mem_free(name);
    name_test_free(test);
}

Test(net, the_name_server_must_be_ipv4)
{
    struct loop *loop = loop_uv_new();
    struct endpoint at;
    cr_assert(endpoint_parse(&at, "[::1]:53"));
    cr_assert_eq(loop_uv_set_nameserver(loop, &at), STATUS_INVALID);
    loop_free(loop);
}
