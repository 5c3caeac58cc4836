/* What go-ethereum 1.9.7 answered to recorded requests, and what our server answers on the same
 * chain: the same content. The buffer value is the server's own, so it is left out. */
#include "tests/fixture/fixture.h"
#include "tests/fixture/serve.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

TestSuite(geth_les_server, .fini = fixture_leak_gate, .timeout = 1200);

static void expect_reply(struct line *line, unsigned code, struct span recorded, const char *note)
{
    struct line_message *message = line_take(line);
    cr_assert_not_null(message, "no reply to: %s", note);
    cr_assert_eq(message->code, code, "%s", note);
    uint64_t id, recorded_id, value, recorded_value;
    struct span data, recorded_data;
    cr_assert(les_reply_decode(&id, &value, &data, buf_span(&message->payload)), "%s", note);
    cr_assert(les_reply_decode(&recorded_id, &recorded_value, &recorded_data, recorded));
    cr_assert_eq(id, recorded_id, "%s", note);
    cr_assert(value <= SERVER_BUFFER_UNIT, "%s", note);
    cr_assert(span_equal(data, recorded_data), "%s: %zu bytes, recorded %zu", note, data.size,
              recorded_data.size);
    line_message_free(message);
}

static void expect_status(struct line *line, struct span recorded)
{
    struct line_message *message = line_take(line);
    struct les_status ours, theirs;
    cr_assert_eq(message->code, LES_STATUS);
    cr_assert(les_status_decode(&ours, buf_span(&message->payload)));
    cr_assert(les_status_decode(&theirs, recorded));
    ours.has_checkpoint = theirs.has_checkpoint; /* a stock server has no oracle on this chain */
    struct buf a = {0}, b = {0};
    les_status_encode(&a, &ours);
    les_status_encode(&b, &theirs);
    cr_assert(span_equal(buf_span(&a), buf_span(&b)));
    buf_free(&a);
    buf_free(&b);
    line_message_free(message);
}

#define GENESIS "vectors/geth-les/genesis-small.json"

static bool needs_execution(unsigned code)
{
    return code == LES_PROOFS_V2 || code == LES_CODE || code == LES_RECEIPTS ||
           code == LES_TX_STATUS;
}

static void replay(struct serve *serve, const char *path, bool executed)
{
    json_t *file = fixture_json(path), *message;
    unsigned version = (unsigned)json_integer_value(json_object_get(file, "les"));
    struct line *line = line_open(serve, version, 1);
    struct tally tally = {.name = path};
    size_t i;
    json_array_foreach(json_object_get(file, "messages"), i, message)
    {
        const char *note = json_string_value(json_object_get(message, "note"));
        unsigned code = (unsigned)json_integer_value(json_object_get(message, "code"));
        struct buf payload = fixture_hex(json_string_value(json_object_get(message, "payload")));
        bool from_client =
            strcmp(json_string_value(json_object_get(message, "from")), "client") == 0;
        if (from_client) {
            if (executed || !needs_execution(les_reply_code(code)))
                line_send(line, code, buf_span(&payload));
            world_run_for_ms(serve->world, 100);
        } else if (code == LES_STATUS) {
            expect_status(line, buf_span(&payload));
            tally_run(&tally);
        } else if (!executed && needs_execution(code)) {
            tally_skip(&tally, note, "needs the chain to be executed: set LESGATE_BIG=1");
        } else {
            expect_reply(line, code, buf_span(&payload), note);
            tally_run(&tally);
        }
        buf_free(&payload);
        cr_assert_not(line->closed, "%s", note);
    }
    cr_assert_null(line->first);
    json_decref(file);
    line_free(line);
    serve_free(serve);
    tally_end(&tally);
}

Test(geth_les_server, small_chain_les2)
{
    replay(serve_new(GENESIS, "vectors/geth-les/chain-small.rlp"),
           "vectors/geth-les/small-les2.json", true);
}

Test(geth_les_server, small_chain_les3)
{
    replay(serve_new(GENESIS, "vectors/geth-les/chain-small.rlp"),
           "vectors/geth-les/small-les3.json", true);
}

static struct buf unpacked(const char *path)
{
    struct buf command = {0}, bytes = {0};
    fixture_need(path);
    buf_printf(&command, "xz -dc '%s/%s'", SHARED_DIR, path);
    buf_add_u8(&command, 0);
    FILE *pipe = popen((const char *)command.data, "r");
    cr_assert_not_null(pipe);
    char chunk[65536];
    for (size_t size; (size = fread(chunk, 1, sizeof(chunk), pipe)) != 0;)
        buf_add(&bytes, chunk, size);
    cr_assert_eq(pclose(pipe), 0, "xz failed: is it installed?");
    buf_free(&command);
    return bytes;
}

/* 45,000 blocks: section 0 of the helper tries among them. */
Test(geth_les_server, big_chain_les3)
{
    bool executed = getenv("LESGATE_BIG") != NULL;
    struct buf chain = unpacked("vectors/geth-les/chain-big.rlp.xz");
    struct serve *serve = serve_new_over(GENESIS, buf_span(&chain), executed);
    buf_free(&chain);
    replay(serve, "vectors/geth-les/big-les3.json", executed);
}
