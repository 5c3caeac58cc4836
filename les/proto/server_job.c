/* Requests of clients: checked and priced on arrival, then worked on question by question, clients
 * in turn. */
#include "les/proto/server_internal.h"

#include "les/eth/rlp.h"
#include "les/eth/tx.h"

#include <inttypes.h>

#define WATCH_MS       1000
#define SHARE_MS       100 /* how long a computed share of the capacity is good */
#define SHARE_WHOLE    1024
#define SEEN_SLOTS_MIN 64

/* ---- hashes of the nodes that a reply holds ---- */

struct server_seen {
    struct hash32 *slots; /* zero: free */
    size_t slots_count;   /* a power of two */
    size_t used;
};

static size_t seen_slot(const struct server_seen *seen, const struct hash32 *hash)
{
    size_t slot = (size_t)be_read(hash->bytes, 8) & (seen->slots_count - 1);
    while (!hash32_is_zero(&seen->slots[slot]) && !hash32_equal(&seen->slots[slot], hash))
        slot = (slot + 1) & (seen->slots_count - 1);
    return slot;
}

static void seen_grow(struct server_seen *seen)
{
    struct server_seen bigger = {.slots_count = seen->slots_count == 0 ? SEEN_SLOTS_MIN
                                                                       : 2 * seen->slots_count,
                                 .used = seen->used};
    bigger.slots = mem_alloc(bigger.slots_count * sizeof(bigger.slots[0]));
    for (size_t i = 0; i < seen->slots_count; i++) {
        if (!hash32_is_zero(&seen->slots[i]))
            bigger.slots[seen_slot(&bigger, &seen->slots[i])] = seen->slots[i];
    }
    mem_free(seen->slots);
    *seen = bigger;
}

/* True: it was not there, and is from now on. */
static bool seen_add(struct server_seen *seen, const struct hash32 *hash)
{
    if (2 * (seen->used + 1) > seen->slots_count)
        seen_grow(seen);
    size_t slot = seen_slot(seen, hash);
    if (!hash32_is_zero(&seen->slots[slot]))
        return false;
    seen->slots[slot] = *hash;
    seen->used++;
    return true;
}

/* ---- memory of a job ---- */

static void question_free(struct les_question *question)
{
    buf_free(&question->out);
    buf_free(&question->node_hashes);
    buf_free(&question->aux);
    mem_free(question);
}

static void job_free(struct server_job *job)
{
    struct les_backend *backend = job->client->server->backend;
    for (; job->consumed < job->issued; job->consumed++) {
        struct les_question *question = job->window[job->consumed % SERVER_WINDOW];
        if (!question->private_answered)
            backend->ops->forget(backend, question);
        question_free(question);
    }
    if (job->seen != NULL)
        mem_free(job->seen->slots);
    mem_free(job->seen);
    buf_free(&job->body);
    buf_free(&job->aux);
    mem_free(job->payload);
    mem_free(job);
}

static size_t job_size(const struct server_job *job)
{
    return sizeof(*job) + job->payload_size;
}

void server_read_again(struct server_client *client)
{
    if (client->paused && !client->gone && client->jobs_count <= SERVER_QUEUE_JOBS_MAX / 2 &&
        client->jobs_bytes <= SERVER_QUEUE_BYTES_MAX / 2) {
        client->paused = false;
        client->ops->pause(client->line, false);
    }
}

static void read_no_more(struct server_client *client)
{
    if (client->paused)
        return;
    client->paused = true;
    client->ops->pause(client->line, true);
}

static void job_unlink(struct server_job *job)
{
    struct server_client *client = job->client;
    struct server_job **at = &client->jobs;
    while (*at != job)
        at = &(*at)->next;
    *at = job->next;
    if (job->next == NULL)
        client->jobs_tail = at;
    client->jobs_count--;
    client->jobs_bytes -= job_size(job);
    client->server->jobs_bytes -= job_size(job);
    if (client->state != CLIENT_FROZEN)
        server_read_again(client);
}

static void job_end(struct server_job *job)
{
    job_unlink(job);
    if (job->asking)
        job->dead = true;
    else
        job_free(job);
}

/* ---- who is next ---- */

static void client_ready(struct server_client *client)
{
    struct server *server = client->server;
    if (client->blocked)
        return; /* it is looked at again after this slice */
    if (!client->ready) {
        client->ready = true;
        client->ready_next = NULL;
        *server->ready_tail = client;
        server->ready_tail = &client->ready_next;
    }
    if (!timer_running(&server->run) || server->run.due_ms > loop_now_ms(server->loop))
        timer_start(&server->run, 0);
}

