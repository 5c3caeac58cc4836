#include "les/p2p/rlpx.h"

#include "les/base/limits.h"
#include "les/eth/rlp.h"
#include "les/p2p/ecies.h"
#include "les/p2p/frames.h"

enum {
    AUTH_VERSION = 4,
    SIG_SIZE = 65,
    KEY_SIZE = 64,
    /* The form before EIP-8: sig || keccak(ephemeral key) || key || nonce || 0, and ephemeral key
       || nonce || 0. */
    PLAIN_AUTH_BODY = SIG_SIZE + 32 + KEY_SIZE + 32 + 1,
    PLAIN_AUTH_SIZE = PLAIN_AUTH_BODY + ECIES_OVERHEAD,
    PADDING_MIN = 100
};
_Static_assert(PLAIN_AUTH_SIZE == 307, "as EIP-8 says");

enum rlpx_state { WANT_AUTH, WANT_ACK, WANT_HEADER, WANT_DATA, BROKEN };

struct rlpx {
    enum rlpx_state state;
    struct crypto *crypto;
    struct seckey32 key;
    struct pubkey64 remote;
    struct rlpx_chance chance;
    struct buf packet; /* initiator: the auth packet as sent, for the MACs */
    struct buf in;     /* bytes not taken yet, behind in_taken */
    size_t in_taken;
    struct frames *frames;
    size_t frame_max;
    size_t data_size, wire_size; /* of the frame whose header was read */
    const char *fault;
};

/* What both handshake packets carry, whatever their form. */
struct rlpx_auth {
    struct sig65 sig;
    struct pubkey64 key;
    struct hash32 nonce;
};
struct rlpx_ack {
    struct pubkey64 ephemeral;
    struct hash32 nonce;
};

static enum rlpx_event broken(struct rlpx *rlpx, const char *why)
{
    rlpx->state = BROKEN;
    rlpx->fault = why;
    return RLPX_FAULT;
}

static void xor32(struct hash32 *out, const struct hash32 *a, const struct hash32 *b)
{
    for (size_t i = 0; i < 32; i++)
        out->bytes[i] = a->bytes[i] ^ b->bytes[i];
}

static void keccak_pair(struct hash32 *out, const struct hash32 *a, const struct hash32 *b)
{
    struct keccak keccak;
    keccak_init(&keccak);
    keccak_update(&keccak, SPAN(a->bytes, 32));
    keccak_update(&keccak, SPAN(b->bytes, 32));
    keccak_digest(&keccak, out);
}

/* EIP-8: size || ECIES(body || padding), the size being authenticated. body is used up. */
static bool packet_seal(struct rlpx *rlpx, struct buf *out, struct buf *body)
{
    static const uint8_t zeros[PADDING_MIN * 2];
    uint8_t size2[2];
    buf_add(body, zeros, PADDING_MIN + rlpx->chance.padding % PADDING_MIN);
    be_write(size2, 2, body->size + ECIES_OVERHEAD);
    buf_add(out, size2, 2);
    bool good = ecies_encrypt(out, rlpx->crypto, &rlpx->remote, buf_span(body), SPAN(size2, 2),
                              &rlpx->chance.ecies, rlpx->chance.iv16);
    mem_wipe(body->data, body->size);
    buf_free(body);
    return good;
}

static struct rlpx *machine_new(struct crypto *crypto, const struct seckey32 *key,
                                const struct rlpx_chance *chance)
{
    struct rlpx *rlpx = mem_alloc(sizeof(*rlpx));
    rlpx->crypto = crypto;
    rlpx->key = *key;
    rlpx->chance = *chance;
    rlpx->frame_max = RLPX_FRAME_MAX;
    return rlpx;
}

struct rlpx *rlpx_new_recipient(struct crypto *crypto, const struct seckey32 *key,
                                const struct rlpx_chance *chance)
{
    struct rlpx *rlpx = machine_new(crypto, key, chance);
    rlpx->state = WANT_AUTH;
    return rlpx;
}

