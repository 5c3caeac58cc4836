#include "les/base/loop.h"

#include "les/base/limits.h"

#define TIMERS_CAPACITY_MIN 16

struct sweep {
    struct sweep *next;
    void *pointer;
    void (*release)(void *pointer);
};

void loop_init(struct loop *loop, const struct loop_ops *ops)
{
    *loop = (struct loop){.ops = ops};
}

void loop_deinit(struct loop *loop)
{
    ASSERT(loop->timers_count == 0);
    ASSERT(loop->tasks_head == NULL);
    ASSERT(loop->sweep_head == NULL);
    ASSERT(!loop->turning);
    mem_free(loop->timers);
    loop->timers = NULL;
}

uint64_t loop_now_ms(const struct loop *loop)
{
    return loop->ops->now_ms(loop);
}

uint64_t loop_now_us(const struct loop *loop)
{
    return loop->ops->now_us(loop);
}

int64_t loop_wall_s(const struct loop *loop)
{
    return loop->ops->wall_s(loop);
}

void loop_random(struct loop *loop, void *out, size_t size)
{
    loop->ops->random(loop, out, size);
}

/* ---- timers ---- */

static bool fires_before(const struct timer *a, const struct timer *b)
{
    return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->sequence < b->sequence;
}

static void heap_put(struct loop *loop, size_t index, struct timer *timer)
{
    loop->timers[index] = timer;
    timer->heap_index = index;
}

static void sift_up(struct loop *loop, size_t index, struct timer *timer)
{
    while (index > 1 && fires_before(timer, loop->timers[index / 2])) {
        heap_put(loop, index, loop->timers[index / 2]);
        index /= 2;
    }
    heap_put(loop, index, timer);
}

static void sift_down(struct loop *loop, size_t index, struct timer *timer)
{
    for (size_t child; (child = 2 * index) <= loop->timers_count; index = child) {
        if (child < loop->timers_count &&
            fires_before(loop->timers[child + 1], loop->timers[child]))
            child++;
        if (!fires_before(loop->timers[child], timer))
            break;
        heap_put(loop, index, loop->timers[child]);
    }
    heap_put(loop, index, timer);
}

static void heap_remove(struct loop *loop, struct timer *timer)
{
    size_t index = timer->heap_index;
    struct timer *last = loop->timers[loop->timers_count--];
    timer->heap_index = 0;
    if (last == timer)
        return;
    if (index > 1 && fires_before(last, loop->timers[index / 2]))
        sift_up(loop, index, last);
    else
        sift_down(loop, index, last);
}

static void heap_add(struct loop *loop, struct timer *timer)
{
    /* Slot 0 stays unused, so that a heap_index of 0 can mean "not running". */
    if (loop->timers_count + 1 >= loop->timers_capacity) {
        loop->timers_capacity =
            loop->timers_capacity == 0 ? TIMERS_CAPACITY_MIN : 2 * loop->timers_capacity;
        loop->timers = mem_realloc(loop->timers, loop->timers_capacity * sizeof(void *));
    }
    loop->timers_count++;
    sift_up(loop, loop->timers_count, timer);
}

uint64_t loop_next_due_ms(const struct loop *loop)
{
    return loop->timers_count == 0 ? UINT64_MAX : loop->timers[1]->due_ms;
}

/* A turn tells the world once, when it ends. */
static void wake_if_changed(struct loop *loop, uint64_t due_before_ms)
{
    uint64_t due_ms = loop_next_due_ms(loop);
    if (!loop->turning && due_ms != due_before_ms)
        loop->ops->wake_at(loop, due_ms);
}

void timer_init(struct timer *timer, struct loop *loop, void (*on_fire)(struct timer *timer))
{
    *timer = (struct timer){.on_fire = on_fire, .loop = loop};
}

void timer_start(struct timer *timer, uint64_t delay_ms)
{
    struct loop *loop = timer->loop;
    uint64_t now_ms = loop_now_ms(loop), due_before_ms = loop_next_due_ms(loop);
    if (timer->heap_index != 0)
        heap_remove(loop, timer);
    timer->due_ms = delay_ms < UINT64_MAX - 1 - now_ms ? now_ms + delay_ms : UINT64_MAX - 1;
    timer->sequence = loop->timer_sequence++;
    heap_add(loop, timer);
    wake_if_changed(loop, due_before_ms);
}

