/* What the files of the simulated world share: world.c (clock, events, hosts), world_link.c (TCP),
 * world_net.c (UDP, names, work). */
#ifndef TESTS_SIM_WORLD_INSIDE_H
#define TESTS_SIM_WORLD_INSIDE_H

#include "tests/sim/world.h"

struct host;

/* Embedded in what it happens to; after run, the turn of host follows when it has tasks. */
struct event {
    void (*run)(struct event *event);
    struct host *host;
    const char *what; /* for the trace */
    uint64_t due_us, sequence;
    size_t heap_index; /* 0 = not scheduled */
};

struct path {
    struct world_net net;
    bool has_net, apart;
    uint64_t cut_after; /* bytes left until the cut; 0: none ordered */
};

struct host {
    struct loop base;
    struct world *world;
    size_t index;
    uint8_t ip[16];
    uint64_t random;
    int64_t skew_s;
    uint16_t next_port;
    bool refuses;
    struct event turn;
    struct world_link *links; /* doubly linked: open, lingering and connecting ones */
    struct world_listener *listeners;
    struct world_udp *udps;
    size_t links_open;
};

struct txt {
    struct txt *next;
    char *name;
    enum status status;
    char **texts;
    size_t count;
};

struct world {
    uint64_t now_us, instant_events;
    int64_t wall_offset_s;
    struct event **events; /* heap by (due_us, sequence), slot 0 unused */
    size_t events_count, events_capacity;
    uint64_t sequence;
    uint64_t dice;
    struct world_net net;
    struct host *hosts[WORLD_HOSTS_MAX];
    size_t hosts_count;
    struct path *paths[WORLD_HOSTS_MAX][WORLD_HOSTS_MAX]; /* [from][to], NULL: nothing special */
    struct txt *txts;
    size_t calls; /* work and queries under way */
    struct datagram *datagrams;
    void (*on_transit)(void *owner, struct loop *from, struct loop *to, uint8_t *bytes,
                       size_t size);
    void *transit_owner;
    struct world_counters counters;
    uint64_t trace;
    FILE *trace_file;
};

static inline struct host *host_of(const struct loop *loop)
{
    return container_of(loop, struct host, base);
}

/* ---- world.c ---- */
void world_schedule(struct event *event, uint64_t due_us); /* moves a scheduled one */
void world_unschedule(struct event *event);
struct host *world_find_host(struct host *from, const uint8_t ip[16]); /* NULL: nobody has it */
bool world_is_apart(const struct host *from, const struct host *to);
const struct world_net *world_net_between(const struct host *from, const struct host *to);
uint64_t world_latency_us(struct host *from, struct host *to);
struct path *world_path(struct host *from, struct host *to);
bool world_may_bind(const struct host *host, const struct endpoint *at);
void world_transit(struct host *from, struct host *to, uint8_t *bytes, size_t size);

/* ---- world_link.c ---- */
enum status world_link_connect(struct link **out, struct loop *loop, const struct endpoint *to);
enum status world_link_connect_unix(struct link **out, struct loop *loop, const char *path);
bool world_link_send(struct link *link, struct span bytes);
void world_link_pause(struct link *link, bool paused);
void world_link_close(struct link *link);
enum status world_link_listen(struct listener **out, struct loop *loop, const struct endpoint *at);
enum status world_link_listen_unix(struct listener **out, struct loop *loop, const char *path);
void world_link_listener_close(struct listener *listener);
void world_link_free_all(struct host *host);

/* ---- world_net.c ---- */
enum status world_net_udp_open(struct udp **out, struct loop *loop, const struct endpoint *at);
void world_net_udp_send(struct udp *udp, const struct endpoint *to, struct span bytes);
void world_net_udp_close(struct udp *udp);
struct resolve *world_net_resolve_txt(struct loop *loop, const char *name);
void world_net_resolve_cancel(struct resolve *resolve);
void world_net_work(struct loop *loop, struct work *work);
void world_net_free_all(struct world *world);

#endif
