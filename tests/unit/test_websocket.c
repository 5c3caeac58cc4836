#include "les/base/limits.h"
#include "tests/fixture/fixture.h"
#include "tests/fixture/server.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

TestSuite(websocket, .fini = fixture_leak_gate, .timeout = 60);

#define UPGRADE(path, more)                                                                        \
    "GET " path " HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"    \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n" more "\r\n"
#define ACCEPTED "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" /* RFC 6455, section 1.3 */

enum opcode {
    OP_CONTINUATION = 0,
    OP_TEXT = 1,
    OP_BINARY = 2,
    OP_CLOSE = 8,
    OP_PING = 9,
    OP_PONG = 10
};

static int open_socket(const struct server *server, const char *request)
{
    int fd = server_connect(server);
    client_send(fd, SPAN_STR(request));
    struct buf head = {0};
    while (head.size < 4 || memcmp(head.data + head.size - 4, "\r\n\r\n", 4) != 0) {
        struct buf byte = client_read(fd, 1, 5000);
        cr_assert_eq(byte.size, 1, "%.*s", (int)head.size, (const char *)head.data);
        buf_add_span(&head, buf_span(&byte));
        buf_free(&byte);
    }
    buf_add_u8(&head, 0);
    cr_assert_eq(strncmp((const char *)head.data, "HTTP/1.1 101 ", 13), 0, "%s",
                 (const char *)head.data);
    cr_assert_not_null(strstr((const char *)head.data, ACCEPTED), "%s", (const char *)head.data);
    buf_free(&head);
    return fd;
}

/* Clients must mask; the mask is zero here, which is legal and leaves the text readable. */
static void send_frame(int fd, enum opcode opcode, bool final, struct span payload)
{
    struct buf frame = {0};
    uint8_t size_bytes[8];
    buf_add_u8(&frame, (uint8_t)((final ? 0x80 : 0) | opcode));
    if (payload.size < 126) {
        buf_add_u8(&frame, (uint8_t)(0x80 | payload.size));
    } else {
        size_t count = payload.size < 65536 ? 2 : 8;
        buf_add_u8(&frame, count == 2 ? 0xfe : 0xff);
        be_write(size_bytes, count, payload.size);
        buf_add(&frame, size_bytes, count);
    }
    buf_add(&frame, "\0\0\0\0", 4);
    buf_add_span(&frame, payload);
    client_send(fd, buf_span(&frame));
    buf_free(&frame);
}

static void send_text(int fd, const char *text)
{
    send_frame(fd, OP_TEXT, true, SPAN_STR(text));
}

/* The next frame's payload, NUL-terminated; its opcode, or -1 when the connection ended. */
static int read_frame(int fd, struct buf *payload)
{
    struct buf head = client_read(fd, 2, 5000);
    int opcode = -1;
    buf_clear(payload);
    if (head.size == 2) {
        uint64_t size = head.data[1];
        opcode = head.data[0] & 0x0f;
        cr_assert_eq(head.data[0] & 0xf0, 0x80, "one frame for each message");
        if (size >= 126) {
            struct buf more = client_read(fd, size == 126 ? 2 : 8, 5000);
            size = be_read(more.data, more.size);
            buf_free(&more);
        }
        struct buf body = client_read(fd, (size_t)size, 5000);
        cr_assert_eq(body.size, size == 0 ? body.size : size);
        buf_add_span(payload, size == 0 ? SPAN_EMPTY : buf_span(&body));
        buf_free(&body);
    }
    buf_free(&head);
    buf_add_u8(payload, 0);
    return opcode;
}

static void expect_frame(int fd, enum opcode opcode, const char *text)
{
    struct buf payload = {0};
    int got = read_frame(fd, &payload);
    cr_assert_eq(got, (int)opcode, "opcode %d: %s", got, (const char *)payload.data);
    cr_assert_str_eq((const char *)payload.data, text);
    buf_free(&payload);
}

static void expect_close(int fd, unsigned code)
{
    struct buf payload = {0};
    int got = read_frame(fd, &payload);
    cr_assert_eq(got, OP_CLOSE, "opcode %d: %.100s", got, (const char *)payload.data);
    cr_assert_geq(payload.size, 2);
    cr_assert_eq(be_read(payload.data, 2), code, "close code %llu",
                 (unsigned long long)be_read(payload.data, 2));
    send_frame(fd, OP_CLOSE, true, SPAN(payload.data, 2));
    cr_assert_eq(read_frame(fd, &payload), -1, "then the connection ends");
    buf_free(&payload);
}

