/* LES in the simulated world: servers that execute a chain file, a light client with its JSON-RPC,
 * and servers that lie. Everything but the lies is the production code. */
#ifndef TESTS_SIM_WORLD_LES_H
#define TESTS_SIM_WORLD_LES_H

#include "gateway/light/light.h"
#include "gateway/rpc/rpc.h"
#include "les/node/pool.h"
#include "tests/sim/world.h"

#define SIM_SERVERS_MAX 12

struct sim;
struct sim_server;

/* A world with servers_count LES servers over the chain of the given files (relative to SHARED_DIR;
 * the running test is skipped where they are absent), all at its head. */
struct sim *sim_new(uint64_t seed, const char *genesis, const char *chain, size_t servers_count);
void sim_free(struct sim *sim); /* closes the light client too; ASSERTs that nothing leaked */
struct world *sim_world(struct sim *sim);
struct loop *sim_light_loop(struct sim *sim);
struct loop *sim_server_loop(struct sim *sim, size_t index);
struct ledger *sim_ledger(struct sim *sim, size_t index);
struct pool *sim_pool(struct sim *sim, size_t index);
struct crypto *sim_crypto(struct sim *sim, size_t index);
/* The block at number in the chain file, by the server's own ledger. */
void sim_set_head(struct sim *sim, size_t index, uint64_t number); /* announced if it is ahead */
/* The server starts anew with this head. */
void sim_start_at(struct sim *sim, size_t index, uint64_t number);
void sim_add_block(struct sim *sim, size_t index, struct span block_rlp);

/* What a server does to its messages before they leave: payload may be changed; false drops the
 * message. */
void sim_set_tamper(struct sim *sim, size_t index,
                    bool (*tamper)(void *owner, unsigned code, struct buf *payload), void *owner);
/* Sends a message of the server's own to every client. */
void sim_send(struct sim *sim, size_t index, unsigned code, struct span payload);
/* The server goes away with all its connections and refuses new ones; or comes back. */
void sim_stop_server(struct sim *sim, size_t index, bool stopped);

/* The light client: the first trusted_count servers are trusted, the others are plain peers. */
void sim_start_light(struct sim *sim, size_t trusted_count, unsigned fraction_percent);
void sim_stop_light(struct sim *sim);
/* Before sim_start_light: calls fetch one value at a time, as go-ethereum's light client does. */
void sim_set_no_guessing(struct sim *sim, bool no_guessing);
/* Before sim_start_light: what all calls together may hold of state. */
void sim_set_state_bytes(struct sim *sim, size_t bytes);
struct light *sim_light(struct sim *sim);
/* Runs the world until the light client has this head number; fails the test after limit_ms of
 * virtual time. */
void sim_wait_head(struct sim *sim, uint64_t number, uint64_t limit_ms);
/* One JSON-RPC request; runs the world until it is answered (or fails the test after 60 virtual
 * seconds). The text is valid until the next one. */
const char *sim_rpc(struct sim *sim, const char *request);
/* The same, but nobody waits for the answer any more after wait_ms of virtual time. */
void sim_drop_rpc(struct sim *sim, const char *request, uint64_t wait_ms);
/* What the servers' scores say: lies counted by the client so far. */
uint64_t sim_lies(struct sim *sim);
/* What the light client logged so far. */
const char *sim_log(struct sim *sim);

#endif
