/* Two recorded chains: rpc-compat (every fork up to Osaka and two blob-parameter forks) and a
 * clique one. */
#include "les/eth/keccak.h"
#include "les/eth/rlp.h"
#include "les/eth/tx.h"
#include "les/eth/u256.h"
#include "tests/fixture/chain.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define COMPAT         "vectors/rpc-compat/chain.rlp"
#define COMPAT_SPEC    "vectors/rpc-compat/genesis.json"
#define COMPAT_BLOCKS  54
#define CLIQUE         "vectors/geth-les/chain-small.rlp"
#define CLIQUE_GENESIS "0xfb151bd61446418481baabfe426377f62fa9472c5c025eb8e19090491cc9c133"
#define CLIQUE_HEAD    "0x0d67d35a160ab3318dfd7cf0925cc1b7e2d153457ec4f928a34bc7a382a977b0"
#define CLIQUE_SPEC    "vectors/geth-les/genesis-small.json"

TestSuite(eth_chain, .fini = fixture_leak_gate, .timeout = 120);

static void check_blocks(const struct chain_file *chain)
{
    for (size_t i = 0; i < chain->count; i++) {
        const struct chain_block *block = &chain->blocks[i];
        struct buf again = {0};
        struct hash32 hash;
        header_encode(&again, &block->header);
        cr_assert(span_equal(buf_span(&again), block->header_rlp), "header %zu changed", i + 1);
        header_hash(&hash, &block->header);
        cr_assert(hash32_equal(&hash, &block->hash));
        cr_assert_eq(block->header.number, chain->blocks[0].header.number + i);
        if (i > 0)
            cr_assert(hash32_equal(&block->header.parent_hash, &chain->blocks[i - 1].hash),
                      "block %zu is not the child of the one before", i + 1);
        cr_assert(body_matches(&block->body, &block->header), "body %zu", i + 1);
        buf_free(&again);
    }
}

Test(eth_chain, every_header_round_trips_and_links_and_owns_its_body)
{
    struct chain_file chain = chain_file_read(COMPAT);
    cr_assert_eq(chain.count, COMPAT_BLOCKS);
    check_blocks(&chain);
    cr_assert_eq(chain.blocks[0].header.fields, 0);
    cr_assert_eq(chain.blocks[chain.count - 1].header.fields, 6);
    chain_file_free(&chain);
}

Test(eth_chain, clique_headers_round_trip_too)
{
    struct chain_file chain = chain_file_read(CLIQUE);
    cr_assert_eq(chain.count, 601); /* block 0 is in the file */
    check_blocks(&chain);
    fixture_expect_hex(SPAN(chain.blocks[0].hash.bytes, 32), CLIQUE_GENESIS);
    fixture_expect_hex(SPAN(chain.blocks[600].hash.bytes, 32), CLIQUE_HEAD);
    chain_file_free(&chain);
}

Test(eth_chain, a_body_of_another_block_or_with_a_flipped_bit_does_not_match)
{
    struct chain_file chain = chain_file_read(COMPAT);
    size_t flips = 0;
    for (size_t i = 0; i + 1 < chain.count; i++) {
        const struct chain_block *block = &chain.blocks[i], *next = &chain.blocks[i + 1];
        bool same = span_equal(block->body.transactions, next->body.transactions) &&
                    span_equal(block->body.withdrawals, next->body.withdrawals) &&
                    block->body.has_withdrawals == next->body.has_withdrawals;
        cr_assert_eq(body_matches(&next->body, &block->header), same);
        size_t body_at =
            block->header_rlp.size + (size_t)(block->header_rlp.data - block->rlp.data);
        for (size_t at = body_at; at < block->rlp.size; at += 1 + block->rlp.size / 40) {
            uint8_t *copy = mem_copy(block->rlp);
            struct span header_rlp;
            struct body body;
            copy[at] ^= 1;
            if (block_split(&header_rlp, &body, SPAN(copy, block->rlp.size)))
                cr_assert_not(body_matches(&body, &block->header), "block %zu byte %zu", i + 1, at);
            mem_free(copy);
            flips++;
        }
    }
    cr_assert_gt(flips, 500);
    chain_file_free(&chain);
}

/* Every transaction decodes, hashes and recovers; blocks of that chain hold all five types. */
static void check_transactions(const struct chain_file *chain, uint64_t chain_id, size_t counts[5])
{
    static const uint8_t seed[32] = {1};
    struct crypto *crypto = crypto_new(seed);
    struct span *list = mem_alloc(BLOCK_TRANSACTIONS_MAX * sizeof *list);
    for (size_t i = 0; i < chain->count; i++) {
        size_t count;
        cr_assert(body_transactions(&chain->blocks[i].body, list, BLOCK_TRANSACTIONS_MAX, &count));
        for (size_t j = 0; j < count; j++) {
            struct tx tx;
            struct address20 sender;
            cr_assert_eq(tx_decode(&tx, list[j]), TX_VALID, "block %zu tx %zu", i + 1, j);
            cr_assert_eq(tx_sender(&sender, &tx, crypto, true), TX_VALID);
            cr_assert(!tx.has_chain_id || tx.chain_id == chain_id);
            counts[tx.type]++;
        }
    }
    mem_free(list);
    crypto_free(crypto);
}

