#include "les/eth/u256.h"
#include "les/evm/evm.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>

TestSuite(evm, .fini = fixture_leak_gate);

/* ---- a world of a few contracts ---- */

enum { GAS = 1000000 };
static const struct address20 contract = {{[19] = 0xc0}}, other = {{[19] = 0xc1}},
                              third = {{[19] = 0xc2}}, caller = {{[19] = 0xee}};

struct world {
    struct node_store *store;
    struct evm_store_backend backend;
    struct evm_state *state;
    struct evm *evm;
    struct crypto *crypto;
    struct evm_result result;
};

static enum evm_lookup on_block_hash(void *owner, uint64_t number, struct hash32 *out)
{
    (void)owner;
    memset(out, (int)(number & 0xff), sizeof *out);
    return EVM_LOOKUP_FOUND;
}

static void place_code(struct world *world, const struct address20 *address, const char *hex)
{
    struct evm_account *account;
    struct buf code = fixture_hex(hex);
    cr_assert(evm_state_account(world->state, address, &account));
    evm_state_set_code(world->state, account, buf_span(&code));
    buf_free(&code);
}

static void place_balance(struct world *world, const struct address20 *address, uint64_t wei)
{
    struct evm_account *account;
    struct u256 balance = u256_from_u64(wei);
    cr_assert(evm_state_account(world->state, address, &account));
    evm_state_set_balance(world->state, account, &balance);
}

static void place_slot(struct world *world, const struct address20 *address, uint64_t key,
                       uint64_t value)
{
    struct evm_account *account;
    struct u256 slot_key = u256_from_u64(key), slot_value = u256_from_u64(value);
    cr_assert(evm_state_account(world->state, address, &account));
    struct evm_slot *slot = evm_state_slot(world->state, account, &slot_key);
    cr_assert(evm_state_load_slot(world->state, slot));
    evm_state_store(world->state, slot, &slot_value);
}

/* world must not move afterwards. */
static void world_start(struct world *world, enum evm_revision revision)
{
    uint8_t seed[32] = {3};
    *world = (struct world){.store = node_store_new(), .crypto = crypto_new(seed)};
    evm_store_backend_init(&world->backend, world->store, &EMPTY_TRIE_ROOT);
    world->state = evm_state_new(&world->backend.backend, NULL);
    struct evm_config config = {
        .revision = revision, .state = world->state, .crypto = world->crypto};
    world->evm = evm_new(&config);
    struct evm_block block = {.number = 1000,
                              .timestamp = 2000,
                              .gas_limit = 3000,
                              .chain_id = 7,
                              .block_hash = on_block_hash};
    evm_set_block(world->evm, &block);
    struct evm_tx tx = {.origin = caller};
    evm_set_tx(world->evm, &tx);
    evm_state_begin(world->state);
}

static void world_end(struct world *world)
{
    evm_free(world->evm);
    evm_state_free(world->state);
    node_store_free(world->store);
    crypto_free(world->crypto);
}

/* What was placed becomes the state before the transaction. */
static void settle(struct world *world)
{
    evm_state_end(world->state, false);
    evm_state_begin(world->state);
}

static void call(struct world *world, uint64_t gas, uint64_t value)
{
    struct evm_message message = {
        .sender = caller, .to = contract, .value = u256_from_u64(value), .gas = gas};
    settle(world);
    evm_run(world->evm, &message, &world->result);
}

static uint64_t gas_of(enum evm_revision revision, const char *code, enum evm_end end)
{
    struct world world;
    world_start(&world, revision);
    place_code(&world, &contract, code);
    call(&world, GAS, 0);
    cr_assert_eq(world.result.end, end, "%s: %s", code, evm_end_text(world.result.end));
    uint64_t used = GAS - world.result.gas_left;
    world_end(&world);
    return used;
}

/* Runs code that returns one word. */
static struct u256 word_of(enum evm_revision revision, const char *code)
{
    struct world world;
    struct u256 out;
    world_start(&world, revision);
    place_code(&world, &contract, code);
    call(&world, GAS, 0);
    cr_assert_eq(world.result.end, EVM_END_SUCCESS, "%s: %s", code, evm_end_text(world.result.end));
    cr_assert_eq(world.result.output.size, 32);
    u256_from_be(&out, world.result.output);
    world_end(&world);
    return out;
}

