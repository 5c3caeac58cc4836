/* Finding nodes in simulated time: DNS trees and discovery v4, until a host has the peers it wants.
 */
#include "les/base/limits.h"
#include "les/p2p/discovery.h"
#include "les/p2p/dnsdisc.h"
#include "les/p2p/dnstree.h"
#include "tests/fixture/fixture.h"
#include "tests/sim/world.h"

#include <criterion/criterion.h>

TestSuite(discovery, .fini = fixture_leak_gate, .timeout = 60);

enum { NODES_MAX = 32, RECORDS_MAX = 64 };

/* ---- chains: two that share a genesis and differ after block 100 ---- */

static void chain_make(struct chainspec *chain, uint64_t fork_block)
{
    memset(chain, 0, sizeof(*chain));
    for (size_t i = 0; i < FORK_COUNT; i++)
        chain->activation[i] = FORK_NEVER;
    chain->activation[FORK_FRONTIER] = 0;
    chain->activation[FORK_HOMESTEAD] = fork_block;
    chain->chain_id = chain->network_id = 1;
    memset(chain->genesis_hash.bytes, 0xd4, 32);
}

/* ---- records ---- */

static void record_make(struct enr *out, struct crypto *crypto, size_t index, const char *at,
                        const struct fork_id *eth, bool les)
{
    struct enr_content content = {
        .seq = 1, .has_ip = true, .udp_port = 30303, .eth = eth, .les = les};
    struct seckey32 key;
    memset(key.bytes, 7, 32);
    key.bytes[31] = (uint8_t)(index + 1);
    cr_assert(endpoint_parse(&content.at, at));
    enr_make(out, crypto, &key, &content);
}

/* ---- DNS alone ---- */

struct reader {
    struct world *world;
    struct crypto *crypto;
    struct loop *loop;
    struct seckey32 key;
    struct enr enrs[RECORDS_MAX];
    size_t found[RECORDS_MAX], found_count;
    size_t left_out; /* entries that the resolver does not have */
    bool corrupt;    /* one character of each entry is another */
};

static void on_add(void *owner, const char *name, struct span text)
{
    struct reader *reader = owner;
    char copy[DNSDISC_ENTRY_MAX + 1];
    const char *texts[2] = {"v=spf1 -all", copy};
    snprintf(copy, sizeof(copy), "%.*s", (int)text.size, (const char *)text.data);
    if (reader->corrupt && strncmp(copy, "enr:", 4) == 0)
        copy[20] ^= 1;
    if (reader->left_out > 0 && strncmp(copy, "enr:", 4) == 0) {
        reader->left_out--;
        return;
    }
    world_set_txt(reader->world, name, texts, 2);
}

static void on_record(void *owner, const struct enr *enr)
{
    struct reader *reader = owner;
    for (size_t i = 0; i < RECORDS_MAX; i++)
        if (memcmp(enr->rlp, reader->enrs[i].rlp, ENR_SIZE_MAX) == 0)
            reader->found[i]++;
    reader->found_count++;
}

static void reader_init(struct reader *reader, uint64_t seed)
{
    static const uint8_t seed32[32] = {1};
    memset(reader, 0, sizeof(*reader));
    reader->world = world_new(seed);
    reader->crypto = crypto_new(seed32);
    reader->loop = world_host_new(reader->world, "20.0.0.1");
    memset(reader->key.bytes, 9, 32);
    for (size_t i = 0; i < RECORDS_MAX; i++) {
        char at[48];
        snprintf(at, sizeof(at), "30.0.%zu.1:30303", i);
        record_make(&reader->enrs[i], reader->crypto, i, at, NULL, true);
    }
}

static void reader_free(struct reader *reader)
{
    world_free(reader->world);
    crypto_free(reader->crypto);
}

static void url_make(struct dnstree_url *url, struct reader *reader, const char *domain)
{
    memset(url, 0, sizeof(*url));
    crypto_pubkey(reader->crypto, &url->key, &reader->key);
    memcpy(url->domain, domain, strlen(domain));
}

