#include "les/p2p/peer.h"

#include "les/base/limits.h"
#include "les/p2p/hello.h"
#include "les/p2p/rlpx.h"

#include <snappy-c.h>

enum peer_state { CONNECTING, HANDSHAKE, HELLO, READY, CLOSED };
enum {
    SCRATCH_KEEP = 256 * 1024,
    SNAPPY_RATIO_MAX =
        22 /* a copy of 64 bytes takes 3: a length beyond that is a lie, not worth the memory */
};

struct peer {
    const struct peer_config *config;
    const struct peer_events *events;
    void *host;  /* owner of events */
    void *owner; /* whoever speaks the shared protocols */
    enum peer_state state;
    struct link *link;
    struct rlpx *rlpx;
    struct timer timer;
    struct task task; /* what must not happen inside the caller's call */
    struct endpoint at;
    struct pubkey64 key;
    struct hash32 id;
    bool inbound, snappy, paused, broken, heard;
    char client_id[PEER_CLIENT_ID_MAX + 1];
    uint16_t remote_port;
    struct peer_cap shared[PEER_CAPS_MAX];
    size_t shared_count;
    uint64_t bytes_in, bytes_out, messages_out;
    size_t message_max;
    size_t held;      /* of scratch->held */
    uint64_t read_ms; /* when the last byte came */
    uint64_t ping_ms, ping_sent_ms, rtt_ms;
    bool ping_open;
    uint64_t taken, taken_ms; /* bytes the network took so far, and when that last grew */
    uint64_t pings_since_ms;
    unsigned pings;
};

static uint64_t now_ms(const struct peer *peer)
{
    return loop_now_ms(peer->config->loop);
}

static void scratch_clear(struct buf *buf)
{
    if (buf->capacity > SCRATCH_KEEP)
        buf_free(buf);
    buf_clear(buf);
}

/* ---- the end ---- */

static void peer_release(void *pointer)
{
    struct peer *peer = pointer;
    rlpx_free(peer->rlpx);
    mem_free(peer);
}

static void send_base(struct peer *peer, enum base_code code, struct span payload);

static void say_goodbye(struct peer *peer, enum peer_reason reason)
{
    struct buf payload = {0};
    if (peer->broken || (peer->state != HELLO && peer->state != READY))
        return;
    disconnect_encode(&payload, reason);
    send_base(peer, BASE_DISCONNECT, buf_span(&payload));
    buf_free(&payload);
}

static void close_now(struct peer *peer)
{
    peer->state = CLOSED;
    timer_stop(&peer->timer);
    task_cancel(&peer->task);
    link_close(peer->link);
    peer->link = NULL;
    peer->config->scratch->held -= peer->held;
    peer->held = 0;
}

static void finish(struct peer *peer, struct peer_end end)
{
    if (peer->state == CLOSED)
        return;
    end.after_hello = peer->state == READY;
    end.refused = peer->state == CONNECTING;
    end.before_any_byte = !peer->heard;
    close_now(peer);
    peer->events->on_gone(peer->host, peer, &end);
    peer->events->on_closed(peer->host, peer, end.reason);
    loop_sweep(peer->config->loop, peer, peer_release);
}

/* We end it: reason goes out if it still can. */
static void fail(struct peer *peer, enum peer_reason reason, const char *why)
{
    if (peer->state == CLOSED)
        return;
    say_goodbye(peer, reason);
    finish(peer, (struct peer_end){.reason = reason, .why = why});
}

void peer_disconnect(struct peer *peer, enum peer_reason reason)
{
    if (peer->state == CLOSED)
        return;
    say_goodbye(peer, reason);
    close_now(peer);
    peer->events->on_closed(peer->host, peer, reason);
    loop_sweep(peer->config->loop, peer, peer_release);
}

/* ---- sending ---- */

static bool flush(struct peer *peer)
{
    struct buf *out = &peer->config->scratch->out;
    size_t size = out->size;
    bool sent = size == 0 || link_send(peer->link, buf_span(out));
    scratch_clear(out);
    if (sent)
        peer->bytes_out += size;
    else
        peer->broken = true; /* the MACs have moved on: nothing can follow */
    return sent;
}

