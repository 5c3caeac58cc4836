#include "les/base/limits.h"
#include "tests/sim/world_inside.h"

#define WINDOW_BYTES   KIB(256) /* on the way or unread at the other side */
#define RETRANSMIT_US  200000   /* how often a stalled segment tries a partition again */
#define SYN_RETRY_US   UINT64_C(1000000)
#define SYN_TRIES_MAX  7 /* doubling from one second: 127 s, as Linux does */
#define UNREACHABLE_US 3000000

struct segment {
    struct segment *next;
    uint64_t due_us;
    bool fin;
    size_t size;
    uint8_t bytes[];
};

struct world_link {
    struct link base;
    struct world_link *previous, *next; /* of the host */
    struct host *host, *other;
    struct world_link *peer; /* NULL: not accepted yet, or gone */
    uint16_t port;           /* ours */
    struct buf out;
    size_t out_done;
    struct segment *inbox_head, *inbox_tail;
    size_t inbox_bytes;
    uint64_t arrival_us;   /* nothing arrives here earlier: streams stay in order */
    uint64_t wire_free_us; /* our line is busy until then */
    char *path;            /* of a Unix socket to connect to; NULL: TCP */
    unsigned syn_tries;
    enum status outcome; /* of connecting */
    bool connected, paused, gone;
    struct event syn, open, pump, deliver, reset, linger;
};

struct world_listener {
    struct listener base;
    struct world_listener *next;
    char *path; /* of a Unix socket; NULL: TCP */
};

