#include "gateway/rpc/params.h"
#include "gateway/rpc/rpc.h"
#include "tests/fixture/fixture.h"
#include "tests/fixture/still.h"

#include <criterion/criterion.h>

TestSuite(rpc, .fini = fixture_leak_gate);

/* ---- methods under test ---- */

struct bench {
    struct still world;
    struct rpc *rpc;
    struct call *pending[8];
    size_t pending_count, cancelled;
    struct buf reply; /* what on_reply brought */
    size_t replies;
};

static struct call_done test_echo(struct call *call, void *ctx)
{
    struct buf *out = call_result(call);
    (void)ctx;
    json_put_array(out);
    json_put_raw(out, call_params_text(call));
    json_put_u64(out, call_params_count(call));
    json_put_array_end(out);
    return call_ok(call);
}

static struct call_done test_fail(struct call *call, void *ctx)
{
    (void)ctx;
    json_put_string(call_result(call), SPAN_STR("never seen"));
    return call_fail(call, RPC_REVERTED, "execution reverted: <\"&\x01\xff>",
                     SPAN_STR("\"0x08c3\""));
}

static void on_cancel(struct call *call)
{
    struct bench *bench = call_state(call);
    bench->cancelled++;
}

static struct call_done test_wait(struct call *call, void *ctx)
{
    struct bench *bench = ctx;
    cr_assert_lt(bench->pending_count, ARRAY_COUNT(bench->pending));
    bench->pending[bench->pending_count++] = call;
    call_set_state(call, bench);
    return call_pending(call, on_cancel);
}

static struct call_done test_big(struct call *call, void *ctx)
{
    (void)ctx;
    static const uint8_t zeros[6000000];
    json_put_data(call_result(call), SPAN(zeros, sizeof zeros));
    return call_ok(call);
}

static const struct rpc_method TEST_METHODS[] = {
    {"test_echo", test_echo, "*?*?*?", CALL_CACHE_NEVER},
    {"test_fail", test_fail, "", CALL_CACHE_NEVER},
    {"test_wait", test_wait, "", CALL_CACHE_NEVER},
    {"test_big", test_big, "", CALL_CACHE_NEVER},
    {"test_balance", test_echo, "AB?", CALL_CACHE_NEVER},
    {"test_block", test_echo, "B", CALL_CACHE_NEVER},
    {"test_byNumber", test_echo, "NT", CALL_CACHE_NEVER},
    {"test_byHash", test_echo, "HI", CALL_CACHE_NEVER},
    {"test_numbers", test_echo, "QUC", CALL_CACHE_NEVER},
    {"test_sha3", test_echo, "D", CALL_CACHE_NEVER},
    {"test_text", test_echo, "SL?", CALL_CACHE_NEVER},
    {"test_logs", test_echo, "F", CALL_CACHE_NEVER},
    {"test_values", test_echo, "R", CALL_CACHE_NEVER},
    {"test_fees", test_echo, "CNP", CALL_CACHE_NEVER},
};

static void open_bench(struct bench *bench)
{
    *bench = (struct bench){0};
    still_init(&bench->world);
    bench->rpc = rpc_new(&(struct rpc_options){.loop = &bench->world.loop,
                                               .methods = TEST_METHODS,
                                               .methods_count = ARRAY_COUNT(TEST_METHODS),
                                               .ctx = bench,
                                               .timeout_ms = 1000,
                                               .calls_max = 4});
}

static void close_bench(struct bench *bench)
{
    rpc_free(bench->rpc);
    loop_turn(&bench->world.loop);
    loop_deinit(&bench->world.loop);
    buf_free(&bench->reply);
}

static void on_reply(void *owner, struct span reply)
{
    struct bench *bench = owner;
    bench->replies++;
    buf_clear(&bench->reply);
    buf_add_span(&bench->reply, reply);
}

static enum rpc_outcome submit(struct bench *bench, struct span text, struct buf *reply,
                               struct rpc_request **request)
{
    return rpc_submit(bench->rpc, text, reply, request, on_reply, bench);
}

static void expect_span(struct bench *bench, struct span text, const char *wanted)
{
    struct buf reply = {0};
    struct rpc_request *request;
    enum rpc_outcome outcome = submit(bench, text, &reply, &request);
    cr_assert_neq(outcome, RPC_WAITING, "%.*s", (int)text.size, (const char *)text.data);
    cr_assert_null(request);
    buf_add_u8(&reply, 0);
    cr_assert_str_eq((const char *)reply.data, wanted, "%.*s\ngave %.400s\nwant %.400s",
                     (int)text.size, (const char *)text.data, (const char *)reply.data, wanted);
    buf_free(&reply);
}

