#include "les/p2p/frames.h"

#include "les/base/limits.h"

struct frames {
    struct aes_ctr *out_stream, *in_stream;
    struct aes_block *mac_block;
    struct keccak out_mac, in_mac;
};

enum { MAC_SIZE = 16, HALF = 16 };

static void mac_start(struct keccak *mac, struct span seed32, struct span packet)
{
    keccak_init(mac);
    keccak_update(mac, seed32);
    keccak_update(mac, packet);
}

struct frames *frames_new(const struct frames_secrets *secrets)
{
    static const uint8_t zero_iv16[16];
    struct frames *frames = mem_alloc(sizeof(*frames));
    frames->out_stream = aes_ctr_new(SPAN(secrets->aes.bytes, 32), zero_iv16);
    frames->in_stream = aes_ctr_new(SPAN(secrets->aes.bytes, 32), zero_iv16);
    frames->mac_block = aes_block_new(secrets->mac.bytes);
    mac_start(&frames->out_mac, secrets->out_seed32, secrets->out_packet);
    mac_start(&frames->in_mac, secrets->in_seed32, secrets->in_packet);
    return frames;
}

void frames_free(struct frames *frames)
{
    if (!frames)
        return;
    aes_ctr_free(frames->out_stream);
    aes_ctr_free(frames->in_stream);
    aes_block_free(frames->mac_block);
    mem_wipe(frames, sizeof(*frames));
    mem_free(frames);
}

/* Mixes seed16, encrypted under the digest of the state so far, into the state; the MAC is the
 * digest after that. */
static void mac_mix(const struct frames *frames, struct keccak *mac, const struct hash32 *so_far,
                    const uint8_t seed16[16], uint8_t out16[16])
{
    struct hash32 digest;
    uint8_t mixed[16];
    aes_block_encrypt(frames->mac_block, mixed, so_far->bytes);
    for (size_t i = 0; i < 16; i++)
        mixed[i] ^= seed16[i];
    keccak_update(mac, SPAN(mixed, 16));
    keccak_digest(mac, &digest);
    memcpy(out16, digest.bytes, MAC_SIZE);
}

static void mac_header(const struct frames *frames, struct keccak *mac, const uint8_t header16[16],
                       uint8_t out16[16])
{
    struct hash32 so_far;
    keccak_digest(mac, &so_far);
    mac_mix(frames, mac, &so_far, header16, out16);
}

/* Here the digest itself is the seed. */
static void mac_data(const struct frames *frames, struct keccak *mac, struct span data,
                     uint8_t out16[16])
{
    struct hash32 so_far;
    keccak_update(mac, data);
    keccak_digest(mac, &so_far);
    mac_mix(frames, mac, &so_far, so_far.bytes, out16);
}

static size_t padded(size_t size)
{
    return (size + 15) / 16 * 16;
}

size_t frames_wire_size(size_t data_size)
{
    return FRAME_HEADER_SIZE + padded(data_size) + MAC_SIZE;
}

void frames_seal(struct frames *frames, struct buf *out, struct span first, struct span second)
{
    static const uint8_t header_data[3] = {0xc2, 0x80,
                                           0x80}; /* [capability-id, context-id], both unused */
    static const uint8_t zeros[16];
    size_t size = first.size + second.size, wire = padded(size);
    uint8_t header[HALF] = {0}, mac16[MAC_SIZE];
    uint8_t *data;
    ASSERT(size > 0 && size <= RLPX_FRAME_MAX);
    be_write(header, 3, size);
    memcpy(header + 3, header_data, sizeof(header_data));
    aes_ctr_xor(frames->out_stream, header, header, HALF);
    mac_header(frames, &frames->out_mac, header, mac16);
    buf_reserve(out, frames_wire_size(size));
    buf_add(out, header, HALF);
    buf_add(out, mac16, MAC_SIZE);
    buf_add_span(out, first);
    buf_add_span(out, second);
    buf_add(out, zeros, wire - size);
    data = out->data + out->size - wire;
    aes_ctr_xor(frames->out_stream, data, data, wire);
    mac_data(frames, &frames->out_mac, SPAN(data, wire), mac16);
    buf_add(out, mac16, MAC_SIZE);
}

bool frames_open_header(struct frames *frames, uint8_t header32[FRAME_HEADER_SIZE],
                        size_t *data_size, size_t *wire_size)
{
    uint8_t mac16[MAC_SIZE];
    *data_size = *wire_size = 0;
    mac_header(frames, &frames->in_mac, header32, mac16);
    if (!crypto_equal(mac16, header32 + HALF, MAC_SIZE))
        return false;
    aes_ctr_xor(frames->in_stream, header32, header32, HALF);
    *data_size = (size_t)be_read(header32, 3);
    *wire_size = padded(*data_size) + MAC_SIZE;
    return true;
}

bool frames_open_data(struct frames *frames, uint8_t *data, size_t wire_size)
{
    uint8_t mac16[MAC_SIZE];
    size_t size = wire_size - MAC_SIZE;
    mac_data(frames, &frames->in_mac, SPAN(data, size), mac16);
    if (!crypto_equal(mac16, data + size, MAC_SIZE))
        return false;
    aes_ctr_xor(frames->in_stream, data, data, size);
    return true;
}