static void publish(struct reader *reader, const char *domain, size_t first, size_t count,
                    const char *link, uint64_t seq)
{
    struct dnstree_url url;
    struct dnstree_content content = {.enrs = &reader->enrs[first],
                                      .enrs_count = count,
                                      .seq = seq,
                                      .domain = domain,
                                      .links = &url};
    if (link) {
        url_make(&url, reader, link);
        content.links_count = 1;
    }
    cr_assert_eq(dnstree_make(reader->crypto, &reader->key, &content, on_add, reader), STATUS_OK);
}

static struct dnsdisc *reader_start(struct reader *reader, const char *domain)
{
    struct dnstree_url url;
    struct buf text = {0};
    struct dnsdisc *dnsdisc;
    const char *urls[1];
    url_make(&url, reader, domain);
    dnstree_url_format(&text, reader->crypto, &url);
    buf_add_u8(&text, 0);
    urls[0] = (const char *)text.data;
    cr_assert_eq(
        dnsdisc_new(&dnsdisc, reader->loop, reader->crypto, NULL, urls, 1, on_record, reader),
        STATUS_OK);
    buf_free(&text);
    return dnsdisc;
}

static size_t distinct(const struct reader *reader)
{
    size_t count = 0;
    for (size_t i = 0; i < RECORDS_MAX; i++)
        count += reader->found[i] > 0;
    return count;
}

Test(discovery, a_tree_and_those_it_links_to_are_read_once_and_slowly)
{
    static struct reader reader;
    struct dnsdisc_stats stats;
    reader_init(&reader, 1);
    publish(&reader, "a.example.org", 0, 40, "b.example.org", 1);
    publish(&reader, "b.example.org", 40, 24, "a.example.org", 1);
    struct dnsdisc *dnsdisc = reader_start(&reader, "a.example.org");
    world_run_for_ms(reader.world, 10000);
    cr_assert_eq(reader.found_count, 0, "not wanted yet");
    dnsdisc_want(dnsdisc, true);
    world_run_for_ms(reader.world, 5000);
    dnsdisc_stats(dnsdisc, &stats);
    cr_assert_leq(stats.queries, 5 * DNSDISC_QUERIES_PER_S + 1);
    world_run_for_ms(reader.world, 60000);
    cr_assert_eq(reader.found_count, 64);
    cr_assert_eq(distinct(&reader), 64);
    dnsdisc_stats(dnsdisc, &stats);
    cr_assert_eq(stats.trees, 2);
    cr_assert_eq(stats.faults, 0);
    dnsdisc_free(dnsdisc);
    reader_free(&reader);
}

Test(discovery, reading_stops_when_nothing_is_wanted_and_goes_on)
{
    static struct reader reader;
    reader_init(&reader, 2);
    publish(&reader, "a.example.org", 0, 30, NULL, 1);
    struct dnsdisc *dnsdisc = reader_start(&reader, "a.example.org");
    dnsdisc_want(dnsdisc, true);
    world_run_for_ms(reader.world, 5000);
    dnsdisc_want(dnsdisc, false);
    world_run_for_ms(reader.world, 1000);
    size_t found = reader.found_count;
    cr_assert_gt(found, 0);
    world_run_for_ms(reader.world, 60000);
    cr_assert_eq(reader.found_count, found);
    dnsdisc_want(dnsdisc, true);
    world_run_for_ms(reader.world, 20000);
    cr_assert_eq(distinct(&reader), 30);
    dnsdisc_free(dnsdisc);
    reader_free(&reader);
}

Test(discovery, a_newer_root_is_followed_an_older_one_is_not)
{
    static struct reader reader;
    reader_init(&reader, 3);
    publish(&reader, "a.example.org", 0, 3, NULL, 5);
    struct dnsdisc *dnsdisc = reader_start(&reader, "a.example.org");
    dnsdisc_want(dnsdisc, true);
    world_run_for_ms(reader.world, 10000);
    cr_assert_eq(distinct(&reader), 3);
    publish(&reader, "a.example.org", 10, 3, NULL, 4);
    world_run_for_ms(reader.world, DNSDISC_RECHECK_MS + 10000);
    cr_assert_eq(distinct(&reader), 3);
    publish(&reader, "a.example.org", 20, 3, NULL, 6);
    world_run_for_ms(reader.world, DNSDISC_RECHECK_MS + 10000);
    cr_assert_eq(distinct(&reader), 6);
    dnsdisc_free(dnsdisc);
    reader_free(&reader);
}