struct rlpx *rlpx_new_initiator(struct crypto *crypto, const struct seckey32 *key,
                                const struct pubkey64 *remote, const struct rlpx_chance *chance,
                                struct buf *out)
{
    struct rlpx *rlpx = machine_new(crypto, key, chance);
    struct hash32 shared, digest;
    struct pubkey64 own;
    struct sig65 sig;
    struct buf body = {0};
    rlpx->state = WANT_ACK;
    rlpx->remote = *remote;
    if (!crypto_ecdh(crypto, &shared, key, remote)) {
        rlpx_free(rlpx);
        return NULL;
    }
    xor32(&digest, &shared, &chance->nonce);
    crypto_sign(crypto, &sig, &digest, &chance->ephemeral);
    crypto_pubkey(crypto, &own, key);
    size_t mark = rlp_list_begin(&body);
    rlp_add_bytes(&body, SPAN(sig.bytes, SIG_SIZE));
    rlp_add_bytes(&body, SPAN(own.bytes, KEY_SIZE));
    rlp_add_hash(&body, &chance->nonce);
    rlp_add_u64(&body, AUTH_VERSION);
    rlp_list_end(&body, mark);
    ASSERT(packet_seal(rlpx, &rlpx->packet, &body));
    buf_add_span(out, buf_span(&rlpx->packet));
    mem_wipe(&shared, sizeof(shared));
    return rlpx;
}

static void handshake_wipe(struct rlpx *rlpx)
{
    mem_wipe(&rlpx->chance, sizeof(rlpx->chance));
    mem_wipe(&rlpx->key, sizeof(rlpx->key));
    buf_free(&rlpx->packet);
}

void rlpx_free(struct rlpx *rlpx)
{
    if (!rlpx)
        return;
    handshake_wipe(rlpx);
    frames_free(rlpx->frames);
    buf_free(&rlpx->in);
    mem_free(rlpx);
}

/* devp2p rlpx.md: the secrets out of both ephemeral keys and both nonces. False: remote_ephemeral
 * is no key. */
static bool secrets_agree(struct rlpx *rlpx, bool initiator,
                          const struct pubkey64 *remote_ephemeral,
                          const struct hash32 *remote_nonce, struct span auth, struct span ack)
{
    const struct hash32 *own_nonce = &rlpx->chance.nonce;
    struct frames_secrets secrets;
    struct hash32 ephemeral, nonces, shared, out_seed, in_seed;
    if (!crypto_ecdh(rlpx->crypto, &ephemeral, &rlpx->chance.ephemeral, remote_ephemeral))
        return false;
    if (initiator)
        keccak_pair(&nonces, remote_nonce, own_nonce);
    else
        keccak_pair(&nonces, own_nonce, remote_nonce);
    keccak_pair(&shared, &ephemeral, &nonces);
    keccak_pair(&secrets.aes, &ephemeral, &shared);
    keccak_pair(&secrets.mac, &ephemeral, &secrets.aes);
    xor32(&out_seed, &secrets.mac, remote_nonce);
    xor32(&in_seed, &secrets.mac, own_nonce);
    secrets.out_seed32 = SPAN(out_seed.bytes, 32);
    secrets.in_seed32 = SPAN(in_seed.bytes, 32);
    secrets.out_packet = initiator ? auth : ack;
    secrets.in_packet = initiator ? ack : auth;
    rlpx->frames = frames_new(&secrets);
    mem_wipe(&secrets, sizeof(secrets));
    mem_wipe(&ephemeral, sizeof(ephemeral));
    mem_wipe(&shared, sizeof(shared));
    mem_wipe(&out_seed, sizeof(out_seed));
    mem_wipe(&in_seed, sizeof(in_seed));
    return true;
}

/* EIP-8: "ignore mismatches of auth-vsn and ack-vsn, any additional list elements and any trailing
 * data after the list". */
static bool auth_decode(struct rlpx_auth *auth, struct span body)
{
    struct rlp outer = rlp_reader(body), list = rlp_list(&outer);
    rlp_fixed(&list, auth->sig.bytes, SIG_SIZE);
    rlp_fixed(&list, auth->key.bytes, KEY_SIZE);
    rlp_fixed(&list, auth->nonce.bytes, 32);
    (void)rlp_u64(&list);
    return !list.bad && !outer.bad;
}

static void auth_decode_plain(struct rlpx_auth *auth, const uint8_t *body)
{
    memcpy(auth->sig.bytes, body, SIG_SIZE);
    memcpy(auth->key.bytes, body + SIG_SIZE + 32, KEY_SIZE);
    memcpy(auth->nonce.bytes, body + SIG_SIZE + 32 + KEY_SIZE, 32);
}

static bool ack_decode(struct rlpx_ack *ack, struct span body)
{
    struct rlp outer = rlp_reader(body), list = rlp_list(&outer);
    rlp_fixed(&list, ack->ephemeral.bytes, KEY_SIZE);
    rlp_fixed(&list, ack->nonce.bytes, 32);
    (void)rlp_u64(&list);
    return !list.bad && !outer.bad;
}

