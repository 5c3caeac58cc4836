#include "les/proto/session.h"

#include "les/base/limits.h"
#include "les/eth/u256.h"

#include <stdio.h>

static void on_resume_late(struct timer *timer)
{
    struct les_server *server = container_of(timer, struct les_server, resume);
    session_fault(server, LES_FAULT_TIMEOUT, "no Resume after Stop");
    client_drop(server, PEER_USELESS, "no Resume after Stop");
}

static void on_status_late(struct timer *timer)
{
    struct les_server *server = container_of(timer, struct les_server, status_timer);
    client_drop(server, PEER_READ_TIMEOUT, "no Status in time");
}

/* go-ethereum 1.12.1 and core-geth 1.12.14 changed the account field without a new protocol version
 * (les.md 3.6). */
static enum les_account_form guess_account_form(const char *client_id, bool *sure)
{
    unsigned major, minor, patch;
    const char *version = strstr(client_id, "/v");
    bool geth = strncmp(client_id, "Geth/", 5) == 0;
    bool core_geth = strncmp(client_id, "CoreGeth/", 9) == 0;

    *sure = false;
    if (strncmp(client_id, "lesserve/", 9) == 0) {
        *sure = true;
        return LES_ACCOUNT_ADDRESS20;
    }
    if ((!geth && !core_geth) || version == NULL ||
        sscanf(version, "/v%u.%u.%u", &major, &minor, &patch) != 3)
        return LES_ACCOUNT_HASH32;
    *sure = true;
    unsigned first = geth ? 1 : 14;
    bool young = major > 1 || (major == 1 && (minor > 12 || (minor == 12 && patch >= first)));
    return young ? LES_ACCOUNT_ADDRESS20 : LES_ACCOUNT_HASH32;
}

struct les_server *session_new(struct les_client *client, struct peer *peer, unsigned version,
                               bool trusted)
{
    struct les_server *server = mem_alloc(sizeof *server);
    server->client = client;
    server->peer = peer;
    server->id = *peer_id(peer);
    server->version = version;
    server->trusted = trusted;
    server->account_form = guess_account_form(peer_client_id(peer), &server->account_form_sure);
    server->record.score_ms = loop_now_ms(client_loop(client));
    timer_init(&server->resume, client_loop(client), on_resume_late);
    timer_init(&server->status_timer, client_loop(client), on_status_late);

    struct les_status mine;
    struct buf payload = {0};
    client_make_status(client, &mine, version, trusted);
    les_status_encode(&payload, &mine);
    bool sent = peer_send(peer, "les", LES_STATUS, buf_span(&payload));
    buf_free(&payload);
    /* A peer that cannot take its first message is on its way out: the timer ends it. */
    timer_start(&server->status_timer, sent ? LES_STATUS_TIMEOUT_MS : 0);
    return server;
}

void session_free(struct les_server *server)
{
    ASSERT(server->messages == NULL);
    timer_stop(&server->resume);
    timer_stop(&server->status_timer);
    mem_free(server);
}

static uint64_t now_ms(const struct les_server *server)
{
    return loop_now_ms(client_loop(server->client));
}

/* ---- judgement ---- */

bool session_benched(const struct les_server *server, uint64_t now)
{
    return now < server->record.benched_until_ms;
}

static void bench(struct les_server *server)
{
    uint64_t rest = LES_BENCH_MS;
    for (unsigned i = 0; i < server->record.benched_times && rest < LES_BENCH_MAX_MS; i++)
        rest *= 2;
    if (rest > LES_BENCH_MAX_MS)
        rest = LES_BENCH_MAX_MS;
    server->record.benched_times++;
    server->record.benched_until_ms = now_ms(server) + rest;
}

void session_fault(struct les_server *server, enum les_fault fault, const char *what)
{
    static const struct {
        int points;
        const char *text;
    } FAULTS[] = {
#define X(name, points, text) {points, text},
        LES_FAULT_MAP(X)
#undef X
    };
    uint64_t now = now_ms(server);
    uint64_t faded = (now - server->record.score_ms) / LES_SCORE_DECAY_MS;
    server->record.score_ms += faded * LES_SCORE_DECAY_MS;
    server->record.score =
        faded > (uint64_t)server->record.score ? 0 : server->record.score - (int)faded;
    server->record.score += FAULTS[fault].points;
    if (server->record.score > 2 * LES_SCORE_DROP) /* a flood of faults changes nothing any more */
        server->record.score = 2 * LES_SCORE_DROP;

    struct enode enode;
    char url[ENODE_TEXT_SIZE], score[24], request[24];
    peer_enode(server->peer, &enode);
    enode_format(url, &enode);
    log_write(client_log(server->client),
              fault == LES_FAULT_EMPTY || fault == LES_FAULT_PADDING ? LOG_DEBUG : LOG_WARN, "les",
              FAULTS[fault].text, "what", what, "server", url, "score",
              log_u64(score, (uint64_t)server->record.score), "requests",
              log_u64(request, server->requests), NULL);
    if (fault == LES_FAULT_LIE) {
        server->lies++;
        client_count_lie(server->client);
    }
    if (fault == LES_FAULT_TIMEOUT)
        server->timeouts++;
    if (fault == LES_FAULT_EMPTY)
        server->empties++;
    if (fault == LES_FAULT_BREACH)
        client_drop(server, PEER_SUBPROTOCOL, what);
    else if (server->record.score >= LES_SCORE_DROP && !server->trusted)
        client_drop(server, PEER_USELESS, "too many faults");
    else if (server->record.score >= LES_SCORE_BENCH && !session_benched(server, now))
        bench(server);
}

