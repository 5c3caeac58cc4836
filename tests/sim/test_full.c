/* A LES server over a full node, honest and not, in the simulated world. What an honest node makes
 * it serve is what a server over the chain itself serves; a node that lies makes it serve less,
 * never anything else, and once the lies end it serves everything again. */
#include "conf/genesis.h"
#include "les/eth/keccak.h"
#include "les/eth/rlp.h"
#include "les/eth/tx.h"
#include "les/eth/u256.h"
#include "les/node/backend.h"
#include "les/node/devchain.h"
#include "les/node/full.h"
#include "tests/fixture/fixture.h"
#include "tests/sim/world_ledger.h"
#include "tests/sim/world.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <unistd.h>

TestSuite(full, .fini = fixture_leak_gate, .timeout = 240);

struct place {
    struct world *world;
    struct loop *own, *far;
    struct crypto *crypto;
    struct genesis *genesis;
    struct node_store *store;
    struct ledger *ledger;
    struct pool *pool;
    struct node_backend chain; /* the truth */
    struct devchain *devchain;
    struct world_ledger said;
    struct world_node *node;
    struct full_rpc *rpc;
    struct full *full;
    struct server *truth, *tested;
    struct log *log;
    int log_file;
    bool ready;
    uint64_t heads;
    struct les_serve_head last_head;
    bool announces; /* over WebSocket */
};

static void on_ready(void *owner)
{
    struct place *place = owner;
    cr_assert_not(place->ready);
    place->ready = true;
}

static void on_full_head(void *owner, const struct les_serve_head *head)
{
    struct place *place = owner;
    place->heads++;
    place->last_head = *head;
    if (place->tested != NULL)
        server_head_switched(place->tested);
}

static void on_chain_head(void *owner, struct ledger_block *from, struct ledger_block *to)
{
    struct place *place = owner;
    (void)from;
    (void)to;
    if (place->pool != NULL)
        pool_head_changed(place->pool);
    if (place->truth != NULL)
        server_head_changed(place->truth);
}

static int64_t on_wall_s(void *owner)
{
    return loop_wall_s(owner);
}

static void open_chain(struct place *place)
{
    struct buf error = {0};
    uint8_t seed[32] = {1};
    place->crypto = crypto_new(seed);
    cr_assert_eq(genesis_load(&place->genesis, SOURCE_DIR "/conf/demo/genesis.json", &error),
                 STATUS_OK);
    place->store = node_store_new();
    genesis_build(place->genesis, place->store);
    struct ledger_config config = {.spec = &place->genesis->spec,
                                   .crypto = place->crypto,
                                   .store = place->store,
                                   .section_size = 32,
                                   .section_confirmations = 8,
                                   .safe_distance = 4,
                                   .finalized_distance = 8,
                                   .on_head = on_chain_head,
                                   .owner = place};
    place->ledger = ledger_new(&config, &place->genesis->header);
    struct u256 one = u256_from_u64(1);
    place->pool = pool_new(place->ledger, place->crypto, &one);
    node_backend_init(&place->chain, place->ledger, place->pool);
    place->devchain =
        devchain_new(place->far, place->ledger, place->pool, place->crypto, NULL, 0, &error);
    cr_assert_not_null(place->devchain);
    buf_free(&error);
}

static struct server *open_server(struct place *place, struct les_backend *backend, bool plain)
{
    struct server_config config = {.spec = &place->genesis->spec,
                                   .key = {{7}},
                                   .capacity = 1000,
                                   .capacity_total = 100000,
                                   .plain_keys = plain};
    return server_new(place->own, place->crypto, NULL, &config, backend);
}

static void make_blocks(struct place *place, int count)
{
    for (int i = 0; i < count; i++)
        cr_assert(devchain_make_block(place->devchain));
    if (place->announces) {
        json_t *header = world_ledger_head(&place->said);
        world_node_announce(place->node, header);
        json_decref(header);
    }
}

static void start_full(struct place *place, const char *url, uint64_t helper_blocks)
{
    const char *why;
    struct full_rpc_config rpc = {.url = url, .poll_ms = 200};
    cr_assert_eq(full_rpc_new(&place->rpc, place->own, place->log, &rpc, &why), STATUS_OK);
    struct full_config config = {.spec = &place->genesis->spec,
                                 .rpc = place->rpc,
                                 .log = place->log,
                                 .name = "simulated",
                                 .helper_blocks_max = helper_blocks,
                                 .section_size = 32,
                                 .section_confirmations = 8,
                                 .on_ready = on_ready,
                                 .on_head = on_full_head,
                                 .owner = place};
    place->full = full_new(place->own, &config);
}

static bool is_ready(void *owner)
{
    return ((struct place *)owner)->ready;
}

