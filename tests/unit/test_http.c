#include "gateway/http/http_rules.h"
#include "gateway/rpc/metrics.h"
#include "les/base/limits.h"
#include "tests/fixture/fixture.h"
#include "tests/fixture/server.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

TestSuite(http, .fini = fixture_leak_gate, .timeout = 60);

/* ---- rules ---- */

static bool host(const char *authority, const char *vhost)
{
    return http_host_allowed(SPAN_STR(authority), &(struct conf_list){&vhost, vhost != NULL});
}

Test(http, host_names_are_checked_and_addresses_are_not)
{
    cr_assert(host("localhost", "localhost"));
    cr_assert(host("LocalHost:8545", "localhost"));
    cr_assert(host("127.0.0.1:8545", NULL));
    cr_assert(host("192.168.1.1", NULL));
    cr_assert(host("[::1]:8545", NULL));
    cr_assert(host("::1", NULL));
    cr_assert(host("router.lan:80", "router.lan"));
    cr_assert(host("anything", "*"));
    cr_assert(!host("evil.example", "localhost"));
    cr_assert(!host("localhost.evil.example", "localhost"));
    cr_assert(!host("127.0.0.1.evil.example", "localhost"));
    cr_assert(!host("", "localhost"));
    cr_assert(!host("localhost", NULL));
    cr_assert(!host("[::1", NULL));
    cr_assert(!host("1.2.3.4.5", NULL));
}

static bool origin(const char *text, const char *allowed)
{
    return http_origin_allowed(SPAN_STR(text), &(struct conf_list){&allowed, allowed != NULL});
}

static bool ws_origin(const char *text, const char *allowed)
{
    return http_websocket_origin_allowed(SPAN_STR(text),
                                         &(struct conf_list){&allowed, allowed != NULL});
}

Test(http, origins_need_to_be_listed)
{
    cr_assert(origin("https://app.example", "https://app.example"));
    cr_assert(origin("https://app.example", "*"));
    cr_assert(!origin("https://app.example", NULL));
    cr_assert(!origin("https://app.example.evil", "https://app.example"));
    cr_assert(!origin("", "*"));
    cr_assert(ws_origin("", NULL));
    cr_assert(ws_origin("http://localhost:3000", NULL));
    cr_assert(ws_origin("https://127.0.0.1", NULL));
    cr_assert(ws_origin("http://[::1]:1", NULL));
    cr_assert(!ws_origin("http://localhost.evil", NULL));
    cr_assert(!ws_origin("https://app.example", NULL));
    cr_assert(!ws_origin("null", NULL));
    cr_assert(!ws_origin("http://localhost", "https://app.example"));
    cr_assert(ws_origin("https://app.example", "https://app.example"));
}

Test(http, content_types_of_json_rpc_are_known)
{
    static const char *const good[] = {"application/json", "Application/JSON ; charset=utf-8",
                                       "application/json-rpc", "application/jsonrequest"};
    static const char *const bad[] = {"", "text/plain", "application/jsonx",
                                      "application/x-www-form-urlencoded", ";"};
    for (size_t i = 0; i < ARRAY_COUNT(good); i++)
        cr_assert(http_content_type_allowed(SPAN_STR(good[i])), "%s", good[i]);
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
        cr_assert(!http_content_type_allowed(SPAN_STR(bad[i])), "%s", bad[i]);
}

static double answer(void *owner)
{
    return *(double *)owner;
}

Test(http, metrics_are_prometheus_text)
{
    struct metrics *metrics = metrics_new();
    struct buf text = {0};
    uint64_t one = 1, two = 18446744073709551615u;
    double half = 0.5;
    metrics_add(metrics, METRIC_COUNTER, "calls_total", "method=\"a\"", "Calls.", &one);
    metrics_add(metrics, METRIC_COUNTER, "calls_total", "method=\"b\"", "Calls.", &two);
    metrics_add_function(metrics, METRIC_GAUGE, "share", NULL, "A share.", answer, &half);
    one = 7;
    metrics_print(metrics, &text);
    buf_add_u8(&text, 0);
    cr_assert_str_eq(
        (const char *)text.data,
        "# HELP lesgate_calls_total Calls.\n# TYPE lesgate_calls_total counter\n"
        "lesgate_calls_total{method=\"a\"} 7\nlesgate_calls_total{method=\"b\"} "
        "18446744073709551615\n"
        "# HELP lesgate_share A share.\n# TYPE lesgate_share gauge\nlesgate_share 0.5\n");
    buf_free(&text);
    metrics_free(metrics);
}

