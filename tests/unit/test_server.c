/* The LES server as a client sees it, honest and not. */
#include "les/eth/keccak.h"
#include "les/eth/rlp.h"
#include "les/eth/trie.h"
#include "les/eth/u256.h"
#include "tests/fixture/fixture.h"
#include "tests/fixture/serve.h"

#include <criterion/criterion.h>

TestSuite(server, .fini = fixture_leak_gate, .timeout = 120);

#define GENESIS "vectors/geth-les/genesis-small.json"
#define CHAIN   "vectors/geth-les/chain-small.rlp"

/* ---- helpers ---- */

static struct hash32 unknown_hash(void)
{
    struct hash32 hash = {{0xde, 0xad}};
    return hash;
}

static void send_hashes(struct line *line, unsigned code, uint64_t id, const struct hash32 *hash,
                        size_t count)
{
    struct buf payload = {0};
    struct les_writer writer = les_request_begin(&payload, id);
    for (size_t i = 0; i < count; i++)
        rlp_add_hash(&payload, hash);
    les_request_end(&payload, writer);
    line_send(line, code, buf_span(&payload));
    buf_free(&payload);
}

static void send_headers(struct line *line, uint64_t id, const struct les_headers_query *query)
{
    struct buf payload = {0};
    struct les_writer writer = les_request_begin(&payload, id);
    les_headers_query_encode(&payload, query);
    les_request_end(&payload, writer);
    line_send(line, LES_GET_BLOCK_HEADERS, buf_span(&payload));
    buf_free(&payload);
}

/* Runs the world and takes the next message, which must have this code. */
static struct line_message *expect(struct serve *serve, struct line *line, unsigned code)
{
    world_run_for_ms(serve->world, 50);
    struct line_message *message = line_take(line);
    cr_assert_not_null(message, "no %s", les_code_name(code));
    cr_assert_eq(message->code, code, "got %s", les_code_name(message->code));
    return message;
}

static void expect_nothing(struct serve *serve, struct line *line)
{
    world_run_for_ms(serve->world, 50);
    cr_assert_null(line->first);
}

/* The items of a reply. */
static struct span reply_data(const struct line_message *message, uint64_t expected_id)
{
    uint64_t id, value;
    struct span data;
    cr_assert(les_reply_decode(&id, &value, &data, buf_span(&message->payload)));
    cr_assert_eq(id, expected_id);
    cr_assert(value <= SERVER_BUFFER_UNIT);
    return data;
}

/* The count of items in the reply to a request of count equal hashes. */
static size_t ask_hashes(struct serve *serve, struct line *line, unsigned code,
                         const struct hash32 *hash, size_t count)
{
    send_hashes(line, code, 77, hash, count);
    struct line_message *message = expect(serve, line, les_reply_code(code));
    struct span data = reply_data(message, 77);
    size_t items = rlp_count(rlp_reader(data));
    line_message_free(message);
    return items;
}

/* ---- Status ---- */

static struct les_status good_status(struct serve *serve, unsigned version)
{
    const struct chainspec *spec = &serve->genesis->spec;
    struct les_status status = {.version = version,
                                .network_id = spec->network_id,
                                .genesis = spec->genesis_hash,
                                .has_fork_id = true};
    chainspec_fork_id(&status.fork_id, spec, 0, spec->genesis_time);
    return status;
}

/* Opens a line, sends this Status and says how it ended. */
static struct line *greet_with(struct serve *serve, unsigned version,
                               const struct les_status *status)
{
    struct line *line = line_open(serve, version, 9);
    struct buf payload = {0};
    les_status_encode(&payload, status);
    line_send(line, LES_STATUS, buf_span(&payload));
    buf_free(&payload);
    struct line_message *ours = line_take(line);
    cr_assert_eq(ours->code, LES_STATUS); /* also to those who are turned away */
    line_message_free(ours);
    return line;
}

