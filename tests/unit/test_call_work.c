/* Calls over a state in memory: no network, no JSON. */
#include "gateway/call/call_work.h"
#include "les/eth/tx.h"
#include "les/eth/u256.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>

TestSuite(call_work, .fini = fixture_leak_gate);

#define GAS_CAP 50000000u

static const struct address20 rich = {{[19] = 0xee}}, poor = {{[19] = 0xdd}},
                              target = {{[19] = 0xc0}}, other = {{[18] = 1, [19] = 0xc1}},
                              coinbase = {{[19] = 0xcb}};

struct pond {
    struct node_store *store;
    struct evm_store_backend backend;
    struct crypto *crypto;
    struct witness *witness;
    struct chainspec spec;
    struct header header;
    struct exec_world world;
    struct account_override accounts[4];
    struct call_order order;
    struct call_outcome outcome;
    struct buf code;
};

/* rich has 10^18 wei and nonce 7; a block 100 of the given fork with base fee 10. */
static void open_at(struct pond *pond, enum fork fork)
{
    uint8_t seed[32] = {7};
    struct u256 ether = u256_from_u64(1000000000000000000u);
    struct evm_account *account;
    *pond = (struct pond){.store = node_store_new(), .crypto = crypto_new(seed)};
    evm_store_backend_init(&pond->backend, pond->store, &EMPTY_TRIE_ROOT);
    struct evm_state *state = evm_state_new(&pond->backend.backend, NULL);
    evm_state_begin(state);
    cr_assert(evm_state_account(state, &rich, &account));
    evm_state_set_balance(state, account, &ether);
    evm_state_set_nonce(state, account, 7);
    evm_state_end(state, true);
    cr_assert_eq(evm_state_commit(state, pond->store, &pond->backend.root), STATUS_OK);
    evm_state_free(state);
    pond->spec = (struct chainspec){.chain_id = 1337, .has_terminal_td = true};
    for (enum fork at = FORK_FRONTIER; at < FORK_COUNT; at++)
        pond->spec.activation[at] = at <= fork ? 0 : FORK_NEVER;
    pond->header = (struct header){.number = 100,
                                   .timestamp = 1200,
                                   .gas_limit = 30000000,
                                   .coinbase = coinbase,
                                   .mix_hash = {{[31] = 0x99}},
                                   .fields = fork >= FORK_PRAGUE   ? 6
                                             : fork >= FORK_CANCUN ? 5
                                             : fork >= FORK_LONDON ? 1
                                                                   : 0,
                                   .base_fee = u256_from_u64(10)};
    if (fork < FORK_PARIS)
        pond->header.difficulty = u256_from_u64(0x20000);
    pond->witness = witness_new(NULL, &pond->backend.root, false);
    pond->world = (struct exec_world){.backend = &pond->backend.backend,
                                      .witness = pond->witness,
                                      .spec = &pond->spec,
                                      .crypto = pond->crypto,
                                      .gas_cap = GAS_CAP};
    pond->order.header = &pond->header;
    pond->order.state.accounts = pond->accounts;
    pond->order.args =
        (struct call_args){.has_from = true, .from = rich, .has_to = true, .to = target};
}

static void close_pond(struct pond *pond)
{
    call_outcome_free(&pond->outcome);
    buf_free(&pond->code);
    witness_free(pond->witness);
    node_store_free(pond->store);
    crypto_free(pond->crypto);
}

/* Code at target, for the calls that follow. */
static void place(struct pond *pond, const char *hex)
{
    buf_free(&pond->code);
    pond->code = fixture_hex(hex);
    pond->order.state.count = 1;
    pond->accounts[0] = (struct account_override){
        .address = target, .has_code = true, .code = buf_span(&pond->code)};
}

static void expect_output(struct pond *pond, const char *hex)
{
    cr_assert_eq(call_execute(&pond->outcome, &pond->world, &pond->order), CALL_DONE);
    cr_assert_eq(pond->outcome.error.code, 0, "%.*s", (int)pond->outcome.error.text.size,
                 (const char *)pond->outcome.error.text.data);
    fixture_expect_hex(buf_span(&pond->outcome.output), hex);
}

static void expect_word(struct pond *pond, uint64_t value)
{
    char hex[65];
    snprintf(hex, sizeof hex, "%064llx", (unsigned long long)value);
    expect_output(pond, hex);
}

static void expect_text(struct pond *pond, int code, const char *text)
{
    const struct buf *got = &pond->outcome.error.text;
    cr_assert_eq(pond->outcome.error.code, code, "%d instead of %d: %.*s", pond->outcome.error.code,
                 code, (int)got->size, (const char *)got->data);
    cr_assert(span_equal(buf_span(got), SPAN_STR(text)), "\n got %.*s\nwant %s", (int)got->size,
              (const char *)got->data, text);
}

static void expect_error(struct pond *pond, int code, const char *text)
{
    cr_assert_eq(call_execute(&pond->outcome, &pond->world, &pond->order), CALL_DONE);
    expect_text(pond, code, text);
}

#define RETURN_TOP "60005260206000f3"
#define ZEROS12    "000000000000000000000000"

/* ---- what a call sees ---- */

