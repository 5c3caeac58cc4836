#include "les/p2p/enode.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define KEY                                                                                        \
    "ca634cae0d49acb401d8a4c6b6fe8c55b70d115bf400769cc1400f3258cd3138"                             \
    "7574077f301b421bc84df7266c44e9e6d569fc56be00812904767bf5ccd1fc7f"

TestSuite(enode, .fini = fixture_leak_gate);

Test(enode, text_survives_the_way_through)
{
    static const char *const texts[] = {
        "enode://" KEY "@127.0.0.1:30303",
        "enode://" KEY "@10.3.58.6:30303?discport=30301",
        "enode://" KEY "@10.3.58.6:30303?discport=0",
        "enode://" KEY "@10.3.58.6:0?discport=30301",
        "enode://" KEY "@[2001:db8:3c4d:15::abcd:ef12]:52150?discport=22150",
        "enode://" KEY "@[2001:1234:5678:9abc:def1:2345:6789:abcd]:65535?discport=65534",
    };
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        struct enode enode;
        char out[ENODE_TEXT_SIZE];
        const char *why = enode_parse(&enode, texts[i]);
        cr_assert_null(why, "%s: %s", texts[i], why);
        enode_format(out, &enode);
        cr_assert_str_eq(out, texts[i]);
    }
}

Test(enode, discovery_port_is_the_tcp_port_unless_said)
{
    struct enode enode;
    cr_assert_null(enode_parse(&enode, "enode://" KEY "@1.2.3.4:30303"));
    cr_assert_eq(enode.udp_port, 30303);
    cr_assert_null(enode_parse(&enode, "enode://" KEY "@1.2.3.4:30303?discport=7"));
    cr_assert_eq(enode.udp_port, 7);
    cr_assert_eq(enode.at.port, 30303);
}

Test(enode, id_is_the_keccak_of_the_key)
{
    struct enode enode;
    struct hash32 id;
    cr_assert_null(enode_parse(&enode, "enode://" KEY "@1.2.3.4:1"));
    enode_id(&id, &enode.key);
    fixture_expect_hex(SPAN(id.bytes, 32),
                       "a448f24c6d18e575453db13171562b71999873db5b286df957af199ec94617f7");
}

Test(enode, a_host_name_gets_an_error_that_says_so)
{
    struct enode enode;
    const char *why = enode_parse(&enode, "enode://" KEY "@node.example.org:30303");
    cr_assert_not_null(why);
    cr_assert_not_null(strstr(why, "host name"), "%s", why);
    cr_assert_null(strstr(enode_parse(&enode, "enode://" KEY "@300.1.1.1:30303"), "host name"));
}

Test(enode, anything_else_is_refused_and_zeroed)
{
    static const char *const bad[] = {
        "",
        "enode",
        "enode://",
        "http://" KEY "@1.2.3.4:1",
        "enode://" KEY,
        "enode://" KEY "@",
        "enode://" KEY "@1.2.3.4",
        "enode://" KEY "@1.2.3.4:",
        "enode://" KEY "@1.2.3.4:0",
        "enode://" KEY "@1.2.3.4:0?discport=0",
        "enode://" KEY "@1.2.3.4:65536",
        "enode://" KEY "@1.2.3.4:030303",
        "enode://" KEY "@1.2.3.4:+1",
        "enode://" KEY "@1.2.3.4:1 ",
        "enode://" KEY "@1.2.3.4:1?",
        "enode://" KEY "@1.2.3.4:1?discport",
        "enode://" KEY "@1.2.3.4:1?discport=",
        "enode://" KEY "@1.2.3.4:1?discport=65536",
        "enode://" KEY "@1.2.3.4:1?discport=1&x=2",
        "enode://" KEY "@1.2.3.4:1?port=1",
        "enode://" KEY "00@1.2.3.4:1",
        "enode://0x" KEY "@1.2.3.4:1",
        "enode://zz634cae0d49acb401d8a4c6b6fe8c55b70d115bf400769cc1400f3258cd3138"
        "7574077f301b421bc84df7266c44e9e6d569fc56be00812904767bf5ccd1fc7f@1.2.3.4:1",
        "enode://0x634cae0d49acb401d8a4c6b6fe8c55b70d115bf400769cc1400f3258cd3138"
        "7574077f301b421bc84df7266c44e9e6d569fc56be00812904767bf5ccd1fc7f@1.2.3.4:1",
    };
    static const struct enode zero;
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        struct enode enode = {.udp_port = 1};
        cr_assert_not_null(enode_parse(&enode, bad[i]), "%s", bad[i]);
        cr_assert_eq(memcmp(&enode, &zero, sizeof(zero)), 0, "%s", bad[i]);
    }
}

Test(enode, equal_means_key_and_every_address)
{
    struct enode a, b;
    cr_assert_null(enode_parse(&a, "enode://" KEY "@1.2.3.4:1"));
    b = a;
    cr_assert(enode_equal(&a, &b));
    b.udp_port++;
    cr_assert_not(enode_equal(&a, &b));
    b = a;
    b.at.port++;
    cr_assert_not(enode_equal(&a, &b));
    b = a;
    b.key.bytes[63] ^= 1;
    cr_assert_not(enode_equal(&a, &b));
}
