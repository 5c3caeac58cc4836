#include "gateway/light/fee_sample.h"
#include "les/eth/receipt.h"
#include "les/eth/rlp.h"
#include "les/eth/tx.h"
#include "les/eth/u256.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>

TestSuite(fee_sample, .fini = fixture_leak_gate);

#define GWEI 1000000000ull

struct paid {
    uint64_t tip, gas_used;
    bool by_producer;
};

/* A block whose transactions pay these tips over its base fee, and use this gas. */
struct sample {
    struct crypto *crypto;
    struct header header;
    struct buf transactions, receipts;
    struct body body;
};

static void add_tx(struct sample *sample, const struct paid *paid, uint64_t nonce)
{
    struct seckey32 secret;
    struct buf envelope = {0};
    struct tx tx = {.type = TX_DYNAMIC_FEE,
                    .has_chain_id = true,
                    .chain_id = 1,
                    .nonce = nonce,
                    .gas_limit = paid->gas_used,
                    .has_to = true};
    memset(secret.bytes, paid->by_producer ? 0x11 : 0x22, 32);
    tx.max_priority_fee = u256_from_u64(paid->tip);
    tx.max_fee = u256_from_u64(1000 * GWEI);
    tx_sign(&envelope, &tx, sample->crypto, &secret);
    rlp_add_bytes(&sample->transactions, buf_span(&envelope));
    buf_free(&envelope);
}

static void add_receipt(struct sample *sample, uint64_t cumulative)
{
    struct buf envelope = {0};
    struct receipt receipt = {.type = TX_DYNAMIC_FEE, .status = 1, .cumulative_gas = cumulative};
    receipt_encode(&envelope, &receipt);
    rlp_add_bytes(&sample->receipts, buf_span(&envelope));
    buf_free(&envelope);
}

static struct sample sample_new(const struct paid *list, size_t count)
{
    static const uint8_t seed[32] = {7};
    struct sample sample = {.crypto = crypto_new(seed)};
    struct seckey32 secret;
    struct pubkey64 key;
    memset(secret.bytes, 0x11, 32);
    crypto_pubkey(sample.crypto, &key, &secret);
    crypto_address(&sample.header.coinbase, &key);
    sample.header.fields = 1;
    sample.header.number = 9;
    sample.header.gas_limit = 30000000;
    sample.header.base_fee = u256_from_u64(7 * GWEI);
    for (size_t i = 0; i < count; i++) {
        add_tx(&sample, &list[i], i);
        sample.header.gas_used += list[i].gas_used;
        add_receipt(&sample, sample.header.gas_used);
    }
    sample.body.transactions = buf_span(&sample.transactions);
    return sample;
}

static void sample_free(struct sample *sample)
{
    buf_free(&sample->transactions);
    buf_free(&sample->receipts);
    crypto_free(sample->crypto);
}

static uint64_t tip_of(struct fee_oracle *oracle)
{
    struct u256 tip;
    fee_oracle_tip(oracle, &tip);
    cr_assert(u256_fits_u64(&tip));
    return tip.words[0];
}

static size_t fill(struct fee_oracle *oracle, const struct sample *sample)
{
    size_t blocks = 0;
    for (; fee_oracle_wants(oracle); blocks++)
        fee_oracle_add(oracle, sample->crypto, &sample->header, &sample->body);
    return blocks;
}

Test(fee_sample, a_chain_without_tips_gives_the_default)
{
    struct sample sample = sample_new(NULL, 0);
    struct fee_oracle oracle;
    struct u256 last = u256_from_u64(5 * GWEI);
    fee_oracle_begin(&oracle, NULL);
    cr_assert_eq(tip_of(&oracle), 1000000);
    cr_assert_eq(fill(&oracle, &sample), 40, "empty blocks say little: more are looked at");
    cr_assert_eq(tip_of(&oracle), 1000000);
    fee_oracle_begin(&oracle, &last);
    fill(&oracle, &sample);
    cr_assert_eq(tip_of(&oracle), 5 * GWEI, "what was suggested before");
    sample_free(&sample);
}