Test(server, status_of_another_chain_is_refused_after_ours)
{
    struct serve *serve = serve_new(GENESIS, NULL);
    for (int fault = 0; fault < 6; fault++) {
        struct les_status status = good_status(serve, 4);
        if (fault == 1)
            status.network_id++;
        if (fault == 2)
            status.genesis.bytes[0] ^= 1;
        if (fault == 3)
            status.version = 3;
        if (fault == 4)
            status.has_fork_id = false;
        if (fault == 5)
            status.fork_id.hash4[0] ^= 1;
        struct line *line = greet_with(serve, 4, &status);
        cr_assert_eq(line->closed, fault != 0, "fault %d", fault);
        if (line->closed)
            cr_assert_eq(line->reason, PEER_SUBPROTOCOL);
        line_free(line);
    }
    struct les_status status = good_status(serve, 3);
    status.has_fork_id = false;
    struct line *line = greet_with(serve, 3, &status);
    cr_assert_not(line->closed, "les/3 has no fork id");
    line_free(line);
    serve_free(serve);
}

Test(server, status_must_come_first_well_formed_and_in_time)
{
    struct serve *serve = serve_new(GENESIS, NULL);
    struct line *line = line_open(serve, 4, 1);
    struct hash32 hash = unknown_hash();
    send_hashes(line, LES_GET_BLOCK_BODIES, 1, &hash, 1);
    cr_assert(line->closed);
    line_free(line);

    line = line_open(serve, 4, 1);
    line_send(line, LES_STATUS, SPAN_STR("\xc1\x80"));
    cr_assert(line->closed && line->reason == PEER_SUBPROTOCOL);
    line_free(line);

    line = line_open(serve, 4, 1);
    world_run_for_ms(serve->world, SERVER_STATUS_TIMEOUT_MS - 1);
    cr_assert_not(line->closed);
    world_run_for_ms(serve->world, 2);
    cr_assert(line->closed && line->reason == PEER_READ_TIMEOUT);
    line_free(line);
    serve_free(serve);
}

Test(server, another_server_is_not_served)
{
    struct serve *serve = serve_new(GENESIS, NULL);
    struct les_status status = good_status(serve, 4);
    status.has_flow = true;
    status.flow.buffer_limit = status.flow.recharge = 1;
    struct line *line = greet_with(serve, 4, &status);
    cr_assert(line->closed && line->reason == PEER_USELESS);
    line_free(line);
    serve_free(serve);
}

Test(server, what_is_no_request_drops_the_client)
{
    struct serve *serve = serve_new(GENESIS, NULL);
    static const unsigned CODES[] = {LES_STATUS,    LES_ANNOUNCE, LES_BLOCK_HEADERS,
                                     0x08,          0x09,         LES_HELPER_TRIE_PROOFS,
                                     LES_TX_STATUS, LES_STOP,     LES_RESUME};
    for (size_t i = 0; i < ARRAY_COUNT(CODES); i++) {
        struct line *line = line_ready(serve, 4, LES_ANNOUNCE_SIMPLE);
        line_send(line, CODES[i], SPAN_STR("\xc0"));
        cr_assert(line->closed, "code %u", CODES[i]);
        line_free(line);
    }
    serve_free(serve);
}

/* ---- malformed requests ---- */

Test(server, malformed_requests_drop_the_client)
{
    static const struct {
        unsigned code;
        const char *hex;
    } CASES[] = {
        {LES_GET_BLOCK_HEADERS, "80"},
        {LES_GET_BLOCK_HEADERS, "c0"},
        {LES_GET_BLOCK_HEADERS, "c601c48001808002"},   /* bytes after the end */
        {LES_GET_BLOCK_HEADERS, "c601c480018002"},     /* reverse is no boolean */
        {LES_GET_BLOCK_HEADERS, "c701c5800180808080"}, /* one item too many */
        {LES_GET_BLOCK_BODIES, "c401c28101"},
        {LES_GET_BLOCK_BODIES, "c302c1c0"},
        {LES_GET_RECEIPTS, "c403c2820101"},
        {LES_GET_CODE, "c301c1c0"},
        {LES_GET_PROOFS_V2, "c301c1c0"},
        {LES_GET_HELPER_TRIE_PROOFS, "c801c6c580808080c0"},
        {LES_SEND_TX_V2, "c301c1c0"},     /* no transaction has no fields */
        {LES_SEND_TX_V2, "c401c28205c0"}, /* nor is 0x05 a type */
        {LES_GET_TX_STATUS, "c201c180"},
    };
    struct serve *serve = serve_new(GENESIS, NULL);
    for (size_t i = 0; i < ARRAY_COUNT(CASES); i++) {
        struct line *line = line_ready(serve, 3, LES_ANNOUNCE_SIMPLE);
        struct buf payload = fixture_hex(CASES[i].hex);
        line_send(line, CASES[i].code, buf_span(&payload));
        cr_assert(line->closed, "case %zu", i);
        buf_free(&payload);
        line_free(line);
    }
    serve_free(serve);
}

