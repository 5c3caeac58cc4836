#include "les/eth/rlp.h"
#include "les/eth/tx.h"
#include "les/eth/u256.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>

TestSuite(tx_rules, .fini = fixture_leak_gate);

/* Signs tx, decodes it and asks the fork on chain 1. */
static enum tx_rule ask(const struct tx *tx, enum fork fork)
{
    static const uint8_t seed[32] = {5};
    struct crypto *crypto = crypto_new(seed);
    struct seckey32 secret;
    struct buf envelope = {0};
    struct tx decoded;
    struct tx_check check;
    memset(secret.bytes, 1, 32);
    tx_sign(&envelope, tx, crypto, &secret);
    cr_assert_eq(tx_decode(&decoded, buf_span(&envelope)), TX_VALID);
    enum tx_rule rule = tx_check_for_fork(&check, &decoded, crypto, fork, 1);
    buf_free(&envelope);
    crypto_free(crypto);
    return rule;
}

static struct tx sample(enum tx_type type)
{
    struct tx tx = {
        .type = type, .has_chain_id = true, .chain_id = 1, .gas_limit = 100000, .has_to = true};
    tx.gas_price = tx.max_fee = u256_from_u64(10);
    return tx;
}

Test(tx_rules, each_type_has_its_first_fork)
{
    static const enum fork first[] = {FORK_SPURIOUS, FORK_BERLIN, FORK_LONDON, FORK_CANCUN,
                                      FORK_PRAGUE};
    uint8_t hash[33] = {0xa0, 0x01},
            authorization[] = {0xda, 0x01, 0x94, [23] = 0x80, 0x80, 0x01, 0x01};
    for (int type = TX_LEGACY; type <= TX_SET_CODE; type++) {
        struct tx tx = sample((enum tx_type)type);
        if (type == TX_BLOB)
            tx.blob_hashes = SPAN(hash, sizeof hash);
        if (type == TX_SET_CODE)
            tx.authorizations = SPAN(authorization, sizeof authorization);
        for (enum fork fork = FORK_FRONTIER; fork < FORK_COUNT; fork++) {
            enum tx_rule before = type == TX_LEGACY ? TX_RULE_SIGNATURE : TX_RULE_TYPE;
            cr_assert_eq(ask(&tx, fork), fork >= first[type] ? TX_RULE_KEPT : before,
                         "type %d fork %d", type, (int)fork);
        }
    }
}

Test(tx_rules, another_chain_is_refused)
{
    struct tx tx = sample(TX_DYNAMIC_FEE);
    tx.chain_id = 2;
    cr_assert_eq(ask(&tx, FORK_CANCUN), TX_RULE_CHAIN_ID);
    tx = sample(TX_LEGACY);
    tx.chain_id = 2;
    cr_assert_eq(ask(&tx, FORK_CANCUN), TX_RULE_CHAIN_ID);
    tx.has_chain_id = false;
    cr_assert_eq(ask(&tx, FORK_CANCUN), TX_RULE_KEPT,
                 "without replay protection it is for all chains");
}

Test(tx_rules, gas_has_a_floor_from_prague_and_a_ceiling_from_osaka)
{
    static const uint8_t ones[1000] = {[0 ... 999] = 1};
    struct tx tx = sample(TX_DYNAMIC_FEE);
    tx.data = SPAN(ones, sizeof ones);
    tx.gas_limit = 21000 + 16 * 1000;
    cr_assert_eq(ask(&tx, FORK_CANCUN), TX_RULE_KEPT);
    cr_assert_eq(ask(&tx, FORK_PRAGUE), TX_RULE_FLOOR_GAS);
    tx.gas_limit--;
    cr_assert_eq(ask(&tx, FORK_CANCUN), TX_RULE_INTRINSIC_GAS);
    tx.gas_limit = 21000 + 40 * 1000;
    cr_assert_eq(ask(&tx, FORK_PRAGUE), TX_RULE_KEPT);
    tx.gas_limit = (1u << 24) + 1;
    cr_assert_eq(ask(&tx, FORK_PRAGUE), TX_RULE_KEPT);
    cr_assert_eq(ask(&tx, FORK_OSAKA), TX_RULE_GAS_LIMIT);
    tx.gas_limit--;
    cr_assert_eq(ask(&tx, FORK_BPO1), TX_RULE_KEPT);
}

