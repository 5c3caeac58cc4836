#include "les/eth/difficulty.h"
#include "les/eth/u256.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>

TestSuite(difficulty, .fini = fixture_leak_gate);

static struct header parent_at(uint64_t number)
{
    struct header parent;
    memset(&parent, 0, sizeof parent);
    parent.number = number;
    parent.timestamp = 1000000;
    parent.difficulty = u256_from_u64(1000000);
    parent.uncles_hash = EMPTY_UNCLES_HASH;
    return parent;
}

/* The bomb at a height, alone: ten seconds after the parent the difficulty itself stays. */
static uint64_t bomb_at(enum fork newest, uint64_t number)
{
    struct chainspec spec;
    memset(&spec, 0, sizeof spec);
    for (enum fork fork = newest + 1; fork < FORK_COUNT; fork++)
        spec.activation[fork] = FORK_NEVER;
    struct header parent = parent_at(number - 1);
    struct u256 next;
    difficulty_next(&next, &spec, &parent, parent.timestamp + 10);
    return next.words[0] - 1000000;
}

Test(difficulty, each_fork_puts_the_bomb_off)
{
    static const struct {
        enum fork fork;
        uint64_t delay;
    } delays[] = {
        {FORK_HOMESTEAD, 0},
        {FORK_BYZANTIUM, 3000000},
        {FORK_CONSTANTINOPLE, 5000000},
        {FORK_PETERSBURG, 5000000},
        {FORK_MUIR_GLACIER, 9000000},
        {FORK_LONDON, 9700000},
        {FORK_ARROW_GLACIER, 10700000},
        {FORK_GRAY_GLACIER, 11400000},
    };
    for (size_t i = 0; i < ARRAY_COUNT(delays); i++) {
        uint64_t delay = delays[i].delay;
        cr_assert_eq(bomb_at(delays[i].fork, delay + 199999), 0);
        cr_assert_eq(bomb_at(delays[i].fork, delay + 200000), 1);
        cr_assert_eq(bomb_at(delays[i].fork, delay + 1299999), 1u << 10);
        if (delay > 0)
            cr_assert_eq(bomb_at(delays[i].fork, 150000), 0);
    }
}

Test(difficulty, never_below_the_least_before_the_bomb)
{
    struct chainspec spec;
    memset(&spec, 0, sizeof spec);
    struct header parent = parent_at(50);
    struct u256 next;
    parent.difficulty = u256_from_u64(131072);
    difficulty_next(&next, &spec, &parent, parent.timestamp + 100000);
    cr_assert_eq(next.words[0], 131072);
}

Test(difficulty, falls_by_99_steps_at_most)
{
    struct chainspec spec;
    memset(&spec, 0, sizeof spec);
    struct header parent = parent_at(50);
    struct u256 next;
    parent.difficulty = u256_from_u64(2048000000);
    difficulty_next(&next, &spec, &parent, UINT64_MAX);
    cr_assert_eq(next.words[0], 2048000000 - 99 * 1000000);
    difficulty_next(&next, &spec, &parent, parent.timestamp - 1);
    cr_assert_eq(next.words[0], 2048000000 + 1000000, "an earlier time counts as the same second");
}

Test(difficulty, absurd_heights_are_held_at_the_largest_value)
{
    struct chainspec spec;
    memset(&spec, 0, sizeof spec);
    struct header parent = parent_at(UINT64_MAX - 1);
    struct u256 next;
    difficulty_next(&next, &spec, &parent, parent.timestamp + 10);
    for (int i = 0; i < 4; i++)
        cr_assert_eq(next.words[i], UINT64_MAX);
}
