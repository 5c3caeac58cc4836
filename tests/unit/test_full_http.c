/* HTTP responses and streams of JSON values as a node sends them, in every cut. */
#include "les/base/limits.h"
#include "les/node/full_frame.h"
#include "les/node/full_http_parse.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>

TestSuite(full_http, .fini = fixture_leak_gate);

#define OK_11 "HTTP/1.1 200 OK\r\n"

static const struct {
    const char *text;
    enum full_http_state state; /* MORE: and finish says DONE */
    unsigned status;
    const char *body, *rest;
    bool keep_alive;
} cases[] = {
    {OK_11 "Content-Length: 2\r\n\r\nhirest", FULL_HTTP_DONE, 200, "hi", "rest", true},
    {OK_11 "content-length:2\t\r\nX:\r\n\r\nhi", FULL_HTTP_DONE, 200, "hi", "", true},
    {OK_11 "Content-Length: 0\r\n\r\n", FULL_HTTP_DONE, 200, "", "", true},
    {"HTTP/1.1 503\r\nContent-Length: 1\r\n\r\nx", FULL_HTTP_DONE, 503, "x", "", true},
    {"HTTP/1.1 204 No Content\r\n\r\nx", FULL_HTTP_DONE, 204, "", "x", true},
    {OK_11 "Content-Length: 1\r\nConnection: keep-alive, Close\r\n\r\nx", FULL_HTTP_DONE, 200, "x",
     "", false},
    {"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", FULL_HTTP_DONE, 200, "x", "", false},
    {"HTTP/1.0 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\nx", FULL_HTTP_DONE, 200,
     "x", "", true},
    {OK_11 "\r\nto the end", FULL_HTTP_MORE, 200, "to the end", "", false},
    {OK_11 "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0a;x=y\r\n0123456789\r\n0\r\n\r\nrest",
     FULL_HTTP_DONE, 200, "hi0123456789", "rest", true},
    {OK_11 "Transfer-Encoding: Chunked\r\n\r\n0\r\nDigest: x\r\n\r\n", FULL_HTTP_DONE, 200, "", "",
     true},
    {"HTTP/1.1 100 Continue\r\n\r\n" OK_11 "Content-Length: 1\r\n\r\nx", FULL_HTTP_DONE, 200, "x",
     "", true},
    {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\nframes", FULL_HTTP_DONE, 101,
     "", "frames", false},
    {OK_11 "Content-Encoding: identity\r\nContent-Length: 1\r\n\r\nx", FULL_HTTP_DONE, 200, "x", "",
     true},
    /* refused */
    {"HTTP/2 200 OK\r\n\r\n", FULL_HTTP_BAD, 0, NULL, NULL, false},
    {"HTTP/1.1 20 OK\r\n\r\n", FULL_HTTP_BAD, 0, NULL, NULL, false},
    {"HTTP/1.1 600 OK\r\n\r\n", FULL_HTTP_BAD, 0, NULL, NULL, false},
    {"HTTP/1.1  200 OK\r\n\r\n", FULL_HTTP_BAD, 0, NULL, NULL, false},
    {"{\"jsonrpc\":\"2.0\"}\r\n\r\n", FULL_HTTP_BAD, 0, NULL, NULL, false},
    {OK_11 "X y\r\n\r\n", FULL_HTTP_BAD, 0, NULL, NULL, false},
    {OK_11 "X : y\r\n\r\n", FULL_HTTP_BAD, 0, NULL, NULL, false},
    {OK_11 ": y\r\n\r\n", FULL_HTTP_BAD, 0, NULL, NULL, false},
    {OK_11 "X: y\r\n folded\r\n\r\n", FULL_HTTP_BAD, 0, NULL, NULL, false},
    {OK_11 "X: a\nY: b\r\n\r\n", FULL_HTTP_BAD, 0, NULL, NULL, false},
    {OK_11 "X: a\rb\r\n\r\n", FULL_HTTP_BAD, 0, NULL, NULL, false},
    {OK_11 "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx", FULL_HTTP_BAD, 0, NULL, NULL, false},
    {OK_11 "Content-Length: 1, 1\r\n\r\nx", FULL_HTTP_BAD, 0, NULL, NULL, false},
    {OK_11 "Content-Length: -1\r\n\r\nx", FULL_HTTP_BAD, 0, NULL, NULL, false},
    {OK_11 "Content-Length: \r\n\r\nx", FULL_HTTP_BAD, 0, NULL, NULL, false},
    {OK_11 "Content-Length: 99999999999999999999\r\n\r\nx", FULL_HTTP_BAD, 0, NULL, NULL, false},
    {OK_11 "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", FULL_HTTP_BAD, 0, NULL, NULL,
     false},
    {OK_11 "Transfer-Encoding: gzip, chunked\r\n\r\n", FULL_HTTP_BAD, 0, NULL, NULL, false},
    {OK_11 "Content-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx", FULL_HTTP_BAD, 0, NULL, NULL,
     false},
    {OK_11 "Transfer-Encoding: chunked\r\n\r\n2\r\nhixx", FULL_HTTP_BAD, 0, NULL, NULL, false},
    {OK_11 "Transfer-Encoding: chunked\r\n\r\n2\nhi\r\n", FULL_HTTP_BAD, 0, NULL, NULL, false},
    {OK_11 "Transfer-Encoding: chunked\r\n\r\n-2\r\nhi\r\n", FULL_HTTP_BAD, 0, NULL, NULL, false},
    {OK_11 "Transfer-Encoding: chunked\r\n\r\n;\r\nhi\r\n", FULL_HTTP_BAD, 0, NULL, NULL, false},
    {OK_11 "Content-Length: 99999999999\r\n\r\nx", FULL_HTTP_LARGE, 0, NULL, NULL, false},
    {OK_11 "Transfer-Encoding: chunked\r\n\r\nfffffffff\r\n", FULL_HTTP_LARGE, 0, NULL, NULL,
     false},
};

