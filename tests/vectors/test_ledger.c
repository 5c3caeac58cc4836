/* Whole chains executed into a ledger: recorded by go-ethereum, and that of the execution-apis
 * tests. */
#include "les/node/ledger.h"

#include "conf/genesis.h"
#include "conf/headstate.h"
#include "les/eth/keccak.h"
#include "les/eth/receipt.h"
#include "les/eth/rlp.h"
#include "les/eth/u256.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>

TestSuite(ledger, .fini = fixture_leak_gate, .timeout = 120);

struct place {
    struct crypto *crypto;
    struct node_store *store;
    struct genesis *genesis;
    struct ledger *ledger;
    struct buf chain, error;
    size_t head_moves;
};

static void on_head(void *owner, struct ledger_block *from, struct ledger_block *to)
{
    struct place *place = owner;
    cr_assert(from != to);
    place->head_moves++;
}

static struct place *place_new(const char *genesis, const char *chain, uint64_t section_size)
{
    fixture_need(chain);
    struct place *place = mem_alloc(sizeof(*place));
    struct buf bytes = fixture_file(genesis);
    cr_assert_eq(genesis_parse(&place->genesis, buf_span(&bytes), genesis, &place->error),
                 STATUS_OK);
    buf_free(&bytes);
    place->store = node_store_new();
    genesis_build(place->genesis, place->store);
    uint8_t seed[32] = {1};
    place->crypto = crypto_new(seed);
    struct ledger_config config = {.spec = &place->genesis->spec,
                                   .crypto = place->crypto,
                                   .store = place->store,
                                   .section_size = section_size,
                                   .section_confirmations = section_size > 0 ? 8 : 0,
                                   .safe_distance = 2,
                                   .finalized_distance = 5,
                                   .on_head = on_head,
                                   .owner = place};
    place->ledger = ledger_new(&config, &place->genesis->header);
    place->chain = fixture_file(chain);
    return place;
}

static void place_free(struct place *place)
{
    ledger_free(place->ledger);
    genesis_free(place->genesis);
    node_store_free(place->store);
    crypto_free(place->crypto);
    buf_free(&place->chain);
    buf_free(&place->error);
    mem_free(place);
}

static struct place *small(uint64_t section_size)
{
    return place_new("vectors/geth-les/genesis-small.json", "vectors/geth-les/chain-small.rlp",
                     section_size);
}

/* The n-th block of the file, from 0 on; a genesis at the start is not counted. */
static struct span nth_block(const struct place *place, size_t n)
{
    struct rlp reader = rlp_reader(buf_span(&place->chain));
    struct span block = rlp_raw(&reader);
    while (n-- > 0)
        block = rlp_raw(&reader);
    return block;
}

static void expect_error(const struct place *place, const char *part)
{
    cr_assert(memmem(place->error.data, place->error.size, part, strlen(part)) != NULL,
              "\"%.*s\" does not say \"%s\"", (int)place->error.size,
              (const char *)place->error.data, part);
}

Test(ledger, recorded_chain_executes_to_its_head)
{
    struct place *place = small(0);
    cr_assert_eq(ledger_import(place->ledger, buf_span(&place->chain), &place->error), STATUS_OK,
                 "%.*s", (int)place->error.size, (const char *)place->error.data);
    const struct ledger_block *head = ledger_head(place->ledger);
    fixture_expect_hex(SPAN(head->hash.bytes, 32),
                       "0d67d35a160ab3318dfd7cf0925cc1b7e2d153457ec4f928a34bc7a382a977b0");
    cr_assert_eq(head->header.number, 600u);
    struct u256 td = u256_from_u64(1201);
    cr_assert(u256_equal(&head->td, &td));
    cr_assert_eq(place->head_moves, 600u);
    size_t txs = 0;
    for (uint64_t i = 0; i <= 600; i++) {
        struct ledger_block *block = ledger_by_number(place->ledger, i);
        struct rlp reader = rlp_reader(block->receipts_rlp), list = rlp_list(&reader);
        cr_assert(receipts_match(SPAN(list.data, list.size), &block->header.receipts_root));
        cr_assert(ledger_by_hash(place->ledger, &block->hash) == block);
        for (size_t j = 0; j < block->txs_count; j++) {
            const struct ledger_tx *tx = ledger_tx(place->ledger, &block->txs[j].hash);
            cr_assert(tx != NULL && tx->block == block && tx->index == j);
        }
        txs += block->txs_count;
    }
    cr_assert_eq(txs, 3440u);
    cr_assert_null(ledger_by_number(place->ledger, 601));
    cr_assert_null(ledger_safe(place->ledger)); /* not merged */
    place_free(place);
}

