#include "les/base/loop_uv.h"

#include "les/base/limits.h"

#define KEPT_CAPACITY_MAX KIB(64) /* a bigger send buffer is given back when it has drained */

#define SLICE_MAX                                                                                  \
    KIB(256) /* of one write request: queue_size shows the progress of a slow reader */

union socket {
    uv_handle_t handle;
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
};

/* Sends of one turn are gathered in pending and leave in one write; what the kernel does not take
 * at once becomes flying. */
struct uv_link {
    struct link base;
    union socket socket;
    uv_connect_t connect;
    uv_write_t write;
    uv_shutdown_t shutdown;
    struct buf pending, flying;
    size_t flying_done, slice_size;
    struct task flush;
    struct timer linger;
    bool connected, paused, writing;
    bool shut;   /* our side is shut down: lingering for the other's */
    bool eof;    /* seen while lingering */
    bool doomed; /* uv_close was called */
};

struct uv_listener {
    struct listener base;
    union socket socket;
    bool is_unix;
};

static struct uv_link *uv_link_of(struct link *link)
{
    return container_of(link, struct uv_link, base);
}

static void release_link(void *pointer)
{
    struct uv_link *self = pointer;
    world_of(self->base.loop)->live_count--;
    buf_free(&self->pending);
    buf_free(&self->flying);
    mem_free(self);
}

/* The flush task may still be listed: the sweep comes after it. */
static void on_link_closed(uv_handle_t *handle)
{
    struct uv_link *self = container_of(handle, struct uv_link, socket.handle);
    loop_sweep(self->base.loop, self, release_link);
}

static void doom(struct uv_link *self)
{
    if (self->doomed)
        return;
    self->doomed = true;
    timer_stop(&self->linger);
    task_cancel(&self->flush);
    uv_close(&self->socket.handle, on_link_closed);
}

/* The network is done with this link. */
static void end(struct uv_link *self, int error)
{
    if (self->base.closing) {
        doom(self);
        return;
    }
    if (self->base.ended)
        return;
    self->base.ended = true;
    self->base.queue_size = 0;
    task_cancel(&self->flush);
    uv_read_stop(&self->socket.stream);
    self->base.events->on_close(self->base.owner, loop_uv_status(error));
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    struct uv_link *self = container_of(stream, struct uv_link, socket.stream);
    if (count == 0 || self->doomed)
        return;
    if (count == UV_EOF && self->base.closing && !self->shut) {
        self->eof = true;
        uv_read_stop(stream);
    } else if (count < 0) {
        end(self, (int)count);
    } else if (!self->base.closing) {
        self->base.events->on_data(self->base.owner, SPAN(buffer->base, (size_t)count));
    }
}

static void update_reading(struct uv_link *self)
{
    uv_stream_t *stream = &self->socket.stream;
    if (!self->connected || self->doomed || self->base.ended || self->eof)
        return;
    if (self->paused) {
        uv_read_stop(stream);
        return;
    }
    int error = uv_read_start(stream, loop_uv_on_alloc, on_read);
    ASSERT(error == 0 || error == UV_EALREADY);
}

static void on_shutdown(uv_shutdown_t *shutdown, int error)
{
    struct uv_link *self = container_of(shutdown, struct uv_link, shutdown);
    if (error != 0 || self->eof)
        doom(self);
}

static void give_back(struct buf *buf)
{
    if (buf->capacity > KEPT_CAPACITY_MAX)
        buf_free(buf);
    else
        buf_clear(buf);
}

/* A closing link says goodbye in order: closing with unread input would reset it, and the last
 * message would be lost. */
static void drained(struct uv_link *self)
{
    if (self->base.closing) {
        self->shut = true;
        if (uv_shutdown(&self->shutdown, &self->socket.stream, on_shutdown) != 0)
            doom(self);
    } else if (self->base.events->on_drain != NULL) {
        self->base.events->on_drain(self->base.owner);
    }
}

static void flush(struct uv_link *self);
static void write_slice(struct uv_link *self);

