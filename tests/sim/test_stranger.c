/* A scripted node that speaks RLPx correctly and the base protocol as it likes, in front of a host.
 */
#include "les/base/limits.h"
#include "les/p2p/hello.h"
#include "les/p2p/host.h"
#include "les/p2p/rlpx.h"
#include "tests/fixture/fixture.h"
#include "tests/sim/world.h"

#include <criterion/criterion.h>
#include <snappy-c.h>

TestSuite(stranger, .fini = fixture_leak_gate, .timeout = 60);

struct stranger {
    struct world *world;
    struct crypto *crypto;
    /* the host */
    struct loop *host_loop;
    struct host *host;
    struct enode host_self;
    size_t came, went, messages;
    enum peer_reason went_reason;
    bool went_remote_said;
    unsigned code;
    size_t payload_size;
    char client_id[PEER_CLIENT_ID_MAX + 1];
    struct peer *peer;
    /* the stranger */
    struct loop *loop;
    struct seckey32 key;
    struct link *link;
    struct rlpx *rlpx;
    bool ready, closed, got_hello, got_disconnect, snappy;
    enum peer_reason reason; /* that the host gave */
    size_t pongs, pings;
};

/* ---- the host's side ---- */

static void on_peer(void *owner, struct peer *peer, const struct peer_cap *shared,
                    size_t shared_count)
{
    struct stranger *all = owner;
    (void)shared;
    (void)shared_count;
    all->came++;
    all->peer = peer;
    snprintf(all->client_id, sizeof(all->client_id), "%s", peer_client_id(peer));
}

static void on_message(void *owner, struct peer *peer, const char *cap, unsigned version,
                       unsigned code, struct span payload)
{
    struct stranger *all = owner;
    (void)peer;
    (void)cap;
    (void)version;
    all->messages++;
    all->code = code;
    all->payload_size = payload.size;
}

static void on_gone(void *owner, struct peer *peer, enum peer_reason reason, bool remote_said)
{
    struct stranger *all = owner;
    (void)peer;
    all->went++;
    all->peer = NULL;
    all->went_reason = reason;
    all->went_remote_said = remote_said;
}

static const struct host_protocol_events HOST_EVENTS = {
    .on_peer = on_peer, .on_message = on_message, .on_gone = on_gone};

/* ---- the stranger's side ---- */

static void flush(struct stranger *all, struct buf *out)
{
    if (out->size > 0 && !all->closed)
        (void)!link_send(all->link, buf_span(out));
    buf_free(out);
}

static void on_frame(struct stranger *all, uint64_t code, struct span payload)
{
    uint8_t plain[4096];
    size_t size = sizeof(plain);
    if (code == BASE_HELLO) {
        all->got_hello = true;
        return;
    }
    if (all->snappy && snappy_uncompress((const char *)payload.data, payload.size, (char *)plain,
                                         &size) == SNAPPY_OK)
        payload = SPAN(plain, size);
    if (code == BASE_DISCONNECT)
        all->got_disconnect = disconnect_decode(&all->reason, payload);
    all->pongs += code == BASE_PONG;
    all->pings += code == BASE_PING;
}

static void on_open(void *owner)
{
    struct stranger *all = owner;
    struct rlpx_chance chance;
    struct buf out = {0};
    memset(&chance, 3, sizeof(chance));
    all->rlpx = rlpx_new_initiator(all->crypto, &all->key, &all->host_self.key, &chance, &out);
    flush(all, &out);
}

static void on_data(void *owner, struct span bytes)
{
    struct stranger *all = owner;
    struct buf out = {0};
    enum rlpx_event event;
    rlpx_feed(all->rlpx, bytes);
    do {
        uint64_t code;
        struct span payload;
        event = rlpx_next(all->rlpx, &out, &code, &payload);
        cr_assert_neq(event, RLPX_FAULT, "%s", rlpx_fault_text(all->rlpx));
        all->ready = all->ready || event == RLPX_READY;
        if (event == RLPX_FRAME)
            on_frame(all, code, payload);
    } while (event != RLPX_MORE);
    flush(all, &out);
}

static void on_close(void *owner, enum status status)
{
    struct stranger *all = owner;
    (void)status;
    all->closed = true;
}

static const struct link_events LINK_EVENTS = {
    .on_open = on_open, .on_data = on_data, .on_close = on_close};

