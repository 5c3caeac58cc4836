/* Sections, CHT and BloomTrie over small sections. The recorded 45,000-block chain is in
 * tests/vectors. */
#include "les/eth/cht.h"
#include "les/eth/keccak.h"
#include "les/eth/receipt.h"
#include "les/eth/rlp.h"
#include "les/eth/u256.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>

TestSuite(cht, .fini = fixture_leak_gate);

Test(cht, section_counts_once_it_is_confirmed)
{
    cr_assert_eq(cht_sections(0, 32768, 2048), 0);
    cr_assert_eq(cht_sections(32767, 32768, 0), 1);
    cr_assert_eq(cht_sections(32766, 32768, 0), 0);
    cr_assert_eq(cht_sections(32767 + 2047, 32768, 2048), 0);
    cr_assert_eq(cht_sections(32767 + 2048, 32768, 2048), 1);
    cr_assert_eq(cht_sections(65535 + 2048, 32768, 2048), 2);
    cr_assert_eq(cht_sections(45000, CHT_SECTION_SIZE, CHT_SERVER_CONFIRMATIONS), 1);
    cr_assert_eq(cht_sections(UINT64_MAX, 8, 0), 0);
}

/* ---- CHT ---- */

static struct cht_entry entry_of(uint64_t number)
{
    struct cht_entry entry = {.td = u256_from_u64(number * 3)};
    keccak256(&entry.hash, SPAN(&number, sizeof(number)));
    return entry;
}

Test(cht, entry_is_hash_and_total_difficulty_exactly)
{
    struct cht_entry entry = entry_of(7), again;
    struct buf bytes = {0};
    cht_entry_encode(&bytes, &entry);
    cr_assert_eq(bytes.size, 1 + 33 + 1);
    cr_assert(cht_entry_decode(&again, buf_span(&bytes)));
    cr_assert(hash32_equal(&again.hash, &entry.hash) && u256_equal(&again.td, &entry.td));
    for (size_t size = 0; size < bytes.size; size++)
        cr_assert(!cht_entry_decode(&again, SPAN(bytes.data, size)));
    buf_add_u8(&bytes, 0);
    cr_assert(!cht_entry_decode(&again, buf_span(&bytes)));
    cr_assert(hash32_is_zero(&again.hash) && u256_is_zero(&again.td));
    buf_free(&bytes);
}

Test(cht, every_section_has_a_root_that_covers_all_before)
{
    enum { SECTION = 16, SECTIONS = 20 };
    struct node_store *store = node_store_new();
    struct trie *trie = trie_new(store, &EMPTY_TRIE_ROOT);
    struct hash32 roots[SECTIONS];
    for (uint64_t number = 0; number < SECTION * SECTIONS; number++) {
        struct cht_entry entry = entry_of(number);
        cr_assert_eq(cht_put(trie, number, &entry), STATUS_OK);
        if (number % SECTION == SECTION - 1)
            trie_commit(trie, &roots[number / SECTION]);
    }
    for (uint64_t section = 0; section < SECTIONS; section++) {
        for (uint64_t number = 0; number < SECTION * SECTIONS; number++) {
            struct cht_entry expected = entry_of(number), entry;
            enum trie_result result =
                cht_walk(&entry, node_store_source(store), &roots[section], number);
            cr_assert_eq(result, number < (section + 1) * SECTION ? TRIE_FOUND : TRIE_ABSENT);
            if (result == TRIE_FOUND)
                cr_assert(hash32_equal(&entry.hash, &expected.hash) &&
                          u256_equal(&entry.td, &expected.td));
            else
                cr_assert(hash32_is_zero(&entry.hash));
        }
    }
    trie_free(trie);
    node_store_free(store);
}

Test(cht, a_value_that_is_no_entry_is_invalid)
{
    struct node_store *store = node_store_new();
    struct trie *trie = trie_new(store, &EMPTY_TRIE_ROOT);
    struct hash32 root;
    struct cht_entry entry;
    uint8_t key8[CHT_KEY_SIZE];
    cht_key(key8, 5);
    cr_assert_eq(trie_put(trie, SPAN(key8, 8), SPAN_STR("no entry")), STATUS_OK);
    trie_commit(trie, &root);
    cr_assert_eq(cht_walk(&entry, node_store_source(store), &root, 5), TRIE_INVALID);
    trie_free(trie);
    node_store_free(store);
}

/* ---- bloom vectors ---- */

static void expect_packed(struct span vector, const char *hex)
{
    uint8_t again[64];
    struct buf packed = {0};
    cht_bloom_compress(&packed, vector);
    fixture_expect_hex(buf_span(&packed), hex);
    cr_assert(cht_bloom_decompress(again, vector.size, buf_span(&packed)));
    cr_assert(span_equal(vector, SPAN(again, vector.size)));
    buf_free(&packed);
}

Test(cht, vectors_are_packed_by_levels_of_bytes_in_use)
{
    uint8_t vector[64] = {0};
    expect_packed(SPAN(vector, 64), "");
    vector[0] = 0x01;
    expect_packed(SPAN(vector, 64), "808001");
    vector[63] = 0xff;
    expect_packed(SPAN(vector, 64), "81800101ff");
    expect_packed(SPAN(vector, 8), "8001");
    expect_packed(SPAN(vector, 1), "01");
    vector[1] = 0x02;
    expect_packed(SPAN(vector, 64), "81c0010102ff");
    expect_packed(SPAN(vector, 2), "0102"); /* not shorter, so as it is */
    memset(vector, 0x11, sizeof(vector));
    struct buf raw = {0};
    buf_add_hex(&raw, SPAN(vector, 64));
    buf_add_u8(&raw, 0);
    expect_packed(SPAN(vector, 64), (char *)raw.data);
    buf_free(&raw);
}

