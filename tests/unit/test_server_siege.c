/* The LES server among clients that mean it ill: what all of them together can make it hold, and
 * what is left for an honest one beside them. */
#include "les/base/limits.h"
#include "les/eth/rlp.h"
#include "les/proto/server.h"
#include "tests/fixture/fixture.h"
#include "tests/sim/world.h"

#include <criterion/criterion.h>

TestSuite(server_siege, .fini = fixture_leak_gate, .timeout = 120);

#define OPEN_MAX     65536
#define CLIENTS_MAX  2048
#define SIEGE_ANSWER MIB(1)

/* ---- a backend ---- */

struct chain {
    struct les_backend base;
    size_t answer_size; /* 0: it keeps the question */
    struct les_question *open[OPEN_MAX];
    size_t open_count;
    bool answers_older; /* each question brings the answer to all that are open */
};

static void give(struct les_question *question, size_t size)
{
    struct buf bytes = {0};
    buf_reserve(&bytes, size + 1);
    memset(bytes.data, 1, size);
    bytes.size = size;
    rlp_add_bytes(&question->out, buf_span(&bytes));
    buf_free(&bytes);
    les_answer(question, LES_ANSWER_GIVEN);
}

static void on_ask(struct les_backend *base, struct les_question *question)
{
    struct chain *chain = container_of(base, struct chain, base);
    if (chain->answers_older) {
        while (chain->open_count > 0)
            give(chain->open[--chain->open_count], 10);
        give(question, 10);
    } else if (chain->answer_size > 0) {
        give(question, chain->answer_size);
    } else {
        cr_assert(chain->open_count < OPEN_MAX);
        chain->open[chain->open_count++] = question;
    }
}

static void on_forget(struct les_backend *base, struct les_question *question)
{
    struct chain *chain = container_of(base, struct chain, base);
    for (size_t i = 0; i < chain->open_count; i++) {
        if (chain->open[i] == question) {
            chain->open[i] = chain->open[--chain->open_count];
            return;
        }
    }
    cr_assert_fail("a question that was answered is forgotten");
}

static void on_head(struct les_backend *base, struct les_serve_head *out)
{
    (void)base;
    *out = (struct les_serve_head){.block.number = 1};
}

static bool on_ancestor(struct les_backend *base, const struct hash32 *a, const struct hash32 *b,
                        uint64_t *number)
{
    (void)base;
    (void)a;
    (void)b;
    *number = 0;
    return true;
}

static const struct les_backend_ops BACKEND_OPS = {
    .ask = on_ask, .forget = on_forget, .head = on_head, .ancestor = on_ancestor};

/* ---- clients ---- */

struct line {
    struct server_client *client;
    bool reads; /* what it is sent is gone at once */
    bool closed, paused;
    enum peer_reason reason;
    size_t queue, replies, stops, resumes;
};

static bool on_send(void *owner, unsigned code, struct span payload)
{
    struct line *line = owner;
    line->stops += code == LES_STOP;
    line->resumes += code == LES_RESUME;
    line->replies += code == LES_BLOCK_BODIES;
    line->queue += line->reads ? 0 : payload.size;
    return true;
}

static void on_close(void *owner, enum peer_reason reason)
{
    struct line *line = owner;
    line->closed = true;
    line->reason = reason;
    line->client = NULL;
    line->queue = 0;
}

static size_t on_queue_size(void *owner)
{
    struct line *line = owner;
    return line->queue;
}

static void on_pause(void *owner, bool paused)
{
    struct line *line = owner;
    line->paused = paused;
}

static const struct server_line_ops LINE_OPS = {
    .send = on_send, .close = on_close, .queue_size = on_queue_size, .pause = on_pause};

struct siege {
    struct world *world;
    struct chainspec spec;
    struct chain chain;
    struct server *server;
    struct line lines[CLIENTS_MAX];
    size_t lines_count;
};

static struct siege *siege_new(void)
{
    struct siege *siege = mem_alloc(sizeof(*siege));
    siege->world = world_new(3);
    siege->spec.network_id = 5;
    siege->chain.base.ops = &BACKEND_OPS;
    struct server_config config = {.spec = &siege->spec, .capacity = 10};
    siege->server = server_new(world_host_new(siege->world, "10.0.0.1"), NULL, NULL, &config,
                               &siege->chain.base);
    return siege;
}

static void siege_free(struct siege *siege)
{
    server_free(siege->server);
    cr_assert_eq(siege->chain.open_count, 0u, "a question was left open");
    world_run_for_ms(siege->world, 1);
    world_free(siege->world);
    mem_free(siege);
}

static struct line *client_new(struct siege *siege, bool reads)
{
    struct line *line = &siege->lines[siege->lines_count++];
    struct hash32 id = {{1, (uint8_t)(siege->lines_count >> 8), (uint8_t)siege->lines_count}};
    *line = (struct line){.reads = reads};
    line->client = server_attach(siege->server, &LINE_OPS, line, 3, &id);
    struct les_status status = {.version = 3, .network_id = 5};
    struct buf payload = {0};
    les_status_encode(&payload, &status);
    server_message(line->client, LES_STATUS, buf_span(&payload));
    buf_free(&payload);
    line->queue = 0;
    cr_assert_not(line->closed);
    return line;
}

static void ask(struct line *line, uint64_t id, size_t count)
{
    struct buf payload = {0};
    struct hash32 hash = {{7}};
    if (line->client == NULL)
        return;
    struct les_writer writer = les_request_begin(&payload, id);
    for (size_t i = 0; i < count; i++)
        rlp_add_hash(&payload, &hash);
    les_request_end(&payload, writer);
    server_message(line->client, LES_GET_BLOCK_BODIES, buf_span(&payload));
    buf_free(&payload);
}

