/* The tracers of debug_trace*, on small programs: what they write, to the byte. */
#include "gateway/call/trace.h"
#include "gateway/rpc/trace_args.h"
#include "les/base/limits.h"
#include "les/eth/keccak.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>

TestSuite(trace, .fini = fixture_leak_gate);

/* ---- a world of a few contracts ---- */

enum { GAS = 1000000 };
static const struct address20 contract = {{[19] = 0xc0}}, other = {{[19] = 0xc1}},
                              third = {{[19] = 0xc2}}, caller = {{[19] = 0xee}},
                              miner = {{[19] = 0xdd}};
#define CONTRACT "\"0x00000000000000000000000000000000000000c0\""
#define OTHER    "\"0x00000000000000000000000000000000000000c1\""
#define CALLER   "\"0x00000000000000000000000000000000000000ee\""

struct world {
    struct node_store *store;
    struct evm_store_backend backend;
    struct evm_state *state;
    struct crypto *crypto;
    enum evm_revision revision;
    struct trace *trace;
    struct evm_result result;
    struct tx tx;
    struct buf out;
};

static enum evm_lookup on_block_hash(void *owner, uint64_t number, struct hash32 *out)
{
    (void)owner, (void)number;
    *out = HASH32_ZERO;
    return EVM_LOOKUP_ABSENT;
}

static void place_code(struct world *world, const struct address20 *address, const char *hex)
{
    struct evm_account *account;
    struct buf code = fixture_hex(hex);
    cr_assert(evm_state_account(world->state, address, &account));
    evm_state_set_code(world->state, account, buf_span(&code));
    buf_free(&code);
}

static void place_slot(struct world *world, uint64_t key, uint64_t value)
{
    struct evm_account *account;
    struct u256 slot_key = u256_from_u64(key), slot_value = u256_from_u64(value);
    cr_assert(evm_state_account(world->state, &contract, &account));
    struct evm_slot *slot = evm_state_slot(world->state, account, &slot_key);
    cr_assert(evm_state_load_slot(world->state, slot));
    evm_state_store(world->state, slot, &slot_value);
}

/* world must not move afterwards. The caller and the contract have 1,000 wei. */
static void world_start(struct world *world, enum evm_revision revision,
                        const struct trace_options *options)
{
    uint8_t seed[32] = {3};
    struct evm_account *account;
    struct u256 wei = u256_from_u64(1000);
    *world =
        (struct world){.store = node_store_new(), .crypto = crypto_new(seed), .revision = revision};
    evm_store_backend_init(&world->backend, world->store, &EMPTY_TRIE_ROOT);
    world->state = evm_state_new(&world->backend.backend, NULL);
    world->trace = trace_new(options);
    evm_state_begin(world->state);
    cr_assert(evm_state_account(world->state, &caller, &account));
    evm_state_set_balance(world->state, account, &wei);
    cr_assert(evm_state_account(world->state, &contract, &account));
    evm_state_set_balance(world->state, account, &wei);
    evm_state_set_nonce(world->state, account, 1);
}

static void world_end(struct world *world)
{
    buf_free(&world->out);
    trace_free(world->trace);
    evm_state_free(world->state);
    node_store_free(world->store);
    crypto_free(world->crypto);
}

/* A message to contract, or a creation with code; what the tracer wrote is in out. */
static void run(struct world *world, bool create, const char *input, uint64_t gas)
{
    struct evm_config config = {.revision = world->revision,
                                .state = world->state,
                                .crypto = world->crypto,
                                .tracer = &world->trace->evm};
    struct evm_block block = {.number = 1000, .chain_id = 7, .block_hash = on_block_hash};
    struct evm_tx tx = {.origin = caller};
    struct evm *evm = evm_new(&config);
    struct buf data = fixture_hex(input);
    struct evm_message message = {
        .create = create, .sender = caller, .to = contract, .input = buf_span(&data), .gas = gas};
    struct evm_account *account;
    if (create)
        evm_create_address(&message.to, &caller, 0);
    evm_state_end(world->state, false);
    evm_state_begin(world->state);
    cr_assert(evm_state_account(world->state, &contract, &account));
    (void)evm_state_warm_account(world->state, account);
    evm_set_block(evm, &block);
    evm_set_tx(evm, &tx);
    world->tx = (struct tx){.gas_limit = gas + 21000, .has_to = !create, .to = contract};
    trace_begin(world->trace, &(struct trace_subject){.tx = &world->tx,
                                                      .sender = &caller,
                                                      .coinbase = &miner,
                                                      .state = world->state,
                                                      .revision = world->revision,
                                                      .crypto = world->crypto,
                                                      .logs_before = 5});
    evm_run(evm, &message, &world->result);
    buf_clear(&world->out);
    cr_assert(trace_finish(world->trace, 21000 + gas - world->result.gas_left, &world->out));
    evm_free(evm);
    buf_free(&data);
}

static void expect(const struct world *world, const char *text)
{
    cr_assert(span_equal(buf_span(&world->out), SPAN_STR(text)), "\n got %.*s\nwant %s",
              (int)world->out.size, (const char *)world->out.data, text);
}