static void expect(const char *text, const char *wanted)
{
    struct bench bench;
    open_bench(&bench);
    expect_span(&bench, SPAN_STR(text), wanted);
    close_bench(&bench);
}

struct row {
    const char *text, *wanted;
};

static void expect_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        expect(rows[i].text, rows[i].wanted);
}

#define ERROR(id, code, message)                                                                   \
    "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"error\":{\"code\":" code ",\"message\":\"" message "\"}" \
    "}"
#define INVALID(id) ERROR(id, "-32600", "invalid request")
#define PARSE       ERROR("null", "-32700", "parse error")

Test(rpc, envelopes_are_answered_as_go_ethereum_does)
{
    static const struct row rows[] = {
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"test_echo\"}",
         "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":[[],0]}"},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"test_echo\",\"params\":null}",
         "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":[[],0]}"},
        {" \n{\"jsonrpc\":\"2.0\",\"id\":1.50,\"method\":\"test_echo\",\"params\":[ 1, {\"a\":[]} "
         "]} trailing",
         "{\"jsonrpc\":\"2.0\",\"id\":1.50,\"result\":[[ 1, {\"a\":[]} ],2]}"},
        {"{\"id\":\"a\\u0041\\n\",\"jsonrpc\":\"2.0\",\"method\":\"test\\u005fecho\"}",
         "{\"jsonrpc\":\"2.0\",\"id\":\"a\\u0041\\n\",\"result\":[[],0]}"},
        {"{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"test_echo\"}",
         "{\"jsonrpc\":\"2.0\",\"id\":null,\"result\":[[],0]}"},
        {"{\"JSONRPC\":\"2.0\",\"Id\":123456789012345678901234567890,\"METHOD\":\"test_echo\"}",
         "{\"jsonrpc\":\"2.0\",\"id\":123456789012345678901234567890,\"result\":[[],0]}"},
        {"{\"jsonrpc\":\"2.0\",\"id\":true,\"method\":\"test_echo\"}",
         "{\"jsonrpc\":\"2.0\",\"id\":true,\"result\":[[],0]}"},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"id\":2,\"method\":\"x\",\"method\":\"test_echo\"}",
         "{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":[[],0]}"},
        {"{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"test_echo\"}", INVALID("null")},
        {"{\"jsonrpc\":\"2.0\",\"id\":[1],\"method\":\"test_echo\"}", INVALID("null")},
        {"{\"jsonrpc\":\"1.0\",\"id\":7,\"method\":\"test_echo\"}", INVALID("7")},
        {"{\"jsonrpc\":2.0,\"id\":7,\"method\":\"test_echo\"}", INVALID("7")},
        {"{\"id\":7,\"method\":\"test_echo\"}", INVALID("7")},
        {"{\"method\":\"test_echo\"}", INVALID("null")},
        {"{\"jsonrpc\":\"2.0\",\"id\":7}", INVALID("7")},
        {"{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"\"}", INVALID("7")},
        {"{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":5}", INVALID("7")},
        {"{}", INVALID("null")},
        {"1", INVALID("null")},
        {"null", INVALID("null")},
        {"01", INVALID("null")},
        {"\"text\"", INVALID("null")},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"eth_nothing\"}",
         ERROR("1", "-32601", "the method eth_nothing does not exist/is not available")},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"<\\u0000\\\"\\ud83d\\ude00\\ud800>\"}",
         ERROR("1", "-32601",
               "the method \\u003c\\u0000\\\"\xf0\x9f\x98\x80\xef\xbf\xbd\\u003e does not exist/is "
               "not available")},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"test_fail\"}",
         "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":3,\"message\":\"execution reverted: "
         "\\u003c\\\"\\u0026\\u0001\\ufffd\\u003e\",\"data\":\"0x08c3\"}}"},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"eth_subscribe\",\"params\":[\"newHeads\"]}",
         ERROR("1", "-32601", "notifications not supported")},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"eth_unsubscribe\",\"params\":[\"0x1\"]}",
         ERROR("1", "-32000", "subscription not found")},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"eth_unsubscribe\"}",
         ERROR("1", "-32602", "missing value for required argument 0")},
    };
    expect_rows(rows, ARRAY_COUNT(rows));
}

