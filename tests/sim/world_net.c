#include "les/base/limits.h"
#include "tests/sim/world_inside.h"

#define RESOLVE_US_MIN 5000
#define RESOLVE_US_MAX 50000

/* ---- datagrams ---- */

struct world_udp {
    struct udp base;
    struct world_udp *next;
};

struct datagram {
    struct event arrive;
    struct datagram *previous, *next;
    struct endpoint from;
    uint16_t port;
    size_t size;
    uint8_t bytes[];
};

static struct world_udp *find_udp(struct host *host, uint16_t port)
{
    struct world_udp *udp = host->udps;
    while (udp != NULL && udp->base.at.port != port)
        udp = udp->next;
    return udp;
}

enum status world_net_udp_open(struct udp **out, struct loop *loop, const struct endpoint *at)
{
    struct host *host = host_of(loop);
    struct endpoint bound = *at;
    while (bound.port == 0 || (at->port == 0 && find_udp(host, bound.port) != NULL))
        bound.port = host->next_port++;
    if (!world_may_bind(host, at) || find_udp(host, bound.port) != NULL)
        return STATUS_UNAVAILABLE;
    struct world_udp *udp = mem_alloc(sizeof(*udp));
    udp->base.loop = loop;
    udp->base.at = bound;
    udp->next = host->udps;
    host->udps = udp;
    *out = &udp->base;
    return STATUS_OK;
}

static void free_datagram(struct datagram *datagram)
{
    struct world *world = datagram->arrive.host->world;
    if (datagram->previous != NULL)
        datagram->previous->next = datagram->next;
    else
        world->datagrams = datagram->next;
    if (datagram->next != NULL)
        datagram->next->previous = datagram->previous;
    world_unschedule(&datagram->arrive);
    mem_free(datagram);
}

static void on_arrive(struct event *event)
{
    struct datagram *datagram = container_of(event, struct datagram, arrive);
    struct world_udp *udp = find_udp(event->host, datagram->port);
    if (udp != NULL) {
        event->host->world->counters.datagrams++;
        udp->base.on_datagram(udp->base.owner, &datagram->from,
                              SPAN(datagram->bytes, datagram->size));
    }
    free_datagram(datagram);
}

static void launch(struct udp *udp, struct host *to, const struct endpoint *at, struct span bytes)
{
    struct host *from = host_of(udp->loop);
    struct world *world = from->world;
    struct datagram *datagram = mem_alloc(sizeof(*datagram) + bytes.size);
    datagram->arrive = (struct event){.run = on_arrive, .host = to, .what = "datagram"};
    memcpy(datagram->from.ip, endpoint_is_loopback(at) ? at->ip : from->ip, 16);
    datagram->from.port = udp->at.port;
    datagram->port = at->port;
    datagram->size = bytes.size;
    if (bytes.size != 0)
        memcpy(datagram->bytes, bytes.data, bytes.size);
    world_transit(from, to, datagram->bytes, bytes.size);
    datagram->next = world->datagrams;
    if (world->datagrams != NULL)
        world->datagrams->previous = datagram;
    world->datagrams = datagram;
    world_schedule(&datagram->arrive, world->now_us + world_latency_us(from, to));
}

void world_net_udp_send(struct udp *udp, const struct endpoint *to, struct span bytes)
{
    struct host *from = host_of(udp->loop), *target = world_find_host(from, to->ip);
    struct world *world = from->world;
    if (target == NULL)
        return;
    const struct world_net *net = world_net_between(from, target);
    bool lost = world_dice(world, 1000) < net->loss_permille;
    bool twice = world_dice(world, 1000) < net->duplicate_permille;
    if (lost || world_is_apart(from, target)) {
        world->counters.datagrams_lost++;
        return;
    }
    launch(udp, target, to, bytes);
    if (twice)
        launch(udp, target, to, bytes);
}

void world_net_udp_close(struct udp *udp)
{
    struct world_udp **slot = &host_of(udp->loop)->udps;
    while (&(*slot)->base != udp)
        slot = &(*slot)->next;
    struct world_udp *self = *slot;
    *slot = self->next;
    mem_free(self);
}

/* ---- names ---- */

struct query {
    struct resolve base;
    struct event answer;
    char *name;
    bool cancelled;
};

