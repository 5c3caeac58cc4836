/* What is asked of a full node at the start, of nodes that tell much, little or nonsense. */
#include "conf/genesis.h"
#include "conf/known.h"
#include "les/node/full_genesis.h"
#include "tests/fixture/fixture.h"
#include "tests/sim/world.h"
#include "tests/sim/world_node.h"

#include <criterion/criterion.h>

TestSuite(full_genesis, .fini = fixture_leak_gate, .timeout = 60);

/* Block 0 of an anvil: all forks up to Osaka from the start, no accounts under its root. */
#define BLOCK                                                                                      \
    "{\"hash\":\"0x983ec44a755122a7bffd4463de1ec253256132631011f4a3979d154d47f551d9\","            \
    "\"parentHash\":\"0x0000000000000000000000000000000000000000000000000000000000000000\","       \
    "\"sha3Uncles\":\"0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347\","       \
    "\"miner\":\"0x0000000000000000000000000000000000000000\","                                    \
    "\"stateRoot\":\"0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421\","        \
    "\"transactionsRoot\":"                                                                        \
    "\"0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421\","                      \
    "\"receiptsRoot\":\"0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421\","     \
    "\"logsBloom\":\"0x%0512d\",\"difficulty\":\"0x0\",\"number\":\"0x0\","                        \
    "\"gasLimit\":\"0x1c9c380\",\"gasUsed\":\"0x0\",\"timestamp\":\"%s\",\"extraData\":\"0x\","    \
    "\"mixHash\":\"0x0000000000000000000000000000000000000000000000000000000000000000\","          \
    "\"nonce\":\"0x0000000000000000\",\"baseFeePerGas\":\"0x3b9aca00\","                           \
    "\"withdrawalsRoot\":\"0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421\","  \
    "\"blobGasUsed\":\"0x0\",\"excessBlobGas\":\"0x0\","                                           \
    "\"parentBeaconBlockRoot\":"                                                                   \
    "\"0x0000000000000000000000000000000000000000000000000000000000000000\","                      \
    "\"requestsHash\":\"0xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"}"

struct place {
    struct world *world;
    struct loop *own;
    struct world_node *node;
    struct full_rpc *rpc;
    struct full_genesis_ask *ask;
    const char *anvil, *config, *admin, *chain_id, *timestamp, *network;
    size_t calls;
    /* what came */
    bool done;
    const char *why;
    struct full_genesis told;
};

static json_t *parse(const char *text)
{
    json_error_t error;
    json_t *json = json_loads(text, JSON_DECODE_ANY, &error);
    cr_assert_not_null(json, "%s", error.text);
    return json;
}

static json_t *on_answer(void *owner, const char *method, json_t *params, int *code,
                         const char **text)
{
    struct place *place = owner;
    (void)params;
    place->calls++;
    *code = -32601;
    *text = "Method not found";
    const struct {
        const char *method, *answer;
    } rows[] = {{"web3_clientVersion", "\"tested/v1\\n\""},
                {"eth_chainId", place->chain_id},
                {"net_version", place->network},
                {"admin_nodeInfo", place->admin},
                {"anvil_nodeInfo", place->anvil},
                {"eth_config", place->config}};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        if (strcmp(rows[i].method, method) == 0 && rows[i].answer != NULL)
            return parse(rows[i].answer);
    }
    if (strcmp(method, "eth_getBlockByNumber") != 0)
        return NULL;
    char block[4096];
    snprintf(block, sizeof(block), BLOCK, 0, place->timestamp);
    return parse(block);
}

static void on_done(void *owner, const struct full_genesis *genesis, const char *why)
{
    struct place *place = owner;
    cr_assert_not(place->done);
    place->done = true;
    place->why = why;
    if (genesis == NULL)
        return;
    place->told = *genesis;
    place->told.json = (struct buf){0};
    buf_add_span(&place->told.json, buf_span(&genesis->json));
}

static struct place *place_new(void)
{
    struct place *place = mem_alloc(sizeof(*place));
    struct full_rpc_config config = {.url = "http://10.0.0.2:8545", .call_ms = 2000};
    const char *why;
    place->world = world_new(fixture_seed());
    place->own = world_host_new(place->world, "10.0.0.1");
    place->node = world_node_new(world_host_new(place->world, "10.0.0.2"), on_answer, place);
    place->chain_id = "\"0x7a69\"";
    place->network = "\"31337\"";
    place->timestamp = "0x6b02cca6";
    cr_assert_eq(full_rpc_new(&place->rpc, place->own, NULL, &config, &why), STATUS_OK);
    return place;
}

static bool is_done(void *owner)
{
    return ((struct place *)owner)->done;
}

static void ask(struct place *place)
{
    place->ask = full_genesis_ask(place->own, NULL, place->rpc, known_config, on_done, place);
    cr_assert(world_run_until(place->world, is_done, place, 60000));
}

static void place_free(struct place *place)
{
    full_genesis_ask_free(place->ask);
    full_rpc_free(place->rpc);
    world_node_free(place->node);
    world_run_for_ms(place->world, 1000);
    world_free(place->world);
    buf_free(&place->told.json);
    mem_free(place);
}

