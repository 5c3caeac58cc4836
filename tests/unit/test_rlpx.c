#include "les/base/limits.h"
#include "les/p2p/ecies.h"
#include "les/p2p/frames.h"
#include "les/p2p/rlpx.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>

TestSuite(rlpx, .fini = fixture_leak_gate);

/* Two machines that talk through buffers. */
struct pair {
    struct crypto *crypto;
    struct seckey32 key_a, key_b;
    struct rlpx *a, *b;
    struct buf to_a, to_b;
};

static void key_make(struct seckey32 *key, uint8_t byte)
{
    memset(key->bytes, byte, sizeof(key->bytes));
}

static struct rlpx_chance chance_make(uint8_t byte)
{
    struct rlpx_chance chance = {.padding = byte};
    key_make(&chance.ephemeral, byte);
    key_make(&chance.ecies, (uint8_t)(byte + 1));
    memset(chance.nonce.bytes, byte + 2, 32);
    memset(chance.iv16, byte + 3, 16);
    return chance;
}

static void pair_init(struct pair *pair)
{
    static const uint8_t seed32[32] = {1};
    struct rlpx_chance chance_a = chance_make(40), chance_b = chance_make(80);
    struct pubkey64 public_b;
    memset(pair, 0, sizeof(*pair));
    pair->crypto = crypto_new(seed32);
    key_make(&pair->key_a, 3);
    key_make(&pair->key_b, 4);
    crypto_pubkey(pair->crypto, &public_b, &pair->key_b);
    pair->a = rlpx_new_initiator(pair->crypto, &pair->key_a, &public_b, &chance_a, &pair->to_b);
    pair->b = rlpx_new_recipient(pair->crypto, &pair->key_b, &chance_b);
    cr_assert_not_null(pair->a);
}

static void pair_free(struct pair *pair)
{
    rlpx_free(pair->a);
    rlpx_free(pair->b);
    buf_free(&pair->to_a);
    buf_free(&pair->to_b);
    crypto_free(pair->crypto);
}

static enum rlpx_event next(struct rlpx *rlpx, struct buf *out)
{
    uint64_t code;
    struct span payload;
    return rlpx_next(rlpx, out, &code, &payload);
}

static void pair_shake(struct pair *pair)
{
    rlpx_feed(pair->b, buf_span(&pair->to_b));
    buf_clear(&pair->to_b);
    cr_assert_eq(next(pair->b, &pair->to_a), RLPX_READY);
    rlpx_feed(pair->a, buf_span(&pair->to_a));
    buf_clear(&pair->to_a);
    cr_assert_eq(next(pair->a, &pair->to_b), RLPX_READY);
    cr_assert_eq(pair->to_b.size, 0);
}

static void expect_frame(struct rlpx *rlpx, uint64_t code, struct span payload)
{
    struct buf out = {0};
    uint64_t got_code;
    struct span got;
    cr_assert_eq(rlpx_next(rlpx, &out, &got_code, &got), RLPX_FRAME, "%s", rlpx_fault_text(rlpx));
    cr_assert_eq(got_code, code);
    cr_assert(span_equal(got, payload));
    cr_assert_eq(out.size, 0);
}

Test(rlpx, both_sides_learn_who_the_other_is)
{
    struct pair pair;
    struct pubkey64 public_a, public_b;
    pair_init(&pair);
    pair_shake(&pair);
    crypto_pubkey(pair.crypto, &public_a, &pair.key_a);
    crypto_pubkey(pair.crypto, &public_b, &pair.key_b);
    cr_assert_eq(memcmp(rlpx_remote(pair.b)->bytes, public_a.bytes, 64), 0);
    cr_assert_eq(memcmp(rlpx_remote(pair.a)->bytes, public_b.bytes, 64), 0);
    pair_free(&pair);
}

Test(rlpx, frames_of_every_size_around_a_block_arrive_in_order)
{
    struct pair pair;
    uint8_t bytes[70];
    pair_init(&pair);
    pair_shake(&pair);
    memset(bytes, 0x5a, sizeof(bytes));
    for (size_t size = 0; size <= sizeof(bytes); size++) {
        rlpx_send(pair.a, &pair.to_b, size, SPAN(bytes, size));
        rlpx_send(pair.b, &pair.to_a, 1000 + size, SPAN(bytes, size));
    }
    rlpx_feed(pair.b, buf_span(&pair.to_b));
    rlpx_feed(pair.a, buf_span(&pair.to_a));
    for (size_t size = 0; size <= sizeof(bytes); size++) {
        expect_frame(pair.b, size, SPAN(bytes, size));
        expect_frame(pair.a, 1000 + size, SPAN(bytes, size));
    }
    cr_assert_eq(next(pair.b, &pair.to_a), RLPX_MORE);
    cr_assert_eq(rlpx_waiting(pair.b), 0);
    pair_free(&pair);
}

