/* JSON-RPC through the whole light client in the simulated world: published answers byte for byte,
 * answers of a real go-ethereum field by field, and what no vector shows: hints that do not hold,
 * transactions under way, kept answers when the head moves. */
#include "gateway/methods.h"
#include "les/proto/wire.h"
#include "tests/fixture/fixture.h"
#include "tests/sim/world_les.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define GENESIS "vectors/rpc-compat/genesis.json"
#define CHAIN   "vectors/rpc-compat/chain.rlp"
#define HEAD    54

TestSuite(methods, .fini = fixture_leak_gate, .timeout = 300);

#define CALL(method, params)                                                                       \
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"" method "\",\"params\":[" params "]}"
#define RESULT(json) "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":" json "}"

static bool is_offered(const char *method, size_t size)
{
    for (size_t i = 0; i < METHODS_COUNT; i++)
        if (strlen(METHODS[i].name) == size && strncmp(METHODS[i].name, method, size) == 0)
            return true;
    return false;
}

/* ---- execution-apis: every file, twice (the second answer is a kept one) ---- */

static void run_file(struct sim *sim, const char *path, struct tally *tally)
{
    struct buf file = fixture_file(path);
    buf_add_u8(&file, 0);
    const char *request = NULL;
    for (char *line = strtok((char *)file.data, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        if (strncmp(line, ">> ", 3) == 0)
            request = line + 3;
        if (strncmp(line, "<< ", 3) != 0)
            continue;
        cr_assert_neq(request, NULL, "%s", path);
        cr_assert_str_eq(sim_rpc(sim, request), line + 3, "%s\n%.600s\nand not\n%.600s", path,
                         sim_rpc(sim, request), line + 3);
        cr_assert_str_eq(sim_rpc(sim, request), line + 3, "%s: asked again", path);
        tally_run(tally);
    }
    buf_free(&file);
}

Test(methods, answer_as_published_byte_for_byte)
{
    struct tally tally = {.name = "rpc-compat"};
    struct fixture_list files = fixture_list("vectors/rpc-compat", ".io");
    struct sim *sim = sim_new(1, GENESIS, CHAIN, 2);
    sim_start_light(sim, 2, 100);
    sim_wait_head(sim, HEAD, 5000);
    for (size_t i = 0; i < files.count; i++) {
        const char *method = strstr(files.paths[i], "rpc-compat/") + strlen("rpc-compat/");
        if (is_offered(method, (size_t)(strchr(method, '/') - method)))
            run_file(sim, files.paths[i], &tally);
        else
            tally_skip(&tally, method, "the method is not offered");
    }
    cr_assert_eq(sim_lies(sim), 0, "%s", sim_log(sim));
    sim_free(sim);
    fixture_list_free(&files);
    tally_end(&tally);
}

/* ---- a real go-ethereum 1.9.7: it had fewer fields ---- */

/* Everything that geth said is said here too, and the same. */
static void expect_covers(const json_t *ours, const json_t *theirs, const char *where)
{
    const char *key;
    json_t *item;
    size_t i;
    cr_assert_neq(ours, NULL, "%s is missing", where);
    cr_assert_eq(json_typeof(ours), json_typeof(theirs), "%s", where);
    if (json_is_array(theirs)) {
        cr_assert_eq(json_array_size(ours), json_array_size(theirs), "%s", where);
        json_array_foreach(theirs, i, item) expect_covers(json_array_get(ours, i), item, where);
        return;
    }
    if (!json_is_object(theirs)) {
        cr_assert(json_equal(ours, theirs), "%s: %s and not %s", where, json_string_value(ours),
                  json_string_value(theirs));
        return;
    }
    json_object_foreach((json_t *)theirs, key, item)
    {
        if (strcmp(key, "totalDifficulty") != 0) /* newer go-ethereum has dropped it */
            expect_covers(json_object_get(ours, key), item, key);
    }
}

static void run_record(struct sim *sim, const json_t *record, struct tally *tally)
{
    const char *method = json_string_value(json_object_get(record, "method"));
    json_t *theirs = json_object_get(record, "result");
    if (!is_offered(method, strlen(method)) || theirs == NULL) {
        tally_skip(tally, method, "the method is not offered");
        return;
    }
    json_t *request = json_pack("{s:s, s:i, s:s, s:O}", "jsonrpc", "2.0", "id", 1, "method", method,
                                "params", json_object_get(record, "params"));
    char *text = json_dumps(request, JSON_COMPACT);
    json_t *answer = json_loads(sim_rpc(sim, text), JSON_DECODE_ANY, NULL);
    expect_covers(json_object_get(answer, "result"), theirs, text);
    tally_run(tally);
    json_decref(answer);
    json_decref(request);
    free(text);
}

Test(methods, answer_as_a_real_node_did)
{
    struct tally tally = {.name = "geth-rpc/small-rpc.json"};
    json_t *file = fixture_json("vectors/geth-rpc/small-rpc.json"), *record;
    struct sim *sim =
        sim_new(2, "vectors/geth-les/genesis-small.json", "vectors/geth-les/chain-small.rlp", 1);
    size_t i;
    sim_start_light(sim, 1, 100);
    sim_wait_head(sim, 600, 5000);
    json_array_foreach(json_object_get(file, "records"), i, record) run_record(sim, record, &tally);
    cr_assert_eq(sim_lies(sim), 0, "%s", sim_log(sim));
    sim_free(sim);
    json_decref(file);
    tally_end(&tally);
}