static uint64_t storage_at(struct world *world, const struct address20 *address, uint64_t key)
{
    struct evm_account *account;
    struct u256 slot_key = u256_from_u64(key);
    cr_assert(evm_state_account(world->state, address, &account));
    struct evm_slot *slot = evm_state_slot(world->state, account, &slot_key);
    cr_assert(evm_state_load_slot(world->state, slot));
    return slot->value.words[0];
}

#define RETURN_WORD "5f5260205ff3" /* MSTORE at 0, return it (Shanghai) */

/* ---- gas ---- */

Test(evm, simple_code_costs_what_its_instructions_cost)
{
    cr_assert_eq(gas_of(EVM_FRONTIER, "", EVM_END_SUCCESS), 0);
    cr_assert_eq(gas_of(EVM_FRONTIER, "6001600201", EVM_END_SUCCESS), 9);    /* PUSH PUSH ADD */
    cr_assert_eq(gas_of(EVM_FRONTIER, "600060005200", EVM_END_SUCCESS), 12); /* a word of memory */
    cr_assert_eq(gas_of(EVM_FRONTIER, "6000612000526000", EVM_END_SUCCESS),
                 912); /* 257 words: 3*257 + 129 */
    cr_assert_eq(gas_of(EVM_FRONTIER, "610100600a0a", EVM_END_SUCCESS),
                 36); /* two exponent bytes, 10 each */
    cr_assert_eq(gas_of(EVM_SPURIOUS, "610100600a0a", EVM_END_SUCCESS), 116); /* 50 each */
    cr_assert_eq(gas_of(EVM_FRONTIER, "6021600020", EVM_END_SUCCESS),
                 54); /* two words to hash and to reach */
    cr_assert_eq(gas_of(EVM_FRONTIER, "60016000a0", EVM_END_SUCCESS),
                 392); /* LOG0 of a byte: 375 + 8 + 3 */
    cr_assert_eq(gas_of(EVM_FRONTIER, "600060006000a1", EVM_END_SUCCESS), 759);
}

Test(evm, reading_state_costs_what_the_fork_says)
{
    static const struct {
        const char *code;
        uint64_t frontier, tangerine, istanbul, berlin;
    } rows[] = {
        {"600031", 23, 403, 703, 2603},             /* BALANCE */
        {"60003b", 23, 703, 703, 2603},             /* EXTCODESIZE */
        {"600054", 53, 203, 803, 2103},             /* SLOAD */
        {"6000546000540000", 106, 406, 1606, 2206}, /* the second is warm */
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        cr_assert_eq(gas_of(EVM_FRONTIER, rows[i].code, EVM_END_SUCCESS), rows[i].frontier, "%s",
                     rows[i].code);
        cr_assert_eq(gas_of(EVM_TANGERINE, rows[i].code, EVM_END_SUCCESS), rows[i].tangerine, "%s",
                     rows[i].code);
        cr_assert_eq(gas_of(EVM_ISTANBUL, rows[i].code, EVM_END_SUCCESS), rows[i].istanbul, "%s",
                     rows[i].code);
        cr_assert_eq(gas_of(EVM_BERLIN, rows[i].code, EVM_END_SUCCESS), rows[i].berlin, "%s",
                     rows[i].code);
    }
}

