/* A node that follows another over LES, in the simulated world. */
#include "conf/genesis.h"
#include "les/eth/keccak.h"
#include "les/eth/u256.h"
#include "les/node/backend.h"
#include "les/node/devchain.h"
#include "les/node/follow.h"
#include "les/proto/server_host.h"
#include "tests/fixture/fixture.h"
#include "tests/sim/world.h"

#include <criterion/criterion.h>

TestSuite(follow, .fini = fixture_leak_gate, .timeout = 120);

struct node {
    struct loop *loop;
    struct genesis *genesis;
    struct node_store *store;
    struct ledger *ledger;
    struct pool *pool;
    struct node_backend backend;
    struct server *server;
    struct server_host *host;
    struct devchain *devchain;
    struct follow *follow;
};

struct place {
    struct world *world;
    struct crypto *crypto;
    struct node leader, follower;
};

static void on_head(void *owner, struct ledger_block *from, struct ledger_block *to)
{
    struct node *node = owner;
    (void)from;
    (void)to;
    if (node->server == NULL)
        return;
    pool_head_changed(node->pool);
    server_head_changed(node->server);
}

static void on_tx(void *owner, struct span envelope)
{
    struct node *node = owner;
    if (node->follow != NULL)
        follow_send_tx(node->follow, envelope);
}

static void node_open(struct place *place, struct node *node, const char *ip, uint8_t key)
{
    struct buf error = {0};
    cr_assert_eq(genesis_load(&node->genesis, SOURCE_DIR "/conf/demo/genesis.json", &error),
                 STATUS_OK, "%.*s", (int)error.size, (const char *)error.data);
    buf_free(&error);
    node->store = node_store_new();
    genesis_build(node->genesis, node->store);
    node->loop = world_host_new(place->world, ip);
    struct ledger_config config = {.spec = &node->genesis->spec,
                                   .crypto = place->crypto,
                                   .store = node->store,
                                   .on_head = on_head,
                                   .owner = node};
    node->ledger = ledger_new(&config, &node->genesis->header);
    struct u256 one = u256_from_u64(1);
    node->pool = pool_new(node->ledger, place->crypto, &one);
    node_backend_init(&node->backend, node->ledger, node->pool);
    node->backend.on_tx = on_tx;
    node->backend.owner = node;
    struct server_config server_config = {.spec = &node->genesis->spec, .key = {{key}}};
    node->server = server_new(node->loop, place->crypto, NULL, &server_config, &node->backend.base);
    struct server_host_config host_config = {.key = {{key}}, .client_id = "test", .clients_max = 8};
    char text[32];
    snprintf(text, sizeof(text), "%s:30303", ip);
    cr_assert(endpoint_parse(&host_config.listen, text));
    cr_assert_eq(
        server_host_new(&node->host, node->loop, place->crypto, NULL, &host_config, node->server),
        STATUS_OK);
}

static void node_close(struct node *node)
{
    devchain_free(node->devchain);
    follow_free(node->follow);
    server_free(node->server);
    server_host_free(node->host);
    node->server = NULL;
}

static void node_free(struct node *node)
{
    pool_free(node->pool);
    ledger_free(node->ledger);
    genesis_free(node->genesis);
    node_store_free(node->store);
}

static struct place *place_new(void)
{
    struct place *place = mem_alloc(sizeof(*place));
    uint8_t seed[32] = {1};
    struct buf error = {0};
    place->crypto = crypto_new(seed);
    place->world = world_new(fixture_seed());
    node_open(place, &place->leader, "10.0.0.1", 1);
    node_open(place, &place->follower, "10.0.0.2", 2);
    place->leader.devchain = devchain_new(place->leader.loop, place->leader.ledger,
                                          place->leader.pool, place->crypto, NULL, 0, &error);
    cr_assert_not_null(place->leader.devchain);
    buf_free(&error);
    return place;
}

