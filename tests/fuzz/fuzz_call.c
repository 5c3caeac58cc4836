/* Calls of random code: run once, estimated, listed. Input: fork, flags, the length of the code
 * (two bytes), code, data of the call. What holds for all: the same call ends in the same way; an
 * estimate is enough; what fails with all the gas has no estimate, and for the same reason; a list
 * is sorted; every failure has a text. */
#include "gateway/call/call_work.h"
#include "les/eth/tx.h"
#include "les/eth/u256.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { GAS_CAP = 1000000, WITH_PRICE = 1, WITH_SLOTS = 2, CREATES = 4, MOVES = 8 };

static const struct address20 caller = {{[19] = 0xee}}, target = {{[19] = 0xc0}},
                              other = {{[19] = 0xc1}}, identity = {{[19] = 4}};

/* Everybody has 10^15 wei and nonce 1; nobody has code or storage. */
static enum evm_lookup on_account(struct evm_backend *backend, const struct address20 *address,
                                  struct account *out)
{
    (void)backend;
    *out = ACCOUNT_EMPTY;
    if (address->bytes[0] != 0)
        return EVM_LOOKUP_ABSENT;
    out->nonce = 1;
    out->balance = u256_from_u64(1000000000000000u);
    return EVM_LOOKUP_FOUND;
}

static enum evm_lookup on_storage(struct evm_backend *backend, const struct address20 *address,
                                  const struct hash32 *root, const struct hash32 *key,
                                  struct u256 *out)
{
    (void)backend, (void)address, (void)root, (void)key, (void)out;
    return EVM_LOOKUP_ABSENT;
}

static enum evm_lookup on_code(struct evm_backend *backend, const struct address20 *address,
                               const struct hash32 *hash, struct span *out)
{
    (void)backend, (void)address, (void)hash, (void)out;
    return EVM_LOOKUP_MISSING;
}

static const struct evm_backend_ops backend_ops = {
    .account = on_account, .storage = on_storage, .code = on_code};
static struct evm_backend backend = {&backend_ops};

static bool starts_with(const struct buf *text, const char *start)
{
    return text->size >= strlen(start) && memcmp(text->data, start, strlen(start)) == 0;
}

static bool same_end(const struct call_outcome *a, const struct call_outcome *b)
{
    return a->error.code == b->error.code &&
           span_equal(buf_span(&a->error.text), buf_span(&b->error.text)) &&
           span_equal(buf_span(&a->output), buf_span(&b->output));
}

static void check_estimate(const struct exec_world *world, const struct call_order *order,
                           const struct call_outcome *once)
{
    struct call_outcome outcome = {0}, again = {0};
    struct call_order limited = *order;
    ASSERT(call_estimate(&outcome, world, order) == CALL_DONE);
    ASSERT((outcome.error.code == 0) == (once->error.code == 0));
    if (outcome.error.code == 0) {
        ASSERT(outcome.gas >= 21000 && outcome.gas <= GAS_CAP);
        limited.args.has_gas = true;
        limited.args.gas = outcome.gas;
        ASSERT(call_execute(&again, world, &limited) == CALL_DONE && again.error.code == 0);
    } else if (starts_with(&once->error.text, "out of gas")) {
        ASSERT(starts_with(&outcome.error.text, "gas required exceeds allowance (1000000)"));
    } else if (once->error.refusal == TX_REFUSAL_NONE) {
        ASSERT(same_end(once, &outcome));
    }
    call_outcome_free(&outcome);
    call_outcome_free(&again);
}

static void check_list(const struct exec_world *world, const struct call_order *order)
{
    struct call_outcome outcome = {0};
    struct address20 address, last_address;
    struct span keys;
    struct hash32 key, last_key;
    size_t count, seen = 0;
    ASSERT(call_access_list(&outcome, world, order) == CALL_DONE);
    struct span rest = buf_span(&outcome.access_list);
    for (; outcome.error.code == 0 && tx_access_next(&rest, &address, &keys, &count); seen++) {
        ASSERT(seen == 0 || memcmp(&last_address, &address, 20) < 0);
        last_address = address;
        for (size_t i = 0; i < count; i++) {
            ASSERT(tx_hash_next(&keys, &key));
            ASSERT(i == 0 || memcmp(&last_key, &key, 32) < 0);
            last_key = key;
        }
    }
    ASSERT(outcome.error.code != 0 || rest.size == 0);
    call_outcome_free(&outcome);
}

