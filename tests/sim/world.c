#include "tests/sim/world_inside.h"

#include <inttypes.h>

#include "tests/fixture/fixture.h"

#define START_US                                                                                   \
    UINT64_C(3600000000) /* so that now minus something does not hide a wrap at zero               \
                          */
#define START_WALL_S           1700000000
#define EVENTS_PER_INSTANT_MAX 1000000
#define EPHEMERAL_PORT         49152

/* ---- events ---- */

static bool is_before(const struct event *a, const struct event *b)
{
    return a->due_us != b->due_us ? a->due_us < b->due_us : a->sequence < b->sequence;
}

static void heap_put(struct world *world, size_t index, struct event *event)
{
    world->events[index] = event;
    event->heap_index = index;
}

static void sift_up(struct world *world, size_t index, struct event *event)
{
    for (; index > 1 && is_before(event, world->events[index / 2]); index /= 2)
        heap_put(world, index, world->events[index / 2]);
    heap_put(world, index, event);
}

static void sift_down(struct world *world, size_t index, struct event *event)
{
    for (size_t child; (child = 2 * index) <= world->events_count; index = child) {
        if (child < world->events_count &&
            is_before(world->events[child + 1], world->events[child]))
            child++;
        if (!is_before(world->events[child], event))
            break;
        heap_put(world, index, world->events[child]);
    }
    heap_put(world, index, event);
}

void world_unschedule(struct event *event)
{
    size_t index = event->heap_index;
    if (index == 0)
        return;
    struct world *world = event->host->world;
    struct event *last = world->events[world->events_count--];
    event->heap_index = 0;
    if (last == event)
        return;
    if (index > 1 && is_before(last, world->events[index / 2]))
        sift_up(world, index, last);
    else
        sift_down(world, index, last);
}

void world_schedule(struct event *event, uint64_t due_us)
{
    struct world *world = event->host->world;
    world_unschedule(event);
    if (world->events_count + 1 >= world->events_capacity) {
        world->events_capacity = world->events_capacity == 0 ? 64 : 2 * world->events_capacity;
        world->events = mem_realloc(world->events, world->events_capacity * sizeof(void *));
    }
    event->due_us = due_us < world->now_us ? world->now_us : due_us;
    event->sequence = world->sequence++;
    world->events_count++;
    sift_up(world, world->events_count, event);
}

static void mix(struct world *world, uint64_t value)
{
    uint64_t state = world->trace ^ value;
    world->trace = fixture_random(&state);
}

static bool has_tasks(const struct loop *loop)
{
    return loop->tasks_head != NULL || loop->sweep_head != NULL;
}

bool world_step(struct world *world)
{
    if (world->events_count == 0)
        return false;
    struct event *event = world->events[1];
    struct host *host = event->host;
    world->instant_events = event->due_us == world->now_us ? world->instant_events + 1 : 0;
    ASSERT(world->instant_events <
           EVENTS_PER_INSTANT_MAX); /* somebody spins without time passing */
    world_unschedule(event);
    if (event->due_us > world->now_us)
        world->now_us = event->due_us;
    world->counters.events++;
    mix(world, event->due_us);
    for (const char *c = event->what; *c != 0; c++)
        mix(world, (uint8_t)*c);
    mix(world, host->index);
    if (world->trace_file != NULL)
        fprintf(world->trace_file, "%" PRIu64 " host %zu %s\n", event->due_us - START_US,
                host->index, event->what);
    event->run(event);
    if (has_tasks(&host->base))
        loop_turn(&host->base);
    return true;
}

void world_run_for_ms(struct world *world, uint64_t ms)
{
    uint64_t end_us = world->now_us + ms * 1000;
    while (world->events_count != 0 && world->events[1]->due_us <= end_us)
        world_step(world);
    if (end_us > world->now_us)
        world->now_us = end_us;
}

void world_spend_us(struct world *world, uint64_t us)
{
    world->now_us += us;
}

bool world_run_until(struct world *world, bool (*done)(void *owner), void *owner, uint64_t limit_ms)
{
    uint64_t end_us = world->now_us + limit_ms * 1000;
    while (!done(owner)) {
        if (world->events_count == 0 || world->events[1]->due_us > end_us)
            return false;
        world_step(world);
    }
    return true;
}

/* ---- the loop of a host ---- */

static uint64_t now_ms(const struct loop *loop)
{
    return host_of(loop)->world->now_us / 1000;
}

static uint64_t now_us(const struct loop *loop)
{
    return host_of(loop)->world->now_us;
}