Test(server, oversized_requests_drop_the_client)
{
    struct serve *serve = serve_new(GENESIS, NULL);
    struct hash32 hash = unknown_hash();
    struct line *line = line_ready(serve, 3, LES_ANNOUNCE_SIMPLE);
    send_hashes(line, LES_GET_BLOCK_BODIES, 1, &hash, SERVER_REQUEST_BYTES_MAX / 33 + 1);
    cr_assert(line->closed);
    line_free(line);

    line = line_ready(serve, 3, LES_ANNOUNCE_SIMPLE); /* a key longer than any */
    uint8_t key[33] = {0};
    struct les_proof_item item = {.key = SPAN(key, sizeof(key))};
    struct buf payload = {0};
    struct les_writer writer = les_request_begin(&payload, 1);
    les_proof_item_encode(&payload, &item);
    les_request_end(&payload, writer);
    line_send(line, LES_GET_PROOFS_V2, buf_span(&payload));
    cr_assert(line->closed);
    buf_free(&payload);
    line_free(line);
    serve_free(serve);
}

Test(server, no_item_or_too_many_are_passed_over_in_silence)
{
    struct serve *serve = serve_new(GENESIS, NULL);
    struct hash32 hash = serve->genesis->spec.genesis_hash;
    struct line *line = line_ready(serve, 3, LES_ANNOUNCE_SIMPLE);
    send_hashes(line, LES_GET_BLOCK_BODIES, 1, &hash, 0);
    send_hashes(line, LES_GET_BLOCK_BODIES, 2, &hash, 33);
    send_hashes(line, LES_GET_RECEIPTS, 3, &hash, 129); /* more than the buffer holds, too */
    send_hashes(line, LES_GET_TX_STATUS, 4, &hash, 257);
    send_headers(line, 5, &(struct les_headers_query){.amount = 0});
    send_headers(line, 6, &(struct les_headers_query){.amount = 193});
    expect_nothing(serve, line);
    cr_assert_not(line->closed);
    cr_assert_eq(ask_hashes(serve, line, LES_GET_BLOCK_BODIES, &hash, 32), 32u);
    struct server_stats stats;
    server_stats(serve->server, &stats);
    cr_assert_eq(stats.ignored, 6u);
    line_free(line);
    serve_free(serve);
}

Test(server, more_than_twenty_things_that_are_not_there_drop_the_client)
{
    struct serve *serve = serve_new(GENESIS, NULL);
    struct hash32 hash = unknown_hash();
    struct line *line = line_ready(serve, 4, LES_ANNOUNCE_SIMPLE);
    cr_assert_eq(ask_hashes(serve, line, LES_GET_BLOCK_BODIES, &hash, 10), 0u);
    cr_assert_eq(ask_hashes(serve, line, LES_GET_RECEIPTS, &hash, 10), 0u);
    world_run_for_ms(serve->world, 2 * SERVER_INVALID_DECAY_MS); /* two are forgiven */
    cr_assert_eq(ask_hashes(serve, line, LES_GET_RECEIPTS, &hash, 2), 0u);
    cr_assert_not(line->closed);
    send_hashes(line, LES_GET_BLOCK_BODIES, 1, &hash, 1);
    world_run_for_ms(serve->world, 50);
    cr_assert(line->closed);
    cr_assert_null(line->first);
    line_free(line);
    serve_free(serve);
}

/* ---- flow control ---- */