static void expect_trace(enum evm_revision revision, const struct trace_options *options,
                         const char *code, const char *text)
{
    struct world world;
    world_start(&world, revision, options);
    place_code(&world, &contract, code);
    run(&world, false, "", GAS);
    expect(&world, text);
    world_end(&world);
}

/* ---- the struct logger ---- */

static const struct trace_options STEPS = {.kind = TRACE_STRUCT};

Test(trace, steps_with_the_stack_before_each)
{
    expect_trace(
        EVM_SHANGHAI, &STEPS, "600160020100",
        "{\"gas\":21009,\"failed\":false,\"returnValue\":\"0x\",\"structLogs\":["
        "{\"pc\":0,\"op\":\"PUSH1\",\"gas\":1000000,\"gasCost\":3,\"depth\":1,\"stack\":[]},"
        "{\"pc\":2,\"op\":\"PUSH1\",\"gas\":999997,\"gasCost\":3,\"depth\":1,\"stack\":[\"0x1\"]},"
        "{\"pc\":4,\"op\":\"ADD\",\"gas\":999994,\"gasCost\":3,\"depth\":1,\"stack\":[\"0x1\","
        "\"0x2\"]},"
        "{\"pc\":5,\"op\":\"STOP\",\"gas\":999991,\"gasCost\":0,\"depth\":1,\"stack\":[\"0x3\"]}"
        "]}");
}

Test(trace, code_without_an_instruction_has_no_steps)
{
    expect_trace(EVM_SHANGHAI, &STEPS, "",
                 "{\"gas\":21000,\"failed\":false,\"returnValue\":\"0x\",\"structLogs\":[]}");
}

#define ZERO62      "0x000000000000000000000000000000000000000000000000000000000000000"
#define WORD(digit) "\"" ZERO62 digit "\""

Test(trace, storage_shows_what_was_touched_so_far_and_the_refund_as_it_is_then)
{
    struct world world;
    world_start(&world, EVM_SHANGHAI, &(struct trace_options){.disable_stack = true});
    place_code(&world, &contract, "600254505f600155600354");
    place_slot(&world, 1, 7);
    place_slot(&world, 2, 9);
    run(&world, false, "", GAS);
    expect(
        &world,
        "{\"gas\":30213,\"failed\":false,\"returnValue\":\"0x\",\"structLogs\":["
        "{\"pc\":0,\"op\":\"PUSH1\",\"gas\":1000000,\"gasCost\":3,\"depth\":1},"
        "{\"pc\":2,\"op\":\"SLOAD\",\"gas\":999997,\"gasCost\":2100,\"depth\":1,"
        "\"storage\":{" WORD("2") ":" WORD(
            "9") "}},"
                 "{\"pc\":3,\"op\":\"POP\",\"gas\":997897,\"gasCost\":2,\"depth\":1},"
                 "{\"pc\":4,\"op\":\"PUSH0\",\"gas\":997895,\"gasCost\":2,\"depth\":1},"
                 "{\"pc\":5,\"op\":\"PUSH1\",\"gas\":997893,\"gasCost\":3,\"depth\":1},"
                 "{\"pc\":7,\"op\":\"SSTORE\",\"gas\":997890,\"gasCost\":5000,\"depth\":1,"
                 "\"storage\":{" WORD("1") ":" WORD("0") "," WORD("2") ":" WORD(
                     "9") "},\"refund\":4800},"
                          "{\"pc\":8,\"op\":\"PUSH1\",\"gas\":992890,\"gasCost\":3,\"depth\":1,"
                          "\"refund\":4800},"
                          "{\"pc\":10,\"op\":\"SLOAD\",\"gas\":992887,\"gasCost\":2100,\"depth\":1,"
                          "\"storage\":{" WORD("1") ":" WORD("0") "," WORD("2") ":" WORD(
                              "9") "," WORD("3") ":" WORD("0") "},\"refund\":4800},"
                                                               "{\"pc\":11,\"op\":\"STOP\",\"gas\":"
                                                               "990787,\"gasCost\":0,\"depth\":1,"
                                                               "\"refund\":4800}]}");
    world_end(&world);
}

Test(trace, a_tracer_starts_anew_with_each_transaction)
{
    struct world world;
    world_start(&world, EVM_SHANGHAI, &(struct trace_options){.disable_stack = true});
    place_code(&world, &contract, "600254");
    place_slot(&world, 2, 9);
    run(&world, false, "", GAS);
    struct buf first = world.out;
    world.out = (struct buf){0};
    run(&world, false, "", GAS);
    cr_assert(span_equal(buf_span(&first), buf_span(&world.out)));
    buf_free(&first);
    world_end(&world);
}

