#include "les/evm/recall.h"

#include "les/base/table.h"
#include "les/eth/keccak.h"

#include <pthread.h>

struct entry {
    uint8_t key32[32];
    struct entry *newer, *older;
    struct hash32 state_root;
    bool exists; /* an account's */
    union {
        struct account account;
        struct u256 value;
    };
};

struct recall {
    pthread_mutex_t lock;
    struct table entries;
    struct entry *newest, *oldest;
    size_t entries_max;
};

struct recall *recall_new(size_t entries_max, uint64_t seed)
{
    struct recall *recall = mem_alloc(sizeof *recall);
    ASSERT(entries_max > 0);
    ASSERT(pthread_mutex_init(&recall->lock, NULL) == 0);
    table_init(&recall->entries, seed);
    recall->entries_max = entries_max;
    return recall;
}

void recall_free(struct recall *recall)
{
    if (recall == NULL)
        return;
    while (recall->newest != NULL) {
        struct entry *entry = recall->newest;
        recall->newest = entry->older;
        mem_free(entry);
    }
    table_free(&recall->entries);
    pthread_mutex_destroy(&recall->lock);
    mem_free(recall);
}

/* An address cannot look like a hash of more than 20 bytes followed by zeros. */
static void account_key(uint8_t out[32], const struct address20 *address)
{
    memcpy(out, address->bytes, 20);
    memset(out + 20, 0, 12);
}

static void slot_key(uint8_t out[32], const struct address20 *address, const struct hash32 *slot)
{
    struct keccak keccak;
    struct hash32 hash;
    keccak_init(&keccak);
    keccak_update(&keccak, SPAN(address->bytes, 20));
    keccak_update(&keccak, SPAN(slot->bytes, 32));
    keccak_digest(&keccak, &hash);
    memcpy(out, hash.bytes, 32);
}

static void unlink_entry(struct recall *recall, struct entry *entry)
{
    *(entry->newer != NULL ? &entry->newer->older : &recall->newest) = entry->older;
    *(entry->older != NULL ? &entry->older->newer : &recall->oldest) = entry->newer;
}

static void link_newest(struct recall *recall, struct entry *entry)
{
    entry->newer = NULL;
    entry->older = recall->newest;
    *(recall->newest != NULL ? &recall->newest->newer : &recall->oldest) = entry;
    recall->newest = entry;
}

/* NULL, or the entry, which is now the newest. */
static struct entry *find(struct recall *recall, const uint8_t key32[32])
{
    struct entry *entry = table_get(&recall->entries, key32);
    if (entry == NULL)
        return NULL;
    unlink_entry(recall, entry);
    link_newest(recall, entry);
    return entry;
}

static struct entry *find_or_add(struct recall *recall, const uint8_t key32[32])
{
    struct entry *entry = find(recall, key32);
    if (entry != NULL)
        return entry;
    if (recall->entries.count >= recall->entries_max) {
        entry = recall->oldest;
        unlink_entry(recall, entry);
        table_remove(&recall->entries, entry->key32);
    } else {
        entry = mem_alloc(sizeof *entry);
    }
    memcpy(entry->key32, key32, 32);
    link_newest(recall, entry);
    (void)table_put(&recall->entries, entry->key32, entry);
    return entry;
}

static void lock(struct recall *recall)
{
    ASSERT(pthread_mutex_lock(&recall->lock) == 0);
}

static void unlock(struct recall *recall)
{
    ASSERT(pthread_mutex_unlock(&recall->lock) == 0);
}

void recall_put_account(struct recall *recall, const struct hash32 *state_root,
                        const struct address20 *address, const struct account *account, bool exists)
{
    uint8_t key32[32];
    account_key(key32, address);
    lock(recall);
    struct entry *entry = find_or_add(recall, key32);
    entry->state_root = *state_root;
    entry->account = *account;
    entry->exists = exists;
    unlock(recall);
}

void recall_put_slot(struct recall *recall, const struct hash32 *state_root,
                     const struct address20 *address, const struct hash32 *slot,
                     const struct u256 *value)
{
    uint8_t key32[32];
    slot_key(key32, address, slot);
    lock(recall);
    struct entry *entry = find_or_add(recall, key32);
    entry->state_root = *state_root;
    entry->value = *value;
    unlock(recall);
}

static enum recall_what what_of(const struct entry *entry, const struct hash32 *state_root)
{
    if (entry == NULL)
        return RECALL_NOTHING;
    return hash32_equal(&entry->state_root, state_root) ? RECALL_PROVED : RECALL_GUESS;
}

enum recall_what recall_account(struct recall *recall, const struct hash32 *state_root,
                                const struct address20 *address, struct account *out, bool *exists)
{
    uint8_t key32[32];
    account_key(key32, address);
    lock(recall);
    const struct entry *entry = find(recall, key32);
    enum recall_what what = what_of(entry, state_root);
    if (entry != NULL) {
        *out = entry->account;
        *exists = entry->exists;
    }
    unlock(recall);
    return what;
}

enum recall_what recall_slot(struct recall *recall, const struct hash32 *state_root,
                             const struct address20 *address, const struct hash32 *slot,
                             struct u256 *out)
{
    uint8_t key32[32];
    slot_key(key32, address, slot);
    lock(recall);
    const struct entry *entry = find(recall, key32);
    enum recall_what what = what_of(entry, state_root);
    if (entry != NULL)
        *out = entry->value;
    unlock(recall);
    return what;
}

size_t recall_count(struct recall *recall)
{
    lock(recall);
    size_t count = recall->entries.count;
    unlock(recall);
    return count;
}