/* ---- Status and announcements ---- */

static void take_status(struct les_server *server, struct span payload)
{
    if (server->ready) {
        session_fault(server, LES_FAULT_BREACH, "a second Status");
        return;
    }
    if (!les_status_decode(&server->status, payload)) {
        session_fault(server, LES_FAULT_BREACH, "malformed Status");
        return;
    }
    const char *why = client_check_status(server->client, server);
    if (why != NULL) {
        client_drop(server, PEER_SUBPROTOCOL, why);
        return;
    }
    timer_stop(&server->status_timer);
    if (server->status.plain_keys) {
        server->account_form = LES_ACCOUNT_PLAIN;
        server->account_form_sure = true;
    }
    flow_client_init(&server->flow, &server->status.flow, now_ms(server));
    server->head = (struct les_head){.block = server->status.head,
                                     .td = server->status.head_td,
                                     .from_status = true,
                                     .has_safe = server->status.has_safe,
                                     .has_finalized = server->status.has_finalized,
                                     .safe = server->status.safe,
                                     .finalized = server->status.finalized};
    server->ready = true;
    client_on_ready(server);
}

/* les.md 3.3: the signature is by the node key over hash, number and td. */
static bool announce_signed(const struct les_server *server, const struct les_announce *announce)
{
    struct hash32 digest, id;
    struct pubkey64 key;
    if (!announce->has_sign)
        return false;
    les_announce_digest(&digest, announce);
    if (!crypto_recover(client_crypto(server->client), &key, &digest, &announce->sign))
        return false;
    enode_id(&id, &key);
    return hash32_equal(&id, &server->id);
}

static bool update_budget_left(struct les_server *server, size_t size)
{
    uint64_t now = now_ms(server);
    uint64_t drained = (now - server->update_ms) / 10;
    server->update_bytes = drained > server->update_bytes ? 0 : server->update_bytes - drained;
    server->update_ms = now;
    server->update_bytes += size;
    return server->update_bytes <= LES_UPDATE_BYTES_MAX;
}

static void take_announce(struct les_server *server, struct span payload)
{
    struct les_announce announce;
    if (!les_announce_decode(&announce, payload)) {
        session_fault(server, LES_FAULT_BREACH, "malformed announcement");
        return;
    }
    if (u256_bit_length(&announce.td) > LES_TD_BITS_MAX ||
        !update_budget_left(server, announce.update_size)) {
        session_fault(server, LES_FAULT_BREACH, "announcement over its limits");
        return;
    }
    flow_client_update_costs(&server->flow, &announce.costs);
    if (announce.has_flow)
        flow_client_update(&server->flow, announce.buffer_limit, announce.recharge, now_ms(server));
    if (announce.has_flow || announce.costs.has_cost[0])
        client_on_credit(server);
    if (hash32_is_zero(&announce.head.hash))
        return;
    if (server->trusted && !announce_signed(server, &announce)) {
        session_fault(server, LES_FAULT_LIE, "head without a valid signature");
        client_drop(server, PEER_SUBPROTOCOL, "head without a valid signature");
        return;
    }
    server->head.block = announce.head;
    server->head.td = announce.td;
    server->head.reorg_depth = announce.reorg_depth;
    server->head.from_status = false;
    if (announce.has_safe) {
        server->head.has_safe = true;
        server->head.safe = announce.safe;
    }
    if (announce.has_finalized) {
        server->head.has_finalized = true;
        server->head.finalized = announce.finalized;
    }
    client_on_head(server);
}

/* ---- requests ---- */

uint64_t session_wait_ms(const struct les_server *server, unsigned code, uint64_t items,
                         struct session_promise promise, uint64_t now)
{
    if (!server->ready || server->gone || server->frozen ||
        server->messages_count + promise.messages >= FLOW_IN_FLIGHT_MAX)
        return UINT64_MAX;
    uint64_t cost = flow_client_cost(&server->flow, code, items);
    if (cost == UINT64_MAX)
        return UINT64_MAX;
    return flow_client_wait_ms(&server->flow, cost + promise.cost, now);
}

bool session_send(struct les_server *server, struct les_message *message, struct span payload,
                  uint64_t items)
{
    if (!peer_send(server->peer, "les", message->code, payload))
        return false;
    struct loop *loop = client_loop(server->client);
    uint64_t cost = flow_client_cost(&server->flow, message->code, items);
    flow_client_sent(&server->flow, message->id, cost, loop_now_ms(loop));
    message->server = server;
    message->sent_us = loop_now_us(loop);
    message->sent_ms = loop_now_ms(loop);
    message->request_size = payload.size;
    message->next = server->messages;
    server->messages = message;
    server->messages_count++;
    message->items = items;
    server->items_in_flight += items;
    server->requests++;
    server->items += items;
    return true;
}

