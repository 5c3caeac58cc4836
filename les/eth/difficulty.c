#include "les/eth/difficulty.h"

#include "les/eth/u256.h"

#define DIFFICULTY_MIN   131072u
#define BOUND_DIVISOR    2048u
#define BOMB_PERIOD      100000u
#define ADJUSTMENT_MIN   (-99)
#define FRONTIER_LIMIT_S 13u
#define HOMESTEAD_STEP_S 10u
#define BYZANTIUM_STEP_S 9u

/* The blocks by which each fork put the bomb off. */
static uint64_t bomb_delay(const struct chainspec *spec, uint64_t number)
{
    static const struct {
        enum fork fork;
        uint64_t delay;
    } delays[] = {
        {FORK_GRAY_GLACIER, 11400000}, {FORK_ARROW_GLACIER, 10700000}, {FORK_LONDON, 9700000},
        {FORK_MUIR_GLACIER, 9000000},  {FORK_CONSTANTINOPLE, 5000000}, {FORK_BYZANTIUM, 3000000},
    };
    for (size_t i = 0; i < ARRAY_COUNT(delays); i++)
        if (spec->activation[delays[i].fork] <= number)
            return delays[i].delay;
    return 0;
}

/* How many steps of parent difficulty / 2048 the block goes up or down. */
static int adjustment(const struct chainspec *spec, const struct header *parent, uint64_t number,
                      uint64_t elapsed_s)
{
    if (number < spec->activation[FORK_HOMESTEAD])
        return elapsed_s < FRONTIER_LIMIT_S ? 1 : -1;
    bool byzantium = number >= spec->activation[FORK_BYZANTIUM];
    bool uncles = !hash32_equal(&parent->uncles_hash, &EMPTY_UNCLES_HASH);
    uint64_t steps = elapsed_s / (byzantium ? BYZANTIUM_STEP_S : HOMESTEAD_STEP_S);
    int most = byzantium && uncles ? 2 : 1;
    return steps > 200 || most - (int)steps < ADJUSTMENT_MIN ? ADJUSTMENT_MIN : most - (int)steps;
}

static void add_saturated(struct u256 *out, const struct u256 *value)
{
    if (u256_add(out, out, value))
        memset(out, 0xff, sizeof *out);
}

static void add_bomb(struct u256 *out, uint64_t number)
{
    uint64_t period = number / BOMB_PERIOD;
    struct u256 bomb = u256_from_u64(1);
    if (period < 2)
        return;
    if (period - 2 < 256)
        u256_shl(&bomb, &bomb, (unsigned)(period - 2));
    else
        memset(&bomb, 0xff, sizeof bomb);
    add_saturated(out, &bomb);
}

void difficulty_next(struct u256 *out, const struct chainspec *spec, const struct header *parent,
                     uint64_t timestamp)
{
    uint64_t number = parent->number + 1;
    uint64_t elapsed_s = timestamp > parent->timestamp ? timestamp - parent->timestamp : 0;
    int steps = adjustment(spec, parent, number, elapsed_s);
    struct u256 divisor = u256_from_u64(BOUND_DIVISOR), minimum = u256_from_u64(DIFFICULTY_MIN);
    struct u256 change, factor = u256_from_u64((uint64_t)(steps < 0 ? -steps : steps));
    u256_div(&change, &parent->difficulty, &divisor);
    u256_mul(&change, &change, &factor); /* below 99/2048 of a 256-bit number: no overflow */
    *out = parent->difficulty;
    if (steps >= 0)
        add_saturated(out, &change);
    else
        u256_sub(out, out, &change);
    if (u256_compare(out, &minimum) < 0)
        *out = minimum;
    uint64_t delay = bomb_delay(spec, number);
    add_bomb(out, number > delay ? number - delay : 0);
}
