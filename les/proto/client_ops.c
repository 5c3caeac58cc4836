/* The questions of a client: their queue, whom they are put to, and what becomes of the replies. */
#include "les/proto/client_private.h"

/* Ops that leave for one server in one message. */
struct batch {
    struct les_server *server;
    enum les_kind kind;
    struct les_op *ops[LES_MESSAGE_OPS_MAX];
    size_t count;
    uint64_t items;
    struct batch *next;
};

/* ---- the queue ---- */

static void queue_add(struct les_client *client, struct les_op *op, bool front)
{
    op->state = LES_OP_QUEUED;
    op->next = op->previous = NULL;
    if (client->queue_head == NULL) {
        client->queue_head = client->queue_tail = op;
    } else if (front) {
        op->next = client->queue_head;
        client->queue_head->previous = op;
        client->queue_head = op;
    } else {
        op->previous = client->queue_tail;
        client->queue_tail->next = op;
        client->queue_tail = op;
    }
    client->stats.queued++;
    loop_defer(client->loop, &client->schedule);
}

static void queue_remove(struct les_client *client, struct les_op *op)
{
    ASSERT(op->state == LES_OP_QUEUED);
    if (op->previous != NULL)
        op->previous->next = op->next;
    else
        client->queue_head = op->next;
    if (op->next != NULL)
        op->next->previous = op->previous;
    else
        client->queue_tail = op->previous;
    op->next = op->previous = NULL;
    client->stats.queued--;
}

static bool op_in_flight(const struct les_op *op)
{
    for (size_t i = 0; i < LES_OP_SERVERS_MAX; i++)
        if (op->messages[i] != NULL)
            return true;
    return false;
}

static void forget_message(struct les_op *op, const struct les_message *message)
{
    for (size_t i = 0; i < LES_OP_SERVERS_MAX; i++)
        if (op->messages[i] == message)
            op->messages[i] = NULL;
}

/* After this nothing in the client points at op. */
static void detach(struct les_op *op)
{
    struct les_client *client = op->client;
    timer_stop(&op->timer);
    timer_stop(&op->hedge);
    if (op->state == LES_OP_QUEUED)
        queue_remove(client, op);
    for (size_t i = 0; i < LES_OP_SERVERS_MAX; i++) {
        struct les_message *message = op->messages[i];
        if (message == NULL)
            continue;
        op->messages[i] = NULL;
        for (size_t k = 0; k < message->ops_count; k++)
            if (message->ops[k] == op)
                message->ops[k] = NULL;
    }
    op->state = LES_OP_DONE;
}

static void finish_now(struct les_op *op, enum status status)
{
    detach(op);
    op->client->stats.in_flight--;
    op->on_done(op, status);
}

static void on_finish(struct task *task)
{
    struct les_op *op = container_of(task, struct les_op, finish);
    op->client->stats.in_flight--;
    op->on_done(op, op->outcome);
}

/* From places where the caller of les_start or les_cancel is still on the stack. */
static void finish_later(struct les_op *op, enum status status)
{
    detach(op);
    op->outcome = status;
    loop_defer(op->client->loop, &op->finish);
}

static void on_op_late(struct timer *timer)
{
    struct les_op *op = container_of(timer, struct les_op, timer);
    op->client->stats.timeouts++;
    finish_now(op, op->asked_count == 0 ? STATUS_UNAVAILABLE : STATUS_TIMEOUT);
}

/* Three uses, one at a time: nobody was there to ask; the servers had nothing yet and are asked
 * again; a slow server is hedged by another. */
static void on_hedge(struct timer *timer)
{
    struct les_op *op = container_of(timer, struct les_op, hedge);
    if (op->resting) {
        op->resting = false;
        loop_defer(op->client->loop, &op->client->schedule);
        return;
    }
    if (op->state == LES_OP_QUEUED && op->asked_count == 0) {
        finish_now(op, STATUS_UNAVAILABLE);
        return;
    }
    if (op->state != LES_OP_SENT)
        return;
    op->client->stats.hedges += op_in_flight(op);
    queue_add(op->client, op, true);
}