static void on_written(uv_write_t *write, int error)
{
    struct uv_link *self = container_of(write, struct uv_link, write);
    self->writing = false;
    if (self->doomed || self->base.ended)
        return;
    if (error != 0) {
        end(self, error);
        return;
    }
    self->base.queue_size -= self->slice_size;
    self->flying_done += self->slice_size;
    if (self->flying_done < self->flying.size) {
        write_slice(self);
        return;
    }
    give_back(&self->flying);
    if (self->base.queue_size == 0)
        drained(self);
    else
        flush(self);
}

static void write_slice(struct uv_link *self)
{
    size_t left = self->flying.size - self->flying_done;
    self->slice_size = left < SLICE_MAX ? left : SLICE_MAX;
    uv_buf_t buffer =
        uv_buf_init((char *)self->flying.data + self->flying_done, (unsigned)self->slice_size);
    int error = uv_write(&self->write, &self->socket.stream, &buffer, 1, on_written);
    self->writing = error == 0;
    if (error != 0)
        end(self, error);
}

static void flush(struct uv_link *self)
{
    uv_buf_t buffer = uv_buf_init((char *)self->pending.data, (unsigned)self->pending.size);
    int count = uv_try_write(&self->socket.stream, &buffer, 1);
    if (count < 0 && count != UV_EAGAIN) {
        end(self, count);
        return;
    }
    size_t written = count < 0 ? 0 : (size_t)count;
    self->base.queue_size -= written;
    if (written == self->pending.size) {
        give_back(&self->pending);
        drained(self);
        return;
    }
    struct buf empty = self->flying;
    self->flying = self->pending;
    self->pending = empty;
    self->flying_done = written;
    write_slice(self);
}

static void on_flush(struct task *task)
{
    struct uv_link *self = container_of(task, struct uv_link, flush);
    if (!self->doomed && !self->base.ended && !self->writing && self->pending.size != 0)
        flush(self);
}

static void flush_later(struct uv_link *self)
{
    if (self->connected && !self->writing && self->pending.size != 0)
        loop_defer(self->base.loop, &self->flush);
}

static void on_linger(struct timer *timer)
{
    doom(container_of(timer, struct uv_link, linger));
}

static struct uv_link *new_link(struct loop *loop, bool is_unix)
{
    struct uv_world *world = world_of(loop);
    struct uv_link *self = mem_alloc(sizeof(*self));
    self->base.loop = loop;
    self->flush.on_run = on_flush;
    timer_init(&self->linger, loop, on_linger);
    if (is_unix) {
        ASSERT(uv_pipe_init(&world->uv, &self->socket.pipe, 0) == 0);
    } else {
        ASSERT(uv_tcp_init(&world->uv, &self->socket.tcp) == 0);
        ASSERT(uv_tcp_nodelay(&self->socket.tcp, 1) == 0);
    }
    world->live_count++;
    return self;
}

static void on_connect(uv_connect_t *connect, int error)
{
    struct uv_link *self = container_of(connect, struct uv_link, connect);
    if (self->doomed)
        return;
    if (error != 0) {
        end(self, error);
        return;
    }
    self->connected = true;
    flush_later(self);
    self->base.events->on_open(self->base.owner);
    if (!self->base.closing)
        update_reading(self);
}

enum status link_uv_connect(struct link **out, struct loop *loop, const struct endpoint *to)
{
    struct uv_link *self = new_link(loop, false);
    struct sockaddr_storage address;
    loop_uv_to_address(&address, to, false);
    int error = uv_tcp_connect(&self->connect, &self->socket.tcp, (const struct sockaddr *)&address,
                               on_connect);
    if (error != 0) {
        doom(self);
        return loop_uv_status(error);
    }
    world_of(loop)->open_count++;
    *out = &self->base;
    return STATUS_OK;
}

enum status link_uv_connect_unix(struct link **out, struct loop *loop, const char *path)
{
    struct uv_link *self = new_link(loop, true);
    uv_pipe_connect(&self->connect, &self->socket.pipe, path, on_connect);
    world_of(loop)->open_count++;
    *out = &self->base;
    return STATUS_OK;
}

