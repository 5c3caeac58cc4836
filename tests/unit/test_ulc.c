#include "les/proto/ulc.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>

TestSuite(ulc, .fini = fixture_leak_gate);

/* A tree of headers by name: 'a' to 'z', each with its parent. Names stand for hashes. */
struct tree {
    struct ulc_headers headers;
    struct {
        char name, parent;
        uint64_t number;
    } nodes[64];
    size_t count;
};

static struct hash32 hash_of(char name)
{
    struct hash32 hash = {{0}};
    hash.bytes[0] = (uint8_t)name;
    return hash;
}

static bool on_get(const struct ulc_headers *headers, const struct hash32 *hash, uint64_t *number,
                   struct hash32 *parent)
{
    const struct tree *tree = (const struct tree *)(const void *)headers;
    for (size_t i = 0; i < tree->count; i++)
        if (tree->nodes[i].name == (char)hash->bytes[0]) {
            *number = tree->nodes[i].number;
            *parent = hash_of(tree->nodes[i].parent);
            return true;
        }
    return false;
}

/* "abc" from number 5: a is 5, b its child 6, c 7; the first one's parent is given. */
static void add_run(struct tree *tree, const char *names, uint64_t number, char parent)
{
    tree->headers.get = on_get;
    for (; *names != 0; names++, number++) {
        tree->nodes[tree->count].name = *names;
        tree->nodes[tree->count].parent = parent;
        tree->nodes[tree->count++].number = number;
        parent = *names;
    }
}

static enum ulc_result decide(struct ulc_decision *decision, const struct tree *tree,
                              const char *votes, size_t need)
{
    struct hash32 hashes[8];
    uint64_t numbers[8] = {0};
    struct hash32 parent, none = {{0}};
    size_t count = strlen(votes);
    for (size_t i = 0; i < count; i++) {
        hashes[i] = hash_of(votes[i]);
        if (!on_get(&tree->headers, &hashes[i], &numbers[i], &parent))
            numbers[i] = 1000;
    }
    return ulc_decide(decision, &tree->headers, hashes, numbers, count, need, &none);
}

Test(ulc, need_is_the_least_that_reaches_the_fraction)
{
    /* les.md 5: at 75 %, for 1, 2, 3, 4, 5 and 8 servers. */
    const size_t servers[] = {1, 2, 3, 4, 5, 8}, needed[] = {1, 2, 3, 3, 4, 6};
    for (size_t i = 0; i < ARRAY_COUNT(servers); i++)
        cr_assert_eq(ulc_need(servers[i], 75), needed[i]);
    for (size_t n = 1; n <= ULC_SERVERS_MAX; n++)
        for (unsigned fraction = 1; fraction <= 100; fraction++) {
            size_t need = ulc_need(n, fraction);
            cr_assert(100 * need / n >= fraction && (need == 1 || 100 * (need - 1) / n < fraction));
        }
    cr_assert_eq(ulc_need(3, 66), 2);
    cr_assert_eq(ulc_need(3, 67), 3);
}

Test(ulc, go_ethereums_table_of_heights)
{
    /* les.md 5: three servers at heights 1, 2 and 3; fraction 30 -> 3, 60 -> 2, 67 and 100 -> 1. */
    struct tree tree = {.count = 0};
    struct ulc_decision decision;
    const unsigned fractions[] = {30, 60, 67, 100};
    const uint64_t heads[] = {3, 2, 1, 1};
    add_run(&tree, "gabc", 0, 0);
    for (size_t i = 0; i < ARRAY_COUNT(fractions); i++) {
        cr_assert_eq(decide(&decision, &tree, "abc", ulc_need(3, fractions[i])), ULC_HEAD);
        cr_assert_eq(decision.head_number, heads[i]);
    }
}

