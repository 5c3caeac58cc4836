/* Many machines in one process: datagrams travel 20 ms, time is a variable. */
#include "les/p2p/discv4.h"
#include "les/p2p/discv4_packet.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>

TestSuite(discv4, .fini = fixture_leak_gate, .timeout = 60);

enum { NODES_MAX = 64, TRAVEL_MS = 20, WALL_S = 1700000000 };

struct net;
struct machine {
    struct net *net;
    struct discv4 *discv4;
    struct seckey32 key;
    struct enode at;
    struct hash32 id;
    size_t records, les_records;
    bool dead;
    uint64_t chance;
    size_t sent;
};
struct letter {
    struct endpoint from, to;
    uint64_t due_ms;
    struct buf bytes;
};
struct net {
    struct crypto *crypto;
    struct machine machines[NODES_MAX];
    size_t count;
    struct letter *letters;
    size_t letters_count, letters_capacity;
    uint64_t now_ms;
};

static void on_send(void *owner, const struct endpoint *to, struct span datagram)
{
    struct machine *machine = owner;
    struct net *net = machine->net;
    machine->sent++;
    if (net->letters_count == net->letters_capacity) {
        net->letters_capacity = net->letters_capacity * 2 + 64;
        net->letters = mem_realloc(net->letters, net->letters_capacity * sizeof(*net->letters));
    }
    struct letter *letter = &net->letters[net->letters_count++];
    *letter = (struct letter){.from = machine->at.at, .to = *to, .due_ms = net->now_ms + TRAVEL_MS};
    letter->from.port = machine->at.udp_port;
    buf_add_span(&letter->bytes, datagram);
}

static void on_record(void *owner, const struct enr *enr)
{
    struct machine *machine = owner;
    machine->records++;
    machine->les_records += enr->les == ENR_LES_VERSION;
}

static void on_draw(void *owner, void *out, size_t size)
{
    struct machine *machine = owner;
    fixture_random_bytes(&machine->chance, out, size);
}

static const struct discv4_events EVENTS = {
    .send = on_send, .on_record = on_record, .draw = on_draw};

static void net_init(struct net *net)
{
    static const uint8_t seed32[32] = {1};
    memset(net, 0, sizeof(*net));
    net->crypto = crypto_new(seed32);
    net->now_ms = 1000000;
}

static void net_free(struct net *net)
{
    for (size_t i = 0; i < net->count; i++)
        discv4_free(net->machines[i].discv4);
    for (size_t i = 0; i < net->letters_count; i++)
        buf_free(&net->letters[i].bytes);
    mem_free(net->letters);
    crypto_free(net->crypto);
}

static struct machine *net_add(struct net *net, bool les)
{
    struct machine *machine = &net->machines[net->count];
    struct discv4_config config = {.tcp_port = 30303, .les = les, .enr_seq = 1};
    machine->net = net;
    machine->chance = net->count + 1;
    memset(machine->key.bytes, 1, 32);
    machine->key.bytes[31] = (uint8_t)(net->count + 1);
    crypto_pubkey(net->crypto, &machine->at.key, &machine->key);
    machine->at.at =
        (struct endpoint){.ip = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 1}, .port = 30303};
    machine->at.at.ip[14] = (uint8_t)net->count;
    machine->at.udp_port = 30304;
    enode_id(&machine->id, &machine->at.key);
    config.key = machine->key;
    config.at.ip[10] = config.at.ip[11] = 0xff;
    config.at.port = machine->at.udp_port;
    machine->discv4 = discv4_new(net->crypto, &config, &EVENTS, machine);
    net->count++;
    return machine;
}

static struct machine *machine_at(struct net *net, const struct endpoint *at)
{
    for (size_t i = 0; i < net->count; i++)
        if (memcmp(net->machines[i].at.at.ip, at->ip, 16) == 0 &&
            net->machines[i].at.udp_port == at->port)
            return &net->machines[i];
    return NULL;
}

static int64_t wall(const struct net *net)
{
    return WALL_S + (int64_t)(net->now_ms / 1000);
}

static void deliver(struct net *net)
{
    for (size_t i = 0; i < net->letters_count;) {
        struct letter letter = net->letters[i];
        struct machine *machine;
        if (letter.due_ms > net->now_ms) {
            i++;
            continue;
        }
        memmove(&net->letters[i], &net->letters[i + 1],
                (net->letters_count - i - 1) * sizeof(letter));
        net->letters_count--;
        machine = machine_at(net, &letter.to);
        if (machine && !machine->dead)
            discv4_receive(machine->discv4, net->now_ms, wall(net), &letter.from,
                           buf_span(&letter.bytes));
        buf_free(&letter.bytes);
        i = 0;
    }
}

static void net_run(struct net *net, uint64_t ms)
{
    for (uint64_t end = net->now_ms + ms; net->now_ms < end; net->now_ms += 10) {
        deliver(net);
        for (size_t i = 0; i < net->count; i++)
            if (!net->machines[i].dead && discv4_due_ms(net->machines[i].discv4) <= net->now_ms)
                discv4_tick(net->machines[i].discv4, net->now_ms, wall(net));
    }
}

