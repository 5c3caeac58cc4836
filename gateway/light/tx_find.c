#include "gateway/light/tx_find.h"

#include "les/base/limits.h"

#include "les/eth/keccak.h"
#include "les/eth/rlp.h"

/* ---- places in the cache ---- */

#define PLACE_SIZE 40 /* block hash, index */

static void place_key(struct hash32 *out, const struct hash32 *tx_hash)
{
    struct keccak keccak;
    keccak_init(&keccak);
    keccak_update(&keccak, SPAN_STR("place of a transaction"));
    keccak_update(&keccak, SPAN(tx_hash->bytes, 32));
    keccak_digest(&keccak, out);
}

static void remember_place(const struct light *light, const struct hash32 *tx_hash,
                           const struct tx_found *found)
{
    struct hash32 key;
    uint8_t place[PLACE_SIZE];
    place_key(&key, tx_hash);
    memcpy(place, found->block->hash.bytes, 32);
    be_write(place + 32, 8, found->index);
    cache_put(light->cache, CACHE_ANSWER, &key, SPAN(place, sizeof place));
}

static bool remembered_place(const struct light *light, const struct hash32 *tx_hash,
                             struct tx_found *out)
{
    struct hash32 key, block_hash;
    struct span place;
    place_key(&key, tx_hash);
    if (!cache_get(light->cache, CACHE_ANSWER, &key, &place) || place.size != PLACE_SIZE)
        return false;
    memcpy(block_hash.bytes, place.data, 32);
    out->index = be_read(place.data + 32, 8);
    out->block = chain_known_hash(light->chain, &block_hash);
    return out->block != NULL;
}

/* ---- bodies ---- */

bool tx_of_body(const struct body *body, uint64_t index, struct span *envelope)
{
    struct rlp list = rlp_reader(body->transactions);
    for (uint64_t i = 0; rlp_more(&list); i++) {
        bool typed = rlp_peek(&list) == RLP_STRING;
        *envelope = typed ? rlp_bytes(&list) : rlp_raw(&list);
        if (i == index && !list.bad)
            return true;
    }
    *envelope = SPAN_EMPTY;
    return false;
}

struct span *txs_of_body(const struct body *body, size_t *count)
{
    ASSERT(body_transactions(body, NULL, BLOCK_TRANSACTIONS_MAX, count));
    struct span *envelopes = mem_alloc((*count + 1) * sizeof *envelopes);
    ASSERT(body_transactions(body, envelopes, *count, count));
    return envelopes;
}

/* ---- finding ---- */

/* Is it in that block? ABSENT: no. */
static enum query_got prove(struct query *query, const struct hash32 *tx_hash,
                            struct tx_found *found)
{
    struct span raw, envelope;
    struct body body;
    struct hash32 hash;
    if (query_body(query, found->block, &raw, &body) == QUERY_LATER)
        return QUERY_LATER;
    if (!tx_of_body(&body, found->index, &envelope))
        return QUERY_ABSENT;
    keccak256(&hash, envelope);
    if (!hash32_equal(&hash, tx_hash))
        return QUERY_ABSENT;
    uint8_t *copy = call_alloc(query_call(query), envelope.size);
    memcpy(copy, envelope.data, envelope.size);
    found->envelope = SPAN(copy, envelope.size);
    return QUERY_HERE;
}

/* Is the server on our branch, so that its hint must fit? */
static bool is_with_us(const struct light *light, const struct hash32 *server_id, uint64_t number)
{
    for (size_t i = 0; i < les_server_count(light->client); i++) {
        const struct les_server *server = les_server_at(light->client, i);
        const struct les_head *head = les_server_head(server);
        if (hash32_equal(les_server_id(server), server_id))
            return number <= head->block.number &&
                   chain_known_hash(light->chain, &head->block.hash) != NULL;
    }
    return false;
}

/* The canonical block of a hint; ABSENT: the hint does not fit the chain. */
static enum query_got block_of_hint(struct query *query, const struct hash32 *tx_hash,
                                    const struct hash32 *server, const struct les_tx_status *status,
                                    struct tx_found *out)
{
    const char *lie = NULL;
    enum query_got got = query_number(query, status->block.number, &out->block);
    out->index = status->index;
    if (got == QUERY_LATER ||
        (got == QUERY_HERE && hash32_equal(&out->block->hash, &status->block.hash)))
        return got;
    if (got == QUERY_HERE && is_with_us(query_light(query), server, status->block.number))
        lie = "a transaction's block is not canonical";
    out->block = NULL;
    query_tx_hint_false(query, tx_hash, server, lie);
    return QUERY_ABSENT;
}

enum query_got tx_find(struct query *query, const struct hash32 *hash, struct tx_found *out)
{
    struct light *light = query_light(query);
    struct les_tx_status status;
    struct hash32 server;
    memset(out, 0, sizeof *out);
    if (remembered_place(light, hash, out)) {
        enum query_got got = prove(query, hash, out);
        if (got != QUERY_ABSENT)
            return got;
    }
    for (size_t i = 0; i <= QUERY_DOUBTED_MAX; i++) {
        memset(out, 0, sizeof *out);
        enum query_got got = query_tx_status(query, hash, &status, &server);
        if (got == QUERY_HERE && (status.state != LES_TX_INCLUDED || !status.has_lookup))
            return QUERY_ABSENT;
        if (got != QUERY_HERE)
            return got;
        got = block_of_hint(query, hash, &server, &status, out);
        if (got == QUERY_HERE) {
            got = prove(query, hash, out);
            if (got == QUERY_ABSENT)
                query_tx_hint_false(query, hash, &server, "a transaction is not in its block");
        }
        if (got == QUERY_LATER)
            return got;
        if (got == QUERY_HERE) {
            remember_place(light, hash, out);
            sent_drop(light->sent, hash);
            return got;
        }
    }
    return QUERY_ABSENT;
}