static struct place *place_new(uint64_t seed, int blocks)
{
    struct place *place = mem_alloc(sizeof(*place));
    place->world = world_new(seed);
    place->own = world_host_new(place->world, "10.0.0.1");
    place->far = world_host_new(place->world, "10.0.0.2");
    place->log_file = open("/tmp", O_TMPFILE | O_RDWR, 0600);
    place->log = log_new(place->log_file, LOG_INFO, on_wall_s, place->own);
    open_chain(place);
    make_blocks(place, blocks);
    place->truth = open_server(place, &place->chain.base, false);
    place->said = (struct world_ledger){.ledger = place->ledger,
                                        .pool = place->pool,
                                        .crypto = place->crypto,
                                        .world = place->world,
                                        .tags = true,
                                        .permille = 300};
    place->node = world_node_new(place->far, world_ledger_answer, &place->said);
    return place;
}

static void place_serve(struct place *place, const char *url, uint64_t helper_blocks)
{
    place->announces = strncmp(url, "ws", 2) == 0;
    start_full(place, url, helper_blocks);
    cr_assert(world_run_until(place->world, is_ready, place, 60000));
    place->tested = open_server(place, full_backend(place->full), true);
}

static void place_free(struct place *place)
{
    server_free(place->tested);
    server_free(place->truth);
    place->truth = NULL;
    full_free(place->full);
    full_rpc_free(place->rpc);
    world_node_free(place->node);
    devchain_free(place->devchain);
    world_run_for_ms(place->world, 1000);
    world_free(place->world);
    pool_free(place->pool);
    ledger_free(place->ledger);
    genesis_free(place->genesis);
    node_store_free(place->store);
    crypto_free(place->crypto);
    log_free(place->log);
    close(place->log_file);
    mem_free(place);
}

static bool logged(struct place *place, const char *text)
{
    struct buf all = {0};
    off_t size = lseek(place->log_file, 0, SEEK_END);
    buf_reserve(&all, (size_t)size + 1);
    all.size = (size_t)pread(place->log_file, all.data, (size_t)size, 0);
    bool found = memmem(all.data, all.size, text, strlen(text)) != NULL;
    buf_free(&all);
    return found;
}

static struct full_stats stats_of(struct place *place)
{
    struct full_stats stats;
    full_stats(place->full, &stats);
    return stats;
}

static bool same_head(void *owner)
{
    struct place *place = owner;
    struct les_serve_head head;
    if (!place->ready)
        return false;
    full_backend(place->full)->ops->head(full_backend(place->full), &head);
    return hash32_equal(&head.block.hash, &ledger_head(place->ledger)->hash);
}

static void expect_same_head(struct place *place)
{
    cr_assert(world_run_until(place->world, same_head, place, 120000));
}

/* ---- a client ---- */

struct line {
    struct server_client *client;
    bool closed, replied;
    struct buf data; /* of the reply */
    size_t announcements;
    struct les_announce announced;
    struct les_status status;
};

static bool on_send(void *owner, unsigned code, struct span payload)
{
    struct line *line = owner;
    uint64_t id, value;
    struct span data;
    if (code == LES_STATUS) {
        cr_assert(les_status_decode(&line->status, payload));
    } else if (code == LES_ANNOUNCE) {
        cr_assert(les_announce_decode(&line->announced, payload));
        line->announcements++;
    } else {
        cr_assert(les_reply_decode(&id, &value, &data, payload));
        buf_clear(&line->data);
        buf_add_span(&line->data, data);
        line->replied = true;
    }
    return true;
}

static void on_close(void *owner, enum peer_reason reason)
{
    struct line *line = owner;
    (void)reason;
    line->closed = true;
}

static size_t on_queue_size(void *owner)
{
    (void)owner;
    return 0;
}

static void on_pause(void *owner, bool paused)
{
    (void)owner;
    (void)paused;
}

static const struct server_line_ops LINE_OPS = {
    .send = on_send, .close = on_close, .queue_size = on_queue_size, .pause = on_pause};

/* any_head: as lesgate; otherwise as a stock client. */
static void line_open_as(struct place *place, struct line *line, struct server *server,
                         bool any_head)
{
    *line = (struct line){0};
    line->client = server_attach(server, &LINE_OPS, line, 3, &HASH32_ZERO);
    struct les_status status = {.version = 3,
                                .network_id = place->genesis->spec.network_id,
                                .genesis = place->genesis->spec.genesis_hash,
                                .has_announce_type = true,
                                .announce_type = LES_ANNOUNCE_SIMPLE,
                                .any_head = any_head};
    struct buf payload = {0};
    les_status_encode(&payload, &status);
    server_message(line->client, LES_STATUS, buf_span(&payload));
    buf_free(&payload);
    cr_assert_not(line->closed);
}

static void line_open(struct place *place, struct line *line, struct server *server)
{
    line_open_as(place, line, server, false);
}

static void line_close(struct line *line)
{
    if (!line->closed)
        server_detach(line->client);
    buf_free(&line->data);
}

static bool has_reply(void *owner)
{
    struct line *line = owner;
    return line->replied || line->closed;
}

/* Sends a request; data in line->data. */
static void exchange(struct place *place, struct line *line, unsigned code, struct span payload)
{
    line->replied = false;
    server_message(line->client, code, payload);
    cr_assert(world_run_until(place->world, has_reply, line, 30000), "no reply to %s",
              les_code_name(code));
    cr_assert_not(line->closed, "%s", les_code_name(code));
}

/* ---- questions ---- */