Test(tx_rules, initcode_is_bounded_from_shanghai)
{
    uint8_t *code = mem_alloc(49153);
    struct tx tx = sample(TX_LEGACY);
    tx.has_to = false;
    tx.gas_limit = 10000000;
    tx.data = SPAN(code, 49153);
    cr_assert_eq(ask(&tx, FORK_PARIS), TX_RULE_KEPT);
    cr_assert_eq(ask(&tx, FORK_SHANGHAI), TX_RULE_INITCODE_SIZE);
    tx.data = SPAN(code, 49152);
    cr_assert_eq(ask(&tx, FORK_SHANGHAI), TX_RULE_KEPT);
    tx.has_to = true;
    tx.data = SPAN(code, 49153);
    cr_assert_eq(ask(&tx, FORK_SHANGHAI), TX_RULE_KEPT, "only creations carry initcode");
    mem_free(code);
}

Test(tx_rules, fees_are_ordered_and_fit)
{
    struct tx tx = sample(TX_DYNAMIC_FEE);
    tx.max_priority_fee = u256_from_u64(11);
    cr_assert_eq(ask(&tx, FORK_LONDON), TX_RULE_TIP_ABOVE_FEE);
    tx.max_priority_fee = u256_from_u64(10);
    cr_assert_eq(ask(&tx, FORK_LONDON), TX_RULE_KEPT);
    memset(&tx.max_fee, 0xff, sizeof tx.max_fee);
    cr_assert_eq(ask(&tx, FORK_LONDON), TX_RULE_COST_OVERFLOW);
}

Test(tx_rules, the_last_nonce_is_never_used)
{
    struct tx tx = sample(TX_LEGACY);
    tx.nonce = UINT64_MAX;
    cr_assert_eq(ask(&tx, FORK_LONDON), TX_RULE_NONCE_MAX);
    tx.nonce--;
    cr_assert_eq(ask(&tx, FORK_LONDON), TX_RULE_KEPT);
}

Test(tx_rules, blobs_have_a_count_and_a_version)
{
    struct buf hashes = {0};
    struct hash32 hash = {{1}};
    struct tx tx = sample(TX_BLOB);
    cr_assert_eq(ask(&tx, FORK_CANCUN), TX_RULE_BLOBS_NONE);
    for (int i = 0; i < 7; i++)
        rlp_add_hash(&hashes, &hash);
    tx.blob_hashes = buf_span(&hashes);
    cr_assert_eq(ask(&tx, FORK_PRAGUE), TX_RULE_KEPT,
                 "seven are the block's business before Osaka");
    cr_assert_eq(ask(&tx, FORK_OSAKA), TX_RULE_BLOBS_MANY);
    tx.blob_hashes.size -= 33;
    cr_assert_eq(ask(&tx, FORK_OSAKA), TX_RULE_KEPT);
    hashes.data[33 + 1] = 2;
    cr_assert_eq(ask(&tx, FORK_OSAKA), TX_RULE_BLOB_VERSION);
    buf_free(&hashes);
}

Test(tx_rules, set_code_needs_an_authorization)
{
    struct tx tx = sample(TX_SET_CODE);
    cr_assert_eq(ask(&tx, FORK_PRAGUE), TX_RULE_AUTHORIZATIONS_NONE);
}

Test(tx_rules, every_rule_has_its_text)
{
    for (enum tx_rule rule = TX_RULE_KEPT; rule <= TX_RULE_AUTHORIZATIONS_NONE; rule++)
        cr_assert_gt(strlen(tx_rule_text(rule)), 4);
    cr_assert_str_eq(tx_rule_text(TX_RULE_INTRINSIC_GAS), "intrinsic gas too low");
}
