#include "les/node/full_rpc_private.h"

#include <stdlib.h>

#define SENDS_MAX 2

/* ---- lists ---- */

static void unlist(struct full_call *call)
{
    struct full_calls *list = call->list;
    if (list == NULL)
        return;
    *(call->previous == NULL ? &list->first : &call->previous->next) = call->next;
    *(call->next == NULL ? &list->last : &call->next->previous) = call->previous;
    list->count--;
    call->list = NULL;
    call->line = NULL;
    call->previous = call->next = NULL;
}

static void put_last(struct full_calls *list, struct full_call *call)
{
    call->list = list;
    call->previous = list->last;
    *(list->last == NULL ? &list->first : &list->last->next) = call;
    list->last = call;
    list->count++;
}

static void put_first(struct full_calls *list, struct full_call *call)
{
    call->list = list;
    call->next = list->first;
    *(list->first == NULL ? &list->last : &list->first->previous) = call;
    list->first = call;
    list->count++;
}

static void free_call(struct full_call *call)
{
    unlist(call);
    timer_stop(&call->deadline);
    call->rpc->bytes -= call->text.size;
    buf_free(&call->text);
    mem_free(call);
}

static bool is_http(const struct full_rpc *rpc)
{
    return rpc->address.scheme == FULL_HTTP;
}

/* ---- the ends of a call ---- */

void full_rpc_complete(struct full_call *call, const struct full_reply *reply)
{
    struct full_rpc *rpc = call->rpc;
    full_on_reply *on_reply = call->on_reply;
    void *owner = call->owner;
    if (reply->outcome != FULL_FAILED)
        rpc->stats.reply_us += loop_now_us(rpc->loop) - call->started_us;
    rpc->stats.results += reply->outcome == FULL_RESULT;
    rpc->stats.errors += reply->outcome == FULL_ERROR;
    rpc->stats.failed += reply->outcome == FULL_FAILED;
    free_call(call);
    on_reply(owner, reply);
}

void full_rpc_fail(struct full_call *call, enum status status, const char *why)
{
    struct full_reply reply = {.outcome = FULL_FAILED, .message = why, .status = status};
    full_rpc_complete(call, &reply);
}

void full_rpc_again(struct full_call *call, enum full_again how, enum status status,
                    const char *why)
{
    struct full_rpc *rpc = call->rpc;
    if (call->sends >= SENDS_MAX) {
        full_rpc_fail(call, status, why);
        return;
    }
    unlist(call);
    call->alone |= how != FULL_AGAIN;
    call->exclusive |= how == FULL_AGAIN_EXCLUSIVE;
    put_first(&rpc->queue, call);
    full_rpc_flush_later(rpc);
}

void full_call_cancel(struct full_call *call)
{
    struct full_line *line = call->line;
    free_call(call);
    /* An answer that nobody waits for would hold the connection. */
    if (line != NULL && line->asked && line->calls.count == 0)
        full_rpc_line_end(line, STATUS_CANCELLED, "nobody waits for the answer");
}

/* On a stream bytes are not enough: garbage may have begun something that swallows all answers. */
static bool is_silent(const struct full_rpc *rpc, const struct full_line *line, uint64_t since_ms)
{
    return (is_http(rpc) ? rpc->heard_ms : line->understood_ms) < since_ms;
}

static void on_deadline(struct timer *timer)
{
    struct full_call *call = container_of(timer, struct full_call, deadline);
    struct full_rpc *rpc = call->rpc;
    struct full_line *line = call->line;
    if (call->list == &rpc->refused) {
        full_rpc_fail(call, call->refusal, call->refusal_why);
        return;
    }
    bool silent = line != NULL && is_silent(rpc, line, call->sent_ms);
    rpc->stats.timeouts++;
    if (silent)
        full_rpc_set_up(rpc, false, "the node does not answer");
    full_rpc_fail(call, STATUS_TIMEOUT, "the node did not answer in time");
    if (rpc->dead || line == NULL || !line->open)
        return;
    if (is_http(rpc) ? line->asked && line->calls.count == 0 : silent)
        full_rpc_line_end(line, STATUS_TIMEOUT, "the node does not answer");
}

/* ---- state ---- */

static void on_tell(struct task *task)
{
    struct full_rpc *rpc = container_of(task, struct full_rpc, tell);
    bool up = rpc->stats.up;
    if (rpc->told_state && rpc->told_up == up)
        return;
    rpc->told_state = true;
    rpc->told_up = up;
    if (up)
        log_write(rpc->log, LOG_INFO, "node", "the full node is reachable", NULL);
    else
        log_write(rpc->log, LOG_WARN, "node", "the full node is not reachable", "why", rpc->why,
                  NULL);
    const struct full_watch *watch = rpc->watching.watch;
    if (watch != NULL && watch->on_state != NULL)
        watch->on_state(rpc->watching.owner, up, up ? NULL : rpc->why);
}