/* The tables of EIP-1283, EIP-2200 and EIP-3529 (there with the slot already warm). */
static const struct {
    const char *code;
    uint64_t original;
    uint64_t gas_1283;
    int64_t refund_1283;
    uint64_t gas_2200;
    int64_t refund_2200;
    uint64_t gas_3529;
    int64_t refund_3529;
} stores[] = {
    {"60006000556000600055", 0, 412, 0, 1612, 0, 212, 0},
    {"60006000556001600055", 0, 20212, 0, 20812, 0, 20112, 0},
    {"60016000556000600055", 0, 20212, 19800, 20812, 19200, 20112, 19900},
    {"60016000556002600055", 0, 20212, 0, 20812, 0, 20112, 0},
    {"60016000556001600055", 0, 20212, 0, 20812, 0, 20112, 0},
    {"60006000556000600055", 1, 5212, 15000, 5812, 15000, 3012, 4800},
    {"60006000556001600055", 1, 5212, 4800, 5812, 4200, 3012, 2800},
    {"60006000556002600055", 1, 5212, 0, 5812, 0, 3012, 0},
    {"60026000556000600055", 1, 5212, 15000, 5812, 15000, 3012, 4800},
    {"60026000556003600055", 1, 5212, 0, 5812, 0, 3012, 0},
    {"60026000556001600055", 1, 5212, 4800, 5812, 4200, 3012, 2800},
    {"60026000556002600055", 1, 5212, 0, 5812, 0, 3012, 0},
    {"60016000556000600055", 1, 5212, 15000, 5812, 15000, 3012, 4800},
    {"60016000556002600055", 1, 5212, 0, 5812, 0, 3012, 0},
    {"60016000556001600055", 1, 412, 0, 1612, 0, 212, 0},
    {"600160005560006000556001600055", 0, 40218, 19800, 40818, 19200, 40118, 19900},
    {"600060005560016000556000600055", 1, 10218, 19800, 10818, 19200, 5918, 7600},
};

static void expect_store(enum evm_revision revision, size_t row, uint64_t gas, int64_t refund,
                         uint64_t cold)
{
    struct world world;
    world_start(&world, revision);
    place_code(&world, &contract, stores[row].code);
    place_slot(&world, &contract, 0, stores[row].original);
    call(&world, GAS, 0);
    cr_assert_eq(world.result.end, EVM_END_SUCCESS);
    cr_assert_eq(GAS - world.result.gas_left, gas + cold, "row %zu: %llu", row,
                 (unsigned long long)(GAS - world.result.gas_left));
    cr_assert_eq(evm_state_refunded(world.state), refund, "row %zu", row);
    world_end(&world);
}

Test(evm, stores_follow_the_tables_of_their_eips)
{
    for (size_t i = 0; i < ARRAY_COUNT(stores); i++) {
        expect_store(EVM_CONSTANTINOPLE, i, stores[i].gas_1283, stores[i].refund_1283, 0);
        expect_store(EVM_ISTANBUL, i, stores[i].gas_2200, stores[i].refund_2200, 0);
        expect_store(EVM_LONDON, i, stores[i].gas_3529, stores[i].refund_3529, 2100);
    }
}

Test(evm, petersburg_forgets_net_metering)
{
    expect_store(EVM_PETERSBURG, 2, 25012, 15000, 0);
    expect_store(EVM_BYZANTIUM, 2, 25012, 15000, 0);
}

Test(evm, a_store_needs_more_than_the_stipend_from_istanbul_on)
{
    struct world world;
    world_start(&world, EVM_ISTANBUL);
    place_code(&world, &contract, "6000600055");
    call(&world, 2306, 0); /* 2300 left at the store */
    cr_assert_eq(world.result.end, EVM_END_OUT_OF_GAS);
    call(&world, 2307, 0);
    cr_assert_eq(world.result.end, EVM_END_SUCCESS);
    world_end(&world);
}

/* ---- halts ---- */

Test(evm, instructions_are_unknown_before_their_fork)
{
    static const struct {
        const char *code;
        enum evm_revision since;
    } rows[] = {
        {"60006000600060006000"
         "6000f4",
         EVM_HOMESTEAD},
        {"3d", EVM_BYZANTIUM},
        {"600060006000600060006000fa", EVM_BYZANTIUM},
        {"600160011b", EVM_CONSTANTINOPLE},
        {"60003f", EVM_CONSTANTINOPLE},
        {"46", EVM_ISTANBUL},
        {"47", EVM_ISTANBUL},
        {"48", EVM_LONDON},
        {"5f", EVM_SHANGHAI},
        {"60005c", EVM_CANCUN},
        {"6000600060005e", EVM_CANCUN},
        {"600049", EVM_CANCUN},
        {"4a", EVM_CANCUN},
        {"60001e", EVM_OSAKA},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        (void)gas_of(rows[i].since, rows[i].code, EVM_END_SUCCESS);
        cr_assert_eq(gas_of(rows[i].since - 1, rows[i].code, EVM_END_INVALID_OPCODE), GAS, "%s",
                     rows[i].code);
    }
    (void)gas_of(EVM_OSAKA, "0c", EVM_END_INVALID_OPCODE);
    (void)gas_of(EVM_OSAKA, "fe", EVM_END_INVALID_OPCODE);
}

