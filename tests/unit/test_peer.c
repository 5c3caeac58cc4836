/* Hosts and peers over the real loop and loopback TCP: what one connection does.
 * tests/sim/test_host.c does the same and much more in simulated time. */
#include "les/base/limits.h"
#include "les/eth/rlp.h"
#include "les/p2p/hello.h"
#include "les/p2p/host.h"
#include "les/p2p/rlpx.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>

TestSuite(peer, .fini = fixture_leak_gate, .timeout = 30);

/* ---- two hosts ---- */

struct world;
struct node {
    struct world *world;
    struct host *host;
    struct peer *peer; /* newest */
    size_t peers, gone, messages, failed;
    enum peer_reason reason;
    bool remote_said;
    char cap[9];
    unsigned version, code, shared_count;
    struct buf payload; /* newest message */
    char why[128];
    bool echo; /* sends every message back */
};
struct world {
    struct loop *loop;
    struct crypto *crypto;
    struct node a, b;
    bool (*until)(struct world *world);
    struct task look;
    struct timer deadline;
    bool late;
};

static void on_look(struct task *task)
{
    struct world *world = container_of(task, struct world, look);
    if (world->until && world->until(world))
        loop_stop(world->loop);
}

static void look(struct world *world)
{
    loop_defer(world->loop, &world->look);
}

static void on_peer(void *owner, struct peer *peer, const struct peer_cap *shared,
                    size_t shared_count)
{
    struct node *node = owner;
    node->peer = peer;
    node->peers++;
    node->shared_count = (unsigned)shared_count;
    memcpy(node->cap, shared[0].name, sizeof(node->cap));
    node->version = shared[0].version;
    look(node->world);
}

static void on_message(void *owner, struct peer *peer, const char *cap, unsigned version,
                       unsigned code, struct span payload)
{
    struct node *node = owner;
    node->messages++;
    node->code = code;
    node->version = version;
    memcpy(node->cap, cap, strlen(cap) + 1);
    buf_clear(&node->payload);
    buf_add_span(&node->payload, payload);
    if (node->echo)
        cr_assert(peer_send(peer, cap, code, payload));
    look(node->world);
}

static void on_gone(void *owner, struct peer *peer, enum peer_reason reason, bool remote_said)
{
    struct node *node = owner;
    (void)peer;
    node->gone++;
    node->reason = reason;
    node->remote_said = remote_said;
    node->peer = NULL;
    look(node->world);
}

static void on_dial_failed(void *owner, const struct enode *to, const char *why)
{
    struct node *node = owner;
    (void)to;
    node->failed++;
    snprintf(node->why, sizeof(node->why), "%s", why);
    look(node->world);
}

static const struct host_protocol_events EVENTS = {.on_peer = on_peer,
                                                   .on_message = on_message,
                                                   .on_gone = on_gone,
                                                   .on_dial_failed = on_dial_failed};

static void on_deadline(struct timer *timer)
{
    struct world *world = container_of(timer, struct world, deadline);
    world->late = true;
    loop_stop(world->loop);
}

static void run_until(struct world *world, bool (*until)(struct world *world))
{
    world->until = until;
    if (until(world))
        return;
    timer_start(&world->deadline, 10000);
    loop_run(world->loop);
    timer_stop(&world->deadline);
    cr_assert_not(world->late, "it did not come in 10 s");
}

static struct host_config config_make(uint8_t key_byte)
{
    struct host_config config = {.client_id = "test/v1",
                                 .do_listen = true,
                                 .caps = {{"les", 4, 24}, {"les", 3, 24}},
                                 .caps_count = 2,
                                 .peers_max = 10,
                                 .inbound_max = 10};
    memset(config.key.bytes, key_byte, 32);
    cr_assert(endpoint_parse(&config.listen, "127.0.0.1:0"));
    return config;
}

static void node_open(struct world *world, struct node *node, const struct host_config *config)
{
    node->world = world;
    cr_assert_eq(host_new(&node->host, world->loop, world->crypto, NULL, config, &EVENTS, node),
                 STATUS_OK);
}

static void world_init(struct world *world)
{
    static const uint8_t seed32[32] = {1};
    memset(world, 0, sizeof(*world));
    world->loop = loop_uv_new();
    world->crypto = crypto_new(seed32);
    world->look.on_run = on_look;
    timer_init(&world->deadline, world->loop, on_deadline);
}

static void world_open(struct world *world)
{
    struct host_config a = config_make(1), b = config_make(2);
    world_init(world);
    node_open(world, &world->a, &a);
    node_open(world, &world->b, &b);
}

static void world_free(struct world *world)
{
    host_free(world->a.host);
    host_free(world->b.host);
    buf_free(&world->a.payload);
    buf_free(&world->b.payload);
    loop_free(world->loop);
    crypto_free(world->crypto);
}

