/* Hosts in simulated time: meeting, losing and finding one another again, limits, floods, broken
 * networks. */
#include "les/base/limits.h"
#include "les/p2p/host.h"
#include "tests/fixture/fixture.h"
#include "tests/sim/world.h"

#include <criterion/criterion.h>

TestSuite(host, .fini = fixture_leak_gate, .timeout = 60);

enum { NODES_MAX = 24 };

struct town;
struct node {
    struct town *town;
    struct loop *loop;
    struct host *host;
    struct enode self;
    size_t came, went, failed, messages;
    enum peer_reason reason;
    bool remote_said;
    struct peer *peers[NODES_MAX * 2]; /* between on_peer and on_gone */
    size_t peers_count;
    bool refuse;
    uint32_t expected; /* next number in a stream of messages */
};
struct town {
    struct world *world;
    struct crypto *crypto;
    struct node nodes[NODES_MAX];
    size_t count;
};

static void on_peer(void *owner, struct peer *peer, const struct peer_cap *shared,
                    size_t shared_count)
{
    struct node *node = owner;
    cr_assert_eq(shared_count, 1);
    cr_assert_eq(shared[0].version, 4);
    node->came++;
    node->peers[node->peers_count++] = peer;
}

static void on_message(void *owner, struct peer *peer, const char *cap, unsigned version,
                       unsigned code, struct span payload)
{
    struct node *node = owner;
    cr_assert_str_eq(cap, "les");
    cr_assert_eq(version, 4);
    cr_assert_eq(be_read(payload.data, 4), node->expected++);
    cr_assert_eq(code, payload.size % 24);
    (void)peer;
    node->messages++;
}

static void on_gone(void *owner, struct peer *peer, enum peer_reason reason, bool remote_said)
{
    struct node *node = owner;
    size_t i = 0;
    while (i < node->peers_count && node->peers[i] != peer)
        i++;
    cr_assert_lt(i, node->peers_count, "on_gone for a peer that never came");
    node->peers[i] = node->peers[--node->peers_count];
    node->went++;
    node->reason = reason;
    node->remote_said = remote_said;
}

static void on_dial_failed(void *owner, const struct enode *to, const char *why)
{
    struct node *node = owner;
    (void)to;
    cr_assert_not_null(why);
    node->failed++;
}

static bool may_accept(void *owner, const struct endpoint *from)
{
    struct node *node = owner;
    (void)from;
    return !node->refuse;
}

static const struct host_protocol_events EVENTS = {.on_peer = on_peer,
                                                   .on_message = on_message,
                                                   .on_gone = on_gone,
                                                   .on_dial_failed = on_dial_failed,
                                                   .may_accept = may_accept};

static struct host_config config_make(size_t index)
{
    struct host_config config = {.client_id = "sim/v1",
                                 .do_listen = true,
                                 .caps = {{"les", 4, 24}},
                                 .caps_count = 1,
                                 .peers_max = 50,
                                 .inbound_max = 50};
    memset(config.key.bytes, 7, 32);
    config.key.bytes[31] = (uint8_t)(index + 1);
    cr_assert(endpoint_parse(&config.listen, "0.0.0.0:30303"));
    return config;
}

static void town_init(struct town *town, uint64_t seed)
{
    static const uint8_t seed32[32] = {1};
    memset(town, 0, sizeof(*town));
    town->world = world_new(seed);
    town->crypto = crypto_new(seed32);
}

static void node_start(struct node *node, const struct host_config *config)
{
    cr_assert_eq(host_new(&node->host, node->loop, node->town->crypto, NULL, config, &EVENTS, node),
                 STATUS_OK);
}

static void node_stop(struct node *node)
{
    host_free(node->host);
    node->host = NULL;
    node->peers_count = 0;
}

