#include "les/base/loop_uv.h"

#include "les/base/limits.h"

#include <arpa/nameser.h>
#include <netdb.h>
#include <resolv.h>
#include <stdatomic.h>

/* ---- datagrams ---- */

struct uv_udp {
    struct udp base;
    uv_udp_t handle;
    bool ipv6;
};

static void on_datagram(uv_udp_t *handle, ssize_t count, const uv_buf_t *buffer,
                        const struct sockaddr *from, unsigned flags)
{
    struct uv_udp *self = container_of(handle, struct uv_udp, handle);
    if (count < 0 || from == NULL || count > UDP_DATAGRAM_MAX || (flags & UV_UDP_PARTIAL) != 0 ||
        self->base.on_datagram == NULL)
        return;
    struct endpoint endpoint;
    loop_uv_from_address(&endpoint, from);
    self->base.on_datagram(self->base.owner, &endpoint, SPAN(buffer->base, (size_t)count));
}

static void on_udp_closed(uv_handle_t *handle)
{
    struct uv_udp *self = container_of(handle, struct uv_udp, handle);
    world_of(self->base.loop)->live_count--;
    mem_free(self);
}

enum status net_uv_udp_open(struct udp **out, struct loop *loop, const struct endpoint *at)
{
    struct uv_world *world = world_of(loop);
    struct uv_udp *self = mem_alloc(sizeof(*self));
    self->base.loop = loop;
    self->ipv6 = loop_uv_is_ipv6(at);
    ASSERT(uv_udp_init(&world->uv, &self->handle) == 0);
    world->live_count++;
    struct sockaddr_storage address;
    loop_uv_to_address(&address, at, false);
    int size = sizeof(address);
    int error = uv_udp_bind(&self->handle, (const struct sockaddr *)&address, 0);
    if (error == 0)
        error = uv_udp_getsockname(&self->handle, (struct sockaddr *)&address, &size);
    if (error == 0)
        error = uv_udp_recv_start(&self->handle, loop_uv_on_alloc, on_datagram);
    if (error != 0) {
        uv_close((uv_handle_t *)&self->handle, on_udp_closed);
        return loop_uv_status(error);
    }
    loop_uv_from_address(&self->base.at, (const struct sockaddr *)&address);
    world->open_count++;
    *out = &self->base;
    return STATUS_OK;
}

void net_uv_udp_send(struct udp *udp, const struct endpoint *to, struct span bytes)
{
    struct uv_udp *self = container_of(udp, struct uv_udp, base);
    struct sockaddr_storage address;
    loop_uv_to_address(&address, to, self->ipv6);
    uv_buf_t buffer = uv_buf_init((char *)(uintptr_t)bytes.data, (unsigned)bytes.size);
    (void)uv_udp_try_send(&self->handle, &buffer, 1, (const struct sockaddr *)&address);
}

void net_uv_udp_close(struct udp *udp)
{
    struct uv_udp *self = container_of(udp, struct uv_udp, base);
    world_of(udp->loop)->open_count--;
    uv_close((uv_handle_t *)&self->handle, on_udp_closed);
}

/* ---- names ---- */

/* The resolver of libc blocks, so a query sits on a worker in tries of one second: after a cancel
 * it leaves soon, and its callback does not wait for that. */
#define TRY_MS 1000
_Static_assert(RESOLVE_TIMEOUT_MS >= TRY_MS, "at least one try");

struct query {
    struct resolve base;
    uv_work_t request;
    struct query *next;
    char name[NS_MAXDNAME];
    struct endpoint nameserver;
    atomic_bool cancelled;
    bool finished;  /* no worker has it, none will */
    bool delivered; /* on_done was called */
    struct task deliver;
    enum status status;
    struct net_uv_records records;
};

/* RFC 1035 3.3.14: TXT data is one or more strings, each behind its length byte. */
static bool add_record(struct net_uv_records *records, const uint8_t *data, size_t size)
{
    if (records->count == RESOLVE_RECORDS_MAX)
        return false;
    while (size != 0) {
        size_t length = data[0];
        if (length + 1 > size)
            return false;
        buf_add(&records->storage, data + 1, length);
        data += length + 1;
        size -= length + 1;
    }
    records->ends[records->count++] = records->storage.size;
    return true;
}

enum status net_uv_parse_txt(struct net_uv_records *out, struct span answer)
{
    ns_msg message;
    if (answer.size > RESOLVE_TXT_MAX || ns_initparse(answer.data, (int)answer.size, &message) != 0)
        return STATUS_INVALID;
    for (int i = 0; i < ns_msg_count(message, ns_s_an); i++) {
        ns_rr record;
        if (ns_parserr(&message, ns_s_an, i, &record) != 0)
            return STATUS_INVALID;
        if (ns_rr_type(record) == ns_t_txt && ns_rr_class(record) == ns_c_in &&
            !add_record(out, ns_rr_rdata(record), ns_rr_rdlen(record)))
            return STATUS_INVALID;
    }
    return out->count == 0 ? STATUS_NOT_FOUND : STATUS_OK;
}

static enum status query_status(int resolver_error)
{
    switch (resolver_error) {
    case HOST_NOT_FOUND:
    case NO_DATA:
        return STATUS_NOT_FOUND;
    case TRY_AGAIN:
        return STATUS_TIMEOUT;
    default: /* h_errno values are no closed enum */
        return STATUS_UNAVAILABLE;
    }
}

enum status loop_uv_set_nameserver(struct loop *loop, const struct endpoint *server)
{
    if (loop_uv_is_ipv6(server))
        return STATUS_INVALID;
    world_of(loop)->nameserver = *server;
    return STATUS_OK;
}

