/* A development chain, its pool, and what clients can do with both. */
#include "les/node/devchain.h"

#include "conf/genesis.h"
#include "les/eth/keccak.h"
#include "les/eth/receipt.h"
#include "les/eth/rlp.h"
#include "les/eth/u256.h"
#include "tests/fixture/fixture.h"
#include "tests/sim/world.h"

#include <criterion/criterion.h>

TestSuite(devchain, .fini = fixture_leak_gate, .timeout = 60);

#define USER_KEY                                                                                   \
    {                                                                                              \
        {                                                                                          \
            0x11, 0x22, 0x33                                                                       \
        }                                                                                          \
    }

struct place {
    struct world *world;
    struct loop *loop;
    struct crypto *crypto;
    struct node_store *store;
    struct genesis *genesis;
    struct ledger *ledger;
    struct pool *pool;
    struct devchain *devchain;
    struct seckey32 user;
    uint64_t chain_id;
};

static void on_head(void *owner, struct ledger_block *from, struct ledger_block *to)
{
    struct place *place = owner;
    (void)from;
    (void)to;
    pool_head_changed(place->pool);
}

static void text_address(struct buf *out, const struct address20 *address)
{
    buf_add_hex0x(out, SPAN(address->bytes, 20));
}

/* A genesis past the merge, with the forks up to prague_time's, that pays the demo account and
 * ours. */
static struct place *place_new(const char *config)
{
    struct place *place = mem_alloc(sizeof(*place));
    struct buf text = {0}, error = {0};
    uint8_t seed[32] = {1};
    struct address20 demo, user;
    struct pubkey64 key;
    place->user = (struct seckey32)USER_KEY;
    place->crypto = crypto_new(seed);
    devchain_account(&demo, place->crypto);
    crypto_pubkey(place->crypto, &key, &place->user);
    crypto_address(&user, &key);
    buf_printf(&text,
               "{\"config\":{\"chainId\":77,\"homesteadBlock\":0,\"eip150Block\":0,\"eip155Block\":"
               "0,\"eip158Block\":0,\"byzantiumBlock\":0,\"constantinopleBlock\":0,"
               "\"petersburgBlock\":0,\"istanbulBlock\":0,\"berlinBlock\":0,\"londonBlock\":0%s},"
               "\"difficulty\":\"0x0\",\"gasLimit\":\"0x1c9c380\",\"baseFeePerGas\":\"0x3b9aca00\","
               "\"alloc\":{\"",
               config);
    text_address(&text, &demo);
    buf_add_str(&text, "\":{\"balance\":\"0xde0b6b3a7640000\"},\"");
    text_address(&text, &user);
    buf_add_str(&text, "\":{\"balance\":\"0xde0b6b3a7640000\"}}}");
    cr_assert_eq(genesis_parse(&place->genesis, buf_span(&text), "genesis", &error), STATUS_OK,
                 "%.*s", (int)error.size, (const char *)error.data);
    buf_free(&text);
    buf_free(&error);
    place->store = node_store_new();
    genesis_build(place->genesis, place->store);
    place->world = world_new(5);
    place->loop = world_host_new(place->world, "10.0.0.1");
    place->chain_id = place->genesis->spec.chain_id;
    struct ledger_config ledger_config = {.spec = &place->genesis->spec,
                                          .crypto = place->crypto,
                                          .store = place->store,
                                          .on_head = on_head,
                                          .owner = place};
    place->ledger = ledger_new(&ledger_config, &place->genesis->header);
    struct u256 one = u256_from_u64(1);
    place->pool = pool_new(place->ledger, place->crypto, &one);
    return place;
}

#define MERGED   ",\"terminalTotalDifficulty\":0"
#define SHANGHAI MERGED ",\"shanghaiTime\":0"
#define CANCUN   SHANGHAI ",\"cancunTime\":0"

static void start(struct place *place, uint64_t period_ms)
{
    struct buf error = {0};
    place->devchain = devchain_new(place->loop, place->ledger, place->pool, place->crypto, NULL,
                                   period_ms, &error);
    cr_assert_not_null(place->devchain);
    buf_free(&error);
}

static void place_free(struct place *place)
{
    devchain_free(place->devchain);
    pool_free(place->pool);
    ledger_free(place->ledger);
    genesis_free(place->genesis);
    node_store_free(place->store);
    crypto_free(place->crypto);
    world_free(place->world);
    mem_free(place);
}

