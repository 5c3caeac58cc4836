/* State roots over the nodes of proofs only, as a light client computes them: random worlds, random
 * changes, against the same changes over the whole store. */
#include "les/eth/keccak.h"
#include "les/eth/rlp.h"
#include "les/eth/u256.h"
#include "les/evm/state.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>

#define ACCOUNTS 60
#define SLOTS    24
#define TURNS    60
#define BLOCKS   3

TestSuite(state_commit_prop, .fini = fixture_leak_gate);

static struct address20 address_of(uint64_t index)
{
    struct address20 address = {{0xac}};
    be_write(address.bytes + 12, 8, index);
    return address;
}

/* Whatever is read of the whole world leaves its proof in part. */
struct prover {
    struct evm_store_backend whole;
    struct evm_backend backend;
    struct node_store *part;
};

static void prove(struct prover *prover, const struct hash32 *root, const struct hash32 *key)
{
    struct buf proof = {0};
    cr_assert_eq(trie_prove(prover->whole.store, root, SPAN(key->bytes, 32), 0, NULL, NULL, &proof),
                 STATUS_OK);
    struct rlp items = rlp_reader(buf_span(&proof));
    while (rlp_more(&items)) {
        struct span node = rlp_raw(&items);
        struct hash32 hash;
        keccak256(&hash, node);
        node_store_put(prover->part, &hash, node);
    }
    buf_free(&proof);
}

static enum evm_lookup on_account(struct evm_backend *backend, const struct address20 *address,
                                  struct account *out)
{
    struct prover *prover = container_of(backend, struct prover, backend);
    struct hash32 key;
    keccak256(&key, SPAN(address->bytes, 20));
    prove(prover, &prover->whole.root, &key);
    return prover->whole.backend.ops->account(&prover->whole.backend, address, out);
}

static enum evm_lookup on_storage(struct evm_backend *backend, const struct address20 *address,
                                  const struct hash32 *root, const struct hash32 *slot,
                                  struct u256 *out)
{
    struct prover *prover = container_of(backend, struct prover, backend);
    struct hash32 key;
    keccak256(&key, SPAN(slot->bytes, 32));
    prove(prover, root, &key);
    return prover->whole.backend.ops->storage(&prover->whole.backend, address, root, slot, out);
}

static enum evm_lookup on_code(struct evm_backend *backend, const struct address20 *address,
                               const struct hash32 *hash, struct span *out)
{
    struct prover *prover = container_of(backend, struct prover, backend);
    return prover->whole.backend.ops->code(&prover->whole.backend, address, hash, out);
}

static void on_gap(void *owner, const struct evm_gap *gap)
{
    struct prover *prover = owner;
    struct hash32 root = prover->whole.root;
    if (gap->in_storage) {
        struct account account;
        cr_assert_eq(
            prover->whole.backend.ops->account(&prover->whole.backend, &gap->address, &account),
            EVM_LOOKUP_FOUND);
        root = account.storage_root;
    }
    prove(prover, &root, &gap->key);
}

static void set_slot(struct evm_state *state, struct evm_account *account, uint64_t key,
                     uint64_t value)
{
    struct u256 key256 = u256_from_u64(key), value256 = u256_from_u64(value);
    struct evm_slot *slot = evm_state_slot(state, account, &key256);
    cr_assert(evm_state_load_slot(state, slot));
    evm_state_store(state, slot, &value256);
}

/* Few values that are not zero, so that tries shrink as often as they grow. */
static void change_account(struct evm_state *state, uint64_t *seed, uint64_t index)
{
    struct address20 address = address_of(index);
    struct evm_account *account;
    struct u256 balance = u256_from_u64(fixture_random_below(seed, 2));
    cr_assert(evm_state_account(state, &address, &account));
    switch (fixture_random_below(seed, 6)) {
    case 0:
        if (account->exists)
            evm_state_destroy(state, account);
        break;
    case 1:
        evm_state_set_balance(state, account, &balance);
        break;
    case 2:
        evm_state_set_code(state, account, SPAN_STR("some code"));
        break;
    case 3:
        if (account->exists)
            evm_state_wipe(state, account);
        break;
    default:
        evm_state_set_nonce(state, account, 1);
        for (uint64_t i = 0; i < SLOTS / 2; i++)
            set_slot(state, account, fixture_random_below(seed, SLOTS),
                     fixture_random_below(seed, 3) / 2);
    }
}

static enum status change_much(struct evm_state *state, uint64_t seed, struct node_store *store,
                               struct hash32 roots[BLOCKS], struct prover *prover)
{
    enum status worst = STATUS_OK;
    struct hash32 root = roots[0];
    for (unsigned block = 0; block < BLOCKS; block++) {
        for (unsigned i = 0; i < ACCOUNTS / 4; i++) {
            evm_state_begin(state);
            change_account(state, &seed, fixture_random_below(&seed, ACCOUNTS));
            evm_state_end(state, true);
        }
        enum status status = prover ? evm_state_commit_partial(state, store, &root, on_gap, prover)
                                    : evm_state_commit(state, store, &root);
        if (status != STATUS_OK)
            worst = status;
        roots[block] = root;
    }
    return worst;
}

