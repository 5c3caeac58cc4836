/* How many things a second, in all and from one IP. Pure. Loopback counts in all but not per IP. */
#ifndef LES_P2P_RATE_H
#define LES_P2P_RATE_H

#include "les/base/loop.h"

enum { RATE_SLOTS = 1024 };

struct rate {
    unsigned per_second_max, per_ip_max; /* per_ip_max below 255 */
    uint64_t secret; /* random: which IPs share a slot cannot be foretold from outside */
    uint64_t since_ms;
    unsigned count;
    uint8_t slots[RATE_SLOTS];
};
/* Counts it; false: one too many, and not counted. */
bool rate_take(struct rate *rate, uint64_t now_ms, const struct endpoint *from);

#endif