static struct node *node_add(struct town *town, const struct host_config *config)
{
    struct node *node = &town->nodes[town->count];
    char ip[32], at[48];
    snprintf(ip, sizeof(ip), "20.0.%zu.1", town->count + 1);
    snprintf(at, sizeof(at), "%s:30303", ip);
    node->town = town;
    node->loop = world_host_new(town->world, ip);
    node_start(node, config);
    host_self(node->host, &node->self);
    cr_assert(endpoint_parse(&node->self.at, at));
    town->count++;
    return node;
}

static void town_make(struct town *town, uint64_t seed, size_t count)
{
    town_init(town, seed);
    for (size_t i = 0; i < count; i++) {
        struct host_config config = config_make(i);
        node_add(town, &config);
    }
}

static void town_free(struct town *town)
{
    for (size_t i = 0; i < town->count; i++)
        if (town->nodes[i].host)
            node_stop(&town->nodes[i]);
    world_free(town->world);
    crypto_free(town->crypto);
}

static size_t peers(const struct node *node)
{
    cr_assert_eq(host_peers_count(node->host), node->peers_count);
    return node->peers_count;
}

/* ---- meeting ---- */

Test(host, everybody_who_knows_everybody_ends_with_one_connection_each)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct town town;
        town_make(&town, seed, 8);
        for (size_t i = 0; i < town.count; i++)
            for (size_t j = 0; j < town.count; j++)
                if (i != j)
                    cr_assert(host_add_static(town.nodes[i].host, &town.nodes[j].self));
        cr_assert_not(host_add_static(town.nodes[0].host, &town.nodes[0].self));
        world_run_for_ms(town.world, 90000);
        for (size_t i = 0; i < town.count; i++)
            cr_assert_eq(peers(&town.nodes[i]), 7, "seed %llu, node %zu has %zu",
                         (unsigned long long)seed, i, peers(&town.nodes[i]));
        town_free(&town);
    }
}

Test(host, two_that_call_each_other_at_once_keep_one_connection_at_the_first_try)
{
    size_t at_once = 0;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct town town;
        town_make(&town, seed, 2);
        host_add_static(town.nodes[0].host, &town.nodes[1].self);
        host_add_static(town.nodes[1].host, &town.nodes[0].self);
        world_run_for_ms(town.world, 400);
        at_once += peers(&town.nodes[0]) == 1 && peers(&town.nodes[1]) == 1;
        world_run_for_ms(town.world, 60000);
        cr_assert_eq(peers(&town.nodes[0]), 1);
        cr_assert_eq(peers(&town.nodes[1]), 1);
        town_free(&town);
    }
    cr_assert_geq(at_once, 48);
}

/* ---- losing ---- */

Test(host, a_static_peer_on_another_machine_is_not_called_within_35_s_of_the_last_call)
{
    struct town town;
    town_make(&town, 3, 2);
    struct node *a = &town.nodes[0], *b = &town.nodes[1];
    struct host_config config = config_make(1);
    host_add_static(a->host, &b->self);
    world_run_for_ms(town.world, 2000);
    cr_assert_eq(peers(a), 1);
    node_stop(b);
    node_start(b, &config);
    world_run_for_ms(town.world, 30000);
    cr_assert_eq(a->went, 1);
    cr_assert_eq(a->reason, PEER_QUITTING);
    cr_assert_eq(peers(a), 0);
    world_run_for_ms(town.world, 12000);
    cr_assert_eq(peers(a), 1);
    /* One that lasted longer is called again at once. */
    world_run_for_ms(town.world, 60000);
    node_stop(b);
    node_start(b, &config);
    world_run_for_ms(town.world, 1500);
    cr_assert_eq(peers(a), 1);
    town_free(&town);
}