Test(trace, memory_and_return_data_when_they_are_asked_for)
{
    struct world world;
    world_start(&world, EVM_SHANGHAI,
                &(struct trace_options){.disable_stack = true,
                                        .disable_storage = true,
                                        .enable_memory = true,
                                        .enable_return_data = true});
    place_code(&world, &contract, "5f5f5f5f60c15afa5f5260105ff3");
    place_code(&world, &other, "60aa5f5260025ffd");
    run(&world, false, "", GAS);
    struct span out = buf_span(&world.out);
    static const char end[] =
        "{\"pc\":8,\"op\":\"PUSH0\",\"gas\":997371,\"gasCost\":2,\"depth\":1,"
        "\"returnData\":\"0x0000\"},"
        "{\"pc\":9,\"op\":\"MSTORE\",\"gas\":997369,\"gasCost\":6,\"depth\":1,"
        "\"returnData\":\"0x0000\"},"
        "{\"pc\":10,\"op\":\"PUSH1\",\"gas\":997363,\"gasCost\":3,\"depth\":1,"
        "\"returnData\":\"0x0000\",\"memory\":[" WORD(
            "0") "]},"
                 "{\"pc\":12,\"op\":\"PUSH0\",\"gas\":997360,\"gasCost\":2,\"depth\":1,"
                 "\"returnData\":\"0x0000\",\"memory\":[" WORD(
                     "0") "]},"
                          "{\"pc\":13,\"op\":\"RETURN\",\"gas\":997358,\"gasCost\":0,\"depth\":1,"
                          "\"returnData\":\"0x0000\",\"memory\":[" WORD("0") "]}]}";
    cr_assert_gt(out.size, sizeof end);
    cr_assert(span_equal(SPAN(out.data + out.size - sizeof end + 1, sizeof end - 1), SPAN_STR(end)),
              "%.*s", (int)out.size, (const char *)out.data);
    world_end(&world);
}

static size_t count_steps(const struct world *world)
{
    size_t count = 0;
    for (const uint8_t *at = world->out.data;; at++, count++) {
        at = memmem(at, world->out.size - (size_t)(at - world->out.data), "\"pc\":", 5);
        if (at == NULL)
            return count;
    }
}

Test(trace, a_limit_counts_bytes_and_lets_the_step_that_passes_it_be)
{
    static const struct {
        int64_t limit;
        size_t steps;
    } rows[] = {{0, 4}, {1, 1}, {67, 1}, {68, 2}, {-1, 0}, {1000, 4}};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct world world;
        world_start(&world, EVM_SHANGHAI, &(struct trace_options){.limit = rows[i].limit});
        place_code(&world, &contract, "6001600201");
        run(&world, false, "", GAS);
        cr_assert_eq(count_steps(&world), rows[i].steps, "limit %lld: %zu steps",
                     (long long)rows[i].limit, count_steps(&world));
        world_end(&world);
    }
}

Test(trace, more_than_the_limit_of_the_house_is_said_so)
{
    struct world world;
    world_start(&world, EVM_SHANGHAI, &STEPS);
    place_code(&world, &contract, "5b5f56");
    struct evm_config config = {.revision = world.revision,
                                .state = world.state,
                                .crypto = world.crypto,
                                .tracer = &world.trace->evm};
    struct evm *evm = evm_new(&config);
    struct evm_message message = {.sender = caller, .to = contract, .gas = 11 * 700000};
    trace_begin(world.trace, &(struct trace_subject){0});
    evm_run(evm, &message, &world.result);
    cr_assert_eq(world.result.end, EVM_END_OUT_OF_GAS);
    cr_assert(!trace_finish(world.trace, 0, &world.out));
    cr_assert_eq(world.out.size, 0);
    evm_free(evm);
    world_end(&world);
}

/* ---- steps that fail ---- */

struct fault_row {
    enum evm_revision revision;
    const char *code;
    uint64_t gas;
    const char *step; /* of the last step: from op to error, without gas and depth */
};

/* The end of the last step, as `op gasCost error`. */
static void last_step(const struct world *world, char out[160])
{
    const struct json_t *steps, *step;
    struct json_t *root = json_parse(buf_span(&world->out));
    cr_assert_not_null(root);
    steps = json_member(root, "structLogs");
    step = json_item(steps, json_count(steps) - 1);
    struct span op = json_text(json_member(step, "op")),
                error = json_text(json_member(step, "error"));
    snprintf(out, 160, "%.*s %lld %.*s", (int)op.size, (const char *)op.data,
             (long long)json_integer_of(json_member(step, "gasCost")), (int)error.size,
             (const char *)error.data);
    json_free(root);
}

#define PUSH_MAX "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"