static bool both_have_a_peer(struct world *world)
{
    return world->a.peer && world->b.peer;
}

static void connect_nodes(struct world *world)
{
    struct enode b;
    host_self(world->b.host, &b);
    host_dial_once(world->a.host, &b);
    run_until(world, both_have_a_peer);
}

Test(peer, two_hosts_meet_and_agree_on_the_highest_version)
{
    struct world world;
    struct enode a;
    world_open(&world);
    connect_nodes(&world);
    cr_assert_eq(world.a.peers, 1);
    cr_assert_eq(world.b.peers, 1);
    cr_assert_str_eq(world.a.cap, "les");
    cr_assert_eq(world.a.version, 4);
    cr_assert_eq(world.b.version, 4);
    cr_assert_eq(world.b.shared_count, 1);
    cr_assert_str_eq(peer_client_id(world.b.peer), "test/v1");
    cr_assert(peer_inbound(world.b.peer));
    cr_assert_not(peer_inbound(world.a.peer));
    host_self(world.a.host, &a);
    cr_assert_eq(memcmp(peer_key(world.b.peer)->bytes, a.key.bytes, 64), 0);
    cr_assert_eq(host_find_peer(world.a.host, peer_id(world.a.peer)), world.a.peer);
    cr_assert_eq(host_peer_at(world.a.host, 0), world.a.peer);
    cr_assert_null(host_peer_at(world.a.host, 1));
    world_free(&world);
}

static bool a_got_a_message(struct world *world)
{
    return world->a.messages > 0;
}

Test(peer, a_message_arrives_whole_and_decompressed)
{
    static const size_t sizes[] = {0, 1, 100, 65536, 5000000, PEER_MESSAGE_MAX};
    struct world world;
    struct buf big = {0};
    world_open(&world);
    connect_nodes(&world);
    world.b.echo = true;
    buf_reserve(&big, PEER_MESSAGE_MAX + 1);
    for (size_t i = 0; i < PEER_MESSAGE_MAX + 1; i++)
        big.data[i] = (uint8_t)(i * i >> 7);
    for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        world.a.messages = 0;
        cr_assert(peer_send(world.a.peer, "les", 23, SPAN(big.data, sizes[i])));
        run_until(&world, a_got_a_message);
        cr_assert_eq(world.a.code, 23);
        cr_assert(span_equal(buf_span(&world.a.payload), SPAN(big.data, sizes[i])));
    }
    cr_assert_not(peer_send(world.a.peer, "les", 0, SPAN(big.data, PEER_MESSAGE_MAX + 1)));
    cr_assert_not(peer_send(world.a.peer, "eth", 0, SPAN_EMPTY));
    cr_assert_eq(world.a.gone + world.b.gone, 0);
    buf_free(&big);
    world_free(&world);
}

static bool b_lost_its_peer(struct world *world);

Test(peer, a_message_over_the_limit_of_this_peer_is_a_breach)
{
    struct world world;
    uint8_t bytes[1001] = {0};
    world_open(&world);
    connect_nodes(&world);
    peer_limit(world.b.peer, 1000);
    world.b.echo = true;
    cr_assert(peer_send(world.a.peer, "les", 1, SPAN(bytes, 1000)));
    run_until(&world, a_got_a_message);
    cr_assert(peer_send(world.a.peer, "les", 1, SPAN(bytes, 1001)));
    run_until(&world, b_lost_its_peer);
    cr_assert_eq(world.b.reason, PEER_BREACH);
    cr_assert_not(world.b.remote_said);
    world_free(&world);
}

static bool b_lost_its_peer(struct world *world)
{
    return world->b.gone > 0;
}

Test(peer, the_reason_of_a_disconnect_arrives_and_the_owner_hears_nothing_of_its_own)
{
    struct world world;
    world_open(&world);
    connect_nodes(&world);
    peer_disconnect(world.a.peer, PEER_USELESS);
    peer_disconnect(world.a.peer, PEER_BREACH);
    cr_assert_not(peer_send(world.a.peer, "les", 0, SPAN_EMPTY));
    cr_assert_eq(host_peers_count(world.a.host), 0);
    run_until(&world, b_lost_its_peer);
    cr_assert_eq(world.b.reason, PEER_USELESS);
    cr_assert(world.b.remote_said);
    cr_assert_eq(world.b.gone, 1);
    cr_assert_eq(world.a.gone, 0);
    world_free(&world);
}

Test(peer, a_host_that_ends_says_quitting)
{
    struct world world;
    world_open(&world);
    connect_nodes(&world);
    host_free(world.a.host);
    world.a.host = NULL;
    run_until(&world, b_lost_its_peer);
    cr_assert_eq(world.b.reason, PEER_QUITTING);
    cr_assert(world.b.remote_said);
    world_free(&world);
}

