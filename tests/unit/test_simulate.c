/* The plan of a simulation, the headers before they are run, and the logs that a caller sees. */
#include "gateway/call/simulate.h"
#include "les/base/limits.h"
#include "les/eth/u256.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>

TestSuite(simulate, .fini = fixture_leak_gate);

/* ---- the plan ---- */

static struct simulate_step steps[SIMULATE_BLOCKS_MAX];

static size_t plan_of(const struct simulate_block *blocks, size_t count, int *code, char text[128])
{
    struct simulate_job job = {.blocks = blocks, .blocks_count = count};
    struct call_error error = {0};
    size_t planned = 0;
    job.base.number = 100;
    job.base.timestamp = 1000;
    bool good = simulate_plan(steps, &planned, &job, &error);
    cr_assert_eq(good, error.code == 0);
    *code = error.code;
    snprintf(text, 128, "%.*s", (int)error.text.size, (const char *)error.text.data);
    call_error_free(&error);
    return planned;
}

static const struct simulate_block plain;

static struct simulate_block numbered(uint64_t number)
{
    return (struct simulate_block){.block = {.has_number = true, .number = u256_from_u64(number)}};
}

static struct simulate_block timed(uint64_t timestamp)
{
    return (struct simulate_block){.block = {.has_time = true, .time = timestamp}};
}

Test(simulate, gaps_are_filled_twelve_seconds_apart)
{
    struct simulate_block blocks[3] = {numbered(103), plain, timed(5000)};
    char text[128];
    int code;
    cr_assert_eq(plan_of(blocks, 3, &code, text), 5);
    for (size_t i = 0; i < 5; i++) {
        cr_assert_eq(steps[i].number, 101 + i);
        cr_assert_eq(steps[i].timestamp, i == 4 ? 5000 : 1012 + 12 * i);
    }
    cr_assert(steps[0].block == NULL && steps[1].block == NULL);
    cr_assert(steps[2].block == &blocks[0] && steps[3].block == &blocks[1] &&
              steps[4].block == &blocks[2]);
}

Test(simulate, orders_that_cannot_be_are_refused)
{
    char text[128];
    int code;
    struct simulate_block same[2] = {numbered(102), numbered(102)};
    (void)plan_of(same, 2, &code, text);
    cr_assert_eq(code, SIMULATE_NUMBER);
    cr_assert_str_eq(text, "block numbers must be in order: 102 <= 102");
    struct simulate_block base[1] = {numbered(100)};
    (void)plan_of(base, 1, &code, text);
    cr_assert_str_eq(text, "block numbers must be in order: 100 <= 100");
    struct simulate_block late[2] = {timed(1001), timed(1001)};
    (void)plan_of(late, 2, &code, text);
    cr_assert_eq(code, SIMULATE_TIMESTAMP);
    cr_assert_str_eq(text, "block timestamps must be in order: 1001 <= 1001");
    /* The time is looked at after the gap was filled. */
    struct simulate_block gap[1] = {numbered(103)};
    gap[0].block.has_time = true;
    gap[0].block.time = 1020;
    (void)plan_of(gap, 1, &code, text);
    cr_assert_str_eq(text, "block timestamps must be in order: 1020 <= 1024");
}

Test(simulate, no_more_blocks_than_the_limit)
{
    char text[128];
    int code;
    struct simulate_block last[1] = {numbered(100 + SIMULATE_BLOCKS_MAX)};
    cr_assert_eq(plan_of(last, 1, &code, text), SIMULATE_BLOCKS_MAX);
    struct simulate_block over[2] = {numbered(100 + SIMULATE_BLOCKS_MAX), plain};
    (void)plan_of(over, 2, &code, text);
    cr_assert_eq(code, SIMULATE_LIMIT);
    cr_assert_str_eq(text, "too many blocks");
    struct simulate_block far[1] = {numbered(UINT64_MAX)};
    (void)plan_of(far, 1, &code, text);
    cr_assert_eq(code, SIMULATE_LIMIT);
    far[0].block.number.words[3] = 1;
    (void)plan_of(far, 1, &code, text);
    cr_assert_eq(code, SIMULATE_LIMIT);
}

/* ---- headers ---- */