static const struct fault_row FAULTS[] = {
    /* static costs, stack */
    {EVM_PRAGUE, "60016002", 5, "PUSH1 3 out of gas"},
    {EVM_PRAGUE, "01", 100, "ADD 3 stack underflow (0 <=> 2)"},
    {EVM_PRAGUE, "600193", 100, "SWAP4 3 stack underflow (1 <=> 5)"},
    {EVM_PRAGUE, "5b5f56", 1000, "JUMP 8 out of gas"},
    {EVM_PRAGUE, "5b5f5f56", 100000, "PUSH0 2 stack limit reached 1024 (1023)"},
    /* done, and then wrong: no error with the step */
    {EVM_PRAGUE, "600456", 100, "JUMP 8 "},
    {EVM_PRAGUE, "5f5ffd", 100, "REVERT 0 "},
    {EVM_PRAGUE, "fe", 100, "INVALID 0 "},
    {EVM_PRAGUE, "0c", 100, "opcode 0xc not defined 0 "},
    {EVM_PRAGUE, "1e", 100, "CLZ 0 "},
    {EVM_PRAGUE, "e6", 100, "DUPN 0 "},
    {EVM_PRAGUE, "60205f5f3e", 1000, "RETURNDATACOPY 9 "},
    {EVM_PRAGUE, "60205f5f3e", 15, "RETURNDATACOPY 9 out of gas"},
    /* memory */
    {EVM_PRAGUE, "61fc0051", 10000, "MLOAD 13999 out of gas"},
    {EVM_PRAGUE, PUSH_MAX "51", 100000, "MLOAD 3 gas uint64 overflow"},
    {EVM_PRAGUE, "651fffffffffff51", 100000, "MLOAD 3 out of gas: gas uint64 overflow"},
    {EVM_PRAGUE, "64200000000051", 100000, "MLOAD 3 out of gas: gas uint64 overflow"},
    {EVM_PRAGUE, "641fffffff0051", 100000, "MLOAD 36028809786425326 out of gas"},
    {EVM_PRAGUE, "61040061040020", 100, "KECCAK256 422 out of gas"},
    {EVM_PRAGUE, "61040061040020", 30, "KECCAK256 30 out of gas"},
    {EVM_PRAGUE, "6104005f5f37", 100, "CALLDATACOPY 197 out of gas"},
    {EVM_PRAGUE, "6104005f5f5e", 100, "MCOPY 197 out of gas"},
    {EVM_PRAGUE, "6104005f5f60993c", 300, "EXTCODECOPY 2794 out of gas"},
    {EVM_PRAGUE, "6104005ff3", 50, "RETURN 98 out of gas"},
    {EVM_PRAGUE, "5f6020a0", 100, "LOG0 375 out of gas"},
    {EVM_PRAGUE, "5f60205fa1", 1000, "LOG1 1009 out of gas"},
    /* state */
    {EVM_PRAGUE, "5f54", 50, "SLOAD 2100 out of gas"},
    {EVM_PRAGUE, "5f545f54", 2110, "SLOAD 100 out of gas"},
    {EVM_ISTANBUL, "600054", 100, "SLOAD 800 out of gas"},
    {EVM_PRAGUE, "609931", 200, "BALANCE 2600 out of gas"},
    {EVM_PRAGUE, "609931", 50, "BALANCE 100 out of gas"},
    {EVM_PRAGUE, "60993b", 2000, "EXTCODESIZE 2600 out of gas"},
    {EVM_PRAGUE, "60015f55", 2000, "SSTORE 0 out of gas: not enough gas for reentrancy sentry"},
    {EVM_PRAGUE, "60015f55", 10000, "SSTORE 22100 out of gas"},
    {EVM_PRAGUE, "5f600155", 2400, "SSTORE 5000 out of gas"},
    {EVM_PETERSBURG, "6000600155", 2400, "SSTORE 5000 out of gas"},
    {EVM_PETERSBURG, "6001600055", 2400, "SSTORE 20000 out of gas"},
    {EVM_PRAGUE, "61ffff60020a", 30, "EXP 110 out of gas"},
    {EVM_HOMESTEAD, "61ffff60020a", 20, "EXP 30 out of gas"},
    {EVM_PRAGUE, "6099ff", 5003, "SELFDESTRUCT 5000 out of gas: out of gas"},
    {EVM_PRAGUE, "6099ff", 10000, "SELFDESTRUCT 32600 out of gas"},
    {EVM_PRAGUE, "6099ff", 4000, "SELFDESTRUCT 5000 out of gas"},
    {EVM_ISTANBUL, "6099ff", 4000, "SELFDESTRUCT 30000 out of gas"},
    /* creations */
    {EVM_PRAGUE, "5f5f5ff0", 10000, "CREATE 32000 out of gas"},
    {EVM_PRAGUE, "6120005f5ff0", 32100, "CREATE 33408 out of gas"},
    {EVM_PRAGUE, "61c0015f5ff0", 100000,
     "CREATE 32000 out of gas: max initcode size exceeded: code size 49153 limit 49152"},
    {EVM_PRAGUE, "5f6120005f5ff5", 33000, "CREATE2 34944 out of gas"},
    {EVM_PRAGUE, "5f5f5ff05000", 100000, "STOP 0 "},
    /* calls */
    {EVM_PRAGUE, "5f5f5f5f5f60995af1", 1000, "CALL 100 out of gas: out of gas"},
    {EVM_PRAGUE, "5f5f5f5f600160995af1", 10000, "CALL 100 out of gas: out of gas"},
    {EVM_PRAGUE, "5f5f5f5f5f60995af1", 60, "CALL 100 out of gas"},
    {EVM_PRAGUE, "61fc005f5f5f60995afa", 10000, "STATICCALL 100 out of gas: out of gas"},
    {EVM_SHANGHAI, "5f5f5f5f600160995af1", 2700, "CALL 100 out of gas: out of gas"},
    {EVM_SHANGHAI, "5f5f5f5f6001609960fff1", 14000, "CALL 36855 out of gas"},
    {EVM_SHANGHAI, "5f5f5f5f5f60c0" PUSH_MAX "f100", 14000, "STOP 0 "},
    {EVM_FRONTIER, "6000600060006000600060c061fffff1", 5000, "CALL 65575 out of gas"},
    {EVM_FRONTIER, "6000600060006000600060c0" PUSH_MAX "f1", 5000,
     "CALL 40 out of gas: gas uint64 overflow"},
};