void full_rpc_set_up(struct full_rpc *rpc, bool up, const char *why)
{
    rpc->stats.up = up;
    rpc->why = why;
    if (!rpc->told_state || rpc->told_up != up)
        loop_defer(rpc->loop, &rpc->tell);
}

bool full_rpc_batches(const struct full_rpc *rpc)
{
    return loop_now_ms(rpc->loop) >= rpc->batch_again_ms;
}

/* ---- lines ---- */

static void wait_to_reconnect(struct full_rpc *rpc)
{
    uint64_t wait_ms = FULL_RECONNECT_MAX_MS, dice;
    if (rpc->failures < 8 && FULL_RECONNECT_FIRST_MS << rpc->failures < FULL_RECONNECT_MAX_MS)
        wait_ms = FULL_RECONNECT_FIRST_MS << rpc->failures;
    rpc->failures++;
    loop_random(rpc->loop, &dice, sizeof dice);
    timer_start(&rpc->reconnect, wait_ms / 2 + dice % (wait_ms / 2 + 1));
}

static bool any_line(const struct full_rpc *rpc)
{
    for (size_t i = 0; i < rpc->lines_count; i++)
        if (rpc->lines[i].wire != NULL)
            return true;
    return false;
}

static void fail_queue(struct full_rpc *rpc, const char *why)
{
    for (size_t count = rpc->queue.count; count > 0 && !rpc->dead && rpc->queue.count > 0; count--)
        full_rpc_fail(rpc->queue.first, STATUS_UNAVAILABLE, why);
}

/* It never opened. */
static void connect_failed(struct full_rpc *rpc, const char *why)
{
    if (++rpc->attempt % (rpc->address.endpoints_count + (rpc->address.endpoints_count == 0)) !=
        0) {
        full_rpc_flush_later(rpc); /* localhost has another address */
        return;
    }
    full_rpc_set_up(rpc, false, why);
    wait_to_reconnect(rpc);
    if (!any_line(rpc))
        fail_queue(rpc, why);
}

static void lose(struct full_call *call, enum status status, const char *why)
{
    struct full_rpc *rpc = call->rpc;
    bool together = call->batched || (!is_http(rpc) && !call->exclusive);
    if (status == STATUS_LIMIT && !together) {
        full_rpc_fail(call, status, why); /* it would be as large again */
    } else if (status == STATUS_LIMIT || status == STATUS_INVALID) {
        full_rpc_again(call, FULL_AGAIN_EXCLUSIVE, status, why);
    } else {
        full_rpc_again(call, FULL_AGAIN, status == STATUS_TIMEOUT ? status : STATUS_UNAVAILABLE,
                       why);
    }
}

static void close_line(struct full_line *line)
{
    struct full_wire *wire = line->wire;
    timer_stop(&line->opening);
    line->wire = NULL;
    line->open = line->asked = false;
    full_wire_close(wire);
}

void full_rpc_line_end(struct full_line *line, enum status status, const char *why)
{
    struct full_rpc *rpc = line->rpc;
    bool was_open = line->open, useless = !line->answered && line->calls.count > 0;
    rpc->stats.faults += status == STATUS_INVALID || status == STATUS_LIMIT;
    rpc->stats.disconnects += was_open;
    close_line(line);
    if (!is_http(rpc))
        full_watch_lost(rpc);
    if (!was_open) {
        connect_failed(rpc, status == STATUS_UNAVAILABLE ? "nobody takes the connection" : why);
        return;
    }
    if (!is_http(rpc) || useless || status == STATUS_INVALID)
        full_rpc_set_up(rpc, false, why);
    if (useless || (!is_http(rpc) && !line->answered))
        wait_to_reconnect(rpc);
    while (!rpc->dead && line->calls.last != NULL)
        lose(line->calls.last, status, why);
    if (!rpc->dead)
        full_rpc_flush_later(rpc);
}

static void on_open(void *owner)
{
    struct full_line *line = owner;
    struct full_rpc *rpc = line->rpc;
    timer_stop(&line->opening);
    line->open = true;
    rpc->stats.connects++;
    full_rpc_flush_later(rpc);
    if (!is_http(rpc)) {
        full_rpc_set_up(rpc, true, NULL);
        full_watch_open(rpc);
    }
}

static void on_message(void *owner, struct span message, unsigned status)
{
    struct full_line *line = owner;
    line->asked = false;
    full_reply_message(line, message, status);
}

static void on_end(void *owner, enum status status, const char *why)
{
    full_rpc_line_end(owner, status, why);
}

static void on_bytes(void *owner, size_t size)
{
    struct full_line *line = owner;
    line->rpc->heard_ms = loop_now_ms(line->rpc->loop);
    line->rpc->stats.bytes_in += size;
}