static void meet(struct stranger *all)
{
    static const uint8_t seed32[32] = {1};
    struct host_config config = {.client_id = "sim/v1",
                                 .do_listen = true,
                                 .caps = {{"les", 4, 24}, {"lsm", 1, 8}},
                                 .caps_count = 2,
                                 .peers_max = 5,
                                 .inbound_max = 5};
    memset(all, 0, sizeof(*all));
    all->world = world_new(1);
    all->crypto = crypto_new(seed32);
    all->host_loop = world_host_new(all->world, "20.0.0.1");
    all->loop = world_host_new(all->world, "66.6.6.6");
    memset(config.key.bytes, 1, 32);
    memset(all->key.bytes, 2, 32);
    cr_assert(endpoint_parse(&config.listen, "0.0.0.0:30303"));
    cr_assert_eq(
        host_new(&all->host, all->host_loop, all->crypto, NULL, &config, &HOST_EVENTS, all),
        STATUS_OK);
    host_self(all->host, &all->host_self);
    cr_assert(endpoint_parse(&all->host_self.at, "20.0.0.1:30303"));
    cr_assert_eq(link_connect(&all->link, all->loop, &all->host_self.at, &LINK_EVENTS, all),
                 STATUS_OK);
    world_run_for_ms(all->world, 100);
    cr_assert(all->ready);
    cr_assert(all->got_hello, "the host speaks first, without waiting");
}

static void part(struct stranger *all)
{
    link_close(all->link);
    rlpx_free(all->rlpx);
    host_free(all->host);
    world_free(all->world);
    crypto_free(all->crypto);
}

static void say_raw(struct stranger *all, uint64_t code, struct span payload)
{
    struct buf out = {0};
    rlpx_send(all->rlpx, &out, code, payload);
    flush(all, &out);
}

/* Compressed once Hello is over, as it should be. */
static void say(struct stranger *all, uint64_t code, const char *hex)
{
    struct buf payload = fixture_hex(hex);
    char packed[4096];
    size_t size = sizeof(packed);
    if (all->snappy)
        cr_assert_eq(snappy_compress((const char *)payload.data, payload.size, packed, &size),
                     SNAPPY_OK);
    say_raw(all, code, all->snappy ? SPAN(packed, size) : buf_span(&payload));
    buf_free(&payload);
    world_run_for_ms(all->world, 50);
}

static void hello_make(struct stranger *all, struct hello *hello)
{
    *hello = (struct hello){
        .version = 5, .client_id = "stranger/v1", .caps = {{"les", 4, 0}}, .caps_count = 1};
    crypto_pubkey(all->crypto, &hello->key, &all->key);
}

static void say_hello(struct stranger *all, const struct hello *hello)
{
    struct buf payload = {0};
    hello_encode(&payload, hello);
    say_raw(all, BASE_HELLO, buf_span(&payload));
    buf_free(&payload);
    all->snappy = hello->version >= BASE_SNAPPY_SINCE;
    world_run_for_ms(all->world, 50);
}

static void become_peer(struct stranger *all)
{
    struct hello hello;
    meet(all);
    hello_make(all, &hello);
    say_hello(all, &hello);
    cr_assert_eq(all->came, 1);
}

static void expect_thrown_out(struct stranger *all, enum peer_reason reason)
{
    world_run_for_ms(all->world, 50);
    cr_assert(all->got_disconnect);
    cr_assert_eq(all->reason, reason, "reason %d", (int)all->reason);
    cr_assert(all->closed);
    cr_assert_eq(all->went, all->came);
    if (all->came > 0) {
        cr_assert_eq(all->went_reason, reason);
        cr_assert_not(all->went_remote_said);
    }
}

/* ---- Hello ---- */

Test(stranger, an_honest_one_is_let_in_and_its_messages_arrive)
{
    struct stranger all;
    become_peer(&all);
    cr_assert_str_eq(all.client_id, "stranger/v1");
    say(&all, BASE_CODES + 7, "c3010203");
    cr_assert_eq(all.messages, 1);
    cr_assert_eq(all.code, 7);
    cr_assert_eq(all.payload_size, 4);
    say(&all, BASE_PING, "c0");
    cr_assert_eq(all.pongs, 1);
    part(&all);
}

Test(stranger, one_of_version_4_is_spoken_to_without_snappy)
{
    struct stranger all;
    struct hello hello;
    meet(&all);
    hello_make(&all, &hello);
    hello.version = 4;
    say_hello(&all, &hello);
    cr_assert_eq(all.came, 1);
    say(&all, BASE_CODES + 7, "c3010203");
    cr_assert_eq(all.payload_size, 4);
    cr_assert(peer_send(all.peer, "les", 0, SPAN("\xc0", 1)));
    peer_disconnect(all.peer, PEER_USELESS);
    world_run_for_ms(all.world, 50);
    cr_assert(all.got_disconnect);
    cr_assert_eq(all.reason, PEER_USELESS);
    part(&all);
}