Test(server, flood_is_stopped_and_resumed)
{
    struct serve *serve = serve_new(GENESIS, NULL);
    struct hash32 hash = serve->genesis->spec.genesis_hash;
    struct line *line = line_ready(serve, 3, LES_ANNOUNCE_SIMPLE);
    for (uint64_t id = 1; id <= 3; id++) /* 90 of 96 million each */
        send_hashes(line, LES_GET_RECEIPTS, id, &hash, 45);
    struct line_message *stop = line_take(line);
    cr_assert_not_null(stop);
    cr_assert_eq(stop->code, LES_STOP);
    fixture_expect_hex(buf_span(&stop->payload), "c0");
    line_message_free(stop);
    world_run_for_ms(serve->world, SERVER_FREEZE_MIN_MS - 10);
    cr_assert_null(line->first, "what was asked before or while stopped is dead");
    world_run_for_ms(serve->world, SERVER_FREEZE_SPREAD_MS + SERVER_FREEZE_POLL_MS);
    struct line_message *resume = line_take(line);
    cr_assert_not_null(resume);
    cr_assert_eq(resume->code, LES_RESUME);
    uint64_t value;
    cr_assert(les_resume_decode(&value, buf_span(&resume->payload)));
    cr_assert(value > SERVER_BUFFER_UNIT / 8 && value <= SERVER_BUFFER_UNIT);
    line_message_free(resume);
    cr_assert_null(line->first);
    cr_assert_eq(ask_hashes(serve, line, LES_GET_RECEIPTS, &hash, 1), 1u);
    line_free(line);
    serve_free(serve);
}

Test(server, stopped_client_gets_no_more_before_an_eighth_of_its_buffer_is_back)
{
    struct serve *serve = serve_new(GENESIS, NULL);
    struct hash32 hash = serve->genesis->spec.genesis_hash;
    struct line *line = line_ready(serve, 4, LES_ANNOUNCE_SIMPLE);
    send_hashes(line, LES_GET_RECEIPTS, 1, &hash, 48); /* the whole buffer */
    send_hashes(line, LES_GET_RECEIPTS, 2, &hash, 48);
    line_clear(line);
    /* Nothing was served, so nothing is given back: 12 million take 750 ms at 16,000 a millisecond.
     */
    world_run_for_ms(serve->world, 740);
    cr_assert_null(line->first);
    world_run_for_ms(serve->world, 1000);
    struct line_message *resume = line_take(line);
    cr_assert_eq(resume->code, LES_RESUME);
    line_message_free(resume);
    line_free(line);
    serve_free(serve);
}

Test(server, flood_under_les2_ends_the_connection)
{
    struct serve *serve = serve_new(GENESIS, NULL);
    struct hash32 hash = serve->genesis->spec.genesis_hash;
    struct line *line = line_ready(serve, 2, LES_ANNOUNCE_SIMPLE);
    send_hashes(line, LES_GET_RECEIPTS, 1, &hash, 45);
    send_hashes(line, LES_GET_RECEIPTS, 2, &hash, 45);
    cr_assert(line->closed && line->reason == PEER_USELESS);
    line_free(line);
    serve_free(serve);
}

Test(server, capacity_is_announced_and_a_cut_waits)
{
    struct serve *serve = serve_new(GENESIS, NULL);
    struct hash32 hash = serve->genesis->spec.genesis_hash, id = {{200}};
    struct line *line = line_open(serve, 4, 200);
    line_greet(serve, line, 4, LES_ANNOUNCE_NONE);
    line_clear(line);
    cr_assert(server_set_capacity(serve->server, &id, 2));
    struct line_message *message = line_take(line);
    fixture_expect_hex(
        buf_span(&message->payload), /* as go-ethereum's, les.md 9 */
        "f84ea00000000000000000000000000000000000000000000000000000000000000000808080e9"
        "d38f666c6f77436f6e74726f6c2f4d5252827d00d48e666c6f77436f6e74726f6c2f424c840b71"
        "b000");
    line_message_free(message);
    cr_assert(server_set_capacity(serve->server, &id, 1));
    line_clear(line);
    send_hashes(line, LES_GET_RECEIPTS, 1, &hash, 90); /* 180 million: still allowed */
    message = expect(serve, line, LES_RECEIPTS);
    line_message_free(message);
    world_run_for_ms(serve->world, SERVER_CUT_DELAY_MS);
    send_hashes(line, LES_GET_RECEIPTS, 2, &hash, 90);
    message = expect(serve, line, LES_STOP);
    line_message_free(message);
    hash.bytes[0] ^= 1;
    cr_assert_not(server_set_capacity(serve->server, &hash, 2));
    line_free(line);
    serve_free(serve);
}

