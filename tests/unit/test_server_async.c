/* The LES server over a backend that answers when it pleases: later, in any order, or never. */
#include "les/base/limits.h"
#include "les/eth/rlp.h"
#include "les/proto/server.h"
#include "tests/fixture/fixture.h"
#include "tests/sim/world.h"

#include <criterion/criterion.h>
#include <signal.h>

TestSuite(server_async, .fini = fixture_leak_gate, .timeout = 60);

#define OPEN_MAX 1024

struct slow {
    struct les_backend base;
    struct les_question *open[OPEN_MAX]; /* in the order they were asked */
    size_t open_count, asked, forgotten;
    struct server_client *drop_while_asking;
};

static void on_ask(struct les_backend *base, struct les_question *question)
{
    struct slow *slow = container_of(base, struct slow, base);
    cr_assert(slow->open_count < OPEN_MAX);
    slow->asked++;
    if (slow->drop_while_asking != NULL) {
        struct server_client *client = slow->drop_while_asking;
        slow->drop_while_asking = NULL;
        server_detach(client);
    }
    slow->open[slow->open_count++] = question;
}

static void remove_at(struct slow *slow, size_t index)
{
    slow->open_count--;
    memmove(slow->open + index, slow->open + index + 1,
            (slow->open_count - index) * sizeof(slow->open[0]));
}

