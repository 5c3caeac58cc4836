/* Round trips of what les/p2p writes and reads, and handshakes and frames cut anywhere. */
#include "les/base/limits.h"
#include "les/p2p/discv4_packet.h"
#include "les/p2p/dnstree.h"
#include "les/p2p/enr.h"
#include "les/p2p/hello.h"
#include "les/p2p/rlpx.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>

TestSuite(p2p_prop, .fini = fixture_leak_gate, .timeout = 120);

struct dice {
    uint64_t state;
    struct crypto *crypto;
};

static void dice_init(struct dice *dice)
{
    static const uint8_t seed32[32] = {1};
    dice->state = fixture_seed();
    dice->crypto = crypto_new(seed32);
}

static void draw_key(struct dice *dice, struct seckey32 *key)
{
    do
        fixture_random_bytes(&dice->state, key->bytes, 32);
    while (!crypto_seckey_valid(dice->crypto, key));
}

static void draw_at(struct dice *dice, struct endpoint *at)
{
    fixture_random_bytes(&dice->state, at, sizeof(*at));
    if (fixture_random_below(&dice->state, 2)) {
        memset(at->ip, 0, 10);
        memset(at->ip + 10, 0xff, 2);
    }
    at->port |= 1;
}

static struct rlpx_chance draw_chance(struct dice *dice)
{
    struct rlpx_chance chance;
    fixture_random_bytes(&dice->state, &chance, sizeof(chance));
    draw_key(dice, &chance.ephemeral);
    draw_key(dice, &chance.ecies);
    return chance;
}

/* Moves all of from to rlpx in random pieces, taking events as they come; returns how many frames,
 * or -1 for a fault. */
static int pump(struct dice *dice, struct rlpx *rlpx, struct buf *from, struct buf *out,
                bool *ready)
{
    int frames = 0;
    while (from->size > 0) {
        size_t size =
            1 + (size_t)fixture_random_below(&dice->state, from->size < 400 ? from->size : 400);
        enum rlpx_event event;
        rlpx_feed(rlpx, SPAN(from->data, size));
        buf_drop_front(from, size);
        do {
            uint64_t code;
            struct span payload;
            event = rlpx_next(rlpx, out, &code, &payload);
            *ready = *ready || event == RLPX_READY;
            frames += event == RLPX_FRAME;
            for (size_t i = 0; i < payload.size; i++)
                cr_assert_eq(payload.data[i], (uint8_t)(code + i));
            if (event == RLPX_FAULT)
                return -1;
        } while (event != RLPX_MORE);
    }
    return frames;
}

static int send_some(struct dice *dice, struct rlpx *rlpx, struct buf *out)
{
    int count = (int)fixture_random_below(&dice->state, 6);
    for (int i = 0; i < count; i++) {
        uint8_t bytes[3000];
        uint64_t code = fixture_random_below(&dice->state, 300);
        for (size_t j = 0; j < sizeof(bytes); j++)
            bytes[j] = (uint8_t)(code + j);
        rlpx_send(rlpx, out, code,
                  SPAN(bytes, (size_t)fixture_random_below(&dice->state, sizeof(bytes))));
    }
    return count;
}

Test(p2p_prop, handshakes_and_frames_survive_any_cutting)
{
    struct dice dice;
    dice_init(&dice);
    for (int round = 0; round < 200; round++) {
        struct seckey32 key_a, key_b;
        struct pubkey64 public_b;
        struct buf to_a = {0}, to_b = {0};
        struct rlpx_chance chance;
        bool ready_a = false, ready_b = false;
        draw_key(&dice, &key_a);
        draw_key(&dice, &key_b);
        crypto_pubkey(dice.crypto, &public_b, &key_b);
        chance = draw_chance(&dice);
        struct rlpx *a = rlpx_new_initiator(dice.crypto, &key_a, &public_b, &chance, &to_b);
        chance = draw_chance(&dice);
        struct rlpx *b = rlpx_new_recipient(dice.crypto, &key_b, &chance);
        cr_assert_eq(pump(&dice, b, &to_b, &to_a, &ready_b), 0);
        cr_assert(ready_b);
        /* The recipient may send right behind its ack. */
        int sent = send_some(&dice, b, &to_a);
        cr_assert_eq(pump(&dice, a, &to_a, &to_b, &ready_a), sent);
        cr_assert(ready_a);
        for (int turn = 0; turn < 3; turn++) {
            sent = send_some(&dice, a, &to_b);
            cr_assert_eq(pump(&dice, b, &to_b, &to_a, &ready_b), sent);
        }
        rlpx_free(a);
        rlpx_free(b);
        buf_free(&to_a);
        buf_free(&to_b);
    }
    crypto_free(dice.crypto);
}

