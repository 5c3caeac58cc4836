#include "les/evm/state.h"

#include "les/eth/keccak.h"
#include "les/evm/state_internal.h"

/* ---- tables ---- */

/* Both halves of a product: each bit of the result depends on all of a and b. */
static inline uint64_t fold(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

#define MIX_1 0x9e3779b97f4a7c15u
#define MIX_2 0xc2b2ae3d27d4eb4fu
#define MIX_3 0x51ed270b9f652295u

static inline uint64_t hash_address(const struct evm_state *state, const struct address20 *address)
{
    uint64_t a, b;
    uint32_t c;
    memcpy(&a, address->bytes, 8);
    memcpy(&b, address->bytes + 8, 8);
    memcpy(&c, address->bytes + 16, 4);
    return fold(fold(a ^ state->seed, b ^ MIX_1) ^ c ^ state->seed, MIX_2);
}

static inline uint64_t hash_slot(const struct evm_state *state, const struct evm_account *account,
                                 const struct u256 *key)
{
    uint64_t seed = state->seed;
    return fold(fold(key->words[0] ^ seed, key->words[1] ^ MIX_1) ^
                    fold(key->words[2] ^ seed ^ MIX_3, key->words[3] ^ MIX_2) ^
                    (uint64_t)(uintptr_t)account,
                MIX_2);
}

/* Where the item with this hash is or would be. Items move only when the table grows. */
static inline struct account_place *find_account(const struct evm_state *state, uint64_t hash,
                                                 const struct address20 *address)
{
    size_t mask = state->accounts_capacity - 1, at = (size_t)hash & mask;
    for (;; at = (at + 1) & mask) {
        struct account_place *place = &state->accounts[at];
        if (place->account == NULL ||
            (place->hash == hash && address20_equal(&place->account->address, address)))
            return place;
    }
}

static inline struct slot_place *find_slot(const struct evm_state *state, uint64_t hash,
                                           const struct evm_account *account,
                                           const struct u256 *key)
{
    size_t mask = state->slots_capacity - 1, at = (size_t)hash & mask;
    for (;; at = (at + 1) & mask) {
        struct slot_place *place = &state->slots[at];
        if (place->slot == NULL || (place->hash == hash && place->slot->account == account &&
                                    u256_equal(&place->slot->key, key)))
            return place;
    }
}

static void grow_accounts(struct evm_state *state)
{
    struct account_place *old = state->accounts;
    size_t old_capacity = state->accounts_capacity, mask = 2 * old_capacity - 1;
    state->accounts_capacity *= 2;
    state->accounts = mem_alloc(state->accounts_capacity * sizeof *old);
    for (size_t i = 0; i < old_capacity; i++) {
        size_t at = (size_t)old[i].hash & mask;
        if (old[i].account == NULL)
            continue;
        while (state->accounts[at].account != NULL)
            at = (at + 1) & mask;
        state->accounts[at] = old[i];
    }
    mem_free(old);
}

static void grow_slots(struct evm_state *state)
{
    struct slot_place *old = state->slots;
    size_t old_capacity = state->slots_capacity, mask = 2 * old_capacity - 1;
    state->slots_capacity *= 2;
    state->slots = mem_alloc(state->slots_capacity * sizeof *old);
    for (size_t i = 0; i < old_capacity; i++) {
        size_t at = (size_t)old[i].hash & mask;
        if (old[i].slot == NULL)
            continue;
        while (state->slots[at].slot != NULL)
            at = (at + 1) & mask;
        state->slots[at] = old[i];
    }
    mem_free(old);
}

/* Entries come from blocks so that their addresses never change and a run allocates seldom. */
struct block {
    struct block *next;
    size_t used;
};
enum { BLOCK_BYTES = 16384 };

static void *block_take(struct evm_state *state, size_t size)
{
    struct block *block = state->blocks;
    if (block == NULL || block->used + size > BLOCK_BYTES) {
        block = mem_alloc(BLOCK_BYTES);
        block->next = state->blocks;
        block->used = (sizeof *block + 15) & ~(size_t)15;
        state->blocks = block;
    }
    void *out = (uint8_t *)block + block->used;
    block->used += (size + 15) & ~(size_t)15;
    return out;
}

/* ---- lifetime ---- */

struct evm_state *evm_state_new(struct evm_backend *backend, struct evm_code_cache *cache)
{
    struct evm_state *state = mem_alloc(sizeof *state);
    state->backend = backend;
    state->cache = cache;
    /* Keys come from strangers: the place of a key in the table should not be theirs to choose. */
    state->seed = fold(MIX_3, (uint64_t)(uintptr_t)state) | 1;
    state->accounts_capacity = 64;
    state->slots_capacity = 256;
    state->accounts = mem_alloc(state->accounts_capacity * sizeof state->accounts[0]);
    state->slots = mem_alloc(state->slots_capacity * sizeof state->slots[0]);
    state->tx = 1;
    return state;
}

void evm_state_free(struct evm_state *state)
{
    if (state == NULL)
        return;
    for (size_t i = 0; i < state->accounts_capacity; i++)
        if (state->accounts[i].account != NULL)
            evm_code_release(state->accounts[i].account->code);
    evm_state_begin(state); /* drops the code that the journal holds */
    while (state->blocks != NULL) {
        struct block *block = state->blocks;
        state->blocks = block->next;
        mem_free(block);
    }
    mem_free(state->accounts);
    mem_free(state->slots);
    mem_free(state->journal);
    mem_free(state->befores);
    mem_free(state->logs);
    buf_free(&state->log_data);
    mem_free(state->touched);
    mem_free(state->dirty);
    mem_free(state);
}

const struct evm_missing *evm_state_missing(const struct evm_state *state)
{
    return &state->missing;
}

static bool miss(struct evm_state *state, enum evm_missing_kind kind,
                 const struct address20 *address, const struct hash32 *key, uint64_t number)
{
    if (state->missing.kind == EVM_MISSING_NOTHING)
        state->missing = (struct evm_missing){kind, *address, *key, number};
    return false;
}

void evm_state_miss_block_hash(struct evm_state *state, uint64_t number)
{
    static const struct address20 nobody = {{0}};
    (void)miss(state, EVM_MISSING_BLOCK_HASH, &nobody, &HASH32_ZERO, number);
}

void evm_state_begin(struct evm_state *state)
{
    for (size_t i = 0; i < state->befores_count; i++)
        evm_code_release(state->befores[i].code);
    state->befores_count = 0;
    state->tx++;
    state->journal_count = 0;
    state->logs_count = 0;
    buf_clear(&state->log_data);
    state->refund = 0;
    state->touched_count = 0;
}

static void list_add(struct evm_account ***list, size_t *count, size_t *capacity,
                     struct evm_account *account)
{
    if (*count == *capacity) {
        *capacity = *capacity == 0 ? 32 : *capacity * 2;
        *list = mem_realloc(*list, *capacity * sizeof(void *));
    }
    (*list)[(*count)++] = account;
}

static void mark_dirty(struct evm_state *state, struct evm_account *account)
{
    if (account->dirty)
        return;
    account->dirty = true;
    list_add(&state->dirty, &state->dirty_count, &state->dirty_capacity, account);
}

void evm_state_wipe(struct evm_state *state, struct evm_account *account)
{
    account->generation++;
    mark_dirty(state, account);
}

static void remove_account(struct evm_state *state, struct evm_account *account)
{
    evm_state_wipe(state, account);
    evm_code_release(account->code);
    account->code = NULL;
    account->exists = false;
    account->destroyed = false;
    account->nonce = 0;
    account->balance = u256_from_u64(0);
    account->code_hash = EMPTY_CODE_HASH;
    account->created_tx = 0;
}

void evm_state_end(struct evm_state *state, bool delete_empty)
{
    for (size_t i = 0; i < state->touched_count; i++) {
        struct evm_account *account = state->touched[i];
        if (account->touched_tx != state->tx || !account->exists)
            continue;
        if (account->destroyed || (delete_empty && evm_account_is_empty(account)))
            remove_account(state, account);
    }
    state->touched_count = 0;
}

/* ---- accounts ---- */

struct evm_account *evm_state_entry(struct evm_state *state, const struct address20 *address)
{
    uint64_t hash = hash_address(state, address);
    struct account_place *place = find_account(state, hash, address);
    if (place->account != NULL)
        return place->account;
    if (2 * (state->accounts_count + 1) > state->accounts_capacity) {
        grow_accounts(state);
        place = find_account(state, hash, address);
    }
    struct evm_account *account = block_take(state, sizeof *account);
    account->address = *address;
    account->code_hash = EMPTY_CODE_HASH;
    *place = (struct account_place){hash, account};
    state->accounts_count++;
    return account;
}

bool evm_state_load(struct evm_state *state, struct evm_account *account)
{
    if (account->loaded)
        return true;
    struct evm_backend *backend = state->backend;
    struct account found = ACCOUNT_EMPTY;
    enum evm_lookup lookup = backend->ops->account(backend, &account->address, &found);
    if (lookup == EVM_LOOKUP_MISSING)
        return miss(state, EVM_MISSING_ACCOUNT, &account->address, &HASH32_ZERO, 0);
    account->exists = account->stored_exists = lookup == EVM_LOOKUP_FOUND;
    account->stored = account->exists ? found : ACCOUNT_EMPTY;
    account->backend_root = account->stored.storage_root;
    account->nonce = account->stored.nonce;
    account->balance = account->stored.balance;
    account->code_hash = account->stored.code_hash;
    account->loaded = true;
    return true;
}

bool evm_state_account(struct evm_state *state, const struct address20 *address,
                       struct evm_account **out)
{
    *out = evm_state_entry(state, address);
    return evm_state_load(state, *out);
}

bool evm_state_code(struct evm_state *state, struct evm_account *account, struct evm_code **out)
{
    *out = account->code;
    if (account->code != NULL)
        return true;
    if (state->cache != NULL)
        account->code = evm_code_cache_get(state->cache, &account->code_hash);
    if (account->code == NULL) {
        struct span bytes = SPAN_EMPTY;
        struct evm_backend *backend = state->backend;
        enum evm_lookup lookup = EVM_LOOKUP_FOUND;
        if (!hash32_equal(&account->code_hash, &EMPTY_CODE_HASH))
            lookup = backend->ops->code(backend, &account->address, &account->code_hash, &bytes);
        if (lookup == EVM_LOOKUP_MISSING)
            return miss(state, EVM_MISSING_CODE, &account->address, &account->code_hash, 0);
        account->code = evm_code_new(bytes, &account->code_hash);
        if (state->cache != NULL && lookup == EVM_LOOKUP_FOUND)
            evm_code_cache_put(state->cache, account->code);
    }
    *out = account->code;
    return true;
}

bool evm_account_is_empty(const struct evm_account *account)
{
    return !account->exists || (account->nonce == 0 && u256_is_zero(&account->balance) &&
                                hash32_equal(&account->code_hash, &EMPTY_CODE_HASH));
}

bool evm_account_is_taken(const struct evm_account *account)
{
    if (!account->exists)
        return false;
    return account->nonce != 0 || !hash32_equal(&account->code_hash, &EMPTY_CODE_HASH) ||
           (account->generation == account->stored_generation &&
            !hash32_equal(&account->stored.storage_root, &EMPTY_TRIE_ROOT));
}

static struct journal *journal_add(struct evm_state *state)
{
    if (state->journal_count == state->journal_capacity) {
        state->journal_capacity = state->journal_capacity == 0 ? 64 : state->journal_capacity * 2;
        state->journal =
            mem_realloc(state->journal, state->journal_capacity * sizeof state->journal[0]);
    }
    return &state->journal[state->journal_count++];
}

static struct account_before *before_add(struct evm_state *state)
{
    if (state->befores_count == state->befores_capacity) {
        state->befores_capacity = state->befores_capacity == 0 ? 16 : state->befores_capacity * 2;
        state->befores =
            mem_realloc(state->befores, state->befores_capacity * sizeof state->befores[0]);
    }
    return &state->befores[state->befores_count++];
}

/* To be called before any change of an account; it exists and is touched afterwards. */
static void before_change(struct evm_state *state, struct evm_account *account)
{
    ASSERT(account->loaded);
    struct journal *entry = journal_add(state);
    entry->kind = JOURNAL_ACCOUNT;
    entry->account = account;
    *before_add(state) = (struct account_before){
        account->exists,    account->destroyed, account->nonce,      account->balance,
        account->code_hash, account->code,      account->created_tx, account->touched_tx};
    if (account->code != NULL)
        evm_code_hold(account->code);
    account->exists = true;
    if (account->touched_tx != state->tx) {
        account->touched_tx = state->tx;
        list_add(&state->touched, &state->touched_count, &state->touched_capacity, account);
    }
    mark_dirty(state, account);
}

void evm_state_touch(struct evm_state *state, struct evm_account *account)
{
    if (!account->exists || account->touched_tx != state->tx)
        before_change(state, account);
}

void evm_state_set_balance(struct evm_state *state, struct evm_account *account,
                           const struct u256 *balance)
{
    before_change(state, account);
    account->balance = *balance;
}

void evm_state_add_balance(struct evm_state *state, struct evm_account *account,
                           const struct u256 *amount)
{
    before_change(state, account);
    (void)u256_add(&account->balance, &account->balance, amount);
}

void evm_state_sub_balance(struct evm_state *state, struct evm_account *account,
                           const struct u256 *amount)
{
    before_change(state, account);
    ASSERT(!u256_sub(&account->balance, &account->balance, amount));
}

void evm_state_set_nonce(struct evm_state *state, struct evm_account *account, uint64_t nonce)
{
    before_change(state, account);
    account->nonce = nonce;
}

void evm_state_set_code(struct evm_state *state, struct evm_account *account, struct span code)
{
    before_change(state, account);
    keccak256(&account->code_hash, code);
    evm_code_release(account->code);
    account->code = evm_code_new(code, &account->code_hash);
}

void evm_state_create(struct evm_state *state, struct evm_account *account, uint64_t nonce)
{
    before_change(state, account);
    account->nonce = nonce;
    account->created_tx = state->tx;
}

void evm_state_destroy(struct evm_state *state, struct evm_account *account)
{
    before_change(state, account);
    account->destroyed = true;
}

bool evm_state_created_now(const struct evm_state *state, const struct evm_account *account)
{
    return account->created_tx == state->tx;
}

/* ---- storage ---- */

struct evm_slot *evm_state_slot(struct evm_state *state, struct evm_account *account,
                                const struct u256 *key)
{
    uint64_t hash = hash_slot(state, account, key);
    struct slot_place *place = find_slot(state, hash, account, key);
    if (place->slot != NULL)
        return place->slot;
    if (2 * (state->slots_count + 1) > state->slots_capacity) {
        grow_slots(state);
        place = find_slot(state, hash, account, key);
    }
    struct evm_slot *slot = block_take(state, sizeof *slot);
    slot->key = *key;
    slot->account = account;
    slot->next = account->slots;
    account->slots = slot;
    *place = (struct slot_place){hash, slot};
    state->slots_count++;
    return slot;
}

static bool fetch_slot(struct evm_state *state, struct evm_slot *slot)
{
    struct evm_account *account = slot->account;
    ASSERT(account->loaded);
    slot->value = u256_from_u64(0);
    /* The backend knows the first generation; of a later one, all that is not loaded is zero. */
    if (account->generation == 0 && !hash32_equal(&account->backend_root, &EMPTY_TRIE_ROOT)) {
        struct hash32 key;
        u256_to_be32(key.bytes, &slot->key);
        struct evm_backend *backend = state->backend;
        enum evm_lookup lookup = backend->ops->storage(backend, &account->address,
                                                       &account->backend_root, &key, &slot->value);
        if (lookup == EVM_LOOKUP_MISSING)
            return miss(state, EVM_MISSING_STORAGE, &account->address, &key, 0);
        if (lookup == EVM_LOOKUP_ABSENT)
            slot->value = u256_from_u64(0);
    }
    slot->stored = slot->value;
    slot->generation = account->generation;
    slot->loaded = true;
    return true;
}

bool evm_state_load_slot(struct evm_state *state, struct evm_slot *slot)
{
    if (slot->tx == state->tx)
        return true;
    if (!slot->loaded) {
        if (!fetch_slot(state, slot))
            return false;
    } else if (slot->generation != slot->account->generation) {
        slot->value = slot->stored = u256_from_u64(0);
        slot->generation = slot->account->generation;
    }
    slot->original = slot->value;
    slot->tx = state->tx;
    return true;
}

void evm_state_store(struct evm_state *state, struct evm_slot *slot, const struct u256 *value)
{
    ASSERT(slot->tx == state->tx);
    struct journal *entry = journal_add(state);
    entry->kind = JOURNAL_SLOT;
    entry->slot = slot;
    entry->value = slot->value;
    slot->value = *value;
    mark_dirty(state, slot->account);
}

void evm_state_transient_load(const struct evm_state *state, const struct evm_slot *slot,
                              struct u256 *out)
{
    *out = slot->transient_tx == state->tx ? slot->transient : u256_from_u64(0);
}

void evm_state_transient_store(struct evm_state *state, struct evm_slot *slot,
                               const struct u256 *value)
{
    struct journal *entry = journal_add(state);
    entry->kind = JOURNAL_TRANSIENT;
    entry->slot = slot;
    evm_state_transient_load(state, slot, &entry->value);
    slot->transient = *value;
    slot->transient_tx = state->tx;
}

/* ---- warm sets, refunds, logs ---- */

bool evm_state_warm_account(struct evm_state *state, struct evm_account *account)
{
    if (account->warm_tx == state->tx)
        return false;
    struct journal *entry = journal_add(state);
    entry->kind = JOURNAL_WARM_ACCOUNT;
    entry->account = account;
    account->warm_tx = state->tx;
    return true;
}

bool evm_state_warm_slot(struct evm_state *state, struct evm_slot *slot)
{
    if (slot->warm_tx == state->tx)
        return false;
    struct journal *entry = journal_add(state);
    entry->kind = JOURNAL_WARM_SLOT;
    entry->slot = slot;
    slot->warm_tx = state->tx;
    return true;
}

bool evm_state_is_warm_account(const struct evm_state *state, const struct evm_account *account)
{
    return account->warm_tx == state->tx;
}

bool evm_state_is_warm_slot(const struct evm_state *state, const struct evm_slot *slot)
{
    return slot->warm_tx == state->tx;
}

void evm_state_refund(struct evm_state *state, int64_t gas)
{
    state->refund += gas;
}

int64_t evm_state_refunded(const struct evm_state *state)
{
    return state->refund;
}

void evm_state_log(struct evm_state *state, const struct address20 *address,
                   const struct hash32 *topics, unsigned topics_count, struct span data)
{
    ASSERT(topics_count <= 4);
    if (state->logs_count == state->logs_capacity) {
        state->logs_capacity = state->logs_capacity == 0 ? 16 : state->logs_capacity * 2;
        state->logs = mem_realloc(state->logs, state->logs_capacity * sizeof state->logs[0]);
    }
    struct evm_log *log = &state->logs[state->logs_count++];
    log->address = *address;
    log->topics_count = topics_count;
    memcpy(log->topics, topics, topics_count * sizeof topics[0]);
    log->data_offset = state->log_data.size;
    log->data_size = data.size;
    buf_add_span(&state->log_data, data);
}

const struct evm_log *evm_state_logs(const struct evm_state *state, size_t *count)
{
    *count = state->logs_count;
    return state->logs;
}

struct span evm_state_log_data(const struct evm_state *state, const struct evm_log *log)
{
    return log->data_size == 0 ? SPAN_EMPTY
                               : SPAN(state->log_data.data + log->data_offset, log->data_size);
}

void evm_state_each_account(struct evm_state *state,
                            void (*visit)(void *owner, const struct evm_account *account),
                            void *owner)
{
    for (size_t i = 0; i < state->accounts_capacity; i++)
        if (state->accounts[i].account != NULL)
            visit(owner, state->accounts[i].account);
}

/* ---- the journal ---- */

struct evm_snapshot evm_state_snapshot(const struct evm_state *state)
{
    return (struct evm_snapshot){state->journal_count, state->logs_count, state->log_data.size,
                                 state->refund};
}

/* EIP-161's history: the touch of the RIPEMD-160 contract outlives a revert (block 2675119 of the
 * main net). */
static bool is_ripemd(const struct address20 *address)
{
    static const struct address20 ripemd = {{[19] = 3}};
    return address20_equal(address, &ripemd);
}

static void undo_account(struct evm_account *account, const struct account_before *before)
{
    evm_code_release(account->code);
    account->exists = before->exists;
    account->destroyed = before->destroyed;
    account->nonce = before->nonce;
    account->balance = before->balance;
    account->code_hash = before->code_hash;
    account->code = before->code;
    account->created_tx = before->created_tx;
    if (!is_ripemd(&account->address))
        account->touched_tx = before->touched_tx;
}

void evm_state_revert(struct evm_state *state, struct evm_snapshot snapshot)
{
    while (state->journal_count > snapshot.journal) {
        struct journal *entry = &state->journal[--state->journal_count];
        switch (entry->kind) {
        case JOURNAL_ACCOUNT:
            undo_account(entry->account, &state->befores[--state->befores_count]);
            break;
        case JOURNAL_SLOT:
            entry->slot->value = entry->value;
            break;
        case JOURNAL_TRANSIENT:
            entry->slot->transient = entry->value;
            break;
        case JOURNAL_WARM_ACCOUNT:
            entry->account->warm_tx = 0;
            break;
        case JOURNAL_WARM_SLOT:
            entry->slot->warm_tx = 0;
            break;
        }
    }
    state->logs_count = snapshot.logs;
    state->log_data.size = snapshot.log_bytes;
    state->refund = snapshot.refund;
}
