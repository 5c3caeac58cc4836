#include "les/eth/rlp.h"
#include "les/eth/u256.h"
#include "les/evm/transition.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>

TestSuite(transition, .fini = fixture_leak_gate);

static const struct address20 sender = {{[19] = 0xee}}, target = {{[19] = 0xc0}},
                              coinbase = {{[19] = 0xcb}};

struct world {
    struct node_store *store;
    struct evm_store_backend backend;
    struct evm_state *state;
    struct crypto *crypto;
    struct evm *evm;
    struct evm_block block;
    struct tx_place place;
    struct tx_result result;
};

static enum evm_lookup on_block_hash(void *owner, uint64_t number, struct hash32 *out)
{
    (void)owner, (void)number;
    *out = HASH32_ZERO;
    return EVM_LOOKUP_ABSENT;
}

static void fund(struct world *world, const struct address20 *address, uint64_t wei, uint64_t nonce)
{
    struct evm_account *account;
    struct u256 balance = u256_from_u64(wei);
    cr_assert(evm_state_account(world->state, address, &account));
    evm_state_set_balance(world->state, account, &balance);
    evm_state_set_nonce(world->state, account, nonce);
}

static void place_code(struct world *world, const struct address20 *address, const char *hex)
{
    struct evm_account *account;
    struct buf code = fixture_hex(hex);
    cr_assert(evm_state_account(world->state, address, &account));
    evm_state_set_code(world->state, account, buf_span(&code));
    buf_free(&code);
}

static struct u256 balance_of(struct world *world, const struct address20 *address)
{
    struct evm_account *account;
    cr_assert(evm_state_account(world->state, address, &account));
    return account->balance;
}

/* world must not move afterwards. The sender has 10^9 wei and nonce 5; base fee 10 from London on.
 */
static void world_start(struct world *world, enum evm_revision revision)
{
    uint8_t seed[32] = {7};
    *world = (struct world){.store = node_store_new(), .crypto = crypto_new(seed)};
    evm_store_backend_init(&world->backend, world->store, &EMPTY_TRIE_ROOT);
    world->state = evm_state_new(&world->backend.backend, NULL);
    struct evm_config config = {
        .revision = revision, .state = world->state, .crypto = world->crypto};
    world->evm = evm_new(&config);
    world->block = (struct evm_block){.number = 9,
                                      .gas_limit = 1000000,
                                      .chain_id = 1,
                                      .coinbase = coinbase,
                                      .block_hash = on_block_hash};
    if (revision >= EVM_LONDON)
        world->block.base_fee = u256_from_u64(10);
    world->block.blob_base_fee = u256_from_u64(3);
    evm_set_block(world->evm, &world->block);
    world->place = (struct tx_place){.evm = world->evm,
                                     .state = world->state,
                                     .revision = revision,
                                     .block = &world->block,
                                     .crypto = world->crypto,
                                     .gas_left = 1000000,
                                     .blob_gas_left = 6 * EVM_BLOB_GAS};
    evm_state_begin(world->state);
    fund(world, &sender, 1000000000, 5);
    evm_state_end(world->state, false);
}

static void world_end(struct world *world)
{
    evm_free(world->evm);
    evm_state_free(world->state);
    node_store_free(world->store);
    crypto_free(world->crypto);
}

static struct tx transfer(void)
{
    struct tx tx = {
        .nonce = 5, .gas_limit = 21000, .has_to = true, .to = target, .value = u256_from_u64(7)};
    tx.gas_price = tx.max_fee = tx.max_priority_fee = u256_from_u64(12);
    return tx;
}

static enum tx_refusal run(struct world *world, const struct tx *tx)
{
    return tx_execute(&world->place, tx, &sender, NULL, &world->result);
}

static void expect_refusal(enum evm_revision revision, const struct tx *tx, enum tx_refusal wanted)
{
    struct world world;
    world_start(&world, revision);
    enum tx_refusal refusal = run(&world, tx);
    cr_assert_eq(refusal, wanted, "%s instead of %s", tx_refusal_text(refusal),
                 tx_refusal_text(wanted));
    struct u256 balance = balance_of(&world, &sender);
    cr_assert_eq(balance.words[0], 1000000000, "a refused transaction changes nothing");
    cr_assert_eq(world.place.gas_left, 1000000);
    world_end(&world);
}

/* ---- what is refused, and why ---- */

Test(transition, nonces_must_follow_one_another)
{
    struct tx tx = transfer();
    tx.nonce = 4;
    expect_refusal(EVM_CANCUN, &tx, TX_REFUSAL_NONCE_LOW);
    tx.nonce = 6;
    expect_refusal(EVM_CANCUN, &tx, TX_REFUSAL_NONCE_HIGH);
    struct world world;
    world_start(&world, EVM_CANCUN);
    fund(&world, &sender, 1000000000, UINT64_MAX);
    tx.nonce = UINT64_MAX;
    cr_assert_eq(run(&world, &tx), TX_REFUSAL_NONCE_MAX);
    world_end(&world);
}