Test(p2p_prop, hello_reads_back_what_it_wrote)
{
    struct dice dice;
    dice_init(&dice);
    for (int round = 0; round < 2000; round++) {
        struct hello hello, back;
        struct buf bytes = {0};
        memset(&hello, 0, sizeof(hello));
        hello.version = fixture_random(&dice.state) >> fixture_random_below(&dice.state, 64);
        hello.caps_count = (size_t)fixture_random_below(&dice.state, PEER_CAPS_MAX + 1);
        for (size_t i = 0; i < hello.caps_count; i++) {
            size_t size = 1 + (size_t)fixture_random_below(&dice.state, 8);
            for (size_t j = 0; j < size; j++)
                hello.caps[i].name[j] = (char)('a' + fixture_random_below(&dice.state, 26));
            hello.caps[i].version = (unsigned)fixture_random_below(&dice.state, 1000);
        }
        for (size_t i = 0, size = (size_t)fixture_random_below(&dice.state, PEER_CLIENT_ID_MAX + 1);
             i < size; i++)
            hello.client_id[i] = (char)(0x20 + fixture_random_below(&dice.state, 95));
        hello.listen_port = (uint16_t)fixture_random(&dice.state);
        fixture_random_bytes(&dice.state, hello.key.bytes, 64);
        hello_encode(&bytes, &hello);
        cr_assert_eq(hello_decode(&back, buf_span(&bytes)), HELLO_OK);
        cr_assert_eq(memcmp(&hello, &back, sizeof(hello)), 0);
        buf_free(&bytes);
    }
    crypto_free(dice.crypto);
}

Test(p2p_prop, every_enode_and_record_reads_back)
{
    struct dice dice;
    dice_init(&dice);
    for (int round = 0; round < 300; round++) {
        struct enode enode, back;
        struct enr made, read;
        struct buf text = {0};
        struct seckey32 key;
        struct fork_id eth;
        char url[ENODE_TEXT_SIZE];
        draw_at(&dice, &enode.at);
        draw_key(&dice, &key);
        crypto_pubkey(dice.crypto, &enode.key, &key);
        enode.udp_port = (uint16_t)(fixture_random(&dice.state) | 1);
        enode_format(url, &enode);
        cr_assert_null(enode_parse(&back, url), "%s", url);
        cr_assert(enode_equal(&enode, &back), "%s", url);
        fixture_random_bytes(&dice.state, &eth, sizeof(eth));
        struct enr_content content = {.seq = fixture_random(&dice.state),
                                      .has_ip = true,
                                      .at = enode.at,
                                      .udp_port = enode.udp_port,
                                      .eth = fixture_random_below(&dice.state, 2) ? &eth : NULL,
                                      .les = fixture_random_below(&dice.state, 2)};
        enr_make(&made, dice.crypto, &key, &content);
        enr_format(&text, &made);
        cr_assert(enr_parse(&read, dice.crypto, buf_span(&text)));
        cr_assert_eq(memcmp(&made, &read, sizeof(made)), 0);
        cr_assert(enr_enode(&read, &back));
        cr_assert(enode_equal(&enode, &back), "%s", url);
        cr_assert_eq(read.has_eth, content.eth != NULL);
        buf_free(&text);
    }
    crypto_free(dice.crypto);
}

static void draw_packet(struct dice *dice, struct discv4_packet *packet)
{
    memset(packet, 0, sizeof(*packet));
    packet->type = (enum discv4_type)(1 + fixture_random_below(&dice->state, 6));
    switch (packet->type) {
    case DISCV4_PING:
        draw_at(dice, &packet->source);
        packet->source_tcp = (uint16_t)fixture_random(&dice->state);
        draw_at(dice, &packet->to);
        packet->has_enr_seq = fixture_random_below(&dice->state, 2);
        break;
    case DISCV4_PONG:
        draw_at(dice, &packet->to);
        fixture_random_bytes(&dice->state, packet->reply_to.bytes, 32);
        packet->has_enr_seq = fixture_random_below(&dice->state, 2);
        break;
    case DISCV4_FINDNODE:
        fixture_random_bytes(&dice->state, packet->target.bytes, 64);
        break;
    case DISCV4_NEIGHBORS:
        packet->nodes_count = (size_t)fixture_random_below(&dice->state, DISCV4_NEIGHBORS_MAX + 1);
        for (size_t i = 0; i < packet->nodes_count; i++) {
            draw_at(dice, &packet->nodes[i].at);
            fixture_random_bytes(&dice->state, packet->nodes[i].key.bytes, 64);
            packet->nodes[i].udp_port = (uint16_t)fixture_random(&dice->state);
        }
        break;
    case DISCV4_ENR_REQUEST:
        break;
    case DISCV4_ENR_RESPONSE:
        fixture_random_bytes(&dice->state, packet->reply_to.bytes, 32);
        packet->record = SPAN("\xc2\x01\x02", 3);
        break;
    }
    if (packet->type != DISCV4_ENR_RESPONSE)
        packet->expiry_s = (int64_t)(fixture_random(&dice->state) >> 2);
    if (packet->has_enr_seq)
        packet->enr_seq = fixture_random(&dice->state);
}

Test(p2p_prop, discovery_packets_read_back_and_no_changed_one_is_valid_under_their_key)
{
    struct dice dice;
    dice_init(&dice);
    for (int round = 0; round < 500; round++) {
        struct discv4_packet packet, back;
        struct seckey32 key;
        struct buf bytes = {0};
        draw_key(&dice, &key);
        draw_packet(&dice, &packet);
        discv4_packet_encode(&bytes, &packet, dice.crypto, &key);
        cr_assert_eq(discv4_packet_decode(&back, dice.crypto, buf_span(&bytes)), DISCV4_VALID);
        cr_assert(span_equal(packet.record, back.record));
        back.record = packet.record;
        cr_assert_eq(memcmp(&packet, &back, sizeof(packet)), 0, "type %d", (int)packet.type);
        bytes.data[fixture_random_below(&dice.state, bytes.size)] ^= 1;
        cr_assert_eq(discv4_packet_decode(&back, dice.crypto, buf_span(&bytes)), DISCV4_INVALID);
        buf_free(&bytes);
    }
    crypto_free(dice.crypto);
}
