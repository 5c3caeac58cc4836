#include "les/p2p/kad.h"

struct bucket {
    struct kad_node nodes[DISCV4_BUCKET_NODES]; /* oldest first */
    size_t nodes_count;
    struct kad_node spares[DISCV4_BUCKET_SPARES]; /* oldest first */
    size_t spares_count;
};
struct kad {
    struct hash32 self;
    struct bucket buckets[KAD_BUCKETS];
};

struct kad *kad_new(const struct hash32 *self)
{
    struct kad *kad = mem_alloc(sizeof(*kad));
    kad->self = *self;
    return kad;
}

void kad_free(struct kad *kad)
{
    mem_free(kad);
}

/* ---- distance ---- */

static unsigned shared_bits(const struct hash32 *a, const struct hash32 *b)
{
    for (unsigned i = 0; i < 32; i++) {
        unsigned difference = a->bytes[i] ^ b->bytes[i];
        if (difference)
            return i * 8 + (unsigned)__builtin_clz(difference) - 24;
    }
    return 256;
}

static struct bucket *bucket_of(struct kad *kad, const struct hash32 *id)
{
    unsigned shared = shared_bits(&kad->self, id);
    return &kad->buckets[shared < KAD_BUCKETS ? KAD_BUCKETS - 1 - shared : 0];
}

int kad_compare(const struct hash32 *target, const struct hash32 *a, const struct hash32 *b)
{
    for (size_t i = 0; i < 32; i++) {
        uint8_t left = a->bytes[i] ^ target->bytes[i], right = b->bytes[i] ^ target->bytes[i];
        if (left != right)
            return left < right ? -1 : 1;
    }
    return 0;
}

/* ---- networks ---- */

static bool is_ip4(const struct endpoint *at)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    return memcmp(at->ip, mapped, sizeof(mapped)) == 0;
}

bool kad_is_lan(const struct endpoint *at)
{
    const uint8_t *ip = at->ip;
    if (endpoint_is_loopback(at))
        return true;
    if (is_ip4(at))
        return ip[12] == 10 || (ip[12] == 172 && (ip[13] & 0xf0) == 16) ||
               (ip[12] == 192 && ip[13] == 168) || (ip[12] == 169 && ip[13] == 254);
    return (ip[0] & 0xfe) == 0xfc || (ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80);
}

static bool is_special(const struct endpoint *at)
{
    static const uint8_t zero[16];
    const uint8_t *ip = at->ip;
    if (is_ip4(at))
        return ip[12] == 0 || ip[12] >= 224;
    return memcmp(ip, zero, sizeof(zero)) == 0 || ip[0] == 0xff;
}

bool kad_may_relay(const struct endpoint *from, const struct endpoint *at)
{
    if (is_special(at))
        return false;
    if (endpoint_is_loopback(at))
        return endpoint_is_loopback(from);
    return !kad_is_lan(at) || kad_is_lan(from);
}

static bool same_network(const struct endpoint *a, const struct endpoint *b)
{
    if (is_ip4(a))
        return is_ip4(b) && memcmp(a->ip + 12, b->ip + 12, 3) == 0;
    return !is_ip4(b) && memcmp(a->ip, b->ip, 8) == 0;
}

static size_t count_network(const struct bucket *bucket, const struct endpoint *at)
{
    size_t count = 0;
    for (size_t i = 0; i < bucket->nodes_count; i++)
        count += same_network(&bucket->nodes[i].at.at, at);
    for (size_t i = 0; i < bucket->spares_count; i++)
        count += same_network(&bucket->spares[i].at.at, at);
    return count;
}

static bool network_has_room(const struct kad *kad, const struct bucket *bucket,
                             const struct endpoint *at)
{
    size_t count = 0;
    if (kad_is_lan(at))
        return true;
    if (count_network(bucket, at) >= DISCV4_BUCKET_PER_24_MAX)
        return false;
    for (size_t i = 0; i < KAD_BUCKETS; i++)
        count += count_network(&kad->buckets[i], at);
    return count < DISCV4_TABLE_PER_24_MAX;
}

/* ---- buckets ---- */

static size_t index_of(const struct kad_node *nodes, size_t count, const struct hash32 *id)
{
    size_t i = 0;
    while (i < count && !hash32_equal(&nodes[i].id, id))
        i++;
    return i;
}