struct topics {
    struct address20 addresses[64];
    size_t addresses_count;
    struct hash32 txs[256];
    size_t txs_count;
};

static void add_address(struct topics *topics, const struct address20 *address)
{
    for (size_t i = 0; i < topics->addresses_count; i++) {
        if (address20_equal(&topics->addresses[i], address))
            return;
    }
    if (topics->addresses_count < ARRAY_COUNT(topics->addresses))
        topics->addresses[topics->addresses_count++] = *address;
}

/* Who appears in the chain. */
static void find_topics(struct place *place, struct topics *topics)
{
    *topics = (struct topics){0};
    add_address(topics, &HISTORY_ADDRESS);
    add_address(topics, &(struct address20){{0xde, 0xad}});
    for (uint64_t i = 1; i <= ledger_head(place->ledger)->header.number; i++) {
        const struct ledger_block *block = ledger_by_number(place->ledger, i);
        struct span envelopes[64];
        struct body body;
        size_t count;
        cr_assert(body_decode(&body, block->body_rlp));
        cr_assert(body_transactions(&body, envelopes, ARRAY_COUNT(envelopes), &count));
        add_address(topics, &block->header.coinbase);
        for (size_t at = 0; at < count; at++) {
            struct tx tx;
            struct address20 sender;
            cr_assert_eq(tx_decode(&tx, envelopes[at]), TX_VALID);
            cr_assert_eq(tx_sender(&sender, &tx, place->crypto, true), TX_VALID);
            add_address(topics, &sender);
            if (tx.has_to)
                add_address(topics, &tx.to);
            if (topics->txs_count < ARRAY_COUNT(topics->txs))
                tx_hash(&topics->txs[topics->txs_count++], &tx);
        }
    }
}

static uint64_t dice(struct place *place, uint64_t bound)
{
    return world_dice(place->world, bound);
}

static const struct ledger_block *any_block(struct place *place)
{
    return ledger_by_number(place->ledger,
                            dice(place, ledger_head(place->ledger)->header.number + 1));
}

static void add_proof_item(struct place *place, const struct topics *topics, struct buf *hashed,
                           struct buf *plain)
{
    const struct address20 *address = &topics->addresses[dice(place, topics->addresses_count)];
    struct hash32 slot = HASH32_ZERO, key;
    struct les_proof_item item = {.block_hash = any_block(place)->hash,
                                  .from_level = dice(place, 3)};
    uint8_t key33[33] = {0};
    bool in_storage = dice(place, 2) == 0;
    be_write(slot.bytes + 24, 8, dice(place, 20));
    if (in_storage)
        item.account = SPAN(address->bytes, 20);
    keccak256(&key, in_storage ? SPAN(slot.bytes, 32) : SPAN(address->bytes, 20));
    item.key = SPAN(key.bytes, 32);
    les_proof_item_encode(hashed, &item);
    memcpy(key33 + 1, slot.bytes, 32);
    item.key = in_storage ? SPAN(key33, 33) : SPAN(address->bytes, 20);
    les_proof_item_encode(plain, &item);
}

/* The same questions for both; only names are hashed for one. */
static unsigned make_request(struct place *place, const struct topics *topics, struct buf *hashed,
                             struct buf *plain)
{
    static const unsigned CODES[] = {LES_GET_BLOCK_HEADERS, LES_GET_BLOCK_BODIES, LES_GET_RECEIPTS,
                                     LES_GET_CODE,          LES_GET_PROOFS_V2,    LES_GET_PROOFS_V2,
                                     LES_GET_TX_STATUS};
    unsigned code = CODES[dice(place, ARRAY_COUNT(CODES))];
    struct les_writer a = les_request_begin(hashed, 1), b = les_request_begin(plain, 1);
    size_t count = 1 + dice(place, 6);
    if (code == LES_GET_BLOCK_HEADERS) {
        struct les_headers_query query = {.by_hash = dice(place, 2) == 0,
                                          .hash = any_block(place)->hash,
                                          .number = dice(place, 30),
                                          .amount = 1 + dice(place, 40),
                                          .skip = dice(place, 3),
                                          .reverse = dice(place, 2) == 0};
        les_headers_query_encode(hashed, &query);
        les_headers_query_encode(plain, &query);
        count = 0;
    }
    for (size_t i = 0; i < count; i++) {
        const struct ledger_block *block = any_block(place);
        if (code == LES_GET_PROOFS_V2) {
            add_proof_item(place, topics, hashed, plain);
        } else if (code == LES_GET_CODE) {
            struct les_code_item item = {
                .block_hash = block->hash,
                .account = SPAN(topics->addresses[dice(place, topics->addresses_count)].bytes, 20)};
            les_code_item_encode(hashed, &item);
            les_code_item_encode(plain, &item);
        } else {
            const struct hash32 *hash = code == LES_GET_TX_STATUS
                                            ? &topics->txs[dice(place, topics->txs_count)]
                                            : &block->hash;
            rlp_add_hash(hashed, hash);
            rlp_add_hash(plain, hash);
        }
    }
    les_request_end(hashed, a);
    les_request_end(plain, b);
    return code;
}

/* Is each item of part an item of whole? In the same order, unless they are nodes: those of a proof
 * that is left out may come with a later one. */
