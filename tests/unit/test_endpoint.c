#include "les/base/loop.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>

TestSuite(endpoint, .fini = fixture_leak_gate);

Test(endpoint, text_survives_the_way_through)
{
    static const char *const texts[] = {
        "1.2.3.4:30303",
        "0.0.0.0:0",
        "255.255.255.255:65535",
        "[::1]:30303",
        "[::]:1",
        "[2001:db8::ff00:42:8329]:443",
        "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
    };
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        struct endpoint endpoint;
        char out[ENDPOINT_TEXT_SIZE];
        cr_assert(endpoint_parse(&endpoint, texts[i]), "%s", texts[i]);
        endpoint_format(out, &endpoint);
        cr_assert_str_eq(out, texts[i]);
    }
}

Test(endpoint, ipv4_is_mapped_and_reads_the_same_in_both_forms)
{
    struct endpoint four, six;
    cr_assert(endpoint_parse(&four, "10.1.2.3:7"));
    cr_assert(endpoint_parse(&six, "[::ffff:10.1.2.3]:7"));
    cr_assert_eq(memcmp(four.ip, six.ip, 16), 0);
    char out[ENDPOINT_TEXT_SIZE];
    endpoint_format(out, &six);
    cr_assert_str_eq(out, "10.1.2.3:7");
}

Test(endpoint, anything_else_is_refused_and_zeroed)
{
    static const char *const bad[] = {
        "",
        ":",
        "1.2.3.4",
        "1.2.3.4:",
        "1.2.3.4:65536",
        "1.2.3:1",
        "1.2.3.4:-1",
        "1.2.3.4:+1",
        "1.2.3.4: 1",
        "1.2.3.4:1 ",
        "1.2.3.4:01",
        "256.1.1.1:1",
        " 1.2.3.4:1",
        "localhost:1",
        "example.org:30303",
        "::1:30303",
        "[::1]",
        "[::1]30303",
        "[::1]:",
        "[::1:1",
        "[]:1",
        "[1.2.3.4]:1",
        "[fe80::1%lo]:1",
        "1.2.3.4:1:2",
        "1.2.3.4:99999999999999999999",
        "[::1]:1x",
        "01.2.3.4:1",
        "0x7f.0.0.1:1",
        "127.1:1",
        "[",
        "[00000000000000000000000000000000000000000000000000000000000000::1]:1"};
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        struct endpoint endpoint, zero = {{0}, 0};
        memset(&endpoint, 0xff, sizeof(endpoint));
        cr_assert(!endpoint_parse(&endpoint, bad[i]), "%s", bad[i]);
        cr_assert_eq(memcmp(endpoint.ip, zero.ip, 16), 0);
        cr_assert_eq(endpoint.port, 0);
    }
}

Test(endpoint, loopback_is_127_and_double_colon_one)
{
    static const struct {
        const char *text;
        bool loopback;
    } cases[] = {{"127.0.0.1:1", true}, {"127.255.3.4:1", true}, {"128.0.0.1:1", false},
                 {"[::1]:1", true},     {"[::]:1", false},       {"[::ffff:127.0.0.1]:1", true},
                 {"0.0.0.0:1", false},  {"[::2]:1", false}};
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct endpoint endpoint;
        cr_assert(endpoint_parse(&endpoint, cases[i].text));
        cr_assert_eq(endpoint_is_loopback(&endpoint), cases[i].loopback, "%s", cases[i].text);
    }
}