void les_start(struct les_client *client, struct les_op *op)
{
    ASSERT(op->on_done != NULL && (op->state == LES_OP_IDLE || op->state == LES_OP_DONE));
    op->client = client;
    op->asked_count = op->empties = op->gone = op->rounds = 0;
    op->resting = false;
    memset(op->messages, 0, sizeof op->messages);
    memset(&op->note, 0, sizeof op->note);
    memset(&op->finish, 0, sizeof op->finish);
    op->finish.on_run = on_finish;
    timer_init(&op->timer, client->loop, on_op_late);
    timer_init(&op->hedge, client->loop, on_hedge);
    client->stats.ops[op->kind]++;
    client->stats.in_flight++;
    if (client->closing || client->stats.queued >= LES_OPS_QUEUED_MAX) {
        finish_later(op, client->closing ? STATUS_CANCELLED : STATUS_LIMIT);
        return;
    }
    timer_start(&op->timer, op->deadline_ms != 0 ? op->deadline_ms : LES_OP_DEADLINE_MS);
    queue_add(client, op, false);
}

void les_cancel(struct les_op *op)
{
    if (op->state == LES_OP_IDLE || op->state == LES_OP_DONE)
        return;
    finish_later(op, STATUS_CANCELLED);
}

/* ---- who can be asked ---- */

static bool was_asked(const struct les_op *op, const struct les_server *server)
{
    for (unsigned i = 0; i < op->asked_count; i++)
        if (hash32_equal(&op->asked[i], &server->id))
            return true;
    return false;
}

static bool can_have(const struct les_server *server, const struct les_op *op, uint64_t now)
{
    const struct les_status *status = &server->status;
    if (server->gone || !server->ready)
        return false;
    if (op->only != NULL)
        return hash32_equal(op->only, &server->id);
    if (session_benched(server, now) || server->head.block.number < op->block_number)
        return false;
    bool prefers = hash32_equal(&op->prefer, &server->id);
    switch (op->kind) {
    case LES_ASK_HEADERS:
        return status->has_serve_chain_since || prefers;
    case LES_ASK_BODY:
    case LES_ASK_RECEIPTS:
    case LES_ASK_CHT:
    case LES_ASK_BLOOM:
        return status->has_serve_chain_since && op->block_number >= status->serve_chain_since;
    case LES_ASK_CODE:
    case LES_ASK_PROOF:
    case LES_ASK_SLOTS:
        return status->has_serve_state_since && op->block_number >= status->serve_state_since &&
               (!status->has_serve_recent_state || status->serve_recent_state == 0 ||
                op->block_number + status->serve_recent_state > server->head.block.number + 4);
    case LES_ASK_SEND_TX:
        return status->tx_relay;
    case LES_ASK_TX_STATUS:
        return status->tx_relay && !(status->has_recent_tx_lookup && status->recent_tx_lookup == 1);
    case LES_ASK_COUNT:
        break;
    }
    ASSERT(false);
}

/* Less is better: expected time, with what already waits there. */
static uint64_t burden(const struct les_server *server, const struct les_op *op,
                       const struct batch *open)
{
    uint64_t time_us = server->latency_us != 0 ? server->latency_us : 1000;
    uint64_t load = time_us * (16 + server->items_in_flight + (uint64_t)server->record.score) / 16;
    if (hash32_equal(&op->prefer, &server->id))
        return 0;
    return open != NULL ? load / 2
                        : load; /* company in one message is cheaper than a message of its own */
}

/* ---- sending ---- */

static void remember_asked(struct les_op *op, struct les_server *server,
                           struct les_message *message)
{
    if (!was_asked(op, server)) {
        ASSERT(op->asked_count < LES_OP_SERVERS_MAX);
        op->asked[op->asked_count++] = server->id;
        if (op->asked_count > op->note.servers) /* again in a later round is no new server */
            op->note.servers = op->asked_count;
    }
    for (size_t i = 0; i < LES_OP_SERVERS_MAX; i++)
        if (op->messages[i] == NULL) {
            op->messages[i] = message;
            return;
        }
    ASSERT(false);
}

static void send_batch(struct les_client *client, struct batch *batch)
{
    struct les_server *server = batch->server;
    size_t kept = 0;
    for (size_t i = 0; i < batch->count; i++) /* one may have been cancelled since it was placed */
        if (batch->ops[i]->state == LES_OP_QUEUED)
            batch->ops[kept++] = batch->ops[i];
    batch->count = kept;
    if (kept == 0)
        return;
    struct les_message *message =
        mem_alloc(sizeof *message + batch->count * sizeof(struct les_op *));
    struct buf payload = {0};
    message->id = ++client->next_id;
    message->kind = batch->kind;
    message->code = ask_code(batch->kind);
    message->ops_count = batch->count;
    memcpy(message->ops, batch->ops, batch->count * sizeof(struct les_op *));
    ask_encode(&payload, message, batch->ops, batch->count, server->account_form);
    bool sent = session_send(server, message, buf_span(&payload), batch->items);
    size_t share = payload.size / batch->count;
    buf_free(&payload);
    if (!sent) {
        mem_free(message);
        client_drop(server, PEER_TCP_ERROR, "it does not read what we send");
        return; /* the ops are still queued */
    }
    client->stats.messages++;
    client->stats.merged += batch->count - 1;
    uint64_t hedge_ms = session_hedge_ms(server);
    for (size_t i = 0; i < batch->count; i++) {
        struct les_op *op = batch->ops[i];
        queue_remove(client, op);
        timer_stop(&op->hedge);
        op->state = LES_OP_SENT;
        op->note.bytes_out += share;
        remember_asked(op, server, message);
        if (op->only == NULL && op->kind != LES_ASK_SEND_TX)
            timer_start(&op->hedge, hedge_ms);
    }
}

