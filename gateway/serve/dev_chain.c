/* Methods that say when blocks are made, what time it is, and where the head is. */
#include "gateway/serve/dev.h"

/* ---- blocks ---- */

static void on_mined(void *owner, bool good)
{
    struct dev *dev = owner;
    struct call *call = dev->mining.call;
    dev->mining.call = NULL;
    server_head_switched(dev->server); /* where the run broke off */
    if (call == NULL)
        return;
    if (!good) {
        call_fail(call, RPC_SERVER_ERROR, "no block could be made; the log says why", SPAN_EMPTY);
    } else if (!dev->mining.plain) {
        dev_ok_nothing(dev, call);
    } else {
        json_put_string(call_result(call), SPAN_STR("0x0"));
        dev_ok(dev, call);
    }
}

/* Nobody waits any more; the blocks come all the same. */
static void on_mining_cancel(struct call *call)
{
    struct dev *dev = call_state(call);
    dev->mining.call = NULL;
}

/* plain: evm_mine, which answers "0x0". */
static struct call_done mine(struct call *call, struct dev *dev, uint64_t count,
                             uint64_t interval_s, bool plain)
{
    if (count > DEV_BLOCKS_MAX)
        return call_failf(call, RPC_INVALID_PARAMS, "at most %d blocks at once", DEV_BLOCKS_MAX);
    if (count == 0)
        return dev_ok_nothing(dev, call);
    if (!devchain_make_blocks(dev->devchain, count, interval_s, on_mined, dev))
        return dev_fail_busy(call);
    dev->mining.call = call;
    dev->mining.plain = plain;
    call_set_state(call, dev);
    return call_pending(call, on_mining_cancel);
}

static struct call_done fail_time(struct call *call, const struct dev *dev, uint64_t timestamp)
{
    if (timestamp > DEVCHAIN_TIME_MAX)
        return call_fail(call, RPC_INVALID_PARAMS, "that is too far ahead", SPAN_EMPTY);
    return call_failf(call, RPC_INVALID_PARAMS,
                      "Timestamp error: %llu is lower than or equal to previous block's timestamp "
                      "%llu",
                      (unsigned long long)timestamp,
                      (unsigned long long)ledger_head(dev->ledger)->header.timestamp);
}

/* evm_mine: nothing, a timestamp, or {"timestamp": ..., "blocks": ...}. */
struct call_done dev_mine_now(struct call *call, void *ctx)
{
    struct dev *dev = ctx;
    uint64_t timestamp = 0, blocks = 1;
    bool has_timestamp = false;
    const struct json_t *options = call_param(call, 0);
    if (json_kind(options) == JSON_KIND_OBJECT) {
        const struct json_t *time = json_member(options, "timestamp"),
                            *count = json_member(options, "blocks");
        has_timestamp = json_kind(time) == JSON_KIND_INTEGER;
        timestamp = (uint64_t)json_integer_of(time);
        if (json_kind(count) == JSON_KIND_INTEGER && json_integer_of(count) >= 0)
            blocks = (uint64_t)json_integer_of(count);
        else if (count != NULL || (time != NULL && !has_timestamp))
            return call_fail(call, RPC_INVALID_PARAMS,
                             "timestamp and blocks are wanted as JSON integers", SPAN_EMPTY);
    } else if (!dev_param_u64(call, 0, &has_timestamp, &timestamp)) {
        return call_fail_param(call);
    }
    if (has_timestamp && !devchain_set_next_time(dev->devchain, timestamp))
        return fail_time(call, dev, timestamp);
    return mine(call, dev, blocks, 1, true);
}

/* anvil_mine, hardhat_mine: how many, and how many seconds lie between two of them. */
struct call_done dev_mine_many(struct call *call, void *ctx)
{
    uint64_t count, interval_s;
    bool has_count, has_interval;
    if (!dev_param_u64(call, 0, &has_count, &count) ||
        !dev_param_u64(call, 1, &has_interval, &interval_s))
        return call_fail_param(call);
    if (interval_s > UINT32_MAX)
        return call_fail(call, RPC_INVALID_PARAMS, "the interval is too long", SPAN_EMPTY);
    return mine(call, ctx, has_count ? count : 1, interval_s, false);
}

struct call_done dev_set_automine(struct call *call, void *ctx)
{
    struct dev *dev = ctx;
    bool automine;
    if (!param_bool(call, 0, &automine))
        return call_fail_param(call);
    devchain_set_automine(dev->devchain, automine);
    (void)devchain_mine_due(dev->devchain); /* what waited; the log says why not */
    json_put_bool(call_result(call), true);
    return dev_ok(dev, call);
}