Test(rpc, what_is_no_call_gets_no_reply)
{
    static const struct row rows[] = {
        {"", ""},
        {" \r\n\t", ""},
        {"{\"jsonrpc\":\"2.0\",\"method\":\"test_echo\"}", ""},
        {"{\"jsonrpc\":\"2.0\",\"method\":\"test_fail\"}", ""},
        {"{\"jsonrpc\":\"2.0\",\"method\":\"no_such\"}", ""},
        {"{\"jsonrpc\":\"2.0\",\"method\":\"eth_subscription\",\"params\":{}}", ""},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":5}", ""},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{}}", ""},
        {"[{\"jsonrpc\":\"2.0\",\"method\":\"test_echo\"},{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":"
         "5}]",
         ""},
    };
    expect_rows(rows, ARRAY_COUNT(rows));
}

Test(rpc, broken_json_is_a_parse_error)
{
    static const char *const rows[] = {
        "{",           "[",
        "nul",         "{\"a\"}",
        "{\"a\":}",    "{\"a\":1,}",
        "[1,]",        "[1 2]",
        "\"abc",       "\"\\x\"",
        "\"\\u12g4\"", "[01]",
        "1.",          "1e",
        "-",           "+1",
        ".5",          "{1:2}",
        "\"a\nb\"",    "\x01",
        "'a'",         "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"test_echo\"",
        "tru",         "[[[",
        "{\"a\":[}",   "]"};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
        expect(rows[i], PARSE);
}

Test(rpc, nesting_has_a_limit)
{
    struct buf deep = {0};
    struct bench bench;
    open_bench(&bench);
    for (int i = 0; i < 200000; i++)
        buf_add_u8(&deep, '[');
    expect_span(&bench, buf_span(&deep), PARSE);
    buf_clear(&deep);
    for (int i = 0; i < 200000; i++)
        buf_add_str(&deep, "{\"a\":");
    expect_span(&bench, buf_span(&deep), PARSE);
    buf_clear(&deep);
    buf_add_str(&deep, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"test_echo\",\"params\":[");
    for (int i = 0; i < 100; i++)
        buf_add_u8(&deep, '[');
    for (int i = 0; i < 100; i++)
        buf_add_u8(&deep, ']');
    buf_add_str(&deep, "]}");
    struct buf reply = {0};
    struct rpc_request *request;
    cr_assert_eq(submit(&bench, buf_span(&deep), &reply, &request), RPC_ANSWERED);
    cr_assert(reply.size > 200);
    buf_free(&reply);
    buf_free(&deep);
    close_bench(&bench);
}

Test(rpc, method_names_have_a_limit)
{
    struct buf text = {0};
    struct bench bench;
    open_bench(&bench);
    buf_add_str(&text, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"");
    for (int i = 0; i < 2049; i++)
        buf_add_u8(&text, 'a');
    buf_add_str(&text, "\"}");
    expect_span(&bench, buf_span(&text),
                ERROR("1", "-32600", "method name too long: 2049 \\u003e 2048"));
    buf_free(&text);
    close_bench(&bench);
}

#define ADDRESS "\"0x00000000000000000000000000000000000000ff\""
#define HASH    "\"0x00000000000000000000000000000000000000000000000000000000000000ff\""
#define CALL(method, params)                                                                       \
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"" method "\",\"params\":" params "}"
#define BAD(message) ERROR("1", "-32602", message)
#define TYPE(index, what, type)                                                                    \
    BAD("invalid argument " index ": json: cannot unmarshal " what " into Go value of type " type)
#define GOOD(params, count) "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":[" params "," count "]}"