Test(trace, a_step_that_fails_shows_its_whole_price_and_why)
{
    for (size_t i = 0; i < ARRAY_COUNT(FAULTS); i++) {
        const struct fault_row *row = &FAULTS[i];
        struct world world;
        char got[160];
        world_start(&world, row->revision, &(struct trace_options){.disable_stack = true});
        place_code(&world, &contract, row->code);
        place_slot(&world, 1, 7);
        run(&world, false, "", row->gas);
        last_step(&world, got);
        cr_expect_str_eq(got, row->step, "%s with %llu: %s", row->code,
                         (unsigned long long)row->gas, got);
        world_end(&world);
    }
}

/* In a static call nothing may be written. */
Test(trace, write_protection_is_found_when_the_step_is_priced_or_when_it_is_done)
{
    static const char *const rows[][2] = {
        {"60015f55", "SSTORE 0 out of gas: write protection"},
        {"60015f5d", "TSTORE 100 "},
        {"5f5fa0", "LOG0 375 "},
        {"5f5f5ff0", "CREATE 32000 out of gas: write protection"},
        {"5f5f5f5ff5", "CREATE2 32000 out of gas: write protection"},
        {"5fff", "SELFDESTRUCT 5000 out of gas: write protection"},
        {"5f5f5f5f600160995af1", "CALL 100 out of gas: write protection"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct world world;
        char got[160];
        world_start(&world, EVM_PRAGUE, &(struct trace_options){.disable_storage = true});
        place_code(&world, &contract, "5f5f5f5f60c1620186a0fa5f5ffd");
        place_code(&world, &other, rows[i][0]);
        run(&world, false, "", GAS);
        /* the step before the four last ones of the caller */
        struct json_t *root = json_parse(buf_span(&world.out));
        const struct json_t *steps = json_member(root, "structLogs");
        const struct json_t *step = json_item(steps, json_count(steps) - 4);
        struct span op = json_text(json_member(step, "op")),
                    error = json_text(json_member(step, "error"));
        snprintf(got, sizeof got, "%.*s %lld %.*s", (int)op.size, (const char *)op.data,
                 (long long)json_integer_of(json_member(step, "gasCost")), (int)error.size,
                 (const char *)error.data);
        cr_expect_str_eq(got, rows[i][1]);
        json_free(root);
        world_end(&world);
    }
}

/* ---- callTracer ---- */

static const struct trace_options FRAMES = {.kind = TRACE_CALL, .with_log = true};

Test(trace, a_call_frame_says_what_came_in_and_went_out)
{
    struct world world;
    world_start(&world, EVM_PRAGUE, &FRAMES);
    place_code(&world, &contract, "60aa5f5360015ff3");
    run(&world, false, "0102", GAS);
    expect(&world, "{\"from\":" CALLER ",\"gas\":\"0xf9448\",\"gasUsed\":\"0x5218\","
                   "\"to\":" CONTRACT ",\"input\":\"0x0102\",\"output\":\"0xaa\","
                   "\"value\":\"0x0\",\"type\":\"CALL\"}");
    world_end(&world);
}

#define FRAME(kind, gas, used, rest)                                                               \
    "{\"from\":" CONTRACT ",\"gas\":\"" gas "\",\"gasUsed\":\"" used "\",\"to\":" OTHER            \
    ",\"input\":\"0x\"" rest ",\"type\":\"" kind "\"}"

/* contract calls other in each way, and only then fails itself */
Test(trace, frames_nest_and_each_kind_shows_its_value)
{
    struct world world;
    world_start(&world, EVM_PRAGUE, &(struct trace_options){.kind = TRACE_CALL});
    place_code(&world, &contract,
               "5f5f5f5f600360c1612710f1"
               "5f5f5f5f600460c1612710f2"
               "5f5f5f5f60c1612710f4"
               "5f5f5f5f60c1612710fa"
               "fe");
    place_code(&world, &other, "00");
    run(&world, false, "", GAS);
    expect(
        &world,
        "{\"from\":" CALLER ",\"gas\":\"0xf9448\",\"gasUsed\":\"0xf9448\",\"to\":" CONTRACT
        ",\"input\":\"0x\",\"error\":\"invalid opcode: INVALID\",\"calls\":[" FRAME("CALL", "0x300c", "0x0", ",\"value\":\"0x3\"") "," FRAME(
            "CALLCODE", "0x300c", "0x0",
            ",\"value\":\"0x4\"") "," FRAME("DELEGATECALL", "0x2710", "0x0",
                                            ",\"value\":\"0x0\"") "," FRAME("STATICCALL", "0x2710",
                                                                            "0x0",
                                                                            "") "],\"value\":"
                                                                                "\"0x0\",\"type\":"
                                                                                "\"CALL\"}");
    world_end(&world);
}

Test(trace, only_the_top_call_when_no_more_is_wanted)
{
    struct world world;
    world_start(
        &world, EVM_PRAGUE,
        &(struct trace_options){.kind = TRACE_CALL, .only_top_call = true, .with_log = true});
    place_code(&world, &contract, "5f5f5f5f5f60c1612710f15f5fa0");
    place_code(&world, &other, "5f5fa05f5fa0");
    run(&world, false, "", GAS);
    expect(&world,
           "{\"from\":" CALLER ",\"gas\":\"0xf9448\",\"gasUsed\":\"0x60b1\",\"to\":" CONTRACT
           ",\"input\":\"0x\",\"logs\":[{\"address\":" CONTRACT
           ",\"topics\":[],\"data\":\"0x\",\"index\":\"0x7\",\"position\":\"0x0\"}],"
           "\"value\":\"0x0\",\"type\":\"CALL\"}");
    world_end(&world);
}

/* Error("no"), by CODECOPY of what follows the code, which stands behind three bytes of other code
 */
#define REVERT_NO                                                                                  \
    "6064600d5f3960645ffd"                                                                         \
    "08c379a0"                                                                                     \
    "0000000000000000000000000000000000000000000000000000000000000020"                             \
    "0000000000000000000000000000000000000000000000000000000000000002"                             \
    "6e6f000000000000000000000000000000000000000000000000000000000000"

Test(trace, a_revert_keeps_its_reason_and_the_logs_below_it_are_gone)
{
    struct world world;
    world_start(&world, EVM_PRAGUE, &FRAMES);
    /* a log, a call that logs and reverts, another log with data and topics */
    place_code(&world, &contract,
               "5f5fa0"
               "5f5f5f5f5f60c1612710f1"
               "6002600160205fa2");
    place_code(&world, &other, "5f5fa0" REVERT_NO);
    run(&world, false, "", GAS);
    static const char *const parts[] = {
        "\"output\":\"0x08c379a0",
        "\"error\":\"execution reverted\",\"revertReason\":\"no\",\"value\":\"0x0\","
        "\"type\":\"CALL\"}],\"logs\":[{\"address\":" CONTRACT
        ",\"topics\":[],\"data\":\"0x\",\"index\":\"0x5\",\"position\":\"0x0\"},"
        "{\"address\":" CONTRACT ",\"topics\":[" WORD("1") "," WORD("2") "],\"data\":" WORD(
            "0") ",\"index\":\"0x6\",\"position\":\"0x1\"}],\"value\":\"0x0\",\"type\":\"CALL\"}"};
    for (size_t i = 0; i < ARRAY_COUNT(parts); i++)
        cr_assert_not_null(memmem(world.out.data, world.out.size, parts[i], strlen(parts[i])),
                           "%s in %.*s", parts[i], (int)world.out.size,
                           (const char *)world.out.data);
    world_end(&world);
}

Test(trace, logs_of_frames_inside_a_failed_one_are_gone_too)
{
    struct world world;
    world_start(&world, EVM_PRAGUE, &FRAMES);
    place_code(&world, &contract, "5f5f5f5f5f60c15af1");
    place_code(&world, &other, "5f5f5f5f5f60c2612710f1fe");
    place_code(&world, &third, "5f5fa0");
    run(&world, false, "", 100000);
    cr_assert_null(memmem(world.out.data, world.out.size, "\"logs\"", 6), "%.*s",
                   (int)world.out.size, (const char *)world.out.data);
    world_end(&world);
}

static void expect_error(const char *code, const char *error)
{
    struct world world;
    struct buf want = {0};
    world_start(&world, EVM_PRAGUE, &(struct trace_options){.kind = TRACE_CALL});
    place_code(&world, &contract, code);
    run(&world, false, "", 200000);
    buf_printf(&want, "\"error\":\"%s\",", error);
    cr_expect_not_null(memmem(world.out.data, world.out.size, want.data, want.size), "%s in %.*s",
                       error, (int)world.out.size, (const char *)world.out.data);
    buf_free(&want);
    world_end(&world);
}

Test(trace, frames_say_how_they_failed_as_go_ethereum_does)
{
    expect_error("01", "stack underflow (0 \\u003c=\\u003e 2)");
    expect_error("0c", "invalid opcode: opcode 0xc not defined");
    expect_error("5f56", "invalid jump destination");
    expect_error("5b5f56", "out of gas");
    expect_error(PUSH_MAX "51", "gas uint64 overflow");
    expect_error("60205f5f3e", "return data out of bounds");
    expect_error("5f5f5f5f61ffff60c15af1", "insufficient balance for transfer");
    expect_error("5f5f60015f60096161a8fa", "invalid input length");
    expect_error("5f5f5f5f5f60066050f1", "out of gas"); /* bn254 addition costs 150 */
}

static void expect_creation_error(const char *initcode, uint64_t gas, const char *error)
{
    struct world world;
    world_start(&world, EVM_PRAGUE, &(struct trace_options){.kind = TRACE_CALL});
    run(&world, true, initcode, gas);
    struct json_t *root = json_parse(buf_span(&world.out));
    cr_assert_not_null(root);
    struct span text = json_text(json_member(root, "error"));
    cr_expect(span_equal(text, SPAN_STR(error)), "%.*s", (int)text.size, (const char *)text.data);
    cr_expect_null(json_member(root, "to"), "nothing was created");
    cr_expect_null(json_member(root, "output"));
    json_free(root);
    world_end(&world);
}

Test(trace, a_creation_that_fails_has_no_address)
{
    expect_creation_error("60ef5f5360015ff3", GAS, "invalid code: must not begin with 0xef");
    expect_creation_error("6160015ff3", 6 * GAS,
                          "max code size exceeded: code size 24577 limit 24576");
    expect_creation_error("6160015ff3", 100000, "contract creation code storage out of gas");
    expect_creation_error("fe", GAS, "invalid opcode: INVALID");
}

/* Frontier: 2 bytes of code cost 400 gas. */
Test(trace, a_contract_that_is_left_without_code_before_homestead)
{
    static const struct {
        enum trace_kind kind;
        uint64_t gas;
        const char *part;
    } rows[] = {{TRACE_STRUCT, 300, "\"failed\":true,\"returnValue\":\"0x\""},
                {TRACE_STRUCT, 500, "\"failed\":false,\"returnValue\":\"0x0000\""},
                {TRACE_STRUCT, 5000, "\"failed\":false,\"returnValue\":\"0x0000\""},
                {TRACE_CALL, 300, "\"output\":\"0x0000\",\"value\""},
                {TRACE_CALL, 500, "\"output\":\"0x0000\",\"value\""}};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct world world;
        world_start(&world, EVM_FRONTIER, &(struct trace_options){.kind = rows[i].kind});
        run(&world, true, "60026000f3", rows[i].gas);
        cr_expect_not_null(
            memmem(world.out.data, world.out.size, rows[i].part, strlen(rows[i].part)), "%zu: %.*s",
            i, (int)world.out.size, (const char *)world.out.data);
        world_end(&world);
    }
}

