/* Helper tries: a CHT and a BloomTrie root for every complete and confirmed section. */
#include "les/node/ledger_internal.h"

static void put_headers(struct ledger *ledger, struct trie *cht, struct cht_bloom *bloom,
                        uint64_t first, uint64_t size)
{
    for (uint64_t i = 0; i < size; i++) {
        const struct ledger_block *block = ledger->canonical[first + i];
        struct cht_entry entry = {.hash = block->hash, .td = block->td};
        ASSERT(cht_put(cht, first + i, &entry) == STATUS_OK);
        cht_bloom_add(bloom, i, &block->header.bloom);
    }
}

static void build_one(struct ledger *ledger, uint64_t index)
{
    uint64_t size = ledger->config.section_size;
    const struct ledger_section *before = index > 0 ? &ledger->sections[index - 1] : NULL;
    struct trie *cht =
        trie_new(ledger->config.store, before != NULL ? &before->cht_root : &EMPTY_TRIE_ROOT);
    struct trie *blooms =
        trie_new(ledger->config.store, before != NULL ? &before->bloom_root : &EMPTY_TRIE_ROOT);
    struct cht_bloom *bloom = cht_bloom_new(size);
    put_headers(ledger, cht, bloom, index * size, size);
    ASSERT(cht_bloom_put(blooms, index, bloom) == STATUS_OK);
    struct ledger_section section = {.head = ledger->canonical[(index + 1) * size - 1]->hash};
    trie_commit(cht, &section.cht_root);
    trie_commit(blooms, &section.bloom_root);
    cht_bloom_free(bloom);
    trie_free(blooms);
    trie_free(cht);
    if (ledger->sections_count == ledger->sections_capacity) {
        ledger->sections_capacity = 2 * ledger->sections_capacity + 4;
        ledger->sections =
            mem_realloc(ledger->sections, ledger->sections_capacity * sizeof(ledger->sections[0]));
    }
    ledger->sections[ledger->sections_count++] = section;
}

/* A reorganisation may reach below a section that was built, however many confirmations it had. */
static void drop_stale(struct ledger *ledger)
{
    uint64_t size = ledger->config.section_size;
    while (ledger->sections_count > 0) {
        uint64_t last = ledger->sections_count * size - 1;
        const struct ledger_section *newest = &ledger->sections[ledger->sections_count - 1];
        if (last < ledger->canonical_count &&
            hash32_equal(&ledger->canonical[last]->hash, &newest->head))
            return;
        ledger->sections_count--;
    }
}

void ledger_build_sections(struct ledger *ledger)
{
    drop_stale(ledger);
    uint64_t wanted = cht_sections(ledger->head->header.number, ledger->config.section_size,
                                   ledger->config.section_confirmations);
    while (ledger->sections_count < wanted)
        build_one(ledger, ledger->sections_count);
}

size_t ledger_sections_count(const struct ledger *ledger)
{
    return ledger->sections_count;
}

const struct ledger_section *ledger_section(const struct ledger *ledger, uint64_t index)
{
    return index < ledger->sections_count ? &ledger->sections[index] : NULL;
}
