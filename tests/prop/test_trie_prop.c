/* Random tries against a model: a plain list of pairs, and the recursive definition of the root
 * over it. */
#include "les/eth/keccak.h"
#include "les/eth/rlp.h"
#include "les/eth/trie_build.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define KEYS_MAX 300
#define TURNS    60

TestSuite(trie_prop, .fini = fixture_leak_gate);

/* ---- the model ---- */

struct pair {
    uint8_t key[32];
    size_t key_size;
    uint8_t value[80];
    size_t value_size; /* 0: not in the trie */
};

struct model {
    uint64_t seed;
    struct pair pairs[KEYS_MAX];
    size_t count;
};

static struct span key_of(const struct pair *pair)
{
    return SPAN(pair->key, pair->key_size);
}

static struct span value_of(const struct pair *pair)
{
    return SPAN(pair->value, pair->value_size);
}

static bool has_key(const struct model *model, struct span key)
{
    for (size_t i = 0; i < model->count; i++) {
        if (span_equal(key_of(&model->pairs[i]), key))
            return true;
    }
    return false;
}

/* Kinds of keys: 0: hashes; 1: hashes that share most of their bytes; 2: short ones, often prefixes
 * of one another, of few different nibbles; 3: eight bytes big endian, close together. */
static size_t random_key(uint64_t *seed, unsigned kind, uint8_t out[32])
{
    memset(out, 0, 32);
    if (kind == 0 || kind == 1) {
        fixture_random_bytes(seed, out, 32);
        if (kind == 1)
            memset(out, 0x5a, 20 + fixture_random_below(seed, 12));
        return 32;
    }
    if (kind == 3) {
        be_write(out, 8, fixture_random_below(seed, 600));
        return 8;
    }
    size_t size = fixture_random_below(seed, 5);
    for (size_t i = 0; i < size; i++)
        out[i] = (uint8_t)(fixture_random_below(seed, 3) << 4 | fixture_random_below(seed, 3));
    return size;
}

static void random_value(struct model *model, struct pair *pair)
{
    /* Short values make embedded nodes. */
    size_t most = fixture_random_below(&model->seed, 2) ? 3 : sizeof(pair->value);
    pair->value_size = 1 + fixture_random_below(&model->seed, most);
    fixture_random_bytes(&model->seed, pair->value, pair->value_size);
}

static void fill_model(struct model *model, uint64_t seed)
{
    *model = (struct model){.seed = seed};
    unsigned kind = (unsigned)fixture_random_below(&model->seed, 4);
    size_t wanted = 1 + fixture_random_below(&model->seed, KEYS_MAX);
    for (size_t tries = 0; model->count < wanted && tries < wanted * 4; tries++) {
        struct pair *pair = &model->pairs[model->count];
        pair->key_size = random_key(&model->seed, kind, pair->key);
        if (!has_key(model, key_of(pair)))
            model->count++;
    }
}

static int by_key(const void *a, const void *b)
{
    const struct pair *x = *(struct pair *const *)a, *y = *(struct pair *const *)b;
    size_t size = x->key_size < y->key_size ? x->key_size : y->key_size;
    int order = memcmp(x->key, y->key, size);
    return order ? order : (x->key_size > y->key_size) - (x->key_size < y->key_size);
}

/* The pairs in the trie, by key. */
static size_t sort_model(struct model *model, struct pair **sorted)
{
    size_t count = 0;
    for (size_t i = 0; i < model->count; i++) {
        if (model->pairs[i].value_size != 0)
            sorted[count++] = &model->pairs[i];
    }
    qsort(sorted, count, sizeof(*sorted), by_key);
    return count;
}

/* ---- the definition (Yellow Paper, appendix D) ---- */

static unsigned nibble(const struct pair *pair, size_t index)
{
    return index & 1 ? pair->key[index / 2] & 15u : (unsigned)pair->key[index / 2] >> 4;
}