Test(evm, the_stack_holds_1024_words_and_no_fewer_than_asked_for)
{
    (void)gas_of(EVM_FRONTIER, "01", EVM_END_STACK_UNDERFLOW);
    (void)gas_of(EVM_FRONTIER, "600150", EVM_END_SUCCESS);
    (void)gas_of(EVM_FRONTIER, "60015050", EVM_END_STACK_UNDERFLOW);
    (void)gas_of(EVM_FRONTIER, "600181", EVM_END_STACK_UNDERFLOW); /* DUP2 */
    (void)gas_of(EVM_FRONTIER, "600190", EVM_END_STACK_UNDERFLOW); /* SWAP1 */
    struct buf code = {0};
    for (int i = 0; i < 1024; i++)
        buf_add_str(&code, "30");
    buf_add_u8(&code, 0);
    (void)gas_of(EVM_FRONTIER, (const char *)code.data, EVM_END_SUCCESS);
    code.size--;
    buf_add_str(&code, "30");
    buf_add_u8(&code, 0);
    (void)gas_of(EVM_FRONTIER, (const char *)code.data, EVM_END_STACK_OVERFLOW);
    buf_free(&code);
}

Test(evm, jumps_lead_only_to_a_jumpdest_that_is_not_push_data)
{
    cr_assert_eq(gas_of(EVM_FRONTIER, "600356005b00", EVM_END_BAD_JUMP), GAS);
    (void)gas_of(EVM_FRONTIER, "600456005b00", EVM_END_SUCCESS);
    (void)gas_of(EVM_FRONTIER, "600556615b5b00", EVM_END_BAD_JUMP); /* inside PUSH2 */
    (void)gas_of(EVM_FRONTIER, "60ff56", EVM_END_BAD_JUMP);         /* past the end */
    (void)gas_of(EVM_FRONTIER,
                 "7f00000000000000000000000000000000000000000000000100000000000000005600",
                 EVM_END_BAD_JUMP);                              /* 2^64 */
    (void)gas_of(EVM_FRONTIER, "600060ff5700", EVM_END_SUCCESS); /* not taken */
    (void)gas_of(EVM_FRONTIER, "600160ff5700", EVM_END_BAD_JUMP);
}

Test(evm, code_may_end_inside_the_data_of_a_push)
{
    (void)gas_of(EVM_FRONTIER, "7f", EVM_END_SUCCESS);
    (void)gas_of(EVM_FRONTIER, "60", EVM_END_SUCCESS);
    (void)gas_of(EVM_FRONTIER, "61ff", EVM_END_SUCCESS);
}

Test(evm, memory_that_no_gas_pays_for_is_out_of_gas)
{
    (void)gas_of(EVM_FRONTIER,
                 "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff51",
                 EVM_END_OUT_OF_GAS);
    (void)gas_of(EVM_FRONTIER, "67ffffffffffffffff51", EVM_END_OUT_OF_GAS);
    (void)gas_of(EVM_FRONTIER, "63ffffffff51", EVM_END_OUT_OF_GAS);
    (void)gas_of(EVM_FRONTIER, "600067ffffffffffffffff20",
                 EVM_END_SUCCESS); /* nothing at a far place */
    (void)gas_of(EVM_FRONTIER, "67ffffffffffffffff600020", EVM_END_OUT_OF_GAS);
}

Test(evm, return_data_out_of_bounds_halts)
{
    (void)gas_of(EVM_BYZANTIUM, "6001600060003e", EVM_END_RETURN_DATA);
    (void)gas_of(EVM_BYZANTIUM, "6000600060003e", EVM_END_SUCCESS);
    (void)gas_of(EVM_BYZANTIUM, "6000600160003e", EVM_END_RETURN_DATA);
}

/* ---- answers ---- */

