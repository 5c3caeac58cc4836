/* A script for two machines after their handshake. Each step is 4 bytes: what, code, size, place.
 * what 0: a frame arrives as it was sent; 1: it comes in two parts; 2: a bit of it flips on the
 * way, which must be noticed for ever. */
#include "les/p2p/rlpx.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct pair {
    struct crypto *crypto;
    struct rlpx *a, *b;
};

static enum rlpx_event next(struct rlpx *rlpx, struct buf *out)
{
    uint64_t code;
    struct span payload;
    return rlpx_next(rlpx, out, &code, &payload);
}

static void pair_init(struct pair *pair)
{
    static const uint8_t seed32[32] = {1};
    struct seckey32 key_a, key_b;
    struct pubkey64 public_b;
    struct rlpx_chance chance;
    struct buf auth = {0}, ack = {0};
    pair->crypto = crypto_new(seed32);
    memset(key_a.bytes, 1, 32);
    memset(key_b.bytes, 2, 32);
    crypto_pubkey(pair->crypto, &public_b, &key_b);
    memset(&chance, 3, sizeof(chance));
    pair->a = rlpx_new_initiator(pair->crypto, &key_a, &public_b, &chance, &auth);
    memset(&chance, 4, sizeof(chance));
    pair->b = rlpx_new_recipient(pair->crypto, &key_b, &chance);
    rlpx_feed(pair->b, buf_span(&auth));
    ASSERT(next(pair->b, &ack) == RLPX_READY);
    rlpx_feed(pair->a, buf_span(&ack));
    ASSERT(next(pair->a, &auth) == RLPX_READY);
    buf_free(&auth);
    buf_free(&ack);
}

/* False: the frame was changed and the machine is done. */
static bool step(struct pair *pair, const uint8_t step4[4])
{
    uint8_t bytes[256 * 5];
    struct span sent = SPAN(bytes, (size_t)step4[2] * 5), payload;
    struct buf wire = {0};
    uint64_t code;
    enum rlpx_event event;
    bool changed = step4[0] % 3 == 2;
    memset(bytes, step4[3], sizeof(bytes));
    rlpx_send(pair->a, &wire, step4[1], sent);
    size_t place = (size_t)step4[3] * wire.size / 256;
    if (changed)
        wire.data[place] ^= (uint8_t)(1u << step4[1] % 8);
    if (step4[0] % 3 == 1) {
        rlpx_feed(pair->b, SPAN(wire.data, place));
        ASSERT(rlpx_next(pair->b, &wire, &code, &payload) == RLPX_MORE);
        rlpx_feed(pair->b, SPAN(wire.data + place, wire.size - place));
    } else {
        rlpx_feed(pair->b, buf_span(&wire));
    }
    event = rlpx_next(pair->b, &wire, &code, &payload);
    ASSERT(event == (changed ? RLPX_FAULT : RLPX_FRAME));
    ASSERT(changed || (code == step4[1] && span_equal(payload, sent)));
    ASSERT(rlpx_next(pair->b, &wire, &code, &payload) == (changed ? RLPX_FAULT : RLPX_MORE));
    buf_free(&wire);
    return !changed;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pair pair;
    pair_init(&pair);
    for (size_t at = 0; at + 4 <= size && at < 64 && step(&pair, data + at); at += 4)
        ;
    rlpx_free(pair.a);
    rlpx_free(pair.b);
    crypto_free(pair.crypto);
    return 0;
}