Test(discovery, lies_and_holes_in_a_tree_are_counted_and_passed_over)
{
    static struct reader reader;
    struct dnsdisc_stats stats;
    reader_init(&reader, 4);
    reader.left_out = 2;
    publish(&reader, "a.example.org", 0, 10, "b.example.org", 1);
    reader.corrupt = true;
    publish(&reader, "b.example.org", 10, 5, NULL, 1);
    struct dnsdisc *dnsdisc = reader_start(&reader, "a.example.org");
    dnsdisc_want(dnsdisc, true);
    world_run_for_ms(reader.world, 60000);
    cr_assert_eq(reader.found_count, 8);
    dnsdisc_stats(dnsdisc, &stats);
    cr_assert_eq(stats.faults, 7);
    dnsdisc_free(dnsdisc);
    reader_free(&reader);
}

Test(discovery, a_root_signed_by_another_key_is_refused)
{
    static struct reader reader;
    struct dnsdisc_stats stats;
    reader_init(&reader, 5);
    publish(&reader, "a.example.org", 0, 3, NULL, 1);
    reader.key.bytes[0] ^= 1;
    struct dnsdisc *dnsdisc = reader_start(&reader, "a.example.org");
    dnsdisc_want(dnsdisc, true);
    world_run_for_ms(reader.world, 20000);
    cr_assert_eq(reader.found_count, 0);
    dnsdisc_stats(dnsdisc, &stats);
    cr_assert_eq(stats.faults, 1);
    cr_assert_eq(stats.queries, 1);
    dnsdisc_free(dnsdisc);
    reader_free(&reader);
}

Test(discovery, servers_that_do_not_answer_are_asked_less_and_less_often)
{
    static struct reader reader;
    struct dnsdisc_stats stats;
    reader_init(&reader, 6);
    world_fail_txt(reader.world, "a.example.org", STATUS_TIMEOUT);
    struct dnsdisc *dnsdisc = reader_start(&reader, "a.example.org");
    dnsdisc_want(dnsdisc, true);
    world_run_for_ms(reader.world, 3600000);
    dnsdisc_stats(dnsdisc, &stats);
    cr_assert_lt(stats.queries, 15);
    cr_assert_gt(stats.queries, 8);
    publish(&reader, "a.example.org", 0, 3, NULL, 1);
    world_run_for_ms(reader.world, DNSDISC_RECHECK_MS + 10000);
    cr_assert_eq(distinct(&reader), 3);
    dnsdisc_free(dnsdisc);
    reader_free(&reader);
}

Test(discovery, it_may_be_freed_while_a_query_is_under_way)
{
    static struct reader reader;
    reader_init(&reader, 7);
    publish(&reader, "a.example.org", 0, 3, NULL, 1);
    struct dnsdisc *dnsdisc = reader_start(&reader, "a.example.org");
    dnsdisc_want(dnsdisc, true);
    world_run_for_ms(reader.world, 2);
    dnsdisc_free(dnsdisc);
    world_run_for_ms(reader.world, 1000);
    cr_assert_eq(reader.found_count, 0);
    reader_free(&reader);
}

/* ---- the whole: hosts that find one another ---- */

struct node {
    struct loop *loop;
    struct host *host;
    struct discovery *discovery;
    struct enode self;
};
struct town {
    struct world *world;
    struct crypto *crypto;
    struct chainspec here, elsewhere;
    struct node nodes[NODES_MAX];
    size_t count;
};

static void on_peer(void *owner, struct peer *peer, const struct peer_cap *shared,
                    size_t shared_count)
{
    (void)owner;
    (void)peer;
    (void)shared;
    (void)shared_count;
}
static void on_message(void *owner, struct peer *peer, const char *cap, unsigned version,
                       unsigned code, struct span payload)
{
    (void)owner;
    (void)peer;
    (void)cap;
    (void)version;
    (void)code;
    (void)payload;
}
static void on_gone(void *owner, struct peer *peer, enum peer_reason reason, bool remote_said)
{
    (void)owner;
    (void)peer;
    (void)reason;
    (void)remote_said;
}
static const struct host_protocol_events EVENTS = {
    .on_peer = on_peer, .on_message = on_message, .on_gone = on_gone};

