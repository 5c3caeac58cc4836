#include "les/p2p/discv4_private.h"

static struct find *find_by_id(struct discv4 *discv4, const struct hash32 *id)
{
    struct lookup *lookup = &discv4->lookup;
    for (size_t i = 0; lookup->running && i < lookup->nodes_count; i++)
        if (hash32_equal(&lookup->nodes[i].id, id))
            return &lookup->nodes[i];
    return NULL;
}

void discv4_lookup_heard(struct discv4 *discv4, const struct enode *node)
{
    struct lookup *lookup = &discv4->lookup;
    struct find find = {.at = *node, .state = FIND_NEW};
    size_t place = lookup->nodes_count;
    enode_id(&find.id, &node->key);
    if (!lookup->running || hash32_equal(&find.id, &discv4->id) || find_by_id(discv4, &find.id))
        return;
    while (place > 0 && kad_compare(&lookup->target, &find.id, &lookup->nodes[place - 1].id) < 0)
        place--;
    if (place == DISCV4_LOOKUP_NODES_MAX)
        return;
    if (lookup->nodes_count == DISCV4_LOOKUP_NODES_MAX)
        lookup->nodes_count--;
    memmove(&lookup->nodes[place + 1], &lookup->nodes[place],
            (lookup->nodes_count - place) * sizeof(find));
    lookup->nodes[place] = find;
    lookup->nodes_count++;
}

static struct endpoint udp_of(const struct find *find)
{
    struct endpoint udp = find->at.at;
    udp.port = find->at.udp_port;
    return udp;
}

static void find_ask(struct discv4 *discv4, struct find *find)
{
    discv4_want_record(discv4, &find->at);
    find->state = discv4_send_findnode(discv4, &find->at, &discv4->lookup.target_key) ? FIND_ASKED
                                                                                      : FIND_FAILED;
    find->due_ms = UINT64_MAX; /* the query has its own time */
}

/* discv4.md, "Known Issues": prove both ways before asking. */
static void find_begin(struct discv4 *discv4, struct find *find)
{
    struct endpoint udp = udp_of(find);
    if (discv4_is_proved(discv4, &find->id, &udp) &&
        discv4_are_proved_to(discv4, &find->id, &udp)) {
        find_ask(discv4, find);
        return;
    }
    find->state = discv4_send_ping(discv4, &find->at, 0) ? FIND_BONDING : FIND_FAILED;
    find->due_ms = discv4->now_ms + DISCV4_REPLY_TIMEOUT_MS;
}

void discv4_lookup_pong(struct discv4 *discv4, const struct hash32 *id)
{
    struct find *find = find_by_id(discv4, id);
    struct endpoint udp;
    if (!find || find->state != FIND_BONDING)
        return;
    udp = udp_of(find);
    if (discv4_are_proved_to(discv4, id, &udp)) {
        find_ask(discv4, find);
        return;
    }
    find->state = FIND_PROVED;
    find->due_ms = discv4->now_ms + DISCV4_REPLY_TIMEOUT_MS;
}

void discv4_lookup_ping(struct discv4 *discv4, const struct hash32 *id)
{
    struct find *find = find_by_id(discv4, id);
    if (find && find->state == FIND_PROVED)
        find_ask(discv4, find);
}

void discv4_lookup_answered(struct discv4 *discv4, const struct hash32 *id, bool good)
{
    struct find *find = find_by_id(discv4, id);
    if (find && find->state == FIND_ASKED)
        find->state = good ? FIND_ANSWERED : FIND_FAILED;
}

static void find_expired(struct discv4 *discv4, struct find *find)
{
    struct endpoint udp = udp_of(find);
    if (find->state == FIND_BONDING) {
        find->state = FIND_FAILED;
        return;
    }
    /* It does not ping us: it knows us already, from before we were started. */
    discv4_assume_proved_to(discv4, &find->id, &udp);
    find_ask(discv4, find);
}

static bool is_under_way(const struct find *find)
{
    return find->state == FIND_BONDING || find->state == FIND_PROVED || find->state == FIND_ASKED;
}

void discv4_lookup_step(struct discv4 *discv4)
{
    struct lookup *lookup = &discv4->lookup;
    size_t under_way = 0, near = 0;
    if (!lookup->running)
        return;
    for (size_t i = 0; i < lookup->nodes_count; i++) {
        struct find *find = &lookup->nodes[i];
        if ((find->state == FIND_BONDING || find->state == FIND_PROVED) &&
            find->due_ms <= discv4->now_ms)
            find_expired(discv4, find);
        under_way += is_under_way(find);
    }
    /* The k nearest that did not fail; of those the ones not yet asked, alpha at a time. */
    for (size_t i = 0;
         i < lookup->nodes_count && near < DISCV4_BUCKET_NODES && under_way < DISCV4_ALPHA; i++) {
        struct find *find = &lookup->nodes[i];
        if (find->state == FIND_NEW) {
            find_begin(discv4, find);
            under_way += is_under_way(find);
        }
        near += find->state != FIND_FAILED;
    }
    lookup->running = under_way > 0;
}

uint64_t discv4_lookup_due_ms(const struct discv4 *discv4)
{
    const struct lookup *lookup = &discv4->lookup;
    uint64_t due = UINT64_MAX;
    for (size_t i = 0; lookup->running && i < lookup->nodes_count; i++) {
        const struct find *find = &lookup->nodes[i];
        if ((find->state == FIND_BONDING || find->state == FIND_PROVED) && find->due_ms < due)
            due = find->due_ms;
    }
    return due;
}

void discv4_lookup_start(struct discv4 *discv4, const struct pubkey64 *target)
{
    struct kad_node nodes[DISCV4_BUCKET_NODES];
    struct lookup *lookup = &discv4->lookup;
    size_t count;
    lookup->running = true;
    lookup->target_key = *target;
    enode_id(&lookup->target, target);
    lookup->nodes_count = 0;
    count = kad_closest(discv4->kad, nodes, DISCV4_BUCKET_NODES, &lookup->target);
    for (size_t i = 0; i < count; i++)
        discv4_lookup_heard(discv4, &nodes[i].at);
}
