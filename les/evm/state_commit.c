#include "les/eth/keccak.h"
#include "les/eth/rlp.h"
#include "les/evm/state_internal.h"

/* ---- reading: a backend over tries in a node_store ---- */

static enum evm_lookup walk(struct node_store *store, const struct hash32 *root,
                            struct span preimage, struct trie_walk *out)
{
    struct hash32 key;
    keccak256(&key, preimage);
    switch (trie_walk(out, node_store_source(store), root, SPAN(key.bytes, 32))) {
    case TRIE_FOUND:
        return EVM_LOOKUP_FOUND;
    case TRIE_ABSENT:
        return EVM_LOOKUP_ABSENT;
    case TRIE_MISSING:
    case TRIE_INVALID:
        break;
    }
    return EVM_LOOKUP_MISSING;
}

static enum evm_lookup on_account(struct evm_backend *backend, const struct address20 *address,
                                  struct account *out)
{
    struct evm_store_backend *self = container_of(backend, struct evm_store_backend, backend);
    struct trie_walk found;
    enum evm_lookup lookup = walk(self->store, &self->root, SPAN(address->bytes, 20), &found);
    if (lookup == EVM_LOOKUP_FOUND && !account_decode(out, found.value))
        return EVM_LOOKUP_MISSING;
    return lookup;
}

static enum evm_lookup on_storage(struct evm_backend *backend, const struct address20 *address,
                                  const struct hash32 *root, const struct hash32 *key,
                                  struct u256 *out)
{
    (void)address;
    struct evm_store_backend *self = container_of(backend, struct evm_store_backend, backend);
    struct trie_walk found;
    enum evm_lookup lookup = walk(self->store, root, SPAN(key->bytes, 32), &found);
    if (lookup == EVM_LOOKUP_FOUND) {
        struct rlp rlp = rlp_reader(found.value);
        rlp_u256(&rlp, out);
        if (!rlp_end(&rlp))
            return EVM_LOOKUP_MISSING;
    }
    return lookup;
}

static enum evm_lookup on_code(struct evm_backend *backend, const struct address20 *address,
                               const struct hash32 *hash, struct span *out)
{
    (void)address;
    struct evm_store_backend *self = container_of(backend, struct evm_store_backend, backend);
    return node_store_get(self->store, hash, out) ? EVM_LOOKUP_FOUND : EVM_LOOKUP_MISSING;
}

void evm_store_backend_init(struct evm_store_backend *backend, struct node_store *store,
                            const struct hash32 *root)
{
    static const struct evm_backend_ops ops = {on_account, on_storage, on_code};
    backend->backend.ops = &ops;
    backend->store = store;
    backend->root = *root;
}

/* ---- writing ---- */

struct commit {
    struct node_store *store;
    struct trie *accounts;
    void (*on_gap)(void *owner, const struct evm_gap *gap); /* NULL: the first gap ends it */
    void *owner;
    bool gaps;
};

/* The longer the key is right, the more of what is needed below comes with one proof. */
static void report(struct commit *commit, const struct trie *trie,
                   const struct address20 *storage_of, const struct hash32 *edited)
{
    const struct trie_gap *missing = trie_missing(trie);
    struct evm_gap gap = {.in_storage = storage_of != NULL};
    if (storage_of != NULL)
        gap.address = *storage_of;
    memcpy(gap.key.bytes, missing->path, 32);
    unsigned whole = missing->nibbles / 2;
    bool odd = missing->nibbles & 1;
    if (memcmp(edited->bytes, missing->path, whole) == 0 &&
        (!odd || (edited->bytes[whole] & 0xf0) == missing->path[whole]))
        gap.key = *edited;
    commit->on_gap(commit->owner, &gap);
}

/* An empty value deletes. */
static enum status put_hashed(struct commit *commit, struct trie *trie,
                              const struct address20 *storage_of, struct span preimage,
                              struct span value)
{
    struct hash32 key;
    keccak256(&key, preimage);
    enum status status = trie_put(trie, SPAN(key.bytes, 32), value);
    if (status != STATUS_NOT_FOUND || commit->on_gap == NULL)
        return status;
    report(commit, trie, storage_of, &key);
    commit->gaps = true;
    return STATUS_OK;
}