static void town_init(struct town *town, uint64_t seed)
{
    static const uint8_t seed32[32] = {1};
    memset(town, 0, sizeof(*town));
    town->world = world_new(seed);
    town->crypto = crypto_new(seed32);
    chain_make(&town->here, 100);
    chain_make(&town->elsewhere, 200);
}

static struct node *node_add(struct town *town, struct discovery_config *config, size_t target)
{
    struct node *node = &town->nodes[town->count];
    struct host_config own = {.client_id = "sim/v1",
                              .do_listen = true,
                              .caps = {{"les", 4, 24}},
                              .caps_count = 1,
                              .peers_max = 50,
                              .inbound_max = 40,
                              .candidates_target = target};
    char ip[32], at[48];
    snprintf(ip, sizeof(ip), "20.%zu.1.1", town->count + 1);
    snprintf(at, sizeof(at), "%s:30303", ip);
    memset(own.key.bytes, 7, 32);
    own.key.bytes[31] = (uint8_t)(town->count + 1);
    cr_assert(endpoint_parse(&own.listen, "0.0.0.0:30303"));
    cr_assert(endpoint_parse(&config->discv4_at, "0.0.0.0:30303"));
    node->loop = world_host_new(town->world, ip);
    cr_assert_eq(host_new(&node->host, node->loop, town->crypto, NULL, &own, &EVENTS, node),
                 STATUS_OK);
    host_self(node->host, &node->self);
    cr_assert(endpoint_parse(&node->self.at, at));
    cr_assert_eq(discovery_new(&node->discovery, node->loop, town->crypto, NULL, node->host,
                               &own.key, config),
                 STATUS_OK);
    town->count++;
    return node;
}

static void town_free(struct town *town)
{
    for (size_t i = 0; i < town->count; i++) {
        discovery_free(town->nodes[i].discovery);
        host_free(town->nodes[i].host);
    }
    world_free(town->world);
    crypto_free(town->crypto);
}

Test(discovery, a_gateway_finds_the_light_servers_of_its_chain_among_all_others)
{
    static struct town town;
    struct discovery_stats stats;
    town_init(&town, 20);
    /* A bootnode, servers here (4, 8, ..), servers of another chain (5, 9, ..), plain nodes. */
    for (size_t i = 0; i < 24; i++) {
        struct discovery_config config = {.do_discv4 = true,
                                          .bootnodes = &town.nodes[0].self,
                                          .bootnodes_count = i > 0,
                                          .chain = i % 4 == 1 ? &town.elsewhere : &town.here,
                                          .head_number = 300,
                                          .serve_les = i > 3 && i % 4 < 2};
        node_add(&town, &config, 0);
    }
    struct discovery_config config = {.do_discv4 = true,
                                      .bootnodes = &town.nodes[0].self,
                                      .bootnodes_count = 1,
                                      .chain = &town.here,
                                      .head_number = 0,
                                      .need_les = true};
    struct node *gateway = node_add(&town, &config, 4);
    world_run_for_ms(town.world, 120000);
    cr_assert_geq(host_peers_count(gateway->host), 4);
    for (size_t i = 0; i < host_peers_count(gateway->host); i++) {
        struct peer *peer = host_peer_at(gateway->host, i);
        size_t which = 0;
        while (memcmp(peer_key(peer)->bytes, town.nodes[which].self.key.bytes, 64) != 0)
            which++;
        cr_assert(which > 3 && which % 4 == 0, "node %zu is no light server of our chain", which);
    }
    discovery_stats(gateway->discovery, &stats);
    cr_assert_eq(stats.discv4_bad, 0);
    cr_assert_gt(stats.records_seen, stats.records_fit);
    town_free(&town);
}