static size_t queued_to_all(const struct siege *siege)
{
    size_t sum = 0;
    for (size_t i = 0; i < siege->lines_count; i++)
        sum += siege->lines[i].queue;
    return sum;
}

/* ---- the tests ---- */

Test(server_siege, client_whose_line_is_full_is_served_when_it_empties_whoever_brings_its_answers)
{
    struct siege *siege = siege_new();
    struct line *a = client_new(siege, true), *b = client_new(siege, true),
                *c = client_new(siege, true), *other = client_new(siege, true);
    struct line *full[] = {a, b, c};
    for (size_t i = 0; i < 3; i++)
        ask(full[i], 1, 1);
    world_run_for_ms(siege->world, 2);
    cr_assert_eq(siege->chain.open_count, 3u);
    for (size_t i = 0; i < 3; i++) {
        full[i]->queue = SERVER_OUT_BYTES_MAX;
        ask(full[i], 2, 1);
    }
    siege->chain.answers_older = true; /* one fetch served them all */
    ask(other, 1, 1);
    world_run_for_ms(siege->world, 3);
    cr_assert_eq(other->replies, 1u);
    for (size_t i = 0; i < 3; i++) {
        cr_assert_eq(full[i]->replies, 0u);
        full[i]->queue = 0;
    }
    world_run_for_ms(siege->world, 50);
    for (size_t i = 0; i < 3; i++)
        cr_assert_eq(full[i]->replies, 2u, "client %zu has %zu of 2", i, full[i]->replies);
    siege_free(siege);
}

Test(server_siege, client_may_leave_while_its_line_is_full)
{
    struct siege *siege = siege_new();
    struct line *a = client_new(siege, true), *b = client_new(siege, true);
    siege->chain.answer_size = 10;
    a->queue = b->queue = SERVER_OUT_BYTES_MAX;
    ask(a, 1, 1);
    ask(b, 1, 1);
    world_run_for_ms(siege->world, 20);
    server_detach(a->client);
    b->queue = 0;
    world_run_for_ms(siege->world, 20);
    cr_assert_eq(a->replies, 0u);
    cr_assert_eq(b->replies, 1u);
    siege_free(siege);
}

/* Each asks for 2 MiB twice and reads nothing: 2,000 of them would hold 8 GiB. */
Test(server_siege, those_who_do_not_read_hold_together_no_more_than_the_limit)
{
    struct siege *siege = siege_new();
    struct line *honest = client_new(siege, true);
    siege->chain.answer_size = SIEGE_ANSWER;
    size_t most = 0, asked = 0;
    for (size_t i = 1; i < 400; i++) {
        struct line *line = client_new(siege, false);
        ask(line, 1, 2);
        ask(line, 2, 2);
        ask(honest, ++asked, 1);
        world_run_for_ms(siege->world, 3);
        size_t held = queued_to_all(siege);
        most = held > most ? held : most;
    }
    world_run_for_ms(siege->world, 100);
    cr_assert_leq(most, SERVER_OUT_TOTAL_MAX + 4 * SERVER_REPLY_SOFT_BYTES);
    cr_assert_eq(honest->replies, asked);
    cr_assert_not(honest->closed);
    struct server_stats stats;
    server_stats(siege->server, &stats);
    cr_assert_gt(stats.dropped, 200u);
    siege_free(siege);
}

Test(server_siege, requests_that_wait_are_bounded_for_all_together)
{
    struct siege *siege = siege_new();
    struct line *honest = client_new(siege, true);
    ask(honest, 1, 1);
    struct server_stats stats;
    size_t most = 0, stopped = 0;
    for (size_t i = 1; i < 600; i++) {
        struct line *line = client_new(siege, true);
        for (uint64_t id = 0; id < SERVER_QUEUE_JOBS_MAX; id++)
            ask(line, id, 1);
        server_stats(siege->server, &stats);
        most = stats.queued > most ? stats.queued : most;
    }
    for (size_t i = 1; i < siege->lines_count; i++)
        stopped += siege->lines[i].stops;
    cr_assert_leq(most, SERVER_QUEUE_TOTAL_MAX / 512);
    cr_assert_gt(stopped, 100u);
    cr_assert_eq(honest->stops, 0u);
    cr_assert_not(honest->closed);
    siege_free(siege);
}

Test(server_siege, client_that_goes_on_after_stop_is_not_read_until_resume)
{
    struct siege *siege = siege_new();
    struct line *flood = client_new(siege, true);
    siege->chain.answer_size = 10;
    for (uint64_t id = 0; flood->stops == 0; id++) {
        cr_assert_lt(id, 100000u);
        ask(flood, id, 32);
    }
    size_t more = 0;
    for (; !flood->paused; more++) {
        cr_assert_lt(more, SERVER_FROZEN_BYTES_MAX / 32);
        ask(flood, more, 32);
    }
    cr_assert_geq(more * 32 * 33, SERVER_FROZEN_BYTES_MAX - KIB(2), "what was under way is let go");
    world_run_for_ms(siege->world, 20000);
    cr_assert_eq(flood->resumes, 1u);
    cr_assert_not(flood->paused);
    ask(flood, 1, 1);
    world_run_for_ms(siege->world, 10);
    cr_assert_eq(flood->replies, 1u);
    siege_free(siege);
}
