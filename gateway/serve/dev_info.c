/* What tools ask to learn what they are talking to. */
#include "gateway/serve/dev.h"

static void put_head(struct buf *out, const struct dev *dev, const char *number, const char *hash)
{
    const struct ledger_block *head = ledger_head(dev->ledger);
    json_put_key(out, number);
    json_put_u64(out, head->header.number);
    json_put_key(out, hash);
    json_put_hash(out, &head->hash);
}

/* instanceId: the chain that started here; its genesis, since nothing outlives the process. */
struct call_done dev_metadata(struct call *call, void *ctx)
{
    struct dev *dev = ctx;
    struct buf *out = call_result(call);
    json_put_object(out);
    json_put_key(out, "clientVersion");
    json_put_string(out, SPAN_STR(dev->light->client_version));
    json_put_key(out, "chainId");
    json_put_u64(out, ledger_spec(dev->ledger)->chain_id);
    json_put_key(out, "instanceId");
    json_put_hash(out, &ledger_genesis(dev->ledger)->hash);
    put_head(out, dev, "latestBlockNumber", "latestBlockHash");
    json_put_object_end(out);
    return call_ok(call);
}

struct call_done dev_node_info(struct call *call, void *ctx)
{
    struct dev *dev = ctx;
    struct buf *out = call_result(call);
    struct header next;
    devchain_next_header(dev->devchain, &next);
    json_put_object(out);
    put_head(out, dev, "currentBlockNumber", "currentBlockHash");
    json_put_key(out, "currentBlockTimestamp");
    json_put_u64(out, ledger_head(dev->ledger)->header.timestamp);
    json_put_key(out, "transactionOrder");
    json_put_string(out, SPAN_STR("fees"));
    json_put_key(out, "environment");
    json_put_object(out);
    json_put_key(out, "baseFee");
    json_put_quantity256(out, &next.base_fee);
    json_put_key(out, "chainId");
    json_put_u64(out, ledger_spec(dev->ledger)->chain_id);
    json_put_key(out, "gasLimit");
    json_put_quantity(out, next.gas_limit);
    json_put_object_end(out);
    json_put_key(out, "forkConfig");
    json_put_object(out);
    json_put_object_end(out);
    json_put_object_end(out);
    return call_ok(call);
}
