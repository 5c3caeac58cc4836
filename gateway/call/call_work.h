/* What the methods do with a call, on a worker: run it once, search the gas it needs, collect what
 * it touches. Pure functions of the world; as go-ethereum's internal/ethapi and eth/gasestimator
 * do it. */
#ifndef GATEWAY_CALL_WORK_H
#define GATEWAY_CALL_WORK_H

#include "gateway/call/call_run.h"

struct call_order { /* borrowed until the work is done */
    const struct header *header;
    struct call_args args;
    struct state_override state;
    struct block_override block;
    struct u256 tip; /* call_access_list: what a transaction of now would offer */
};

/* {0} before the first use; may be used again; call_outcome_free. */
struct call_outcome {
    struct call_error error; /* code 0: none. RPC_REVERTED: output is what the contract said */
    struct buf output;       /* call_execute: what it returned */
    uint64_t gas;            /* call_estimate: the limit; call_access_list: what it used */
    struct buf access_list;  /* call_access_list: a finished RLP payload, sorted */
    struct buf vm_error;     /* call_access_list: how the transaction failed; empty: it did not */
};
void call_outcome_free(struct call_outcome *outcome);

/* DONE: outcome stands, with a result or an error. STOPPED: there is none. */
enum call_got call_execute(struct call_outcome *outcome, const struct exec_world *world,
                           const struct call_order *order) WARN_UNUSED;
/* The smallest gas limit with which it succeeds, at most 1.5 % above: plain transfers at once, then
 * the highest limit that block, caller and funds allow, then a search. */
enum call_got call_estimate(struct call_outcome *outcome, const struct exec_world *world,
                            const struct call_order *order) WARN_UNUSED;
/* EIP-2930: the addresses and slots that it touches, found by running it until the list does not
 * change any more (ACCESS_LIST_ROUNDS_MAX). */
enum call_got call_access_list(struct call_outcome *outcome, const struct exec_world *world,
                               const struct call_order *order) WARN_UNUSED;

#endif