#define ECHO(id)   "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"test_echo\",\"params\":[7]}"
#define ECHOED(id) "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"result\":[7]}"
#define WAIT(id, ms)                                                                               \
    "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"test_wait\",\"params\":[" ms "]}"
#define WAITED(id) "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"result\":\"waited\"}"

Test(websocket, a_session_answers_messages_and_batches)
{
    struct server server = server_start(&(struct server_options){0});
    static const char *const paths[] = {UPGRADE("/", ""), UPGRADE("/ws", ""),
                                        UPGRADE("/ws/v3/0123abcd", "")};
    for (size_t i = 0; i < ARRAY_COUNT(paths); i++) {
        int fd = open_socket(&server, paths[i]);
        send_text(fd, ECHO("1"));
        expect_frame(fd, OP_TEXT, ECHOED("1"));
        send_frame(fd, OP_BINARY, true, SPAN_STR("[" ECHO("2") "," ECHO("null") "]"));
        expect_frame(fd, OP_TEXT, "[" ECHOED("2") "," ECHOED("null") "]");
        send_text(fd, "{\"jsonrpc\":\"2.0\",\"method\":\"test_echo\"}");
        send_text(fd, "{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"eth_subscribe\",\"params\":["
                      "\"newHeads\"]}");
        expect_frame(fd, OP_TEXT,
                     "{\"jsonrpc\":\"2.0\",\"id\":5,\"error\":{\"code\":-32601,\"message\":"
                     "\"notifications not supported\"}}");
        send_frame(fd, OP_CLOSE, true, SPAN("\x03\xe8", 2));
        expect_close(fd, 1000);
        close(fd);
    }
    server_stop(&server);
}

Test(websocket, answers_come_in_the_order_they_get_ready)
{
    struct server server = server_start(&(struct server_options){.timeout_ms = 400});
    int fd = open_socket(&server, UPGRADE("/", ""));
    send_text(fd, WAIT("1", "5000"));
    send_text(fd, WAIT("2", "150"));
    send_text(fd, WAIT("3", "50"));
    send_text(fd, ECHO("4"));
    expect_frame(fd, OP_TEXT, ECHOED("4"));
    expect_frame(fd, OP_TEXT, WAITED("3"));
    expect_frame(fd, OP_TEXT, WAITED("2"));
    expect_frame(fd, OP_TEXT,
                 "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32002,\"message\":\"request "
                 "timed out\"}}");
    close(fd);
    server_stop(&server);
}

Test(websocket, pieces_pings_and_large_messages_pass)
{
    struct server server = server_start(&(struct server_options){0});
    struct buf text = {0}, payload = {0};
    int fd = open_socket(&server, UPGRADE("/", ""));
    send_frame(fd, OP_TEXT, false, SPAN_STR("{\"jsonrpc\":\"2.0\",\"id\":1,"));
    send_frame(fd, OP_PING, true, SPAN_STR("are you there"));
    send_frame(fd, OP_CONTINUATION, true, SPAN_STR("\"method\":\"test_echo\",\"params\":[7]}"));
    expect_frame(fd, OP_PONG, "are you there");
    expect_frame(fd, OP_TEXT, ECHOED("1"));
    buf_add_str(&text, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"test_echo\",\"params\":[\"");
    while (text.size < MIB(8)) /* more than an HTTP body may have */
        buf_add_str(&text, "0123456789abcdef");
    buf_add_str(&text, "\"]}");
    send_frame(fd, OP_TEXT, true, buf_span(&text));
    cr_assert_eq(read_frame(fd, &payload), OP_TEXT);
    cr_assert_gt(payload.size, MIB(8) - 100);
    send_text(fd, ECHO("2"));
    expect_frame(fd, OP_TEXT, ECHOED("2"));
    close(fd);
    buf_free(&text);
    buf_free(&payload);
    server_stop(&server);
}

Test(websocket, faults_end_the_session_with_their_code)
{
    struct server server = server_start(&(struct server_options){0});
    int fd = open_socket(&server, UPGRADE("/", ""));
    send_text(fd, "{nonsense"); /* its own frame, so the session can go on */
    expect_frame(fd, OP_TEXT,
                 "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32700,\"message\":\"parse "
                 "error\"}}");
    send_text(fd, ECHO("2"));
    expect_frame(fd, OP_TEXT, ECHOED("2"));
    close(fd);
    fd = open_socket(&server, UPGRADE("/", ""));
    send_text(fd, "\xff\xfe");
    expect_close(fd, 1007); /* not UTF-8 */
    close(fd);
    fd = open_socket(&server, UPGRADE("/", ""));
    client_send(fd, SPAN("\x81\x01x", 3)); /* not masked */
    expect_close(fd, 1002);
    close(fd);
    fd = open_socket(&server, UPGRADE("/", ""));
    client_send(fd, SPAN("\x81\xff\x00\x00\x00\x00\x02\x00\x00\x01\x00\x00\x00\x00x",
                         15)); /* 32 MiB and a byte */
    expect_close(fd, 1009);
    close(fd);
    server_stop(&server);
}