Test(host, a_refused_call_is_repeated_soon_and_less_and_less_often)
{
    struct town town;
    struct host_stats stats;
    town_make(&town, 4, 2);
    struct node *a = &town.nodes[0], *b = &town.nodes[1];
    world_refuse(b->loop, true);
    host_add_static(a->host, &b->self);
    world_run_for_ms(town.world, 4500);
    host_stats(a->host, &stats);
    /* At 0, 0.5, 1.5 and 3.5 s, each up to an eighth later. */
    cr_assert_eq(stats.dials, 4);
    cr_assert_eq(stats.dials_failed, 4);
    cr_assert_eq(a->failed, 4);
    world_run_for_ms(town.world, 3600000);
    host_stats(a->host, &stats);
    cr_assert_lt(stats.dials, 4 + 8 + 3600 / 35);
    cr_assert_gt(stats.dials, 3600 / 40);
    world_refuse(b->loop, false);
    world_run_for_ms(town.world, 45000);
    cr_assert_eq(peers(a), 1);
    town_free(&town);
}

Test(host, a_cut_wire_is_told_once_to_both_sides_and_mended)
{
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct town town;
        town_make(&town, seed, 2);
        struct node *a = &town.nodes[0], *b = &town.nodes[1];
        /* Somewhere in the handshake, in Hello or after it. */
        world_cut_after(a->loop, b->loop, seed * 40);
        host_add_static(a->host, &b->self);
        world_run_for_ms(town.world, 3000);
        cr_assert_eq(a->came - a->went, peers(a));
        cr_assert_eq(b->came - b->went, peers(b));
        world_run_for_ms(town.world, 80000);
        cr_assert_eq(peers(a), 1, "seed %llu", (unsigned long long)seed);
        cr_assert_eq(peers(b), 1);
        town_free(&town);
    }
}

Test(host, silence_is_noticed_within_the_read_timeout)
{
    struct town town;
    town_make(&town, 5, 2);
    struct node *a = &town.nodes[0], *b = &town.nodes[1];
    host_add_static(a->host, &b->self);
    world_run_for_ms(town.world, 120000);
    cr_assert_eq(peers(a), 1, "pings keep an idle connection");
    cr_assert_gt(peer_rtt_ms(a->peers[0]), 0);
    world_partition(a->loop, b->loop, true);
    world_run_for_ms(town.world, PEER_READ_TIMEOUT_MS + 1000);
    cr_assert_eq(peers(a) + peers(b), 0);
    cr_assert_eq(b->reason, PEER_READ_TIMEOUT);
    cr_assert_not(b->remote_said);
    world_partition(a->loop, b->loop, false);
    world_run_for_ms(town.world, 120000);
    cr_assert_eq(peers(a), 1);
    town_free(&town);
}

Test(host, a_peer_that_is_paused_is_not_taken_for_dead_by_either_side)
{
    struct town town;
    town_make(&town, 6, 2);
    struct node *a = &town.nodes[0], *b = &town.nodes[1];
    host_add_static(a->host, &b->self);
    world_run_for_ms(town.world, 2000);
    peer_pause(b->peers[0], true);
    for (uint32_t i = 0; i < 10; i++) {
        uint8_t bytes[24];
        be_write(bytes, 4, i);
        cr_assert(peer_send(a->peers[0], "les", 0, SPAN(bytes, 24)));
    }
    world_run_for_ms(town.world, 20000);
    cr_assert_eq(b->messages, 0);
    peer_pause(b->peers[0], false);
    world_run_for_ms(town.world, 2000);
    cr_assert_eq(b->messages, 10);
    cr_assert_eq(peers(a), 1);
    town_free(&town);
}

/* ---- traffic ---- */

