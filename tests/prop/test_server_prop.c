/* Recorded requests, damaged in any way: the server answers, passes over, stops or drops, and what
 * it sends is well formed. */
#include "tests/fixture/fixture.h"
#include "tests/fixture/les_roundtrip.h"
#include "tests/fixture/serve.h"

#include <criterion/criterion.h>

TestSuite(server_prop, .fini = fixture_leak_gate, .timeout = 120);

#define ROUNDS 4000

static void damage(struct buf *payload, uint64_t *seed)
{
    uint64_t times = fixture_random_below(seed, 3);
    while (times-- > 0 && payload->size > 0) {
        size_t at = fixture_random_below(seed, payload->size);
        switch (fixture_random_below(seed, 4)) {
        case 0:
            payload->data[at] ^= (uint8_t)(1u << fixture_random_below(seed, 8));
            break;
        case 1:
            payload->data[at] = (uint8_t)fixture_random(seed);
            break;
        case 2:
            payload->size = at;
            break;
        default:
            buf_add_u8(payload, (uint8_t)fixture_random(seed));
        }
    }
}

/* Everything that was sent decodes and encodes back. */
static void check_sent(struct line *line)
{
    for (struct line_message *message; (message = line_take(line)) != NULL;) {
        struct buf again = {0};
        cr_assert(les_roundtrip(&again, message->code, buf_span(&message->payload)), "%s",
                  les_code_name(message->code));
        cr_assert(span_equal(buf_span(&again), buf_span(&message->payload)));
        buf_free(&again);
        line_message_free(message);
    }
}

Test(server_prop, damaged_requests_do_no_harm)
{
    struct serve *serve =
        serve_new("vectors/geth-les/genesis-small.json", "vectors/geth-les/chain-small.rlp");
    json_t *file = fixture_json("vectors/geth-les/small-les3.json");
    json_t *messages = json_object_get(file, "messages");
    uint64_t seed = fixture_seed();
    struct line *line = NULL;
    for (int round = 0; round < ROUNDS; round++) {
        if (line == NULL)
            line = line_ready(serve, 2 + (unsigned)fixture_random_below(&seed, 3),
                              (enum les_announce_type)fixture_random_below(&seed, 3));
        json_t *message =
            json_array_get(messages, fixture_random_below(&seed, json_array_size(messages)));
        unsigned code = (unsigned)json_integer_value(json_object_get(message, "code"));
        struct buf payload = fixture_hex(json_string_value(json_object_get(message, "payload")));
        if (fixture_random_below(&seed, 8) == 0)
            code = (unsigned)fixture_random_below(&seed, 24);
        damage(&payload, &seed);
        line_send(line, code, buf_span(&payload));
        buf_free(&payload);
        world_run_for_ms(serve->world, fixture_random_below(&seed, 20));
        check_sent(line);
        if (line->closed || fixture_random_below(&seed, 50) == 0) {
            line_free(line);
            line = NULL;
        }
    }
    struct server_stats stats;
    server_stats(serve->server, &stats);
    cr_assert(stats.replies > ROUNDS / 20, "%zu replies", (size_t)stats.replies);
    cr_assert(stats.dropped > ROUNDS / 20, "%zu dropped", (size_t)stats.dropped);
    if (line != NULL)
        line_free(line);
    json_decref(file);
    serve_free(serve);
}