static void client_not_ready(struct server_client *client)
{
    struct server *server = client->server;
    struct server_client **at = client->blocked ? &server->blocked : &server->ready;
    if (!client->ready && !client->blocked)
        return;
    while (*at != client)
        at = &(*at)->ready_next;
    *at = client->ready_next;
    if (client->ready && client->ready_next == NULL)
        server->ready_tail = at;
    client->ready = client->blocked = false;
}

void server_drop_jobs(struct server_client *client)
{
    client_not_ready(client);
    while (client->jobs != NULL)
        job_end(client->jobs);
}

static bool job_is_full(const struct server_job *job)
{
    return job->failed || job->body.size + job->aux.size >= SERVER_REPLY_SOFT_BYTES;
}

static bool job_can_issue(const struct server_job *job)
{
    return job->issued < job->items_count && job->issued - job->consumed < SERVER_WINDOW &&
           !job_is_full(job);
}

static bool job_can_consume(const struct server_job *job)
{
    return job->consumed < job->issued &&
           job->window[job->consumed % SERVER_WINDOW]->private_answered;
}

static struct server_job *next_job(const struct server_client *client)
{
    struct server_job *job = client->jobs;
    for (size_t i = 0; i < SERVER_PARALLEL_JOBS && job != NULL; i++, job = job->next) {
        if (job_can_consume(job) || job_can_issue(job))
            return job;
    }
    return NULL;
}

/* ---- what a request asks ---- */

static bool key_fits(struct les_items *items, struct span key, size_t size_max)
{
    items->bad = key.size > size_max;
    return !items->bad;
}

/* No trie has longer keys than 32 bytes; a plain slot has its tag before it. */
static size_t proof_key_max(const struct server *server, const struct les_proof_item *item)
{
    return server->config.plain_keys && item->account.size > 0 ? LES_PLAIN_SLOT_KEY_SIZE : 32;
}

/* Takes the next item into question. False: there is none, or it is malformed. */
static bool next_item(const struct server *server, struct les_items *items,
                      struct les_question *question)
{
    struct span raw;
    switch ((enum les_code)question->code) {
    case LES_GET_BLOCK_BODIES:
    case LES_GET_RECEIPTS:
        return les_hash_next(items, &question->ask.block_hash);
    case LES_GET_CODE:
        return les_code_item_next(items, &question->ask.code);
    case LES_GET_PROOFS_V2:
        return les_proof_item_next(items, &question->ask.proof) &&
               key_fits(items, question->ask.proof.key,
                        proof_key_max(server, &question->ask.proof));
    case LES_GET_HELPER_TRIE_PROOFS:
        return les_helper_item_next(items, &question->ask.helper) &&
               key_fits(items, question->ask.helper.key, 32);
    case LES_GET_TX_STATUS:
        return les_hash_next(items, &question->ask.tx_hash);
    case LES_SEND_TX_V2: {
        if (!les_raw_next(items, &raw))
            return false;
        struct rlp reader = rlp_reader(raw);
        question->ask.send_tx.envelope = rlp_peek(&reader) == RLP_LIST ? raw : rlp_bytes(&reader);
        return true;
    }
    case LES_GET_BLOCK_HEADERS:
    case LES_STATUS:
    case LES_ANNOUNCE:
    case LES_BLOCK_HEADERS:
    case LES_BLOCK_BODIES:
    case LES_RECEIPTS:
    case LES_CODE:
    case LES_PROOFS_V2:
    case LES_HELPER_TRIE_PROOFS:
    case LES_TX_STATUS:
    case LES_STOP:
    case LES_RESUME:
        break;
    }
    return false;
}

/* A transaction as its network form may carry blobs; hash is that of the envelope without them. */
static bool tx_well_formed(struct span envelope, struct hash32 *hash)
{
    struct tx tx;
    struct buf scratch = {0};
    enum tx_fault fault = tx_decode_network(&tx, envelope, &scratch);
    bool good = fault != TX_MALFORMED && fault != TX_TYPE_UNKNOWN;
    if (good)
        tx_hash(hash, &tx);
    buf_free(&scratch);
    return good;
}

/* Checks every item and counts them. False: malformed. */
static bool count_items(const struct server *server, struct server_job *job, struct span data)
{
    if (job->code == LES_GET_BLOCK_HEADERS) {
        bool good = les_headers_query_decode(&job->headers, data);
        job->items_count = job->headers.amount;
        return good;
    }
    struct les_items items = {.rest = data};
    struct les_question question = {.code = job->code};
    struct hash32 hash;
    while (next_item(server, &items, &question)) {
        if (job->code == LES_SEND_TX_V2 && !tx_well_formed(question.ask.send_tx.envelope, &hash))
            return false;
        job->items_count++;
    }
    return !items.bad && items.rest.size == 0;
}