void timer_stop(struct timer *timer)
{
    if (timer->heap_index == 0)
        return;
    uint64_t due_before_ms = loop_next_due_ms(timer->loop);
    heap_remove(timer->loop, timer);
    wake_if_changed(timer->loop, due_before_ms);
}

bool timer_running(const struct timer *timer)
{
    return timer->heap_index != 0;
}

/* Timers started by a callback of this turn wait for the next one, so a delay of 0 cannot hold the
 * loop. */
static void fire_timers(struct loop *loop)
{
    uint64_t now_ms = loop_now_ms(loop), sequence_end = loop->timer_sequence;
    while (loop->timers_count != 0) {
        struct timer *timer = loop->timers[1];
        if (timer->due_ms > now_ms || timer->sequence >= sequence_end)
            return;
        heap_remove(loop, timer);
        timer->on_fire(timer);
    }
}

/* ---- tasks and the sweep ---- */

void loop_defer(struct loop *loop, struct task *task)
{
    task->cancelled = false;
    if (task->pending)
        return;
    task->pending = true;
    task->next = NULL;
    if (loop->tasks_head == NULL)
        loop->tasks_head = task;
    else
        loop->tasks_tail->next = task;
    loop->tasks_tail = task;
    if (!loop->turning)
        loop->ops->wake_now(loop);
}

void task_cancel(struct task *task)
{
    task->cancelled = true;
}

void loop_sweep(struct loop *loop, void *pointer, void (*release)(void *pointer))
{
    struct sweep *sweep = mem_alloc(sizeof(*sweep));
    sweep->pointer = pointer;
    sweep->release = release;
    if (loop->sweep_head == NULL)
        loop->sweep_head = sweep;
    else
        loop->sweep_tail->next = sweep;
    loop->sweep_tail = sweep;
    if (!loop->turning)
        loop->ops->wake_now(loop);
}

static void run_tasks(struct loop *loop)
{
    for (size_t count = 0; loop->tasks_head != NULL; count++) {
        ASSERT(count < LOOP_TASKS_PER_TURN_MAX);
        struct task *task = loop->tasks_head;
        loop->tasks_head = task->next;
        task->next = NULL;
        task->pending = false;
        if (!task->cancelled)
            task->on_run(task);
    }
}

static void sweep_all(struct loop *loop)
{
    while (loop->sweep_head != NULL) {
        struct sweep *sweep = loop->sweep_head;
        loop->sweep_head = sweep->next;
        sweep->release(sweep->pointer);
        mem_free(sweep);
        /* A release may defer; nothing else may be freed before that task has run. */
        run_tasks(loop);
    }
}

void loop_turn(struct loop *loop)
{
    ASSERT(!loop->turning);
    loop->turning = true;
    fire_timers(loop);
    run_tasks(loop);
    sweep_all(loop);
    loop->turning = false;
    loop->ops->wake_at(loop, loop_next_due_ms(loop));
}

/* ---- links ---- */

enum status link_connect(struct link **out, struct loop *loop, const struct endpoint *to,
                         const struct link_events *events, void *owner)
{
    *out = NULL;
    struct link *link;
    enum status status = loop->ops->link_connect(&link, loop, to);
    if (status != STATUS_OK)
        return status;
    link->loop = loop;
    link->remote = *to;
    link_set_owner(link, events, owner);
    *out = link;
    return STATUS_OK;
}

static bool is_socket_path(const char *path)
{
    size_t size = strlen(path);
    return size > 0 && size <= UNIX_PATH_SIZE_MAX;
}

enum status link_connect_unix(struct link **out, struct loop *loop, const char *path,
                              const struct link_events *events, void *owner)
{
    *out = NULL;
    struct link *link;
    if (!is_socket_path(path))
        return STATUS_INVALID;
    enum status status = loop->ops->link_connect_unix(&link, loop, path);
    if (status != STATUS_OK)
        return status;
    link->loop = loop;
    link_set_owner(link, events, owner);
    *out = link;
    return STATUS_OK;
}