static bool part_of(struct span part, struct span whole, bool nodes)
{
    struct rlp a = rlp_reader(part), b = rlp_reader(whole);
    while (rlp_more(&a)) {
        struct span item = rlp_raw(&a);
        bool found = false;
        if (nodes)
            b = rlp_reader(whole);
        while (!found && rlp_more(&b))
            found = span_equal(rlp_raw(&b), item);
        if (!found)
            return false;
    }
    return rlp_end(&a);
}

/* Statuses: the true ones, or "not known". */
static bool statuses_fit(struct span said, struct span truth)
{
    struct les_items a = {said, false}, b = {truth, false};
    struct les_tx_status x, y;
    while (les_tx_status_next(&a, &x)) {
        if (!les_tx_status_next(&b, &y))
            return false;
        bool same = x.state == y.state && hash32_equal(&x.block.hash, &y.block.hash) &&
                    x.block.number == y.block.number && x.index == y.index;
        if (!same && (x.state != LES_TX_UNKNOWN || x.has_lookup))
            return false;
    }
    return !a.bad;
}

struct outcome {
    size_t same, less;
};

/* Asks both the same random questions. */
static struct outcome compare(struct place *place, const struct topics *topics, int count)
{
    struct outcome outcome = {0};
    for (int i = 0; i < count; i++) {
        struct buf hashed = {0}, plain = {0};
        struct line truth, tested;
        unsigned code = make_request(place, topics, &hashed, &plain);
        line_open(place, &truth, place->truth);
        line_open(place, &tested, place->tested);
        exchange(place, &truth, code, buf_span(&hashed));
        exchange(place, &tested, code, buf_span(&plain));
        struct span right = buf_span(&truth.data), said = buf_span(&tested.data);
        if (span_equal(right, said))
            outcome.same++;
        else
            outcome.less++;
        if (code == LES_GET_TX_STATUS)
            cr_assert(statuses_fit(said, right));
        else
            cr_assert(part_of(said, right, code == LES_GET_PROOFS_V2),
                      "%s: something that is not true was served", les_code_name(code));
        line_close(&truth);
        line_close(&tested);
        buf_free(&hashed);
        buf_free(&plain);
    }
    return outcome;
}

static uint64_t seed_of(uint64_t step)
{
    return fixture_seed() + step;
}

/* ---- the honest node ---- */

Test(full, serves_what_a_server_over_the_chain_itself_serves)
{
    static const char *const URLS[] = {"http://10.0.0.2:8545", "ws://10.0.0.2:8545"};
    for (size_t i = 0; i < ARRAY_COUNT(URLS); i++) {
        struct place *place = place_new(seed_of(i), 60);
        struct topics topics;
        place_serve(place, URLS[i], 0);
        find_topics(place, &topics);
        struct outcome outcome = compare(place, &topics, 300);
        cr_assert_eq(outcome.less, 0u);
        for (int round = 0; round < 10; round++) {
            make_blocks(place, 1 + (int)dice(place, 4));
            expect_same_head(place);
            find_topics(place, &topics);
            cr_assert_eq(compare(place, &topics, 20).less, 0u);
        }
        struct full_stats stats = stats_of(place);
        for (size_t kind = 0; kind < FULL_KIND_COUNT; kind++)
            cr_assert_eq(stats.unverified[kind], 0u);
        cr_assert_eq(stats.jobs, 0u);
        cr_assert_eq(full_recent_state(place->full), 0u);
        place_free(place);
    }
}

Test(full, nodes_of_other_kinds_serve_the_same)
{
    for (unsigned kind = 0; kind < 8; kind++) {
        struct place *place = place_new(seed_of(kind), 40);
        struct topics topics;
        place->said.no_total_difficulty = kind & 1;
        place->said.no_block_receipts = kind & 2;
        place->said.numbers_only = kind & 4;
        place_serve(place, "http://10.0.0.2:8545", 0);
        find_topics(place, &topics);
        cr_assert_eq(compare(place, &topics, 150).less, 0u, "kind %u", kind);
        place_free(place);
    }
}