struct call_done dev_get_automine(struct call *call, void *ctx)
{
    const struct dev *dev = ctx;
    json_put_bool(call_result(call), devchain_automine(dev->devchain));
    return call_ok(call);
}

/* In seconds, as anvil; 0 ends it. */
struct call_done dev_set_interval(struct call *call, void *ctx)
{
    struct dev *dev = ctx;
    uint64_t interval_s;
    if (!dev_param_u64(call, 0, NULL, &interval_s))
        return call_fail_param(call);
    if (interval_s > UINT32_MAX)
        return call_fail(call, RPC_INVALID_PARAMS, "the interval is too long", SPAN_EMPTY);
    devchain_set_automine(dev->devchain, false);
    devchain_set_interval(dev->devchain, interval_s * 1000);
    return dev_ok_nothing(dev, call);
}

struct call_done dev_get_interval(struct call *call, void *ctx)
{
    const struct dev *dev = ctx;
    uint64_t period_ms = devchain_interval(dev->devchain);
    if (period_ms == 0)
        json_put_null(call_result(call));
    else
        json_put_u64(call_result(call), period_ms / 1000);
    return call_ok(call);
}

/* ---- time ---- */

struct call_done dev_increase_time(struct call *call, void *ctx)
{
    struct dev *dev = ctx;
    uint64_t seconds;
    if (!dev_param_u64(call, 0, NULL, &seconds))
        return call_fail_param(call);
    if (seconds > UINT32_MAX ||
        devchain_offset_s(dev->devchain) > DEVCHAIN_TIME_MAX - (int64_t)seconds)
        return call_fail(call, RPC_INVALID_PARAMS, "that is too far ahead", SPAN_EMPTY);
    devchain_add_offset(dev->devchain, (int64_t)seconds);
    json_put_i64(call_result(call), devchain_offset_s(dev->devchain));
    return call_ok(call);
}

struct call_done dev_set_next_timestamp(struct call *call, void *ctx)
{
    struct dev *dev = ctx;
    uint64_t timestamp;
    if (!dev_param_u64(call, 0, NULL, &timestamp))
        return call_fail_param(call);
    if (!devchain_set_next_time(dev->devchain, timestamp))
        return fail_time(call, dev, timestamp);
    json_put_null(call_result(call));
    return call_ok(call);
}

/* The clock, now; a block is later than its parent all the same. Answers by how much it moved. */
struct call_done dev_set_time(struct call *call, void *ctx)
{
    struct dev *dev = ctx;
    uint64_t timestamp;
    if (!dev_param_u64(call, 0, NULL, &timestamp))
        return call_fail_param(call);
    if (timestamp > DEVCHAIN_TIME_MAX)
        return call_fail(call, RPC_INVALID_PARAMS, "that is too far ahead", SPAN_EMPTY);
    int64_t before_s = loop_wall_s(dev->loop) + devchain_offset_s(dev->devchain);
    int64_t moved_s = (int64_t)timestamp - before_s;
    devchain_add_offset(dev->devchain, moved_s);
    json_put_i64(call_result(call), moved_s);
    return call_ok(call);
}

/* ---- back ---- */

struct call_done dev_snapshot(struct call *call, void *ctx)
{
    struct dev *dev = ctx;
    if (devchain_is_busy(dev->devchain))
        return dev_fail_busy(call);
    json_put_quantity(call_result(call), devchain_snapshot(dev->devchain));
    return dev_ok(dev, call);
}

/* What the light client holds of transactions that wait is of a time that never was. */
static struct call_done went_back(struct call *call, struct dev *dev)
{
    uint64_t seed;
    loop_random(dev->loop, &seed, sizeof(seed));
    sent_free(dev->light->sent);
    dev->light->sent = sent_new(seed);
    server_head_switched(dev->server);
    return dev_ok(dev, call);
}

struct call_done dev_revert(struct call *call, void *ctx)
{
    struct dev *dev = ctx;
    uint64_t id;
    if (!dev_param_u64(call, 0, NULL, &id))
        return call_fail_param(call);
    if (devchain_is_busy(dev->devchain))
        return dev_fail_busy(call);
    bool good = devchain_revert(dev->devchain, id);
    json_put_bool(call_result(call), good);
    return good ? went_back(call, dev) : call_ok(call);
}

static bool asks_to_fork(const struct json_t *options)
{
    const struct json_t *forking = json_member(options, "forking");
    return json_kind(options) == JSON_KIND_OBJECT && json_kind(forking) != JSON_KIND_NULL;
}