static bool send_frame(struct peer *peer, uint64_t code, struct span payload)
{
    struct buf *packed = &peer->config->scratch->packed;
    if (peer->snappy) {
        size_t size = snappy_max_compressed_length(payload.size);
        buf_clear(packed);
        buf_reserve(packed, size);
        if (snappy_compress((const char *)payload.data, payload.size, (char *)packed->data,
                            &size) != SNAPPY_OK)
            return false;
        payload = SPAN(packed->data, size);
    }
    if (link_queue_size(peer->link) + payload.size + 128 > LINK_QUEUE_BYTES_MAX)
        return false;
    rlpx_send(peer->rlpx, &peer->config->scratch->out, code, payload);
    scratch_clear(packed);
    return flush(peer);
}

static void send_base(struct peer *peer, enum base_code code, struct span payload)
{
    if (!peer->broken && !send_frame(peer, code, payload))
        peer->broken = true;
}

bool peer_send(struct peer *peer, const char *cap, unsigned code, struct span payload)
{
    unsigned offset = BASE_CODES;
    size_t i = 0;
    if (peer->state != READY || peer->broken || payload.size > PEER_MESSAGE_MAX)
        return false;
    for (; i < peer->shared_count && strcmp(peer->shared[i].name, cap) != 0; i++)
        offset += peer->shared[i].length;
    if (i == peer->shared_count)
        return false;
    ASSERT(code < peer->shared[i].length);
    if (send_frame(peer, offset + code, payload)) {
        peer->messages_out++;
        return true;
    }
    if (peer->broken)
        loop_defer(peer->config->loop, &peer->task);
    return false;
}

static void send_hello(struct peer *peer)
{
    const struct peer_config *config = peer->config;
    struct hello hello = {.version = BASE_VERSION, .listen_port = config->listen_port};
    struct buf payload = {0};
    size_t size = strlen(config->client_id);
    memcpy(hello.client_id, config->client_id,
           size < PEER_CLIENT_ID_MAX ? size : PEER_CLIENT_ID_MAX);
    memcpy(hello.caps, config->caps, config->caps_count * sizeof(*config->caps));
    hello.caps_count = config->caps_count;
    crypto_pubkey(config->crypto, &hello.key, &config->key);
    hello_encode(&payload, &hello);
    send_base(peer, BASE_HELLO, buf_span(&payload));
    buf_free(&payload);
}

static void send_ping(struct peer *peer)
{
    static const uint8_t empty_list[1] = {0xc0};
    peer->ping_ms = now_ms(peer);
    if (!peer->ping_open)
        peer->ping_sent_ms = peer->ping_ms;
    peer->ping_open = true;
    send_base(peer, BASE_PING, SPAN(empty_list, 1));
}

/* ---- receiving ---- */

static bool unpack(struct peer *peer, struct span *payload)
{
    struct buf *plain = &peer->config->scratch->plain;
    size_t size = 0;
    if (!peer->snappy)
        return payload->size <= peer->message_max;
    if (snappy_uncompressed_length((const char *)payload->data, payload->size, &size) !=
            SNAPPY_OK ||
        size > peer->message_max || size > payload->size * SNAPPY_RATIO_MAX)
        return false;
    scratch_clear(plain);
    buf_reserve(plain, size + 1);
    if (snappy_uncompress((const char *)payload->data, payload->size, (char *)plain->data, &size) !=
        SNAPPY_OK)
        return false;
    plain->size = size;
    *payload = SPAN(plain->data, size);
    return true;
}

static void on_remote_disconnect(struct peer *peer, struct span payload)
{
    struct span plain = payload;
    enum peer_reason reason;
    /* Before the Hello exchange is over the sides may differ on whether snappy is on. */
    bool good = unpack(peer, &plain) && disconnect_decode(&reason, plain);
    if (!good)
        good = disconnect_decode(&reason, payload);
    if (!good)
        finish(peer,
               (struct peer_end){.reason = PEER_BREACH, .why = "it sent a malformed Disconnect"});
    else
        finish(peer, (struct peer_end){
                         .reason = reason, .remote_said = true, .why = peer_reason_text(reason)});
}

void peer_limit(struct peer *peer, size_t message_max)
{
    ASSERT(message_max <= PEER_MESSAGE_MAX);
    if (peer->state != READY)
        return;
    peer->message_max = message_max;
    rlpx_limit(peer->rlpx, snappy_max_compressed_length(message_max) + 16);
}