Test(ledger, chain_across_the_merge_executes_to_its_head)
{
    struct place *place =
        place_new("vectors/rpc-compat/genesis.json", "vectors/rpc-compat/chain.rlp", 0);
    cr_assert_eq(ledger_import(place->ledger, buf_span(&place->chain), &place->error), STATUS_OK,
                 "%.*s", (int)place->error.size, (const char *)place->error.data);
    const struct ledger_block *head = ledger_head(place->ledger);
    fixture_expect_hex(SPAN(head->header.state_root.bytes, 32),
                       "6da8f636cdc85dbe8c1b5299e5db22f462c041febaf3b78cac1040152ee30b3b");
    cr_assert_eq(head->header.number, 54u);
    cr_assert_eq(ledger_safe(place->ledger)->header.number, 52u);
    cr_assert_eq(ledger_finalized(place->ledger)->header.number, 49u);
    struct ledger_block *before = ledger_by_number(place->ledger, 30);
    ledger_set_head(place->ledger, before);
    cr_assert_null(ledger_safe(place->ledger));
    place_free(place);
}

Test(ledger, chain_with_a_head_state_needs_no_execution)
{
    struct place *place =
        place_new("vectors/rpc-compat/genesis.json", "vectors/rpc-compat/chain.rlp", 0);
    struct hash32 root;
    cr_assert_eq(headstate_load(&root, SHARED_DIR "/vectors/rpc-compat/chain-extra/headstate.json",
                                place->store, &place->error),
                 STATUS_OK, "%.*s", (int)place->error.size, (const char *)place->error.data);
    cr_assert_eq(ledger_import_unexecuted(place->ledger, buf_span(&place->chain), &place->error),
                 STATUS_OK, "%.*s", (int)place->error.size, (const char *)place->error.data);
    const struct ledger_block *head = ledger_head(place->ledger);
    cr_assert_eq(head->header.number, 54u);
    cr_assert(head->has_state && hash32_equal(&head->header.state_root, &root));
    cr_assert_not(head->parent->has_state);
    struct hash32 key;
    struct account account;
    struct address20 zero = {{0}};
    keccak256(&key, SPAN(zero.bytes, 20));
    cr_assert(ledger_account(place->ledger, head, &key, &account));
    cr_assert_not(ledger_account(place->ledger, head->parent, &key, &account));
    place_free(place);
}

Test(ledger, body_of_another_block_is_not_taken_unexecuted)
{
    struct place *place = small(0);
    struct span bad = nth_block(place, 40);
    size_t at = (size_t)(bad.data - place->chain.data);
    place->chain.data[at + bad.size - 5] ^= 1;
    cr_assert_eq(ledger_import_unexecuted(place->ledger, buf_span(&place->chain), &place->error),
                 STATUS_INVALID);
    expect_error(place, "body");
    place_free(place);
}

Test(ledger, block_without_its_parent_is_not_taken)
{
    struct place *place = small(0);
    cr_assert_eq(ledger_add(place->ledger, nth_block(place, 5), &place->error), STATUS_NOT_FOUND);
    expect_error(place, "parent");
    cr_assert_eq(ledger_head(place->ledger)->header.number, 0u);
    place_free(place);
}

/* The first block of the file with a field of its header changed. */
static void add_changed(struct place *place, void (*change)(struct header *header))
{
    struct span header_rlp;
    struct body body;
    struct header header;
    cr_assert(block_split(&header_rlp, &body, nth_block(place, 0)));
    cr_assert(header_decode(&header, header_rlp));
    if (header.number == 0) {
        cr_assert(block_split(&header_rlp, &body, nth_block(place, 1)));
        cr_assert(header_decode(&header, header_rlp));
    }
    change(&header);
    struct buf block = {0};
    size_t mark = rlp_list_begin(&block);
    header_encode(&block, &header);
    rlp_add_list_header(&block, body.transactions.size);
    buf_add_span(&block, body.transactions);
    buf_add_span(&block, body.uncles);
    rlp_list_end(&block, mark);
    buf_clear(&place->error);
    cr_assert_eq(ledger_add(place->ledger, buf_span(&block), &place->error), STATUS_INVALID);
    expect_error(place, "block ");
    cr_assert_eq(ledger_head(place->ledger)->header.number, 0u);
    buf_free(&block);
}

