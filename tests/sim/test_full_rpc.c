/* The JSON-RPC client of a full node against good and bad nodes, over HTTP, WebSocket and IPC: each
 * call ends exactly once, in bounded time, and a result is the one of the call. */
#include "les/base/limits.h"
#include "les/node/full_rpc.h"
#include "les/node/full_wire.h"
#include "tests/fixture/fixture.h"
#include "tests/sim/world.h"
#include "tests/sim/world_node.h"

#include <criterion/criterion.h>

TestSuite(full_rpc, .fini = fixture_leak_gate, .timeout = 120);

static const char *const urls[] = {"http://10.0.0.2:8545", "ws://10.0.0.2:8545/", WORLD_NODE_PATH};
static const char *const names[] = {"http", "ws", "ipc"};
enum { HTTP, WS, IPC };

struct ask {
    struct play *play;
    struct full_call *call;
    int value;
    unsigned ends;
    struct full_reply last; /* only its numbers */
    bool wrong;
};

struct play {
    struct world *world;
    struct loop *client, *server;
    struct world_node *node;
    struct full_rpc *rpc;
    struct ask asks[512];
    size_t asked, ended;
    uint64_t head;
    uint64_t heads_seen, last_head, ups, downs;
    bool free_in_callback;
};

static json_t *head_object(uint64_t number)
{
    char hash[67], text[24];
    snprintf(hash, sizeof hash, "0x%064llx", (unsigned long long)(number * 7919 + 1));
    snprintf(text, sizeof text, "0x%llx", (unsigned long long)number);
    return json_pack("{s:s, s:s}", "hash", hash, "number", text);
}

static json_t *on_answer(void *owner, const char *method, json_t *params, int *code,
                         const char **text)
{
    struct play *play = owner;
    if (strcmp(method, "echo") == 0)
        return json_incref(json_array_get(params, 0));
    if (strcmp(method, "eth_getBlockByNumber") == 0)
        return head_object(play->head);
    *code = strcmp(method, "fail") == 0 ? 3 : -32601;
    *text = strcmp(method, "fail") == 0 ? "execution reverted" : "the method is not available";
    return NULL;
}

static void on_head(void *owner, const struct hash32 *hash, uint64_t number, json_t *header)
{
    struct play *play = owner;
    cr_assert_eq(be_read(hash->bytes + 24, 8), number * 7919 + 1);
    cr_assert(json_is_object(header));
    play->heads_seen++;
    play->last_head = number;
}

static void on_state(void *owner, bool up, const char *why)
{
    struct play *play = owner;
    cr_assert_eq(why == NULL, up);
    *(up ? &play->ups : &play->downs) += 1;
}

static const struct full_watch watch = {on_head, on_state};

static struct play *play_new(int way, uint64_t seed)
{
    struct play *play = mem_alloc(sizeof *play);
    const char *why;
    play->world = world_new(seed);
    play->client = world_host_new(play->world, "10.0.0.1");
    play->server = way == IPC ? play->client : world_host_new(play->world, "10.0.0.2");
    play->node = world_node_new(play->server, on_answer, play);
    struct full_rpc_config config = {.url = urls[way]};
    cr_assert_eq(full_rpc_new(&play->rpc, play->client, NULL, &config, &why), STATUS_OK);
    return play;
}

static void play_free(struct play *play)
{
    full_rpc_free(play->rpc);
    world_node_free(play->node);
    world_run_for_ms(play->world, 1000);
    for (size_t i = 0; i < play->asked; i++)
        cr_assert_leq(play->asks[i].ends, 1);
    world_free(play->world);
    mem_free(play);
}

static void on_reply(void *owner, const struct full_reply *reply)
{
    struct ask *ask = owner;
    struct play *play = ask->play;
    ask->ends++;
    ask->call = NULL;
    ask->last = *reply;
    play->ended++;
    cr_assert_eq(reply->result != NULL, reply->outcome == FULL_RESULT);
    cr_assert(reply->outcome == FULL_RESULT || reply->message != NULL);
    if (reply->outcome == FULL_RESULT)
        ask->wrong = json_integer_value(reply->result) != ask->value;
    if (play->free_in_callback) {
        full_rpc_free(play->rpc);
        play->rpc = NULL;
    }
}

