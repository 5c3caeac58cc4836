#include "les/evm/code.h"

enum { JUMPDEST = 0x5b, PUSH1 = 0x60, PUSH32 = 0x7f };

static void mark_targets(uint8_t *targets, struct span code)
{
    for (size_t i = 0; i < code.size; i++) {
        uint8_t op = code.data[i];
        if (op == JUMPDEST)
            targets[i / 8] |= (uint8_t)(1u << (i % 8));
        else if (op >= PUSH1 && op <= PUSH32)
            i += op - PUSH1 + 1u;
    }
}

struct evm_code *evm_code_new(struct span bytes, const struct hash32 *hash)
{
    struct evm_code *code =
        mem_alloc(sizeof *code + bytes.size + EVM_CODE_PADDING + bytes.size / 8 + 1);
    uint8_t *copy = (uint8_t *)(code + 1), *targets = copy + bytes.size + EVM_CODE_PADDING;
    code->references = 1;
    if (hash != NULL)
        code->hash = *hash;
    code->size = bytes.size;
    if (bytes.size > 0)
        memcpy(copy, bytes.data, bytes.size);
    mark_targets(targets, bytes);
    code->bytes = copy;
    code->targets = targets;
    return code;
}

struct evm_code *evm_code_hold(struct evm_code *code)
{
    code->references++;
    return code;
}

void evm_code_release(struct evm_code *code)
{
    if (code == NULL)
        return;
    ASSERT(code->references > 0);
    if (--code->references == 0)
        mem_free(code);
}

bool evm_code_delegate(struct span code, struct address20 *target)
{
    if (code.size != EVM_DELEGATION_SIZE || memcmp(code.data, "\xef\x01\x00", 3) != 0)
        return false;
    memcpy(target->bytes, code.data + 3, 20);
    return true;
}

/* ---- the cache: open addressing by hash, rebuilt when it is full ---- */

struct evm_code_cache {
    struct evm_code **table;
    size_t capacity, count; /* capacity is a power of two, at least twice count */
    size_t bytes, bytes_max;
};

static size_t slot_of(const struct evm_code_cache *cache, const struct hash32 *hash)
{
    size_t at = (size_t)be_read(hash->bytes, 8) & (cache->capacity - 1);
    while (cache->table[at] != NULL && !hash32_equal(&cache->table[at]->hash, hash))
        at = (at + 1) & (cache->capacity - 1);
    return at;
}

static void rebuild(struct evm_code_cache *cache, size_t capacity, bool drop)
{
    struct evm_code **old = cache->table;
    size_t old_capacity = cache->capacity;
    cache->table = mem_alloc(capacity * sizeof(void *));
    cache->capacity = capacity;
    for (size_t i = 0; i < old_capacity; i++) {
        if (old[i] == NULL)
            continue;
        if (drop && old[i]->references == 1) {
            cache->bytes -= old[i]->size;
            cache->count--;
            evm_code_release(old[i]);
        } else {
            cache->table[slot_of(cache, &old[i]->hash)] = old[i];
        }
    }
    mem_free(old);
}

struct evm_code_cache *evm_code_cache_new(size_t bytes_max)
{
    struct evm_code_cache *cache = mem_alloc(sizeof *cache);
    cache->bytes_max = bytes_max;
    rebuild(cache, 64, false);
    return cache;
}

void evm_code_cache_free(struct evm_code_cache *cache)
{
    if (cache == NULL)
        return;
    for (size_t i = 0; i < cache->capacity; i++)
        evm_code_release(cache->table[i]);
    mem_free(cache->table);
    mem_free(cache);
}

struct evm_code *evm_code_cache_get(struct evm_code_cache *cache, const struct hash32 *hash)
{
    struct evm_code *code = cache->table[slot_of(cache, hash)];
    return code == NULL ? NULL : evm_code_hold(code);
}

void evm_code_cache_put(struct evm_code_cache *cache, struct evm_code *code)
{
    if (code->size > cache->bytes_max || cache->table[slot_of(cache, &code->hash)] != NULL)
        return;
    if (cache->bytes + code->size > cache->bytes_max)
        rebuild(cache, cache->capacity, true);
    if (cache->bytes + code->size > cache->bytes_max)
        return;
    if (2 * (cache->count + 1) > cache->capacity)
        rebuild(cache, cache->capacity * 2, false);
    cache->table[slot_of(cache, &code->hash)] = evm_code_hold(code);
    cache->count++;
    cache->bytes += code->size;
}