Test(ulc, a_vote_counts_for_ancestors_across_branches)
{
    struct tree tree = {.count = 0};
    struct ulc_decision decision;
    add_run(&tree, "gab", 0, 0);
    add_run(&tree, "cd", 2, 'a'); /* a branch beside b */
    cr_assert_eq(decide(&decision, &tree, "bd", 2), ULC_HEAD);
    cr_assert_eq(decision.head.bytes[0], 'a');
    cr_assert_eq(decision.head_votes, 2);
    cr_assert_eq(decide(&decision, &tree, "bdd", 2), ULC_HEAD);
    cr_assert_eq(decision.head.bytes[0], 'd');
}

Test(ulc, too_few_votes_are_no_quorum)
{
    struct tree tree = {.count = 0};
    struct ulc_decision decision;
    add_run(&tree, "ga", 0, 0);
    cr_assert_eq(decide(&decision, &tree, "a", 2), ULC_NO_QUORUM);
    cr_assert_eq(decide(&decision, &tree, "", 1), ULC_NO_QUORUM);
    add_run(&tree, "x", 0, 0); /* another genesis: nothing in common */
    cr_assert_eq(decide(&decision, &tree, "ax", 2), ULC_NO_QUORUM);
}

Test(ulc, a_made_up_head_does_not_hold_up_the_others)
{
    struct tree tree = {.count = 0};
    struct ulc_decision decision;
    add_run(&tree, "gab", 0, 0);
    add_run(&tree, "z", 1000000, '?'); /* a header whose ancestors nobody has */
    cr_assert_eq(decide(&decision, &tree, "zbb", 2), ULC_HEAD);
    cr_assert_eq(decision.head.bytes[0], 'b');
    cr_assert_eq(decision.missing.bytes[0], '?');
    cr_assert(decision.span >= 999998);
}

Test(ulc, a_gap_names_what_would_close_it)
{
    struct tree tree = {.count = 0};
    struct ulc_decision decision;
    add_run(&tree, "a", 5, '?');
    add_run(&tree, "f", 10, 'e');
    cr_assert_eq(decide(&decision, &tree, "af", 2), ULC_NEED_HEADER);
    cr_assert_eq(decision.missing.bytes[0], 'e');
    cr_assert_eq(decision.missing_number, 9);
    cr_assert_eq(decision.span, 5); /* 9 down to 5 */
    add_run(&tree, "bcde", 6, 'a');
    cr_assert_eq(decide(&decision, &tree, "af", 2), ULC_HEAD);
    cr_assert_eq(decision.head.bytes[0], 'a');
}

Test(ulc, the_head_has_a_quorum_in_every_random_tree)
{
    uint64_t seed = fixture_seed();
    for (unsigned round = 0; round < 2000; round++) {
        struct tree tree = {.count = 0};
        struct ulc_decision decision;
        char votes[8] = "";
        size_t voters = 1 + fixture_random_below(&seed, 7),
               need = 1 + fixture_random_below(&seed, voters);
        add_run(&tree, "A", 0, 0);
        for (char name = 'B'; name <= 'T'; name++) {
            size_t parent = fixture_random_below(&seed, tree.count);
            char own[2] = {name, 0};
            add_run(&tree, own, tree.nodes[parent].number + 1, tree.nodes[parent].name);
        }
        for (size_t i = 0; i < voters; i++)
            votes[i] = tree.nodes[fixture_random_below(&seed, tree.count)].name;
        /* all share the root, so there is always a head */
        cr_assert_eq(decide(&decision, &tree, votes, need), ULC_HEAD);
        uint64_t best = 0;
        for (size_t i = 0; i < tree.count; i++) {
            size_t standing = 0;
            for (size_t v = 0; v < voters; v++) {
                struct hash32 at = hash_of(votes[v]), parent;
                uint64_t number;
                while (on_get(&tree.headers, &at, &number, &parent) &&
                       at.bytes[0] != (uint8_t)tree.nodes[i].name)
                    at = parent;
                standing += at.bytes[0] == (uint8_t)tree.nodes[i].name;
            }
            if (standing >= need && tree.nodes[i].number > best)
                best = tree.nodes[i].number;
            if ((uint8_t)tree.nodes[i].name == decision.head.bytes[0])
                cr_assert_geq(standing, need);
        }
        cr_assert_eq(decision.head_number, best);
    }
}
