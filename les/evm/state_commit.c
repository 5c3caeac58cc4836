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

static enum status put_hashed(struct trie *trie, struct span preimage, struct span value)
{
    struct hash32 key;
    keccak256(&key, preimage);
    return value.size == 0 ? trie_delete(trie, SPAN(key.bytes, 32))
                           : trie_put(trie, SPAN(key.bytes, 32), value);
}

static enum status put_slot(struct trie *trie, const struct evm_slot *slot)
{
    uint8_t key[32];
    struct buf value = {0};
    u256_to_be32(key, &slot->key);
    if (!u256_is_zero(&slot->value))
        rlp_add_u256(&value, &slot->value);
    enum status status = put_hashed(trie, SPAN(key, 32), buf_span(&value));
    buf_free(&value);
    return status;
}

static enum status commit_storage(struct evm_account *account, struct node_store *store,
                                  struct hash32 *root)
{
    bool wiped = account->generation != account->stored_generation;
    *root = wiped ? EMPTY_TRIE_ROOT : account->stored.storage_root;
    struct trie *trie = NULL;
    enum status status = STATUS_OK;
    for (struct evm_slot *slot = account->slots; slot != NULL && status == STATUS_OK;
         slot = slot->next) {
        if (!slot->loaded || slot->generation != account->generation ||
            u256_equal(&slot->value, &slot->stored))
            continue;
        if (trie == NULL)
            trie = trie_new(store, root);
        status = put_slot(trie, slot);
        slot->stored = slot->value;
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

static enum status commit_account(struct evm_account *account, struct trie *accounts,
                                  struct node_store *store)
{
    struct account now = {account->nonce, account->balance, EMPTY_TRIE_ROOT, account->code_hash};
    enum status status = STATUS_OK;
    if (account->exists)
        status = commit_storage(account, store, &now.storage_root);
    if (status != STATUS_OK)
        return status;
    if (account->exists && account->code != NULL && account->code->size > 0)
        node_store_put(store, &account->code_hash, SPAN(account->code->bytes, account->code->size));
    struct buf value = {0};
    if (account->exists)
        account_encode(&value, &now);
    if (account->exists != account->stored_exists || !account_same(&now, &account->stored))
        status = put_hashed(accounts, SPAN(account->address.bytes, 20), buf_span(&value));
    buf_free(&value);
    account->stored = now;
    account->stored_exists = account->exists;
    account->stored_generation = account->generation;
    account->dirty = false;
    return status;
}

enum status evm_state_commit(struct evm_state *state, struct node_store *store, struct hash32 *root)
{
    struct trie *accounts = trie_new(store, root);
    enum status status = STATUS_OK;
    for (size_t i = 0; i < state->dirty_count && status == STATUS_OK; i++)
        if (state->dirty[i]->loaded)
            status = commit_account(state->dirty[i], accounts, store);
    if (status == STATUS_OK) {
        state->dirty_count = 0;
        trie_commit(accounts, root);
    }
    trie_free(accounts);
    return status;
}