Test(full, helper_tries_are_those_of_the_chain)
{
    struct place *place = place_new(seed_of(0), 150);
    place_serve(place, "http://10.0.0.2:8545", 1000);
    world_run_for_ms(place->world, 5000);
    make_blocks(place, 1);
    expect_same_head(place);
    struct les_serve_head mine, truth;
    for (int i = 0; i < 20; i++) { /* sections that the new head completes */
        world_run_for_ms(place->world, 500);
    }
    full_backend(place->full)->ops->head(full_backend(place->full), &mine);
    place->chain.base.ops->head(&place->chain.base, &truth);
    cr_assert(truth.has_checkpoint && mine.has_checkpoint);
    cr_assert_eq(mine.checkpoint.section, truth.checkpoint.section);
    cr_assert(hash32_equal(&mine.checkpoint.cht_root, &truth.checkpoint.cht_root));
    cr_assert(hash32_equal(&mine.checkpoint.bloom_root, &truth.checkpoint.bloom_root));
    cr_assert(hash32_equal(&mine.checkpoint.head, &truth.checkpoint.head));
    for (uint64_t number = 0; number < 128; number += 7) {
        struct line a, b;
        uint8_t key8[CHT_KEY_SIZE];
        struct buf payload = {0};
        struct les_writer writer = les_request_begin(&payload, 1);
        cht_key(key8, number);
        les_helper_item_encode(&payload,
                               &(struct les_helper_item){.type = LES_HELPER_CHT,
                                                         .section = mine.checkpoint.section,
                                                         .key = SPAN(key8, 8),
                                                         .aux = LES_AUX_HEADER});
        les_request_end(&payload, writer);
        line_open(place, &a, place->truth);
        line_open(place, &b, place->tested);
        exchange(place, &a, LES_GET_HELPER_TRIE_PROOFS, buf_span(&payload));
        exchange(place, &b, LES_GET_HELPER_TRIE_PROOFS, buf_span(&payload));
        cr_assert(span_equal(buf_span(&a.data), buf_span(&b.data)), "block %zu", (size_t)number);
        line_close(&a);
        line_close(&b);
        buf_free(&payload);
    }
    place_free(place);
}

Test(full, a_chain_too_long_for_helper_tries_goes_without)
{
    struct place *place = place_new(seed_of(0), 100);
    struct les_serve_head head;
    place_serve(place, "http://10.0.0.2:8545", 50);
    world_run_for_ms(place->world, 5000);
    full_backend(place->full)->ops->head(full_backend(place->full), &head);
    cr_assert_not(head.has_checkpoint);
    cr_assert(logged(place, "no helper tries"));
    place_free(place);
}

/* ---- heads ---- */

Test(full, safe_and_finalized_are_the_nodes)
{
    struct place *place = place_new(seed_of(0), 30);
    place_serve(place, "http://10.0.0.2:8545", 0);
    make_blocks(place, 1);
    expect_same_head(place);
    cr_assert(place->last_head.has_safe && place->last_head.has_finalized);
    cr_assert(hash32_equal(&place->last_head.safe.hash, &ledger_safe(place->ledger)->hash));
    cr_assert(
        hash32_equal(&place->last_head.finalized.hash, &ledger_finalized(place->ledger)->hash));
    place->said.tags = false; /* a node that has them no more: the old ones are still true */
    make_blocks(place, 1);
    expect_same_head(place);
    cr_assert(place->last_head.has_finalized);
    place_free(place);
}

Test(full, a_reorganisation_without_notice_is_announced_with_its_depth)
{
    struct place *place = place_new(seed_of(0), 50);
    struct topics topics;
    struct line line;
    place_serve(place, "http://10.0.0.2:8545", 0);
    line_open(place, &line, place->tested);
    static const uint64_t DEPTHS[] = {1, 3, 17, 40};
    for (size_t i = 0; i < ARRAY_COUNT(DEPTHS); i++) {
        uint64_t depth = DEPTHS[i];
        size_t before = line.announcements;
        cr_assert(devchain_go_back(place->devchain, depth));
        make_blocks(place, (int)depth + 1);
        expect_same_head(place);
        cr_assert_eq(line.announcements, before + 1);
        cr_assert_eq(line.announced.reorg_depth, depth);
        cr_assert(hash32_equal(&line.announced.head.hash, &ledger_head(place->ledger)->hash));
        find_topics(place, &topics);
        cr_assert_eq(compare(place, &topics, 40).less, 0u);
    }
    cr_assert_eq(stats_of(place).reorg_depth_max, 40u);
    line_close(&line);
    place_free(place);
}

Test(full, a_head_that_goes_back_is_followed_and_told_to_newcomers)
{
    struct place *place = place_new(seed_of(0), 50);
    struct line old, new;
    place_serve(place, "http://10.0.0.2:8545", 0);
    line_open(place, &old, place->tested);
    cr_assert(devchain_go_back(place->devchain, 10));
    expect_same_head(place);
    line_open(place, &new, place->tested);
    cr_assert_eq(new.status.head.number, 40u);
    cr_assert_eq(old.announcements, 0u); /* LES announces what is ahead */
    make_blocks(place, 11);
    expect_same_head(place);
    cr_assert_eq(new.announcements, 1u);
    cr_assert_eq(old.announcements, 1u);
    cr_assert_eq(old.announced.reorg_depth, 10u);
    line_close(&old);
    line_close(&new);
    place_free(place);
}

Test(full, a_reorganisation_deeper_than_the_window_begins_it_anew)
{
    struct place *place = place_new(seed_of(0), 1100);
    struct topics topics;
    struct line line;
    place_serve(place, "http://10.0.0.2:8545", 0);
    world_run_for_ms(place->world, 20000);
    line_open(place, &line, place->tested);
    cr_assert(devchain_go_back(place->devchain, 1090));
    make_blocks(place, 1095);
    expect_same_head(place);
    cr_assert_eq(stats_of(place).resets, 1u);
    cr_assert_eq(line.announcements, 1u);
    cr_assert_geq(line.announced.reorg_depth, 1090u);
    cr_assert(logged(place, "the window begins anew"));
    find_topics(place, &topics);
    cr_assert_eq(compare(place, &topics, 60).less, 0u);
    line_close(&line);
    place_free(place);
}