static struct hash32 make_world(struct node_store *store, uint64_t *seed)
{
    struct evm_store_backend empty;
    struct hash32 root = EMPTY_TRIE_ROOT;
    evm_store_backend_init(&empty, store, &root);
    struct evm_state *state = evm_state_new(&empty.backend, NULL);
    evm_state_begin(state);
    for (uint64_t i = 0; i < ACCOUNTS; i++) {
        struct address20 address = address_of(i);
        struct evm_account *account;
        if (fixture_random_below(seed, 3) == 0)
            continue;
        cr_assert(evm_state_account(state, &address, &account));
        evm_state_set_nonce(state, account, 1);
        for (uint64_t slot = 0; slot < SLOTS && i % 2; slot++)
            if (fixture_random_below(seed, 3) != 0)
                set_slot(state, account, slot, 1 + slot);
    }
    evm_state_end(state, true);
    cr_assert_eq(evm_state_commit(state, store, &root), STATUS_OK);
    evm_state_free(state);
    return root;
}

Test(state_commit_prop, over_proofs_the_root_is_that_over_the_whole_store)
{
    uint64_t seed = fixture_seed();
    size_t runs = 0;
    for (unsigned turn = 0; turn < TURNS; turn++) {
        static const struct evm_backend_ops ops = {on_account, on_storage, on_code};
        struct node_store *whole = node_store_new();
        struct prover prover = {.backend = {&ops}, .part = node_store_new()};
        struct hash32 start = make_world(whole, &seed), got[BLOCKS] = {start},
                      expected[BLOCKS] = {start};
        uint64_t changes = fixture_random(&seed);
        evm_store_backend_init(&prover.whole, whole, &start);
        enum status status;
        unsigned tries = 0;
        do {
            struct evm_state *state = evm_state_new(&prover.backend, NULL);
            got[0] = start;
            status = change_much(state, changes, prover.part, got, &prover);
            evm_state_free(state);
            cr_assert(status == STATUS_OK || status == STATUS_NOT_FOUND);
            cr_assert_lt(++tries, 8);
        } while (status != STATUS_OK);
        runs += tries;
        struct evm_state *state = evm_state_new(&prover.whole.backend, NULL);
        cr_assert_eq(change_much(state, changes, whole, expected, NULL), STATUS_OK);
        evm_state_free(state);
        for (unsigned i = 0; i < BLOCKS; i++)
            cr_assert(hash32_equal(&got[i], &expected[i]), "block %u", i);
        node_store_free(prover.part);
        node_store_free(whole);
    }
    cr_assert_gt(runs, TURNS);
    cr_log_info("%u worlds, %zu runs", TURNS, runs);
}

/* The backend still has the slots that a wipe took away. */
Test(state_commit_prop, a_wiped_storage_stays_empty_after_a_commit)
{
    struct evm_store_backend backend;
    struct node_store *store = node_store_new();
    struct hash32 root = EMPTY_TRIE_ROOT, again;
    struct address20 address = address_of(1);
    struct evm_account *account;
    evm_store_backend_init(&backend, store, &root);
    struct evm_state *state = evm_state_new(&backend.backend, NULL);
    evm_state_begin(state);
    cr_assert(evm_state_account(state, &address, &account));
    evm_state_set_nonce(state, account, 1);
    for (uint64_t key = 0; key < 4; key++)
        set_slot(state, account, key, 7);
    evm_state_end(state, true);
    cr_assert_eq(evm_state_commit(state, store, &root), STATUS_OK);
    evm_state_free(state);

    evm_store_backend_init(&backend, store, &root);
    state = evm_state_new(&backend.backend, NULL);
    evm_state_begin(state);
    cr_assert(evm_state_account(state, &address, &account));
    evm_state_wipe(state, account);
    set_slot(state, account, 9, 9);
    evm_state_end(state, true);
    again = root;
    cr_assert_eq(evm_state_commit(state, store, &again), STATUS_OK);
    evm_state_begin(state);
    for (uint64_t key = 0; key < 4; key++) {
        struct u256 key256 = u256_from_u64(key);
        struct evm_slot *slot = evm_state_slot(state, account, &key256);
        cr_assert(evm_state_load_slot(state, slot));
        cr_assert(u256_is_zero(&slot->value), "slot %u", (unsigned)key);
    }
    /* Put back what was there: the world is as it was. */
    set_slot(state, account, 9, 0);
    for (uint64_t key = 0; key < 4; key++)
        set_slot(state, account, key, 7);
    evm_state_end(state, true);
    cr_assert_eq(evm_state_commit(state, store, &again), STATUS_OK);
    cr_assert(hash32_equal(&again, &root));
    evm_state_free(state);
    node_store_free(store);
}