static void use_nameserver(struct __res_state *state, const struct endpoint *server)
{
    if (server->port == 0)
        return;
    struct sockaddr_storage address;
    loop_uv_to_address(&address, server, false);
    state->nscount = 1;
    memcpy(&state->nsaddr_list[0], &address, sizeof(state->nsaddr_list[0]));
}

static enum status ask(struct query *query, uint8_t *answer)
{
    struct __res_state state;
    memset(&state, 0, sizeof(state));
    if (res_ninit(&state) != 0)
        return STATUS_UNAVAILABLE;
    state.retrans = TRY_MS / 1000;
    state.retry = 1;
    use_nameserver(&state, &query->nameserver);
    enum status status = STATUS_TIMEOUT;
    uint64_t deadline_ns = uv_hrtime() + RESOLVE_TIMEOUT_MS * UINT64_C(1000000);
    for (int i = 0; i < RESOLVE_TIMEOUT_MS / TRY_MS && status == STATUS_TIMEOUT; i++) {
        if (atomic_load(&query->cancelled) || uv_hrtime() >= deadline_ns)
            break;
        int size = res_nquery(&state, query->name, ns_c_in, ns_t_txt, answer, (int)RESOLVE_TXT_MAX);
        if (size > (int)RESOLVE_TXT_MAX)
            status = STATUS_LIMIT;
        else
            status = size < 0 ? query_status(state.res_h_errno)
                              : net_uv_parse_txt(&query->records, SPAN(answer, (size_t)size));
    }
    res_nclose(&state);
    return status;
}

static void on_ask(uv_work_t *request)
{
    struct query *query = container_of(request, struct query, request);
    uint8_t *answer = mem_alloc(RESOLVE_TXT_MAX);
    query->status = ask(query, answer);
    mem_free(answer);
}

static void release_query(void *pointer)
{
    struct query *query = pointer;
    world_of(query->base.loop)->live_count--;
    buf_free(&query->records.storage);
    mem_free(query);
}

static void on_asked(uv_work_t *request, int error);

static void start_queries(struct uv_world *world)
{
    while (world->queries_head != NULL && world->queries_running < RESOLVE_PARALLEL_MAX) {
        struct query *query = world->queries_head;
        world->queries_head = query->next;
        world->queries_running++;
        ASSERT(uv_queue_work(&world->uv, &query->request, on_ask, on_asked) == 0);
    }
}

static void deliver(struct query *query)
{
    struct span records[RESOLVE_RECORDS_MAX];
    size_t count = query->status == STATUS_OK ? query->records.count : 0;
    const size_t *ends = query->records.ends;
    for (size_t i = 0, start = 0; i < count; start = ends[i++])
        records[i] = SPAN(query->records.storage.data + start, ends[i] - start);
    query->delivered = true;
    query->base.on_done(query->base.owner, query->status, count == 0 ? NULL : records, count);
}

static void on_asked(uv_work_t *request, int error)
{
    (void)error;
    struct query *query = container_of(request, struct query, request);
    struct uv_world *world = world_of(query->base.loop);
    world->queries_running--;
    start_queries(world);
    query->finished = true;
    if (!atomic_load(&query->cancelled))
        deliver(query);
    if (query->delivered)
        loop_sweep(&world->base, query, release_query);
}

static void on_cancelled(struct task *task)
{
    struct query *query = container_of(task, struct query, deliver);
    query->delivered = true;
    query->base.on_done(query->base.owner, STATUS_CANCELLED, NULL, 0);
    if (query->finished)
        loop_sweep(query->base.loop, query, release_query);
}

static void on_invalid_name(struct task *task)
{
    struct query *query = container_of(task, struct query, deliver);
    query->status = atomic_load(&query->cancelled) ? STATUS_CANCELLED : STATUS_INVALID;
    deliver(query);
    loop_sweep(query->base.loop, query, release_query);
}

struct resolve *net_uv_resolve_txt(struct loop *loop, const char *name)
{
    struct uv_world *world = world_of(loop);
    struct query *query = mem_alloc(sizeof(*query));
    query->base.loop = loop;
    query->deliver.on_run = on_cancelled;
    world->live_count++;
    size_t size = strlen(name);
    if (size == 0 || size >= sizeof(query->name)) {
        query->finished = true;
        query->deliver.on_run = on_invalid_name;
        loop_defer(loop, &query->deliver);
        return &query->base;
    }
    memcpy(query->name, name, size);
    query->nameserver = world->nameserver;
    if (world->queries_head == NULL)
        world->queries_head = query;
    else
        world->queries_tail->next = query;
    world->queries_tail = query;
    start_queries(world);
    return &query->base;
}

/* A query that still waits for a worker needs none any more. */
static void forget_waiting(struct uv_world *world, struct query *query)
{
    struct query *previous = NULL;
    for (struct query *at = world->queries_head; at != NULL; previous = at, at = at->next) {
        if (at != query)
            continue;
        if (previous == NULL)
            world->queries_head = at->next;
        else
            previous->next = at->next;
        if (world->queries_tail == at)
            world->queries_tail = previous;
        query->finished = true;
        return;
    }
}

void net_uv_resolve_cancel(struct resolve *resolve)
{
    struct query *query = container_of(resolve, struct query, base);
    if (query->delivered || atomic_exchange(&query->cancelled, true))
        return;
    forget_waiting(world_of(resolve->loop), query);
    loop_defer(resolve->loop, &query->deliver);
}