/* A node that has another block 0 than it had, from some time on. */
struct moved_node {
    struct world_ledger *said;
    struct hash32 genesis;
    bool elsewhere;
};

static json_t *answer_moved(void *owner, const char *method, json_t *params, int *code,
                            const char **text)
{
    struct moved_node *node = owner;
    char hash[67] = "0x";
    hex_encode(hash + 2, SPAN(node->genesis.bytes, 32));
    const char *which = json_string_value(json_array_get(params, 0));
    if (!node->elsewhere || which == NULL ||
        (strcmp(which, "0x0") != 0 && strcmp(which, hash) != 0))
        return world_ledger_answer(node->said, method, params, code, text);
    if (strcmp(method, "eth_getBlockByNumber") != 0)
        return json_null();
    json_t *other = json_pack("[sb]", "0x1", 0);
    json_t *answer = world_ledger_answer(node->said, method, other, code, text);
    json_decref(other);
    return answer;
}

Test(full, a_node_that_moved_to_another_chain_is_not_followed)
{
    struct place *place = place_new(seed_of(0), 1100);
    struct moved_node moved = {.said = &place->said, .genesis = place->genesis->spec.genesis_hash};
    world_node_free(place->node);
    place->node = world_node_new(place->far, answer_moved, &moved);
    place_serve(place, "http://10.0.0.2:8545", 0);
    world_run_for_ms(place->world, 20000);
    cr_assert_eq(stats_of(place).head_failures, 0u);
    moved.elsewhere = true;
    cr_assert(devchain_go_back(place->devchain, 1090));
    make_blocks(place, 1095);
    world_run_for_ms(place->world, 60000);
    cr_assert_eq(stats_of(place).resets, 0u);
    cr_assert_eq(stats_of(place).head_number, 1100u);
    cr_assert_gt(stats_of(place).head_failures, 2u);
    cr_assert(logged(place, "another genesis than it had at the start"));
    moved.elsewhere = false;
    expect_same_head(place);
    cr_assert_eq(stats_of(place).resets, 1u);
    cr_assert_eq(stats_of(place).head_failures, 0u);
    place_free(place);
}

Test(full, a_head_far_ahead_after_a_pause_is_taken_at_once)
{
    struct place *place = place_new(seed_of(0), 20);
    struct topics topics;
    place_serve(place, "http://10.0.0.2:8545", 0);
    world_node_listen(place->node, false);
    world_run_for_ms(place->world, 20000);
    cr_assert_not(stats_of(place).up);
    make_blocks(place, 300);
    world_node_listen(place->node, true);
    expect_same_head(place);
    cr_assert_eq(stats_of(place).reorgs, 0u);
    find_topics(place, &topics);
    cr_assert_eq(compare(place, &topics, 60).less, 0u);
    place_free(place);
}

Test(full, heads_that_are_not_ahead_are_told_to_those_who_want_them)
{
    struct place *place = place_new(seed_of(0), 50);
    struct line stock, own;
    place_serve(place, "http://10.0.0.2:8545", 0);
    line_open(place, &stock, place->tested);
    line_open_as(place, &own, place->tested, true);
    cr_assert(devchain_go_back(place->devchain, 4));
    expect_same_head(place);
    cr_assert_eq(own.announcements, 1u);
    cr_assert_eq(own.announced.head.number, 46u);
    cr_assert_eq(own.announced.reorg_depth, 4u);
    make_blocks(place, 4); /* the same height again, by another way */
    expect_same_head(place);
    cr_assert_eq(own.announced.head.number, 50u);
    cr_assert_eq(own.announced.reorg_depth, 0u);
    cr_assert_eq(stock.announcements, 0u);
    make_blocks(place, 1);
    expect_same_head(place);
    cr_assert_eq(own.announced.reorg_depth, 0u);
    cr_assert_eq(stock.announcements, 1u);
    cr_assert_eq(stock.announced.reorg_depth, 4u);
    line_close(&stock);
    line_close(&own);
    place_free(place);
}

/* ---- the node that lies ---- */

/* A head that is a header by its hash, and names the chain's head as its parent. */
static void announce_forged(struct place *place, uint64_t number)
{
    char text[24], hash[67] = "0x", parent[67] = "0x";
    struct header forged = ledger_head(place->ledger)->header;
    json_t *json = world_ledger_head(&place->said);
    struct hash32 own;
    forged.parent_hash = ledger_head(place->ledger)->hash;
    forged.number = number;
    header_hash(&own, &forged);
    hex_encode(hash + 2, SPAN(own.bytes, 32));
    hex_encode(parent + 2, SPAN(forged.parent_hash.bytes, 32));
    (void)snprintf(text, sizeof(text), "0x%llx", (unsigned long long)number);
    json_object_set_new(json, "number", json_string(text));
    json_object_set_new(json, "parentHash", json_string(parent));
    json_object_set_new(json, "hash", json_string(hash));
    world_node_announce(place->node, json);
    json_decref(json);
}

