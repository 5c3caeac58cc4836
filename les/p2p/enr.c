#include "les/p2p/enr.h"

#include "les/eth/keccak.h"
#include "les/eth/rlp.h"
#include "les/p2p/basetext.h"

#define TEXT_PREFIX "enr:"

static int span_compare(struct span a, struct span b)
{
    int order = memcmp(a.data, b.data, a.size < b.size ? a.size : b.size);
    return order ? order : (a.size > b.size) - (a.size < b.size);
}

static bool bytes_take(struct span value, uint8_t *out, size_t size)
{
    struct rlp reader = rlp_reader(value);
    struct span bytes = rlp_bytes(&reader);
    if (!rlp_end(&reader) || bytes.size != size)
        return false;
    memcpy(out, bytes.data, size);
    return true;
}

static uint16_t port_take(struct span value)
{
    struct rlp reader = rlp_reader(value);
    uint64_t port = rlp_u64(&reader);
    return rlp_end(&reader) && port <= UINT16_MAX ? (uint16_t)port : 0;
}

/* [[hash, next], ...]: what follows the fork id is for later versions (EIP-2124 in EIP-778). */
static bool eth_take(struct span value, struct fork_id *out)
{
    struct rlp outer = rlp_reader(value), list = rlp_list(&outer), id = rlp_list(&list);
    rlp_fixed(&id, out->hash4, sizeof(out->hash4));
    out->next = rlp_u64(&id);
    if (rlp_end(&id) && !list.bad && !outer.bad)
        return true;
    memset(out, 0, sizeof(*out));
    return false;
}

static void les_take(struct span value, struct enr *out)
{
    struct rlp outer = rlp_reader(value), list = rlp_list(&outer);
    if (outer.bad)
        return;
    if (!rlp_more(&list)) {
        out->les = ENR_LES_EMPTY;
        return;
    }
    out->les_version = rlp_u64(&list);
    out->les = list.bad ? ENR_LES_EMPTY : ENR_LES_VERSION;
}

struct scheme {
    bool is_v4, has_key;
    uint8_t key33[33];
};

static bool is_key(struct span key, const char *name)
{
    return span_equal(key, SPAN_STR(name));
}

static void entry_take(struct enr *out, struct scheme *scheme, struct span key, struct span value)
{
    if (is_key(key, "id")) {
        struct rlp reader = rlp_reader(value);
        scheme->is_v4 = span_equal(rlp_bytes(&reader), SPAN_STR("v4")) && rlp_end(&reader);
    } else if (is_key(key, "secp256k1")) {
        scheme->has_key = bytes_take(value, scheme->key33, sizeof(scheme->key33));
    } else if (is_key(key, "ip")) {
        out->has_ip4 = bytes_take(value, out->ip4, sizeof(out->ip4));
    } else if (is_key(key, "ip6")) {
        out->has_ip6 = bytes_take(value, out->ip6, sizeof(out->ip6));
    } else if (is_key(key, "tcp")) {
        out->tcp = port_take(value);
    } else if (is_key(key, "udp")) {
        out->udp = port_take(value);
    } else if (is_key(key, "tcp6")) {
        out->tcp6 = port_take(value);
    } else if (is_key(key, "udp6")) {
        out->udp6 = port_take(value);
    } else if (is_key(key, "eth")) {
        out->has_eth = eth_take(value, &out->eth);
    } else if (is_key(key, "les")) {
        les_take(value, out);
    }
}

/* The signature covers [seq, k, v, ...]: the same items in a list of their own. */
static void content_digest(struct hash32 *out, struct span content)
{
    struct buf list = {0};
    rlp_add_list_header(&list, content.size);
    buf_add_span(&list, content);
    keccak256(out, buf_span(&list));
    buf_free(&list);
}

static bool record_take(struct enr *out, struct scheme *scheme, struct span *sig,
                        struct span *content, struct span rlp)
{
    struct rlp outer = rlp_reader(rlp), list = rlp_list(&outer);
    struct span previous = SPAN_EMPTY;
    *sig = rlp_bytes(&list);
    *content = SPAN(list.data, list.size);
    out->seq = rlp_u64(&list);
    for (bool first = true; rlp_more(&list); first = false) {
        struct span key = rlp_bytes(&list), value = rlp_raw(&list);
        if (list.bad || (!first && span_compare(previous, key) >= 0) || !rlp_valid(value))
            return false;
        entry_take(out, scheme, key, value);
        previous = key;
    }
    return rlp_end(&list) && rlp_end(&outer) && sig->size == 64;
}

bool enr_decode(struct enr *out, const struct crypto *crypto, struct span rlp)
{
    struct scheme scheme = {.is_v4 = false};
    struct span sig, content;
    struct hash32 digest;
    memset(out, 0, sizeof(*out));
    if (rlp.size <= ENR_SIZE_MAX && record_take(out, &scheme, &sig, &content, rlp) &&
        scheme.is_v4 && scheme.has_key && crypto_decompress(crypto, &out->key, scheme.key33)) {
        content_digest(&digest, content);
        if (crypto_verify(crypto, &digest, sig.data, &out->key)) {
            memcpy(out->rlp, rlp.data, rlp.size);
            out->size = rlp.size;
            if (out->tcp6 == 0)
                out->tcp6 = out->tcp;
            if (out->udp6 == 0)
                out->udp6 = out->udp;
            return true;
        }
    }
    memset(out, 0, sizeof(*out));
    return false;
}

