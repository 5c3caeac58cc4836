/* eth_simulateV1: blocks that somebody imagines, on top of a real one. Parameters and answer are in
 * eth_simulate.c; here is what runs on a worker: the plan of the chain (simulate_plan.c), the
 * blocks (simulate_run.c) and the logs that a caller sees (simulate_logs.c). Facts: go-ethereum's
 * internal/ethapi/simulate.go and logtracer.go, the execution-apis specification, ERC-7528. */
#ifndef GATEWAY_SIMULATE_H
#define GATEWAY_SIMULATE_H

#include "gateway/call/call_run.h"

/* go-ethereum's codes for what makes a simulation end, beside those of JSON-RPC. */
enum simulate_code {
    SIMULATE_NONCE_LOW = -38010,
    SIMULATE_NONCE_HIGH = -38011,
    SIMULATE_BASE_FEE_LOW = -38012,
    SIMULATE_INTRINSIC_GAS = -38013,
    SIMULATE_FUNDS = -38014,
    SIMULATE_BLOCK_GAS = -38015,
    SIMULATE_NUMBER = -38020,
    SIMULATE_TIMESTAMP = -38021,
    SIMULATE_SENDER_HAS_CODE = -38024,
    SIMULATE_INITCODE_SIZE = -38025,
    SIMULATE_LIMIT = -38026,
    SIMULATE_VM_ERROR = -32015 /* of one call, in its result */
};

struct simulate_block {
    struct block_override block;
    struct state_override state;
    const struct call_args *calls;
    size_t calls_count;
};

struct simulate_job {
    struct exec_job job;
    /* What the caller wants; in the call's memory. */
    const struct simulate_block *blocks;
    size_t blocks_count;
    bool trace_transfers, validation, full_transactions;
    struct block_ref base_ref;
    bool has_base; /* once the base is known it does not change: a worker may read it */
    struct header base;
    struct hash32 base_hash;
    /* What came of it: an error, or the answer as finished JSON. */
    struct call_error error;
    struct buf answer;
};

/* Parameter 0, into what the caller wants. False: the error is noted in the call. */
bool simulate_options(struct call *call, struct simulate_job *job) WARN_UNUSED;
/* For job.run. */
void simulate_run(struct exec_job *job, const struct exec_world *world);

/* ---- the plan ---- */

/* One block to be made. */
struct simulate_step {
    const struct simulate_block *block; /* NULL: it fills a gap between two numbers */
    uint64_t number, timestamp;
};
/* Numbers and times of all blocks, gaps filled: steps has room for SIMULATE_BLOCKS_MAX. False: an
 * order that cannot be (-38020, -38021), or too many blocks (-38026). */
bool simulate_plan(struct simulate_step *steps, size_t *count, const struct simulate_job *job,
                   struct call_error *error) WARN_UNUSED;
/* The header of a block before it is run, on top of parent: everything but what running it brings
 * (roots, bloom, gas used, hashes of requests and withdrawals). */
void simulate_header(struct header *out, const struct simulate_step *step,
                     const struct header *parent, const struct hash32 *parent_hash,
                     const struct chainspec *spec, bool validation);

/* ---- the logs ---- */

/* Collects the logs of a block's calls, and with transfers a log in ERC-7528's form for every move
 * of ether by a transaction, a call, a creation or a self-destruction. What a frame that failed
 * logged is gone, but its numbers are used up, as in go-ethereum. */
struct simulate_log {
    struct address20 address;
    struct hash32 topics[4];
    unsigned topics_count;
    size_t data_at, data_size; /* in the data of all */
    uint64_t index;            /* in the block */
};
struct simulate_logs {
    struct evm_tracer tracer;
    bool transfers;
    struct simulate_log *rows;
    size_t count, capacity;
    struct buf data;
    uint64_t next_index;
    size_t kept; /* of finished calls */
    size_t *frames;
    size_t frames_count, frames_capacity;
};
void simulate_logs_init(struct simulate_logs *logs, bool transfers);
void simulate_logs_free(struct simulate_logs *logs);
void simulate_logs_begin_block(struct simulate_logs *logs);
void simulate_logs_begin_call(struct simulate_logs *logs);
/* The call is over: how many logs of it there are; they are the last ones. */
size_t simulate_logs_end_call(struct simulate_logs *logs);

#endif