static struct batch *find_batch(struct batch *batches, const struct les_server *server,
                                enum les_kind kind)
{
    while (batches != NULL && (batches->server != server || batches->kind != kind))
        batches = batches->next;
    return batches;
}

/* What the open batches of server other than `except` will add. */
static struct session_promise promised(const struct batch *batches, const struct les_server *server,
                                       const struct batch *except)
{
    struct session_promise promise = {0, 0};
    for (; batches != NULL; batches = batches->next)
        if (batches->server == server && batches != except) {
            promise.cost +=
                flow_client_cost(&server->flow, ask_code(batches->kind), batches->items);
            promise.messages++;
        }
    return promise;
}

/* Can op join batch (or a new one)? 0: yes; otherwise the wait. */
static uint64_t fits_in_ms(const struct les_server *server, const struct les_op *op,
                           const struct batch *open, struct session_promise promise, uint64_t now)
{
    unsigned code = ask_code(op->kind);
    uint64_t items = ask_items(op) + (open != NULL ? open->items : 0);
    if (items > flow_client_items_max(&server->flow, code))
        return open != NULL ? 1 : UINT64_MAX;
    uint64_t wait = session_wait_ms(server, code, items, promise, now);
    /* Together they may be too much for ever, alone it was measured to fit: when they are sent it
     * is known how long. */
    return wait == UINT64_MAX && promise.messages > 0 ? 1 : wait;
}

struct choice {
    struct les_server *server;
    uint64_t wait_ms;  /* when server is NULL: until one may be able; UINT64_MAX unknown */
    unsigned eligible; /* that were not asked yet */
    unsigned capable;  /* asked or not */
};

static struct choice choose(struct les_client *client, const struct les_op *op,
                            struct batch *batches)
{
    struct choice choice = {NULL, UINT64_MAX, 0, 0};
    uint64_t best = UINT64_MAX, now = loop_now_ms(client->loop);
    for (size_t i = 0; i < client->servers_count; i++) {
        struct les_server *server = client->servers[i];
        if (!can_have(server, op, now))
            continue;
        choice.capable++;
        if (was_asked(op, server))
            continue;
        choice.eligible++;
        struct batch *open = ask_merges(op->kind) ? find_batch(batches, server, op->kind) : NULL;
        uint64_t wait = fits_in_ms(server, op, open, promised(batches, server, open), now);
        if (wait != 0) {
            choice.wait_ms = wait < choice.wait_ms ? wait : choice.wait_ms;
            continue;
        }
        uint64_t load = burden(server, op, open);
        if (load < best) {
            best = load;
            choice.server = server;
        }
    }
    return choice;
}

/* Nobody new can be asked. In flight: wait for that. Nobody at all: servers may come, the deadline
 * decides. Otherwise all who could have it were asked in vain. */
static void on_exhausted(struct les_op *op, const struct choice *choice)
{
    struct les_client *client = op->client;
    if (op_in_flight(op)) {
        queue_remove(client, op);
        op->state = LES_OP_SENT;
        return;
    }
    if (op->asked_count == 0 && choice->capable == 0 && op->only == NULL) {
        if (!timer_running(&op->hedge))
            timer_start(&op->hedge, LES_NO_SERVER_WAIT_MS);
        return; /* stays queued */
    }
    if (op->empties > 0 && op->note.lies == 0 && op->empty_needed == 0 &&
        op->rounds < LES_OP_ROUNDS_MAX) {
        /* What must exist may be on its way to them: a head that was announced a moment ago. */
        op->rounds++;
        op->asked_count = 0;
        op->resting = true;
        timer_start(&op->hedge, LES_ROUND_REST_MS);
        return; /* stays queued */
    }
    /* That a block does not exist is for as many trusted servers to say as were asked for. */
    unsigned enough = op->kind == LES_ASK_HEADERS ? op->empty_needed : 1;
    if (op->empty_needed > 0 && op->empties >= enough && op->note.lies == 0)
        finish_now(op, STATUS_NOT_FOUND);
    else
        finish_now(op, STATUS_UNAVAILABLE);
}