/* A packet of machine `from`, delivered at once; answers stay among the letters. */
static struct hash32 inject(struct net *net, struct machine *from, struct machine *to,
                            struct discv4_packet *packet, int64_t expiry_s)
{
    struct buf out = {0};
    struct endpoint at = from->at.at;
    at.port = from->at.udp_port;
    packet->expiry_s = expiry_s;
    discv4_packet_encode(&out, packet, net->crypto, &from->key);
    discv4_receive(to->discv4, net->now_ms, wall(net), &at, buf_span(&out));
    buf_free(&out);
    return packet->hash;
}

static size_t letters_of_type(const struct net *net, enum discv4_type type)
{
    size_t count = 0;
    for (size_t i = 0; i < net->letters_count; i++)
        count += net->letters[i].bytes.data[97] == (uint8_t)type;
    return count;
}

static size_t known_by(const struct net *net, const struct machine *machine)
{
    size_t count = 0;
    for (size_t i = 0; i < net->count; i++)
        count += discv4_knows(machine->discv4, &net->machines[i].id);
    return count;
}

Test(discv4, forty_nodes_find_one_another_from_one_bootnode)
{
    static struct net net;
    struct discv4_stats stats;
    net_init(&net);
    for (size_t i = 0; i < 40; i++) {
        struct machine *machine = net_add(&net, i % 10 == 3);
        discv4_seed(machine->discv4, &net.machines[0].at);
        discv4_search(machine->discv4, true);
    }
    net_run(&net, 60000);
    for (size_t i = 0; i < net.count; i++) {
        cr_assert_geq(known_by(&net, &net.machines[i]), 16, "node %zu knows %zu", i,
                      known_by(&net, &net.machines[i]));
        cr_assert_geq(net.machines[i].records, 25, "node %zu took %zu records", i,
                      net.machines[i].records);
        cr_assert_geq(net.machines[i].les_records, 2);
        discv4_stats(net.machines[i].discv4, &stats);
        cr_assert_eq(stats.bad, 0);
    }
    net_free(&net);
}

Test(discv4, an_idle_node_is_quiet)
{
    static struct net net;
    size_t sent;
    net_init(&net);
    for (size_t i = 0; i < 3; i++)
        discv4_seed(net_add(&net, false)->discv4, &net.machines[0].at);
    net_run(&net, 30000);
    sent = net.machines[1].sent;
    net_run(&net, 600000);
    /* One check of an old node every ten seconds on average, both ways, and its answers. */
    cr_assert_lt(net.machines[1].sent - sent, 600000 / 10000 * 4);
    cr_assert_eq(known_by(&net, &net.machines[1]), 2);
    net_free(&net);
}

Test(discv4, the_dead_leave_the_table)
{
    static struct net net;
    net_init(&net);
    for (size_t i = 0; i < 5; i++)
        discv4_seed(net_add(&net, false)->discv4, &net.machines[0].at);
    discv4_search(net.machines[1].discv4, true);
    net_run(&net, 30000);
    cr_assert_eq(known_by(&net, &net.machines[1]), 4);
    net.machines[4].dead = true;
    net_run(&net, 300000);
    cr_assert_eq(known_by(&net, &net.machines[1]), 3);
    net_free(&net);
}

Test(discv4, a_lonely_node_keeps_calling_its_bootnode)
{
    static struct net net;
    net_init(&net);
    net_add(&net, false)->dead = true;
    discv4_seed(net_add(&net, false)->discv4, &net.machines[0].at);
    net_run(&net, 200000);
    cr_assert_eq(known_by(&net, &net.machines[1]), 0);
    net.machines[0].dead = false;
    net_run(&net, 40000);
    cr_assert_eq(known_by(&net, &net.machines[1]), 1);
    net_free(&net);
}

Test(discv4, nothing_is_answered_to_those_who_did_not_prove_their_endpoint)
{
    static struct net net;
    struct discv4_packet find = {.type = DISCV4_FINDNODE}, request = {.type = DISCV4_ENR_REQUEST};
    struct discv4_stats stats;
    net_init(&net);
    struct machine *a = net_add(&net, true), *b = net_add(&net, false);
    inject(&net, b, a, &find, wall(&net) + 20);
    inject(&net, b, a, &request, wall(&net) + 20);
    cr_assert_eq(net.letters_count, 0);
    discv4_stats(a->discv4, &stats);
    cr_assert_eq(stats.unproved, 2);
    /* A Ping alone proves nothing: it draws a Pong and a Ping, however often it comes. */
    struct discv4_packet ping = {.type = DISCV4_PING, .source = b->at.at};
    for (int i = 0; i < 5; i++)
        inject(&net, b, a, &ping, wall(&net) + 20 + i);
    cr_assert_eq(letters_of_type(&net, DISCV4_PONG), 5);
    cr_assert_eq(letters_of_type(&net, DISCV4_PING), 1);
    inject(&net, b, a, &find, wall(&net) + 20);
    cr_assert_eq(letters_of_type(&net, DISCV4_NEIGHBORS), 0);
    /* The answer to its Ping does. */
    net_run(&net, 3000);
    cr_assert_eq(net.letters_count, 0);
    inject(&net, b, a, &find, wall(&net) + 20);
    inject(&net, b, a, &request, wall(&net) + 20);
    cr_assert_eq(letters_of_type(&net, DISCV4_NEIGHBORS), 1);
    cr_assert_eq(letters_of_type(&net, DISCV4_ENR_RESPONSE), 1);
    net_free(&net);
}