static void add_path(struct buf *out, const struct pair *pair, size_t from, size_t to, bool leaf)
{
    uint8_t nibbles[66], bytes[33];
    size_t count = 0;
    nibbles[count++] = (uint8_t)((leaf ? 2 : 0) + (to - from) % 2);
    if ((to - from) % 2 == 0)
        nibbles[count++] = 0;
    while (from < to)
        nibbles[count++] = (uint8_t)nibble(pair, from++);
    for (size_t i = 0; i < count / 2; i++)
        bytes[i] = (uint8_t)(nibbles[2 * i] * 16 + nibbles[2 * i + 1]);
    rlp_add_bytes(out, SPAN(bytes, count / 2));
}

static void define_node(struct buf *out, struct pair **pairs, size_t count, size_t at);

static void add_child(struct buf *out, struct pair **pairs, size_t count, size_t at)
{
    if (count == 0) {
        buf_add_u8(out, 0x80);
        return;
    }
    struct buf node = {0};
    struct hash32 hash;
    define_node(&node, pairs, count, at);
    keccak256(&hash, buf_span(&node));
    if (node.size < 32)
        buf_add_span(out, buf_span(&node));
    else
        rlp_add_hash(out, &hash);
    buf_free(&node);
}

static void define_branch(struct buf *out, struct pair **pairs, size_t count, size_t at)
{
    struct span value = SPAN_EMPTY;
    if (pairs[0]->key_size * 2 == at) {
        value = value_of(pairs[0]);
        pairs++;
        count--;
    }
    for (unsigned i = 0; i < 16; i++) {
        size_t end = 0;
        while (end < count && nibble(pairs[end], at) == i)
            end++;
        add_child(out, pairs, end, at + 1);
        pairs += end;
        count -= end;
    }
    rlp_add_bytes(out, value);
}

/* The node over sorted pairs whose keys agree before nibble `at`. */
static void define_node(struct buf *out, struct pair **pairs, size_t count, size_t at)
{
    struct buf payload = {0};
    struct pair *first = pairs[0], *last = pairs[count - 1];
    size_t fork = at;
    if (count == 1) {
        add_path(&payload, first, at, first->key_size * 2, true);
        rlp_add_bytes(&payload, value_of(first));
    } else {
        while (fork < first->key_size * 2 && nibble(first, fork) == nibble(last, fork))
            fork++;
        if (fork > at) {
            add_path(&payload, first, at, fork, false);
            add_child(&payload, pairs, count, fork);
        } else {
            define_branch(&payload, pairs, count, at);
        }
    }
    rlp_add_list_header(out, payload.size);
    buf_add_span(out, buf_span(&payload));
    buf_free(&payload);
}

static struct hash32 defined_root(struct pair **sorted, size_t count)
{
    struct hash32 root = EMPTY_TRIE_ROOT;
    struct buf node = {0};
    if (count != 0) {
        define_node(&node, sorted, count, 0);
        keccak256(&root, buf_span(&node));
    }
    buf_free(&node);
    return root;
}

/* ---- claims ---- */

static void edit(struct model *model, struct trie *trie)
{
    struct pair *pair = &model->pairs[fixture_random_below(&model->seed, model->count)];
    if (fixture_random_below(&model->seed, 5) < 3) {
        random_value(model, pair);
        cr_assert_eq(trie_put(trie, key_of(pair), value_of(pair)), STATUS_OK);
    } else {
        pair->value_size = 0;
        cr_assert_eq(trie_delete(trie, key_of(pair)), STATUS_OK);
    }
}

static void expect_values(const struct model *model, struct trie *trie)
{
    for (size_t i = 0; i < model->count; i++) {
        const struct pair *pair = &model->pairs[i];
        struct span value;
        enum status status = trie_get(trie, key_of(pair), &value);
        cr_assert_eq(status, pair->value_size ? STATUS_OK : STATUS_NOT_FOUND);
        cr_assert(span_equal(value, value_of(pair)));
    }
}

struct listing {
    struct pair **sorted;
    size_t count, at;
};