Test(stranger, a_key_that_is_not_that_of_the_handshake_is_reason_9)
{
    struct stranger all;
    struct hello hello;
    meet(&all);
    hello_make(&all, &hello);
    hello.key.bytes[5] ^= 1;
    say_hello(&all, &hello);
    all.snappy = false;
    expect_thrown_out(&all, PEER_UNEXPECTED_IDENTITY);
    part(&all);
}

Test(stranger, no_key_is_reason_7)
{
    struct stranger all;
    struct hello hello;
    meet(&all);
    hello_make(&all, &hello);
    memset(hello.key.bytes, 0, sizeof(hello.key.bytes));
    say_hello(&all, &hello);
    all.snappy = false;
    expect_thrown_out(&all, PEER_NULL_IDENTITY);
    part(&all);
}

Test(stranger, no_shared_capability_is_reason_3)
{
    struct stranger all;
    struct hello hello;
    meet(&all);
    hello_make(&all, &hello);
    hello.caps[0].version = 5;
    say_hello(&all, &hello);
    expect_thrown_out(&all, PEER_USELESS);
    part(&all);
}

Test(stranger, whatever_else_comes_before_hello_is_a_breach)
{
    static const uint64_t codes[] = {BASE_PING,  BASE_PONG,       5,
                                     BASE_CODES, BASE_CODES + 23, UINT64_MAX};
    for (size_t i = 0; i < ARRAY_COUNT(codes); i++) {
        struct stranger all;
        meet(&all);
        say(&all, codes[i], "c0");
        expect_thrown_out(&all, PEER_BREACH);
        cr_assert_eq(all.came, 0);
        part(&all);
    }
}

Test(stranger, a_hello_that_is_malformed_or_too_long_is_a_breach)
{
    static uint8_t long_hello[PEER_HELLO_MAX + 100];
    struct stranger all;
    meet(&all);
    say(&all, BASE_HELLO, "c1ff");
    expect_thrown_out(&all, PEER_BREACH);
    part(&all);
    meet(&all);
    say_raw(&all, BASE_HELLO, SPAN(long_hello, sizeof(long_hello)));
    expect_thrown_out(&all, PEER_BREACH);
    part(&all);
}

Test(stranger, a_disconnect_instead_of_hello_ends_it)
{
    struct stranger all;
    struct host_stats stats;
    meet(&all);
    say(&all, BASE_DISCONNECT, "c104");
    cr_assert(all.closed);
    cr_assert_not(all.got_disconnect);
    host_stats(all.host, &stats);
    cr_assert_eq(stats.handshakes, 0);
    cr_assert_eq(stats.handshakes_failed, 1);
    cr_assert_eq(all.came, 0);
    part(&all);
}

Test(stranger, silence_instead_of_hello_ends_after_five_seconds)
{
    struct stranger all;
    meet(&all);
    world_run_for_ms(all.world, RLPX_HANDSHAKE_TIMEOUT_MS - 200);
    cr_assert_not(all.closed);
    world_run_for_ms(all.world, 400);
    expect_thrown_out(&all, PEER_READ_TIMEOUT);
    part(&all);
}

/* ---- after Hello ---- */

Test(stranger, codes_outside_what_is_shared_are_a_breach)
{
    /* les/4 has 24; lsm is not shared. */
    static const uint64_t codes[] = {BASE_HELLO, BASE_CODES + 24, BASE_CODES + 31, 1u << 31,
                                     UINT64_MAX};
    for (size_t i = 0; i < ARRAY_COUNT(codes); i++) {
        struct stranger all;
        become_peer(&all);
        say(&all, codes[i], "c0");
        expect_thrown_out(&all, PEER_BREACH);
        cr_assert_eq(all.messages, 0);
        part(&all);
    }
}

Test(stranger, unknown_codes_of_the_base_protocol_are_ignored)
{
    struct stranger all;
    become_peer(&all);
    for (uint64_t code = 4; code < BASE_CODES; code++)
        say(&all, code, "c0");
    cr_assert_eq(all.went, 0);
    say(&all, BASE_CODES, "c0");
    cr_assert_eq(all.messages, 1);
    part(&all);
}