Test(full, a_head_whose_number_does_not_follow_its_parents_is_not_its_child)
{
    static const uint64_t NUMBERS[] = {53, 60, 40, 50, 1, 5000, UINT64_MAX};
    for (size_t i = 0; i < ARRAY_COUNT(NUMBERS); i++) {
        struct place *place = place_new(seed_of(i), 50);
        struct topics topics;
        place_serve(place, "ws://10.0.0.2:8545", 0);
        world_run_for_ms(place->world, 5000);
        announce_forged(place, NUMBERS[i]);
        world_run_for_ms(place->world, 3000);
        full_rpc_poll(place->rpc);
        expect_same_head(place);
        cr_assert(devchain_go_back(place->devchain, 2));
        make_blocks(place, 3);
        expect_same_head(place);
        find_topics(place, &topics);
        cr_assert_eq(compare(place, &topics, 60).less, 0u, "number %zu", (size_t)NUMBERS[i]);
        place_free(place);
    }
}

static const char *const LOGGED[LIE_COUNT] = {
    [LIE_HEADER] = "what=header",     [LIE_BODY] = "what=body",
    [LIE_RECEIPTS] = "what=receipts", [LIE_PROOF] = "what=proof",
    [LIE_OTHER_PROOF] = "what=proof", [LIE_CODE] = "what=code",
    [LIE_PLACE] = "what=transaction", [LIE_ERROR] = "answers with an error",
};

Test(full, lies_are_not_served_said_in_the_log_and_over_when_they_end)
{
    size_t served_less = 0;
    for (enum ledger_lie lie = LIE_HEADER; lie < LIE_COUNT; lie++) {
        struct place *place = place_new(seed_of(lie), 60);
        struct topics topics;
        place_serve(place, "http://10.0.0.2:8545", 0);
        find_topics(place, &topics);
        place->said.lie = lie;
        if (lie == LIE_CODE || lie == LIE_PLACE) /* asked for seldom */
            place->said.permille = 1000;
        for (int round = 0; round < 6; round++) {
            served_less += compare(place, &topics, 60).less;
            make_blocks(place, 1 + (int)dice(place, 3));
            world_run_for_ms(place->world, 1000);
        }
        cr_assert_gt(place->said.lies, 0u, "lie %d was never told", lie);
        if (LOGGED[lie] != NULL)
            cr_assert(logged(place, LOGGED[lie]), "lie %d is not in the log", lie);
        place->said.lie = LIE_NONE;
        expect_same_head(place);
        find_topics(place, &topics);
        cr_assert_eq(compare(place, &topics, 100).less, 0u, "lie %d has an effect after its end",
                     lie);
        cr_assert_eq(stats_of(place).jobs, 0u);
        place_free(place);
    }
    cr_assert_gt(served_less, 0u);
}

Test(full, bad_nodes_cost_answers_only_while_they_are_bad)
{
    static const enum world_node_way WAYS[] = {NODE_SILENT,    NODE_GARBAGE,  NODE_HTML,
                                               NODE_WRONG_IDS, NODE_CUTS,     NODE_HANGS_UP,
                                               NODE_DEEP,      NODE_NO_ERRORS};
    for (size_t i = 0; i < ARRAY_COUNT(WAYS); i++) {
        struct place *place = place_new(seed_of(i), 40);
        struct topics topics;
        place_serve(place, "http://10.0.0.2:8545", 0);
        find_topics(place, &topics);
        world_node_set(place->node, WAYS[i], 0);
        (void)compare(place, &topics, 25);
        make_blocks(place, 2);
        world_run_for_ms(place->world, 3000);
        world_node_set(place->node, NODE_FINE, 0);
        expect_same_head(place);
        find_topics(place, &topics);
        cr_assert_eq(compare(place, &topics, 60).less, 0u, "way %d", WAYS[i]);
        place_free(place);
    }
}

Test(full, a_slow_node_costs_answers_and_no_client)
{
    struct place *place = place_new(seed_of(0), 40);
    struct topics topics;
    place_serve(place, "http://10.0.0.2:8545", 0);
    find_topics(place, &topics);
    world_node_set(place->node, NODE_FINE, 4000);      /* each answer; code takes two */
    struct outcome slow = compare(place, &topics, 40); /* which fails when a client is stopped */
    cr_assert_gt(slow.same, 0u);
    cr_assert_gt(stats_of(place).late, 0u);
    world_node_set(place->node, NODE_FINE, 0);
    world_run_for_ms(place->world, 10000);
    cr_assert_eq(compare(place, &topics, 60).less, 0u);
    place_free(place);
}

/* ---- transactions ---- */

static struct buf signed_tx(struct place *place, uint64_t nonce)
{
    struct buf envelope = {0};
    struct seckey32 secret;
    struct hash32 hash;
    keccak256(&hash, SPAN_STR(DEVCHAIN_KEY_TEXT));
    memcpy(secret.bytes, hash.bytes, 32);
    struct tx tx = {.type = TX_DYNAMIC_FEE,
                    .has_chain_id = true,
                    .chain_id = place->genesis->spec.chain_id,
                    .nonce = nonce,
                    .gas_limit = 21000,
                    .has_to = true,
                    .to = {{9}},
                    .max_fee = u256_from_u64(100000000000),
                    .max_priority_fee = u256_from_u64(1000000000)};
    tx_sign(&envelope, &tx, place->crypto, &secret);
    return envelope;
}

