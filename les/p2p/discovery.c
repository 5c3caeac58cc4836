#include "les/p2p/discovery.h"

#include "les/p2p/discv4.h"
#include "les/p2p/dnsdisc.h"

enum { LOOK_MS = 3000 }; /* between looks at what the host wants */

struct discovery {
    struct loop *loop;
    struct log *log;
    struct host *host;
    const struct chainspec *chain;
    uint64_t head_number, head_time;
    bool need_les;
    struct dnsdisc *dnsdisc;
    struct discv4 *discv4;
    struct udp *udp;
    struct timer look_timer, discv4_timer;
    struct discovery_stats stats;
};

/* ---- what was found ---- */

static bool is_fit(const struct discovery *discovery, const struct enr *enr)
{
    if (discovery->need_les && enr->les == ENR_LES_NONE)
        return false;
    if (!discovery->chain)
        return true;
    return enr->has_eth &&
           chainspec_fork_id_check(discovery->chain, discovery->head_number, discovery->head_time,
                                   &enr->eth) == FORK_ID_COMPATIBLE;
}

static void on_record(void *owner, const struct enr *enr)
{
    struct discovery *discovery = owner;
    struct enode node;
    discovery->stats.records_seen++;
    if (!is_fit(discovery, enr) || !enr_enode(enr, &node))
        return;
    discovery->stats.records_fit++;
    discovery->stats.candidates += host_add_candidate(discovery->host, &node);
}

/* Nodes of a DNS tree are a start for discv4, fit or not. */
static void on_dns_record(void *owner, const struct enr *enr)
{
    struct discovery *discovery = owner;
    struct enode node;
    if (discovery->discv4 && enr_enode(enr, &node))
        discv4_seed(discovery->discv4, &node);
    on_record(owner, enr);
}

/* ---- discv4 over UDP ---- */

static void discv4_plan(struct discovery *discovery)
{
    uint64_t now = loop_now_ms(discovery->loop), due = discv4_due_ms(discovery->discv4);
    timer_start(&discovery->discv4_timer, due > now ? due - now : 0);
}

static void on_datagram(void *owner, const struct endpoint *from, struct span bytes)
{
    struct discovery *discovery = owner;
    discv4_receive(discovery->discv4, loop_now_ms(discovery->loop), loop_wall_s(discovery->loop),
                   from, bytes);
    discv4_plan(discovery);
}

static void on_discv4_timer(struct timer *timer)
{
    struct discovery *discovery = container_of(timer, struct discovery, discv4_timer);
    discv4_tick(discovery->discv4, loop_now_ms(discovery->loop), loop_wall_s(discovery->loop));
    discv4_plan(discovery);
}

static void on_send(void *owner, const struct endpoint *to, struct span datagram)
{
    struct discovery *discovery = owner;
    udp_send(discovery->udp, to, datagram);
}

static void on_draw(void *owner, void *out, size_t size)
{
    struct discovery *discovery = owner;
    loop_random(discovery->loop, out, size);
}

static const struct discv4_events DISCV4_EVENTS = {
    .send = on_send, .on_record = on_record, .draw = on_draw};

static enum status discv4_open(struct discovery *discovery, struct crypto *crypto,
                               const struct seckey32 *key, const struct discovery_config *config)
{
    struct discv4_config own = {.key = *key, .les = config->serve_les};
    struct fork_id eth;
    struct enode self;
    int64_t wall_s = loop_wall_s(discovery->loop);
    enum status status =
        udp_open(&discovery->udp, discovery->loop, &config->discv4_at, on_datagram, discovery);
    if (status != STATUS_OK)
        return status;
    host_self(discovery->host, &self);
    udp_endpoint(discovery->udp, &own.at);
    own.tcp_port = self.at.port;
    /* Larger after each start than before, without anything to remember. */
    own.enr_seq = wall_s > 0 ? (uint64_t)wall_s * 1000 : 1;
    if (config->chain) {
        chainspec_fork_id(&eth, config->chain, config->head_number, config->head_time);
        own.eth = &eth;
    }
    discovery->discv4 = discv4_new(crypto, &own, &DISCV4_EVENTS, discovery);
    for (size_t i = 0; i < config->bootnodes_count; i++)
        discv4_seed(discovery->discv4, &config->bootnodes[i]);
    timer_start(&discovery->discv4_timer, 0);
    return STATUS_OK;
}