static void on_hello(struct peer *peer, struct span payload)
{
    struct hello hello;
    switch (hello_decode(&hello, payload)) {
    case HELLO_OK:
        break;
    case HELLO_MALFORMED:
        fail(peer, PEER_BREACH, "its Hello is malformed");
        return;
    case HELLO_NULL_IDENTITY:
        fail(peer, PEER_NULL_IDENTITY, "its Hello has no identity");
        return;
    }
    if (memcmp(hello.key.bytes, peer->key.bytes, sizeof(peer->key.bytes)) != 0) {
        fail(peer, PEER_UNEXPECTED_IDENTITY, "its Hello names another key than the handshake");
        return;
    }
    peer->snappy = hello.version >= BASE_SNAPPY_SINCE;
    memcpy(peer->client_id, hello.client_id, sizeof(peer->client_id));
    peer->remote_port = hello.listen_port;
    peer->shared_count = peer_caps_match(peer->shared, peer->config->caps, peer->config->caps_count,
                                         hello.caps, hello.caps_count);
    if (peer->shared_count == 0) {
        fail(peer, PEER_USELESS, "no capability is shared");
        return;
    }
    peer->state = READY;
    peer->ping_ms = peer->taken_ms = now_ms(peer);
    peer_limit(peer, PEER_MESSAGE_MAX);
    timer_start(&peer->timer, PEER_PING_INTERVAL_MS);
    peer->events->on_ready(peer->host, peer);
}

static void on_ping(struct peer *peer)
{
    static const uint8_t empty_list[1] = {0xc0};
    uint64_t now = now_ms(peer);
    if (now - peer->pings_since_ms >= 10000) {
        peer->pings_since_ms = now;
        peer->pings = 0;
    }
    if (++peer->pings > PEER_PINGS_IN_PER_10S_MAX)
        fail(peer, PEER_BREACH, "it floods us with Pings");
    else
        send_base(peer, BASE_PONG, SPAN(empty_list, 1));
}

static void on_pong(struct peer *peer)
{
    if (peer->ping_open)
        peer->rtt_ms = now_ms(peer) - peer->ping_sent_ms;
    peer->ping_open = false;
}

static void on_capability_message(struct peer *peer, uint64_t code, struct span payload)
{
    uint64_t offset = BASE_CODES;
    for (size_t i = 0; i < peer->shared_count; i++) {
        const struct peer_cap *cap = &peer->shared[i];
        if (code - offset < cap->length) {
            if (unpack(peer, &payload))
                peer->events->on_message(peer->host, peer, cap, (unsigned)(code - offset), payload);
            else
                fail(peer, PEER_BREACH, "a message cannot be decompressed or is too large");
            return;
        }
        offset += cap->length;
    }
    fail(peer, PEER_BREACH, "a message code is outside every shared capability");
}

static void on_frame(struct peer *peer, uint64_t code, struct span payload)
{
    if (code == BASE_DISCONNECT)
        on_remote_disconnect(peer, payload);
    else if (peer->state == HELLO && code == BASE_HELLO)
        on_hello(peer, payload);
    else if (peer->state == HELLO)
        fail(peer, PEER_BREACH, "its first message is not Hello");
    else if (code == BASE_HELLO)
        fail(peer, PEER_BREACH, "it sent Hello again");
    else if (code == BASE_PING)
        on_ping(peer);
    else if (code == BASE_PONG)
        on_pong(peer);
    else if (code >= BASE_CODES)
        on_capability_message(peer, code, payload);
}

/* The other side's key is proved: we may say Hello, unless the host objects. */
static void on_identified(struct peer *peer)
{
    enum peer_reason reason = PEER_REQUESTED;
    peer->state = HELLO;
    peer->key = *rlpx_remote(peer->rlpx);
    enode_id(&peer->id, &peer->key);
    rlpx_limit(peer->rlpx, PEER_HELLO_MAX + 1);
    if (peer->events->on_identity(peer->host, peer, &peer->key, &reason))
        send_hello(peer);
    else
        fail(peer, reason, peer_reason_text(reason));
}

static void drain(struct peer *peer)
{
    while (peer->state != CLOSED && !(peer->state == READY && peer->paused)) {
        uint64_t code;
        struct span payload;
        enum rlpx_event event = rlpx_next(peer->rlpx, &peer->config->scratch->out, &code, &payload);
        if (!flush(peer))
            event = RLPX_MORE;
        switch (event) {
        case RLPX_MORE:
            break;
        case RLPX_READY:
            on_identified(peer);
            break;
        case RLPX_FRAME:
            on_frame(peer, code, payload);
            break;
        case RLPX_FAULT:
            fail(peer, PEER_BREACH, rlpx_fault_text(peer->rlpx));
            break;
        }
        if (peer->broken)
            fail(peer, PEER_TCP_ERROR, "its send queue is full");
        if (event == RLPX_MORE)
            break;
    }
}

