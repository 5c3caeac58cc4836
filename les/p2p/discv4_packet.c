#include "les/p2p/discv4_packet.h"

#include "les/eth/keccak.h"
#include "les/eth/rlp.h"

enum {
    HASH_SIZE = 32,
    SIG_SIZE = 65,
    TYPE_AT = HASH_SIZE + SIG_SIZE,
    HEAD_SIZE = TYPE_AT + 1,
    VERSION = 4
};

static const uint8_t IP4_MAPPED[12] = {[10] = 0xff, [11] = 0xff};

/* ---- reading ---- */

static bool ip_take(uint8_t out16[16], struct span bytes)
{
    if (bytes.size == 4) {
        memcpy(out16, IP4_MAPPED, sizeof(IP4_MAPPED));
        memcpy(out16 + 12, bytes.data, 4);
        return true;
    }
    memset(out16, 0, 16);
    if (bytes.size != 16)
        return false;
    memcpy(out16, bytes.data, 16);
    return true;
}

static uint16_t port_take(struct rlp *list)
{
    uint64_t port = rlp_u64(list);
    if (port > UINT16_MAX)
        rlp_fail(list);
    return (uint16_t)port;
}

static bool address_take(struct rlp *list, struct endpoint *udp, uint16_t *tcp)
{
    bool good = ip_take(udp->ip, rlp_bytes(list));
    udp->port = port_take(list);
    *tcp = port_take(list);
    return good;
}

static void endpoint_take(struct rlp *list, struct endpoint *udp, uint16_t *tcp)
{
    struct rlp inside = rlp_list(list);
    address_take(&inside, udp, tcp);
    if (inside.bad)
        rlp_fail(list);
}

static void expiry_take(struct rlp *list, struct discv4_packet *out)
{
    uint64_t expiry = rlp_u64(list);
    out->expiry_s = expiry <= INT64_MAX ? (int64_t)expiry : 0;
}

/* EIP-868: optional, and not an integer in some senders' private use of the place. */
static void enr_seq_take(struct rlp *list, struct discv4_packet *out)
{
    struct rlp probe = *list;
    if (!rlp_more(&probe) || rlp_peek(&probe) != RLP_STRING)
        return;
    out->enr_seq = rlp_u64(&probe);
    out->has_enr_seq = !probe.bad;
    if (probe.bad)
        out->enr_seq = 0;
}

static void nodes_take(struct rlp *list, struct discv4_packet *out)
{
    struct rlp nodes = rlp_list(list);
    while (rlp_more(&nodes)) {
        struct rlp inside = rlp_list(&nodes);
        struct enode node;
        struct endpoint udp;
        bool good = address_take(&inside, &udp, &node.at.port);
        rlp_fixed(&inside, node.key.bytes, sizeof(node.key.bytes));
        if (inside.bad)
            rlp_fail(&nodes);
        else if (good && out->nodes_count < DISCV4_BUCKET_NODES) {
            memcpy(node.at.ip, udp.ip, sizeof(udp.ip));
            node.udp_port = udp.port;
            out->nodes[out->nodes_count++] = node;
        }
    }
    if (nodes.bad)
        rlp_fail(list);
}

static bool content_decode(struct discv4_packet *out, struct span data)
{
    struct rlp outer = rlp_reader(data), list = rlp_list(&outer);
    switch (out->type) {
    case DISCV4_PING:
        (void)rlp_u64(&list);
        endpoint_take(&list, &out->source, &out->source_tcp);
        endpoint_take(&list, &out->to, &out->to_tcp);
        expiry_take(&list, out);
        enr_seq_take(&list, out);
        break;
    case DISCV4_PONG:
        endpoint_take(&list, &out->to, &out->to_tcp);
        rlp_fixed(&list, out->reply_to.bytes, 32);
        expiry_take(&list, out);
        enr_seq_take(&list, out);
        break;
    case DISCV4_FINDNODE:
        rlp_fixed(&list, out->target.bytes, sizeof(out->target.bytes));
        expiry_take(&list, out);
        break;
    case DISCV4_NEIGHBORS:
        nodes_take(&list, out);
        expiry_take(&list, out);
        break;
    case DISCV4_ENR_REQUEST:
        expiry_take(&list, out);
        break;
    case DISCV4_ENR_RESPONSE:
        rlp_fixed(&list, out->reply_to.bytes, 32);
        out->record = rlp_raw(&list);
        break;
    }
    return !list.bad && !outer.bad;
}