struct call_done dev_reset(struct call *call, void *ctx)
{
    struct dev *dev = ctx;
    if (devchain_is_busy(dev->devchain))
        return dev_fail_busy(call);
    if (asks_to_fork(call_param(call, 0)))
        return call_fail(call, RPC_INVALID_PARAMS,
                         "this chain cannot fork another one; it goes back to its own genesis",
                         SPAN_EMPTY);
    devchain_reset(dev->devchain);
    dev->impersonated_count = 0;
    dev->impersonate_all = false;
    json_put_bool(call_result(call), true);
    return went_back(call, dev);
}

/* anvil_rollback: the newest blocks, one if not said, are gone with their transactions. */
struct call_done dev_rollback(struct call *call, void *ctx)
{
    struct dev *dev = ctx;
    uint64_t depth;
    bool has;
    if (!dev_param_u64(call, 0, &has, &depth))
        return call_fail_param(call);
    if (devchain_is_busy(dev->devchain))
        return dev_fail_busy(call);
    if (!devchain_go_back(dev->devchain, has ? depth : 1))
        return call_fail(call, RPC_INVALID_PARAMS, "the chain is not that long", SPAN_EMPTY);
    json_put_null(call_result(call));
    return went_back(call, dev);
}

/* anvil_reorg: {"depth": n} or [n, []] or n. As many new, empty blocks take the place of the newest
 * ones. */
struct call_done dev_reorg(struct call *call, void *ctx)
{
    struct dev *dev = ctx;
    const struct json_t *options = call_param(call, 0);
    uint64_t depth = 0;
    if (json_kind(options) == JSON_KIND_OBJECT) {
        const struct json_t *txs = json_member(options, "txBlockPairs"),
                            *wanted = json_member(options, "depth");
        if (json_count(txs) > 0 || json_kind(wanted) != JSON_KIND_INTEGER ||
            json_integer_of(wanted) < 0)
            return call_fail(call, RPC_INVALID_PARAMS,
                             "depth is wanted as a JSON integer, and no transactions", SPAN_EMPTY);
        depth = (uint64_t)json_integer_of(wanted);
    } else if (!dev_param_u64(call, 0, NULL, &depth)) {
        return call_fail_param(call);
    }
    if (devchain_is_busy(dev->devchain))
        return dev_fail_busy(call);
    if (depth > DEV_REORG_MAX || !devchain_go_back(dev->devchain, depth))
        return call_fail(call, RPC_INVALID_PARAMS, "the chain is not that long", SPAN_EMPTY);
    pool_clear(dev->pool); /* the new blocks are empty */
    for (uint64_t i = 0; i < depth; i++)
        if (!devchain_make_block(dev->devchain))
            return call_fail(call, RPC_SERVER_ERROR, "no block could be made; the log says why",
                             SPAN_EMPTY);
    json_put_null(call_result(call));
    return went_back(call, dev);
}

/* ---- what blocks are like ---- */

struct call_done dev_set_gas_limit(struct call *call, void *ctx)
{
    struct dev *dev = ctx;
    uint64_t gas_limit;
    if (!dev_param_u64(call, 0, NULL, &gas_limit))
        return call_fail_param(call);
    if (gas_limit < 5000 || gas_limit > INT64_MAX)
        return call_fail(call, RPC_INVALID_PARAMS, "no block may have that gas limit", SPAN_EMPTY);
    devchain_set_gas_limit(dev->devchain, gas_limit);
    json_put_bool(call_result(call), true);
    return call_ok(call);
}

struct call_done dev_set_next_base_fee(struct call *call, void *ctx)
{
    struct dev *dev = ctx;
    struct u256 base_fee;
    if (!dev_param_u256(call, 0, NULL, &base_fee))
        return call_fail_param(call);
    devchain_set_next_base_fee(dev->devchain, &base_fee);
    return dev_ok_nothing(dev, call);
}

struct call_done dev_set_coinbase(struct call *call, void *ctx)
{
    struct dev *dev = ctx;
    struct address20 coinbase;
    if (!param_address(call, 0, &coinbase))
        return call_fail_param(call);
    devchain_set_coinbase(dev->devchain, &coinbase);
    return dev_ok_nothing(dev, call);
}

struct call_done dev_set_next_randao(struct call *call, void *ctx)
{
    struct dev *dev = ctx;
    struct hash32 randao;
    if (!param_storage_key(call, 0, &randao))
        return call_fail_param(call);
    devchain_set_next_randao(dev->devchain, &randao);
    return dev_ok_nothing(dev, call);
}
