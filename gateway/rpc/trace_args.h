/* What a caller of debug_trace* asks for: go-ethereum's TraceConfig and TraceCallConfig, read from
 * JSON with its error texts. Plain data in the call's memory. */
#ifndef GATEWAY_TRACE_ARGS_H
#define GATEWAY_TRACE_ARGS_H

#include "gateway/rpc/call_args.h"

enum trace_kind {
    TRACE_STRUCT,    /* every step; the one without a name */
    TRACE_CALL,      /* callTracer: every frame */
    TRACE_PRESTATE,  /* prestateTracer: the state that was touched, as it was before */
    TRACE_FOUR_BYTE, /* 4byteTracer: how often each function was called */
    TRACE_NOOP       /* noopTracer: nothing */
};

struct trace_options {
    enum trace_kind kind;
    /* TRACE_STRUCT */
    bool enable_memory, disable_stack, disable_storage, enable_return_data;
    int64_t limit; /* bytes of steps; 0: no limit but ours */
    /* TRACE_CALL */
    bool only_top_call, with_log;
    /* TRACE_PRESTATE; disable_storage from above too */
    bool diff_mode, disable_code, include_empty;
};

struct trace_args {
    struct trace_options options;
    uint64_t timeout_ms; /* 0: none was given */
    /* What go-ethereum complains of only when it begins to trace, so after it looked for the block:
     * an unknown tracer, its options, the timeout. Empty: nothing. */
    struct span fault;
    /* debug_traceCall */
    struct state_override state_override;
    struct block_override block_override;
    bool has_tx_index;
    uint64_t tx_index;
};
/* False: an error was noted (call_fail_param). for_call: TraceCallConfig. Absent or null: the
 * struct logger with everything but memory and return data. */
bool param_trace(struct call *call, size_t index, bool for_call,
                 struct trace_args *out) WARN_UNUSED;

/* Go's time.ParseDuration, in milliseconds, rounded up: "1h2m3.5s", "300ms". Negative is 0, more
 * than fits is UINT64_MAX. */
bool trace_duration(struct span text, uint64_t *out_ms) WARN_UNUSED;

#endif
