/* The development chain and its JSON-RPC in the simulated world: what is written is read, one seed
 * is one chain, and many calls at once end. */
#include "conf/genesis.h"
#include "gateway/serve/dev.h"
#include "les/eth/keccak.h"
#include "les/node/backend.h"
#include "les/proto/server_host.h"
#include "tests/fixture/fixture.h"
#include "tests/sim/world.h"

#include <criterion/criterion.h>

TestSuite(dev, .fini = fixture_leak_gate, .timeout = 120);

struct place {
    struct world *world;
    struct loop *loop;
    struct crypto *crypto;
    struct node_store *store;
    struct genesis *genesis;
    struct ledger *ledger;
    struct pool *pool;
    struct devchain *devchain;
    struct node_backend backend;
    struct server *server;
    struct server_host *host;
    struct dev *dev;
    struct buf answer;
    size_t answers;
};

static void on_head(void *owner, struct ledger_block *from, struct ledger_block *to)
{
    struct place *place = owner;
    (void)from, (void)to;
    pool_head_changed(place->pool);
    if (devchain_is_busy(place->devchain))
        return;
    server_head_switched(place->server);
}

static void open_server(struct place *place)
{
    struct server_config config = {.spec = &place->genesis->spec, .capacity = 1, .key = {{7, 7}}};
    struct server_host_config host = {.key = config.key, .client_id = "dev", .clients_max = 8};
    place->server = server_new(place->loop, place->crypto, NULL, &config, &place->backend.base);
    cr_assert(endpoint_parse(&host.listen, "10.0.0.1:30303"));
    cr_assert_eq(
        server_host_new(&place->host, place->loop, place->crypto, NULL, &host, place->server),
        STATUS_OK);
}

static struct place *place_new(uint64_t seed)
{
    struct place *place = mem_alloc(sizeof(*place));
    struct buf json = {0}, error = {0};
    uint8_t seed32[32] = {1};
    place->crypto = crypto_new(seed32);
    crypto_impersonate(place->crypto);
    dev_genesis_json(&json, place->crypto);
    cr_assert_eq(genesis_parse(&place->genesis, buf_span(&json), "built in", &error), STATUS_OK,
                 "%.*s", (int)error.size, (const char *)error.data);
    buf_free(&json);
    place->store = node_store_new();
    genesis_build(place->genesis, place->store);
    place->world = world_new(seed);
    place->loop = world_host_new(place->world, "10.0.0.1");
    struct ledger_config config = {.spec = &place->genesis->spec,
                                   .crypto = place->crypto,
                                   .store = place->store,
                                   .on_head = on_head,
                                   .owner = place};
    struct u256 one = u256_from_u64(1);
    place->ledger = ledger_new(&config, &place->genesis->header);
    place->pool = pool_new(place->ledger, place->crypto, &one);
    node_backend_init(&place->backend, place->ledger, place->pool);
    open_server(place);
    place->devchain =
        devchain_new(place->loop, place->ledger, place->pool, place->crypto, NULL, 0, &error);
    cr_assert_not_null(place->devchain);
    devchain_set_automine(place->devchain, true);
    struct dev_options options = {.loop = place->loop,
                                  .crypto = place->crypto,
                                  .genesis = &place->genesis->header,
                                  .ledger = place->ledger,
                                  .pool = place->pool,
                                  .devchain = place->devchain,
                                  .server = place->server,
                                  .client_version = "dev"};
    host_self(server_host_inside(place->host), &options.self);
    cr_assert_eq(dev_open(&place->dev, &options), STATUS_OK);
    return place;
}

static void place_free(struct place *place)
{
    dev_close(place->dev);
    dev_free(place->dev);
    devchain_free(place->devchain);
    server_free(place->server);
    server_host_free(place->host);
    world_run_for_ms(place->world, 1000);
    pool_free(place->pool);
    ledger_free(place->ledger);
    genesis_free(place->genesis);
    node_store_free(place->store);
    buf_free(&place->answer);
    world_free(place->world);
    crypto_free(place->crypto);
    mem_free(place);
}

static void on_reply(void *owner, struct span reply)
{
    struct place *place = owner;
    buf_clear(&place->answer);
    buf_add_span(&place->answer, reply);
    buf_add_u8(&place->answer, 0);
    place->answers++;
}

static void submit(struct place *place, const char *request)
{
    struct rpc_request *waiting;
    struct buf reply = {0};
    if (rpc_submit(place->dev->rpc, SPAN_STR(request), &reply, &waiting, on_reply, place) !=
        RPC_WAITING)
        on_reply(place, buf_span(&reply));
    buf_free(&reply);
}