Test(evm, clz_counts_leading_zeros)
{
    struct u256 none = word_of(EVM_OSAKA, "5f1e" RETURN_WORD),
                one = word_of(EVM_OSAKA, "60011e" RETURN_WORD);
    struct u256 top = word_of(EVM_OSAKA, "5f191e" RETURN_WORD);
    cr_assert_eq(none.words[0], 256);
    cr_assert_eq(one.words[0], 255);
    cr_assert_eq(top.words[0], 0);
    cr_assert_eq(gas_of(EVM_OSAKA, "5f1e", EVM_END_SUCCESS), 7);
}

Test(evm, mcopy_moves_memory_that_overlaps)
{
    /* bytes 1..32 at 0, then copied one byte up */
    struct u256 moved =
        word_of(EVM_CANCUN, "7f0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f205f52"
                            "60205f60015e602160205f5e5f5160f81c" RETURN_WORD);
    cr_assert_eq(moved.words[0], 0x20); /* byte 32 of memory, moved to 0 */
}

Test(evm, blockhash_reaches_256_blocks_back)
{
    struct u256 last = word_of(EVM_SHANGHAI, "6103e740" RETURN_WORD),
                first = word_of(EVM_SHANGHAI, "6102e840" RETURN_WORD);
    struct u256 before = word_of(EVM_SHANGHAI, "6102e740" RETURN_WORD),
                now = word_of(EVM_SHANGHAI, "6103e840" RETURN_WORD);
    cr_assert_eq(last.words[0] & 0xff, 999 & 0xff);
    cr_assert_eq(first.words[0] & 0xff, 744 & 0xff);
    cr_assert(u256_is_zero(&before));
    cr_assert(u256_is_zero(&now));
}

Test(evm, transient_storage_lives_until_the_transaction_ends)
{
    struct world world;
    world_start(&world, EVM_CANCUN);
    place_code(&world, &contract,
               "60015c60075f55"
               "602a60015d"
               "60015c5f5260205ff3");
    call(&world, GAS, 0);
    cr_assert_eq(world.result.output.data[31], 0x2a);
    call(&world, GAS, 0); /* a new transaction: it starts at zero and ends at 42 again */
    cr_assert_eq(world.result.output.data[31], 0x2a);
    place_code(&world, &contract, "60015c" RETURN_WORD);
    call(&world, GAS, 0);
    cr_assert_eq(world.result.output.data[31], 0);
    world_end(&world);
}