static struct ask *make(struct play *play, const char *method, uint64_t deadline_ms)
{
    cr_assert_lt(play->asked, ARRAY_COUNT(play->asks));
    struct ask *ask = &play->asks[play->asked];
    *ask = (struct ask){.play = play, .value = (int)(1000 + play->asked)};
    play->asked++;
    ask->call =
        full_rpc_call(play->rpc, method, json_pack("[i]", ask->value), deadline_ms, on_reply, ask);
    cr_assert_eq(ask->ends, 0);
    return ask;
}

static void make_many(struct play *play, size_t count, uint64_t deadline_ms)
{
    for (size_t i = 0; i < count; i++)
        make(play, "echo", deadline_ms);
}

static bool all_ended(void *owner)
{
    struct play *play = owner;
    return play->ended == play->asked;
}

static void expect_all(struct play *play, size_t from, enum full_outcome outcome)
{
    for (size_t i = from; i < play->asked; i++) {
        const struct ask *ask = &play->asks[i];
        cr_assert_eq(ask->ends, 1);
        cr_assert_eq(ask->last.outcome, outcome, "call %zu: outcome %d, %s", i, ask->last.outcome,
                     ask->last.outcome == FULL_RESULT ? "" : status_text(ask->last.status));
        cr_assert(!ask->wrong);
    }
}

static struct full_rpc_stats stats_of(const struct play *play)
{
    struct full_rpc_stats stats;
    full_rpc_stats(play->rpc, &stats);
    return stats;
}

Test(full_rpc, calls_of_one_turn_are_one_batch)
{
    for (int way = HTTP; way <= IPC; way++) {
        struct play *play = play_new(way, 1);
        make_many(play, 40, 0);
        make(play, "fail", 0);
        cr_assert(world_run_until(play->world, all_ended, play, 5000), "%s", names[way]);
        play->asked--;
        expect_all(play, 0, FULL_RESULT);
        const struct full_reply *failed = &play->asks[40].last;
        cr_assert_eq(failed->outcome, FULL_ERROR);
        cr_assert_eq(failed->code, 3);
        struct world_node_counters counters = world_node_counters(play->node);
        cr_assert_eq(counters.messages, 1, "%s", names[way]);
        cr_assert_eq(counters.batch_max, 41);
        cr_assert_eq(counters.connections, 1);
        cr_assert(stats_of(play).up);
        cr_assert_eq(stats_of(play).errors, 1);
        cr_assert_eq(stats_of(play).faults, 0);
        play_free(play);
    }
}

Test(full_rpc, a_connection_is_kept_and_batches_have_an_end)
{
    for (int way = HTTP; way <= IPC; way++) {
        struct play *play = play_new(way, 2);
        for (size_t round = 0; round < 4; round++) {
            make_many(play, round == 3 ? 200 : 1, 0);
            cr_assert(world_run_until(play->world, all_ended, play, 5000), "%s", names[way]);
        }
        expect_all(play, 0, FULL_RESULT);
        struct world_node_counters counters = world_node_counters(play->node);
        cr_assert_leq(counters.connections, way == HTTP ? 4 : 1, "%s", names[way]);
        cr_assert_eq(counters.batch_max, FULL_BATCH_MAX);
        cr_assert_eq(counters.calls, 203);
        play_free(play);
    }
}

/* Small pieces, odd forms: everything is still answered, and rightly. */
Test(full_rpc, odd_but_lawful_nodes_are_understood)
{
    static const enum world_node_way ways[] = {NODE_FINE, NODE_CHUNKED, NODE_CLOSES,
                                               NODE_NO_BATCHES, NODE_SHUFFLED};
    uint64_t seed = fixture_seed();
    for (size_t i = 0; i < 3 * ARRAY_COUNT(ways); i++) {
        int way = (int)(i % 3);
        struct play *play = play_new(way, fixture_random(&seed));
        struct world_net net = {.latency_us_min = 10, .latency_us_max = 9000, .chunk_max = 5};
        world_set_net(play->world, &net);
        world_node_set(play->node, ways[i / 3], world_dice(play->world, 50));
        for (size_t round = 0; round < 6; round++) {
            make_many(play, 1 + world_dice(play->world, 60), 0);
            world_run_for_ms(play->world, world_dice(play->world, 30));
        }
        cr_assert(world_run_until(play->world, all_ended, play, 20000), "%s way %d", names[way],
                  ways[i / 3]);
        expect_all(play, 0, FULL_RESULT);
        cr_assert_eq(stats_of(play).batches, ways[i / 3] != NODE_NO_BATCHES);
        if (ways[i / 3] !=
            NODE_NO_BATCHES) /* whose an error without id is, a stream does not say */
            cr_assert_eq(stats_of(play).faults, 0, "%s way %d", names[way], ways[i / 3]);
        play_free(play);
    }
}