static void place(struct les_client *client, struct les_op *op, struct batch **batches,
                  uint64_t *wait_ms)
{
    if (op->resting)
        return;
    struct choice choice = choose(client, op, *batches);
    if (choice.capable > 0 && op->asked_count == 0)
        timer_stop(&op->hedge); /* somebody is there now */
    bool all_asked = choice.eligible == 0 || op->asked_count == LES_OP_SERVERS_MAX;
    if (choice.server == NULL || all_asked) {
        if (all_asked)
            on_exhausted(op, &choice);
        else if (choice.wait_ms < *wait_ms)
            *wait_ms = choice.wait_ms;
        return;
    }
    struct batch *batch =
        ask_merges(op->kind) ? find_batch(*batches, choice.server, op->kind) : NULL;
    if (batch == NULL) {
        batch = mem_alloc(sizeof *batch);
        batch->server = choice.server;
        batch->kind = op->kind;
        batch->next = *batches;
        *batches = batch;
    }
    batch->ops[batch->count++] = op;
    batch->items += ask_items(op);
    if (batch->count == LES_MESSAGE_OPS_MAX || !ask_merges(op->kind)) {
        struct batch **at = batches;
        while (*at != batch)
            at = &(*at)->next;
        *at = batch->next;
        if (!batch->server->gone)
            send_batch(client, batch);
        mem_free(batch);
    }
}

static void on_schedule(struct task *task)
{
    struct les_client *client = container_of(task, struct les_client, schedule);
    struct batch *batches = NULL;
    uint64_t wait_ms = UINT64_MAX;
    struct les_op *next;
    for (struct les_op *op = client->queue_head; op != NULL; op = next) {
        next = op->next;
        place(client, op, &batches, &wait_ms);
        /* place may have finished op, and its owner may have cancelled next. */
        if (next != NULL && next->state != LES_OP_QUEUED) {
            loop_defer(client->loop, &client->schedule);
            break;
        }
    }
    while (batches != NULL) {
        struct batch *batch = batches;
        batches = batch->next;
        if (!batch->server->gone)
            send_batch(client, batch);
        mem_free(batch);
    }
    if (wait_ms != UINT64_MAX)
        timer_start(&client->retry, wait_ms);
}

static void on_retry(struct timer *timer)
{
    struct les_client *client = container_of(timer, struct les_client, retry);
    loop_defer(client->loop, &client->schedule);
}

void client_on_credit(struct les_server *server)
{
    loop_defer(server->client->loop, &server->client->schedule);
}

/* ---- replies ---- */

void client_op_back(struct les_op *op, struct les_message *message)
{
    forget_message(op, message);
    if (!message->server->gone) /* after Stop the same server may be asked again */
        for (unsigned i = 0; i < op->asked_count; i++)
            if (hash32_equal(&op->asked[i], &message->server->id)) {
                op->asked[i] = op->asked[--op->asked_count];
                op->note.servers--;
                break;
            }
    if (op->state == LES_OP_SENT && !op_in_flight(op)) {
        timer_stop(&op->hedge);
        queue_add(op->client, op, true);
    }
}

static void on_empty(struct les_op *op, const struct les_server *server)
{
    op->empties += op->kind != LES_ASK_HEADERS || server->trusted;
    if (op->empty_needed > 0 && op->empties >= op->empty_needed) {
        finish_now(op, STATUS_NOT_FOUND);
        return;
    }
    if (op->state == LES_OP_SENT) {
        timer_stop(&op->hedge);
        queue_add(op->client, op, true);
    }
}

/* Its request has the field that two forms are in use for. */
static bool names_account(const struct les_message *message, const struct les_op *op)
{
    return (message->kind == LES_ASK_PROOF && op->ask.proof.in_storage) ||
           message->kind == LES_ASK_SLOTS || message->kind == LES_ASK_CODE;
}

/* Both sides may disagree about the account field: then the other form is tried once, at the same
 * server (les.md 3.6). */
static bool try_other_form(struct les_server *server, const struct les_message *message,
                           const struct les_op *op)
{
    if (server->account_form_sure || !names_account(message, op))
        return false;
    server->account_form_sure = true;
    server->account_form =
        server->account_form == LES_ACCOUNT_HASH32 ? LES_ACCOUNT_ADDRESS20 : LES_ACCOUNT_HASH32;
    return true;
}