Test(call_work, the_block_is_the_header_and_what_was_put_over_it)
{
    struct pond pond;
    open_at(&pond, FORK_PRAGUE);
    struct block_override *over = &pond.order.block;
    place(&pond, "43" RETURN_TOP);
    expect_word(&pond, 100);
    over->has_number = true;
    over->number = u256_from_u64(5000);
    expect_word(&pond, 5000);
    place(&pond, "42" RETURN_TOP);
    expect_word(&pond, 1200);
    over->has_time = true;
    over->time = 77;
    expect_word(&pond, 77);
    place(&pond, "41" RETURN_TOP);
    expect_word(&pond, 0xcb);
    over->has_fee_recipient = true;
    over->fee_recipient = other;
    expect_word(&pond, 0x1c1);
    place(&pond, "45" RETURN_TOP);
    expect_word(&pond, 30000000);
    over->has_gas_limit = true;
    over->gas_limit = 3;
    expect_word(&pond, 3);
    place(&pond, "44" RETURN_TOP);
    expect_word(&pond, 0x99);
    over->has_difficulty = true; /* nothing after the merge */
    over->difficulty = u256_from_u64(5);
    expect_word(&pond, 0x99);
    over->has_prev_randao = true;
    over->prev_randao = (struct hash32){{[31] = 0x55}};
    expect_word(&pond, 0x55);
    place(&pond, "46" RETURN_TOP);
    expect_word(&pond, 1337);
    place(&pond, "4a" RETURN_TOP); /* BLOBBASEFEE */
    expect_word(&pond, 1);
    over->has_blob_base_fee = true;
    over->blob_base_fee = u256_from_u64(12);
    expect_word(&pond, 12);
    close_pond(&pond);
}

Test(call_work, a_free_call_sees_no_base_fee)
{
    struct pond pond;
    open_at(&pond, FORK_PRAGUE);
    place(&pond, "48" RETURN_TOP);
    expect_word(&pond, 0);
    pond.order.args.has_gas_price = true;
    pond.order.args.gas_price = u256_from_u64(15);
    expect_word(&pond, 10);
    pond.order.block.has_base_fee = true;
    pond.order.block.base_fee = u256_from_u64(11);
    expect_word(&pond, 11);
    place(&pond, "3a" RETURN_TOP); /* GASPRICE */
    expect_word(&pond, 15);
    pond.order.args.has_gas_price = false;
    pond.order.args.has_max_fee = pond.order.args.has_max_priority_fee = true;
    pond.order.args.max_fee = u256_from_u64(40);
    pond.order.args.max_priority_fee = u256_from_u64(2);
    expect_word(&pond, 13);
    close_pond(&pond);
}

Test(call_work, before_the_merge_difficulty_and_signer_count)
{
    struct pond pond;
    open_at(&pond, FORK_LONDON);
    place(&pond, "44" RETURN_TOP);
    expect_word(&pond, 0x20000);
    pond.order.block.has_difficulty = true;
    pond.order.block.difficulty = u256_from_u64(5);
    expect_word(&pond, 5);
    pond.order.block.has_difficulty = false;
    pond.order.block.has_prev_randao = true; /* then the rules are those after the merge */
    pond.order.block.prev_randao = (struct hash32){{[31] = 8}};
    expect_word(&pond, 8);
    pond.order.block.has_prev_randao = false;
    pond.spec.clique = true; /* and the header has no seal */
    place(&pond, "41" RETURN_TOP);
    expect_word(&pond, 0);
    close_pond(&pond);
}

Test(call_work, an_overridden_number_or_time_brings_the_rules_of_its_fork)
{
    struct pond pond;
    open_at(&pond, FORK_PARIS);
    pond.spec.activation[FORK_SHANGHAI] = 2000;
    place(&pond, "5f" RETURN_TOP); /* PUSH0, EIP-3855 */
    expect_error(&pond, RPC_SERVER_ERROR, "invalid opcode: PUSH0");
    pond.order.block.has_time = true;
    pond.order.block.time = 2000;
    expect_word(&pond, 0);
    close_pond(&pond);
}

Test(call_work, block_hashes_come_from_the_chain_and_not_beyond_its_block)
{
    struct pond pond;
    const struct hash32 hash = {{1, 2, 3}};
    open_at(&pond, FORK_PRAGUE);
    witness_put_block_hash(pond.witness, 99, &hash, true);
    place(&pond, "606340" RETURN_TOP);
    expect_output(&pond, "0102030000000000000000000000000000000000000000000000000000000000");
    place(&pond, "606440" RETURN_TOP);
    pond.order.block.has_number = true;
    pond.order.block.number = u256_from_u64(110);
    expect_word(&pond, 0);
    close_pond(&pond);
}

Test(call_work, gas_is_capped)
{
    struct pond pond;
    open_at(&pond, FORK_PRAGUE);
    place(&pond, "5a" RETURN_TOP);
    expect_word(&pond, GAS_CAP - 21000 - 2);
    pond.order.args.has_gas = true;
    pond.order.args.gas = 100000;
    expect_word(&pond, 100000 - 21000 - 2);
    pond.order.args.gas = (uint64_t)GAS_CAP * 2;
    expect_word(&pond, GAS_CAP - 21000 - 2);
    close_pond(&pond);
}

/* ---- how it ends ---- */

Test(call_work, halts_say_what_go_ethereum_says)
{
    static const struct {
        const char *code, *text;
    } rows[] = {
        {"fe", "invalid opcode: INVALID"},
        {"0c", "invalid opcode: opcode 0xc not defined"},
        {"50", "stack underflow (0 <=> 1)"},
        {"600101", "stack underflow (1 <=> 2)"},
        {"5b6000600056", "stack limit reached 1024 (1023)"},
        {"600056", "invalid jump destination"},
        {"5b600056", "out of gas"},
        {"6000670fffffffffffffff52", "out of gas: gas uint64 overflow"},
        {"600067ffffffffffffffff52", "gas uint64 overflow"},
        {"6001600060003e", "return data out of bounds"},
    };
    struct pond pond;
    open_at(&pond, FORK_PRAGUE);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        place(&pond, rows[i].code);
        expect_error(&pond, RPC_SERVER_ERROR, rows[i].text);
        cr_assert_eq(pond.outcome.output.size, 0);
    }
    close_pond(&pond);
}