Test(server, client_that_does_not_read_waits_and_is_not_read)
{
    struct serve *serve = serve_new(GENESIS, NULL);
    struct line *line = line_ready(serve, 4, LES_ANNOUNCE_SIMPLE);
    line->queue_size = SERVER_OUT_BYTES_MAX;
    send_headers(line, 1, &(struct les_headers_query){.amount = 1});
    expect_nothing(serve, line);
    line->queue_size = 0;
    struct line_message *message = expect(serve, line, LES_BLOCK_HEADERS);
    line_message_free(message);
    line->refuse = true;
    send_headers(line, 2, &(struct les_headers_query){.amount = 1});
    world_run_for_ms(serve->world, 50);
    cr_assert(line->closed);
    line_free(line);
    serve_free(serve);
}

Test(server, long_queue_stops_the_reading_until_half_is_done)
{
    struct serve *serve = serve_new(GENESIS, NULL);
    struct hash32 id = {{201}};
    struct line *line = line_open(serve, 4, 201);
    line_greet(serve, line, 4, LES_ANNOUNCE_SIMPLE);
    cr_assert(server_set_capacity(serve->server, &id, 100));
    line_clear(line);
    for (uint64_t i = 1; i < SERVER_QUEUE_JOBS_MAX; i++)
        send_headers(line, i, &(struct les_headers_query){.amount = 1});
    cr_assert_not(line->paused);
    send_headers(line, SERVER_QUEUE_JOBS_MAX, &(struct les_headers_query){.amount = 1});
    cr_assert(line->paused);
    world_run_for_ms(serve->world, 50);
    cr_assert_not(line->paused);
    for (uint64_t i = 1; i <= SERVER_QUEUE_JOBS_MAX; i++) {
        struct line_message *message = line_take(line);
        cr_assert_not_null(message);
        uint64_t reply_id, value;
        struct span data;
        cr_assert(les_reply_decode(&reply_id, &value, &data, buf_span(&message->payload)));
        cr_assert_eq(reply_id, i);
        line_message_free(message);
    }
    line_free(line);
    serve_free(serve);
}

/* ---- announcements ---- */

static struct les_announce announced(struct line *line)
{
    struct line_message *message = line_take(line);
    struct les_announce announce;
    cr_assert_not_null(message);
    cr_assert_eq(message->code, LES_ANNOUNCE);
    cr_assert(les_announce_decode(&announce, buf_span(&message->payload)));
    line_message_free(message);
    return announce;
}

static void move_head(struct serve *serve, struct ledger_block *block)
{
    ledger_set_head(serve->ledger, block);
    server_head_changed(serve->server);
}

Test(server, heads_go_to_those_who_want_them_signed_for_those_who_ask)
{
    struct serve *serve = serve_new(GENESIS, CHAIN);
    struct ledger_block *block = ledger_by_number(serve->ledger, 598);
    serve_restart_at(serve, 597);
    struct line *none = line_ready(serve, 4, LES_ANNOUNCE_NONE);
    struct line *simple = line_ready(serve, 2, LES_ANNOUNCE_SIMPLE);
    struct line *with_sign = line_ready(serve, 4, LES_ANNOUNCE_SIGNED);
    move_head(serve, block);
    cr_assert_null(none->first);
    struct les_announce announce = announced(simple);
    cr_assert(hash32_equal(&announce.head.hash, &block->hash));
    cr_assert_eq(announce.head.number, 598u);
    cr_assert(u256_equal(&announce.td, &block->td));
    cr_assert_eq(announce.reorg_depth, 0u);
    cr_assert_not(announce.has_sign || announce.has_flow);
    announce = announced(with_sign);
    cr_assert(announce.has_sign);
    struct hash32 digest;
    struct pubkey64 key;
    les_announce_digest(&digest, &announce);
    cr_assert(crypto_recover(serve->crypto, &key, &digest, &announce.sign));
    cr_assert_arr_eq(key.bytes, serve->key.bytes, 64);
    line_free(none);
    line_free(simple);
    line_free(with_sign);
    serve_free(serve);
}