/* What each op of a message got out of its reply. */
struct judgement {
    enum ask_verdict verdicts[LES_MESSAGE_OPS_MAX];
    size_t good, empty, gone;
    const char *why; /* the reply cannot be true */
    bool padded;
};

static void judge(struct judgement *judgement, const struct les_message *message,
                  struct ask_reply *reply)
{
    size_t asked = 0;
    *judgement = (struct judgement){.why = reply == NULL ? "a reply that cannot be read" : NULL};
    for (size_t i = 0; i < message->ops_count; i++) {
        if (message->ops[i] == NULL)
            continue;
        const char *lie = NULL;
        asked++;
        judgement->verdicts[i] =
            reply == NULL ? ASK_LIE : ask_check(reply, message->ops[i], i, &lie);
        if (judgement->verdicts[i] == ASK_LIE && judgement->why == NULL)
            judgement->why = lie;
        judgement->good += judgement->verdicts[i] == ASK_GOOD;
        judgement->empty += judgement->verdicts[i] == ASK_EMPTY;
        judgement->gone += judgement->verdicts[i] == ASK_GONE;
    }
    /* Cancelled ops and those that could not be followed take no part, so what belongs to them
     * looks like padding: judge only full messages. */
    judgement->padded = reply != NULL && asked == message->ops_count && judgement->gone == 0 &&
                        ask_reply_padded(reply);
    if (!judgement->padded || judgement->empty == 0)
        return;
    /* Something is missing and something else is there in its place. */
    if (judgement->why == NULL)
        judgement->why = "data that does not belong to the question";
    for (size_t i = 0; i < message->ops_count; i++)
        if (message->ops[i] != NULL && judgement->verdicts[i] == ASK_EMPTY)
            judgement->verdicts[i] = ASK_LIE;
}

static void settle_op(struct les_server *server, struct les_message *message, struct les_op *op,
                      enum ask_verdict verdict, bool others_good)
{
    switch (verdict) {
    case ASK_GOOD:
        if (names_account(message, op))
            server->account_form_sure = true;
        op->answered_by = server->id;
        finish_now(op, STATUS_OK);
        return;
    case ASK_GONE:
        client_op_back(op, message);
        return;
    case ASK_EMPTY:
        /* A reply ends where it gets too large (2 MiB): what was left out may be asked again. */
        if (others_good || try_other_form(server, message, op)) {
            client_op_back(op, message);
            return;
        }
        forget_message(op, message);
        on_empty(op, server);
        return;
    case ASK_LIE:
        op->note.lies++;
        forget_message(op, message);
        if (op->state == LES_OP_SENT) {
            timer_stop(&op->hedge);
            queue_add(op->client, op, true);
        }
        return;
    }
}

void client_on_reply(struct les_server *server, struct les_message *message, struct span data)
{
    struct ask_reply *reply = ask_reply_new(message, data, server->client->crypto);
    struct judgement judgement;
    bool unproved = message->kind == LES_ASK_TX_STATUS || message->kind == LES_ASK_HEADERS;
    judge(&judgement, message, reply);
    for (size_t i = 0; i < message->ops_count; i++) {
        struct les_op *op = message->ops[i];
        if (op == NULL) /* cancelled, perhaps by what one before it did */
            continue;
        op->note.bytes_in += data.size / message->ops_count;
        settle_op(server, message, op, judgement.verdicts[i], judgement.good > 0 && !unproved);
        message->ops[i] = NULL;
    }
    if (reply != NULL)
        ask_reply_free(reply);
    if (server->gone)
        return;
    if (judgement.why != NULL)
        session_fault(server, LES_FAULT_LIE, judgement.why);
    else if (judgement.padded)
        session_fault(server, LES_FAULT_PADDING, les_code_name(message->code));
    else if (judgement.empty > 0 && judgement.good == 0 && !unproved)
        session_fault(server, LES_FAULT_EMPTY, les_code_name(message->code));
    loop_defer(server->client->loop, &server->client->schedule);
}

void les_blame(struct les_client *client, const struct hash32 *server_id, const char *what)
{
    for (size_t i = 0; i < client->servers_count; i++)
        if (hash32_equal(&client->servers[i]->id, server_id)) {
            session_fault(client->servers[i], LES_FAULT_LIE, what);
            return;
        }
}

/* ---- life ---- */

void client_ops_init(struct les_client *client)
{
    client->schedule.on_run = on_schedule;
    timer_init(&client->retry, client->loop, on_retry);
}

void client_ops_end(struct les_client *client)
{
    timer_stop(&client->retry);
    task_cancel(&client->schedule);
    while (client->queue_head != NULL)
        finish_now(client->queue_head, STATUS_CANCELLED);
}
