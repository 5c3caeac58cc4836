/* Proved values for one execution, guesses for the next. */
#include "les/evm/witness.h"

#include "les/base/limits.h"
#include "les/eth/u256.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>

TestSuite(witness, .fini = fixture_leak_gate);

static struct address20 address_of(unsigned n)
{
    struct address20 address = {{0}};
    address.bytes[0] = (uint8_t)(n >> 8);
    address.bytes[19] = (uint8_t)n;
    return address;
}

static struct hash32 hash_of(unsigned n)
{
    struct hash32 hash = {{0}};
    hash.bytes[0] = 0x77;
    hash.bytes[30] = (uint8_t)(n >> 8);
    hash.bytes[31] = (uint8_t)n;
    return hash;
}

static enum evm_lookup ask_account(struct witness *witness, unsigned n, struct account *out)
{
    struct evm_backend *backend = witness_backend(witness);
    struct address20 address = address_of(n);
    return backend->ops->account(backend, &address, out);
}

static enum evm_lookup ask_slot(struct witness *witness, unsigned n, unsigned slot,
                                struct u256 *out)
{
    struct evm_backend *backend = witness_backend(witness);
    struct address20 address = address_of(n);
    struct hash32 key = hash_of(slot);
    *out = u256_from_u64(0);
    return backend->ops->storage(backend, &address, &EMPTY_TRIE_ROOT, &key, out);
}

Test(witness, answers_what_was_proved_and_nothing_else_when_strict)
{
    struct witness *witness = witness_new(NULL, &EMPTY_TRIE_ROOT, false);
    struct account account = ACCOUNT_EMPTY, out;
    struct address20 one = address_of(1), two = address_of(2);
    struct hash32 slot = hash_of(5), hash;
    struct u256 value = u256_from_u64(99);
    struct span code;
    account.nonce = 7;
    witness_put_account(witness, &one, &account, true);
    witness_put_account(witness, &two, &ACCOUNT_EMPTY, false);
    witness_put_slot(witness, &one, &slot, &value);
    witness_put_code(witness, &slot, SPAN_STR("code"));
    witness_put_block_hash(witness, 9, &slot, true);
    witness_begin(witness, false);
    cr_assert_eq(ask_account(witness, 1, &out), EVM_LOOKUP_FOUND);
    cr_assert_eq(out.nonce, 7);
    cr_assert_eq(ask_account(witness, 2, &out), EVM_LOOKUP_ABSENT);
    cr_assert_eq(ask_slot(witness, 1, 5, &value), EVM_LOOKUP_FOUND);
    cr_assert_eq(value.words[0], 99);
    cr_assert_eq(witness_block_hash(witness, 9, &hash), EVM_LOOKUP_FOUND);
    cr_assert(hash32_equal(&hash, &slot));
    struct evm_backend *backend = witness_backend(witness);
    cr_assert_eq(backend->ops->code(backend, &one, &slot, &code), EVM_LOOKUP_FOUND);
    cr_assert_eq(code.size, 4);
    cr_assert_not(witness_guessed(witness));
    cr_assert_eq(ask_account(witness, 3, &out), EVM_LOOKUP_MISSING);
    cr_assert_eq(ask_slot(witness, 1, 6, &value), EVM_LOOKUP_MISSING);
    cr_assert_eq(witness_block_hash(witness, 8, &hash), EVM_LOOKUP_MISSING);
    cr_assert(witness_guessed(witness));
    witness_free(witness);
}