static bool ack_seal(struct rlpx *rlpx, struct buf *out, bool plain)
{
    struct pubkey64 ephemeral;
    struct buf body = {0};
    bool good;
    crypto_pubkey(rlpx->crypto, &ephemeral, &rlpx->chance.ephemeral);
    if (plain) {
        buf_add(&body, ephemeral.bytes, KEY_SIZE);
        buf_add(&body, rlpx->chance.nonce.bytes, 32);
        buf_add_u8(&body, 0); /* no session token */
        good = ecies_encrypt(out, rlpx->crypto, &rlpx->remote, buf_span(&body), SPAN_EMPTY,
                             &rlpx->chance.ecies, rlpx->chance.iv16);
        buf_free(&body);
        return good;
    }
    size_t mark = rlp_list_begin(&body);
    rlp_add_bytes(&body, SPAN(ephemeral.bytes, KEY_SIZE));
    rlp_add_hash(&body, &rlpx->chance.nonce);
    rlp_add_u64(&body, AUTH_VERSION);
    rlp_list_end(&body, mark);
    return packet_seal(rlpx, out, &body);
}

static enum rlpx_event auth_accept(struct rlpx *rlpx, const struct rlpx_auth *auth,
                                   struct span packet, bool plain, struct buf *out)
{
    struct hash32 shared, digest;
    struct pubkey64 remote_ephemeral;
    struct buf ack = {0};
    bool good;
    rlpx->remote = auth->key;
    if (!crypto_ecdh(rlpx->crypto, &shared, &rlpx->key, &auth->key))
        return broken(rlpx, "the auth packet names an impossible key");
    xor32(&digest, &shared, &auth->nonce);
    mem_wipe(&shared, sizeof(shared));
    if (!crypto_recover(rlpx->crypto, &remote_ephemeral, &digest, &auth->sig))
        return broken(rlpx, "the auth packet's signature is not one");
    good = ack_seal(rlpx, &ack, plain) &&
           secrets_agree(rlpx, false, &remote_ephemeral, &auth->nonce, packet, buf_span(&ack));
    if (good)
        buf_add_span(out, buf_span(&ack));
    buf_free(&ack);
    if (!good)
        return broken(rlpx, "no secrets could be agreed on");
    rlpx->in_taken += packet.size;
    rlpx->state = WANT_HEADER;
    handshake_wipe(rlpx);
    return RLPX_READY;
}

/* The EIP-8 packet at the front of in. Returns RLPX_READY when packet is whole and body decrypted.
 */
static enum rlpx_event packet_open(struct rlpx *rlpx, struct span in, struct span *packet,
                                   struct buf *body)
{
    if (in.size < 2)
        return RLPX_MORE;
    size_t size = (size_t)be_read(in.data, 2);
    if (size < ECIES_OVERHEAD || size + 2 > RLPX_HANDSHAKE_MAX)
        return broken(rlpx, "the handshake packet has an impossible size");
    if (in.size < size + 2)
        return RLPX_MORE;
    *packet = SPAN(in.data, size + 2);
    if (!ecies_decrypt(body, rlpx->crypto, &rlpx->key, SPAN(in.data + 2, size), SPAN(in.data, 2)))
        return broken(rlpx, "the handshake packet is not meant for our key");
    return RLPX_READY;
}

static enum rlpx_event auth_take(struct rlpx *rlpx, struct span in, struct buf *out)
{
    struct rlpx_auth auth;
    struct buf body = {0};
    struct span packet;
    enum rlpx_event event;
    bool decoded;
    if (in.size == 0)
        return RLPX_MORE;
    /* A plain packet begins with the point's 0x04, which an EIP-8 size of 1024 to 1279 does as
     * well. */
    if (in.data[0] == 0x04) {
        if (in.size < PLAIN_AUTH_SIZE)
            return RLPX_MORE;
        packet = SPAN(in.data, PLAIN_AUTH_SIZE);
        if (ecies_decrypt(&body, rlpx->crypto, &rlpx->key, packet, SPAN_EMPTY)) {
            auth_decode_plain(&auth, body.data);
            buf_free(&body);
            return auth_accept(rlpx, &auth, packet, true, out);
        }
    }
    event = packet_open(rlpx, in, &packet, &body);
    if (event != RLPX_READY)
        return event;
    decoded = auth_decode(&auth, buf_span(&body));
    buf_free(&body);
    if (!decoded)
        return broken(rlpx, "the auth packet is malformed");
    return auth_accept(rlpx, &auth, packet, false, out);
}