static bool on_pair(void *owner, struct span key, struct span value)
{
    struct listing *listing = owner;
    cr_assert_lt(listing->at, listing->count);
    const struct pair *pair = listing->sorted[listing->at++];
    cr_assert(span_equal(key, key_of(pair)) && span_equal(value, value_of(pair)));
    return true;
}

static void expect_listing(struct node_store *store, const struct hash32 *root,
                           struct pair **sorted, size_t count)
{
    struct listing listing = {.sorted = sorted, .count = count};
    cr_assert_eq(trie_each(store, root, on_pair, &listing), STATUS_OK);
    cr_assert_eq(listing.at, count);
}

/* Edits at random, with commits at random places. */
static void edit_much(struct model *model, struct trie *trie, size_t edits)
{
    for (size_t i = 0; i < edits; i++) {
        struct hash32 root;
        edit(model, trie);
        if (fixture_random_below(&model->seed, 20) == 0)
            trie_commit(trie, &root);
    }
}

Test(trie_prop, any_edits_lead_to_the_root_of_what_survives)
{
    uint64_t seed = fixture_seed();
    struct pair *sorted[KEYS_MAX];
    for (unsigned turn = 0; turn < TURNS; turn++) {
        struct model *model = mem_alloc(sizeof(*model));
        fill_model(model, fixture_random(&seed));
        struct node_store *store = node_store_new();
        struct trie *trie = trie_new(store, &EMPTY_TRIE_ROOT);
        edit_much(model, trie, model->count * 4);
        expect_values(model, trie);
        struct hash32 root, expected;
        trie_commit(trie, &root);
        size_t count = sort_model(model, sorted);
        expected = defined_root(sorted, count);
        cr_assert(hash32_equal(&root, &expected), "turn %u", turn);
        expect_values(model, trie);
        expect_listing(store, &root, sorted, count);
        for (size_t i = 0; i < model->count; i++)
            cr_assert_eq(trie_delete(trie, key_of(&model->pairs[i])), STATUS_OK);
        trie_commit(trie, &root);
        cr_assert(hash32_equal(&root, &EMPTY_TRIE_ROOT));
        trie_free(trie);
        node_store_free(store);
        mem_free(model);
    }
}

Test(trie_prop, older_roots_stay_readable)
{
    uint64_t seed = fixture_seed();
    struct pair *sorted[KEYS_MAX];
    for (unsigned turn = 0; turn < TURNS / 4; turn++) {
        struct model *model = mem_alloc(sizeof(*model)), *then = mem_alloc(sizeof(*then));
        fill_model(model, fixture_random(&seed));
        struct node_store *store = node_store_new();
        struct trie *trie = trie_new(store, &EMPTY_TRIE_ROOT);
        struct hash32 root;
        edit_much(model, trie, model->count * 2);
        trie_commit(trie, &root);
        *then = *model;
        edit_much(model, trie, model->count * 2);
        size_t count = sort_model(then, sorted);
        expect_listing(store, &root, sorted, count);
        struct trie *old = trie_new(store, &root);
        expect_values(then, old);
        trie_free(old);
        trie_free(trie);
        node_store_free(store);
        mem_free(model);
        mem_free(then);
    }
}

/* ---- proofs ---- */

struct built {
    struct model *model;
    struct node_store *store;
    struct hash32 root;
};

static struct built build(uint64_t seed)
{
    struct built built = {.model = mem_alloc(sizeof(struct model)), .store = node_store_new()};
    fill_model(built.model, seed);
    struct trie *trie = trie_new(built.store, &EMPTY_TRIE_ROOT);
    edit_much(built.model, trie, built.model->count * 2);
    trie_commit(trie, &built.root);
    trie_free(trie);
    return built;
}

static void tear_down(struct built *built)
{
    node_store_free(built->store);
    mem_free(built->model);
}

static void expect_walk(struct trie_source *source, const struct built *built,
                        const struct pair *pair, unsigned *depth)
{
    struct trie_walk walk;
    enum trie_result result = trie_walk(&walk, source, &built->root, key_of(pair));
    cr_assert_eq(result, pair->value_size ? TRIE_FOUND : TRIE_ABSENT);
    cr_assert(span_equal(walk.value, value_of(pair)));
    *depth = walk.depth;
}