Test(trace, selfdestruct_is_a_call_and_so_is_a_precompile)
{
    struct world world;
    world_start(&world, EVM_PRAGUE, &(struct trace_options){.kind = TRACE_CALL});
    place_code(&world, &contract, "60ff5f5360205f60015f600461fffffa60c1ff");
    run(&world, false, "", GAS);
    expect(&world,
           "{\"from\":" CALLER ",\"gas\":\"0xf9448\",\"gasUsed\":\"0xdbb8\",\"to\":" CONTRACT
           ",\"input\":\"0x\",\"calls\":[{\"from\":" CONTRACT
           ",\"gas\":\"0xffff\",\"gasUsed\":\"0x12\","
           "\"to\":\"0x0000000000000000000000000000000000000004\",\"input\":\"0xff\","
           "\"output\":\"0xff\",\"type\":\"STATICCALL\"},{\"from\":" CONTRACT
           ",\"gas\":\"0x0\",\"gasUsed\":\"0x0\",\"to\":" OTHER ",\"input\":\"0x\","
           "\"value\":\"0x3e8\",\"type\":\"SELFDESTRUCT\"}],\"value\":\"0x0\","
           "\"type\":\"CALL\"}");
    world_end(&world);
}

Test(trace, a_creation_shows_its_code_and_its_address)
{
    struct world world;
    world_start(&world, EVM_PRAGUE, &(struct trace_options){.kind = TRACE_CALL});
    run(&world, true, "60aa5f5360015ff3", GAS);
    expect(&world, "{\"from\":" CALLER ",\"gas\":\"0xf9448\",\"gasUsed\":\"0x52e0\","
                   "\"to\":\"0xcb5e6c71453ca7b77d1bdce5d5bbac1c3ef28730\","
                   "\"input\":\"0x60aa5f5360015ff3\",\"output\":\"0xaa\",\"value\":\"0x0\","
                   "\"type\":\"CREATE\"}");
    world_end(&world);
}