static const char *ask(struct place *place, const char *method, const char *params)
{
    struct buf request = {0};
    size_t before = place->answers;
    buf_printf(&request, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":%s}", method,
               params);
    buf_add_u8(&request, 0);
    submit(place, (const char *)request.data);
    buf_free(&request);
    for (int i = 0; i < 20000 && place->answers == before; i++)
        world_run_for_ms(place->world, 1);
    cr_assert_eq(place->answers, before + 1, "%s is not answered", method);
    return (const char *)place->answer.data;
}

#define RESULT(text) "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":" text "}"
#define FIRST        "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266"
#define SECOND       "0x70997970c51812dc3a010c7d01b50e0d17dc79c8"
#define SEND         "[{\"from\":\"" FIRST "\",\"to\":\"" SECOND "\",\"value\":\"0x1\"}]"

Test(dev, what_is_written_is_read_on_any_network)
{
    uint64_t seed = fixture_seed();
    for (unsigned round = 0; round < 6; round++) {
        struct place *place = place_new(seed + round);
        struct world_net net = {.latency_us_min = 10,
                                .latency_us_max = 100 + 1000 * world_dice(place->world, 50),
                                .chunk_max = 1 + world_dice(place->world, 2000)};
        char expected[128];
        world_set_net(place->world, &net);
        for (unsigned i = 1; i <= 5; i++) {
            cr_assert(strstr(ask(place, "eth_sendTransaction", SEND), "\"result\":\"0x") != NULL,
                      "seed %llu: %s", (unsigned long long)(seed + round), place->answer.data);
            snprintf(expected, sizeof expected, RESULT("\"0x%x\""), i);
            cr_assert_str_eq(ask(place, "eth_blockNumber", "[]"), expected);
            cr_assert_str_eq(ask(place, "eth_getTransactionCount", "[\"" FIRST "\",\"latest\"]"),
                             expected);
        }
        cr_assert_str_eq(ask(place, "evm_snapshot", "[]"), RESULT("\"0x1\""));
        ask(place, "anvil_setBalance", "[\"" SECOND "\",\"0x5\"]");
        cr_assert_str_eq(ask(place, "eth_getBalance", "[\"" SECOND "\",\"latest\"]"),
                         RESULT("\"0x5\""));
        cr_assert_str_eq(ask(place, "evm_revert", "[\"0x1\"]"), RESULT("true"));
        cr_assert_str_eq(ask(place, "eth_blockNumber", "[]"), RESULT("\"0x5\""));
        cr_assert_str_eq(ask(place, "eth_getBalance", "[\"" SECOND "\",\"latest\"]"),
                         RESULT("\"0x21e19e0c9bab2400005\""));
        place_free(place);
    }
}

/* What one run did: the hash of its last head. */
static void run(struct hash32 *out, uint64_t seed)
{
    struct place *place = place_new(seed);
    ask(place, "eth_sendTransaction", SEND);
    ask(place, "hardhat_mine", "[300, 12]");
    ask(place, "anvil_impersonateAccount", "[\"0x0000000000000000000000000000000000001234\"]");
    ask(place, "anvil_setBalance",
        "[\"0x0000000000000000000000000000000000001234\",\"0xffffffffffffffff\"]");
    cr_assert(strstr(ask(place, "eth_sendTransaction",
                         "[{\"from\":\"0x0000000000000000000000000000000000001234\",\"to\":\"" FIRST
                         "\",\"value\":\"0x9\"}]"),
                     "result") != NULL);
    ask(place, "anvil_reorg", "[5]");
    ask(place, "evm_increaseTime", "[1000]");
    ask(place, "evm_mine", "[]");
    cr_assert_str_eq(ask(place, "eth_blockNumber", "[]"), RESULT("\"0x130\""));
    *out = ledger_head(place->ledger)->hash;
    place_free(place);
}

Test(dev, one_seed_is_one_chain)
{
    struct hash32 first, again;
    run(&first, 11);
    run(&again, 11);
    cr_assert(hash32_equal(&first, &again));
}

