/* The worker's half of debug_trace*: runs a block again from its parent's state, as far as it must,
 * and traces what was asked for. No loop, no query. */
#ifndef GATEWAY_TRACE_RUN_H
#define GATEWAY_TRACE_RUN_H

#include "gateway/call/call_run.h"
#include "gateway/rpc/trace_args.h"

struct trace_job {
    struct exec_job job; /* set run to trace_run_block or trace_run_call, free to trace_run_free */
    /* Inputs; borrowed. */
    const struct trace_args *args;
    const struct call_args *call; /* trace_run_call */
    struct header header;         /* of the block */
    const struct span *envelopes; /* transactions to run, in order */
    size_t envelopes_count;
    bool whole_block; /* trace them all, else only the last */
    /* Results. error.code is 0 when out holds the JSON. */
    struct buf out;
    struct call_error error;
    /* private */
    bool looked_ahead;
};

/* Over the state of header's parent. out is what debug_traceTransaction or debug_traceBlockBy*
 * answers. */
void trace_run_block(struct exec_job *job, const struct exec_world *world);
/* Over the state of header, with no envelopes; or over that of its parent, after envelopes. */
void trace_run_call(struct exec_job *job, const struct exec_world *world);
void trace_run_free(struct exec_job *job);

#endif