/* ---- over sockets ---- */

struct exchange {
    const char *request; /* END is added */
    const char *status;  /* the start of the answer */
    const char *says;    /* somewhere in it, or NULL */
};

#define ECHO   "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"test_echo\",\"params\":[5]}"
#define JSON   "Content-Type: application/json\r\n"
#define ANSWER "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":[5]}\n"

static void expect_all(const struct server *server, const struct exchange *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct buf reply = server_ask(server, rows[i].request);
        cr_assert_eq(strncmp((const char *)reply.data, rows[i].status, strlen(rows[i].status)), 0,
                     "%s\ngave: %s\nwant: %s", rows[i].request, (const char *)reply.data,
                     rows[i].status);
        if (rows[i].says != NULL)
            cr_assert_not_null(strstr((const char *)reply.data, rows[i].says),
                               "%s\ngave: %s\nwant: %s", rows[i].request, (const char *)reply.data,
                               rows[i].says);
        buf_free(&reply);
    }
}

#define CLOSE "Connection: close\r\n"

Test(http, requests_get_the_status_and_text_of_go_ethereum)
{
    static const struct exchange rows[] = {
        {"POST / HTTP/1.1\r\nHost: localhost\r\n" CLOSE JSON "Content-Length: 58\r\n\r\n" ECHO,
         "HTTP/1.1 200 OK\r\n", "\r\n\r\n" ANSWER},
        {"POST /v3/0123456789abcdef HTTP/1.1\r\nHost: localhost\r\n" CLOSE JSON
         "Content-Length: 58\r\n\r\n" ECHO,
         "HTTP/1.1 200 OK\r\n", ANSWER},
        {"POST / HTTP/1.1\r\nHost: localhost\r\n" CLOSE JSON
         "Transfer-Encoding: chunked\r\n\r\n3a\r\n" ECHO "\r\n0\r\n\r\n",
         "HTTP/1.1 200 OK\r\n", ANSWER},
        {"POST / HTTP/1.0\r\n" JSON "Content-Length: 58\r\n\r\n" ECHO, "HTTP/1.1 200 OK\r\n",
         ANSWER},
        {"POST / HTTP/1.1\r\nHost: localhost\r\n" CLOSE JSON "Content-Length: 1\r\n\r\n{",
         "HTTP/1.1 200 OK\r\n",
         "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32700,\"message\":\"parse "
         "error\"}}\n"},
        {"POST / HTTP/1.1\r\nHost: localhost\r\n" CLOSE JSON "Content-Length: 0\r\n\r\n",
         "HTTP/1.1 200 OK\r\n", "Content-Length: 0\r\n"},
        {"POST / HTTP/1.1\r\nHost: localhost\r\n" CLOSE
         "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}",
         "HTTP/1.1 415 ", "invalid content type, only application/json is supported\n"},
        {"POST / HTTP/1.1\r\nHost: localhost\r\n" CLOSE "Content-Length: 2\r\n\r\n{}",
         "HTTP/1.1 415 ", NULL},
        {"GET / HTTP/1.1\r\nHost: localhost\r\n" CLOSE "\r\n", "HTTP/1.1 200 OK\r\n",
         "Content-Length: 0\r\n"},
        {"HEAD / HTTP/1.1\r\nHost: localhost\r\n" CLOSE "\r\n", "HTTP/1.1 200 OK\r\n", NULL},
        {"GET /?a=b HTTP/1.1\r\nHost: localhost\r\n" CLOSE "\r\n", "HTTP/1.1 415 ", NULL},
        {"PUT / HTTP/1.1\r\nHost: localhost\r\n" CLOSE JSON "Content-Length: 2\r\n\r\n{}",
         "HTTP/1.1 405 ", "method not allowed\n"},
        {"DELETE / HTTP/1.1\r\nHost: localhost\r\n" CLOSE "\r\n", "HTTP/1.1 405 ",
         "allow: POST, GET, HEAD, OPTIONS\r\n"},
        {"PATCH / HTTP/1.1\r\nHost: localhost\r\n" CLOSE JSON "Content-Length: 2\r\n\r\n{}",
         "HTTP/1.1 405 ", NULL},
        {"OPTIONS / HTTP/1.1\r\nHost: localhost\r\nOrigin: http://a\r\n" CLOSE "\r\n",
         "HTTP/1.1 200 OK\r\n", NULL},
        {"POST / HTTP/1.1\r\nHost: evil.example\r\n" CLOSE JSON "Content-Length: 58\r\n\r\n" ECHO,
         "HTTP/1.1 403 ", "invalid host specified\n"},
        {"GET /health HTTP/1.1\r\nHost: localhost\r\n" CLOSE "\r\n", "HTTP/1.1 200 OK\r\n",
         "{\"healthy\":true}\n"},
        {"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1:1\r\n" CLOSE "\r\n", "HTTP/1.1 200 OK\r\n",
         "\nlesgate_rpc_method_calls_total{method=\"test_echo\"} "},
        {"POST / HTTP/1.1\r\nHost: localhost\r\n" CLOSE JSON "Content-Length: 5242881\r\n\r\n",
         "HTTP/1.1 413 ", NULL},
        {"POST / HTTP/1.1\r\nHost: localhost\r\n" CLOSE JSON "Content-Length: -5\r\n\r\n",
         "HTTP/1.1 400 ", NULL},
        {"POST / HTTP/1.1\r\nHost: localhost\r\n" CLOSE JSON
         "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
         "HTTP/1.1 400 ", NULL},
        {"nonsense\r\n\r\n", "", NULL},
    };
    struct server server = server_start(&(struct server_options){0});
    expect_all(&server, rows, ARRAY_COUNT(rows));
    server_stop(&server);
}

