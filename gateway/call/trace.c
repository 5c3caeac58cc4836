#include "gateway/call/trace.h"

#include "les/base/limits.h"

struct trace *trace_new(const struct trace_options *options)
{
    struct trace *trace = NULL;
    switch (options->kind) {
    case TRACE_STRUCT:
        trace = trace_struct_new(options);
        break;
    case TRACE_CALL:
        trace = trace_call_new(options);
        break;
    case TRACE_PRESTATE:
        trace = trace_prestate_new(options);
        break;
    case TRACE_FOUR_BYTE:
        trace = trace_four_byte_new();
        break;
    case TRACE_NOOP:
        trace = trace_noop_new();
        break;
    }
    ASSERT(trace != NULL);
    trace->bytes_left = TRACE_BYTES_MAX;
    return trace;
}

void trace_free(struct trace *trace)
{
    if (trace != NULL)
        trace->ops->free(trace);
}

void trace_begin(struct trace *trace, const struct trace_subject *subject)
{
    enum { AROUND_MAX = 256 }; /* of text around what a tracer counts */
    trace->overflowed |= !trace_take(trace, AROUND_MAX);
    trace->ops->begin(trace, subject);
}

bool trace_finish(struct trace *trace, uint64_t gas_used, struct buf *out)
{
    if (!trace->overflowed)
        trace->ops->finish(trace, gas_used, out);
    return !trace->overflowed;
}

bool trace_take(struct trace *trace, size_t bytes)
{
    if (bytes > trace->bytes_left)
        trace->overflowed = true;
    else
        trace->bytes_left -= bytes;
    return !trace->overflowed;
}
