#include "les/evm/witness.h"

#include "les/base/limits.h"
#include "les/base/table.h"
#include "les/eth/keccak.h"
#include "les/eth/u256.h"

#include <stdatomic.h>

struct entry {
    uint8_t key32[32];
    struct entry *next;
    bool exists;
    union {
        struct account account;
        struct u256 value;
        struct hash32 hash;
        struct span code; /* owned */
    };
    enum witness_kind kind;
};

struct witness {
    struct evm_backend backend;
    struct recall *recall;
    struct hash32 state_root;
    struct table entries;
    struct entry *all;
    size_t bytes;
    struct node_store *nodes;
    /* of the run */
    bool guessing;
    atomic_bool guessed; /* may be looked at while the run goes on */
    struct witness_want *wants;
    uint8_t (*want_keys)[32];
    size_t wants_count;
    struct table wanted;
};

static const struct evm_backend_ops OPS;

struct witness *witness_new(struct recall *recall, const struct hash32 *state_root, bool keep_nodes)
{
    struct witness *witness = mem_alloc(sizeof *witness);
    uint64_t seed = (uint64_t)(uintptr_t)witness ^ be_read(state_root->bytes, 8);
    witness->backend.ops = &OPS;
    witness->recall = recall;
    witness->state_root = *state_root;
    table_init(&witness->entries, seed);
    table_init(&witness->wanted, seed);
    witness->wants = mem_alloc(WITNESS_WANTS_MAX * sizeof *witness->wants);
    witness->want_keys = mem_alloc(WITNESS_WANTS_MAX * sizeof *witness->want_keys);
    if (keep_nodes)
        witness->nodes = node_store_new();
    return witness;
}

void witness_free(struct witness *witness)
{
    if (witness == NULL)
        return;
    while (witness->all != NULL) {
        struct entry *entry = witness->all;
        witness->all = entry->next;
        if (entry->kind == WITNESS_CODE)
            mem_free((void *)entry->code.data);
        mem_free(entry);
    }
    table_free(&witness->entries);
    table_free(&witness->wanted);
    mem_free(witness->wants);
    mem_free(witness->want_keys);
    node_store_free(witness->nodes);
    mem_free(witness);
}

/* ---- keys ---- */

static void make_key(uint8_t out[32], enum witness_kind kind, const struct address20 *address,
                     const struct hash32 *key, uint64_t number)
{
    uint8_t text[1 + 20 + 32 + 8] = {(uint8_t)kind};
    struct hash32 hash;
    memset(out, 0, 32);
    out[31] = (uint8_t)kind;
    switch (kind) {
    case WITNESS_ACCOUNT:
        memcpy(out, address->bytes, 20);
        return;
    case WITNESS_CODE: /* a hash already */
        memcpy(out, key->bytes, 31);
        return;
    case WITNESS_BLOCK_HASH:
        memcpy(out, &number, 8);
        return;
    case WITNESS_SLOT:
    case WITNESS_NODE:
        memcpy(text + 1, address->bytes, 20);
        memcpy(text + 21, key->bytes, 32);
        memcpy(text + 53, &number, 8);
        keccak256(&hash, SPAN(text, sizeof text));
        memcpy(out, hash.bytes, 31);
        return;
    }
}

static const struct address20 NO_ADDRESS;

static struct entry *find(const struct witness *witness, enum witness_kind kind,
                          const struct address20 *address, const struct hash32 *key,
                          uint64_t number)
{
    uint8_t key32[32];
    make_key(key32, kind, address, key, number);
    return table_get(&witness->entries, key32);
}

/* NULL: it is there already. */
static struct entry *add(struct witness *witness, enum witness_kind kind,
                         const struct address20 *address, const struct hash32 *key, uint64_t number)
{
    if (find(witness, kind, address, key, number) != NULL)
        return NULL;
    struct entry *entry = mem_alloc(sizeof *entry);
    make_key(entry->key32, kind, address, key, number);
    entry->kind = kind;
    entry->exists = true;
    entry->next = witness->all;
    witness->all = entry;
    witness->bytes += sizeof *entry;
    (void)table_put(&witness->entries, entry->key32, entry);
    return entry;
}

/* ---- what was proved ---- */