struct wish {
    uint64_t nonce, fee_gwei, tip_gwei, gas;
    struct u256 value;
    uint64_t chain_id;
};

static struct buf transfer(const struct place *place, struct wish wish)
{
    struct u256 gwei = u256_from_u64(1000000000);
    struct tx tx = {.type = TX_DYNAMIC_FEE,
                    .has_chain_id = true,
                    .chain_id = wish.chain_id != 0 ? wish.chain_id : place->chain_id,
                    .nonce = wish.nonce,
                    .max_fee = u256_from_u64(wish.fee_gwei != 0 ? wish.fee_gwei : 10),
                    .max_priority_fee = u256_from_u64(wish.tip_gwei != 0 ? wish.tip_gwei : 1),
                    .gas_limit = wish.gas != 0 ? wish.gas : 21000,
                    .has_to = true,
                    .to = {{9}},
                    .value = wish.value};
    u256_mul(&tx.max_fee, &tx.max_fee, &gwei);
    u256_mul(&tx.max_priority_fee, &tx.max_priority_fee, &gwei);
    struct buf out = {0};
    tx_sign(&out, &tx, place->crypto, &place->user);
    return out;
}

static const char *try_add(struct place *place, struct wish wish, struct hash32 *hash)
{
    struct buf envelope = transfer(place, wish);
    if (hash != NULL)
        keccak256(hash, buf_span(&envelope));
    const char *why = pool_add(place->pool, buf_span(&envelope));
    buf_free(&envelope);
    return why;
}

Test(devchain, makes_a_block_every_period_with_its_own_traffic)
{
    struct place *place = place_new(CANCUN);
    start(place, 500);
    world_run_for_ms(place->world, 4600);
    cr_assert_eq(ledger_head(place->ledger)->header.number, 9u);
    size_t logs = 0;
    for (uint64_t i = 1; i <= 9; i++) {
        const struct ledger_block *block = ledger_by_number(place->ledger, i);
        cr_assert_eq(block->txs_count, 1u);
        cr_assert(block->header.timestamp > block->parent->header.timestamp);
        cr_assert(u256_is_zero(&block->header.difficulty));
        struct rlp reader = rlp_reader(block->receipts_rlp), list = rlp_list(&reader);
        struct span envelope;
        size_t count;
        struct receipt receipt;
        cr_assert(receipts_split(SPAN(list.data, list.size), &envelope, 1, &count));
        cr_assert(receipt_decode(&receipt, envelope));
        cr_assert_eq(receipt.status, 1u, "block %zu", (size_t)i);
        logs += receipt.logs.size > 0;
    }
    cr_assert_eq(logs, 3u); /* blocks 3, 6 and 9 call the counter */
    place_free(place);
}

Test(devchain, blocks_of_every_fork_after_the_merge_are_made)
{
    static const char *const CONFIGS[] = {MERGED, SHANGHAI, CANCUN};
    for (size_t i = 0; i < ARRAY_COUNT(CONFIGS); i++) {
        struct place *place = place_new(CONFIGS[i]);
        start(place, 0);
        for (int block = 0; block < 4; block++)
            cr_assert(devchain_make_block(place->devchain));
        cr_assert_eq(ledger_head(place->ledger)->header.fields, i == 0 ? 1u : i == 1 ? 2u : 5u);
        place_free(place);
    }
}

Test(devchain, needs_a_chain_past_the_merge)
{
    struct place *place = place_new("");
    struct buf error = {0};
    cr_assert_null(
        devchain_new(place->loop, place->ledger, place->pool, place->crypto, NULL, 500, &error));
    cr_assert(memmem(error.data, error.size, "terminalTotalDifficulty", 23) != NULL);
    buf_free(&error);
    place_free(place);
}

