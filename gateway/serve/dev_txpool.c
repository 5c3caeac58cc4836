/* txpool_*: the pool of this process, in go-ethereum's shape. */
#include "gateway/serve/dev.h"

#include "gateway/rpc/render.h"
#include "les/eth/u256.h"

#include <stdlib.h>

struct item {
    struct address20 sender;
    const struct tx *tx;
    bool pending;
};
struct listing {
    struct item items[POOL_TXS_MAX];
    size_t count;
    const struct address20 *only; /* NULL: all senders */
};

static void on_tx(void *owner, const struct address20 *sender, const struct tx *tx,
                  enum pool_state state)
{
    struct listing *listing = owner;
    if (listing->only != NULL && !address20_equal(listing->only, sender))
        return;
    ASSERT(listing->count < POOL_TXS_MAX);
    listing->items[listing->count++] =
        (struct item){.sender = *sender, .tx = tx, .pending = state == POOL_PENDING};
}

static int by_sender_and_nonce(const void *first, const void *second)
{
    const struct item *a = first, *b = second;
    int order = memcmp(a->sender.bytes, b->sender.bytes, 20);
    return order != 0 ? order : (a->tx->nonce > b->tx->nonce) - (a->tx->nonce < b->tx->nonce);
}

static struct listing *list(struct call *call, const struct dev *dev, const struct address20 *only)
{
    struct listing *listing = call_alloc(call, sizeof(*listing));
    listing->only = only;
    pool_each(dev->pool, on_tx, listing);
    qsort(listing->items, listing->count, sizeof(listing->items[0]), by_sender_and_nonce);
    return listing;
}

static void put_key_u64(struct buf *out, uint64_t value)
{
    char text[24];
    json_put_key(out, log_u64(text, value));
}

static void put_inspect(struct buf *out, const struct tx *tx)
{
    struct buf text = {0};
    if (tx->has_to)
        buf_add_hex0x(&text, SPAN(tx->to.bytes, 20));
    else
        buf_add_str(&text, "contract creation");
    buf_add_str(&text, ": ");
    buf_add_u256_decimal(&text, &tx->value);
    buf_printf(&text, " wei + %llu gas × ", (unsigned long long)tx->gas_limit);
    buf_add_u256_decimal(&text, &tx->max_fee);
    buf_add_str(&text, " wei");
    json_put_string(out, buf_span(&text));
    buf_free(&text);
}

static void put_tx(struct buf *out, const struct dev *dev, const struct tx *tx, bool inspect)
{
    const struct tx_position nowhere = {0};
    if (inspect) {
        put_inspect(out, tx);
        return;
    }
    bool rendered = render_tx(out, dev->crypto, tx, &nowhere);
    ASSERT(rendered); /* the pool knows its sender */
}

/* {"0xsender": {"nonce": ...}}; one sender: {"nonce": ...} */
static void put_half(struct buf *out, const struct dev *dev, const struct listing *listing,
                     bool pending, bool inspect)
{
    const struct item *before = NULL;
    json_put_key(out, pending ? "pending" : "queued");
    json_put_object(out);
    for (size_t i = 0; i < listing->count; i++) {
        const struct item *item = &listing->items[i];
        if (item->pending != pending)
            continue;
        if (listing->only == NULL &&
            (before == NULL || !address20_equal(&before->sender, &item->sender))) {
            char key[43] = "0x";
            hex_encode(key + 2, SPAN(item->sender.bytes, 20));
            key[42] = '\0';
            if (before != NULL)
                json_put_object_end(out);
            json_put_key(out, key);
            json_put_object(out);
        }
        before = item;
        put_key_u64(out, item->tx->nonce);
        put_tx(out, dev, item->tx, inspect);
    }
    if (before != NULL && listing->only == NULL)
        json_put_object_end(out);
    json_put_object_end(out);
}

static struct call_done answer(struct call *call, const struct dev *dev,
                               const struct address20 *only, bool inspect)
{
    const struct listing *listing = list(call, dev, only);
    struct buf *out = call_result(call);
    json_put_object(out);
    put_half(out, dev, listing, true, inspect);
    put_half(out, dev, listing, false, inspect);
    json_put_object_end(out);
    return call_ok(call);
}

struct call_done dev_txpool_status(struct call *call, void *ctx)
{
    const struct listing *listing = list(call, ctx, NULL);
    struct buf *out = call_result(call);
    size_t pending = 0;
    for (size_t i = 0; i < listing->count; i++)
        pending += listing->items[i].pending;
    json_put_object(out);
    json_put_key(out, "pending");
    json_put_quantity(out, pending);
    json_put_key(out, "queued");
    json_put_quantity(out, listing->count - pending);
    json_put_object_end(out);
    return call_ok(call);
}

struct call_done dev_txpool_content(struct call *call, void *ctx)
{
    return answer(call, ctx, NULL, false);
}

struct call_done dev_txpool_inspect(struct call *call, void *ctx)
{
    return answer(call, ctx, NULL, true);
}

struct call_done dev_txpool_content_from(struct call *call, void *ctx)
{
    struct address20 only;
    if (!param_address(call, 0, &only))
        return call_fail_param(call);
    return answer(call, ctx, &only, false);
}