Test(call_work, an_inner_frame_that_fails_is_not_the_outcome)
{
    struct pond pond;
    open_at(&pond, FORK_PRAGUE);
    struct buf bad = fixture_hex("fe");
    place(&pond, "60006000600060006000"
                 "6101c1"
                 "61ffff"
                 "f150"
                 "50"); /* CALL other, POP, then one POP too many */
    pond.order.state.count = 2;
    pond.accounts[1] =
        (struct account_override){.address = other, .has_code = true, .code = buf_span(&bad)};
    expect_error(&pond, RPC_SERVER_ERROR, "stack underflow (0 <=> 1)");
    buf_free(&bad);
    close_pond(&pond);
}

#define WORD(digits) "00000000000000000000000000000000000000000000000000000000000000" digits
#define ERROR_STRING "08c379a0" WORD("20")

Test(call_work, reverts_carry_their_reason)
{
    static const struct {
        const char *output, *text;
    } rows[] = {
        {"", "execution reverted"},
        {"08c379", "execution reverted"},
        {"deadbeef" WORD("01"), "execution reverted"},
        {ERROR_STRING WORD("0a") "75736572206572726f72" ZEROS12 "00000000000000000000",
         "execution reverted: user error"},
        {ERROR_STRING WORD("0a") "75736572206572726f72", "execution reverted: user error"},
        {ERROR_STRING WORD("0b") "75736572206572726f72", "execution reverted"},
        {ERROR_STRING WORD("00"), "execution reverted: "},
        {ERROR_STRING, "execution reverted"},
        {"08c379a0" WORD("ff") WORD("00"), "execution reverted"},
        {"4e487b71" WORD("01"), "execution reverted: assert(false)"},
        {"4e487b71" WORD("11"), "execution reverted: arithmetic underflow or overflow"},
        {"4e487b71" WORD("32"), "execution reverted: out-of-bounds access of an array or bytesN"},
        {"4e487b71" WORD("99"), "execution reverted: unknown panic code: 0x99"},
        {"4e487b71" WORD("00"), "execution reverted: generic panic"},
        {"4e487b7100", "execution reverted"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct buf output = fixture_hex(rows[i].output), text = {0};
        call_revert_text(&text, buf_span(&output));
        cr_assert(span_equal(buf_span(&text), SPAN_STR(rows[i].text)), "%zu: %.*s", i,
                  (int)text.size, (const char *)text.data);
        buf_free(&output);
        buf_free(&text);
    }
}

Test(call_work, a_revert_has_code_three_and_its_data)
{
    struct pond pond;
    open_at(&pond, FORK_PRAGUE);
    place(&pond, "600a6000526020"
                 "6000fd");
    expect_error(&pond, RPC_REVERTED, "execution reverted");
    fixture_expect_hex(buf_span(&pond.outcome.output), WORD("0a"));
    close_pond(&pond);
}

Test(call_work, a_creation_gives_the_code_that_it_would_place)
{
    struct pond pond;
    open_at(&pond, FORK_PRAGUE);
    struct buf code = fixture_hex("61aabb60005260026"
                                  "01ef3");
    pond.order.args.has_to = false;
    pond.order.args.data = buf_span(&code);
    expect_output(&pond, "aabb");
    buf_free(&code);
    code = fixture_hex("6160016000f3"); /* RETURN 24,577 bytes */
    buf_free(&code);
    code = fixture_hex("6160016000f3");
    pond.order.args.data = buf_span(&code);
    expect_error(&pond, RPC_SERVER_ERROR, "max code size exceeded: code size 24577 limit 24576");
    buf_free(&code);
    close_pond(&pond);
}

/* ---- what is refused ---- */

Test(call_work, refusals_name_address_and_numbers)
{
    struct pond pond;
    open_at(&pond, FORK_PRAGUE);
    struct call_args *args = &pond.order.args;
    const struct call_args plain = *args;
    args->from = poor;
    args->value = u256_from_u64(1);
    expect_error(&pond, RPC_SERVER_ERROR,
                 "err: insufficient funds for gas * price + value: address "
                 "0x00000000000000000000000000000000000000dd have 0 want 1 "
                 "(supplied gas 50000000)");
    *args = plain;
    args->from = poor;
    args->has_gas = args->has_gas_price = true;
    args->gas = 30000;
    args->gas_price = u256_from_u64(12);
    expect_error(&pond, RPC_SERVER_ERROR,
                 "err: insufficient funds for gas * price + value: address "
                 "0x00000000000000000000000000000000000000dd have 0 want 360000 "
                 "(supplied gas 30000)");
    args->gas_price = (struct u256){{0, 0, 0, 1ull << 63}};
    expect_error(&pond, RPC_SERVER_ERROR,
                 "err: insufficient funds for gas * price + value: address "
                 "0x00000000000000000000000000000000000000dd required balance exceeds 256 bits "
                 "(supplied gas 30000)");
    args->gas_price = u256_from_u64(9);
    expect_error(&pond, RPC_SERVER_ERROR,
                 "err: max fee per gas less than block base fee: address "
                 "0x00000000000000000000000000000000000000dd, maxFeePerGas: 9, baseFee: 10 "
                 "(supplied gas 30000)");
    *args = plain;
    args->has_max_fee = args->has_max_priority_fee = true;
    args->max_fee = u256_from_u64(11);
    args->max_priority_fee = u256_from_u64(12);
    expect_error(&pond, RPC_SERVER_ERROR,
                 "err: max priority fee per gas higher than max fee per gas: address "
                 "0x00000000000000000000000000000000000000eE, maxPriorityFeePerGas: 12, "
                 "maxFeePerGas: 11 (supplied gas 50000000)");
    *args = plain;
    args->has_gas = true;
    args->gas = 20999;
    expect_error(&pond, RPC_SERVER_ERROR,
                 "err: intrinsic gas too low: have 20999, want 21000 (supplied gas 20999)");
    uint8_t data[100];
    memset(data, 1, sizeof data);
    args->gas = 22700;
    args->data = SPAN(data, sizeof data);
    expect_error(&pond, RPC_SERVER_ERROR,
                 "err: insufficient gas for floor data gas cost: have 22700, want 25000 "
                 "(supplied gas 22700)");
    uint8_t *code = mem_alloc(49153); /* looked at before the gas, as in go-ethereum */
    args->has_to = false;
    args->data = SPAN(code, 49153);
    expect_error(&pond, RPC_SERVER_ERROR,
                 "err: max initcode size exceeded: code size 49153 limit 49152 "
                 "(supplied gas 22700)");
    mem_free(code);
    close_pond(&pond);
}

Test(call_work, what_contradicts_itself_is_refused)
{
    struct pond pond;
    open_at(&pond, FORK_PRAGUE);
    struct call_args *args = &pond.order.args;
    const struct call_args plain = *args;
    args->has_gas_price = args->has_max_fee = true;
    expect_error(&pond, RPC_SERVER_ERROR,
                 "both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified");
    *args = plain;
    args->has_chain_id = true;
    args->chain_id = u256_from_u64(1);
    expect_error(&pond, RPC_SERVER_ERROR, "chainId does not match node's (have=1, want=1337)");
    args->chain_id = u256_from_u64(1337);
    expect_output(&pond, "");
    *args = plain;
    args->has_authorizations = true;
    expect_error(&pond, RPC_SERVER_ERROR,
                 "err: EIP-7702 transaction with empty auth list (sender "
                 "0x00000000000000000000000000000000000000eE) (supplied gas 50000000)");
    *args = plain;
    args->has_blob_hashes = true;
    expect_error(&pond, RPC_SERVER_ERROR,
                 "err: blob transaction missing blob hashes (supplied gas 50000000)");
    struct buf hashes = {0};
    buf_add_u8(&hashes, 0xa0);
    buf_add(&hashes, (const uint8_t[32]){2}, 32);
    args->blob_hashes = buf_span(&hashes);
    args->blob_hashes_count = 1;
    expect_error(&pond, RPC_SERVER_ERROR,
                 "err: blob 0 has invalid hash version (supplied gas 50000000)");
    hashes.data[1] = 1;
    place(&pond, "600049" RETURN_TOP);
    expect_output(&pond, "0100000000000000000000000000000000000000000000000000000000000000");
    args->has_max_fee_per_blob_gas = true; /* one, and the block wants one: it must be paid for */
    args->max_fee_per_blob_gas = u256_from_u64(1);
    pond.order.block.has_blob_base_fee = true;
    pond.order.block.blob_base_fee = u256_from_u64(2);
    expect_error(&pond, RPC_SERVER_ERROR,
                 "err: max fee per blob gas less than block blob gas fee: address "
                 "0x00000000000000000000000000000000000000eE blobGasFeeCap: 1, blobBaseFee: 2 "
                 "(supplied gas 50000000)");
    buf_free(&hashes);
    close_pond(&pond);
}

Test(call_work, overrides_of_blocks_that_calls_do_not_take)
{
    struct pond pond;
    open_at(&pond, FORK_PRAGUE);
    pond.order.block.has_withdrawals = true;
    expect_error(&pond, RPC_SERVER_ERROR,
                 "block override \"withdrawals\" is not supported for this RPC method");
    pond.order.block.has_beacon_root = true;
    expect_error(&pond, RPC_SERVER_ERROR,
                 "block override \"beaconRoot\" is not supported for this RPC method");
    cr_assert_eq(call_estimate(&pond.outcome, &pond.world, &pond.order), CALL_DONE);
    expect_text(&pond, RPC_SERVER_ERROR,
                "block override \"beaconRoot\" is not supported for this RPC method");
    close_pond(&pond);
}

/* ---- the state as wanted ---- */

Test(call_work, state_is_replaced_or_changed)
{
    static const struct slot_override one[] = {{{{[31] = 1}}, {{[31] = 0x11}}}},
                                      two[] = {{{{[31] = 2}}, {{[31] = 0x22}}}};
    struct pond pond;
    struct evm_account *account;
    open_at(&pond, FORK_PRAGUE);
    /* target has slot 1 = 5 and slot 2 = 6 on the chain */
    struct evm_state *state = evm_state_new(&pond.backend.backend, NULL);
    evm_state_begin(state);
    cr_assert(evm_state_account(state, &target, &account));
    evm_state_set_nonce(state, account, 1);
    for (uint64_t key = 1; key <= 2; key++) {
        struct u256 word = u256_from_u64(key), value = u256_from_u64(key + 4);
        struct evm_slot *slot = evm_state_slot(state, account, &word);
        cr_assert(evm_state_load_slot(state, slot));
        evm_state_store(state, slot, &value);
    }
    evm_state_end(state, true);
    cr_assert_eq(evm_state_commit(state, pond.store, &pond.backend.root), STATUS_OK);
    evm_state_free(state);
    place(&pond, "600154600254610100020160"
                 "005260206000f3"); /* slot 1 + 256 * slot 2 */
    expect_word(&pond, 0x605);
    pond.accounts[0].has_state_diff = true;
    pond.accounts[0].state_diff = one;
    pond.accounts[0].state_diff_count = 1;
    expect_word(&pond, 0x611);
    pond.accounts[0].has_state_diff = false;
    pond.accounts[0].state_diff_count = 0;
    pond.accounts[0].has_state = true;
    pond.accounts[0].state = two;
    pond.accounts[0].state_count = 1;
    expect_word(&pond, 0x2200);
    pond.accounts[0].state_count = 0;
    expect_word(&pond, 0);
    pond.accounts[0].has_state_diff = true;
    expect_error(&pond, RPC_SERVER_ERROR,
                 "account 0x00000000000000000000000000000000000000C0 has both 'state' and "
                 "'stateDiff'");
    close_pond(&pond);
}

/* What an override wrote was there before the transaction: a store back to it costs and refunds as
 * such. */
Test(call_work, overrides_are_original_values)
{
    static const struct slot_override set[] = {{{{[31] = 1}}, {{[31] = 7}}}};
    struct pond pond;
    open_at(&pond, FORK_PRAGUE);
    place(&pond, "5a6008600155"
                 "5a9003" RETURN_TOP); /* gas of SSTORE(1, 8) from 7 */
    pond.accounts[0].has_state_diff = true;
    pond.accounts[0].state_diff = set;
    pond.accounts[0].state_diff_count = 1;
    expect_word(&pond, 2 + 3 + 3 + 5000);
    pond.accounts[0].state_diff_count = 0;
    expect_word(&pond, 2 + 3 + 3 + 22100);
    close_pond(&pond);
}

Test(call_work, balances_and_nonces)
{
    struct pond pond;
    open_at(&pond, FORK_PRAGUE);
    place(&pond, "60dd31" RETURN_TOP);
    expect_word(&pond, 0);
    pond.order.state.count = 2;
    pond.accounts[1] = (struct account_override){
        .address = poor, .has_balance = true, .balance = u256_from_u64(123)};
    expect_word(&pond, 123);
    /* The address of a creation is made of the nonce. */
    struct buf code = fixture_hex("30" RETURN_TOP);
    struct address20 created;
    pond.order.args = (struct call_args){.from = poor, .data = buf_span(&code)};
    pond.accounts[1].has_nonce = true;
    pond.accounts[1].nonce = 42;
    evm_create_address(&created, &poor, 42);
    cr_assert_eq(call_execute(&pond.outcome, &pond.world, &pond.order), CALL_DONE);
    cr_assert_eq(pond.outcome.output.size, 32);
    cr_assert_eq(memcmp(pond.outcome.output.data + 12, created.bytes, 20), 0);
    buf_free(&code);
    close_pond(&pond);
}

Test(call_work, precompiles_can_be_moved_and_covered)
{
    static const struct address20 identity = {{[19] = 4}}, sha256 = {{[19] = 2}};
    struct pond pond;
    open_at(&pond, FORK_PRAGUE);
    struct buf data = fixture_hex("0102"), code = fixture_hex("60ff" RETURN_TOP);
    pond.order.args.data = buf_span(&data);
    pond.order.args.to = identity;
    expect_output(&pond, "0102");
    pond.order.state.count = 1;
    pond.accounts[0] =
        (struct account_override){.address = identity, .has_move_to = true, .move_to = other};
    expect_output(&pond, "");
    pond.order.args.to = other;
    expect_output(&pond, "0102");
    pond.accounts[0] =
        (struct account_override){.address = identity, .has_code = true, .code = buf_span(&code)};
    pond.order.args.to = identity;
    expect_word(&pond, 0xff);
    pond.accounts[0] =
        (struct account_override){.address = target, .has_move_to = true, .move_to = other};
    expect_error(&pond, RPC_SERVER_ERROR,
                 "account 0x00000000000000000000000000000000000000C0 is not a precompile");
    pond.order.state.count = 2;
    pond.accounts[0] =
        (struct account_override){.address = identity, .has_move_to = true, .move_to = target};
    pond.accounts[1] = (struct account_override){.address = target};
    expect_error(&pond, RPC_SERVER_ERROR,
                 "account 0x00000000000000000000000000000000000000C0 is already overridden");
    pond.accounts[0] =
        (struct account_override){.address = sha256, .has_move_to = true, .move_to = identity};
    pond.order.state.count = 1;
    expect_output(&pond, "a12871fee210fb8619291eaea194581cbd2531e4b23759d225f6806923f63222");
    buf_free(&data);
    buf_free(&code);
    close_pond(&pond);
}

Test(call_work, a_build_without_a_curve_says_so)
{
    struct pond pond;
    open_at(&pond, FORK_PRAGUE);
    uint8_t input[192] = {0};
    pond.order.args.to = (struct address20){{[19] = 10}};
    pond.order.args.data = SPAN(input, sizeof input);
    cr_assert_eq(call_execute(&pond.outcome, &pond.world, &pond.order), CALL_DONE);
    cr_assert_eq(pond.outcome.error.code, RPC_SERVER_ERROR);
    buf_add_u8(&pond.outcome.error.text, 0);
    cr_assert_neq(strstr((char *)pond.outcome.error.text.data, "is not in this build"), NULL);
    close_pond(&pond);
}

Test(call_work, a_precompile_says_what_is_wrong_with_its_input)
{
    static const struct {
        uint8_t address;
        size_t size;
        const char *text;
    } rows[] = {{8, 100, "bad elliptic curve pairing size"},
                {8, 0, NULL},
                {9, 212, "invalid input length"},
                {9, 213, "invalid final flag"},
                {10, 191, "invalid input length"},
                {10, 192, "mismatched versioned hash"},
                {11, 255, "invalid input length"},
                {12, 161, "invalid input length"},
                {13, 511, "invalid input length"},
                {14, 0, "invalid input length"},
                {15, 383, "invalid input length"},
                {16, 63, "invalid input length"},
                {17, 127, "invalid input length"},
                {6, 64, NULL}};
    struct pond pond;
    uint8_t input[512];
    open_at(&pond, FORK_PRAGUE);
    pond.world.precompiles = evm_precompile_curves();
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        if (pond.world.precompiles == NULL && rows[i].address >= 10)
            continue;
        memset(input, rows[i].text == NULL ? 0 : 2, sizeof input);
        pond.order.args.to = (struct address20){{[19] = rows[i].address}};
        pond.order.args.data = SPAN(input, rows[i].size);
        cr_assert_eq(call_execute(&pond.outcome, &pond.world, &pond.order), CALL_DONE);
        if (rows[i].text == NULL)
            cr_assert_eq(pond.outcome.error.code, 0, "%zu", i);
        else
            expect_text(&pond, RPC_SERVER_ERROR, rows[i].text);
    }
    memset(input, 1, sizeof input); /* a point that is none */
    pond.order.args.to = (struct address20){{[19] = 6}};
    pond.order.args.data = SPAN(input, 64);
    expect_error(&pond, RPC_SERVER_ERROR, "precompile failed");
    close_pond(&pond);
}