static struct txt *find_txt(struct world *world, const char *name)
{
    struct txt *txt = world->txts;
    while (txt != NULL && strcmp(txt->name, name) != 0)
        txt = txt->next;
    return txt;
}

static void clear_texts(struct txt *txt)
{
    for (size_t i = 0; i < txt->count; i++)
        mem_free(txt->texts[i]);
    mem_free(txt->texts);
    txt->texts = NULL;
    txt->count = 0;
}

static struct txt *make_txt(struct world *world, const char *name)
{
    struct txt *txt = find_txt(world, name);
    if (txt == NULL) {
        txt = mem_alloc(sizeof(*txt));
        txt->name = mem_strdup(name);
        txt->next = world->txts;
        world->txts = txt;
    }
    clear_texts(txt);
    return txt;
}

void world_set_txt(struct world *world, const char *name, const char *const *texts, size_t count)
{
    ASSERT(count <= RESOLVE_RECORDS_MAX);
    struct txt *txt = make_txt(world, name);
    txt->status = count == 0 ? STATUS_NOT_FOUND : STATUS_OK;
    txt->texts = mem_alloc(count * sizeof(void *));
    txt->count = count;
    for (size_t i = 0; i < count; i++)
        txt->texts[i] = mem_strdup(texts[i]);
}

void world_fail_txt(struct world *world, const char *name, enum status status)
{
    ASSERT(status != STATUS_OK);
    make_txt(world, name)->status = status;
}

static void on_answer(struct event *event)
{
    struct query *query = container_of(event, struct query, answer);
    struct world *world = event->host->world;
    const struct txt *txt = query->cancelled ? NULL : find_txt(world, query->name);
    struct span records[RESOLVE_RECORDS_MAX];
    size_t count = txt == NULL ? 0 : txt->count;
    for (size_t i = 0; i < count; i++)
        records[i] = SPAN_STR(txt->texts[i]);
    enum status status = query->cancelled ? STATUS_CANCELLED : STATUS_NOT_FOUND;
    if (txt != NULL)
        status = txt->status;
    world->calls--;
    query->base.on_done(query->base.owner, status, count == 0 ? NULL : records, count);
    mem_free(query->name);
    mem_free(query);
}

struct resolve *world_net_resolve_txt(struct loop *loop, const char *name)
{
    struct host *host = host_of(loop);
    struct world *world = host->world;
    struct query *query = mem_alloc(sizeof(*query));
    query->name = mem_strdup(name);
    query->answer = (struct event){.run = on_answer, .host = host, .what = "resolve"};
    world->calls++;
    world->counters.resolves++;
    world_schedule(&query->answer, world->now_us + RESOLVE_US_MIN +
                                       world_dice(world, RESOLVE_US_MAX - RESOLVE_US_MIN));
    return &query->base;
}

void world_net_resolve_cancel(struct resolve *resolve)
{
    struct query *query = container_of(resolve, struct query, base);
    query->cancelled = true;
    /* Its callback may be running: then the event is spent. */
    if (query->answer.heap_index != 0)
        world_schedule(&query->answer, query->answer.host->world->now_us);
}

/* ---- work ---- */

struct job {
    struct event run;
    struct work *work;
};

static void on_job(struct event *event)
{
    struct job *job = container_of(event, struct job, run);
    struct work *work = job->work;
    event->host->world->calls--;
    mem_free(job);
    work->handle = NULL;
    work->on_work(work);
    work->on_done(work);
}

void world_net_work(struct loop *loop, struct work *work)
{
    struct host *host = host_of(loop);
    struct job *job = mem_alloc(sizeof(*job));
    job->run = (struct event){.run = on_job, .host = host, .what = "work"};
    job->work = work;
    work->handle = job;
    host->world->calls++;
    host->world->counters.works++;
    world_schedule(&job->run, host->world->now_us);
}

void world_net_free_all(struct world *world)
{
    while (world->datagrams != NULL)
        free_datagram(world->datagrams);
    while (world->txts != NULL) {
        struct txt *txt = world->txts;
        world->txts = txt->next;
        clear_texts(txt);
        mem_free(txt->name);
        mem_free(txt);
    }
}
