/* Two contracts of random code call each other under a small gas limit. Input: revision, value,
 * then the length of the first contract's code (two bytes) and both codes. Whatever happens: gas is
 * not made, wei are not made, a failed message leaves the state as it was, and the same run gives
 * the same result, with a tracer too. */
#include "les/eth/u256.h"
#include "les/evm/evm.h"

#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { GAS = 300000, WEI = 1000000 };
static const struct address20 first = {{[19] = 0xc0}}, second = {{[19] = 0xc1}},
                              caller = {{[19] = 0xee}};

struct outcome {
    enum evm_end end;
    uint64_t gas_left;
    struct hash32 before, after;
    struct u256 wei;
    bool touched_ripemd;
};

static enum evm_lookup on_block_hash(void *owner, uint64_t number, struct hash32 *out)
{
    (void)owner;
    memset(out, (int)(number & 0xff), sizeof *out);
    return EVM_LOOKUP_FOUND;
}

static void on_step(struct evm_tracer *tracer, const struct evm_step *step)
{
    (void)tracer;
    ASSERT(step->stack_size <= EVM_STACK_MAX);
    ASSERT(step->gas >= 0 && step->gas <= GAS);
}

static void place(struct evm_state *state, const struct address20 *address, struct span code)
{
    struct evm_account *account;
    struct u256 wei = u256_from_u64(WEI);
    ASSERT(evm_state_account(state, address, &account));
    evm_state_set_balance(state, account, &wei);
    evm_state_set_nonce(state, account, 1);
    if (code.size > 0)
        evm_state_set_code(state, account, code);
}

static void on_account(void *owner, const struct evm_account *account)
{
    struct outcome *outcome = owner;
    static const struct address20 ripemd = {{[19] = 3}};
    (void)u256_add(&outcome->wei, &outcome->wei, &account->balance);
    outcome->touched_ripemd |= address20_equal(&account->address, &ripemd) && account->loaded;
}

static struct outcome run(enum evm_revision revision, uint8_t value, struct span code1,
                          struct span code2, const struct crypto *crypto, struct evm_tracer *tracer)
{
    struct outcome outcome = {0};
    struct node_store *store = node_store_new();
    struct evm_store_backend backend;
    struct hash32 root = EMPTY_TRIE_ROOT;
    evm_store_backend_init(&backend, store, &root);
    struct evm_state *state = evm_state_new(&backend.backend, NULL);
    struct evm_config config = {.revision = revision,
                                .state = state,
                                .crypto = crypto,
                                .precompiles = evm_precompile_curves(),
                                .tracer = tracer};
    struct evm *evm = evm_new(&config);
    struct evm_block block = {
        .number = 300, .gas_limit = GAS, .chain_id = 1, .block_hash = on_block_hash};
    struct evm_tx tx = {.origin = caller};
    struct evm_message message = {
        .sender = caller, .to = first, .value = u256_from_u64(value), .input = code2, .gas = GAS};
    struct evm_result result;
    evm_state_begin(state);
    place(state, &caller, SPAN_EMPTY);
    place(state, &first, code1);
    place(state, &second, code2);
    evm_state_end(state, false);
    ASSERT(evm_state_commit(state, store, &root) == STATUS_OK);
    outcome.before = root;
    evm_state_begin(state);
    evm_set_block(evm, &block);
    evm_set_tx(evm, &tx);
    evm_run(evm, &message, &result);
    outcome.end = result.end;
    outcome.gas_left = result.gas_left;
    if (!evm_end_is_engine(result.end)) {
        evm_state_end(state, revision >= EVM_SPURIOUS);
        evm_state_each_account(state, on_account, &outcome);
        ASSERT(evm_state_commit(state, store, &root) == STATUS_OK);
        outcome.after = root;
    }
    evm_free(evm);
    evm_state_free(state);
    node_store_free(store);
    return outcome;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct evm_tracer_ops ops = {.on_step = on_step};
    struct evm_tracer tracer = {&ops};
    uint8_t seed[32] = {5};
    if (size < 4 || size > 4096)
        return 0;
    enum evm_revision revision = (enum evm_revision)(data[0] % EVM_REVISION_COUNT);
    size_t split = be_read(data + 2, 2) % (size - 3);
    struct span code1 = SPAN(data + 4, split), code2 = SPAN(data + 4 + split, size - 4 - split);
    static struct crypto *crypto; /* slow to make; lives as long as the process */
    if (crypto == NULL)
        crypto = crypto_new(seed);
    struct outcome plain = run(revision, data[1], code1, code2, crypto, NULL);
    struct outcome traced = run(revision, data[1], code1, code2, crypto, &tracer);
    ASSERT(plain.end == traced.end && plain.gas_left == traced.gas_left);
    ASSERT(plain.gas_left <= GAS);
    if (evm_end_is_engine(plain.end)) {
        ASSERT(plain.end == EVM_END_UNSUPPORTED);
        return 0;
    }
    struct u256 all = u256_from_u64(3 * WEI);
    ASSERT(hash32_equal(&plain.after, &traced.after));
    ASSERT(u256_compare(&plain.wei, &all) <= 0);
    if (plain.end != EVM_END_SUCCESS)
        ASSERT(hash32_equal(&plain.before, &plain.after));
    return 0;
}