Test(server, only_a_head_with_more_difficulty_is_announced)
{
    struct serve *serve = serve_new(GENESIS, CHAIN);
    struct ledger_block *head = ledger_head(serve->ledger), *before = head->parent;
    struct ledger_block *earlier = before->parent;
    serve_restart_at(serve, 599);
    struct line *line = line_ready(serve, 4, LES_ANNOUNCE_SIGNED);
    move_head(serve, earlier);
    cr_assert_null(line->first);
    move_head(serve, before);
    cr_assert_null(line->first, "the same head again drops a server at go-ethereum's client");
    move_head(serve, head);
    struct les_announce announce = announced(line);
    cr_assert_eq(announce.head.number, 600u);
    cr_assert_eq(announce.reorg_depth, 0u);
    line_free(line);
    serve_free(serve);
}

Test(server, newcomer_is_told_of_a_head_that_came_during_its_handshake)
{
    struct serve *serve = serve_new(GENESIS, CHAIN);
    struct ledger_block *head = ledger_head(serve->ledger);
    serve_restart_at(serve, 599);
    struct line *line = line_open(serve, 4, 1);
    line_clear(line);
    move_head(serve, head);
    cr_assert_null(line->first);
    line_greet(serve, line, 4, LES_ANNOUNCE_SIMPLE);
    cr_assert_eq(announced(line).head.number, 600u);
    cr_assert_null(line->first);
    line_free(line);
    serve_free(serve);
}

/* ---- content ---- */

static struct span prove(struct serve *serve, struct line *line, struct line_message **message,
                         const struct les_proof_item *items, size_t count)
{
    struct buf payload = {0};
    struct les_writer writer = les_request_begin(&payload, 5);
    for (size_t i = 0; i < count; i++)
        les_proof_item_encode(&payload, &items[i]);
    les_request_end(&payload, writer);
    line_send(line, LES_GET_PROOFS_V2, buf_span(&payload));
    buf_free(&payload);
    *message = expect(serve, line, LES_PROOFS_V2);
    return reply_data(*message, 5);
}

Test(server, account_may_be_named_by_address_or_by_its_hash)
{
    struct serve *serve = serve_new(GENESIS, CHAIN);
    struct line *line = line_ready(serve, 3, LES_ANNOUNCE_SIMPLE);
    struct address20 token;
    fixture_hex_exact(token.bytes, 20, "0a81c4d860150a33a9dcad82a71db55bf2f6d284");
    struct hash32 hashed, slot;
    uint8_t zero[32] = {0};
    keccak256(&hashed, SPAN(token.bytes, 20));
    keccak256(&slot, SPAN(zero, 32));
    struct les_proof_item item = {.block_hash = ledger_head(serve->ledger)->hash,
                                  .account = SPAN(hashed.bytes, 32),
                                  .key = SPAN(slot.bytes, 32)};
    struct line_message *first, *second;
    struct span by_hash = prove(serve, line, &first, &item, 1);
    item.account = SPAN(token.bytes, 20);
    struct span by_address = prove(serve, line, &second, &item, 1);
    cr_assert(by_hash.size > 0);
    cr_assert(span_equal(by_hash, by_address));
    line_message_free(first);
    line_message_free(second);
    item.account = SPAN(hashed.bytes, 31); /* neither */
    cr_assert_eq(prove(serve, line, &first, &item, 1).size, 0u);
    line_message_free(first);
    line_free(line);
    serve_free(serve);
}