/* ---- missing state ---- */

static enum evm_lookup no_account(struct evm_backend *backend, const struct address20 *address,
                                  struct account *out)
{
    (void)backend, (void)address, (void)out;
    return EVM_LOOKUP_MISSING;
}

Test(call_work, without_state_there_is_no_result)
{
    static const struct evm_backend_ops ops = {.account = no_account};
    struct evm_backend nothing = {&ops};
    struct pond pond;
    open_at(&pond, FORK_PRAGUE);
    pond.world.backend = &nothing;
    cr_assert_eq(call_execute(&pond.outcome, &pond.world, &pond.order), CALL_STOPPED);
    cr_assert_eq(call_estimate(&pond.outcome, &pond.world, &pond.order), CALL_STOPPED);
    cr_assert_eq(call_access_list(&pond.outcome, &pond.world, &pond.order), CALL_STOPPED);
    close_pond(&pond);
}

Test(call_work, a_cancelled_search_stops)
{
    struct pond pond;
    _Atomic bool cancel = true;
    open_at(&pond, FORK_PRAGUE);
    pond.world.cancel = &cancel;
    place(&pond, "5b600056");
    cr_assert_eq(call_execute(&pond.outcome, &pond.world, &pond.order), CALL_STOPPED);
    cr_assert_eq(call_estimate(&pond.outcome, &pond.world, &pond.order), CALL_STOPPED);
    cr_assert_eq(call_access_list(&pond.outcome, &pond.world, &pond.order), CALL_STOPPED);
    close_pond(&pond);
}