Test(rpc, parameters_fail_with_the_texts_of_go_ethereum)
{
    static const struct row rows[] = {
        {CALL("test_balance", "{}"), BAD("non-array args")},
        {CALL("test_balance", "5"), BAD("non-array args")},
        {CALL("test_balance", "[]"), BAD("missing value for required argument 0")},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"test_balance\"}",
         BAD("missing value for required argument 0")},
        {CALL("test_balance", "[" ADDRESS "]"), GOOD("[" ADDRESS "]", "1")},
        {CALL("test_balance", "[" ADDRESS ",null]"), GOOD("[" ADDRESS ",null]", "2")},
        {CALL("test_balance", "[" ADDRESS ",\"latest\",1]"),
         BAD("too many arguments, want at most 2")},
        {CALL("test_balance", "[1,\"latest\",1]"), TYPE("0", "non-string", "common.Address")},
        {CALL("test_balance", "[null]"), TYPE("0", "non-string", "common.Address")},
        {CALL("test_balance", "[\"\"]"),
         BAD("invalid argument 0: hex string has length 0, want 40 for common.Address")},
        {CALL("test_balance", "[\"00\"]"),
         TYPE("0", "hex string without 0x prefix", "common.Address")},
        {CALL("test_balance", "[\"0x123\"]"),
         TYPE("0", "hex string of odd length", "common.Address")},
        {CALL("test_balance", "[\"0x1234\"]"),
         BAD("invalid argument 0: hex string has length 4, want 40 for common.Address")},
        {CALL("test_balance", "[\"0xzz000000000000000000000000000000000000ff\"]"),
         TYPE("0", "invalid hex string", "common.Address")},
        {CALL("test_balance", "[" ADDRESS ",5]"), TYPE("1", "number", "string")},
        {CALL("test_balance", "[" ADDRESS ",true]"), TYPE("1", "bool", "string")},
        {CALL("test_balance", "[" ADDRESS ",[]]"), TYPE("1", "array", "string")},
        {CALL("test_balance", "[" ADDRESS ",\"\"]"), BAD("invalid argument 1: empty hex string")},
        {CALL("test_balance", "[" ADDRESS ",\"best\"]"),
         BAD("invalid argument 1: hex string without 0x prefix")},
        {CALL("test_balance", "[" ADDRESS ",\"0x\"]"),
         BAD("invalid argument 1: hex string \\\"0x\\\"")},
        {CALL("test_balance", "[" ADDRESS ",\"0x01\"]"),
         BAD("invalid argument 1: hex number with leading zero digits")},
        {CALL("test_balance", "[" ADDRESS ",\"0xg\"]"),
         BAD("invalid argument 1: invalid hex string")},
        {CALL("test_balance", "[" ADDRESS ",\"0x10000000000000000\"]"),
         BAD("invalid argument 1: hex number \\u003e 64 bits")},
        {CALL("test_balance", "[" ADDRESS ",\"0x8000000000000000\"]"),
         BAD("invalid argument 1: blocknumber too high")},
        {CALL("test_balance", "[" ADDRESS ",{}]"),
         BAD("invalid argument 1: must specify either BlockHash or BlockNumber")},
        {CALL("test_balance", "[" ADDRESS ",{\"blockHash\":" HASH ",\"blockNumber\":\"0x1\"}]"),
         BAD("invalid argument 1: cannot specify both BlockHash and BlockNumber, choose one or the "
             "other")},
        {CALL("test_balance", "[" ADDRESS ",{\"blockHash\":\"0x12\"}]"),
         TYPE("1", "object", "string")},
        {CALL("test_balance", "[" ADDRESS ",{\"blockHash\":" HASH ",\"requireCanonical\":true}]"),
         GOOD("[" ADDRESS ",{\"blockHash\":" HASH ",\"requireCanonical\":true}]", "2")},
        {CALL("test_balance", "[" ADDRESS "," HASH "]"), GOOD("[" ADDRESS "," HASH "]", "2")},
        {CALL("test_block", "[]"), BAD("missing value for required argument 0")},
        {CALL("test_block", "[null]"),
         BAD("invalid argument 0: must specify either BlockHash or BlockNumber")},
        {CALL("test_block", "[\"2\"]"), BAD("invalid argument 0: hex string without 0x prefix")},
        {CALL("test_byNumber", "[\"earliest\"]"), BAD("missing value for required argument 1")},
        {CALL("test_byNumber", "[5,true]"),
         BAD("invalid argument 0: hex string without 0x prefix")},
        {CALL("test_byNumber", "[\"0xffffffffffffffff\",true]"),
         BAD("invalid argument 0: block number larger than int64")},
        {CALL("test_byNumber", "[\"pending\",\"true\"]"), TYPE("1", "string", "bool")},
        {CALL("test_byNumber", "[\"pending\",null]"), GOOD("[\"pending\",null]", "2")},
        {CALL("test_byHash", "[\"2\",\"0x0\"]"),
         TYPE("0", "hex string without 0x prefix", "common.Hash")},
        {CALL("test_byHash", "[" HASH ",1]"), TYPE("1", "non-string", "hexutil.Uint")},
        {CALL("test_byHash", "[" HASH ",\"0x00\"]"),
         TYPE("1", "hex number with leading zero digits", "hexutil.Uint")},
        {CALL("test_byHash", "[" HASH ",\"0x11111111111111111\"]"),
         TYPE("1", "hex number \\u003e 64 bits", "hexutil.Uint")},
        {CALL("test_numbers", "[\"0xffffffffffffffff\",\"0x1\",\"0x0a\"]"),
         GOOD("[\"0xffffffffffffffff\",\"0x1\",\"0x0a\"]", "3")},
        {CALL("test_numbers", "[\"\",\"\",\"\"]"), GOOD("[\"\",\"\",\"\"]", "3")},
        {CALL("test_numbers", "[\"0x1\",\"0x1\",1024]"), GOOD("[\"0x1\",\"0x1\",1024]", "3")},
        {CALL("test_numbers", "[\"0x1\",\"0x1\",\"0010\"]"),
         GOOD("[\"0x1\",\"0x1\",\"0010\"]", "3")},
        {CALL("test_numbers", "[\"0x1\",\"0x1\",1.5]"),
         BAD("invalid argument 2: invalid hex or decimal integer \\\"1.5\\\"")},
        {CALL("test_numbers", "[\"0x1\",\"0x1\",-1]"),
         BAD("invalid argument 2: invalid hex or decimal integer \\\"-1\\\"")},
        {CALL("test_numbers", "[\"0x1\",\"0x1\",\"abc\"]"),
         BAD("invalid argument 2: invalid hex or decimal integer \\\"abc\\\"")},
        {CALL("test_numbers", "[\"0x1\",\"0x1\",18446744073709551616]"),
         BAD("invalid argument 2: invalid hex or decimal integer \\\"18446744073709551616\\\"")},
        {CALL("test_numbers", "[1,\"0x1\",1]"), TYPE("0", "non-string", "hexutil.Uint64")},
        {CALL(
             "test_numbers",
             "[\"0x1\",\"0x10000000000000000000000000000000000000000000000000000000000000000\",1]"),
         TYPE("1", "hex number \\u003e 256 bits", "*hexutil.Big")},
        {CALL("test_sha3", "[\"0x\"]"), GOOD("[\"0x\"]", "1")},
        {CALL("test_sha3", "[\"0x1\"]"), TYPE("0", "hex string of odd length", "hexutil.Bytes")},
        {CALL("test_sha3", "[\"68\"]"), TYPE("0", "hex string without 0x prefix", "hexutil.Bytes")},
        {CALL("test_sha3", "[\"0xgg\"]"), TYPE("0", "invalid hex string", "hexutil.Bytes")},
        {CALL("test_text", "[5]"), TYPE("0", "number", "string")},
        {CALL("test_text", "[\"a\",\"b\"]"), TYPE("1", "string", "[]string")},
        {CALL("test_text", "[\"a\",[5]]"), TYPE("1", "number", "string")},
        {CALL("test_logs", "[5]"), TYPE("0", "number", "filters.input")},
        {CALL("test_logs", "[{}]"), GOOD("[{}]", "1")},
        {CALL("test_logs", "[{\"blockHash\":" HASH ",\"fromBlock\":\"0x1\"}]"),
         BAD("invalid argument 0: cannot specify both BlockHash and FromBlock/ToBlock, choose one "
             "or the other")},
        {CALL("test_logs", "[{\"blockHash\":\"0x1\"}]"),
         BAD("invalid argument 0: json: cannot unmarshal hex string of odd length into Go struct "
             "field input.blockHash of type "
             "common.Hash")},
        {CALL("test_logs", "[{\"fromBlock\":\"x\"}]"),
         BAD("invalid argument 0: hex string without 0x prefix")},
        {CALL("test_logs", "[{\"address\":5}]"),
         BAD("invalid argument 0: invalid addresses in query")},
        {CALL("test_logs", "[{\"address\":\"0x12\"}]"),
         BAD("invalid argument 0: invalid address: hex has invalid length 1 after decoding; "
             "expected 20 for address")},
        {CALL("test_logs", "[{\"address\":[" ADDRESS ",1]}]"),
         BAD("invalid argument 0: non-string address at index 1")},
        {CALL("test_logs", "[{\"address\":[" ADDRESS ",\"\"]}]"),
         BAD("invalid argument 0: invalid address at index 1: empty hex string")},
        {CALL("test_logs", "[{\"topics\":5}]"),
         BAD("invalid argument 0: json: cannot unmarshal number into Go struct field input.topics "
             "of type []interface {}")},
        {CALL("test_logs", "[{\"topics\":[1]}]"), BAD("invalid argument 0: invalid topic(s)")},
        {CALL("test_logs", "[{\"topics\":[null,[" HASH ",null,7]]}]"),
         GOOD("[{\"topics\":[null,[" HASH ",null,7]]}]", "1")},
        {CALL("test_logs", "[{\"topics\":[[7]]}]"), BAD("invalid argument 0: invalid topic(s)")},
        {CALL("test_logs", "[{\"topics\":[\"0x1234\"]}]"),
         BAD("invalid argument 0: hex has invalid length 2 after decoding; expected 32 for topic")},
        {CALL("test_logs", "[{\"topics\":[null,null,null,null,null]}]"),
         BAD("invalid argument 0: exceed max topics")},
        {CALL("test_values", "[{}]"), BAD("empty request")},
        {CALL("test_values", "[[]]"), TYPE("0", "array", "map[common.Address][]common.Hash")},
        {CALL("test_values", "[{\"0x12\":[]}]"),
         BAD("invalid argument 0: hex string has length 2, want 40 for Address")},
        {CALL("test_values", "[{" ADDRESS ":[" HASH "]}]"),
         GOOD("[{" ADDRESS ":[" HASH "]}]", "1")},
        {CALL("test_values", "[{" ADDRESS ":[\"0x1\"]}]"),
         TYPE("0", "hex string of odd length", "common.Hash")},
        {CALL("test_fees", "[\"0x5\",\"latest\",[20,30.5]]"),
         GOOD("[\"0x5\",\"latest\",[20,30.5]]", "3")},
        {CALL("test_fees", "[5,\"latest\",null]"), GOOD("[5,\"latest\",null]", "3")},
        {CALL("test_fees", "[5,\"latest\"]"), BAD("missing value for required argument 2")},
        {CALL("test_fees", "[5,\"latest\",[\"x\"]]"), TYPE("2", "string", "float64")},
        {CALL("test_fees", "[5,\"latest\",5]"), TYPE("2", "number", "[]float64")},
        {CALL("test_echo", "[\"\xff\"]"), GOOD("[\"\xff\"]", "1")},
    };
    expect_rows(rows, ARRAY_COUNT(rows));
}