Test(server, proofs_hold_no_node_twice_and_none_above_the_level_asked)
{
    struct serve *serve = serve_new(GENESIS, CHAIN);
    struct line *line = line_ready(serve, 3, LES_ANNOUNCE_SIMPLE);
    struct hash32 keys[64];
    struct les_proof_item items[64];
    for (uint8_t i = 0; i < 64; i++) {
        keccak256(&keys[i], SPAN(&i, 1));
        items[i] = (struct les_proof_item){.block_hash = ledger_head(serve->ledger)->hash,
                                           .key = SPAN(keys[i].bytes, 32)};
    }
    struct line_message *message;
    struct span data = prove(serve, line, &message, items, 64);
    struct trie_nodes *nodes = trie_nodes_new(data, 64 * TRIE_DEPTH_MAX);
    cr_assert_not_null(nodes, "a duplicate");
    for (size_t i = 0; i < 64; i++) {
        struct trie_walk walk;
        enum trie_result result =
            trie_walk(&walk, trie_nodes_source(nodes),
                      &ledger_head(serve->ledger)->header.state_root, items[i].key);
        cr_assert(result == TRIE_FOUND || result == TRIE_ABSENT);
    }
    cr_assert(trie_nodes_all_used(nodes));
    trie_nodes_free(nodes);
    size_t whole = data.size;
    line_message_free(message);
    items[0].from_level = 1;
    data = prove(serve, line, &message, items, 1);
    struct rlp reader = rlp_reader(data);
    struct hash32 hash;
    keccak256(&hash, rlp_raw(&reader));
    cr_assert_not(hash32_equal(&hash, &ledger_head(serve->ledger)->header.state_root));
    cr_assert(data.size > 0 && data.size < whole);
    line_message_free(message);
    items[0].from_level = UINT64_MAX;
    cr_assert_eq(prove(serve, line, &message, items, 1).size, 0u);
    line_message_free(message);
    line_free(line);
    serve_free(serve);
}

Test(server, header_walks_that_leave_the_chain_end_there)
{
    struct serve *serve = serve_new(GENESIS, CHAIN);
    struct line *line = line_ready(serve, 4, LES_ANNOUNCE_SIMPLE);
    struct hash32 head = ledger_head(serve->ledger)->hash;
    struct hash32 genesis = serve->genesis->spec.genesis_hash;
    struct {
        struct les_headers_query query;
        size_t count;
    } cases[] = {
        {{.number = 595, .amount = 192}, 6},
        {{.number = 3, .amount = 192, .reverse = true}, 4},
        {{.number = 601, .amount = 1}, 0},
        {{.number = UINT64_MAX, .amount = 2}, 0},
        {{.number = 600, .amount = 2, .skip = UINT64_MAX}, 1},
        {{.number = 600, .amount = 2, .skip = UINT64_MAX - 600}, 1},
        {{.number = 600, .amount = 9, .skip = 300, .reverse = true}, 2},
        {{.by_hash = true, .hash = head, .amount = 3}, 1},
        {{.by_hash = true, .hash = genesis, .amount = 3, .skip = 299}, 3},
        {{.by_hash = true, .hash = head, .amount = 9, .skip = 199, .reverse = true}, 4},
        {{.by_hash = true, .hash = head, .amount = 2, .skip = UINT64_MAX, .reverse = true}, 1},
        {{.by_hash = true, .hash = unknown_hash(), .amount = 2}, 0},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        send_headers(line, i, &cases[i].query);
        struct line_message *message = expect(serve, line, LES_BLOCK_HEADERS);
        struct span data = reply_data(message, i);
        cr_assert_eq(rlp_count(rlp_reader(data)), cases[i].count, "case %zu", i);
        line_message_free(message);
    }
    line_free(line);
    serve_free(serve);
}

Test(server, helper_section_that_is_not_there_gets_no_reply_from_les4_on)
{
    struct serve *serve = serve_new(GENESIS, NULL);
    uint8_t key[8] = {0};
    struct les_helper_item item = {
        .type = LES_HELPER_CHT, .key = SPAN(key, 8), .aux = LES_AUX_HEADER};
    struct buf payload = {0};
    struct les_writer writer = les_request_begin(&payload, 5);
    les_helper_item_encode(&payload, &item);
    les_request_end(&payload, writer);
    for (unsigned version = 3; version <= 4; version++) {
        struct line *line = line_ready(serve, version, LES_ANNOUNCE_SIMPLE);
        line_send(line, LES_GET_HELPER_TRIE_PROOFS, buf_span(&payload));
        if (version == 3) {
            struct line_message *message = expect(serve, line, LES_HELPER_TRIE_PROOFS);
            struct span data = reply_data(message, 5);
            fixture_expect_hex(data, "c0c0");
            line_message_free(message);
        }
        expect_nothing(serve, line);
        cr_assert_not(line->closed);
        line_free(line);
    }
    buf_free(&payload);
    serve_free(serve);
}