static void wrong_difficulty(struct header *header)
{
    header->difficulty.words[0] += 1;
}
static void no_difficulty(struct header *header)
{
    header->difficulty = u256_from_u64(0);
}
static void wrong_state(struct header *header)
{
    header->state_root.bytes[0] ^= 1;
}
static void wrong_receipts(struct header *header)
{
    header->receipts_root.bytes[0] ^= 1;
}
static void wrong_gas_used(struct header *header)
{
    header->gas_used++;
}
static void wrong_bloom(struct header *header)
{
    header->bloom.bytes[0] ^= 1;
}
static void wrong_transactions(struct header *header)
{
    header->transactions_root.bytes[0] ^= 1;
}
static void wrong_number(struct header *header)
{
    header->number++;
}
static void wrong_time(struct header *header)
{
    header->timestamp = 1;
}
static void wrong_gas_limit(struct header *header)
{
    header->gas_limit += header->gas_limit / 512;
}
static void too_much_gas(struct header *header)
{
    header->gas_used = header->gas_limit + 1;
}
static void wrong_fields(struct header *header)
{
    header->fields = 1;
    header->base_fee = u256_from_u64(7);
}

Test(ledger, what_a_block_claims_is_compared_with_what_it_does)
{
    struct place *place = small(0);
    static const struct {
        void (*change)(struct header *header);
        const char *error;
    } CASES[] = {{wrong_state, "state root differs"},
                 {wrong_receipts, "receipts root differs"},
                 {wrong_gas_used, "gas used differs"},
                 {wrong_bloom, "bloom differs"},
                 {wrong_transactions, "body"},
                 {wrong_number, "number"},
                 {wrong_time, "timestamp"},
                 {wrong_gas_limit, "gas limit"},
                 {too_much_gas, "more gas used"},
                 {wrong_fields, ""}};
    for (size_t i = 0; i < ARRAY_COUNT(CASES); i++) {
        add_changed(place, CASES[i].change);
        expect_error(place, CASES[i].error);
    }
    place_free(place);
}

Test(ledger, work_is_as_much_as_the_parent_asks_for)
{
    struct place *place =
        place_new("vectors/rpc-compat/genesis.json", "vectors/rpc-compat/chain.rlp", 0);
    add_changed(place, wrong_difficulty);
    expect_error(place, "difficulty does not follow");
    add_changed(place, no_difficulty);
    expect_error(place, "no difficulty before the merge");
    place_free(place);
}

/* The second block of the chain with these uncles, which its header knows nothing of. */
static void add_with_uncles(struct place *place, struct span uncles, const char *expected)
{
    struct span header_rlp;
    struct body body;
    struct buf block = {0};
    cr_assert(block_split(&header_rlp, &body, nth_block(place, 1)));
    size_t mark = rlp_list_begin(&block);
    buf_add_span(&block, header_rlp);
    rlp_add_list_header(&block, body.transactions.size);
    buf_add_span(&block, body.transactions);
    rlp_add_list_header(&block, uncles.size);
    buf_add_span(&block, uncles);
    rlp_list_end(&block, mark);
    cr_assert_eq(ledger_add(place->ledger, buf_span(&block), &place->error), STATUS_INVALID);
    expect_error(place, expected);
    buf_free(&block);
}

Test(ledger, uncles_are_of_the_family_and_no_ancestors)
{
    struct place *place =
        place_new("vectors/rpc-compat/genesis.json", "vectors/rpc-compat/chain.rlp", 0);
    struct buf genesis = {0}, strange = {0};
    struct header header = ledger_genesis(place->ledger)->header;
    cr_assert_eq(ledger_add(place->ledger, nth_block(place, 0), &place->error), STATUS_OK);
    header_encode(&genesis, &header);
    header.parent_hash.bytes[0] ^= 1;
    header_encode(&strange, &header);
    add_with_uncles(place, SPAN_STR("\xc0"), "an uncle is malformed");
    add_with_uncles(place, buf_span(&genesis), "an uncle is an ancestor");
    add_with_uncles(place, buf_span(&strange), "an uncle is not of the family");
    buf_free(&genesis);
    buf_free(&strange);
    place_free(place);
}