#define ECHO(id)   "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"test_echo\"}"
#define ECHOED(id) "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"result\":[[],0]}"

Test(rpc, batches_keep_their_order_and_skip_what_is_no_call)
{
    static const struct row rows[] = {
        {"[]", ERROR("null", "-32600", "empty batch")},
        {" [ ] ", ERROR("null", "-32600", "empty batch")},
        {"[" ECHO("1") "," ECHO("\"b\"") "]", "[" ECHOED("1") "," ECHOED("\"b\"") "]"},
        {"[" ECHO("1") ",{\"jsonrpc\":\"2.0\",\"method\":\"test_echo\"}," ECHO("2") "]",
         "[" ECHOED("1") "," ECHOED("2") "]"},
        {"[1,null," ECHO("1") ",[]]",
         "[" INVALID("null") "," INVALID("null") "," ECHOED("1") "," INVALID("null") "]"},
        {"[" ECHO("1") "", PARSE},
    };
    expect_rows(rows, ARRAY_COUNT(rows));
}

Test(rpc, batches_have_a_limit_of_calls)
{
    struct buf text = {0};
    struct bench bench;
    open_bench(&bench);
    buf_add_str(&text, "[{\"jsonrpc\":\"2.0\",\"method\":\"test_echo\"}");
    for (int i = 1; i < 1001; i++)
        buf_printf(&text, ",{\"jsonrpc\":\"2.0\",\"id\":%d,\"method\":\"test_echo\"}", i + 40);
    buf_add_str(&text, "]");
    expect_span(&bench, buf_span(&text), "[" ERROR("41", "-32600", "batch too large") "]");
    text.size -= 2;
    struct span cut = SPAN(text.data, text.size);
    while (cut.data[cut.size - 1] != ',') /* one call fewer: 1000 */
        cut.size--;
    cut.size--;
    while (cut.data[cut.size - 1] != ',')
        cut.size--;
    cut.size--;
    struct buf thousand = {0}, reply = {0};
    struct rpc_request *request;
    while (cut.data[cut.size - 1] != '}')
        cut.size--;
    buf_add_span(&thousand, cut);
    buf_add_str(&thousand, "]");
    cr_assert_eq(submit(&bench, buf_span(&thousand), &reply, &request), RPC_ANSWERED);
    cr_assert(reply.size > 999 * 40 && reply.data[0] == '[' && reply.data[reply.size - 1] == ']');
    buf_free(&thousand);
    buf_free(&reply);
    buf_free(&text);
    close_bench(&bench);
}