/* EIP-1014's examples */
Test(evm, create2_addresses_are_those_of_the_eip)
{
    static const struct {
        const char *sender, *salt, *initcode, *address;
    } rows[] = {
        {"0000000000000000000000000000000000000000", "0x00", "00",
         "4d1a2e2bb4f88f0250f26ffff098b0b30b26bf38"},
        {"deadbeef00000000000000000000000000000000", "0x00", "00",
         "b928f69bb1d91cd65274e3c79d8986362984fda3"},
        {"00000000000000000000000000000000deadbeef", "0xcafebabe", "deadbeef",
         "60f3f640a8508fc6a86d45df051962668e1e8ac7"},
        {"0000000000000000000000000000000000000000", "0x00", "",
         "e33c0c7f7df4809055c3eba6c09cfe4baf1bd9e0"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct address20 sender, address;
        struct u256 salt;
        struct buf initcode = fixture_hex(rows[i].initcode);
        fixture_hex_exact(sender.bytes, 20, rows[i].sender);
        cr_assert(u256_parse_hex(&salt, SPAN_STR(rows[i].salt)));
        evm_create2_address(&address, &sender, &salt, buf_span(&initcode));
        fixture_expect_hex(SPAN(address.bytes, 20), rows[i].address);
        buf_free(&initcode);
    }
}

/* ---- calls ---- */

/* Calls OTHER with all gas, returns its answer's word. */
#define CALL_OTHER "60205f5f5f5f60c15af1505f5160205ff3"

Test(evm, value_moves_with_a_call_and_comes_back_with_a_revert)
{
    struct world world;
    struct evm_account *account;
    world_start(&world, EVM_SHANGHAI);
    place_balance(&world, &caller, 10);
    place_code(&world, &contract, "00");
    call(&world, GAS, 4);
    cr_assert_eq(world.result.end, EVM_END_SUCCESS);
    cr_assert(evm_state_account(world.state, &contract, &account));
    cr_assert_eq(account->balance.words[0], 4);
    place_code(&world, &contract, "602a5f5260205ffd"); /* reverts with a word */
    call(&world, GAS, 4);
    cr_assert_eq(world.result.end, EVM_END_REVERT);
    cr_assert_eq(world.result.output.data[31], 0x2a);
    cr_assert_gt(world.result.gas_left, 0);
    cr_assert_eq(account->balance.words[0], 4);
    call(&world, GAS, 7);
    cr_assert_eq(world.result.end, EVM_END_BALANCE);
    cr_assert_eq(world.result.gas_left, GAS);
    world_end(&world);
}

Test(evm, a_failed_inner_call_undoes_only_itself)
{
    struct world world;
    world_start(&world, EVM_SHANGHAI);
    place_code(&world, &contract,
               "60015f55"
               "5f5f5f5f5f60c1617530f1"
               "600155"); /* store, call with 30000, keep its answer */
    place_code(&world, &other, "60025f55fe");
    call(&world, GAS, 0);
    cr_assert_eq(world.result.end, EVM_END_SUCCESS);
    cr_assert_eq(storage_at(&world, &contract, 0), 1);
    cr_assert_eq(storage_at(&world, &contract, 1), 0);
    cr_assert_eq(storage_at(&world, &other, 0), 0);
    world_end(&world);
}

Test(evm, logs_and_refunds_of_a_reverted_frame_are_gone)
{
    struct world world;
    size_t count;
    world_start(&world, EVM_SHANGHAI);
    place_code(&world, &contract, "5f5fa0" CALL_OTHER);
    place_code(&world, &other,
               "5f5fa0"
               "5f5f55"
               "5f5ffd");
    place_slot(&world, &other, 0, 1);
    call(&world, GAS, 0);
    (void)evm_state_logs(world.state, &count);
    cr_assert_eq(count, 1);
    cr_assert_eq(evm_state_refunded(world.state), 0);
    world_end(&world);
}

Test(evm, a_static_call_writes_nothing)
{
    static const char *const writers[] = {"60015f55", "5f5fa0",   "5f5f5ff0",
                                          "5fff",     "60015f5d", "5f5f5f5f60015f5af1"};
    for (size_t i = 0; i < ARRAY_COUNT(writers); i++) {
        struct world world;
        world_start(&world, EVM_CANCUN);
        place_balance(&world, &other, 5);
        place_code(&world, &contract, "5f5f5f5f60c161fffffa5f5260205ff3");
        place_code(&world, &other, writers[i]);
        call(&world, GAS, 0);
        cr_assert_eq(world.result.end, EVM_END_SUCCESS);
        cr_assert_eq(world.result.output.data[31], 0, "%s was allowed", writers[i]);
        world_end(&world);
    }
}

Test(evm, delegatecall_keeps_caller_value_and_storage)
{
    struct world world;
    world_start(&world, EVM_SHANGHAI);
    place_balance(&world, &caller, 100);
    place_code(&world, &contract, "5f5f5f5f60c15af4");
    place_code(&world, &other,
               "335f55"
               "34600155"
               "30600255");
    call(&world, GAS, 9);
    cr_assert_eq(storage_at(&world, &contract, 0), 0xee);
    cr_assert_eq(storage_at(&world, &contract, 1), 9);
    cr_assert_eq(storage_at(&world, &contract, 2), 0xc0);
    cr_assert_eq(storage_at(&world, &other, 0), 0);
    world_end(&world);
}

Test(evm, calls_nest_1024_deep_and_no_deeper)
{
    /* counts itself in slot 0, then calls itself with all gas that remains; Frontier passes exactly
     * what is asked for */
    struct world world;
    world_start(&world, EVM_HOMESTEAD);
    place_code(&world, &contract,
               "60005460010160005560006000600060006000306103e85a03f1"
               "00");
    struct evm_message message = {.sender = caller, .to = contract, .gas = 1000000000};
    settle(&world);
    evm_run(world.evm, &message, &world.result);
    cr_assert_eq(world.result.end, EVM_END_SUCCESS);
    cr_assert_eq(storage_at(&world, &contract, 0), 1025);
    world_end(&world);
}

Test(evm, a_64th_of_the_gas_stays_with_the_caller)
{
    struct world world;
    world_start(&world, EVM_SHANGHAI);
    place_code(&world, &contract, CALL_OTHER);
    place_code(&world, &other, "5a5f5260205ff3");
    call(&world, GAS, 0);
    struct u256 seen;
    u256_from_be(&seen, world.result.output);
    uint64_t left =
        GAS - (3 + 2 * 4 + 3 + 2) - 3 - 2600; /* pushes, GAS, memory of the answer, cold account */
    cr_assert_eq(seen.words[0], left - left / 64 - 2);
    world_end(&world);
}

Test(evm, created_code_is_checked_and_paid_for)
{
    /* initcode 60ef5f5360015ff3: returns one byte, 0xef; then the same with 0x00 */
    struct u256 bad = word_of(EVM_SHANGHAI, "6760ef5f5360015ff35f5260086018"
                                            "5ff0" RETURN_WORD);
    struct u256 good = word_of(EVM_SHANGHAI, "6760005f5360015ff35f5260086018"
                                             "5ff0" RETURN_WORD);
    cr_assert(u256_is_zero(&bad));
    cr_assert_not(u256_is_zero(&good));
}

Test(evm, nothing_is_created_where_something_is)
{
    struct world world;
    struct address20 address;
    evm_create_address(&address, &contract, 0);
    world_start(&world, EVM_SHANGHAI);
    place_code(&world, &contract, "5f5f5ff0" RETURN_WORD);
    place_code(&world, &address, "00");
    call(&world, GAS, 0);
    cr_assert_eq(world.result.end, EVM_END_SUCCESS);
    for (size_t i = 0; i < 32; i++)
        cr_assert_eq(world.result.output.data[i], 0);
    world_end(&world);
}

Test(evm, selfdestruct_ends_an_account_only_before_cancun_or_in_its_own_transaction)
{
    static const enum evm_revision revisions[] = {EVM_SHANGHAI, EVM_CANCUN};
    for (size_t i = 0; i < ARRAY_COUNT(revisions); i++) {
        struct world world;
        struct evm_account *account, *heir;
        world_start(&world, revisions[i]);
        place_balance(&world, &contract, 11);
        place_code(&world, &contract, "60c1ff");
        call(&world, GAS, 0);
        evm_state_end(world.state, true);
        cr_assert(evm_state_account(world.state, &contract, &account));
        cr_assert(evm_state_account(world.state, &other, &heir));
        cr_assert_eq(heir->balance.words[0], 11);
        cr_assert_eq(account->exists, revisions[i] == EVM_CANCUN);
        world_end(&world);
    }
}

Test(evm, a_delegation_runs_the_code_it_names)
{
    struct world world;
    world_start(&world, EVM_PRAGUE);
    place_code(&world, &contract, CALL_OTHER);
    place_code(&world, &other, "ef010000000000000000000000000000000000000000c2");
    place_code(&world, &third, "30" RETURN_WORD); /* ADDRESS: that of the delegating account */
    call(&world, GAS, 0);
    cr_assert_eq(world.result.end, EVM_END_SUCCESS);
    cr_assert_eq(world.result.output.data[31], 0xc1);
    world_end(&world);
}

/* ---- the engine's own ends ---- */

static enum evm_lookup on_nothing(struct evm_backend *backend, const struct address20 *address,
                                  struct account *out)
{
    (void)backend;
    *out = ACCOUNT_EMPTY;
    return address->bytes[19] == 0xc1 ? EVM_LOOKUP_MISSING : EVM_LOOKUP_ABSENT;
}

Test(evm, what_is_missing_is_named_and_stops_the_run)
{
    static const struct evm_backend_ops ops = {.account = on_nothing};
    struct evm_backend backend = {&ops};
    struct world world;
    world_start(&world, EVM_SHANGHAI);
    evm_free(world.evm);
    evm_state_free(world.state);
    world.state = evm_state_new(&backend, NULL);
    struct evm_config config = {
        .revision = EVM_SHANGHAI, .state = world.state, .crypto = world.crypto};
    world.evm = evm_new(&config);
    evm_state_begin(world.state);
    place_code(&world, &contract, CALL_OTHER);
    call(&world, GAS, 0);
    cr_assert_eq(world.result.end, EVM_END_MISSING);
    cr_assert(evm_end_is_engine(world.result.end));
    const struct evm_missing *missing = evm_state_missing(world.state);
    cr_assert_eq(missing->kind, EVM_MISSING_ACCOUNT);
    cr_assert(address20_equal(&missing->address, &other));
    world_end(&world);
}

Test(evm, a_precompile_that_is_not_built_in_stops_the_run_by_name)
{
    struct world world;
    world_start(&world, EVM_CANCUN);
    place_code(&world, &contract, "5f5f5f5f5f600a62fffffff1");
    call(&world, GAS, 0);
    cr_assert_eq(world.result.end, EVM_END_UNSUPPORTED);
    cr_assert_eq(evm_unsupported(world.evm), EVM_KZG_POINT);
    world_end(&world);
}

Test(evm, a_run_can_be_cancelled)
{
    _Atomic bool cancel = true;
    struct world world;
    world_start(&world, EVM_SHANGHAI);
    evm_free(world.evm);
    struct evm_config config = {
        .revision = EVM_SHANGHAI, .state = world.state, .crypto = world.crypto, .cancel = &cancel};
    world.evm = evm_new(&config);
    place_code(&world, &contract, "5b5f56");
    call(&world, GAS, 0);
    cr_assert_eq(world.result.end, EVM_END_CANCELLED);
    world_end(&world);
}

/* ---- the tracer ---- */

struct counter {
    struct evm_tracer tracer;
    size_t steps, ends, enters, exits;
    int64_t last_gas;
};

static void on_step(struct evm_tracer *tracer, const struct evm_step *step)
{
    struct counter *counter = container_of(tracer, struct counter, tracer);
    counter->steps++;
    counter->last_gas = step->gas;
}

static void on_step_end(struct evm_tracer *tracer, enum evm_end end, int64_t gas_left)
{
    (void)end;
    struct counter *counter = container_of(tracer, struct counter, tracer);
    cr_assert_leq(gas_left, counter->last_gas);
    counter->ends++;
}

static void on_enter(struct evm_tracer *tracer, enum evm_call_kind kind, unsigned depth,
                     const struct address20 *from, const struct address20 *to,
                     const struct u256 *value, struct span input, uint64_t gas)
{
    (void)kind, (void)depth, (void)from, (void)to, (void)value, (void)input, (void)gas;
    container_of(tracer, struct counter, tracer)->enters++;
}

static void on_exit_frame(struct evm_tracer *tracer, unsigned depth, enum evm_end end,
                          uint64_t gas_used, struct span output)
{
    (void)depth, (void)end, (void)gas_used, (void)output;
    container_of(tracer, struct counter, tracer)->exits++;
}

Test(evm, a_tracer_sees_every_step_and_every_frame_and_changes_nothing)
{
    static const struct evm_tracer_ops ops = {.on_step = on_step,
                                              .on_step_end = on_step_end,
                                              .on_enter = on_enter,
                                              .on_exit = on_exit_frame};
    struct counter counter = {.tracer = {&ops}};
    struct world world;
    world_start(&world, EVM_SHANGHAI);
    place_code(&world, &contract, CALL_OTHER);
    place_code(&world, &other, "5a5f5260205ff3");
    call(&world, GAS, 0);
    uint64_t plain = world.result.gas_left;
    evm_free(world.evm);
    struct evm_config config = {.revision = EVM_SHANGHAI,
                                .state = world.state,
                                .crypto = world.crypto,
                                .tracer = &counter.tracer};
    world.evm = evm_new(&config);
    call(&world, GAS, 0);
    cr_assert_eq(world.result.gas_left, plain);
    cr_assert_eq(counter.steps, 14 + 6);
    cr_assert_eq(counter.ends, counter.steps);
    cr_assert_eq(counter.enters, 2);
    cr_assert_eq(counter.exits, 2);
    world_end(&world);
}