/* What it told gives its own genesis hash; the newest fork that is active there. */
static void expect_rules(struct place *place, enum fork newest)
{
    struct genesis *genesis;
    struct buf error = {0};
    ask(place);
    cr_assert_null(place->why);
    cr_assert_eq(place->told.chain_id, 31337u);
    cr_assert_eq(genesis_parse(&genesis, buf_span(&place->told.json), "told", &error), STATUS_OK,
                 "%.*s", (int)error.size, (const char *)error.data);
    genesis_build(genesis, NULL);
    cr_assert(hash32_equal(&genesis->spec.genesis_hash, &place->told.hash));
    cr_assert_eq(genesis->spec.activation[newest], 0u);
    cr_assert(newest + 1 == FORK_COUNT || genesis->spec.activation[newest + 1] == FORK_NEVER);
    genesis_free(genesis);
    buf_free(&error);
    place_free(place);
}

Test(full_genesis, anvil_names_its_fork)
{
    struct place *place = place_new();
    place->anvil = "{\"hardFork\":\"Osaka\"}";
    expect_rules(place, FORK_OSAKA);
    place = place_new();
    place->anvil = "{\"hardFork\":\"Bpo1\"}";
    place->config = "{\"current\":{\"activationTime\":0,\"blobSchedule\":{\"target\":6,\"max\":9,"
                    "\"baseFeeUpdateFraction\":5007716}}}";
    expect_rules(place, FORK_BPO1);
}

Test(full_genesis, rules_that_hold_from_the_start_are_told_by_eth_config)
{
    struct place *place = place_new();
    place->config = "{\"current\":{\"activationTime\":0,\"precompiles\":{\"P256VERIFY\":\"0x1\"}},"
                    "\"next\":null}";
    expect_rules(place, FORK_OSAKA);
    place = place_new();
    place->config =
        "{\"current\":{\"activationTime\":0,\"precompiles\":{\"BLS12_G1ADD\":\"0x1\"}}}";
    expect_rules(place, FORK_PRAGUE);
}

Test(full_genesis, a_config_of_the_admin_api_is_taken_as_it_is)
{
    struct place *place = place_new();
    place->admin =
        "{\"protocols\":{\"eth\":{\"config\":{\"chainId\":31337,\"homesteadBlock\":0,"
        "\"eip150Block\":0,\"eip155Block\":0,\"eip158Block\":0,\"byzantiumBlock\":0,"
        "\"constantinopleBlock\":0,\"petersburgBlock\":0,\"istanbulBlock\":0,\"berlinBlock\":0,"
        "\"londonBlock\":0,\"terminalTotalDifficulty\":0,\"shanghaiTime\":0,\"cancunTime\":0,"
        "\"pragueTime\":0}}}}";
    expect_rules(place, FORK_PRAGUE);
}

Test(full_genesis, a_node_that_tells_no_rules_tells_its_genesis_all_the_same)
{
    static const char *const CONFIGS[] = {
        NULL, "null", "[]", "{\"current\":{\"activationTime\":5}}",
        "{\"current\":{\"activationTime\":0},\"next\":{\"activationTime\":9}}"};
    for (size_t i = 0; i < ARRAY_COUNT(CONFIGS); i++) {
        struct place *place = place_new();
        place->config = CONFIGS[i];
        place->network = i == 0 ? NULL : i == 1 ? "\"0x2a\"" : "\"12 \"";
        ask(place);
        cr_assert_null(place->why);
        cr_assert_eq(place->told.json.size, 0u, "config %zu", i);
        cr_assert_eq(place->told.hash.bytes[0], 0x98);
        cr_assert_eq(place->told.has_network_id, i == 1);
        cr_assert_str_eq(place->told.client, "tested/v1?");
        place_free(place);
    }
}

Test(full_genesis, what_is_no_genesis_is_final)
{
    struct place *place = place_new();
    place->timestamp = "0x1"; /* not what the hash is of */
    ask(place);
    cr_assert_not_null(place->why);
    place_free(place);
    place = place_new();
    place->chain_id = "\"mainnet\"";
    ask(place);
    cr_assert_not_null(place->why);
    place_free(place);
}

Test(full_genesis, a_node_that_is_not_there_is_waited_for)
{
    struct place *place = place_new();
    place->anvil = "{\"hardFork\":\"Osaka\"}";
    world_node_listen(place->node, false);
    place->ask = full_genesis_ask(place->own, NULL, place->rpc, NULL, on_done, place);
    world_run_for_ms(place->world, 30000);
    cr_assert_not(place->done);
    world_node_set(place->node, NODE_GARBAGE, 0);
    world_node_listen(place->node, true);
    world_run_for_ms(place->world, 20000);
    cr_assert_not(place->done);
    world_node_set(place->node, NODE_FINE, 0);
    cr_assert(world_run_until(place->world, is_done, place, 60000));
    cr_assert_gt(place->told.json.size, 0u);
    place_free(place);
}

Test(full_genesis, may_end_while_it_asks)
{
    for (uint64_t ms = 0; ms < 30; ms++) {
        struct place *place = place_new();
        place->ask = full_genesis_ask(place->own, NULL, place->rpc, NULL, on_done, place);
        world_run_for_ms(place->world, ms);
        place_free(place);
    }
}
