#include "les/base/loop_uv.h"

#include "les/base/limits.h"

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <sys/random.h>
#include <time.h>

#define CLOSE_WAIT_MS 2000

static uint64_t now_ms(const struct loop *loop)
{
    return uv_now(&container_of(loop, const struct uv_world, base)->uv);
}

static uint64_t now_us(const struct loop *loop)
{
    (void)loop;
    return uv_hrtime() / 1000;
}

static int64_t wall_s(const struct loop *loop)
{
    (void)loop;
    return (int64_t)time(NULL);
}

static void random_bytes(struct loop *loop, void *out, size_t size)
{
    (void)loop;
    for (uint8_t *next = out; size != 0;) {
        ssize_t count = getrandom(next, size, 0);
        ASSERT(count >= 0 || errno == EINTR);
        if (count < 0)
            continue;
        next += count;
        size -= (size_t)count;
    }
}

/* The uv timer only ends the sleep; prepare, which follows in the same iteration, runs the turn. */
static void on_timer(uv_timer_t *timer)
{
    (void)timer;
}

static void wake_at(struct loop *loop, uint64_t due_ms)
{
    struct uv_world *world = world_of(loop);
    uint64_t now = uv_now(&world->uv);
    if (due_ms == UINT64_MAX)
        uv_timer_stop(&world->timer);
    else
        ASSERT(uv_timer_start(&world->timer, on_timer, due_ms > now ? due_ms - now : 0, 0) == 0);
}

/* Nothing to do: prepare and check look at the lists in every iteration, prepare before any sleep.
 */
static void wake_now(struct loop *loop)
{
    (void)loop;
}

static bool has_tasks(const struct loop *loop)
{
    return loop->tasks_head != NULL || loop->sweep_head != NULL;
}

static bool has_live(const struct uv_world *world)
{
    return world->live_count > world->open_count;
}

static void turn_if_needed(struct uv_world *world)
{
    struct loop *loop = &world->base;
    if (has_tasks(loop) || loop_next_due_ms(loop) <= uv_now(&world->uv))
        loop_turn(loop);
}

static void on_prepare(uv_prepare_t *prepare)
{
    struct uv_world *world = container_of(prepare, struct uv_world, prepare);
    turn_if_needed(world);
    /* Nothing is left that could end the coming sleep. */
    if (world->freeing && !has_live(world))
        uv_stop(&world->uv);
}

static void on_check(uv_check_t *check)
{
    turn_if_needed(container_of(check, struct uv_world, check));
}

/* ---- work ---- */

struct job {
    uv_work_t request;
    struct uv_world *world;
    struct work *work;
};

static void on_job(uv_work_t *request)
{
    struct work *work = container_of(request, struct job, request)->work;
    work->on_work(work);
}

static void on_job_done(uv_work_t *request, int status)
{
    (void)status;
    struct job *job = container_of(request, struct job, request);
    struct work *work = job->work;
    job->world->live_count--;
    mem_free(job);
    work->handle = NULL;
    work->on_done(work);
}

static void start_work(struct loop *loop, struct work *work)
{
    struct uv_world *world = world_of(loop);
    struct job *job = mem_alloc(sizeof(*job));
    job->world = world;
    job->work = work;
    work->handle = job;
    world->live_count++;
    ASSERT(uv_queue_work(&world->uv, &job->request, on_job, on_job_done) == 0);
}

static const struct loop_ops uv_ops = {
    .now_ms = now_ms,
    .now_us = now_us,
    .wall_s = wall_s,
    .random = random_bytes,
    .wake_at = wake_at,
    .wake_now = wake_now,
    .link_connect = link_uv_connect,
    .link_connect_unix = link_uv_connect_unix,
    .link_send = link_uv_send,
    .link_pause = link_uv_pause,
    .link_close = link_uv_close,
    .listener_open = link_uv_listen,
    .listener_open_unix = link_uv_listen_unix,
    .listener_close = link_uv_listener_close,
    .udp_open = net_uv_udp_open,
    .udp_send = net_uv_udp_send,
    .udp_close = net_uv_udp_close,
    .resolve_txt = net_uv_resolve_txt,
    .resolve_cancel = net_uv_resolve_cancel,
    .work = start_work,
};

/* ---- life ---- */

struct loop *loop_uv_new(void)
{
    struct uv_world *world = mem_alloc(sizeof(*world));
    loop_init(&world->base, &uv_ops);
    /* libuv writes without MSG_NOSIGNAL: a closed peer must be an error, not the end of the
     * process. */
    signal(SIGPIPE, SIG_IGN);
    ASSERT(uv_loop_init(&world->uv) == 0);
    ASSERT(uv_prepare_init(&world->uv, &world->prepare) == 0);
    ASSERT(uv_prepare_start(&world->prepare, on_prepare) == 0);
    ASSERT(uv_check_init(&world->uv, &world->check) == 0);
    ASSERT(uv_check_start(&world->check, on_check) == 0);
    ASSERT(uv_timer_init(&world->uv, &world->timer) == 0);
    return &world->base;
}

struct uv_loop_s *loop_uv_raw(struct loop *loop)
{
    return loop->ops == &uv_ops ? &world_of(loop)->uv : NULL;
}