static struct world_link *world_link_of(struct link *link)
{
    return container_of(link, struct world_link, base);
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* ---- ends ---- */

static void drop_inbox(struct world_link *self)
{
    while (self->inbox_head != NULL) {
        struct segment *segment = self->inbox_head;
        self->inbox_head = segment->next;
        mem_free(segment);
    }
    self->inbox_tail = NULL;
    self->inbox_bytes = 0;
    world_unschedule(&self->deliver);
}

static void drop_out(struct world_link *self)
{
    buf_free(&self->out);
    self->out_done = 0;
    self->base.queue_size = 0;
}

static void sever(struct world_link *self)
{
    if (self->peer == NULL)
        return;
    self->peer->peer = NULL;
    self->peer = NULL;
}

static void detach(struct world_link *self)
{
    struct event *events[] = {&self->syn,     &self->open,  &self->pump,
                              &self->deliver, &self->reset, &self->linger};
    for (size_t i = 0; i < ARRAY_COUNT(events); i++)
        world_unschedule(events[i]);
    self->gone = true;
    sever(self);
    drop_inbox(self);
    drop_out(self);
    mem_free(self->path);
    self->path = NULL;
    if (self->previous != NULL)
        self->previous->next = self->next;
    else
        self->host->links = self->next;
    if (self->next != NULL)
        self->next->previous = self->previous;
}

/* Whoever is up the stack may still look at it: the memory goes at the end of the turn. */
static void discard(struct world_link *self)
{
    detach(self);
    loop_sweep(self->base.loop, self, mem_free);
}

void world_link_free_all(struct host *host)
{
    ASSERT(host->links_open == 0);
    while (host->links != NULL) {
        struct world_link *self = host->links;
        detach(self);
        mem_free(self);
    }
}

static void end(struct world_link *self, enum status status)
{
    drop_inbox(self);
    drop_out(self);
    sever(self);
    if (self->base.closing) {
        discard(self);
        return;
    }
    self->base.ended = true;
    world_unschedule(&self->open);
    world_unschedule(&self->pump);
    world_unschedule(&self->reset);
    self->base.events->on_close(self->base.owner, status);
}

static void on_reset(struct event *event)
{
    end(container_of(event, struct world_link, reset), STATUS_IO);
}

static void reset_later(struct world_link *self)
{
    drop_inbox(self);
    world_schedule(&self->reset, self->host->world->now_us);
}

/* ---- bytes on their way ---- */

static void schedule_delivery(struct world_link *self)
{
    if (self->inbox_head != NULL && !self->paused)
        world_schedule(&self->deliver, self->inbox_head->due_us);
}

static void push_segment(struct world_link *from, struct span bytes, bool fin,
                         uint64_t departure_us)
{
    struct world_link *to = from->peer;
    struct segment *segment = mem_alloc(sizeof(*segment) + bytes.size);
    to->arrival_us = later(to->arrival_us, departure_us + world_latency_us(from->host, to->host));
    segment->due_us = to->arrival_us;
    segment->fin = fin;
    segment->size = bytes.size;
    if (bytes.size != 0) {
        memcpy(segment->bytes, bytes.data, bytes.size);
        world_transit(from->host, to->host, segment->bytes, bytes.size);
    }
    to->inbox_bytes += bytes.size;
    if (to->inbox_tail != NULL)
        to->inbox_tail->next = segment;
    else
        to->inbox_head = segment;
    to->inbox_tail = segment;
    if (to->inbox_head == segment)
        schedule_delivery(to);
}

static void send_chunk(struct world_link *self)
{
    struct world *world = self->host->world;
    const struct world_net *net = world_net_between(self->host, self->other);
    size_t size = self->out.size - self->out_done;
    size_t room = WINDOW_BYTES - self->peer->inbox_bytes;
    size = size < room ? size : room;
    size = size < net->chunk_max ? size : net->chunk_max;
    /* Half of the pieces are as long as they may be: the world should not be all crumbs. */
    if (world_dice(world, 2) == 0)
        size = 1 + world_dice(world, size);
    uint64_t departure_us = later(world->now_us, self->wire_free_us);
    if (net->bytes_per_s != 0)
        departure_us += size * UINT64_C(1000000) / net->bytes_per_s;
    self->wire_free_us = departure_us;
    push_segment(self, SPAN(self->out.data + self->out_done, size), false, departure_us);
    self->out_done += size;
    self->base.queue_size -= size;
}

/* Our last word: the other side will see an orderly end. */
static void say_goodbye(struct world_link *self)
{
    if (self->peer != NULL)
        push_segment(self, SPAN_EMPTY, true, later(self->host->world->now_us, self->wire_free_us));
    discard(self);
}

static void on_pump(struct event *event)
{
    struct world_link *self = container_of(event, struct world_link, pump);
    if (self->peer == NULL)
        drop_out(self);
    while (self->out_done < self->out.size && self->peer->inbox_bytes < WINDOW_BYTES)
        send_chunk(self);
    if (self->out_done < self->out.size)
        return;
    buf_clear(&self->out);
    self->out_done = 0;
    if (self->base.closing)
        say_goodbye(self);
    else if (self->base.events->on_drain != NULL)
        self->base.events->on_drain(self->base.owner);
}

static void pump_later(struct world_link *self)
{
    if (self->connected && self->out_done < self->out.size && self->pump.heap_index == 0)
        world_schedule(&self->pump, self->host->world->now_us);
}

/* Returns how much of the segment still arrives: all of it, or the bytes up to an ordered cut. */
static size_t count_down(struct world_link *self, size_t size, bool *cut)
{
    struct path *path = world_path(self->other, self->host);
    *cut = path->cut_after != 0 && size >= path->cut_after;
    if (*cut)
        size = path->cut_after;
    if (path->cut_after != 0)
        path->cut_after -= size;
    return size;
}

static void deliver_data(struct world_link *self, struct segment *segment)
{
    bool cut;
    size_t size = count_down(self, segment->size, &cut);
    self->host->world->counters.tcp_bytes += size;
    if (!self->base.closing)
        self->base.events->on_data(self->base.owner, SPAN(segment->bytes, size));
    mem_free(segment);
    struct world_link *peer = self->peer;
    if (!cut) {
        if (peer != NULL)
            pump_later(peer);
        return;
    }
    sever(self);
    if (peer != NULL)
        reset_later(peer);
    if (!self->gone)
        reset_later(self);
}

static void on_deliver(struct event *event)
{
    struct world_link *self = container_of(event, struct world_link, deliver);
    if (world_is_apart(self->other, self->host)) {
        world_schedule(event, self->host->world->now_us + RETRANSMIT_US);
        return;
    }
    struct segment *segment = self->inbox_head;
    self->inbox_head = segment->next;
    if (self->inbox_head == NULL)
        self->inbox_tail = NULL;
    self->inbox_bytes -= segment->size;
    if (segment->fin) {
        mem_free(segment);
        end(self, STATUS_OK);
        return;
    }
    schedule_delivery(self);
    deliver_data(self, segment);
}

bool world_link_send(struct link *link, struct span bytes)
{
    struct world_link *self = world_link_of(link);
    if (self->out_done > WINDOW_BYTES) {
        buf_drop_front(&self->out, self->out_done);
        self->out_done = 0;
    }
    buf_add_span(&self->out, bytes);
    link->queue_size += bytes.size;
    pump_later(self);
    return true;
}

void world_link_pause(struct link *link, bool paused)
{
    struct world_link *self = world_link_of(link);
    self->paused = paused;
    if (paused)
        world_unschedule(&self->deliver);
    else if (self->deliver.heap_index == 0)
        schedule_delivery(self);
}

static void on_linger(struct event *event)
{
    struct world_link *self = container_of(event, struct world_link, linger);
    struct world_link *peer = self->peer;
    sever(self);
    if (peer != NULL)
        reset_later(peer);
    discard(self);
}

void world_link_close(struct link *link)
{
    struct world_link *self = world_link_of(link);
    self->host->links_open--;
    if (link->ended || !self->connected || self->peer == NULL || link->queue_size == 0) {
        say_goodbye(self);
        return;
    }
    self->paused = false;
    if (self->deliver.heap_index == 0)
        schedule_delivery(self);
    world_schedule(&self->linger, self->host->world->now_us + LINK_LINGER_MS * UINT64_C(1000));
}

void world_cut(struct loop *a, struct loop *b)
{
    for (struct world_link *link = host_of(a)->links; link != NULL; link = link->next) {
        struct world_link *peer = link->peer;
        if (link->other != host_of(b) || peer == NULL)
            continue;
        sever(link);
        reset_later(link);
        reset_later(peer);
    }
}

/* ---- connecting ---- */

static struct world_listener *find_listener(struct host *host, uint16_t port)
{
    struct world_listener *listener = host->listeners;
    while (listener != NULL && (listener->path != NULL || listener->base.at.port != port))
        listener = listener->next;
    return listener;
}

static struct world_listener *find_socket(struct host *host, const char *path)
{
    struct world_listener *listener = host->listeners;
    while (listener != NULL && (listener->path == NULL || strcmp(listener->path, path) != 0))
        listener = listener->next;
    return listener;
}

static void on_open(struct event *event)
{
    struct world_link *self = container_of(event, struct world_link, open);
    if (self->outcome != STATUS_OK) {
        end(self, self->outcome);
        return;
    }
    self->connected = true;
    pump_later(self);
    self->base.events->on_open(self->base.owner);
}

static void on_syn(struct event *event);

static struct world_link *new_link(struct host *host, struct host *other)
{
    struct world_link *self = mem_alloc(sizeof(*self));
    self->base.loop = &host->base;
    self->host = host;
    self->other = other;
    self->syn = (struct event){.run = on_syn, .host = other, .what = "connect"};
    self->open = (struct event){.run = on_open, .host = host, .what = "open"};
    self->pump = (struct event){.run = on_pump, .host = host, .what = "pump"};
    self->deliver = (struct event){.run = on_deliver, .host = host, .what = "deliver"};
    self->reset = (struct event){.run = on_reset, .host = host, .what = "reset"};
    self->linger = (struct event){.run = on_linger, .host = host, .what = "linger"};
    self->next = host->links;
    if (host->links != NULL)
        host->links->previous = self;
    host->links = self;
    host->links_open++;
    return self;
}

static void open_later(struct world_link *self, enum status outcome, uint64_t delay_us)
{
    self->outcome = outcome;
    world_schedule(&self->open, self->host->world->now_us + delay_us);
    self->arrival_us = self->open.due_us;
}

static void accept_link(struct world_link *client, struct world_listener *listener)
{
    struct world_link *server = new_link(client->other, client->host);
    server->peer = client;
    client->peer = server;
    server->connected = true;
    bool loops_back = endpoint_is_loopback(&client->base.remote);
    if (listener->path == NULL) {
        memcpy(server->base.remote.ip, loops_back ? client->base.remote.ip : client->host->ip, 16);
        server->base.remote.port = client->port;
    }
    open_later(client, STATUS_OK, world_latency_us(server->host, client->host));
    client->host->world->counters.connects++;
    listener->base.on_accept(listener->base.owner, &server->base);
    ASSERT(server->base.closing || server->base.events != NULL);
}

static void on_syn(struct event *event)
{
    struct world_link *self = container_of(event, struct world_link, syn);
    struct world_listener *listener = self->path != NULL
                                          ? find_socket(self->host, self->path)
                                          : find_listener(self->other, self->base.remote.port);
    if (world_is_apart(self->host, self->other)) {
        uint64_t delay_us = SYN_RETRY_US << self->syn_tries++;
        if (self->syn_tries == SYN_TRIES_MAX)
            open_later(self, STATUS_TIMEOUT, delay_us);
        else
            world_schedule(event, self->host->world->now_us + delay_us);
    } else if (listener == NULL || self->other->refuses) {
        open_later(self, STATUS_UNAVAILABLE, world_latency_us(self->other, self->host));
    } else {
        accept_link(self, listener);
    }
}

enum status world_link_connect(struct link **out, struct loop *loop, const struct endpoint *to)
{
    struct host *host = host_of(loop), *other = world_find_host(host, to->ip);
    struct world_link *self = new_link(host, other == NULL ? host : other);
    self->port = host->next_port++;
    if (other == NULL)
        open_later(self, STATUS_UNAVAILABLE, UNREACHABLE_US);
    else
        world_schedule(&self->syn, host->world->now_us + world_latency_us(host, other));
    *out = &self->base;
    return STATUS_OK;
}

enum status world_link_connect_unix(struct link **out, struct loop *loop, const char *path)
{
    struct host *host = host_of(loop);
    struct world_link *self = new_link(host, host);
    self->path = mem_strdup(path);
    world_schedule(&self->syn, host->world->now_us + world_latency_us(host, host));
    *out = &self->base;
    return STATUS_OK;
}

/* ---- listeners ---- */

static struct world_listener *new_listener(struct host *host)
{
    struct world_listener *listener = mem_alloc(sizeof(*listener));
    listener->base.loop = &host->base;
    listener->next = host->listeners;
    host->listeners = listener;
    return listener;
}

enum status world_link_listen(struct listener **out, struct loop *loop, const struct endpoint *at)
{
    struct host *host = host_of(loop);
    struct endpoint bound = *at;
    while (bound.port == 0 || (at->port == 0 && find_listener(host, bound.port) != NULL))
        bound.port = host->next_port++;
    if (!world_may_bind(host, at) || find_listener(host, bound.port) != NULL)
        return STATUS_UNAVAILABLE;
    struct world_listener *listener = new_listener(host);
    listener->base.at = bound;
    *out = &listener->base;
    return STATUS_OK;
}

enum status world_link_listen_unix(struct listener **out, struct loop *loop, const char *path)
{
    struct host *host = host_of(loop);
    if (find_socket(host, path) != NULL)
        return STATUS_UNAVAILABLE;
    struct world_listener *listener = new_listener(host);
    listener->path = mem_strdup(path);
    *out = &listener->base;
    return STATUS_OK;
}

void world_link_listener_close(struct listener *listener)
{
    struct world_listener **slot = &host_of(listener->loop)->listeners;
    while (&(*slot)->base != listener)
        slot = &(*slot)->next;
    struct world_listener *self = *slot;
    *slot = self->next;
    mem_free(self->path);
    mem_free(self);
}
