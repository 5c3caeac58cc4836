#include "les/node/full_wire.h"

#include "les/node/full_http_parse.h"

struct http_wire {
    struct full_wire base;
    struct loop *loop;
    struct full_wire_target target;
    struct link *link;
    struct full_http response;
    bool asked; /* a request waits for its response */
    bool closed;
};

static struct http_wire *http_of(struct full_wire *wire)
{
    return container_of(wire, struct http_wire, base);
}

static void end(struct http_wire *self, enum status status, const char *why)
{
    if (self->link == NULL)
        return;
    link_close(self->link);
    self->link = NULL;
    self->base.events->on_end(self->base.owner, status, why);
}

static void on_open(void *owner)
{
    struct http_wire *self = owner;
    self->base.events->on_open(self->base.owner);
}

/* The response is whole; the owner may close the wire or send the next request. */
static void give(struct http_wire *self)
{
    struct full_http whole = self->response;
    self->response = (struct full_http){0};
    self->asked = false;
    if (!whole.keep_alive) {
        link_close(self->link); /* before the owner sends on it */
        self->link = NULL;
    }
    self->base.events->on_message(self->base.owner, buf_span(&whole.body), whole.status);
    if (!whole.keep_alive && !self->closed)
        self->base.events->on_end(self->base.owner, STATUS_OK, "the node closed the connection");
    full_http_free(&whole);
}

static void take(struct http_wire *self, enum full_http_state state)
{
    switch (state) {
    case FULL_HTTP_MORE:
        break;
    case FULL_HTTP_DONE:
        give(self);
        break;
    case FULL_HTTP_BAD:
        end(self, STATUS_INVALID, "the node does not speak HTTP");
        break;
    case FULL_HTTP_LARGE:
        end(self, STATUS_LIMIT, "the node's answer is too large");
        break;
    }
}

static void on_data(void *owner, struct span bytes)
{
    struct http_wire *self = owner;
    size_t used;
    self->base.events->on_bytes(self->base.owner, bytes.size);
    while (bytes.size > 0 && self->link != NULL) {
        if (!self->asked) { /* 408 and the like, before it closes */
            end(self, STATUS_IO, "the node spoke without being asked");
            return;
        }
        enum full_http_state state = full_http_feed(&self->response, bytes, &used);
        bytes = SPAN(bytes.data + used, bytes.size - used);
        take(self, state);
    }
}

static void on_close(void *owner, enum status status)
{
    struct http_wire *self = owner;
    if (status == STATUS_OK && self->asked && full_http_finish(&self->response) == FULL_HTTP_DONE)
        give(self);
    else
        end(self, status == STATUS_OK && self->asked ? STATUS_IO : status, "the connection ended");
}

static const struct link_events link_events = {on_open, on_data, NULL, on_close};

static bool http_send(struct full_wire *wire, struct span message)
{
    struct http_wire *self = http_of(wire);
    const struct full_address *to = self->target.address;
    struct buf head = {0};
    if (self->link == NULL || self->asked)
        return false;
    buf_printf(&head,
               "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n"
               "Accept: application/json\r\nContent-Length: %zu\r\n",
               to->path, to->host, message.size);
    if (self->target.authorization != NULL)
        buf_printf(&head, "Authorization: %s\r\n", self->target.authorization);
    buf_add_str(&head, "\r\n");
    self->asked = link_send(self->link, buf_span(&head)) && link_send(self->link, message);
    buf_free(&head);
    return self->asked;
}

static void release(void *pointer)
{
    struct http_wire *self = pointer;
    full_http_free(&self->response);
    mem_free(self);
}

static void http_close(struct full_wire *wire)
{
    struct http_wire *self = http_of(wire);
    self->closed = true;
    link_close(self->link);
    self->link = NULL;
    loop_sweep(self->loop, self, release);
}

static const struct full_wire_ops http_ops = {http_send, http_close};

enum status full_http_open(struct full_wire **out, const struct full_wire_target *target,
                           const struct full_wire_events *events, void *owner)
{
    struct http_wire *self = mem_alloc(sizeof *self);
    const struct full_address *to = target->address;
    self->target = *target;
    self->base = (struct full_wire){&http_ops, events, owner};
    self->loop = target->loop;
    enum status status =
        link_connect(&self->link, target->loop,
                     &to->endpoints[target->attempt % to->endpoints_count], &link_events, self);
    if (status != STATUS_OK) {
        mem_free(self);
        return status;
    }
    *out = &self->base;
    return STATUS_OK;
}