/* ---- prestateTracer ---- */

#define MINER "\"0x00000000000000000000000000000000000000dd\""
/* reads slot 1 and the balance of other, clears slot 2 */
#define TOUCHING                                                                                   \
    "600154"                                                                                       \
    "50"                                                                                           \
    "60c131"                                                                                       \
    "50"                                                                                           \
    "5f600255"

static void add_contract(struct buf *out, const char *code_hex, const char *storage)
{
    struct buf code = fixture_hex(code_hex);
    struct hash32 hash;
    keccak256(&hash, buf_span(&code));
    buf_add_str(out, CONTRACT ":{\"balance\":\"0x3e8\",\"code\":\"");
    buf_add_hex0x(out, buf_span(&code));
    buf_add_str(out, "\",\"codeHash\":\"");
    buf_add_hex0x(out, SPAN(hash.bytes, 32));
    buf_printf(out, "\",\"nonce\":1,\"storage\":{%s}}", storage);
    buf_free(&code);
}

static void trace_touching(struct world *world, const struct trace_options *options, uint64_t gas)
{
    world_start(world, EVM_PRAGUE, options);
    place_code(world, &contract, TOUCHING);
    place_code(world, &other, "00");
    place_slot(world, 1, 7);
    place_slot(world, 2, 9);
    run(world, false, "", gas);
}

