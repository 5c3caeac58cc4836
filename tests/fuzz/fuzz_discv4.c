/* The first byte chooses: even, the rest is a datagram as it is; odd, the next byte is a packet
 * type and the rest its content, signed and hashed as it should be, so that what lies behind the
 * signature is reached. Both go to the decoder and to a machine. */
#include "les/eth/keccak.h"
#include "les/p2p/discv4.h"
#include "les/p2p/discv4_packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_send(void *owner, const struct endpoint *to, struct span datagram)
{
    (void)owner;
    (void)to;
    ASSERT(datagram.size <= UDP_DATAGRAM_MAX);
}

static void on_record(void *owner, const struct enr *enr)
{
    (void)owner;
    ASSERT(enr == NULL); /* nobody was asked for a record, so this never runs */
}

static void on_draw(void *owner, void *out, size_t size)
{
    (void)owner;
    memset(out, 5, size);
}

static const struct discv4_events EVENTS = {
    .send = on_send, .on_record = on_record, .draw = on_draw};

static void sign(struct buf *out, const struct crypto *crypto, struct span type_and_content)
{
    struct seckey32 key;
    struct hash32 digest, hash;
    struct sig65 sig;
    struct buf rest = {0};
    memset(key.bytes, 3, 32);
    keccak256(&digest, type_and_content);
    crypto_sign(crypto, &sig, &digest, &key);
    buf_add(&rest, sig.bytes, sizeof(sig.bytes));
    buf_add_span(&rest, type_and_content);
    keccak256(&hash, buf_span(&rest));
    buf_add(out, hash.bytes, 32);
    buf_add_span(out, buf_span(&rest));
    buf_free(&rest);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct crypto *crypto;
    static const uint8_t seed32[32] = {1};
    struct discv4_config config = {.tcp_port = 1, .enr_seq = 1};
    struct endpoint from = {.ip = {[10] = 0xff, [11] = 0xff, [12] = 9}, .port = 7};
    struct discv4_packet packet;
    struct discv4 *discv4;
    struct buf datagram = {0};
    if (size < 2)
        return 0;
    if (!crypto)
        crypto = crypto_new(seed32);
    if (data[0] % 2)
        sign(&datagram, crypto, SPAN(data + 1, size - 1));
    else
        buf_add(&datagram, data + 1, size - 1);
    if (discv4_packet_decode(&packet, crypto, buf_span(&datagram)) == DISCV4_VALID)
        ASSERT(packet.nodes_count <= DISCV4_BUCKET_NODES);
    memset(config.key.bytes, 4, 32);
    discv4 = discv4_new(crypto, &config, &EVENTS, NULL);
    discv4_receive(discv4, 1000, 1000, &from, buf_span(&datagram));
    discv4_tick(discv4, 2000, 1001);
    discv4_free(discv4);
    buf_free(&datagram);
    return 0;
}
