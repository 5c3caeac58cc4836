/* EIP-8's discovery packets. */
#include "les/p2p/discv4_packet.h"
#include "tests/fixture/eip8.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>

TestSuite(discv4_packets, .fini = fixture_leak_gate);

#define EXPIRY 1136239445

static void expect_at(const struct endpoint *endpoint, const char *text)
{
    char out[ENDPOINT_TEXT_SIZE];
    endpoint_format(out, endpoint);
    cr_assert_str_eq(out, text);
}

static struct buf decode(struct discv4_packet *packet, struct crypto *crypto, const char *hex,
                         enum discv4_type type)
{
    struct buf bytes = fixture_hex(hex);
    struct hash32 id;
    cr_assert_eq(discv4_packet_decode(packet, crypto, buf_span(&bytes)), DISCV4_VALID);
    cr_assert_eq(packet->type, type);
    enode_id(&id, &packet->from);
    fixture_expect_hex(SPAN(id.bytes, 32),
                       "a448f24c6d18e575453db13171562b71999873db5b286df957af199ec94617f7");
    cr_assert_eq(packet->expiry_s, EXPIRY);
    cr_assert_eq(memcmp(packet->hash.bytes, bytes.data, 32), 0);
    return bytes;
}

static struct crypto *crypto_open(void)
{
    static const uint8_t seed32[32] = {1};
    return crypto_new(seed32);
}

Test(discv4_packets, pings_of_both_versions)
{
    struct crypto *crypto = crypto_open();
    struct discv4_packet packet;
    struct buf bytes = decode(&packet, crypto, EIP8_PING4, DISCV4_PING);
    expect_at(&packet.source, "127.0.0.1:3322");
    cr_assert_eq(packet.source_tcp, 5544);
    expect_at(&packet.to, "[::1]:2222");
    cr_assert_eq(packet.to_tcp, 3333);
    cr_assert(packet.has_enr_seq);
    cr_assert_eq(packet.enr_seq, 1);
    buf_free(&bytes);
    bytes = decode(&packet, crypto, EIP8_PING555, DISCV4_PING);
    expect_at(&packet.source, "[2001:db8:3c4d:15::abcd:ef12]:3322");
    expect_at(&packet.to, "[2001:db8:85a3:8d3:1319:8a2e:370:7348]:2222");
    cr_assert_eq(packet.to_tcp, 33338);
    cr_assert_not(packet.has_enr_seq);
    buf_free(&bytes);
    crypto_free(crypto);
}

Test(discv4_packets, pong)
{
    struct crypto *crypto = crypto_open();
    struct discv4_packet packet;
    struct buf bytes = decode(&packet, crypto, EIP8_PONG, DISCV4_PONG);
    expect_at(&packet.to, "[2001:db8:85a3:8d3:1319:8a2e:370:7348]:2222");
    fixture_expect_hex(SPAN(packet.reply_to.bytes, 32),
                       "fbc914b16819237dcd8801d7e53f69e9719adecb3cc0e790c57e91ca4461c954");
    cr_assert_not(packet.has_enr_seq);
    buf_free(&bytes);
    crypto_free(crypto);
}

Test(discv4_packets, findnode)
{
    struct crypto *crypto = crypto_open();
    struct discv4_packet packet;
    struct buf bytes = decode(&packet, crypto, EIP8_FINDNODE, DISCV4_FINDNODE);
    cr_assert_eq(memcmp(packet.target.bytes, packet.from.bytes, 64), 0);
    buf_free(&bytes);
    crypto_free(crypto);
}

Test(discv4_packets, neighbours)
{
    struct crypto *crypto = crypto_open();
    struct discv4_packet packet;
    struct buf bytes = decode(&packet, crypto, EIP8_NEIGHBORS, DISCV4_NEIGHBORS);
    cr_assert_eq(packet.nodes_count, 4);
    expect_at(&packet.nodes[0].at, "99.33.22.55:4445");
    cr_assert_eq(packet.nodes[0].udp_port, 4444);
    expect_at(&packet.nodes[1].at, "1.2.3.4:1");
    expect_at(&packet.nodes[2].at, "[2001:db8:3c4d:15::abcd:ef12]:3333");
    expect_at(&packet.nodes[3].at, "[2001:db8:85a3:8d3:1319:8a2e:370:7348]:1000");
    cr_assert_eq(packet.nodes[3].udp_port, 999);
    fixture_expect_hex(SPAN(packet.nodes[3].key.bytes, 4), "8dcab861");
    buf_free(&bytes);
    crypto_free(crypto);
}

Test(discv4_packets, any_changed_byte_before_the_trailing_data_is_refused)
{
    struct crypto *crypto = crypto_open();
    struct discv4_packet packet;
    struct buf bytes = fixture_hex(EIP8_PING4);
    for (size_t i = 0; i < bytes.size; i++) {
        bytes.data[i] ^= 1;
        cr_assert_eq(discv4_packet_decode(&packet, crypto, buf_span(&bytes)), DISCV4_INVALID);
        bytes.data[i] ^= 1;
        cr_assert_eq(discv4_packet_decode(&packet, crypto, SPAN(bytes.data, i)), DISCV4_INVALID);
    }
    buf_free(&bytes);
    crypto_free(crypto);
}