/* Whatever a node does wrong: the calls end, none with a wrong result, and when it behaves again
 * they succeed. */
Test(full_rpc, bad_nodes_cost_only_their_calls)
{
    static const enum world_node_way ways[] = {NODE_SILENT,    NODE_GARBAGE,      NODE_HTML,
                                               NODE_WRONG_IDS, NODE_LAST_MISSING, NODE_CUTS,
                                               NODE_HANGS_UP,  NODE_NO_ERRORS,    NODE_SWALLOWS};
    uint64_t seed = fixture_seed();
    for (size_t i = 0; i < 3 * ARRAY_COUNT(ways); i++) {
        int way = (int)(i % 3);
        enum world_node_way bad = ways[i / 3];
        struct play *play = play_new(way, fixture_random(&seed));
        full_rpc_watch(play->rpc, &watch, play);
        world_node_set(play->node, bad, 0);
        make_many(play, 30, 4000);
        cr_assert(world_run_until(play->world, all_ended, play, 4100), "%s way %d", names[way],
                  bad);
        /* A call alone gets through where only the batch is bad. */
        for (size_t k = 0; k < play->asked; k++) {
            cr_assert(!play->asks[k].wrong);
            if (bad != NODE_LAST_MISSING)
                cr_assert_eq(play->asks[k].last.outcome, FULL_FAILED, "%s way %d", names[way], bad);
        }
        if (bad == NODE_LAST_MISSING && way == HTTP)
            expect_all(play, 0, FULL_RESULT);
        world_node_set(play->node, NODE_FINE, 0);
        world_run_for_ms(play->world, FULL_RECONNECT_MAX_MS + FULL_CALL_MS);
        size_t before = play->asked;
        make_many(play, 30, 0);
        cr_assert(world_run_until(play->world, all_ended, play, 5000), "%s way %d", names[way],
                  bad);
        expect_all(play, before, FULL_RESULT);
        cr_assert(stats_of(play).up);
        cr_assert_gt(play->heads_seen, 0);
        play_free(play);
    }
}

Test(full_rpc, what_is_too_large_is_not_taken)
{
    for (int way = HTTP; way <= IPC; way++) {
        for (int deep = 0; deep < 2; deep++) {
            struct play *play = play_new(way, 7);
            struct world_net net = {
                .latency_us_min = 10, .latency_us_max = 20, .chunk_max = 1 << 18};
            world_set_net(play->world, &net);
            world_node_set(play->node, deep ? NODE_DEEP : NODE_HUGE, 0);
            struct ask *ask = make(play, "echo", 600000);
            cr_assert(world_run_until(play->world, all_ended, play, 300000), "%s", names[way]);
            cr_assert_eq(ask->last.outcome, FULL_FAILED);
            cr_assert(ask->last.status == STATUS_LIMIT || ask->last.status == STATUS_UNAVAILABLE,
                      "%s: %s", names[way], status_text(ask->last.status));
            cr_assert_leq(stats_of(play).bytes_in, 3ull * FULL_RESPONSE_BYTES_MAX);
            play_free(play);
        }
    }
}