Test(ledger, import_stops_at_the_first_bad_block_and_says_which)
{
    struct place *place = small(0);
    struct span bad = nth_block(place, 40);
    size_t at = (size_t)(bad.data - place->chain.data);
    place->chain.data[at + bad.size - 5] ^= 1; /* in a body */
    cr_assert_eq(ledger_import(place->ledger, buf_span(&place->chain), &place->error),
                 STATUS_INVALID);
    expect_error(place, "block 4");
    uint64_t reached = ledger_head(place->ledger)->header.number;
    cr_assert(reached == 40 || reached == 39, "stopped at %zu", (size_t)reached);
    place_free(place);
}

Test(ledger, cut_file_is_an_error_after_its_whole_blocks)
{
    struct place *place = small(0);
    struct span block = nth_block(place, 10);
    size_t size = (size_t)(block.data - place->chain.data) + block.size / 2;
    cr_assert_eq(ledger_import(place->ledger, SPAN(place->chain.data, size), &place->error),
                 STATUS_INVALID);
    expect_error(place, "malformed");
    cr_assert(ledger_head(place->ledger)->header.number >= 9);
    place_free(place);
}

Test(ledger, head_may_go_back_and_forward)
{
    struct place *place = small(16);
    cr_assert_eq(ledger_import(place->ledger, buf_span(&place->chain), &place->error), STATUS_OK);
    struct ledger_block *head = ledger_head(place->ledger);
    struct ledger_block *busy = NULL;
    for (uint64_t i = 600; busy == NULL; i--) {
        if (ledger_by_number(place->ledger, i)->txs_count > 0)
            busy = ledger_by_number(place->ledger, i);
    }
    size_t sections = ledger_sections_count(place->ledger);
    cr_assert_eq(sections, (600u + 1 - 8) / 16);
    struct ledger_section newest = *ledger_section(place->ledger, sections - 1);
    ledger_set_head(place->ledger, busy->parent);
    cr_assert_null(ledger_tx(place->ledger, &busy->txs[0].hash));
    cr_assert_not(ledger_is_canonical(place->ledger, busy));
    cr_assert(ledger_ancestor(head, busy->parent) == busy->parent);
    ledger_set_head(place->ledger, ledger_by_number(place->ledger, 100));
    cr_assert_eq(ledger_sections_count(place->ledger), 6u);
    cr_assert_null(ledger_by_number(place->ledger, 101));
    ledger_set_head(place->ledger, head);
    cr_assert(ledger_tx(place->ledger, &busy->txs[0].hash) == &busy->txs[0]);
    cr_assert_eq(memcmp(ledger_section(place->ledger, sections - 1), &newest, sizeof(newest)), 0);
    place_free(place);
}

Test(ledger, helper_tries_prove_every_block_and_bloom_of_their_sections)
{
    struct place *place = small(16);
    cr_assert_eq(ledger_import(place->ledger, buf_span(&place->chain), &place->error), STATUS_OK);
    size_t count = ledger_sections_count(place->ledger);
    const struct ledger_section *newest = ledger_section(place->ledger, count - 1);
    struct trie_source *source = node_store_source(place->store);
    for (uint64_t number = 0; number < count * 16; number++) {
        struct cht_entry entry;
        const struct ledger_block *block = ledger_by_number(place->ledger, number);
        cr_assert_eq(cht_walk(&entry, source, &newest->cht_root, number), TRIE_FOUND);
        cr_assert(hash32_equal(&entry.hash, &block->hash) && u256_equal(&entry.td, &block->td));
    }
    for (unsigned bit = 0; bit < CHT_BLOOM_BITS; bit += 37) {
        for (uint64_t section = 0; section < count; section++) {
            uint8_t vector[2];
            enum trie_result result =
                cht_bloom_walk(vector, 2, source, &newest->bloom_root, bit, section);
            cr_assert(result == TRIE_FOUND || result == TRIE_ABSENT);
            for (size_t i = 0; i < 16; i++) {
                const struct bloom256 *bloom =
                    &ledger_by_number(place->ledger, section * 16 + i)->header.bloom;
                bool set = bloom->bytes[255 - bit / 8] >> (bit % 8) & 1;
                cr_assert_eq(cht_bloom_test(vector, i), set);
            }
        }
    }
    place_free(place);
}