static void start_following(struct place *place)
{
    struct enode leader;
    host_self(server_host_inside(place->leader.host), &leader);
    cr_assert_eq(follow_new(&place->follower.follow, place->follower.loop, place->crypto, NULL,
                            place->follower.ledger, &leader),
                 STATUS_OK);
}

static void place_free(struct place *place)
{
    node_close(&place->follower);
    node_close(&place->leader);
    world_run_for_ms(place->world, 2000);
    world_free(place->world);
    node_free(&place->follower);
    node_free(&place->leader);
    crypto_free(place->crypto);
    mem_free(place);
}

static void make_blocks(struct place *place, int count)
{
    for (int i = 0; i < count; i++)
        cr_assert(devchain_make_block(place->leader.devchain));
}

static bool same_head(void *owner)
{
    struct place *place = owner;
    return hash32_equal(&ledger_head(place->leader.ledger)->hash,
                        &ledger_head(place->follower.ledger)->hash);
}

static void expect_same_head(struct place *place)
{
    cr_assert(world_run_until(place->world, same_head, place, 60000), "leader %zu, follower %zu",
              (size_t)ledger_head(place->leader.ledger)->header.number,
              (size_t)ledger_head(place->follower.ledger)->header.number);
}

Test(follow, catches_up_and_keeps_up)
{
    struct place *place = place_new();
    make_blocks(place, 300); /* more than two questions' worth */
    start_following(place);
    expect_same_head(place);
    for (int i = 0; i < 10; i++) {
        make_blocks(place, 1);
        expect_same_head(place);
    }
    cr_assert_eq(ledger_head(place->follower.ledger)->header.number, 310u);
    place_free(place);
}

Test(follow, takes_the_other_branch_when_the_leader_does)
{
    struct place *place = place_new();
    start_following(place);
    make_blocks(place, 30);
    expect_same_head(place);
    struct ledger *ledger = place->leader.ledger;
    ledger_set_head(ledger, ledger_by_number(ledger, 12));
    world_set_wall_s(place->world, 1900000000); /* so that the new blocks differ */
    make_blocks(place, 40);
    expect_same_head(place);
    cr_assert_eq(ledger_head(place->follower.ledger)->header.number, 52u);
    place_free(place);
}

Test(follow, finds_the_leader_again_after_a_cut)
{
    struct place *place = place_new();
    start_following(place);
    make_blocks(place, 3);
    expect_same_head(place);
    world_cut(place->leader.loop, place->follower.loop);
    make_blocks(place, 5);
    expect_same_head(place);
    place_free(place);
}

static bool tx_is_there(void *owner)
{
    return pool_count(((struct place *)owner)->leader.pool) == 1;
}

Test(follow, passes_transactions_on)
{
    struct place *place = place_new();
    struct seckey32 key; /* of the second account of the demo's genesis */
    struct hash32 hash;
    fixture_hex_exact(key.bytes, 32,
                      "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80");
    start_following(place);
    make_blocks(place, 1);
    expect_same_head(place);
    struct tx tx = {.type = TX_DYNAMIC_FEE,
                    .has_chain_id = true,
                    .chain_id = place->leader.genesis->spec.chain_id,
                    .max_fee = u256_from_u64(10000000000),
                    .max_priority_fee = u256_from_u64(1),
                    .gas_limit = 21000,
                    .has_to = true,
                    .to = {{9}}};
    struct buf envelope = {0};
    tx_sign(&envelope, &tx, place->crypto, &key);
    keccak256(&hash, buf_span(&envelope));
    follow_send_tx(place->follower.follow, buf_span(&envelope));
    buf_free(&envelope);
    cr_assert(world_run_until(place->world, tx_is_there, place, 10000));
    make_blocks(place, 1);
    expect_same_head(place);
    cr_assert_not_null(ledger_tx(place->follower.ledger, &hash));
    place_free(place);
}

Test(follow, may_end_in_the_middle_of_everything)
{
    for (uint64_t ms = 0; ms < 60; ms += 3) {
        struct place *place = place_new();
        make_blocks(place, 20);
        start_following(place);
        world_run_for_ms(place->world, ms);
        place_free(place);
    }
}