Test(host, a_stream_of_messages_arrives_in_order_whatever_the_network_does_to_its_bytes)
{
    static const struct world_net nets[] = {
        {.latency_us_min = 0, .latency_us_max = 0, .chunk_max = 1},
        {.latency_us_min = 100, .latency_us_max = 90000, .chunk_max = 7},
        {.latency_us_min = 1000, .latency_us_max = 5000, .chunk_max = 100000, .bytes_per_s = 50000},
    };
    for (size_t n = 0; n < ARRAY_COUNT(nets); n++) {
        struct town town;
        uint8_t bytes[3000] = {0};
        town_make(&town, 7 + n, 2);
        struct node *a = &town.nodes[0], *b = &town.nodes[1];
        world_set_net(town.world, &nets[n]);
        host_add_static(a->host, &b->self);
        world_run_for_ms(town.world, 3000);
        cr_assert_eq(peers(a), 1);
        for (uint32_t i = 0; i < 60; i++) {
            size_t size = 4 + (size_t)world_dice(town.world, sizeof(bytes) - 4);
            be_write(bytes, 4, i);
            cr_assert(peer_send(a->peers[0], "les", (unsigned)(size % 24), SPAN(bytes, size)));
        }
        world_run_for_ms(town.world, 20000);
        cr_assert_eq(b->messages, 60);
        town_free(&town);
    }
}

Test(host, a_peer_that_does_not_read_fills_its_own_queue_only_and_is_dropped)
{
    struct town town;
    struct buf big = {0};
    size_t sent = 0;
    uint64_t state = 1;
    town_make(&town, 9, 2);
    struct node *a = &town.nodes[0], *b = &town.nodes[1];
    host_add_static(a->host, &b->self);
    world_run_for_ms(town.world, 2000);
    buf_reserve(&big, MIB(4));
    big.size = MIB(4);
    fixture_random_bytes(&state, big.data, big.size);
    world_partition(a->loop, b->loop, true);
    while (sent < 100 && peer_send(a->peers[0], "les", 0, buf_span(&big)))
        sent++;
    cr_assert_geq(sent, 7);
    cr_assert_leq(sent, 8);
    cr_assert_leq(peer_queue_size(a->peers[0]), LINK_QUEUE_BYTES_MAX);
    cr_assert_eq(peers(a), 1, "a full queue refuses, it does not break");
    world_run_for_ms(town.world, PEER_READ_TIMEOUT_MS + PEER_PING_INTERVAL_MS);
    cr_assert_eq(peers(a), 0);
    buf_free(&big);
    town_free(&town);
}

struct vandal {
    struct loop *to;
    uint64_t bytes; /* until the one that is changed */
    bool done;
};

static void on_transit(void *owner, struct loop *from, struct loop *to, uint8_t *bytes, size_t size)
{
    struct vandal *vandal = owner;
    (void)from;
    if (to != vandal->to || vandal->done)
        return;
    if (vandal->bytes < size) {
        bytes[vandal->bytes] ^= 0x10;
        vandal->done = true;
    } else {
        vandal->bytes -= size;
    }
}

Test(host, a_bit_changed_on_the_way_ends_the_connection_and_nothing_false_is_delivered)
{
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct town town;
        town_make(&town, seed, 2);
        struct node *a = &town.nodes[0], *b = &town.nodes[1];
        struct vandal vandal = {.to = b->loop, .bytes = seed * 13 % 480};
        host_dial_once(a->host, &b->self);
        world_run_for_ms(town.world, 2000);
        cr_assert_eq(peers(a), 1);
        world_on_transit(town.world, on_transit, &vandal);
        for (uint32_t i = 0; i < 5; i++) {
            uint8_t bytes[48];
            uint64_t state = seed + i;
            fixture_random_bytes(&state, bytes, sizeof(bytes));
            be_write(bytes, 4, i);
            cr_assert(peer_send(a->peers[0], "les", 0, SPAN(bytes, 48)));
        }
        world_run_for_ms(town.world, 2000);
        cr_assert(vandal.done);
        cr_assert_lt(b->messages, 5);
        cr_assert_eq(peers(a) + peers(b), 0);
        cr_assert_eq(b->reason, PEER_BREACH);
        cr_assert_eq(a->reason, PEER_BREACH);
        cr_assert(a->remote_said);
        town_free(&town);
    }
}

/* ---- limits ---- */