Test(transition, types_belong_to_their_forks)
{
    static const struct {
        enum tx_type type;
        enum evm_revision since;
    } rows[] = {{TX_ACCESS_LIST, EVM_BERLIN},
                {TX_DYNAMIC_FEE, EVM_LONDON},
                {TX_BLOB, EVM_CANCUN},
                {TX_SET_CODE, EVM_PRAGUE}};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct tx tx = transfer();
        tx.type = rows[i].type;
        expect_refusal(rows[i].since - 1, &tx, TX_REFUSAL_TYPE);
    }
}

Test(transition, the_chain_id_must_be_that_of_the_chain)
{
    struct tx tx = transfer();
    tx.has_chain_id = true;
    tx.chain_id = 2;
    expect_refusal(EVM_CANCUN, &tx, TX_REFUSAL_CHAIN_ID);
    tx.chain_id = 1;
    expect_refusal(EVM_HOMESTEAD, &tx, TX_REFUSAL_CHAIN_ID); /* EIP-155 came later */
}

Test(transition, fees_must_cover_the_base_fee_and_the_tip)
{
    struct tx tx = transfer();
    tx.type = TX_DYNAMIC_FEE;
    tx.max_fee = u256_from_u64(9);
    tx.max_priority_fee = u256_from_u64(1);
    expect_refusal(EVM_LONDON, &tx, TX_REFUSAL_FEE_BELOW_BASE);
    tx.max_fee = u256_from_u64(20);
    tx.max_priority_fee = u256_from_u64(21);
    expect_refusal(EVM_LONDON, &tx, TX_REFUSAL_TIP_ABOVE_FEE);
}

Test(transition, funds_must_cover_the_worst_case)
{
    struct tx tx = transfer();
    tx.value = u256_from_u64(1000000000 - 21000 * 12 + 1);
    expect_refusal(EVM_CANCUN, &tx, TX_REFUSAL_FUNDS);
    memset(&tx.value, 0xff, sizeof tx.value);
    expect_refusal(EVM_CANCUN, &tx, TX_REFUSAL_FUNDS);
    tx = transfer();
    tx.gas_price = tx.max_fee = u256_from_u64(1);
    tx.max_fee.words[3] = UINT64_MAX;
    expect_refusal(EVM_CANCUN, &tx, TX_REFUSAL_FUNDS);
}

Test(transition, gas_has_bounds_on_both_sides)
{
    struct tx tx = transfer();
    tx.gas_limit = 20999;
    expect_refusal(EVM_CANCUN, &tx, TX_REFUSAL_INTRINSIC_GAS);
    tx.gas_limit = 1000001;
    expect_refusal(EVM_CANCUN, &tx, TX_REFUSAL_BLOCK_GAS);
    tx.gas_limit = EVM_TX_GAS_MAX + 1;
    expect_refusal(EVM_OSAKA, &tx, TX_REFUSAL_TX_GAS);
    static const uint8_t data[1000] = {1};
    tx = transfer();
    tx.data = SPAN(data, sizeof data);
    tx.gas_limit = 21000 + 999 * 4 + 16; /* EIP-7623: 10 a token, 1003 of them */
    expect_refusal(EVM_PRAGUE, &tx, TX_REFUSAL_FLOOR_GAS);
}

Test(transition, initcode_has_a_size_from_shanghai_on)
{
    uint8_t *initcode = mem_alloc(49153);
    struct tx tx = transfer();
    tx.has_to = false;
    tx.gas_limit = 600000;
    tx.data = SPAN(initcode, 49153);
    expect_refusal(EVM_SHANGHAI, &tx, TX_REFUSAL_INITCODE_SIZE);
    mem_free(initcode);
}

Test(transition, only_accounts_without_code_send)
{
    struct world world;
    struct tx tx = transfer();
    world_start(&world, EVM_PRAGUE);
    place_code(&world, &sender, "00");
    cr_assert_eq(run(&world, &tx), TX_REFUSAL_SENDER_HAS_CODE);
    place_code(&world, &sender, "ef0100000000000000000000000000000000000000c0c0");
    cr_assert_eq(run(&world, &tx), TX_REFUSAL_NONE); /* EIP-7702's exception */
    world_end(&world);
}