/* The nodes without one of them. */
static struct trie_nodes *without(struct span nodes, size_t left_out)
{
    struct buf rest = {0};
    struct rlp items = rlp_reader(nodes);
    for (size_t i = 0; rlp_more(&items); i++) {
        struct span node = rlp_raw(&items);
        if (i != left_out)
            buf_add_span(&rest, node);
    }
    static struct buf kept; /* a set borrows its bytes; one at a time is enough */
    buf_free(&kept);
    kept = rest;
    return trie_nodes_new(buf_span(&kept), TRIE_DEPTH_MAX);
}

static void check_proof(const struct built *built, const struct pair *pair)
{
    struct buf proof = {0};
    unsigned depth;
    cr_assert_eq(trie_prove(built->store, &built->root, key_of(pair), 0, NULL, NULL, &proof),
                 STATUS_OK);
    struct trie_nodes *set = trie_nodes_new(buf_span(&proof), TRIE_DEPTH_MAX);
    cr_assert_not_null(set);
    expect_walk(trie_nodes_source(set), built, pair, &depth);
    cr_assert_eq(depth, trie_nodes_count(set));
    cr_assert(trie_nodes_all_used(set));
    trie_nodes_free(set);
    for (size_t i = 0; i < depth; i++) {
        struct trie_walk walk;
        set = without(buf_span(&proof), i);
        cr_assert_eq(trie_walk(&walk, trie_nodes_source(set), &built->root, key_of(pair)),
                     TRIE_MISSING);
        cr_assert_eq(walk.depth, i);
        trie_nodes_free(set);
    }
    struct buf tail = {0};
    unsigned level = depth / 2;
    cr_assert_eq(trie_prove(built->store, &built->root, key_of(pair), level, NULL, NULL, &tail),
                 STATUS_OK);
    struct span end = SPAN(proof.data + proof.size - tail.size, tail.size);
    cr_assert(span_equal(buf_span(&tail), end));
    cr_assert_eq(rlp_count(rlp_reader(buf_span(&tail))), depth - level);
    buf_free(&tail);
    buf_free(&proof);
}

Test(trie_prop, what_is_proved_is_found_or_absent)
{
    uint64_t seed = fixture_seed();
    for (unsigned turn = 0; turn < TURNS / 2; turn++) {
        struct built built = build(fixture_random(&seed));
        for (size_t i = 0; i < built.model->count && i < 60; i++)
            check_proof(&built, &built.model->pairs[i]);
        for (unsigned i = 0; i < 20; i++) {
            struct pair stranger = {0};
            stranger.key_size = random_key(&seed, i % 4, stranger.key);
            if (!has_key(built.model, key_of(&stranger)))
                check_proof(&built, &stranger);
        }
        tear_down(&built);
    }
    trie_nodes_free(without(SPAN_EMPTY, 0));
}

static bool on_seen(void *owner, const struct hash32 *hash)
{
    struct node_store *seen = owner;
    struct span bytes;
    if (node_store_get(seen, hash, &bytes))
        return true;
    node_store_put(seen, hash, SPAN_EMPTY);
    return false;
}

Test(trie_prop, a_set_for_many_keys_has_no_repeats_and_no_padding)
{
    uint64_t seed = fixture_seed();
    for (unsigned turn = 0; turn < TURNS; turn++) {
        struct built built = build(fixture_random(&seed));
        struct node_store *seen = node_store_new();
        struct buf proofs = {0};
        size_t count = built.model->count < 64 ? built.model->count : 64;
        for (size_t i = 0; i < count; i++)
            cr_assert_eq(trie_prove(built.store, &built.root, key_of(&built.model->pairs[i]), 0,
                                    on_seen, seen, &proofs),
                         STATUS_OK);
        struct trie_nodes *set = trie_nodes_new(buf_span(&proofs), count * TRIE_DEPTH_MAX);
        cr_assert_not_null(set);
        for (size_t i = 0; i < count; i++) {
            unsigned depth;
            expect_walk(trie_nodes_source(set), &built, &built.model->pairs[i], &depth);
        }
        cr_assert(trie_nodes_all_used(set));
        trie_nodes_free(set);
        buf_free(&proofs);
        node_store_free(seen);
        tear_down(&built);
    }
}