/* ---- gas ---- */

static uint64_t estimate(struct pond *pond)
{
    cr_assert_eq(call_estimate(&pond->outcome, &pond->world, &pond->order), CALL_DONE);
    cr_assert_eq(pond->outcome.error.code, 0, "%.*s", (int)pond->outcome.error.text.size,
                 (const char *)pond->outcome.error.text.data);
    return pond->outcome.gas;
}

static bool works_with(struct pond *pond, uint64_t gas)
{
    pond->order.args.has_gas = true;
    pond->order.args.gas = gas;
    cr_assert_eq(call_execute(&pond->outcome, &pond->world, &pond->order), CALL_DONE);
    pond->order.args.has_gas = false;
    return pond->outcome.error.code == 0;
}

/* Between the least limit that works and 1.5 % above it. */
static void expect_tight(struct pond *pond)
{
    uint64_t found = estimate(pond), fails = 0, works = found;
    cr_assert(works_with(pond, found), "%llu", (unsigned long long)found);
    while (fails + 1 < works) {
        uint64_t middle = fails + (works - fails) / 2;
        if (works_with(pond, middle))
            works = middle;
        else
            fails = middle;
    }
    cr_assert_leq((double)(found - works), 0.015 * (double)found + 1, "%llu %llu",
                  (unsigned long long)found, (unsigned long long)works);
}