static struct tx blob_tx(struct buf *hashes, size_t count, uint8_t version)
{
    struct hash32 hash = {{version}};
    struct tx tx = transfer();
    for (size_t i = 0; i < count; i++)
        rlp_add_hash(hashes, &hash);
    tx.type = TX_BLOB;
    tx.blob_hashes = buf_span(hashes);
    tx.blob_hashes_count = count;
    tx.max_fee_per_blob_gas = u256_from_u64(3);
    return tx;
}

static void expect_blob_refusal(size_t count, uint8_t version, uint64_t fee, bool has_to,
                                enum tx_refusal wanted)
{
    struct buf hashes = {0};
    struct tx tx = blob_tx(&hashes, count, version);
    tx.max_fee_per_blob_gas = u256_from_u64(fee);
    tx.has_to = has_to;
    expect_refusal(EVM_CANCUN, &tx, wanted);
    buf_free(&hashes);
}

Test(transition, blobs_have_a_number_a_version_and_a_price)
{
    expect_blob_refusal(0, 1, 3, true, TX_REFUSAL_BLOB_NONE);
    expect_blob_refusal(7, 1, 3, true, TX_REFUSAL_BLOB_COUNT);
    expect_blob_refusal(1, 2, 3, true, TX_REFUSAL_BLOB_VERSION);
    expect_blob_refusal(1, 1, 2, true, TX_REFUSAL_BLOB_FEE);
    expect_blob_refusal(1, 1, 3, false, TX_REFUSAL_BLOB_CREATE);
}

Test(transition, set_code_needs_a_target_and_authorizations)
{
    struct tx tx = transfer();
    tx.type = TX_SET_CODE;
    expect_refusal(EVM_PRAGUE, &tx, TX_REFUSAL_SET_CODE_NONE);
    tx.has_to = false;
    expect_refusal(EVM_PRAGUE, &tx, TX_REFUSAL_SET_CODE_CREATE);
}

/* ---- what is paid ---- */

Test(transition, a_transfer_pays_its_gas_and_tips_the_coinbase)
{
    static const struct {
        enum evm_revision revision;
        uint64_t tip;
    } rows[] = {{EVM_FRONTIER, 12}, {EVM_BERLIN, 12}, {EVM_LONDON, 2}, {EVM_OSAKA, 2}};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct world world;
        struct tx tx = transfer();
        world_start(&world, rows[i].revision);
        cr_assert_eq(run(&world, &tx), TX_REFUSAL_NONE);
        cr_assert_eq(world.result.end, EVM_END_SUCCESS);
        cr_assert_eq(world.result.gas_used, 21000);
        cr_assert_eq(world.place.gas_left, 1000000 - 21000);
        struct u256 rest = balance_of(&world, &sender), got = balance_of(&world, &target);
        struct u256 tip = balance_of(&world, &coinbase);
        cr_assert_eq(rest.words[0], 1000000000 - 7 - 21000 * 12);
        cr_assert_eq(got.words[0], 7);
        cr_assert_eq(tip.words[0], 21000 * rows[i].tip);
        world_end(&world);
    }
}

Test(transition, refunds_have_a_share_of_the_gas_as_their_limit)
{
    static const struct {
        enum evm_revision revision;
        uint64_t used, refunded;
    } rows[] = {
        {EVM_ISTANBUL, 13003, 13003}, /* 26006, of which 15000 would come back; at most a half */
        {EVM_LONDON, 21206, 4800},    /* 21000 + 6 + 5000; at most a fifth: 5201 */
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct world world;
        struct evm_account *account;
        struct tx tx = transfer();
        struct u256 key = u256_from_u64(0), one = u256_from_u64(1);
        tx.gas_limit = 100000;
        world_start(&world, rows[i].revision);
        evm_state_begin(world.state);
        place_code(&world, &target, "6000600055");
        cr_assert(evm_state_account(world.state, &target, &account));
        struct evm_slot *slot = evm_state_slot(world.state, account, &key);
        cr_assert(evm_state_load_slot(world.state, slot));
        evm_state_store(world.state, slot, &one);
        evm_state_end(world.state, false);
        cr_assert_eq(run(&world, &tx), TX_REFUSAL_NONE);
        cr_assert_eq(world.result.gas_refunded, rows[i].refunded);
        cr_assert_eq(world.result.gas_used, rows[i].used);
        cr_assert_eq(world.result.gas_peak, rows[i].used + rows[i].refunded);
        world_end(&world);
    }
}

Test(transition, a_failed_run_still_pays_and_raises_the_nonce)
{
    struct world world;
    struct evm_account *account;
    struct tx tx = transfer();
    tx.gas_limit = 50000;
    world_start(&world, EVM_SHANGHAI);
    evm_state_begin(world.state);
    place_code(&world, &target, "fe");
    evm_state_end(world.state, false);
    cr_assert_eq(run(&world, &tx), TX_REFUSAL_NONE);
    cr_assert_eq(world.result.end, EVM_END_INVALID_OPCODE);
    cr_assert_eq(world.result.gas_used, 50000);
    cr_assert(evm_state_account(world.state, &sender, &account));
    cr_assert_eq(account->nonce, 6);
    cr_assert_eq(account->balance.words[0], 1000000000 - 50000 * 12);
    world_end(&world);
}