static void set_forks(struct chainspec *spec)
{
    *spec = (struct chainspec){.chain_id = 1};
    for (size_t i = 0; i < FORK_COUNT; i++)
        spec->activation[i] = FORK_NEVER;
    for (size_t i = FORK_FRONTIER; i <= FORK_BERLIN; i++)
        spec->activation[i] = 0;
    spec->activation[FORK_LONDON] = 102;
    spec->activation[FORK_PARIS] = 103;
    spec->activation[FORK_SHANGHAI] = 1036;
    spec->activation[FORK_CANCUN] = 1048;
    spec->activation[FORK_PRAGUE] = 1060;
    spec->blobs[FORK_CANCUN] = (struct blob_params){true, 3, 6, 3338477};
    spec->blobs[FORK_PRAGUE] = (struct blob_params){true, 6, 9, 5007716};
}

Test(simulate, headers_grow_with_the_forks_they_pass)
{
    static const unsigned fields[] = {0, 1, 2, 5, 6};
    struct chainspec spec;
    struct header parent = {.number = 100,
                            .timestamp = 1000,
                            .gas_limit = 30000000,
                            .difficulty = u256_from_u64(77),
                            .coinbase = {{1, 2, 3}},
                            .mix_hash = {{9}}};
    struct hash32 parent_hash = {{0xaa}};
    set_forks(&spec);
    for (uint64_t i = 1; i <= 5; i++) {
        struct simulate_step step = {.number = 100 + i, .timestamp = 1000 + 12 * i};
        struct header header;
        simulate_header(&header, &step, &parent, &parent_hash, &spec, true);
        cr_assert_eq(header.fields, i < 5 ? fields[i - 1] : 6, "%u at %u", header.fields,
                     (unsigned)i);
        cr_assert_eq(u256_is_zero(&header.difficulty), i >= 3);
        cr_assert(hash32_equal(&header.parent_hash, &parent_hash));
        cr_assert(hash32_is_zero(&header.mix_hash), "randomness is not inherited");
        cr_assert_eq(header.gas_limit, parent.gas_limit);
        cr_assert(address20_equal(&header.coinbase, &parent.coinbase));
        if (i == 2)
            cr_assert_eq(header.base_fee.words[0], 1000000000, "EIP-1559's first");
        if (i == 3)
            cr_assert_eq(header.base_fee.words[0], 875000000, "an empty block lowers it");
        parent = header;
    }
}

Test(simulate, the_base_fee_is_zero_unless_validated_or_told)
{
    struct chainspec spec;
    struct header parent = {.number = 110, .timestamp = 1100, .gas_limit = 30000000, .fields = 6};
    struct hash32 parent_hash = {{0}};
    struct header header;
    struct simulate_block block = {.block = {.has_base_fee = true, .base_fee = u256_from_u64(7)}};
    struct simulate_step step = {.number = 111, .timestamp = 1112};
    parent.base_fee = u256_from_u64(8000);
    set_forks(&spec);
    simulate_header(&header, &step, &parent, &parent_hash, &spec, false);
    cr_assert(u256_is_zero(&header.base_fee));
    simulate_header(&header, &step, &parent, &parent_hash, &spec, true);
    cr_assert_eq(header.base_fee.words[0], 7000);
    step.block = &block;
    for (int validation = 0; validation < 2; validation++) {
        simulate_header(&header, &step, &parent, &parent_hash, &spec, validation);
        cr_assert_eq(header.base_fee.words[0], 7);
    }
    /* Blobs cost what the parent's blobs make of them, whether validated or not. */
    parent.blob_gas_used = 9 * 131072;
    simulate_header(&header, &step, &parent, &parent_hash, &spec, false);
    cr_assert_eq(header.excess_blob_gas, 3 * 131072);
}

Test(simulate, a_difficulty_is_only_for_blocks_before_the_merge)
{
    struct chainspec spec;
    struct header parent = {.number = 100, .timestamp = 1000, .difficulty = u256_from_u64(5)};
    struct hash32 parent_hash = {{0}};
    struct header header;
    struct simulate_block block = {
        .block = {.has_difficulty = true, .difficulty = u256_from_u64(6)}};
    struct simulate_step step = {.block = &block, .number = 101, .timestamp = 1012};
    set_forks(&spec);
    simulate_header(&header, &step, &parent, &parent_hash, &spec, false);
    cr_assert_eq(header.difficulty.words[0], 6);
    step.number = 103;
    simulate_header(&header, &step, &parent, &parent_hash, &spec, false);
    cr_assert(u256_is_zero(&header.difficulty));
    cr_assert_eq(header.fields, 1);
}

/* ---- logs ---- */

static const struct address20 alice = {{0xa1}}, bob = {{0xb0}};
static const struct u256 nothing = {{0}}, some = {{5}};

static void enter(struct simulate_logs *logs, enum evm_call_kind kind, unsigned depth,
                  const struct u256 *value)
{
    logs->tracer.ops->on_enter(&logs->tracer, kind, depth, &alice, &bob, value, SPAN_EMPTY, 0);
}