static struct les_tx_status send_tx(struct place *place, struct line *line, struct span envelope)
{
    struct buf payload = {0};
    struct les_tx_status status;
    struct les_writer writer = les_request_begin(&payload, 1);
    rlp_add_bytes(&payload, envelope);
    les_request_end(&payload, writer);
    exchange(place, line, LES_SEND_TX_V2, buf_span(&payload));
    struct les_items items = {buf_span(&line->data), false};
    cr_assert(les_tx_status_next(&items, &status));
    buf_free(&payload);
    return status;
}

Test(full, transactions_reach_the_node_and_its_words_come_back)
{
    struct place *place = place_new(seed_of(0), 20);
    struct line line;
    struct address20 own;
    struct hash32 key;
    struct account account;
    place_serve(place, "http://10.0.0.2:8545", 0);
    line_open(place, &line, place->tested);
    devchain_account(&own, place->crypto);
    keccak256(&key, SPAN(own.bytes, 20));
    cr_assert(ledger_account(place->ledger, ledger_head(place->ledger), &key, &account));

    struct buf fresh = signed_tx(place, account.nonce), stale = signed_tx(place, 0);
    struct les_tx_status status = send_tx(place, &line, buf_span(&stale));
    cr_assert_eq(status.state, LES_TX_UNKNOWN);
    cr_assert(span_equal(status.error, SPAN_STR("nonce too low")), "%.*s", (int)status.error.size,
              (const char *)status.error.data);
    status = send_tx(place, &line, buf_span(&fresh));
    cr_assert_eq(status.error.size, 0u);
    cr_assert_eq(status.state, LES_TX_PENDING);
    make_blocks(place, 1);
    expect_same_head(place);
    status = send_tx(place, &line, buf_span(&fresh));
    cr_assert(status.state == LES_TX_INCLUDED || status.error.size > 0);

    world_node_listen(place->node, false);
    status = send_tx(place, &line, buf_span(&stale));
    cr_assert(span_equal(status.error, SPAN_STR("the full node does not answer")));
    buf_free(&fresh);
    buf_free(&stale);
    line_close(&line);
    place_free(place);
}

/* ---- names ---- */

/* Whom a transaction of the head pays. */
static struct address20 paid_in_head(struct place *place)
{
    struct span envelopes[64];
    struct body body;
    struct tx tx;
    size_t count;
    cr_assert(body_decode(&body, ledger_head(place->ledger)->body_rlp));
    cr_assert(body_transactions(&body, envelopes, ARRAY_COUNT(envelopes), &count));
    cr_assert(count > 0 && tx_decode(&tx, envelopes[0]) == TX_VALID && tx.has_to);
    return tx.to;
}

Test(full, hashed_keys_are_answered_once_their_names_are_known)
{
    struct place *place = place_new(seed_of(0), 60);
    struct hash32 head = ledger_head(place->ledger)->hash, key;
    struct address20 own;
    struct line line;
    place_serve(place, "http://10.0.0.2:8545", 0);
    own = paid_in_head(place);
    keccak256(&key, SPAN(own.bytes, 20));
    struct les_proof_item item = {.block_hash = head, .key = SPAN(key.bytes, 32)};
    size_t sizes[3];
    for (int i = 0; i < 3; i++) {
        struct buf payload = {0};
        struct les_writer writer = les_request_begin(&payload, 1);
        line_open(place, &line, place->tested);
        if (i == 1) { /* its name is in a block that somebody asked for */
            rlp_add_hash(&payload, &head);
            les_request_end(&payload, writer);
            exchange(place, &line, LES_GET_BLOCK_BODIES, buf_span(&payload));
        } else {
            les_proof_item_encode(&payload, &item);
            les_request_end(&payload, writer);
            exchange(place, &line, LES_GET_PROOFS_V2, buf_span(&payload));
        }
        sizes[i] = line.data.size;
        line_close(&line);
        buf_free(&payload);
    }
    cr_assert_eq(sizes[0], 0u);
    cr_assert_gt(sizes[1], 0u);
    cr_assert_gt(sizes[2], 0u);
    cr_assert_eq(stats_of(place).unnamed, 1u);
    place_free(place);
}

/* ---- ends ---- */

Test(full, may_end_in_the_middle_of_everything)
{
    for (uint64_t ms = 0; ms < 60; ms++) {
        struct place *place = place_new(seed_of(ms), 40);
        struct topics topics;
        find_topics(place, &topics);
        place_serve(place, "http://10.0.0.2:8545", 1000);
        struct line line;
        struct buf hashed = {0}, plain = {0};
        unsigned code = make_request(place, &topics, &hashed, &plain);
        line_open(place, &line, place->tested);
        server_message(line.client, code, buf_span(&plain));
        cr_assert(devchain_go_back(place->devchain, 5));
        make_blocks(place, 8);
        full_rpc_poll(place->rpc);
        world_run_for_ms(place->world, ms);
        line_close(&line);
        buf_free(&hashed);
        buf_free(&plain);
        place_free(place);
    }
}
