/* EIP-8's handshake vectors, and go-ethereum's frame vector as far as it does not replace the MAC
 * by a constant. */
#include "les/p2p/ecies.h"
#include "les/p2p/frames.h"
#include "les/p2p/rlpx.h"
#include "tests/fixture/eip8.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>

TestSuite(eip8, .fini = fixture_leak_gate);

struct side {
    struct crypto *crypto;
    struct seckey32 key_a, key_b;
    struct pubkey64 public_a, public_b;
    struct rlpx_chance chance_a, chance_b;
};

static void side_init(struct side *side)
{
    static const uint8_t seed32[32] = {1};
    memset(side, 0, sizeof(*side));
    side->crypto = crypto_new(seed32);
    fixture_hex_exact(side->key_a.bytes, 32, EIP8_KEY_A);
    fixture_hex_exact(side->key_b.bytes, 32, EIP8_KEY_B);
    crypto_pubkey(side->crypto, &side->public_a, &side->key_a);
    crypto_pubkey(side->crypto, &side->public_b, &side->key_b);
    fixture_hex_exact(side->chance_a.ephemeral.bytes, 32, EIP8_EPHEMERAL_A);
    fixture_hex_exact(side->chance_a.nonce.bytes, 32, EIP8_NONCE_A);
    fixture_hex_exact(side->chance_b.ephemeral.bytes, 32, EIP8_EPHEMERAL_B);
    fixture_hex_exact(side->chance_b.nonce.bytes, 32, EIP8_NONCE_B);
    memset(side->chance_a.ecies.bytes, 1, 32);
    memset(side->chance_b.ecies.bytes, 2, 32);
}

/* Feeds an auth packet of A to B and returns the machine; ack is what it answers. */
static struct rlpx *recipient_take(struct side *side, const char *auth, struct buf *ack)
{
    struct rlpx *rlpx = rlpx_new_recipient(side->crypto, &side->key_b, &side->chance_b);
    struct buf packet = fixture_hex(auth);
    uint64_t code;
    struct span payload;
    rlpx_feed(rlpx, buf_span(&packet));
    cr_assert_eq(rlpx_next(rlpx, ack, &code, &payload), RLPX_READY, "%s", rlpx_fault_text(rlpx));
    cr_assert_eq(memcmp(rlpx_remote(rlpx)->bytes, side->public_a.bytes, 64), 0);
    buf_free(&packet);
    return rlpx;
}

static void xor_hex(struct hash32 *out, const char *a, const char *b)
{
    struct hash32 other;
    fixture_hex_exact(out->bytes, 32, a);
    fixture_hex_exact(other.bytes, 32, b);
    for (size_t i = 0; i < 32; i++)
        out->bytes[i] ^= other.bytes[i];
}

/* A's end of the connection, built from the secrets that the EIP prints. */
static struct frames *frames_of_a(const char *auth, struct span ack)
{
    struct frames_secrets secrets;
    struct hash32 out_seed, in_seed;
    struct buf packet = fixture_hex(auth);
    struct frames *frames;
    fixture_hex_exact(secrets.aes.bytes, 32, EIP8_AES);
    fixture_hex_exact(secrets.mac.bytes, 32, EIP8_MAC);
    xor_hex(&out_seed, EIP8_MAC, EIP8_NONCE_B);
    xor_hex(&in_seed, EIP8_MAC, EIP8_NONCE_A);
    secrets.out_seed32 = SPAN(out_seed.bytes, 32);
    secrets.in_seed32 = SPAN(in_seed.bytes, 32);
    secrets.out_packet = buf_span(&packet);
    secrets.in_packet = ack;
    frames = frames_new(&secrets);
    buf_free(&packet);
    return frames;
}

static void expect_secrets(struct side *side, const char *auth, size_t ack_size)
{
    static const uint8_t code_and_payload[] = {0x07, 0xc1, 0x02};
    struct buf ack = {0}, wire = {0}, back = {0};
    struct rlpx *rlpx = recipient_take(side, auth, &ack);
    struct frames *a = frames_of_a(auth, buf_span(&ack));
    uint64_t code;
    struct span payload;
    size_t data_size, wire_size;
    if (ack_size)
        cr_assert_eq(ack.size, ack_size);
    else
        cr_assert_eq(be_read(ack.data, 2), ack.size - 2);
    frames_seal(a, &wire, SPAN(code_and_payload, 1), SPAN(code_and_payload + 1, 2));
    rlpx_feed(rlpx, buf_span(&wire));
    cr_assert_eq(rlpx_next(rlpx, &ack, &code, &payload), RLPX_FRAME, "%s", rlpx_fault_text(rlpx));
    cr_assert_eq(code, 7);
    fixture_expect_hex(payload, "c102");
    rlpx_send(rlpx, &back, 0, SPAN(code_and_payload + 1, 2));
    cr_assert(frames_open_header(a, back.data, &data_size, &wire_size));
    cr_assert_eq(data_size, 3);
    cr_assert(frames_open_data(a, back.data + FRAME_HEADER_SIZE, wire_size));
    fixture_expect_hex(SPAN(back.data + FRAME_HEADER_SIZE, 3), "80c102");
    frames_free(a);
    rlpx_free(rlpx);
    buf_free(&ack);
    buf_free(&wire);
    buf_free(&back);
}