Test(stranger, what_cannot_be_decompressed_or_claims_too_much_is_a_breach)
{
    static const char *const payloads[] = {
        "",             /* not even a length */
        "ff",           /* an unfinished length */
        "808080800500", /* 1.3 GiB, it says */
        "8080c00400",   /* 9 MiB in one byte, it says */
        "0500",         /* five bytes of which one comes */
        "01ff",         /* a copy of nothing */
        "c0",           /* not compressed */
    };
    for (size_t i = 0; i < ARRAY_COUNT(payloads); i++) {
        struct stranger all;
        struct buf payload = fixture_hex(payloads[i]);
        become_peer(&all);
        say_raw(&all, BASE_CODES, buf_span(&payload));
        expect_thrown_out(&all, PEER_BREACH);
        cr_assert_eq(all.messages, 0, "%s", payloads[i]);
        buf_free(&payload);
        part(&all);
    }
}

Test(stranger, a_frame_larger_than_any_message_is_refused_at_its_header)
{
    struct stranger all;
    struct buf big = {0};
    become_peer(&all);
    buf_reserve(&big, MIB(13));
    memset(big.data, 0, MIB(13));
    big.size = MIB(13);
    say_raw(&all, BASE_CODES, buf_span(&big));
    world_run_for_ms(all.world, 3000);
    expect_thrown_out(&all, PEER_BREACH);
    buf_free(&big);
    part(&all);
}

Test(stranger, every_form_of_disconnect_is_understood)
{
    static const struct {
        const char *hex;
        enum peer_reason reason;
        bool compressed;
    } forms[] = {
        {"c104", PEER_TOO_MANY, true},  {"c180", PEER_REQUESTED, true},
        {"10", PEER_SUBPROTOCOL, true}, {"00", PEER_REQUESTED, true},
        {"08", PEER_QUITTING, true},    {"c0", PEER_REQUESTED, true},
        {"c103", PEER_USELESS, false},
    };
    for (size_t i = 0; i < ARRAY_COUNT(forms); i++) {
        struct stranger all;
        become_peer(&all);
        all.snappy = forms[i].compressed;
        say(&all, BASE_DISCONNECT, forms[i].hex);
        cr_assert_eq(all.went, 1);
        cr_assert_eq(all.went_reason, forms[i].reason, "%s", forms[i].hex);
        cr_assert(all.went_remote_said);
        part(&all);
    }
}

Test(stranger, a_flood_of_pings_is_a_breach)
{
    struct stranger all;
    become_peer(&all);
    for (size_t i = 0; i < PEER_PINGS_IN_PER_10S_MAX; i++)
        say_raw(&all, BASE_PING, SPAN("\x01\x00\xc0", 3));
    world_run_for_ms(all.world, 50);
    cr_assert_eq(all.pongs, PEER_PINGS_IN_PER_10S_MAX);
    cr_assert_eq(all.went, 0);
    say_raw(&all, BASE_PING, SPAN("\x01\x00\xc0", 3));
    expect_thrown_out(&all, PEER_BREACH);
    part(&all);
}

Test(stranger, one_that_never_answers_pings_but_reads_is_dropped_for_silence)
{
    struct stranger all;
    become_peer(&all);
    world_run_for_ms(all.world, PEER_READ_TIMEOUT_MS + 1000);
    cr_assert_geq(all.pings, 1);
    expect_thrown_out(&all, PEER_READ_TIMEOUT);
    part(&all);
}

Test(stranger, random_frames_never_break_the_host)
{
    uint64_t state = fixture_seed();
    for (int round = 0; round < 150; round++) {
        struct stranger all;
        if (fixture_random_below(&state, 4))
            become_peer(&all);
        else
            meet(&all);
        for (int i = 0; i < 20 && !all.closed; i++) {
            uint8_t bytes[300];
            uint64_t code =
                fixture_random_below(&state, fixture_random_below(&state, 5) ? 44 : UINT64_MAX);
            size_t size = (size_t)fixture_random_below(&state, sizeof(bytes));
            fixture_random_bytes(&state, bytes, sizeof(bytes));
            /* Half of them decompress: one literal of up to 60 bytes. */
            if (fixture_random_below(&state, 2)) {
                size = 1 + size % 60;
                bytes[0] = (uint8_t)size;
                bytes[1] = (uint8_t)((size - 1) << 2);
                size += 2;
            }
            say_raw(&all, code, SPAN(bytes, size));
            world_run_for_ms(all.world, 20);
        }
        cr_assert_eq(host_peers_count(all.host), all.came - all.went);
        part(&all);
    }
}