Test(full_rpc, a_node_that_is_not_there_is_unavailable_at_once_and_found_when_it_comes)
{
    for (int way = HTTP; way <= IPC; way++) {
        struct play *play = play_new(way, 3);
        world_node_listen(play->node, false);
        full_rpc_watch(play->rpc, &watch, play);
        struct ask *ask = make(play, "echo", 60000);
        cr_assert(world_run_until(play->world, all_ended, play, 1000), "%s", names[way]);
        cr_assert_eq(ask->last.status, STATUS_UNAVAILABLE);
        world_run_for_ms(play->world, 120000);
        ask = make(play, "echo", 60000); /* it is known by now */
        world_run_for_ms(play->world, 5);
        cr_assert_eq(ask->ends, 1, "%s", names[way]);
        cr_assert_eq(ask->last.status, STATUS_UNAVAILABLE);
        cr_assert_eq(play->downs, 1);
        cr_assert_eq(play->ups, 0);
        cr_assert(!stats_of(play).up);
        world_node_listen(play->node, true);
        world_run_for_ms(play->world, FULL_RECONNECT_MAX_MS + 1000);
        cr_assert_eq(play->ups, 1, "%s", names[way]);
        make_many(play, 5, 0);
        cr_assert(world_run_until(play->world, all_ended, play, 1000));
        expect_all(play, 2, FULL_RESULT);
        play_free(play);
    }
}

Test(full_rpc, calls_survive_one_lost_connection)
{
    for (int way = HTTP; way <= WS; way++) {
        struct play *play = play_new(way, 4);
        make_many(play, 1, 0);
        cr_assert(world_run_until(play->world, all_ended, play, 1000));
        world_node_set(play->node, NODE_FINE, 500);
        make_many(play, 20, 0);
        world_run_for_ms(play->world, 100);
        world_cut(play->client, play->server);
        cr_assert(world_run_until(play->world, all_ended, play, 5000), "%s", names[way]);
        expect_all(play, 0, FULL_RESULT);
        cr_assert_eq(stats_of(play).resent, 20);
        play_free(play);
    }
}

Test(full_rpc, a_late_answer_is_nobodys)
{
    for (int way = HTTP; way <= IPC; way++) {
        struct play *play = play_new(way, 5);
        world_node_set(play->node, NODE_FINE, 800);
        struct ask *ask = make(play, "echo", 300);
        cr_assert(world_run_until(play->world, all_ended, play, 310));
        cr_assert_eq(ask->last.status, STATUS_TIMEOUT);
        world_run_for_ms(play->world, 2000);
        world_node_set(play->node, NODE_FINE, 0);
        make_many(play, 3, 0);
        cr_assert(world_run_until(play->world, all_ended, play, 2000), "%s", names[way]);
        expect_all(play, 1, FULL_RESULT);
        cr_assert_eq(stats_of(play).faults, 0);
        cr_assert_eq(stats_of(play).timeouts, 1);
        play_free(play);
    }
}

Test(full_rpc, heads_are_announced_or_asked_for)
{
    for (int way = HTTP; way <= IPC; way++) {
        struct play *play = play_new(way, 6);
        play->head = 1;
        full_rpc_watch(play->rpc, &watch, play);
        world_run_for_ms(play->world, 500);
        cr_assert_eq(play->last_head, 1, "%s", names[way]);
        cr_assert_eq(stats_of(play).subscribed, way != HTTP);
        cr_assert_eq(play->ups, 1);
        for (play->head = 2; play->head < 6; play->head++) {
            json_t *header = head_object(play->head);
            world_node_announce(play->node, header);
            json_decref(header);
            world_run_for_ms(play->world, way == HTTP ? FULL_POLL_MS + 100 : 20);
            cr_assert_eq(play->last_head, play->head, "%s", names[way]);
        }
        cr_assert_eq(play->heads_seen, 5);
        /* The subscription dies in silence: it is noticed. */
        play->head = 9;
        world_run_for_ms(play->world, FULL_CHECK_MS + 1000);
        cr_assert_eq(play->last_head, 9, "%s", names[way]);
        /* The node starts again on another block. */
        world_node_listen(play->node, false);
        world_run_for_ms(play->world, 3000);
        play->head = 4;
        world_node_listen(play->node, true);
        world_run_for_ms(play->world, FULL_RECONNECT_MAX_MS + 1000);
        cr_assert_eq(play->last_head, 4, "%s", names[way]);
        cr_assert_eq(stats_of(play).subscribed, way != HTTP);
        cr_assert_eq(play->downs, 1);
        cr_assert_eq(play->ups, 2);
        play_free(play);
    }
}