Test(witness, guesses_and_lists_each_want_once)
{
    struct witness *witness = witness_new(NULL, &EMPTY_TRIE_ROOT, false);
    struct account out;
    struct u256 value;
    size_t count;
    for (int round = 0; round < 2; round++) {
        witness_begin(witness, true);
        (void)witness_wants(witness, &count);
        cr_assert_eq(count, 0);
        for (int again = 0; again < 3; again++) {
            cr_assert_eq(ask_account(witness, 1, &out), EVM_LOOKUP_FOUND);
            cr_assert_not(u256_is_zero(&out.balance));
            cr_assert_not(hash32_equal(&out.code_hash, &EMPTY_CODE_HASH));
            cr_assert_not(hash32_equal(&out.storage_root, &EMPTY_TRIE_ROOT));
            cr_assert_eq(ask_slot(witness, 1, 3, &value), EVM_LOOKUP_ABSENT);
            cr_assert_eq(ask_slot(witness, 1, 4, &value), EVM_LOOKUP_ABSENT);
        }
        const struct witness_want *wants = witness_wants(witness, &count);
        cr_assert_eq(count, 3);
        cr_assert_eq(wants[0].kind, WITNESS_ACCOUNT);
        cr_assert_eq(wants[2].kind, WITNESS_SLOT);
        cr_assert_eq(wants[2].key.bytes[31], 4);
    }
    witness_free(witness);
}

Test(witness, a_proved_value_is_next_times_guess)
{
    struct recall *recall = recall_new(100, 1);
    struct witness *old = witness_new(recall, &EMPTY_TRIE_ROOT, false);
    struct hash32 other_root = hash_of(1000);
    struct witness *now = witness_new(recall, &other_root, false);
    struct address20 one = address_of(1);
    struct hash32 slot = hash_of(5);
    struct u256 value = u256_from_u64(99), out;
    struct account account = ACCOUNT_EMPTY;
    account.nonce = 3;
    witness_put_account(old, &one, &account, true);
    witness_put_slot(old, &one, &slot, &value);
    witness_begin(now, true);
    cr_assert_eq(ask_account(now, 1, &account), EVM_LOOKUP_FOUND);
    cr_assert_eq(account.nonce, 3);
    cr_assert_eq(ask_slot(now, 1, 5, &out), EVM_LOOKUP_FOUND);
    cr_assert_eq(out.words[0], 99);
    cr_assert(witness_guessed(now), "a remembered value is a guess all the same");
    witness_begin(now, false);
    cr_assert_eq(ask_slot(now, 1, 5, &out), EVM_LOOKUP_MISSING, "and no answer for a strict run");
    witness_free(old);
    witness_free(now);
    recall_free(recall);
}

Test(witness, a_value_proved_under_the_same_root_is_proved)
{
    struct recall *recall = recall_new(100, 1);
    struct witness *old = witness_new(recall, &EMPTY_TRIE_ROOT, false);
    struct witness *now = witness_new(recall, &EMPTY_TRIE_ROOT, false);
    struct witness *with_nodes = witness_new(recall, &EMPTY_TRIE_ROOT, true);
    struct address20 one = address_of(1), two = address_of(2);
    struct hash32 slot = hash_of(5);
    struct u256 value = u256_from_u64(99), out;
    struct account account = ACCOUNT_EMPTY;
    account.nonce = 3;
    witness_put_account(old, &one, &account, true);
    witness_put_account(old, &two, &ACCOUNT_EMPTY, false);
    witness_put_slot(old, &one, &slot, &value);
    witness_begin(now, true);
    cr_assert_eq(ask_account(now, 1, &account), EVM_LOOKUP_FOUND);
    cr_assert_eq(ask_account(now, 2, &account), EVM_LOOKUP_ABSENT);
    cr_assert_eq(ask_slot(now, 1, 5, &out), EVM_LOOKUP_FOUND);
    cr_assert_eq(out.words[0], 99);
    cr_assert_not(witness_guessed(now));
    witness_begin(with_nodes, true);
    cr_assert_eq(ask_slot(with_nodes, 1, 5, &out), EVM_LOOKUP_FOUND);
    cr_assert(witness_guessed(with_nodes), "its nodes are not there");
    witness_free(old);
    witness_free(now);
    witness_free(with_nodes);
    recall_free(recall);
}

Test(witness, wants_are_bounded)
{
    struct witness *witness = witness_new(NULL, &EMPTY_TRIE_ROOT, false);
    struct u256 value;
    size_t count;
    witness_begin(witness, true);
    for (unsigned i = 0; i < WITNESS_WANTS_MAX; i++)
        cr_assert_eq(ask_slot(witness, 1, i, &value), EVM_LOOKUP_ABSENT);
    cr_assert_eq(ask_slot(witness, 2, 0, &value), EVM_LOOKUP_MISSING, "the run must end here");
    cr_assert_eq(ask_slot(witness, 1, 7, &value), EVM_LOOKUP_ABSENT, "known to be wanted");
    (void)witness_wants(witness, &count);
    cr_assert_eq(count, WITNESS_WANTS_MAX);
    witness_free(witness);
}