enum discv4_result discv4_packet_decode(struct discv4_packet *out, const struct crypto *crypto,
                                        struct span datagram)
{
    struct hash32 digest;
    struct sig65 sig;
    memset(out, 0, sizeof(*out));
    if (datagram.size <= HEAD_SIZE || datagram.size > UDP_DATAGRAM_MAX)
        return DISCV4_INVALID;
    keccak256(&out->hash, SPAN(datagram.data + HASH_SIZE, datagram.size - HASH_SIZE));
    if (memcmp(out->hash.bytes, datagram.data, HASH_SIZE) != 0)
        return DISCV4_INVALID;
    memcpy(sig.bytes, datagram.data + HASH_SIZE, SIG_SIZE);
    keccak256(&digest, SPAN(datagram.data + TYPE_AT, datagram.size - TYPE_AT));
    if (!crypto_recover(crypto, &out->from, &digest, &sig))
        return DISCV4_INVALID;
    if (datagram.data[TYPE_AT] < DISCV4_PING || datagram.data[TYPE_AT] > DISCV4_ENR_RESPONSE)
        return DISCV4_UNKNOWN_TYPE;
    out->type = (enum discv4_type)datagram.data[TYPE_AT];
    return content_decode(out, SPAN(datagram.data + HEAD_SIZE, datagram.size - HEAD_SIZE))
               ? DISCV4_VALID
               : DISCV4_INVALID;
}

/* ---- writing ---- */

static void add_address(struct buf *out, const struct endpoint *udp, uint16_t tcp)
{
    if (memcmp(udp->ip, IP4_MAPPED, sizeof(IP4_MAPPED)) == 0)
        rlp_add_bytes(out, SPAN(udp->ip + 12, 4));
    else
        rlp_add_bytes(out, SPAN(udp->ip, 16));
    rlp_add_u64(out, udp->port);
    rlp_add_u64(out, tcp);
}

static void add_endpoint(struct buf *out, const struct endpoint *udp, uint16_t tcp)
{
    size_t mark = rlp_list_begin(out);
    add_address(out, udp, tcp);
    rlp_list_end(out, mark);
}

static void add_nodes(struct buf *out, const struct discv4_packet *packet)
{
    size_t list = rlp_list_begin(out);
    ASSERT(packet->nodes_count <= DISCV4_NEIGHBORS_MAX);
    for (size_t i = 0; i < packet->nodes_count; i++) {
        const struct enode *node = &packet->nodes[i];
        struct endpoint udp = node->at;
        udp.port = node->udp_port;
        size_t mark = rlp_list_begin(out);
        add_address(out, &udp, node->at.port);
        rlp_add_bytes(out, SPAN(node->key.bytes, sizeof(node->key.bytes)));
        rlp_list_end(out, mark);
    }
    rlp_list_end(out, list);
}

static void content_encode(struct buf *out, const struct discv4_packet *packet)
{
    size_t mark = rlp_list_begin(out);
    switch (packet->type) {
    case DISCV4_PING:
        rlp_add_u64(out, VERSION);
        add_endpoint(out, &packet->source, packet->source_tcp);
        add_endpoint(out, &packet->to, packet->to_tcp);
        rlp_add_u64(out, (uint64_t)packet->expiry_s);
        if (packet->has_enr_seq)
            rlp_add_u64(out, packet->enr_seq);
        break;
    case DISCV4_PONG:
        add_endpoint(out, &packet->to, packet->to_tcp);
        rlp_add_hash(out, &packet->reply_to);
        rlp_add_u64(out, (uint64_t)packet->expiry_s);
        if (packet->has_enr_seq)
            rlp_add_u64(out, packet->enr_seq);
        break;
    case DISCV4_FINDNODE:
        rlp_add_bytes(out, SPAN(packet->target.bytes, sizeof(packet->target.bytes)));
        rlp_add_u64(out, (uint64_t)packet->expiry_s);
        break;
    case DISCV4_NEIGHBORS:
        add_nodes(out, packet);
        rlp_add_u64(out, (uint64_t)packet->expiry_s);
        break;
    case DISCV4_ENR_REQUEST:
        rlp_add_u64(out, (uint64_t)packet->expiry_s);
        break;
    case DISCV4_ENR_RESPONSE:
        rlp_add_hash(out, &packet->reply_to);
        buf_add_span(out, packet->record);
        break;
    }
    rlp_list_end(out, mark);
}

void discv4_packet_encode(struct buf *out, struct discv4_packet *packet,
                          const struct crypto *crypto, const struct seckey32 *key)
{
    struct buf data = {0};
    struct hash32 digest;
    struct sig65 sig;
    size_t start = out->size;
    static const uint8_t hash_place[HASH_SIZE];
    buf_add_u8(&data, (uint8_t)packet->type);
    content_encode(&data, packet);
    keccak256(&digest, buf_span(&data));
    crypto_sign(crypto, &sig, &digest, key);
    crypto_pubkey(crypto, &packet->from, key);
    buf_add(out, hash_place, HASH_SIZE);
    buf_add(out, sig.bytes, SIG_SIZE);
    buf_add_span(out, buf_span(&data));
    buf_free(&data);
    keccak256(&packet->hash, SPAN(out->data + start + HASH_SIZE, out->size - start - HASH_SIZE));
    memcpy(out->data + start, packet->hash.bytes, HASH_SIZE);
    ASSERT(out->size - start <= UDP_DATAGRAM_MAX);
}