static void expect_no_estimate(struct pond *pond, int code, const char *text)
{
    cr_assert_eq(call_estimate(&pond->outcome, &pond->world, &pond->order), CALL_DONE);
    expect_text(pond, code, text);
}

Test(call_work, a_plain_transfer_takes_21000)
{
    struct pond pond;
    open_at(&pond, FORK_PRAGUE);
    pond.order.args.value = u256_from_u64(5);
    cr_assert_eq(estimate(&pond), 21000);
    struct buf list = fixture_hex("d6940000000000000000000000000000000000000001c0");
    pond.order.args.access_list = buf_span(&list);
    pond.order.args.has_access_list = true;
    expect_tight(&pond);
    cr_assert_geq(estimate(&pond), 23400);
    buf_free(&list);
    close_pond(&pond);
}

Test(call_work, estimates_are_enough_and_not_far_above)
{
    static const char *const codes[] = {
        "00",
        "6001600055",                         /* a new slot */
        "600160005560006000556001600055",     /* refunds on the way */
        "600060006000600060006000620186a0f1", /* hands on 100,000 gas to address 0 */
        "60006000600060006000"                /* a call that wants all it gets: 63/64 */
        "6101c15af1601357fe5b",
        "5a61c350106009" /* fails with less than 50,000 left */
        "57fe5b",
        "60ff5b600190038060025700", /* a loop */
    };
    struct pond pond;
    open_at(&pond, FORK_PRAGUE);
    /* other burns some thousand gas by storing, and must succeed */
    struct buf burns = fixture_hex("600160005560026001556003600255");
    for (size_t i = 0; i < ARRAY_COUNT(codes); i++) {
        place(&pond, codes[i]);
        pond.order.state.count = 2;
        pond.accounts[1] =
            (struct account_override){.address = other, .has_code = true, .code = buf_span(&burns)};
        expect_tight(&pond);
    }
    buf_free(&burns);
    close_pond(&pond);
}