static void take_out(struct kad_node *nodes, size_t *count, size_t index)
{
    memmove(&nodes[index], &nodes[index + 1], (*count - index - 1) * sizeof(*nodes));
    (*count)--;
}

static void add_spare(struct bucket *bucket, const struct kad_node *node)
{
    if (bucket->spares_count == DISCV4_BUCKET_SPARES)
        take_out(bucket->spares, &bucket->spares_count, 0);
    bucket->spares[bucket->spares_count++] = *node;
}

enum kad_place kad_seen(struct kad *kad, const struct enode *node, uint64_t now_ms)
{
    struct kad_node entry = {.at = *node, .seen_ms = now_ms};
    struct bucket *bucket;
    size_t index;
    enode_id(&entry.id, &node->key);
    if (hash32_equal(&entry.id, &kad->self))
        return KAD_REFUSED;
    bucket = bucket_of(kad, &entry.id);
    index = index_of(bucket->nodes, bucket->nodes_count, &entry.id);
    if (index < bucket->nodes_count) {
        take_out(bucket->nodes, &bucket->nodes_count, index);
        if (!network_has_room(kad, bucket, &node->at))
            return KAD_REFUSED; /* it moved to a network that has its share */
        bucket->nodes[bucket->nodes_count++] = entry;
        return KAD_BUCKET;
    }
    index = index_of(bucket->spares, bucket->spares_count, &entry.id);
    if (index < bucket->spares_count)
        take_out(bucket->spares, &bucket->spares_count, index);
    if (!network_has_room(kad, bucket, &node->at))
        return KAD_REFUSED;
    if (bucket->nodes_count == DISCV4_BUCKET_NODES) {
        add_spare(bucket, &entry);
        return KAD_SPARE;
    }
    bucket->nodes[bucket->nodes_count++] = entry;
    return KAD_BUCKET;
}

void kad_failed(struct kad *kad, const struct hash32 *id)
{
    struct bucket *bucket = bucket_of(kad, id);
    size_t index = index_of(bucket->nodes, bucket->nodes_count, id);
    if (index == bucket->nodes_count)
        return;
    take_out(bucket->nodes, &bucket->nodes_count, index);
    if (bucket->spares_count == 0)
        return;
    /* The oldest place: it is the next to be asked again. */
    memmove(&bucket->nodes[1], &bucket->nodes[0], bucket->nodes_count * sizeof(*bucket->nodes));
    bucket->nodes[0] = bucket->spares[--bucket->spares_count];
    bucket->nodes_count++;
}

struct kad_node *kad_find(struct kad *kad, const struct hash32 *id)
{
    struct bucket *bucket = bucket_of(kad, id);
    size_t index = index_of(bucket->nodes, bucket->nodes_count, id);
    return index < bucket->nodes_count ? &bucket->nodes[index] : NULL;
}

static size_t insert_sorted(struct kad_node *out, size_t count, size_t max,
                            const struct hash32 *target, const struct kad_node *node)
{
    size_t place = count;
    while (place > 0 && kad_compare(target, &node->id, &out[place - 1].id) < 0)
        place--;
    if (place == max)
        return count;
    if (count == max)
        count--;
    memmove(&out[place + 1], &out[place], (count - place) * sizeof(*out));
    out[place] = *node;
    return count + 1;
}

size_t kad_closest(const struct kad *kad, struct kad_node *out, size_t max,
                   const struct hash32 *target)
{
    size_t count = 0;
    for (size_t i = 0; i < KAD_BUCKETS && max > 0; i++)
        for (size_t j = 0; j < kad->buckets[i].nodes_count; j++)
            count = insert_sorted(out, count, max, target, &kad->buckets[i].nodes[j]);
    return count;
}

const struct kad_node *kad_oldest(const struct kad *kad, uint32_t pick)
{
    for (size_t i = 0; i < KAD_BUCKETS; i++) {
        const struct bucket *bucket = &kad->buckets[(pick + i) % KAD_BUCKETS];
        if (bucket->nodes_count > 0)
            return &bucket->nodes[0];
    }
    return NULL;
}

size_t kad_count(const struct kad *kad)
{
    size_t count = 0;
    for (size_t i = 0; i < KAD_BUCKETS; i++)
        count += kad->buckets[i].nodes_count;
    return count;
}