bool link_send(struct link *link, struct span bytes)
{
    if (link->closing || link->ended || bytes.size > LINK_QUEUE_BYTES_MAX - link->queue_size)
        return false;
    return bytes.size == 0 || link->loop->ops->link_send(link, bytes);
}

size_t link_queue_size(const struct link *link)
{
    return link->queue_size;
}

void link_endpoint(const struct link *link, struct endpoint *out)
{
    *out = link->remote;
}

void link_pause(struct link *link)
{
    if (!link->closing && !link->ended)
        link->loop->ops->link_pause(link, true);
}

void link_resume(struct link *link)
{
    if (!link->closing && !link->ended)
        link->loop->ops->link_pause(link, false);
}

void link_close(struct link *link)
{
    if (link == NULL)
        return;
    ASSERT(!link->closing);
    link->closing = true;
    link->events = NULL;
    link->owner = NULL;
    link->loop->ops->link_close(link);
}

void link_set_owner(struct link *link, const struct link_events *events, void *owner)
{
    ASSERT(events->on_data != NULL && events->on_close != NULL);
    link->events = events;
    link->owner = owner;
}

enum status listener_open(struct listener **out, struct loop *loop, const struct endpoint *at,
                          void (*on_accept)(void *owner, struct link *link), void *owner)
{
    *out = NULL;
    struct listener *listener;
    enum status status = loop->ops->listener_open(&listener, loop, at);
    if (status != STATUS_OK)
        return status;
    listener->loop = loop;
    listener->on_accept = on_accept;
    listener->owner = owner;
    *out = listener;
    return STATUS_OK;
}

enum status listener_open_unix(struct listener **out, struct loop *loop, const char *path,
                               void (*on_accept)(void *owner, struct link *link), void *owner)
{
    *out = NULL;
    struct listener *listener;
    if (!is_socket_path(path))
        return STATUS_INVALID;
    enum status status = loop->ops->listener_open_unix(&listener, loop, path);
    if (status != STATUS_OK)
        return status;
    listener->loop = loop;
    listener->on_accept = on_accept;
    listener->owner = owner;
    *out = listener;
    return STATUS_OK;
}

void listener_endpoint(const struct listener *listener, struct endpoint *out)
{
    *out = listener->at;
}

void listener_close(struct listener *listener)
{
    if (listener == NULL)
        return;
    listener->on_accept = NULL;
    listener->loop->ops->listener_close(listener);
}

/* ---- datagrams, names, work ---- */

enum status udp_open(struct udp **out, struct loop *loop, const struct endpoint *at,
                     void (*on_datagram)(void *owner, const struct endpoint *from,
                                         struct span bytes),
                     void *owner)
{
    *out = NULL;
    struct udp *udp;
    enum status status = loop->ops->udp_open(&udp, loop, at);
    if (status != STATUS_OK)
        return status;
    udp->loop = loop;
    udp->on_datagram = on_datagram;
    udp->owner = owner;
    *out = udp;
    return STATUS_OK;
}

void udp_endpoint(const struct udp *udp, struct endpoint *out)
{
    *out = udp->at;
}

void udp_send(struct udp *udp, const struct endpoint *to, struct span bytes)
{
    ASSERT(bytes.size <= UDP_DATAGRAM_MAX);
    udp->loop->ops->udp_send(udp, to, bytes);
}

void udp_close(struct udp *udp)
{
    if (udp == NULL)
        return;
    udp->on_datagram = NULL;
    udp->loop->ops->udp_close(udp);
}

struct resolve *loop_resolve_txt(struct loop *loop, const char *name,
                                 void (*on_done)(void *owner, enum status status,
                                                 const struct span *records, size_t count),
                                 void *owner)
{
    struct resolve *resolve = loop->ops->resolve_txt(loop, name);
    resolve->loop = loop;
    resolve->on_done = on_done;
    resolve->owner = owner;
    return resolve;
}

void resolve_cancel(struct resolve *resolve)
{
    resolve->loop->ops->resolve_cancel(resolve);
}

void loop_work(struct loop *loop, struct work *work)
{
    loop->ops->work(loop, work);
}