void witness_put_account(struct witness *witness, const struct address20 *address,
                         const struct account *account, bool exists)
{
    struct entry *entry = add(witness, WITNESS_ACCOUNT, address, &HASH32_ZERO, 0);
    if (entry == NULL)
        return;
    entry->account = *account;
    entry->exists = exists;
    if (witness->recall != NULL)
        recall_put_account(witness->recall, &witness->state_root, address, account, exists);
}

void witness_put_slot(struct witness *witness, const struct address20 *address,
                      const struct hash32 *slot, const struct u256 *value)
{
    struct entry *entry = add(witness, WITNESS_SLOT, address, slot, 0);
    if (entry == NULL)
        return;
    entry->value = *value;
    if (witness->recall != NULL)
        recall_put_slot(witness->recall, &witness->state_root, address, slot, value);
}

void witness_put_code(struct witness *witness, const struct hash32 *hash, struct span code)
{
    struct entry *entry = add(witness, WITNESS_CODE, &NO_ADDRESS, hash, 0);
    if (entry == NULL)
        return;
    entry->code = SPAN(mem_copy(code), code.size);
    witness->bytes += code.size;
}

void witness_put_block_hash(struct witness *witness, uint64_t number, const struct hash32 *hash,
                            bool exists)
{
    struct entry *entry = add(witness, WITNESS_BLOCK_HASH, &NO_ADDRESS, &HASH32_ZERO, number);
    if (entry == NULL)
        return;
    entry->hash = *hash;
    entry->exists = exists;
}

bool witness_has_account(const struct witness *witness, const struct address20 *address,
                         struct account *out, bool *exists)
{
    const struct entry *entry = find(witness, WITNESS_ACCOUNT, address, &HASH32_ZERO, 0);
    if (entry == NULL)
        return false;
    *out = entry->account;
    *exists = entry->exists;
    return true;
}

bool witness_has_slot(const struct witness *witness, const struct address20 *address,
                      const struct hash32 *slot)
{
    return find(witness, WITNESS_SLOT, address, slot, 0) != NULL;
}

bool witness_has_code(const struct witness *witness, const struct hash32 *hash)
{
    return find(witness, WITNESS_CODE, &NO_ADDRESS, hash, 0) != NULL;
}

size_t witness_bytes(const struct witness *witness)
{
    return witness->bytes + (witness->nodes != NULL ? node_store_bytes(witness->nodes) : 0);
}

/* ---- a run ---- */

void witness_begin(struct witness *witness, bool guessing)
{
    for (size_t i = 0; i < witness->wants_count; i++)
        (void)table_remove(&witness->wanted, witness->want_keys[i]);
    witness->wants_count = 0;
    witness->guessing = guessing;
    atomic_store(&witness->guessed, false);
}

struct evm_backend *witness_backend(struct witness *witness)
{
    return &witness->backend;
}

struct node_store *witness_nodes(struct witness *witness)
{
    return witness->nodes;
}

bool witness_guessed(const struct witness *witness)
{
    return atomic_load(&witness->guessed);
}

const struct witness_want *witness_wants(const struct witness *witness, size_t *count)
{
    *count = witness->wants_count;
    return witness->wants;
}

/* True: the run may go on with a guess. */
static bool want(struct witness *witness, const struct witness_want *wanted)
{
    uint8_t key32[32];
    uint64_t number = wanted->kind == WITNESS_NODE ? wanted->in_storage : wanted->number;
    atomic_store(&witness->guessed, true);
    make_key(key32, wanted->kind, &wanted->address, &wanted->key, number);
    if (table_get(&witness->wanted, key32) != NULL)
        return witness->guessing;
    if (witness->wants_count == WITNESS_WANTS_MAX)
        return false;
    uint8_t *place = witness->want_keys[witness->wants_count];
    memcpy(place, key32, 32);
    witness->wants[witness->wants_count] = *wanted;
    (void)table_put(&witness->wanted, place, &witness->wants[witness->wants_count]);
    witness->wants_count++;
    return witness->guessing;
}

/* Rich enough for a transfer to go on, and with a code and a storage to ask for. */
static void neutral_account(struct account *out)
{
    *out = (struct account){.nonce = 1};
    out->balance.words[2] = 1;
}

/* What another execution proved under this very state root needs no proof again, unless its nodes
 * are wanted too. */
static enum recall_what recalled_account(const struct witness *witness,
                                         const struct address20 *address, struct account *out,
                                         bool *exists)
{
    if (witness->recall == NULL)
        return RECALL_NOTHING;
    enum recall_what what =
        recall_account(witness->recall, &witness->state_root, address, out, exists);
    return what == RECALL_PROVED && witness->nodes != NULL ? RECALL_GUESS : what;
}