void loop_run(struct loop *loop)
{
    ASSERT(loop->ops == &uv_ops);
    struct uv_world *world = world_of(loop);
    uv_update_time(&world->uv);
    while (!world->stopped)
        uv_run(&world->uv, UV_RUN_DEFAULT);
    world->stopped = false;
}

void loop_stop(struct loop *loop)
{
    ASSERT(loop->ops == &uv_ops);
    struct uv_world *world = world_of(loop);
    world->stopped = true;
    uv_stop(&world->uv);
}

static void on_signal(uv_signal_t *signal, int number)
{
    struct uv_world *world = signal->data;
    world->on_signal(world->owner, number);
}

void loop_catch_signals(struct loop *loop, void (*callback)(void *owner, int number), void *owner)
{
    static const int numbers[] = {SIGTERM, SIGINT};
    ASSERT(loop->ops == &uv_ops);
    struct uv_world *world = world_of(loop);
    ASSERT(!world->catches_signals);
    world->catches_signals = true;
    world->on_signal = callback;
    world->owner = owner;
    for (size_t i = 0; i < ARRAY_COUNT(numbers); i++) {
        ASSERT(uv_signal_init(&world->uv, &world->signals[i]) == 0);
        world->signals[i].data = world;
        ASSERT(uv_signal_start(&world->signals[i], on_signal, numbers[i]) == 0);
    }
}

static void close_own_handles(struct uv_world *world)
{
    uv_close((uv_handle_t *)&world->prepare, NULL);
    uv_close((uv_handle_t *)&world->check, NULL);
    uv_close((uv_handle_t *)&world->timer, NULL);
    for (size_t i = 0; world->catches_signals && i < ARRAY_COUNT(world->signals); i++)
        uv_close((uv_handle_t *)&world->signals[i], NULL);
}

void loop_free(struct loop *loop)
{
    ASSERT(loop->ops == &uv_ops);
    struct uv_world *world = world_of(loop);
    world->freeing = true;
    while (has_tasks(loop) || has_live(world))
        uv_run(&world->uv, UV_RUN_ONCE);
    ASSERT(world->open_count == 0);
    close_own_handles(world);
    int error = UV_EBUSY;
    /* Handles of loop_uv_raw users were closed by them, yet their close callbacks may still be due.
     */
    for (int waited_ms = 0; waited_ms < CLOSE_WAIT_MS; waited_ms++) {
        uv_run(&world->uv, UV_RUN_NOWAIT);
        error = uv_loop_close(&world->uv);
        if (error == 0)
            break;
        uv_sleep(1);
    }
    if (error != 0)
        uv_print_all_handles(&world->uv, stderr);
    ASSERT(error == 0);
    loop_deinit(loop);
    mem_free(world);
}

/* ---- shared by the files of the real world ---- */

enum status loop_uv_status(int error)
{
    switch (error) {
    case 0:
    case UV_EOF:
        return STATUS_OK;
    case UV_ECONNREFUSED:
    case UV_ENOENT: /* no such socket file */
    case UV_ENOTSOCK:
    case UV_EHOSTUNREACH:
    case UV_ENETUNREACH:
    case UV_EADDRINUSE:
    case UV_EADDRNOTAVAIL:
    case UV_EACCES:
        return STATUS_UNAVAILABLE;
    case UV_ETIMEDOUT:
        return STATUS_TIMEOUT;
    case UV_ECANCELED:
        return STATUS_CANCELLED;
    case UV_EMFILE:
    case UV_ENFILE:
    case UV_ENOMEM:
    case UV_ENOBUFS:
        return STATUS_LIMIT;
    default: /* errno values are no closed enum */
        return STATUS_IO;
    }
}

static const uint8_t mapped_prefix[12] = {[10] = 0xff, [11] = 0xff};

bool loop_uv_is_ipv6(const struct endpoint *endpoint)
{
    return memcmp(endpoint->ip, mapped_prefix, sizeof(mapped_prefix)) != 0;
}

void loop_uv_to_address(struct sockaddr_storage *out, const struct endpoint *endpoint,
                        bool ipv6_only)
{
    memset(out, 0, sizeof(*out));
    if (ipv6_only || loop_uv_is_ipv6(endpoint)) {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(endpoint->port);
        memcpy(&in6->sin6_addr, endpoint->ip, 16);
    } else {
        struct sockaddr_in *in = (struct sockaddr_in *)out;
        in->sin_family = AF_INET;
        in->sin_port = htons(endpoint->port);
        memcpy(&in->sin_addr, endpoint->ip + 12, 4);
    }
}

void loop_uv_from_address(struct endpoint *out, const struct sockaddr *address)
{
    memset(out, 0, sizeof(*out));
    if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)address;
        out->port = ntohs(in6->sin6_port);
        memcpy(out->ip, &in6->sin6_addr, 16);
    } else if (address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)address;
        out->port = ntohs(in->sin_port);
        memcpy(out->ip, mapped_prefix, sizeof(mapped_prefix));
        memcpy(out->ip + 12, &in->sin_addr, 4);
    }
}

void loop_uv_on_alloc(uv_handle_t *handle, size_t hint, uv_buf_t *out)
{
    (void)hint;
    struct uv_world *world = container_of(handle->loop, struct uv_world, uv);
    *out = uv_buf_init(world->read_buffer, READ_BUFFER_SIZE);
}