Test(call_work, clearing_storage_needs_its_gas_before_the_refund)
{
    static const struct slot_override set[] = {{{{[31] = 0}}, {{[31] = 7}}}};
    struct pond pond;
    open_at(&pond, FORK_PRAGUE);
    place(&pond, "6000600055");
    pond.accounts[0].has_state = true;
    pond.accounts[0].state = set;
    pond.accounts[0].state_count = 1;
    expect_tight(&pond);
    cr_assert_geq(estimate(&pond), 26006);
    close_pond(&pond);
}

Test(call_work, long_data_pays_the_floor)
{
    struct pond pond;
    uint8_t data[1000];
    memset(data, 1, sizeof data);
    open_at(&pond, FORK_PRAGUE);
    pond.order.args.data = SPAN(data, sizeof data);
    expect_tight(&pond);
    cr_assert_geq(estimate(&pond), 61000); /* EIP-7623: 21000 + 40 a byte */
    close_pond(&pond);
    open_at(&pond, FORK_CANCUN);
    pond.order.args.data = SPAN(data, sizeof data);
    expect_tight(&pond);
    cr_assert_lt(estimate(&pond), 38000);
    close_pond(&pond);
}

Test(call_work, what_no_gas_can_help)
{
    struct pond pond;
    open_at(&pond, FORK_PRAGUE);
    place(&pond, "600a60005260206000fd");
    expect_no_estimate(&pond, RPC_REVERTED, "execution reverted");
    fixture_expect_hex(buf_span(&pond.outcome.output), WORD("0a"));
    place(&pond, "fe");
    expect_no_estimate(&pond, RPC_SERVER_ERROR, "invalid opcode: INVALID");
    place(&pond, "600067ffffffffffffffff52");
    expect_no_estimate(&pond, RPC_SERVER_ERROR, "gas uint64 overflow");
    place(&pond, "5b600056");
    expect_no_estimate(&pond, RPC_SERVER_ERROR, "gas required exceeds allowance (30000000)");
    pond.order.args.has_gas = true;
    pond.order.args.gas = 100000;
    expect_no_estimate(&pond, RPC_SERVER_ERROR, "gas required exceeds allowance (100000)");
    pond.order.args.gas = 20000; /* less than any transaction needs: as if not given */
    expect_no_estimate(&pond, RPC_SERVER_ERROR, "gas required exceeds allowance (30000000)");
    pond.order.args.gas = (uint64_t)GAS_CAP * 2;
    expect_no_estimate(&pond, RPC_SERVER_ERROR, "gas required exceeds allowance (50000000)");
    close_pond(&pond);
}

Test(call_work, from_osaka_on_a_transaction_has_a_largest_limit)
{
    struct pond pond;
    open_at(&pond, FORK_OSAKA);
    place(&pond, "5b600056");
    expect_no_estimate(&pond, RPC_SERVER_ERROR, "gas required exceeds allowance (16777216)");
    close_pond(&pond);
}

Test(call_work, funds_bound_the_search)
{
    struct pond pond;
    open_at(&pond, FORK_PRAGUE);
    struct call_args *args = &pond.order.args;
    place(&pond, "6001600055");
    pond.order.state.count = 2;
    pond.accounts[1] = (struct account_override){
        .address = poor, .has_balance = true, .balance = u256_from_u64(300005)};
    args->from = poor;
    args->has_gas_price = true;
    args->gas_price = u256_from_u64(10);
    expect_no_estimate(&pond, RPC_SERVER_ERROR, "gas required exceeds allowance (30000)");
    args->value = u256_from_u64(300005);
    expect_no_estimate(&pond, RPC_SERVER_ERROR, "insufficient funds for transfer");
    args->value = u256_from_u64(10);
    expect_no_estimate(&pond, RPC_SERVER_ERROR, "gas required exceeds allowance (29999)");
    pond.accounts[1].balance = u256_from_u64(1000000);
    expect_tight(&pond);
    args->gas_price = u256_from_u64(9);
    expect_no_estimate(&pond, RPC_SERVER_ERROR,
                       "failed with 111110 gas: max fee per gas less than block base fee: address "
                       "0x00000000000000000000000000000000000000dd, maxFeePerGas: 9, baseFee: 10");
    close_pond(&pond);
}

/* ---- access lists ---- */

static void pay(struct pond *pond)
{
    pond->order.args.has_gas = pond->order.args.has_gas_price = true;
    pond->order.args.gas = 200000;
    pond->order.args.gas_price = u256_from_u64(20);
}

static void expect_list(struct pond *pond, const char *hex)
{
    cr_assert_eq(call_access_list(&pond->outcome, &pond->world, &pond->order), CALL_DONE);
    cr_assert_eq(pond->outcome.error.code, 0, "%.*s", (int)pond->outcome.error.text.size,
                 (const char *)pond->outcome.error.text.data);
    fixture_expect_hex(buf_span(&pond->outcome.access_list), hex);
}

