#include "les/eth/cht.h"

#include "les/eth/header.h"
#include "les/eth/keccak.h"
#include "les/eth/rlp.h"

uint64_t cht_sections(uint64_t head_number, uint64_t section_size, uint64_t confirmations)
{
    ASSERT(section_size > 0);
    if (head_number == UINT64_MAX || head_number + 1 < confirmations)
        return 0;
    return (head_number + 1 - confirmations) / section_size;
}

void cht_key(uint8_t out8[CHT_KEY_SIZE], uint64_t number)
{
    be_write(out8, CHT_KEY_SIZE, number);
}

void cht_entry_encode(struct buf *out, const struct cht_entry *entry)
{
    size_t mark = rlp_list_begin(out);
    rlp_add_hash(out, &entry->hash);
    rlp_add_u256(out, &entry->td);
    rlp_list_end(out, mark);
}

bool cht_entry_decode(struct cht_entry *entry, struct span rlp)
{
    struct rlp outer = rlp_reader(rlp), list = rlp_list(&outer);
    rlp_fixed(&list, entry->hash.bytes, 32);
    rlp_u256(&list, &entry->td);
    if (rlp_end(&list) && rlp_end(&outer))
        return true;
    *entry = (struct cht_entry){0};
    return false;
}

bool cht_entry_matches(const struct cht_entry *entry, struct span header_rlp, uint64_t number)
{
    struct hash32 hash;
    struct header header;
    keccak256(&hash, header_rlp);
    return hash32_equal(&hash, &entry->hash) && header_decode(&header, header_rlp) &&
           header.number == number;
}

enum trie_result cht_walk(struct cht_entry *entry, struct trie_source *source,
                          const struct hash32 *cht_root, uint64_t number)
{
    struct trie_walk walk;
    uint8_t key8[CHT_KEY_SIZE];
    cht_key(key8, number);
    *entry = (struct cht_entry){0};
    enum trie_result result = trie_walk(&walk, source, cht_root, SPAN(key8, sizeof(key8)));
    if (result == TRIE_FOUND && !cht_entry_decode(entry, walk.value))
        return TRIE_INVALID;
    return result;
}

enum status cht_put(struct trie *trie, uint64_t number, const struct cht_entry *entry)
{
    uint8_t key8[CHT_KEY_SIZE];
    struct buf value = {0};
    cht_key(key8, number);
    cht_entry_encode(&value, entry);
    enum status status = trie_put(trie, SPAN(key8, sizeof(key8)), buf_span(&value));
    buf_free(&value);
    return status;
}

void cht_checkpoint_hash(struct hash32 *out, const struct cht_checkpoint *checkpoint)
{
    uint8_t bytes[8 + 3 * 32];
    be_write(bytes, 8, checkpoint->section);
    memcpy(bytes + 8, checkpoint->head.bytes, 32);
    memcpy(bytes + 40, checkpoint->cht_root.bytes, 32);
    memcpy(bytes + 72, checkpoint->bloom_root.bytes, 32);
    keccak256(out, SPAN(bytes, sizeof(bytes)));
}