Test(trie_prop, a_changed_byte_never_passes)
{
    uint64_t seed = fixture_seed();
    for (unsigned turn = 0; turn < TURNS; turn++) {
        struct built built = build(fixture_random(&seed));
        const struct pair *pair =
            &built.model->pairs[fixture_random_below(&seed, built.model->count)];
        struct buf proof = {0};
        cr_assert_eq(trie_prove(built.store, &built.root, key_of(pair), 0, NULL, NULL, &proof),
                     STATUS_OK);
        for (size_t i = 0; i < proof.size; i++) {
            uint8_t was = proof.data[i];
            proof.data[i] ^= (uint8_t)(1 + fixture_random_below(&seed, 255));
            struct trie_nodes *set = trie_nodes_new(buf_span(&proof), TRIE_DEPTH_MAX);
            struct trie_walk walk;
            if (set) {
                enum trie_result result =
                    trie_walk(&walk, trie_nodes_source(set), &built.root, key_of(pair));
                cr_assert(result == TRIE_MISSING || result == TRIE_INVALID);
                cr_assert_eq(walk.value.size, 0);
            }
            trie_nodes_free(set);
            proof.data[i] = was;
        }
        buf_free(&proof);
        tear_down(&built);
    }
}

/* ---- with part of the trie ---- */

static void put_proof(struct node_store *part, const struct built *built, struct span key)
{
    struct buf proof = {0};
    cr_assert_eq(trie_prove(built->store, &built->root, key, 0, NULL, NULL, &proof), STATUS_OK);
    struct rlp items = rlp_reader(buf_span(&proof));
    while (rlp_more(&items)) {
        struct span node = rlp_raw(&items);
        struct hash32 hash;
        keccak256(&hash, node);
        node_store_put(part, &hash, node);
    }
    buf_free(&proof);
}

/* A store with the nodes on the paths of a few keys only. */
static struct node_store *partial_store(const struct built *built, uint64_t *seed)
{
    struct node_store *part = node_store_new();
    for (unsigned i = 0; i < 5; i++) {
        const struct pair *pair =
            &built->model->pairs[fixture_random_below(seed, built->model->count)];
        put_proof(part, built, key_of(pair));
    }
    return part;
}

Test(trie_prop, an_edit_that_misses_a_node_changes_nothing)
{
    uint64_t seed = fixture_seed();
    size_t refused = 0, done = 0;
    for (unsigned turn = 0; turn < TURNS; turn++) {
        struct built built = build(fixture_random(&seed));
        struct node_store *part_store = partial_store(&built, &seed);
        struct trie *part = trie_new(part_store, &built.root),
                    *whole = trie_new(built.store, &built.root);
        for (unsigned i = 0; i < 40; i++) {
            struct pair *pair =
                &built.model->pairs[fixture_random_below(&seed, built.model->count)];
            bool remove = fixture_random_below(&seed, 2);
            random_value(built.model, pair);
            enum status status = remove ? trie_delete(part, key_of(pair))
                                        : trie_put(part, key_of(pair), value_of(pair));
            cr_assert(status == STATUS_OK || status == STATUS_NOT_FOUND);
            refused += status != STATUS_OK;
            done += status == STATUS_OK;
            if (status == STATUS_OK)
                status = remove ? trie_delete(whole, key_of(pair))
                                : trie_put(whole, key_of(pair), value_of(pair));
            struct hash32 part_root, whole_root;
            if (i % 4 == 3) {
                trie_commit(part, &part_root);
                trie_commit(whole, &whole_root);
                cr_assert(hash32_equal(&part_root, &whole_root));
            }
        }
        trie_free(part);
        trie_free(whole);
        node_store_free(part_store);
        tear_down(&built);
    }
    cr_assert(refused > 0 && done > 0);
}

