/* The first byte chooses how the rest reaches a machine that waits for a handshake packet:
 * 0 as it is, to a recipient; 1 as it is, to an initiator; 2 and 3 properly encrypted as the
 * packet's body, so that what lies behind the tag is reached; 4 encrypted in the form before EIP-8;
 * 5 over a good packet, by exclusive or. */
#include "les/base/limits.h"
#include "les/p2p/ecies.h"
#include "les/p2p/rlpx.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct table {
    struct crypto *crypto;
    struct seckey32 key_a, key_b;
    struct pubkey64 public_a, public_b;
    struct rlpx_chance chance;
};

static const struct table *table_get(void)
{
    static struct table table;
    static const uint8_t seed32[32] = {1};
    if (table.crypto)
        return &table;
    table.crypto = crypto_new(seed32);
    memset(table.key_a.bytes, 1, 32);
    memset(table.key_b.bytes, 2, 32);
    crypto_pubkey(table.crypto, &table.public_a, &table.key_a);
    crypto_pubkey(table.crypto, &table.public_b, &table.key_b);
    memset(&table.chance, 3, sizeof(table.chance));
    return &table;
}

static void seal(struct buf *out, const struct table *table, const struct pubkey64 *to,
                 struct span body, bool plain)
{
    uint8_t size2[2];
    be_write(size2, 2, body.size + ECIES_OVERHEAD);
    if (!plain)
        buf_add(out, size2, 2);
    ASSERT(ecies_encrypt(out, table->crypto, to, body, plain ? SPAN_EMPTY : SPAN(size2, 2),
                         &table->chance.ecies, table->chance.iv16));
}

/* Whatever came, the machine ends in one of its states and stays there. */
static void feed(struct rlpx *rlpx, struct span bytes)
{
    struct buf out = {0};
    uint64_t code;
    struct span payload;
    enum rlpx_event first, second;
    rlpx_feed(rlpx, bytes);
    first = rlpx_next(rlpx, &out, &code, &payload);
    ASSERT(first != RLPX_FRAME);
    second = rlpx_next(rlpx, &out, &code, &payload);
    ASSERT(first != RLPX_FAULT || second == RLPX_FAULT);
    ASSERT(first != RLPX_MORE || second == RLPX_MORE);
    rlpx_free(rlpx);
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct table *table = table_get();
    struct buf packet = {0}, auth = {0};
    struct span rest = SPAN(data + 1, size - 1);
    struct rlpx *a, *b;
    if (size == 0 || size > 2 * RLPX_HANDSHAKE_MAX)
        return 0;
    a = rlpx_new_initiator(table->crypto, &table->key_a, &table->public_b, &table->chance, &auth);
    b = rlpx_new_recipient(table->crypto, &table->key_b, &table->chance);
    switch (data[0] % 6) {
    case 2:
        seal(&packet, table, &table->public_b, rest, false);
        break;
    case 3:
        seal(&packet, table, &table->public_a, rest, false);
        break;
    case 4:
        seal(&packet, table, &table->public_b, rest, true);
        break;
    case 5:
        buf_add_span(&packet, buf_span(&auth));
        for (size_t i = 0; i < packet.size && i < rest.size; i++)
            packet.data[i] ^= rest.data[i];
        break;
    default:
        buf_add_span(&packet, rest);
    }
    feed(a, buf_span(&packet));
    feed(b, buf_span(&packet));
    buf_free(&packet);
    buf_free(&auth);
    return 0;
}