/* Feeds text in pieces of at most piece bytes; 0: pieces of chance. Returns what was used. */
static size_t feed(struct full_http *http, const char *text, size_t piece, uint64_t *seed,
                   enum full_http_state *state)
{
    size_t at = 0, size = strlen(text), used;
    *state = FULL_HTTP_MORE;
    while (at < size && *state == FULL_HTTP_MORE) {
        size_t take = piece != 0 ? piece : 1 + fixture_random_below(seed, 40);
        take = take < size - at ? take : size - at;
        uint8_t *copy = mem_copy(SPAN(text + at, take)); /* so that reading past the end is seen */
        *state = full_http_feed(http, SPAN(copy, take), &used);
        cr_assert_leq(used, take);
        cr_assert(*state != FULL_HTTP_MORE || used == take);
        mem_free(copy);
        at += used;
    }
    return at;
}

Test(full_http, responses_in_every_cut)
{
    uint64_t seed = fixture_seed();
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        for (size_t piece = 0; piece < 6; piece++) {
            struct full_http http = {0};
            enum full_http_state state;
            size_t used = feed(&http, cases[i].text, piece == 5 ? 100000 : piece, &seed, &state);
            cr_assert_eq(state, cases[i].state, "case %zu: %d", i, state);
            if (state == FULL_HTTP_MORE)
                cr_assert_eq(full_http_finish(&http), FULL_HTTP_DONE);
            if (cases[i].body != NULL) {
                cr_assert_eq(http.status, cases[i].status, "case %zu", i);
                cr_assert(span_equal(buf_span(&http.body), SPAN_STR(cases[i].body)), "case %zu", i);
                cr_assert_str_eq(cases[i].text + used, cases[i].rest, "case %zu", i);
                cr_assert_eq(http.keep_alive, cases[i].keep_alive, "case %zu", i);
            }
            full_http_free(&http);
        }
    }
}

Test(full_http, a_stream_that_ends_early_is_no_response)
{
    static const char *const texts[] = {"", OK_11, OK_11 "Content-Length: 3\r\n\r\nhi",
                                        OK_11 "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n"};
    uint64_t seed = 1;
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        struct full_http http = {0};
        enum full_http_state state;
        feed(&http, texts[i], 3, &seed, &state);
        cr_assert_eq(state, FULL_HTTP_MORE);
        cr_assert_eq(full_http_idle(&http), i == 0);
        cr_assert_eq(full_http_finish(&http), FULL_HTTP_BAD);
        full_http_free(&http);
    }
}

Test(full_http, a_connection_carries_one_after_the_other)
{
    struct full_http http = {0};
    const char *text = OK_11 "Content-Length: 2\r\nA: b\r\n\r\nhi";
    uint64_t seed = 1;
    enum full_http_state state;
    struct span value;
    for (size_t i = 0; i < 3; i++) {
        cr_assert(full_http_idle(&http));
        feed(&http, text, 7, &seed, &state);
        cr_assert_eq(state, FULL_HTTP_DONE);
        cr_assert(full_http_field(&http, "a", &value));
        cr_assert(span_equal(value, SPAN_STR("b")));
        cr_assert(!full_http_field(&http, "b", &value));
        full_http_reset(&http);
    }
    full_http_free(&http);
}