Test(full_rpc, a_head_can_be_asked_for_at_once)
{
    struct play *play = play_new(HTTP, 6);
    full_rpc_watch(play->rpc, &watch, play);
    world_run_for_ms(play->world, 100);
    play->head = 77;
    full_rpc_poll(play->rpc);
    full_rpc_poll(play->rpc);
    world_run_for_ms(play->world, 100);
    cr_assert_eq(play->last_head, 77);
    play_free(play);
}

Test(full_rpc, the_queue_has_an_end)
{
    struct play *play = play_new(HTTP, 8);
    world_node_listen(play->node, false);
    world_partition(play->client, play->server, true);
    struct ask first = {.play = play}, *last;
    for (size_t i = 0; i < FULL_QUEUE_MAX; i++)
        full_rpc_call(play->rpc, "echo", NULL, 0, on_reply, &first);
    last = make(play, "echo", 0);
    world_run_for_ms(play->world, 10);
    cr_assert_eq(last->ends, 1);
    cr_assert_eq(last->last.status, STATUS_LIMIT);
    cr_assert_eq(first.ends, 0);
    world_run_for_ms(play->world, FULL_CALL_MS);
    cr_assert_eq(first.ends, FULL_QUEUE_MAX);
    play_free(play);
}

Test(full_rpc, freeing_and_cancelling_are_legal_in_a_callback)
{
    static const enum world_node_way ways[] = {NODE_FINE, NODE_HTML, NODE_CUTS, NODE_NO_BATCHES,
                                               NODE_SILENT};
    for (size_t i = 0; i < 3 * ARRAY_COUNT(ways); i++) {
        struct play *play = play_new((int)(i % 3), 9);
        world_node_set(play->node, ways[i / 3], 0);
        play->free_in_callback = true;
        make_many(play, 10, 3000);
        for (size_t k = 0; k < 10; k += 3) {
            full_call_cancel(play->asks[k].call);
            play->asks[k].call = NULL;
        }
        world_run_for_ms(play->world, 5000);
        cr_assert_null(play->rpc);
        cr_assert_eq(play->ended, 1);
        cr_assert_eq(play->asks[0].ends, 0);
        play_free(play);
    }
}

/* Anything at any time. */
Test(full_rpc, every_call_ends_once_in_a_rough_world)
{
    uint64_t seed = fixture_seed();
    for (size_t run = 0; run < 30; run++) {
        int way = (int)(run % 3);
        struct play *play = play_new(way, fixture_random(&seed));
        struct world *world = play->world;
        size_t cancelled = 0;
        full_rpc_watch(play->rpc, &watch, play);
        while (play->asked < 400) {
            if (world_dice(world, 3) == 0)
                world_node_set(play->node, (enum world_node_way)world_dice(world, NODE_HUGE),
                               world_dice(world, 2) * world_dice(world, 300));
            if (world_dice(world, 12) == 0)
                world_cut(play->client, play->server);
            if (world_dice(world, 20) == 0)
                world_node_listen(play->node, world_dice(world, 2) == 0);
            make_many(play, world_dice(world, 20), 1 + world_dice(world, 3000));
            struct ask *ask = &play->asks[world_dice(world, play->asked + 1)];
            if (ask->call != NULL && world_dice(world, 2) == 0) {
                full_call_cancel(ask->call);
                ask->call = NULL;
                ask->ends = 1;
                ask->last.outcome = FULL_FAILED;
                cancelled++;
            }
            world_run_for_ms(world, world_dice(world, 400));
        }
        world_node_set(play->node, NODE_FINE, 0);
        world_node_listen(play->node, true);
        world_run_for_ms(world, 60000);
        for (size_t i = 0; i < play->asked; i++) {
            cr_assert_eq(play->asks[i].ends, 1, "run %zu, call %zu", run, i);
            cr_assert(!play->asks[i].wrong, "run %zu, call %zu", run, i);
        }
        cr_assert_eq(play->ended + cancelled, play->asked);
        cr_assert(stats_of(play).up, "run %zu", run);
        cr_assert_leq(stats_of(play).queued + stats_of(play).in_flight, 2); /* of the watch */
        play_free(play);
    }
}

