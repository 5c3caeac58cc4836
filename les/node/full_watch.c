#include "les/node/full_json.h"
#include "les/node/full_rpc_private.h"

#define SUBSCRIPTION_ID_MAX 128

static void start_timer(struct full_rpc *rpc)
{
    bool announced = rpc->watching.subscription.size > 0;
    timer_start(&rpc->watching.timer, announced ? FULL_CHECK_MS : rpc->poll_ms);
}

static void take_head(struct full_rpc *rpc, json_t *header)
{
    struct full_watching *self = &rpc->watching;
    struct hash32 hash;
    uint64_t number;
    if (!full_read_fixed(hash.bytes, 32, json_object_get(header, "hash")) ||
        !full_read_u64(&number, json_object_get(header, "number"))) {
        rpc->stats.faults++;
        return;
    }
    if (self->has_head && hash32_equal(&hash, &self->head))
        return;
    self->has_head = true;
    self->head = hash;
    if (self->watch->on_head != NULL)
        self->watch->on_head(self->owner, &hash, number, header);
}

static void on_latest(void *owner, const struct full_reply *reply)
{
    struct full_rpc *rpc = owner;
    rpc->watching.poll = NULL;
    start_timer(rpc);
    bool again = rpc->watching.again;
    rpc->watching.again = false;
    if (again)
        full_rpc_poll(rpc);
    if (reply->outcome == FULL_RESULT)
        take_head(rpc, reply->result);
}

void full_rpc_poll(struct full_rpc *rpc)
{
    struct full_watching *self = &rpc->watching;
    if (self->watch == NULL)
        return;
    if (self->poll != NULL) {
        self->again = true;
        return;
    }
    timer_stop(&self->timer);
    self->poll = full_rpc_call(rpc, "eth_getBlockByNumber", json_pack("[s, b]", "latest", 0), 0,
                               on_latest, rpc);
}

static void on_timer(struct timer *timer)
{
    full_rpc_poll(container_of(timer, struct full_rpc, watching.timer));
}

static void on_subscribed(void *owner, const struct full_reply *reply)
{
    struct full_rpc *rpc = owner;
    struct full_watching *self = &rpc->watching;
    self->subscribe = NULL;
    const char *id = reply->outcome == FULL_RESULT ? json_string_value(reply->result) : NULL;
    if (id == NULL || id[0] == 0 || strlen(id) > SUBSCRIPTION_ID_MAX) {
        log_write(rpc->log, LOG_INFO, "node", "the full node announces no heads: it is asked",
                  NULL);
        return;
    }
    buf_clear(&self->subscription);
    buf_add_str(&self->subscription, id);
    full_rpc_poll(rpc); /* what came between the last poll and the subscription */
}

void full_watch_notify(struct full_rpc *rpc, json_t *params)
{
    struct full_watching *self = &rpc->watching;
    const char *id = json_string_value(json_object_get(params, "subscription"));
    if (id == NULL || !span_equal(SPAN_STR(id), buf_span(&self->subscription)))
        return;
    if (!timer_running(&self->timer) && self->poll == NULL)
        start_timer(rpc);
    take_head(rpc, json_object_get(params, "result"));
}

void full_watch_open(struct full_rpc *rpc)
{
    struct full_watching *self = &rpc->watching;
    if (self->watch == NULL)
        return;
    self->subscribe =
        full_rpc_call(rpc, "eth_subscribe", json_pack("[s]", "newHeads"), 0, on_subscribed, rpc);
    full_rpc_poll(rpc);
}

void full_watch_lost(struct full_rpc *rpc)
{
    struct full_watching *self = &rpc->watching;
    buf_clear(&self->subscription);
    if (self->subscribe != NULL)
        full_call_cancel(self->subscribe);
    self->subscribe = NULL;
}

void full_rpc_watch(struct full_rpc *rpc, const struct full_watch *watch, void *owner)
{
    ASSERT(rpc->watching.watch == NULL);
    rpc->watching.watch = watch;
    rpc->watching.owner = owner;
    bool open = rpc->lines[0].open && rpc->address.scheme != FULL_HTTP;
    if (open)
        full_watch_open(rpc);
    else
        full_rpc_poll(rpc);
}

void full_watch_init(struct full_rpc *rpc)
{
    timer_init(&rpc->watching.timer, rpc->loop, on_timer);
}

void full_watch_free(struct full_rpc *rpc)
{
    timer_stop(&rpc->watching.timer);
    buf_free(&rpc->watching.subscription);
}
