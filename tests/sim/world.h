/* A simulated world from one seed: hosts with a loop each, one virtual clock, a network that
 * delays, splits, loses and cuts. The code under test runs unchanged: les/base/loop.h has its
 * second implementation here.
 *
 * Same seed and same calls = same events in the same order, ties by insertion; world_trace says so
 * in one number. No real time passes. Everything runs in the caller's thread, inside world_step and
 * its relatives. */
#ifndef TESTS_SIM_WORLD_H
#define TESTS_SIM_WORLD_H

#include "les/base/loop.h"

#include <stdio.h>

#define WORLD_HOSTS_MAX 64

struct world;
struct world *world_new(uint64_t seed);
/* Lets work and queries under way finish, then ASSERTs that every link, listener and udp was
 * closed, that no timer runs and no task is pending, on every host; frees the hosts. */
void world_free(struct world *world);

/* A host with one address ("10.0.0.1", "2001:db8::1") and its own loop, owned by the world. Its
 * random bytes are a stream of its own, so what one host draws does not change another's. 127.0.0.1
 * and ::1 mean the host itself, and so do Unix sockets, by whatever path. */
struct loop *world_host_new(struct world *world, const char *ip);

/* ---- time ---- */
uint64_t world_now_ms(const struct world *world);
bool world_step(struct world *world); /* runs the earliest event; false: there is none */
void world_run_for_ms(struct world *world, uint64_t ms);
/* Time that a callback takes: what is due meanwhile comes late. */
void world_spend_us(struct world *world, uint64_t us);
/* Steps until done says true; false: limit_ms passed, or nothing is left that could happen. */
bool world_run_until(struct world *world, bool (*done)(void *owner), void *owner,
                     uint64_t limit_ms);
void world_set_wall_s(struct world *world,
                      int64_t wall_s); /* of all hosts, from now; starts at 1700000000 */
void world_skew_s(struct loop *host, int64_t skew_s); /* added to the wall clock of this host */

/* ---- the network ---- */
struct world_net {
    uint64_t latency_us_min,
        latency_us_max;   /* one way, drawn for each segment; TCP stays in order */
    uint64_t bytes_per_s; /* of one connection in one direction; 0: no limit */
    size_t chunk_max; /* TCP bytes arrive in pieces of 1 to chunk_max, whatever the sends were */
    unsigned loss_permille, duplicate_permille; /* of datagrams */
};
/* The start: 1 to 5 ms, no bandwidth limit, pieces up to 16 KiB, no loss. */
void world_set_net(struct world *world, const struct world_net *net);
/* Only between these two, in both directions. */
void world_set_path(struct loop *a, struct loop *b, const struct world_net *net);
/* Nothing passes between a and b: connections stall and go on later, connecting times out,
 * datagrams are lost. */
void world_partition(struct loop *a, struct loop *b, bool apart);
/* Every connection between a and b is reset: both sides get on_close(STATUS_IO), in later events.
 */
void world_cut(struct loop *a, struct loop *b);
/* Resets the connection that carries the given byte from one to other: bytes are counted over all
 * connections from now, the byte itself still arrives. Once; 0 takes the order back. */
void world_cut_after(struct loop *from, struct loop *to, uint64_t bytes);
void world_refuse(struct loop *host, bool refuse); /* new connections to host are refused */
/* Sees, and may change, each piece of a TCP stream or datagram on its way. NULL ends it. */
void world_on_transit(struct world *world,
                      void (*on_transit)(void *owner, struct loop *from, struct loop *to,
                                         uint8_t *bytes, size_t size),
                      void *owner);

/* ---- names: the answer to loop_resolve_txt(name) on every host, after 5 to 50 ms ----
 * Texts are copied. A name never set is STATUS_NOT_FOUND. */
void world_set_txt(struct world *world, const char *name, const char *const *texts, size_t count);
void world_fail_txt(struct world *world, const char *name, enum status status);

/* ---- what happened ---- */
struct world_counters {
    uint64_t events, connects, tcp_bytes, datagrams, datagrams_lost, resolves, works;
};
struct world_counters world_counters(const struct world *world);
uint64_t world_trace(const struct world *world);      /* hash over all events so far */
void world_trace_to(struct world *world, FILE *file); /* one line per event; NULL ends it */
uint64_t world_dice(struct world *world,
                    uint64_t bound); /* a number below bound from the seed: for test scripts */

#endif