static bool a_failed(struct world *world)
{
    return world->a.failed > 0;
}

Test(peer, a_dial_that_is_refused_is_reported)
{
    struct world world;
    struct enode b;
    world_open(&world);
    host_self(world.b.host, &b);
    host_free(world.b.host);
    world.b.host = NULL;
    host_dial_once(world.a.host, &b);
    cr_assert_eq(world.a.failed, 0);
    run_until(&world, a_failed);
    cr_assert_str_eq(world.a.why, "the connection was refused");
    world_free(&world);
}

Test(peer, no_shared_capability_means_useless)
{
    struct world world;
    struct host_config a = config_make(1), b = config_make(2);
    struct enode to;
    world_init(&world);
    b.caps_count = 1;
    b.caps[0] = (struct peer_cap){"lsm", 1, 8};
    node_open(&world, &world.a, &a);
    node_open(&world, &world.b, &b);
    host_self(world.b.host, &to);
    host_dial_once(world.a.host, &to);
    run_until(&world, a_failed);
    cr_assert_eq(world.a.peers + world.b.peers, 0);
    cr_assert(strcmp(world.a.why, "no capability is shared") == 0 ||
                  strcmp(world.a.why, "useless peer") == 0,
              "%s", world.a.why);
    world_free(&world);
}

Test(peer, a_second_connection_to_one_node_is_turned_away)
{
    struct world world;
    struct enode to;
    world_open(&world);
    connect_nodes(&world);
    host_self(world.a.host, &to);
    host_dial_once(world.b.host, &to);
    host_self(world.b.host, &to);
    host_dial_once(world.a.host, &to);
    run_until(&world, a_failed);
    cr_assert_eq(world.a.peers, 1);
    cr_assert_eq(world.b.peers, 1);
    world_free(&world);
}

Test(peer, the_wrong_key_behind_an_address_is_found_out)
{
    struct world world;
    struct enode to;
    world_open(&world);
    host_self(world.b.host, &to);
    memset(world.a.why, 0, sizeof(world.a.why));
    /* A's own key is no key of B: the auth packet cannot be opened. */
    struct seckey32 other;
    memset(other.bytes, 9, 32);
    crypto_pubkey(world.crypto, &to.key, &other);
    host_dial_once(world.a.host, &to);
    run_until(&world, a_failed);
    cr_assert_eq(world.b.peers, 0);
    world_free(&world);
}

static bool a_statics_connected(struct world *world)
{
    struct host_stats stats;
    host_stats(world->a.host, &stats);
    return stats.statics_connected == 1 && world->b.peer;
}

Test(peer, a_static_node_is_called_again)
{
    struct world world;
    struct enode to;
    struct host_config b = config_make(2);
    struct host_stats stats;
    world_open(&world);
    host_self(world.b.host, &to);
    b.listen = to.at;
    cr_assert(host_add_static(world.a.host, &to));
    cr_assert(host_add_static(world.a.host, &to));
    run_until(&world, a_statics_connected);
    peer_disconnect(world.b.peer, PEER_REQUESTED);
    world.b.peer = NULL;
    run_until(&world, a_statics_connected);
    cr_assert_eq(world.a.peers, 2);
    cr_assert_eq(world.a.gone, 1);
    host_free(world.b.host);
    world.b.peer = NULL;
    node_open(&world, &world.b, &b);
    run_until(&world, a_statics_connected);
    host_stats(world.a.host, &stats);
    cr_assert_eq(stats.statics, 1);
    cr_assert_eq(stats.peers, 1);
    cr_assert_eq(stats.peers_total, 3);
    cr_assert_gt(stats.bytes_in, 0);
    host_remove_static(world.a.host, &to);
    host_stats(world.a.host, &stats);
    cr_assert_eq(stats.statics, 0);
    cr_assert_eq(stats.peers, 1);
    world_free(&world);
}

static bool a_got_three(struct world *world)
{
    return world->a.messages == 3;
}

static bool b_got_three(struct world *world)
{
    return world->b.messages == 3;
}

Test(peer, a_paused_peer_delivers_after_resume_in_order)
{
    struct world world;
    uint8_t byte;
    world_open(&world);
    connect_nodes(&world);
    peer_pause(world.a.peer, true);
    world.b.echo = true;
    for (byte = 0; byte < 3; byte++)
        cr_assert(peer_send(world.a.peer, "les", byte, SPAN(&byte, 1)));
    run_until(&world, b_got_three);
    cr_assert_eq(world.a.messages, 0);
    peer_pause(world.a.peer, false);
    cr_assert_eq(world.a.messages, 0);
    run_until(&world, a_got_three);
    cr_assert_eq(world.a.code, 2);
    world_free(&world);
}