/* ---- arrival ---- */

static void enqueue(struct server_client *client, struct server_job *job, struct span data)
{
    struct server *server = client->server;
    job->client = client;
    job->arrived_ms = client->active_ms = loop_now_ms(server->loop);
    /* data lies within what payload copies */
    struct span copy = SPAN(job->payload + (job->payload_size - data.size), data.size);
    job->items.rest = copy;
    *client->jobs_tail = job;
    client->jobs_tail = &job->next;
    client->jobs_count++;
    client->jobs_bytes += job_size(job);
    server->jobs_bytes += job_size(job);
    if (client->jobs_count >= SERVER_QUEUE_JOBS_MAX || client->jobs_bytes >= SERVER_QUEUE_BYTES_MAX)
        read_no_more(client);
    if (!timer_running(&server->watch))
        timer_start(&server->watch, WATCH_MS);
    client_ready(client);
}

/* Too many requests wait: those who sent most of them are stopped. */
static void stop_the_greediest(struct server *server)
{
    while (server->jobs_bytes > SERVER_QUEUE_TOTAL_MAX) {
        struct server_client *most = server->clients;
        for (struct server_client *client = most; client != NULL; client = client->next) {
            if (client->jobs_bytes > most->jobs_bytes)
                most = client;
        }
        server_freeze(most, "too many requests wait, most of them its own");
    }
}

static uint64_t price(const struct server_client *client, unsigned code, uint64_t items)
{
    const struct les_cost *cost = &client->prices[les_cost_index(code)];
    return cost->base + items * cost->per_item; /* items is at most les_items_max */
}

void server_request(struct server_client *client, unsigned code, struct span payload)
{
    struct server *server = client->server;
    struct server_job check = {.code = code};
    struct span data;
    if (client->state == CLIENT_FROZEN) { /* not even read: nobody pays for it */
        server->stats.ignored++;
        client->frozen_bytes += payload.size;
        if (client->frozen_bytes >= SERVER_FROZEN_BYTES_MAX)
            read_no_more(client);
        return;
    }
    if ((code != LES_SEND_TX_V2 && payload.size > SERVER_REQUEST_BYTES_MAX) ||
        !les_request_decode(&check.id, &data, payload) || !count_items(server, &check, data)) {
        server_drop(client, PEER_SUBPROTOCOL, "malformed request");
        return;
    }
    if (check.items_count == 0 || check.items_count > les_items_max(code)) {
        server->stats.ignored++;
        return;
    }
    check.cost_max = price(client, code, check.items_count);
    if (!flow_server_accept(&client->flow, check.cost_max, &check.ticket,
                            loop_now_ms(server->loop))) {
        server_freeze(client, "it asked for more than its buffer holds");
        return;
    }
    if (client->jobs_count >= 2ul * SERVER_QUEUE_JOBS_MAX) {
        server_drop(client, PEER_BREACH, "it sends although it is not read");
        return;
    }
    size_t index = les_cost_index(code);
    server->stats.requests[index]++;
    server->stats.items[index] += check.items_count;
    struct server_job *job = mem_alloc(sizeof(*job));
    *job = check;
    job->payload = mem_copy(payload);
    job->payload_size = payload.size;
    if (code == LES_GET_BLOCK_HEADERS)
        job->items_count = 1; /* one question for the run */
    enqueue(client, job, data);
    stop_the_greediest(server);
}

/* ---- asking ---- */

static bool account_form_known(struct span account)
{
    return account.size == 20 || account.size == 32;
}

/* Items that no backend needs to see: an account that can be none. */
static bool answer_at_once(struct les_question *question)
{
    if (question->code == LES_GET_CODE && account_form_known(question->ask.code.account))
        return false;
    if (question->code == LES_GET_PROOFS_V2 &&
        (question->ask.proof.account.size == 0 || account_form_known(question->ask.proof.account)))
        return false;
    if (question->code != LES_GET_CODE && question->code != LES_GET_PROOFS_V2)
        return false;
    question->private_answered = true;
    question->private_answer = LES_ANSWER_UNAVAILABLE;
    return true;
}