static int64_t wall_s(const struct loop *loop)
{
    const struct host *host = host_of(loop);
    return (int64_t)(host->world->now_us / 1000000) + host->world->wall_offset_s + host->skew_s;
}

static void random_bytes(struct loop *loop, void *out, size_t size)
{
    fixture_random_bytes(&host_of(loop)->random, out, size);
}

static void on_turn(struct event *event)
{
    loop_turn(&event->host->base);
}

static void wake_at(struct loop *loop, uint64_t due_ms)
{
    struct host *host = host_of(loop);
    uint64_t due_us = due_ms > UINT64_MAX / 1000 ? UINT64_MAX : due_ms * 1000;
    if (has_tasks(loop)) /* they were promised a turn now, and it sets the timer anew */
        due_us = host->world->now_us;
    if (due_us == UINT64_MAX)
        world_unschedule(&host->turn);
    else if (host->turn.heap_index == 0 || host->turn.due_us != due_us)
        world_schedule(&host->turn, due_us);
}

static void wake_now(struct loop *loop)
{
    struct host *host = host_of(loop);
    if (host->turn.heap_index == 0 || host->turn.due_us != host->world->now_us)
        world_schedule(&host->turn, host->world->now_us);
}

static const struct loop_ops world_ops = {
    .now_ms = now_ms,
    .now_us = now_us,
    .wall_s = wall_s,
    .random = random_bytes,
    .wake_at = wake_at,
    .wake_now = wake_now,
    .link_connect = world_link_connect,
    .link_connect_unix = world_link_connect_unix,
    .link_send = world_link_send,
    .link_pause = world_link_pause,
    .link_close = world_link_close,
    .listener_open = world_link_listen,
    .listener_open_unix = world_link_listen_unix,
    .listener_close = world_link_listener_close,
    .udp_open = world_net_udp_open,
    .udp_send = world_net_udp_send,
    .udp_close = world_net_udp_close,
    .resolve_txt = world_net_resolve_txt,
    .resolve_cancel = world_net_resolve_cancel,
    .work = world_net_work,
};

struct world *world_new(uint64_t seed)
{
    struct world *world = mem_alloc(sizeof(*world));
    world->now_us = START_US;
    world->dice = seed;
    world->net =
        (struct world_net){.latency_us_min = 1000, .latency_us_max = 5000, .chunk_max = 16384};
    world_set_wall_s(world, START_WALL_S);
    return world;
}

struct loop *world_host_new(struct world *world, const char *ip)
{
    ASSERT(world->hosts_count < WORLD_HOSTS_MAX);
    struct buf text = {0};
    buf_printf(&text, strchr(ip, ':') == NULL ? "%s:0" : "[%s]:0", ip);
    buf_add_u8(&text, 0);
    struct endpoint endpoint;
    ASSERT(endpoint_parse(&endpoint, (char *)text.data));
    buf_free(&text);
    for (size_t i = 0; i < world->hosts_count; i++)
        ASSERT(memcmp(world->hosts[i]->ip, endpoint.ip, 16) != 0);
    struct host *host = mem_alloc(sizeof(*host));
    loop_init(&host->base, &world_ops);
    host->world = world;
    host->index = world->hosts_count;
    memcpy(host->ip, endpoint.ip, 16);
    uint64_t state = world->dice ^ (host->index + 1) * UINT64_C(0xd1342543de82ef95);
    host->random = fixture_random(&state);
    host->next_port = EPHEMERAL_PORT;
    host->turn = (struct event){.run = on_turn, .host = host, .what = "turn"};
    world->hosts[world->hosts_count++] = host;
    return &host->base;
}

static void free_host(struct host *host)
{
    ASSERT(host->links_open == 0);
    ASSERT(host->listeners == NULL);
    ASSERT(host->udps == NULL);
    loop_deinit(&host->base);
    world_unschedule(&host->turn);
    mem_free(host);
}

void world_free(struct world *world)
{
    while (world->calls != 0)
        ASSERT(world_step(world));
    for (size_t i = 0; i < world->hosts_count; i++) {
        if (has_tasks(&world->hosts[i]->base))
            loop_turn(&world->hosts[i]->base);
        world_link_free_all(world->hosts[i]);
    }
    world_net_free_all(world);
    for (size_t i = 0; i < world->hosts_count; i++)
        free_host(world->hosts[i]);
    for (size_t i = 0; i < WORLD_HOSTS_MAX; i++)
        for (size_t j = 0; j < WORLD_HOSTS_MAX; j++)
            mem_free(world->paths[i][j]);
    ASSERT(world->events_count == 0);
    mem_free(world->events);
    mem_free(world);
}