Test(witness, code_is_wanted_by_its_hash_only)
{
    struct witness *witness = witness_new(NULL, &EMPTY_TRIE_ROOT, false);
    struct evm_backend *backend = witness_backend(witness);
    struct address20 one = address_of(1);
    struct hash32 hash = hash_of(1);
    struct span code;
    size_t count;
    witness_begin(witness, true);
    cr_assert_eq(backend->ops->code(backend, &one, &HASH32_ZERO, &code), EVM_LOOKUP_ABSENT);
    (void)witness_wants(witness, &count);
    cr_assert_eq(count, 0, "code of a made-up account has no name");
    cr_assert_eq(backend->ops->code(backend, &one, &hash, &code), EVM_LOOKUP_ABSENT);
    cr_assert_eq(code.size, 0);
    (void)witness_wants(witness, &count);
    cr_assert_eq(count, 1);
    witness_free(witness);
}

/* A guess about code must not be taken for the code when the true one has come. */
Test(witness, guessed_code_is_not_cached)
{
    struct witness *witness = witness_new(NULL, &EMPTY_TRIE_ROOT, false);
    struct evm_code_cache *cache = evm_code_cache_new(1 << 20);
    struct address20 one = address_of(1);
    struct account account = ACCOUNT_EMPTY;
    struct evm_account *loaded;
    struct evm_code *code;
    account.code_hash = hash_of(1);
    witness_put_account(witness, &one, &account, true);
    for (int round = 0; round < 2; round++) {
        struct evm_state *state = evm_state_new(witness_backend(witness), cache);
        witness_begin(witness, true);
        evm_state_begin(state);
        cr_assert(evm_state_account(state, &one, &loaded));
        cr_assert(evm_state_code(state, loaded, &code));
        cr_assert_eq(code->size, round == 0 ? 0 : 4);
        evm_state_free(state);
        witness_put_code(witness, &account.code_hash, SPAN_STR("code"));
    }
    evm_code_cache_free(cache);
    witness_free(witness);
}

Test(witness, the_oldest_is_forgotten)
{
    struct recall *recall = recall_new(3, 42);
    struct account account = ACCOUNT_EMPTY;
    struct address20 addresses[5];
    struct hash32 slot = hash_of(1);
    struct u256 value = u256_from_u64(5), out;
    bool exists;
    for (unsigned i = 0; i < 5; i++)
        addresses[i] = address_of(i + 1);
    for (unsigned i = 0; i < 3; i++)
        recall_put_account(recall, &EMPTY_TRIE_ROOT, &addresses[i], &account, true);
    cr_assert(recall_account(recall, &EMPTY_TRIE_ROOT, &addresses[0], &account, &exists),
              "seen again just now");
    recall_put_slot(recall, &EMPTY_TRIE_ROOT, &addresses[3], &slot, &value);
    recall_put_account(recall, &EMPTY_TRIE_ROOT, &addresses[4], &account, false);
    cr_assert_eq(recall_count(recall), 3);
    cr_assert(recall_account(recall, &EMPTY_TRIE_ROOT, &addresses[0], &account, &exists));
    cr_assert_not(recall_account(recall, &EMPTY_TRIE_ROOT, &addresses[1], &account, &exists));
    cr_assert_not(recall_account(recall, &EMPTY_TRIE_ROOT, &addresses[2], &account, &exists));
    cr_assert(recall_slot(recall, &EMPTY_TRIE_ROOT, &addresses[3], &slot, &out));
    cr_assert_eq(out.words[0], 5);
    cr_assert(recall_account(recall, &EMPTY_TRIE_ROOT, &addresses[4], &account, &exists));
    cr_assert_not(exists);
    recall_free(recall);
}