Test(rlpx, every_byte_may_come_alone)
{
    struct pair pair;
    uint8_t bytes[100] = {7};
    size_t frames = 0;
    enum rlpx_event event = RLPX_MORE;
    pair_init(&pair);
    for (size_t i = 0; i < pair.to_b.size; i++) {
        cr_assert_eq(event, RLPX_MORE);
        rlpx_feed(pair.b, SPAN(pair.to_b.data + i, 1));
        event = next(pair.b, &pair.to_a);
    }
    cr_assert_eq(event, RLPX_READY);
    buf_clear(&pair.to_b);
    for (size_t i = 0; i < pair.to_a.size; i++) {
        rlpx_feed(pair.a, SPAN(pair.to_a.data + i, 1));
        event = next(pair.a, &pair.to_b);
    }
    cr_assert_eq(event, RLPX_READY);
    rlpx_send(pair.a, &pair.to_b, 16, SPAN(bytes, sizeof(bytes)));
    rlpx_send(pair.a, &pair.to_b, 17, SPAN(bytes, 1));
    buf_clear(&pair.to_a);
    for (size_t i = 0; i < pair.to_b.size; i++) {
        uint64_t code;
        struct span payload;
        rlpx_feed(pair.b, SPAN(pair.to_b.data + i, 1));
        if (rlpx_next(pair.b, &pair.to_a, &code, &payload) == RLPX_FRAME) {
            cr_assert_eq(code, 16 + frames);
            cr_assert_eq(payload.size, frames == 0 ? sizeof(bytes) : 1);
            frames++;
        }
    }
    cr_assert_eq(frames, 2);
    pair_free(&pair);
}

Test(rlpx, a_frame_of_ten_mebibytes_arrives)
{
    struct pair pair;
    struct buf big = {0};
    pair_init(&pair);
    pair_shake(&pair);
    buf_reserve(&big, PEER_MESSAGE_MAX);
    memset(big.data, 0x33, PEER_MESSAGE_MAX);
    big.size = PEER_MESSAGE_MAX;
    rlpx_send(pair.a, &pair.to_b, 16, buf_span(&big));
    for (size_t at = 0; at < pair.to_b.size; at += 65536) {
        size_t left = pair.to_b.size - at;
        cr_assert_eq(next(pair.b, &pair.to_a), RLPX_MORE);
        rlpx_feed(pair.b, SPAN(pair.to_b.data + at, left < 65536 ? left : 65536));
    }
    expect_frame(pair.b, 16, buf_span(&big));
    buf_free(&big);
    pair_free(&pair);
}

Test(rlpx, a_changed_bit_anywhere_in_a_handshake_packet_is_a_fault)
{
    struct pair pair;
    pair_init(&pair);
    /* The size prefix, both ends of the point, iv, cipher and tag; each flip is a new recipient. */
    size_t last = pair.to_b.size - 1;
    size_t places[] = {0, 1, 2, 3, 34, 66, 67, 82, 83, 200, last - 32, last};
    for (size_t i = 0; i < ARRAY_COUNT(places); i++) {
        struct rlpx_chance chance = chance_make(90);
        struct rlpx *b = rlpx_new_recipient(pair.crypto, &pair.key_b, &chance);
        enum rlpx_event event;
        pair.to_b.data[places[i]] ^= 0x40;
        rlpx_feed(b, buf_span(&pair.to_b));
        event = next(b, &pair.to_a);
        /* A larger size only waits for more, until there is too much of it. */
        cr_assert(event == RLPX_FAULT || (places[i] < 2 && event == RLPX_MORE), "byte %zu",
                  places[i]);
        cr_assert_eq(pair.to_a.size, 0);
        pair.to_b.data[places[i]] ^= 0x40;
        rlpx_free(b);
    }
    pair_free(&pair);
}

Test(rlpx, a_changed_bit_anywhere_in_a_frame_is_a_fault_for_ever)
{
    struct buf whole = {0};
    uint8_t bytes[20] = {1, 2, 3};
    size_t size = frames_wire_size(1 + sizeof(bytes));
    for (size_t place = 0; place < size; place++) {
        struct pair pair;
        pair_init(&pair);
        pair_shake(&pair);
        rlpx_send(pair.a, &pair.to_b, 1, SPAN(bytes, sizeof(bytes)));
        cr_assert_eq(pair.to_b.size, size);
        pair.to_b.data[place] ^= 1;
        rlpx_feed(pair.b, buf_span(&pair.to_b));
        cr_assert_eq(next(pair.b, &whole), RLPX_FAULT, "byte %zu", place);
        buf_clear(&pair.to_b);
        rlpx_send(pair.a, &pair.to_b, 1, SPAN(bytes, sizeof(bytes)));
        rlpx_feed(pair.b, buf_span(&pair.to_b));
        cr_assert_eq(next(pair.b, &whole), RLPX_FAULT);
        pair_free(&pair);
    }
    buf_free(&whole);
}