/* False: the job ended meanwhile. */
static bool job_issue(struct server_job *job)
{
    const struct server *server = job->client->server;
    struct les_backend *backend = server->backend;
    struct les_question *question = mem_alloc(sizeof(*question));
    question->code = job->code;
    question->private_job = job;
    if (job->code == LES_GET_BLOCK_HEADERS)
        question->ask.headers = job->headers;
    else
        ASSERT(next_item(server, &job->items, question)); /* all were read before */
    if (job->code == LES_SEND_TX_V2)
        ASSERT(tx_well_formed(question->ask.send_tx.envelope, &question->ask.send_tx.hash));
    job->window[job->issued++ % SERVER_WINDOW] = question;
    if (answer_at_once(question))
        return true;
    job->asking = true;
    backend->ops->ask(backend, question);
    job->asking = false;
    if (!job->dead)
        return true;
    job_free(job);
    return false;
}

void les_answer(struct les_question *question, enum les_answer answer)
{
    struct server_job *job = question->private_job;
    ASSERT(!question->private_answered);
    question->private_answered = true;
    question->private_answer = answer;
    if (!job->asking)
        client_ready(job->client);
}

/* ---- replies ---- */

static void take_nodes(struct server_job *job, const struct les_question *question)
{
    struct rlp nodes = rlp_reader(buf_span(&question->out));
    size_t count = question->node_hashes.size / 32;
    if (job->seen == NULL)
        job->seen = mem_alloc(sizeof(*job->seen));
    for (size_t i = 0; i < count; i++) {
        struct hash32 hash;
        memcpy(hash.bytes, question->node_hashes.data + 32 * i, 32);
        struct span node = rlp_raw(&nodes);
        if (seen_add(job->seen, &hash))
            buf_add_span(&job->body, node);
    }
    ASSERT(rlp_end(&nodes)); /* one hash for each node */
}

static void take_answer(struct server_job *job, const struct les_question *question)
{
    switch ((enum les_code)job->code) {
    case LES_GET_CODE:
        rlp_add_bytes(&job->body, buf_span(&question->out));
        break;
    case LES_GET_PROOFS_V2:
        take_nodes(job, question);
        break;
    case LES_GET_HELPER_TRIE_PROOFS:
        take_nodes(job, question);
        if (question->ask.helper.aux != LES_AUX_NONE)
            rlp_add_bytes(&job->aux, buf_span(&question->aux));
        break;
    case LES_SEND_TX_V2:
    case LES_GET_TX_STATUS:
        les_tx_status_encode(&job->body, &question->status);
        break;
    case LES_GET_BLOCK_HEADERS:
    case LES_GET_BLOCK_BODIES:
    case LES_GET_RECEIPTS:
        buf_add_span(&job->body, buf_span(&question->out));
        break;
    case LES_STATUS:
    case LES_ANNOUNCE:
    case LES_BLOCK_HEADERS:
    case LES_BLOCK_BODIES:
    case LES_RECEIPTS:
    case LES_CODE:
    case LES_PROOFS_V2:
    case LES_HELPER_TRIE_PROOFS:
    case LES_TX_STATUS:
    case LES_STOP:
    case LES_RESUME:
        break;
    }
}

/* The part of the capacity that is held by clients who asked for something lately. */
static uint64_t capacity_share(struct server *server)
{
    uint64_t now_ms = loop_now_ms(server->loop), active = 0;
    if (server->share_1024 != 0 && now_ms - server->share_ms < SHARE_MS)
        return server->share_1024;
    for (struct server_client *client = server->clients; client != NULL; client = client->next) {
        if (now_ms - client->active_ms <= SERVER_ACTIVE_MS)
            active += client->capacity;
    }
    uint64_t total = server->config.capacity_total;
    server->share_ms = now_ms;
    server->share_1024 = active >= total ? SHARE_WHOLE : 1 + active * SHARE_WHOLE / total;
    return server->share_1024;
}

static uint64_t job_cost(struct server_job *job)
{
    struct server *server = job->client->server;
    uint64_t work_us = job->work_us + (loop_now_us(server->loop) - server->step_us);
    uint64_t cost = work_us * 1000 * capacity_share(server) / SHARE_WHOLE;
    if (cost > job->cost_max)
        cost = job->cost_max;
    server->stats.work_us += work_us;
    server->stats.cost_charged += cost;
    uint64_t items = job->code == LES_GET_BLOCK_HEADERS ? job->headers.amount : job->consumed;
    server_price_note(server, les_cost_index(job->code), items, work_us);
    server_balance_charge(job->client, cost);
    return cost;
}

/* Replies of size bytes went out. Too much is on its way: those who read least have to go. */
static void note_out(struct server *server, size_t size)
{
    server->out_bytes += size;
    while (server->out_bytes > SERVER_OUT_TOTAL_MAX) {
        struct server_client *most = NULL;
        size_t most_size = 0;
        server->out_bytes = 0;
        for (struct server_client *client = server->clients; client != NULL;
             client = client->next) {
            size_t waiting = client->ops->queue_size(client->line);
            server->out_bytes += waiting;
            if (waiting > most_size) {
                most = client;
                most_size = waiting;
            }
        }
        if (server->out_bytes <= SERVER_OUT_TOTAL_MAX / 4 * 3)
            return;
        server_drop(most, PEER_BREACH, "it does not read what we send, and much waits for all");
        server->out_bytes = SERVER_OUT_TOTAL_MAX + 1; /* count again */
    }
}