static enum recall_what recalled_slot(const struct witness *witness,
                                      const struct address20 *address, const struct hash32 *key,
                                      struct u256 *out)
{
    if (witness->recall == NULL)
        return RECALL_NOTHING;
    enum recall_what what = recall_slot(witness->recall, &witness->state_root, address, key, out);
    return what == RECALL_PROVED && witness->nodes != NULL ? RECALL_GUESS : what;
}

static enum evm_lookup on_account(struct evm_backend *backend, const struct address20 *address,
                                  struct account *out)
{
    struct witness *witness = container_of(backend, struct witness, backend);
    bool exists = true;
    if (witness_has_account(witness, address, out, &exists))
        return exists ? EVM_LOOKUP_FOUND : EVM_LOOKUP_ABSENT;
    enum recall_what what = recalled_account(witness, address, out, &exists);
    if (what != RECALL_PROVED &&
        !want(witness, &(struct witness_want){.kind = WITNESS_ACCOUNT, .address = *address}))
        return EVM_LOOKUP_MISSING;
    if (what == RECALL_NOTHING)
        neutral_account(out);
    return exists ? EVM_LOOKUP_FOUND : EVM_LOOKUP_ABSENT;
}

static enum evm_lookup on_storage(struct evm_backend *backend, const struct address20 *address,
                                  const struct hash32 *root, const struct hash32 *key,
                                  struct u256 *out)
{
    struct witness *witness = container_of(backend, struct witness, backend);
    (void)root;
    const struct entry *entry = find(witness, WITNESS_SLOT, address, key, 0);
    if (entry != NULL) {
        *out = entry->value;
        return EVM_LOOKUP_FOUND;
    }
    enum recall_what what = recalled_slot(witness, address, key, out);
    if (what != RECALL_PROVED &&
        !want(witness,
              &(struct witness_want){.kind = WITNESS_SLOT, .address = *address, .key = *key}))
        return EVM_LOOKUP_MISSING;
    return what == RECALL_NOTHING ? EVM_LOOKUP_ABSENT : EVM_LOOKUP_FOUND;
}

static enum evm_lookup on_code(struct evm_backend *backend, const struct address20 *address,
                               const struct hash32 *hash, struct span *out)
{
    struct witness *witness = container_of(backend, struct witness, backend);
    const struct entry *entry = find(witness, WITNESS_CODE, &NO_ADDRESS, hash, 0);
    if (entry != NULL) {
        *out = entry->code;
        return EVM_LOOKUP_FOUND;
    }
    /* Code cannot be guessed: the run goes on as if there were none. That of an account that is
     * itself a guess has no name to ask for. */
    *out = SPAN_EMPTY;
    if (hash32_is_zero(hash))
        return EVM_LOOKUP_ABSENT;
    bool go_on = want(
        witness, &(struct witness_want){.kind = WITNESS_CODE, .address = *address, .key = *hash});
    return go_on ? EVM_LOOKUP_ABSENT : EVM_LOOKUP_MISSING;
}

static const struct evm_backend_ops OPS = {
    .account = on_account, .storage = on_storage, .code = on_code};

enum evm_lookup witness_block_hash(void *owner, uint64_t number, struct hash32 *out)
{
    struct witness *witness = owner;
    const struct entry *entry =
        find(witness, WITNESS_BLOCK_HASH, &NO_ADDRESS, &HASH32_ZERO, number);
    *out = HASH32_ZERO;
    if (entry != NULL && entry->exists)
        *out = entry->hash;
    if (entry != NULL)
        return entry->exists ? EVM_LOOKUP_FOUND : EVM_LOOKUP_ABSENT;
    return want(witness, &(struct witness_want){.kind = WITNESS_BLOCK_HASH, .number = number})
               ? EVM_LOOKUP_FOUND
               : EVM_LOOKUP_MISSING;
}

void witness_want_node(struct witness *witness, const struct address20 *storage_of,
                       const struct hash32 *key_through)
{
    (void)want(witness,
               &(struct witness_want){.kind = WITNESS_NODE,
                                      .in_storage = storage_of != NULL,
                                      .address = storage_of != NULL ? *storage_of : NO_ADDRESS,
                                      .key = *key_through});
}