/* ---- the script's knobs ---- */

uint64_t world_now_ms(const struct world *world)
{
    return world->now_us / 1000;
}

void world_set_wall_s(struct world *world, int64_t wall)
{
    world->wall_offset_s = wall - (int64_t)(world->now_us / 1000000);
}

void world_skew_s(struct loop *host, int64_t skew_s)
{
    host_of(host)->skew_s = skew_s;
}

static void check_net(const struct world_net *net)
{
    ASSERT(net->latency_us_min <= net->latency_us_max);
    ASSERT(net->chunk_max > 0);
    ASSERT(net->loss_permille <= 1000 && net->duplicate_permille <= 1000);
}

void world_set_net(struct world *world, const struct world_net *net)
{
    check_net(net);
    world->net = *net;
}

struct path *world_path(struct host *from, struct host *to)
{
    struct path **slot = &from->world->paths[from->index][to->index];
    if (*slot == NULL)
        *slot = mem_alloc(sizeof(**slot));
    return *slot;
}

void world_set_path(struct loop *a, struct loop *b, const struct world_net *net)
{
    check_net(net);
    struct path *paths[] = {world_path(host_of(a), host_of(b)), world_path(host_of(b), host_of(a))};
    for (size_t i = 0; i < 2; i++) {
        paths[i]->net = *net;
        paths[i]->has_net = true;
    }
}

void world_partition(struct loop *a, struct loop *b, bool apart)
{
    world_path(host_of(a), host_of(b))->apart = apart;
    world_path(host_of(b), host_of(a))->apart = apart;
}

void world_cut_after(struct loop *from, struct loop *to, uint64_t bytes)
{
    world_path(host_of(from), host_of(to))->cut_after = bytes;
}

void world_refuse(struct loop *host, bool refuse)
{
    host_of(host)->refuses = refuse;
}

void world_on_transit(struct world *world,
                      void (*on_transit)(void *owner, struct loop *from, struct loop *to,
                                         uint8_t *bytes, size_t size),
                      void *owner)
{
    world->on_transit = on_transit;
    world->transit_owner = owner;
}

struct world_counters world_counters(const struct world *world)
{
    return world->counters;
}

uint64_t world_trace(const struct world *world)
{
    return world->trace;
}

void world_trace_to(struct world *world, FILE *file)
{
    world->trace_file = file;
}

uint64_t world_dice(struct world *world, uint64_t bound)
{
    return fixture_random_below(&world->dice, bound);
}

/* ---- paths ---- */

struct host *world_find_host(struct host *from, const uint8_t ip[16])
{
    struct endpoint endpoint = {.port = 0};
    memcpy(endpoint.ip, ip, 16);
    if (endpoint_is_loopback(&endpoint))
        return from;
    struct world *world = from->world;
    for (size_t i = 0; i < world->hosts_count; i++)
        if (memcmp(world->hosts[i]->ip, ip, 16) == 0)
            return world->hosts[i];
    return NULL;
}

bool world_is_apart(const struct host *from, const struct host *to)
{
    const struct path *path = from->world->paths[from->index][to->index];
    return path != NULL && path->apart;
}

const struct world_net *world_net_between(const struct host *from, const struct host *to)
{
    const struct path *path = from->world->paths[from->index][to->index];
    return path != NULL && path->has_net ? &path->net : &from->world->net;
}

uint64_t world_latency_us(struct host *from, struct host *to)
{
    const struct world_net *net = world_net_between(from, to);
    return net->latency_us_min +
           world_dice(from->world, net->latency_us_max - net->latency_us_min + 1);
}

bool world_may_bind(const struct host *host, const struct endpoint *at)
{
    static const uint8_t any6[16], any4[16] = {[10] = 0xff, [11] = 0xff};
    return endpoint_is_loopback(at) || memcmp(at->ip, any6, 16) == 0 ||
           memcmp(at->ip, any4, 16) == 0 || memcmp(at->ip, host->ip, 16) == 0;
}

void world_transit(struct host *from, struct host *to, uint8_t *bytes, size_t size)
{
    struct world *world = from->world;
    mix(world, size);
    for (size_t i = 0; i < size; i++)
        world->trace = (world->trace ^ bytes[i]) * UINT64_C(0x100000001b3);
    if (world->on_transit != NULL)
        world->on_transit(world->transit_owner, &from->base, &to->base, bytes, size);
}
