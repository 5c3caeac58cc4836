/* JSON messages on a Unix socket, one after the other: go-ethereum ends each with a newline, others
 * do not, so the brackets say where one ends. */
#include "les/node/full_wire.h"

#include "les/base/limits.h"
#include "les/node/full_frame.h"

#define KEPT_CAPACITY_MAX KIB(64)

struct ipc_wire {
    struct full_wire base;
    struct loop *loop;
    struct link *link;
    struct full_frame frame;
    struct buf message;
};

static struct ipc_wire *ipc_of(struct full_wire *wire)
{
    return container_of(wire, struct ipc_wire, base);
}

static void end(struct ipc_wire *self, enum status status, const char *why)
{
    link_close(self->link);
    self->link = NULL;
    self->base.events->on_end(self->base.owner, status, why);
}

static void on_open(void *owner)
{
    struct ipc_wire *self = owner;
    self->base.events->on_open(self->base.owner);
}

static void give(struct ipc_wire *self)
{
    struct buf message = self->message;
    self->message = (struct buf){0};
    self->base.events->on_message(self->base.owner, buf_span(&message), 200);
    if (self->link == NULL || message.capacity > KEPT_CAPACITY_MAX) {
        buf_free(&message);
        return;
    }
    self->message = message;
    buf_clear(&self->message);
}

static void on_data(void *owner, struct span bytes)
{
    struct ipc_wire *self = owner;
    size_t used;
    self->base.events->on_bytes(self->base.owner, bytes.size);
    while (bytes.size > 0 && self->link != NULL) {
        enum full_frame_state state = full_frame_feed(&self->frame, bytes, &used);
        buf_add_span(&self->message, SPAN(bytes.data, used));
        bytes = SPAN(bytes.data + used, bytes.size - used);
        if (state == FULL_FRAME_DONE)
            give(self);
        else if (state == FULL_FRAME_BAD)
            end(self, STATUS_INVALID, "the node does not speak JSON");
        else if (state == FULL_FRAME_LARGE)
            end(self, STATUS_LIMIT, "the node's answer is too large");
        else if (self->frame.depth == 0)
            buf_clear(&self->message); /* blanks between messages */
    }
}

static void on_close(void *owner, enum status status)
{
    end(owner, status == STATUS_OK ? STATUS_IO : status, "the connection ended");
}

static const struct link_events link_events = {on_open, on_data, NULL, on_close};

static bool ipc_send(struct full_wire *wire, struct span message)
{
    struct ipc_wire *self = ipc_of(wire);
    return self->link != NULL && link_send(self->link, message) &&
           link_send(self->link, SPAN_STR("\n"));
}

static void release(void *pointer)
{
    struct ipc_wire *self = pointer;
    buf_free(&self->message);
    mem_free(self);
}

static void ipc_close(struct full_wire *wire)
{
    struct ipc_wire *self = ipc_of(wire);
    link_close(self->link);
    self->link = NULL;
    loop_sweep(self->loop, self, release);
}

static const struct full_wire_ops ipc_ops = {ipc_send, ipc_close};

enum status full_ipc_open(struct full_wire **out, const struct full_wire_target *target,
                          const struct full_wire_events *events, void *owner)
{
    struct ipc_wire *self = mem_alloc(sizeof *self);
    self->base = (struct full_wire){&ipc_ops, events, owner};
    self->loop = target->loop;
    enum status status =
        link_connect_unix(&self->link, target->loop, target->address->path, &link_events, self);
    if (status != STATUS_OK) {
        mem_free(self);
        return status;
    }
    *out = &self->base;
    return STATUS_OK;
}