Test(devchain, transactions_of_the_pool_are_mined_in_nonce_order)
{
    struct place *place = place_new(CANCUN);
    struct hash32 hashes[3];
    start(place, 0);
    cr_assert_null(try_add(place, (struct wish){.nonce = 2, .tip_gwei = 5}, &hashes[2]));
    cr_assert_null(try_add(place, (struct wish){.nonce = 1}, &hashes[1]));
    cr_assert_eq(pool_state(place->pool, &hashes[1]), POOL_QUEUED);
    cr_assert_null(try_add(place, (struct wish){.nonce = 0}, &hashes[0]));
    cr_assert_eq(pool_state(place->pool, &hashes[2]), POOL_PENDING);
    cr_assert_null(try_add(place, (struct wish){.nonce = 4}, NULL)); /* 3 is missing */
    cr_assert(devchain_make_block(place->devchain));
    for (size_t i = 0; i < 3; i++) {
        const struct ledger_tx *tx = ledger_tx(place->ledger, &hashes[i]);
        cr_assert_not_null(tx);
        cr_assert_eq(tx->index, i + 1); /* after the traffic */
        cr_assert_eq(pool_state(place->pool, &hashes[i]), POOL_UNKNOWN);
    }
    cr_assert_eq(pool_count(place->pool), 1u);
    place_free(place);
}