static void check(const struct exec_world *world, const struct call_order *order)
{
    struct call_outcome once = {0}, twice = {0};
    ASSERT(call_execute(&once, world, order) == CALL_DONE);
    ASSERT(call_execute(&twice, world, order) == CALL_DONE);
    ASSERT(same_end(&once, &twice));
    ASSERT(once.error.code == 0 || once.error.text.size > 0);
    check_estimate(world, order, &once);
    check_list(world, order);
    call_outcome_free(&once);
    call_outcome_free(&twice);
}

static void set_up_args(struct call_args *args, unsigned flags, struct span code, struct span input)
{
    *args = (struct call_args){.from = caller, .has_to = (flags & CREATES) == 0, .to = target};
    args->data = (flags & CREATES) != 0 ? code : input;
    args->has_gas_price = (flags & WITH_PRICE) != 0;
    args->gas_price = u256_from_u64(args->has_gas_price ? 20 : 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum fork forks[] = {FORK_FRONTIER, FORK_BYZANTIUM, FORK_BERLIN, FORK_LONDON,
                                      FORK_SHANGHAI, FORK_CANCUN,    FORK_PRAGUE, FORK_OSAKA};
    static const struct slot_override slots[] = {{{{0}}, {{[31] = 9}}},
                                                 {{{[31] = 1}}, {{[0] = 1}}}};
    static struct crypto *crypto; /* slow to make; lives as long as the process */
    uint8_t seed[32] = {5};
    if (size < 4 || size > 4096)
        return 0;
    if (crypto == NULL)
        crypto = crypto_new(seed);
    enum fork fork = forks[data[0] % ARRAY_COUNT(forks)];
    unsigned flags = data[1];
    size_t split = be_read(data + 2, 2) % (size - 3);
    struct span code = SPAN(data + 4, split), input = SPAN(data + 4 + split, size - 4 - split);
    struct chainspec spec = {.chain_id = 1};
    for (enum fork at = FORK_FRONTIER; at < FORK_COUNT; at++)
        spec.activation[at] = at <= fork ? 0 : FORK_NEVER;
    struct header header = {.number = 7,
                            .gas_limit = GAS_CAP,
                            .fields = fork >= FORK_CANCUN   ? 5
                                      : fork >= FORK_LONDON ? 1
                                                            : 0,
                            .base_fee = u256_from_u64(10)};
    if (fork < FORK_PARIS)
        header.difficulty = u256_from_u64(1);
    struct witness *witness = witness_new(NULL, &EMPTY_TRIE_ROOT, false);
    for (uint64_t number = 0; number < 7; number++)
        witness_put_block_hash(witness, number, &EMPTY_CODE_HASH, true);
    struct exec_world world = {.backend = &backend,
                               .witness = witness,
                               .spec = &spec,
                               .crypto = crypto,
                               .precompiles = evm_precompile_curves(),
                               .gas_cap = GAS_CAP};
    struct account_override accounts[] = {
        {.address = identity, .has_move_to = (flags & MOVES) != 0, .move_to = other},
        {.address = target,
         .has_code = true,
         .code = code,
         .has_state = (flags & WITH_SLOTS) != 0,
         .state = slots,
         .state_count = (flags & WITH_SLOTS) != 0 ? ARRAY_COUNT(slots) : 0}};
    struct call_order order = {.header = &header, .state = {accounts, ARRAY_COUNT(accounts)}};
    set_up_args(&order.args, flags, code, input);
    check(&world, &order);
    witness_free(witness);
    return 0;
}
