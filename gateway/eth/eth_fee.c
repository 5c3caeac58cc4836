/* Prices: what the next block will cost, and what others paid. */
#include "gateway/eth/methods.h"
#include "gateway/light/fee_sample.h"
#include "gateway/eth/fee_tip.h"
#include "gateway/light/query.h"
#include "les/eth/u256.h"

/* ---- the next block ---- */

static struct call_done on_base_fee(struct query *query)
{
    const struct light *light = query_light(query);
    struct block_ref latest = {.tag = BLOCK_LATEST};
    struct block_header *head;
    struct u256 fee;
    if (query_block(query, &latest, &head) != QUERY_HERE)
        return query_wait(query);
    if (head->header.number + 1 < light->spec->activation[FORK_LONDON])
        return query_null(query);
    fee_next_base(&fee, light->spec, &head->header);
    json_put_quantity256(call_result(query_call(query)), &fee);
    return query_ok(query);
}

struct call_done eth_base_fee(struct call *call, void *ctx)
{
    return query_start(call, ctx, on_base_fee, NULL);
}

static struct call_done on_blob_base_fee(struct query *query)
{
    struct block_ref latest = {.tag = BLOCK_LATEST};
    struct block_header *head;
    struct u256 fee;
    if (query_block(query, &latest, &head) != QUERY_HERE)
        return query_wait(query);
    if (!fee_blob_price(&fee, query_light(query)->spec, &head->header))
        return query_null(query);
    json_put_quantity256(call_result(query_call(query)), &fee);
    return query_ok(query);
}

struct call_done eth_blob_base_fee(struct call *call, void *ctx)
{
    return query_start(call, ctx, on_blob_base_fee, NULL);
}

/* ---- what to offer ---- */

/* The blocks from `from` to `to`, all of them asked for at once. */
static enum query_got fetch_bodies(struct query *query, uint64_t from, uint64_t to)
{
    enum query_got whole = query_range(query, from, to);
    if (whole != QUERY_HERE)
        return whole;
    for (uint64_t number = to; number >= from && number <= to; number--) {
        struct block_header *block;
        struct span raw;
        struct body body;
        if (query_number(query, number, &block) != QUERY_HERE ||
            query_body(query, block, &raw, &body) != QUERY_HERE)
            whole = QUERY_LATER;
    }
    return whole;
}

/* The tips of a block and of those below it go into oracle, as many blocks as it wants. */
static enum query_got sample(struct query *query, struct fee_oracle *oracle, uint64_t head)
{
    uint64_t number = head;
    while (number > 0 && fee_oracle_wants(oracle)) {
        uint64_t count = oracle->wanted - oracle->blocks;
        uint64_t from = number >= count ? number - count + 1 : 1;
        if (fetch_bodies(query, from, number) != QUERY_HERE)
            return QUERY_LATER;
        for (; number >= from; number--) {
            struct block_header *block;
            struct span raw;
            struct body body;
            if (query_number(query, number, &block) != QUERY_HERE ||
                query_body(query, block, &raw, &body) != QUERY_HERE)
                return QUERY_LATER;
            fee_oracle_add(oracle, query_light(query)->crypto, &block->header, &body);
        }
    }
    return QUERY_HERE;
}

enum query_got fee_tip(struct query *query, const struct block_header *head, struct u256 *out)
{
    struct light *light = query_light(query);
    struct fee_oracle oracle;
    if (!light->fee.known || !hash32_equal(&light->fee.head, &head->hash)) {
        fee_oracle_begin(&oracle, light->fee.known ? &light->fee.tip : NULL);
        if (sample(query, &oracle, head->header.number) != QUERY_HERE)
            return QUERY_LATER;
        fee_oracle_tip(&oracle, &light->fee.tip);
        light->fee.head = head->hash;
        light->fee.known = true;
    }
    *out = light->fee.tip;
    return QUERY_HERE;
}

struct price_args {
    bool with_base_fee;
};

static struct call_done on_price(struct query *query)
{
    const struct price_args *args = query_args(query);
    struct block_ref latest = {.tag = BLOCK_LATEST};
    struct block_header *head;
    struct u256 price;
    if (query_block(query, &latest, &head) != QUERY_HERE ||
        fee_tip(query, head, &price) != QUERY_HERE)
        return query_wait(query);
    if (args->with_base_fee && HEADER_HAS_BASE_FEE(&head->header))
        u256_add(&price, &price, &head->header.base_fee);
    json_put_quantity256(call_result(query_call(query)), &price);
    return query_ok(query);
}

static struct call_done start_price(struct call *call, void *ctx, bool with_base_fee)
{
    struct price_args *args = call_alloc(call, sizeof *args);
    args->with_base_fee = with_base_fee;
    return query_start(call, ctx, on_price, args);
}

struct call_done eth_gas_price(struct call *call, void *ctx)
{
    return start_price(call, ctx, true);
}

struct call_done eth_max_priority_fee_per_gas(struct call *call, void *ctx)
{
    return start_price(call, ctx, false);
}