Test(transition, data_has_a_floor_from_prague_on)
{
    static const uint8_t data[1000] = {1};
    struct world world;
    struct tx tx = transfer();
    tx.data = SPAN(data, sizeof data);
    tx.gas_limit = 100000;
    world_start(&world, EVM_CANCUN);
    cr_assert_eq(run(&world, &tx), TX_REFUSAL_NONE);
    cr_assert_eq(world.result.gas_used, 21000 + 999 * 4 + 16);
    world_end(&world);
    world_start(&world, EVM_PRAGUE);
    cr_assert_eq(run(&world, &tx), TX_REFUSAL_NONE);
    cr_assert_eq(world.result.gas_used, 21000 + 1003 * 10);
    world_end(&world);
}

Test(transition, blob_gas_is_burnt)
{
    struct buf hashes = {0};
    struct tx tx = blob_tx(&hashes, 2, 1);
    struct world world;
    world_start(&world, EVM_CANCUN);
    cr_assert_eq(run(&world, &tx), TX_REFUSAL_NONE);
    cr_assert_eq(world.result.blob_gas_used, 2 * EVM_BLOB_GAS);
    cr_assert_eq(world.place.blob_gas_left, 4 * EVM_BLOB_GAS);
    struct u256 rest = balance_of(&world, &sender);
    cr_assert_eq(rest.words[0], 1000000000 - 7 - 21000 * 12 - 2 * EVM_BLOB_GAS * 3);
    world_end(&world);
    buf_free(&hashes);
}

Test(transition, a_creation_says_where)
{
    struct world world;
    struct address20 address;
    struct tx tx = transfer();
    struct buf initcode = fixture_hex("60005f5360015ff3"); /* one byte: STOP */
    tx.has_to = false;
    tx.gas_limit = 200000;
    tx.data = buf_span(&initcode);
    world_start(&world, EVM_SHANGHAI);
    cr_assert_eq(run(&world, &tx), TX_REFUSAL_NONE);
    cr_assert_eq(world.result.end, EVM_END_SUCCESS);
    evm_create_address(&address, &sender, 5);
    cr_assert(world.result.created);
    cr_assert(address20_equal(&address, &world.result.contract));
    struct u256 got = balance_of(&world, &address);
    cr_assert_eq(got.words[0], 7);
    world_end(&world);
    buf_free(&initcode);
}

Test(transition, a_lenient_call_needs_no_nonce_and_no_fee)
{
    struct world world;
    struct tx tx = transfer();
    struct tx_leniency leniency = {
        .any_nonce = true, .any_sender = true, .free_without_fee = true, .any_gas = true};
    tx.nonce = 77;
    tx.gas_price = tx.max_fee = tx.max_priority_fee = u256_from_u64(0);
    world_start(&world, EVM_OSAKA);
    place_code(&world, &sender, "00");
    cr_assert_eq(tx_execute(&world.place, &tx, &sender, &leniency, &world.result), TX_REFUSAL_NONE);
    struct u256 rest = balance_of(&world, &sender), tip = balance_of(&world, &coinbase);
    cr_assert_eq(rest.words[0], 1000000000 - 7);
    cr_assert(u256_is_zero(&tip));
    world_end(&world);
}

/* ---- clique ---- */

Test(transition, a_seal_names_its_signer)
{
    uint8_t seed[32] = {8}, extra[32 + 65] = {0};
    struct crypto *crypto = crypto_new(seed);
    struct seckey32 secret = {{[31] = 9}};
    struct pubkey64 key;
    struct address20 wanted, signer;
    struct hash32 digest;
    struct sig65 seal;
    struct header header = {.number = 3, .gas_limit = 5000, .extra = SPAN(extra, sizeof extra)};
    crypto_pubkey(crypto, &key, &secret);
    crypto_address(&wanted, &key);
    cr_assert(clique_seal_hash(&digest, &header));
    crypto_sign(crypto, &seal, &digest, &secret);
    memcpy(extra + 32, seal.bytes, 65);
    cr_assert(clique_signer(&signer, &header, crypto));
    cr_assert(address20_equal(&signer, &wanted));
    header.gas_limit++;
    cr_assert(!clique_signer(&signer, &header, crypto) || !address20_equal(&signer, &wanted));
    header.extra.size = 64;
    cr_assert_not(clique_signer(&signer, &header, crypto));
    crypto_free(crypto);
}