/* Makes one edit; what is missing is proved along the path that trie_missing names. */
static unsigned edit_with_wants(struct trie *trie, struct node_store *part,
                                const struct built *built, const struct pair *pair)
{
    for (unsigned wants = 0;; wants++) {
        enum status status = trie_put(trie, key_of(pair), value_of(pair));
        if (status == STATUS_OK)
            return wants;
        cr_assert_eq(status, STATUS_NOT_FOUND);
        cr_assert_lt(wants, 4);
        const struct trie_gap *gap = trie_missing(trie);
        struct span node;
        cr_assert(!node_store_get(part, &gap->hash, &node));
        put_proof(part, built, SPAN(gap->path, (gap->nibbles + 1) / 2));
        cr_assert(node_store_get(part, &gap->hash, &node));
    }
}

/* What a light client does: it has proofs of what it changes, and asks for the rest. */
Test(trie_prop, with_proofs_and_a_few_wants_the_root_is_that_of_the_whole_trie)
{
    uint64_t seed = fixture_seed();
    size_t edits = 0, wants = 0;
    for (unsigned turn = 0; turn < TURNS * 4; turn++) {
        struct built built = build(fixture_random(&seed));
        struct model *model = built.model;
        struct node_store *part_store = node_store_new();
        struct trie *part = trie_new(part_store, &built.root),
                    *whole = trie_new(built.store, &built.root);
        for (unsigned i = 0; i < 30; i++) {
            struct pair *pair = &model->pairs[fixture_random_below(&seed, model->count)];
            if (fixture_random_below(&seed, 3) == 0)
                random_value(model, pair);
            else
                pair->value_size = 0;
            put_proof(part_store, &built, key_of(pair));
            wants += edit_with_wants(part, part_store, &built, pair);
            edits++;
            cr_assert_eq(trie_put(whole, key_of(pair), value_of(pair)), STATUS_OK);
            struct hash32 part_root, whole_root;
            if (i % 8 == 7) {
                trie_commit(part, &part_root);
                trie_commit(whole, &whole_root);
                cr_assert(hash32_equal(&part_root, &whole_root));
            }
        }
        trie_free(part);
        trie_free(whole);
        node_store_free(part_store);
        tear_down(&built);
    }
    cr_assert(edits > 0 && wants > 0);
    cr_log_info("%zu edits, %zu wants", edits, wants);
}

/* ---- lists ---- */

Test(trie_prop, list_roots_are_those_of_the_trie_over_rlp_indices)
{
    uint64_t seed = fixture_seed();
    for (unsigned turn = 0; turn < TURNS; turn++) {
        size_t count = turn < 6 ? turn : fixture_random_below(&seed, turn % 8 ? 300 : 70000);
        struct span *items = mem_alloc((count + 1) * sizeof(*items));
        struct node_store *store = node_store_new();
        struct trie *trie = trie_new(store, &EMPTY_TRIE_ROOT);
        for (size_t i = 0; i < count; i++) {
            uint8_t bytes[600];
            size_t size = 1 + fixture_random_below(&seed, i % 50 ? 40 : sizeof(bytes));
            fixture_random_bytes(&seed, bytes, size);
            items[i] = SPAN(mem_copy(SPAN(bytes, size)), size);
            struct buf key = {0};
            rlp_add_u64(&key, i);
            cr_assert_eq(trie_put(trie, buf_span(&key), items[i]), STATUS_OK);
            buf_free(&key);
        }
        struct hash32 root, expected;
        trie_commit(trie, &expected);
        trie_list_root(&root, items, count);
        cr_assert(hash32_equal(&root, &expected), "%zu items", count);
        for (size_t i = 0; i < count; i++)
            mem_free((void *)items[i].data);
        mem_free(items);
        trie_free(trie);
        node_store_free(store);
    }
}
