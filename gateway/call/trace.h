/* Tracers of debug_trace*: they see one transaction after the other and write what go-ethereum's
 * tracers of the same name would (eth/tracers, to the byte). Pure; they live on a worker.
 *
 * What they keep is bounded by TRACE_BYTES_MAX; beyond it they stop looking, and trace_finish says
 * so. */
#ifndef GATEWAY_TRACE_H
#define GATEWAY_TRACE_H

#include "gateway/rpc/json.h"
#include "gateway/rpc/trace_args.h"
#include "les/eth/tx.h"
#include "les/evm/fault.h"

/* A transaction that is about to run. All borrowed until trace_finish. */
struct trace_subject {
    const struct tx *tx;
    const struct address20 *sender, *coinbase;
    struct evm_state *state; /* as it is before the sender pays */
    enum evm_revision revision;
    const struct crypto *crypto;
    uint64_t logs_before; /* of the transactions before it in the block */
};

struct trace;
struct trace_ops {
    void (*begin)(struct trace *trace, const struct trace_subject *subject);
    /* Appends a JSON value. */
    void (*finish)(struct trace *trace, uint64_t gas_used, struct buf *out);
    void (*free)(struct trace *trace);
};
struct trace {
    struct evm_tracer evm; /* give its address to the run */
    const struct trace_ops *ops;
    size_t bytes_left; /* of TRACE_BYTES_MAX */
    bool overflowed;
};

struct trace *trace_new(const struct trace_options *options);
void trace_free(struct trace *trace); /* NULL is legal */
/* Before each transaction. */
void trace_begin(struct trace *trace, const struct trace_subject *subject);
/* After it. False: all that was traced since trace_new is more than TRACE_BYTES_MAX. */
bool trace_finish(struct trace *trace, uint64_t gas_used, struct buf *out) WARN_UNUSED;

/* ---- for the files of tracers ---- */

struct trace *trace_struct_new(const struct trace_options *options);
struct trace *trace_call_new(const struct trace_options *options);
struct trace *trace_prestate_new(const struct trace_options *options);
struct trace *trace_four_byte_new(void);
struct trace *trace_noop_new(void);
/* False: there is no room for so many bytes more. */
bool trace_take(struct trace *trace, size_t bytes) WARN_UNUSED;

#endif