Test(full_rpc, one_seed_is_one_story)
{
    uint64_t traces[2];
    for (size_t run = 0; run < 2; run++) {
        struct play *play = play_new(WS, 4242);
        world_node_set(play->node, NODE_GARBAGE, 3);
        full_rpc_watch(play->rpc, &watch, play);
        make_many(play, 50, 2000);
        world_run_for_ms(play->world, 20000);
        traces[run] = world_trace(play->world);
        play_free(play);
    }
    cr_assert_eq(traces[0], traces[1]);
}

Test(full_rpc, addresses)
{
    static const struct {
        const char *url;
        bool fine;
        enum full_scheme scheme;
        const char *host, *path;
        size_t endpoints;
    } cases[] = {
        {"http://127.0.0.1", true, FULL_HTTP, "127.0.0.1:8545", "/", 1},
        {"http://127.0.0.1:80/", true, FULL_HTTP, "127.0.0.1:80", "/", 1},
        {"http://localhost:7/a?b", true, FULL_HTTP, "localhost:7", "/a?b", 2},
        {"http://[::1]:8545?x", true, FULL_HTTP, "[::1]:8545", "/?x", 1},
        {"ws://[::1]", true, FULL_WS, "[::1]:8546", "/", 1},
        {"/var/geth.ipc", true, FULL_IPC, NULL, "/var/geth.ipc", 0},
        {"ipc:geth.ipc", true, FULL_IPC, NULL, "geth.ipc", 0},
        {"https://127.0.0.1", false, FULL_HTTP, NULL, NULL, 0},
        {"wss://127.0.0.1", false, FULL_HTTP, NULL, NULL, 0},
        {"http://", false, FULL_HTTP, NULL, NULL, 0},
        {"http://example.org", false, FULL_HTTP, NULL, NULL, 0},
        {"http://1.2.3.4:0", false, FULL_HTTP, NULL, NULL, 0},
        {"http://1.2.3.4:70000", false, FULL_HTTP, NULL, NULL, 0},
        {"http://user:pass@1.2.3.4", false, FULL_HTTP, NULL, NULL, 0},
        {"http://1.2.3.4/a b", false, FULL_HTTP, NULL, NULL, 0},
        {"http://1.2.3.4/\r\nX: y", false, FULL_HTTP, NULL, NULL, 0},
        {"http://1.2.3.4/#x", false, FULL_HTTP, NULL, NULL, 0},
        {"ftp://1.2.3.4", false, FULL_HTTP, NULL, NULL, 0},
        {"1.2.3.4:8545", false, FULL_HTTP, NULL, NULL, 0},
        {"", false, FULL_HTTP, NULL, NULL, 0},
        {"ipc:", false, FULL_HTTP, NULL, NULL, 0},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct full_address address;
        const char *why = NULL;
        cr_assert_eq(full_address_parse(&address, cases[i].url, &why), cases[i].fine, "%s: %s",
                     cases[i].url, why == NULL ? "" : why);
        cr_assert_eq(why == NULL, cases[i].fine);
        if (!cases[i].fine)
            continue;
        cr_assert_eq(address.scheme, cases[i].scheme);
        cr_assert_eq(address.endpoints_count, cases[i].endpoints);
        cr_assert_str_eq(address.path, cases[i].path);
        if (cases[i].host != NULL)
            cr_assert_str_eq(address.host, cases[i].host);
        full_address_free(&address);
    }
}

Test(full_rpc, what_is_not_offered_is_recognised)
{
    static const struct {
        int64_t code;
        const char *text;
        bool unsupported;
    } cases[] = {
        {-32601, "", true},
        {-32004, "x", true},
        {-32600, "The method debug_getRawHeader does not exist/is not available", true},
        {-32000, "Method not supported", true},
        {-32000, "header not found", false},
        {3, "execution reverted", false},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct full_reply reply = {
            .outcome = FULL_ERROR, .code = cases[i].code, .message = cases[i].text};
        cr_assert_eq(full_reply_unsupported(&reply), cases[i].unsupported, "%zu", i);
        reply.outcome = FULL_FAILED;
        cr_assert(!full_reply_unsupported(&reply));
    }
}