static void expect_refused(size_t size, const char *hex)
{
    uint8_t vector[64];
    struct buf packed = fixture_hex(hex);
    memset(vector, 0xee, sizeof(vector));
    cr_assert(!cht_bloom_decompress(vector, size, buf_span(&packed)), "%s", hex);
    for (size_t i = 0; i < size; i++)
        cr_assert_eq(vector[i], 0);
    buf_free(&packed);
}

Test(cht, only_the_packed_form_itself_is_unpacked)
{
    expect_refused(64, "00");                /* zeros are packed to nothing */
    expect_refused(64, "80");                /* the level below is missing */
    expect_refused(64, "8080");              /* the byte itself is missing */
    expect_refused(64, "808001ff");          /* left over */
    expect_refused(64, "808000");            /* a byte in use is zero */
    expect_refused(64, "8000");              /* and so above */
    expect_refused(60, "8180010101");        /* beyond the end: byte 63 of 60 */
    expect_refused(16, "200105");            /* beyond the end of the level above */
    expect_refused(8, "0100000000000000");   /* raw, but it packs */
    expect_refused(8, "010203040506070809"); /* longer than the vector */
    expect_refused(1, "00");
}

Test(cht, block_k_is_bit_7_minus_k_mod_8_of_byte_k_div_8)
{
    const uint8_t vector[2] = {0x80, 0x01};
    for (size_t i = 0; i < 16; i++)
        cr_assert_eq(cht_bloom_test(vector, i), i == 0 || i == 15);
}

/* ---- BloomTrie ---- */

#define SECTION  24u
#define SECTIONS 5u

static void item_of(uint8_t out[2], unsigned number)
{
    be_write(out, 2, number % 7);
}

/* Each block's bloom holds one item, number % 7; the third section has empty blooms. */
static void build_blooms(struct trie *trie)
{
    struct cht_bloom *section = cht_bloom_new(SECTION);
    for (unsigned number = 0; number < SECTION * SECTIONS; number++) {
        struct bloom256 bloom = {{0}};
        uint8_t item[2];
        item_of(item, number);
        if (number / SECTION != 2)
            bloom_add(&bloom, SPAN(item, 2));
        cht_bloom_add(section, number % SECTION, &bloom);
        if (number % SECTION == SECTION - 1) {
            cr_assert_eq(cht_bloom_put(trie, number / SECTION, section), STATUS_OK);
            cht_bloom_clear(section);
        }
    }
    cht_bloom_free(section);
    cht_bloom_free(NULL);
}

Test(cht, blooms_are_found_again_bit_by_bit)
{
    struct node_store *store = node_store_new();
    struct trie *trie = trie_new(store, &EMPTY_TRIE_ROOT);
    struct hash32 root;
    build_blooms(trie);
    trie_commit(trie, &root);
    for (unsigned item_number = 0; item_number < 7; item_number++) {
        uint8_t item[2], vectors[3][SECTION / 8];
        unsigned bits[3];
        item_of(item, item_number);
        bloom_bits(bits, SPAN(item, 2));
        for (unsigned section = 0; section < SECTIONS; section++) {
            for (unsigned i = 0; i < 3; i++) {
                enum trie_result result = cht_bloom_walk(
                    vectors[i], SECTION / 8, node_store_source(store), &root, bits[i], section);
                cr_assert_eq(result, section == 2 ? TRIE_ABSENT : TRIE_FOUND);
            }
            for (unsigned k = 0; k < SECTION; k++) {
                bool all = cht_bloom_test(vectors[0], k) && cht_bloom_test(vectors[1], k) &&
                           cht_bloom_test(vectors[2], k);
                bool there = section != 2 && (section * SECTION + k) % 7 == item_number;
                cr_assert(all || !there, "a block is missed");
                cr_assert(there || !all || section != 2);
            }
        }
    }
    trie_free(trie);
    node_store_free(store);
}

Test(cht, a_value_that_is_no_packed_vector_is_invalid)
{
    struct node_store *store = node_store_new();
    struct trie *trie = trie_new(store, &EMPTY_TRIE_ROOT);
    struct hash32 root;
    uint8_t key10[CHT_BLOOM_KEY_SIZE], vector[4];
    cht_bloom_key(key10, 2047, 1);
    fixture_expect_hex(SPAN(key10, 10), "07ff0000000000000001");
    cr_assert_eq(trie_put(trie, SPAN(key10, 10), SPAN("\0", 1)), STATUS_OK);
    trie_commit(trie, &root);
    cr_assert_eq(cht_bloom_walk(vector, 4, node_store_source(store), &root, 2047, 1), TRIE_INVALID);
    cr_assert_eq(cht_bloom_walk(vector, 4, node_store_source(store), &root, 2047, 2), TRIE_ABSENT);
    trie_free(trie);
    node_store_free(store);
}

/* ---- checkpoints ---- */

Test(cht, checkpoint_hash_covers_every_field)
{
    struct cht_checkpoint checkpoint = {.section = 1};
    struct hash32 first, other;
    cht_checkpoint_hash(&first, &checkpoint);
    for (unsigned field = 0; field < 4; field++) {
        struct cht_checkpoint changed = checkpoint;
        changed.section += field == 0;
        changed.head.bytes[31] ^= field == 1;
        changed.cht_root.bytes[0] ^= field == 2;
        changed.bloom_root.bytes[31] ^= field == 3;
        cht_checkpoint_hash(&other, &changed);
        cr_assert(!hash32_equal(&first, &other));
    }
}