static const struct full_wire_events wire_events = {on_open, on_message, on_end, on_bytes};

static void on_opening(struct timer *timer)
{
    struct full_line *line = container_of(timer, struct full_line, opening);
    full_rpc_line_end(line, STATUS_TIMEOUT, "connecting took too long");
}

static void open_line(struct full_rpc *rpc)
{
    struct full_line *line = NULL;
    for (size_t i = 0; i < rpc->lines_count; i++) {
        if (rpc->lines[i].wire == NULL)
            line = &rpc->lines[i];
        else if (!rpc->lines[i].open)
            return; /* one at a time */
    }
    if (line == NULL || timer_running(&rpc->reconnect))
        return;
    struct full_wire_target target = {rpc->loop, &rpc->address, rpc->attempt, rpc->authorization};
    enum status status = STATUS_OK;
    switch (rpc->address.scheme) {
    case FULL_HTTP:
        status = full_http_open(&line->wire, &target, &wire_events, line);
        break;
    case FULL_WS:
        status = full_ws_open(&line->wire, &target, &wire_events, line);
        break;
    case FULL_IPC:
        status = full_ipc_open(&line->wire, &target, &wire_events, line);
        break;
    }
    line->answered = false;
    if (status == STATUS_OK)
        timer_start(&line->opening, FULL_CONNECT_MS);
    else
        connect_failed(rpc, "no connection can be made");
}

/* ---- sending ---- */

/* Calls can be put on this line now. */
static bool has_room(const struct full_rpc *rpc, const struct full_line *line)
{
    if (!line->open || line->asked)
        return false;
    if (is_http(rpc) || line->calls.count == 0)
        return true;
    return line->calls.count < FULL_IN_FLIGHT_MAX && !rpc->queue.first->exclusive &&
           !line->calls.first->exclusive;
}

/* How many calls from the front of the queue make the next message. */
static size_t count_next(const struct full_rpc *rpc, const struct full_line *line)
{
    const struct full_call *call = rpc->queue.first;
    size_t count = 1, bytes = call->text.size, room = FULL_IN_FLIGHT_MAX - line->calls.count;
    if (call->alone || !full_rpc_batches(rpc))
        return 1;
    for (call = call->next; call != NULL && !call->alone && count < room; call = call->next) {
        bytes += call->text.size;
        if (bytes > FULL_BATCH_BYTES_MAX || count == FULL_BATCH_MAX)
            break;
        count++;
    }
    return count;
}

static void send_next(struct full_rpc *rpc, struct full_line *line)
{
    struct buf message = {0};
    size_t count = count_next(rpc, line);
    for (size_t i = 0; i < count; i++) {
        struct full_call *call = rpc->queue.first;
        unlist(call);
        put_last(&line->calls, call);
        call->line = line;
        call->batched = count > 1;
        call->sent_ms = loop_now_ms(rpc->loop);
        rpc->stats.resent += call->sends++ > 0;
        if (count > 1)
            buf_add_u8(&message, i == 0 ? '[' : ',');
        buf_add_span(&message, buf_span(&call->text));
    }
    if (count > 1)
        buf_add_u8(&message, ']');
    line->asked = is_http(rpc);
    rpc->stats.messages++;
    rpc->stats.bytes_out += message.size;
    bool sent = full_wire_send(line->wire, buf_span(&message));
    buf_free(&message);
    if (!sent)
        full_rpc_line_end(line, STATUS_IO, "the connection does not take more");
}

static void on_flush(struct task *task)
{
    struct full_rpc *rpc = container_of(task, struct full_rpc, flush);
    for (size_t i = 0; i < rpc->lines_count; i++)
        while (!rpc->dead && rpc->queue.first != NULL && has_room(rpc, &rpc->lines[i]))
            send_next(rpc, &rpc->lines[i]);
    if (rpc->dead)
        return;
    if (rpc->queue.first != NULL || (!is_http(rpc) && rpc->watching.watch != NULL))
        open_line(rpc);
}

void full_rpc_flush_later(struct full_rpc *rpc)
{
    if (!rpc->dead)
        loop_defer(rpc->loop, &rpc->flush);
}

static void on_reconnect(struct timer *timer)
{
    full_rpc_flush_later(container_of(timer, struct full_rpc, reconnect));
}

static void write_request(struct full_call *call, const char *method, json_t *params)
{
    json_t *request =
        json_pack("{s:s, s:I, s:s, s:o}", "jsonrpc", "2.0", "id", (json_int_t)call->id, "method",
                  method, "params", params == NULL ? json_array() : params);
    ASSERT(request != NULL);
    char *text = json_dumps(request, JSON_COMPACT);
    ASSERT(text != NULL);
    buf_add_str(&call->text, text);
    free(text);
    json_decref(request);
}

