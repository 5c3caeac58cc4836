/* What is known without asking anybody: the chain's ids, the head, this program. */
#include "gateway/light/light.h"
#include "gateway/eth/methods.h"
#include "gateway/rpc/params.h"
#include "gateway/light/query.h"
#include "les/eth/keccak.h"

#include <stdio.h>

static struct call_done fail_headless(struct call *call, const struct light *light)
{
    return call_fail(call, RPC_TIMEOUT, chain_trouble(light->chain), SPAN_EMPTY);
}

struct call_done eth_chain_id(struct call *call, void *ctx)
{
    const struct light *light = ctx;
    json_put_quantity(call_result(call), light->spec->chain_id);
    return call_ok(call);
}

/* A string: ids go beyond what a double holds. */
struct call_done net_version(struct call *call, void *ctx)
{
    const struct light *light = ctx;
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)light->spec->network_id);
    json_put_string(call_result(call), SPAN_STR(text));
    return call_ok(call);
}

struct call_done net_listening(struct call *call, void *ctx)
{
    (void)ctx;
    json_put_bool(call_result(call), true);
    return call_ok(call);
}

struct call_done net_peer_count(struct call *call, void *ctx)
{
    const struct light *light = ctx;
    json_put_quantity(call_result(call), les_server_count(light->client));
    return call_ok(call);
}

struct call_done web3_client_version(struct call *call, void *ctx)
{
    const struct light *light = ctx;
    json_put_string(call_result(call), SPAN_STR(light->client_version));
    return call_ok(call);
}

struct call_done web3_sha3(struct call *call, void *ctx)
{
    struct span data;
    struct hash32 hash;
    (void)ctx;
    if (!param_data(call, 0, &data))
        return call_fail_param(call);
    keccak256(&hash, data);
    json_put_hash(call_result(call), &hash);
    return call_ok(call);
}

/* An ultra light client has the head or it has none; there is nothing in between to report. */
struct call_done eth_syncing(struct call *call, void *ctx)
{
    const struct light *light = ctx;
    if (chain_head(light->chain) == NULL)
        return fail_headless(call, light);
    json_put_bool(call_result(call), false);
    return call_ok(call);
}

/* Keys live in the user's wallet. */
struct call_done eth_accounts(struct call *call, void *ctx)
{
    (void)ctx;
    json_put_array(call_result(call));
    json_put_array_end(call_result(call));
    return call_ok(call);
}

static struct call_done on_block_number(struct query *query)
{
    const struct block_ref latest = {.tag = BLOCK_LATEST};
    struct block_header *head;
    if (query_block(query, &latest, &head) != QUERY_HERE)
        return query_wait(query);
    json_put_quantity(call_result(query_call(query)), head->header.number);
    return query_ok(query);
}

struct call_done eth_block_number(struct call *call, void *ctx)
{
    struct light *light = ctx;
    const struct block_header *head = chain_head(light->chain);
    if (head == NULL)
        return query_start(call, light, on_block_number, NULL);
    json_put_quantity(call_result(call), head->header.number);
    return call_ok(call);
}