static enum status put_slot(struct commit *commit, struct trie *trie, const struct evm_slot *slot)
{
    uint8_t key[32];
    struct buf value = {0};
    u256_to_be32(key, &slot->key);
    if (!u256_is_zero(&slot->value))
        rlp_add_u256(&value, &slot->value);
    enum status status =
        put_hashed(commit, trie, &slot->account->address, SPAN(key, 32), buf_span(&value));
    buf_free(&value);
    return status;
}

static bool is_changed(const struct evm_slot *slot)
{
    return slot->loaded && slot->generation == slot->account->generation &&
           !u256_equal(&slot->value, &slot->stored);
}

static enum status commit_storage(struct commit *commit, struct evm_account *account,
                                  struct hash32 *root)
{
    bool wiped = account->generation != account->stored_generation;
    *root = wiped ? EMPTY_TRIE_ROOT : account->stored.storage_root;
    struct trie *trie = NULL;
    enum status status = STATUS_OK;
    for (unsigned deleting = 0; deleting < 2; deleting++) {
        for (struct evm_slot *slot = account->slots; slot != NULL && status == STATUS_OK;
             slot = slot->next) {
            if (!is_changed(slot) || u256_is_zero(&slot->value) != (deleting == 1))
                continue;
            if (trie == NULL)
                trie = trie_new(commit->store, root);
            status = put_slot(commit, trie, slot);
            slot->stored = slot->value;
        }
    }
    if (trie != NULL && status == STATUS_OK)
        trie_commit(trie, root);
    trie_free(trie);
    return status;
}

static bool account_same(const struct account *a, const struct account *b)
{
    return a->nonce == b->nonce && u256_equal(&a->balance, &b->balance) &&
           hash32_equal(&a->storage_root, &b->storage_root) &&
           hash32_equal(&a->code_hash, &b->code_hash);
}

static enum status commit_account(struct commit *commit, struct evm_account *account)
{
    struct account now = {account->nonce, account->balance, EMPTY_TRIE_ROOT, account->code_hash};
    enum status status = STATUS_OK;
    if (account->exists)
        status = commit_storage(commit, account, &now.storage_root);
    if (status != STATUS_OK)
        return status;
    if (account->exists && account->code != NULL && account->code->size > 0)
        node_store_put(commit->store, &account->code_hash,
                       SPAN(account->code->bytes, account->code->size));
    struct buf value = {0};
    if (account->exists)
        account_encode(&value, &now);
    if (account->exists != account->stored_exists || !account_same(&now, &account->stored))
        status = put_hashed(commit, commit->accounts, NULL, SPAN(account->address.bytes, 20),
                            buf_span(&value));
    buf_free(&value);
    account->stored = now;
    account->stored_exists = account->exists;
    account->stored_generation = account->generation;
    account->dirty = false;
    return status;
}

enum status evm_state_commit_partial(struct evm_state *state, struct node_store *store,
                                     struct hash32 *root,
                                     void (*on_gap)(void *owner, const struct evm_gap *gap),
                                     void *owner)
{
    struct commit commit = {.store = store, .on_gap = on_gap, .owner = owner};
    enum status status = STATUS_OK;
    commit.accounts = trie_new(store, root);
    for (unsigned deleting = 0; deleting < 2; deleting++) {
        for (size_t i = 0; i < state->dirty_count && status == STATUS_OK; i++) {
            struct evm_account *account = state->dirty[i];
            if (account->loaded && account->exists == (deleting == 0))
                status = commit_account(&commit, account);
        }
    }
    if (status == STATUS_OK) {
        state->dirty_count = 0;
        trie_commit(commit.accounts, root);
    }
    trie_free(commit.accounts);
    return status == STATUS_OK && commit.gaps ? STATUS_NOT_FOUND : status;
}

enum status evm_state_commit(struct evm_state *state, struct node_store *store, struct hash32 *root)
{
    return evm_state_commit_partial(state, store, root, NULL, NULL);
}