#define TARGET_1_2 "f85994" ZEROS12 "00000000000000c0f842a0" WORD("01") "a0" WORD("02")

Test(call_work, slots_and_strangers_are_listed_once_and_sorted)
{
    struct pond pond;
    open_at(&pond, FORK_PRAGUE);
    pay(&pond);
    expect_list(&pond, "");
    cr_assert_eq(pond.outcome.gas, 21000);
    place(&pond, "6002546001546002546101c13b" /* SLOAD 2, 1, 2; EXTCODESIZE other */
                 "600431"                     /* BALANCE of a precompile */
                 "60ee31");                   /* and of the sender */
    expect_list(&pond, TARGET_1_2 "d694" ZEROS12 "00000000000001c1c0");
    uint64_t cold = 21000 + 3 * 3 + 3 + 3 + 3 + 2 * 2100 + 100 + 2600 + 100 + 100;
    uint64_t lists = 2 * 2400 + 2 * 1900 - 2 * 2000 - 2500;
    cr_assert_eq(pond.outcome.gas, cold + lists);
    cr_assert_eq(pond.outcome.vm_error.size, 0);
    /* What was given stays, though nothing touches it. */
    struct buf given = fixture_hex("d694" ZEROS12 "00000000000001ffc0");
    pond.order.args.has_access_list = true;
    pond.order.args.access_list = buf_span(&given);
    expect_list(&pond, TARGET_1_2 "d694" ZEROS12 "00000000000001c1c0"
                                  "d694" ZEROS12 "00000000000001ffc0");
    buf_free(&given);
    close_pond(&pond);
}

/* The second address depends on what the first run made warm: GAS decides. */
Test(call_work, the_list_is_run_until_it_rests)
{
    struct pond pond;
    open_at(&pond, FORK_PRAGUE);
    pay(&pond);
    place(&pond, "5a600154505a9003" /* gas of SLOAD(1) */
                 "61020011"         /* below 512: warm */
                 "60105700"
                 "5b600254"); /* then slot 2 is read too */
    expect_list(&pond, TARGET_1_2);
    close_pond(&pond);
}

Test(call_work, a_failing_transaction_has_a_list_too)
{
    struct pond pond;
    open_at(&pond, FORK_PRAGUE);
    pay(&pond);
    place(&pond, "60015460025460006000fd");
    expect_list(&pond, TARGET_1_2);
    cr_assert(span_equal(buf_span(&pond.outcome.vm_error), SPAN_STR("execution reverted")));
    place(&pond, "600154600254fe");
    expect_list(&pond, TARGET_1_2);
    cr_assert(span_equal(buf_span(&pond.outcome.vm_error), SPAN_STR("invalid opcode: INVALID")));
    cr_assert_eq(pond.outcome.gas, 200000);
    close_pond(&pond);
}

static void expect_no_list(struct pond *pond, const char *text)
{
    cr_assert_eq(call_access_list(&pond->outcome, &pond->world, &pond->order), CALL_DONE);
    expect_text(pond, RPC_SERVER_ERROR, text);
}

Test(call_work, a_list_is_for_a_transaction_that_pays)
{
    struct pond pond;
    open_at(&pond, FORK_PRAGUE);
    struct call_args *args = &pond.order.args;
    const struct call_args plain = *args;
    pond.order.tip = u256_from_u64(3);
    place(&pond, "3a600055"); /* GASPRICE: 10 + 3 */
    cr_assert_eq(call_access_list(&pond.outcome, &pond.world, &pond.order), CALL_DONE);
    cr_assert_eq(pond.outcome.error.code, 0);
    args->from = poor;
    args->has_gas = true;
    args->gas = 100000;
    cr_assert_eq(call_access_list(&pond.outcome, &pond.world, &pond.order), CALL_DONE);
    buf_add_u8(&pond.outcome.error.text, 0);
    const char *text = (const char *)pond.outcome.error.text.data;
    cr_assert_eq(strncmp(text, "failed to apply transaction: 0x", 31), 0, "%s", text);
    cr_assert_str_eq(strstr(text, " err: "),
                     " err: insufficient funds for gas * price + value: address "
                     "0x00000000000000000000000000000000000000dd have 0 want 2300000");
    *args = plain;
    args->has_gas_price = true;
    expect_no_list(&pond, "gasPrice must be non-zero after london fork");
    args->has_max_fee = true;
    expect_no_list(&pond, "both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified");
    *args = plain;
    args->has_max_fee = args->has_max_priority_fee = true;
    expect_no_list(&pond, "maxFeePerGas must be non-zero");
    args->max_fee = u256_from_u64(16);
    args->max_priority_fee = u256_from_u64(17);
    expect_no_list(&pond, "maxFeePerGas (0x10) < maxPriorityFeePerGas (0x11)");
    *args = plain;
    args->has_max_fee_per_blob_gas = true;
    expect_no_list(&pond, "maxFeePerBlobGas, if specified, must be non-zero");
    *args = plain;
    args->has_authorizations = args->has_gas_price = true;
    args->gas_price = u256_from_u64(20);
    expect_no_list(&pond, "both gasPrice and authorizationList specified");
    args->has_gas_price = false;
    args->authorizations_count = 3000;
    expect_no_list(&pond, "insufficient gas to process all authorizations");
    *args = plain;
    pond.accounts[0].has_move_to = true;
    expect_no_list(&pond, "account 0x00000000000000000000000000000000000000C0 is not a precompile");
    close_pond(&pond);
}