Test(rpc, a_batch_with_too_large_results_fails_the_rest)
{
    struct bench bench;
    struct buf reply = {0};
    struct rpc_request *request;
    open_bench(&bench);
#define BIG "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"test_big\"}"
    const char *text = "[" BIG "," BIG "," BIG "," ECHO("4") "," ECHO("5") "]";
    cr_assert_eq(submit(&bench, SPAN_STR(text), &reply, &request), RPC_ANSWERED);
    const char *tail = "," ERROR("4", "-32003", "response too large") "," ERROR(
        "5", "-32003", "response too large") "]";
    cr_assert(reply.size > 36000000);
    cr_assert(
        span_equal(SPAN(reply.data + reply.size - strlen(tail), strlen(tail)), SPAN_STR(tail)));
    buf_free(&reply);
    close_bench(&bench);
}

#define WAIT(id) "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"test_wait\"}"

Test(rpc, a_batch_with_too_large_results_stops_what_is_under_way)
{
    struct bench bench;
    struct buf reply = {0};
    struct rpc_request *request;
    open_bench(&bench);
    /* the answers alone end it while it is read */
    const char *text = "[" WAIT("1") "," BIG "," BIG "," BIG "," WAIT("2") "]";
    cr_assert_eq(submit(&bench, SPAN_STR(text), &reply, &request), RPC_ANSWERED);
    cr_assert_eq(bench.cancelled, 1);
    cr_assert_eq(bench.pending_count, 1);
    const char *head = "[" ERROR("1", "-32003", "response too large") ",",
               *tail = "," ERROR("2", "-32003", "response too large") "]";
    cr_assert(span_equal(SPAN(reply.data, strlen(head)), SPAN_STR(head)));
    cr_assert(
        span_equal(SPAN(reply.data + reply.size - strlen(tail), strlen(tail)), SPAN_STR(tail)));
    buf_free(&reply);
    /* a late answer ends it */
    bench.pending_count = 0;
    text = "[" BIG "," BIG "," WAIT("3") "," WAIT("4") "]";
    cr_assert_eq(submit(&bench, SPAN_STR(text), &reply, &request), RPC_WAITING);
    static const uint8_t zeros[6000000];
    json_put_data(call_result(bench.pending[0]), SPAN(zeros, sizeof zeros));
    call_ok(bench.pending[0]);
    cr_assert_eq(bench.replies, 1);
    cr_assert_eq(bench.cancelled, 2);
    tail = "," ERROR("4", "-32003", "response too large") "]";
    cr_assert(span_equal(SPAN(bench.reply.data + bench.reply.size - strlen(tail), strlen(tail)),
                         SPAN_STR(tail)));
    cr_assert_eq(rpc_counts(bench.rpc)->in_flight, 0);
    close_bench(&bench);
}