/* ---- the whole ---- */

static void on_look(struct timer *timer)
{
    struct discovery *discovery = container_of(timer, struct discovery, look_timer);
    bool wanted = host_candidates_wanted(discovery->host) > 0;
    if (discovery->dnsdisc)
        dnsdisc_want(discovery->dnsdisc, wanted);
    if (discovery->discv4) {
        discv4_search(discovery->discv4, wanted);
        discv4_plan(discovery);
    }
    timer_start(timer, LOOK_MS);
}

enum status discovery_new(struct discovery **out, struct loop *loop, struct crypto *crypto,
                          struct log *log, struct host *host, const struct seckey32 *key,
                          const struct discovery_config *config)
{
    struct discovery *discovery = mem_alloc(sizeof(*discovery));
    enum status status = STATUS_OK;
    *out = NULL;
    discovery->loop = loop;
    discovery->log = log;
    discovery->host = host;
    discovery->chain = config->chain;
    discovery->head_number = config->head_number;
    discovery->head_time = config->head_time;
    discovery->need_les = config->need_les;
    timer_init(&discovery->look_timer, loop, on_look);
    timer_init(&discovery->discv4_timer, loop, on_discv4_timer);
    if (config->dns_trees_count > 0)
        status = dnsdisc_new(&discovery->dnsdisc, loop, crypto, log, config->dns_trees,
                             config->dns_trees_count, on_dns_record, discovery);
    if (status == STATUS_OK && config->do_discv4)
        status = discv4_open(discovery, crypto, key, config);
    if (status != STATUS_OK) {
        discovery_free(discovery);
        return status;
    }
    timer_start(&discovery->look_timer, 0);
    *out = discovery;
    return STATUS_OK;
}

void discovery_free(struct discovery *discovery)
{
    if (!discovery)
        return;
    timer_stop(&discovery->look_timer);
    timer_stop(&discovery->discv4_timer);
    dnsdisc_free(discovery->dnsdisc);
    discv4_free(discovery->discv4);
    if (discovery->udp)
        udp_close(discovery->udp);
    mem_free(discovery);
}

void discovery_set_head(struct discovery *discovery, uint64_t number, uint64_t time)
{
    struct fork_id eth;
    discovery->head_number = number;
    discovery->head_time = time;
    if (!discovery->discv4 || !discovery->chain)
        return;
    chainspec_fork_id(&eth, discovery->chain, number, time);
    discv4_set_eth(discovery->discv4, &eth);
}

const struct enr *discovery_record(const struct discovery *discovery)
{
    return discovery->discv4 ? discv4_record(discovery->discv4) : NULL;
}

void discovery_stats(const struct discovery *discovery, struct discovery_stats *out)
{
    *out = discovery->stats;
    if (discovery->dnsdisc) {
        struct dnsdisc_stats dns;
        dnsdisc_stats(discovery->dnsdisc, &dns);
        out->dns_queries = dns.queries;
        out->dns_records = dns.records;
        out->dns_faults = dns.faults;
        out->dns_trees = dns.trees;
    }
    if (discovery->discv4) {
        struct discv4_stats v4;
        discv4_stats(discovery->discv4, &v4);
        out->discv4_in = v4.in;
        out->discv4_out = v4.out;
        out->discv4_bad = v4.bad;
        out->discv4_limited = v4.limited;
        out->discv4_unproved = v4.unproved;
        out->discv4_lookups = v4.lookups;
        out->discv4_records = v4.records;
        out->table_nodes = v4.table_nodes;
    }
}