static enum rlpx_event ack_take(struct rlpx *rlpx, struct span in)
{
    struct rlpx_ack ack;
    struct buf body = {0};
    struct span packet;
    enum rlpx_event event = packet_open(rlpx, in, &packet, &body);
    bool decoded;
    if (event != RLPX_READY)
        return event;
    decoded = ack_decode(&ack, buf_span(&body));
    buf_free(&body);
    if (!decoded)
        return broken(rlpx, "the ack packet is malformed");
    if (!secrets_agree(rlpx, true, &ack.ephemeral, &ack.nonce, buf_span(&rlpx->packet), packet))
        return broken(rlpx, "the ack packet names an impossible key");
    rlpx->in_taken += packet.size;
    rlpx->state = WANT_HEADER;
    handshake_wipe(rlpx);
    return RLPX_READY;
}

static enum rlpx_event data_take(struct rlpx *rlpx, uint8_t *in, size_t size, uint64_t *code,
                                 struct span *payload)
{
    struct rlp reader;
    if (size < rlpx->wire_size)
        return RLPX_MORE;
    if (!frames_open_data(rlpx->frames, in, rlpx->wire_size))
        return broken(rlpx, "a frame's MAC is wrong");
    rlpx->in_taken += rlpx->wire_size;
    rlpx->state = WANT_HEADER;
    reader = rlp_reader(SPAN(in, rlpx->data_size));
    *code = rlp_u64(&reader);
    if (reader.bad)
        return broken(rlpx, "a frame has no message code");
    *payload = SPAN(reader.data, reader.size);
    return RLPX_FRAME;
}

static enum rlpx_event frame_take(struct rlpx *rlpx, uint64_t *code, struct span *payload)
{
    uint8_t *in = rlpx->in.data + rlpx->in_taken;
    size_t size = rlpx->in.size - rlpx->in_taken;
    if (rlpx->state == WANT_HEADER) {
        if (size < FRAME_HEADER_SIZE)
            return RLPX_MORE;
        if (!frames_open_header(rlpx->frames, in, &rlpx->data_size, &rlpx->wire_size))
            return broken(rlpx, "a frame header's MAC is wrong");
        if (rlpx->data_size == 0 || rlpx->data_size > rlpx->frame_max)
            return broken(rlpx, "a frame is empty or too large");
        rlpx->in_taken += FRAME_HEADER_SIZE;
        rlpx->state = WANT_DATA;
        in += FRAME_HEADER_SIZE;
        size -= FRAME_HEADER_SIZE;
    }
    return data_take(rlpx, in, size, code, payload);
}

void rlpx_feed(struct rlpx *rlpx, struct span bytes)
{
    if (rlpx->in_taken == rlpx->in.size) {
        buf_clear(&rlpx->in);
    } else if (rlpx->in_taken > 0) {
        buf_drop_front(&rlpx->in, rlpx->in_taken);
    }
    rlpx->in_taken = 0;
    buf_add_span(&rlpx->in, bytes);
}

enum rlpx_event rlpx_next(struct rlpx *rlpx, struct buf *out, uint64_t *code, struct span *payload)
{
    struct span in = SPAN_EMPTY;
    *code = 0;
    *payload = SPAN_EMPTY;
    if (rlpx->in.size > rlpx->in_taken)
        in = SPAN(rlpx->in.data + rlpx->in_taken, rlpx->in.size - rlpx->in_taken);
    switch (rlpx->state) {
    case WANT_AUTH:
        return auth_take(rlpx, in, out);
    case WANT_ACK:
        return ack_take(rlpx, in);
    case WANT_HEADER:
    case WANT_DATA:
        if (in.size > 0)
            return frame_take(rlpx, code, payload);
        if (rlpx->in.capacity > RLPX_KEPT_BYTES) {
            buf_free(&rlpx->in);
            rlpx->in_taken = 0;
        }
        return RLPX_MORE;
    case BROKEN:
        break;
    }
    return RLPX_FAULT;
}

const char *rlpx_fault_text(const struct rlpx *rlpx)
{
    return rlpx->fault ? rlpx->fault : "no fault";
}

const struct pubkey64 *rlpx_remote(const struct rlpx *rlpx)
{
    return &rlpx->remote;
}

void rlpx_limit(struct rlpx *rlpx, size_t frame_max)
{
    ASSERT(frame_max <= RLPX_FRAME_MAX);
    rlpx->frame_max = frame_max;
}

size_t rlpx_waiting(const struct rlpx *rlpx)
{
    return rlpx->in.size - rlpx->in_taken;
}

size_t rlpx_held(const struct rlpx *rlpx)
{
    return rlpx->in.capacity;
}

void rlpx_send(struct rlpx *rlpx, struct buf *out, uint64_t code, struct span payload)
{
    struct buf head = {0};
    ASSERT(rlpx->frames);
    rlp_add_u64(&head, code);
    frames_seal(rlpx->frames, out, buf_span(&head), payload);
    buf_free(&head);
}