Test(trace, the_state_that_was_touched_as_it_was_before)
{
    struct world world;
    struct buf want = {0};
    trace_touching(&world, &(struct trace_options){.kind = TRACE_PRESTATE}, GAS);
    buf_add_u8(&want, '{');
    add_contract(&want, TOUCHING, WORD("1") ":" WORD("7") "," WORD("2") ":" WORD("9"));
    buf_add_str(&want,
                "," OTHER ":{\"balance\":\"0x0\",\"code\":\"0x00\",\"codeHash\":"
                "\"0xbc36789e7a1e281436464229828f817d6612f7b477d66591ff96a9e064bcc98a\"}," CALLER
                ":{\"balance\":\"0x3e8\"}}");
    buf_add_u8(&want, 0);
    expect(&world, (const char *)want.data);
    buf_free(&want);
    world_end(&world);
}

Test(trace, empty_accounts_code_and_storage_as_it_is_wished)
{
    struct world world;
    trace_touching(&world,
                   &(struct trace_options){.kind = TRACE_PRESTATE,
                                           .include_empty = true,
                                           .disable_code = true,
                                           .disable_storage = true},
                   GAS);
    const char *text = (buf_add_u8(&world.out, 0), (const char *)world.out.data);
    cr_assert_not_null(strstr(text, MINER ":{\"balance\":\"0x0\"}"), "%s", text);
    cr_assert_null(strstr(text, "\"code\":"), "%s", text);
    cr_assert_null(strstr(text, "\"storage\":"), "%s", text);
    world_end(&world);
}

/* An account that is not there has no hash of code afterwards: so go-ethereum shows it. */
Test(trace, what_changed_before_and_after)
{
    struct world world;
    struct buf want = {0};
    trace_touching(&world, &(struct trace_options){.kind = TRACE_PRESTATE, .diff_mode = true}, GAS);
    buf_add_str(&want, "{\"post\":{" CONTRACT ":{}," MINER ":{\"codeHash\":" WORD("0") "}},"
                                                                                       "\"pre\":{");
    add_contract(&want, TOUCHING, WORD("2") ":" WORD("9"));
    buf_add_str(&want, "}}");
    buf_add_u8(&want, 0);
    expect(&world, (const char *)want.data);
    buf_free(&want);
    world_end(&world);
}

/* 2,103 gas pay for slot 1 and no more: the rest of the program touches nothing. */
Test(trace, a_step_that_was_too_dear_touched_nothing)
{
    struct world world;
    struct buf want = {0};
    trace_touching(&world, &(struct trace_options){.kind = TRACE_PRESTATE}, 2200);
    buf_add_u8(&want, '{');
    add_contract(&want, TOUCHING, WORD("1") ":" WORD("7"));
    buf_add_str(&want, "," CALLER ":{\"balance\":\"0x3e8\"}}");
    buf_add_u8(&want, 0);
    expect(&world, (const char *)want.data);
    buf_free(&want);
    world_end(&world);
}

/* ---- 4byteTracer, noopTracer ---- */

Test(trace, selectors_are_counted_with_the_size_of_their_arguments)
{
    struct world world;
    world_start(&world, EVM_PRAGUE, &(struct trace_options){.kind = TRACE_FOUR_BYTE});
    /* four bytes of zero and 0, 0 and 32 bytes more, to other; then to the identity precompile */
    place_code(&world, &contract,
               "5f5f60045f5f60c1612710f1"
               "5f5f60045f60c1612710fa"
               "5f5f60245f60c1612710f4"
               "5f5f60045f6004612710fa"
               "5f5f60035f60c1612710fa");
    run(&world, false, "a9059cbb00", GAS);
    expect(&world, "{\"0x00000000-0\":2,\"0x00000000-32\":1,\"0xa9059cbb-1\":1}");
    world_end(&world);
}

Test(trace, noop_says_nothing)
{
    expect_trace(EVM_PRAGUE, &(struct trace_options){.kind = TRACE_NOOP}, "60016002", "{}");
}

/* ---- durations ---- */

Test(trace, durations_are_those_of_go)
{
    static const struct {
        const char *text;
        bool good;
        uint64_t ms;
    } rows[] = {{"5s", true, 5000},       {"300ms", true, 300}, {"1h2m3.5s", true, 3723500},
                {"0", true, 0},           {"+1m", true, 60000}, {"-1m", true, 0},
                {".5s", true, 500},       {"1.s", true, 1000},  {"1ns", true, 1},
                {"10\xc2\xb5s", true, 1}, {"", false, 0},       {"5", false, 0},
                {"s", false, 0},          {".s", false, 0},     {"5x", false, 0},
                {"5s ", false, 0},        {"1.2.3s", false, 0}, {"-", false, 0},
                {"9999999999h", false, 0}};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        uint64_t ms;
        cr_expect_eq(trace_duration(SPAN_STR(rows[i].text), &ms), rows[i].good, "%s", rows[i].text);
        cr_expect_eq(ms, rows[i].ms, "%s: %llu", rows[i].text, (unsigned long long)ms);
    }
}