Test(http, cross_origin_pages_need_permission)
{
    static const struct exchange rows[] = {
        {"POST / HTTP/1.1\r\nHost: localhost\r\nOrigin: https://app.example\r\n" CLOSE JSON
         "Content-Length: 58\r\n\r\n" ECHO,
         "HTTP/1.1 200 OK\r\n", "access-control-allow-origin: https://app.example\r\n"},
        {"OPTIONS / HTTP/1.1\r\nHost: localhost\r\nOrigin: "
         "https://app.example\r\nAccess-Control-Request-Method: POST\r\n"
         "Access-Control-Request-Headers: content-type\r\n" CLOSE "\r\n",
         "HTTP/1.1 200 OK\r\n", "access-control-allow-headers: content-type\r\n"},
    };
    struct server server = server_start(&(struct server_options){.cors = "https://app.example"});
    expect_all(&server, rows, ARRAY_COUNT(rows));
    struct buf reply = server_ask(
        &server, "POST / HTTP/1.1\r\nHost: localhost\r\nOrigin: https://evil.example\r\n" CLOSE JSON
                 "Content-Length: 58\r\n\r\n" ECHO);
    cr_assert_null(strstr((const char *)reply.data, "access-control-allow-origin"));
    buf_free(&reply);
    server_stop(&server);
}

Test(http, health_tells_of_trouble)
{
    static const struct exchange rows[] = {{"GET /health HTTP/1.1\r\nHost: localhost\r\n" CLOSE
                                            "\r\n",
                                            "HTTP/1.1 503 ", "{\"healthy\":false}\n"}};
    struct server server = server_start(&(struct server_options){.unhealthy = true});
    expect_all(&server, rows, ARRAY_COUNT(rows));
    server_stop(&server);
}

static size_t count_of(const struct buf *text, const char *what)
{
    size_t count = 0;
    for (const char *at = (const char *)text->data; (at = strstr(at, what)) != NULL; at++)
        count++;
    return count;
}

Test(http, a_connection_carries_many_requests)
{
    struct server server = server_start(&(struct server_options){0});
    int fd = server_connect(&server);
    struct buf all = {0};
    for (int i = 0; i < 50; i++)
        buf_add_str(&all, "POST / HTTP/1.1\r\nHost: localhost\r\n" JSON
                          "Content-Length: 58\r\n\r\n" ECHO);
    buf_add_str(&all, "GET / HTTP/1.1\r\nHost: localhost\r\n" CLOSE "\r\n");
    client_send(fd, buf_span(&all));
    struct buf reply = client_read(fd, 0, 5000);
    buf_add_u8(&reply, 0);
    cr_assert_eq(count_of(&reply, ANSWER), 50);
    close(fd);
    buf_free(&all);
    buf_free(&reply);
    server_stop(&server);
}

#define WAIT(ms) "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"test_wait\",\"params\":[" ms "]}"