/* What has come of a message is held until the rest is there. All peers together may hold so much;
 * beyond it whoever wants more than a common message ends. */
static void count_held(struct peer *peer)
{
    struct peer_scratch *scratch = peer->config->scratch;
    if (peer->state == CLOSED)
        return;
    size_t held = rlpx_held(peer->rlpx);
    scratch->held = scratch->held - peer->held + held;
    peer->held = held;
    if (held > PEER_HELD_MIN && scratch->held > PEER_HELD_TOTAL_MAX)
        fail(peer, PEER_TOO_MANY, "too many large messages are under way");
}

static void on_task(struct task *task)
{
    struct peer *peer = container_of(task, struct peer, task);
    if (peer->broken)
        fail(peer, PEER_TCP_ERROR, "its send queue is full");
    else
        drain(peer);
    count_held(peer);
}

void peer_pause(struct peer *peer, bool paused)
{
    if (peer->state != READY || peer->paused == paused)
        return;
    peer->paused = paused;
    if (paused) {
        link_pause(peer->link);
        return;
    }
    peer->read_ms = now_ms(peer);
    link_resume(peer->link);
    loop_defer(peer->config->loop, &peer->task);
}

/* ---- time and network ---- */

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static bool is_stuck(struct peer *peer, uint64_t now)
{
    size_t waiting = link_queue_size(peer->link);
    uint64_t taken = peer->bytes_out - min_u64(waiting, peer->bytes_out);
    if (waiting == 0 || taken != peer->taken) {
        peer->taken = taken;
        peer->taken_ms = now;
    }
    return now - peer->taken_ms >= PEER_WRITE_TIMEOUT_MS;
}

static void on_timer(struct timer *timer)
{
    struct peer *peer = container_of(timer, struct peer, timer);
    uint64_t now = now_ms(peer), next;
    if (peer->state != READY) {
        fail(peer, PEER_READ_TIMEOUT,
             peer->state == CONNECTING ? "the connection timed out" : "the handshake timed out");
        return;
    }
    if (is_stuck(peer, now)) {
        fail(peer, PEER_TCP_ERROR, "it does not read what we send");
        return;
    }
    if (!peer->paused && now - peer->read_ms >= PEER_READ_TIMEOUT_MS) {
        fail(peer, PEER_READ_TIMEOUT, "nothing came for too long");
        return;
    }
    if (now - peer->ping_ms >= PEER_PING_INTERVAL_MS)
        send_ping(peer);
    if (peer->broken) {
        fail(peer, PEER_TCP_ERROR, "its send queue is full");
        return;
    }
    next = peer->ping_ms + PEER_PING_INTERVAL_MS;
    if (!peer->paused)
        next = min_u64(next, peer->read_ms + PEER_READ_TIMEOUT_MS);
    timer_start(timer, next > now ? next - now : 1);
}

static void rlpx_chance_draw(struct peer *peer, struct rlpx_chance *chance)
{
    do
        loop_random(peer->config->loop, chance, sizeof(*chance));
    while (!crypto_seckey_valid(peer->config->crypto, &chance->ephemeral) ||
           !crypto_seckey_valid(peer->config->crypto, &chance->ecies));
}

static void on_open(void *owner)
{
    struct peer *peer = owner;
    struct rlpx_chance chance;
    peer->state = HANDSHAKE;
    timer_start(&peer->timer, RLPX_HANDSHAKE_TIMEOUT_MS);
    rlpx_chance_draw(peer, &chance);
    peer->rlpx = rlpx_new_initiator(peer->config->crypto, &peer->config->key, &peer->key, &chance,
                                    &peer->config->scratch->out);
    mem_wipe(&chance, sizeof(chance));
    if (!peer->rlpx)
        fail(peer, PEER_NULL_IDENTITY, "its public key is not on the curve");
    else if (!flush(peer))
        fail(peer, PEER_TCP_ERROR, "the connection is closed");
}