static bool is_refused(struct full_call *call)
{
    const struct full_rpc *rpc = call->rpc;
    size_t waiting = rpc->queue.count;
    for (size_t i = 0; i < rpc->lines_count; i++)
        waiting += rpc->lines[i].calls.count;
    call->refusal = STATUS_LIMIT;
    if (call->text.size > FULL_CALL_BYTES_MAX) {
        call->refusal_why = "the call is too large";
    } else if (waiting >= FULL_QUEUE_MAX || rpc->bytes > FULL_QUEUE_BYTES_MAX) {
        call->refusal_why = "too many calls wait for the node";
    } else if (rpc->failures >= FULL_FAILURES_PATIENT && timer_running(&rpc->reconnect) &&
               !any_line(rpc)) {
        call->refusal = STATUS_UNAVAILABLE;
        call->refusal_why = rpc->why == NULL ? "the node is not reachable" : rpc->why;
    }
    return call->refusal_why != NULL;
}

struct full_call *full_rpc_call(struct full_rpc *rpc, const char *method, json_t *params,
                                uint64_t deadline_ms, full_on_reply *on_reply, void *owner)
{
    struct full_call *call = mem_alloc(sizeof *call);
    ASSERT(!rpc->dead && (params == NULL || json_is_array(params)));
    call->rpc = rpc;
    call->id = ++rpc->next_id;
    call->on_reply = on_reply;
    call->owner = owner;
    call->started_us = loop_now_us(rpc->loop);
    timer_init(&call->deadline, rpc->loop, on_deadline);
    write_request(call, method, params);
    rpc->stats.calls++;
    rpc->bytes += call->text.size;
    if (is_refused(call)) {
        put_last(&rpc->refused, call);
        timer_start(&call->deadline, 0);
        return call;
    }
    timer_start(&call->deadline, deadline_ms == 0 ? rpc->call_ms : deadline_ms);
    put_last(&rpc->queue, call);
    full_rpc_flush_later(rpc);
    return call;
}

/* ---- life ---- */

enum status full_rpc_new(struct full_rpc **out, struct loop *loop, struct log *log,
                         const struct full_rpc_config *config, const char **why)
{
    struct full_address address;
    if (!full_address_parse(&address, config->url, why))
        return STATUS_INVALID;
    if (config->authorization != NULL && strpbrk(config->authorization, "\r\n") != NULL) {
        *why = "the authorization has more than one line";
        full_address_free(&address);
        return STATUS_INVALID;
    }
    struct full_rpc *rpc = mem_alloc(sizeof *rpc);
    rpc->loop = loop;
    rpc->log = log;
    rpc->address = address;
    rpc->authorization = config->authorization == NULL ? NULL : mem_strdup(config->authorization);
    rpc->call_ms = config->call_ms == 0 ? FULL_CALL_MS : config->call_ms;
    rpc->poll_ms = config->poll_ms == 0 ? FULL_POLL_MS : config->poll_ms;
    rpc->lines_count = address.scheme == FULL_HTTP ? FULL_LINKS_MAX : 1;
    rpc->flush.on_run = on_flush;
    rpc->tell.on_run = on_tell;
    timer_init(&rpc->reconnect, loop, on_reconnect);
    for (size_t i = 0; i < FULL_LINKS_MAX; i++) {
        rpc->lines[i].rpc = rpc;
        timer_init(&rpc->lines[i].opening, loop, on_opening);
    }
    full_watch_init(rpc);
    *out = rpc;
    return STATUS_OK;
}

static void release(void *pointer)
{
    struct full_rpc *rpc = pointer;
    full_address_free(&rpc->address);
    mem_free(rpc->authorization);
    mem_free(rpc);
}

void full_rpc_free(struct full_rpc *rpc)
{
    if (rpc == NULL)
        return;
    rpc->dead = true;
    full_watch_free(rpc);
    task_cancel(&rpc->flush);
    task_cancel(&rpc->tell);
    timer_stop(&rpc->reconnect);
    while (rpc->queue.first != NULL)
        free_call(rpc->queue.first);
    while (rpc->refused.first != NULL)
        free_call(rpc->refused.first);
    for (size_t i = 0; i < FULL_LINKS_MAX; i++) {
        close_line(&rpc->lines[i]);
        while (rpc->lines[i].calls.first != NULL)
            free_call(rpc->lines[i].calls.first);
    }
    loop_sweep(rpc->loop, rpc, release);
}

void full_rpc_stats(const struct full_rpc *rpc, struct full_rpc_stats *out)
{
    *out = rpc->stats;
    out->batches = full_rpc_batches(rpc);
    out->subscribed = rpc->watching.subscription.size > 0;
    out->queued = rpc->queue.count;
    out->in_flight = 0;
    for (size_t i = 0; i < rpc->lines_count; i++)
        out->in_flight += rpc->lines[i].calls.count;
}