Test(http, late_answers_come_late_and_too_late_ones_are_errors)
{
    struct server server = server_start(&(struct server_options){.timeout_ms = 300});
    struct buf reply = server_post(&server, WAIT("50"));
    cr_assert_str_eq((const char *)reply.data,
                     "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"waited\"}\n");
    buf_free(&reply);
    reply = server_post(&server, WAIT("5000"));
    cr_assert_str_eq((const char *)reply.data, "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-"
                                               "32002,\"message\":\"request timed out\"}}\n");
    buf_free(&reply);
    reply = server_post(&server, "[" WAIT("20") "," WAIT("5000") "]");
    cr_assert_not_null(
        strstr((const char *)reply.data,
               "\"waited\"},{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32002"));
    buf_free(&reply);
    server_stop(&server);
}

static int send_wait(const struct server *server, const char *body)
{
    struct buf request = {0};
    int fd = server_connect(server);
    buf_printf(&request,
               "POST / HTTP/1.1\r\nHost: localhost\r\n" JSON "Content-Length: %zu\r\n\r\n%s",
               strlen(body), body);
    client_send(fd, buf_span(&request));
    buf_free(&request);
    return fd;
}

Test(http, clients_that_leave_harm_nobody)
{
    struct server server = server_start(&(struct server_options){.timeout_ms = 500});
    for (int i = 0; i < 20; i++)
        close(send_wait(&server, WAIT("200")));
    for (int i = 0; i < 20; i++) {
        int fd = server_connect(&server);
        client_send(fd, SPAN_STR("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Le"));
        close(fd);
    }
    struct buf reply = server_post(&server, ECHO);
    cr_assert_str_eq((const char *)reply.data, ANSWER);
    buf_free(&reply);
    server_stop(&server); /* while some of them may still wait */
}

Test(http, stopping_answers_those_who_wait)
{
    struct server server = server_start(&(struct server_options){0});
    int fd = send_wait(&server, WAIT("4000"));
    nanosleep(&(struct timespec){0, 50000000}, NULL);
    server_stop(&server);
    struct buf reply = client_read(fd, 0, 1000);
    buf_add_u8(&reply, 0);
    cr_assert(reply.size == 1 || strncmp((const char *)reply.data, "HTTP/1.1 503 ", 13) == 0, "%s",
              (const char *)reply.data);
    close(fd);
    buf_free(&reply);
}

Test(http, calls_beyond_the_limit_get_429)
{
    struct server server =
        server_start(&(struct server_options){.calls_max = 2, .timeout_ms = 1000});
    int one = send_wait(&server, WAIT("500")), two = send_wait(&server, WAIT("500"));
    nanosleep(&(struct timespec){0, 100000000}, NULL);
    static const struct exchange rows[] = {
        {"POST / HTTP/1.1\r\nHost: localhost\r\n" CLOSE JSON "Content-Length: 58\r\n\r\n" ECHO,
         "HTTP/1.1 429 Too Many Requests\r\n", "retry-after: 1\r\n"},
        {"POST / HTTP/1.1\r\nHost: localhost\r\n" CLOSE JSON "Content-Length: 58\r\n\r\n" ECHO,
         "HTTP/1.1 429 ",
         "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32005,\"message\":\"too many requests "
         "under way, try again\"}}"}};
    expect_all(&server, rows, ARRAY_COUNT(rows));
    nanosleep(&(struct timespec){0, 600000000}, NULL);
    close(one);
    close(two);
    server_stop(&server);
}

Test(http, connections_beyond_the_limit_are_closed)
{
    struct server server = server_start(&(struct server_options){.connections_max = 3});
    int fds[3];
    for (size_t i = 0; i < 3; i++) {
        fds[i] = server_connect(&server);
        client_send(fds[i], SPAN_STR("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"));
        struct buf reply = client_read(fds[i], 10, 5000);
        cr_assert_eq(reply.size, 10);
        buf_free(&reply);
    }
    int fourth = server_connect(&server);
    struct buf reply = client_read(fourth, 0, 5000);
    cr_assert_eq(reply.size, 0);
    buf_free(&reply);
    close(fourth);
    for (size_t i = 0; i < 3; i++)
        close(fds[i]);
    nanosleep(&(struct timespec){0, 50000000}, NULL);
    server_stop(&server);
}