/* Settles the price and replies; the job is gone afterwards. */
static void job_finish(struct server_job *job)
{
    struct server_client *client = job->client;
    struct server *server = client->server;
    uint64_t value = flow_server_served(&client->flow, job->ticket, job->cost_max, job_cost(job),
                                        loop_now_ms(server->loop));
    unsigned code = les_reply_code(job->code);
    struct buf reply = {0};
    if (!job->failed) {
        struct les_writer writer = les_reply_begin(&reply, job->id, value);
        bool in_two = job->code == LES_GET_HELPER_TRIE_PROOFS;
        size_t mark = rlp_list_begin(&reply);
        buf_add_span(&reply, buf_span(&job->body));
        if (in_two) {
            rlp_list_end(&reply, mark);
            mark = rlp_list_begin(&reply);
            buf_add_span(&reply, buf_span(&job->aux));
            rlp_list_end(&reply, mark);
        }
        les_reply_end(&reply, writer);
    }
    job_end(job);
    if (reply.size > 0 && server_send(client, code, buf_span(&reply))) {
        server->stats.replies++;
        server->stats.reply_bytes += reply.size;
        note_out(server, reply.size);
    }
    buf_free(&reply);
}

/* Takes the oldest answer. False: the client was dropped. */
static bool job_consume(struct server_job *job)
{
    struct server_client *client = job->client;
    struct les_question *question = job->window[job->consumed++ % SERVER_WINDOW];
    enum les_answer answer = question->private_answer;
    bool is_helper = job->code == LES_GET_HELPER_TRIE_PROOFS;
    if (answer == LES_ANSWER_GIVEN || job->code == LES_SEND_TX_V2 || job->code == LES_GET_TX_STATUS)
        take_answer(job, question);
    else if (is_helper && client->version >= 4)
        job->failed = true; /* no reply at all (les.md 3.7) */
    question_free(question);
    return answer != LES_ANSWER_UNAVAILABLE || server_count_unavailable(client);
}

/* ---- a slice of work ---- */

/* One question further. */
static void client_step(struct server_client *client)
{
    struct server *server = client->server;
    struct server_job *job = next_job(client);
    if (job == NULL)
        return;
    server->step_us = loop_now_us(server->loop);
    if (job_can_issue(job) && !job_issue(job))
        return;
    while (job_can_consume(job) && !job_is_full(job)) {
        if (!job_consume(job))
            return;
    }
    if (job_is_full(job) || job->consumed == job->items_count)
        job_finish(job);
    else
        job->work_us += loop_now_us(server->loop) - server->step_us;
}

void server_on_run(struct timer *timer)
{
    struct server *server = container_of(timer, struct server, run);
    uint64_t start_us = loop_now_us(server->loop);
    while (server->ready != NULL && loop_now_us(server->loop) - start_us < SERVER_SLICE_US) {
        struct server_client *client = server->ready;
        client_not_ready(client);
        if (client->ops->queue_size(client->line) >= SERVER_OUT_BYTES_MAX) {
            client->blocked = true;
            client->ready_next = server->blocked;
            server->blocked = client;
            continue;
        }
        client_step(client);
        if (!client->gone && next_job(client) != NULL)
            client_ready(client);
    }
    bool more = server->ready != NULL;
    uint64_t delay_ms = more ? 0 : SERVER_DRAIN_POLL_MS;
    while (server->blocked != NULL) {
        struct server_client *client = server->blocked;
        client_not_ready(client);
        client_ready(client);
        more = true;
    }
    if (more)
        timer_start(&server->run, delay_ms);
    else
        timer_stop(&server->run);
}

void server_on_watch(struct timer *timer)
{
    struct server *server = container_of(timer, struct server, watch);
    uint64_t now_ms = loop_now_ms(server->loop);
    bool waiting = false;
    for (struct server_client *client = server->clients, *next; client != NULL; client = next) {
        next = client->next;
        if (client->jobs != NULL && now_ms - client->jobs->arrived_ms >= SERVER_WAIT_MAX_MS)
            server_freeze(client, "its requests waited too long");
        waiting = waiting || (!client->gone && client->jobs != NULL);
    }
    if (waiting)
        timer_start(&server->watch, WATCH_MS);
}
