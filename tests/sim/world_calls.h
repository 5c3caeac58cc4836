/* A chain with contracts that read fifty slots, in the simulated world, to see how often a call has
 * to ask. One server; its blocks are made here. */
#ifndef TESTS_SIM_WORLD_CALLS_H
#define TESTS_SIM_WORLD_CALLS_H

#include "tests/sim/world_les.h"

/* Reads slots 0 to 49 (slot n holds n + 1) and returns their sum, 1275 at first. Called with data,
 * it first stores the block's number in slot 7. */
#define CALLS_READER "0x00000000000000000000000000000000000000aa"
/* Delegates everything to CALLS_READER, which it finds in its slot 255; has the same fifty slots.
 */
#define CALLS_PROXY "0x00000000000000000000000000000000000000bb"
/* Ten accounts in a row, 0xc0 to 0xc9: each adds its own slot 0 to what the next one returns. */
#define CALLS_FIRST "0x00000000000000000000000000000000000000c0"

struct calls;
struct calls *calls_new(uint64_t seed, bool no_guessing, uint64_t one_way_us);
void calls_free(struct calls *calls);
struct sim *calls_sim(struct calls *calls);
/* A block in which CALLS_READER and CALLS_PROXY were called with data; waits until the light client
 * has it. */
void calls_next_block(struct calls *calls);
/* eth_call of address at latest. Returns the sum; adds the virtual time that it took to *us. */
uint64_t calls_sum(struct calls *calls, const char *address, uint64_t *us);

#endif
