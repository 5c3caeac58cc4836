#include "les/p2p/ecies.h"

enum { POINT_SIZE = 65, IV_SIZE = 16, TAG_SIZE = 32, CIPHER_AT = POINT_SIZE + IV_SIZE };
_Static_assert(CIPHER_AT + TAG_SIZE == ECIES_OVERHEAD, "point, iv, tag");

struct ecies_keys {
    uint8_t encryption16[16];
    struct hash32 mac;
};

/* NIST SP 800-56 concatenation KDF: one block of SHA-256 gives both keys. */
static bool keys_derive(struct ecies_keys *keys, const struct crypto *crypto,
                        const struct seckey32 *secret, const struct pubkey64 *key)
{
    uint8_t input[36] = {0, 0, 0, 1};
    struct hash32 shared, derived;
    if (!crypto_ecdh(crypto, &shared, secret, key))
        return false;
    memcpy(input + 4, shared.bytes, 32);
    sha256(&derived, SPAN(input, sizeof(input)));
    memcpy(keys->encryption16, derived.bytes, 16);
    sha256(&keys->mac, SPAN(derived.bytes + 16, 16));
    mem_wipe(input, sizeof(input));
    mem_wipe(&shared, sizeof(shared));
    mem_wipe(&derived, sizeof(derived));
    return true;
}

static void tag_compute(struct hash32 *tag, const struct ecies_keys *keys,
                        struct span iv_and_cipher, struct span auth_data)
{
    struct span parts[2] = {iv_and_cipher, auth_data};
    hmac_sha256(tag, SPAN(keys->mac.bytes, 32), parts, auth_data.size ? 2 : 1);
}

static void stream_xor(const struct ecies_keys *keys, const uint8_t iv16[16], uint8_t *out,
                       const uint8_t *in, size_t size)
{
    struct aes_ctr *aes = aes_ctr_new(SPAN(keys->encryption16, 16), iv16);
    aes_ctr_xor(aes, out, in, size);
    aes_ctr_free(aes);
}

bool ecies_encrypt(struct buf *out, const struct crypto *crypto, const struct pubkey64 *to,
                   struct span plain, struct span auth_data, const struct seckey32 *ephemeral,
                   const uint8_t iv16[16])
{
    struct ecies_keys keys;
    struct pubkey64 point;
    struct hash32 tag;
    size_t start = out->size;
    if (!keys_derive(&keys, crypto, ephemeral, to))
        return false;
    crypto_pubkey(crypto, &point, ephemeral);
    buf_reserve(out, plain.size + ECIES_OVERHEAD);
    buf_add_u8(out, 0x04);
    buf_add(out, point.bytes, sizeof(point.bytes));
    buf_add(out, iv16, IV_SIZE);
    buf_add_span(out, plain);
    stream_xor(&keys, iv16, out->data + start + CIPHER_AT, out->data + start + CIPHER_AT,
               plain.size);
    tag_compute(&tag, &keys, SPAN(out->data + start + POINT_SIZE, IV_SIZE + plain.size), auth_data);
    buf_add(out, tag.bytes, TAG_SIZE);
    mem_wipe(&keys, sizeof(keys));
    return true;
}

bool ecies_decrypt(struct buf *out, const struct crypto *crypto, const struct seckey32 *key,
                   struct span packet, struct span auth_data)
{
    struct ecies_keys keys;
    struct pubkey64 point;
    struct hash32 tag;
    size_t size = packet.size - ECIES_OVERHEAD;
    bool good;
    if (packet.size < ECIES_OVERHEAD || packet.data[0] != 0x04)
        return false;
    memcpy(point.bytes, packet.data + 1, sizeof(point.bytes));
    if (!keys_derive(&keys, crypto, key, &point))
        return false;
    tag_compute(&tag, &keys, SPAN(packet.data + POINT_SIZE, IV_SIZE + size), auth_data);
    good = crypto_equal(tag.bytes, packet.data + CIPHER_AT + size, TAG_SIZE);
    if (good && size > 0) {
        size_t start = out->size;
        buf_add(out, packet.data + CIPHER_AT, size);
        stream_xor(&keys, packet.data + POINT_SIZE, out->data + start, out->data + start, size);
    }
    mem_wipe(&keys, sizeof(keys));
    return good;
}