Test(host, inbound_peers_beyond_the_limit_hear_too_many_and_statics_always_fit)
{
    struct town town;
    struct host_config config = config_make(0);
    struct host_stats stats;
    town_init(&town, 11);
    config.peers_max = 3;
    config.inbound_max = 2;
    node_add(&town, &config);
    for (size_t i = 1; i < 6; i++) {
        config = config_make(i);
        node_add(&town, &config);
        host_dial_once(town.nodes[i].host, &town.nodes[0].self);
        world_run_for_ms(town.world, 1000);
    }
    cr_assert_eq(peers(&town.nodes[0]), 2);
    cr_assert_eq(town.nodes[5].failed, 1);
    cr_assert_eq(town.nodes[5].came, 0);
    host_stats(town.nodes[0].host, &stats);
    cr_assert_eq(stats.handshakes_failed, 3);
    cr_assert_eq(stats.peers_inbound, 2);
    /* One that we want ourselves. */
    host_add_static(town.nodes[0].host, &town.nodes[5].self);
    world_run_for_ms(town.world, 1000);
    cr_assert_eq(peers(&town.nodes[0]), 3);
    town_free(&town);
}

Test(host, whom_the_owner_does_not_accept_sees_a_closed_door)
{
    struct town town;
    struct host_stats stats;
    town_make(&town, 12, 2);
    town.nodes[1].refuse = true;
    host_dial_once(town.nodes[0].host, &town.nodes[1].self);
    world_run_for_ms(town.world, 2000);
    cr_assert_eq(town.nodes[0].failed, 1);
    host_stats(town.nodes[1].host, &stats);
    cr_assert_eq(stats.accepts, 1);
    cr_assert_eq(stats.accepts_refused, 1);
    cr_assert_eq(stats.bytes_out, 0);
    town_free(&town);
}

struct caller {
    struct link *link;
    bool closed;
};
static void on_caller_open(void *owner)
{
    (void)owner;
}
static void on_caller_data(void *owner, struct span bytes)
{
    (void)owner;
    (void)bytes;
}
static void on_caller_close(void *owner, enum status status)
{
    struct caller *caller = owner;
    (void)status;
    caller->closed = true;
}
static const struct link_events CALLER_EVENTS = {
    .on_open = on_caller_open, .on_data = on_caller_data, .on_close = on_caller_close};

Test(host, silent_connections_are_few_per_address_and_last_five_seconds)
{
    struct town town;
    struct caller callers[60] = {{NULL, false}};
    struct host_stats stats;
    size_t closed = 0;
    town_make(&town, 13, 1);
    struct loop *attacker = world_host_new(town.world, "66.6.6.6");
    for (size_t i = 0; i < ARRAY_COUNT(callers); i++) {
        cr_assert_eq(link_connect(&callers[i].link, attacker, &town.nodes[0].self.at,
                                  &CALLER_EVENTS, &callers[i]),
                     STATUS_OK);
        world_run_for_ms(town.world, 50);
    }
    world_run_for_ms(town.world, 100);
    host_stats(town.nodes[0].host, &stats);
    cr_assert_eq(stats.handshakes, HOST_PER_IP_DEFAULT);
    cr_assert_eq(stats.accepts_refused, ARRAY_COUNT(callers) - HOST_PER_IP_DEFAULT);
    world_run_for_ms(town.world, RLPX_HANDSHAKE_TIMEOUT_MS);
    for (size_t i = 0; i < ARRAY_COUNT(callers); i++) {
        closed += callers[i].closed;
        link_close(callers[i].link);
    }
    cr_assert_eq(closed, ARRAY_COUNT(callers));
    host_stats(town.nodes[0].host, &stats);
    cr_assert_eq(stats.handshakes, 0);
    cr_assert_eq(stats.handshakes_failed, HOST_PER_IP_DEFAULT);
    town_free(&town);
}