static void leave(struct simulate_logs *logs, unsigned depth, enum evm_end end)
{
    logs->tracer.ops->on_exit(&logs->tracer, depth, end, 0, SPAN_EMPTY);
}

static void emit(struct simulate_logs *logs, const char *data)
{
    struct evm_log log = {.address = bob, .topics_count = 1};
    logs->tracer.ops->on_log(&logs->tracer, &log, SPAN_STR(data), 0);
}

static void expect_data(const struct simulate_logs *logs, size_t row, const char *data,
                        uint64_t index)
{
    struct span got = SPAN(logs->data.data + logs->rows[row].data_at, logs->rows[row].data_size);
    cr_assert(span_equal(got, SPAN_STR(data)), "row %zu is %.*s", row, (int)got.size, got.data);
    cr_assert_eq(logs->rows[row].index, index);
}

Test(simulate, what_a_failed_frame_logged_is_gone_but_its_numbers_are_used)
{
    struct simulate_logs logs;
    simulate_logs_init(&logs, false);
    simulate_logs_begin_block(&logs);
    enter(&logs, EVM_CALL, 0, NULL); /* the protocol's own, before the calls */
    emit(&logs, "system");
    leave(&logs, 0, EVM_END_SUCCESS);
    simulate_logs_begin_call(&logs);
    enter(&logs, EVM_CALL, 0, &some);
    emit(&logs, "one");
    enter(&logs, EVM_CALL, 1, &nothing);
    emit(&logs, "lost");
    enter(&logs, EVM_DELEGATECALL, 2, &some);
    emit(&logs, "lost with it");
    leave(&logs, 2, EVM_END_SUCCESS);
    leave(&logs, 1, EVM_END_REVERT);
    enter(&logs, EVM_STATICCALL, 1, NULL);
    leave(&logs, 1, EVM_END_SUCCESS);
    emit(&logs, "two");
    leave(&logs, 0, EVM_END_SUCCESS);
    cr_assert_eq(simulate_logs_end_call(&logs), 2);
    expect_data(&logs, 0, "one", 1);
    expect_data(&logs, 1, "two", 4);

    simulate_logs_begin_call(&logs);
    enter(&logs, EVM_CALL, 0, NULL);
    emit(&logs, "undone");
    leave(&logs, 0, EVM_END_OUT_OF_GAS);
    cr_assert_eq(simulate_logs_end_call(&logs), 0);

    simulate_logs_begin_call(&logs);
    enter(&logs, EVM_CREATE, 0, NULL);
    emit(&logs, "three");
    leave(&logs, 0, EVM_END_SUCCESS);
    cr_assert_eq(simulate_logs_end_call(&logs), 1);
    expect_data(&logs, 2, "three", 6);
    cr_assert_eq(logs.count, 3);

    simulate_logs_begin_block(&logs);
    cr_assert_eq(logs.count, 0);
    cr_assert_eq(logs.data.size, 0);
    simulate_logs_free(&logs);
}

Test(simulate, ether_that_moves_is_logged_as_a_transfer)
{
    static const struct {
        enum evm_call_kind kind;
        bool moves;
    } rows[] = {{EVM_CALL, true},        {EVM_CALLCODE, false}, {EVM_DELEGATECALL, false},
                {EVM_STATICCALL, false}, {EVM_CREATE, true},    {EVM_CREATE2, true},
                {EVM_SELFDESTRUCT, true}};
    struct simulate_logs logs;
    simulate_logs_init(&logs, true);
    simulate_logs_begin_block(&logs);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        simulate_logs_begin_call(&logs);
        enter(&logs, rows[i].kind, 0, &nothing);
        enter(&logs, rows[i].kind, 1, &some);
        leave(&logs, 1, EVM_END_SUCCESS);
        leave(&logs, 0, EVM_END_SUCCESS);
        cr_assert_eq(simulate_logs_end_call(&logs), rows[i].moves, "kind %zu", i);
    }
    const struct simulate_log *log = &logs.rows[0];
    cr_assert_eq(log->topics_count, 3);
    cr_assert_eq(log->address.bytes[0], 0xee);
    cr_assert_eq(log->topics[0].bytes[0], 0xdd);
    cr_assert_eq(memcmp(log->topics[1].bytes + 12, alice.bytes, 20), 0);
    cr_assert_eq(memcmp(log->topics[2].bytes + 12, bob.bytes, 20), 0);
    cr_assert_eq(log->data_size, 32);
    cr_assert_eq(logs.data.data[31], 5);
    simulate_logs_free(&logs);
}