static void on_forget(struct les_backend *base, struct les_question *question)
{
    struct slow *slow = container_of(base, struct slow, base);
    for (size_t i = 0; i < slow->open_count; i++) {
        if (slow->open[i] == question) {
            remove_at(slow, i);
            slow->forgotten++;
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

/* Answers with a string of size bytes of value fill. */
static void answer(struct slow *slow, size_t index, size_t size, uint8_t fill)
{
    struct les_question *question = slow->open[index];
    remove_at(slow, index);
    struct buf bytes = {0};
    buf_reserve(&bytes, size);
    memset(bytes.data, fill, size);
    bytes.size = size;
    rlp_add_bytes(&question->out, buf_span(&bytes));
    buf_free(&bytes);
    les_answer(question, LES_ANSWER_GIVEN);
}

/* ---- a client that keeps the ids and sizes of what it gets ---- */

struct line {
    struct server_client *client;
    bool closed;
    uint64_t ids[64];
    size_t items[64];
    uint8_t first_fill[64];
    size_t replies, stops, resumes;
};

static bool on_send(void *owner, unsigned code, struct span payload)
{
    struct line *line = owner;
    struct span data;
    uint64_t value;
    line->stops += code == LES_STOP;
    line->resumes += code == LES_RESUME;
    if (code != LES_BLOCK_BODIES)
        return true;
    cr_assert(line->replies < 64);
    cr_assert(les_reply_decode(&line->ids[line->replies], &value, &data, payload));
    struct rlp items = rlp_reader(data);
    line->items[line->replies] = rlp_count(items);
    if (data.size > 0)
        line->first_fill[line->replies] = rlp_bytes(&items).data[0];
    line->replies++;
    return true;
}

static void on_close(void *owner, enum peer_reason reason)
{
    struct line *line = owner;
    (void)reason;
    line->closed = true;
    line->client = NULL;
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

struct place {
    struct world *world;
    struct chainspec spec;
    struct slow slow;
    struct server *server;
};

static struct place *place_new(void)
{
    struct place *place = mem_alloc(sizeof(*place));
    place->world = world_new(3);
    place->spec.network_id = 5;
    place->slow.base.ops = &BACKEND_OPS;
    struct server_config config = {.spec = &place->spec, .capacity = 10};
    place->server = server_new(world_host_new(place->world, "10.0.0.1"), NULL, NULL, &config,
                               &place->slow.base);
    return place;
}

static void place_free(struct place *place)
{
    server_free(place->server);
    cr_assert_eq(place->slow.open_count, 0u, "a question was left open");
    world_run_for_ms(place->world, 1);
    world_free(place->world);
    mem_free(place);
}

static struct line *line_new(struct place *place)
{
    struct line *line = mem_alloc(sizeof(*line));
    line->client = server_attach(place->server, &LINE_OPS, line, 3, &HASH32_ZERO);
    struct les_status status = {.version = 3, .network_id = 5};
    struct buf payload = {0};
    les_status_encode(&payload, &status);
    server_message(line->client, LES_STATUS, buf_span(&payload));
    buf_free(&payload);
    cr_assert_not(line->closed);
    return line;
}

/* Asks count times for a block whose hash begins with tag. */
static void send_bodies(struct line *line, uint64_t id, size_t count, uint8_t tag)
{
    struct buf payload = {0};
    struct hash32 hash = {{tag}};
    struct les_writer writer = les_request_begin(&payload, id);
    for (size_t i = 0; i < count; i++)
        rlp_add_hash(&payload, &hash);
    les_request_end(&payload, writer);
    server_message(line->client, LES_GET_BLOCK_BODIES, buf_span(&payload));
    buf_free(&payload);
}

static void ask_bodies(struct place *place, struct line *line, uint64_t id, size_t count)
{
    send_bodies(line, id, count, 0);
    world_run_for_ms(place->world, 2);
}

Test(server_async, items_come_in_the_order_asked_however_they_were_answered)
{
    struct place *place = place_new();
    struct line *line = line_new(place);
    ask_bodies(place, line, 1, 3);
    cr_assert_eq(place->slow.open_count, 3u);
    answer(&place->slow, 2, 10, 3);
    answer(&place->slow, 1, 10, 2);
    world_run_for_ms(place->world, 5);
    cr_assert_eq(line->replies, 0u);
    answer(&place->slow, 0, 10, 1);
    world_run_for_ms(place->world, 5);
    cr_assert_eq(line->replies, 1u);
    cr_assert_eq(line->items[0], 3u);
    cr_assert_eq(line->first_fill[0], 1);
    server_detach(line->client);
    mem_free(line);
    place_free(place);
}

Test(server_async, reply_overtakes_one_that_is_not_ready)
{
    struct place *place = place_new();
    struct line *line = line_new(place);
    ask_bodies(place, line, 1, 1);
    ask_bodies(place, line, 2, 1);
    answer(&place->slow, 1, 10, 1);
    world_run_for_ms(place->world, 5);
    cr_assert(line->replies == 1 && line->ids[0] == 2);
    answer(&place->slow, 0, 10, 1);
    world_run_for_ms(place->world, 5);
    cr_assert(line->replies == 2 && line->ids[1] == 1);
    server_detach(line->client);
    mem_free(line);
    place_free(place);
}

Test(server_async, clients_take_turns_question_by_question)
{
    struct place *place = place_new();
    struct line *greedy = line_new(place), *modest = line_new(place);
    for (uint64_t id = 1; id <= 5; id++)
        send_bodies(greedy, id, 32, 1);
    send_bodies(modest, 1, 3, 2);
    world_run_for_ms(place->world, 2);
    size_t last_modest = 0;
    for (size_t i = 0; i < place->slow.open_count; i++) {
        if (place->slow.open[i]->ask.block_hash.bytes[0] == 2)
            last_modest = i;
    }
    cr_assert_eq(last_modest, 5u); /* one of each in turn */
    server_detach(greedy->client);
    server_detach(modest->client);
    mem_free(greedy);
    mem_free(modest);
    place_free(place);
}

Test(server_async, no_item_is_added_after_two_mebibytes)
{
    struct place *place = place_new();
    struct line *line = line_new(place);
    ask_bodies(place, line, 1, 8);
    for (int i = 0; i < 3; i++)
        answer(&place->slow, 0, MIB(1) - 100, 7);
    world_run_for_ms(place->world, 5);
    cr_assert_eq(line->replies, 1u);
    cr_assert_eq(line->items[0], 3u); /* two are just below the limit */
    cr_assert_eq(place->slow.forgotten, 5u);
    server_detach(line->client);
    mem_free(line);
    place_free(place);
}

Test(server_async, questions_under_way_are_bounded)
{
    struct place *place = place_new();
    struct line *line = line_new(place);
    for (uint64_t id = 1; id <= 20; id++)
        ask_bodies(place, line, id, 32);
    cr_assert_eq(place->slow.open_count, SERVER_PARALLEL_JOBS * 32u);
    struct server_stats stats;
    server_stats(place->server, &stats);
    cr_assert_eq(stats.queued, 20u);
    while (place->slow.open_count > 0) {
        answer(&place->slow, place->slow.open_count / 2, 4, 1);
        world_run_for_ms(place->world, 1);
    }
    world_run_for_ms(place->world, 5);
    cr_assert_eq(line->replies, 20u);
    server_detach(line->client);
    mem_free(line);
    place_free(place);
}

Test(server_async, client_that_leaves_has_its_questions_forgotten)
{
    struct place *place = place_new();
    struct line *line = line_new(place);
    ask_bodies(place, line, 1, 5);
    answer(&place->slow, 1, 10, 1);
    server_detach(line->client);
    cr_assert_eq(place->slow.forgotten, 4u);
    cr_assert_eq(line->replies, 0u);
    mem_free(line);

    line = line_new(place);
    ask_bodies(place, line, 1, 2);
    server_free(place->server);
    cr_assert(line->closed);
    struct server_config config = {.spec = &place->spec};
    place->server = server_new(world_host_new(place->world, "10.0.0.2"), NULL, NULL, &config,
                               &place->slow.base);
    mem_free(line);
    place_free(place);
}

Test(server_async, client_may_leave_while_its_question_is_asked)
{
    struct place *place = place_new();
    struct line *line = line_new(place);
    place->slow.drop_while_asking = line->client;
    ask_bodies(place, line, 1, 5);
    cr_assert_eq(place->slow.asked, 1u);
    cr_assert_eq(place->slow.forgotten, 1u);
    mem_free(line);
    place_free(place);
}

Test(server_async, client_is_stopped_before_it_gives_up_waiting)
{
    struct place *place = place_new();
    struct line *line = line_new(place);
    ask_bodies(place, line, 1, 5);
    world_run_for_ms(place->world, SERVER_WAIT_MAX_MS - 100);
    cr_assert_eq(line->stops, 0u);
    world_run_for_ms(place->world, 2400); /* go-ethereum waits 10.5 s */
    cr_assert_eq(line->stops, 1u);
    cr_assert_eq(place->slow.forgotten, 5u);
    world_run_for_ms(place->world, 3000);
    cr_assert_eq(line->resumes, 1u);
    server_detach(line->client);
    mem_free(line);
    place_free(place);
}

Test(server_async, answering_twice_is_a_bug, .signal = SIGABRT)
{
    struct place *place = place_new();
    struct line *line = line_new(place);
    ask_bodies(place, line, 1, 1);
    struct les_question *question = place->slow.open[0];
    les_answer(question, LES_ANSWER_NONE);
    les_answer(question, LES_ANSWER_NONE);
}