Test(http, large_bodies_pass_whole_and_larger_ones_do_not)
{
    struct server server = server_start(&(struct server_options){0});
    struct buf body = {0}, request = {0};
    buf_add_str(&body, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"test_echo\",\"params\":[\"");
    while (body.size < HTTP_BODY_MAX - 3)
        buf_add_u8(&body, 'a');
    buf_add_str(&body, "\"]}");
    cr_assert_eq(body.size, HTTP_BODY_MAX);
    buf_printf(&request,
               "POST / HTTP/1.1\r\nHost: localhost\r\n" CLOSE JSON "Content-Length: %zu\r\n\r\n",
               body.size);
    buf_add_span(&request, buf_span(&body));
    int fd = server_connect(&server);
    client_send(fd, buf_span(&request));
    struct buf reply = client_read(fd, 0, 10000);
    close(fd);
    cr_assert_gt(reply.size, HTTP_BODY_MAX - 100);
    cr_assert_eq(memcmp(reply.data, "HTTP/1.1 200", 12), 0);
    buf_free(&reply);
    reply = server_post(
        &server, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"test_big\",\"params\":[20000000]}");
    cr_assert_eq(reply.size,
                 strlen("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"0x\"}\n") + 40000000 + 1);
    buf_free(&reply);
    buf_free(&body);
    buf_free(&request);
    server_stop(&server);
}

/* ---- curl ---- */

static struct buf run_curl(const struct server *server, const char *options)
{
    struct buf command = {0}, out = {0};
    char chunk[4096];
    if (system("command -v curl >/dev/null 2>&1") != 0)
        cr_skip_test("curl is not installed");
    buf_printf(&command, "curl -sS -m 20 %s http://127.0.0.1:%u/ 2>&1", options, server->port);
    buf_add_u8(&command, 0);
    FILE *pipe = popen((const char *)command.data, "r");
    cr_assert_not_null(pipe);
    for (size_t got; (got = fread(chunk, 1, sizeof chunk, pipe)) > 0;)
        buf_add(&out, chunk, got);
    pclose(pipe);
    buf_free(&command);
    buf_add_u8(&out, 0);
    return out;
}

Test(http, curl_speaks_http2_both_ways)
{
    struct server server = server_start(&(struct server_options){0});
    static const char *const options[] = {
        "--http2-prior-knowledge -w '%{http_version}' -H 'content-type: application/json' -d '" ECHO
        "'",
        "--http2 -w '%{http_version}' -H 'content-type: application/json'",
    };
    struct buf reply = run_curl(&server, options[0]);
    cr_assert_str_eq((const char *)reply.data, ANSWER "2");
    buf_free(&reply);
    reply = run_curl(&server, options[1]);
    cr_assert_str_eq((const char *)reply.data, "2");
    buf_free(&reply);
    reply = run_curl(
        &server,
        "--http2-prior-knowledge -H 'content-type: application/json' -d '" WAIT("100") "'");
    cr_assert_str_eq((const char *)reply.data,
                     "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"waited\"}\n");
    buf_free(&reply);
    server_stop(&server);
}

Test(http, http2_clients_that_leave_cancel_their_calls)
{
    struct server server =
        server_start(&(struct server_options){.calls_max = 1, .timeout_ms = 5000});
    struct buf reply = run_curl(
        &server,
        "--http2-prior-knowledge -m 0.2 -H 'content-type: application/json' -d '" WAIT("4000") "'");
    buf_free(&reply);
    nanosleep(&(struct timespec){0, 100000000}, NULL);
    reply = server_post(&server, ECHO); /* refused if the first still counted */
    cr_assert_str_eq((const char *)reply.data, ANSWER);
    buf_free(&reply);
    server_stop(&server);
}

Test(http, answers_are_compressed_when_asked)
{
    struct server server = server_start(&(struct server_options){0});
    struct buf reply = run_curl(
        &server, "-H 'accept-encoding: gzip' -w '%{size_download}' -o /dev/null -H 'content-type: "
                 "application/json' -d '{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"test_big\","
                 "\"params\":[100000]}'");
    int size = atoi((const char *)reply.data);
    cr_assert(size > 0 && size < 10000, "%d", size);
    buf_free(&reply);
    reply = run_curl(
        &server,
        "--compressed -H 'content-type: application/json' -d '{\"jsonrpc\":\"2.0\",\"id\":1,"
        "\"method\":\"test_big\",\"params\":[1000]}'");
    cr_assert_eq(reply.size,
                 strlen("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"0x\"}\n") + 2000 + 1);
    buf_free(&reply);
    server_stop(&server);
}

Test(http, large_answers_are_not_compressed)
{
    struct server server = server_start(&(struct server_options){0});
    struct buf reply = run_curl(
        &server, "-H 'accept-encoding: gzip' -w '%{size_download}' -o /dev/null -H 'content-type: "
                 "application/json' -d '{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"test_big\","
                 "\"params\":[3000000]}'");
    cr_assert_gt(atoi((const char *)reply.data), 6000000, "%s", (const char *)reply.data);
    buf_free(&reply);
    server_stop(&server);
}
