#include "les/p2p/rate.h"

static uint8_t *slot_of(struct rate *rate, const struct endpoint *from)
{
    uint64_t hash = rate->secret;
    for (size_t i = 0; i < 16; i += 8)
        hash = (hash ^ be_read(from->ip + i, 8)) * 0x9e3779b97f4a7c15u ^ hash >> 29;
    return &rate->slots[(hash >> 32) % RATE_SLOTS];
}

bool rate_take(struct rate *rate, uint64_t now_ms, const struct endpoint *from)
{
    uint8_t *slot = slot_of(rate, from);
    bool is_local = endpoint_is_loopback(from);
    if (now_ms - rate->since_ms >= 1000) {
        rate->since_ms = now_ms;
        rate->count = 0;
        memset(rate->slots, 0, sizeof(rate->slots));
    }
    /* The address first: one that floods does not use up the others' share. */
    if ((!is_local && *slot >= rate->per_ip_max) || rate->count >= rate->per_second_max)
        return false;
    if (!is_local)
        (*slot)++;
    rate->count++;
    return true;
}
