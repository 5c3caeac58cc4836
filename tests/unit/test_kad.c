#include "les/p2p/kad.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>

TestSuite(kad, .fini = fixture_leak_gate);

static struct endpoint at_make(unsigned a, unsigned b, unsigned c, unsigned d)
{
    struct endpoint at = {.ip = {[10] = 0xff, [11] = 0xff}, .port = 30303};
    at.ip[12] = (uint8_t)a;
    at.ip[13] = (uint8_t)b;
    at.ip[14] = (uint8_t)c;
    at.ip[15] = (uint8_t)d;
    return at;
}

/* A node whose id shares exactly this many leading bits with zero: found by trying keys. */
static struct enode node_make(uint32_t *counter, unsigned shared, struct endpoint at)
{
    for (;;) {
        struct enode node = {.at = at, .udp_port = at.port};
        struct hash32 id;
        be_write(node.key.bytes, 4, ++*counter);
        enode_id(&id, &node.key);
        if ((be_read(id.bytes, 4) >> (31 - shared)) == 1)
            return node;
    }
}

Test(kad, closest_are_sorted_by_distance_and_complete)
{
    struct kad *kad = kad_new(&HASH32_ZERO);
    struct kad_node out[DISCV4_BUCKET_NODES];
    struct hash32 target;
    uint32_t counter = 0;
    for (unsigned i = 0; i < 60; i++) {
        struct enode node = node_make(&counter, i % 6, at_make(20 + i, 1, 1, 1));
        cr_assert_eq(kad_seen(kad, &node, i), KAD_BUCKET);
    }
    cr_assert_eq(kad_count(kad), 60);
    memset(target.bytes, 0x5c, 32);
    cr_assert_eq(kad_closest(kad, out, DISCV4_BUCKET_NODES, &target), DISCV4_BUCKET_NODES);
    for (size_t i = 1; i < DISCV4_BUCKET_NODES; i++)
        cr_assert_lt(kad_compare(&target, &out[i - 1].id, &out[i].id), 0);
    /* Nobody in the table is nearer than the last one and left out. */
    struct kad_node all[60];
    size_t nearer = 0;
    cr_assert_eq(kad_closest(kad, all, 60, &target), 60);
    for (size_t i = 0; i < 60; i++)
        nearer += kad_compare(&target, &all[i].id, &out[DISCV4_BUCKET_NODES - 1].id) <= 0;
    cr_assert_eq(nearer, DISCV4_BUCKET_NODES);
    cr_assert_eq(kad_closest(kad, out, 3, &target), 3);
    kad_free(kad);
}

Test(kad, a_full_bucket_keeps_its_nodes_until_one_fails)
{
    struct kad *kad = kad_new(&HASH32_ZERO);
    struct enode nodes[DISCV4_BUCKET_NODES + 2];
    struct hash32 first, last;
    uint32_t counter = 0;
    for (unsigned i = 0; i < ARRAY_COUNT(nodes); i++) {
        nodes[i] = node_make(&counter, 0, at_make(20 + i, 1, 1, 1));
        cr_assert_eq(kad_seen(kad, &nodes[i], i), i < DISCV4_BUCKET_NODES ? KAD_BUCKET : KAD_SPARE);
    }
    enode_id(&first, &nodes[0].key);
    enode_id(&last, &nodes[DISCV4_BUCKET_NODES + 1].key);
    cr_assert_eq(kad_count(kad), DISCV4_BUCKET_NODES);
    cr_assert_null(kad_find(kad, &last));
    cr_assert(hash32_equal(&kad_oldest(kad, 16)->id, &first));
    kad_failed(kad, &first);
    cr_assert_eq(kad_count(kad), DISCV4_BUCKET_NODES);
    cr_assert_null(kad_find(kad, &first));
    cr_assert_not_null(kad_find(kad, &last));
    cr_assert(hash32_equal(&kad_oldest(kad, 16)->id, &last), "a spare is checked first");
    kad_failed(kad, &first);
    cr_assert_eq(kad_count(kad), DISCV4_BUCKET_NODES);
    kad_free(kad);
}

Test(kad, seeing_a_node_again_makes_it_the_newest)
{
    struct kad *kad = kad_new(&HASH32_ZERO);
    uint32_t counter = 0;
    struct enode a = node_make(&counter, 2, at_make(20, 1, 1, 1)),
                 b = node_make(&counter, 2, at_make(21, 1, 1, 1));
    struct hash32 id_a, id_b;
    enode_id(&id_a, &a.key);
    enode_id(&id_b, &b.key);
    (void)kad_seen(kad, &a, 1);
    (void)kad_seen(kad, &b, 2);
    cr_assert(hash32_equal(&kad_oldest(kad, 0)->id, &id_a));
    a.at.port = 7;
    cr_assert_eq(kad_seen(kad, &a, 3), KAD_BUCKET);
    cr_assert(hash32_equal(&kad_oldest(kad, 0)->id, &id_b));
    cr_assert_eq(kad_find(kad, &id_a)->at.at.port, 7);
    cr_assert_eq(kad_count(kad), 2);
    kad_free(kad);
}

Test(kad, one_network_cannot_fill_the_table)
{
    struct kad *kad = kad_new(&HASH32_ZERO);
    uint32_t counter = 0;
    size_t taken = 0;
    for (unsigned i = 0; i < 100; i++) {
        struct enode node = node_make(&counter, i % 10, at_make(20, 1, 1, i));
        taken += kad_seen(kad, &node, i) != KAD_REFUSED;
    }
    cr_assert_eq(taken, DISCV4_TABLE_PER_24_MAX);
    for (unsigned i = 0; i < 16; i++) {
        struct enode node = node_make(&counter, 0, at_make(192, 168, 1, i));
        taken = kad_count(kad);
        if (taken < DISCV4_TABLE_PER_24_MAX + 14)
            cr_assert_neq(kad_seen(kad, &node, i), KAD_REFUSED);
    }
    kad_free(kad);
}

Test(kad, ourselves_are_refused)
{
    struct enode self = {.udp_port = 1};
    struct hash32 id;
    enode_id(&id, &self.key);
    struct kad *kad = kad_new(&id);
    cr_assert_eq(kad_seen(kad, &self, 1), KAD_REFUSED);
    cr_assert_null(kad_oldest(kad, 3));
    kad_free(kad);
}

Test(kad, addresses_that_must_not_be_passed_on)
{
    struct endpoint world = at_make(8, 8, 8, 8), lan = at_make(192, 168, 0, 1),
                    lo = at_make(127, 0, 0, 1);
    struct endpoint zero = at_make(0, 0, 0, 0), multicast = at_make(224, 0, 0, 1),
                    other = at_make(9, 9, 9, 9);
    struct endpoint six, link;
    cr_assert(endpoint_parse(&six, "[2001:db8::1]:1"));
    cr_assert(endpoint_parse(&link, "[fe80::1]:1"));
    cr_assert(kad_may_relay(&world, &other));
    cr_assert(kad_may_relay(&world, &six));
    cr_assert(kad_may_relay(&lan, &lan));
    cr_assert(kad_may_relay(&lo, &lan));
    cr_assert(kad_may_relay(&lo, &lo));
    cr_assert_not(kad_may_relay(&world, &lan));
    cr_assert_not(kad_may_relay(&world, &link));
    cr_assert_not(kad_may_relay(&world, &lo));
    cr_assert_not(kad_may_relay(&lan, &lo));
    cr_assert_not(kad_may_relay(&lo, &zero));
    cr_assert_not(kad_may_relay(&lo, &multicast));
}