bool enr_parse(struct enr *out, const struct crypto *crypto, struct span text)
{
    size_t skip = sizeof(TEXT_PREFIX) - 1;
    struct buf rlp = {0};
    bool good = false;
    memset(out, 0, sizeof(*out));
    if (text.size >= skip && text.size <= skip + ENR_SIZE_MAX * 4 / 3 &&
        memcmp(text.data, TEXT_PREFIX, skip) == 0 &&
        base64url_decode(&rlp, SPAN(text.data + skip, text.size - skip)))
        good = enr_decode(out, crypto, buf_span(&rlp));
    buf_free(&rlp);
    return good;
}

void enr_format(struct buf *out, const struct enr *enr)
{
    buf_add_str(out, TEXT_PREFIX);
    base64url_encode(out, SPAN(enr->rlp, enr->size));
}

bool enr_get(const struct enr *enr, const char *key, struct span *value)
{
    struct rlp outer = rlp_reader(SPAN(enr->rlp, enr->size)), list = rlp_list(&outer);
    (void)rlp_bytes(&list);
    (void)rlp_u64(&list);
    while (rlp_more(&list)) {
        struct span name = rlp_bytes(&list);
        *value = rlp_raw(&list);
        if (is_key(name, key))
            return true;
    }
    *value = SPAN_EMPTY;
    return false;
}

static void ip4_map(uint8_t out16[16], const uint8_t ip4[4])
{
    memset(out16, 0, 10);
    memset(out16 + 10, 0xff, 2);
    memcpy(out16 + 12, ip4, 4);
}

bool enr_enode(const struct enr *enr, struct enode *out)
{
    memset(out, 0, sizeof(*out));
    if (enr->has_ip4 && enr->tcp) {
        ip4_map(out->at.ip, enr->ip4);
        out->at.port = enr->tcp;
        out->udp_port = enr->udp;
    } else if (enr->has_ip6 && enr->tcp6) {
        memcpy(out->at.ip, enr->ip6, sizeof(out->at.ip));
        out->at.port = enr->tcp6;
        out->udp_port = enr->udp6;
    } else {
        return false;
    }
    out->key = enr->key;
    return true;
}

static void add_port(struct buf *out, const char *key, uint16_t port)
{
    if (port == 0)
        return;
    rlp_add_bytes(out, SPAN_STR(key));
    rlp_add_u64(out, port);
}

static void add_eth(struct buf *out, const struct fork_id *eth)
{
    rlp_add_bytes(out, SPAN_STR("eth"));
    size_t list = rlp_list_begin(out), id = rlp_list_begin(out);
    rlp_add_bytes(out, SPAN(eth->hash4, sizeof(eth->hash4)));
    rlp_add_u64(out, eth->next);
    rlp_list_end(out, id);
    rlp_list_end(out, list);
}

static void add_les(struct buf *out)
{
    rlp_add_bytes(out, SPAN_STR("les"));
    size_t list = rlp_list_begin(out);
    rlp_add_u64(out, 1);
    rlp_list_end(out, list);
}

void enr_make(struct enr *out, const struct crypto *crypto, const struct seckey32 *key,
              const struct enr_content *content)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    struct buf items = {0}, record = {0};
    struct pubkey64 public;
    struct hash32 digest;
    struct sig65 sig;
    uint8_t key33[33];
    bool is_ip4 = memcmp(content->at.ip, mapped, sizeof(mapped)) == 0;
    crypto_pubkey(crypto, &public, key);
    ASSERT(crypto_compress(crypto, key33, &public));
    rlp_add_u64(&items, content->seq);
    /* In the order of their keys. */
    if (content->eth)
        add_eth(&items, content->eth);
    rlp_add_bytes(&items, SPAN_STR("id"));
    rlp_add_bytes(&items, SPAN_STR("v4"));
    if (content->has_ip) {
        rlp_add_bytes(&items, SPAN_STR(is_ip4 ? "ip" : "ip6"));
        rlp_add_bytes(&items, is_ip4 ? SPAN(content->at.ip + 12, 4) : SPAN(content->at.ip, 16));
    }
    if (content->les)
        add_les(&items);
    rlp_add_bytes(&items, SPAN_STR("secp256k1"));
    rlp_add_bytes(&items, SPAN(key33, sizeof(key33)));
    if (content->has_ip)
        add_port(&items, is_ip4 ? "tcp" : "tcp6", content->at.port);
    else
        add_port(&items, "tcp", content->at.port);
    add_port(&items, content->has_ip && !is_ip4 ? "udp6" : "udp", content->udp_port);
    content_digest(&digest, buf_span(&items));
    crypto_sign(crypto, &sig, &digest, key);
    size_t mark = rlp_list_begin(&record);
    rlp_add_bytes(&record, SPAN(sig.bytes, 64));
    buf_add_span(&record, buf_span(&items));
    rlp_list_end(&record, mark);
    ASSERT(enr_decode(out, crypto, buf_span(&record)));
    buf_free(&items);
    buf_free(&record);
}