Test(fee_sample, the_three_lowest_of_each_block_count)
{
    static const struct paid list[] = {
        {9 * GWEI, 21000, false}, {1, 21000, false}, /* below 2 wei */
        {2 * GWEI, 21000, true},  {4 * GWEI, 21000, false},
        {3 * GWEI, 21000, false}, {5 * GWEI, 21000, false}};
    struct sample sample = sample_new(list, ARRAY_COUNT(list));
    struct fee_oracle oracle;
    fee_oracle_begin(&oracle, NULL);
    cr_assert_eq(fill(&oracle, &sample), FEE_ORACLE_BLOCKS);
    cr_assert_eq(oracle.count, 60);
    /* 20 times 3, 4 and 5 gwei, sorted; (60 - 1) * 60 / 100 = 35. */
    cr_assert_eq(tip_of(&oracle), 4 * GWEI);
    sample_free(&sample);
}

Test(fee_sample, the_tip_is_capped)
{
    static const struct paid list[] = {{700 * GWEI, 21000, false}};
    struct sample sample = sample_new(list, 1);
    struct fee_oracle oracle;
    fee_oracle_begin(&oracle, NULL);
    fill(&oracle, &sample);
    cr_assert_eq(tip_of(&oracle), 500 * GWEI);
    sample_free(&sample);
}

Test(fee_sample, a_fee_cap_cuts_the_tip)
{
    static const struct paid list[] = {{995 * GWEI, 50000, false}};
    double percentile = 50;
    struct sample sample = sample_new(list, 1);
    struct u256 reward;
    cr_assert(fee_rewards(&reward, &percentile, 1, &sample.header, &sample.body,
                          buf_span(&sample.receipts)));
    cr_assert_eq(reward.words[0], 993 * GWEI, "1000 gwei at most, 7 of them are the base fee");
    sample_free(&sample);
}

/* By hand: sorted by tip the gas is 10000 (1), 30000 (2), 60000 (3) of 100000. */
Test(fee_sample, rewards_are_weighed_by_gas)
{
    static const struct paid list[] = {
        {3 * GWEI, 60000, false}, {1 * GWEI, 10000, false}, {2 * GWEI, 30000, false}};
    static const double percentiles[] = {0, 10, 10.01, 40, 41, 100};
    static const uint64_t expected[] = {1, 1, 2, 2, 3, 3};
    struct sample sample = sample_new(list, ARRAY_COUNT(list));
    struct u256 rewards[ARRAY_COUNT(percentiles)];
    cr_assert(fee_rewards(rewards, percentiles, ARRAY_COUNT(percentiles), &sample.header,
                          &sample.body, buf_span(&sample.receipts)));
    for (size_t i = 0; i < ARRAY_COUNT(percentiles); i++)
        cr_assert_eq(rewards[i].words[0], expected[i] * GWEI, "percentile %g", percentiles[i]);
    cr_assert_not(fee_rewards(rewards, percentiles, 1, &sample.header, &sample.body, SPAN_EMPTY),
                  "receipts of another block");
    sample_free(&sample);
}

Test(fee_sample, an_empty_block_rewards_nobody)
{
    static const double percentiles[] = {5, 50};
    struct sample sample = sample_new(NULL, 0);
    struct u256 rewards[2];
    memset(rewards, 0xff, sizeof rewards);
    cr_assert(fee_rewards(rewards, percentiles, 2, &sample.header, &sample.body, SPAN_EMPTY));
    cr_assert(u256_is_zero(&rewards[0]) && u256_is_zero(&rewards[1]));
    sample_free(&sample);
}

Test(fee_sample, ratios)
{
    struct chainspec spec;
    memset(&spec, 0, sizeof spec);
    for (enum fork fork = FORK_SHANGHAI; fork < FORK_COUNT; fork++)
        spec.activation[fork] = fork <= FORK_CANCUN ? 0 : FORK_NEVER;
    struct header header = {.gas_limit = 40000, .gas_used = 10000, .number = 1, .timestamp = 1};
    struct u256 price;
    cr_assert_eq(fee_gas_used_ratio(&header), 0.25);
    cr_assert_eq(fee_blob_gas_used_ratio(&spec, &header), 0);
    cr_assert_not(fee_blob_price(&price, &spec, &header));
    header.fields = 4;
    header.blob_gas_used = 3ul * 131072;
    cr_assert_eq(fee_blob_gas_used_ratio(&spec, &header), 0.5, "6 blobs at most in Cancun");
    cr_assert(fee_blob_price(&price, &spec, &header));
    cr_assert_eq(price.words[0], 1);
    header.gas_limit = 0;
    cr_assert_eq(fee_gas_used_ratio(&header), 0);
}