Test(discovery, a_gateway_finds_its_servers_by_dns_and_then_is_quiet)
{
    static struct town town;
    static struct enr enrs[6];
    static struct reader zone;
    struct discovery_stats before, after;
    struct fork_id here, elsewhere;
    struct dnstree_url url;
    struct buf text = {0};
    const char *trees[1];
    town_init(&town, 21);
    chainspec_fork_id(&here, &town.here, 300, 0);
    chainspec_fork_id(&elsewhere, &town.elsewhere, 300, 0);
    for (size_t i = 0; i < 6; i++) {
        struct discovery_config config = {.do_discv4 = false};
        char at[48];
        node_add(&town, &config, 0);
        snprintf(at, sizeof(at), "20.%zu.1.1:30303", i + 1);
        record_make(&enrs[i], town.crypto, i, at, i == 5 ? &elsewhere : &here, i != 4);
    }
    zone = (struct reader){.world = town.world, .crypto = town.crypto};
    memset(zone.key.bytes, 9, 32);
    struct dnstree_content content = {
        .enrs = enrs, .enrs_count = 6, .seq = 1, .domain = "les.example.org"};
    cr_assert_eq(dnstree_make(town.crypto, &zone.key, &content, on_add, &zone), STATUS_OK);
    url_make(&url, &zone, "les.example.org");
    dnstree_url_format(&text, town.crypto, &url);
    buf_add_u8(&text, 0);
    trees[0] = (const char *)text.data;
    struct discovery_config config = {
        .dns_trees = trees, .dns_trees_count = 1, .chain = &town.here, .need_les = true};
    struct node *gateway = node_add(&town, &config, 3);
    world_run_for_ms(town.world, 10000);
    cr_assert_eq(host_peers_count(gateway->host), 3);
    world_run_for_ms(town.world, 10000);
    discovery_stats(gateway->discovery, &before);
    world_run_for_ms(town.world, 3600000);
    discovery_stats(gateway->discovery, &after);
    cr_assert_eq(after.dns_queries, before.dns_queries);
    cr_assert_null(discovery_record(gateway->discovery));
    buf_free(&text);
    town_free(&town);
}

Test(discovery, malformed_trees_and_too_many_are_refused)
{
    static struct town town;
    static const char *const bad[] = {"enrtree://nonsense"};
    const char *many[DNSDISC_TREES_MAX + 1];
    struct discovery *discovery;
    struct discovery_config config = {.dns_trees = bad, .dns_trees_count = 1};
    struct discovery_config plain = {.do_discv4 = false};
    struct seckey32 key;
    town_init(&town, 22);
    memset(key.bytes, 1, 32);
    struct node *node = node_add(&town, &plain, 1);
    cr_assert_eq(
        discovery_new(&discovery, node->loop, town.crypto, NULL, node->host, &key, &config),
        STATUS_INVALID);
    cr_assert_null(discovery);
    for (size_t i = 0; i < ARRAY_COUNT(many); i++)
        many[i] =
            "enrtree://AKPYQIUQIL7PSIACI32J7FGZW56E5FKHEFCCOFHILBIMW3M6LWXS2@nodes.example.org";
    config.dns_trees = many;
    config.dns_trees_count = ARRAY_COUNT(many);
    cr_assert_eq(
        discovery_new(&discovery, node->loop, town.crypto, NULL, node->host, &key, &config),
        STATUS_LIMIT);
    town_free(&town);
}

Test(discovery, our_own_record_learns_its_address_and_follows_the_head)
{
    static struct town town;
    struct fork_id at_head;
    town_init(&town, 23);
    for (size_t i = 0; i < 5; i++) {
        struct discovery_config config = {.do_discv4 = true,
                                          .bootnodes = &town.nodes[0].self,
                                          .bootnodes_count = i > 0,
                                          .chain = &town.here,
                                          .serve_les = true};
        node_add(&town, &config, 2);
    }
    world_run_for_ms(town.world, 60000);
    const struct enr *record = discovery_record(town.nodes[3].discovery);
    uint64_t seq = record->seq;
    cr_assert(record->has_ip4);
    fixture_expect_hex(SPAN(record->ip4, 4), "14040101");
    cr_assert_eq(record->tcp, 30303);
    cr_assert_eq(record->les, ENR_LES_VERSION);
    chainspec_fork_id(&at_head, &town.here, 300, 0);
    cr_assert_neq(memcmp(at_head.hash4, record->eth.hash4, 4), 0);
    discovery_set_head(town.nodes[3].discovery, 300, 0);
    record = discovery_record(town.nodes[3].discovery);
    cr_assert_eq(memcmp(at_head.hash4, record->eth.hash4, 4), 0);
    cr_assert_eq(record->seq, seq + 1);
    town_free(&town);
}