Test(rpc, a_pending_call_is_answered_once_and_later)
{
    struct bench bench;
    struct buf reply = {0};
    struct rpc_request *request;
    open_bench(&bench);
    cr_assert_eq(
        submit(&bench, SPAN_STR("[" ECHO("1") "," WAIT("2") "," WAIT("3") "]"), &reply, &request),
        RPC_WAITING);
    cr_assert_eq(reply.size, 0);
    cr_assert_eq(rpc_counts(bench.rpc)->in_flight, 2);
    json_put_quantity(call_result(bench.pending[1]), 31);
    call_ok(bench.pending[1]);
    cr_assert_eq(bench.replies, 0);
    call_failf(bench.pending[0], RPC_SERVER_ERROR, "no %s", "peers");
    cr_assert_eq(bench.replies, 1);
    buf_add_u8(&bench.reply, 0);
    cr_assert_str_eq(
        (char *)bench.reply.data,
        "[" ECHOED("1") "," ERROR("2", "-32000", "no peers") ",{\"jsonrpc\":\"2.0\",\"id\":3,"
                                                             "\"result\":\"0x1f\"}]");
    cr_assert_eq(rpc_counts(bench.rpc)->in_flight, 0);
    cr_assert_eq(bench.cancelled, 0);
    loop_turn(&bench.world.loop);
    close_bench(&bench);
}

Test(rpc, a_late_call_times_out_and_its_handler_is_told)
{
    struct bench bench;
    struct buf reply = {0};
    struct rpc_request *request;
    open_bench(&bench);
    cr_assert_eq(submit(&bench, SPAN_STR(WAIT("2")), &reply, &request), RPC_WAITING);
    bench.world.now_ms = 999;
    loop_turn(&bench.world.loop);
    cr_assert_eq(bench.replies, 0);
    bench.world.now_ms = 1000;
    loop_turn(&bench.world.loop);
    cr_assert_eq(bench.replies, 1);
    cr_assert_eq(bench.cancelled, 1);
    buf_add_u8(&bench.reply, 0);
    cr_assert_str_eq((char *)bench.reply.data, ERROR("2", "-32002", "request timed out"));
    cr_assert_eq(rpc_counts(bench.rpc)->timed_out, 1);
    cr_assert_eq(rpc_counts(bench.rpc)->in_flight, 0);
    close_bench(&bench);
}