Test(websocket, broken_handshakes_are_refused)
{
    static const struct {
        const char *request, *status;
    } rows[] = {
        {"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade, "
         "close\r\n\r\n",
         "HTTP/1.1 400 "},
        {"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: "
         "Upgrade\r\nSec-WebSocket-Key: short\r\n"
         "Sec-WebSocket-Version: 13\r\n\r\n",
         "HTTP/1.1 400 "},
        {"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 8\r\n\r\n",
         "HTTP/1.1 400 "},
        {UPGRADE("/", "Origin: https://evil.example\r\n"), "HTTP/1.1 403 "},
    };
    struct server server = server_start(&(struct server_options){0});
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        int fd = server_connect(&server);
        client_send(fd, SPAN_STR(rows[i].request));
        struct buf reply = client_read(fd, 13, 5000);
        cr_assert(span_equal(buf_span(&reply), SPAN_STR(rows[i].status)), "%s\ngave %.*s",
                  rows[i].request, (int)reply.size, (const char *)reply.data);
        buf_free(&reply);
        close(fd);
    }
    int fd = open_socket(&server, UPGRADE("/", "Origin: http://localhost:3000\r\n"));
    close(fd);
    server_stop(&server);
}

Test(websocket, a_client_that_leaves_cancels_its_calls)
{
    struct server server = server_start(&(struct server_options){.calls_max = 1});
    int fd = open_socket(&server, UPGRADE("/", ""));
    send_text(fd, WAIT("1", "4000"));
    nanosleep(&(struct timespec){0, 50000000}, NULL);
    close(fd);
    nanosleep(&(struct timespec){0, 50000000}, NULL);
    struct buf reply = server_post(&server, ECHO("9"));
    cr_assert_str_eq((const char *)reply.data, ECHOED("9") "\n");
    buf_free(&reply);
    server_stop(&server);
}

Test(websocket, a_session_has_a_limit_of_messages_under_way)
{
    struct server server = server_start(&(struct server_options){.calls_max = 100000});
    int fd = open_socket(&server, UPGRADE("/", ""));
    for (int i = 0; i < WS_CALLS_MAX; i++)
        send_text(fd, WAIT("1", "300"));
    send_text(fd, ECHO("77"));
    expect_frame(fd, OP_TEXT,
                 "{\"jsonrpc\":\"2.0\",\"id\":77,\"error\":{\"code\":-32005,\"message\":\"too many "
                 "requests under way, "
                 "try again\"}}");
    for (int i = 0; i < WS_CALLS_MAX; i++)
        expect_frame(fd, OP_TEXT, WAITED("1"));
    send_text(fd, ECHO("78"));
    expect_frame(fd, OP_TEXT, ECHOED("78"));
    close(fd);
    server_stop(&server);
}

/* 64 MiB of answers that nobody reads end the session instead of filling the memory. */
Test(websocket, a_client_that_does_not_read_is_let_go)
{
    struct server server = server_start(&(struct server_options){0});
    int fd = open_socket(&server, UPGRADE("/", ""));
    for (int i = 0; i < 5; i++)
        send_text(fd,
                  "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"test_big\",\"params\":[10000000]}");
    nanosleep(&(struct timespec){0, 500000000}, NULL);
    struct buf payload = {0};
    int opcode, frames = 0;
    while ((opcode = read_frame(fd, &payload)) == OP_TEXT)
        frames++;
    cr_assert_lt(frames, 5);
    cr_assert_eq(opcode, OP_CLOSE);
    cr_assert_eq(be_read(payload.data, 2), 1008);
    buf_free(&payload);
    close(fd);
    server_stop(&server);
}

Test(websocket, stopping_says_going_away)
{
    struct server server = server_start(&(struct server_options){0});
    int fd = open_socket(&server, UPGRADE("/", ""));
    send_text(fd, WAIT("1", "4000"));
    send_text(fd, ECHO("2"));
    expect_frame(fd, OP_TEXT, ECHOED("2"));
    server_stop(&server);
    struct buf payload = {0};
    int opcode = read_frame(fd, &payload);
    cr_assert(opcode == -1 || (opcode == OP_CLOSE && be_read(payload.data, 2) == 1001), "opcode %d",
              opcode);
    buf_free(&payload);
    close(fd);
}