Test(dev, calls_in_a_batch_come_in_order_and_see_each_other)
{
    struct place *place = place_new(3);
    size_t before = place->answers;
    submit(place, "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"evm_mine\"},"
                  "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"eth_blockNumber\"},"
                  "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"anvil_setBalance\",\"params\":"
                  "[\"" SECOND "\",\"0x5\"]},"
                  "{\"jsonrpc\":\"2.0\",\"id\":4,\"method\":\"eth_getBalance\",\"params\":"
                  "[\"" SECOND "\",\"latest\"]}]");
    for (int i = 0; i < 20000 && place->answers == before; i++)
        world_run_for_ms(place->world, 1);
    cr_assert_eq(place->answers, before + 1);
    cr_assert(strstr((const char *)place->answer.data, "\"id\":4,\"result\":\"0x5\"") != NULL, "%s",
              place->answer.data);
    place_free(place);
}

Test(dev, nobody_waits_any_more)
{
    struct place *place = place_new(4);
    struct rpc_request *waiting;
    struct buf reply = {0};
    ask(place, "eth_blockNumber", "[]");
    static const char *const CALLS[] = {
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"hardhat_mine\",\"params\":[1000]}",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"eth_blockNumber\",\"params\":[]}",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"eth_sendTransaction\",\"params\":" SEND "}"};
    for (size_t i = 0; i < ARRAY_COUNT(CALLS); i++) {
        cr_assert_eq(
            rpc_submit(place->dev->rpc, SPAN_STR(CALLS[i]), &reply, &waiting, on_reply, place),
            RPC_WAITING);
        rpc_abandon(waiting);
    }
    buf_free(&reply);
    cr_assert_str_eq(ask(place, "eth_blockNumber", "[]"), RESULT("\"0x3e8\""));
    place_free(place);
}

Test(dev, bad_parameters_are_named)
{
    static const char *const CASES[][3] = {
        {"evm_increaseTime", "[\"x\"]", "a number is wanted"},
        {"evm_increaseTime", "[-5]", "a number is wanted"},
        {"evm_increaseTime", "[]", "missing value for required argument 0"},
        {"evm_mine", "[1.5]", "a number is wanted"},
        {"evm_mine", "[0]", "lower than or equal to previous block's timestamp"},
        {"evm_mine", "[{\"blocks\":\"1\"}]", "JSON integers"},
        {"hardhat_mine", "[\"0xffffffffffffffff\"]", "at most"},
        {"hardhat_mine", "[1,\"0x10000000000\"]", "too long"},
        {"evm_setNextBlockTimestamp", "[0]", "lower than or equal"},
        {"evm_setBlockGasLimit", "[1]", "gas limit"},
        {"evm_revert", "[\"0x10000000000000000\"]", "more than 64 bits"},
        {"evm_revert", "[7]", "\"result\":false"},
        {"anvil_reorg", "[5]", "not that long"},
        {"anvil_reorg", "[{\"depth\":1,\"txBlockPairs\":[[\"0x00\",1]]}]", "no transactions"},
        {"anvil_rollback", "[5]", "not that long"},
        {"hardhat_reset", "[{\"forking\":{\"jsonRpcUrl\":\"http://x\"}}]", "cannot fork"},
        {"anvil_setBalance", "[\"0x12\",\"0x1\"]", "invalid argument 0"},
        {"eth_sendTransaction", "[{\"to\":\"" SECOND "\"}]", "from is missing"},
        {"eth_sendTransaction", "[{\"from\":\"0x0000000000000000000000000000000000000001\"}]",
         "unknown account"},
        {"eth_sendTransaction", "[{\"from\":\"" FIRST "\"}]", "contract creation without"},
        {"eth_sendTransaction",
         "[{\"from\":\"" FIRST "\",\"to\":\"" SECOND "\",\"chainId\":\"0x1\"}]",
         "invalid chain id"},
        {"eth_sendTransaction",
         "[{\"from\":\"" FIRST "\",\"to\":\"" SECOND "\",\"nonce\":\"0x0\","
         "\"gas\":\"0x1\"}]",
         "intrinsic gas too low"},
        {"eth_sendRawTransaction", "[\"0x00\"]", "typed transaction too short"},
        {"eth_sign", "[\"0x0000000000000000000000000000000000000001\",\"0x\"]", "unknown account"},
    };
    struct place *place = place_new(5);
    for (size_t i = 0; i < ARRAY_COUNT(CASES); i++)
        cr_assert(strstr(ask(place, CASES[i][0], CASES[i][1]), CASES[i][2]) != NULL, "%s %s: %s",
                  CASES[i][0], CASES[i][1], place->answer.data);
    cr_assert_str_eq(ask(place, "eth_blockNumber", "[]"), RESULT("\"0x0\""));
    place_free(place);
}