Test(eip8, auth_of_version_4_gives_the_printed_secrets)
{
    struct side side;
    side_init(&side);
    expect_secrets(&side, EIP8_AUTH2, 0);
    crypto_free(side.crypto);
}

Test(eip8, auth_of_version_56_with_more_elements_gives_the_same_secrets)
{
    struct side side;
    side_init(&side);
    expect_secrets(&side, EIP8_AUTH3, 0);
    crypto_free(side.crypto);
}

Test(eip8, auth_of_the_plain_form_is_answered_in_the_plain_form)
{
    struct side side;
    side_init(&side);
    expect_secrets(&side, EIP8_AUTH1, 210);
    crypto_free(side.crypto);
}

Test(eip8, ingress_mac_of_the_printed_secrets)
{
    struct keccak keccak;
    struct hash32 seed, digest;
    struct buf auth = fixture_hex(EIP8_AUTH2);
    xor_hex(&seed, EIP8_MAC, EIP8_NONCE_B);
    keccak_init(&keccak);
    keccak_update(&keccak, SPAN(seed.bytes, 32));
    keccak_update(&keccak, buf_span(&auth));
    keccak_update(&keccak, SPAN_STR("foo"));
    keccak_digest(&keccak, &digest);
    fixture_expect_hex(SPAN(digest.bytes, 32), EIP8_INGRESS_FOO);
    buf_free(&auth);
}

Test(eip8, acks_of_both_versions_are_accepted_by_the_initiator)
{
    static const char *const acks[] = {EIP8_ACK2, EIP8_ACK3};
    struct side side;
    side_init(&side);
    for (size_t i = 0; i < ARRAY_COUNT(acks); i++) {
        struct buf auth = {0}, ack = fixture_hex(acks[i]);
        uint64_t code;
        struct span payload;
        struct rlpx *rlpx =
            rlpx_new_initiator(side.crypto, &side.key_a, &side.public_b, &side.chance_a, &auth);
        rlpx_feed(rlpx, buf_span(&ack));
        cr_assert_eq(rlpx_next(rlpx, &auth, &code, &payload), RLPX_READY, "%s",
                     rlpx_fault_text(rlpx));
        rlpx_free(rlpx);
        buf_free(&auth);
        buf_free(&ack);
    }
    crypto_free(side.crypto);
}

Test(eip8, ecies_opens_the_plain_ack)
{
    struct side side;
    struct pubkey64 ephemeral;
    struct buf ack = fixture_hex(EIP8_ACK1), body = {0};
    side_init(&side);
    crypto_pubkey(side.crypto, &ephemeral, &side.chance_b.ephemeral);
    cr_assert(ecies_decrypt(&body, side.crypto, &side.key_a, buf_span(&ack), SPAN_EMPTY));
    cr_assert_eq(body.size, 97);
    cr_assert_eq(memcmp(body.data, ephemeral.bytes, 64), 0);
    cr_assert_eq(memcmp(body.data + 64, side.chance_b.nonce.bytes, 32), 0);
    cr_assert_eq(body.data[96], 0);
    buf_free(&ack);
    buf_free(&body);
    crypto_free(side.crypto);
}

/* go-ethereum p2p/rlpx TestFrameReadWrite: both keys are keccak(""). Its MACs come from a stand-in
 * hash and are left out. */
Test(eip8, a_frame_is_encrypted_as_go_ethereum_does)
{
    struct frames_secrets secrets = {.out_seed32 = SPAN_EMPTY};
    struct buf wire = {0};
    static const uint8_t code = 8, payload[] = {0xc4, 1, 2, 3, 4};
    keccak256(&secrets.aes, SPAN_EMPTY);
    secrets.mac = secrets.aes;
    struct frames *frames = frames_new(&secrets);
    frames_seal(frames, &wire, SPAN(&code, 1), SPAN(payload, sizeof(payload)));
    cr_assert_eq(wire.size, 64);
    fixture_expect_hex(SPAN(wire.data, 16), "00828ddae471818bb0bfa6b551d1cb42");
    frames_free(frames);
    buf_free(&wire);
}