Test(rlpx, sizes_beyond_the_limit_are_refused_before_the_bytes_come)
{
    struct pair pair;
    uint8_t bytes[100] = {0};
    pair_init(&pair);
    pair_shake(&pair);
    rlpx_limit(pair.b, 100);
    rlpx_send(pair.a, &pair.to_b, 1, SPAN(bytes, 99));
    rlpx_send(pair.a, &pair.to_b, 1, SPAN(bytes, 100));
    rlpx_feed(pair.b, SPAN(pair.to_b.data, frames_wire_size(100) + FRAME_HEADER_SIZE));
    expect_frame(pair.b, 1, SPAN(bytes, 99));
    cr_assert_eq(next(pair.b, &pair.to_a), RLPX_FAULT);
    pair_free(&pair);
}

Test(rlpx, a_handshake_size_out_of_bounds_is_refused_from_its_two_bytes)
{
    static const uint8_t sizes[][2] = {{0, 0}, {0, 112}, {0x07, 0xff}, {0x08, 0x00}, {0xff, 0xff}};
    struct pair pair;
    pair_init(&pair);
    for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        struct rlpx_chance chance = chance_make(90);
        struct rlpx *b = rlpx_new_recipient(pair.crypto, &pair.key_b, &chance);
        rlpx_feed(b, SPAN(sizes[i], 2));
        cr_assert_eq(next(b, &pair.to_a), RLPX_FAULT);
        rlpx_free(b);
    }
    pair_free(&pair);
}

Test(rlpx, a_packet_for_somebody_else_is_a_fault)
{
    struct pair pair;
    struct rlpx_chance chance = chance_make(90);
    struct seckey32 other;
    pair_init(&pair);
    key_make(&other, 9);
    struct rlpx *c = rlpx_new_recipient(pair.crypto, &other, &chance);
    rlpx_feed(c, buf_span(&pair.to_b));
    cr_assert_eq(next(c, &pair.to_a), RLPX_FAULT);
    rlpx_free(c);
    pair_free(&pair);
}

Test(rlpx, no_machine_for_a_key_off_the_curve)
{
    struct pair pair;
    struct rlpx_chance chance = chance_make(40);
    struct pubkey64 nothing = {{0}};
    struct buf out = {0};
    pair_init(&pair);
    cr_assert_null(rlpx_new_initiator(pair.crypto, &pair.key_a, &nothing, &chance, &out));
    cr_assert_eq(out.size, 0);
    pair_free(&pair);
}

Test(rlpx, ecies_opens_only_with_the_right_key_tag_and_auth_data)
{
    struct pair pair;
    struct pubkey64 public_b;
    struct seckey32 ephemeral;
    struct buf packet = {0}, plain = {0};
    static const uint8_t iv16[16] = {5};
    pair_init(&pair);
    key_make(&ephemeral, 6);
    crypto_pubkey(pair.crypto, &public_b, &pair.key_b);
    cr_assert(ecies_encrypt(&packet, pair.crypto, &public_b, SPAN_STR("hello"), SPAN_STR("ab"),
                            &ephemeral, iv16));
    cr_assert_eq(packet.size, 5 + ECIES_OVERHEAD);
    cr_assert(ecies_decrypt(&plain, pair.crypto, &pair.key_b, buf_span(&packet), SPAN_STR("ab")));
    cr_assert(span_equal(buf_span(&plain), SPAN_STR("hello")));
    cr_assert_not(
        ecies_decrypt(&plain, pair.crypto, &pair.key_b, buf_span(&packet), SPAN_STR("ac")));
    cr_assert_not(
        ecies_decrypt(&plain, pair.crypto, &pair.key_a, buf_span(&packet), SPAN_STR("ab")));
    for (size_t size = 0; size < packet.size; size++)
        cr_assert_not(ecies_decrypt(&plain, pair.crypto, &pair.key_b, SPAN(packet.data, size),
                                    SPAN_STR("ab")));
    cr_assert_eq(plain.size, 5);
    buf_free(&packet);
    buf_free(&plain);
    pair_free(&pair);
}