/* What never ends is stopped, and what was kept of it is bounded. */
Test(full_http, limits)
{
    static const struct {
        const char *begin, *again;
    } endless[] = {
        {OK_11 "X: ", "aaaaaaaa"},
        {OK_11, "X: y\r\n"},
        {"", "HTTP/1.1 102 Processing\r\n\r\n"},
        {OK_11 "Transfer-Encoding: chunked\r\n\r\n", "00000000"},
        {OK_11 "Transfer-Encoding: chunked\r\n\r\n1;", "aaaaaaaa"},
        {OK_11 "Transfer-Encoding: chunked\r\n\r\n0\r\n", "X: y\r\n"},
    };
    uint64_t seed = 1;
    for (size_t i = 0; i < ARRAY_COUNT(endless); i++) {
        struct full_http http = {0};
        enum full_http_state state;
        size_t rounds = 0;
        feed(&http, endless[i].begin, 50, &seed, &state);
        for (; state == FULL_HTTP_MORE && rounds < 10000; rounds++)
            feed(&http, endless[i].again, 50, &seed, &state);
        cr_assert_eq(state, FULL_HTTP_LARGE, "%zu", i);
        cr_assert_lt(rounds, 10000);
        cr_assert_leq(http.head.size, FULL_HTTP_HEAD_MAX);
        full_http_free(&http);
    }
}

/* ---- values of a stream ---- */

static const struct {
    const char *text;
    enum full_frame_state state;
    size_t used;
    bool whole;
} values[] = {
    {"{}", FULL_FRAME_DONE, 2, true},
    {" \n[1,2] ", FULL_FRAME_DONE, 7, true},
    {"{\"a\":\"}\"}x", FULL_FRAME_DONE, 9, false},
    {"{\"a\":\"\\\"}\"}", FULL_FRAME_DONE, 11, true},
    {"{\"a\":\"\\\\\"}", FULL_FRAME_DONE, 10, true},
    {"[{\"a\":[]}]{}", FULL_FRAME_DONE, 10, false},
    {"[[", FULL_FRAME_MORE, 2, false},
    {"  ", FULL_FRAME_MORE, 2, false},
    {"", FULL_FRAME_MORE, 0, false},
    {"[}", FULL_FRAME_BAD, 2, false},
    {"}", FULL_FRAME_BAD, 1, false},
    {"null", FULL_FRAME_BAD, 1, false},
    {"\"a\"", FULL_FRAME_BAD, 1, false},
};

Test(full_http, where_a_json_value_ends)
{
    for (size_t i = 0; i < ARRAY_COUNT(values); i++) {
        for (size_t piece = 1; piece < 5; piece++) {
            struct full_frame frame = {0};
            enum full_frame_state state = FULL_FRAME_MORE;
            size_t at = 0, used, size = strlen(values[i].text);
            while (at < size && state == FULL_FRAME_MORE) {
                state = full_frame_feed(
                    &frame, SPAN(values[i].text + at, piece < size - at ? piece : size - at),
                    &used);
                at += used;
            }
            cr_assert_eq(state, values[i].state, "case %zu", i);
            cr_assert_eq(at, values[i].used, "case %zu", i);
        }
        cr_assert_eq(full_frame_whole(SPAN_STR(values[i].text)), values[i].whole, "case %zu", i);
    }
}

Test(full_http, a_json_value_has_limits)
{
    struct full_frame deep = {0}, many = {0};
    enum full_frame_state state = FULL_FRAME_MORE;
    size_t used, count = 0;
    for (; state == FULL_FRAME_MORE && count < 1000; count++)
        state = full_frame_feed(&deep, SPAN_STR("["), &used);
    cr_assert_eq(state, FULL_FRAME_LARGE);
    cr_assert_eq(count, FULL_RESPONSE_DEPTH_MAX + 1);
    state = full_frame_feed(&many, SPAN_STR("[1"), &used);
    for (count = 0; state == FULL_FRAME_MORE && count <= FULL_RESPONSE_VALUES_MAX; count++)
        state = full_frame_feed(&many, SPAN_STR(",1"), &used);
    cr_assert_eq(state, FULL_FRAME_LARGE);
    cr_assert_eq(count, FULL_RESPONSE_VALUES_MAX);
}
