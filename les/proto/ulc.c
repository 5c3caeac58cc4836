#include "les/proto/ulc.h"

#define WALK_MAX 4096

size_t ulc_need(size_t servers, unsigned fraction_percent)
{
    size_t need = (servers * fraction_percent + 99) / 100;
    return need == 0 ? 1 : need;
}

/* A block that some votes stand behind; the walk replaces it by its parent until enough votes meet.
 */
struct stand {
    struct hash32 hash;
    uint64_t number;
    struct hash32 parent;
    size_t votes;
    bool known;
};

struct walk {
    struct stand stands[ULC_SERVERS_MAX];
    size_t count;
};

static void add_stand(struct walk *walk, const struct ulc_headers *headers,
                      const struct hash32 *hash, uint64_t claimed_number, size_t votes)
{
    for (size_t i = 0; i < walk->count; i++)
        if (hash32_equal(&walk->stands[i].hash, hash)) {
            walk->stands[i].votes += votes;
            return;
        }
    struct stand *stand = &walk->stands[walk->count++];
    *stand = (struct stand){.hash = *hash, .number = claimed_number, .votes = votes};
    stand->known = headers->get(headers, hash, &stand->number, &stand->parent);
}

/* The highest stand; of equals the one with more votes, then the current head. */
static size_t highest(const struct walk *walk, const struct hash32 *current)
{
    size_t best = 0;
    for (size_t i = 1; i < walk->count; i++) {
        const struct stand *a = &walk->stands[i], *b = &walk->stands[best];
        if (a->number > b->number || (a->number == b->number && a->votes > b->votes) ||
            (a->number == b->number && a->votes == b->votes && hash32_equal(&a->hash, current)))
            best = i;
    }
    return best;
}

/* How far down the others stand: so many headers let this one meet them. */
static uint64_t distance_to_others(const struct walk *walk, size_t index)
{
    uint64_t lowest = walk->stands[index].number;
    for (size_t i = 0; i < walk->count; i++)
        if (walk->stands[i].number < lowest)
            lowest = walk->stands[i].number;
    return walk->stands[index].number - lowest + 1;
}

enum ulc_result ulc_decide(struct ulc_decision *out, const struct ulc_headers *headers,
                           const struct hash32 *votes, const uint64_t *numbers, size_t votes_count,
                           size_t need, const struct hash32 *current)
{
    struct walk walk = {.count = 0};
    *out = (struct ulc_decision){.span = 1};
    ASSERT(votes_count <= ULC_SERVERS_MAX);
    if (votes_count < need || need == 0)
        return ULC_NO_QUORUM;
    for (size_t i = 0; i < votes_count; i++)
        add_stand(&walk, headers, &votes[i], numbers[i], 1);

    for (unsigned step = 0; step < WALK_MAX && walk.count > 0; step++) {
        size_t index = highest(&walk, current);
        struct stand stand = walk.stands[index];
        if (!stand.known) {
            /* One that cannot be followed must not hold up the others: a made-up head could. */
            if (hash32_is_zero(&out->missing)) {
                out->missing = stand.hash;
                out->missing_number = stand.number;
                out->span = distance_to_others(&walk, index);
            }
            walk.stands[index] = walk.stands[--walk.count];
            continue;
        }
        if (stand.votes >= need) {
            out->head = stand.hash;
            out->head_number = stand.number;
            out->head_votes = stand.votes;
            return ULC_HEAD;
        }
        walk.stands[index] = walk.stands[--walk.count];
        if (stand.number > 0)
            add_stand(&walk, headers, &stand.parent, stand.number - 1, stand.votes);
    }
    return hash32_is_zero(&out->missing) ? ULC_NO_QUORUM : ULC_NEED_HEADER;
}
