/* Whole chains through the state transition: every block's gas, receipts, bloom, requests and state
 * root must come out as its header says. */
#include "conf/genesis.h"
#include "les/base/limits.h"
#include "les/evm/transition.h"
#include "tests/fixture/chain.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>

TestSuite(chain_import, .fini = fixture_leak_gate, .timeout = 600);

struct import {
    struct chain_file chain;
    size_t first; /* the number of chain.blocks[0] */
};

static enum evm_lookup on_block_hash(void *owner, uint64_t number, struct hash32 *out)
{
    struct import *import = owner;
    if (number < import->first || number - import->first >= import->chain.count)
        return number == 0 ? EVM_LOOKUP_MISSING : EVM_LOOKUP_ABSENT;
    *out = import->chain.blocks[number - import->first].hash;
    return EVM_LOOKUP_FOUND;
}

static struct genesis *load_genesis(const char *path, struct node_store *store)
{
    struct genesis *genesis = NULL;
    struct buf full = {0}, error = {0};
    fixture_need(path);
    buf_printf(&full, "%s/%s", SHARED_DIR, path);
    buf_add_u8(&full, 0);
    enum status status = genesis_load(&genesis, (const char *)full.data, &error);
    cr_assert_eq(status, STATUS_OK, "%.*s", (int)error.size, (const char *)error.data);
    genesis_build(genesis, store);
    buf_free(&full);
    buf_free(&error);
    return genesis;
}

static void import_chain(const char *genesis_path, const char *chain_path)
{
    struct node_store *store = node_store_new();
    struct genesis *genesis = load_genesis(genesis_path, store);
    struct import import = {.chain = chain_file_read(chain_path)};
    struct tally tally = {.name = chain_path};
    uint8_t seed[32] = {1};
    struct crypto *crypto = crypto_new(seed);
    struct evm_code_cache *codes = evm_code_cache_new(EVM_CODE_CACHE_BYTES);
    struct block_place place = {.spec = &genesis->spec,
                                .crypto = crypto,
                                .store = store,
                                .codes = codes,
                                .precompiles = evm_precompile_curves(),
                                .block_hash = on_block_hash,
                                .owner = &import};
    struct hash32 root = genesis->header.state_root;
    struct block_outcome outcome = {0};
    import.first = (size_t)import.chain.blocks[0].header.number;
    for (size_t i = import.first == 0; i < import.chain.count; i++) {
        const struct chain_block *block = &import.chain.blocks[i];
        enum block_fault fault =
            block_execute(&place, &root, &block->header, &block->body, &outcome);
        cr_assert_eq(
            fault, BLOCK_FAULT_NONE, "block %llu: %s, transaction %zu %s %s, gas %llu of %llu",
            (unsigned long long)block->header.number, block_fault_text(fault), outcome.tx_index,
            tx_refusal_text(outcome.refusal), evm_end_text(outcome.end),
            (unsigned long long)outcome.gas_used, (unsigned long long)block->header.gas_used);
        root = outcome.state_root;
        tally_run(&tally);
    }
    block_outcome_free(&outcome);
    evm_code_cache_free(codes);
    crypto_free(crypto);
    chain_file_free(&import.chain);
    genesis_free(genesis);
    node_store_free(store);
    tally_end(&tally);
}

Test(chain_import, a_clique_chain_comes_out_as_its_headers_say)
{
    import_chain("vectors/geth-les/genesis-small.json", "vectors/geth-les/chain-small.rlp");
}

Test(chain_import, a_chain_through_every_fork_comes_out_as_its_headers_say)
{
    import_chain("vectors/rpc-compat/genesis.json", "vectors/rpc-compat/chain.rlp");
}