Test(devchain, pool_refuses_with_the_words_of_go_ethereum)
{
    struct place *place = place_new(CANCUN);
    struct u256 too_much = {{0, 1, 0, 0}};
    static const struct {
        struct wish wish;
        const char *why;
    } CASES[] = {
        {{.gas = 20999}, "intrinsic gas too low"},
        {{.gas = 40000000}, "exceeds block gas limit"},
        {{.tip_gwei = 11}, "max priority fee per gas higher than max fee per gas"},
        {{.chain_id = 78}, "invalid sender"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(CASES); i++)
        cr_assert_str_eq(try_add(place, CASES[i].wish, NULL), CASES[i].why);
    cr_assert_str_eq(try_add(place, (struct wish){.value = too_much}, NULL),
                     "insufficient funds for gas * price + value");
    cr_assert_null(try_add(place, (struct wish){0}, NULL));
    cr_assert_null(try_add(place, (struct wish){0}, NULL), "the same again is fine");
    cr_assert_str_eq(try_add(place, (struct wish){.value = {{1}}}, NULL),
                     "replacement transaction underpriced");
    cr_assert_null(try_add(place, (struct wish){.fee_gwei = 11, .tip_gwei = 2}, NULL));
    cr_assert_eq(pool_count(place->pool), 1u);
    start(place, 0);
    cr_assert(devchain_make_block(place->devchain));
    cr_assert_str_eq(try_add(place, (struct wish){.value = {{5}}}, NULL), "nonce too low");
    cr_assert_str_eq(pool_add(place->pool, SPAN_STR("\xc1\x80")), "invalid sender");
    place_free(place);
}

/* ---- blobs ---- */

static void add_strings(struct buf *out, const uint8_t *string, size_t size, size_t count)
{
    size_t mark = rlp_list_begin(out);
    for (size_t i = 0; i < count; i++)
        rlp_add_bytes(out, SPAN(string, size));
    rlp_list_end(out, mark);
}

/* A transaction with polynomials that are zero, or say so: commitments and proofs are infinity. */
static const char *add_blobs(struct place *place, unsigned version, size_t count, bool zero)
{
    static uint8_t blob[131072];
    static const uint8_t infinity[48] = {0xc0};
    struct u256 gwei = u256_from_u64(1000000000);
    struct buf hashes = {0}, envelope = {0}, network = {0};
    struct hash32 hash;
    struct tx tx = {.type = TX_BLOB,
                    .has_chain_id = true,
                    .chain_id = place->chain_id,
                    .max_fee = gwei,
                    .max_priority_fee = gwei,
                    .max_fee_per_blob_gas = gwei,
                    .gas_limit = 21000,
                    .has_to = true,
                    .to = {{9}}};
    sha256(&hash, SPAN(infinity, 48));
    hash.bytes[0] = 1;
    for (size_t i = 0; i < count; i++)
        rlp_add_hash(&hashes, &hash);
    tx.blob_hashes = buf_span(&hashes);
    tx_sign(&envelope, &tx, place->crypto, &place->user);
    blob[31] = zero ? 0 : 1;
    buf_add_u8(&network, TX_BLOB);
    size_t mark = rlp_list_begin(&network);
    buf_add(&network, envelope.data + 1, envelope.size - 1);
    if (version == 1)
        rlp_add_u64(&network, 1);
    add_strings(&network, blob, sizeof blob, count);
    add_strings(&network, infinity, 48, count);
    add_strings(&network, infinity, 48, version == 1 ? 128 * count : count);
    rlp_list_end(&network, mark);
    const char *why = pool_add(place->pool, buf_span(&network));
    buf_free(&hashes);
    buf_free(&envelope);
    buf_free(&network);
    return why;
}

Test(devchain, blobs_that_are_not_proved_stay_outside)
{
    static const char *const SETTINGS[] = {CANCUN, CANCUN ",\"pragueTime\":0,\"osakaTime\":0"},
                             *const VERSIONS[] = {"unexpected sidecar version, want: 0, got: 1",
                                                  "unexpected sidecar version, want: 1, got: 0"};
    bool able = evm_precompile_curves() != NULL;
    for (unsigned version = 0; version < 2; version++) {
        struct place *place = place_new(SETTINGS[version]);
        cr_assert_str_eq(add_blobs(place, 1 - version, 1, true), VERSIONS[version]);
        cr_assert_str_eq(add_blobs(place, version, 2, false),
                         able ? "invalid blob: a KZG proof does not hold"
                              : "blobs cannot be checked: this build has no c-kzg");
        cr_assert_eq(pool_count(place->pool), 0u);
        cr_assert_str_eq(add_blobs(place, version, 7, true), "blob transaction has too many blobs");
        cr_assert_str_eq(add_blobs(place, version, 0, true),
                         "blob transaction missing blob hashes");
        const char *why = add_blobs(place, version, 2, true);
        cr_assert_eq(why == NULL, able, "%s", why);
        cr_assert_eq(pool_count(place->pool), able ? 1u : 0u);
        place_free(place);
    }
}

Test(devchain, a_sender_cannot_fill_the_pool)
{
    struct place *place = place_new(CANCUN);
    const char *why = NULL;
    uint64_t nonce = 0;
    while (why == NULL && nonce < 200)
        why = try_add(place, (struct wish){.nonce = nonce++}, NULL);
    cr_assert_str_eq(why, "txpool is full");
    cr_assert_eq(pool_count(place->pool), 64u);
    place_free(place);
}

Test(devchain, traffic_follows_from_the_blocks_alone)
{
    struct place *a = place_new(CANCUN), *b = place_new(CANCUN);
    start(a, 0);
    start(b, 0);
    for (int i = 0; i < 6; i++) {
        cr_assert(devchain_make_block(a->devchain));
        cr_assert(devchain_make_block(b->devchain));
    }
    cr_assert(hash32_equal(&ledger_head(a->ledger)->hash, &ledger_head(b->ledger)->hash));
    place_free(a);
    place_free(b);
}

/* ---- as a tool ---- */

static uint64_t head_number(const struct place *place)
{
    return ledger_head(place->ledger)->header.number;
}

Test(devchain, automine_makes_a_block_for_what_can_be_mined)
{
    struct place *place = place_new(CANCUN);
    start(place, 0);
    devchain_set_automine(place->devchain, true);
    world_run_for_ms(place->world, 10);
    cr_assert_eq(head_number(place), 0u);
    cr_assert_null(try_add(place, (struct wish){.nonce = 1}, NULL)); /* 0 is missing */
    devchain_tx_came(place->devchain);
    world_run_for_ms(place->world, 10);
    cr_assert_eq(head_number(place), 0u);
    cr_assert_null(try_add(place, (struct wish){.nonce = 0}, NULL));
    devchain_tx_came(place->devchain);
    world_run_for_ms(place->world, 10);
    cr_assert_eq(head_number(place), 1u);
    cr_assert_eq(ledger_head(place->ledger)->txs_count, 3u); /* with the traffic */
    cr_assert_eq(pool_count(place->pool), 0u);
    devchain_set_automine(place->devchain, false);
    cr_assert_null(try_add(place, (struct wish){.nonce = 2}, NULL));
    devchain_tx_came(place->devchain);
    world_run_for_ms(place->world, 10);
    cr_assert_eq(head_number(place), 1u);
    devchain_set_automine(place->devchain, true); /* and what waited is mined */
    world_run_for_ms(place->world, 10);
    cr_assert_eq(head_number(place), 2u);
    place_free(place);
}

Test(devchain, time_goes_as_told)
{
    struct place *place = place_new(CANCUN);
    const struct header *head;
    start(place, 0);
    cr_assert(devchain_make_block(place->devchain));
    uint64_t first = ledger_head(place->ledger)->header.timestamp;
    cr_assert_not(devchain_set_next_time(place->devchain, first));
    cr_assert(devchain_set_next_time(place->devchain, first + 1000));
    cr_assert(devchain_make_block(place->devchain));
    cr_assert_eq(ledger_head(place->ledger)->header.timestamp, first + 1000);
    world_run_for_ms(place->world, 5000);
    cr_assert(devchain_make_block(place->devchain)); /* the clock goes on from there */
    head = &ledger_head(place->ledger)->header;
    cr_assert(head->timestamp >= first + 1004 && head->timestamp <= first + 1006);
    devchain_add_offset(place->devchain, 86400);
    cr_assert(devchain_make_block(place->devchain));
    cr_assert(ledger_head(place->ledger)->header.timestamp >= head->timestamp + 86399);
    place_free(place);
}

struct change {
    struct address20 address;
    struct u256 balance;
};

static bool on_change(void *owner, struct evm_state *state)
{
    const struct change *change = owner;
    struct evm_account *account;
    if (!evm_state_account(state, &change->address, &account))
        return false;
    evm_state_set_balance(state, account, &change->balance);
    return true;
}

static struct u256 balance_of(const struct place *place, const struct address20 *address)
{
    struct hash32 key;
    struct account account;
    keccak256(&key, SPAN(address->bytes, 20));
    (void)!ledger_account(place->ledger, ledger_head(place->ledger), &key, &account);
    return account.balance;
}

Test(devchain, a_changed_state_is_a_block_of_its_own_and_the_chain_goes_on)
{
    struct place *place = place_new(CANCUN);
    struct change change = {.address = {{0xaa}}, .balance = {{12345}}};
    start(place, 0);
    cr_assert(devchain_make_block(place->devchain));
    cr_assert(devchain_change(place->devchain, on_change, &change));
    const struct ledger_block *block = ledger_head(place->ledger);
    cr_assert_eq(block->header.number, 2u);
    cr_assert_eq(block->txs_count, 0u);
    cr_assert(span_equal(block->header.extra, SPAN_STR(DEVCHAIN_MARK)));
    struct u256 balance = balance_of(place, &change.address);
    cr_assert(u256_equal(&balance, &change.balance));
    cr_assert(devchain_make_block(place->devchain)); /* executed on it, by the rules */
    balance = balance_of(place, &change.address);
    cr_assert(u256_equal(&balance, &change.balance));
    /* A fee and a limit that were set */
    struct u256 fee = u256_from_u64(77);
    devchain_set_next_base_fee(place->devchain, &fee);
    devchain_set_gas_limit(place->devchain, 1000000);
    cr_assert(devchain_make_block(place->devchain));
    block = ledger_head(place->ledger);
    cr_assert(u256_equal(&block->header.base_fee, &fee));
    cr_assert_eq(block->header.gas_limit, 1000000u);
    cr_assert(devchain_make_block(place->devchain));
    block = ledger_head(place->ledger);
    cr_assert_not(u256_equal(&block->header.base_fee, &fee));
    cr_assert_eq(block->header.gas_limit, 1000000u);
    place_free(place);
}

Test(devchain, a_snapshot_brings_back_head_pool_and_plan)
{
    struct place *place = place_new(CANCUN);
    struct hash32 hash, left;
    start(place, 0);
    cr_assert(devchain_make_block(place->devchain));
    cr_assert_null(try_add(place, (struct wish){.nonce = 0}, &hash));
    struct hash32 before = ledger_head(place->ledger)->hash;
    uint64_t id = devchain_snapshot(place->devchain), later;
    devchain_add_offset(place->devchain, 1000);
    cr_assert(devchain_make_block(place->devchain));
    left = ledger_head(place->ledger)->hash;
    cr_assert_not_null(ledger_tx(place->ledger, &hash));
    later = devchain_snapshot(place->devchain);
    cr_assert_neq(id, later);
    cr_assert(devchain_revert(place->devchain, id));
    cr_assert(hash32_equal(&ledger_head(place->ledger)->hash, &before));
    cr_assert_eq(devchain_offset_s(place->devchain), 0);
    cr_assert_null(ledger_tx(place->ledger, &hash));
    cr_assert_eq(pool_state(place->pool, &hash), POOL_PENDING);
    cr_assert_not(devchain_revert(place->devchain, later), "it came after");
    cr_assert_not(devchain_revert(place->devchain, id), "it is used up");
    cr_assert(devchain_make_block(place->devchain));
    cr_assert_not(hash32_equal(&ledger_head(place->ledger)->hash, &left));
    cr_assert_not_null(ledger_tx(place->ledger, &hash));
    cr_assert_not(devchain_go_back(place->devchain, 3));
    cr_assert(devchain_go_back(place->devchain, 2));
    cr_assert_eq(head_number(place), 0u);
    for (int i = 0; i < 2; i++) /* no block comes twice, or the head would stay */
        cr_assert(devchain_make_block(place->devchain));
    cr_assert_eq(head_number(place), 2u);
    devchain_reset(place->devchain);
    cr_assert_eq(head_number(place), 0u);
    place_free(place);
}

static void on_made(void *owner, bool good)
{
    *(int *)owner = good ? 1 : -1;
}

Test(devchain, many_blocks_are_made_in_slices)
{
    struct place *place = place_new(CANCUN);
    int done = 0;
    start(place, 0);
    cr_assert(devchain_make_blocks(place->devchain, 500, 60, on_made, &done));
    cr_assert_not(devchain_make_blocks(place->devchain, 5, 1, on_made, &done));
    cr_assert(devchain_is_busy(place->devchain));
    world_run_for_ms(place->world, 1000);
    cr_assert_eq(done, 1);
    cr_assert_not(devchain_is_busy(place->devchain));
    cr_assert_eq(head_number(place), 500u);
    const struct ledger_block *first = ledger_by_number(place->ledger, 1);
    cr_assert_eq(ledger_head(place->ledger)->header.timestamp, first->header.timestamp + 499u * 60);
    place_free(place);
}

Test(devchain, who_has_no_key_sends_only_where_that_is_allowed)
{
    struct place *place = place_new(CANCUN);
    struct address20 nobody = {{0x12, 0x34}}, sender;
    struct change change = {.address = nobody, .balance = {{0, 1}}};
    struct buf envelope = {0};
    struct tx tx = {.type = TX_DYNAMIC_FEE,
                    .has_chain_id = true,
                    .chain_id = place->chain_id,
                    .max_fee = u256_from_u64(2000000000),
                    .max_priority_fee = u256_from_u64(1),
                    .gas_limit = 21000,
                    .has_to = true,
                    .to = {{9}},
                    .value = u256_from_u64(5)};
    start(place, 0);
    cr_assert(devchain_change(place->devchain, on_change, &change));
    tx_sign_as(&envelope, &tx, &nobody);
    cr_assert_eq(tx_decode(&tx, buf_span(&envelope)), TX_VALID);
    cr_assert(tx_is_impersonated(&tx));
    cr_assert(tx_sender(&sender, &tx, place->crypto, true) != TX_VALID ||
              !address20_equal(&sender, &nobody));
    cr_assert_not_null(pool_add_impersonated(place->pool, buf_span(&envelope)));
    crypto_impersonate(place->crypto);
    cr_assert_str_eq(pool_add(place->pool, buf_span(&envelope)), "invalid sender");
    cr_assert_null(pool_add_impersonated(place->pool, buf_span(&envelope)));
    cr_assert_eq(pool_next_nonce(place->pool, &nobody), 1u);
    cr_assert(devchain_make_block(place->devchain));
    struct hash32 hash;
    keccak256(&hash, buf_span(&envelope));
    cr_assert_not_null(ledger_tx(place->ledger, &hash));
    cr_assert_eq(tx_sender(&sender, &tx, place->crypto, true), TX_VALID);
    cr_assert(address20_equal(&sender, &nobody));
    struct buf real = transfer(place, (struct wish){0}); /* signatures are what they were */
    cr_assert_eq(tx_decode(&tx, buf_span(&real)), TX_VALID);
    cr_assert_not(tx_is_impersonated(&tx));
    cr_assert_not_null(pool_add_impersonated(place->pool, buf_span(&real)));
    cr_assert_null(pool_add(place->pool, buf_span(&real)));
    buf_free(&real);
    buf_free(&envelope);
    place_free(place);
}

Test(devchain, a_chain_before_the_merge_goes_on_past_it)
{
    struct place *place = place_new("");
    struct hash32 genesis = ledger_head(place->ledger)->hash;
    devchain_merge(&place->genesis->spec, &ledger_head(place->ledger)->td);
    start(place, 0);
    cr_assert(devchain_make_block(place->devchain));
    cr_assert_eq(head_number(place), 1u);
    cr_assert(hash32_equal(&ledger_genesis(place->ledger)->hash, &genesis));
    place_free(place);
}