Test(eth_chain, all_transactions_of_all_five_types_have_a_sender)
{
    struct chain_file chain = chain_file_read(COMPAT);
    struct chainspec spec = chain_rules_read(COMPAT_SPEC);
    size_t counts[5] = {0};
    check_transactions(&chain, spec.chain_id, counts);
    for (int type = 0; type < 5; type++)
        cr_assert_gt(counts[type], 0, "no transaction of type %d", type);
    chain_file_free(&chain);
}

Test(eth_chain, all_clique_transactions_have_a_sender)
{
    struct chain_file chain = chain_file_read(CLIQUE);
    struct chainspec spec = chain_rules_read(CLIQUE_SPEC);
    size_t counts[5] = {0};
    check_transactions(&chain, spec.chain_id, counts);
    cr_assert_gt(counts[TX_LEGACY], 100);
    chain_file_free(&chain);
}

Test(eth_chain, each_child_has_the_computed_base_fee_and_excess_blob_gas)
{
    struct chain_file chain = chain_file_read(COMPAT);
    struct chainspec spec = chain_rules_read(COMPAT_SPEC);
    size_t with_base_fee = 0, with_blobs = 0;
    for (size_t i = 0; i + 1 < chain.count; i++) {
        const struct header *parent = &chain.blocks[i].header, *child = &chain.blocks[i + 1].header;
        struct u256 fee;
        fee_next_base(&fee, &spec, parent);
        cr_assert(u256_equal(&fee, &child->base_fee), "base fee of block %zu", i + 2);
        uint64_t excess = fee_next_excess_blob_gas(&spec, parent, child->timestamp);
        cr_assert_eq(excess, child->excess_blob_gas, "excess blob gas of block %zu", i + 2);
        with_base_fee += HEADER_HAS_BASE_FEE(child);
        with_blobs += HEADER_HAS_BLOB_GAS(child);
    }
    cr_assert_eq(with_base_fee, COMPAT_BLOCKS - 26);
    cr_assert_gt(with_blobs, 10);
    chain_file_free(&chain);
}

Test(eth_chain, fees_after_the_head_are_those_the_full_node_gives)
{
    struct chain_file chain = chain_file_read(COMPAT);
    struct chainspec spec = chain_rules_read(COMPAT_SPEC);
    const struct header *head = &chain.blocks[chain.count - 1].header;
    struct u256 fee, blob_fee;
    fee_next_base(&fee, &spec, head);
    cr_assert(u256_fits_u64(&fee));
    cr_assert_eq(fee.words[0], 0x16dfe9b);
    const struct blob_params *blobs = chainspec_blobs(&spec, head->number, head->timestamp);
    cr_assert_not_null(blobs);
    cr_assert_eq(blobs->update_fraction, 11684671);
    fee_blob_base(&blob_fee, head->excess_blob_gas, blobs->update_fraction);
    cr_assert(u256_fits_u64(&blob_fee));
    cr_assert_eq(blob_fee.words[0], 1);
    chain_file_free(&chain);
}

Test(eth_chain, forks_follow_the_headers)
{
    struct chain_file chain = chain_file_read(COMPAT);
    struct chainspec spec = chain_rules_read(COMPAT_SPEC);
    size_t seen[FORK_COUNT] = {0};
    for (size_t i = 0; i < chain.count; i++) {
        const struct header *header = &chain.blocks[i].header;
        enum fork fork = chainspec_fork(&spec, header);
        seen[fork]++;
        cr_assert_eq(HEADER_HAS_BASE_FEE(header), fork >= FORK_LONDON);
        cr_assert_eq(HEADER_HAS_WITHDRAWALS(header), fork >= FORK_SHANGHAI);
        cr_assert_eq(HEADER_HAS_BLOB_GAS(header), fork >= FORK_CANCUN);
        cr_assert_eq(HEADER_HAS_REQUESTS(header), fork >= FORK_PRAGUE);
        cr_assert_eq(u256_is_zero(&header->difficulty), fork >= FORK_PARIS);
    }
    static const enum fork expected[] = {
        FORK_HOMESTEAD,      FORK_TANGERINE,  FORK_SPURIOUS,      FORK_BYZANTIUM,
        FORK_CONSTANTINOPLE, FORK_PETERSBURG, FORK_ISTANBUL,      FORK_MUIR_GLACIER,
        FORK_BERLIN,         FORK_LONDON,     FORK_ARROW_GLACIER, FORK_GRAY_GLACIER,
        FORK_PARIS,          FORK_SHANGHAI,   FORK_CANCUN,        FORK_PRAGUE,
        FORK_OSAKA,          FORK_BPO1,       FORK_BPO2,
    };
    for (size_t i = 0; i < ARRAY_COUNT(expected); i++)
        cr_assert_gt(seen[expected[i]], 0, "no block of fork %d", (int)expected[i]);
    chain_file_free(&chain);
}

/* eth_config of that chain (EIP-7910) names the fork id at its head. */
Test(eth_chain, fork_id_at_the_head_is_that_of_the_full_node)
{
    struct chain_file chain = chain_file_read(COMPAT);
    struct chainspec spec = chain_rules_read(COMPAT_SPEC);
    const struct header *head = &chain.blocks[chain.count - 1].header;
    struct fork_id id;
    spec.genesis_hash = chain.blocks[0].header.parent_hash;
    chainspec_fork_id(&id, &spec, head->number, head->timestamp);
    fixture_expect_hex(SPAN(id.hash4, 4), "e272ecbe");
    cr_assert_eq(id.next, 0);
    chain_file_free(&chain);
}