uint64_t session_hedge_ms(const struct les_server *server)
{
    if (server->latency_us == 0)
        return LES_HEDGE_START_MS;
    uint64_t patience = (server->latency_us + 4 * server->latency_dev_us) / 1000 * 2;
    if (patience < LES_HEDGE_MIN_MS)
        return LES_HEDGE_MIN_MS;
    return patience > LES_HEDGE_MAX_MS ? LES_HEDGE_MAX_MS : patience;
}

static struct les_message *unlink_message(struct les_server *server, uint64_t id)
{
    for (struct les_message **at = &server->messages; *at != NULL; at = &(*at)->next) {
        struct les_message *message = *at;
        if (message->id != id)
            continue;
        *at = message->next;
        server->messages_count--;
        server->items_in_flight -= message->items;
        return message;
    }
    return NULL;
}

void session_void_messages(struct les_server *server)
{
    struct les_message *messages = server->messages;
    server->messages = NULL;
    server->messages_count = 0;
    server->items_in_flight = 0;
    while (messages != NULL) {
        struct les_message *message = messages;
        messages = message->next;
        for (size_t i = 0; i < message->ops_count; i++)
            if (message->ops[i] != NULL)
                client_op_back(message->ops[i], message);
        mem_free(message);
    }
}

static void learn_latency(struct les_server *server, uint64_t took_us)
{
    if (took_us == 0)
        took_us = 1;
    if (server->latency_us == 0) {
        server->latency_us = took_us;
        server->latency_dev_us = took_us / 2;
        return;
    }
    uint64_t distance =
        took_us > server->latency_us ? took_us - server->latency_us : server->latency_us - took_us;
    server->latency_dev_us = (3 * server->latency_dev_us + distance) / 4;
    server->latency_us = (7 * server->latency_us + took_us) / 8;
}

static void take_reply(struct les_server *server, unsigned code, struct span payload)
{
    uint64_t id, buffer_value;
    struct span data;
    if (!les_reply_decode(&id, &buffer_value, &data, payload)) {
        session_fault(server, LES_FAULT_BREACH, "malformed reply");
        return;
    }
    struct les_message *message = unlink_message(server, id);
    /* It was on its way when the server said Stop; what it answers was asked again. */
    if (message == NULL && server->frozen &&
        flow_client_reply(&server->flow, id, buffer_value, now_ms(server)))
        return;
    if (message == NULL || les_reply_code(message->code) != code) {
        if (message != NULL) {
            message->next = server->messages;
            server->messages = message;
            server->messages_count++;
            server->items_in_flight += message->items;
        }
        client_count_unsolicited(server->client);
        session_fault(server, LES_FAULT_UNSOLICITED,
                      message != NULL ? "reply of another kind than the request"
                                      : "reply to a request id that is not open");
        return;
    }
    struct loop *loop = client_loop(server->client);
    /* The table of the session and the one of flow control hold the same ids. */
    ASSERT(flow_client_reply(&server->flow, id, buffer_value, loop_now_ms(loop)));
    learn_latency(server, loop_now_us(loop) - message->sent_us);
    client_on_reply(server, message, data);
    mem_free(message);
}

void session_message(struct les_server *server, unsigned code, struct span payload)
{
    if (server->gone)
        return;
    if (!server->ready && code != LES_STATUS) {
        session_fault(server, LES_FAULT_BREACH, "a message before Status");
        return;
    }
    uint64_t buffer_value;
    switch (code) {
    case LES_STATUS:
        take_status(server, payload);
        return;
    case LES_ANNOUNCE:
        take_announce(server, payload);
        return;
    case LES_BLOCK_HEADERS:
    case LES_BLOCK_BODIES:
    case LES_RECEIPTS:
    case LES_CODE:
    case LES_PROOFS_V2:
    case LES_HELPER_TRIE_PROOFS:
    case LES_TX_STATUS:
        take_reply(server, code, payload);
        return;
    case LES_STOP:
        server->frozen = true;
        timer_start(&server->resume, LES_RESUME_TIMEOUT_MS);
        log_write(client_log(server->client), LOG_DEBUG, "les", "server asked for a pause",
                  "client", peer_client_id(server->peer), NULL);
        /* les.md 3.8: what is on the wire is dead, the same server may be asked again. */
        session_void_messages(server);
        return;
    case LES_RESUME:
        if (!les_resume_decode(&buffer_value, payload)) {
            session_fault(server, LES_FAULT_BREACH, "malformed Resume");
            return;
        }
        if (!server->frozen) {
            session_fault(server, LES_FAULT_UNSOLICITED, "Resume without Stop");
            return;
        }
        server->frozen = false;
        timer_stop(&server->resume);
        flow_client_resume(&server->flow, buffer_value, now_ms(server));
        client_on_credit(server);
        return;
    }
    session_fault(server, LES_FAULT_BREACH, "a message that only clients send");
}
