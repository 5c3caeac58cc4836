/* Helper tries of LES: facts about old blocks under one root per section of blocks
 * (les.md 4.2, 4.3).
 *
 * CHT (canonical hash trie): CHT[i] covers the blocks 0 .. (i + 1) * section size - 1, key: the
 * block number as 8 bytes big endian, value: RLP [block hash, total difficulty]. Keys are not
 * hashed. BloomTrie: BloomTrie[i] covers the sections 0 .. i, key: bloom bit as 2 bytes and section
 * as 8 bytes big endian, value: the compressed vector of that bit over the section's blocks; a
 * vector of zeros has no entry.
 *
 * go-ethereum has sections of CHT_SECTION_SIZE; functions take the size so that a small chain can
 * have sections too. */
#ifndef LES_ETH_CHT_H
#define LES_ETH_CHT_H

#include "les/eth/trie_build.h"

#define CHT_SECTION_SIZE         32768
#define CHT_SERVER_CONFIRMATIONS 256  /* blocks after a section before a server builds it */
#define CHT_CLIENT_CONFIRMATIONS 2048 /* ... before a client expects it */

/* How many sections are complete and have so many blocks after them, at a head: the newest is the
 * result - 1. */
uint64_t cht_sections(uint64_t head_number, uint64_t section_size, uint64_t confirmations);

/* ---- canonical hash trie ---- */

#define CHT_KEY_SIZE 8

struct cht_entry {
    struct hash32 hash; /* of the block */
    struct u256 td;     /* total difficulty, the block's own included */
};

void cht_key(uint8_t out8[CHT_KEY_SIZE], uint64_t number);
void cht_entry_encode(struct buf *out, const struct cht_entry *entry);
/* Strict. False: entry is zeroed. */
bool cht_entry_decode(struct cht_entry *entry, struct span rlp) WARN_UNUSED;
/* Is header_rlp a well-formed header with the entry's hash and this number? */
bool cht_entry_matches(const struct cht_entry *entry, struct span header_rlp,
                       uint64_t number) WARN_UNUSED;

/* Looks a block up under a CHT root. TRIE_ABSENT: proved not to be in the trie (the number is
 * beyond its sections). entry is zeroed unless TRIE_FOUND. */
enum trie_result cht_walk(struct cht_entry *entry, struct trie_source *source,
                          const struct hash32 *cht_root, uint64_t number) WARN_UNUSED;
/* Adds or replaces a block. The root of section i is what trie_commit gives after its last block.
 */
enum status cht_put(struct trie *trie, uint64_t number, const struct cht_entry *entry) WARN_UNUSED;

/* ---- bloom bits ---- */

#define CHT_BLOOM_BITS            2048
#define CHT_BLOOM_KEY_SIZE        10
#define CHT_BLOOM_VECTOR_SIZE_MAX (CHT_SECTION_SIZE / 8)

/* bit is below CHT_BLOOM_BITS, counted as bloom_bits of les/eth/receipt.h does. */
void cht_bloom_key(uint8_t out10[CHT_BLOOM_KEY_SIZE], unsigned bit, uint64_t section);

/* Block number `index` of a section has this bit of its bloom set, according to the bit's vector.
 */
static inline bool cht_bloom_test(const uint8_t *vector, size_t index)
{
    return vector[index / 8] >> (7 - index % 8) & 1;
}

/* Appends the compressed form of a vector of at most CHT_BLOOM_VECTOR_SIZE_MAX bytes: a bit set of
 * the bytes that are not zero, itself compressed so, then those bytes; the vector as it is where
 * that is not shorter; nothing for zeros. */
void cht_bloom_compress(struct buf *out, struct span vector);
/* Accepts exactly what cht_bloom_compress makes of a vector of size bytes; data may be empty.
 * False: vector is zeroed. */
bool cht_bloom_decompress(uint8_t *vector, size_t size, struct span data) WARN_UNUSED;

/* Looks a vector of size bytes (section size / 8) up under a BloomTrie root. TRIE_FOUND, or
 * TRIE_ABSENT: it is proved to be all zero. vector is zeroed unless TRIE_FOUND. */
enum trie_result cht_bloom_walk(uint8_t *vector, size_t size, struct trie_source *source,
                                const struct hash32 *bloom_root, unsigned bit,
                                uint64_t section) WARN_UNUSED;

/* Turns the blooms of one section's blocks into its vectors. section_size is a multiple of 8, at
 * most CHT_SECTION_SIZE; 256 bytes of memory for each block of it. */
struct cht_bloom;
struct cht_bloom *cht_bloom_new(size_t section_size);
void cht_bloom_free(struct cht_bloom *section);
void cht_bloom_add(struct cht_bloom *section, size_t index,
                   const struct bloom256 *bloom); /* index within the section */
struct span cht_bloom_vector(const struct cht_bloom *section, unsigned bit); /* borrowed */
void cht_bloom_clear(struct cht_bloom *section); /* for the next section */
/* Puts the vectors of a section into a BloomTrie. */
enum status cht_bloom_put(struct trie *trie, uint64_t section_index,
                          const struct cht_bloom *section) WARN_UNUSED;

/* ---- checkpoints ---- */

struct cht_checkpoint {
    uint64_t section;   /* index; its last block is (section + 1) * section size - 1 */
    struct hash32 head; /* hash of that block */
    struct hash32 cht_root;
    struct hash32 bloom_root;
};
/* What go-ethereum's checkpoint oracle signs: keccak(index as 8 bytes || head || cht_root ||
 * bloom_root). */
void cht_checkpoint_hash(struct hash32 *out, const struct cht_checkpoint *checkpoint);

#endif