Test(rpc, an_abandoned_request_is_cancelled_without_reply)
{
    struct bench bench;
    struct buf reply = {0};
    struct rpc_request *request;
    open_bench(&bench);
    cr_assert_eq(submit(&bench, SPAN_STR("[" WAIT("1") "," WAIT("2") "]"), &reply, &request),
                 RPC_WAITING);
    call_fail(bench.pending[0], -1, "x", SPAN_EMPTY);
    rpc_abandon(request);
    cr_assert_eq(bench.cancelled, 1);
    cr_assert_eq(bench.replies, 0);
    cr_assert_eq(rpc_counts(bench.rpc)->in_flight, 0);
    loop_turn(&bench.world.loop);
    cr_assert_eq(submit(&bench, SPAN_STR(WAIT("3")), &reply, &request), RPC_WAITING);
    close_bench(&bench); /* frees what still waits */
    cr_assert_eq(bench.cancelled, 2);
}

Test(rpc, calls_beyond_the_limit_are_turned_away)
{
    struct bench bench;
    struct buf reply = {0};
    struct rpc_request *request;
    open_bench(&bench);
    for (int i = 0; i < 4; i++)
        cr_assert_eq(submit(&bench, SPAN_STR(WAIT("1")), &reply, &request), RPC_WAITING);
    cr_assert_eq(submit(&bench, SPAN_STR(ECHO("9")), &reply, &request), RPC_REFUSED);
    buf_add_u8(&reply, 0);
    cr_assert_str_eq((char *)reply.data,
                     ERROR("9", "-32005", "too many requests under way, try again"));
    buf_free(&reply);
    json_put_null(call_result(bench.pending[0]));
    call_ok(bench.pending[0]);
    cr_assert_eq(submit(&bench, SPAN_STR(ECHO("9")), &reply, &request), RPC_ANSWERED);
    buf_free(&reply);
    close_bench(&bench);
}

Test(rpc, counts_add_up)
{
    struct bench bench;
    open_bench(&bench);
    expect_span(&bench, SPAN_STR("[" ECHO("1") "," ECHO("2") "]"),
                "[" ECHOED("1") "," ECHOED("2") "]");
    expect_span(&bench, SPAN_STR("{"), PARSE);
    expect_span(&bench, SPAN_STR(CALL("test_balance", "[]")),
                BAD("missing value for required argument 0"));
    const struct rpc_counts *counts = rpc_counts(bench.rpc);
    cr_assert_eq(counts->requests, 3);
    cr_assert_eq(counts->batches, 1);
    cr_assert_eq(counts->calls, 3);
    cr_assert_eq(counts->failed, 2);
    cr_assert_eq(counts->parse_errors, 1);
    cr_assert_eq(rpc_method_counts(bench.rpc, 0, NULL)->calls, 2);
    cr_assert_eq(rpc_method_counts(bench.rpc, 4, NULL)->failed, 1);
    close_bench(&bench);
}

/* ---- answers kept above ---- */

struct shelf {
    struct rpc_answers answers;
    struct buf kept;
    size_t asked;
};

static bool shelf_find(struct rpc_answers *answers, struct call *call)
{
    struct shelf *shelf = container_of(answers, struct shelf, answers);
    shelf->asked++;
    if (shelf->kept.size == 0)
        return false;
    json_put_raw(call_result(call), buf_span(&shelf->kept));
    return true;
}

static void shelf_keep(struct rpc_answers *answers, struct call *call, struct span result)
{
    struct shelf *shelf = container_of(answers, struct shelf, answers);
    cr_assert_eq(call_row(call)->cache, CALL_CACHE_STATIC);
    buf_add_span(&shelf->kept, result);
}

Test(rpc, kept_answers_are_asked_first)
{
    struct shelf shelf = {.answers = {.find = shelf_find, .keep = shelf_keep}};
    static const struct rpc_method methods[] = {{"a_static", test_echo, "*?", CALL_CACHE_STATIC},
                                                {"a_never", test_echo, "*?", CALL_CACHE_NEVER}};
    struct bench bench;
    open_bench(&bench);
    rpc_free(bench.rpc);
    bench.rpc = rpc_new(&(struct rpc_options){.loop = &bench.world.loop,
                                              .methods = methods,
                                              .methods_count = 2,
                                              .answers = &shelf.answers,
                                              .timeout_ms = 1000,
                                              .calls_max = 4});
    expect_span(&bench, SPAN_STR(CALL("a_static", "[7]")), GOOD("[7]", "1"));
    expect_span(&bench, SPAN_STR(CALL("a_static", "[8]")), GOOD("[7]", "1"));
    expect_span(&bench, SPAN_STR(CALL("a_never", "[8]")), GOOD("[8]", "1"));
    cr_assert_eq(shelf.asked, 2);
    cr_assert_eq(rpc_method_counts(bench.rpc, 0, NULL)->cached, 1);
    buf_free(&shelf.kept);
    close_bench(&bench);
}