static void on_data(void *owner, struct span bytes)
{
    struct peer *peer = owner;
    peer->heard = true;
    peer->bytes_in += bytes.size;
    peer->read_ms = now_ms(peer);
    rlpx_feed(peer->rlpx, bytes);
    drain(peer);
    count_held(peer);
}

static void on_close(void *owner, enum status status)
{
    struct peer *peer = owner;
    const char *why = "the connection was lost";
    if (peer->state == CONNECTING)
        why = status == STATUS_TIMEOUT ? "the connection timed out" : "the connection was refused";
    else if (!peer->heard)
        why = "it closed the connection without a word";
    finish(peer, (struct peer_end){.reason = PEER_TCP_ERROR, .why = why});
}

static const struct link_events LINK_EVENTS = {
    .on_open = on_open, .on_data = on_data, .on_close = on_close};

static struct peer *peer_new(const struct peer_config *config, const struct peer_events *events,
                             void *owner)
{
    struct peer *peer = mem_alloc(sizeof(*peer));
    ASSERT(config->caps_count <= PEER_CAPS_MAX);
    peer->message_max = PEER_MESSAGE_MAX;
    peer->config = config;
    peer->events = events;
    peer->host = owner;
    peer->read_ms = peer->taken_ms = loop_now_ms(config->loop);
    peer->task.on_run = on_task;
    timer_init(&peer->timer, config->loop, on_timer);
    return peer;
}

enum status peer_dial(struct peer **out, const struct peer_config *config, const struct enode *to,
                      const struct peer_events *events, void *owner)
{
    struct peer *peer = peer_new(config, events, owner);
    enum status status = link_connect(&peer->link, config->loop, &to->at, &LINK_EVENTS, peer);
    *out = NULL;
    if (status != STATUS_OK) {
        mem_free(peer);
        return status;
    }
    peer->state = CONNECTING;
    peer->key = to->key;
    peer->at = to->at;
    enode_id(&peer->id, &peer->key);
    timer_start(&peer->timer, PEER_CONNECT_TIMEOUT_MS);
    *out = peer;
    return STATUS_OK;
}

struct peer *peer_accept(const struct peer_config *config, struct link *link,
                         const struct peer_events *events, void *owner)
{
    struct peer *peer = peer_new(config, events, owner);
    struct rlpx_chance chance;
    peer->state = HANDSHAKE;
    peer->inbound = true;
    peer->link = link;
    link_endpoint(link, &peer->at);
    link_set_owner(link, &LINK_EVENTS, peer);
    rlpx_chance_draw(peer, &chance);
    peer->rlpx = rlpx_new_recipient(config->crypto, &config->key, &chance);
    mem_wipe(&chance, sizeof(chance));
    timer_start(&peer->timer, RLPX_HANDSHAKE_TIMEOUT_MS);
    return peer;
}

/* ---- what it is ---- */

const struct pubkey64 *peer_key(const struct peer *peer)
{
    return &peer->key;
}

const struct hash32 *peer_id(const struct peer *peer)
{
    return &peer->id;
}

const char *peer_client_id(const struct peer *peer)
{
    return peer->client_id;
}

const struct endpoint *peer_endpoint(const struct peer *peer)
{
    return &peer->at;
}

bool peer_inbound(const struct peer *peer)
{
    return peer->inbound;
}

const struct peer_cap *peer_shared(const struct peer *peer, size_t *count)
{
    *count = peer->shared_count;
    return peer->shared;
}

void peer_enode(const struct peer *peer, struct enode *out)
{
    *out = (struct enode){.key = peer->key, .at = peer->at};
    if (peer->inbound)
        out->at.port = peer->remote_port;
    out->udp_port = out->at.port;
}

void peer_set_owner(struct peer *peer, void *owner)
{
    peer->owner = owner;
}

void *peer_owner(const struct peer *peer)
{
    return peer->owner;
}

size_t peer_queue_size(const struct peer *peer)
{
    return peer->link ? link_queue_size(peer->link) : 0;
}

uint64_t peer_bytes_in(const struct peer *peer)
{
    return peer->bytes_in;
}

uint64_t peer_bytes_out(const struct peer *peer)
{
    return peer->bytes_out;
}

uint64_t peer_messages_out(const struct peer *peer)
{
    return peer->messages_out;
}

uint64_t peer_rtt_ms(const struct peer *peer)
{
    return peer->rtt_ms;
}