Test(discv4, expired_packets_and_answers_nobody_asked_for_change_nothing)
{
    static struct net net;
    struct discv4_stats stats;
    net_init(&net);
    struct machine *a = net_add(&net, true), *b = net_add(&net, false);
    struct discv4_packet ping = {.type = DISCV4_PING, .source = b->at.at};
    struct discv4_packet pong = {.type = DISCV4_PONG, .to = a->at.at};
    struct discv4_packet neighbors = {.type = DISCV4_NEIGHBORS, .nodes_count = 1};
    struct discv4_packet record = {
        .type = DISCV4_ENR_RESPONSE,
        .record = SPAN(discv4_record(b->discv4)->rlp, discv4_record(b->discv4)->size)};
    neighbors.nodes[0] = b->at;
    inject(&net, b, a, &ping, wall(&net) - 1);
    inject(&net, b, a, &pong, wall(&net) + 20);
    inject(&net, b, a, &neighbors, wall(&net) + 20);
    inject(&net, b, a, &record, 0);
    discv4_stats(a->discv4, &stats);
    cr_assert_eq(stats.bad, 4);
    cr_assert_eq(stats.out, 0);
    cr_assert_eq(stats.table_nodes, 0);
    cr_assert_eq(a->records, 0);
    net_free(&net);
}

Test(discv4, a_flood_from_one_address_is_dropped_and_others_are_still_heard)
{
    static struct net net;
    struct discv4_stats stats;
    net_init(&net);
    struct machine *a = net_add(&net, false), *b = net_add(&net, false), *c = net_add(&net, false);
    struct discv4_packet ping = {.type = DISCV4_PING, .source = b->at.at};
    for (int i = 0; i < 500; i++)
        inject(&net, b, a, &ping, wall(&net) + 20);
    discv4_stats(a->discv4, &stats);
    cr_assert_eq(stats.limited, 500 - DISCV4_IN_PER_IP_MAX);
    cr_assert_eq(stats.out, DISCV4_IN_PER_IP_MAX + 1);
    inject(&net, c, a, &ping, wall(&net) + 20);
    discv4_stats(a->discv4, &stats);
    cr_assert_eq(stats.out, DISCV4_IN_PER_IP_MAX + 3);
    net.now_ms += 1000;
    inject(&net, b, a, &ping, wall(&net) + 20);
    discv4_stats(a->discv4, &stats);
    cr_assert_eq(stats.limited, 500 - DISCV4_IN_PER_IP_MAX);
    net_free(&net);
}

Test(discv4, our_address_is_learned_from_three_who_agree)
{
    static struct net net;
    net_init(&net);
    for (size_t i = 0; i < 6; i++) {
        discv4_seed(net_add(&net, true)->discv4, &net.machines[0].at);
        discv4_search(net.machines[i].discv4, true);
        cr_assert_not(discv4_record(net.machines[i].discv4)->has_ip4);
    }
    net_run(&net, 60000);
    const struct enr *record = discv4_record(net.machines[3].discv4);
    cr_assert(record->has_ip4);
    fixture_expect_hex(SPAN(record->ip4, 4), "0a000301");
    cr_assert_eq(record->tcp, 30303);
    cr_assert_eq(record->udp, 30304);
    cr_assert_gt(record->seq, 1);
    net_free(&net);
}

Test(discv4, a_new_record_is_fetched_again)
{
    static struct net net;
    struct fork_id eth = {{1, 2, 3, 4}, 5};
    net_init(&net);
    for (size_t i = 0; i < 2; i++)
        discv4_seed(net_add(&net, true)->discv4, &net.machines[0].at);
    net_run(&net, 20000);
    cr_assert_eq(net.machines[1].records, 1);
    discv4_set_eth(net.machines[0].discv4, &eth);
    discv4_set_eth(net.machines[0].discv4, &eth);
    net_run(&net, 60000);
    cr_assert_eq(net.machines[1].records, 2);
    net_free(&net);
}

Test(discv4, a_record_is_asked_for_again_while_searching_only)
{
    static struct net net;
    net_init(&net);
    for (size_t i = 0; i < 2; i++)
        discv4_seed(net_add(&net, true)->discv4, &net.machines[0].at);
    discv4_search(net.machines[1].discv4, true);
    net_run(&net, 2 * DISCV4_RECORD_AGAIN_MS + 60000);
    cr_assert_eq(net.machines[0].records, 1);
    cr_assert_eq(net.machines[1].records, 3);
    net_free(&net);
}