Test(host, a_storm_of_connections_from_one_address_does_not_shut_out_others)
{
    struct town town;
    struct caller callers[200] = {{NULL, false}};
    struct host_stats stats;
    town_make(&town, 17, 2);
    struct loop *attacker = world_host_new(town.world, "66.6.6.6");
    for (size_t i = 0; i < ARRAY_COUNT(callers); i++) {
        cr_assert_eq(link_connect(&callers[i].link, attacker, &town.nodes[0].self.at,
                                  &CALLER_EVENTS, &callers[i]),
                     STATUS_OK);
        world_run_for_ms(town.world, 6);
        if (i == 100)
            host_dial_once(town.nodes[1].host, &town.nodes[0].self);
        link_close(callers[i].link);
    }
    cr_assert_eq(peers(&town.nodes[0]), 1);
    host_stats(town.nodes[0].host, &stats);
    cr_assert_leq(stats.handshakes_failed + stats.handshakes, 2 * HOST_ACCEPTS_PER_IP_MAX);
    town_free(&town);
}

/* As many addresses as are needed to fill every place, each place again as soon as it is free. */
Test(host, silent_connections_from_everywhere_do_not_shut_out_others)
{
    enum { ATTACKERS = 8, EACH = 15, CALLS = ATTACKERS * EACH };
    struct town town;
    struct caller callers[CALLS] = {{NULL, false}};
    struct loop *attackers[ATTACKERS];
    size_t count = 0;
    town_make(&town, 19, 2);
    for (size_t i = 0; i < ATTACKERS; i++) {
        char ip[16];
        snprintf(ip, sizeof(ip), "66.6.6.%zu", i + 1);
        attackers[i] = world_host_new(town.world, ip);
    }
    for (; count < CALLS; count++) {
        struct caller *caller = &callers[count];
        cr_assert_eq(link_connect(&caller->link, attackers[count % ATTACKERS],
                                  &town.nodes[0].self.at, &CALLER_EVENTS, caller),
                     STATUS_OK);
        world_run_for_ms(town.world, 25);
        if (count == 70)
            host_dial_once(town.nodes[1].host, &town.nodes[0].self);
    }
    cr_assert_eq(peers(&town.nodes[0]), 1);
    for (size_t i = 0; i < CALLS; i++)
        link_close(callers[i].link);
    town_free(&town);
}

/* Each sends 12 MiB, 1 MB a second: after 10 s all together would hold 190 MB of begun messages. */
Test(host, messages_that_have_begun_are_bounded_for_all_peers_together)
{
    enum { SENDERS = 19, SIZE = 12 * 1024 * 1024 };
    const struct world_net slow = {
        .latency_us_min = 1000, .latency_us_max = 5000, .chunk_max = 16384, .bytes_per_s = 1000000};
    struct town town;
    struct host_stats stats;
    uint8_t *bytes = mem_alloc(SIZE);
    town_make(&town, 23, SENDERS + 1);
    world_set_net(town.world, &slow);
    loop_random(town.nodes[0].loop, bytes, SIZE);
    for (size_t i = 1; i <= SENDERS; i++)
        host_add_static(town.nodes[i].host, &town.nodes[0].self);
    world_run_for_ms(town.world, 2000);
    cr_assert_eq(peers(&town.nodes[0]), SENDERS);
    for (size_t i = 1; i <= SENDERS; i++)
        cr_assert(peer_send(town.nodes[i].peers[0], "les", SIZE % 24, SPAN(bytes, SIZE)));
    mem_free(bytes);
    world_run_for_ms(town.world, 3000);
    cr_assert_eq(peers(&town.nodes[0]), SENDERS);
    world_run_for_ms(town.world, 7000);
    host_stats(town.nodes[0].host, &stats);
    cr_assert_gt(stats.ended[PEER_TOO_MANY], 0u);
    cr_assert_geq(peers(&town.nodes[0]), 7u, "no more are sent away than must be");
    town_free(&town);
}

/* ---- candidates ---- */