bool link_uv_send(struct link *link, struct span bytes)
{
    struct uv_link *self = uv_link_of(link);
    buf_add_span(&self->pending, bytes);
    link->queue_size += bytes.size;
    flush_later(self);
    return true;
}

void link_uv_pause(struct link *link, bool paused)
{
    struct uv_link *self = uv_link_of(link);
    self->paused = paused;
    update_reading(self);
}

void link_uv_close(struct link *link)
{
    struct uv_link *self = uv_link_of(link);
    world_of(link->loop)->open_count--;
    if (link->ended || !self->connected || link->queue_size == 0) {
        doom(self);
        return;
    }
    self->paused = false;
    update_reading(self);
    timer_start(&self->linger, LINK_LINGER_MS);
}

/* ---- listeners ---- */

static void on_connection(uv_stream_t *stream, int error)
{
    struct uv_listener *listener = container_of(stream, struct uv_listener, socket.stream);
    if (error != 0 || listener->base.on_accept == NULL)
        return;
    struct uv_link *self = new_link(listener->base.loop, listener->is_unix);
    struct sockaddr_storage address = {0};
    int size = sizeof(address);
    if (uv_accept(stream, &self->socket.stream) != 0 ||
        (!listener->is_unix &&
         uv_tcp_getpeername(&self->socket.tcp, (struct sockaddr *)&address, &size) != 0)) {
        doom(self);
        return;
    }
    loop_uv_from_address(&self->base.remote, (const struct sockaddr *)&address);
    self->connected = true;
    world_of(self->base.loop)->open_count++;
    listener->base.on_accept(listener->base.owner, &self->base);
    if (self->base.closing)
        return;
    ASSERT(self->base.events != NULL);
    update_reading(self);
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct uv_listener *self = container_of(handle, struct uv_listener, socket.handle);
    world_of(self->base.loop)->live_count--;
    mem_free(self);
}

enum status link_uv_listen(struct listener **out, struct loop *loop, const struct endpoint *at)
{
    struct uv_world *world = world_of(loop);
    struct uv_listener *self = mem_alloc(sizeof(*self));
    self->base.loop = loop;
    ASSERT(uv_tcp_init(&world->uv, &self->socket.tcp) == 0);
    world->live_count++;
    struct sockaddr_storage address;
    loop_uv_to_address(&address, at, false);
    int size = sizeof(address);
    int error = uv_tcp_bind(&self->socket.tcp, (const struct sockaddr *)&address, 0);
    if (error == 0)
        error = uv_listen(&self->socket.stream, LISTENER_BACKLOG, on_connection);
    if (error == 0)
        error = uv_tcp_getsockname(&self->socket.tcp, (struct sockaddr *)&address, &size);
    if (error != 0) {
        uv_close(&self->socket.handle, on_listener_closed);
        return loop_uv_status(error);
    }
    loop_uv_from_address(&self->base.at, (const struct sockaddr *)&address);
    world->open_count++;
    *out = &self->base;
    return STATUS_OK;
}

enum status link_uv_listen_unix(struct listener **out, struct loop *loop, const char *path)
{
    struct uv_world *world = world_of(loop);
    struct uv_listener *self = mem_alloc(sizeof(*self));
    self->base.loop = loop;
    self->is_unix = true;
    ASSERT(uv_pipe_init(&world->uv, &self->socket.pipe, 0) == 0);
    world->live_count++;
    int error = uv_pipe_bind(&self->socket.pipe, path);
    if (error == 0)
        error = uv_listen(&self->socket.stream, LISTENER_BACKLOG, on_connection);
    if (error != 0) {
        uv_close(&self->socket.handle, on_listener_closed);
        return loop_uv_status(error);
    }
    world->open_count++;
    *out = &self->base;
    return STATUS_OK;
}

void link_uv_listener_close(struct listener *listener)
{
    struct uv_listener *self = container_of(listener, struct uv_listener, base);
    world_of(listener->loop)->open_count--;
    uv_close(&self->socket.handle, on_listener_closed);
}
