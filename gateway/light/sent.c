#include "gateway/light/sent.h"

#include "les/base/limits.h"
#include "les/base/table.h"

struct sent_tx {
    struct sent_tx *newer;
    struct hash32 hash;
    struct address20 sender;
    uint64_t nonce, added_ms;
    struct span envelope; /* owned */
};

struct sent {
    struct table by_hash;
    struct sent_tx *by_nonce[SENT_TXS_MAX]; /* sorted by sender and nonce */
    size_t count, bytes;
    struct sent_tx *oldest, *newest;
};

struct sent *sent_new(uint64_t seed)
{
    struct sent *sent = mem_alloc(sizeof *sent);
    table_init(&sent->by_hash, seed);
    return sent;
}

static void free_tx(struct sent_tx *tx)
{
    mem_free((void *)tx->envelope.data);
    mem_free(tx);
}

void sent_free(struct sent *sent)
{
    if (sent == NULL)
        return;
    for (size_t i = 0; i < sent->count; i++)
        free_tx(sent->by_nonce[i]);
    table_free(&sent->by_hash);
    mem_free(sent);
}

size_t sent_count(const struct sent *sent)
{
    return sent->count;
}

/* The place of (sender, nonce), or where it would be. */
static size_t place_of(const struct sent *sent, const struct address20 *sender, uint64_t nonce)
{
    size_t low = 0, high = sent->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        const struct sent_tx *tx = sent->by_nonce[middle];
        int order = memcmp(tx->sender.bytes, sender->bytes, 20);
        if (order == 0)
            order = (tx->nonce > nonce) - (tx->nonce < nonce);
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_at(const struct sent *sent, size_t place, const struct address20 *sender,
                  uint64_t nonce)
{
    return place < sent->count && sent->by_nonce[place]->nonce == nonce &&
           address20_equal(&sent->by_nonce[place]->sender, sender);
}

static void drop_at(struct sent *sent, size_t place)
{
    struct sent_tx *tx = sent->by_nonce[place], *before = NULL;
    sent->count--;
    for (size_t i = place; i < sent->count; i++)
        sent->by_nonce[i] = sent->by_nonce[i + 1];
    for (struct sent_tx **at = &sent->oldest; *at != NULL; before = *at, at = &(*at)->newer)
        if (*at == tx) {
            *at = tx->newer;
            break;
        }
    if (sent->newest == tx)
        sent->newest = before;
    table_remove(&sent->by_hash, tx->hash.bytes);
    sent->bytes -= tx->envelope.size;
    free_tx(tx);
}

void sent_drop(struct sent *sent, const struct hash32 *hash)
{
    const struct sent_tx *tx = table_get(&sent->by_hash, hash->bytes);
    if (tx != NULL)
        drop_at(sent, place_of(sent, &tx->sender, tx->nonce));
}

void sent_expire(struct sent *sent, uint64_t now_ms)
{
    while (sent->oldest != NULL && now_ms - sent->oldest->added_ms >= SENT_KEEP_MS)
        sent_drop(sent, &sent->oldest->hash);
}

void sent_add(struct sent *sent, const struct hash32 *hash, const struct address20 *sender,
              uint64_t nonce, struct span envelope, uint64_t now_ms)
{
    size_t place = place_of(sent, sender, nonce);
    if (is_at(sent, place, sender, nonce))
        drop_at(sent, place);
    sent_drop(sent, hash);
    sent_expire(sent, now_ms);
    if (envelope.size > SENT_BYTES_MAX)
        return;
    while (sent->count == SENT_TXS_MAX || sent->bytes + envelope.size > SENT_BYTES_MAX)
        sent_drop(sent, &sent->oldest->hash);
    struct sent_tx *tx = mem_alloc(sizeof *tx);
    *tx = (struct sent_tx){.hash = *hash,
                           .sender = *sender,
                           .nonce = nonce,
                           .added_ms = now_ms,
                           .envelope = SPAN(mem_copy(envelope), envelope.size)};
    place = place_of(sent, sender, nonce);
    for (size_t i = sent->count; i > place; i--)
        sent->by_nonce[i] = sent->by_nonce[i - 1];
    sent->by_nonce[place] = tx;
    sent->count++;
    sent->bytes += envelope.size;
    if (sent->newest != NULL)
        sent->newest->newer = tx;
    else
        sent->oldest = tx;
    sent->newest = tx;
    (void)table_put(&sent->by_hash, tx->hash.bytes, tx);
}

bool sent_find(const struct sent *sent, const struct hash32 *hash, struct span *envelope)
{
    const struct sent_tx *tx = table_get(&sent->by_hash, hash->bytes);
    *envelope = tx != NULL ? tx->envelope : SPAN_EMPTY;
    return tx != NULL;
}

uint64_t sent_next_nonce(struct sent *sent, const struct address20 *sender, uint64_t nonce)
{
    size_t place = place_of(sent, sender, 0);
    while (place < sent->count && address20_equal(&sent->by_nonce[place]->sender, sender) &&
           sent->by_nonce[place]->nonce < nonce)
        drop_at(sent, place);
    while (is_at(sent, place, sender, nonce)) {
        place++;
        nonce++;
    }
    return nonce;
}