Test(host, candidates_are_dialled_up_to_the_target_and_replaced)
{
    struct town town;
    struct host_config config = config_make(0);
    struct host_stats stats;
    town_init(&town, 14);
    config.candidates_target = 4;
    node_add(&town, &config);
    struct node *a = &town.nodes[0];
    for (size_t i = 1; i < 10; i++) {
        config = config_make(i);
        node_add(&town, &config);
    }
    cr_assert_gt(host_candidates_wanted(a->host), 0);
    world_refuse(town.nodes[1].loop, true);
    for (size_t i = 1; i < 10; i++)
        cr_assert(host_add_candidate(a->host, &town.nodes[i].self));
    cr_assert_not(host_add_candidate(a->host, &town.nodes[2].self));
    cr_assert_not(host_add_candidate(a->host, &a->self));
    world_run_for_ms(town.world, 20000);
    cr_assert_eq(peers(a), 4);
    cr_assert_eq(a->failed, 1);
    cr_assert_eq(host_candidates_wanted(a->host), 0);
    cr_assert_not(host_add_candidate(a->host, &town.nodes[1].self), "it rests");
    node_stop(&town.nodes[2]);
    world_run_for_ms(town.world, 5000);
    cr_assert_eq(peers(a), 4);
    host_stats(a->host, &stats);
    cr_assert_eq(stats.candidates, 3);
    world_run_for_ms(town.world, HOST_CANDIDATE_REST_MS);
    cr_assert(host_add_candidate(a->host, &town.nodes[1].self));
    town_free(&town);
}

Test(host, a_candidate_that_lasted_is_called_again_one_that_was_sent_away_is_not)
{
    struct town town;
    struct host_config config = config_make(0);
    town_init(&town, 16);
    config.candidates_target = 4;
    node_add(&town, &config);
    struct node *a = &town.nodes[0];
    for (size_t i = 1; i < 3; i++) {
        config = config_make(i);
        node_add(&town, &config);
        cr_assert(host_add_candidate(a->host, &town.nodes[i].self));
    }
    world_run_for_ms(town.world, 60000);
    cr_assert_eq(peers(a), 2);
    world_cut(a->loop, town.nodes[1].loop);
    world_run_for_ms(town.world, 1000);
    cr_assert_eq(peers(a), 1);
    peer_disconnect(a->peers[0], PEER_USELESS);
    a->peers_count = 0;
    world_run_for_ms(town.world, 60000);
    cr_assert_eq(peers(a), 1);
    cr_assert_eq(memcmp(peer_key(a->peers[0])->bytes, town.nodes[1].self.key.bytes, 64), 0);
    cr_assert_not(host_add_candidate(a->host, &town.nodes[2].self));
    town_free(&town);
}

Test(host, a_flood_of_candidates_is_bounded)
{
    struct town town;
    struct enode node;
    struct host_stats stats;
    town_make(&town, 15, 1);
    node = town.nodes[0].self;
    for (uint32_t i = 0; i < 10000; i++) {
        be_write(node.key.bytes, 4, i);
        (void)host_add_candidate(town.nodes[0].host, &node);
    }
    host_stats(town.nodes[0].host, &stats);
    cr_assert_eq(stats.candidates, HOST_CANDIDATES_MAX);
    cr_assert_eq(stats.dials, 0);
    town_free(&town);
}

Test(host, one_seed_is_one_history)
{
    uint64_t traces[2];
    for (size_t run = 0; run < 2; run++) {
        struct town town;
        town_make(&town, 99, 4);
        for (size_t i = 0; i < town.count; i++)
            for (size_t j = 0; j < town.count; j++)
                (void)host_add_static(town.nodes[i].host, &town.nodes[j].self);
        world_run_for_ms(town.world, 100000);
        traces[run] = world_trace(town.world);
        town_free(&town);
    }
    cr_assert_eq(traces[0], traces[1]);
}
